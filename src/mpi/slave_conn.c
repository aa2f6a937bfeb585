#include "mpi/slave_conn.h"

#include <stdlib.h>
#include <string.h>

void js_slave_conn_release(struct js_slave_conn *conn)
{
    js_slave_conn_take_away(conn);
    free(conn->outgoing);
    js_buf_release(&conn->home);
    js_buf_release(&conn->setup);
    js_buf_release(&conn->releases);
    js_buf_release(&conn->ends);
    free(conn->homes);
}

static void slave_conn_enqueue(struct js_slave_conn *conn)
{
    if (conn->is_queued)
        return;
    conn->is_queued = true;
    conn->next = NULL;
    if (conn->queue->first)
        conn->queue->last->next = conn;
    else
        conn->queue->first = conn;
    conn->queue->last = conn;
}

struct js_slave_conn *js_slave_conn_next(struct js_slave_conn_queue *queue)
{
    struct js_slave_conn *conn = queue->first;
    if (!conn)
        return NULL;
    queue->first = conn->next;
    conn->is_queued = false;
    return conn;
}

int js_slave_conn_post(struct js_slave_conn *conn, enum js_tag tag, int packed,
                       struct js_err *err)
{
    int rc = packed < 0 ? js_master_no_memory(err)
                        : js_link_post(conn->link, conn->rank, tag,
                                       &conn->queue->out, err);
    conn->queue->out.len = 0;
    return rc;
}

/* ---------------------------------------------------------------- texts */

static void slave_conn_begin_text(struct js_slave_conn *conn, const char *text,
                                  size_t len)
{
    conn->text = text;
    conn->text_len = len;
    conn->text_sent = 0;
}

/* Sends the next piece of the text if the last one was acknowledged. Returns 1
 * when the slave has all of it, 0 if not yet, or -1 with *err. */
static int slave_conn_send_text(struct js_slave_conn *conn, struct js_err *err)
{
    if (conn->acknowledged.text_bytes < conn->text_total)
        return 0;
    if (conn->text_sent == conn->text_len)
        return 1;
    size_t len = conn->text_len - conn->text_sent;
    if (len > JS_WIRE_CHUNK)
        len = JS_WIRE_CHUNK;
    int packed =
        js_buf_append(&conn->queue->out, conn->text + conn->text_sent, len);
    if (js_slave_conn_post(conn, JS_TAG_TEXT, packed, err) < 0)
        return -1;
    conn->text_sent += len;
    conn->text_total += len;
    conn->queue->text_bytes += len;
    return 0;
}

int js_slave_conn_set_up(struct js_slave_conn *conn,
                         const struct js_wire_setup *setup,
                         const struct js_buf *text, struct js_err *err)
{
    if (js_wire_pack_setup(&conn->setup, setup) < 0)
        return js_master_no_memory(err);
    slave_conn_begin_text(conn, text->data, text->len);
    slave_conn_enqueue(conn);
    return 0;
}

/* ---------------------------------------------------------------- jobs */

/* Most slaves never have many jobs on their way at once. */
enum { OUTGOING_FEW = 4 };

void js_slave_conn_queue_release(struct js_slave_conn_queue *queue)
{
    while (queue->spare_count > 0)
        free(queue->spares[--queue->spare_count]);
    js_buf_release(&queue->out);
}

static int slave_conn_reserve(struct js_slave_conn *conn)
{
    struct js_slave_conn_queue *queue = conn->queue;
    if (conn->outgoing_count < conn->outgoing_capacity)
        return 0;
    if (conn->outgoing_capacity <= OUTGOING_FEW && queue->spare_count > 0) {
        struct js_outgoing_job *spare = queue->spares[--queue->spare_count];
        for (unsigned i = 0; i < conn->outgoing_count; i++)
            spare[i] = conn->outgoing[i];
        free(conn->outgoing);
        conn->outgoing = spare;
        conn->outgoing_capacity = JS_SCHEDULER_CREDIT;
        return 0;
    }
    unsigned capacity = OUTGOING_FEW;
    if (conn->outgoing)
        capacity = 2 * conn->outgoing_capacity;
    if (conn->outgoing && capacity < JS_SCHEDULER_CREDIT)
        capacity = JS_SCHEDULER_CREDIT;
    struct js_outgoing_job *outgoing =
        realloc(conn->outgoing, capacity * sizeof(*outgoing));
    if (!outgoing)
        return -1;
    conn->outgoing = outgoing;
    conn->outgoing_capacity = capacity;
    return 0;
}

/* The text is appended to the allocation only if there is one. Otherwise it is
 * sent from the job itself, without a copy. */
int js_slave_conn_give(struct js_slave_conn *conn,
                       const struct js_outgoing_job *outgoing)
{
    const struct js_job *job = outgoing->job;
    struct js_buf allocation = outgoing->allocation;
    uint32_t len = (uint32_t)allocation.len;
    if (slave_conn_reserve(conn) < 0 ||
        (len > 0 && js_buf_append(&allocation, job->text,
                                  job->details_len + job->command_len) < 0)) {
        js_buf_release(&allocation);
        return -1;
    }
    struct js_outgoing_job *own = &conn->outgoing[conn->outgoing_count++];
    *own = *outgoing;
    own->allocation = allocation;
    own->allocation_len = len;
    slave_conn_enqueue(conn);
    return 0;
}

void js_slave_conn_take_away(struct js_slave_conn *conn)
{
    for (unsigned i = 0; i < conn->outgoing_count; i++)
        js_buf_release(&conn->outgoing[i].allocation);
    conn->outgoing_count = 0;
    conn->ends.len = 0;
    conn->text = NULL;
}

static const char *slave_conn_text_of(const struct js_outgoing_job *outgoing,
                                      size_t *ret_len)
{
    const struct js_job *job = outgoing->job;
    *ret_len = outgoing->allocation_len > 0
                   ? outgoing->allocation.len
                   : job->details_len + job->command_len;
    return outgoing->allocation_len > 0 ? outgoing->allocation.data : job->text;
}

/* Fills in everything but the text, which is returned. */
static const char *slave_conn_write_head(struct js_slave_conn *conn,
                                         const struct js_outgoing_job *outgoing,
                                         uint32_t inline_max,
                                         struct js_wire_job *ret)
{
    size_t len;
    const char *text = slave_conn_text_of(outgoing, &len);
    js_wire_job_of(ret, outgoing->job, outgoing->ticket, outgoing->slot);
    ret->text_len = (uint32_t)len;
    ret->allocation_len = outgoing->allocation_len;
    ret->data_limit_bytes = outgoing->data_limit_bytes;
    ret->inline_max = inline_max;
    ret->beat = conn->beat_owed;
    conn->beat_owed = 0;
    return text;
}

/* Jobs leave in the order in which they were given: the slave derives their
 * slots from it (mpi/slave_queue.h). */
static void slave_conn_drop_outgoing(struct js_slave_conn *conn, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (conn->outgoing[i].allocation.data)
            js_buf_release(&conn->outgoing[i].allocation);
    }
    conn->outgoing_count -= count;
    if (conn->outgoing_count > 0)
        memmove(&conn->outgoing[0], &conn->outgoing[count],
                conn->outgoing_count * sizeof(conn->outgoing[0]));
    conn->jobs_sent += count;
    conn->text = NULL;
    if (conn->outgoing_count > 0 || conn->outgoing_capacity == OUTGOING_FEW)
        return;
    struct js_slave_conn_queue *queue = conn->queue;
    if (conn->outgoing_capacity == JS_SCHEDULER_CREDIT &&
        queue->spare_count < JS_SLAVE_CONN_SPARES)
        queue->spares[queue->spare_count++] = conn->outgoing;
    else
        free(conn->outgoing);
    conn->outgoing = NULL;
    conn->outgoing_capacity = 0;
}

/* Sends the first outgoing job. If its text is long, it has been sent
 * already. */
static int slave_conn_send_first(struct js_slave_conn *conn,
                                 uint32_t inline_max, struct js_err *err)
{
    struct js_wire_job wire;
    const char *text =
        slave_conn_write_head(conn, &conn->outgoing[0], inline_max, &wire);
    if (wire.text_len <= JS_WIRE_JOB_TEXT)
        memcpy(wire.text, text, wire.text_len);
    slave_conn_drop_outgoing(conn, 1);
    return js_link_send_job(conn->link, conn->rank, conn->is_near, &wire, err);
}

/* ---------------------------------------------------------------- ends */

int js_slave_conn_end_job(struct js_slave_conn *conn, uint64_t ticket,
                          struct js_err *err)
{
    if (js_buf_append(&conn->ends, &ticket, sizeof(ticket)) < 0)
        return js_master_no_memory(err);
    slave_conn_enqueue(conn);
    return 0;
}

/* Sends only those for jobs that the slave has been sent; the others wait,
 * because a KILL_JOB must not overtake its job. */
static int slave_conn_send_ends(struct js_slave_conn *conn, struct js_err *err)
{
    size_t kept = 0;
    uint64_t ticket;
    for (size_t at = 0; at < conn->ends.len; at += sizeof(ticket)) {
        memcpy(&ticket, conn->ends.data + at, sizeof(ticket));
        bool is_unsent = false;
        for (unsigned i = 0; i < conn->outgoing_count; i++)
            is_unsent |= conn->outgoing[i].ticket == ticket;
        if (is_unsent) {
            memcpy(conn->ends.data + kept, &ticket, sizeof(ticket));
            kept += sizeof(ticket);
        } else if (js_slave_conn_post_number(conn, JS_TAG_KILL_JOB, ticket,
                                             err) < 0) {
            return -1;
        }
    }
    conn->ends.len = kept;
    return 0;
}

/* ---------------------------------------------------------------- releases */

int js_slave_conn_release_output(struct js_slave_conn *conn, uint64_t ticket,
                                 struct js_err *err)
{
    if (js_buf_append(&conn->releases, &ticket, sizeof(ticket)) < 0)
        return js_master_no_memory(err);
    slave_conn_enqueue(conn);
    return 0;
}

void js_slave_conn_answer(struct js_slave_conn *conn, uint64_t beat)
{
    if (beat <= conn->beat_owed)
        return;
    conn->beat_owed = beat;
    slave_conn_enqueue(conn);
}

/* ---------------------------------------------------------------- all */

/* Begins to send the text of the next outgoing job if it is too long for a
 * JOBS. */
static void slave_conn_begin_next_text(struct js_slave_conn *conn)
{
    if (conn->text || conn->outgoing_count == 0)
        return;
    size_t len;
    const char *text = slave_conn_text_of(&conn->outgoing[0], &len);
    if (len > JS_WIRE_BATCH_TEXT)
        slave_conn_begin_text(conn, text, len);
}

/* Sends jobs if the slave can take some. Returns 1 if it may be possible to
 * send more, 0 if not, or -1 with *err. */
static int slave_conn_send_jobs(struct js_slave_conn *conn, uint32_t inline_max,
                                struct js_err *err)
{
    unsigned count = 0;
    size_t len = 0;
    int rc = 0;
    if (conn->outgoing_count == 0)
        return 0;
    /* A JOB costs the least, as long as MPI can take it without waiting for the
     * slave; the limit guarantees that. */
    slave_conn_text_of(&conn->outgoing[0], &len);
    if (conn->outgoing_count == 1 && len <= JS_WIRE_JOB_TEXT &&
        conn->jobs_sent - conn->acknowledged.jobs < JS_WIRE_JOBS_SENT)
        return slave_conn_send_first(conn, inline_max, err) < 0 ? -1 : 1;
    /* The slave must have taken in the second-to-last batch. */
    if (conn->acknowledged.jobs <
        conn->batch_ends[conn->batches_sent % JS_SLAVE_CONN_BATCHES])
        return 0;
    /* As many jobs as fit into one message, up to the first one whose text must
     * be sent separately. */
    while (rc == 0 && count < conn->outgoing_count &&
           conn->queue->out.len < JS_WIRE_BATCH && len <= JS_WIRE_BATCH_TEXT) {
        struct js_wire_job wire;
        const char *text = slave_conn_write_head(conn, &conn->outgoing[count],
                                                 inline_max, &wire);
        rc = js_wire_pack_job(&conn->queue->out, &wire, text);
        if (++count < conn->outgoing_count)
            slave_conn_text_of(&conn->outgoing[count], &len);
    }
    slave_conn_drop_outgoing(conn, count);
    conn->batch_ends[conn->batches_sent++ % JS_SLAVE_CONN_BATCHES] =
        conn->jobs_sent;
    return js_slave_conn_post(conn, JS_TAG_JOBS, rc, err) < 0 ? -1 : 1;
}

/* Sends jobs, and the texts that they or the setup need. A text must be
 * complete before the message that refers to it. */
static int slave_conn_pump_jobs(struct js_slave_conn *conn, uint32_t inline_max,
                                struct js_err *err)
{
    int rc = 0;
    while (rc == 0) {
        slave_conn_begin_next_text(conn);
        int sent = conn->text ? slave_conn_send_text(conn, err)
                              : slave_conn_send_jobs(conn, inline_max, err);
        if (sent <= 0)
            return sent;
        if (conn->text && conn->state == JS_SLAVE_CONN_MET) {
            rc = js_link_post(conn->link, conn->rank, JS_TAG_SETUP,
                              &conn->setup, err);
            js_buf_release(&conn->setup);
            conn->text = NULL;
            conn->state = JS_SLAVE_CONN_SET_UP;
        } else if (conn->text && conn->outgoing_count > 0) {
            rc = slave_conn_send_first(conn, inline_max, err);
        } else if (conn->text) {
            return 0;
        }
    }
    return rc;
}

/* Short messages go first: they need not wait for a long text. */
int js_slave_conn_pump(struct js_slave_conn *conn, uint32_t inline_max,
                       struct js_err *err)
{
    int rc = 0;
    /* Releases are sent one at a time: they are never urgent, and must not pile
     * up in MPI if a slave does not read. */
    if (conn->releases.len > 0 &&
        conn->releases_total <= conn->acknowledged.releases) {
        struct js_wire_fetch fetch = {0};
        memcpy(&fetch.ticket, conn->releases.data, sizeof(fetch.ticket));
        js_buf_consume(&conn->releases, sizeof(fetch.ticket));
        conn->releases_total++;
        rc = js_slave_conn_post(conn, JS_TAG_FETCH,
                                js_wire_pack_fetch(&conn->queue->out, &fetch),
                                err);
    }
    if (rc == 0 && conn->ends.len > 0)
        rc = slave_conn_send_ends(conn, err);
    if (rc == 0)
        rc = slave_conn_pump_jobs(conn, inline_max, err);
    if (rc == 0 && conn->beat_owed > 0) {
        rc = js_slave_conn_post_number(conn, JS_TAG_BEAT, conn->beat_owed, err);
        conn->beat_owed = 0;
    }
    /* Some of these were for jobs that have only now been sent. */
    return rc < 0 || conn->ends.len == 0 ? rc : slave_conn_send_ends(conn, err);
}

/* Counts are totals: an acknowledgement that is older than the last one changes
 * nothing. */
uint32_t js_slave_conn_acknowledge(struct js_slave_conn *conn,
                                   const struct js_wire_ack *ack)
{
    struct js_wire_ack *known = &conn->acknowledged;
    uint64_t jobs = known->jobs;
    bool is_news = ack->jobs > known->jobs ||
                   ack->text_bytes > known->text_bytes ||
                   ack->releases > known->releases;
    if (ack->jobs > known->jobs)
        known->jobs = ack->jobs;
    if (ack->text_bytes > known->text_bytes)
        known->text_bytes = ack->text_bytes;
    if (ack->releases > known->releases)
        known->releases = ack->releases;
    /* It may be possible to send more now. */
    if (is_news && (conn->text || conn->outgoing_count > 0 ||
                    conn->releases.len > 0 || conn->ends.len > 0))
        slave_conn_enqueue(conn);
    return (uint32_t)(known->jobs - jobs);
}
