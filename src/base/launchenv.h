/*
 * launchenv - what the launcher of an MPI process has put in its environment.
 *
 * Knows the names used by Open MPI (mpirun), PMIx (srun --mpi=pmix) and MPICH.
 * Sources: observed with Open MPI 4.1.4 and 5.0.7, MPICH 4.2.1 and Slurm 22.05.
 */
#ifndef JS_BASE_LAUNCHENV_H
#define JS_BASE_LAUNCHENV_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* With which jobsched, as a launcher of itself, tells rank 0 where to write how
 * the run stands (record/run_status.h). */
#define JS_LAUNCHENV_STATUS_NAME "JOBSCHED_STATUS_FILE"

/* With which it says that the list comes on standard input, whatever it is
 * called. */
#define JS_LAUNCHENV_STREAM_NAME "JOBSCHED_STREAM"

/* ... and how many open files a job may have (the soft limit), where it has let
 * its ranks have more. */
#define JS_LAUNCHENV_FILES_NAME "JOBSCHED_FILES"

/* This process's rank as the launcher has it, or -1 when no launcher is seen.
 * Needs no MPI_Init. */
int js_launchenv_rank(void);

/* The variables that may hold it; then NULL. */
extern const char *const js_launchenv_rank_names[];

/* Its number among those on its host, or -1 when the launcher does not say. */
int js_launchenv_local_rank(void);

/* How many processes the launcher has started, or -1 when it does not say. */
int js_launchenv_size(void);

/* For a process that no launcher claims, or whose world is one rank: true if
 * others were started beside it, each of which takes itself for the only one.
 * (srun --mpi=none, or the mpirun of another MPI.) */
bool js_launchenv_is_one_of_many(void);

/* What is wrong then: -1 and *err. `mpi` is the one that this program needs. It
 * is for the first of them to say. */
int js_launchenv_refuse_many(const char *mpi, struct js_err *err);
bool js_launchenv_is_first_of_many(void);

/* True if that process is an mpirun, which has started this one. */
bool js_launchenv_is_launcher(pid_t pid);

/* True if rank 0 was certainly started beside this process, by the same mpirun,
 * and has ended. */
bool js_launchenv_has_lost_first(void);

/* True if a launcher is the parent of this process, so that its standard input
 * is what that passes on, whatever the user gave. A shell in a step of one
 * process passes the launcher's marks on, but not that. */
bool js_launchenv_is_direct(void);

/* True if mpirun itself has, or may have, bound this process to some CPUs, so
 * that its own set says nothing of what it may use: that of its parent, which
 * is of the launcher, does. */
bool js_launchenv_bound(void);

/* True if the launcher lets the other processes go on when one is lost, rank 0
 * included (mpirun --enable-recovery, --with-ft ulfm). */
bool js_launchenv_recovers(void);

/* True if that descriptor is a pipe into which the launcher writes, and which
 * it damages when it has to wait: what it could not write at once it writes
 * again, from a wrong place (Open MPI 5.0.7, its PRRTE's stdin_write_handler).
 */
bool js_launchenv_damages(int fd);

/* True if mpirun puts marks into what it passes on of its processes' output, or
 * writes it to files as well (--tag-output, --output-filename). */
bool js_launchenv_marks_output(void);
/* True if the launcher, when it is told to end a run, leaves the ranks the time
 * for MPI_Finalize (MPICH). Open MPI's ends the run before. */
bool js_launchenv_is_patient(void);

/* The job of a batch system (Slurm) that this process is part of, as text that
 * names no other one, and how often it was started again before. False: there
 * is none, or its name does not fit. */
bool js_launchenv_batch(char *name, size_t size, uint64_t *restarts);

/* So much memory of this node the batch system has granted to the processes
 * here; 0: it does not limit it, or does not say. */
uint64_t js_launchenv_mem_bytes(void);

/* True if the variable ("NAME=value" or "NAME") was set by the launcher for
 * one MPI process. A job must not see it: with it, a job that is an MPI
 * program fails and a nested mpirun exits 1 without a word. */
bool js_launchenv_owns(const char *variable);

/* True if the variable says something about one host (its name, its temporary
 * folder, its part of an allocation), so that it must not travel to another. */
bool js_launchenv_host_bound(const char *variable);

/* True if it says something about the step of a Slurm job that carries this
 * process, which is not that of the jobs. */
bool js_launchenv_is_of_step(const char *variable);

#endif
