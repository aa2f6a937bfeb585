#include "list/from/disbatch.h"

#include "base/argv.h"
#include "base/text.h"
#include "list/from/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct disbatch {
    struct js_lines lines; /* first */
    struct js_buf prefix, suffix;
    uint64_t task; /* the id of the next task or barrier */

    /* A REPEAT that has entries left. */
    uint64_t repeats;
    uint64_t repeat_index, repeat_step;

    struct js_buf text, command; /* of the last entry */
    struct js_attributes attributes;
};

static const struct js_lines_unset disbatch_unset[] = {
    {"DISBATCH_CYLINDER_RANK",
     "$JOBSCHED_SLAVE and $JOBSCHED_SLOT say where a job runs"},
    {"DISBATCH_ENGINE_RANK", "$JOBSCHED_NODE is the host of a job"},
    {"DISBATCH_JOBID", "$SLURM_JOB_ID is the id of the batch job"},
    {NULL, NULL},
};

/* ---------------------------------------------------------------- words */

/* True if the text at `at` begins with this word, whatever the case of its
 * letters. */
static bool disbatch_has_word(const char *line, size_t len, size_t at,
                              const char *word)
{
    return len - at >= strlen(word) &&
           strncasecmp(line + at, word, strlen(word)) == 0;
}

/* Moves *at behind blanks, a word and a number. Returns false, and leaves *at
 * where it is, if they are not there or something else follows directly. */
static bool disbatch_take_number(const char *line, size_t len, size_t *at,
                                 const char *word, uint64_t *ret)
{
    size_t from = js_text_skip_blanks(line, len, *at);
    if (from == *at || !disbatch_has_word(line, len, from, word))
        return false;
    from += strlen(word);
    size_t behind = js_text_skip_blanks(line, len, from);
    uint64_t number;
    if ((*word && behind == from) ||
        !js_lines_number(line, len, &behind, UINT32_MAX, &number) ||
        (behind < len && !js_text_is_blank(line[behind])))
        return false;
    *at = behind;
    *ret = number;
    return true;
}

/* ---------------------------------------------------------------- tasks */

/* Makes the entry of the task in `text`; `index` is NULL outside of REPEAT. The
 * cores of a task are known only when it runs, to the shell around it. */
static int disbatch_give(struct disbatch *disbatch, const uint64_t *index,
                         struct js_entry *ret)
{
    struct js_attributes *attributes = &disbatch->attributes;
    struct js_buf *command = &disbatch->command;
    const char *name = strrchr(disbatch->lines.name, '/');
    uint64_t line = disbatch->lines.line, task = disbatch->task++;
    const struct {
        const char *name, *padded;
        int64_t value;
    } numbers[] = {
        {"DISBATCH_TASKID", "DISBATCH_TASKID_ZP", (int64_t)task},
        {"DISBATCH_STREAM_INDEX", "DISBATCH_STREAM_INDEX_ZP", (int64_t)line},
        {"DISBATCH_REPEAT_INDEX", "DISBATCH_REPEAT_INDEX_ZP",
         index ? (int64_t)*index : -1}};
    command->len = 0;
    js_lines_clear(&attributes->env);
    if (js_lines_add_text(attributes, "DISBATCH_NAMETASKS",
                          name ? name + 1 : disbatch->lines.name) < 0 ||
        js_buf_puts(command, "DISBATCH_CORES_PER_TASK=$JOBSCHED_CORES "
                             "bash -c ") < 0 ||
        js_argv_quote_word(command, disbatch->text.data, disbatch->text.len) <
            0)
        return -1;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char text[24], padded[24];
        snprintf(text, sizeof(text), "%" PRId64, numbers[i].value);
        snprintf(padded, sizeof(padded), "%06" PRId64, numbers[i].value);
        if (js_lines_add_text(attributes, numbers[i].name, text) < 0 ||
            js_lines_add_text(attributes, numbers[i].padded, padded) < 0)
            return -1;
    }
    disbatch->lines.command = (struct js_lines_place){line, 1};
    ret->line = line;
    ret->command = command->data;
    ret->command_len = command->len;
    ret->attributes = attributes;
    return 1;
}

/* Sets `text` to the task at `at` of the line, with prefix and suffix. */
static int disbatch_set_text(struct disbatch *disbatch, const char *line,
                             size_t at, size_t len, struct js_err *err)
{
    struct js_buf *text = &disbatch->text;
    text->len = 0;
    if (js_buf_append(text, disbatch->prefix.data, disbatch->prefix.len) < 0 ||
        js_buf_append(text, line + at, len - at) < 0 ||
        js_buf_append(text, disbatch->suffix.data, disbatch->suffix.len) < 0 ||
        !js_buf_string(text))
        return js_lines_fail(&disbatch->lines, err);
    return js_lines_refuse_unset(&disbatch->lines, disbatch_unset, text->data,
                                 text->len, 1, err);
}

static int disbatch_take_repeat(struct disbatch *disbatch, const char *line,
                                size_t at, size_t len, struct js_err *err)
{
    uint64_t count;
    if (!disbatch_take_number(line, len, &at, "", &count))
        return js_lines_refuse(
            &disbatch->lines, disbatch->lines.line, at + 1, err,
            "REPEAT must be followed by the number of tasks");
    disbatch->repeat_index = 0;
    disbatch->repeat_step = 1;
    disbatch_take_number(line, len, &at, "start", &disbatch->repeat_index);
    disbatch_take_number(line, len, &at, "step", &disbatch->repeat_step);
    /* If the command is refused, no entry of it must follow. */
    disbatch->repeats = 0;
    /* One blank stands before the command, which may be missing. */
    if (disbatch_set_text(disbatch, line, at + (at < len), len, err) < 0)
        return -1;
    disbatch->repeats = count;
    return 0;
}

/* Reads a line that begins with "#DISBATCH ". Returns 1 with an entry; 0 if
 * there is none, or the entries of a REPEAT follow; or -1. */
static int disbatch_take_directive(struct disbatch *disbatch, const char *line,
                                   size_t len, struct js_entry *ret,
                                   struct js_err *err)
{
    const struct js_lines *lines = &disbatch->lines;
    size_t at = strlen("#DISBATCH ");
    struct js_buf *part = NULL;
    ret->kind = JS_ENTRY_NONE;
    if (disbatch_has_word(line, len, at, "PREFIX "))
        part = &disbatch->prefix;
    else if (disbatch_has_word(line, len, at, "SUFFIX "))
        part = &disbatch->suffix;
    if (part) {
        at += strlen("PREFIX ");
        part->len = 0;
        return js_buf_append(part, line + at, len - at) < 0
                   ? js_lines_fail(lines, err)
                   : 0;
    }
    if (disbatch_has_word(line, len, at, "REPEAT"))
        return disbatch_take_repeat(disbatch, line, at + strlen("REPEAT"), len,
                                    err);
    if (js_lines_begins(line + at, len - at, "BARRIER")) {
        at += strlen("BARRIER");
        bool is_check = js_lines_begins(line + at, len - at, " CHECK");
        disbatch->task++;
        ret->kind = is_check ? JS_ENTRY_WAIT_OK : JS_ENTRY_WAIT;
        ret->line = lines->line;
        return 1;
    }
    if (disbatch_has_word(line, len, at, "PERENGINE"))
        return js_lines_refuse(
            lines, lines->line, at + 1, err,
            "PERENGINE is not supported: put the command in front of each task "
            "(#DISBATCH PREFIX)");
    return js_lines_refuse(
        lines, lines->line, at + 1, err,
        "unknown directive \"%.*s\": there are PREFIX, SUFFIX, REPEAT "
        "and BARRIER, with one blank before and after each",
        js_lines_shown(len - at), line + at);
}

static int disbatch_give_repeat(struct disbatch *disbatch, struct js_entry *ret,
                                struct js_err *err)
{
    uint64_t index = disbatch->repeat_index;
    disbatch->repeat_index += disbatch->repeat_step;
    disbatch->repeats--;
    return disbatch_give(disbatch, &index, ret) < 0
               ? js_lines_fail(&disbatch->lines, err)
               : 1;
}

static int disbatch_take_line(struct disbatch *disbatch, const char *line,
                              size_t len, struct js_entry *ret,
                              struct js_err *err)
{
    size_t at = js_text_skip_blanks(line, len, 0);
    ret->kind = JS_ENTRY_JOB;
    if (js_lines_begins(line, len, "#DISBATCH "))
        return disbatch_take_directive(disbatch, line, len, ret, err);
    /* "#DISBATCHX" is a task for disBatch. */
    if (at == len ||
        (line[at] == '#' && !js_lines_begins(line, len, "#DISBATCH")))
        return 0;
    if (disbatch_set_text(disbatch, line, 0, len, err) < 0) {
        /* The tasks after it keep their ids. */
        disbatch->task++;
        return -1;
    }
    return disbatch_give(disbatch, NULL, ret) < 0
               ? js_lines_fail(&disbatch->lines, err)
               : 1;
}

static int disbatch_next(struct js_reader *reader, struct js_entry *ret,
                         struct js_err *err)
{
    struct disbatch *disbatch = (struct disbatch *)reader;
    const char *line;
    size_t len;
    int rc = 0;
    while (rc == 0 && disbatch->repeats == 0) {
        rc = js_lines_next(&disbatch->lines, &line, &len, err);
        if (rc <= 0)
            return rc;
        rc = disbatch_take_line(disbatch, line, len, ret, err);
    }
    if (rc != 0)
        return rc;
    ret->kind = JS_ENTRY_JOB;
    return disbatch_give_repeat(disbatch, ret, err);
}

static void disbatch_free(struct js_reader *reader)
{
    struct disbatch *disbatch = (struct disbatch *)reader;
    int saved = errno;
    js_attributes_release(&disbatch->attributes);
    js_lines_release(&disbatch->lines);
    js_buf_release(&disbatch->prefix);
    js_buf_release(&disbatch->suffix);
    js_buf_release(&disbatch->text);
    js_buf_release(&disbatch->command);
    free(disbatch);
    errno = saved;
}

struct js_reader *js_from_disbatch_new(const char *name)
{
    static const struct js_reader_ops ops = {
        .feed = js_lines_feed,
        .next = disbatch_next,
        .describe = js_lines_describe,
        .free = disbatch_free,
    };
    struct disbatch *disbatch = calloc(1, sizeof(*disbatch));
    if (!disbatch)
        return NULL;
    js_attributes_init(&disbatch->attributes);
    if (js_lines_init(&disbatch->lines, &ops, name) < 0) {
        free(disbatch);
        return NULL;
    }
    disbatch->lines.ends_at_cr = true;
    return &disbatch->lines.reader;
}
