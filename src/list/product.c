#include "list/product.h"

#include <errno.h>
#include <stdlib.h>

/* Sources that are linked form a group, which counts like one source. */
struct product_source {
    uint64_t count;
    uint64_t group_count; /* how many values the group gives before it ends */
    uint64_t stride;      /* combinations until the group's next value */
};

/* Invariant: a source of unknown length is in the first group, whose number is
 * not limited by what comes before it. Until this source has ended, the
 * group_count is that of the others in the group, or JS_PRODUCT_UNKNOWN, which
 * is more than any number. */
struct js_product {
    size_t source_count;
    size_t first_group; /* how many sources it has */
    bool is_open;       /* a source has not ended */
    bool is_empty;
    struct product_source sources[];
};

bool js_product_may_stream(const struct js_product_source *sources,
                           size_t count, bool are_all_linked, size_t source)
{
    if (are_all_linked)
        return count == 1;
    while (source > 0 && sources[source].is_linked)
        source--;
    return source == 0;
}

/* Fills in the sources of the group that ends before `end`. Returns the index
 * of its first source, and multiplies *stride by the number of its values;
 * *stride is 0 after an overflow. */
static size_t product_add_group(struct js_product *product,
                                const struct js_product_source *sources,
                                size_t end, bool are_all_linked,
                                uint64_t *stride)
{
    size_t first = end - 1;
    uint64_t group_count = sources[first].count;
    while (first > 0 && (are_all_linked || sources[first].is_linked)) {
        uint64_t count = sources[--first].count;
        if (are_all_linked ? count > group_count : count < group_count)
            group_count = count;
    }
    for (size_t i = first; i < end; i++) {
        product->sources[i] = (struct product_source){
            .count = sources[i].count,
            .group_count = group_count,
            .stride = *stride,
        };
        product->is_empty |= sources[i].count == 0;
        product->is_open |= sources[i].count == JS_PRODUCT_UNKNOWN;
    }
    if (group_count != JS_PRODUCT_UNKNOWN &&
        (__builtin_mul_overflow(*stride, group_count, stride) ||
         *stride > JS_PRODUCT_MAX))
        *stride = 0;
    return first;
}

struct js_product *js_product_new(const struct js_product_source *sources,
                                  size_t count, bool are_all_linked,
                                  struct js_err *err)
{
    struct js_product *product =
        calloc(1, sizeof(*product) + count * sizeof(product->sources[0]));
    uint64_t total = 1;
    if (!product) {
        js_err_errno(err, "cannot combine the values");
        return NULL;
    }
    product->source_count = count;
    /* The last group changes fastest, so its stride is 1. */
    for (size_t end = count; end > 0;) {
        product->first_group = end;
        end = product_add_group(product, sources, end, are_all_linked, &total);
    }
    for (size_t i = 0; i < count; i++)
        JS_INVARIANT(sources[i].count != JS_PRODUCT_UNKNOWN ||
                     js_product_may_stream(sources, count, are_all_linked, i));
    if (total > 0 || product->is_empty)
        return product;
    free(product);
    errno = ERANGE;
    js_err_set(err, "there are more than 2^63 combinations of the values");
    return NULL;
}

void js_product_free(struct js_product *product)
{
    free(product);
}

uint64_t js_product_count(const struct js_product *product)
{
    const struct product_source *first = product->sources;
    if (product->is_empty)
        return 0;
    if (product->is_open)
        return JS_PRODUCT_UNKNOWN;
    return product->source_count ? first->group_count * first->stride : 1;
}

void js_product_end(struct js_product *product, uint64_t count)
{
    for (size_t i = 0; i < product->first_group; i++) {
        struct product_source *source = &product->sources[i];
        if (source->count == JS_PRODUCT_UNKNOWN)
            source->count = count;
        if (source->group_count > count)
            source->group_count = count;
    }
    product->is_open = false;
}

bool js_product_get(const struct js_product *product, uint64_t number,
                    uint64_t *ret)
{
    if (product->is_empty || (product->source_count == 0 && number > 0))
        return false;
    for (size_t i = 0; i < product->source_count; i++) {
        const struct product_source *source = &product->sources[i];
        uint64_t value = number / source->stride;
        if (i >= product->first_group)
            value %= source->group_count;
        else if (value >= source->group_count)
            return false;
        /* Only --link has sources that are shorter than their group. */
        ret[i] = value % source->count;
    }
    return true;
}
