/*
 * spool - output of ended jobs that the master has not fetched yet.
 *
 * Owns the files given to it. Outputs of up to JS_SPOOL_SMALL bytes are
 * copied into one unlinked file in `tmpdir` and their files closed, so that
 * thousands of waiting jobs do not cost a descriptor each; larger ones keep
 * their file. What is dropped is given back to the file system.
 *
 * SIGXFSZ must be ignored by the process (the common file may reach a limit on
 * the size of files that no single output does; then it is not used).
 */
#ifndef JS_NODE_SPOOL_H
#define JS_NODE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    JS_SPOOL_SMALL = 256 * 1024,
    /* So many outputs with a file of their own leave descriptors to run the
     * next jobs with, under the usual limit of 1,024. */
    JS_SPOOL_FILES_MAX = 256
};

enum js_stream { JS_STREAM_OUT = 0, JS_STREAM_ERR = 1, JS_STREAM_COUNT };

struct js_spool;

/* `tmpdir` is copied; nothing is created in it before it is needed. NULL with
 * errno ENOMEM. */
struct js_spool *js_spool_new(const char *tmpdir, uint64_t limit_bytes);

void js_spool_free(struct js_spool *spool); /* NULL is allowed; keeps errno */

/*
 * Keeps the output of the job under `ticket`: for each stream a descriptor of
 * `bytes[stream]` bytes from offset 0 on, or -1 with 0 bytes. The spool takes
 * the descriptors over, also on failure. If copying into the common file fails,
 * it keeps the job's own file. Returns 0, or -1 with errno ENOMEM.
 */
int js_spool_put(struct js_spool *spool, uint64_t ticket,
                 const int fds[JS_STREAM_COUNT],
                 const uint64_t bytes[JS_STREAM_COUNT]);

/* Reads up to `len` bytes of a stream from `offset` on. Returns how many (0
 * at its end), or -1 with errno: ENOENT for an unknown ticket, EIO if the file
 * is shorter than it was, or from pread(2). */
ssize_t js_spool_read(const struct js_spool *spool, uint64_t ticket,
                      enum js_stream stream, uint64_t offset, void *to,
                      size_t len);

/* Forgets that job's output. An unknown ticket is ignored. */
void js_spool_drop(struct js_spool *spool, uint64_t ticket);

/* What waits to be fetched. */
struct js_spool_load {
    uint64_t bytes;
    uint64_t jobs;
    bool is_full; /* no further job should be started before something is
                     fetched: the limit is reached, or JS_SPOOL_FILES_MAX.
                     Never when nothing waits */
};

struct js_spool_load js_spool_load(const struct js_spool *spool);

#endif
