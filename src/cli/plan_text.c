#include "cli/plan_text.h"

#include "base/json.h"
#include "base/units.h"
#include "cli/textbuf.h"

#include <inttypes.h>
#include <string.h>

enum {
    CHAIN_SHOWN = 6,     /* the most jobs of it that are shown, */
    CHAIN_SHOWN_END = 2, /* ... and how many of these from its end */
    COMMAND_SHOWN = 60,  /* bytes */
};

/* Another order of jobs is mentioned if it takes no more than this fraction of
 * the time. */
static const double worth_a_word = 0.99;

static double work_hours_of(const struct js_whatif *forecast)
{
    static const double ns_per_hour = 3600e9;
    return forecast->work_ns / ns_per_hour;
}

struct page {
    const struct js_whatif *forecast;
    struct js_textbuf textbuf;
};

/* ---------------------------------------------------------------- pieces */

#define SAY(page, ...) JS_TEXTBUF_SAY(&(page)->textbuf, __VA_ARGS__)

static void plan_text_put(struct page *page, const char *words)
{
    js_textbuf_put(&page->textbuf, "%s", words);
}

/* Appends a duration, aligned to the right of a column. */
static void put_cell(struct page *page, int width, int64_t ns)
{
    struct js_buf cell = JS_BUF_INIT;
    struct js_textbuf textbuf = {.buf = &cell};
    js_textbuf_put_duration(&textbuf, ns);
    if (js_textbuf_check(&textbuf) < 0 || !js_buf_string(&cell))
        page->textbuf.has_failed = true;
    else
        js_textbuf_put(&page->textbuf, "%*s", width, cell.data);
    js_buf_release(&cell);
}

/* ---------------------------------------------------------------- the table */

static void plan_text_put_title(struct page *page,
                                const struct js_plan_text_config *shown)
{
    const struct js_whatif *forecast = page->forecast;
    bool is_large = work_hours_of(forecast) >= 1000;
    char hours[32];
    snprintf(hours, sizeof(hours), is_large ? "%.0f" : "%.3g",
             work_hours_of(forecast));
    SAY(page, "%: %, % core-hours of work by %\n", JS_TEXT(shown->job_file),
        JS_COUNTED(forecast->jobs, "job"), JS_TEXT(hours),
        JS_TEXT(shown->origin));
    if (forecast->unknown > 0)
        SAY(page, "% of them % not known: taken as the mean of the others, %\n",
            JS_COUNT(forecast->unknown),
            JS_TEXT(forecast->unknown == 1 ? "is" : "are"),
            JS_DURATION(forecast->mean_ns));
    if (forecast->is_mem_needed && !shown->is_mem_counted)
        plan_text_put(page,
                      "mem= is not counted: how much memory the hosts have is "
                      "not on record\n");
}

static void put_row(struct page *page, const struct js_whatif_row *row)
{
    int decimals = row->core_hours < 10 ? 3 : row->core_hours < 1000 ? 1 : 0;
    js_textbuf_put(&page->textbuf, "%7" PRIu64, row->slots);
    put_cell(page, 14, row->makespan_ns);
    js_textbuf_put(&page->textbuf, "%10.0f %%%12.*f", 100 * row->efficiency,
                   decimals, row->core_hours);
    if (row->gain > 0)
        js_textbuf_put(&page->textbuf, "%8.2f", row->gain);
    js_textbuf_put(&page->textbuf, "\n");
}

static void put_table(struct page *page)
{
    const struct js_whatif *forecast = page->forecast;
    js_textbuf_put(&page->textbuf,
                   "  slots      makespan  efficiency  core-hours    gain\n");
    for (size_t i = 0; i < forecast->row_count; i++)
        put_row(page, &forecast->rows[i]);
    if (forecast->refusal.text[0])
        js_textbuf_put(&page->textbuf, "fewer cannot run all of it: %s\n",
                       forecast->refusal.text);
}

/* ---------------------------------------------------------------- the end */

static void put_job(struct page *page, const struct js_job *job)
{
    const char *name = js_job_name(job);
    if (name[0])
        SAY(page, "%", JS_TEXT(name));
    else
        SAY(page, "line %", JS_COUNT(job->line));
}

static void put_links(struct page *page)
{
    const struct js_whatif *forecast = page->forecast;
    size_t count = forecast->chain_count;
    size_t cut = CHAIN_SHOWN - CHAIN_SHOWN_END;
    for (size_t i = 0; i < count; i++) {
        if (count > CHAIN_SHOWN && i == cut) {
            plan_text_put(page, ", ...");
            i = count - CHAIN_SHOWN_END;
        }
        plan_text_put(page, i > 0 ? ", " : "");
        put_job(page, forecast->chain[i]);
    }
}

static void plan_text_put_chain(struct page *page)
{
    const struct js_whatif *forecast = page->forecast;
    const struct js_job *first = forecast->chain[0];
    bool is_long = first->command_len > COMMAND_SHOWN;
    SAY(page, "no number of slots takes less than %: so long ",
        JS_DURATION(forecast->chain_ns));
    if (forecast->chain_count > 1) {
        SAY(page, "take % jobs, each after the one before: ",
            JS_COUNT(forecast->chain_count));
        put_links(page);
    } else {
        plan_text_put(page, "takes ");
        put_job(page, first);
        SAY(page, " alone: %%",
            JS_BYTES(first->command,
                     is_long ? COMMAND_SHOWN : first->command_len),
            JS_TEXT(is_long ? "..." : ""));
    }
    plan_text_put(page, "\n");
}

/* Says why the table has no more rows. */
static void plan_text_put_end(struct page *page)
{
    const struct js_whatif *forecast = page->forecast;
    const struct js_whatif_row *last = &forecast->rows[forecast->row_count - 1];
    plan_text_put_chain(page);
    if (forecast->is_chain_reached)
        return;
    if (last->slots < JS_WHATIF_SLOTS_MAX)
        SAY(page,
            "more slots give nothing: jobs never hold more than % at once\n",
            JS_COUNTED(last->peak_cores, "core"));
    else
        SAY(page, "more than % slots are not looked at\n",
            JS_COUNT(last->slots));
}

static void put_choice(struct page *page)
{
    const struct js_whatif *forecast = page->forecast;
    const struct js_whatif_row *choice = &forecast->rows[forecast->choice];
    SAY(page,
        "sensible: %, %: the most that keep % % of the efficiency of the "
        "fewest\n",
        JS_COUNTED(choice->slots, "slot"), JS_DURATION(choice->makespan_ns),
        JS_COUNT(JS_WHATIF_PERCENT), JS_TEXT("%"));
    if ((double)forecast->longest_first_ns >
        worth_a_word * (double)choice->makespan_ns)
        return;
    SAY(page, "with --longest-first it is %\n",
        JS_DURATION(forecast->longest_first_ns));
}

int js_plan_text(const struct js_plan_text_config *shown, struct js_buf *buf)
{
    struct page page = {shown->forecast, {.buf = buf}};
    plan_text_put_title(&page, shown);
    put_table(&page);
    plan_text_put_end(&page);
    put_choice(&page);
    return js_textbuf_check(&page.textbuf);
}

/* ---------------------------------------------------------------- JSON */

static void json_rows(struct js_json *json, const struct js_whatif *forecast)
{
    js_json_open_array(json, "rows");
    for (size_t i = 0; i < forecast->row_count; i++) {
        const struct js_whatif_row *row = &forecast->rows[i];
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

static void json_chain(struct js_json *json, const struct js_whatif *forecast)
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

int js_plan_text_json(const struct js_plan_text_config *shown,
                      struct js_buf *buf)
{
    const struct js_whatif *forecast = shown->forecast;
    struct js_json json = {.buf = *buf};
    js_json_open_object(&json, NULL);
    js_json_string(&json, "list", shown->job_file);
    js_json_string(&json, "origin", shown->origin);
    js_json_count(&json, "jobs", forecast->jobs);
    js_json_count(&json, "unknown", forecast->unknown);
    js_json_seconds(&json, "mean", forecast->mean_ns);
    js_json_real(&json, "work_core_hours", work_hours_of(forecast));
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
