#include "record/display.h"

#include "base/clock.h"

/* A bar is drawn no sooner than so long after it was drawn, and looked at no
 * sooner than so long after it was left alone. Where nothing changes it is
 * drawn for the time that passes, and in case the terminal has another width.
 */
static const int64_t bar_drawn_ns = 100 * JS_NS_PER_MS;
static const int64_t bar_look_ns = 10 * JS_NS_PER_MS;
static const int64_t bar_tick_ns = JS_NS_PER_S;

/* For the averages. */
static const int64_t line_look_ns = JS_NS_PER_S;

static bool is_bar(const struct js_display *display)
{
    return display->config.kind == JS_DISPLAY_BAR;
}

void js_display_init(struct js_display *display,
                     const struct js_display_config *config)
{
    *display = (struct js_display){.config = *config};
}

bool js_display_is_due(struct js_display *display, int64_t now_ns)
{
    if (display->config.kind == JS_DISPLAY_OFF)
        return false;
    display->is_missed = now_ns < display->look_ns;
    return !display->is_missed;
}

int64_t js_display_deadline_ns(const struct js_display *display)
{
    if (display->config.kind == JS_DISPLAY_OFF || display->look_ns == 0)
        return JS_NEVER_NS;
    bool is_first = is_bar(display) && display->is_missed;
    return is_first || display->look_ns > display->tick_ns ? display->look_ns
                                                           : display->tick_ns;
}

static bool has_changed(const struct js_progress *was,
                        const struct js_progress *is)
{
    return was->done != is->done || was->failed != is->failed ||
           was->skipped != is->skipped || was->running != is->running ||
           was->left != is->left || was->busy_slots != is->busy_slots ||
           was->slots != is->slots || was->is_stopping != is->is_stopping;
}

static void estimate(struct js_display *display, int64_t now_ns,
                     struct js_progress *progress, int64_t run_ns)
{
    struct js_eta *eta = &display->eta;
    /* To be skipped takes no time. */
    js_eta_note(eta, now_ns, progress->done + progress->failed, run_ns,
                progress->running);
    progress->left_ns = -1;
    progress->rate = 0;
    if (!js_eta_is_known(eta, progress->slots))
        return;
    progress->rate = js_eta_rate(eta);
    if (progress->left != UINT64_MAX)
        progress->left_ns = js_eta_left_ns(eta, progress->left);
}

/* The cursor goes back to the beginning of the line, and never into the last
 * column: there some terminals begin the next line at once. */
static bool draw(const struct js_display *display,
                 const struct js_progress *progress)
{
    const struct js_terminal *terminal = display->config.terminal;
    struct js_console *console = display->config.console;
    unsigned columns = js_terminal_columns(terminal);
    struct js_buf text = JS_BUF_INIT;
    bool is_drawn = false;
    if (columns == 0 || js_outq_pending(console->err) > 0)
        return false;
    if (js_buf_puts(&text, "\r") == 0 &&
        js_progress_bar(progress, columns - 1, terminal->has_colour, &text) ==
            0 &&
        js_buf_puts(&text, "\033[J\r") == 0) {
        js_console_end_line(console);
        is_drawn =
            js_outq_show(console->err, text.data, text.len, JS_TERMINAL_ERASE);
    }
    js_buf_release(&text);
    return is_drawn;
}

static void show_bar(struct js_display *display, int64_t now_ns,
                     const struct js_progress *progress, bool is_within_job)
{
    bool is_there = js_outq_is_showing(display->config.console->err);
    bool is_same = is_there && now_ns < display->tick_ns &&
                   !has_changed(&display->shown, progress);
    display->look_ns = now_ns + bar_look_ns;
    if (is_same)
        return;
    display->tick_ns = now_ns + bar_tick_ns;
    if (is_within_job || !draw(display, progress))
        return;
    display->look_ns = now_ns + bar_drawn_ns;
    display->shown = *progress;
}

static int64_t next_line_ns(const struct js_display *display,
                            int64_t elapsed_ns)
{
    const struct js_display_config *config = &display->config;
    if (elapsed_ns < config->line_first_ns)
        return config->line_first_ns;
    return elapsed_ns < config->line_most_ns ? elapsed_ns
                                             : config->line_most_ns;
}

static void show_line(struct js_display *display, int64_t now_ns,
                      const struct js_progress *progress, bool is_within_job)
{
    struct js_console *console = display->config.console;
    struct js_buf text = JS_BUF_INIT;
    bool is_first = display->look_ns == 0;
    display->look_ns = now_ns + line_look_ns;
    if (!is_first && now_ns < display->tick_ns)
        return;
    display->tick_ns = now_ns + next_line_ns(display, progress->elapsed_ns);
    if (is_first)
        return;
    if (js_progress_sentence(progress, &text) == 0)
        js_log(&console->log, "%s", js_buf_string(&text));
    js_buf_release(&text);
    if (!is_within_job)
        js_console_flush(console);
}

void js_display_show(struct js_display *display, int64_t now_ns,
                     struct js_progress progress, int64_t run_ns,
                     bool is_within_job)
{
    estimate(display, now_ns, &progress, run_ns);
    if (is_bar(display))
        show_bar(display, now_ns, &progress, is_within_job);
    else
        show_line(display, now_ns, &progress, is_within_job);
}

void js_display_end(struct js_display *display)
{
    if (is_bar(display))
        js_outq_hide(display->config.console->err);
    display->config.kind = JS_DISPLAY_OFF;
}
