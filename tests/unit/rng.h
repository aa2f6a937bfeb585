/*
 * rng - numbers that look random and are the same again for the same seed.
 */
#ifndef JS_TESTS_RNG_H
#define JS_TESTS_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state; /* the seed */
};

/* splitmix64 */
static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* From 0 to n - 1; 0 for n = 0. */
static inline uint64_t rng_below(struct rng *rng, uint64_t n)
{
    return n ? rng_next(rng) % n : 0;
}

static inline bool rng_chance(struct rng *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

#endif
