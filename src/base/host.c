#include "base/host.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

bool js_host_is_same(const char *a, const char *b)
{
    size_t a_short = strcspn(a, "."), b_short = strcspn(b, ".");
    if (strcasecmp(a, b) == 0)
        return true;
    bool has_short = a[a_short] == '\0' || b[b_short] == '\0';
    return has_short && a_short == b_short && a_short > 0 &&
           strncasecmp(a, b, a_short) == 0;
}

bool js_host_is_name(const char *name)
{
    /* Addresses may contain ':', '[' and '%'; Open MPI uses '+' and '^' for its
     * own purposes. */
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-@:[]%+^";
    const char *at = strrchr(name, '@');
    return name[0] != '\0' && name[0] != '-' && (!at || at[1] != '-') &&
           name[strspn(name, allowed)] == '\0';
}
