#include "node/memory.h"

#include "base/fdio.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Version 1 says "no limit" by a number close to the largest. */
static const uint64_t no_limit_bytes = UINT64_C(1) << 60;

/* Reads what there is of a small file, as a string. -1: it cannot be read. */
static int read_small(const char *root, const char *path, char *to, size_t size)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof(name), "%s%s", root, path);
    if (n < 0 || (size_t)n >= sizeof(name))
        return -1;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t len = js_pread_full(fd, to, size - 1, 0);
    js_fd_close(&fd);
    if (len < 0)
        return -1;
    to[len] = '\0';
    return 0;
}

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

/* The path of our group in the line of /proc/self/cgroup that has this between
 * its colons ("" in version 2); false if there is none. */
static bool find_group(const char *root, const char *controller, char *to,
                       size_t size)
{
    char text[8192];
    if (read_small(root, "/proc/self/cgroup", text, sizeof(text)) < 0)
        return false;
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        char *name = strchr(line, ':');
        char *path = name ? strchr(name + 1, ':') : NULL;
        if (path) {
            *path = '\0';
            if (strcmp(name + 1, controller) == 0)
                return snprintf(to, size, "%s", path + 1) < (int)size;
        }
        line = end ? end + 1 : NULL;
    }
    return false;
}

/* Where a version of cgroups keeps what we want to know. */
struct version {
    const char *controller;
    const char *mount;
    const char *limit;
    const char *events;
};

static const struct version versions[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.events"},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes",
     "memory.oom_control"},
};

enum { VERSIONS = sizeof(versions) / sizeof(versions[0]) };

static uint64_t least(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

static uint64_t group_limit(const char *root, const struct version *version,
                            const char *group)
{
    char path[PATH_MAX], text[64];
    int n = snprintf(path, sizeof(path), "%s%s/%s", version->mount, group,
                     version->limit);
    if (n < 0 || (size_t)n >= sizeof(path) ||
        read_small(root, path, text, sizeof(text)) < 0)
        return 0;
    uint64_t limit = strtoull(text, NULL, 10); /* "max" is 0: none */
    return limit < no_limit_bytes ? limit : 0;
}

/* Of our group and all above it. */
static uint64_t hierarchy_limit(const char *root, const struct version *version)
{
    char group[PATH_MAX / 2];
    if (!find_group(root, version->controller, group, sizeof(group)))
        return 0;
    uint64_t limit = 0;
    for (;;) {
        limit = least(limit, group_limit(root, version, group));
        char *slash = strrchr(group, '/');
        if (!slash)
            return limit;
        *slash = '\0';
    }
}

uint64_t js_memory_limit_bytes(const char *root)
{
    char text[4096];
    uint64_t limit = 0;
    if (read_small(root, "/proc/meminfo", text, sizeof(text)) == 0)
        limit = number_behind(text, "MemTotal:") * 1024;
    for (int i = 0; i < VERSIONS; i++)
        limit = least(limit, hierarchy_limit(root, &versions[i]));
    return limit;
}

static int open_events(const char *root, const struct version *version)
{
    char group[PATH_MAX / 2], path[PATH_MAX];
    if (!find_group(root, version->controller, group, sizeof(group)))
        return -1;
    int n = snprintf(path, sizeof(path), "%s%s%s/%s", root, version->mount,
                     strcmp(group, "/") == 0 ? "" : group, version->events);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -1;
    return open(path, O_RDONLY | O_CLOEXEC);
}

void js_oom_counter_open(struct js_oom_counter *counter, const char *root)
{
    counter->fd = -1;
    for (int i = 0; i < VERSIONS && counter->fd < 0; i++)
        counter->fd = open_events(root, &versions[i]);
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
    ssize_t len = js_pread_full(counter->fd, text, sizeof(text) - 1, 0);
    if (len < 0)
        return 0;
    text[len] = '\0';
    return number_behind(text, "oom_kill ");
}
