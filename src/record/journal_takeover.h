/*
 * journal_takeover - may this run go on from the journal that it finds?
 *
 * Locks the file of that name, judges whoever began the last run in it, and
 * reads it. While an earlier start of the same run has the lock, it waits. The
 * rules are those of record/journal.h (LOCK, KNOWN TO BE GONE, QUIET).
 */
#ifndef JS_RECORD_JOURNAL_TAKEOVER_H
#define JS_RECORD_JOURNAL_TAKEOVER_H

#include "base/err.h"
#include "list/registry.h"
#include "record/journal_file.h"
#include "record/journal_load.h"

#include <stdbool.h>
#include <stdint.h>

/* What was found. */
struct js_journal_found {
    struct js_journal_contents contents; /* to be released, also on failure */
    bool is_fresh; /* the file is to be set aside; unlike the config says, not
                      if the last run was an earlier start of this one */
};

/*
 * Opens the file, if there is one, reads it into the registry, which must be
 * empty, and cuts off a torn tail. With is_fresh nothing is read into the
 * registry. Returns 0, or one of enum js_journal_refusal with *err.
 */
int js_journal_takeover(struct js_journal_file *file,
                        struct js_registry *registry,
                        struct js_journal_found *ret, struct js_err *err);

/* True if jobs of that run may still go on within its lease. `processes` are
 * those of its contents. */
bool js_journal_takeover_may_run(const struct js_journal_dead *dead,
                                 const struct js_buf *processes);

/* How long they may go on; mostly 0. idle_ns: how long ago the file was last
 * written to. */
int64_t js_journal_takeover_left_ns(const struct js_journal_dead *dead,
                                    const struct js_buf *processes,
                                    int64_t idle_ns);

#endif
