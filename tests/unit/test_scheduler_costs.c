/* scheduler: the cost of a job does not depend on the number of slaves. The
 * tests count the slaves, nodes and jobs that were examined. */
#include "scheduler_scene.h"
#include "unit.h"

#include <stdlib.h>

enum { FEW = 64, MANY = 1024, CORES = 8, STEPS = 500, RUNNING_MAX = 4096 };

struct running {
    unsigned slave;
    uint64_t ticket;
};

struct load {
    struct js_scheduler *scheduler;
    struct running running[RUNNING_MAX]; /* a ring */
    size_t first, count;
    uint64_t next_id;
    uint32_t nodes, cores; /* of each job */
    uint64_t assigned;
};

static uint64_t visits_of(const struct js_scheduler *scheduler)
{
    struct js_scheduler_counts counts = js_scheduler_counts(scheduler);
    return counts.steps + counts.places + counts.looks;
}

/* Adds jobs of this kind that do not end, until no more have room. */
static void fill(struct load *load)
{
    struct js_scheduler_decision next;
    for (; js_scheduler_wants_jobs(load->scheduler); load->next_id++)
        add_wide_job(load->scheduler, load->next_id, load->nodes, load->cores);
    while ((next = js_scheduler_next(load->scheduler)).step !=
           JS_SCHEDULER_NOTHING) {
        if (next.step != JS_SCHEDULER_ASSIGN)
            continue;
        js_scheduler_acknowledged(load->scheduler, next.slave, 1);
        CU_ASSERT_FATAL(load->count < RUNNING_MAX);
        load->running[(load->first + load->count++) % RUNNING_MAX] =
            (struct running){next.slave, next.ticket};
        load->assigned++;
    }
}

/* Ends the first running job. A job whose slave was lost may be gone. */
static void end_one(struct load *load)
{
    struct running *own = &load->running[load->first++ % RUNNING_MAX];
    load->count--;
    js_job_free(ended(load->scheduler, own->slave, own->ticket, long_ns));
}

static struct load *load_of(unsigned slaves, uint32_t slots, uint32_t nodes,
                            uint32_t cores)
{
    struct load *load = not_null(calloc(1, sizeof(*load)));
    load->scheduler = scheduler_of(10, false);
    if (slots == 1)
        add_nodes(load->scheduler, slaves / CORES, CORES);
    else
        add_slaves(load->scheduler, slaves, slots);
    load->next_id = 1;
    load->nodes = nodes;
    load->cores = cores;
    fill(load);
    return load;
}

static void load_free(struct load *load)
{
    free_scheduler(load->scheduler);
    free(load);
}

/* Visits for each job while all slots are busy. */
static double visits_a_job(unsigned slaves, uint32_t slots, uint32_t nodes,
                           uint32_t cores)
{
    struct load *load = load_of(slaves, slots, nodes, cores);
    uint64_t visits = visits_of(load->scheduler), assigned = load->assigned;
    for (int i = 0; i < STEPS; i++) {
        end_one(load);
        fill(load);
    }
    CU_ASSERT_FATAL(load->assigned - assigned >= STEPS / 2);
    double each = (double)(visits_of(load->scheduler) - visits) /
                  (double)(load->assigned - assigned);
    js_scheduler_assert_invariants(load->scheduler);
    load_free(load);
    return each;
}

static void expect_alike(uint32_t slots, uint32_t nodes, uint32_t cores,
                         double most)
{
    double few = visits_a_job(FEW, slots, nodes, cores);
    double many = visits_a_job(MANY, slots, nodes, cores);
    CU_ASSERT(many <= 1.3 * few);
    CU_ASSERT(few <= most);
}

static void test_jobs_of_several_cores(void)
{
    expect_alike(1, 1, 4, 40);
}

static void test_jobs_of_several_nodes(void)
{
    expect_alike(1, 3, 4, 400);
}

static void test_plain_jobs(void)
{
    expect_alike(1, 1, 1, 10);
    expect_alike(2, 1, 1, 10);
}

/* Visits for each lost slave, while as many as possible have a job of this
 * kind. A tenth of the slaves are lost, one after another, before anything else
 * happens. */
static double visits_a_loss(unsigned slaves, uint32_t nodes, uint32_t cores)
{
    struct load *load = load_of(slaves, 1, nodes, cores);
    uint64_t visits = visits_of(load->scheduler);
    for (unsigned i = 0; i < slaves / 10; i++)
        js_scheduler_lost(load->scheduler, 1 + 10 * i);
    double each =
        (double)(visits_of(load->scheduler) - visits) / (double)(slaves / 10);
    js_scheduler_assert_invariants(load->scheduler);
    load_free(load);
    return each;
}

static void test_losses(void)
{
    CU_ASSERT(visits_a_loss(MANY, 1, 1) <= 1.3 * visits_a_loss(FEW, 1, 1));
    CU_ASSERT(visits_a_loss(MANY, 1, 4) <= 1.3 * visits_a_loss(FEW, 1, 4));
    CU_ASSERT(visits_a_loss(MANY, 2, 4) <= 1.3 * visits_a_loss(FEW, 2, 4));
    CU_ASSERT(visits_a_loss(MANY, 2, 4) < 20);
}

/* Each job of two nodes that has lost either node must be ended exactly once;
 * all others go on. */
static void test_whose_part_is_lost_must_end(void)
{
    enum { SLAVES = 16 };
    struct load *load = load_of(SLAVES, 3, 2, 3);
    CU_ASSERT_EQUAL_FATAL(load->count, SLAVES / 2);
    unsigned ends = 0;
    for (unsigned i = 1; i <= SLAVES; i += 4)
        js_scheduler_lost(load->scheduler, i);
    js_scheduler_stop(load->scheduler);
    for (;;) {
        struct js_scheduler_decision next = next_step(load->scheduler);
        if (next.step == JS_SCHEDULER_NOTHING)
            break;
        CU_ASSERT_EQUAL_FATAL(next.step, JS_SCHEDULER_END);
        ends++;
    }
    /* The other jobs have lost their own slave. */
    unsigned gone =
        SLAVES / 2 - (unsigned)js_scheduler_counts(load->scheduler).assigned;
    CU_ASSERT_EQUAL(ends + gone, SLAVES / 4);
    load_free(load);
}

static const struct unit_test tests[] = {
    {"plain jobs", test_plain_jobs},
    {"jobs of several cores", test_jobs_of_several_cores},
    {"jobs of several nodes", test_jobs_of_several_nodes},
    {"losses", test_losses},
    {"whose part is lost must end", test_whose_part_is_lost_must_end},
    {NULL, NULL},
};

const struct unit_suite suite_scheduler_costs = {"scheduler_costs", tests};
