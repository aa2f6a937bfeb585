/*
 * orphans - ends what the jobs of killed runs have left on this host.
 *
 * A job carries in its environment which run it is part of (base/mark.h).
 * Where slave and runner were killed together nobody ends its processes; they
 * are found by that mark, and those of a run within the job by what that is
 * within. The runs must be over. Ended are only processes
 *  - that began within their run,
 *  - of this pid namespace, and of the Slurm job that this process is part of
 *    (or of none, as this one),
 *  - that are not below a living jobsched (which sees to its own), and neither
 *    above this process nor of its own run,
 *  - and, where the run lets leftovers go on, that have not begun a session of
 *    their own.
 * Each is signalled through a pidfd, behind which the mark is read once more:
 * no other process can get the signal. On a kernel without pidfds (Linux before
 * 5.3) nothing is ended.
 *
 * SIGTERM comes first, grace_ns later SIGKILL; again and again, as new ones may
 * come up, until none is left or JS_ORPHANS_MOST_NS have passed. A look
 * needs a few descriptors: without them nobody knows what there is.
 */
#ifndef JS_NODE_ORPHANS_H
#define JS_NODE_ORPHANS_H

#include "base/mark.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JS_ORPHANS_MOST_NS (10 * INT64_C(1000000000))

struct js_orphans;

/* The runs are copied. NULL with errno ENOMEM. */
struct js_orphans *js_orphans_new(const struct js_dead_run *runs, size_t count,
                                  int64_t grace_ns, int64_t now_ns);
void js_orphans_free(struct js_orphans *orphans); /* NULL is allowed */

/* Looks, and signals what is to be ended. When to call it again, by the clock
 * of now_ns; JS_NEVER_NS: it is over. */
int64_t js_orphans_step(struct js_orphans *orphans, int64_t now_ns);

/* How many have been told to end; and how many of these were still there at the
 * last step. */
uint32_t js_orphans_ended(const struct js_orphans *orphans);
uint32_t js_orphans_left(const struct js_orphans *orphans);

/* 0; or why it cannot be known what is there (errno), as of the last step. */
int js_orphans_error(const struct js_orphans *orphans);

#endif
