/*
 * outdir - whose output a folder holds.
 *
 * The files of a list's jobs are called by their numbers (1.out, 2.err), so
 * those of another list would replace them without a word. In the folder stands
 * a file, .jobsched, that names the list and the journal of the last run there;
 * while that is on it holds a lock on it.
 *
 *     list PATH        from the root; "standard input"
 *     from PATH        the same, seen from the folder: both may be moved
 *     journal PATH     from the root; missing where there is none
 *
 * Each path is escaped as js_buf_escape() does. What cannot be read, or is not
 * so, counts as none.
 */
#ifndef JS_RECORD_OUTDIR_H
#define JS_RECORD_OUTDIR_H

#include "base/err.h"
#include "base/log.h"

struct js_outdir;

struct js_outdir_config {
    const char *dir;
    const char *list;    /* "-": standard input */
    const char *journal; /* NULL: none */
    struct js_log log;   /* a warning */
};

/*
 * From now on the folder, which is there, is this run's. 0 and *ret, which may
 * be NULL where nothing can be written. -1 with *err if it holds output of
 * another list: a list is the same one if it or its journal is. Without a
 * journal of its own the run is not refused, but warned: who records nothing
 * cannot go on either.
 */
int js_outdir_take(const struct js_outdir_config *config,
                   struct js_outdir **ret, struct js_err *err);

/* The run is over. NULL is allowed. */
void js_outdir_close(struct js_outdir *outdir);

#endif
