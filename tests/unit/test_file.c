/* file: whole reads and copies; and what somebody else has put in a folder is
 * not taken for one's own. */
#include "unit.h"

#include "base/file.h"
#include "base/outq.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOBODY = 65534 };

struct scene {
    struct place place; /* its path is that of the name to be opened */
    char victim[PLACE_PATH];
};

/* A folder of this mode, and in it a file that must not change. */
static void scene_init(struct scene *scene, mode_t mode)
{
    place_init(&scene->place, "log");
    place_name(&scene->place, "victim", scene->victim);
    spit(scene->victim, "precious", 8);
    CU_ASSERT_EQUAL(chmod(scene->place.dir, mode), 0);
}

static void scene_release(struct scene *scene)
{
    struct js_buf text = JS_BUF_INIT;
    CU_ASSERT_STRING_EQUAL(slurp(scene->victim, &text), "precious");
    js_buf_release(&text);
    place_release(&scene->place);
}

/* An errno, or 0. */
static int try_trusted(const char *path)
{
    int fd = js_file_open_trusted(
        path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int try_emptied(const char *path)
{
    int fd = js_file_open_emptied(path);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static void test_links_are_followed_where_nobody_else_writes(void)
{
    struct scene scene;
    scene_init(&scene, 0755);
    CU_ASSERT_EQUAL(symlink("victim", scene.place.path), 0);
    CU_ASSERT_EQUAL(try_trusted(scene.place.path), 0);
    /* And one's own where a group writes as well. */
    CU_ASSERT_EQUAL(chmod(scene.place.dir, 0775), 0);
    CU_ASSERT_EQUAL(try_trusted(scene.place.path), 0);
    if (geteuid() == 0) {
        CU_ASSERT_EQUAL(lchown(scene.place.path, NOBODY, NOBODY), 0);
        CU_ASSERT_EQUAL(try_trusted(scene.place.path), ELOOP);
    }
    scene_release(&scene);
}

static void test_links_are_not_followed_where_others_write(void)
{
    struct scene scene;
    char way[PLACE_PATH];
    scene_init(&scene, 01777);
    CU_ASSERT_EQUAL(symlink("victim", scene.place.path), 0);
    CU_ASSERT_EQUAL(try_trusted(scene.place.path), ELOOP);
    /* Nor by way of another name, which only leads there. */
    struct place other;
    place_init(&other, "log");
    CU_ASSERT_EQUAL(symlink(scene.place.path, other.path), 0);
    CU_ASSERT_EQUAL(try_trusted(other.path), ELOOP);
    place_release(&other);
    /* A file is what it is; a folder on the way may be a link. */
    CU_ASSERT_EQUAL(unlink(scene.place.path), 0);
    CU_ASSERT_EQUAL(try_trusted(scene.place.path), 0);
    CU_ASSERT_EQUAL(try_trusted(scene.place.path), 0);
    CU_ASSERT_EQUAL(unlink(scene.place.path), 0);
    CU_ASSERT_EQUAL(link(scene.victim, scene.place.path), 0);
    CU_ASSERT_EQUAL(try_trusted(scene.place.path), EMLINK);
    place_name(&scene.place, "round", way);
    CU_ASSERT_EQUAL(symlink("round", way), 0);
    CU_ASSERT_EQUAL(try_trusted(way), ELOOP);
    scene_release(&scene);
}

static void test_what_is_open_has_names_in_proc(void)
{
    char path[64];
    int ends[2];
    CU_ASSERT_EQUAL(pipe2(ends, O_CLOEXEC), 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[1]);
    CU_ASSERT_EQUAL(try_trusted(path), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
    CU_ASSERT_EQUAL(try_trusted(path), 0);
    CU_ASSERT_EQUAL(try_trusted("/dev/null"), 0);
    close(ends[0]);
    close(ends[1]);
}

static void test_a_file_is_emptied_if_it_is_ones_own(void)
{
    struct scene scene;
    struct stat st;
    scene_init(&scene, 01777);
    const char *path = scene.place.path;
    CU_ASSERT_EQUAL(try_emptied(path), 0);
    spit(path, "old", 3);
    CU_ASSERT_EQUAL(try_emptied(path), 0);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_size, 0);
    unlink(path);
    CU_ASSERT_EQUAL(symlink("victim", path), 0);
    CU_ASSERT_EQUAL(try_emptied(path), ELOOP);
    unlink(path);
    CU_ASSERT_EQUAL(link(scene.victim, path), 0);
    CU_ASSERT_EQUAL(try_emptied(path), EMLINK);
    unlink(path);
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    CU_ASSERT_EQUAL(try_emptied(path), ENXIO);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_EQUAL(try_emptied(path), EEXIST);
    close(reader);
    scene_release(&scene);
}

/* Root may write to it, all the same. */
static void test_a_file_of_somebody_else_stays(void)
{
    struct scene scene;
    if (geteuid() != 0)
        return; /* nobody else is there */
    scene_init(&scene, 0755);
    CU_ASSERT_EQUAL(chown(scene.victim, NOBODY, NOBODY), 0);
    CU_ASSERT_EQUAL(try_emptied(scene.victim), EPERM);
    CU_ASSERT_EQUAL(chown(scene.victim, 0, 0), 0);
    /* With one name, or where nobody else can have made the other. */
    CU_ASSERT_EQUAL(link(scene.victim, scene.place.path), 0);
    CU_ASSERT_EQUAL(try_emptied(scene.place.path), 0);
    unlink(scene.place.path);
    spit(scene.victim, "precious", 8);
    scene_release(&scene);
}

/* ---------------------------------------------------------------- contents */

static void test_a_file_is_read_to_its_end(void)
{
    struct place place;
    struct js_buf all = JS_BUF_INIT;
    char text[8], link[PLACE_PATH];
    char *large = calloc(1, 100000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(large);
    place_init(&place, "file");
    place_name(&place, "link", link);
    memset(large, 'x', 99999);
    spit(place.path, large, 99999);
    CU_ASSERT_EQUAL(js_buf_puts(&all, "behind this: "), 0);
    CU_ASSERT_EQUAL(js_file_read_path(place.path, &all), 0);
    CU_ASSERT_EQUAL(all.len, 99999 + strlen("behind this: "));
    CU_ASSERT_EQUAL(memcmp(all.data, "behind this: xx", 15), 0);
    CU_ASSERT_EQUAL(js_file_read_text(place.path, text, sizeof(text)), 7);
    CU_ASSERT_STRING_EQUAL(text, "xxxxxxx");
    /* A file that has no size. */
    all.len = 0;
    CU_ASSERT_EQUAL(js_file_read_path("/proc/self/stat", &all), 0);
    CU_ASSERT_TRUE(all.len > 20);
    CU_ASSERT_EQUAL(symlink("file", link), 0);
    CU_ASSERT_EQUAL(js_file_read_path(link, &all), -1);
    CU_ASSERT_EQUAL(errno, ELOOP);
    CU_ASSERT_EQUAL(js_file_read_text(link, text, sizeof(text)), -1);
    CU_ASSERT_STRING_EQUAL(text, "");
    unlink(link);
    js_buf_release(&all);
    free(large);
    place_release(&place);
}

static void test_a_file_is_copied_from_its_start(void)
{
    char text[16] = {0};
    int from = js_file_open_unlinked("/tmp");
    int to = js_file_open_unlinked("/tmp");
    CU_ASSERT_FATAL(from >= 0 && to >= 0);
    CU_ASSERT_EQUAL(js_file_write(from, "abcdef", 6), 0);
    CU_ASSERT_EQUAL(js_file_copy(from, 4, to, 0), 4);
    /* It appends, because the file was opened so. */
    CU_ASSERT_EQUAL(js_file_copy(from, 2, to, 1), 2);
    CU_ASSERT_EQUAL(js_file_pread(to, text, sizeof(text), 0), 6);
    CU_ASSERT_STRING_EQUAL(text, "abcdab");
    CU_ASSERT_EQUAL(fcntl(to, F_SETFL, 0), 0);
    CU_ASSERT_EQUAL(js_file_copy(from, INT64_MAX, to, 3), 6);
    CU_ASSERT_EQUAL(js_file_pread(to, text, sizeof(text), 0), 9);
    CU_ASSERT_STRING_EQUAL(text, "abcabcdef");
    CU_ASSERT_EQUAL(js_file_copy(-1, 1, to, 0), -1);
    CU_ASSERT_EQUAL(errno, EBADF);
    js_fd_close(&from);
    js_fd_close(&to);
}

static void test_unlinked_files(void)
{
    char bytes[8] = {0};
    int fd = js_file_open_unlinked("/tmp");
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(js_file_write(fd, "abcdef", 6), 0);
    CU_ASSERT_EQUAL(js_file_pread(fd, bytes, 8, 2), 4);
    CU_ASSERT_STRING_EQUAL(bytes, "cdef");
    CU_ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    js_fd_close(&fd);
    CU_ASSERT_EQUAL(fd, -1);
    js_fd_close(&fd);
    CU_ASSERT_EQUAL(js_file_open_unlinked("/no/such/folder"), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
}

/* What is closed cannot be opened by accident, nor read or written. */
static void test_stdio_is_reserved(void)
{
    int saved[3];
    char byte;
    for (int fd = 0; fd < 3; fd++)
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    int rc = js_file_reserve_stdio();
    bool is_taken = fcntl(0, F_GETFD) >= 0 && fcntl(1, F_GETFD) >= 0 &&
                    fcntl(2, F_GETFD) >= 0;
    int read_error = read(0, &byte, 1) < 0 ? errno : 0;
    struct js_outq *outq = js_outq_new(1);
    int rc_write = js_outq_write(outq, "x", 1);
    int write_error = js_outq_error(outq);
    js_outq_free(outq);
    for (int fd = 0; fd < 3; fd++) {
        dup2(saved[fd], fd);
        close(saved[fd]);
    }
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT_TRUE(is_taken);
    CU_ASSERT_EQUAL(read_error, EBADF);
    CU_ASSERT_EQUAL(rc_write, 0);
    CU_ASSERT_EQUAL(write_error, EBADF);
}

static void test_names_of_descriptors(void)
{
    char dir[] = "/tmp/js-paths-XXXXXX", link[64], other[64];
    CU_ASSERT_EQUAL(js_file_fd_of("/dev/stdin"), 0);
    CU_ASSERT_EQUAL(js_file_fd_of("/dev/fd/63"), 63);
    CU_ASSERT_EQUAL(js_file_fd_of("/proc/self/fd/3"), 3);
    CU_ASSERT_EQUAL(js_file_fd_of("/dev/../dev/fd/3"), 3);
    CU_ASSERT_EQUAL(js_file_fd_of("/dev/fd/"), -1);
    CU_ASSERT_EQUAL(js_file_fd_of("/dev/fd"), -1);
    CU_ASSERT_EQUAL(js_file_fd_of("/dev/fd/3x"), -1);
    CU_ASSERT_EQUAL(js_file_fd_of("/dev/null"), -1);
    CU_ASSERT_EQUAL(js_file_fd_of("3"), -1);
    CU_ASSERT_EQUAL(js_file_fd_of(""), -1);
    CU_ASSERT_EQUAL(js_file_fd_of("-"), -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(link, sizeof(link), "%s/link", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    CU_ASSERT_EQUAL(symlink("/dev/fd/7", link), 0);
    CU_ASSERT_EQUAL(symlink("link", other), 0);
    CU_ASSERT_EQUAL(js_file_fd_of(other), 7);
    unlink(link);
    CU_ASSERT_EQUAL(js_file_fd_of(other), -1);
    CU_ASSERT_EQUAL(symlink("other", link), 0); /* for ever */
    CU_ASSERT_EQUAL(js_file_fd_of(other), -1);
    unlink(link);
    unlink(other);
    rmdir(dir);
}

static void test_paths(void)
{
    char dir[] = "/tmp/js-paths-XXXXXX";
    char path[64], other[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/12.out", dir);
    snprintf(other, sizeof(other), "%s/./12.out", dir);
    CU_ASSERT_TRUE(js_file_is_same("not there", "not there"));
    CU_ASSERT_FALSE(js_file_is_same(path, other));
    CU_ASSERT_TRUE(js_file_is_output_of(dir, path)); /* it need not be there */
    CU_ASSERT_FALSE(js_file_is_output_of("/tmp", path));
    CU_ASSERT_FALSE(js_file_is_output_of("no such folder", "12.out"));
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    CU_ASSERT_TRUE(js_file_is_same(path, other));
    CU_ASSERT_FALSE(js_file_is_same(dir, path));
    unlink(path);
    rmdir(dir);
    CU_ASSERT_TRUE(js_file_is_output_of(".", "1.err"));
    CU_ASSERT_TRUE(js_file_is_output_of("/", "/1.err"));
    CU_ASSERT_FALSE(js_file_is_output_of(".", ".err"));
    CU_ASSERT_FALSE(js_file_is_output_of(".", "1.errs"));
    CU_ASSERT_FALSE(js_file_is_output_of(".", "a1.out"));
}

static const struct unit_test tests[] = {
    {"unlinked files", test_unlinked_files},
    {"closed stdio is reserved", test_stdio_is_reserved},
    {"names of descriptors", test_names_of_descriptors},
    {"paths", test_paths},
    {"a file is read to its end", test_a_file_is_read_to_its_end},
    {"a file is copied from its start", test_a_file_is_copied_from_its_start},
    {"links are followed where nobody else writes",
     test_links_are_followed_where_nobody_else_writes},
    {"links are not followed where others write",
     test_links_are_not_followed_where_others_write},
    {"what is open has names in /proc", test_what_is_open_has_names_in_proc},
    {"a file is emptied if it is one's own",
     test_a_file_is_emptied_if_it_is_ones_own},
    {"a file of somebody else stays", test_a_file_of_somebody_else_stays},
    {NULL, NULL},
};

const struct unit_suite suite_file = {"file", tests};
