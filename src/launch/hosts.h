/*
 * hosts - the hosts of a run, as a hostfile or Slurm names them, and whether
 * mpirun can reach them.
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

/* Frees everything and resets the struct. */
void js_hosts_release(struct js_hosts *hosts);

/* Adds a host. If the host is already there, under its short or its full name,
 * this counts as another line for it. Returns 0, or -1 with errno ENOMEM. */
int js_hosts_add(struct js_hosts *hosts, const char *name, uint32_t slots);

/* Removes host number `i`. */
void js_hosts_drop(struct js_hosts *hosts, size_t i);

/* The sum of all slots; 0 if a host does not say how many it has. */
uint64_t js_hosts_slots(const struct js_hosts *hosts);

/* Returns the greatest common divisor of two numbers of slots; 0 counts as a
 * multiple of every number. */
uint32_t js_hosts_common_slots(uint32_t a, uint32_t b);

/* Returns the greatest divisor of `slots` that is at most `most`, or 1. */
uint32_t js_hosts_divisor(uint32_t slots, uint32_t most);

/* Divides the slots of all hosts by their greatest common divisor that is at
 * most `most`, and returns it. All hosts must say how many slots they have. */
uint32_t js_hosts_divide(struct js_hosts *hosts, uint32_t most);

/* True if host number `i` is this host. */
bool js_hosts_is_here(const struct js_hosts *hosts, size_t i);

/* Appends the hosts in the file at `path`. Returns 0, or -1 with *err, which
 * says where in the file the error is. */
int js_hosts_read(const char *path, struct js_hosts *ret, struct js_err *err);

/* Writes the hosts in the format of Open MPI. Returns 0, or -1 with errno. */
int js_hosts_write(const char *path, const struct js_hosts *hosts);

/*
 * Starts a program that does nothing, on all hosts at once. Writes to
 * are_well[0 ... hosts->count - 1] whether it ended successfully within twenty
 * seconds. Calls is_to_stop() meanwhile; if that returns true, the function
 * returns soon and its answer must be ignored.
 */
void js_hosts_probe(const struct js_hosts *hosts,
                    const struct js_mpirun *mpirun,
                    bool (*is_to_stop)(void *arg), void *arg, bool *are_well);

#endif
