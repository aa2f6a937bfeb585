/*
 * paths - whether two of the files of a run are one and the same, and what a
 * name stands for.
 */
#ifndef JS_BASE_PATHS_H
#define JS_BASE_PATHS_H

#include <stdbool.h>

/* True if both are there and one regular file, or have the same name. */
bool js_same_file(const char *a, const char *b);

/* The descriptor of this process that this is a name of, be it open or not
 * (/dev/fd/3, /dev/stdin, /proc/self/fd/3); -1: it is another name. */
int js_path_fd(const char *path);

/* True for the name of a job's output: NUMBER.out or NUMBER.err. */
bool js_is_output_name(const char *name);

/* True if `path`, be it there or not, is the name of a job's output in the
 * folder `dir`: NUMBER.out or NUMBER.err. */
bool js_is_output_of(const char *dir, const char *path);

#endif
