/*
 * dag - lists of jobs that come after others, at random, as a job file and as
 * what it says.
 */
#ifndef JS_TESTS_DAG_H
#define JS_TESTS_DAG_H

#include "rng.h"

#include "base/buf.h"
#include "base/file.h"
#include "list/list.h"
#include "list/source.h"
#include "unit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DAG_JOBS_MAX = 64 };

struct dag_job {
    int64_t run_ns;
    int priority;
    bool is_after[DAG_JOBS_MAX]; /* of the jobs before it */
};

/* The jobs are named j0, j1 ... */
struct dag {
    size_t count;
    struct dag_job jobs[DAG_JOBS_MAX];
    char path[64];
};

/* A job file of its own; its path is written to `path`. */
static inline void dag_write(char path[64], const char *text)
{
    snprintf(path, 64, "/tmp/jobsched-list-XXXXXX");
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(js_file_write(fd, text, strlen(text)), 0);
    close(fd);
}

/* The list of such a text, which has no errors. */
static inline struct js_list *dag_list(const char *text)
{
    struct js_err err = {""};
    struct js_list *list = js_list_new_text("list", text, strlen(text), &err);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    return not_null(list);
}

static inline void dag_describe(struct dag *dag, size_t index,
                                struct js_buf *text)
{
    const char *between = " after=";
    js_buf_printf(text, "[name=j%zu priority=%d", index,
                  dag->jobs[index].priority);
    for (size_t k = 0; k < index; k++) {
        if (!dag->jobs[index].is_after[k])
            continue;
        js_buf_printf(text, "%sj%zu", between, k);
        between = ",";
    }
    js_buf_printf(text, "] job %zu\n", index);
}

/* Run times from `least_ns` to ten times as much, hardly two of them equal. */
static inline void dag_init(struct dag *dag, struct rng *rng, size_t count,
                            int64_t least_ns, unsigned percent_after,
                            bool has_priorities)
{
    struct js_buf text = JS_BUF_INIT;
    memset(dag, 0, sizeof(*dag));
    dag->count = count;
    for (size_t i = 0; i < count; i++) {
        struct dag_job *job = &dag->jobs[i];
        job->run_ns =
            least_ns + (int64_t)rng_below(rng, (uint64_t)(9 * least_ns));
        job->priority = has_priorities ? (int)rng_below(rng, 3) : 0;
        for (size_t k = 0; k < i; k++)
            job->is_after[k] = rng_chance(rng, percent_after);
        dag_describe(dag, i, &text);
    }
    dag_write(dag->path, js_buf_string(&text));
    js_buf_release(&text);
}

static inline void dag_release(struct dag *dag)
{
    unlink(dag->path);
}

#endif
