#include "list/sh_template.h"

#include "base/argv.h"
#include "base/text.h"
#include "list/sh_context.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 60, NAME_MAX_LEN = 63 };

/* The part of a value that a replacement string stands for. */
enum part {
    PART_WHOLE,
    PART_NO_EXTENSION,
    PART_BASE,
    PART_FOLDER,
    PART_STEM, /* the base without its extension */
};

/* Instead of the index of a value. */
static const size_t value_all = SIZE_MAX;
static const size_t value_number = SIZE_MAX - 1;

/* What a replacement string stands for. */
struct piece {
    size_t value;
    enum part part;
};

struct js_sh_template {
    struct js_sh_spot *spots; /* in the order of the text */
    struct piece *pieces;     /* one for each spot */
    size_t count, spots_capacity, pieces_capacity;
    size_t source_count;
    size_t len;
    char text[];
};

/* The state while a template is compiled. */
struct compiler {
    struct js_sh_template *template;
    const struct js_sh_sources *sources;
    const struct js_sh_template_checks *checks;
    const char **names; /* those long enough for a near miss; NULL: not needed
                           yet */
    bool has_no_perl;   /* no "=}" follows */
    size_t *ret_at;
    struct js_err *err;
};

/* ---------------------------------------------------------------- strings */

/* Reads the end of a replacement string, from the ending or the brace on.
 * Returns its length, or 0 if this is no such end. */
static size_t part_read(const char *text, size_t len, enum part *ret)
{
    static const char *const ends[] = {
        [PART_WHOLE] = "}",    [PART_NO_EXTENSION] = ".}", [PART_BASE] = "/}",
        [PART_FOLDER] = "//}", [PART_STEM] = "/.}",
    };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end = strlen(ends[i]);
        if (end <= len && memcmp(text, ends[i], end) == 0) {
            *ret = (enum part)i;
            return end;
        }
    }
    return 0;
}

static const char *source_name(const struct js_sh_sources *sources,
                               size_t index)
{
    return sources->names ? sources->names[index] : "";
}

/* The text from `at` on, for a message, as the arguments for "%.*s%s". */
#define SHOWN(compiler, at, len)                                               \
    (int)((len) < SHOWN_MAX ? (len) : SHOWN_MAX),                              \
        (compiler)->template->text + (at), (len) < SHOWN_MAX ? "" : "..."

/* Prepares a message about the string at `at`. */
static struct js_err *template_error(struct compiler *compiler, size_t at)
{
    *compiler->ret_at = at;
    errno = EINVAL;
    return compiler->err;
}

/* Reads "{N}" or "{-N}", with any ending. Returns its length, or 0 if it is
 * something else, or -1 if there is no such value. */
static ptrdiff_t position_read(struct compiler *compiler, size_t at,
                               struct piece *ret)
{
    const char *text = compiler->template->text + at;
    size_t len = compiler->template->len - at;
    size_t count = compiler->sources->count;
    size_t from = len > 1 && text[1] == '-' ? 2 : 1, end = from, position = 0;
    while (end < len && isdigit((unsigned char)text[end])) {
        /* More digits make no difference once it is beyond the last. */
        if (position <= count)
            position = position * 10 + (size_t)(text[end] - '0');
        end++;
    }
    size_t rest = part_read(text + end, len - end, &ret->part);
    if (end == from || text[from] == '0' || rest == 0)
        return 0;
    if (position > count)
        return js_err_set(template_error(compiler, at),
                          "%.*s%s: the last value is {%zu}",
                          SHOWN(compiler, at, end + rest), count);
    ret->value = from == 1 ? position - 1 : count - position;
    return (ptrdiff_t)(end + rest);
}

/* Does the same for the strings that only the command line has. */
static ptrdiff_t other_read(struct compiler *compiler, size_t at,
                            struct piece *ret)
{
    const char *text = compiler->template->text + at;
    size_t len = compiler->template->len - at;
    size_t rest = part_read(text + 1, len - 1, &ret->part);
    if (rest > 0) {
        ret->value = value_all;
        return (ptrdiff_t)(1 + rest);
    }
    if (len > 2 && memcmp(text, "{#}", 3) == 0) {
        *ret = (struct piece){.value = value_number};
        return 3;
    }
    if (len > 2 && memcmp(text, "{%}", 3) == 0)
        return js_err_set(template_error(compiler, at),
                          "{%%} is not replaced: use $JOBSCHED_SLAVE "
                          "and $JOBSCHED_SLOT");
    if (len > 1 && text[1] == '=' && !compiler->has_no_perl) {
        if (memmem(text + 2, len - 2, "=}", 2))
            return js_err_set(template_error(compiler, at),
                              "{= =} is not evaluated: let the shell change "
                              "the value, as in 'x={}; echo \"${x%%.gz}\"'");
        compiler->has_no_perl = true;
    }
    return position_read(compiler, at, ret);
}

/* Reads "{NAME}", with any ending. Returns its length, or 0 if it is something
 * else. If one name is another with an ending, the longer one counts. */
static size_t name_read(const struct compiler *compiler, size_t at,
                        struct piece *ret)
{
    const char *text = compiler->template->text + at + 1;
    size_t len = compiler->template->len - at - 1;
    size_t best = 0;
    for (size_t i = 0; i < compiler->sources->count; i++) {
        const char *name = source_name(compiler->sources, i);
        size_t name_len = strlen(name);
        enum part part;
        if (name_len > best && name_len < len &&
            memcmp(text, name, name_len) == 0 &&
            part_read(text + name_len, len - name_len, &part) > 0) {
            best = name_len;
            *ret = (struct piece){.value = i, .part = part};
        }
    }
    return best > 0 ? 1 + best + part_read(text + best, len - best, &ret->part)
                    : 0;
}

/* The length of the name at the front, if a program could have a variable of
 * that name; otherwise 0. */
static size_t identifier_length(const char *text, size_t len)
{
    size_t end = 0;
    while (end < len &&
           (isalpha((unsigned char)text[end]) || text[end] == '_' ||
            (end > 0 && isdigit((unsigned char)text[end]))))
        end++;
    return end;
}

/* Reports a word in braces that resembles a name. Names of one or two letters
 * resemble too much. Returns 0, or -1 with errno ENOMEM. */
static int check_near_miss(struct compiler *compiler, size_t at)
{
    enum { NAME_LEAST = 3 };
    const struct js_sh_sources *sources = compiler->sources;
    const char *text = compiler->template->text + at + 1;
    size_t len = compiler->template->len - at - 1, count = 0;
    size_t word_len = identifier_length(text, len);
    char word[NAME_MAX_LEN + 1];
    enum part part;
    if (!compiler->checks || !compiler->checks->warn || word_len == 0 ||
        word_len > NAME_MAX_LEN ||
        part_read(text + word_len, len - word_len, &part) == 0)
        return 0;
    if (!compiler->names) {
        compiler->names = calloc(sources->count + 1, sizeof(char *));
        if (!compiler->names)
            return -1;
        for (size_t i = 0; i < sources->count; i++) {
            if (strlen(source_name(sources, i)) >= NAME_LEAST)
                compiler->names[count++] = source_name(sources, i);
        }
    }
    memcpy(word, text, word_len);
    word[word_len] = '\0';
    const char *closest = js_text_closest(word, compiler->names);
    if (closest) {
        struct js_err warning;
        js_err_set(&warning, "{%s} is not replaced (did you mean {%s}?)", word,
                   closest);
        compiler->checks->warn(compiler->checks->arg, JS_SH_DOUBT_NAME, at,
                               warning.text);
    }
    return 0;
}

/* Adds the replacement string at `at`, if one begins there. Returns its length,
 * or 0 if there is none, or -1 on failure. */
static ptrdiff_t string_add(struct compiler *compiler, size_t at)
{
    struct js_sh_template *template = compiler->template;
    struct piece piece = {0};
    ptrdiff_t len = 0;
    if (compiler->sources->is_command_line)
        len = other_read(compiler, at, &piece);
    if (len == 0)
        len = (ptrdiff_t)name_read(compiler, at, &piece);
    if (len <= 0)
        return len;
    struct js_sh_spot *spots =
        js_buf_grow(template->spots, &template->spots_capacity,
                    template->count + 1, sizeof(*spots));
    if (!spots)
        return -1;
    template->spots = spots;
    struct piece *pieces =
        js_buf_grow(template->pieces, &template->pieces_capacity,
                    template->count + 1, sizeof(*pieces));
    if (!pieces)
        return -1;
    template->pieces = pieces;
    pieces[template->count] = piece;
    spots[template->count++] =
        (struct js_sh_spot){.at = at, .len = (size_t)len};
    return len;
}

/* Finds all replacement strings. It depends only on the bytes of the text which
 * these are, and not on what a shell makes of them. */
static int strings_find(struct compiler *compiler)
{
    const struct js_sh_template *template = compiler->template;
    for (size_t at = 0; at < template->len;) {
        const char *brace =
            memchr(template->text + at, '{', template->len - at);
        if (!brace)
            break;
        at = (size_t)(brace - template->text);
        ptrdiff_t len = 0;
        if (at == 0 || brace[-1] != '$') {
            len = string_add(compiler, at);
            if (len < 0 || (len == 0 && check_near_miss(compiler, at) < 0))
                return -1;
        }
        at += len > 0 ? (size_t)len : 1;
    }
    return 0;
}

/* ---------------------------------------------------------------- places */

/* Formats the variable in which a job finds the value. */
static void variable_name(const struct compiler *compiler,
                          const struct piece *piece, char *ret, size_t size)
{
    size_t index = piece->value == value_all ? 0 : piece->value;
    const char *name = index < compiler->sources->count
                           ? source_name(compiler->sources, index)
                           : "";
    size_t len = strlen(name);
    if (len > 0 && len <= NAME_MAX_LEN && identifier_length(name, len) == len)
        snprintf(ret, size, "$JOBSCHED_ARG_%s", name);
    else
        snprintf(ret, size, "$JOBSCHED_ARG_%zu", index + 1);
}

static int refuse_place(struct compiler *compiler, size_t index)
{
    static const char *const places[JS_SH_CONTEXT_COUNT] = {
        [JS_SH_BACKSLASH] = "after a backslash",
        [JS_SH_BACKQUOTES] = "within `...`",
        [JS_SH_PARAMETER] = "within ${...}",
        [JS_SH_ARITHMETIC] = "within $((...)) or ((...))",
        [JS_SH_ANSI] = "within $'...'",
        [JS_SH_HERE] = "in a here-document",
        [JS_SH_COMMENT] = "in a comment",
        [JS_SH_UNCLEAR] = "after text that shells read in different ways",
    };
    const struct js_sh_spot *spot = &compiler->template->spots[index];
    const struct piece *piece = &compiler->template->pieces[index];
    char instead[NAME_MAX_LEN + sizeof("$JOBSCHED_ARG_")];
    if (piece->value == value_number)
        return js_err_set(template_error(compiler, spot->at),
                          "{#} cannot be quoted %s: put it into a variable "
                          "first (i={#};) and use $i",
                          places[spot->context]);
    variable_name(compiler, piece, instead, sizeof(instead));
    return js_err_set(template_error(compiler, spot->at),
                      "%.*s%s cannot be quoted %s: use %s there",
                      SHOWN(compiler, spot->at, spot->len),
                      places[spot->context], instead);
}

static void doubt_program(struct compiler *compiler,
                          const struct js_sh_spot *spot)
{
    const struct js_sh_template *template = compiler->template;
    const struct js_sh_template_checks *checks = compiler->checks;
    struct js_err text;
    char instead[NAME_MAX_LEN + sizeof("$JOBSCHED_ARG_")];
    variable_name(compiler, &template->pieces[spot - template->spots], instead,
                  sizeof(instead));
    js_err_set(&text,
               "%.*s%s is in a text that %s evaluates again, where quotes do "
               "not protect the value: pass it as an argument (sh -c '... "
               "\"$1\"' _ %.*s%s) or use %s",
               SHOWN(compiler, spot->at, spot->len), spot->program,
               SHOWN(compiler, spot->at, spot->len), instead);
    checks->warn(checks->arg, JS_SH_DOUBT_PROGRAM, spot->at, text.text);
}

static int places_find(struct compiler *compiler)
{
    struct js_sh_template *template = compiler->template;
    const struct js_sh_template_checks *checks = compiler->checks;
    const struct js_sh_spot *evaluated = NULL;
    if (js_sh_context_find(template->text, template->len, template->spots,
                           template->count) < 0)
        return -1;
    for (size_t i = 0; i < template->count; i++) {
        if (template->spots[i].context > JS_SH_DOUBLE)
            return refuse_place(compiler, i);
        if (!evaluated && template->spots[i].program)
            evaluated = &template->spots[i];
    }
    if (evaluated && checks && checks->warn)
        doubt_program(compiler, evaluated);
    return 0;
}

/* ---------------------------------------------------------------- templates */

static struct js_sh_template *
template_new(const char *text, size_t len, const struct js_sh_sources *sources,
             const struct js_sh_template_checks *checks, bool is_command,
             size_t *ret_at, struct js_err *err)
{
    struct js_sh_template *template = calloc(1, sizeof(*template) + len + 1);
    struct compiler compiler = {.template = template,
                                .sources = sources,
                                .checks = checks,
                                .ret_at = ret_at,
                                .err = err};
    *ret_at = 0;
    errno = ENOMEM;
    if (template) {
        if (len > 0)
            memcpy(template->text, text, len);
        template->len = len;
        template->source_count = sources->count;
    }
    if (!template || strings_find(&compiler) < 0 ||
        (is_command && template->count > 0 && places_find(&compiler) < 0)) {
        if (errno == ENOMEM)
            js_err_errno(err, "cannot read the command");
        js_sh_template_free(template);
        template = NULL;
    }
    int saved = errno;
    free(compiler.names);
    errno = saved;
    return template;
}

struct js_sh_template *
js_sh_template_new_command(const char *text, size_t len,
                           const struct js_sh_sources *sources,
                           const struct js_sh_template_checks *checks,
                           size_t *ret_at, struct js_err *err)
{
    return template_new(text, len, sources, checks, true, ret_at, err);
}

struct js_sh_template *
js_sh_template_new_attribute(const char *text, size_t len,
                             const struct js_sh_sources *sources,
                             const struct js_sh_template_checks *checks,
                             size_t *ret_at, struct js_err *err)
{
    return template_new(text, len, sources, checks, false, ret_at, err);
}

void js_sh_template_free(struct js_sh_template *template)
{
    int saved = errno;
    if (template) {
        free(template->spots);
        free(template->pieces);
        free(template);
    }
    errno = saved;
}

bool js_sh_template_is_constant(const struct js_sh_template *template)
{
    return template->count == 0;
}

bool js_sh_template_uses(const struct js_sh_template *template, size_t value)
{
    for (size_t i = 0; i < template->count; i++) {
        if (template->pieces[i].value == value ||
            template->pieces[i].value == value_all)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- values */

static size_t length_without_extension(const char *value, size_t len)
{
    size_t dot = len;
    while (dot > 0 && value[dot - 1] != '.' && value[dot - 1] != '/')
        dot--;
    return dot > 0 && dot < len && value[dot - 1] == '.' ? dot - 1 : len;
}

/* The length of the folder in the path; 0: it has none. */
static size_t folder_length(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] == '/') /* "a/b/" */
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/') /* "a//b" */
        len--;
    return len;
}

/* Finds the part of *value, which has *len bytes. */
static void part_find(enum part part, const char **value, size_t *len)
{
    const char *slash = memrchr(*value, '/', *len);
    if (slash && (part == PART_BASE || part == PART_STEM)) {
        *len -= (size_t)(slash + 1 - *value);
        *value = slash + 1;
    }
    if (part == PART_NO_EXTENSION || part == PART_STEM)
        *len = length_without_extension(*value, *len);
    if (part != PART_FOLDER)
        return;
    *len = folder_length(*value, *len);
    if (*len == 0) {
        *value = **value == '/' ? "/" : ".";
        *len = 1;
    }
}

/* True if the value is a word that some shell reserves in front of a command;
 * or, if there is more in its word, a part of one. */
static bool is_reserved(const char *value, size_t len, bool is_whole_word)
{
    static const char words[] =
        " if then elif else fi for foreach select while until repeat do done "
        "end case in esac function time coproc always nocorrect ";
    const char *end = words + sizeof(words) - 1, *at = words;
    while ((at = memmem(at, (size_t)(end - at), value, len))) {
        if (!is_whole_word || (at[-1] == ' ' && at[len] == ' '))
            return true;
        at++;
    }
    return false;
}

/* True if the value needs no quotes here. Quotes would never do harm, but
 * people read these commands, and a job has the identity of its command as
 * text: it must be the same as in a list that was written by hand. */
static bool is_plain_at(const struct js_sh_spot *spot, const char *value,
                        size_t len)
{
    if (!js_argv_is_plain(value, len) || spot->is_behind_variable)
        return false;
    /* zsh replaces "=ls" by the path of ls; after a colon in assignments. */
    bool has_equals = memchr(value, '=', len) != NULL;
    if (has_equals && (value[0] == '=' || memmem(value, len, ":=", 2)))
        return false;
    if (spot->may_be_special &&
        (has_equals || is_reserved(value, len, spot->is_whole_word)))
        return false;
    if (spot->is_in_braces &&
        (memchr(value, ',', len) || memchr(value, '.', len)))
        return false;
    if (!spot->is_before_redirection)
        return true;
    size_t digits = 0;
    while (digits < len && isdigit((unsigned char)value[digits]))
        digits++;
    return digits < len && !spot->is_in_braces;
}

static int expand_double(const struct js_sh_spot *spot, const char *value,
                         size_t len, struct js_buf *buf)
{
    int rc = 0;
    /* In "$x{}" the value must not go on with the name, and in "\{}" the
     * backslash must not protect anything. */
    if (spot->is_behind_variable)
        rc = js_buf_puts(buf, "\"\"");
    else if (spot->is_behind_backslash)
        rc = js_buf_puts(buf, "\\");
    for (size_t at = 0; rc == 0 && at < len;) {
        size_t end = at;
        while (end < len && value[end] != '"' && value[end] != '\\' &&
               value[end] != '$' && value[end] != '`')
            end++;
        rc = js_buf_append(buf, value + at, end - at);
        if (rc == 0 && end < len) {
            const char escaped[] = {'\\', value[end]};
            rc = js_buf_append(buf, escaped, sizeof(escaped));
            end++;
        }
        at = end;
    }
    return rc;
}

/* Appends the part of one value, quoted as its place needs it. */
static int expand_value(const struct js_sh_spot *spot, enum part part,
                        const char *value, struct js_buf *buf)
{
    size_t len = strlen(value);
    if (part != PART_WHOLE)
        part_find(part, &value, &len);
    if (spot->context == JS_SH_PLAIN ||
        (spot->context == JS_SH_BARE && is_plain_at(spot, value, len)))
        return js_buf_append(buf, value, len);
    if (spot->context == JS_SH_DOUBLE)
        return expand_double(spot, value, len, buf);
    const char *quote = spot->context == JS_SH_BARE ? "'" : "";
    if (js_buf_puts(buf, quote) < 0 || js_argv_escape(buf, value, len) < 0)
        return -1;
    return js_buf_puts(buf, quote);
}

/* Appends all values, with blanks between them. */
static int expand_every_value(const struct js_sh_template *template,
                              size_t index, const char *const *values,
                              struct js_buf *buf)
{
    struct js_sh_spot spot = template->spots[index];
    for (size_t i = 0; i < template->source_count; i++) {
        if ((i > 0 && js_buf_puts(buf, " ") < 0) ||
            expand_value(&spot, template->pieces[index].part, values[i], buf) <
                0)
            return -1;
        /* The others are behind a blank. */
        spot.is_behind_variable = spot.is_behind_backslash = false;
    }
    return 0;
}

static int expand_string(const struct js_sh_template *template, size_t index,
                         const char *const *values, uint64_t number,
                         struct js_buf *buf)
{
    const struct piece *piece = &template->pieces[index];
    char digits[24];
    if (piece->value == value_all)
        return expand_every_value(template, index, values, buf);
    if (piece->value == value_number)
        snprintf(digits, sizeof(digits), "%" PRIu64, number);
    return expand_value(
        &template->spots[index], piece->part,
        piece->value == value_number ? digits : values[piece->value], buf);
}

int js_sh_template_expand(const struct js_sh_template *template,
                          const char *const *values, uint64_t number,
                          struct js_buf *buf)
{
    size_t len = buf->len, at = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < template->count; i++) {
        const struct js_sh_spot *spot = &template->spots[i];
        rc = js_buf_append(buf, template->text + at, spot->at - at);
        if (rc == 0)
            rc = expand_string(template, i, values, number, buf);
        at = spot->at + spot->len;
    }
    if (rc == 0)
        rc = js_buf_append(buf, template->text + at, template->len - at);
    if (rc < 0)
        buf->len = len;
    return rc;
}
