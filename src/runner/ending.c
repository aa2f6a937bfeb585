#include "runner/ending.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* The time between two SIGKILLs, and the time until a process that survives
 * them is given up. */
static const int64_t kill_again_ns = 50 * JS_NS_PER_MS;
static const int64_t unkillable_ns = 10 * JS_NS_PER_S;
/* This is shorter than a normal grace period, because the slot waits. */
static const int64_t leftover_grace_most_ns = 500 * JS_NS_PER_MS;
/* How long to wait until children whose job is unknown are checked again. */
static const int64_t look_again_ns = 20 * JS_NS_PER_MS;

/* A child that was not left by the job whose end caused the check, but by
 * another: one that was running when the child was first seen, or one that had
 * ended. */
struct stranger {
    pid_t pid;
    uint64_t seen; /* the last job that had been started by then */
};

struct js_endings {
    struct js_endings_means means;
    bool is_single;           /* one slot: every child is its job's */
    bool has_children;        /* as of the last reaping */
    uint64_t started;         /* of jobs, so far */
    struct js_pids abandoned; /* children that SIGKILL did not end */
    struct js_buf strangers;  /* struct stranger; several slots only */
    bool is_sweeping;         /* strangers are being ended: */
    struct js_ending strays;
};

static const struct js_ending_job nobody;

/* ---------------------------------------------------------------- one job */

void js_ending_release(struct js_ending *ending)
{
    js_buf_release(&ending->found.list);
}

void js_ending_reset(struct js_ending *ending)
{
    struct js_pids found = ending->found; /* its memory is kept */
    found.list.len = 0;
    *ending = (struct js_ending){.found = found};
}

static void ask_group(pid_t group)
{
    kill(-group, SIGTERM);
    kill(-group, SIGCONT); /* a stopped process reacts to nothing else */
}

void js_ending_ask(struct js_ending *ending, pid_t pid,
                   enum js_stop_reason cause, int64_t grace_ns)
{
    int64_t kill_ns = js_clock_ns() + grace_ns;
    if (ending->cause != JS_STOP_REASON_NONE) {
        if (kill_ns < ending->wake_ns && ending->wake_ns != JS_NEVER_NS)
            ending->wake_ns = kill_ns;
        return;
    }
    ending->cause = cause;
    ending->wake_ns = kill_ns;
    ask_group(pid);
}

void js_ending_kill(struct js_ending *ending, pid_t pid)
{
    ending->wake_ns = JS_NEVER_NS;
    kill(-pid, SIGKILL);
}

void js_ending_begin(struct js_ending *ending)
{
    ending->is_new = true;
    ending->wake_ns = JS_NEVER_NS;
}

/* ---------------------------------------------------------------- all */

struct js_endings *js_endings_new(const struct js_endings_means *means)
{
    struct js_endings *endings = calloc(1, sizeof(*endings));
    if (!endings)
        return NULL;
    endings->means = *means;
    endings->is_single = means->config->slots == 1;
    endings->strays.wake_ns = JS_NEVER_NS;
    return endings;
}

void js_endings_free(struct js_endings *endings)
{
    if (!endings)
        return;
    js_buf_release(&endings->abandoned.list);
    js_buf_release(&endings->strangers);
    js_ending_release(&endings->strays);
    free(endings);
}

uint64_t js_endings_number(struct js_endings *endings)
{
    return ++endings->started;
}

void js_endings_set_children(struct js_endings *endings, bool has_children)
{
    endings->has_children = has_children;
}

bool js_endings_has_abandoned(const struct js_endings *endings)
{
    return endings->abandoned.list.len > 0;
}

/* ---------------------------------------------------------------- strangers */

/* Returns the array of strangers, or NULL; *ret_end points behind the last
 * one. */
static struct stranger *strangers_of(const struct js_endings *endings,
                                     struct stranger **ret_end)
{
    struct stranger *first = (void *)endings->strangers.data;
    size_t count = endings->strangers.len / sizeof(*first);
    *ret_end = count > 0 ? first + count : first;
    return first;
}

/* Returns the stranger with that pid, or NULL. */
static struct stranger *find_stranger(const struct js_endings *endings,
                                      pid_t pid)
{
    struct stranger *end, *at = strangers_of(endings, &end);
    while (at < end && at->pid != pid)
        at++;
    return at < end ? at : NULL;
}

void js_endings_reaped(struct js_endings *endings, pid_t pid)
{
    js_pids_remove(&endings->abandoned, pid);
    struct stranger *stranger = find_stranger(endings, pid);
    if (!stranger)
        return;
    struct stranger *end;
    strangers_of(endings, &end);
    *stranger = end[-1];
    endings->strangers.len -= sizeof(*stranger);
}

/* If there is no memory for the child, it counts as new again the next time. */
static bool note_stranger(pid_t pid, void *arg)
{
    struct js_endings *endings = arg;
    struct stranger stranger = {pid, endings->started};
    if (!find_stranger(endings, pid))
        js_buf_append(&endings->strangers, &stranger, sizeof(stranger));
    return false;
}

/* True for a known stranger that must be ended now, because all jobs that may
 * have left it behind have ended. */
static bool is_due(pid_t pid, void *arg)
{
    struct js_endings *endings = arg;
    const struct stranger *stranger = find_stranger(endings, pid);
    return stranger &&
           !endings->means.is_any_on(stranger->seen, endings->means.arg);
}

/* ---------------------------------------------------------------- sweeping */

static bool is_spared(pid_t pid, void *arg)
{
    struct js_endings *endings = arg;
    return endings->means.is_job(pid, endings->means.arg) ||
           js_pids_has(&endings->abandoned, pid);
}

/* Signals the processes that the job has left behind. Returns true if anything
 * is left. *ret_clean is set to whether there is no child whose job is
 * unknown. */
static bool sweep(struct js_endings *endings, const struct js_ending *ending,
                  const struct js_ending_job *job, struct js_pids *found,
                  bool *ret_clean)
{
    bool is_strays = ending == &endings->strays;
    struct js_leftovers run = {
        .all = endings->is_single,
        .group = job->pid,
        .run = endings->means.config->settings.run_id,
        .id = job->id,
        .attempt = job->attempt,
        .spared = is_spared,
        .strange = is_strays ? is_due : note_stranger,
        .arg = endings,
        .signal = ending->is_killing ? SIGKILL : SIGTERM,
        .found = found,
    };
    if (js_leftovers_run(&run) < 0)
        return true; /* no descriptor for /proc: checked again in a while */
    *ret_clean = run.strangers == 0;
    return run.left > 0;
}

enum js_ending_state js_endings_look(struct js_endings *endings,
                                     struct js_ending *ending,
                                     const struct js_ending_job *job)
{
    bool clean = false;
    if (!endings->has_children)
        return JS_ENDING_CLEAN;
    if (endings->means.config->settings.allow_leftovers)
        return JS_ENDING_DONE;
    bool is_first = ending->is_new;
    if (is_first) {
        int64_t grace_ns = endings->means.config->settings.grace_ns;
        if (grace_ns > leftover_grace_most_ns)
            grace_ns = leftover_grace_most_ns;
        ending->is_new = false;
        ending->is_killing = false;
        ending->has_looked = false;
        ending->wake_ns = js_clock_ns() + grace_ns;
        ending->limit_ns = ending->wake_ns + unkillable_ns;
    }
    bool is_left = sweep(endings, ending, job, &ending->found, &clean);
    /* The group is signalled only now, after those of its processes that are
     * our children were counted. Its leader was reaped a moment ago, so the
     * number is not used again. */
    if (is_first && job->pid > 0)
        ask_group(job->pid);
    if (is_left)
        return JS_ENDING_GOES_ON;
    if (clean)
        return JS_ENDING_CLEAN;
    if (ending->has_looked)
        return JS_ENDING_DONE;
    ending->has_looked = true;
    ending->wake_ns = js_clock_ns() + look_again_ns;
    return JS_ENDING_GOES_ON;
}

enum js_ending_state js_endings_wake(struct js_endings *endings,
                                     struct js_ending *ending,
                                     const struct js_ending_job *job,
                                     int64_t now_ns)
{
    int64_t grace_end_ns = ending->limit_ns - unkillable_ns;
    if (now_ns < grace_end_ns) {
        ending->wake_ns = grace_end_ns;
        return js_endings_look(endings, ending, job);
    }
    ending->is_killing = true;
    ending->wake_ns = now_ns + kill_again_ns;
    if (now_ns < ending->limit_ns)
        return js_endings_look(endings, ending, job);
    bool clean;
    return sweep(endings, ending, job, &endings->abandoned, &clean)
               ? JS_ENDING_GIVEN_UP
               : JS_ENDING_DONE;
}

/* ---------------------------------------------------------------- strays */

static enum js_ending_state end_strays(struct js_endings *endings,
                                       enum js_ending_state state)
{
    if (state == JS_ENDING_GOES_ON)
        return state;
    endings->is_sweeping = false;
    js_ending_reset(&endings->strays);
    endings->strays.wake_ns = JS_NEVER_NS;
    return state;
}

enum js_ending_state js_endings_look_at_strangers(struct js_endings *endings,
                                                  bool has_news, bool is_idle)
{
    struct js_ending *strays = &endings->strays;
    enum js_ending_state state = JS_ENDING_CLEAN;
    int64_t now_ns;
    if (endings->is_sweeping && (has_news || !endings->has_children))
        state = end_strays(endings, js_endings_look(endings, strays, &nobody));
    else if (endings->is_sweeping &&
             (now_ns = js_clock_ns()) >= strays->wake_ns)
        state = end_strays(endings,
                           js_endings_wake(endings, strays, &nobody, now_ns));
    if (endings->is_sweeping || endings->is_single || !endings->has_children ||
        endings->means.config->settings.allow_leftovers)
        return state;
    /* If no job is left, no job can own the strangers, so this searches for
     * them. Without a descriptor for /proc this is done the next time. */
    if (is_idle)
        js_leftovers_run(&(struct js_leftovers){
            .run = endings->means.config->settings.run_id,
            .group = -1,
            .spared = is_spared,
            .strange = note_stranger,
            .arg = endings,
            .signal = 0,
            .found = &strays->found});
    bool is_any_due = false;
    struct stranger *end, *at = strangers_of(endings, &end);
    for (; at < end; at++)
        is_any_due |= !endings->means.is_any_on(at->seen, endings->means.arg);
    if (!is_any_due)
        return state;
    endings->is_sweeping = true;
    strays->is_new = true;
    enum js_ending_state next =
        end_strays(endings, js_endings_look(endings, strays, &nobody));
    return state == JS_ENDING_GIVEN_UP ? state : next;
}

int64_t js_endings_wake_ns(const struct js_endings *endings)
{
    return endings->strays.wake_ns;
}
