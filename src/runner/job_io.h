/*
 * job_io - the files that a job reads and writes.
 *
 * There are four kinds: the folder of the run in which files of jobs are
 * created; the files that collect a job's output; the files that a job names as
 * its stdin, stdout and stderr; and the hostfile of a job on several hosts.
 */
#ifndef JS_RUNNER_JOB_IO_H
#define JS_RUNNER_JOB_IO_H

#include "list/job.h"
#include "node/spawn.h"
#include "node/spool.h"
#include "runner/runner.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* ---------------------------------------------------------------- folders */

/*
 * A folder of the run's own that jobs need, and that somebody may remove during
 * the run. The struct remembers whether the folder was there, its mode and its
 * device. So a folder that was never there is not created, and a share that is
 * no longer mounted is not mistaken for an empty folder.
 */
struct js_job_folder {
    const char *path; /* borrowed */
    bool is_known;    /* it was there */
    mode_t mode;      /* as it was */
    dev_t device;
};

enum js_job_folder_state {
    JS_JOB_FOLDER_FINE,  /* it is there, or it never was */
    JS_JOB_FOLDER_THERE, /* it is there: this call has created it */
    JS_JOB_FOLDER_GONE, /* it can be neither used nor created: errno says why */
};

/* Remembers the folder as it is now. */
void js_job_folder_note(struct js_job_folder *folder, const char *path);

/* Creates the folder again if it is gone. If several callers do so at the same
 * time, one gets THERE, and the others FINE. */
enum js_job_folder_state
js_job_folder_restore(const struct js_job_folder *folder);

/* ---------------------------------------------------------------- output */

/*
 * The files that the jobs of one slot write to. Owns the files of the running
 * job, and empty files that the next job can use.
 *
 * A job may succeed although one of its writes failed for lack of space (`echo
 * x; true`). So each spooled file has JS_JOB_OUTPUT_RESERVED bytes reserved
 * before the job starts, or is kept in memory if there is no room for them.
 * When the job ends, it is then known for each file whether something may be
 * missing.
 */
enum { JS_JOB_OUTPUT_RESERVED = 16 * 1024 };

struct js_job_output_file {
    int fd;              /* -1: none */
    int flags;           /* of its open file description, when it was created */
    uint64_t sure_bytes; /* nothing is missing from a shorter file */
    bool is_in_memory;
};

struct js_job_output {
    struct js_job_output_file file[JS_STREAM_COUNT];
    int folder;    /* the one that named files are in; -1: none */
    bool was_full; /* there was no room at the end of the last job, or that is
                      unknown */
};

void js_job_output_init(struct js_job_output *output);
void js_job_output_release(struct js_job_output *output);

/* Opens the files that are not open yet; none for JS_CAPTURE_NONE. Returns 0,
 * or -1 with errno; then a later call goes on where this one stopped. ENOSPC
 * may also mean that a named file was created, but there is no room to write to
 * it. */
int js_job_output_open(struct js_job_output *output,
                       const struct js_runner_config *config, uint64_t id);

bool js_job_output_is_in_memory(const struct js_job_output *output);

struct js_job_output_end {
    uint64_t bytes[JS_STREAM_COUNT];
    int fds[JS_STREAM_COUNT];
    bool may_be_cut[JS_STREAM_COUNT]; /* there is no room left for more */
};

/*
 * Call it when the job has ended. It reports how much the job wrote, and hands
 * over the spooled files that are not empty (-1: none); the caller closes them.
 * If `reuse` is true, a spooled file that is still as it was created is kept.
 * Everything else is closed.
 */
void js_job_output_finish(struct js_job_output *output,
                          const struct js_runner_config *config, bool reuse,
                          struct js_job_output_end *ret);

/*
 * Call it before js_job_output_finish(). If named files were removed with their
 * folder while the job ran, it writes them again, in a new folder. Returns 1 if
 * it did so, 0 if there was no need, or -1 with errno if it could not: then
 * what the job wrote is lost.
 */
int js_job_output_rescue(struct js_job_output *output,
                         const struct js_runner_config *config,
                         const struct js_job_folder *folder, uint64_t id);

/* Checks whether files for jobs can be created. Returns 0, or -1 with *err. */
int js_job_output_try(const struct js_runner_config *config,
                      struct js_err *err);

/* ---------------------------------------------------------------- its files */

struct js_job_files {
    int fd[3];      /* by the job's own descriptor; -1: not named */
    bool is_shared; /* fd[2] is fd[1] */
};

/*
 * Opens the files that the details name, relative to their `dir`. It does not
 * wait: a FIFO without a writer is an empty stdin, and one without a reader
 * cannot be opened as stdout. Returns 0, or -1 with *failure and nothing open.
 */
int js_job_files_open(struct js_job_files *files,
                      const struct js_job_spec *details,
                      struct js_spawn_failure *failure);
void js_job_files_close(struct js_job_files *files);

/* ---------------------------------------------------------------- hostfile */

/*
 * Writes the file that names a job's hosts to an mpirun within the job. It has
 * a line for each host, with the number of processes that the host takes ("n1
 * slots=4"). It is a new file in the folder `dir`, and only this user can read
 * it. `hosts` is "n1,n2". Returns its absolute path, which the caller frees; or
 * NULL with errno, and no file.
 */
char *js_job_hostfile_write(const char *dir, const char *hosts, uint32_t slots);

/* Removes the file, frees *path and sets it to NULL. *path may already be NULL.
 * Keeps errno. */
void js_job_hostfile_remove(char **path);

#endif
