/*
 * folder - the launcher's own folder, which no other user can enter.
 *
 * The folder is in use as long as its lock is held: by the launcher, its mpirun
 * and each rank on this host (a lock of flock() persists until the last process
 * that has the descriptor has ended). A folder whose lock is free was left
 * behind by a run that was killed. The next launcher of the same user on the
 * same host removes it.
 */
#ifndef JS_LAUNCH_FOLDER_H
#define JS_LAUNCH_FOLDER_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JS_FOLDER_NAME = 32 }; /* space for the name of a file in the folder */

struct js_folder {
    char path[PATH_MAX - JS_FOLDER_NAME]; /* "": there is none */
    int lock;                             /* descriptor; -1: none */
};

#define JS_FOLDER_INIT                                                         \
    {                                                                          \
        .lock = -1                                                             \
    }

/*
 * Creates the folder in the first of these places that has at least
 * `room_bytes` free, or else in the place that has the most. Places are paths;
 * NULL and relative paths are ignored. Folders that were left behind in these
 * places are removed first. Returns 0, or -1 with *err.
 */
int js_folder_make(struct js_folder *folder, const char *const *places,
                   size_t count, uint64_t room_bytes, struct js_err *err);

/* Returns the number of bytes that can still be written to the folder. */
uint64_t js_folder_room(const struct js_folder *folder);

/* False if somebody has removed the folder. */
bool js_folder_is_there(const struct js_folder *folder);

/* Removes the folder and its contents, and resets the struct. Keeps errno. */
void js_folder_remove(struct js_folder *folder);

#endif
