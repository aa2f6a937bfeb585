/*
 * lineage - which job comes after which, for jobs that were read long ago.
 *
 * The graph forgets what a job has waited for; this module does not. Owns a
 * record for each job with a name, because only named jobs can be waited for,
 * and the records of the jobs that it names. It knows nothing of `wait` lines;
 * the caller must consider them.
 */
#ifndef JS_LIST_LINEAGE_H
#define JS_LIST_LINEAGE_H

#include <stddef.h>
#include <stdint.h>

struct js_lineage;

struct js_lineage *js_lineage_new(void);          /* NULL with errno ENOMEM */
void js_lineage_free(struct js_lineage *lineage); /* NULL is allowed */

/* Adds a job with a name that comes directly after these jobs (their numbers,
 * in any order). Numbers must grow. Returns 0, or -1 with errno ENOMEM. */
int js_lineage_add(struct js_lineage *lineage, uint64_t seq,
                   const uint64_t *parents, size_t count);

enum js_lineage_answer {
    JS_LINEAGE_NO,
    JS_LINEAGE_YES,
    JS_LINEAGE_UNKNOWN, /* all questions together took too many steps */
};

/* Does a job that comes directly after `parents` come after `ancestor`? */
enum js_lineage_answer js_lineage_follows(struct js_lineage *lineage,
                                          const uint64_t *parents, size_t count,
                                          uint64_t ancestor);

#endif
