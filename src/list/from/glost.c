#include "list/from/glost.h"

#include "list/from/lines.h"

#include <errno.h>
#include <stdlib.h>

/* It has no names, no variables and no comments; so there is little to do. */
struct glost {
    struct js_lines lines; /* first */
    struct js_buf command;
};

static int glost_next(struct js_reader *reader, struct js_entry *ret,
                      struct js_err *err)
{
    struct glost *glost = (struct glost *)reader;
    struct js_lines *lines = &glost->lines;
    const char *line;
    size_t len;
    int rc;
    do {
        rc = js_lines_next(lines, &line, &len, err);
    } while (rc > 0 && len == 0);
    if (rc <= 0)
        return rc;
    /* A copy, because the caller may feed more bytes before it uses it. */
    glost->command.len = 0;
    if (js_buf_append(&glost->command, line, len) < 0)
        return js_lines_fail(lines, err);
    lines->command = (struct js_lines_place){lines->line, 1};
    lines->is_verbatim = true;
    ret->line = lines->line;
    ret->command = glost->command.data;
    ret->command_len = len;
    return 1;
}

static void glost_free(struct js_reader *reader)
{
    struct glost *glost = (struct glost *)reader;
    int saved = errno;
    js_lines_release(&glost->lines);
    js_buf_release(&glost->command);
    free(glost);
    errno = saved;
}

struct js_reader *js_from_glost_new(const char *name)
{
    static const struct js_reader_ops ops = {
        .feed = js_lines_feed,
        .next = glost_next,
        .describe = js_lines_describe,
        .free = glost_free,
    };
    struct glost *glost = calloc(1, sizeof(*glost));
    if (glost && js_lines_init(&glost->lines, &ops, name) == 0)
        return &glost->lines.reader;
    free(glost);
    return NULL;
}
