/*
 * jobfile - turns the bytes of a job file into jobs.
 *
 * The caller pushes bytes in as they arrive, in pieces of any size, and takes
 * jobs out. Owns the bytes that it has not yet turned into jobs. It knows
 * nothing of files. The rules for lines:
 *
 * - There is one job on each line. The newline of the last line may be missing.
 * - A byte order mark (UTF-8) before the first line is ignored.
 * - CR LF ends a line as LF does.
 * - Blank lines (blanks and tabs) and lines whose first non-blank character is
 *   '#' are not jobs.
 * - A line that is not a comment and ends in an odd number of backslashes
 *   continues on the next line, whatever that line begins with. The last
 *   backslash and the line end are dropped; at the end of the input the
 *   backslash stays. The joined line is blank if all its parts are.
 * - If a line begins with an attribute list (list/attributes.h), its command
 *   follows the list. A list without a command is an error.
 * - A comment that begins with "#JOBSCHED" and a blank sets defaults for the
 *   jobs below it. Defaults from earlier such lines remain in force unless this
 *   line overrides them.
 * - The word "wait" alone on a line (blanks around it are allowed) is a
 *   barrier.
 * - A NUL byte is an error, even in a comment. Any other byte is part of the
 *   command, whether it is UTF-8 or not. So is a CR, except before LF or at the
 *   end of the input. Blanks around a command are kept.
 *
 * Lines and columns are counted from 1; a column is a byte. A job's line is the
 * one where its command begins.
 */
#ifndef JS_LIST_JOBFILE_H
#define JS_LIST_JOBFILE_H

#include "base/err.h"
#include "list/conflicts.h"
#include "list/graph.h"
#include "list/job.h"
#include "list/resume.h"

#include <stdbool.h>
#include <stddef.h>

/* A command longer than this many bytes is an error. The limit keeps a stream
 * that never ends its line from filling the memory. */
enum { JS_JOBFILE_COMMAND_MAX = 16 * 1024 * 1024 };

struct js_jobfile;

/* `name` is the input's name in error messages ("jobs.txt", "standard input");
 * it is copied. Jobs are added to the graph as they are read. `resume` decides
 * each job's id and whether the job runs; NULL: all jobs run. Both are
 * borrowed. Returns NULL with errno ENOMEM on failure. */
struct js_jobfile *js_jobfile_new(const char *name, struct js_graph *graph,
                                  struct js_resume *resume);

/* Kinds of input that are valid but probably not intended. */
enum js_warning {
    JS_WARNING_SCRIPT,     /* the first line names a shell */
    JS_WARNING_BACKGROUND, /* a command is left running in the background */
    JS_WARNING_BROKEN,     /* the shell refuses the line on its own */
    JS_WARNING_FILE, /* a job writes to the file of a job that it comes after */
    JS_WARNING_COUNT,
};

struct js_jobfile_checks {
    /* Receives "NAME:LINE:COLUMN: warning: what". */
    void (*warn)(void *arg, enum js_warning kind, const char *text);
    /* Asks a shell about a command: true if the shell accepts it. Called only
     * for the few lines that look as if it would not. NULL: no shell is
     * asked. */
    bool (*takes)(const char *command);
    void *arg;
    bool is_stream; /* the memory must stay bounded */
    /* The files of the run; the last entry has no `what`. NULL: none. */
    const struct js_target_own *own;
};

/*
 * Sets further checks. Must be called before the first job. Besides the errors
 * that are always found, each job is checked for other things that a person
 * should know. It is an error if two jobs write to one file (list/conflicts.h)
 * and neither comes after the other, or if a job writes to a file of the run.
 * Returns 0, or -1 with errno ENOMEM.
 */
int js_jobfile_set_checks(struct js_jobfile *file,
                          const struct js_jobfile_checks *checks);

/* NULL is allowed. Keeps errno. */
void js_jobfile_free(struct js_jobfile *file);

/* Takes a copy of the next `len` bytes of the input. If `len` is 0, the input
 * ends: the rest forms a line, with or without a newline. Returns 0, or -1 with
 * errno ENOMEM. */
int js_jobfile_feed(struct js_jobfile *file, const char *bytes, size_t len);

/*
 * Gets the next job that runs. Its seq is its number among all jobs, counted
 * from 1. If its is_waiting is true, the graph will report when it is READY.
 * For jobs that do not run, the graph learns how they ended in an earlier run.
 * Returns 1 with a job that the caller owns; 0 if the bytes so far contain no
 * further job (after their end: if the list has no further job); -1 with *err
 * "NAME:LINE:COLUMN: what" if the input is bad.
 *
 * An error in the attributes of a line (a line of defaults included) has errno
 * EINVAL. To find more such errors the caller may go on with the next line. A
 * job with a bad `after` is in the graph without that edge, so that no further
 * errors follow from it. After any other error (EBADMSG; ENOMEM) every further
 * call fails in the same way. The time taken is linear in the size of the
 * input, however the input is cut into pieces.
 */
int js_jobfile_next(struct js_jobfile *file, struct js_job **ret,
                    struct js_err *err);

#endif
