/*
 * delivery - brings each job's output to stdout and stderr, whole.
 *
 * Owns: ended jobs whose output has not been written, in the order in which
 * they ended. Knows nothing of messages: it says which piece of output it
 * wants next, and somebody brings it.
 *
 * One job after the other: its stdout, then its stderr, each to the last byte,
 * are handed to the two output queues; when these have written them the job
 * counts as finished, and the hook is told. A job that wrote nothing does not
 * wait for those that did. The two output queues may lead to one file: no byte
 * goes to the one while bytes of jobs wait in the other. Others may write to
 * them as well; what they write between two pieces of a fetched output splits
 * it. A job whose output an output queue did not take, and never will (its
 * reader has gone, the disk is full), is withheld: it is dropped, and the hook
 * is not told, as if it had not run. A job that succeeded and whose output
 * cannot be had is told as one that failed (JS_STEP_COLLECT). One that failed
 * is told with the tail of what it has written, of its stderr if there is any,
 * as far as that was brought here.
 */
#ifndef JS_RECORD_DELIVERY_H
#define JS_RECORD_DELIVERY_H

#include "base/log.h"
#include "base/outq.h"
#include "record/completion.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* No more is fetched while this much waits for the reader. */
    JS_DELIVERY_WINDOW = 1024 * 1024,
    /* The size of one fetch, at most. */
    JS_DELIVERY_CHUNK = 256 * 1024,
    /* So many jobs may wait before no new one should be sent out. */
    JS_DELIVERY_MAX_WAITING = 100000,
};

struct js_delivery;

/* Called once for every job, when it is finished. The job is the hook's to
 * free; the completion itself is borrowed. */
typedef void (*js_finished_fn)(void *arg,
                               const struct js_completion *completion);

/* The output queues and the log are borrowed. NULL with errno ENOMEM. */
struct js_delivery *js_delivery_new(struct js_outq *out, struct js_outq *err,
                                    const struct js_log *log);

/* Who is called of each job that is finished; must be set before the first job
 * is added. */
void js_delivery_report_to(struct js_delivery *delivery,
                           js_finished_fn finished, void *arg);

/* Frees it and the jobs that are still waiting. NULL is allowed. */
void js_delivery_free(struct js_delivery *delivery);

/*
 * The job has ended; its job is owned by the delivery from here on, also on
 * failure. `inlined` points to outcome.out_bytes + outcome.err_bytes bytes
 * that came with its completion, or is NULL: then they are to be fetched from
 * finish->slave under `ticket`. `captured` is false if the output went
 * elsewhere (a folder, nowhere): then there is nothing to write. The hook may
 * be called before this returns. Returns 0, or -1 with errno ENOMEM: then the
 * job is gone and the hook is never told.
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

/* True and the next piece to ask for; false when there is nothing to ask now
 * (or one is under way). Call it until it is false. */
bool js_delivery_next_fetch(struct js_delivery *delivery, struct js_fetch *ret);

/* The answer to the fetch under way: `len` bytes (fewer than asked for will
 * do), or none and the errno that kept the slave from reading them. What
 * cannot be read is said in the log, and the rest of that stream is given up.
 * Returns 0, or -1 with errno EPROTO for an answer nobody asked for, or ENOMEM:
 * then the piece will be asked for again. */
int js_delivery_fetched(struct js_delivery *delivery, unsigned slave,
                        uint64_t ticket, uint32_t stream, uint64_t offset,
                        const void *bytes, size_t len, int error);

/* What this slave holds can no longer be fetched: said in the log, and the
 * jobs finish without it. */
void js_delivery_lost(struct js_delivery *delivery, unsigned slave);

/* Writes what the readers take now, and finishes jobs. */
void js_delivery_step(struct js_delivery *delivery);

/* True if an answer to js_delivery_next_fetch() is awaited. */
bool js_delivery_is_fetching(const struct js_delivery *delivery);

/* Jobs that are not finished, and may be. */
uint64_t js_delivery_waiting(const struct js_delivery *delivery);

/* Jobs that had ended and were withheld; without attempts that were to be
 * followed by another, or were stopped. */
uint64_t js_delivery_withheld(const struct js_delivery *delivery);

/* True while some of a job's output has been handed to the output queues and
 * not all of it: nothing else should be written to them then. */
bool js_delivery_is_within_job(const struct js_delivery *delivery);

/* True when so much waits that jobs should not bring output with their
 * completion. */
bool js_delivery_is_behind(const struct js_delivery *delivery);

#endif
