/* from_disbatch: task files of disBatch. */
#include "from_scene.h"

#include "list/from/disbatch.h"

static struct js_reader *disbatch(void)
{
    return js_from_disbatch_new("runs/f");
}

static void check(const char *text, const char *expected)
{
    from_scene_check(disbatch, text, expected);
}

/* A task: its line, its id, its index in REPEAT, each with six digits, and its
 * command as it is quoted. */
#define TASK(line, id, id6, line6, index, index6, command)                     \
    line ": env=DISBATCH_NAMETASKS=f env=DISBATCH_TASKID=" id                  \
         " env=DISBATCH_TASKID_ZP=" id6 " env=DISBATCH_STREAM_INDEX=" line     \
         " env=DISBATCH_STREAM_INDEX_ZP=" line6                                \
         " env=DISBATCH_REPEAT_INDEX=" index                                   \
         " env=DISBATCH_REPEAT_INDEX_ZP=" index6                               \
         " | DISBATCH_CORES_PER_TASK=$JOBSCHED_CORES bash -c " command "\n"
#define ONE(line, id, command)                                                 \
    TASK(line, id, "00000" id, "00000" line, "-1", "-00001", command)
#define REP(line, id, index, index6, command)                                  \
    TASK(line, id, "00000" id, "00000" line, index, index6, command)

static void test_the_example(void)
{
    check("#DISBATCH PREFIX cd runs && ./sim --seed \n"
          "#DISBATCH SUFFIX  > out.${DISBATCH_TASKID_ZP}\n"
          "17\n"
          "18\n"
          "#DISBATCH BARRIER\n"
          "#DISBATCH REPEAT 3 start 100 step 50 ${DISBATCH_REPEAT_INDEX}\n",
          ONE("3", "0",
              "'cd runs && ./sim --seed 17 > out.${DISBATCH_TASKID_ZP}'") //
          ONE("4", "1",
              "'cd runs && ./sim --seed 18 > out.${DISBATCH_TASKID_ZP}'") //
          "wait\n"
          /* The barrier has taken an id. */
          REP("6", "3", "100", "000100",
              "'cd runs && ./sim --seed ${DISBATCH_REPEAT_INDEX} > "
              "out.${DISBATCH_TASKID_ZP}'") //
          REP("6", "4", "150", "000150",
              "'cd runs && ./sim --seed ${DISBATCH_REPEAT_INDEX} > "
              "out.${DISBATCH_TASKID_ZP}'") //
          REP("6", "5", "200", "000200",
              "'cd runs && ./sim --seed ${DISBATCH_REPEAT_INDEX} > "
              "out.${DISBATCH_TASKID_ZP}'"));
}

static void test_lines(void)
{
    check("", "");
    check("\n  # x\n# y\n\t\n#disbatch REPEAT 5 a\n #DISBATCH BARRIER\n a \n",
          ONE("7", "0", "' a '"));
    check("a\r\nb\r\n\r\nc",
          ONE("1", "0", "a") ONE("2", "1", "b") ONE("4", "2", "c"));
    /* A CR ends a line that has the same number, as in disBatch. */
    check("a\rb\r\rc\nd", ONE("1", "0", "a") ONE("1", "1", "b")
                              ONE("1", "2", "c") ONE("2", "3", "d"));
    check("#DISBATCHX\n", ONE("1", "0", "'#DISBATCHX'"));
}

static void test_prefix_and_suffix(void)
{
    check("#DISBATCH prefix (\n#DISBATCH Suffix )\na\n#DISBATCH SUFFIX \nb\n"
          "#DISBATCH PREFIX \nc\n",
          ONE("3", "0", "'(a)'") ONE("5", "1", "'(b'") ONE("7", "2", "c"));
    check("#DISBATCH PREFIX\n#DISBATCH  SUFFIX x\n",
          "runs/f:1:11: unknown directive \"PREFIX\": there are PREFIX, "
          "SUFFIX, REPEAT and BARRIER, with one blank before and "
          "after each\n"
          "runs/f:2:11: unknown directive \" SUFFIX x\": there are PREFIX, "
          "SUFFIX, REPEAT and BARRIER, with one blank before and "
          "after each\n");
}

static void test_repeat(void)
{
    check("#DISBATCH REPEAT 2 a\n",
          REP("1", "0", "0", "000000", "a") REP("1", "1", "1", "000001", "a"));
    check("#DISBATCH repeat  1  START  3  Step 5  a b\n",
          REP("1", "0", "3", "000003", "' a b'"));
    check("#DISBATCH REPEAT 2 step 7 a\n",
          REP("1", "0", "0", "000000", "a") REP("1", "1", "7", "000007", "a"));
    /* start must come first: here it is part of the command. */
    check("#DISBATCH REPEAT 1 step 2 start 3 a\n",
          REP("1", "0", "0", "000000", "'start 3 a'"));
    check("#DISBATCH REPEAT 1 start 7x\n#DISBATCH REPEAT 1 start\n",
          REP("1", "0", "0", "000000", "'start 7x'")
              REP("2", "1", "0", "000000", "start"));
    /* Prefix and suffix alone. */
    check("#DISBATCH PREFIX a\n#DISBATCH REPEAT 1\n#DISBATCH REPEAT 0 b\n"
          "#DISBATCH REPEAT 1 start 4\nc\n",
          REP("2", "0", "0", "000000", "a") REP("4", "1", "4", "000004", "a")
              ONE("5", "2", "ac"));
    check("#DISBATCH REPEAT\n#DISBATCH REPEAT x a\n#DISBATCH REPEAT 5x\n"
          "#DISBATCH REPEAT -1 a\n#DISBATCH REPEAT 99999999999 a\n",
          "runs/f:1:17: REPEAT must be followed by the number of tasks\n"
          "runs/f:2:17: REPEAT must be followed by the number of tasks\n"
          "runs/f:3:17: REPEAT must be followed by the number of tasks\n"
          "runs/f:4:17: REPEAT must be followed by the number of tasks\n"
          "runs/f:5:17: REPEAT must be followed by the number of tasks\n");
}

static void test_barriers(void)
{
    check("a\n#DISBATCH BARRIER\n#DISBATCH BARRIERS key\n#DISBATCH BARRIER  "
          "CHECK\n#DISBATCH BARRIER check\nb\n",
          ONE("1", "0", "a") "wait\nwait\nwait\nwait\n" ONE("6", "5", "b"));
    check("#DISBATCH BARRIER CHECK\na\n#DISBATCH BARRIER CHECKS key\nb\n"
          "#DISBATCH barrier\n",
          "wait ok\n" ONE("2", "1", "a") "wait ok\n" ONE("4", "3", "b") //
          "runs/f:5:11: unknown directive \"barrier\": there are PREFIX, "
          "SUFFIX, REPEAT and BARRIER, with one blank before and "
          "after each\n");
}

static void test_what_is_not_supported(void)
{
    check("#DISBATCH PERENGINE START cp model.bin \"$TMPDIR\"\n",
          "runs/f:1:11: PERENGINE is not supported: put the command in front "
          "of each task (#DISBATCH PREFIX)\n");
    check("a\nb $DISBATCH_ENGINE_RANK\n#DISBATCH SUFFIX  "
          "${DISBATCH_CYLINDER_RANK}\nc\n#DISBATCH REPEAT 2 $DISBATCH_JOBID\n"
          "#DISBATCH SUFFIX \nd\n",
          ONE("1", "0", "a") //
          "runs/f:2:3: DISBATCH_ENGINE_RANK is not set here: $JOBSCHED_NODE is "
          "the host of a job\n"
          "runs/f:4:3: DISBATCH_CYLINDER_RANK is not set here: $JOBSCHED_SLAVE "
          "and $JOBSCHED_SLOT say where a job runs\n"
          "runs/f:5:1: DISBATCH_JOBID is not set here: $SLURM_JOB_ID is the id "
          "of the batch job\n" //
          ONE("7", "3", "d"));
}

static const struct unit_test tests[] = {
    {"the example", test_the_example},
    {"lines", test_lines},
    {"prefix and suffix", test_prefix_and_suffix},
    {"repeat", test_repeat},
    {"barriers", test_barriers},
    {"what is not supported", test_what_is_not_supported},
    {NULL, NULL},
};

const struct unit_suite suite_from_disbatch = {"from_disbatch", tests};
