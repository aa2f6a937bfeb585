/*
 * cpuset - a set of logical CPUs, by the kernel's numbers.
 *
 * A plain value of fixed size, in the layout of sched_setaffinity(2): pass
 * `word` and sizeof(word) to that call. A CPU number of JS_CPUS_MAX or more is
 * refused when a set is read.
 */
#ifndef JS_BASE_CPUSET_H
#define JS_BASE_CPUSET_H

#include "base/buf.h"

#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

enum {
    JS_CPUS_MAX = 8192,
    JS_CPUS_PER_WORD = 8 * sizeof(unsigned long),
    JS_CPUS_WORDS = JS_CPUS_MAX / JS_CPUS_PER_WORD
};

struct js_cpuset {
    unsigned long word[JS_CPUS_WORDS];
};

static inline void js_cpuset_clear(struct js_cpuset *set)
{
    memset(set, 0, sizeof(*set));
}

/* `cpu` must be less than JS_CPUS_MAX. */
static inline void js_cpuset_add(struct js_cpuset *set, unsigned cpu)
{
    set->word[cpu / JS_CPUS_PER_WORD] |= 1UL << (cpu % JS_CPUS_PER_WORD);
}

static inline bool js_cpuset_has(const struct js_cpuset *set, unsigned cpu)
{
    return cpu < JS_CPUS_MAX &&
           (set->word[cpu / JS_CPUS_PER_WORD] >> (cpu % JS_CPUS_PER_WORD) & 1);
}

static inline unsigned js_cpuset_count(const struct js_cpuset *set)
{
    unsigned count = 0;
    for (int i = 0; i < JS_CPUS_WORDS; i++)
        count += (unsigned)__builtin_popcountl(set->word[i]);
    return count;
}

/* Returns the first CPU of the set from `cpu` on, or JS_CPUS_MAX if there is
 * none. Examines whole words, so that a loop over a set takes little time
 * although sets are large. */
unsigned js_cpuset_next(const struct js_cpuset *set, unsigned cpu);

static inline bool js_cpuset_equal(const struct js_cpuset *a,
                                   const struct js_cpuset *b)
{
    return memcmp(a->word, b->word, sizeof(a->word)) == 0;
}

/* *set becomes its union, or its intersection, with `other`. */
static inline void js_cpuset_unite(struct js_cpuset *set,
                                   const struct js_cpuset *other)
{
    for (int i = 0; i < JS_CPUS_WORDS; i++)
        set->word[i] |= other->word[i];
}

static inline void js_cpuset_intersect(struct js_cpuset *set,
                                       const struct js_cpuset *other)
{
    for (int i = 0; i < JS_CPUS_WORDS; i++)
        set->word[i] &= other->word[i];
}

/* Parses a list in the form used in /proc: "0-3,8". "" is the empty set.
 * Returns 0, or -1 with errno EINVAL (not such a list) or ERANGE. */
int js_cpuset_parse(const char *list, struct js_cpuset *ret);

/* Appends the set as such a list. Returns 0, or -1 with errno ENOMEM. */
int js_cpuset_format(const struct js_cpuset *set, struct js_buf *buf);

/* Reads the CPUs that process `pid` may run on (0: this process). Returns 0, or
 * -1 with errno from sched_getaffinity(2). */
int js_cpuset_of_process(pid_t pid, struct js_cpuset *ret);

#endif
