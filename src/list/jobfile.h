/*
 * jobfile - turns the bytes of a job file into jobs.
 *
 * Pure: bytes are pushed in as they come, in pieces of any size, and jobs are
 * taken out. Owns the bytes it has not yet turned into jobs; knows nothing of
 * files. The rules for lines:
 *
 *     one job a line; the newline of the last line may be missing;
 *     a byte order mark (UTF-8) in front of the first line is no part of it;
 *     CR LF ends a line as LF does;
 *     blank lines (blanks and tabs) and lines whose first non-blank character
 *     is '#' are no jobs;
 *     a line, not a comment, that ends in an odd number of backslashes goes
 *     on in the next, whatever that begins with: the last backslash and the
 *     line end are dropped (at the end of the input the backslash stays); it
 *     is blank if all of it, joined, is;
 *     a line that begins with an attribute list (list/attributes.h) has its
 *     command behind it; one without a command is an error;
 *     a comment that begins with "#JOBSCHED" and a blank sets defaults for all
 *     jobs below it, what an earlier one set and this does not stays;
 *     the word "wait" alone in a line (blanks around it allowed) is a barrier;
 *     a NUL byte is an error, in a comment too. Any other byte is part of the
 *     command, whether UTF-8 or not, a CR elsewhere than before LF or at the
 *     end of the input included; blanks around a command are kept.
 *
 * Lines count from 1; columns too, in bytes. A job's line is the one where its
 * command begins.
 */
#ifndef JS_LIST_JOBFILE_H
#define JS_LIST_JOBFILE_H

#include "base/err.h"
#include "list/graph.h"
#include "list/job.h"
#include "list/resume.h"
#include "list/targets.h"

#include <stdbool.h>
#include <stddef.h>

/* A command longer than this many bytes is an error: it keeps a stream that
 * never ends its line from filling the memory. */
enum { JS_DIRECT_EXEC_MAX = 16 * 1024 * 1024 };

struct js_jobfile;

/* `name` is what errors call the input ("jobs.txt", "standard input"); it is
 * copied. The jobs are added to the graph, which is borrowed, as they are read.
 * NULL with errno ENOMEM. */
struct js_jobfile *js_jobfile_new(const char *name, struct js_graph *graph);

/* From now on (before the first job) this decides on each job's id, and whether
 * it runs. Borrowed. Without it all run. */
void js_jobfile_set_resume(struct js_jobfile *file, struct js_resume *resume);

/* What is no mistake, but hardly meant. */
enum js_warning {
    JS_WARNING_SCRIPT,     /* the first line names a shell */
    JS_WARNING_BACKGROUND, /* a command is left in the background */
    JS_WARNING_BROKEN,     /* the shell refuses the line by itself */
    JS_WARNING_FILE,       /* writes to the file of a job that it comes after */
    JS_WARNING_COUNT,
};

struct js_jobfile_checks {
    /* "NAME:LINE:COLUMN: warning: what" */
    void (*warn)(void *arg, enum js_warning kind, const char *text);
    /* Asks a shell about a command: true if it takes it. For a few lines at
     * most, those that look as if it did not. NULL: none is asked. */
    bool (*takes)(const char *command);
    void *arg;
    bool is_stream; /* the memory is bounded */
    /* The run's files; the last has no `what`. NULL: none. */
    const struct js_target_own *own;
};

/*
 * From now on (before the first job) each job is looked at for what a person
 * should know, besides what is wrong in any case; and two jobs that write to
 * one file (list/targets.h), neither of which comes after the other, are an
 * error, as is one that writes to a file of the run. 0, or -1 with errno
 * ENOMEM.
 */
int js_jobfile_set_checks(struct js_jobfile *file,
                          const struct js_jobfile_checks *checks);

/* NULL is allowed. Keeps errno. */
void js_jobfile_free(struct js_jobfile *file);

/* Takes a copy of the next `len` bytes of the input. Returns 0, or -1 with
 * errno ENOMEM. */
int js_jobfile_feed(struct js_jobfile *file, const char *bytes, size_t len);

/* The input has ended: what is left is a line, newline or not. */
void js_jobfile_end(struct js_jobfile *file);

/*
 * The next job that runs, seq counting all from 1 on; is_waiting says whether
 * the graph will tell when it is READY. Of those that do not run the graph is
 * told how they ended in an earlier run. Returns 1 and a job that the caller
 * owns; 0 when there is none in the bytes so far (after js_jobfile_end(): none
 * at all); -1 with *err "NAME:LINE:COLUMN: what" for bad input.
 *
 * An error in the attributes of a line (also of one of defaults) has errno
 * EINVAL: to find more of them the caller may go on with the next line; a job
 * whose `after` was bad is in the graph, without that edge, so that nothing
 * follows from it. After any other error (EBADMSG; ENOMEM) every further call
 * fails in the same way. Time linear in the input, however it is cut into
 * pieces.
 */
int js_jobfile_next(struct js_jobfile *file, struct js_job **ret,
                    struct js_err *err);

#endif
