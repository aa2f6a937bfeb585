/*
 * orphans - ends processes that jobs of killed runs have left on this host.
 *
 * The environment of a job carries a mark of the run that the job is part of
 * (base/process.h). If a slave and its runner were killed together, the
 * processes of their jobs have not been ended. This module finds these
 * processes by their mark, and processes of a run within such a job by the mark
 * of the outer run. The runs must be over. It ends only processes
 *  - that began during their run,
 *  - that are in the same pid namespace and the same Slurm job as this process
 *    (or in no Slurm job, if it is in none),
 *  - that are not below a living jobsched (which ends its own processes), not
 *    above this process, and not part of its run,
 *  - and, if their run lets leftovers go on, that have not started a session of
 *    their own.
 * It signals each process through a pidfd, and reads the mark once more after
 * opening the pidfd, so that no other process can get the signal. On a kernel
 * without pidfds (Linux before 5.3) it ends nothing.
 *
 * A process gets SIGTERM first and, grace_ns later, SIGKILL. The checks go on,
 * because new processes may appear, until none is left or JS_ORPHANS_MOST_NS
 * have passed. A check needs a few descriptors, and fails without them.
 */
#ifndef JS_NODE_ORPHANS_H
#define JS_NODE_ORPHANS_H

#include "base/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JS_ORPHANS_MOST_NS (10 * INT64_C(1000000000))

struct js_orphans;

/* Copies the runs. Returns NULL with errno ENOMEM on failure. */
struct js_orphans *js_orphans_new(const struct js_dead_run *runs, size_t count,
                                  int64_t grace_ns, int64_t now_ns);
void js_orphans_free(struct js_orphans *orphans); /* NULL is allowed */

/* Checks for such processes and signals those it finds. Returns when to call it
 * again, by the clock of now_ns, or JS_NEVER_NS when it is over. */
int64_t js_orphans_step(struct js_orphans *orphans, int64_t now_ns);

struct js_orphans_seen {
    uint32_t ended; /* processes that have been signalled so far */
    uint32_t left;  /* how many of these were still there at the last step */
    int error;      /* 0, or the errno with which the last check failed */
};

struct js_orphans_seen js_orphans_seen(const struct js_orphans *orphans);

#endif
