#include "base/mca.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum js_mpi js_mpi_of(const char *name)
{
    static const char open_mpi[] = "Open MPI ";
    if (strncmp(name, open_mpi, strlen(open_mpi)) != 0)
        return JS_MPICH;
    return strtoul(name + strlen(open_mpi), NULL, 10) >= 5 ? JS_OPEN_MPI_5
                                                           : JS_OPEN_MPI_4;
}

/* ---------------------------------------------------------------- the user's
 */

/* Open MPI 5 is made of three projects; its mpirun takes the first prefix for
 * what is meant for the others as well. */
static const char *const prefixes[] = {"OMPI_MCA_", "PRTE_MCA_", "PMIX_MCA_",
                                       NULL};

/* Below the user's home, and below what Open MPI was installed in. */
static const char *const files_of_user[] = {".openmpi/mca-params.conf",
                                            ".prte/mca-params.conf",
                                            ".pmix/mca-params.conf", NULL};
static const char *const files_of_machine[] = {
    "etc/openmpi-mca-params.conf", "etc/openmpi/openmpi-mca-params.conf", NULL};

/* Of a line "name = value". */
static bool line_names(const char *line, const char *name)
{
    size_t len = strlen(name);
    line += strspn(line, " \t");
    if (strncmp(line, name, len) != 0)
        return false;
    line += len;
    line += strspn(line, " \t");
    return *line == '=';
}

static bool file_names(const char *folder, const char *file, const char *name)
{
    char path[PATH_MAX];
    char *line = NULL;
    size_t size = 0;
    bool is_named = false;
    int len = snprintf(path, sizeof(path), "%s/%s", folder, file);
    if (len < 0 || (size_t)len >= sizeof(path))
        return false;
    FILE *stream = fopen(path, "re");
    if (!stream)
        return false;
    while (!is_named && getline(&line, &size, stream) >= 0)
        is_named = line_names(line, name);
    free(line);
    fclose(stream);
    return is_named;
}

static bool any_file_names(const char *folder, const char *const *files,
                           const char *name)
{
    for (; folder && *files; files++) {
        if (file_names(folder, *files, name))
            return true;
    }
    return false;
}

bool js_mca_is_set(const char *name)
{
    char variable[256];
    const char *prefix = getenv("OPAL_PREFIX");
    for (size_t i = 0; prefixes[i]; i++) {
        snprintf(variable, sizeof(variable), "%s%s", prefixes[i], name);
        if (getenv(variable))
            return true;
    }
    return any_file_names(getenv("HOME"), files_of_user, name) ||
           any_file_names(prefix ? prefix : "", files_of_machine, name);
}

/* ---------------------------------------------------------------- ours */

int js_mca_set(struct js_mca *mca, const char *variable, const char *value)
{
    static const char mark[] = "_MCA_";
    const char *name = strstr(variable, mark);
    if (!name || mca->count == JS_MCA_MOST) {
        errno = EINVAL;
        return -1;
    }
    if (js_mca_is_set(name + strlen(mark)))
        return 0;
    if (setenv(variable, value, 1) < 0)
        return -1;
    mca->variables[mca->count++] = variable;
    return 0;
}

/* What finds out which networks reach each other asks the kernel for the way to
 * each peer, finds none from a host's IPv6 address to itself, and complains of
 * that at each start (5.0.7). The other one compares addresses. */
int js_mca_set_for_rank(struct js_mca *mca, enum js_mpi mpi)
{
    if (mpi != JS_OPEN_MPI_5)
        return 0;
    return js_mca_set(mca, "OMPI_MCA_reachable", "weighted");
}

void js_mca_take_back(struct js_mca *mca)
{
    while (mca->count > 0)
        unsetenv(mca->variables[--mca->count]);
}
