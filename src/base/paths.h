/*
 * paths - whether two paths are the same file, and what some names stand for.
 */
#ifndef JS_BASE_PATHS_H
#define JS_BASE_PATHS_H

#include <stdbool.h>

/* True if both paths are one existing regular file, or are equal. */
bool js_same_file(const char *a, const char *b);

/* The descriptor of this process that `path` names, open or not (/dev/fd/3,
 * /dev/stdin, /proc/self/fd/3); -1 for any other name. */
int js_path_fd(const char *path);

/* True for the name of a job's output file: NUMBER.out or NUMBER.err. */
bool js_is_output_name(const char *name);

/* True if `path`, existing or not, names a job's output file in the folder
 * `dir`: NUMBER.out or NUMBER.err. */
bool js_is_output_of(const char *dir, const char *path);

#endif
