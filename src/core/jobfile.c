#include "core/jobfile.h"

#include "base/buf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The most that is dropped from the end of a line: a backslash and a CR. So a
 * text longer than this is too long whatever comes next. */
enum { TEXT_MAX = JS_COMMAND_MAX + 2 };

/* What the line being read is, as far as its bytes so far tell. */
enum line_kind {
    LINE_BLANK, /* nothing, or blanks */
    LINE_COMMENT,
    LINE_COMMAND, /* a CR counts until the line ends: see end_command() */
};

/*
 * Every byte is looked at once: on its way from `input` into `text`, or, in a
 * comment, into nothing. So a comment without end needs no memory.
 */
struct js_jobfile {
    char *name;
    struct js_buf input;
    size_t at;  /* where the unread part of the input begins */
    bool ended; /* no more input will come */

    uint64_t line; /* of input.data[at], and its column; from 1 on */
    uint64_t column;

    enum line_kind kind;
    struct js_buf text;  /* of the command so far, its lines joined */
    size_t text_line_at; /* where the last of these lines begins in it */
    uint64_t first_line; /* where the first of them is in the input */

    uint64_t jobs; /* given out */
    bool failed;
    struct js_err failure;
};

struct js_jobfile *js_jobfile_new(const char *name)
{
    struct js_jobfile *file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    file->line = 1;
    file->column = 1;
    file->first_line = 1;
    file->name = strdup(name);
    if (!file->name)
        goto fail;
    return file;
fail:
    js_jobfile_free(file);
    return NULL;
}

void js_jobfile_free(struct js_jobfile *file)
{
    if (!file)
        return;
    int saved = errno;
    js_buf_release(&file->input);
    js_buf_release(&file->text);
    free(file->name);
    free(file);
    errno = saved;
}

static size_t unread(const struct js_jobfile *file)
{
    return file->input.len - file->at;
}

int js_jobfile_feed(struct js_jobfile *file, const char *bytes, size_t len)
{
    /* Moving the rest only when it is no longer than what was read since the
     * last time keeps the time linear. */
    if (file->at >= unread(file)) {
        js_buf_consume(&file->input, file->at);
        file->at = 0;
    }
    return js_buf_append(&file->input, bytes, len);
}

void js_jobfile_end(struct js_jobfile *file)
{
    file->ended = true;
}

static int fail_at(struct js_jobfile *file, uint64_t line, uint64_t column,
                   const char *what)
{
    file->failed = true;
    return js_err_set(&file->failure, "%s:%" PRIu64 ":%" PRIu64 ": %s",
                      file->name, line, column, what);
}

static int fail_too_long(struct js_jobfile *file)
{
    _Static_assert(JS_COMMAND_MAX == 16 << 20, "the sentence says so");
    return fail_at(file, file->first_line, 1,
                   "command longer than 16 MiB (16777216 bytes): put it in a "
                   "script");
}

static int fail_errno(struct js_jobfile *file)
{
    file->failed = true;
    return js_err_errno(&file->failure, "%s:%" PRIu64, file->name, file->line);
}

static int refuse_nul(struct js_jobfile *file, const char *bytes, size_t len)
{
    const char *nul = memchr(bytes, '\0', len);
    if (!nul)
        return 0;
    return fail_at(file, file->line, file->column + (uint64_t)(nul - bytes),
                   file->kind == LINE_COMMENT
                       ? "NUL byte in a comment: a job file is text, one "
                         "command a line"
                       : "NUL byte in a command: a job file is text, one "
                         "command a line");
}

static void advance(struct js_jobfile *file, size_t len)
{
    file->at += len;
    file->column += len;
}

static void advance_newline(struct js_jobfile *file)
{
    file->at++;
    file->line++;
    file->column = 1;
}

/* Ready for a line that has nothing to do with the one before. */
static void begin_line(struct js_jobfile *file)
{
    file->kind = LINE_BLANK;
    file->text.len = 0;
    file->text_line_at = 0;
    file->first_line = file->line;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_all_blank(const struct js_buf *text)
{
    size_t i = 0;
    while (i < text->len && is_blank(text->data[i]))
        i++;
    return i == text->len;
}

/* CR LF ends a line as LF does; any other CR belongs to the command. */
static void drop_carriage_return(struct js_jobfile *file)
{
    struct js_buf *text = &file->text;
    if (text->len > file->text_line_at && text->data[text->len - 1] == '\r')
        text->len--;
}

/* True if the line goes on in the next; its last backslash is then dropped. */
static bool drop_continuation(struct js_jobfile *file)
{
    struct js_buf *text = &file->text;
    size_t at = text->len;
    /* No further than this line, or joining many would be quadratic. */
    while (at > file->text_line_at && text->data[at - 1] == '\\')
        at--;
    if ((text->len - at) % 2 == 0)
        return false;
    text->len--;
    file->text_line_at = text->len;
    return true;
}

/*
 * The one place where the text of a whole line, joined and without its line
 * end, becomes a job. What may stand before the command in it ("[name=x] ")
 * or in place of one ("wait") is to be recognised here. Returns as
 * js_jobfile_next() does.
 */
static int job_of_text(struct js_jobfile *file, struct js_job **ret)
{
    if (is_all_blank(&file->text))
        return 0;
    if (file->text.len > JS_COMMAND_MAX)
        return fail_too_long(file);
    struct js_job *job =
        js_job_new(file->jobs + 1, file->text.data, file->text.len);
    if (!job)
        return fail_errno(file);
    job->line = file->first_line;
    file->jobs++;
    *ret = job;
    return 1;
}

static int end_command(struct js_jobfile *file, struct js_job **ret)
{
    int rc = job_of_text(file, ret);
    if (rc >= 0)
        begin_line(file);
    return rc;
}

/* The next bytes belong to the command; the first `len` unread at most, and no
 * more than make it too long, so that where the input was cut shows nowhere. */
static int take_text(struct js_jobfile *file, size_t len)
{
    const char *bytes = file->input.data + file->at;
    if (refuse_nul(file, bytes, len) < 0)
        return -1;
    if (js_buf_append(&file->text, bytes, len) < 0)
        return fail_errno(file);
    advance(file, len);
    return file->text.len > TEXT_MAX ? fail_too_long(file) : 0;
}

/* How much may be looked at in one go. */
static size_t text_window(const struct js_jobfile *file)
{
    size_t room = TEXT_MAX + 1 - file->text.len;
    return unread(file) < room ? unread(file) : room;
}

/* The blanks at the front of a line, and what comes after them. */
static int read_blank(struct js_jobfile *file)
{
    const char *bytes = file->input.data + file->at;
    size_t window = text_window(file);
    size_t len = 0;
    while (len < window && is_blank(bytes[len]))
        len++;
    if (len < window)
        file->kind = bytes[len] == '#' ? LINE_COMMENT : LINE_COMMAND;
    return take_text(file, len);
}

static int read_comment(struct js_jobfile *file)
{
    const char *bytes = file->input.data + file->at;
    const char *newline = memchr(bytes, '\n', unread(file));
    size_t len = newline ? (size_t)(newline - bytes) : unread(file);
    if (refuse_nul(file, bytes, len) < 0)
        return -1;
    advance(file, len);
    if (newline) {
        advance_newline(file);
        begin_line(file);
    }
    return 0;
}

static int read_command(struct js_jobfile *file, struct js_job **ret)
{
    const char *bytes = file->input.data + file->at;
    size_t window = text_window(file);
    const char *newline = memchr(bytes, '\n', window);
    if (take_text(file, newline ? (size_t)(newline - bytes) : window) < 0)
        return -1;
    if (!newline)
        return 0;
    advance_newline(file);
    drop_carriage_return(file);
    if (drop_continuation(file))
        return 0;
    return end_command(file, ret);
}

/* One step: to the end of the line, of the input so far, or of its blanks. */
static int read_some(struct js_jobfile *file, struct js_job **ret)
{
    switch (file->kind) {
    case LINE_BLANK:
        return read_blank(file);
    case LINE_COMMENT:
        return read_comment(file);
    case LINE_COMMAND:
        break;
    }
    return read_command(file, ret);
}

/* The last line, if it had no newline. A backslash at its end stays. */
static int end_of_input(struct js_jobfile *file, struct js_job **ret)
{
    drop_carriage_return(file);
    return end_command(file, ret);
}

int js_jobfile_next(struct js_jobfile *file, struct js_job **ret,
                    struct js_err *err)
{
    int rc = file->failed ? -1 : 0;
    while (rc == 0 && unread(file) > 0)
        rc = read_some(file, ret);
    if (rc == 0 && file->ended)
        rc = end_of_input(file, ret);
    if (rc < 0 && err)
        *err = file->failure;
    return rc;
}
