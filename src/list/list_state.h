/*
 * list_state - the state of the jobs of a list, and why unfinished ones wait.
 *
 * Goes through the list as a run would, with what a registry has on record of
 * its jobs. It changes nothing in the registry and decides nothing: as in a
 * run, the graph says which jobs wait. Owns the graph; borrows the list and the
 * registry. Jobs are identified by their ids; 0 is a job that was never
 * accepted.
 */
#ifndef JS_LIST_LIST_STATE_H
#define JS_LIST_LIST_STATE_H

#include "list/job.h"
#include "list/list.h"
#include "list/registry.h"

#include <stdbool.h>
#include <stdint.h>

enum js_wait {
    JS_WAIT_NOT = 0,  /* it does not wait: it has ended */
    JS_WAIT_FOR_ROOM, /* it waits for nothing else and may be running */
    JS_WAIT_FOR_JOBS,
    JS_WAIT_BEHIND_WAIT, /* it waits for jobs above a `wait` line */
    JS_WAIT_TO_SKIP,     /* it will be skipped: one of its `after` failed or was
                            skipped */
    JS_WAIT_COUNT
};

/* Called for each job, in the order of the list. The job is borrowed. Returns
 * 0, or -1 with errno, which ends the walk. */
typedef int (*js_list_state_fn)(void *arg, const struct js_job *job,
                                enum js_wait wait);

struct js_list_state;

/* Returns NULL with errno if there is no memory or visit has failed. */
struct js_list_state *js_list_state_new(const struct js_list *list,
                                        struct js_registry *registry,
                                        js_list_state_fn visit, void *arg);
void js_list_state_free(struct js_list_state *list_state); /* NULL is allowed */

/* One of the jobs that another waits for. */
struct js_awaited {
    uint64_t id;
    const char *name; /* owned by the list */
    bool any;         /* after-any */
};

/* Calls visit for each unfinished job that the job with this seq comes
 * after. */
typedef void (*js_awaited_fn)(void *arg, const struct js_awaited *awaited);
void js_list_state_each(const struct js_list_state *list_state, uint64_t seq,
                        js_awaited_fn visit, void *arg);

/* How many jobs above the `wait` line before this job have not ended; 0 if none
 * delays it. */
uint64_t js_list_state_above(const struct js_list_state *list_state,
                             uint64_t seq);

#endif
