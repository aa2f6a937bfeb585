/*
 * hostfile - the hosts that a file names for mpirun, and their slots.
 *
 * One line a host: its name, and "slots=N" (Open MPI) or "name:N" (MPICH).
 * Blank lines and what follows a '#' do not count. A name that stands there
 * again has one slot more for each line, as the node files of PBS have it.
 */
#ifndef JS_LAUNCH_HOSTFILE_H
#define JS_LAUNCH_HOSTFILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct js_host {
    char *name;     /* owned */
    uint32_t slots; /* 0: it is not said */
};

struct js_hosts {
    struct js_host *items;
    size_t count, capacity;
};

/* Frees all of it; as new. */
void js_hosts_release(struct js_hosts *hosts);

/* Returns 0, or -1 with errno ENOMEM. One more line for a host that is there,
 * be it by its short name or its full one. */
int js_hosts_add(struct js_hosts *hosts, const char *name, uint32_t slots);

/* Takes out number `i`. */
void js_hosts_drop(struct js_hosts *hosts, size_t i);

/* The sum of all slots; 0 if a host does not say how many it has. */
uint64_t js_hosts_slots(const struct js_hosts *hosts);

/* True if number `i` is this host. */
bool js_hosts_is_here(const struct js_hosts *hosts, size_t i);

/* Appends the hosts of the file at `path`. Returns 0, or -1 with *err, which
 * says where in the file something is wrong. */
int js_hostfile_read(const char *path, struct js_hosts *ret,
                     struct js_err *err);

/* Writes them as Open MPI reads it. Returns 0, or -1 with errno. */
int js_hostfile_write(const char *path, const struct js_hosts *hosts);

#endif
