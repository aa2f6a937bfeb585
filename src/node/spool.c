#include "node/spool.h"

#include "base/file.h"
#include "base/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One stream of a job. */
struct output {
    int fd;          /* its own file, or -1: in the common one */
    uint64_t offset; /* in that file */
    uint64_t bytes;
};

struct entry {
    uint64_t ticket;
    struct entry *next; /* in the table */
    struct output output[JS_STREAM_COUNT];
};

/*
 * bytes and own_files are sums over all entries. Outputs in the common file do
 * not overlap; common_used counts them, and when it is 0 the file is emptied
 * and common_end begins at 0 again.
 */
struct js_spool {
    char *tmpdir;
    uint64_t limit_bytes;
    /* what waits */
    uint64_t bytes;
    uint64_t own_files;
    struct js_idmap entries; /* by ticket */
    /* the common file */
    int common;           /* -1 until it is needed */
    uint64_t block;       /* every output in it begins at a multiple of this */
    uint64_t common_end;  /* after the last output in it */
    uint64_t common_used; /* outputs in it */
};

struct js_spool *js_spool_new(const char *tmpdir, uint64_t limit_bytes)
{
    struct js_spool *spool = calloc(1, sizeof(*spool));
    if (!spool)
        return NULL;
    long page = sysconf(_SC_PAGESIZE);
    spool->common = -1;
    spool->limit_bytes = limit_bytes;
    spool->block = page > 0 ? (uint64_t)page : 4096;
    spool->entries = (struct js_idmap)JS_IDMAP_OF(struct entry, ticket, next);
    spool->tmpdir = strdup(tmpdir);
    if (spool->tmpdir)
        return spool;
    js_spool_free(spool);
    return NULL;
}

/* ------------------------------------------------------- the common file */

static uint64_t spool_round_up(uint64_t bytes, uint64_t block)
{
    return (bytes + block - 1) / block * block;
}

/*
 * Gives back a part of the common file. File systems give back whole blocks
 * only, so outputs share none (which costs no more than the files they came
 * in). A file system without support for holes keeps the blocks until nothing
 * is left.
 */
static void spool_free_common(struct js_spool *spool, uint64_t offset,
                              uint64_t bytes)
{
    if (spool->common_used == 0 && ftruncate(spool->common, 0) == 0) {
        spool->common_end = 0;
        return;
    }
    (void)fallocate(spool->common, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    (off_t)offset, (off_t)spool_round_up(bytes, spool->block));
}

/* Moves an output with its own file into the common one. */
static int spool_move_to_common(struct js_spool *spool, struct output *output)
{
    uint64_t offset = spool->common_end;
    if (spool->common < 0) {
        int fd = js_file_open_unlinked(spool->tmpdir);
        int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
        /* O_APPEND would make pwrite(2) ignore the offset. */
        if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_APPEND) < 0) {
            js_fd_close(&fd);
            return -1;
        }
        spool->common = fd;
    }
    int64_t copied = js_file_copy(output->fd, (int64_t)output->bytes,
                                  spool->common, (int64_t)offset);
    if (copied != (int64_t)output->bytes) {
        if (copied >= 0)
            errno = EIO;
        spool_free_common(spool, offset, output->bytes);
        return -1;
    }
    js_fd_close(&output->fd);
    output->offset = offset;
    spool->common_end = offset + spool_round_up(output->bytes, spool->block);
    spool->common_used++;
    return 0;
}

/* ----------------------------------------------------------------- calls */

/* An output that is small, but cannot be moved to the common file, keeps its
 * own: a full file system must not cost the output of a job. */
int js_spool_put(struct js_spool *spool, uint64_t ticket,
                 const int fds[JS_STREAM_COUNT],
                 const uint64_t bytes[JS_STREAM_COUNT])
{
    struct entry *entry = malloc(sizeof(*entry));
    if (!entry || js_idmap_reserve(&spool->entries) < 0) {
        free(entry);
        for (int i = 0; i < JS_STREAM_COUNT; i++) {
            int fd = fds[i];
            js_fd_close(&fd);
        }
        errno = ENOMEM;
        return -1;
    }
    js_spool_drop(spool, ticket);
    entry->ticket = ticket;
    for (int i = 0; i < JS_STREAM_COUNT; i++) {
        struct output *output = &entry->output[i];
        *output =
            (struct output){.fd = fds[i], .bytes = fds[i] < 0 ? 0 : bytes[i]};
        spool->bytes += output->bytes;
        if (output->bytes == 0)
            js_fd_close(&output->fd);
        else if (output->bytes > JS_SPOOL_SMALL ||
                 spool_move_to_common(spool, output) < 0)
            spool->own_files++;
    }
    return js_idmap_put(&spool->entries, entry);
}

ssize_t js_spool_read(const struct js_spool *spool, uint64_t ticket,
                      enum js_stream stream, uint64_t offset, void *to,
                      size_t len)
{
    const struct entry *entry = js_idmap_get(&spool->entries, ticket);
    if (!entry) {
        errno = ENOENT;
        return -1;
    }
    const struct output *output = &entry->output[stream];
    if (offset >= output->bytes)
        return 0;
    if (len > output->bytes - offset)
        len = (size_t)(output->bytes - offset);
    int fd = output->fd < 0 ? spool->common : output->fd;
    ssize_t n = js_file_pread(fd, to, len, (off_t)(output->offset + offset));
    if (n >= 0 && (size_t)n < len) {
        errno = EIO;
        return -1;
    }
    return n;
}

void js_spool_drop(struct js_spool *spool, uint64_t ticket)
{
    struct entry *entry = js_idmap_take(&spool->entries, ticket);
    if (!entry)
        return;
    for (int i = 0; i < JS_STREAM_COUNT; i++) {
        struct output *output = &entry->output[i];
        spool->bytes -= output->bytes;
        if (output->fd >= 0) {
            js_fd_close(&output->fd);
            spool->own_files--;
        } else if (output->bytes > 0) {
            spool->common_used--;
            spool_free_common(spool, output->offset, output->bytes);
        }
    }
    free(entry);
}

void js_spool_free(struct js_spool *spool)
{
    int saved = errno;
    if (!spool)
        return;
    struct entry *entry = js_idmap_next(&spool->entries, NULL);
    while (entry) {
        struct entry *next = js_idmap_next(&spool->entries, entry);
        for (int i = 0; i < JS_STREAM_COUNT; i++)
            js_fd_close(&entry->output[i].fd);
        free(entry);
        entry = next;
    }
    js_idmap_release(&spool->entries);
    js_fd_close(&spool->common);
    free(spool->tmpdir);
    free(spool);
    errno = saved;
}

struct js_spool_load js_spool_load(const struct js_spool *spool)
{
    struct js_spool_load load = {.bytes = spool->bytes,
                                 .jobs = spool->entries.count};
    load.is_full = load.jobs > 0 && (load.bytes >= spool->limit_bytes ||
                                     spool->own_files >= JS_SPOOL_FILES_MAX);
    return load;
}
