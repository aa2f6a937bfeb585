#include "sched/critical_path.h"

#include "base/buf.h"
#include "list/source.h"
#include "sched/event_queue.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Plays the list on unlimited slots: a job begins when the last of the jobs it
 * waits for ends, so the run ends with the critical path. */
struct search {
    struct js_source *source;
    const struct js_critical_path_config *config;
    struct js_event_queue ends;
    struct js_buf causes; /* uint64_t by seq - 1: the job whose end let this one
                             begin, or 0 */
    struct js_event last; /* the job that ended last; the first of several */
};

static uint64_t *cause_of(const struct search *search, uint64_t seq)
{
    return (uint64_t *)(void *)search->causes.data + seq - 1;
}

static int critical_path_begin(struct search *search, uint64_t seq,
                               int64_t at_ns)
{
    const struct js_critical_path_config *config = search->config;
    struct js_event end = {.number = seq};
    /* The times come from a file, so they may add up to anything. */
    if (__builtin_add_overflow(at_ns, config->run_ns[seq - 1], &end.at_ns)) {
        errno = EOVERFLOW;
        return -1;
    }
    return js_event_queue_put(&search->ends, &end);
}

/* Begins jobs only once all are in the graph. Otherwise a job that waits could
 * be added after the job that it waits for has ended. */
static int begin_first(struct search *search, struct js_err *err)
{
    struct js_job *job;
    enum js_source_state state;
    while ((state = js_source_next(search->source, &job, err)) ==
           JS_SOURCE_JOB) {
        uint64_t seq = job->seq;
        bool is_waiting = job->is_waiting;
        size_t known = search->causes.len / sizeof(uint64_t);
        js_job_free(job);
        if (!js_buf_extend(&search->causes, (seq - known) * sizeof(uint64_t)))
            return js_err_errno(err, "the longest chain");
        memset(cause_of(search, known + 1), 0,
               (seq - known) * sizeof(uint64_t));
        if (!is_waiting && critical_path_begin(search, seq, 0) < 0)
            return js_err_errno(err, "the longest chain");
    }
    return state == JS_SOURCE_END ? 0 : -1;
}

static int begin_others(struct search *search)
{
    struct js_graph *graph = js_source_graph(search->source);
    struct js_event end;
    while (js_event_queue_take(&search->ends, &end)) {
        uint64_t seq;
        int64_t next_ns;
        /* Jobs that take no time must count, too. */
        if (end.at_ns > search->last.at_ns || search->last.number == 0)
            search->last = end;
        js_graph_ended(graph, end.number, true);
        while ((seq = js_graph_next_ready(graph))) {
            /* A job becomes ready with the end of the last job it waits for, so
             * this is its predecessor on the path. */
            *cause_of(search, seq) = end.number;
            if (__builtin_add_overflow(end.at_ns, search->config->gap_ns,
                                       &next_ns)) {
                errno = EOVERFLOW;
                return -1;
            }
            if (critical_path_begin(search, seq, next_ns) < 0)
                return -1;
        }
    }
    return 0;
}

/* Follows the causes from the last job back to the first. */
static int collect(const struct search *search, struct js_critical_path *ret)
{
    size_t count = 0;
    for (uint64_t seq = search->last.number; seq; seq = *cause_of(search, seq))
        count++;
    ret->length_ns = search->last.at_ns;
    ret->seqs = calloc(count + 1, sizeof(*ret->seqs));
    ret->count = count;
    if (!ret->seqs)
        return -1;
    for (uint64_t seq = search->last.number; seq; seq = *cause_of(search, seq))
        ret->seqs[--count] = seq;
    return 0;
}

int js_critical_path_find(const struct js_list *list,
                          const struct js_critical_path_config *config,
                          struct js_critical_path *ret, struct js_err *err)
{
    struct search search = {.source = js_source_new_list(list, NULL),
                            .config = config};
    int rc = search.source ? begin_first(&search, err)
                           : js_err_errno(err, "the longest chain");
    if (rc == 0 && (begin_others(&search) < 0 || collect(&search, ret) < 0))
        rc = js_err_errno(err, "the longest chain");
    js_source_free(search.source);
    js_event_queue_release(&search.ends);
    js_buf_release(&search.causes);
    return rc;
}

void js_critical_path_release(struct js_critical_path *chain)
{
    int saved = errno;
    free(chain->seqs);
    memset(chain, 0, sizeof(*chain));
    errno = saved;
}
