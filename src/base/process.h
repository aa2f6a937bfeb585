/*
 * process - which process it was: a number alone is given again to others.
 */
#ifndef JS_BASE_PROCESS_H
#define JS_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* When the process started, as the kernel counts it (field 22 of
 * /proc/PID/stat); 0: there is none. */
uint64_t js_process_start(uint64_t pid);

/* How long ago that was, whatever has happened to the clock of the day; -1:
 * there is none. */
int64_t js_process_age_ns(uint64_t pid);

/* 0: there is none, or it cannot be seen from here. */
uint64_t js_process_parent(uint64_t pid);

/* Whether it is this process, or above it. */
bool js_process_is_above(uint64_t pid);

/* What those call themselves that start jobs (runner/runner.h). */
#define JS_PROCESS_RUNNER "jobsched-runner"

/* What the kernel calls it: false if there is none. */
enum { JS_PROCESS_NAME_SIZE = 32 };
bool js_process_name(uint64_t pid, char to[JS_PROCESS_NAME_SIZE]);

/* False if that process has certainly ended; one that is dead and waits for its
 * parent has. */
bool js_process_may_live(uint64_t pid, uint64_t started);

/* True if it has ended, or is about to: it has been killed, and may not have
 * closed its files so far. */
bool js_process_is_ending(uint64_t pid, uint64_t started);

/* The machine since its last boot; 0 where the system does not tell. */
uint64_t js_process_boot(void);

/* Within which process ids like ours mean the same process; 0: not known. */
uint64_t js_process_space(void);

/* A rank and the process that starts its jobs; all zero: not known. */
struct js_process_pair {
    uint64_t boot, space;
    uint64_t pid, started;
    uint64_t runner, runner_started;
};

/* This process, and its runner. */
struct js_process_pair js_process_pair_of(uint64_t runner);

/* 64 random bits, not 0. */
uint64_t js_process_new_id(void);

#endif
