/*
 * hosts - the hosts of a run: those that a hostfile names, or Slurm, and
 * whether mpirun can reach them.
 *
 * Each line of a hostfile holds one host: its name and "slots=N" (Open MPI), or
 * "name:N" (MPICH). Blank lines and text after a '#' are ignored. A name that
 * appears several times has one slot for each line, as in the node files of
 * PBS.
 */
#ifndef JS_LAUNCH_HOSTS_H
#define JS_LAUNCH_HOSTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct js_mpirun;

struct js_host {
    char *name;     /* owned */
    uint32_t slots; /* 0: the file does not say */
};

struct js_hosts {
    struct js_host *items;
    size_t count, capacity;
};

/* Frees everything; the struct is as new. */
void js_hosts_release(struct js_hosts *hosts);

/* Adds a host. For a host that is already there, by its short name or its full
 * one, this counts as one more line. Returns 0, or -1 with errno ENOMEM. */
int js_hosts_add(struct js_hosts *hosts, const char *name, uint32_t slots);

/* Removes host number `i`. */
void js_hosts_drop(struct js_hosts *hosts, size_t i);

/* The sum of all slots; 0 if a host does not say how many it has. */
uint64_t js_hosts_slots(const struct js_hosts *hosts);

/* True if number `i` is this host. */
bool js_hosts_is_here(const struct js_hosts *hosts, size_t i);

/* Appends the hosts in the file at `path`. Returns 0, or -1 with *err, which
 * says where in the file the error is. */
int js_hosts_read(const char *path, struct js_hosts *ret, struct js_err *err);

/* Writes the hosts in the format of Open MPI. Returns 0, or -1 with errno. */
int js_hosts_write(const char *path, const struct js_hosts *hosts);

/*
 * Starts a program that does nothing on each host, on all at once. Writes to
 * are_well[0 ... hosts->count - 1] whether it ended successfully within twenty
 * seconds. Calls is_to_stop() meanwhile; if that returns true, the function
 * returns soon and its answer must be ignored.
 */
void js_hosts_probe(const struct js_hosts *hosts,
                    const struct js_mpirun *mpirun,
                    bool (*is_to_stop)(void *arg), void *arg, bool *are_well);

#endif
