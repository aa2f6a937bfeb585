/*
 * journal_load - reads a journal into a registry, and finds out who holds it.
 *
 * It only reads; others may write to the file meanwhile. record/journal.h
 * describes the format.
 */
#ifndef JS_RECORD_JOURNAL_LOAD_H
#define JS_RECORD_JOURNAL_LOAD_H

#include "base/err.h"
#include "list/registry.h"
#include "record/journal_format.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Something that starts a run again after it has broken off or was stopped: a
 * job of a batch system, and a command. A run can be part of both. */
struct js_journal_part {
    char batch[JS_JOURNAL_LINE_TEXT]; /* "": none */
    uint64_t batch_restarts;          /* restarts of that job so far */
    uint64_t command;                 /* 0: none */
    uint64_t restarts;                /* restarts of that command so far */
};

/* The run that reads. */
struct js_journal_reader {
    const char *host;
    const struct js_journal_part *part; /* NULL: of nothing */
};

/* The process that began the last run. */
struct js_journal_holder {
    bool is_known;
    bool has_ended;
    uint64_t pid, started, boot;
    uint64_t mark, space;  /* as in the record; 0: there is none */
    int64_t begin_unix_ns; /* by its master's clock */
    uint64_t status;       /* if it has ended */
    int64_t lease_ns;      /* as in the record; 0: there is none */
    bool outlives;   /* as in the record; or a slave was on another host */
    uint64_t slaves; /* how many are on record */
    struct js_journal_part part;
    char format[JS_JOURNAL_LINE_TEXT]; /* of its list; "": not on record */
    char host[JS_JOURNAL_LINE_TEXT];
};

/* A run that has not recorded its end. */
struct js_journal_dead {
    uint64_t id;           /* as in the record of its mark; 0: it has none */
    int64_t begin_unix_ns; /* by its master's clock */
    int64_t until_unix_ns; /* when the next run began, by that run's clock; 0
                              for the last run */
    int64_t lease_ns;      /* as in a holder, and so is the next */
    bool outlives;
    bool is_here; /* all of its ranks and runners are on record, and were in
                     this boot and pid namespace of this host */
    size_t first, count; /* these processes, among all that are kept; count is 0
                            if !is_here */
};

enum { JS_JOURNAL_DEAD = 64 }; /* how many are kept, the last ones */

struct js_journal_contents {
    uint64_t valid; /* bytes up to the end of the last valid record */
    uint64_t size;  /* if more than valid, a torn tail follows */
    struct js_journal_holder holder;
    size_t dead_count;
    struct js_journal_dead dead[JS_JOURNAL_DEAD]; /* the last run included */
    struct js_buf processes; /* struct js_journal_process; owned */
};

/* A rank, or a runner. */
struct js_journal_process {
    uint64_t pid, started;
};

/* What this host knows about the process that began a run without a recorded
 * end. */
enum js_journal_master {
    JS_JOURNAL_MASTER_GONE,
    JS_JOURNAL_MASTER_LIVES,    /* or may */
    JS_JOURNAL_MASTER_HIDDEN,   /* on this host, in another pid namespace */
    JS_JOURNAL_MASTER_ELSEWHERE /* on another host */
};
enum js_journal_master
js_journal_master_of(const struct js_journal_holder *holder, const char *host);

void js_journal_contents_release(struct js_journal_contents *contents);

/* True if the run that was part of `earlier` is an earlier start of `part`. */
bool js_journal_is_earlier(const struct js_journal_part *earlier,
                           const struct js_journal_part *part);

/* True if all ranks and runners of that run are known, and none is alive any
 * more; `processes` are those of the run's contents. */
bool js_journal_is_known_gone(const struct js_journal_dead *dead,
                              const struct js_buf *processes);

/* Returns the exit status of the last run in the journal at `path` if that run
 * has ended and was this very start of this command; otherwise, or if the
 * journal cannot be read, -1. */
int js_journal_end_of(const char *path, const struct js_journal_part *part);

/* Called for each record, once it is in the registry. Returns 0, or -1 with
 * errno. */
typedef int (*js_journal_line_fn)(void *arg,
                                  const struct js_journal_line *line);

/*
 * Reads the file from its beginning into the registry, which must be empty.
 * Jobs that failed in an earlier start of what the reader is part of are
 * settled in the registry. `visit` may be NULL. Errors call the file `name`.
 * The caller must release *ret, even on failure. Returns 0, or -1 with *err and
 * errno: EBADMSG if the file is not a journal, is damaged, has a later version,
 * or makes no sense; otherwise the errno of the system call that failed, or
 * ENOMEM.
 */
int js_journal_load(int fd, const char *name,
                    const struct js_journal_reader *reader,
                    struct js_registry *registry, js_journal_line_fn visit,
                    void *arg, struct js_journal_contents *ret,
                    struct js_err *err);

#endif
