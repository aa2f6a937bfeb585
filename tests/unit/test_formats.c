/* formats: which reader a list gets. */
#include "unit.h"

#include "dag.h"
#include "entries.h"
#include "list/formats.h"
#include "list/jobfile.h"
#include "list/list.h"
#include "list/source.h"

#include <string.h>
#include <unistd.h>

static struct js_reader *make_reader(const char *format, const char *name,
                                     bool is_stream)
{
    const struct js_formats_input input = {.name = name,
                                           .is_stream = is_stream};
    return js_formats_new_reader(format, &input);
}

static struct js_reader *new_default(const char *name)
{
    return make_reader(NULL, name, false);
}

static struct js_reader *new_lines(const char *name)
{
    return make_reader("lines", name, false);
}

static void test_our_own(void)
{
    static const struct entries_case cases[] = {
        {"# comment\n[cores=2] x\nwait\ny", "1@2=[cores=2]x;wait;2@4=y;"},
        {NULL, NULL},
    };
    CU_ASSERT_STRING_EQUAL(js_formats_name(0), "lines");
    entries_check(new_default, cases);
    entries_check(new_lines, cases);
}

/* Each has a reader, which takes an empty list. */
static void test_all(void)
{
    const char *name;
    for (size_t i = 0; (name = js_formats_name(i)); i++) {
        struct js_reader *reader = not_null(make_reader(name, "f", false));
        CU_ASSERT_PTR_EQUAL(js_formats_find(name, NULL), name);
        js_reader_free(reader);
    }
}

static struct js_reader *new_stream(const char *name)
{
    return make_reader(NULL, name, true);
}

/* The lists, and then the first line at fault, the tool, and its format. */
struct sign_case {
    const char *text, *place, *tool;
};

static void check_signs(entries_new_fn new_reader,
                        const struct sign_case *cases)
{
    for (; cases->text; cases++) {
        struct js_buf log = JS_BUF_INIT;
        struct entries_cutter whole = {entries_cut_nowhere, 0};
        entries_read(new_reader, cases->text, strlen(cases->text), whole, true,
                     &log);
        const char *said = js_buf_string(&log);
        const char *error = strchr(said, '!');
        CU_ASSERT_PTR_NOT_NULL_FATAL(error);
        CU_ASSERT_NSTRING_EQUAL(error + 1, cases->place, strlen(cases->place));
        CU_ASSERT_PTR_NOT_NULL(strstr(error, cases->tool));
        CU_ASSERT_PTR_NOT_NULL(strstr(error, "--from lines"));
        if (!strstr(error, cases->tool))
            fprintf(stderr, "\n    %s\n", error);
        CU_ASSERT_TRUE(entries_are_always(new_reader, cases->text,
                                          strlen(cases->text), said));
        js_buf_release(&log);
    }
}

static void test_lists_of_other_tools(void)
{
    static const struct sign_case cases[] = {
        {"TASK a ./x\n", "f:1:1: ", "Pegasus"},
        {"\n# comment\n  TASK\ta ./x\n", "f:3:1: ", "Pegasus"},
        {"EDGE a b", "f:1:1: ", "Pegasus"},
        {"# 1\n./a\n[# 1 #] ./b\n", "f:3:1: ", "GREASY"},
        {"./a\n \t[@ dir @] ./b", "f:2:1: ", "GREASY"},
        {"#DISBATCH PREFIX x\n./a", "f:1:1: ", "disBatch"},
        {"./a\n./b\n#DISBATCH BARRIER\r\n./c", "f:3:1: ", "disBatch"},
        {"./a\n#DISBATCH", "f:2:1: ", "disBatch"},
        {"#!/bin/sh\n#SBATCH --time=3 --array=1-9\n./a\n", "f:2:1: ", "Slurm"},
        {"#!/bin/sh\n#SBATCH --array 1-9\n./a\n", "f:2:1: ", "Slurm"},
        {"#!/bin/sh\n#SBATCH -a 1-9", "f:2:1: ", "Slurm"},
        {"#!/bin/sh\n#SBATCH -J 'a b' -a1-9", "f:2:1: ", "Slurm"},
        {"Seq\tHost\tStarttime\tJobRuntime\n1\t:\t0\t0", "f:1:1: ", "joblog"},
        {NULL, NULL, NULL},
    };
    static const struct sign_case first[] = {
        {"TASK a ./x\n", "f:1:1: ", "Pegasus"},
        {"\n# comment\n#DISBATCH BARRIER\n", "f:3:1: ", "disBatch"},
        {"# comment\n[# #] ./a", "f:2:1: ", "GREASY"},
        {NULL, NULL, NULL},
    };
    check_signs(new_default, cases);
    check_signs(new_stream, first);
}

static void test_what_is_no_sign(void)
{
    static const struct entries_case cases[] = {
        {"TASKS x\nTASK=1 EDGE x", "1@1=TASKS x;2@2=TASK=1 EDGE x;"},
        {"x\nTASK a\nEDGE a b", "1@1=x;2@2=TASK a;3@3=EDGE a b;"},
        {"[ -f x ] && y\n[a#]*\n[]", "1@1=[ -f x ] && y;2@2=[a#]*;3@3=[];"},
        {"x [# 1 #]\nx \\\n[# 1 #]", "1@1=x [# 1 #];2@2=x [# 1 #];"},
        {" #DISBATCH BARRIER\n#disbatch\n#DISBATCHES\n#DIS\n#D\n# DISBATCH",
         ""},
        {"#SBATCH --comment=\"not -a 1\" -J ' -a1 '\n"
         "#SBATCH --time=1 # --array=1\n#SBATCH -ab\nx",
         "1@4=x;"},
        {"# about #SBATCH --array=1\n#SBATCH --time=1 -A x\n"
         "#SBATCH --arrays=1\n#SBATCHES --array=1",
         ""},
        {"x\n#SBATCH --array=1\ny", "1@1=x;2@3=y;"},
        {"Seq Host Starttime x", "1@1=Seq Host Starttime x;"},
        {"#JOBSCHED cores=2\nx", "1@2=[cores=2]x;"},
        {NULL, NULL},
    };
    /* Of a stream jobs may have run before these are read. */
    static const struct entries_case later[] = {
        {"x\n[# 1 #] y\n#DISBATCH BARRIER\n", "1@1=x;2@2=[# 1 #] y;"},
        {NULL, NULL},
    };
    static const struct entries_case wanted[] = {
        {"TASK a\n[# 1 #] x\n#DISBATCH BARRIER\n", "1@1=TASK a;2@2=[# 1 #] x;"},
        {NULL, NULL},
    };
    entries_check(new_default, cases);
    entries_check(new_stream, cases);
    entries_check(new_stream, later);
    entries_check(new_lines, wanted);
}

/* However long a comment is, little of it is kept. */
static void test_long_comments(void)
{
    struct js_buf text = JS_BUF_INIT, log = JS_BUF_INIT;
    struct entries_cutter pieces = {entries_cut_every, 4000};
    for (int i = 0; i < 100000; i++)
        js_buf_puts(&text, i == 0 ? "#SBATCH " : "--time=1 ");
    js_buf_puts(&text, "--array=1\nx\n#DISBATCH ");
    for (int i = 0; i < 100000; i++)
        js_buf_puts(&text, "BARRIER ");
    entries_read(new_default, text.data, text.len, pieces, true, &log);
    CU_ASSERT_PTR_NOT_NULL(strstr(js_buf_string(&log),
                                  "1@2=x;!f:3:1: this list looks like a task "
                                  "file of disBatch"));
    js_buf_release(&log);
    js_buf_release(&text);
}

static void test_unknown_ones(void)
{
    struct js_err err = {""};
    CU_ASSERT_PTR_NULL(js_formats_find("line", &err));
    CU_ASSERT_NSTRING_EQUAL(err.text,
                            "no such format (did you mean \"lines\"?); the "
                            "formats are: lines",
                            strlen("no such format (did you mean \"lines\"?); "
                                   "the formats are: lines"));
    CU_ASSERT_PTR_NULL(js_formats_find("something else", &err));
    CU_ASSERT_NSTRING_EQUAL(err.text, "no such format; the formats are: lines",
                            strlen("no such format; the formats are: lines"));
    CU_ASSERT_PTR_NULL(js_formats_find("", NULL));
}

static void test_lists_and_streams(void)
{
    static const char why[] =
        " cannot be read in the format \"none\": no such format";
    char path[64];
    struct js_err err = {""};
    dag_write(path, "a\nb\n");
    struct js_list_config config = {.path = path, .format = "lines"};
    js_list_free(not_null(js_list_read(path, "lines", NULL)));
    js_source_free(not_null(js_source_new_file(&config, NULL)));
    config.format = "none";
    CU_ASSERT_PTR_NULL(js_list_read(path, "none", &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
    CU_ASSERT_PTR_NULL(js_source_new_file(&config, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
    config.path = "/dev/null";
    CU_ASSERT_PTR_NULL(js_source_new_file(&config, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
    unlink(path);
}

static const struct unit_test tests[] = {
    {"our own", test_our_own},
    {"all", test_all},
    {"lists of other tools", test_lists_of_other_tools},
    {"what is no sign", test_what_is_no_sign},
    {"long comments", test_long_comments},
    {"unknown ones", test_unknown_ones},
    {"lists and streams", test_lists_and_streams},
    {NULL, NULL},
};
const struct unit_suite suite_formats = {"formats", tests};
