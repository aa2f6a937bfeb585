#include "list/source.h"

#include "base/buf.h"
#include "base/fdio.h"
#include "base/input.h"
#include "base/shell.h"
#include "list/jobfile.h"
#include "list/shline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* The input goes to the parser in pieces of this size, so that it never holds
 * a second copy of a large file. */
enum { PIECE_BYTES = 64 * 1024 };

/* What an ordinary user may ask a pipe to hold. */
enum { PIPE_BYTES = 1024 * 1024, PAGE_BYTES = 4096 };

/* After this many pieces without a job a call returns, or a stream of nothing
 * but comments would keep the caller from all else. */
enum { PIECES_MAX = 16 };

/* So many warnings of a kind are told one by one. */
enum { WARNINGS_MAX = 5 };

enum source_kind {
    SOURCE_DEMO,
    SOURCE_TEXT, /* a regular file, in memory */
    SOURCE_STREAM,
};

/* A job that needs more than a core, as the last one like it did not. */
struct special {
    uint64_t id, line;
    struct js_request request;
};

struct js_source {
    enum source_kind kind;
    enum js_source_state state; /* END and ERROR are final */
    uint64_t given; /* of the demonstration: whether they ran or not */
    uint64_t total; /* not of a stream; of a file: without what has ended */

    struct js_resume *resume; /* NULL: all jobs run */

    int64_t duration_ns; /* of the demonstration's jobs */

    char *name; /* what errors call it */
    struct js_jobfile *jobs;
    struct js_graph *graph; /* of the jobs given out */
    bool ended;             /* the parser has all of the input */

    struct js_buf text;
    size_t text_at; /* from here on the parser has not seen it */

    struct js_buf needs; /* struct special; of a regular file */
    struct js_source_survey survey;
    struct js_source_ear ear; /* .tell NULL: nobody is to be warned */
    uint64_t warnings[JS_WARNING_COUNT];
    bool is_begun; /* its first bytes were looked at */
    int fd;
    bool owns_fd;
    int pipe_bytes;  /* of a pipe that is distrusted; 0 or less: it is not */
    bool is_damaged; /* it may have been full */
    struct js_input *inlet; /* of a stream */
    struct js_err failure;
};

static struct js_source *source_new(enum source_kind kind)
{
    struct js_source *source = calloc(1, sizeof(*source));
    if (!source)
        return NULL;
    source->graph = js_graph_new();
    if (!source->graph) {
        free(source);
        return NULL;
    }
    source->kind = kind;
    source->state = JS_SOURCE_LATER;
    source->fd = -1;
    return source;
}

struct js_source *js_source_new_demo(uint64_t count, int64_t duration_ns,
                                     struct js_resume *resume)
{
    struct js_source *source = source_new(SOURCE_DEMO);
    if (!source)
        return NULL;
    source->total = count;
    source->duration_ns = duration_ns;
    source->resume = resume;
    if (resume)
        resume->is_stream = true;
    return source;
}

void js_source_free(struct js_source *source)
{
    if (!source)
        return;
    int saved = errno;
    if (source->owns_fd)
        js_fd_close(&source->fd);
    js_input_free(source->inlet);
    js_jobfile_free(source->jobs);
    js_graph_free(source->graph);
    js_buf_release(&source->text);
    js_buf_release(&source->needs);
    free(source->name);
    free(source);
    errno = saved;
}

/* ---------------------------------------------------------------- warnings */

static void warned(void *arg, enum js_warning kind, const char *text)
{
    struct js_source *source = arg;
    if (source->warnings[kind]++ < WARNINGS_MAX)
        source->ear.tell(source->ear.arg, text);
}

static void tell_more_warnings(struct js_source *source)
{
    static const char *const what[JS_WARNING_COUNT] = {
        [JS_WARNING_SCRIPT] = "name a shell",
        [JS_WARNING_BACKGROUND] = "leave a command in the background",
        [JS_WARNING_BROKEN] = "are refused by the shell",
        [JS_WARNING_FILE] = "write to the file of an earlier job",
    };
    for (int kind = 0; source->ear.tell && kind < JS_WARNING_COUNT; kind++) {
        struct js_err text;
        if (source->warnings[kind] <= WARNINGS_MAX)
            continue;
        js_err_set(&text, "%s: warning: lines that %s as well: %ju",
                   source->name, what[kind],
                   (uintmax_t)source->warnings[kind] - WARNINGS_MAX);
        source->ear.tell(source->ear.arg, text.text);
    }
}

/* A script is no list. Its first line is a comment, of which the parser keeps
 * nothing. */
static void look_at_begin(struct js_source *source, const char *bytes,
                          size_t len)
{
    struct js_err text;
    struct js_buf line = JS_BUF_INIT;
    bool is_first = !source->is_begun;
    source->is_begun = true;
    size_t shebang =
        is_first && source->ear.tell ? js_shline_shebang(bytes, len) : 0;
    if (shebang > 0 && js_buf_escape(&line, bytes, shebang) == 0 &&
        js_buf_string(&line)) {
        js_err_set(&text,
                   "%s:1:1: warning: \"%s\" names a shell, but a script is "
                   "not a list: each line of it runs as a job of its own",
                   source->name, line.data);
        warned(source, JS_WARNING_SCRIPT, text.text);
    }
    js_buf_release(&line);
}

static int set_checks(struct js_source *source, bool is_stream)
{
    const struct js_jobfile_checks checks = {
        .warn = warned,
        /* Nothing is to hold up a stream. */
        .takes = is_stream ? NULL : js_shell_takes,
        .arg = source,
        .is_stream = is_stream,
        .own = source->ear.own};
    return source->ear.tell ? js_jobfile_set_checks(source->jobs, &checks) : 0;
}

/* ---------------------------------------------------------------- reading */

static int source_fail_errno(const struct js_source *source, struct js_err *err)
{
    if (source->is_damaged)
        return js_err_set(err, "standard input: this mpirun damages what has "
                               "to wait for its reader, as it has here, so "
                               "nothing more of it is run: start jobsched "
                               "without mpirun, or give it a file");
    return js_err_errno(err, "cannot read %s%s",
                        source->owns_fd ? "the job list " : "", source->name);
}

/* Opens the input. O_NONBLOCK is for a FIFO, which would wait for its writer;
 * a regular file takes no notice. */
static int open_input(struct js_source *source, const char *path)
{
    if (strcmp(path, "-") == 0) {
        source->fd = STDIN_FILENO;
        return 0;
    }
    source->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    source->owns_fd = true;
    return source->fd < 0 ? -1 : 0;
}

static ssize_t read_again(int fd, void *bytes, size_t len)
{
    ssize_t n;
    do {
        n = read(fd, bytes, len);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* To the end, whatever fstat(2) said its size is: it may be growing, or be a
 * file of /proc, which has none. */
static int read_text(struct js_source *source, off_t size_hint)
{
    struct js_buf *text = &source->text;
    /* One byte more, so that the end is seen without growing. */
    if (js_buf_reserve(text, (size_t)size_hint + 1) < 0)
        return -1;
    for (;;) {
        if (text->len == text->capacity && js_buf_reserve(text, PIECE_BYTES))
            return -1;
        ssize_t n = read_again(source->fd, text->data + text->len,
                               text->capacity - text->len);
        if (n <= 0)
            return (int)n;
        text->len += (size_t)n;
    }
}

static int source_end_of_input(struct js_source *source)
{
    js_jobfile_end(source->jobs);
    source->ended = true;
    return 1;
}

/* To give the parser one more piece, or tell it that there is none: 1 when
 * that is done, 0 if it cannot be done now, -1 with errno. */
static int feed_text(struct js_source *source)
{
    size_t left = source->text.len - source->text_at;
    if (left == 0)
        return source_end_of_input(source);
    size_t len = left < PIECE_BYTES ? left : PIECE_BYTES;
    const char *bytes = source->text.data + source->text_at;
    look_at_begin(source, bytes, len);
    if (js_jobfile_feed(source->jobs, bytes, len) < 0)
        return -1;
    source->text_at += len;
    return 1;
}

void js_source_distrust(struct js_source *source)
{
    if (source->kind == SOURCE_STREAM)
        source->pipe_bytes = fcntl(source->fd, F_GETPIPE_SZ);
}

/*
 * Since the last look there was never more in the pipe than what was read now
 * and what is left. Less than half of its size cannot have filled it: two pages
 * behind each other hold more than one could, or they would be one; only the
 * first may be half read. From the first look on there is more room in it, if
 * that can be had.
 */
static bool may_be_damaged(struct js_source *source, ssize_t read_bytes)
{
    int left = 0, limit = source->pipe_bytes / 2 - PAGE_BYTES;
    if (source->pipe_bytes <= 0)
        return false;
    fcntl(source->fd, F_SETPIPE_SZ, PIPE_BYTES);
    source->pipe_bytes = fcntl(source->fd, F_GETPIPE_SZ);
    return ioctl(source->fd, FIONREAD, &left) < 0 || read_bytes + left >= limit;
}

/* How its feeder has ended cannot be known. */
static int end_of_stream(struct js_source *source)
{
    struct js_err text;
    if (source->ear.tell && js_input_is_within_line(source->inlet)) {
        js_err_set(&text,
                   "%s: its last line has no newline, and is taken as it is",
                   source->name);
        source->ear.tell(source->ear.arg, text.text);
    }
    return source_end_of_input(source);
}

static int feed_stream(struct js_source *source)
{
    char piece[PIECE_BYTES];
    ssize_t n = js_input_read(source->inlet, piece, sizeof(piece));
    if (n < 0)
        return errno == EAGAIN ? 0 : -1;
    source->is_damaged = may_be_damaged(source, n);
    if (source->is_damaged)
        return -1;
    if (n == 0)
        return end_of_stream(source);
    look_at_begin(source, piece, (size_t)n);
    return js_jobfile_feed(source->jobs, piece, (size_t)n) < 0 ? -1 : 1;
}

static int feed(struct js_source *source)
{
    return source->kind == SOURCE_TEXT ? feed_text(source)
                                       : feed_stream(source);
}

static enum js_source_state end_badly(const struct js_source *source,
                                      struct js_err *err)
{
    if (errno != ECONNABORTED) {
        source_fail_errno(source, err);
        return JS_SOURCE_ERROR;
    }
    js_err_set(err,
               "%s broke off: what passes it on has gone, and nothing more of "
               "it is run",
               source->name);
    return JS_SOURCE_BROKEN;
}

static enum js_source_state next_parsed(struct js_source *source,
                                        struct js_job **ret, struct js_err *err)
{
    for (int pieces = 0;; pieces++) {
        int rc = js_jobfile_next(source->jobs, ret, err);
        if (rc != 0)
            return rc > 0 ? JS_SOURCE_JOB : JS_SOURCE_ERROR;
        if (source->ended)
            return JS_SOURCE_END;
        if (source->kind == SOURCE_STREAM && pieces == PIECES_MAX)
            return JS_SOURCE_LATER;
        rc = feed(source);
        if (rc == 0)
            return JS_SOURCE_LATER;
        if (rc < 0)
            return end_badly(source, err);
    }
}

/* 1 and the job if it runs, 0 if it does not, -1 with errno. */
static int simulate_next(struct js_source *source, struct js_job **ret)
{
    enum js_resume_decision verdict = JS_RESUME_DECISION_RUN;
    struct js_job *job =
        js_job_new_simulated(++source->given, source->duration_ns);
    if (!job)
        return -1;
    int rc = source->resume ? js_resume_judge(source->resume, job,
                                              JS_RESUME_DECISION_DONE, &verdict)
                            : 0;
    if (rc == 0 && verdict == JS_RESUME_DECISION_RUN) {
        *ret = job;
        return 1;
    }
    js_job_free(job);
    return rc;
}

static enum js_source_state next_simulated(struct js_source *source,
                                           struct js_job **ret,
                                           struct js_err *err)
{
    while (source->given < source->total) {
        int rc = simulate_next(source, ret);
        if (rc > 0)
            return JS_SOURCE_JOB;
        if (rc == 0)
            continue;
        js_err_errno(err, "demonstration");
        return JS_SOURCE_ERROR;
    }
    return JS_SOURCE_END;
}

static bool is_final(const struct js_source *source)
{
    return source->state == JS_SOURCE_END || source->state == JS_SOURCE_ERROR ||
           source->state == JS_SOURCE_BROKEN;
}

static void source_advance(struct js_source *source, struct js_job **ret)
{
    source->state = source->kind == SOURCE_DEMO
                        ? next_simulated(source, ret, &source->failure)
                        : next_parsed(source, ret, &source->failure);
    if (source->state == JS_SOURCE_JOB && source->kind != SOURCE_DEMO)
        source->given++;
    if (source->state == JS_SOURCE_END && source->kind == SOURCE_STREAM)
        tell_more_warnings(source);
}

enum js_source_state js_source_next(struct js_source *source,
                                    struct js_job **ret, struct js_err *err)
{
    if (!is_final(source))
        source_advance(source, ret);
    if (is_final(source) && source->state != JS_SOURCE_END && err)
        *err = source->failure;
    return source->state;
}

/* ---------------------------------------------------------------- checking */

/* From the beginning, with no job known. */
static int rewind_text(struct js_source *source)
{
    struct js_graph *graph = js_graph_new();
    js_jobfile_free(source->jobs);
    source->jobs = graph ? js_jobfile_new(source->name, graph) : NULL;
    if (!source->jobs) {
        js_graph_free(graph);
        return -1;
    }
    js_graph_free(source->graph);
    source->graph = graph;
    source->text_at = 0;
    source->ended = false;
    js_jobfile_set_resume(source->jobs, source->resume);
    if (source->resume)
        js_resume_rewind(source->resume);
    return 0;
}

static bool is_same_need(const struct js_request *a, const struct js_request *b)
{
    return js_request_nodes(a) == js_request_nodes(b) && a->cores == b->cores &&
           a->gpus == b->gpus && a->mem_bytes == b->mem_bytes;
}

static int keep_need(struct js_source *source, const struct js_job *job)
{
    struct special special = {job->id, job->line, job->request};
    struct js_buf *needs = &source->needs;
    const struct special *last =
        needs->len > 0 ? (const struct special *)(needs->data + needs->len) - 1
                       : NULL;
    if (js_job_is_plain(job) ||
        (last && is_same_need(&last->request, &job->request)))
        return 0;
    return js_buf_append(needs, &special, sizeof(special));
}

static int source_survey_job(struct js_source *source, struct js_job *job)
{
    int rc = keep_need(source, job);
    source->survey.is_ordered |= job->priority != 0;
    js_job_free(job);
    source->total++;
    return rc;
}

struct errors {
    js_source_tell_fn tell;
    void *arg;
    unsigned count;
    struct js_err first;
};

/* The first is told when there is a second: one alone is the error itself. */
static void add_error(struct errors *errors, const struct js_err *err)
{
    if (errors->count++ == 0) {
        errors->first = *err;
        return;
    }
    if (!errors->tell)
        return;
    if (errors->count == 2)
        errors->tell(errors->arg, errors->first.text);
    errors->tell(errors->arg, err->text);
}

static int source_sum_up(const struct js_source *source,
                         const struct errors *errors, struct js_err *err)
{
    if (errors->count == 0)
        return 0;
    if (errors->count == 1)
        return js_err_set(err, "%s", errors->first.text);
    return js_err_set(err, "%s: %u errors%s", source->name, errors->count,
                      errors->count == JS_SOURCE_ERRORS ? " or more" : "");
}

/* What an earlier run has done, and what this one puts aside. */
static int count_rest(struct js_source *source)
{
    if (js_resume_end(source->resume) < 0)
        return -1;
    source->survey.resume = source->resume->counts;
    source->total += source->resume->counts.aside;
    return 0;
}

/* Parses the text to its end and forgets the jobs, all but what a survey says.
 * Goes on after errors in attributes, to tell more of them. */
static int check_text(struct js_source *source, struct errors *errors,
                      struct js_err *err)
{
    while (errors->count < JS_SOURCE_ERRORS) {
        struct js_job *job;
        struct js_err why;
        enum js_source_state state = next_parsed(source, &job, &why);
        if (state == JS_SOURCE_END)
            break;
        if (state == JS_SOURCE_JOB) {
            if (source_survey_job(source, job) < 0)
                return source_fail_errno(source, err);
            continue;
        }
        bool is_final = errno != EINVAL;
        add_error(errors, &why);
        if (is_final)
            break;
    }
    tell_more_warnings(source);
    if (errors->count > 0)
        return source_sum_up(source, errors, err);
    if (source->resume && count_rest(source) < 0)
        return source_fail_errno(source, err);
    source->survey.is_known = true;
    js_graph_shape(source->graph, &source->survey.shape);
    return rewind_text(source) < 0 ? source_fail_errno(source, err) : 0;
}

/* ---------------------------------------------------------------- opening */

static int load_text(struct js_source *source, off_t size_hint,
                     struct errors *errors, struct js_err *err)
{
    source->kind = SOURCE_TEXT;
    if (read_text(source, size_hint) < 0)
        return source_fail_errno(source, err);
    js_fd_close(&source->fd);
    return check_text(source, errors, err);
}

static int open_stream(struct js_source *source,
                       const struct js_input_config *config, struct js_err *err)
{
    source->inlet = js_input_new(config);
    if (source->resume)
        source->resume->is_stream = true;
    return source->inlet && set_checks(source, true) == 0
               ? 0
               : source_fail_errno(source, err);
}

static int open_jobs(struct js_source *source)
{
    source->jobs = js_jobfile_new(source->name, source->graph);
    if (source->jobs)
        js_jobfile_set_resume(source->jobs, source->resume);
    return source->jobs ? 0 : -1;
}

static int source_check_kind(const struct js_source *source, struct stat *ret,
                             struct js_err *err)
{
    if (fstat(source->fd, ret) < 0)
        return source_fail_errno(source, err);
    if (!S_ISDIR(ret->st_mode))
        return 0;
    return js_err_set(err,
                      "%s: is a directory: give a file with one command a line",
                      source->name);
}

static int source_load(struct js_source *source, const char *path,
                       struct errors *errors, struct js_err *err)
{
    struct stat info;
    if (open_jobs(source) < 0 || open_input(source, path) < 0)
        return source_fail_errno(source, err);
    if (source_check_kind(source, &info, err) < 0)
        return -1;
    /* Standard input is a stream even where it is a file. */
    if (!S_ISREG(info.st_mode) || !source->owns_fd)
        return open_stream(source, &(struct js_input_config){.fd = source->fd},
                           err);
    if (set_checks(source, false) < 0)
        return source_fail_errno(source, err);
    if (source->resume)
        source->resume->is_stream = false;
    return load_text(source, info.st_size, errors, err);
}

/* As it is shown, which is to leave a terminal alone. */
static char *source_name_of(const char *path)
{
    struct js_buf name = JS_BUF_INIT;
    char *copy = NULL;
    if (strcmp(path, "-") == 0)
        return strdup("standard input");
    if (js_buf_escape(&name, path, strlen(path)) == 0 && js_buf_string(&name))
        copy = strdup(name.data);
    js_buf_release(&name);
    return copy;
}

/* Without its input so far. */
static struct js_source *new_named(const char *path, struct js_resume *resume,
                                   const struct js_source_ear *ear,
                                   struct js_err *err)
{
    struct js_source *source = source_new(SOURCE_STREAM);
    if (source) {
        source->resume = resume;
        if (ear)
            source->ear = *ear;
        source->name = source_name_of(path);
    }
    if (source && source->name)
        return source;
    js_err_errno(err, "%s", path);
    js_source_free(source);
    return NULL;
}

struct js_source *js_source_new_file(const char *path, struct js_resume *resume,
                                     const struct js_source_ear *ear,
                                     struct js_err *err)
{
    struct js_source *source = new_named(path, resume, ear, err);
    struct errors errors = {0};
    if (source)
        errors =
            (struct errors){.tell = source->ear.tell, .arg = source->ear.arg};
    if (source && source_load(source, path, &errors, err) < 0) {
        js_source_free(source);
        return NULL;
    }
    return source;
}

struct js_source *js_source_new_stream(const char *path,
                                       const struct js_input_config *inlet,
                                       struct js_resume *resume,
                                       const struct js_source_ear *ear,
                                       struct js_err *err)
{
    struct stat info;
    struct js_source *source = new_named(path, resume, ear, err);
    if (!source)
        return NULL;
    source->fd = inlet->fd;
    int rc = open_jobs(source) < 0 ? source_fail_errno(source, err)
                                   : source_check_kind(source, &info, err);
    if (rc < 0 || open_stream(source, inlet, err) < 0) {
        js_source_free(source);
        return NULL;
    }
    return source;
}

struct js_source *js_source_new_regular(const char *path,
                                        struct js_resume *resume,
                                        struct js_err *err)
{
    struct js_source *source = js_source_new_file(path, resume, NULL, err);
    if (!source || !js_source_is_stream(source))
        return source;
    js_source_free(source);
    js_err_set(err, "%s is no regular file: it is not read again", path);
    return NULL;
}

const char *js_source_name(const struct js_source *source)
{
    return source->name;
}

uint64_t js_source_total(const struct js_source *source, bool *ret_known)
{
    if (source->kind == SOURCE_STREAM) {
        *ret_known = source->state == JS_SOURCE_END;
        return source->given;
    }
    *ret_known = source->total != UINT64_MAX;
    return source->total;
}

struct js_graph *js_source_graph(const struct js_source *source)
{
    return source->graph;
}

void js_source_survey(const struct js_source *source,
                      struct js_source_survey *ret)
{
    *ret = source->survey;
}

void js_source_each_need(const struct js_source *source,
                         void (*visit)(void *arg, uint64_t id, uint64_t line,
                                       const struct js_request *request),
                         void *arg)
{
    const struct special *specials = (const struct special *)source->needs.data;
    size_t count = source->needs.len / sizeof(*specials);
    for (size_t i = 0; i < count; i++)
        visit(arg, specials[i].id, specials[i].line, &specials[i].request);
}

bool js_source_is_stream(const struct js_source *source)
{
    return source->kind == SOURCE_STREAM;
}

int js_source_fd(const struct js_source *source)
{
    return js_source_is_stream(source) ? js_input_fd(source->inlet) : -1;
}
