#include "list/entry_write.h"

#include "base/text.h"
#include "list/formats.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The line being written. */
struct line {
    struct js_buf *buf;
    size_t start; /* of the line */
    struct js_entry_part *part;
    struct js_err *err;
};

static int line_refuse(const struct line *line, const char *attribute,
                       size_t index, const char *why)
{
    *line->part = (struct js_entry_part){attribute, index};
    js_err_set(line->err, "%s", why);
    errno = EINVAL;
    return -1;
}

/* ---------------------------------------------------------------- attributes
 */

/* Appends the value so that it is read as it is. */
static int line_put_quoted(struct js_buf *buf, const char *value)
{
    if (value[0] && !strpbrk(value, " \t]'\""))
        return js_buf_puts(buf, value);
    if (!strchr(value, '\''))
        return js_buf_printf(buf, "'%s'", value);
    int rc = js_buf_puts(buf, "\"");
    while (rc == 0 && *value) {
        size_t plain = strcspn(value, "\"\\");
        rc = js_buf_append(buf, value, plain);
        value += plain;
        if (rc == 0 && *value)
            rc = js_buf_printf(buf, "\\%c", *value++);
    }
    return rc == 0 ? js_buf_puts(buf, "\"") : rc;
}

/* Appends " NAME=", or "[NAME=" if it is the first. */
static int line_put_name(const struct line *line, const char *attribute)
{
    return js_buf_printf(line->buf,
                         "%c%s=", line->buf->len > line->start ? ' ' : '[',
                         attribute);
}

static int line_put_string(const struct line *line, const char *attribute,
                           size_t index, const char *value)
{
    /* An empty value is the same as no value. */
    if (!value || !value[0])
        return 0;
    if (strchr(value, '\n'))
        return line_refuse(line, attribute, index,
                           "this value contains a newline, which a job file "
                           "cannot hold");
    if (line_put_name(line, attribute) < 0)
        return -1;
    return line_put_quoted(line->buf, value);
}

static int line_put_number(const struct line *line, const char *attribute,
                           int64_t number)
{
    if (line_put_name(line, attribute) < 0)
        return -1;
    return js_buf_printf(line->buf, "%" PRId64, number);
}

int js_entry_write_name(struct js_buf *buf, const char *name, bool is_glob)
{
    for (;;) {
        size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789_-.:/");
        if (js_buf_append(buf, name, good) < 0)
            return -1;
        name += good;
        if (!*name)
            return 0;
        char byte = is_glob && (*name == '*' || *name == '?') ? *name : '_';
        name++;
        if (js_buf_append(buf, &byte, 1) < 0)
            return -1;
    }
}

static int line_put_names(const struct line *line, const char *attribute,
                          const struct js_strings *names, bool is_glob)
{
    const char *name = NULL;
    bool is_first = true;
    while ((name = js_strings_next(names, name))) {
        int rc = is_first ? line_put_name(line, attribute)
                          : js_buf_puts(line->buf, ",");
        if (rc < 0 || js_entry_write_name(line->buf, name, is_glob) < 0)
            return -1;
        is_first = false;
    }
    return 0;
}

/* The first byte of a value of a template says whether it counts. */
static int line_put_args(const struct line *line, const struct js_strings *args)
{
    const char *arg = NULL;
    size_t used = 0, unused = 0;
    while ((arg = js_strings_next(args, arg))) {
        int rc = *arg == JS_ATTRIBUTES_ARG_USED
                     ? line_put_string(line, "arg-used", used++, arg + 1)
                     : line_put_string(line, "arg", unused++, arg + 1);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int line_put_strings(const struct line *line, const char *attribute,
                            const struct js_strings *strings)
{
    const char *string = NULL;
    size_t index = 0;
    while ((string = js_strings_next(strings, string))) {
        if (line_put_string(line, attribute, index++, string) < 0)
            return -1;
    }
    return 0;
}

/* In seconds, to the nanosecond. */
static int line_put_timeout(const struct line *line, int64_t ns)
{
    if (ns == 0)
        return 0;
    if (ns % 1000000000 == 0)
        return line_put_number(line, "timeout", ns / 1000000000);
    if (line_put_name(line, "timeout") < 0)
        return -1;
    return js_buf_printf(line->buf, "%" PRId64 ".%09" PRId64, ns / 1000000000,
                         ns % 1000000000);
}

static int line_put_numbers(const struct line *line,
                            const struct js_attributes *of)
{
    const struct {
        const char *attribute;
        int64_t number, usual;
    } numbers[] = {
        {"nodes", of->nodes, 1},
        {"cores", of->cores, 1},
        {"gpus", of->gpus, 0},
        {"priority", of->priority, 0},
        /* The run has a default for jobs that do not say anything. */
        {"retries", of->is_retries_set ? (int64_t)of->retries : -1, -1},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (numbers[i].number != numbers[i].usual &&
            line_put_number(line, numbers[i].attribute, numbers[i].number) < 0)
            return -1;
    }
    if (of->mem_bytes > 0 &&
        (line_put_name(line, "mem") < 0 ||
         js_buf_printf(line->buf, "%" PRIu64, of->mem_bytes) < 0))
        return -1;
    return line_put_timeout(line, of->timeout_ns);
}

static int line_put_attributes(const struct line *line,
                               const struct js_attributes *of)
{
    if (of->name && of->name[0] &&
        (line_put_name(line, "name") < 0 ||
         js_entry_write_name(line->buf, of->name, false) < 0))
        return -1;
    if (line_put_names(line, "after", &of->after, of->has_globs) < 0 ||
        line_put_names(line, "after-any", &of->after_any, of->has_globs) < 0 ||
        line_put_args(line, &of->args) < 0 || line_put_numbers(line, of) < 0 ||
        line_put_string(line, "dir", 0, of->dir) < 0 ||
        line_put_strings(line, "env", &of->env) < 0 ||
        line_put_string(line, "stdin", 0, of->stdin_path) < 0 ||
        line_put_string(line, "stdout", 0, of->stdout_path) < 0)
        return -1;
    return line_put_string(line, "stderr", 0, of->stderr_path);
}

/* ---------------------------------------------------------------- commands */

/* True if the line would not be a job if it began with this command, or not
 * one of this list. `inset` is where it begins after blanks. */
static bool is_misleading(const char *command, size_t len, size_t inset)
{
    static const char mark[] = JS_TEXT_BYTE_ORDER_MARK, wait[] = "wait";
    size_t rest = len - inset, word = strlen(wait);
    if (command[inset] == '#' || js_attributes_present(command, len))
        return true;
    if (len >= strlen(mark) && memcmp(command, mark, strlen(mark)) == 0)
        return true;
    if (rest >= word && memcmp(command + inset, wait, word) == 0 &&
        (rest == word || js_text_is_blank(command[inset + word])))
        return true;
    return js_formats_is_foreign(command, len);
}

static size_t count_backslashes(const char *command, size_t len)
{
    size_t count = 0;
    while (count < len && command[len - 1 - count] == '\\')
        count++;
    return count;
}

static int line_put_command(const struct line *line, const char *command,
                            size_t len, bool *ret_is_last)
{
    const char *newline = memchr(command, '\n', len);
    size_t inset = js_text_skip_blanks(command, len, 0);
    if (newline)
        return line_refuse(line, NULL, (size_t)(newline - command),
                           "this command contains a newline, which a job file "
                           "cannot hold");
    if (inset == len)
        return line_refuse(line, NULL, 0, "this command is blank");
    bool has_attributes = line->buf->len > line->start;
    if (!has_attributes && is_misleading(command, len, inset)) {
        /* This says nothing, but makes the rest of the line a command. */
        has_attributes = true;
        if (line_put_number(line, "cores", 1) < 0)
            return -1;
    }
    if (has_attributes && inset > 0)
        return line_refuse(line, NULL, 0,
                           "this command begins with a blank, which a job file "
                           "cannot hold behind attributes");
    if (js_buf_puts(line->buf, has_attributes ? "] " : "") < 0 ||
        js_buf_append(line->buf, command, len) < 0)
        return -1;
    /* The reader drops one CR at the end of a line. */
    if (command[len - 1] == '\r' && js_buf_puts(line->buf, "\r") < 0)
        return -1;
    if (line->buf->len - line->start > JS_READER_COMMAND_MAX)
        return line_refuse(line, NULL, 0,
                           "this job is too long for a line of a job file");
    *ret_is_last = count_backslashes(command, len) % 2 == 1;
    return 0;
}

int js_entry_write(struct js_buf *buf, const struct js_entry *entry,
                   bool *ret_is_last, struct js_entry_part *ret_part,
                   struct js_err *err)
{
    const struct line line = {buf, buf->len, ret_part, err};
    *ret_is_last = false;
    if (entry->kind != JS_ENTRY_JOB)
        return js_buf_puts(buf, entry->kind == JS_ENTRY_WAIT_OK ? "wait ok"
                                                                : "wait");
    int rc = 0;
    if (entry->attributes)
        rc = line_put_attributes(&line, entry->attributes);
    if (rc == 0)
        rc = line_put_command(&line, entry->command, entry->command_len,
                              ret_is_last);
    if (rc < 0)
        buf->len = line.start;
    return rc;
}
