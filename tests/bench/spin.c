/*
 * spin MS - keeps its core busy until it has used so many milliseconds of CPU
 * time: work that takes as long whatever else runs.
 */
#include <stdlib.h>
#include <time.h>

static double used_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec * 1e-6;
}

int main(int argc, char **argv)
{
    double until = argc > 1 ? strtod(argv[1], NULL) : 0;
    while (used_ms() < until)
        continue;
    return 0;
}
