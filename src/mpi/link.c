#include "mpi/link.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#ifdef MPI_ERR_PROC_FAILED
#include <mpi-ext.h>
#endif

enum {
    /* A message up to this size has arrived completely when it is probed, with
     * every transport. A longer message needs its sender's help and is received
     * in the background. */
    SHORT = 1024,
    /* The number of incoming messages that may be in transit at once. */
    IN_MAX = 1024,
    /* How many unfinished sends a turn may test. MPI makes progress with each
     * test, so testing all of them would cost most when most wait for a slow
     * peer. */
    LOOKS = 64,
    /* The most probes before the first sleep: about 40 us. */
    PROBES = 256,
};

/* Probing is worthwhile if messages are closer together than this. If they are
 * further apart, probes only take time from the jobs (each one yields the core
 * and gets it back). */
static const int64_t worth_probing_ns = 60 * JS_NS_PER_US;

/* A slave with a free slot has just reported a job and waits for the next one,
 * while the slot's core is idle. So for the time that an answer usually takes,
 * it sleeps no longer than this. */
static const int64_t answer_ns = 3 * JS_NS_PER_MS;
static const int64_t answer_pause_ns = 60 * JS_NS_PER_US;

/* Silence is a time without messages that is longer than this. */
static const int64_t silent_ns = 500 * JS_NS_PER_MS;

/* A message on its way, in or out. Its bytes stay in place until MPI is done
 * with them; the struct itself may move. */
struct transfer {
    MPI_Request request;
    int peer;
    int tag;
    char *bytes; /* owned */
    int len;
};

/* Tested in passes, from the first to the last, in the order in which they were
 * added. This pass has found the first `kept` items under way; it continues at
 * `next`; the items between the two are done. */
struct transfers {
    struct transfer *items;
    int kept, next, end, capacity;
};

/* Invariants:
 *  - In `in`, the messages of one peer are in the order of their arrival.
 *  - is_held: the peers of the items that this pass has kept in `in`.
 *  - `received` is not in `in`: the bytes belong either to a transfer or to
 *    the caller's message. */
struct mpi_link {
    MPI_Comm comm;
    MPI_Datatype job_type;
    struct transfers out;
    struct transfers in;
    bool *is_held;     /* by peer: a later message must wait */
    char *received;    /* what the last receive returned; owned */
    int64_t active_ns; /* when a message was last sent or received */
    int64_t came_ns;   /* when one was last received */
    int probes;        /* how many before the next sleep; adapted to the gaps
                          between messages */
    int parted;        /* peers whose FIN has arrived */
    bool is_empty;     /* the last probe found nothing */
    bool has_waited;   /* since the last receive, another turn has begun */
    bool has_memory;   /* shared with the peers on this host */
    bool is_slave;
};

/* ---------------------------------------------------------------- library */

#define TEXT_OF(x) #x
#define NUMBER(x) TEXT_OF(x)

#if defined(OPEN_MPI)
#define LIBRARY                                                                \
    "Open MPI " NUMBER(OMPI_MAJOR_VERSION) "." NUMBER(                         \
        OMPI_MINOR_VERSION) "." NUMBER(OMPI_RELEASE_VERSION)
#elif defined(MPICH_VERSION)
#define LIBRARY "MPICH " MPICH_VERSION
#else
#define LIBRARY "MPI " NUMBER(MPI_VERSION) "." NUMBER(MPI_SUBVERSION)
#endif

const char *js_link_library(void)
{
    return LIBRARY;
}

/* ---------------------------------------------------------------- errors */

static int link_mpi_failed(int code, const char *what, struct js_err *err)
{
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int len;
    MPI_Error_string(code, text, &len);
    return js_err_set(err, "%s: %s", what, text);
}

/* True if MPI reports that a peer has failed, and MPI itself continues (ULFM).
 * The caller must drop the peer's messages and do nothing else. The slave is
 * declared lost by its missed heartbeats, because only then is it certain that
 * its jobs have ended. */
static bool link_is_peer_failure(int code)
{
#ifdef MPI_ERR_PROC_FAILED
    int class = MPI_SUCCESS;
    MPI_Error_class(code, &class);
    return class == MPI_ERR_PROC_FAILED || class == MPI_ERR_PROC_FAILED_PENDING;
#else
    (void)code;
    return false;
#endif
}

unsigned js_link_failed_peers(void)
{
    int count = 0;
#ifdef MPI_ERR_PROC_FAILED
    MPI_Group failed;
    if (MPIX_Comm_get_failed(MPI_COMM_WORLD, &failed) != MPI_SUCCESS)
        return 0;
    MPI_Group_size(failed, &count);
    MPI_Group_free(&failed);
#endif
    return (unsigned)count;
}

/* ---------------------------------------------------------------- transfers */

static int link_count_transfers(const struct transfers *list)
{
    return list->kept + list->end - list->next;
}

static struct transfer *link_add_transfer(struct transfers *list, int peer,
                                          int tag, int len)
{
    int gone = list->next - list->kept;
    if (list->end == list->capacity && gone > list->capacity / 2) {
        memmove(&list->items[list->kept], &list->items[list->next],
                (size_t)(list->end - list->next) * sizeof(*list->items));
        list->next -= gone;
        list->end -= gone;
    } else if (list->end == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 16;
        struct transfer *items =
            realloc(list->items, (size_t)capacity * sizeof(*items));
        if (!items)
            return NULL;
        list->items = items;
        list->capacity = capacity;
    }
    char *bytes = malloc(len > 0 ? (size_t)len : 1);
    if (!bytes)
        return NULL;
    struct transfer *transfer = &list->items[list->end++];
    *transfer = (struct transfer){MPI_REQUEST_NULL, peer, tag, bytes, len};
    return transfer;
}

/* Takes back the transfer that was added last. */
static void link_drop_last(struct transfers *list)
{
    free(list->items[--list->end].bytes);
}

static void link_begin_pass(struct transfers *list)
{
    if (list->next < list->end)
        return; /* the last pass is not over yet */
    list->end = list->kept;
    list->kept = list->next = 0;
}

enum progress { UNDER_WAY = 0, DONE, PEER_FAILED };

/* Returns one of the above, or -1 with *err. */
static int link_test_transfer(struct transfer *transfer, struct js_err *err)
{
    int done = 0;
    /* Not every MPI reports this itself (SimGrid's SMPI does not). */
    if (transfer->request == MPI_REQUEST_NULL)
        return DONE;
    int rc = MPI_Test(&transfer->request, &done, MPI_STATUS_IGNORE);
    if (rc == MPI_SUCCESS)
        return done ? DONE : UNDER_WAY;
    return link_is_peer_failure(rc)
               ? PEER_FAILED
               : link_mpi_failed(rc, "a message could not be transferred", err);
}

/* ---------------------------------------------------------------- sending */

static int link_send_out(struct mpi_link *link, int peer, enum js_tag tag,
                         const void *bytes, int len, struct js_err *err)
{
    struct transfer *transfer = link_add_transfer(&link->out, peer, tag, len);
    if (!transfer)
        return js_err_errno(err, "there is no memory for a message");
    if (len > 0)
        memcpy(transfer->bytes, bytes, (size_t)len);
    bool is_job = tag == JS_TAG_JOB;
    int rc = MPI_Isend(transfer->bytes, is_job ? 1 : len,
                       is_job ? link->job_type : MPI_BYTE, peer, tag,
                       link->comm, &transfer->request);
    if (rc != MPI_SUCCESS && !link_is_peer_failure(rc))
        return link_mpi_failed(rc, "a message could not be sent", err);
    link->active_ns = js_clock_ns();
    /* Usually MPI has taken the message already, so its copy need not be
     * kept. */
    int done = rc == MPI_SUCCESS ? link_test_transfer(transfer, err) : DONE;
    if (done > 0)
        link_drop_last(&link->out);
    return done < 0 ? -1 : 0;
}

/* Through the shared memory of this host MPI_Send returns at once, even if the
 * peer is stopped or dead. It never returns once Open MPI has seen a peer's TCP
 * connection close. This happens with a slave that was killed and is not yet
 * known to be lost, either on another host or on this one if there was no
 * memory to share. A message posted there remains in transit, and does no
 * harm. */
static int link_send_job(void *self, int peer, bool is_near,
                         const struct js_wire_job *job, struct js_err *err)
{
    struct mpi_link *link = self;
    if (!is_near || !link->has_memory)
        return link_send_out(link, peer, JS_TAG_JOB, job, sizeof(*job), err);
    int rc = MPI_Send(job, 1, link->job_type, peer, JS_TAG_JOB, link->comm);
    if (rc != MPI_SUCCESS && !link_is_peer_failure(rc))
        return link_mpi_failed(rc, "a job could not be sent", err);
    link->active_ns = js_clock_ns();
    return 0;
}

static int link_post(void *self, int peer, enum js_tag tag, const void *bytes,
                     size_t len, struct js_err *err)
{
    if (len > JS_WIRE_MAX)
        return js_err_set(err, "a %s message of %zu bytes is too long",
                          js_tag_name(tag), len);
    return link_send_out(self, peer, tag, bytes, (int)len, err);
}

static int link_reap_sent(struct mpi_link *link, struct js_err *err)
{
    struct transfers *out = &link->out;
    link_begin_pass(out);
    for (int looks = 0; out->next < out->end && looks < LOOKS; out->next++) {
        struct transfer *transfer = &out->items[out->next];
        int done = link_test_transfer(transfer, err);
        if (done < 0)
            return -1;
        if (done) {
            free(transfer->bytes);
            link->active_ns = js_clock_ns();
        } else {
            out->items[out->kept++] = *transfer;
            looks++;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- receiving */

/* Passes the bytes to the caller; the link takes back those of the last
 * message. */
static int link_deliver(struct mpi_link *link, struct transfer transfer,
                        struct js_message *ret)
{
    int64_t now_ns = js_clock_ns();
    bool is_close = now_ns - link->came_ns < worth_probing_ns;
    free(link->received);
    link->received = transfer.bytes;
    *ret = (struct js_message){transfer.peer, (enum js_tag)transfer.tag,
                               transfer.bytes, (size_t)transfer.len};
    /* The gap before this message determines how many probes are worthwhile
     * before the next one. */
    link->active_ns = link->came_ns = now_ns;
    if (is_close && link->probes < PROBES)
        link->probes *= 2;
    else if (!is_close && link->probes > 1)
        link->probes /= 2;
    return 1;
}

/* MPI_COMM_WORLD may contain processes of another program, started by mistake.
 * So tag and length are checked before memory is allocated for the message. */
static int link_check_probed(const MPI_Status *status, int *ret_len,
                             struct js_err *err)
{
    int len;
    int tag = status->MPI_TAG;
    MPI_Get_count(status, MPI_BYTE, &len);
    if (tag <= 0 || tag >= JS_TAG_COUNT || len < 0 || len > JS_WIRE_MAX)
        return js_err_set(
            err,
            "rank %d sent a message with tag %d and %d bytes: it may be "
            "running another program",
            status->MPI_SOURCE, tag, len);
    if (tag == JS_TAG_JOB && len != JS_WIRE_JOB_SIZE)
        return js_err_set(err, "rank %d sent a job of %d bytes instead of %d",
                          status->MPI_SOURCE, len, JS_WIRE_JOB_SIZE);
    *ret_len = len;
    return 0;
}

/* Receives a probed message: at once if it is short, otherwise in the
 * background. */
static int link_receive_probed(struct mpi_link *link, const MPI_Status *status,
                               struct js_err *err)
{
    int len = 0;
    if (link_check_probed(status, &len, err) < 0)
        return -1;
    int peer = status->MPI_SOURCE;
    int tag = status->MPI_TAG;
    struct transfer *transfer = link_add_transfer(&link->in, peer, tag, len);
    if (!transfer)
        return js_err_errno(err, "there is no memory for a message");
    int count = tag == JS_TAG_JOB ? 1 : len;
    MPI_Datatype type = tag == JS_TAG_JOB ? link->job_type : MPI_BYTE;
    int rc;
    if (len > SHORT)
        rc = MPI_Irecv(transfer->bytes, count, type, peer, tag, link->comm,
                       &transfer->request);
    else
        rc = MPI_Recv(transfer->bytes, count, type, peer, tag, link->comm,
                      MPI_STATUS_IGNORE);
    if (rc != MPI_SUCCESS && !link_is_peer_failure(rc))
        return link_mpi_failed(rc, "a message could not be received", err);
    if (rc != MPI_SUCCESS)
        link_drop_last(&link->in);
    link->active_ns = js_clock_ns();
    return 0;
}

static void link_begin_receiving(struct mpi_link *link)
{
    struct transfers *in = &link->in;
    if (in->next == in->end) {
        for (int i = 0; i < in->kept; i++)
            link->is_held[in->items[i].peer] = false;
    }
    link_begin_pass(in);
}

/* Delivers the next complete message whose turn it is. Returns 1 if it has
 * delivered one, 0 if this pass finds no more, or -1 with *err. The link itself
 * handles a FIN. */
static int link_deliver_next(struct mpi_link *link, struct js_message *ret,
                             struct js_err *err)
{
    struct transfers *in = &link->in;
    while (in->next < in->end) {
        struct transfer *transfer = &in->items[in->next];
        int done = UNDER_WAY;
        /* An earlier message of the same peer must be delivered first. */
        if (!link->is_held[transfer->peer])
            done = link_test_transfer(transfer, err);
        if (done < 0)
            return -1;
        in->next++;
        if (done == UNDER_WAY) {
            link->is_held[transfer->peer] = true;
            in->items[in->kept++] = *transfer;
        } else if (done == DONE && transfer->tag != JS_TAG_FIN) {
            return link_deliver(link, *transfer, ret);
        } else {
            link->parted += done == DONE;
            free(transfer->bytes);
        }
    }
    return 0;
}

/* Probes for messages with this tag, or MPI_ANY_TAG. */
static int link_probe(struct mpi_link *link, int tag, int *ret_flag,
                      MPI_Status *ret_status, struct js_err *err)
{
    int rc = MPI_Iprobe(MPI_ANY_SOURCE, tag, link->comm, ret_flag, ret_status);
    if (tag == MPI_ANY_TAG)
        link->is_empty = rc != MPI_SUCCESS || !*ret_flag;
    if (rc == MPI_SUCCESS)
        return 0;
    *ret_flag = 0;
    return link_is_peer_failure(rc)
               ? 0
               : link_mpi_failed(rc, "MPI_Iprobe failed", err);
}

static int link_receive(void *self, struct js_message *ret, struct js_err *err)
{
    struct mpi_link *link = self;
    int rc = 0;
    if (link->has_waited) {
        link->has_waited = false;
        link_begin_receiving(link);
        rc = link_reap_sent(link, err);
    }
    while (rc == 0 && (rc = link_deliver_next(link, ret, err)) == 0) {
        int flag;
        MPI_Status status;
        if (link_count_transfers(&link->in) >= IN_MAX)
            return 0;
        rc = link_probe(link, MPI_ANY_TAG, &flag, &status, err);
        if (rc < 0 || !flag)
            return rc;
        rc = link_receive_probed(link, &status, err);
    }
    return rc;
}

/* A BEAT is short, so it is received completely. A BEAT that was received after
 * a longer message of its peer is delivered after that message. */
static int link_receive_beat(void *self, struct js_message *ret,
                             struct js_err *err)
{
    struct mpi_link *link = self;
    struct transfers *in = &link->in;
    int count = link_count_transfers(in);
    int flag;
    MPI_Status status;
    if (link_probe(link, JS_TAG_BEAT, &flag, &status, err) < 0)
        return -1;
    if (!flag)
        return 0;
    if (link_receive_probed(link, &status, err) < 0)
        return -1;
    if (link_count_transfers(in) == count ||
        in->items[in->end - 1].request != MPI_REQUEST_NULL)
        return 0;
    return link_deliver(link, in->items[--in->end], ret);
}

/* ---------------------------------------------------------------- waiting */

int64_t js_backoff_ns(int64_t idle_ns)
{
    int64_t pause_ns = idle_ns / 4;
    int64_t limit_ns = idle_ns / 2000;
    if (limit_ns < JS_NS_PER_MS)
        limit_ns = JS_NS_PER_MS;
    if (limit_ns > JS_LINK_PAUSE_NS)
        limit_ns = JS_LINK_PAUSE_NS;
    if (pause_ns > limit_ns)
        pause_ns = limit_ns;
    return pause_ns < 20 * JS_NS_PER_US ? 20 * JS_NS_PER_US : pause_ns;
}

static int64_t link_pause_ns(const struct mpi_link *link, int64_t until_ns,
                             int64_t patience_ns)
{
    int64_t now_ns = js_clock_ns();
    int64_t idle_ns = now_ns - link->active_ns;
    int64_t pause = js_backoff_ns(idle_ns);
    if (pause < patience_ns)
        pause = patience_ns;
    if (link->is_slave && patience_ns == 0 && idle_ns < answer_ns &&
        pause > answer_pause_ns)
        pause = answer_pause_ns;
    return until_ns - now_ns < pause ? until_ns - now_ns : pause;
}

/* Probes only if a message is likely, because MPI offers no descriptor to wait
 * for: shortly after the last message, or once before each sleep. */
static int link_wait(void *self, struct pollfd *fds, nfds_t count,
                     int64_t until_ns, int64_t patience_ns, struct js_err *err)
{
    struct mpi_link *link = self;
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = 0;
    link->has_waited = true;
    int64_t silence_ns = js_clock_ns() - link->active_ns;
    bool is_fresh = silence_ns < worth_probing_ns;
    int probes = is_fresh && patience_ns == 0 ? link->probes : 1;
    int64_t sleep_ns = link_pause_ns(link, until_ns, patience_ns);
    /* With Open MPI, a probe that finds nothing may have taken in a message
     * that only the next probe sees. But a probe costs time, and during a
     * silence the next one is soon enough. */
    bool is_silent = silence_ns > silent_ns && sleep_ns > JS_NS_PER_MS;
    int flag = 0;
    if (is_silent && link->is_empty)
        probes = 0;
    for (int i = 0; i < probes && !flag; i++) {
        if (link_probe(link, MPI_ANY_TAG, &flag, MPI_STATUS_IGNORE, err) < 0)
            return -1;
    }
    if (flag || sleep_ns <= 0)
        return 0;
    struct timespec pause = {.tv_sec = sleep_ns / JS_NS_PER_S,
                             .tv_nsec = sleep_ns % JS_NS_PER_S};
    if (ppoll(fds, count, &pause, NULL) < 0 && errno != EINTR)
        return js_err_errno(err, "waiting for events failed");
    return 0;
}

static int64_t link_now_ns(void *self)
{
    (void)self;
    return js_clock_ns();
}

/* ---------------------------------------------------------------- draining */

/* Only slaves send a FIN. A slave needs none from the master, whose last
 * message to it is the SHUTDOWN. */
int js_link_drain(struct js_link *link, int64_t until_ns, struct js_err *err)
{
    struct mpi_link *self = link->self;
    bool is_master = link->rank == 0;
    struct js_message dropped;
    int rc = 0;
    if (!is_master && link_post(self, 0, JS_TAG_FIN, NULL, 0, err) < 0)
        return -1;
    while (js_clock_ns() < until_ns) {
        while ((rc = link_receive(self, &dropped, err)) == 1)
            continue;
        if (rc < 0)
            return -1;
        if (link_count_transfers(&self->out) == 0 &&
            (!is_master || self->parted == link->size - 1))
            return 0;
        if (link_wait(self, NULL, 0, until_ns, 0, err) < 0)
            return -1;
    }
    return js_err_set(err, "some messages have not arrived");
}

/* ---------------------------------------------------------------- opening */

static const struct js_link_ops mpi_ops = {
    .send_job = link_send_job,
    .post = link_post,
    .receive = link_receive,
    .receive_beat = link_receive_beat,
    .wait = link_wait,
    .now_ns = link_now_ns,
};

/* The datatype of struct js_wire_job. */
static int link_make_job_type(MPI_Datatype *ret)
{
    static const int lengths[] = {4, 2, 8, JS_WIRE_JOB_TEXT};
    const MPI_Aint offsets[] = {
        offsetof(struct js_wire_job, id),
        offsetof(struct js_wire_job, duration_ns),
        offsetof(struct js_wire_job, text_len),
        offsetof(struct js_wire_job, text),
    };
    const MPI_Datatype types[] = {MPI_UINT64_T, MPI_INT64_T, MPI_UINT32_T,
                                  MPI_CHAR};
    MPI_Datatype packed;
    int rc = MPI_Type_create_struct(4, lengths, offsets, types, &packed);
    if (rc != MPI_SUCCESS)
        return rc;
    rc = MPI_Type_create_resized(packed, 0, sizeof(struct js_wire_job), ret);
    MPI_Type_free(&packed);
    return rc == MPI_SUCCESS ? MPI_Type_commit(ret) : rc;
}

/* True if Open MPI has mapped its shared memory:
 * PATH/vader_segment.HOST.USER.JOB.RANK, or sm_segment. False with another MPI
 * or without /proc, where this is unknown. */
static bool link_shares_memory(void)
{
    char line[PATH_MAX + 128];
    bool is_found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && !is_found && fgets(line, sizeof(line), maps))
        is_found =
            strstr(line, "/vader_segment.") || strstr(line, "/sm_segment.");
    if (maps)
        fclose(maps);
    return is_found;
}

int js_link_open(struct js_link *ret, struct js_err *err)
{
    struct mpi_link *link = calloc(1, sizeof(*link));
    if (!link)
        return js_err_errno(err, "there is no memory for the link");
    link->comm = MPI_COMM_NULL;
    link->job_type = MPI_DATATYPE_NULL;
    *ret = (struct js_link){.ops = &mpi_ops, .self = link};
    int rc = MPI_Comm_dup(MPI_COMM_WORLD, &link->comm);
    if (rc == MPI_SUCCESS)
        rc = MPI_Comm_set_errhandler(link->comm, MPI_ERRORS_RETURN);
    if (rc == MPI_SUCCESS)
        rc = MPI_Comm_rank(link->comm, &ret->rank);
    if (rc == MPI_SUCCESS)
        rc = MPI_Comm_size(link->comm, &ret->size);
    if (rc == MPI_SUCCESS)
        rc = link_make_job_type(&link->job_type);
    if (rc != MPI_SUCCESS) {
        js_link_close(ret);
        return link_mpi_failed(rc, "MPI cannot be used", err);
    }
    link->is_held = calloc((size_t)ret->size, sizeof(*link->is_held));
    if (!link->is_held) {
        js_link_close(ret);
        return js_err_errno(err, "there is no memory for the link");
    }
    link->active_ns = link->came_ns = js_clock_ns();
    link->has_waited = true;
    link->probes = 1;
    link->is_slave = ret->rank != 0;
    link->has_memory = link_shares_memory();
    /* With the default timer slack the kernel turns a sleep of 20 us into 70
     * us. */
    prctl(PR_SET_TIMERSLACK, 1000UL);
    return 0;
}

void js_link_close(struct js_link *link)
{
    struct mpi_link *self = link->self;
    if (!self)
        return;
    link_reap_sent(self, NULL);
    if (self->job_type != MPI_DATATYPE_NULL)
        MPI_Type_free(&self->job_type);
    /* MPI may still read from, or write to, the messages under way, so their
     * memory is left to the end of the process. So is the communicator: freeing
     * it needs all of its members, and one of them may be lost. */
    if (link_count_transfers(&self->out) + link_count_transfers(&self->in) ==
        0) {
        free(self->out.items);
        free(self->in.items);
    }
    free(self->is_held);
    free(self->received);
    free(self);
    link->self = NULL;
}
