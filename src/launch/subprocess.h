/*
 * subprocess - the processes of the launcher on this host: checks how many the
 * limits allow, starts processes that must not outlive this one, and ends those
 * that an mpirun has left behind.
 */
#ifndef JS_LAUNCH_SUBPROCESS_H
#define JS_LAUNCH_SUBPROCESS_H

#include "base/argv.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mca.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ------------------------------------------------------------ limits */

/*
 * Allows this process, and those that it starts, to open as many files as this
 * number of ranks needs. The limit that the user has set for jobs is kept in
 * the environment (base/launchenv.h). Returns 0, or -1 with *err if a limit
 * (ulimit) does not allow that many ranks; *err says how many slaves it allows.
 */
int js_limits_raise(enum js_mpi mpi, uint64_t ranks, struct js_err *err);

enum js_limits_kind { JS_LIMITS_FILES, JS_LIMITS_PROCESSES };

/* Returns how many ranks can run with this many open files, or with this many
 * processes and threads. */
uint64_t js_limits_ranks(enum js_limits_kind kind, uint64_t granted);

/* ------------------------------------------------------------ starting */

enum {
    JS_SUBPROCESS_DEAF = 1, /* its standard input is empty */
    JS_SUBPROCESS_MUTE = 2, /* its output, unless it is redirected, and its
                               messages are discarded */
};

/*
 * Starts argv->items[0], which is looked up in PATH, in its own process group,
 * so that a terminal's ^C reaches only this process. All signals have their
 * default actions. The child gets a SIGTERM when this process dies. `in` and
 * `out` become its standard input and output (-1: as `flags` say). The
 * descriptor `kept` stays open in it (-1: none). Returns the child's pid, or -1
 * with errno. If the program cannot be started, the child reports this and
 * exits with 127.
 */
pid_t js_subprocess_start(const struct js_argv *argv, int flags, int in,
                          int out, int kept);

/*
 * Runs the program to its end, with an empty standard input, and appends its
 * standard output to *ret. A program that has not ended after half a minute is
 * killed. Returns 0 if it ended with status 0, otherwise -1.
 */
int js_subprocess_run(const struct js_argv *argv, int flags,
                      struct js_buf *ret);

/* ------------------------------------------------------------ what is left */

/*
 * The launcher adopts the processes that an mpirun leaves behind
 * (js_procs_adopt() in node/procs.h): ranks, the processes that start their
 * jobs, an ssh that hangs. These processes are recognised by the variable that
 * names the launcher's folder, which no job has. A session leader does not
 * count unless it runs this program: ssh leaves one behind for further
 * connections. The descendants of ranks are the ranks' own responsibility.
 */

/* Calls `visit` (unless it is NULL) for each of these processes that exists
 * now; `folder` is the launcher's folder. Returns their number, including
 * children that are about to end and may leave others. */
size_t js_descendants_each(const char *folder,
                           void (*visit)(pid_t pid, void *arg), void *arg);

/* True if rank 0 is among the processes of this host, with any parent. */
bool js_descendants_has_rank_0(const char *folder);

/* Kills these processes until none is left, for a few seconds at most. Must be
 * called only while no other child is being waited for. */
void js_descendants_kill(const char *folder);

#endif
