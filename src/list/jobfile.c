#include "list/jobfile.h"

#include "base/buf.h"
#include "base/text.h"
#include "list/warnings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The limit, plus the longest part that is dropped from the end of a line: a
 * backslash and a CR. A longer text is too long in any case. */
enum { TEXT_MAX = JS_JOBFILE_COMMAND_MAX + 2 };

/* The shell is asked about at most this many lines. */
enum { ASKED_MAX = 16 };

/* The kind of the line being read, as far as its bytes so far show it. */
enum line_kind {
    LINE_BLANK, /* nothing, or blanks */
    LINE_COMMENT,
    LINE_DEFAULTS, /* so far, a comment that begins like "#JOBSCHED " */
    LINE_COMMAND,  /* a CR counts until the line ends: see end_command() */
};

/*
 * Each byte is examined once, on its way from `input` to `text`. Bytes of a
 * comment are dropped, so an endless comment needs no memory.
 */
struct js_jobfile {
    char *name;
    struct js_buf input;
    size_t at;  /* start of the unread part of the input */
    bool begun; /* the check for a byte order mark is done */
    bool ended; /* no more input will come */

    uint64_t line; /* line of input.data[at], from 1 on, and its column */
    uint64_t column;

    enum line_kind kind;
    struct js_buf text;  /* the command so far, with its lines joined */
    size_t text_line_at; /* start of the last of these lines in `text` */
    uint64_t first_line; /* number of the first of these lines in the input */
    struct js_buf lines; /* starts of the other lines in `text`: a size_t
                            each */

    struct js_graph *graph;
    struct js_resume *resume; /* NULL: all jobs run */
    struct js_attributes defaults;
    bool has_defaults;
    struct js_graph_edge *edges; /* of the job being created */
    size_t edge_count, edge_capacity;

    bool is_checked; /* the next three fields are set */
    struct js_jobfile_checks checks;
    struct js_conflicts *conflicts;
    unsigned asked; /* how often a shell was asked */

    uint64_t jobs; /* given out */
    bool failed;
    int errnum; /* of the failure */
    struct js_err failure;
};

struct js_jobfile *js_jobfile_new(const char *name, struct js_graph *graph,
                                  struct js_resume *resume)
{
    struct js_jobfile *file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    file->line = 1;
    file->column = 1;
    file->first_line = 1;
    file->graph = graph;
    file->resume = resume;
    js_attributes_init(&file->defaults);
    file->name = strdup(name);
    if (!file->name) {
        js_jobfile_free(file);
        return NULL;
    }
    return file;
}

void js_jobfile_free(struct js_jobfile *file)
{
    if (!file)
        return;
    int saved = errno;
    js_buf_release(&file->input);
    js_buf_release(&file->text);
    js_buf_release(&file->lines);
    free(file->edges);
    js_conflicts_free(file->conflicts);
    js_attributes_release(&file->defaults);
    free(file->name);
    free(file);
    errno = saved;
}

int js_jobfile_set_checks(struct js_jobfile *file,
                          const struct js_jobfile_checks *checks)
{
    file->checks = *checks;
    file->conflicts = js_conflicts_new(checks->own, checks->is_stream);
    file->is_checked = file->conflicts != NULL;
    return file->is_checked ? 0 : -1;
}

static size_t unread(const struct js_jobfile *file)
{
    return file->input.len - file->at;
}

int js_jobfile_feed(struct js_jobfile *file, const char *bytes, size_t len)
{
    if (len == 0) {
        file->ended = true;
        return 0;
    }
    /* The rest is moved only when it is no longer than the part read since the
     * last move, which keeps the total time linear. */
    if (file->at >= unread(file)) {
        js_buf_consume(&file->input, file->at);
        file->at = 0;
    }
    return js_buf_append(&file->input, bytes, len);
}

static int fail_at(struct js_jobfile *file, uint64_t line, uint64_t column,
                   const char *what)
{
    file->failed = true;
    file->errnum = EBADMSG;
    return js_err_set(&file->failure, "%s:%" PRIu64 ":%" PRIu64 ": %s",
                      file->name, line, column, what);
}

static int fail_too_long(struct js_jobfile *file)
{
    _Static_assert(JS_JOBFILE_COMMAND_MAX == 16 << 20, "as in the message");
    return fail_at(file, file->first_line, 1,
                   "the command is longer than 16 MiB (16777216 bytes): put it "
                   "in a script");
}

static int jobfile_fail_errno(struct js_jobfile *file)
{
    file->failed = true;
    file->errnum = errno;
    return js_err_errno(&file->failure, "%s:%" PRIu64, file->name, file->line);
}

static int refuse_nul(struct js_jobfile *file, const char *bytes, size_t len)
{
    const char *nul = memchr(bytes, '\0', len);
    if (!nul)
        return 0;
    return fail_at(file, file->line, file->column + (uint64_t)(nul - bytes),
                   file->kind != LINE_COMMAND
                       ? "NUL byte in a comment: a job file must be text, with "
                         "one command on each line"
                       : "NUL byte in a command: a job file must be text, with "
                         "one command on each line");
}

static void advance_newline(struct js_jobfile *file)
{
    file->at++;
    file->line++;
    file->column = 1;
}

/* Prepares for a line that does not continue the previous one. */
static void begin_line(struct js_jobfile *file)
{
    file->kind = LINE_BLANK;
    file->text.len = 0;
    file->text_line_at = 0;
    file->lines.len = 0;
    file->first_line = file->line;
}

/* CR LF ends a line as LF does; any other CR belongs to the command. */
static void drop_carriage_return(struct js_jobfile *file)
{
    struct js_buf *text = &file->text;
    if (text->len > file->text_line_at && text->data[text->len - 1] == '\r')
        text->len--;
}

/* Formats "NAME:LINE:COLUMN: what" about the byte at `at` of the text. Returns
 * 0, or -1 with errno ENOMEM. */
static int describe_at(const struct js_jobfile *file, size_t at,
                       const char *what, struct js_err *ret)
{
    uint64_t line = file->first_line;
    size_t begin = 0;
    /* The text may be several lines of the input, joined. */
    for (size_t i = 0; i < file->lines.len; i += sizeof(begin)) {
        size_t next;
        memcpy(&next, file->lines.data + i, sizeof(next));
        if (next > at)
            break;
        begin = next;
        line++;
    }
    struct js_buf text = JS_BUF_INIT;
    int rc = js_buf_escape(&text, what, strlen(what));
    if (rc == 0 && js_buf_string(&text))
        js_err_set(ret, "%s:%" PRIu64 ":%zu: %s", file->name, line,
                   at - begin + 1, js_buf_string(&text));
    else
        rc = -1;
    js_buf_release(&text);
    return rc;
}

/* Reports an error in this line only: the lines after it can be read. */
static int refuse_at(struct js_jobfile *file, size_t at,
                     const struct js_err *why)
{
    if (describe_at(file, at, why->text, &file->failure) < 0)
        return jobfile_fail_errno(file);
    file->errnum = EINVAL;
    return -1;
}

static void warn_at(struct js_jobfile *file, size_t at, enum js_warning kind,
                    const char *what)
{
    struct js_err text, place;
    js_err_set(&text, "warning: %s", what);
    if (describe_at(file, at, text.text, &place) == 0)
        file->checks.warn(file->checks.arg, kind, place.text);
}

static int gather_edges(struct js_jobfile *file, const struct js_strings *names,
                        bool any)
{
    size_t needed = file->edge_count + names->count;
    const char *name = NULL;
    if (names->count == 0)
        return 0;
    struct js_graph_edge *edges =
        js_buf_grow(file->edges, &file->edge_capacity, needed, sizeof(*edges));
    if (!edges)
        return -1;
    file->edges = edges;
    while ((name = js_strings_next(names, name)))
        edges[file->edge_count++] =
            (struct js_graph_edge){.name = name, .any = any};
    return 0;
}

/* Adds the job to the graph. Returns 1 if it is READY, 0 if it waits, or -1. */
static int join_graph(struct js_jobfile *file, uint64_t seq,
                      const struct js_attributes *attributes)
{
    struct js_err err, none;
    size_t bad = SIZE_MAX, at = 0;
    const char *line = file->text.data;
    size_t len = file->text.len;
    const char *name = attributes ? attributes->name : NULL;
    int rc = js_graph_add(file->graph, seq, name, file->edges, file->edge_count,
                          &bad, &err);
    if (rc >= 0)
        return rc;
    if (errno == ENOMEM)
        return jobfile_fail_errno(file);
    /* The graph says which name it refused, and the line is read once more to
     * find the place of the name. The job is then added without that name, so
     * that this error causes no others. */
    if (!attributes || bad == SIZE_MAX) {
        at = js_attributes_find(line, len, "name", 0);
        name = NULL;
    } else {
        size_t after = attributes->after.count;
        at = bad < after
                 ? js_attributes_find(line, len, "after", bad)
                 : js_attributes_find(line, len, "after-any", bad - after);
        file->edge_count--;
        memmove(file->edges + bad, file->edges + bad + 1,
                (file->edge_count - bad) * sizeof(*file->edges));
    }
    if (js_graph_add(file->graph, seq, name, file->edges, file->edge_count,
                     &bad, &none) < 0 &&
        errno == ENOMEM)
        return jobfile_fail_errno(file);
    return refuse_at(file, at, &err);
}

/* Warns about what the shell would report or do about the command at `at`. */
static void check_command(struct js_jobfile *file, size_t at)
{
    enum js_shline look =
        js_shline_look(file->text.data + at, file->text.len - at);
    bool is_refused = look == JS_SHLINE_BROKEN;
    if (look == JS_SHLINE_BACKGROUND)
        warn_at(file, at, JS_WARNING_BACKGROUND,
                "this command leaves a process in the background (&). The job "
                "ends without waiting for it, and jobsched then ends that "
                "process. Without the & the job waits for it; jobs run side by "
                "side anyway");
    /* Only a shell can judge the other lines. Each question takes a process, so
     * a list that consists of such lines must not ask about every line. */
    if (look == JS_SHLINE_DOUBTFUL && file->checks.takes &&
        file->asked < ASKED_MAX) {
        const char *text = js_buf_string(&file->text);
        file->asked += text != NULL;
        is_refused = text && !file->checks.takes(text + at);
    }
    if (is_refused)
        warn_at(file, at, JS_WARNING_BROKEN,
                "the shell rejects this line on its own. Each line is a job: "
                "write a loop or an \"if\" on one line, or put it in a script "
                "and run the script from a line");
}

/* Checks the files that the job writes to, its stdout before its stderr. */
static int check_targets(struct js_jobfile *file, uint64_t seq,
                         const struct js_attributes *attributes)
{
    /* Most jobs name no file, and pay nothing. */
    if (!attributes->stdout_path && !attributes->stderr_path)
        return 0;
    const struct {
        const char *attribute, *path;
    } targets[] = {{"stdout", attributes->stdout_path},
                   {"stderr", attributes->stderr_path}};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const char *attribute = targets[i].attribute;
        struct js_err what;
        enum js_conflict conflict = JS_CONFLICT_NONE;
        if (targets[i].path)
            conflict = js_conflicts_add_file(
                file->conflicts, seq, file->first_line, attribute,
                attributes->dir, targets[i].path, &what);
        if (conflict == JS_CONFLICT_NONE)
            continue;
        size_t at =
            js_attributes_find(file->text.data, file->text.len, attribute, 0);
        if (conflict == JS_CONFLICT_ERROR)
            return refuse_at(file, at, &what);
        warn_at(file, at, JS_WARNING_FILE, what.text);
    }
    return 0;
}

/* ---------------------------------------------------------------- jobs */

/* Decides whether the job runs. A job that names an unknown job counts as
 * running: the graph then reports the error. */
static int jobfile_decide(struct js_jobfile *file, struct js_job *job,
                          enum js_resume_decision *ret)
{
    *ret = JS_RESUME_DECISION_RUN;
    if (!file->resume)
        return 0;
    int after =
        js_graph_mark_before(file->graph, file->edges, file->edge_count);
    if (after < 0)
        return 0;
    if (js_resume_decide(file->resume, job, (enum js_resume_decision)after,
                         ret) < 0)
        return jobfile_fail_errno(file);
    /* The job has ended, regardless of the jobs it comes after. */
    if (*ret == JS_RESUME_DECISION_DONE || *ret == JS_RESUME_DECISION_FAILED)
        file->edge_count = 0;
    return 0;
}

/* Returns 1 if the job must run, 0 if not, or -1. */
static int admit(struct js_jobfile *file, struct js_job *job,
                 const struct js_attributes *attributes)
{
    enum js_resume_decision decision;
    bool is_checked = file->is_checked && attributes;
    job->line = file->first_line;
    file->edge_count = 0;
    if (attributes && (gather_edges(file, &attributes->after, false) < 0 ||
                       gather_edges(file, &attributes->after_any, true) < 0))
        return jobfile_fail_errno(file);
    /* This comes before the decision, which drops the edges of a job that has
     * ended: two jobs that write one file must be in order in every run, not
     * only in this one. */
    if (is_checked &&
        js_conflicts_add_job(file->conflicts, job->seq, attributes, file->graph,
                             file->edges, file->edge_count) < 0)
        return jobfile_fail_errno(file);
    if (jobfile_decide(file, job, &decision) < 0)
        return -1;
    int rc = join_graph(file, job->seq, attributes);
    if (rc < 0)
        return -1;
    js_graph_mark(file->graph, job->seq, (int)decision);
    if (decision == JS_RESUME_DECISION_DONE ||
        decision == JS_RESUME_DECISION_FAILED)
        js_graph_ended(file->graph, job->seq,
                       decision == JS_RESUME_DECISION_DONE);
    job->is_waiting = rc == 0;
    if (is_checked && check_targets(file, job->seq, attributes) < 0)
        return -1;
    return decision == JS_RESUME_DECISION_RUN;
}

/* Makes a job of the command at `begin`; it may have attributes. */
static int make_job(struct js_jobfile *file,
                    const struct js_attributes *attributes, size_t begin,
                    struct js_job **ret)
{
    const struct js_buf *text = &file->text;
    if (file->is_checked)
        check_command(file, begin);
    struct js_job *job = js_job_new_with(file->jobs, attributes,
                                         text->data + begin, text->len - begin);
    if (!job)
        return jobfile_fail_errno(file);
    int rc = admit(file, job, attributes);
    if (rc > 0)
        *ret = job;
    else
        js_job_free(job);
    return rc;
}

static int job_of_line(struct js_jobfile *file, struct js_job **ret)
{
    const struct js_buf *text = &file->text;
    struct js_attributes attributes;
    struct js_err err;
    size_t at = 0;
    int rc;
    /* A refused line counts as well, so that the jobs after it keep their
     * numbers. */
    file->jobs++;
    if (!file->has_defaults && !js_attributes_present(text->data, text->len))
        return make_job(file, NULL, 0, ret);
    if (js_attributes_copy(&attributes, &file->defaults) < 0)
        return jobfile_fail_errno(file);
    ptrdiff_t start =
        js_attributes_read(text->data, text->len, &attributes, &at, &err);
    if (start < 0) {
        rc = errno == ENOMEM ? jobfile_fail_errno(file)
                             : refuse_at(file, at, &err);
    } else if ((size_t)start == text->len) {
        js_err_set(&err, "this line has attributes but no command");
        rc = refuse_at(file, text->len - 1, &err);
    } else {
        rc = make_job(file, &attributes, (size_t)start, ret);
    }
    js_attributes_release(&attributes);
    return rc;
}

/*
 * The only place where the text of a whole line, joined and without its line
 * end, becomes a job. Returns the same as js_jobfile_next().
 */
static int end_command(struct js_jobfile *file, struct js_job **ret)
{
    static const char wait[] = "wait";
    const char *text = file->text.data;
    size_t len = file->text.len;
    size_t from = js_text_skip_blanks(text, len, 0);
    bool is_empty = from == len;
    int rc = 0;
    if (!is_empty && len > JS_JOBFILE_COMMAND_MAX)
        return fail_too_long(file);
    while (len > from && js_text_is_blank(text[len - 1]))
        len--;
    if (len - from == strlen(wait) &&
        memcmp(text + from, wait, len - from) == 0) {
        js_graph_barrier(file->graph);
        if (file->is_checked)
            js_conflicts_add_barrier(file->conflicts);
    } else if (!is_empty) {
        rc = job_of_line(file, ret);
    }
    if (rc >= 0 || file->errnum == EINVAL)
        begin_line(file);
    return rc;
}

/* ---------------------------------------------------------------- defaults */

static const char defaults_word[] = "#JOBSCHED";
/* True while the comment may still be one that sets defaults. */
static bool may_be_defaults(const struct js_buf *text)
{
    size_t word = strlen(defaults_word);
    size_t at = js_text_skip_blanks(text->data, text->len, 0);
    size_t len = text->len - at < word ? text->len - at : word;
    if (memcmp(text->data + at, defaults_word, len) != 0)
        return false;
    return text->len - at <= word || js_text_is_blank(text->data[at + word]);
}

/* Called for a complete comment that may set defaults. */
static int end_defaults(struct js_jobfile *file)
{
    struct js_attributes defaults;
    struct js_err err;
    const struct js_buf *text = &file->text;
    size_t at = 0;
    int rc = 0;
    drop_carriage_return(file);
    if (text->len > JS_JOBFILE_COMMAND_MAX)
        return fail_too_long(file);
    size_t from =
        js_text_skip_blanks(text->data, text->len, 0) + strlen(defaults_word);
    /* The input may have ended within the word. */
    if (from <= text->len && may_be_defaults(text)) {
        /* A bad line must leave the earlier defaults unchanged. */
        if (js_attributes_copy(&defaults, &file->defaults) < 0)
            return jobfile_fail_errno(file);
        if (js_defaults_read(text->data + from, text->len - from, &defaults,
                             &at, &err) == 0) {
            js_attributes_release(&file->defaults);
            file->defaults = defaults;
            file->has_defaults = true;
        } else {
            js_attributes_release(&defaults);
            rc = errno == ENOMEM ? jobfile_fail_errno(file)
                                 : refuse_at(file, from + at, &err);
        }
    }
    if (rc >= 0 || file->errnum == EINVAL)
        begin_line(file);
    return rc;
}

/* ---------------------------------------------------------------- lines */

/* The next bytes belong to the command. Takes at most the first `len` unread
 * bytes, and stops when the command is too long, so that the result does not
 * depend on how the input was cut into pieces. */
static int jobfile_take_text(struct js_jobfile *file, size_t len)
{
    const char *bytes = file->input.data + file->at;
    if (refuse_nul(file, bytes, len) < 0)
        return -1;
    if (js_buf_append(&file->text, bytes, len) < 0)
        return jobfile_fail_errno(file);
    file->at += len;
    file->column += len;
    return file->text.len > TEXT_MAX ? fail_too_long(file) : 0;
}

/* Returns how many bytes may be examined at once. */
static size_t text_window(const struct js_jobfile *file)
{
    size_t room = TEXT_MAX + 1 - file->text.len;
    return unread(file) < room ? unread(file) : room;
}

static int read_comment(struct js_jobfile *file)
{
    const char *bytes = file->input.data + file->at;
    const char *newline = memchr(bytes, '\n', unread(file));
    size_t len = newline ? (size_t)(newline - bytes) : unread(file);
    if (refuse_nul(file, bytes, len) < 0)
        return -1;
    file->at += len;
    file->column += len;
    if (newline) {
        advance_newline(file);
        begin_line(file);
    }
    return 0;
}

/* Reads until it is clear that the comment sets no defaults. */
static int read_defaults(struct js_jobfile *file)
{
    const char *bytes = file->input.data + file->at;
    size_t window = text_window(file);
    size_t word_end = js_text_skip_blanks(file->text.data, file->text.len, 0) +
                      sizeof(defaults_word);
    if (file->text.len < word_end && window > word_end - file->text.len)
        window = word_end - file->text.len;
    const char *newline = memchr(bytes, '\n', window);
    if (jobfile_take_text(file, newline ? (size_t)(newline - bytes) : window) <
        0)
        return -1;
    if (newline) {
        advance_newline(file);
        return end_defaults(file);
    }
    if (!may_be_defaults(&file->text)) {
        file->kind = LINE_COMMENT;
        file->text.len = 0;
    }
    return 0;
}

static int read_command(struct js_jobfile *file, struct js_job **ret)
{
    struct js_buf *text = &file->text;
    const char *bytes = file->input.data + file->at;
    size_t window = text_window(file);
    const char *newline = memchr(bytes, '\n', window);
    if (jobfile_take_text(file, newline ? (size_t)(newline - bytes) : window) <
        0)
        return -1;
    if (!newline)
        return 0;
    advance_newline(file);
    drop_carriage_return(file);
    /* Does not look beyond this line for backslashes; otherwise joining many
     * lines would be quadratic. */
    size_t at = text->len;
    while (at > file->text_line_at && text->data[at - 1] == '\\')
        at--;
    if ((text->len - at) % 2 == 0)
        return end_command(file, ret);
    file->text_line_at = --text->len;
    return js_buf_append(&file->lines, &file->text_line_at,
                         sizeof(file->text_line_at)) < 0
               ? jobfile_fail_errno(file)
               : 0;
}

/* Takes one step, to the end of the line, of the available input, or of the
 * blanks. */
static int read_some(struct js_jobfile *file, struct js_job **ret)
{
    const char *bytes = file->input.data + file->at;
    size_t window, len = 0;
    switch (file->kind) {
    case LINE_BLANK:
        window = text_window(file);
        while (len < window && js_text_is_blank(bytes[len]))
            len++;
        /* The first byte that is not a blank determines the kind of the
         * line. */
        if (len < window)
            file->kind = bytes[len] == '#' ? LINE_DEFAULTS : LINE_COMMAND;
        return jobfile_take_text(file, len);
    case LINE_COMMENT:
        return read_comment(file);
    case LINE_DEFAULTS:
        return read_defaults(file);
    case LINE_COMMAND:
        break;
    }
    return read_command(file, ret);
}

/* Skips the byte order mark that some editors write. Returns false until it is
 * known whether there is one. */
static bool skip_mark(struct js_jobfile *file)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t size = sizeof(mark) - 1;
    size_t len = unread(file) < size ? unread(file) : size;
    bool may_be = len == 0 || memcmp(file->input.data, mark, len) == 0;
    if (may_be && len < size)
        return file->ended;
    if (may_be)
        file->at += size;
    file->begun = true;
    return true;
}

int js_jobfile_next(struct js_jobfile *file, struct js_job **ret,
                    struct js_err *err)
{
    int rc = file->failed ? -1 : 0;
    if (rc == 0 && !file->begun && !skip_mark(file))
        return 0;
    while (rc == 0 && unread(file) > 0)
        rc = read_some(file, ret);
    /* The last line may have no newline. A backslash at its end stays. */
    if (rc == 0 && file->ended && file->kind == LINE_DEFAULTS) {
        rc = end_defaults(file);
    } else if (rc == 0 && file->ended) {
        drop_carriage_return(file);
        rc = end_command(file, ret);
    }
    if (rc < 0 && err)
        *err = file->failure;
    if (rc < 0)
        errno = file->errnum;
    return rc;
}
