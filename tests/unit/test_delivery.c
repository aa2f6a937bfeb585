/* delivery: whole outputs in order, slow and vanished readers, lost slaves. */
#include "unit.h"

#include "base/buf.h"
#include "record/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAX_JOBS = 4000, PIPE_BYTES = 4096, OTHERS = '#' };

/* What a job of the scene is expected to do, and did. */
struct fate {
    uint64_t bytes[2];
    uint64_t end[2]; /* of its bytes in what the reader is to get */
    unsigned slave;
    bool held;
    unsigned released;
    unsigned finished;
};

/* A delivery with both its readers, its log, and what is expected of it. */
struct scene {
    int ends[2][2]; /* a pipe a stream; ends[1] is ends[0] when they share */
    bool shared;
    struct js_outq *outq[2];
    struct js_delivery *delivery;
    struct js_buf log;
    unsigned log_lines;
    struct js_buf wanted[2];
    struct js_buf got[2];
    struct fate fate[MAX_JOBS + 1]; /* by id; the ticket is id + 1000 */
    uint64_t added;
    uint64_t finished;
    bool others_write; /* bytes OTHERS, also from within the hook */
    bool checks_end;   /* each finished only after its last byte */
    bool checks_tails; /* every third job fails, and is told with its tail */
    uint64_t random;
};

static uint64_t draw(struct scene *scene, uint64_t below)
{
    scene->random ^= scene->random << 13;
    scene->random ^= scene->random >> 7;
    scene->random ^= scene->random << 17;
    return scene->random % below;
}

/* ---------------------------------------------------------------- readers */

/* Which reader sees a stream. */
static int reader_of(const struct scene *scene, int stream)
{
    return scene->shared ? 0 : stream;
}

/* Reads at most `most` bytes of what is there; drops what others wrote. */
static void read_some(struct scene *scene, int reader, size_t most)
{
    char bytes[8192];
    size_t part = most < sizeof(bytes) ? most : sizeof(bytes);
    ssize_t n = read(scene->ends[reader][0], bytes, part);
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] != OTHERS)
            js_buf_append(&scene->got[reader], bytes + i, 1);
    }
}

static size_t readable(const struct scene *scene, int reader)
{
    int n = 0;
    if (ioctl(scene->ends[reader][0], FIONREAD, &n) < 0)
        return 0;
    return (size_t)n;
}

static void read_all(struct scene *scene, int reader)
{
    while (readable(scene, reader) > 0)
        read_some(scene, reader, SIZE_MAX);
}

/* ------------------------------------------------------------------ scene */

static void keep_log(void *arg, const char *text)
{
    struct scene *scene = arg;
    scene->log_lines++;
    js_buf_printf(&scene->log, "%s\n", text);
}

/* With others' bytes in between only reading tells what are the job's. */
static bool has_reached(struct scene *scene, int reader, uint64_t end)
{
    if (scene->others_write)
        read_all(scene, reader);
    size_t unread = scene->others_write ? 0 : readable(scene, reader);
    return scene->got[reader].len + unread >= end;
}

/* Tells any two outputs apart wherever they are cut; never OTHERS. */
static char byte_of(uint64_t id, unsigned stream, uint64_t offset)
{
    uint64_t mix = (id * 2 + stream) * 2654435761U + offset * 40503U;
    return (char)(0x80 | ((mix >> 7) & 0x7f));
}

/* It is what the last bytes of the stream are, whole characters (or what might
 * be) of them. */
static void check_tail(const struct js_completion *completion)
{
    const struct js_outcome *outcome = &completion->outcome;
    const struct js_output_tail *tail = completion->tail;
    unsigned stream = outcome->err_bytes > 0;
    uint64_t bytes = stream ? outcome->err_bytes : outcome->out_bytes;
    bool is_due = outcome->exit_code && bytes > 0;
    bool is_good = !tail == !is_due;
    if (tail && is_due) {
        uint64_t most = bytes < JS_OUTPUT_TAIL_MAX ? bytes : JS_OUTPUT_TAIL_MAX;
        is_good = tail->stream == stream + 1 && tail->len <= most &&
                  tail->len + 3 >= most;
        for (size_t i = 0; i < tail->len && is_good; i++)
            is_good = tail->bytes[i] == byte_of(completion->job->id, stream,
                                                bytes - tail->len + i);
    }
    if (!is_good)
        CU_FAIL("not the tail of what it wrote");
}

static void on_finished(void *arg, const struct js_completion *completion)
{
    struct scene *scene = arg;
    struct fate *fate = &scene->fate[completion->job->id];
    fate->finished++;
    scene->finished++;
    if (scene->checks_tails)
        check_tail(completion);
    for (int i = 0; i < 2 && scene->checks_end; i++) {
        if (!has_reached(scene, reader_of(scene, i), fate->end[i]))
            CU_FAIL("finished before its output was written");
    }
    if (scene->others_write)
        js_outq_write(scene->outq[0], "###", 3);
    js_job_free(completion->job);
}

static const struct js_log *scene_log(struct scene *scene, struct js_log *log)
{
    *log = (struct js_log){keep_log, scene};
    return log;
}

static void open_pipe(int ends[2])
{
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
}

/* `log` must live as long as the scene. */
static struct scene *scene_new(bool shared, struct js_log *log)
{
    struct scene *scene = not_null(calloc(1, sizeof(*scene)));
    scene->random = 88172645463325252U;
    scene->shared = shared;
    scene->checks_end = true;
    for (int i = 0; i < 2; i++) {
        if (i == 0 || !shared)
            open_pipe(scene->ends[i]);
        else
            memcpy(scene->ends[1], scene->ends[0], sizeof(scene->ends[0]));
        scene->outq[i] = js_outq_new(scene->ends[i][1]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(scene->outq[i]);
    }
    scene->delivery =
        js_delivery_new(scene->outq[0], scene->outq[1], scene_log(scene, log));
    CU_ASSERT_PTR_NOT_NULL_FATAL(scene->delivery);
    js_delivery_report_to(scene->delivery, on_finished, scene);
    return scene;
}

static void scene_free(struct scene *scene)
{
    js_delivery_free(scene->delivery);
    for (int i = 0; i < 2; i++) {
        js_outq_free(scene->outq[i]);
        js_buf_release(&scene->wanted[i]);
        js_buf_release(&scene->got[i]);
        if (i == 1 && scene->shared)
            continue;
        if (scene->ends[i][0] >= 0)
            close(scene->ends[i][0]);
        close(scene->ends[i][1]);
    }
    js_buf_release(&scene->log);
    free(scene);
}

/* ------------------------------------------------------------------- jobs */

static void fill(char *to, uint64_t id, unsigned stream, uint64_t offset,
                 size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = byte_of(id, stream, offset + i);
}

static void expect(struct scene *scene, struct fate *fate, uint64_t id)
{
    for (unsigned i = 0; i < 2; i++) {
        struct js_buf *wanted = &scene->wanted[reader_of(scene, i)];
        size_t len = fate->bytes[i];
        CU_ASSERT_EQUAL_FATAL(js_buf_reserve(wanted, len + 1), 0);
        fill(wanted->data + wanted->len, id, i, 0, len);
        wanted->len += len;
        fate->end[i] = len > 0 ? wanted->len : 0;
    }
}

/* The inlined bytes do not outlive the call. */
static void add_inlined(struct scene *scene,
                        const struct js_completion *completion, bool captured)
{
    uint64_t id = completion->job->id;
    size_t out = completion->outcome.out_bytes;
    size_t err = completion->outcome.err_bytes;
    char *bytes = not_null(malloc(out + err + 1));
    fill(bytes, id, 0, 0, out);
    fill(bytes + out, id, 1, 0, err);
    CU_ASSERT_EQUAL(js_delivery_add(scene->delivery, completion, id + 1000,
                                    captured, bytes),
                    0);
    memset(bytes, 'x', out + err);
    free(bytes);
}

/* Returns its id. */
static uint64_t add_job(struct scene *scene, unsigned slave, bool held,
                        uint64_t out_bytes, uint64_t err_bytes)
{
    uint64_t id = ++scene->added;
    CU_ASSERT_FATAL(id <= MAX_JOBS);
    struct fate *fate = &scene->fate[id];
    *fate = (struct fate){{out_bytes, err_bytes}, {0, 0}, slave, held, 0, 0};
    struct js_completion completion = {.job =
                                           not_null(js_job_new(id, "true", 4)),
                                       .slave = slave,
                                       .host = "n1"};
    completion.outcome.out_bytes = out_bytes;
    completion.outcome.err_bytes = err_bytes;
    completion.outcome.exit_code = scene->checks_tails && id % 3 == 0;
    expect(scene, fate, id);
    if (!held)
        add_inlined(scene, &completion, true);
    else
        CU_ASSERT_EQUAL(js_delivery_add(scene->delivery, &completion, id + 1000,
                                        true, NULL),
                        0);
    return id;
}

/* Takes what is to be asked for; true if it is to be answered. Counts what is
 * released on the way. */
static bool take_fetch(struct scene *scene, struct js_fetch *ret)
{
    while (js_delivery_next_fetch(scene->delivery, ret)) {
        struct fate *fate = &scene->fate[ret->ticket - 1000];
        CU_ASSERT_TRUE(fate->held);
        CU_ASSERT_EQUAL(ret->slave, fate->slave);
        CU_ASSERT_EQUAL(fate->released, 0);
        if (ret->length > 0) {
            CU_ASSERT_TRUE(ret->length <= JS_DELIVERY_CHUNK);
            CU_ASSERT_TRUE(ret->offset + ret->length <=
                           fate->bytes[ret->stream]);
            CU_ASSERT_TRUE(js_outq_pending(scene->outq[ret->stream]) <=
                           JS_DELIVERY_WINDOW);
            return true;
        }
        fate->released++;
    }
    return false;
}

static int answer(struct scene *scene, const struct js_fetch *fetch, size_t len)
{
    char *bytes = not_null(malloc(len + 1));
    fill(bytes, fetch->ticket - 1000, fetch->stream, fetch->offset, len);
    int result =
        js_delivery_fetched(scene->delivery, fetch->slave, fetch->ticket,
                            fetch->stream, fetch->offset, bytes, len, 0);
    free(bytes);
    return result;
}

/* Answers everything and reads everything, until all are finished. */
static void run_to_end(struct scene *scene)
{
    struct js_fetch fetch;
    for (int i = 0; i < 100000; i++) {
        while (take_fetch(scene, &fetch))
            CU_ASSERT_EQUAL(answer(scene, &fetch, fetch.length), 0);
        for (int r = 0; r < 2; r++) {
            if (scene->ends[r][0] >= 0)
                read_some(scene, r, SIZE_MAX);
        }
        js_delivery_step(scene->delivery);
        if (js_delivery_look(scene->delivery).waiting == 0)
            break;
    }
    CU_ASSERT_EQUAL(js_delivery_look(scene->delivery).waiting, 0);
    CU_ASSERT_FALSE(take_fetch(scene, &fetch));
    for (int r = 0; r < 2; r++) {
        if (scene->ends[r][0] >= 0)
            read_all(scene, r);
    }
}

static void assert_same(const struct js_buf *got, const struct js_buf *wanted)
{
    CU_ASSERT_EQUAL(got->len, wanted->len);
    if (got->len == wanted->len && got->len > 0)
        CU_ASSERT_EQUAL(memcmp(got->data, wanted->data, got->len), 0);
}

static void assert_each_finished_once(const struct scene *scene)
{
    CU_ASSERT_EQUAL(scene->finished, scene->added);
    for (uint64_t id = 1; id <= scene->added; id++) {
        const struct fate *fate = &scene->fate[id];
        bool any = fate->bytes[0] + fate->bytes[1] > 0;
        if (fate->finished != 1)
            CU_FAIL("not finished exactly once");
        if (fate->released != (fate->held && any ? 1 : 0))
            CU_FAIL("not released exactly once");
    }
}

/* ------------------------------------------------------------------ tests */

static uint64_t draw_size(struct scene *scene)
{
    switch (draw(scene, 8)) {
    case 0:
    case 1:
        return 0;
    case 2:
        return draw(scene, 3 * PIPE_BYTES);
    case 3:
        return draw(scene, 40) ? draw(scene, 30000) : draw(scene, 900000);
    default:
        return draw(scene, 200);
    }
}

/* One thing happens: a job ends, a chunk arrives, a reader reads, a line of
 * somebody else, a turn of the loop. */
static void happen(struct scene *scene, uint64_t jobs, struct js_fetch *fetch,
                   bool *is_asked)
{
    uint64_t choice = draw(scene, scene->others_write ? 6 : 5);
    if (choice == 0 && scene->added < jobs) {
        add_job(scene, 1 + (unsigned)draw(scene, 3), draw(scene, 2),
                draw_size(scene), draw_size(scene));
    } else if (choice == 1 && *is_asked) {
        *is_asked = false;
        size_t len = draw(scene, 3) ? fetch->length
                                    : 1 + (size_t)draw(scene, fetch->length);
        CU_ASSERT_EQUAL(answer(scene, fetch, len), 0);
    } else if (choice == 2 || choice == 3) {
        read_some(scene, reader_of(scene, (int)choice - 2),
                  1 + draw(scene, 2 * PIPE_BYTES));
    } else if (choice == 5) {
        js_outq_write(scene->outq[draw(scene, 2)], "##########", 10);
    } else {
        js_delivery_step(scene->delivery);
    }
    struct js_fetch next;
    if (!take_fetch(scene, &next))
        return;
    CU_ASSERT_FALSE(*is_asked); /* one chunk under way at a time */
    *fetch = next;
    *is_asked = true;
}

static void run_at_random(uint64_t seed, bool shared, bool others_write)
{
    struct js_log log;
    struct scene *scene = scene_new(shared, &log);
    scene->random += seed * 7919;
    scene->others_write = others_write;
    scene->checks_tails = true;
    struct js_fetch fetch = {0};
    bool is_asked = false;
    uint64_t jobs = 1 + draw(scene, 40);
    for (int i = 0; i < 200000; i++) {
        happen(scene, jobs, &fetch, &is_asked);
        if (scene->added == jobs && scene->finished == jobs)
            break;
    }
    CU_ASSERT_EQUAL(js_delivery_look(scene->delivery).waiting, 0);
    CU_ASSERT_EQUAL(scene->log_lines, 0);
    for (int i = 0; i < (shared ? 1 : 2); i++) {
        read_all(scene, i);
        assert_same(&scene->got[i], &scene->wanted[i]);
    }
    CU_ASSERT_FALSE(take_fetch(scene, &fetch));
    assert_each_finished_once(scene);
    scene_free(scene);
}

static void test_random_runs_come_out_whole(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(60); seed++)
        run_at_random(seed, false, false);
}

static void test_random_runs_into_one_pipe(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(60); seed++)
        run_at_random(seed, true, false);
}

static void test_random_runs_while_others_write(void)
{
    for (uint64_t seed = 1; seed <= unit_rounds(60); seed++)
        run_at_random(seed, seed % 2, true);
}

static void test_nothing_written_finishes_at_once(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch;
    uint64_t slow = add_job(scene, 1, true, 100, 0);
    uint64_t quiet = add_job(scene, 2, true, 0, 0);
    uint64_t also_quiet = add_job(scene, 2, false, 0, 0);
    CU_ASSERT_EQUAL(scene->fate[slow].finished, 0);
    CU_ASSERT_EQUAL(scene->fate[quiet].finished, 1);
    CU_ASSERT_EQUAL(scene->fate[also_quiet].finished, 1);

    /* Its output went to a folder. */
    struct js_completion completion = {
        .job = not_null(js_job_new(9, "true", 4)), .host = "n1"};
    completion.outcome.out_bytes = 5000;
    CU_ASSERT_EQUAL(
        js_delivery_add(scene->delivery, &completion, 1009, false, NULL), 0);
    CU_ASSERT_EQUAL(scene->fate[9].finished, 1);
    CU_ASSERT_EQUAL(js_delivery_look(scene->delivery).waiting, 1);
    CU_ASSERT_TRUE(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(fetch.ticket, slow + 1000);
    scene_free(scene);
}

static void test_what_fits_is_written_at_once(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    uint64_t first = add_job(scene, 1, false, 50, 10);
    uint64_t second = add_job(scene, 1, false, 50, 10);
    CU_ASSERT_EQUAL(scene->fate[first].finished, 1);
    CU_ASSERT_EQUAL(scene->fate[second].finished, 1);
    CU_ASSERT_FALSE(js_delivery_look(scene->delivery).is_behind);
    for (int i = 0; i < 2; i++) {
        read_all(scene, i);
        assert_same(&scene->got[i], &scene->wanted[i]);
    }
    scene_free(scene);
}

/* Another's line behind the output is not waited for. */
static void test_lines_of_others_delay_nobody(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    char line[3 * PIPE_BYTES];
    memset(line, OTHERS, sizeof(line));
    uint64_t id = add_job(scene, 1, false, 2 * PIPE_BYTES, 0);
    js_outq_write(scene->outq[0], line, sizeof(line));
    CU_ASSERT_EQUAL(scene->fate[id].finished, 0);
    for (int i = 0; i < 2; i++) {
        js_delivery_step(scene->delivery);
        read_all(scene, 0);
    }
    js_delivery_step(scene->delivery);
    CU_ASSERT_TRUE(js_outq_pending(scene->outq[0]) > 0);
    CU_ASSERT_EQUAL(scene->fate[id].finished, 1);
    scene_free(scene);
}

static void test_answers_nobody_asked_for(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch, wrong;
    struct js_delivery *delivery = scene->delivery;
    CU_ASSERT_EQUAL(js_delivery_fetched(delivery, 1, 1001, 0, 0, "x", 1, 0),
                    -1);
    CU_ASSERT_EQUAL(errno, EPROTO);
    uint64_t id = add_job(scene, 1, true, 10, 0);
    CU_ASSERT_EQUAL(js_delivery_fetched(delivery, 1, 1001, 0, 0, "x", 1, 0),
                    -1);
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    for (int i = 0; i < 5; i++) {
        wrong = fetch;
        wrong.slave += i == 0;
        wrong.ticket += i == 1;
        wrong.stream += i == 2;
        wrong.offset += i == 3;
        errno = 0;
        CU_ASSERT_EQUAL(answer(scene, &wrong, i == 4 ? 11 : 10), -1);
        CU_ASSERT_EQUAL(errno, EPROTO);
    }
    CU_ASSERT_EQUAL(answer(scene, &fetch, 10), 0);
    CU_ASSERT_EQUAL(answer(scene, &fetch, 10), -1);
    CU_ASSERT_EQUAL(scene->fate[id].finished, 1);
    run_to_end(scene);
    assert_same(&scene->got[0], &scene->wanted[0]);
    assert_each_finished_once(scene);
    scene_free(scene);
}

static void close_reader(struct scene *scene, int reader)
{
    close(scene->ends[reader][0]);
    scene->ends[reader][0] = -1;
    scene->checks_end = false;
}

/* Jobs with output for a reader that has gone are withheld, and no others; the
 * bytes of a job that went out before count as written. */
static void assert_withheld(const struct scene *scene, uint64_t count)
{
    CU_ASSERT_EQUAL(js_delivery_look(scene->delivery).withheld, count);
    CU_ASSERT_EQUAL(scene->finished + count, scene->added);
    for (uint64_t id = 1; id <= scene->added; id++)
        CU_ASSERT_TRUE(scene->fate[id].finished <= 1);
}

static void test_reader_gone_withholds_its_output(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch;
    add_job(scene, 1, true, 3 * JS_DELIVERY_CHUNK, 0);
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    for (int i = 0; i < 20; i++) {
        add_job(scene, 2, true, JS_DELIVERY_CHUNK, 100);
        add_job(scene, 2, false, 3000, 300);
        add_job(scene, 1, i % 2, 3000, 0);
        add_job(scene, 1, false, 0, 0);
    }
    close_reader(scene, 0);
    js_outq_write(scene->outq[0], "#", 1);
    js_delivery_step(scene->delivery);
    /* The chunk under way still comes; till then nothing else is asked for. */
    struct js_fetch other;
    CU_ASSERT_FALSE(take_fetch(scene, &other));
    CU_ASSERT_EQUAL(scene->fate[1].released, 0);
    CU_ASSERT_EQUAL(answer(scene, &fetch, fetch.length), 0);
    CU_ASSERT_FALSE(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(js_delivery_look(scene->delivery).waiting, 0);
    assert_withheld(scene, 61);
    /* Nobody needs to keep it. */
    for (uint64_t id = 1; id <= scene->added; id++)
        CU_ASSERT_EQUAL(scene->fate[id].released, scene->fate[id].held);
    /* What is for the other one comes as ever. */
    uint64_t last = add_job(scene, 1, true, 0, 700);
    scene->fate[last].end[1] = 700;
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(answer(scene, &fetch, fetch.length), 0);
    CU_ASSERT_EQUAL(scene->fate[last].finished, 1);
    assert_withheld(scene, 61);
    scene_free(scene);
}

/* Within one byte: what the reader's pipe has taken is finished, what was still
 * waiting is not. */
static void test_what_was_taken_is_finished(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    for (int i = 0; i < 10; i++)
        add_job(scene, 1, false, 1000, 0);
    CU_ASSERT_EQUAL(scene->finished, 4);
    read_some(scene, 0, PIPE_BYTES);
    js_delivery_step(scene->delivery);
    CU_ASSERT_EQUAL(scene->finished, 8);
    close_reader(scene, 0);
    js_delivery_step(scene->delivery);
    assert_withheld(scene, 2);
    scene_free(scene);
}

static void test_both_readers_gone(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    close_reader(scene, 0);
    close_reader(scene, 1);
    for (int i = 0; i < 10; i++) {
        add_job(scene, 1, i % 2, 100, 100);
        add_job(scene, 1, i % 2, 0, 100);
        add_job(scene, 1, false, 0, 0);
    }
    /* An attempt that is followed by another is not among the jobs. */
    struct js_completion retried = {.job = not_null(js_job_new(99, "true", 4)),
                                    .result = JS_ATTEMPT_RESULT_RETRIED,
                                    .slave = 1,
                                    .host = "n1"};
    retried.outcome.out_bytes = 1;
    CU_ASSERT_EQUAL(js_delivery_add(scene->delivery, &retried, 99, true, "x"),
                    0);
    run_to_end(scene);
    assert_withheld(scene, 20);
    scene_free(scene);
}

static void test_full_disk_withholds(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(full >= 0);
    struct js_outq *outq = js_outq_new(full);
    CU_ASSERT_PTR_NOT_NULL_FATAL(outq);
    js_delivery_free(scene->delivery);
    scene->delivery = js_delivery_new(outq, scene->outq[1], &log);
    js_delivery_report_to(scene->delivery, on_finished, scene);
    scene->checks_end = false;
    add_job(scene, 1, false, 100, 10);
    add_job(scene, 1, true, 100, 10);
    add_job(scene, 1, false, 0, 10);
    run_to_end(scene);
    CU_ASSERT_EQUAL(js_outq_error(outq), ENOSPC);
    assert_withheld(scene, 2);
    scene_free(scene);
    js_outq_free(outq);
    close(full);
}

/* One line, with all of these in it. */
static void expect_log(struct scene *scene, const char *const *facts)
{
    CU_ASSERT_EQUAL(scene->log_lines, 1);
    for (; *facts; facts++)
        CU_ASSERT_PTR_NOT_NULL(strstr(js_buf_string(&scene->log), *facts));
}

static void test_unreadable_stream_is_given_up(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch;
    add_job(scene, 1, true, 2 * JS_DELIVERY_CHUNK, 20);
    scene->checks_end = false;
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(answer(scene, &fetch, 1000), 0);
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(fetch.offset, 1000);
    CU_ASSERT_EQUAL(
        js_delivery_fetched(scene->delivery, 1, 1001, 0, 1000, NULL, 0, ENOENT),
        0);
    expect_log(scene,
               (const char *[]){"job 1: ", "1000 of the 524288 bytes",
                                "standard output",
                                "on n1: No such file or directory\n", NULL});
    run_to_end(scene);
    CU_ASSERT_EQUAL(scene->got[0].len, 1000);
    assert_same(&scene->got[1], &scene->wanted[1]);
    assert_each_finished_once(scene);
    scene_free(scene);
}

/* An answer of no bytes and no error must not be asked for for ever. */
static void test_empty_answer_is_an_error(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch;
    add_job(scene, 1, true, 100, 0);
    scene->checks_end = false;
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(answer(scene, &fetch, 0), 0);
    run_to_end(scene);
    CU_ASSERT_EQUAL(scene->log_lines, 1);
    assert_each_finished_once(scene);
    scene_free(scene);
}

static void test_lost_slave_takes_only_its_own(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch, late;
    scene->checks_end = false;
    uint64_t begun = add_job(scene, 1, true, 3 * JS_DELIVERY_CHUNK, 10);
    uint64_t inlined = add_job(scene, 1, false, 100, 10);
    uint64_t other = add_job(scene, 2, true, 100, 10);
    uint64_t unbegun = add_job(scene, 1, true, 100, 10);
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(answer(scene, &fetch, fetch.length), 0);
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &late));
    js_delivery_lost(scene->delivery, 1);
    expect_log(scene, (const char *[]){"2 jobs have ended", "output was lost",
                                       "slave 1 on n1", "job 1\n", NULL});
    CU_ASSERT_EQUAL(answer(scene, &late, late.length), -1);
    CU_ASSERT_EQUAL(errno, EPROTO);
    js_delivery_lost(scene->delivery, 1);
    js_delivery_lost(scene->delivery, 77);
    run_to_end(scene);
    CU_ASSERT_EQUAL(scene->log_lines, 1);
    CU_ASSERT_EQUAL(scene->finished, 4);
    CU_ASSERT_EQUAL(scene->fate[begun].released, 0);
    CU_ASSERT_EQUAL(scene->fate[unbegun].released, 0);
    CU_ASSERT_EQUAL(scene->fate[inlined].released, 0);
    CU_ASSERT_EQUAL(scene->fate[other].released, 1);
    CU_ASSERT_EQUAL(scene->got[0].len, JS_DELIVERY_CHUNK + 200);
    CU_ASSERT_EQUAL(scene->got[1].len, 20);
    scene_free(scene);
}

static void test_lost_slave_is_sent_no_release(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch;
    uint64_t first = add_job(scene, 1, true, 10, 0);
    CU_ASSERT_TRUE_FATAL(js_delivery_next_fetch(scene->delivery, &fetch));
    CU_ASSERT_EQUAL(answer(scene, &fetch, 10), 0);
    uint64_t second = add_job(scene, 2, true, 10, 0);
    CU_ASSERT_EQUAL(scene->fate[first].finished, 1);
    js_delivery_lost(scene->delivery, 1);
    CU_ASSERT_EQUAL(scene->log_lines, 0);
    run_to_end(scene);
    CU_ASSERT_EQUAL(scene->fate[first].released, 0);
    CU_ASSERT_EQUAL(scene->fate[second].released, 1);
    scene_free(scene);
}

static void test_stopped_reader_bounds_what_is_fetched(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch;
    uint64_t fetched = 0;
    for (int i = 0; i < 20; i++)
        add_job(scene, 1, true, JS_DELIVERY_WINDOW / 2 + 1, 0);
    for (int i = 0; i < 1000; i++) {
        js_delivery_step(scene->delivery);
        if (!take_fetch(scene, &fetch))
            continue;
        fetched += fetch.length;
        CU_ASSERT_EQUAL(answer(scene, &fetch, fetch.length), 0);
    }
    CU_ASSERT_TRUE(fetched > JS_DELIVERY_WINDOW);
    CU_ASSERT_TRUE(fetched <=
                   JS_DELIVERY_WINDOW + JS_DELIVERY_CHUNK + PIPE_BYTES);
    CU_ASSERT_TRUE(js_delivery_look(scene->delivery).is_behind);
    CU_ASSERT_EQUAL(scene->finished, 0);
    run_to_end(scene);
    assert_same(&scene->got[0], &scene->wanted[0]);
    assert_each_finished_once(scene);
    CU_ASSERT_FALSE(js_delivery_look(scene->delivery).is_behind);
    scene_free(scene);
}

static void test_many_small_jobs_are_behind_too(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    add_job(scene, 1, true, 10, 0);
    for (int i = 0; i < 10; i++)
        add_job(scene, 1, false, 10, 0);
    CU_ASSERT_FALSE(js_delivery_look(scene->delivery).is_behind);
    for (int i = 0; i < 200; i++)
        add_job(scene, 1, false, 10, 0);
    CU_ASSERT_TRUE(js_delivery_look(scene->delivery).is_behind);
    CU_ASSERT_EQUAL(js_delivery_look(scene->delivery).waiting, 211);
    run_to_end(scene);
    assert_same(&scene->got[0], &scene->wanted[0]);
    assert_each_finished_once(scene);
    scene_free(scene);
}

static void test_tells_when_a_job_is_half_handed_over(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch;
    CU_ASSERT_FALSE(js_delivery_look(scene->delivery).is_within_job);
    add_job(scene, 1, true, 100, 10);
    CU_ASSERT_FALSE(js_delivery_look(scene->delivery).is_within_job);
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    CU_ASSERT_FALSE(js_delivery_look(scene->delivery).is_within_job);
    CU_ASSERT_EQUAL(answer(scene, &fetch, 60), 0);
    CU_ASSERT_TRUE(js_delivery_look(scene->delivery).is_within_job);
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(answer(scene, &fetch, 40), 0);
    CU_ASSERT_TRUE(js_delivery_look(scene->delivery).is_within_job);
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(answer(scene, &fetch, 10), 0);
    CU_ASSERT_FALSE(js_delivery_look(scene->delivery).is_within_job);
    scene_free(scene);
}

/* What is left behind must be freed: a sanitizer build tells. */
static void test_freed_while_jobs_wait(void)
{
    struct js_log log;
    struct scene *scene = scene_new(false, &log);
    struct js_fetch fetch;
    add_job(scene, 1, true, 10, 0);
    CU_ASSERT_TRUE_FATAL(take_fetch(scene, &fetch));
    CU_ASSERT_EQUAL(answer(scene, &fetch, 10), 0); /* a release waits */
    add_job(scene, 1, false, 10 * PIPE_BYTES, 10);
    add_job(scene, 1, true, 10, 10);
    add_job(scene, 1, false, 10, 10);
    errno = EXDEV;
    js_delivery_free(scene->delivery);
    CU_ASSERT_EQUAL(errno, EXDEV);
    scene->delivery = NULL;
    js_delivery_free(NULL);
    CU_ASSERT_EQUAL(scene->finished, 1);
    scene_free(scene);
}

static const struct unit_test tests[] = {
    {"random runs come out whole", test_random_runs_come_out_whole},
    {"random runs into one pipe", test_random_runs_into_one_pipe},
    {"random runs while others write", test_random_runs_while_others_write},
    {"nothing written, finished", test_nothing_written_finishes_at_once},
    {"what fits is written at once", test_what_fits_is_written_at_once},
    {"others' lines delay nobody", test_lines_of_others_delay_nobody},
    {"answers nobody asked for", test_answers_nobody_asked_for},
    {"reader gone", test_reader_gone_withholds_its_output},
    {"what was taken is finished", test_what_was_taken_is_finished},
    {"both readers gone", test_both_readers_gone},
    {"full disk", test_full_disk_withholds},
    {"unreadable stream", test_unreadable_stream_is_given_up},
    {"empty answer", test_empty_answer_is_an_error},
    {"lost slave", test_lost_slave_takes_only_its_own},
    {"lost slave, release waiting", test_lost_slave_is_sent_no_release},
    {"stopped reader", test_stopped_reader_bounds_what_is_fetched},
    {"many small jobs", test_many_small_jobs_are_behind_too},
    {"half handed over", test_tells_when_a_job_is_half_handed_over},
    {"freed while jobs wait", test_freed_while_jobs_wait},
    {NULL, NULL},
};

const struct unit_suite suite_delivery = {"delivery", tests};
