#include "node/memory.h"

#include "base/file.h"
#include "base/launchenv.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- cgroups */

/* Version 1 expresses "no limit" as a number close to the largest. */
static const uint64_t no_limit_bytes = UINT64_C(1) << 60;

/* The place where a version of cgroups keeps a limit. A host may mount both
 * versions side by side. */
struct cgroup_limit {
    const char *controller; /* in /proc/self/cgroup; "" in version 2 */
    const char *mount;
    const char *file;
    const char *period; /* the file with the period of a CPU quota; NULL: it is
                           the second number in `file` */
};

static const struct cgroup_limit mem_limits[] = {
    {"", "/sys/fs/cgroup", "memory.max", NULL},
    {"", "/sys/fs/cgroup/unified", "memory.max", NULL},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", NULL},
    {NULL, NULL, NULL, NULL}};

static const struct cgroup_limit core_limits[] = {
    {"", "/sys/fs/cgroup", "cpu.max", NULL},
    {"", "/sys/fs/cgroup/unified", "cpu.max", NULL},
    {"cpu", "/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us"},
    {"cpu", "/sys/fs/cgroup/cpu,cpuacct", "cpu.cfs_quota_us",
     "cpu.cfs_period_us"},
    {NULL, NULL, NULL, NULL}};

/* Reads the file ROOT FOLDER/FILE into a string, as far as there is room. */
static int memory_read(const char *root, const char *folder, const char *file,
                       char *to, size_t size)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s%s/%s", root, folder, file);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -1;
    return js_file_read_text(path, to, size) < 0 ? -1 : 0;
}

/* True if `name` is in a list such as "cpu,cpuacct"; "" is only in an empty
 * list. */
static bool cgroup_has_controller(const char *list, const char *name)
{
    size_t len = strlen(name);
    if (len == 0)
        return list[0] == '\0';
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, len) == 0 && (at[len] == ',' || !at[len]))
            return true;
    }
    return false;
}

/* Finds the path of our group in the line of /proc/self/cgroup that has the
 * controller between its colons. Returns false if there is none. */
static bool cgroup_find(const char *root, const char *controller, char *to,
                        size_t size)
{
    char text[8192];
    if (memory_read(root, "/proc/self", "cgroup", text, sizeof(text)) < 0)
        return false;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *names = strchr(line, ':');
        char *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path = '\0';
        if (cgroup_has_controller(names + 1, controller))
            return snprintf(to, size, "%s", path + 1) < (int)size;
    }
    return false;
}

/* Returns the limit of the group in this folder; 0: none. */
static uint64_t cgroup_mem_bytes(const char *root, const char *folder,
                                 const struct cgroup_limit *limit)
{
    char text[64];
    if (memory_read(root, folder, limit->file, text, sizeof(text)) < 0)
        return 0;
    uint64_t bytes = strtoull(text, NULL, 10); /* "max" is 0: none */
    return bytes < no_limit_bytes ? bytes : 0;
}

/* Returns whole cores, at least one, or 0 if there is no limit. The quota is
 * "max" in version 2 and -1 in version 1 if there is none. */
static uint64_t cgroup_cores(const char *root, const char *folder,
                             const struct cgroup_limit *limit)
{
    char quota_text[64], period_text[64];
    char *end;
    if (memory_read(root, folder, limit->file, quota_text, sizeof(quota_text)) <
        0)
        return 0;
    int64_t quota = strtoll(quota_text, &end, 10);
    if (limit->period) {
        if (memory_read(root, folder, limit->period, period_text,
                        sizeof(period_text)) < 0)
            return 0;
        end = period_text;
    }
    int64_t period = strtoll(end, NULL, 10);
    if (quota <= 0 || period <= 0)
        return 0;
    return quota < period ? 1 : (uint64_t)(quota / period);
}

static uint64_t memory_least(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/*
 * Returns the lowest limit of our group and all groups above it, wherever it
 * may be kept. Within a container the path may be that of the host, which does
 * not exist here. In that case the container's own group is mounted, and the
 * search ends there.
 */
static uint64_t
cgroup_least(const char *root, const struct cgroup_limit *limits,
             uint64_t (*read)(const char *root, const char *folder,
                              const struct cgroup_limit *limit))
{
    char group[PATH_MAX / 2], folder[PATH_MAX];
    uint64_t least = 0;
    for (const struct cgroup_limit *limit = limits; limit->file; limit++) {
        char *end = group;
        if (!cgroup_find(root, limit->controller, group, sizeof(group)))
            continue;
        while (end) {
            snprintf(folder, sizeof(folder), "%s%s", limit->mount, group);
            least = memory_least(least, read(root, folder, limit));
            end = strrchr(group, '/');
            if (end)
                *end = '\0';
        }
    }
    return least;
}

uint32_t js_cgroup_cores(const char *root)
{
    uint64_t cores = cgroup_least(root, core_limits, cgroup_cores);
    return cores < UINT32_MAX ? (uint32_t)cores : 0;
}

/* ---------------------------------------------------------------- memory */

/* Returns the number after `key` at the beginning of a line, or 0 if there is
 * none. */
static uint64_t memory_number_behind(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0)
            return strtoull(line + len, NULL, 10);
    }
    return 0;
}

uint64_t js_memory_limit_bytes(const char *root)
{
    char text[4096];
    uint64_t limit =
        memory_least(cgroup_least(root, mem_limits, cgroup_mem_bytes),
                     js_launchenv_mem_bytes());
    if (memory_read(root, "/proc", "meminfo", text, sizeof(text)) == 0)
        limit =
            memory_least(limit, memory_number_behind(text, "MemTotal:") * 1024);
    return limit;
}

/* Version 2 counts in memory.events, version 1 in memory.oom_control. */
void js_oom_counter_open(struct js_oom_counter *counter, const char *root)
{
    char group[PATH_MAX / 2], path[PATH_MAX];
    counter->fd = -1;
    for (int version = 2; version > 0 && counter->fd < 0; version--) {
        const struct cgroup_limit *limit = &mem_limits[version == 2 ? 0 : 2];
        const char *file =
            version == 2 ? "memory.events" : "memory.oom_control";
        if (!cgroup_find(root, limit->controller, group, sizeof(group)))
            continue;
        int n = snprintf(path, sizeof(path), "%s%s%s/%s", root, limit->mount,
                         strcmp(group, "/") == 0 ? "" : group, file);
        if (n > 0 && (size_t)n < sizeof(path))
            counter->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
}

uint64_t js_oom_counter_read(const struct js_oom_counter *counter)
{
    char text[1024];
    if (counter->fd < 0)
        return 0;
    ssize_t len = js_file_pread(counter->fd, text, sizeof(text) - 1, 0);
    if (len < 0)
        return 0;
    text[len] = '\0';
    return memory_number_behind(text, "oom_kill ");
}
