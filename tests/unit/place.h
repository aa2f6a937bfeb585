/*
 * place - a folder of a test's own, with files in it that come and go.
 */
#ifndef JS_TESTS_PLACE_H
#define JS_TESTS_PLACE_H

#include "base/buf.h"
#include "base/file.h"
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PLACE_PATH = 128 };

struct place {
    char dir[64];
    char path[PLACE_PATH]; /* of the file that the test is about */
};

static inline void place_name(const struct place *place, const char *name,
                              char ret[PLACE_PATH])
{
    int len = snprintf(ret, PLACE_PATH, "%s/%s", place->dir, name);
    CU_ASSERT_FATAL(len > 0 && len < PLACE_PATH);
}

static inline void place_init(struct place *place, const char *name)
{
    snprintf(place->dir, sizeof(place->dir), "/tmp/jobsched-unit-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(place->dir));
    place_name(place, name, place->path);
}

/* With all files in it. */
static inline void place_release(const struct place *place)
{
    DIR *dir = opendir(place->dir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PLACE_PATH];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        place_name(place, entry->d_name, path);
        CU_ASSERT_EQUAL(unlink(path), 0);
    }
    closedir(dir);
    CU_ASSERT_EQUAL(rmdir(place->dir), 0);
}

/* Appends what can be read now. */
static inline void read_all(int fd, struct js_buf *ret)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        CU_ASSERT_EQUAL(js_buf_append(ret, bytes, (size_t)n), 0);
}

/* All of the file in the place of what ret held, as a string too; the buf is
 * the caller's. */
static inline const char *slurp(const char *path, struct js_buf *ret)
{
    ret->len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    read_all(fd, ret);
    close(fd);
    return js_buf_string(ret);
}

/* These bytes become all there is in the file. */
static inline void spit(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(js_file_write(fd, bytes, len), 0);
    close(fd);
}

#endif
