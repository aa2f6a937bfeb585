/*
 * lines - what the readers of other tools' lists have in common: they cut bytes
 * into lines, and say where something is wrong.
 *
 * A reader has a struct js_lines as its first member, and uses js_lines_feed()
 * and js_lines_describe() in its table (list/reader.h). LF ends a line, and so
 * does CR LF; the last line may have no line end. A byte order mark (UTF-8) at
 * the beginning is ignored. A NUL byte is an error, and so is a line of more
 * than 16 MiB. (Our own format, --from lines, does not use this: it is
 * list/jobfile.h.)
 *
 * The jobs of these tools read variables that the tool sets. Those that are
 * known when the list is read become env= of the entry; a command that names
 * one of the others is refused, because it would run with an empty string.
 */
#ifndef JS_LIST_FROM_LINES_H
#define JS_LIST_FROM_LINES_H

#include "base/buf.h"
#include "base/err.h"
#include "list/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A position in the input; both are counted from 1. */
struct js_lines_place {
    uint64_t line, column;
};

/* The readers in this folder may use all fields. */
struct js_lines {
    struct js_reader reader; /* first, so that both have one address */
    char *name;
    struct js_buf input;
    size_t at;        /* start of the unread part of the input */
    size_t looked_at; /* up to here it contains no line end */
    bool is_begun;    /* the check for a byte order mark is done */
    bool is_ended;    /* no more input will come */
    bool allows_nul;  /* set by a reader whose lines may contain NUL */
    bool ends_at_cr;  /* ... whose lines end at a CR of any kind; it does not
                         count as a line of its own unless an LF follows */
    bool is_after_cr; /* an LF here would belong to the CR before it */
    bool is_same;     /* there was none: the next line has the same number */
    uint64_t line;    /* number of the line that was returned last */
    bool is_torn;     /* that line had no line end */

    /* Of the entry that was returned last. */
    struct js_lines_place command;
    struct js_lines_place other; /* of its attributes, and of a warning */
    bool is_verbatim; /* its command is a part of the line, so that each byte
                         has a place */
};

/* Returns 0, or -1 with errno ENOMEM. */
int js_lines_init(struct js_lines *lines, const struct js_reader_ops *ops,
                  const char *name);

void js_lines_release(struct js_lines *lines); /* keeps errno */

/*
 * Gets the next line, without its line end. It is borrowed until the next call
 * for the same lines. Returns 1; 0 if the bytes so far contain no whole line
 * (after their end: no line); -1 with *err set, and errno EBADMSG or ENOMEM.
 */
int js_lines_next(struct js_lines *lines, const char **ret, size_t *ret_len,
                  struct js_err *err);

/* These are the operations of a reader. */
int js_lines_feed(struct js_reader *reader, const char *bytes, size_t len);
int js_lines_describe(const struct js_reader *reader,
                      const struct js_entry_part *part, const char *what,
                      struct js_err *ret);

/* Formats an error about the byte at `column` of `line`, counted from 1.
 * Returns -1 with errno EINVAL (or ENOMEM). */
int js_lines_refuse(const struct js_lines *lines, uint64_t line, size_t column,
                    struct js_err *err, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Formats an error for a call that has failed for lack of memory. Returns -1
 * with errno ENOMEM. */
int js_lines_fail(const struct js_lines *lines, struct js_err *err);

/* ---------------------------------------------------------------- words */

/* How much of a word of the input a message shows; for "%.*s". */
static inline int js_lines_shown(size_t len)
{
    return len < 60 ? (int)len : 60;
}

/* True if the bytes are this string. */
static inline bool js_lines_is(const char *bytes, size_t len, const char *text)
{
    return strlen(text) == len && memcmp(bytes, text, len) == 0;
}

/* True if the bytes begin with this string. */
static inline bool js_lines_begins(const char *bytes, size_t len,
                                   const char *text)
{
    return strlen(text) <= len && memcmp(bytes, text, strlen(text)) == 0;
}

/*
 * Reads a decimal number at bytes[*at], and moves *at past its digits.
 * Returns false if there is no digit, or the number is greater than `most`.
 */
bool js_lines_number(const char *bytes, size_t len, size_t *at, uint64_t most,
                     uint64_t *ret);

/* ---------------------------------------------------------------- jobs */

/* A variable that the tool sets for its jobs and jobsched cannot. */
struct js_lines_unset {
    const char *name;
    const char *instead; /* what to use; completes "... is not set here: " */
};

/* Finds the first $NAME or ${NAME} of these in a command; the last one in the
 * table has no name. ${NAME:-VALUE} is not one, because it expects that the
 * variable may be unset, and a comment names none. Returns NULL if there is
 * none, otherwise the variable, and sets *ret_at to the place of its '$'. */
const struct js_lines_unset *
js_lines_find_unset(const struct js_lines_unset *table, const char *command,
                    size_t len, size_t *ret_at);

/* Refuses a command, whose first byte is at `column` of the line, if it names
 * one of these variables. Returns 0, or -1 with *err set. */
int js_lines_refuse_unset(const struct js_lines *lines,
                          const struct js_lines_unset *table,
                          const char *command, size_t len, size_t column,
                          struct js_err *err);

/* Adds a variable to the env= of these attributes. Returns 0, or -1 with errno
 * ENOMEM. */
int js_lines_add_text(struct js_attributes *attributes, const char *name,
                      const char *value);
int js_lines_add_number(struct js_attributes *attributes, const char *name,
                        uint64_t value);

/* Removes all strings. */
static inline void js_lines_clear(struct js_strings *strings)
{
    strings->bytes.len = strings->count = 0;
}

/* Sets *command to a line for sh that runs `text` in a new bash. Returns 0, or
 * -1 with errno ENOMEM. */
int js_lines_for_bash(struct js_buf *command, const char *text, size_t len);

#endif
