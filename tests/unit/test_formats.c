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

static struct js_reader *new_default(const char *name)
{
    return js_formats_new_reader(NULL, name);
}

static struct js_reader *new_lines(const char *name)
{
    return js_formats_new_reader("lines", name);
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
        struct js_reader *reader = not_null(js_formats_new_reader(name, "f"));
        CU_ASSERT_PTR_EQUAL(js_formats_find(name, NULL), name);
        js_reader_free(reader);
    }
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
    {"unknown ones", test_unknown_ones},
    {"lists and streams", test_lists_and_streams},
    {NULL, NULL},
};
const struct unit_suite suite_formats = {"formats", tests};
