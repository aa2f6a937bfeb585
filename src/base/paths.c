#include "base/paths.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Equal names count even if there is no file yet: one of the two may create
 * it. */
bool js_same_file(const char *a, const char *b)
{
    struct stat st_a, st_b;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 &&
           S_ISREG(st_a.st_mode) && is_same(&st_a, &st_b);
}

/* Stores the folder of `path` in `folder`. Returns the name in it, or NULL. */
static const char *split_path(const char *path, char *folder, size_t size)
{
    const char *slash = strrchr(path, '/');
    int len = slash ? snprintf(folder, size, "%.*s/", (int)(slash - path), path)
                    : snprintf(folder, size, "./");
    if (len < 0 || (size_t)len >= size)
        return NULL;
    return slash ? slash + 1 : path;
}

static int number_of_name(const char *name)
{
    enum { DECIMAL = 10 };
    size_t digits = strspn(name, "0123456789");
    long number = strtol(name, NULL, DECIMAL);
    return digits > 0 && !name[digits] && number <= INT_MAX ? (int)number : -1;
}

int js_path_fd(const char *path)
{
    enum { LINKS_MOST = 8 };
    char fds[PATH_MAX], at[PATH_MAX], folder[PATH_MAX], real[PATH_MAX];
    int size = snprintf(at, sizeof(at), "%s", path);
    if (!realpath("/proc/self/fd", fds) || size < 0 ||
        (size_t)size >= sizeof(at))
        return -1;
    for (int i = 0; i < LINKS_MOST; i++) {
        char to[PATH_MAX];
        const char *name = split_path(at, folder, sizeof(folder));
        if (!name || !realpath(folder, real))
            return -1;
        /* The link itself is not followed: it leads to the file, but the number
         * is wanted, whether it is open or not. */
        if (strcmp(real, fds) == 0)
            return number_of_name(name);
        ssize_t len = readlink(at, to, sizeof(to) - 1);
        if (len < 0)
            return -1;
        to[len] = '\0';
        size = snprintf(at, sizeof(at), "%s%s", to[0] == '/' ? "" : folder, to);
        if (size < 0 || (size_t)size >= sizeof(at))
            return -1;
    }
    return -1;
}

bool js_is_output_name(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits > 0 && (strcmp(name + digits, ".out") == 0 ||
                          strcmp(name + digits, ".err") == 0);
}

bool js_is_output_of(const char *dir, const char *path)
{
    char folder[PATH_MAX] = ".";
    struct stat st_dir, st_folder;
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (slash) /* for "/x" the folder is "/" itself */
        snprintf(folder, sizeof(folder), "%.*s",
                 (int)(slash == path ? 1 : slash - path), path);
    /* The folders are compared by inode, because they may be named in two
     * ways. */
    return js_is_output_name(name) && stat(dir, &st_dir) == 0 &&
           stat(folder, &st_folder) == 0 && is_same(&st_dir, &st_folder);
}
