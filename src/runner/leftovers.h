/*
 * runner_sweep - signals what a job has left behind.
 *
 * Looks at the children that this process, a subreaper, has at the moment;
 * whatever hangs below them comes up when they have ended. So a sweep is
 * repeated after each end of a child until nothing is left.
 */
#ifndef JS_RUNNER_LEFTOVERS_H
#define JS_RUNNER_LEFTOVERS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A small set of pids; all zero is empty. */
struct js_pids {
    struct js_buf list;
};

bool js_pids_has(const struct js_pids *pids, pid_t pid);
int js_pids_add(struct js_pids *pids, pid_t pid); /* -1 with errno ENOMEM */
void js_pids_remove(struct js_pids *pids, pid_t pid);

struct js_leftovers {
    bool all;         /* every child that is not spared is meant; else those */
    pid_t group;      /* of this process group */
    uint64_t run;     /* and those that carry this run, job and attempt in */
    uint64_t id;      /* their environment; or whose run was within that job */
    uint32_t attempt; /* (base/mark.h); */
    bool (*spared)(pid_t pid, void *arg);
    /* and what this says of those that are not; NULL: no more */
    bool (*strange)(pid_t pid, void *arg);
    void *arg;
    /* SIGKILL; or SIGTERM, which each gets once, and those in the group not at
     * all: the caller has told the whole group. */
    int signal;
    struct js_pids *found; /* gets the pids of those that are meant */
    unsigned left;         /* out: how many these were */
    unsigned strangers;    /* out: those that cannot be told; the environment of
                              one in the middle of an exec is empty */
};

/* Returns 0, or -1 with errno when the children could not be listed. */
int js_leftovers_run(struct js_leftovers *sweep);

#endif
