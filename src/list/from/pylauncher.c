#include "list/from/pylauncher.h"

#include "base/text.h"
#include "list/from/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pylauncher {
    struct js_lines lines; /* first */
    uint64_t jobs;
    struct js_buf text, command;
    struct js_attributes attributes;
};

/* Copies the command to `text`, with the job's number in place of its words. */
static int pylauncher_replace(struct pylauncher *pylauncher,
                              const char *command, size_t len)
{
    static const char *const words[] = {"PYL_ID", "PYLTID"};
    enum { SIZE = 6 }; /* of both words */
    struct js_buf *text = &pylauncher->text;
    const char *end = command + len;
    text->len = 0;
    for (const char *at = command; at < end;) {
        const char *found = end;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
            const char *word = memmem(at, (size_t)(found - at), words[i], SIZE);
            found = word ? word : found;
        }
        if (js_buf_append(text, at, (size_t)(found - at)) < 0)
            return -1;
        at = found;
        if (found == end)
            continue;
        if (js_buf_printf(text, "%" PRIu64, pylauncher->jobs) < 0)
            return -1;
        at += SIZE;
    }
    return 0;
}

static int pylauncher_take(struct pylauncher *pylauncher, const char *line,
                           size_t at, size_t len, struct js_entry *ret,
                           struct js_err *err)
{
    struct js_lines *lines = &pylauncher->lines;
    uint64_t cores;
    size_t behind = at;
    /* Only cores="file" of pylauncher reads such a number, and this list does
     * not say whether that was given. But no command begins like that. */
    pylauncher->attributes.cores = 1;
    bool has_cores = js_lines_number(line, len, &behind, UINT64_MAX, &cores) &&
                     behind < len && line[behind] == ',';
    if (has_cores && (cores == 0 || cores > 1000000))
        return js_lines_refuse(lines, lines->line, at + 1, err,
                               "the number of cores must be from 1 to 1000000");
    if (has_cores) {
        pylauncher->attributes.cores = (uint32_t)cores;
        at = js_text_skip_blanks(line, len, behind + 1);
    }
    if (at == len)
        return js_lines_refuse(lines, lines->line, len, err,
                               "this line has no command");
    const char *mpiexec = memmem(line + at, len - at, "PYL_MPIEXEC", 11);
    if (mpiexec)
        return js_lines_refuse(lines, lines->line, (size_t)(mpiexec - line) + 1,
                               err,
                               "PYL_MPIEXEC stands for ibrun, which jobsched "
                               "does not know: write `mpirun -np N` instead");
    if (pylauncher_replace(pylauncher, line + at, len - at) < 0 ||
        js_lines_for_bash(&pylauncher->command, pylauncher->text.data,
                          pylauncher->text.len) < 0)
        return js_lines_fail(lines, err);
    lines->command = (struct js_lines_place){lines->line, at + 1};
    ret->line = lines->line;
    ret->command = pylauncher->command.data;
    ret->command_len = pylauncher->command.len;
    ret->attributes = &pylauncher->attributes;
    return 1;
}

static int pylauncher_next(struct js_reader *reader, struct js_entry *ret,
                           struct js_err *err)
{
    struct pylauncher *pylauncher = (struct pylauncher *)reader;
    const char *line;
    size_t len, at;
    int rc;
    do {
        rc = js_lines_next(&pylauncher->lines, &line, &len, err);
        if (rc <= 0)
            return rc;
        at = js_text_skip_blanks(line, len, 0);
    } while (at == len || line[at] == '#');
    while (js_text_is_blank(line[len - 1]))
        len--;
    rc = pylauncher_take(pylauncher, line, at, len, ret, err);
    /* A refused line counts, so that the others keep their numbers. */
    pylauncher->jobs++;
    return rc;
}

static void pylauncher_free(struct js_reader *reader)
{
    struct pylauncher *pylauncher = (struct pylauncher *)reader;
    int saved = errno;
    js_attributes_release(&pylauncher->attributes);
    js_lines_release(&pylauncher->lines);
    js_buf_release(&pylauncher->text);
    js_buf_release(&pylauncher->command);
    free(pylauncher);
    errno = saved;
}

struct js_reader *js_from_pylauncher_new(const char *name)
{
    static const struct js_reader_ops ops = {
        .feed = js_lines_feed,
        .next = pylauncher_next,
        .describe = js_lines_describe,
        .free = pylauncher_free,
    };
    struct pylauncher *pylauncher = calloc(1, sizeof(*pylauncher));
    if (!pylauncher)
        return NULL;
    js_attributes_init(&pylauncher->attributes);
    if (js_lines_init(&pylauncher->lines, &ops, name) < 0) {
        free(pylauncher);
        return NULL;
    }
    return &pylauncher->lines.reader;
}
