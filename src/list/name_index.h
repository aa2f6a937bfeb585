/*
 * name_index - finds the names that match a glob.
 *
 * Numbers the names that are put in from 0 on, and borrows them. Lives in its
 * owner's struct and starts all zero. As long as few questions are asked, it is
 * no more than an array. When searching that has taken longer than sorting it
 * would have taken, it is sorted, and a glob that begins with plain characters
 * is then compared only with the names that begin with these.
 */
#ifndef JS_LIST_NAME_INDEX_H
#define JS_LIST_NAME_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct js_name_index_name {
    const char *text;
    void *value;
};

/* Callers may read only `count`. */
struct js_name_index {
    struct js_name_index_name *names; /* by number */
    size_t count, capacity;
    size_t *sorted; /* the numbers of the first of them, ordered by name */
    size_t sorted_count;
    uint64_t searched; /* names compared since the last sort that an order
                          would have spared */
};

void js_name_index_release(struct js_name_index *index); /* keeps errno */

/* Makes sure that the next js_name_index_put() has room. Returns 0, or -1 with
 * errno ENOMEM. */
int js_name_index_reserve(struct js_name_index *index);
void js_name_index_put(struct js_name_index *index, const char *name,
                       void *value);

/* Visits the names from number `from` up to but not including `to` that match
 * the glob (js_text_matches()), each once, in no particular order. Returns how
 * many names were compared. */
uint64_t js_name_index_each(struct js_name_index *index, const char *glob,
                            size_t from, size_t to,
                            void (*visit)(void *arg, void *value), void *arg);

#endif
