#include "list/for_loop.h"

#include "base/buf.h"
#include "base/text.h"
#include "list/product.h"
#include "list/sh_template.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A line makes at most this many jobs: a run cannot number more. A message
 * shows at most this much of a value, and of all. */
enum { SHOWN_MAX = 60, ALL_SHOWN_MAX = 300 };
static const uint64_t jobs_max = UINT32_MAX;

/* The search for another job of the same name takes no longer than this. */
enum { TWINS_MAX = 1000000 };

/* One name of a loop, and its value in the job that is being made. */
struct value {
    const char *name; /* borrowed from the loop's values */
    size_t source;    /* the number of the loop */
    size_t column;    /* the number of the name in the loop */
    bool is_used;     /* in what counts in the identity */
    char scratch[JS_VALUES_NUMBER_SIZE];
    struct js_buf arg;      /* as in struct js_attributes */
    size_t arg_prefix;      /* its length without the value */
    struct js_buf name_buf; /* private to value_as_name() */
};

/* A value of an attribute, as it is written. */
struct part {
    size_t row, at; /* as in struct js_attributes_pair */
    char *text;
    bool has_quotes, is_loop, is_name, is_list, is_doing;
    struct js_sh_template *template;
    /* Of an attribute that may be repeated: it is the first of those that
     * differ from job to job, and this much is the same for all jobs. */
    bool is_first;
    size_t common_len, common_count;
};

/* Invariants: `plain`, `as_names` and `names` have an entry for each value;
 * `indices` and `next_indices` one for each loop. The first `made_count` parts
 * are those that differ from job to job, in the order of the line, and all
 * others have been read into `attributes`. */
struct js_for_loop {
    struct part *parts;
    size_t part_count, part_capacity, made_count;

    const struct js_values **loops; /* in the cache, or owned */
    bool owns_loops;
    size_t loop_count;
    struct js_product *product;
    uint64_t number; /* of the combination that is next */
    uint64_t *indices, *next_indices;
    bool has_values; /* `indices` are those of the values below */

    struct value *values;
    size_t value_count;
    const char **names;    /* of the values */
    const char **plain;    /* the values */
    const char **as_names; /* the values, of the characters of a name */
    bool needs_names;      /* some part uses as_names */

    struct js_sh_template *command;
    size_t command_at;
    struct js_attributes attributes;
    struct js_buf command_text, value_text;

    struct js_err warning;
    size_t warning_at;
    bool has_warning;
};

/* The state while the line is read. */
struct compiler {
    struct js_for_loop *loop;
    struct js_sh_sources sources;
    struct js_sh_template_checks checks;
    size_t offset; /* in the line, of the text that is being compiled */
    size_t *ret_at;
    struct js_err *err;
};

static int for_loop_fail_memory(struct compiler *compiler)
{
    *compiler->ret_at = 0;
    errno = ENOMEM;
    return js_err_errno(compiler->err, "cannot read the template");
}

/* Returns the err for a message about the byte at `at` of the part. */
static struct js_err *part_error(struct compiler *compiler,
                                 const struct part *part, size_t at)
{
    *compiler->ret_at = part->at + (part->has_quotes ? 0 : at);
    errno = EINVAL;
    return compiler->err;
}

void js_for_loop_free(struct js_for_loop *loop)
{
    if (!loop)
        return;
    int saved = errno;
    for (size_t i = 0; i < loop->part_count; i++) {
        js_sh_template_free(loop->parts[i].template);
        free(loop->parts[i].text);
    }
    for (size_t i = 0; loop->owns_loops && i < loop->loop_count; i++)
        js_values_free((struct js_values *)loop->loops[i]);
    for (size_t i = 0; i < loop->value_count; i++) {
        js_buf_release(&loop->values[i].arg);
        js_buf_release(&loop->values[i].name_buf);
    }
    js_product_free(loop->product);
    js_sh_template_free(loop->command);
    js_attributes_release(&loop->attributes);
    js_buf_release(&loop->command_text);
    js_buf_release(&loop->value_text);
    free(loop->parts);
    free(loop->loops);
    free(loop->indices);
    free(loop->next_indices);
    free(loop->values);
    free(loop->names);
    free(loop->plain);
    free(loop->as_names);
    free(loop);
    errno = saved;
}

/* ---------------------------------------------------------------- loops */

/* Keeps an attribute of the line. */
static int for_loop_add_part(void *arg, const struct js_attributes_pair *pair)
{
    struct compiler *compiler = arg;
    struct js_for_loop *loop = compiler->loop;
    if (pair->is_arg) {
        *compiler->ret_at = pair->at;
        js_err_set(
            compiler->err,
            "%s= is for one job, and cannot stand beside for=", pair->name);
        errno = EINVAL;
        return -1;
    }
    struct part *parts = js_buf_grow(loop->parts, &loop->part_capacity,
                                     loop->part_count + 1, sizeof(*parts));
    if (parts)
        loop->parts = parts;
    char *text = parts ? strdup(pair->value) : NULL;
    if (!text)
        return for_loop_fail_memory(compiler);
    parts[loop->part_count++] = (struct part){.row = pair->row,
                                              .at = pair->at,
                                              .text = text,
                                              .has_quotes = pair->has_quotes,
                                              .is_loop = pair->is_loop,
                                              .is_name = pair->is_name,
                                              .is_list = pair->is_list,
                                              .is_doing = pair->is_doing};
    return 0;
}

/* Reads the values of one for=, and adds its names. */
static int for_loop_add_loop(struct compiler *compiler, const struct part *part,
                             struct js_values_cache *cache)
{
    struct js_for_loop *loop = compiler->loop;
    size_t at = 0;
    const struct js_values *values =
        cache ? js_values_cache_get(cache, part->text, &at, compiler->err)
              : js_values_new(part->text, &at, compiler->err);
    if (!values) {
        int saved = errno;
        part_error(compiler, part, at);
        errno = saved;
        return -1;
    }
    size_t source = loop->loop_count++;
    loop->loops[source] = values;
    size_t count = js_values_name_count(values);
    struct value *grown =
        realloc(loop->values, (loop->value_count + count) * sizeof(*grown));
    if (!grown)
        return for_loop_fail_memory(compiler);
    loop->values = grown;
    for (size_t i = 0; i < count; i++) {
        const char *name = js_values_name(values, i);
        for (size_t j = 0; j < loop->value_count; j++) {
            if (strcmp(grown[j].name, name) == 0)
                return js_err_set(part_error(compiler, part, 0),
                                  "for=%.60s: two loops of this line have "
                                  "this name",
                                  name);
        }
        grown[loop->value_count++] =
            (struct value){.name = name, .source = source, .column = i};
    }
    return 0;
}

static int for_loop_add_product(struct compiler *compiler,
                                const struct part *first)
{
    struct js_for_loop *loop = compiler->loop;
    struct js_product_source *sources =
        calloc(loop->loop_count, sizeof(*sources));
    if (!sources)
        return for_loop_fail_memory(compiler);
    for (size_t i = 0; i < loop->loop_count; i++)
        sources[i].count = js_values_count(loop->loops[i]);
    loop->product =
        js_product_new(sources, loop->loop_count, false, compiler->err);
    int saved = errno;
    free(sources);
    if (!loop->product && saved != ERANGE)
        return for_loop_fail_memory(compiler);
    if (!loop->product || js_product_count(loop->product) > jobs_max)
        return js_err_set(part_error(compiler, first, 0),
                          "for=: this line makes more than %ju jobs",
                          (uintmax_t)jobs_max);
    return 0;
}

static int for_loop_read_loops(struct compiler *compiler,
                               struct js_values_cache *cache)
{
    struct js_for_loop *loop = compiler->loop;
    const struct part *first = NULL;
    loop->owns_loops = !cache;
    loop->loops = calloc(loop->part_count, sizeof(*loop->loops));
    if (!loop->loops)
        return for_loop_fail_memory(compiler);
    for (size_t i = 0; i < loop->part_count; i++) {
        const struct part *part = &loop->parts[i];
        if (!part->is_loop)
            continue;
        first = first ? first : part;
        if (for_loop_add_loop(compiler, part, cache) < 0)
            return -1;
    }
    size_t count = loop->value_count;
    loop->names = calloc(count, sizeof(*loop->names));
    loop->plain = calloc(count, sizeof(*loop->plain));
    loop->as_names = calloc(count, sizeof(*loop->as_names));
    loop->indices = calloc(loop->loop_count, sizeof(*loop->indices));
    loop->next_indices = calloc(loop->loop_count, sizeof(*loop->next_indices));
    if (!loop->names || !loop->plain || !loop->as_names || !loop->indices ||
        !loop->next_indices)
        return for_loop_fail_memory(compiler);
    for (size_t i = 0; i < count; i++)
        loop->names[i] = loop->values[i].name;
    compiler->sources =
        (struct js_sh_sources){.count = count, .names = loop->names};
    return for_loop_add_product(compiler, first);
}

/* ---------------------------------------------------------------- templates */

/* The first doubt is enough: the line must be read again in any case. */
static void for_loop_doubt(void *arg, enum js_sh_template_doubt doubt,
                           size_t at, const char *text)
{
    struct compiler *compiler = arg;
    struct js_for_loop *loop = compiler->loop;
    (void)doubt;
    if (loop->has_warning)
        return;
    loop->has_warning = true;
    loop->warning_at = compiler->offset + at;
    js_err_set(&loop->warning, "%s", text);
}

static int for_loop_compile_part(struct compiler *compiler, struct part *part)
{
    size_t at = 0;
    compiler->offset = part->at;
    part->template = js_sh_template_new_attribute(
        part->text, strlen(part->text), &compiler->sources,
        part->has_quotes ? NULL : &compiler->checks, &at, compiler->err);
    if (!part->template) {
        int saved = errno;
        part_error(compiler, part, at);
        errno = saved;
        return -1;
    }
    if (part->is_loop && !js_sh_template_is_constant(part->template))
        return js_err_set(part_error(compiler, part, 0),
                          "for=%.60s: the values of a loop cannot depend on "
                          "another loop; a file can have a column for each "
                          "(for=x,y:@FILE)",
                          part->text);
    for (size_t i = 0; part->is_doing && i < compiler->sources.count; i++)
        compiler->loop->values[i].is_used |=
            js_sh_template_uses(part->template, i);
    return 0;
}

static int for_loop_compile(struct compiler *compiler, const char *line,
                            size_t len)
{
    struct js_for_loop *loop = compiler->loop;
    size_t at = 0;
    for (size_t i = 0; i < loop->part_count; i++) {
        if (for_loop_compile_part(compiler, &loop->parts[i]) < 0)
            return -1;
    }
    compiler->offset = loop->command_at;
    loop->command = js_sh_template_new_command(
        line + loop->command_at, len - loop->command_at, &compiler->sources,
        &compiler->checks, &at, compiler->err);
    *compiler->ret_at = loop->command_at + at;
    for (size_t i = 0; loop->command && i < loop->value_count; i++) {
        struct value *value = &loop->values[i];
        value->is_used |= js_sh_template_uses(loop->command, i);
        if (js_buf_printf(&value->arg, "%c%s=",
                          value->is_used ? JS_ATTRIBUTES_ARG_USED
                                         : JS_ATTRIBUTES_ARG_UNUSED,
                          value->name) < 0)
            return for_loop_fail_memory(compiler);
        value->arg_prefix = value->arg.len;
    }
    return loop->command ? 0 : -1;
}

/* The first of the parts that differ from job to job for this attribute, or
 * NULL. */
static const struct part *for_loop_find_made(const struct js_for_loop *loop,
                                             size_t row)
{
    for (size_t i = 0; i < loop->made_count; i++) {
        if (loop->parts[i].row == row)
            return &loop->parts[i];
    }
    return NULL;
}

/* Reads what all jobs have in common. The other parts are moved to the front.
 * The values of an attribute that may be repeated stay in order: those behind
 * one that differs are made for each job as well. */
static int for_loop_read_common(struct compiler *compiler)
{
    struct js_for_loop *loop = compiler->loop;
    for (size_t i = 0; i < loop->part_count; i++) {
        struct part part = loop->parts[i];
        const struct part *made = for_loop_find_made(loop, part.row);
        if (part.is_loop)
            continue;
        if (!made && js_sh_template_is_constant(part.template)) {
            *compiler->ret_at = part.at;
            if (js_attributes_put(&loop->attributes, part.row, part.text,
                                  compiler->err) < 0)
                return -1;
            continue;
        }
        if (part.is_list && !made) {
            const struct js_strings *list =
                js_attributes_strings(&loop->attributes, part.row);
            part.is_first = true;
            part.common_len = list->bytes.len;
            part.common_count = list->count;
        }
        loop->needs_names |= part.is_name;
        memmove(loop->parts + loop->made_count + 1,
                loop->parts + loop->made_count,
                (i - loop->made_count) * sizeof(part));
        loop->parts[loop->made_count++] = part;
    }
    return 0;
}

static int for_loop_read(struct compiler *compiler, const char *line,
                         size_t len, struct js_values_cache *cache)
{
    struct js_for_loop *loop = compiler->loop;
    ptrdiff_t start =
        js_attributes_split(line, len, for_loop_add_part, compiler,
                            compiler->ret_at, compiler->err);
    if (start < 0)
        return -1;
    loop->command_at = (size_t)start;
    if (loop->command_at == len) {
        *compiler->ret_at = len - 1;
        errno = EINVAL;
        return js_err_set(compiler->err,
                          "this line has attributes but no command");
    }
    if (for_loop_read_loops(compiler, cache) < 0 ||
        for_loop_compile(compiler, line, len) < 0)
        return -1;
    return for_loop_read_common(compiler);
}

struct js_for_loop *js_for_loop_new(const char *line, size_t len,
                                    const struct js_attributes *defaults,
                                    struct js_values_cache *cache,
                                    size_t *ret_at, struct js_err *err)
{
    struct js_for_loop *loop = calloc(1, sizeof(*loop));
    struct compiler compiler = {.loop = loop, .ret_at = ret_at, .err = err};
    compiler.checks = (struct js_sh_template_checks){.warn = for_loop_doubt,
                                                     .arg = &compiler};
    if (!loop || js_attributes_copy(&loop->attributes, defaults) < 0) {
        for_loop_fail_memory(&compiler);
        free(loop);
        return NULL;
    }
    if (for_loop_read(&compiler, line, len, cache) == 0)
        return loop;
    js_for_loop_free(loop);
    return NULL;
}

/* ---------------------------------------------------------------- jobs */

/* Returns the value with a '_' for each byte that a name cannot contain. */
static const char *value_as_name(struct value *value, const char *plain)
{
    size_t good = js_attributes_name_length(plain);
    if (!plain[good])
        return plain;
    struct js_buf *buf = &value->name_buf;
    buf->len = 0;
    if (js_buf_puts(buf, plain) < 0 || !js_buf_string(buf))
        return NULL;
    for (size_t at = good; at < buf->len;
         at += js_attributes_name_length(buf->data + at))
        buf->data[at++] = '_';
    return buf->data;
}

/* Sets the values of this combination. Returns 1; 0 if there is none; or -1
 * with errno ENOMEM. */
static int for_loop_set_values(struct js_for_loop *loop, uint64_t number)
{
    uint64_t *next = loop->next_indices;
    if (!js_product_get(loop->product, number, next))
        return 0;
    for (size_t i = 0; i < loop->value_count; i++) {
        struct value *value = &loop->values[i];
        size_t source = value->source;
        if (loop->has_values && next[source] == loop->indices[source])
            continue;
        loop->plain[i] = js_values_get(loop->loops[source], next[source],
                                       value->column, value->scratch);
        value->arg.len = value->arg_prefix;
        if (loop->needs_names)
            loop->as_names[i] = value_as_name(value, loop->plain[i]);
        if ((loop->needs_names && !loop->as_names[i]) ||
            js_buf_append(&value->arg, loop->plain[i],
                          strlen(loop->plain[i]) + 1) < 0) {
            loop->has_values = false;
            return -1;
        }
    }
    loop->next_indices = loop->indices;
    loop->indices = next;
    loop->has_values = true;
    return 1;
}

/* Writes the part for the values that are set. */
static const char *for_loop_make_text(struct js_for_loop *loop,
                                      const struct part *part)
{
    struct js_buf *text = &loop->value_text;
    text->len = 0;
    if (js_sh_template_expand(part->template,
                              part->is_name ? loop->as_names : loop->plain,
                              loop->number, text) < 0)
        return NULL;
    return js_buf_string(text);
}

/* The process of the job gets its values. */
static int for_loop_make_args(struct js_for_loop *loop)
{
    struct js_strings *args = &loop->attributes.args;
    args->bytes.len = 0;
    args->count = loop->value_count;
    for (size_t i = 0; i < loop->value_count; i++) {
        const struct js_buf *arg = &loop->values[i].arg;
        if (js_buf_append(&args->bytes, arg->data, arg->len) < 0)
            return -1;
    }
    return 0;
}

/* Makes what differs from job to job. */
static int for_loop_make_attributes(struct js_for_loop *loop, size_t *ret_at,
                                    struct js_err *err)
{
    for (size_t i = 0; i < loop->made_count; i++) {
        const struct part *part = &loop->parts[i];
        const char *text = for_loop_make_text(loop, part);
        *ret_at = part->at;
        if (!text)
            return js_err_errno(err, "cannot make a job");
        if (part->is_first) {
            struct js_strings *list =
                js_attributes_strings(&loop->attributes, part->row);
            list->bytes.len = part->common_len;
            list->count = part->common_count;
        }
        if (js_attributes_put(&loop->attributes, part->row, text, err) < 0)
            return -1;
    }
    return 0;
}

static int for_loop_make_command(struct js_for_loop *loop, size_t *ret_at,
                                 struct js_err *err)
{
    *ret_at = loop->command_at;
    loop->command_text.len = 0;
    if (for_loop_make_args(loop) < 0 ||
        js_sh_template_expand(loop->command, loop->plain, loop->number,
                              &loop->command_text) < 0)
        return js_err_errno(err, "cannot make a job");
    if (loop->command_text.len <= JS_READER_COMMAND_MAX)
        return 0;
    errno = EINVAL;
    return js_err_set(err, "the command is longer than 16 MiB");
}

int js_for_loop_next(struct js_for_loop *loop, struct js_entry *ret,
                     size_t *ret_at, struct js_err *err)
{
    int rc = for_loop_set_values(loop, loop->number);
    *ret_at = loop->command_at;
    if (rc == 0)
        return 0;
    if (rc < 0)
        return js_err_errno(err, "cannot make a job");
    bool is_first = loop->number++ == 0;
    if (for_loop_make_attributes(loop, ret_at, err) < 0 ||
        for_loop_make_command(loop, ret_at, err) < 0)
        return -1;
    ret->attributes = &loop->attributes;
    ret->command = loop->command_text.data;
    ret->command_len = loop->command_text.len;
    ret->warning = is_first && loop->has_warning ? loop->warning.text : NULL;
    return 1;
}

size_t js_for_loop_command_at(const struct js_for_loop *loop)
{
    return loop->command_at;
}

size_t js_for_loop_warning_at(const struct js_for_loop *loop)
{
    return loop->warning_at;
}

/* ---------------------------------------------------------------- messages */

/* Appends "n=4 f=data/b.fq". */
static int for_loop_show_values(const struct js_for_loop *loop,
                                struct js_buf *buf)
{
    size_t begin = buf->len;
    for (size_t i = 0; i < loop->value_count; i++) {
        const char *value = loop->plain[i];
        if (buf->len - begin > ALL_SHOWN_MAX)
            return js_buf_puts(buf, " ...");
        size_t shown = js_text_shown_len(value, strlen(value), SHOWN_MAX);
        if (js_buf_printf(buf, "%s%s=%.*s%s", i > 0 ? " " : "", loop->names[i],
                          (int)shown, value, value[shown] ? "..." : "") < 0)
            return -1;
    }
    return 0;
}

/* Finds the first job of this line that has the name of the one made last. */
static bool for_loop_find_twin(struct js_for_loop *loop, uint64_t *ret)
{
    const struct part *name = NULL;
    uint64_t last = loop->number - 1;
    for (size_t i = 0; i < loop->made_count; i++) {
        if (loop->parts[i].is_name && !loop->parts[i].is_list)
            name = &loop->parts[i];
    }
    for (*ret = 0; *ret < last && *ret < TWINS_MAX; ++*ret) {
        if (!name)
            return true;
        const char *text = for_loop_set_values(loop, *ret) > 0
                               ? for_loop_make_text(loop, name)
                               : NULL;
        if (text && strcmp(text, loop->attributes.name) == 0)
            return true;
    }
    return false;
}

static int for_loop_show_twin(struct js_for_loop *loop, struct js_buf *buf)
{
    uint64_t twin;
    int rc = 0;
    if (loop->attributes.name && for_loop_find_twin(loop, &twin))
        rc = for_loop_set_values(loop, twin) <= 0 ||
                     js_buf_puts(buf, "; the same name has ") < 0 ||
                     for_loop_show_values(loop, buf) < 0
                 ? -1
                 : 0;
    return for_loop_set_values(loop, loop->number - 1) > 0 ? rc : -1;
}

int js_for_loop_describe(struct js_for_loop *loop, const char *attribute,
                         const char *what, struct js_err *ret)
{
    static const char warning[] = "warning: ";
    struct js_buf buf = JS_BUF_INIT;
    bool is_warning = strncmp(what, warning, strlen(warning)) == 0;
    bool is_of_name = attribute && strcmp(attribute, "name") == 0;
    int rc = js_buf_printf(&buf, "%s(", is_warning ? warning : "");
    if (rc == 0)
        rc = for_loop_show_values(loop, &buf);
    if (rc == 0)
        rc = js_buf_printf(&buf, ") %s",
                           what + (is_warning ? strlen(warning) : 0));
    if (rc == 0 && is_of_name)
        rc = for_loop_show_twin(loop, &buf);
    if (rc == 0 && js_buf_string(&buf))
        js_err_set(ret, "%s", buf.data);
    else
        rc = -1;
    js_buf_release(&buf);
    if (rc < 0)
        errno = ENOMEM;
    return rc;
}
