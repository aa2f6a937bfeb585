/* from_pmc: DAGs and rescue files of Pegasus MPI Cluster. */
#include "from_scene.h"

#include "list/from/pmc.h"

static struct js_from_pmc_rescue rescue;

static struct js_reader *pmc(void)
{
    return js_from_pmc_new("f", rescue.text ? &rescue : NULL);
}

static void check(const char *text, const char *expected)
{
    from_scene_check(pmc, text, expected);
}

#define ENV(id, memory, cpus)                                                  \
    " env=PMC_TASK=" id " env=PMC_MEMORY=" memory " env=PMC_CPUS=" cpus
#define RUN(command) " | PMC_RANK=$JOBSCHED_SLAVE exec " command "\n"

static void test_the_example(void)
{
    check(
        "# two simulations, then their join\n"
        "TASK sim1 -m 500 -c 2 ./sim --seed 1\n"
        "TASK sim2 -m 500 -c 2 -t 3 ./sim --seed 2\n"
        "TASK join -p 5 ./join \"all runs\" sim1.out sim2.out\n"
        "EDGE sim1 join\n"
        "EDGE sim2 join\n",
        "2: name=sim1" ENV("sim1", "500",
                           "2") " cores=2 mem=500" RUN("./sim --seed 1") //
        "3: name=sim2" ENV("sim2", "500",
                           "2") " cores=2 mem=500 retries=2" RUN("./sim "
                                                                 "--seed 2") //
        "4: name=join after=sim1 after=sim2" ENV(
            "join", "0",
            "1") " priority=5" RUN("./join 'all runs' sim1.out sim2.out"));
}

/* Checks the words of a command, as sh gets them. */
static void check_words(const char *words, const char *expected)
{
    char text[200], entry[300];
    snprintf(text, sizeof(text), "TASK a ./p %s\n", words);
    snprintf(entry, sizeof(entry), "1: name=a" ENV("a", "0", "1") RUN("./p%s"),
             expected);
    check(text, entry);
}

static void test_words(void)
{
    check_words("a  b\tc", " a b c");
    /* Either quotation mark closes, and closing one ends the word. */
    check_words("-c \"echo 'in ner' x\"", " -c 'echo ' in 'ner x'");
    check_words("--k=\"x y\"z", " '--k=x y' z");
    check_words("'' \"\"", " '' ''");
    check_words("'a\\'b' c", " 'a'\\''b' c");
    check_words("a\\ b \\n \\\\ \\\"", " 'a b' n '\\' '\"'");
    check_words("a\\", " 'a\\'");
    check_words("'a  b", " 'a  b'");
    check_words("a '", " a");
    check_words("$HOME * ;&|", " '$HOME' '*' ';&|'");
    check_words("-c 2 --tries 3", " -c 2 --tries 3");
}

static void test_programs(void)
{
    /* As PMC, it prefers what is in the working folder. */
    check("TASK a echo hi\n",
          "1: name=a" ENV("a", "0", "1") " | pmc_exe=echo; [ -f ./echo ] && "
                                         "[ -x ./echo ] && pmc_exe=./echo; "
                                         "PMC_RANK=$JOBSCHED_SLAVE exec "
                                         "\"$pmc_exe\" hi\n");
    check("TASK a \"my prog\"\n",
          "1: name=a" ENV("a", "0",
                          "1") " | pmc_exe='my prog'; [ -f ./'my prog' ] && "
                               "[ -x ./'my prog' ] && pmc_exe=./'my prog'; "
                               "PMC_RANK=$JOBSCHED_SLAVE exec "
                               "\"$pmc_exe\"\n");
    check("TASK a \"\" x\n", "f:1:8: the name of the program is empty\n");
    check("TASK A -c 2\n", "f:1:11: the task \"A\" has no command\n");
    check("TASK A ''\n", "f:1:8: the name of the program is empty\n");
    check("TASK A '\n", "f:1:8: the task \"A\" has no command\n");
}

static void test_lines(void)
{
    check("", "");
    check("\n \t\n# x\n\r\n", "");
    /* The keyword is a prefix, and the case matters. */
    check("  TASKS x /e hi \r\n\tTASK\ty\t/e",
          "1: name=x" ENV("x", "0", "1") RUN("/e hi") //
          "2: name=y" ENV("y", "0", "1") RUN("/e"));
    check("task a /b\n  foo\n", "f:1:1: \"task\" is neither TASK nor EDGE\n"
                                "f:2:3: \"foo\" is neither TASK nor EDGE\n");
    check("TASK\nTASK a\nEDGE\nEDGE a\n",
          "f:1:4: this line is not complete: it must be TASK, an id, options "
          "and the command\n"
          "f:2:6: this line is not complete: it must be TASK, an id, options "
          "and the command\n"
          "f:3:4: this line is not complete: it must be EDGE, the parent's id "
          "and the child's\n"
          "f:4:6: this line is not complete: it must be EDGE, the parent's id "
          "and the child's\n");
    check("#@ 1 trans dax\nTASK a /b\n#@ 1 trans\n#@x\n# @\n",
          "f:3:1: a record of Pegasus needs an id, a transformation and a DAX "
          "id after #@\n"
          "f:4:1: a record of Pegasus needs an id, a transformation and a DAX "
          "id after #@\n"
          "2: name=a" ENV("a", "0", "1") RUN("/b"));
    check("TASK a /b\nTASK a /c\n",
          "f:2:6: there is a task \"a\" already, on line 1\n"
          "1: name=a" ENV("a", "0", "1") RUN("/b"));
}

static void check_options(const char *options, const char *expected)
{
    char text[200], entry[300];
    snprintf(text, sizeof(text), "TASK a %s /b\n", options);
    snprintf(entry, sizeof(entry), "1: name=a%s" RUN("/b"), expected);
    check(text, entry);
}

static void check_bad_option(const char *options, const char *expected)
{
    char text[200], message[300];
    snprintf(text, sizeof(text), "TASK a %s\n", options);
    snprintf(message, sizeof(message), "f:1:%s\n", expected);
    check(text, message);
}

static void test_options(void)
{
    check_options("-m 0.2 -c 0.2", ENV("a", "1", "1") " mem=1");
    check_options("--request-memory 4096 --request-cpus 3.01",
                  ENV("a", "4096", "4") " cores=4 mem=4096");
    /* What stands behind a number is ignored. */
    check_options(
        "-c 2abc -m 500MB -t 3x -p -4y",
        ENV("a", "500", "2") " cores=2 mem=500 retries=2 priority=-4");
    check_options("-t 0", ENV("a", "0", "1") " retries=0");
    check_options("--tries 1", ENV("a", "0", "1") " retries=0");
    check_options("--priority -10", ENV("a", "0", "1") " priority=-10");
    check_options("-c 1 -c 2", ENV("a", "0", "2") " cores=2");
    check("TASK a -c 0 /b\n",
          "f:1:1: this task asks for 0 CPUs; here it takes one core\n"
          "1: name=a" ENV("a", "0", "0") RUN("/b"));
    check_bad_option("-c2 /b", "8: unknown option \"-c2\": PMC has -m, -c, -t, "
                               "-p, -f and -F, each with its value as the next "
                               "word");
    check_bad_option("--tries=3 /b",
                     "8: unknown option \"--tries=3\": PMC has -m, -c, -t, -p, "
                     "-f and -F, each with its value as the next word");
    check_bad_option("-c x /b",
                     "11: -c x: must be a number of CPUs from 0 to 1000000");
    check_bad_option("-m -1 /b", "11: -m -1: must be a number of megabytes");
    check_bad_option("-m nan /b", "11: -m nan: must be a number of megabytes");
    check_bad_option("-m 1e30 /b",
                     "11: -m 1e30: must be a number of megabytes");
    check_bad_option("-t -1 /b",
                     "11: -t -1: must be a whole number from 0 to 1000000");
    check_bad_option("-t '' /b",
                     "11: -t : must be a whole number from 0 to 1000000");
    check_bad_option("-p 1000001 /b", "11: -p 1000001: must be a whole number "
                                      "from -1000000 to 1000000");
    check_bad_option("-p", "8: -p needs a whole number from -1000000 to "
                           "1000000 as the next word");
    check_bad_option("-c 1 -f FOO=./f /b",
                     "13: -f: jobsched does not forward what a task writes; "
                     "let the task write to a file of its own");
    check_bad_option("--file-forward a=b /b",
                     "8: --file-forward: jobsched does not forward what a task "
                     "writes; let the task write to a file of its own");
}

/* ---------------------------------------------------------------- edges */

static void test_order(void)
{
    /* By line, but parents first; an edge given twice counts once. */
    check("TASK c /c\nTASK a /a\nTASK 10 /d\nTASK b /b\n"
          "EDGE b c\nEDGE b a\nEDGE b c\nEDGE 10 c\n",
          "3: name=10" ENV("10", "0", "1") RUN("/d")                //
          "4: name=b" ENV("b", "0", "1") RUN("/b")                  //
          "1: name=c after=10 after=b" ENV("c", "0", "1") RUN("/c") //
          "2: name=a after=b" ENV("a", "0", "1") RUN("/a"));
    check("TASK a /a\nTASK b /b\nEDGE \t a \t b \t\n",
          "1: name=a" ENV("a", "0", "1") RUN("/a") //
          "2: name=b after=a" ENV("b", "0", "1") RUN("/b"));
}

static void test_bad_edges(void)
{
    check("TASK a /a\nEDGE a b\nEDGE x a\nTASK b /b\nEDGE a a\nEDGE a b c\n",
          "f:2:8: no task above this line has the id \"b\"\n"
          "f:3:6: no task above this line has the id \"x\"\n"
          "f:5:8: a task cannot come after itself\n"
          "f:6:8: no task above this line has the id \"b c\"\n"
          "1: name=a" ENV("a", "0", "1") RUN("/a") //
          "4: name=b" ENV("b", "0", "1") RUN("/b"));
    /* No further error follows from a bad task. */
    check("TASK a -x /a\nTASK b /b\nEDGE a b\n",
          "f:1:8: unknown option \"-x\": PMC has -m, -c, -t, -p, -f and -F, "
          "each with its value as the next word\n"
          "2: name=b" ENV("b", "0", "1") RUN("/b"));
}

static void test_cycles(void)
{
    check("TASK a /a\nTASK b /b\nTASK c /c\nTASK d /d\nTASK e /e\n"
          "EDGE a b\nEDGE b c\nEDGE c d\nEDGE d b\nEDGE d e\n",
          "1: name=a" ENV("a", "0", "1") RUN("/a") //
          "f:8:1: these tasks wait for each other, so that none could ever "
          "start: c after b after d after c\n");
    check("TASK a /a\nTASK b /b\nEDGE a b\nEDGE b a\n",
          "f:3:1: these tasks wait for each other, so that none could ever "
          "start: a after b after a\n");
}

/* ---------------------------------------------------------------- rescue */

/* Which of the tasks t1, t10, t2 are done. */
static void check_rescue(const char *text, const char *done)
{
    struct js_reader *reader;
    struct js_entry entry = {.kind = JS_ENTRY_JOB};
    struct js_err err = {""};
    char got[40] = "";
    static const char dag[] = "TASK t1 /a\nTASK t10 /b\nTASK t2 /c\n";
    rescue = (struct js_from_pmc_rescue){text, strlen(text)};
    reader = not_null(pmc());
    rescue.text = NULL;
    js_reader_feed(reader, dag, strlen(dag));
    js_reader_feed(reader, "", 0);
    int rc;
    while ((rc = js_reader_next(reader, &entry, &err)) > 0) {
        if (entry.is_done)
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ",
                     entry.attributes->name);
    }
    CU_ASSERT_STRING_EQUAL(rc < 0 ? err.text : got, done);
    js_reader_free(reader);
}

static void test_rescue(void)
{
    check_rescue("", "");
    check_rescue("\nDONE t1\nDONE t2", "t1 t2 ");
    check_rescue("# x\n\n  DONES \t t10 \r\nDONE t1\n", "t1 t10 ");
    /* PMC takes a torn "DONE t10" for t1, which then never runs. */
    check_rescue("DONE t1", "");
    check_rescue("DONE t1\n", "t1 ");
    check_rescue("DONE t10", "t10 ");
    check_rescue("DONE t2\nDONE", "t2 ");
    check_rescue("DONE t2\nDONE ", "t2 ");
    check_rescue("DONE t2\nDO", "t2 ");
    /* A task that is no longer in the DAG. */
    check_rescue("DONE gone\nDONE t2\n", "t2 ");
    check_rescue("DONE t2\nFOO\n",
                 "f.rescue:2:1: a rescue file must consist of lines with DONE "
                 "and the id of a task");
    check_rescue("DONE\n",
                 "f.rescue:1:1: a rescue file must consist of lines with DONE "
                 "and the id of a task");
}

static const struct unit_test tests[] = {
    {"the example", test_the_example}, {"words", test_words},
    {"programs", test_programs},       {"lines", test_lines},
    {"options", test_options},         {"order", test_order},
    {"bad edges", test_bad_edges},     {"cycles", test_cycles},
    {"rescue", test_rescue},           {NULL, NULL},
};

const struct unit_suite suite_from_pmc = {"from_pmc", tests};
