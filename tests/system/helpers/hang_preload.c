/* A file system that answers no call, for LD_PRELOAD. While the file $HANG_GATE
 * exists, each call on a path below $HANG_BELOW, or on a descriptor of such a
 * file, waits; first it writes a line "CALL PID" to $HANG_LOG. Like a hung
 * system call, it ends only with the process. The code here must not allocate
 * memory or make calls that are held: a child that shares its parent's memory
 * also runs it, on a small stack. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *below, *gate, *history;
static size_t below_len;

__attribute__((constructor)) static void hang_begin(void)
{
    below = getenv("HANG_BELOW");
    gate = getenv("HANG_GATE");
    history = getenv("HANG_LOG");
    below_len = below ? strlen(below) : 0;
}

static bool is_shut(void)
{
    return syscall(SYS_access, gate, F_OK) == 0;
}

static void say(const char *call)
{
    char line[64];
    int fd = (int)syscall(SYS_openat, AT_FDCWD, history,
                          O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    int len = snprintf(line, sizeof(line), "%s %d\n", call, (int)getpid());
    if (fd >= 0) {
        syscall(SYS_write, fd, line, (size_t)len);
        syscall(SYS_close, fd);
    }
}

static void hang(const char *call)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    say(call);
    while (is_shut())
        syscall(SYS_nanosleep, &moment, NULL);
}

static void hold_path(const char *call, const char *path)
{
    if (gate && below && path && strncmp(path, below, below_len) == 0 &&
        is_shut())
        hang(call);
}

static void hold_fd(const char *call, int fd)
{
    char name[32], path[256];
    if (!gate || !below || fd < 0 || !is_shut())
        return;
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    ssize_t len = syscall(SYS_readlink, name, path, sizeof(path) - 1);
    if (len < 0)
        return;
    path[len] = '\0';
    hold_path(call, path);
}

/* A function that waits here before it makes its system call. */
#define HELD(type, name, parameters, hold, ...)                                \
    type name parameters                                                       \
    {                                                                          \
        hold;                                                                  \
        return (type)syscall(__VA_ARGS__);                                     \
    }

#define PATH(name, parameters, ...)                                            \
    HELD(int, name, parameters, hold_path(#name, path), __VA_ARGS__)

#define FD(type, name, parameters, ...)                                        \
    HELD(type, name, parameters, hold_fd(#name, fd), __VA_ARGS__)

static int open_held(const char *call, int folder, const char *path, int flags,
                     va_list args)
{
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    if (folder != AT_FDCWD && path[0] != '/')
        hold_fd(call, folder);
    hold_path(call, path);
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int fd = open_held("openat", folder, path, flags, args);
    va_end(args);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    int fd = open_held("open", AT_FDCWD, path, flags, args);
    va_end(args);
    return fd;
}

PATH(stat, (const char *path, struct stat *st), SYS_newfstatat, AT_FDCWD, path,
     st, 0)
PATH(lstat, (const char *path, struct stat *st), SYS_newfstatat, AT_FDCWD, path,
     st, AT_SYMLINK_NOFOLLOW)
PATH(access, (const char *path, int mode), SYS_faccessat, AT_FDCWD, path, mode)
PATH(unlink, (const char *path), SYS_unlinkat, AT_FDCWD, path, 0)
PATH(mkdir, (const char *path, mode_t mode), SYS_mkdirat, AT_FDCWD, path, mode)
PATH(chdir, (const char *path), SYS_chdir, path)
PATH(rename, (const char *old, const char *path), SYS_renameat, AT_FDCWD, old,
     AT_FDCWD, path)
PATH(execve, (const char *path, char *const argv[], char *const envp[]),
     SYS_execve, path, argv, envp)
FD(int, fstat, (int fd, struct stat *st), SYS_fstat, fd, st)
FD(int, fsync, (int fd), SYS_fsync, fd)
FD(int, fdatasync, (int fd), SYS_fdatasync, fd)
FD(int, ftruncate, (int fd, off_t size), SYS_ftruncate, fd, size)
FD(int, fallocate, (int fd, int mode, off_t at, off_t len), SYS_fallocate, fd,
   mode, at, len)
FD(int, futimens, (int fd, const struct timespec times[2]), SYS_utimensat, fd,
   NULL, times, 0)
FD(ssize_t, read, (int fd, void *bytes, size_t len), SYS_read, fd, bytes, len)
FD(ssize_t, pread, (int fd, void *bytes, size_t len, off_t at), SYS_pread64, fd,
   bytes, len, at)
FD(ssize_t, write, (int fd, const void *bytes, size_t len), SYS_write, fd,
   bytes, len)
FD(int, close, (int fd), SYS_close, fd)
