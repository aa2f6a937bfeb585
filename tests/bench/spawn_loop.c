/*
 * spawn_loop PROCESSES N COMMAND [ARG...] - runs COMMAND N times in all, one
 * after the other in each of PROCESSES processes, each bound to a CPU of its
 * own: the least that starting and waiting costs on this machine.
 */
#include <errno.h>
#include <sched.h>
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

/* To the CPU number `n` of those that are allowed, as often as they last. */
static int bind_to(long n)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return -1;
    n %= CPU_COUNT(&allowed);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && n-- == 0)
            CPU_SET(cpu, &one);
    }
    return sched_setaffinity(0, sizeof(one), &one);
}

static int run_times(long n, long times, char **argv)
{
    if (bind_to(n) < 0)
        return -1;
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
            _exit(run_times(i, share, argv + 3) == 0 ? 0 : 1);
    }
    int failed = 0;
    for (long i = 0; i < processes; i++)
        failed |= wait_for(-1) < 0;
    return failed;
}
