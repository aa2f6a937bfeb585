/*
 * whatif - how long a list would take on 1, 2, 4 ... slots.
 *
 * Runs a simulation (sched/simulate.h) for each number of slots, with run times
 * that the caller knows. Owns the results. It does not know where the run times
 * come from, or how the results are shown.
 *
 * Each slot is a slave of its own with one core. Hosts are filled with
 * `host_slots` slots each; the last host gets the rest.
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

/* The largest number of slots to try. */
enum { JS_WHATIF_SLOTS_MAX = 16384 };

/* The recommended number of slots is the largest whose efficiency per slot is
 * at least this percentage of that of the smallest number tried. */
enum { JS_WHATIF_PERCENT = 80 };

/* Returns how long the job ran, or -1 if that is unknown. The job has the id
 * that the registry gives it. */
typedef int64_t (*js_whatif_fn)(void *arg, const struct js_job *job);

struct js_whatif_config {
    const struct js_list *list;           /* borrowed */
    struct js_registry *registry;         /* gives the jobs their ids and is not
                                             changed; NULL: the id is the place in
                                             the list */
    struct js_scheduler_config scheduler; /* is_ordered and is_stream are
                                             taken from the list */
    js_whatif_fn run_ns;
    js_whatif_fn expected_ns; /* run times by which longest_first orders jobs;
                                 NULL: those of run_ns */
    void *arg;
    int64_t gap_ns;      /* time between two jobs of a slot */
    uint64_t slots;      /* one more number of slots to try; 0: none */
    uint32_t host_slots; /* slots of one host; raised to the largest number of
                            cores that any job needs */
    uint64_t host_mem_bytes; /* 0: unknown, and mem= is not counted */
    uint32_t host_gpus; /* raised to the largest number that any job needs */
};

struct js_whatif_row {
    uint64_t slots;
    int64_t makespan_ns; /* from the first start to the last end */
    double efficiency;   /* fraction of the slots' time in which jobs run, 0 to
                            1 */
    double core_hours;   /* core-hours of all slots, busy or idle */
    double gain; /* how many times faster than the row before; 0 in the first */
    uint64_t peak_cores;
};

struct js_whatif {
    uint64_t jobs, unknown; /* all jobs, and those whose run time is unknown */
    int64_t mean_ns; /* mean run time, which the unknown jobs are assumed to
                        take */
    double work_ns;  /* core time of all jobs */
    bool is_mem_needed;
    /* owned, like `path` and its jobs; at least one */
    struct js_whatif_row *rows;
    size_t row_count;
    int64_t path_ns;       /* length of the critical path (list/paths.h) */
    struct js_job **path;  /* its jobs */
    size_t path_count;     /* 0: the list is empty */
    bool is_path_reached;  /* the last row takes no longer than the critical
                              path */
    size_t choice;         /* index of the recommended row */
    int64_t list_order_ns; /* makespan of that row in the order of the list, */
    int64_t longest_first_ns; /* ... and with longest_first, by the same run
                                 times unless the configuration has others */
    struct js_err refusal;    /* why the smallest number of slots cannot run the
                                 list; "": it can */
};

/*
 * Returns 0, or -1 with *err if the list is empty, no job's run time is known,
 * no number of slots can run the list, or there was no memory.
 */
int js_whatif_make(const struct js_whatif_config *config, struct js_whatif *ret,
                   struct js_err *err);
void js_whatif_release(struct js_whatif *whatif);

#endif
