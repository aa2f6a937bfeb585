/*
 * sh_program - which words of a command are evaluated by a second program.
 *
 *     sh -c '...'     ssh HOST ...     awk '...' FILE
 *
 * The quotes of the command do not protect a value there, because that program
 * reads it once more. This knows the names and options of the usual programs,
 * and no more: it is for warnings.
 */
#ifndef JS_LIST_SH_PROGRAM_H
#define JS_LIST_SH_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* The words of one command so far. All zero: none. */
struct js_sh_program {
    const struct js_sh_program_row *row; /* the last program that was named */
    enum { JS_SH_OPTIONS, JS_SH_VALUE, JS_SH_TEXT } next; /* what may follow */
};

/* Takes the next word (not empty). `is_pure`: it has no quotes and values;
 * `is_command`: it is the name of the command. */
void js_sh_program_take(struct js_sh_program *program, const char *word,
                        size_t len, bool is_pure, bool is_command);

/* The name of the program that evaluates the next word, which begins with this
 * byte; or NULL. */
const char *js_sh_program_of(const struct js_sh_program *program, char first);

#endif
