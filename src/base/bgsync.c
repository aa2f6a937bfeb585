#include "base/bgsync.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/* fdatasync() is the only call that takes long. The thread touches nothing else
 * that the loop uses; `is_done` hands `error` over. */
static void *sync_file(void *arg)
{
    struct js_bgsync *syncer = arg;
    syncer->error = fdatasync(syncer->fd) < 0 ? errno : 0;
    atomic_store(&syncer->is_done, true);
    return NULL;
}

int js_bgsync_start(struct js_bgsync *syncer, int fd)
{
    sigset_t all, old;
    if (syncer->is_running)
        return 0;
    syncer->fd = fd;
    atomic_store(&syncer->is_done, false);
    /* The thread blocks all signals: they are for the loop. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&syncer->thread, NULL, sync_file, syncer);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    syncer->is_running = error == 0;
    errno = error;
    return error == 0 ? 0 : -1;
}

int js_bgsync_end(struct js_bgsync *syncer, bool wait)
{
    if (!syncer->is_running || (!wait && !atomic_load(&syncer->is_done)))
        return 0;
    int error = pthread_join(syncer->thread, NULL);
    syncer->is_running = false;
    errno = error ? error : syncer->error;
    return errno == 0 ? 1 : -1;
}
