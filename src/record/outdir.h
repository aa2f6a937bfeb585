/*
 * outdir - keeps track of which run's output a folder holds.
 *
 * The output files of a list's jobs are named by their numbers (1.out, 2.err),
 * so another list would replace them silently. A file in the folder, .jobsched,
 * names the list and the journal of the last run there. A run holds a lock on
 * the file for as long as it is running.
 *
 *     list PATH        from the root; "standard input"
 *     from PATH        the same, seen from the folder: both may be moved
 *     journal PATH     from the root; missing where there is none
 *
 * Each path is escaped as js_buf_escape() does. A file that cannot be read, or
 * has other content, counts as missing.
 */
#ifndef JS_RECORD_OUTDIR_H
#define JS_RECORD_OUTDIR_H

#include "base/background.h"
#include "base/err.h"

struct js_outdir;

struct js_outdir_config {
    const char *dir;
    const char *list;    /* "-": standard input */
    const char *journal; /* NULL: none */
    struct js_log log;   /* a warning */
};

/*
 * Takes the folder, which must exist, for this run. Returns 0 with *ret, which
 * may be NULL if nothing can be written there. Returns -1 with *err if the
 * folder holds output of another list; a list is the same if its path or its
 * journal is the same. A run without a journal only gets a warning, as it
 * cannot be continued anyway.
 */
int js_outdir_take(const struct js_outdir_config *config,
                   struct js_outdir **ret, struct js_err *err);

/* Has the worker release the folder, because the run is over. NULL is
 * allowed. */
void js_outdir_leave(struct js_outdir *outdir, struct js_worker *worker);

/* Releases the folder, unless that is done, and frees the struct, which the
 * worker must not have. NULL is allowed. */
void js_outdir_close(struct js_outdir *outdir);

#endif
