#include "cli/command_line.h"

#include "base/buf.h"
#include "base/text.h"
#include "list/formats.h"
#include "record/past_runs.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* getopt reports a long option as this plus the number of its row. The short
 * ones are characters, which are below. */
enum { FIRST_VALUE = 1000 };

/* The table in the forms that getopt needs. It is made at each call, because
 * getopt cannot use our table. */
struct getopt_view {
    struct option longs[JS_OPTIONS_MOST + 1];
    char shorts[2 * JS_OPTIONS_MOST + 3];
    const char *names[JS_OPTIONS_MOST + 1]; /* without "--", for suggestions;
                                               then NULL */
};

/* If a source follows, options end at the first word that is none. */
static void getopt_view_make(struct getopt_view *view, bool has_source)
{
    const struct js_options_row *row;
    size_t n = 0, s = 0, names = 0;
    memset(view, 0, sizeof(*view));
    if (has_source)
        view->shorts[s++] = '+';
    view->shorts[s++] = ':'; /* makes getopt report a missing argument as
                                such */
    for (int i = 0; (row = js_options_row((size_t)i)); i++) {
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

static const struct js_options_row *command_line_row(int code)
{
    const struct js_options_row *row;
    if (code >= FIRST_VALUE)
        return js_options_row((size_t)(code - FIRST_VALUE));
    for (size_t i = 0; (row = js_options_row(i)); i++) {
        if (row->letter == code)
            return row;
    }
    return NULL;
}

/* ------------------------------------------------ options of other tools */

struct foreign_option {
    const char *word;
    const char *instead;
    bool is_number; /* its value is that of -n, with which `instead` ends */
};

/* What users of xargs, GNU parallel, make, srun and mpirun type from habit.
 * getopt would even accept some of it: -np is -n with the value p. */
static const struct foreign_option foreign_options[] = {
    {"-j", "use -n", true},
    {"-P", "use -n", true},
    {"-np", "use -n", true},
    {"--np", "use -n", true},
    {"--ntasks", "use -n", true},
    {"--workers", "use -n", true},
    {"--max-procs", "use -n", true},
    {"--halt",
     "use --fail-fast to stop at the first failure, or --max-failures N",
     false},
    {"--halt-on-error",
     "use --fail-fast to stop at the first failure, or --max-failures N",
     false},
    {"--retry", "use --retries N to run a failed job up to N more times",
     false},
    {"--resume", "run the same command again to continue", false},
    {"--resume-failed",
     "run the same command again to continue; failed jobs then run again",
     false},
    {"--log", "use --joblog FILE", false},
    {"--results", "use --output DIR", false},
    {"--sshloginfile", "use --hostfile FILE", false},
    {"--bar", "use --progress always", false},
    {"--eta", "use --progress always", false},
    {"--tag",
     "use --output DIR to keep the output of each job in its own files", false},
    {"-k",
     "output appears as jobs end; use --output DIR to keep it in files named "
     "by job id",
     false},
    {"--keep-order",
     "output appears as jobs end; use --output DIR to keep it in files named "
     "by job id",
     false},
    /* Of templates. */
    {"--plus",
     "let the shell change the value, as in 'x={}; echo \"${x%.gz}\"'", false},
    {"--rpl", "let the shell change the value, as in 'x={}; echo \"${x%.gz}\"'",
     false},
    {"-I", "write {} where the value goes", false},
    {"-N", "put the values of a job on one line, and use --colsep or --csv",
     false},
    {"-L", "put the values of a job on one line, and use --colsep or --csv",
     false},
    {"-X",
     "a job gets one value of each source; use xargs to put many values on a "
     "line",
     false},
    {"-m",
     "a job gets one value of each source; use xargs to put many values on a "
     "line",
     false},
    {"-0", "each line is a value; use find -print in place of find -print0",
     false},
    {"-a", "write :::: FILE after the command", false},
};

/* Finds out which option of another tool this argument is, with or without a
 * value ("-np4", "--workers=4", ":::"). Returns NULL if it is none. */
static const struct foreign_option *foreign_find(const char *word)
{
    size_t len = strcspn(word, "=");
    if (word[0] == '-' && word[1] && word[1] != '-')
        len = 2 + strcspn(word + 2, "=0123456789");
    for (size_t i = 0; i < sizeof(foreign_options) / sizeof(*foreign_options);
         i++) {
        const char *known = foreign_options[i].word;
        if (strlen(known) == len && memcmp(known, word, len) == 0)
            return &foreign_options[i];
    }
    return NULL;
}

static bool foreign_is_number(const char *text)
{
    return text && text[0] && text[strspn(text, "0123456789")] == '\0';
}

/* `next` is the argument after it, which may be its value (NULL: there is
 * none). */
static int foreign_refuse(const struct foreign_option *foreign,
                          const char *word, const char *next,
                          struct js_err *err)
{
    const char *number = word + strcspn(word, "0123456789");
    if (!foreign->is_number)
        return js_err_set(err, "%s is not supported: %s", foreign->word,
                          foreign->instead);
    if (!foreign_is_number(number)) {
        if (next && next[0] == '-') /* getopt is still within the word: -j4 */
            next += strcspn(next, "0123456789");
        number = foreign_is_number(next) ? next : "N";
    }
    return js_err_set(err, "%s is not supported: %s %s", foreign->word,
                      foreign->instead, number);
}

/* ---------------------------------------------------------------- refusals */

static int command_line_refuse_unknown(const struct getopt_view *view,
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
        js_err_set(err, "--%s is ambiguous: it may be %s", name, matches.data);
    else if (word[1] == '-' && closest)
        js_err_set(err, "unknown option --%s (did you mean --%s?)", name,
                   closest);
    else
        js_err_set(err, "unknown option %s; --help lists all options", word);
    js_buf_release(&matches);
    return -1;
}

/* getopt says only that something is wrong with an option (`code`), and with
 * which (optopt). */
static int command_line_refuse(const struct getopt_view *view, int code,
                               char **argv, struct js_err *err)
{
    const struct js_options_row *row = command_line_row(optopt);
    const char letter[] = {'-', (char)optopt, '\0'};
    bool is_long = optopt == 0 || optopt >= FIRST_VALUE;
    const char *word = argv[optind - 1];
    const struct foreign_option *foreign =
        foreign_find(is_long ? word : letter);
    if (foreign && is_long)
        return foreign_refuse(foreign, word, argv[optind], err);
    if (code == ':' && row)
        return js_err_set(err, "--%s needs a value: --%s %s", row->name,
                          row->name, row->argument);
    if (row && optopt >= FIRST_VALUE)
        return js_err_set(err, "--%s takes no value", row->name);
    if (is_long)
        return command_line_refuse_unknown(view, word, err);
    if (foreign)
        return foreign_refuse(foreign, letter, argv[optind], err);
    return js_err_set(err, "unknown option %s; --help lists all options",
                      letter);
}

/* ---------------------------------------------------------------- reading */

/* A word with a replacement string that is not the name of a file. */
static bool command_line_is_template(const char *word)
{
    return strstr(word, "{}") && access(word, F_OK) < 0;
}

/* Appends the word as a user would type it: {} and the like without quotes. */
static int command_line_put_word(struct js_buf *buf, const char *word)
{
    bool is_string = word[0] == '{' && word[strlen(word) - 1] == '}' &&
                     !strpbrk(word, " ,$`'\"\\;&|<>()");
    int rc = is_string ? js_buf_puts(buf, word)
                       : js_argv_quote_word(buf, word, strlen(word));
    return rc == 0 ? js_buf_puts(buf, " ") : -1;
}

/* `seq 10 | parallel ./sim {}` is what people type. */
static int command_line_refuse_words(char **args, struct js_err *err)
{
    struct js_buf words = JS_BUF_INIT;
    bool has_string = false;
    int rc = 0;
    for (char **word = args; rc == 0 && *word; word++) {
        has_string |= strchr(*word, '{') != NULL;
        rc = command_line_put_word(&words, *word);
    }
    if (rc == 0 && !has_string)
        rc = js_buf_puts(&words, "{} ");
    const char *shown = rc == 0 ? js_buf_string(&words) : NULL;
    if (args[1])
        js_err_set(err,
                   "unexpected argument \"%.100s\": only one job file is "
                   "allowed; to run a command with each line of standard "
                   "input: jobsched %.400s:::: -",
                   args[1], shown ? shown : "");
    else
        js_err_set(
            err,
            "\"%.100s\" is a command without values; to run it with each "
            "line of standard input: jobsched %.400s:::: -",
            args[0], shown ? shown : "");
    js_buf_release(&words);
    return -1;
}

/* Handles the arguments that are not options: at most one, the job file. An
 * error in any of them is reported first. */
static int command_line_take_file(char **args, struct js_options *options,
                                  struct js_err *err)
{
    if (options->words) {
        if (options->config.job_format)
            return js_err_set(err, "--from is for a job file, and cannot be "
                                   "combined with values on the command line");
        options->config.job_file = "-";
        options->config.job_format = JS_FORMATS_ARGS;
        return 0;
    }
    for (char **word = args; *word; word++) {
        if (!word[0][0])
            return js_err_set(err, "an argument is empty (is a variable not "
                                   "set?): name a job file");
    }
    options->config.job_file = args[0];
    if (!args[0]) {
        /* The demonstration consists of its trace. */
        options->config.trace |= !options->is_quiet;
        return 0;
    }
    if (args[1] || command_line_is_template(args[0]))
        return command_line_refuse_words(args, err);
    if (options->is_demo)
        return js_err_set(err,
                          "unexpected argument \"%s\": --demo runs a "
                          "demonstration, which has no job file",
                          args[0]);
    return 0;
}

/* A rule is broken if both of its sides hold. */
struct rule {
    bool one, other;
    const char *problem;
};

/* Only the first broken rule is reported, so a rule that suggests a solution
 * comes before a more general one. */
static int command_line_apply(const struct rule *rules, size_t count,
                              struct js_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i].one && rules[i].other)
            return js_err_set(err, "%s", rules[i].problem);
    }
    return 0;
}

/* Refuses options that contradict values on the command line, or --expand. */
static int command_line_check_words(const struct js_options *options,
                                    struct js_err *err)
{
    const struct jobsched_config *config = &options->config;
    bool is_expanded = options->action == JS_ACTION_EXPAND;
    const struct rule rules[] = {
        {!config->job_file, is_expanded,
         "--expand needs a job file, or values on the command line"},
        {is_expanded, config->action != JOBSCHED_RUN,
         "--expand cannot be combined with --check or --dry-run: pipe what it "
         "writes to `jobsched --check -`"},
        {options->words, options->is_demo,
         "--demo runs a demonstration, which has no command"},
        {options->words, options->action != JS_ACTION_RUN && !is_expanded,
         "--status, --report and --plan need no command: name the journal with "
         "--journal"},
        {options->words, options->is_mpirun_shown,
         "--show-mpirun cannot be combined with values on the command line, "
         "which do not reach the ranks in that way"},
        {!options->words, options->is_args_given,
         "--link, --colsep, --csv and --header belong to values on the command "
         "line, after ::: or ::::"},
        {options->args.is_csv, options->args.separator,
         "--csv and --colsep cannot be combined"},
    };
    return command_line_apply(rules, sizeof(rules) / sizeof(rules[0]), err);
}

/* Refuses options that contradict each other. */
static int command_line_check(const struct js_options *options,
                              struct js_err *err)
{
    const struct jobsched_config *config = &options->config;
    bool has_file = config->job_file;
    bool is_named = has_file && strcmp(config->job_file, "-") != 0;
    bool is_plan = options->action == JS_ACTION_PLAN;
    bool reads_journal = options->action == JS_ACTION_STATUS ||
                         options->action == JS_ACTION_REPORT;
    bool needs_journal =
        config->journal || config->fresh || config->retry != JOBSCHED_RETRY_ALL;
    bool is_ordered_by_journal =
        config->longest_first &&
        strcmp(config->longest_first, JS_PAST_RUNS_AUTO) == 0;
    const struct rule rules[] = {
        {!has_file, config->action != JOBSCHED_RUN,
         "--check and --dry-run need a job file"},
        {!has_file && !config->journal, reads_journal,
         "--status and --report need a job file, or --journal FILE for the "
         "journal of a stream"},
        {!is_named, is_plan,
         "--plan needs a job file; it cannot read standard input"},
        {has_file, options->is_demo_changed,
         "--jobs, --duration and --forever apply only to the demonstration, "
         "which has no job file: use -n N to start N slaves, or --demo without "
         "a job file"},
        {options->is_watched || options->explained,
         options->action != JS_ACTION_STATUS,
         "--watch and --explain belong to --status, and cannot be combined "
         "with --report or --plan"},
        {options->is_json, options->action == JS_ACTION_REPORT,
         "--json cannot be combined with --report, only with --status or "
         "--plan"},
        {config->no_journal && !config->joblog, is_plan,
         "--plan reads the journal, so it cannot be combined with "
         "--no-journal: name a joblog with --joblog instead"},
        {config->only[0], options->action != JS_ACTION_RUN,
         "--only selects the jobs of a run, and cannot be combined with "
         "--status, --report, --plan or --expand"},
        {config->only[0], !is_named,
         "--only needs a job file; it cannot select from standard input, nor "
         "from the values of a command line"},
        {config->no_journal, is_ordered_by_journal,
         "--longest-first auto reads the journal, so it cannot be combined "
         "with --no-journal: name a joblog instead"},
        {config->no_journal, reads_journal,
         "--status and --report read the journal, so they cannot be combined "
         "with --no-journal"},
        {options->is_watched, options->is_json,
         "--json writes one document, so it cannot be combined with --watch: "
         "run the command repeatedly"},
        {config->no_journal, needs_journal,
         "--no-journal cannot be combined with --journal, --fresh, "
         "--retry-failed or --no-retry-failed, which need a journal"},
        {config->fresh, config->retry == JOBSCHED_RETRY_ONLY_FAILED,
         "--fresh cannot be combined with --retry-failed, because it forgets "
         "which jobs have failed"},
    };
    return command_line_apply(rules, sizeof(rules) / sizeof(rules[0]), err);
}

/* Handles the option that getopt has found. */
static int command_line_take_option(const struct getopt_view *view, int code,
                                    char **argv, struct js_options *options,
                                    struct js_err *err)
{
    const struct js_options_row *row = command_line_row(code);
    if (!row)
        return command_line_refuse(view, code, argv, err);
    /* The word in which getopt has found the option. */
    bool is_apart = optarg && optarg == argv[optind - 1];
    const char *word = argv[optind - (is_apart ? 2 : 1)];
    /* getopt accepts "--retry" as the only option that begins like this, and
     * "-np" as -n with a value. Within a word of several letters it has not
     * reached the end. */
    bool is_whole = code >= FIRST_VALUE || (row->argument && optarg);
    const struct foreign_option *foreign = is_whole ? foreign_find(word) : NULL;
    if (foreign)
        return foreign_refuse(foreign, word, argv[optind], err);
    /* An option that is not for users must be written out. */
    if (!row->help && strcspn(word, "=") != strlen("--") + strlen(row->name))
        return command_line_refuse_unknown(view, word, err);
    struct js_err problem;
    if (row->set(row, options, optarg, &problem) < 0)
        return js_err_set(err, "--%s%s%s: %s", row->name, optarg ? " " : "",
                          optarg ? optarg : "", problem.text);
    options->is_start_given |= row->owner == JS_OF_LAUNCH;
    options->is_demo_changed |= row->owner == JS_OF_DEMO;
    options->is_args_given |= row->owner == JS_OF_ARGS;
    return 0;
}

int js_command_line_read(int argc, char **argv, struct js_options *ret,
                         struct js_err *err)
{
    struct getopt_view view;
    int code;
    bool has_source = argv[0] && argv[1 + js_args_find_source(argv + 1)];
    getopt_view_make(&view, has_source);
    memset(ret, 0, sizeof(*ret));
    jobsched_config_init(&ret->config);
    ret->restarts = 3;
    opterr = 0; /* getopt must print nothing: every rank parses this */
    optind = 0; /* glibc: forget the state of an earlier call */
    while ((code = getopt_long(argc, argv, view.shorts, view.longs, NULL)) !=
           -1) {
        if (command_line_take_option(&view, code, argv, ret, err) < 0)
            return -1;
        if (ret->action == JS_ACTION_HELP || ret->action == JS_ACTION_VERSION)
            return 0;
    }
    /* An option that only --status has implies --status. */
    if (ret->action == JS_ACTION_RUN &&
        (ret->is_watched || ret->is_json || ret->explained))
        ret->action = JS_ACTION_STATUS;
    if (ret->is_quiet && !ret->is_progress_given)
        ret->config.progress = JOBSCHED_PROGRESS_NEVER;
    if (has_source)
        ret->words = argv + optind;
    if (command_line_take_file(argv + optind, ret, err) < 0)
        return -1;
    return command_line_check_words(ret, err) < 0
               ? -1
               : command_line_check(ret, err);
}

/* Every option is passed on in its long form with its value attached, so the
 * arguments do not depend on how the user wrote them. */
void js_command_line_for_ranks(int argc, char **argv, bool is_resumed,
                               struct js_argv *ret)
{
    struct getopt_view view;
    int code;
    /* js_command_line_read() has accepted these arguments, so they contain no
     * errors. */
    bool has_source = argv[1 + js_args_find_source(argv + 1)];
    getopt_view_make(&view, has_source);
    opterr = 0;
    optind = 0;
    while ((code = getopt_long(argc, argv, view.shorts, view.longs, NULL)) !=
           -1) {
        const struct js_options_row *row = command_line_row(code);
        if (row && row->owner != JS_OF_LAUNCH && row->owner != JS_OF_ARGS &&
            (row->owner != JS_OF_START || !is_resumed))
            js_argv_addf(ret, "--%s%s%s", row->name, optarg ? "=" : "",
                         optarg ? optarg : "");
    }
    /* The ranks get its text on standard input. */
    if (has_source) {
        js_argv_add(ret, "--from=" JS_FORMATS_ARGS);
        js_argv_add(ret, "-");
        return;
    }
    /* "-" alone is a job file; "-x" after "--" must stay one. */
    if (argv[optind] && argv[optind][0] == '-' && argv[optind][1])
        js_argv_add(ret, "--");
    if (argv[optind])
        js_argv_add(ret, argv[optind]);
}
