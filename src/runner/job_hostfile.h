/*
 * runner_hostfile - the file that tells an mpirun within a job which hosts the
 * job has.
 *
 * Text with a line for each host: its name, and how many processes it takes
 * ("n1 slots=4").
 */
#ifndef JS_RUNNER_JOB_HOSTFILE_H
#define JS_RUNNER_JOB_HOSTFILE_H

#include <stdint.h>

/* A new file in the folder `dir`, for this user alone, of the hosts "n1,n2".
 * Returns its path, which is absolute and the caller's to free; or NULL with
 * errno, and no file. */
char *js_job_hostfile_write(const char *dir, const char *hosts, uint32_t slots);

/* Removes the file, frees *path and makes it NULL; which it may be before.
 * Keeps errno. */
void js_job_hostfile_remove(char **path);

#endif
