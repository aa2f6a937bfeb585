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

/* The lock on the marker shows that a run is in progress; the kernel removes it
 * when the process ends. */
struct js_outdir {
    int fd; /* of the marker, locked */
    struct js_task task;
};

/* The list and journal that write there, escaped; "": there is none. */
struct owner {
    struct js_buf list, from, journal;
};

static void owner_release(struct owner *owner)
{
    js_buf_release(&owner->list);
    js_buf_release(&owner->from);
    js_buf_release(&owner->journal);
}

/* An unknown path is never the same as another. */
static bool is_same_text(const struct js_buf *a, const struct js_buf *b)
{
    return a->len > 0 && a->len == b->len &&
           memcmp(a->data, b->data, a->len) == 0;
}

/* ---------------------------------------------------------------- this run */

/* Returns the path from the root, for a file that does not exist yet (a
 * journal) by way of its folder. The caller owns it; NULL: it cannot be found
 * out. */
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

/* Returns `to` as seen from the folder; both are paths from the root. */
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

/* Several names are compared, because any of them may change: a project that is
 * moved with its folder keeps the path from one to the other. */
static int outdir_describe(const struct js_outdir_config *config,
                           struct owner *ret)
{
    bool is_file = strcmp(config->list, "-") != 0;
    char *folder = realpath(config->dir, NULL);
    char *list = is_file ? find_path(config->list) : NULL;
    char *journal = config->journal ? find_path(config->journal) : NULL;
    int rc =
        folder && (list || !is_file) && (journal || !config->journal) ? 0 : -1;
    if (rc == 0)
        rc = is_file ? js_buf_escape(&ret->list, list, strlen(list))
                     : js_buf_puts(&ret->list, stream_name);
    if (rc == 0 && is_file)
        rc = put_from(folder, list, &ret->from);
    if (rc == 0 && journal)
        rc = js_buf_escape(&ret->journal, journal, strlen(journal));
    free(journal);
    free(list);
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

/* Less is known about a marker that cannot be read, or that a later version has
 * written; then the folder may count as unused. */
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

/* Opens the marker, for writing if it is this user's own. Returns -1 if there
 * is none that could be used.
 */
static int open_marker(const char *dir, bool *ret_own)
{
    struct stat st;
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    /* The folder may be another user's, who could put a link in the place of
     * the marker: it is never followed, and only our own file is written. */
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

/* A folder whose output was removed is free for the next list. */
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

/* Reports that the folder belongs to another list. Returns 0 if it does not. */
static int judge_owner(const struct js_outdir_config *config,
                       const struct owner *self, const struct owner *other,
                       bool is_locked, struct js_err *err)
{
    /* Two streams are two lists, even if they have the same name. */
    bool is_stream = strcmp(config->list, "-") == 0;
    bool is_own = is_same_text(&self->journal, &other->journal) ||
                  is_same_text(&self->from, &other->from) ||
                  (is_same_text(&self->list, &other->list) && !is_stream);
    if (other->list.len == 0 || (is_own && is_locked) ||
        (is_locked && !has_output(config->dir)))
        return 0;
    if (is_own && config->journal)
        return 0; /* the journal is locked too, and its message says more */
    const char *what =
        is_locked ? "holds the output of" : "is in use by a run of";
    if (!config->journal) {
        js_log(&config->log,
               "warning: %s %s %.*s: files with the same numbers will be "
               "replaced",
               config->dir, what, (int)other->list.len, other->list.data);
        return 0;
    }
    return js_err_set(err,
                      "%s %s %.*s: name another folder with --output, or "
                      "empty this one",
                      config->dir, what, (int)other->list.len,
                      other->list.data);
}

int js_outdir_take(const struct js_outdir_config *config,
                   struct js_outdir **ret, struct js_err *err)
{
    struct owner self = {JS_BUF_INIT, JS_BUF_INIT, JS_BUF_INIT};
    struct owner other = {JS_BUF_INIT, JS_BUF_INIT, JS_BUF_INIT};
    struct js_buf text = JS_BUF_INIT;
    bool is_own;
    int rc = 0;
    *ret = NULL;
    int fd = open_marker(config->dir, &is_own);
    if (fd < 0)
        return 0;
    if (outdir_describe(config, &self) < 0)
        goto end;
    bool is_locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    read_owner(fd, &other);
    rc = judge_owner(config, &self, &other, is_locked, err);
    if (rc < 0)
        goto end;
    /* If the marker cannot be written, nothing else can be written there
     * either. */
    if (is_own && is_locked &&
        outdir_put_line(&text, "list", &self.list) == 0 &&
        outdir_put_line(&text, "from", &self.from) == 0 &&
        outdir_put_line(&text, "journal", &self.journal) == 0 &&
        ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0)
        js_file_write(fd, text.data, text.len);
    *ret = malloc(sizeof(**ret));
    if (*ret)
        (*ret)->fd = fd;
    else
        rc = js_err_errno(err, "%s", config->dir);
end:
    js_buf_release(&text);
    owner_release(&other);
    owner_release(&self);
    if (!*ret)
        js_fd_close(&fd);
    return rc;
}

static bool outdir_leave_work(void *arg)
{
    struct js_outdir *outdir = arg;
    js_fd_close(&outdir->fd);
    return false;
}

void js_outdir_leave(struct js_outdir *outdir, struct js_worker *worker)
{
    if (!outdir)
        return;
    outdir->task = (struct js_task){
        .work = outdir_leave_work, .arg = outdir, .name = marker_name};
    js_worker_give(worker, &outdir->task);
}

void js_outdir_close(struct js_outdir *outdir)
{
    if (!outdir)
        return;
    js_fd_close(&outdir->fd);
    free(outdir);
}
