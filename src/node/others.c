#include "node/others.h"

#include "base/clock.h"
#include "base/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const char lock_path[] = "/sys/devices/system/cpu/online";

/* Longer than it takes slaves that are there to be bound. */
static const int64_t lock_most_ns = 2 * JS_NS_PER_S;
static const struct timespec lock_pause = {.tv_nsec = 5 * JS_NS_PER_MS};

int js_others_lock(void)
{
    int64_t end_ns = js_clock_ns() + lock_most_ns;
    int fd = open(lock_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (js_clock_ns() >= end_ns) {
            close(fd);
            return -1;
        }
        nanosleep(&lock_pause, NULL);
    }
    return fd;
}

static bool is_of_our_run(uint64_t runner)
{
    uint64_t slave = js_process_parent(runner);
    return slave == (uint64_t)getpid() ||
           (slave > 1 && js_process_parent(slave) == (uint64_t)getppid());
}

static void add_cpus_of(uint64_t pid, struct js_cpuset *set)
{
    struct js_cpuset cpus;
    if (js_cpuset_of_process((pid_t)pid, &cpus) == 0)
        js_cpuset_unite(set, &cpus);
}

/* Those of its jobs as well, where the kernel lists them. */
static void find_held(uint64_t runner, struct js_cpuset *ret)
{
    char path[80];
    char *word = NULL;
    size_t size = 0;
    js_cpuset_clear(ret);
    add_cpus_of(runner, ret);
    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task/%" PRIu64 "/children",
             runner, runner);
    FILE *file = fopen(path, "re");
    while (file && getdelim(&word, &size, ' ', file) > 0) {
        uint64_t child = strtoull(word, NULL, 10);
        if (child > 0)
            add_cpus_of(child, ret);
    }
    free(word);
    if (file)
        fclose(file);
}

/* How many hold each CPU. */
struct holders {
    unsigned counts[JS_CPUS_MAX];
};

static void others_count_held(struct holders *holders, uint64_t runner)
{
    struct js_cpuset held;
    find_held(runner, &held);
    for (unsigned cpu = js_cpuset_next(&held, 0); cpu < JS_CPUS_MAX;
         cpu = js_cpuset_next(&held, cpu + 1))
        holders->counts[cpu]++;
}

static void count_all(struct holders *holders)
{
    char name[JS_PROCESS_NAME_SIZE];
    DIR *proc = opendir("/proc");
    for (uint64_t pid; proc && (pid = js_process_next(proc));) {
        if (js_process_name(pid, name) &&
            strcmp(name, JS_PROCESS_RUNNER) == 0 && !is_of_our_run(pid) &&
            !js_process_is_above(pid))
            others_count_held(holders, pid);
    }
    if (proc)
        closedir(proc);
}

static void find_most_held(const struct holders *holders,
                           const struct js_cpuset *pool, struct js_cpuset *ret)
{
    unsigned least = UINT_MAX;
    for (unsigned cpu = js_cpuset_next(pool, 0); cpu < JS_CPUS_MAX;
         cpu = js_cpuset_next(pool, cpu + 1)) {
        if (holders->counts[cpu] < least)
            least = holders->counts[cpu];
    }
    for (unsigned cpu = js_cpuset_next(pool, 0); cpu < JS_CPUS_MAX;
         cpu = js_cpuset_next(pool, cpu + 1)) {
        if (holders->counts[cpu] > least)
            js_cpuset_add(ret, cpu);
    }
}

void js_others_held(const struct js_cpuset *pool, struct js_cpuset *ret)
{
    struct holders *holders = calloc(1, sizeof(*holders));
    js_cpuset_clear(ret);
    if (!holders)
        return; /* then cores are shared */
    count_all(holders);
    find_most_held(holders, pool, ret);
    free(holders);
}
