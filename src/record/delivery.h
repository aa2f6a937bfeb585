/*
 * delivery - writes the output of each job to stdout and stderr in one piece.
 *
 * Owns the ended jobs whose output has not been written, in the order in which
 * they ended; and the console, which holds lines for a person until they can be
 * written between the output of two jobs. It knows nothing about messages: it
 * says which piece of output it needs next, and the caller fetches it.
 *
 * It delivers one job after the other. The job's stdout and then its stderr,
 * each to the last byte, are handed to the two output queues. When the queues
 * have written both, the job counts as finished, and the hook is called. A job
 * without output does not wait for jobs with output.
 *
 * The two output queues may lead to the same file, so no byte goes to one while
 * bytes of jobs wait in the other. Others may write to the queues as well; what
 * they write between two pieces of a fetched output splits that output.
 *
 * If an output queue can no longer take the output of a job (its reader has
 * gone, the disk is full), the job is withheld: it is dropped and the hook is
 * not called, as if it had not run. If a job succeeded but its output cannot be
 * fetched, the hook sees a job that failed (JS_STEP_COLLECT). A failed job
 * comes with the tail of its output, from its stderr if there is any, as far as
 * that was fetched.
 */
#ifndef JS_RECORD_DELIVERY_H
#define JS_RECORD_DELIVERY_H

#include "base/buf.h"
#include "base/err.h"
#include "base/outq.h"
#include "record/completion.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---------------------------------------------------------------- the lines */

struct js_console {
    struct js_outq *out, *err; /* borrowed */
    struct js_buf out_held, err_held;
    struct js_log log; /* lines to err, with "jobsched: " */
};

/* The console must not move while its log is in use. */
void js_console_init(struct js_console *console, struct js_outq *out,
                     struct js_outq *err);
void js_console_release(struct js_console *console); /* drops what is held */

/* Adds a line to stdout, as it is; it is dropped if there is no memory.
 */
void js_console_trace(struct js_console *console, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes the held lines. Call it when no job's output is half written. */
void js_console_flush(struct js_console *console);

/* Ends a line that a job has left open on stderr, for others to write there. */
void js_console_end_line(struct js_console *console);

/* Returns how many bytes are held here, or are in the output queues because
 * their readers have not taken them. */
size_t js_console_unwritten(const struct js_console *console);

/* ---------------------------------------------------------------- output */

enum {
    /* Nothing more is fetched while this much waits for the reader. */
    JS_DELIVERY_WINDOW = 1024 * 1024,
    /* The largest size of one fetch. */
    JS_DELIVERY_CHUNK = 256 * 1024,
    /* While this many jobs wait, no new ones should be sent out. */
    JS_DELIVERY_MAX_WAITING = 100000,
};

struct js_delivery;

/* Called once for every job, when it is finished. The hook must free the job;
 * the completion itself is borrowed. */
typedef void (*js_finished_fn)(void *arg,
                               const struct js_completion *completion);

/* The output queues and the log are borrowed. Returns NULL with errno ENOMEM on
 * failure. */
struct js_delivery *js_delivery_new(struct js_outq *out, struct js_outq *err,
                                    const struct js_log *log);

/* Sets the hook; must be called before the first job is added. */
void js_delivery_report_to(struct js_delivery *delivery,
                           js_finished_fn finished, void *arg);

/* Frees the delivery and the jobs that are still waiting. NULL is allowed. */
void js_delivery_free(struct js_delivery *delivery);

/*
 * Adds a job that has ended. From now on the delivery owns completion->job,
 * even on failure. `inlined` points to the outcome.out_bytes +
 * outcome.err_bytes bytes that came with its completion. If it is NULL, they
 * must be fetched from completion->slave under `ticket`. `captured` is false if
 * the output went elsewhere (a folder, nowhere): then there is nothing to
 * write. The hook may be called before this returns. Returns 0, or -1 with
 * errno ENOMEM; then the job has been freed and the hook is never called.
 */
int js_delivery_add(struct js_delivery *delivery,
                    const struct js_completion *completion, uint64_t ticket,
                    bool captured, const char *inlined);

/* A piece of output to fetch. length 0: the whole output of that ticket is
 * no longer needed (so its holder may forget it); this is not answered. */
struct js_fetch {
    unsigned slave;
    uint64_t ticket;
    uint32_t stream; /* 0: stdout, 1: stderr */
    uint64_t offset;
    uint32_t length; /* at most JS_DELIVERY_CHUNK */
};

/* Returns true with the next piece to fetch in *ret, or false if there is
 * nothing to ask for now (or a fetch is under way). Call it until it returns
 * false. */
bool js_delivery_next_fetch(struct js_delivery *delivery, struct js_fetch *ret);

/* Takes the answer to the fetch under way: `len` bytes (fewer than asked for
 * will do), or none, with the errno that kept the slave from reading them. The
 * log reports what cannot be read, and the rest of that stream is dropped.
 * Returns 0, or -1 with errno EPROTO for an answer without a request, or
 * ENOMEM; after ENOMEM the piece will be asked for again. */
int js_delivery_fetched(struct js_delivery *delivery, unsigned slave,
                        uint64_t ticket, uint32_t stream, uint64_t offset,
                        const void *bytes, size_t len, int error);

/* Records that the output that this slave holds can no longer be fetched. The
 * log reports this, and the jobs finish without their output. */
void js_delivery_lost(struct js_delivery *delivery, unsigned slave);

/* Writes what the readers accept now, and finishes jobs. */
void js_delivery_step(struct js_delivery *delivery);

/* The state of a delivery. */
struct js_delivery_state {
    uint64_t waiting; /* jobs that are not finished yet, but may still finish */
    uint64_t withheld;  /* jobs that had ended and were withheld; without
                           attempts that were to be followed by another, or
                           were stopped */
    bool is_fetching;   /* an answer to js_delivery_next_fetch() is awaited */
    bool is_within_job; /* some of a job's output has been handed to the output
                           queues and not all of it: nothing else should be
                           written to them */
    bool is_behind; /* too much output waits: jobs should not send output along
                       with their completion */
};

struct js_delivery_state js_delivery_look(const struct js_delivery *delivery);

#endif
