/*
 * spawn_loop PROCESSES N COMMAND [ARG...] - runs COMMAND N times in all, one
 * after the other in each of PROCESSES processes: the least that starting and
 * waiting costs on this machine.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return status == 0 ? 0 : -1;
}

static int run_times(long times, char **argv)
{
    for (long i = 0; i < times; i++) {
        pid_t pid;
        if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0)
            return -1;
        if (wait_for(pid) < 0)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: spawn_loop PROCESSES N COMMAND [ARG...]\n");
        return 2;
    }
    long processes = strtol(argv[1], NULL, 10);
    long times = strtol(argv[2], NULL, 10);
    for (long i = 0; i < processes; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return 1;
        long share = times / processes + (i < times % processes);
        if (pid == 0)
            _exit(run_times(share, argv + 3) == 0 ? 0 : 1);
    }
    int failed = 0;
    for (long i = 0; i < processes; i++)
        failed |= wait_for(-1) < 0;
    return failed;
}
