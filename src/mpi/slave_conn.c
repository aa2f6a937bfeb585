#include "mpi/slave_conn.h"

#include <string.h>

void js_peer_init(struct js_peer *peer, struct js_link *link, int rank)
{
    memset(peer, 0, sizeof(*peer));
    peer->link = link;
    peer->rank = rank;
}

void js_peer_release(struct js_peer *peer)
{
    js_peer_take_away(peer);
    js_buf_release(&peer->out);
    js_buf_release(&peer->setup);
    js_buf_release(&peer->releases);
    js_buf_release(&peer->ends);
}

static int no_memory(struct js_err *err)
{
    return js_err_set(err, "the master has no memory left");
}

/* Sends what was packed into peer->out; `packed` is what packing it said. */
static int send_packed(struct js_peer *peer, enum js_tag tag, int packed,
                       struct js_err *err)
{
    int rc = packed < 0
                 ? no_memory(err)
                 : js_link_post(peer->link, peer->rank, tag, &peer->out, err);
    peer->out.len = 0;
    return rc;
}

static int send_number(struct js_peer *peer, enum js_tag tag, uint64_t number,
                       struct js_err *err)
{
    return send_packed(peer, tag, js_wire_pack_number(&peer->out, number), err);
}

int js_peer_stop(struct js_peer *peer, enum js_leaving leaving,
                 struct js_err *err)
{
    return send_number(peer, JS_TAG_STOP, (uint64_t)leaving, err);
}

int js_peer_clear(struct js_peer *peer, const struct js_dead_run *runs,
                  size_t count, struct js_err *err)
{
    return send_packed(peer, JS_TAG_CLEAR,
                       js_wire_pack_clear(&peer->out, runs, count), err);
}

int js_peer_answer_runner(struct js_peer *peer, struct js_err *err)
{
    return send_number(peer, JS_TAG_RUNNER, peer->processes.runner, err);
}

int js_peer_answer_beat(struct js_peer *peer, uint64_t number,
                        struct js_err *err)
{
    return send_number(peer, JS_TAG_BEAT, number, err);
}

int js_peer_fetch(struct js_peer *peer, const struct js_wire_fetch *fetch,
                  struct js_err *err)
{
    return send_packed(peer, JS_TAG_FETCH,
                       js_wire_pack_fetch(&peer->out, fetch), err);
}

int js_peer_recall(struct js_peer *peer, uint32_t count, struct js_err *err)
{
    return send_number(peer, JS_TAG_RECALL, count, err);
}

int js_peer_limit(struct js_peer *peer, int64_t timeout_ns, struct js_err *err)
{
    return send_number(peer, JS_TAG_LIMIT, (uint64_t)timeout_ns, err);
}

int js_peer_end_jobs(struct js_peer *peer, int64_t grace_ns, struct js_err *err)
{
    return send_number(peer, JS_TAG_END, (uint64_t)grace_ns, err);
}

/* ---------------------------------------------------------------- texts */

static void begin_text(struct js_peer *peer, const char *text, size_t len)
{
    peer->text = text;
    peer->text_len = len;
    peer->text_sent = 0;
}

/* Sends the next piece of the text, if the last one was acknowledged. Returns
 * 1 when all of it has been taken in, 0 when not, -1 with *err. */
static int send_text(struct js_peer *peer, struct js_err *err)
{
    if (peer->acknowledged.text_bytes < peer->text_total)
        return 0;
    if (peer->text_sent == peer->text_len)
        return 1;
    size_t len = peer->text_len - peer->text_sent;
    if (len > JS_WIRE_CHUNK)
        len = JS_WIRE_CHUNK;
    int packed = js_buf_append(&peer->out, peer->text + peer->text_sent, len);
    if (send_packed(peer, JS_TAG_TEXT, packed, err) < 0)
        return -1;
    peer->text_sent += len;
    peer->text_total += len;
    return 0;
}

int js_peer_set_up(struct js_peer *peer, const struct js_wire_setup *setup,
                   struct js_err *err)
{
    if (js_wire_pack_setup(&peer->setup, setup) < 0)
        return no_memory(err);
    begin_text(peer, peer->setup.data, peer->setup.len);
    return 0;
}

/* Its text has gone before. */
static int send_setup(struct js_peer *peer, struct js_err *err)
{
    int packed = js_wire_pack_number(&peer->out, peer->text_len);
    js_buf_release(&peer->setup);
    peer->text = NULL;
    peer->state = JS_PEER_SET_UP;
    return send_packed(peer, JS_TAG_SETUP, packed, err);
}

/* ---------------------------------------------------------------- jobs */

int js_peer_give(struct js_peer *peer, const struct js_parcel *parcel)
{
    struct js_parcel *own = &peer->parcels[peer->parcel_count];
    const struct js_job *job = parcel->job;
    *own = *parcel;
    own->grant_len = (uint32_t)own->grant.len;
    if (own->grant_len > 0 &&
        js_buf_append(&own->grant, job->text,
                      job->details_len + job->command_len) < 0) {
        js_buf_release(&own->grant);
        return -1;
    }
    peer->parcel_count++;
    return 0;
}

void js_peer_take_away(struct js_peer *peer)
{
    for (unsigned i = 0; i < peer->parcel_count; i++)
        js_buf_release(&peer->parcels[i].grant);
    peer->parcel_count = 0;
    peer->ends.len = 0;
    peer->text = NULL;
}

static const char *text_of(const struct js_parcel *parcel, size_t *ret_len)
{
    const struct js_job *job = parcel->job;
    *ret_len = parcel->grant_len > 0 ? parcel->grant.len
                                     : job->details_len + job->command_len;
    return parcel->grant_len > 0 ? parcel->grant.data : job->text;
}

/* All but its text; which is returned. */
static const char *write_head(const struct js_parcel *parcel,
                              uint32_t inline_max, struct js_wire_job *ret)
{
    size_t len;
    const char *text = text_of(parcel, &len);
    js_wire_job_of(ret, parcel->job, parcel->ticket, parcel->slot);
    ret->text_len = (uint32_t)len;
    ret->grant_len = parcel->grant_len;
    ret->data_limit_bytes = parcel->data_limit_bytes;
    ret->inline_max = inline_max;
    return text;
}

static void drop_parcels(struct js_peer *peer, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        js_buf_release(&peer->parcels[i].grant);
    peer->parcel_count -= count;
    memmove(&peer->parcels[0], &peer->parcels[count],
            peer->parcel_count * sizeof(peer->parcels[0]));
    peer->jobs_sent += count;
    peer->text = NULL;
}

/* Sends the first parcel; its text, if that is long, has gone before. */
static int send_parcel(struct js_peer *peer, uint32_t inline_max,
                       struct js_err *err)
{
    struct js_wire_job wire;
    const char *text = write_head(&peer->parcels[0], inline_max, &wire);
    if (wire.text_len <= JS_WIRE_JOB_TEXT)
        memcpy(wire.text, text, wire.text_len);
    drop_parcels(peer, 1);
    return js_link_send_job(peer->link, peer->rank, peer->is_near, &wire, err);
}

static size_t length_of(const struct js_parcel *parcel)
{
    size_t len;
    text_of(parcel, &len);
    return len;
}

/* As many as are enough for one message, up to one whose text goes alone. */
static int send_batch(struct js_peer *peer, uint32_t inline_max,
                      struct js_err *err)
{
    unsigned count = 0;
    int rc = 0;
    while (rc == 0 && count < peer->parcel_count &&
           peer->out.len < JS_WIRE_BATCH &&
           length_of(&peer->parcels[count]) <= JS_WIRE_BATCH_TEXT) {
        struct js_wire_job wire;
        const char *text =
            write_head(&peer->parcels[count++], inline_max, &wire);
        rc = js_wire_pack_job(&peer->out, &wire, text);
    }
    drop_parcels(peer, count);
    peer->batch_ends[peer->batches_sent++ % JS_PEER_BATCHES] = peer->jobs_sent;
    return send_packed(peer, JS_TAG_JOBS, rc, err);
}

/* ---------------------------------------------------------------- ends */

int js_peer_end_job(struct js_peer *peer, uint64_t ticket, struct js_err *err)
{
    if (js_buf_append(&peer->ends, &ticket, sizeof(ticket)) < 0)
        return no_memory(err);
    return 0;
}

static bool has_parcel(const struct js_peer *peer, uint64_t ticket)
{
    for (unsigned i = 0; i < peer->parcel_count; i++) {
        if (peer->parcels[i].ticket == ticket)
            return true;
    }
    return false;
}

/* Those of jobs that it has been sent. */
static int send_ends(struct js_peer *peer, struct js_err *err)
{
    size_t kept = 0;
    uint64_t ticket;
    for (size_t at = 0; at < peer->ends.len; at += sizeof(ticket)) {
        memcpy(&ticket, peer->ends.data + at, sizeof(ticket));
        if (has_parcel(peer, ticket)) {
            memcpy(peer->ends.data + kept, &ticket, sizeof(ticket));
            kept += sizeof(ticket);
        } else if (send_number(peer, JS_TAG_END_JOB, ticket, err) < 0) {
            return -1;
        }
    }
    peer->ends.len = kept;
    return 0;
}

/* ---------------------------------------------------------------- releases */

int js_peer_release_output(struct js_peer *peer, uint64_t ticket,
                           struct js_err *err)
{
    if (js_buf_append(&peer->releases, &ticket, sizeof(ticket)) < 0)
        return no_memory(err);
    return 0;
}

static int send_release(struct js_peer *peer, struct js_err *err)
{
    struct js_wire_fetch fetch = {0};
    if (peer->releases.len == 0 ||
        peer->releases_total > peer->acknowledged.releases)
        return 0;
    memcpy(&fetch.ticket, peer->releases.data, sizeof(fetch.ticket));
    js_buf_consume(&peer->releases, sizeof(fetch.ticket));
    peer->releases_total++;
    return js_peer_fetch(peer, &fetch, err);
}

/* ---------------------------------------------------------------- all */

bool js_peer_has_waiting(const struct js_peer *peer)
{
    return peer->text || peer->parcel_count > 0 || peer->releases.len > 0 ||
           peer->ends.len > 0;
}

/* The text of the next parcel, if it is too long for its struct. */
static void begin_next_text(struct js_peer *peer)
{
    if (peer->text || peer->parcel_count == 0)
        return;
    size_t len;
    const char *text = text_of(&peer->parcels[0], &len);
    if (len > JS_WIRE_BATCH_TEXT)
        begin_text(peer, text, len);
}

static bool may_go_alone(const struct js_peer *peer)
{
    return peer->parcel_count == 1 &&
           length_of(&peer->parcels[0]) <= JS_WIRE_JOB_TEXT &&
           peer->jobs_sent - peer->acknowledged.jobs < JS_WIRE_JOBS_SENT;
}

/* The one before the last must have been taken in. */
static bool may_send_batch(const struct js_peer *peer)
{
    return peer->acknowledged.jobs >=
           peer->batch_ends[peer->batches_sent % JS_PEER_BATCHES];
}

/* What the slave can be sent now: 1 if there may be more; 0 if not, or -1. */
static int send_jobs(struct js_peer *peer, uint32_t inline_max,
                     struct js_err *err)
{
    int rc;
    if (peer->parcel_count == 0)
        return 0;
    if (may_go_alone(peer))
        rc = send_parcel(peer, inline_max, err);
    else if (may_send_batch(peer))
        rc = send_batch(peer, inline_max, err);
    else
        return 0;
    return rc < 0 ? -1 : 1;
}

int js_peer_pump(struct js_peer *peer, uint32_t inline_max, struct js_err *err)
{
    int rc = send_release(peer, err);
    if (rc == 0)
        rc = send_ends(peer, err);
    while (rc == 0) {
        begin_next_text(peer);
        int sent = peer->text ? send_text(peer, err)
                              : send_jobs(peer, inline_max, err);
        if (sent <= 0)
            return sent;
        if (peer->text && peer->state == JS_PEER_MET)
            rc = send_setup(peer, err);
        else if (peer->text && peer->parcel_count > 0)
            rc = send_parcel(peer, inline_max, err);
        else if (peer->text)
            return 0;
    }
    return rc;
}

uint32_t js_peer_acknowledge_jobs(struct js_peer *peer, uint64_t jobs)
{
    uint64_t known = peer->acknowledged.jobs;
    if (jobs <= known)
        return 0;
    peer->acknowledged.jobs = jobs;
    return (uint32_t)(jobs - known);
}

uint32_t js_peer_acknowledge(struct js_peer *peer,
                             const struct js_wire_ack *ack)
{
    if (ack->text_bytes > peer->acknowledged.text_bytes)
        peer->acknowledged.text_bytes = ack->text_bytes;
    if (ack->releases > peer->acknowledged.releases)
        peer->acknowledged.releases = ack->releases;
    return js_peer_acknowledge_jobs(peer, ack->jobs);
}
