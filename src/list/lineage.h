/*
 * lineage - which job comes after which, for jobs that were read long ago.
 *
 * The graph forgets what a job has waited for; this does not. Owns a record
 * for each job with a name, which alone can be waited for, and the records of
 * those it names. Knows nothing of `wait` lines: whoever asks does.
 */
#ifndef JS_LIST_LINEAGE_H
#define JS_LIST_LINEAGE_H

#include <stddef.h>
#include <stdint.h>

struct js_lineage;

struct js_lineage *js_lineage_new(void);          /* NULL with errno ENOMEM */
void js_lineage_free(struct js_lineage *lineage); /* NULL is allowed */

/* A job with a name, which comes directly after these jobs (their numbers; any
 * order). Numbers only grow. 0, or -1 with errno ENOMEM. */
int js_lineage_add(struct js_lineage *lineage, uint64_t seq,
                   const uint64_t *parents, size_t count);

enum js_lineage_answer {
    JS_LINEAGE_NO,
    JS_LINEAGE_YES,
    JS_LINEAGE_UNKNOWN, /* all questions together have taken too many steps */
};

/* Whether a job that comes directly after `parents` comes after `ancestor`. */
enum js_lineage_answer js_lineage_follows(struct js_lineage *lineage,
                                          const uint64_t *parents, size_t count,
                                          uint64_t ancestor);

#endif
