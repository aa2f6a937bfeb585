/*
 * rank_command - the command that each rank runs: this program with the user's
 * words, and with what the launcher knows of the start.
 *
 * A time limit of the user counts from the first start; each further start gets
 * what is left of it. Slurm ends its job at a time limit of its own. The run
 * gets all of that time except the last part, which is reserved for its end.
 */
#ifndef JS_LAUNCH_RANK_COMMAND_H
#define JS_LAUNCH_RANK_COMMAND_H

#include "base/argv.h"
#include "base/err.h"
#include "launch/launch.h"

#include <limits.h>

struct js_rank_command {
    const struct js_launch_config *config; /* borrowed */
    char program[PATH_MAX];                /* a path that is valid on every
                                              host */
    uint64_t id;                           /* the same for all starts */
    uint32_t restarts;                     /* so far */
    int64_t begun_ns;                      /* time of the first start */
    struct js_argv words;                  /* program and arguments, from
                                              js_rank_command_make() */
};

/* Prepares the command; the first start is now. Returns 0, or -1 with *err:
 * the program was not found, or Slurm's time limit is too close for any job
 * to run. */
int js_rank_command_init(struct js_rank_command *command,
                         const struct js_launch_config *config,
                         struct js_err *err);
void js_rank_command_release(struct js_rank_command *command);

/* Makes the words for the next start. Returns 0, or -1 with errno ENOMEM. */
int js_rank_command_make(struct js_rank_command *command);

/* True if the rest of the time limit is too short to start any job. */
bool js_rank_command_is_out_of_time(const struct js_rank_command *command);

#endif
