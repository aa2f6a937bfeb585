/*
 * messages - the layout of the messages between a rank and its runner.
 *
 * Each layout has a pair of calls: one appends it to a buffer (0, or -1 with
 * errno ENOMEM), the other reads and checks it (0, or -1 with errno EBADMSG).
 * Both ends are the same program, so there is no version.
 */
#ifndef JS_RUNNER_MESSAGES_H
#define JS_RUNNER_MESSAGES_H

#include "base/buf.h"
#include "runner/runner.h"

#include <stddef.h>

enum js_runner_message {
    JS_MESSAGE_CONFIGURE = 1, /* to the runner */
    JS_MESSAGE_RUN,
    JS_MESSAGE_RECALL,
    JS_MESSAGE_END,      /* a slot, and the grace period of its job */
    JS_MESSAGE_LIMIT,    /* a time */
    JS_MESSAGE_LEASE,    /* a time */
    JS_MESSAGE_READY,    /* from the runner: text */
    JS_MESSAGE_ENDED,    /* an outcome, and descriptors of stdout and stderr */
    JS_MESSAGE_NOTE,     /* text */
    JS_MESSAGE_RECALLED, /* how many jobs */
};

int js_messages_put_config(struct js_buf *buf,
                           const struct js_runner_config *config);

/* The result owns copies of everything. May also fail with errno ENOMEM. */
int js_messages_get_config(const void *body, size_t len,
                           struct js_runner_config *ret);

/* Frees what js_messages_get_config() has allocated; all zero is allowed. */
void js_messages_release_config(struct js_runner_config *config);

int js_messages_put_job(struct js_buf *buf, const struct js_runner_job *job);

/* The strings point into `body`, the sets into *sets. */
struct js_messages_sets {
    struct js_cpuset cpus, numa;
};
int js_messages_get_job(const void *body, size_t len,
                        struct js_messages_sets *sets,
                        struct js_runner_job *ret);

/* For END, LIMIT, LEASE and RECALLED. Only END has a slot; in the others it is
 * 0.
 */
int js_messages_put_number(struct js_buf *buf, uint32_t slot, int64_t number);
int js_messages_get_number(const void *body, size_t len, uint32_t *ret_slot,
                           int64_t *ret);

int js_messages_put_ended(struct js_buf *buf, uint32_t slot,
                          const struct js_outcome *outcome);
int js_messages_get_ended(const void *body, size_t len, uint32_t *ret_slot,
                          struct js_outcome *ret);

#endif
