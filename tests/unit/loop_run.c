#include "loop_run.h"

#include "mpi/slave_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t attempts_lost(const struct run *run)
{
    uint64_t lost = 0;
    for (uint64_t n = 0; n < run->finished; n++)
        lost += run->fates[run->order[n]].attempt - 1;
    return lost;
}

/* One for all runs: hwloc loads its plugins each time that the first is made,
 * which would take longer than all else here. */
static const struct js_topo *machine(bool is_large)
{
    static struct js_topo *topos[2];
    static const char *const about[] = {"pack:1 core:4 pu:1",
                                        "pack:2 core:64 pu:1"};
    if (!topos[is_large])
        topos[is_large] =
            not_null(js_topo_new_synthetic(about[is_large], NULL));
    return topos[is_large];
}

int64_t since_start_ns(const struct run *run)
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

/* ---------------------------------------------------------------- recorder */

static struct run *run_of(const struct js_recorder *recorder)
{
    return (struct run *)((uintptr_t)recorder - offsetof(struct run, recorder));
}

void fake_recorder_dispatched(struct js_recorder *recorder,
                              const struct js_job *job)
{
    run_of(recorder)->dispatched++;
    put_trace(run_of(recorder), 'D', job->id);
}

void fake_recorder_finished(struct js_recorder *recorder,
                            const struct js_completion *completion)
{
    struct run *run = run_of(recorder);
    struct fate *fate = fate_of(run, completion->job->id);
    recorder->recorded_fn(recorder->recorded_arg, completion);
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
    run->parted_ns = since_start_ns(run);
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
    if (run->config.loss_ns > 0)
        run->commit_end_ns = fake_net_now_ns(run->net) + run->config.loss_ns;
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

/* What is shown of the run fits together, at the end of every turn; and so does
 * the scheduler, in a plain build too. */
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
    if (run->config.slaves <= SLAVES_MAX)
        js_scheduler_assert_invariants(js_master_scheduler(run->master));
    if (standing.busy_slots > run->most_busy)
        run->most_busy = standing.busy_slots;
}

struct js_recorder_state fake_recorder_look(const struct js_recorder *recorder)
{
    const struct run *run = run_of(recorder);
    int64_t at_ns = run->config.request_ns;
    return (struct js_recorder_state){
        .has_journal = true,
        .is_behind = run->config.loss_ns > 0 && run->is_behind,
        .unwritten =
            js_outq_pending(run->outqs[0]) + js_outq_pending(run->outqs[1]),
        .deadline_ns =
            at_ns > since_start_ns(run) ? FAKE_START_NS + at_ns : JS_NEVER_NS};
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

static enum js_stop_request stop_request(void *arg, int64_t now_ns)
{
    const struct run *run = arg;
    (void)now_ns;
    if (run->config.in_turn)
        run->config.in_turn(run->config.in_turn_arg);
    bool is_due = run->config.request_ns > 0 &&
                  since_start_ns(run) >= run->config.request_ns;
    return is_due ? run->config.stop_request : JS_STOP_REQUEST_NONE;
}

static void keep_line(void *arg, const char *text)
{
    struct run *run = arg;
    js_buf_printf(&run->log_text, "%s\n", text);
}

bool was_said(struct run *run, const char *text)
{
    return strstr(not_null((void *)js_buf_string(&run->log_text)), text);
}

/* ---------------------------------------------------------------- runners */

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
    seat->ended++;
}

/* ---------------------------------------------------------------- seats */

/* Only the answer to a number renews the lease, counted from when that number
 * was sent. */
static int slave_turn(void *arg)
{
    struct seat *seat = arg;
    const struct js_slave_lease *lease = &seat->slave->lease;
    int64_t last_ns = seat->runner.lease_ns;
    int rc =
        fake_runner_slave_turn(seat->slave, &seat->has_greeted, &seat->err);
    js_slave_queue_assert_invariants(&seat->slave->queue);
    bool is_renewed = seat->runner.lease_ns != last_ns &&
                      seat->runner.lease_ns != JS_NEVER_NS;
    seat->sent_ns[lease->beat % BEATS_KEPT] = lease->beat_ns;
    if (is_renewed &&
        seat->runner.lease_ns >
            seat->sent_ns[lease->answered % BEATS_KEPT] + lease->length_ns)
        fake_net_complain(seat->run->net, "a lease is longer than it may be");
    return rc;
}

struct js_node node_of(int rank)
{
    struct js_node node;
    memset(&node, 0, sizeof(node));
    /* Two ranks to a node, as their numbers come; one knows its long name. */
    snprintf(node.host, sizeof(node.host), "n%d%s", rank / 2,
             rank == 3 ? ".cluster" : "");
    CU_ASSERT_EQUAL(js_cpuset_parse("0-3", &node.cpus), 0);
    return node;
}

static struct js_node node_in(const struct run *run, int rank)
{
    struct js_node node = node_of(rank);
    if (run->config.crowd == 0)
        return node;
    snprintf(node.host, sizeof(node.host), "n%d", rank / run->config.crowd);
    js_cpuset_clear(&node.cpus);
    for (int i = 0; i < run->config.crowd; i++)
        js_cpuset_add(&node.cpus, (unsigned)i);
    return node;
}

/* Not yet at the first look after a job has ended. */
static enum js_stop_request late_request(void *arg)
{
    struct seat *seat = arg;
    if (!seat->run->config.has_late_signals || seat->ended == 0)
        return JS_STOP_REQUEST_NONE;
    return seat->looks++ == 0 ? JS_STOP_REQUEST_NONE : JS_STOP_REQUEST_HURRY;
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
    struct js_slave_config config = {.node = node_in(run, rank),
                                     .topo = machine(run->config.crowd > 4),
                                     .runner_ops = &fake_runner_ops,
                                     .runner = &seat->runner,
                                     .trace = seat->trace,
                                     .environ = environ_of_host,
                                     .tmpdir = "/tmp",
                                     .stop_request = late_request,
                                     .request_arg = seat};
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
        run->source = not_null(js_source_new_file(
            &(struct js_list_config){.path = path}, &run->err));
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
    run->source = not_null(
        js_source_new_file(&(struct js_list_config){.path = path}, &run->err));
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
                               .grace_ns = run->config.grace_ns,
                               .cwd = "/"},
                  .environ = "A=1\0B=2",
                  .environ_len = sizeof("A=1\0B=2")},
        .stop_ns = run->config.stop_ns > 0 ? FAKE_START_NS + run->config.stop_ns
                                           : JS_NEVER_NS,
        .show_map = true,
        .meeting_ns = 60 * JS_NS_PER_S,
        .node = node_in(run, 0),
        .source = run->source,
        .recorder = &run->recorder,
        .log = run->log,
        .stop_request = stop_request,
        .request_arg = run,
    };
    if (run->config.environ) {
        config.setup.environ = run->config.environ->data;
        config.setup.environ_len = run->config.environ->len;
    }
    run->link = fake_net_link(run->net, 0);
    run->master = not_null(js_master_new(&config, &run->link));
}

struct run *run_new(const struct run_config *config)
{
    struct run *run = not_null(calloc(1, sizeof(*run)));
    run->config = *config;
    if (!run->config.round_size)
        run->config.round_size = 10;
    if (!run->config.slots)
        run->config.slots = 1;
    if (!run->config.grace_ns)
        run->config.grace_ns = JS_NS_PER_S;
    if (!run->config.delay_max_ns)
        run->config.delay_max_ns = 100 * JS_NS_PER_US;
    if (!run->config.spool_limit_bytes)
        run->config.spool_limit_bytes = UINT64_C(1) << 30;
    struct fake_net_config net = {.size = config->slaves + 1,
                                  .extras = 1,
                                  .seed = config->seed,
                                  .delay_max_ns = run->config.delay_max_ns,
                                  .is_restless = config->is_restless};
    memcpy(net.cost_ns, config->cost_ns, sizeof(net.cost_ns));
    run->net = not_null(fake_net_new(&net));
    run->seats =
        not_null(calloc((size_t)config->slaves + 1, sizeof(*run->seats)));
    open_source(run);
    open_records(run);
    open_master(run);
    for (int rank = 1; rank <= config->slaves; rank++)
        take_seat(run, rank);
    return run;
}

void run_free(struct run *run)
{
    for (int i = 1; i <= run->config.slaves; i++) {
        js_slave_free(run->seats[i].slave);
        fake_runner_release(&run->seats[i].runner);
        js_outq_free(run->seats[i].trace);
    }
    free(run->seats);
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

static void run_go_and_leave(struct run *run, enum js_leaving how)
{
    js_master_run(run->master, &run->result, &run->err);
    js_master_dismiss(&run->link, how);
    fake_net_finish(run->net);
}

void run_go(struct run *run)
{
    run_go_and_leave(run, JS_LEAVE_TOGETHER);
}

void run_go_without_lost(struct run *run)
{
    run_go_and_leave(run, JS_LEAVE_AT_ONCE);
}

struct run *run_through(const struct run_config *config)
{
    struct run *run = run_new(config);
    run_go(run);
    return run;
}

/* ---------------------------------------------------------------- checks */

void run_show(const struct run *run, const char *what)
{
    fprintf(stderr, "\nloop, seed %" PRIu64 ": %s\n", run->config.seed, what);
}

bool expect_no_complaint(const struct run *run)
{
    const char *complaint = fake_net_complaint(run->net);
    CU_ASSERT_PTR_NULL(complaint);
    if (!complaint)
        return true;
    run_show(run, complaint);
    for (int i = 1; i <= run->config.slaves; i++) {
        if (run->seats[i].err.text[0])
            run_show(run, run->seats[i].err.text);
    }
    return false;
}

bool expect_end(const struct run *run, enum js_master_end end)
{
    CU_ASSERT_EQUAL(run->result.end, end);
    if (run->result.end == end)
        return true;
    run_show(run, run->err.text);
    return false;
}

bool expect_all_done(struct run *run, uint64_t jobs)
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

bool expect_output(struct run *run)
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

struct trace *trace_of(const struct run *run)
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

void expect_trace(const struct run *run, uint64_t jobs)
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

char *lines_of(const char *text, unsigned count)
{
    struct js_buf buf = JS_BUF_INIT;
    for (unsigned i = 0; i < count; i++)
        CU_ASSERT_EQUAL_FATAL(js_buf_printf(&buf, "%s\n", text), 0);
    not_null((void *)js_buf_string(&buf));
    return buf.data;
}
