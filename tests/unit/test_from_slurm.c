/* from_slurm: batch scripts of Slurm, and their arrays. */
#include "from_scene.h"

#include "list/from/slurm.h"

#include <ctype.h>

static struct js_from_slurm_config config = {.path = "job.sh"};

static struct js_reader *slurm(void)
{
    return js_from_slurm_new("f", &config);
}

/* Without the hash, so that texts can be expected. */
static void strip_hash(char *text)
{
    static const char front[] = " env=JOBSCHED_SCRIPT=";
    char *at;
    while ((at = strstr(text, front))) {
        size_t hash = strlen(front);
        for (; isxdigit((unsigned char)at[hash]); hash++)
            continue;
        CU_ASSERT_EQUAL(hash, strlen(front) + 32);
        memmove(at, at + hash, strlen(at + hash) + 1);
    }
}

static void check(const char *text, const char *expected)
{
    struct js_buf got = JS_BUF_INIT;
    size_t len = strlen(text);
    for (size_t piece = 1; piece <= len + (len == 0); piece++) {
        from_scene_read(&got, slurm, text, len, piece);
        not_null((void *)js_buf_string(&got));
        strip_hash(got.data);
        CU_ASSERT_STRING_EQUAL(got.data, expected);
        if (strcmp(got.data, expected) == 0)
            continue;
        fprintf(stderr, "\n%s---- in pieces of %zu:\n%s---- expected:\n%s",
                text, piece, got.data, expected);
        break;
    }
    js_buf_release(&got);
}

#define ARRAY(id, count, least, most, step)                                    \
    " env=SLURM_ARRAY_TASK_COUNT=" count " env=SLURM_ARRAY_TASK_MIN=" least    \
    " env=SLURM_ARRAY_TASK_MAX=" most " env=SLURM_ARRAY_TASK_STEP=" step       \
    " env=SLURM_ARRAY_TASK_ID=" id
#define EXPORT                                                                 \
    " | export SLURM_SUBMIT_DIR=\"$PWD\" "                                     \
    "SLURM_ARRAY_JOB_ID=\"${SLURM_JOB_ID:-0}\"; "

#define SWEEP(id, file)                                                        \
    "1: name=sweep_" id " env=SLURM_JOB_NAME=sweep env=SLURM_CPUS_ON_NODE=2"   \
    " env=SLURM_CPUS_PER_TASK=2" ARRAY(                                        \
        id, "3", "0", "20", "10") " cores=2 timeout=1800" EXPORT               \
                                  "exec /bin/sh ./job.sh >out/sweep." file     \
                                  " 2>&1\n"

static void test_the_example(void)
{
    check("#!/bin/sh\n"
          "#SBATCH --job-name=sweep --array=0-20:10\n"
          "#SBATCH --cpus-per-task=2 --time=00:30:00\n"
          "#SBATCH --output=out/%x.%3a\n"
          "./sim --angle \"$SLURM_ARRAY_TASK_ID\"\n",
          SWEEP("0", "000") SWEEP("10", "010") SWEEP("20", "020"));
}

/* ---------------------------------------------------------------- arrays */

/* Which elements an array has, and its step. */
static void check_array(const char *array, const char *expected)
{
    char text[200], got[200] = "";
    struct js_entry entry = {.kind = JS_ENTRY_JOB};
    struct js_err err = {""};
    struct js_reader *reader = not_null(slurm());
    snprintf(text, sizeof(text), "#!/bin/sh\n#SBATCH --array=%s\n", array);
    js_reader_feed(reader, text, strlen(text));
    js_reader_feed(reader, "", 0);
    int rc;
    while ((rc = js_reader_next(reader, &entry, &err)) > 0) {
        const char *variable = NULL, *step = NULL;
        while ((variable = js_strings_next(&entry.attributes->env, variable))) {
            if (strncmp(variable, "SLURM_ARRAY_TASK_STEP=", 22) == 0)
                step = variable + 22;
        }
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s/%s ",
                 entry.attributes->name, step ? step : "");
    }
    CU_ASSERT_STRING_EQUAL(rc < 0 ? err.text : got, expected);
    js_reader_free(reader);
}

static void test_arrays(void)
{
    check_array("3", "job.sh_3/1 ");
    check_array("1-3", "job.sh_1/1 job.sh_2/1 job.sh_3/1 ");
    check_array("0-5:2", "job.sh_0/2 job.sh_2/2 job.sh_4/2 ");
    /* In ascending order, each once. */
    check_array("7,1-3,2,0", "job.sh_0/1 job.sh_1/1 job.sh_2/1 job.sh_3/1 "
                             "job.sh_7/1 ");
    check_array("[1-2],[5]", "job.sh_1/1 job.sh_2/1 job.sh_5/1 ");
    check_array("4000000", "job.sh_4000000/1 ");
    check_array("4000001", "f:2:17: --array=4000001: an index must be a whole "
                           "number from 0 to 4000000");
    check_array("1,x", "f:2:19: --array=1,x: an index must be a whole number "
                       "from 0 to 4000000");
    check_array("3-1", "f:2:17: --array=3-1: a range must go upwards");
    check_array("1-3:0", "f:2:17: --array=1-3:0: a step must be a whole number "
                         "from 1 to 4000000");
    check_array("1-9%4",
                "f:2:20: --array=1-9%4: jobsched cannot limit how many "
                "elements run at a time: leave out %N to run as many as there "
                "is room for");
    check_array("1;2", "f:2:18: --array=1;2: must be indices (3), ranges (1-5) "
                       "or ranges with a step (0-90:10), separated by commas");
    check_array("1,", "f:2:18: --array=1,: must be indices (3), ranges (1-5) "
                      "or ranges with a step (0-90:10), separated by commas");
    config.array = "5-6";
    check_array("1-9%4", "job.sh_5/1 job.sh_6/1 ");
    config.array = "5-";
    check_array("1", "--array=5-: an index must be a whole number from 0 to "
                     "4000000");
    config.array = NULL;
}

/* ---------------------------------------------------------------- options */

/* What a script without an array asks for, with these options. */
static void check_options(const char *options, const char *expected)
{
    char text[300], entry[500];
    snprintf(text, sizeof(text), "#!/bin/sh\n#SBATCH %s\n", options);
    snprintf(entry, sizeof(entry),
             "1: name=job.sh env=SLURM_JOB_NAME=job.sh%s\n", expected);
    check(text, entry);
}

static void check_bad_options(const char *options, const char *expected)
{
    char text[300], message[500];
    snprintf(text, sizeof(text), "#!/bin/sh\n#SBATCH %s\n", options);
    snprintf(message, sizeof(message), "f:2:%s\n", expected);
    struct js_buf got = JS_BUF_INIT;
    from_scene_read(&got, slurm, text, strlen(text), 7);
    not_null((void *)js_buf_string(&got));
    /* The script goes on without the bad option. */
    char *end = strchr(got.data, '\n');
    if (end)
        end[1] = '\0';
    CU_ASSERT_STRING_EQUAL(got.data, message);
    if (strcmp(got.data, message) != 0)
        fprintf(stderr, "\n%s", got.data);
    js_buf_release(&got);
}

#define CPUS(count) " env=SLURM_CPUS_ON_NODE=" count
#define RUN " | export SLURM_SUBMIT_DIR=\"$PWD\"; exec /bin/sh ./job.sh"

static void test_requests(void)
{
    check_options("-c 3", CPUS("3") " env=SLURM_CPUS_PER_TASK=3 cores=3" RUN);
    check_options("-c3 -n 4",
                  CPUS("12") " env=SLURM_CPUS_PER_TASK=3 env=SLURM_NTASKS=4 "
                             "cores=12" RUN);
    check_options("--nodes=2 --ntasks 5",
                  CPUS("3") " env=SLURM_NTASKS=5 nodes=2 cores=3" RUN);
    check_options("-N 2-2 --ntasks-per-node=4 --mem-per-cpu=500",
                  CPUS("4") " env=SLURM_NTASKS_PER_NODE=4 nodes=2 cores=4 "
                            "mem=2000" RUN);
    check_options("--mem 4G", CPUS("1") " mem=4096" RUN);
    check_options("--mem=100", CPUS("1") " mem=100" RUN);
    check_options("--mem=2048KB", CPUS("1") " mem=2" RUN);
    check_options("--gpus=2", CPUS("1") " gpus=2" RUN);
    check_options("-G a100:3 -N 2", CPUS("1") " nodes=2 gpus=2" RUN);
    check_options("--gres=gpu:4", CPUS("1") " gpus=4" RUN);
    check_options("--gres=gpu", CPUS("1") " gpus=1" RUN);
    check_options("--gres=gpu:v100:2", CPUS("1") " gpus=2" RUN);
    check_options("--gpus-per-task=2 -n 3",
                  CPUS("3") " env=SLURM_NTASKS=3 cores=3 gpus=6" RUN);
    check_options("-t 90", CPUS("1") " timeout=5400" RUN);
    check_options("-t 1:30", CPUS("1") " timeout=90" RUN);
    check_options("-t 2:00:30", CPUS("1") " timeout=7230" RUN);
    check_options("-t 1-12", CPUS("1") " timeout=129600" RUN);
    check_options("-t 1-0:10", CPUS("1") " timeout=87000" RUN);
    check_options("-t 1-0:0:1", CPUS("1") " timeout=86401" RUN);
    check_options("-t UNLIMITED", CPUS("1") RUN);
    check_options("--export=ALL -t 0", CPUS("1") RUN);
}

static void test_bad_requests(void)
{
    check_bad_options("-c 0", "12: --cpus-per-task=0: must be a whole number "
                              "from 1 to 1000000");
    check_bad_options("--nodes=2-4",
                      "17: --nodes=2-4: a job here has a fixed number of "
                      "nodes");
    check_bad_options("--mem=0", "15: --mem=0: all of a node's memory cannot "
                                 "be asked for; write how much it is");
    check_bad_options("--mem=4X",
                      "15: --mem=4X: must be a size such as 500M or 4G");
    check_bad_options("--gres=craynetwork:1",
                      "16: --gres=craynetwork:1: jobsched knows only gpu, "
                      "gpu:N and gpu:TYPE:N");
    check_bad_options("--time=1:2:3:4",
                      "16: --time=1:2:3:4: must be a time such as 90 "
                      "(minutes), 30:00, 12:00:00 or 1-12");
    check_bad_options("--export=NONE",
                      "18: --export=NONE: a job here always gets all "
                      "variables: unset or set them in the script");
    check_bad_options("--open-mode=x", "21: --open-mode=x: must be \"append\" "
                                       "or \"truncate\"");
    check_bad_options("-d afterok:4",
                      "12: --dependency cannot be honoured: the other job is "
                      "not one of this run");
    check_bad_options("--exclusive",
                      "9: --exclusive cannot be honoured: ask for the cores of "
                      "a node with --cpus-per-task");
    check_bad_options("--cpus-per-taks=2",
                      "9: \"--cpus-per-taks\" is no option that jobsched knows "
                      "(did you mean --cpus-per-task?)");
    check_bad_options("foo", "9: \"foo\" is no option that jobsched knows");
    check_bad_options("hetjob", "9: jobsched has no jobs of several "
                                "components");
    check_bad_options("--mem", "9: --mem needs a value");
    check_bad_options("-J 'a b", "12: this quotation is not closed");
    check(
        "#!/bin/sh\n#SBATCH -n 1000000 -c 2\n",
        "f:1:1: a job asks for 2000000 cores and 0 GPUs of each node; at most "
        "1000000 and 1000 are possible\n");
}

static void test_words(void)
{
    check_options("-J 'job.sh' # -c 4", CPUS("1") RUN);
    check_options("-J job\\.sh#-c 4", CPUS("1") RUN);
    check_options("--job-name=\"job.sh\"\t-c \"2\"",
                  CPUS("2") " env=SLURM_CPUS_PER_TASK=2 cores=2" RUN);
    /* #SBATCH ends at the first command. */
    check("#!/bin/sh\n\n# x\n  # y\n#SBATCH -c 2\ntrue\n#SBATCH -c 3\n",
          "1: name=job.sh env=SLURM_JOB_NAME=job.sh" CPUS(
              "2") " env=SLURM_CPUS_PER_TASK=2 cores=2" RUN "\n");
    check("#!/bin/sh\n#SLURM -c 2\n",
          "1: name=job.sh env=SLURM_JOB_NAME=job.sh" CPUS(
              "2") " env=SLURM_CPUS_PER_TASK=2 cores=2" RUN "\n");
    check("#!/bin/sh\n #SBATCH -c 2\n",
          "1: name=job.sh env=SLURM_JOB_NAME=job.sh" CPUS("1") RUN "\n");
    /* What decides only where and when it runs. */
    check("#!/bin/sh\n#SBATCH -p long --account=x\n#SBATCH --mail-type ALL\n"
          "#SBATCH --array=1-2 --requeue\n",
          "f:1:1: these options have no meaning here and are ignored: "
          "--partition, --account, --mail-type, --requeue\n"
          "1: name=job.sh_1 env=SLURM_JOB_NAME=job.sh" CPUS("1")
              ARRAY("1", "2", "1", "2", "1") EXPORT
          "exec /bin/sh ./job.sh\n"
          "1: name=job.sh_2 env=SLURM_JOB_NAME=job.sh" CPUS("1")
              ARRAY("2", "2", "1", "2", "1") EXPORT "exec /bin/sh ./job.sh\n");
}

static void test_scripts(void)
{
    static const char not_one[] =
        "f:1:1: this is not a batch script: its first line must begin with #! "
        "and name the program that runs it\n";
    static const char *const args[] = {"a", "b c", NULL};
    check("", not_one);
    check("echo\n#SBATCH -c 2\n", not_one);
    check("#! \n", not_one);
    check("#! /usr/bin/env  python3 -u \n",
          "1: name=job.sh env=SLURM_JOB_NAME=job.sh" CPUS(
              "1") " | export SLURM_SUBMIT_DIR=\"$PWD\"; exec /usr/bin/env "
                   "'python3 -u' ./job.sh\n");
    config.is_stream = true;
    check("#!/bin/sh\n", "f:1:1: a batch script must be a file, because its "
                         "jobs run it\n");
    config.is_stream = false;
    config.args = args;
    config.path = "/x/my job";
    check("#!/bin/bash -l\n",
          "1: name=my job env=SLURM_JOB_NAME=my job" CPUS(
              "1") " | export SLURM_SUBMIT_DIR=\"$PWD\"; exec /bin/bash -l "
                   "'/x/my job' a 'b c'\n");
    config.args = NULL;
    config.path = "job.sh";
}

static void strip_limit(struct js_buf *entries)
{
    static const char limit[] = " timeout=540";
    char *at = not_null(strstr(js_buf_string(entries), limit));
    memmove(at, at + strlen(limit), strlen(at + strlen(limit)) + 1);
    entries->len -= strlen(limit);
}

static void test_identity(void)
{
    struct js_buf a = JS_BUF_INIT, b = JS_BUF_INIT;
    static const char one[] = "#!/bin/sh\ntrue 1\n";
    static const char other[] = "#!/bin/sh\ntrue 2\n";
    static const char limited[] = "#!/bin/sh\n#SBATCH -t 9\ntrue 1\n";
    from_scene_read(&a, slurm, one, strlen(one), 5);
    from_scene_read(&b, slurm, one, strlen(one), 100);
    CU_ASSERT_TRUE(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    from_scene_read(&b, slurm, other, strlen(other), 100);
    CU_ASSERT_FALSE(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    /* What it asks for is no part of what it does. */
    from_scene_read(&b, slurm, limited, strlen(limited), 100);
    CU_ASSERT_TRUE(b.len > a.len);
    strip_limit(&b);
    CU_ASSERT_TRUE(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    js_buf_release(&a);
    js_buf_release(&b);
}

/* ---------------------------------------------------------------- files */

static void test_files(void)
{
    static const char *const names[][2] = {
        {"-o out", " >out 2>&1"},
        {"-e err", " 2>err"},
        {"-o a -e b", " >a 2>b"},
        {"-i in -o a --open-mode=append", " <in >>a 2>&1"},
        {"-o 'a b%%'", " >'a b%' 2>&1"},
        {"-o %x.%j.out", " >job.sh.\"${SLURM_JOB_ID:-0}\".out 2>&1"},
        {"-o %A", " >\"${SLURM_JOB_ID:-0}\" 2>&1"},
        {"-o %N-%u-%n%3t-%s",
         " >\"$JOBSCHED_NODE\"-\"$(id -un)\"-0000-batch 2>&1"},
        {"-o \\\\%x", " >%x 2>&1"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char expected[200];
        snprintf(expected, sizeof(expected), "%s" RUN "%s", CPUS("1"),
                 names[i][1]);
        check_options(names[i][0], expected);
    }
    check_bad_options("-o x%S",
                      "13: --output=x%S: jobsched knows %%, %A, %a, %b, %j, "
                      "%N, %n, %s, %t, %u and %x");
    check_bad_options("-a 1-3 -o x%A",
                      "19: --output=x%A: 3 jobs would write to one file; put "
                      "%a into its name");
    /* It is no file that they would overwrite. */
    check("#!/bin/sh\n#SBATCH -a 1-2 -o /dev/null\n",
          "1: name=job.sh_1 env=SLURM_JOB_NAME=job.sh" CPUS("1")
              ARRAY("1", "2", "1", "2", "1") EXPORT
          "exec /bin/sh ./job.sh >/dev/null 2>&1\n"
          "1: name=job.sh_2 env=SLURM_JOB_NAME=job.sh" CPUS("1")
              ARRAY("2", "2", "1", "2", "1") EXPORT
          "exec /bin/sh ./job.sh >/dev/null 2>&1\n");
    check_bad_options("-a 1-3 --error x%b",
                      "24: --error=x%b: 3 jobs would write to one file; put %a "
                      "into its name");
    check("#!/bin/sh\n#SBATCH -a 7 -o %j-%12a_%b -D 'run dir' -e x\n",
          "1: name=job.sh_7 env=SLURM_JOB_NAME=job.sh" CPUS("1")
              ARRAY("7", "1", "7", "7", "1") EXPORT
          "cd 'run dir' && exec /bin/sh "
          "\"$SLURM_SUBMIT_DIR\"/job.sh "
          ">\"${SLURM_JOB_ID:-0}\"_7-0000000007_7 "
          "2>x\n");
}

static const struct unit_test tests[] = {
    {"the example", test_the_example},
    {"arrays", test_arrays},
    {"requests", test_requests},
    {"bad requests", test_bad_requests},
    {"words", test_words},
    {"scripts", test_scripts},
    {"identity", test_identity},
    {"files", test_files},
    {NULL, NULL},
};

const struct unit_suite suite_from_slurm = {"from_slurm", tests};
