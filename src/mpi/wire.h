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
 *     READY (slots, cores)   -->
 *                            <-- JOB             at most ten unacknowledged
 *                            <-- TEXT... JOB     a command too long for it
 *     ACK                    -->                 jobs, text ... taken in
 *     DONE (outcome, output) -->                 or BACK: given back unstarted
 *                            <-- FETCH           output that did not fit
 *     OUTPUT                 -->
 *                            <-- STOP
 *     BYE                    -->
 *     NOTE                   -->                 for a person, any time
 *
 * TEXT is a byte string in pieces, each sent when the one before has been
 * acknowledged; the SETUP or JOB that follows says how long it is in all.
 */
#ifndef JS_MPI_WIRE_H
#define JS_MPI_WIRE_H

#include "base/buf.h"
#include "core/job.h"
#include "core/outcome.h"
#include "core/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Changed with any layout below; a slave of another version is refused. */
enum { JS_WIRE_VERSION = 1 };

enum js_tag {
    JS_TAG_HELLO = 1,
    JS_TAG_SETUP,
    JS_TAG_READY,
    JS_TAG_TEXT,
    JS_TAG_ACK,
    JS_TAG_JOB,
    JS_TAG_DONE,
    JS_TAG_BACK,
    JS_TAG_FETCH,
    JS_TAG_OUTPUT,
    JS_TAG_NOTE,
    JS_TAG_STOP,
    JS_TAG_BYE,
    JS_TAG_COUNT
};

enum {
    /*
     * Up to this size MPI_Send returns at once even if the receiver is
     * stopped, as long as no more than about fifteen messages are unread:
     * measured with Open MPI 4.1.4 over shared memory (a ring of 4 KiB a
     * pair); from 300 bytes on it waits for the receiver.
     */
    JS_WIRE_JOB_SIZE = 256,
    JS_WIRE_JOB_TEXT = 200,
    JS_WIRE_CHUNK = 256 * 1024, /* bytes of TEXT or OUTPUT in a message */
    JS_WIRE_INLINE = 16 * 1024, /* bytes of output that ride with DONE */
    JS_WIRE_MAX = 512 * 1024,   /* no message is longer */
    JS_WIRE_TEXT_MAX = 64 * 1024 * 1024, /* of a SETUP or a command */
};

/* One job, as MPI sends it (js_link builds its datatype from this layout:
 * three groups of fields). Largest fields first, no padding. */
struct js_wire_job {
    uint64_t id;
    uint64_t ticket;
    uint64_t text_len; /* bytes of the command; more than JS_WIRE_JOB_TEXT: in
                          the TEXT before it, and `text` is unused */
    int64_t duration_ns;
    uint32_t kind; /* enum js_job_kind */
    uint32_t attempt;
    uint32_t cores;
    uint32_t inline_max; /* bytes of output that may ride with DONE */
    uint32_t reserved[2];
    char text[JS_WIRE_JOB_TEXT];
};
_Static_assert(sizeof(struct js_wire_job) == JS_WIRE_JOB_SIZE,
               "a job must fit what MPI_Send takes without waiting");

/* Fills in a job; a command that fits is copied into it. */
void js_wire_job_of(struct js_wire_job *wire, const struct js_job *job,
                    uint64_t ticket);

/* 0, or -1 with errno EBADMSG for values that no master sends. */
int js_wire_job_check(const struct js_wire_job *wire);

struct js_wire_hello {
    uint32_t version;
    struct js_node node;
};

/* How a slave is to work. Strings of a decoded one point into the message. */
struct js_wire_setup {
    uint32_t slots; /* 0: one for each core of its part */
    uint32_t index; /* among `slaves` slaves of its node */
    uint32_t slaves;
    bool bind;
    bool trace;
    uint32_t capture; /* enum js_capture */
    uint32_t umask;
    uint64_t spool_limit_bytes;
    int64_t grace_ns;
    struct js_cpuset pool;
    const char *cwd;
    const char *output_dir;
    const char *tmpdir;  /* "": the slave's own choice */
    const char *environ; /* "NAME=value", a NUL behind each */
    size_t environ_len;
};

struct js_wire_ready {
    uint32_t slots;
    uint32_t pool_cores;   /* of its node, for all slaves on it */
    struct js_cpuset home; /* the cores its jobs are bound to, all slots */
    char error[1024];      /* why it cannot work, or "" */
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

int js_wire_pack_ack(struct js_buf *buf, const struct js_wire_ack *ack);
int js_wire_unpack_ack(const void *bytes, size_t len, struct js_wire_ack *ret);

int js_wire_pack_done(struct js_buf *buf, const struct js_wire_done *done);
int js_wire_unpack_done(const void *bytes, size_t len,
                        struct js_wire_done *ret);

int js_wire_pack_fetch(struct js_buf *buf, const struct js_wire_fetch *fetch);
int js_wire_unpack_fetch(const void *bytes, size_t len,
                         struct js_wire_fetch *ret);

int js_wire_pack_output(struct js_buf *buf,
                        const struct js_wire_output *output);
int js_wire_unpack_output(const void *bytes, size_t len,
                          struct js_wire_output *ret);

/* BACK, SETUP and the length of a text: one number. */
int js_wire_pack_number(struct js_buf *buf, uint64_t number);
int js_wire_unpack_number(const void *bytes, size_t len, uint64_t *ret);

/* "HELLO"; "?" for what is no tag. */
const char *js_tag_name(int tag);

#endif
