/*
 * greasy - reads a task file of GREASY (BSC).
 *
 *     ./prepare
 *     [# 1 #] [@ runs/a @] ./sim a > log
 *     [# -2, 1-2 #] ./merge
 *
 * Each line has a number, from 1 on, blank lines and comments ('#') included,
 * and a task is known by it: it is the job's name, and what stands between "[#"
 * and "#]" at the beginning becomes `after`. An item there is a line (3), a
 * range of lines (3-5, or 5-3) or a distance (-2: two lines up). All of them
 * must be tasks above the line. What stands between "[@" and "@]", anywhere in
 * the line, is the folder; it may contain what a shell replaces ($VAR, ~).
 *
 * It differs from GREASY in these points: CR LF ends a line; the list ends at
 * the first "#]"; two folders, and an "[@" at the beginning that nothing
 * closes, are errors. Any line that GREASY calls invalid is an error, as with
 * its StrictCheck. Its configuration file is not read.
 */
#ifndef JS_LIST_FROM_GREASY_H
#define JS_LIST_FROM_GREASY_H

#include "list/reader.h"

/* `name` is the input's name in messages. Returns NULL with errno ENOMEM on
 * failure. */
struct js_reader *js_from_greasy_new(const char *name);

#endif
