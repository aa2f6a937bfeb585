/*
 * smpi_run LIST [SLOTS] - a run of jobsched on the simulated processes of
 * SimGrid's SMPI.
 *
 * Everything is real down to the calls of MPI: the master, its recorder, the
 * slaves and the link. The jobs are those of tests/unit/fake_runner.h: a line
 * of the list gives the run time of a job. A node has 128 slots. CPU time costs
 * nothing here (tests/bench/lib_scale.c counts it); the platform file defines
 * the cost of messages.
 *
 * Rank 0 prints the result. It exits with 1 if a job is missing.
 */
#include "base/clock.h"
#include "base/heap.h"
#include "list/source.h"
#include "mpi/master.h"
#include "mpi/slave.h"

#include "smpi.h"
#include "unit/fake_runner.h"

#include <fcntl.h>
#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES_MAX = 3 };

/* The state of one process; fake_link.h has one struct for all processes. */
struct fake_net {
    struct js_link mpi; /* the real link */
    struct js_heap wakes;
    int slots;
};

/* All processes share one address space. */
static uint64_t jobs_ended;
static int64_t first_start_ns, last_end_ns;
static unsigned lines;

static void *not_null(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static bool is_earlier(const void *a, const void *b, const void *arg)
{
    (void)arg;
    return *(const int64_t *)a < *(const int64_t *)b;
}

int64_t fake_net_now_ns(const struct fake_net *net)
{
    (void)net;
    return js_clock_ns();
}

void fake_net_wake(struct fake_net *net, int number, int64_t at_ns)
{
    (void)number;
    if (at_ns != JS_NEVER_NS &&
        js_heap_put(&net->wakes, sizeof(at_ns), &at_ns, is_earlier, NULL) < 0)
        abort();
}

void fake_net_complain(struct fake_net *net, const char *what)
{
    (void)net;
    fprintf(stderr, "%s\n", what);
    abort();
}

int smpi_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *pause,
               const sigset_t *mask)
{
    (void)fds;
    (void)count;
    (void)mask;
    return nanosleep(pause, NULL);
}

static void print_line(void *arg, const char *line)
{
    (void)arg;
    if (lines++ < LINES_MAX)
        fprintf(stderr, "%.3f s: %s\n", (double)js_clock_ns() / 1e9, line);
}

static void print_error(const struct js_err *err)
{
    print_line(NULL, err->text);
}

/* ---------------------------------------------------------------- the link */

static int process_send_job(void *self, int peer, bool is_near,
                            const struct js_wire_job *job, struct js_err *err)
{
    struct fake_net *net = self;
    return js_link_send_job(&net->mpi, peer, is_near, job, err);
}

static int process_post(void *self, int peer, enum js_tag tag,
                        const void *bytes, size_t len, struct js_err *err)
{
    struct fake_net *net = self;
    return net->mpi.ops->post(net->mpi.self, peer, tag, bytes, len, err);
}

static int process_receive(void *self, struct js_message *ret,
                           struct js_err *err)
{
    struct fake_net *net = self;
    return js_link_receive(&net->mpi, ret, err);
}

/* A real runner wakes its slave through a descriptor; here the time does. */
static int process_wait(void *self, struct pollfd *fds, nfds_t count,
                        int64_t until_ns, int64_t patience_ns,
                        struct js_err *err)
{
    struct fake_net *net = self;
    int64_t at_ns;
    bool is_woken = false;
    (void)fds;
    (void)count;
    while (net->wakes.count > 0 &&
           *(int64_t *)js_heap_at(&net->wakes, sizeof(at_ns), 0) <=
               js_clock_ns())
        is_woken =
            js_heap_take(&net->wakes, sizeof(at_ns), &at_ns, is_earlier, NULL);
    if (is_woken)
        return 0;
    if (net->wakes.count > 0) {
        at_ns = *(int64_t *)js_heap_at(&net->wakes, sizeof(at_ns), 0);
        until_ns = at_ns < until_ns ? at_ns : until_ns;
    }
    return js_link_wait(&net->mpi, NULL, 0, until_ns, patience_ns, err);
}

static int64_t process_now_ns(void *self)
{
    return fake_net_now_ns(self);
}

static const struct js_link_ops process_ops = {
    .send_job = process_send_job,
    .post = process_post,
    .receive = process_receive,
    .wait = process_wait,
    .now_ns = process_now_ns,
};

static void describe_node(const struct fake_net *net, struct js_node *ret)
{
    int number = net->mpi.rank == 0
                     ? 0
                     : 1 + (net->mpi.rank - 1) * net->slots / FAKE_NODE_CORES;
    fake_runner_describe_node(ret, number);
}

/* ---------------------------------------------------------------- a slave */

static void job_started(void *arg, const struct js_runner *runner,
                        const struct js_runner_job *job)
{
    (void)arg;
    (void)runner;
    (void)job;
    if (first_start_ns == 0)
        first_start_ns = js_clock_ns();
}

static void job_ended(void *arg, const struct js_runner *runner, uint64_t id)
{
    (void)arg;
    (void)runner;
    (void)id;
    jobs_ended++;
    last_end_ns = js_clock_ns();
}

static int work_as_slave(struct fake_net *net, struct js_link *link)
{
    static const char *const environ_of_host[] = {"HOSTNAME=here", NULL};
    static struct js_topo *topo; /* one slave describes all nodes */
    struct js_err err = {""};
    struct js_runner runner;
    enum js_leaving leaving = JS_LEAVE_TOGETHER;
    if (!topo)
        topo = not_null(js_topo_new_synthetic("pack:2 core:64 pu:1", &err));
    struct js_outq *trace =
        not_null(js_outq_new(open("/dev/null", O_WRONLY | O_CLOEXEC)));
    fake_runner_init(&runner, net, link->rank);
    runner.started = job_started;
    runner.ended = job_ended;
    struct js_slave_config config = {.topo = topo,
                                     .runner_ops = &fake_runner_ops,
                                     .runner = &runner,
                                     .trace = trace,
                                     .environ = environ_of_host,
                                     .tmpdir = "/tmp"};
    describe_node(net, &config.node);
    struct js_slave *slave = not_null(js_slave_new(&config, link));
    int rc = js_slave_run(slave, &leaving, &err);
    if (rc < 0)
        print_error(&err);
    js_slave_free(slave);
    fake_runner_release(&runner);
    int fd = js_outq_fd(trace);
    js_outq_free(trace);
    close(fd);
    return rc;
}

/* ---------------------------------------------------------------- the master
 */

static enum js_stop_request nothing_requested(void *arg, int64_t now_ns)
{
    (void)arg;
    (void)now_ns;
    return JS_STOP_REQUEST_NONE;
}

static int work_as_master(struct fake_net *net, struct js_link *link,
                          const char *list)
{
    struct js_err err = {""};
    struct js_recorder recorder = {0};
    struct js_master_result result = {0};
    struct js_outq *out =
        not_null(js_outq_new(open("/dev/null", O_WRONLY | O_CLOEXEC)));
    struct js_source *source =
        js_source_new_file(&(struct js_list_config){.path = list}, &err);
    if (!source) {
        print_error(&err);
        return -1;
    }
    const struct js_recorder_config recorder_config = {
        .out = out, .err = out, .graph = js_source_graph(source)};
    if (js_recorder_open(&recorder, &recorder_config) < 0)
        abort();
    struct js_master_config config = {
        .scheduler = {.round_size = 10},
        .setup = {.slots = (uint32_t)net->slots,
                  .lease_ns = 60 * JS_NS_PER_S,
                  .settings = {.bind = true,
                               .capture = JS_CAPTURE_SPOOL,
                               .umask = 022,
                               .spool_limit_bytes = UINT64_C(1) << 30,
                               .grace_ns = 5 * JS_NS_PER_S,
                               .cwd = "/"},
                  .environ = "A=1",
                  .environ_len = sizeof("A=1")},
        .stop_ns = JS_NEVER_NS,
        .meeting_ns = 60 * JS_NS_PER_S,
        .source = source,
        .recorder = &recorder,
        .log = {print_line, NULL},
        .stop_request = nothing_requested,
    };
    describe_node(net, &config.node);
    struct js_master *master = not_null(js_master_new(&config, link));
    int64_t began_ns = js_clock_ns();
    js_master_run(master, &result, &err);
    js_master_dismiss(link, JS_LEAVE_TOGETHER);
    printf("%d slaves of %d slots: first job after %.3f s, %" PRIu64
           " jobs in %.3f s, %u slaves lost\n",
           link->size - 1, net->slots,
           (double)(first_start_ns - began_ns) / 1e9, jobs_ended,
           (double)(last_end_ns - first_start_ns) / 1e9, result.lost);
    bool is_good = result.end == JS_MASTER_DONE && result.lost == 0 &&
                   result.is_left_known && result.left == 0;
    if (!is_good)
        printf("went wrong: %s\n", err.text);
    js_master_free(master);
    js_recorder_release(&recorder);
    js_source_free(source);
    return is_good ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct js_err err = {""};
    if (argc < 2)
        return 2;
    struct fake_net *net = not_null(calloc(1, sizeof(*net)));
    net->slots = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
    MPI_Init(&argc, &argv);
    if (js_link_open(&net->mpi, &err) < 0) {
        print_error(&err);
        abort();
    }
    struct js_link link = {&process_ops, net, net->mpi.rank, net->mpi.size};
    int rc = link.rank == 0 ? work_as_master(net, &link, argv[1])
                            : work_as_slave(net, &link);
    if (js_link_drain(&net->mpi, js_clock_ns() + 60 * JS_NS_PER_S, &err) < 0) {
        print_error(&err);
        rc = -1;
    }
    js_link_close(&net->mpi);
    free(net->wakes.elements);
    free(net);
    MPI_Finalize();
    return rc < 0 ? 1 : 0;
}
