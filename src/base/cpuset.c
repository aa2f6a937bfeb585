#include "base/cpuset.h"

#include <errno.h>
#include <sched.h>

unsigned js_cpuset_next(const struct js_cpuset *set, unsigned cpu)
{
    if (cpu >= JS_CPUS_MAX)
        return JS_CPUS_MAX;
    /* Skips whole words: a walk over the few CPUs of a job must not test every
     * CPU that the set has room for. */
    unsigned at = cpu / JS_CPUS_PER_WORD;
    unsigned long word = set->word[at] >> (cpu % JS_CPUS_PER_WORD)
                                              << (cpu % JS_CPUS_PER_WORD);
    while (word == 0 && ++at < JS_CPUS_WORDS)
        word = set->word[at];
    return word == 0 ? JS_CPUS_MAX
                     : at * JS_CPUS_PER_WORD + (unsigned)__builtin_ctzl(word);
}

/* A number is refused while it is being read, so that it cannot overflow. */
static int cpuset_read_cpu(const char **text, unsigned *ret)
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

int js_cpuset_parse(const char *list, struct js_cpuset *ret)
{
    struct js_cpuset set;
    js_cpuset_clear(&set);
    /* A comma at the end is an error, because no number follows it. */
    for (bool has_more = *list != '\0'; has_more; list += has_more) {
        unsigned first, last;
        if (cpuset_read_cpu(&list, &first) < 0)
            return -1;
        last = first;
        if (*list == '-') {
            list++;
            if (cpuset_read_cpu(&list, &last) < 0)
                return -1;
        }
        has_more = *list == ',';
        if (last < first || (*list != '\0' && !has_more)) {
            errno = EINVAL;
            return -1;
        }
        for (unsigned cpu = first; cpu <= last; cpu++)
            js_cpuset_add(&set, cpu);
    }
    *ret = set;
    return 0;
}

/* Returns the first CPU from `cpu` on that is not in the set, or JS_CPUS_MAX.
 */
static unsigned cpuset_end_of_run(const struct js_cpuset *set, unsigned cpu)
{
    while (cpu < JS_CPUS_MAX) {
        unsigned shift = cpu % JS_CPUS_PER_WORD;
        unsigned long others = ~set->word[cpu / JS_CPUS_PER_WORD] >> shift;
        if (others != 0)
            return cpu + (unsigned)__builtin_ctzl(others);
        cpu += JS_CPUS_PER_WORD - shift;
    }
    return JS_CPUS_MAX;
}

/* Writes the sign and the number. Returns the end. */
static char *cpuset_write(char *to, char sign, unsigned cpu)
{
    char digits[4];
    unsigned count = 0;
    _Static_assert(JS_CPUS_MAX <= 10000, "as many digits as the last CPU");
    do
        digits[count++] = (char)('0' + cpu % 10);
    while (cpu /= 10);
    *to++ = sign;
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

/* Writes ranges, because the set of a whole node would otherwise fill a line.
 * Each job that has several cores needs this, so it avoids printf(). */
int js_cpuset_format(const struct js_cpuset *set, struct js_buf *buf)
{
    bool is_first = true;
    unsigned first = js_cpuset_next(set, 0);
    while (first < JS_CPUS_MAX) {
        char text[16];
        unsigned end = cpuset_end_of_run(set, first);
        char *to = cpuset_write(text, ',', first);
        if (end > first + 1)
            to = cpuset_write(to, '-', end - 1);
        if (js_buf_append(buf, text + is_first,
                          (size_t)(to - text) - is_first) < 0)
            return -1;
        is_first = false;
        first = js_cpuset_next(set, end);
    }
    return 0;
}

int js_cpuset_of_process(pid_t pid, struct js_cpuset *ret)
{
    struct js_cpuset set;
    js_cpuset_clear(&set);
    /* The kernel refuses (EINVAL) a set that is smaller than its own, hence
     * the size of js_cpuset. */
    if (sched_getaffinity(pid, sizeof(set.word), (cpu_set_t *)set.word) < 0)
        return -1;
    *ret = set;
    return 0;
}
