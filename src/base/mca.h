/*
 * mca - settings for Open MPI (its MCA parameters) that jobsched makes in the
 * environment unless the user has made them.
 *
 * Open MPI's mpirun and its ranks read them there when they start. The launcher
 * sets those for mpirun before it starts one. Each rank sets its own before
 * MPI_Init and removes them afterwards, so that no job sees them.
 */
#ifndef JS_BASE_MCA_H
#define JS_BASE_MCA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum js_mpi {
    JS_OPEN_MPI_4, /* and older */
    JS_OPEN_MPI_5, /* and newer */
    JS_MPICH,
};

/* The MPI that jobsched was built with, from a name like "Open MPI 4.1.4". */
enum js_mpi js_mpi_of(const char *name);

enum { JS_MCA_MOST = 16 };

/* The settings made here; {0} means none. */
struct js_mca {
    const char *variables[JS_MCA_MOST];
    size_t count;
};

/* True if the user has set this parameter ("btl_tcp_if_include"): by an
 * environment variable (mpirun turns its --mca into one as well), or in a
 * configuration file of Open MPI, the user's or this machine's. In the
 * machine's file, a list "^a,b" counts only if it excludes `ours`, the
 * component that jobsched would choose (NULL: any value counts). */
bool js_mca_is_set(const char *name, const char *ours);

/* Sets a parameter by its variable ("OMPI_MCA_reachable"; the string must stay
 * valid), unless the user has set it. Returns 0, or -1 with errno ENOMEM. */
int js_mca_set(struct js_mca *mca, const char *variable, const char *value);

/*
 * Sets what any rank of this MPI needs. Open MPI has a component that finds out
 * which networks reach each other. By default it asks the kernel for a route
 * for each connection. In 5.0.7 it found no route from a host's IPv6 address to
 * itself, and printed a warning at each start. The other component compares
 * addresses. Returns the same as js_mca_set().
 */
static inline int js_mca_set_for_rank(struct js_mca *mca, enum js_mpi mpi)
{
    if (mpi != JS_OPEN_MPI_5)
        return 0;
    return js_mca_set(mca, "OMPI_MCA_reachable", "weighted");
}

/*
 * Prepares an mpirun whose ranks are all on this host. Its session folder will
 * be in `folder`, which is copied. If that folder has room for shared memory
 * (`has_room`), the ranks will communicate through it and open no port;
 * otherwise they will use the network. Returns the same as js_mca_set().
 */
int js_mca_set_for_host(struct js_mca *mca, enum js_mpi mpi, const char *folder,
                        bool has_room);

/* Sets what an mpirun needs to know about the user: HOME, without which Open
 * MPI 5 does not start. Returns the same as js_mca_set(). */
int js_mca_set_home(struct js_mca *mca, enum js_mpi mpi);

/* Restores the environment. */
static inline void js_mca_take_back(struct js_mca *mca)
{
    while (mca->count > 0)
        unsetenv(mca->variables[--mca->count]);
}

/*
 * Writes the names of this host's network bridges to `to`: "docker0,virbr0".
 * Writes "" if none has an IPv4 address, or if that cannot be determined. A
 * container service makes bridges, usually with the same address on every host.
 * A process that tries to reach another host at such an address reaches itself,
 * so Open MPI must not use them.
 */
void js_mca_bridges(char *to, size_t size);

#endif
