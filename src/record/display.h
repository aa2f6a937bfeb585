/*
 * display - shows how far a run has come, while it is on.
 *
 * Owns: when to show it. As a bar at the bottom of a terminal, drawn anew at
 * most ten times a second and once a second at least; or as a line of the log
 * every so often. A bar appears only between the outputs of jobs, and only
 * while nothing waits for the reader: what is written next takes it away, and
 * it comes back behind (base/outq.h). Should somebody else write to the
 * terminal, such as mpirun or a slave, it does so at the beginning of the
 * bar's line, where the cursor is.
 */
#ifndef JS_RECORD_DISPLAY_H
#define JS_RECORD_DISPLAY_H

#include "base/terminal.h"
#include "record/console.h"
#include "record/eta.h"
#include "record/progress.h"

enum js_display_kind {
    JS_DISPLAY_OFF = 0,
    JS_DISPLAY_LINES, /* the first after line_first_ns, then after as much time
                         again as has passed, but line_most_ns at most */
    JS_DISPLAY_BAR,
};

struct js_display_config {
    enum js_display_kind kind;
    const struct js_terminal *terminal; /* of a bar; borrowed */
    struct js_console *console;         /* borrowed */
    int64_t line_first_ns, line_most_ns;
};

struct js_display {
    struct js_display_config config;
    struct js_eta eta;
    struct js_progress shown; /* last */
    int64_t look_ns; /* not before; 0: the run has not begun, as far as known */
    int64_t tick_ns; /* then, whether anything has changed or not */
    bool is_missed;  /* what may have changed is to be looked at at look_ns */
};

/* All zero is one that is off. */
void js_display_init(struct js_display *display,
                     const struct js_display_config *config);

/* To be asked whenever something may have changed: true if it wants to know how
 * the run stands now. */
bool js_display_is_due(struct js_display *display, int64_t now_ns);

/*
 * The run stands so; its rate and the time left are filled in here. `run_ns`
 * are the run times of all attempts that have ended, together. While output of
 * a job is under way (`is_within_job`) nothing appears.
 */
void js_display_show(struct js_display *display, int64_t now_ns,
                     struct js_progress progress, int64_t run_ns,
                     bool is_within_job);

/* When to ask though nothing happens; or JS_NEVER_NS. */
int64_t js_display_deadline_ns(const struct js_display *display);

/* Takes the bar away; it is off from here on. */
void js_display_end(struct js_display *display);

#endif
