/*
 * journal_load - what a journal says, as a registry.
 *
 * Only reads; the file may be written to meanwhile. The format is that of
 * record/journal.h.
 */
#ifndef JS_RECORD_JOURNAL_LOAD_H
#define JS_RECORD_JOURNAL_LOAD_H

#include "base/err.h"
#include "list/registry.h"
#include "record/journal_format.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A run may be part of something that is started again when it has broken off,
 * or was stopped: of a job of a batch system, and of a command that restarts
 * it. */
struct js_journal_part {
    char batch[JS_JOURNAL_LINE_TEXT]; /* "": none */
    uint64_t batch_restarts;          /* of that job, so far */
    uint64_t command;                 /* 0: none */
    uint64_t restarts;                /* of that command, so far */
};

/* Who reads. */
struct js_journal_reader {
    const char *host;
    const struct js_journal_part *part; /* NULL: of nothing */
};

/* Who has begun the last run. */
struct js_journal_holder {
    bool is_known;
    bool has_ended;
    uint64_t pid, started, boot;
    uint64_t mark, space;  /* as in the record; 0: there is none */
    int64_t begin_unix_ns; /* by its master's clock */
    uint64_t status;       /* if it has ended */
    int64_t lease_ns;      /* as in the record; 0: there is none */
    bool outlives;         /* likewise; or some slave was on another host */
    uint64_t slaves;       /* how many are on record */
    struct js_journal_part part;
    char host[JS_JOURNAL_LINE_TEXT];
};

/* A run that has not said that it ended. */
struct js_journal_dead {
    uint64_t id;           /* as in the record of its mark; 0: it has none */
    int64_t begin_unix_ns; /* by its master's clock */
    int64_t until_unix_ns; /* when the next run began, by that one's clock; of
                              the last run 0 */
    int64_t lease_ns;      /* as of a holder, and so the next */
    bool outlives;
    bool is_here; /* all of its ranks and runners are on record and were in this
                     boot and pid namespace of this host: */
    size_t first, count; /* among all that are kept; else count is 0 */
};

enum { JS_JOURNAL_DEAD = 64 }; /* of these the last so many are kept */

struct js_journal_contents {
    uint64_t valid; /* bytes up to the end of the last valid record */
    uint64_t size;  /* more than valid: behind it is a torn tail */
    struct js_journal_holder holder;
    size_t dead_count;
    struct js_journal_dead dead[JS_JOURNAL_DEAD]; /* the last run included */
    struct js_buf processes; /* struct js_journal_process; owned */
};

/* A rank, or what starts the jobs of one. */
struct js_journal_process {
    uint64_t pid, started;
};

/* The process that has begun a run that has not ended, as far as it can be seen
 * from this host. */
enum js_journal_master {
    JS_JOURNAL_MASTER_GONE,
    JS_JOURNAL_MASTER_LIVES,    /* or may */
    JS_JOURNAL_MASTER_HIDDEN,   /* on this host, in another pid namespace */
    JS_JOURNAL_MASTER_ELSEWHERE /* on another host */
};
enum js_journal_master
js_journal_master_of(const struct js_journal_holder *holder, const char *host);

void js_journal_contents_release(struct js_journal_contents *contents);

/* Whether the part of an earlier run is an earlier start of the other one. */
bool js_journal_is_earlier(const struct js_journal_part *past_runs,
                           const struct js_journal_part *part);

/* True if it is known that no rank and no runner of that run lives any more;
 * `processes` are those of its contents. */
bool js_journal_is_known_gone(const struct js_journal_dead *dead,
                              const struct js_buf *processes);

/* The exit status with which the last run of the journal at `path` has ended,
 * if it was that very start of that command; else, and where it cannot be read,
 * -1. */
int js_journal_end_of(const char *path, const struct js_journal_part *part);

/*
 * Reads the file from its beginning into the registry, which is empty; what
 * failed in an earlier start of what the reader is part of is settled there.
 * `name` is what errors call it. *ret is to be released, also on failure.
 * Returns 0, or -1 with *err and errno: EBADMSG when it is no journal, damaged,
 * of a later version, or makes no sense; else what the system or memory
 * refused.
 */
int js_journal_load(int fd, const char *name,
                    const struct js_journal_reader *reader,
                    struct js_registry *registry,
                    struct js_journal_contents *ret, struct js_err *err);

/* Told of each record, once it is in the registry. 0, or -1 with errno. */
typedef int (*js_journal_line_fn)(void *arg,
                                  const struct js_journal_line *line);

/* The same, for who wants to know more than the registry does. */
int js_journal_read(int fd, const char *name,
                    const struct js_journal_reader *reader,
                    struct js_registry *registry, js_journal_line_fn tell,
                    void *arg, struct js_journal_contents *ret,
                    struct js_err *err);

#endif
