#include "list/from/slurm_options.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLURM_COUNT_MAX = 1000000 };

/* The options while a line is read. */
struct slurm_line {
    struct js_slurm_options *options;
    const struct js_lines *lines;
    const char *text;
    size_t len, at;
    struct js_err *err;
    const struct slurm_option *option; /* the one being read */
    size_t column;                     /* of its value */
};

/* An option of sbatch. */
struct slurm_option {
    const char *name;
    /* Takes the value in `value`; NULL: the option has no meaning here. */
    int (*take)(struct slurm_line *line, const struct slurm_option *option);
    size_t offset;   /* of the field in struct js_slurm_options */
    const char *why; /* for one that cannot be honoured */
    char letter;     /* ' ': it has none */
    bool is_flag;    /* it has no value, or one only behind "=" */
};

/* ---------------------------------------------------------------- values */

static const char *slurm_value(const struct slurm_line *line)
{
    return line->options->value.data;
}

static void *slurm_field(const struct slurm_line *line,
                         const struct slurm_option *option)
{
    return (char *)line->options + option->offset;
}

static int slurm_refuse(const struct slurm_line *line, const char *why)
{
    return js_lines_refuse(line->lines, line->lines->line, line->column,
                           line->err, "--%s=%.*s: %s", line->option->name,
                           js_lines_shown(line->options->value.len),
                           slurm_value(line), why);
}

static int slurm_take_text(struct slurm_line *line,
                           const struct slurm_option *option)
{
    struct js_slurm_text *text = slurm_field(line, option);
    char *copy = strdup(slurm_value(line));
    if (!copy)
        return js_lines_fail(line->lines, line->err);
    free(text->text);
    text->text = copy;
    text->place = (struct js_lines_place){line->lines->line, line->column};
    return *copy ? 0 : slurm_refuse(line, "must not be empty");
}

static int slurm_take_count(struct slurm_line *line,
                            const struct slurm_option *option)
{
    size_t at = 0, len = line->options->value.len;
    uint64_t count;
    if (!js_lines_number(slurm_value(line), len, &at, SLURM_COUNT_MAX,
                         &count) ||
        at < len || count == 0)
        return slurm_refuse(line, "must be a whole number from 1 to 1000000");
    *(uint64_t *)slurm_field(line, option) = count;
    return 0;
}

/* "4", or "4-4". */
static int slurm_take_nodes(struct slurm_line *line,
                            const struct slurm_option *option)
{
    const char *value = slurm_value(line);
    size_t at = 0, len = line->options->value.len;
    uint64_t least, most;
    bool is_good =
        js_lines_number(value, len, &at, SLURM_COUNT_MAX, &least) && least > 0;
    most = least;
    if (is_good && at < len && value[at] == '-') {
        at++;
        is_good = js_lines_number(value, len, &at, SLURM_COUNT_MAX, &most);
    }
    if (!is_good || at < len)
        return slurm_refuse(line, "must be a whole number from 1 to 1000000");
    if (least != most)
        return slurm_refuse(line, "a job here has a fixed number of nodes");
    *(uint64_t *)slurm_field(line, option) = least;
    return 0;
}

/* Megabytes, or with a unit. */
static int slurm_take_size(struct slurm_line *line,
                           const struct slurm_option *option)
{
    static const char units[] = "KMGT";
    const char *value = slurm_value(line);
    size_t at = 0, len = line->options->value.len;
    uint64_t size;
    bool is_good = js_lines_number(value, len, &at, UINT64_C(1) << 23, &size);
    unsigned shift = 20;
    if (is_good && at < len) {
        char unit = value[at++];
        const char *found =
            strchr(units, unit >= 'a' ? unit - 'a' + 'A' : unit);
        is_good = found != NULL;
        shift = found ? 10 * (unsigned)(found - units + 1) : 0;
    }
    is_good =
        is_good && (at == len ||
                    (at + 1 == len && (value[at] == 'B' || value[at] == 'b')));
    if (is_good && size == 0)
        return slurm_refuse(line, "all of a node's memory cannot be asked for; "
                                  "write how much it is");
    if (!is_good)
        return slurm_refuse(line, "must be a size such as 500M or 4G");
    *(uint64_t *)slurm_field(line, option) = size << shift;
    return 0;
}

/* Reads the numbers of a time, which ':' separates, from *at on. Returns how
 * many there are, or 0. */
static size_t slurm_take_times(const char *value, size_t len, size_t *at,
                               uint64_t numbers[3])
{
    size_t count = 0;
    while (count < 3 &&
           js_lines_number(value, len, at, SLURM_COUNT_MAX, &numbers[count])) {
        count++;
        if (*at == len || value[*at] != ':')
            return count;
        ++*at;
    }
    return 0;
}

/* MM, MM:SS, HH:MM:SS, D-HH, D-HH:MM, D-HH:MM:SS. */
static int slurm_take_time(struct slurm_line *line,
                           const struct slurm_option *option)
{
    const char *value = slurm_value(line);
    size_t at = 0, len = line->options->value.len;
    uint64_t days = 0, part[3] = {0};
    if (strcasecmp(value, "UNLIMITED") == 0 ||
        strcasecmp(value, "INFINITE") == 0 || strcmp(value, "0") == 0)
        return 0;
    size_t count = slurm_take_times(value, len, &at, part);
    bool has_days = count == 1 && at < len && value[at] == '-';
    if (has_days) {
        at++;
        days = part[0];
        part[0] = 0;
        count = slurm_take_times(value, len, &at, part);
    }
    if (count == 0 || at < len)
        return slurm_refuse(line, "must be a time such as 90 (minutes), 30:00, "
                                  "12:00:00 or 1-12");
    uint64_t seconds = 0;
    if (has_days || count == 3)
        seconds = part[0] * 3600 + part[1] * 60 + part[2];
    else
        seconds = part[0] * 60 + part[1];
    seconds += days * 86400;
    if (seconds == 0 || seconds > INT64_MAX / JS_NS_PER_S)
        return slurm_refuse(line, "must be more than 0 and less than 292 "
                                  "years");
    *(int64_t *)slurm_field(line, option) = (int64_t)seconds * JS_NS_PER_S;
    return 0;
}

/* "2", "a100:2", and for --gres "gpu", "gpu:2", "gpu:a100:2". The type is that
 * of the nodes on which the run is. */
static int slurm_take_gpus(struct slurm_line *line,
                           const struct slurm_option *option)
{
    const char *value = slurm_value(line);
    size_t len = line->options->value.len, at = 0;
    uint64_t count = 1;
    if (strcmp(option->name, "gres") == 0) {
        if (!js_lines_begins(value, len, "gpu") ||
            (len > 3 && value[3] != ':') || strchr(value, ','))
            return slurm_refuse(line, "jobsched knows only gpu, gpu:N and "
                                      "gpu:TYPE:N");
        at = len > 3 ? 4 : 3;
    }
    const char *colon = memrchr(value + at, ':', len - at);
    size_t number = colon ? (size_t)(colon - value) + 1 : at;
    bool has_number =
        number < len && value[number] >= '0' && value[number] <= '9';
    if (has_number &&
        (!js_lines_number(value, len, &number, 1000, &count) || number < len))
        return slurm_refuse(line, "must be a number of GPUs from 0 to 1000");
    if (!has_number && strcmp(option->name, "gres") != 0)
        return slurm_refuse(line, "must be a number of GPUs from 0 to 1000");
    *(uint64_t *)slurm_field(line, option) = count;
    return 0;
}

static int slurm_take_open_mode(struct slurm_line *line,
                                const struct slurm_option *option)
{
    (void)option;
    line->options->is_append = strcmp(slurm_value(line), "append") == 0;
    if (line->options->is_append || strcmp(slurm_value(line), "truncate") == 0)
        return 0;
    return slurm_refuse(line, "must be \"append\" or \"truncate\"");
}

static int slurm_take_export(struct slurm_line *line,
                             const struct slurm_option *option)
{
    (void)option;
    return strcmp(slurm_value(line), "ALL") == 0
               ? 0
               : slurm_refuse(line, "a job here always gets all variables: "
                                    "unset or set them in the script");
}

static int slurm_take_no(struct slurm_line *line,
                         const struct slurm_option *option)
{
    return js_lines_refuse(line->lines, line->lines->line, line->column,
                           line->err, "--%s cannot be honoured: %s",
                           option->name, option->why);
}

/* ---------------------------------------------------------------- options */

#define TAKEN(long_name, short_name, how, field)                               \
    {                                                                          \
        .name = (long_name), .letter = (short_name), .take = slurm_take_##how, \
        .offset = offsetof(struct js_slurm_options, field)                     \
    }
#define IGNORED(long_name, short_name, flag)                                   \
    {                                                                          \
        .name = (long_name), .letter = (short_name), .is_flag = (flag)         \
    }
#define REFUSED(long_name, short_name, flag, because)                          \
    {                                                                          \
        .name = (long_name), .letter = (short_name), .is_flag = (flag),        \
        .take = slurm_take_no, .why = (because)                                \
    }

static const char slurm_where[] =
    "jobsched places jobs on the nodes of the run as it sees fit";

static const struct slurm_option slurm_options[] = {
    TAKEN("array", 'a', text, array),
    TAKEN("job-name", 'J', text, job_name),
    TAKEN("output", 'o', text, output),
    TAKEN("error", 'e', text, error),
    TAKEN("input", 'i', text, input),
    TAKEN("chdir", 'D', text, chdir),
    TAKEN("cpus-per-task", 'c', count, cpus_per_task),
    TAKEN("ntasks", 'n', count, ntasks),
    TAKEN("ntasks-per-node", ' ', count, ntasks_per_node),
    TAKEN("nodes", 'N', nodes, nodes),
    TAKEN("mem", ' ', size, mem_bytes),
    TAKEN("mem-per-cpu", ' ', size, mem_per_cpu_bytes),
    TAKEN("gpus", 'G', gpus, gpus),
    TAKEN("gpus-per-node", ' ', gpus, gpus_per_node),
    TAKEN("gpus-per-task", ' ', gpus, gpus_per_task),
    TAKEN("gres", ' ', gpus, gpus_per_node),
    TAKEN("time", 't', time, time_ns),
    TAKEN("open-mode", ' ', open_mode, is_append),
    TAKEN("export", ' ', export, is_append),
    /* These decide when, where and for whom sbatch runs the script, or what it
     * says. */
    IGNORED("partition", 'p', false),
    IGNORED("account", 'A', false),
    IGNORED("qos", 'q', false),
    IGNORED("mail-type", ' ', false),
    IGNORED("mail-user", ' ', false),
    IGNORED("comment", ' ', false),
    IGNORED("reservation", ' ', false),
    IGNORED("begin", 'b', false),
    IGNORED("deadline", ' ', false),
    IGNORED("nice", ' ', true),
    IGNORED("priority", ' ', false),
    IGNORED("wckey", ' ', false),
    IGNORED("clusters", 'M', false),
    IGNORED("time-min", ' ', false),
    IGNORED("tmp", ' ', false),
    IGNORED("profile", ' ', false),
    IGNORED("acctg-freq", ' ', false),
    IGNORED("hint", ' ', false),
    IGNORED("distribution", 'm', false),
    IGNORED("hold", 'H', true),
    IGNORED("requeue", ' ', true),
    IGNORED("no-requeue", ' ', true),
    IGNORED("parsable", ' ', true),
    IGNORED("wait", 'W', true),
    IGNORED("verbose", 'v', true),
    IGNORED("quiet", 'Q', true),
    IGNORED("get-user-env", ' ', true),
    IGNORED("kill-on-invalid-dep", ' ', false),
    IGNORED("no-kill", 'k', true),
    IGNORED("oversubscribe", 's', true),
    IGNORED("threads-per-core", ' ', false),
    REFUSED("dependency", 'd', false, "the other job is not one of this run"),
    REFUSED("signal", ' ', false,
            "at its time limit a job here gets SIGTERM, and SIGKILL after "
            "--grace"),
    REFUSED("exclusive", ' ', true,
            "ask for the cores of a node with --cpus-per-task"),
    REFUSED("constraint", 'C', false, slurm_where),
    REFUSED("nodelist", 'w', false, slurm_where),
    REFUSED("exclude", 'x', false, slurm_where),
    REFUSED("licenses", 'L', false, "jobsched does not count licenses"),
    REFUSED("mem-per-gpu", ' ', false, "use --mem"),
    REFUSED("wrap", ' ', false, "put the command into the script"),
};

enum { SLURM_OPTIONS = sizeof(slurm_options) / sizeof(slurm_options[0]) };

/* ---------------------------------------------------------------- words */

/* The place where the word at `at` ends: at a blank or a '#' outside of
 * quotations. Sets *ret_open to the quotation mark that is not closed, if there
 * is one, else to the end of the line. */
static size_t slurm_find_word_end(const struct slurm_line *line, size_t at,
                                  size_t *ret_open)
{
    const char *text = line->text;
    char quote = '\0';
    *ret_open = line->len;
    for (; at < line->len; at++) {
        char c = text[at];
        if (!quote && (js_text_is_blank(c) || c == '#'))
            break;
        if (c == '\\') {
            at++;
        } else if (c == quote) {
            quote = '\0';
            *ret_open = line->len;
        } else if (!quote && (c == '\'' || c == '"')) {
            quote = c;
            *ret_open = at;
        }
    }
    return at < line->len ? at : line->len;
}

/* Appends the word from `at` to `end`, without quotation marks. */
static int slurm_unquote(struct js_buf *word, const char *text, size_t at,
                         size_t end)
{
    char quote = '\0';
    for (; at < end; at++) {
        char c = text[at];
        if (c == quote) {
            quote = '\0';
            continue;
        }
        if (!quote && (c == '\'' || c == '"')) {
            quote = c;
            continue;
        }
        at += c == '\\' && at + 1 < end;
        if (js_buf_append(word, text + at, 1) < 0)
            return -1;
    }
    return 0;
}

/* Reads the next word into `word`. Returns 1, 0 at the end of the line, or
 * -1. */
static int slurm_next_word(struct slurm_line *line)
{
    struct js_buf *word = &line->options->word;
    size_t at = js_text_skip_blanks(line->text, line->len, line->at), open;
    word->len = 0;
    line->column = at + 1;
    if (at == line->len || line->text[at] == '#')
        return 0;
    line->at = slurm_find_word_end(line, at, &open);
    if (open < line->len)
        return js_lines_refuse(line->lines, line->lines->line, open + 1,
                               line->err, "this quotation is not closed");
    return slurm_unquote(word, line->text, at, line->at) < 0 ||
                   !js_buf_string(word)
               ? js_lines_fail(line->lines, line->err)
               : 1;
}

/* Finds the option of `word`: "--name", "--name=value", "-n", "-nvalue". Sets
 * *ret_value to the place of the value within the word; 0: there is none. */
static const struct slurm_option *slurm_find_option(const char *word,
                                                    size_t *ret_value)
{
    bool is_long = strncmp(word, "--", 2) == 0;
    size_t len = is_long ? strcspn(word + 2, "=") : 1;
    *ret_value = 0;
    for (size_t i = 0; word[0] == '-' && word[1] && i < SLURM_OPTIONS; i++) {
        const struct slurm_option *option = &slurm_options[i];
        if (is_long ? !js_lines_is(word + 2, len, option->name)
                    : option->letter != word[1])
            continue;
        if (is_long && word[2 + len])
            *ret_value = 2 + len + 1;
        else if (!is_long && word[2])
            *ret_value = 2;
        return option;
    }
    return NULL;
}

static int slurm_refuse_word(const struct slurm_line *line)
{
    const char *names[SLURM_OPTIONS + 1] = {NULL}, *closest = NULL;
    char *word = line->options->word.data;
    bool is_long = strncmp(word, "--", 2) == 0;
    if (strcmp(word, "hetjob") == 0 || strcmp(word, "packjob") == 0)
        return js_lines_refuse(line->lines, line->lines->line, line->column,
                               line->err,
                               "jobsched has no jobs of several components");
    for (size_t i = 0; i < SLURM_OPTIONS; i++)
        names[i] = slurm_options[i].name;
    if (is_long) {
        word[2 + strcspn(word + 2, "=")] = '\0';
        closest = js_text_closest(word + 2, names);
    }
    return js_lines_refuse(
        line->lines, line->lines->line, line->column, line->err,
        "\"%.*s\" is no option that jobsched knows%s%s%s",
        js_lines_shown(strlen(word)), word, closest ? " (did you mean --" : "",
        closest ? closest : "", closest ? "?)" : "");
}

static int slurm_ignore(struct slurm_line *line)
{
    struct js_buf *ignored = &line->options->ignored;
    const char *name = line->option->name;
    if (js_buf_printf(ignored, "%s--%s", ignored->len > 0 ? ", " : "", name) <
            0 ||
        !js_buf_string(ignored))
        return js_lines_fail(line->lines, line->err);
    return 0;
}

/* Reads the value of the option in `word`, and takes it. */
static int slurm_take_option(struct slurm_line *line, size_t value_at)
{
    const struct slurm_option *option = line->option;
    struct js_buf *value = &line->options->value;
    size_t column = line->column;
    /* The value may be the next word. */
    int rc = 1;
    if (value_at == 0 && !option->is_flag)
        rc = slurm_next_word(line);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return js_lines_refuse(line->lines, line->lines->line, column,
                               line->err, "--%s needs a value", option->name);
    value->len = 0;
    line->column = value_at > 0 ? column + value_at : line->column;
    const struct js_buf *word = &line->options->word;
    bool has_value = value_at > 0 || !option->is_flag;
    if ((has_value && js_buf_append(value, word->data + value_at,
                                    word->len - value_at) < 0) ||
        !js_buf_string(value))
        return js_lines_fail(line->lines, line->err);
    return option->take ? option->take(line, option) : slurm_ignore(line);
}

int js_slurm_options_read(struct js_slurm_options *options,
                          const struct js_lines *lines, const char *text,
                          size_t len, struct js_err *err)
{
    struct slurm_line line = {.options = options,
                              .lines = lines,
                              .text = text,
                              .len = len,
                              .at = js_lines_begins(text, len, "#SLURM")
                                        ? strlen("#SLURM")
                                        : strlen("#SBATCH"),
                              .err = err};
    int rc;
    while ((rc = slurm_next_word(&line)) > 0) {
        size_t value_at;
        line.option = slurm_find_option(options->word.data, &value_at);
        rc = line.option ? slurm_take_option(&line, value_at)
                         : slurm_refuse_word(&line);
        if (rc < 0)
            break;
    }
    return rc;
}

void js_slurm_options_release(struct js_slurm_options *options)
{
    struct js_slurm_text *const texts[] = {&options->array,  &options->job_name,
                                           &options->output, &options->error,
                                           &options->input,  &options->chdir};
    int saved = errno;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]->text);
    js_buf_release(&options->ignored);
    js_buf_release(&options->word);
    js_buf_release(&options->value);
    *options = (struct js_slurm_options){0};
    errno = saved;
}
