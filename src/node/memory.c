#include "node/memory.h"

#include "base/fdio.h"
#include "base/launchenv.h"
#include "node/cgroup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    ssize_t len = js_pread_full(counter->fd, text, sizeof(text) - 1, 0);
    if (len < 0)
        return 0;
    text[len] = '\0';
    return number_behind(text, "oom_kill ");
}
