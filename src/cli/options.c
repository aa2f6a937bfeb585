#include "cli/options.h"

#include "base/buf.h"
#include "base/units.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

struct option_row {
    const char *name;     /* of the long option; NULL: a heading */
    char letter;          /* of the short one, or 0 */
    const char *argument; /* what the help calls its value; NULL: none */
    /* Takes the value (NULL if there is none). 0, or -1 with *err saying what
     * is wrong with it: "is no number". */
    int (*set)(struct js_options *options, const char *value,
               struct js_err *err);
    const char *help; /* lines after the first are indented by js_options_help;
                         NULL: of no concern to a person */
};

/* ---------------------------------------------------------------- values */

static int read_count(const char *value, uint64_t least, uint64_t most,
                      uint64_t *ret, struct js_err *err)
{
    uint64_t count = 0;
    if (js_parse_count(value, &count) < 0 || count < least || count > most)
        return js_err_set(err, "must be a whole number from %llu to %llu",
                          (unsigned long long)least, (unsigned long long)most);
    *ret = count;
    return 0;
}

static int read_count32(const char *value, uint32_t *ret, struct js_err *err)
{
    uint64_t count = 0;
    if (read_count(value, 1, 1000000, &count, err) < 0)
        return -1;
    *ret = (uint32_t)count;
    return 0;
}

static int read_duration(const char *value, int64_t *ret_ns, struct js_err *err)
{
    if (js_parse_duration_ns(value, ret_ns) < 0)
        return js_err_set(err,
                          "must be a duration such as 0.5, 90s, 10m or 2h");
    return 0;
}

static int set_jobs(struct js_options *options, const char *value,
                    struct js_err *err)
{
    options->is_demo_changed = true;
    return read_count(value, 0, UINT64_MAX - 1, &options->config.demo_jobs,
                      err);
}

static int set_duration(struct js_options *options, const char *value,
                        struct js_err *err)
{
    options->is_demo_changed = true;
    return read_duration(value, &options->config.demo_duration_ns, err);
}

static int set_forever(struct js_options *options, const char *value,
                       struct js_err *err)
{
    (void)value;
    (void)err;
    options->is_demo_changed = true;
    options->config.demo_jobs = UINT64_MAX;
    return 0;
}

static int set_demo(struct js_options *options, const char *value,
                    struct js_err *err)
{
    (void)value;
    (void)err;
    options->is_demo = true;
    return 0;
}

static int set_round(struct js_options *options, const char *value,
                     struct js_err *err)
{
    return read_count32(value, &options->config.round_size, err);
}

static int set_barrier(struct js_options *options, const char *value,
                       struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.barrier = true;
    return 0;
}

static int set_slots(struct js_options *options, const char *value,
                     struct js_err *err)
{
    uint64_t slots = 0;
    if (strcmp(value, "all") != 0 && read_count(value, 1, 4096, &slots, NULL))
        return js_err_set(err, "must be \"all\" or a number from 1 to 4096");
    options->config.slots = (uint32_t)slots;
    return 0;
}

static int set_bind(struct js_options *options, const char *value,
                    struct js_err *err)
{
    bool is_core = strcmp(value, "core") == 0;
    if (!is_core && strcmp(value, "none") != 0)
        return js_err_set(err, "must be \"core\" or \"none\"");
    options->config.bind = is_core;
    return 0;
}

static int set_show_map(struct js_options *options, const char *value,
                        struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.show_map = true;
    return 0;
}

static int set_output(struct js_options *options, const char *value,
                      struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "must be a folder, or \"none\"");
    bool is_none = strcmp(value, "none") == 0;
    options->config.output =
        is_none ? JOBSCHED_OUTPUT_NONE : JOBSCHED_OUTPUT_DIR;
    options->config.output_dir = is_none ? NULL : value;
    return 0;
}

static int set_joblog(struct js_options *options, const char *value,
                      struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "needs a file");
    options->config.joblog = value;
    return 0;
}

static int set_tmpdir(struct js_options *options, const char *value,
                      struct js_err *err)
{
    if (value[0] != '/')
        return js_err_set(err, "must be an absolute path, for every host");
    options->config.tmpdir = value;
    return 0;
}

static int set_spool_limit(struct js_options *options, const char *value,
                           struct js_err *err)
{
    uint64_t bytes;
    if (js_parse_size_bytes(value, &bytes) < 0 || bytes == 0)
        return js_err_set(err, "must be a size such as 512M or 2G");
    options->config.spool_limit_bytes = bytes;
    return 0;
}

static int set_grace(struct js_options *options, const char *value,
                     struct js_err *err)
{
    return read_duration(value, &options->config.grace_ns, err);
}

static int set_gpus(struct js_options *options, const char *value,
                    struct js_err *err)
{
    uint64_t gpus = 0;
    if (read_count(value, 0, 1000, &gpus, err) < 0)
        return -1;
    options->config.gpus = (uint32_t)gpus;
    return 0;
}

static int set_strict_mem(struct js_options *options, const char *value,
                          struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.strict_mem = true;
    return 0;
}

static int set_longest_first(struct js_options *options, const char *value,
                             struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "must be the joblog of an earlier run");
    options->config.longest_first = value;
    return 0;
}

static int set_retries(struct js_options *options, const char *value,
                       struct js_err *err)
{
    uint64_t count = 0;
    if (read_count(value, 0, 1000000, &count, err) < 0)
        return -1;
    options->config.retries = (uint32_t)count;
    return 0;
}

/* "300%": of the median. */
static int read_percent(const char *value, uint32_t *ret)
{
    char digits[16];
    uint64_t percent;
    size_t len = strlen(value);
    if (len < 2 || len > sizeof(digits) || value[len - 1] != '%')
        return -1;
    memcpy(digits, value, len - 1);
    digits[len - 1] = '\0';
    if (js_parse_count(digits, &percent) < 0 || percent < 100 ||
        percent > 1000000)
        return -1;
    *ret = (uint32_t)percent;
    return 0;
}

static int set_timeout(struct js_options *options, const char *value,
                       struct js_err *err)
{
    struct jobsched_config *config = &options->config;
    config->timeout_ns = 0;
    config->timeout_percent = 0;
    if (read_percent(value, &config->timeout_percent) == 0)
        return 0;
    if (js_parse_duration_ns(value, &config->timeout_ns) == 0 &&
        config->timeout_ns > 0)
        return 0;
    return js_err_set(err, "must be a duration such as 90s, 10m or 2h, or a "
                           "percentage of the median from 100%% on, such as "
                           "300%%");
}

static int set_max_failures(struct js_options *options, const char *value,
                            struct js_err *err)
{
    return read_count(value, 1, UINT64_MAX, &options->config.max_failures, err);
}

static int set_fail_fast(struct js_options *options, const char *value,
                         struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.fail_fast = true;
    return 0;
}

static int set_allow_leftovers(struct js_options *options, const char *value,
                               struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.allow_leftovers = true;
    return 0;
}

static int set_journal(struct js_options *options, const char *value,
                       struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "must be the name of a file");
    options->config.journal = value;
    return 0;
}

static int set_no_journal(struct js_options *options, const char *value,
                          struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.no_journal = true;
    return 0;
}

static int set_fresh(struct js_options *options, const char *value,
                     struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.fresh = true;
    return 0;
}

static int set_retry_failed(struct js_options *options, const char *value,
                            struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.retry = JOBSCHED_RETRY_ONLY_FAILED;
    return 0;
}

static int set_no_retry_failed(struct js_options *options, const char *value,
                               struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.retry = JOBSCHED_RETRY_NOT_FAILED;
    return 0;
}

static int set_force_lock(struct js_options *options, const char *value,
                          struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.force_lock = true;
    return 0;
}

static int set_sync(struct js_options *options, const char *value,
                    struct js_err *err)
{
    if (strcmp(value, "off") != 0)
        return read_duration(value, &options->config.sync_ns, err);
    options->config.sync_ns = JOBSCHED_NO_SYNC;
    return 0;
}

static int set_time_limit(struct js_options *options, const char *value,
                          struct js_err *err)
{
    if (read_duration(value, &options->config.time_limit_ns, err) < 0)
        return -1;
    if (options->config.time_limit_ns == 0)
        return js_err_set(err, "leaves no time for any job");
    return 0;
}

static int set_start_timeout(struct js_options *options, const char *value,
                             struct js_err *err)
{
    if (read_duration(value, &options->config.start_timeout_ns, err) < 0)
        return -1;
    if (options->config.start_timeout_ns == 0)
        return js_err_set(err, "leaves no time to start");
    return 0;
}

static int set_slave_timeout(struct js_options *options, const char *value,
                             struct js_err *err)
{
    return read_duration(value, &options->config.slave_timeout_ns, err);
}

static int set_check(struct js_options *options, const char *value,
                     struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.action = JOBSCHED_CHECK;
    return 0;
}

static int set_dry_run(struct js_options *options, const char *value,
                       struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.action = JOBSCHED_DRY_RUN;
    return 0;
}

static int set_slaves(struct js_options *options, const char *value,
                      struct js_err *err)
{
    return read_count32(value, &options->slaves, err);
}

static int set_hostfile(struct js_options *options, const char *value,
                        struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "must be the name of a file");
    options->hostfile = value;
    return 0;
}

static int set_restarts(struct js_options *options, const char *value,
                        struct js_err *err)
{
    uint64_t count = 0;
    if (read_count(value, 0, 1000, &count, err) < 0)
        return -1;
    options->restarts = (uint32_t)count;
    return 0;
}

/* "ID:N", as js_options_part() writes it. */
static int set_part_of(struct js_options *options, const char *value,
                       struct js_err *err)
{
    char id[24];
    uint64_t restarts = 0;
    size_t len = strcspn(value, ":");
    snprintf(id, sizeof(id), "%.*s", (int)len, value);
    if (len >= sizeof(id) || value[len] != ':' ||
        js_parse_count(id, &options->config.command) < 0 ||
        js_parse_count(value + len + 1, &restarts) < 0 || restarts > UINT32_MAX)
        return js_err_set(err, "is for jobsched itself");
    options->config.command_restarts = (uint32_t)restarts;
    return 0;
}

static int set_show_mpirun(struct js_options *options, const char *value,
                           struct js_err *err)
{
    (void)value;
    (void)err;
    options->is_mpirun_shown = true;
    return 0;
}

static int set_requeue(struct js_options *options, const char *value,
                       struct js_err *err)
{
    (void)value;
    (void)err;
    options->is_requeued = true;
    return 0;
}

static int set_verbose(struct js_options *options, const char *value,
                       struct js_err *err)
{
    (void)value;
    (void)err;
    options->config.trace = true;
    return 0;
}

static int set_progress(struct js_options *options, const char *value,
                        struct js_err *err)
{
    static const char *const names[] = {
        [JOBSCHED_PROGRESS_AUTO] = "auto",
        [JOBSCHED_PROGRESS_ALWAYS] = "always",
        [JOBSCHED_PROGRESS_NEVER] = "never",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(value, names[i]) != 0)
            continue;
        options->config.progress = (enum jobsched_progress)i;
        options->is_progress_told = true;
        return 0;
    }
    return js_err_set(err, "must be \"auto\", \"always\" or \"never\"");
}

static int set_quiet(struct js_options *options, const char *value,
                     struct js_err *err)
{
    (void)value;
    (void)err;
    options->is_quiet = true;
    return 0;
}

/* What only tells of runs. */
static int set_telling(struct js_options *options, enum js_action action,
                       struct js_err *err)
{
    if (options->action != JS_ACTION_RUN && options->action != action)
        return js_err_set(err, "--status, --report or --plan: one at a time");
    options->action = action;
    return 0;
}

static int set_status(struct js_options *options, const char *value,
                      struct js_err *err)
{
    (void)value;
    return set_telling(options, JS_ACTION_STATUS, err);
}

static int set_plan(struct js_options *options, const char *value,
                    struct js_err *err)
{
    (void)value;
    return set_telling(options, JS_ACTION_PLAN, err);
}

static int set_watch(struct js_options *options, const char *value,
                     struct js_err *err)
{
    (void)value;
    (void)err;
    options->is_watched = true;
    return 0;
}

static int set_json(struct js_options *options, const char *value,
                    struct js_err *err)
{
    (void)value;
    (void)err;
    options->is_json = true;
    return 0;
}

static int set_explain(struct js_options *options, const char *value,
                       struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "must be the name or the id of a job");
    options->explained = value;
    return 0;
}

static int set_report(struct js_options *options, const char *value,
                      struct js_err *err)
{
    if (!value[0] || strcmp(value, "-") == 0)
        return js_err_set(err, "must be the name of a file");
    options->report = value;
    return set_telling(options, JS_ACTION_REPORT, err);
}

static int set_help(struct js_options *options, const char *value,
                    struct js_err *err)
{
    (void)value;
    (void)err;
    options->action = JS_ACTION_HELP;
    return 0;
}

static int set_version(struct js_options *options, const char *value,
                       struct js_err *err)
{
    (void)value;
    (void)err;
    options->action = JS_ACTION_VERSION;
    return 0;
}

/* ---------------------------------------------------------------- the table */

static const struct option_row rows[] = {
    {NULL, 0, NULL, NULL,
     "Starting slaves (not under mpirun, whose own options apply):"},
    {"slaves", 'n', "N", set_slaves,
     "start N slaves (default: one for each core of this\n"
     "machine, slot of the hostfile or task of the Slurm\n"
     "job)"},
    {"hostfile", 0, "FILE", set_hostfile,
     "start them on the hosts that FILE lists"},
    {"restarts", 0, "N", set_restarts,
     "if the run breaks off, go on with the hosts that are\n"
     "left, up to N times (default 3)"},
    {"show-mpirun", 0, NULL, set_show_mpirun,
     "print the mpirun command, and exit"},

    {NULL, 0, NULL, NULL, "Scheduling:"},
    {"round", 0, "N", set_round, "dispatch N jobs at a time (default 10)"},
    {"barrier", 0, NULL, set_barrier,
     "start a round only when the one before has ended"},
    {"slots", 0, "N|all", set_slots,
     "run N jobs at once on each slave (default 1);\n"
     "all: one for each core in its part of the node"},
    {"bind", 0, "core|none", set_bind,
     "bind jobs to cores, or do not (default core)"},
    {"show-map", 0, NULL, set_show_map, "print which slave owns which CPUs"},

    {"gpus", 0, "N", set_gpus,
     "count N GPUs on each node (default: those found)"},
    {"strict-mem", 0, NULL, set_strict_mem,
     "enforce mem= as the limit of each process's data"},
    {"longest-first", 0, "FILE", set_longest_first,
     "start the longest jobs first; FILE is the joblog of\n"
     "an earlier run"},

    {NULL, 0, NULL, NULL, "Resuming and stopping:"},
    {"journal", 0, "FILE", set_journal,
     "record the run in FILE (default JOBFILE.journal)"},
    {"no-journal", 0, NULL, set_no_journal, "do not record the run"},
    {"fresh", 0, NULL, set_fresh,
     "start over; keep the old journal as FILE.old"},
    {"retry-failed", 0, NULL, set_retry_failed,
     "run only the jobs that failed or were skipped, and\n"
     "the jobs that come after them"},
    {"no-retry-failed", 0, NULL, set_no_retry_failed,
     "do not run failed jobs again"},
    {"force-lock", 0, NULL, set_force_lock,
     "take over the journal of a run that is certainly dead"},
    {"sync", 0, "TIME|off", set_sync,
     "how much finished work a power failure may lose\n"
     "(default 1s; 0: none; off: no bound)"},
    {"time-limit", 0, "TIME", set_time_limit,
     "finish within TIME: start no job that would overrun\n"
     "it, and exit by then"},
    {"start-timeout", 0, "TIME", set_start_timeout,
     "give up if MPI has not started within TIME (default\n"
     "5m)"},
    {"slave-timeout", 0, "TIME", set_slave_timeout,
     "give up a slave that has been silent for TIME\n"
     "(default 30s; 0: never)"},

    {NULL, 0, NULL, NULL, "Jobs that fail or hang:"},
    {"retries", 0, "N", set_retries,
     "run a failed job up to N times more, on another slave\n"
     "if there is one (default 0)"},
    {"timeout", 0, "TIME|P%", set_timeout,
     "end a job that runs longer than TIME, or than P% of\n"
     "the median run time so far"},
    {"max-failures", 0, "N", set_max_failures,
     "start no more jobs once N have failed"},
    {"fail-fast", 0, NULL, set_fail_fast,
     "stop at the first failure (with --max-failures N, at\n"
     "the N-th), and end the jobs that run"},
    {"allow-leftovers", 0, NULL, set_allow_leftovers,
     "keep processes that a job leaves behind until the run\n"
     "ends"},
    {"grace", 0, "TIME", set_grace,
     "time between SIGTERM and SIGKILL (default 5s; at most\n"
     "500ms for processes that a job leaves behind)"},

    {NULL, 0, NULL, NULL, "Output:"},
    {"output", 'o', "DIR|none", set_output,
     "write DIR/ID.out and DIR/ID.err instead of passing\n"
     "each job's output on when it ends; none: discard it"},
    {"joblog", 0, "FILE", set_joblog,
     "write a line for each attempt, in GNU parallel's\n"
     "columns"},
    {"progress", 0, "auto|always|never", set_progress,
     "show progress on stderr\n"
     "(default auto: a bar on a terminal, otherwise a line\n"
     "now and then; always: otherwise a line every 10 s)"},
    {"verbose", 'v', NULL, set_verbose,
     "print on stdout when each job is dispatched, starts\n"
     "and finishes"},
    {"quiet", 'q', NULL, set_quiet,
     "print no summary if every job succeeded, no trace of\n"
     "the demonstration, and no progress unless asked for"},

    {NULL, 0, NULL, NULL,
     "Inspecting a run, from another terminal or afterwards:"},
    {"status", 0, NULL, set_status,
     "show which jobs are done, failed, running and waiting"},
    {"explain", 0, "NAME|ID", set_explain,
     "show the state of one job, why it waits, and its\n"
     "attempts"},
    {"watch", 0, NULL, set_watch,
     "show the status again and again until the run ends"},
    {"json", 0, NULL, set_json,
     "write JSON, with --status, --explain or --plan"},
    {"report", 0, "FILE", set_report,
     "write an HTML page with a timeline of all jobs, the\n"
     "failures and the longest jobs"},

    {NULL, 0, NULL, NULL, "Temporary files:"},
    {"tmpdir", 0, "DIR", set_tmpdir,
     "keep output in DIR on each host until the master has\n"
     "written it (default $TMPDIR there, or /tmp)"},
    {"spool-limit", 0, "SIZE", set_spool_limit,
     "start no job on a slave that holds more unwritten\n"
     "output than SIZE (default 1G)"},

    {NULL, 0, NULL, NULL, "The demonstration (without a job file):"},
    {"demo", 0, NULL, set_demo, "simulate jobs, whatever standard input is"},
    {"jobs", 0, "N", set_jobs, "simulate N jobs (default 30)"},
    {"duration", 0, "TIME", set_duration,
     "let each of them take TIME (default 1s)"},
    {"forever", 0, NULL, set_forever, "simulate jobs without end"},

    {NULL, 0, NULL, NULL, "Other:"},
    {"check", 0, NULL, set_check,
     "check the job file, report what is in it, and exit"},
    {"dry-run", 0, NULL, set_dry_run, "show what would run where, and exit"},
    {"plan", 0, NULL, set_plan,
     "show how long the list would take on 1, 2, 4 ...\n"
     "slots, from the run times in the journal of an\n"
     "earlier run, or in its --joblog FILE"},
    {"help", 'h', NULL, set_help, "show this help, and exit"},
    {"version", 'V', NULL, set_version, "show the version, and exit"},
    {"part-of", 0, "ID:N", set_part_of, NULL},
    {"requeue", 0, NULL, set_requeue, NULL},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), FIRST_VALUE = 1000 };

/* ---------------------------------------------------------------- parsing */

/* getopt's two views of the table. */
struct getopt_view {
    struct option longs[ROWS + 1];
    char shorts[2 * ROWS + 2];
    const char *names[ROWS + 1]; /* with "--", for suggestions */
};

static void make_view(struct getopt_view *view)
{
    size_t n = 0, s = 0, names = 0;
    memset(view, 0, sizeof(*view));
    view->shorts[s++] = ':'; /* a missing argument is told apart */
    for (int i = 0; i < ROWS; i++) {
        const struct option_row *row = &rows[i];
        if (!row->name)
            continue;
        if (row->help)
            view->names[names++] = row->name;
        view->longs[n++] = (struct option){
            row->name, row->argument ? required_argument : no_argument, NULL,
            FIRST_VALUE + i};
        if (!row->letter)
            continue;
        view->shorts[s++] = row->letter;
        if (row->argument)
            view->shorts[s++] = ':';
    }
}

/* Of a start without mpirun. */
static bool is_for_launch(const struct option_row *row)
{
    return row->set == set_slaves || row->set == set_hostfile ||
           row->set == set_restarts || row->set == set_show_mpirun ||
           row->set == set_requeue;
}

static const struct option_row *row_of(int code)
{
    if (code >= FIRST_VALUE && code < FIRST_VALUE + ROWS)
        return &rows[code - FIRST_VALUE];
    for (int i = 0; i < ROWS; i++) {
        if (rows[i].letter == code)
            return &rows[i];
    }
    return NULL;
}

/* ---------------------------------------------------------------- refusals */

/* Words of other tools. Each means something else here, or nothing yet: taken
 * for a synonym it would hide that, so whoever types it is told what to write.
 */
struct foreign_word {
    const char *word;
    const char *instead;
    bool is_number; /* its value is that of -n, with which `instead` ends */
};

static const struct foreign_word foreign_words[] = {
    {"-j", "write -n", true},
    {"-P", "write -n", true},
    {"-np", "write -n", true},
    {"--np", "write -n", true},
    {"--ntasks", "write -n", true},
    {"--workers", "write -n", true},
    {"--max-procs", "write -n", true},
    {"--halt",
     "write --fail-fast to stop at the first failure, or --max-failures N",
     false},
    {"--halt-on-error",
     "write --fail-fast to stop at the first failure, or --max-failures N",
     false},
    {"--retry",
     "write --retries N, so that a job that fails runs up to N times more",
     false},
    {"--resume", "the same command goes on by itself", false},
    {"--resume-failed",
     "the same command goes on by itself, and runs again what has failed",
     false},
    {"--log", "write --joblog FILE", false},
    {"--results", "write --output DIR", false},
    {"--sshloginfile", "write --hostfile FILE", false},
    {"--bar", "write --progress always", false},
    {"--eta", "write --progress always", false},
    {"--tag", "--output DIR keeps the output of each job in files of its own",
     false},
    {"-k", "output comes as jobs end; --output DIR keeps it in files by number",
     false},
    {"--keep-order",
     "output comes as jobs end; --output DIR keeps it in files by number",
     false},
    {":::", "write a file with one command a line, or pipe such lines in",
     false},
    {"::::", "write a file with one command a line, or pipe such lines in",
     false},
};

static const struct foreign_word *find_foreign(const char *word, size_t len)
{
    for (size_t i = 0; i < sizeof(foreign_words) / sizeof(*foreign_words);
         i++) {
        const char *known = foreign_words[i].word;
        if (strlen(known) == len && memcmp(known, word, len) == 0)
            return &foreign_words[i];
    }
    return NULL;
}

static bool options_is_number(const char *text)
{
    return text && text[0] && text[strspn(text, "0123456789")] == '\0';
}

/* What was given with the word: behind it, or as the next one. */
static const char *options_number_of(const char *word, const char *next)
{
    const char *digits = word + strcspn(word, "0123456789");
    if (options_is_number(digits))
        return digits;
    if (next && next[0] == '-') /* getopt is still within the word: -j4 */
        next += strcspn(next, "0123456789");
    return options_is_number(next) ? next : "N";
}

static int refuse_foreign(const struct foreign_word *foreign, const char *word,
                          const char *next, struct js_err *err)
{
    if (foreign->is_number)
        return js_err_set(err, "%s is not there: %s %s", foreign->word,
                          foreign->instead, options_number_of(word, next));
    return js_err_set(err, "%s is not there: %s", foreign->word,
                      foreign->instead);
}

/* The word of another tool that this one is, less its value: "-np4",
 * "--workers=4"; or NULL. */
static const struct foreign_word *foreign_of(const char *word)
{
    size_t len = strcspn(word, "=");
    if (word[0] == '-' && word[1] != '-')
        len = strcspn(word, "=0123456789");
    return find_foreign(word, len);
}

/* How many of the names begin so; *ret lists them. */
static int list_matches(const struct getopt_view *view, const char *name,
                        struct js_buf *ret)
{
    int count = 0;
    for (size_t i = 0; view->names[i]; i++) {
        if (strncmp(view->names[i], name, strlen(name)) == 0)
            js_buf_printf(ret, "%s--%s", count++ ? ", " : "", view->names[i]);
    }
    return count;
}

static int options_refuse_unknown(const struct getopt_view *view,
                                  const char *word, struct js_err *err)
{
    char name[64];
    struct js_buf matches = JS_BUF_INIT;
    const char *start = word + strspn(word, "-");
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(start, "="), start);
    const char *closest = js_closest_word(name, view->names);
    if (list_matches(view, name, &matches) > 1 && js_buf_string(&matches))
        js_err_set(err, "--%s may be one of %s", name, matches.data);
    else if (word[1] == '-' && closest)
        js_err_set(err, "unknown option --%s (did you mean --%s?)", name,
                   closest);
    else
        js_err_set(err, "unknown option %s; --help lists all", word);
    js_buf_release(&matches);
    return -1;
}

static int refuse_letter(char letter, const char *next, struct js_err *err)
{
    const char word[] = {'-', letter, '\0'};
    const struct foreign_word *foreign = find_foreign(word, strlen(word));
    if (foreign)
        return refuse_foreign(foreign, word, next, err);
    return js_err_set(err, "unknown option %s; --help lists all", word);
}

static int options_refuse(const struct getopt_view *view, int code, char **argv,
                          struct js_err *err)
{
    const struct option_row *row = row_of(optopt);
    bool is_long = optopt == 0 || optopt >= FIRST_VALUE;
    const char *word = argv[optind - 1];
    const struct foreign_word *foreign = is_long ? foreign_of(word) : NULL;
    if (foreign)
        return refuse_foreign(foreign, word, argv[optind], err);
    if (code == ':' && row)
        return js_err_set(err, "--%s needs a value: --%s %s", row->name,
                          row->name, row->argument);
    if (row && optopt >= FIRST_VALUE)
        return js_err_set(err, "--%s takes no value", row->name);
    if (!is_long)
        return refuse_letter((char)optopt, argv[optind], err);
    return options_refuse_unknown(view, word, err);
}

/* The word in which getopt has found the option. */
static const char *typed_word(char **argv)
{
    bool is_apart = optarg && optarg == argv[optind - 1];
    return argv[optind - (is_apart ? 2 : 1)];
}

static bool is_written_out(const struct option_row *row, char **argv)
{
    return strcspn(typed_word(argv), "=") == strlen("--") + strlen(row->name);
}

/* getopt takes "--retry" for the one option that begins so, and "-np" for -n
 * with a value; within a word of several letters it has not come to its end. */
static const struct foreign_word *taken_for_own(int code, char **argv)
{
    const struct option_row *row = row_of(code);
    const char *word = typed_word(argv);
    bool is_whole = code >= FIRST_VALUE || (row->argument && optarg);
    return is_whole ? foreign_of(word) : NULL;
}

static int options_apply(const struct option_row *row,
                         struct js_options *options, struct js_err *err)
{
    struct js_err problem;
    if (row->set(options, optarg, &problem) < 0)
        return js_err_set(err, "--%s %s: %s", row->name, optarg, problem.text);
    return 0;
}

static bool reads_journal(const struct js_options *options)
{
    return options->action == JS_ACTION_STATUS ||
           options->action == JS_ACTION_REPORT;
}

/* Whatever is asked for: a word that nobody means. */
static int check_words(char **words, struct js_err *err)
{
    for (; *words; words++) {
        const struct foreign_word *foreign = foreign_of(*words);
        if (foreign && words[0][0] == ':')
            return refuse_foreign(foreign, *words, NULL, err);
        if (!words[0][0])
            return js_err_set(err, "an argument is empty (is a variable not "
                                   "set?): give the name of a job file");
    }
    return 0;
}

static int check_demo(const char *job_file, const struct js_options *options,
                      struct js_err *err)
{
    if (options->is_demo)
        return js_err_set(err,
                          "--demo is the demonstration, which has no job file: "
                          "what is \"%s\"?",
                          job_file);
    if (options->is_demo_changed)
        return js_err_set(err, "--jobs, --duration and --forever are for the "
                               "demonstration, which has no job file: write "
                               "-n N, for N slaves, or --demo without a list");
    return 0;
}

/* The words that are no options: at most one, the job file. */
static int take_words(char **words, struct js_options *options,
                      struct js_err *err)
{
    if (check_words(words, err) < 0)
        return -1;
    if (!words[0] && options->config.action != JOBSCHED_RUN)
        return js_err_set(err, "--check and --dry-run need a job file");
    if (!words[0] && reads_journal(options) && !options->config.journal)
        return js_err_set(err, "--status and --report need a job file, or the "
                               "journal of a stream with --journal");
    if ((!words[0] || strcmp(words[0], "-") == 0) &&
        options->action == JS_ACTION_PLAN)
        return js_err_set(err, "--plan needs a job file, for which it looks up "
                               "how long its jobs ran");
    if (!words[0]) {
        /* The demonstration is its trace. */
        options->config.trace |= !options->is_quiet;
        return 0;
    }
    if (words[1])
        return js_err_set(err, "one job file, please: what is \"%s\"?",
                          words[1]);
    options->config.job_file = words[0];
    return check_demo(words[0], options, err);
}

/* Options that exclude each other. */
static int check_options(const struct js_options *options, struct js_err *err)
{
    const struct jobsched_config *config = &options->config;
    bool is_status = options->action == JS_ACTION_STATUS;
    if ((options->is_watched || options->explained) && !is_status)
        return js_err_set(err, "--watch and --explain say more about --status: "
                               "not with --report or --plan");
    if (options->is_json && options->action == JS_ACTION_REPORT)
        return js_err_set(err, "--json is for --status and --plan: not with "
                               "--report");
    if (options->action == JS_ACTION_PLAN && config->no_journal &&
        !config->joblog)
        return js_err_set(err, "--plan reads the journal: --no-journal leaves "
                               "it a --joblog at best");
    if (reads_journal(options) && config->no_journal)
        return js_err_set(err, "--status and --report read the journal: "
                               "--no-journal leaves them nothing to say");
    if (options->is_watched && options->is_json)
        return js_err_set(err, "--json is one document: ask again instead of "
                               "--watch");
    if (config->no_journal && (config->journal || config->fresh ||
                               config->retry != JOBSCHED_RETRY_ALL))
        return js_err_set(err, "--no-journal: without one there is nothing to "
                               "go on with, or to start over from");
    if (config->fresh && config->retry == JOBSCHED_RETRY_ONLY_FAILED)
        return js_err_set(err, "--fresh forgets what --retry-failed asks for");
    return 0;
}

int js_options_parse(int argc, char **argv, struct js_options *ret,
                     struct js_err *err)
{
    struct getopt_view view;
    int code;
    make_view(&view);
    memset(ret, 0, sizeof(*ret));
    jobsched_config_init(&ret->config);
    ret->restarts = 3;
    opterr = 0;
    optind = 0; /* glibc: forget what an earlier call has left */
    while ((code = getopt_long(argc, argv, view.shorts, view.longs, NULL)) !=
           -1) {
        const struct option_row *row = row_of(code);
        if (!row)
            return options_refuse(&view, code, argv, err);
        const struct foreign_word *foreign = taken_for_own(code, argv);
        if (foreign)
            return refuse_foreign(foreign, typed_word(argv), argv[optind], err);
        if (!row->help && !is_written_out(row, argv))
            return options_refuse_unknown(&view, typed_word(argv), err);
        if (options_apply(row, ret, err) < 0)
            return -1;
        ret->is_launch_told |= is_for_launch(row);
        if (ret->action == JS_ACTION_HELP || ret->action == JS_ACTION_VERSION)
            return 0;
    }
    /* Who asks for more of it asks for it. */
    if (ret->action == JS_ACTION_RUN &&
        (ret->is_watched || ret->is_json || ret->explained))
        ret->action = JS_ACTION_STATUS;
    if (ret->is_quiet && !ret->is_progress_told)
        ret->config.progress = JOBSCHED_PROGRESS_NEVER;
    if (take_words(argv + optind, ret, err) < 0)
        return -1;
    return check_options(ret, err);
}

static bool is_for_ranks(const struct option_row *row, bool is_going_on)
{
    return !is_for_launch(row) && (row->set != set_time_limit || !is_going_on);
}

void js_options_part(uint64_t command, uint32_t restarts, struct js_argv *ret)
{
    js_argv_addf(ret, "--part-of=%" PRIu64 ":%" PRIu32, command, restarts);
}

void js_options_command(int argc, char **argv, bool is_going_on,
                        struct js_argv *ret)
{
    struct getopt_view view;
    int code;
    make_view(&view);
    opterr = 0;
    optind = 0;
    while ((code = getopt_long(argc, argv, view.shorts, view.longs, NULL)) !=
           -1) {
        const struct option_row *row = row_of(code);
        if (row && is_for_ranks(row, is_going_on))
            js_argv_addf(ret, "--%s%s%s", row->name, optarg ? "=" : "",
                         optarg ? optarg : "");
    }
    if (argv[optind] && argv[optind][0] == '-' && argv[optind][1])
        js_argv_add(ret, "--");
    if (argv[optind])
        js_argv_add(ret, argv[optind]);
}

/* ---------------------------------------------------------------- help */

enum { HELP_COLUMN = 27 };

static int describe_row(const struct option_row *row, struct js_buf *buf)
{
    size_t start = buf->len;
    char letter[] = "-x, ";
    letter[1] = row->letter;
    if (js_buf_printf(buf, "  %s--%s%s%s", row->letter ? letter : "    ",
                      row->name, row->argument ? " " : "",
                      row->argument ? row->argument : "") < 0)
        return -1;
    int pad = HELP_COLUMN - (int)(buf->len - start);
    if (js_buf_printf(buf, "%*s", pad > 2 ? pad : 2, "") < 0)
        return -1;
    for (const char *line = row->help; *line;) {
        size_t len = strcspn(line, "\n");
        if (js_buf_printf(buf, "%.*s\n", (int)len, line) < 0)
            return -1;
        line += len + (line[len] == '\n');
        if (*line && js_buf_printf(buf, "%*s", HELP_COLUMN, "") < 0)
            return -1;
    }
    return 0;
}

static const char intro[] =
    "Usage: jobsched [options] [JOBFILE]\n"
    "       mpirun -np N jobsched [options] [JOBFILE]\n"
    "\n"
    "Runs the shell commands in JOBFILE, one per line, on all cores, or on "
    "N-1\n"
    "slaves. \"-\" stands for standard input. Without JOBFILE, the list is "
    "standard\n"
    "input if that is a pipe or a file; otherwise a demonstration runs.\n";

static const char outro[] =
    "\n"
    "Exit status: 0 every job succeeded; 1 some job failed or was skipped; 2 "
    "bad\n"
    "usage or input, no job was started; 3 stopped before the end, the same "
    "command\n"
    "goes on from there; 4 the run itself broke.\n";

int js_options_help(FILE *to)
{
    struct js_buf buf = JS_BUF_INIT;
    int rc = js_buf_puts(&buf, intro);
    for (int i = 0; i < ROWS && rc == 0; i++) {
        if (!rows[i].help)
            continue;
        rc = rows[i].name ? describe_row(&rows[i], &buf)
                          : js_buf_printf(&buf, "\n%s\n", rows[i].help);
    }
    if (rc == 0)
        rc = js_buf_puts(&buf, outro);
    if (rc == 0 && (fwrite(buf.data, 1, buf.len, to) != buf.len || fflush(to)))
        rc = -1;
    js_buf_release(&buf);
    return rc;
}
