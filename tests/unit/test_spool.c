/* spool: what waits can be read, and costs neither descriptors nor disk. */
#include "unit.h"

#include "base/file.h"
#include "node/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define OUT JS_STREAM_OUT
#define ERR JS_STREAM_ERR

#define NO_LIMIT UINT64_MAX

/* A folder of its own for each test, so that the files in it can be told from
 * all others. */
static char dir[PATH_MAX];

static void make_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/jobsched-spool-XXXXXX", tmp ? tmp : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
}

static void remove_dir(void)
{
    CU_ASSERT_EQUAL(rmdir(dir), 0); /* nothing may be left in it */
}

/* ------------------------------------------------------- what jobs wrote */

/* Byte `at` of what a job wrote: no two jobs or streams have much in common. */
static char byte_of(uint64_t ticket, int stream, uint64_t at)
{
    uint64_t x = (ticket * 2 + (uint64_t)stream) * 0x9E3779B97F4A7C15U + at;
    x = (x ^ (x >> 31)) * 0xBF58476D1CE4E5B9U;
    return (char)(x >> 56);
}

/* A file with what the job wrote. */
static int output_of(uint64_t ticket, int stream, size_t bytes)
{
    char *text = malloc(bytes + 1);
    int fd = js_file_open_unlinked(dir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_FATAL(fd >= 0);
    for (size_t i = 0; i < bytes; i++)
        text[i] = byte_of(ticket, stream, i);
    CU_ASSERT_EQUAL_FATAL(js_file_write(fd, text, bytes), 0);
    free(text);
    return fd;
}

static void put(struct js_spool *spool, uint64_t ticket, size_t out_bytes,
                size_t err_bytes)
{
    const uint64_t bytes[JS_STREAM_COUNT] = {out_bytes, err_bytes};
    int fds[JS_STREAM_COUNT];
    for (int i = 0; i < JS_STREAM_COUNT; i++)
        fds[i] = bytes[i] ? output_of(ticket, i, bytes[i]) : -1;
    CU_ASSERT_EQUAL(js_spool_put(spool, ticket, fds, bytes), 0);
}

/* Reads `len` bytes from `offset` on and compares what comes. */
static void check_read(const struct js_spool *spool, uint64_t ticket,
                       int stream, size_t bytes, size_t offset, size_t len)
{
    char *text = malloc(len + 1);
    size_t expected = offset >= bytes ? 0 : bytes - offset;
    size_t wrong = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    expected = expected < len ? expected : len;
    ssize_t n =
        js_spool_read(spool, ticket, (enum js_stream)stream, offset, text, len);
    CU_ASSERT_EQUAL(n, (ssize_t)expected);
    for (ssize_t i = 0; i < n; i++)
        wrong += text[i] != byte_of(ticket, stream, offset + (size_t)i);
    CU_ASSERT_EQUAL(wrong, 0);
    free(text);
}

static void check_whole(const struct js_spool *spool, uint64_t ticket,
                        size_t out_bytes, size_t err_bytes)
{
    check_read(spool, ticket, OUT, out_bytes, 0, out_bytes + 10);
    check_read(spool, ticket, ERR, err_bytes, 0, err_bytes + 10);
}

static void check_gone(const struct js_spool *spool, uint64_t ticket)
{
    char byte;
    errno = 0;
    CU_ASSERT_EQUAL(js_spool_read(spool, ticket, OUT, 0, &byte, 1), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
}

/* ------------------------------------------------- descriptors and disk */

/* Every open file below `dir`. */
struct open_files {
    unsigned count;
    uint64_t disk_bytes;
    uint64_t length_bytes; /* holes included */
};

static void add_open_file(const char *number, struct open_files *files)
{
    char link[64], target[PATH_MAX];
    struct stat st;
    snprintf(link, sizeof(link), "/proc/self/fd/%.20s", number);
    ssize_t n = readlink(link, target, sizeof(target) - 1);
    if (n < 0 || (size_t)n < strlen(dir) || strncmp(target, dir, strlen(dir)))
        return;
    CU_ASSERT_EQUAL_FATAL(stat(link, &st), 0);
    files->count++;
    files->disk_bytes += (uint64_t)st.st_blocks * 512;
    files->length_bytes += (uint64_t)st.st_size;
}

static struct open_files open_files(void)
{
    struct open_files files = {0, 0, 0};
    DIR *fds = opendir("/proc/self/fd");
    CU_ASSERT_PTR_NOT_NULL_FATAL(fds);
    for (struct dirent *entry; (entry = readdir(fds));)
        add_open_file(entry->d_name, &files);
    closedir(fds);
    return files;
}

static unsigned all_descriptors(void)
{
    unsigned count = 0;
    DIR *fds = opendir("/proc/self/fd");
    CU_ASSERT_PTR_NOT_NULL_FATAL(fds);
    while (readdir(fds))
        count++;
    closedir(fds);
    return count;
}

/* Whether the file system of `dir` can give back a part of a file. */
static int dir_knows_holes(void)
{
    int fd = output_of(0, 0, 65536);
    int rc =
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 32768);
    js_fd_close(&fd);
    return rc == 0;
}

/* ------------------------------------------------------------------ tests */

static void test_small_outputs_keep_no_descriptor(void)
{
    make_dir();
    unsigned before = all_descriptors();
    struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spool);
    CU_ASSERT_EQUAL(all_descriptors(), before);
    for (uint64_t i = 1; i <= 1500; i++) /* more than ulimit -n usually is */
        put(spool, i, 1 + i % 300, i % 3 * 100);
    CU_ASSERT_EQUAL(all_descriptors(), before + 1);
    CU_ASSERT_EQUAL(js_spool_load(spool).jobs, 1500);
    for (uint64_t i = 1; i <= 1500; i++)
        check_whole(spool, i, 1 + i % 300, i % 3 * 100);
    js_spool_free(spool);
    CU_ASSERT_EQUAL(all_descriptors(), before);
    remove_dir();
}

static void test_large_outputs_keep_their_file(void)
{
    make_dir();
    struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
    put(spool, 1, JS_SPOOL_SMALL + 1, JS_SPOOL_SMALL + 1000);
    CU_ASSERT_EQUAL(open_files().count, 2); /* and no common one yet */
    put(spool, 2, JS_SPOOL_SMALL, 0);
    CU_ASSERT_EQUAL(open_files().count, 3);
    put(spool, 3, JS_SPOOL_SMALL + 1, 5);
    CU_ASSERT_EQUAL(open_files().count, 4);
    check_whole(spool, 1, JS_SPOOL_SMALL + 1, JS_SPOOL_SMALL + 1000);
    check_whole(spool, 2, JS_SPOOL_SMALL, 0);
    check_whole(spool, 3, JS_SPOOL_SMALL + 1, 5);
    js_spool_drop(spool, 1);
    CU_ASSERT_EQUAL(open_files().count, 2);
    js_spool_free(spool); /* with two jobs waiting */
    CU_ASSERT_EQUAL(open_files().count, 0);
    remove_dir();
}

static void test_nothing_written_is_nothing_kept(void)
{
    make_dir();
    struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
    const int fds[JS_STREAM_COUNT] = {output_of(7, OUT, 0), -1};
    const uint64_t none[JS_STREAM_COUNT] = {0, 0};
    CU_ASSERT_EQUAL(js_spool_put(spool, 7, fds, none), 0);
    CU_ASSERT_EQUAL(open_files().count, 0);
    CU_ASSERT_EQUAL(js_spool_load(spool).jobs, 1);
    CU_ASSERT_EQUAL(js_spool_load(spool).bytes, 0);
    check_whole(spool, 7, 0, 0);
    js_spool_drop(spool, 7);
    check_gone(spool, 7);
    CU_ASSERT_EQUAL(js_spool_load(spool).jobs, 0);
    js_spool_drop(spool, 7);
    js_spool_drop(spool, 12345);
    js_spool_free(spool);
    js_spool_free(NULL);
    remove_dir();
}

static void test_reads_end_where_the_output_does(void)
{
    static const size_t sizes[] = {1, 4096, JS_SPOOL_SMALL,
                                   JS_SPOOL_SMALL + 4096};
    make_dir();
    struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        put(spool, i, sizes[i], sizes[i]); /* neighbours in the file */
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        check_read(spool, i, OUT, sizes[i], sizes[i] - 1, 100);
        check_read(spool, i, OUT, sizes[i], sizes[i], 100);
        check_read(spool, i, ERR, sizes[i], sizes[i] + 1, 100);
        check_read(spool, i, ERR, sizes[i], 0, 0);
        CU_ASSERT_EQUAL(js_spool_read(spool, i, OUT, UINT64_MAX, dir, 1), 0);
    }
    js_spool_free(spool);
    remove_dir();
}

static void test_a_ticket_put_again_is_replaced(void)
{
    make_dir();
    struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
    const uint64_t bytes[JS_STREAM_COUNT] = {300000, 10};
    const int fds[JS_STREAM_COUNT] = {output_of(5, OUT, 300000),
                                      output_of(5, ERR, 10)};
    put(spool, 5, 400000, 20);
    CU_ASSERT_EQUAL(js_spool_put(spool, 5, fds, bytes), 0);
    CU_ASSERT_EQUAL(js_spool_load(spool).jobs, 1);
    CU_ASSERT_EQUAL(js_spool_load(spool).bytes, 300010);
    CU_ASSERT_EQUAL(open_files().count, 2);
    check_whole(spool, 5, 300000, 10);
    js_spool_drop(spool, 5);
    check_gone(spool, 5);
    js_spool_free(spool);
    remove_dir();
}

static void test_it_is_full_at_its_limit(void)
{
    make_dir();
    struct js_spool *spool = js_spool_new(dir, 1000);
    CU_ASSERT_FALSE(js_spool_load(spool).is_full);
    put(spool, 1, 600, 399);
    CU_ASSERT_FALSE(js_spool_load(spool).is_full);
    put(spool, 2, 0, 1);
    CU_ASSERT_TRUE(js_spool_load(spool).is_full);
    put(spool, 3, 500, 500); /* what is running may still come */
    CU_ASSERT_EQUAL(js_spool_load(spool).bytes, 2000);
    js_spool_drop(spool, 1);
    CU_ASSERT_EQUAL(js_spool_load(spool).bytes, 1001);
    CU_ASSERT_TRUE(js_spool_load(spool).is_full);
    js_spool_drop(spool, 3);
    CU_ASSERT_FALSE(js_spool_load(spool).is_full);
    js_spool_free(spool);

    spool = js_spool_new(dir, 0);
    CU_ASSERT_FALSE(
        js_spool_load(spool).is_full); /* there is nothing to fetch */
    put(spool, 1, 1, 0);
    CU_ASSERT_TRUE(js_spool_load(spool).is_full);
    js_spool_free(spool);
    remove_dir();
}

static void test_it_is_full_before_descriptors_run_out(void)
{
    make_dir();
    struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
    for (uint64_t i = 0; i < JS_SPOOL_FILES_MAX; i++) {
        CU_ASSERT_FALSE(js_spool_load(spool).is_full);
        int fds[JS_STREAM_COUNT] = {js_file_open_unlinked(dir), -1};
        const uint64_t bytes[JS_STREAM_COUNT] = {JS_SPOOL_SMALL + 1, 0};
        CU_ASSERT_EQUAL(js_spool_put(spool, i, fds, bytes), 0);
    }
    CU_ASSERT_TRUE(js_spool_load(spool).is_full);
    js_spool_drop(spool, 17);
    CU_ASSERT_FALSE(js_spool_load(spool).is_full);
    js_spool_free(spool);
    remove_dir();
}

/* Tickets numbered in manners that would all end in one chain of a table that
 * looks at some of their bits only. */
static void test_tens_of_thousands_wait(void)
{
    static const unsigned shifts[] = {0, 16, 32, 44};
    const uint64_t jobs = 60000;
    make_dir();
    for (size_t s = 0; s < sizeof(shifts) / sizeof(shifts[0]); s++) {
        struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
        unsigned gone = 0;
        for (uint64_t i = 0; i < jobs; i++)
            put(spool, i << shifts[s], 0, 0);
        CU_ASSERT_EQUAL(js_spool_load(spool).jobs, jobs);
        for (uint64_t i = 1; i < jobs; i += 2)
            js_spool_drop(spool, i << shifts[s]);
        for (uint64_t i = 0; i < jobs; i++)
            gone += js_spool_read(spool, i << shifts[s], OUT, 0, NULL, 0) < 0;
        CU_ASSERT_EQUAL(js_spool_load(spool).jobs, jobs / 2);
        CU_ASSERT_EQUAL(gone, jobs / 2);
        js_spool_free(spool);
    }
    remove_dir();
}

/* ------------------------------------------------------- against a model */

enum { TICKETS = 48, STEPS = 1200 };

/* What should be there. */
struct model {
    uint64_t random;
    struct {
        int waits;
        size_t bytes[JS_STREAM_COUNT];
    } job[TICKETS];
};

static size_t random_below(struct model *model, size_t bound)
{
    model->random = model->random * 6364136223846793005U + 1442695040888963407U;
    return (size_t)(model->random >> 33) % bound;
}

static size_t random_size(struct model *model)
{
    static const size_t below[] = {1, 100, 5000, 70000, JS_SPOOL_SMALL, 600000};
    switch (random_below(model, 12)) {
    case 0:
        return 4096;
    case 1:
        return JS_SPOOL_SMALL;
    case 2:
        return JS_SPOOL_SMALL + 1;
    default:
        return random_below(model, below[random_below(model, 6)]);
    }
}

static void check_model(const struct model *model, const struct js_spool *spool)
{
    uint64_t jobs = 0, bytes = 0;
    for (uint64_t i = 0; i < TICKETS; i++) {
        if (!model->job[i].waits)
            continue;
        jobs++;
        bytes += model->job[i].bytes[OUT] + model->job[i].bytes[ERR];
    }
    CU_ASSERT_EQUAL(js_spool_load(spool).jobs, jobs);
    CU_ASSERT_EQUAL(js_spool_load(spool).bytes, bytes);
}

static void model_step(struct model *model, struct js_spool *spool)
{
    size_t ticket = random_below(model, TICKETS);
    size_t *bytes = model->job[ticket].bytes;
    if (!model->job[ticket].waits) {
        check_gone(spool, ticket);
        bytes[OUT] = random_size(model);
        bytes[ERR] = random_size(model);
        put(spool, ticket, bytes[OUT], bytes[ERR]);
        model->job[ticket].waits = 1;
    } else if (random_below(model, 3) == 0) {
        check_whole(spool, ticket, bytes[OUT], bytes[ERR]);
        js_spool_drop(spool, ticket);
        model->job[ticket].waits = 0;
    } else {
        int stream = (int)random_below(model, JS_STREAM_COUNT);
        size_t offset = random_below(model, bytes[stream] + 2);
        check_read(spool, ticket, stream, bytes[stream], offset,
                   random_below(model, 100000));
    }
    check_model(model, spool);
}

static void test_any_order_gives_back_what_was_put(void)
{
    make_dir();
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct model model = {.random = seed};
        struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
        for (int i = 0; i < STEPS; i++)
            model_step(&model, spool);
        for (uint64_t i = 0; i < TICKETS; i++) {
            if (model.job[i].waits)
                check_whole(spool, i, model.job[i].bytes[OUT],
                            model.job[i].bytes[ERR]);
        }
        js_spool_free(spool);
        CU_ASSERT_EQUAL(open_files().count, 0);
    }
    remove_dir();
}

/* ------------------------------------------------------------ disk space */

/* All but one of many outputs of one size are dropped; the folder's disk use
 * must follow, whatever the order. */
static void check_disk(size_t bytes, unsigned jobs, unsigned step)
{
    struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
    for (uint64_t i = 0; i < jobs; i++)
        put(spool, i, bytes, 0);
    uint64_t full = open_files().disk_bytes;
    CU_ASSERT(full >= jobs * bytes);
    uint64_t kept = jobs / 2;
    for (uint64_t i = 0, ticket = 0; i < jobs; i++) {
        ticket = (ticket + step) % jobs; /* step and jobs have no divisor */
        if (ticket != kept)
            js_spool_drop(spool, ticket);
    }
    CU_ASSERT_EQUAL(js_spool_load(spool).jobs, 1);
    /* one output is left; some file systems keep a block of pointers */
    CU_ASSERT(open_files().disk_bytes <= bytes + 65536);
    CU_ASSERT(open_files().disk_bytes < full / 4);
    check_whole(spool, kept, bytes, 0);
    js_spool_drop(spool, kept);
    CU_ASSERT_EQUAL(open_files().disk_bytes, 0);
    CU_ASSERT_EQUAL(open_files().length_bytes, 0);
    put(spool, 1, bytes, bytes); /* and it can be used again */
    check_whole(spool, 1, bytes, bytes);
    js_spool_free(spool);
}

static void test_what_is_dropped_is_given_back(void)
{
    make_dir();
    if (dir_knows_holes()) {
        check_disk(100, 500, 1);   /* far less than a block */
        check_disk(100, 500, 499); /* backwards */
        check_disk(5000, 500, 77);
        check_disk(100000, 50, 7);
    } else {
        printf("(left out: the file system of %s knows no holes) ", dir);
    }
    remove_dir();
}

/* A backlog that never ends is no reason for the file to keep growing. */
static void test_a_lasting_backlog_takes_no_more_disk(void)
{
    make_dir();
    if (dir_knows_holes()) {
        struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
        for (uint64_t i = 0; i < 3000; i++) {
            put(spool, i, 3000, 200);
            if (i >= 10)
                js_spool_drop(spool, i - 10);
        }
        /* ten jobs, of two blocks each */
        CU_ASSERT(open_files().disk_bytes <= 20 * 65536);
        for (uint64_t i = 2990; i < 3000; i++)
            check_whole(spool, i, 3000, 200);
        js_spool_free(spool);
    } else {
        printf("(left out: the file system of %s knows no holes) ", dir);
    }
    remove_dir();
}

/* --------------------------------------------------------------- trouble */

static void test_without_a_folder_outputs_keep_their_files(void)
{
    make_dir();
    char nowhere[PATH_MAX + 16];
    snprintf(nowhere, sizeof(nowhere), "%s/nowhere", dir);
    struct js_spool *spool = js_spool_new(nowhere, NO_LIMIT);
    put(spool, 1, 100, 200);
    CU_ASSERT_EQUAL(open_files().count, 2);
    check_whole(spool, 1, 100, 200);
    CU_ASSERT_EQUAL(mkdir(nowhere, 0700), 0); /* someone has seen to it */
    put(spool, 2, 100, 200);
    CU_ASSERT_EQUAL(open_files().count, 3);
    check_whole(spool, 1, 100, 200);
    check_whole(spool, 2, 100, 200);
    js_spool_drop(spool, 1);
    CU_ASSERT_EQUAL(open_files().count, 1);
    js_spool_free(spool);
    rmdir(nowhere);
    remove_dir();
}

static void test_a_file_shorter_than_said_is_an_error(void)
{
    static const uint64_t said[] = {1000, JS_SPOOL_SMALL + 1000};
    char byte;
    make_dir();
    struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
    put(spool, 10, 50, 0); /* a neighbour in the common file */
    for (uint64_t i = 0; i < 2; i++) {
        const int fds[JS_STREAM_COUNT] = {output_of(i, OUT, 500), -1};
        const uint64_t bytes[JS_STREAM_COUNT] = {said[i], 0};
        CU_ASSERT_EQUAL(js_spool_put(spool, i, fds, bytes), 0);
        check_read(spool, i, OUT, 500, 0, 500);
        errno = 0;
        CU_ASSERT_EQUAL(js_spool_read(spool, i, OUT, 500, &byte, 1), -1);
        CU_ASSERT_EQUAL(errno, EIO);
    }
    put(spool, 11, 60, 0);
    check_whole(spool, 10, 50, 0);
    check_whole(spool, 11, 60, 0);
    js_spool_free(spool);
    remove_dir();
}

/* Ten outputs of 40 KiB where there is room for three. */
static void fill_small_disk(struct js_spool *spool, int disk)
{
    const size_t bytes = 40960;
    struct statfs before, after;
    CU_ASSERT_EQUAL_FATAL(fstatfs(disk, &before), 0);
    for (uint64_t i = 0; i < 10; i++)
        put(spool, i, bytes, 0);
    CU_ASSERT_EQUAL(open_files().count, 7);
    for (uint64_t i = 0; i < 10; i++)
        check_whole(spool, i, bytes, 0);
    /* what was written in vain was given back */
    CU_ASSERT_EQUAL_FATAL(fstatfs(disk, &after), 0);
    CU_ASSERT_EQUAL((before.f_bfree - after.f_bfree) * (uint64_t)before.f_bsize,
                    3 * bytes);
    js_spool_drop(spool, 1);
    put(spool, 10, bytes, 0); /* there is room for one again */
    CU_ASSERT_EQUAL(open_files().count, 7);
    for (uint64_t i = 0; i < 11; i++) {
        if (i != 1)
            check_whole(spool, i, bytes, 0);
        js_spool_drop(spool, i);
    }
    CU_ASSERT_EQUAL(open_files().count, 0);
    CU_ASSERT_EQUAL_FATAL(fstatfs(disk, &after), 0);
    CU_ASSERT_EQUAL(before.f_bfree, after.f_bfree);
}

/* A file system in memory that is in no folder and ends with its descriptor,
 * or -1. Needs root. */
static int small_disk(void)
{
    int disk = -1;
    int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0)
        return -1;
    if (fsconfig(fs, FSCONFIG_SET_STRING, "size", "128k", 0) == 0 &&
        fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        disk = fsmount(fs, FSMOUNT_CLOEXEC, 0);
    close(fs);
    return disk;
}

static void test_a_full_disk_loses_nothing(void)
{
    char path[64];
    int disk = small_disk();
    if (disk < 0) {
        printf("(left out: it needs root to make a small disk: %s) ",
               strerror(errno));
        return;
    }
    make_dir();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", disk);
    struct js_spool *spool = js_spool_new(path, NO_LIMIT);
    fill_small_disk(spool, disk);
    js_spool_free(spool);
    close(disk);
    remove_dir();
}

/* ulimit -f, which no single output reaches. */
static void test_a_limit_on_file_sizes_loses_nothing(void)
{
    struct rlimit old, low;
    make_dir();
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct js_spool *spool = js_spool_new(dir, NO_LIMIT);
    low = old;
    low.rlim_cur = 350000;
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &low), 0);
    for (uint64_t i = 0; i < 5; i++)
        put(spool, i, 100000, 0);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    CU_ASSERT_EQUAL(open_files().count, 3); /* three together, two alone */
    for (uint64_t i = 0; i < 5; i++)
        check_whole(spool, i, 100000, 0);
    js_spool_free(spool);
    remove_dir();
}

static const struct unit_test tests[] = {
    {"small outputs keep no descriptor", test_small_outputs_keep_no_descriptor},
    {"large outputs keep their file", test_large_outputs_keep_their_file},
    {"nothing written is nothing kept", test_nothing_written_is_nothing_kept},
    {"reads end where the output does", test_reads_end_where_the_output_does},
    {"a ticket put again is replaced", test_a_ticket_put_again_is_replaced},
    {"it is full at its limit", test_it_is_full_at_its_limit},
    {"it is full before descriptors run out",
     test_it_is_full_before_descriptors_run_out},
    {"tens of thousands wait", test_tens_of_thousands_wait},
    {"any order gives back what was put",
     test_any_order_gives_back_what_was_put},
    {"what is dropped is given back", test_what_is_dropped_is_given_back},
    {"a lasting backlog takes no more disk",
     test_a_lasting_backlog_takes_no_more_disk},
    {"without a folder outputs keep their files",
     test_without_a_folder_outputs_keep_their_files},
    {"a file shorter than said is an error",
     test_a_file_shorter_than_said_is_an_error},
    {"a full disk loses nothing", test_a_full_disk_loses_nothing},
    {"a limit on file sizes loses nothing",
     test_a_limit_on_file_sizes_loses_nothing},
    {NULL, NULL},
};

const struct unit_suite suite_spool = {"spool", tests};
