#include "list/formats.h"

#include "base/buf.h"
#include "base/text.h"
#include "list/args_reader.h"
#include "list/from/disbatch.h"
#include "list/from/glost.h"
#include "list/from/greasy.h"
#include "list/from/launcher.h"
#include "list/from/parallel_joblog.h"
#include "list/from/pmc.h"
#include "list/from/pylauncher.h"
#include "list/from/slurm.h"
#include "list/jobfile.h"

#include <string.h>

struct format {
    const char *name;
    struct js_reader *(*new_reader)(const char *name);
    /* Instead of that, if it depends on more than the name. */
    struct js_reader *(*new_with)(const struct js_formats_input *input);
    const char *records;
    const char *unread;
};

static struct js_reader *new_pmc(const struct js_formats_input *input)
{
    const struct js_from_pmc_rescue rescue = {input->records,
                                              input->records_len};
    return js_from_pmc_new(input->name, &rescue);
}

static struct js_reader *new_slurm(const struct js_formats_input *input)
{
    const struct js_from_slurm_config config = {.is_stream = input->is_stream};
    return js_from_slurm_new(input->name, &config);
}

static const struct format formats[] = {
    {JS_FORMATS_OWN, .new_reader = js_jobfile_new},
    {"disbatch", .new_reader = js_from_disbatch_new},
    {"glost", .new_reader = js_from_glost_new},
    {"greasy", .new_reader = js_from_greasy_new, .unread = "greasy.conf"},
    {"launcher", .new_reader = js_from_launcher_new},
    {"parallel-joblog", .new_reader = js_from_parallel_joblog_new},
    {"pmc", .new_with = new_pmc, .records = ".rescue"},
    {"pylauncher", .new_reader = js_from_pylauncher_new},
    {"slurm", .new_with = new_slurm},
};

enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

const char *js_formats_name(size_t i)
{
    return i < FORMATS ? formats[i].name : NULL;
}

const char *js_formats_find(const char *format, struct js_err *err)
{
    const char *names[FORMATS + 1] = {NULL};
    struct js_buf all = JS_BUF_INIT;
    if (js_formats_is_args(format))
        return JS_FORMATS_ARGS;
    for (size_t i = 0; i < FORMATS; i++) {
        names[i] = formats[i].name;
        if (strcmp(names[i], format) == 0)
            return names[i];
    }
    for (size_t i = 0; i < FORMATS; i++)
        js_buf_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    const char *closest = js_text_closest(format, names);
    const char *known = js_buf_string(&all);
    js_err_set(err, "no such format%s%s%s; the formats are: %s",
               closest ? " (did you mean \"" : "", closest ? closest : "",
               closest ? "\"?)" : "", known ? known : "");
    js_buf_release(&all);
    return NULL;
}

/* ---------------------------------------------------------------- guessing */

/* What shows that a list is another tool's. Nobody has a command that begins
 * like one of these, and as comments they would be lost in silence. */
struct sign {
    const char *format, *tool;
    const char *start;  /* of the line */
    const char *option; /* an option in the line; NULL: it needs none */
    bool is_first;      /* it counts only up to the first command */
    bool is_word;       /* a blank or the end of the line follows `start` */
    bool may_be_inset;  /* blanks may come before it */
};

static const struct sign signs[] = {
    {"pmc", "a DAG of Pegasus MPI Cluster", "TASK", NULL, true, true, true},
    {"pmc", "a DAG of Pegasus MPI Cluster", "EDGE", NULL, true, true, true},
    {"greasy", "a task file of GREASY", "[#", NULL, false, false, true},
    {"greasy", "a task file of GREASY", "[@", NULL, false, false, true},
    {"disbatch", "a task file of disBatch", "#DISBATCH", NULL, false, true,
     false},
    {"slurm", "the script of a Slurm array", "#SBATCH", "--array", true, true,
     false},
    {"slurm", "the script of a Slurm array", "#SBATCH", "-a", true, true,
     false},
    {"parallel-joblog", "a joblog", "Seq\tHost\tStarttime\t", NULL, true, false,
     false},
};

/* Returns where the word at `at` ends: at a blank outside of quotes. */
static size_t end_of_word(const char *text, size_t len, size_t at)
{
    char quote = '\0';
    for (; at < len && (quote || !js_text_is_blank(text[at])); at++) {
        if (text[at] == quote)
            quote = '\0';
        else if (!quote && (text[at] == '"' || text[at] == '\''))
            quote = text[at];
    }
    return at;
}

/* True if the option stands in the text, alone or before its value: "-a 1",
 * "-a1", "--array=1". A comment may follow the options. */
static bool has_option(const char *text, size_t len, const char *option)
{
    size_t size = strlen(option);
    for (size_t at = 0; at < len && text[at] != '#';) {
        size_t end = end_of_word(text, len, at);
        bool is_it = end - at >= size && memcmp(text + at, option, size) == 0;
        char next = end - at > size ? text[at + size] : '=';
        if (is_it &&
            (next == '=' || (size == 2 && strchr("0123456789[", next))))
            return true;
        at = js_text_skip_blanks(text, len, end);
    }
    return false;
}

/* `inset` is where the line begins, after blanks. */
static bool is_sign(const struct sign *sign, const char *line, size_t len,
                    size_t inset)
{
    size_t at = sign->may_be_inset ? inset : 0;
    /* Each is at least two bytes long, which few lines have in common. */
    if (len - at < 2 || line[at] != sign->start[0] ||
        line[at + 1] != sign->start[1])
        return false;
    size_t size = strlen(sign->start);
    if (len - at < size || memcmp(line + at, sign->start, size) != 0)
        return false;
    at += size;
    if (sign->is_word && at < len && !js_text_is_blank(line[at]))
        return false;
    at = js_text_skip_blanks(line, len, at);
    return !sign->option || has_option(line + at, len - at, sign->option);
}

/* A js_jobfile_guard_fn. */
static bool guard_lines(const char *line, size_t len, bool is_first,
                        struct js_err *ret_what)
{
    size_t inset = js_text_skip_blanks(line, len, 0);
    char c = inset < len ? line[inset] : '\0';
    /* Most lines show at once that they are none of these. */
    if (!is_first && c != '#' && c != '[')
        return false;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        const struct sign *sign = &signs[i];
        if ((sign->is_first && !is_first) || !is_sign(sign, line, len, inset))
            continue;
        if (js_formats_find(sign->format, NULL))
            js_err_set(ret_what,
                       "this list looks like %s: read it with --from %s, or "
                       "run its lines as they are with --from lines",
                       sign->tool, sign->format);
        else
            js_err_set(ret_what,
                       "this list looks like %s, which jobsched cannot read; "
                       "--from lines runs its lines as they are",
                       sign->tool);
        return true;
    }
    return false;
}

bool js_formats_is_foreign(const char *line, size_t len)
{
    struct js_err what;
    return guard_lines(line, len, true, &what);
}

static const struct format *format_of(const char *name)
{
    for (size_t i = 0; name && i < FORMATS; i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    }
    return NULL;
}

const char *js_formats_records(const char *format)
{
    const struct format *row = format_of(format);
    return row ? row->records : NULL;
}

const char *js_formats_unread(const char *format)
{
    const struct format *row = format_of(format);
    return row ? row->unread : NULL;
}

struct js_reader *js_formats_new_reader(const char *format,
                                        const struct js_formats_input *input)
{
    const struct format *row = format_of(format);
    if (js_formats_is_args(format))
        return js_args_reader_new(input->name);
    if (row)
        return row->new_with ? row->new_with(input)
                             : row->new_reader(input->name);
    struct js_reader *reader = js_jobfile_new(input->name);
    if (reader)
        js_jobfile_set_guard(reader, guard_lines, input->is_stream);
    return reader;
}
