/* launch: hostfiles, what Slurm says, and the command lines of mpiruns. The
 * launcher itself is in tests/system/launch.bats. */
#include "unit.h"

#include "base/argv.h"
#include "base/clock.h"
#include "cli/command_line.h"
#include "cli/options.h"
#include "launch/hosts.h"
#include "launch/mpirun.h"
#include "launch/slurm.h"
#include "launch/subprocess.h"
#include "record/run_status.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- argv */

static void test_arguments_are_quoted_for_a_shell(void)
{
    struct js_argv argv = JS_ARGV_INIT;
    struct js_buf buf = JS_BUF_INIT;
    js_argv_add(&argv, "/bin/x");
    js_argv_add(&argv, "");
    js_argv_add(&argv, "it's");
    js_argv_addf(&argv, "%d $HOME", 7);
    js_argv_add(&argv, "--a=b,c:d+e@f%g_h");
    CU_ASSERT_EQUAL(js_argv_check(&argv), 0);
    CU_ASSERT_EQUAL(argv.count, 5);
    CU_ASSERT_PTR_NULL(argv.items[5]);
    CU_ASSERT_EQUAL(js_argv_quote(&argv, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf),
                           "/bin/x '' 'it'\\''s' '7 $HOME' --a=b,c:d+e@f%g_h");
    js_buf_release(&buf);
    js_argv_release(&argv);
}

static void test_arguments_grow(void)
{
    struct js_argv argv = JS_ARGV_INIT;
    for (int i = 0; i < 1000; i++)
        js_argv_addf(&argv, "%d", i);
    CU_ASSERT_EQUAL(argv.count, 1000);
    CU_ASSERT_STRING_EQUAL(argv.items[999], "999");
    CU_ASSERT_PTR_NULL(argv.items[1000]);
    js_argv_release(&argv);
}

/* ---------------------------------------------------------------- limits */

static void test_how_many_ranks_a_limit_lets_start(void)
{
    CU_ASSERT_EQUAL(js_limits_ranks(JS_LIMITS_FILES, 0), 0);
    CU_ASSERT_EQUAL(js_limits_ranks(JS_LIMITS_FILES, 64), 0);
    CU_ASSERT_EQUAL(js_limits_ranks(JS_LIMITS_FILES, 80), 4);
    CU_ASSERT_EQUAL(js_limits_ranks(JS_LIMITS_FILES, 1024), 240);
    CU_ASSERT_EQUAL(js_limits_ranks(JS_LIMITS_PROCESSES, 7), 0);
    CU_ASSERT_EQUAL(js_limits_ranks(JS_LIMITS_PROCESSES, 20), 2);
}

/* ---------------------------------------------------------------- hosts */

/* A file with that text; removed by forget(). */
struct file {
    char path[64];
    struct js_hosts hosts;
    struct js_err err;
    int rc;
};

static void read_text(struct file *file, const char *text)
{
    memset(file, 0, sizeof(*file));
    snprintf(file->path, sizeof(file->path), "/tmp/js-hosts-XXXXXX");
    int fd = mkstemp(file->path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    file->rc = js_hosts_read(file->path, &file->hosts, &file->err);
}

static void forget(struct file *file)
{
    js_hosts_release(&file->hosts);
    unlink(file->path);
}

static void expect_host(const struct file *file, size_t i, const char *name,
                        uint32_t slots)
{
    CU_ASSERT_FATAL(i < file->hosts.count);
    CU_ASSERT_STRING_EQUAL(file->hosts.items[i].name, name);
    CU_ASSERT_EQUAL(file->hosts.items[i].slots, slots);
}

static void test_hostfile_is_read(void)
{
    struct file file;
    read_text(&file, "# all\n\n n1 slots=4 max_slots=8 # fast\r\nn2:2\n"
                     "n3 slots=1\nn3 slots=2");
    CU_ASSERT_EQUAL(file.rc, 0);
    CU_ASSERT_EQUAL(file.hosts.count, 3);
    expect_host(&file, 0, "n1", 4);
    expect_host(&file, 1, "n2", 2);
    expect_host(&file, 2, "n3", 3);
    CU_ASSERT_EQUAL(js_hosts_slots(&file.hosts), 9);
    js_hosts_drop(&file.hosts, 1);
    expect_host(&file, 1, "n3", 3);
    CU_ASSERT_EQUAL(js_hosts_slots(&file.hosts), 7);
    forget(&file);
}

/* As PBS has it: a line for each slot. */
static void test_hostfile_of_repeated_names(void)
{
    struct file file;
    read_text(&file, "n1\nn1\nn1\nn2\n");
    CU_ASSERT_EQUAL(file.hosts.count, 2);
    expect_host(&file, 0, "n1", 3);
    expect_host(&file, 1, "n2", 0);
    CU_ASSERT_EQUAL(js_hosts_slots(&file.hosts), 0); /* n2: who knows */
    forget(&file);
}

/* A short name and a full one are of one host. */
static void test_hostfile_of_short_and_full_names(void)
{
    struct file file;
    read_text(&file,
              "n1 slots=2\nN1.example.org slots=3\nn10\nn1x.example.org\n"
              "n2.a.org\nn2.b.org\n");
    CU_ASSERT_EQUAL(file.hosts.count, 5);
    expect_host(&file, 0, "n1", 5);
    expect_host(&file, 1, "n10", 0);
    expect_host(&file, 2, "n1x.example.org", 0);
    expect_host(&file, 3, "n2.a.org", 0);
    forget(&file);
}

static void expect_bad(const char *text, const char *part)
{
    struct file file;
    read_text(&file, text);
    CU_ASSERT_EQUAL(file.rc, -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(file.err.text, part));
    if (!strstr(file.err.text, part))
        fprintf(stderr, "\nlaunch: %s: %s\n", text, file.err.text);
    forget(&file);
}

static void test_hostfile_mistakes(void)
{
    expect_bad("n1 slots=2\nn2 slots=0\n", ":2: the slots of host \"n2\"");
    expect_bad("n1:\n", ":1: the slots of host \"n1\"");
    expect_bad("n1 slots=-1\n", "as in \"n1 slots=4\"");
    expect_bad("n1 slots=99999999999\n", ":1:");
    expect_bad("# nobody\n\n", "names no host: write one per line");
}

/* mpirun hands names on to ssh, and to a shell on the other side. */
static void test_hostfile_of_names_that_are_none(void)
{
    static const char *const bad[] = {"-oProxyCommand=x",
                                      "me@-oProxyCommand=x",
                                      "-",
                                      "n1;reboot",
                                      "$(x)",
                                      "`x`",
                                      "n1'"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "n1 slots=2\n%s slots=2\n", bad[i]);
        expect_bad(text, ":2: \"");
        expect_bad(text, "is not a valid host name");
    }
    struct file file;
    read_text(&file, "me@n1 slots=1\nn-1_x.example.org\n10.0.0.1\n");
    CU_ASSERT_EQUAL(file.rc, 0);
    CU_ASSERT_EQUAL(file.hosts.count, 3);
    forget(&file);
}

static void test_hostfile_is_written(void)
{
    struct file file, copy;
    read_text(&file, "n1 slots=4\nn2\n");
    memset(&copy, 0, sizeof(copy));
    CU_ASSERT_EQUAL(js_hosts_write(file.path, &file.hosts), 0);
    CU_ASSERT_EQUAL(js_hosts_read(file.path, &copy.hosts, &copy.err), 0);
    expect_host(&copy, 0, "n1", 4);
    expect_host(&copy, 1, "n2", 0);
    js_hosts_release(&copy.hosts);
    forget(&file);
}

/* ---------------------------------------------------------------- Slurm */

struct counts {
    uint32_t items[16];
    int count;
};

static void note(void *arg, uint32_t n)
{
    struct counts *counts = arg;
    CU_ASSERT_FATAL(counts->count < 16);
    counts->items[counts->count++] = n;
}

static void test_slurm_counts(void)
{
    struct counts counts = {.count = 0};
    CU_ASSERT_EQUAL(js_slurm_each_count("4(x2),1,12(x1)", note, &counts), 0);
    CU_ASSERT_EQUAL(counts.count, 4);
    CU_ASSERT_EQUAL(counts.items[0], 4);
    CU_ASSERT_EQUAL(counts.items[1], 4);
    CU_ASSERT_EQUAL(counts.items[2], 1);
    CU_ASSERT_EQUAL(counts.items[3], 12);
}

static void test_slurm_counts_that_are_none(void)
{
    static const char *const bad[] = {
        "",      "x",    "4,", "4(2)",   "4(x)", "4(x2", "0",     "-1",
        "4(x0)", "4 ,1", "+4", "4(x2)1", ",4",   "1e3",  "4(x-1)"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct counts counts = {.count = 0};
        CU_ASSERT_EQUAL(js_slurm_each_count(bad[i], note, &counts), -1);
    }
}

/* The job's counts; in a step, whose own are of the step, the CPUs. */
static void test_slurm_tasks(void)
{
    uint64_t tasks = 0;
    struct js_err err;
    setenv("SLURM_JOB_ID", "7", 1);
    setenv("SLURM_TASKS_PER_NODE", "4(x2),1", 1);
    setenv("SLURM_JOB_CPUS_PER_NODE", "8(x3)", 1);
    CU_ASSERT_EQUAL(js_slurm_tasks(&tasks, &err), 0);
    CU_ASSERT_EQUAL(tasks, 9);
    setenv("SLURM_STEP_ID", "0", 1);
    CU_ASSERT_EQUAL(js_slurm_tasks(&tasks, &err), 0);
    CU_ASSERT_EQUAL(tasks, 24);
    setenv("SLURM_NTASKS", "1", 1); /* the step's */
    CU_ASSERT_EQUAL(js_slurm_tasks(&tasks, &err), 0);
    CU_ASSERT_EQUAL(tasks, 24);
    unsetenv("SLURM_STEP_ID");
    CU_ASSERT_EQUAL(js_slurm_tasks(&tasks, &err), 0);
    CU_ASSERT_EQUAL(tasks, 1);
    setenv("SLURM_NTASKS", "12", 1);
    CU_ASSERT_EQUAL(js_slurm_tasks(&tasks, &err), 0);
    CU_ASSERT_EQUAL(tasks, 9);
    unsetenv("SLURM_NTASKS");
    setenv("SLURM_STEP_ID", "0", 1);
    unsetenv("SLURM_JOB_CPUS_PER_NODE");
    CU_ASSERT_EQUAL(js_slurm_tasks(&tasks, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "with -n"));
    unsetenv("SLURM_STEP_ID");
    setenv("SLURM_TASKS_PER_NODE", "many", 1);
    CU_ASSERT_EQUAL(js_slurm_tasks(&tasks, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "SLURM_TASKS_PER_NODE=many"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "with -n"));
    unsetenv("SLURM_TASKS_PER_NODE");
    unsetenv("SLURM_JOB_ID");
}

static int64_t seconds_left(const char *text, int64_t age_s)
{
    char copy[512];
    snprintf(copy, sizeof(copy), "%s", text);
    int64_t left_ns = js_slurm_left_by_ns(copy, age_s * JS_NS_PER_S);
    return left_ns == JS_NEVER_NS ? -1 : left_ns / JS_NS_PER_S;
}

static void test_slurm_time_left(void)
{
    setenv("SLURM_JOB_ID", "7", 1);
    CU_ASSERT_EQUAL(seconds_left("JobId=7 RunTime=00:10:00 TimeLimit=01:00:00 "
                                 "EndTime=2026-01-01T00:00:00 X=1",
                                 -1),
                    3000);
    CU_ASSERT_EQUAL(
        seconds_left("JobId=7 RunTime=1-01:00:05 TimeLimit=2-00:00:00 ", 60),
        23 * 3600 - 5);
    /* Of this job, where there are several. */
    CU_ASSERT_EQUAL(
        seconds_left(
            "JobId=70 RunTime=00:00:01 TimeLimit=00:00:05 \n"
            "JobId=8 ArrayJobId=7 RunTime=00:00:01 TimeLimit=00:00:04\n"
            "JobId=7 HetJobId=7 RunTime=00:00:01 TimeLimit=00:00:03\n",
            -1),
        2);
    /* The clock was set back: the job cannot be younger than its daemon. */
    CU_ASSERT_EQUAL(
        seconds_left("JobId=7 RunTime=00:00:00 TimeLimit=01:00:00 ", 1800),
        1800);
    CU_ASSERT_EQUAL(
        seconds_left("JobId=7 RunTime=INVALID TimeLimit=01:00:00 ", 1800),
        1800);
    /* It was suspended for a while. */
    CU_ASSERT_EQUAL(seconds_left("JobId=7 RunTime=00:10:00 TimeLimit=01:00:00 "
                                 "SuspendTime=None SecsPreSuspend=300 ",
                                 1800),
                    3000);
    CU_ASSERT_EQUAL(
        seconds_left("JobId=7 RunTime=00:10:00 TimeLimit=UNLIMITED ", 1), -1);
    CU_ASSERT_EQUAL(seconds_left("JobId=7 EndTime=Unknown", 1), -1);
    CU_ASSERT_EQUAL(seconds_left("", 1), -1);
    unsetenv("SLURM_JOB_ID");
}

static void test_slurm_components(void)
{
    setenv("SLURM_JOB_ID", "7", 1);
    CU_ASSERT_EQUAL(js_slurm_unused_components(), 0);
    setenv("SLURM_HET_SIZE", "3", 1);
    CU_ASSERT_EQUAL(js_slurm_unused_components(), 2);
    unsetenv("SLURM_JOB_ID");
    CU_ASSERT_EQUAL(js_slurm_unused_components(), 0);
    unsetenv("SLURM_HET_SIZE");
}

/* ---------------------------------------------------------------- mpirun */

static void expect_line(const struct js_mpirun *mpirun, const char *line)
{
    struct js_argv argv = JS_ARGV_INIT;
    struct js_buf buf = JS_BUF_INIT;
    CU_ASSERT_EQUAL(js_mpirun_make(mpirun, &argv), 0);
    CU_ASSERT_EQUAL(js_argv_quote(&argv, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), line);
    if (strcmp(js_buf_string(&buf), line) != 0)
        fprintf(stderr, "\nlaunch: %s\n", js_buf_string(&buf));
    js_buf_release(&buf);
    js_argv_release(&argv);
}

/* A run of three ranks, here or on hosts. */
struct started {
    char program[16], list[4];
    char *command[3];
    struct js_hosts hosts;
    struct js_mpirun mpirun;
};

static void start(struct started *started, const char *mpi)
{
    *started = (struct started){.program = "/bin/jobsched", .list = "a b"};
    started->command[0] = started->program;
    started->command[1] = started->list;
    started->mpirun = (struct js_mpirun){.mpi = js_mpi_of(mpi),
                                         .program = "mpirun",
                                         .ranks = 3,
                                         .hosts = &started->hosts,
                                         .command = started->command};
}

/* As the file `hosts`. */
static void add_host(struct started *started, const char *name, uint32_t slots)
{
    started->mpirun.hostfile = "hosts";
    CU_ASSERT_EQUAL(js_hosts_add(&started->hosts, name, slots), 0);
}

static void test_command_lines_here(void)
{
    struct started started;
    start(&started, "Open MPI 4.0.0");
    expect_line(&started.mpirun,
                "mpirun --oversubscribe --bind-to none --enable-recovery -np 3 "
                "/bin/jobsched 'a b'");
    start(&started, "Open MPI 5.0.7");
    expect_line(&started.mpirun,
                "mpirun --bind-to none --with-ft ulfm --map-by :OVERSUBSCRIBE "
                "-np 3 /bin/jobsched 'a b'");
    start(&started, "MPICH 4.0.2");
    expect_line(&started.mpirun,
                "mpirun -bind-to none -np 3 /bin/jobsched 'a b'");
}

static void test_command_lines_on_hosts(void)
{
    struct started started;
    start(&started, "Open MPI 4.1.4");
    static const char *const names[] = {"NAME", "OTHER", NULL};
    started.mpirun.names = names;
    add_host(&started, "n1", 1);
    add_host(&started, "n2", 1);
    expect_line(&started.mpirun,
                "mpirun --oversubscribe --bind-to none --enable-recovery "
                "--hostfile hosts -x NAME -x OTHER -np 3 /bin/jobsched 'a b'");
    started.mpirun.mpi = JS_OPEN_MPI_5;
    expect_line(&started.mpirun,
                "mpirun --bind-to none --with-ft ulfm --map-by slot "
                "--host n1:2,n2:1 -x NAME -x OTHER -np 3 /bin/jobsched 'a b'");
    started.mpirun.mpi = JS_MPICH;
    expect_line(&started.mpirun, "mpirun -bind-to none -hosts n1:2,n2:1 -np 3 "
                                 "/bin/jobsched 'a b'");
    js_hosts_release(&started.hosts);
}

static void expect_name(const char *said, const char *want)
{
    char name[64] = "";
    CU_ASSERT_EQUAL(js_mpirun_name(said, name, sizeof(name)), *want != '\0');
    CU_ASSERT_STRING_EQUAL(name, want);
}

static void test_which_mpi_an_mpirun_is_of(void)
{
    expect_name("mpirun (Open MPI) 4.1.4\n\nReport bugs to ...\n",
                "Open MPI 4.1.4");
    expect_name("mpirun (Open MPI) 5.0.7", "Open MPI 5.0.7");
    expect_name("HYDRA build details:\n"
                "    Version:                                 4.2.1\n"
                "    Release Date:                            Wed\n",
                "MPICH 4.2.1");
    expect_name("Intel(R) MPI Library for Linux* OS, Version 2021.9 Build 2\n",
                "Intel MPI 2021.9");
    expect_name("usage: mpirun", "");
    expect_name("HYDRA", "");
    expect_name("", "");
}

static void test_end_signals(void)
{
    CU_ASSERT_EQUAL(js_mpirun_end_signal(JS_OPEN_MPI_4), SIGTERM);
    CU_ASSERT_EQUAL(js_mpirun_end_signal(JS_OPEN_MPI_5), SIGALRM);
    CU_ASSERT_EQUAL(js_mpirun_end_signal(JS_MPICH), SIGTERM);
    CU_ASSERT_EQUAL(js_mpirun_hearing_ns(JS_OPEN_MPI_4), 0);
    CU_ASSERT_TRUE(js_mpirun_hearing_ns(JS_OPEN_MPI_5) > 0);
}

/* What is more than the slots is shared by all; fewer fill them in order. */
static void test_ranks_are_spread(void)
{
    struct started started;
    start(&started, "MPICH 4.0.2");
    add_host(&started, "n1", 4);
    add_host(&started, "n2", 0);
    started.mpirun.ranks = 6;
    expect_line(&started.mpirun, "mpirun -bind-to none -hosts n1:5,n2:1 -np 6 "
                                 "/bin/jobsched 'a b'");
    started.mpirun.ranks = 10;
    expect_line(&started.mpirun, "mpirun -bind-to none -hosts n1:7,n2:3 -np 10 "
                                 "/bin/jobsched 'a b'");
    started.mpirun.ranks = 2;
    expect_line(&started.mpirun, "mpirun -bind-to none -hosts n1:4,n2:1 -np 2 "
                                 "/bin/jobsched 'a b'");
    js_hosts_release(&started.hosts);
}

/* ---------------------------------------------------------------- options */

static void expect_command(const char *line, bool is_resumed, const char *want)
{
    char text[256], *argv[16] = {NULL}, *rest = NULL;
    int count = 0;
    struct js_options options;
    struct js_err err;
    struct js_argv command = JS_ARGV_INIT;
    struct js_buf buf = JS_BUF_INIT;
    snprintf(text, sizeof(text), "jobsched %s", line);
    for (char *word = strtok_r(text, " ", &rest); word && count < 15;
         word = strtok_r(NULL, " ", &rest))
        argv[count++] = word;
    CU_ASSERT_EQUAL(js_command_line_read(count, argv, &options, &err), 0);
    js_command_line_for_ranks(count, argv, is_resumed, &command);
    CU_ASSERT_EQUAL(js_argv_quote(&command, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), want);
    js_buf_release(&buf);
    js_argv_release(&command);
}

static void test_what_the_ranks_are_given(void)
{
    expect_command("-n 3 -v list --joblog log", false,
                   "--verbose --joblog=log list");
    expect_command("--fresh --hostfile h --restarts 2 -o out list", false,
                   "--fresh --output=out list");
    /* It starts over until that is done; but some of its time has passed. */
    expect_command("--fresh -n3 --time-limit 5m --joblog --fresh list", true,
                   "--fresh --joblog=--fresh list");
    expect_command("--time-limit 5m list", false, "--time-limit=5m list");
    expect_command("--show-mpirun -- -list", false, "-- -list");
    expect_command("-", false, "-");
    expect_command("--jobs 3", false, "--jobs=3");
}

/* What the ranks are given of their start they understand; a person does not
 * type it. */
static void test_the_command_that_a_run_is_part_of(void)
{
    struct jobsched_config run;
    struct js_options options;
    struct js_argv first = JS_ARGV_INIT, further = JS_ARGV_INIT;
    struct js_launch_config config = {
        .run = &run, .argv = &first, .argv_resumed = &further};
    struct js_rank_command command;
    struct js_err err;
    char name[] = "jobsched", bad[] = "--part-of=7", half[] = "--part=7:1";
    char *lines[][3] = {{name, bad, NULL}, {name, half, NULL}};
    jobsched_config_init(&run);
    run.time_limit_ns = 300 * JS_NS_PER_S;
    js_argv_add(&first, "--time-limit=5m");
    js_argv_add(&first, "list");
    js_argv_add(&further, "list");
    CU_ASSERT_EQUAL_FATAL(js_rank_command_init(&command, &config, &err), 0);
    command.id = UINT64_MAX;

    /* The first start has all of the time limit, a further one what is left. */
    CU_ASSERT_EQUAL_FATAL(js_rank_command_make(&command), 0);
    CU_ASSERT_EQUAL(js_command_line_read((int)command.argv.count,
                                         command.argv.items, &options, &err),
                    0);
    CU_ASSERT_EQUAL(options.config.command, UINT64_MAX);
    CU_ASSERT_EQUAL(options.config.command_restarts, 0);
    CU_ASSERT_EQUAL(options.config.time_limit_ns, run.time_limit_ns);
    command.restarts = 3;
    command.begun_ns -= 100 * JS_NS_PER_S;
    CU_ASSERT_EQUAL_FATAL(js_rank_command_make(&command), 0);
    CU_ASSERT_EQUAL(js_command_line_read((int)command.argv.count,
                                         command.argv.items, &options, &err),
                    0);
    CU_ASSERT_EQUAL(options.config.command_restarts, 3);
    CU_ASSERT(options.config.time_limit_ns > 0);
    CU_ASSERT(options.config.time_limit_ns <= 200 * JS_NS_PER_S);
    CU_ASSERT_STRING_EQUAL(options.config.job_file, "list");
    CU_ASSERT_FALSE(js_rank_command_is_out_of_time(&command));
    command.begun_ns -= 200 * JS_NS_PER_S;
    CU_ASSERT_TRUE(js_rank_command_is_out_of_time(&command));

    CU_ASSERT_EQUAL(js_command_line_read(2, lines[0], &options, &err), -1);
    CU_ASSERT_EQUAL(js_command_line_read(2, lines[1], &options, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "unknown option"));
    js_rank_command_release(&command);
    js_argv_release(&first);
    js_argv_release(&further);
}

/* ---------------------------------------------------------------- status */

static void test_run_status(void)
{
    struct file file;
    struct js_run_status said = {.phase = JS_RUN_BEGUN,
                                 .lease_ns = 7 * JS_NS_PER_S,
                                 .out_bytes = UINT64_MAX},
                         read;
    read_text(&file, "something else\n");
    js_run_status_read(file.path, &read);
    CU_ASSERT_EQUAL(read.phase, JS_RUN_UNKNOWN);
    CU_ASSERT_EQUAL(js_run_status_write(file.path, &said), 0);
    js_run_status_read(file.path, &read);
    CU_ASSERT_EQUAL(read.phase, JS_RUN_BEGUN);
    CU_ASSERT_EQUAL(read.lease_ns, 7 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(read.out_bytes, UINT64_MAX);
    int64_t said_ns = read.said_ns;
    CU_ASSERT(said_ns > 0);
    usleep(20000); /* the clock of a file system ticks */
    said =
        (struct js_run_status){.phase = JS_RUN_ENDED, .status = 3, .lost = 2};
    for (int i = 0; i < 4; i++) {
        said.is_out_of_time = i & 1;
        said.has_run = i & 2;
        CU_ASSERT_EQUAL(js_run_status_write(file.path, &said), 0);
        js_run_status_read(file.path, &read);
        CU_ASSERT_EQUAL(read.is_out_of_time, said.is_out_of_time);
        CU_ASSERT_EQUAL(read.has_run, said.has_run);
    }
    CU_ASSERT_EQUAL(read.phase, JS_RUN_ENDED);
    CU_ASSERT(read.said_ns > said_ns);
    CU_ASSERT_EQUAL(read.status, 3);
    CU_ASSERT_EQUAL(read.lost, 2);
    CU_ASSERT_EQUAL(js_run_status_read_note(file.path, JS_RUN_SIGNAL), 0);
    CU_ASSERT_EQUAL(js_run_status_write_note(file.path, JS_RUN_SIGNAL, SIGINT),
                    0);
    CU_ASSERT_EQUAL(js_run_status_read_note(file.path, JS_RUN_SIGNAL), SIGINT);
    CU_ASSERT_EQUAL(js_run_status_read_note(file.path, JS_RUN_TAKEN), 0);
    CU_ASSERT_EQUAL(
        js_run_status_write_note(file.path, JS_RUN_TAKEN, UINT64_MAX), 0);
    CU_ASSERT_EQUAL(js_run_status_read_note(file.path, JS_RUN_TAKEN),
                    UINT64_MAX);
    js_run_status_forget_note(file.path, JS_RUN_TAKEN);
    CU_ASSERT_EQUAL(js_run_status_read_note(file.path, JS_RUN_TAKEN), 0);
    CU_ASSERT_EQUAL(js_run_status_read_note(file.path, JS_RUN_OUTAGE), 0);
    CU_ASSERT_EQUAL(js_run_status_write_note(file.path, JS_RUN_OUTAGE, ENOSPC),
                    0);
    CU_ASSERT_EQUAL(js_run_status_read_note(file.path, JS_RUN_OUTAGE), ENOSPC);
    char outage[4096];
    CU_ASSERT_EQUAL(
        js_run_status_beside(file.path, ".output", outage, sizeof(outage)), 0);
    CU_ASSERT_EQUAL(unlink(outage), 0);
    CU_ASSERT_EQUAL(
        js_run_status_beside(file.path, ".signal", outage, sizeof(outage)), 0);
    CU_ASSERT_EQUAL(unlink(outage), 0);
    CU_ASSERT_EQUAL(js_run_status_read_note(file.path, JS_RUN_OUTAGE), 0);
    forget(&file);
    js_run_status_read(file.path, &read);
    CU_ASSERT_EQUAL(read.phase, JS_RUN_UNKNOWN);
    CU_ASSERT_EQUAL(js_run_status_write("/nowhere/at/all", &said), -1);
}

static const struct unit_test tests[] = {
    {"arguments are quoted for a shell", test_arguments_are_quoted_for_a_shell},
    {"arguments grow", test_arguments_grow},
    {"how many ranks a limit lets start",
     test_how_many_ranks_a_limit_lets_start},
    {"a hostfile is read", test_hostfile_is_read},
    {"a hostfile of repeated names", test_hostfile_of_repeated_names},
    {"a hostfile of short and full names",
     test_hostfile_of_short_and_full_names},
    {"mistakes of a hostfile", test_hostfile_mistakes},
    {"a hostfile of names that are none", test_hostfile_of_names_that_are_none},
    {"the time left of a Slurm job", test_slurm_time_left},
    {"components of a Slurm job", test_slurm_components},
    {"a hostfile is written", test_hostfile_is_written},
    {"counts of Slurm", test_slurm_counts},
    {"counts that are none", test_slurm_counts_that_are_none},
    {"tasks of a Slurm job", test_slurm_tasks},
    {"command lines for this machine", test_command_lines_here},
    {"command lines for hosts", test_command_lines_on_hosts},
    {"ranks are spread over hosts", test_ranks_are_spread},
    {"signals that end a run", test_end_signals},
    {"the command that a run is part of",
     test_the_command_that_a_run_is_part_of},
    {"what the ranks are given", test_what_the_ranks_are_given},
    {"how a run stands", test_run_status},
    {"which MPI an mpirun is of", test_which_mpi_an_mpirun_is_of},
    {NULL, NULL},
};

const struct unit_suite suite_launch = {"launch", tests};
