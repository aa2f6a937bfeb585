#include "base/bridges.h"

#include "base/fdio.h"

#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

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

static void bridges_add_name(char *to, size_t size, const char *name)
{
    size_t len = strlen(to);
    snprintf(to + len, size - len, "%s%s", len > 0 ? "," : "", name);
}

void js_bridges(char *to, size_t size)
{
    struct ifaddrs *all = NULL;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to[0] = '\0';
    if (fd >= 0 && getifaddrs(&all) == 0) {
        /* Open MPI uses an interface only if it has an address. */
        for (struct ifaddrs *one = all; one; one = one->ifa_next) {
            if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET &&
                is_bridge(fd, one->ifa_name))
                bridges_add_name(to, size, one->ifa_name);
        }
        freeifaddrs(all);
    }
    js_fd_close(&fd);
}
