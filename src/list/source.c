#include "list/source.h"

#include "base/file.h"
#include "base/input.h"
#include "list/args.h"
#include "list/args_reader.h"
#include "list/formats.h"
#include "list/intake.h"
#include "list/product.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A stream is read in pieces of this size. */
enum { PIECE_BYTES = 64 * 1024 };

/* The largest size of a pipe that an ordinary user may request. */
enum { PIPE_BYTES = 1024 * 1024, PAGE_BYTES = 4096 };

/* After this many pieces without a job the call returns. Otherwise a stream of
 * nothing but comments would keep the caller from all other work. */
enum { PIECES_MAX = 16 };

enum source_kind {
    SOURCE_DEMO,
    SOURCE_LIST, /* a regular file, which has been read before */
    SOURCE_STREAM,
};

/* Invariants: a demonstration has no `jobs`, no `list` and no descriptor; a
 * list has `jobs` and `list`; a stream has `jobs`, `input` and its own name. A
 * final state never changes, and `failure` says why it is not END. */
struct js_source {
    enum source_kind kind;
    enum js_source_state state; /* END and ERROR are final */
    uint64_t given; /* jobs of the demonstration, whether they ran or not */
    uint64_t total; /* of the demonstration */

    struct js_resume *resume; /* NULL: all jobs run */

    int64_t duration_ns;  /* of the demonstration's jobs */
    struct js_pool *pool; /* for them; NULL: no demonstration */

    struct js_intake *jobs; /* NULL: a demonstration */
    struct js_graph *graph; /* of the jobs given out */
    bool ended;             /* the intake has all input */

    const struct js_list *list; /* NULL: no regular file */
    struct js_list *own_list;   /* the same list, if the source owns it */
    size_t text_at; /* the position up to which the intake has received the
                       text */

    /* For a stream only. */
    const struct js_reader *args; /* the reader of `jobs`, for a template on the
                                     command line; NULL: it is none */
    char *name;                   /* its name in errors */
    struct js_warnings warnings;
    int fd;
    bool owns_fd;
    int pipe_bytes;  /* size of a distrusted pipe; 0 or less: the stream is
                        trusted */
    bool is_damaged; /* the pipe may have been full */
    struct js_input *input;
    struct js_err failure;
};

/* Each kind has a graph, so that callers need not ask which kind it is. */
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
    struct js_pool *pool = js_pool_new();
    if (!source || !pool) {
        js_source_free(source);
        js_pool_close(pool);
        return NULL;
    }
    source->pool = pool;
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
    js_input_free(source->input);
    js_intake_free(source->jobs);
    js_graph_free(source->graph);
    js_list_free(source->own_list);
    js_pool_close(source->pool);
    free(source->name);
    free(source);
    errno = saved;
}

/* ---------------------------------------------------------------- reading */

void js_source_distrust(struct js_source *source)
{
    if (source->kind == SOURCE_STREAM)
        source->pipe_bytes = fcntl(source->fd, F_GETPIPE_SZ);
}

/* Gives the intake the next piece of a stream. Returns 1; 0 if there is nothing
 * to read now; or -1 with errno. */
static int feed_stream(struct js_source *source)
{
    const struct js_warnings_sink *sink = &source->warnings.sink;
    char piece[PIECE_BYTES];
    ssize_t n = js_input_read(source->input, piece, sizeof(piece));
    if (n < 0)
        return errno == EAGAIN ? 0 : -1;
    /*
     * Since the last check, a distrusted pipe has never held more than what was
     * read now plus what is left. If that is less than half its size, it cannot
     * have been full: any two neighbouring pages hold more than one page could,
     * or they would have been merged, and only the first may be half read. The
     * first check also enlarges the pipe, if possible. All this is done before
     * any byte of this read is used.
     */
    if (source->pipe_bytes > 0) {
        int left = 0, limit = source->pipe_bytes / 2 - PAGE_BYTES;
        fcntl(source->fd, F_SETPIPE_SZ, PIPE_BYTES);
        source->pipe_bytes = fcntl(source->fd, F_GETPIPE_SZ);
        source->is_damaged =
            ioctl(source->fd, FIONREAD, &left) < 0 || n + left >= limit;
    }
    if (source->is_damaged)
        return -1;
    source->ended = n == 0;
    /* There is no way to know how the feeder ended. A line that was cut off is
     * the only sign that it failed. */
    if (source->ended && sink->report &&
        js_input_is_within_line(source->input)) {
        struct js_err text;
        js_err_set(&text,
                   "%s: the last line does not end in a newline; it is "
                   "accepted as it is",
                   source->name);
        sink->report(sink->arg, text.text);
    }
    js_warnings_look(&source->warnings, piece, (size_t)n);
    return js_intake_feed(source->jobs, piece, (size_t)n) < 0 ? -1 : 1;
}

/* A broken stream is not an error in the list, so it has a state of its own. */
static enum js_source_state end_badly(const struct js_source *source,
                                      struct js_err *err)
{
    if (errno == ECONNABORTED) {
        js_err_set(err,
                   "%s broke off: the process that passes it on is gone. No "
                   "more jobs will be read from it",
                   source->name);
        return JS_SOURCE_BROKEN;
    }
    if (source->is_damaged)
        js_err_set(err,
                   "standard input: this mpirun damages data that has to "
                   "wait for its reader, as has happened here. No more jobs "
                   "will be read from it: start jobsched without mpirun, or "
                   "give it a file");
    else
        js_err_errno(err, "cannot read %s%s",
                     source->owns_fd ? "the job list " : "",
                     js_source_name(source));
    return JS_SOURCE_ERROR;
}

/* Gives the intake one more piece, or reports the end to it. Returns the same
 * as feed_stream(). */
static int feed(struct js_source *source)
{
    const char *bytes;
    if (source->kind == SOURCE_STREAM)
        return feed_stream(source);
    size_t len = js_list_piece(source->list, source->text_at, &bytes);
    source->text_at += len;
    source->ended = len == 0;
    return js_intake_feed(source->jobs, bytes, len) < 0 ? -1 : 1;
}

static enum js_source_state next_parsed(struct js_source *source,
                                        struct js_job **ret, struct js_err *err)
{
    for (int pieces = 0;; pieces++) {
        int rc = js_intake_next(source->jobs, ret, err);
        if (rc != 0)
            return rc > 0 ? JS_SOURCE_JOB : JS_SOURCE_ERROR;
        if (source->ended)
            return JS_SOURCE_END;
        /* A template has no job before all of its text is read. */
        if (source->kind == SOURCE_STREAM && !source->args &&
            pieces == PIECES_MAX)
            return JS_SOURCE_LATER;
        rc = feed(source);
        if (rc == 0)
            return JS_SOURCE_LATER;
        if (rc < 0)
            return end_badly(source, err);
    }
}

static enum js_source_state next_simulated(struct js_source *source,
                                           struct js_job **ret,
                                           struct js_err *err)
{
    while (source->given < source->total) {
        enum js_resume_decision decision = JS_RESUME_DECISION_RUN;
        struct js_job *job = js_job_new_simulated(source->pool, ++source->given,
                                                  source->duration_ns);
        /* Jobs of the demonstration do not come after other jobs. */
        if (!job || (source->resume && js_resume_decide(source->resume, job,
                                                        JS_RESUME_DECISION_DONE,
                                                        &decision) < 0)) {
            js_err_errno(err, "demonstration");
            js_job_free(job);
            return JS_SOURCE_ERROR;
        }
        if (decision == JS_RESUME_DECISION_RUN) {
            size_t bad;
            /* The end of this job is reported to the graph, like that of any
             * other. */
            if (js_graph_add(source->graph, job->seq, NULL, NULL, 0, &bad,
                             err) < 0) {
                js_job_free(job);
                return JS_SOURCE_ERROR;
            }
            *ret = job;
            return JS_SOURCE_JOB;
        }
        js_job_free(job);
    }
    return JS_SOURCE_END;
}

static bool is_final(const struct js_source *source)
{
    return source->state == JS_SOURCE_END || source->state == JS_SOURCE_ERROR ||
           source->state == JS_SOURCE_BROKEN;
}

enum js_source_state js_source_next(struct js_source *source,
                                    struct js_job **ret, struct js_err *err)
{
    if (!is_final(source)) {
        source->state = source->kind == SOURCE_DEMO
                            ? next_simulated(source, ret, &source->failure)
                            : next_parsed(source, ret, &source->failure);
        /* A demonstration counts its jobs itself, because some of them may not
         * run. */
        if (source->state == JS_SOURCE_JOB && source->kind != SOURCE_DEMO)
            source->given++;
        if (source->state == JS_SOURCE_END && source->kind == SOURCE_STREAM)
            js_warnings_end(&source->warnings);
    }
    if (is_final(source) && source->state != JS_SOURCE_END && err)
        *err = source->failure;
    return source->state;
}

/* ---------------------------------------------------------------- opening */

struct js_source *js_source_new_list(const struct js_list *list,
                                     struct js_resume *resume)
{
    struct js_source *source = source_new(SOURCE_LIST);
    if (!source)
        return NULL;
    source->list = list;
    source->resume = resume;
    if (resume) {
        resume->is_stream = false;
        js_resume_rewind(resume);
    }
    source->jobs = js_intake_new(js_list_name(list), js_list_new_reader(list),
                                 source->graph, resume);
    if (source->jobs)
        return source;
    js_source_free(source);
    return NULL;
}

struct js_source *js_source_new_stream(const struct js_list_config *config,
                                       const struct js_input_config *input,
                                       struct js_err *err)
{
    struct stat info;
    const char *format;
    const char *path = config->path;
    if (js_list_find_format(path, config->format, &format, err) < 0 ||
        js_list_check_kind(path, input->fd, &info, err) < 0)
        return NULL;
    if (config->only) {
        js_err_set(err, "--only needs a job file that can be read twice: it "
                        "cannot select from a stream");
        return NULL;
    }
    struct js_source *source = source_new(SOURCE_STREAM);
    if (!source) {
        js_err_errno(err, "%s", path);
        return NULL;
    }
    source->fd = input->fd;
    source->resume = config->resume;
    if (config->resume)
        config->resume->is_stream = true;
    bool is_args = js_formats_is_args(format);
    source->name = is_args ? strdup(JS_ARGS_NAME) : js_list_show_path(path);
    if (source->name) {
        const struct js_formats_input of = {.name = source->name,
                                            .is_stream = true};
        struct js_reader *reader = js_formats_new_reader(format, &of);
        source->args = is_args ? reader : NULL;
        source->jobs =
            js_intake_new(source->name, reader, source->graph, config->resume);
    }
    if (source->jobs &&
        js_warnings_begin(&source->warnings, source->name, config->sink,
                          source->jobs, true) == 0) {
        source->warnings.is_list = js_formats_is_own(format);
        source->input = js_input_new(input);
    }
    if (source->input)
        return source;
    js_err_errno(err, "%s", path);
    js_source_free(source);
    return NULL;
}

struct js_source *js_source_new_file(const struct js_list_config *config,
                                     struct js_err *err)
{
    struct stat info;
    struct js_input_config input = {.fd = STDIN_FILENO};
    struct js_source *source;
    /* Standard input is a stream even if it is a file. */
    if (strcmp(config->path, "-") == 0 && !config->is_read_whole)
        return js_source_new_stream(config, &input, err);
    input.fd = config->is_read_whole
                   ? js_list_open_whole(config->path, &info, err)
                   : js_list_open(config->path, &info, err);
    if (input.fd < 0)
        return NULL;
    if (!S_ISREG(info.st_mode) && !config->is_read_whole) {
        source = js_source_new_stream(config, &input, err);
        if (source)
            source->owns_fd = true;
        else
            js_fd_close(&input.fd);
        return source;
    }
    /* Jobs are given out only after the check, which asks `resume` about every
     * job. */
    if (config->resume)
        config->resume->is_stream = false;
    struct js_list *list = js_list_read_fd(input.fd, info.st_size, config, err);
    if (!list)
        return NULL;
    source = js_source_new_list(list, config->resume);
    if (source) {
        source->own_list = list;
        return source;
    }
    js_err_errno(err, "cannot read the job list %s", js_list_name(list));
    js_list_free(list);
    return NULL;
}

const char *js_source_name(const struct js_source *source)
{
    return source->list ? js_list_name(source->list) : source->name;
}

uint64_t js_source_total(const struct js_source *source, bool *ret_known)
{
    if (source->kind == SOURCE_STREAM) {
        *ret_known = source->state == JS_SOURCE_END;
        if (*ret_known || !source->args || source->resume)
            return source->given;
        uint64_t count = js_args_reader_count(source->args);
        *ret_known = count != JS_PRODUCT_UNKNOWN;
        return *ret_known ? count : source->given;
    }
    uint64_t total =
        source->list ? js_list_survey(source->list)->left : source->total;
    *ret_known = total != UINT64_MAX;
    return total;
}

struct js_graph *js_source_graph(const struct js_source *source)
{
    return source->graph;
}

void js_source_survey(const struct js_source *source,
                      struct js_source_survey *ret)
{
    *ret = (struct js_source_survey){0};
    if (!source->list)
        return;
    const struct js_list_survey *survey = js_list_survey(source->list);
    *ret = (struct js_source_survey){.is_known = true,
                                     .is_ordered = survey->is_ordered,
                                     .shape = survey->shape,
                                     .resume = survey->resume};
}

void js_source_each_need(const struct js_source *source,
                         void (*visit)(void *arg, uint64_t id, uint64_t line,
                                       const struct js_request *request),
                         void *arg)
{
    if (source->list)
        js_list_each_need(source->list, visit, arg);
}

const struct js_list *js_source_list(const struct js_source *source)
{
    return source->list;
}

bool js_source_is_args(const struct js_source *source)
{
    return source->args;
}

bool js_source_is_stream(const struct js_source *source)
{
    return source->kind == SOURCE_STREAM;
}

int js_source_fd(const struct js_source *source)
{
    return js_source_is_stream(source) ? js_input_fd(source->input) : -1;
}
