/*
 * pmc - reads a DAG of Pegasus MPI Cluster, and the rescue file beside it.
 *
 *     TASK sim1 -m 500 -c 2 -t 3 ./sim --seed 1
 *     TASK join ./join "all runs"
 *     EDGE sim1 join
 *
 * A task's id is the job's name and in PMC_TASK. The jobs come in the order of
 * the file, except that parents come first; so the DAG must be complete before
 * the first job is known. There is no shell: words are split as PMC splits
 * them, where both ' and " open and close a quotation, closing one ends the
 * word, and a backslash takes the next character as it is. An executable in the
 * working folder comes before one in PATH.
 *
 * It differs from PMC in these points: a duplicate EDGE counts once; tasks that
 * wait for each other are an error; TASK without an executable is an error; a
 * task without a core gets one. Forwards (-f, -F) are not supported.
 */
#ifndef JS_LIST_FROM_PMC_H
#define JS_LIST_FROM_PMC_H

#include "list/reader.h"

/* The text of the rescue file, which lists the tasks that are done. A DONE in
 * its last line, if that has no newline, counts only if the id is not the
 * beginning of another: the line may have been torn. Ids that are not in the
 * DAG are ignored. All is borrowed by the reader. */
struct js_from_pmc_rescue {
    const char *text; /* NULL: there is none */
    size_t len;
};

/* `name` is the input's name in messages, where the rescue file is
 * "NAME.rescue"; `rescue` may be NULL. Returns NULL with errno ENOMEM on
 * failure. */
struct js_reader *js_from_pmc_new(const char *name,
                                  const struct js_from_pmc_rescue *rescue);

#endif
