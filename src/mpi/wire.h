/*
 * wire - the messages between master and slaves: tags, layouts, limits.
 *
 * Knows nothing of MPI but the datatype of a job. All other messages are
 * packed bytes (base/pack.h). Whatever arrives is checked for its length and
 * its values before it is believed.
 *
 *     slave                      master
 *     HELLO (version, node)  -->
 *                            <-- TEXT... SETUP   where it stands, environment
 *     READY (slots, cores, GPUs, memory) -->
 *                            <-- CLEAR           what killed runs have left
 *     CLEARED                -->                 ... here is ended
 *     RUNNER                 -->                 another runner than in HELLO;
 *                            <-- RUNNER          that one is on record, and may
 *                                                be given jobs
 *                            <-- JOB             one, as a struct
 *                            <-- JOBS            several, or of longer text
 *                            <-- TEXT... JOB     a text too long for those
 *     ACK                    -->                 jobs, text ... taken in
 *     DONE (outcome, output) -->                 of one job or several
 *                            <-- RECALL          give back what is not begun
 *     RETURNED               -->                 jobs given back unstarted
 *                            <-- FETCH           output that did not fit
 *     OUTPUT                 -->
 *                            <-- TIME_LIMIT      how long jobs may run
 *                            <-- KILL_JOB        end this one
 *                            <-- DRAIN           start no more; end what runs
 *     BEAT                   --> BEAT            the same number back
 *                            <-- SHUTDOWN        leave
 *     GOODBYE                -->                 it leaves
 *     FIN                    -->                 nothing follows (link.h)
 *     NOTE                   -->                 for a person, any time
 *
 * A lease. From READY on the slave sends a BEAT, and the next when it has been
 * answered. Its jobs may run until lease_ns after it sent the last one that was
 * answered (or READY); the master counts from its own last answer (or the
 * arrival of READY), which is later. So when the master gives the slave up
 * after lease and grace, its jobs have ended, whatever was late or lost.
 *
 * TEXT is a byte string in pieces, each sent when the one before has been
 * acknowledged; the SETUP or JOB that follows says how long it is in all.
 */
#ifndef JS_MPI_WIRE_H
#define JS_MPI_WIRE_H

#include "base/buf.h"
#include "base/mark.h"
#include "base/process.h"
#include "list/job.h"
#include "list/outcome.h"
#include "list/resources.h"
#include "list/settings.h"
#include "sched/allocator.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Changed with any layout below; a slave of another version is refused. */
enum { JS_WIRE_VERSION = 12 };

enum js_tag {
    JS_TAG_HELLO = 1,
    JS_TAG_SETUP,
    JS_TAG_READY,
    JS_TAG_TEXT,
    JS_TAG_ACK,
    JS_TAG_JOB,
    JS_TAG_DONE,
    JS_TAG_RETURNED,
    JS_TAG_FETCH,
    JS_TAG_OUTPUT,
    JS_TAG_NOTE,
    JS_TAG_TIME_LIMIT,
    JS_TAG_DRAIN,
    JS_TAG_BEAT,
    JS_TAG_SHUTDOWN,
    JS_TAG_GOODBYE,
    JS_TAG_JOBS,
    JS_TAG_RECALL,
    JS_TAG_KILL_JOB,
    JS_TAG_CLEAR,
    JS_TAG_CLEARED,
    JS_TAG_RUNNER,
    JS_TAG_FIN,
    JS_TAG_COUNT
};

enum {
    /*
     * Up to this size a message leaves at once even if the receiver is
     * stopped, as long as no more than about fifteen messages are unread:
     * measured with Open MPI 4.1.4 over shared memory (a ring of 4 KiB a
     * pair); from 300 bytes on it waits for the receiver.
     */
    JS_WIRE_JOB_SIZE = 256,
    JS_WIRE_JOB_TEXT = 184,
    /* So many of them unread by the receiver are safe. */
    JS_WIRE_JOBS_SENT = 10,
    JS_WIRE_CHUNK = 256 * 1024, /* bytes of TEXT or OUTPUT in a message */
    /* Bytes of a JOBS, unless it is of one job; and of the text of a job that
     * may travel in one. */
    JS_WIRE_BATCH = 16 * 1024,
    JS_WIRE_BATCH_TEXT = 64 * 1024,
    JS_WIRE_DONE_BATCH = 64 * 1024, /* bytes of a DONE that wait for more */
    JS_WIRE_INLINE = 16 * 1024,     /* bytes of output that ride with DONE */
    JS_WIRE_MAX = 512 * 1024,       /* no message is longer */
    JS_WIRE_TEXT_MAX = 64 * 1024 * 1024, /* of a SETUP or a job */
};

/*
 * One job, as MPI sends it (js_link builds its datatype from this layout: four
 * groups of fields). Largest fields first, no padding.
 *
 * The text is the allocation (allocation_len bytes: the list of CPUs, that of
 * GPUs, and that of the hosts if there are several, with a NUL behind each;
 * nothing if the job gets the slot's own CPUs and no GPU), the details
 * (list/job_spec.h), and the command.
 */
struct js_wire_job {
    uint64_t id;
    uint64_t ticket;
    uint64_t data_limit_bytes; /* 0: none */
    int64_t duration_ns;
    int64_t timeout_ns; /* 0: the default */
    uint32_t text_len;  /* in all; more than JS_WIRE_JOB_TEXT: it is in the TEXT
                           before it, and `text` is unused */
    uint32_t allocation_len;
    uint32_t details_len;
    uint32_t kind; /* enum js_job_kind */
    uint32_t attempt;
    uint32_t cores;
    uint32_t inline_max; /* bytes of output that may ride with DONE */
    uint32_t slot;       /* sched/scheduler.h: JS_SCHEDULER_SLOT_NEXT is one */
    char text[JS_WIRE_JOB_TEXT];
};
_Static_assert(sizeof(struct js_wire_job) == JS_WIRE_JOB_SIZE,
               "a job must fit what MPI sends without waiting");

/* Fills in all but allocation_len, the text (text_len is that of the job's own)
 * and what is the sender's to decide (data_limit_bytes, inline_max). */
void js_wire_job_of(struct js_wire_job *wire, const struct js_job *job,
                    uint64_t ticket, uint32_t slot);

/* 0, or -1 with errno EBADMSG for values that no master sends. */
int js_wire_job_check(const struct js_wire_job *wire);

/* The parts of a job's text; pointers into it, but for the CPUs. */
struct js_wire_text {
    bool has_allocation;
    struct js_cpuset cpus;
    const char *gpus;  /* "": none */
    const char *hosts; /* "n1,n2"; "": this one alone */
    const char *details;
    size_t details_len;
    const char *command;
    size_t command_len;
};

/* Checked. Returns 0, or -1 with errno EBADMSG. */
int js_wire_job_text(const struct js_wire_job *wire, const char *text,
                     struct js_wire_text *ret);

struct js_wire_hello {
    uint32_t version;
    struct js_node node;
    struct js_process_pair processes;
};

#define JS_WIRE_GPUS_FOUND UINT32_MAX

/* How a slave must work. Strings of a decoded one point into the message. */
struct js_wire_setup {
    uint32_t slots; /* 0: one for each core of its part */
    uint32_t index; /* among `slaves` slaves of its node */
    uint32_t slaves;
    uint32_t gpus;    /* of its node; JS_WIRE_GPUS_FOUND: those that it finds */
    int64_t lease_ns; /* 0: none */
    struct js_cpuset node_cpus; /* of all processes of the run on its node */
    struct js_cpuset held;      /* of these, by slaves of other runs */
    uint32_t quota_cores; /* CPU time of the node, for all its slaves; 0: no
                             limit */
    struct js_settings settings; /* of its jobs; for the runner as well */
    const char *environ;         /* "NAME=value", a NUL behind each */
    size_t environ_len;
};

struct js_wire_ready {
    uint32_t slots;
    uint32_t *homes;       /* the core of each slot; an unpacked one's are to be
                              freed by js_wire_release_ready(), as resources */
    struct js_cpuset home; /* the CPUs its jobs are bound to, all slots */
    struct js_resources resources; /* of its node, for all slaves on it */
    char error[1024];              /* why it cannot work, or "" */
};

/* Counts since the start, so that a lost or late one does no harm. */
struct js_wire_ack {
    uint64_t jobs;
    uint64_t text_bytes;
    uint64_t releases; /* FETCHes of length 0 */
};

struct js_wire_done {
    uint64_t ticket;
    uint64_t jobs; /* as in an ACK */
    struct js_outcome outcome;
    bool captured;       /* there is output, counted in the outcome */
    const char *inlined; /* all of it, stdout first; NULL: to be fetched */
    size_t inlined_len;
};

struct js_wire_fetch {
    uint64_t ticket;
    uint64_t offset;
    uint32_t stream;
    uint32_t length; /* 0: no longer needed; not answered */
};

struct js_wire_output {
    uint64_t ticket;
    uint64_t offset;
    uint32_t stream;
    int32_t error; /* errno of a failed read, or 0 */
    const char *bytes;
    size_t len;
};

/*
 * Packing appends to `buf` and returns 0, or -1 with errno ENOMEM. Unpacking
 * returns 0; or -1 with errno EBADMSG for a message that is cut, too long or
 * holds a value out of range. Pointers in the result point into the message.
 */
int js_wire_pack_hello(struct js_buf *buf, const struct js_wire_hello *hello);
int js_wire_unpack_hello(const void *bytes, size_t len,
                         struct js_wire_hello *ret);

int js_wire_pack_setup(struct js_buf *buf, const struct js_wire_setup *setup);
int js_wire_unpack_setup(const void *bytes, size_t len,
                         struct js_wire_setup *ret);

int js_wire_pack_ready(struct js_buf *buf, const struct js_wire_ready *ready);
int js_wire_unpack_ready(const void *bytes, size_t len,
                         struct js_wire_ready *ret);

void js_wire_release_ready(struct js_wire_ready *ready);

int js_wire_pack_ack(struct js_buf *buf, const struct js_wire_ack *ack);
int js_wire_unpack_ack(const void *bytes, size_t len, struct js_wire_ack *ret);

/* A JOBS is one of these behind the other, the text (text_len bytes) of each
 * behind its fixed part; taken from a cursor until nothing is left of it. What
 * comes out is checked as by js_wire_job_check(); its text is where the cursor
 * was, not in ret->text. */
int js_wire_pack_job(struct js_buf *buf, const struct js_wire_job *wire,
                     const char *text);
int js_wire_unpack_job(struct js_cursor *cursor, struct js_wire_job *ret,
                       const char **ret_text);

/* A DONE is one of these behind the other. */
int js_wire_pack_done(struct js_buf *buf, const struct js_wire_done *done);
int js_wire_unpack_done(struct js_cursor *cursor, struct js_wire_done *ret);

/* A BACK: tickets, and whether it answers a RECALL. */
struct js_wire_back {
    bool is_answer;
    const char *tickets; /* for js_wire_back_ticket() */
    size_t count;
};
int js_wire_pack_back(struct js_buf *buf, bool is_answer,
                      const uint64_t *tickets, size_t count);
int js_wire_unpack_back(const void *bytes, size_t len,
                        struct js_wire_back *ret);
uint64_t js_wire_back_ticket(const struct js_wire_back *back, size_t i);

int js_wire_pack_fetch(struct js_buf *buf, const struct js_wire_fetch *fetch);
int js_wire_unpack_fetch(const void *bytes, size_t len,
                         struct js_wire_fetch *ret);

int js_wire_pack_output(struct js_buf *buf,
                        const struct js_wire_output *output);
int js_wire_unpack_output(const void *bytes, size_t len,
                          struct js_wire_output *ret);

int js_wire_pack_processes(struct js_buf *buf,
                           const struct js_process_pair *processes);
int js_wire_unpack_processes(const void *bytes, size_t len,
                             struct js_process_pair *ret);

/* A CLEAR: runs that were killed and are over; ret->runs is to be freed. */
struct js_wire_clear {
    struct js_dead_run *runs;
    size_t count;
};
int js_wire_pack_clear(struct js_buf *buf, const struct js_dead_run *runs,
                       size_t count);
int js_wire_unpack_clear(const void *bytes, size_t len,
                         struct js_wire_clear *ret);

/* A CLEARED: how many processes were asked to end, and how many did not. */
struct js_wire_cleared {
    uint32_t ended, left;
};
int js_wire_pack_cleared(struct js_buf *buf,
                         const struct js_wire_cleared *cleared);
int js_wire_unpack_cleared(const void *bytes, size_t len,
                           struct js_wire_cleared *ret);

/* In an END: what runs is not to be ended. */
#define JS_WIRE_LET_RUN INT64_MAX

/* In a STOP: how to leave. */
enum js_leaving {
    JS_LEAVE_TOGETHER = 0, /* by MPI_Finalize, as all others */
    JS_LEAVE_AT_ONCE,      /* by _exit(2): somebody will not come */
    JS_LEAVE_COUNT
};

/* In a BYE: why. */
enum js_parting {
    JS_PARTING_BROKEN = 0, /* it cannot start jobs any more */
    JS_PARTING_ASKED,      /* a signal has asked it to end */
    JS_PARTING_COUNT
};

/* RECALL (jobs, at most), LIMIT, SETUP (the length of a text), BEAT, END_JOB (a
 * ticket), END (the grace of what runs, ns), STOP, BYE: one number. */
int js_wire_pack_number(struct js_buf *buf, uint64_t number);
int js_wire_unpack_number(const void *bytes, size_t len, uint64_t *ret);

/* "HELLO"; "?" for what is no tag. */
const char *js_tag_name(int tag);

#endif
