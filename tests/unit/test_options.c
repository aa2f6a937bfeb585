/* options: what each does, and what is said about a wrong one. */
#include "unit.h"

#include "base/clock.h"
#include "cli/command_line.h"
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 16 };

/* Reads a command line of blank-separated words; "''" is an empty one. */
struct line {
    char text[512];
    char *words[WORDS_MAX + 1];
    int count;
    struct js_options options;
    struct js_err err;
    int rc;
};

static void split(struct line *line, const char *text)
{
    static char name[] = "jobsched";
    snprintf(line->text, sizeof(line->text), "%s", text);
    memset(line->words, 0, sizeof(line->words));
    line->words[0] = name;
    line->count = 1;
    char *save = NULL;
    for (char *word = strtok_r(line->text, " ", &save); word;
         word = strtok_r(NULL, " ", &save)) {
        CU_ASSERT_FATAL(line->count < WORDS_MAX);
        if (strcmp(word, "''") == 0)
            *word = '\0';
        line->words[line->count++] = word;
    }
}

static void parse(struct line *line, const char *text)
{
    split(line, text);
    line->err.text[0] = '\0';
    line->rc = js_command_line_read(line->count, line->words, &line->options,
                                    &line->err);
}

/* The configuration that a good line gives; borrowed from `line`. */
static const struct jobsched_config *good(struct line *line, const char *text)
{
    parse(line, text);
    CU_ASSERT_EQUAL(line->rc, 0);
    CU_ASSERT_STRING_EQUAL(line->err.text, "");
    if (line->rc != 0)
        fprintf(stderr, "\noptions: %s: %s\n", text, line->err.text);
    return &line->options.config;
}

/* A bad line must be refused with a sentence that has all of these. */
static void bad(const char *text, const char *part, const char *other)
{
    struct line line;
    parse(&line, text);
    CU_ASSERT_EQUAL(line.rc, -1);
    bool is_said = line.rc == -1 && strstr(line.err.text, part) &&
                   (!other || strstr(line.err.text, other));
    CU_ASSERT_TRUE(is_said);
    if (!is_said)
        fprintf(stderr, "\noptions: %s: %s\n", text, line.err.text);
}

static void test_defaults(void)
{
    struct line line;
    const struct jobsched_config *config = good(&line, "");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_RUN);
    CU_ASSERT_PTR_NULL(config->job_file);
    CU_ASSERT_EQUAL(config->demo_jobs, 30);
    CU_ASSERT_EQUAL(config->demo_duration_ns, JS_NS_PER_S);
    CU_ASSERT_EQUAL(config->round_size, 10);
    CU_ASSERT_FALSE(config->barrier);
    CU_ASSERT_EQUAL(config->slots, 1);
    CU_ASSERT_TRUE(config->bind);
    CU_ASSERT_FALSE(config->show_map);
    CU_ASSERT_EQUAL(config->output, JOBSCHED_OUTPUT_PASS);
    CU_ASSERT_PTR_NULL(config->joblog);
    CU_ASSERT_PTR_NULL(config->tmpdir);
    CU_ASSERT_EQUAL(config->spool_limit_bytes, UINT64_C(1) << 30);
    CU_ASSERT_EQUAL(config->grace_ns, 5 * JS_NS_PER_S);
    CU_ASSERT_TRUE(config->trace); /* it is all there is to see */
}

static void test_format(void)
{
    struct line line;
    CU_ASSERT_PTR_NULL(good(&line, "jobs.txt")->job_format);
    CU_ASSERT_STRING_EQUAL(good(&line, "--from lines jobs.txt")->job_format,
                           "lines");
    bad("--from line jobs.txt", "--from line: no such format",
        "did you mean \"lines\"");
    bad("--from xyz jobs.txt", "--from xyz: no such format",
        "the formats are: lines");
    bad("--from", "--from needs a value: --from FORMAT", NULL);
}

static void test_job_file(void)
{
    struct line line;
    CU_ASSERT_STRING_EQUAL(good(&line, "jobs.txt")->job_file, "jobs.txt");
    CU_ASSERT_FALSE(line.options.config.trace);
    CU_ASSERT_STRING_EQUAL(good(&line, "-")->job_file, "-");
    CU_ASSERT_STRING_EQUAL(good(&line, "-- --odd-name")->job_file,
                           "--odd-name");
    CU_ASSERT_STRING_EQUAL(good(&line, "-- -")->job_file, "-");
    CU_ASSERT_PTR_NULL(good(&line, "--")->job_file);
    bad("one two", "two", "one job file");
    bad("one -- two", "two", NULL);
    bad("- -", "one job file", NULL);
}

/* The batch script passes options on behind the file. */
static void test_options_behind_the_file(void)
{
    struct line line;
    const struct jobsched_config *config =
        good(&line, "jobs.txt --round 5 -v -o dir");
    CU_ASSERT_STRING_EQUAL(config->job_file, "jobs.txt");
    CU_ASSERT_EQUAL(config->round_size, 5);
    CU_ASSERT_TRUE(config->trace);
    CU_ASSERT_STRING_EQUAL(config->output_dir, "dir");
}

static void test_how_jobs_are_given_out(void)
{
    struct line line;
    CU_ASSERT_EQUAL(good(&line, "--round 1 f")->round_size, 1);
    CU_ASSERT_EQUAL(good(&line, "--round=1000000 f")->round_size, 1000000);
    CU_ASSERT_TRUE(good(&line, "--barrier f")->barrier);
    CU_ASSERT_EQUAL(good(&line, "--slots 4096 f")->slots, 4096);
    CU_ASSERT_EQUAL(good(&line, "--slots all f")->slots, 0);
    CU_ASSERT_FALSE(good(&line, "--bind none f")->bind);
    CU_ASSERT_TRUE(good(&line, "--bind none --bind core f")->bind);
    CU_ASSERT_TRUE(good(&line, "--show-map f")->show_map);
    bad("--round 0 f", "--round", "whole number");
    bad("--round 1000001 f", "--round", "1000000");
    bad("--round ten f", "--round ten", NULL);
    bad("--round -1 f", "--round -1", NULL);
    bad("--round '' f", "--round", "whole number");
    bad("--slots 0 f", "--slots", "all");
    bad("--slots 4097 f", "--slots", "4096");
    bad("--slots ALL f", "--slots ALL", NULL);
    bad("--bind cores f", "--bind", "\"core\" or \"none\"");
}

static void test_what_comes_back(void)
{
    struct line line;
    const struct jobsched_config *config = good(&line, "--output out f");
    CU_ASSERT_EQUAL(config->output, JOBSCHED_OUTPUT_DIR);
    CU_ASSERT_STRING_EQUAL(config->output_dir, "out");
    config = good(&line, "-o none f");
    CU_ASSERT_EQUAL(config->output, JOBSCHED_OUTPUT_NONE);
    CU_ASSERT_PTR_NULL(config->output_dir);
    config = good(&line, "-o none -oout f");
    CU_ASSERT_EQUAL(config->output, JOBSCHED_OUTPUT_DIR);
    CU_ASSERT_STRING_EQUAL(config->output_dir, "out");
    CU_ASSERT_STRING_EQUAL(good(&line, "--joblog log f")->joblog, "log");
    CU_ASSERT_TRUE(good(&line, "--verbose f")->trace);
    CU_ASSERT_TRUE(good(&line, "-v f")->trace);
    bad("--output '' f", "--output", "folder");
    bad("--output= f", "--output", "folder");
    bad("--joblog '' f", "--joblog", "file");
}

static void test_progress(void)
{
    struct line line;
    CU_ASSERT_EQUAL(good(&line, "f")->progress, JOBSCHED_PROGRESS_AUTO);
    CU_ASSERT_EQUAL(good(&line, "--progress auto f")->progress,
                    JOBSCHED_PROGRESS_AUTO);
    CU_ASSERT_EQUAL(good(&line, "--progress=always f")->progress,
                    JOBSCHED_PROGRESS_ALWAYS);
    CU_ASSERT_EQUAL(good(&line, "--progress never f")->progress,
                    JOBSCHED_PROGRESS_NEVER);
    /* --quiet implies it, unless told otherwise, before or behind. */
    CU_ASSERT_EQUAL(good(&line, "-q f")->progress, JOBSCHED_PROGRESS_NEVER);
    CU_ASSERT_EQUAL(good(&line, "-q --progress always f")->progress,
                    JOBSCHED_PROGRESS_ALWAYS);
    CU_ASSERT_EQUAL(good(&line, "--progress auto -q f")->progress,
                    JOBSCHED_PROGRESS_AUTO);
    bad("--progress often f", "--progress often", "\"never\"");
    bad("--progress '' f", "--progress", "\"auto\"");
}

static void test_limits(void)
{
    struct line line;
    CU_ASSERT_STRING_EQUAL(good(&line, "--tmpdir /x f")->tmpdir, "/x");
    CU_ASSERT_EQUAL(good(&line, "--spool-limit 2G f")->spool_limit_bytes,
                    UINT64_C(2) << 30);
    CU_ASSERT_EQUAL(good(&line, "--grace 2m f")->grace_ns, 120 * JS_NS_PER_S);
    CU_ASSERT_EQUAL(good(&line, "--grace 0 f")->grace_ns, 0);
    bad("--tmpdir x f", "--tmpdir", "absolute");
    bad("--tmpdir '' f", "--tmpdir", "absolute");
    bad("--spool-limit 0 f", "--spool-limit", "512M");
    bad("--spool-limit 1Q f", "--spool-limit 1Q", NULL);
    bad("--grace soon f", "--grace soon", "90s");
    bad("--grace -1 f", "--grace -1", NULL);
}

static void test_the_demonstration(void)
{
    struct line line;
    CU_ASSERT_EQUAL(good(&line, "--jobs 7")->demo_jobs, 7);
    CU_ASSERT_EQUAL(good(&line, "--jobs 0")->demo_jobs, 0);
    CU_ASSERT_EQUAL(good(&line, "--duration 250ms")->demo_duration_ns,
                    JS_NS_PER_S / 4);
    CU_ASSERT_EQUAL(good(&line, "--forever")->demo_jobs, UINT64_MAX);
    CU_ASSERT_TRUE(line.options.is_demo_changed);
    CU_ASSERT_EQUAL(good(&line, "--round 5 --barrier")->round_size, 5);
    CU_ASSERT_FALSE(line.options.is_demo_changed);
    CU_ASSERT_FALSE(line.options.is_demo);
    CU_ASSERT_EQUAL(good(&line, "--demo --jobs 3")->demo_jobs, 3);
    CU_ASSERT_TRUE(line.options.is_demo);
    CU_ASSERT_TRUE(line.options.config.trace);
    CU_ASSERT_PTR_NULL(line.options.config.job_file);
    bad("--demo f", "--demo", "\"f\"");
    bad("f --demo --jobs 3", "--demo", "no job file");
    bad("''", "empty", "job file");
    bad("f ''", "empty", NULL);
    bad("--status ''", "empty", NULL);
    bad("--demo ''", "empty", NULL);
    bad("--jobs 18446744073709551615", "--jobs", NULL); /* --forever's */
    bad("--jobs 1.5", "--jobs 1.5", "whole number");
    bad("--duration fast", "--duration fast", "duration");
    bad("--jobs 3 f", "demonstration", "no job file");
    bad("f --duration 3", "demonstration", "no job file");
    bad("--forever -", "demonstration", "no job file");
}

static void test_other_actions(void)
{
    struct line line;
    good(&line, "--help");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_HELP);
    good(&line, "-h one two");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_HELP);
    good(&line, "--version");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_VERSION);
    good(&line, "-V");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_VERSION);
    good(&line, "--round 3 --help --nonsense");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_HELP);
    bad("--nonsense --help", "--nonsense", NULL);
}

static void test_unknown_options(void)
{
    bad("--rounds 3", "--rounds", "did you mean --round?");
    bad("--tempdir /x", "--tempdir", "did you mean --tmpdir?");
    bad("--outptu=x f", "--outptu", "did you mean --output?");
    bad("--show_map f", "--show_map", "did you mean --show-map?");
    bad("--cores 3 f", "unknown option --cores", "--help");
    bad("--nonsense f", "unknown option --nonsense", "--help");
    bad("-x f", "unknown option -x", "--help");
    bad("-vx f", "unknown option -x", "--help");
    bad("f --nonsense", "unknown option --nonsense", "--help");
}

/* As getopt_long has it: what only one option begins with. */
static void test_abbreviations(void)
{
    struct line line;
    CU_ASSERT_EQUAL(good(&line, "--slot 4 f")->slots, 4);
    CU_ASSERT_EQUAL(good(&line, "--slot=4 f")->slots, 4);
    CU_ASSERT_TRUE(good(&line, "--verbos f")->trace);
    CU_ASSERT_STRING_EQUAL(good(&line, "--joblo=x f")->joblog, "x");
    CU_ASSERT_EQUAL(good(&line, "--retry-f f")->retry,
                    JOBSCHED_RETRY_ONLY_FAILED);
    CU_ASSERT_STRING_EQUAL(good(&line, "--lo x f")->longest_first, "x");
    bad("--s 3 f", "--s is ambiguous", "--slots");
    bad("--job 3", "--job is ambiguous", "--joblog, --jobs");
    bad("--ret f", "--ret is ambiguous", "--retry-failed, --retries");
    bad("--verbose-x f", "unknown option --verbose-x", NULL);
}

static void test_only(void)
{
    struct line line;
    char word[] = "--only=a";
    char file[] = "f";
    char *many[JOBSCHED_ONLY_MAX + 4] = {file};
    const struct jobsched_config *config =
        good(&line, "--only a,b --only=c* --only 7 f");
    CU_ASSERT_STRING_EQUAL(config->only[0], "a,b");
    CU_ASSERT_STRING_EQUAL(config->only[1], "c*");
    CU_ASSERT_STRING_EQUAL(config->only[2], "7");
    CU_ASSERT_PTR_NULL(config->only[3]);
    int count = 1;
    while (count <= JOBSCHED_ONLY_MAX)
        many[count++] = word;
    many[count] = file;
    CU_ASSERT_EQUAL(
        js_command_line_read(count + 1, many, &line.options, &line.err), 0);
    CU_ASSERT_PTR_NULL(line.options.config.only[JOBSCHED_ONLY_MAX]);
    many[count++] = word;
    many[count] = file;
    CU_ASSERT_EQUAL(
        js_command_line_read(count + 1, many, &line.options, &line.err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(line.err.text, "at most 100 times"));
    bad("--only= f", "must be the name or id of a job", "'fit/*'");
    bad("--only ,, f", "must be the name or id of a job", NULL);
    bad("--only a -", "--only needs a job file", NULL);
    bad("--only a", "--only needs a job file", NULL);
    bad("--only a --status f", "cannot be combined", "--status");
    bad("--only a --plan f", "cannot be combined", "--plan");
}

/* Also where getopt would take them for something of our own. */
static void test_words_of_other_tools(void)
{
    bad("-j 4 f", "-j is not supported", "use -n 4");
    bad("-j4 f", "-j is not supported", "use -n 4");
    bad("-vj 4 f", "-j is not supported", "use -n 4");
    bad("f -j", "-j is not supported", "use -n N");
    bad("-P8 f", "-P is not supported", "use -n 8");
    bad("-np 4 f", "-np is not supported", "use -n 4");
    bad("-np4 f", "-np is not supported", "use -n 4");
    bad("--np=4 f", "--np is not supported", "use -n 4");
    bad("--workers 4 f", "--workers is not supported", "use -n 4");
    bad("--workers all f", "--workers is not supported", "use -n N");
    bad("--halt now,fail=1 f", "--halt is not supported", "--fail-fast");
    bad("--halt now,fail=1 f", "--max-failures", NULL);
    bad("--retry 3 f", "--retry is not supported", "--retries");
    bad("--retry=3 f", "--retry is not supported", "--retries");
    bad("--retry f", "--retry is not supported", "--retries");
    bad("--resume f", "same command again", NULL);
    bad("--log x f", "--log is not supported", "--joblog");
    bad("--log=x f", "--log is not supported", "--joblog");
    bad("--tag f", "--tag is not supported", NULL);
    bad("-k f", "-k is not supported", NULL);
    bad("-vk f", "-k is not supported", NULL);
    bad("--plus echo ::: a", "--plus is not supported", "let the shell");
    bad("-N2 echo ::: a", "-N is not supported", "--colsep");
    bad("-L 1 echo ::: a", "-L is not supported", "--colsep");
    bad("-X echo ::: a", "-X is not supported", "xargs");
    bad("-m echo ::: a", "-m is not supported", "xargs");
    bad("-I @ echo @ ::: a", "-I is not supported", "write {}");
    bad("-0 echo :::: f", "-0 is not supported", "each line is a value");
    bad("-a f echo", "-a is not supported", ":::: FILE");
    bad("--rpl x echo ::: a", "--rpl is not supported", "let the shell");
    bad("--jobs 4 f", "-n N", "--demo");
    /* As values they are nobody's words. */
    struct line line;
    CU_ASSERT_STRING_EQUAL(good(&line, "--joblog -k f")->joblog, "-k");
    CU_ASSERT_STRING_EQUAL(good(&line, "--joblog --retry f")->joblog,
                           "--retry");
    CU_ASSERT_STRING_EQUAL(good(&line, "-- -np")->job_file, "-np");
}

static void test_templates(void)
{
    struct line line;
    const struct jobsched_config *config =
        good(&line, "-n 4 --link ./sim --n {n} -v ::: 1 2 --quiet");
    CU_ASSERT_STRING_EQUAL(config->job_file, "-");
    CU_ASSERT_STRING_EQUAL(config->job_format, "args");
    CU_ASSERT_EQUAL(line.options.slaves, 4);
    CU_ASSERT(line.options.args.are_all_linked && !config->trace &&
              !line.options.is_quiet);
    CU_ASSERT_STRING_EQUAL(line.options.words[0], "./sim");
    CU_ASSERT_STRING_EQUAL(line.options.words[6], "2");
    CU_ASSERT_STRING_EQUAL(line.options.words[7], "--quiet");
    CU_ASSERT_PTR_NULL(line.options.words[8]);
    good(&line, "--csv --header : -- -x :::: - ::::+ f");
    CU_ASSERT_STRING_EQUAL(line.options.words[0], "-x");
    CU_ASSERT(line.options.args.is_csv && line.options.args.has_header);
    good(&line, "--colsep , ::: a,b");
    CU_ASSERT_STRING_EQUAL(line.options.words[0], ":::");
    CU_ASSERT_STRING_EQUAL(line.options.args.separator, ",");
    /* Without a source, options may follow the file as ever. */
    CU_ASSERT_TRUE(good(&line, "f -v")->trace);
    CU_ASSERT_PTR_NULL(line.options.words);
    bad("--header 1 echo ::: a", "--header 1: must be \":\"", NULL);
    bad("--csv --colsep , echo ::: a", "--csv and --colsep", NULL);
    bad("--link f", "belong to values on the command line", ":::");
    bad("--demo echo ::: a", "--demo", "no command");
    bad("--status echo ::: a", "--status", "--journal");
    bad("--show-mpirun echo ::: a", "--show-mpirun cannot", NULL);
    bad("--from lines echo ::: a", "--from is for a job file", NULL);
}

/* What GNU parallel would take from standard input. */
static void test_commands_without_values(void)
{
    bad("./sim {}", "\"{}\": only one job file is allowed",
        "jobsched ./sim {} :::: -");
    bad("./sim {/.}", "jobsched ./sim {/.} :::: -", NULL);
    bad("./sim x", "\"x\": only one job file is allowed",
        "jobsched ./sim x {} :::: -");
    bad("./sim{}", "\"./sim{}\" is a command without values",
        "jobsched './sim{}' :::: -");
}

static void test_missing_and_needless_values(void)
{
    bad("f --round", "--round needs a value", "--round N");
    bad("f -o", "--output needs a value", "--output DIR|none");
    bad("--slots", "--slots needs a value", "N|all");
    bad("--barrier=yes f", "--barrier takes no value", NULL);
    bad("--help=me", "--help takes no value", NULL);
    bad("--verbose= f", "--verbose takes no value", NULL);
}

/* A call knows nothing of the one before, however that ended. */
static void test_calls_do_not_know_each_other(void)
{
    struct line line;
    bad("-xv f", "unknown option -x", NULL);
    CU_ASSERT_FALSE(good(&line, "f")->trace);
    CU_ASSERT_STRING_EQUAL(good(&line, "f")->job_file, "f");
    bad("one two --round x", "--round x", NULL);
    CU_ASSERT_STRING_EQUAL(good(&line, "f --round 4")->job_file, "f");
    CU_ASSERT_EQUAL(line.options.config.round_size, 4);
    CU_ASSERT_EQUAL(good(&line, "f")->round_size, 10);
}

/* ---------------------------------------------------------------- help */

static char *help_text(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    CU_ASSERT_EQUAL(js_options_help(to), 0);
    fclose(to);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    return text;
}

static void test_help_fits_the_screen(void)
{
    char *text = help_text();
    size_t lines = 0;
    for (const char *line = text; *line; lines++) {
        size_t len = strcspn(line, "\n");
        CU_ASSERT(len <= 80);
        CU_ASSERT(len == 0 || line[len - 1] != ' ');
        CU_ASSERT_PTR_NULL(memchr(line, '\t', len));
        CU_ASSERT_EQUAL_FATAL(line[len], '\n');
        line += len + 1;
    }
    CU_ASSERT(lines > 20);
    free(text);
}

static void test_help_names_every_option(void)
{
    static const char *const names[] = {
        "--round N",     "--barrier",          "--slots N|all",
        "--show-map",    "--bind core|none",   "-o, --output DIR|none",
        "--joblog FILE", "-v, --verbose",      "--tmpdir DIR",
        "--grace TIME",  "--spool-limit SIZE", "--jobs N",
        "--demo",        "--forever",          "--duration TIME",
        "-h, --help",    "-V, --version",
    };
    char *text = help_text();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(text, names[i]));
    free(text);
}

/* And whatever it names is one. */
static void test_every_option_in_the_help_is_one(void)
{
    char *text = help_text();
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, "--")); at += 2) {
        char name[64];
        size_t len = strspn(at, "-abcdefghijklmnopqrstuvwxyz");
        CU_ASSERT_FATAL(len < sizeof(name));
        snprintf(name, sizeof(name), "%.*s", (int)len, at);
        struct line line;
        parse(&line, name);
        CU_ASSERT_PTR_NULL(strstr(line.err.text, "unknown"));
        count++;
    }
    CU_ASSERT(count >= 16);
    free(text);
}

static void test_help_says_when_it_cannot_be_written(void)
{
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        return; /* no such device here */
    CU_ASSERT_EQUAL(js_options_help(full), -1);
    fclose(full);
}

static void test_status(void)
{
    struct line line;
    const struct jobsched_config *config = good(&line, "--status j.txt");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_STATUS);
    CU_ASSERT_STRING_EQUAL(config->job_file, "j.txt");
    CU_ASSERT_FALSE(line.options.is_watched || line.options.is_json);
    CU_ASSERT_PTR_NULL(line.options.explained);
    good(&line, "j.txt --status --watch --explain mesh");
    CU_ASSERT_TRUE(line.options.is_watched);
    CU_ASSERT_STRING_EQUAL(line.options.explained, "mesh");
    config = good(&line, "--status --journal j --json");
    CU_ASSERT_TRUE(line.options.is_json);
    CU_ASSERT_PTR_NULL(config->job_file);
    bad("--status", "job file", "--journal");
    bad("--status j.txt --no-journal", "--no-journal", NULL);
    bad("--status j.txt --watch --json", "--watch", NULL);
    bad("--status j.txt --explain ''", "name or the id", NULL);
    good(&line, "--watch j.txt");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_STATUS);
    good(&line, "--json j.txt");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_STATUS);
    good(&line, "--explain 3 j.txt");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_STATUS);
}

static void test_report(void)
{
    struct line line;
    const struct jobsched_config *config = good(&line, "--report r.html j.txt");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_REPORT);
    CU_ASSERT_STRING_EQUAL(line.options.report, "r.html");
    CU_ASSERT_STRING_EQUAL(config->job_file, "j.txt");
    config = good(&line, "--report r.html --journal j");
    CU_ASSERT_STRING_EQUAL(config->journal, "j");
    bad("--report r.html", "job file", "--journal");
    bad("--report '' j.txt", "name of a file", NULL);
    bad("--report - j.txt", "name of a file", NULL);
    bad("--report r.html j.txt --no-journal", "--no-journal", NULL);
    bad("--report r.html j.txt --status", "--status", NULL);
    bad("--status --report r.html j.txt", "--status", NULL);
    bad("--report r.html j.txt --json", "--status", NULL);
    bad("--report r.html j.txt --watch", "--status", NULL);
}

static void test_plan(void)
{
    struct line line;
    const struct jobsched_config *config = good(&line, "--plan j.txt");
    CU_ASSERT_EQUAL(line.options.action, JS_ACTION_PLAN);
    CU_ASSERT_STRING_EQUAL(config->job_file, "j.txt");
    config = good(&line, "j.txt --plan --joblog l --json -n 12 --no-journal");
    CU_ASSERT_STRING_EQUAL(config->joblog, "l");
    CU_ASSERT_TRUE(line.options.is_json);
    CU_ASSERT_EQUAL(line.options.slaves, 12);
    bad("--plan", "job file", NULL);
    bad("--plan -", "job file", NULL);
    bad("--plan j.txt --no-journal", "--joblog", NULL);
    bad("j.txt --longest-first auto --no-journal", "--no-journal", NULL);
    good(&line, "j.txt --longest-first ./auto --no-journal");
    bad("--plan j.txt --watch", "--status", NULL);
    bad("--plan j.txt --explain 3", "--status", NULL);
    bad("--plan j.txt --report r.html", "--report r.html: ", "another of");
    bad("--report r.html --plan j.txt", "--plan: ", "another of");
}

static const struct unit_test tests[] = {
    {"defaults", test_defaults},
    {"format", test_format},
    {"job file", test_job_file},
    {"options behind the file", test_options_behind_the_file},
    {"how jobs are given out", test_how_jobs_are_given_out},
    {"what comes back", test_what_comes_back},
    {"progress", test_progress},
    {"limits", test_limits},
    {"the demonstration", test_the_demonstration},
    {"other actions", test_other_actions},
    {"unknown options", test_unknown_options},
    {"abbreviations", test_abbreviations},
    {"only", test_only},
    {"words of other tools", test_words_of_other_tools},
    {"templates", test_templates},
    {"commands without values", test_commands_without_values},
    {"missing and needless values", test_missing_and_needless_values},
    {"calls do not know each other", test_calls_do_not_know_each_other},
    {"help fits the screen", test_help_fits_the_screen},
    {"help names every option", test_help_names_every_option},
    {"every option in the help is one", test_every_option_in_the_help_is_one},
    {"help says when it cannot be written",
     test_help_says_when_it_cannot_be_written},
    {"status", test_status},
    {"report", test_report},
    {"plan", test_plan},
    {NULL, NULL},
};

const struct unit_suite suite_options = {"options", tests};
