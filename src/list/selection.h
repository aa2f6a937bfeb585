/*
 * selection - the jobs of a list that --only names, and all that they come
 * after.
 *
 * A word is the name of a job, its id, or a glob (js_text_matches()) over
 * names; several may stand between commas. It knows nothing of what runs:
 * whether a selected job is done already, list/resume.h decides.
 */
#ifndef JS_LIST_SELECTION_H
#define JS_LIST_SELECTION_H

#include "base/buf.h"
#include "base/err.h"
#include "list/list.h"
#include "list/resume.h"

/*
 * Reads the list once, before it is checked. Makes *ret the set of the jobs
 * (base/bits.h, by seq - 1), and borrows it to `resume`, whose registry knows
 * the ids of jobs of earlier runs; a new job has the id that it will get. If
 * the list has errors, nothing is selected, because the check will report them.
 * Returns 0, or -1 with *err if a word fits no job, or memory runs out.
 */
int js_selection_find(const struct js_list *list, const char *const *words,
                      struct js_resume *resume, struct js_buf *ret,
                      struct js_err *err);

#endif
