/*
 * registry - what is known about every job that was ever accepted for this
 * list.
 *
 * Owns, for each job, its id (1, 2, 3 ... without gaps), its identity, its name
 * if it has one, and its state. It is filled from the journal and then matched
 * against the list of this run. It knows nothing of files.
 *
 *     LEFT --it succeeded--> SUCCEEDED --must run again--> LEFT
 *     LEFT --it failed, or was skipped--> FAILED, SKIPPED --> LEFT, SUCCEEDED
 *
 * If several jobs have the same identity, the first such job in the list
 * matches the one with the lowest id, the second matches the next one, and so
 * on. Every call takes constant time on average.
 */
#ifndef JS_LIST_REGISTRY_H
#define JS_LIST_REGISTRY_H

#include "list/job.h"

#include <stdbool.h>
#include <stdint.h>

enum js_job_state {
    JS_JOB_STATE_LEFT = 0, /* it has not ended */
    JS_JOB_STATE_SUCCEEDED,
    JS_JOB_STATE_FAILED,
    JS_JOB_STATE_SKIPPED,
};

struct js_registry;

struct js_registry *js_registry_new(void); /* NULL with errno ENOMEM */
void js_registry_free(struct js_registry *registry); /* NULL is allowed */

/* The number of jobs, which is also the highest id. */
uint64_t js_registry_count(const struct js_registry *registry);

/* Adds a job that is LEFT, and returns its id, the next number. Returns 0 with
 * errno ENOMEM on failure, including when there are 2^32 - 1 jobs. The new job
 * counts as matched. */
uint64_t js_registry_add(struct js_registry *registry,
                         const struct js_identity *identity);

/* Names a job. The name is copied. If another job had this name, the name now
 * belongs to this one. Returns 0, or -1 with errno ENOMEM, or ENOENT if there
 * is no such job. */
int js_registry_name(struct js_registry *registry, uint64_t id,
                     const char *name);

/* Sets the state of a job. Returns 0, or -1 with errno ENOENT. */
int js_registry_set(struct js_registry *registry, uint64_t id,
                    enum js_job_state state);

/* Marks a job as settled: it failed in an earlier start of this same run, so it
 * does not run again. The mark is removed when the state of the job is set
 * again. Returns 0, or -1 with errno ENOENT. */
int js_registry_settle(struct js_registry *registry, uint64_t id);

/* Revokes js_registry_settle() for all jobs. */
void js_registry_unsettle(struct js_registry *registry);

/* Sets how often a slave, or the process that starts jobs, was lost while the
 * job ran there, counted since the job last ended (succeeded, failed or was
 * skipped). Returns 0, or -1 with errno ENOENT. */
int js_registry_set_losses(struct js_registry *registry, uint64_t id,
                           uint32_t losses);

/* Sets whether the job was missing from the list of the last run. Returns 0, or
 * -1 with errno ENOENT. */
int js_registry_set_gone(struct js_registry *registry, uint64_t id,
                         bool is_gone);

/* Everything that is known about one job. */
struct js_registry_job {
    enum js_job_state state;
    uint32_t losses; /* js_registry_set_losses() */
    bool is_settled; /* js_registry_settle() */
    bool is_owed; /* it had ended, had to run again, and has not ended since */
    bool is_gone; /* js_registry_set_gone() */
    bool is_matched; /* js_registry_match() has found it in this list */
};

/* Returns what is known about a job, which must exist. */
struct js_registry_job js_registry_get(const struct js_registry *registry,
                                       uint64_t id);

/* The number of jobs that are settled. */
uint64_t js_registry_settled(const struct js_registry *registry);

/* The id of the job that has this name, or 0. */
uint64_t js_registry_find_name(const struct js_registry *registry,
                               const char *name);

/* Forgets all matches, because the list is read from its beginning again. */
void js_registry_rewind(struct js_registry *registry);

/* Finds the first job with this identity that is not matched yet, marks it as
 * matched and returns its id. Returns 0 if there is none. */
uint64_t js_registry_match(struct js_registry *registry,
                           const struct js_identity *identity);

#endif
