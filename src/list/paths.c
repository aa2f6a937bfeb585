#include "list/paths.h"

#include "base/buf.h"
#include "list/source.h"

#include <errno.h>
#include <stdlib.h>

/* Both buffers are indexed by seq - 1, and empty if there is no list. */
struct js_paths {
    struct js_paths_config config;
    struct js_buf run_times; /* int64_t; -1: unknown */
    struct js_buf found;     /* struct js_graph_path */
};

static int paths_read(struct js_paths *paths, struct js_source *source,
                      struct js_err *err)
{
    struct js_job *job;
    enum js_source_state state;
    int rc = 0;
    while (rc == 0 &&
           (state = js_source_next(source, &job, err)) == JS_SOURCE_JOB) {
        int64_t run_ns = paths->config.run_ns(paths->config.arg, job);
        js_job_free(job);
        if (js_buf_append(&paths->run_times, &run_ns, sizeof(run_ns)) < 0)
            rc = js_err_errno(err, "%s", js_source_name(source));
    }
    return rc == 0 && state == JS_SOURCE_END ? 0 : -1;
}

static int paths_find(struct js_paths *paths, struct js_graph *graph)
{
    const int64_t *run_ns = (const void *)paths->run_times.data;
    size_t count = paths->run_times.len / sizeof(*run_ns), known = 0;
    double sum_ns = 0;
    for (size_t i = 0; i < count; i++) {
        if (run_ns[i] >= 0) {
            sum_ns += (double)run_ns[i];
            known++;
        }
    }
    /* If nothing is known, the length of a path is its number of jobs. */
    int64_t mean_ns = known > 0 ? (int64_t)(sum_ns / (double)known) : 1;
    struct js_graph_path *found =
        (void *)js_buf_extend(&paths->found, count * sizeof(*found));
    if (!found)
        return -1;
    for (size_t i = 0; i < count; i++)
        found[i].length_ns = run_ns[i] < 0 ? mean_ns : run_ns[i];
    js_graph_find_paths(graph, found, count, paths->config.gap_ns);
    return 0;
}

struct js_paths *js_paths_new(const struct js_list *list,
                              struct js_resume *resume,
                              const struct js_paths_config *config,
                              struct js_err *err)
{
    struct js_paths *paths = calloc(1, sizeof(*paths));
    struct js_source *source = NULL;
    int rc = paths ? 0 : -1;
    if (rc == 0)
        paths->config = *config;
    if (rc == 0 && list)
        rc = (source = js_source_new_list(list, resume)) ? 0 : -1;
    if (rc < 0)
        js_err_errno(err, "cannot compute the longest chain");
    if (rc == 0 && source)
        rc = paths_read(paths, source, err);
    if (rc == 0 && source && paths->run_times.len > 0 &&
        (rc = paths_find(paths, js_source_graph(source))) < 0)
        js_err_errno(err, "cannot compute the longest chain");
    js_source_free(source);
    if (rc == 0)
        return paths;
    js_paths_free(paths);
    return NULL;
}

void js_paths_free(struct js_paths *paths)
{
    if (!paths)
        return;
    int saved = errno;
    js_buf_release(&paths->run_times);
    js_buf_release(&paths->found);
    free(paths);
    errno = saved;
}

void js_paths_set(const struct js_paths *paths, struct js_job *job)
{
    if (!paths)
        return;
    if (paths->found.len > 0) {
        const int64_t *run_ns = (const void *)paths->run_times.data;
        job->expected_ns = run_ns[job->seq - 1];
        job->path_ns = js_paths_look(paths, job->seq).length_ns;
    } else {
        job->expected_ns = paths->config.run_ns(paths->config.arg, job);
        job->path_ns = job->expected_ns < 0 ? 0 : job->expected_ns;
    }
}

struct js_graph_path js_paths_look(const struct js_paths *paths, uint64_t seq)
{
    const struct js_graph_path *found = (const void *)paths->found.data;
    return found[seq - 1];
}

uint64_t js_paths_longest(const struct js_paths *paths)
{
    const struct js_graph_path *found = (const void *)paths->found.data;
    uint64_t count = paths->found.len / sizeof(*found);
    uint64_t longest = count > 0;
    for (uint64_t seq = 2; seq <= count; seq++) {
        if (found[seq - 1].length_ns > found[longest - 1].length_ns)
            longest = seq;
    }
    return longest;
}
