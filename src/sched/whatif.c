#include "sched/whatif.h"

#include "base/buf.h"
#include "list/paths.h"
#include "list/resume.h"
#include "list/source.h"
#include "sched/allocator.h"
#include "sched/simulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A makespan this near to the critical path counts as reaching it. */
static const double path_reached = 1.01;

static const double ns_per_hour = 3600e9;

/* ---------------------------------------------------------------- the list */

/* The state that all trials share. The list is read once for its run times;
 * each trial then walks through it with a cursor of its own. */
struct study {
    const struct js_whatif_config *config;
    struct js_whatif *result;
    struct js_buf run_times; /* int64_t by seq - 1; also as an array: */
    int64_t *run_ns;         /* set when the survey is over */
    struct js_buf rows;      /* struct js_whatif_row */
    struct js_paths *paths;  /* with the run times of the simulation */
    struct js_paths *order;  /* with those that determine the order */
    uint64_t on_path;        /* the next job on the critical path; 0: none */
    struct js_buf path_jobs; /* struct js_job *: the jobs on the path so far */
    double known_ns, unknown_cores; /* sums for the mean and for the work */
    struct js_request most; /* the most of each resource that any job needs */
    uint32_t host_slots;    /* enough for the largest job to fit on a host */
    struct js_err *err;
};

static int whatif_no_memory(const struct study *study)
{
    return js_err_errno(study->err, "cannot compute the forecast");
}

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

/* Goes through the list once; jobs are not kept, because a list may have
 * millions. `visit` returns 0, or -1 with errno. */
static int whatif_each_job(struct study *study,
                           int (*visit)(struct study *study,
                                        const struct js_job *job))
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

static int whatif_survey_job(struct study *study, const struct js_job *job)
{
    const struct js_request *request = &job->request;
    struct js_whatif *result = study->result;
    int64_t run_ns = study->config->run_ns(study->config->arg, job);
    double cores = (double)request->cores * js_request_nodes(request);
    /* The hosts must have what the largest job needs. Otherwise each trial
     * would be refused, although real hosts may be larger than the configured
     * ones. */
    if (request->cores > study->most.cores)
        study->most.cores = request->cores;
    if (request->gpus > study->most.gpus)
        study->most.gpus = request->gpus;
    result->is_mem_needed |= request->mem_bytes > 0;
    result->jobs++;
    if (run_ns < 0) {
        result->unknown++;
        study->unknown_cores += cores;
    } else {
        study->known_ns += (double)run_ns;
        result->work_ns += (double)run_ns * cores;
    }
    return js_buf_append(&study->run_times, &run_ns, sizeof(run_ns));
}

/* Jobs whose run time is unknown are assumed to take the mean of the others. */
static int whatif_survey(struct study *study)
{
    struct js_whatif *result = study->result;
    const char *name = js_list_name(study->config->list);
    if (whatif_each_job(study, whatif_survey_job) < 0)
        return -1;
    if (result->jobs == 0)
        return js_err_set(study->err, "%s has no jobs", name);
    if (result->jobs == result->unknown)
        return js_err_set(study->err, "no job in %s has a known run time",
                          name);
    double mean_ns = study->known_ns / (double)(result->jobs - result->unknown);
    result->mean_ns = (int64_t)mean_ns;
    study->run_ns = (int64_t *)(void *)study->run_times.data;
    for (uint64_t i = 0; study->run_ns && i < result->jobs; i++) {
        if (study->run_ns[i] < 0)
            study->run_ns[i] = result->mean_ns;
    }
    /* At least one, because any job needs a core. */
    study->host_slots = study->config->host_slots > study->most.cores
                            ? study->config->host_slots
                            : study->most.cores;
    result->work_ns += study->unknown_cores * mean_ns;
    return 0;
}

/* The path ascends, so its jobs come in the order of the list. */
static int whatif_keep_path_job(struct study *study, const struct js_job *job)
{
    if (study->on_path != job->seq)
        return 0;
    struct js_job *copy = js_job_copy(job);
    study->on_path = js_paths_look(study->paths, job->seq).next;
    if (copy && js_buf_append(&study->path_jobs, &copy, sizeof(copy)) == 0)
        return 0;
    js_job_free(copy);
    return -1;
}

/* ---------------------------------------------------------------- a trial */

/* One trial: a run on a certain number of slots. */
struct trial {
    struct study *study;
    uint64_t slots;
    bool is_longest_first; /* use --longest-first instead of the order of the
                              list */
    struct js_resume resume;
    struct js_source *source;
    struct js_allocator *allocator;
    struct js_scheduler *scheduler;
    bool is_refused;
    struct js_simulation ran; /* set unless the run was refused */
};

/* A simulated host has no CPUs that anybody binds to: its cores need no
 * numbers. */
static int whatif_add_hosts(struct trial *trial)
{
    static const struct js_cpuset no_cpus;
    const struct study *study = trial->study;
    const struct js_whatif_config *config = study->config;
    uint32_t most = study->host_slots;
    unsigned rank = 1;
    int rc = 0;
    for (uint64_t left = trial->slots; rc == 0 && left > 0;) {
        uint32_t slots = left < most ? (uint32_t)left : most;
        struct js_node node = {.boot_id = rank};
        struct js_resources resources = {.mem_bytes = config->host_mem_bytes};
        for (uint32_t i = 0; rc == 0 && i < slots; i++)
            rc = js_resources_add_core(&resources, &no_cpus, 0, 0);
        for (uint32_t i = 0;
             rc == 0 && (i < config->host_gpus || i < study->most.gpus); i++)
            rc = js_resources_add_gpu(&resources, "", UINT16_MAX);
        if (rc == 0)
            rc = js_simulate_add_host(trial->scheduler, trial->allocator, rank,
                                      &node, &resources);
        js_resources_release(&resources);
        rank += slots;
        left -= slots;
    }
    return rc == 0 ? 0 : whatif_no_memory(study);
}

/* Describes the first job that is larger than every host. */
static void whatif_refuse(void *arg, uint64_t id, uint64_t line,
                          const struct js_request *request)
{
    struct trial *trial = arg;
    uint32_t nodes = js_request_nodes(request);
    struct js_buf text = JS_BUF_INIT;
    (void)id;
    if (trial->is_refused || js_allocator_could(trial->allocator, request, 0))
        return;
    trial->is_refused = true;
    int rc = js_buf_printf(&text, "the job on line %" PRIu64 " needs ", line);
    if (rc == 0)
        rc = js_request_describe(request, &text);
    if (rc == 0 && nodes > 1)
        rc = js_buf_printf(&text, " on each of %" PRIu32 " hosts", nodes);
    if (rc == 0)
        js_err_set(&trial->study->result->refusal, "%s", js_buf_string(&text));
    js_buf_release(&text);
}

static void whatif_accept(void *arg, struct js_job *job)
{
    const struct trial *trial = arg;
    job->duration_ns = trial->study->run_ns[job->seq - 1];
    js_paths_set(trial->study->order, job);
}

/* Each trial has a source, an allocator and a scheduler of its own: they keep
 * the state of one run and cannot be reset. */
static int whatif_open_trial(struct trial *trial)
{
    struct study *study = trial->study;
    struct js_scheduler_config scheduler = study->config->scheduler;
    scheduler.longest_first = trial->is_longest_first;
    scheduler.is_ordered = js_list_survey(study->config->list)->is_ordered;
    trial->source = whatif_open_list(study, &trial->resume);
    if (!trial->source)
        return -1;
    trial->allocator = js_allocator_new();
    if (trial->allocator)
        trial->scheduler = js_scheduler_new(
            &scheduler, js_source_graph(trial->source), trial->allocator);
    return trial->scheduler ? whatif_add_hosts(trial) : whatif_no_memory(study);
}

static int whatif_play(struct trial *trial)
{
    struct study *study = trial->study;
    struct js_simulate_config config = {.gap_ns = study->config->gap_ns,
                                        .accepted = whatif_accept,
                                        .arg = trial};
    struct js_err err;
    int rc = whatif_open_trial(trial);
    if (rc == 0)
        js_list_each_need(study->config->list, whatif_refuse, trial);
    if (rc == 0 && !trial->is_refused) {
        errno = 0;
        rc = js_simulate(trial->scheduler, trial->source, &config, &trial->ran,
                         &err);
        /* A run too long to be counted in nanoseconds is no failure: more slots
         * may shorten it. */
        trial->is_refused = rc < 0 && errno == EOVERFLOW;
        if (trial->is_refused) {
            js_err_set(&study->result->refusal,
                       "the run would take longer than 146 years");
            rc = 0;
        } else if (rc < 0) {
            js_err_set(study->err, "%s", err.text);
        }
    }
    /* The scheduler borrows the source's graph and the allocator, so it is
     * freed first. */
    js_scheduler_free(trial->scheduler);
    js_allocator_free(trial->allocator);
    js_source_free(trial->source);
    return rc;
}

/* ---------------------------------------------------------------- the rows */

/* Adds a row, unless this number of slots cannot run the list. */
static int whatif_try_slots(struct study *study, uint64_t slots)
{
    struct trial trial = {.study = study,
                          .slots = slots,
                          .is_longest_first =
                              study->config->scheduler.longest_first};
    if (whatif_play(&trial) < 0)
        return -1;
    if (trial.is_refused)
        return 0;
    int64_t makespan_ns = trial.ran.makespan_ns;
    double slots_ns = (double)makespan_ns * (double)slots;
    struct js_whatif_row row = {
        .slots = slots,
        .makespan_ns = makespan_ns,
        .efficiency = slots_ns > 0 ? study->result->work_ns / slots_ns : 1,
        .core_hours = slots_ns / ns_per_hour,
        .peak_cores = trial.ran.peak_cores};
    size_t count = study->rows.len / sizeof(row);
    const struct js_whatif_row *rows = (const void *)study->rows.data;
    if (count > 0 && makespan_ns > 0)
        row.gain = (double)rows[count - 1].makespan_ns / (double)makespan_ns;
    if (js_buf_append(&study->rows, &row, sizeof(row)) < 0)
        return whatif_no_memory(study);
    return 0;
}

/* More slots would change nothing if the run takes no longer than the critical
 * path, or if one more host did not let more jobs run at once. */
static bool whatif_is_last(const struct study *study)
{
    struct js_whatif *result = study->result;
    size_t count = study->rows.len / sizeof(struct js_whatif_row);
    const struct js_whatif_row *rows = (const void *)study->rows.data;
    if (count == 0 || rows[count - 1].slots < study->config->slots)
        return false;
    const struct js_whatif_row *last = &rows[count - 1];
    result->is_path_reached =
        (double)last->makespan_ns <= path_reached * (double)result->path_ns;
    return result->is_path_reached ||
           (count > 1 && last[-1].slots >= study->host_slots &&
            last->peak_cores <= last[-1].peak_cores);
}

/* Tries the powers of two, and between them the number that was asked for. */
static int whatif_try_all(struct study *study)
{
    uint64_t asked = study->config->slots, slots = 1, power = 1;
    while (slots <= JS_WHATIF_SLOTS_MAX) {
        if (whatif_try_slots(study, slots) < 0)
            return -1;
        if (whatif_is_last(study))
            break;
        while (power <= slots)
            power *= 2;
        slots = asked > slots && asked < power ? asked : power;
    }
    if (study->rows.len > 0)
        return 0;
    return js_err_set(study->err, "%s", study->result->refusal.text);
}

/* Chooses a row, and finds out its makespan in both orders. */
static int whatif_choose(struct study *study)
{
    struct js_whatif *result = study->result;
    size_t count = study->rows.len / sizeof(struct js_whatif_row);
    const struct js_whatif_row *rows = (const void *)study->rows.data;
    double least = rows[0].efficiency * JS_WHATIF_PERCENT / 100.0;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].efficiency >= least)
            result->choice = i;
    }
    bool is_longest_first = study->config->scheduler.longest_first;
    struct trial trial = {.study = study,
                          .slots = rows[result->choice].slots,
                          .is_longest_first = !is_longest_first};
    /* These are the values if the trial is refused. */
    result->longest_first_ns = result->list_order_ns =
        rows[result->choice].makespan_ns;
    int rc = whatif_play(&trial);
    if (rc == 0 && !trial.is_refused)
        *(is_longest_first ? &result->list_order_ns
                           : &result->longest_first_ns) = trial.ran.makespan_ns;
    return rc;
}

static int64_t whatif_run_ns(void *arg, const struct js_job *job)
{
    const struct study *study = arg;
    return study->run_ns[job->seq - 1];
}

/* The order must be that of a real run, which does not know the gap. */
static int whatif_find_paths(struct study *study)
{
    const struct js_whatif_config *config = study->config;
    struct js_resume resume;
    struct js_paths_config paths = {
        .run_ns = whatif_run_ns, .arg = study, .gap_ns = config->gap_ns};
    struct js_paths_config order = {.run_ns = config->run_ns,
                                    .arg = config->arg};
    if (config->scheduler.longest_first && config->expected_ns)
        order.run_ns = config->expected_ns;
    js_resume_init(&resume, config->registry, JS_RESUME_MATCH, NULL, NULL);
    study->paths = js_paths_new(config->list, NULL, &paths, study->err);
    study->order = js_paths_new(config->list, &resume, &order, study->err);
    if (!study->paths || !study->order)
        return -1;
    study->on_path = js_paths_longest(study->paths);
    int64_t *path_ns = &study->result->path_ns;
    *path_ns = js_paths_look(study->paths, study->on_path).length_ns;
    if (*path_ns < INT64_MAX)
        return 0;
    errno = EOVERFLOW;
    return js_err_errno(study->err, "cannot compute the longest chain");
}

int js_whatif_make(const struct js_whatif_config *config, struct js_whatif *ret,
                   struct js_err *err)
{
    *ret = (struct js_whatif){0};
    struct study study = {.config = config, .result = ret, .err = err};
    int rc = whatif_survey(&study);
    /* The path comes before the trials, because it says when to stop. */
    if (rc == 0)
        rc = whatif_find_paths(&study);
    if (rc == 0)
        rc = whatif_each_job(&study, whatif_keep_path_job);
    if (rc == 0)
        rc = whatif_try_all(&study);
    if (rc == 0)
        rc = whatif_choose(&study);
    ret->rows = (struct js_whatif_row *)(void *)study.rows.data;
    ret->row_count = study.rows.len / sizeof(*ret->rows);
    ret->path = (struct js_job **)(void *)study.path_jobs.data;
    ret->path_count = study.path_jobs.len / sizeof(*ret->path);
    js_paths_free(study.paths);
    js_paths_free(study.order);
    js_buf_release(&study.run_times);
    if (rc < 0)
        js_whatif_release(ret);
    return rc;
}

void js_whatif_release(struct js_whatif *whatif)
{
    int saved = errno;
    for (size_t i = 0; i < whatif->path_count; i++)
        js_job_free(whatif->path[i]);
    free(whatif->path);
    free(whatif->rows);
    *whatif = (struct js_whatif){0};
    errno = saved;
}
