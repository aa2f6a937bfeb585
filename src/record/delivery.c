#include "record/delivery.h"

#include "base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the lines */

static void hold_message(void *arg, const char *text)
{
    struct js_console *console = arg;
    js_buf_printf(&console->err_held, "jobsched: %s\n", text);
}

void js_console_init(struct js_console *console, struct js_outq *out,
                     struct js_outq *err)
{
    *console = (struct js_console){.out = out, .err = err};
    console->log = (struct js_log){hold_message, console};
}

void js_console_release(struct js_console *console)
{
    js_buf_release(&console->out_held);
    js_buf_release(&console->err_held);
}

void js_console_trace(struct js_console *console, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    js_buf_vprintf(&console->out_held, format, args);
    va_end(args);
}

/* A job's output may end without a newline; then our line begins with one. */
static void end_line(struct js_outq *outq)
{
    if (!js_outq_is_at_line_start(outq))
        js_outq_write(outq, "\n", 1);
}

void js_console_flush(struct js_console *console)
{
    struct js_outq *outqs[] = {console->out, console->err};
    struct js_buf *held[] = {&console->out_held, &console->err_held};
    for (int i = 0; i < 2; i++) {
        if (held[i]->len == 0)
            continue;
        end_line(outqs[i]);
        if (js_outq_write(outqs[i], held[i]->data, held[i]->len) == 0)
            held[i]->len = 0;
    }
}

void js_console_end_line(struct js_console *console)
{
    end_line(console->err);
}

size_t js_console_unwritten(const struct js_console *console)
{
    return console->out_held.len + console->err_held.len +
           js_outq_pending(console->out) + js_outq_pending(console->err);
}

/* ---------------------------------------------------------------- output */

enum { STREAMS = 2, MANY_JOBS = 64 };

/*
 * One of the two output queues, and how far our bytes in it have come. Other
 * code writes to the same output queue, which does not report how much, so
 * these bytes are counted only as far as the queue has visibly grown. Thus
 * `taken` may grow too slowly, but never too fast, and no byte is believed to
 * be written before it is.
 */
struct lane {
    struct js_outq *outq; /* borrowed */
    const char *name;
    uint64_t taken; /* bytes that went into the output queue, as far as known */
    size_t seen;    /* bytes unwritten at the last check */
    uint64_t mark;  /* `taken` after the last byte of ours */
};

/* A message for the holder of an output that is no longer needed. Until it is
 * sent, the output occupies the holder's disk. */
struct release {
    struct release *next;
    unsigned slave;
    uint64_t ticket;
};

struct entry {
    struct entry *next;
    struct js_completion completion; /* owns its job */
    uint64_t ticket;
    uint64_t left[STREAMS];  /* bytes not yet handed to the output queues */
    uint64_t mark[STREAMS];  /* of the lanes, when everything was handed over */
    struct release *release; /* allocated beforehand, so that it cannot fail */
    struct js_output_tail *tail; /* of a failed job, for its record; or NULL */
    const char *at;              /* inlined: the next byte; held: NULL */
    bool is_given_up;            /* its holder is gone */
    char bytes[];                /* room for what was inlined */
};

struct entry_list {
    struct entry *head;
    struct entry **tail; /* NULL when empty */
};

/*
 * A job moves from `queue` to `handed`, and is finished at the head of
 * `handed`: so jobs finish in the order in which they ended, except those that
 * wrote nothing. Between any two calls
 *
 *     waiting  == entries in queue + entries in handed
 *     unhanded == sum of left[] of the entries in queue; 0 for those in handed
 *     is_asked: `asked` is for the head of queue, which then is not removed
 */
struct js_delivery {
    struct lane lane[STREAMS];
    const struct js_log *log;
    js_finished_fn finished;
    void *arg;
    /* not everything has been handed over: it is the head's turn */
    struct entry_list queue;
    struct entry_list handed; /* all is handed over, not all is written */
    struct release *releases;
    uint64_t waiting;      /* entries in both lists */
    uint64_t withheld;     /* jobs that had ended, dropped from them */
    uint64_t unhanded;     /* bytes left in the queue */
    struct js_fetch asked; /* always for the head of the queue */
    bool is_asked;
};

static void list_push(struct entry_list *list, struct entry *entry)
{
    entry->next = NULL;
    if (!list->tail)
        list->tail = &list->head;
    *list->tail = entry;
    list->tail = &entry->next;
}

static struct entry *list_pop(struct entry_list *list)
{
    struct entry *entry = list->head;
    if (!entry)
        return NULL;
    list->head = entry->next;
    if (!list->head)
        list->tail = NULL;
    return entry;
}

/* ------------------------------------------------------------------ lanes */

/* Returns the position in the lane before which everything is known to be
 * written. In a lane that is gone, it no longer changes. */
static uint64_t lane_written(struct lane *lane)
{
    size_t unwritten = js_outq_pending(lane->outq) + js_outq_lost(lane->outq);
    if (unwritten > lane->seen)
        lane->taken += unwritten - lane->seen;
    lane->seen = unwritten;
    return lane->taken - unwritten;
}

static bool lane_is_gone(const struct lane *lane)
{
    return js_outq_error(lane->outq) != 0;
}

static int lane_write(struct lane *lane, const void *bytes, size_t len)
{
    lane_written(lane);
    if (js_outq_write(lane->outq, bytes, len) < 0)
        return -1;
    lane->taken += len;
    lane->seen = js_outq_pending(lane->outq) + js_outq_lost(lane->outq);
    lane->mark = lane->taken;
    return 0;
}

/* Both output queues may lead to one file. There the output of a job stays
 * whole only if all bytes in one queue are written before any go to the
 * other. */
static bool lane_may_write(struct js_delivery *delivery, unsigned stream)
{
    struct lane *other = &delivery->lane[1 - stream];
    return (lane_is_gone(other) || lane_written(other) >= other->mark) &&
           js_outq_pending(delivery->lane[stream].outq) <= JS_DELIVERY_WINDOW;
}

/* ---------------------------------------------------------------- entries */

static void entry_free(struct entry *entry)
{
    if (!entry)
        return;
    js_job_free(entry->completion.job);
    free(entry->release);
    free(entry->tail);
    free(entry);
}

/* Takes the job, unless it fails. Everything that its end needs is allocated
 * here, so that nothing can fail once output has been written. */
static struct entry *entry_new(const struct js_completion *completion,
                               uint64_t ticket, const char *inlined)
{
    const struct js_outcome *outcome = &completion->outcome;
    size_t room = inlined ? outcome->out_bytes + outcome->err_bytes : 0;
    struct js_output_tail tail;
    struct entry *entry = malloc(sizeof(*entry) + room);
    if (!entry)
        return NULL;
    *entry = (struct entry){
        .completion = *completion, .ticket = ticket, .at = inlined};
    entry->left[0] = outcome->out_bytes;
    entry->left[1] = outcome->err_bytes;
    if (!inlined) {
        entry->release = malloc(sizeof(*entry->release));
        if (!entry->release) {
            free(entry);
            return NULL;
        }
        *entry->release =
            (struct release){.slave = completion->slave, .ticket = ticket};
    }
    /* If there is no memory for the tail, the record lacks it. */
    if (js_output_tail_begin(&tail, outcome) &&
        (entry->tail = malloc(sizeof(*entry->tail)))) {
        bool is_error = tail.stream == 2;
        *entry->tail = tail;
        if (inlined)
            js_output_tail_add(
                entry->tail, is_error ? inlined + outcome->out_bytes : inlined,
                is_error ? outcome->err_bytes : outcome->out_bytes);
    }
    return entry;
}

static bool is_held(const struct entry *entry)
{
    return !entry->at;
}

static uint64_t bytes_of(const struct entry *entry, unsigned stream)
{
    const struct js_outcome *outcome = &entry->completion.outcome;
    return stream == 0 ? outcome->out_bytes : outcome->err_bytes;
}

/* Some of the job's output will never be written, so a success becomes a
 * failure. */
static void lose_output(struct entry *entry, int error)
{
    struct js_outcome *outcome = &entry->completion.outcome;
    if (!js_outcome_succeeded(outcome))
        return;
    outcome->step = JS_STEP_COLLECT;
    outcome->step_errno = error;
    outcome->exit_code = 126;
}

/* ------------------------------------------------------------- handing over */

/* Marks the next `len` bytes of the stream as handled. */
static void delivery_pass(struct js_delivery *delivery, struct entry *entry,
                          unsigned stream, uint64_t len)
{
    entry->left[stream] -= len;
    delivery->unhanded -= len;
    if (entry->at)
        entry->at += len;
}

/* True when nothing of the stream is left to hand over. */
static bool hand_stream(struct js_delivery *delivery, struct entry *entry,
                        unsigned stream)
{
    struct lane *lane = &delivery->lane[stream];
    uint64_t left = entry->left[stream];
    if (left == 0)
        return true;
    if (is_held(entry) && delivery->is_asked)
        return false;
    if (!entry->is_given_up) {
        if (is_held(entry) || lane_is_gone(lane) ||
            !lane_may_write(delivery, stream))
            return false;
        /* There is no memory: the next step tries again. */
        if (lane_write(lane, entry->at, left) < 0)
            return false;
    }
    delivery_pass(delivery, entry, stream, left);
    return true;
}

static void release_output(struct js_delivery *delivery, struct entry *entry)
{
    struct release *release = entry->release;
    entry->release = NULL;
    if (!release)
        return;
    release->next = delivery->releases;
    delivery->releases = release;
}

/* The job's output cannot be delivered, so it is as if the job had not run. */
static void withhold_entry(struct js_delivery *delivery, struct entry *entry)
{
    const struct js_completion *completion = &entry->completion;
    delivery->waiting--;
    delivery->withheld += completion->result == JS_ATTEMPT_RESULT_ENDED &&
                          completion->outcome.cause != JS_STOP_REASON_STOPPED;
    delivery->unhanded -= entry->left[0] + entry->left[1];
    release_output(delivery, entry);
    entry_free(entry);
}

static void delivery_hand_over(struct js_delivery *delivery)
{
    struct entry *head;
    while ((head = delivery->queue.head)) {
        if (!hand_stream(delivery, head, 0) || !hand_stream(delivery, head, 1))
            return;
        list_pop(&delivery->queue);
        release_output(delivery, head);
        for (int i = 0; i < STREAMS; i++)
            head->mark[i] = delivery->lane[i].mark;
        list_push(&delivery->handed, head);
    }
}

enum written { WRITTEN, WRITTEN_LATER, WRITTEN_NEVER };

static enum written look_at_written(struct js_delivery *delivery,
                                    const struct entry *entry)
{
    enum written all = WRITTEN;
    for (unsigned i = 0; i < STREAMS; i++) {
        struct lane *lane = &delivery->lane[i];
        if (bytes_of(entry, i) == 0 || lane_written(lane) >= entry->mark[i])
            continue;
        if (lane_is_gone(lane))
            return WRITTEN_NEVER;
        all = WRITTEN_LATER;
    }
    return all;
}

static void finish_written(struct js_delivery *delivery)
{
    struct entry *head;
    while ((head = delivery->handed.head)) {
        enum written written = look_at_written(delivery, head);
        if (written == WRITTEN_LATER)
            return;
        list_pop(&delivery->handed);
        if (written == WRITTEN_NEVER) {
            withhold_entry(delivery, head);
            continue;
        }
        delivery->waiting--;
        if (head->tail)
            js_output_tail_trim(head->tail);
        head->completion.tail = head->tail;
        delivery->finished(delivery->arg, &head->completion);
        head->completion.job = NULL;
        entry_free(head);
    }
}

static void delivery_settle(struct js_delivery *delivery)
{
    struct entry *head;
    delivery_hand_over(delivery);
    /* A fetch under way is for the head, which then stays. */
    while ((head = delivery->queue.head) && !delivery->is_asked) {
        bool is_cut_off = false;
        for (int i = 0; i < STREAMS; i++)
            is_cut_off |= head->left[i] > 0 && lane_is_gone(&delivery->lane[i]);
        if (!is_cut_off)
            break;
        list_pop(&delivery->queue);
        withhold_entry(delivery, head);
        delivery_hand_over(delivery);
    }
    finish_written(delivery);
}

/* ------------------------------------------------------------ the interface */

struct js_delivery *js_delivery_new(struct js_outq *out, struct js_outq *err,
                                    const struct js_log *log)
{
    struct js_delivery *delivery = calloc(1, sizeof(*delivery));
    if (!delivery)
        return NULL;
    delivery->lane[0] = (struct lane){.outq = out, .name = "standard output"};
    delivery->lane[1] = (struct lane){.outq = err, .name = "standard error"};
    delivery->log = log;
    return delivery;
}

void js_delivery_report_to(struct js_delivery *delivery,
                           js_finished_fn finished, void *arg)
{
    delivery->finished = finished;
    delivery->arg = arg;
}

void js_delivery_free(struct js_delivery *delivery)
{
    if (!delivery)
        return;
    int saved = errno;
    struct entry *entry;
    struct release *release;
    while ((entry = list_pop(&delivery->queue)))
        entry_free(entry);
    while ((entry = list_pop(&delivery->handed)))
        entry_free(entry);
    while ((release = delivery->releases)) {
        delivery->releases = release->next;
        free(release);
    }
    free(delivery);
    errno = saved;
}

int js_delivery_add(struct js_delivery *delivery,
                    const struct js_completion *completion, uint64_t ticket,
                    bool captured, const char *inlined)
{
    const struct js_outcome *outcome = &completion->outcome;
    if (!captured || (outcome->out_bytes == 0 && outcome->err_bytes == 0)) {
        delivery->finished(delivery->arg, completion);
        return 0;
    }
    struct entry *entry = entry_new(completion, ticket, inlined);
    if (!entry) {
        js_job_free(completion->job);
        return -1;
    }
    list_push(&delivery->queue, entry);
    delivery->waiting++;
    delivery->unhanded += outcome->out_bytes + outcome->err_bytes;
    delivery_hand_over(delivery);
    if (!is_held(entry)) {
        /* The caller's bytes are gone when this returns, so bytes that the
         * output queues did not take are kept. */
        memcpy(entry->bytes, entry->at, entry->left[0] + entry->left[1]);
        entry->at = entry->bytes;
    }
    delivery_settle(delivery);
    return 0;
}

bool js_delivery_next_fetch(struct js_delivery *delivery, struct js_fetch *ret)
{
    struct release *release = delivery->releases;
    if (release) {
        *ret = (struct js_fetch){.slave = release->slave,
                                 .ticket = release->ticket};
        delivery->releases = release->next;
        free(release);
        return true;
    }
    const struct entry *head = delivery->queue.head;
    if (!head || !is_held(head) || delivery->is_asked)
        return false;
    unsigned stream = head->left[0] > 0 ? 0 : 1;
    uint64_t left = head->left[stream];
    if (lane_is_gone(&delivery->lane[stream]) ||
        !lane_may_write(delivery, stream))
        return false;
    delivery->asked = (struct js_fetch){
        .slave = head->completion.slave,
        .ticket = head->ticket,
        .stream = stream,
        .offset = bytes_of(head, stream) - left,
        .length = left < JS_DELIVERY_CHUNK ? (uint32_t)left : JS_DELIVERY_CHUNK,
    };
    delivery->is_asked = true;
    *ret = delivery->asked;
    return true;
}

int js_delivery_fetched(struct js_delivery *delivery, unsigned slave,
                        uint64_t ticket, uint32_t stream, uint64_t offset,
                        const void *bytes, size_t len, int error)
{
    const struct js_fetch *asked = &delivery->asked;
    if (!delivery->is_asked || asked->slave != slave ||
        asked->ticket != ticket || asked->stream != stream ||
        asked->offset != offset || len > asked->length) {
        errno = EPROTO;
        return -1;
    }
    struct entry *head = delivery->queue.head;
    struct lane *lane = &delivery->lane[stream];
    delivery->is_asked = false;
    if (!lane_is_gone(lane)) {
        /* The piece is not counted, so it will be fetched again. */
        if (len > 0 && lane_write(lane, bytes, len) < 0)
            return -1;
        delivery_pass(delivery, head, stream, len);
        if (head->tail && head->tail->stream == stream + 1)
            js_output_tail_add(head->tail, bytes, len);
        if (len == 0 || error) {
            uint64_t left = head->left[stream];
            uint64_t all = bytes_of(head, stream);
            if (!error)
                error = EIO;
            js_log(delivery->log,
                   "job %" PRIu64 ": only %" PRIu64 " of the %" PRIu64
                   " bytes of its %s could be read on %s: %s",
                   head->completion.job->id, all - left, all, lane->name,
                   head->completion.host, js_errno_text(error));
            lose_output(head, error);
            delivery_pass(delivery, head, stream, left);
        }
    }
    delivery_settle(delivery);
    return 0;
}

/* Returns how many jobs lose their output; *ret_first is one of them. */
static uint64_t give_up_slave(struct js_delivery *delivery, unsigned slave,
                              const struct entry **ret_first)
{
    uint64_t count = 0;
    for (struct entry *e = delivery->queue.head; e; e = e->next) {
        if (!is_held(e) || e->is_given_up || e->completion.slave != slave)
            continue;
        e->is_given_up = true;
        lose_output(e, EHOSTDOWN);
        free(e->release);
        e->release = NULL;
        if (count++ == 0)
            *ret_first = e;
    }
    return count;
}

void js_delivery_lost(struct js_delivery *delivery, unsigned slave)
{
    const struct entry *first = NULL;
    /* No holder is left to forget an output that is no longer needed. */
    for (struct release **at = &delivery->releases; *at;) {
        struct release *release = *at;
        if (release->slave != slave) {
            at = &release->next;
            continue;
        }
        *at = release->next;
        free(release);
    }
    if (delivery->is_asked && delivery->asked.slave == slave)
        delivery->is_asked = false;
    uint64_t count = give_up_slave(delivery, slave, &first);
    if (count == 1) {
        js_log(delivery->log,
               "job %" PRIu64 " has ended, but its output was lost with slave "
               "%u on %s",
               first->completion.job->id, slave, first->completion.host);
    } else if (count > 1) {
        js_log(delivery->log,
               "%" PRIu64 " jobs have ended, but their output was lost with "
               "slave %u on %s; the first of them is job %" PRIu64,
               count, slave, first->completion.host, first->completion.job->id);
    }
    delivery_settle(delivery);
}

void js_delivery_step(struct js_delivery *delivery)
{
    for (int i = 0; i < STREAMS; i++)
        js_outq_flush(delivery->lane[i].outq);
    delivery_settle(delivery);
}

struct js_delivery_state js_delivery_look(const struct js_delivery *delivery)
{
    const struct entry *head = delivery->queue.head;
    uint64_t bytes = delivery->unhanded;
    for (int i = 0; i < STREAMS; i++)
        bytes += js_outq_pending(delivery->lane[i].outq);
    return (struct js_delivery_state){
        .waiting = delivery->waiting,
        .withheld = delivery->withheld,
        .is_fetching = delivery->is_asked,
        .is_within_job =
            head && head->left[0] +
                        head->left[1]<bytes_of(head, 0) + bytes_of(head, 1),
                                      .is_behind = bytes>
                            JS_DELIVERY_WINDOW ||
            delivery->waiting > MANY_JOBS,
    };
}
