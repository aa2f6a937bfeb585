/*
 * list - a job list that can be read only once, which the launcher opens
 * itself: mpirun passes no file on but its standard input, and rank 0 may be on
 * another host.
 */
#ifndef JS_LAUNCH_LIST_STREAM_H
#define JS_LAUNCH_LIST_STREAM_H

#include "base/err.h"

/*
 * *ret is a descriptor of the list by this name, if it is standard input ("-"),
 * an open file by the name of its descriptor (/dev/fd/3, /dev/stdin), a FIFO or
 * a device; -1: it is none of these, or is not there, and rank 0 sees to it.
 * Call it before other files are opened. Returns 0, or -1 with *err.
 */
int js_list_stream_open(const char *path, int *ret, struct js_err *err);

#endif
