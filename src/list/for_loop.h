/*
 * for_loop - a line of our own format that is a template for many jobs.
 *
 *     [for=n:1..10 for=f:data/s*.fq name=sim-{n}-{f/.} cores=2] ./sim {n} {f}
 *
 * Each for= names some values (list/values.h). There is a job for each
 * combination of these values; that of the last for= changes fastest. Nothing
 * is kept for a job: each is made when it is asked for.
 *
 * {NAME}, with an ending or without (list/sh_template.h), stands for a value in
 * the command and in each other attribute of the line, after the list was split
 * and its quotes were removed: no value can end an attribute. In name=, after=
 * and after-any=, each byte of a value that a name cannot contain becomes '_'.
 * The values of one loop cannot depend on another loop. Defaults (#JOBSCHED)
 * are not part of the line.
 */
#ifndef JS_LIST_FOR_LOOP_H
#define JS_LIST_FOR_LOOP_H

#include "base/err.h"
#include "list/attributes.h"
#include "list/reader.h"
#include "list/values_cache.h"

#include <stddef.h>

struct js_for_loop;

/*
 * Reads a line with js_attributes_is_template(). The defaults are copied. All
 * values come from `cache`; NULL: they are read here. Returns NULL on an error:
 * *err then says what is wrong, but not where, and *ret_at is the offset of the
 * fault. If memory runs out, errno is ENOMEM; for all other errors it is
 * EINVAL.
 */
struct js_for_loop *js_for_loop_new(const char *line, size_t len,
                                    const struct js_attributes *defaults,
                                    struct js_values_cache *cache,
                                    size_t *ret_at, struct js_err *err);
void js_for_loop_free(struct js_for_loop *loop); /* NULL is allowed */

/*
 * Makes the next job: sets the command, the attributes and the warning of *ret.
 * Returns 1; 0 if there is no further job; or -1 on an error, which concerns
 * this job only if errno is EINVAL: *err then says what is wrong, and *ret_at
 * is the offset of the attribute's value.
 */
int js_for_loop_next(struct js_for_loop *loop, struct js_entry *ret,
                     size_t *ret_at, struct js_err *err);

/* The offset of the command in the line, and of what the warning is about. */
size_t js_for_loop_command_at(const struct js_for_loop *loop);
size_t js_for_loop_warning_at(const struct js_for_loop *loop);

/* Adds the values of the job that was made last to what is said about it: "(n=4
 * f=data/b.fq) what". If that is about its name, and an earlier job of this
 * line has the same, adds the values of that job as well. Returns 0, or -1 with
 * errno ENOMEM. */
int js_for_loop_describe(struct js_for_loop *loop, const char *attribute,
                         const char *what, struct js_err *ret);

#endif
