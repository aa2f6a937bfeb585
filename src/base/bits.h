/*
 * bits - sets of small numbers: one bit for each number, in words that the
 * caller owns.
 *
 * A set of `count` numbers takes js_bits_words(count) words, all zero when it
 * is empty. The functions find and count members a word at a time.
 */
#ifndef JS_BASE_BITS_H
#define JS_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JS_BITS_PER_WORD = 64 };

static inline size_t js_bits_words(uint32_t count)
{
    return ((size_t)count + JS_BITS_PER_WORD - 1) / JS_BITS_PER_WORD;
}

static inline bool js_bits_has(const uint64_t *bits, uint32_t at)
{
    return bits[at / JS_BITS_PER_WORD] >> at % JS_BITS_PER_WORD & 1;
}

/* Adds `at` to the set, or removes it. */
static inline void js_bits_put(uint64_t *bits, uint32_t at, bool is_member)
{
    uint64_t bit = UINT64_C(1) << at % JS_BITS_PER_WORD;
    uint64_t *word = &bits[at / JS_BITS_PER_WORD];
    *word = is_member ? *word | bit : *word & ~bit;
}

/* Returns the first member that is at least `from` and less than `end`, or
 * `end` if there is none. */
static inline uint32_t js_bits_next(const uint64_t *bits, uint32_t from,
                                    uint32_t end)
{
    if (from >= end)
        return end;
    size_t at = from / JS_BITS_PER_WORD;
    uint64_t word = bits[at] & ~UINT64_C(0) << from % JS_BITS_PER_WORD;
    while (word == 0 && ++at * JS_BITS_PER_WORD < end)
        word = bits[at];
    uint32_t found = word == 0 ? end
                               : (uint32_t)(at * JS_BITS_PER_WORD) +
                                     (uint32_t)__builtin_ctzll(word);
    return found < end ? found : end;
}

/* Returns the number of members that are at least `from` and less than
 * `end`. */
static inline uint32_t js_bits_count(const uint64_t *bits, uint32_t from,
                                     uint32_t end)
{
    uint32_t count = 0;
    while (from < end) {
        uint32_t first = from % JS_BITS_PER_WORD;
        uint32_t left = JS_BITS_PER_WORD - first;
        uint64_t word = bits[from / JS_BITS_PER_WORD] >> first;
        if (end - from < left) {
            left = end - from;
            word &= (UINT64_C(1) << left) - 1;
        }
        count += (uint32_t)__builtin_popcountll(word);
        from += left;
    }
    return count;
}

#endif
