/*
 * product - which values of several sources make a combination.
 *
 * Each combination takes one value of each source. Sources multiply: there is a
 * combination for each way to choose the values, and the value of the last
 * source changes fastest. A source may be linked with the one before: both then
 * change together, and the combinations end with the shorter one. If all are
 * linked by --link, a shorter source starts over until the longest has ended.
 *
 *     1 2 x a b           1a 1b 2a 2b
 *     1 2 linked a b c    1a 2b
 *     1 2 --link a b c    1a 2b 1c
 *
 * Knows how many values there are, and nothing of the values. Nothing is
 * stored for a combination: each is computed from its number.
 */
#ifndef JS_LIST_PRODUCT_H
#define JS_LIST_PRODUCT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest number of combinations, and of values of a source. */
#define JS_PRODUCT_MAX (UINT64_C(1) << 63)

/* The source has not been read to its end. */
#define JS_PRODUCT_UNKNOWN UINT64_MAX

struct js_product_source {
    uint64_t count; /* of its values, or JS_PRODUCT_UNKNOWN */
    bool is_linked; /* with the source before it */
};

struct js_product;

/* True if the length of this source may be unknown: its values are then used in
 * order, each before the next one is needed. Any other source must be read to
 * its end first. */
bool js_product_may_stream(const struct js_product_source *sources,
                           size_t count, bool are_all_linked, size_t source);

/* One source at most may be of unknown length. Without sources there is one
 * combination. Returns NULL with errno ENOMEM, or with errno ERANGE if there
 * are too many combinations; *err says so. */
struct js_product *js_product_new(const struct js_product_source *sources,
                                  size_t count, bool are_all_linked,
                                  struct js_err *err);
void js_product_free(struct js_product *product); /* NULL is allowed */

/* The number of combinations, or JS_PRODUCT_UNKNOWN. */
uint64_t js_product_count(const struct js_product *product);

/* Must be called when the source of unknown length has ended: it had `count`
 * values. */
void js_product_end(struct js_product *product, uint64_t count);

/*
 * Computes combination number `number`, from 0: ret[i] is the number of the
 * value of source i, from 0. Returns false if there is no such combination.
 * While the length of a source is unknown, it may turn out that the value has
 * the number of its end: then there is no such combination either.
 */
bool js_product_get(const struct js_product *product, uint64_t number,
                    uint64_t *ret);

#endif
