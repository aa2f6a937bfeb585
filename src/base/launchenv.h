/*
 * launchenv - what the launcher of an MPI process puts into the environment.
 *
 * Knows the names that Open MPI (mpirun), PMIx (srun --mpi=pmix) and MPICH use.
 * These were observed with Open MPI 4.1.4 and 5.0.7, MPICH 4.2.1 and Slurm
 * 22.05.
 */
#ifndef JS_BASE_LAUNCHENV_H
#define JS_BASE_LAUNCHENV_H

#include "base/units.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

/* When jobsched launches itself, this variable names the file to which rank 0
 * writes the state of the run (record/run_status.h). */
#define JS_LAUNCHENV_STATUS_NAME "JOBSCHED_STATUS_FILE"

/* This variable says that the list comes on standard input, regardless of its
 * name. */
#define JS_LAUNCHENV_STREAM_NAME "JOBSCHED_STREAM"

/* This variable holds the soft limit on a job's open files, if the launcher has
 * raised the limit for its ranks. */
#define JS_LAUNCHENV_FILES_NAME "JOBSCHED_FILES"

/* Lists of names of variables, each followed by NULL: those that may hold the
 * rank, the rank on this host, the number of ranks, or that on this host; those
 * that make sense only on the host where they were set; those of a Slurm job
 * step. A name that ends in '*' stands for all names with this beginning. */
extern const char *const js_launchenv_rank_names[];
extern const char *const js_launchenv_local_rank_names[];
extern const char *const js_launchenv_size_names[];
extern const char *const js_launchenv_local_size_names[];
extern const char *const js_launchenv_host_names[];
extern const char *const js_launchenv_step_names[];

/* True if the variable ("NAME=value" or "NAME") is in such a list. */
bool js_launchenv_is_listed(const char *const *names, const char *variable);

/* The value of the first of these variables that is a number, or -1. */
static inline int js_launchenv_first_number(const char *const *names)
{
    int number = -1;
    for (; number < 0 && *names; names++)
        number = js_parse_int(getenv(*names));
    return number;
}

/* This process's rank as the launcher numbers it, or -1 if there is no
 * launcher. Does not need MPI_Init. */
static inline int js_launchenv_rank(void)
{
    return js_launchenv_first_number(js_launchenv_rank_names);
}

/* The process's number among those on its host, or -1 if the launcher does not
 * say. */
static inline int js_launchenv_local_rank(void)
{
    return js_launchenv_first_number(js_launchenv_local_rank_names);
}

/* The number of processes that the launcher started, or -1 if it does not
 * say. */
static inline int js_launchenv_size(void)
{
    return js_launchenv_first_number(js_launchenv_size_names);
}

/* The number of processes on this host, or -1 if the launcher does not say. */
static inline int js_launchenv_local_size(void)
{
    return js_launchenv_first_number(js_launchenv_local_size_names);
}

/* True if other processes were started along with this one, and each behaves as
 * if it were the only one (srun --mpi=none, or the mpirun of another MPI). Only
 * for a process that no launcher claims, or whose world has one rank. */
bool js_launchenv_is_one_of_many(void);

/* The error to report then; %s is the MPI that this program needs. Only the
 * first of the processes should report it. */
#define JS_LAUNCHENV_MANY                                                      \
    "several processes were started, but they do not know of each other, so "  \
    "each of them would run the whole list. Start them with `srun "            \
    "--mpi=pmix`, or with the mpirun of %s"
static inline bool js_launchenv_is_first_of_many(void)
{
    /* Under srun --mpi=none no launcher assigns ranks, but Slurm numbers its
     * tasks. */
    int rank = js_launchenv_rank();
    return rank < 0 ? js_parse_int(getenv("SLURM_PROCID")) <= 0 : rank == 0;
}

/* True if process `pid` is an mpirun that has started this process. */
bool js_launchenv_is_launcher(pid_t pid);

/* True if the same mpirun certainly started rank 0 on this host, and rank 0 has
 * ended. */
bool js_launchenv_has_lost_first(void);

/* True if a launcher is the parent of this process. Then its standard input is
 * what the launcher passes on, and not what the user gave. In a Slurm step of
 * one process, a shell passes on the launcher's variables, but then the
 * launcher is not the parent. */
bool js_launchenv_is_direct(void);

enum js_launchenv_habit {
    /* mpirun itself has, or may have, bound this process to some CPUs. Then the
     * CPU set of this process does not show which CPUs it may use; the CPU set
     * of its parent, which belongs to the launcher, does. */
    JS_LAUNCHENV_BINDS,
    /* It lets the other processes continue when one is lost, even rank 0
     * (mpirun --enable-recovery, --with-ft ulfm). */
    JS_LAUNCHENV_RECOVERS,
    /* It adds marks to the output of its processes, or writes it to files as
     * well (--tag-output, --output-filename). */
    JS_LAUNCHENV_MARKS_OUTPUT,
};

/* True if the variables of this process show this property of its launcher. */
bool js_launchenv_does(enum js_launchenv_habit habit);

/* True if the descriptor is a pipe in which the launcher damages data when its
 * write has to wait: it then sends the remaining bytes from a wrong offset
 * (Open MPI 5.0.7, PRRTE's stdin_write_handler). */
bool js_launchenv_damages(int fd);

/* True if the launcher, when asked to end a run, leaves the ranks enough time
 * for MPI_Finalize (MPICH). Open MPI's launcher ends the run before that. */
static inline bool js_launchenv_is_patient(void)
{
    return getenv("MPI_LOCALRANKID") != NULL;
}

/* Finds the batch system's job (Slurm) that this process is part of: a name
 * that no other job has, and how often the job was restarted. Returns false if
 * there is no such job or the name does not fit. */
bool js_launchenv_batch(char *name, size_t size, uint64_t *restarts);

/* Returns how much memory of this node the batch system has granted to the
 * processes here, or 0 if there is no limit or none is known. */
uint64_t js_launchenv_mem_bytes(void);

/* True if the launcher set this variable ("NAME=value" or "NAME") for one MPI
 * process. A job must not see it. Otherwise a job that is an MPI program fails,
 * and a nested mpirun exits with status 1 without a message. */
bool js_launchenv_owns(const char *variable);

/* True if the variable describes one host (its name, its temporary folder, its
 * part of an allocation). Such a variable must not be passed on to another
 * host. */
static inline bool js_launchenv_host_bound(const char *variable)
{
    return js_launchenv_is_listed(js_launchenv_host_names, variable);
}

/* True if the variable describes the Slurm job step of this process, which is
 * not the step of the jobs. */
static inline bool js_launchenv_is_of_step(const char *variable)
{
    return js_launchenv_is_listed(js_launchenv_step_names, variable);
}

#endif
