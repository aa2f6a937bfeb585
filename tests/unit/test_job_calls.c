/* job_calls: calls on files that hang, in a runner. They hang in the folder
 * DIR/away of the fixture while the file DIR/away-shut exists. Valgrind makes a
 * fork of each clone, so nothing hangs under it. */
#include "runner_scene.h"

#include <stdarg.h>
#include <sys/syscall.h>

/* These two replace libc's, here and in the runner. A child that shares its
 * parent's memory calls the first, on a small stack. */
static void hold(const char *path)
{
    const struct timespec moment = {.tv_nsec = 10 * JS_NS_PER_MS};
    const char *away = strstr(path, "/away/");
    char gate[128];
    if (!away || away - path > 64)
        return;
    snprintf(gate, sizeof(gate), "%.*s/away-shut", (int)(away - path), path);
    while (syscall(SYS_faccessat, AT_FDCWD, gate, F_OK) == 0)
        syscall(SYS_nanosleep, &moment, NULL);
}

int chdir(const char *path)
{
    hold(path);
    return (int)syscall(SYS_chdir, path);
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    hold(path);
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

static void prepare_away(struct fixture *fx, uint32_t slots,
                         struct js_cpuset *cpus, int64_t grace_ns)
{
    char path[128];
    prepare(fx);
    for (uint32_t i = 0; i < slots; i++)
        js_cpuset_of_process(0, &cpus[i]);
    fx->config.settings.grace_ns = grace_ns;
    fx->config.slots = slots;
    fx->config.slot_cpus = cpus;
    start_well(fx);
    snprintf(path, sizeof(path), "%s/away", fx->dir);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    touch(fx, "away-shut");
}

static void open_again(const struct fixture *fx)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/away-shut", fx->dir);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

static void complete_away(struct fixture *fx)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/away", fx->dir);
    remove_dir(path);
    completion(fx);
}

/* Submits a job that enters the folder, or has a file there. */
static void submit_away(struct fixture *fx, uint32_t slot, uint64_t id,
                        bool has_folder)
{
    char text[128];
    int len = snprintf(text, sizeof(text), "%s%s/away/%s",
                       has_folder ? "d" : "o", fx->dir, has_folder ? "" : "o");
    struct js_runner_job job = {.slot = slot,
                                .id = id,
                                .attempt = 1,
                                .cores = 1,
                                .details = text,
                                .details_len = (size_t)len + 1,
                                .command = "/bin/true",
                                .len = strlen("/bin/true")};
    CU_ASSERT_EQUAL(js_runner_run(fx->runner, &job), 0);
    js_runner_flush(fx->runner);
}

/* How often the loop of the runner has waited. */
static long waits_of(const struct fixture *fx)
{
    static const char name[] = "voluntary_ctxt_switches:";
    char path[64], text[4096];
    snprintf(path, sizeof(path), "/proc/%d/status",
             (int)js_runner_pid(fx->runner));
    CU_ASSERT_FATAL(js_file_read_text(path, text, sizeof(text)) > 0);
    const char *at = strstr(text, name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return strtol(at + sizeof(name) - 1, NULL, 10);
}

static void test_a_folder_that_answers(void)
{
    struct js_cpuset cpus[1];
    struct fixture fx;
    prepare_away(&fx, 1, cpus, 0);
    open_again(&fx);
    for (int i = 0; i < 3; i++) {
        submit_away(&fx, 0, 1, i > 0);
        CU_ASSERT_EQUAL(next_event(&fx), 1);
        CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    }
    complete_away(&fx);
}

enum { MANY = 64 };

static void test_many_hung_starts(void)
{
    static struct js_cpuset cpus[MANY + 1];
    struct fixture fx;
    if (unit_is_traced())
        return;
    prepare_away(&fx, MANY + 1, cpus, 0);
    long waits = waits_of(&fx);
    for (uint32_t i = 0; i < MANY; i++)
        submit_away(&fx, i, i + 1, true);
    submit(&fx, MANY, MANY + 1, "/bin/true");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.slot, MANY);
    waits = waits_of(&fx) - waits;
    CU_ASSERT(waits < MANY / 2);
    open_again(&fx);
    for (int i = 0; i < MANY; i++) {
        CU_ASSERT_EQUAL(next_event(&fx), 1);
        CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
        CU_ASSERT_EQUAL(fx.event.outcome.cause, JS_STOP_REASON_NONE);
    }
    complete_away(&fx);
}

static void expect_stopped(struct fixture *fx, uint32_t slot)
{
    CU_ASSERT_EQUAL(next_event(fx), 1);
    CU_ASSERT_EQUAL(fx->event.kind, JS_RUNNER_ENDED);
    CU_ASSERT_EQUAL(fx->event.slot, slot);
    CU_ASSERT_EQUAL(fx->event.outcome.cause, JS_STOP_REASON_STOPPED);
    CU_ASSERT_EQUAL(fx->event.outcome.out_bytes, 0);
}

/* It has no process, so there is nothing to wait for. */
static void test_a_hung_open_is_ended(void)
{
    struct js_cpuset cpus[2];
    struct fixture fx;
    if (unit_is_traced())
        return;
    prepare_away(&fx, 2, cpus, 3600 * JS_NS_PER_S);
    submit_away(&fx, 0, 1, false);
    /* Its end does not come before it hangs. */
    submit(&fx, 1, 2, "/bin/true");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(js_runner_end(fx.runner, 0, 3600 * JS_NS_PER_S), 0);
    expect_stopped(&fx, 0);
    /* The slot can be used while the call still hangs, and afterwards. */
    CU_ASSERT_EQUAL(run(&fx, "exit 3")->exit_code, 3);
    open_again(&fx);
    CU_ASSERT_EQUAL(run(&fx, "exit 4")->exit_code, 4);
    submit_away(&fx, 0, 3, false);
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    complete_away(&fx);
}

static void test_a_process_that_hangs_is_ended(void)
{
    struct js_cpuset cpus[2];
    struct fixture fx;
    if (unit_is_traced())
        return;
    prepare_away(&fx, 2, cpus, JS_NS_PER_MS);
    submit_away(&fx, 0, 1, true);
    submit(&fx, 1, 2, "/bin/true");
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(js_runner_end(fx.runner, 0, JS_NS_PER_MS), 0);
    js_runner_flush(fx.runner);
    expect_stopped(&fx, 0);
    CU_ASSERT_EQUAL(run(&fx, "exit 3")->exit_code, 3);
    submit_away(&fx, 0, 3, true);
    open_again(&fx);
    CU_ASSERT_EQUAL(next_event(&fx), 1);
    CU_ASSERT_EQUAL(fx.event.outcome.exit_code, 0);
    complete_away(&fx);
}

static const struct unit_test tests[] = {
    {"a folder that answers", test_a_folder_that_answers},
    {"many hung starts", test_many_hung_starts},
    {"a hung open is ended", test_a_hung_open_is_ended},
    {"a process that hangs is ended", test_a_process_that_hangs_is_ended},
    {NULL, NULL},
};

const struct unit_suite suite_job_calls = {"job_calls", tests};
