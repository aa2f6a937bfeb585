#include "list/attributes.h"

#include "base/text.h"
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An error shows at most this much of a name or value, so that the reason fits
 * as well. */
enum { SHOWN_MAX = 60 };

static const char bad_job_name[] =
    "a name may contain only letters, digits and _ - . : /";

/* Of the names of a template's values. */
static const char arg_name[] = "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_";

/* The state while a list or a line of defaults is read. */
struct reader {
    const char *text;
    size_t len;
    size_t at;   /* the position to read next */
    bool braced; /* true: a list; false: a line of defaults */
    size_t list_at;
    uint32_t seen; /* one bit for each row of the table */

    size_t value_at; /* position of the value in the pair being read */
    struct js_buf value_buf;
    const char *value; /* the value without quotes; a string in value_buf */

    struct js_attributes *attributes;
    size_t *ret_at;
    struct js_err *err;

    /* NULL: values are read into `attributes`. */
    js_attributes_visit_fn visit;
    void *visit_arg;
};

/* One attribute. A row says everything about an attribute except its help text,
 * so that a new attribute needs only a new row. */
struct row {
    const char *name;
    int (*take)(struct reader *reader, const struct row *row);
    size_t offset;       /* of the field in struct js_attributes */
    int32_t least, most; /* range of a number */
    const char *must_be; /* what to say about an empty string */
    bool is_name;        /* of the characters of a name, or several such */
    bool repeatable;
    bool job_only; /* makes no sense as a default for all jobs */
};

/* A row's `take` knows the type of its field; the table knows only the
 * offset. */
static void *attributes_field_of(const struct reader *reader,
                                 const struct row *row)
{
    return (char *)reader->attributes + row->offset;
}

/* Returns the err for a message about the byte at `at`. */
static struct js_err *error_at(struct reader *reader, size_t at)
{
    *reader->ret_at = at;
    errno = EINVAL;
    return reader->err;
}

/* error_at() sets EINVAL, but the caller must see ENOMEM instead: lack of
 * memory is not an error in the list. */
static int fail_memory(struct reader *reader, size_t at)
{
    struct js_err *err = error_at(reader, at);
    errno = ENOMEM;
    return js_err_errno(err, "cannot read the attributes");
}

static int refuse_value(struct reader *reader, const struct row *row,
                        const char *why)
{
    const char *value = reader->text + reader->value_at;
    size_t len = reader->at - reader->value_at;
    return js_err_set(error_at(reader, reader->value_at), "%s=%.*s%s: %s",
                      row->name, (int)js_text_shown_len(value, len, SHOWN_MAX),
                      value, len > SHOWN_MAX ? "..." : "", why);
}

/* ------------------------------------------------- strings in a row */

int js_strings_add(struct js_strings *strings, const char *text, size_t len)
{
    if (js_buf_reserve(&strings->bytes, len + 1) < 0 ||
        js_buf_append(&strings->bytes, text, len) < 0 ||
        js_buf_append(&strings->bytes, "", 1) < 0)
        return -1;
    strings->count++;
    return 0;
}

const char *js_strings_next(const struct js_strings *strings,
                            const char *previous)
{
    const char *data = strings->bytes.data;
    if (strings->count == 0)
        return NULL;
    if (!previous)
        return data;
    const char *next = previous + strlen(previous) + 1;
    return next < data + strings->bytes.len ? next : NULL;
}

/* ------------------------------------------------- kinds of values */

static int attributes_take_number(struct reader *reader, const struct row *row)
{
    /* A minus sign is accepted only where a negative number can be valid.
     * Elsewhere the message about the range is more helpful. */
    bool is_negative = row->least < 0 && *reader->value == '-';
    char why[80];
    uint64_t count;
    if (js_parse_count(reader->value + is_negative, &count) == 0 &&
        count <= INT32_MAX) {
        int32_t number = is_negative ? -(int32_t)count : (int32_t)count;
        if (number >= row->least && number <= row->most) {
            /* This is also right for unsigned fields: C allows access through
             * the signed type, and no row of theirs allows negative values. */
            *(int32_t *)attributes_field_of(reader, row) = number;
            return 0;
        }
    }
    snprintf(why, sizeof(why),
             "must be a whole number from %" PRId32 " to %" PRId32, row->least,
             row->most);
    return refuse_value(reader, row, why);
}

static int take_size(struct reader *reader, const struct row *row)
{
    if (js_parse_size_bytes(reader->value, attributes_field_of(reader, row)) ==
        0)
        return 0;
    if (errno == ERANGE)
        return refuse_value(reader, row, "must be less than 16777216T");
    return refuse_value(reader, row, "must be a size such as 512M or 2G");
}

static int take_duration(struct reader *reader, const struct row *row)
{
    int64_t ns;
    if (js_parse_duration_ns(reader->value, &ns) < 0) {
        if (errno == ERANGE)
            return refuse_value(reader, row, "must be less than 292 years");
        return refuse_value(reader, row,
                            "must be a duration such as 90s, 10m, 2h or 1d");
    }
    if (ns == 0)
        return refuse_value(reader, row, "must be more than 0");
    *(int64_t *)attributes_field_of(reader, row) = ns;
    return 0;
}

static int take_string(struct reader *reader, const struct row *row)
{
    char **field = attributes_field_of(reader, row);
    if (!*reader->value)
        return refuse_value(reader, row, row->must_be);
    if (row->is_name && reader->value[js_attributes_name_length(reader->value)])
        return refuse_value(reader, row, bad_job_name);
    /* The copy is made first, so that the default remains if memory runs
     * out. */
    char *copy = strdup(reader->value);
    if (!copy)
        return fail_memory(reader, reader->value_at);
    free(*field);
    *field = copy;
    return 0;
}

static int take_retries(struct reader *reader, const struct row *row)
{
    reader->attributes->is_retries_set = true;
    return attributes_take_number(reader, row);
}

/* The names are stored one by one, so that an unknown name can be found again
 * in the line (js_attributes_find()). */
static int take_job_names(struct reader *reader, const struct row *row)
{
    const char *name = reader->value;
    for (;;) {
        size_t len = strcspn(name, ",");
        if (len == 0)
            return refuse_value(reader, row,
                                "must be names of jobs, separated by commas");
        size_t good = js_attributes_name_length(name);
        while (good < len && (name[good] == '*' || name[good] == '?')) {
            reader->attributes->has_globs = true;
            good += 1 + js_attributes_name_length(name + good + 1);
        }
        if (good < len)
            return refuse_value(reader, row, bad_job_name);
        if (js_strings_add(attributes_field_of(reader, row), name, len) < 0)
            return fail_memory(reader, reader->value_at);
        if (!name[len])
            return 0;
        name += len + 1;
    }
}

static int take_env(struct reader *reader, const struct row *row)
{
    const char *equals = strchr(reader->value, '=');
    if (!equals)
        return refuse_value(reader, row, "must be NAME=VALUE");
    if (equals == reader->value)
        return refuse_value(reader, row, "needs a name before the \"=\"");
    if (js_strings_add(attributes_field_of(reader, row), reader->value,
                       strlen(reader->value)) < 0)
        return fail_memory(reader, reader->value_at);
    return 0;
}

/* Not a value of one job: see js_attributes_is_template(). */
static int attributes_take_loop(struct reader *reader, const struct row *row)
{
    return refuse_value(reader, row, "is for several jobs");
}

/* A value of a template that has been written out (list/entry_write.h). */
static int take_arg(struct reader *reader, const struct row *row, char letter)
{
    struct js_strings *args = attributes_field_of(reader, row);
    const char *value = reader->value;
    size_t len = strlen(value), name = strspn(value, arg_name);
    if (name == 0 || value[name] != '=')
        return refuse_value(reader, row,
                            "must be NAME=VALUE, with a name of letters, "
                            "digits and _");
    /* The letter stands before the rest, in one string. */
    if (js_buf_append(&args->bytes, &letter, 1) < 0)
        return fail_memory(reader, reader->value_at);
    if (js_strings_add(args, value, len) == 0)
        return 0;
    args->bytes.len--;
    return fail_memory(reader, reader->value_at);
}

static int take_arg_unused(struct reader *reader, const struct row *row)
{
    return take_arg(reader, row, JS_ATTRIBUTES_ARG_UNUSED);
}

static int take_arg_used(struct reader *reader, const struct row *row)
{
    return take_arg(reader, row, JS_ATTRIBUTES_ARG_USED);
}

/* ------------------------------------------------- the attributes */

#define AT(field) .offset = offsetof(struct js_attributes, field)

static const struct row rows[] = {
    {"name", take_string, AT(name), .is_name = true,
     .must_be = "must be a name for the job", .job_only = true},
    {"after", take_job_names, AT(after), .is_name = true, .repeatable = true,
     .job_only = true},
    {"after-any", take_job_names, AT(after_any), .is_name = true,
     .repeatable = true, .job_only = true},
    {"for", attributes_take_loop, .repeatable = true, .job_only = true},
    {"nodes", attributes_take_number, AT(nodes), .least = 1, .most = 1000000},
    {"cores", attributes_take_number, AT(cores), .least = 1, .most = 1000000},
    {"mem", take_size, AT(mem_bytes)},
    {"gpus", attributes_take_number, AT(gpus), .most = 1000},
    {"arg", take_arg_unused, AT(args), .repeatable = true, .job_only = true},
    {"arg-used", take_arg_used, AT(args), .repeatable = true, .job_only = true},
    {"timeout", take_duration, AT(timeout_ns)},
    {"retries", take_retries, AT(retries), .most = 1000000},
    {"priority", attributes_take_number, AT(priority), .least = -1000000,
     .most = 1000000},
    {"dir", take_string, AT(dir), .must_be = "must be a path"},
    {"env", take_env, AT(env), .repeatable = true},
    {"stdin", take_string, AT(stdin_path), .must_be = "must be a path"},
    {"stdout", take_string, AT(stdout_path), .must_be = "must be a path"},
    {"stderr", take_string, AT(stderr_path), .must_be = "must be a path"},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };
_Static_assert(ROW_COUNT <= 32, "struct reader has a bit for each");

static const struct row *find_row(const char *name, size_t len)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
            return &rows[i];
    }
    return NULL;
}

static int attributes_refuse_unknown(struct reader *reader, size_t at,
                                     size_t len)
{
    const char *name = reader->text + at, *closest = NULL;
    const char *known[ROW_COUNT + 1];
    char word[SHOWN_MAX + 1];
    size_t count = 0;
    int shown = (int)js_text_shown_len(name, len, SHOWN_MAX);
    /* Only attributes that are allowed here are suggested; otherwise the advice
     * would lead to the next error. */
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (reader->braced || !rows[i].job_only)
            known[count++] = rows[i].name;
    }
    known[count] = NULL;
    if (len < sizeof(word)) {
        memcpy(word, name, len);
        word[len] = '\0';
        closest = js_text_closest(word, known);
    }
    struct js_err *err = error_at(reader, at);
    if (closest)
        return js_err_set(err,
                          "unknown attribute \"%.*s\" (did you mean \"%s\"?)",
                          shown, name, closest);
    return js_err_set(err,
                      "unknown attribute \"%.*s%s\"; `man 5 jobsched` lists "
                      "all",
                      shown, name, len > SHOWN_MAX ? "..." : "");
}

/* ------------------------------------------------- pairs */

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

static bool ends_value(char c)
{
    return js_text_is_blank(c) || c == ']';
}

/* The error points to the "[", because the end of the line would not help. */
static int refuse_unclosed(struct reader *reader)
{
    return js_err_set(error_at(reader, reader->list_at),
                      "this list has no closing \"]\"");
}

/* Reports that the text from `at` up to `end` is not a name followed by '='. */
static int refuse_no_pair(struct reader *reader, size_t at, size_t end)
{
    const char *word = reader->text + at;
    size_t len = end - at;
    if (end < reader->len && is_quote(reader->text[end]))
        return js_err_set(error_at(reader, end),
                          "the name of an attribute must not be quoted");
    if (!reader->braced && (len == 0 || *word == '['))
        return js_err_set(error_at(reader, at),
                          "a line of defaults must not have brackets");
    /* Without a ']', this text is more likely to be the command than an
     * attribute. */
    if (reader->braced && !memchr(word, ']', reader->len - at))
        return refuse_unclosed(reader);
    return js_err_set(error_at(reader, at),
                      "\"%.*s%s\" is not of the form NAME=VALUE (quote a "
                      "value that contains blanks)",
                      (int)js_text_shown_len(word, len, SHOWN_MAX), word,
                      len > SHOWN_MAX ? "..." : "");
}

/* Reads a quoted part, of either kind. */
static int read_quoted(struct reader *reader)
{
    const char *text = reader->text;
    size_t open = reader->at++;
    while (reader->at < reader->len && text[reader->at] != text[open]) {
        char next = reader->at + 1 < reader->len ? text[reader->at + 1] : '\0';
        /* Within double quotes, \" and \\ stand for their last byte. Any other
         * backslash stands for itself, as in a Windows path or a pattern. */
        bool is_escape = text[open] == '"' && text[reader->at] == '\\' &&
                         (next == '"' || next == '\\');
        reader->at += is_escape ? 2 : 1;
        if (js_buf_append(&reader->value_buf, text + reader->at - 1, 1) < 0)
            return fail_memory(reader, reader->value_at);
    }
    if (reader->at == reader->len)
        return js_err_set(error_at(reader, open), "this %s is not closed",
                          text[open] == '"' ? "double quote" : "single quote");
    reader->at++;
    return 0;
}

static int read_value(struct reader *reader)
{
    reader->value_buf.len = 0;
    reader->value_at = reader->at;
    /* Parts follow each other without a blank, as in a shell: a"b c"d. */
    while (reader->at < reader->len && !ends_value(reader->text[reader->at])) {
        if (is_quote(reader->text[reader->at])) {
            if (read_quoted(reader) < 0)
                return -1;
            continue;
        }
        size_t at = reader->at;
        while (reader->at < reader->len &&
               !ends_value(reader->text[reader->at]) &&
               !is_quote(reader->text[reader->at]))
            reader->at++;
        if (js_buf_append(&reader->value_buf, reader->text + at,
                          reader->at - at) < 0)
            return fail_memory(reader, reader->value_at);
    }
    reader->value = js_buf_string(&reader->value_buf);
    if (!reader->value)
        return fail_memory(reader, reader->value_at);
    /* A value is passed on as a string, so a NUL would cut it silently. */
    if (strlen(reader->value) < reader->value_buf.len)
        return js_err_set(error_at(reader, reader->value_at),
                          "this value contains a NUL byte");
    return 0;
}

/* True if the value reaches the process, other than as the name of the job. */
static bool attributes_is_doing(const struct row *row)
{
#define ATTRIBUTES_OFFSET(letter, field) offsetof(struct js_attributes, field),
    static const size_t offsets[] = {JS_ATTRIBUTES_OF_PROCESS(ATTRIBUTES_OFFSET)
                                         offsetof(struct js_attributes, env)};
#undef ATTRIBUTES_OFFSET
    for (size_t i = 1; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        if (row->offset == offsets[i])
            return true;
    }
    return false;
}

static int attributes_visit(struct reader *reader, const struct row *row)
{
    const struct js_attributes_pair pair = {
        .row = (size_t)(row - rows),
        .name = row->name,
        .value = reader->value,
        .at = reader->value_at,
        .has_quotes = reader->at - reader->value_at != strlen(reader->value),
        .is_loop = row->take == attributes_take_loop,
        .is_arg = row->offset == offsetof(struct js_attributes, args),
        .is_name = row->is_name,
        .is_list = row->repeatable,
        .is_doing = attributes_is_doing(row),
    };
    return reader->visit(reader->visit_arg, &pair);
}

static int read_pair(struct reader *reader)
{
    const char *text = reader->text;
    size_t at = reader->at, end = at;
    while (end < reader->len && text[end] != '=' && !ends_value(text[end]) &&
           !is_quote(text[end]))
        end++;
    if (end == reader->len || text[end] != '=' ||
        (!reader->braced && text[at] == '['))
        return refuse_no_pair(reader, at, end);
    if (end == at)
        return js_err_set(error_at(reader, at),
                          "there is no attribute name before this \"=\"");
    const struct row *row = find_row(text + at, end - at);
    if (!row)
        return attributes_refuse_unknown(reader, at, end - at);
    if (row->job_only && !reader->braced)
        return js_err_set(error_at(reader, at),
                          "%s= cannot be a default: it must be in a job's own "
                          "line",
                          row->name);
    uint32_t bit = UINT32_C(1) << (row - rows);
    if (reader->seen & bit && !row->repeatable)
        return js_err_set(error_at(reader, at), "%s= is given twice",
                          row->name);
    reader->seen |= bit;
    reader->at = end + 1;
    if (read_value(reader) < 0)
        return -1;
    return reader->visit ? attributes_visit(reader, row)
                         : row->take(reader, row);
}

/* Reads up to the ']' of a list, or to the end of a line of defaults. */
static int read_pairs(struct reader *reader)
{
    for (;;) {
        reader->at = js_text_skip_blanks(reader->text, reader->len, reader->at);
        if (reader->at == reader->len)
            return reader->braced ? refuse_unclosed(reader) : 0;
        if (reader->braced && reader->text[reader->at] == ']')
            return 0;
        if (read_pair(reader) < 0)
            return -1;
    }
}

/* Only lower-case letters and "=" after "[" start a list, so that shell tests
 * and patterns remain commands. */
bool js_attributes_present(const char *line, size_t len)
{
    size_t at = js_text_skip_blanks(line, len, 0);
    if (at == len || line[at] != '[')
        return false;
    size_t name = ++at;
    while (at < len &&
           ((line[at] >= 'a' && line[at] <= 'z') || line[at] == '-'))
        at++;
    return at > name && at < len && line[at] == '=';
}

/* Reads a list. The caller has set what becomes of its values. */
static ptrdiff_t attributes_read_list(struct reader *reader)
{
    if (!js_attributes_present(reader->text, reader->len))
        return 0;
    reader->braced = true;
    reader->list_at = js_text_skip_blanks(reader->text, reader->len, 0);
    reader->at = reader->list_at + 1;
    int rc = read_pairs(reader);
    js_buf_release(&reader->value_buf);
    if (rc < 0)
        return -1;
    return (ptrdiff_t)js_text_skip_blanks(reader->text, reader->len,
                                          reader->at + 1);
}

ptrdiff_t js_attributes_read(const char *line, size_t len,
                             struct js_attributes *attributes, size_t *ret_at,
                             struct js_err *err)
{
    struct reader reader = {
        .text = line,
        .len = len,
        .attributes = attributes,
        .ret_at = ret_at,
        .err = err,
    };
    return attributes_read_list(&reader);
}

ptrdiff_t js_attributes_split(const char *line, size_t len,
                              js_attributes_visit_fn visit, void *arg,
                              size_t *ret_at, struct js_err *err)
{
    struct reader reader = {
        .text = line,
        .len = len,
        .visit = visit,
        .visit_arg = arg,
        .ret_at = ret_at,
        .err = err,
    };
    return attributes_read_list(&reader);
}

int js_attributes_put(struct js_attributes *attributes, size_t row,
                      const char *value, struct js_err *err)
{
    size_t at;
    struct reader reader = {
        .text = value,
        .len = strlen(value),
        .at = strlen(value),
        .value = value,
        .attributes = attributes,
        .ret_at = &at,
        .err = err,
    };
    return rows[row].take(&reader, &rows[row]);
}

struct js_strings *js_attributes_strings(struct js_attributes *attributes,
                                         size_t row)
{
    return (struct js_strings *)((char *)attributes + rows[row].offset);
}

static int attributes_look_for_loop(void *arg,
                                    const struct js_attributes_pair *pair)
{
    *(bool *)arg |= pair->is_loop;
    return 0;
}

bool js_attributes_is_template(const char *line, size_t len)
{
    bool is_template = false;
    struct js_err err;
    size_t at;
    js_attributes_split(line, len, attributes_look_for_loop, &is_template, &at,
                        &err);
    return is_template;
}

int js_defaults_read(const char *text, size_t len,
                     struct js_attributes *attributes, size_t *ret_at,
                     struct js_err *err)
{
    struct reader reader = {
        .text = text,
        .len = len,
        .attributes = attributes,
        .ret_at = ret_at,
        .err = err,
    };
    int rc = read_pairs(&reader);
    js_buf_release(&reader.value_buf);
    return rc;
}

/* Which value is looked for, and where it was found. */
struct wanted {
    const char *attribute;
    size_t index;
    size_t found_at; /* 0: not yet */
};

/* Each name in a value counts separately. If the value has quotes, the reported
 * position is that of the value. */
static int look_for_wanted(void *arg, const struct js_attributes_pair *pair)
{
    struct wanted *wanted = arg;
    const char *part = pair->value;
    if (strcmp(pair->name, wanted->attribute) != 0)
        return 0;
    while (part && wanted->found_at == 0) {
        if (wanted->index-- == 0)
            wanted->found_at =
                pair->at +
                (pair->has_quotes ? 0 : (size_t)(part - pair->value));
        const char *comma = pair->is_name ? strchr(part, ',') : NULL;
        part = comma ? comma + 1 : NULL;
    }
    return 0;
}

size_t js_attributes_find(const char *line, size_t len, const char *attribute,
                          size_t index)
{
    /* Reads the list once more. Errors of this kind are rare, so positions need
     * not be kept for all jobs. */
    struct wanted wanted = {attribute, index, 0};
    struct js_err err;
    size_t at;
    js_attributes_split(line, len, look_for_wanted, &wanted, &at, &err);
    return wanted.found_at;
}

/* ------------------------------------------------- the struct */

void js_attributes_release(struct js_attributes *attributes)
{
    if (!attributes)
        return;
    int saved = errno;
#define ATTRIBUTES_FREE(letter, field) free(attributes->field);
    JS_ATTRIBUTES_OF_PROCESS(ATTRIBUTES_FREE)
#undef ATTRIBUTES_FREE
    js_buf_release(&attributes->env.bytes);
    js_buf_release(&attributes->after.bytes);
    js_buf_release(&attributes->after_any.bytes);
    js_buf_release(&attributes->args.bytes);
    js_attributes_init(attributes);
    errno = saved;
}

int js_attributes_copy(struct js_attributes *to,
                       const struct js_attributes *from)
{
    *to = (struct js_attributes){
        .nodes = from->nodes,
        .cores = from->cores,
        .gpus = from->gpus,
        .retries = from->retries,
        .is_retries_set = from->is_retries_set,
        .priority = from->priority,
        .mem_bytes = from->mem_bytes,
        .timeout_ns = from->timeout_ns,
        .has_globs = from->has_globs,
        .env.count = from->env.count,
        .after.count = from->after.count,
        .after_any.count = from->after_any.count,
        .args.count = from->args.count,
    };
    /* All fields are set even after a failure, so that js_attributes_release()
     * finds no wild pointer. */
    bool is_copied = true;
#define ATTRIBUTES_COPY(letter, field)                                         \
    to->field = from->field ? strdup(from->field) : NULL;                      \
    is_copied &= to->field || !from->field;
    JS_ATTRIBUTES_OF_PROCESS(ATTRIBUTES_COPY)
#undef ATTRIBUTES_COPY
    const struct js_strings *lists[] = {&from->env, &from->after,
                                        &from->after_any, &from->args};
    struct js_strings *copies[] = {&to->env, &to->after, &to->after_any,
                                   &to->args};
    for (size_t i = 0; is_copied && i < sizeof(lists) / sizeof(lists[0]); i++)
        is_copied = js_buf_append(&copies[i]->bytes, lists[i]->bytes.data,
                                  lists[i]->bytes.len) == 0;
    if (is_copied)
        return 0;
    js_attributes_release(to);
    return -1;
}
