#include "launch/host_probe.h"

#include "base/clock.h"
#include "launch/subprocess.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The time in which a host must answer, and its mpirun must leave when told
 * to. */
static const int64_t answer_ns = 20 * JS_NS_PER_S;
static const int64_t leave_ns = 5 * JS_NS_PER_S;

static const struct timespec pause_between = {.tv_nsec = 50 * JS_NS_PER_MS};

static pid_t host_probe_begin(const struct js_mpirun *mpirun, const char *host)
{
    struct js_argv words = JS_ARGV_INIT;
    pid_t pid = js_mpirun_trial(mpirun, host, &words);
    if (pid == 0)
        pid = js_subprocess_start(&words,
                                  JS_SUBPROCESS_DEAF | JS_SUBPROCESS_MUTE, -1);
    js_argv_release(&words);
    return pid;
}

/* Collects probes that have ended; their pid becomes 0. Returns true while some
 * have not. */
static bool host_probe_look(pid_t *pids, size_t count, bool *are_well)
{
    bool is_any_left = false;
    for (size_t i = 0; i < count; i++) {
        int status = 0;
        if (pids[i] <= 0)
            continue;
        pid_t pid = waitpid(pids[i], &status, WNOHANG);
        if (pid == 0) {
            is_any_left = true;
            continue;
        }
        are_well[i] = pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        pids[i] = 0;
    }
    return is_any_left;
}

static void host_probe_tell(const pid_t *pids, size_t count, int number)
{
    for (size_t i = 0; i < count; i++) {
        if (pids[i] > 0)
            kill(pids[i], number);
    }
}

void js_host_probe_hosts(const struct js_mpirun *mpirun,
                         const struct js_hosts *hosts,
                         bool (*is_to_stop)(void *arg), void *arg,
                         bool *are_well)
{
    size_t count = hosts->count;
    pid_t *pids = calloc(count + 1, sizeof(*pids));
    int64_t until_ns = js_clock_ns() + answer_ns;
    if (!pids)
        return;
    for (size_t i = 0; i < count; i++) {
        are_well[i] = false;
        pids[i] = host_probe_begin(mpirun, hosts->items[i].name);
    }
    /* The probes of all hosts run at once, so one that hangs costs no more than
     * the time limit, however many hosts there are. */
    while (host_probe_look(pids, count, are_well)) {
        nanosleep(&pause_between, NULL);
        int64_t now_ns = js_clock_ns();
        if (is_to_stop(arg) && until_ns > now_ns)
            until_ns = now_ns;
        if (now_ns > until_ns)
            host_probe_tell(pids, count,
                            now_ns > until_ns + leave_ns ? SIGKILL : SIGTERM);
    }
    free(pids);
}

/* Finds the file that execvp(3) would start for that program. */
static void find_file(const char *program, char *ret, size_t size)
{
    const char *path = getenv("PATH");
    snprintf(ret, size, "%s", program);
    while (path && *path && !strchr(program, '/')) {
        size_t len = strcspn(path, ":");
        int n = snprintf(ret, size, "%.*s%s%s", (int)len, path,
                         len > 0 ? "/" : "./", program);
        if (n > 0 && (size_t)n < size && access(ret, X_OK) == 0)
            return;
        path += len + (path[len] == ':');
    }
}

bool js_host_probe_mpirun(const struct js_mpirun *mpirun,
                          const char *built_with, struct js_buf *ret)
{
    struct js_argv words = JS_ARGV_INIT;
    struct js_buf said = JS_BUF_INIT;
    char name[128], file[PATH_MAX];
    js_argv_add(&words, mpirun->program);
    js_argv_add(&words, "--version");
    bool is_known = js_argv_check(&words) == 0 &&
                    js_subprocess_output(&words, &said) == 0 &&
                    js_mpirun_name(js_buf_string(&said), name, sizeof(name));
    bool is_other = is_known && js_mpi_of(name) != mpirun->mpi;
    js_argv_release(&words);
    js_buf_release(&said);
    if (!is_other)
        return false;
    find_file(mpirun->program, file, sizeof(file));
    return js_buf_printf(ret,
                         "%s is of %s, but jobsched was built with %s: put the "
                         "mpirun of that first in PATH, or name it in "
                         "JOBSCHED_MPIRUN",
                         file, name, built_with) == 0;
}
