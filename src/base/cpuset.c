#include "base/cpuset.h"

#include <errno.h>
#include <sched.h>

unsigned js_cpuset_next(const struct js_cpuset *set, unsigned cpu)
{
    if (cpu >= JS_CPUS_MAX)
        return JS_CPUS_MAX;
    /* Whole words at a time: a walk over the few CPUs of a job must not look at
     * all that the set has room for. */
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

int js_cpuset_format(const struct js_cpuset *set, struct js_buf *buf)
{
    /* Writes ranges, because the set of a whole node would otherwise fill a
     * line. */
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
    /* The kernel refuses (EINVAL) a set that is smaller than its own, hence
     * the size of js_cpuset. */
    if (sched_getaffinity(pid, sizeof(set.word), (cpu_set_t *)set.word) < 0)
        return -1;
    *ret = set;
    return 0;
}
