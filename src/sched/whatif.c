#include "sched/whatif.h"

#include "base/buf.h"
#include "list/resume.h"
#include "list/source.h"
#include "sched/capacity.h"
#include "sched/critical_path.h"
#include "sched/simulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A makespan this near to the critical path counts as reaching it. */
static const double chain_reached = 1.01;

static const double ns_per_hour = 3600e9;

/* What all trials share. The list is read once for its run times; each trial
 * then walks through it with a cursor of its own. */
struct study {
    const struct js_whatif_config *config;
    struct js_whatif *seen;
    struct js_buf run_ns; /* int64_t by seq - 1 */
    struct js_buf rows;
    struct js_buf links; /* struct js_job *: the jobs on the critical path */
    struct js_critical_path chain;
    double known_ns, unknown_cores; /* sums for the mean and for the work */
    struct js_request most; /* the most of each resource that any job needs */
    struct js_err *err;
};

static int whatif_no_memory(const struct study *study)
{
    return js_err_errno(study->err, "the forecast");
}

/* ---------------------------------------------------------------- the list */

/* Opens the list at its beginning, as if no job had run. */
static struct js_source *whatif_open_list(struct study *study,
                                          struct js_resume *resume)
{
    js_resume_init(resume, study->config->registry, JS_RESUME_MATCH, NULL,
                   NULL);
    struct js_source *source = js_source_new_list(study->config->list, resume);
    if (!source)
        whatif_no_memory(study);
    return source;
}

/* Returns 0, or -1 with errno. */
typedef int (*visit_fn)(struct study *study, const struct js_job *job);

/* Goes through the list once; jobs are not kept, because a list may have
 * millions. */
static int each_job(struct study *study, visit_fn visit)
{
    struct js_resume resume;
    struct js_source *source = whatif_open_list(study, &resume);
    struct js_job *job;
    enum js_source_state state = JS_SOURCE_ERROR;
    int rc = source ? 0 : -1;
    while (rc == 0 && (state = js_source_next(source, &job, study->err)) ==
                          JS_SOURCE_JOB) {
        if (visit(study, job) < 0)
            rc = whatif_no_memory(study);
        js_job_free(job);
    }
    js_source_free(source);
    return rc == 0 && state == JS_SOURCE_END ? 0 : -1;
}

/* The hosts must have what the largest job needs. Otherwise each trial would be
 * refused, although real hosts may be larger than the configured ones. */
static void note_need(struct study *study, const struct js_request *request)
{
    struct js_request *most = &study->most;
    if (request->cores > most->cores)
        most->cores = request->cores;
    if (request->gpus > most->gpus)
        most->gpus = request->gpus;
    study->seen->is_mem_needed |= request->mem_bytes > 0;
}

static int whatif_survey_job(struct study *study, const struct js_job *job)
{
    int64_t run_ns = study->config->run_ns(study->config->arg, job);
    double cores = (double)job->request.cores * js_request_nodes(&job->request);
    note_need(study, &job->request);
    study->seen->jobs++;
    if (run_ns < 0) {
        study->seen->unknown++;
        study->unknown_cores += cores;
    } else {
        study->known_ns += (double)run_ns;
        study->seen->work_ns += (double)run_ns * cores;
    }
    return js_buf_append(&study->run_ns, &run_ns, sizeof(run_ns));
}

static int64_t *run_ns_of(const struct study *study)
{
    return (int64_t *)(void *)study->run_ns.data;
}

/* Jobs whose run time is unknown are assumed to take the mean of the others. */
static int survey(struct study *study)
{
    struct js_whatif *seen = study->seen;
    if (each_job(study, whatif_survey_job) < 0)
        return -1;
    if (seen->jobs == 0)
        return js_err_set(study->err, "%s has no jobs",
                          js_list_name(study->config->list));
    if (seen->jobs == seen->unknown)
        return js_err_set(study->err,
                          "of no job in %s it is known how long it ran",
                          js_list_name(study->config->list));
    double mean_ns = study->known_ns / (double)(seen->jobs - seen->unknown);
    seen->mean_ns = (int64_t)mean_ns;
    for (uint64_t i = 0; i < seen->jobs; i++) {
        if (run_ns_of(study)[i] < 0)
            run_ns_of(study)[i] = seen->mean_ns;
    }
    seen->work_ns += study->unknown_cores * mean_ns;
    return 0;
}

/* ---------------------------------------------------------------- the chain */

/* The path ascends, so its jobs come in the order of the list. */
static int keep_link(struct study *study, const struct js_job *job)
{
    size_t at = study->links.len / sizeof(struct js_job *);
    if (at == study->chain.count || study->chain.seqs[at] != job->seq)
        return 0;
    struct js_job *copy = js_job_copy(job);
    if (copy && js_buf_append(&study->links, &copy, sizeof(copy)) == 0)
        return 0;
    js_job_free(copy);
    return -1;
}

static int whatif_find_chain(struct study *study)
{
    struct js_critical_path_config config = {.run_ns = run_ns_of(study),
                                             .gap_ns = study->config->gap_ns};
    int rc = js_critical_path_find(study->config->list, &config, &study->chain,
                                   study->err);
    study->seen->chain_ns = study->chain.length_ns;
    return rc == 0 ? each_job(study, keep_link) : -1;
}

/* ---------------------------------------------------------------- hosts */

/* A run on one number of slots. */
struct trial {
    struct study *study;
    uint64_t slots;
    bool is_longest_first; /* whatever the caller's configuration says */
    struct js_resume resume;
    struct js_source *source;
    struct js_allocator *allocator;
    struct js_scheduler *scheduler;
    bool is_refused;
    struct js_simulation ran; /* set unless the run was refused */
};

/* At least one, because any job needs a core. */
static uint32_t host_slots_of(const struct study *study)
{
    uint32_t slots = study->config->host_slots;
    return slots > study->most.cores ? slots : study->most.cores;
}

/* A simulated host has no CPUs that anybody binds to: its cores need no
 * numbers. */
static int equip_host(const struct study *study, uint32_t cores,
                      struct js_resources *ret)
{
    static const struct js_cpuset no_cpus;
    uint32_t gpus = study->config->host_gpus;
    ret->mem_bytes = study->config->host_mem_bytes;
    for (uint32_t i = 0; i < cores; i++) {
        if (js_resources_add_core(ret, &no_cpus, 0, 0) < 0)
            return -1;
    }
    for (uint32_t i = 0; i < gpus || i < study->most.gpus; i++) {
        if (js_resources_add_gpu(ret, "", UINT16_MAX) < 0)
            return -1;
    }
    return 0;
}

/* Adds a slave for each slot of a host, from this rank on. */
static int add_host(struct trial *trial, unsigned first_rank, uint32_t slots)
{
    struct js_node node = {.boot_id = first_rank};
    struct js_resources resources = {0};
    int rc = equip_host(trial->study, slots, &resources);
    if (rc == 0)
        rc = js_simulate_add_host(trial->scheduler, trial->allocator,
                                  first_rank, &node, &resources);
    js_resources_release(&resources);
    return rc;
}

static int add_hosts(struct trial *trial)
{
    uint32_t most = host_slots_of(trial->study);
    unsigned rank = 1;
    for (uint64_t left = trial->slots; left > 0;) {
        uint32_t slots = left < most ? (uint32_t)left : most;
        if (add_host(trial, rank, slots) < 0)
            return whatif_no_memory(trial->study);
        rank += slots;
        left -= slots;
    }
    return 0;
}

static int describe_refusal(struct js_buf *text, uint64_t line,
                            const struct js_request *request)
{
    uint32_t nodes = js_request_nodes(request);
    if (js_buf_printf(text, "the job in line %" PRIu64 " needs ", line) < 0 ||
        js_capacity_need(request, text) < 0)
        return -1;
    return nodes == 1
               ? 0
               : js_buf_printf(text, " on each of %" PRIu32 " hosts", nodes);
}

/* Describes the first job that is larger than every host. */
static void whatif_refuse(void *arg, uint64_t id, uint64_t line,
                          const struct js_request *request)
{
    struct trial *trial = arg;
    struct js_whatif *seen = trial->study->seen;
    struct js_buf text = JS_BUF_INIT;
    (void)id;
    if (trial->is_refused || js_allocator_could(trial->allocator, request, 0))
        return;
    trial->is_refused = true;
    if (describe_refusal(&text, line, request) == 0)
        js_err_set(&seen->refusal, "%s", js_buf_string(&text));
    js_buf_release(&text);
}

/* ---------------------------------------------------------------- a trial */

static void accept(void *arg, struct js_job *job)
{
    const struct trial *trial = arg;
    const struct js_whatif_config *config = trial->study->config;
    job->duration_ns = run_ns_of(trial->study)[job->seq - 1];
    if (trial->is_longest_first)
        job->expected_ns = job->duration_ns;
    else if (config->expected_ns)
        job->expected_ns = config->expected_ns(config->arg, job);
}

/* Each trial has a source, an allocator and a scheduler of its own: they keep
 * the state of one run and cannot be reset. */
static int open_trial(struct trial *trial)
{
    struct study *study = trial->study;
    struct js_scheduler_config scheduler = study->config->scheduler;
    scheduler.longest_first |= trial->is_longest_first;
    scheduler.is_ordered = js_list_survey(study->config->list)->is_ordered;
    trial->source = whatif_open_list(study, &trial->resume);
    if (!trial->source)
        return -1;
    trial->allocator = js_allocator_new();
    if (trial->allocator)
        trial->scheduler = js_scheduler_new(
            &scheduler, js_source_graph(trial->source), trial->allocator);
    return trial->scheduler ? add_hosts(trial) : whatif_no_memory(study);
}

static int keep_row(const struct trial *trial)
{
    struct study *study = trial->study;
    const struct js_simulation *ran = &trial->ran;
    double slots_ns = (double)ran->makespan_ns * (double)trial->slots;
    struct js_whatif_row row = {
        .slots = trial->slots,
        .makespan_ns = ran->makespan_ns,
        .efficiency = slots_ns > 0 ? study->seen->work_ns / slots_ns : 1,
        .core_hours = slots_ns / ns_per_hour,
        .peak_cores = ran->peak_cores};
    const struct js_whatif_row *before =
        study->rows.len > 0
            ? (const struct js_whatif_row *)(void *)(study->rows.data +
                                                     study->rows.len) -
                  1
            : NULL;
    if (before && row.makespan_ns > 0)
        row.gain = (double)before->makespan_ns / (double)row.makespan_ns;
    if (js_buf_append(&study->rows, &row, sizeof(row)) < 0)
        return whatif_no_memory(study);
    return 0;
}

/* A run too long to be counted in nanoseconds is no failure: more slots may
 * shorten it. */
static int refuse_for_length(struct trial *trial, const struct js_err *why)
{
    struct js_whatif *seen = trial->study->seen;
    if (errno != EOVERFLOW)
        return js_err_set(trial->study->err, "%s", why->text);
    trial->is_refused = true;
    js_err_set(&seen->refusal, "it takes longer than 146 years");
    return 0;
}

static int whatif_play(struct trial *trial)
{
    struct study *study = trial->study;
    struct js_simulate_config config = {
        .gap_ns = study->config->gap_ns, .accepted = accept, .arg = trial};
    struct js_err err;
    if (open_trial(trial) < 0)
        return -1;
    js_list_each_need(study->config->list, whatif_refuse, trial);
    if (trial->is_refused)
        return 0;
    errno = 0;
    if (js_simulate(trial->scheduler, trial->source, &config, &trial->ran,
                    &err) < 0)
        return refuse_for_length(trial, &err);
    return 0;
}

/* The scheduler borrows from the source's graph and the allocator, so it goes
 * first. */
static int play_to_end(struct trial *trial)
{
    int rc = whatif_play(trial);
    js_scheduler_free(trial->scheduler);
    js_allocator_free(trial->allocator);
    js_source_free(trial->source);
    return rc;
}

/* Adds a row, unless this number of slots cannot run the list. */
static int whatif_try_slots(struct study *study, uint64_t slots)
{
    struct trial trial = {.study = study, .slots = slots};
    if (play_to_end(&trial) < 0)
        return -1;
    return trial.is_refused ? 0 : keep_row(&trial);
}

/* ---------------------------------------------------------------- the rows */

/* The next power of two, or the number that was asked for. */
static uint64_t next_slots(const struct study *study, uint64_t slots)
{
    uint64_t asked = study->config->slots, power = 1;
    while (power <= slots)
        power *= 2;
    return asked > slots && asked < power ? asked : power;
}

/* More slots would change nothing: nothing is faster than the critical path, or
 * one more host did not let more jobs run at once. */
static bool is_last(const struct study *study)
{
    size_t count = study->rows.len / sizeof(struct js_whatif_row);
    const struct js_whatif_row *rows =
        (const struct js_whatif_row *)(void *)study->rows.data;
    if (count == 0 || rows[count - 1].slots < study->config->slots)
        return false;
    const struct js_whatif_row *last = &rows[count - 1];
    study->seen->is_chain_reached =
        (double)last->makespan_ns <=
        chain_reached * (double)study->seen->chain_ns;
    return study->seen->is_chain_reached ||
           (count > 1 && last[-1].slots >= host_slots_of(study) &&
            last->peak_cores <= last[-1].peak_cores);
}

static int whatif_try_all(struct study *study)
{
    uint64_t slots = 1;
    for (; slots <= JS_WHATIF_SLOTS_MAX; slots = next_slots(study, slots)) {
        if (whatif_try_slots(study, slots) < 0)
            return -1;
        if (is_last(study))
            break;
    }
    if (study->rows.len > 0)
        return 0;
    return js_err_set(study->err, "%s", study->seen->refusal.text);
}

/* Hands the rows to the result and chooses one. */
static void whatif_choose(struct study *study)
{
    struct js_whatif *forecast = study->seen;
    forecast->rows = (struct js_whatif_row *)(void *)study->rows.data;
    forecast->row_count = study->rows.len / sizeof(*forecast->rows);
    double least = forecast->rows[0].efficiency * JS_WHATIF_PERCENT / 100.0;
    for (size_t i = 0; i < forecast->row_count; i++) {
        if (forecast->rows[i].efficiency >= least)
            forecast->choice = i;
    }
}

/* Finds out what an order by run times would change. */
static int try_longest_first(struct study *study)
{
    struct js_whatif *forecast = study->seen;
    const struct js_whatif_row *choice = &forecast->rows[forecast->choice];
    struct trial trial = {
        .study = study, .slots = choice->slots, .is_longest_first = true};
    /* The value if nothing would change, or the trial is refused. */
    forecast->longest_first_ns = choice->makespan_ns;
    if (study->config->scheduler.longest_first)
        return 0;
    int rc = play_to_end(&trial);
    if (rc == 0 && !trial.is_refused)
        forecast->longest_first_ns = trial.ran.makespan_ns;
    return rc;
}

/* ---------------------------------------------------------------- all of it */

/* The critical path comes before the trials, because it says when to stop. */
static int make(struct study *study)
{
    if (survey(study) < 0 || whatif_find_chain(study) < 0 ||
        whatif_try_all(study) < 0)
        return -1;
    whatif_choose(study);
    return try_longest_first(study);
}

int js_whatif_make(const struct js_whatif_config *config, struct js_whatif *ret,
                   struct js_err *err)
{
    *ret = (struct js_whatif){0};
    struct study study = {.config = config, .seen = ret, .err = err};
    int rc = make(&study);
    ret->rows = (struct js_whatif_row *)(void *)study.rows.data;
    ret->chain = (struct js_job **)(void *)study.links.data;
    ret->chain_count = study.links.len / sizeof(struct js_job *);
    js_critical_path_release(&study.chain);
    js_buf_release(&study.run_ns);
    if (rc < 0)
        js_whatif_release(ret);
    return rc;
}

void js_whatif_release(struct js_whatif *forecast)
{
    int saved = errno;
    for (size_t i = 0; i < forecast->chain_count; i++)
        js_job_free(forecast->chain[i]);
    free(forecast->chain);
    free(forecast->rows);
    *forecast = (struct js_whatif){0};
    errno = saved;
}
