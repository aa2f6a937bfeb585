#include "list/values_cache.h"

#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cached {
    struct cached *next;
    struct js_values *values;
    char text[];
};

struct js_values_cache {
    struct js_strmap by_text; /* to struct cached */
    struct cached *first;
};

struct js_values_cache *js_values_cache_new(void)
{
    return calloc(1, sizeof(struct js_values_cache));
}

void js_values_cache_free(struct js_values_cache *cache)
{
    int saved = errno;
    while (cache && cache->first) {
        struct cached *cached = cache->first;
        cache->first = cached->next;
        js_values_free(cached->values);
        free(cached);
    }
    if (cache)
        js_strmap_release(&cache->by_text);
    free(cache);
    errno = saved;
}

const struct js_values *js_values_cache_get(struct js_values_cache *cache,
                                            const char *text, size_t *ret_at,
                                            struct js_err *err)
{
    struct cached *cached = js_strmap_get(&cache->by_text, text);
    size_t size = strlen(text) + 1;
    if (cached)
        return cached->values;
    cached = malloc(sizeof(*cached) + size);
    if (!cached || js_strmap_reserve(&cache->by_text) < 0) {
        free(cached);
        *ret_at = 0;
        js_err_set(err, "cannot read the values: %s", js_errno_text(ENOMEM));
        errno = ENOMEM;
        return NULL;
    }
    memcpy(cached->text, text, size);
    cached->values = js_values_new(text, ret_at, err);
    if (!cached->values) {
        int saved = errno;
        free(cached);
        errno = saved;
        return NULL;
    }
    cached->next = cache->first;
    cache->first = cached;
    js_strmap_put(&cache->by_text, cached->text, cached);
    return cached->values;
}
