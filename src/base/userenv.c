#include "base/userenv.h"

#include "base/file.h"
#include "base/launchenv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Variables that mpirun sets for its ranks, but that a user may set as well
 * (observed with Open MPI 4.1.4): options of its command line, and the folder
 * where it was started. */
static const char *const mpirun_names[] = {
    "HFI_NO_BACKTRACE",
    "IPATH_NO_BACKTRACE",
    "PSM2_DEVICES",
    "OMPI_MCA_rmaps_base_oversubscribe",
    "OMPI_MCA_hwloc_base_binding_policy",
    "PWD",
    NULL,
};

const char *js_userenv_value(const struct js_buf *userenv, const char *name)
{
    const char *value = NULL;
    const char *end = userenv->data + userenv->len;
    for (const char *at = userenv->data; !value && at < end;
         at += strlen(at) + 1)
        value = js_userenv_match(at, name);
    return value;
}

int js_userenv_read(const char *path, struct js_buf *ret)
{
    if (js_file_read_path(path, ret) < 0)
        return -1;
    /* A reader would run past a last string without a NUL. */
    return ret->len == 0 || ret->data[ret->len - 1] == '\0'
               ? 0
               : js_buf_append(ret, "", 1);
}

int js_userenv_write(const char *path, char *const *environ)
{
    struct js_buf text = JS_BUF_INIT;
    /* An environment may contain secrets, and the folder may be /tmp. */
    int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = fd < 0 ? -1 : 0;
    for (; rc == 0 && *environ; environ++)
        rc = js_buf_append(&text, *environ, strlen(*environ) + 1);
    if (rc == 0)
        rc = js_file_write(fd, text.data, text.len);
    js_fd_close(&fd);
    js_buf_release(&text);
    return rc;
}

/* ---------------------------------------------------------------- a rank */

int js_userenv_of_rank(struct js_buf *ret)
{
    char path[64];
    struct js_buf of_mpirun = JS_BUF_INIT;
    int rc = 0;
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)getppid());
    bool is_known = js_launchenv_is_launcher(getppid()) &&
                    js_userenv_read(path, &of_mpirun) == 0;
    /* The values that mpirun itself had are the user's. */
    const char *const *name = mpirun_names;
    for (; is_known && rc == 0 && *name; name++) {
        const char *value = js_userenv_value(&of_mpirun, *name);
        if (value)
            rc = js_buf_printf(ret, "%s=%s%c", *name, value, '\0');
    }
    for (char **p = environ; rc == 0 && *p; p++) {
        /* Without mpirun's own environment, a rank cannot know which of these
         * are the user's. In that case they stay. */
        if (js_launchenv_owns(*p) ||
            (is_known ? js_launchenv_is_listed(mpirun_names, *p)
                      : js_launchenv_is_of_step(*p)))
            continue;
        rc = js_buf_append(ret, *p, strlen(*p) + 1);
    }
    js_buf_release(&of_mpirun);
    return rc;
}

/* ---------------------------------------------------------------- use */

const char **js_userenv_list(const struct js_buf *userenv)
{
    size_t count = 0;
    for (size_t i = 0; i < userenv->len; i++)
        count += userenv->data[i] == '\0';
    /* The strings stay where they are, so one free() is enough. */
    const char **list = calloc(count + 1, sizeof(*list));
    const char *at = userenv->data;
    for (size_t i = 0; list && i < count; i++) {
        list[i] = at;
        at += strlen(at) + 1;
    }
    return list;
}

char *js_userenv_cwd(const struct js_buf *userenv)
{
    const char *pwd = js_userenv_value(userenv, "PWD");
    struct stat there, here;
    /* PWD is what the user typed, links included. Jobs should see the same
     * name. */
    if (pwd && pwd[0] == '/' && stat(pwd, &there) == 0 &&
        stat(".", &here) == 0 && js_stat_is_same(&there, &here))
        return strdup(pwd);
    return getcwd(NULL, 0);
}
