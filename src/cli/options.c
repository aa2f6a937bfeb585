#include "cli/options.h"

#include "base/buf.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/foreign.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* What an option belongs to. */
enum option_owner {
    OF_RUN = 0, /* every rank gets it */
    OF_START,   /* the same, but not when the run is continued */
    OF_LAUNCH,  /* a start without mpirun */
    OF_DEMO,    /* only the demonstration */
};

struct option_row {
    const char *name;     /* the long option; NULL: a heading */
    const char *argument; /* the name of its value in the help; NULL: there
                             is none */
    int letter;           /* the short option, or 0 */
    enum option_owner owner;
    const char *help; /* js_options_help() indents all lines after the first;
                         NULL: the option is not for users */
    /* Handles the value (NULL if there is none). Returns 0, or -1 with *err,
     * which says what is wrong with the value: "is no number". */
    int (*set)(const struct option_row *row, struct js_options *options,
               const char *value, struct js_err *err);
    size_t offset;        /* offset of the field that it sets */
    uint64_t least, most; /* bounds of a number */
    const char *problem;  /* the message about a wrong value */
};

/* ---------------------------------------------------------------- values */

static void *options_field_of(const struct option_row *row,
                              struct js_options *options)
{
    return (char *)options + row->offset;
}

static int set_flag(const struct option_row *row, struct js_options *options,
                    const char *value, struct js_err *err)
{
    (void)value;
    (void)err;
    *(bool *)options_field_of(row, options) = true;
    return 0;
}

/* Sets an enum to the value `least`. */
static int set_choice(const struct option_row *row, struct js_options *options,
                      const char *value, struct js_err *err)
{
    (void)value;
    (void)err;
    *(unsigned *)options_field_of(row, options) = (unsigned)row->least;
    return 0;
}

static int set_option_text(const struct option_row *row,
                           struct js_options *options, const char *value,
                           struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "%s", row->problem);
    *(const char **)options_field_of(row, options) = value;
    return 0;
}

static int read_count(const struct option_row *row, const char *value,
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

static int set_count(const struct option_row *row, struct js_options *options,
                     const char *value, struct js_err *err)
{
    return read_count(row, value, options_field_of(row, options), err);
}

static int set_count32(const struct option_row *row, struct js_options *options,
                       const char *value, struct js_err *err)
{
    uint64_t count = 0;
    if (read_count(row, value, &count, err) < 0)
        return -1;
    *(uint32_t *)options_field_of(row, options) = (uint32_t)count;
    return 0;
}

/* A duration. 0 is an error if the row has a message for it. */
static int set_time(const struct option_row *row, struct js_options *options,
                    const char *value, struct js_err *err)
{
    int64_t *ns = options_field_of(row, options);
    if (js_parse_duration_ns(value, ns) < 0)
        return js_err_set(err,
                          "must be a duration such as 0.5, 90s, 10m or 2h");
    return *ns == 0 && row->problem ? js_err_set(err, "%s", row->problem) : 0;
}

static int set_size(const struct option_row *row, struct js_options *options,
                    const char *value, struct js_err *err)
{
    uint64_t *bytes = options_field_of(row, options);
    if (js_parse_size_bytes(value, bytes) == 0 && *bytes > 0)
        return 0;
    return js_err_set(err, "must be a size such as 512M or 2G");
}

/* The fields of a row that sets `member`, which must have that type (an enum
 * counts as unsigned); otherwise this does not compile. */
#define FIELD(setter, member, ...)                                             \
    .set = (setter),                                                           \
    .offset = _Generic(((struct js_options *)NULL)->member, __VA_ARGS__        \
                       : offsetof(struct js_options, member))
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

static int set_forever(const struct option_row *row, struct js_options *options,
                       const char *value, struct js_err *err)
{
    (void)row;
    (void)value;
    (void)err;
    options->config.demo_jobs = UINT64_MAX;
    return 0;
}

static int set_slots(const struct option_row *row, struct js_options *options,
                     const char *value, struct js_err *err)
{
    if (strcmp(value, "all") != 0)
        return set_count32(row, options, value, err);
    options->config.slots = 0;
    return 0;
}

static int set_bind(const struct option_row *row, struct js_options *options,
                    const char *value, struct js_err *err)
{
    bool is_core = strcmp(value, "core") == 0;
    if (!is_core && strcmp(value, "none") != 0)
        return js_err_set(err, "%s", row->problem);
    options->config.bind = is_core;
    return 0;
}

static int set_output(const struct option_row *row, struct js_options *options,
                      const char *value, struct js_err *err)
{
    if (!value[0])
        return js_err_set(err, "%s", row->problem);
    bool is_none = strcmp(value, "none") == 0;
    options->config.output =
        is_none ? JOBSCHED_OUTPUT_NONE : JOBSCHED_OUTPUT_DIR;
    options->config.output_dir = is_none ? NULL : value;
    return 0;
}

static int set_tmpdir(const struct option_row *row, struct js_options *options,
                      const char *value, struct js_err *err)
{
    if (value[0] != '/')
        return js_err_set(err, "%s", row->problem);
    options->config.tmpdir = value;
    return 0;
}

/* "300%": a percentage of the median. */
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

static int set_timeout(const struct option_row *row, struct js_options *options,
                       const char *value, struct js_err *err)
{
    struct jobsched_config *config = &options->config;
    config->timeout_ns = 0;
    config->timeout_percent = 0;
    if (read_percent(value, &config->timeout_percent) == 0)
        return 0;
    if (js_parse_duration_ns(value, &config->timeout_ns) == 0 &&
        config->timeout_ns > 0)
        return 0;
    return js_err_set(err, "%s", row->problem);
}

static int set_sync(const struct option_row *row, struct js_options *options,
                    const char *value, struct js_err *err)
{
    if (strcmp(value, "off") != 0)
        return set_time(row, options, value, err);
    options->config.sync_ns = JOBSCHED_NO_SYNC;
    return 0;
}

/* "ID:N", in the form in which launch/mpirun.c writes it. */
static int set_part_of(const struct option_row *row, struct js_options *options,
                       const char *value, struct js_err *err)
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

static int set_progress(const struct option_row *row,
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
        options->is_progress_told = true;
        return 0;
    }
    return js_err_set(err, "%s", row->problem);
}

/* Actions that only report on runs. */
static int set_inspection(const struct option_row *row,
                          struct js_options *options, const char *value,
                          struct js_err *err)
{
    if (options->action != JS_ACTION_RUN && options->action != row->least)
        return js_err_set(err, "--status, --report or --plan: one at a time");
    return set_choice(row, options, value, err);
}

static int set_report(const struct option_row *row, struct js_options *options,
                      const char *value, struct js_err *err)
{
    if (!value[0] || strcmp(value, "-") == 0)
        return js_err_set(err, "%s", row->problem);
    options->report = value;
    return set_inspection(row, options, value, err);
}

/* ---------------------------------------------------------------- the table */

static const struct option_row rows[] = {
    {.help = "Starting slaves (not under mpirun, whose own options apply):"},
    {"slaves", "N", 'n', OF_LAUNCH,
     "start N slaves (default: one for each core of this\n"
     "machine, slot of the hostfile or task of the Slurm\n"
     "job)",
     COUNT32(slaves, 1, 1000000)},
    {"hostfile", "FILE", 0, OF_LAUNCH,
     "start them on the hosts that FILE lists",
     TEXT(hostfile, "must be the name of a file")},
    {"restarts", "N", 0, OF_LAUNCH,
     "if the run breaks off, go on with the hosts that are\n"
     "left, up to N times (default 3)",
     COUNT32(restarts, 0, 1000)},
    {"show-mpirun", NULL, 0, OF_LAUNCH, "print the mpirun command, and exit",
     FLAG(is_mpirun_shown)},

    {.help = "Scheduling:"},
    {"round", "N", 0, OF_RUN, "dispatch N jobs at a time (default 10)",
     COUNT32(config.round_size, 1, 1000000)},
    {"barrier", NULL, 0, OF_RUN,
     "start a round only when the one before has ended", FLAG(config.barrier)},
    {"slots", "N|all", 0, OF_RUN,
     "run N jobs at once on each slave (default 1);\n"
     "all: one for each core in its part of the node",
     FIELD(set_slots, config.slots, uint32_t), .least = 1, .most = 4096,
     .problem = "must be \"all\" or a number from 1 to 4096"},
    {"bind", "core|none", 0, OF_RUN,
     "bind jobs to cores, or do not (default core)", .set = set_bind,
     .problem = "must be \"core\" or \"none\""},
    {"show-map", NULL, 0, OF_RUN, "print which slave owns which CPUs",
     FLAG(config.show_map)},
    {"gpus", "N", 0, OF_RUN, "count N GPUs on each node (default: those found)",
     COUNT32(config.gpus, 0, 1000)},
    {"strict-mem", NULL, 0, OF_RUN,
     "enforce mem= as the limit of each process's data",
     FLAG(config.strict_mem)},
    {"longest-first", "FILE", 0, OF_RUN,
     "start the longest jobs first; FILE is the joblog of\n"
     "an earlier run",
     TEXT(config.longest_first, "must be the joblog of an earlier run")},

    {.help = "Resuming and stopping:"},
    {"journal", "FILE", 0, OF_RUN,
     "record the run in FILE (default JOBFILE.journal)",
     TEXT(config.journal, "must be the name of a file")},
    {"no-journal", NULL, 0, OF_RUN, "do not record the run",
     FLAG(config.no_journal)},
    {"fresh", NULL, 0, OF_RUN, "start over; keep the old journal as FILE.old",
     FLAG(config.fresh)},
    {"retry-failed", NULL, 0, OF_RUN,
     "run only the jobs that failed or were skipped, and\n"
     "the jobs that come after them",
     CHOICE(config.retry, JOBSCHED_RETRY_ONLY_FAILED)},
    {"no-retry-failed", NULL, 0, OF_RUN, "do not run failed jobs again",
     CHOICE(config.retry, JOBSCHED_RETRY_NOT_FAILED)},
    {"force-lock", NULL, 0, OF_RUN,
     "take over the journal of a run that is certainly dead",
     FLAG(config.force_lock)},
    {"sync", "TIME|off", 0, OF_RUN,
     "how much finished work a power failure may lose\n"
     "(default 1s; 0: none; off: no bound)",
     FIELD(set_sync, config.sync_ns, int64_t)},
    {"time-limit", "TIME", 0, OF_START,
     "finish within TIME: start no job that would overrun\n"
     "it, and exit by then",
     TIME(config.time_limit_ns), .problem = "leaves no time for any job"},
    {"start-timeout", "TIME", 0, OF_RUN,
     "give up if MPI has not started within TIME (default\n"
     "5m)",
     TIME(config.start_timeout_ns), .problem = "leaves no time to start"},
    {"slave-timeout", "TIME", 0, OF_RUN,
     "give up a slave that has been silent for TIME\n"
     "(default 30s; 0: never)",
     TIME(config.slave_timeout_ns)},

    {.help = "Jobs that fail or hang:"},
    {"retries", "N", 0, OF_RUN,
     "run a failed job up to N times more, on another slave\n"
     "if there is one (default 0)",
     COUNT32(config.retries, 0, 1000000)},
    {"timeout", "TIME|P%", 0, OF_RUN,
     "end a job that runs longer than TIME, or than P% of\n"
     "the median run time so far",
     .set = set_timeout,
     .problem = "must be a duration such as 90s, 10m or 2h, or a percentage of "
                "the median from 100% on, such as 300%"},
    {"max-failures", "N", 0, OF_RUN, "start no more jobs once N have failed",
     COUNT(config.max_failures, 1, UINT64_MAX)},
    {"fail-fast", NULL, 0, OF_RUN,
     "stop at the first failure (with --max-failures N, at\n"
     "the N-th), and end the jobs that run",
     FLAG(config.fail_fast)},
    {"allow-leftovers", NULL, 0, OF_RUN,
     "keep processes that a job leaves behind until the run\n"
     "ends",
     FLAG(config.allow_leftovers)},
    {"grace", "TIME", 0, OF_RUN,
     "time between SIGTERM and SIGKILL (default 5s; at most\n"
     "500ms for processes that a job leaves behind)",
     TIME(config.grace_ns)},

    {.help = "Output:"},
    {"output", "DIR|none", 'o', OF_RUN,
     "write DIR/ID.out and DIR/ID.err instead of passing\n"
     "each job's output on when it ends; none: discard it",
     .set = set_output, .problem = "must be a folder, or \"none\""},
    {"joblog", "FILE", 0, OF_RUN,
     "write a line for each attempt, in GNU parallel's\n"
     "columns",
     TEXT(config.joblog, "needs a file")},
    {"progress", "auto|always|never", 0, OF_RUN,
     "show progress on stderr\n"
     "(default auto: a bar on a terminal, otherwise a line\n"
     "now and then; always: otherwise a line every 10 s)",
     .set = set_progress,
     .problem = "must be \"auto\", \"always\" or \"never\""},
    {"verbose", NULL, 'v', OF_RUN,
     "print on stdout when each job is dispatched, starts\n"
     "and finishes",
     FLAG(config.trace)},
    {"quiet", NULL, 'q', OF_RUN,
     "print no summary if every job succeeded, no trace of\n"
     "the demonstration, and no progress unless asked for",
     FLAG(is_quiet)},

    {.help = "Inspecting a run, from another terminal or afterwards:"},
    {"status", NULL, 0, OF_RUN,
     "show which jobs are done, failed, running and waiting",
     FIELD(set_inspection, action, unsigned), .least = JS_ACTION_STATUS},
    {"explain", "NAME|ID", 0, OF_RUN,
     "show the state of one job, why it waits, and its\n"
     "attempts",
     TEXT(explained, "must be the name or the id of a job")},
    {"watch", NULL, 0, OF_RUN,
     "show the status again and again until the run ends", FLAG(is_watched)},
    {"json", NULL, 0, OF_RUN, "write JSON, with --status, --explain or --plan",
     FLAG(is_json)},
    {"report", "FILE", 0, OF_RUN,
     "write an HTML page with a timeline of all jobs, the\n"
     "failures and the longest jobs",
     FIELD(set_report, action, unsigned), .least = JS_ACTION_REPORT,
     .problem = "must be the name of a file"},

    {.help = "Temporary files:"},
    {"tmpdir", "DIR", 0, OF_RUN,
     "keep output in DIR on each host until the master has\n"
     "written it (default $TMPDIR there, or /tmp)",
     .set = set_tmpdir, .problem = "must be an absolute path, for every host"},
    {"spool-limit", "SIZE", 0, OF_RUN,
     "start no job on a slave that holds more unwritten\n"
     "output than SIZE (default 1G)",
     SIZE(config.spool_limit_bytes)},

    {.help = "The demonstration (without a job file):"},
    {"demo", NULL, 0, OF_RUN, "simulate jobs, whatever standard input is",
     FLAG(is_demo)},
    {"jobs", "N", 0, OF_DEMO, "simulate N jobs (default 30)",
     COUNT(config.demo_jobs, 0, UINT64_MAX - 1)},
    {"duration", "TIME", 0, OF_DEMO, "let each of them take TIME (default 1s)",
     TIME(config.demo_duration_ns)},
    {"forever", NULL, 0, OF_DEMO, "simulate jobs without end",
     .set = set_forever},

    {.help = "Other:"},
    {"check", NULL, 0, OF_RUN,
     "check the job file, report what is in it, and exit",
     CHOICE(config.action, JOBSCHED_CHECK)},
    {"dry-run", NULL, 0, OF_RUN, "show what would run where, and exit",
     CHOICE(config.action, JOBSCHED_DRY_RUN)},
    {"plan", NULL, 0, OF_RUN,
     "show how long the list would take on 1, 2, 4 ...\n"
     "slots, from the run times in the journal of an\n"
     "earlier run, or in its --joblog FILE",
     FIELD(set_inspection, action, unsigned), .least = JS_ACTION_PLAN},
    {"help", NULL, 'h', OF_RUN, "show this help, and exit",
     CHOICE(action, JS_ACTION_HELP)},
    {"version", NULL, 'V', OF_RUN, "show the version, and exit",
     CHOICE(action, JS_ACTION_VERSION)},
    {"part-of", "ID:N", 0, OF_RUN, NULL, .set = set_part_of,
     .problem = "is for jobsched itself"},
    {"requeue", NULL, 0, OF_LAUNCH, NULL, FLAG(is_requeued)},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), FIRST_VALUE = 1000 };

/* ---------------------------------------------------------------- parsing */

/* The table in the two forms that getopt needs. */
struct getopt_view {
    struct option longs[ROWS + 1];
    char shorts[2 * ROWS + 2];
    const char *names[ROWS + 1]; /* with "--", for suggestions */
};

static void make_view(struct getopt_view *view)
{
    size_t n = 0, s = 0, names = 0;
    memset(view, 0, sizeof(*view));
    view->shorts[s++] = ':'; /* makes getopt report a missing argument as
                                such */
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
        view->shorts[s++] = (char)row->letter;
        if (row->argument)
            view->shorts[s++] = ':';
    }
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

static int options_refuse_unknown(const struct getopt_view *view,
                                  const char *word, struct js_err *err)
{
    char name[64];
    int count = 0;
    struct js_buf matches = JS_BUF_INIT;
    const char *start = word + strspn(word, "-");
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(start, "="), start);
    const char *closest = js_text_closest(name, view->names);
    for (size_t i = 0; view->names[i]; i++) {
        if (strncmp(view->names[i], name, strlen(name)) == 0)
            js_buf_printf(&matches, "%s--%s", count++ ? ", " : "",
                          view->names[i]);
    }
    if (count > 1 && js_buf_string(&matches))
        js_err_set(err, "--%s may be one of %s", name, matches.data);
    else if (word[1] == '-' && closest)
        js_err_set(err, "unknown option --%s (did you mean --%s?)", name,
                   closest);
    else
        js_err_set(err, "unknown option %s; --help lists all", word);
    js_buf_release(&matches);
    return -1;
}

static int options_refuse(const struct getopt_view *view, int code, char **argv,
                          struct js_err *err)
{
    const struct option_row *row = row_of(optopt);
    const char letter[] = {'-', (char)optopt, '\0'};
    bool is_long = optopt == 0 || optopt >= FIRST_VALUE;
    const char *word = argv[optind - 1];
    if (is_long && js_foreign_is(word))
        return js_foreign_refuse(word, argv[optind], err);
    if (code == ':' && row)
        return js_err_set(err, "--%s needs a value: --%s %s", row->name,
                          row->name, row->argument);
    if (row && optopt >= FIRST_VALUE)
        return js_err_set(err, "--%s takes no value", row->name);
    if (is_long)
        return options_refuse_unknown(view, word, err);
    if (js_foreign_is(letter))
        return js_foreign_refuse(letter, argv[optind], err);
    return js_err_set(err, "unknown option %s; --help lists all", letter);
}

/* Returns the word in which getopt has found the option. */
static const char *typed_word(char **argv)
{
    bool is_apart = optarg && optarg == argv[optind - 1];
    return argv[optind - (is_apart ? 2 : 1)];
}

/* Whatever was asked for, this word is a mistake. */
static int check_words(char **words, struct js_err *err)
{
    for (; *words; words++) {
        if (words[0][0] == ':' && js_foreign_is(*words))
            return js_foreign_refuse(*words, NULL, err);
        if (!words[0][0])
            return js_err_set(err, "an argument is empty (is a variable not "
                                   "set?): give the name of a job file");
    }
    return 0;
}

/* Handles the words that are not options: at most one, the job file. */
static int take_words(char **words, struct js_options *options,
                      struct js_err *err)
{
    if (check_words(words, err) < 0)
        return -1;
    options->config.job_file = words[0];
    if (!words[0]) {
        /* The demonstration consists of its trace. */
        options->config.trace |= !options->is_quiet;
        return 0;
    }
    if (words[1])
        return js_err_set(err, "one job file, please: what is \"%s\"?",
                          words[1]);
    if (options->is_demo)
        return js_err_set(err,
                          "--demo is the demonstration, which has no job file: "
                          "what is \"%s\"?",
                          words[0]);
    return 0;
}

/* Refuses options that contradict each other. */
static int check_options(const struct js_options *options, struct js_err *err)
{
    const struct jobsched_config *config = &options->config;
    bool has_file = config->job_file;
    bool is_named = has_file && strcmp(config->job_file, "-") != 0;
    bool is_plan = options->action == JS_ACTION_PLAN;
    bool reads_journal = options->action == JS_ACTION_STATUS ||
                         options->action == JS_ACTION_REPORT;
    bool is_resumed =
        config->journal || config->fresh || config->retry != JOBSCHED_RETRY_ALL;
    const struct {
        bool one, other;
        const char *problem;
    } rules[] = {
        {!has_file, config->action != JOBSCHED_RUN,
         "--check and --dry-run need a job file"},
        {!has_file && !config->journal, reads_journal,
         "--status and --report need a job file, or the journal of a stream "
         "with --journal"},
        {!is_named, is_plan,
         "--plan needs a job file, for which it looks up how long its jobs "
         "ran"},
        {has_file, options->is_demo_changed,
         "--jobs, --duration and --forever are for the demonstration, which "
         "has no job file: write -n N, for N slaves, or --demo without a list"},
        {options->is_watched || options->explained,
         options->action != JS_ACTION_STATUS,
         "--watch and --explain say more about --status: not with --report or "
         "--plan"},
        {options->is_json, options->action == JS_ACTION_REPORT,
         "--json is for --status and --plan: not with --report"},
        {config->no_journal && !config->joblog, is_plan,
         "--plan reads the journal: --no-journal leaves it a --joblog at best"},
        {config->no_journal, reads_journal,
         "--status and --report read the journal: --no-journal leaves them "
         "nothing to say"},
        {options->is_watched, options->is_json,
         "--json is one document: ask again instead of --watch"},
        {config->no_journal, is_resumed,
         "--no-journal: without one there is nothing to go on with, or to "
         "start "
         "over from"},
        {config->fresh, config->retry == JOBSCHED_RETRY_ONLY_FAILED,
         "--fresh forgets what --retry-failed asks for"},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].one && rules[i].other)
            return js_err_set(err, "%s", rules[i].problem);
    }
    return 0;
}

/* Handles the option that getopt has found. */
static int take_option(const struct getopt_view *view, int code, char **argv,
                       struct js_options *options, struct js_err *err)
{
    const struct option_row *row = row_of(code);
    if (!row)
        return options_refuse(view, code, argv, err);
    const char *word = typed_word(argv);
    /* getopt accepts "--retry" as the only option that begins like this, and
     * "-np" as -n with a value. Within a word of several letters it has not
     * reached the end. */
    bool is_whole = code >= FIRST_VALUE || (row->argument && optarg);
    if (is_whole && js_foreign_is(word))
        return js_foreign_refuse(word, argv[optind], err);
    if (!row->help && strcspn(word, "=") != strlen("--") + strlen(row->name))
        return options_refuse_unknown(view, word, err);
    struct js_err problem;
    if (row->set(row, options, optarg, &problem) < 0)
        return js_err_set(err, "--%s %s: %s", row->name, optarg, problem.text);
    options->is_launch_told |= row->owner == OF_LAUNCH;
    options->is_demo_changed |= row->owner == OF_DEMO;
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
    optind = 0; /* glibc: forget the state of an earlier call */
    while ((code = getopt_long(argc, argv, view.shorts, view.longs, NULL)) !=
           -1) {
        if (take_option(&view, code, argv, ret, err) < 0)
            return -1;
        if (ret->action == JS_ACTION_HELP || ret->action == JS_ACTION_VERSION)
            return 0;
    }
    /* An option that only --status has implies --status. */
    if (ret->action == JS_ACTION_RUN &&
        (ret->is_watched || ret->is_json || ret->explained))
        ret->action = JS_ACTION_STATUS;
    if (ret->is_quiet && !ret->is_progress_told)
        ret->config.progress = JOBSCHED_PROGRESS_NEVER;
    if (take_words(argv + optind, ret, err) < 0)
        return -1;
    return check_options(ret, err);
}

/* Every option is passed on in its long form with its value attached, so the
 * words do not depend on how the user wrote them. */
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
        if (row && row->owner != OF_LAUNCH &&
            (row->owner != OF_START || !is_going_on))
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
    letter[1] = (char)row->letter;
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
    "       mpirun -np N jobsched [options] [JOBFILE]\n\n"
    "Runs the shell commands in JOBFILE, one per line, on all cores, or on "
    "N-1\nslaves. \"-\" stands for standard input. Without JOBFILE, the list "
    "is standard\ninput if that is a pipe or a file; otherwise a demonstration "
    "runs.\n";

static const char outro[] =
    "\nExit status: 0 every job succeeded; 1 some job failed or was skipped; 2 "
    "bad\nusage or input, no job was started; 3 stopped before the end, the "
    "same command\ngoes on from there; 4 the run itself broke.\n";

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
