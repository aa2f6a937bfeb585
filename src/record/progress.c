#include "record/progress.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- the text */

enum {
    FIELD_SIZE = 64,
    CELLS_LEAST = 6, /* of the bar */
    CELLS_MOST = 30,
    CELLS_PART = 8, /* of the width */
    BAR_EXTRA = 3,  /* "[", "]" and a blank */
};

static bool is_total_known(const struct js_progress *progress)
{
    return progress->left != UINT64_MAX;
}

static uint64_t ended(const struct js_progress *progress)
{
    return progress->done + progress->failed + progress->skipped;
}

/* From 0 to 1, and that only at the end. */
static double part(const struct js_progress *progress)
{
    double count = (double)ended(progress);
    return progress->left == 0 ? 1 : count / (count + (double)progress->left);
}

/* ---------------------------------------------------------------- times */

static int64_t progress_divide_rounded(int64_t count, int64_t by)
{
    return count / by + (count % by >= by / 2 + by % 2);
}

/* As much of it as one wants to know of a guess. */
static int print_guess(char *text, int64_t ns)
{
    int64_t seconds = progress_divide_rounded(ns, JS_NS_PER_S);
    int64_t minutes = progress_divide_rounded(seconds, 60);
    int64_t days = progress_divide_rounded(minutes, 24 * 60);
    if (seconds < 100)
        return snprintf(text, FIELD_SIZE, "about %d s to go",
                        seconds > 0 ? (int)seconds : 1);
    if (minutes < 100)
        return snprintf(text, FIELD_SIZE, "about %d min to go", (int)minutes);
    if (days <= 2)
        return snprintf(text, FIELD_SIZE, "about %d h %02d min to go",
                        (int)minutes / 60, (int)minutes % 60);
    return snprintf(text, FIELD_SIZE, "about %" PRId64 " days to go", days);
}

static int print_rate(char *text, double a_second)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{1, "s"}, {60, "min"}, {3600, "h"}};
    int i = 0;
    while (i < 2 && a_second * units[i].seconds < 1)
        i++;
    double rate = a_second * units[i].seconds;
    return snprintf(text, FIELD_SIZE, "%.*f jobs/%s", rate < 100 ? 1 : 0, rate,
                    units[i].name);
}

/* ---------------------------------------------------------------- fields */

/* Each prints what stands behind the one before, separator included, and
 * returns its length: 0 if there is nothing to say. */
typedef int (*field_fn)(const struct js_progress *progress, char *text);

static int print_percent(const struct js_progress *progress, char *text)
{
    return is_total_known(progress)
               ? snprintf(text, FIELD_SIZE, "%d%%", (int)(100 * part(progress)))
               : 0;
}

static int print_count(const struct js_progress *progress, char *text)
{
    uint64_t count = ended(progress);
    if (!is_total_known(progress))
        return snprintf(text, FIELD_SIZE, "%" PRIu64 " ended", count);
    return snprintf(text, FIELD_SIZE, " %" PRIu64 "/%" PRIu64, count,
                    count + progress->left);
}

static int print_number(char *text, uint64_t count, const char *what)
{
    return count == 0
               ? 0
               : snprintf(text, FIELD_SIZE, ", %" PRIu64 " %s", count, what);
}

static int print_failed(const struct js_progress *progress, char *text)
{
    return print_number(text, progress->failed, "failed");
}

static int print_to_go(const struct js_progress *progress, char *text)
{
    char guess[FIELD_SIZE];
    if (progress->is_stopping)
        return snprintf(text, FIELD_SIZE, ", stopping");
    if (progress->left_ns < 0)
        return 0;
    print_guess(guess, progress->left_ns);
    return snprintf(text, FIELD_SIZE, ", %s", guess);
}

static int print_running(const struct js_progress *progress, char *text)
{
    return print_number(text, progress->running, "running");
}

static int print_pace(const struct js_progress *progress, char *text)
{
    char rate[FIELD_SIZE];
    if (!(progress->rate > 0))
        return 0;
    print_rate(rate, progress->rate);
    return snprintf(text, FIELD_SIZE, ", %s", rate);
}

static int print_left(const struct js_progress *progress, char *text)
{
    return is_total_known(progress) ? print_number(text, progress->left, "left")
                                    : 0;
}

static int print_done(const struct js_progress *progress, char *text)
{
    return print_number(text, progress->done, "done");
}

static int print_slots(const struct js_progress *progress, char *text)
{
    if (progress->slots == 0)
        return 0;
    return snprintf(
        text, FIELD_SIZE, ", %" PRIu64 " of %" PRIu64 " slot%s busy",
        progress->busy_slots, progress->slots, js_text_plural(progress->slots));
}

static int print_skipped(const struct js_progress *progress, char *text)
{
    return print_number(text, progress->skipped, "skipped");
}

static int print_elapsed(const struct js_progress *progress, char *text)
{
    int64_t seconds = progress->elapsed_ns / JS_NS_PER_S;
    int64_t hours = seconds / 3600;
    int minutes = (int)(seconds / 60 % 60), rest = (int)(seconds % 60);
    if (hours == 0)
        return snprintf(text, FIELD_SIZE, ", %d:%02d", minutes, rest);
    return snprintf(text, FIELD_SIZE, ", %" PRId64 ":%02d:%02d", hours, minutes,
                    rest);
}

/* What matters most comes first. */
static const field_fn fields[] = {
    print_percent, print_count,   print_failed,  print_to_go,
    print_running, print_pace,    print_left,    print_done,
    print_slots,   print_skipped, print_elapsed,
};

enum {
    FIELDS = sizeof(fields) / sizeof(fields[0]),
    FAILED = 2,
    BEFORE_BAR = 4, /* so many fields matter more than the bar */
};

/* ---------------------------------------------------------------- the line */

struct line {
    char text[FIELDS][FIELD_SIZE];
    size_t shown; /* fields */
    size_t columns;
    unsigned cells; /* of the bar; 0: there is none */
};

/* The first of the rest, before `end`, that fit. */
static void add_fields(struct line *line, const struct js_progress *progress,
                       size_t end, unsigned width)
{
    for (; line->shown < end; line->shown++) {
        int len = fields[line->shown](progress, line->text[line->shown]);
        if (line->columns + (size_t)len > width)
            return;
        line->columns += (size_t)len;
    }
}

/* Where there is no room for it, nor is there for what matters less. */
static bool add_bar(struct line *line, unsigned width)
{
    unsigned cells = width / CELLS_PART;
    if (cells < CELLS_LEAST)
        cells = CELLS_LEAST;
    if (cells > CELLS_MOST)
        cells = CELLS_MOST;
    if (line->columns + cells + BAR_EXTRA > width)
        return false;
    line->cells = cells;
    line->columns += cells + BAR_EXTRA;
    return true;
}

static int append_cells(struct js_buf *buf, char cell, unsigned count)
{
    char *bytes = js_buf_extend(buf, count);
    if (!bytes)
        return -1;
    memset(bytes, cell, count);
    return 0;
}

static int append_bar(struct js_buf *buf, unsigned cells, double is_ended,
                      bool has_colour)
{
    unsigned full = (unsigned)(is_ended * cells);
    if (js_buf_puts(buf, has_colour ? "[\033[32m" : "[") < 0 ||
        append_cells(buf, '#', full) < 0 ||
        js_buf_puts(buf, has_colour ? "\033[m" : "") < 0 ||
        append_cells(buf, '.', cells - full) < 0)
        return -1;
    return js_buf_puts(buf, "] ");
}

/* In red, but for its separator. */
static int append_alarm(struct js_buf *buf, const char *text)
{
    return js_buf_printf(buf, ", \033[31m%s\033[m", text + strlen(", "));
}

static int append_line(struct js_buf *buf, const struct line *line,
                       double is_ended, bool has_colour)
{
    if (line->cells > 0 &&
        append_bar(buf, line->cells, is_ended, has_colour) < 0)
        return -1;
    for (size_t i = 0; i < line->shown; i++) {
        const char *text = line->text[i];
        bool is_alarm = has_colour && i == FAILED && text[0];
        if ((is_alarm ? append_alarm(buf, text) : js_buf_puts(buf, text)) < 0)
            return -1;
    }
    return 0;
}

int js_progress_bar(const struct js_progress *progress, unsigned width,
                    bool has_colour, struct js_buf *buf)
{
    struct line line = {.shown = 0};
    bool is_known = is_total_known(progress);
    add_fields(&line, progress, BEFORE_BAR, width);
    if (line.shown == BEFORE_BAR && (!is_known || add_bar(&line, width)))
        add_fields(&line, progress, FIELDS, width);
    return append_line(buf, &line, is_known ? part(progress) : 0, has_colour);
}

/* ---------------------------------------------------------------- sentence */

static int append_done(const struct js_progress *progress, struct js_buf *buf)
{
    uint64_t total = ended(progress) + progress->left;
    if (!is_total_known(progress))
        return js_buf_printf(buf, "%" PRIu64 " job%s done", progress->done,
                             js_text_plural(progress->done));
    return js_buf_printf(buf, "%" PRIu64 " of %" PRIu64 " job%s done",
                         progress->done, total, js_text_plural(total));
}

int js_progress_sentence(const struct js_progress *progress, struct js_buf *buf)
{
    static const field_fn counts[] = {print_failed, print_skipped,
                                      print_running};
    static const field_fn times[] = {print_pace, print_to_go};
    const char *mark = ";";
    if (append_done(progress, buf) < 0)
        return -1;
    for (int i = 0; i < 3; i++) {
        char text[FIELD_SIZE] = "";
        if (counts[i](progress, text) > 0 && js_buf_puts(buf, text) < 0)
            return -1;
    }
    for (int i = 0; i < 2; i++) {
        char text[FIELD_SIZE] = "";
        if (times[i](progress, text) == 0)
            continue;
        if (js_buf_printf(buf, "%s%s", mark, text + 1) < 0)
            return -1;
        mark = ",";
    }
    return 0;
}

/* ---------------------------------------------------------------- the ETA */

/* How many jobs count: many of each slot, or what has run so far could not
 * be told from what goes by between two jobs. */
enum { JOBS_LEAST = 100, JOBS_PER_SLOT = 100 };

/* So many run times a job that runs may have had so far: what is beyond that
 * went by between jobs. */
enum { RUN_TIMES_MOST = 4 };

/* So many ends say something, whatever the slots. */
enum { ENDED_ENOUGH = 3 };

static double seconds(int64_t ns)
{
    return (double)ns / (double)JS_NS_PER_S;
}

static double at_most(double value, double most)
{
    return value < most ? value : most;
}

static double at_least(double value, double least)
{
    return value > least ? value : least;
}

/* Only as others end: while nothing ends, nothing is forgotten. */
static void fade(struct js_eta *eta, double jobs)
{
    double window = at_least(JOBS_LEAST, JOBS_PER_SLOT * (double)eta->running);
    double rest = window / (window + jobs);
    eta->jobs *= rest;
    eta->run_s *= rest;
    eta->slot_s *= rest;
    eta->wall_s *= rest;
}

void js_eta_note(struct js_eta *eta, int64_t now_ns, uint64_t ended,
                 int64_t run_ns, uint64_t running)
{
    if (eta->now_ns > 0) {
        double jobs = (double)(ended - eta->ended);
        double run_s = seconds(run_ns - eta->run_ns);
        double wall_s = seconds(now_ns - eta->now_ns);
        double slot_s = wall_s * (double)eta->running;
        eta->jobs += jobs;
        eta->run_s += run_s;
        eta->wall_s += wall_s;
        eta->slot_s += slot_s;
        eta->unended_s += slot_s - run_s;
        fade(eta, jobs);
    }
    eta->now_ns = now_ns;
    eta->ended = ended;
    eta->run_ns = run_ns;
    eta->running = running;
}

bool js_eta_is_known(const struct js_eta *eta, uint64_t slots)
{
    uint64_t enough = slots < ENDED_ENOUGH ? slots : ENDED_ENOUGH;
    return eta->jobs > 0 && eta->wall_s > 0 && eta->ended >= enough;
}

double js_eta_rate(const struct js_eta *eta)
{
    return eta->jobs / eta->wall_s;
}

/* What a job takes of a slot. */
static double cost_s(const struct js_eta *eta, double mean_s)
{
    double unended_s = at_most(eta->slot_s - eta->run_s,
                               RUN_TIMES_MOST * (double)eta->running * mean_s);
    return (eta->slot_s - unended_s) / eta->jobs;
}

int64_t js_eta_left_ns(const struct js_eta *eta, uint64_t left)
{
    /* A hundred years, which an int64_t holds. */
    static const double most_s = 3.2e9;
    double mean_s = eta->run_s / eta->jobs;
    double running_s = (double)eta->running * mean_s;
    double to_come = at_least((double)left - (double)eta->running, 0);
    double work_s = to_come * cost_s(eta, mean_s) + running_s -
                    at_most(eta->unended_s, running_s);
    double slots = at_most(eta->slot_s / eta->wall_s, (double)left);
    if (work_s <= 0 || slots <= 0)
        return -1;
    return (int64_t)(at_most(work_s / slots, most_s) * (double)JS_NS_PER_S);
}

/* ---------------------------------------------------------------- when */

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
