/*
 * sh_template - a text in which replacement strings stand for values.
 *
 *     ./sim --n {n} >"out/{n}/{f/.}.txt"
 *
 * A template is compiled once and expanded for each combination of values. In a
 * command each value is quoted as its place needs it (list/sh_context.h), so
 * that the shell reads exactly its bytes; in an attribute it is inserted as it
 * is. The template owns a copy of its text. It knows nothing of where values
 * come from.
 *
 * Replacement strings:
 *
 *     {NAME}       a value by its name
 *     {}           all values, with blanks between them (command line only, as
 *     {N} {-N}     value N, from the first or the last         are these two)
 *     {#}          the number of the combination               (and this one)
 *
 * Before the closing brace, all but {#} take an ending, which selects a part of
 * each value, as in GNU parallel:
 *
 *     {.}          without the last extension ("a.b/c" has none, and ".x" is
 *                  nothing else)
 *     {/}          what follows the last slash
 *     {//}         the folder, as dirname(1) names it; "." if there is none
 *     {/.}         {/} without its last extension
 *
 * A brace directly after a '$' never begins a replacement string. All other
 * text stays as it is.
 *
 * In a command, a value of letters, digits and _@%+=:,./- is inserted without
 * quotes, unless it would then mean something else: an assignment, a reserved
 * word, the number of a descriptor, a part of a variable's name.
 */
#ifndef JS_LIST_SH_TEMPLATE_H
#define JS_LIST_SH_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_sh_template;

/* The values that a template may use. */
struct js_sh_sources {
    size_t count;
    /* The name of each, any bytes without NUL; "" if it has none. NULL: none
     * has. If a name is also a position, it is taken for the position. */
    const char *const *names;
    bool is_command_line; /* {} {N} {-N} {#} count, and {%} {= =} are errors */
};

enum js_sh_template_doubt {
    JS_SH_DOUBT_NAME,    /* {namme}: similar to the name of a value */
    JS_SH_DOUBT_PROGRAM, /* a value is in a text that a second program
                            evaluates: sh -c, eval, ssh, awk ... */
};

/* Receives doubts, each with the offset of its replacement string. A doubtful
 * program is reported for the first string only. */
struct js_sh_template_checks {
    void (*warn)(void *arg, enum js_sh_template_doubt doubt, size_t at,
                 const char *text); /* NULL: doubts are not looked for */
    void *arg;
};

/*
 * Compiles a command. `checks` may be NULL.
 *
 * Returns NULL with errno ENOMEM, or with EINVAL if a replacement string stands
 * where it cannot be quoted, or cannot mean anything. *ret_at is then its
 * offset, and *err says why, and what to use instead:
 *
 *     {3}: the last value is {2}
 *     {%} is not replaced: use $JOBSCHED_SLAVE and $JOBSCHED_SLOT
 *     {n} cannot be quoted within ${...}: use $JOBSCHED_ARG_n there
 */
struct js_sh_template *
js_sh_template_new_command(const char *text, size_t len,
                           const struct js_sh_sources *sources,
                           const struct js_sh_template_checks *checks,
                           size_t *ret_at, struct js_err *err);

/* Does the same for the value of an attribute, in which no place is special. */
struct js_sh_template *
js_sh_template_new_attribute(const char *text, size_t len,
                             const struct js_sh_sources *sources,
                             const struct js_sh_template_checks *checks,
                             size_t *ret_at, struct js_err *err);

/* NULL is allowed. Keeps errno. */
void js_sh_template_free(struct js_sh_template *template);

/* True if it has no replacement string. */
bool js_sh_template_is_constant(const struct js_sh_template *template);

/* True if a replacement string stands for this value (from 0) or a part of
 * it. */
bool js_sh_template_uses(const struct js_sh_template *template, size_t value);

/* Appends the text with these values, as many as there are sources; `number` is
 * that of the combination. Returns 0, or -1 with errno ENOMEM. */
int js_sh_template_expand(const struct js_sh_template *template,
                          const char *const *values, uint64_t number,
                          struct js_buf *buf);

#endif
