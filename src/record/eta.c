#include "record/eta.h"

#include "base/clock.h"

/* How many jobs count: many of each slot, or what has run so far could not
 * be told from what goes by between two jobs. */
enum { JOBS_LEAST = 100, JOBS_PER_SLOT = 100 };

/* So many run times a job that runs may have had so far: what is beyond that
 * went by between jobs. */
enum { RUN_TIMES_MOST = 4 };

/* So many ends say something, whatever the slots. */
enum { ENDED_ENOUGH = 3 };

static double seconds(int64_t ns)
{
    return (double)ns / (double)JS_NS_PER_S;
}

static double at_most(double value, double most)
{
    return value < most ? value : most;
}

static double at_least(double value, double least)
{
    return value > least ? value : least;
}

/* Only as others end: while nothing ends, nothing is forgotten. */
static void fade(struct js_pace *pace, double jobs)
{
    double window = at_least(JOBS_LEAST, JOBS_PER_SLOT * (double)pace->running);
    double rest = window / (window + jobs);
    pace->jobs *= rest;
    pace->run_s *= rest;
    pace->slot_s *= rest;
    pace->wall_s *= rest;
}

void js_pace_note(struct js_pace *pace, int64_t now_ns, uint64_t ended,
                  int64_t run_ns, uint64_t running)
{
    if (pace->now_ns > 0) {
        double jobs = (double)(ended - pace->ended);
        double run_s = seconds(run_ns - pace->run_ns);
        double wall_s = seconds(now_ns - pace->now_ns);
        double slot_s = wall_s * (double)pace->running;
        pace->jobs += jobs;
        pace->run_s += run_s;
        pace->wall_s += wall_s;
        pace->slot_s += slot_s;
        pace->unended_s += slot_s - run_s;
        fade(pace, jobs);
    }
    pace->now_ns = now_ns;
    pace->ended = ended;
    pace->run_ns = run_ns;
    pace->running = running;
}

bool js_pace_is_known(const struct js_pace *pace, uint64_t slots)
{
    uint64_t enough = slots < ENDED_ENOUGH ? slots : ENDED_ENOUGH;
    return pace->jobs > 0 && pace->wall_s > 0 && pace->ended >= enough;
}

double js_pace_rate(const struct js_pace *pace)
{
    return pace->jobs / pace->wall_s;
}

/* What a job takes of a slot. */
static double cost_s(const struct js_pace *pace, double mean_s)
{
    double unended_s = at_most(pace->slot_s - pace->run_s,
                               RUN_TIMES_MOST * (double)pace->running * mean_s);
    return (pace->slot_s - unended_s) / pace->jobs;
}

int64_t js_pace_left_ns(const struct js_pace *pace, uint64_t left)
{
    /* A hundred years, which an int64_t holds. */
    static const double most_s = 3.2e9;
    double mean_s = pace->run_s / pace->jobs;
    double running_s = (double)pace->running * mean_s;
    double to_come = at_least((double)left - (double)pace->running, 0);
    double work_s = to_come * cost_s(pace, mean_s) + running_s -
                    at_most(pace->unended_s, running_s);
    double slots = at_most(pace->slot_s / pace->wall_s, (double)left);
    if (work_s <= 0 || slots <= 0)
        return -1;
    return (int64_t)(at_most(work_s / slots, most_s) * (double)JS_NS_PER_S);
}
