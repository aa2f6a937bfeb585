/*
 * orphans - ends what the jobs of killed runs have left on this host.
 *
 * The environment of a job says which run it is part of (base/process.h). If
 * slave and runner were killed together, nobody has ended the job's processes.
 * This module finds them by that mark, and those of a run within the job by the
 * mark of the outer run. The runs must be over. It ends only processes
 *  - that began within their run,
 *  - of this pid namespace, and of the Slurm job that this process is part of
 *    (or of none, if this one is),
 *  - that are not below a living jobsched (which ends its own), not above this
 *    process, and not of its own run,
 *  - and, if the run lets leftovers go on, that have not begun a session of
 *    their own.
 * It signals each through a pidfd, and reads the mark once more after opening
 * it: so no other process can get the signal. On a kernel without pidfds (Linux
 * before 5.3) it ends nothing.
 *
 * A process gets SIGTERM first and, grace_ns later, SIGKILL. The looks go on,
 * because new processes may come up, until none is left or JS_ORPHANS_MOST_NS
 * have passed. A look needs a few descriptors; without them it fails.
 */
#ifndef JS_NODE_ORPHANS_H
#define JS_NODE_ORPHANS_H

#include "base/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JS_ORPHANS_MOST_NS (10 * INT64_C(1000000000))

struct js_orphans;

/* Copies the runs. NULL with errno ENOMEM. */
struct js_orphans *js_orphans_new(const struct js_dead_run *runs, size_t count,
                                  int64_t grace_ns, int64_t now_ns);
void js_orphans_free(struct js_orphans *orphans); /* NULL is allowed */

/* Looks, and signals what it finds. Returns when to call it again, by the clock
 * of now_ns; JS_NEVER_NS: it is over. */
int64_t js_orphans_step(struct js_orphans *orphans, int64_t now_ns);

struct js_orphans_seen {
    uint32_t ended; /* processes that got a signal so far */
    uint32_t left;  /* how many of these were still there at the last step */
    int error;      /* 0, or the errno that kept the last step from looking */
};

struct js_orphans_seen js_orphans_seen(const struct js_orphans *orphans);

#endif
