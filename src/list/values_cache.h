/*
 * values_cache - the values of the loops of a list, read once.
 *
 * A list is walked several times: by its check, by the run, by --status. All of
 * these must see the same values, even if the files and folders that a loop
 * names change meanwhile. Owns the values, by the text of their loop.
 */
#ifndef JS_LIST_VALUES_CACHE_H
#define JS_LIST_VALUES_CACHE_H

#include "base/err.h"
#include "list/values.h"

#include <stddef.h>

struct js_values_cache;

/* Returns NULL with errno ENOMEM. */
struct js_values_cache *js_values_cache_new(void);
void js_values_cache_free(struct js_values_cache *cache); /* NULL is allowed */

/* Works like js_values_new(), but reads each text only once. The cache owns the
 * values. */
const struct js_values *js_values_cache_get(struct js_values_cache *cache,
                                            const char *text, size_t *ret_at,
                                            struct js_err *err);

#endif
