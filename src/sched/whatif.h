/*
 * whatif - how long a list would take on 1, 2, 4 ... slots.
 *
 * A simulation (sched/simulate.h) for each number of slots, with the run times
 * that the caller knows. Owns what comes out; knows nothing of where the run
 * times come from, or how it is shown.
 *
 * A slot is a slave of its own with one core. Hosts are filled with
 * `host_slots` of them, the last with what is left.
 */
#ifndef JS_SCHED_WHATIF_H
#define JS_SCHED_WHATIF_H

#include "base/err.h"
#include "list/job.h"
#include "list/list.h"
#include "list/registry.h"
#include "sched/scheduler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No more slots are tried than this. */
enum { JS_WHATIF_SLOTS_MAX = 16384 };

/* The choice is the most slots of which each does at least so much of what each
 * of the fewest does. */
enum { JS_WHATIF_PERCENT = 80 };

/* How long the job ran, or -1: nobody knows. Its id is the registry's. */
typedef int64_t (*js_whatif_fn)(void *arg, const struct js_job *job);

struct js_whatif_config {
    const struct js_list *list;   /* borrowed */
    struct js_registry *registry; /* gives the jobs their ids, and is only
                                     looked at; NULL: an id is the place in the
                                     list */
    struct js_scheduler_config scheduler; /* is_ordered, is_stream: by the
                                             list */
    js_whatif_fn run_ns;
    js_whatif_fn expected_ns; /* what longest_first goes by; NULL: nothing */
    void *arg;
    int64_t gap_ns;          /* between two jobs of a slot */
    uint64_t slots;          /* a number to be tried besides; 0: none */
    uint32_t host_slots;     /* of one host; grown to the most cores that a
                                job needs */
    uint64_t host_mem_bytes; /* 0: not known, mem= is not counted */
    uint32_t host_gpus;      /* grown to the most that a job needs */
};

struct js_whatif_row {
    uint64_t slots;
    int64_t makespan_ns; /* from the first start to the last end */
    double efficiency;   /* part of the slots' time in which jobs run, 0 to 1 */
    double core_hours;   /* of all slots, busy or not */
    double gain; /* how many times faster than the row before; 0 in the first */
    uint64_t peak_cores;
};

struct js_whatif {
    uint64_t jobs, unknown; /* of which nobody knows how long they ran */
    int64_t mean_ns;        /* which is what these are taken to run */
    double work_ns;         /* of cores */
    bool is_mem_needed;
    struct js_whatif_row *rows; /* owned, as the next two; at least one */
    size_t row_count;
    int64_t chain_ns;         /* of the longest chain */
    struct js_job **chain;    /* its jobs */
    size_t chain_count;       /* 0: the list is empty */
    bool is_chain_reached;    /* the last row takes no longer than that */
    size_t choice;            /* a row, */
    int64_t longest_first_ns; /* and its makespan if jobs were given out longest
                                 first, by the same run times */
    struct js_err refusal; /* why the fewest slots cannot do it; "": they can */
};

/*
 * Returns 0; or -1 with *err: the list is empty, of no job it is known how long
 * it ran, no number of slots can do it, or no memory.
 */
int js_whatif_make(const struct js_whatif_config *config, struct js_whatif *ret,
                   struct js_err *err);
void js_whatif_release(struct js_whatif *forecast);

#endif
