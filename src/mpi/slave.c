#include "mpi/slave.h"

#include "base/clock.h"
#include "base/fdio.h"
#include "mpi/slave_setup.h"
#include "node/orphans.h"
#include "node/spool.h"
#include "sched/scheduler.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long a message may lie unseen while all slots are at work: LOOKS in the
 * time for which there is work ahead, between this and JS_LINK_PAUSE_NS. */
static const int64_t patience_least_ns = JS_NS_PER_MS / 2;
enum { LOOKS = 4, RUN_TIME_WEIGHT = 8 };

/* The same while there is none ahead: LONG_LOOKS in the time that they have
 * been at work, up to this. */
static const int64_t patience_alone_ns = 100 * JS_NS_PER_MS;
enum { LONG_LOOKS = 400 };

/* How long a passing lack of processes, descriptors or disk may last. */
static const int64_t retry_ns = 30 * JS_NS_PER_S;

/* Beats in a lease. */
enum { BEATS = 6 };

/* A turn that took longer was not spent listening. */
static const int64_t listening_most_ns = 100 * JS_NS_PER_MS;

enum {
    AHEAD_MAX = 2 * JS_SCHEDULER_CREDIT, /* beyond its slots; more than a master
                                       ever sends */
    ACK_EVERY = JS_WIRE_JOBS_SENT / 2,
    TRACE_MAX = 1024 * 1024, /* bytes that wait for a reader; more is dropped */
    BARREN_MAX = 3, /* runners lost one after the other without a job */
    NAMED_MAX = 5,  /* jobs in a message */
};

/* How often it is looked whether the runner was stopped. */
static const int64_t look_at_runner_ns = JS_NS_PER_S / 2;

/* A job that waits to be started. */
struct order {
    bool is_handed; /* the runner has it, and starts it when a slot is free */
    bool is_ended;  /* the master wants it to end: it is not started */
    struct js_wire_job
        wire;   /* slot: JS_SCHEDULER_SLOT_NEXT until one is free */
    char *text; /* owned; its text, with a NUL, if wire.text has no room */
};

struct slot {
    bool is_taken; /* by an order, or the job that runs */
    bool is_busy;
    bool is_simulated;
    uint64_t id;
    uint64_t ticket;
    uint32_t inline_max;
    int64_t begun_ns;
    int64_t end_ns;            /* of a simulated job */
    struct js_outcome outcome; /* of a simulated job */
};

struct js_slave {
    struct js_slave_config config;
    struct js_link *link;
    struct js_spool *spool;
    struct js_orphans *orphans; /* that are being ended; or NULL */
    int64_t orphans_ns;         /* when to look at them again */
    unsigned barren;    /* runners lost without a job since one had any */
    bool is_restarting; /* its runner is new, and not yet READY, */
    bool is_unrecorded; /* ... or not yet on the master's record */
    bool is_beat_unanswered;
    struct js_slave_setup_share share;
    struct slot *slots;
    uint32_t slot_count, busy_count, simulated_count;
    /* Slots that became free, in that order: jobs without a slot of their own
     * take them over (sched/scheduler.h). */
    uint32_t *freed;
    uint32_t freed_count;
    struct order *queue; /* a ring */
    unsigned queue_size, queue_head, queue_count;
    unsigned handed;       /* the first so many of them */
    bool is_recalling;     /* the runner is asked to hand them back */
    bool has_recall;       /* ... as the master has asked for jobs, */
    uint64_t recall_count; /* so many at most */
    int64_t run_ns;        /* how long jobs ran lately, on average */
    int64_t freed_ns;      /* when a slot was last free: since then they wait */
    uint64_t jobs_taken, jobs_acknowledged; /* since the start */
    uint64_t text_taken, releases_taken;
    bool must_acknowledge;      /* at the end of this turn: texts, releases */
    bool must_acknowledge_jobs; /* ... jobs, unless a DONE has done so */
    bool is_set_up, is_retired, is_stopped;
    uint64_t stopped_ticket; /* of a job that was named for a stopped runner */
    int64_t looked_ns;       /* when it was looked whether it is stopped */
    bool is_ending;          /* nothing more is started: what comes goes back */
    enum js_stop_request stop_request; /* that was followed */
    enum js_leaving leaving;           /* as STOP has said */
    int64_t grace_ns;                  /* of its jobs */
    int64_t lease_ns;                  /* 0: none */
    int64_t limit_ns;   /* of jobs without a timeout of their own */
    int64_t leased_ns;  /* the runner's jobs may run until then */
    int64_t beat_ns;    /* when the last beat was sent (READY is one) */
    uint64_t beat;      /* its number; 0: READY was not sent */
    int64_t silence_ns; /* of the master, while this one listened */
    int64_t turn_ns;    /* when the last turn began */
    bool is_traced;
    bool is_bound;
    bool is_captured;    /* the runner hands over output */
    bool has_events;     /* the runner has something to tell */
    int64_t asked_ns;    /* when it was asked last */
    struct js_buf text;  /* pieces so far */
    struct js_buf setup; /* as it came */
    struct js_buf out;   /* a message being packed */
    struct js_buf done;  /* a DONE that waits for the end of the turn */
    struct js_buf back;  /* uint64_t tickets of a BACK */
    struct js_buf chunk; /* output being read */
    int64_t now_ns;
};

/* ---------------------------------------------------------------- life */

struct js_slave *js_slave_new(const struct js_slave_config *config,
                              struct js_link *link)
{
    struct js_slave *slave = calloc(1, sizeof(*slave));
    if (!slave)
        return NULL;
    slave->config = *config;
    slave->link = link;
    return slave;
}

static struct order *queue_at(struct js_slave *slave, unsigned i)
{
    return &slave->queue[(slave->queue_head + i) % slave->queue_size];
}

void js_slave_free(struct js_slave *slave)
{
    if (!slave)
        return;
    int saved = errno;
    for (unsigned i = 0; i < slave->queue_count; i++)
        free(queue_at(slave, i)->text);
    js_spool_free(slave->spool);
    js_orphans_free(slave->orphans);
    free(slave->queue);
    free(slave->slots);
    free(slave->freed);
    js_slave_setup_share_release(&slave->share);
    js_buf_release(&slave->text);
    js_buf_release(&slave->setup);
    js_buf_release(&slave->out);
    js_buf_release(&slave->done);
    js_buf_release(&slave->back);
    js_buf_release(&slave->chunk);
    free(slave);
    errno = saved;
}

static int slave_no_memory(struct js_err *err)
{
    return js_err_set(err, "the slave has no memory left");
}

/* What has ended in this turn. */
static int flush_done(struct js_slave *slave, struct js_err *err)
{
    if (slave->done.len == 0)
        return 0;
    int rc = js_link_post(slave->link, 0, JS_TAG_DONE, &slave->done, err);
    slave->done.len = 0;
    return rc;
}

/* Sends what was packed into slave->out; `packed` is what packing it said. What
 * has happened before is told before. */
static int slave_send_packed(struct js_slave *slave, enum js_tag tag,
                             int packed, struct js_err *err)
{
    int rc = packed < 0 ? slave_no_memory(err) : flush_done(slave, err);
    if (rc == 0)
        rc = js_link_post(slave->link, 0, tag, &slave->out, err);
    slave->out.len = 0;
    return rc;
}

static int send_note(struct js_slave *slave, const char *text,
                     struct js_err *err)
{
    return slave_send_packed(slave, JS_TAG_NOTE, js_buf_puts(&slave->out, text),
                             err);
}

static int send_bye(struct js_slave *slave, enum js_parting why,
                    struct js_err *err)
{
    return slave_send_packed(slave, JS_TAG_GOODBYE,
                             js_wire_pack_number(&slave->out, (uint64_t)why),
                             err);
}

/* ---------------------------------------------------------------- the lease */

/* The master knows that this slave was there at `from_ns`. */
static void renew_lease(struct js_slave *slave, int64_t from_ns)
{
    slave->silence_ns = 0;
    slave->is_beat_unanswered = false;
    /* A runner that is gone is found out when it is asked for news. */
    slave->leased_ns = from_ns + slave->lease_ns;
    if (!slave->is_retired)
        slave->config.runner_ops->lease(slave->config.runner, slave->leased_ns);
}

/* READY has been sent. */
static void begin_lease(struct js_slave *slave)
{
    slave->beat = 1;
    slave->beat_ns = slave->now_ns;
    if (slave->lease_ns > 0)
        renew_lease(slave, slave->now_ns);
}

static int64_t next_beat_ns(const struct js_slave *slave)
{
    bool is_due =
        slave->lease_ns > 0 && slave->beat > 0 && !slave->is_beat_unanswered;
    return is_due ? slave->beat_ns + slave->lease_ns / BEATS : JS_NEVER_NS;
}

static int send_beat(struct js_slave *slave, struct js_err *err)
{
    if (slave->now_ns < next_beat_ns(slave))
        return 0;
    slave->beat++;
    slave->beat_ns = slave->now_ns;
    slave->is_beat_unanswered = true;
    return slave_send_packed(
        slave, JS_TAG_BEAT, js_wire_pack_number(&slave->out, slave->beat), err);
}

static int slave_take_beat(struct js_slave *slave,
                           const struct js_message *message, struct js_err *err)
{
    uint64_t number;
    if (js_wire_unpack_number(message->bytes, message->len, &number) < 0)
        return js_err_set(err, "the master sent a bad BEAT");
    if (number == slave->beat && slave->is_beat_unanswered)
        renew_lease(slave, slave->beat_ns);
    return 0;
}

/* Its jobs have been ended by then. The silence counts only as far as this
 * process could have heard anything. */
static int check_silence(struct js_slave *slave, struct js_err *err)
{
    int64_t turn_ns = slave->now_ns - slave->turn_ns;
    slave->turn_ns = slave->now_ns;
    int64_t most_ns = slave->lease_ns + slave->grace_ns;
    if (!slave->is_set_up)
        most_ns = slave->config.start_ns;
    if (most_ns == 0 || (slave->is_set_up && !slave->is_beat_unanswered))
        return 0;
    slave->silence_ns +=
        turn_ns < listening_most_ns ? turn_ns : listening_most_ns;
    if (slave->silence_ns < most_ns)
        return 0;
    return js_err_set(err, "the master has not been heard of for %d s%s",
                      (int)(slave->silence_ns / JS_NS_PER_S),
                      slave->is_set_up ? ": its jobs here were ended" : "");
}

/* ---------------------------------------------------------------- set-up */

int js_slave_greet(struct js_slave *slave, struct js_err *err)
{
    struct js_wire_hello hello = {.version = JS_WIRE_VERSION,
                                  .node = slave->config.node,
                                  .processes = slave->config.processes};
    return slave_send_packed(slave, JS_TAG_HELLO,
                             js_wire_pack_hello(&slave->out, &hello), err);
}

static int make_slots(struct js_slave *slave, struct js_err *err)
{
    slave->slot_count = slave->share.slots;
    slave->slots = calloc(slave->slot_count, sizeof(*slave->slots));
    slave->freed = calloc(slave->slot_count, sizeof(*slave->freed));
    slave->queue_size = slave->slot_count + AHEAD_MAX;
    slave->queue = calloc(slave->queue_size, sizeof(*slave->queue));
    if (!slave->slots || !slave->freed || !slave->queue)
        return slave_no_memory(err);
    return 0;
}

/* The settings, with this host's own folder where the master names none. */
static struct js_settings settings_of(const struct js_slave *slave,
                                      const struct js_wire_setup *setup)
{
    struct js_settings settings = setup->settings;
    if (!settings.tmpdir[0])
        settings.tmpdir = slave->config.tmpdir;
    return settings;
}

static int configure_runner(struct js_slave *slave,
                            const struct js_wire_setup *setup,
                            struct js_err *err)
{
    const char **env = js_slave_setup_environ(setup, slave->config.environ);
    if (!env)
        return slave_no_memory(err);
    struct js_runner_config config = {
        .settings = settings_of(slave, setup),
        .env = env,
        .host = slave->config.node.host,
        .slave = (uint32_t)slave->link->rank,
        .slots = slave->slot_count,
        .slot_cpus = slave->share.slot_cpus,
        .retry_ns = retry_ns,
    };
    int rc = slave->config.runner_ops->configure(slave->config.runner, &config);
    if (rc == 0 && slave->limit_ns > 0)
        rc = slave->config.runner_ops->limit(slave->config.runner,
                                             slave->limit_ns);
    free(env);
    return rc < 0 ? js_err_errno(err, "the runner cannot be set up") : 0;
}

static int send_ready(struct js_slave *slave, const char *problem,
                      struct js_err *err)
{
    struct js_wire_ready ready = {.slots = slave->slot_count,
                                  .homes = slave->share.homes,
                                  .home = slave->share.home,
                                  .resources = slave->share.resources};
    size_t len = strnlen(problem, sizeof(ready.error) - 1);
    memcpy(ready.error, problem, len);
    if (len == 0)
        begin_lease(slave);
    return slave_send_packed(slave, JS_TAG_READY,
                             js_wire_pack_ready(&slave->out, &ready), err);
}

static int slave_set_up(struct js_slave *slave,
                        const struct js_wire_setup *setup, struct js_err *err)
{
    struct js_settings settings = settings_of(slave, setup);
    slave->is_traced = settings.trace;
    slave->limit_ns = settings.timeout_ns;
    slave->grace_ns = settings.grace_ns;
    slave->lease_ns = setup->lease_ns;
    slave->is_captured = settings.capture == JS_CAPTURE_SPOOL;
    slave->spool = js_spool_new(settings.tmpdir, settings.spool_limit_bytes);
    if (!slave->spool)
        return slave_no_memory(err);
    slave->is_bound = settings.bind;
    if (js_slave_setup_share_init(&slave->share, slave->config.topo, setup,
                                  slave->config.environ, err) < 0 ||
        make_slots(slave, err) < 0)
        return -1;
    return configure_runner(slave, setup, err);
}

static int take_setup(struct js_slave *slave, const struct js_message *message,
                      struct js_err *err)
{
    struct js_wire_setup setup;
    struct js_err problem;
    uint64_t len;
    if (slave->is_set_up ||
        js_wire_unpack_number(message->bytes, message->len, &len) < 0 ||
        len != slave->text.len ||
        js_wire_unpack_setup(slave->text.data, slave->text.len, &setup) < 0)
        return js_err_set(err, "the master sent a bad SETUP");
    slave->is_set_up = true;
    slave->silence_ns = 0;
    if (slave->is_retired) {
        js_buf_release(&slave->text);
        return 0;
    }
    int rc = slave_set_up(slave, &setup, &problem);
    slave->setup = slave->text;
    slave->text = (struct js_buf)JS_BUF_INIT;
    /* What this host lacks is for the master to know, not a reason to die. */
    return rc < 0 ? send_ready(slave, problem.text, err) : 0;
}

/* ---------------------------------------------------------------- orders */

static int slave_take_text(struct js_slave *slave,
                           const struct js_message *message, struct js_err *err)
{
    if (slave->text.len + message->len > JS_WIRE_TEXT_MAX)
        return js_err_set(err, "the master sent a text that does not end");
    if (js_buf_append(&slave->text, message->bytes, message->len) < 0)
        return slave_no_memory(err);
    slave->text_taken += message->len;
    slave->must_acknowledge = true;
    return 0;
}

/* The text of a job too long for any message: it has come before. */
static int take_long_text(struct js_slave *slave, struct order *order,
                          struct js_err *err)
{
    if (order->wire.text_len != slave->text.len)
        return js_err_set(err, "the master sent a job without its text");
    if (!js_buf_string(&slave->text))
        return slave_no_memory(err);
    order->text = slave->text.data;
    slave->text = (struct js_buf)JS_BUF_INIT;
    return 0;
}

static void take_slot(struct js_slave *slave, uint32_t index)
{
    uint32_t at = 0;
    slave->slots[index].is_taken = true;
    while (at < slave->freed_count && slave->freed[at] != index)
        at++;
    if (at == slave->freed_count)
        return;
    slave->freed_count--;
    memmove(&slave->freed[at], &slave->freed[at + 1],
            (slave->freed_count - at) * sizeof(*slave->freed));
}

/* First come, first served. */
static void hand_on_slots(struct js_slave *slave)
{
    for (unsigned i = 0; i < slave->queue_count && slave->freed_count > 0;
         i++) {
        struct js_wire_job *wire = &queue_at(slave, i)->wire;
        if (wire->slot != JS_SCHEDULER_SLOT_NEXT)
            continue;
        wire->slot = slave->freed[0];
        take_slot(slave, wire->slot);
    }
}

static int enter_slot(struct js_slave *slave, uint32_t index,
                      struct js_err *err)
{
    if (index == JS_SCHEDULER_SLOT_NEXT) {
        hand_on_slots(slave);
        return 0;
    }
    /* After a lost runner there are no slots: the job goes back. */
    if (slave->is_retired)
        return 0;
    if (index >= slave->slot_count || slave->slots[index].is_taken)
        return js_err_set(err, "the master sent a job for a slot in use");
    take_slot(slave, index);
    return 0;
}

/* Room for one more, or NULL with *err. */
static struct order *next_order(struct js_slave *slave, struct js_err *err)
{
    if (!slave->queue || slave->queue_count == slave->queue_size) {
        js_err_set(err, "the master sent a job nobody expects");
        return NULL;
    }
    struct order *order = queue_at(slave, slave->queue_count);
    order->is_handed = order->is_ended = false;
    order->text = NULL;
    return order;
}

static int accept_order(struct js_slave *slave, const struct order *order,
                        struct js_err *err)
{
    if (slave->queue_count++ == 0)
        slave->freed_ns = slave->now_ns;
    slave->jobs_taken++;
    if (slave->jobs_taken - slave->jobs_acknowledged >= ACK_EVERY)
        slave->must_acknowledge_jobs = true;
    return enter_slot(slave, order->wire.slot, err);
}

static int slave_take_job(struct js_slave *slave,
                          const struct js_message *message, struct js_err *err)
{
    struct order *order = next_order(slave, err);
    if (!order)
        return -1;
    if (message->len != sizeof(order->wire))
        return js_err_set(err, "the master sent a bad job");
    memcpy(&order->wire, message->bytes, sizeof(order->wire));
    if (js_wire_job_check(&order->wire) < 0)
        return js_err_set(err, "the master sent a bad job");
    if (order->wire.text_len > JS_WIRE_JOB_TEXT &&
        take_long_text(slave, order, err) < 0)
        return -1;
    return accept_order(slave, order, err);
}

/* Short ones lie in the order itself. */
static int keep_text(struct order *order, const char *text, struct js_err *err)
{
    size_t len = order->wire.text_len;
    if (len <= JS_WIRE_JOB_TEXT) {
        memcpy(order->wire.text, text, len);
        return 0;
    }
    order->text = malloc(len + 1);
    if (!order->text)
        return slave_no_memory(err);
    memcpy(order->text, text, len);
    order->text[len] = '\0';
    return 0;
}

static int slave_take_jobs(struct js_slave *slave,
                           const struct js_message *message, struct js_err *err)
{
    struct js_cursor cursor = js_cursor_of(message->bytes, message->len);
    slave->must_acknowledge_jobs = true;
    while (cursor.left > 0) {
        const char *text;
        struct order *order = next_order(slave, err);
        if (!order)
            return -1;
        if (js_wire_unpack_job(&cursor, &order->wire, &text) < 0)
            return js_err_set(err, "the master sent a bad job");
        if (keep_text(order, text, err) < 0 ||
            accept_order(slave, order, err) < 0)
            return -1;
    }
    return 0;
}

static void drop_first_order(struct js_slave *slave)
{
    slave->handed -= queue_at(slave, 0)->is_handed;
    free(queue_at(slave, 0)->text);
    slave->queue_head = (slave->queue_head + 1) % slave->queue_size;
    slave->queue_count--;
}

static int return_last_order(struct js_slave *slave, struct js_err *err)
{
    struct order *order = queue_at(slave, slave->queue_count - 1);
    uint32_t slot = order->wire.slot;
    if (slot != JS_SCHEDULER_SLOT_NEXT && !slave->is_retired)
        slave->slots[slot].is_taken = false;
    free(order->text);
    slave->queue_count--;
    return js_buf_append(&slave->back, &order->wire.ticket,
                         sizeof(order->wire.ticket)) < 0
               ? slave_no_memory(err)
               : 0;
}

/* The last `count` of them, which the runner does not have. */
static int return_orders(struct js_slave *slave, unsigned count, bool is_answer,
                         struct js_err *err)
{
    slave->back.len = 0;
    for (unsigned i = 0; i < count; i++) {
        if (return_last_order(slave, err) < 0)
            return -1;
    }
    int packed = js_wire_pack_back(&slave->out, is_answer,
                                   (const uint64_t *)(void *)slave->back.data,
                                   slave->back.len / sizeof(uint64_t));
    return slave_send_packed(slave, JS_TAG_RETURNED, packed, err);
}

/* What the runner has not begun of what it was handed. */
static int take_from_runner(struct js_slave *slave, struct js_err *err)
{
    if (slave->is_recalling)
        return 0;
    slave->is_recalling = true;
    if (slave->config.runner_ops->recall(slave->config.runner) == 0 ||
        errno == EPIPE)
        return 0;
    return slave_no_memory(err);
}

static int take_recalled(struct js_slave *slave,
                         const struct js_runner_event *event,
                         struct js_err *err)
{
    if (event->count != slave->handed)
        return js_err_set(err, "the runner has lost a job");
    for (unsigned i = 0; i < slave->handed; i++)
        queue_at(slave, i)->is_handed = false;
    slave->handed = 0;
    slave->is_recalling = false;
    return 0;
}

/* True if jobs wait behind running ones (and not for the reader of output:
 * then they would have to wait elsewhere as well). */
static bool is_queued_up(const struct js_slave *slave)
{
    return slave->queue_count > 0 && slave->busy_count == slave->slot_count;
}

static int give_back_all(struct js_slave *slave, struct js_err *err)
{
    unsigned count = slave->queue_count - slave->handed;
    slave->must_acknowledge_jobs = true;
    if (count > 0 && return_orders(slave, count, false, err) < 0)
        return -1;
    /* A runner that is stopped keeps no more than it was handed. */
    return slave->handed > 0 ? take_from_runner(slave, err) : 0;
}

static int slave_give_back(struct js_slave *slave, struct js_err *err)
{
    if (!is_queued_up(slave) ||
        (!slave->is_retired &&
         slave->now_ns - slave->freed_ns < JS_SCHEDULER_GIVE_BACK_NS))
        return 0;
    return give_back_all(slave, err);
}

static int take_recall(struct js_slave *slave, const struct js_message *message,
                       struct js_err *err)
{
    if (js_wire_unpack_number(message->bytes, message->len,
                              &slave->recall_count) < 0)
        return js_err_set(err, "the master sent a bad RECALL");
    slave->has_recall = true;
    return 0;
}

/* Orders at the end of the queue that nobody has begun, nor has a slot for:
 * what has one is as good as begun, and the master counts on that. */
static unsigned count_returnable(const struct js_slave *slave)
{
    unsigned count = 0;
    unsigned most = slave->queue_count - slave->handed;
    while (count < most) {
        unsigned at = slave->queue_head + slave->queue_count - count - 1;
        if (slave->queue[at % slave->queue_size].wire.slot !=
            JS_SCHEDULER_SLOT_NEXT)
            break;
        count++;
    }
    return count;
}

/* The master has a free slot for jobs that wait here. */
static int answer_recall(struct js_slave *slave, struct js_err *err)
{
    if (!slave->has_recall)
        return 0;
    unsigned count = count_returnable(slave);
    if (count == 0 && slave->handed > 0)
        return take_from_runner(slave, err);
    if (count > slave->recall_count)
        count = (unsigned)slave->recall_count;
    slave->has_recall = false;
    return return_orders(slave, count, true, err);
}

/* ---------------------------------------------------------------- jobs */

static void print_trace(struct js_slave *slave, uint64_t id)
{
    struct js_buf line = JS_BUF_INIT;
    if (slave->is_traced && slave->config.trace &&
        js_outq_pending(slave->config.trace) < TRACE_MAX &&
        js_buf_printf(&line, "Run job: %llu\n", (unsigned long long)id) == 0)
        js_outq_write(slave->config.trace, line.data, line.len);
    js_buf_release(&line);
}

/* What the job is bound to where that is not its slot's own. */
struct binding {
    struct js_cpuset cpus, numa;
};

static void bind_to_allocation(const struct js_slave *slave,
                               const struct js_wire_text *text,
                               struct binding *binding,
                               struct js_runner_job *job)
{
    if (!text->has_allocation)
        return;
    job->gpus = text->gpus[0] ? text->gpus : NULL;
    job->hosts = text->hosts[0] ? text->hosts : NULL;
    if (!slave->is_bound)
        return;
    binding->cpus = text->cpus;
    job->cpus = &binding->cpus;
    if (js_topo_numa_count(slave->config.topo) < 2)
        return;
    js_topo_numa(slave->config.topo, &text->cpus, &binding->numa);
    job->numa = &binding->numa;
}

/* In this slot, or in the next that is free. */
static int run_command(struct js_slave *slave, uint32_t index,
                       const struct order *order, struct js_err *err)
{
    const struct js_wire_job *wire = &order->wire;
    char bytes[JS_WIRE_JOB_TEXT + 1] = "";
    struct js_wire_text text;
    struct binding binding;
    if (!order->text)
        memcpy(bytes, wire->text, wire->text_len);
    if (js_wire_job_text(wire, order->text ? order->text : bytes, &text) < 0)
        return js_err_set(err, "the master sent a bad job");
    struct js_runner_job job = {.slot = index,
                                .id = wire->id,
                                .attempt = wire->attempt,
                                .cores = wire->cores,
                                .timeout_ns = wire->timeout_ns,
                                .data_limit_bytes = wire->data_limit_bytes,
                                .details = text.details,
                                .details_len = text.details_len,
                                .command = text.command,
                                .len = text.command_len};
    bind_to_allocation(slave, &text, &binding, &job);
    if (slave->config.runner_ops->run(slave->config.runner, &job) == 0 ||
        errno == EPIPE)
        return 0; /* a lost runner is noticed where its events are taken */
    return slave_no_memory(err);
}

static void begin_simulated(struct js_slave *slave, struct slot *slot,
                            int64_t duration_ns)
{
    slot->is_simulated = true;
    if (__builtin_add_overflow(slave->now_ns, duration_ns, &slot->end_ns))
        slot->end_ns = JS_NEVER_NS;
    slot->outcome = (struct js_outcome){.start_unix_ns = js_clock_unix_ns(),
                                        .run_ns = duration_ns};
    slave->simulated_count++;
}

/* It takes no time, and has been stopped. */
static void skip_order(struct js_slave *slave, struct slot *slot)
{
    begin_simulated(slave, slot, 0);
    slot->outcome.cause = JS_STOP_REASON_STOPPED;
}

static int start_first_order(struct js_slave *slave, struct js_err *err)
{
    const struct order *order = queue_at(slave, 0);
    uint32_t index = order->wire.slot;
    struct slot *slot = &slave->slots[index];
    int rc = 0;
    *slot = (struct slot){.is_taken = true,
                          .is_busy = true,
                          .id = order->wire.id,
                          .begun_ns = slave->now_ns,
                          .ticket = order->wire.ticket,
                          .inline_max = order->wire.inline_max};
    slave->busy_count++;
    if (!order->is_ended)
        print_trace(slave, order->wire.id);
    if (order->is_ended)
        skip_order(slave, slot);
    else if (order->wire.kind == JS_JOB_SIMULATED)
        begin_simulated(slave, slot, order->wire.duration_ns);
    else if (!order->is_handed)
        rc = run_command(slave, index, order, err);
    drop_first_order(slave);
    slave->freed_ns = slave->now_ns;
    return rc;
}

/* The runner has done so when it found a slot free. */
static int enter_started(struct js_slave *slave, struct js_err *err)
{
    while (slave->handed > 0 &&
           queue_at(slave, 0)->wire.slot != JS_SCHEDULER_SLOT_NEXT) {
        if (start_first_order(slave, err) < 0)
            return -1;
    }
    return 0;
}

/* Jobs for slots that are not free yet, so that the runner need not wait for
 * this process. Traced ones are started when that is said. */
static int slave_hand_over(struct js_slave *slave, struct js_err *err)
{
    unsigned most = slave->slot_count > JS_SCHEDULER_HANDED_MAX
                        ? slave->slot_count
                        : JS_SCHEDULER_HANDED_MAX;
    while (!slave->is_traced && !slave->is_recalling && !slave->has_recall &&
           slave->handed < slave->queue_count && slave->handed < most) {
        struct order *order = queue_at(slave, slave->handed);
        if (order->wire.kind != JS_JOB_COMMAND ||
            order->wire.slot != JS_SCHEDULER_SLOT_NEXT)
            return 0;
        if (run_command(slave, JS_RUNNER_SLOT_NEXT, order, err) < 0)
            return -1;
        order->is_handed = true;
        slave->handed++;
    }
    return 0;
}

static int slave_start_jobs(struct js_slave *slave, struct js_err *err)
{
    if (slave->is_retired || slave->queue_count == 0)
        return 0;
    if (slave->is_ending)
        return give_back_all(slave, err);
    if (slave->is_restarting || slave->is_unrecorded)
        return 0;
    if (js_spool_full(slave->spool))
        return slave->handed > 0 ? take_from_runner(slave, err) : 0;
    while (slave->queue_count > 0 &&
           queue_at(slave, 0)->wire.slot != JS_SCHEDULER_SLOT_NEXT) {
        if (start_first_order(slave, err) < 0)
            return -1;
    }
    return slave_hand_over(slave, err);
}

static int send_done(struct js_slave *slave, struct js_wire_done *done,
                     struct js_err *err)
{
    done->jobs = slave->jobs_acknowledged = slave->jobs_taken;
    slave->must_acknowledge_jobs = false;
    slave->run_ns += (done->outcome.run_ns - slave->run_ns) / RUN_TIME_WEIGHT;
    if (js_wire_pack_done(&slave->done, done) < 0)
        return slave_no_memory(err);
    return slave->done.len >= JS_WIRE_DONE_BATCH ? flush_done(slave, err) : 0;
}

static void slave_free_slot(struct js_slave *slave, struct slot *slot)
{
    slave->simulated_count -= slot->is_simulated;
    slot->is_busy = slot->is_taken = false;
    slave->busy_count--;
    slave->freed_ns = slave->now_ns;
    slave->freed[slave->freed_count++] = (uint32_t)(slot - slave->slots);
    hand_on_slots(slave);
}

static int end_simulated(struct js_slave *slave, struct js_err *err)
{
    for (uint32_t i = 0; slave->simulated_count > 0 && i < slave->slot_count;
         i++) {
        struct slot *slot = &slave->slots[i];
        if (!slot->is_busy || !slot->is_simulated ||
            slot->end_ns > slave->now_ns)
            continue;
        struct js_wire_done done = {.ticket = slot->ticket,
                                    .outcome = slot->outcome};
        slave_free_slot(slave, slot);
        if (send_done(slave, &done, err) < 0)
            return -1;
    }
    return 0;
}

/* Those that take no time make room for one another within a turn. */
static int run_jobs(struct js_slave *slave, struct js_err *err)
{
    unsigned before;
    do {
        before = slave->queue_count;
        if (end_simulated(slave, err) < 0 || slave_start_jobs(slave, err) < 0)
            return -1;
    } while (slave->simulated_count > 0 && slave->queue_count < before);
    return 0;
}

/* ---------------------------------------------------------------- output */

/* Reads the small output of a job into slave->chunk. Returns 0, or -1 if it
 * cannot be read: then it is kept, and the error comes when it is fetched. */
static int read_inline(struct js_slave *slave,
                       const struct js_runner_event *event)
{
    const int fds[] = {event->out_fd, event->err_fd};
    const uint64_t sizes[] = {event->outcome.out_bytes,
                              event->outcome.err_bytes};
    slave->chunk.len = 0;
    for (int i = 0; i < 2; i++) {
        size_t size = (size_t)sizes[i];
        if (js_buf_reserve(&slave->chunk, size + 1) < 0)
            return -1;
        char *to = slave->chunk.data + slave->chunk.len;
        if (size > 0 && js_pread_full(fds[i], to, size, 0) != (ssize_t)size)
            return -1;
        slave->chunk.len += size;
    }
    return 0;
}

/* Puts the output of an ended job into its DONE, or into the spool. */
static int slave_keep_output(struct js_slave *slave, const struct slot *slot,
                             struct js_runner_event *event,
                             struct js_wire_done *done, struct js_err *err)
{
    const uint64_t bytes[] = {event->outcome.out_bytes,
                              event->outcome.err_bytes};
    const int fds[] = {event->out_fd, event->err_fd};
    done->captured = slave->is_captured && bytes[0] + bytes[1] > 0;
    if (done->captured && bytes[0] <= slot->inline_max &&
        bytes[1] <= slot->inline_max - bytes[0] &&
        read_inline(slave, event) == 0) {
        done->inlined = slave->chunk.data;
        done->inlined_len = slave->chunk.len;
    }
    if (done->captured && !done->inlined) {
        if (js_spool_put(slave->spool, slot->ticket, fds, bytes) < 0)
            return slave_no_memory(err);
        return 0;
    }
    js_fd_close(&event->out_fd);
    js_fd_close(&event->err_fd);
    return 0;
}

static enum js_stop_request slave_request_of(const struct js_slave *slave)
{
    return slave->config.stop_request
               ? slave->config.stop_request(slave->config.request_arg)
               : JS_STOP_REQUEST_NONE;
}

/* Who tells this process to end may tell its jobs as well, as Slurm does with
 * all processes of an allocation: one that fails of it was stopped. */
static bool was_told_to_end(const struct js_slave *slave,
                            const struct js_outcome *outcome)
{
    return outcome->cause == JS_STOP_REASON_NONE &&
           outcome->step == JS_STEP_NONE && !js_outcome_succeeded(outcome) &&
           slave_request_of(slave) >= JS_STOP_REQUEST_HURRY;
}

static int take_ended(struct js_slave *slave, struct js_runner_event *event,
                      struct js_err *err)
{
    if (event->slot >= slave->slot_count || !slave->slots[event->slot].is_busy)
        return js_err_set(err, "the runner ended a job that did not run");
    struct slot *slot = &slave->slots[event->slot];
    struct js_wire_done done = {.ticket = slot->ticket,
                                .outcome = event->outcome};
    if (was_told_to_end(slave, &done.outcome))
        done.outcome.cause = JS_STOP_REASON_STOPPED;
    struct slot ended = *slot;
    slave_free_slot(slave, slot);
    if (slave_keep_output(slave, &ended, event, &done, err) < 0 ||
        send_done(slave, &done, err) < 0)
        return -1;
    return enter_started(slave, err);
}

/* The jobs that run: "job 7 was running", "jobs 7, 9 and 3 more were ...". */
static void name_jobs(const struct js_slave *slave, struct js_buf *text)
{
    uint32_t count = slave->busy_count - slave->simulated_count, named = 0;
    js_buf_puts(text, count == 1 ? "job" : "jobs");
    for (uint32_t i = 0; i < slave->slot_count && named < NAMED_MAX; i++) {
        const struct slot *slot = &slave->slots[i];
        if (slot->is_busy && !slot->is_simulated)
            js_buf_printf(text, "%s %" PRIu64, named++ > 0 ? "," : "",
                          slot->id);
    }
    if (count > named)
        js_buf_printf(text, " and %" PRIu32 " more", count - named);
    js_buf_puts(text, count == 1 ? " was running" : " were running");
}

static bool has_real_jobs(const struct js_slave *slave)
{
    return slave->busy_count > slave->simulated_count;
}

/* Of those that run, or 0. */
static uint64_t first_ticket(const struct js_slave *slave)
{
    for (uint32_t i = 0; i < slave->slot_count; i++) {
        if (slave->slots[i].is_busy && !slave->slots[i].is_simulated)
            return slave->slots[i].ticket;
    }
    return 0;
}

/* Once for each of them. */
static int tell_stopped(struct js_slave *slave, struct js_err *err)
{
    struct js_buf text = JS_BUF_INIT;
    if (!has_real_jobs(slave) || first_ticket(slave) == slave->stopped_ticket)
        return 0;
    slave->stopped_ticket = first_ticket(slave);
    js_buf_puts(&text, "the process that starts its jobs was stopped, and has "
                       "been continued; ");
    name_jobs(slave, &text);
    const char *string = js_buf_string(&text);
    int rc = string ? send_note(slave, string, err) : slave_no_memory(err);
    js_buf_release(&text);
    return rc;
}

static bool is_runner_needed(const struct js_slave *slave)
{
    return !slave->is_retired && (has_real_jobs(slave) || slave->is_restarting);
}

static int wake_runner(struct js_slave *slave, struct js_err *err)
{
    if (!is_runner_needed(slave) ||
        slave->now_ns - slave->looked_ns < look_at_runner_ns)
        return 0;
    slave->looked_ns = slave->now_ns;
    return slave->config.runner_ops->wake(slave->config.runner, slave->now_ns)
               ? tell_stopped(slave, err)
               : 0;
}

static bool slave_is_told_to_end(const struct js_slave *slave)
{
    return slave_request_of(slave) >= JS_STOP_REQUEST_HURRY;
}

/* The runner is gone, and there is no other: nothing more is run here. */
static int retire(struct js_slave *slave, struct js_err *err)
{
    slave->is_retired = true;
    slave->is_restarting = false;
    slave->slot_count = slave->busy_count = slave->simulated_count = 0;
    slave->freed_count = 0;
    /* What it was handed it may have begun: that is not given back. */
    while (slave->handed > 0)
        drop_first_order(slave);
    slave->is_recalling = false;
    if (slave_give_back(slave, err) < 0)
        return -1;
    return send_bye(slave,
                    slave_is_told_to_end(slave) ? JS_PARTING_ASKED
                                                : JS_PARTING_BROKEN,
                    err);
}

/* It may be to blame, unless whoever killed the runner wants us all to end. */
static int lose_job(struct js_slave *slave, struct slot *slot,
                    struct js_err *err)
{
    int64_t run_ns = slave->now_ns - slot->begun_ns;
    struct js_wire_done done = {
        .ticket = slot->ticket,
        .outcome = {.start_unix_ns = js_clock_unix_ns() - run_ns,
                    .run_ns = run_ns}};
    if (slave_is_told_to_end(slave)) {
        done.outcome.cause = JS_STOP_REASON_STOPPED;
    } else {
        done.outcome.step = JS_STEP_RUNNER;
        done.outcome.exit_code = 126;
    }
    slave_free_slot(slave, slot);
    return send_done(slave, &done, err);
}

/* All that run; and what the runner was handed ahead of time, which it may have
 * begun. */
static int lose_jobs(struct js_slave *slave, struct js_err *err)
{
    while (has_real_jobs(slave)) {
        for (uint32_t i = 0; i < slave->slot_count; i++) {
            struct slot *slot = &slave->slots[i];
            if (slot->is_busy && !slot->is_simulated &&
                lose_job(slave, slot, err) < 0)
                return -1;
        }
        if (enter_started(slave, err) < 0)
            return -1;
    }
    for (unsigned i = 0; i < slave->handed; i++)
        queue_at(slave, i)->is_handed = false;
    slave->handed = 0;
    slave->is_recalling = false;
    return 0;
}

/* Another runner, told all that the one before was told. */
static int restart_runner(struct js_slave *slave, struct js_err *err)
{
    struct js_wire_setup setup;
    if (slave->is_ending || slave->beat == 0 || slave->barren > BARREN_MAX ||
        js_wire_unpack_setup(slave->setup.data, slave->setup.len, &setup) < 0)
        return js_err_set(err, "no other is started");
    if (slave->config.runner_ops->restart(slave->config.runner, err) < 0 ||
        configure_runner(slave, &setup, err) < 0)
        return -1;
    if (slave->lease_ns > 0)
        slave->config.runner_ops->lease(slave->config.runner, slave->leased_ns);
    slave->is_restarting = true;
    return 0;
}

/* Whether this run is gone is later seen by them. */
static int send_processes(struct js_slave *slave, struct js_err *err)
{
    struct js_process_pair pair = slave->config.processes;
    pair.runner = (uint64_t)slave->config.runner_ops->pid(slave->config.runner);
    pair.runner_started = js_process_start(pair.runner);
    slave->config.processes = pair;
    slave->is_unrecorded = true;
    return slave_send_packed(slave, JS_TAG_RUNNER,
                             js_wire_pack_processes(&slave->out, &pair), err);
}

/* Of one that was lost meanwhile nobody needs to know. */
static int slave_take_runner(struct js_slave *slave,
                             const struct js_message *message,
                             struct js_err *err)
{
    uint64_t pid;
    if (js_wire_unpack_number(message->bytes, message->len, &pid) < 0)
        return js_err_set(err, "the master sent a bad RUNNER");
    if (pid == slave->config.processes.runner)
        slave->is_unrecorded = false;
    return 0;
}

/* The runner is gone, and every job with it. */
static int lose_runner(struct js_slave *slave, struct js_err *err)
{
    struct js_err why = {""};
    slave->barren = has_real_jobs(slave) ? 0 : slave->barren + 1;
    int rc = restart_runner(slave, &why);
    if (send_note(slave,
                  rc == 0 ? "the process that starts its jobs was killed; they "
                            "were ended, and there is a new one"
                          : "the process that starts its jobs was killed; they "
                            "were ended, and run again if a slave is left",
                  err) < 0)
        return -1;
    if (rc < 0)
        return retire(slave, err);
    return send_processes(slave, err) < 0 ? -1 : lose_jobs(slave, err);
}

static int take_runner_ready(struct js_slave *slave, const char *problem,
                             struct js_err *err)
{
    if (!slave->is_restarting)
        return send_ready(slave, problem, err);
    slave->is_restarting = false;
    if (problem[0] == '\0')
        return 0;
    return send_note(slave, problem, err) < 0 ? -1 : retire(slave, err);
}

static int take_event(struct js_slave *slave, struct js_runner_event *event,
                      struct js_err *err)
{
    switch (event->kind) {
    case JS_RUNNER_READY:
        return take_runner_ready(slave, event->text, err);
    case JS_RUNNER_NOTE:
        return send_note(slave, event->text, err);
    case JS_RUNNER_ENDED:
        return take_ended(slave, event, err);
    case JS_RUNNER_RECALLED:
        return take_recalled(slave, event, err);
    }
    return 0;
}

/* To ask costs a system call a turn, and turns are many where simulated jobs
 * take no time. */
static bool may_have_events(struct js_slave *slave)
{
    bool is_working = !slave->queue || slave->handed > 0 ||
                      slave->is_restarting ||
                      slave->busy_count > slave->simulated_count;
    if (!is_working && !slave->has_events &&
        slave->now_ns - slave->asked_ns < JS_NS_PER_MS)
        return false;
    slave->asked_ns = slave->now_ns;
    return true;
}

static int take_events(struct js_slave *slave, struct js_err *err)
{
    int rc = 0;
    if (!may_have_events(slave))
        return 0;
    while (!slave->is_retired) {
        struct js_runner_event event;
        rc = slave->config.runner_ops->next(slave->config.runner, &event);
        if (rc == 0)
            return 0;
        if (rc < 0)
            return lose_runner(slave, err);
        if (take_event(slave, &event, err) < 0)
            return -1;
    }
    return 0;
}

static int send_output(struct js_slave *slave,
                       const struct js_wire_fetch *fetch, struct js_err *err)
{
    slave->chunk.len = 0;
    if (js_buf_reserve(&slave->chunk, fetch->length) < 0)
        return slave_no_memory(err);
    ssize_t n = js_spool_read(slave->spool, fetch->ticket,
                              (enum js_stream)fetch->stream, fetch->offset,
                              slave->chunk.data, fetch->length);
    struct js_wire_output output = {.ticket = fetch->ticket,
                                    .offset = fetch->offset,
                                    .stream = fetch->stream,
                                    .error = n < 0 ? errno : 0,
                                    .bytes = slave->chunk.data,
                                    .len = n < 0 ? 0 : (size_t)n};
    return slave_send_packed(slave, JS_TAG_OUTPUT,
                             js_wire_pack_output(&slave->out, &output), err);
}

static int take_fetch(struct js_slave *slave, const struct js_message *message,
                      struct js_err *err)
{
    struct js_wire_fetch fetch;
    if (!slave->spool ||
        js_wire_unpack_fetch(message->bytes, message->len, &fetch) < 0)
        return js_err_set(err, "the master sent a bad FETCH");
    if (fetch.length > 0)
        return send_output(slave, &fetch, err);
    js_spool_drop(slave->spool, fetch.ticket);
    slave->releases_taken++;
    slave->must_acknowledge = true;
    return 0;
}

/* ---------------------------------------------------------------- ending */

static int take_limit(struct js_slave *slave, const struct js_message *message,
                      struct js_err *err)
{
    uint64_t timeout_ns;
    if (!slave->is_set_up ||
        js_wire_unpack_number(message->bytes, message->len, &timeout_ns) < 0 ||
        timeout_ns > INT64_MAX)
        return js_err_set(err, "the master sent a bad LIMIT");
    slave->limit_ns = (int64_t)timeout_ns;
    if (slave->config.runner_ops->limit(slave->config.runner,
                                        slave->limit_ns) == 0 ||
        errno == EPIPE)
        return 0;
    return slave_no_memory(err);
}

static int slave_end_job(struct js_slave *slave, uint32_t index,
                         int64_t grace_ns, struct js_err *err)
{
    struct slot *slot = &slave->slots[index];
    if (slot->is_simulated) {
        slot->outcome.run_ns -= slot->end_ns - slave->now_ns;
        slot->outcome.cause = JS_STOP_REASON_STOPPED;
        slot->end_ns = slave->now_ns;
        return 0;
    }
    if (slave->config.runner_ops->end(slave->config.runner, index, grace_ns) ==
            0 ||
        errno == EPIPE)
        return 0;
    return slave_no_memory(err);
}

/* One that has ended by now is none of ours. */
static int take_end_job(struct js_slave *slave,
                        const struct js_message *message, struct js_err *err)
{
    uint64_t ticket;
    if (js_wire_unpack_number(message->bytes, message->len, &ticket) < 0)
        return js_err_set(err, "the master sent a bad END_JOB");
    for (unsigned i = 0; i < slave->queue_count; i++) {
        struct order *order = queue_at(slave, i);
        order->is_ended |= order->wire.ticket == ticket;
    }
    for (uint32_t i = 0; i < slave->slot_count; i++) {
        if (slave->slots[i].is_busy && slave->slots[i].ticket == ticket)
            return slave_end_job(slave, i, slave->grace_ns, err);
    }
    return 0;
}

static int end_jobs(struct js_slave *slave, int64_t grace_ns,
                    struct js_err *err)
{
    slave->is_ending = true;
    if (slave->handed > 0 && take_from_runner(slave, err) < 0)
        return -1;
    if (slave->slot_count > 0 &&
        slave->config.runner_ops->end(slave->config.runner, 0,
                                      JS_RUNNER_LET_RUN) < 0 &&
        errno != EPIPE)
        return slave_no_memory(err);
    for (uint32_t i = 0; grace_ns != JS_WIRE_LET_RUN && i < slave->slot_count;
         i++) {
        if (slave->slots[i].is_busy &&
            slave_end_job(slave, i, grace_ns, err) < 0)
            return -1;
    }
    return 0;
}

static int slave_take_end(struct js_slave *slave,
                          const struct js_message *message, struct js_err *err)
{
    uint64_t grace_ns;
    if (js_wire_unpack_number(message->bytes, message->len, &grace_ns) < 0 ||
        grace_ns > JS_WIRE_LET_RUN)
        return js_err_set(err, "the master sent a bad END");
    return end_jobs(slave, (int64_t)grace_ns, err);
}

static int take_stop(struct js_slave *slave, const struct js_message *message,
                     struct js_err *err)
{
    uint64_t leaving;
    if (js_wire_unpack_number(message->bytes, message->len, &leaving) < 0 ||
        leaving >= JS_LEAVE_COUNT)
        return js_err_set(err, "the master sent a bad STOP");
    slave->leaving = (enum js_leaving)leaving;
    slave->is_stopped = true;
    return 0;
}

/* A signal may be for this process alone: then its jobs run again elsewhere;
 * or for all of them, and then there is no time to lose. */
static int slave_follow_signals(struct js_slave *slave, struct js_err *err)
{
    enum js_stop_request stop_request = slave_request_of(slave);
    if (stop_request < JS_STOP_REQUEST_HURRY ||
        stop_request <= slave->stop_request)
        return 0;
    slave->stop_request = stop_request;
    return end_jobs(
        slave,
        stop_request == JS_STOP_REQUEST_HURRY ? JS_STOP_HURRY_GRACE_NS : 0,
        err);
}

/* Once the last of them has ended, the master need not count on this slave. */
static int say_bye(struct js_slave *slave, struct js_err *err)
{
    if (slave->stop_request < JS_STOP_REQUEST_HURRY || slave->is_retired ||
        slave->busy_count > 0 || slave->queue_count > 0)
        return 0;
    slave->is_retired = true;
    slave->slot_count = 0;
    return send_bye(slave, JS_PARTING_ASKED, err);
}

/* ---------------------------------------------------------------- orphans */

static int take_clear(struct js_slave *slave, const struct js_message *message,
                      struct js_err *err)
{
    struct js_wire_clear clear;
    if (slave->orphans ||
        js_wire_unpack_clear(message->bytes, message->len, &clear) < 0)
        return js_err_set(err, "the master sent a bad CLEAR");
    slave->orphans =
        js_orphans_new(clear.runs, clear.count, slave->grace_ns, slave->now_ns);
    slave->orphans_ns = slave->now_ns;
    free(clear.runs);
    return slave->orphans ? 0 : slave_no_memory(err);
}

/* No job is to run beside them: that is another slave's, if it can look. */
static int leave_orphans(struct js_slave *slave, struct js_err *err)
{
    struct js_err why;
    js_err_set(&why,
               "whether jobs of a killed run have left processes cannot be "
               "seen, so none is run here: %s",
               js_errno_text(js_orphans_error(slave->orphans)));
    js_orphans_free(slave->orphans);
    slave->orphans = NULL;
    return send_note(slave, why.text, err) < 0 ? -1 : retire(slave, err);
}

static int end_orphans(struct js_slave *slave, struct js_err *err)
{
    if (!slave->orphans || slave->now_ns < slave->orphans_ns)
        return 0;
    slave->orphans_ns = js_orphans_step(slave->orphans, slave->now_ns);
    if (slave->orphans_ns != JS_NEVER_NS)
        return 0;
    if (js_orphans_error(slave->orphans) != 0)
        return leave_orphans(slave, err);
    struct js_wire_cleared cleared = {js_orphans_ended(slave->orphans),
                                      js_orphans_left(slave->orphans)};
    js_orphans_free(slave->orphans);
    slave->orphans = NULL;
    return slave_send_packed(slave, JS_TAG_CLEARED,
                             js_wire_pack_cleared(&slave->out, &cleared), err);
}

/* ---------------------------------------------------------------- a turn */

static int slave_take_message(struct js_slave *slave,
                              const struct js_message *message,
                              struct js_err *err)
{
    if (message->conn != 0)
        return js_err_set(err, "rank %d is not the master", message->conn);
    if (slave->is_set_up && slave->config.claim)
        js_fd_close(slave->config.claim);
    switch (message->tag) {
    case JS_TAG_SETUP:
        return take_setup(slave, message, err);
    case JS_TAG_TEXT:
        return slave_take_text(slave, message, err);
    case JS_TAG_JOB:
        return slave_take_job(slave, message, err);
    case JS_TAG_JOBS:
        return slave_take_jobs(slave, message, err);
    case JS_TAG_RECALL:
        return take_recall(slave, message, err);
    case JS_TAG_FETCH:
        return take_fetch(slave, message, err);
    case JS_TAG_TIME_LIMIT:
        return take_limit(slave, message, err);
    case JS_TAG_KILL_JOB:
        return take_end_job(slave, message, err);
    case JS_TAG_DRAIN:
        return slave_take_end(slave, message, err);
    case JS_TAG_BEAT:
        return slave_take_beat(slave, message, err);
    case JS_TAG_CLEAR:
        return take_clear(slave, message, err);
    case JS_TAG_RUNNER:
        return slave_take_runner(slave, message, err);
    case JS_TAG_SHUTDOWN:
        return take_stop(slave, message, err);
    default:
        return js_err_set(err, "the master sent a %s message",
                          js_tag_name(message->tag));
    }
}

static int slave_take_messages(struct js_slave *slave, struct js_err *err)
{
    int rc;
    struct js_message message;
    while (!slave->is_stopped &&
           (rc = js_link_receive(slave->link, &message, err)) != 0) {
        if (rc < 0 || slave_take_message(slave, &message, err) < 0)
            return -1;
    }
    return 0;
}

static int acknowledge(struct js_slave *slave, struct js_err *err)
{
    if (!slave->must_acknowledge && !slave->must_acknowledge_jobs)
        return 0;
    struct js_wire_ack ack = {.jobs = slave->jobs_taken,
                              .text_bytes = slave->text_taken,
                              .releases = slave->releases_taken};
    slave->must_acknowledge = slave->must_acknowledge_jobs = false;
    slave->jobs_acknowledged = slave->jobs_taken;
    return slave_send_packed(slave, JS_TAG_ACK,
                             js_wire_pack_ack(&slave->out, &ack), err);
}

int js_slave_turn(struct js_slave *slave, struct js_err *err)
{
    slave->now_ns = js_link_now_ns(slave->link);
    if (slave->config.trace)
        js_outq_flush(slave->config.trace);
    if (slave_take_messages(slave, err) < 0)
        return -1;
    if (slave->is_stopped)
        return 1;
    if (check_silence(slave, err) < 0 || slave_follow_signals(slave, err) < 0 ||
        take_events(slave, err) < 0 || wake_runner(slave, err) < 0 ||
        end_orphans(slave, err) < 0 || answer_recall(slave, err) < 0 ||
        slave_give_back(slave, err) < 0 || run_jobs(slave, err) < 0 ||
        flush_done(slave, err) < 0 || acknowledge(slave, err) < 0 ||
        say_bye(slave, err) < 0)
        return -1;
    slave->config.runner_ops->flush(slave->config.runner);
    return send_beat(slave, err);
}

/* When something is to be done though nothing happens. */
static int64_t next_deadline_ns(const struct js_slave *slave)
{
    int64_t until_ns = next_beat_ns(slave);
    /* A longer wait would not count as listening. */
    if (slave->is_beat_unanswered || !slave->is_set_up)
        until_ns = slave->now_ns + listening_most_ns;
    if (slave->orphans && slave->orphans_ns < until_ns)
        until_ns = slave->orphans_ns;
    if (is_runner_needed(slave) &&
        slave->looked_ns + look_at_runner_ns < until_ns)
        until_ns = slave->looked_ns + look_at_runner_ns;
    if (is_queued_up(slave) && !slave->is_recalling &&
        slave->freed_ns + JS_SCHEDULER_GIVE_BACK_NS < until_ns)
        until_ns = slave->freed_ns + JS_SCHEDULER_GIVE_BACK_NS;
    for (uint32_t i = 0; slave->simulated_count > 0 && i < slave->slot_count;
         i++) {
        const struct slot *slot = &slave->slots[i];
        if (slot->is_busy && slot->is_simulated && slot->end_ns < until_ns)
            until_ns = slot->end_ns;
    }
    return until_ns;
}

/* With no work ahead nothing can come but such work, or the order to end, which
 * is in no such hurry. */
static int64_t patience_alone(const struct js_slave *slave)
{
    int64_t slave_patience_ns = (slave->now_ns - slave->freed_ns) / LONG_LOOKS;
    if (slave_patience_ns < JS_LINK_PAUSE_NS)
        return JS_LINK_PAUSE_NS;
    return slave_patience_ns < patience_alone_ns ? slave_patience_ns
                                                 : patience_alone_ns;
}

/* With every slot at work nobody waits for the master's next message, and the
 * end of a job is an event of its own. */
static int64_t slave_patience_ns(const struct js_slave *slave)
{
    bool is_busy = slave->busy_count > 0 &&
                   slave->busy_count == slave->slot_count &&
                   slave->simulated_count == 0;
    if (!is_busy)
        return 0;
    if (slave->queue_count == 0 && js_spool_jobs(slave->spool) == 0)
        return patience_alone(slave);
    int64_t slave_patience_ns =
        slave->queue_count * slave->run_ns / slave->slot_count / LOOKS;
    if (slave_patience_ns < patience_least_ns ||
        js_spool_jobs(slave->spool) > 0)
        return patience_least_ns;
    return slave_patience_ns < JS_LINK_PAUSE_NS ? slave_patience_ns
                                                : JS_LINK_PAUSE_NS;
}

int js_slave_wait(struct js_slave *slave, struct js_err *err)
{
    struct pollfd fds[2];
    nfds_t count = 0;
    struct js_outq *trace = slave->config.trace;
    if (!slave->is_retired) {
        short events = POLLIN;
        if (slave->config.runner_ops->wants_write(slave->config.runner))
            events |= POLLOUT;
        fds[count++] = (struct pollfd){
            .fd = slave->config.runner_ops->fd(slave->config.runner),
            .events = events};
    }
    if (trace && js_outq_pending(trace) > 0)
        fds[count++] =
            (struct pollfd){.fd = js_outq_fd(trace), .events = POLLOUT};
    int rc = js_link_wait(slave->link, fds, count, next_deadline_ns(slave),
                          slave_patience_ns(slave), err);
    slave->has_events = !slave->is_retired && fds[0].revents != 0;
    return rc;
}

int js_slave_run(struct js_slave *slave, enum js_leaving *ret,
                 struct js_err *err)
{
    slave->turn_ns = js_link_now_ns(slave->link);
    int rc = js_slave_greet(slave, err);
    while (rc == 0) {
        rc = js_slave_turn(slave, err);
        if (rc == 0)
            rc = js_slave_wait(slave, err);
    }
    *ret = slave->leaving;
    return rc < 0 ? -1 : 0;
}
