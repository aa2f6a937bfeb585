/*
 * intake - makes jobs of the entries of a list (list/reader.h).
 *
 * It does all that does not depend on the list's format: it numbers the jobs,
 * joins them to the graph, asks which of them run, and checks what a reader
 * cannot see, because it concerns several jobs or what a shell thinks of a
 * command. Owns its reader. It knows nothing of files, and nothing of the
 * format: where a message points to, the reader says.
 */
#ifndef JS_LIST_INTAKE_H
#define JS_LIST_INTAKE_H

#include "base/err.h"
#include "list/conflicts.h"
#include "list/graph.h"
#include "list/job.h"
#include "list/reader.h"
#include "list/resume.h"

#include <stdbool.h>
#include <stddef.h>

struct js_intake;

/* Takes over the reader, even on failure. `name` is the input's name in error
 * messages; it is copied. Jobs are added to the graph as they are read.
 * `resume` decides each job's id and whether the job runs; NULL: all jobs run.
 * Both are borrowed. Returns NULL with errno ENOMEM on failure, or if the
 * reader is NULL, because its own creation failed. */
struct js_intake *js_intake_new(const char *name, struct js_reader *reader,
                                struct js_graph *graph,
                                struct js_resume *resume);

/* Kinds of input that are valid but probably not intended. */
enum js_warning {
    JS_WARNING_SCRIPT,     /* the first line names a shell */
    JS_WARNING_BACKGROUND, /* a command is left running in the background */
    JS_WARNING_BROKEN,     /* the shell refuses the line on its own */
    JS_WARNING_FILE, /* a job writes to the file of a job that it comes after */
    JS_WARNING_FORMAT, /* what a reader says about its own format */
    JS_WARNING_COUNT,
};

struct js_intake_checks {
    /* Receives "NAME:LINE:COLUMN: warning: what". */
    void (*warn)(void *arg, enum js_warning kind, const char *text);
    /* Asks a shell about a command: true if the shell accepts it. Called only
     * for the few commands that look as if it would not. NULL: no shell is
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
int js_intake_set_checks(struct js_intake *intake,
                         const struct js_intake_checks *checks);

/* NULL is allowed. Keeps errno. */
void js_intake_free(struct js_intake *intake);

/* Takes a copy of the next `len` bytes of the input. If `len` is 0, the input
 * ends. Returns 0, or -1 with errno ENOMEM. */
int js_intake_feed(struct js_intake *intake, const char *bytes, size_t len);

/*
 * Gets the next job that runs. Its seq is its number among all jobs, counted
 * from 1. If its is_waiting is true, the graph will report when it is READY.
 * For jobs that do not run, the graph learns how they ended in an earlier run.
 * Returns 1 with a job that the caller owns; 0 if the bytes so far contain no
 * further job (after their end: if the list has no further job); -1 with *err
 * "NAME:LINE:COLUMN: what" if the input is bad.
 *
 * An error in one line has errno EINVAL. To find more such errors the caller
 * may go on with the next line. A job with a bad `after` is in the graph
 * without that edge, so that no further errors follow from it. After any other
 * error (EBADMSG; ENOMEM) every further call fails in the same way. The time
 * taken is linear in the size of the input, however the input is cut into
 * pieces.
 */
int js_intake_next(struct js_intake *intake, struct js_job **ret,
                   struct js_err *err);

#endif
