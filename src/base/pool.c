#include "base/pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define JS_POOL_KEEPS_NOTHING
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JS_POOL_KEEPS_NOTHING
#endif
#endif
#ifdef JS_DEBUG
#define JS_POOL_KEEPS_NOTHING
#endif

enum {
    STEP = 32,  /* the sizes of the kinds differ by so many bytes */
    KINDS = 32, /* anything larger is left to malloc() */
};

/* What precedes each object. */
struct head {
    struct kind *kind; /* NULL: no pool */
};

/* An object that is not in use. */
struct spare {
    struct head head;
    struct spare *next;
};

struct kind {
    struct js_pool *pool;
    struct spare *spares;
};

struct js_pool {
    bool is_closed;
    uint64_t used; /* objects that exist */
    struct kind kinds[KINDS];
};

struct js_pool *js_pool_new(void)
{
    struct js_pool *pool = calloc(1, sizeof(*pool));
    for (int i = 0; pool && i < KINDS; i++)
        pool->kinds[i].pool = pool;
    return pool;
}

void js_pool_close(struct js_pool *pool)
{
    if (!pool)
        return;
    int saved = errno;
    for (int i = 0; i < KINDS; i++) {
        struct spare *spare;
        while ((spare = pool->kinds[i].spares)) {
            pool->kinds[i].spares = spare->next;
            free(spare);
        }
    }
    pool->is_closed = true;
    if (pool->used == 0)
        free(pool);
    errno = saved;
}

void *js_pool_get(struct js_pool *pool, size_t size)
{
    size_t number = size / STEP;
    struct kind *kind = pool && number < KINDS ? &pool->kinds[number] : NULL;
    struct head *head;
    if (kind && kind->spares) {
        struct spare *spare = kind->spares;
        kind->spares = spare->next;
        head = &spare->head;
    } else {
        if (kind)
            size = (number + 1) * STEP;
        head = malloc(sizeof(*head) + size);
        if (!head)
            return NULL;
        head->kind = kind;
    }
    if (kind)
        pool->used++;
    return head + 1;
}

/* Gives back what the pool does not keep. */
static void head_free(struct head *head)
{
    int saved = errno;
    struct js_pool *pool = head->kind ? head->kind->pool : NULL;
    free(head);
    if (pool && pool->is_closed && pool->used == 0)
        free(pool);
    errno = saved;
}

void js_pool_put(void *memory)
{
    if (!memory)
        return;
    struct head *head = (struct head *)memory - 1;
    struct kind *kind = head->kind;
    if (kind)
        kind->pool->used--;
#ifndef JS_POOL_KEEPS_NOTHING
    if (kind && !kind->pool->is_closed) {
        struct spare *spare = (struct spare *)head;
        spare->next = kind->spares;
        kind->spares = spare;
        return;
    }
#endif
    head_free(head);
}
