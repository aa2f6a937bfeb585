/* outdir: whose output a folder holds. */
#include "unit.h"

#include "place.h"
#include "record/outdir.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A project: two lists and a folder for output, which may be moved as a whole.
 */
struct project {
    char dir[64];
    char said[512]; /* the last warning, or error */
};

static void keep_line(void *arg, const char *text)
{
    struct project *project = arg;
    snprintf(project->said, sizeof(project->said), "%s", text);
}

static void in_project(const struct project *project, const char *name,
                       char ret[PLACE_PATH])
{
    CU_ASSERT_FATAL(snprintf(ret, PLACE_PATH, "%s/%s", project->dir, name) <
                    PLACE_PATH);
}

static void touch(const struct project *project, const char *name)
{
    char path[PLACE_PATH];
    in_project(project, name, path);
    spit(path, "true\n", 5);
}

static void project_init(struct project *project)
{
    char path[PLACE_PATH];
    snprintf(project->dir, sizeof(project->dir), "/tmp/jobsched-unit-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(project->dir));
    in_project(project, "out", path);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    touch(project, "a");
    touch(project, "b");
}

static void project_release(const struct project *project)
{
    static const char *const names[] = {
        "a", "b", "c", "out/1.out", "out/x.out", "out/.jobsched", NULL};
    char path[PLACE_PATH];
    for (const char *const *name = names; *name; name++) {
        in_project(project, *name, path);
        unlink(path);
    }
    in_project(project, "out", path);
    CU_ASSERT_EQUAL(rmdir(path), 0);
    CU_ASSERT_EQUAL(rmdir(project->dir), 0);
}

/* NULL: refused, and why is said. */
static struct js_outdir *take(struct project *project, const char *list,
                              const char *journal)
{
    char out[PLACE_PATH], list_path[PLACE_PATH], journal_path[PLACE_PATH];
    struct js_outdir *outdir = NULL;
    struct js_err err = {""};
    in_project(project, "out", out);
    in_project(project, list, list_path);
    in_project(project, journal ? journal : "", journal_path);
    const struct js_outdir_config config = {
        .dir = out,
        .list = list[0] == '-' ? "-" : list_path,
        .journal = journal ? journal_path : NULL,
        .log = {keep_line, project}};
    project->said[0] = '\0';
    if (js_outdir_take(&config, &outdir, &err) < 0)
        keep_line(project, err.text);
    else
        CU_ASSERT_PTR_NOT_NULL(outdir);
    return outdir;
}

/* What is said, or "" if it is taken without a word. */
static void expect(struct project *project, const char *list,
                   const char *journal, bool is_taken, const char *said)
{
    struct js_outdir *outdir = take(project, list, journal);
    CU_ASSERT_EQUAL(outdir != NULL, is_taken);
    if (said)
        CU_ASSERT_PTR_NOT_NULL(strstr(project->said, said));
    if (!said)
        CU_ASSERT_STRING_EQUAL(project->said, "");
    js_outdir_close(outdir);
}

static void test_another_list_is_refused(void)
{
    struct project project;
    char name[PLACE_PATH];
    project_init(&project);
    expect(&project, "a", "a.journal", true, NULL);
    /* Nothing is in it yet, and what is is no job's output. */
    expect(&project, "b", "b.journal", true, NULL);
    touch(&project, "out/x.out");
    expect(&project, "a", "a.journal", true, NULL);
    touch(&project, "out/1.out");
    in_project(&project, "a", name);
    expect(&project, "b", "b.journal", false, name);
    CU_ASSERT_PTR_NOT_NULL(strstr(project.said, "holds the output of"));
    expect(&project, "a", "a.journal", true, NULL);
    /* The same list with another journal, and the other way round. */
    expect(&project, "a", "other", true, NULL);
    expect(&project, "b", "other", true, NULL);
    expect(&project, "a", "a.journal", false, "name another folder");
    project_release(&project);
}

static void test_an_emptied_folder_is_anybodys(void)
{
    struct project project;
    char path[PLACE_PATH];
    project_init(&project);
    touch(&project, "out/1.out");
    expect(&project, "a", "a.journal", true,
           NULL); /* before there were marks */
    expect(&project, "b", "b.journal", false, "name another folder");
    in_project(&project, "out/1.out", path);
    CU_ASSERT_EQUAL(unlink(path), 0);
    expect(&project, "b", "b.journal", true, NULL);
    project_release(&project);
}

static void test_without_a_journal_it_is_a_warning(void)
{
    struct project project;
    project_init(&project);
    touch(&project, "out/1.out");
    expect(&project, "-", NULL, true, NULL);
    expect(&project, "-", NULL, true,
           "holds the output of standard input: files with the same numbers");
    expect(&project, "a", NULL, true, "warning: ");
    expect(&project, "a", NULL, true, NULL);
    expect(&project, "b", NULL, true, "warning: ");
    expect(&project, "-", "j", false, "/b");
    expect(&project, "b", "b.journal", true, NULL);
    project_release(&project);
}

static void test_a_stream_is_known_by_its_journal(void)
{
    struct project project;
    project_init(&project);
    touch(&project, "out/1.out");
    expect(&project, "-", "j", true, NULL);
    expect(&project, "-", "j", true, NULL);
    expect(&project, "-", "k", false, "standard input");
    project_release(&project);
}

static void test_a_project_may_be_moved(void)
{
    struct project project;
    char moved[sizeof(project.dir)], path[PLACE_PATH], new_path[PLACE_PATH];
    project_init(&project);
    touch(&project, "out/1.out");
    expect(&project, "a", "a.journal", true, NULL);
    snprintf(moved, sizeof(moved), "%.60s-", project.dir);
    CU_ASSERT_EQUAL(rename(project.dir, moved), 0);
    snprintf(project.dir, sizeof(project.dir), "%s", moved);
    expect(&project, "a", "a.journal", true, NULL);
    /* Its list alone is another one. */
    in_project(&project, "a", path);
    in_project(&project, "c", new_path);
    CU_ASSERT_EQUAL(rename(path, new_path), 0);
    expect(&project, "c", "c.journal", false, path);
    project_release(&project);
}

static void test_two_at_the_same_time(void)
{
    struct project project;
    project_init(&project);
    struct js_outdir *outdir = take(&project, "a", "a.journal");
    expect(&project, "b", "b.journal", false, "is in use by a run of");
    expect(&project, "b", NULL, true, "is in use by a run of");
    expect(&project, "a", "a.journal", true, NULL);
    js_outdir_close(outdir);
    expect(&project, "b", "b.journal", true, NULL);
    project_release(&project);
}

static void test_a_mark_that_says_nothing(void)
{
    static const char *const texts[] = {"", "list", "list /x", "\n\n", "x y\n"};
    struct project project;
    char path[PLACE_PATH];
    project_init(&project);
    touch(&project, "out/1.out");
    in_project(&project, "out/.jobsched", path);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        spit(path, texts[i], strlen(texts[i]));
        expect(&project, "a", "a.journal", true, NULL);
        expect(&project, "b", "b.journal", false, "/a");
    }
    /* One that leads elsewhere is not followed. */
    const struct js_outdir_config config = {
        .dir = project.dir, .list = project.dir, .journal = NULL};
    struct js_outdir *outdir = NULL;
    char elsewhere[PLACE_PATH];
    in_project(&project, ".jobsched", elsewhere);
    CU_ASSERT_EQUAL(symlink("b", elsewhere), 0);
    CU_ASSERT_EQUAL(js_outdir_take(&config, &outdir, NULL), 0);
    CU_ASSERT_PTR_NULL(outdir);
    unlink(elsewhere);
    struct js_buf text = JS_BUF_INIT;
    in_project(&project, "b", path);
    CU_ASSERT_STRING_EQUAL(slurp(path, &text), "true\n");
    js_buf_release(&text);
    project_release(&project);
}

static const struct unit_test tests[] = {
    {"another list is refused", test_another_list_is_refused},
    {"an emptied folder is anybody's", test_an_emptied_folder_is_anybodys},
    {"without a journal it is a warning",
     test_without_a_journal_it_is_a_warning},
    {"a stream is known by its journal", test_a_stream_is_known_by_its_journal},
    {"a project may be moved", test_a_project_may_be_moved},
    {"two at the same time", test_two_at_the_same_time},
    {"a mark that says nothing", test_a_mark_that_says_nothing},
    {NULL, NULL},
};

const struct unit_suite suite_outdir = {"outdir", tests};
