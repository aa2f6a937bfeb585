/*
 * mishaps - why jobs are skipped: what happened to the jobs that they come
 * after.
 *
 * Owns a sentence about each failed or skipped job that was kept here. It knows
 * nothing of files.
 */
#ifndef JS_RECORD_MISHAPS_H
#define JS_RECORD_MISHAPS_H

#include "base/buf.h"
#include "base/table.h"
#include "list/graph.h"
#include "list/registry.h"
#include "record/completion.h"

#include <stdint.h>

struct js_mishaps {
    const struct js_graph *graph;       /* borrowed; for the names of parents */
    const struct js_registry *registry; /* borrowed; NULL: no earlier run */
    struct js_strmap kept;              /* private */
};

void js_mishaps_release(struct js_mishaps *mishaps);

/* Keeps what happened to a job because of which others may be skipped. Without
 * memory, the messages about these are less detailed. */
void js_mishaps_keep(struct js_mishaps *mishaps,
                     const struct js_completion *completion);

/* Does so for a failed job without a name, if jobs below a `wait ok` line are
 * skipped because of it. That is known only once the graph has its end. */
void js_mishaps_keep_culprit(struct js_mishaps *mishaps,
                             const struct js_completion *completion);

/* The id of the job because of which this one is skipped; 0: it is not skipped,
 * or the job is unknown. */
uint64_t js_mishaps_parent(const struct js_mishaps *mishaps,
                           const struct js_completion *completion);

/* Returns why the job was skipped, perhaps in `buf`, or NULL: it was not, or
 * that is unknown. */
const char *js_mishaps_reason(const struct js_mishaps *mishaps,
                              const struct js_completion *completion,
                              struct js_buf *buf);

#endif
