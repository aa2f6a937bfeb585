#include "cli/slurm.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/words.h"
#include "cli/child.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool js_slurm_is_here(void)
{
    return getenv("SLURM_JOB_ID") != NULL;
}

bool js_slurm_is_in_step(void)
{
    return js_slurm_is_here() && getenv("SLURM_STEP_ID") != NULL;
}

/* ---------------------------------------------------------------- counts */

/* A number and what follows it. */
static int take_number(const char **text, uint32_t *ret)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(*text, &end, 10);
    if (!isdigit((unsigned char)**text) || errno != 0 || value == 0 ||
        value > 1000000)
        return -1;
    *text = end;
    *ret = (uint32_t)value;
    return 0;
}

/* "(x3)": so many nodes; without it one. */
static int take_times(const char **text, uint32_t *ret)
{
    *ret = 1;
    if (strncmp(*text, "(x", 2) != 0)
        return 0;
    *text += 2;
    if (take_number(text, ret) < 0 || **text != ')')
        return -1;
    ++*text;
    return 0;
}

int js_slurm_each_count(const char *text, void (*each)(void *arg, uint32_t n),
                        void *arg)
{
    for (;;) {
        uint32_t count, times;
        if (take_number(&text, &count) < 0 || take_times(&text, &times) < 0)
            return -1;
        while (times-- > 0)
            each(arg, count);
        if (*text == '\0')
            return 0;
        if (*text++ != ',')
            return -1;
    }
}

/* In a step the counts are those of the step, and the job's CPUs say more. */
static const char *counts_name(void)
{
    return js_slurm_is_in_step() ? "SLURM_JOB_CPUS_PER_NODE"
                                 : "SLURM_TASKS_PER_NODE";
}

static int each_count(void (*each)(void *arg, uint32_t n), void *arg,
                      struct js_err *err)
{
    const char *name = counts_name();
    const char *text = getenv(name);
    if (!text)
        return js_err_set(err,
                          "this is a Slurm job without %s: say with -n "
                          "how many slaves are wanted",
                          name);
    if (js_slurm_each_count(text, each, arg) < 0)
        return js_err_set(err,
                          "%s=%s is no list of counts as Slurm makes them: say "
                          "with -n how many slaves are wanted",
                          name, text);
    return 0;
}

static void sum_up(void *arg, uint32_t n)
{
    uint64_t *sum = arg;
    *sum += n;
}

int js_slurm_tasks(uint64_t *ret, struct js_err *err)
{
    *ret = 0;
    return each_count(sum_up, ret, err);
}

/* ---------------------------------------------------------------- scontrol */

/* What `scontrol OPTION show WHAT NAME` says, the name being that of a variable
 * of this job: a string in *ret, or NULL. */
static char *ask(const char *option, const char *what, const char *variable,
                 struct js_buf *ret)
{
    struct js_words words = JS_WORDS_INIT;
    const char *name = getenv(variable);
    js_words_add(&words, "scontrol");
    js_words_add(&words, option);
    js_words_add(&words, "show");
    js_words_add(&words, what);
    js_words_add(&words, name ? name : "");
    int rc = js_words_check(&words);
    if (rc == 0)
        rc = js_child_output(&words, ret);
    js_words_release(&words);
    return rc == 0 && js_buf_string(ret) ? ret->data : NULL;
}

/* The next host without slots takes the count. */
struct filling {
    struct js_hosts *hosts;
    size_t next;
};

static void fill(void *arg, uint32_t n)
{
    struct filling *filling = arg;
    if (filling->next < filling->hosts->count)
        filling->hosts->items[filling->next++].slots = n;
}

int js_slurm_hosts(struct js_hosts *ret, struct js_err *err)
{
    struct filling filling = {ret, ret->count};
    struct js_buf buf = JS_BUF_INIT;
    char *names = ask("--oneliner", "hostnames", "SLURM_JOB_NODELIST", &buf);
    char *rest = NULL;
    int rc = 0;
    if (!names) {
        js_buf_release(&buf);
        return js_err_set(err, "scontrol does not say which nodes this Slurm "
                               "job has, so the run cannot go on without those "
                               "that are lost: the same command goes on");
    }
    for (char *name = strtok_r(names, " \n", &rest); name && rc == 0;
         name = strtok_r(NULL, " \n", &rest))
        rc = js_hosts_add(ret, name, 0);
    js_buf_release(&buf);
    if (rc < 0)
        return js_err_errno(err, "the nodes of this Slurm job");
    return each_count(fill, &filling, err);
}

/* "EndTime=2026-01-31T23:59:59" somewhere in it; it is local time. */
static int64_t end_unix_ns(const char *text)
{
    static const char name[] = " EndTime=";
    struct tm tm = {.tm_isdst = -1};
    const char *at = strstr(text, name);
    if (!at || !strptime(at + strlen(name), "%Y-%m-%dT%H:%M:%S", &tm))
        return JS_NEVER_NS;
    return (int64_t)mktime(&tm) * JS_NS_PER_S;
}

int64_t js_slurm_time_left_ns(void)
{
    struct js_buf buf = JS_BUF_INIT;
    const char *text = ask("--oneliner", "job", "SLURM_JOB_ID", &buf);
    int64_t end_ns = text ? end_unix_ns(text) : JS_NEVER_NS;
    js_buf_release(&buf);
    return end_ns == JS_NEVER_NS ? JS_NEVER_NS : end_ns - js_clock_unix_ns();
}
