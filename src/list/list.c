#include "list/list.h"

#include "base/buf.h"
#include "base/file.h"
#include "list/formats.h"
#include "list/intake.h"
#include "list/selection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void js_list_free(struct js_list *list)
{
    if (!list)
        return;
    int saved = errno;
    js_buf_release(&list->text);
    js_buf_release(&list->records);
    js_buf_release(&list->needs);
    js_buf_release(&list->selected);
    js_values_cache_free(list->values);
    free(list->name);
    free(list);
    errno = saved;
}

static int list_fail_errno(const struct js_list *list, struct js_err *err)
{
    return js_err_errno(err, "cannot read the job list %s", list->name);
}

/* ---------------------------------------------------------------- reading */

char *js_list_show_path(const char *path)
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

int js_list_check_kind(const char *path, int fd, struct stat *ret,
                       struct js_err *err)
{
    char *name = js_list_show_path(path);
    const char *shown = name ? name : "";
    int rc = fstat(fd, ret);
    if (rc < 0)
        js_err_errno(err, "cannot read %s", shown);
    else if (S_ISDIR(ret->st_mode))
        rc = js_err_set(
            err, "%s is a directory: name a file with one command on each line",
            shown);
    free(name);
    return rc;
}

/* Opens with these flags too. */
static int list_open(const char *path, int flags, struct stat *ret,
                     struct js_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
    if (fd < 0) {
        char *name = js_list_show_path(path);
        js_err_errno(err, "cannot read the job list %s", name ? name : "");
        free(name);
        return -1;
    }
    if (js_list_check_kind(path, fd, ret, err) < 0)
        js_fd_close(&fd);
    return fd;
}

int js_list_open(const char *path, struct stat *ret, struct js_err *err)
{
    /* O_NONBLOCK has no effect on a regular file. */
    return list_open(path, O_NONBLOCK, ret, err);
}

int js_list_open_whole(const char *path, struct stat *ret, struct js_err *err)
{
    if (strcmp(path, "-") != 0)
        return list_open(path, 0, ret, err);
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return js_err_errno(err, "cannot read standard input");
    if (js_list_check_kind(path, fd, ret, err) < 0)
        js_fd_close(&fd);
    return fd;
}

/* ---------------------------------------------------------------- checking */

/* One pass over the whole text. Its jobs are not kept. */
struct check {
    struct js_list *list;
    struct js_resume *resume; /* NULL: all run */
    struct js_warnings warnings;
    struct js_graph *graph;
    struct js_intake *jobs;
    size_t at; /* the position up to which the intake has received the text */
    bool has_ended;
    unsigned errors;
    struct js_err first_error;
};

/* Returns 1 with the next job that runs, 0 at the end of the list, or -1 like
 * js_intake_next(). */
static int check_next(struct check *check, struct js_job **ret,
                      struct js_err *err)
{
    for (;;) {
        const char *bytes;
        int rc = js_intake_next(check->jobs, ret, err);
        if (rc != 0 || check->has_ended)
            return rc;
        size_t len = js_list_piece(check->list, check->at, &bytes);
        check->at += len;
        check->has_ended = len == 0;
        js_warnings_look(&check->warnings, bytes, len);
        if (js_intake_feed(check->jobs, bytes, len) < 0)
            return list_fail_errno(check->list, err);
    }
}

/* Keeps what the job needs, for js_list_each_need(). A large list often has
 * many jobs in a row with the same needs, so only the first is kept: the table
 * stays small. */
static int keep_need(struct js_list *list, const struct js_job *job)
{
    const struct js_request *now = &job->request;
    struct js_buf *needs = &list->needs;
    if (js_job_is_plain(job))
        return 0;
    if (needs->len > 0) {
        const struct js_request *before =
            &((const struct js_list_need *)(needs->data + needs->len) - 1)
                 ->request;
        if (js_request_nodes(before) == js_request_nodes(now) &&
            before->cores == now->cores && before->gpus == now->gpus &&
            before->mem_bytes == now->mem_bytes)
            return 0;
    }
    struct js_list_need special = {job->id, job->line, *now};
    return js_buf_append(needs, &special, sizeof(special));
}

/* The first error is reported only when there is a second. A single error is
 * returned as such. */
static void check_add_error(struct check *check, const struct js_err *err)
{
    const struct js_warnings_sink *sink = &check->warnings.sink;
    if (check->errors++ == 0) {
        check->first_error = *err;
        return;
    }
    if (!sink->report)
        return;
    if (check->errors == 2)
        sink->report(sink->arg, check->first_error.text);
    sink->report(sink->arg, err->text);
}

/* Puts together the findings, once the text has been read or has too many
 * errors.
 */
static int check_finish(struct check *check, struct js_err *err)
{
    struct js_list *list = check->list;
    struct js_list_survey *survey = &list->survey;
    js_warnings_end(&check->warnings);
    if (check->errors == 1)
        return js_err_set(err, "%s", check->first_error.text);
    if (check->errors > 1)
        return js_err_set(err, "%s: %u errors%s", list->name, check->errors,
                          check->errors == JS_LIST_ERRORS ? " or more" : "");
    if (check->resume) {
        if (js_resume_end(check->resume) < 0)
            return list_fail_errno(list, err);
        survey->resume = check->resume->counts;
        /* Jobs that do not take part in this run have not ended either. */
        survey->left += survey->resume.aside;
    }
    js_graph_shape(check->graph, &survey->shape);
    return 0;
}

/* Checks the text to its end. Continues after an error in the attributes, to
 * find more of these. */
static int check_text(struct check *check, struct js_err *err)
{
    struct js_list *list = check->list;
    struct js_list_survey *survey = &list->survey;
    while (check->errors < JS_LIST_ERRORS) {
        struct js_job *job;
        struct js_err why;
        int rc = check_next(check, &job, &why);
        if (rc == 0)
            break;
        if (rc < 0) {
            /* After any other error the intake cannot go on. */
            bool is_final = errno != EINVAL;
            check_add_error(check, &why);
            if (is_final)
                break;
            continue;
        }
        rc = keep_need(list, job);
        survey->is_ordered |= job->priority != 0;
        survey->left++;
        js_job_free(job);
        if (rc < 0)
            return list_fail_errno(list, err);
    }
    return check_finish(check, err);
}

static int list_check(struct js_list *list, const struct js_list_config *config,
                      struct js_err *err)
{
    struct check check = {.list = list, .resume = config->resume};
    int rc = -1;
    check.graph = js_graph_new();
    if (check.graph)
        check.jobs = js_intake_new(list->name, js_list_new_reader(list),
                                   check.graph, config->resume);
    bool is_begun =
        check.jobs && js_warnings_begin(&check.warnings, list->name,
                                        config->sink, check.jobs, false) == 0;
    check.warnings.is_list = js_formats_is_own(list->format);
    if (is_begun)
        rc = check_text(&check, err);
    else
        list_fail_errno(list, err);
    js_intake_free(check.jobs);
    js_graph_free(check.graph);
    /* It is ours indeed. */
    if (!list->format)
        list->format = JS_FORMATS_OWN;
    return rc;
}

/* ---------------------------------------------------------------- all of it */

int js_list_find_format(const char *path, const char *format, const char **ret,
                        struct js_err *err)
{
    struct js_err why;
    *ret = format ? js_formats_find(format, &why) : NULL;
    if (!format || *ret)
        return 0;
    char *name = js_list_show_path(path);
    js_err_set(err, "%s cannot be read in the format \"%s\": %s",
               name ? name : "", format, why.text);
    free(name);
    return -1;
}

/* Creates a list without its text. */
static struct js_list *list_new(const char *path, const char *format,
                                struct js_err *err)
{
    const char *found;
    if (js_list_find_format(path, format, &found, err) < 0)
        return NULL;
    struct js_list *list = calloc(1, sizeof(*list));
    if (list) {
        list->format = found;
        list->name = js_list_show_path(path);
        list->values = js_values_cache_new();
    }
    if (list && list->name && list->values)
        return list;
    js_err_errno(err, "%s", path);
    js_list_free(list);
    return NULL;
}

struct js_reader *js_list_new_reader(const struct js_list *list)
{
    const struct js_formats_input input = {.name = list->name,
                                           .records = list->records.data,
                                           .records_len = list->records.len};
    struct js_reader *reader = js_formats_new_reader(list->format, &input);
    if (reader)
        js_reader_set_cache(reader, list->values);
    return reader;
}

/* Appends a whole file. A FIFO, for which there may never be a writer, is
 * refused. */
static int list_read_regular(const char *path, struct js_buf *ret)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fstat(fd, &info);
    if (rc == 0 && !S_ISREG(info.st_mode)) {
        errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
        rc = -1;
    }
    if (rc == 0)
        rc = js_file_read(fd, ret);
    js_fd_close(&fd);
    return rc;
}

int js_list_read_records(const char *path, const char *format,
                         struct js_buf *ret, struct js_err *err)
{
    const char *suffix = js_formats_records(format);
    struct js_buf beside = JS_BUF_INIT;
    if (!suffix || strcmp(path, "-") == 0)
        return 0;
    int rc = js_buf_printf(&beside, "%s%s", path, suffix);
    if (rc == 0) {
        rc = list_read_regular(beside.data, ret);
        rc = rc < 0 && errno == ENOENT ? 0 : rc;
    }
    if (rc < 0) {
        char *name = js_list_show_path(path);
        js_err_errno(err, "cannot read %s%s", name ? name : "", suffix);
        free(name);
    }
    js_buf_release(&beside);
    return rc;
}

/* Says that the settings of the tool do not hold here, if there are any. */
static void list_warn_unread(const struct js_list *list,
                             const struct js_warnings_sink *sink)
{
    const char *unread = js_formats_unread(list->format);
    struct js_err text;
    if (!unread || !sink || !sink->report || access(unread, F_OK) != 0)
        return;
    js_err_set(&text,
               "%s: warning: %s is not read; `man 5 jobsched` says what to use "
               "instead",
               list->name, unread);
    sink->report(sink->arg, text.text);
}

struct js_list *js_list_read_fd(int fd, off_t size_bytes,
                                const struct js_list_config *config,
                                struct js_err *err)
{
    struct js_list *list = list_new(config->path, config->format, err);
    int rc = -1;
    /* Reads to the end, whatever size fstat(2) reported: the file may be
     * growing, or be in /proc and have no size. With one more byte of room, the
     * end is found without growing the buffer. */
    if (list && (js_buf_reserve(&list->text, (size_t)size_bytes + 1) < 0 ||
                 js_file_read(fd, &list->text) < 0))
        list_fail_errno(list, err);
    else if (list &&
             js_list_read_records(config->path, list->format, &list->records,
                                  err) == 0 &&
             (!config->only ||
              js_selection_find(list, config->only, config->resume,
                                &list->selected, err) == 0))
        rc = list_check(list, config, err);
    js_fd_close(&fd);
    if (rc == 0) {
        list_warn_unread(list, config->sink);
        return list;
    }
    js_list_free(list);
    return NULL;
}

struct js_list *js_list_read(const char *path, const char *format,
                             struct js_err *err)
{
    struct stat info;
    int fd = js_list_open(path, &info, err);
    if (fd < 0)
        return NULL;
    if (S_ISREG(info.st_mode))
        return js_list_read_fd(
            fd, info.st_size,
            &(struct js_list_config){.path = path, .format = format}, err);
    js_fd_close(&fd);
    js_err_set(err, "%s is not a regular file, so it cannot be read again",
               path);
    return NULL;
}

struct js_list *js_list_new_text(const char *name, const char *text, size_t len,
                                 struct js_err *err)
{
    const struct js_list_config config = {.path = name};
    struct js_list *list = list_new(name, JS_FORMATS_OWN, err);
    int rc = -1;
    if (list && js_buf_append(&list->text, text, len) < 0)
        list_fail_errno(list, err);
    else if (list)
        rc = list_check(list, &config, err);
    if (rc == 0)
        return list;
    js_list_free(list);
    return NULL;
}

void js_list_each_need(const struct js_list *list,
                       void (*visit)(void *arg, uint64_t id, uint64_t line,
                                     const struct js_request *request),
                       void *arg)
{
    const struct js_list_need *specials =
        (const struct js_list_need *)(const void *)list->needs.data;
    size_t count = list->needs.len / sizeof(*specials);
    for (size_t i = 0; i < count; i++)
        visit(arg, specials[i].id, specials[i].line, &specials[i].request);
}
