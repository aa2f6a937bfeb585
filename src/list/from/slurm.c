#include "list/from/slurm.h"

#include "base/argv.h"
#include "base/bits.h"
#include "base/text.h"
#include "list/from/lines.h"
#include "list/from/slurm_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The greatest index that Slurm can be configured for. */
enum { SLURM_INDEX_MAX = 4000000 };

struct from_slurm {
    struct js_lines lines; /* first */
    struct js_from_slurm_config config;
    struct js_slurm_options options;
    bool is_body;       /* no more #SBATCH lines follow */
    struct js_buf text; /* of the script, for the hash; without options */
    struct js_buf interpreter; /* quoted, with its argument */

    bool is_complete;
    bool is_array;
    uint64_t *indices; /* bits */
    uint32_t next;     /* index; SLURM_INDEX_MAX + 1: there are no more */
    uint32_t count, least, most, step;
    char hash[33];
    size_t env_len, env_count; /* of what is the same for all elements */
    struct js_buf name, command, warning;
    struct js_attributes attributes; /* its name is `name` */
};

/* ---------------------------------------------------------------- array */

/* Sets the place of an error in the array. */
static int slurm_refuse_array(const struct from_slurm *slurm, const char *text,
                              size_t at, const char *what, struct js_err *err)
{
    if (!slurm->config.array) {
        struct js_lines_place place = slurm->options.array.place;
        return js_lines_refuse(&slurm->lines, place.line, place.column + at,
                               err, "--array=%s: %s", text, what);
    }
    js_err_set(err, "--array=%s: %s", text, what);
    errno = EINVAL;
    return -1;
}

/* Reads "3", "1-5" or "0-90:10" at *at. Returns what is wrong, or NULL. */
static const char *slurm_take_range(struct from_slurm *slurm, const char *text,
                                    size_t len, size_t *at)
{
    static const char index[] =
        "an index must be a whole number from 0 to 4000000";
    uint64_t first, last, step = 1;
    if (!js_lines_number(text, len, at, SLURM_INDEX_MAX, &first))
        return index;
    last = first;
    if (*at < len && text[*at] == '-') {
        ++*at;
        if (!js_lines_number(text, len, at, SLURM_INDEX_MAX, &last))
            return index;
        if (last < first)
            return "a range must go upwards";
    }
    if (*at < len && text[*at] == ':') {
        ++*at;
        if (!js_lines_number(text, len, at, SLURM_INDEX_MAX, &step) ||
            step == 0)
            return "a step must be a whole number from 1 to 4000000";
    }
    for (uint64_t i = first; i <= last; i += step)
        js_bits_put(slurm->indices, (uint32_t)i, true);
    /* Slurm gives the step of an array that is one range. */
    slurm->step = slurm->step == 0 ? (uint32_t)step : 1;
    return NULL;
}

/* Moves *at past the comma after a range. Returns what is wrong, or NULL. */
static const char *slurm_take_comma(const char *text, size_t len, size_t *at)
{
    if (*at == len)
        return NULL;
    if (text[*at] == '%')
        return "jobsched cannot limit how many elements run at a time: leave "
               "out %N to run as many as there is room for";
    if (text[*at] != ',' || *at + 1 == len)
        return "must be indices (3), ranges (1-5) or ranges with a step "
               "(0-90:10), separated by commas";
    ++*at;
    return NULL;
}

static int slurm_read_array(struct from_slurm *slurm, struct js_err *err)
{
    const char *text =
        slurm->config.array ? slurm->config.array : slurm->options.array.text;
    const char *wrong = NULL;
    size_t at = 0, len = text ? strlen(text) : 0;
    if (!text)
        return 0;
    slurm->is_array = true;
    slurm->indices =
        calloc(js_bits_words(SLURM_INDEX_MAX + 1), sizeof(*slurm->indices));
    if (!slurm->indices)
        return js_lines_fail(&slurm->lines, err);
    do {
        size_t begin = at;
        at += text[at] == '[';
        wrong = slurm_take_range(slurm, text, len, &at);
        if (wrong) {
            at = begin;
            break;
        }
        at += text[at] == ']';
        wrong = slurm_take_comma(text, len, &at);
    } while (!wrong && at < len);
    return wrong ? slurm_refuse_array(slurm, text, at, wrong, err) : 0;
}

/* ---------------------------------------------------------------- patterns */

/* What stands in place of "%x". */
struct slurm_piece {
    const char *run; /* known only when the job runs: a word for sh, or NULL */
    const char *put; /* behind it, to be quoted */
    bool is_own;     /* different for each element */
    char number[24];
};

/* Returns false if there is no such letter. */
static bool slurm_replace(const struct from_slurm *slurm, char letter,
                          unsigned width, uint32_t index,
                          struct slurm_piece *ret)
{
    uint32_t number = 0;
    *ret = (struct slurm_piece){.put = ""};
    switch (letter) {
    case 'a':
        number = index;
        ret->is_own = true;
        break;
    case 'b':
        number = index % 10;
        break;
    case 'n':
    case 't':
        break;
    case 'j':
        ret->run = "\"${SLURM_JOB_ID:-0}\"";
        ret->is_own = true;
        if (slurm->is_array)
            ret->put = ret->number;
        snprintf(ret->number, sizeof(ret->number), "_%u", index);
        return true;
    case 'A':
        ret->run = "\"${SLURM_JOB_ID:-0}\"";
        return true;
    case 'N':
        ret->run = "\"$JOBSCHED_NODE\"";
        return true;
    case 'u':
        ret->run = "\"$(id -un)\"";
        return true;
    case 's':
        ret->put = "batch";
        return true;
    case 'x':
        ret->put = slurm->options.job_name.text;
        return true;
    case '%':
        ret->put = "%";
        return true;
    default:
        return false;
    }
    snprintf(ret->number, sizeof(ret->number), "%0*u", (int)width, number);
    ret->put = ret->number;
    return true;
}

/* Appends `plain`, quoted, and then `run` as it is. */
static int slurm_put_run(struct js_buf *to, struct js_buf *plain,
                         const char *run)
{
    if (plain->len > 0 && js_argv_quote_word(to, plain->data, plain->len) < 0)
        return -1;
    plain->len = 0;
    return js_buf_puts(to, run);
}

/* Replaces the '%' at *at, and moves *at behind the letter. Returns the same as
 * slurm_put_pattern(). */
static int slurm_put_piece(const struct from_slurm *slurm, struct js_buf *to,
                           struct js_buf *plain, const char **at,
                           uint32_t index, bool *ret_own)
{
    struct slurm_piece piece;
    unsigned width = 0;
    for (++*at; **at >= '0' && **at <= '9'; ++*at)
        width = width < 10 ? 10 * width + (unsigned)(**at - '0') : width;
    if (!slurm_replace(slurm, **at, width < 10 ? width : 10, index, &piece)) {
        errno = EINVAL;
        return -1;
    }
    ++*at;
    *ret_own |= piece.is_own;
    if (piece.run && slurm_put_run(to, plain, piece.run) < 0)
        return -1;
    return js_buf_puts(plain, piece.put);
}

/* Appends a file name in which sbatch replaces "%x" and so on, as a word for
 * sh. Sets *ret_own to whether each element has a name of its own. Returns 0,
 * or -1 with errno ENOMEM, or EINVAL and *ret_at at the bad '%'. */
static int slurm_put_pattern(const struct from_slurm *slurm, struct js_buf *to,
                             const char *pattern, uint32_t index, bool *ret_own,
                             size_t *ret_at)
{
    struct js_buf plain = JS_BUF_INIT;
    const char *at = pattern;
    int rc = 0;
    *ret_own = slurm->count == 1;
    *ret_at = 0;
    /* Behind a backslash at the beginning, nothing is replaced. */
    if (*pattern == '\\')
        return js_argv_quote_word(to, pattern + 1, strlen(pattern + 1));
    while (rc == 0 && *at) {
        size_t len = strcspn(at, "%");
        rc = js_buf_append(&plain, at, len);
        at += len;
        *ret_at = (size_t)(at - pattern);
        if (rc == 0 && *at)
            rc = slurm_put_piece(slurm, to, &plain, &at, index, ret_own);
    }
    if (rc == 0)
        rc = slurm_put_run(to, &plain, "");
    int saved = errno;
    js_buf_release(&plain);
    errno = saved;
    return rc;
}

/* Appends a redirection to the file of this option, if it was given. */
static int slurm_put_file(const struct from_slurm *slurm, struct js_buf *to,
                          const char *sign, const char *option,
                          const struct js_slurm_text *file, uint32_t index,
                          struct js_err *err)
{
    bool is_own;
    size_t at;
    const struct js_lines *lines = &slurm->lines;
    const struct js_lines_place *place = &file->place;
    if (!file->text)
        return 0;
    if (js_buf_printf(to, " %s", sign) < 0)
        return js_lines_fail(lines, err);
    int rc = slurm_put_pattern(slurm, to, file->text, index, &is_own, &at);
    if (rc < 0 && errno == EINVAL)
        return js_lines_refuse(lines, place->line, place->column + at, err,
                               "--%s=%s: jobsched knows %%%%, %%A, %%a, %%b, "
                               "%%j, %%N, %%n, %%s, %%t, %%u and %%x",
                               option, file->text);
    if (rc < 0)
        return js_lines_fail(lines, err);
    /* sbatch lets them overwrite each other. */
    if (!is_own && *sign != '<' && strcmp(file->text, "/dev/null") != 0)
        return js_lines_refuse(lines, place->line, place->column, err,
                               "--%s=%s: %u jobs would write to one file; put "
                               "%%a into its name",
                               option, file->text, slurm->count);
    return 0;
}

/* ---------------------------------------------------------------- script */

static int slurm_read_interpreter(struct from_slurm *slurm, const char *line,
                                  size_t len, bool is_dos, struct js_err *err)
{
    const struct js_lines *lines = &slurm->lines;
    size_t at = js_lines_begins(line, len, "#!")
                    ? js_text_skip_blanks(line, len, 2)
                    : len;
    size_t end = at;
    while (len > at && js_text_is_blank(line[len - 1]))
        len--;
    while (end < len && !js_text_is_blank(line[end]))
        end++;
    const char *problem = NULL;
    if (end == at)
        problem = "this is not a batch script: its first line must begin with "
                  "#! and name the program that runs it";
    else if (is_dos)
        problem = "the lines of this script end in CR LF, which neither sbatch "
                  "nor a shell accepts: convert it with dos2unix";
    if (problem) {
        js_lines_refuse(lines, 1, 1, err, "%s", problem);
        errno = errno == EINVAL ? EBADMSG : errno;
        return -1;
    }
    /* As for the kernel, the rest of the line is one argument. */
    size_t arg = js_text_skip_blanks(line, len, end);
    if (js_argv_quote_word(&slurm->interpreter, line + at, end - at) < 0 ||
        (arg < len && (js_buf_puts(&slurm->interpreter, " ") < 0 ||
                       js_argv_quote_word(&slurm->interpreter, line + arg,
                                          len - arg) < 0)) ||
        !js_buf_string(&slurm->interpreter))
        return js_lines_fail(lines, err);
    return 0;
}

static int slurm_take_line(struct from_slurm *slurm, const char *line,
                           size_t len, struct js_err *err)
{
    size_t at = js_text_skip_blanks(line, len, 0);
    bool is_option = !slurm->is_body && slurm->lines.line > 1 &&
                     (js_lines_begins(line, len, "#SBATCH") ||
                      js_lines_begins(line, len, "#SLURM"));
    if (is_option)
        return js_slurm_options_read(&slurm->options, &slurm->lines, line, len,
                                     err);
    if (js_buf_append(&slurm->text, line, len) < 0 ||
        js_buf_append(&slurm->text, "\n", 1) < 0)
        return js_lines_fail(&slurm->lines, err);
    /* A line end follows, unless the line is torn. */
    if (slurm->lines.line == 1)
        return slurm_read_interpreter(
            slurm, line, len, !slurm->lines.is_torn && line[len] == '\r', err);
    slurm->is_body = slurm->is_body || (at < len && line[at] != '#');
    return 0;
}

/* ---------------------------------------------------------------- jobs */

/* The name of the file is that of the job if none is given. */
static int slurm_set_name(struct from_slurm *slurm)
{
    struct js_slurm_text *name = &slurm->options.job_name;
    const char *slash = strrchr(slurm->config.path, '/');
    if (!name->text)
        name->text = strdup(slash ? slash + 1 : slurm->config.path);
    return name->text ? 0 : -1;
}

/* Sets what all elements ask for. */
static int slurm_set_request(struct from_slurm *slurm, struct js_err *err)
{
    const struct js_slurm_options *options = &slurm->options;
    struct js_attributes *attributes = &slurm->attributes;
    uint64_t nodes = options->nodes ? options->nodes : 1;
    uint64_t tasks = options->ntasks ? options->ntasks : nodes;
    uint64_t cpus = options->cpus_per_task ? options->cpus_per_task : 1;
    /* Tasks on each node. A job has its cores in one place, whatever tasks it
     * starts there. */
    tasks = options->ntasks_per_node && !options->ntasks
                ? options->ntasks_per_node
                : (tasks + nodes - 1) / nodes;
    uint64_t cores = tasks * cpus;
    uint64_t gpus = options->gpus_per_node;
    gpus = options->gpus ? (options->gpus + nodes - 1) / nodes : gpus;
    gpus = options->gpus_per_task ? options->gpus_per_task * tasks : gpus;
    if (cores > 1000000 || gpus > 1000)
        return js_lines_refuse(&slurm->lines, 1, 1, err,
                               "a job asks for %" PRIu64 " cores and %" PRIu64
                               " GPUs of each node; at most 1000000 and 1000 "
                               "are possible",
                               cores, gpus);
    attributes->nodes = (uint32_t)nodes;
    attributes->cores = (uint32_t)cores;
    attributes->gpus = (uint32_t)gpus;
    attributes->timeout_ns = options->time_ns;
    attributes->mem_bytes = options->mem_bytes;
    if (!options->mem_bytes &&
        __builtin_mul_overflow(options->mem_per_cpu_bytes, cores,
                               &attributes->mem_bytes))
        return js_lines_refuse(&slurm->lines, 1, 1, err,
                               "a job asks for more memory than a number of 64 "
                               "bits can hold");
    return 0;
}

/* Sets the variables that are the same for all elements. */
static int slurm_set_env(struct from_slurm *slurm)
{
    struct js_attributes *attributes = &slurm->attributes;
    const struct js_slurm_options *options = &slurm->options;
    const struct {
        const char *name;
        uint64_t value;
        bool is_set;
    } numbers[] = {
        {"SLURM_CPUS_ON_NODE", attributes->cores, true},
        {"SLURM_CPUS_PER_TASK", options->cpus_per_task,
         options->cpus_per_task > 0},
        {"SLURM_NTASKS", options->ntasks, options->ntasks > 0},
        {"SLURM_NTASKS_PER_NODE", options->ntasks_per_node,
         options->ntasks_per_node > 0},
        {"SLURM_ARRAY_TASK_COUNT", slurm->count, slurm->is_array},
        {"SLURM_ARRAY_TASK_MIN", slurm->least, slurm->is_array},
        {"SLURM_ARRAY_TASK_MAX", slurm->most, slurm->is_array},
        {"SLURM_ARRAY_TASK_STEP", slurm->step, slurm->is_array},
    };
    int rc = js_lines_add_text(attributes, "JOBSCHED_SCRIPT", slurm->hash);
    if (rc == 0)
        rc = js_lines_add_text(attributes, "SLURM_JOB_NAME",
                               options->job_name.text);
    for (size_t i = 0; rc == 0 && i < sizeof(numbers) / sizeof(numbers[0]);
         i++) {
        if (numbers[i].is_set)
            rc = js_lines_add_number(attributes, numbers[i].name,
                                     numbers[i].value);
    }
    slurm->env_len = attributes->env.bytes.len;
    slurm->env_count = attributes->env.count;
    return rc;
}

/* Adds the index to these variables, instead of that of the last element. */
static int slurm_set_index(struct from_slurm *slurm, uint32_t index)
{
    struct js_strings *env = &slurm->attributes.env;
    env->bytes.len = slurm->env_len;
    env->count = slurm->env_count;
    return slurm->is_array ? js_lines_add_number(&slurm->attributes,
                                                 "SLURM_ARRAY_TASK_ID", index)
                           : 0;
}

/* The script has ended: finds out what its elements are. */
static int slurm_complete(struct from_slurm *slurm, struct js_err *err)
{
    /* Whoever edits the script wants its jobs to run again; sbatch would have
     * kept a copy of it. */
    const uint32_t end = SLURM_INDEX_MAX + 1;
    XXH128_hash_t hash = XXH3_128bits(slurm->text.data, slurm->text.len);
    snprintf(slurm->hash, sizeof(slurm->hash), "%016" PRIx64 "%016" PRIx64,
             (uint64_t)hash.high64, (uint64_t)hash.low64);
    slurm->is_complete = true;
    slurm->next = end;
    if (slurm->config.is_stream)
        return js_lines_refuse(&slurm->lines, 1, 1, err,
                               "a batch script must be a file, because its "
                               "jobs run it");
    if (slurm->interpreter.len == 0)
        return slurm_read_interpreter(slurm, "", 0, false, err);
    if (slurm_read_array(slurm, err) < 0 || slurm_set_request(slurm, err) < 0)
        return -1;
    if (slurm_set_name(slurm) < 0)
        return js_lines_fail(&slurm->lines, err);
    slurm->next = slurm->least =
        slurm->is_array ? js_bits_next(slurm->indices, 0, end) : 0;
    slurm->count = 1;
    if (slurm->is_array)
        slurm->count = js_bits_count(slurm->indices, 0, end);
    for (uint32_t i = slurm->least; slurm->is_array && i < end;
         i = js_bits_next(slurm->indices, i + 1, end))
        slurm->most = i;
    if (slurm_set_env(slurm) < 0)
        return js_lines_fail(&slurm->lines, err);
    if (slurm->options.ignored.len > 0 &&
        (js_buf_printf(&slurm->warning,
                       "these options have no meaning here and are ignored: %s",
                       slurm->options.ignored.data) < 0 ||
         !js_buf_string(&slurm->warning)))
        return js_lines_fail(&slurm->lines, err);
    return 0;
}

/* Appends the path of the script, which stays right after a `cd`. */
static int slurm_put_script(const struct from_slurm *slurm, struct js_buf *to)
{
    const char *path = slurm->config.path;
    const char *front = "";
    if (slurm->options.chdir.text && path[0] != '/')
        front = "\"$SLURM_SUBMIT_DIR\"/";
    else if (!strchr(path, '/'))
        front = "./";
    if (js_buf_printf(to, "exec %s %s", slurm->interpreter.data, front) < 0 ||
        js_argv_quote_word(to, path, strlen(path)) < 0)
        return -1;
    for (const char *const *arg = slurm->config.args; arg && *arg; arg++) {
        if (js_buf_puts(to, " ") < 0 ||
            js_argv_quote_word(to, *arg, strlen(*arg)) < 0)
            return -1;
    }
    return 0;
}

static int slurm_make_command(struct from_slurm *slurm, uint32_t index,
                              struct js_err *err)
{
    struct js_buf *to = &slurm->command;
    const struct js_slurm_options *options = &slurm->options;
    const char *dir = options->chdir.text;
    const char *sign = options->is_append ? ">>" : ">";
    const char *error_sign = options->is_append ? "2>>" : "2>";
    /* Redirections stand in the command and not in attributes, because a name
     * may contain what is known only when the job runs. */
    to->len = 0;
    if (js_buf_printf(to, "export SLURM_SUBMIT_DIR=\"$PWD\"%s; ",
                      slurm->is_array
                          ? " SLURM_ARRAY_JOB_ID=\"${SLURM_JOB_ID:-0}\""
                          : "") < 0 ||
        (dir && (js_buf_puts(to, "cd ") < 0 ||
                 js_argv_quote_word(to, dir, strlen(dir)) < 0 ||
                 js_buf_puts(to, " && ") < 0)) ||
        slurm_put_script(slurm, to) < 0)
        return js_lines_fail(&slurm->lines, err);
    if (slurm_put_file(slurm, to, "<", "input", &options->input, index, err) <
            0 ||
        slurm_put_file(slurm, to, sign, "output", &options->output, index,
                       err) < 0 ||
        slurm_put_file(slurm, to, error_sign, "error", &options->error, index,
                       err) < 0)
        return -1;
    if (options->output.text && !options->error.text &&
        js_buf_puts(to, " 2>&1") < 0)
        return js_lines_fail(&slurm->lines, err);
    return 0;
}

static int slurm_give(struct from_slurm *slurm, struct js_entry *ret,
                      struct js_err *err)
{
    struct js_lines *lines = &slurm->lines;
    const uint32_t end = SLURM_INDEX_MAX + 1;
    uint32_t index = slurm->next;
    if (index == end)
        return 0;
    slurm->next =
        slurm->is_array ? js_bits_next(slurm->indices, index + 1, end) : end;
    slurm->name.len = 0;
    if (js_buf_puts(&slurm->name, slurm->options.job_name.text) < 0 ||
        (slurm->is_array && js_buf_printf(&slurm->name, "_%u", index) < 0) ||
        !js_buf_string(&slurm->name) || slurm_set_index(slurm, index) < 0)
        return js_lines_fail(lines, err);
    /* All elements have the same error, so one message is enough. */
    if (slurm_make_command(slurm, index, err) < 0) {
        slurm->next = end;
        return -1;
    }
    slurm->attributes.name = slurm->name.data;
    lines->command = lines->other = (struct js_lines_place){1, 1};
    ret->line = 1;
    ret->command = slurm->command.data;
    ret->command_len = slurm->command.len;
    ret->attributes = &slurm->attributes;
    if (index == slurm->least && slurm->warning.len > 0)
        ret->warning = slurm->warning.data;
    return 1;
}

static int slurm_next(struct js_reader *reader, struct js_entry *ret,
                      struct js_err *err)
{
    struct from_slurm *slurm = (struct from_slurm *)reader;
    const char *line;
    size_t len;
    int rc;
    while ((rc = js_lines_next(&slurm->lines, &line, &len, err)) > 0) {
        ret->kind = JS_ENTRY_NONE;
        if (slurm_take_line(slurm, line, len, err) < 0)
            return -1;
    }
    if (rc < 0 || !slurm->lines.is_ended)
        return rc;
    if (!slurm->is_complete && slurm_complete(slurm, err) < 0)
        return -1;
    ret->kind = JS_ENTRY_JOB;
    return slurm_give(slurm, ret, err);
}

static void slurm_free(struct js_reader *reader)
{
    struct from_slurm *slurm = (struct from_slurm *)reader;
    int saved = errno;
    js_slurm_options_release(&slurm->options);
    free(slurm->indices);
    js_buf_release(&slurm->text);
    js_buf_release(&slurm->interpreter);
    js_buf_release(&slurm->name);
    js_buf_release(&slurm->command);
    js_buf_release(&slurm->warning);
    slurm->attributes.name = NULL;
    js_attributes_release(&slurm->attributes);
    js_lines_release(&slurm->lines);
    free(slurm);
    errno = saved;
}

struct js_reader *js_from_slurm_new(const char *name,
                                    const struct js_from_slurm_config *config)
{
    static const struct js_reader_ops ops = {
        .feed = js_lines_feed,
        .next = slurm_next,
        .describe = js_lines_describe,
        .free = slurm_free,
    };
    struct from_slurm *slurm = calloc(1, sizeof(*slurm));
    if (!slurm)
        return NULL;
    js_attributes_init(&slurm->attributes);
    if (config)
        slurm->config = *config;
    if (js_lines_init(&slurm->lines, &ops, name) < 0) {
        free(slurm);
        return NULL;
    }
    if (!slurm->config.path)
        slurm->config.path = slurm->lines.name;
    /* Scripts may carry an archive behind `exit`. */
    slurm->lines.allows_nul = true;
    return &slurm->lines.reader;
}
