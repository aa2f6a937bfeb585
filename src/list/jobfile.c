#include "list/jobfile.h"

#include "base/buf.h"
#include "base/text.h"
#include "list/for_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The limit, plus the longest part that is dropped from the end of a line: a
 * backslash and a CR. A longer text is too long in any case. */
enum { TEXT_MAX = JS_READER_COMMAND_MAX + 2 };

/* A guard sees no more than this of a comment. */
enum { COMMENT_KEPT = 1024 };

/* The kind of the line being read, as far as its bytes so far show it. */
enum line_kind {
    LINE_BLANK, /* nothing, or blanks */
    LINE_COMMENT,
    LINE_DEFAULTS, /* so far, a comment that begins like "#JOBSCHED " */
    LINE_COMMAND,  /* a CR counts until the line ends: see end_command() */
};

/*
 * Each byte is examined once, on its way from `input` to `text`. Most bytes of
 * a long comment are dropped, so an endless comment needs no memory.
 */
struct jobfile {
    struct js_reader reader; /* must be first */
    char *name;
    struct js_buf input;
    size_t at;  /* start of the unread part of the input */
    bool begun; /* the check for a byte order mark is done */
    bool ended; /* no more input will come */

    uint64_t line; /* line of input.data[at], from 1 on, and its column */
    uint64_t column;

    enum line_kind kind;
    struct js_buf text;  /* the command so far, with its lines joined */
    size_t text_line_at; /* start of the last of these lines in `text` */
    uint64_t first_line; /* number of the first of these lines in the input */
    struct js_buf lines; /* starts of the other lines in `text`: a size_t
                            each */

    struct js_attributes defaults;
    bool has_defaults;

    js_jobfile_guard_fn guard; /* NULL: there is none, or no longer */
    bool is_guard_brief;
    bool has_command; /* a line was a command */

    /* The entry, or the error, that was returned last. */
    bool is_given;     /* `text` is still that of its line */
    size_t command_at; /* where the command begins in `text` */
    struct js_attributes attributes;
    struct js_for_loop *loop; /* makes the jobs of this line; NULL: it is no
                                 template */
    struct js_values_cache *cache; /* borrowed; NULL: none */
    struct js_err *err;            /* of the call in progress */
};

static struct jobfile *jobfile_of(struct js_reader *reader)
{
    return (struct jobfile *)reader;
}

static void jobfile_free(struct js_reader *reader)
{
    struct jobfile *file = jobfile_of(reader);
    int saved = errno;
    js_buf_release(&file->input);
    js_buf_release(&file->text);
    js_buf_release(&file->lines);
    js_attributes_release(&file->defaults);
    js_attributes_release(&file->attributes);
    js_for_loop_free(file->loop);
    free(file->name);
    free(file);
    errno = saved;
}

static size_t unread(const struct jobfile *file)
{
    return file->input.len - file->at;
}

static int jobfile_feed(struct js_reader *reader, const char *bytes, size_t len)
{
    struct jobfile *file = jobfile_of(reader);
    if (len == 0) {
        file->ended = true;
        return 0;
    }
    /* The rest is moved only when it is no longer than the part read since the
     * last move, which keeps the total time linear. */
    if (file->at >= unread(file)) {
        js_buf_consume(&file->input, file->at);
        file->at = 0;
    }
    return js_buf_append(&file->input, bytes, len);
}

/* Reports an error after which no further line can be read. */
static int fail_at(struct jobfile *file, uint64_t line, uint64_t column,
                   const char *what)
{
    errno = EBADMSG;
    return js_err_set(file->err, "%s:%" PRIu64 ":%" PRIu64 ": %s", file->name,
                      line, column, what);
}

static int fail_too_long(struct jobfile *file)
{
    _Static_assert(JS_READER_COMMAND_MAX == 16 << 20, "as in the message");
    return fail_at(file, file->first_line, 1,
                   "the command is longer than 16 MiB (16777216 bytes): put it "
                   "in a script");
}

static int jobfile_fail_errno(struct jobfile *file)
{
    return js_err_errno(file->err, "%s:%" PRIu64, file->name, file->line);
}

/* Reports the NUL byte that is `ahead` bytes after the ones already read. */
static int refuse_nul(struct jobfile *file, size_t ahead)
{
    return fail_at(file, file->line, file->column + ahead,
                   file->kind != LINE_COMMAND
                       ? "NUL byte in a comment: a job file must be text, with "
                         "one command on each line"
                       : "NUL byte in a command: a job file must be text, with "
                         "one command on each line");
}

static void advance_newline(struct jobfile *file)
{
    file->at++;
    file->line++;
    file->column = 1;
}

/* Prepares for a line that does not continue the previous one. */
static void begin_line(struct jobfile *file)
{
    file->kind = LINE_BLANK;
    file->text.len = 0;
    file->text_line_at = 0;
    file->lines.len = 0;
    file->first_line = file->line;
    file->command_at = 0;
    file->is_given = false;
}

/* CR LF ends a line as LF does; any other CR belongs to the command. */
static void drop_carriage_return(struct jobfile *file)
{
    struct js_buf *text = &file->text;
    if (text->len > file->text_line_at && text->data[text->len - 1] == '\r')
        text->len--;
}

/* Describes the byte at `at` of the text, like js_reader_place(). */
static int describe_at(const struct jobfile *file, size_t at, const char *what,
                       struct js_err *ret)
{
    uint64_t line = file->first_line;
    size_t begin = 0;
    /* The text may be several lines of the input, joined. */
    for (size_t i = 0; i < file->lines.len; i += sizeof(begin)) {
        size_t next;
        memcpy(&next, file->lines.data + i, sizeof(next));
        if (next > at)
            break;
        begin = next;
        line++;
    }
    return js_reader_place(file->name, line, at - begin + 1, what, ret);
}

static int jobfile_describe(const struct js_reader *reader,
                            const struct js_entry_part *part, const char *what,
                            struct js_err *ret)
{
    const struct jobfile *file = (const struct jobfile *)reader;
    struct js_err with_values;
    size_t at = file->command_at;
    bool is_warning =
        part->attribute && strcmp(part->attribute, "warning") == 0;
    /* The line is read once more, to find the place. */
    if (is_warning && file->loop)
        at = js_for_loop_warning_at(file->loop);
    else if (part->attribute)
        at = js_attributes_find(file->text.data, file->text.len,
                                part->attribute, part->index);
    else if (!file->loop)
        at += part->index;
    if (!file->loop || is_warning)
        return describe_at(file, at, what, ret);
    if (js_for_loop_describe(file->loop, part->attribute, what, &with_values) <
        0)
        return -1;
    return describe_at(file, at, with_values.text, ret);
}

/* Reports an error in this line only: the lines after it can be read. */
static int refuse_at(struct jobfile *file, size_t at, const char *why)
{
    if (describe_at(file, at, why, file->err) < 0)
        return jobfile_fail_errno(file);
    file->is_given = true;
    errno = EINVAL;
    return -1;
}

/* ---------------------------------------------------------------- entries */

/* Refuses a line that shows that the list is in another format. */
static int refuse_foreign(struct jobfile *file)
{
    struct js_err what;
    if (!file->guard || !file->guard(file->text.data, file->text.len,
                                     !file->has_command, &what))
        return 0;
    return fail_at(file, file->first_line, 1, what.text);
}

/* Called for a comment that sets no defaults. */
static int end_comment(struct jobfile *file)
{
    drop_carriage_return(file);
    if (refuse_foreign(file) < 0)
        return -1;
    begin_line(file);
    return 0;
}

/* Takes the next job of the line's template. Returns the same as
 * js_reader_next(). */
static int jobfile_next_of_loop(struct jobfile *file, struct js_entry *ret)
{
    struct js_err err, with_values;
    size_t at = 0;
    ret->line = file->first_line;
    int rc = js_for_loop_next(file->loop, ret, &at, &err);
    if (rc >= 0)
        return rc;
    if (errno != EINVAL ||
        js_for_loop_describe(file->loop, NULL, err.text, &with_values) < 0)
        return jobfile_fail_errno(file);
    return refuse_at(file, at, with_values.text);
}

/* Reads the attributes of a line with for=. */
static int jobfile_begin_loop(struct jobfile *file)
{
    struct js_err err;
    size_t at = 0;
    file->loop = js_for_loop_new(file->text.data, file->text.len,
                                 &file->defaults, file->cache, &at, &err);
    if (!file->loop)
        return errno == ENOMEM ? jobfile_fail_errno(file)
                               : refuse_at(file, at, err.text);
    file->command_at = js_for_loop_command_at(file->loop);
    return 0;
}

/* Reads the attributes of the line, if it or the defaults have any. */
static int read_attributes(struct jobfile *file, struct js_entry *ret)
{
    const struct js_buf *text = &file->text;
    struct js_err err;
    size_t at = 0;
    if (!file->has_defaults && !js_attributes_present(text->data, text->len))
        return 0;
    js_attributes_release(&file->attributes);
    if (js_attributes_copy(&file->attributes, &file->defaults) < 0)
        return jobfile_fail_errno(file);
    ptrdiff_t start =
        js_attributes_read(text->data, text->len, &file->attributes, &at, &err);
    /* Most lines are no templates, and are read only once. */
    if (start < 0 && errno == EINVAL &&
        js_attributes_is_template(text->data, text->len))
        return jobfile_begin_loop(file);
    if (start < 0)
        return errno == ENOMEM ? jobfile_fail_errno(file)
                               : refuse_at(file, at, err.text);
    if ((size_t)start == text->len)
        return refuse_at(file, text->len - 1,
                         "this line has attributes but no command");
    ret->attributes = &file->attributes;
    file->command_at = (size_t)start;
    return 0;
}

/* `text` has no blanks at its ends. */
static enum js_entry_kind entry_kind_of(const char *text, size_t len)
{
    static const char wait[] = "wait", ok[] = "ok";
    size_t word = strlen(wait);
    if (len < word || memcmp(text, wait, word) != 0)
        return JS_ENTRY_JOB;
    size_t rest = js_text_skip_blanks(text, len, word);
    if (rest == len)
        return JS_ENTRY_WAIT;
    return rest > word && len - rest == strlen(ok) &&
                   memcmp(text + rest, ok, len - rest) == 0
               ? JS_ENTRY_WAIT_OK
               : JS_ENTRY_JOB;
}

/*
 * The only place where the text of a whole line, joined and without its line
 * end, becomes an entry. Returns the same as js_reader_next().
 */
static int end_command(struct jobfile *file, struct js_entry *ret)
{
    const char *text = file->text.data;
    size_t len = file->text.len;
    size_t from = js_text_skip_blanks(text, len, 0);
    if (from == len) {
        begin_line(file);
        return 0;
    }
    if (len > JS_READER_COMMAND_MAX)
        return fail_too_long(file);
    if (refuse_foreign(file) < 0)
        return -1;
    file->has_command = true;
    if (file->is_guard_brief)
        file->guard = NULL;
    while (len > from && js_text_is_blank(text[len - 1]))
        len--;
    file->is_given = true;
    *ret = (struct js_entry){.kind = entry_kind_of(text + from, len - from),
                             .line = file->first_line};
    if (ret->kind == JS_ENTRY_JOB && read_attributes(file, ret) < 0)
        return -1;
    if (file->loop)
        return jobfile_next_of_loop(file, ret);
    ret->command = text + file->command_at;
    ret->command_len = file->text.len - file->command_at;
    return 1;
}

/* ---------------------------------------------------------------- defaults */

static const char defaults_word[] = "#JOBSCHED";
/* True while the comment may still be one that sets defaults. */
static bool may_be_defaults(const struct js_buf *text)
{
    size_t word = strlen(defaults_word);
    size_t at = js_text_skip_blanks(text->data, text->len, 0);
    size_t len = text->len - at < word ? text->len - at : word;
    if (memcmp(text->data + at, defaults_word, len) != 0)
        return false;
    return text->len - at <= word || js_text_is_blank(text->data[at + word]);
}

/* Called for a complete comment that may set defaults. */
static int end_defaults(struct jobfile *file, struct js_entry *ret)
{
    struct js_attributes defaults;
    struct js_err err;
    const struct js_buf *text = &file->text;
    size_t at = 0;
    drop_carriage_return(file);
    if (text->len > JS_READER_COMMAND_MAX)
        return fail_too_long(file);
    size_t from =
        js_text_skip_blanks(text->data, text->len, 0) + strlen(defaults_word);
    /* The input may have ended within the word. */
    if (from > text->len || !may_be_defaults(text))
        return end_comment(file);
    /* A bad line must leave the earlier defaults unchanged. */
    if (js_attributes_copy(&defaults, &file->defaults) < 0)
        return jobfile_fail_errno(file);
    if (js_defaults_read(text->data + from, text->len - from, &defaults, &at,
                         &err) < 0) {
        js_attributes_release(&defaults);
        ret->kind = JS_ENTRY_NONE;
        return errno == ENOMEM ? jobfile_fail_errno(file)
                               : refuse_at(file, from + at, err.text);
    }
    js_attributes_release(&file->defaults);
    file->defaults = defaults;
    file->has_defaults = true;
    begin_line(file);
    return 0;
}

/* ---------------------------------------------------------------- lines */

/* The next bytes belong to the command. Takes at most the first `len` unread
 * bytes, and stops when the command is too long, so that the result does not
 * depend on how the input was cut into pieces. */
static int jobfile_take_text(struct jobfile *file, size_t len)
{
    const char *bytes = file->input.data + file->at;
    const char *nul = memchr(bytes, '\0', len);
    if (nul)
        return refuse_nul(file, (size_t)(nul - bytes));
    if (js_buf_append(&file->text, bytes, len) < 0)
        return jobfile_fail_errno(file);
    file->at += len;
    file->column += len;
    return file->text.len > TEXT_MAX ? fail_too_long(file) : 0;
}

/* Returns how many bytes may be examined at once. */
static size_t text_window(const struct jobfile *file)
{
    size_t room = TEXT_MAX + 1 - file->text.len;
    return unread(file) < room ? unread(file) : room;
}

static int read_comment(struct jobfile *file)
{
    const char *bytes = file->input.data + file->at;
    const char *newline = memchr(bytes, '\n', unread(file));
    size_t len = newline ? (size_t)(newline - bytes) : unread(file);
    const char *nul = memchr(bytes, '\0', len);
    if (nul)
        return refuse_nul(file, (size_t)(nul - bytes));
    size_t kept = file->text.len < COMMENT_KEPT && file->guard
                      ? COMMENT_KEPT - file->text.len
                      : 0;
    if (js_buf_append(&file->text, bytes, len < kept ? len : kept) < 0)
        return jobfile_fail_errno(file);
    file->at += len;
    file->column += len;
    if (!newline)
        return 0;
    advance_newline(file);
    return end_comment(file);
}

/* Reads until it is clear that the comment sets no defaults. */
static int read_defaults(struct jobfile *file, struct js_entry *ret)
{
    const char *bytes = file->input.data + file->at;
    size_t window = text_window(file);
    size_t word_end = js_text_skip_blanks(file->text.data, file->text.len, 0) +
                      sizeof(defaults_word);
    if (file->text.len < word_end && window > word_end - file->text.len)
        window = word_end - file->text.len;
    const char *newline = memchr(bytes, '\n', window);
    if (jobfile_take_text(file, newline ? (size_t)(newline - bytes) : window) <
        0)
        return -1;
    if (newline) {
        advance_newline(file);
        return end_defaults(file, ret);
    }
    if (!may_be_defaults(&file->text)) {
        file->kind = LINE_COMMENT;
        if (!file->guard || file->text.len > COMMENT_KEPT)
            file->text.len = file->guard ? COMMENT_KEPT : 0;
    }
    return 0;
}

static int read_command(struct jobfile *file, struct js_entry *ret)
{
    struct js_buf *text = &file->text;
    const char *bytes = file->input.data + file->at;
    size_t window = text_window(file);
    const char *newline = memchr(bytes, '\n', window);
    if (jobfile_take_text(file, newline ? (size_t)(newline - bytes) : window) <
        0)
        return -1;
    if (!newline)
        return 0;
    advance_newline(file);
    drop_carriage_return(file);
    /* Does not look beyond this line for backslashes; otherwise joining many
     * lines would be quadratic. */
    size_t at = text->len;
    while (at > file->text_line_at && text->data[at - 1] == '\\')
        at--;
    if ((text->len - at) % 2 == 0)
        return end_command(file, ret);
    file->text_line_at = --text->len;
    return js_buf_append(&file->lines, &file->text_line_at,
                         sizeof(file->text_line_at)) < 0
               ? jobfile_fail_errno(file)
               : 0;
}

/* Takes one step, to the end of the line, of the available input, or of the
 * blanks. */
static int read_some(struct jobfile *file, struct js_entry *ret)
{
    const char *bytes = file->input.data + file->at;
    size_t window, len = 0;
    switch (file->kind) {
    case LINE_BLANK:
        window = text_window(file);
        while (len < window && js_text_is_blank(bytes[len]))
            len++;
        /* The first byte that is not a blank determines the kind of the
         * line. */
        if (len < window)
            file->kind = bytes[len] == '#' ? LINE_DEFAULTS : LINE_COMMAND;
        return len > 0 ? jobfile_take_text(file, len) : 0;
    case LINE_COMMENT:
        return read_comment(file);
    case LINE_DEFAULTS:
        return read_defaults(file, ret);
    case LINE_COMMAND:
        break;
    }
    return read_command(file, ret);
}

/* Skips the byte order mark that some editors write. Returns false until it is
 * known whether there is one. */
static bool skip_mark(struct jobfile *file)
{
    static const char mark[] = JS_TEXT_BYTE_ORDER_MARK;
    size_t size = sizeof(mark) - 1;
    size_t len = unread(file) < size ? unread(file) : size;
    bool may_be = len == 0 || memcmp(file->input.data, mark, len) == 0;
    if (may_be && len < size)
        return file->ended;
    if (may_be)
        file->at += size;
    file->begun = true;
    return true;
}

static int jobfile_next(struct js_reader *reader, struct js_entry *ret,
                        struct js_err *err)
{
    struct jobfile *file = jobfile_of(reader);
    int rc = 0;
    file->err = err;
    if (file->loop) {
        rc = jobfile_next_of_loop(file, ret);
        if (rc != 0)
            return rc;
        js_for_loop_free(file->loop);
        file->loop = NULL;
    }
    if (file->is_given)
        begin_line(file);
    if (!file->begun && !skip_mark(file))
        return 0;
    while (rc == 0 && unread(file) > 0)
        rc = read_some(file, ret);
    if (rc != 0 || !file->ended)
        return rc;
    /* The last line may have no newline. A backslash at its end stays. */
    if (file->kind == LINE_DEFAULTS)
        return end_defaults(file, ret);
    if (file->kind == LINE_COMMENT)
        return end_comment(file);
    drop_carriage_return(file);
    return end_command(file, ret);
}

void js_jobfile_set_guard(struct js_reader *reader, js_jobfile_guard_fn guard,
                          bool is_brief)
{
    struct jobfile *file = jobfile_of(reader);
    file->guard = guard;
    file->is_guard_brief = is_brief;
}

static void jobfile_set_cache(struct js_reader *reader,
                              struct js_values_cache *cache)
{
    jobfile_of(reader)->cache = cache;
}

struct js_reader *js_jobfile_new(const char *name)
{
    static const struct js_reader_ops ops = {
        .feed = jobfile_feed,
        .next = jobfile_next,
        .describe = jobfile_describe,
        .free = jobfile_free,
        .set_cache = jobfile_set_cache,
    };
    struct jobfile *file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    file->reader.ops = &ops;
    file->line = 1;
    file->column = 1;
    file->first_line = 1;
    js_attributes_init(&file->defaults);
    js_attributes_init(&file->attributes);
    file->name = strdup(name);
    if (!file->name) {
        jobfile_free(&file->reader);
        return NULL;
    }
    return &file->reader;
}
