#include "list/warnings.h"

#include "base/buf.h"
#include "base/shell.h"
#include "list/shline.h"

enum { WARNINGS_MAX = 5 }; /* how many of a kind are reported one by one */

static void warned(void *arg, enum js_warning kind, const char *text)
{
    struct js_warnings *warnings = arg;
    if (warnings->counts[kind]++ < WARNINGS_MAX)
        warnings->ear.tell(warnings->ear.arg, text);
}

void js_warnings_init(struct js_warnings *warnings, const char *name,
                      const struct js_warnings_ear *ear)
{
    *warnings = (struct js_warnings){.name = name};
    if (ear)
        warnings->ear = *ear;
}

int js_warnings_follow(struct js_warnings *warnings, struct js_jobfile *jobs,
                       bool is_stream)
{
    const struct js_jobfile_checks checks = {
        .warn = warned,
        .takes = is_stream ? NULL : js_shell_takes,
        .arg = warnings,
        .is_stream = is_stream,
        .own = warnings->ear.own};
    return warnings->ear.tell ? js_jobfile_set_checks(jobs, &checks) : 0;
}

/* A script is no job list. Its first line is a comment, of which the parser
 * keeps nothing. */
void js_warnings_look(struct js_warnings *warnings, const char *bytes,
                      size_t len)
{
    struct js_err text;
    struct js_buf line = JS_BUF_INIT;
    bool is_first = !warnings->is_begun;
    warnings->is_begun = true;
    size_t shebang =
        is_first && warnings->ear.tell ? js_shline_shebang(bytes, len) : 0;
    /* A list can begin so as well, hence a warning and no error. */
    if (shebang > 0 && js_buf_escape(&line, bytes, shebang) == 0 &&
        js_buf_string(&line)) {
        js_err_set(&text,
                   "%s:1:1: warning: \"%s\" names a shell, but a script is "
                   "not a list: each line of it runs as a job of its own",
                   warnings->name, line.data);
        warned(warnings, JS_WARNING_SCRIPT, text.text);
    }
    js_buf_release(&line);
}

void js_warnings_end(struct js_warnings *warnings)
{
    static const char *const what[JS_WARNING_COUNT] = {
        [JS_WARNING_SCRIPT] = "name a shell",
        [JS_WARNING_BACKGROUND] = "leave a command in the background",
        [JS_WARNING_BROKEN] = "are refused by the shell",
        [JS_WARNING_FILE] = "write to the file of an earlier job",
    };
    for (int kind = 0; warnings->ear.tell && kind < JS_WARNING_COUNT; kind++) {
        struct js_err text;
        if (warnings->counts[kind] <= WARNINGS_MAX)
            continue;
        js_err_set(&text, "%s: warning: lines that %s as well: %ju",
                   warnings->name, what[kind],
                   (uintmax_t)warnings->counts[kind] - WARNINGS_MAX);
        warnings->ear.tell(warnings->ear.arg, text.text);
    }
}
