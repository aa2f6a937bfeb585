/*
 * process - identifies processes, and the runs that they belong to.
 *
 * A pid alone is not enough, because the kernel reuses pids.
 */
#ifndef JS_BASE_PROCESS_H
#define JS_BASE_PROCESS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Information about a process from /proc/PID/stat. */
struct js_process_stat {
    char state; /* 'Z': a zombie */
    pid_t parent, group;
    pid_t foreground; /* the process group that has its terminal; 0 or less:
                         it has none */
    uint64_t flags;   /* PF_ of the kernel */
    uint64_t threads;
    uint64_t started; /* after boot, in the kernel's units */
};

/* Returns false if there is no such process, or it cannot be seen. */
bool js_process_stat(uint64_t pid, struct js_process_stat *ret);

/* The start time of a process, in the kernel's units; 0 if there is no such
 * process. */
static inline uint64_t js_process_start(uint64_t pid)
{
    struct js_process_stat stat;
    return js_process_stat(pid, &stat) ? stat.started : 0;
}

/* The age of a process, independent of changes to the wall clock; -1 if there
 * is no such process. */
int64_t js_process_age_ns(uint64_t pid);

/* The pid of the parent; 0 if there is none or it is not visible from here. */
static inline uint64_t js_process_parent(uint64_t pid)
{
    struct js_process_stat stat;
    return js_process_stat(pid, &stat) ? (uint64_t)stat.parent : 0;
}

/* The next process in /proc, or the next thread in /proc/PID/task; 0 after the
 * last. */
uint64_t js_process_next(DIR *proc);

/* True if `pid` is this process or one of its ancestors. */
bool js_process_is_above(uint64_t pid);

/* The name of the processes that start jobs (runner/runner.h). */
#define JS_PROCESS_RUNNER "jobsched-runner"

/* Reads the kernel's name of a process. Returns false if there is no such
 * process. */
enum { JS_PROCESS_NAME_SIZE = 32 };
bool js_process_name(uint64_t pid, char to[JS_PROCESS_NAME_SIZE]);

/* Copies the value of variable `name` in the initial environment of process
 * `pid`. Returns false if the variable is not there, cannot be read, or is too
 * long; *ret_unknown (NULL is allowed) is true in the last two cases. */
bool js_process_variable(pid_t pid, const char *name, char *to, size_t size,
                         bool *ret_unknown);

/* False if that process has certainly ended. A zombie has ended. */
bool js_process_may_live(uint64_t pid, uint64_t started);

/* True if the process has ended or is about to: it has been killed, but may not
 * have closed its files yet. */
bool js_process_is_ending(uint64_t pid, uint64_t started);

/* Identifies this boot of the machine; 0 if the system does not say. */
uint64_t js_process_boot(void);

/* Identifies the pid namespace of this process; equal pids in it mean the same
 * process. 0: unknown. */
uint64_t js_process_space(void);

/* A rank and the process that starts its jobs; all zero: unknown. */
struct js_process_pair {
    uint64_t boot, space;
    uint64_t pid, started;
    uint64_t runner, runner_started;
};

/* The pair of this process and its runner. */
struct js_process_pair js_process_pair_of(uint64_t runner);

/* Returns 64 random bits, not 0. */
uint64_t js_process_new_id(void);

/*
 * A mark says which run a job is part of. It is in the environment of the job's
 * processes.
 *
 * JOBSCHED_RUN holds the id of the run, in sixteen hexadecimal digits. If the
 * run allows leftovers to continue, "+" and the session of its jobs follow.
 * JOBSCHED_WITHIN is set for a run within a job of another run. It holds that
 * job as RUN/ID/ATTEMPT, where RUN is its JOBSCHED_RUN. The jobs that contain
 * that job follow, after a blank.
 */

#define JS_MARK_VARIABLE "JOBSCHED_RUN"
#define JS_WITHIN_VARIABLE "JOBSCHED_WITHIN"

enum { JS_MARK_SIZE = 40 };

struct js_mark {
    uint64_t run;     /* not 0 */
    uint64_t session; /* 0: leftovers of its jobs do not continue */
};

/* A job that contains a run. */
struct js_outer_job {
    struct js_mark mark;
    uint64_t id;
    uint32_t attempt;
};

/* A run that was killed and is over. */
struct js_dead_run {
    uint64_t id;
    int64_t begin_unix_ns; /* by its master's clock */
    int64_t until_unix_ns; /* the time when it was over; 0: now */
};

void js_mark_format(const struct js_mark *mark, char text[JS_MARK_SIZE]);

/* Returns false if `text` is not a mark. */
bool js_mark_parse(const char *text, struct js_mark *ret);

/* Takes the first job of a JOBSCHED_WITHIN and moves *within past it. Returns
 * false if there is none. */
bool js_mark_next_outer(const char **within, struct js_outer_job *ret);

/* Finds the job of that run in a JOBSCHED_WITHIN. Returns false if there is
 * none. */
bool js_mark_within(const char *within, uint64_t run, uint64_t *ret_id,
                    uint32_t *ret_attempt);

#endif
