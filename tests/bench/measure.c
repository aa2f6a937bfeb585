/*
 * measure COMMAND [ARG...] - runs COMMAND and prints on stdout how long it
 * took and how much CPU it and everything below it used, in seconds:
 * "1.234 0.567". What the command prints goes to stderr.
 *
 * It adopts what its descendants leave behind, so that nobody's CPU time gets
 * lost, and waits for it. Exits as the command did, 128 + N after signal N.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static double seconds(struct timeval at)
{
    return (double)at.tv_sec + (double)at.tv_usec * 1e-6;
}

static double cpu_used(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

static pid_t start(char **argv)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
        execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

int main(int argc, char **argv)
{
    if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        fprintf(stderr, "usage: measure COMMAND [ARG...]\n");
        return 2;
    }
    double begin = now();
    double took = 0;
    int result = 0;
    int status;
    pid_t command = start(argv + 1);
    if (command < 0)
        return 1;
    for (pid_t pid; (pid = wait(&status)) > 0 || errno == EINTR;) {
        if (pid != command)
            continue;
        took = now() - begin;
        result =
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    printf("%.6f %.6f\n", took, cpu_used());
    return result;
}
