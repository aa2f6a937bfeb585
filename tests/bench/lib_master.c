/*
 * lib_master [OPTION]... N|FILE - a master runs N jobs, or those of a list.
 *
 * Only the master's own cost remains: a link in memory answers for the slaves.
 * It is for tools that count instructions.
 *
 *     -s SLAVES   2 by default
 *     -c SLOTS    of each slave, 1 by default
 *     -n SLAVES   of each node, 1 by default
 *     -m COUNT    in each turn of the master as many jobs end, one message
 *                 each, once all slots are full; without -m all jobs end at
 *                 once, and those that came together are reported together
 *     -j JOURNAL  which must not exist
 *     -l JOBLOG
 *     -w          a worker writes them
 */
#include "base/clock.h"
#include "base/outq.h"
#include "base/units.h"
#include "list/source.h"
#include "mpi/master.h"
#include "record/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    const char *jobs; /* their number, or a list */
    int slaves;
    uint32_t slots;
    int on_a_node; /* slaves */
    size_t ends;   /* jobs that end in a turn; 0: all */
    const char *journal, *joblog;
    bool has_worker;
};

/* What the slaves have said, a queue of whole messages. */
struct answer {
    struct answer *next;
    int peer;
    enum js_tag tag;
    struct js_buf body;
};

/* A job that a slave has not ended yet. */
struct held {
    int peer;
    uint64_t ticket;
    int64_t sent_ns;
};

struct loopback {
    const struct options *options;
    struct answer *first, **last;
    struct answer *taken;
    struct answer *spare; /* so that the master has the heap for itself */
    uint64_t *jobs, *acknowledged; /* taken in, by peer */
    struct held *held;             /* in the order in which they were sent */
    size_t held_first, held_end, held_room;
    bool has_new; /* jobs were sent since the last wait */
    int64_t now_ns;
};

static void *not_null(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static struct js_buf *answer(struct loopback *link, int peer, enum js_tag tag)
{
    struct answer *said = link->spare;
    if (said)
        link->spare = said->next;
    else
        said = not_null(calloc(1, sizeof(*said)));
    said->next = NULL;
    said->peer = peer;
    said->tag = tag;
    *link->last = said;
    link->last = &said->next;
    return &said->body;
}

static void end_job(struct loopback *link, struct js_buf *done,
                    const struct held *job)
{
    link->acknowledged[job->peer] = link->jobs[job->peer];
    struct js_wire_done ended = {
        .ticket = job->ticket,
        .jobs = link->jobs[job->peer],
        .outcome = {.start_unix_ns = INT64_C(1700000000123456789),
                    .run_ns = link->now_ns - job->sent_ns,
                    .user_cpu_ns = 1234 * JS_NS_PER_MS,
                    .system_cpu_ns = 30 * JS_NS_PER_MS,
                    .max_rss_bytes = 12345678}};
    js_wire_pack_done(done, &ended);
}

static void hold_job(struct loopback *link, const struct held *job)
{
    if (link->held_end == link->held_room && link->held_first > 0) {
        link->held_end -= link->held_first;
        memmove(link->held, link->held + link->held_first,
                link->held_end * sizeof(*link->held));
        link->held_first = 0;
    }
    if (link->held_end == link->held_room) {
        link->held_room = 4 * link->held_room + 1024;
        link->held = not_null(
            realloc(link->held, link->held_room * sizeof(*link->held)));
    }
    link->held[link->held_end++] = *job;
    link->has_new = true;
}

/* Some jobs end, in the order in which they were sent; but first all slots must
 * be full. */
static void end_held(struct loopback *link)
{
    const struct options *options = link->options;
    size_t slots = (size_t)options->slaves * options->slots;
    bool has_new = link->has_new;
    link->has_new = false;
    if (has_new && link->held_end - link->held_first < slots)
        return;
    for (size_t i = 0; i < options->ends && link->held_first < link->held_end;
         i++) {
        const struct held *job = &link->held[link->held_first++];
        end_job(link, answer(link, job->peer, JS_TAG_DONE), job);
    }
}

/* As a slave does that cannot report an end soon. */
static void acknowledge(struct loopback *link, int peer)
{
    enum { MANY = 8 };
    if (link->jobs[peer] - link->acknowledged[peer] < MANY)
        return;
    link->acknowledged[peer] = link->jobs[peer];
    struct js_wire_ack ack = {.jobs = link->jobs[peer]};
    js_wire_pack_ack(answer(link, peer, JS_TAG_ACK), &ack);
}

static int send_job(void *self, int peer, bool is_near,
                    const struct js_wire_job *job, struct js_err *err)
{
    struct loopback *link = self;
    const struct held held = {peer, job->ticket, link->now_ns};
    (void)is_near;
    (void)err;
    link->jobs[peer]++;
    if (link->options->ends == 0) {
        end_job(link, answer(link, peer, JS_TAG_DONE), &held);
        return 0;
    }
    hold_job(link, &held);
    acknowledge(link, peer);
    return 0;
}

static void take_jobs(struct loopback *link, int peer, const void *bytes,
                      size_t len)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    bool is_done = link->options->ends == 0;
    struct js_buf *done = is_done ? answer(link, peer, JS_TAG_DONE) : NULL;
    struct js_wire_job job;
    const char *text;
    while (cursor.left > 0 && js_wire_unpack_job(&cursor, &job, &text) == 0) {
        const struct held held = {peer, job.ticket, link->now_ns};
        link->jobs[peer]++;
        if (is_done)
            end_job(link, done, &held);
        else
            hold_job(link, &held);
    }
    acknowledge(link, peer);
}

/* Cores of a node. */
static int cores_of(const struct options *options)
{
    return options->on_a_node * (int)options->slots;
}

static void get_ready(struct loopback *link, int peer)
{
    const struct options *options = link->options;
    uint32_t first =
        (uint32_t)((peer - 1) % options->on_a_node) * options->slots;
    struct js_wire_ready ready = {.slots = options->slots};
    ready.homes = not_null(calloc(options->slots, sizeof(*ready.homes)));
    for (uint32_t i = 0; i < options->slots; i++) {
        ready.homes[i] = first + i;
        js_cpuset_add(&ready.home, first + i);
    }
    js_wire_pack_ready(answer(link, peer, JS_TAG_READY), &ready);
    free(ready.homes);
}

static void describe_node(struct loopback *link, int peer)
{
    struct js_resources resources = {0};
    for (int i = 0; i < cores_of(link->options); i++) {
        struct js_cpuset core = {{0}};
        js_cpuset_add(&core, (unsigned)i);
        js_resources_add_core(&resources, &core, 0, 0);
    }
    js_resources_pack(answer(link, peer, JS_TAG_NODE), &resources);
    js_resources_release(&resources);
}

static int post(void *self, int peer, enum js_tag tag, const void *bytes,
                size_t len, struct js_err *err)
{
    struct loopback *link = self;
    (void)err;
    if (tag == JS_TAG_JOBS)
        take_jobs(link, peer, bytes, len);
    if (tag == JS_TAG_RECALL)
        js_wire_pack_returned(answer(link, peer, JS_TAG_RETURNED), true, NULL,
                              0);
    if (tag == JS_TAG_DESCRIBE)
        describe_node(link, peer);
    if (tag == JS_TAG_SETUP)
        get_ready(link, peer);
    if (tag == JS_TAG_TEXT) {
        struct js_wire_ack ack = {.text_bytes = len};
        js_wire_pack_ack(answer(link, peer, JS_TAG_ACK), &ack);
    }
    return 0;
}

static int receive(void *self, struct js_message *ret, struct js_err *err)
{
    struct loopback *link = self;
    struct answer *said = link->first;
    (void)err;
    if (link->taken) {
        link->taken->body.len = 0;
        link->taken->next = link->spare;
        link->spare = link->taken;
    }
    link->taken = said;
    if (!said)
        return 0;
    link->first = said->next;
    if (!link->first)
        link->last = &link->first;
    *ret = (struct js_message){said->peer, said->tag, said->body.data,
                               said->body.len};
    return 1;
}

/* There is no lease. */
static int receive_beat(void *self, struct js_message *ret, struct js_err *err)
{
    (void)self;
    (void)ret;
    (void)err;
    return 0;
}

static int wait_link(void *self, struct pollfd *fds, nfds_t count,
                     int64_t until_ns, int64_t patience_ns, struct js_err *err)
{
    struct loopback *link = self;
    (void)until_ns;
    (void)patience_ns;
    (void)err;
    if (link->options->has_worker)
        poll(fds, count, 1);
    link->now_ns += JS_NS_PER_MS;
    end_held(link);
    return 0;
}

static int64_t loopback_now_ns(void *self)
{
    return ((struct loopback *)self)->now_ns;
}

static const struct js_link_ops ops = {
    send_job, post, receive, receive_beat, wait_link, loopback_now_ns};

static enum js_stop_request nothing_requested(void *arg, int64_t now_ns)
{
    (void)arg;
    (void)now_ns;
    return JS_STOP_REQUEST_NONE;
}

/* ---------------------------------------------------------------- the run */

static void say_hello(struct loopback *link, int peer)
{
    int node = (peer - 1) / link->options->on_a_node;
    struct js_wire_hello hello = {.version = JS_WIRE_VERSION};
    snprintf(hello.node.host, sizeof(hello.node.host), "n%d", node);
    hello.node.boot_id = (uint64_t)node + 1;
    for (int i = 0; i < cores_of(link->options); i++)
        js_cpuset_add(&hello.node.cpus, (unsigned)i);
    js_wire_pack_hello(answer(link, peer, JS_TAG_HELLO), &hello);
}

static void print_line(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "%s\n", line);
}

static void give_up(const struct js_err *err)
{
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

/* What a run is made of. */
struct run {
    const struct options *options;
    struct loopback loopback;
    struct js_link link;
    struct js_outq *out, *err;
    struct js_worker *worker;
    struct js_registry *registry;
    struct js_resume resume;
    struct js_joblog *joblog;
    struct js_source *source;
    struct js_recorder recorder;
};

static bool never_leave(void *arg, int64_t ns)
{
    (void)arg;
    (void)ns;
    return false;
}

static int record_news(void *arg, const struct js_resume_news *news)
{
    struct run *run = arg;
    return js_journal_add_news(run->recorder.journal, news);
}

static void open_files(struct run *run, const struct js_log *log)
{
    const struct options *options = run->options;
    struct js_journal *journal = NULL;
    struct js_err err = {""};
    if (options->has_worker)
        run->worker = not_null(js_worker_new(never_leave, NULL));
    struct js_journal_config config = {.path = options->journal,
                                       .host = "here",
                                       .sync_ns = JS_NS_PER_S,
                                       .worker = run->worker,
                                       .log = *log};
    if (options->journal) {
        run->registry = not_null(js_registry_new());
        js_resume_init(&run->resume, run->registry, JS_RESUME_ALL, record_news,
                       run);
        if (js_journal_open(&config, run->registry, &journal, &err) < 0)
            give_up(&err);
    }
    if (options->joblog) {
        run->joblog = js_joblog_open(options->joblog, -1, false, &err);
        if (!run->joblog)
            give_up(&err);
        js_joblog_write_by(run->joblog, run->worker);
    }
    const struct js_recorder_config recorder = {.worker = run->worker,
                                                .out = run->out,
                                                .err = run->err,
                                                .joblog = run->joblog,
                                                .registry = run->registry};
    if (js_recorder_open(&run->recorder, &recorder) < 0)
        abort();
    run->recorder.journal = journal;
}

static void open_source(struct run *run)
{
    uint64_t count;
    const char *jobs = run->options->jobs;
    struct js_resume *resume = run->registry ? &run->resume : NULL;
    const struct js_warnings_sink sink = {.report = print_line};
    const struct js_list_config config = {
        .path = jobs, .resume = resume, .sink = &sink};
    struct js_err err = {""};
    run->source = js_parse_count(jobs, &count) == 0
                      ? js_source_new_demo(count, 0, resume)
                      : js_source_new_file(&config, &err);
    if (!run->source)
        give_up(&err);
    if (run->registry && js_journal_begin(run->recorder.journal, &err) < 0)
        give_up(&err);
}

static void close_files(struct run *run)
{
    js_worker_await(run->worker);
    js_journal_close(run->recorder.journal);
    js_joblog_close(run->joblog, NULL);
    js_recorder_release(&run->recorder);
    js_source_free(run->source);
    js_worker_free(run->worker);
    js_registry_free(run->registry);
    js_outq_free(run->err);
    js_outq_free(run->out);
    for (struct answer *said; (said = run->loopback.spare);) {
        run->loopback.spare = said->next;
        js_buf_release(&said->body);
        free(said);
    }
    free(run->loopback.jobs);
    free(run->loopback.acknowledged);
    free(run->loopback.held);
}

static int run_jobs(const struct options *options)
{
    static struct run run;
    struct loopback *loopback = &run.loopback;
    struct js_err err = {""};
    struct js_master_result result;
    struct js_log log = {print_line, NULL};
    run.options = options;
    *loopback = (struct loopback){
        .options = options, .last = &loopback->first, .now_ns = JS_NS_PER_S};
    run.link = (struct js_link){&ops, loopback, 0, options->slaves + 1};
    run.out = not_null(js_outq_new(STDOUT_FILENO));
    run.err = not_null(js_outq_new(STDERR_FILENO));
    open_files(&run, &log);
    open_source(&run);
    struct js_master_config config = {
        .scheduler = {.round_size = 10},
        .setup = {.slots = options->slots, .settings = {.cwd = "/"}},
        .meeting_ns = JS_NS_PER_S,
        .stop_ns = JS_NEVER_NS,
        .source = run.source,
        .recorder = &run.recorder,
        .log = log,
        .stop_request = nothing_requested,
    };
    size_t ranks = (size_t)options->slaves + 1;
    loopback->jobs = not_null(calloc(ranks, sizeof(uint64_t)));
    loopback->acknowledged = not_null(calloc(ranks, sizeof(uint64_t)));
    for (int i = 1; i <= options->slaves; i++)
        say_hello(loopback, i);
    struct js_master *master = not_null(js_master_new(&config, &run.link));
    js_master_run(master, &result, &err);
    if (err.text[0])
        fprintf(stderr, "%s\n", err.text);
    js_master_free(master);
    close_files(&run);
    return result.end == JS_MASTER_DONE && result.left == 0 ? 0 : 1;
}

static int number_of(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

int main(int argc, char **argv)
{
    struct options options = {.slaves = 2, .slots = 1, .on_a_node = 1};
    for (int option; (option = getopt(argc, argv, "s:c:n:m:j:l:w")) >= 0;) {
        switch (option) {
        case 's':
            options.slaves = number_of(optarg);
            break;
        case 'c':
            options.slots = (uint32_t)number_of(optarg);
            break;
        case 'n':
            options.on_a_node = number_of(optarg);
            break;
        case 'm':
            options.ends = (size_t)number_of(optarg);
            break;
        case 'j':
            options.journal = optarg;
            break;
        case 'l':
            options.joblog = optarg;
            break;
        case 'w':
            options.has_worker = true;
            break;
        default:
            return 2;
        }
    }
    if (optind + 1 != argc)
        return 2;
    options.jobs = argv[optind];
    return run_jobs(&options);
}
