#include "list/outcome.h"

#include "base/err.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

/* For each step: what failed and, unless hints[] has a more specific rule, what
 * to do. */
static const struct {
    const char *what;
    const char *hint; /* or NULL */
} steps[] = {
    [JS_STEP_FORK] = {"no process could be created for it", "run fewer slots"},
    [JS_STEP_OUTPUT] = {"its output files cannot be opened",
                        "name another folder with --tmpdir or --output"},
    [JS_STEP_STDIN] = {"its standard input cannot be opened",
                       "it must exist on this host and be readable"},
    [JS_STEP_GROUP] = {"it cannot be given a process group", NULL},
    [JS_STEP_BIND] = {"it cannot be bound to its cores",
                      "use --bind none, or start the run again if the CPUs "
                      "of this host have changed"},
    [JS_STEP_CHDIR] = {"its working directory cannot be entered",
                       "it must be reachable on every host: correct dir=, or "
                       "start jobsched in a folder that all hosts share"},
    [JS_STEP_EXEC] = {"it cannot be executed",
                      "/bin/sh must work on this host"},
    [JS_STEP_COLLECT] = {"it ran, but its output could not be collected",
                         "run fewer slots"},
    [JS_STEP_RUNNER] = {"each time that it ran, its slave or the process that "
                        "starts jobs there was lost",
                        "it must not kill or stop its parent process, or all "
                        "processes of its user; the system log of the host "
                        "says whether the host ran out of memory"},
    [JS_STEP_LIMIT] = {"its memory cannot be limited",
                       "leave out --strict-mem, or request no more than "
                       "`ulimit -d` allows"},
    [JS_STEP_HOSTFILE] = {"the file that names its hosts cannot be written",
                          "name another folder with --tmpdir"},
    [JS_STEP_STDERR] = {"the file for its standard error cannot be opened",
                        "its folder must exist on every host, and you must be "
                        "allowed to write there"},
};
_Static_assert(sizeof(steps) / sizeof(steps[0]) == JS_STEP_COUNT,
               "a sentence for every step");

/* The first rule that fits counts. */
static const struct {
    enum js_step step; /* JS_STEP_NONE: any step */
    int error;
    const char *hint;
} hints[] = {
    {JS_STEP_FORK, EAGAIN,
     "too many processes: raise `ulimit -u`, or run fewer slots"},
    {JS_STEP_OUTPUT, ENOSPC,
     "free some space in the folder of --tmpdir (or --output), or name another "
     "folder"},
    {JS_STEP_OUTPUT, EDQUOT,
     "free some space in the folder of --tmpdir (or --output), or name another "
     "folder"},
    {JS_STEP_OUTPUT, EACCES,
     "name a folder that you may write to with --output or --tmpdir"},
    {JS_STEP_OUTPUT, EPERM,
     "name a folder that you may write to with --output or --tmpdir"},
    {JS_STEP_OUTPUT, EROFS,
     "name a folder that you may write to with --output or --tmpdir"},
    {JS_STEP_OUTPUT, ENOENT,
     "the folder of stdout=, --output or --tmpdir must exist on every host"},
    {JS_STEP_OUTPUT, ENOTDIR,
     "the path given with --output or --tmpdir must be a folder on every host"},
    {JS_STEP_OUTPUT, EISDIR,
     "the folder of --output contains a folder with the name of an output "
     "file: remove it"},
    {JS_STEP_OUTPUT, ELOOP,
     "the folder of --output contains a symbolic link with the name of an "
     "output file: remove it"},
    {JS_STEP_CHDIR, EACCES,
     "you must be allowed to enter it on every host: start jobsched in "
     "another folder"},
    {JS_STEP_EXEC, E2BIG,
     "the command and the environment are longer than the system accepts: "
     "put the command in a script"},
    {JS_STEP_EXEC, ENOENT, "/bin/sh is missing on this host"},
    {JS_STEP_EXEC, EACCES, "/bin/sh may not be executed on this host"},
    {JS_STEP_COLLECT, EHOSTDOWN,
     "its slave was lost, and the output with it: --output DIR, in a folder "
     "that all hosts share, keeps the output of jobs"},
    {JS_STEP_COLLECT, ENOSPC,
     "free some space in the folder of --tmpdir (or --output), or name another "
     "folder"},
    {JS_STEP_NONE, EMFILE, "raise `ulimit -n`, or run fewer slots"},
    {JS_STEP_NONE, ENFILE,
     "the host has too many files open: run fewer slots, or have its limit "
     "(sysctl fs.file-max) raised"},
    {JS_STEP_NONE, ENOMEM,
     "the host is short of memory: run fewer slots, or request more memory"},
};

/* sigabbrev_np(3) knows these too, but only since glibc 2.32. */
static const char *const signal_names[] = {
    [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",       [SIGQUIT] = "SIGQUIT",
    [SIGILL] = "SIGILL",       [SIGTRAP] = "SIGTRAP",     [SIGABRT] = "SIGABRT",
    [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",       [SIGKILL] = "SIGKILL",
    [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV",     [SIGUSR2] = "SIGUSR2",
    [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM",     [SIGTERM] = "SIGTERM",
    [SIGSTKFLT] = "SIGSTKFLT", [SIGCHLD] = "SIGCHLD",     [SIGCONT] = "SIGCONT",
    [SIGSTOP] = "SIGSTOP",     [SIGTSTP] = "SIGTSTP",     [SIGTTIN] = "SIGTTIN",
    [SIGTTOU] = "SIGTTOU",     [SIGURG] = "SIGURG",       [SIGXCPU] = "SIGXCPU",
    [SIGXFSZ] = "SIGXFSZ",     [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF",
    [SIGWINCH] = "SIGWINCH",   [SIGPOLL] = "SIGPOLL",     [SIGPWR] = "SIGPWR",
    [SIGSYS] = "SIGSYS",
};

enum { OUTCOME_BYTES = 7 * sizeof(uint64_t) + 6 * sizeof(uint32_t) };

int js_outcome_pack(struct js_buf *buf, const struct js_outcome *outcome)
{
    /* This is written out rather than done with a table, because each job sends
     * an outcome (base/pack.h). */
    char *at = js_buf_extend(buf, OUTCOME_BYTES);
    if (!at)
        return -1;
    at = js_put_i64(at, outcome->start_unix_ns);
    at = js_put_i64(at, outcome->run_ns);
    at = js_put_i64(at, outcome->user_cpu_ns);
    at = js_put_i64(at, outcome->system_cpu_ns);
    at = js_put_u64(at, outcome->max_rss_bytes);
    at = js_put_u64(at, outcome->out_bytes);
    at = js_put_u64(at, outcome->err_bytes);
    at = js_put_u32(at, outcome->exit_code);
    at = js_put_u32(at, outcome->signal);
    at = js_put_u32(at, outcome->leftovers);
    at = js_put_u32(at, (uint32_t)outcome->step);
    at = js_put_u32(at, (uint32_t)outcome->step_errno);
    js_put_u32(at, (uint32_t)outcome->cause);
    return 0;
}

void js_outcome_unpack(struct js_cursor *cursor, struct js_outcome *ret)
{
    const char *at = js_take(cursor, OUTCOME_BYTES);
    if (!at) {
        memset(ret, 0, sizeof(*ret));
        return;
    }
    ret->start_unix_ns = js_get_i64(&at);
    ret->run_ns = js_get_i64(&at);
    ret->user_cpu_ns = js_get_i64(&at);
    ret->system_cpu_ns = js_get_i64(&at);
    ret->max_rss_bytes = js_get_u64(&at);
    ret->out_bytes = js_get_u64(&at);
    ret->err_bytes = js_get_u64(&at);
    ret->exit_code = js_get_u32(&at);
    ret->signal = js_get_u32(&at);
    ret->leftovers = js_get_u32(&at);
    uint32_t step = js_get_u32(&at);
    ret->step_errno = (int32_t)js_get_u32(&at);
    uint32_t cause = js_get_u32(&at);
    ret->step = (enum js_step)step;
    ret->cause = (enum js_stop_reason)cause;
    /* A message may come from another build of the program. */
    if (step >= JS_STEP_COUNT || cause >= JS_STOP_REASON_COUNT ||
        ret->run_ns < 0 || ret->exit_code > 255)
        cursor->bad = true;
}

const char *js_outcome_hint(enum js_step step, int error)
{
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        bool fits = hints[i].step == step || hints[i].step == JS_STEP_NONE;
        if (fits && hints[i].error == error)
            return hints[i].hint;
    }
    return steps[step].hint;
}

static int describe_step(const struct js_outcome *outcome, const char *path,
                         struct js_buf *buf)
{
    enum js_step step = outcome->step;
    int error = outcome->step_errno;
    /* The number comes from a message, and another program's numbers may
     * differ. */
    if ((unsigned)step >= JS_STEP_COUNT)
        return js_buf_printf(buf, "could not be started: step %u failed: %s",
                             (unsigned)step, js_errno_text(error));
    const char *hint = js_outcome_hint(step, error);
    const char *how = step == JS_STEP_COLLECT ? "failed: "
                      : step == JS_STEP_RUNNER && error == 0
                          ? ""
                          : "could not be started: ";
    if (js_buf_printf(buf, "%s%s", how, steps[step].what) < 0)
        return -1;
    /* The path comes from the user, so it is escaped. */
    if (path && (js_buf_puts(buf, ": ") < 0 ||
                 js_buf_escape(buf, path, strlen(path)) < 0))
        return -1;
    return js_buf_printf(buf, "%s%s%s%s", error ? ": " : "",
                         error ? js_errno_text(error) : "", hint ? ": " : "",
                         hint ? hint : "");
}

int js_outcome_describe(const struct js_outcome *outcome, const char *path,
                        struct js_buf *buf)
{
    const size_t known = sizeof(signal_names) / sizeof(signal_names[0]);
    const double seconds = (double)outcome->run_ns / 1e9;
    uint32_t number = outcome->signal;
    if (outcome->step != JS_STEP_NONE)
        return describe_step(outcome, path, buf);
    /* The reason comes before the signal: a job that was ended because of its
     * timeout was not "killed by SIGTERM" to its user. */
    switch (outcome->cause) {
    case JS_STOP_REASON_NONE:
        break;
    case JS_STOP_REASON_TIMEOUT:
        return js_buf_printf(buf, "timed out after %.1f s", seconds);
    case JS_STOP_REASON_STOPPED:
        return js_buf_printf(buf, "stopped after %.1f s", seconds);
    case JS_STOP_REASON_MEMORY:
        return js_buf_puts(buf, "killed for lack of memory: request more with "
                                "mem=, or run fewer jobs per node");
    default:
        return js_buf_printf(buf, "ended by cause %u",
                             (unsigned)outcome->cause);
    }
    if (!number)
        return js_buf_printf(buf, "exit %u", outcome->exit_code);
    /* The number is printed as well, because other programs show only the
     * number. */
    if (number < known && signal_names[number])
        return js_buf_printf(buf, "killed by %s (signal %u)",
                             signal_names[number], number);
    if (number >= (uint32_t)SIGRTMIN && number <= (uint32_t)SIGRTMAX)
        return js_buf_printf(buf, "killed by SIGRTMIN+%u (signal %u)",
                             number - (uint32_t)SIGRTMIN, number);
    return js_buf_printf(buf, "killed by signal %u", number);
}
