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

/* Version 1 says "no limit" by a number close to the largest. */
static const uint64_t no_limit_bytes = UINT64_C(1) << 60;

/* Where a version of cgroups has a controller. */
struct controller {
    const char *name; /* in /proc/self/cgroup; "" in version 2 */
    const char *mount;
};

static const struct controller unified = {"", "/sys/fs/cgroup"};
static const struct controller unified_besides = {"", "/sys/fs/cgroup/unified"};
static const struct controller memory = {"memory", "/sys/fs/cgroup/memory"};
static const struct controller cpu = {"cpu", "/sys/fs/cgroup/cpu"};
static const struct controller cpu_cpuacct = {"cpu",
                                              "/sys/fs/cgroup/cpu,cpuacct"};

int js_cgroup_read_small(const char *root, const char *path, char *to,
                         size_t size)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof(name), "%s%s", root, path);
    if (n < 0 || (size_t)n >= sizeof(name))
        return -1;
    return js_file_read_text(name, to, size) < 0 ? -1 : 0;
}

/* True if `name` is in the list "cpu,cpuacct"; "" only in an empty one. */
static bool is_in_list(const char *list, const char *name)
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

/* The path of our group by the line of /proc/self/cgroup that has this name
 * between its colons; false if there is none. */
static bool find_group(const char *root, const char *controller, char *to,
                       size_t size)
{
    char text[8192];
    if (js_cgroup_read_small(root, "/proc/self/cgroup", text, sizeof(text)) < 0)
        return false;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *names = strchr(line, ':');
        char *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path = '\0';
        if (is_in_list(names + 1, controller))
            return snprintf(to, size, "%s", path + 1) < (int)size;
    }
    return false;
}

/* ---------------------------------------------------------------- limits */

/* The limit of the group in that folder; 0: none. */
typedef uint64_t (*limit_fn)(const char *root, const char *folder);

static int read_in(const char *root, const char *folder, const char *file,
                   char *to, size_t size)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", folder, file);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -1;
    return js_cgroup_read_small(root, path, to, size);
}

static uint64_t cgroup_least(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/*
 * Of our group and all above it. Within a container the path may be that of the
 * host, which is not there: then what is mounted is the container's own group,
 * where this comes to last.
 */
static uint64_t least_above(const char *root,
                            const struct controller *controller, limit_fn limit)
{
    char group[PATH_MAX / 2], folder[PATH_MAX];
    uint64_t found = 0;
    if (!find_group(root, controller->name, group, sizeof(group)))
        return 0;
    for (;;) {
        snprintf(folder, sizeof(folder), "%s%s", controller->mount, group);
        found = cgroup_least(found, limit(root, folder));
        char *slash = strrchr(group, '/');
        if (!slash)
            return found;
        *slash = '\0';
    }
}

static uint64_t cgroup_mem_of(const char *root, const char *folder,
                              const char *file)
{
    char text[64];
    if (read_in(root, folder, file, text, sizeof(text)) < 0)
        return 0;
    uint64_t limit = strtoull(text, NULL, 10); /* "max" is 0: none */
    return limit < no_limit_bytes ? limit : 0;
}

static uint64_t mem_max(const char *root, const char *folder)
{
    return cgroup_mem_of(root, folder, "memory.max");
}

static uint64_t mem_limit_in_bytes(const char *root, const char *folder)
{
    return cgroup_mem_of(root, folder, "memory.limit_in_bytes");
}

uint64_t js_cgroup_mem_bytes(const char *root)
{
    return cgroup_least(
        cgroup_least(least_above(root, &unified, mem_max),
                     least_above(root, &unified_besides, mem_max)),
        least_above(root, &memory, mem_limit_in_bytes));
}

/* Whole cores, one at the least. */
static uint64_t cgroup_cores_of(int64_t quota, int64_t period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    return quota < period ? 1 : (uint64_t)(quota / period);
}

/* "200000 100000", or "max 100000". */
static uint64_t cpu_max(const char *root, const char *folder)
{
    char text[64];
    char *end;
    if (read_in(root, folder, "cpu.max", text, sizeof(text)) < 0)
        return 0;
    int64_t quota = strtoll(text, &end, 10);
    return cgroup_cores_of(quota, strtoll(end, NULL, 10));
}

/* -1: none. */
static uint64_t cfs_quota(const char *root, const char *folder)
{
    char quota[64], period[64];
    if (read_in(root, folder, "cpu.cfs_quota_us", quota, sizeof(quota)) < 0 ||
        read_in(root, folder, "cpu.cfs_period_us", period, sizeof(period)) < 0)
        return 0;
    return cgroup_cores_of(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

uint32_t js_cgroup_cores(const char *root)
{
    uint64_t cores = cgroup_least(least_above(root, &unified, cpu_max),
                                  least_above(root, &unified_besides, cpu_max));
    cores = cgroup_least(cores, least_above(root, &cpu, cfs_quota));
    cores = cgroup_least(cores, least_above(root, &cpu_cpuacct, cfs_quota));
    return cores < UINT32_MAX ? (uint32_t)cores : 0;
}

/* ---------------------------------------------------------------- events */

static int open_events(const char *root, const struct controller *controller,
                       const char *file)
{
    char group[PATH_MAX / 2], path[PATH_MAX];
    if (!find_group(root, controller->name, group, sizeof(group)))
        return -1;
    int n = snprintf(path, sizeof(path), "%s%s%s/%s", root, controller->mount,
                     strcmp(group, "/") == 0 ? "" : group, file);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC);
}

int js_cgroup_open_events(const char *root)
{
    int fd = open_events(root, &unified, "memory.events");
    return fd >= 0 ? fd : open_events(root, &memory, "memory.oom_control");
}

/* ---------------------------------------------------------------- memory */

/* The number behind `key` at the beginning of a line; 0 if there is none. */
static uint64_t number_behind(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0)
            return strtoull(line + len, NULL, 10);
    }
    return 0;
}

static uint64_t memory_least(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

uint64_t js_memory_limit_bytes(const char *root)
{
    char text[4096];
    uint64_t limit =
        memory_least(js_cgroup_mem_bytes(root), js_launchenv_mem_bytes());
    if (js_cgroup_read_small(root, "/proc/meminfo", text, sizeof(text)) == 0)
        limit = memory_least(limit, number_behind(text, "MemTotal:") * 1024);
    return limit;
}

void js_oom_counter_open(struct js_oom_counter *counter, const char *root)
{
    counter->fd = js_cgroup_open_events(root);
}

void js_oom_counter_close(struct js_oom_counter *counter)
{
    js_fd_close(&counter->fd);
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
    return number_behind(text, "oom_kill ");
}
