/*
 * pool - memory for many objects that come and go.
 *
 * Memory that is given back is kept for the next objects of about that size
 * until the pool is closed, which costs far less than malloc() and free(). One
 * thread uses a pool and all that comes from it. Builds that look for errors in
 * the use of memory (JS_DEBUG, AddressSanitizer) keep nothing.
 */
#ifndef JS_BASE_POOL_H
#define JS_BASE_POOL_H

#include <stddef.h>

struct js_pool;

struct js_pool *js_pool_new(void); /* NULL with errno ENOMEM */

/* The owner needs no more objects. Those that exist remain valid; the pool is
 * freed with the last of them. NULL is allowed. Keeps errno. */
void js_pool_close(struct js_pool *pool);

/* Returns memory for one object, aligned to 8 bytes, or NULL with errno ENOMEM.
 * The pool may be NULL: then the memory is from malloc(), and goes back
 * there. */
void *js_pool_get(struct js_pool *pool, size_t size);

/* Gives the memory of one object back. NULL is allowed. Keeps errno. */
void js_pool_put(void *memory);

#endif
