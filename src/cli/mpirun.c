#include "cli/mpirun.h"

#include <stdlib.h>
#include <string.h>

enum js_mpi js_mpi_of(const char *name)
{
    static const char open_mpi[] = "Open MPI ";
    if (strncmp(name, open_mpi, strlen(open_mpi)) != 0)
        return JS_MPICH;
    return strtoul(name + strlen(open_mpi), NULL, 10) >= 5 ? JS_OPEN_MPI_5
                                                           : JS_OPEN_MPI_4;
}

static void add_all(struct js_words *words, const char *const *options)
{
    for (; *options; options++)
        js_words_add(words, *options);
}

/* There is a rank more than cores, the master; jobsched binds what it runs
 * itself; and the loss of a slave is to cost only what that slave ran. */
static void add_wishes(enum js_mpi mpi, struct js_words *words)
{
    static const char *const open_mpi_4[] = {"--oversubscribe", "--bind-to",
                                             "none", "--enable-recovery", NULL};
    static const char *const open_mpi_5[] = {
        "--map-by",  ":OVERSUBSCRIBE", "--bind-to", "none",
        "--with-ft", "ulfm",           NULL};
    static const char *const mpich[] = {"-bind-to", "none",
                                        "-disable-auto-cleanup", NULL};
    static const char *const *const all[] = {[JS_OPEN_MPI_4] = open_mpi_4,
                                             [JS_OPEN_MPI_5] = open_mpi_5,
                                             [JS_MPICH] = mpich};
    add_all(words, all[mpi]);
}

static void add_hostfile(const struct js_mpirun *mpirun, struct js_words *words)
{
    if (!mpirun->hostfile)
        return;
    js_words_add(words, mpirun->mpi == JS_MPICH ? "-f" : "--hostfile");
    js_words_add(words, mpirun->hostfile);
}

int js_mpirun_words(const struct js_mpirun *mpirun, struct js_words *ret)
{
    js_words_add(ret, mpirun->program);
    add_wishes(mpirun->mpi, ret);
    add_hostfile(mpirun, ret);
    if (mpirun->status_name && mpirun->mpi != JS_MPICH) {
        js_words_add(ret, "-x");
        js_words_add(ret, mpirun->status_name);
    }
    js_words_add(ret, "-np");
    js_words_addf(ret, "%llu", (unsigned long long)mpirun->ranks);
    add_all(ret, (const char *const *)mpirun->command);
    return js_words_check(ret);
}

int js_mpirun_trial(const struct js_mpirun *mpirun, const char *host,
                    struct js_words *ret)
{
    js_words_add(ret, mpirun->program);
    js_words_add(ret, mpirun->mpi == JS_MPICH ? "-hosts" : "--host");
    js_words_add(ret, host);
    js_words_add(ret, "-np");
    js_words_add(ret, "1");
    js_words_add(ret, "true");
    return js_words_check(ret);
}
