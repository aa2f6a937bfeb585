/*
 * loop_run - a whole run of a master and its slaves, on a simulated clock.
 *
 * The master is that of loop_master.h, the links are those of fake_link.h and
 * the runners those of fake_runner.h. What breaks a rule is a complaint of the
 * net.
 */
#ifndef JS_TESTS_LOOP_RUN_H
#define JS_TESTS_LOOP_RUN_H

#include "loop_master.h"

#include "base/clock.h"
#include "fake_link.h"
#include "fake_runner.h"
#include "list/source.h"
#include "mpi/slave.h"
#include "record/delivery.h"
#include "unit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest number of slaves in a random run. */
enum { SLAVES_MAX = 8, JOBS_MAX = 4000, TRACE_MAX = 4 * JOBS_MAX };

struct run_config {
    int slaves;
    const char *jobs; /* the job list; NULL: the demonstration */
    int stream_fd;    /* where it comes from instead; 0: none */
    uint64_t demo_jobs;
    int64_t demo_duration_ns;
    uint32_t round_size; /* 0: ten */
    bool barrier;
    uint32_t slots; /* 0: one */
    int crowd; /* number of slaves and cores of a node; 0: two slaves and four
                  cores */
    uint64_t spool_limit_bytes;
    int64_t delay_max_ns; /* 0: 100 us */
    uint64_t seed;
    bool is_restless;
    int out_fd;                        /* where stdout goes; 0: a file */
    int64_t lease_ns;                  /* 0: none */
    int64_t grace_ns;                  /* 0: one second */
    int64_t cost_ns[JS_TAG_COUNT];     /* as in fake_net_config */
    int64_t stop_ns;                   /* from the start; 0: never */
    int64_t request_ns;                /* from the start; 0: never */
    enum js_stop_request stop_request; /* ... what is wanted then */
    void (*in_turn)(void *arg);        /* called in each turn of the master */
    void *in_turn_arg;
    int64_t loss_ns;   /* how long the record of a loss takes */
    int64_t commit_ns; /* how long one takes; 0: it is done at once */
    bool has_dead;     /* an earlier run was killed */
    const struct js_buf *environ; /* NULL: a small one */
    unsigned cut_enlisted;        /* this slave once it takes part; 0: none */
    bool has_late_signals; /* a slave is asked to end a moment after its first
                              job has ended */
};

/* What became of a job. */
struct fate {
    unsigned started, finished, losses;
    unsigned begun; /* told to have been running for a while */
    bool is_running;
    int seat;          /* where it was started last */
    int64_t finish_ns; /* from the start of the simulation */
    unsigned slave;
    uint32_t attempt; /* it finished in */
    uint32_t exit_code;
    uint64_t bytes[2];
};

enum { BEATS_KEPT = 4 };

/* A slave's place: all that its process has. */
struct seat {
    struct run *run;
    int rank;
    struct js_link link;
    struct js_runner runner;
    struct js_slave *slave;
    struct js_outq *trace;
    bool has_greeted;
    bool is_unrecorded; /* its runner is not yet on record, */
    bool is_told;       /* ... but with the next commit */
    unsigned running, most_running;
    unsigned ended;              /* jobs */
    unsigned looks;              /* for a request, since then */
    int64_t sent_ns[BEATS_KEPT]; /* the last heartbeats, by number */
    struct js_err err;
};

struct run {
    struct run_config config;
    struct fake_net *net;
    struct js_link link;
    struct js_outq *outqs[2];
    int fds[2];    /* of the output queues */
    int trace_fd;  /* "Dispatch", "Run" and "Finished" lines of all */
    int source_fd; /* the job list; -1: none */
    struct js_recorder recorder; /* no more of it than its delivery */
    struct js_source *source;
    struct js_master *master;
    struct js_buf log_text;
    struct js_log log;
    struct seat *seats;              /* by rank */
    struct fate fates[JOBS_MAX + 1]; /* by id */
    uint64_t dispatched;
    uint64_t started;
    uint64_t parted; /* slaves, the last of them then: */
    int64_t parted_ns;
    uint64_t finished;
    uint64_t committed; /* of these */
    int64_t commit_end_ns;
    bool is_behind; /* with what has finished: not all is on record */
    uint64_t sent;  /* jobs, when that was told */
    uint64_t succeeded;
    uint64_t order[JOBS_MAX]; /* ids, as they finished */
    uint64_t longest_command;
    uint64_t command_sum; /* of the bytes of all commands */
    uint64_t most_busy;   /* slots at once */
    struct js_master_result result;
    struct js_err err;
};

/* A run of that kind, about to begin; what is 0 in *config is as noted there.
 */
struct run *run_new(const struct run_config *config);
void run_free(struct run *run);

/* Runs to the end. Afterwards every slave that lives has left ... */
void run_go(struct run *run);
/* ... and here those too that were given up. */
void run_go_without_lost(struct run *run);
/* run_new() and run_go() */
struct run *run_through(const struct run_config *config);

/* Writes to stderr which run this is, and `what`. */
void run_show(const struct run *run, const char *what);

int64_t since_start_ns(const struct run *run);

/* Of the jobs that have finished: how often they had to be run again. */
uint64_t attempts_lost(const struct run *run);

/* True if a message of the run has that part. */
bool was_said(struct run *run, const char *text);

/* Where the process of that rank is. */
struct js_node node_of(int rank);

/* Each expects something, and returns whether it is so. */
bool expect_no_complaint(const struct run *run);
bool expect_end(const struct run *run, enum js_master_end end);
/* Every job has ended once, and the run well. */
bool expect_all_done(struct run *run, uint64_t jobs);
/* Both streams are the jobs' outputs, whole, in the order of their end. */
bool expect_output(struct run *run);

/* The places in the trace of what happened to each job. */
struct trace {
    size_t count;
    struct {
        char what;
        uint64_t id;
    } events[TRACE_MAX];
    size_t dispatched[JOBS_MAX + 1], run[JOBS_MAX + 1], finished[JOBS_MAX + 1];
};

/* To be freed. */
struct trace *trace_of(const struct run *run);

/* Rounds stand together and in order; each job is dispatched, run, finished. */
void expect_trace(const struct run *run, uint64_t jobs);

/* "TEXT\n" so many times. To be freed. */
char *lines_of(const char *text, unsigned count);

#endif
