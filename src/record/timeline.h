/*
 * timeline - the place of each attempt in a drawing of all runs: its row, and
 * the time during which it ran.
 *
 * A row is a slot of a slave. The journal has the slave but not the slot, so
 * within a slave an attempt goes to the first slot that is free at its start.
 * A slave of the same rank on the same host has the same rows in every run.
 * Along the axis the runs follow each other without the pauses between them.
 *
 * Slaves have clocks of their own. If attempts of a slave lie outside their
 * run, the slave's clock is corrected by the amount that moves them inside;
 * parts that are still outside are cut off.
 */
#ifndef JS_RECORD_TIMELINE_H
#define JS_RECORD_TIMELINE_H

#include "record/journal_model.h"

#include <stddef.h>
#include <stdint.h>

struct js_timeline;

/* Borrows the model. A run that is still running lasts until now_unix_ns.
 * Returns NULL with errno ENOMEM on failure. */
struct js_timeline *js_timeline_new(const struct js_journal_model *model,
                                    int64_t now_unix_ns);
void js_timeline_free(struct js_timeline *timeline); /* NULL is allowed */

struct js_timeline_size {
    size_t rows, bars;
};

struct js_timeline_size js_timeline_size(const struct js_timeline *timeline);

struct js_timeline_run {
    int64_t begin_ns; /* on the axis */
    int64_t length_ns;
};

/* Runs have the numbers of the model. */
void js_timeline_run(const struct js_timeline *timeline, size_t number,
                     struct js_timeline_run *ret);

struct js_timeline_row {
    const char *host;
    uint64_t rank;
    uint32_t slot; /* 1, 2 ... of this slave */
};

/* Rows are in order of rank, then of the host's first appearance, then of slot.
 */
void js_timeline_row(const struct js_timeline *timeline, size_t number,
                     struct js_timeline_row *ret);

struct js_timeline_bar {
    size_t attempt; /* its number; JS_JOURNAL_MODEL_NONE: it has not ended, */
    size_t begun;   /* and this is its index among those that have begun */
    size_t run;
    size_t row;
    int64_t start_ns; /* on the axis */
    int64_t run_ns;   /* as far as it lies within its run */
};

/* The bars of a row are in the order in which they started. */
void js_timeline_bar(const struct js_timeline *timeline, size_t index,
                     struct js_timeline_bar *ret);

#endif
