#include "list/conflicts.h"

#include "base/buf.h"
#include "list/lineage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* Only the parents of the last job are kept, because its files follow before
 * the next job. */
struct js_conflicts {
    struct js_lineage *lineage;
    struct js_targets *targets;
    struct js_buf parents; /* of the job added last: numbers, uint64_t */
    uint64_t barriers;     /* so far */
};

struct js_conflicts *js_conflicts_new(const struct js_target_own *own,
                                      bool is_stream)
{
    struct js_conflicts *conflicts = calloc(1, sizeof(*conflicts));
    if (!conflicts)
        return NULL;
    conflicts->lineage = js_lineage_new();
    conflicts->targets = js_targets_new(is_stream);
    if (!conflicts->lineage || !conflicts->targets) {
        js_conflicts_free(conflicts);
        return NULL;
    }
    for (; own && own->what; own++)
        js_targets_add_own(conflicts->targets, own);
    return conflicts;
}

void js_conflicts_free(struct js_conflicts *conflicts)
{
    if (!conflicts)
        return;
    int saved = errno;
    js_buf_release(&conflicts->parents);
    js_lineage_free(conflicts->lineage);
    js_targets_free(conflicts->targets);
    free(conflicts);
    errno = saved;
}

void js_conflicts_add_barrier(struct js_conflicts *conflicts)
{
    conflicts->barriers++;
}

static size_t conflicts_parent_count(const struct js_conflicts *conflicts)
{
    return conflicts->parents.len / sizeof(uint64_t);
}

int js_conflicts_add_job(struct js_conflicts *conflicts, uint64_t seq,
                         const struct js_attributes *attributes,
                         struct js_graph *graph,
                         const struct js_graph_edge *edges, size_t count)
{
    /* Most jobs have no name and write no file; they must cost nothing. */
    bool writes = attributes->stdout_path || attributes->stderr_path;
    if (!attributes->name && !writes)
        return 0;
    conflicts->parents.len = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t parent = js_graph_find(graph, edges[i].name);
        if (parent > 0 &&
            js_buf_append(&conflicts->parents, &parent, sizeof(parent)) < 0)
            return -1;
    }
    /* No job can come after one without a name. */
    return attributes->name
               ? js_lineage_add(conflicts->lineage, seq,
                                (const uint64_t *)conflicts->parents.data,
                                conflicts_parent_count(conflicts))
               : 0;
}

enum js_conflict js_conflicts_add_file(struct js_conflicts *conflicts,
                                       uint64_t seq, uint64_t line,
                                       const char *attribute, const char *dir,
                                       const char *path,
                                       struct js_err *ret_what)
{
    struct js_target_job other;
    const struct js_target_job job = {
        .seq = seq, .line = line, .barriers = conflicts->barriers};
    if (!js_targets_add(conflicts->targets, dir, path, &job, &other))
        return JS_CONFLICT_NONE;
    if (other.own) {
        js_err_set(ret_what, "%s=%.200s: that is %s of this run", attribute,
                   path, other.own);
        return JS_CONFLICT_ERROR;
    }
    enum js_lineage_answer answer =
        /* A `wait` line between the two orders them, whatever their names. */
        other.barriers < conflicts->barriers
            ? JS_LINEAGE_YES
            : js_lineage_follows(conflicts->lineage,
                                 (const uint64_t *)conflicts->parents.data,
                                 conflicts_parent_count(conflicts), other.seq);
    const char *what =
        answer == JS_LINEAGE_NO ? ", and neither comes after the other"
        : answer == JS_LINEAGE_YES
            ? ": this one comes after it and replaces what it wrote"
            : ": see to it that one of them comes after the other";
    js_err_set(ret_what,
               "%s=%.200s: the job in line %" PRIu64
               " writes to the same file%s",
               attribute, path, other.line, what);
    return answer == JS_LINEAGE_NO ? JS_CONFLICT_ERROR : JS_CONFLICT_WARNING;
}
