/* print_lines NAME COUNT [PAUSE_US]: writes "NAME NUMBER" COUNT times, each
 * line with a system call of its own and a pause behind it; what a program
 * does that is slow to print. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    int count = atoi(argv[2]);
    int pause_us = argc > 3 ? atoi(argv[3]) : 0;
    for (int i = 1; i <= count; i++) {
        char line[256];
        int len = snprintf(line, sizeof(line), "%s %d\n", argv[1], i);
        if (write(STDOUT_FILENO, line, (size_t)len) != len)
            return 1;
        if (pause_us > 0)
            usleep((useconds_t)pause_us);
    }
    return 0;
}
