#include "cli/forecast_show.h"

#include "base/json.h"
#include "base/show.h"
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum {
    CHAIN_SHOWN = 6,     /* jobs of it, */
    CHAIN_SHOWN_END = 2, /* of these from its end */
    COMMAND_SHOWN = 60,  /* bytes */
};

/* Another order is worth a word if it takes no more than this part. */
static const double worth_a_word = 0.99;

/* What is written; a failure is remembered until the end. */
struct sheet {
    const struct js_forecast *forecast;
    struct js_buf *buf;
    bool has_failed;
};

/* ---------------------------------------------------------------- pieces */

__attribute__((format(printf, 2, 3))) static void put(struct sheet *sheet,
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sheet->has_failed |= js_buf_vprintf(sheet->buf, format, args) < 0;
    va_end(args);
}

/* From elsewhere. */
static void put_plainly(struct sheet *sheet, const char *bytes, size_t len)
{
    size_t before = sheet->buf->len;
    if (js_buf_escape(sheet->buf, bytes, len) < 0 || !js_buf_string(sheet->buf))
        sheet->has_failed = true;
    else
        js_show_plainly(sheet->buf->data + before);
}

static void put_text(struct sheet *sheet, const char *text)
{
    put_plainly(sheet, text, strlen(text));
}

static void put_duration(struct sheet *sheet, int64_t ns)
{
    sheet->has_failed |= js_show_duration(sheet->buf, ns) < 0;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* To the right of a column. */
static void put_cell(struct sheet *sheet, int width, int64_t ns)
{
    struct js_buf cell = JS_BUF_INIT;
    if (js_show_duration(&cell, ns) < 0 || !js_buf_string(&cell))
        sheet->has_failed = true;
    else
        put(sheet, "%*s", width, cell.data);
    js_buf_release(&cell);
}

/* ---------------------------------------------------------------- the table */

static void put_title(struct sheet *sheet,
                      const struct js_forecast_shown *shown)
{
    const struct js_forecast *forecast = sheet->forecast;
    bool is_large = forecast->work_hours >= 1000;
    put_text(sheet, shown->job_file);
    put(sheet, ": %" PRIu64 " job%s, ", forecast->jobs, plural(forecast->jobs));
    put(sheet, is_large ? "%.0f" : "%.3g", forecast->work_hours);
    put(sheet, " core-hours of work by ");
    put_text(sheet, shown->origin);
    put(sheet, "\n");
    if (forecast->unknown > 0) {
        put(sheet,
            "%" PRIu64 " of them %s not known: taken as the mean of the "
            "others, ",
            forecast->unknown, forecast->unknown == 1 ? "is" : "are");
        put_duration(sheet, forecast->mean_ns);
        put(sheet, "\n");
    }
    if (forecast->is_mem_needed && !shown->is_mem_counted)
        put(sheet, "mem= is not counted: how much memory the hosts have is not "
                   "on record\n");
}

static void put_row(struct sheet *sheet, const struct js_forecast_row *row)
{
    int decimals = row->core_hours < 10 ? 3 : row->core_hours < 1000 ? 1 : 0;
    put(sheet, "%7" PRIu64, row->slots);
    put_cell(sheet, 14, row->makespan_ns);
    put(sheet, "%10.0f %%%12.*f", 100 * row->efficiency, decimals,
        row->core_hours);
    if (row->gain > 0)
        put(sheet, "%8.2f", row->gain);
    put(sheet, "\n");
}

static void put_table(struct sheet *sheet)
{
    const struct js_forecast *forecast = sheet->forecast;
    put(sheet, "  slots      makespan  efficiency  core-hours    gain\n");
    for (size_t i = 0; i < forecast->row_count; i++)
        put_row(sheet, &forecast->rows[i]);
    if (forecast->refusal.text[0])
        put(sheet, "fewer cannot run all of it: %s\n", forecast->refusal.text);
}

/* ---------------------------------------------------------------- the end */

static void put_job(struct sheet *sheet, const struct js_job *job)
{
    const char *name = js_job_name(job);
    if (name[0])
        put_text(sheet, name);
    else
        put(sheet, "line %" PRIu64, job->line);
}

static void put_command(struct sheet *sheet, const struct js_job *job)
{
    bool is_long = job->command_len > COMMAND_SHOWN;
    put_plainly(sheet, job->command,
                is_long ? COMMAND_SHOWN : job->command_len);
    put(sheet, "%s", is_long ? "..." : "");
}

static void put_links(struct sheet *sheet)
{
    const struct js_forecast *forecast = sheet->forecast;
    size_t count = forecast->chain_count;
    size_t cut = CHAIN_SHOWN - CHAIN_SHOWN_END;
    for (size_t i = 0; i < count; i++) {
        if (count > CHAIN_SHOWN && i == cut) {
            put(sheet, ", ...");
            i = count - CHAIN_SHOWN_END;
        }
        put(sheet, "%s", i > 0 ? ", " : "");
        put_job(sheet, forecast->chain[i]);
    }
}

static void put_chain(struct sheet *sheet)
{
    const struct js_forecast *forecast = sheet->forecast;
    put(sheet, "no number of slots takes less than ");
    put_duration(sheet, forecast->chain_ns);
    if (forecast->chain_count > 1) {
        put(sheet, ": so long take %zu jobs, each after the one before: ",
            forecast->chain_count);
        put_links(sheet);
    } else {
        put(sheet, ": so long takes ");
        put_job(sheet, forecast->chain[0]);
        put(sheet, " alone: ");
        put_command(sheet, forecast->chain[0]);
    }
    put(sheet, "\n");
}

/* Why there are no more rows. */
static void put_end(struct sheet *sheet)
{
    const struct js_forecast *forecast = sheet->forecast;
    const struct js_forecast_row *last =
        &forecast->rows[forecast->row_count - 1];
    put_chain(sheet);
    if (forecast->is_chain_reached)
        return;
    if (last->slots < JS_FORECAST_SLOTS_MAX)
        put(sheet,
            "more slots give nothing: jobs never hold more than %" PRIu64
            " core%s at once\n",
            last->peak_cores, plural(last->peak_cores));
    else
        put(sheet, "more than %" PRIu64 " slots are not looked at\n",
            last->slots);
}

static void put_choice(struct sheet *sheet)
{
    const struct js_forecast *forecast = sheet->forecast;
    const struct js_forecast_row *choice = &forecast->rows[forecast->choice];
    put(sheet, "sensible: %" PRIu64 " slot%s, ", choice->slots,
        plural(choice->slots));
    put_duration(sheet, choice->makespan_ns);
    put(sheet, ": the most that keep %d %% of the efficiency of the fewest\n",
        JS_FORECAST_PERCENT);
    if ((double)forecast->longest_first_ns >
        worth_a_word * (double)choice->makespan_ns)
        return;
    put(sheet, "with --longest-first it is ");
    put_duration(sheet, forecast->longest_first_ns);
    put(sheet, "\n");
}

int js_forecast_text(const struct js_forecast_shown *shown, struct js_buf *buf)
{
    struct sheet sheet = {shown->forecast, buf, false};
    put_title(&sheet, shown);
    put_table(&sheet);
    put_end(&sheet);
    put_choice(&sheet);
    if (!sheet.has_failed)
        return 0;
    errno = ENOMEM;
    return -1;
}

/* ---------------------------------------------------------------- JSON */

static void json_rows(struct js_json *json, const struct js_forecast *forecast)
{
    js_json_open_array(json, "rows");
    for (size_t i = 0; i < forecast->row_count; i++) {
        const struct js_forecast_row *row = &forecast->rows[i];
        js_json_open_object(json, NULL);
        js_json_count(json, "slots", row->slots);
        js_json_seconds(json, "makespan", row->makespan_ns);
        js_json_real(json, "efficiency", row->efficiency);
        js_json_real(json, "core_hours", row->core_hours);
        if (row->gain > 0)
            js_json_real(json, "gain", row->gain);
        else
            js_json_null(json, "gain");
        js_json_close_object(json);
    }
    js_json_close_array(json);
}

static void json_chain(struct js_json *json, const struct js_forecast *forecast)
{
    js_json_open_object(json, "longest_chain");
    js_json_seconds(json, "seconds", forecast->chain_ns);
    js_json_open_array(json, "jobs");
    for (size_t i = 0; i < forecast->chain_count; i++) {
        const struct js_job *job = forecast->chain[i];
        js_json_open_object(json, NULL);
        js_json_count(json, "line", job->line);
        if (js_job_name(job)[0])
            js_json_string(json, "name", js_job_name(job));
        else
            js_json_null(json, "name");
        js_json_bytes(json, "command", job->command, job->command_len);
        js_json_close_object(json);
    }
    js_json_close_array(json);
    js_json_close_object(json);
}

int js_forecast_json(const struct js_forecast_shown *shown, struct js_buf *buf)
{
    const struct js_forecast *forecast = shown->forecast;
    struct js_json json = {.buf = *buf};
    js_json_open_object(&json, NULL);
    js_json_string(&json, "list", shown->job_file);
    js_json_string(&json, "origin", shown->origin);
    js_json_count(&json, "jobs", forecast->jobs);
    js_json_count(&json, "unknown", forecast->unknown);
    js_json_seconds(&json, "mean", forecast->mean_ns);
    js_json_real(&json, "work_core_hours", forecast->work_hours);
    json_rows(&json, forecast);
    js_json_count(&json, "sensible", forecast->rows[forecast->choice].slots);
    js_json_seconds(&json, "longest_first", forecast->longest_first_ns);
    json_chain(&json, forecast);
    js_json_close_object(&json);
    *buf = json.buf;
    if (js_json_check(&json) < 0)
        return -1;
    return js_buf_append(buf, "\n", 1);
}
