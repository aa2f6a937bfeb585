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
static void make_mark(char *to, size_t size)
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

static bool has_mark(int fd)
{
    char own[MARK_SIZE], found[MARK_SIZE];
    make_mark(own, sizeof(own));
    ssize_t len = js_file_pread(fd, found, sizeof(found) - 1, 0);
    if (len < 0)
        return false;
    found[len] = '\0';
    return strcmp(own, found) == 0;
}

/* ---------------------------------------------------------------- removing */

static void remove_all(int folder, int depth);

static void remove_entry(int folder, const char *name, int depth)
{
    if (unlinkat(folder, name, 0) == 0 || depth == 0)
        return;
    int inner =
        openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        return;
    remove_all(inner, depth - 1);
    unlinkat(folder, name, AT_REMOVEDIR);
}

/* Removes the contents through descriptors, so that neither a link nor a
 * renaming by somebody else leads outside. Closes `folder`. */
static void remove_all(int folder, int depth)
{
    DIR *dir = fdopendir(folder);
    if (!dir) {
        js_fd_close(&folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_entry(folder, entry->d_name, depth);
    }
    closedir(dir);
}

/* True if the folder is ours, and only we can enter it. */
static bool is_private(int fd, mode_t type)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
           (st.st_mode & S_IFMT) == type &&
           (st.st_mode & MODES & ~(mode_t)S_IRWXU) == 0;
}

/* Returns the descriptor of its lock, which this process now holds; or -1 if it
 * is not a launcher's folder, or another process holds the lock. */
static int take_over(int folder)
{
    int lock =
        openat(folder, lock_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (lock >= 0 && (!is_private(lock, S_IFREG) ||
                      flock(lock, LOCK_EX | LOCK_NB) < 0 || !has_mark(lock)))
        js_fd_close(&lock);
    return lock;
}

/* Anybody may create a folder with such a name in /tmp. So it is removed only
 * if its owner, its mode, its lock and its mark are all as they must be. */
static void clean_entry(int place, const char *name)
{
    int folder =
        openat(place, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int lock =
        folder >= 0 && is_private(folder, S_IFDIR) ? take_over(folder) : -1;
    if (lock >= 0) {
        remove_all(folder, DEPTH);
        unlinkat(place, name, AT_REMOVEDIR);
        folder = -1;
    }
    js_fd_close(&lock);
    js_fd_close(&folder);
}

static void clean_place(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, name_begin, strlen(name_begin)) == 0)
            clean_entry(dirfd(dir), entry->d_name);
    }
    closedir(dir);
}

/* ---------------------------------------------------------------- making */

/* The lock comes first and the mark second: a folder without a mark is left
 * alone, so nobody removes a folder that is still being made. */
static int lock_folder(struct js_folder *folder)
{
    char path[PATH_MAX], mark[MARK_SIZE];
    snprintf(path, sizeof(path), "%s/%s", folder->path, lock_name);
    folder->lock =
        open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (folder->lock < 0 || flock(folder->lock, LOCK_EX | LOCK_NB) < 0)
        return -1;
    make_mark(mark, sizeof(mark));
    return js_file_write(folder->lock, mark, strlen(mark));
}

/* The folder gets the name by which others find it only when it is locked. */
static int make_in(struct js_folder *folder, const char *place)
{
    static const char suffix[] = "XXXXXX";
    char last[sizeof(folder->path)];
    const size_t size = sizeof(folder->path);
    int len =
        snprintf(folder->path, size, "%s/%snew-%s", place, name_begin, suffix);
    if (len < 0 || (size_t)len >= size) {
        errno = ENAMETOOLONG;
    } else if (mkdtemp(folder->path)) {
        snprintf(last, size, "%s/%s%s", place, name_begin,
                 folder->path + len - strlen(suffix));
        if (lock_folder(folder) == 0 && rename(folder->path, last) == 0) {
            memcpy(folder->path, last, size);
            return 0;
        }
        js_folder_remove(folder);
    }
    folder->path[0] = '\0';
    return -1;
}

static uint64_t room_in(const char *place)
{
    struct statvfs st;
    if (access(place, W_OK | X_OK) < 0 || statvfs(place, &st) < 0)
        return 0;
    return (uint64_t)st.f_bavail * st.f_frsize;
}

uint64_t js_folder_room(const struct js_folder *folder)
{
    return room_in(folder->path);
}

/* Returns the best of the remaining places, or NULL if none remains. The first
 * one with enough room is the best. */
static const char **folder_choose(const char **places, size_t count,
                                  uint64_t room_bytes)
{
    const char **best = NULL;
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t room = places[i] ? room_in(places[i]) : 0;
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
            clean_place(places[i]);
    }
    while ((best = folder_choose(left, count, room_bytes))) {
        if (make_in(folder, *best) == 0)
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
        remove_all(fd, DEPTH);
        rmdir(folder->path);
    }
    js_fd_close(&folder->lock);
    folder->path[0] = '\0';
    errno = saved;
}
