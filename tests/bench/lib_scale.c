/*
 * lib_scale [--full | SHAPE...] - how far one master goes.
 *
 * The real master, its real recorder and the real code of the slaves, on a
 * simulated link and clock (tests/unit/fake_link.h); the jobs and their starts
 * are simulated as well. The master's turns take the CPU time that they take
 * here, as much faster or slower as this machine is than the one for which the
 * goals hold: by a loop that waits for memory, timed before and after.
 *
 * Prints a line for each shape. Exits with 1 if a goal is missed or cannot be
 * measured.
 */
#include "base/clock.h"
#include "list/source.h"
#include "mpi/master.h"
#include "mpi/slave.h"

#include "unit/fake_link.h"
#include "unit/fake_runner.h"
#include "unit/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    TRIES = 3,     /* of a run during which this machine changed its speed */
    LINES_MAX = 3, /* of messages, for each run */
    CHAIN = 20     /* jobs, each after the one before it */
};

#define S JS_NS_PER_S
#define MS JS_NS_PER_MS

enum spread { EQUAL, LOGNORMAL };

/* What is asked of a run. A goal of 0 asks nothing. */
struct shape {
    const char *name;
    int slaves;     /* a node has as many as make FAKE_NODE_CORES slots */
    uint32_t slots; /* of each slave */
    int64_t run_ns; /* of a job, in the mean */
    double waves;   /* jobs a slot, or for all the slots that it takes */
    enum spread spread;
    unsigned width;         /* slots that a job takes; 0: one */
    const char *attributes; /* of each job: "[cores=4] "; NULL: none */
    unsigned seeds;         /* runs, of which the worst counts */
    bool is_quick;          /* part of the short run */
    bool has_chains, has_journal, has_joblog;
    bool all_are_lost; /* and nothing else is right */
    int64_t lease_ns;
    int64_t lose_ns;   /* then a tenth of the nodes is lost */
    int64_t silent_ns; /* then all slaves are stopped for 40 s */
    struct {
        double steady_percent, whole_percent, busy_percent;
        int64_t first_ns, turn_ns;
        int64_t beside_ns; /* from the start to the end, without the jobs */
    } goal;
};

/* "64x128 0.1 s" can reach 94.8 %: each start takes 0.4 ms, and the first ones
 * of a node come one after another. */
/* clang-format off */
static const struct shape shapes[] = {
    {"64", 64, 1, S, 20, LOGNORMAL, .seeds = 3, .is_quick = true, .goal = {99, .first_ns = 3 * S}},
    {"1024", 1024, 1, S, 10, LOGNORMAL, .seeds = 3, .is_quick = true, .goal = {99, .first_ns = 3 * S}},
    {"16384", 16384, 1, S, 6, LOGNORMAL, .seeds = 1, .lease_ns = 30 * S, .is_quick = true, .goal = {99, .first_ns = 3 * S}},
    {"1000x128", 1000, 128, 10 * S, 6, LOGNORMAL, .seeds = 1, .lease_ns = 30 * S, .is_quick = true, .goal = {99, .first_ns = 3 * S}},
    {"1000x128 1 s", 1000, 128, S, 6, LOGNORMAL, .seeds = 1, .lease_ns = 30 * S, .goal = {99}},
    {"1024 equal", 1024, 1, S, 10, EQUAL, .seeds = 1, .goal = {99}},
    {"1024 0.1 s", 1024, 1, 100 * MS, 20, LOGNORMAL, .seeds = 1, .goal = {99}},
    {"1024 journal", 1024, 1, S, 10, LOGNORMAL, .seeds = 1, .has_journal = true, .goal = {99}},
    {"1024 joblog", 1024, 1, S, 10, LOGNORMAL, .seeds = 1, .has_joblog = true, .goal = {99}},
    {"1024 chains", 1024, 1, S, 20, EQUAL, .seeds = 1, .has_chains = true, .goal = {95}},
    {"65536", 65536, 1, S, 6, LOGNORMAL, .seeds = 1, .lease_ns = 30 * S, .goal = {99, .first_ns = 3 * S}},
    {"9400x128", 9400, 128, 10 * S, 4, LOGNORMAL, .seeds = 1, .lease_ns = 30 * S, .goal = {99, .first_ns = 3 * S}},
    {"one wave", 9000, 128, 10 * S, 1, EQUAL, .seeds = 1, .goal = {.beside_ns = 20 * S}},
    {"64x128 0.1 s", 64, 128, 100 * MS, 10, EQUAL, .seeds = 1, .goal = {.whole_percent = 93}},
    {"cores=4", 512, 128, S, 6, EQUAL, 4, "[cores=4] ", .seeds = 1, .goal = {95, .busy_percent = 50}},
    {"mem=", 512, 128, S, 6, EQUAL, 1, "[mem=64M] ", .seeds = 1, .goal = {95}},
    {"nodes=2", 512, 128, S, 6, EQUAL, 16, "[nodes=2 cores=8] ", .seeds = 1, .goal = {95}},
    {"a tenth lost", 1000, 128, 10 * S, 6, LOGNORMAL, .seeds = 1, .lease_ns = 10 * S, .lose_ns = 25 * S, .goal = {95, .turn_ns = 50 * MS}},
    {"silent, 60 s", 1000, 128, 10 * S, 6, LOGNORMAL, .seeds = 1, .lease_ns = 60 * S, .silent_ns = 25 * S},
    {"silent, 20 s", 1000, 128, 10 * S, 6, LOGNORMAL, .seeds = 1, .all_are_lost = true, .lease_ns = 20 * S, .silent_ns = 25 * S},
};
/* clang-format on */

/* ---------------------------------------------------------------- memory */

/* Who allocates now: what the master owns is counted. */
static bool is_master_running;
static int64_t master_bytes, master_most_bytes;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

static void *count_in(void *memory)
{
    if (is_master_running && memory) {
        master_bytes += (int64_t)malloc_usable_size(memory);
        if (master_bytes > master_most_bytes)
            master_most_bytes = master_bytes;
    }
    return memory;
}

static void count_out(void *memory)
{
    if (is_master_running && memory)
        master_bytes -= (int64_t)malloc_usable_size(memory);
}

void *__wrap_malloc(size_t size)
{
    return count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return count_in(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    count_out(memory);
    void *grown = __real_realloc(memory, size);
    if (!grown)
        count_in(memory); /* it stays */
    return count_in(grown);
}

void __wrap_free(void *memory)
{
    count_out(memory);
    __real_free(memory);
}

static void *not_null(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* ---------------------------------------------------------------- speed */

/* The median of twenty passes of the loop on a quiet machine, the one for which
 * the goals hold. */
static const double reference_ms = 250;

/* Follows pointers through 64 MiB: as the master's, its time is the memory's.
 */
static double time_of_loop_ms(void)
{
    enum { CELLS = 1 << 23, STEPS = 1 << 20 };
    static uint64_t *cells;
    struct rng rng = {.state = 1};
    struct timespec began, ended;
    if (!cells) {
        cells = not_null(malloc(CELLS * sizeof(*cells)));
        for (uint64_t i = 0; i < CELLS; i++)
            cells[i] = i;
        for (uint64_t i = CELLS - 1; i > 0; i--) { /* one cycle of all */
            uint64_t other = rng_below(&rng, i), cell = cells[i];
            cells[i] = cells[other];
            cells[other] = cell;
        }
    }
    volatile uint64_t sink;
    uint64_t at = 0;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
    for (int i = 0; i < STEPS; i++)
        at = cells[at];
    sink = at;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
    (void)sink;
    return (double)(ended.tv_sec - began.tv_sec) * 1e3 +
           (double)(ended.tv_nsec - began.tv_nsec) / 1e6;
}

/* ---------------------------------------------------------------- a run */

struct seat {
    struct run *run;
    struct js_link link;
    struct js_runner runner;
    struct js_slave *slave;
    bool has_greeted;
    struct js_err err;
};

struct run {
    const struct shape *shape;
    uint64_t seed;
    struct fake_net *net;
    struct js_link link;
    struct js_outq *out;
    struct js_recorder recorder;
    struct js_source *source;
    struct js_master *master;
    struct js_log log;
    unsigned lines; /* of messages */
    int list_fd;
    struct seat *seats;  /* by rank */
    int64_t *spawned_ns; /* by node */
    uint64_t jobs;
    int64_t work_ns;  /* of all slots: run times x cores */
    int64_t *runs_ns; /* of a slot, by the job's number */
    int64_t *ends_ns; /* 0: it has not ended */
    uint64_t ended;
    int64_t first_start_ns, last_end_ns;
    char folder[64]; /* of the journal */
    struct js_registry *registry;
    struct js_joblog *joblog;
};

struct figures {
    double first_s, whole_percent, steady_percent, rate, busy_percent;
    double beside_s;
    struct fake_load load;
    double memory_mib;
    double loop_ms;
};

/* What is said of one slave may be said of thousands. */
static void print_line(void *arg, const char *line)
{
    struct run *run = arg;
    if (run->lines++ < LINES_MAX)
        fprintf(stderr, "%s, %.3f s: %s\n", run->shape->name,
                (double)(fake_net_now_ns(run->net) - FAKE_START_NS) / 1e9,
                line);
}

static void enter(void *arg, int number)
{
    (void)arg;
    is_master_running = number == 0;
}

static unsigned width_of(const struct shape *shape)
{
    return shape->width ? shape->width : 1;
}

static int nodes_of(const struct shape *shape)
{
    int64_t slots = (int64_t)shape->slaves * shape->slots;
    return (int)((slots + FAKE_NODE_CORES - 1) / FAKE_NODE_CORES);
}

static int node_of(const struct shape *shape, int rank)
{
    return (int)(((int64_t)rank - 1) * shape->slots / FAKE_NODE_CORES);
}

static void job_started(void *arg, const struct js_runner *runner,
                        const struct js_runner_job *job)
{
    struct run *run = arg;
    (void)runner;
    (void)job;
    if (run->first_start_ns == 0)
        run->first_start_ns = fake_net_now_ns(run->net);
}

static void job_ended(void *arg, const struct js_runner *runner, uint64_t id)
{
    struct run *run = arg;
    (void)runner;
    run->ended++;
    run->last_end_ns = fake_net_now_ns(run->net);
    if (id >= 1 && id <= run->jobs)
        run->ends_ns[id - 1] = run->last_end_ns;
}

static int slave_turn(void *arg)
{
    struct seat *seat = arg;
    int rc =
        fake_runner_slave_turn(seat->slave, &seat->has_greeted, &seat->err);
    if (rc < 0)
        print_line(seat->run, seat->err.text);
    return rc;
}

static const char *const environ_of_host[] = {"HOSTNAME=here", NULL};

static void take_seat(struct run *run, int rank, const struct js_topo *topo)
{
    struct seat *seat = &run->seats[rank];
    int node = node_of(run->shape, rank);
    seat->run = run;
    seat->link = fake_net_link(run->net, rank);
    fake_runner_init(&seat->runner, run->net, rank);
    seat->runner.started = job_started;
    seat->runner.ended = job_ended;
    seat->runner.arg = run;
    seat->runner.spawned_ns = &run->spawned_ns[node];
    struct js_slave_config config = {.topo = topo,
                                     .runner_ops = &fake_runner_ops,
                                     .runner = &seat->runner,
                                     .trace = run->out,
                                     .environ = environ_of_host,
                                     .tmpdir = "/tmp"};
    fake_runner_describe_node(&config.node, node);
    seat->slave = not_null(js_slave_new(&config, &seat->link));
    fake_net_add(run->net, rank, FAKE_START_NS, slave_turn, seat);
    const struct shape *shape = run->shape;
    if (shape->lose_ns > 0 && node % 10 == 9)
        fake_net_cut(run->net, rank, FAKE_START_NS + shape->lose_ns);
    if (shape->silent_ns > 0)
        fake_net_stop(run->net, rank, FAKE_START_NS + shape->silent_ns,
                      FAKE_START_NS + shape->silent_ns + 40 * S);
}

/* Of a standard normal distribution. */
static double random_normal(struct rng *rng)
{
    double a = ((double)(rng_next(rng) >> 11) + 1) / 0x1p53;
    double b = (double)(rng_next(rng) >> 11) / 0x1p53;
    return sqrt(-2 * log(a)) * cos(2 * M_PI * b);
}

static void write_list(struct run *run)
{
    static const double sigma = 0.5;
    const struct shape *shape = run->shape;
    struct rng rng = {.state = run->seed};
    run->list_fd = memfd_create("jobs", MFD_CLOEXEC);
    FILE *list = not_null(fdopen(dup(run->list_fd), "w"));
    for (uint64_t i = 0; i < run->jobs; i++) {
        double run_ns = (double)shape->run_ns;
        if (shape->spread == LOGNORMAL)
            run_ns *= exp(sigma * random_normal(&rng) - sigma * sigma / 2);
        int64_t us = (int64_t)(run_ns / 1000) + 1;
        run->runs_ns[i] = us * 1000;
        run->work_ns += us * 1000 * width_of(shape);
        if (shape->has_chains && i % CHAIN == 0)
            fprintf(list, "[name=n%" PRIu64 "] ", i);
        else if (shape->has_chains)
            fprintf(list, "[name=n%" PRIu64 " after=n%" PRIu64 "] ", i, i - 1);
        fprintf(list, "%s%" PRId64 ".%06" PRId64 "s\n",
                shape->attributes ? shape->attributes : "", us / 1000000,
                us % 1000000);
    }
    if (fclose(list) != 0)
        abort();
}

static enum js_stop_request nothing_requested(void *arg, int64_t now_ns)
{
    (void)arg;
    (void)now_ns;
    return JS_STOP_REQUEST_NONE;
}

static void open_journal(struct run *run)
{
    char path[128];
    struct js_err err = {""};
    snprintf(run->folder, sizeof(run->folder), "/tmp/scale.XXXXXX");
    not_null(mkdtemp(run->folder));
    snprintf(path, sizeof(path), "%s/journal", run->folder);
    struct js_journal_config config = {
        .path = path, .host = "here", .sync_ns = S, .log = run->log};
    run->registry = not_null(js_registry_new());
    if (js_journal_open(&config, run->registry, &run->recorder.journal, &err) ||
        js_journal_begin(run->recorder.journal, &err)) {
        print_line(run, err.text);
        abort();
    }
}

static void close_journal(struct run *run)
{
    char path[128];
    if (!run->folder[0])
        return;
    js_journal_close(run->recorder.journal);
    js_registry_free(run->registry);
    snprintf(path, sizeof(path), "%s/journal", run->folder);
    unlink(path);
    rmdir(run->folder);
}

static void open_master(struct run *run)
{
    char path[64];
    struct js_err err = {""};
    snprintf(path, sizeof(path), "/proc/self/fd/%d", run->list_fd);
    run->source =
        js_source_new_file(&(struct js_list_config){.path = path}, &err);
    if (!run->source)
        print_line(run, err.text);
    not_null(run->source);
    struct js_recorder_config recorder = {.out = run->out,
                                          .err = run->out,
                                          .graph =
                                              js_source_graph(run->source)};
    if (run->shape->has_joblog)
        recorder.joblog = run->joblog =
            not_null(js_joblog_open("/dev/null", -1, false, &err));
    if (js_recorder_open(&run->recorder, &recorder) < 0)
        abort();
    if (run->shape->has_journal)
        open_journal(run);
    struct js_master_config config = {
        .scheduler = {.round_size = 10},
        .setup = {.slots = run->shape->slots,
                  .lease_ns = run->shape->lease_ns,
                  .settings = {.bind = true,
                               .capture = JS_CAPTURE_SPOOL,
                               .umask = 022,
                               .spool_limit_bytes = UINT64_C(1) << 30,
                               .grace_ns = 5 * JS_NS_PER_S,
                               .cwd = "/"},
                  .environ = "A=1\0B=2",
                  .environ_len = sizeof("A=1\0B=2")},
        .stop_ns = JS_NEVER_NS,
        .meeting_ns = 60 * JS_NS_PER_S,
        .source = run->source,
        .recorder = &run->recorder,
        .log = run->log,
        .stop_request = nothing_requested,
    };
    fake_runner_describe_node(&config.node, nodes_of(run->shape));
    run->link = fake_net_link(run->net, 0);
    run->master = not_null(js_master_new(&config, &run->link));
}

static struct run *run_new(const struct shape *shape, uint64_t seed,
                           double cpu_scale, const struct js_topo *topo)
{
    struct run *run = not_null(calloc(1, sizeof(*run)));
    uint64_t slots = (uint64_t)shape->slaves * shape->slots;
    run->shape = shape;
    run->seed = seed;
    run->jobs = (uint64_t)((double)slots * shape->waves) / width_of(shape);
    run->log = (struct js_log){print_line, run};
    struct fake_net_config net = {.size = shape->slaves + 1,
                                  .seed = seed,
                                  .is_metered = true,
                                  .cpu_scale = cpu_scale,
                                  .entered = enter};
    run->net = not_null(fake_net_new(&net));
    run->seats =
        not_null(calloc((size_t)shape->slaves + 1, sizeof(*run->seats)));
    run->spawned_ns =
        not_null(calloc((size_t)nodes_of(shape), sizeof(*run->spawned_ns)));
    run->runs_ns = not_null(calloc(run->jobs, sizeof(*run->runs_ns)));
    run->ends_ns = not_null(calloc(run->jobs, sizeof(*run->ends_ns)));
    run->out = not_null(js_outq_new(open("/dev/null", O_WRONLY | O_CLOEXEC)));
    write_list(run);
    master_bytes = master_most_bytes = 0;
    enter(NULL, 0);
    open_master(run);
    enter(NULL, FAKE_LINK);
    for (int rank = 1; rank <= shape->slaves; rank++)
        take_seat(run, rank, topo);
    return run;
}

static void run_free(struct run *run)
{
    for (int i = 1; i <= run->shape->slaves; i++) {
        js_slave_free(run->seats[i].slave);
        fake_runner_release(&run->seats[i].runner);
    }
    js_master_free(run->master);
    close_journal(run);
    js_recorder_release(&run->recorder);
    js_joblog_close(run->joblog, NULL);
    js_source_free(run->source);
    int fd = js_outq_fd(run->out);
    js_outq_free(run->out);
    close(fd);
    close(run->list_fd);
    fake_net_free(run->net);
    free(run->seats);
    free(run->spawned_ns);
    free(run->runs_ns);
    free(run->ends_ns);
    free(run);
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The time that all slots of living nodes had between these times. */
static double slots_time_ns(const struct run *run, int64_t from_ns,
                            int64_t until_ns)
{
    const struct shape *shape = run->shape;
    double slots = (double)shape->slaves * shape->slots;
    int64_t lost_ns = latest(FAKE_START_NS + shape->lose_ns, from_ns);
    double span_ns = (double)(until_ns - from_ns);
    int nodes = nodes_of(shape), lost = nodes / 10;
    if (shape->lose_ns > 0 && until_ns > lost_ns)
        span_ns -= (double)(until_ns - lost_ns) * lost / nodes;
    return slots * span_ns;
}

/*
 * The part of the run in which there was always a next job: from two mean run
 * times after the first start, until the last job was sent. The share of the
 * slots' time in which a job ran (one that was lost, once), and the jobs that
 * ended in a second.
 */
static void look_at_steady_part(const struct run *run, struct figures *ret)
{
    const struct shape *shape = run->shape;
    int64_t from_ns = run->first_start_ns + 2 * shape->run_ns;
    int64_t until_ns = latest(fake_net_last_ns(run->net, JS_TAG_JOB),
                              fake_net_last_ns(run->net, JS_TAG_JOBS));
    double worked_ns = 0, ended = 0;
    if (until_ns <= from_ns)
        return;
    for (uint64_t i = 0; i < run->jobs; i++) {
        int64_t end_ns = run->ends_ns[i];
        int64_t start_ns = latest(end_ns - run->runs_ns[i], from_ns);
        ended += end_ns >= from_ns && end_ns < until_ns;
        if (end_ns > until_ns)
            end_ns = until_ns;
        if (end_ns > start_ns)
            worked_ns += (double)(end_ns - start_ns) * width_of(shape);
    }
    ret->steady_percent =
        100 * worked_ns / slots_time_ns(run, from_ns, until_ns);
    ret->rate = ended * 1e9 / (double)(until_ns - from_ns);
}

/* How many slaves the run has to do without. */
static unsigned lost_slaves(const struct shape *shape)
{
    if (shape->all_are_lost)
        return (unsigned)shape->slaves;
    return shape->lose_ns > 0 ? (unsigned)shape->slaves / 10 : 0;
}

/* The run ended as its shape says. */
static bool has_ended_well(const struct run *run,
                           const struct js_master_result *result,
                           const struct js_err *err)
{
    const struct shape *shape = run->shape;
    bool is_done = result->end == JS_MASTER_DONE && run->ended >= run->jobs;
    if (result->lost == lost_slaves(shape) && (is_done || shape->all_are_lost))
        return true;
    printf("%-13s went wrong: end %d, %u slaves lost, %" PRIu64 " of %" PRIu64
           " jobs have ended; %s\n",
           shape->name, (int)result->end, result->lost, run->ended, run->jobs,
           err->text);
    return false;
}

static bool measure(const struct shape *shape, uint64_t seed, double loop_ms,
                    const struct js_topo *topo, struct figures *ret)
{
    struct js_master_result result;
    struct js_err err = {""};
    struct run *run = run_new(shape, seed, reference_ms / loop_ms, topo);
    fake_net_begin_turn(run->net);
    enter(NULL, 0);
    js_master_run(run->master, &result, &err);
    enter(NULL, FAKE_LINK);
    double slots = (double)shape->slaves * shape->slots;
    double span_ns = (double)(run->last_end_ns - run->first_start_ns);
    double all_ns = (double)(run->last_end_ns - FAKE_START_NS);
    *ret = (struct figures){
        .first_s = (double)(run->first_start_ns - FAKE_START_NS) / 1e9,
        .whole_percent = 100 * (double)run->work_ns / slots / span_ns,
        .memory_mib = (double)master_most_bytes / 0x1p20,
        .beside_s = all_ns / 1e9 - shape->waves * (double)shape->run_ns / 1e9,
    };
    look_at_steady_part(run, ret);
    fake_net_load(run->net, &ret->load);
    ret->busy_percent = 100 * (double)ret->load.busy_ns / all_ns;
    bool is_good = has_ended_well(run, &result, &err);
    run_free(run);
    return is_good;
}

/* As often as the machine changes its speed meanwhile, TRIES times at most. */
static bool measure_steadily(const struct shape *shape, uint64_t seed,
                             const struct js_topo *topo, struct figures *ret)
{
    double before_ms = time_of_loop_ms();
    for (int i = 0; i < TRIES; i++) {
        if (!measure(shape, seed, before_ms, topo, ret))
            return false;
        double after_ms = time_of_loop_ms();
        double change = after_ms / before_ms;
        ret->loop_ms = before_ms;
        before_ms = after_ms;
        if (change > 0.9 && change < 1.1)
            return true;
    }
    printf("%-13s not measured: this machine changes its speed\n", shape->name);
    return false;
}

/* ---------------------------------------------------------------- goals */

static bool expect(const struct shape *shape, bool is_met, const char *goal)
{
    if (!is_met)
        printf("%-13s missed: %s\n", shape->name, goal);
    return is_met;
}

static bool is_most(double value, double most)
{
    return most <= 0 || value <= most;
}

static bool meets_goals(const struct shape *shape, const struct figures *f)
{
    bool steady = f->steady_percent >= shape->goal.steady_percent;
    bool whole = f->whole_percent >= shape->goal.whole_percent;
    bool first = is_most(f->first_s * 1e9, (double)shape->goal.first_ns);
    bool busy = is_most(f->busy_percent, shape->goal.busy_percent);
    bool turn =
        is_most((double)f->load.longest_ns, (double)shape->goal.turn_ns);
    bool beside = is_most(f->beside_s * 1e9, (double)shape->goal.beside_ns);
    expect(shape, steady, "jobs a second in the steady part");
    expect(shape, whole, "efficiency of the whole run");
    expect(shape, first, "when the first job starts");
    expect(shape, busy, "how busy the master is");
    expect(shape, turn, "the longest turn");
    expect(shape, beside, "the time beside the jobs");
    return steady && whole && first && busy && turn && beside;
}

static void print_head(void)
{
    printf("%-13s %8s %7s %7s %9s %6s %8s %9s %8s %7s %8s\n", "slaves x slots",
           "first", "whole", "steady", "jobs/s", "busy", "longest", "messages",
           "sent", "memory", "beside");
}

static void print_figures(const struct shape *shape, const struct figures *f)
{
    char steady[32];
    if (shape->all_are_lost) {
        printf("%-13s all %d slaves were given up, as they should be\n",
               shape->name, shape->slaves);
        return;
    }
    snprintf(steady, sizeof(steady), "%5.1f %% %9.0f", f->steady_percent,
             f->rate);
    printf("%-13s %6.2f s %5.1f %% %17s %4.1f %% %5.1f ms %9" PRIu64
           " %4.0f MiB %3.0f MiB %6.2f s\n",
           shape->name, f->first_s, f->whole_percent,
           f->rate > 0 ? steady : "-", f->busy_percent,
           (double)f->load.longest_ns / 1e6, f->load.messages,
           (double)f->load.bytes / 0x1p20, f->memory_mib, f->beside_s);
    fflush(stdout);
}

/* Every seed is measured; the worst by the steady part is printed. */
static bool try_shape(const struct shape *shape, const struct js_topo *topo)
{
    bool is_good = true;
    struct figures worst = {0}, figures;
    for (unsigned seed = 1; seed <= shape->seeds; seed++) {
        if (!measure_steadily(shape, seed, topo, &figures))
            return false;
        if (seed == 1 || figures.steady_percent < worst.steady_percent)
            worst = figures;
        is_good = meets_goals(shape, &figures) && is_good;
    }
    print_figures(shape, &worst);
    return is_good;
}

static bool is_named(const struct shape *shape, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], shape->name) == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct js_err err = {""};
    struct js_topo *topo =
        not_null(js_topo_new_synthetic("pack:2 core:64 pu:1", &err));
    bool is_full = argc > 1 && strcmp(argv[1], "--full") == 0;
    bool is_good = true;
    print_head();
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        const struct shape *shape = &shapes[i];
        bool is_chosen = argc == 1 ? shape->is_quick
                                   : is_full || is_named(shape, argc, argv);
        if (is_chosen)
            is_good = try_shape(shape, topo) && is_good;
    }
    js_topo_free(topo);
    return is_good ? 0 : 1;
}
