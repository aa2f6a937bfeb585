#include "record/mishaps.h"

#include "record/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The end of a job, for the messages about the jobs that come after it. */
struct mishap {
    uint64_t id;
    const char *reason; /* "after NAME, which ...", "job 5 above ..." */
    char key[];         /* and the reason behind it */
};

/* Mishaps are found by the name of the job, or by its number in the graph if it
 * has none. No name contains a newline. */
enum { MISHAP_KEY = 24 };

static const char *mishap_key(char ret[MISHAP_KEY], const char *name,
                              uint64_t seq)
{
    snprintf(ret, MISHAP_KEY, "\n%" PRIu64, seq);
    return name && name[0] ? name : ret;
}

void js_mishaps_release(struct js_mishaps *mishaps)
{
    size_t position = 0;
    const char *key;
    while ((key = js_strmap_next(&mishaps->kept, &position)))
        free(js_strmap_get(&mishaps->kept, key));
    js_strmap_release(&mishaps->kept);
}

void js_mishaps_keep(struct js_mishaps *mishaps,
                     const struct js_completion *completion)
{
    char buf[MISHAP_KEY];
    struct js_buf text = JS_BUF_INIT;
    const struct js_job *job = completion->job;
    const char *name = js_job_name(job);
    const char *key = mishap_key(buf, name, job->seq);
    struct mishap *mishap = NULL;
    int rc = name[0] ? js_buf_printf(&text, "after %s, which ", name)
                     : js_buf_printf(&text, "job %" PRIu64 " above `wait ok` ",
                                     job->id);
    if (rc == 0)
        rc = completion->result == JS_ATTEMPT_RESULT_SKIPPED
                 ? js_buf_puts(&text, "was skipped")
                 : js_summary_mishap(completion, &text);
    if (rc == 0 && js_buf_string(&text))
        mishap = malloc(sizeof(*mishap) + strlen(key) + 1 + text.len + 1);
    if (mishap) {
        char *reason = mishap->key + strlen(key) + 1;
        memcpy(mishap->key, key, strlen(key) + 1);
        memcpy(reason, text.data, text.len + 1);
        mishap->id = job->id;
        mishap->reason = reason;
        if (js_strmap_put(&mishaps->kept, mishap->key, mishap) < 0)
            free(mishap);
    }
    js_buf_release(&text);
}

void js_mishaps_keep_culprit(struct js_mishaps *mishaps,
                             const struct js_completion *completion)
{
    const struct js_job *job = completion->job;
    if (!js_job_name(job)[0] && mishaps->graph &&
        js_graph_is_culprit(mishaps->graph, job->seq))
        js_mishaps_keep(mishaps, completion);
}

/* What happened in this run to the job because of which this one is skipped, or
 * NULL. *ret_name is that job's name, or NULL. */
static const struct mishap *
mishaps_find_parent(const struct js_mishaps *mishaps,
                    const struct js_completion *completion,
                    const char **ret_name)
{
    char buf[MISHAP_KEY];
    *ret_name = js_graph_name(mishaps->graph, completion->parent);
    return js_strmap_get(&mishaps->kept,
                         mishap_key(buf, *ret_name, completion->parent));
}

/* The id of a job that failed in an earlier run, and because of which this one
 * is skipped; 0: unknown. */
static uint64_t
mishaps_find_earlier_parent(const struct js_mishaps *mishaps,
                            const struct js_completion *completion,
                            const char *name)
{
    if (!mishaps->registry)
        return 0;
    return name ? js_registry_find_name(mishaps->registry, name)
                : js_graph_record(mishaps->graph, completion->parent);
}

uint64_t js_mishaps_parent(const struct js_mishaps *mishaps,
                           const struct js_completion *completion)
{
    const char *name;
    if (completion->result != JS_ATTEMPT_RESULT_SKIPPED)
        return 0;
    const struct mishap *mishap =
        mishaps_find_parent(mishaps, completion, &name);
    return mishap ? mishap->id
                  : mishaps_find_earlier_parent(mishaps, completion, name);
}

const char *js_mishaps_reason(const struct js_mishaps *mishaps,
                              const struct js_completion *completion,
                              struct js_buf *buf)
{
    const char *name;
    if (completion->result != JS_ATTEMPT_RESULT_SKIPPED)
        return NULL;
    const struct mishap *mishap =
        mishaps_find_parent(mishaps, completion, &name);
    if (mishap)
        return mishap->reason;
    uint64_t id = mishaps_find_earlier_parent(mishaps, completion, name);
    if (name)
        js_buf_printf(buf, "after %s, which failed in an earlier run", name);
    else if (id > 0)
        js_buf_printf(
            buf, "job %" PRIu64 " above `wait ok` failed in an earlier run",
            id);
    return buf->len > 0 ? js_buf_string(buf) : NULL;
}
