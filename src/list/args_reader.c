#include "list/args_reader.h"

#include "base/text.h"
#include "base/units.h"
#include "list/args.h"
#include "list/columns.h"
#include "list/product.h"
#include "list/sh_template.h"

#include <stdlib.h>

/* The source that is a stream has no values here. */
struct args_values {
    size_t first_column; /* of all sources */
    size_t column_count;
    size_t first_string; /* its first value, in `strings` */
    uint64_t row_count;
    bool is_linked;
    bool is_stream;
};

/*
 * The text must be whole before anything is read in it; from then on it does
 * not move, so `strings` may point into it. What is known of a stream, its
 * columns and their names, comes with its first row.
 */
struct js_args_reader {
    struct js_reader reader;
    char *name;
    struct js_buf text;
    size_t text_len; /* 0: not known yet */
    bool is_ended;
    bool is_begun; /* the text is whole, and was read */

    bool are_all_linked;
    bool has_header;
    const char *command; /* NULL: the values are commands */
    const char **strings;
    size_t string_count, string_capacity;
    struct args_values *sources;
    size_t source_count;

    struct js_columns *stream; /* NULL: there is none */
    struct js_columns_row row; /* the current one */
    uint64_t row_number;       /* its number, from 1; 0: there is none */
    struct js_buf header;      /* the names of its columns, each with its NUL */

    /* Made when the first row of each source is known. */
    size_t column_count;
    const char **names; /* of all columns; "": it has none */
    const char **values;
    uint64_t *indices;
    struct js_sh_template *template;
    struct js_product *product;

    uint64_t number;    /* of the next combination, from 0 */
    struct js_buf made; /* the command of the one before it */
    struct js_attributes attributes;
    struct js_buf warning; /* about the command, for the first job */

    int errnum; /* of a failure; 0: none */
    struct js_err failure;
};

static const char not_a_text[] = "this is not the text of a command line";

static int args_reader_fail(struct js_args_reader *args, int errnum,
                            const char *what)
{
    args->errnum = errno = errnum;
    return js_err_set(&args->failure, "%s: %s", args->name, what);
}

static int args_reader_fail_errno(struct js_args_reader *args)
{
    return args_reader_fail(args, errno, js_errno_text(errno));
}

/* ------------------------------------------------- the text */

/* What is left of the text. A string that is missing makes it bad, and is "".
 */
struct args_text {
    const char *at, *end;
    bool is_bad;
};

static const char *args_text_string(struct args_text *text)
{
    size_t left = (size_t)(text->end - text->at);
    const char *nul = left > 0 ? memchr(text->at, '\0', left) : NULL;
    const char *string = text->at;
    if (!nul) {
        text->is_bad = true;
        return "";
    }
    text->at = nul + 1;
    return string;
}

static uint64_t args_text_number(struct args_text *text, uint64_t most)
{
    uint64_t number;
    if (js_parse_count(args_text_string(text), &number) == 0 && number <= most)
        return number;
    text->is_bad = true;
    return 0;
}

static int args_reader_add_strings(struct js_args_reader *args,
                                   struct args_text *text, uint64_t count)
{
    const char **strings =
        js_buf_grow(args->strings, &args->string_capacity,
                    args->string_count + count + 1, sizeof(*args->strings));
    if (!strings)
        return args_reader_fail_errno(args);
    args->strings = strings;
    while (count-- > 0)
        strings[args->string_count++] = args_text_string(text);
    return 0;
}

static int args_reader_add_source(struct js_args_reader *args,
                                  struct args_text *text,
                                  struct args_values *ret)
{
    *ret = (struct args_values){.first_string = args->string_count};
    ret->is_linked = args_text_number(text, 1);
    ret->is_stream = args_text_number(text, 1);
    ret->column_count = args_text_number(text, JS_COLUMNS_COUNT_MAX);
    ret->row_count = args_text_number(text, SIZE_MAX);
    /* Each value has a byte at least. */
    uint64_t count;
    if (__builtin_mul_overflow(ret->column_count, ret->row_count, &count) ||
        count > (size_t)(text->end - text->at) ||
        (ret->row_count > 0 && count == 0) ||
        (ret->column_count > 0 && ret->is_stream) ||
        (ret->row_count < args->has_header && !ret->is_stream))
        text->is_bad = true;
    if (text->is_bad)
        return 0;
    if (ret->is_stream)
        ret->row_count = JS_PRODUCT_UNKNOWN;
    else
        ret->row_count -= args->has_header;
    return args_reader_add_strings(args, text, count);
}

/* Reads the text, which is whole. */
static int args_reader_begin(struct js_args_reader *args)
{
    struct args_text text = {.at = args->text.data,
                             .end = args->text.data + args->text_len};
    struct js_columns_config config = {.name = args->name};
    bool is_stream = false;
    args_text_string(&text);
    args_text_string(&text);
    args->are_all_linked = args_text_number(&text, 1);
    bool has_command = args_text_number(&text, 1);
    args->command = args_text_string(&text);
    config.format =
        (enum js_columns_format)args_text_number(&text, JS_COLUMNS_REGEX);
    config.separator = args_text_string(&text);
    args->has_header = args_text_number(&text, 1);
    if (!has_command)
        args->command = NULL;
    args->source_count = args_text_number(&text, args->text_len);
    args->sources = calloc(args->source_count + 1, sizeof(*args->sources));
    if (!args->sources)
        return args_reader_fail_errno(args);
    for (size_t i = 0; !text.is_bad && i < args->source_count; i++) {
        if (args_reader_add_source(args, &text, &args->sources[i]) < 0)
            return -1;
        text.is_bad |= is_stream && args->sources[i].is_stream;
        is_stream |= args->sources[i].is_stream;
    }
    if (text.is_bad || text.end - text.at != 1 || *text.at != '\n')
        return args_reader_fail(args, EBADMSG, not_a_text);
    args->is_begun = true;
    if (is_stream)
        args->stream = js_columns_new(&config, NULL);
    return is_stream && !args->stream ? args_reader_fail_errno(args) : 0;
}

/* Reads the beginning of the text, if it is there, for the length of all. */
static int args_reader_find_length(struct js_args_reader *args)
{
    enum { LONGEST = sizeof(JS_ARGS_MAGIC) + sizeof("18446744073709551615") };
    struct args_text text = {.at = args->text.data,
                             .end = args->text.data + args->text.len};
    bool is_whole = args->text.len >= LONGEST;
    const char *magic = args_text_string(&text);
    uint64_t len = args_text_number(&text, SIZE_MAX / 2);
    if (!text.is_bad && strcmp(magic, JS_ARGS_MAGIC) == 0)
        args->text_len = (size_t)(text.at - args->text.data) + (size_t)len;
    else if (is_whole)
        return args_reader_fail(args, EBADMSG, not_a_text);
    return 0;
}

/* Adds to the text. Bytes behind it are the stream's. A failure is reported by
 * the next call of `next`. */
static void args_reader_add_text(struct js_args_reader *args, const char *bytes,
                                 size_t len)
{
    struct js_buf *text = &args->text;
    if (js_buf_append(text, bytes, len) < 0) {
        args_reader_fail_errno(args);
        return;
    }
    if (args->text_len == 0 && args_reader_find_length(args) < 0)
        return;
    if (args->text_len == 0 || text->len < args->text_len ||
        args_reader_begin(args) < 0)
        return;
    size_t rest = text->len - args->text_len;
    text->len = args->text_len;
    if (args->stream && rest > 0 &&
        js_columns_feed(args->stream, text->data + text->len, rest) < 0)
        args_reader_fail_errno(args);
}

static int args_reader_feed(struct js_reader *reader, const char *bytes,
                            size_t len)
{
    struct js_args_reader *args = (struct js_args_reader *)reader;
    if (len == 0)
        args->is_ended = true;
    if (args->stream)
        return js_columns_feed(args->stream, bytes, len);
    if (len > 0 && !args->is_begun && !args->errnum)
        args_reader_add_text(args, bytes, len);
    return 0;
}

/* ------------------------------------------------- combinations */

/* Takes the next row of the stream. Returns 1, 0 if it has none so far, or
 * -1. */
static int args_reader_take_row(struct js_args_reader *args)
{
    int rc = js_columns_next(args->stream, &args->row, &args->failure);
    if (rc < 0 && errno != EINVAL)
        args->errnum = errno;
    args->row_number += rc > 0;
    return rc;
}

/* The first row says how many columns the stream has, and maybe their names. */
static int args_reader_begin_stream(struct js_args_reader *args,
                                    struct args_values *stream)
{
    int rc = args_reader_take_row(args);
    if (rc <= 0)
        return rc;
    stream->column_count = args->row.count;
    if (!args->has_header)
        return 1;
    for (size_t i = 0; i < args->row.count; i++) {
        const char *name = args->row.values[i];
        if (js_buf_append(&args->header, name, strlen(name) + 1) < 0)
            return args_reader_fail_errno(args);
    }
    args->row_number = 0;
    return 1;
}

static int args_reader_refuse_twice(struct js_args_reader *args)
{
    char what[200];
    for (size_t i = 0; i < args->column_count; i++) {
        const char *name = args->names[i];
        size_t first = 0;
        while (first < i && strcmp(args->names[first], name) != 0)
            first++;
        if (first == i || !*name)
            continue;
        snprintf(what, sizeof(what), "two columns have the name \"%.100s\"",
                 name);
        return args_reader_fail(args, EBADMSG, what);
    }
    return 0;
}

/* Writes the names of all columns to `names`. */
static int args_reader_find_names(struct js_args_reader *args)
{
    const char *in_header = args->header.data;
    for (size_t i = 0; i < args->source_count; i++) {
        const struct args_values *source = &args->sources[i];
        const char **to = args->names + source->first_column;
        for (size_t j = 0; j < source->column_count; j++) {
            to[j] = source->is_stream ? in_header
                                      : args->strings[source->first_string + j];
            if (source->is_stream)
                in_header += strlen(in_header) + 1;
        }
    }
    return args_reader_refuse_twice(args);
}

/* Keeps the first doubt about the command. */
static void args_reader_warn(void *arg, enum js_sh_template_doubt doubt,
                             size_t at, const char *text)
{
    struct js_args_reader *args = arg;
    (void)doubt;
    (void)at;
    if (args->warning.len == 0 && js_buf_puts(&args->warning, text) == 0)
        js_buf_string(&args->warning);
}

static int args_reader_compile(struct js_args_reader *args)
{
    const struct js_sh_sources sources = {
        .count = args->column_count,
        .names = args->names,
        .is_command_line = true,
    };
    const struct js_sh_template_checks checks = {args_reader_warn, args};
    struct js_err why;
    size_t at = 0;
    if (!args->command)
        return 0;
    if (js_buf_puts(&args->made, args->command) < 0)
        return args_reader_fail_errno(args);
    args->template = js_sh_template_new_command(args->made.data, args->made.len,
                                                &sources, &checks, &at, &why);
    if (args->template && js_sh_template_is_constant(args->template)) {
        js_sh_template_free(args->template);
        if (js_buf_puts(&args->made, " {}") < 0)
            return args_reader_fail_errno(args);
        args->template = js_sh_template_new_command(
            args->made.data, args->made.len, &sources, &checks, &at, &why);
    }
    if (args->template)
        return 0;
    if (errno == ENOMEM ||
        js_reader_place(args->name, 1, at + 1, why.text, &args->failure) < 0)
        return args_reader_fail_errno(args);
    args->errnum = errno = EBADMSG;
    return -1;
}

static int args_reader_combine(struct js_args_reader *args)
{
    struct js_product_source *shape =
        calloc(args->source_count + 1, sizeof(*shape));
    struct js_err why;
    if (!shape)
        return args_reader_fail_errno(args);
    for (size_t i = 0; i < args->source_count; i++)
        shape[i] = (struct js_product_source){
            .count = args->sources[i].row_count,
            .is_linked = args->sources[i].is_linked,
        };
    for (size_t i = 0; i < args->source_count; i++) {
        if (!args->sources[i].is_stream ||
            js_product_may_stream(shape, args->source_count,
                                  args->are_all_linked, i))
            continue;
        free(shape);
        return args_reader_fail(args, EBADMSG, not_a_text);
    }
    args->product =
        js_product_new(shape, args->source_count, args->are_all_linked, &why);
    free(shape);
    if (args->product)
        return 0;
    return errno == ENOMEM ? args_reader_fail_errno(args)
                           : args_reader_fail(args, EBADMSG, why.text);
}

/* Makes what needs the number of columns and their names. Returns 1, 0 if the
 * stream has no row so far, or -1. */
static int args_reader_prepare(struct js_args_reader *args)
{
    args->column_count = 0;
    for (size_t i = 0; i < args->source_count; i++) {
        struct args_values *source = &args->sources[i];
        int rc = source->is_stream && source->column_count == 0
                     ? args_reader_begin_stream(args, source)
                     : 1;
        if (rc <= 0)
            return rc;
        source->first_column = args->column_count;
        args->column_count += source->column_count;
    }
    args->values = calloc(args->column_count + 1, sizeof(*args->values));
    args->names = calloc(args->column_count + 1, sizeof(*args->names));
    args->indices = calloc(args->source_count + 1, sizeof(*args->indices));
    if (!args->values || !args->names || !args->indices)
        return args_reader_fail_errno(args);
    for (size_t i = 0; i < args->column_count; i++)
        args->names[i] = "";
    if (args->has_header && args_reader_find_names(args) < 0)
        return -1;
    if (args_reader_compile(args) < 0 || args_reader_combine(args) < 0)
        return -1;
    return 1;
}

/* Sets the values of the combination in `indices`. Returns 1, 0 if the stream
 * has not the row for it (so far), or -1. */
static int args_reader_set_values(struct js_args_reader *args)
{
    for (size_t i = 0; i < args->source_count; i++) {
        const struct args_values *source = &args->sources[i];
        uint64_t index = args->indices[i];
        while (source->is_stream && args->row_number <= index) {
            int rc = args_reader_take_row(args);
            if (rc == 0 && args->is_ended)
                js_product_end(args->product, args->row_number);
            if (rc <= 0)
                return rc;
        }
        /* The first row may have the names. */
        const char *const *from =
            source->is_stream
                ? args->row.values
                : args->strings + source->first_string +
                      (index + args->has_header) * source->column_count;
        for (size_t j = 0; j < source->column_count; j++)
            args->values[source->first_column + j] = from[j];
    }
    return 1;
}

/* True if a name can be that of a shell's variable. */
static bool args_reader_is_variable(const char *name)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return *name && (*name < '0' || *name > '9') &&
           !name[strspn(name, characters)];
}

/* Keeps a value for the job's environment. */
static int args_reader_keep(struct js_strings *kept, bool is_used,
                            const char *name, const char *value)
{
    const char flag =
        is_used ? JS_ATTRIBUTES_ARG_USED : JS_ATTRIBUTES_ARG_UNUSED;
    kept->count++;
    if (js_buf_append(&kept->bytes, &flag, 1) < 0 ||
        js_buf_puts(&kept->bytes, name) < 0 ||
        js_buf_puts(&kept->bytes, "=") < 0)
        return -1;
    return js_buf_append(&kept->bytes, value, strlen(value) + 1);
}

/* Makes the command with these values. */
static int args_reader_make(struct js_args_reader *args)
{
    struct js_strings *kept = &args->attributes.args;
    args->made.len = kept->bytes.len = kept->count = 0;
    for (size_t i = 0; i < args->column_count; i++) {
        char position[24];
        bool is_used =
            !args->template || js_sh_template_uses(args->template, i);
        snprintf(position, sizeof(position), "%zu", i + 1);
        if (args_reader_keep(kept, is_used, position, args->values[i]) < 0)
            return -1;
        if (args_reader_is_variable(args->names[i]) &&
            args_reader_keep(kept, is_used, args->names[i], args->values[i]) <
                0)
            return -1;
    }
    if (args->template)
        return js_sh_template_expand(args->template, args->values,
                                     args->number + 1, &args->made);
    for (size_t i = 0; i < args->column_count; i++) {
        if (js_buf_puts(&args->made, i ? " " : "") < 0 ||
            js_buf_puts(&args->made, args->values[i]) < 0)
            return -1;
    }
    return 0;
}

/* Makes the command of the next combination. Returns 1, 0 if there is none (so
 * far), or -1. */
static int args_reader_step(struct js_args_reader *args)
{
    if (!js_product_get(args->product, args->number, args->indices))
        return 0;
    int rc = args_reader_set_values(args);
    if (rc <= 0)
        return rc;
    if (args_reader_make(args) < 0)
        return args_reader_fail_errno(args);
    if (args->made.len > JS_READER_COMMAND_MAX)
        return args_reader_fail(args, EBADMSG,
                                "a command is longer than 16 MiB");
    args->number++;
    return 1;
}

/* Goes on to the next command that is not blank, in the same way. */
static int args_reader_step_over(struct js_args_reader *args)
{
    for (;;) {
        int rc = args_reader_step(args);
        if (rc <= 0 || args->command ||
            js_text_skip_blanks(args->made.data, args->made.len, 0) <
                args->made.len)
            return rc;
    }
}

static int args_reader_next(struct js_reader *reader, struct js_entry *ret,
                            struct js_err *err)
{
    struct js_args_reader *args = (struct js_args_reader *)reader;
    bool is_first = args->number == 0;
    int rc = 1;
    if (!args->is_begun && args->is_ended && !args->errnum)
        args_reader_fail(args, EBADMSG, not_a_text);
    if (args->errnum)
        rc = -1;
    else if (!args->product)
        rc = args->is_begun ? args_reader_prepare(args) : 0;
    if (rc > 0)
        rc = args_reader_step_over(args);
    if (rc > 0)
        *ret = (struct js_entry){
            .kind = JS_ENTRY_JOB,
            .command = args->made.data,
            .command_len = args->made.len,
            .attributes = &args->attributes,
            .warning = is_first ? args->warning.data : NULL,
        };
    if (rc < 0) {
        /* A bad row of the stream would be any number of jobs. */
        ret->kind = JS_ENTRY_NONE;
        *err = args->failure;
        errno = args->errnum ? args->errnum : EINVAL;
    }
    return rc;
}

/* "NAME: (n=1 data/b.fq) what": the values say which job it is. */
static int args_reader_describe(const struct js_reader *reader,
                                const struct js_entry_part *part,
                                const char *what, struct js_err *ret)
{
    enum { SHOWN_MAX = 100 };
    const struct js_args_reader *args = (const struct js_args_reader *)reader;
    struct js_buf text = JS_BUF_INIT;
    const char *before = "(";
    int rc = 0;
    (void)part;
    for (size_t i = 0; rc == 0 && i < args->column_count; i++) {
        const char *name = args->names[i];
        rc = js_buf_printf(&text, "%s%.*s%s", before, SHOWN_MAX, name,
                           *name ? "=" : "");
        if (rc == 0)
            rc = js_buf_printf(&text, "%.*s", SHOWN_MAX, args->values[i]);
        before = " ";
    }
    if (rc == 0)
        rc = js_buf_printf(&text, ") %s", what);
    /* The escaped text goes behind the other. */
    size_t len = text.len;
    if (rc == 0)
        rc = js_buf_reserve(&text, 5 * len + 1);
    if (rc == 0)
        rc = js_buf_escape(&text, text.data, len);
    if (rc == 0)
        js_err_set(ret, "%s: %s", args->name, js_buf_string(&text) + len);
    js_buf_release(&text);
    return rc;
}

static void args_reader_free(struct js_reader *reader)
{
    struct js_args_reader *args = (struct js_args_reader *)reader;
    int saved = errno;
    js_sh_template_free(args->template);
    js_product_free(args->product);
    js_columns_free(args->stream);
    js_buf_release(&args->text);
    js_buf_release(&args->header);
    js_buf_release(&args->made);
    js_buf_release(&args->warning);
    js_attributes_release(&args->attributes);
    free(args->strings);
    free(args->sources);
    free(args->values);
    free(args->names);
    free(args->indices);
    free(args->name);
    free(args);
    errno = saved;
}

static const struct js_reader_ops args_reader_ops = {
    .feed = args_reader_feed,
    .next = args_reader_next,
    .describe = args_reader_describe,
    .free = args_reader_free,
};

struct js_reader *js_args_reader_new(const char *name)
{
    struct js_args_reader *args = calloc(1, sizeof(*args));
    if (!args)
        return NULL;
    args->reader.ops = &args_reader_ops;
    js_attributes_init(&args->attributes);
    args->name = strdup(name);
    if (!args->name) {
        args_reader_free(&args->reader);
        return NULL;
    }
    return &args->reader;
}

uint64_t js_args_reader_count(const struct js_reader *reader)
{
    const struct js_args_reader *args = (const struct js_args_reader *)reader;
    return args->product && args->command ? js_product_count(args->product)
                                          : JS_PRODUCT_UNKNOWN;
}
