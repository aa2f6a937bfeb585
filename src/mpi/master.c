#include "mpi/master_private.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNWRITTEN_MAX = 16 * 1024 * 1024, /* bytes of output that readers have
                                         not taken */
    TEXT_MAX = 1024 * 1024, /* bytes of text that a turn sends: MPI keeps a copy
                               until the slave has received it */
    JOBS_AT_ONCE = 2048,    /* jobs read, and decisions made, in one turn */
    LOOKS = 4,              /* checks for messages while all slaves have work */
    PAUSES = 2000,          /* pauses in the run time of a job */
};

/* How often to check whether a stream has ended. */
static const int64_t source_look_ns = 20 * JS_NS_PER_MS;

/* The time after the grace period in which results are written and recorded.
 * After it, the master no longer waits for a reader that has stopped. */
static const int64_t end_most_ns = 10 * JS_NS_PER_S;

/* The same if there is no grace period left. */
static const int64_t now_ns_most = 300 * JS_NS_PER_MS;

static int64_t earlier_ns(int64_t one_ns, int64_t other_ns)
{
    return one_ns < other_ns ? one_ns : other_ns;
}

/* ---------------------------------------------------------------- life */

/* The delivery calls this when a job has ended and its output is written. */
static void master_finish_job(void *arg, const struct js_completion *completion)
{
    struct js_master *master = arg;
    js_recorder_finished(master->config.recorder, completion);
}

/* The recorder calls this when the job is on record. Unless the job was
 * stopped, the jobs that depend on it may start. */
static void master_note_recorded(void *arg,
                                 const struct js_completion *completion)
{
    struct js_master *master = arg;
    const struct js_outcome *outcome = &completion->outcome;
    if (completion->result == JS_ATTEMPT_RESULT_ENDED &&
        outcome->cause != JS_STOP_REASON_STOPPED)
        js_scheduler_finished(master->scheduler, completion->job,
                              js_outcome_succeeded(outcome));
}

struct js_master *js_master_new(const struct js_master_config *config,
                                struct js_link *link)
{
    struct js_master *master = calloc(1, sizeof(*master));
    if (!master)
        return NULL;
    master->config = *config;
    master->link = link;
    master->delivery = config->recorder->delivery;
    js_delivery_report_to(master->delivery, master_finish_job, master);
    config->recorder->recorded_fn = master_note_recorded;
    config->recorder->recorded_arg = master;
    master->meeting.phase = JS_MEETING_MEETING;
    master->meeting.first = 1;
    master->has_input = true;
    master->first_assignment_ns = JS_NEVER_NS;
    master->now_ns = master->event_ns = js_link_now_ns(link);
    master->meeting.phase_end_ns = JS_NEVER_NS;
    master->meeting.quiet_end_ns = master->now_ns + config->quiet_ns;
    master->turn_ns = master->now_ns;
    master->leave_ns = master->quit_ns = JS_NEVER_NS;
    master->allocator = js_allocator_new();
    /* Priorities and expected run times order the whole list. With these the
     * scheduler must have all jobs before it starts the first. */
    struct js_scheduler_config scheduler = config->scheduler;
    struct js_source_survey survey;
    js_source_survey(config->source, &survey);
    scheduler.is_ordered = survey.is_ordered;
    scheduler.is_stream = js_source_is_stream(config->source);
    if (master->allocator)
        master->scheduler = js_scheduler_new(
            &scheduler, js_source_graph(config->source), master->allocator);
    master->conns = calloc((size_t)link->size, sizeof(*master->conns));
    for (int i = 0; master->conns && i < link->size; i++)
        master->conns[i] = (struct js_slave_conn){
            .link = link, .queue = &master->queue, .rank = i};
    if (!master->scheduler || !master->allocator || !master->conns ||
        js_allocator_add(master->allocator, 0, &config->node, false) < 0) {
        js_master_free(master);
        return NULL;
    }
    return master;
}

void js_master_free(struct js_master *master)
{
    if (!master)
        return;
    int saved = errno;
    for (int i = 0; master->conns && i < master->link->size; i++)
        js_slave_conn_release(&master->conns[i]);
    free(master->conns);
    js_slave_conn_queue_release(&master->queue);
    js_scheduler_free(master->scheduler);
    js_allocator_free(master->allocator);
    js_buf_release(&master->blame.names);
    js_buf_release(&master->setup_text);
    free(master);
    errno = saved;
}

const char *js_master_host(const struct js_master *master, unsigned slave)
{
    const struct js_node_about *node = master->conns[slave].node;
    return node ? node->host : "";
}

/* ---------------------------------------------------------------- a turn */

/* The jobs of a stream cannot be checked before the run, so each is checked
 * when it is read. A job that no node can ever run is an error of the list,
 * like a syntax error. True if this is one. */
static bool master_refuse_large_job(struct js_master *master,
                                    const struct js_job *job)
{
    struct js_buf text = JS_BUF_INIT;
    if (js_allocator_could(master->allocator, &job->request, 0))
        return false;
    if (js_allocator_refusal(master->allocator, job->id, job->line,
                             &job->request, &text))
        js_err_errno(&master->input_error,
                     "job %" PRIu64 " cannot run on any node", job->id);
    else
        js_err_set(&master->input_error, "%s", js_buf_string(&text));
    js_buf_release(&text);
    return true;
}

/* True if jobs can be read at once, or as soon as those read last are on
 * record. */
static bool master_can_read(const struct js_master *master)
{
    return master->meeting.phase == JS_MEETING_WORKING && master->has_input &&
           !master->is_source_later;
}

/* Reads only as many jobs as the scheduler wants, so memory does not grow with
 * the length of the list; and only some in each turn, because messages wait.
 * The jobs read last are on record before more are read: if new ones were added
 * all the time, none could ever start. */
static int master_take_jobs(struct js_master *master, struct js_err *err)
{
    master->is_source_later = false;
    if (js_recorder_look(master->config.recorder).is_behind)
        return 0;
    for (int i = 0; i < JOBS_AT_ONCE && master_can_read(master) &&
                    js_scheduler_wants_jobs(master->scheduler);
         i++) {
        struct js_job *job;
        enum js_source_state state =
            js_source_next(master->config.source, &job, &master->input_error);
        if (state == JS_SOURCE_LATER) {
            master->is_source_later = true;
            return 0;
        }
        if (state == JS_SOURCE_BROKEN)
            return js_err_set(err, "%s", master->input_error.text);
        if (state != JS_SOURCE_JOB) {
            master->has_input = false;
            master->is_input_bad = state == JS_SOURCE_ERROR;
            return 0;
        }
        if (!js_job_is_plain(job) &&
            js_scheduler_counts(master->scheduler).slaves > 0 &&
            master_refuse_large_job(master, job)) {
            master->has_input = false;
            master->is_input_bad = true;
            js_job_free(job);
            return 0;
        }
        js_paths_set(master->config.paths, job);
        master->accepted++;
        if (js_scheduler_add(master->scheduler, job) < 0)
            return js_master_no_memory(err);
    }
    return 0;
}

/* A plain job gets its slot's own CPUs, so its message needs no allocation. */
static int master_assign_job(struct js_master *master,
                             const struct js_scheduler_decision *next,
                             struct js_err *err)
{
    struct js_slave_conn *conn = &master->conns[next->slave];
    struct js_outgoing_job outgoing = {
        .job = next->job, .ticket = next->ticket, .slot = next->slot};
    if (master->config.strict_mem)
        outgoing.data_limit_bytes = next->job->request.mem_bytes;
    /* The allocation precedes the job's text: CPUs, GPUs and hosts, each
     * followed by a NUL. */
    const struct js_allocation *allocation = next->allocation;
    struct js_buf *buf = &outgoing.allocation;
    if (!js_job_is_plain(next->job)) {
        struct js_cpuset cpus;
        js_allocation_cpus(master->allocator, allocation, &cpus);
        if (js_cpuset_format(&cpus, buf) < 0 || js_buf_append(buf, "", 1) < 0 ||
            js_allocation_gpus(master->allocator, allocation, buf) < 0 ||
            js_buf_append(buf, "", 1) < 0 ||
            (allocation->other_count > 0 &&
             js_allocation_hosts(master->allocator, allocation, buf) < 0) ||
            js_buf_append(buf, "", 1) < 0) {
            js_buf_release(buf);
            return js_master_no_memory(err);
        }
    }
    if (js_slave_conn_give(conn, &outgoing) < 0)
        return js_master_no_memory(err);
    master->event_ns = master->now_ns;
    if (master->first_assignment_ns == JS_NEVER_NS)
        master->first_assignment_ns = master->now_ns;
    return 0;
}

/* Ends a job that will not run: it is skipped; or it has failed, because its
 * last attempt was lost with its slave or runner, so its start time is
 * unknown. */
static int master_end_job(struct js_master *master,
                          const struct js_scheduler_decision *next,
                          struct js_err *err)
{
    struct js_job *job = next->skipped;
    struct js_completion completion = {.job = job,
                                       .result = JS_ATTEMPT_RESULT_SKIPPED,
                                       .parent = next->parent,
                                       .host = ""};
    if (next->step == JS_SCHEDULER_FAIL)
        completion = (struct js_completion){
            .job = job,
            .outcome = {.start_unix_ns = js_clock_unix_ns(),
                        .exit_code = 126,
                        .step = JS_STEP_RUNNER},
            .result = JS_ATTEMPT_RESULT_ENDED,
            .slave = next->slave,
            .cores = job->request.cores * js_request_nodes(&job->request),
            .host = js_master_host(master, next->slave)};
    master->ended++;
    if (js_delivery_add(master->delivery, &completion, 0, false, NULL) < 0)
        return js_master_no_memory(err);
    return 0;
}

/* No job is started while so much output waits for the readers of stdout and
 * stderr that more jobs would only add to it. */
static int master_assign_jobs(struct js_master *master, struct js_err *err)
{
    if (master->meeting.phase != JS_MEETING_WORKING ||
        js_delivery_look(master->delivery).waiting > JS_DELIVERY_MAX_WAITING ||
        js_recorder_look(master->config.recorder).unwritten > UNWRITTEN_MAX)
        return 0;
    enum js_scheduler_step last = JS_SCHEDULER_NOTHING;
    bool can_read = master_can_read(master);
    for (int i = 0, rc = 0; rc == 0; i++) {
        /* Jobs that are not read or not assigned in this turn are handled in
         * the next one. The jobs of a round are reported together. */
        master->must_assign =
            i >= JOBS_AT_ONCE && last != JS_SCHEDULER_DISPATCH;
        if (master->must_assign ||
            (can_read && js_scheduler_needs_jobs(master->scheduler)))
            return 0;
        const struct js_scheduler_decision next =
            js_scheduler_next(master->scheduler);
        last = next.step;
        struct js_slave_conn *conn = &master->conns[next.slave];
        switch (next.step) {
        case JS_SCHEDULER_NOTHING:
            return 0;
        case JS_SCHEDULER_DISPATCH:
            js_recorder_dispatched(master->config.recorder, next.job);
            break;
        case JS_SCHEDULER_ASSIGN:
            rc = master_assign_job(master, &next, err);
            break;
        case JS_SCHEDULER_END:
            rc = js_slave_conn_end_job(conn, next.ticket, err);
            break;
        case JS_SCHEDULER_SKIP:
        case JS_SCHEDULER_FAIL:
            rc = master_end_job(master, &next, err);
            break;
        case JS_SCHEDULER_RECALL:
            rc =
                js_slave_conn_post_number(conn, JS_TAG_RECALL, next.count, err);
            break;
        case JS_SCHEDULER_NO_MEMORY:
            rc = js_master_no_memory(err);
            break;
        }
    }
    return -1;
}

/* ---------------------------------------------------------------- stopping */

/* Returns the strongest of the requests from outside and those that follow from
 * the state of the run: a run also stops if no reader receives its output, or
 * if it cannot be recorded. */
static enum js_stop_request master_request_of(const struct js_master *master,
                                              enum js_stop_request asked)
{
    struct js_recorder *recorder = master->config.recorder;
    bool is_late = master->now_ns >= master->config.stop_ns;
    bool has_failed =
        master->config.fail_fast && js_scheduler_is_stopped(master->scheduler);
    if (asked >= JS_STOP_REQUEST_END)
        return asked;
    if (js_recorder_is_cut(recorder) || is_late || has_failed)
        return JS_STOP_REQUEST_END;
    return recorder->journal_error.text[0] ? JS_STOP_REQUEST_DRAIN : asked;
}

/* Sends the number to more of the slaves. */
static int master_announce(struct js_master *master, enum js_tag tag,
                           struct js_announcement *announcement,
                           struct js_err *err)
{
    enum { AT_ONCE = 4096 };
    int *next = &announcement->next;
    for (int i = 0; i<AT_ONCE && * next> 0; i++) {
        if (*next < master->link->size &&
            master->conns[*next].state == JS_SLAVE_CONN_WORKING &&
            js_slave_conn_post_number(&master->conns[*next], tag,
                                      announcement->number, err) < 0)
            return -1;
        *next = *next < master->link->size ? *next + 1 : 0;
    }
    return 0;
}

/* Starts no more jobs, and ends the running ones as the request demands. */
static void master_follow_request(struct js_master *master,
                                  enum js_stop_request asked)
{
    enum js_stop_request stop_request = master_request_of(master, asked);
    int64_t grace_ns = master->config.setup.settings.grace_ns;
    int64_t most_ns = JS_NEVER_NS;
    if (stop_request <= master->stop_request)
        return;
    /* A stop because of failed jobs is not an interruption. */
    master->is_interrupted |= !js_scheduler_is_stopped(master->scheduler);
    master->stop_request = stop_request;
    js_scheduler_stop(master->scheduler);
    switch (stop_request) {
    case JS_STOP_REQUEST_NONE:
    case JS_STOP_REQUEST_DRAIN:
        grace_ns = JS_WIRE_LET_RUN;
        break;
    case JS_STOP_REQUEST_END:
        if (master->is_interrupted)
            most_ns = end_most_ns + grace_ns;
        break;
    case JS_STOP_REQUEST_HURRY:
        if (grace_ns > JS_STOP_HURRY_GRACE_NS)
            grace_ns = JS_STOP_HURRY_GRACE_NS;
        most_ns = JS_STOP_HURRY_NS;
        break;
    case JS_STOP_REQUEST_NOW:
        grace_ns = 0;
        most_ns = now_ns_most;
        break;
    }
    /* At this time the run is over in any case. A later request may bring it
     * forward, but may never delay it. */
    if (most_ns != JS_NEVER_NS && master->leave_ns > master->now_ns + most_ns) {
        master->leave_ns = master->now_ns + most_ns;
        master->quit_ns =
            earlier_ns(master->quit_ns, master->now_ns + grace_ns);
    }
    master->drain = (struct js_announcement){(uint64_t)grace_ns, 1};
}

/* Sends the slaves a new time limit when it has changed by a twentieth. The
 * median moves with every job, so sending each change would cost a message for
 * each job. */
static void master_update_limit(struct js_master *master)
{
    enum { TWENTIETH = 20 };
    if (master->config.timeout_percent == 0)
        return;
    int64_t median_ns = js_scheduler_median_ns(master->scheduler);
    if (median_ns < 0)
        return;
    int64_t limit_ns = median_ns / 100 * master->config.timeout_percent + 1;
    int64_t change_ns = limit_ns - master->limit_ns;
    if (change_ns < 0)
        change_ns = -change_ns;
    if (change_ns <= master->limit_ns / TWENTIETH)
        return;
    master->limit_ns = limit_ns;
    master->limit = (struct js_announcement){(uint64_t)limit_ns, 1};
}

/* Asks for output, and sends the slaves what can be sent now. While the
 * delivery is behind, output remains with the slaves: it would only fill the
 * master's memory. */
static int master_pump(struct js_master *master, struct js_err *err)
{
    struct js_fetch fetch;
    while (js_delivery_next_fetch(master->delivery, &fetch)) {
        struct js_slave_conn *conn = &master->conns[fetch.slave];
        struct js_wire_fetch wire = {.ticket = fetch.ticket,
                                     .offset = fetch.offset,
                                     .stream = fetch.stream,
                                     .length = fetch.length};
        int rc = fetch.length > 0
                     ? js_slave_conn_post(
                           conn, JS_TAG_FETCH,
                           js_wire_pack_fetch(&conn->queue->out, &wire), err)
                     : js_slave_conn_release_output(conn, fetch.ticket, err);
        if (rc < 0)
            return -1;
    }
    uint32_t inline_max =
        js_delivery_look(master->delivery).is_behind ? 0 : JS_WIRE_INLINE;
    struct js_slave_conn *conn;
    size_t text_bytes = master->queue.text_bytes;
    while (master->queue.text_bytes - text_bytes < TEXT_MAX &&
           (conn = js_slave_conn_next(&master->queue))) {
        if (js_slave_conn_pump(conn, inline_max, err) < 0)
            return -1;
    }
    return 0;
}

/* Finds out whether the remaining jobs can run. Returns the same values as
 * master_check_progress(). */
static int master_check_rest(struct js_master *master, bool has_jobs,
                             struct js_err *err)
{
    const struct js_scheduler *scheduler = master->scheduler;
    const struct js_job *job;
    bool is_deserted = has_jobs && js_scheduler_counts(scheduler).slaves == 0;
    /* A signal has ended all slaves; the same signal is on its way to the
     * master. */
    if (is_deserted && master->was_asked) {
        master->is_interrupted = true;
        return 1;
    }
    if (is_deserted)
        return js_err_set(err, "no slave is left to run jobs");
    if (!master->has_input && js_scheduler_is_stuck(scheduler, &job))
        return js_err_set(err,
                          "job %" PRIu64 " (line %" PRIu64 ") needs more than "
                          "any remaining slave has",
                          job->id, job->line);
    return 0;
}

/* Returns 0 if the run continues, 1 if it is over, or -1 if the jobs that are
 * left cannot run. It returns one of the last two only when all ended jobs are
 * on record, unless there is no time to wait for that. */
static int master_check_progress(struct js_master *master, struct js_err *err)
{
    const struct js_scheduler *scheduler = master->scheduler;
    const struct js_scheduler_counts counts = js_scheduler_counts(scheduler);
    bool is_working = master->meeting.phase == JS_MEETING_WORKING;
    bool has_jobs = master->has_input || counts.held > 0;
    const struct js_recorder_state look =
        js_recorder_look(master->config.recorder);
    bool is_played_out =
        js_scheduler_is_stopped(scheduler)
            ? counts.assigned == 0
            : is_working && !master->has_input &&
                  (!has_jobs || js_scheduler_is_out_of_time(scheduler));
    if (master->now_ns >= master->leave_ns)
        return 1;
    /* A run that must end does not wait for files that do not answer. */
    if (js_delivery_look(master->delivery).waiting > 0 || master->must_assign ||
        look.to_come > 0 || look.is_stuck || look.is_writing)
        return look.is_stuck && counts.assigned == 0 &&
               master->now_ns >= master->quit_ns;
    if (is_played_out && look.unwritten == 0)
        return 1;
    /* While a loss is not on record, the scheduler is not asked whether the
     * lost job fails. */
    if (look.is_behind && !master->config.recorder->journal_error.text[0])
        return 0;
    return is_working ? master_check_rest(master, has_jobs, err) : 0;
}

/* A runner starts no job before it is on record: a later run must be able to
 * find out whether this run is gone, and needs to know every runner for
 * that. */
static int master_answer_runners(struct js_master *master, struct js_err *err)
{
    if (!master->has_new_runners)
        return 0;
    master->has_new_runners = false;
    for (int i = 1; i < master->link->size; i++) {
        struct js_slave_conn *conn = &master->conns[i];
        if (conn->has_new_runner &&
            js_slave_conn_post_number(conn, JS_TAG_RUNNER,
                                      conn->processes.runner, err) < 0)
            return -1;
        conn->has_new_runner = false;
    }
    return 0;
}

/* The scheduler reports a job only when it has run for a while: a record for
 * each short job would make the journal much longer. */
static void master_record_begun(void *arg, const struct js_job *job,
                                unsigned slave, int64_t begun_ns)
{
    const struct js_master *master = arg;
    js_recorder_begun(master->config.recorder, job, slave,
                      master->now_ns - begun_ns);
}

/* Counts only when a drawing is due, because there may be many turns between
 * two drawings. */
static void master_show_progress(struct js_master *master)
{
    bool has_begun = master->first_assignment_ns != JS_NEVER_NS;
    if (!js_recorder_is_show_due(master->config.recorder, master->now_ns))
        return;
    const struct js_progress progress = {
        .running = js_scheduler_counts(master->scheduler).running,
        .slots = js_scheduler_counts(master->scheduler).slots,
        .busy_slots = js_allocator_busy_slots(master->allocator),
        .is_stopping = js_scheduler_is_stopped(master->scheduler),
        .elapsed_ns =
            has_begun ? master->now_ns - master->first_assignment_ns : -1,
    };
    bool is_known;
    uint64_t total = js_source_total(master->config.source, &is_known);
    js_recorder_show(master->config.recorder, master->now_ns, progress,
                     is_known ? total : UINT64_MAX);
}

int js_master_turn(struct js_master *master, struct js_err *err)
{
    const struct js_master_config *config = &master->config;
    struct js_recorder *recorder = config->recorder;
    master->now_ns = js_link_now_ns(master->link);
    master->must_assign = false;
    js_scheduler_set_now(master->scheduler, master->now_ns);

    /* Messages from slaves, and missed heartbeats. */
    if (js_master_news_take(master, err) < 0 ||
        js_master_news_check_heartbeats(master, err) < 0)
        return -1;
    /* Before the first job: which slaves there are, and what earlier runs
     * left. */
    if (js_meeting_step(master, err) < 0)
        return -1;
    if (config->is_dry_run && master->meeting.phase == JS_MEETING_WORKING)
        return 1;
    if (master_take_jobs(master, err) < 0)
        return -1;

    /* Ended jobs are written, recorded and reported, in this order. */
    js_delivery_step(master->delivery);
    if (js_recorder_look(recorder).has_journal)
        js_scheduler_report_begun(master->scheduler, master_record_begun,
                                  master);
    enum js_stop_request asked =
        config->stop_request(config->request_arg, master->now_ns);
    recorder->is_end_awaited =
        js_scheduler_counts(master->scheduler).is_end_awaited;
    bool is_on_record = js_recorder_commit(recorder, master->now_ns);

    /* Only after that is anything new sent. */
    if (config->stop_ns != JS_NEVER_NS)
        js_scheduler_set_time_left(master->scheduler,
                                   config->stop_ns - master->now_ns);
    master_follow_request(master, asked);
    if (master_announce(master, JS_TAG_DRAIN, &master->drain, err) < 0)
        return -1;
    if (is_on_record && (master_answer_runners(master, err) < 0 ||
                         master_assign_jobs(master, err) < 0))
        return -1;
    master_update_limit(master);
    if (master_announce(master, JS_TAG_TIME_LIMIT, &master->limit, err) < 0 ||
        master_pump(master, err) < 0)
        return -1;
    master_show_progress(master);
    return master_check_progress(master, err);
}

/* ---------------------------------------------------------------- the run */

/* Returns how long a message may go unnoticed. While all slaves have work
 * queued, no slave waits for the master. If jobs are long, a two-thousandth of
 * their run time is short enough: the job that ends next has been running at
 * least since the last job began or ended. (The link cannot tell heartbeats
 * from other messages, so its own estimate does not help here.) */
static int64_t master_patience_ns(const struct js_master *master)
{
    int64_t patience = js_scheduler_lead_ns(master->scheduler) / LOOKS;
    int64_t long_ns = master->now_ns - master->event_ns;
    if (js_delivery_look(master->delivery).is_fetching)
        return 0;
    if (js_scheduler_short_ns(master->scheduler) > long_ns)
        long_ns = js_scheduler_short_ns(master->scheduler);
    long_ns /= PAUSES;
    /* The link itself waits this long anyway. */
    if (long_ns > JS_NS_PER_MS && long_ns > patience)
        patience = long_ns;
    return patience < JS_LINK_PAUSE_NS ? patience : JS_LINK_PAUSE_NS;
}

/* Returns when the next turn is due even if nothing happens. */
static int64_t master_deadline_ns(const struct js_master *master)
{
    const struct js_master_config *config = &master->config;
    int64_t until_ns = earlier_ns(
        master->leave_ns, js_recorder_look(config->recorder).deadline_ns);
    /* There is more work to do right away. */
    if (master->queue.first || master->must_assign || master->has_silent ||
        master->drain.next > 0 || master->limit.next > 0 ||
        (master_can_read(master) &&
         js_scheduler_wants_jobs(master->scheduler) &&
         !js_recorder_look(config->recorder).is_behind))
        return master->now_ns;
    if (master->is_source_later && js_source_fd(config->source) < 0)
        until_ns = earlier_ns(until_ns, master->now_ns + source_look_ns);
    if (js_recorder_look(config->recorder).has_journal)
        until_ns =
            earlier_ns(until_ns, js_scheduler_begun_due_ns(master->scheduler));
    if (master->meeting.phase != JS_MEETING_WORKING)
        until_ns = earlier_ns(until_ns, master->meeting.phase_end_ns);
    if (master->meeting.phase == JS_MEETING_QUIET)
        until_ns = earlier_ns(until_ns, master->meeting.quiet_look_ns);
    /* A longer wait would not count as time spent listening. */
    if (config->setup.lease_ns > 0 || master->meeting.phase < JS_MEETING_QUIET)
        until_ns =
            earlier_ns(until_ns, master->now_ns + JS_MASTER_LISTENING_NS);
    if (master->stop_request < JS_STOP_REQUEST_END)
        until_ns = earlier_ns(until_ns, config->stop_ns);
    return until_ns;
}

static int master_wait_for_news(struct js_master *master, struct js_err *err)
{
    struct pollfd fds[5];
    const struct js_master_config *config = &master->config;
    nfds_t count = js_recorder_wait_for(config->recorder, fds);
    int source = js_source_fd(config->source);
    if (config->lifeline)
        fds[count++] = (struct pollfd){.fd = js_lifeline_fd(config->lifeline),
                                       .events = POLLIN};
    if (master->is_source_later && source >= 0)
        fds[count++] = (struct pollfd){.fd = source, .events = POLLIN};
    return js_link_wait(master->link, fds, count, master_deadline_ns(master),
                        master_patience_ns(master), err);
}

void js_master_dismiss(struct js_link *link, enum js_leaving leaving)
{
    struct js_buf message = JS_BUF_INIT;
    js_wire_pack_number(&message, (uint64_t)leaving);
    for (int i = 1; i < link->size; i++)
        js_link_post(link, i, JS_TAG_SHUTDOWN, &message, NULL);
    js_buf_release(&message);
}

/* A job counts as left until it is on record: output that was not written by
 * the end of the run makes its job run again. */
static uint64_t master_jobs_left(const struct js_master *master,
                                 bool *ret_known)
{
    const struct js_delivery *delivery = master->delivery;
    uint64_t on_record = master->ended - js_delivery_look(delivery).waiting -
                         js_delivery_look(delivery).withheld;
    uint64_t total = js_source_total(master->config.source, ret_known);
    if (*ret_known)
        return total - on_record;
    *ret_known = !master->has_input && !master->is_input_bad;
    return master->accepted - on_record;
}

/* The order of the checks matters: a run whose jobs have all ended is done,
 * even if it was asked to stop on the way. */
static enum js_master_end master_end_of(const struct js_master *master)
{
    if (master->is_input_bad)
        return JS_MASTER_BAD_INPUT;
    if (master->config.is_dry_run)
        return JS_MASTER_DRY_RUN;
    bool is_left_known;
    if (master_jobs_left(master, &is_left_known) == 0 && is_left_known)
        return JS_MASTER_DONE;
    if (master->is_interrupted ||
        js_scheduler_is_out_of_time(master->scheduler))
        return JS_MASTER_INTERRUPTED;
    return js_scheduler_is_stopped(master->scheduler) ? JS_MASTER_STOPPED
                                                      : JS_MASTER_DONE;
}

void js_master_run(struct js_master *master, struct js_master_result *ret,
                   struct js_err *err)
{
    int rc;
    while ((rc = js_master_turn(master, err)) == 0) {
        if (master_wait_for_news(master, err) < 0) {
            rc = -1;
            break;
        }
    }
    ret->left = master_jobs_left(master, &ret->is_left_known);
    ret->slaves = master->meeting.slaves;
    ret->slots = master->meeting.slots;
    ret->lost = master->lost;
    ret->is_hurried = master->stop_request >= JS_STOP_REQUEST_HURRY;
    ret->wall_ns =
        master->first_assignment_ns == JS_NEVER_NS
            ? 0
            : js_link_now_ns(master->link) - master->first_assignment_ns;
    ret->end = rc < 0 ? JS_MASTER_BROKEN : master_end_of(master);
    if (ret->end == JS_MASTER_BAD_INPUT)
        js_err_set(err, "%s", master->input_error.text);
}

struct js_scheduler *js_master_scheduler(struct js_master *master)
{
    return master->scheduler;
}

struct js_allocator *js_master_allocator(struct js_master *master)
{
    return master->allocator;
}
