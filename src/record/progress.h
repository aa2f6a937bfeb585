/*
 * progress - how far a running run has come, and how long it will still take.
 *
 * This module makes a line or a sentence of counts and times, and decides when
 * and where it appears: as a bar at the bottom of a terminal, redrawn at most
 * ten times a second and at least once a second, or as a line of the log every
 * so often. A bar appears only between the outputs of jobs, and only while
 * nothing waits for the reader: the next text that is written removes the bar,
 * which then comes back below it (base/outq.h). If somebody else writes to the
 * terminal, such as mpirun or a slave, that text starts at the beginning of the
 * bar's line, where the cursor is.
 */
#ifndef JS_RECORD_PROGRESS_H
#define JS_RECORD_PROGRESS_H

#include "base/buf.h"
#include "base/terminal.h"
#include "record/delivery.h"

#include <stdbool.h>
#include <stdint.h>

/* ---------------------------------------------------------------- the text */

struct js_progress {
    uint64_t done;    /* succeeded */
    uint64_t failed;  /* for good */
    uint64_t skipped; /* because what they depended on failed */
    uint64_t running;
    uint64_t left; /* none of the first three; UINT64_MAX: unknown */
    uint64_t busy_slots, slots;
    bool is_stopping;   /* no more jobs are started */
    double rate;        /* jobs per second; 0: unknown */
    int64_t left_ns;    /* until all jobs have ended; -1: unknown */
    int64_t elapsed_ns; /* since the first job began */
};

/*
 * Appends a line, without a newline, of at most `width` columns:
 *
 *     [######........] 41% 412/1000, 3 failed, about 45 s to go, 2 running,
 *     13.1 jobs/s, 588 left, 409 done, 2 of 2 slots busy, 1 skipped, 1:23
 *
 * (here broken in two). 412 jobs have ended, one way or another. Fields that do
 * not fit are left out, beginning at the end; if there is no room for the bar,
 * neither the bar nor the fields after the time to go appear. 20 columns show
 * at least "41% 412/1000", even if the numbers have seven digits; fewer may
 * show "41%", or nothing. What is unknown or zero is left out. Colours take no
 * columns. Returns 0, or -1 with errno ENOMEM.
 */
int js_progress_bar(const struct js_progress *progress, unsigned width,
                    bool has_colour, struct js_buf *buf);

/*
 * Appends the same as a sentence:
 *
 *     409 of 1000 jobs done, 3 failed, 2 running; 13.1 jobs/s, about 45 s to go
 *
 * 0, or -1 with errno ENOMEM.
 */
int js_progress_sentence(const struct js_progress *progress,
                         struct js_buf *buf);

/* ---------------------------------------------------------------- the ETA */

/*
 * Estimates how fast a run proceeds and how long it will still take: for the
 * bar, and for --status, which follows the run in its journal. Owns averages
 * over the jobs that ended recently; earlier jobs count less and less. Times
 * are parameters.
 *
 * The estimate is based on how long jobs run, not on how many have ended so
 * far: while the first jobs run, few have ended in relation to the time that
 * has passed, and the work done by the others so far would be ignored. So
 *
 *     time left = (jobs to come x cost of a job + rest of those that run) /
 *                 slots in use
 *
 * where the cost is a run time plus the time that passes between two jobs, and
 * the rest is the part of an average run time that the running jobs still have
 * before them. How long they have run is known only in total: the slot time
 * that they and the jobs before them had, less the run times of the jobs that
 * have ended.
 */

/* All zero at first. */
struct js_eta {
    int64_t now_ns;   /* time of the last note; 0: there was none */
    uint64_t ended;   /* as noted last */
    uint64_t running; /* ... */
    int64_t run_ns;   /* ... */
    double unended_s; /* slot time of unended jobs, and between jobs */
    /* Sums that fade. */
    double jobs;   /* ended */
    double run_s;  /* run times of these jobs */
    double slot_s; /* slot time of jobs */
    double wall_s;
};

/* Notes how many jobs have ended by now, how long all attempts that have ended
 * ran together, and how many jobs are running. */
void js_eta_note(struct js_eta *eta, int64_t now_ns, uint64_t ended,
                 int64_t run_ns, uint64_t running);

struct js_eta_estimate {
    bool is_known;   /* as many jobs have ended as there are slots, or three:
                        until then there is no basis for an estimate */
    double rate;     /* jobs a second */
    int64_t left_ns; /* until `left` jobs (including running ones) end; -1:
                        unknown, because all running jobs have run for longer
                        than others did, or because `left` is UINT64_MAX */
};

struct js_eta_estimate js_eta_estimate(const struct js_eta *eta, uint64_t slots,
                                       uint64_t left);

/* ---------------------------------------------------------------- when */

enum js_display_kind {
    JS_DISPLAY_OFF = 0,
    JS_DISPLAY_LINES, /* the first line comes after line_first_ns; each pause is
                         as long as the time so far, but at most line_most_ns */
    JS_DISPLAY_BAR,
};

struct js_display_config {
    enum js_display_kind kind;
    const struct js_terminal *terminal; /* for a bar; borrowed */
    struct js_console *console;         /* borrowed */
    int64_t line_first_ns, line_most_ns;
};

/* At first all zero except for the config. */
struct js_display {
    struct js_display_config config;
    struct js_eta eta;
    struct js_progress shown; /* last */
    int64_t look_ns; /* do not check before; 0: the run has not begun, as far as
                        known */
    int64_t tick_ns; /* check then, whether anything has changed or not */
    bool is_missed;  /* something may have changed: check it at look_ns */
};

/* Call it whenever something may have changed. Returns true if the display
 * needs to know the current state of the run. */
bool js_display_is_due(struct js_display *display, int64_t now_ns);

/*
 * Shows the state of the run; this function fills in the rate and the time
 * left. `run_ns` is the sum of the run times of all attempts that have ended.
 * While output of a job is being written (`is_within_job`), nothing appears.
 */
void js_display_show(struct js_display *display, int64_t now_ns,
                     struct js_progress progress, int64_t run_ns,
                     bool is_within_job);

/* Returns when to check even if nothing happens, or JS_NEVER_NS. */
int64_t js_display_deadline_ns(const struct js_display *display);

/* Removes the bar; from then on the display is off. */
void js_display_end(struct js_display *display);

#endif
