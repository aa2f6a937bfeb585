#include "fake_runner.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/units.h"
#include "rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake_job {
    bool is_busy;
    char command[64]; /* of one that waits for a slot */
    uint64_t id;
    uint32_t attempt;
    int64_t start_ns, run_ns, end_ns;
    int64_t timeout_ns; /* 0: the default */
    enum js_stop_reason cause;
    uint64_t bytes[2];
    uint32_t exit_code;
    uint32_t signal;
};

void fake_runner_init(struct js_runner *runner, struct fake_net *net, int rank)
{
    *runner = (struct js_runner){.net = net,
                                 .rank = rank,
                                 .dies_ns = JS_NEVER_NS,
                                 .lease_ns = JS_NEVER_NS,
                                 .recall_ns = JS_NEVER_NS,
                                 .ready_text = "",
                                 .ready_ns = JS_NEVER_NS};
}

int fake_runner_slave_turn(struct js_slave *slave, bool *has_greeted,
                           struct js_err *err)
{
    int rc = *has_greeted ? 0 : js_slave_greet(slave, err);
    *has_greeted = true;
    if (rc == 0)
        rc = js_slave_turn(slave, err);
    return rc == 0 ? js_slave_wait(slave, err) : rc;
}

void fake_runner_describe_node(struct js_node *ret, int number)
{
    memset(ret, 0, sizeof(*ret));
    snprintf(ret->host, sizeof(ret->host), "n%05d", number);
    ret->boot_id = (uint64_t)number + 1;
    for (unsigned i = 0; i < FAKE_NODE_CORES; i++)
        js_cpuset_add(&ret->cpus, i);
}

void fake_runner_release(struct js_runner *runner)
{
    free(runner->jobs);
    free(runner->ahead);
    runner->jobs = runner->ahead = NULL;
}

void fake_runner_die_at(struct js_runner *runner, int64_t at_ns)
{
    runner->dies_ns = at_ns;
    fake_net_wake(runner->net, runner->rank, at_ns);
}

char fake_runner_byte(uint64_t id, unsigned stream, uint64_t at)
{
    return (char)((stream ? 'A' : 'a') + (int)((id * 7 + at) % 26));
}

static int fake_fd(const struct js_runner *runner)
{
    (void)runner;
    return -1;
}

static pid_t fake_pid(const struct js_runner *runner)
{
    return runner->rank;
}

static bool fake_wants_write(const struct js_runner *runner)
{
    (void)runner;
    return false;
}

static bool is_dead(const struct js_runner *runner)
{
    return runner->dies_ns <= fake_net_now_ns(runner->net);
}

static int lost(void)
{
    errno = EPIPE;
    return -1;
}

static int fake_configure(struct js_runner *runner,
                          const struct js_runner_config *config)
{
    if (runner->jobs || config->slots == 0) {
        fake_net_complain(runner->net, "a runner is configured wrongly");
        return lost();
    }
    if (is_dead(runner))
        return lost();
    runner->jobs = calloc(config->slots, sizeof(*runner->jobs));
    if (!runner->jobs)
        return -1;
    runner->slots = config->slots;
    runner->capture = config->settings.capture;
    if (runner->configured)
        runner->configured(runner->arg, runner, config);
    runner->ready_ns = fake_net_now_ns(runner->net) + JS_NS_PER_MS;
    fake_net_wake(runner->net, runner->rank, runner->ready_ns);
    return 0;
}

/* ---------------------------------------------------------------- jobs */

/* The number behind `key` in the command, 0 if there is none. */
static uint64_t number_of(const char *command, const char *key)
{
    const char *at = strstr(command, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static int64_t duration_of(const struct js_runner *runner, const char *command)
{
    char word[32];
    int64_t ns = 0;
    snprintf(word, sizeof(word), "%.*s", (int)strcspn(command, " "), command);
    if (js_parse_duration_ns(word, &ns) < 0)
        fake_net_complain(runner->net, "a command without a duration");
    return ns;
}

static void end_at(struct fake_job *job, int64_t at_ns,
                   enum js_stop_reason cause)
{
    if (at_ns >= job->end_ns)
        return;
    /* Its start may not even be over. */
    job->end_ns = at_ns;
    job->run_ns = at_ns > job->start_ns ? at_ns - job->start_ns : 0;
    job->cause = cause;
}

/* It runs no longer than it may. */
static void cut_short(const struct js_runner *runner, struct fake_job *job)
{
    int64_t limit_ns = job->timeout_ns ? job->timeout_ns : runner->limit_ns;
    int64_t now_ns = fake_net_now_ns(runner->net);
    if (limit_ns == 0)
        return;
    int64_t at_ns = job->start_ns + limit_ns;
    end_at(job, at_ns > now_ns ? at_ns : now_ns, JS_STOP_REASON_TIMEOUT);
}

static int fake_limit(struct js_runner *runner, int64_t timeout_ns)
{
    if (is_dead(runner))
        return lost();
    runner->limit_ns = timeout_ns;
    for (uint32_t i = 0; i < runner->slots; i++) {
        if (!runner->jobs[i].is_busy)
            continue;
        cut_short(runner, &runner->jobs[i]);
        fake_net_wake(runner->net, runner->rank, runner->jobs[i].end_ns);
    }
    return 0;
}

static int fake_end(struct js_runner *runner, uint32_t slot, int64_t grace_ns)
{
    int64_t now_ns = fake_net_now_ns(runner->net);
    if (is_dead(runner))
        return lost();
    if (grace_ns == JS_RUNNER_LET_RUN)
        return 0;
    if (slot < runner->slots && runner->jobs[slot].is_busy)
        end_at(&runner->jobs[slot], now_ns, JS_STOP_REASON_STOPPED);
    fake_net_wake(runner->net, runner->rank, now_ns);
    return 0;
}

/* The real one ends them by itself, whatever the rank does. */
static void end_lease(struct js_runner *runner)
{
    if (runner->lease_ns > fake_net_now_ns(runner->net))
        return;
    for (uint32_t i = 0; i < runner->slots; i++) {
        if (runner->jobs[i].is_busy)
            end_at(&runner->jobs[i], runner->lease_ns, JS_STOP_REASON_STOPPED);
    }
    runner->lease_ns = JS_NEVER_NS;
    runner->has_expired = true;
}

static int fake_lease(struct js_runner *runner, int64_t until_ns)
{
    if (is_dead(runner))
        return lost();
    end_lease(runner);
    runner->lease_ns = until_ns;
    runner->has_expired = until_ns <= fake_net_now_ns(runner->net);
    fake_net_wake(runner->net, runner->rank, until_ns);
    return 0;
}

bool fake_runner_is_running(const struct js_runner *runner, uint64_t id)
{
    int64_t now_ns = fake_net_now_ns(runner->net);
    if (is_dead(runner) || runner->lease_ns <= now_ns)
        return false;
    for (uint32_t i = 0; i < runner->slots; i++) {
        const struct fake_job *job = &runner->jobs[i];
        if (job->is_busy && job->id == id && job->end_ns > now_ns)
            return true;
    }
    return false;
}

/* When a start that begins then is over. */
static int64_t spawn_ns(const struct js_runner *runner, uint64_t id,
                        int64_t from_ns)
{
    struct rng rng = {.state = id};
    if (!runner->spawned_ns)
        return from_ns;
    if (*runner->spawned_ns > from_ns)
        from_ns = *runner->spawned_ns;
    *runner->spawned_ns = from_ns + 300 * JS_NS_PER_US +
                          (int64_t)rng_below(&rng, 200 * JS_NS_PER_US);
    return *runner->spawned_ns;
}

static void start_at(struct js_runner *runner, const struct js_runner_job *job,
                     int64_t start_ns)
{
    struct fake_job *fake = &runner->jobs[job->slot];
    bool is_captured = runner->capture == JS_CAPTURE_SPOOL;
    *fake = (struct fake_job){.is_busy = true, .id = job->id};
    fake->timeout_ns = job->timeout_ns;
    fake->start_ns = spawn_ns(runner, job->id, start_ns);
    fake->run_ns = duration_of(runner, job->command);
    fake->end_ns = fake->start_ns + fake->run_ns;
    fake->exit_code = (uint32_t)number_of(job->command, "exit=");
    fake->signal = (uint32_t)number_of(job->command, "signal=");
    if (is_captured) {
        fake->bytes[0] = number_of(job->command, "out=");
        fake->bytes[1] = number_of(job->command, "err=");
    }
    cut_short(runner, fake);
    if (strstr(job->command, " kills"))
        fake_runner_die_at(runner, fake->start_ns + fake->run_ns / 2);
    if (runner->has_expired)
        end_at(fake, start_ns, JS_STOP_REASON_STOPPED);
    fake_net_wake(runner->net, runner->rank, fake->end_ns);
    if (runner->started)
        runner->started(runner->arg, runner, job);
}

static void start_ahead(struct js_runner *runner, uint32_t slot,
                        int64_t start_ns);

static void keep_ahead(struct js_runner *runner,
                       const struct js_runner_job *job)
{
    if (runner->ahead_count == runner->ahead_room) {
        runner->ahead_room = 2 * runner->ahead_room + 8;
        runner->ahead =
            realloc(runner->ahead, runner->ahead_room * sizeof(*runner->ahead));
        if (!runner->ahead)
            abort();
    }
    struct fake_job *ahead = &runner->ahead[runner->ahead_count++];
    *ahead = (struct fake_job){
        .id = job->id, .attempt = job->attempt, .timeout_ns = job->timeout_ns};
    /* What counts stands at the front. */
    snprintf(ahead->command, sizeof(ahead->command), "%s", job->command);
}

static int fake_run(struct js_runner *runner, const struct js_runner_job *job)
{
    if (is_dead(runner))
        return lost();
    if (job->slot == JS_RUNNER_SLOT_NEXT) {
        keep_ahead(runner, job);
        /* One may be free, as far as it knows. */
        for (uint32_t i = 0; i < runner->slots; i++) {
            if (!runner->jobs[i].is_busy)
                start_ahead(runner, i, fake_net_now_ns(runner->net));
        }
        return 0;
    }
    if (job->slot >= runner->slots || runner->jobs[job->slot].is_busy) {
        fake_net_complain(runner->net, "a job for a slot that is not free");
        return 0;
    }
    start_at(runner, job, fake_net_now_ns(runner->net));
    return 0;
}

/* The next that was given ahead begins as the one before it has ended. */
static void start_ahead(struct js_runner *runner, uint32_t slot,
                        int64_t start_ns)
{
    if (runner->ahead_count == 0)
        return;
    struct fake_job first = runner->ahead[0];
    memmove(&runner->ahead[0], &runner->ahead[1],
            --runner->ahead_count * sizeof(first));
    struct js_runner_job job = {.slot = slot,
                                .id = first.id,
                                .attempt = first.attempt,
                                .timeout_ns = first.timeout_ns,
                                .command = first.command,
                                .len = strlen(first.command)};
    start_at(runner, &job, start_ns);
}

static void fake_flush(struct js_runner *runner)
{
    (void)runner;
}

static int fake_recall(struct js_runner *runner)
{
    if (is_dead(runner))
        return lost();
    if (runner->recall_ns != JS_NEVER_NS)
        fake_net_complain(runner->net, "a second recall before the answer");
    runner->recall_ns = fake_net_now_ns(runner->net) + 2 * JS_NS_PER_MS;
    fake_net_wake(runner->net, runner->rank, runner->recall_ns);
    return 0;
}

/* A file with what the job wrote, or -1 if that is nothing. */
static int output_of(const struct js_runner *runner, const struct fake_job *job,
                     unsigned stream)
{
    uint64_t len = job->bytes[stream];
    char *bytes = malloc(len + 1);
    int fd = -1;
    if (bytes && len > 0)
        fd = js_file_open_unlinked("/tmp");
    for (uint64_t i = 0; fd >= 0 && i < len; i++)
        bytes[i] = fake_runner_byte(job->id, stream, i);
    if (len > 0 && (fd < 0 || js_file_write(fd, bytes, len) < 0))
        fake_net_complain(runner->net, "/tmp cannot be written");
    free(bytes);
    return fd;
}

static void end_job(struct js_runner *runner, uint32_t slot,
                    struct js_runner_event *ret)
{
    struct fake_job *job = &runner->jobs[slot];
    ret->kind = JS_RUNNER_ENDED;
    ret->slot = slot;
    ret->outcome = (struct js_outcome){.run_ns = job->run_ns,
                                       .out_bytes = job->bytes[0],
                                       .err_bytes = job->bytes[1],
                                       .exit_code = job->exit_code,
                                       .signal = job->signal,
                                       .cause = job->cause};
    ret->out_fd = output_of(runner, job, 0);
    ret->err_fd = output_of(runner, job, 1);
    job->is_busy = false;
    if (runner->ended)
        runner->ended(runner->arg, runner, job->id);
    start_ahead(runner, slot, job->end_ns);
}

/* The job that ends first: its slot goes to the first that was given ahead. */
static uint32_t first_to_end(const struct js_runner *runner)
{
    uint32_t first = runner->slots;
    for (uint32_t i = 0; i < runner->slots; i++) {
        const struct fake_job *job = &runner->jobs[i];
        if (job->is_busy && (first == runner->slots ||
                             job->end_ns < runner->jobs[first].end_ns))
            first = i;
    }
    return first;
}

/* With it all its jobs have ended. */
static int die(struct js_runner *runner)
{
    for (uint32_t i = 0; i < runner->slots; i++) {
        if (runner->jobs[i].is_busy && runner->ended)
            runner->ended(runner->arg, runner, runner->jobs[i].id);
    }
    runner->slots = 0;
    return lost();
}

static int fake_restart(struct js_runner *runner, struct js_err *err)
{
    if (!runner->has_successor)
        return js_err_set(err, "there is no other runner");
    free(runner->jobs);
    runner->jobs = NULL;
    runner->ahead_count = 0;
    runner->limit_ns = 0;
    runner->has_expired = false;
    runner->dies_ns = runner->lease_ns = runner->recall_ns = JS_NEVER_NS;
    if (runner->is_sickly)
        fake_runner_die_at(runner, fake_net_now_ns(runner->net) + JS_NS_PER_S);
    return 0;
}

static bool fake_wake(struct js_runner *runner, int64_t now_ns)
{
    (void)runner;
    (void)now_ns;
    return false;
}

static int fake_next(struct js_runner *runner, struct js_runner_event *ret)
{
    int64_t now_ns = fake_net_now_ns(runner->net);
    memset(ret, 0, sizeof(*ret));
    ret->out_fd = ret->err_fd = -1;
    if (is_dead(runner))
        return die(runner);
    end_lease(runner);
    if (runner->ready_ns <= now_ns) {
        runner->ready_ns = JS_NEVER_NS;
        ret->kind = JS_RUNNER_READY;
        snprintf(ret->text, sizeof(ret->text), "%s", runner->ready_text);
        return 1;
    }
    /* What ended before the recall came has made room before it. */
    uint32_t slot = first_to_end(runner);
    int64_t until_ns = runner->recall_ns < now_ns ? runner->recall_ns : now_ns;
    if (slot < runner->slots && runner->jobs[slot].end_ns <= until_ns) {
        end_job(runner, slot, ret);
        return 1;
    }
    if (runner->recall_ns > now_ns)
        return 0;
    runner->recall_ns = JS_NEVER_NS;
    ret->kind = JS_RUNNER_RECALLED;
    ret->count = runner->ahead_count;
    runner->ahead_count = 0;
    return 1;
}

const struct js_runner_ops fake_runner_ops = {
    .configure = fake_configure,
    .restart = fake_restart,
    .wake = fake_wake,
    .pid = fake_pid,
    .fd = fake_fd,
    .wants_write = fake_wants_write,
    .run = fake_run,
    .flush = fake_flush,
    .recall = fake_recall,
    .end = fake_end,
    .lease = fake_lease,
    .limit = fake_limit,
    .next = fake_next,
};
