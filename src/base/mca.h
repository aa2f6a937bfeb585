/*
 * mca - settings for Open MPI (its MCA parameters), which jobsched makes in the
 * environment where the user has made none.
 *
 * Open MPI's mpirun and its ranks read them there when they start: the launcher
 * makes those for mpirun before it starts one, and each rank makes its own
 * before MPI_Init, and takes them back behind it, so that they reach no job.
 */
#ifndef JS_BASE_MCA_H
#define JS_BASE_MCA_H

#include <stdbool.h>
#include <stddef.h>

enum js_mpi {
    JS_OPEN_MPI_4, /* and older */
    JS_OPEN_MPI_5, /* and newer */
    JS_MPICH,
};

/* Which MPI jobsched was built with, from a name like "Open MPI 4.1.4". */
enum js_mpi js_mpi_of(const char *name);

enum { JS_MCA_MOST = 16 };

/* What was set here; {0} is nothing. */
struct js_mca {
    const char *variables[JS_MCA_MOST];
    size_t count;
};

/* True if the user has set that parameter ("btl_tcp_if_include"): by a variable
 * of the environment, which is what mpirun makes of its --mca too, or in a file
 * of Open MPI's own, the user's or this machine's. */
bool js_mca_is_set(const char *name);

/* Sets a parameter by its variable ("OMPI_MCA_reachable", which must stay
 * valid) unless the user has. Returns 0, or -1 with errno ENOMEM. */
int js_mca_set(struct js_mca *mca, const char *variable, const char *value);

/* Sets what any rank of such an MPI needs. Returns as js_mca_set(). */
int js_mca_set_for_rank(struct js_mca *mca, enum js_mpi mpi);

/*
 * Sets for an mpirun whose ranks are all on this host that its session folder
 * is in `folder`, which is copied, and what they talk through: memory there if
 * it has room for it (`has_room`), so that they open no port, else the network.
 * Returns as js_mca_set().
 */
int js_mca_set_for_host(struct js_mca *mca, enum js_mpi mpi, const char *folder,
                        bool has_room);

/* Sets what an mpirun needs of the user: HOME, without which Open MPI 5 does
 * not start. Returns as js_mca_set(). */
int js_mca_set_home(struct js_mca *mca, enum js_mpi mpi);

/* Makes the environment what it was before. */
void js_mca_take_back(struct js_mca *mca);

#endif
