#include "launch/limits.h"

#include "base/launchenv.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Measured with Open MPI 4.1.4: mpirun has 28 open files, and 3 more for each
 * rank. A rank and mpirun have four threads each. Each slave is accompanied by
 * the process that starts its jobs, and by a job. */
enum {
    FILES = 64,
    FILES_OF_RANK = 4,
    PROCESSES = 8,
    PROCESSES_OF_RANK = 6,
};

/* The memory that ranks share is in files of 4 MiB each, with Open MPI 5 of 16
 * MiB. If the file size limit is lower, mpirun and the ranks wait for each
 * other for ever, or do not start. */
static const uint64_t file_bytes = UINT64_C(5) << 20;
static const uint64_t file_bytes_5 = UINT64_C(17) << 20;

static uint64_t ranks_of(uint64_t granted, uint64_t fixed, uint64_t of_rank)
{
    return granted <= fixed ? 0 : (granted - fixed) / of_rank;
}

uint64_t js_limits_ranks_by_files(uint64_t files)
{
    return ranks_of(files, FILES, FILES_OF_RANK);
}

uint64_t js_limits_ranks_by_processes(uint64_t processes)
{
    return ranks_of(processes, PROCESSES, PROCESSES_OF_RANK);
}

static int limits_refuse(const char *what, const char *option, uint64_t limit,
                         uint64_t ranks, uint64_t possible, struct js_err *err)
{
    if (possible < 2)
        return js_err_set(err,
                          "the limit of %s is %" PRIu64 " here (%s), which is "
                          "too few for any slave: raise it",
                          what, limit, option);
    return js_err_set(err,
                      "the limit of %s is %" PRIu64 " here (%s), which is too "
                      "few for %" PRIu64 " slaves: raise it, or start %" PRIu64
                      " at most (-n %" PRIu64 ")",
                      what, limit, option, ranks - 1, possible - 1,
                      possible - 1);
}

static int raise_files(uint64_t ranks, struct js_err *err)
{
    char text[32];
    struct rlimit limit;
    uint64_t needed = FILES + FILES_OF_RANK * ranks;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return 0;
    if (limit.rlim_max < needed)
        return limits_refuse("open files", "ulimit -n", limit.rlim_max, ranks,
                             js_limits_ranks_by_files(limit.rlim_max), err);
    snprintf(text, sizeof(text), "%" PRIu64, (uint64_t)limit.rlim_cur);
    limit.rlim_cur = needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 ||
        setenv(JS_LAUNCHENV_FILES_NAME, text, 1) < 0)
        return js_err_errno(err, "the limit of open files");
    return 0;
}

static uint64_t threads_of(const char *pid)
{
    char path[64];
    struct stat st;
    uint64_t count = 0;
    snprintf(path, sizeof(path), "/proc/%.16s/task", pid);
    if (stat(path, &st) < 0 || st.st_uid != geteuid())
        return 0;
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += isdigit((unsigned char)entry->d_name[0]) != 0;
    if (dir)
        closedir(dir);
    return count;
}

static uint64_t count_own(void)
{
    uint64_t count = 0;
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (isdigit((unsigned char)entry->d_name[0]))
            count += threads_of(entry->d_name);
    }
    if (dir)
        closedir(dir);
    return count;
}

/* The limit counts all processes of the user on this host; root's are not
 * limited. */
static int check_processes(uint64_t ranks, struct js_err *err)
{
    struct rlimit limit;
    if (geteuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) < 0 ||
        limit.rlim_cur == RLIM_INFINITY)
        return 0;
    uint64_t own = count_own();
    uint64_t granted = limit.rlim_cur > own ? limit.rlim_cur - own : 0;
    uint64_t possible = js_limits_ranks_by_processes(granted);
    if (possible >= ranks)
        return 0;
    return limits_refuse("processes", "ulimit -u", limit.rlim_cur, ranks,
                         possible, err);
}

static int check_file_size(enum js_mpi mpi, struct js_err *err)
{
    struct rlimit limit;
    uint64_t least = mpi == JS_OPEN_MPI_5 ? file_bytes_5 : file_bytes;
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur >= least)
        return 0;
    return js_err_set(err,
                      "the limit of the size of files is %" PRIu64
                      " KiB here (ulimit -f), which is too small for MPI: "
                      "raise it to %" PRIu64 " or more",
                      (uint64_t)limit.rlim_cur / 1024, least / 1024);
}

int js_limits_raise(enum js_mpi mpi, uint64_t ranks, struct js_err *err)
{
    /* This comes first, because ranks on other hosts need it as well. */
    if (raise_files(ranks, err) < 0 || check_processes(ranks, err) < 0)
        return -1;
    return check_file_size(mpi, err);
}
