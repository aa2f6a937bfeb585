/*
 * spin MS [FILE] - keeps its core busy until it has used so many milliseconds
 * of CPU time: work that takes as long whatever else runs. Appends to FILE a
 * line of its CPU, and when it began and ended, in nanoseconds.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t now_ns(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

/* The descriptor is left to the kernel to close, as is the rest. */
static int note(const char *file, int64_t begun_ns)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    return dprintf(fd, "%d %lld %lld\n", sched_getcpu(), (long long)begun_ns,
                   (long long)now_ns(CLOCK_MONOTONIC));
}

int main(int argc, char **argv)
{
    int64_t begun_ns = now_ns(CLOCK_MONOTONIC);
    double until_ns = argc > 1 ? strtod(argv[1], NULL) * 1e6 : 0;
    while ((double)now_ns(CLOCK_PROCESS_CPUTIME_ID) < until_ns)
        continue;
    return argc > 2 && note(argv[2], begun_ns) < 0 ? 1 : 0;
}
