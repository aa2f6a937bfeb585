/*
 * mpirun - the command line that starts a run.
 *
 * Each MPI has its own options for the same purposes. They are all in this
 * file. The options of Open MPI 4.1 are tested in all runs, those of Open MPI
 * 5.0 and MPICH 4 by `make check-mpis`.
 */
#ifndef JS_LAUNCH_MPIRUN_H
#define JS_LAUNCH_MPIRUN_H

#include "base/argv.h"
#include "base/mca.h"
#include "launch/hostfile.h"

#include <stdbool.h>
#include <stdint.h>

struct js_mpirun {
    enum js_mpi mpi;
    const char *program;  /* path or name of mpirun */
    uint64_t ranks;       /* the master and the slaves */
    const char *hostfile; /* NULL: this machine, or what the batch system
                             has granted */
    const struct js_hosts *hosts; /* the hosts in that file; NULL or none: as
                                     above */
    const char *const *names;     /* variables that rank 0 must get on its
                                     host, then NULL; NULL: none */
    char *const *command;         /* what each rank runs; ends with NULL */
};

/*
 * Makes the whole command line. The first host runs the master in addition to
 * its slots. If there are more ranks than that, each host gets its share of
 * them. Returns 0, or -1 with errno ENOMEM.
 */
int js_mpirun_words(const struct js_mpirun *mpirun, struct js_argv *ret);

/* Finds out, from its answer to --version, to which MPI an mpirun belongs, as
 * "MPICH 4.2.1". Returns false if the answer is not recognised. */
bool js_mpirun_name(const char *said, char *ret, size_t size);

/* The signal that makes mpirun end a run, and leaves time to record the jobs
 * that were ended. */
int js_mpirun_end_signal(enum js_mpi mpi);

/* How long the first rank that ends with a status other than 0 must wait before
 * it ends, so that mpirun has read its last messages. */
int64_t js_mpirun_hearing_ns(enum js_mpi mpi);

/* Makes the command line that tests whether a host can be reached. Returns
 * likewise. */
int js_mpirun_trial(const struct js_mpirun *mpirun, const char *host,
                    struct js_argv *ret);

#endif
