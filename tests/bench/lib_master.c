/*
 * lib_master N|FILE [SLAVES [JOBLOG [CORES]]] - a master runs N jobs, or those
 * of a list, on slaves; neither jobs nor slaves take any time, so only the
 * master's own cost remains. It is for tools that count instructions; a link in
 * memory answers each message at once. CORES is the number of cores, and of
 * slaves, of a node (default 1); JOBLOG "" means none.
 */
#include "base/clock.h"
#include "base/outq.h"
#include "base/units.h"
#include "list/source.h"
#include "mpi/master.h"
#include "record/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What the slaves have said, a queue of whole messages. */
struct answer {
    struct answer *next;
    int peer;
    enum js_tag tag;
    struct js_buf body;
};

struct loopback {
    struct answer *first, **last;
    struct answer *taken;
    uint64_t *jobs; /* taken in, by peer */
    int cores;      /* of each node */
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
    struct answer *said = not_null(calloc(1, sizeof(*said)));
    said->peer = peer;
    said->tag = tag;
    *link->last = said;
    link->last = &said->next;
    return &said->body;
}

static void end_job(struct loopback *link, struct js_buf *done, int peer,
                    const struct js_wire_job *job)
{
    struct js_wire_done ended = {
        .ticket = job->ticket,
        .jobs = ++link->jobs[peer],
        .outcome = {.start_unix_ns = INT64_C(1700000000123456789),
                    .user_cpu_ns = 1234 * JS_NS_PER_MS,
                    .system_cpu_ns = 30 * JS_NS_PER_MS,
                    .max_rss_bytes = 12345678}};
    js_wire_pack_done(done, &ended);
}

static int send_job(void *self, int peer, bool is_near,
                    const struct js_wire_job *job, struct js_err *err)
{
    (void)is_near;
    (void)err;
    end_job(self, answer(self, peer, JS_TAG_DONE), peer, job);
    return 0;
}

static void end_jobs(struct loopback *link, int peer, const void *bytes,
                     size_t len)
{
    struct js_cursor cursor = js_cursor_of(bytes, len);
    struct js_buf *done = answer(link, peer, JS_TAG_DONE);
    struct js_wire_job job;
    const char *text;
    while (cursor.left > 0 && js_wire_unpack_job(&cursor, &job, &text) == 0)
        end_job(link, done, peer, &job);
}

static void get_ready(struct loopback *link, int peer)
{
    uint32_t home = (uint32_t)(peer % link->cores);
    struct js_wire_ready ready = {.slots = 1, .homes = &home};
    js_cpuset_add(&ready.home, home);
    js_wire_pack_ready(answer(link, peer, JS_TAG_READY), &ready);
}

static void describe_node(struct loopback *link, int peer)
{
    struct js_resources resources = {0};
    for (int i = 0; i < link->cores; i++) {
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
        end_jobs(link, peer, bytes, len);
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

static void drop(struct answer *said)
{
    if (!said)
        return;
    js_buf_release(&said->body);
    free(said);
}

static int receive(void *self, struct js_message *ret, struct js_err *err)
{
    struct loopback *link = self;
    struct answer *said = link->first;
    (void)err;
    drop(link->taken);
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
    (void)fds;
    (void)count;
    (void)until_ns;
    (void)patience_ns;
    (void)err;
    link->now_ns += JS_NS_PER_MS;
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

/* ---------------------------------------------------------------- a recorder
 * In the place of the library's, one that costs nothing. */

void js_recorder_finished(struct js_recorder *recorder,
                          const struct js_completion *completion)
{
    if (recorder->joblog)
        js_joblog_add(recorder->joblog, completion);
    recorder->recorded_fn(recorder->recorded_arg, completion);
    js_job_free(completion->job);
}

void js_recorder_dispatched(struct js_recorder *recorder,
                            const struct js_job *job)
{
    (void)recorder;
    (void)job;
}

void js_recorder_enlisted(struct js_recorder *recorder, unsigned slave,
                          uint32_t slots, const char *host,
                          const struct js_process_pair *processes)
{
    (void)recorder;
    (void)slave;
    (void)slots;
    (void)host;
    (void)processes;
}

void js_recorder_restarted(struct js_recorder *recorder, unsigned slave,
                           const struct js_process_pair *processes)
{
    (void)recorder;
    (void)slave;
    (void)processes;
}

void js_recorder_parted(struct js_recorder *recorder, unsigned slave)
{
    (void)recorder;
    (void)slave;
}

void js_recorder_begun(struct js_recorder *recorder, const struct js_job *job,
                       unsigned slave, int64_t age_ns)
{
    (void)recorder;
    (void)job;
    (void)slave;
    (void)age_ns;
}

void js_recorder_lost(struct js_recorder *recorder, const struct js_job *job,
                      unsigned slave)
{
    (void)recorder;
    (void)job;
    (void)slave;
}

bool js_recorder_commit(struct js_recorder *recorder, int64_t now_ns)
{
    (void)now_ns;
    if (recorder->joblog)
        js_joblog_flush(recorder->joblog, NULL);
    return true;
}

bool js_recorder_is_quiet(const struct js_recorder *recorder)
{
    (void)recorder;
    return true;
}

bool js_recorder_is_cut(struct js_recorder *recorder)
{
    (void)recorder;
    return false;
}

bool js_recorder_is_show_due(struct js_recorder *recorder, int64_t now_ns)
{
    (void)recorder;
    (void)now_ns;
    return false;
}

void js_recorder_show(struct js_recorder *recorder, int64_t now_ns,
                      struct js_progress progress, uint64_t total)
{
    (void)recorder;
    (void)now_ns;
    (void)progress;
    (void)total;
}

struct js_recorder_state js_recorder_look(const struct js_recorder *recorder)
{
    (void)recorder;
    return (struct js_recorder_state){.deadline_ns = JS_NEVER_NS};
}

nfds_t js_recorder_wait_for(const struct js_recorder *recorder,
                            struct pollfd *fds)
{
    (void)recorder;
    (void)fds;
    return 0;
}

/* ---------------------------------------------------------------- the run */

static void say_hello(struct loopback *link, int peer)
{
    struct js_wire_hello hello = {.version = JS_WIRE_VERSION};
    snprintf(hello.node.host, sizeof(hello.node.host), "n%d",
             peer / link->cores);
    hello.node.boot_id = (uint64_t)(peer / link->cores);
    for (int i = 0; i < link->cores; i++)
        js_cpuset_add(&hello.node.cpus, (unsigned)i);
    js_wire_pack_hello(answer(link, peer, JS_TAG_HELLO), &hello);
}

static void print_line(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "%s\n", line);
}

static struct js_source *open_source(const char *jobs)
{
    struct js_err err = {""};
    uint64_t count;
    if (js_parse_count(jobs, &count) == 0)
        return not_null(js_source_new_demo(count, 0, NULL));
    struct js_source *source = js_source_new_file(
        &(struct js_list_config){
            .path = jobs,
            .sink =
                &(struct js_warnings_sink){.report = print_line, .arg = NULL}},
        &err);
    if (!source)
        fprintf(stderr, "%s\n", err.text);
    return not_null(source);
}

static int run_jobs(const char *jobs, int slaves, const char *joblog, int cores)
{
    struct js_err err = {""};
    struct js_master_result result;
    struct loopback loopback = {
        .last = &loopback.first, .now_ns = JS_NS_PER_S, .cores = cores};
    struct js_log log = {print_line, NULL};
    struct js_link link = {&ops, &loopback, 0, slaves + 1};
    struct js_outq *out = not_null(js_outq_new(STDOUT_FILENO));
    struct js_outq *err_out = not_null(js_outq_new(STDERR_FILENO));
    struct js_recorder recorder = {
        .delivery = not_null(js_delivery_new(out, err_out, &log))};
    if (joblog[0])
        recorder.joblog = not_null(js_joblog_open(joblog, -1, false, &err));
    struct js_master_config config = {
        .scheduler = {.round_size = 10},
        .setup = {.slots = 1, .settings = {.cwd = "/"}},
        .meeting_ns = JS_NS_PER_S,
        .stop_ns = JS_NEVER_NS,
        .source = open_source(jobs),
        .recorder = &recorder,
        .log = log,
        .stop_request = nothing_requested,
    };
    loopback.jobs = not_null(calloc((size_t)slaves + 1, sizeof(uint64_t)));
    for (int i = 1; i <= slaves; i++)
        say_hello(&loopback, i);
    struct js_master *master = not_null(js_master_new(&config, &link));
    js_master_run(master, &result, &err);
    if (err.text[0])
        fprintf(stderr, "%s\n", err.text);
    js_master_free(master);
    js_joblog_close(recorder.joblog, NULL);
    js_delivery_free(recorder.delivery);
    js_source_free(config.source);
    js_outq_free(err_out);
    js_outq_free(out);
    return result.end == JS_MASTER_DONE && result.left == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    return run_jobs(argv[1], argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2,
                    argc > 3 ? argv[3] : "",
                    argc > 4 ? (int)strtol(argv[4], NULL, 10) : 1);
}
