#include "cli/expand.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/table.h"
#include "base/text.h"
#include "list/args.h"
#include "list/entry_write.h"
#include "list/formats.h"
#include "list/list.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The list is read in pieces of this size. */
enum { EXPAND_PIECE_BYTES = 64 * 1024 };

struct expand {
    char *name; /* of the list, in messages */
    int fd;     /* of what is still to be read; -1: nothing */
    bool owns_fd;
    struct js_buf text;    /* what comes before that */
    struct js_buf records; /* of the tool whose format it is */
    struct js_reader *reader;

    struct js_buf line;    /* the line being written */
    bool is_held;          /* it must be the last, and is not yet written */
    struct js_err refusal; /* what to say if it is not */
    uint64_t number;       /* the list's line that the last entry came from */
    bool is_seen; /* a job of that line has a name that its own glob matches */

    struct js_strmap done; /* the names of jobs that are done; owned */
    uint64_t done_count;
    uint64_t refused;
    uint64_t errors;
};

static void expand_release(struct expand *expand)
{
    const char *name;
    size_t at = 0;
    js_reader_free(expand->reader);
    if (expand->owns_fd)
        js_fd_close(&expand->fd);
    js_buf_release(&expand->text);
    js_buf_release(&expand->records);
    js_buf_release(&expand->line);
    while ((name = js_strmap_next(&expand->done, &at)))
        free(js_strmap_get(&expand->done, name));
    js_strmap_release(&expand->done);
    free(expand->name);
}

/* ---------------------------------------------------------------- the list */

static int expand_open_words(struct expand *expand,
                             const struct js_options *options,
                             struct js_err *err)
{
    bool is_stream = false;
    expand->name = strdup(JS_ARGS_NAME);
    if (!expand->name)
        return js_err_errno(err, JS_ARGS_NAME);
    int rc = js_args_pack(options->words, &options->args, &expand->text,
                          &is_stream, err);
    expand->fd = is_stream ? STDIN_FILENO : -1;
    return rc;
}

static int expand_open_file(struct expand *expand,
                            const struct js_options *options,
                            bool *ret_is_stream, struct js_err *err)
{
    struct stat info;
    const char *path = options->config.job_file;
    expand->name = js_list_show_path(path);
    if (!expand->name)
        return js_err_errno(err, "%s", path);
    expand->fd = js_list_open_whole(path, &info, err);
    expand->owns_fd = true;
    if (expand->fd < 0)
        return -1;
    *ret_is_stream = !S_ISREG(info.st_mode);
    return js_list_read_records(path, options->config.job_format,
                                &expand->records, err);
}

static int expand_open(struct expand *expand, const struct js_options *options,
                       struct js_err *err)
{
    struct js_formats_input input = {0};
    int rc = options->words
                 ? expand_open_words(expand, options, err)
                 : expand_open_file(expand, options, &input.is_stream, err);
    if (rc < 0)
        return -1;
    input.name = expand->name;
    input.records = expand->records.data;
    input.records_len = expand->records.len;
    expand->reader = js_formats_new_reader(options->config.job_format, &input);
    if (!expand->reader)
        return js_err_errno(err, "%s", expand->name);
    return 0;
}

/* Gives the reader the next piece. Returns how long it is (0: the end), or -1
 * with errno. */
static ssize_t expand_feed(struct expand *expand)
{
    char piece[EXPAND_PIECE_BYTES];
    ssize_t len = (ssize_t)expand->text.len;
    if (len > 0) {
        int rc =
            js_reader_feed(expand->reader, expand->text.data, expand->text.len);
        js_buf_release(&expand->text);
        return rc < 0 ? -1 : len;
    }
    if (expand->fd >= 0) {
        while ((len = read(expand->fd, piece, sizeof(piece))) < 0 &&
               (errno == EINTR || errno == EAGAIN))
            poll(&(struct pollfd){.fd = expand->fd, .events = POLLIN}, 1, -1);
        if (len < 0)
            return -1;
    }
    return js_reader_feed(expand->reader, piece, (size_t)len) < 0 ? -1 : len;
}

/* ---------------------------------------------------------------- entries */

static void expand_say(const struct js_err *err)
{
    fprintf(stderr, "jobsched: %s\n", err->text);
}

static void expand_describe(const struct expand *expand,
                            const struct js_entry_part *part, const char *why,
                            struct js_err *ret)
{
    struct js_err what;
    js_err_set(&what, "%s: it is left out", why);
    if (js_reader_describe(expand->reader, part, what.text, ret) < 0)
        js_err_set(ret, "%s", what.text);
}

static void expand_refuse(struct expand *expand,
                          const struct js_entry_part *part, const char *why)
{
    struct js_err text;
    expand_describe(expand, part, why, &text);
    expand_say(&text);
    expand->refused++;
}

/* Keeps the name of a job that is done, so that those after it need not wait
 * for it. */
static int expand_skip_done(struct expand *expand, const char *name)
{
    expand->done_count++;
    if (!name || js_strmap_get(&expand->done, name))
        return 0;
    char *copy = strdup(name);
    if (copy && js_strmap_put(&expand->done, copy, copy) == 0)
        return 0;
    free(copy);
    return -1;
}

/* Copies the names of jobs that are not done. */
static int expand_copy_names(const struct expand *expand,
                             const struct js_strings *from,
                             struct js_strings *to)
{
    const char *name = NULL;
    while ((name = js_strings_next(from, name))) {
        if (!js_strmap_get(&expand->done, name) &&
            js_strings_add(to, name, strlen(name)) < 0)
            return -1;
    }
    return 0;
}

static bool is_matched(const struct js_strings *globs, const char *text)
{
    const char *glob = NULL;
    while ((glob = js_strings_next(globs, glob))) {
        if (strpbrk(glob, "*?") && js_text_matches(glob, text))
            return true;
    }
    return false;
}

/* A glob does not match the names of its own line, but in a line of its own the
 * job would come after them. */
static bool expand_is_entangled(struct expand *expand,
                                const struct js_entry *entry)
{
    const struct js_attributes *of = entry->attributes;
    bool is_seen = expand->is_seen && entry->line == expand->number;
    expand->number = entry->line;
    expand->is_seen = is_seen || (of && of->has_globs && of->name &&
                                  (is_matched(&of->after, of->name) ||
                                   is_matched(&of->after_any, of->name)));
    return is_seen;
}

/* Returns 0, or -1 with errno of standard output. */
static int expand_put_line(struct expand *expand, const char *end)
{
    const struct js_buf *line = &expand->line;
    if (fwrite(line->data, 1, line->len, stdout) < line->len)
        return -1;
    return fputs(end, stdout) < 0 ? -1 : 0;
}

static int expand_write(struct expand *expand, const struct js_entry *entry)
{
    struct js_entry_part part;
    struct js_err why;
    bool is_last;
    if (expand->is_held) {
        expand_say(&expand->refusal);
        expand->refused++;
        expand->is_held = false;
    }
    expand->line.len = 0;
    if (js_entry_write(&expand->line, entry, &is_last, &part, &why) < 0) {
        if (errno == EINVAL)
            expand_refuse(expand, &part, why.text);
        return errno == EINVAL ? 0 : -1;
    }
    if (!is_last)
        return expand_put_line(expand, "\n");
    expand->is_held = true;
    expand_describe(expand,
                    &(struct js_entry_part){NULL, entry->command_len - 1},
                    "this command ends in a backslash, which continues the "
                    "line unless it is the last of a job file",
                    &expand->refusal);
    return 0;
}

/* Returns 0, or -1 with errno. */
static int expand_take(struct expand *expand, const struct js_entry *entry)
{
    struct js_attributes kept;
    if (entry->is_done)
        return expand_skip_done(
            expand, entry->attributes ? entry->attributes->name : NULL);
    if (expand_is_entangled(expand, entry)) {
        expand_refuse(expand, &(struct js_entry_part){"after", 0},
                      "names of the same line match this, which cannot be said "
                      "of jobs in lines of their own");
        return 0;
    }
    if (!entry->attributes || expand->done.count == 0)
        return expand_write(expand, entry);
    kept = *entry->attributes;
    kept.after = kept.after_any = (struct js_strings){0};
    int rc = expand_copy_names(expand, &entry->attributes->after, &kept.after);
    if (rc == 0)
        rc = expand_copy_names(expand, &entry->attributes->after_any,
                               &kept.after_any);
    struct js_entry rest = *entry;
    rest.attributes = &kept;
    if (rc == 0)
        rc = expand_write(expand, &rest);
    js_buf_release(&kept.after.bytes);
    js_buf_release(&kept.after_any.bytes);
    return rc;
}

/* Writes all entries of what the reader has. Returns 0, or -1 with errno: if
 * that is EBADMSG, the error has been reported. */
static int expand_take_all(struct expand *expand)
{
    for (;;) {
        struct js_entry entry = {.kind = JS_ENTRY_JOB};
        struct js_err err;
        int rc = js_reader_next(expand->reader, &entry, &err);
        if (rc == 0)
            return 0;
        if (rc > 0) {
            if (expand_take(expand, &entry) < 0)
                return -1;
            continue;
        }
        bool is_final = errno != EINVAL || ++expand->errors == JS_LIST_ERRORS;
        expand_say(&err);
        if (is_final) {
            errno = EBADMSG;
            return -1;
        }
    }
}

/* Returns the same as expand_take_all(). */
static int expand_all(struct expand *expand)
{
    ssize_t len;
    do {
        len = expand_feed(expand);
        if (len < 0) {
            struct js_err err;
            js_err_errno(&err, "cannot read %s", expand->name);
            expand_say(&err);
            errno = EBADMSG;
            return -1;
        }
        if (expand_take_all(expand) < 0)
            return -1;
    } while (len > 0);
    if (expand->is_held && expand_put_line(expand, "") < 0)
        return -1;
    return fflush(stdout) == 0 ? 0 : -1;
}

static int expand_status(const struct expand *expand, int rc, int errnum)
{
    bool is_bad = expand->errors > 0 || (rc < 0 && errnum == EBADMSG);
    if (rc < 0 && errnum != EBADMSG && errnum != EPIPE) {
        fprintf(stderr, "jobsched: cannot write to standard output: %s\n",
                js_errno_text(errnum));
        return JOBSCHED_BROKEN;
    }
    if (expand->done_count > 0)
        fprintf(stderr,
                "jobsched: %s: %" PRIu64 " job%s done by the records of the "
                "other tool, and left out\n",
                expand->name, expand->done_count,
                expand->done_count == 1 ? " is" : "s are");
    if (is_bad)
        return JOBSCHED_BAD_INPUT;
    return expand->refused > 0 ? JOBSCHED_JOBS_FAILED : JOBSCHED_SUCCEEDED;
}

int js_expand(const struct js_options *options)
{
    struct expand expand = {.fd = -1};
    struct js_err err;
    int status = JOBSCHED_BAD_INPUT;
    if (expand_open(&expand, options, &err) < 0) {
        expand_say(&err);
    } else {
        int rc = expand_all(&expand);
        status = expand_status(&expand, rc, errno);
    }
    expand_release(&expand);
    return status;
}
