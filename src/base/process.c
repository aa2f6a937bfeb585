#include "base/process.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/userenv.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* PF_EXITING of the kernel, in the flags. It is set before the kernel closes
 * the files of a dying process, and long before its children get another
 * parent. */
enum { FLAG_EXITING = 4 };

bool js_process_stat(uint64_t pid, struct js_process_stat *ret)
{
    enum {
        PARENT = 4,
        GROUP = 5,
        FOREGROUND = 8,
        FLAGS = 9,
        THREADS = 20,
        STARTED = 22,
        FIELDS
    };
    char path[64], text[1024];
    int64_t fields[FIELDS] = {0};
    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
    ssize_t len = js_file_read_text(path, text, sizeof(text));
    /* The second field is the name, which may contain blanks and parentheses;
     * the third is a letter. */
    char *at = len > 0 ? strrchr(text, ')') : NULL;
    if (!at || at[1] != ' ' || at[2] == '\0')
        return false;
    char state = at[2];
    at += 3;
    for (int i = PARENT; i < FIELDS; i++) {
        const char *begin = at;
        fields[i] = strtoll(begin, &at, 10);
        if (at == begin)
            return false;
    }
    *ret = (struct js_process_stat){.state = state,
                                    .parent = (pid_t)fields[PARENT],
                                    .group = (pid_t)fields[GROUP],
                                    .foreground = (pid_t)fields[FOREGROUND],
                                    .flags = (uint64_t)fields[FLAGS],
                                    .threads = (uint64_t)fields[THREADS],
                                    .started = (uint64_t)fields[STARTED]};
    return true;
}

/* The start is counted from boot, suspended time included; hence
 * CLOCK_BOOTTIME. */
int64_t js_process_age_ns(uint64_t pid)
{
    struct timespec now;
    uint64_t started = js_process_start(pid);
    int64_t ticks = sysconf(_SC_CLK_TCK);
    if (started == 0 || ticks <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) < 0)
        return -1;
    int64_t now_ns = now.tv_sec * JS_NS_PER_S + now.tv_nsec;
    int64_t age_ns = now_ns - (int64_t)started * (JS_NS_PER_S / ticks);
    return age_ns > 0 ? age_ns : 0;
}

uint64_t js_process_next(DIR *proc)
{
    /* /proc has other entries as well, such as "self". */
    for (const struct dirent *entry; (entry = readdir(proc));) {
        if (isdigit((unsigned char)entry->d_name[0]))
            return strtoull(entry->d_name, NULL, 10);
    }
    return 0;
}

bool js_process_is_above(uint64_t pid)
{
    enum {
        DEPTH_MAX = 1000
    }; /* a limit, because processes may end and be replaced in the meantime */
    uint64_t below = (uint64_t)getpid();
    for (int i = 0; i < DEPTH_MAX && below > 0; i++) {
        if (below == pid)
            return true;
        below = js_process_parent(below);
    }
    return false;
}

bool js_process_name(uint64_t pid, char to[JS_PROCESS_NAME_SIZE])
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%" PRIu64 "/comm", pid);
    bool is_there = js_file_read_text(path, to, JS_PROCESS_NAME_SIZE) > 0;
    to[strcspn(to, "\n")] = '\0';
    return is_there;
}

bool js_process_variable(pid_t pid, const char *name, char *to, size_t size,
                         bool *ret_unknown)
{
    char path[64];
    struct js_buf environ_of = JS_BUF_INIT;
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    bool is_read = js_userenv_read(path, &environ_of) == 0;
    const char *value = is_read ? js_userenv_value(&environ_of, name) : NULL;
    /* A truncated value would be mistaken for another one. */
    bool is_found = value && strlen(value) < size;
    if (is_found)
        memcpy(to, value, strlen(value) + 1);
    if (ret_unknown)
        *ret_unknown = !is_read || (value && !is_found);
    js_buf_release(&environ_of);
    return is_found;
}

bool js_process_may_live(uint64_t pid, uint64_t started)
{
    struct js_process_stat stat;
    /* /proc may hide processes of other users (hidepid); kill() still knows
     * them. */
    if (!js_process_stat(pid, &stat))
        return pid > INT32_MAX || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
    /* Otherwise the pid now belongs to another process. */
    if (stat.started != started)
        return false;
    /* Its other threads may still be stuck in the kernel. */
    return (stat.state != 'Z' && stat.state != 'X') || stat.threads > 1;
}

bool js_process_is_ending(uint64_t pid, uint64_t started)
{
    struct js_process_stat stat;
    if (!js_process_may_live(pid, started))
        return true;
    return js_process_stat(pid, &stat) && (stat.flags & FLAG_EXITING);
}

/* 0 if it cannot be read. The first 32 bits of the boot id suffice: they are
 * random. */
uint64_t js_process_boot(void)
{
    char text[9];
    js_file_read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text));
    return strtoull(text, NULL, 16);
}

uint64_t js_process_space(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

struct js_process_pair js_process_pair_of(uint64_t runner)
{
    /* The result includes boot and namespace, because the same pids mean
     * different processes on another host or in another container. */
    uint64_t pid = (uint64_t)getpid();
    return (struct js_process_pair){.boot = js_process_boot(),
                                    .space = js_process_space(),
                                    .pid = pid,
                                    .started = js_process_start(pid),
                                    .runner = runner,
                                    .runner_started = js_process_start(runner)};
}

/* getrandom() may have nothing just after boot. In that case the clock and the
 * pid are unlikely enough to repeat. */
uint64_t js_process_new_id(void)
{
    uint64_t id = 0;
    if (getrandom(&id, sizeof(id), GRND_NONBLOCK) != (ssize_t)sizeof(id))
        id = (uint64_t)js_clock_unix_ns() * UINT64_C(0x9e3779b97f4a7c15) ^
             (uint64_t)getpid();
    return id ? id : 1;
}

enum { RUN_DIGITS = 16 };

void js_mark_format(const struct js_mark *mark, char text[JS_MARK_SIZE])
{
    if (mark->session)
        snprintf(text, JS_MARK_SIZE, "%016" PRIx64 "+%" PRIu64, mark->run,
                 mark->session);
    else
        snprintf(text, JS_MARK_SIZE, "%016" PRIx64, mark->run);
}

/* Reads a number of that many digits, or of any number of digits (0). Returns
 * NULL if there is none. The environment may come from anybody, so the forms
 * that strtoull(3) also accepts (blanks, signs, "0x") are refused. */
static const char *mark_number(const char *text, unsigned base, size_t digits,
                               uint64_t *ret)
{
    static const char figures[] = "0123456789abcdef";
    size_t len = 0;
    uint64_t number = 0;
    for (; text[len] && (digits == 0 || len < digits); len++) {
        const char *figure = strchr(figures, text[len]);
        unsigned value = figure ? (unsigned)(figure - figures) : base;
        if (value >= base || number > (UINT64_MAX - value) / base)
            break;
        number = number * base + value;
    }
    *ret = number;
    return len == 0 || (digits > 0 && len < digits) ? NULL : text + len;
}

/* Returns the position after the mark, or NULL if there is none. */
static const char *mark_take(const char *text, struct js_mark *ret)
{
    *ret = (struct js_mark){0};
    const char *at = mark_number(text, 16, RUN_DIGITS, &ret->run);
    if (at && *at == '+')
        at = mark_number(at + 1, 10, 0, &ret->session);
    return ret->run != 0 ? at : NULL;
}

bool js_mark_parse(const char *text, struct js_mark *ret)
{
    const char *at = mark_take(text, ret);
    return at && *at == '\0';
}

bool js_mark_next_outer(const char **within, struct js_outer_job *ret)
{
    uint64_t attempt = 0;
    const char *at = mark_take(*within + strspn(*within, " "), &ret->mark);
    at = at && *at == '/' ? mark_number(at + 1, 10, 0, &ret->id) : NULL;
    at = at && *at == '/' ? mark_number(at + 1, 10, 0, &attempt) : NULL;
    if (!at || (*at != '\0' && *at != ' ') || attempt > UINT32_MAX)
        return false;
    ret->attempt = (uint32_t)attempt;
    *within = at;
    return true;
}

bool js_mark_within(const char *within, uint64_t run, uint64_t *ret_id,
                    uint32_t *ret_attempt)
{
    struct js_outer_job outer;
    while (js_mark_next_outer(&within, &outer)) {
        if (outer.mark.run != run)
            continue;
        *ret_id = outer.id;
        *ret_attempt = outer.attempt;
        return true;
    }
    return false;
}
