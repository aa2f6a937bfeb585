/* eta: how long a run will still take, against how long it then took. */
#include "unit.h"

#include "base/clock.h"
#include "record/progress.h"

enum { SLOTS_MAX = 100 };

static const int64_t start_ns = 1000 * JS_NS_PER_S;

/* A run: jobs of such a length, and what goes by in a slot between two. */
struct run {
    unsigned slots;
    uint64_t jobs;
    int64_t (*length_ns)(uint64_t job);
    int64_t gap_ns;
    int64_t step_ns; /* how often it is looked at */
    /* Where it is. */
    int64_t now_ns;
    int64_t begin_ns[SLOTS_MAX], end_ns[SLOTS_MAX]; /* of the slot's job */
    uint64_t begun, ended;
    int64_t run_ns;
    uint64_t running;
    struct js_eta eta;
};

/* What a slot has done by now. */
static void follow_slot(struct run *run, unsigned slot)
{
    while (run->end_ns[slot] <= run->now_ns) {
        int64_t free_ns = run->end_ns[slot];
        if (run->begin_ns[slot] > 0) {
            run->ended++;
            run->run_ns += free_ns - run->begin_ns[slot];
            free_ns += run->gap_ns;
            run->running--;
        }
        run->begin_ns[slot] = 0;
        run->end_ns[slot] = JS_NEVER_NS;
        if (run->begun == run->jobs)
            return;
        run->begin_ns[slot] = free_ns;
        run->end_ns[slot] = free_ns + run->length_ns(run->begun++);
        run->running++;
    }
}

static void step(struct run *run)
{
    run->now_ns = run->now_ns == 0 ? start_ns : run->now_ns + run->step_ns;
    if (run->begun == 0) {
        for (unsigned i = 0; i < run->slots; i++)
            run->end_ns[i] = start_ns;
    }
    for (unsigned i = 0; i < run->slots; i++)
        follow_slot(run, i);
    js_eta_note(&run->eta, run->now_ns, run->ended, run->run_ns, run->running);
}

static bool is_known(const struct run *run)
{
    return js_eta_estimate(&run->eta, run->slots, 1).is_known;
}

static double left_s(const struct run *run)
{
    return (double)js_eta_estimate(&run->eta, 1, run->jobs - run->ended)
               .left_ns /
           (double)JS_NS_PER_S;
}

/* Runs it to its end, twice: what was said on the way, once so many jobs had
 * ended, is off by so large a part of what was left at most, or by so many
 * seconds. */
static void assert_foretold(const struct run *of, uint64_t ended, double part,
                            double seconds)
{
    struct run whole = *of, run = *of;
    unsigned told = 0;
    while (whole.ended < whole.jobs)
        step(&whole);
    while (run.ended < run.jobs) {
        step(&run);
        double truth_s =
            (double)(whole.now_ns - run.now_ns) / (double)JS_NS_PER_S;
        if (run.ended < ended || !is_known(&run) || left_s(&run) < 0)
            continue;
        double off_s = left_s(&run) - truth_s;
        told++;
        if (off_s < 0)
            off_s = -off_s;
        if (off_s <= seconds || off_s <= part * truth_s)
            continue;
        CU_FAIL("a bad guess");
        fprintf(stderr, "\n%g s were left, and not %g\n", truth_s,
                left_s(&run));
        return;
    }
    CU_ASSERT(told > 10);
}

static int64_t second(uint64_t job)
{
    (void)job;
    return JS_NS_PER_S;
}

static int64_t five_ms(uint64_t job)
{
    (void)job;
    return 5 * JS_NS_PER_MS;
}

/* 50 to 70 minutes. */
static int64_t hour(uint64_t job)
{
    return (3000 + (int64_t)(job * 7919 % 1200)) * JS_NS_PER_S;
}

/* 0.1 to 5 s, in no order. */
static int64_t mixed(uint64_t job)
{
    return (int64_t)(1 + job * job * 7919 % 50) * 100 * JS_NS_PER_MS;
}

static int64_t one_long(uint64_t job)
{
    return job == 99 ? 1000 * JS_NS_PER_S : JS_NS_PER_S;
}

static void test_even_jobs(void)
{
    struct run run = {.slots = 2,
                      .jobs = 1000,
                      .length_ns = second,
                      .step_ns = 100 * JS_NS_PER_MS};
    assert_foretold(&run, 1, 0.02, 1.1);
}

/* Done by the time passed would say 300 hours when three jobs have ended. */
static void test_long_jobs_of_many_slots(void)
{
    struct run run = {.slots = SLOTS_MAX,
                      .jobs = 1000,
                      .length_ns = hour,
                      .step_ns = JS_NS_PER_S};
    assert_foretold(&run, 3, 0.25, 2400);
    assert_foretold(&run, 300, 0.05, 2400);
}

/* What goes by between two jobs counts. */
static void test_short_jobs(void)
{
    struct run run = {.slots = 4,
                      .jobs = 20000,
                      .length_ns = five_ms,
                      .gap_ns = 2 * JS_NS_PER_MS,
                      .step_ns = 100 * JS_NS_PER_MS};
    assert_foretold(&run, 2000, 0.05, 0.3);
}

static void test_mixed_jobs(void)
{
    struct run run = {.slots = 8,
                      .jobs = 5000,
                      .length_ns = mixed,
                      .step_ns = 100 * JS_NS_PER_MS};
    assert_foretold(&run, 100, 0.1, 5);
}

static void test_unknown_at_first(void)
{
    struct run run = {.slots = 4,
                      .jobs = 100,
                      .length_ns = mixed,
                      .step_ns = 10 * JS_NS_PER_MS};
    CU_ASSERT_FALSE(is_known(&run));
    do {
        step(&run);
        CU_ASSERT_EQUAL(is_known(&run), run.ended >= 3);
    } while (run.ended < 10);
    run = (struct run){
        .slots = 1, .jobs = 3, .length_ns = second, .step_ns = JS_NS_PER_S};
    step(&run);
    CU_ASSERT_FALSE(is_known(&run));
    step(&run);
    CU_ASSERT(is_known(&run));
}

/* It gets less while nothing ends. */
static void test_counts_down(void)
{
    struct run run = {
        .slots = 10, .jobs = 100, .length_ns = hour, .step_ns = JS_NS_PER_S};
    while (run.ended < 12)
        step(&run);
    double before_s = left_s(&run);
    uint64_t ended = run.ended;
    for (int i = 0; i < 60; i++)
        step(&run);
    CU_ASSERT_EQUAL(run.ended, ended);
    CU_ASSERT(left_s(&run) < before_s - 50);
    CU_ASSERT(left_s(&run) > before_s - 70);
}

/* One that runs much longer than all others: nobody knows for how long. */
static void test_straggler(void)
{
    struct run run = {.slots = 2,
                      .jobs = 100,
                      .length_ns = one_long,
                      .step_ns = 100 * JS_NS_PER_MS};
    while (run.now_ns < start_ns + 100 * JS_NS_PER_S)
        step(&run);
    CU_ASSERT_EQUAL(run.running, 1);
    CU_ASSERT_EQUAL(left_s(&run), -1 / (double)JS_NS_PER_S);
}

static void test_rate(void)
{
    struct run run = {.slots = 4,
                      .jobs = 2000,
                      .length_ns = second,
                      .step_ns = 250 * JS_NS_PER_MS};
    while (run.ended < 1000)
        step(&run);
    CU_ASSERT_DOUBLE_EQUAL(js_eta_estimate(&run.eta, 1, 1).rate, 4, 0.1);
    /* It follows when jobs become longer. */
    run.length_ns = mixed;
    while (run.ended < 1800)
        step(&run);
    double rate = js_eta_estimate(&run.eta, 1, 1).rate;
    CU_ASSERT(rate > 4 / 2.55 - 0.1);
    CU_ASSERT(rate <
              4 / 2.55 + 0.5); /* what was before still counts a little */
}

/* Jobs of no length, an attempt that ran and did not count, time that stands
 * still: no division by nought. */
static void test_noughts(void)
{
    struct js_eta eta = {0};
    js_eta_note(&eta, start_ns, 0, 0, 2);
    js_eta_note(&eta, start_ns, 5, 0, 2);
    CU_ASSERT_FALSE(js_eta_estimate(&eta, 2, 1).is_known);
    js_eta_note(&eta, start_ns + 1, 5, 0, 0);
    CU_ASSERT(js_eta_estimate(&eta, 2, 1).is_known);
    CU_ASSERT(js_eta_estimate(&eta, 1, 1).rate > 0);
    CU_ASSERT_EQUAL(js_eta_estimate(&eta, 1, 0).left_ns, -1);
    eta = (struct js_eta){0};
    js_eta_note(&eta, start_ns, 0, 0, 0);
    js_eta_note(&eta, start_ns + JS_NS_PER_S, 3, JS_NS_PER_S, 0);
    CU_ASSERT(js_eta_estimate(&eta, 2, 1).is_known);
    CU_ASSERT_EQUAL(js_eta_estimate(&eta, 1, 7).left_ns, -1);
}

/* Far more than a person waits for still fits into its type. */
static void test_for_ever(void)
{
    struct run run = {.slots = 1,
                      .jobs = UINT64_MAX / 2,
                      .length_ns = hour,
                      .step_ns = 100 * JS_NS_PER_S};
    while (run.ended < 5)
        step(&run);
    CU_ASSERT(left_s(&run) > 3e9);
    CU_ASSERT(left_s(&run) < 9.3e9);
}

static const struct unit_test tests[] = {
    {"even jobs", test_even_jobs},
    {"long jobs of many slots", test_long_jobs_of_many_slots},
    {"short jobs", test_short_jobs},
    {"mixed jobs", test_mixed_jobs},
    {"unknown at first", test_unknown_at_first},
    {"counts down", test_counts_down},
    {"straggler", test_straggler},
    {"rate", test_rate},
    {"noughts", test_noughts},
    {"for ever", test_for_ever},
    {NULL, NULL},
};

const struct unit_suite suite_eta = {"eta", tests};
