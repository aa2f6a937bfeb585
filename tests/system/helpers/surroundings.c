/* surroundings: prints what a process inherits, one thing a line:
 *     open FD ...        its open descriptors
 *     stdin PATH
 *     ignored SIGNAL     for each that is not at its default
 *     blocked SIGNAL     for each that is blocked
 *     leader yes         it leads its process group
 *     umask OCTAL
 *     dir PATH
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return;
    printf("open");
    for (int fd = 0; fd < 4096; fd++) {
        char path[64], target[64];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (fd != dirfd(dir) && readlink(path, target, sizeof(target)) >= 0)
            printf(" %d", fd);
    }
    printf("\n");
    closedir(dir);
}

static void print_signals(void)
{
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int signo = 1; signo <= SIGRTMAX; signo++) {
        struct sigaction action;
        if (sigaction(signo, NULL, &action) == 0 &&
            action.sa_handler != SIG_DFL)
            printf("ignored %d\n", signo);
        if (sigismember(&blocked, signo) == 1)
            printf("blocked %d\n", signo);
    }
}

static void print_rest(void)
{
    char target[4096];
    ssize_t len = readlink("/proc/self/fd/0", target, sizeof(target) - 1);
    mode_t mask = umask(0);
    printf("stdin %.*s\n", len > 0 ? (int)len : 0, target);
    printf("leader %s\n", getpgrp() == getpid() ? "yes" : "no");
    printf("umask %03o\n", (unsigned)mask);
    printf("dir %s\n", getcwd(target, sizeof(target)) ? target : "?");
}

int main(void)
{
    print_descriptors();
    print_signals();
    print_rest();
    return 0;
}
