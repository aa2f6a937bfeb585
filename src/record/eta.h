/*
 * eta - how fast a run gets on, and how long it will still take: for the bar,
 * and for --status, which follows the run in its journal.
 *
 * Owns averages over the jobs that ended lately; those before count less and
 * less. Times are parameters.
 *
 * How long it will take follows from how long jobs run, not from how many have
 * ended by now: while the first jobs run, few have ended for the time that has
 * passed, and what is done of the others would be forgotten. So
 *
 *     time left = (jobs to come x cost of a job + rest of those that run) /
 *                 slots in use
 *
 * where the cost is a run time and what goes by between two jobs, and the rest
 * is what those that run have not had yet of an average run time. What they
 * have had is known together only: the time that they and those before had of
 * slots, less the run times of those that have ended.
 */
#ifndef JS_RECORD_ETA_H
#define JS_RECORD_ETA_H

#include <stdbool.h>
#include <stdint.h>

/* All zero at first. */
struct js_eta {
    int64_t now_ns;   /* of the last note; 0: there was none */
    uint64_t ended;   /* as noted last */
    uint64_t running; /* ... */
    int64_t run_ns;   /* ... */
    double
        unended_s; /* of slots, by jobs that had not ended; and between them */
    /* Sums that fade. */
    double jobs;   /* ended */
    double run_s;  /* run times of these */
    double slot_s; /* of slots, by jobs */
    double wall_s;
};

/* So many jobs have ended by now, attempts that ended have run so long
 * together, and so many jobs run. */
void js_eta_note(struct js_eta *eta, int64_t now_ns, uint64_t ended,
                 int64_t run_ns, uint64_t running);

/* True when as many jobs have ended as there are slots, or three: before that
 * there is nothing to go by, and the two below are not to be asked. */
bool js_eta_is_known(const struct js_eta *eta, uint64_t slots);

/* Jobs a second. */
double js_eta_rate(const struct js_eta *eta);

/* Until `left` jobs (those that run included) have ended; -1: unknown, because
 * all that run have run for longer than others did. */
int64_t js_eta_left_ns(const struct js_eta *eta, uint64_t left);

#endif
