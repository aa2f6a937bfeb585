#include "list/intake.h"

#include "base/buf.h"
#include "list/warnings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The shell is asked about at most this many commands. */
enum { ASKED_MAX = 16 };

struct js_intake {
    char *name;
    struct js_reader *reader; /* owned */
    struct js_graph *graph;
    struct js_resume *resume;    /* NULL: all jobs run */
    struct js_graph_edge *edges; /* of the job being created */
    size_t edge_count, edge_capacity;
    uint64_t line; /* of the last entry; 0: none */

    bool is_checked; /* the next three fields are set */
    struct js_intake_checks checks;
    struct js_conflicts *conflicts;
    unsigned asked; /* how often a shell was asked */

    struct js_pool *pool; /* for jobs */
    uint64_t jobs;        /* counted so far, refused ones included */
    int errnum;           /* of a failure that is final; 0: there was none */
    struct js_err failure;
};

struct js_intake *js_intake_new(const char *name, struct js_reader *reader,
                                struct js_graph *graph,
                                struct js_resume *resume)
{
    struct js_intake *intake = reader ? calloc(1, sizeof(*intake)) : NULL;
    if (!intake) {
        js_reader_free(reader);
        return NULL;
    }
    intake->reader = reader;
    intake->graph = graph;
    intake->resume = resume;
    intake->name = strdup(name);
    intake->pool = js_pool_new();
    if (!intake->name || !intake->pool) {
        js_intake_free(intake);
        return NULL;
    }
    return intake;
}

void js_intake_free(struct js_intake *intake)
{
    if (!intake)
        return;
    int saved = errno;
    js_reader_free(intake->reader);
    js_conflicts_free(intake->conflicts);
    js_pool_close(intake->pool);
    free(intake->edges);
    free(intake->name);
    free(intake);
    errno = saved;
}

int js_intake_set_checks(struct js_intake *intake,
                         const struct js_intake_checks *checks)
{
    intake->checks = *checks;
    intake->conflicts = js_conflicts_new(checks->own, checks->is_stream);
    intake->is_checked = intake->conflicts != NULL;
    return intake->is_checked ? 0 : -1;
}

int js_intake_feed(struct js_intake *intake, const char *bytes, size_t len)
{
    return js_reader_feed(intake->reader, bytes, len);
}

static int intake_fail_errno(struct js_intake *intake,
                             const struct js_entry *entry)
{
    return js_err_errno(&intake->failure, "%s:%" PRIu64, intake->name,
                        entry->line);
}

/* Reports an error in this entry only: those after it can be read. */
static int intake_refuse(struct js_intake *intake, const struct js_entry *entry,
                         const struct js_entry_part *part,
                         const struct js_err *why)
{
    if (js_reader_describe(intake->reader, part, why->text, &intake->failure) <
        0)
        return intake_fail_errno(intake, entry);
    errno = EINVAL;
    return -1;
}

static void intake_warn(struct js_intake *intake,
                        const struct js_entry_part *part, enum js_warning kind,
                        const char *what)
{
    struct js_err text, place;
    js_err_set(&text, "warning: %s", what);
    if (js_reader_describe(intake->reader, part, text.text, &place) == 0)
        intake->checks.warn(intake->checks.arg, kind, place.text);
}

/* ---------------------------------------------------------------- checks */

/* Warns about what the shell would report or do about the command. */
static void check_command(struct js_intake *intake, const struct js_job *job)
{
    static const struct js_entry_part command = {NULL, 0};
    enum js_shline look = js_shline_look(job->command, job->command_len);
    bool is_refused = look == JS_SHLINE_BROKEN;
    if (look == JS_SHLINE_BACKGROUND)
        intake_warn(
            intake, &command, JS_WARNING_BACKGROUND,
            "this command leaves a process in the background (&). The job "
            "ends without waiting for it, and jobsched then ends that "
            "process. Without the & the job waits for it; jobs run side by "
            "side anyway");
    /* Only a shell can judge the other lines. Each question takes a process, so
     * a list that consists of such lines must not ask about every line. */
    if (look == JS_SHLINE_DOUBTFUL && intake->checks.takes &&
        intake->asked < ASKED_MAX) {
        intake->asked++;
        is_refused = !intake->checks.takes(job->command);
    }
    if (is_refused)
        intake_warn(
            intake, &command, JS_WARNING_BROKEN,
            "the shell rejects this line on its own. Each line is a job: "
            "write a loop or an \"if\" on one line, or put it in a script "
            "and run the script from a line");
}

/* Checks the files that the job writes to, its stdout before its stderr. */
static int check_targets(struct js_intake *intake, uint64_t seq,
                         const struct js_entry *entry)
{
    const struct js_attributes *attributes = entry->attributes;
    /* Most jobs name no file, and pay nothing. */
    if (!attributes->stdout_path && !attributes->stderr_path)
        return 0;
    const struct {
        const char *attribute, *path;
    } targets[] = {{"stdout", attributes->stdout_path},
                   {"stderr", attributes->stderr_path}};
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const struct js_entry_part part = {targets[i].attribute, 0};
        struct js_err what;
        enum js_conflict conflict = JS_CONFLICT_NONE;
        if (targets[i].path)
            conflict = js_conflicts_add_file(
                intake->conflicts, seq, entry->line, part.attribute,
                attributes->dir, targets[i].path, &what);
        if (conflict == JS_CONFLICT_ERROR)
            return intake_refuse(intake, entry, &part, &what);
        if (conflict == JS_CONFLICT_WARNING)
            intake_warn(intake, &part, JS_WARNING_FILE, what.text);
    }
    return 0;
}

/* ---------------------------------------------------------------- graph */

static int gather_edges(struct js_intake *intake,
                        const struct js_strings *names, bool any,
                        bool has_globs)
{
    size_t needed = intake->edge_count + names->count;
    const char *name = NULL;
    if (names->count == 0)
        return 0;
    struct js_graph_edge *edges = js_buf_grow(
        intake->edges, &intake->edge_capacity, needed, sizeof(*edges));
    if (!edges)
        return -1;
    intake->edges = edges;
    while ((name = js_strings_next(names, name)))
        edges[intake->edge_count++] =
            (struct js_graph_edge){.name = name,
                                   .any = any,
                                   .is_glob = has_globs && strpbrk(name, "*?")};
    return 0;
}

static bool has_ended_before(enum js_resume_decision decision)
{
    return decision == JS_RESUME_DECISION_DONE ||
           decision == JS_RESUME_DECISION_FAILED;
}

static int try_graph(struct js_intake *intake, const struct js_job *job,
                     const char *name, enum js_resume_decision decision,
                     size_t *ret_bad, struct js_err *err)
{
    *ret_bad = SIZE_MAX;
    if (has_ended_before(decision))
        return js_graph_add_ended(intake->graph, job->seq, name,
                                  decision == JS_RESUME_DECISION_DONE, job->id,
                                  err);
    return js_graph_add(intake->graph, job->seq, name, intake->edges,
                        intake->edge_count, ret_bad, err);
}

/* Adds the job to the graph. Returns 1 if it is READY, 0 if it waits or does
 * not run, or -1. */
static int join_graph(struct js_intake *intake, const struct js_job *job,
                      const struct js_entry *entry,
                      enum js_resume_decision decision)
{
    const struct js_attributes *attributes = entry->attributes;
    struct js_entry_part part = {"name", 0};
    struct js_err err, none;
    size_t bad = SIZE_MAX;
    const char *name = attributes ? attributes->name : NULL;
    int rc = try_graph(intake, job, name, decision, &bad, &err);
    if (rc >= 0)
        return rc;
    if (errno == ENOMEM)
        return intake_fail_errno(intake, entry);
    /* The graph says which name it refused. The job is then added without that
     * name, so that this error causes no others. */
    if (!attributes || bad == SIZE_MAX) {
        name = NULL;
    } else {
        size_t after = attributes->after.count;
        part = bad < after ? (struct js_entry_part){"after", bad}
                           : (struct js_entry_part){"after-any", bad - after};
        intake->edge_count--;
        memmove(intake->edges + bad, intake->edges + bad + 1,
                (intake->edge_count - bad) * sizeof(*intake->edges));
    }
    if (try_graph(intake, job, name, decision, &bad, &none) < 0 &&
        errno == ENOMEM)
        return intake_fail_errno(intake, entry);
    return intake_refuse(intake, entry, &part, &err);
}

/* ---------------------------------------------------------------- jobs */

/* Decides whether the job runs. A job that names an unknown job counts as
 * running: the graph then reports the error. */
static int intake_decide(struct js_intake *intake, struct js_job *job,
                         enum js_resume_decision *ret)
{
    *ret = JS_RESUME_DECISION_RUN;
    if (!intake->resume && !job->is_imported)
        return 0;
    int after =
        js_graph_mark_before(intake->graph, intake->edges, intake->edge_count);
    if (after < 0)
        return errno == ENOMEM ? -1 : 0;
    if (!intake->resume)
        *ret = after == JS_RESUME_DECISION_RUN ? JS_RESUME_DECISION_RUN
                                               : JS_RESUME_DECISION_DONE;
    else if (js_resume_decide(intake->resume, job,
                              (enum js_resume_decision)after, ret) < 0)
        return -1;
    /* The job has ended, regardless of the jobs it comes after. */
    if (has_ended_before(*ret))
        intake->edge_count = 0;
    return 0;
}

/* Returns 1 if the job must run, 0 if not, or -1. */
static int admit(struct js_intake *intake, struct js_job *job,
                 const struct js_entry *entry)
{
    const struct js_attributes *attributes = entry->attributes;
    enum js_resume_decision decision;
    bool is_checked = intake->is_checked && attributes;
    job->line = entry->line;
    intake->edge_count = 0;
    if (attributes &&
        attributes->after.count + attributes->after_any.count > 0 &&
        (gather_edges(intake, &attributes->after, false,
                      attributes->has_globs) < 0 ||
         gather_edges(intake, &attributes->after_any, true,
                      attributes->has_globs) < 0))
        return intake_fail_errno(intake, entry);
    /* This comes before the decision, which drops the edges of a job that has
     * ended: two jobs that write one file must be in order in every run, not
     * only in this one. */
    if (is_checked && js_conflicts_add_job(
                          intake->conflicts, job->seq, attributes,
                          intake->graph, intake->edges, intake->edge_count) < 0)
        return intake_fail_errno(intake, entry);
    if (intake_decide(intake, job, &decision) < 0)
        return intake_fail_errno(intake, entry);
    int rc = join_graph(intake, job, entry, decision);
    if (rc < 0)
        return -1;
    js_graph_mark(intake->graph, job->seq, (int)decision);
    job->is_waiting = rc == 0;
    if (is_checked && check_targets(intake, job->seq, entry) < 0)
        return -1;
    return decision == JS_RESUME_DECISION_RUN;
}

static int make_job(struct js_intake *intake, const struct js_entry *entry,
                    struct js_job **ret)
{
    struct js_job *job =
        js_job_new_in(intake->pool, intake->jobs, entry->attributes,
                      entry->command, entry->command_len);
    if (!job)
        return intake_fail_errno(intake, entry);
    job->is_imported = entry->is_done;
    if (intake->is_checked && entry->warning)
        intake_warn(intake, &(struct js_entry_part){"warning", 0},
                    JS_WARNING_FORMAT, entry->warning);
    if (intake->is_checked)
        check_command(intake, job);
    int rc = admit(intake, job, entry);
    if (rc > 0)
        *ret = job;
    else
        js_job_free(job);
    return rc;
}

/* A glob never matches a name of its own line, which may be a template for many
 * jobs. */
static void take_line(struct js_intake *intake, uint64_t line)
{
    if (line == 0 || line != intake->line)
        js_graph_line(intake->graph);
    intake->line = line;
}

static void take_barrier(struct js_intake *intake, bool is_strict)
{
    if (is_strict)
        js_graph_strict_barrier(intake->graph);
    else
        js_graph_barrier(intake->graph);
    if (intake->is_checked)
        js_conflicts_add_barrier(intake->conflicts);
}

/* Goes through the entries up to the next job that runs. Returns the same as
 * js_intake_next(). */
static int take_entries(struct js_intake *intake, struct js_job **ret)
{
    for (;;) {
        struct js_entry entry = {.kind = JS_ENTRY_JOB};
        int rc = js_reader_next(intake->reader, &entry, &intake->failure);
        if (rc == 0)
            return 0;
        /* A refused job counts as well, so that the jobs after it keep their
         * numbers. */
        intake->jobs += entry.kind == JS_ENTRY_JOB;
        if (rc < 0)
            return -1;
        take_line(intake, entry.line);
        if (entry.kind != JS_ENTRY_JOB)
            take_barrier(intake, entry.kind == JS_ENTRY_WAIT_OK);
        else if ((rc = make_job(intake, &entry, ret)) != 0)
            return rc;
    }
}

int js_intake_next(struct js_intake *intake, struct js_job **ret,
                   struct js_err *err)
{
    int rc = -1;
    if (intake->errnum)
        errno = intake->errnum;
    else
        rc = take_entries(intake, ret);
    if (rc >= 0)
        return rc;
    if (errno != EINVAL)
        intake->errnum = errno;
    if (err)
        *err = intake->failure;
    return -1;
}
