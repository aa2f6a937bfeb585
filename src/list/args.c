#include "list/args.h"

#include "base/file.h"
#include "list/columns.h"
#include "list/product.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct args_source {
    bool is_linked;
    bool is_stream;
    const char *path; /* NULL: the values are words */
    char *const *words;
    size_t word_count;

    /* What was read. */
    size_t column_count, row_count;
    struct js_buf strings; /* each with its NUL */
};

/* The state while a command line is packed. */
struct args_packing {
    const struct js_args_options *options;
    struct args_source *sources;
    size_t count, capacity;
    struct js_err *err;
};

static bool args_is_source(const char *word)
{
    size_t colons = strspn(word, ":");
    return (colons == 3 || colons == 4) &&
           (!word[colons] || strcmp(word + colons, "+") == 0);
}

size_t js_args_find_source(char *const *words)
{
    size_t i = 0;
    while (words[i] && !args_is_source(words[i]))
        i++;
    return i;
}

static int args_fail_memory(struct args_packing *packing)
{
    errno = ENOMEM;
    return js_err_errno(packing->err, "cannot read the values");
}

/* ------------------------------------------------- reading the sources */

static enum js_columns_format args_format(const struct js_args_options *options)
{
    return options->is_csv      ? JS_COLUMNS_CSV
           : options->separator ? JS_COLUMNS_REGEX
                                : JS_COLUMNS_LINE;
}

static struct js_columns *args_columns(const struct args_packing *packing,
                                       const char *name, size_t count)
{
    const struct js_args_options *options = packing->options;
    const struct js_columns_config config = {
        .name = name,
        .format = args_format(options),
        .separator = options->separator,
        .count = count,
    };
    return js_columns_new(&config, packing->err);
}

/* Adds the rows that the bytes so far contain. */
static int args_take_rows(struct args_packing *packing,
                          struct args_source *source,
                          struct js_columns *columns)
{
    struct js_columns_row row;
    int rc;
    while ((rc = js_columns_next(columns, &row, packing->err)) > 0) {
        for (size_t i = 0; i < row.count; i++) {
            if (js_buf_append(&source->strings, row.values[i],
                              strlen(row.values[i]) + 1) < 0)
                return args_fail_memory(packing);
        }
        source->column_count = row.count;
        source->row_count++;
    }
    /* All errors in the bytes are alike for the caller. */
    if (rc < 0 && errno != ENOMEM)
        errno = EINVAL;
    return rc;
}

static int args_fail_file(struct args_packing *packing, const char *path)
{
    js_err_errno(packing->err, "cannot read %s%.200s%s",
                 strcmp(path, "-") == 0 ? "" : "\"",
                 strcmp(path, "-") == 0 ? "standard input" : path,
                 strcmp(path, "-") == 0 ? "" : "\"");
    if (errno != ENOMEM)
        errno = EINVAL;
    return -1;
}

static int args_read_file(struct args_packing *packing,
                          struct args_source *source, int fd,
                          struct js_columns *columns)
{
    char bytes[16384];
    ssize_t len;
    do {
        do
            len = read(fd, bytes, sizeof(bytes));
        while (len < 0 && errno == EINTR);
        if (len < 0)
            return args_fail_file(packing, source->path);
        if (js_columns_feed(columns, bytes, (size_t)len) < 0)
            return args_fail_memory(packing);
        if (args_take_rows(packing, source, columns) < 0)
            return -1;
    } while (len > 0);
    return 0;
}

static int args_open_file(struct args_packing *packing,
                          struct args_source *source)
{
    bool is_stdin = strcmp(source->path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(source->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return args_fail_file(packing, source->path);
    struct js_columns *columns =
        args_columns(packing, is_stdin ? "standard input" : source->path, 0);
    int rc = columns ? args_read_file(packing, source, fd, columns) : -1;
    js_columns_free(columns);
    if (!is_stdin)
        js_fd_close(&fd);
    return rc;
}

/* A word is a row of its own, so it has columns of its own. */
static int args_split_word(struct args_packing *packing,
                           struct args_source *source, const char *word)
{
    size_t rows = source->row_count;
    char name[80];
    snprintf(name, sizeof(name), "\"%.60s\"", word);
    struct js_columns *columns =
        args_columns(packing, name, source->column_count);
    if (!columns)
        return -1;
    int rc = 0;
    /* An empty word would be no row, and not one that is empty. */
    if ((*word && js_columns_feed(columns, word, strlen(word)) < 0) ||
        js_columns_feed(columns, "\n", 1) < 0)
        rc = args_fail_memory(packing);
    js_columns_feed(columns, NULL, 0);
    if (rc == 0)
        rc = args_take_rows(packing, source, columns);
    js_columns_free(columns);
    if (rc == 0 && source->row_count != rows + 1) {
        errno = EINVAL;
        rc = js_err_set(packing->err,
                        "the value %s has several lines, so it cannot have "
                        "columns",
                        name);
    }
    return rc;
}

static int args_take_words(struct args_packing *packing,
                           struct args_source *source)
{
    bool has_columns = args_format(packing->options) != JS_COLUMNS_LINE;
    for (size_t i = 0; i < source->word_count; i++) {
        const char *word = source->words[i];
        if (has_columns && args_split_word(packing, source, word) < 0)
            return -1;
        if (has_columns)
            continue;
        if (js_buf_append(&source->strings, word, strlen(word) + 1) < 0)
            return args_fail_memory(packing);
        source->row_count++;
    }
    return 0;
}

static struct args_source *args_add_source(struct args_packing *packing,
                                           bool is_linked)
{
    struct args_source *sources =
        js_buf_grow(packing->sources, &packing->capacity, packing->count + 1,
                    sizeof(*packing->sources));
    if (!sources) {
        args_fail_memory(packing);
        return NULL;
    }
    packing->sources = sources;
    sources[packing->count] = (struct args_source){.is_linked = is_linked};
    return &sources[packing->count++];
}

/* Finds the sources in the words, of which the first begins one. */
static int args_find_sources(struct args_packing *packing, char *const *words)
{
    while (*words) {
        bool is_file = strncmp(*words, "::::", 4) == 0;
        bool is_linked = strchr(*words++, '+');
        size_t count = js_args_find_source(words);
        struct args_source *source;
        if (!is_file) {
            source = args_add_source(packing, is_linked);
            if (!source)
                return -1;
            source->words = words;
            source->word_count = count;
        }
        for (size_t i = 0; is_file && i < count; i++) {
            source = args_add_source(packing, is_linked);
            if (!source)
                return -1;
            source->path = words[i];
        }
        if (is_file && count == 0) {
            errno = EINVAL;
            return js_err_set(packing->err,
                              "there is no file name after %s; \"-\" is "
                              "standard input",
                              words[-1]);
        }
        words += count;
    }
    return 0;
}

/* Standard input has one end, so it can be only one source. If its values can
 * be used as they come, it becomes a stream. */
static int args_find_stream(struct args_packing *packing)
{
    struct js_product_source *shape =
        calloc(packing->count + 1, sizeof(*shape));
    size_t stdin_count = 0;
    if (!shape)
        return args_fail_memory(packing);
    for (size_t i = 0; i < packing->count; i++)
        shape[i].is_linked = packing->sources[i].is_linked;
    for (size_t i = 0; i < packing->count; i++) {
        struct args_source *source = &packing->sources[i];
        if (!source->path || strcmp(source->path, "-") != 0)
            continue;
        stdin_count++;
        source->is_stream = js_product_may_stream(
            shape, packing->count, packing->options->are_all_linked, i);
    }
    free(shape);
    if (stdin_count <= 1)
        return 0;
    errno = EINVAL;
    return js_err_set(packing->err,
                      "\"-\" is given twice: standard input can be only one "
                      "source");
}

static int args_read_sources(struct args_packing *packing)
{
    for (size_t i = 0; i < packing->count; i++) {
        struct args_source *source = &packing->sources[i];
        if (source->is_stream)
            continue;
        /* Without any value it has a column, too. */
        if (args_format(packing->options) == JS_COLUMNS_LINE)
            source->column_count = 1;
        int rc = source->path ? args_open_file(packing, source)
                              : args_take_words(packing, source);
        if (rc < 0)
            return -1;
        if (packing->options->has_header && source->row_count == 0) {
            errno = EINVAL;
            return js_err_set(packing->err,
                              "%.200s is empty: with --header : the first "
                              "value of each source is its name",
                              source->path ? source->path : ":::");
        }
    }
    return 0;
}

/* ------------------------------------------------- writing the text */

static int args_write_string(struct js_buf *to, const char *text)
{
    return js_buf_append(to, text, strlen(text) + 1);
}

static int args_write_number(struct js_buf *to, size_t number)
{
    return js_buf_printf(to, "%zu%c", number, '\0');
}

static int args_write_source(struct js_buf *to,
                             const struct args_source *source)
{
    const size_t numbers[] = {source->is_linked, source->is_stream,
                              source->column_count, source->row_count};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (args_write_number(to, numbers[i]) < 0)
            return -1;
    }
    return js_buf_append(to, source->strings.data, source->strings.len);
}

static int args_write_body(const struct args_packing *packing,
                           char *const *words, size_t word_count,
                           struct js_buf *to)
{
    const struct js_args_options *options = packing->options;
    if (args_write_number(to, options->are_all_linked) < 0 ||
        args_write_number(to, word_count > 0) < 0)
        return -1;
    for (size_t i = 0; i < word_count; i++) {
        if (js_buf_puts(to, i ? " " : "") < 0 || js_buf_puts(to, words[i]) < 0)
            return -1;
    }
    if (args_write_string(to, "") < 0 ||
        args_write_number(to, args_format(options)) < 0 ||
        args_write_string(to, options->separator ? options->separator : "") <
            0 ||
        args_write_number(to, options->has_header) < 0 ||
        args_write_number(to, packing->count) < 0)
        return -1;
    for (size_t i = 0; i < packing->count; i++) {
        if (args_write_source(to, &packing->sources[i]) < 0)
            return -1;
    }
    return js_buf_puts(to, "\n");
}

static int args_write(struct args_packing *packing, char *const *words,
                      size_t word_count, struct js_buf *ret)
{
    struct js_buf body = JS_BUF_INIT;
    int rc = args_write_body(packing, words, word_count, &body);
    if (rc == 0)
        rc = args_write_string(ret, JS_ARGS_MAGIC);
    if (rc == 0)
        rc = args_write_number(ret, body.len);
    if (rc == 0)
        rc = js_buf_append(ret, body.data, body.len);
    js_buf_release(&body);
    return rc < 0 ? args_fail_memory(packing) : 0;
}

int js_args_pack(char *const *words, const struct js_args_options *options,
                 struct js_buf *ret, bool *ret_is_stream, struct js_err *err)
{
    struct args_packing packing = {.options = options, .err = err};
    size_t word_count = js_args_find_source(words);
    int rc = args_find_sources(&packing, words + word_count);
    if (rc == 0)
        rc = args_find_stream(&packing);
    if (rc == 0)
        rc = args_read_sources(&packing);
    if (rc == 0)
        rc = args_write(&packing, words, word_count, ret);
    *ret_is_stream = false;
    for (size_t i = 0; i < packing.count; i++) {
        *ret_is_stream |= packing.sources[i].is_stream;
        js_buf_release(&packing.sources[i].strings);
    }
    free(packing.sources);
    return rc;
}
