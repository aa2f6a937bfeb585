/*
 * paths - whether two of the files of a run are one and the same.
 */
#ifndef JS_BASE_PATHS_H
#define JS_BASE_PATHS_H

#include <stdbool.h>

/* True if both are there and one regular file, or have the same name. */
bool js_same_file(const char *a, const char *b);

/* True for the name of a job's output: NUMBER.out or NUMBER.err. */
bool js_is_output_name(const char *name);

/* True if `path`, be it there or not, is the name of a job's output in the
 * folder `dir`: NUMBER.out or NUMBER.err. */
bool js_is_output_of(const char *dir, const char *path);

#endif
