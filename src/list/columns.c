#include "list/columns.h"

#include "base/buf.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Where the next byte of a CSV row stands. */
enum csv_state {
    CSV_BEGIN,  /* at the first byte of a column */
    CSV_PLAIN,  /* within a column, outside quotes */
    CSV_QUOTED, /* within quotes */
    CSV_QUOTE, /* after a quote that closes the column or is the first of two */
};

/*
 * Each byte is looked at once to find the end of its row. The row is then
 * copied to `text` and split there: no column is longer than in the row, so
 * each takes the place of what it came from.
 */
struct js_columns {
    char *name;
    enum js_columns_format format;
    regex_t regex;
    bool has_regex;
    size_t wanted; /* how many columns a row must have; 0: not known yet */

    struct js_buf input;
    size_t at;     /* the first byte of the row */
    size_t looked; /* the first byte that was not looked at */
    bool is_begun; /* the check for a byte order mark is done */
    bool is_ended; /* no more input will come */
    uint64_t line; /* of input.data[at] */
    enum csv_state csv;

    struct js_buf text;
    const char **values; /* in `text` */
    size_t count, capacity;

    int errnum; /* of a failure after which nothing can be read; 0: none */
    struct js_err failure;
};

/* Writes the separator as regcomp(3) takes it. If that is impossible, *wrong
 * says why. Returns 0, or -1 with errno ENOMEM. */
static int columns_translate(const char *separator, struct js_buf *ret,
                             const char **wrong)
{
    for (const char *c = separator; *c; c++) {
        bool is_escape = c[0] == '\\' && c[1];
        bool is_tab = is_escape && c[1] == 't';
        if (is_escape && !is_tab &&
            (isalnum((unsigned char)c[1]) || strchr("<>'`", c[1])))
            *wrong = "a backslash may only precede t (a tab) or a character "
                     "that would mean something else without it, as in \\.; "
                     "write [0-9] or [[:space:]] for the others";
        if (js_buf_append(ret, is_tab ? "\t" : c,
                          is_escape && !is_tab ? 2 : 1) < 0)
            return -1;
        c += is_escape;
    }
    return js_buf_string(ret) ? 0 : -1;
}

static int columns_compile(struct js_columns *columns, const char *separator,
                           struct js_err *err)
{
    struct js_buf expression = JS_BUF_INIT;
    const char *wrong = NULL;
    char why[200];
    int rc = columns_translate(separator, &expression, &wrong);
    if (rc == 0 && !wrong) {
        int error = regcomp(&columns->regex, expression.data, REG_EXTENDED);
        columns->has_regex = error == 0;
        if (error == REG_ESPACE) {
            errno = ENOMEM;
            rc = -1;
        } else if (error != 0) {
            regerror(error, &columns->regex, why, sizeof(why));
            wrong = why;
        } else if (regexec(&columns->regex, "", 0, NULL, 0) == 0) {
            /* It would separate every byte from the next. */
            wrong = "it must not match where there is nothing";
        }
    }
    js_buf_release(&expression);
    if (rc < 0)
        return js_err_errno(err, "the separator \"%s\"", separator);
    if (!wrong)
        return 0;
    errno = EINVAL;
    return js_err_set(err, "the separator \"%s\": %s", separator, wrong);
}

struct js_columns *js_columns_new(const struct js_columns_config *config,
                                  struct js_err *err)
{
    struct js_columns *columns = calloc(1, sizeof(*columns));
    if (columns)
        columns->name = strdup(config->name);
    if (!columns || !columns->name) {
        js_err_errno(err, "%s", config->name);
        js_columns_free(columns);
        return NULL;
    }
    columns->format = config->format;
    columns->wanted = config->count;
    columns->line = 1;
    if (config->format == JS_COLUMNS_REGEX &&
        columns_compile(columns, config->separator, err) < 0) {
        js_columns_free(columns);
        return NULL;
    }
    return columns;
}

void js_columns_free(struct js_columns *columns)
{
    if (!columns)
        return;
    int saved = errno;
    if (columns->has_regex)
        regfree(&columns->regex);
    js_buf_release(&columns->input);
    js_buf_release(&columns->text);
    free(columns->values);
    free(columns->name);
    free(columns);
    errno = saved;
}

int js_columns_feed(struct js_columns *columns, const char *bytes, size_t len)
{
    if (len == 0) {
        columns->is_ended = true;
        return 0;
    }
    /* The rest is moved only when it is no longer than the part read since the
     * last move, which keeps the total time linear. */
    if (columns->at >= columns->input.len - columns->at) {
        js_buf_consume(&columns->input, columns->at);
        columns->looked -= columns->at;
        columns->at = 0;
    }
    return js_buf_append(&columns->input, bytes, len);
}

/* Sets the error for the byte at `at` of the row. */
static int columns_fail_at(struct js_columns *columns, size_t at, int errnum,
                           const char *what)
{
    const char *row = columns->input.data + columns->at;
    uint64_t line = columns->line;
    size_t begin = 0;
    const char *newline;
    while ((newline = memchr(row + begin, '\n', at - begin))) {
        begin = (size_t)(newline - row) + 1;
        line++;
    }
    js_err_set(&columns->failure, "%s:%" PRIu64 ":%zu: %s", columns->name, line,
               at - begin + 1, what);
    if (errnum != EINVAL)
        columns->errnum = errnum;
    errno = errnum;
    return -1;
}

static int columns_fail_errno(struct js_columns *columns)
{
    columns->errnum = errno;
    js_err_errno(&columns->failure, "%s:%" PRIu64, columns->name,
                 columns->line);
    return -1;
}

/* ------------------------------------------------- the columns of a row */

static const char unclosed_quote[] = "this quote is not closed";

static int columns_add(struct js_columns *columns, const char *value)
{
    const char **values =
        js_buf_grow(columns->values, &columns->capacity, columns->count + 1,
                    sizeof(*columns->values));
    if (!values)
        return columns_fail_errno(columns);
    columns->values = values;
    if (columns->count == JS_COLUMNS_COUNT_MAX)
        return columns_fail_at(columns, (size_t)(value - columns->text.data),
                               EINVAL, "this line has more than 10000 columns");
    values[columns->count++] = value;
    return 0;
}

static int columns_split_tabs(struct js_columns *columns, char *text)
{
    for (;;) {
        char *tab = strchr(text, '\t');
        if (tab)
            *tab = '\0';
        if (columns_add(columns, text) < 0)
            return -1;
        if (!tab)
            return 0;
        text = tab + 1;
    }
}

static int columns_split_blanks(struct js_columns *columns, char *text)
{
    for (;;) {
        text += strspn(text, " \t");
        if (!*text)
            return 0;
        if (columns_add(columns, text) < 0)
            return -1;
        text += strcspn(text, " \t");
        if (!*text)
            return 0;
        *text++ = '\0';
    }
}

static int columns_split_regex(struct js_columns *columns, char *text)
{
    static const char space[] = " \t\n\v\f\r"; /* Perl's \s */
    int flags = 0;
    for (;;) {
        regmatch_t match;
        bool is_found = regexec(&columns->regex, text, 1, &match, flags) == 0;
        char *end = text + (is_found ? (size_t)match.rm_so : strlen(text));
        char *next = text + match.rm_eo;
        char *begin = text + strspn(text, space);
        while (end > begin && strchr(space, end[-1]))
            end--;
        *end = '\0';
        /* White space only: it begins where the separator does. */
        if (columns_add(columns, begin < end ? begin : end) < 0)
            return -1;
        if (!is_found)
            return 0;
        text = next;
        flags = REG_NOTBOL;
    }
}

/* Moves *from past the column at its front, and removes its quotes. What is
 * left ends at *ret_end. Returns what is wrong with it, or NULL; *from is then
 * the byte that is wrong. */
static const char *columns_unquote(char **from, char **ret_end)
{
    char *open = *from, *to = open, *at = open + 1;
    if (*open != '"') {
        *ret_end = *from = open + strcspn(open, ",\"");
        return **from == '"' ? "a column that contains a quote must be in "
                               "quotes, and the quote doubled"
                             : NULL;
    }
    while (*at && (*at != '"' || at[1] == '"')) {
        at += *at == '"';
        *to++ = *at++;
    }
    *ret_end = to;
    *from = *at ? at + 1 : open;
    if (!*at)
        return unclosed_quote;
    if (at[1] && at[1] != ',')
        return "only a comma may follow the quote that closes a column";
    return NULL;
}

static int columns_split_csv(struct js_columns *columns, char *text)
{
    for (char *from = text;; from++) {
        char *value = from, *end;
        const char *wrong = columns_unquote(&from, &end);
        /* A quote that is not closed takes in all lines up to the end. */
        if (wrong)
            return columns_fail_at(columns, (size_t)(from - text),
                                   wrong == unclosed_quote ? EBADMSG : EINVAL,
                                   wrong);
        bool is_last = !*from;
        *end = '\0';
        if (columns_add(columns, value) < 0)
            return -1;
        if (is_last)
            return 0;
    }
}

/* Splits the first `len` unread bytes. */
static int columns_split(struct js_columns *columns, size_t len)
{
    const char *row = columns->input.data + columns->at;
    char what[80];
    int rc = 0;
    if (len > 0 && row[len - 1] == '\r')
        len--;
    const char *nul = len > 0 ? memchr(row, '\0', len) : NULL;
    if (nul)
        return columns_fail_at(columns, (size_t)(nul - row), EINVAL,
                               "a value must not contain a NUL byte");
    columns->text.len = 0;
    columns->count = 0;
    if (js_buf_append(&columns->text, row, len) < 0 ||
        !js_buf_string(&columns->text))
        return columns_fail_errno(columns);
    switch (columns->format) {
    case JS_COLUMNS_LINE:
        rc = columns_add(columns, columns->text.data);
        break;
    case JS_COLUMNS_CSV:
        rc = columns_split_csv(columns, columns->text.data);
        break;
    case JS_COLUMNS_TABS:
        rc = columns_split_tabs(columns, columns->text.data);
        break;
    case JS_COLUMNS_BLANKS:
        rc = columns_split_blanks(columns, columns->text.data);
        break;
    case JS_COLUMNS_REGEX:
        rc = columns_split_regex(columns, columns->text.data);
        break;
    }
    if (rc < 0)
        return -1;
    if (columns->count == 0)
        return columns_fail_at(columns, 0, EINVAL, "this line has no columns");
    if (columns->wanted > 0 && columns->count != columns->wanted) {
        snprintf(what, sizeof(what),
                 "this line has %zu column%s instead of %zu", columns->count,
                 js_text_plural(columns->count), columns->wanted);
        return columns_fail_at(columns, 0, EINVAL, what);
    }
    columns->wanted = columns->count;
    return 1;
}

/* ------------------------------------------------- rows */

/* Where the next byte of a CSV row stands after `c`. */
static enum csv_state columns_csv_step(enum csv_state state, char c)
{
    if (c == '"' && state != CSV_PLAIN)
        return state == CSV_QUOTED ? CSV_QUOTE : CSV_QUOTED;
    if (state == CSV_QUOTED)
        return state;
    return c == ',' || c == '\n' ? CSV_BEGIN : CSV_PLAIN;
}

/* Moves `looked` to the newline that ends the row, and returns true, or to the
 * end of the bytes so far. */
static bool columns_find_end(struct js_columns *columns)
{
    const char *data = columns->input.data;
    size_t len = columns->input.len, at = columns->looked;
    const char *newline = NULL;
    if (columns->format == JS_COLUMNS_CSV) {
        for (; at < len && !newline; at++) {
            columns->csv = columns_csv_step(columns->csv, data[at]);
            if (data[at] == '\n' && columns->csv == CSV_BEGIN)
                newline = data + at;
        }
    } else if (at < len) {
        newline = memchr(data + at, '\n', len - at);
    }
    columns->looked = newline ? (size_t)(newline - data) : len;
    return newline != NULL;
}

/* Skips the byte order mark that some editors write. Returns false until it is
 * known whether there is one. */
static bool columns_skip_mark(struct js_columns *columns)
{
    static const char mark[] = JS_TEXT_BYTE_ORDER_MARK;
    size_t size = sizeof(mark) - 1, have = columns->input.len;
    bool may_be = have == 0 || memcmp(columns->input.data, mark,
                                      have < size ? have : size) == 0;
    if (may_be && have < size)
        return columns->is_ended;
    columns->at = columns->looked = may_be ? size : 0;
    columns->is_begun = true;
    return true;
}

static int columns_read(struct js_columns *columns)
{
    if (!columns->is_begun && !columns_skip_mark(columns))
        return 0;
    bool is_found = columns_find_end(columns);
    size_t len = columns->looked - columns->at;
    _Static_assert(JS_COLUMNS_ROW_MAX == 16 << 20, "as in the messages");
    if (len > JS_COLUMNS_ROW_MAX)
        return columns_fail_at(columns, 0, EBADMSG,
                               columns->format == JS_COLUMNS_CSV
                                   ? "this line is longer than 16 MiB (is a "
                                     "quote not closed?)"
                                   : "this line is longer than 16 MiB");
    if (!is_found && (len == 0 || !columns->is_ended))
        return 0;
    int rc = columns_split(columns, len);
    if (rc < 0 && columns->errnum)
        return -1;
    /* A row of several lines has newlines in quotes. */
    const char *newline = columns->input.data + columns->at;
    const char *end = columns->input.data + columns->looked;
    for (; (newline = memchr(newline, '\n', (size_t)(end - newline)));
         newline++)
        columns->line++;
    columns->line += is_found;
    columns->looked += is_found;
    columns->at = columns->looked;
    return rc;
}

int js_columns_next(struct js_columns *columns, struct js_columns_row *ret,
                    struct js_err *err)
{
    uint64_t line = columns->line;
    int rc = columns->errnum ? -1 : columns_read(columns);
    if (rc > 0)
        *ret = (struct js_columns_row){
            .line = line, .count = columns->count, .values = columns->values};
    if (rc < 0 && err)
        *err = columns->failure;
    if (rc < 0 && columns->errnum)
        errno = columns->errnum;
    return rc;
}
