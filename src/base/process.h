/*
 * process - identifies processes. A pid alone does not suffice, because the
 * kernel uses it again.
 */
#ifndef JS_BASE_PROCESS_H
#define JS_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* The start time of a process, in the kernel's units (field 22 of
 * /proc/PID/stat); 0 if there is no such process. */
uint64_t js_process_start(uint64_t pid);

/* The age of a process, independent of changes to the wall clock; -1 if there
 * is no such process. */
int64_t js_process_age_ns(uint64_t pid);

/* The pid of the parent; 0 if there is none or it is not visible from here. */
uint64_t js_process_parent(uint64_t pid);

/* True if `pid` is this process or one of its ancestors. */
bool js_process_is_above(uint64_t pid);

/* The name of the processes that start jobs (runner/runner.h). */
#define JS_PROCESS_RUNNER "jobsched-runner"

/* Reads the kernel's name of a process. Returns false if there is no such
 * process. */
enum { JS_PROCESS_NAME_SIZE = 32 };
bool js_process_name(uint64_t pid, char to[JS_PROCESS_NAME_SIZE]);

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

#endif
