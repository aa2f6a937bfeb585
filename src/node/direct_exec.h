/*
 * direct_exec - which commands need no shell, and how they are then executed.
 *
 * A command runs without the shell only if nobody can see a difference: it has
 * only plain characters, and its first word is no builtin, keyword or
 * assignment of any common /bin/sh. Everything else goes to the shell.
 */
#ifndef JS_NODE_DIRECT_EXEC_H
#define JS_NODE_DIRECT_EXEC_H

#include <stdbool.h>
#include <stddef.h>

/* A command ready for js_spawn(). It can be reused from job to job, which saves
 * allocations. All zero is a valid, empty one. */
struct js_direct_exec {
    const char **programs; /* candidates for exec; empty: only the shell */
    const char **argv;     /* the words, NULL-terminated */
    const char *shell[5];  /* sh -c [--] COMMAND */
    char *text;            /* the words' bytes and the programs' paths */
    size_t capacity_words; /* private from here on */
    size_t capacity_programs;
    size_t capacity_text;
};

void js_direct_exec_release(
    struct js_direct_exec *command); /* NULL is allowed */

/* True if `line` can be run without a shell. */
bool js_direct_exec_is_plain(const char *line);

/*
 * Prepares `line` (borrowed as long as the result is used). `path` is the
 * PATH of the job's environment, NULL if it has none (then the system's
 * default, as in execvp). Returns 0, or -1 with errno ENOMEM.
 */
int js_direct_exec_prepare(struct js_direct_exec *command, const char *line,
                           const char *path);

#endif
