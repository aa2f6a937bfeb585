#include "cli/status.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/input_paths.h"
#include "cli/status_json.h"
#include "cli/status_model.h"
#include "cli/status_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* The time between two readings, which themselves take at most a tenth of the
 * time. */
static const int64_t look_every_ns = 2 * JS_NS_PER_S;
enum { LOOKS_PART = 10 };

struct screen {
    bool is_terminal;
    unsigned columns, rows;
    unsigned lines; /* lines that were drawn last */
};

static int status_fail(const char *what, enum jobsched_status status)
{
    fprintf(stderr, "jobsched: %s\n", what);
    return (int)status;
}

/* ---------------------------------------------------------------- drawing */

static void status_measure(struct screen *screen)
{
    struct winsize size;
    screen->is_terminal = isatty(STDOUT_FILENO);
    screen->columns = screen->rows = 0;
    if (!screen->is_terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
        return;
    screen->columns = size.ws_col;
    screen->rows = size.ws_row;
}

/* Returns how many bytes of the line fit. Every character is assumed to have
 * the same width. */
static size_t cut_line(const char *line, size_t len, unsigned columns)
{
    unsigned column = 0;
    for (size_t i = 0; columns > 0 && i < len; i++) {
        bool begins = !js_text_is_continuation(line[i]);
        if (begins && column++ == columns)
            return i;
    }
    return len;
}

/* Limits the text to the rows of the terminal, and each line to its width. */
static int fit(struct screen *screen, const struct js_buf *text,
               struct js_buf *ret)
{
    const char *at = text->data, *end = text->data + text->len;
    screen->lines = 0;
    while (at < end &&
           (screen->rows == 0 || screen->lines + 1 < screen->rows)) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline : end) - at);
        if (js_buf_append(ret, at, cut_line(at, len, screen->columns)) < 0 ||
            js_buf_puts(ret, "\n") < 0)
            return -1;
        at += len + 1;
        screen->lines++;
    }
    return 0;
}

/* Draws the text in place of the previous one. */
static int redraw(struct screen *screen, const struct js_buf *text)
{
    struct js_buf out = JS_BUF_INIT;
    int rc = 0;
    if (screen->lines > 0)
        rc = js_buf_printf(&out, "\033[%uA\r\033[J", screen->lines);
    status_measure(screen);
    if (rc == 0)
        rc = fit(screen, text, &out);
    if (rc == 0)
        rc = js_file_write(STDOUT_FILENO, out.data, out.len);
    js_buf_release(&out);
    return rc;
}

/* ---------------------------------------------------------------- looking */

static int describe(const struct js_options *options,
                    const struct js_status_model *overview, struct js_buf *text)
{
    if (options->is_json)
        return js_status_json(overview, text);
    return options->explained ? js_status_explain(overview, text)
                              : js_status_text(overview, text);
}

/* Returns 0 and the text to show, or an exit status after a message. */
static int status_look(const struct js_options *options, const char *journal,
                       struct js_buf *text, bool *ret_on)
{
    struct js_err err;
    struct js_status_model overview;
    struct js_status_model_config config = {
        .job_file = js_input_paths_list(&options->config),
        .journal = journal,
        .explained = options->explained,
        .failed_shown = options->is_json ? SIZE_MAX : JS_STATUS_FAILED_SHOWN};
    if (js_status_model_load(&overview, &config, &err) < 0)
        return status_fail(err.text, JOBSCHED_BAD_INPUT);
    *ret_on = overview.life == JS_JOURNAL_MODEL_ON;
    text->len = 0;
    int rc = describe(options, &overview, text);
    js_status_model_release(&overview);
    return rc < 0 ? status_fail("no memory", JOBSCHED_BROKEN) : 0;
}

static void pause_for(int64_t ns)
{
    struct timespec pause = {.tv_sec = ns / JS_NS_PER_S,
                             .tv_nsec = ns % JS_NS_PER_S};
    while (nanosleep(&pause, &pause) < 0 && errno == EINTR)
        continue;
}

static int status_show(struct screen *screen, const struct js_buf *text)
{
    int rc = screen->is_terminal
                 ? redraw(screen, text)
                 : js_file_write(STDOUT_FILENO, text->data, text->len);
    if (rc == 0)
        return 0;
    fprintf(stderr, "jobsched: standard output: %s\n", js_errno_text(errno));
    return JOBSCHED_BROKEN;
}

static int status_watch(const struct js_options *options, const char *journal)
{
    struct screen screen = {.is_terminal = isatty(STDOUT_FILENO)};
    struct js_buf text = JS_BUF_INIT;
    bool is_on = false;
    int status;
    for (;;) {
        int64_t begun_ns = js_clock_ns();
        status = status_look(options, journal, &text, &is_on);
        int64_t took_ns = js_clock_ns() - begun_ns;
        if (status == 0)
            status = status_show(&screen, &text);
        if (status != 0 || !is_on)
            break;
        pause_for(took_ns * LOOKS_PART > look_every_ns ? took_ns * LOOKS_PART
                                                       : look_every_ns);
    }
    js_buf_release(&text);
    return status;
}

static int look_once(const struct js_options *options, const char *journal)
{
    struct js_buf text = JS_BUF_INIT;
    struct screen plain = {.is_terminal = false};
    bool is_on;
    int status = status_look(options, journal, &text, &is_on);
    if (status == 0)
        status = status_show(&plain, &text);
    js_buf_release(&text);
    return status;
}

int js_status(const struct js_options *options)
{
    struct js_err err;
    char *journal = js_input_paths_journal(&options->config, "", &err);
    if (!journal)
        return status_fail(err.text, JOBSCHED_BAD_INPUT);
    int status = options->is_watched ? status_watch(options, journal)
                                     : look_once(options, journal);
    free(journal);
    return status;
}
