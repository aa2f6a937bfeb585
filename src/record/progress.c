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

static uint64_t progress_ended(const struct js_progress *progress)
{
    return progress->done + progress->failed + progress->skipped;
}

/* Returns a number from 0 to 1; 1 only at the end. */
static double progress_part(const struct js_progress *progress)
{
    double count = (double)progress_ended(progress);
    return progress->left == 0 ? 1 : count / (count + (double)progress->left);
}

/* ---------------------------------------------------------------- times */

static int64_t progress_divide_rounded(int64_t count, int64_t by)
{
    return count / by + (count % by >= by / 2 + by % 2);
}

/* The unit is the one in which the rate is at least one: only a few long jobs
 * end per hour. */
static int print_rate(char *text, double a_second)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{1, "s"}, {60, "min"}, {3600, "h"}};
    int i = 0;
    if (!(a_second > 0))
        return 0;
    while (i < 2 && a_second * units[i].seconds < 1)
        i++;
    double rate = a_second * units[i].seconds;
    return snprintf(text, FIELD_SIZE, ", %.*f jobs/%s", rate < 100 ? 1 : 0,
                    rate, units[i].name);
}

/* An estimate, which is only as exact as a person needs it. */
static int print_to_go(const struct js_progress *progress, char *text)
{
    int64_t seconds = progress_divide_rounded(progress->left_ns, JS_NS_PER_S);
    int64_t minutes = progress_divide_rounded(seconds, 60);
    int64_t days = progress_divide_rounded(minutes, 24 * 60);
    if (progress->is_stopping)
        return snprintf(text, FIELD_SIZE, ", stopping");
    if (progress->left_ns < 0)
        return 0;
    if (seconds < 100)
        return snprintf(text, FIELD_SIZE, ", about %d s to go",
                        seconds > 0 ? (int)seconds : 1);
    if (minutes < 100)
        return snprintf(text, FIELD_SIZE, ", about %d min to go", (int)minutes);
    if (days <= 2)
        return snprintf(text, FIELD_SIZE, ", about %d h %02d min to go",
                        (int)minutes / 60, (int)minutes % 60);
    return snprintf(text, FIELD_SIZE, ", about %" PRId64 " days to go", days);
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

static int print_number(char *text, uint64_t count, const char *what)
{
    return count == 0
               ? 0
               : snprintf(text, FIELD_SIZE, ", %" PRIu64 " %s", count, what);
}

/* What matters most comes first. */
enum field {
    PERCENT,
    COUNT,
    FAILED,
    TO_GO,
    BEFORE_BAR, /* this many fields matter more than the bar */
    RUNNING = BEFORE_BAR,
    RATE,
    LEFT,
    DONE,
    BUSY_SLOTS,
    SKIPPED,
    ELAPSED,
    FIELDS,
};

/* Formats the field with the separator before it. Returns the length, or 0 if
 * there is nothing to say. */
static int print_field(const struct js_progress *progress, enum field field,
                       char *text)
{
    bool is_known = is_total_known(progress);
    uint64_t count = progress_ended(progress);
    switch (field) {
    case PERCENT:
        return is_known ? snprintf(text, FIELD_SIZE, "%d%%",
                                   (int)(100 * progress_part(progress)))
                        : 0;
    case COUNT:
        return is_known
                   ? snprintf(text, FIELD_SIZE, " %" PRIu64 "/%" PRIu64, count,
                              count + progress->left)
                   : snprintf(text, FIELD_SIZE, "%" PRIu64 " ended", count);
    case FAILED:
        return print_number(text, progress->failed, "failed");
    case TO_GO:
        return print_to_go(progress, text);
    case RUNNING:
        return print_number(text, progress->running, "running");
    case RATE:
        return print_rate(text, progress->rate);
    case LEFT:
        return print_number(text, is_known ? progress->left : 0, "left");
    case DONE:
        return print_number(text, progress->done, "done");
    case BUSY_SLOTS:
        return progress->slots == 0
                   ? 0
                   : snprintf(text, FIELD_SIZE,
                              ", %" PRIu64 " of %" PRIu64 " slot%s busy",
                              progress->busy_slots, progress->slots,
                              js_text_plural(progress->slots));
    case SKIPPED:
        return print_number(text, progress->skipped, "skipped");
    case ELAPSED:
        return print_elapsed(progress, text);
    case FIELDS:
        break;
    }
    return 0;
}

/* ---------------------------------------------------------------- fields */

/* ---------------------------------------------------------------- the line */

/* The fields as they will be printed; how many of them fit is found out later.
 */
struct line {
    char text[FIELDS][FIELD_SIZE];
    enum field shown; /* how many are shown */
    size_t columns;
};

/* The first of the rest, before `end`, that fit. */
static void add_fields(struct line *line, const struct js_progress *progress,
                       enum field end, unsigned width)
{
    for (; line->shown < end; line->shown++) {
        int len = print_field(progress, line->shown, line->text[line->shown]);
        if (line->columns + (size_t)len > width)
            return;
        line->columns += (size_t)len;
    }
}

/* Appends the line with a bar of this many cells, or without a bar (0). */
static int append_line(struct js_buf *buf, const struct line *line, int cells,
                       double part, bool has_colour)
{
    static const char full_cells[] = "##############################";
    static const char empty_cells[] = "..............................";
    int full = (int)(part * cells);
    int rc = 0;
    if (cells > 0)
        rc = js_buf_printf(buf, "[%s%.*s%s%.*s] ", has_colour ? "\033[32m" : "",
                           full, full_cells, has_colour ? "\033[m" : "",
                           cells - full, empty_cells);
    for (enum field i = 0; rc == 0 && i < line->shown; i++) {
        const char *text = line->text[i];
        /* In red, except for the separator. */
        bool is_alarm = has_colour && i == FAILED && text[0];
        rc = is_alarm
                 ? js_buf_printf(buf, ", \033[31m%s\033[m", text + strlen(", "))
                 : js_buf_puts(buf, text);
    }
    return rc;
}

int js_progress_bar(const struct js_progress *progress, unsigned width,
                    bool has_colour, struct js_buf *buf)
{
    struct line line = {.columns = 0};
    bool is_known = is_total_known(progress);
    int cells = (int)(width / CELLS_PART);
    if (cells < CELLS_LEAST)
        cells = CELLS_LEAST;
    if (cells > CELLS_MOST)
        cells = CELLS_MOST;
    add_fields(&line, progress, BEFORE_BAR, width);
    bool is_whole = line.shown == BEFORE_BAR;
    bool has_bar = is_whole && is_known &&
                   line.columns + (size_t)cells + BAR_EXTRA <= width;
    /* If there is no room for the bar, there is none for less important
     * fields. */
    if (has_bar)
        line.columns += (size_t)cells + BAR_EXTRA;
    if (is_whole && (has_bar || !is_known))
        add_fields(&line, progress, FIELDS, width);
    return append_line(buf, &line, has_bar ? cells : 0,
                       is_known ? progress_part(progress) : 0, has_colour);
}

/* ---------------------------------------------------------------- sentence */

int js_progress_sentence(const struct js_progress *progress, struct js_buf *buf)
{
    static const enum field fields[] = {FAILED, SKIPPED, RUNNING, RATE, TO_GO};
    bool is_known = is_total_known(progress);
    uint64_t total = progress_ended(progress) + progress->left;
    const char *mark = ";"; /* between the counts and the times */
    int rc = is_known
                 ? js_buf_printf(buf, "%" PRIu64 " of %" PRIu64 " job%s done",
                                 progress->done, total, js_text_plural(total))
                 : js_buf_printf(buf, "%" PRIu64 " job%s done", progress->done,
                                 js_text_plural(progress->done));
    for (size_t i = 0; rc == 0 && i < sizeof(fields) / sizeof(fields[0]); i++) {
        char text[FIELD_SIZE] = "";
        bool is_time = fields[i] == RATE || fields[i] == TO_GO;
        if (print_field(progress, fields[i], text) == 0)
            continue;
        rc = js_buf_printf(buf, "%s%s", is_time ? mark : ",", text + 1);
        if (is_time)
            mark = ",";
    }
    return rc;
}

/* ---------------------------------------------------------------- the ETA */

/* How many jobs count: many of each slot, because otherwise run times could not
 * be distinguished from the time between two jobs. */
enum { JOBS_LEAST = 100, JOBS_PER_SLOT = 100 };

/* A running job may have run for this many run times so far: anything beyond
 * that passed between jobs. */
enum { RUN_TIMES_MOST = 4 };

/* This many ends are enough for any number of slots. */
enum { ENDED_ENOUGH = 3 };

static double eta_seconds(int64_t ns)
{
    return (double)ns / (double)JS_NS_PER_S;
}

static double eta_at_most(double value, double most)
{
    return value < most ? value : most;
}

void js_eta_note(struct js_eta *eta, int64_t now_ns, uint64_t ended,
                 int64_t run_ns, uint64_t running)
{
    if (eta->now_ns > 0) {
        double jobs = (double)(ended - eta->ended);
        double run_s = eta_seconds(run_ns - eta->run_ns);
        double wall_s = eta_seconds(now_ns - eta->now_ns);
        double slot_s = wall_s * (double)eta->running;
        eta->unended_s += slot_s - run_s;
        /* Sums fade only as others end: while nothing ends, nothing is
         * forgotten. */
        double window = JOBS_PER_SLOT * (double)eta->running;
        if (window < JOBS_LEAST)
            window = JOBS_LEAST;
        double rest = window / (window + jobs);
        eta->jobs = (eta->jobs + jobs) * rest;
        eta->run_s = (eta->run_s + run_s) * rest;
        eta->slot_s = (eta->slot_s + slot_s) * rest;
        eta->wall_s = (eta->wall_s + wall_s) * rest;
    }
    eta->now_ns = now_ns;
    eta->ended = ended;
    eta->run_ns = run_ns;
    eta->running = running;
}

struct js_eta_estimate js_eta_estimate(const struct js_eta *eta, uint64_t slots,
                                       uint64_t left)
{
    /* A hundred years, which an int64_t holds. */
    static const double most_s = 3.2e9;
    struct js_eta_estimate estimate = {.left_ns = -1};
    if (eta->jobs <= 0 || eta->wall_s <= 0 ||
        eta->ended < (slots < ENDED_ENOUGH ? slots : ENDED_ENOUGH))
        return estimate;
    estimate.is_known = true;
    estimate.rate = eta->jobs / eta->wall_s;
    double mean_s = eta->run_s / eta->jobs;
    double running_s = (double)eta->running * mean_s;
    uint64_t to_come = left > eta->running ? left - eta->running : 0;
    /* The slot time that a job takes: its run time, and the time until the next
     * job. */
    double between_s =
        eta_at_most(eta->slot_s - eta->run_s, RUN_TIMES_MOST * running_s);
    double cost_s = (eta->slot_s - between_s) / eta->jobs;
    double work_s = (double)to_come * cost_s + running_s -
                    eta_at_most(eta->unended_s, running_s);
    double slots_in_use = eta_at_most(eta->slot_s / eta->wall_s, (double)left);
    if (left != UINT64_MAX && work_s > 0 && slots_in_use > 0)
        estimate.left_ns =
            (int64_t)(eta_at_most(work_s / slots_in_use, most_s) *
                      (double)JS_NS_PER_S);
    return estimate;
}

/* ---------------------------------------------------------------- when */

/* The shortest time between two drawings of a bar, and the shortest time until
 * a check after one that drew nothing. If nothing changes, the bar is drawn
 * because time passes, and in case the terminal has a new width.
 */
static const int64_t bar_drawn_ns = 100 * JS_NS_PER_MS;
static const int64_t bar_look_ns = 10 * JS_NS_PER_MS;
static const int64_t bar_tick_ns = JS_NS_PER_S;

/* For the averages. */
static const int64_t line_look_ns = JS_NS_PER_S;

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
    bool is_first =
        display->config.kind == JS_DISPLAY_BAR && display->is_missed;
    return is_first || display->look_ns > display->tick_ns ? display->look_ns
                                                           : display->tick_ns;
}

/* The cursor goes back to the beginning of the line, and never into the last
 * column: there some terminals begin the next line at once. */
static bool display_draw(const struct js_display *display,
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
    const struct js_progress *was = &display->shown;
    bool has_changed =
        was->done != progress->done || was->failed != progress->failed ||
        was->skipped != progress->skipped ||
        was->running != progress->running || was->left != progress->left ||
        was->busy_slots != progress->busy_slots ||
        was->slots != progress->slots ||
        was->is_stopping != progress->is_stopping;
    bool is_there = js_outq_is_showing(display->config.console->err);
    display->look_ns = now_ns + bar_look_ns;
    if (is_there && now_ns < display->tick_ns && !has_changed)
        return;
    display->tick_ns = now_ns + bar_tick_ns;
    if (is_within_job || !display_draw(display, progress))
        return;
    display->look_ns = now_ns + bar_drawn_ns;
    display->shown = *progress;
}

static void show_line(struct js_display *display, int64_t now_ns,
                      const struct js_progress *progress, bool is_within_job)
{
    const struct js_display_config *config = &display->config;
    struct js_console *console = config->console;
    struct js_buf text = JS_BUF_INIT;
    bool is_first = display->look_ns == 0;
    display->look_ns = now_ns + line_look_ns;
    if (!is_first && now_ns < display->tick_ns)
        return;
    /* The longer the run, the longer the pause between two lines. */
    int64_t pause_ns = progress->elapsed_ns;
    if (pause_ns >= config->line_most_ns)
        pause_ns = config->line_most_ns;
    if (progress->elapsed_ns < config->line_first_ns)
        pause_ns = config->line_first_ns;
    display->tick_ns = now_ns + pause_ns;
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
    /* Skipped jobs take no time. */
    js_eta_note(&display->eta, now_ns, progress.done + progress.failed, run_ns,
                progress.running);
    struct js_eta_estimate estimate =
        js_eta_estimate(&display->eta, progress.slots, progress.left);
    progress.rate = estimate.rate;
    progress.left_ns = estimate.left_ns;
    if (display->config.kind == JS_DISPLAY_BAR)
        show_bar(display, now_ns, &progress, is_within_job);
    else
        show_line(display, now_ns, &progress, is_within_job);
}

void js_display_end(struct js_display *display)
{
    if (display->config.kind == JS_DISPLAY_BAR)
        js_outq_hide(display->config.console->err);
    display->config.kind = JS_DISPLAY_OFF;
}
