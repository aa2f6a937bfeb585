#include "launch/rank_command.h"

#include "base/clock.h"
#include "base/process.h"
#include "launch/slurm.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* The part of Slurm's time limit that is kept for what follows the run. */
static const int64_t spare_most_ns = 30 * JS_NS_PER_S;

/* Returns 0 if there is none. */
static int64_t slurm_limit_ns(void)
{
    int64_t left_ns = js_slurm_is_here() ? js_slurm_time_left_ns() : 0;
    if (left_ns == JS_NEVER_NS || left_ns <= 0)
        return 0;
    left_ns -= left_ns / 10 < spare_most_ns ? left_ns / 10 : spare_most_ns;
    return left_ns < JS_NS_PER_S ? JS_NS_PER_S
                                 : left_ns - left_ns % JS_NS_PER_S;
}

/* Every rank would refuse this by itself, in words that do not say whose limit
 * it is. */
static int check_slurm_limit(const struct js_launch_config *own,
                             struct js_err *err)
{
    struct jobsched_config config = *own->run;
    struct jobsched_result result;
    int64_t limit_ns = config.time_limit_ns == 0 ? slurm_limit_ns() : 0;
    config.time_limit_ns = limit_ns;
    if (limit_ns == 0 || jobsched_check(&config, &result) == JOBSCHED_SUCCEEDED)
        return 0;
    return js_err_set(err, "Slurm's time limit for this job is too near: %s",
                      result.error);
}

int js_rank_command_init(struct js_rank_command *command,
                         const struct js_launch_config *config,
                         struct js_err *err)
{
    *command = (struct js_rank_command){
        .config = config, .id = js_process_new_id(), .begun_ns = js_clock_ns()};
    ssize_t len = readlink("/proc/self/exe", command->program,
                           sizeof(command->program) - 1);
    if (len < 0)
        return js_err_errno(err, "the path of this program (/proc/self/exe)");
    return check_slurm_limit(config, err);
}

void js_rank_command_release(struct js_rank_command *command)
{
    js_argv_release(&command->words);
}

/* ... given by the user. */
static int64_t time_left_ns(const struct js_rank_command *command)
{
    return command->config->run->time_limit_ns -
           (js_clock_ns() - command->begun_ns);
}

/* The user's limit comes after Slurm's in the command line, and so takes
 * precedence. */
static void add_time_limit(const struct js_rank_command *command,
                           struct js_argv *words)
{
    int64_t limit_ns = slurm_limit_ns();
    int64_t left_ms = time_left_ns(command) / JS_NS_PER_MS;
    if (limit_ns > 0)
        js_argv_addf(words, "--time-limit=%" PRId64 "s",
                     limit_ns / JS_NS_PER_S);
    if (command->restarts > 0 && command->config->run->time_limit_ns > 0)
        js_argv_addf(words, "--time-limit=%" PRId64 ".%03ds", left_ms / 1000,
                     (int)(left_ms % 1000));
}

/* Each rank knows by itself whether the run is continued. */
int js_rank_command_make(struct js_rank_command *command)
{
    const struct js_launch_config *config = command->config;
    const struct js_argv *given =
        command->restarts > 0 ? config->words_going_on : config->words;
    struct js_argv *words = &command->words;
    js_argv_release(words);
    js_argv_add(words, command->program);
    add_time_limit(command, words);
    /* A user who copies the command line that is shown starts a command of its
     * own. */
    if (!config->is_mpirun_shown)
        js_argv_addf(words, "--part-of=%" PRIu64 ":%" PRIu32, command->id,
                     command->restarts);
    for (size_t i = 0; i < given->count; i++)
        js_argv_add(words, given->items[i]);
    return js_argv_check(words);
}

bool js_rank_command_is_out_of_time(const struct js_rank_command *command)
{
    struct jobsched_config config = *command->config->run;
    struct jobsched_result result;
    bool is_limited = config.time_limit_ns > 0;
    config.time_limit_ns =
        is_limited ? time_left_ns(command) : slurm_limit_ns();
    return (is_limited && config.time_limit_ns <= 0) ||
           jobsched_check(&config, &result) != JOBSCHED_SUCCEEDED;
}
