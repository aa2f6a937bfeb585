/* from_parallel_joblog: logs that GNU parallel has written. */
#include "from_scene.h"

#include "list/from/parallel_joblog.h"
#include "list/intake.h"

#define HEADER                                                                 \
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\t"       \
    "Command\n"
#define LINE(seq, exitval, signal, command)                                    \
    seq "\t:\t1795414740.016\t     0.000\t0\t0\t" exitval "\t" signal          \
        "\t" command "\n"

static struct js_reader *joblog(void)
{
    return js_from_parallel_joblog_new("f");
}

static void check(const char *text, const char *expected)
{
    from_scene_check(joblog, text, expected);
}

static void test_jobs(void)
{
    check("", "");
    check(HEADER, "");
    /* By number, not in the order in which they ended. */
    check(HEADER LINE("2", "1", "0", "false") LINE("1", "0", "0", "exit 0")
              LINE("3", "0", "9", "echo a\tb") LINE("4", "-1", "15", "c"),
          "3: name=1 env=PARALLEL_SEQ=1 done | exit 0\n"
          "2: name=2 env=PARALLEL_SEQ=2 | false\n"
          "4: name=3 env=PARALLEL_SEQ=3 | echo a\tb\n"
          "5: name=4 env=PARALLEL_SEQ=4 | c\n");
    check(HEADER LINE("1", "00", "0", "a") LINE("2", "0", "10", "b"),
          "2: name=1 env=PARALLEL_SEQ=1 | a\n"
          "3: name=2 env=PARALLEL_SEQ=2 | b\n");
}

static void test_several_lines_of_a_job(void)
{
    /* Done in any line of it; the command is that of the last. */
    check(HEADER LINE("1", "1", "0", "a") LINE("1", "0", "0", "b")
              HEADER LINE("2", "3", "0", "c") LINE("1", "7", "0", "d")
                  LINE("2", "4", "0", "e"),
          "6: name=1 env=PARALLEL_SEQ=1 done | d\n"
          "7: name=2 env=PARALLEL_SEQ=2 | e\n");
}

static void test_newlines(void)
{
    static const char text[] = HEADER "1\t:\t1\t0\t0\t0\t1\t0\ta\0b\0\n";
    from_scene_check_bytes(joblog, text, sizeof(text) - 1,
                           "2: name=1 env=PARALLEL_SEQ=1 | a\nb\n\n");
}

static void test_torn_lines(void)
{
    check(HEADER LINE("1", "1", "0", "a") "2\t:\t1\t0\t0\t0\t1\t0\trm -rf /h",
          "f:2:1: Line 3 has no newline: the log broke off there, so that line "
          "is not used.\n"
          "2: name=1 env=PARALLEL_SEQ=1 | a\n");
    check(HEADER "1\t:", "f:2:1: the log broke off in its first line\n");
    check(HEADER LINE("4", "1", "0", "a") LINE("2", "0", "0", "b"),
          "f:3:1: 2 jobs up to number 4 had not ended and are not in this log, "
          "so jobsched cannot run them.\n"
          "3: name=2 env=PARALLEL_SEQ=2 done | b\n"
          "2: name=4 env=PARALLEL_SEQ=4 | a\n");
    check(HEADER LINE("2", "1", "0", "a") "3",
          "f:2:1: 1 job up to number 2 had not ended and is not in this log, "
          "so jobsched cannot run it. Line 3 has no newline: the log broke off "
          "there, so that line is not used.\n"
          "2: name=2 env=PARALLEL_SEQ=2 | a\n");
}

static void test_errors(void)
{
    static const char foreign[] =
        "f:1:1: this is not a joblog of GNU parallel, whose first line begins "
        "with Seq, Host and Starttime\n";
    check("echo a\n", foreign);
    check("\n" HEADER, foreign);
    check("Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\t"
          "Command\tName\tAttempt\n1\n",
          "f:1:66: this is a joblog of jobsched. Start the list that it "
          "belongs to again instead: its journal knows what is left\n");
    check(HEADER "1\t:\n" LINE("x", "0", "0", "a") LINE("0", "0", "0", "a")
              LINE("1", "2", "0", "b") "\n",
          "f:2:3: this line ends after 2 of 9 fields\n"
          "f:3:1: Seq must be a whole number from 1 on\n"
          "f:4:1: Seq must be a whole number from 1 on\n"
          "f:6:1: this line ends after 1 of 9 fields\n"
          "5: name=1 env=PARALLEL_SEQ=1 | b\n");
    check(HEADER LINE("1", "2", "0", "a $PARALLEL_JOBSLOT")
              LINE("2", "0", "0", "a $PARALLEL_JOBSLOT")
                  LINE("3", "2", "0", "a $PARALLEL_SEQ"),
          "f:2:41: PARALLEL_JOBSLOT is not set here: $JOBSCHED_SLAVE and "
          "$JOBSCHED_SLOT say where a job runs\n"
          "3: name=2 env=PARALLEL_SEQ=2 done | a $PARALLEL_JOBSLOT\n"
          "4: name=3 env=PARALLEL_SEQ=3 | a $PARALLEL_SEQ\n");
}

/* ---------------------------------------------------------------- resuming */

static int note_news(void *arg, const struct js_resume_news *news)
{
    static const char letters[] = "+@agbd";
    struct js_buf *to = arg;
    return js_buf_printf(to, " %c%llu", letters[news->change],
                         (unsigned long long)news->id);
}

/* Reads the log twice, as a run does: which jobs run, and what is new. */
static void check_resume(const char *text, struct js_registry *registry,
                         enum js_resume_what what, const char *expected)
{
    struct js_resume resume;
    struct js_buf got = JS_BUF_INIT, news = JS_BUF_INIT;
    js_resume_init(&resume, registry, what, note_news, &news);
    for (int pass = 1; pass <= 2; pass++) {
        struct js_graph *graph = not_null(js_graph_new());
        struct js_intake *intake =
            not_null(js_intake_new("f", joblog(), graph, &resume));
        struct js_job *job;
        js_intake_feed(intake, text, strlen(text));
        js_intake_feed(intake, "", 0);
        while (js_intake_next(intake, &job, NULL) > 0) {
            js_buf_printf(&got, "%s ", job->command);
            js_job_free(job);
        }
        js_resume_describe(&resume.counts, &got);
        js_buf_printf(&got, "%s\n", pass == 1 ? "" : ".");
        js_buf_append(&got, news.data, news.len);
        news.len = 0;
        js_intake_free(intake);
        js_graph_free(graph);
        js_resume_rewind(&resume);
    }
    CU_ASSERT_STRING_EQUAL(not_null((void *)js_buf_string(&got)), expected);
    if (strcmp(got.data, expected) != 0)
        fprintf(stderr, "\n%s", got.data);
    js_buf_release(&got);
    js_buf_release(&news);
}

/* Without a journal nothing else says what is done. */
static void test_without_resume(void)
{
    static const char text[] =
        HEADER LINE("1", "0", "0", "a") LINE("2", "1", "0", "b");
    struct js_graph *graph = not_null(js_graph_new());
    struct js_intake *intake =
        not_null(js_intake_new("f", joblog(), graph, NULL));
    struct js_job *job;
    js_intake_feed(intake, text, strlen(text));
    js_intake_feed(intake, "", 0);
    CU_ASSERT_EQUAL_FATAL(js_intake_next(intake, &job, NULL), 1);
    CU_ASSERT_STRING_EQUAL(job->command, "b");
    js_job_free(job);
    CU_ASSERT_EQUAL(js_intake_next(intake, &job, NULL), 0);
    js_intake_free(intake);
    js_graph_free(graph);
}

static void test_what_is_done(void)
{
    static const char text[] =
        HEADER LINE("1", "0", "0", "a") LINE("2", "1", "0", "b");
    struct js_registry *registry = not_null(js_registry_new());
    check_resume(text, NULL, JS_RESUME_ALL,
                 "b 1 done, 1 new: 1 to run\nb 1 done, 1 new: 1 to run.\n");
    check_resume(text, registry, JS_RESUME_ALL,
                 "b 1 done, 1 new: 1 to run\n +1 @1 d1 +2 @2"
                 "b 1 done, 1 left: 1 to run.\n");
    CU_ASSERT_EQUAL(js_registry_get(registry, 1).state, JS_JOB_STATE_SUCCEEDED);
    CU_ASSERT_EQUAL(js_registry_get(registry, 2).state, JS_JOB_STATE_LEFT);
    check_resume(text, registry, JS_RESUME_ALL,
                 "b 1 done, 1 left: 1 to run\nb 1 done, 1 left: 1 to run.\n");
    /* From then on our own record counts, not the log. */
    js_registry_set(registry, 1, JS_JOB_STATE_LEFT);
    check_resume(text, registry, JS_RESUME_ALL,
                 "a b 0 done, 2 left: 2 to run\n"
                 "a b 0 done, 2 left: 2 to run.\n");
    js_registry_free(registry);
    registry = not_null(js_registry_new());
    check_resume(text, registry, JS_RESUME_ONLY_FAILED,
                 "1 done, 1 new: 0 to run\n +1 @1 d1 +2 @2"
                 "1 done, 1 left: 0 to run.\n");
    js_registry_free(registry);
}

static const struct unit_test tests[] = {
    {"jobs", test_jobs},
    {"several lines of a job", test_several_lines_of_a_job},
    {"newlines", test_newlines},
    {"torn lines", test_torn_lines},
    {"errors", test_errors},
    {"what is done", test_what_is_done},
    {"what is done, without a journal", test_without_resume},
    {NULL, NULL},
};

const struct unit_suite suite_from_parallel_joblog = {"from_parallel_joblog",
                                                      tests};
