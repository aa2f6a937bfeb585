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

/* The value in a line "name = value", or NULL if the name is another. */
static const char *line_value(const char *line, const char *name)
{
    size_t len = strlen(name);
    line += strspn(line, " \t");
    if (strncmp(line, name, len) != 0)
        return NULL;
    line += len;
    line += strspn(line, " \t");
    return *line == '=' ? line + 1 + strspn(line + 1, " \t") : NULL;
}

/* A list "^a,b" chooses nothing but excludes some. It counts only if it
 * excludes `ours`. */
static bool value_counts(const char *value, const char *ours)
{
    return value && (!ours || *value != '^' || strstr(value, ours));
}

static bool file_names(const char *folder, const char *file, const char *name,
                       const char *ours)
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
        is_named = value_counts(line_value(line, name), ours);
    free(line);
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

/* `ours` is what we would choose from a list; NULL: any value counts. */
static bool mca_is_set(const char *name, const char *ours)
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

bool js_mca_is_set(const char *name)
{
    return mca_is_set(name, NULL);
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
    return js_mca_is_set(name + strlen(mark)) ? 0
                                              : mca_put(mca, variable, value);
}

/* Open MPI has a component that finds out which networks reach each other. By
 * default it asks the kernel for a route for each connection. It finds none
 * from a host's IPv6 address to itself, and complains at each start (5.0.7).
 * The other component compares addresses. */
int js_mca_set_for_rank(struct js_mca *mca, enum js_mpi mpi)
{
    if (mpi != JS_OPEN_MPI_5)
        return 0;
    return js_mca_set(mca, "OMPI_MCA_reachable", "weighted");
}

/* Without HOME it asks for the home of user -1 (5.0.7). */
int js_mca_set_home(struct js_mca *mca, enum js_mpi mpi)
{
    if (mpi != JS_OPEN_MPI_5 || getenv("HOME"))
        return 0;
    const struct passwd *user = getpwuid(geteuid());
    return mca_put(mca, "HOME", user && user->pw_dir ? user->pw_dir : "/");
}

/* The names of the component that communicates through memory, in both
 * versions. */
static const char *const memory_names[] = {
    [JS_OPEN_MPI_4] = "vader", [JS_OPEN_MPI_5] = "sm"};

/* A user who has chosen how ranks communicate has also chosen where. Debian's
 * own file only excludes some components. */
static int set_btl(struct js_mca *mca, enum js_mpi mpi, bool has_room)
{
    static const char *const with_memory[] = {
        [JS_OPEN_MPI_4] = "self,vader", [JS_OPEN_MPI_5] = "self,sm"};
    const char *name = has_room ? memory_names[mpi] : "tcp";
    if (mca_is_set("btl", name) || mca_is_set("pml", "ob1"))
        return 0;
    return mca_put(mca, "OMPI_MCA_btl",
                   has_room ? with_memory[mpi] : "self,tcp");
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
    if (mpi == JS_MPICH)
        return 0;
    if (js_mca_set(mca, base[mpi], folder) < 0 ||
        (has_room && js_mca_set(mca, memory[mpi], folder) < 0))
        return -1;
    return set_btl(mca, mpi, has_room);
}

void js_mca_take_back(struct js_mca *mca)
{
    while (mca->count > 0)
        unsetenv(mca->variables[--mca->count]);
}

/* Asks the kernel, because /sys may show the interfaces of another
 * namespace. */
static bool is_bridge(int fd, const char *name)
{
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {.ifr_data = (char *)&driver};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return ioctl(fd, SIOCETHTOOL, &request) == 0 &&
           strcmp(driver.driver, "bridge") == 0;
}

static void mca_add_name(char *to, size_t size, const char *name)
{
    size_t len = strlen(to);
    snprintf(to + len, size - len, "%s%s", len > 0 ? "," : "", name);
}

void js_mca_bridges(char *to, size_t size)
{
    struct ifaddrs *all = NULL;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to[0] = '\0';
    if (fd >= 0 && getifaddrs(&all) == 0) {
        /* Open MPI uses an interface only if it has an address. */
        for (struct ifaddrs *one = all; one; one = one->ifa_next) {
            if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET &&
                is_bridge(fd, one->ifa_name))
                mca_add_name(to, size, one->ifa_name);
        }
        freeifaddrs(all);
    }
    js_fd_close(&fd);
}
