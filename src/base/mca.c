#include "base/mca.h"

#include "base/file.h"

#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* Open MPI 5 consists of three projects. Its mpirun takes the first prefix for
 * parameters of the others as well. */
static const char *const prefixes[] = {"OMPI_MCA_", "PRTE_MCA_", "PMIX_MCA_",
                                       NULL};

/* Below the user's home, and below the folder where Open MPI was installed. */
static const char *const files_of_user[] = {".openmpi/mca-params.conf",
                                            ".prte/mca-params.conf",
                                            ".pmix/mca-params.conf", NULL};
static const char *const files_of_machine[] = {
    "etc/openmpi-mca-params.conf", "etc/openmpi/openmpi-mca-params.conf", NULL};

/* True if the file has a line "name = value" whose value counts: a list "^a,b"
 * only excludes components, so it counts only if it excludes `ours`.
 */
static bool file_names(const char *folder, const char *file, const char *name,
                       const char *ours)
{
    char path[PATH_MAX];
    char *line = NULL;
    size_t size = 0, len = strlen(name);
    bool is_named = false;
    int n = snprintf(path, sizeof(path), "%s/%s", folder, file);
    FILE *stream =
        n >= 0 && (size_t)n < sizeof(path) ? fopen(path, "re") : NULL;
    while (stream && !is_named && getline(&line, &size, stream) >= 0) {
        const char *at = line + strspn(line, " \t");
        if (strncmp(at, name, len) != 0)
            continue;
        at += len + strspn(at + len, " \t");
        if (*at != '=')
            continue;
        at += 1 + strspn(at + 1, " \t");
        is_named = !ours || *at != '^' || strstr(at, ours);
    }
    free(line);
    if (stream)
        fclose(stream);
    return is_named;
}

static bool any_file_names(const char *folder, const char *const *files,
                           const char *name, const char *ours)
{
    for (; folder && *files; files++) {
        if (file_names(folder, *files, name, ours))
            return true;
    }
    return false;
}

bool js_mca_is_set(const char *name, const char *ours)
{
    char variable[256];
    const char *prefix = getenv("OPAL_PREFIX");
    for (size_t i = 0; prefixes[i]; i++) {
        snprintf(variable, sizeof(variable), "%s%s", prefixes[i], name);
        if (getenv(variable))
            return true;
    }
    /* Any value in the user's file counts. The machine's file may be the
     * distribution's own, so not every value in it is a choice. */
    return any_file_names(getenv("HOME"), files_of_user, name, NULL) ||
           any_file_names(prefix ? prefix : "", files_of_machine, name, ours);
}

/* ---------------------------------------------------------------- ours */

static int mca_put(struct js_mca *mca, const char *variable, const char *value)
{
    if (setenv(variable, value, 1) < 0)
        return -1;
    mca->variables[mca->count++] = variable;
    return 0;
}

int js_mca_set(struct js_mca *mca, const char *variable, const char *value)
{
    static const char mark[] = "_MCA_";
    const char *name = strstr(variable, mark);
    if (!name || mca->count == JS_MCA_MOST) {
        errno = EINVAL;
        return -1;
    }
    return js_mca_is_set(name + strlen(mark), NULL)
               ? 0
               : mca_put(mca, variable, value);
}

/* Without HOME it asked for the home of user -1 (5.0.7). */
int js_mca_set_home(struct js_mca *mca, enum js_mpi mpi)
{
    if (mpi != JS_OPEN_MPI_5 || getenv("HOME"))
        return 0;
    const struct passwd *user = getpwuid(geteuid());
    return mca_put(mca, "HOME", user && user->pw_dir ? user->pw_dir : "/");
}

int js_mca_set_for_host(struct js_mca *mca, enum js_mpi mpi, const char *folder,
                        bool has_room)
{
    static const char *const base[] = {
        [JS_OPEN_MPI_4] = "OMPI_MCA_orte_tmpdir_base",
        [JS_OPEN_MPI_5] = "PRTE_MCA_prte_tmpdir_base"};
    static const char *const memory[] = {
        [JS_OPEN_MPI_4] = "OMPI_MCA_btl_vader_backing_directory",
        [JS_OPEN_MPI_5] = "OMPI_MCA_btl_sm_backing_directory"};
    static const char *const way[] = {
        [JS_OPEN_MPI_4] = "self,vader", [JS_OPEN_MPI_5] = "self,sm"};
    if (mpi == JS_MPICH)
        return 0;
    if (js_mca_set(mca, base[mpi], folder) < 0 ||
        (has_room && js_mca_set(mca, memory[mpi], folder) < 0))
        return -1;
    /* A user who has chosen how ranks communicate has also chosen where.
     * Debian's own file only excludes some components. */
    const char *btl = has_room ? way[mpi] : "self,tcp";
    const char *component = strchr(btl, ',') + 1;
    if (js_mca_is_set("btl", component) || js_mca_is_set("pml", "ob1"))
        return 0;
    return mca_put(mca, "OMPI_MCA_btl", btl);
}

void js_mca_bridges(char *to, size_t size)
{
    struct ifaddrs *all = NULL;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to[0] = '\0';
    if (fd >= 0 && getifaddrs(&all) < 0)
        all = NULL;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
        struct ifreq request = {.ifr_data = (char *)&driver};
        /* Open MPI uses an interface only if it has an address. */
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET)
            continue;
        /* Asks the kernel, because /sys may show the interfaces of another
         * namespace. */
        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s",
                 one->ifa_name);
        if (ioctl(fd, SIOCETHTOOL, &request) < 0 ||
            strcmp(driver.driver, "bridge") != 0)
            continue;
        size_t len = strlen(to);
        snprintf(to + len, size - len, "%s%s", len > 0 ? "," : "",
                 one->ifa_name);
    }
    if (all)
        freeifaddrs(all);
    js_fd_close(&fd);
}
