/*
 * list_stream - a job list that can be read only once. The launcher opens it
 * itself, because mpirun passes on no file but its standard input, and rank 0
 * may be on another host.
 */
#ifndef JS_LAUNCH_LIST_STREAM_H
#define JS_LAUNCH_LIST_STREAM_H

#include "base/err.h"

/*
 * Opens the list if `path` is standard input ("-"), an open file named by its
 * descriptor (/dev/fd/3, /dev/stdin), a FIFO or a device; *ret is then its
 * descriptor. Otherwise, also if there is no such file, *ret is -1 and rank 0
 * opens the list. Must be called before other files are opened. Returns 0, or
 * -1 with *err.
 */
int js_list_stream_open(const char *path, int *ret, struct js_err *err);

#endif
