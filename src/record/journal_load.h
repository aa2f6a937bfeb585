/*
 * journal_load - what a journal says, as a ledger.
 *
 * Only reads; the file may be written to meanwhile. The format is that of
 * record/journal.h.
 */
#ifndef JS_RECORD_JOURNAL_LOAD_H
#define JS_RECORD_JOURNAL_LOAD_H

#include "base/err.h"
#include "core/ledger.h"
#include "record/journal_line.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

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
    uint64_t restarts; /* as in the record of its batch job, if it has one */
    char batch[JS_LINE_TEXT]; /* likewise; or "" */
    char host[JS_LINE_TEXT];
};

/* A run that has not said that it ended. */
struct js_journal_dead {
    uint64_t id;           /* as in the record of its mark */
    int64_t begin_unix_ns; /* by its master's clock */
    bool is_gone; /* it is known that none of its ranks and runners lives */
};

enum { JS_JOURNAL_DEAD = 64 }; /* of these the last so many are kept */

struct js_journal_contents {
    uint64_t valid; /* bytes up to the end of the last valid record */
    uint64_t size;  /* more than valid: behind it is a torn tail */
    struct js_journal_holder holder;
    size_t dead_count;
    struct js_journal_dead dead[JS_JOURNAL_DEAD]; /* the last run included */
};

/*
 * Reads the file from its beginning into the ledger, which is empty. `name` is
 * what errors call it. Returns 0, or -1 with *err and errno: EBADMSG when it is
 * no journal, damaged, of a later version, or makes no sense; else what the
 * system or memory refused.
 */
int js_journal_load(int fd, const char *name, struct js_ledger *ledger,
                    struct js_journal_contents *ret, struct js_err *err);

/* Told of each record, once it is in the ledger. 0, or -1 with errno. */
typedef int (*js_journal_line_fn)(void *arg, const struct js_line *line);

/* The same, for who wants to know more than the ledger does. */
int js_journal_read(int fd, const char *name, struct js_ledger *ledger,
                    js_journal_line_fn tell, void *arg,
                    struct js_journal_contents *ret, struct js_err *err);

#endif
