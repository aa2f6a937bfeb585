#include "record/run_status.h"

#include "base/clock.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Written and read by the same version: a launcher starts its own program. */
static const char begun[] = "begun lease_us %" PRId64 " out %" PRIu64 "\n";
static const char ended[] = "ended %d lost %u late %d ran %d\n";

static const char *const note_suffixes[] = {
    [JS_RUN_OUTAGE] = ".output",
    [JS_RUN_SIGNAL] = ".signal",
    [JS_RUN_TAKEN] = ".taken",
};

int js_run_status_beside(const char *path, const char *suffix, char *ret,
                         size_t size)
{
    int len = snprintf(ret, size, "%s%s", path, suffix);
    if (len >= 0 && (size_t)len < size)
        return 0;
    errno = ENAMETOOLONG;
    return -1;
}

/* The file is replaced as a whole, so a reader never sees half of it. It is not
 * synced: if the machine goes down, so does the reader. */
static int replace_file(const char *path, const char *text)
{
    char next[PATH_MAX];
    if (js_run_status_beside(path, ".new", next, sizeof(next)) < 0)
        return -1;
    int fd =
        open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = fd < 0 ? -1 : js_file_write(fd, text, strlen(text));
    js_fd_close(&fd);
    return rc < 0 ? -1 : rename(next, path);
}

int js_run_status_write(const char *path, const struct js_run_status *status)
{
    char text[64];
    if (status->phase == JS_RUN_ENDED)
        snprintf(text, sizeof(text), ended, status->status, status->lost,
                 status->is_out_of_time, status->has_run);
    else
        snprintf(text, sizeof(text), begun, status->lease_ns / JS_NS_PER_US,
                 status->out_bytes);
    return replace_file(path, text);
}

/* If anything is wrong with the file, the state is unknown, and the launcher
 * relies on what it sees of mpirun. The time is that of the file, because the
 * clocks of two hosts may differ. */
void js_run_status_read(const char *path, struct js_run_status *ret)
{
    char text[64];
    int64_t lease_us = 0;
    int is_late = 0, has_run = 0;
    struct stat st;
    memset(ret, 0, sizeof(*ret));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    ssize_t len = js_file_pread(fd, text, sizeof(text) - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    if (fstat(fd, &st) == 0)
        ret->said_ns = st.st_mtim.tv_sec * JS_NS_PER_S + st.st_mtim.tv_nsec;
    js_fd_close(&fd);
    if (sscanf(text, begun, &lease_us, &ret->out_bytes) == 2)
        ret->phase = JS_RUN_BEGUN;
    else if (sscanf(text, ended, &ret->status, &ret->lost, &is_late,
                    &has_run) == 4)
        ret->phase = JS_RUN_ENDED;
    ret->is_out_of_time = is_late != 0;
    ret->has_run = has_run != 0;
    ret->lease_ns = lease_us * JS_NS_PER_US;
}

int js_run_status_write_note(const char *path, enum js_run_note note,
                             uint64_t number)
{
    char name[PATH_MAX], text[64];
    snprintf(text, sizeof(text), "%" PRIu64 "\n", number);
    return js_run_status_beside(path, note_suffixes[note], name, sizeof(name)) <
                   0
               ? -1
               : replace_file(name, text);
}

/* A note that does not exist, or is not a number, gives 0: nothing. */
uint64_t js_run_status_read_note(const char *path, enum js_run_note note)
{
    char name[PATH_MAX], text[64] = "";
    if (js_run_status_beside(path, note_suffixes[note], name, sizeof(name)) ==
        0)
        js_file_read_text(name, text, sizeof(text));
    return strtoull(text, NULL, 10);
}

void js_run_status_forget_note(const char *path, enum js_run_note note)
{
    char name[PATH_MAX];
    if (js_run_status_beside(path, note_suffixes[note], name, sizeof(name)) ==
        0)
        unlink(name);
}
