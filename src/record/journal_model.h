/*
 * journal_model - everything that a journal says, for code that only reads it.
 *
 * Owns what is on record about every job, attempt and run, and a registry of
 * the jobs as the next run would find it. It takes no lock and writes nothing,
 * so it works while the master runs, after it has ended, and after it was
 * killed; it leaves a torn end of the file alone. It does not know the job
 * list: a journal has no commands.
 *
 * Jobs are known by their ids: 1, 2, 3 ... Runs, slaves and attempts have
 * numbers from 0 on, in the order in which they were recorded. Strings belong
 * to the model. A job with one attempt takes about 150 bytes.
 */
#ifndef JS_RECORD_JOURNAL_MODEL_H
#define JS_RECORD_JOURNAL_MODEL_H

#include "base/err.h"
#include "list/outcome.h"
#include "list/registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stands for a number that does not exist. */
#define JS_JOURNAL_MODEL_NONE SIZE_MAX

struct js_journal_model;

/*
 * Reads the journal at `path`. Returns NULL with *err and errno on failure:
 * ENOENT if the file does not exist or is empty, EBADMSG if it is not a
 * journal, is damaged or has a later version; otherwise the errno of the system
 * call that failed, or ENOMEM.
 */
struct js_journal_model *js_journal_model_load(const char *path,
                                               struct js_err *err);
void js_journal_model_free(
    struct js_journal_model *model); /* NULL is allowed */

/* Does the same for an open file, which the caller keeps; errors call it
 * `name`.
 */
struct js_journal_model *js_journal_model_read(int fd, const char *name,
                                               struct js_err *err);

/*
 * The state of the last run when the journal was read. A run on this host is ON
 * if its process is alive. A run on another host is ON as long as the file is
 * locked, or was touched within the lease. If that run has no lease, and no
 * lock can be seen, its state is UNKNOWN.
 */
enum js_journal_model_life {
    JS_JOURNAL_MODEL_NO_RUN, /* no run has begun */
    JS_JOURNAL_MODEL_ENDED,  /* it has recorded its end */
    JS_JOURNAL_MODEL_ON,
    JS_JOURNAL_MODEL_BROKEN,  /* it is gone, and has not recorded its end */
    JS_JOURNAL_MODEL_UNKNOWN, /* it is on another host, and shows no sign of
                                 life */
};

struct js_journal_model_state {
    enum js_journal_model_life life;
    size_t runs, slaves, attempts; /* how many there are */
    uint64_t jobs;                 /* the highest id */
    const char *format;            /* of the list of the last run, as on
                                      record; NULL: none was named */
    size_t begun;                  /* jobs that have begun and have not ended */
    struct js_registry *registry;  /* the jobs by identity and by name, as the
                                      next run would find them, to be matched
                                      against a list; the model owns it */
};

struct js_journal_model_state
js_journal_model_look(const struct js_journal_model *model);

/* ---------------------------------------------------------------- runs */

struct js_journal_model_run {
    const char *host; /* of its master */
    uint64_t pid;
    int64_t begin_unix_ns; /* by the master's clock, like the next field */
    int64_t end_unix_ns;   /* if it has ended */
    int64_t seen_unix_ns;  /* for the last run, when the file was last touched;
                              for an earlier one, when the next run began */
    int64_t silent_ns;  /* for the last run, if it has not ended: for how long
                           heartbeats have been missing because writes to the
                           file fail or hang; 0: none are missing */
    bool has_ended;     /* it has recorded its end */
    int status;         /* if it has: enum jobsched_status; else -1 */
    size_t first_slave; /* its slaves are numbered from here on */
    size_t slaves;
    uint64_t slots; /* of these slaves together */
};

void js_journal_model_run(const struct js_journal_model *model, size_t number,
                          struct js_journal_model_run *ret);

struct js_journal_model_slave {
    size_t run;
    uint64_t rank;
    uint64_t slots;
    const char *host;
    bool has_left; /* before the end of its run */
};

void js_journal_model_slave(const struct js_journal_model *model, size_t number,
                            struct js_journal_model_slave *ret);

/* ---------------------------------------------------------------- attempts */

enum js_journal_model_kind {
    JS_JOURNAL_MODEL_OK,
    JS_JOURNAL_MODEL_FAILED,  /* for good */
    JS_JOURNAL_MODEL_RETRIED, /* it failed, and the job ran again in the same
                                 run */
    JS_JOURNAL_MODEL_STOPPED, /* it was ended because the run, or its slave, had
                                 to stop */
    JS_JOURNAL_MODEL_KINDS,
};

struct js_journal_model_attempt {
    uint64_t id; /* of its job */
    enum js_journal_model_kind kind;
    uint32_t attempt; /* as the run counted them: 1, 2 ... */
    uint32_t cores;   /* of all its nodes together */
    size_t slave;     /* its number, not its rank */
    size_t previous;  /* the job's attempt before this one, or NONE */
    struct js_outcome outcome;
};

/* Attempts are numbered in the order in which they were recorded. */
void js_journal_model_attempt(const struct js_journal_model *model,
                              size_t number,
                              struct js_journal_model_attempt *ret);

/* The last lines of the output of a failed attempt. */
struct js_journal_model_tail {
    unsigned stream; /* 1: its stdout; 2: its stderr */
    const char *text;
};

/* Returns false if there are none. */
bool js_journal_model_tail(const struct js_journal_model *model, size_t attempt,
                           struct js_journal_model_tail *ret);

/* An attempt that never ended: its slave, or the runner there, was lost while
 * it ran. */
struct js_journal_model_loss {
    uint32_t count;  /* this and those before it, since the job last ended */
    size_t slave;    /* its number, not its rank */
    size_t attempts; /* attempts of all jobs on record before it */
    int64_t unix_ns; /* when the loss was noticed, by the master's clock */
};

/* Visits the losses of a job, the latest first: start with *at set to
 * JS_JOURNAL_MODEL_NONE. Returns false if there are no more. */
bool js_journal_model_next_loss(const struct js_journal_model *model,
                                uint64_t id, size_t *at,
                                struct js_journal_model_loss *ret);

/* ---------------------------------------------------------------- jobs */

struct js_journal_model_job {
    const char *name; /* "": none */
    enum js_job_state state;
    bool is_gone;    /* no longer in the list */
    size_t latest;   /* its last attempt that has ended, or NONE */
    uint64_t parent; /* for a skipped job, the cause; 0: unknown */
    size_t begun;    /* its index among those that have begun, or NONE */
    uint32_t losses; /* as in list/registry.h */
};

/* The job must exist. */
void js_journal_model_job(const struct js_journal_model *model, uint64_t id,
                          struct js_journal_model_job *ret);

/*
 * A job that the last run began and did not end, in no particular order. Only
 * jobs that have run for a second or so are on record. If the run is still
 * running, so are these jobs; if it broke off, they were running then; if it
 * has ended, there are none.
 */
struct js_journal_model_begun {
    uint64_t id;
    uint32_t attempt;
    size_t slave;
    int64_t start_unix_ns; /* by the master's clock */
};

void js_journal_model_begun(const struct js_journal_model *model, size_t index,
                            struct js_journal_model_begun *ret);

#endif
