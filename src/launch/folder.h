/*
 * folder - the launcher's own folder, which nobody else can enter.
 *
 * It is there as long as its lock is held: by the launcher, its mpirun and each
 * rank on this host (a lock of flock() stays until the last of those who have
 * the descriptor has gone). A folder whose lock is free was left behind by a
 * run that was killed, and the next launcher of the same user on the same host
 * removes it.
 */
#ifndef JS_LAUNCH_FOLDER_H
#define JS_LAUNCH_FOLDER_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JS_FOLDER_NAME = 32 }; /* room for the name of a file in it */

struct js_folder {
    char path[PATH_MAX - JS_FOLDER_NAME]; /* "": there is none */
    int lock;                             /* descriptor; -1: none */
};

#define JS_FOLDER_INIT                                                         \
    {                                                                          \
        .lock = -1                                                             \
    }

/*
 * Makes it in the first of these places (paths; NULL and relative ones do not
 * count) that has so many bytes left, or else in the one that has most. What
 * was left behind in them is removed first. Returns 0, or -1 with *err.
 */
int js_folder_make(struct js_folder *folder, const char *const *places,
                   size_t count, uint64_t room_bytes, struct js_err *err);

/* Bytes that it has room for. */
uint64_t js_folder_room(const struct js_folder *folder);

/* False if somebody has removed it. */
bool js_folder_is_there(const struct js_folder *folder);

/* Removes it and what stands in it; as new. Keeps errno. */
void js_folder_remove(struct js_folder *folder);

#endif
