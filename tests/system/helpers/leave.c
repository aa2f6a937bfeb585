/*
 * leave HOW MARK FILE: leaves a process behind that only a signal ends, and
 * exits 0 when that process stands. It writes its pid to FILE, has MARK among
 * its arguments and nothing else that could tell where it came from: its
 * environment is empty and its standard files are closed. HOW is a list of
 *
 *     setsid     in a session of its own
 *     double     forked twice, so that its parent has ended
 *     stubborn   ignores SIGTERM, SIGHUP and SIGINT
 *     stay       this process does not exit either
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

/* What the process left behind does: argv[1] is "left". */
static int be_left(const char *file)
{
    char name[4096];
    snprintf(name, sizeof(name), "%s.new", file);
    FILE *to = fopen(name, "w");
    if (!to || fprintf(to, "%d\n", (int)getpid()) < 0 || fclose(to) != 0 ||
        rename(name, file) < 0)
        return 1;
    wait_for_ever();
    return 0;
}

static void leave(const char *how, char **argv)
{
    char *const empty[] = {NULL};
    char *args[] = {argv[0], (char *)"left", argv[2], argv[3], NULL};
    if (strstr(how, "setsid"))
        setsid();
    if (strstr(how, "double") && fork() > 0)
        _exit(0);
    if (strstr(how, "stubborn")) {
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        signal(SIGINT, SIG_IGN);
    }
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    execve("/proc/self/exe", args, empty);
    _exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    if (strcmp(argv[1], "left") == 0)
        return be_left(argv[3]);
    pid_t pid = fork();
    if (pid == 0)
        leave(argv[1], argv);
    if (strstr(argv[1], "double"))
        waitpid(pid, NULL, 0);
    while (access(argv[3], F_OK) < 0)
        usleep(1000);
    if (strstr(argv[1], "stay"))
        wait_for_ever();
    return 0;
}
