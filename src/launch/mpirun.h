/*
 * mpirun - the command line that starts a run.
 *
 * Each MPI has options of its own for the same wishes; here they are, and
 * nowhere else. Those of Open MPI 4.1 are tested in all runs, those of Open
 * MPI 5.0 and MPICH 4 by `make check-mpis`.
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
    const char *program;  /* mpirun */
    uint64_t ranks;       /* the master and the slaves */
    const char *hostfile; /* NULL: this machine, or what the batch system
                             has granted */
    const struct js_hosts *hosts; /* what is in it; NULL or none: as above */
    const char *const *names;     /* variables to be handed on to rank 0 on its
                                     host, then NULL; NULL: none */
    char *const *command;         /* what each rank runs; ends in NULL */
};

/*
 * The whole command line. The first host has the master besides its slots; if
 * there are more ranks than that, each host gets its share of them. Returns 0,
 * or -1 with errno ENOMEM.
 */
int js_mpirun_words(const struct js_mpirun *mpirun, struct js_argv *ret);

/* Of which MPI an mpirun is by what it answers to --version, as "MPICH 4.2.1".
 * False: that says nothing that is known. */
bool js_mpirun_name(const char *said, char *ret, size_t size);

/* The signal that ends a run through its mpirun, with the time to put on record
 * what was ended. */
int js_mpirun_end_signal(enum js_mpi mpi);

/* How long the first rank that ends with another status than 0 should wait
 * before, so that its mpirun has read its last words. */
int64_t js_mpirun_hearing_ns(enum js_mpi mpi);

/* The command line that tries whether a host can be reached. */
int js_mpirun_trial(const struct js_mpirun *mpirun, const char *host,
                    struct js_argv *ret);

#endif
