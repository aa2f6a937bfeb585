#include "list/lineage.h"

#include "base/buf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* A question examines the jobs between the two, each once. A list in which many
 * files are each written at both ends would take quadratic time, hence this
 * limit. */
enum { STEPS_MAX = 20 * 1000 * 1000 };

/* A job with a name. Records are sorted by seq, because jobs come in the order
 * of the list; so they are found by bisection. */
struct record {
    uint64_t seq;
    size_t parents_at; /* in `parents`: indices of records */
    size_t parent_count;
    uint64_t asked; /* the last question that reached it */
};

struct js_lineage {
    struct js_buf records; /* struct record, by growing number */
    struct js_buf parents; /* size_t each */
    struct js_buf stack;   /* size_t: records still to be examined */
    uint64_t questions;
    uint64_t steps;
};

struct js_lineage *js_lineage_new(void)
{
    return calloc(1, sizeof(struct js_lineage));
}

void js_lineage_free(struct js_lineage *lineage)
{
    if (!lineage)
        return;
    int saved = errno;
    js_buf_release(&lineage->records);
    js_buf_release(&lineage->parents);
    js_buf_release(&lineage->stack);
    free(lineage);
    errno = saved;
}

static struct record *records_of(const struct js_lineage *lineage)
{
    return (struct record *)lineage->records.data;
}

/* The index of the job's record, or of the first after it. */
static size_t lineage_find_record(const struct js_lineage *lineage,
                                  uint64_t seq)
{
    const struct record *records = records_of(lineage);
    size_t from = 0, to = lineage->records.len / sizeof(*records);
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (records[middle].seq < seq)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_there(const struct js_lineage *lineage, size_t index,
                     uint64_t seq)
{
    return index < lineage->records.len / sizeof(struct record) &&
           records_of(lineage)[index].seq == seq;
}

int js_lineage_add(struct js_lineage *lineage, uint64_t seq,
                   const uint64_t *parents, size_t count)
{
    struct record record = {
        .seq = seq, .parents_at = lineage->parents.len / sizeof(size_t)};
    for (size_t i = 0; i < count; i++) {
        size_t parent = lineage_find_record(lineage, parents[i]);
        if (!is_there(lineage, parent, parents[i]))
            continue;
        if (js_buf_append(&lineage->parents, &parent, sizeof(parent)) < 0)
            return -1;
        record.parent_count++;
    }
    return js_buf_append(&lineage->records, &record, sizeof(record));
}

/* Adds a record to the stack, once for each question. A job can only come after
 * one with a lower number, so records below `least` lead nowhere. */
static int push_record(struct js_lineage *lineage, size_t index, size_t least)
{
    struct record *record = &records_of(lineage)[index];
    lineage->steps++;
    if (index < least || record->asked == lineage->questions)
        return 0;
    record->asked = lineage->questions;
    return js_buf_append(&lineage->stack, &index, sizeof(index));
}

static size_t pop_record(struct js_lineage *lineage)
{
    struct js_buf *stack = &lineage->stack;
    const size_t *indices = (const size_t *)stack->data;
    size_t index = indices[stack->len / sizeof(index) - 1];
    stack->len -= sizeof(index);
    return index;
}

static int push_parents(struct js_lineage *lineage, size_t index, size_t least)
{
    const struct record *record = &records_of(lineage)[index];
    const size_t *parents = (const size_t *)lineage->parents.data;
    for (size_t i = 0; i < record->parent_count; i++) {
        if (push_record(lineage, parents[record->parents_at + i], least) < 0)
            return -1;
    }
    return 0;
}

static int push_first(struct js_lineage *lineage, const uint64_t *parents,
                      size_t count, size_t least)
{
    lineage->questions++;
    lineage->stack.len = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = lineage_find_record(lineage, parents[i]);
        if (is_there(lineage, index, parents[i]) &&
            push_record(lineage, index, least) < 0)
            return -1;
    }
    return 0;
}

enum js_lineage_answer js_lineage_follows(struct js_lineage *lineage,
                                          const uint64_t *parents, size_t count,
                                          uint64_t ancestor)
{
    size_t wanted = lineage_find_record(lineage, ancestor);
    if (!is_there(lineage, wanted, ancestor))
        return JS_LINEAGE_NO;
    if (push_first(lineage, parents, count, wanted) < 0)
        return JS_LINEAGE_UNKNOWN;
    while (lineage->stack.len > 0) {
        size_t index = pop_record(lineage);
        if (index == wanted)
            return JS_LINEAGE_YES;
        if (lineage->steps > STEPS_MAX ||
            push_parents(lineage, index, wanted) < 0)
            return JS_LINEAGE_UNKNOWN;
    }
    return JS_LINEAGE_NO;
}
