#include "list/from/launcher.h"

#include "base/text.h"
#include "list/from/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct launcher {
    struct js_lines lines; /* first */
    uint64_t jobs;
    struct js_buf command;
    struct js_attributes attributes;
};

/* Launcher knows them before the first job, or on the host. LAUNCHER_PPN and
 * others may be the user's own. */
static const struct js_lines_unset launcher_unset[] = {
    {"LAUNCHER_TSK_ID",
     "$JOBSCHED_SLAVE and $JOBSCHED_SLOT say where a job runs"},
    {"LAUNCHER_NJOBS", "write the number of jobs instead"},
    {"LAUNCHER_NPROCS", "write the number of slots instead"},
    {"LAUNCHER_NHOSTS", "write the number of hosts instead"},
    {"LAUNCHER_HOST_ID", "$JOBSCHED_NODE is the host of a job"},
    {NULL, NULL},
};

/* The length of the name of an assignment at the front of a word, or 0. */
static size_t launcher_assigned(const char *word, size_t len)
{
    size_t at = 0;
    while (at < len &&
           ((word[at] >= 'a' && word[at] <= 'z') ||
            (word[at] >= 'A' && word[at] <= 'Z') || word[at] == '_' ||
            (at > 0 && word[at] >= '0' && word[at] <= '9')))
        at++;
    return at < len && word[at] == '=' ? at : 0;
}

/* True if the line can only change the shell that runs it. */
static bool launcher_is_for_others(const char *line, size_t len)
{
    static const char *const words[] = {"cd", "export", "set", "ulimit",
                                        "umask"};
    size_t at = js_text_skip_blanks(line, len, 0), first = at;
    for (size_t i = at; i < len; i++) {
        if (strchr(";&|\n", line[i]))
            return false;
    }
    while (first < len && !js_text_is_blank(line[first]))
        first++;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (js_lines_is(line + at, first - at, words[i]))
            return true;
    }
    bool is_found = at < len;
    while (is_found && at < len) {
        is_found = launcher_assigned(line + at, len - at) > 0;
        while (at < len && !js_text_is_blank(line[at]))
            at++;
        at = js_text_skip_blanks(line, len, at);
    }
    return is_found;
}

static int launcher_next(struct js_reader *reader, struct js_entry *ret,
                         struct js_err *err)
{
    struct launcher *launcher = (struct launcher *)reader;
    struct js_lines *lines = &launcher->lines;
    const char *line;
    size_t len;
    int rc;
    do {
        rc = js_lines_next(lines, &line, &len, err);
    } while (rc > 0 && len == 0);
    if (rc <= 0)
        return rc;
    /* A refused line counts as well, so that the others keep their numbers. */
    launcher->jobs++;
    if (js_lines_refuse_unset(lines, launcher_unset, line, len, 1, err) < 0)
        return -1;
    js_lines_clear(&launcher->attributes.env);
    if (js_lines_for_bash(&launcher->command, line, len) < 0 ||
        js_lines_add_number(&launcher->attributes, "LAUNCHER_JID",
                            launcher->jobs) < 0)
        return js_lines_fail(lines, err);
    /* In launcher, the slot's shell lives on, and lists in the wild set it up
     * in lines of their own. Those lines run in vain here, without an error. */
    if (launcher_is_for_others(line, len))
        ret->warning = "this job has a shell of its own, so the line does not "
                       "change the jobs below it: put it into their lines";
    lines->command = lines->other = (struct js_lines_place){lines->line, 1};
    ret->line = lines->line;
    ret->command = launcher->command.data;
    ret->command_len = launcher->command.len;
    ret->attributes = &launcher->attributes;
    return 1;
}

static void launcher_free(struct js_reader *reader)
{
    struct launcher *launcher = (struct launcher *)reader;
    int saved = errno;
    js_attributes_release(&launcher->attributes);
    js_lines_release(&launcher->lines);
    js_buf_release(&launcher->command);
    free(launcher);
    errno = saved;
}

struct js_reader *js_from_launcher_new(const char *name)
{
    static const struct js_reader_ops ops = {
        .feed = js_lines_feed,
        .next = launcher_next,
        .describe = js_lines_describe,
        .free = launcher_free,
    };
    struct launcher *launcher = calloc(1, sizeof(*launcher));
    if (!launcher)
        return NULL;
    js_attributes_init(&launcher->attributes);
    if (js_lines_init(&launcher->lines, &ops, name) < 0) {
        free(launcher);
        return NULL;
    }
    return &launcher->lines.reader;
}
