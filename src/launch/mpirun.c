#include "launch/mpirun.h"

#include "base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void add_all(struct js_argv *words, const char *const *options)
{
    for (; *options; options++)
        js_argv_add(words, *options);
}

/*
 * There is one rank more than cores, the master; jobsched itself binds what it
 * runs; and the loss of a slave must cost only what that slave ran. MPICH has
 * no equivalent of the last: if its mpirun lets a run continue
 * (-disable-auto-cleanup), it reports a loss to the ranks by SIGUSR1, which
 * here means to drain.
 */
static void add_wishes(enum js_mpi mpi, struct js_argv *words)
{
    static const char *const open_mpi_4[] = {"--oversubscribe", "--bind-to",
                                             "none", "--enable-recovery", NULL};
    static const char *const open_mpi_5[] = {"--bind-to", "none", "--with-ft",
                                             "ulfm", NULL};
    static const char *const mpich[] = {"-bind-to", "none", NULL};
    static const char *const *const all[] = {[JS_OPEN_MPI_4] = open_mpi_4,
                                             [JS_OPEN_MPI_5] = open_mpi_5,
                                             [JS_MPICH] = mpich};
    add_all(words, all[mpi]);
}

static uint64_t slots_of(const struct js_host *host)
{
    return host->slots > 0 ? host->slots : 1;
}

/* Appends "n1:5,n2:4". The ranks that exceed the slots go to the first
 * hosts. */
static int list_hosts(const struct js_mpirun *mpirun, struct js_buf *list)
{
    const struct js_hosts *hosts = mpirun->hosts;
    uint64_t slots = 0;
    for (size_t i = 0; i < hosts->count; i++)
        slots += slots_of(&hosts->items[i]);
    uint64_t more = mpirun->ranks > slots ? mpirun->ranks - slots : 0;
    for (size_t i = 0; i < hosts->count; i++) {
        uint64_t ranks = slots_of(&hosts->items[i]) + more / hosts->count +
                         (i < more % hosts->count);
        if (js_buf_printf(list, "%s%s:%llu", i > 0 ? "," : "",
                          hosts->items[i].name, (unsigned long long)ranks) < 0)
            return -1;
    }
    return 0;
}

static int add_host_list(const struct js_mpirun *mpirun, struct js_argv *words)
{
    struct js_buf list = JS_BUF_INIT;
    const char *text =
        list_hosts(mpirun, &list) == 0 ? js_buf_string(&list) : NULL;
    if (text) {
        js_argv_add(words, mpirun->mpi == JS_MPICH ? "-hosts" : "--host");
        js_argv_add(words, text);
    }
    js_buf_release(&list);
    return text ? 0 : -1;
}

/* Only Open MPI 4 adds ranks to full hosts one by one. The other MPIs must be
 * told how many ranks each host gets. */
static int add_places(const struct js_mpirun *mpirun, struct js_argv *words)
{
    bool has_hosts = mpirun->hosts && mpirun->hosts->count > 0;
    if (mpirun->mpi == JS_OPEN_MPI_4 && mpirun->hostfile) {
        js_argv_add(words, "--hostfile");
        js_argv_add(words, mpirun->hostfile);
    }
    if (mpirun->mpi == JS_OPEN_MPI_5) {
        js_argv_add(words, "--map-by");
        js_argv_add(words, has_hosts ? "slot" : ":OVERSUBSCRIBE");
    }
    if (mpirun->mpi == JS_OPEN_MPI_4 || !has_hosts)
        return 0;
    return add_host_list(mpirun, words);
}

int js_mpirun_words(const struct js_mpirun *mpirun, struct js_argv *ret)
{
    js_argv_add(ret, mpirun->program);
    add_wishes(mpirun->mpi, ret);
    if (add_places(mpirun, ret) < 0)
        return -1;
    const char *const *name = mpirun->mpi == JS_MPICH ? NULL : mpirun->names;
    for (; name && *name; name++) {
        js_argv_add(ret, "-x");
        js_argv_add(ret, *name);
    }
    js_argv_add(ret, "-np");
    js_argv_addf(ret, "%llu", (unsigned long long)mpirun->ranks);
    add_all(ret, (const char *const *)mpirun->command);
    return js_argv_check(ret);
}

int js_mpirun_trial(const struct js_mpirun *mpirun, const char *host,
                    struct js_argv *ret)
{
    js_argv_add(ret, mpirun->program);
    js_argv_add(ret, mpirun->mpi == JS_MPICH ? "-hosts" : "--host");
    js_argv_add(ret, host);
    js_argv_add(ret, "-np");
    js_argv_add(ret, "1");
    js_argv_add(ret, "true");
    return js_argv_check(ret);
}

/* Open MPI says "mpirun (Open MPI) 4.1.4". The mpirun of MPICH, Intel MPI and
 * MVAPICH is called Hydra, and prints its version in a line of its own. */
bool js_mpirun_name(const char *said, char *ret, size_t size)
{
    static const struct {
        const char *mark, *name, *version;
    } known[] = {
        {"(Open MPI) ", "Open MPI", "(Open MPI) "},
        {"Intel(R) MPI", "Intel MPI", "Version "},
        {"HYDRA", "MPICH", "Version: "},
    };
    for (size_t i = 0; said && i < sizeof(known) / sizeof(known[0]); i++) {
        const char *version = strstr(said, known[i].version);
        if (!strstr(said, known[i].mark) || !version)
            continue;
        version += strlen(known[i].version);
        version += strspn(version, " ");
        snprintf(ret, size, "%s %.*s", known[i].name,
                 (int)strcspn(version, " \n"), version);
        return true;
    }
    return false;
}

/* After a SIGTERM Open MPI 4 gives the ranks two seconds, Open MPI 5 half a
 * second (measured with 5.0.7), and MPICH as long as they take. */
int js_mpirun_end_signal(enum js_mpi mpi)
{
    return mpi == JS_OPEN_MPI_5 ? SIGALRM : SIGTERM;
}

/* Open MPI 5 ends everything at such a status, and loses what it has not read
 * then (measured with 5.0.7: in one run of sixty). */
int64_t js_mpirun_hearing_ns(enum js_mpi mpi)
{
    return mpi == JS_OPEN_MPI_5 ? 100 * JS_NS_PER_MS : 0;
}
