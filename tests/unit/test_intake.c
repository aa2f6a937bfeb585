/* intake: entries become jobs, whichever reader they come from. */
#include "unit.h"

#include "base/buf.h"
#include "list/intake.h"
#include "list/jobfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct js_graph *graph;

static struct js_intake *intake_of(struct js_reader *reader)
{
    graph = not_null(js_graph_new());
    return not_null(js_intake_new("f", reader, graph, NULL));
}

static void release(struct js_intake *intake)
{
    js_intake_free(intake);
    js_graph_free(graph);
    graph = NULL;
}

/* All jobs as "ID:name:command;", with a "w" if they wait, and all errors. */
static void take_all(struct js_intake *intake, struct js_buf *log)
{
    struct js_job *job;
    struct js_err err;
    int rc;
    while ((rc = js_intake_next(intake, &job, &err)) != 0) {
        if (rc < 0) {
            int errnum = errno;
            js_buf_printf(log, "!%s;", err.text);
            if (errnum != EINVAL)
                return;
            continue;
        }
        CU_ASSERT_EQUAL(job->kind, JS_JOB_COMMAND);
        CU_ASSERT_EQUAL(job->attempt, 1);
        CU_ASSERT_EQUAL(job->seq, job->id);
        CU_ASSERT_EQUAL(job->command[job->command_len], '\0');
        js_buf_printf(log, "%u%s:%s:%s;", (unsigned)job->id,
                      job->is_waiting ? "w" : "", js_job_name(job),
                      job->command);
        js_job_free(job);
    }
}

static void check_log(struct js_buf *log, const char *expected)
{
    const char *text = not_null((void *)js_buf_string(log));
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected) != 0)
        fprintf(stderr, "\n    is  %s\n    not %s\n", text, expected);
    js_buf_release(log);
}

/* ---------------------------------------------------------------- our lists */

struct list_case {
    const char *text, *expected;
};

static void check_lists(const struct list_case *cases)
{
    for (; cases->text; cases++) {
        struct js_buf log = JS_BUF_INIT;
        struct js_intake *intake = intake_of(js_jobfile_new("f"));
        CU_ASSERT_EQUAL(
            js_intake_feed(intake, cases->text, strlen(cases->text)), 0);
        js_intake_feed(intake, NULL, 0);
        take_all(intake, &log);
        check_log(&log, cases->expected);
        release(intake);
    }
}

static void test_lists(void)
{
    static const struct list_case cases[] = {
        {"[name=a] x\n[after=a] y\n[after-any=a name=b] z",
         "1:a:x;2w::y;3w:b:z;"},
        {"wait\nx\n wait \ny\nwait 5\nwaits\n",
         "1::x;2w::y;3w::wait 5;4w::waits;"},
        {"[cores=1\\\n name=a] x\n", "1:a:x;"},
        {"[name=a/1] x\n[name=b] y\n[after=a*,?] z\n[after-any=*] z",
         "1:a/1:x;2:b:y;3w::z;4w::z;"},
        {"x\nwait ok\ny\nwait ok y", "1::x;2w::y;3w::wait ok y;"},
        {NULL, NULL},
    };
    check_lists(cases);
}

static void test_mistakes_and_their_places(void)
{
    static const struct list_case cases[] = {
        {"[core=4] x\ny", "!f:1:2: unknown attribute \"core\" (did you mean "
                          "\"cores\"?);2::y;"},
        {"#JOBSCHED core=4\ny", "!f:1:11: unknown attribute \"core\" (did you "
                                "mean \"cores\"?);1::y;"},
        {"[name=a] x\n[cores=1 name=a] y\n[after=a] z",
         "1:a:x;!f:2:15: name=a: job 1 already has that name;3w::z;"},
        {"[name=mesh] x\n[after=mash] y",
         "1:mesh:x;!f:2:8: after=mash: no job before this one has that name "
         "(did you mean \"mesh\"?);"},
        {"[name=a after=a] x",
         "!f:1:15: after=a: a job cannot wait for itself;"},
        {"[after=b] x\n[name=b] y",
         "!f:1:8: after=b: no job before this one has that name;2:b:y;"},
        {"[name=a] x\n[after=a,c after-any=d] y",
         "1:a:x;!f:2:10: after=c: no job before this one has that name;"},
        {"[name=a] x\n[after=a after-any=a,d] y",
         "1:a:x;!f:2:22: after-any=d: no job before this one has that name;"},
        {"[name=a] x\n[after=a,b* after-any=?] y\n[name=b1 after=b?] z",
         "1:a:x;!f:2:10: after=b*: no job above has a name that matches;"
         "!f:3:16: after=b?: no job above has a name that matches;"},
        {NULL, NULL},
    };
    check_lists(cases);
}

/* ---------------------------------------------------------------- any reader
 */

/* A reader that returns what a test has written down. */
struct script_step {
    struct js_entry entry;
    int errnum; /* 0: an entry */
};

struct script {
    struct js_reader reader;
    const struct script_step *steps;
    size_t count, at;
    bool *ret_freed;
};

static int script_feed(struct js_reader *reader, const char *bytes, size_t len)
{
    (void)reader, (void)bytes, (void)len;
    return 0;
}

static int script_next(struct js_reader *reader, struct js_entry *ret,
                       struct js_err *err)
{
    struct script *script = (struct script *)reader;
    if (script->at == script->count)
        return 0;
    const struct script_step *step = &script->steps[script->at++];
    CU_ASSERT_EQUAL(ret->kind, JS_ENTRY_JOB);
    *ret = step->entry;
    if (step->errnum == 0)
        return 1;
    errno = step->errnum;
    return js_err_set(err, "step %zu", script->at);
}

static int script_describe(const struct js_reader *reader,
                           const struct js_entry_part *part, const char *what,
                           struct js_err *ret)
{
    const struct script *script = (const struct script *)reader;
    js_err_set(ret, "step %zu, %s %zu: %s", script->at,
               part->attribute ? part->attribute : "byte", part->index, what);
    return 0;
}

static void script_free(struct js_reader *reader)
{
    struct script *script = (struct script *)reader;
    *script->ret_freed = true;
    free(script);
}

static struct js_reader *script_new(const struct script_step *steps,
                                    size_t count, bool *ret_freed)
{
    static const struct js_reader_ops ops = {
        .feed = script_feed,
        .next = script_next,
        .describe = script_describe,
        .free = script_free,
    };
    struct script *script = not_null(calloc(1, sizeof(*script)));
    script->reader.ops = &ops;
    script->steps = steps;
    script->count = count;
    script->ret_freed = ret_freed;
    *ret_freed = false;
    return &script->reader;
}

#define JOB(text)                                                              \
    {                                                                          \
        .entry = {.command = (text), .command_len = sizeof(text) - 1 }         \
    }

/* A refused job counts, a refused line of another kind does not. What comes
 * after a final error is never asked for. */
static void test_any_reader(void)
{
    struct js_attributes named = {.nodes = 1, .cores = 1};
    struct js_attributes after = {.nodes = 1, .cores = 1};
    char name[] = "n";
    named.name = name;
    CU_ASSERT_EQUAL(js_strings_add(&after.after, "n", 1), 0);
    CU_ASSERT_EQUAL(js_strings_add(&after.after, "none", 4), 0);
    const struct script_step steps[] = {
        JOB("a"),
        {.entry = {.kind = JS_ENTRY_JOB}, .errnum = EINVAL},
        {.entry = {.kind = JS_ENTRY_NONE}, .errnum = EINVAL},
        {.entry = {.command = "bb-", .command_len = 2, .attributes = &named}},
        {.entry = {.command = "c", .command_len = 1, .attributes = &after}},
        {.entry = {.kind = JS_ENTRY_WAIT}},
        JOB("d"),
        {.entry = {.kind = JS_ENTRY_JOB}, .errnum = EBADMSG},
        JOB("e"),
    };
    struct js_buf log = JS_BUF_INIT;
    bool is_freed;
    struct js_intake *intake = intake_of(
        script_new(steps, sizeof(steps) / sizeof(steps[0]), &is_freed));
    take_all(intake, &log);
    check_log(&log, "1::a;!step 2;!step 3;3:n:bb;!step 5, after 1: after=none: "
                    "no job before this one has that name;5w::d;!step 8;");
    for (int i = 0; i < 2; i++) {
        struct js_job *job;
        struct js_err again = {""};
        CU_ASSERT_EQUAL(js_intake_next(intake, &job, &again), -1);
        CU_ASSERT_EQUAL(errno, EBADMSG);
        CU_ASSERT_STRING_EQUAL(again.text, "step 8");
        CU_ASSERT_EQUAL(js_intake_next(intake, &job, NULL), -1);
    }
    CU_ASSERT_FALSE(is_freed);
    release(intake);
    CU_ASSERT_TRUE(is_freed);
    js_attributes_release(&after);
}

/* Several jobs of one line, as a template has. */
static void test_a_glob_leaves_out_its_own_line(void)
{
    char names[3][4] = {"n1", "n2", "n3"};
    struct js_attributes named[3];
    struct script_step steps[4];
    for (size_t i = 0; i < 3; i++) {
        named[i] = (struct js_attributes){
            .nodes = 1, .cores = 1, .name = names[i], .has_globs = true};
        if (i > 0)
            CU_ASSERT_EQUAL(js_strings_add(&named[i].after, "n*", 2), 0);
        steps[i] = (struct script_step){.entry = {.command = "x",
                                                  .command_len = 1,
                                                  .line = i == 0 ? 1 : 2,
                                                  .attributes = &named[i]}};
    }
    steps[3] = steps[2];
    steps[3].entry.line = 3;
    struct js_attributes last = named[2];
    last.name = NULL;
    steps[3].entry.attributes = &last;
    struct js_buf log = JS_BUF_INIT;
    bool is_freed;
    struct js_intake *intake = intake_of(script_new(steps, 4, &is_freed));
    take_all(intake, &log);
    check_log(&log, "1:n1:x;2w:n2:x;3w:n3:x;4w::x;");
    js_graph_ended(graph, 1, true);
    CU_ASSERT_EQUAL(js_graph_next_ready(graph), 2);
    CU_ASSERT_EQUAL(js_graph_next_ready(graph), 3);
    CU_ASSERT_EQUAL(js_graph_next_ready(graph), 0);
    release(intake);
    js_buf_release(&named[1].after.bytes);
    js_buf_release(&named[2].after.bytes);
}

static void add_warning(void *arg, enum js_warning kind, const char *text)
{
    js_buf_printf(arg, "%d %.40s;", (int)kind, text);
}

static void test_warnings_point_to_the_entry(void)
{
    char path[] = "/tmp/jobsched-unit-none", name[] = "n";
    struct js_attributes first = {.nodes = 1, .cores = 1, .name = name};
    struct js_attributes second = {.nodes = 1, .cores = 1};
    first.stdout_path = path;
    second.stderr_path = path;
    CU_ASSERT_EQUAL(js_strings_add(&second.after, "n", 1), 0);
    const struct script_step steps[] = {
        JOB("sleep 1 &"),
        {.entry = {.command = "c", .command_len = 1, .attributes = &first}},
        {.entry = {.command = "d", .command_len = 1, .attributes = &second}},
    };
    struct js_buf log = JS_BUF_INIT, warnings = JS_BUF_INIT;
    bool is_freed;
    struct js_intake *intake = intake_of(
        script_new(steps, sizeof(steps) / sizeof(steps[0]), &is_freed));
    const struct js_intake_checks checks = {.warn = add_warning,
                                            .arg = &warnings};
    CU_ASSERT_EQUAL(js_intake_set_checks(intake, &checks), 0);
    take_all(intake, &log);
    check_log(&log, "1::sleep 1 &;2:n:c;3w::d;");
    check_log(&warnings, "1 step 1, byte 0: warning: this command le;"
                         "3 step 3, stderr 0: warning: stderr=/tmp/j;");
    release(intake);
    js_buf_release(&second.after.bytes);
}

/* Through a glob one job comes after another as it does through a name. */
static void test_files_of_jobs_that_a_glob_orders(void)
{
    static const char list[] =
        "[name=a1 stdout=/tmp/jobsched-unit-none] x\n"
        "[name=a2] x\n[after=a* name=b] x\n[name=a3] x\n[after=a*] x\n"
        "[after=b,a? stderr=/tmp/jobsched-unit-none] x\n"
        "[after=a3 stdout=/tmp/jobsched-unit-none] x\n";
    struct js_buf log = JS_BUF_INIT, warnings = JS_BUF_INIT;
    struct js_intake *intake = intake_of(js_jobfile_new("f"));
    const struct js_intake_checks checks = {.warn = add_warning,
                                            .arg = &warnings};
    CU_ASSERT_EQUAL(js_intake_set_checks(intake, &checks), 0);
    CU_ASSERT_EQUAL(js_intake_feed(intake, list, strlen(list)), 0);
    js_intake_feed(intake, NULL, 0);
    take_all(intake, &log);
    check_log(&log,
              "1:a1:x;2:a2:x;3w:b:x;4:a3:x;5w::x;6w::x;"
              "!f:7:18: stdout=/tmp/jobsched-unit-none: the job on line 6 "
              "writes to the same file, and neither job comes after the "
              "other;");
    check_log(&warnings, "3 f:6:20: warning: stderr=/tmp/jobsched-un;");
    release(intake);
}

static void test_without_a_reader(void)
{
    CU_ASSERT_PTR_NULL(js_intake_new("f", NULL, NULL, NULL));
    js_intake_free(NULL);
}

static const struct unit_test tests[] = {
    {"our lists", test_lists},
    {"mistakes and their places", test_mistakes_and_their_places},
    {"any reader", test_any_reader},
    {"a glob leaves out its own line", test_a_glob_leaves_out_its_own_line},
    {"warnings point to the entry", test_warnings_point_to_the_entry},
    {"files of jobs that a glob orders", test_files_of_jobs_that_a_glob_orders},
    {"without a reader", test_without_a_reader},
    {NULL, NULL},
};
const struct unit_suite suite_intake = {"intake", tests};
