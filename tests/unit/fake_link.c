#include "fake_link.h"

#include "base/clock.h"
#include "rng.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LONG = 1024,             /* bytes; such a message takes longer */
    TURNS_AT_ONCE = 100000,  /* in no time: somebody does not wait */
    TURNS_MAX = 3 * 1000000, /* of a whole run */
};

struct envelope {
    int from;
    enum js_tag tag;
    size_t len;
    char bytes[];
};

/* The first of all entries is in front: the earliest, and of those the one with
 * the lowest `order`. */
struct entry {
    int64_t at_ns;
    uint64_t order;
    void *what;
};

struct queue {
    struct entry *entries;
    size_t count, room;
};

/*
 * Invariants:
 *  - An entry of the agenda names the process at due_ns, or earlier; there is
 *    none if due_ns is JS_NEVER_NS.
 *  - Messages go between the master and another process only. The two last
 *    arrivals and `unread` of that other one are therefore all there is to
 *    know of their order.
 */
struct process {
    struct fake_net *net;
    int number;
    fake_turn_fn turn; /* NULL: not there (or the master) */
    void *arg;
    int64_t start_ns;
    int64_t until_ns;  /* when its wait ends */
    int64_t deaf_ns;   /* until then, only a message that arrived before this
                          wakes it: */
    int64_t probed_ns; /* when it last probed, before it slept */
    int64_t busy_ns;   /* when its last turn ends */
    int64_t stop_ns, cont_ns;
    int64_t cut_ns;
    int64_t due_ns;
    struct queue inbox;
    struct queue beats; /* those that have arrived, likewise */
    struct queue timers;
    struct envelope *taken; /* what receive() returned last */
    int64_t arrived_ns;     /* its last message from the master */
    int64_t reached_ns;     /* its last message to the master */
    int unread;
    int unread_of[JS_TAG_COUNT];
    bool has_left;
    int64_t left_ns;
    uint64_t turns;
};

/* A message of the master's turn that is going on. */
struct parcel {
    struct process *to;
    struct envelope *envelope;
    int64_t age_ns; /* of the turn, when it was sent */
};

/*
 * The master's turn that is going on. Its CPU time is asked for at its ends
 * only, since asking takes as long as handling a message; what the link has
 * taken of it is measured by a clock that costs little.
 */
struct meter {
    int64_t began_cpu_ns, began_ns;
    int64_t link_ns;
    uint64_t messages;
};

enum { LINK_CALL_NS = 10000 }; /* what takes longer was not running */

struct fake_net {
    struct fake_net_config config;
    struct rng rng;
    int64_t now_ns;
    struct process *processes;
    int count;
    struct queue agenda;
    uint64_t messages; /* so far, for their order */
    uint64_t sent[JS_TAG_COUNT];
    int64_t last_ns[JS_TAG_COUNT];
    size_t longest[JS_TAG_COUNT];
    int most_unread[JS_TAG_COUNT];
    uint64_t turns, turns_at_once;
    struct parcel *parcels;
    size_t parcel_count, parcel_room;
    int64_t age_ns; /* of the master's turn, by cost_ns */
    struct meter meter;
    struct fake_load load;
    const char *complaint;
};

static void *not_null(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

void fake_net_complain(struct fake_net *net, const char *what)
{
    if (!net->complaint)
        net->complaint = what;
}

const char *fake_net_complaint(const struct fake_net *net)
{
    return net->complaint;
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * JS_NS_PER_S + now.tv_nsec;
}

/* A call of the link begins. */
static int64_t enter_link(const struct process *process)
{
    const struct fake_net *net = process->net;
    if (net->config.entered)
        net->config.entered(net->config.arg, FAKE_LINK);
    bool is_metered = process->number == 0 && net->config.is_metered;
    return is_metered ? clock_ns(CLOCK_MONOTONIC) : 0;
}

/* It returns to the process. */
static void leave_link(const struct process *process, int64_t entered_ns)
{
    struct fake_net *net = process->net;
    if (entered_ns != 0) {
        int64_t taken_ns = clock_ns(CLOCK_MONOTONIC) - entered_ns;
        net->meter.link_ns += taken_ns < LINK_CALL_NS ? taken_ns : LINK_CALL_NS;
    }
    if (net->config.entered)
        net->config.entered(net->config.arg, process->number);
}

/* ---------------------------------------------------------------- queues */

static bool is_before(const struct entry *a, const struct entry *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void enqueue(struct queue *queue, struct entry entry)
{
    if (queue->count == queue->room) {
        queue->room = 2 * queue->room + 4;
        queue->entries = not_null(
            realloc(queue->entries, queue->room * sizeof(*queue->entries)));
    }
    size_t at = queue->count++;
    for (; at > 0 && is_before(&entry, &queue->entries[(at - 1) / 2]);
         at = (at - 1) / 2)
        queue->entries[at] = queue->entries[(at - 1) / 2];
    queue->entries[at] = entry;
}

static struct entry dequeue(struct queue *queue)
{
    struct entry first = queue->entries[0];
    struct entry last = queue->entries[--queue->count];
    size_t at = 0;
    for (size_t child = 1; child < queue->count; child = 2 * at + 1) {
        if (child + 1 < queue->count &&
            is_before(&queue->entries[child + 1], &queue->entries[child]))
            child++;
        if (!is_before(&queue->entries[child], &last))
            break;
        queue->entries[at] = queue->entries[child];
        at = child;
    }
    if (queue->count > 0)
        queue->entries[at] = last;
    return first;
}

static int64_t front_ns(const struct queue *queue)
{
    return queue->count > 0 ? queue->entries[0].at_ns : JS_NEVER_NS;
}

/* ---------------------------------------------------------------- life */

/* When the process makes its next turn, JS_NEVER_NS if it does not. */
static int64_t next_turn_ns(const struct process *process)
{
    int64_t next_ns = process->until_ns;
    if (process->has_left)
        return JS_NEVER_NS;
    if (process->inbox.count + process->beats.count > 0) {
        int64_t heard_ns = front_ns(&process->inbox);
        if (front_ns(&process->beats) < heard_ns)
            heard_ns = front_ns(&process->beats);
        if (heard_ns > process->probed_ns && heard_ns < process->deaf_ns)
            heard_ns = process->deaf_ns;
        if (heard_ns < next_ns)
            next_ns = heard_ns;
    }
    if (front_ns(&process->timers) < next_ns)
        next_ns = front_ns(&process->timers);
    if (next_ns < process->start_ns)
        next_ns = process->start_ns;
    if (next_ns < process->busy_ns)
        next_ns = process->busy_ns;
    if (next_ns < process->net->now_ns)
        next_ns = process->net->now_ns;
    if (next_ns >= process->stop_ns && next_ns < process->cont_ns)
        next_ns = process->cont_ns;
    return next_ns;
}

/* Something has changed that may bring its next turn forward. Of those who are
 * due at the same time, anybody may be the first. */
static void plan_turn(struct process *process)
{
    struct fake_net *net = process->net;
    int64_t next_ns = next_turn_ns(process);
    if (next_ns >= process->due_ns)
        return;
    process->due_ns = next_ns;
    enqueue(&net->agenda,
            (struct entry){next_ns, rng_next(&net->rng), process});
}

void fake_net_begin_turn(struct fake_net *net)
{
    net->meter =
        (struct meter){.began_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID),
                       .began_ns = clock_ns(CLOCK_MONOTONIC)};
}

struct fake_net *fake_net_new(const struct fake_net_config *config)
{
    struct fake_net *net = not_null(calloc(1, sizeof(*net)));
    net->config = *config;
    net->rng.state = config->seed;
    net->now_ns = FAKE_START_NS;
    net->count = config->size + config->extras;
    net->processes =
        not_null(calloc((size_t)net->count, sizeof(*net->processes)));
    for (int i = 0; i < net->count; i++) {
        struct process *process = &net->processes[i];
        process->net = net;
        process->number = i;
        process->until_ns = process->due_ns = JS_NEVER_NS;
        process->stop_ns = process->cont_ns = process->cut_ns = JS_NEVER_NS;
    }
    /* The master asks for the time before its first turn. */
    fake_net_begin_turn(net);
    return net;
}

static void empty_inbox(struct process *process)
{
    while (process->inbox.count > 0)
        free(dequeue(&process->inbox).what);
    while (process->beats.count > 0)
        free(dequeue(&process->beats).what);
}

void fake_net_free(struct fake_net *net)
{
    if (!net)
        return;
    for (int i = 0; i < net->count; i++) {
        struct process *process = &net->processes[i];
        empty_inbox(process);
        free(process->inbox.entries);
        free(process->beats.entries);
        free(process->timers.entries);
        free(process->taken);
    }
    for (size_t i = 0; i < net->parcel_count; i++)
        free(net->parcels[i].envelope);
    free(net->parcels);
    free(net->agenda.entries);
    free(net->processes);
    free(net);
}

void fake_net_add(struct fake_net *net, int number, int64_t start_ns,
                  fake_turn_fn turn, void *arg)
{
    struct process *process = &net->processes[number];
    process->turn = turn;
    process->arg = arg;
    process->start_ns = start_ns;
    process->until_ns = start_ns;
    plan_turn(process);
}

void fake_net_stop(struct fake_net *net, int number, int64_t from_ns,
                   int64_t until_ns)
{
    net->processes[number].stop_ns = from_ns;
    net->processes[number].cont_ns = until_ns;
}

void fake_net_cut(struct fake_net *net, int number, int64_t from_ns)
{
    net->processes[number].cut_ns = from_ns;
}

void fake_net_wake(struct fake_net *net, int number, int64_t at_ns)
{
    struct process *process = &net->processes[number];
    enqueue(&process->timers, (struct entry){.at_ns = at_ns});
    plan_turn(process);
}

int64_t fake_net_now_ns(const struct fake_net *net)
{
    return net->now_ns;
}

uint64_t fake_net_turns(const struct fake_net *net, int number)
{
    return net->processes[number].turns;
}

uint64_t fake_net_sent(const struct fake_net *net, enum js_tag tag)
{
    return net->sent[tag];
}

int fake_net_most_unread(const struct fake_net *net, enum js_tag tag)
{
    return net->most_unread[tag];
}

size_t fake_net_longest(const struct fake_net *net, enum js_tag tag)
{
    return net->longest[tag];
}

int64_t fake_net_left_ns(const struct fake_net *net, int number)
{
    const struct process *process = &net->processes[number];
    return process->has_left ? process->left_ns : JS_NEVER_NS;
}

bool fake_net_has_left(const struct fake_net *net, int number)
{
    return net->processes[number].has_left;
}

void fake_net_load(const struct fake_net *net, struct fake_load *ret)
{
    *ret = net->load;
}

int64_t fake_net_last_ns(const struct fake_net *net, enum js_tag tag)
{
    return net->last_ns[tag];
}

/* ---------------------------------------------------------------- messages */

static int64_t delay_of_ns(struct fake_net *net, size_t len)
{
    if (net->config.is_metered)
        return FAKE_MESSAGE_NS + FAKE_KIB_NS * (int64_t)len / 1024;
    uint64_t most = (uint64_t)net->config.delay_max_ns;
    int64_t delay_ns = JS_NS_PER_US + (int64_t)rng_below(&net->rng, most);
    if (len > LONG)
        delay_ns += (int64_t)rng_below(&net->rng, 5 * most);
    return delay_ns;
}

/* It leaves at `sent_ns`, and arrives behind those sent before it. */
static void deliver(struct process *to, struct envelope *envelope,
                    int64_t sent_ns)
{
    struct fake_net *net = to->net;
    int64_t *last_ns = envelope->from == 0
                           ? &to->arrived_ns
                           : &net->processes[envelope->from].reached_ns;
    int64_t arrival_ns = sent_ns + delay_of_ns(net, envelope->len);
    if (arrival_ns < *last_ns)
        arrival_ns = *last_ns;
    *last_ns = arrival_ns;
    enqueue(envelope->tag == JS_TAG_BEAT ? &to->beats : &to->inbox,
            (struct entry){arrival_ns, net->messages++, envelope});
    plan_turn(to);
}

static void keep_parcel(struct fake_net *net, struct parcel parcel)
{
    if (net->parcel_count == net->parcel_room) {
        net->parcel_room = 2 * net->parcel_room + 64;
        net->parcels = not_null(
            realloc(net->parcels, net->parcel_room * sizeof(*net->parcels)));
    }
    net->parcels[net->parcel_count++] = parcel;
}

static void post_envelope(struct process *from, struct process *to,
                          enum js_tag tag, const void *bytes, size_t len)
{
    struct fake_net *net = from->net;
    net->sent[tag]++;
    net->last_ns[tag] = net->now_ns;
    net->load.bytes += len;
    if (len > net->longest[tag])
        net->longest[tag] = len;
    if (to->has_left || net->now_ns >= from->cut_ns ||
        net->now_ns >= to->cut_ns)
        return;
    struct envelope *envelope = not_null(malloc(sizeof(*envelope) + len));
    to->unread++;
    if (++to->unread_of[tag] > net->most_unread[tag])
        net->most_unread[tag] = to->unread_of[tag];
    *envelope = (struct envelope){from->number, tag, len};
    if (len > 0)
        memcpy(envelope->bytes, bytes, len);
    if (from->number == 0 && net->config.is_metered)
        keep_parcel(net, (struct parcel){to, envelope,
                                         clock_ns(CLOCK_MONOTONIC) -
                                             net->meter.began_ns});
    else
        deliver(to, envelope,
                net->now_ns + (from->number == 0 ? net->age_ns : 0));
}

static int check_peer(struct process *from, int peer, struct js_err *err)
{
    if (peer >= 0 && peer < from->net->config.size &&
        (peer == 0) != (from->number == 0))
        return 0;
    fake_net_complain(from->net, "a message to nobody");
    return js_err_set(err, "a message to nobody");
}

static int send_job(void *self, int peer, bool is_near,
                    const struct js_wire_job *job, struct js_err *err)
{
    (void)is_near;
    struct process *from = self;
    int64_t entered_ns = enter_link(from);
    if (check_peer(from, peer, err) < 0)
        return -1;
    struct process *to = &from->net->processes[peer];
    if (to->unread >= FAKE_UNREAD_MAX)
        fake_net_complain(from->net, "sending a job would wait for the slave");
    post_envelope(from, to, JS_TAG_JOB, job, sizeof(*job));
    leave_link(from, entered_ns);
    return 0;
}

static int post(void *self, int peer, enum js_tag tag, const void *bytes,
                size_t len, struct js_err *err)
{
    struct process *from = self;
    int64_t entered_ns = enter_link(from);
    if (check_peer(from, peer, err) < 0)
        return -1;
    if (len > JS_WIRE_MAX) {
        fake_net_complain(from->net, "a message is too long");
        return js_err_set(err, "a message is too long");
    }
    post_envelope(from, &from->net->processes[peer], tag, bytes, len);
    leave_link(from, entered_ns);
    return 0;
}

/* False: nothing has arrived by now. */
static bool take_message(struct process *to, bool is_beat,
                         struct js_message *ret)
{
    struct queue *queue = &to->beats;
    /* What was returned before is gone: a sanitizer sees who still reads it. */
    free(to->taken);
    to->taken = NULL;
    if (!is_beat && to->inbox.count > 0 &&
        (to->beats.count == 0 ||
         is_before(&to->inbox.entries[0], &to->beats.entries[0])))
        queue = &to->inbox;
    if (front_ns(queue) > to->net->now_ns)
        return false;
    struct envelope *envelope = dequeue(queue).what;
    to->unread--;
    to->unread_of[envelope->tag]--;
    to->taken = envelope;
    if (to->number == 0) {
        to->net->meter.messages++;
        to->net->age_ns += to->net->config.cost_ns[envelope->tag];
    }
    *ret = (struct js_message){envelope->from, envelope->tag, envelope->bytes,
                               envelope->len};
    return true;
}

static int receive(void *self, struct js_message *ret, struct js_err *err)
{
    struct process *to = self;
    (void)err;
    int64_t entered_ns = enter_link(to);
    bool is_there = take_message(to, false, ret);
    leave_link(to, entered_ns);
    return is_there;
}

static int receive_beat(void *self, struct js_message *ret, struct js_err *err)
{
    struct process *to = self;
    (void)err;
    int64_t entered_ns = enter_link(to);
    bool is_there = take_message(to, true, ret);
    leave_link(to, entered_ns);
    return is_there;
}

/* CPU time of the master's turn so far, without the link's. */
static int64_t used_ns(const struct meter *meter)
{
    int64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - meter->began_cpu_ns;
    return cpu_ns > meter->link_ns ? cpu_ns - meter->link_ns : 0;
}

static int64_t now_ns(void *self)
{
    const struct process *process = self;
    const struct fake_net *net = process->net;
    if (process->number != 0)
        return net->now_ns;
    if (!net->config.is_metered)
        return net->now_ns + net->age_ns;
    int64_t entered_ns = enter_link(process);
    double age_ns = (double)used_ns(&net->meter) * net->config.cpu_scale +
                    (double)(FAKE_CALL_NS * net->meter.messages);
    leave_link(process, entered_ns);
    return net->now_ns + (int64_t)age_ns;
}

/* ---------------------------------------------------------------- time */

/* Who is next, NULL if nobody ever. */
static struct process *next_process(struct fake_net *net)
{
    while (net->agenda.count > 0) {
        struct entry entry = dequeue(&net->agenda);
        struct process *process = entry.what;
        if (entry.at_ns != process->due_ns)
            continue; /* it has been due earlier */
        process->due_ns = JS_NEVER_NS;
        int64_t next_ns = next_turn_ns(process);
        if (next_ns > entry.at_ns && next_ns > net->now_ns) {
            plan_turn(process);
            continue;
        }
        if (next_ns > net->now_ns) {
            net->now_ns = next_ns;
            net->turns_at_once = 0;
        }
        return process;
    }
    return NULL;
}

static void drop_timers(struct process *process)
{
    while (front_ns(&process->timers) <= process->net->now_ns)
        dequeue(&process->timers);
}

static bool has_gone_wrong(struct fake_net *net)
{
    uint64_t size = (uint64_t)net->count;
    bool is_stuck = ++net->turns_at_once > TURNS_AT_ONCE + 100 * size;
    bool is_endless = ++net->turns > TURNS_MAX && !net->config.is_metered;
    if (is_stuck)
        fake_net_complain(net, "somebody does not wait");
    if (is_endless)
        fake_net_complain(net, "the run does not end");
    return is_stuck || is_endless;
}

static void take_turn(struct process *process)
{
    const struct fake_net *net = process->net;
    process->turns++;
    process->until_ns = JS_NEVER_NS;
    process->deaf_ns = 0;
    drop_timers(process);
    if (net->config.entered)
        net->config.entered(net->config.arg, process->number);
    int rc = process->turn(process->arg);
    if (net->config.entered)
        net->config.entered(net->config.arg, FAKE_LINK);
    if (rc == 0)
        return;
    /* One that is cut off may well. */
    if (rc < 0 && net->now_ns < process->cut_ns)
        fake_net_complain(process->net, "a process broke");
    process->has_left = true;
    process->left_ns = net->now_ns;
    empty_inbox(process);
}

static void note_wait(struct process *process, int64_t until_ns,
                      int64_t patience_ns)
{
    struct fake_net *net = process->net;
    if (net->config.is_restless) {
        int64_t early_ns = net->now_ns + JS_NS_PER_US +
                           (int64_t)rng_below(&net->rng, 5 * JS_NS_PER_MS);
        until_ns = early_ns < until_ns ? early_ns : until_ns;
    }
    process->until_ns = until_ns;
    process->probed_ns =
        process->busy_ns > net->now_ns ? process->busy_ns : net->now_ns;
    process->deaf_ns = process->probed_ns + patience_ns;
    plan_turn(process);
}

/* The master's turn has taken its time, and what it sent leaves within it. */
static void end_metered_turn(struct fake_net *net)
{
    struct fake_load *load = &net->load;
    const struct meter *meter = &net->meter;
    int64_t own_ns = used_ns(meter);
    int64_t elapsed_ns = clock_ns(CLOCK_MONOTONIC) - meter->began_ns;
    uint64_t messages = meter->messages + net->parcel_count;
    int64_t turn_ns = (int64_t)((double)own_ns * net->config.cpu_scale) +
                      FAKE_CALL_NS * (int64_t)messages;
    load->messages += messages;
    load->turns++;
    load->busy_ns += turn_ns;
    if (turn_ns > load->longest_ns)
        load->longest_ns = turn_ns;
    net->processes[0].busy_ns = net->now_ns + turn_ns;
    for (size_t i = 0; i < net->parcel_count; i++) {
        const struct parcel *parcel = &net->parcels[i];
        double share = (double)parcel->age_ns / (double)(elapsed_ns + 1);
        deliver(parcel->to, parcel->envelope,
                net->now_ns + (int64_t)(share * (double)turn_ns));
    }
    net->parcel_count = 0;
}

/* True if one of the descriptors has an event. */
static bool has_event(struct pollfd *fds, nfds_t count)
{
    return count > 0 && poll(fds, count, 0) > 0;
}

/* Lets the others go on until it is the master's turn. */
static int wait_as_master(struct process *master, struct pollfd *fds,
                          nfds_t count, struct js_err *err)
{
    struct fake_net *net = master->net;
    master->turns++;
    for (;;) {
        if (has_event(fds, count)) /* seen soon, but not in no time */
            fake_net_wake(net, 0, net->now_ns + 20 * JS_NS_PER_US);
        struct process *next = next_process(net);
        if (!next)
            fake_net_complain(net, "everybody waits for ever");
        if (!next || has_gone_wrong(net))
            return js_err_set(err, "%s", net->complaint);
        if (next == master)
            break;
        take_turn(next);
    }
    master->until_ns = JS_NEVER_NS;
    drop_timers(master);
    return 0;
}

static int wait_link(void *self, struct pollfd *fds, nfds_t count,
                     int64_t until_ns, int64_t patience_ns, struct js_err *err)
{
    struct process *process = self;
    struct fake_net *net = process->net;
    int rc = 0;
    enter_link(process);
    if (process->number == 0 && net->config.is_metered)
        end_metered_turn(net);
    if (process->number == 0 && net->age_ns > 0) {
        process->busy_ns = net->now_ns + net->age_ns;
        net->age_ns = 0;
    }
    note_wait(process, until_ns, patience_ns);
    if (process->number == 0) {
        rc = wait_as_master(process, fds, count, err);
        fake_net_begin_turn(net);
    }
    leave_link(process, 0);
    return rc;
}

void fake_net_finish(struct fake_net *net)
{
    struct process *next;
    net->processes[0].has_left = true;
    while ((next = next_process(net)) && !has_gone_wrong(net))
        take_turn(next);
}

static const struct js_link_ops fake_ops = {
    .send_job = send_job,
    .post = post,
    .receive = receive,
    .receive_beat = receive_beat,
    .wait = wait_link,
    .now_ns = now_ns,
};

struct js_link fake_net_link(struct fake_net *net, int rank)
{
    return (struct js_link){.ops = &fake_ops,
                            .self = &net->processes[rank],
                            .rank = rank,
                            .size = net->config.size};
}
