#include "list/from/greasy.h"

#include "base/text.h"
#include "list/from/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What each line was, for the lines that depend on it. */
enum greasy_line {
    GREASY_TASK,
    GREASY_BLANK,
    GREASY_COMMENT,
    GREASY_REFUSED, /* a task with an error; no further errors follow from it */
};

/* A range of at least this many tasks becomes globs, so that k tasks after the
 * same m take k + m edges instead of k times m. */
enum { GREASY_LONG_RANGE = 32 };

struct greasy {
    struct js_lines lines; /* first */
    struct js_buf kinds;   /* a byte for each line read so far, from 1 on */

    /* Of the current line. */
    struct js_buf rest; /* the line without the folder */
    size_t cut_at;      /* where the folder was taken out of the line */
    size_t cut_len;
    uint64_t *parents; /* numbers of lines */
    size_t parent_count, parent_capacity;
    char name[24];
    struct js_buf dir, command;
    struct js_attributes attributes; /* its strings are the fields above, except
                                        after */
};

/* The column in the line of a byte of `rest`. */
static size_t greasy_column(const struct greasy *greasy, size_t at)
{
    return 1 + at + (at >= greasy->cut_at ? greasy->cut_len : 0);
}

/* ---------------------------------------------------------------- folder */

/* GREASY puts the folder into a command, so a shell may have to read it. */
static bool greasy_is_plain_dir(const char *dir, size_t len)
{
    static const char others[] = "_./+,:=@%-";
    for (size_t i = 0; i < len; i++) {
        char c = dir[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || (c && strchr(others, c));
        if (!is_plain)
            return false;
    }
    return len > 0 && dir[0] != '-';
}

/* Takes the folder out of the line: sets `rest`, and `dir` to the folder
 * without the blanks around it. */
static int greasy_take_dir(struct greasy *greasy, const char *line, size_t len,
                           struct js_err *err)
{
    const struct js_lines *lines = &greasy->lines;
    size_t first = js_text_skip_blanks(line, len, 0);
    const char *open = memmem(line, len, "[@", 2), *close = NULL;
    size_t at = open ? (size_t)(open - line) : len;
    greasy->rest.len = greasy->dir.len = 0;
    greasy->cut_at = len;
    greasy->cut_len = 0;
    if (open)
        close = memmem(open + 2, len - at - 2, "@]", 2);
    if (open && !close && at == first)
        return js_lines_refuse(lines, lines->line, at + 1, err,
                               "this folder has no closing \"@]\"");
    if (!close)
        return js_buf_append(&greasy->rest, line, len) < 0
                   ? js_lines_fail(lines, err)
                   : 0;
    size_t from = js_text_skip_blanks(line, len, at + 2);
    size_t end = (size_t)(close - line), behind = end + 2;
    while (end > from && js_text_is_blank(line[end - 1]))
        end--;
    if (end <= from)
        return js_lines_refuse(lines, lines->line, at + 1, err,
                               "this folder is empty");
    /* GREASY would take everything from the first "[@" to the last "@]" for the
     * folder, which nobody can have meant. */
    const char *second = memmem(line + behind, len - behind, "[@", 2);
    if (second && memmem(second, (size_t)(line + len - second), "@]", 2))
        return js_lines_refuse(lines, lines->line, (size_t)(second - line) + 1,
                               err,
                               "a second folder: a line can have only one");
    greasy->cut_at = at;
    greasy->cut_len = behind - at;
    if (js_buf_append(&greasy->dir, line + from, end - from) < 0 ||
        js_buf_append(&greasy->rest, line, at) < 0 ||
        js_buf_append(&greasy->rest, line + behind, len - behind) < 0)
        return js_lines_fail(lines, err);
    return 0;
}

/* ---------------------------------------------------------------- parents */

static int greasy_refuse_item(const struct greasy *greasy, size_t at,
                              size_t end, struct js_err *err)
{
    const char *item = greasy->rest.data + at;
    while (end > at && js_text_is_blank(greasy->rest.data[end - 1]))
        end--;
    return js_lines_refuse(
        &greasy->lines, greasy->lines.line, greasy_column(greasy, at), err,
        "\"%.*s\" names no task: between [# and #] there must be lines (3), "
        "ranges of lines (3-5) or distances (-2), separated by commas",
        js_lines_shown(end - at), item);
}

/* True for many lines above that are all tasks. (A glob that only lines with
 * errors match would be an error of its own.) */
static bool greasy_is_long_range(const struct greasy *greasy, uint64_t first,
                                 uint64_t last)
{
    if (last >= greasy->lines.line || last - first + 1 < GREASY_LONG_RANGE)
        return false;
    const char *kinds = greasy->kinds.data + first - 1;
    return kinds[0] == GREASY_TASK &&
           memcmp(kinds, kinds + 1, last - first) == 0;
}

/* Adds the range to `after` as few globs: names are numbers, so "4??" stands
 * for 400 to 499, and "???" for all of three digits. */
static int greasy_add_globs(struct greasy *greasy, uint64_t first,
                            uint64_t last)
{
    greasy->attributes.has_globs = true;
    while (first <= last) {
        char name[sizeof(greasy->name)];
        uint64_t count = 1;
        size_t size = (size_t)snprintf(name, sizeof(name), "%" PRIu64, first);
        size_t open = 0; /* digits that may be any */
        while (first % (count * 10) == 0 && count * 10 <= last - first + 1) {
            count *= 10;
            open++;
        }
        if (name[0] == '1' && strspn(name + 1, "0") == size - 1 &&
            first * 9 <= last - first + 1) {
            count = first * 9;
            open = size;
        }
        memset(name + size - open, '?', open);
        if (js_strings_add(&greasy->attributes.after, name, size) < 0)
            return -1;
        first += count;
    }
    return 0;
}

/* Adds the tasks `first` to `last`, which the item at `at` of the rest names.
 */
static int greasy_add_parents(struct greasy *greasy, size_t at, uint64_t first,
                              uint64_t last, struct js_err *err)
{
    static const char *const what[] = {
        [GREASY_BLANK] = "blank", [GREASY_COMMENT] = "a comment"};
    const struct js_lines *lines = &greasy->lines;
    size_t column = greasy_column(greasy, at);
    if (greasy_is_long_range(greasy, first, last))
        return greasy_add_globs(greasy, first, last) < 0
                   ? js_lines_fail(lines, err)
                   : 0;
    for (uint64_t line = first; line <= last; line++) {
        if (line >= lines->line)
            return js_lines_refuse(
                lines, lines->line, column, err,
                line == lines->line
                    ? "a task cannot depend on itself (this is line %" PRIu64
                      ")"
                    : "line %" PRIu64 " is below this one: a task can depend "
                      "only on tasks above it",
                line);
        unsigned char kind = (unsigned char)greasy->kinds.data[line - 1];
        if (kind == GREASY_REFUSED)
            continue;
        if (kind != GREASY_TASK)
            return js_lines_refuse(lines, lines->line, column, err,
                                   "line %" PRIu64
                                   " is %s, not a task (blank lines and "
                                   "comments count)",
                                   line, what[kind]);
        uint64_t *parents =
            js_buf_grow(greasy->parents, &greasy->parent_capacity,
                        greasy->parent_count + 1, sizeof(*parents));
        if (!parents)
            return js_lines_fail(lines, err);
        greasy->parents = parents;
        parents[greasy->parent_count++] = line;
    }
    return 0;
}

/* Reads the item between `at` and `end` of the rest. */
static int greasy_take_item(struct greasy *greasy, size_t at, size_t end,
                            struct js_err *err)
{
    const char *text = greasy->rest.data;
    uint64_t here = greasy->lines.line, first, last;
    size_t from = at = js_text_skip_blanks(text, end, at);
    bool is_distance = from < end && text[from] == '-';
    if (is_distance)
        from = js_text_skip_blanks(text, end, from + 1);
    if (from == end || text[from] == '0' ||
        !js_lines_number(text, end, &from, UINT64_MAX, &first))
        return greasy_refuse_item(greasy, at, end, err);
    last = first;
    from = js_text_skip_blanks(text, end, from);
    if (is_distance && first >= here)
        return js_lines_refuse(
            &greasy->lines, here, greasy_column(greasy, at), err,
            "there is no line %" PRIu64 " lines above this one", first);
    if (is_distance)
        first = last = here - first;
    if (!is_distance && from < end && text[from] == '-') {
        from = js_text_skip_blanks(text, end, from + 1);
        if (from == end || text[from] == '0' ||
            !js_lines_number(text, end, &from, UINT64_MAX, &last))
            return greasy_refuse_item(greasy, at, end, err);
        from = js_text_skip_blanks(text, end, from);
    }
    if (from < end)
        return greasy_refuse_item(greasy, at, end, err);
    return first <= last ? greasy_add_parents(greasy, at, first, last, err)
                         : greasy_add_parents(greasy, at, last, first, err);
}

static int greasy_compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Makes `after` of the parents, each once. */
static int greasy_set_after(struct greasy *greasy)
{
    if (greasy->parent_count > 0)
        qsort(greasy->parents, greasy->parent_count, sizeof(*greasy->parents),
              greasy_compare);
    for (size_t i = 0; i < greasy->parent_count; i++) {
        char name[sizeof(greasy->name)];
        int size = snprintf(name, sizeof(name), "%" PRIu64, greasy->parents[i]);
        bool is_again = i > 0 && greasy->parents[i] == greasy->parents[i - 1];
        if (!is_again &&
            js_strings_add(&greasy->attributes.after, name, (size_t)size) < 0)
            return -1;
    }
    return 0;
}

/* Reads the dependencies at the beginning of the rest, and sets *ret_at to the
 * place behind them and the blanks. */
static int greasy_take_parents(struct greasy *greasy, size_t *ret_at,
                               struct js_err *err)
{
    const char *text = greasy->rest.data;
    size_t len = greasy->rest.len;
    size_t at = js_text_skip_blanks(text, len, 0);
    struct js_strings *after = &greasy->attributes.after;
    greasy->parent_count = 0;
    greasy->attributes.has_globs = false;
    js_lines_clear(after);
    *ret_at = at;
    if (!js_lines_begins(text + at, len - at, "[#"))
        return 0;
    /* GREASY looks for the last "#]", and finds such a line invalid if the
     * command contains one. */
    const char *close = memmem(text + at + 2, len - at - 2, "#]", 2);
    if (!close)
        return js_lines_refuse(&greasy->lines, greasy->lines.line,
                               greasy_column(greasy, at), err,
                               "these dependencies have no closing \"#]\"");
    greasy->lines.other =
        (struct js_lines_place){greasy->lines.line, greasy_column(greasy, at)};
    size_t end = (size_t)(close - text);
    at += 2;
    *ret_at = js_text_skip_blanks(text, len, end + 2);
    if (js_text_skip_blanks(text, end, at) == end)
        return 0;
    for (;;) {
        const char *comma = memchr(text + at, ',', end - at);
        size_t stop = comma ? (size_t)(comma - text) : end;
        if (greasy_take_item(greasy, at, stop, err) < 0)
            return -1;
        if (!comma)
            break;
        at = stop + 1;
    }
    return greasy_set_after(greasy) < 0 ? js_lines_fail(&greasy->lines, err)
                                        : 0;
}

/* ---------------------------------------------------------------- lines */

/* Makes the entry of a line that is neither blank nor a comment. */
static int greasy_take_task(struct greasy *greasy, const char *line, size_t len,
                            struct js_entry *ret, struct js_err *err)
{
    struct js_lines *lines = &greasy->lines;
    struct js_buf *command = &greasy->command;
    size_t at;
    if (greasy_take_dir(greasy, line, len, err) < 0)
        return -1;
    if (!js_buf_string(&greasy->rest))
        return js_lines_fail(lines, err);
    if (greasy_take_parents(greasy, &at, err) < 0)
        return -1;
    const struct js_buf *rest = &greasy->rest;
    if (js_text_skip_blanks(rest->data, rest->len, at) == rest->len)
        return js_lines_refuse(lines, lines->line, len, err,
                               "this line has no command");
    /* A plain folder is an attribute, so that the job's start says what is
     * wrong with it; any other needs the shell, as in GREASY. */
    bool is_plain = greasy_is_plain_dir(greasy->dir.data, greasy->dir.len);
    bool is_shell = greasy->dir.len > 0 && !is_plain;
    command->len = 0;
    if ((is_shell &&
         (js_buf_puts(command, "cd ") < 0 ||
          js_buf_append(command, greasy->dir.data, greasy->dir.len) < 0 ||
          js_buf_puts(command, " && ") < 0)) ||
        js_buf_append(command, rest->data + at, rest->len - at) < 0 ||
        !js_buf_string(&greasy->dir))
        return js_lines_fail(lines, err);
    snprintf(greasy->name, sizeof(greasy->name), "%" PRIu64, lines->line);
    greasy->attributes.name = greasy->name;
    greasy->attributes.dir = is_plain ? greasy->dir.data : NULL;
    lines->command =
        (struct js_lines_place){lines->line, greasy_column(greasy, at)};
    /* The command is in one piece unless the folder stood within it. */
    lines->is_verbatim =
        !is_shell && (greasy->cut_len == 0 || greasy->cut_at <= at);
    ret->line = lines->line;
    ret->command = command->data;
    ret->command_len = command->len;
    ret->attributes = &greasy->attributes;
    return 1;
}

static int greasy_next(struct js_reader *reader, struct js_entry *ret,
                       struct js_err *err)
{
    struct greasy *greasy = (struct greasy *)reader;
    const char *line;
    size_t len;
    int rc;
    while ((rc = js_lines_next(&greasy->lines, &line, &len, err)) > 0) {
        size_t at = js_text_skip_blanks(line, len, 0);
        char kind = GREASY_BLANK;
        if (at < len)
            kind = line[at] == '#' ? GREASY_COMMENT : GREASY_TASK;
        if (kind == GREASY_TASK)
            rc = greasy_take_task(greasy, line, len, ret, err);
        int errnum = errno;
        if (rc < 0)
            kind = GREASY_REFUSED;
        if (js_buf_append(&greasy->kinds, &kind, 1) < 0)
            return js_lines_fail(&greasy->lines, err);
        errno = errnum;
        if (kind == GREASY_TASK || kind == GREASY_REFUSED)
            break;
    }
    return rc;
}

static void greasy_free(struct js_reader *reader)
{
    struct greasy *greasy = (struct greasy *)reader;
    int saved = errno;
    greasy->attributes.name = greasy->attributes.dir = NULL;
    js_attributes_release(&greasy->attributes);
    js_lines_release(&greasy->lines);
    js_buf_release(&greasy->kinds);
    js_buf_release(&greasy->rest);
    js_buf_release(&greasy->dir);
    js_buf_release(&greasy->command);
    free(greasy->parents);
    free(greasy);
    errno = saved;
}

struct js_reader *js_from_greasy_new(const char *name)
{
    static const struct js_reader_ops ops = {
        .feed = js_lines_feed,
        .next = greasy_next,
        .describe = js_lines_describe,
        .free = greasy_free,
    };
    struct greasy *greasy = calloc(1, sizeof(*greasy));
    if (!greasy)
        return NULL;
    js_attributes_init(&greasy->attributes);
    if (js_lines_init(&greasy->lines, &ops, name) < 0) {
        free(greasy);
        return NULL;
    }
    return &greasy->lines.reader;
}
