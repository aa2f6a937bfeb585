#include "base/paths.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool js_same_file(const char *a, const char *b)
{
    struct stat st_a, st_b;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 &&
           S_ISREG(st_a.st_mode) && is_same(&st_a, &st_b);
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
    if (slash) /* "/" itself is kept where that is the folder */
        snprintf(folder, sizeof(folder), "%.*s",
                 (int)(slash == path ? 1 : slash - path), path);
    return js_is_output_name(name) && stat(dir, &st_dir) == 0 &&
           stat(folder, &st_folder) == 0 && is_same(&st_dir, &st_folder);
}
