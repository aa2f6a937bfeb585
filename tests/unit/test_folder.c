/* folder: the launcher's own, and what is left of those of others. */
#include "unit.h"

#include "base/file.h"
#include "launch/folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = PATH_MAX };

/* Where folders are made. */
struct place {
    char path[64];
};

static void place_make(struct place *place)
{
    snprintf(place->path, sizeof(place->path), "/tmp/js-folder-XXXXXX");
    not_null(mkdtemp(place->path));
}

static void make_in(const struct place *place, struct js_folder *ret)
{
    const char *places[] = {place->path};
    struct js_err err;
    *ret = (struct js_folder)JS_FOLDER_INIT;
    CU_ASSERT_EQUAL_FATAL(js_folder_make(ret, places, 1, 0, &err), 0);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[SIZE + 64];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(js_file_write(fd, text, strlen(text)), 0);
    js_fd_close(&fd);
}

/* As a killed launcher leaves it: all of its descriptors are closed. */
static void abandon(struct js_folder *folder)
{
    js_fd_close(&folder->lock);
}

static void test_it_is_for_nobody_else(void)
{
    struct place place;
    struct js_folder folder;
    struct stat st;
    place_make(&place);
    make_in(&place, &folder);
    CU_ASSERT_EQUAL(stat(folder.path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0700);
    CU_ASSERT_TRUE(js_folder_is_there(&folder));
    write_file(folder.path, "status", "x");
    js_folder_remove(&folder);
    CU_ASSERT_STRING_EQUAL(folder.path, "");
    CU_ASSERT_EQUAL(rmdir(place.path), 0);
}

static void test_what_a_killed_one_left_goes(void)
{
    struct place place;
    struct js_folder left, own;
    char path[SIZE + 64];
    place_make(&place);
    make_in(&place, &left);
    snprintf(path, sizeof(path), "%s/ompi", left.path);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    write_file(path, "session", "x");
    snprintf(path, sizeof(path), "%s/link", left.path);
    CU_ASSERT_EQUAL(symlink("/tmp", path), 0);
    abandon(&left);
    make_in(&place, &own);
    CU_ASSERT_FALSE(is_there(left.path));
    CU_ASSERT_TRUE(is_there("/tmp"));
    js_folder_remove(&own);
    CU_ASSERT_EQUAL(rmdir(place.path), 0);
}

/* The descriptor of a rank that lives on. */
static void test_one_that_is_held_stays(void)
{
    struct place place;
    struct js_folder held, own;
    place_make(&place);
    make_in(&place, &held);
    int rank = dup(held.lock);
    abandon(&held);
    make_in(&place, &own);
    CU_ASSERT_TRUE(is_there(held.path));
    js_folder_remove(&own);
    close(rank);
    make_in(&place, &own);
    CU_ASSERT_FALSE(is_there(held.path));
    js_folder_remove(&own);
    CU_ASSERT_EQUAL(rmdir(place.path), 0);
}

static void remove_locked(const char *folder)
{
    char path[SIZE + 64];
    snprintf(path, sizeof(path), "%s/lock", folder);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

/* It only has such a name, or others can enter it, or it was made elsewhere. */
static void test_what_is_not_known_stays(void)
{
    struct place place;
    struct js_folder open_one, foreign, own;
    char named[SIZE], empty[SIZE];
    place_make(&place);
    snprintf(named, sizeof(named), "%s/.jobsched-notes", place.path);
    CU_ASSERT_EQUAL(mkdir(named, 0700), 0);
    write_file(named, "lock", "mine\n");
    snprintf(empty, sizeof(empty), "%s/.jobsched-new-AbCdEf", place.path);
    CU_ASSERT_EQUAL(mkdir(empty, 0700), 0);
    make_in(&place, &open_one);
    CU_ASSERT_EQUAL(chmod(open_one.path, 0755), 0);
    make_in(&place, &foreign);
    write_file(foreign.path, "lock",
               "folder of a launcher of jobsched\nhost elsewhere\n\n");
    abandon(&open_one);
    abandon(&foreign);
    make_in(&place, &own);
    CU_ASSERT_TRUE(is_there(named));
    CU_ASSERT_TRUE(is_there(empty));
    CU_ASSERT_TRUE(is_there(open_one.path));
    CU_ASSERT_TRUE(is_there(foreign.path));
    js_folder_remove(&own);
    CU_ASSERT_EQUAL(rmdir(empty), 0);
    remove_locked(named);
    remove_locked(open_one.path);
    remove_locked(foreign.path);
    CU_ASSERT_EQUAL(rmdir(place.path), 0);
}

static void test_one_that_was_removed_is_missed(void)
{
    struct place place;
    struct js_folder folder;
    place_make(&place);
    make_in(&place, &folder);
    char path[SIZE + 64];
    snprintf(path, sizeof(path), "%s/lock", folder.path);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_FALSE(js_folder_is_there(&folder));
    write_file(folder.path, "lock", "another");
    CU_ASSERT_FALSE(js_folder_is_there(&folder));
    js_folder_remove(&folder);
    CU_ASSERT_EQUAL(rmdir(place.path), 0);
}

static void test_the_next_place_is_taken_where_one_has_no_room(void)
{
    struct place place;
    struct js_folder folder = JS_FOLDER_INIT;
    struct js_err err;
    place_make(&place);
    const char *places[] = {NULL, "relative", "/nonexistent", "/proc",
                            place.path};
    CU_ASSERT_EQUAL(js_folder_make(&folder, places, 5, 1, &err), 0);
    CU_ASSERT_EQUAL(strncmp(folder.path, place.path, strlen(place.path)), 0);
    js_folder_remove(&folder);
    /* If none has as much, the one with most. */
    CU_ASSERT_EQUAL(js_folder_make(&folder, places, 5, UINT64_MAX, &err), 0);
    js_folder_remove(&folder);
    CU_ASSERT_EQUAL(js_folder_make(&folder, places, 4, 1, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nonexistent"));
    CU_ASSERT_EQUAL(rmdir(place.path), 0);
}

static const struct unit_test tests[] = {
    {"it is for nobody else", test_it_is_for_nobody_else},
    {"what a killed one left goes", test_what_a_killed_one_left_goes},
    {"one that is held stays", test_one_that_is_held_stays},
    {"what is not known stays", test_what_is_not_known_stays},
    {"one that was removed is missed", test_one_that_was_removed_is_missed},
    {"the next place is taken where one has no room",
     test_the_next_place_is_taken_where_one_has_no_room},
    {NULL, NULL},
};

const struct unit_suite suite_folder = {"folder", tests};
