/*
 * run_status - the state of a run, in a file for the launcher.
 *
 * mpirun does not always pass the exit status on. So the master reports in a
 * file that the run has begun, from time to time that it is still alive, and
 * how it has ended. Each write replaces the whole file, so a reader never sees
 * half of it.
 */
#ifndef JS_RECORD_RUN_STATUS_H
#define JS_RECORD_RUN_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum js_run_phase {
    JS_RUN_UNKNOWN, /* nothing was written: no master has started yet */
    JS_RUN_BEGUN,
    JS_RUN_ENDED,
};

struct js_run_status {
    enum js_run_phase phase;
    int status;          /* once it has ended: enum jobsched_status */
    unsigned lost;       /* ... slaves that had stopped responding */
    bool is_out_of_time; /* ... and was stopped by the time limit */
    bool has_run;        /* ... after some job was begun */
    uint64_t out_bytes;  /* just before the end: how many bytes were written to
                            standard output and must be taken before the end is
                            recorded; 0: the run does not wait for that */
    int64_t lease_ns;    /* before the end: if nothing new was written for this
                            long, the master is lost and all jobs have ended; 0:
                            the master may be silent for longer */
    int64_t said_ns; /* when the status was written, since 1970 by the clock of
                        the file system; only read */
};

/* In turn, the launcher leaves notes for the run, each as a number in a file
 * beside the status. The run reads them when it ends. */
enum js_run_note {
    JS_RUN_OUTAGE, /* why standard output accepts no more data (an errno) */
    JS_RUN_SIGNAL, /* the signal that was the reason to ask the run to stop:
                      mpirun passes on another one */
    JS_RUN_TAKEN, /* how many bytes of the run's standard output have been taken
                     in this start: the next start forgets it */
};

int js_run_status_write_note(const char *path, enum js_run_note note,
                             uint64_t number);
/* 0: nothing was reported. */
uint64_t js_run_status_read_note(const char *path, enum js_run_note note);
void js_run_status_forget_note(const char *path, enum js_run_note note);

/* Suffixes of files beside the status, for a launcher whose rank 0 is on
 * another host. */
#define JS_RUN_ENVIRON ".environ" /* base/userenv.h */

/* Sets `ret` to the name of such a file. Returns 0, or -1 with errno. */
int js_run_status_beside(const char *path, const char *suffix, char *ret,
                         size_t size);

/* Returns 0, or -1 with errno. */
int js_run_status_write(const char *path, const struct js_run_status *status);

/* A file that does not exist, or has other content, gives JS_RUN_UNKNOWN. */
void js_run_status_read(const char *path, struct js_run_status *ret);

#endif
