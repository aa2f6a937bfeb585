/*
 * registry - what is known of every job that was ever accepted for this list.
 *
 * Owns: for each job its id (1, 2, 3 ... without gaps), its identity, its name
 * if it has one, and how it stands. Filled from the journal, then matched
 * against the list of this run. Knows nothing of files.
 *
 *     LEFT --it succeeded--> SUCCEEDED --must run again--> LEFT
 *     LEFT --it failed, or was skipped--> FAILED, SKIPPED --> LEFT, SUCCEEDED
 *
 * Of several jobs with the same identity the first of a list is the one with
 * the lowest id, and so on. Every call takes constant time in the mean.
 */
#ifndef JS_LIST_REGISTRY_H
#define JS_LIST_REGISTRY_H

#include "list/identity.h"

#include <stdbool.h>
#include <stdint.h>

enum js_job_state {
    JS_JOB_STATE_LEFT = 0, /* it has not run to its end */
    JS_JOB_STATE_SUCCEEDED,
    JS_JOB_STATE_FAILED,
    JS_JOB_STATE_SKIPPED,
};

struct js_registry;

struct js_registry *js_registry_new(void); /* NULL with errno ENOMEM */
void js_registry_free(struct js_registry *registry); /* NULL is allowed */

/* How many jobs there are, which is the highest id. */
uint64_t js_registry_count(const struct js_registry *registry);

/* A job more, LEFT, under the next id, which is returned; 0 with errno ENOMEM
 * (also when there are 2^32 - 1 of them). It counts as matched. */
uint64_t js_registry_add(struct js_registry *registry,
                         const struct js_identity *identity);

/* The name is copied; one that another job has had is this one's from now on.
 * 0, or -1 with errno ENOMEM, or ENOENT: there is no such job. */
int js_registry_name(struct js_registry *registry, uint64_t id,
                     const char *name);

/* 0, or -1 with errno ENOENT. */
int js_registry_set(struct js_registry *registry, uint64_t id,
                    enum js_job_state standing);

/* The job has failed, and that in an earlier start of this very run: it does
 * not run again. Holds until its standing is set again. Same failure. */
int js_registry_settle(struct js_registry *registry, uint64_t id);

/* That holds of none any more. */
void js_registry_unsettle(struct js_registry *registry);

/* How often a slave, or the process that starts jobs, was lost while the job
 * ran there, since it last ended (succeeded, failed, or was skipped). Same
 * failure.
 */
int js_registry_set_losses(struct js_registry *registry, uint64_t id,
                           uint32_t losses);

/* Whether the job was in the list of the last run. Same failure. */
int js_registry_set_gone(struct js_registry *registry, uint64_t id,
                         bool is_gone);

/* Of a job that is there. */
enum js_job_state js_registry_standing(const struct js_registry *registry,
                                       uint64_t id);
bool js_registry_is_settled(const struct js_registry *registry, uint64_t id);
/* It had come to an end, was to run again, and has not come to one since. */
bool js_registry_is_owed(const struct js_registry *registry, uint64_t id);
uint32_t js_registry_losses(const struct js_registry *registry, uint64_t id);
bool js_registry_is_gone(const struct js_registry *registry, uint64_t id);
bool js_registry_is_matched(const struct js_registry *registry, uint64_t id);

/* How many are settled. */
uint64_t js_registry_settled(const struct js_registry *registry);

/* Whose name this is, or 0. */
uint64_t js_registry_find_name(const struct js_registry *registry,
                               const char *name);

/* Nothing is matched: the list is read from its beginning. */
void js_registry_rewind(struct js_registry *registry);

/* The first job of that identity that is not matched, which it is now; or 0. */
uint64_t js_registry_match(struct js_registry *registry,
                           const struct js_identity *identity);

#endif
