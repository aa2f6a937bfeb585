#include "list/from/lines.h"

#include "base/argv.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int js_lines_init(struct js_lines *lines, const struct js_reader_ops *ops,
                  const char *name)
{
    *lines = (struct js_lines){.reader = {ops}, .name = strdup(name)};
    return lines->name ? 0 : -1;
}

void js_lines_release(struct js_lines *lines)
{
    int saved = errno;
    js_buf_release(&lines->input);
    free(lines->name);
    errno = saved;
}

int js_lines_feed(struct js_reader *reader, const char *bytes, size_t len)
{
    struct js_lines *lines = (struct js_lines *)reader;
    if (len == 0) {
        lines->is_ended = true;
        return 0;
    }
    /* The rest is moved only when it is no longer than the part read since the
     * last move, which keeps the total time linear. */
    if (lines->at >= lines->input.len - lines->at) {
        js_buf_consume(&lines->input, lines->at);
        lines->looked_at -= lines->at;
        lines->at = 0;
    }
    return js_buf_append(&lines->input, bytes, len);
}

/* A command that was put together from parts of a line, or quoted anew, has one
 * place, that of its beginning: a wrong column would be worse than none. */
int js_lines_describe(const struct js_reader *reader,
                      const struct js_entry_part *part, const char *what,
                      struct js_err *ret)
{
    const struct js_lines *lines = (const struct js_lines *)reader;
    struct js_lines_place place =
        part->attribute ? lines->other : lines->command;
    if (!part->attribute && lines->is_verbatim)
        place.column += part->index;
    return js_reader_place(lines->name, place.line, place.column, what, ret);
}

/* The sentence is made in a buffer first, because what it shows of the input
 * must be escaped, and may be longer than an error can hold. */
int js_lines_refuse(const struct js_lines *lines, uint64_t line, size_t column,
                    struct js_err *err, const char *format, ...)
{
    struct js_buf text = JS_BUF_INIT;
    struct js_err place;
    va_list args;
    va_start(args, format);
    int rc = js_buf_vprintf(&text, format, args);
    va_end(args);
    if (rc == 0 && js_buf_string(&text) &&
        js_reader_place(lines->name, line, column, text.data, &place) == 0) {
        js_err_set(err, "%s", place.text);
        errno = EINVAL;
    } else {
        js_lines_fail(lines, err);
    }
    js_buf_release(&text);
    return -1;
}

int js_lines_fail(const struct js_lines *lines, struct js_err *err)
{
    errno = ENOMEM;
    return js_err_errno(err, "%s:%" PRIu64, lines->name, lines->line);
}

/* An error after which nothing can be read: where the next line begins is not
 * known, or the file is no list at all. */
static int lines_fail_at(const struct js_lines *lines, size_t column,
                         const char *what, struct js_err *err)
{
    if (js_lines_refuse(lines, lines->line, column, err, "%s", what) < 0 &&
        errno == EINVAL)
        errno = EBADMSG;
    return -1;
}

/* Skips the byte order mark that some editors write. Returns false until it is
 * known whether there is one. */
static bool lines_begin(struct js_lines *lines)
{
    static const char mark[] = JS_TEXT_BYTE_ORDER_MARK;
    size_t size = sizeof(mark) - 1;
    size_t len = lines->input.len < size ? lines->input.len : size;
    bool may_be = len == 0 || memcmp(lines->input.data, mark, len) == 0;
    if (may_be && len < size && !lines->is_ended)
        return false;
    if (may_be && len == size)
        lines->at = lines->looked_at = size;
    lines->is_begun = true;
    return true;
}

/* Returns the offset in the input of the first line end, or its length. Bytes
 * that were examined once are not examined again, however small the pieces are
 * in which a long line comes. */
static size_t lines_find_end(const struct js_lines *lines)
{
    const char *data = lines->input.data;
    size_t end = lines->input.len;
    if (lines->looked_at == end)
        return end;
    const char *from = data + lines->looked_at;
    const char *found = memchr(from, '\n', end - lines->looked_at);
    if (found)
        end = (size_t)(found - data);
    found =
        lines->ends_at_cr ? memchr(from, '\r', end - lines->looked_at) : NULL;
    return found ? (size_t)(found - data) : end;
}

int js_lines_next(struct js_lines *lines, const char **ret, size_t *ret_len,
                  struct js_err *err)
{
    struct js_buf *input = &lines->input;
    if (!lines->is_begun && !lines_begin(lines))
        return 0;
    if (lines->is_after_cr && lines->at < input->len) {
        lines->is_same = input->data[lines->at] != '\n';
        lines->at += !lines->is_same;
        lines->looked_at = lines->at;
        lines->is_after_cr = false;
    }
    size_t end = lines_find_end(lines);
    size_t len = end - lines->at;
    if (len > JS_READER_COMMAND_MAX) {
        lines->line += !lines->is_same;
        return lines_fail_at(lines, 1,
                             "the line is longer than 16 MiB (16777216 bytes): "
                             "put the command in a script",
                             err);
    }
    if (end == input->len && (!lines->is_ended || len == 0)) {
        lines->looked_at = end;
        return 0;
    }
    lines->line += !lines->is_same;
    lines->is_same = false;
    const char *text = input->data + lines->at;
    lines->is_torn = end == input->len;
    lines->is_after_cr = !lines->is_torn && input->data[end] == '\r';
    lines->at = lines->looked_at = end + !lines->is_torn;
    const char *nul = lines->allows_nul ? NULL : memchr(text, '\0', len);
    if (nul)
        return lines_fail_at(lines, (size_t)(nul - text) + 1,
                             "NUL byte: a list must be text", err);
    if (len > 0 && text[len - 1] == '\r')
        len--;
    *ret = text;
    *ret_len = len;
    return 1;
}

/* ---------------------------------------------------------------- words */

bool js_lines_number(const char *bytes, size_t len, size_t *at, uint64_t most,
                     uint64_t *ret)
{
    size_t begin = *at;
    uint64_t number = 0;
    for (; *at < len && bytes[*at] >= '0' && bytes[*at] <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(bytes[*at] - '0');
        if (number > (most - digit) / 10)
            return false;
        number = 10 * number + digit;
    }
    *ret = number;
    return *at > begin && number <= most;
}

/* ---------------------------------------------------------------- jobs */

int js_lines_refuse_unset(const struct js_lines *lines,
                          const struct js_lines_unset *table,
                          const char *command, size_t len, size_t column,
                          struct js_err *err)
{
    size_t at;
    const struct js_lines_unset *row =
        js_lines_find_unset(table, command, len, &at);
    return row ? js_lines_refuse(lines, lines->line, column + at, err,
                                 "%s is not set here: %s", row->name,
                                 row->instead)
               : 0;
}

static bool lines_is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
}

/* True if `word`, which stands behind "$" or "${", is the whole of this name.
 */
static bool lines_is_reference(const char *word, const char *end,
                               bool has_brace, const char *name)
{
    size_t size = strlen(name);
    if (!js_lines_begins(word, (size_t)(end - word), name))
        return false;
    char next = word + size < end ? word[size] : ' ';
    return has_brace ? next == '}' : !lines_is_name(next);
}

const struct js_lines_unset *
js_lines_find_unset(const struct js_lines_unset *table, const char *command,
                    size_t len, size_t *ret_at)
{
    const char *end = command + len;
    size_t first = js_text_skip_blanks(command, len, 0);
    if (first < len && command[first] == '#')
        return NULL;
    for (const char *at = command; at < end; at++) {
        at = memchr(at, '$', (size_t)(end - at));
        if (!at)
            break;
        bool has_brace = at + 1 < end && at[1] == '{';
        const char *word = at + 1 + has_brace;
        for (const struct js_lines_unset *row = table; row->name; row++) {
            if (!lines_is_reference(word, end, has_brace, row->name))
                continue;
            *ret_at = (size_t)(at - command);
            return row;
        }
    }
    return NULL;
}

int js_lines_add_text(struct js_attributes *attributes, const char *name,
                      const char *value)
{
    struct js_buf *bytes = &attributes->env.bytes;
    if (js_buf_puts(bytes, name) < 0 || js_buf_puts(bytes, "=") < 0 ||
        js_buf_append(bytes, value, strlen(value) + 1) < 0)
        return -1;
    attributes->env.count++;
    return 0;
}

int js_lines_add_number(struct js_attributes *attributes, const char *name,
                        uint64_t value)
{
    struct js_buf *bytes = &attributes->env.bytes;
    if (js_buf_puts(bytes, name) < 0 ||
        js_buf_put_numbers(bytes, '=', &value, 1) < 0 ||
        js_buf_append(bytes, "", 1) < 0)
        return -1;
    attributes->env.count++;
    return 0;
}

/* sh runs the line like that of any other job, and becomes bash at once: so
 * nothing else has to know of another shell. */
int js_lines_for_bash(struct js_buf *command, const char *text, size_t len)
{
    command->len = 0;
    if (js_buf_puts(command, "bash -c ") < 0)
        return -1;
    return js_argv_quote_word(command, text, len);
}
