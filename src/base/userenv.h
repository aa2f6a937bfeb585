/*
 * userenv - the user's environment when the run was started, for its jobs,
 * without the variables that launchers add for a rank.
 *
 * It is stored as "NAME=value" strings, each with a NUL.
 */
#ifndef JS_BASE_USERENV_H
#define JS_BASE_USERENV_H

#include "base/buf.h"

/*
 * For a rank that no jobsched has launched: appends its own environment, as it
 * was before MPI_Init, without what mpirun, srun and the like have added. If
 * the mpirun is on this host, its own environment shows which settings are the
 * user's. Returns 0, or -1 with errno ENOMEM.
 */
int js_userenv_of_rank(struct js_buf *ret);

/* Writes the environment to a file that only the user can read, for a rank 0 on
 * another host. Returns 0, or -1 with errno. */
int js_userenv_write(const char *path, char *const *environ);
int js_userenv_read(const char *path, struct js_buf *ret);

/* The value in "NAME=value", or NULL if that is another variable. */
static inline const char *js_userenv_match(const char *variable,
                                           const char *name)
{
    size_t len = strlen(name);
    return strncmp(variable, name, len) == 0 && variable[len] == '='
               ? variable + len + 1
               : NULL;
}

/* The value of a variable in a list that ends in NULL, or NULL. */
static inline const char *js_userenv_find(const char *const *list,
                                          const char *name)
{
    const char *value = NULL;
    for (; !value && *list; list++)
        value = js_userenv_match(*list, name);
    return value;
}

/* The value of a variable in the environment, or NULL. */
const char *js_userenv_value(const struct js_buf *userenv, const char *name);

/* Returns an array of pointers into the environment that ends in NULL. The
 * caller frees the array. NULL with errno ENOMEM on failure. */
const char **js_userenv_list(const struct js_buf *userenv);

/* Returns the working folder under the user's name for it (PWD), if that name
 * refers to the same folder. The caller frees it. NULL with errno on
 * failure. */
char *js_userenv_cwd(const struct js_buf *userenv);

#endif
