/*
 * disbatch - reads a task file of disBatch (Flatiron Institute).
 *
 *     #DISBATCH PREFIX cd runs && ./sim --seed
 *     #DISBATCH SUFFIX  > out.${DISBATCH_TASKID_ZP}
 *     17
 *     #DISBATCH BARRIER
 *     #DISBATCH REPEAT 3 start 100 step 50 ${DISBATCH_REPEAT_INDEX}
 *
 * Bash runs each task. A directive begins at column 1, in capitals; the words
 * after it may be in any case, except for BARRIER. PREFIX and SUFFIX are put
 * around the tasks without a blank. Blank lines and other lines that begin with
 * '#' are no tasks. BARRIER is a `wait`, BARRIER CHECK a `wait ok`; both take a
 * task id.
 *
 * It differs from disBatch in this: a directive that disBatch does not know is
 * an error. PERENGINE is not supported.
 */
#ifndef JS_LIST_FROM_DISBATCH_H
#define JS_LIST_FROM_DISBATCH_H

#include "list/reader.h"

/* `name` is the input's name in messages. Returns NULL with errno ENOMEM on
 * failure. */
struct js_reader *js_from_disbatch_new(const char *name);

#endif
