/*
 * fields - the layout of a message as a table of a struct's fields.
 *
 *     static const struct js_field fields[] = {
 *         JS_FIELD(struct point, x),
 *         JS_FIELD(struct point, name),
 *     };
 *
 * The fields travel in the order of the table. The type of a member determines
 * its encoding (base/pack.h). A member of any other type does not compile.
 *
 * A table costs time for each field. With tables for a job, its end and its
 * outcome, the master needed 35 % more instructions a job, and the code was
 * only 27 lines shorter. So those three are written out (mpi/wire.c,
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
    JS_FIELD_TEXT,   /* const char *: sent with its NUL, and left in the message
                        when read; NULL arrives as "" */
    JS_FIELD_STRING, /* char[]: sent without its NUL */
    JS_FIELD_CPUS,   /* struct js_cpuset: sent as a list */
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

/* Appends these fields of *from. Returns 0, or -1 with errno ENOMEM. */
int js_fields_pack(struct js_buf *buf, const struct js_field *fields,
                   size_t count, const void *from);

/* Reads these fields into *to; other members stay as they are. A field that is
 * cut off or out of range marks the cursor as bad. */
void js_fields_unpack(struct js_cursor *cursor, const struct js_field *fields,
                      size_t count, void *to);

/* The table and its number of rows, as two arguments. */
#define JS_FIELDS(table) (table), sizeof(table) / sizeof((table)[0])

#endif
