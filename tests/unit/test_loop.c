/* master and slave: whole runs over a link in memory, on a simulated clock. */
#include "loop_master.h"
#include "unit.h"

#include "base/clock.h"
#include "fake_link.h"
#include "fake_runner.h"
#include "list/source.h"
#include "mpi/slave.h"
#include "record/delivery.h"
#include "rng.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLAVES_MAX = 8, JOBS_MAX = 4000, TRACE_MAX = 4 * JOBS_MAX };

/* ---------------------------------------------------------------- a run */

struct run_config {
    int slaves;
    const char *jobs; /* the job list; NULL: the demonstration */
    int stream_fd;    /* where it comes from instead; 0: none */
    uint64_t demo_jobs;
    int64_t demo_duration_ns;
    uint32_t round_size; /* 0: ten */
    bool barrier;
    uint32_t slots; /* 0: one */
    uint64_t spool_limit_bytes;
    int64_t delay_max_ns; /* 0: 100 us */
    uint64_t seed;
    bool is_restless;
    int out_fd;                        /* where stdout goes; 0: a file */
    int64_t lease_ns;                  /* 0: none */
    int64_t stop_ns;                   /* from the start; 0: never */
    int64_t request_ns;                /* from the start; 0: never */
    enum js_stop_request stop_request; /* ... what is wanted then */
    int64_t commit_ns;     /* how long one takes; 0: it is done at once */
    bool has_dead;         /* a run was killed before */
    unsigned cut_enlisted; /* this slave once it takes part; 0: none */
};

/* What became of a job. */
struct fate {
    unsigned started, finished, losses;
    unsigned begun; /* told to have been running for a while */
    bool is_running;
    int seat;          /* where it was started last */
    int64_t finish_ns; /* from the start of the simulation */
    unsigned slave;
    uint32_t attempt; /* it finished in */
    uint32_t exit_code;
    uint64_t bytes[2];
};

/* A slave's place: all that its process has. */
struct seat {
    struct run *run;
    int rank;
    struct js_link link;
    struct js_runner runner;
    struct js_slave *slave;
    struct js_outq *trace;
    bool has_greeted;
    bool is_unrecorded; /* its runner is not yet on record, */
    bool is_told;       /* ... but with the next commit */
    unsigned running, most_running;
    struct js_err err;
};

struct run {
    struct run_config config;
    struct fake_net *net;
    struct js_link link;
    struct js_outq *outqs[2];
    int fds[2];    /* of the output queues */
    int trace_fd;  /* "Dispatch", "Run" and "Finished" lines of all */
    int source_fd; /* the job list; -1: none */
    struct js_recorder recorder; /* no more of it than its delivery */
    struct js_source *source;
    struct js_master *master;
    struct js_buf log_text;
    struct js_log log;
    struct seat seats[SLAVES_MAX + 1];
    struct fate fates[JOBS_MAX + 1]; /* by id */
    uint64_t started;
    uint64_t parted; /* slaves */
    uint64_t finished;
    uint64_t committed; /* of these */
    int64_t commit_end_ns;
    bool is_behind; /* with what has finished: not all is on record */
    uint64_t sent;  /* jobs, when that was told */
    uint64_t succeeded;
    uint64_t order[JOBS_MAX]; /* ids, as they finished */
    uint64_t longest_command;
    uint64_t command_sum; /* of the bytes of all commands */
    uint64_t most_busy;   /* slots at once */
    struct js_master_result result;
    struct js_err err;
};

/* Of the jobs that have finished: how often they had to be run again. */
static uint64_t attempts_lost(const struct run *run)
{
    uint64_t lost = 0;
    for (uint64_t n = 0; n < run->finished; n++)
        lost += run->fates[run->order[n]].attempt - 1;
    return lost;
}

/* One for all runs: hwloc loads its plugins each time that the first is made,
 * which would take longer than all else here. */
static const struct js_topo *machine(void)
{
    static struct js_topo *topo;
    if (!topo)
        topo = not_null(js_topo_new_synthetic("pack:1 core:4 pu:1", NULL));
    return topo;
}

static int64_t since_start_ns(const struct run *run)
{
    return fake_net_now_ns(run->net) - FAKE_START_NS;
}

static struct fate *fate_of(struct run *run, uint64_t id)
{
    if (id == 0 || id > JOBS_MAX) {
        fake_net_complain(run->net, "a job that nobody has given");
        id = JOBS_MAX;
    }
    return &run->fates[id];
}

static void put_trace(struct run *run, char what, uint64_t id)
{
    char line[64];
    int len = snprintf(line, sizeof(line), "%c%" PRIu64 "\n", what, id);
    if (write(run->trace_fd, line, (size_t)len) != len)
        fake_net_complain(run->net, "the trace cannot be written");
}

/* ------------------------------------------------------------ the recorder */

static struct run *run_of(const struct js_recorder *recorder)
{
    return (struct run *)((uintptr_t)recorder - offsetof(struct run, recorder));
}

void fake_recorder_dispatched(struct js_recorder *recorder,
                              const struct js_job *job)
{
    put_trace(run_of(recorder), 'D', job->id);
}

void fake_recorder_finished(struct js_recorder *recorder,
                            const struct js_completion *completion)
{
    struct run *run = run_of(recorder);
    struct fate *fate = fate_of(run, completion->job->id);
    if (completion->result == JS_ATTEMPT_RESULT_RETRIED) {
        js_job_free(completion->job);
        return;
    }
    fate->finished++;
    run->succeeded += js_outcome_succeeded(&completion->outcome);
    fate->finish_ns = since_start_ns(run);
    fate->slave = completion->slave;
    fate->attempt = completion->job->attempt;
    fate->exit_code = completion->outcome.exit_code;
    fate->bytes[0] = completion->outcome.out_bytes;
    fate->bytes[1] = completion->outcome.err_bytes;
    if (run->finished < JOBS_MAX)
        run->order[run->finished++] = completion->job->id;
    put_trace(run, 'F', completion->job->id);
    js_job_free(completion->job);
}

void fake_recorder_parted(struct js_recorder *recorder, unsigned slave)
{
    struct run *run = run_of(recorder);
    if (slave == 0 || slave > (unsigned)run->config.slaves)
        fake_net_complain(run->net, "nobody has parted");
    run->parted++;
}

void fake_recorder_enlisted(struct js_recorder *recorder, unsigned slave,
                            uint32_t slots, const char *host,
                            const struct js_process_pair *processes)
{
    struct run *run = run_of(recorder);
    (void)slots;
    (void)host;
    (void)processes;
    run->seats[slave].is_told = true;
    if (slave == run->config.cut_enlisted)
        fake_net_cut(run->net, (int)slave, fake_net_now_ns(run->net));
}

/* It is on record with the next commit. */
void fake_recorder_restarted(struct js_recorder *recorder, unsigned slave,
                             const struct js_process_pair *processes)
{
    struct run *run = run_of(recorder);
    (void)processes;
    run->seats[slave].is_told = true;
}

void fake_recorder_lost(struct js_recorder *recorder, const struct js_job *job,
                        unsigned slave)
{
    struct run *run = run_of(recorder);
    if (slave == 0 || job->losses == 0)
        fake_net_complain(run->net, "a loss that is none");
    fate_of(run, job->id)->losses = job->losses;
}

bool fake_recorder_notes_begun(const struct js_recorder *recorder)
{
    (void)recorder;
    return true;
}

void fake_recorder_begun(struct js_recorder *recorder, const struct js_job *job,
                         unsigned slave, int64_t age_ns)
{
    struct run *run = run_of(recorder);
    struct fate *fate = fate_of(run, job->id);
    if (age_ns < JS_SCHEDULER_BEGUN_NS || fate->finished || slave == 0)
        fake_net_complain(run->net, "a job that does not run has begun");
    fate->begun++;
}

/* A slow journal is done with a commit only so long after something new. */
bool fake_recorder_commit(struct js_recorder *recorder, int64_t now_ns)
{
    struct run *run = run_of(recorder);
    uint64_t sent = fake_net_sent(run->net, JS_TAG_JOB);
    if (run->is_behind && sent > run->sent)
        fake_net_complain(run->net, "a job was sent before all is on record");
    run->sent = sent;
    if (run->config.commit_ns > 0 && run->finished > run->committed) {
        run->committed = run->finished;
        run->commit_end_ns = now_ns + run->config.commit_ns;
    }
    run->is_behind = now_ns < run->commit_end_ns;
    for (int i = 1; !run->is_behind && i <= run->config.slaves; i++) {
        struct seat *seat = &run->seats[i];
        seat->is_unrecorded = seat->is_unrecorded && !seat->is_told;
        seat->is_told = false;
    }
    return !run->is_behind;
}

bool fake_recorder_is_quiet(const struct js_recorder *recorder)
{
    (void)recorder;
    return false;
}

bool fake_recorder_is_cut(struct js_recorder *recorder)
{
    (void)recorder;
    return false;
}

bool fake_recorder_is_show_due(struct js_recorder *recorder, int64_t now_ns)
{
    (void)recorder;
    (void)now_ns;
    return true;
}

/* What is shown of the run fits together, at the end of every turn. */
void fake_recorder_show(struct js_recorder *recorder, int64_t now_ns,
                        struct js_progress standing, uint64_t total)
{
    struct run *run = run_of(recorder);
    (void)total;
    if (standing.running > standing.busy_slots ||
        standing.busy_slots > standing.slots)
        fake_net_complain(run->net, "more jobs run than there are slots");
    if (standing.elapsed_ns < 0 && standing.running > 0)
        fake_net_complain(run->net, "jobs run before the run has begun");
    if (now_ns < FAKE_START_NS)
        fake_net_complain(run->net, "a turn at no time");
    if (standing.busy_slots > run->most_busy)
        run->most_busy = standing.busy_slots;
}

static enum js_stop_request stop_request(void *arg, int64_t now_ns)
{
    const struct run *run = arg;
    (void)now_ns;
    bool is_due = run->config.request_ns > 0 &&
                  since_start_ns(run) >= run->config.request_ns;
    return is_due ? run->config.stop_request : JS_STOP_REQUEST_NONE;
}

/* So that the master looks when the request comes. */
int64_t fake_recorder_deadline_ns(const struct js_recorder *recorder)
{
    const struct run *run = run_of(recorder);
    int64_t at_ns = run->config.request_ns;
    return at_ns > since_start_ns(run) ? FAKE_START_NS + at_ns : JS_NEVER_NS;
}

size_t fake_recorder_unwritten(const struct js_recorder *recorder)
{
    const struct run *run = run_of(recorder);
    return js_outq_pending(run->outqs[0]) + js_outq_pending(run->outqs[1]);
}

nfds_t fake_recorder_wait_for(const struct js_recorder *recorder,
                              struct pollfd *fds)
{
    const struct run *run = run_of(recorder);
    nfds_t count = 0;
    for (int i = 0; i < 2; i++) {
        if (js_outq_pending(run->outqs[i]) > 0)
            fds[count++] = (struct pollfd){.fd = js_outq_fd(run->outqs[i]),
                                           .events = POLLOUT};
    }
    return count;
}

static void keep_line(void *arg, const char *text)
{
    struct run *run = arg;
    js_buf_printf(&run->log_text, "%s\n", text);
}

static bool was_said(struct run *run, const char *text)
{
    return strstr(not_null((void *)js_buf_string(&run->log_text)), text);
}

/* One that takes the place of another as well. */
static void runner_configured(void *arg, const struct js_runner *runner,
                              const struct js_runner_config *config)
{
    struct seat *seat = arg;
    (void)runner;
    (void)config;
    seat->is_unrecorded = true;
    seat->is_told = false;
}

/* The runner has been given a job. */
static void job_started(void *arg, const struct js_runner *runner,
                        const struct js_runner_job *job)
{
    struct seat *seat = arg;
    struct run *run = seat->run;
    struct fate *fate = fate_of(run, job->id);
    (void)runner;
    if (fate->is_running &&
        fake_runner_is_running(&run->seats[fate->seat].runner, job->id))
        fake_net_complain(run->net, "a job runs twice at a time");
    fate->seat = seat->rank;
    if (seat->is_unrecorded)
        fake_net_complain(run->net, "a runner has a job and is not on record");
    if (fate->finished)
        fake_net_complain(run->net, "a job runs again after its end");
    if (strlen(job->command) != job->len)
        fake_net_complain(run->net, "a command of another length");
    fate->is_running = true;
    fate->started++;
    run->started++;
    /* More attempts than starts: some were lost on their way to a slave. */
    if (fate->started > job->attempt)
        fake_net_complain(run->net, "attempts are not counted");
    if (++seat->running > seat->most_running)
        seat->most_running = seat->running;
    if (job->len > run->longest_command)
        run->longest_command = job->len;
    for (size_t i = 0; i < job->len; i++)
        run->command_sum += (unsigned char)job->command[i] * (i % 251 + 1);
}

static void job_ended(void *arg, const struct js_runner *runner, uint64_t id)
{
    struct seat *seat = arg;
    (void)runner;
    struct fate *fate = fate_of(seat->run, id);
    if (fate->seat == seat->rank)
        fate->is_running = false;
    seat->running--;
}

/* ---------------------------------------------------------------- seats */

static int slave_turn(void *arg)
{
    struct seat *seat = arg;
    int rc = 0;
    if (!seat->has_greeted) {
        seat->has_greeted = true;
        rc = js_slave_greet(seat->slave, &seat->err);
    }
    if (rc == 0)
        rc = js_slave_turn(seat->slave, &seat->err);
    if (rc == 0)
        rc = js_slave_wait(seat->slave, &seat->err);
    return rc;
}

static struct js_node node_of(int rank)
{
    struct js_node node;
    memset(&node, 0, sizeof(node));
    /* Two ranks to a node, as their numbers come; one knows its long name. */
    snprintf(node.host, sizeof(node.host), "n%d%s", rank / 2,
             rank == 3 ? ".cluster" : "");
    CU_ASSERT_EQUAL(js_cpuset_parse("0-3", &node.cpus), 0);
    return node;
}

static void take_seat(struct run *run, int rank)
{
    static const char *const environ_of_host[] = {"HOSTNAME=here", NULL};
    struct seat *seat = &run->seats[rank];
    seat->run = run;
    seat->rank = rank;
    seat->link = fake_net_link(run->net, rank);
    fake_runner_init(&seat->runner, run->net, rank);
    seat->runner.configured = runner_configured;
    seat->runner.started = job_started;
    seat->runner.ended = job_ended;
    seat->runner.arg = seat;
    seat->trace = not_null(js_outq_new(run->trace_fd));
    struct js_slave_config config = {.node = node_of(rank),
                                     .topo = machine(),
                                     .runner_ops = &fake_runner_ops,
                                     .runner = &seat->runner,
                                     .trace = seat->trace,
                                     .environ = environ_of_host,
                                     .tmpdir = "/tmp"};
    seat->slave = not_null(js_slave_new(&config, &seat->link));
    fake_net_add(run->net, rank, FAKE_START_NS, slave_turn, seat);
}

/* ---------------------------------------------------------------- begin */

static void open_source(struct run *run)
{
    const char *jobs = run->config.jobs;
    char path[64];
    run->source_fd = -1;
    if (run->config.stream_fd) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", run->config.stream_fd);
        run->source = not_null(js_source_new_file(path, NULL, NULL, &run->err));
        return;
    }
    if (!jobs) {
        run->source = not_null(js_source_new_demo(
            run->config.demo_jobs, run->config.demo_duration_ns, NULL));
        return;
    }
    run->source_fd = memfd_create("jobs", MFD_CLOEXEC);
    CU_ASSERT_FATAL(run->source_fd >= 0);
    CU_ASSERT_EQUAL_FATAL(write(run->source_fd, jobs, strlen(jobs)),
                          (ssize_t)strlen(jobs));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", run->source_fd);
    run->source = not_null(js_source_new_file(path, NULL, NULL, &run->err));
}

static int open_file(void)
{
    int fd = memfd_create("run", MFD_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    fcntl(fd, F_SETFL, O_APPEND);
    return fd;
}

static void open_records(struct run *run)
{
    run->trace_fd = open_file();
    run->fds[0] = run->config.out_fd ? run->config.out_fd : open_file();
    run->fds[1] = open_file();
    for (int i = 0; i < 2; i++)
        run->outqs[i] = not_null(js_outq_new(run->fds[i]));
    run->log = (struct js_log){keep_line, run};
    run->recorder.delivery =
        not_null(js_delivery_new(run->outqs[0], run->outqs[1], &run->log));
}

static void open_master(struct run *run)
{
    static const struct js_dead_run dead = {.id = 1, .begin_unix_ns = 1};
    struct js_master_config config = {
        .dead = &dead,
        .dead_count = run->config.has_dead,
        .scheduler = {.round_size = run->config.round_size,
                      .barrier = run->config.barrier},
        .setup = {.slots = run->config.slots,
                  .lease_ns = run->config.lease_ns,
                  .settings = {.bind = true,
                               .trace = true,
                               .capture = JS_CAPTURE_SPOOL,
                               .umask = 022,
                               .spool_limit_bytes =
                                   run->config.spool_limit_bytes,
                               .grace_ns = JS_NS_PER_S,
                               .cwd = "/"},
                  .environ = "A=1\0B=2",
                  .environ_len = sizeof("A=1\0B=2")},
        .stop_ns = run->config.stop_ns > 0 ? FAKE_START_NS + run->config.stop_ns
                                           : JS_NEVER_NS,
        .show_map = true,
        .meeting_ns = 60 * JS_NS_PER_S,
        .node = node_of(0),
        .source = run->source,
        .recorder = &run->recorder,
        .log = run->log,
        .stop_request = stop_request,
        .request_arg = run,
    };
    run->link = fake_net_link(run->net, 0);
    run->master = not_null(js_master_new(&config, &run->link));
}

static struct run *run_new(const struct run_config *config)
{
    struct run *run = not_null(calloc(1, sizeof(*run)));
    run->config = *config;
    if (!run->config.round_size)
        run->config.round_size = 10;
    if (!run->config.slots)
        run->config.slots = 1;
    if (!run->config.delay_max_ns)
        run->config.delay_max_ns = 100 * JS_NS_PER_US;
    if (!run->config.spool_limit_bytes)
        run->config.spool_limit_bytes = UINT64_C(1) << 30;
    struct fake_net_config net = {.size = config->slaves + 1,
                                  .extras = 1,
                                  .seed = config->seed,
                                  .delay_max_ns = run->config.delay_max_ns,
                                  .is_restless = config->is_restless};
    run->net = not_null(fake_net_new(&net));
    open_source(run);
    open_records(run);
    open_master(run);
    for (int rank = 1; rank <= config->slaves; rank++)
        take_seat(run, rank);
    return run;
}

static void run_free(struct run *run)
{
    for (int i = 1; i <= run->config.slaves; i++) {
        js_slave_free(run->seats[i].slave);
        fake_runner_release(&run->seats[i].runner);
        js_outq_free(run->seats[i].trace);
    }
    js_master_free(run->master);
    js_delivery_free(run->recorder.delivery);
    js_source_free(run->source);
    for (int i = 0; i < 2; i++) {
        js_outq_free(run->outqs[i]);
        close(run->fds[i]);
    }
    close(run->trace_fd);
    if (run->source_fd >= 0)
        close(run->source_fd);
    js_buf_release(&run->log_text);
    fake_net_free(run->net);
    free(run);
}

/* Runs to the end; afterwards every slave that lives has left. */
static void run_go(struct run *run)
{
    js_master_run(run->master, &run->result, &run->err);
    js_master_dismiss(&run->link, JS_LEAVE_TOGETHER);
    fake_net_finish(run->net);
}

/* ---------------------------------------------------------------- checks */

static void show(const struct run *run, const char *what)
{
    fprintf(stderr, "\nloop, seed %" PRIu64 ": %s\n", run->config.seed, what);
}

static bool expect_no_complaint(const struct run *run)
{
    const char *complaint = fake_net_complaint(run->net);
    CU_ASSERT_PTR_NULL(complaint);
    if (!complaint)
        return true;
    show(run, complaint);
    for (int i = 1; i <= run->config.slaves; i++) {
        if (run->seats[i].err.text[0])
            show(run, run->seats[i].err.text);
    }
    return false;
}

static bool expect_end(const struct run *run, enum js_master_end end)
{
    CU_ASSERT_EQUAL(run->result.end, end);
    if (run->result.end == end)
        return true;
    show(run, run->err.text);
    return false;
}

/* Every job has ended once, and the run well. */
static bool expect_all_done(struct run *run, uint64_t jobs)
{
    bool is_good = expect_no_complaint(run);
    is_good = expect_end(run, JS_MASTER_DONE) && is_good;
    CU_ASSERT_EQUAL(run->finished, jobs);
    CU_ASSERT_EQUAL(run->result.left, 0);
    CU_ASSERT_TRUE(run->result.is_left_known);
    is_good = is_good && run->finished == jobs && run->result.left == 0;
    for (uint64_t id = 1; id <= jobs && is_good; id++)
        is_good = run->fates[id].finished == 1;
    CU_ASSERT_TRUE(is_good);
    for (int i = 1; i <= run->config.slaves && is_good; i++) {
        CU_ASSERT_TRUE(fake_net_has_left(run->net, i));
        CU_ASSERT(run->seats[i].most_running <= run->config.slots);
    }
    return is_good;
}

/* The contents of a file of the run, with a NUL. To be freed. */
static char *contents_of(int fd, size_t *ret_len)
{
    struct stat st;
    CU_ASSERT_EQUAL_FATAL(fstat(fd, &st), 0);
    size_t len = (size_t)st.st_size;
    char *bytes = not_null(malloc(len + 1));
    CU_ASSERT_EQUAL(pread(fd, bytes, len, 0), (ssize_t)len);
    bytes[len] = '\0';
    *ret_len = len;
    return bytes;
}

/* Both streams are the jobs' outputs, whole, in the order of their end. */
static bool expect_output(struct run *run)
{
    bool is_good = true;
    for (unsigned stream = 0; stream < 2; stream++) {
        size_t len, at = 0;
        char *bytes = contents_of(run->fds[stream], &len);
        for (uint64_t n = 0; n < run->finished && is_good; n++) {
            const struct fate *fate = &run->fates[run->order[n]];
            for (uint64_t i = 0; i < fate->bytes[stream] && is_good; i++, at++)
                is_good =
                    at < len &&
                    bytes[at] == fake_runner_byte(run->order[n], stream, i);
        }
        is_good = is_good && at == len;
        free(bytes);
    }
    CU_ASSERT_TRUE(is_good);
    return is_good;
}

/* The places in the trace of what happened to each job. */
struct trace {
    size_t count;
    struct {
        char what;
        uint64_t id;
    } events[TRACE_MAX];
    size_t dispatched[JOBS_MAX + 1], run[JOBS_MAX + 1], finished[JOBS_MAX + 1];
};

static struct trace *trace_of(const struct run *run)
{
    struct trace *trace = not_null(calloc(1, sizeof(*trace)));
    size_t len;
    char *text = contents_of(run->trace_fd, &len);
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        static const char says[] = "Run job: ";
        bool is_run = strncmp(line, says, strlen(says)) == 0;
        char what = is_run ? 'R' : line[0];
        uint64_t id =
            strtoull(is_run ? line + strlen(says) : line + 1, NULL, 10);
        CU_ASSERT_FATAL(id > 0 && id <= JOBS_MAX && trace->count < TRACE_MAX);
        size_t at = trace->count++;
        trace->events[at].what = what;
        trace->events[at].id = id;
        size_t *places = what == 'D'   ? trace->dispatched
                         : what == 'R' ? trace->run
                                       : trace->finished;
        places[id] = at + 1;
    }
    free(text);
    return trace;
}

/* Rounds stand together and in order; each job is dispatched, run, finished. */
static void expect_trace(const struct run *run, uint64_t jobs)
{
    struct trace *trace = trace_of(run);
    uint32_t round = run->config.round_size;
    CU_ASSERT_EQUAL(trace->count, 3 * jobs);
    for (uint64_t id = 1; id <= jobs; id++) {
        CU_ASSERT(trace->dispatched[id] > 0);
        CU_ASSERT(trace->dispatched[id] < trace->run[id]);
        CU_ASSERT(trace->run[id] < trace->finished[id]);
        if ((id - 1) % round != 0)
            CU_ASSERT_EQUAL(trace->dispatched[id],
                            trace->dispatched[id - 1] + 1);
    }
    free(trace);
}

/* "TEXT\n" so many times. To be freed. */
static char *lines_of(const char *text, unsigned count)
{
    struct js_buf buf = JS_BUF_INIT;
    for (unsigned i = 0; i < count; i++)
        CU_ASSERT_EQUAL_FATAL(js_buf_printf(&buf, "%s\n", text), 0);
    not_null((void *)js_buf_string(&buf));
    return buf.data;
}

/* ---------------------------------------------------------------- the demo */

static void test_the_demonstration(void)
{
    struct run_config config = {
        .slaves = 2, .demo_jobs = 30, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 30);
    expect_trace(run, 30);
    CU_ASSERT(run->result.wall_ns >= 15 * JS_NS_PER_S);
    CU_ASSERT(run->result.wall_ns < 15 * JS_NS_PER_S + JS_NS_PER_S / 10);
    CU_ASSERT_EQUAL(run->result.slaves, 2);
    CU_ASSERT_EQUAL(run->result.slots, 2);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    CU_ASSERT_TRUE(was_said(run, "slave 1 on n0: 1 slot on CPUs"));
    CU_ASSERT_STRING_EQUAL(js_master_host(run->master, 2), "n1");
    /* A round opens when somebody has nothing of the last one to do. */
    struct trace *trace = trace_of(run);
    CU_ASSERT(trace->dispatched[11] > trace->finished[8]);
    CU_ASSERT(trace->dispatched[11] < trace->finished[11]);
    free(trace);
    run_free(run);
}

static void test_no_jobs_at_all(void)
{
    struct run_config config = {.slaves = 2, .demo_jobs = 0};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 0);
    CU_ASSERT_EQUAL(run->result.wall_ns, 0);
    run_free(run);
}

static void test_barrier(void)
{
    char *fast = lines_of("0.1", 3);
    struct js_buf jobs = JS_BUF_INIT;
    for (int round = 0; round < 5; round++)
        js_buf_printf(&jobs, "2\n%s", fast);
    struct run_config config = {.slaves = 3,
                                .jobs = js_buf_string(&jobs),
                                .round_size = 4,
                                .barrier = true};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 20);
    expect_trace(run, 20);
    struct trace *trace = trace_of(run);
    for (uint64_t id = 5; id <= 20; id++) {
        uint64_t before = (id - 1) / 4 * 4; /* the last of the round before */
        for (uint64_t other = before; other > before - 4; other--)
            CU_ASSERT(trace->finished[other] < trace->dispatched[id]);
    }
    CU_ASSERT(run->result.wall_ns >= 10 * JS_NS_PER_S);
    free(trace);
    run_free(run);
    js_buf_release(&jobs);
    free(fast);
}

static void test_without_barrier_nobody_waits(void)
{
    char *fast = lines_of("0.1", 40);
    struct js_buf jobs = JS_BUF_INIT;
    js_buf_printf(&jobs, "3\n%s", fast);
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 41);
    /* 40 x 0.1 s on the one, while the other runs for 3 s, and shares. */
    CU_ASSERT(run->result.wall_ns < 4 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(run->order[0], 2);
    run_free(run);
    js_buf_release(&jobs);
    free(fast);
}

static void run_on_slots(int slaves, uint32_t slots)
{
    uint64_t jobs = 5 * (uint64_t)slaves * slots;
    struct run_config config = {.slaves = slaves,
                                .slots = slots,
                                .demo_jobs = jobs,
                                .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, jobs);
    CU_ASSERT_EQUAL(run->result.slots, (uint64_t)slaves * slots);
    CU_ASSERT(run->result.wall_ns >= 5 * JS_NS_PER_S);
    CU_ASSERT(run->result.wall_ns < 5 * JS_NS_PER_S + JS_NS_PER_S / 10);
    run_free(run);
}

/* Also where there are more slots than jobs that may be unacknowledged. */
static void test_every_slot_is_used(void)
{
    run_on_slots(2, 4);
    run_on_slots(1, JS_SCHEDULER_CREDIT + 1);
    run_on_slots(3, 64);
}

/* No clock reaches its end: it just runs on. */
static void test_the_longest_duration(void)
{
    struct run_config config = {
        .slaves = 1, .demo_jobs = 1, .demo_duration_ns = JS_NEVER_NS - 1};
    struct run *run = run_new(&config);
    run_go(run); /* until it is noticed that nothing happens any more */
    CU_ASSERT_EQUAL(run->finished, 0);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BROKEN);
    CU_ASSERT_EQUAL(run->result.left, 1);
    run_free(run);
}

/* ---------------------------------------------------------------- streams */

/* Writes three jobs into a pipe, every ten seconds. */
struct writer {
    struct fake_net *net;
    int number, fd;
    unsigned left; /* times */
};

static int writer_turn(void *arg)
{
    static const char text[] = "1\n2\n0.5\n";
    struct writer *writer = arg;
    if (writer->left == 0) {
        close(writer->fd);
        return 1;
    }
    writer->left--;
    if (write(writer->fd, text, strlen(text)) != (ssize_t)strlen(text))
        fake_net_complain(writer->net, "the pipe is full");
    fake_net_wake(writer->net, writer->number,
                  fake_net_now_ns(writer->net) + 10 * JS_NS_PER_S);
    return 0;
}

static void test_a_slow_stream(void)
{
    int fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    struct run_config config = {.slaves = 2, .stream_fd = fds[0]};
    struct run *run = run_new(&config);
    struct writer writer = {
        .net = run->net, .number = 3, .fd = fds[1], .left = 20};
    fake_net_add(run->net, 3, FAKE_START_NS, writer_turn, &writer);
    run_go(run);
    close(fds[0]);
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 3));
    expect_all_done(run, 60);
    for (uint64_t id = 1; id <= 60; id++) {
        int64_t came_ns = (int64_t)((id - 1) / 3) * 10 * JS_NS_PER_S;
        CU_ASSERT(run->fates[id].finish_ns > came_ns);
        CU_ASSERT(run->fates[id].finish_ns < came_ns + 3 * JS_NS_PER_S);
    }
    /* Waiting for the stream is not looking at it all the time. */
    CU_ASSERT(fake_net_turns(run->net, 0) < 1000);
    run_free(run);
}

/* ---------------------------------------------------------------- ahead */

/* Short jobs follow one another without a word from the master. */
static void test_short_jobs_are_given_ahead(void)
{
    char *jobs = lines_of("0.001", 1000);
    struct run_config config = {
        .slaves = 1, .jobs = jobs, .delay_max_ns = JS_NS_PER_MS};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 1000);
    CU_ASSERT(run->result.wall_ns < JS_NS_PER_S + JS_NS_PER_S / 10);
    run_free(run);
    free(jobs);
}

static void test_long_jobs_hold_up_nobody(void)
{
    struct js_buf jobs = JS_BUF_INIT;
    char *some = lines_of("0.001", 100);
    char *more = lines_of("0.001", 300);
    js_buf_printf(&jobs, "%s3600\n%s", some, more);
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 401);
    for (uint64_t id = 1; id <= 401; id++) {
        if (id != 101)
            CU_ASSERT(run->fates[id].finish_ns < 2 * JS_NS_PER_S);
        CU_ASSERT_EQUAL(run->fates[id].started, 1);
    }
    CU_ASSERT(run->fates[101].finish_ns >= 3600 * JS_NS_PER_S);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_RETURNED) > 0);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_RETURNED) <=
              2 * JS_SCHEDULER_CREDIT);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    run_free(run);
    js_buf_release(&jobs);
    free(some);
    free(more);
}

/* Jobs of one length: what is given ahead is run, not sent to and fro. */
static void test_even_jobs_are_not_sent_to_and_fro(void)
{
    static const char *const durations[] = {"0.002", "0.006", "0.012",
                                            "0.02",  "0.04",  "0.1"};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        char *jobs = lines_of(durations[i], 200);
        struct run_config config = {.slaves = 2, .jobs = jobs};
        struct run *run = run_new(&config);
        run_go(run);
        expect_all_done(run, 200);
        uint64_t back = fake_net_sent(run->net, JS_TAG_RETURNED);
        CU_ASSERT(back <= JS_SCHEDULER_CREDIT);
        if (back > JS_SCHEDULER_CREDIT)
            fprintf(stderr, "\nloop: 200 x %s s: %" PRIu64 " sent back\n",
                    durations[i], back);
        run_free(run);
        free(jobs);
    }
}

/* ---------------------------------------------------------------- trouble */

static void test_a_stopped_slave_holds_up_nobody(void)
{
    static const int64_t stop_ns = JS_NS_PER_S / 2;
    static const int64_t cont_ns = 100 * JS_NS_PER_S;
    char *jobs = lines_of("0.01 out=100", 1000);
    struct run_config config = {.slaves = 3, .jobs = jobs};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 2, FAKE_START_NS + stop_ns,
                  FAKE_START_NS + cont_ns);
    run_go(run);
    expect_all_done(run, 1000);
    expect_output(run);
    uint64_t late = 0;
    for (uint64_t id = 1; id <= 1000; id++) {
        bool is_late = run->fates[id].finish_ns >= cont_ns;
        late += is_late;
        /* The others have done all the rest long ago. */
        CU_ASSERT(is_late || run->fates[id].finish_ns < 8 * JS_NS_PER_S);
        CU_ASSERT(!is_late || run->fates[id].slave == 2 ||
                  run->fates[id].started == 1);
    }
    CU_ASSERT(late > 0 && late <= JS_SCHEDULER_CREDIT);
    run_free(run);
    free(jobs);
}

/* Stopped from the moment it is set up, with jobs too long for one message. */
static void test_a_slave_stopped_within_a_text(void)
{
    struct js_buf jobs = JS_BUF_INIT;
    for (int i = 0; i < 40; i++)
        js_buf_printf(&jobs, "0.01 %0500000d\n", i);
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 1, FAKE_START_NS + 5 * JS_NS_PER_MS,
                  FAKE_START_NS + 50 * JS_NS_PER_S);
    run_go(run);
    expect_all_done(run, 40);
    uint64_t late = 0;
    for (uint64_t id = 1; id <= 40; id++)
        late += run->fates[id].finish_ns >= 40 * JS_NS_PER_S;
    CU_ASSERT(late > 0 && late <= JS_SCHEDULER_CREDIT);
    run_free(run);
    js_buf_release(&jobs);
}

struct stranger {
    struct js_link link;
    bool has_greeted;
    bool was_stopped;
};

/* A slave of another version: says HELLO, expects STOP. */
static int stranger_turn(void *arg)
{
    struct stranger *stranger = arg;
    struct js_message message;
    if (!stranger->has_greeted) {
        struct js_buf buf = JS_BUF_INIT;
        struct js_wire_hello hello = {.version = JS_WIRE_VERSION + 1,
                                      .node = node_of(2)};
        stranger->has_greeted = true;
        js_wire_pack_hello(&buf, &hello);
        js_buf_append(&buf, "what we do not know", 19);
        js_link_post(&stranger->link, 0, JS_TAG_HELLO, &buf, NULL);
        js_buf_release(&buf);
    }
    while (js_link_receive(&stranger->link, &message, NULL) == 1)
        stranger->was_stopped = message.tag == JS_TAG_SHUTDOWN;
    return stranger->was_stopped;
}

static void test_another_version_is_left_out(void)
{
    struct run_config config = {
        .slaves = 2, .demo_jobs = 10, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    struct stranger stranger = {.link = fake_net_link(run->net, 2)};
    fake_net_add(run->net, 2, FAKE_START_NS, stranger_turn, &stranger);
    run_go(run);
    expect_all_done(run, 10);
    CU_ASSERT_TRUE(stranger.was_stopped);
    CU_ASSERT_TRUE(was_said(run, "slave 2 is another version of jobsched"));
    CU_ASSERT_EQUAL(run->result.slaves, 1);
    CU_ASSERT(run->result.wall_ns >= 10 * JS_NS_PER_S);
    run_free(run);
}

static void test_a_slave_that_never_shows_up(void)
{
    struct run_config config = {
        .slaves = 3, .demo_jobs = 10, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 2, FAKE_START_NS, JS_NEVER_NS);
    run_go(run);
    expect_no_complaint(run);
    expect_end(run, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, 10);
    CU_ASSERT_EQUAL(run->result.slaves, 2);
    CU_ASSERT_TRUE(was_said(run, "slave 2 has not shown up in 60 s"));
    CU_ASSERT(since_start_ns(run) >= 65 * JS_NS_PER_S);
    CU_ASSERT(since_start_ns(run) < 66 * JS_NS_PER_S);
    run_free(run);
}

static void test_late_slaves(void)
{
    struct run_config config = {
        .slaves = 3, .demo_jobs = 30, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    /* One in time, one too late: it is sent home. */
    fake_net_stop(run->net, 1, FAKE_START_NS, FAKE_START_NS + 59 * JS_NS_PER_S);
    fake_net_stop(run->net, 2, FAKE_START_NS, FAKE_START_NS + 61 * JS_NS_PER_S);
    run_go(run);
    expect_all_done(run, 30);
    CU_ASSERT_EQUAL(run->result.slaves, 2);
    CU_ASSERT_TRUE(was_said(run, "slave 2 has not shown up"));
    CU_ASSERT_FALSE(was_said(run, "slave 1 has not shown up"));
    CU_ASSERT_EQUAL(run->seats[2].running, 0);
    CU_ASSERT(fake_net_left_ns(run->net, 2) < FAKE_START_NS + 62 * JS_NS_PER_S);
    run_free(run);
}

/* It has said where it is, and is stopped before it can say what it can do. */
static void test_a_slave_that_never_gets_ready(void)
{
    struct run_config config = {
        .slaves = 3, .demo_jobs = 20, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 2, FAKE_START_NS + 60 * JS_NS_PER_US,
                  FAKE_START_NS + 70 * JS_NS_PER_S);
    run_go(run);
    expect_all_done(run, 20);
    CU_ASSERT_EQUAL(run->result.slaves, 2);
    CU_ASSERT_TRUE(was_said(run, "slave 2 on n1 has not got ready in 60 s"));
    run_free(run);
}

static void test_nobody_shows_up(void)
{
    struct run_config config = {.slaves = 2, .demo_jobs = 10};
    struct run *run = run_new(&config);
    for (int i = 1; i <= 2; i++)
        fake_net_stop(run->net, i, FAKE_START_NS, JS_NEVER_NS);
    run_go(run);
    expect_no_complaint(run);
    expect_end(run, JS_MASTER_BROKEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(run->err.text, "no slave is left"));
    CU_ASSERT_EQUAL(run->result.left, 10);
    run_free(run);
}

static void test_a_slave_that_cannot_work(void)
{
    struct run_config config = {
        .slaves = 2, .demo_jobs = 10, .demo_duration_ns = JS_NS_PER_S};
    struct run *run = run_new(&config);
    run->seats[1].runner.ready_text = "/scratch: No such file or directory";
    run_go(run);
    expect_all_done(run, 10);
    CU_ASSERT_EQUAL(run->result.slaves, 1);
    CU_ASSERT_TRUE(
        was_said(run, "slave 1 on n0 is left out: /scratch: No such file"));
    run_free(run);
}

/* At any moment of the set-up: the other slave does all the work. */
static void test_a_runner_lost_early(void)
{
    for (int64_t at_us = 0; at_us < 8000; at_us += 25) {
        char *jobs = lines_of("0.001", 20);
        struct run_config config = {.slaves = 2, .jobs = jobs};
        struct run *run = run_new(&config);
        fake_runner_die_at(&run->seats[1].runner,
                           FAKE_START_NS + at_us * JS_NS_PER_US);
        run_go(run);
        CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
        CU_ASSERT_EQUAL(run->finished, 20);
        run_free(run);
        free(jobs);
    }
}

/* Every runner is lost while output waits: what had ended is on record. */
static void test_no_runner_is_left_but_output(void)
{
    struct run_config config = {.slaves = 1, .jobs = "1 out=3000000\n1000\n"};
    struct run *run = run_new(&config);
    fake_runner_die_at(&run->seats[1].runner,
                       FAKE_START_NS + JS_NS_PER_S + 2 * JS_NS_PER_MS);
    run_go(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BROKEN);
    CU_ASSERT_EQUAL(run->finished, 1);
    CU_ASSERT_EQUAL(run->result.left, 1);
    CU_ASSERT_EQUAL(run->fates[1].bytes[0], 3000000);
    run_free(run);
}

static void test_a_lost_runner(void)
{
    char *jobs = lines_of("1 out=10", 30);
    struct run_config config = {.slaves = 2, .slots = 2, .jobs = jobs};
    struct run *run = run_new(&config);
    fake_runner_die_at(&run->seats[1].runner,
                       FAKE_START_NS + 5 * JS_NS_PER_S / 2);
    run_go(run);
    expect_all_done(run, 30);
    expect_output(run);
    CU_ASSERT_EQUAL(attempts_lost(run), 2);
    CU_ASSERT_TRUE(was_said(run, "slave 1 on n0: the process that starts"));
    unsigned again = 0;
    for (uint64_t id = 1; id <= 30; id++) {
        again += run->fates[id].attempt == 2;
        CU_ASSERT_EQUAL(run->fates[id].attempt, run->fates[id].started);
        CU_ASSERT(run->fates[id].attempt == 1 || run->fates[id].slave == 2);
    }
    CU_ASSERT_EQUAL(again, 2);
    run_free(run);
    free(jobs);
}

/* The runner can be replaced. */
static struct run *run_with_successors(const struct run_config *config)
{
    struct run *run = run_new(config);
    for (int rank = 1; rank <= config->slaves; rank++)
        run->seats[rank].runner.has_successor = true;
    return run;
}

/* ... and nothing but what it ran is lost with it. */
static void test_another_runner(void)
{
    char *jobs = lines_of("1 out=10", 30);
    struct run_config config = {.slaves = 1, .slots = 2, .jobs = jobs};
    struct run *run = run_with_successors(&config);
    fake_runner_die_at(&run->seats[1].runner,
                       FAKE_START_NS + 5 * JS_NS_PER_S / 2);
    run_go(run);
    expect_all_done(run, 30);
    expect_output(run);
    CU_ASSERT_EQUAL(attempts_lost(run), 2);
    CU_ASSERT_EQUAL(run->parted, 0);
    CU_ASSERT_TRUE(was_said(run, "one of them may be the cause"));
    run_free(run);
    free(jobs);
}

/* Whatever the slots, the company and the seed: the one that kills its runner
 * fails, and nobody else. */
static void test_a_job_that_kills_its_runner(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(40); seed++) {
        struct rng rng = {seed};
        struct js_buf list = JS_BUF_INIT;
        uint64_t culprit = 1 + rng_below(&rng, 60);
        const char *usual = rng_chance(&rng, 50) ? "0.001" : "0.2";
        for (uint64_t id = 1; id <= 60; id++) {
            if (rng_chance(&rng, 10))
                js_buf_puts(&list, "[cores=2] ");
            js_buf_printf(&list, "%s%s\n", usual,
                          id == culprit ? " kills" : "");
        }
        struct run_config config = {.slaves = 1 + (int)rng_below(&rng, 3),
                                    .slots = 1 + (uint32_t)rng_below(&rng, 3),
                                    .seed = seed,
                                    .jobs = js_buf_string(&list)};
        struct run *run = run_with_successors(&config);
        run_go(run);
        expect_no_complaint(run);
        CU_ASSERT_EQUAL(run->finished, 60);
        CU_ASSERT_EQUAL(run->succeeded, 59);
        CU_ASSERT_EQUAL(run->fates[culprit].exit_code, 126);
        CU_ASSERT_EQUAL(run->fates[culprit].losses, JS_SCHEDULER_LOSSES);
        CU_ASSERT_EQUAL(run->parted, 0);
        run_free(run);
        js_buf_release(&list);
    }
}

/* A runner that is lost again and again without any job is replaced no more. */
static void test_a_runner_that_is_lost_for_nothing(void)
{
    struct run_config config = {.slaves = 2, .jobs = "60\n"};
    struct run *run = run_with_successors(&config);
    run->seats[2].runner.is_sickly = true;
    fake_runner_die_at(&run->seats[2].runner, FAKE_START_NS + JS_NS_PER_S);
    run_go(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, 1);
    CU_ASSERT_EQUAL(run->parted, 1);
    run_free(run);
}

/* What was given ahead comes back unstarted; only what ran, and the little that
 * was on its way to the slave, is lost. */
static void test_a_lost_runner_with_jobs_ahead(void)
{
    char *jobs = lines_of("0.001", 2000);
    struct run_config config = {.slaves = 2, .jobs = jobs};
    struct run *run = run_new(&config);
    fake_runner_die_at(&run->seats[2].runner, FAKE_START_NS + JS_NS_PER_S / 2);
    run_go(run);
    expect_all_done(run, 2000);
    CU_ASSERT(attempts_lost(run) <= JS_SCHEDULER_CREDIT / 2);
    run_free(run);
    free(jobs);
}

static void test_all_runners_lost(void)
{
    char *jobs = lines_of("1", 30);
    struct run_config config = {.slaves = 2, .jobs = jobs};
    struct run *run = run_new(&config);
    for (int i = 1; i <= 2; i++)
        fake_runner_die_at(&run->seats[i].runner,
                           FAKE_START_NS + 5 * JS_NS_PER_S / 2);
    run_go(run);
    expect_no_complaint(run);
    expect_end(run, JS_MASTER_BROKEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(run->err.text, "no slave is left"));
    CU_ASSERT_EQUAL(run->finished, 4);
    CU_ASSERT_EQUAL(run->result.left, 26);
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 1));
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 2));
    run_free(run);
    free(jobs);
}

/* ---------------------------------------------------------------- output */

static void test_output_of_every_size(void)
{
    struct js_buf jobs = JS_BUF_INIT;
    static const int sizes[] = {0,      1,       1000,    16383,  16384,
                                16385,  262143,  262144,  262145, 700000,
                                100000, 2000000, 3000000, 5,      65536};
    for (size_t i = 0; i < 15; i++)
        js_buf_printf(&jobs, "0.01 out=%d err=%d\n", sizes[i],
                      sizes[(i * 7) % 15]);
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 15);
    expect_output(run);
    /* No more than that rides with a DONE, beside what else it says. */
    CU_ASSERT(fake_net_longest(run->net, JS_TAG_DONE) < JS_WIRE_INLINE + 256);
    CU_ASSERT(fake_net_longest(run->net, JS_TAG_OUTPUT) < JS_WIRE_CHUNK + 64);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_OUTPUT) > 0);
    run_free(run);
    js_buf_release(&jobs);
}

/* All that is left to do is to fetch output from a slave that runs nothing
 * any more. */
static void test_output_of_a_lost_runner(void)
{
    struct run_config config = {.slaves = 1, .jobs = "1 out=3000000\n"};
    struct run *run = run_new(&config);
    fake_runner_die_at(&run->seats[1].runner,
                       FAKE_START_NS + JS_NS_PER_S + 2 * JS_NS_PER_MS);
    run_go(run);
    expect_all_done(run, 1);
    expect_output(run);
    CU_ASSERT_EQUAL(run->fates[1].bytes[0], 3000000);
    run_free(run);
}

/* Takes what is in the pipe, every 10 ms. */
struct reader {
    struct run *run;
    int number, fd;
    bool is_awake;
    uint64_t started; /* jobs, before it took anything */
    uint64_t bytes;
};

static int reader_turn(void *arg)
{
    struct reader *reader = arg;
    struct fake_net *net = reader->run->net;
    char bytes[65536];
    ssize_t n;
    if (!reader->is_awake)
        reader->started = reader->run->started;
    reader->is_awake = true;
    while ((n = read(reader->fd, bytes, sizeof(bytes))) > 0)
        reader->bytes += (uint64_t)n;
    /* No waiting for it to end: the run ends without it. */
    if (fake_net_has_left(net, 0))
        return 1;
    fake_net_wake(net, reader->number,
                  fake_net_now_ns(net) + 10 * JS_NS_PER_MS);
    return 0;
}

/* A job that is not finished, because its output has not found its reader, has
 * none that come after it: the run may end before it is. */
static void test_nothing_comes_after_an_unread_job(void)
{
    int pipe_fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    struct run_config config = {
        .slaves = 2,
        .jobs = "[name=a] 0.1 out=3000000\n[after=a] 0.1\n0.1\n"
                "[after-any=a] 0.1 out=10\nwait\n0.1\n",
        .out_fd = pipe_fds[1]};
    struct run *run = run_new(&config);
    struct reader reader = {.run = run, .number = 3, .fd = pipe_fds[0]};
    fake_net_add(run->net, 3, FAKE_START_NS + 10 * JS_NS_PER_S, reader_turn,
                 &reader);
    run_go(run);
    expect_all_done(run, 5);
    CU_ASSERT_EQUAL(reader.started, 2);
    for (uint64_t id = 2; id <= 5; id++)
        CU_ASSERT(id == 3 ||
                  run->fates[id].finish_ns > run->fates[1].finish_ns);
    CU_ASSERT_EQUAL(reader.bytes, 3000010);
    run_free(run);
    close(pipe_fds[0]);
}

/* A reader that takes nothing for a while, and slaves with many slots whose
 * spools are full: jobs wait on the slave, and all goes on later. */
static void test_a_reader_that_stops_for_a_while(void)
{
    int pipe_fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    char *jobs = lines_of("0.001 out=100000", 400);
    struct run_config config = {.slaves = 1,
                                .slots = 64,
                                .jobs = jobs,
                                .spool_limit_bytes = 1000000,
                                .out_fd = pipe_fds[1]};
    struct run *run = run_new(&config);
    struct reader reader = {.run = run, .number = 2, .fd = pipe_fds[0]};
    fake_net_add(run->net, 2, FAKE_START_NS + 10 * JS_NS_PER_S, reader_turn,
                 &reader);
    run_go(run);
    expect_all_done(run, 400);
    CU_ASSERT_EQUAL(reader.bytes, 400 * 100000);
    /* Until then the slave had to hold little more than its limit: what its 64
     * slots had still begun. */
    CU_ASSERT(reader.started >= 64 && reader.started < 64 + 10 + 64);
    CU_ASSERT(since_start_ns(run) > 10 * JS_NS_PER_S);
    run_free(run);
    close(pipe_fds[0]);
    free(jobs);
}

/* Goes away, and is no reader any more. */
static int leaver_turn(void *arg)
{
    struct reader *reader = arg;
    close(reader->fd);
    return 1;
}

/* When the reader goes away while a slave that holds much output is stopped,
 * all of it is released at once: but one by one, each when the slave has taken
 * in the one before, so that nothing piles up on the way to it. (The master is
 * restless, so it has many turns in which it might send one.) */
static void test_releases_go_out_one_by_one(void)
{
    int pipe_fds[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
    struct js_buf jobs = JS_BUF_INIT;
    js_buf_puts(&jobs, "30\n");
    for (int i = 1; i < 200; i++)
        js_buf_puts(&jobs, "0.001 out=100000\n");
    struct run_config config = {.slaves = 1,
                                .slots = 64,
                                .jobs = js_buf_string(&jobs),
                                .is_restless = true,
                                .out_fd = pipe_fds[1]};
    struct run *run = run_new(&config);
    struct reader reader = {.run = run, .number = 2, .fd = pipe_fds[0]};
    int64_t leave_ns = FAKE_START_NS + 10 * JS_NS_PER_S;
    fake_net_add(run->net, 2, leave_ns, leaver_turn, &reader);
    fake_net_stop(run->net, 1, leave_ns - JS_NS_PER_S, leave_ns + JS_NS_PER_S);
    run_go(run);
    CU_ASSERT_TRUE(expect_no_complaint(run));
    CU_ASSERT_EQUAL(run->started, 200);
    CU_ASSERT_EQUAL(
        run->finished + js_delivery_withheld(run->recorder.delivery), 200);
    /* One beside it asks for output. */
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_FETCH) >= 100);
    CU_ASSERT(fake_net_most_unread(run->net, JS_TAG_FETCH) <= 2);
    run_free(run);
    js_buf_release(&jobs);
}

/* ---------------------------------------------------------------- commands */

static void test_long_commands(void)
{
    static const int lengths[] = {199,    200,    201,    65535,   65536, 65537,
                                  262143, 262144, 262145, 1048576, 200};
    struct js_buf jobs = JS_BUF_INIT;
    uint64_t sum = 0;
    for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
        size_t start = jobs.len;
        js_buf_puts(&jobs, "0.01 ");
        while (jobs.len - start < (size_t)lengths[n])
            js_buf_append(&jobs, &"abcdefghij\xff\x01-+=xyz"[jobs.len % 17], 1);
        for (size_t i = 0; i < (size_t)lengths[n]; i++)
            sum += (unsigned char)jobs.data[start + i] * (i % 251 + 1);
        js_buf_append(&jobs, "\n", 1);
    }
    struct run_config config = {.slaves = 2, .jobs = js_buf_string(&jobs)};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 11);
    CU_ASSERT_EQUAL(run->longest_command, 1048576);
    CU_ASSERT_EQUAL(run->command_sum, sum);
    /* The setups, one piece each; then 3 x 1, 2 and 4 pieces. */
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_TEXT), 2 + 3 + 2 + 4);
    run_free(run);
    js_buf_release(&jobs);
}

static void note_environ(void *arg, const struct js_runner *runner,
                         const struct js_runner_config *config)
{
    struct seat *seat = arg;
    static const char *const expected[] = {"A=1", "B=2", "HOSTNAME=here"};
    (void)runner;
    for (int i = 0; i < 3; i++)
        CU_ASSERT_STRING_EQUAL(not_null((void *)config->env[i]), expected[i]);
    CU_ASSERT_PTR_NULL(config->env[3]);
    CU_ASSERT_STRING_EQUAL(config->settings.cwd, "/");
    CU_ASSERT_STRING_EQUAL(config->settings.tmpdir, "/tmp");
    CU_ASSERT_EQUAL(config->settings.umask, 022);
    CU_ASSERT_EQUAL(config->slave, (unsigned)seat->rank);
    CU_ASSERT_EQUAL(config->slots, 2);
    CU_ASSERT_EQUAL(config->settings.grace_ns, JS_NS_PER_S);
    for (uint32_t i = 0; i < config->slots; i++)
        CU_ASSERT_EQUAL(js_cpuset_count(&config->slot_cpus[i]), 1);
    seat->most_running = 0;
}

static void test_the_runner_gets_the_setup(void)
{
    struct run_config config = {.slaves = 1, .slots = 2, .demo_jobs = 1};
    struct run *run = run_new(&config);
    run->seats[1].runner.configured = note_environ;
    run_go(run);
    expect_all_done(run, 1);
    run_free(run);
}

static void test_failed_jobs(void)
{
    struct run_config config = {.slaves = 2,
                                .jobs = "0.1 exit=3\n0.1\n0.1 exit=255\n"};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 3); /* failing is a way to end */
    CU_ASSERT_EQUAL(run->fates[1].exit_code, 3);
    CU_ASSERT_EQUAL(run->fates[2].exit_code, 0);
    CU_ASSERT_EQUAL(run->fates[3].exit_code, 255);
    run_free(run);
}

/* ---------------------------------------------------------------- waiting */

/* With nothing to do, nobody makes turns but for what happens. */
static void test_nobody_is_awake_for_nothing(void)
{
    struct run_config config = {
        .slaves = 2, .demo_jobs = 2, .demo_duration_ns = 60 * JS_NS_PER_S};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 2);
    for (int i = 0; i <= 2; i++)
        CU_ASSERT(fake_net_turns(run->net, i) < 30);
    run_free(run);
}

static void test_what_runs_long_is_told(void)
{
    struct run_config config = {.slaves = 2, .jobs = "0.5\n3\n3\n0.5\n3\n"};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 5);
    for (uint64_t id = 1; id <= 5; id++)
        CU_ASSERT_EQUAL(run->fates[id].begun, id != 1 && id != 4);
    CU_ASSERT_EQUAL(run->parted, 0);
    run_free(run);
}

static void test_turns_for_a_job_are_few(void)
{
    char *jobs = lines_of("0.1 out=50", 500);
    struct run_config config = {.slaves = 2, .jobs = jobs};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 500);
    for (int i = 0; i <= 2; i++)
        CU_ASSERT(fake_net_turns(run->net, i) < 500 * 5);
    /* An ACK for each setup: a DONE acknowledges jobs, too. */
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_ACK) < 10);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_DONE), 500);
    run_free(run);
    free(jobs);
}

/* What the speed of short jobs rests on: several to a message, and several ends
 * of them; and nobody is asked for what he has not. */
static void test_messages_for_short_jobs_are_few(void)
{
    enum { JOBS = 1000 };
    char *jobs = lines_of("0.0005", JOBS);
    struct run_config config = {.slaves = 2, .jobs = jobs};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, JOBS);
    uint64_t given = fake_net_sent(run->net, JS_TAG_JOB) +
                     fake_net_sent(run->net, JS_TAG_JOBS);
    CU_ASSERT(given < JOBS / 4);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_ACK) < JOBS / 10);
    CU_ASSERT(fake_net_sent(run->net, JS_TAG_RETURNED) <= 10);
    CU_ASSERT(fake_net_turns(run->net, 0) < JOBS / 2);
    run_free(run);
    free(jobs);
}

/* A slave that has nothing more to do is given what the other has ahead: short
 * and long jobs alternate, and nobody sits on the rest. */
static void test_no_core_waits_at_the_end(void)
{
    struct js_buf jobs = JS_BUF_INIT;
    int64_t sum_ns = 0;
    for (int i = 0; i < 120; i++) {
        int ms = i % 12 == 11 ? 300 : 2;
        js_buf_printf(&jobs, "0.%03d\n", ms);
        sum_ns += ms * JS_NS_PER_MS;
    }
    for (uint64_t seed = 1; seed <= unit_rounds(20); seed++) {
        struct run_config config = {
            .slaves = 2, .jobs = js_buf_string(&jobs), .seed = seed};
        struct run *run = run_new(&config);
        run_go(run);
        expect_all_done(run, 120);
        /* At the most one long job is all that is left for one of them. */
        CU_ASSERT(since_start_ns(run) <
                  sum_ns / 2 + 150 * JS_NS_PER_MS + 50 * JS_NS_PER_MS);
        run_free(run);
    }
    js_buf_release(&jobs);
}

/* A rank that is stopped for a while, whose runner goes on, and which is asked
 * for jobs meanwhile: what it then gives back has no slot yet. */
static void test_recalled_from_a_stopped_slave(void)
{
    /* Long ones are still being sent when the recall overtakes them. */
    struct js_buf line = JS_BUF_INIT;
    js_buf_puts(&line, "0.005 ");
    for (int i = 0; i < 2000; i++)
        js_buf_puts(&line, "ten bytes ");
    char *jobs = lines_of(js_buf_string(&line), 70);
    js_buf_release(&line);
    for (uint64_t seed = 1; seed <= unit_rounds(60); seed++) {
        struct run_config config = {.slaves = 2, .jobs = jobs, .seed = seed};
        struct run *run = run_new(&config);
        int64_t from_ns = FAKE_START_NS + (int64_t)seed * 2 * JS_NS_PER_MS;
        fake_net_stop(run->net, 1, from_ns, from_ns + 700 * JS_NS_PER_MS);
        run_go(run);
        expect_all_done(run, 70);
        run_free(run);
    }
    free(jobs);
}

static void test_backoff(void)
{
    int64_t before_ns = 0;
    for (int64_t idle_ns = 0; idle_ns < 60 * JS_NS_PER_S;
         idle_ns += idle_ns / 50 + 1000) {
        int64_t pause_ns = js_backoff_ns(idle_ns);
        CU_ASSERT_FATAL(pause_ns >= before_ns);
        CU_ASSERT_FATAL(pause_ns >= 20 * JS_NS_PER_US);
        CU_ASSERT_FATAL(pause_ns <= JS_LINK_PAUSE_NS);
        if (idle_ns <= 2 * JS_NS_PER_S)
            CU_ASSERT_FATAL(pause_ns <= JS_NS_PER_MS);
        before_ns = pause_ns;
    }
    CU_ASSERT_EQUAL(before_ns, JS_LINK_PAUSE_NS);
    CU_ASSERT_EQUAL(js_backoff_ns(INT64_MAX), JS_LINK_PAUSE_NS);
    CU_ASSERT_EQUAL(js_backoff_ns(-1), 20 * JS_NS_PER_US);
    /* A minute of silence. */
    int64_t idle_ns = 0;
    unsigned pauses = 0;
    for (; idle_ns < 60 * JS_NS_PER_S && pauses < 1000000; pauses++)
        idle_ns += js_backoff_ns(idle_ns);
    CU_ASSERT(pauses < 10000);
}

/* ---------------------------------------------------------------- any run */

static void add_random_job(struct js_buf *jobs, struct rng *rng)
{
    static const uint64_t sizes[] = {100, 1000, 20000, 20000, 400000};
    static const unsigned durations_ms[] = {5, 60, 1000};
    unsigned ms = (unsigned)rng_below(rng, durations_ms[rng_below(rng, 3)]);
    js_buf_printf(jobs, "0.%03u", ms % 1000);
    if (rng_chance(rng, 30))
        js_buf_printf(jobs, " out=%" PRIu64,
                      rng_below(rng, sizes[rng_below(rng, 5)]));
    if (rng_chance(rng, 20))
        js_buf_printf(jobs, " err=%" PRIu64,
                      rng_below(rng, sizes[rng_below(rng, 5)]));
    if (rng_chance(rng, 10))
        js_buf_printf(jobs, " %0*d", (int)rng_below(rng, 600), 1);
    if (rng_chance(rng, 2))
        js_buf_printf(jobs, " %0*d", (int)rng_below(rng, 400000), 1);
    js_buf_append(jobs, "\n", 1);
}

/* Slaves may stop, come late, or lose their runner; the first stays well. */
static void add_random_trouble(struct run *run, struct rng *rng)
{
    for (int i = 2; i <= run->config.slaves; i++) {
        int64_t from_ns =
            rng_chance(rng, 30) ? 0 : (int64_t)rng_below(rng, 3 * JS_NS_PER_S);
        int64_t for_ns = (int64_t)rng_below(rng, 30 * JS_NS_PER_S);
        if (rng_chance(rng, 5))
            for_ns += 60 * JS_NS_PER_S;
        if (rng_chance(rng, 15))
            fake_net_stop(run->net, i, FAKE_START_NS + from_ns,
                          FAKE_START_NS + from_ns + for_ns);
        if (rng_chance(rng, 15))
            fake_runner_die_at(&run->seats[i].runner, FAKE_START_NS + from_ns);
    }
}

static bool run_at_random(uint64_t seed)
{
    struct rng rng = {seed};
    struct js_buf jobs = JS_BUF_INIT;
    uint64_t count = 1 + rng_below(&rng, 80);
    for (uint64_t i = 0; i < count; i++)
        add_random_job(&jobs, &rng);
    struct run_config config = {
        .slaves = 1 + (int)rng_below(&rng, SLAVES_MAX),
        .jobs = js_buf_string(&jobs),
        .round_size = 1 + (uint32_t)rng_below(&rng, 15),
        .barrier = rng_chance(&rng, 20),
        .slots = 1 + (uint32_t)rng_below(&rng, 4),
        .delay_max_ns = 1 + (int64_t)rng_below(&rng, 2 * JS_NS_PER_MS),
        .seed = seed,
        .is_restless = rng_chance(&rng, 25),
        .spool_limit_bytes = rng_chance(&rng, 20) ? 1 : UINT64_C(1) << 30,
    };
    struct run *run = run_new(&config);
    add_random_trouble(run, &rng);
    run_go(run);
    bool is_good = expect_all_done(run, count) && expect_output(run);
    if (!is_good)
        show(run, "is where it went wrong");
    run_free(run);
    js_buf_release(&jobs);
    return is_good;
}

static void test_random_runs(void)
{
    bool is_good = true;
    for (uint64_t seed = 1; seed <= unit_rounds(1000) && is_good; seed++)
        is_good = run_at_random(seed);
}

/* ---------------------------------------------------------------- nonsense */

/* Sends whatever comes to its mind. */
struct babbler {
    struct fake_net *net;
    struct js_link link;
    struct rng rng;
    unsigned left; /* messages */
};

static void babble(struct babbler *babbler, int to)
{
    struct js_buf buf = JS_BUF_INIT;
    enum js_tag tag =
        (enum js_tag)(1 + rng_below(&babbler->rng, JS_TAG_COUNT - 1));
    size_t len = (size_t)rng_below(&babbler->rng, 100);
    for (size_t i = 0; i < len; i++) {
        char byte = rng_chance(&babbler->rng, 60)
                        ? '\0'
                        : (char)rng_below(&babbler->rng, 256);
        js_buf_append(&buf, &byte, 1);
    }
    struct js_wire_hello hello = {.version = JS_WIRE_VERSION,
                                  .node = node_of(1)};
    if (tag == JS_TAG_HELLO) {
        buf.len = 0;
        js_wire_pack_hello(&buf, &hello);
    }
    if (tag == JS_TAG_JOB) {
        while (buf.len < JS_WIRE_JOB_SIZE) /* the link sees to that */
            js_buf_append(&buf, "", 1);
    }
    js_link_post(&babbler->link, to, tag, &buf, NULL);
    js_buf_release(&buf);
}

static int babbler_turn(void *arg)
{
    struct babbler *babbler = arg;
    struct js_message message;
    while (js_link_receive(&babbler->link, &message, NULL) == 1)
        ;
    if (babbler->left == 0)
        return 0;
    babbler->left--;
    babble(babbler, 0);
    fake_net_wake(babbler->net, babbler->link.rank,
                  fake_net_now_ns(babbler->net) + JS_NS_PER_MS);
    return 0;
}

/* A slave that talks nonsense may end the run, with a sentence. */
static void test_the_master_hears_nonsense(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(300); seed++) {
        struct run_config config = {
            .slaves = 1, .jobs = "0.1\n0.1\n", .seed = seed};
        struct run *run = run_new(&config);
        struct babbler babbler = {.net = run->net,
                                  .link = fake_net_link(run->net, 1),
                                  .rng = {seed},
                                  .left = 50};
        fake_net_add(run->net, 1, FAKE_START_NS, babbler_turn, &babbler);
        run_go(run);
        CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BROKEN);
        CU_ASSERT_STRING_NOT_EQUAL(run->err.text, "");
        run_free(run);
    }
}

/* Lets the simulation go on, without the master. */
static void pass_time(struct run *run, int64_t for_ns)
{
    struct js_message message;
    int64_t until_ns = fake_net_now_ns(run->net) + for_ns;
    while (fake_net_now_ns(run->net) < until_ns) {
        while (js_link_receive(&run->link, &message, NULL) == 1)
            ;
        js_link_wait(&run->link, NULL, 0, until_ns, 0, NULL);
    }
}

/* A run of one slave that is ready for jobs and has none. */
static struct run *ready_run(uint64_t seed)
{
    struct run_config config = {
        .slaves = 1, .demo_jobs = 1, .demo_duration_ns = 1, .seed = seed};
    struct run *run = run_new(&config);
    for (int i = 0; i < 100 && run->finished == 0; i++) {
        CU_ASSERT(js_master_turn(run->master, NULL) >= 0);
        js_link_wait(&run->link, NULL, 0,
                     fake_net_now_ns(run->net) + JS_NS_PER_MS, 0, NULL);
    }
    CU_ASSERT_EQUAL(run->finished, 1);
    return run;
}

/* And so may a master to its slave, before and after it is set up. */
static void test_a_slave_hears_nonsense(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(300); seed++) {
        struct run_config config = {.slaves = 1, .seed = seed};
        struct run *run = seed % 2 ? ready_run(seed) : run_new(&config);
        struct babbler babbler = {
            .net = run->net, .link = fake_net_link(run->net, 0), .rng = {seed}};
        for (int i = 0; i < 30; i++) {
            babble(&babbler, 1);
            pass_time(run, JS_NS_PER_MS);
        }
        /* It has either broken with a sentence or was told to stop. */
        CU_ASSERT_TRUE(fake_net_has_left(run->net, 1));
        run_free(run);
    }
}

/* The slave breaks, and says this. */
static void expect_broken_slave(struct run *run, const char *text)
{
    pass_time(run, 10 * JS_NS_PER_MS);
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(run->seats[1].err.text, text));
    run_free(run);
}

static void post_job(struct run *run, uint64_t ticket, uint32_t text_len)
{
    struct js_wire_job wire;
    memset(&wire, 0, sizeof(wire));
    wire.kind = JS_JOB_COMMAND;
    wire.id = 1;
    wire.attempt = 2;
    wire.cores = 1;
    wire.ticket = ticket;
    wire.text_len = text_len;
    CU_ASSERT_EQUAL(js_link_send_job(&run->link, 1, true, &wire, NULL), 0);
}

static void post_text(struct run *run, size_t len)
{
    struct js_buf buf = JS_BUF_INIT;
    for (size_t i = 0; i < len; i += 3)
        js_buf_append(&buf, "123", len - i < 3 ? len - i : 3);
    CU_ASSERT_EQUAL(js_link_post(&run->link, 1, JS_TAG_TEXT, &buf, NULL), 0);
    js_buf_release(&buf);
}

static void test_a_slave_believes_nothing(void)
{
    /* A command that has not come, or is of another length. */
    struct run *run = ready_run(1);
    post_job(run, 2, 1000);
    expect_broken_slave(run, "a job without its text");
    run = ready_run(2);
    post_text(run, 999);
    post_job(run, 2, 1000);
    expect_broken_slave(run, "a job without its text");
    /* More jobs than one that keeps to its credit has under way. */
    run = ready_run(3);
    for (uint64_t ticket = 2; ticket < 3 * JS_SCHEDULER_CREDIT; ticket++) {
        struct js_job *job = not_null(js_job_new(1, "1", 1));
        struct js_wire_job wire;
        job->attempt = 200;
        js_wire_job_of(&wire, job, ticket, JS_SCHEDULER_SLOT_NEXT);
        wire.text[0] = '1';
        struct js_buf buf = {(char *)&wire, sizeof(wire), 0};
        js_link_post(&run->link, 1, JS_TAG_JOB, &buf, NULL);
        js_job_free(job);
    }
    expect_broken_slave(run, "a job nobody expects");
    /* A text without end. */
    run = ready_run(4);
    for (int i = 0; i <= JS_WIRE_TEXT_MAX / JS_WIRE_CHUNK; i++) {
        post_text(run, JS_WIRE_CHUNK);
        pass_time(run, 2 * JS_NS_PER_MS);
    }
    expect_broken_slave(run, "a text that does not end");
}

/* ---------------------------------------------------------------- lists */

/* On node n1 (cores 0-3) are slaves 2 and 3, on n0 slave 1. */
static struct run *run_list(const char *jobs, int slaves, uint64_t seed)
{
    struct run_config config = {
        .slaves = slaves, .jobs = jobs, .slots = 1, .seed = seed};
    struct run *run = run_new(&config);
    run_go(run);
    expect_no_complaint(run);
    return run;
}

static void test_dependencies(void)
{
    struct run *run = run_list("[name=a] 1\n[name=b after=a] 1 exit=3\n"
                               "[after=b] 1\n[after-any=b] 1\nwait\n1\n",
                               3, 1);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->fates[3].started, 0);
    CU_ASSERT_EQUAL(run->fates[3].finished, 1);
    CU_ASSERT(run->fates[2].finish_ns >= run->fates[1].finish_ns + JS_NS_PER_S);
    CU_ASSERT(run->fates[4].finish_ns >= run->fates[2].finish_ns + JS_NS_PER_S);
    CU_ASSERT(run->fates[5].finish_ns >= run->fates[4].finish_ns + JS_NS_PER_S);
    run_free(run);
}

static void test_a_timeout(void)
{
    struct run *run = run_list("[timeout=2s] 100\n1\n", 1, 1);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT(run->fates[1].finish_ns < 3 * JS_NS_PER_S);
    run_free(run);
}

/* Larger than any node (of four cores): nothing has run. */
static void test_too_large(void)
{
    struct run *run = run_list("1\n[cores=5] 1\n", 2, 1);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BAD_INPUT);
    CU_ASSERT_EQUAL(run->started, 0);
    CU_ASSERT_TRUE(was_said(run, "job 2 (line 2) can never run here: it needs "
                                 "5 cores"));
    run_free(run);
}

static void test_too_many_nodes(void)
{
    struct run *run = run_list("1\n[nodes=3 cores=2] 1\n", 2, 1);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BAD_INPUT);
    CU_ASSERT_EQUAL(run->started, 0);
    CU_ASSERT_TRUE(was_said(run, "job 2 (line 2) can never run here: it needs "
                                 "2 cores on each of 3 nodes, and 2 of 2 "
                                 "could give that; the most that a node has: "
                                 "4 cores"));
    run_free(run);
}

static char *mixed_list(struct rng *rng, unsigned count, int slaves)
{
    struct js_buf text = JS_BUF_INIT;
    unsigned nodes = 1 + (unsigned)slaves / 2; /* node_of() */
    for (unsigned i = 0; i < count; i++) {
        if (rng_chance(rng, 15))
            js_buf_printf(&text, "[nodes=%u cores=%u] ",
                          1 + (unsigned)rng_below(rng, nodes),
                          1 + (unsigned)rng_below(rng, 4));
        else if (rng_chance(rng, 30))
            js_buf_printf(&text, "[cores=%u] ",
                          1 + (unsigned)rng_below(rng, 4));
        else if (rng_chance(rng, 10))
            js_buf_printf(&text, "[mem=1M timeout=1s] ");
        else if (rng_chance(rng, 5))
            js_buf_puts(&text, "[env=A=1 dir=/tmp] ");
        js_buf_printf(&text, "0.00%u\n", (unsigned)rng_below(rng, 10));
    }
    return (char *)not_null((void *)js_buf_string(&text));
}

/* Wide and plain jobs, several slots, jobs given ahead, lost runners: master
 * and slaves always agree on who runs in which slot. */
static void test_mixed_lists(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(60); seed++) {
        struct rng rng = {seed};
        int slaves = 1 + (int)rng_below(&rng, 5);
        char *jobs = mixed_list(&rng, 150, slaves);
        struct run_config config = {.slaves = slaves,
                                    .jobs = jobs,
                                    .slots = 1 + (uint32_t)rng_below(&rng, 3),
                                    .seed = seed,
                                    .is_restless = rng_chance(&rng, 30)};
        struct run *run = run_new(&config);
        for (int rank = 1; rank <= slaves; rank++)
            run->seats[rank].runner.has_successor = seed % 2 == 0;
        if (config.slaves > 2 && rng_chance(&rng, 50))
            fake_runner_die_at(&run->seats[2].runner,
                               FAKE_START_NS + (int64_t)rng_below(&rng, 100) *
                                                   JS_NS_PER_MS);
        run_go(run);
        expect_no_complaint(run);
        CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
        CU_ASSERT_EQUAL(run->finished, 150);
        CU_ASSERT_STRING_EQUAL(run->err.text, "");
        run_free(run);
        free(jobs);
    }
}

/* ---------------------------------------------------------------- stopping */

/* Jobs of a second each, without end. */
static struct run *endless_run(const struct run_config *config)
{
    struct run_config own = *config;
    struct js_buf list = JS_BUF_INIT;
    for (int i = 0; i < JOBS_MAX; i++)
        js_buf_puts(&list, "1\n");
    own.jobs = js_buf_string(&list);
    struct run *run = run_new(&own);
    js_buf_release(&list);
    run_go(run);
    expect_no_complaint(run);
    return run;
}

/* What was started has ended, and the rest is left. */
static void expect_rest_left(const struct run *run)
{
    uint64_t ended = 0;
    for (uint64_t id = 1; id <= JOBS_MAX; id++)
        ended += run->fates[id].finished;
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_INTERRUPTED);
    CU_ASSERT_EQUAL(run->started, ended);
    CU_ASSERT_EQUAL(run->result.left, JOBS_MAX - run->succeeded);
    for (int i = 1; i <= run->config.slaves; i++)
        CU_ASSERT_TRUE(fake_net_has_left(run->net, i));
}

static void test_drain(void)
{
    struct run *run = endless_run(
        &(struct run_config){.slaves = 3,
                             .request_ns = 3500 * JS_NS_PER_MS,
                             .stop_request = JS_STOP_REQUEST_DRAIN});
    expect_rest_left(run);
    CU_ASSERT_FALSE(run->result.is_hurried);
    CU_ASSERT_EQUAL(run->succeeded, run->started);
    CU_ASSERT(run->succeeded >= 9 && run->succeeded <= 12);
    /* The jobs that ran were let to their end, and none was begun after. */
    CU_ASSERT(since_start_ns(run) < 4600 * JS_NS_PER_MS);
    run_free(run);
}

static void test_hurry(void)
{
    struct run *run = endless_run(
        &(struct run_config){.slaves = 3,
                             .request_ns = 3500 * JS_NS_PER_MS,
                             .stop_request = JS_STOP_REQUEST_HURRY});
    expect_rest_left(run);
    CU_ASSERT_TRUE(run->result.is_hurried);
    CU_ASSERT(run->succeeded < run->started);
    CU_ASSERT(since_start_ns(run) < 4400 * JS_NS_PER_MS);
    run_free(run);
}

/* Nobody answers any more: we leave all the same. */
static void test_hurry_without_slaves(void)
{
    struct run_config config = {.slaves = 2,
                                .demo_jobs = JOBS_MAX,
                                .demo_duration_ns = JS_NS_PER_S,
                                .request_ns = 3500 * JS_NS_PER_MS,
                                .stop_request = JS_STOP_REQUEST_HURRY};
    struct run *run = run_new(&config);
    fake_net_stop(run->net, 1, FAKE_START_NS + 3 * JS_NS_PER_S, JS_NEVER_NS);
    fake_net_stop(run->net, 2, FAKE_START_NS + 3 * JS_NS_PER_S, JS_NEVER_NS);
    js_master_run(run->master, &run->result, &run->err);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_INTERRUPTED);
    CU_ASSERT(since_start_ns(run) <= 3500 * JS_NS_PER_MS + JS_STOP_HURRY_NS);
    run_free(run);
}

static void test_a_request_before_anything_runs(void)
{
    struct run *run = endless_run(&(struct run_config){
        .slaves = 2, .request_ns = 1, .stop_request = JS_STOP_REQUEST_DRAIN});
    expect_rest_left(run);
    CU_ASSERT_EQUAL(run->started, 0);
    run_free(run);
}

static void test_a_time_limit(void)
{
    struct run *run = endless_run(
        &(struct run_config){.slaves = 2, .stop_ns = 4500 * JS_NS_PER_MS});
    expect_rest_left(run);
    /* None was begun that could not be done: none was ended. */
    CU_ASSERT_EQUAL(run->succeeded, run->started);
    CU_ASSERT(run->succeeded >= 6 && run->succeeded <= 8);
    CU_ASSERT(since_start_ns(run) <= 4500 * JS_NS_PER_MS);
    run_free(run);
}

/* By their timeouts; the others go on. */
static void test_jobs_that_do_not_fit_before_a_limit(void)
{
    struct run_config config = {.slaves = 1,
                                .jobs = "[timeout=100s] 1\n1\n"
                                        "[timeout=5s name=a] 1\n"
                                        "[after=a timeout=60s] 1\n1\n1\n",
                                .stop_ns = 20 * JS_NS_PER_S};
    struct run *run = run_new(&config);
    run_go(run);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_INTERRUPTED);
    CU_ASSERT_EQUAL(run->result.left, 2);
    CU_ASSERT_EQUAL(run->fates[1].started + run->fates[4].started, 0);
    CU_ASSERT_EQUAL(run->succeeded, 4);
    CU_ASSERT(since_start_ns(run) < 5 * JS_NS_PER_S);
    run_free(run);
}

/* ---------------------------------------------------------------- leases */

static const int64_t lease_ns = 2 * JS_NS_PER_S;

static struct run *leased_run(int slaves, uint64_t jobs, uint64_t seed)
{
    struct run_config config = {
        .slaves = slaves, .demo_jobs = 0, .seed = seed, .lease_ns = lease_ns};
    struct js_buf list = JS_BUF_INIT;
    for (uint64_t i = 0; i < jobs; i++)
        js_buf_puts(&list, "0.4\n");
    config.jobs = js_buf_string(&list);
    struct run *run = run_new(&config);
    js_buf_release(&list);
    return run;
}

static void test_beats_keep_slaves(void)
{
    struct run *run = leased_run(3, 60, 1);
    run_go(run);
    expect_all_done(run, 60);
    CU_ASSERT_EQUAL(run->result.lost, 0);
    /* Six in a lease; and an answer to each. */
    uint64_t beats = fake_net_sent(run->net, JS_TAG_BEAT);
    CU_ASSERT(beats >= 2 * 3 * 18 && beats <= 2 * 3 * 30);
    run_free(run);
}

/* A disk that takes longer than the lease: nothing new is sent before it is
 * done, and the slaves hear of the master all the same. */
static void test_a_slow_journal_keeps_slaves(void)
{
    struct run_config config = {.slaves = 3,
                                .jobs = "0.4\n0.4\n0.4\n0.4\n0.4\n0.4\n0.4\n",
                                .lease_ns = lease_ns,
                                .commit_ns = 5 * lease_ns};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 7);
    CU_ASSERT_EQUAL(run->result.lost, 0);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    CU_ASSERT(since_start_ns(run) > 5 * lease_ns);
    run_free(run);
}

/* Stopped for good: its job runs again elsewhere, once its own has ended. */
static void test_a_silent_slave_is_given_up(void)
{
    struct run *run = leased_run(2, 20, 1);
    fake_net_stop(run->net, 1, FAKE_START_NS + JS_NS_PER_S, JS_NEVER_NS);
    js_master_run(run->master, &run->result, &run->err);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->result.lost, 1);
    CU_ASSERT_EQUAL(run->parted, 1);
    CU_ASSERT_EQUAL(run->finished, 20);
    CU_ASSERT_EQUAL(attempts_lost(run), 1);
    CU_ASSERT_TRUE(was_said(run, "slave 1 on n0 has not been heard of"));
    run_free(run);
}

/* It is given up, and then it goes on: nothing it says counts any more. */
static void test_a_slave_that_comes_back_late(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(20); seed++) {
        struct run *run = leased_run(3, 80, seed);
        fake_net_stop(run->net, 1,
                      FAKE_START_NS + 700 * JS_NS_PER_MS +
                          (int64_t)seed * 17 * JS_NS_PER_MS,
                      FAKE_START_NS + (5 + (int64_t)seed / 4) * JS_NS_PER_S);
        js_master_run(run->master, &run->result, &run->err);
        js_master_dismiss(&run->link, JS_LEAVE_AT_ONCE);
        fake_net_finish(run->net);
        expect_all_done(run, 80);
        run_free(run);
    }
}

/* Shorter than its lease: it costs nothing but time. */
static void test_a_short_stop_costs_nothing(void)
{
    struct run *run = leased_run(2, 20, 1);
    fake_net_stop(run->net, 1, FAKE_START_NS + JS_NS_PER_S,
                  FAKE_START_NS + JS_NS_PER_S + lease_ns / 2);
    run_go(run);
    expect_all_done(run, 20);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    run_free(run);
}

/* Its lease has run out, but it was not given up yet: what it ran has been
 * ended and runs again, and it works on. */
static void test_a_stop_longer_than_the_lease(void)
{
    struct run *run = leased_run(2, 60, 1);
    fake_net_stop(run->net, 1, FAKE_START_NS + 900 * JS_NS_PER_MS,
                  FAKE_START_NS + 900 * JS_NS_PER_MS + lease_ns +
                      JS_NS_PER_S / 2);
    run_go(run);
    expect_all_done(run, 60);
    CU_ASSERT_EQUAL(run->result.lost, 0);
    CU_ASSERT(run->fates[run->order[59]].finish_ns < 16 * JS_NS_PER_S);
    run_free(run);
}

/* No message in either direction from then on. */
static void test_a_slave_that_is_cut_off(void)
{
    struct run *run = leased_run(3, 60, 1);
    fake_net_cut(run->net, 2, FAKE_START_NS + 1300 * JS_NS_PER_MS);
    js_master_run(run->master, &run->result, &run->err);
    js_master_dismiss(&run->link, JS_LEAVE_AT_ONCE);
    fake_net_finish(run->net);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->result.lost, 1);
    CU_ASSERT_EQUAL(run->finished, 60);
    /* It has found out by itself. */
    CU_ASSERT_TRUE(fake_net_has_left(run->net, 2));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(run->seats[2].err.text, "has not been heard of"));
    run_free(run);
}

static void test_all_slaves_cut_off(void)
{
    struct run *run = leased_run(2, 60, 1);
    fake_net_cut(run->net, 1, FAKE_START_NS + 1300 * JS_NS_PER_MS);
    fake_net_cut(run->net, 2, FAKE_START_NS + 1500 * JS_NS_PER_MS);
    js_master_run(run->master, &run->result, &run->err);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_BROKEN);
    CU_ASSERT_EQUAL(run->result.lost, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(run->err.text, "no slave is left"));
    run_free(run);
}

/* Runs to the end, and each of so many jobs finishes once. */
static void expect_each_finishes(struct run *run, uint64_t jobs)
{
    js_master_run(run->master, &run->result, &run->err);
    js_master_dismiss(&run->link, JS_LEAVE_AT_ONCE);
    fake_net_finish(run->net);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, jobs);
    for (uint64_t id = 1; id <= jobs; id++)
        CU_ASSERT_EQUAL(run->fates[id].finished, 1);
}

/* Of each host one slave; another if that one is lost meanwhile. */
static void test_what_a_killed_run_has_left(void)
{
    struct run_config config = {.slaves = 3,
                                .jobs = "0.4\n0.4\n0.4\n",
                                .lease_ns = lease_ns,
                                .has_dead = true};
    struct run *run = run_new(&config);
    run_go(run);
    expect_all_done(run, 3);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_CLEAR), 2);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_CLEARED), 2);
    run_free(run);

    config.cut_enlisted = 2;
    run = run_new(&config);
    expect_each_finishes(run, 3);
    CU_ASSERT_EQUAL(run->result.lost, 1);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_CLEAR), 3);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_CLEARED), 2);
    CU_ASSERT_EQUAL(attempts_lost(run), 0);
    run_free(run);
}

/* Two nodes each; at any time slave 3 or 5, and so two nodes, are left. */
static struct run *wide_run(uint64_t jobs, uint64_t seed)
{
    struct run_config config = {
        .slaves = 5, .seed = seed, .lease_ns = lease_ns};
    struct js_buf list = JS_BUF_INIT;
    for (uint64_t i = 0; i < jobs; i++)
        js_buf_puts(&list, i % 3 == 0 ? "[nodes=2] 0.4\n" : "0.4\n");
    config.jobs = js_buf_string(&list);
    struct run *run = run_new(&config);
    js_buf_release(&list);
    return run;
}

/* A host of a job is lost while it runs on another: it is ended there, and runs
 * again. */
static void test_a_host_of_a_job_is_lost(void)
{
    struct run_config config = {
        .slaves = 4, .jobs = "[nodes=3 cores=4] 60\n", .lease_ns = lease_ns};
    struct run *run = run_new(&config);
    fake_net_cut(run->net, 2, FAKE_START_NS + JS_NS_PER_S);
    js_master_run(run->master, &run->result, &run->err);
    js_master_dismiss(&run->link, JS_LEAVE_AT_ONCE);
    fake_net_finish(run->net);
    expect_no_complaint(run);
    CU_ASSERT_EQUAL(run->result.end, JS_MASTER_DONE);
    CU_ASSERT_EQUAL(run->finished, 1);
    CU_ASSERT_EQUAL(run->fates[1].attempt, 2);
    CU_ASSERT_EQUAL(fake_net_sent(run->net, JS_TAG_KILL_JOB), 1);
    CU_ASSERT(run->fates[1].finish_ns < 90 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(run->fates[1].exit_code, 0);
    run_free(run);
}

/* Stopped for some time, cut off, or neither. */
static void lose_perhaps(struct run *run, struct rng *rng, int rank)
{
    int64_t from_ns =
        FAKE_START_NS + (int64_t)rng_below(rng, 6000) * JS_NS_PER_MS;
    int64_t length_ns = (int64_t)rng_below(rng, 8000) * JS_NS_PER_MS;
    if (rng_chance(rng, 50))
        fake_net_stop(run->net, rank, from_ns, from_ns + length_ns);
    else if (rng_chance(rng, 30))
        fake_net_cut(run->net, rank, from_ns);
}

static void test_random_losses_of_hosts(void)
{
    uint64_t ends = 0;
    for (uint64_t seed = 1; seed <= unit_rounds(100); seed++) {
        static const int losable[] = {1, 2, 4};
        struct rng rng = {seed};
        struct run *run = wide_run(60, seed);
        for (int i = 0; i < 3; i++)
            lose_perhaps(run, &rng, losable[i]);
        expect_each_finishes(run, 60);
        ends += fake_net_sent(run->net, JS_TAG_KILL_JOB);
        run_free(run);
    }
    /* It is about something. */
    CU_ASSERT(ends > 0);
}

/* Stops, cuts and delays as they come: every job finishes once, and never runs
 * twice at a time. */
static void test_random_losses(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(100); seed++) {
        struct rng rng = {seed};
        struct run *run = leased_run(5, 60, seed);
        for (int i = 1; i <= 4; i++)
            lose_perhaps(run, &rng, i);
        expect_each_finishes(run, 60);
        run_free(run);
    }
}

static const struct unit_test tests[] = {
    {"drain", test_drain},
    {"hurry", test_hurry},
    {"hurry without slaves", test_hurry_without_slaves},
    {"a request before anything runs", test_a_request_before_anything_runs},
    {"a time limit", test_a_time_limit},
    {"jobs that do not fit before a limit",
     test_jobs_that_do_not_fit_before_a_limit},
    {"beats keep slaves", test_beats_keep_slaves},
    {"a slow journal keeps slaves", test_a_slow_journal_keeps_slaves},
    {"a silent slave is given up", test_a_silent_slave_is_given_up},
    {"a slave that comes back late", test_a_slave_that_comes_back_late},
    {"a short stop costs nothing", test_a_short_stop_costs_nothing},
    {"a stop longer than the lease", test_a_stop_longer_than_the_lease},
    {"a slave that is cut off", test_a_slave_that_is_cut_off},
    {"all slaves cut off", test_all_slaves_cut_off},
    {"random losses", test_random_losses},
    {"a host of a job is lost", test_a_host_of_a_job_is_lost},
    {"what a killed run has left", test_what_a_killed_run_has_left},
    {"random losses of hosts", test_random_losses_of_hosts},
    {"the demonstration", test_the_demonstration},
    {"no jobs at all", test_no_jobs_at_all},
    {"barrier", test_barrier},
    {"without barrier nobody waits", test_without_barrier_nobody_waits},
    {"every slot is used", test_every_slot_is_used},
    {"the longest duration", test_the_longest_duration},
    {"a slow stream", test_a_slow_stream},
    {"short jobs are given ahead", test_short_jobs_are_given_ahead},
    {"long jobs hold up nobody", test_long_jobs_hold_up_nobody},
    {"even jobs are not sent to and fro",
     test_even_jobs_are_not_sent_to_and_fro},
    {"a stopped slave holds up nobody", test_a_stopped_slave_holds_up_nobody},
    {"a slave stopped within a text", test_a_slave_stopped_within_a_text},
    {"another version is left out", test_another_version_is_left_out},
    {"a slave that never shows up", test_a_slave_that_never_shows_up},
    {"a slave that never gets ready", test_a_slave_that_never_gets_ready},
    {"late slaves", test_late_slaves},
    {"nobody shows up", test_nobody_shows_up},
    {"a slave that cannot work", test_a_slave_that_cannot_work},
    {"a runner lost early", test_a_runner_lost_early},
    {"no runner is left, but output", test_no_runner_is_left_but_output},
    {"a lost runner", test_a_lost_runner},
    {"another runner", test_another_runner},
    {"a job that kills its runner", test_a_job_that_kills_its_runner},
    {"a runner that is lost for nothing",
     test_a_runner_that_is_lost_for_nothing},
    {"a lost runner with jobs ahead", test_a_lost_runner_with_jobs_ahead},
    {"all runners lost", test_all_runners_lost},
    {"output of every size", test_output_of_every_size},
    {"output of a lost runner", test_output_of_a_lost_runner},
    {"nothing comes after an unread job",
     test_nothing_comes_after_an_unread_job},
    {"a reader that stops for a while", test_a_reader_that_stops_for_a_while},
    {"releases go out one by one", test_releases_go_out_one_by_one},
    {"long commands", test_long_commands},
    {"the runner gets the setup", test_the_runner_gets_the_setup},
    {"failed jobs", test_failed_jobs},
    {"nobody is awake for nothing", test_nobody_is_awake_for_nothing},
    {"what runs long is told", test_what_runs_long_is_told},
    {"turns for a job are few", test_turns_for_a_job_are_few},
    {"messages for short jobs are few", test_messages_for_short_jobs_are_few},
    {"no core waits at the end", test_no_core_waits_at_the_end},
    {"recalled from a stopped slave", test_recalled_from_a_stopped_slave},
    {"back-off", test_backoff},
    {"random runs", test_random_runs},
    {"the master hears nonsense", test_the_master_hears_nonsense},
    {"a slave hears nonsense", test_a_slave_hears_nonsense},
    {"a slave believes nothing", test_a_slave_believes_nothing},
    {"dependencies", test_dependencies},
    {"a timeout", test_a_timeout},
    {"a job larger than any node", test_too_large},
    {"a job of too many nodes", test_too_many_nodes},
    {"mixed lists", test_mixed_lists},
    {NULL, NULL},
};

const struct unit_suite suite_loop = {"loop", tests};
