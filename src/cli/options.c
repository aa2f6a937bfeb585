#include "cli/options.h"

#include "base/buf.h"
#include "base/units.h"
#include "launch/places.h"
#include "list/formats.h"
#include "record/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- values */

/* A setter handles the value of one option; js_options_row says how. */

static void *options_field(const struct js_options_row *row,
                           struct js_options *options)
{
    return (char *)options + row->offset;
}

static int set_flag(const struct js_options_row *row,
                    struct js_options *options, const char *value,
                    struct js_err *err)
{
    (void)value;
    (void)err;
    *(bool *)options_field(row, options) = true;
    return 0;
}

/* Sets an enum to the value `least`. */
static int set_choice(const struct js_options_row *row,
                      struct js_options *options, const char *value,
                      struct js_err *err)
{
    (void)value;
    (void)err;
    *(unsigned *)options_field(row, options) = (unsigned)row->least;
    return 0;
}

static int set_option_text(const struct js_options_row *row,
                           struct js_options *options, const char *value,
                           struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "%s", row->problem);
    *(const char **)options_field(row, options) = value;
    return 0;
}

/* js_parse_count() takes digits only: no sign, no blank, no exponent. */
static int read_count(const struct js_options_row *row, const char *value,
                      uint64_t *ret, struct js_err *err)
{
    if (js_parse_count(value, ret) == 0 && *ret >= row->least &&
        *ret <= row->most)
        return 0;
    if (row->problem)
        return js_err_set(err, "%s", row->problem);
    return js_err_set(err,
                      "must be a whole number from %" PRIu64 " to %" PRIu64,
                      row->least, row->most);
}

static int set_count(const struct js_options_row *row,
                     struct js_options *options, const char *value,
                     struct js_err *err)
{
    return read_count(row, value, options_field(row, options), err);
}

static int set_count32(const struct js_options_row *row,
                       struct js_options *options, const char *value,
                       struct js_err *err)
{
    uint64_t count = 0;
    if (read_count(row, value, &count, err) < 0)
        return -1;
    *(uint32_t *)options_field(row, options) = (uint32_t)count;
    return 0;
}

/* A duration. 0 is an error if the row has a message for it. */
static int set_time(const struct js_options_row *row,
                    struct js_options *options, const char *value,
                    struct js_err *err)
{
    int64_t *ns = options_field(row, options);
    if (js_parse_duration_ns(value, ns) < 0)
        return js_err_set(err,
                          "must be a duration such as 0.5, 90s, 10m or 2h");
    return *ns == 0 && row->problem ? js_err_set(err, "%s", row->problem) : 0;
}

static int set_size(const struct js_options_row *row,
                    struct js_options *options, const char *value,
                    struct js_err *err)
{
    uint64_t *bytes = options_field(row, options);
    if (js_parse_size_bytes(value, bytes) == 0 && *bytes > 0)
        return 0;
    return js_err_set(err, "must be a size such as 512M or 2G");
}

/* The fields of a row that sets `member`, which must have that type (an enum
 * counts as unsigned); otherwise this does not compile. With the offset alone,
 * a setter for a longer type could overwrite the next field. */
#define FIELD(setter, member, ...)                                             \
    .set = (setter),                                                           \
    .offset = _Generic(((struct js_options *)NULL)->member, __VA_ARGS__        \
                       : offsetof(struct js_options, member))

/* FLAG sets a bool, and CHOICE an enum to one of its values. TEXT is a string
 * that must not be empty. COUNT and COUNT32 are whole numbers within bounds,
 * TIME is a duration, and SIZE a number of bytes. A row may add a .problem of
 * its own to any of them. */
#define FLAG(member) FIELD(set_flag, member, bool)
#define CHOICE(member, value)                                                  \
    FIELD(set_choice, member, unsigned), .least = (value)
#define TEXT(member, what)                                                     \
    FIELD(set_option_text, member, const char *), .problem = (what)
#define COUNT(member, from, to)                                                \
    FIELD(set_count, member, uint64_t), .least = (from), .most = (to)
#define COUNT32(member, from, to)                                              \
    FIELD(set_count32, member, uint32_t), .least = (from), .most = (to)
#define TIME(member) FIELD(set_time, member, int64_t)
#define SIZE(member) FIELD(set_size, member, uint64_t)

/* ------------------------------------------ values of a kind of their own */

static int set_forever(const struct js_options_row *row,
                       struct js_options *options, const char *value,
                       struct js_err *err)
{
    (void)row;
    (void)value;
    (void)err;
    options->config.demo_jobs = UINT64_MAX;
    return 0;
}

/* 0 stands for "all" in the configuration, so users may not type it. */
static int set_slots(const struct js_options_row *row,
                     struct js_options *options, const char *value,
                     struct js_err *err)
{
    options->has_slots = true;
    if (strcmp(value, "all") != 0)
        return set_count32(row, options, value, err);
    options->config.slots = 0;
    return 0;
}

static int set_bind(const struct js_options_row *row,
                    struct js_options *options, const char *value,
                    struct js_err *err)
{
    bool is_core = strcmp(value, "core") == 0;
    if (!is_core && strcmp(value, "none") != 0)
        return js_err_set(err, "%s", row->problem);
    options->config.bind = is_core;
    return 0;
}

/* "none" is no folder, but ./none is. */
static int set_output(const struct js_options_row *row,
                      struct js_options *options, const char *value,
                      struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "%s", row->problem);
    bool is_none = strcmp(value, "none") == 0;
    options->config.output =
        is_none ? JOBSCHED_OUTPUT_NONE : JOBSCHED_OUTPUT_DIR;
    options->config.output_dir = is_none ? NULL : value;
    return 0;
}

/* A relative path would mean another folder on other hosts. */
static int set_tmpdir(const struct js_options_row *row,
                      struct js_options *options, const char *value,
                      struct js_err *err)
{
    if (value[0] != '/')
        return js_err_set(err, "%s", row->problem);
    options->config.tmpdir = value;
    return 0;
}

/* "300%": a percentage of the median. Below 100 % at least half of all jobs
 * would time out, so that is a mistake. */
static int read_percent(const char *value, uint32_t *ret)
{
    char digits[16];
    uint64_t percent;
    /* A value that is no percentage is not an error here: set_timeout() then
     * takes it for a duration. */
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

/* The last one given counts, in either of its two forms. */
static int set_timeout(const struct js_options_row *row,
                       struct js_options *options, const char *value,
                       struct js_err *err)
{
    struct jobsched_config *config = &options->config;
    /* Both are reset, because an earlier one would otherwise stay in force
     * beside the new one. */
    config->timeout_ns = 0;
    config->timeout_percent = 0;
    if (read_percent(value, &config->timeout_percent) == 0)
        return 0;
    if (js_parse_duration_ns(value, &config->timeout_ns) == 0 &&
        config->timeout_ns > 0)
        return 0;
    return js_err_set(err, "%s", row->problem);
}

/* 0 is a limit as well, the strictest one, so "off" needs a separate value. */
static int set_sync(const struct js_options_row *row,
                    struct js_options *options, const char *value,
                    struct js_err *err)
{
    if (strcmp(value, "off") != 0)
        return set_time(row, options, value, err);
    options->config.sync_ns = JOBSCHED_NO_SYNC;
    return 0;
}

/* "ID:N", in the form in which launch/mpirun.c writes it. */
static int set_part_of(const struct js_options_row *row,
                       struct js_options *options, const char *value,
                       struct js_err *err)
{
    char id[24];
    uint64_t restarts = 0;
    size_t len = strcspn(value, ":");
    snprintf(id, sizeof(id), "%.*s", (int)len, value);
    if (len >= sizeof(id) || value[len] != ':' ||
        js_parse_count(id, &options->config.command) < 0 ||
        js_parse_count(value + len + 1, &restarts) < 0 || restarts > UINT32_MAX)
        return js_err_set(err, "%s", row->problem);
    options->config.command_restarts = (uint32_t)restarts;
    return 0;
}

static int set_only(const struct js_options_row *row,
                    struct js_options *options, const char *value,
                    struct js_err *err)
{
    size_t count = 0;
    (void)row;
    while (options->config.only[count])
        count++;
    if (!value[strspn(value, ",")])
        return js_err_set(err,
                          "must be the name or id of a job, or a glob such as "
                          "'fit/*'");
    if (count == JOBSCHED_ONLY_MAX)
        return js_err_set(err,
                          "may be given at most %d times; names may also stand "
                          "between commas",
                          JOBSCHED_ONLY_MAX);
    options->config.only[count] = value;
    return 0;
}

/* --quiet implies "never", but not against what the user has asked for. */
static int set_progress(const struct js_options_row *row,
                        struct js_options *options, const char *value,
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
        options->is_progress_given = true;
        return 0;
    }
    return js_err_set(err, "%s", row->problem);
}

static int set_format(const struct js_options_row *row,
                      struct js_options *options, const char *value,
                      struct js_err *err)
{
    (void)row;
    options->config.job_format = js_formats_find(value, err);
    return options->config.job_format ? 0 : -1;
}

/* GNU parallel has other values too. */
static int set_header(const struct js_options_row *row,
                      struct js_options *options, const char *value,
                      struct js_err *err)
{
    (void)row;
    options->args.has_header = true;
    return strcmp(value, ":") == 0
               ? 0
               : js_err_set(err,
                            "must be \":\": the first value of each source "
                            "is its name");
}

/* Actions that only report on runs. If several were given, the last one would
 * silently win. */
static int set_inspection(const struct js_options_row *row,
                          struct js_options *options, const char *value,
                          struct js_err *err)
{
    if (options->action != JS_ACTION_RUN && options->action != row->least)
        return js_err_set(
            err, "cannot be combined with another of --status, --report, "
                 "--plan and --expand");
    return set_choice(row, options, value, err);
}

/* A report is written beside its file and then takes its place, which standard
 * output cannot do. */
static int set_report(const struct js_options_row *row,
                      struct js_options *options, const char *value,
                      struct js_err *err)
{
    if (!value[0] || strcmp(value, "-") == 0)
        return js_err_set(err, "%s", row->problem);
    options->report = value;
    return set_inspection(row, options, value, err);
}

/* ---------------------------------------------------------------- the table */

/*
 * Defaults are set by jobsched_config_init(), and the texts only name them. The
 * help shows the rows in this order; the manual and the completion of the shell
 * are made from the help.
 */
static const struct js_options_row rows[] = {
    {.help = "Starting slaves (not under mpirun, whose own options apply):"},
    {"slaves", "N", 'n', JS_OF_LAUNCH,
     "start N slaves (default: one per core of this\n"
     "machine, per slot in the hostfile or per task of the\n"
     "Slurm job)",
     COUNT32(slaves, 1, 1000000)},
    {"hostfile", "FILE", 0, JS_OF_LAUNCH,
     "start them on the hosts that FILE lists",
     TEXT(hostfile, "must be the name of a file")},
    {"restarts", "N", 0, JS_OF_LAUNCH,
     "if the run breaks off, continue on the remaining\n"
     "hosts, up to N times (default 3)",
     COUNT32(restarts, 0, 1000)},
    {"show-mpirun", NULL, 0, JS_OF_LAUNCH, "print the mpirun command, and exit",
     FLAG(is_mpirun_shown)},

    {.help = "The list:"},
    {"from", "FORMAT", 0, JS_OF_RUN,
     "read JOBFILE as a list of another tool; jobsched(5)\n"
     "names them (default lines: our own format)",
     .set = set_format},

    {.help = "Values after ::: on the command line, or after :::: in files:"},
    {"link", NULL, 0, JS_OF_ARGS,
     "take one value of each source for each job; a\n"
     "shorter source starts over",
     FLAG(args.are_all_linked)},
    {"colsep", "REGEX", 0, JS_OF_ARGS,
     "REGEX separates the columns of a value: {1}, {2} ...",
     TEXT(args.separator, "must be a regular expression")},
    {"csv", NULL, 0, JS_OF_ARGS, "a value is a row of CSV: {1}, {2} ...",
     FLAG(args.is_csv)},
    {"header", ":", 0, JS_OF_ARGS,
     "the first value of each source is its name: {NAME}", .set = set_header},

    {.help = "Scheduling:"},
    {"round", "N", 0, JS_OF_RUN, "dispatch N jobs at a time (default 10)",
     COUNT32(config.round_size, 1, 1000000)},
    {"barrier", NULL, 0, JS_OF_RUN,
     "start a round only when the one before has ended", FLAG(config.barrier)},
    {"slots", "N|all", 0, JS_OF_RUN,
     "run N jobs at once on each slave (default 1);\n"
     "all: one for each core in its part of the node",
     FIELD(set_slots, config.slots, uint32_t), .least = 1,
     .most = JS_PLACES_SLOTS_MOST,
     .problem = "must be \"all\" or a number from 1 to 4096"},
    {"bind", "core|none", 0, JS_OF_RUN,
     "whether to bind jobs to cores (default core)", .set = set_bind,
     .problem = "must be \"core\" or \"none\""},
    {"show-map", NULL, 0, JS_OF_RUN, "print which slave owns which CPUs",
     FLAG(config.show_map)},
    {"gpus", "N", 0, JS_OF_RUN,
     "assume N GPUs on each node (default: all that are\n"
     "found)",
     COUNT32(config.gpus, 0, 1000)},
    {"strict-mem", NULL, 0, JS_OF_RUN,
     "enforce mem= as a limit on the data of each process",
     FLAG(config.strict_mem)},
    {"longest-first", "FILE", 0, JS_OF_RUN,
     "start the longest jobs and chains first, by the run\n"
     "times in FILE, the joblog of an earlier run; auto:\n"
     "by those in the journal",
     TEXT(config.longest_first,
          "must be the name of a joblog, or auto for the journal")},

    {.help = "Resuming and stopping:"},
    {"journal", "FILE", 0, JS_OF_RUN,
     "record the run in FILE (default JOBFILE.journal)",
     TEXT(config.journal, "must be the name of a file")},
    {"no-journal", NULL, 0, JS_OF_RUN, "do not record the run",
     FLAG(config.no_journal)},
    {"fresh", NULL, 0, JS_OF_RUN,
     "start over; keep the old journal as FILE.old", FLAG(config.fresh)},
    {"retry-failed", NULL, 0, JS_OF_RUN,
     "run only the jobs that failed or were skipped, and\n"
     "the jobs that come after them",
     CHOICE(config.retry, JOBSCHED_RETRY_ONLY_FAILED)},
    {"no-retry-failed", NULL, 0, JS_OF_RUN, "do not run failed jobs again",
     CHOICE(config.retry, JOBSCHED_RETRY_NOT_FAILED)},
    {"only", "NAME|GLOB|ID", 0, JS_OF_RUN,
     "run only these jobs, and the jobs that they come\n"
     "after (may be given several times)",
     .set = set_only},
    {"force-lock", NULL, 0, JS_OF_RUN,
     "take over the journal of a run that is certainly dead",
     FLAG(config.force_lock)},
    {"sync", "TIME|off", 0, JS_OF_RUN,
     "how much finished work a power failure may lose\n"
     "(default 1s; 0: none; off: no limit)",
     FIELD(set_sync, config.sync_ns, int64_t)},
    /* A run that is continued gets the rest of the time from the launcher. */
    {"time-limit", "TIME", 0, JS_OF_START,
     "finish within TIME: start no job that would overrun\n"
     "it, and exit by then",
     TIME(config.time_limit_ns), .problem = "leaves no time for any job"},
    {"start-timeout", "TIME", 0, JS_OF_RUN,
     "give up if MPI has not started within TIME (default\n"
     "5m)",
     TIME(config.start_timeout_ns), .problem = "leaves no time to start"},
    {"slave-timeout", "TIME", 0, JS_OF_RUN,
     "give up on a slave that has been silent for TIME\n"
     "(default 30s; 0: never)",
     TIME(config.slave_timeout_ns)},

    {.help = "Jobs that fail or hang:"},
    {"retries", "N", 0, JS_OF_RUN,
     "run a failed job up to N more times, on another slave\n"
     "if there is one (default 0)",
     COUNT32(config.retries, 0, 1000000)},
    {"timeout", "TIME|P%", 0, JS_OF_RUN,
     "end a job that runs longer than TIME, or than P% of\n"
     "the median run time so far",
     .set = set_timeout,
     .problem = "must be a duration such as 90s, 10m or 2h, or a percentage of "
                "the median of at least 100%, such as 300%"},
    {"max-failures", "N", 0, JS_OF_RUN, "start no more jobs once N have failed",
     COUNT(config.max_failures, 1, UINT64_MAX)},
    {"fail-fast", NULL, 0, JS_OF_RUN,
     "stop at the first failure (with --max-failures N, at\n"
     "the N-th), and end the running jobs",
     FLAG(config.fail_fast)},
    {"allow-leftovers", NULL, 0, JS_OF_RUN,
     "keep processes that a job leaves behind until the run\n"
     "ends",
     FLAG(config.allow_leftovers)},
    {"grace", "TIME", 0, JS_OF_RUN,
     "time between SIGTERM and SIGKILL (default 5s; at most\n"
     "500ms for processes that a job leaves behind)",
     TIME(config.grace_ns)},

    {.help = "Output:"},
    {"output", "DIR|none", 'o', JS_OF_RUN,
     "write each job's output to DIR/ID.out and DIR/ID.err\n"
     "instead of printing it when the job ends; none:\n"
     "discard it",
     .set = set_output, .problem = "must be the name of a folder, or \"none\""},
    {"joblog", "FILE", 0, JS_OF_RUN,
     "write a line for each attempt to FILE, in the columns\n"
     "of GNU parallel",
     TEXT(config.joblog, "must be the name of a file")},
    {"progress", "auto|always|never", 0, JS_OF_RUN,
     "show progress on stderr\n"
     "(default auto: a bar on a terminal, otherwise a line\n"
     "now and then; always: a bar, or a line every 10 s)",
     .set = set_progress,
     .problem = "must be \"auto\", \"always\" or \"never\""},
    {"verbose", NULL, 'v', JS_OF_RUN,
     "print on stdout when each job is dispatched, starts\n"
     "and finishes",
     FLAG(config.trace)},
    {"quiet", NULL, 'q', JS_OF_RUN,
     "print no summary if every job succeeded, no trace of\n"
     "the demonstration, and no progress unless requested",
     FLAG(is_quiet)},

    {.help = "Inspecting a run, from another terminal or afterwards:"},
    {"status", NULL, 0, JS_OF_RUN,
     "show which jobs are done, failed, running and waiting",
     FIELD(set_inspection, action, unsigned), .least = JS_ACTION_STATUS},
    {"explain", "NAME|ID", 0, JS_OF_RUN,
     "show the state of one job, why it waits, and its\n"
     "attempts",
     TEXT(explained, "must be the name or the id of a job")},
    {"watch", NULL, 0, JS_OF_RUN, "refresh the status until the run ends",
     FLAG(is_watched)},
    {"json", NULL, 0, JS_OF_RUN,
     "write JSON (with --status, --explain or --plan)", FLAG(is_json)},
    {"report", "FILE", 0, JS_OF_RUN,
     "write an HTML page with a timeline of all jobs, the\n"
     "failures and the longest jobs",
     FIELD(set_report, action, unsigned), .least = JS_ACTION_REPORT,
     .problem = "must be the name of a file"},

    {.help = "Temporary files:"},
    {"tmpdir", "DIR", 0, JS_OF_RUN,
     "keep output in DIR on each host until the master has\n"
     "written it (default $TMPDIR there, or /tmp)",
     .set = set_tmpdir,
     .problem = "must be an absolute path, which is used on every host"},
    {"spool-limit", "SIZE", 0, JS_OF_RUN,
     "start no job on a slave that holds more unwritten\n"
     "output than SIZE (default 1G)",
     SIZE(config.spool_limit_bytes)},

    {.help = "The demonstration (without a job file):"},
    {"demo", NULL, 0, JS_OF_RUN,
     "simulate jobs, even if there is a list on standard\n"
     "input",
     FLAG(is_demo)},
    {"jobs", "N", 0, JS_OF_DEMO, "simulate N jobs (default 30)",
     COUNT(config.demo_jobs, 0, UINT64_MAX - 1)},
    {"duration", "TIME", 0, JS_OF_DEMO, "make each job take TIME (default 1s)",
     TIME(config.demo_duration_ns)},
    {"forever", NULL, 0, JS_OF_DEMO, "simulate jobs without end",
     .set = set_forever},

    {.help = "Other:"},
    {"check", NULL, 0, JS_OF_RUN,
     "check the job file, report what is in it, and exit",
     CHOICE(config.action, JOBSCHED_CHECK)},
    {"expand", NULL, 0, JS_OF_RUN,
     "write the list as a plain job file, with a line for\n"
     "each job, and exit",
     FIELD(set_inspection, action, unsigned), .least = JS_ACTION_EXPAND},
    {"dry-run", NULL, 0, JS_OF_RUN, "show what would run where, and exit",
     CHOICE(config.action, JOBSCHED_DRY_RUN)},
    {"plan", NULL, 0, JS_OF_RUN,
     "show how long the list would take on 1, 2, 4 ...\n"
     "slots, from the run times in the journal of an\n"
     "earlier run, or in its --joblog FILE",
     FIELD(set_inspection, action, unsigned), .least = JS_ACTION_PLAN},
    {"help", NULL, 'h', JS_OF_RUN, "show this help, and exit",
     CHOICE(action, JS_ACTION_HELP)},
    {"version", NULL, 'V', JS_OF_RUN, "show the version, and exit",
     CHOICE(action, JS_ACTION_VERSION)},
    /* Not for users: the launcher gives the first to its ranks, and the batch
     * script gives the second to the launcher. */
    {"part-of", "ID:N", 0, JS_OF_RUN, NULL, .set = set_part_of,
     .problem = "is only for use by jobsched itself"},
    {"requeue", NULL, 0, JS_OF_LAUNCH, NULL, FLAG(is_requeued)},
};

static const size_t row_count = sizeof(rows) / sizeof(rows[0]);
_Static_assert(sizeof(rows) / sizeof(rows[0]) <= JS_OPTIONS_MOST,
               "JS_OPTIONS_MOST is too small");

const struct js_options_row *js_options_row(size_t i)
{
    return i < row_count ? &rows[i] : NULL;
}

/* ---------------------------------------------------------------- help */

enum { HELP_COLUMN = 27 };

static int help_put_row(const struct js_options_row *row, struct js_buf *buf)
{
    /* doc/fill.awk, which makes the manual and the completion of the shell from
     * this, distinguishes a new row from further text by how it begins. */
    size_t start = buf->len;
    char letter[] = "-x, ";
    letter[1] = (char)row->letter;
    if (js_buf_printf(buf, "  %s--%s%s%s", row->letter ? letter : "    ",
                      row->name, row->argument ? " " : "",
                      row->argument ? row->argument : "") < 0)
        return -1;
    /* A long option pushes its text to the right, or the text would begin in a
     * line of its own. */
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

/* No line is longer than 80 columns, which a test checks. */
static const char intro[] =
    "Usage: jobsched [options] [JOBFILE]\n"
    "       jobsched [options] COMMAND ::: VALUE...\n"
    "       mpirun -np N jobsched [options] [JOBFILE]\n\n"
    "Runs the shell commands in JOBFILE, one per line, on all cores, or on "
    "N-1\nslaves. \"-\" means standard input. Without JOBFILE, the list is "
    "read "
    "from\nstandard input if that is a pipe or a file; otherwise a "
    "demonstration runs.\n";

static const char outro[] =
    "\nExit status: 0 every job succeeded; 1 some job failed or was skipped; 2 "
    "bad\nusage or input, no job was started; 3 stopped before the end, run "
    "the "
    "same\ncommand again to continue; 4 the run itself failed.\n";

int js_options_help(FILE *to)
{
    /* The text is made in memory first, so that there is a single write, which
     * fails or succeeds. */
    struct js_buf buf = JS_BUF_INIT;
    int rc = js_buf_puts(&buf, intro);
    for (size_t i = 0; i < row_count && rc == 0; i++) {
        if (!rows[i].help) /* only for use by jobsched itself */
            continue;
        rc = rows[i].name ? help_put_row(&rows[i], &buf)
                          : js_buf_printf(&buf, "\n%s\n", rows[i].help);
    }
    if (rc == 0)
        rc = js_buf_puts(&buf, outro);
    if (rc == 0 && (fwrite(buf.data, 1, buf.len, to) != buf.len || fflush(to)))
        rc = -1;
    js_buf_release(&buf);
    return rc;
}

/* ---------------------------------------------------------------- paths */

/* --status and --report read the list for its commands. A list from standard
 * input cannot be read a second time. */
const char *js_options_list(const struct jobsched_config *config)
{
    const char *list = config->job_file;
    return list && strcmp(list, "-") != 0 ? list : NULL;
}

char *js_options_journal(const struct jobsched_config *config,
                         const char *otherwise, struct js_err *err)
{
    /* Without --journal it is beside the list; a stream has none there. */
    char *path = NULL;
    bool is_named = config->journal != NULL;
    if (is_named)
        path = strdup(config->journal);
    if ((is_named && !path) ||
        (!is_named && js_journal_name(config->job_file, &path) < 0))
        js_err_errno(err, "cannot make the name of the journal");
    else if (!path)
        js_err_set(err,
                   "%s does not exist, or is not a regular file: name the "
                   "journal with --journal%s",
                   config->job_file, otherwise);
    return path;
}
