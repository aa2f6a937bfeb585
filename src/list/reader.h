/*
 * reader - what turns the bytes of a list into entries, whatever its format.
 *
 *     bytes -> a reader (one for each format) -> entries -> intake -> jobs
 *
 * A reader knows one format, and nothing of other jobs, of ids, of earlier
 * runs or of files that it was not given: all of that is done once, for every
 * format, by the intake (list/intake.h). list/jobfile.h is the reader of our
 * own format. The caller pushes bytes in as they arrive, in pieces of any size,
 * and the entries must not depend on how the input is cut. A reader owns the
 * bytes that it has not yet turned into entries.
 *
 * To write a reader, make struct js_reader the first member of a struct, and
 * return its address from a function js_..._new(), which gets the input's name
 * for messages ("jobs.txt", "standard input") and copies it. Its test compares
 * entries as text (tests/unit/entries.h).
 */
#ifndef JS_LIST_READER_H
#define JS_LIST_READER_H

#include "base/buf.h"
#include "base/err.h"
#include "list/attributes.h"
#include "list/values_cache.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A command longer than this many bytes is an error. The limit keeps a stream
 * that never ends its line from filling the memory. */
enum { JS_READER_COMMAND_MAX = 16 * 1024 * 1024 };

enum js_entry_kind {
    JS_ENTRY_JOB,
    JS_ENTRY_WAIT,    /* jobs after it come after all jobs before it */
    JS_ENTRY_WAIT_OK, /* and are skipped if a job since the last such line, of
                         either kind, failed or was skipped */
    JS_ENTRY_NONE,    /* only with an error: the line was not meant as a job */
};

/* What a reader found. Everything is borrowed from the reader until its next
 * call of `next` or `free`. */
struct js_entry {
    enum js_entry_kind kind;
    uint64_t line; /* of the input, from 1, where the command begins; 0: none */
    const char *command; /* any bytes but NUL; not terminated */
    size_t command_len;
    const struct js_attributes *attributes; /* NULL: one core, nothing else */
    const char *warning; /* about what is valid but probably not intended; its
                            place is that of the part "warning"; or NULL */
    bool is_done; /* the other tool's own records say that it has succeeded */
};

/* What an error or a warning about an entry points to. */
struct js_entry_part {
    const char *attribute; /* "name", "after", "stdout" ..., or "warning"; NULL:
                              the command */
    size_t index; /* which value of the attribute, from 0; each name of "after"
                     counts. For the command, the byte */
};

struct js_reader {
    const struct js_reader_ops *ops;
};

struct js_reader_ops {
    /* Takes a copy of the next `len` bytes. If `len` is 0, the input ends: the
     * rest forms a line, with or without a newline. Returns 0, or -1 with errno
     * ENOMEM. */
    int (*feed)(struct js_reader *reader, const char *bytes, size_t len);

    /*
     * Gets the next entry. Returns 1; 0 if the bytes so far contain no further
     * one (after their end: if there is none); or -1 with *err
     * "NAME:LINE:COLUMN: what".
     *
     * An error in one line only has errno EINVAL. The caller may go on with the
     * next line. The kind in *ret, which the caller has set to JS_ENTRY_JOB,
     * then says what the line would have been: a job that was refused counts,
     * so that the jobs after it keep their numbers. After any other error
     * (EBADMSG; ENOMEM) the reader may only be freed.
     *
     * The time taken must be linear in the size of the input, however it is cut
     * into pieces.
     */
    int (*next)(struct js_reader *reader, struct js_entry *ret,
                struct js_err *err);

    /* Formats "NAME:LINE:COLUMN: what" about a part of the entry that `next`
     * returned last. Control characters in `what` are escaped. Returns 0, or -1
     * with errno ENOMEM. */
    int (*describe)(const struct js_reader *reader,
                    const struct js_entry_part *part, const char *what,
                    struct js_err *ret);

    void (*free)(struct js_reader *reader); /* keeps errno */

    /* NULL: entries depend on the bytes only. Otherwise: values that a line
     * takes from files must come from this cache, which is borrowed, so that
     * all readers of a list see the same. Without this call (the list is a
     * stream) they are read each time. */
    void (*set_cache)(struct js_reader *reader, struct js_values_cache *cache);
};

/* ---------------------------------------------------------------- calls */

static inline int js_reader_feed(struct js_reader *reader, const char *bytes,
                                 size_t len)
{
    return reader->ops->feed(reader, bytes, len);
}

static inline int js_reader_next(struct js_reader *reader, struct js_entry *ret,
                                 struct js_err *err)
{
    return reader->ops->next(reader, ret, err);
}

static inline int js_reader_describe(const struct js_reader *reader,
                                     const struct js_entry_part *part,
                                     const char *what, struct js_err *ret)
{
    return reader->ops->describe(reader, part, what, ret);
}

/* Must be called before the first entry is taken. */
static inline void js_reader_set_cache(struct js_reader *reader,
                                       struct js_values_cache *cache)
{
    if (reader->ops->set_cache)
        reader->ops->set_cache(reader, cache);
}

/* NULL is allowed. */
static inline void js_reader_free(struct js_reader *reader)
{
    if (reader)
        reader->ops->free(reader);
}

/* For readers: formats "NAME:LINE:COLUMN: what" with `what` escaped. Returns 0,
 * or -1 with errno ENOMEM. */
static inline int js_reader_place(const char *name, uint64_t line,
                                  uint64_t column, const char *what,
                                  struct js_err *ret)
{
    struct js_buf text = JS_BUF_INIT;
    int rc = js_buf_escape(&text, what, strlen(what));
    if (rc == 0 && js_buf_string(&text))
        js_err_set(ret, "%s:%" PRIu64 ":%" PRIu64 ": %s", name, line, column,
                   text.data);
    else
        rc = -1;
    js_buf_release(&text);
    if (rc < 0)
        errno = ENOMEM;
    return rc;
}

#endif
