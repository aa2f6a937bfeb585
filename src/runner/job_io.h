/*
 * job_io - the files that a job reads and writes.
 *
 * Four kinds: the folder of the run in which files of jobs are made; the files
 * that collect a job's output; the files that a job names as its stdin, stdout
 * and stderr; and the hostfile of a job on several hosts.
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
 * the run. It remembers that the folder was there, and how: so a folder that
 * never was there is not made, and a share that is no longer mounted is not
 * taken for an empty place.
 */
struct js_job_folder {
    const char *path; /* borrowed */
    bool is_known;    /* it was there */
    mode_t mode;      /* as it was */
    dev_t device;
};

enum js_job_folder_state {
    JS_JOB_FOLDER_FINE,  /* it is there; or it never was */
    JS_JOB_FOLDER_THERE, /* it is there, and this call has made it */
    JS_JOB_FOLDER_GONE,  /* it can be neither used nor made: errno says why */
};

/* Remembers the folder as it is now. */
void js_job_folder_note(struct js_job_folder *folder, const char *path);

/* Makes it anew if it is gone. If several do so at a time, one gets THERE, the
 * others FINE. */
enum js_job_folder_state
js_job_folder_restore(const struct js_job_folder *folder);

/* ---------------------------------------------------------------- output */

/*
 * Where the jobs of one slot write to. Owns the files of the job that runs, and
 * empty ones that the next can use.
 *
 * A job may succeed although a write of it failed for want of room (`echo x;
 * true`). So each spooled file has JS_JOB_OUTPUT_RESERVED bytes reserved before
 * the job starts, or is kept in memory if there is no room for them. At the end
 * it is known of each file whether something may be missing.
 */
enum { JS_JOB_OUTPUT_RESERVED = 16 * 1024 };

struct js_job_output_file {
    int fd;              /* -1: none */
    int flags;           /* of its open file description, as it was made */
    uint64_t sure_bytes; /* if it is shorter than that, nothing is missing */
    bool is_in_memory;
};

struct js_job_output {
    struct js_job_output_file file[JS_STREAM_COUNT];
    int folder;    /* in which named files were made; -1: none */
    bool was_full; /* there was no room at the end of the last job, or it is
                      unknown */
};

void js_job_output_init(struct js_job_output *output);
void js_job_output_release(struct js_job_output *output);

/* Opens what is not open yet; nothing for JS_CAPTURE_NONE. Returns 0, or -1
 * with errno; a later call goes on where this one stopped. ENOSPC also means
 * that a named file was made, but there is no room to write to it. */
int js_job_output_open(struct js_job_output *output,
                       const struct js_runner_config *config, uint64_t id);

bool js_job_output_is_in_memory(const struct js_job_output *output);

struct js_job_output_end {
    uint64_t bytes[JS_STREAM_COUNT];
    int fds[JS_STREAM_COUNT];
    bool may_be_cut[JS_STREAM_COUNT]; /* there is no room left for more */
};

/*
 * The job has ended. Says how much it wrote, and hands over the spooled files
 * that are not empty (-1: none); the caller closes them. If `reuse`, a spooled
 * file that is as it was made is kept. Everything else is closed.
 */
void js_job_output_finish(struct js_job_output *output,
                          const struct js_runner_config *config, bool reuse,
                          struct js_job_output_end *ret);

/*
 * Call it before js_job_output_finish(). If named files were removed with their
 * folder while the job ran, it writes them anew, in a new folder. Returns 1 if
 * it did so, 0 if there was no need, or -1 with errno if it cannot: then what
 * the job wrote is lost.
 */
int js_job_output_rescue(struct js_job_output *output,
                         const struct js_runner_config *config,
                         const struct js_job_folder *folder, uint64_t id);

/* Tries whether files for jobs can be made. Returns 0, or -1 with *err. */
int js_job_output_try(const struct js_runner_config *config,
                      struct js_err *err);

/* ---------------------------------------------------------------- its files */

struct js_job_files {
    int fd[3];      /* by descriptor of the job; -1: not named */
    bool is_shared; /* fd[2] is fd[1] */
};

/*
 * Opens what the details name, relative to their `dir`. Does not wait: a FIFO
 * without a writer is an empty stdin, one without a reader no stdout. Returns
 * 0, or -1 with *failure and nothing open.
 */
int js_job_files_open(struct js_job_files *files,
                      const struct js_job_spec *details,
                      struct js_spawn_failure *failure);
void js_job_files_close(struct js_job_files *files);

/* ---------------------------------------------------------------- hostfile */

/*
 * Writes the file that names the hosts of a job to an mpirun in it: a line for
 * each host, with the number of processes it takes ("n1 slots=4"). It is a new
 * file in the folder `dir`, which only this user can read. `hosts` is "n1,n2".
 * Returns its absolute path, which the caller frees; or NULL with errno, and no
 * file.
 */
char *js_job_hostfile_write(const char *dir, const char *hosts, uint32_t slots);

/* Removes the file, frees *path and sets it to NULL. NULL is allowed before,
 * too. Keeps errno. */
void js_job_hostfile_remove(char **path);

#endif
