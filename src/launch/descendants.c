#include "launch/descendants.h"

#include "base/clock.h"
#include "base/launchenv.h"
#include "base/lifeline.h"
#include "base/process.h"
#include "node/procs.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int64_t kill_most_ns = 5 * JS_NS_PER_S;
static const struct timespec look_pause = {.tv_nsec = 10 * JS_NS_PER_MS};

/* js_descendants_each() passes this through a callback of node/procs. */
struct search {
    const char *folder;
    void (*visit)(pid_t pid, void *arg);
    void *arg;
    size_t count;
};

int js_descendants_adopt(void)
{
    return js_reap_adopt();
}

/* Compares the file and not its name, because the name may have been given to
 * another file. */
static bool runs_this_program(pid_t pid)
{
    char path[64];
    struct stat own, other;
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    return stat("/proc/self/exe", &own) == 0 && stat(path, &other) == 0 &&
           own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

static void visit_child(pid_t pid, void *arg)
{
    struct search *search = arg;
    char folder[PATH_MAX];
    /* A process that is dead, but whose children have not yet got a new
     * parent. */
    if (js_process_is_ending((uint64_t)pid, js_process_start((uint64_t)pid))) {
        search->count++;
        return;
    }
    if (!js_process_variable(pid, JS_LIFELINE_NAME, folder, sizeof(folder),
                             NULL) ||
        strcmp(folder, search->folder) != 0 ||
        (getsid(pid) == pid && !runs_this_program(pid)))
        return;
    search->count++;
    search->visit(pid, search->arg);
}

size_t js_descendants_each(const char *folder,
                           void (*visit)(pid_t pid, void *arg), void *arg)
{
    struct search search = {folder, visit, arg, 0};
    js_reap_each_child(visit_child, &search);
    return search.count;
}

static bool is_rank_0(pid_t pid, const char *folder)
{
    char value[PATH_MAX];
    const char *const *name = js_launchenv_rank_names;
    if (!js_process_variable(pid, JS_LIFELINE_NAME, value, sizeof(value),
                             NULL) ||
        strcmp(value, folder) != 0)
        return false;
    while (*name &&
           !js_process_variable(pid, *name, value, sizeof(value), NULL))
        name++;
    return *name && strcmp(value, "0") == 0;
}

/* A dead process that waits for its parent has no environment any more. */
bool js_descendants_has_rank_0(const char *folder)
{
    const struct dirent *entry;
    bool is_found = false;
    DIR *proc = opendir("/proc");
    if (!proc)
        return true;
    while (!is_found && (entry = readdir(proc)))
        is_found = isdigit((unsigned char)entry->d_name[0]) &&
                   is_rank_0((pid_t)strtol(entry->d_name, NULL, 10), folder);
    closedir(proc);
    return is_found;
}

static void kill_process(pid_t pid, void *arg)
{
    (void)arg;
    kill(pid, SIGKILL);
}

/* A process that is killed may leave others, which are then adopted. */
void js_descendants_kill(const char *folder)
{
    int64_t until_ns = js_clock_ns() + kill_most_ns;
    while (js_descendants_each(folder, kill_process, NULL) > 0 &&
           js_clock_ns() < until_ns) {
        nanosleep(&look_pause, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
}
