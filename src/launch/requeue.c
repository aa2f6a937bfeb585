#include "launch/requeue.h"

#include "base/argv.h"
#include "base/units.h"
#include "launch/subprocess.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REQUEUES = 100 };

/* Slurm names the process of the batch script in a variable. Everything that
 * the script or its jobs have started inherits the variable, but is another
 * process. */
static bool is_batch_script(void)
{
    const char *pid = getenv("SLURM_TASK_PID");
    uint64_t number;
    return getenv("SLURM_JOB_ID") && pid && js_parse_count(pid, &number) == 0 &&
           number == (uint64_t)getpid();
}

/* Blocks the signal until somebody reads it; before that it would end this
 * process. */
static void hold_warning(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

int js_requeue_init(struct js_requeue *requeue, bool is_wanted,
                    struct js_err *err)
{
    const char *most = getenv("JOBSCHED_REQUEUES");
    const char *done = getenv("SLURM_RESTART_COUNT");
    *requeue = (struct js_requeue){.most = REQUEUES};
    if (!is_wanted)
        return 0;
    if (most && most[0] && js_parse_count(most, &requeue->most) < 0)
        return js_err_set(err,
                          "JOBSCHED_REQUEUES=%s: must be a whole number: how "
                          "often the Slurm job may be requeued",
                          most);
    if (done && js_parse_count(done, &requeue->done) < 0)
        requeue->done = 0;
    requeue->is_asked = is_batch_script();
    if (requeue->is_asked)
        hold_warning();
    return 0;
}

/* For a task of an array the array's own number is not enough, because it may
 * mean the whole array. */
static int requeue_job(void)
{
    struct js_argv words = JS_ARGV_INIT;
    const char *array = getenv("SLURM_ARRAY_JOB_ID");
    const char *task = getenv("SLURM_ARRAY_TASK_ID");
    js_argv_add(&words, "scontrol");
    js_argv_add(&words, "requeue");
    if (array && task)
        js_argv_addf(&words, "%s_%s", array, task);
    else
        js_argv_add(&words, getenv("SLURM_JOB_ID"));
    int rc = js_argv_check(&words) < 0 ? -1 : js_subprocess_run(&words);
    js_argv_release(&words);
    return rc;
}

void js_requeue(const struct js_requeue *requeue, const struct js_stop *stop)
{
    if (!requeue->is_asked || stop->is_ended ||
        !(stop->is_warned || stop->is_out_of_time))
        return;
    if (!stop->has_run && !stop->is_warned) {
        fputs("jobsched: no job was begun, as none fits into the time limit: "
              "the Slurm job is not requeued\n",
              stderr);
        return;
    }
    if (requeue->done >= requeue->most) {
        fprintf(stderr,
                "jobsched: the Slurm job is not requeued again: "
                "JOBSCHED_REQUEUES=%" PRIu64 "; the same sbatch goes on\n",
                requeue->most);
        return;
    }
    /* Printed before the call: newer versions of Slurm end us before they
     * answer. */
    fprintf(stderr,
            "jobsched: the Slurm job is requeued to go on (%" PRIu64
            " of at most %" PRIu64 " times)\n",
            requeue->done + 1, requeue->most);
    if (requeue_job() < 0)
        fputs("jobsched: Slurm does not requeue it: the same sbatch goes on\n",
              stderr);
}
