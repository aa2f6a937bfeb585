#include "runner/job_folder.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static const mode_t permissions = 0777;

void js_job_folder_note(struct js_job_folder *folder, const char *path)
{
    struct stat st;
    *folder = (struct js_job_folder){.path = path};
    if (!path || stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return;
    folder->is_known = true;
    folder->mode = st.st_mode & permissions;
    folder->device = st.st_dev;
}

/* 0, or -1 with errno. */
static int folder_look(const struct js_job_folder *folder)
{
    struct stat st;
    if (stat(folder->path, &st) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    return access(folder->path, W_OK | X_OK);
}

/* On another file system it is not what it was: the one it was on is not
 * mounted at the moment, and nobody would find what is written there. */
static bool folder_is_elsewhere(const struct js_job_folder *folder)
{
    struct stat st;
    return stat(folder->path, &st) == 0 && st.st_dev != folder->device;
}

enum js_job_folder_state
js_job_folder_restore(const struct js_job_folder *folder)
{
    if (!folder->is_known || folder_look(folder) == 0)
        return JS_JOB_FOLDER_FINE;
    if (errno != ENOENT)
        return JS_JOB_FOLDER_GONE;
    if (mkdir(folder->path, folder->mode) < 0)
        return errno == EEXIST && folder_look(folder) == 0 ? JS_JOB_FOLDER_FINE
                                                           : JS_JOB_FOLDER_GONE;
    if (folder_is_elsewhere(folder) && rmdir(folder->path) == 0) {
        errno = ENODEV;
        return JS_JOB_FOLDER_GONE;
    }
    return JS_JOB_FOLDER_THERE;
}
