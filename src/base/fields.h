/*
 * fields - the layout of a message as a table: which fields of a struct it has.
 *
 *     static const struct js_field fields[] = {
 *         JS_FIELD(struct point, x),
 *         JS_FIELD(struct point, name),
 *     };
 *
 * The type of a member says how it travels (base/pack.h), in the order of the
 * table. A member of another type does not compile.
 *
 * A look at a table for each field takes longer than a line of code for each: a
 * job, its end and its outcome by tables cost the master 35 % more instructions
 * a job, for 27 lines less. So those are written out (mpi/wire.c,
 * list/outcome.c, runner/messages.c).
 */
#ifndef JS_BASE_FIELDS_H
#define JS_BASE_FIELDS_H

#include "base/buf.h"
#include "base/cpuset.h"
#include "base/pack.h"

#include <stddef.h>
#include <stdint.h>

enum js_field_kind {
    JS_FIELD_BOOL,
    JS_FIELD_32,     /* uint32_t, int32_t, an enum */
    JS_FIELD_64,     /* uint64_t */
    JS_FIELD_TIME,   /* int64_t, never negative */
    JS_FIELD_TEXT,   /* const char *: it travels with its NUL, and is left in
                        the message; NULL arrives as "" */
    JS_FIELD_STRING, /* char[]: without its NUL */
    JS_FIELD_CPUS,   /* struct js_cpuset: as a list */
};

struct js_field {
    enum js_field_kind kind;
    size_t offset, size;
};

#define JS_FIELD(type, member)                                                   \
    {                                                                            \
        _Generic(((type *)NULL)->member, bool                                  \
                 : JS_FIELD_BOOL, uint32_t                                     \
                 : JS_FIELD_32, int32_t                                        \
                 : JS_FIELD_32, uint64_t                                       \
                 : JS_FIELD_64, int64_t                                        \
                 : JS_FIELD_TIME, const char *                                   \
                 : JS_FIELD_TEXT, char *                                       \
                 : JS_FIELD_STRING, struct js_cpuset                           \
                 : JS_FIELD_CPUS),                                             \
            offsetof(type, member), sizeof(((type *)NULL)->member) \
    }

/* Appends these fields of *from. 0, or -1 with errno ENOMEM. */
int js_fields_pack(struct js_buf *buf, const struct js_field *fields,
                   size_t count, const void *from);

/* Reads them into *to; other members stay as they are. What is cut or out of
 * range marks the cursor. */
void js_fields_unpack(struct js_cursor *cursor, const struct js_field *fields,
                      size_t count, void *to);

/* How many rows a table has. */
#define JS_FIELDS(table) (table), sizeof(table) / sizeof((table)[0])

#endif
