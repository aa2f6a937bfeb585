/*
 * list_state - how the jobs of a list stand, and what those that are left wait
 * for.
 *
 * Goes through the list as a run would, with what is on record of its jobs (a
 * registry, which is only looked at), and decides nothing: who waits is the
 * graph's word, as in a run. Owns the graph; borrows the list and the registry.
 * Jobs are known by their ids; 0 is one that was never accepted.
 */
#ifndef JS_LIST_LIST_STATE_H
#define JS_LIST_LIST_STATE_H

#include "list/job.h"
#include "list/list.h"
#include "list/registry.h"

#include <stdbool.h>
#include <stdint.h>

enum js_wait {
    JS_WAIT_NOT = 0,  /* it has ended */
    JS_WAIT_FOR_ROOM, /* for nothing else: it may run already */
    JS_WAIT_FOR_JOBS,
    JS_WAIT_BEHIND_WAIT, /* a `wait` line */
    JS_WAIT_TO_SKIP,     /* one of its `after` has failed or was skipped */
    JS_WAIT_COUNT
};

/* Told of each job, in the order of the list; the job is borrowed. 0, or -1
 * with errno, which ends it. */
typedef int (*js_list_state_fn)(void *arg, const struct js_job *job,
                                enum js_wait wait);

struct js_list_state;

/* NULL with errno: no memory, or visit has failed. */
struct js_list_state *js_list_state_new(const struct js_list *list,
                                        struct js_registry *registry,
                                        js_list_state_fn visit, void *arg);
void js_list_state_free(struct js_list_state *list_state); /* NULL is allowed */

/* One of the jobs that another waits for. */
struct js_awaited {
    uint64_t id;
    const char *name; /* the list's */
    bool any;         /* after-any */
};

/* Calls visit for each job that has not ended and that the job of this seq
 * comes after. */
typedef void (*js_awaited_fn)(void *arg, const struct js_awaited *awaited);
void js_list_state_each(const struct js_list_state *list_state, uint64_t seq,
                        js_awaited_fn visit, void *arg);

/* How many jobs above its `wait` line have not ended; 0: it is behind none that
 * holds it up. */
uint64_t js_list_state_above(const struct js_list_state *list_state,
                             uint64_t seq);

#endif
