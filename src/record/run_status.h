/*
 * run_status - how a run stands, in a file for whoever has started it.
 *
 * A launcher has its own mind on exit statuses; so the master says in a file
 * that the run has begun, again and again that it is still there, and how it
 * has ended. Replaced as a whole, so that a reader sees the one or the other.
 */
#ifndef JS_RECORD_RUN_STATUS_H
#define JS_RECORD_RUN_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum js_run_phase {
    JS_RUN_UNKNOWN, /* nothing was said: no master has come so far */
    JS_RUN_BEGUN,
    JS_RUN_ENDED,
};

struct js_run_status {
    enum js_run_phase phase;
    int status;          /* once it has ended: enum jobsched_status */
    unsigned lost;       /* ... slaves that had ceased to answer */
    bool is_out_of_time; /* ... and was stopped by the time limit */
    bool has_run;        /* ... after some job was begun */
    uint64_t out_bytes;  /* before that, at its end: so many were written to
                            standard output, and are to be taken before the end
                            is recorded; 0: none are waited for */
    int64_t lease_ns; /* before that: when nothing new was said for so long, the
                         master is lost, and all jobs have ended; 0: it may have
                         to be silent for longer */
    int64_t said_ns;  /* of what was read: when, since 1970 by the clock of the
                         file system */
};

/* The other way, in a file beside it: standard output takes nothing more, for
 * this reason (an errno). That is found when the run ends; 0: nothing was said.
 */
int js_run_status_write_outage(const char *path, int error);
int js_run_status_read_outage(const char *path);

/* So many bytes of the run's standard output have been taken. The word about
 * them, which is of one start of the run, is forgotten at the next. */
int js_run_status_write_taken(const char *path, uint64_t bytes);
uint64_t js_run_status_read_taken(const char *path);
void js_run_status_forget_taken(const char *path);

/* Nor does a signal come by its name there: this one is why the run was asked
 * to stop. 0: nothing was said. */
int js_run_status_write_signal(const char *path, int number);
int js_run_status_read_signal(const char *path);

/* Files beside it, of a launcher whose rank 0 is on another host. */
#define JS_RUN_ENVIRON ".environ" /* base/userenv.h */

/* The name of such a file. 0, or -1 with errno. */
int js_run_status_beside(const char *path, const char *suffix, char *ret,
                         size_t size);

/* Returns 0, or -1 with errno. */
int js_run_status_write(const char *path, const struct js_run_status *status);

/* A file that is not there, or says something else, is JS_RUN_UNKNOWN. */
void js_run_status_read(const char *path, struct js_run_status *ret);

#endif
