/*
 * list_state - the state of the jobs of a list, and why unfinished ones wait.
 *
 * Goes through the list as a run would, using what a registry has on record
 * about its jobs. It changes nothing in the registry and decides nothing: as in
 * a run, the graph says which jobs wait. Owns the graph; borrows the list and
 * the registry. Jobs are identified by their ids; an id of 0 means a job that
 * was never accepted.
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
    JS_WAIT_FOR_ROOM, /* it waits for no job, and may already be running */
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

/* Returns NULL with errno set if memory runs out or visit fails. */
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

/* Calls visit for each unfinished job that job number `seq` comes after. */
typedef void (*js_awaited_fn)(void *arg, const struct js_awaited *awaited);
void js_list_state_each(const struct js_list_state *list_state, uint64_t seq,
                        js_awaited_fn visit, void *arg);

/* Returns how many jobs above the last `wait` line before this job have not
 * ended, or 0 if no such line delays it. */
uint64_t js_list_state_above(const struct js_list_state *list_state,
                             uint64_t seq);

#endif
