#include "base/cpuset.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

enum { WORDS = JS_CPUS_MAX / JS_CPUS_PER_WORD };

void js_cpuset_clear(struct js_cpuset *set)
{
    memset(set, 0, sizeof(*set));
}

void js_cpuset_add(struct js_cpuset *set, unsigned cpu)
{
    set->word[cpu / JS_CPUS_PER_WORD] |= 1UL << (cpu % JS_CPUS_PER_WORD);
}

bool js_cpuset_has(const struct js_cpuset *set, unsigned cpu)
{
    return cpu < JS_CPUS_MAX &&
           (set->word[cpu / JS_CPUS_PER_WORD] >> (cpu % JS_CPUS_PER_WORD) & 1);
}

unsigned js_cpuset_count(const struct js_cpuset *set)
{
    unsigned count = 0;
    for (int i = 0; i < WORDS; i++)
        count += (unsigned)__builtin_popcountl(set->word[i]);
    return count;
}

unsigned js_cpuset_next(const struct js_cpuset *set, unsigned cpu)
{
    if (cpu >= JS_CPUS_MAX)
        return JS_CPUS_MAX;
    unsigned at = cpu / JS_CPUS_PER_WORD;
    unsigned long word = set->word[at] >> (cpu % JS_CPUS_PER_WORD)
                                              << (cpu % JS_CPUS_PER_WORD);
    while (word == 0 && ++at < WORDS)
        word = set->word[at];
    return word == 0 ? JS_CPUS_MAX
                     : at * JS_CPUS_PER_WORD + (unsigned)__builtin_ctzl(word);
}

bool js_cpuset_equal(const struct js_cpuset *a, const struct js_cpuset *b)
{
    return memcmp(a->word, b->word, sizeof(a->word)) == 0;
}

void js_cpuset_unite(struct js_cpuset *set, const struct js_cpuset *other)
{
    for (int i = 0; i < WORDS; i++)
        set->word[i] |= other->word[i];
}

void js_cpuset_intersect(struct js_cpuset *set, const struct js_cpuset *other)
{
    for (int i = 0; i < WORDS; i++)
        set->word[i] &= other->word[i];
}

static int read_cpu(const char **text, unsigned *ret)
{
    const char *p = *text;
    unsigned value = 0;
    if (*p < '0' || *p > '9') {
        errno = EINVAL;
        return -1;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (unsigned)(*p - '0');
        if (value >= JS_CPUS_MAX) {
            errno = ERANGE;
            return -1;
        }
    }
    *text = p;
    *ret = value;
    return 0;
}

/* Reads "N" or "N-M" and the comma after it. */
static int read_range(const char **text, struct js_cpuset *set)
{
    unsigned first, last;
    if (read_cpu(text, &first) < 0)
        return -1;
    last = first;
    if (**text == '-') {
        ++*text;
        if (read_cpu(text, &last) < 0)
            return -1;
    }
    /* A comma at the end is an error. */
    bool more = **text == ',' && (*text)[1] != '\0';
    if (last < first || (**text != '\0' && !more)) {
        errno = EINVAL;
        return -1;
    }
    *text += more;
    for (unsigned cpu = first; cpu <= last; cpu++)
        js_cpuset_add(set, cpu);
    return 0;
}

int js_cpuset_parse(const char *list, struct js_cpuset *ret)
{
    struct js_cpuset set;
    js_cpuset_clear(&set);
    while (*list) {
        if (read_range(&list, &set) < 0)
            return -1;
    }
    *ret = set;
    return 0;
}

int js_cpuset_format(const struct js_cpuset *set, struct js_buf *buf)
{
    const char *comma = "";
    unsigned first = js_cpuset_next(set, 0);
    while (first < JS_CPUS_MAX) {
        unsigned last = first;
        while (js_cpuset_has(set, last + 1))
            last++;
        if (js_buf_printf(buf, first == last ? "%s%u" : "%s%u-%u", comma, first,
                          last) < 0)
            return -1;
        comma = ",";
        first = js_cpuset_next(set, last + 1);
    }
    return 0;
}

int js_cpuset_of_process(pid_t pid, struct js_cpuset *ret)
{
    struct js_cpuset set;
    js_cpuset_clear(&set);
    if (sched_getaffinity(pid, sizeof(set.word), (cpu_set_t *)set.word) < 0)
        return -1;
    *ret = set;
    return 0;
}
