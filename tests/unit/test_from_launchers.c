/* from_launchers: lists without directives, in which every line is a command:
 * those of TACC's launcher, of pylauncher and of GLOST. */
#include "from_scene.h"

#include "list/from/glost.h"
#include "list/from/launcher.h"
#include "list/from/pylauncher.h"

static struct js_reader *launcher(void)
{
    return js_from_launcher_new("f");
}

static struct js_reader *pylauncher(void)
{
    return js_from_pylauncher_new("f");
}

static struct js_reader *glost(void)
{
    return js_from_glost_new("f");
}

/* ---------------------------------------------------------------- launcher */

static void test_launcher(void)
{
    from_scene_check(launcher, "", "");
    from_scene_check(launcher,
                     "./sim 1 > out.$LAUNCHER_JID\n"
                     "# nothing\n\n"
                     "  \r\n"
                     "echo 'a'; cd x",
                     "1: env=LAUNCHER_JID=1 | bash -c './sim 1 > "
                     "out.$LAUNCHER_JID'\n"
                     "2: env=LAUNCHER_JID=2 | bash -c '# nothing'\n"
                     "4: env=LAUNCHER_JID=3 | bash -c '  '\n"
                     "5: env=LAUNCHER_JID=4 | bash -c 'echo '\\''a'\\''; cd "
                     "x'\n");
    from_scene_check(launcher, "\n\n", "");
    from_scene_check(launcher, "wait\n[cores=2] x\n",
                     "1: env=LAUNCHER_JID=1 | bash -c wait\n"
                     "2: env=LAUNCHER_JID=2 | bash -c '[cores=2] x'\n");
}

static void test_launcher_lines_for_others(void)
{
    static const char *const lost[] = {
        "cd sub", " cd", "X=5", "A=1 b2=", "export X=1", "set -e", "umask 077"};
    static const char *const kept[] = {"cd sub; ./a", "X=5 ./a", "cdrom x",
                                       "cd a && b",   "2=x",     "=x",
                                       "echo X=5",    "# X=5",   " "};
    char expected[300];
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        const char *quote = strchr(lost[i], ' ') ? "'" : "";
        snprintf(expected, sizeof(expected),
                 "f:1:1: this job has a shell of its own, so the line does not "
                 "change the jobs below it: put it into their lines\n"
                 "1: env=LAUNCHER_JID=1 | bash -c %s%s%s\n",
                 quote, lost[i], quote);
        from_scene_check(launcher, lost[i], expected);
    }
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        const char *quote = strchr(kept[i], ' ') ? "'" : "";
        snprintf(expected, sizeof(expected),
                 "1: env=LAUNCHER_JID=1 | bash -c %s%s%s\n", quote, kept[i],
                 quote);
        from_scene_check(launcher, kept[i], expected);
    }
}

static void test_launcher_variables(void)
{
    from_scene_check(
        launcher,
        "a\nsleep $LAUNCHER_TSK_ID; b\n./c ${LAUNCHER_NPROCS}\n"
        "d $LAUNCHER_NJOBS $LAUNCHER_TSK_ID\n"
        "e ${LAUNCHER_TSK_ID:-0}$\nf $LAUNCHER_TSK_IDS\n$",
        "1: env=LAUNCHER_JID=1 | bash -c a\n"
        "f:2:7: LAUNCHER_TSK_ID is not set here: $JOBSCHED_SLAVE and "
        "$JOBSCHED_SLOT say where a job runs\n"
        "f:3:5: LAUNCHER_NPROCS is not set here: write the number of slots "
        "instead\n"
        "f:4:3: LAUNCHER_NJOBS is not set here: write the number of jobs "
        "instead\n"
        "5: env=LAUNCHER_JID=5 | bash -c 'e ${LAUNCHER_TSK_ID:-0}$'\n"
        "6: env=LAUNCHER_JID=6 | bash -c 'f $LAUNCHER_TSK_IDS'\n"
        "7: env=LAUNCHER_JID=7 | bash -c '$'\n");
    /* A comment may explain them. */
    from_scene_check(launcher, " # $LAUNCHER_TSK_ID\n",
                     "1: env=LAUNCHER_JID=1 | bash -c ' # $LAUNCHER_TSK_ID'\n");
    from_scene_check(launcher, "h $LAUNCHER_NHOSTS\nh $LAUNCHER_HOST_ID",
                     "f:1:3: LAUNCHER_NHOSTS is not set here: write the number "
                     "of hosts instead\n"
                     "f:2:3: LAUNCHER_HOST_ID is not set here: $JOBSCHED_NODE "
                     "is the host of a job\n");
}

/* -------------------------------------------------------------- pylauncher */

static void test_pylauncher(void)
{
    from_scene_check(pylauncher, "", "");
    from_scene_check(pylauncher,
                     "# no job\n\n  ./a \"PYL_ID\" x-PYLTID.PYL_ID \r\n"
                     " #\n \t\n4,./b PYLTID\n2, c\nPYL_IDPYL_ID",
                     "3: | bash -c './a \"0\" x-0.0'\n"
                     "6: cores=4 | bash -c './b 1'\n"
                     "7: cores=2 | bash -c c\n"
                     "8: | bash -c 33\n");
    from_scene_check(pylauncher, "4 ,a\n12\n,b\n",
                     "1: | bash -c '4 ,a'\n2: | bash -c 12\n"
                     "3: | bash -c ,b\n");
}

static void test_pylauncher_errors(void)
{
    from_scene_check(
        pylauncher, "0,a\n1000001,b\n 3,\nPYL_MPIEXEC ./d\ne PYL_ID\n",
        "f:1:1: the number of cores must be from 1 to 1000000\n"
        "f:2:1: the number of cores must be from 1 to 1000000\n"
        "f:3:3: this line has no command\n"
        "f:4:1: PYL_MPIEXEC stands for ibrun, which jobsched does not know: "
        "write `mpirun -np N` instead\n"
        "5: | bash -c 'e 4'\n");
}

/* ------------------------------------------------------------------- glost */

static void test_glost(void)
{
    from_scene_check(glost, "", "");
    from_scene_check(glost,
                     "./sim 1 # first\n./sim 1 # second\n\n# a comment\n \n"
                     "wait\n[cores=2] x\r\na",
                     "1: | ./sim 1 # first\n2: | ./sim 1 # second\n"
                     "4: | # a comment\n5: |  \n6: | wait\n"
                     "7: | [cores=2] x\n8: | a\n");
}

static void check_long_line(size_t len, const char *expected)
{
    struct js_reader *reader = not_null(glost());
    struct js_entry entry = {.kind = JS_ENTRY_JOB};
    struct js_err err = {""};
    char *line = not_null(malloc(len));
    memset(line, 'a', len);
    CU_ASSERT_EQUAL(js_reader_feed(reader, line, len), 0);
    js_reader_feed(reader, "\nb\n", 3);
    int rc = js_reader_next(reader, &entry, &err);
    if (expected)
        CU_ASSERT_STRING_EQUAL(err.text, expected);
    CU_ASSERT_EQUAL(rc, expected ? -1 : 1);
    CU_ASSERT_TRUE(expected || entry.command_len == len);
    js_reader_free(reader);
    free(line);
}

static void test_long_lines(void)
{
    check_long_line(JS_READER_COMMAND_MAX, NULL);
    check_long_line(JS_READER_COMMAND_MAX + 1,
                    "f:1:1: the line is longer than 16 MiB (16777216 bytes): "
                    "put the command in a script");
}

static const struct unit_test tests[] = {
    {"launcher", test_launcher},
    {"launcher: lines for others", test_launcher_lines_for_others},
    {"launcher: variables", test_launcher_variables},
    {"pylauncher", test_pylauncher},
    {"pylauncher: errors", test_pylauncher_errors},
    {"glost", test_glost},
    {"long lines", test_long_lines},
    {NULL, NULL},
};

const struct unit_suite suite_from_launchers = {"from_launchers", tests};
