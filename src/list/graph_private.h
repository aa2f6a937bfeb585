/*
 * graph_private - what the files of the graph share. No other file includes it.
 *
 * graph.c: creation, jobs that are added, jobs that end, what to report.
 * graph_groups.c: globs. graph_questions.c: what is asked about jobs that wait,
 * and the longest paths. graph_check.c: the invariants.
 */
#ifndef JS_LIST_GRAPH_PRIVATE_H
#define JS_LIST_GRAPH_PRIVATE_H

#include "base/table.h"
#include "list/graph.h"
#include "list/name_index.h"

enum js_graph_state {
    JS_GRAPH_STATE_WAITING,
    JS_GRAPH_STATE_READY,
    JS_GRAPH_STATE_SUCCEEDED,
    JS_GRAPH_STATE_FAILED,
    JS_GRAPH_STATE_SKIPPED,
};

/* An edge to a job or group that has not ended. It is in the parent's list, but
 * its memory belongs to the child: a separate allocation for each edge would
 * take longer than everything else about an edge. */
struct js_graph_link {
    struct js_graph_link *next;
    struct js_graph_node *child;
    bool any;
};

struct js_graph_links {
    struct js_graph_link *first, *last;
};

/* A job or, inside a struct js_graph_group, a group. */
struct js_graph_node {
    struct js_graph_node *next; /* in the queue of ready or skipped jobs, or of
                                   groups */
    struct js_graph_node *next_by_id; /* in the table of ids */
    struct js_graph_epoch *epoch;     /* valid until the job has ended */
    struct js_graph_links children;
    uint64_t id;     /* 0: a group */
    uint64_t depth;  /* of a group: the greatest of its members' */
    uint64_t parent; /* for a skipped job: the reason; for a group: the first
                        member that failed or was skipped, or 0; for a job that
                        ended in an earlier run: js_graph_record() */
    size_t unmet;    /* edges whose parents have not ended */
    enum js_graph_state state;
    int mark; /* of a group: the highest of its members' */
    bool is_group;
    bool is_held;   /* it is in a run of an epoch, or in a released run */
    bool is_queued; /* it has not been reported, or the group not settled */
    bool is_kept;   /* js_graph_record() may be asked for it */
    const char
        *name; /* of a job: behind the edges, or NULL; of a group: NULL */
};

/*
 * All names above some line that match a glob. It has ended when all of these
 * have. It has failed as soon as one of them has failed or was skipped. A later
 * group of the same glob, made when more such names have been added, has the
 * earlier one as its member: `inner`.
 */
struct js_graph_group {
    struct js_graph_node node;    /* the edges are in `links` */
    struct js_graph_group *older; /* the group made before this one */
    struct js_graph_group *inner; /* NULL: none */
    struct js_graph_link *links;  /* freed when it has ended */
    uint64_t number;              /* from 1, in the order in which they are
                                     made */
    uint64_t made_behind; /* no member has a higher id than this, and every job
                             after the group has one */
    size_t from, to;      /* the numbers of the names that were examined for it,
                             beyond those of the inner group */
    uint64_t longest;     /* scratch of js_graph_find_paths() */
    bool is_asked[2];     /* scratch of js_graph_each_awaited(), by `any` */
};

/* What is known about a glob that some job has used. */
struct js_graph_glob {
    struct js_graph_group *group; /* the latest; NULL: no name matches yet */
    size_t seen;                  /* names examined so far */
    char text[];
};

struct js_graph_queue {
    struct js_graph_node *first, *last;
};

/* Consecutive ids, with and without nodes. */
struct js_graph_run {
    struct js_graph_run *next;
    uint64_t first, last;
    uint64_t culprit; /* in `doomed`: the job that failed */
};

struct js_graph_runs {
    struct js_graph_run *first, *last;
};

/* The jobs between two barriers. */
struct js_graph_epoch {
    struct js_graph_epoch *next;
    uint64_t pending;          /* jobs that have not ended */
    struct js_graph_runs held; /* all jobs of an epoch added before it opened */
    uint64_t culprit; /* since the last barrier line: the first job that failed,
                         or that made another fail to run; 0: none */
    bool is_strict;   /* it begins with a `wait ok` line */
    bool is_doomed;   /* it is below such a line, and a job above has failed:
                         none of its jobs will run */
};

/* The number of jobs of each depth, for depths where it may still grow. */
struct js_graph_depths {
    uint64_t floor;   /* no job to come has this depth or a smaller one */
    uint64_t deepest; /* of all jobs so far */
    uint64_t width;
    uint64_t *counts; /* for depths floor + 1, floor + 2, ... */
    size_t capacity;
};

/*
 * Invariants:
 * - `names` has the jobs with a name, and `index` the same jobs in the order in
 *   which they were added; `nodes` has all nodes of jobs, by id.
 * - `open` is the first epoch in which a job has not ended, or the last one.
 *   Jobs of later epochs are WAITING or SKIPPED, and `held` of their epoch; or
 *   they had ended before they were added.
 * - unmet counts the edges to parents that have not ended, or have ended but
 *   have not yet passed that on. A job of the open epoch without such edges is
 *   READY, or has ended or been skipped.
 * - A group without such edges has ended; the others are WAITING.
 * - A job is in `ready` or in `skipped` at most once, and then is_queued; those
 *   of `skipped` in front of `unsettled` have passed that on.
 * - `doomed` has the jobs of doomed epochs that have not been reported. Some of
 *   them may have been skipped for another reason, and are in `skipped` too.
 */
struct js_graph {
    struct js_strmap names; /* each points to the node, which owns the name */
    struct js_name_index index;
    size_t visible; /* globs see the names up to this number */
    struct js_idmap nodes;
    struct js_strmap globs;        /* each points to a struct js_graph_glob */
    struct js_graph_group *groups; /* the latest; NULL: none */
    struct js_graph_epoch *open; /* the first epoch with unfinished jobs; never
                                    NULL */
    struct js_graph_epoch *last;
    struct js_graph_epoch *graves; /* doomed epochs; jobs may point to them */
    bool at_barrier;               /* the next job begins an epoch */
    bool at_strict_barrier; /* a `wait ok` line is the first of these lines */
    uint64_t culprit;       /* not 0: all jobs to come are skipped, because this
                               one failed above a `wait ok` line */
    uint64_t last_culprit;  /* the latest such job */
    struct js_graph_runs released;
    struct js_graph_runs doomed;
    struct js_graph_queue ready;
    struct js_graph_queue skipped;
    struct js_graph_queue groups_due; /* groups that have failed or ended, and
                                         have not passed it on */
    struct js_graph_node *unsettled;  /* in skipped: the first job that has not
                                         passed it on to its children */
    uint64_t jobs;
    uint64_t unmet; /* of all jobs, not of groups */
    struct js_graph_depths depths;
    int highest_mark;   /* of all jobs so far */
    int mark_of_before; /* of those before the last barrier */
    uint64_t steps;
#ifdef JS_DEBUG
    uint64_t checked_steps; /* what `steps` was at the last recount */
    uint64_t check_cost;    /* how many nodes and edges the last recount
                               examined */
#endif
};

static inline bool js_graph_has_ended(const struct js_graph_node *node)
{
    return node->state > JS_GRAPH_STATE_READY;
}

/* The job because of which an `after` to this job or group cannot be met, or
 * 0. A group need not have ended. */
static inline uint64_t js_graph_culprit_of(const struct js_graph_node *node)
{
    if (node->is_group)
        return node->parent;
    return node->state > JS_GRAPH_STATE_SUCCEEDED ? node->id : 0;
}

static inline struct js_graph_group *
js_graph_group_of(struct js_graph_node *node)
{
    return (struct js_graph_group *)(void *)node;
}

/* Adds an edge that the child owns. */
static inline void js_graph_link_up(struct js_graph_node *parent,
                                    struct js_graph_link *link)
{
    struct js_graph_links *children = &parent->children;
    link->next = NULL;
    *(children->first ? &children->last->next : &children->first) = link;
    children->last = link;
}

/* Returns the node that an edge leads to: a job, or the group of the names that
 * match now. Returns NULL with errno ENOENT if there is none, or ENOMEM. */
struct js_graph_node *js_graph_resolve(struct js_graph *graph,
                                       const struct js_graph_edge *edge);

/* Frees all groups and globs. */
void js_graph_free_groups(struct js_graph *graph);

/* In a debug build, recounts from time to time, so that all recounts together
 * take no longer than the graph's own work. */
void js_graph_check(struct js_graph *graph);

#endif
