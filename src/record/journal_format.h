/*
 * journal_format - converts a record of the journal to and from a line of text.
 *
 * It keeps no state and uses no file. record/journal.h describes the format.
 */
#ifndef JS_RECORD_JOURNAL_FORMAT_H
#define JS_RECORD_JOURNAL_FORMAT_H

#include "base/buf.h"
#include "base/process.h"
#include "list/job.h"
#include "list/outcome.h"
#include "record/completion.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum js_journal_line_kind {
    JS_JOURNAL_LINE_UNKNOWN =
        0, /* valid, but this version does not know its word */
    JS_JOURNAL_LINE_HEAD,
    JS_JOURNAL_LINE_RUN,
    JS_JOURNAL_LINE_JOBS,
    JS_JOURNAL_LINE_NAME,
    JS_JOURNAL_LINE_AGAIN,
    JS_JOURNAL_LINE_GONE,
    JS_JOURNAL_LINE_BACK,
    JS_JOURNAL_LINE_DONE,
    JS_JOURNAL_LINE_SLAVE,
    JS_JOURNAL_LINE_PROCESS,
    JS_JOURNAL_LINE_FORMAT,
    JS_JOURNAL_LINE_LEASE,
    JS_JOURNAL_LINE_BATCH,
    JS_JOURNAL_LINE_PART,
    JS_JOURNAL_LINE_MARK,
    JS_JOURNAL_LINE_DEAD_PROCESS,
    JS_JOURNAL_LINE_DEAD,
    JS_JOURNAL_LINE_LEFT,
    JS_JOURNAL_LINE_BEGAN,
    JS_JOURNAL_LINE_SAID,
    JS_JOURNAL_LINE_LOST,
    JS_JOURNAL_LINE_LEFTOVERS,
    JS_JOURNAL_LINE_OK,
    JS_JOURNAL_LINE_FAILED,
    JS_JOURNAL_LINE_RETRIED,
    JS_JOURNAL_LINE_STOPPED,
    JS_JOURNAL_LINE_SKIPPED,
    JS_JOURNAL_LINE_END,
};

enum {
    JS_JOURNAL_LINE_LIST = 256,      /* numbers or identities in one record */
    JS_JOURNAL_LINE_MAX = 16 * 1024, /* bytes, the newline included */
    JS_JOURNAL_LINE_TEXT = 1024,     /* bytes of a TEXT, HOST, NAME, FORMAT or
                                        BATCH,     with its NUL */
};

struct js_journal_line {
    enum js_journal_line_kind kind;
    uint64_t id; /* NAME, BEGAN, SAID, LOST, LEFTOVERS, the attempts, SKIPPED;
                    the first of JOBS; the version of HEAD; the slave of SLAVE,
                    PROCESS and LEFT */
    uint64_t pid, started, boot;      /* RUN; the last of DEAD as well */
    uint64_t unix_us;                 /* RUN, END, LOST; the start of BEGAN and
                                         DEAD */
    uint64_t until_us;                /* DEAD */
    uint64_t parent;                  /* SKIPPED */
    uint64_t status;                  /* END */
    uint64_t slots;                   /* SLAVE */
    uint64_t lease_us, outlives;      /* LEASE, DEAD */
    uint64_t restarts;                /* BATCH, PART */
    uint64_t mark;                    /* MARK, DEAD; the command of PART */
    uint64_t space;                   /* MARK, DEAD */
    uint64_t stream;                  /* SAID */
    uint64_t losses;                  /* LOST */
    uint32_t attempt, slave, cores;   /* the attempts; the first of SAID and
                                         LEFTOVERS, the first two of BEGAN, the
                                         slave of LOST */
    struct js_process_pair processes; /* PROCESS */
    struct js_outcome outcome; /* the attempts; leftovers: of LEFTOVERS */
    size_t count;              /* JOBS, AGAIN, GONE, BACK, DONE, DEAD_PROCESS */
    uint64_t ids[JS_JOURNAL_LINE_LIST];
    struct js_identity identities[JS_JOURNAL_LINE_LIST]; /* JOBS */
    char text[JS_JOURNAL_LINE_TEXT]; /* NAME, HOST, FORMAT, BATCH, TEXT */
};

/* Appends the record with its checksum and newline. Returns 0, or -1 with errno
 * ENOMEM.
 */
int js_journal_format_write(struct js_buf *buf,
                            const struct js_journal_line *line);

/* Parses `len` bytes, without the newline. Returns 0, or -1 with errno EBADMSG
 * if they are not a valid record; then *ret is undefined. */
int js_journal_format_parse(const char *bytes, size_t len,
                            struct js_journal_line *ret);

/* Converts a record's time from microseconds to nanoseconds, limited to what an
 * int64_t can hold. */
int64_t js_journal_format_ns(uint64_t us);

#endif
