/*
 * mpirun - the command lines of a start: mpirun's own, and the one that each
 * rank runs.
 *
 * Each MPI has its own options for the same purposes. All of these are in this
 * file. The options of Open MPI 4.1 are tested in all runs, those of Open MPI
 * 5.0 and MPICH 4 by `make check-mpis`.
 */
#ifndef JS_LAUNCH_MPIRUN_H
#define JS_LAUNCH_MPIRUN_H

#include "base/argv.h"
#include "base/err.h"
#include "base/mca.h"
#include "launch/hosts.h"
#include "launch/launch.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* ------------------------------------------------------------ mpirun itself */

struct js_mpirun {
    enum js_mpi mpi;
    const char *program;  /* path or name of mpirun */
    uint64_t ranks;       /* the master and the slaves */
    const char *hostfile; /* NULL: `hosts`, if there are any; else this machine,
                             or what the batch system has granted */
    /* the hosts in that file; NULL or empty: not known */
    const struct js_hosts *hosts;
    const char *const *names; /* variables that rank 0 must get on its
                                 host, then NULL; NULL: none */
    char *const *command;     /* what each rank runs; ends with NULL */
    const char *setting; /* "NAME=VALUE" that the command line sets for mpirun
                            itself; NULL: none */
};

/*
 * Makes the whole command line. The first host runs the master in addition to
 * its slots. If there are more ranks than these, each host gets its share of
 * the rest. Returns 0, or -1 with errno ENOMEM.
 */
int js_mpirun_make(const struct js_mpirun *mpirun, struct js_argv *ret);

/* Makes the command line that tests whether a host can be reached. Returns 0,
 * or -1 with errno ENOMEM. */
int js_mpirun_make_probe(const struct js_mpirun *mpirun, const char *host,
                         struct js_argv *ret);

/* Finds out to which MPI an mpirun belongs, such as "MPICH 4.2.1", from its
 * answer to --version. Returns false if the answer is not recognised. */
bool js_mpirun_name(const char *version_text, char *ret, size_t size);

/*
 * Asks mpirun for its version. Returns true if it belongs to another MPI than
 * jobsched was built with (`built_with`, in the form of jobsched_mpi()). *ret
 * then says which file was started, to which MPI it belongs, and to which it
 * must belong.
 */
bool js_mpirun_is_other(const struct js_mpirun *mpirun, const char *built_with,
                        struct js_buf *ret);

/* Returns the signal that makes mpirun end a run but leaves time to record the
 * jobs that were ended. */
int js_mpirun_end_signal(enum js_mpi mpi);

/* Returns how long the first rank that fails must wait before it exits, so that
 * mpirun can read its last messages. */
int64_t js_mpirun_hearing_ns(enum js_mpi mpi);

/* ------------------------------------------------------------ what ranks run
 */

/*
 * This program with the user's arguments, and with what the launcher knows
 * about the start.
 *
 * A time limit that the user sets counts from the first start; each further
 * start gets what is left of it. Slurm ends its job at a time limit of its own.
 * The run gets all of that time except the last part, which is reserved for its
 * end.
 */
struct js_rank_command {
    const struct js_launch_config *config; /* borrowed */
    char program[PATH_MAX];                /* a path that is valid on every
                                              host */
    uint64_t id;                           /* the same for all starts */
    uint32_t restarts;                     /* so far */
    int64_t begun_ns;                      /* time of the first start */
    uint32_t slots;                        /* of each slave; 0: as given */
    struct js_argv argv;                   /* program and arguments, from
                                              js_rank_command_make() */
};

/* Prepares the command; the first start is now. Returns 0, or -1 with *err:
 * the program was not found, or Slurm's time limit is too close for any job
 * to run. */
int js_rank_command_init(struct js_rank_command *command,
                         const struct js_launch_config *config,
                         struct js_err *err);
void js_rank_command_release(struct js_rank_command *command);

/* Makes the arguments for the next start. Returns 0, or -1 with errno
 * ENOMEM. */
int js_rank_command_make(struct js_rank_command *command);

/* True if the rest of the time limit is too short to start any job. */
bool js_rank_command_is_out_of_time(const struct js_rank_command *command);

#endif
