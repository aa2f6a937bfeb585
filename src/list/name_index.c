#include "list/name_index.h"

#include "base/buf.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Sorting takes about as long as comparing each name with this many globs. */
enum { SORT_COST = 16 };

void js_name_index_release(struct js_name_index *index)
{
    int saved = errno;
    free(index->names);
    free(index->sorted);
    *index = (struct js_name_index){0};
    errno = saved;
}

int js_name_index_reserve(struct js_name_index *index)
{
    struct js_name_index_name *names = js_buf_grow(
        index->names, &index->capacity, index->count + 1, sizeof(*names));
    if (!names)
        return -1;
    index->names = names;
    return 0;
}

void js_name_index_put(struct js_name_index *index, const char *name,
                       void *value)
{
    index->names[index->count++] = (struct js_name_index_name){name, value};
}

static int name_index_compare(const void *one, const void *other, void *arg)
{
    const struct js_name_index_name *names = arg;
    return strcmp(names[*(const size_t *)one].text,
                  names[*(const size_t *)other].text);
}

/* Without memory it stays as it was, and searches take longer. */
static void name_index_sort(struct js_name_index *index)
{
    size_t *sorted = realloc(index->sorted, index->count * sizeof(*sorted));
    index->searched = 0;
    if (!sorted)
        return;
    for (size_t i = index->sorted_count; i < index->count; i++)
        sorted[i] = i;
    index->sorted = sorted;
    index->sorted_count = index->count;
    qsort_r(sorted, index->count, sizeof(*sorted), name_index_compare,
            index->names);
}

/* Returns how many of the sorted names come before those that begin with
 * `prefix`; with `is_end`, these count as well. */
static size_t name_index_bisect(const struct js_name_index *index,
                                const char *prefix, size_t len, bool is_end)
{
    size_t from = 0, to = index->sorted_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order =
            strncmp(index->names[index->sorted[middle]].text, prefix, len);
        if (order < 0 || (order == 0 && is_end))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

uint64_t js_name_index_each(struct js_name_index *index, const char *glob,
                            size_t from, size_t to,
                            void (*visit)(void *arg, void *value), void *arg)
{
    const struct js_name_index_name *names = index->names;
    size_t prefix = strcspn(glob, "*?");
    size_t first = 0, last = 0; /* of the sorted names */
    size_t next = from;         /* of the others, by number */
    /* No order helps a glob without a prefix. */
    if (prefix > 0 && index->searched > SORT_COST * (uint64_t)index->count)
        name_index_sort(index);
    if (prefix > 0 && from < index->sorted_count) {
        first = name_index_bisect(index, glob, prefix, false);
        last = name_index_bisect(index, glob, prefix, true);
        next = index->sorted_count;
    }
    if (prefix > 0 && next < to)
        index->searched += to - next;
    if (last - first > index->sorted_count - from) {
        /* Going through all names asked for is shorter. */
        first = last;
        next = from;
    }
    for (size_t i = first; i < last; i++) {
        size_t number = index->sorted[i];
        if (number >= from && number < to &&
            js_text_matches(glob, names[number].text))
            visit(arg, names[number].value);
    }
    uint64_t compared = last - first + (next < to ? to - next : 0);
    for (; next < to; next++) {
        if (js_text_matches(glob, names[next].text))
            visit(arg, names[next].value);
    }
    return compared;
}
