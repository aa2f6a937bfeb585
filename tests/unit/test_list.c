/* list: a regular file that is read once, and cursors over it. */
#include "unit.h"

#include "dag.h"
#include "list/job.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool gives(struct js_source *source, const char *command)
{
    struct js_job *job = NULL;
    bool is_same = js_source_next(source, &job, NULL) == JS_SOURCE_JOB &&
                   strcmp(job->command, command) == 0;
    js_job_free(job);
    return is_same;
}

static bool ends(struct js_source *source)
{
    struct js_job *job;
    return js_source_next(source, &job, NULL) == JS_SOURCE_END;
}

/* Whatever becomes of the file; each from its own place, with its own graph. */
static void test_cursors(void)
{
    char path[64];
    dag_write(path, "a\n[name=x] b\n[after=x] c\n");
    struct js_list *list = not_null(js_list_read(path, NULL, NULL));
    FILE *file = not_null(fopen(path, "w"));
    fputs("other\n", file);
    fclose(file);
    struct js_source *one = not_null(js_source_new_list(list, NULL));
    CU_ASSERT_TRUE(gives(one, "a"));
    CU_ASSERT_TRUE(gives(one, "b"));
    unlink(path);
    struct js_source *two = not_null(js_source_new_list(list, NULL));
    CU_ASSERT_TRUE(gives(two, "a"));
    CU_ASSERT_EQUAL(js_graph_find(js_source_graph(one), "x"), 2);
    CU_ASSERT_EQUAL(js_graph_find(js_source_graph(two), "x"), 0);
    CU_ASSERT_TRUE(gives(one, "c"));
    CU_ASSERT_TRUE(ends(one));
    CU_ASSERT_TRUE(gives(two, "b"));
    CU_ASSERT_TRUE(gives(two, "c"));
    CU_ASSERT_TRUE(ends(two));
    CU_ASSERT_STRING_EQUAL(js_source_name(two), path);
    CU_ASSERT_FALSE(js_source_is_stream(two));
    js_source_free(one);
    js_source_free(two);
    js_list_free(list);
}

/* The values of a template are those of the check, whatever becomes of the file
 * that they are from. */
static void test_cursors_of_a_template(void)
{
    char values[64], text[100];
    dag_write(values, "1\n2\n");
    snprintf(text, sizeof(text), "[for=x:@%s] a {x}\n", values);
    struct js_list *list = dag_list(text);
    CU_ASSERT_EQUAL(js_list_survey(list)->left, 2);
    unlink(values);
    for (int i = 0; i < 2; i++) {
        struct js_source *source = not_null(js_source_new_list(list, NULL));
        CU_ASSERT_TRUE(gives(source, "a 1"));
        CU_ASSERT_TRUE(gives(source, "a 2"));
        CU_ASSERT_TRUE(ends(source));
        js_source_free(source);
    }
    js_list_free(list);
}

static void count_need(void *arg, uint64_t id, uint64_t line,
                       const struct js_request *request)
{
    uint64_t *lines = arg;
    CU_ASSERT_EQUAL(id, line);
    *lines = 10 * *lines + line;
    CU_ASSERT(request->cores > 1);
}

static void test_survey(void)
{
    uint64_t lines = 0;
    struct js_list *list = dag_list("a\n[cores=2 name=x] b\n[cores=2] c\n"
                                    "[after=x cores=3] d\n[cores=2] e\n");
    const struct js_list_survey *survey = js_list_survey(list);
    CU_ASSERT_EQUAL(survey->left, 5);
    CU_ASSERT_FALSE(survey->is_ordered);
    CU_ASSERT_EQUAL(survey->shape.jobs, 5);
    CU_ASSERT_EQUAL(survey->shape.longest_chain, 2);
    js_list_each_need(list, count_need, &lines);
    CU_ASSERT_EQUAL(lines, 245);
    js_list_free(list);
    list = dag_list("a\n[priority=1] b\n");
    CU_ASSERT_TRUE(js_list_survey(list)->is_ordered);
    js_list_free(list);
}

/* The same cursor's jobs as a registry knows them, whatever their standing. */
static void test_ids(void)
{
    struct js_registry *registry = not_null(js_registry_new());
    struct js_job *known = not_null(js_job_new(1, "b", 1));
    struct js_identity identity = js_identity_of(known);
    uint64_t id = js_registry_add(registry, &identity);
    struct js_list *list = dag_list("a\nb\n");
    js_registry_set(registry, id, JS_JOB_STATE_SUCCEEDED);
    js_job_free(known);
    for (int round = 0; round < 2; round++) {
        struct js_resume resume;
        struct js_job *job;
        js_resume_init(&resume, registry, JS_RESUME_MATCH, NULL, NULL);
        struct js_source *source = not_null(js_source_new_list(list, &resume));
        CU_ASSERT_EQUAL_FATAL(js_source_next(source, &job, NULL),
                              JS_SOURCE_JOB);
        CU_ASSERT_EQUAL(job->id, 0);
        js_job_free(job);
        CU_ASSERT_EQUAL_FATAL(js_source_next(source, &job, NULL),
                              JS_SOURCE_JOB);
        CU_ASSERT_EQUAL(job->id, id);
        js_job_free(job);
        js_source_free(source);
        CU_ASSERT_EQUAL(js_registry_get(registry, id).state,
                        JS_JOB_STATE_SUCCEEDED);
    }
    js_list_free(list);
    js_registry_free(registry);
}

static void expect_refusal(const char *path, const char *text)
{
    struct js_err err = {""};
    CU_ASSERT_PTR_NULL(js_list_read(path, NULL, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, text));
    CU_ASSERT_PTR_NULL(js_list_read(path, NULL, NULL));
}

static void test_refusals(void)
{
    char path[64];
    expect_refusal("/no/such\n", "/no/such\\n: No such file");
    expect_refusal("/tmp", "directory");
    expect_refusal("/dev/null", "not a regular file");
    dag_write(path, "[core=1] a\n");
    expect_refusal(path, ":1:2: ");
    unlink(path);
    dag_write(path, "[core=1] a\n[core=1] a\n[core=1] a\n");
    expect_refusal(path, ": 3 errors");
    unlink(path);
    /* Its writer is not waited for. */
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    expect_refusal(path, "not a regular file");
    unlink(path);
}

static const struct unit_test tests[] = {
    {"cursors", test_cursors},
    {"cursors of a template", test_cursors_of_a_template},
    {"survey", test_survey},
    {"ids", test_ids},
    {"refusals", test_refusals},
    {NULL, NULL},
};

const struct unit_suite suite_list = {"list", tests};
