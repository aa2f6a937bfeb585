#include "fake_link.h"

#include "base/clock.h"
#include "rng.h"

#include <stdlib.h>
#include <string.h>

enum {
    LONG = 1024,             /* bytes; such a message takes longer */
    TURNS_AT_ONCE = 100000,  /* in no time: somebody does not wait */
    TURNS_MAX = 3 * 1000000, /* of a whole run */
};

struct envelope {
    struct envelope *next;
    int64_t arrival_ns;
    int from;
    enum js_tag tag;
    size_t len;
    char bytes[];
};

struct process {
    struct fake_net *net;
    int number;
    fake_turn_fn turn; /* NULL: not there (or the master) */
    void *arg;
    int64_t start_ns;
    int64_t until_ns; /* when its wait ends */
    int64_t deaf_ns;  /* until then a message does not wake it */
    int64_t stop_ns, cont_ns;
    int64_t cut_ns;
    struct envelope *inbox;   /* in the order of arrival */
    struct envelope *taken;   /* what receive() returned last */
    int64_t *last_arrival_ns; /* at this one, by sender */
    int *unread;              /* sent to this one, by sender */
    int unread_of[JS_TAG_COUNT];
    int64_t *timers;
    size_t timer_count, timer_room;
    bool has_left;
    int64_t left_ns;
    uint64_t turns;
};

struct fake_net {
    struct fake_net_config config;
    struct rng rng;
    int64_t now_ns;
    struct process *processes;
    int count;
    uint64_t sent[JS_TAG_COUNT];
    size_t longest[JS_TAG_COUNT];
    int most_unread[JS_TAG_COUNT];
    uint64_t turns, turns_at_once;
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

/* ---------------------------------------------------------------- life */

struct fake_net *fake_net_new(const struct fake_net_config *config)
{
    struct fake_net *net = not_null(calloc(1, sizeof(*net)));
    net->config = *config;
    net->rng.state = config->seed;
    net->now_ns = FAKE_START_NS;
    net->count = config->size + config->extras;
    size_t count = (size_t)net->count;
    net->processes = not_null(calloc(count, sizeof(*net->processes)));
    for (int i = 0; i < net->count; i++) {
        struct process *process = &net->processes[i];
        process->net = net;
        process->number = i;
        process->until_ns = JS_NEVER_NS;
        process->stop_ns = process->cont_ns = process->cut_ns = JS_NEVER_NS;
        process->last_arrival_ns =
            not_null(calloc(count, sizeof(*process->last_arrival_ns)));
        process->unread = not_null(calloc(count, sizeof(*process->unread)));
    }
    return net;
}

static void empty_inbox(struct process *process)
{
    struct envelope *envelope;
    while ((envelope = process->inbox)) {
        process->inbox = envelope->next;
        free(envelope);
    }
}

void fake_net_free(struct fake_net *net)
{
    if (!net)
        return;
    for (int i = 0; i < net->count; i++) {
        struct process *process = &net->processes[i];
        empty_inbox(process);
        free(process->taken);
        free(process->last_arrival_ns);
        free(process->unread);
        free(process->timers);
    }
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
    if (process->timer_count == process->timer_room) {
        process->timer_room = 2 * process->timer_room + 8;
        process->timers = not_null(realloc(
            process->timers, process->timer_room * sizeof(*process->timers)));
    }
    process->timers[process->timer_count++] = at_ns;
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

/* ---------------------------------------------------------------- messages */

static int64_t random_delay_ns(struct fake_net *net, size_t len)
{
    uint64_t most = (uint64_t)net->config.delay_max_ns;
    int64_t delay_ns = JS_NS_PER_US + (int64_t)rng_below(&net->rng, most);
    if (len > LONG)
        delay_ns += (int64_t)rng_below(&net->rng, 5 * most);
    return delay_ns;
}

/* Behind all that arrive no later. */
static void put_into_inbox(struct process *to, struct envelope *envelope)
{
    struct envelope **at = &to->inbox;
    while (*at && (*at)->arrival_ns <= envelope->arrival_ns)
        at = &(*at)->next;
    envelope->next = *at;
    *at = envelope;
}

static void post_envelope(struct process *from, struct process *to,
                          enum js_tag tag, const void *bytes, size_t len)
{
    struct fake_net *net = from->net;
    net->sent[tag]++;
    if (len > net->longest[tag])
        net->longest[tag] = len;
    if (to->has_left || net->now_ns >= from->cut_ns ||
        net->now_ns >= to->cut_ns)
        return;
    struct envelope *envelope = not_null(malloc(sizeof(*envelope) + len));
    int64_t arrival_ns = net->now_ns + random_delay_ns(net, len);
    if (arrival_ns < to->last_arrival_ns[from->number])
        arrival_ns = to->last_arrival_ns[from->number];
    to->last_arrival_ns[from->number] = arrival_ns;
    to->unread[from->number]++;
    if (++to->unread_of[tag] > net->most_unread[tag])
        net->most_unread[tag] = to->unread_of[tag];
    *envelope = (struct envelope){
        .arrival_ns = arrival_ns, .from = from->number, .tag = tag, .len = len};
    if (len > 0)
        memcpy(envelope->bytes, bytes, len);
    put_into_inbox(to, envelope);
}

static int check_peer(struct process *from, int peer, struct js_err *err)
{
    if (peer >= 0 && peer < from->net->config.size && peer != from->number)
        return 0;
    fake_net_complain(from->net, "a message to nobody");
    return js_err_set(err, "a message to nobody");
}

static int send_job(void *self, int peer, bool is_near,
                    const struct js_wire_job *job, struct js_err *err)
{
    (void)is_near;
    struct process *from = self;
    if (check_peer(from, peer, err) < 0)
        return -1;
    struct process *to = &from->net->processes[peer];
    if (to->unread[from->number] >= FAKE_UNREAD_MAX)
        fake_net_complain(from->net, "sending a job would wait for the slave");
    post_envelope(from, to, JS_TAG_JOB, job, sizeof(*job));
    return 0;
}

static int post(void *self, int peer, enum js_tag tag, const void *bytes,
                size_t len, struct js_err *err)
{
    struct process *from = self;
    if (check_peer(from, peer, err) < 0)
        return -1;
    if (len > JS_WIRE_MAX) {
        fake_net_complain(from->net, "a message is too long");
        return js_err_set(err, "a message is too long");
    }
    post_envelope(from, &from->net->processes[peer], tag, bytes, len);
    return 0;
}

static int receive(void *self, struct js_message *ret, struct js_err *err)
{
    struct process *to = self;
    struct envelope *envelope = to->inbox;
    (void)err;
    /* What was returned before is gone: a sanitizer sees who still reads it. */
    free(to->taken);
    to->taken = NULL;
    if (!envelope || envelope->arrival_ns > to->net->now_ns)
        return 0;
    to->inbox = envelope->next;
    to->unread[envelope->from]--;
    to->unread_of[envelope->tag]--;
    to->taken = envelope;
    *ret = (struct js_message){envelope->from, envelope->tag, envelope->bytes,
                               envelope->len};
    return 1;
}

static int64_t now_ns(void *self)
{
    struct process *process = self;
    return process->net->now_ns;
}

/* ---------------------------------------------------------------- time */

/* When the process makes its next turn, JS_NEVER_NS if it does not. */
static int64_t next_turn_ns(const struct process *process)
{
    int64_t next_ns = process->until_ns;
    if (process->has_left)
        return JS_NEVER_NS;
    if (process->inbox) {
        int64_t heard_ns = process->inbox->arrival_ns;
        if (heard_ns < process->deaf_ns)
            heard_ns = process->deaf_ns;
        if (heard_ns < next_ns)
            next_ns = heard_ns;
    }
    for (size_t i = 0; i < process->timer_count; i++) {
        if (process->timers[i] < next_ns)
            next_ns = process->timers[i];
    }
    if (next_ns < process->start_ns)
        next_ns = process->start_ns;
    if (next_ns < process->net->now_ns)
        next_ns = process->net->now_ns;
    if (next_ns >= process->stop_ns && next_ns < process->cont_ns)
        next_ns = process->cont_ns;
    return next_ns;
}

/* Who is next, NULL if nobody ever; among equals, anybody. */
static struct process *next_process(struct fake_net *net, bool with_master)
{
    struct process *next = NULL;
    int64_t next_ns = JS_NEVER_NS;
    int first = (int)rng_below(&net->rng, (uint64_t)net->count);
    for (int i = 0; i < net->count; i++) {
        struct process *process = &net->processes[(first + i) % net->count];
        if (process->number == 0 ? !with_master : !process->turn)
            continue;
        int64_t at_ns = next_turn_ns(process);
        if (at_ns < next_ns) {
            next = process;
            next_ns = at_ns;
        }
    }
    if (next && next_ns > net->now_ns) {
        net->now_ns = next_ns;
        net->turns_at_once = 0;
    }
    return next;
}

static void drop_timers(struct process *process)
{
    size_t kept = 0;
    for (size_t i = 0; i < process->timer_count; i++) {
        if (process->timers[i] > process->net->now_ns)
            process->timers[kept++] = process->timers[i];
    }
    process->timer_count = kept;
}

static bool is_endless(struct fake_net *net)
{
    if (++net->turns_at_once > TURNS_AT_ONCE)
        fake_net_complain(net, "somebody does not wait");
    if (++net->turns > TURNS_MAX)
        fake_net_complain(net, "the run does not end");
    return net->turns_at_once > TURNS_AT_ONCE || net->turns > TURNS_MAX;
}

static void take_turn(struct process *process)
{
    process->turns++;
    process->until_ns = JS_NEVER_NS;
    process->deaf_ns = 0;
    drop_timers(process);
    int rc = process->turn(process->arg);
    if (rc == 0)
        return;
    /* One that is cut off may well. */
    if (rc < 0 && process->net->now_ns < process->cut_ns)
        fake_net_complain(process->net, "a process broke");
    process->has_left = true;
    process->left_ns = process->net->now_ns;
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
    process->deaf_ns = net->now_ns + patience_ns;
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
        struct process *next = next_process(net, true);
        if (!next)
            fake_net_complain(net, "everybody waits for ever");
        if (!next || is_endless(net))
            return js_err_set(err, "%s", net->complaint);
        if (next == master)
            break;
        take_turn(next);
    }
    drop_timers(master);
    return 0;
}

static int wait_link(void *self, struct pollfd *fds, nfds_t count,
                     int64_t until_ns, int64_t patience_ns, struct js_err *err)
{
    struct process *process = self;
    note_wait(process, until_ns, patience_ns);
    return process->number == 0 ? wait_as_master(process, fds, count, err) : 0;
}

void fake_net_finish(struct fake_net *net)
{
    struct process *next;
    net->processes[0].has_left = true;
    while ((next = next_process(net, false)) && !is_endless(net))
        take_turn(next);
}

static const struct js_link_ops fake_ops = {
    .send_job = send_job,
    .post = post,
    .receive = receive,
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
