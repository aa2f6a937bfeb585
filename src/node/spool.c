#include "node/spool.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CHAINS = 64 };

/* One stream of a job. */
struct output {
    int fd;          /* its own file, or -1: in the common one */
    uint64_t offset; /* in that file */
    uint64_t bytes;
};

struct entry {
    uint64_t ticket;
    struct entry *next; /* in its chain */
    struct output output[JS_STREAM_COUNT];
};

/*
 * bytes, jobs and own_files are sums over the entries of all chains. Outputs in
 * the common file do not overlap; common_used counts them, and when it is 0 the
 * file is emptied and common_end begins at 0 again.
 */
struct js_spool {
    char *tmpdir;
    uint64_t limit_bytes;
    /* what waits */
    uint64_t bytes;
    uint64_t jobs;
    uint64_t own_files;
    struct entry **chains; /* of jobs, by ticket */
    size_t chain_count;    /* a power of two */
    /* the common file */
    int common;           /* -1 until it is needed */
    uint64_t block;       /* every output in it begins at a multiple of this */
    uint64_t common_end;  /* behind the last output in it */
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
    spool->chain_count = FIRST_CHAINS;
    spool->chains = calloc(FIRST_CHAINS, sizeof(*spool->chains));
    spool->tmpdir = strdup(tmpdir);
    if (spool->chains && spool->tmpdir)
        return spool;
    js_spool_free(spool);
    return NULL;
}

/* ------------------------------------------------------- the common file */

static uint64_t round_up(uint64_t bytes, uint64_t block)
{
    return (bytes + block - 1) / block * block;
}

/* O_APPEND would make pwrite(2) ignore where it is told to write. */
static int open_common(struct js_spool *spool)
{
    if (spool->common >= 0)
        return 0;
    int fd = js_file_open_unlinked(spool->tmpdir);
    if (fd < 0)
        return -1;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_APPEND) < 0) {
        js_fd_close(&fd);
        return -1;
    }
    spool->common = fd;
    return 0;
}

/*
 * Gives back a part of the common file. File systems give back whole blocks
 * only, so outputs share none (which costs no more than the files they came
 * in). One that knows no holes keeps its blocks until nothing is left.
 */
static void free_common(struct js_spool *spool, uint64_t offset, uint64_t bytes)
{
    if (spool->common_used == 0 && ftruncate(spool->common, 0) == 0) {
        spool->common_end = 0;
        return;
    }
    (void)fallocate(spool->common, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    (off_t)offset, (off_t)round_up(bytes, spool->block));
}

/* Moves an output with its own file into the common one. */
static int move_to_common(struct js_spool *spool, struct output *output)
{
    uint64_t offset = spool->common_end;
    if (open_common(spool) < 0)
        return -1;
    int64_t copied = js_file_copy(output->fd, (int64_t)output->bytes,
                                  spool->common, (int64_t)offset);
    if (copied != (int64_t)output->bytes) {
        if (copied >= 0)
            errno = EIO;
        free_common(spool, offset, output->bytes);
        return -1;
    }
    js_fd_close(&output->fd);
    output->offset = offset;
    spool->common_end = offset + round_up(output->bytes, spool->block);
    spool->common_used++;
    return 0;
}

/* --------------------------------------------------------------- outputs */

/* Takes the descriptor. */
static void spool_keep_output(struct js_spool *spool, struct output *output,
                              int fd, uint64_t bytes)
{
    *output = (struct output){.fd = fd, .bytes = fd < 0 ? 0 : bytes};
    spool->bytes += output->bytes;
    if (output->bytes == 0)
        js_fd_close(&output->fd);
    else if (output->bytes > JS_SPOOL_SMALL ||
             move_to_common(spool, output) < 0)
        spool->own_files++;
}

static void drop_output(struct js_spool *spool, struct output *output)
{
    spool->bytes -= output->bytes;
    if (output->fd >= 0) {
        js_fd_close(&output->fd);
        spool->own_files--;
    } else if (output->bytes > 0) {
        spool->common_used--;
        free_common(spool, output->offset, output->bytes);
    }
}

/* ----------------------------------------------------------------- table */

/* The head of the ticket's chain. Tickets may be numbered in any manner: the
 * factor (Knuth's, 2^64 over the golden ratio) spreads them all. */
static struct entry **chain_of(struct entry **chains, size_t chain_count,
                               uint64_t ticket)
{
    uint64_t mixed = ticket * UINT64_C(0x9E3779B97F4A7C15);
    return &chains[(size_t)(mixed >> 32) & (chain_count - 1)];
}

/* What points to the ticket's entry, or to the NULL at its chain's end. */
static struct entry **spool_find(const struct js_spool *spool, uint64_t ticket)
{
    struct entry **at = chain_of(spool->chains, spool->chain_count, ticket);
    while (*at && (*at)->ticket != ticket)
        at = &(*at)->next;
    return at;
}

static void link_entry(struct entry **chains, size_t chain_count,
                       struct entry *entry)
{
    struct entry **head = chain_of(chains, chain_count, entry->ticket);
    entry->next = *head;
    *head = entry;
}

/* Without memory for it the chains just get longer. */
static void spool_grow(struct js_spool *spool)
{
    size_t chain_count = spool->chain_count * 2;
    struct entry **chains = calloc(chain_count, sizeof(struct entry *));
    if (!chains)
        return;
    for (size_t i = 0; i < spool->chain_count; i++) {
        while (spool->chains[i]) {
            struct entry *entry = spool->chains[i];
            spool->chains[i] = entry->next;
            link_entry(chains, chain_count, entry);
        }
    }
    free(spool->chains);
    spool->chains = chains;
    spool->chain_count = chain_count;
}

/* ----------------------------------------------------------------- calls */

static void close_all(const int fds[JS_STREAM_COUNT])
{
    for (int i = 0; i < JS_STREAM_COUNT; i++) {
        int fd = fds[i];
        js_fd_close(&fd);
    }
}

int js_spool_put(struct js_spool *spool, uint64_t ticket,
                 const int fds[JS_STREAM_COUNT],
                 const uint64_t bytes[JS_STREAM_COUNT])
{
    struct entry *entry = malloc(sizeof(*entry));
    if (!entry) {
        close_all(fds);
        errno = ENOMEM;
        return -1;
    }
    js_spool_drop(spool, ticket);
    entry->ticket = ticket;
    for (int i = 0; i < JS_STREAM_COUNT; i++)
        spool_keep_output(spool, &entry->output[i], fds[i], bytes[i]);
    if (spool->jobs >= spool->chain_count)
        spool_grow(spool);
    link_entry(spool->chains, spool->chain_count, entry);
    spool->jobs++;
    return 0;
}

ssize_t js_spool_read(const struct js_spool *spool, uint64_t ticket,
                      enum js_stream stream, uint64_t offset, void *to,
                      size_t len)
{
    const struct entry *entry = *spool_find(spool, ticket);
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
    struct entry **at = spool_find(spool, ticket);
    struct entry *entry = *at;
    if (!entry)
        return;
    *at = entry->next;
    for (int i = 0; i < JS_STREAM_COUNT; i++)
        drop_output(spool, &entry->output[i]);
    free(entry);
    spool->jobs--;
}

static void free_chain(struct entry *entry)
{
    while (entry) {
        struct entry *next = entry->next;
        for (int i = 0; i < JS_STREAM_COUNT; i++)
            js_fd_close(&entry->output[i].fd);
        free(entry);
        entry = next;
    }
}

void js_spool_free(struct js_spool *spool)
{
    int saved = errno;
    if (!spool)
        return;
    for (size_t i = 0; spool->chains && i < spool->chain_count; i++)
        free_chain(spool->chains[i]);
    js_fd_close(&spool->common);
    free(spool->chains);
    free(spool->tmpdir);
    free(spool);
    errno = saved;
}

uint64_t js_spool_bytes(const struct js_spool *spool)
{
    return spool->bytes;
}

uint64_t js_spool_jobs(const struct js_spool *spool)
{
    return spool->jobs;
}

bool js_spool_full(const struct js_spool *spool)
{
    return spool->jobs > 0 && (spool->bytes >= spool->limit_bytes ||
                               spool->own_files >= JS_SPOOL_FILES_MAX);
}
