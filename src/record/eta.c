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
static void fade(struct js_eta *eta, double jobs)
{
    double window = at_least(JOBS_LEAST, JOBS_PER_SLOT * (double)eta->running);
    double rest = window / (window + jobs);
    eta->jobs *= rest;
    eta->run_s *= rest;
    eta->slot_s *= rest;
    eta->wall_s *= rest;
}

void js_eta_note(struct js_eta *eta, int64_t now_ns, uint64_t ended,
                 int64_t run_ns, uint64_t running)
{
    if (eta->now_ns > 0) {
        double jobs = (double)(ended - eta->ended);
        double run_s = seconds(run_ns - eta->run_ns);
        double wall_s = seconds(now_ns - eta->now_ns);
        double slot_s = wall_s * (double)eta->running;
        eta->jobs += jobs;
        eta->run_s += run_s;
        eta->wall_s += wall_s;
        eta->slot_s += slot_s;
        eta->unended_s += slot_s - run_s;
        fade(eta, jobs);
    }
    eta->now_ns = now_ns;
    eta->ended = ended;
    eta->run_ns = run_ns;
    eta->running = running;
}

bool js_eta_is_known(const struct js_eta *eta, uint64_t slots)
{
    uint64_t enough = slots < ENDED_ENOUGH ? slots : ENDED_ENOUGH;
    return eta->jobs > 0 && eta->wall_s > 0 && eta->ended >= enough;
}

double js_eta_rate(const struct js_eta *eta)
{
    return eta->jobs / eta->wall_s;
}

/* What a job takes of a slot. */
static double cost_s(const struct js_eta *eta, double mean_s)
{
    double unended_s = at_most(eta->slot_s - eta->run_s,
                               RUN_TIMES_MOST * (double)eta->running * mean_s);
    return (eta->slot_s - unended_s) / eta->jobs;
}

int64_t js_eta_left_ns(const struct js_eta *eta, uint64_t left)
{
    /* A hundred years, which an int64_t holds. */
    static const double most_s = 3.2e9;
    double mean_s = eta->run_s / eta->jobs;
    double running_s = (double)eta->running * mean_s;
    double to_come = at_least((double)left - (double)eta->running, 0);
    double work_s = to_come * cost_s(eta, mean_s) + running_s -
                    at_most(eta->unended_s, running_s);
    double slots = at_most(eta->slot_s / eta->wall_s, (double)left);
    if (work_s <= 0 || slots <= 0)
        return -1;
    return (int64_t)(at_most(work_s / slots, most_s) * (double)JS_NS_PER_S);
}
