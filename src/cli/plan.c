#include "cli/plan.h"

#include "base/json.h"
#include "cli/textbuf.h"
#include "record/joblog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATH_SHOWN = 6,     /* the most jobs of the critical path to show, */
    PATH_SHOWN_END = 2, /* ... and how many of these from its end */
    COMMAND_SHOWN = 60, /* bytes */
};

/* ---------------------------------------------------------------- the plan */

/* The simulation's source of run times and order. */
struct past {
    const struct js_past_runs *runs;
    struct js_past_runs *order; /* for --longest-first; NULL: the same ones */
};

static int64_t plan_run_ns(void *arg, const struct js_job *job)
{
    const struct past *past = arg;
    return js_past_runs_run_ns(past->runs, job);
}

static int64_t plan_expected_ns(void *arg, const struct js_job *job)
{
    const struct past *past = arg;
    return js_past_runs_match_ns(past->order, job);
}

/* A journal says how many slots a host had, but nothing about its memory, which
 * is known for this host only. */
static void plan_describe_hosts(const struct js_plan_config *config,
                                struct js_whatif_config *ret)
{
    char host[256] = "";
    uint64_t slots = js_past_runs_look(config->past_runs).host_slots;
    const char *only = js_past_runs_look(config->past_runs).only_host;
    bool is_known = slots > 0 && slots <= UINT32_MAX;
    bool is_here =
        !is_known || (only && gethostname(host, sizeof(host) - 1) == 0 &&
                      strcmp(host, only) == 0);
    ret->host_slots = is_known ? (uint32_t)slots : jobsched_cores();
    ret->host_mem_bytes = is_here ? jobsched_memory_bytes() : 0;
    if (config->options->gpus != JOBSCHED_GPUS_FOUND)
        ret->host_gpus = config->options->gpus;
}

int js_plan_make(const struct js_plan_config *config, struct js_plan *ret,
                 struct js_err *err)
{
    const struct jobsched_config *options = config->options;
    struct past past = {.runs = config->past_runs};
    const char *order = options->longest_first;
    *ret = (struct js_plan){0};
    bool is_auto = order && strcmp(order, JS_PAST_RUNS_AUTO) == 0;
    char *journal = NULL;
    /* "auto" stands for run times from the journal. */
    if (is_auto && js_past_runs_look(config->past_runs).registry)
        order = NULL;
    else if (is_auto && !(journal = js_options_journal(options, "", err)))
        return -1;
    if (order)
        past.order = js_past_runs_for_order(order, journal, false, err);
    free(journal);
    if (order && !past.order)
        return -1;
    struct js_whatif_config whatif = {
        .list = config->list,
        .registry = config->registry,
        .scheduler = js_scheduler_config_of(options),
        .run_ns = plan_run_ns,
        .expected_ns = past.order ? plan_expected_ns : NULL,
        .arg = &past,
        .gap_ns = js_past_runs_look(config->past_runs).gap_ns,
        .slots = config->slots,
    };
    plan_describe_hosts(config, &whatif);
    ret->is_mem_counted = whatif.host_mem_bytes > 0;
    int rc = js_whatif_make(&whatif, &ret->whatif, err);
    js_past_runs_free(past.order);
    return rc;
}

void js_plan_release(struct js_plan *plan)
{
    js_whatif_release(&plan->whatif);
}

/* ---------------------------------------------------------------- the text */

/* A plan that is written as text. */
struct plan_page {
    const struct js_whatif *whatif;
    struct js_textbuf textbuf;
};

/* Says where the plan comes from. */
struct plan_origin {
    const char *job_file;
    const char *records; /* the journal or joblog */
    bool is_mem_counted;
};

#define SAY(page, ...) JS_TEXTBUF_SAY(&(page)->textbuf, __VA_ARGS__)

static double plan_core_hours(const struct js_whatif *whatif)
{
    static const double ns_per_hour = 3600e9;
    return whatif->work_ns / ns_per_hour;
}

static void plan_put_title(struct plan_page *page,
                           const struct plan_origin *origin)
{
    const struct js_whatif *whatif = page->whatif;
    double core_hours = plan_core_hours(whatif);
    /* printf() can round to three digits, which SAY() cannot. */
    char hours[32];
    /* From a thousand on, %.3g would switch to an exponent. */
    snprintf(hours, sizeof(hours), core_hours >= 1000 ? "%.0f" : "%.3g",
             core_hours);
    SAY(page, "%: %, % core-hours of work according to %\n",
        JS_TEXT(origin->job_file), JS_COUNTED(whatif->jobs, "job"),
        JS_TEXT(hours), JS_TEXT(origin->records));
    if (whatif->unknown > 0)
        SAY(page,
            "% % no recorded run time: the mean of the others (%) is "
            "assumed\n",
            JS_COUNTED(whatif->unknown, "job"),
            JS_TEXT(whatif->unknown == 1 ? "has" : "have"),
            JS_DURATION(whatif->mean_ns));
    if (whatif->is_mem_needed && !origin->is_mem_counted)
        js_textbuf_put(&page->textbuf,
                       "mem= is ignored: the records do not say how much "
                       "memory the hosts have\n");
}

/* Appends a duration, aligned to the right of a column. */
static void plan_put_cell(struct plan_page *page, int width, int64_t ns)
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

static void plan_put_table(struct plan_page *page)
{
    const struct js_whatif *whatif = page->whatif;
    struct js_textbuf *textbuf = &page->textbuf;
    js_textbuf_put(textbuf,
                   "  slots      makespan  efficiency  core-hours    gain\n");
    for (size_t i = 0; i < whatif->row_count; i++) {
        const struct js_whatif_row *row = &whatif->rows[i];
        /* A short list needs the decimals: a column of 0.0 would not show that
         * more slots cost more. */
        int decimals = row->core_hours < 10     ? 3
                       : row->core_hours < 1000 ? 1
                                                : 0;
        js_textbuf_put(textbuf, "%7" PRIu64, row->slots);
        plan_put_cell(page, 14, row->makespan_ns);
        js_textbuf_put(textbuf, "%10.0f %%%12.*f", 100 * row->efficiency,
                       decimals, row->core_hours);
        if (row->gain > 0)
            js_textbuf_put(textbuf, "%8.2f", row->gain);
        js_textbuf_put(textbuf, "\n");
    }
    if (whatif->refusal.text[0])
        SAY(page, "fewer slots cannot run the whole list: %\n",
            JS_TEXT(whatif->refusal.text));
}

static void plan_put_job(struct plan_page *page, const struct js_job *job)
{
    const char *name = js_job_name(job);
    if (name[0])
        SAY(page, "%", JS_TEXT(name));
    else
        SAY(page, "line %", JS_COUNT(job->line));
}

/* The middle of a long path is left out; its beginning and its end say where to
 * look.
 */
static void plan_put_critical_path(struct plan_page *page)
{
    const struct js_whatif *whatif = page->whatif;
    const struct js_job *first = whatif->path[0];
    size_t count = whatif->path_count;
    SAY(page, "the list needs at least % on any number of slots, because ",
        JS_DURATION(whatif->path_ns));
    if (count == 1) {
        bool is_long = first->command_len > COMMAND_SHOWN;
        plan_put_job(page, first);
        SAY(page, " takes that long: %%\n",
            JS_BYTES(first->command,
                     is_long ? COMMAND_SHOWN : first->command_len),
            JS_TEXT(is_long ? "..." : ""));
        return;
    }
    SAY(page, "% jobs must run one after another: ", JS_COUNT(count));
    for (size_t i = 0; i < count; i++) {
        if (count > PATH_SHOWN && i == PATH_SHOWN - PATH_SHOWN_END) {
            js_textbuf_put(&page->textbuf, ", ...");
            i = count - PATH_SHOWN_END;
        }
        js_textbuf_put(&page->textbuf, i > 0 ? ", " : "");
        plan_put_job(page, whatif->path[i]);
    }
    js_textbuf_put(&page->textbuf, "\n");
}

/* Explains why the table has no more rows, and which row to choose. */
static void plan_put_end(struct plan_page *page)
{
    const struct js_whatif *whatif = page->whatif;
    const struct js_whatif_row *last = &whatif->rows[whatif->row_count - 1];
    const struct js_whatif_row *choice = &whatif->rows[whatif->choice];
    plan_put_critical_path(page);
    /* If the path itself is reached, it has just been named as the reason. */
    if (!whatif->is_path_reached && last->slots < JS_WHATIF_SLOTS_MAX)
        SAY(page,
            "more slots do not help: the jobs never use more than % at once\n",
            JS_COUNTED(last->peak_cores, "core"));
    else if (!whatif->is_path_reached)
        SAY(page, "more than % slots were not tried\n", JS_COUNT(last->slots));
    /* SAY() cannot escape the percent sign, so a literal one is passed as a
     * value. */
    SAY(page,
        "recommended: %, % (the largest number that keeps at least % % of the "
        "efficiency of %)\n",
        JS_COUNTED(choice->slots, "slot"), JS_DURATION(choice->makespan_ns),
        JS_COUNT(JS_WHATIF_PERCENT), JS_TEXT("%"),
        JS_COUNTED(whatif->rows[0].slots, "slot"));
    SAY(page,
        "there the list takes % in its own order, and % with "
        "--longest-first\n",
        JS_DURATION(whatif->list_order_ns),
        JS_DURATION(whatif->longest_first_ns));
}

/* Appends whole lines. Returns 0, or -1 with errno ENOMEM. */
static int plan_put_text(const struct js_whatif *whatif,
                         const struct plan_origin *origin, struct js_buf *buf)
{
    struct plan_page page = {whatif, {.buf = buf}};
    plan_put_title(&page, origin);
    plan_put_table(&page);
    plan_put_end(&page);
    return js_textbuf_check(&page.textbuf);
}

/* ---------------------------------------------------------------- JSON */

static void plan_json_rows(struct js_json *json, const struct js_whatif *whatif)
{
    js_json_open_array(json, "rows");
    for (size_t i = 0; i < whatif->row_count; i++) {
        const struct js_whatif_row *row = &whatif->rows[i];
        js_json_open_object(json, NULL);
        js_json_count(json, "slots", row->slots);
        js_json_seconds(json, "makespan", row->makespan_ns);
        /* This is a fraction; only the text has percentages. */
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

static void plan_json_critical_path(struct js_json *json,
                                    const struct js_whatif *whatif)
{
    js_json_open_object(json, "longest_chain");
    js_json_seconds(json, "seconds", whatif->path_ns);
    js_json_open_array(json, "jobs");
    for (size_t i = 0; i < whatif->path_count; i++) {
        const struct js_job *job = whatif->path[i];
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

/* Appends one document in one line. jobsched(1) lists its members, which are
 * stable, so some of them have older names than the code. Returns 0, or -1 with
 * errno ENOMEM. */
static int plan_put_json(const struct js_whatif *whatif,
                         const struct plan_origin *origin, struct js_buf *buf)
{
    struct js_json json = {.buf = *buf};
    js_json_open_object(&json, NULL);
    js_json_string(&json, "list", origin->job_file);
    js_json_string(&json, "origin", origin->records);
    js_json_count(&json, "jobs", whatif->jobs);
    js_json_count(&json, "unknown", whatif->unknown);
    js_json_seconds(&json, "mean", whatif->mean_ns);
    js_json_real(&json, "work_core_hours", plan_core_hours(whatif));
    plan_json_rows(&json, whatif);
    js_json_count(&json, "sensible", whatif->rows[whatif->choice].slots);
    js_json_seconds(&json, "list_order", whatif->list_order_ns);
    js_json_seconds(&json, "longest_first", whatif->longest_first_ns);
    plan_json_critical_path(&json, whatif);
    js_json_close_object(&json);
    *buf = json.buf;
    if (js_json_check(&json) < 0)
        return -1;
    return js_buf_append(buf, "\n", 1);
}

/* ---------------------------------------------------------------- --plan */

/* The input of --plan; all owned. */
struct plan_inputs {
    char *journal; /* NULL: there is a joblog instead */
    struct js_past_runs *past_runs;
    struct js_list *list;
};

/* The list is read last: without past runs there is nothing to plan with, and a
 * list may be long. */
static int plan_read_inputs(const struct jobsched_config *config,
                            struct plan_inputs *inputs, struct js_err *err)
{
    if (config->joblog)
        inputs->past_runs = js_past_runs_from_joblog(config->joblog, err);
    else
        inputs->journal =
            js_options_journal(config, ", or a joblog with --joblog", err);
    if (inputs->journal)
        inputs->past_runs = js_past_runs_from_journal(inputs->journal, err);
    if (!inputs->past_runs)
        return -1;
    const char *format = config->job_format
                             ? config->job_format
                             : js_past_runs_look(inputs->past_runs).format;
    inputs->list = js_list_read(config->job_file, format, err);
    return inputs->list ? 0 : -1;
}

static int plan_print(const struct js_options *options,
                      const struct plan_inputs *inputs)
{
    struct js_err err;
    struct js_plan plan;
    struct js_buf text = JS_BUF_INIT;
    const struct js_plan_config config = {
        .options = &options->config,
        .list = inputs->list,
        .registry = js_past_runs_look(inputs->past_runs).registry,
        .past_runs = inputs->past_runs,
        .slots = options->slaves};
    if (js_plan_make(&config, &plan, &err) < 0)
        return js_textbuf_fail(err.text, JOBSCHED_BAD_INPUT);
    const struct plan_origin origin = {
        .job_file = options->config.job_file,
        .records = inputs->journal ? inputs->journal : options->config.joblog,
        .is_mem_counted = plan.is_mem_counted};
    int rc = options->is_json ? plan_put_json(&plan.whatif, &origin, &text)
                              : plan_put_text(&plan.whatif, &origin, &text);
    int status = rc < 0 ? js_textbuf_fail("out of memory", JOBSCHED_BROKEN)
                        : js_textbuf_print(&text);
    js_buf_release(&text);
    js_plan_release(&plan);
    return status;
}

int js_plan(const struct js_options *options)
{
    struct js_err err;
    struct plan_inputs inputs = {0};
    int status = plan_read_inputs(&options->config, &inputs, &err) < 0
                     ? js_textbuf_fail(err.text, JOBSCHED_BAD_INPUT)
                     : plan_print(options, &inputs);
    js_list_free(inputs.list);
    js_past_runs_free(inputs.past_runs);
    free(inputs.journal);
    return status;
}
