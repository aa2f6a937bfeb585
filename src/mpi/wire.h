/*
 * wire - the messages between master and slaves: tags, layouts, limits.
 *
 * Knows nothing about MPI except the datatype of a job. All other messages are
 * packed bytes (base/pack.h). The length and the values of each message are
 * checked before they are used.
 *
 *     slave                      master
 *     HELLO (version, node)  -->
 *                            <-- DESCRIBE        one slave of each node
 *                            <-- TEXT... SETUP   the environment, its place
 *     NODE (cores, GPUs, memory) -->              if it was asked to DESCRIBE
 *     READY (slots)          -->
 *                            <-- CLEAR           end what killed runs left
 *     CLEARED                -->                 it has been ended here
 *     RUNNER                 -->                 another runner than in HELLO
 *                            <-- RUNNER          it is on record, and may be
 *                                                given jobs
 *                            <-- JOB             one, as a struct
 *                            <-- JOBS            several, or with a longer text
 *                            <-- TEXT... JOB     a text too long for these
 *     ACK                    -->                 jobs, text ... taken in
 *     DONE (outcome, output) -->                 for one job or several
 *                            <-- RECALL          return jobs that are not begun
 *     RETURNED               -->                 jobs returned unstarted
 *                            <-- FETCH           output that did not fit
 *     OUTPUT                 -->
 *                            <-- TIME_LIMIT      how long jobs may run
 *                            <-- KILL_JOB        end this one
 *                            <-- DRAIN           start no more; end what runs
 *     BEAT                   --> BEAT            the same number back
 *                            <-- SHUTDOWN        leave
 *     GOODBYE                -->                 it leaves
 *     FIN                    -->                 nothing follows (link.h)
 *     NOTE                   -->                 for a person, at any time
 *
 * A lease. From READY on, the slave sends heartbeats, each with a number: in an
 * ACK or DONE if one is due at the right time, otherwise in a BEAT. The master
 * sends the number back: in a JOB or JOBS if one is sent at once, otherwise in
 * a BEAT. The slave's jobs may run until lease_ns after it sent the last number
 * that has come back (or READY); nothing else renews the lease. The master
 * counts from when it read the last number (or READY), which is later. So when
 * the master declares the slave lost after lease and grace, the slave's jobs
 * have ended, whatever messages were late or lost.
 *
 * The master reads BEATs before all other messages. ACKs and DONEs may lie
 * unread for a while, so a number in one of these that does not come back soon
 * is followed by a BEAT.
 *
 * A TEXT is a byte string in pieces. Each piece is sent when the one before it
 * has been acknowledged. The JOB that follows gives the total length.
 */
#ifndef JS_MPI_WIRE_H
#define JS_MPI_WIRE_H

#include "base/buf.h"
#include "base/pack.h"
#include "base/process.h"
#include "list/job.h"
#include "list/outcome.h"
#include "list/resources.h"
#include "list/settings.h"
#include "sched/allocator.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Must be increased with any change of a layout below. A slave with another
 * version is refused. */
enum { JS_WIRE_VERSION = 14 };

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
    JS_TAG_DESCRIBE,
    JS_TAG_NODE,
    JS_TAG_FIN,
    JS_TAG_COUNT
};

enum {
    /*
     * A message of up to this size is sent at once even if the receiver is
     * stopped, as long as no more than about fifteen messages are unread.
     * Measured with Open MPI 4.1.4 over shared memory (a ring of 4 KiB for each
     * pair); from 300 bytes on, the sender waits for the receiver.
     */
    JS_WIRE_JOB_SIZE = 256,
    JS_WIRE_JOB_TEXT = 176,
    /* The number of jobs that the receiver may safely leave unread. */
    JS_WIRE_JOBS_SENT = 10,
    JS_WIRE_CHUNK = 256 * 1024, /* bytes of TEXT or OUTPUT in one message */
    /* The most bytes of a JOBS, unless it holds only one job, and of the text
     * of a job in a JOBS. */
    JS_WIRE_BATCH = 16 * 1024,
    JS_WIRE_BATCH_TEXT = 64 * 1024,
    JS_WIRE_DONE_BATCH = 64 * 1024, /* a DONE with this many bytes is sent at
                                       once */
    JS_WIRE_INLINE = 16 * 1024,     /* bytes of output that may be sent in a
                                       DONE */
    JS_WIRE_MAX = 512 * 1024,       /* no message is longer */
    JS_WIRE_TEXT_MAX = 64 * 1024 * 1024, /* for a SETUP or a job */
};

/*
 * One job, as MPI sends it. js_link builds its datatype from this layout: four
 * groups of fields, the largest fields first, without padding.
 *
 * The text consists of the allocation, the details (list/job.h) and the
 * command. The allocation has allocation_len bytes: the list of CPUs, the list
 * of GPUs and, if there are several hosts, the list of hosts, each followed by
 * a NUL. It is empty if the job gets the slot's own CPUs and no GPU.
 */
struct js_wire_job {
    uint64_t id;
    uint64_t ticket;
    uint64_t data_limit_bytes; /* 0: none */
    uint64_t beat;             /* a heartbeat that is answered; 0: none */
    int64_t duration_ns;
    int64_t timeout_ns; /* 0: the default */
    uint32_t text_len;  /* total length. If it is more than JS_WIRE_JOB_TEXT,
                           the text is sent in a TEXT before the job, and
                           `text` is unused */
    uint32_t allocation_len;
    uint32_t details_len;
    uint32_t kind; /* enum js_job_kind */
    uint32_t attempt;
    uint32_t cores;
    uint32_t inline_max; /* bytes of output that may be sent in the DONE */
    uint32_t slot;       /* may be JS_SCHEDULER_SLOT_NEXT (sched/scheduler.h) */
    char text[JS_WIRE_JOB_TEXT];
};
_Static_assert(sizeof(struct js_wire_job) == JS_WIRE_JOB_SIZE,
               "a job must fit what MPI sends without waiting");

/* Fills in everything except allocation_len, the text (text_len is the length
 * of the job's own text) and what the sender decides (data_limit_bytes,
 * inline_max, beat). */
void js_wire_job_of(struct js_wire_job *wire, const struct js_job *job,
                    uint64_t ticket, uint32_t slot);

/* Checks the fields. Returns 0, or -1 with errno EBADMSG if a value is one that
 * no master sends. */
int js_wire_job_check(const struct js_wire_job *wire);

/* The parts of a job's text. All but the CPUs are pointers into it. */
struct js_wire_text {
    bool has_allocation;
    struct js_cpuset cpus;
    const char *gpus;  /* "": none */
    const char *hosts; /* "n1,n2"; "": only this host */
    const char *details;
    size_t details_len;
    const char *command;
    size_t command_len;
};

/* Splits the text and checks it. Returns 0, or -1 with errno EBADMSG. */
int js_wire_job_text(const struct js_wire_job *wire, const char *text,
                     struct js_wire_text *ret);

struct js_wire_hello {
    uint32_t version;
    struct js_node node;
    struct js_process_pair processes;
};

#define JS_WIRE_GPUS_FOUND UINT32_MAX

/* Instructions for a slave. After unpacking, strings point into the message. */
struct js_wire_setup {
    /* From the SETUP itself: the slave's place in the run. */
    uint32_t index; /* which of the `slaves` slaves of its node this is */
    uint32_t slaves;
    struct js_cpuset node_cpus; /* CPUs of all processes of the run on its
                                   node */
    struct js_cpuset held;      /* the CPUs in node_cpus that slaves of other
                                   runs hold */
    uint32_t quota_cores; /* the CPU time, in cores, that the node allows all
                             its slaves together; 0: no limit */
    /* From the TEXT before it, which is the same for all slaves. */
    uint32_t slots;   /* 0: one for each core of the slave's part of the node */
    uint32_t gpus;    /* its node's; JS_WIRE_GPUS_FOUND: as many as it finds */
    int64_t lease_ns; /* lease without the grace of the jobs; 0: none */
    struct js_settings settings; /* for its jobs; the runner gets them as
                                    well */
    const char *environ;         /* "NAME=value", each followed by a NUL */
    size_t environ_len;
};

struct js_wire_ready {
    uint32_t slots;
    uint32_t *homes; /* the core of each slot, by its number in the NODE. The
                        caller must free it after unpacking */
    struct js_cpuset home; /* the CPUs to which its jobs are bound, for all
                              slots */
    char error[1024];      /* why it cannot work, or "" */
};

/* Counts are totals since the start, so that a lost or late ACK does no
 * harm. */
struct js_wire_ack {
    uint64_t jobs;
    uint64_t text_bytes;
    uint64_t releases; /* FETCHes of length 0 that were handled */
    uint64_t beat;     /* a heartbeat; 0: none */
};

struct js_wire_done {
    uint64_t ticket;
    uint64_t jobs, beat; /* as in an ACK */
    struct js_outcome outcome;
    bool captured;       /* there is output; the outcome has its size */
    const char *inlined; /* all of the output, stdout first; NULL: it must be
                            fetched */
    size_t inlined_len;
};

struct js_wire_fetch {
    uint64_t ticket;
    uint64_t offset;
    uint32_t stream;
    uint32_t length; /* 0: the output is not needed any more; there is no
                        answer */
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
 * The pack functions append to `buf` and return 0, or -1 with errno ENOMEM. The
 * unpack functions return 0, or -1 with errno EBADMSG if the message is cut
 * off, too long, or has a value out of range. Pointers in the result point into
 * the message.
 */
int js_wire_pack_hello(struct js_buf *buf, const struct js_wire_hello *hello);
int js_wire_unpack_hello(const void *bytes, size_t len,
                         struct js_wire_hello *ret);

/* A SETUP and the TEXT that came before it are unpacked together, the SETUP
 * first. */
int js_wire_pack_setup(struct js_buf *buf, const struct js_wire_setup *setup);
int js_wire_pack_setup_text(struct js_buf *buf,
                            const struct js_wire_setup *setup);
int js_wire_unpack_setup(const void *bytes, size_t len,
                         struct js_wire_setup *ret);

int js_wire_pack_ready(struct js_buf *buf, const struct js_wire_ready *ready);
int js_wire_unpack_ready(const void *bytes, size_t len,
                         struct js_wire_ready *ret);

/* A NODE: the resources of the slave's node, for all slaves there. The caller
 * must release them after unpacking. */
int js_wire_unpack_node(const void *bytes, size_t len,
                        struct js_resources *ret);

int js_wire_pack_ack(struct js_buf *buf, const struct js_wire_ack *ack);
int js_wire_unpack_ack(const void *bytes, size_t len, struct js_wire_ack *ret);

/* A JOBS is a sequence of these: for each job its fixed part, then its text
 * (text_len bytes). Unpacking takes one job from a cursor, until nothing is
 * left of it. The job is checked as js_wire_job_check() does it; its text stays
 * where the cursor was, and is not in ret->text. */
int js_wire_pack_job(struct js_buf *buf, const struct js_wire_job *wire,
                     const char *text);
int js_wire_unpack_job(struct js_cursor *cursor, struct js_wire_job *ret,
                       const char **ret_text);

/* A DONE is a sequence of these. */
int js_wire_pack_done(struct js_buf *buf, const struct js_wire_done *done);
int js_wire_unpack_done(struct js_cursor *cursor, struct js_wire_done *ret);

/* A RETURNED: tickets, and whether it answers a RECALL. */
struct js_wire_returned {
    bool is_answer;
    const char *tickets; /* for js_wire_returned_ticket() */
    size_t count;
};
int js_wire_pack_returned(struct js_buf *buf, bool is_answer,
                          const uint64_t *tickets, size_t count);
int js_wire_unpack_returned(const void *bytes, size_t len,
                            struct js_wire_returned *ret);
uint64_t js_wire_returned_ticket(const struct js_wire_returned *returned,
                                 size_t i);

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

/* A CLEAR: runs that were killed and are over. ret->runs must be freed. */
struct js_wire_clear {
    struct js_dead_run *runs;
    size_t count;
};
int js_wire_pack_clear(struct js_buf *buf, const struct js_dead_run *runs,
                       size_t count);
int js_wire_unpack_clear(const void *bytes, size_t len,
                         struct js_wire_clear *ret);

/* A CLEARED: how many processes were asked to end, and how many of them have
 * not ended. */
struct js_wire_cleared {
    uint32_t ended, left;
};
int js_wire_pack_cleared(struct js_buf *buf,
                         const struct js_wire_cleared *cleared);
int js_wire_unpack_cleared(const void *bytes, size_t len,
                           struct js_wire_cleared *ret);

/* In a DRAIN, instead of a grace: running jobs are not ended. */
#define JS_WIRE_LET_RUN INT64_MAX

/* In a SHUTDOWN: how to leave. */
enum js_leaving {
    JS_LEAVE_TOGETHER = 0, /* by MPI_Finalize, like all other ranks */
    JS_LEAVE_AT_ONCE,      /* by _exit(2): some rank will not call
                              MPI_Finalize */
    JS_LEAVE_COUNT
};

/* In a GOODBYE: the reason. */
enum js_goodbye {
    JS_GOODBYE_BROKEN = 0, /* it cannot start jobs any more */
    JS_GOODBYE_ASKED,      /* a signal has asked it to end */
    JS_GOODBYE_COUNT
};

/* These messages hold one number: RECALL (jobs, at most), TIME_LIMIT,
 * BEAT, KILL_JOB (a ticket), DRAIN (the grace for
 * running jobs, ns), SHUTDOWN, GOODBYE. */
static inline int js_wire_pack_number(struct js_buf *buf, uint64_t number)
{
    return js_pack_u64(buf, number);
}
int js_wire_unpack_number(const void *bytes, size_t len, uint64_t *ret);

/* Returns the name of a tag, such as "HELLO", or "?" for any other number. */
const char *js_tag_name(int tag);

#endif
