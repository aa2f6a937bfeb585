/*
 * rehearsal - plays a run through without running anything.
 *
 * Each job takes as long as every other, and succeeds; the first that began is
 * the first to end. For --dry-run.
 */
#ifndef JS_SCHED_REHEARSAL_H
#define JS_SCHED_REHEARSAL_H

#include "list/source.h"
#include "sched/scheduler.h"

/* Told of each job in the order of their starts, with its grant. */
typedef void (*js_rehearse_fn)(void *arg,
                               const struct js_scheduler_decision *assigned);

/*
 * Gives all jobs of the source to the scheduler, which has its slaves, and
 * plays until nothing is left. Returns 0; -1 with *err: the source had an
 * error, no memory, or jobs are left that no slave could run.
 */
int js_rehearse(struct js_scheduler *scheduler, struct js_source *source,
                js_rehearse_fn started, void *arg, struct js_err *err);

#endif
