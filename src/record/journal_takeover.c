#include "record/journal_takeover.h"

#include "base/clock.h"
#include "record/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { RETRIES = 10 }; /* of opening a file that is being replaced */

/* ---------------------------------------------------------------- judging */

/* Says that another run has the file: the holder, if it is known. */
static int refuse_in_use(const char *path,
                         const struct js_journal_holder *holder,
                         struct js_err *err)
{
    if (!holder->is_known)
        js_err_set(err, "%s is in use by another run: wait until it has ended",
                   path);
    else
        js_err_set(err,
                   "%s is in use by a run on %s, process %" PRIu64
                   ": wait until it has ended, or end it",
                   path, holder->host, holder->pid);
    return JS_JOURNAL_REFUSED;
}

/* Nothing says when its jobs end, or that they have. */
static int refuse_endless(const char *path,
                          const struct js_journal_holder *holder,
                          struct js_err *err)
{
    js_err_set(err,
               "%s was begun by a run on %s, process %" PRIu64 ", that has not "
               "said that it ended, and its jobs may go on (--slave-timeout "
               "0): if none does, add --force-lock",
               path, holder->host, holder->pid);
    return JS_JOURNAL_REFUSED;
}

static int refuse_elsewhere(const char *path,
                            const struct js_journal_holder *holder,
                            struct js_err *err)
{
    js_err_set(err,
               "%s was begun by a run on %s, process %" PRIu64 ", that has not "
               "said that it ended: if it is gone, add --force-lock",
               path, holder->host, holder->pid);
    return JS_JOURNAL_REFUSED;
}

static bool is_earlier_start(const struct js_journal_config *config,
                             const struct js_journal_holder *holder)
{
    return holder->is_known &&
           js_journal_is_earlier(&holder->part, config->part);
}

/* A batch system has ended the start before. The same command has seen that
 * start break off, but the jobs of it may go on within its lease. */
static bool may_follow(const struct js_journal_config *config,
                       const struct js_journal_holder *holder)
{
    struct js_journal_part batch = *config->part;
    batch.command = 0;
    return js_journal_is_earlier(&holder->part, &batch) ||
           (holder->lease_ns > 0 && is_earlier_start(config, holder));
}

/* Of the last run, which has not ended. */
static bool is_known_gone(const struct js_journal_contents *contents)
{
    return contents->dead_count > 0 &&
           js_journal_is_known_gone(&contents->dead[contents->dead_count - 1],
                                    &contents->processes);
}

/* The last run may not have ended. is_whole: the file could be read to its end,
 * so that no lease and no end was missed. */
static int check_holder(const struct js_journal_file *file,
                        const struct js_journal_contents *contents,
                        bool is_whole, struct js_err *err)
{
    const struct js_journal_config *config = js_journal_file_config(file);
    const struct js_journal_holder *holder = &contents->holder;
    if (!holder->is_known || holder->has_ended || config->is_forced ||
        is_known_gone(contents) || may_follow(config, holder))
        return 0;
    enum js_journal_master master = js_journal_master_of(holder, config->host);
    /* Within one kernel, holding the lock proves that the master is gone. */
    bool is_locked = js_journal_file_is_locked(file);
    if (master == JS_JOURNAL_MASTER_ELSEWHERE ||
        (master == JS_JOURNAL_MASTER_HIDDEN && !is_locked))
        return refuse_elsewhere(config->path, holder, err);
    if (master == JS_JOURNAL_MASTER_LIVES && !is_locked)
        return refuse_in_use(config->path, holder, err);
    return holder->lease_ns == 0 && is_whole
               ? refuse_endless(config->path, holder, err)
               : 0;
}

bool js_journal_takeover_may_run(const struct js_journal_dead *dead,
                                 const struct js_buf *processes)
{
    return dead->lease_ns > 0 && (dead->outlives || dead->is_here) &&
           !js_journal_is_known_gone(dead, processes);
}

/* The last run's time is by the clock of the file system, wherever that is;
 * each of the others ended before its successor's clock. */
int64_t js_journal_takeover_left_ns(const struct js_journal_dead *dead,
                                    const struct js_buf *processes,
                                    int64_t idle_ns)
{
    if (!js_journal_takeover_may_run(dead, processes))
        return 0;
    int64_t ago_ns = dead->until_unix_ns > 0
                         ? js_clock_unix_ns() - dead->until_unix_ns
                         : idle_ns;
    if (ago_ns < 0) /* the clock was put back */
        ago_ns = 0;
    return ago_ns < dead->lease_ns ? dead->lease_ns - ago_ns : 0;
}

/* ---------------------------------------------------------------- locking */

static void read_holder(struct js_journal_file *file,
                        struct js_journal_holder *ret)
{
    struct js_journal_contents contents = {0};
    struct js_registry *registry = js_registry_new();
    struct js_err ignored;
    if (registry) /* as far as it can be read */
        js_journal_file_read(file, registry, &contents, &ignored);
    *ret = contents.holder;
    js_journal_contents_release(&contents);
    js_registry_free(registry);
}

/* What is left of an earlier start of this run is about to end, and its lease
 * includes the grace period of its jobs. 0; 1 if another run has the lock, and
 * *ret says which; or -1 with errno. */
static int wait_for_lock(struct js_journal_file *file,
                         struct js_journal_holder *ret)
{
    const struct js_journal_config *config = js_journal_file_config(file);
    int rc = js_journal_file_lock(file);
    if (rc <= 0)
        return rc;
    read_holder(file, ret);
    if (!is_earlier_start(config, ret))
        return rc;
    int64_t end_ns = js_clock_ns() + ret->lease_ns;
    while (rc > 0 && js_clock_ns() < end_ns &&
           !(config->is_cancelled && config->is_cancelled()))
        rc = js_journal_file_lock(file);
    return rc;
}

/* Until the file that is locked is the one of that name. */
static int open_locked(struct js_journal_file *file, struct js_err *err)
{
    const struct js_journal_config *config = js_journal_file_config(file);
    for (int i = 0; i < RETRIES; i++) {
        int rc = js_journal_file_open(file, err);
        if (rc < 0 || !js_journal_file_is_open(file) || config->is_read_only)
            return rc;
        struct js_journal_holder holder = {0};
        rc = wait_for_lock(file, &holder);
        if (rc > 0)
            return refuse_in_use(config->path, &holder, err);
        if (rc == 0 && js_journal_file_is_named(file) > 0)
            return 0;
        js_journal_file_shut(file);
    }
    return js_journal_file_cannot(file, "lock", err);
}

/* ---------------------------------------------------------------- reading */

static int read_on(struct js_journal_file *file, struct js_registry *registry,
                   struct js_journal_contents *ret, struct js_err *err)
{
    if (js_journal_file_read(file, registry, ret, err) < 0)
        return errno == EBADMSG ? JS_JOURNAL_REFUSED : JS_JOURNAL_CANNOT;
    if (js_journal_file_config(file)->is_read_only)
        return 0;
    int rc = check_holder(file, ret, true, err);
    return rc < 0 ? rc : js_journal_file_cut(file, ret, err);
}

/* What the file says does not matter, be it damaged; but who holds it does. */
static int read_aside(struct js_journal_file *file,
                      struct js_journal_contents *ret, struct js_err *err)
{
    struct js_registry *ignored = js_registry_new();
    if (!ignored)
        return js_journal_file_cannot(file, "read", err);
    bool is_whole = js_journal_file_read(file, ignored, ret, err) == 0;
    js_registry_free(ignored);
    return check_holder(file, ret, is_whole, err);
}

int js_journal_takeover(struct js_journal_file *file,
                        struct js_registry *registry,
                        struct js_journal_found *ret, struct js_err *err)
{
    const struct js_journal_config *config = js_journal_file_config(file);
    struct js_journal_holder holder;
    *ret = (struct js_journal_found){.is_fresh = config->is_fresh};
    int rc = open_locked(file, err);
    if (rc < 0 || !js_journal_file_is_open(file))
        return rc;
    if (ret->is_fresh) {
        /* A run that starts over, and is started again, goes on with what it
         * has begun itself. */
        read_holder(file, &holder);
        ret->is_fresh = !is_earlier_start(config, &holder);
    }
    if (!ret->is_fresh)
        return read_on(file, registry, &ret->contents, err);
    return config->is_read_only ? 0 : read_aside(file, &ret->contents, err);
}
