/*
 * spool - output of ended jobs that the master has not fetched yet.
 *
 * Owns the files given to it. Outputs of up to JS_SPOOL_SMALL bytes are
 * copied into one unlinked file in `tmpdir` and their own files are closed, so
 * that thousands of waiting jobs do not cost a descriptor each; larger ones
 * keep their file. The space of dropped output is given back to the file
 * system.
 *
 * The process must ignore SIGXFSZ, because the common file may reach a limit on
 * file sizes that no single output reaches; then it is not used.
 */
#ifndef JS_NODE_SPOOL_H
#define JS_NODE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    JS_SPOOL_SMALL = 256 * 1024,
    /* With this many outputs in files of their own, the usual limit of 1,024
       descriptors leaves enough to run the next jobs. */
    JS_SPOOL_FILES_MAX = 256
};

enum js_stream { JS_STREAM_OUT = 0, JS_STREAM_ERR = 1, JS_STREAM_COUNT };

struct js_spool;

/* `tmpdir` is copied; nothing is created in it before it is needed. Returns
 * NULL with errno ENOMEM on failure. */
struct js_spool *js_spool_new(const char *tmpdir, uint64_t limit_bytes);

void js_spool_free(struct js_spool *spool); /* NULL is allowed; keeps errno */

/*
 * Keeps the output of the job under `ticket`: for each stream a descriptor of
 * `bytes[stream]` bytes from offset 0 on, or -1 with 0 bytes. The spool takes
 * over the descriptors, even on failure. If copying into the common file fails,
 * the spool keeps the job's own file. Returns 0, or -1 with errno ENOMEM.
 */
int js_spool_put(struct js_spool *spool, uint64_t ticket,
                 const int fds[JS_STREAM_COUNT],
                 const uint64_t bytes[JS_STREAM_COUNT]);

/* Reads up to `len` bytes of a stream from `offset` on. Returns how many were
 * read (0 at the end of the stream), or -1 with errno: ENOENT for an unknown
 * ticket, EIO if the file is shorter than it was, or an error of pread(2). */
ssize_t js_spool_read(const struct js_spool *spool, uint64_t ticket,
                      enum js_stream stream, uint64_t offset, void *to,
                      size_t len);

/* Drops the output of the job under `ticket`. An unknown ticket is ignored.
 */
void js_spool_drop(struct js_spool *spool, uint64_t ticket);

/* The output that waits to be fetched. */
struct js_spool_load {
    uint64_t bytes;
    uint64_t jobs;
    bool is_full; /* no further job should be started until something is
                     fetched, because the limit or JS_SPOOL_FILES_MAX is
                     reached; never true when nothing waits */
};

struct js_spool_load js_spool_load(const struct js_spool *spool);

#endif
