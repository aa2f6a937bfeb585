/* buf, pack, units, cpuset, output queue, launchenv: the lowest layer. */
#include "unit.h"

#include "base/background.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/cpuset.h"
#include "base/err.h"
#include "base/file.h"
#include "base/launchenv.h"
#include "base/outq.h"
#include "base/pack.h"
#include "base/pool.h"
#include "base/text.h"
#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_err_cuts_and_returns_minus_one(void)
{
    struct js_err err;
    char big[3000];
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    errno = ENOENT;
    CU_ASSERT_EQUAL(js_err_errno(&err, "%s", "file"), -1);
    CU_ASSERT_STRING_EQUAL(err.text, "file: No such file or directory");
    CU_ASSERT_EQUAL(errno, ENOENT);
    CU_ASSERT_EQUAL(js_err_set(&err, "%s", big), -1);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
    CU_ASSERT_EQUAL(js_err_errno(&err, "%s", big), -1);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof(err.text) - 1);
    CU_ASSERT_EQUAL(js_err_set(NULL, "nobody reads this"), -1);
}

static void test_buf_grows_escapes_and_consumes(void)
{
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_buf_printf(&buf, "%d-%s", 7, "seven"), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), "7-seven");
    js_buf_consume(&buf, 2);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), "seven");
    js_buf_consume(&buf, 100);
    CU_ASSERT_EQUAL(buf.len, 0);
    js_buf_escape(&buf, "a\tb\nc\\d\r\x01\xff\0", 11);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf),
                           "a\\tb\\nc\\\\d\\r\\x01\xff\\x00");
    js_buf_release(&buf);
    js_buf_release(NULL);
}

/* Every byte survives the round trip; text that js_buf_escape() does not write
 * is refused. */
/* Each power of ten, its neighbours, and the largest number. */
static void test_buf_puts_numbers(void)
{
    struct js_buf numbers = JS_BUF_INIT, printed = JS_BUF_INIT;
    uint64_t power = 1;
    for (int i = 0; i < 20; i++, power *= 10) {
        const uint64_t around[] = {power - 1, power, power + 1, power * 7,
                                   UINT64_MAX - power};
        CU_ASSERT_EQUAL(js_buf_put_numbers(&numbers, '\t', around, 5), 0);
        CU_ASSERT_EQUAL(js_buf_put_numbers(&numbers, '\0', around, 1), 0);
        for (int j = 0; j < 5; j++)
            js_buf_printf(&printed, "\t%" PRIu64, around[j]);
        js_buf_printf(&printed, "%" PRIu64, around[0]);
        CU_ASSERT_EQUAL_FATAL(numbers.len, printed.len);
        CU_ASSERT_EQUAL(memcmp(numbers.data, printed.data, printed.len), 0);
    }
    js_buf_release(&numbers);
    js_buf_release(&printed);
}

static void test_buf_unescapes(void)
{
    static const char *const refused[] = {
        "\\", "\\x", "\\x1", "\\x1g", "\\xG1", "\\x1F", "\\q", "\\ ", "\\\n"};
    struct js_buf buf = JS_BUF_INIT;
    char all[256], back[256], c;
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    js_buf_escape(&buf, all, sizeof(all));
    size_t at = 0, count = 0, used = 1;
    while (at < buf.len && count < sizeof(back) && used > 0) {
        used = js_buf_unescape(buf.data + at, buf.len - at, &back[count++]);
        at += used;
    }
    CU_ASSERT_EQUAL(at, buf.len);
    CU_ASSERT_EQUAL(count, sizeof(all));
    CU_ASSERT_EQUAL(memcmp(all, back, sizeof(all)), 0);
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        CU_ASSERT_EQUAL(js_buf_unescape(refused[i], strlen(refused[i]), &c), 0);
    CU_ASSERT_EQUAL(js_buf_unescape("\\\0", 2, &c), 0);
    CU_ASSERT_EQUAL(js_buf_unescape("\\nx", 3, &c), 2);
    CU_ASSERT_EQUAL(c, '\n');
    js_buf_release(&buf);
}

static void test_arrays_grow(void)
{
    size_t capacity = 0;
    uint32_t *array = NULL;
    for (uint32_t i = 0; i < 1000; i++) {
        array = js_buf_grow(array, &capacity, i + 1, sizeof(*array));
        CU_ASSERT_PTR_NOT_NULL_FATAL(array);
        CU_ASSERT_TRUE(capacity > i && capacity <= 2 * i + 16);
        array[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL(array[i], i);
    size_t before = capacity;
    CU_ASSERT_PTR_NULL(
        js_buf_grow(array, &capacity, SIZE_MAX / 2, sizeof(*array)));
    CU_ASSERT_EQUAL(errno, ENOMEM);
    CU_ASSERT_EQUAL(capacity, before);
    free(array);
}

static void test_pack_refuses_every_truncation(void)
{
    struct js_buf buf = JS_BUF_INIT;
    js_pack_u8(&buf, 200);
    js_pack_u32(&buf, 4000000000U);
    js_pack_i64(&buf, -5);
    js_pack_bytes(&buf, "hello", 5);
    for (size_t len = 0; len <= buf.len; len++) {
        char text[6];
        struct js_cursor cursor = js_cursor_of(buf.data, len);
        unsigned a = js_unpack_u8(&cursor);
        uint32_t b = js_unpack_u32(&cursor);
        int64_t c = js_unpack_i64(&cursor);
        js_unpack_string(&cursor, text, sizeof(text));
        CU_ASSERT_EQUAL(js_cursor_end(&cursor), len == buf.len ? 0 : -1);
        if (len < buf.len)
            continue;
        CU_ASSERT_EQUAL(a, 200);
        CU_ASSERT_EQUAL(b, 4000000000U);
        CU_ASSERT_EQUAL(c, -5);
        CU_ASSERT_STRING_EQUAL(text, "hello");
    }
    js_buf_release(&buf);
}

static void test_pack_refuses_bad_strings_and_rests(void)
{
    struct js_buf buf = JS_BUF_INIT;
    char text[5];
    js_pack_bytes(&buf, "hello", 5);
    struct js_cursor cursor = js_cursor_of(buf.data, buf.len);
    js_unpack_string(&cursor, text, sizeof(text)); /* no room for the NUL */
    CU_ASSERT_EQUAL(js_cursor_end(&cursor), -1);
    CU_ASSERT_STRING_EQUAL(text, "");

    buf.len = 0;
    js_pack_bytes(&buf, "a\0b", 3);
    cursor = js_cursor_of(buf.data, buf.len);
    js_unpack_string(&cursor, text, sizeof(text));
    CU_ASSERT_EQUAL(js_cursor_end(&cursor), -1);

    buf.len = 0;
    js_pack_u64(&buf, UINT64_MAX); /* a length that would wrap */
    cursor = js_cursor_of(buf.data, buf.len);
    size_t len;
    js_unpack_bytes(&cursor, &len);
    CU_ASSERT_EQUAL(len, 0);
    CU_ASSERT_EQUAL(js_cursor_end(&cursor), -1);

    cursor = js_cursor_of(buf.data, buf.len);
    js_unpack_u32(&cursor);
    CU_ASSERT_EQUAL(js_cursor_end(&cursor), -1);
    CU_ASSERT_EQUAL(errno, EBADMSG);
    js_buf_release(&buf);
}

static void test_units_durations(void)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"90", 90000000000},
        {"1.5", 1500000000},
        {"250ms", 250000000},
        {"90s", 90000000000},
        {"10m", 600000000000},
        {"2h", 7200000000000},
        {"1d", 86400000000000},
        {"0.1234567891234567891234567891", 123456789},
    };
    static const char *const bad[] = {"",   "s",   "-1",  " 1", "1 ", "1x",
                                      "1.", "1e9", "1hh", ".5", "+3"};
    int64_t ns = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CU_ASSERT_EQUAL(js_parse_duration_ns(good[i].text, &ns), 0);
        CU_ASSERT_EQUAL(ns, good[i].ns);
    }
    ns = 77;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_EQUAL(js_parse_duration_ns(bad[i], &ns), -1);
        CU_ASSERT_EQUAL(errno, EINVAL);
    }
    CU_ASSERT_EQUAL(js_parse_duration_ns("99999999999999999999", &ns), -1);
    CU_ASSERT_EQUAL(errno, ERANGE);
    CU_ASSERT_EQUAL(js_parse_duration_ns("99999999999d", &ns), -1);
    CU_ASSERT_EQUAL(errno, ERANGE);
    CU_ASSERT_EQUAL(ns, 77);
}

static void test_units_sizes_and_counts(void)
{
    uint64_t n = 0;
    CU_ASSERT_EQUAL(js_parse_size_bytes("4096", &n), 0);
    CU_ASSERT_EQUAL(n, 4096);
    CU_ASSERT_EQUAL(js_parse_size_bytes("40G", &n), 0);
    CU_ASSERT_EQUAL(n, UINT64_C(42949672960));
    CU_ASSERT_EQUAL(js_parse_size_bytes("1.5KiB", &n), 0);
    CU_ASSERT_EQUAL(n, 1536);
    CU_ASSERT_EQUAL(js_parse_size_bytes("1k", &n), -1);
    CU_ASSERT_EQUAL(js_parse_size_bytes("99999999999T", &n), -1);
    CU_ASSERT_EQUAL(errno, ERANGE);
    CU_ASSERT_EQUAL(js_parse_count("18446744073709551615", &n), 0);
    CU_ASSERT_EQUAL(n, UINT64_MAX);
    CU_ASSERT_EQUAL(js_parse_count("18446744073709551616", &n), -1);
    CU_ASSERT_EQUAL(errno, ERANGE);
    CU_ASSERT_EQUAL(js_parse_count("1.0", &n), -1);
    CU_ASSERT_EQUAL(js_parse_count("-1", &n), -1);
}

static void test_units_closest_word(void)
{
    static const char *const words[] = {"cores", "slots", "round", NULL};
    CU_ASSERT_STRING_EQUAL(js_text_closest("core", words), "cores");
    CU_ASSERT_STRING_EQUAL(js_text_closest("slosts", words), "slots");
    CU_ASSERT_PTR_NULL(js_text_closest("banana", words));
    CU_ASSERT_PTR_NULL(js_text_closest("", words));
    CU_ASSERT_PTR_NULL(
        js_text_closest("a-word-of-more-than-thirty-two-characters", words));
}

static void test_cpuset_lists(void)
{
    static const char *const good[] = {"",
                                       "0",
                                       "0-3,8",
                                       "8191",
                                       "1,3,5-7",
                                       "0-8191",
                                       "63-64,127-192,8190-8191"};
    static const char *const bad[] = {"-1", "1-",  "3-1",  "1,",          ",1",
                                      "a",  "1 2", "8192", "0-9999999999"};
    struct js_cpuset set;
    struct js_buf buf = JS_BUF_INIT;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        buf.len = 0;
        CU_ASSERT_EQUAL(js_cpuset_parse(good[i], &set), 0);
        CU_ASSERT_EQUAL(js_cpuset_format(&set, &buf), 0);
        CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CU_ASSERT_EQUAL(js_cpuset_parse(bad[i], &set), -1);
    js_buf_release(&buf);
}

/* At the ends of words and of the set. */
static void test_cpuset_next(void)
{
    static const unsigned members[] = {0, 1, 63, 64, 127, 4000, 8191};
    enum { COUNT = sizeof(members) / sizeof(*members) };
    struct js_cpuset set;
    js_cpuset_clear(&set);
    CU_ASSERT_EQUAL(js_cpuset_next(&set, 0), JS_CPUS_MAX);
    for (int i = 0; i < COUNT; i++)
        js_cpuset_add(&set, members[i]);
    for (unsigned cpu = 0, i = 0; cpu < JS_CPUS_MAX; cpu++) {
        CU_ASSERT_EQUAL(js_cpuset_next(&set, cpu), members[i]);
        i += cpu == members[i];
    }
    CU_ASSERT_EQUAL(js_cpuset_next(&set, JS_CPUS_MAX), JS_CPUS_MAX);
}

static void test_cpuset_algebra(void)
{
    struct js_cpuset a, b, c;
    js_cpuset_parse("0-3", &a);
    js_cpuset_parse("2-5", &b);
    c = a;
    js_cpuset_unite(&c, &b);
    CU_ASSERT_EQUAL(js_cpuset_count(&c), 6);
    c = a;
    js_cpuset_intersect(&c, &b);
    CU_ASSERT_EQUAL(js_cpuset_count(&c), 2);
    CU_ASSERT_TRUE(js_cpuset_has(&c, 3));
    CU_ASSERT_FALSE(js_cpuset_has(&c, 4));
    CU_ASSERT_FALSE(js_cpuset_equal(&a, &b));
    CU_ASSERT_EQUAL(js_cpuset_of_process(0, &c), 0);
    CU_ASSERT_TRUE(js_cpuset_count(&c) > 0);
}

static void read_all(int fd, size_t len, char byte)
{
    char bytes[4096];
    while (len > 0) {
        size_t part = len < sizeof(bytes) ? len : sizeof(bytes);
        ssize_t n = read(fd, bytes, part);
        CU_ASSERT_FATAL(n > 0);
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] != byte)
                CU_FAIL_FATAL("a wrong byte");
        }
        len -= (size_t)n;
    }
}

static void test_outq_holds_what_it_takes(void)
{
    char bytes[8];
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    struct js_outq *outq = js_outq_new(ends[1]);
    CU_ASSERT_TRUE(js_outq_show(outq, "bar", 3, "-"));
    js_outq_hold(outq, true);
    CU_ASSERT_FALSE(js_outq_is_showing(outq));
    CU_ASSERT_EQUAL(read(ends[0], bytes, sizeof(bytes)), 4);
    CU_ASSERT_EQUAL(js_outq_write(outq, "text", 4), 0);
    js_outq_flush(outq);
    CU_ASSERT_FALSE(js_outq_show(outq, "bar", 3, "-"));
    CU_ASSERT_EQUAL(js_outq_pending(outq), 4);
    CU_ASSERT_EQUAL(read(ends[0], bytes, sizeof(bytes)), -1);
    js_outq_hold(outq, false);
    CU_ASSERT_EQUAL(js_outq_pending(outq), 0);
    CU_ASSERT_EQUAL(read(ends[0], bytes, sizeof(bytes)), 4);
    js_outq_free(outq);
    close(ends[0]);
    close(ends[1]);
}

static void test_outq_never_waits_for_its_reader(void)
{
    enum { SIZE = 300000 };
    static char bytes[SIZE];
    int ends[2];
    memset(bytes, 'o', SIZE);
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    struct js_outq *outq = js_outq_new(ends[1]);
    CU_ASSERT_EQUAL(js_outq_write(outq, bytes, SIZE), 0);
    CU_ASSERT_EQUAL(js_outq_write(outq, bytes, SIZE), 0);
    CU_ASSERT_TRUE(js_outq_pending(outq) > SIZE);
    CU_ASSERT_EQUAL(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    size_t left = 2 * SIZE;
    while (left > 0) {
        size_t part = left < 50000 ? left : 50000;
        read_all(ends[0], part, 'o');
        left -= part;
        js_outq_flush(outq);
    }
    CU_ASSERT_EQUAL(js_outq_pending(outq), 0);
    js_outq_free(outq);
    close(ends[0]);
    close(ends[1]);
}

static void test_outq_reports_that_its_reader_is_gone(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    struct js_outq *outq = js_outq_new(ends[1]);
    CU_ASSERT_EQUAL(js_outq_error(outq), 0);
    close(ends[0]);
    CU_ASSERT_EQUAL(js_outq_write(outq, "x", 1), 0);
    CU_ASSERT_EQUAL(js_outq_error(outq), EPIPE);
    CU_ASSERT_EQUAL(js_outq_write(outq, "x", 1), 0);
    CU_ASSERT_EQUAL(js_outq_pending(outq), 0);
    js_outq_free(outq);
    close(ends[1]);
}

/* What is written by the end, though the reader takes it slowly and others find
 * the description as it was. */
static bool outq_brings_all(int to, int from, size_t *ret_direct)
{
    enum { SIZE = 600000 };
    static char bytes[SIZE], got[SIZE + 1];
    size_t len = 0;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)('a' + i % 23);
    struct js_outq *outq = js_outq_new(to);
    bool is_well = outq && js_outq_write(outq, bytes, SIZE) == 0;
    *ret_direct = is_well ? SIZE - js_outq_pending(outq) : 0;
    is_well = is_well && !(fcntl(to, F_GETFL) & O_NONBLOCK);
    while (is_well && len < SIZE) {
        ssize_t n = read(from, got + len, SIZE + 1 - len);
        is_well = n > 0;
        len += is_well ? (size_t)n : 0;
        js_outq_flush(outq);
    }
    is_well = is_well && js_outq_pending(outq) == 0 &&
              js_outq_error(outq) == 0 && memcmp(bytes, got, SIZE) == 0;
    js_outq_free(outq);
    return is_well;
}

static void test_outq_to_a_socket(void)
{
    int ends[2];
    size_t direct;
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CU_ASSERT_TRUE(outq_brings_all(ends[1], ends[0], &direct));
    CU_ASSERT_TRUE(direct > 0);
    struct js_outq *outq = not_null(js_outq_new(ends[1]));
    close(ends[0]);
    CU_ASSERT_EQUAL(js_outq_write(outq, "x", 1), 0);
    CU_ASSERT_EQUAL(js_outq_error(outq), EPIPE);
    js_outq_free(outq);
    close(ends[1]);
}

/* As below su(1): the pipe is another user's. */
static void test_outq_that_cannot_be_opened_anew(void)
{
    int ends[2], status = -1;
    size_t direct;
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
        bool is_closed =
            fchmod(ends[1], 0) == 0 &&
            (geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
        _exit(is_closed && open(path, O_WRONLY | O_CLOEXEC) < 0 &&
                      outq_brings_all(ends[1], ends[0], &direct) && direct > 0
                  ? 0
                  : 1);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
    close(ends[0]);
    close(ends[1]);
}

/* What it has and others have written there stays, and the offset is one. */
static void test_outq_to_a_file(void)
{
    char path[] = "/tmp/js-outq-XXXXXX", got[16] = "";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    unlink(path);
    CU_ASSERT_EQUAL(write(fd, "before ", 7), 7);
    struct js_outq *outq = not_null(js_outq_new(fd));
    CU_ASSERT_EQUAL(js_outq_write(outq, "it ", 3), 0);
    CU_ASSERT_EQUAL(write(fd, "after", 5), 5);
    js_outq_free(outq);
    CU_ASSERT_EQUAL(pread(fd, got, sizeof(got), 0), 15);
    CU_ASSERT_STRING_EQUAL(got, "before it after");
    close(fd);
}

static bool never(void *arg, int64_t ns)
{
    (void)arg;
    (void)ns;
    return false;
}

/* Also beyond the largest size that a file may have. */
static void test_outq_writes_behind(void)
{
    enum { PIECES = 1000, MOST = 100 };
    char path[] = "/tmp/js-outq-XXXXXX", got[8 * PIECES], wanted[8 * PIECES];
    struct rlimit limit, small;
    int fd = mkstemp(path), len = 0;
    CU_ASSERT_FATAL(fd >= 0);
    unlink(path);
    struct js_outq *outq = not_null(js_outq_new(fd));
    js_outq_write_behind(outq, "it", never, NULL);
    for (int i = 0; i < PIECES; i++) {
        int size =
            snprintf(wanted + len, sizeof(wanted) - (size_t)len, "%d\n", i);
        CU_ASSERT_EQUAL(js_outq_write(outq, wanted + len, (size_t)size), 0);
        len += size;
    }
    CU_ASSERT_TRUE(js_outq_settle(outq));
    CU_ASSERT_EQUAL(js_outq_pending(outq), 0);
    CU_ASSERT_EQUAL(js_outq_written(outq), (uint64_t)len);
    CU_ASSERT_EQUAL(pread(fd, got, sizeof(got), 0), len);
    CU_ASSERT_EQUAL(memcmp(got, wanted, (size_t)len), 0);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    small = (struct rlimit){(rlim_t)len + MOST, limit.rlim_max};
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &small), 0);
    CU_ASSERT_EQUAL(js_outq_write(outq, wanted, 3 * MOST), 0);
    CU_ASSERT_TRUE(js_outq_settle(outq));
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, old);
    CU_ASSERT_EQUAL(js_outq_error(outq), EFBIG);
    CU_ASSERT_EQUAL(js_outq_pending(outq), 0);
    CU_ASSERT_EQUAL(js_outq_lost(outq), 2 * MOST);
    js_outq_free(outq);
    close(fd);
}

/* To a byte. */
static void test_outq_knows_what_was_lost(void)
{
    enum { ROOM = 4096 };
    int ends[2];
    char bytes[3 * ROOM] = {0};
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    CU_ASSERT_EQUAL(fcntl(ends[1], F_SETPIPE_SZ, ROOM), ROOM);
    struct js_outq *outq = not_null(js_outq_new(ends[1]));
    CU_ASSERT_EQUAL(js_outq_write(outq, bytes, sizeof(bytes)), 0);
    CU_ASSERT_EQUAL(js_outq_lost(outq), 0);
    close(ends[0]);
    CU_ASSERT_EQUAL(js_outq_write(outq, bytes, 10), 0);
    CU_ASSERT_EQUAL(js_outq_error(outq), EPIPE);
    CU_ASSERT_EQUAL(js_outq_pending(outq), 0);
    CU_ASSERT_EQUAL(js_outq_lost(outq), 2 * ROOM);
    js_outq_fail(outq, ENOSPC);
    CU_ASSERT_EQUAL(js_outq_error(outq), EPIPE);
    js_outq_free(outq);
    outq = not_null(js_outq_new(ends[1]));
    js_outq_fail(outq, ENOSPC);
    CU_ASSERT_EQUAL(js_outq_error(outq), ENOSPC);
    js_outq_free(outq);
    close(ends[1]);
}

static void test_outq_knows_where_lines_begin(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    struct js_outq *outq = js_outq_new(ends[1]);
    CU_ASSERT_TRUE(js_outq_is_at_line_start(outq));
    js_outq_write(outq, "a\nb", 3);
    CU_ASSERT_FALSE(js_outq_is_at_line_start(outq));
    js_outq_write(outq, "", 0);
    CU_ASSERT_FALSE(js_outq_is_at_line_start(outq));
    js_outq_write(outq, "c\n", 2);
    CU_ASSERT_TRUE(js_outq_is_at_line_start(outq));
    js_outq_free(outq);
    close(ends[0]);
    close(ends[1]);
}

/* What is shown is no part of what is written, and never waits. */
static void test_outq_shows_for_the_moment(void)
{
    int ends[2];
    char text[64] = "";
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    struct js_outq *outq = js_outq_new(ends[1]);
    CU_ASSERT_TRUE(js_outq_show(outq, "<one>", 5, "<away>"));
    CU_ASSERT_TRUE(js_outq_show(outq, "<two>", 5, "<away>"));
    CU_ASSERT_TRUE(js_outq_is_showing(outq));
    CU_ASSERT_TRUE(js_outq_is_at_line_start(outq));
    js_outq_write(outq, "", 0);
    CU_ASSERT_TRUE(js_outq_is_showing(outq));
    js_outq_write(outq, "x\n", 2);
    CU_ASSERT_FALSE(js_outq_is_showing(outq));
    js_outq_write(outq, "y\n", 2);
    CU_ASSERT_TRUE(js_outq_show(outq, "<three>", 7, "<gone>"));
    js_outq_hide(outq);
    js_outq_hide(outq);
    ssize_t len = read(ends[0], text, sizeof(text) - 1);
    text[len > 0 ? len : 0] = '\0';
    CU_ASSERT_STRING_EQUAL(text, "<one><two><away>x\ny\n<three><gone>");
    while (js_outq_pending(outq) == 0)
        js_outq_write(outq, text, sizeof(text));
    size_t pending = js_outq_pending(outq);
    CU_ASSERT_FALSE(js_outq_show(outq, "<four>", 6, "<away>"));
    CU_ASSERT_EQUAL(js_outq_pending(outq), pending);
    CU_ASSERT_FALSE(js_outq_is_showing(outq));
    close(ends[0]);
    js_outq_flush(outq);
    CU_ASSERT_FALSE(js_outq_show(outq, "<five>", 6, "<away>"));
    js_outq_free(outq);
    close(ends[1]);
}

static void test_launchenv_names(void)
{
    CU_ASSERT_TRUE(js_launchenv_owns("PMIX_RANK=1"));
    CU_ASSERT_TRUE(js_launchenv_owns("OMPI_MCA_ess=pmi"));
    CU_ASSERT_TRUE(js_launchenv_owns("OMPI_COMM_WORLD_RANK"));
    CU_ASSERT_FALSE(js_launchenv_owns("OMPI_MCA_btl=tcp,self"));
    CU_ASSERT_FALSE(js_launchenv_owns("OMPI_ALLOW_RUN_AS_ROOT=1"));
    CU_ASSERT_FALSE(js_launchenv_owns("OMPI_MCA_pmixer=1"));
    CU_ASSERT_FALSE(js_launchenv_owns("PATH=PMIX_"));
    CU_ASSERT_TRUE(js_launchenv_host_bound("TMPDIR=/scratch/1"));
    CU_ASSERT_FALSE(js_launchenv_host_bound("TMPDIRECTORY=/scratch/1"));
}

/* Open MPI 5 and MPICH; what a user may have set counts only below them. */
/* Each of several processes that know nothing of each other. */
static void test_launchenv_one_of_many(void)
{
    char pid[32];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("SLURM_STEP_NUM_TASKS", "1", 1);
    setenv("SLURM_TASK_PID", pid, 1);
    CU_ASSERT_FALSE(js_launchenv_is_one_of_many());
    setenv("SLURM_STEP_NUM_TASKS", "4", 1);
    CU_ASSERT_TRUE(js_launchenv_is_one_of_many());
    setenv("SLURM_PROCID", "1", 1);
    CU_ASSERT_FALSE(js_launchenv_is_first_of_many());
    setenv("SLURM_PROCID", "0", 1);
    CU_ASSERT_TRUE(js_launchenv_is_first_of_many());
    /* Not to be seen from here: then a job's step is the slave's. */
    setenv("SLURM_TASK_PID", "4194304999", 1);
    CU_ASSERT_TRUE(js_launchenv_is_one_of_many());
    setenv("JOBSCHED_JOB_ID", "1", 1);
    CU_ASSERT_FALSE(js_launchenv_is_one_of_many());
    setenv("PMI_SIZE", "2", 1);
    CU_ASSERT_TRUE(js_launchenv_is_one_of_many());
    unsetenv("PMI_SIZE");
    setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    CU_ASSERT_TRUE(js_launchenv_is_one_of_many());
    unsetenv("OMPI_COMM_WORLD_SIZE");
    unsetenv("JOBSCHED_JOB_ID");
    unsetenv("SLURM_STEP_NUM_TASKS");
    unsetenv("SLURM_TASK_PID");
    unsetenv("SLURM_PROCID");
    CU_ASSERT_FALSE(js_launchenv_is_one_of_many());
    setenv("PMIX_RANK", "0", 1);
    CU_ASSERT_FALSE(js_launchenv_is_one_of_many());
    setenv("PMIX_RANK", "1", 1);
    CU_ASSERT_TRUE(js_launchenv_is_one_of_many());
    unsetenv("PMIX_RANK");
}

static void test_launchenv_names_of_others(void)
{
    CU_ASSERT_TRUE(js_launchenv_owns("PRTE_LAUNCHED=1"));
    CU_ASSERT_TRUE(js_launchenv_owns("PMI_FD=5"));
    CU_ASSERT_FALSE(js_launchenv_owns("PRTE_MCA_plm_ssh_agent=rsh"));
    CU_ASSERT_FALSE(js_launchenv_owns("HYDRA_LAUNCHER=ssh"));
    unsetenv("PRTE_LAUNCHED");
    unsetenv("MPI_LOCALRANKID");
    CU_ASSERT_FALSE(js_launchenv_is_patient());
    CU_ASSERT_FALSE(js_launchenv_owns("OMPI_MCA_mca_base_component_path=/x"));
    CU_ASSERT_FALSE(js_launchenv_owns("GFORTRAN_UNBUFFERED_PRECONNECTED=y"));
    setenv("PRTE_LAUNCHED", "1", 1);
    CU_ASSERT_TRUE(js_launchenv_owns("OMPI_MCA_mca_base_component_path=/x"));
    CU_ASSERT_FALSE(js_launchenv_owns("GFORTRAN_UNBUFFERED_PRECONNECTED=y"));
    unsetenv("PRTE_LAUNCHED");
    setenv("MPI_LOCALRANKID", "0", 1);
    CU_ASSERT_TRUE(js_launchenv_is_patient());
    CU_ASSERT_TRUE(js_launchenv_owns("GFORTRAN_UNBUFFERED_PRECONNECTED=y"));
    unsetenv("MPI_LOCALRANKID");
}

static void expect_bound(const char *name, const char *value, bool want)
{
    setenv(name, value, 1);
    CU_ASSERT_EQUAL(js_launchenv_does(JS_LAUNCHENV_BINDS), want);
    unsetenv(name);
}

static void test_launchenv_bound(void)
{
    unsetenv("OMPI_MCA_orte_bound_at_launch");
    CU_ASSERT_FALSE(js_launchenv_does(JS_LAUNCHENV_BINDS));
    expect_bound("OMPI_MCA_orte_bound_at_launch", "1", true);
    expect_bound("OMPI_MCA_orte_bound_at_launch", "0", false);
    expect_bound("PRTE_LAUNCHED", "1", true);
    expect_bound("HYDRA_USER_PROVIDED_BINDING", "1", true);
}

static void test_launchenv_batch(void)
{
    char name[32];
    uint64_t restarts = 7;
    unsetenv("SLURM_JOB_ID");
    CU_ASSERT_FALSE(js_launchenv_batch(name, sizeof(name), &restarts));
    setenv("SLURM_JOB_ID", "12", 1);
    setenv("SLURM_CLUSTER_NAME", "north", 1);
    unsetenv("SLURM_RESTART_COUNT");
    CU_ASSERT_TRUE(js_launchenv_batch(name, sizeof(name), &restarts));
    CU_ASSERT_STRING_EQUAL(name, "slurm north 12");
    CU_ASSERT_EQUAL(restarts, 0);
    setenv("SLURM_RESTART_COUNT", "3", 1);
    CU_ASSERT_TRUE(js_launchenv_batch(name, sizeof(name), &restarts));
    CU_ASSERT_EQUAL(restarts, 3);
    CU_ASSERT_FALSE(js_launchenv_batch(name, 10, &restarts));
    unsetenv("SLURM_CLUSTER_NAME");
    CU_ASSERT_TRUE(js_launchenv_batch(name, sizeof(name), &restarts));
    CU_ASSERT_STRING_EQUAL(name, "slurm  12");
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
}

static void keep_line(void *arg, const char *text)
{
    js_buf_puts(arg, text);
}

static void test_log_hides_control_bytes(void)
{
    struct js_buf buf = JS_BUF_INIT;
    struct js_log log = {keep_line, &buf};
    js_log(&log, "a%sb", "\033[2J\n");
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), "a?[2J?b");
    js_log(NULL, "nobody");
    js_buf_release(&buf);
}

static void expect_shown(const char *text, const char *expected)
{
    char shown[64];
    snprintf(shown, sizeof(shown), "%s", text);
    js_text_make_printable(shown);
    CU_ASSERT_STRING_EQUAL(shown, expected);
}

static void test_shown_plainly(void)
{
    expect_shown("", "");
    expect_shown("a\x1b[2J\t\x7f", "a?[2J??");
    /* C1 as UTF-8 and as a byte; what is UTF-8 otherwise; Latin 1. */
    expect_shown("\xc2\x9b"
                 "31m",
                 "??31m");
    expect_shown("\x9b"
                 "31m",
                 "?31m");
    expect_shown("\xc3\x80 \xe2\x82\xac \xf0\x9f\x98\x80",
                 "\xc3\x80 \xe2\x82\xac \xf0\x9f\x98\x80");
    expect_shown("\xe4\xf6 \xc3", "\xe4\xf6 \xc3");
    expect_shown("\xe2\x82\x9b \xe2\x9b", "\xe2\x82\x9b \xe2?");
    /* A longer form of a control character is no UTF-8. */
    expect_shown("\xe0\x82\x9b", "\xe0??");
}

static void test_characters_of_utf8(void)
{
    const struct {
        const char *bytes;
        size_t length;
    } rows[] = {{"", 0},
                {"a", 1},
                {"\x7f", 1},
                {"\x80", 0},
                {"\xc1\xbf", 0},
                {"\xc2\x80", 2},
                {"\xc3", 0},
                {"\xdf\x7f", 0},
                {"\xe0\x9f\xbf", 0},
                {"\xe0\xa0\x80", 3},
                {"\xed\x9f\xbf", 3},
                {"\xed\xa0\x80", 0},
                {"\xef\xbf\xbf", 3},
                {"\xf0\x8f\xbf\xbf", 0},
                {"\xf0\x90\x80\x80", 4},
                {"\xf4\x8f\xbf\xbf", 4},
                {"\xf4\x90\x80\x80", 0},
                {"\xf5\x80\x80\x80", 0},
                {"\xf0\x90\x80", 0}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CU_ASSERT_EQUAL(js_text_character(rows[i].bytes, strlen(rows[i].bytes)),
                        rows[i].length);
}

static void bark(void *arg)
{
    *(volatile int *)arg = 1;
}

static void test_watchdog(void)
{
    struct js_watchdog dog;
    volatile int has_barked = 0;
    CU_ASSERT_EQUAL(
        js_watchdog_start(&dog, 60 * JS_NS_PER_S, bark, (void *)&has_barked),
        0);
    js_watchdog_stop(&dog);
    CU_ASSERT_EQUAL(has_barked, 0);
    CU_ASSERT_EQUAL(
        js_watchdog_start(&dog, JS_NS_PER_MS, bark, (void *)&has_barked), 0);
    while (!has_barked)
        usleep(1000);
    js_watchdog_stop(&dog);
    CU_ASSERT_EQUAL(has_barked, 1);
}

static void test_bgsync(void)
{
    struct js_bgsync sync = {0};
    int fd = js_file_open_unlinked("/tmp");
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(js_bgsync_end(&sync, true), 0);
    CU_ASSERT_EQUAL(js_bgsync_start(&sync, fd), 0);
    CU_ASSERT_EQUAL(js_bgsync_start(&sync, fd), 0);
    CU_ASSERT_EQUAL(js_bgsync_end(&sync, true), 1);
    CU_ASSERT_EQUAL(js_bgsync_end(&sync, false), 0);
    close(fd);
    CU_ASSERT_EQUAL(js_bgsync_start(&sync, -1), 0);
    CU_ASSERT_EQUAL(js_bgsync_end(&sync, true), -1);
    CU_ASSERT_EQUAL(errno, EBADF);
}

/* Sizes around the limits of a pool's kinds, and one that none has. */
static void test_pool(void)
{
    enum { MANY = 5000, SIZES = 6 };
    static const size_t sizes[SIZES] = {1, 31, 32, 1023, 1024, 5000};
    char **all = not_null(calloc(MANY, sizeof(*all)));
    struct js_pool *pool = not_null(js_pool_new());
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            all[i] = not_null(js_pool_get(pool, sizes[i % SIZES]));
            CU_ASSERT_EQUAL((uintptr_t)all[i] % sizeof(uint64_t), 0);
            memset(all[i], i, sizes[i % SIZES]);
        }
        for (int i = 0; i < MANY; i++) {
            char first = all[i][0], last = all[i][sizes[i % SIZES] - 1];
            CU_ASSERT(first == (char)i && last == (char)i);
            js_pool_put(all[i]);
        }
    }
    js_pool_put(NULL);
    char *without = not_null(js_pool_get(NULL, 10));
    char *late = not_null(js_pool_get(pool, 10));
    js_pool_close(pool);
    late[9] = without[9] = 'x';
    js_pool_put(late);
    js_pool_put(without);
    js_pool_close(NULL);
    free(all);
}

static const struct unit_test tests[] = {
    {"watchdog", test_watchdog},
    {"sync in the background", test_bgsync},
    {"err cuts and returns -1", test_err_cuts_and_returns_minus_one},
    {"buf grows, escapes, consumes", test_buf_grows_escapes_and_consumes},
    {"buf unescapes", test_buf_unescapes},
    {"buf puts numbers", test_buf_puts_numbers},
    {"arrays grow", test_arrays_grow},
    {"pool", test_pool},
    {"pack refuses every truncation", test_pack_refuses_every_truncation},
    {"pack refuses bad strings", test_pack_refuses_bad_strings_and_rests},
    {"durations", test_units_durations},
    {"sizes and counts", test_units_sizes_and_counts},
    {"closest word", test_units_closest_word},
    {"cpuset lists", test_cpuset_lists},
    {"cpuset, one after another", test_cpuset_next},
    {"cpuset algebra", test_cpuset_algebra},
    {"outq: it holds what it takes", test_outq_holds_what_it_takes},
    {"outq never waits", test_outq_never_waits_for_its_reader},
    {"outq whose reader is gone", test_outq_reports_that_its_reader_is_gone},
    {"outq to a socket", test_outq_to_a_socket},
    {"outq not opened anew", test_outq_that_cannot_be_opened_anew},
    {"outq to a file", test_outq_to_a_file},
    {"outq writes behind", test_outq_writes_behind},
    {"outq knows what was lost", test_outq_knows_what_was_lost},
    {"outq knows where lines begin", test_outq_knows_where_lines_begin},
    {"outq shows for the moment", test_outq_shows_for_the_moment},
    {"launcher's variables", test_launchenv_names},
    {"one of many that know nothing of each other", test_launchenv_one_of_many},
    {"variables of other launchers", test_launchenv_names_of_others},
    {"ranks that a launcher has bound", test_launchenv_bound},
    {"the batch job", test_launchenv_batch},
    {"log hides control bytes", test_log_hides_control_bytes},
    {"shown plainly", test_shown_plainly},
    {"characters of UTF-8", test_characters_of_utf8},
    {NULL, NULL},
};

const struct unit_suite suite_base = {"base", tests};
