/* burn MILLISECONDS MEGABYTES: uses so much CPU time and memory. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long cpu_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (long)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    size_t bytes = (size_t)atol(argv[2]) << 20;
    char *memory = malloc(bytes + 1);
    if (!memory)
        return 1;
    memset(memory, 1, bytes + 1);
    volatile unsigned sum = 0;
    while (cpu_ms() < atol(argv[1])) {
        for (unsigned i = 0; i < 100000; i++)
            sum += i + (unsigned char)memory[i % (bytes + 1)];
    }
    free(memory);
    return 0;
}
