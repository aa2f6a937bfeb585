#include "record/outdir.h"

#include "base/buf.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char marker_name[] = ".jobsched";
static const char stream_name[] = "standard input";

enum { MARKER_MAX = 64 * 1024 };

struct js_outdir {
    int fd; /* of the marker, locked */
};

/* Who writes there. Escaped; "": there is none. */
struct owner {
    struct js_buf list, from, journal;
};

static void owner_release(struct owner *owner)
{
    js_buf_release(&owner->list);
    js_buf_release(&owner->from);
    js_buf_release(&owner->journal);
}

static bool is_same_text(const struct js_buf *a, const struct js_buf *b)
{
    return a->len > 0 && a->len == b->len &&
           memcmp(a->data, b->data, a->len) == 0;
}

/* Two streams are two lists, whatever they are called. */
static bool outdir_is_stream(const struct owner *owner)
{
    return owner->list.len == strlen(stream_name) &&
           memcmp(owner->list.data, stream_name, owner->list.len) == 0;
}

static bool is_same_owner(const struct owner *a, const struct owner *b)
{
    return is_same_text(&a->journal, &b->journal) ||
           is_same_text(&a->from, &b->from) ||
           (is_same_text(&a->list, &b->list) && !outdir_is_stream(a));
}

/* ---------------------------------------------------------------- this run */

/* From the root; what is not there yet (a journal) by its folder. Owned by the
 * caller; NULL. */
static char *find_path(const char *path)
{
    struct js_buf whole = JS_BUF_INIT;
    char *copy = NULL, *real = realpath(path, NULL);
    const char *slash = strrchr(path, '/');
    if (real || errno != ENOENT)
        return real;
    char *folder =
        slash ? strndup(path, (size_t)(slash + 1 - path)) : strdup(".");
    real = folder ? realpath(folder, NULL) : NULL;
    if (real &&
        js_buf_printf(&whole, "%s/%s", real, slash ? slash + 1 : path) == 0 &&
        js_buf_string(&whole))
        copy = strdup(whole.data);
    js_buf_release(&whole);
    free(folder);
    free(real);
    return copy;
}

/* `to`, as it is seen from the folder; both from the root. */
static int put_from(const char *folder, const char *to, struct js_buf *ret)
{
    size_t same = 0, at = 0;
    for (; folder[at] && folder[at] == to[at]; at++) {
        if (to[at] == '/')
            same = at + 1;
    }
    if (!folder[at] && to[at] == '/')
        same = at + 1;
    else
        for (at = same; folder[at]; at += folder[at] == '/') {
            if (js_buf_puts(ret, "../") < 0)
                return -1;
            at += strcspn(folder + at, "/");
        }
    return js_buf_escape(ret, to + same, strlen(to + same));
}

static int put_path(const char *path, const char *folder, struct js_buf *ret,
                    struct js_buf *ret_from)
{
    char *whole = find_path(path);
    if (!whole)
        return -1;
    int rc = js_buf_escape(ret, whole, strlen(whole));
    if (rc == 0 && ret_from)
        rc = put_from(folder, whole, ret_from);
    free(whole);
    return rc;
}

static int describe_self(const struct js_outdir_config *config,
                         struct owner *ret)
{
    char *folder = realpath(config->dir, NULL);
    bool is_file = strcmp(config->list, "-") != 0;
    int rc = folder ? 0 : -1;
    if (rc == 0)
        rc = is_file ? put_path(config->list, folder, &ret->list, &ret->from)
                     : js_buf_puts(&ret->list, stream_name);
    if (rc == 0 && config->journal)
        rc = put_path(config->journal, folder, &ret->journal, NULL);
    free(folder);
    return rc;
}

/* ---------------------------------------------------------------- marker */

static void outdir_take_line(const char *line, size_t len, const char *word,
                             struct js_buf *ret)
{
    size_t begin = strlen(word);
    if (len <= begin || memcmp(line, word, begin) != 0)
        return;
    ret->len = 0;
    js_buf_append(ret, line + begin, len - begin);
}

static void read_owner(int fd, struct owner *ret)
{
    char text[MARKER_MAX];
    ssize_t len = js_file_pread(fd, text, sizeof(text), 0);
    for (ssize_t at = 0; at < len;) {
        const char *line = text + at;
        const char *newline = memchr(line, '\n', (size_t)(len - at));
        if (!newline)
            return; /* torn */
        size_t line_len = (size_t)(newline - line);
        outdir_take_line(line, line_len, "list ", &ret->list);
        outdir_take_line(line, line_len, "from ", &ret->from);
        outdir_take_line(line, line_len, "journal ", &ret->journal);
        at += (ssize_t)line_len + 1;
    }
}

static int outdir_put_line(struct js_buf *text, const char *word,
                           const struct js_buf *value)
{
    return value->len == 0 ? 0
                           : js_buf_printf(text, "%s %.*s\n", word,
                                           (int)value->len, value->data);
}

/* If it cannot be written, nothing else will be there for long either. */
static void write_owner(int fd, const struct owner *owner)
{
    struct js_buf text = JS_BUF_INIT;
    if (outdir_put_line(&text, "list", &owner->list) == 0 &&
        outdir_put_line(&text, "from", &owner->from) == 0 &&
        outdir_put_line(&text, "journal", &owner->journal) == 0 &&
        ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0)
        js_file_write(fd, text.data, text.len);
    js_buf_release(&text);
}

/* For writing if it is this user's own. -1: there is none that could be used.
 */
static int open_marker(const char *dir, bool *ret_own)
{
    struct stat st;
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int folder = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int fd = openat(folder, marker_name, flags | O_RDWR | O_CREAT, 0666);
    *ret_own = fd >= 0;
    if (fd < 0)
        fd = openat(folder, marker_name, flags | O_RDONLY);
    js_fd_close(&folder);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)))
        js_fd_close(&fd);
    else if (fd >= 0)
        *ret_own &= st.st_uid == geteuid() && st.st_nlink == 1;
    return fd;
}

/* ---------------------------------------------------------------- its folder
 */

static bool has_output(const char *dir)
{
    DIR *folder = opendir(dir);
    bool is_there = false;
    if (!folder)
        return false;
    for (struct dirent *entry; !is_there && (entry = readdir(folder));)
        is_there = js_file_is_output_name(entry->d_name);
    closedir(folder);
    return is_there;
}

/* What is to be said where the folder is another's; 0 if it is not. */
static int judge_owner(const struct js_outdir_config *config,
                       const struct owner *self, const struct owner *other,
                       bool is_locked, struct js_err *err)
{
    bool is_own = is_same_owner(self, other);
    if (other->list.len == 0 || (is_own && is_locked) ||
        (is_locked && !has_output(config->dir)))
        return 0;
    if (is_own && config->journal)
        return 0; /* who has the journal is told elsewhere */
    const char *what =
        is_locked ? "holds the output of" : "is in use by a run of";
    if (!config->journal) {
        js_log(&config->log,
               "warning: %s %s %.*s: files of the same number are replaced",
               config->dir, what, (int)other->list.len, other->list.data);
        return 0;
    }
    return js_err_set(err,
                      "%s %s %.*s: name another folder with --output, or "
                      "empty this one",
                      config->dir, what, (int)other->list.len,
                      other->list.data);
}

/* Takes fd, unless it fails. */
static int take_marker(const struct js_outdir_config *config, int fd,
                       bool is_own, const struct owner *self,
                       struct js_outdir **ret, struct js_err *err)
{
    struct owner other = {JS_BUF_INIT, JS_BUF_INIT, JS_BUF_INIT};
    bool is_locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    read_owner(fd, &other);
    int rc = judge_owner(config, self, &other, is_locked, err);
    owner_release(&other);
    if (rc < 0)
        return -1;
    if (is_own && is_locked)
        write_owner(fd, self);
    *ret = malloc(sizeof(**ret));
    if (*ret)
        (*ret)->fd = fd;
    return *ret ? 0 : js_err_errno(err, "%s", config->dir);
}

int js_outdir_take(const struct js_outdir_config *config,
                   struct js_outdir **ret, struct js_err *err)
{
    struct owner self = {JS_BUF_INIT, JS_BUF_INIT, JS_BUF_INIT};
    bool is_own;
    int rc = 0;
    *ret = NULL;
    int fd = open_marker(config->dir, &is_own);
    if (fd < 0)
        return 0;
    if (describe_self(config, &self) == 0)
        rc = take_marker(config, fd, is_own, &self, ret, err);
    owner_release(&self);
    if (!*ret)
        js_fd_close(&fd);
    return rc;
}

void js_outdir_close(struct js_outdir *outdir)
{
    if (!outdir)
        return;
    js_fd_close(&outdir->fd);
    free(outdir);
}
