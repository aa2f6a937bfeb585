/*
 * userenv - the environment that the user had when a run was started, for the
 * jobs: without what launchers add for a rank.
 *
 * As "NAME=value" with a NUL behind each.
 */
#ifndef JS_BASE_USERENV_H
#define JS_BASE_USERENV_H

#include "base/buf.h"

/*
 * Of a rank that no jobsched has launched: its own, before MPI_Init, less what
 * mpirun, srun and the like have put there. Where the mpirun is on this host,
 * what it had itself tells its own settings from the user's. Appends to *ret.
 * 0, or -1 with errno ENOMEM.
 */
int js_userenv_of_rank(struct js_buf *ret);

/* A list that ends in NULL, such as environ. */
int js_userenv_copy(char *const *environ, struct js_buf *ret);

/* In a file that only the user can read, for a rank 0 on another host. 0, or -1
 * with errno. */
int js_userenv_write(const char *path, char *const *environ);
int js_userenv_read(const char *path, struct js_buf *ret);

/* The value of a variable in it, or NULL. */
const char *js_userenv_value(const struct js_buf *userenv, const char *name);

/* The list, which ends in NULL, of pointers into it: the caller's to free. NULL
 * with errno ENOMEM. */
const char **js_userenv_list(const struct js_buf *userenv);

/* The working folder, owned by the caller, as the user calls it (PWD) where
 * that is the same folder. NULL with errno. */
char *js_userenv_cwd(const struct js_buf *userenv);

#endif
