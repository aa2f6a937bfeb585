#include "launch/slurm.h"

#include "base/argv.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/process.h"
#include "base/units.h"
#include "launch/subprocess.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool js_slurm_is_here(void)
{
    return getenv("SLURM_JOB_ID") != NULL;
}

bool js_slurm_is_in_step(void)
{
    return js_slurm_is_here() && getenv("SLURM_STEP_ID") != NULL;
}

bool js_slurm_is_first_node_elsewhere(void)
{
    const char *node = getenv("SLURM_NODEID");
    return js_slurm_is_here() && (!node || strcmp(node, "0") != 0);
}

bool js_slurm_is_all_here(void)
{
    const char *nodes = getenv("SLURM_JOB_NUM_NODES");
    return js_slurm_is_here() && nodes && strcmp(nodes, "1") == 0 &&
           !js_slurm_is_first_node_elsewhere();
}

/* ---------------------------------------------------------------- counts */

/* Parses a number, and what follows it. */
static int slurm_take_number(const char **text, uint32_t *ret)
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

int js_slurm_each_count(const char *text, void (*each)(void *arg, uint32_t n),
                        void *arg)
{
    for (;;) {
        uint32_t count, nodes = 1;
        if (slurm_take_number(&text, &count) < 0)
            return -1;
        if (strncmp(text, "(x", 2) == 0) { /* "4(x3)": three nodes have four */
            text += 2;
            if (slurm_take_number(&text, &nodes) < 0 || *text++ != ')')
                return -1;
        }
        while (nodes-- > 0)
            each(arg, count);
        if (*text == '\0')
            return 0;
        if (*text++ != ',')
            return -1;
    }
}

static int slurm_each_node(void (*each)(void *arg, uint32_t n), void *arg,
                           struct js_err *err)
{
    /* In a step the counts are those of the step, while the job has more
     * CPUs. */
    const char *name = js_slurm_is_in_step() ? "SLURM_JOB_CPUS_PER_NODE"
                                             : "SLURM_TASKS_PER_NODE";
    const char *text = getenv(name);
    if (!text)
        return js_err_set(err,
                          "%s is not set in this Slurm job: give the number of "
                          "slaves with -n",
                          name);
    if (js_slurm_each_count(text, each, arg) < 0)
        return js_err_set(err,
                          "%s=%s is not a list of counts as Slurm writes it: "
                          "give the number of slaves with -n",
                          name, text);
    return 0;
}

static void slurm_sum_up(void *arg, uint32_t n)
{
    uint64_t *sum = arg;
    *sum += n;
}

/* If Slurm grants whole cores with several threads, the counts of the nodes may
 * be higher than what was requested. */
int js_slurm_tasks(uint64_t *ret, struct js_err *err)
{
    const char *asked = js_slurm_is_in_step() ? NULL : getenv("SLURM_NTASKS");
    uint64_t tasks;
    *ret = 0;
    if (slurm_each_node(slurm_sum_up, ret, err) < 0)
        return -1;
    if (asked && js_parse_count(asked, &tasks) == 0 && tasks > 0 &&
        tasks < *ret)
        *ret = tasks;
    return 0;
}

uint32_t js_slurm_task_cpus(void)
{
    uint64_t count;
    const char *text = getenv("SLURM_CPUS_PER_TASK");
    bool is_known = text && js_slurm_is_here() && !js_slurm_is_in_step() &&
                    js_parse_count(text, &count) == 0;
    return is_known && count > 1 && count <= UINT32_MAX ? (uint32_t)count : 0;
}

struct division {
    uint64_t tasks;
    uint32_t nodes, divisor;
    struct js_buf *text;
    uint32_t last, repeats; /* not written yet */
};

static void slurm_find_divisor(void *arg, uint32_t n)
{
    struct division *division = arg;
    division->divisor = js_hosts_common_slots(division->divisor, n);
    division->tasks += n;
    division->nodes++;
}

/* Writes Slurm's form, "4(x2),1". A call with 0 must follow the last one. */
static void slurm_write_share(void *arg, uint32_t n)
{
    struct division *division = arg;
    struct js_buf *text = division->text;
    if (n != division->last && division->repeats > 0) {
        js_buf_printf(text, "%s%" PRIu32, text->len > 0 ? "," : "",
                      division->last / division->divisor);
        if (division->repeats > 1)
            js_buf_printf(text, "(x%" PRIu32 ")", division->repeats);
        division->repeats = 0;
    }
    division->last = n;
    division->repeats++;
}

uint32_t js_slurm_divide_tasks(uint32_t nodes_least, uint32_t most,
                               struct js_buf *ret)
{
    struct division division = {.text = ret};
    struct js_err err;
    uint64_t tasks;
    if (!js_slurm_is_here() || js_slurm_is_in_step() ||
        js_slurm_tasks(&tasks, &err) < 0 ||
        slurm_each_node(slurm_find_divisor, &division, &err) < 0 ||
        division.nodes < nodes_least || division.tasks != tasks)
        return 1;
    division.divisor = js_hosts_divisor(division.divisor, most);
    if (division.divisor == 1)
        return 1;
    slurm_each_node(slurm_write_share, &division, &err);
    slurm_write_share(&division, 0);
    return js_buf_string(ret) ? division.divisor : 1;
}

uint64_t js_slurm_unused_components(void)
{
    const char *size = getenv("SLURM_HET_SIZE");
    uint64_t count;
    if (!size)
        size = getenv("SLURM_PACK_SIZE"); /* before Slurm 20.02 */
    if (!js_slurm_is_here() || !size || js_parse_count(size, &count) < 0 ||
        count == 0)
        return 0;
    return count - 1;
}

/* ---------------------------------------------------------------- scontrol */

/* Returns in *ret the output of `scontrol OPTION show WHAT NAME`, as a string
 * or NULL. NAME is the value of an environment variable of this job. */
static char *slurm_ask(const char *option, const char *what,
                       const char *variable, struct js_buf *ret)
{
    struct js_argv argv = JS_ARGV_INIT;
    const char *name = getenv(variable);
    js_argv_add(&argv, "scontrol");
    js_argv_add(&argv, option);
    js_argv_add(&argv, "show");
    js_argv_add(&argv, what);
    js_argv_add(&argv, name ? name : "");
    int rc = js_argv_check(&argv);
    if (rc == 0)
        rc = js_subprocess_run(&argv, JS_SUBPROCESS_MUTE, ret);
    js_argv_release(&argv);
    return rc == 0 && js_buf_string(ret) ? ret->data : NULL;
}

/* Gives the count to the next host that has no slots yet. */
struct filling {
    struct js_hosts *hosts;
    size_t next;
};

static void slurm_fill(void *arg, uint32_t n)
{
    struct filling *filling = arg;
    if (filling->next < filling->hosts->count)
        filling->hosts->items[filling->next++].slots = n;
}

int js_slurm_hosts(struct js_hosts *ret, struct js_err *err)
{
    struct filling filling = {ret, ret->count};
    struct js_buf buf = JS_BUF_INIT;
    char *names =
        slurm_ask("--oneliner", "hostnames", "SLURM_JOB_NODELIST", &buf);
    char *rest = NULL;
    int rc = 0;
    if (!names) {
        js_buf_release(&buf);
        return js_err_set(err, "scontrol does not list the nodes of this Slurm "
                               "job, so the run cannot continue without the "
                               "lost nodes: run the same command again to "
                               "continue");
    }
    for (char *name = strtok_r(names, " \n", &rest); name && rc == 0;
         name = strtok_r(NULL, " \n", &rest))
        rc = js_hosts_add(ret, name, 0);
    js_buf_release(&buf);
    if (rc < 0)
        return js_err_errno(err, "cannot list the nodes of this Slurm job");
    return slurm_each_node(slurm_fill, &filling, err);
}

/* ---------------------------------------------------------------- time */

/* Parses "2-03:04:05" or "03:04:05", and what follows. Returns false for
 * another form ("UNLIMITED"). */
static bool slurm_parse_span(const char *text, int64_t *ret_ns)
{
    static const int64_t most_s = INT64_C(100) * 365 * 24 * 3600;
    int64_t total = 0;
    unsigned colons = 0;
    for (char before = '\0'; isdigit((unsigned char)*text); text++) {
        char *end;
        int64_t part = strtoll(text, &end, 10);
        total = total * (before == '-' ? 24 : 60) + part;
        if (part > most_s || total > most_s)
            return false;
        text = end;
        before = *text;
        colons += before == ':';
        if (before != ':' && before != '-')
            break;
    }
    *ret_ns = total * JS_NS_PER_S;
    return colons == 2;
}

/* Returns the value after " NAME=" in a line, or NULL. */
static const char *slurm_find_value(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    return at ? at + strlen(name) : NULL;
}

/*
 * Computed from durations, which a change to or from summer time does not
 * affect as it does EndTime. RunTime follows the wall clock; if that was set
 * back, the job has run at least as long as its daemon here. (While a job is
 * suspended its time stands still.)
 */
int64_t js_slurm_left_by_ns(char *text, int64_t age_ns)
{
    static const char name[] = "JobId=";
    const char *id = getenv("SLURM_JOB_ID");
    char *rest = NULL, *line = strtok_r(text, "\n", &rest);
    /* An array or a heterogeneous job may have several records, one in each
     * line. */
    while (line && (!id || strncmp(line, name, strlen(name)) != 0 ||
                    strcspn(line, " ") != strlen(name) + strlen(id) ||
                    strncmp(line + strlen(name), id, strlen(id)) != 0))
        line = strtok_r(NULL, "\n", &rest);
    if (!line)
        return JS_NEVER_NS;
    const char *limit = slurm_find_value(line, " TimeLimit=");
    const char *ran = slurm_find_value(line, " RunTime=");
    const char *suspended = slurm_find_value(line, " SecsPreSuspend=");
    int64_t limit_ns, ran_ns;
    if (!limit || !ran || !slurm_parse_span(limit, &limit_ns))
        return JS_NEVER_NS;
    if (!slurm_parse_span(ran, &ran_ns))
        ran_ns = 0;
    bool was_suspended = suspended && strtoull(suspended, NULL, 10) > 0;
    if (!was_suspended && age_ns > ran_ns)
        ran_ns = age_ns;
    return limit_ns - ran_ns;
}

int64_t js_slurm_time_left_ns(void)
{
    struct js_buf buf = JS_BUF_INIT;
    char name[JS_PROCESS_NAME_SIZE];
    int64_t age_ns = -1;
    char *text = slurm_ask("--oneliner", "job", "SLURM_JOB_ID", &buf);
    /* The daemon that Slurm started for this job on this node is above us,
     * unless this is a shell that somebody has opened there. */
    for (uint64_t pid = (uint64_t)getppid(); text && age_ns < 0 && pid > 1;
         pid = js_process_parent(pid)) {
        if (js_process_name(pid, name) && strcmp(name, "slurmstepd") == 0)
            age_ns = js_process_age_ns(pid);
    }
    int64_t left_ns = text ? js_slurm_left_by_ns(text, age_ns) : JS_NEVER_NS;
    js_buf_release(&buf);
    return left_ns;
}

/* ---------------------------------------------------------------- requeueing
 */

enum { REQUEUES = 100 };

int js_requeue_init(struct js_requeue *requeue, bool is_wanted,
                    struct js_err *err)
{
    const char *most = getenv("JOBSCHED_REQUEUES");
    const char *done = getenv("SLURM_RESTART_COUNT");
    const char *script = getenv("SLURM_TASK_PID");
    uint64_t pid;
    sigset_t set;
    *requeue = (struct js_requeue){.most = REQUEUES};
    if (!is_wanted)
        return 0;
    if (most && most[0] && js_parse_count(most, &requeue->most) < 0)
        return js_err_set(err,
                          "JOBSCHED_REQUEUES=%s: must be a whole number (how "
                          "often the Slurm job may be requeued)",
                          most);
    if (done && js_parse_count(done, &requeue->done) < 0)
        requeue->done = 0;
    /* All processes that the batch script or its jobs have started inherit the
     * variable, but are not the process meant here. */
    requeue->is_asked = getenv("SLURM_JOB_ID") && script &&
                        js_parse_count(script, &pid) == 0 &&
                        pid == (uint64_t)getpid();
    if (!requeue->is_asked)
        return 0;
    /* Blocks the warning until somebody reads it; before that it would end this
     * process. */
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return 0;
}

void js_requeue(const struct js_requeue *requeue, const struct js_stop *stop)
{
    struct js_argv argv = JS_ARGV_INIT;
    struct js_buf unread = JS_BUF_INIT;
    const char *array = getenv("SLURM_ARRAY_JOB_ID");
    const char *task = getenv("SLURM_ARRAY_TASK_ID");
    if (!requeue->is_asked || stop->is_ended ||
        !(stop->is_warned || stop->is_out_of_time))
        return;
    if (!stop->has_run && !stop->is_warned) {
        fputs("jobsched: no job was started, because none fits into the time "
              "limit: the Slurm job is not requeued\n",
              stderr);
        return;
    }
    if (requeue->done >= requeue->most) {
        fprintf(stderr,
                "jobsched: the Slurm job is not requeued again "
                "(JOBSCHED_REQUEUES=%" PRIu64 "): submit it again with sbatch "
                "to continue\n",
                requeue->most);
        return;
    }
    /* Printed before the call: newer versions of Slurm end us before they
     * answer. */
    fprintf(stderr,
            "jobsched: the Slurm job is requeued to continue (%" PRIu64
            " of at most %" PRIu64 " times)\n",
            requeue->done + 1, requeue->most);
    js_argv_add(&argv, "scontrol");
    js_argv_add(&argv, "requeue");
    /* For a task of an array the array's own number is not enough, because it
     * may mean the whole array. */
    if (array && task)
        js_argv_addf(&argv, "%s_%s", array, task);
    else
        js_argv_add(&argv, getenv("SLURM_JOB_ID"));
    if (js_argv_check(&argv) < 0 || js_subprocess_run(&argv, 0, &unread) < 0)
        fputs("jobsched: Slurm did not requeue the job: submit it again with "
              "sbatch to continue\n",
              stderr);
    js_argv_release(&argv);
    js_buf_release(&unread);
}
