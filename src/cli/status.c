#include "cli/status.h"

#include "base/clock.h"
#include "base/text.h"
#include "cli/status_json.h"
#include "cli/status_model.h"
#include "cli/status_text.h"
#include "cli/textbuf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* The least time between two readings. A journal that takes long to read is
 * read less often: at most a tenth of the time goes into reading. */
static const int64_t look_every_ns = 2 * JS_NS_PER_S;
enum { LOOKS_PART = 10 };

struct screen {
    bool is_terminal;
    unsigned columns, rows; /* 0: unknown, so nothing is cut */
    unsigned lines;         /* lines that were drawn last */
};

/* ---------------------------------------------------------------- drawing */

/* Returns how many bytes of the line fit. Every character is assumed to have
 * the same width. */
static size_t screen_cut(const char *line, size_t len, unsigned columns)
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
static int screen_fit(struct screen *screen, const struct js_buf *text,
                      struct js_buf *ret)
{
    const char *at = text->data, *end = text->data + text->len;
    screen->lines = 0;
    while (at < end &&
           (screen->rows == 0 || screen->lines + 1 < screen->rows)) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline : end) - at);
        if (js_buf_append(ret, at, screen_cut(at, len, screen->columns)) < 0 ||
            js_buf_puts(ret, "\n") < 0)
            return -1;
        at += len + 1;
        screen->lines++;
    }
    return 0;
}

/* Draws the text in place of the previous one. The size of the terminal may
 * have changed since. Returns an exit status. */
static int screen_redraw(struct screen *screen, const struct js_buf *text)
{
    struct winsize size;
    struct js_buf out = JS_BUF_INIT;
    int rc = 0;
    if (screen->lines > 0)
        rc = js_buf_printf(&out, "\033[%uA\r\033[J", screen->lines);
    screen->columns = screen->rows = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        screen->columns = size.ws_col;
        screen->rows = size.ws_row;
    }
    if (rc == 0)
        rc = screen_fit(screen, text, &out);
    int status = rc == 0 ? js_textbuf_print(&out)
                         : js_textbuf_fail("out of memory", JOBSCHED_BROKEN);
    js_buf_release(&out);
    return status;
}

/* ---------------------------------------------------------------- looking */

/* Returns 0 and the text to show, or an exit status after a message. */
static int status_look(const struct js_options *options, const char *journal,
                       struct js_buf *text, bool *ret_on)
{
    struct js_err err;
    struct js_status_model model;
    struct js_status_model_config config = {
        .job_file = js_options_list(&options->config),
        .format = options->config.job_format,
        .journal = journal,
        .explained = options->explained,
        .failed_shown = options->is_json ? SIZE_MAX : JS_STATUS_FAILED_SHOWN};
    if (js_status_model_load(&model, &config, &err) < 0)
        return js_textbuf_fail(err.text, JOBSCHED_BAD_INPUT);
    *ret_on = model.life == JS_JOURNAL_MODEL_ON;
    text->len = 0;
    int rc = options->is_json     ? js_status_json(&model, text)
             : options->explained ? js_status_explain(&model, text)
                                  : js_status_text(&model, text);
    js_status_model_release(&model);
    return rc < 0 ? js_textbuf_fail("out of memory", JOBSCHED_BROKEN) : 0;
}

/* Shows the state, repeatedly if it is watched. Returns an exit status. */
static int status_show(const struct js_options *options, const char *journal)
{
    struct screen screen = {.is_terminal =
                                options->is_watched && isatty(STDOUT_FILENO)};
    struct js_buf text = JS_BUF_INIT;
    bool is_on = false;
    int status;
    for (;;) {
        int64_t begun_ns = js_clock_ns();
        status = status_look(options, journal, &text, &is_on);
        int64_t pause_ns = (js_clock_ns() - begun_ns) * LOOKS_PART;
        if (status == 0)
            status = screen.is_terminal ? screen_redraw(&screen, &text)
                                        : js_textbuf_print(&text);
        if (status != 0 || !is_on || !options->is_watched)
            break;
        if (pause_ns < look_every_ns)
            pause_ns = look_every_ns;
        struct timespec pause = {.tv_sec = pause_ns / JS_NS_PER_S,
                                 .tv_nsec = pause_ns % JS_NS_PER_S};
        while (nanosleep(&pause, &pause) < 0 && errno == EINTR)
            continue;
    }
    js_buf_release(&text);
    return status;
}

int js_status(const struct js_options *options)
{
    struct js_err err;
    char *journal = js_options_journal(&options->config, "", &err);
    if (!journal)
        return js_textbuf_fail(err.text, JOBSCHED_BAD_INPUT);
    int status = status_show(options, journal);
    free(journal);
    return status;
}
