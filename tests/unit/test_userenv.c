/* userenv: what the user had, without what launchers add. */
#include "unit.h"

#include "base/userenv.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void append(struct js_buf *buf, char *const *environ)
{
    for (; *environ; environ++)
        CU_ASSERT_EQUAL(js_buf_append(buf, *environ, strlen(*environ) + 1), 0);
}

static void test_a_copy(void)
{
    char a[] = "A=1", b[] = "B=", c[] = "C=two\nlines";
    char *const environ[] = {a, b, c, NULL};
    struct js_buf buf = JS_BUF_INIT;
    append(&buf, environ);
    CU_ASSERT_STRING_EQUAL(js_userenv_value(&buf, "A"), "1");
    CU_ASSERT_STRING_EQUAL(js_userenv_value(&buf, "B"), "");
    CU_ASSERT_PTR_NULL(js_userenv_value(&buf, "two\nlines"));
    CU_ASSERT_PTR_NULL(js_userenv_value(&buf, "D"));
    const char **list = not_null(js_userenv_list(&buf));
    CU_ASSERT_STRING_EQUAL(list[0], a);
    CU_ASSERT_STRING_EQUAL(list[2], c);
    CU_ASSERT_PTR_NULL(list[3]);
    free(list);
    js_buf_release(&buf);
    list = not_null(js_userenv_list(&buf));
    CU_ASSERT_PTR_NULL(list[0]);
    free(list);
}

static void test_a_file(void)
{
    char dir[] = "/tmp/js-userenv-XXXXXX", path[64];
    char a[] = "A=1", b[] = "B=two\nlines";
    char *const environ[] = {a, b, NULL};
    struct js_buf buf = JS_BUF_INIT;
    struct stat st;
    not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/environ", dir);
    CU_ASSERT_EQUAL(js_userenv_read(path, &buf), -1);
    CU_ASSERT_EQUAL(js_userenv_write(path, environ), 0);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(js_userenv_read(path, &buf), 0);
    CU_ASSERT_EQUAL(buf.len, sizeof("A=1") + sizeof("B=two\nlines"));
    CU_ASSERT_STRING_EQUAL(js_userenv_value(&buf, "B"), "two\nlines");
    /* Nobody else's is written into. */
    CU_ASSERT_EQUAL(js_userenv_write(path, environ), -1);
    CU_ASSERT_EQUAL(errno, EEXIST);
    js_buf_release(&buf);
    unlink(path);
    rmdir(dir);
}

/* In a child of a process that is called so, with this environment: whether the
 * user's is `wanted`, "NAME=value" with a blank behind each. */
static bool is_left(const char *parent, char *const *rank, const char *wanted)
{
    int status = -1;
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    prctl(PR_SET_NAME, parent);
    pid_t pid = fork();
    if (pid == 0) {
        struct js_buf got = JS_BUF_INIT;
        environ = (char **)rank;
        int rc = js_userenv_of_rank(&got);
        for (size_t i = 0; i < got.len; i++)
            got.data[i] = got.data[i] ? got.data[i] : ' ';
        _exit(rc == 0 && js_buf_string(&got) &&
                      strcmp(js_buf_string(&got), wanted) == 0
                  ? 0
                  : 1);
    }
    waitpid(pid, &status, 0);
    prctl(PR_SET_NAME, name);
    return status == 0;
}

/* mpirun's own environment is that of this test, which lacks these. */
static void test_of_a_rank(void)
{
    char a[] = "A=1", rank[] = "PMIX_RANK=0", hfi[] = "HFI_NO_BACKTRACE=1",
         over[] = "OMPI_MCA_rmaps_base_oversubscribe=1",
         mine[] = "OMPI_MCA_btl=tcp", step[] = "SLURM_STEP_ID=3",
         task[] = "SLURM_TASK_PID=77";
    char *const all[] = {a, rank, hfi, over, mine, step, task, NULL};
    char wanted[4096 + 64];
    const char *pwd = getenv("PWD");
    snprintf(wanted, sizeof(wanted),
             "%s%s%sA=1 OMPI_MCA_btl=tcp SLURM_STEP_ID=3 SLURM_TASK_PID=77 ",
             pwd ? "PWD=" : "", pwd ? pwd : "", pwd ? " " : "");
    CU_ASSERT_TRUE(is_left("mpirun", all, wanted));
    /* Below a daemon of mpirun's, or of Slurm's, nothing is known of it. */
    CU_ASSERT_TRUE(is_left("orted", all,
                           "A=1 HFI_NO_BACKTRACE=1 "
                           "OMPI_MCA_rmaps_base_oversubscribe=1 "
                           "OMPI_MCA_btl=tcp "));
}

static void test_the_folder(void)
{
    char dir[] = "/tmp/js-userenv-XXXXXX", link[64], there[96];
    char elsewhere[] = "PWD=/usr", relative[] = "PWD=link";
    char *const lists[][2] = {
        {there, NULL}, {elsewhere, NULL}, {relative, NULL}};
    char *before = not_null(getcwd(NULL, 0));
    not_null(mkdtemp(dir));
    snprintf(link, sizeof(link), "%s/link", dir);
    snprintf(there, sizeof(there), "PWD=%s", link);
    CU_ASSERT_EQUAL(symlink(".", link), 0);
    CU_ASSERT_EQUAL(chdir(dir), 0);
    for (int i = 0; i < 3; i++) {
        struct js_buf buf = JS_BUF_INIT;
        append(&buf, lists[i]);
        char *cwd = not_null(js_userenv_cwd(&buf));
        CU_ASSERT_STRING_EQUAL(cwd, i == 0 ? link : dir);
        free(cwd);
        js_buf_release(&buf);
    }
    CU_ASSERT_EQUAL(chdir(before), 0);
    free(before);
    unlink(link);
    rmdir(dir);
}

static const struct unit_test tests[] = {
    {"a copy", test_a_copy},
    {"a file", test_a_file},
    {"of a rank", test_of_a_rank},
    {"the folder", test_the_folder},
    {NULL, NULL},
};

const struct unit_suite suite_userenv = {"userenv", tests};
