#include "launch/folder.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char name_begin[] = ".jobsched-";
static const char lock_name[] = "lock";

enum {
    MARK_SIZE = 512,
    MODES = 07777,
    DEPTH = 16, /* depth of what is removed; Open MPI's own folders have four
                   levels */
};

/* ---------------------------------------------------------------- the mark */

/* The contents of the lock file say whose folder it is. So a folder that only
 * has such a name, or was created on another host, is left alone. */
static void folder_make_mark(char *to, size_t size)
{
    char host[256] = "", machine[64] = "";
    gethostname(host, sizeof(host) - 1);
    int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        js_file_pread(fd, machine, sizeof(machine) - 1, 0);
        js_fd_close(&fd);
    }
    machine[strcspn(machine, "\n")] = '\0';
    snprintf(to, size, "folder of a launcher of jobsched\nhost %s\n%s\n", host,
             machine);
}

/* ---------------------------------------------------------------- removing */

/* Removes the contents through descriptors, so that neither a link nor a
 * renaming by somebody else leads outside. Closes `folder`. */
static void folder_remove_contents(int folder, int depth)
{
    DIR *dir = fdopendir(folder);
    if (!dir) {
        js_fd_close(&folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            unlinkat(folder, name, 0) == 0 || depth == 0)
            continue;
        int inner = openat(folder, name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner < 0)
            continue;
        folder_remove_contents(inner, depth - 1);
        unlinkat(folder, name, AT_REMOVEDIR);
    }
    closedir(dir);
}

/* True if the folder is ours, and only we can enter it. */
static bool folder_is_private(int fd, mode_t type)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
           (st.st_mode & S_IFMT) == type &&
           (st.st_mode & MODES & ~(mode_t)S_IRWXU) == 0;
}

/*
 * Removes what launchers that were killed have left in this place. Anybody may
 * create a folder with such a name in /tmp. So it is removed only if its owner,
 * its mode, its lock and its mark are all as they must be.
 */
static void folder_clean_place(const char *path)
{
    char own[MARK_SIZE], found[MARK_SIZE];
    DIR *dir = opendir(path);
    folder_make_mark(own, sizeof(own));
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        int lock = -1, place = dirfd(dir);
        if (strncmp(entry->d_name, name_begin, strlen(name_begin)) != 0)
            continue;
        int folder = openat(place, entry->d_name,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder >= 0 && folder_is_private(folder, S_IFDIR))
            lock = openat(folder, lock_name,
                          O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        memset(found, 0, sizeof(found));
        if (lock >= 0 && folder_is_private(lock, S_IFREG) &&
            flock(lock, LOCK_EX | LOCK_NB) == 0 &&
            js_file_pread(lock, found, sizeof(found) - 1, 0) >= 0 &&
            strcmp(own, found) == 0) {
            folder_remove_contents(folder, DEPTH);
            unlinkat(place, entry->d_name, AT_REMOVEDIR);
            folder = -1;
        }
        js_fd_close(&lock);
        js_fd_close(&folder);
    }
    if (dir)
        closedir(dir);
}

/* ---------------------------------------------------------------- making */

/* The lock comes first, the mark second, and the name by which others find the
 * folder last: a folder without a mark is left alone, so no launcher removes a
 * folder that is still being made. */
static int folder_make_in(struct js_folder *folder, const char *place)
{
    static const char suffix[] = "XXXXXX";
    char last[sizeof(folder->path)], path[PATH_MAX], mark[MARK_SIZE];
    const size_t size = sizeof(folder->path);
    int len =
        snprintf(folder->path, size, "%s/%snew-%s", place, name_begin, suffix);
    if (len < 0 || (size_t)len >= size) {
        errno = ENAMETOOLONG;
    } else if (mkdtemp(folder->path)) {
        snprintf(last, size, "%s/%s%s", place, name_begin,
                 folder->path + len - strlen(suffix));
        snprintf(path, sizeof(path), "%s/%s", folder->path, lock_name);
        folder_make_mark(mark, sizeof(mark));
        folder->lock = open(
            path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (folder->lock >= 0 && flock(folder->lock, LOCK_EX | LOCK_NB) == 0 &&
            js_file_write(folder->lock, mark, strlen(mark)) == 0 &&
            rename(folder->path, last) == 0) {
            memcpy(folder->path, last, size);
            return 0;
        }
        js_folder_remove(folder);
    }
    folder->path[0] = '\0';
    return -1;
}

static uint64_t folder_room_in(const char *place)
{
    struct statvfs st;
    if (access(place, W_OK | X_OK) < 0 || statvfs(place, &st) < 0)
        return 0;
    return (uint64_t)st.f_bavail * st.f_frsize;
}

uint64_t js_folder_room(const struct js_folder *folder)
{
    return folder_room_in(folder->path);
}

/* Returns the best of the remaining places, or NULL if none remains. The first
 * one with enough room is the best. */
static const char **folder_choose(const char **places, size_t count,
                                  uint64_t room_bytes)
{
    const char **best = NULL;
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t room = places[i] ? folder_room_in(places[i]) : 0;
        if (!places[i] || (best && room <= most))
            continue;
        best = &places[i];
        most = room;
        if (room >= room_bytes)
            break;
    }
    return best;
}

int js_folder_make(struct js_folder *folder, const char *const *places,
                   size_t count, uint64_t room_bytes, struct js_err *err)
{
    enum { PLACES_MOST = 8 };
    const char *left[PLACES_MOST] = {NULL}, *first = NULL, **best;
    int error = ENOENT;
    for (size_t i = 0; i < count && i < PLACES_MOST; i++) {
        bool is_path = places[i] && places[i][0] == '/';
        left[i] = is_path ? places[i] : NULL;
        first = first ? first : left[i];
        if (is_path)
            folder_clean_place(places[i]);
    }
    while ((best = folder_choose(left, count, room_bytes))) {
        if (folder_make_in(folder, *best) == 0)
            return 0;
        error = *best == first ? errno : error;
        *best = NULL;
    }
    errno = error;
    return js_err_errno(err,
                        "cannot make a folder for the run in %s: set TMPDIR to "
                        "a folder where this is possible",
                        first ? first : "/tmp");
}

/* Compares the lock file, because somebody may have removed the folder and
 * created another one with the same name. */
bool js_folder_is_there(const struct js_folder *folder)
{
    char path[PATH_MAX];
    struct stat own, found;
    snprintf(path, sizeof(path), "%s/%s", folder->path, lock_name);
    return folder->path[0] && fstat(folder->lock, &own) == 0 &&
           lstat(path, &found) == 0 && own.st_dev == found.st_dev &&
           own.st_ino == found.st_ino;
}

void js_folder_remove(struct js_folder *folder)
{
    int saved = errno;
    int fd = folder->path[0] ? open(folder->path, O_RDONLY | O_DIRECTORY |
                                                      O_NOFOLLOW | O_CLOEXEC)
                             : -1;
    if (fd >= 0) {
        folder_remove_contents(fd, DEPTH);
        rmdir(folder->path);
    }
    js_fd_close(&folder->lock);
    folder->path[0] = '\0';
    errno = saved;
}
