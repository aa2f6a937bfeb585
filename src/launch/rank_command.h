/*
 * rank_command - what each rank is to run: this program with the user's words,
 * and with what the launcher knows of the start.
 *
 * Of a time limit that the user has given, which counts from the first start,
 * each further one is given what is left. Slurm ends its job at a limit of its
 * own: all of it but the last part, which is kept for the end, is the run's.
 */
#ifndef JS_LAUNCH_RANK_COMMAND_H
#define JS_LAUNCH_RANK_COMMAND_H

#include "base/argv.h"
#include "base/err.h"
#include "launch/launch.h"

#include <limits.h>

struct js_rank_command {
    const struct js_launch_config *config; /* borrowed */
    char program[PATH_MAX];                /* as every host finds it */
    uint64_t id;                           /* the same for all starts */
    uint32_t restarts;                     /* so far */
    int64_t begun_ns;                      /* the first of the starts */
    struct js_argv words; /* program, then arguments; js_rank_command_make() */
};

/* The first start is now. Returns 0, or -1 with *err: the program cannot be
 * found, or Slurm's time limit is too near for anything to run. */
int js_rank_command_init(struct js_rank_command *command,
                         const struct js_launch_config *config,
                         struct js_err *err);
void js_rank_command_release(struct js_rank_command *command);

/* Makes the words for the next start. Returns 0, or -1 with errno ENOMEM. */
int js_rank_command_make(struct js_rank_command *command);

/* True if no job could be started in what is left of the time limit. */
bool js_rank_command_is_out_of_time(const struct js_rank_command *command);

#endif
