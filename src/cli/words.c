#include "cli/words.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/text.h"
#include "list/args.h"
#include "list/args_reader.h"
#include "list/product.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Writes the text, and then all of standard input, to the pipe. It runs in a
 * process of its own, which ends with ours. */
static void words_feed(const struct js_buf *text, int pipe)
{
    char bytes[65536];
    ssize_t len = 1;
    if (js_file_write(pipe, text->data, text->len) < 0)
        return;
    while (len > 0) {
        do
            len = read(STDIN_FILENO, bytes, sizeof(bytes));
        while (len < 0 && errno == EINTR);
        if (len < 0) {
            fprintf(stderr, "jobsched: cannot read standard input: %s\n",
                    js_errno_text(errno));
            /* A NUL is an error in a value. Without it, this would look like
             * the end of the values. */
            bytes[0] = '\0';
            js_file_write(pipe, bytes, 1);
        } else if (js_file_write(pipe, bytes, (size_t)len) < 0) {
            return;
        }
    }
}

static int words_put_stream(const struct js_buf *text, struct js_err *err)
{
    int ends[2];
    pid_t parent = getpid();
    if (read(STDIN_FILENO, NULL, 0) < 0)
        return js_err_errno(err, "cannot read standard input");
    if (isatty(STDIN_FILENO))
        return js_err_set(err, "the values cannot be read from standard input, "
                               "which is a terminal: to type them, use `cat | "
                               "jobsched ...`");
    /* The source could not notice it behind our pipe. */
    if (js_launchenv_damages(STDIN_FILENO))
        return js_err_set(err, "this mpirun damages standard input that has to "
                               "wait for its reader: start jobsched without "
                               "mpirun, or put the values into a file");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return js_err_errno(err, "cannot read the values");
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        if (getppid() == parent)
            words_feed(text, ends[1]);
        _exit(0);
    }
    int rc = child > 0 && dup2(ends[0], STDIN_FILENO) >= 0 ? 0 : -1;
    if (rc < 0)
        js_err_errno(err, "cannot read the values");
    js_fd_close(&ends[0]);
    js_fd_close(&ends[1]);
    return rc;
}

static int words_put_file(const struct js_buf *text, struct js_err *err)
{
    int fd = memfd_create("jobsched", MFD_CLOEXEC);
    int rc = fd >= 0 && js_file_write(fd, text->data, text->len) == 0 &&
                     lseek(fd, 0, SEEK_SET) == 0 && dup2(fd, STDIN_FILENO) >= 0
                 ? 0
                 : -1;
    if (rc < 0)
        js_err_errno(err, "cannot keep the values");
    js_fd_close(&fd);
    return rc;
}

/* Makes the first job of a text without a stream, so that all errors in it are
 * found. Returns 0, or -1 with *err. *ret_entry belongs to the reader. */
static int words_try(const struct js_options *options,
                     const struct js_buf *text, struct js_reader *reader,
                     struct js_entry *ret_entry, struct js_err *err)
{
    *ret_entry = (struct js_entry){.kind = JS_ENTRY_NONE};
    if (!reader || js_reader_feed(reader, text->data, text->len) < 0 ||
        js_reader_feed(reader, NULL, 0) < 0)
        return js_err_errno(err, JS_ARGS_NAME);
    if (js_reader_next(reader, ret_entry, err) < 0)
        return -1;
    /* The ids of a journal have 32 bits. */
    uint64_t count = js_args_reader_count(reader);
    if (options->config.journal && count != JS_PRODUCT_UNKNOWN &&
        count > UINT32_MAX)
        return js_err_set(err,
                          JS_ARGS_NAME ": %" PRIu64
                                       " jobs are too many for a journal, "
                                       "which can have %" PRIu32,
                          count, UINT32_MAX);
    return 0;
}

int js_words_put_on_stdin(const struct js_options *options, struct js_err *err)
{
    struct js_buf text = JS_BUF_INIT;
    struct js_entry entry;
    bool is_stream;
    /* Otherwise the first file to be opened could become standard input. */
    if (js_file_reserve_stdio() < 0)
        return js_err_errno(err, "/dev/null");
    int rc =
        js_args_pack(options->words, &options->args, &text, &is_stream, err);
    if (rc == 0 && !is_stream) {
        struct js_reader *reader = js_args_reader_new(JS_ARGS_NAME);
        rc = words_try(options, &text, reader, &entry, err);
        js_reader_free(reader);
    }
    if (rc == 0)
        rc = is_stream ? words_put_stream(&text, err)
                       : words_put_file(&text, err);
    js_buf_release(&text);
    return rc;
}

/* ---------------------------------------------------------------- --check */

static int words_report(struct js_reader *reader, const struct js_entry *entry)
{
    const struct js_entry_part part = {.attribute = "warning"};
    struct js_err warning, place;
    uint64_t count = js_args_reader_count(reader);
    /* Values that are commands have all been typed, or read from a file. */
    if (count == JS_PRODUCT_UNKNOWN) {
        struct js_entry other = *entry;
        count = entry->kind == JS_ENTRY_JOB;
        while (js_reader_next(reader, &other, &place) > 0)
            count++;
    }
    if (entry->warning) {
        js_err_set(&warning, "warning: %s", entry->warning);
        if (js_reader_describe(reader, &part, warning.text, &place) == 0)
            fprintf(stderr, "jobsched: %s\n", place.text);
    }
    if (printf("%s: %" PRIu64 " job%s\n", JS_ARGS_NAME, count,
               js_text_plural(count)) >= 0 &&
        fflush(stdout) == 0)
        return JOBSCHED_SUCCEEDED;
    fprintf(stderr, "jobsched: cannot write to standard output: %s\n",
            js_errno_text(errno));
    return JOBSCHED_BROKEN;
}

int js_words_check(const struct js_options *options)
{
    struct js_buf text = JS_BUF_INIT;
    struct js_entry entry;
    struct js_err err;
    bool is_stream = false;
    int status = JOBSCHED_BAD_INPUT;
    struct js_reader *reader = js_args_reader_new(JS_ARGS_NAME);
    int rc =
        js_args_pack(options->words, &options->args, &text, &is_stream, &err);
    if (rc == 0 && is_stream)
        rc = js_err_set(&err, "--check and --dry-run cannot read the values "
                              "from standard input: put them into a file");
    if (rc == 0)
        rc = words_try(options, &text, reader, &entry, &err);
    if (rc == 0)
        status = words_report(reader, &entry);
    else
        fprintf(stderr, "jobsched: %s\n", err.text);
    js_reader_free(reader);
    js_buf_release(&text);
    return status;
}
