#include "base/process.h"

#include "base/fdio.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t js_process_start(uint64_t pid)
{
    char path[64], text[1024];
    uint64_t started = 0;
    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t len = js_pread_full(fd, text, sizeof(text) - 1, 0);
    js_fd_close(&fd);
    text[len > 0 ? len : 0] = '\0';
    /* Field 22; the second may hold blanks, and ends with the last ')'. */
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at)
        started = strtoull(at + 1, NULL, 10);
    return started;
}

uint64_t js_process_boot(void)
{
    char text[40] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && js_pread_full(fd, text, 8, 0) < 0)
        text[0] = '\0';
    js_fd_close(&fd);
    return strtoull(text, NULL, 16);
}
