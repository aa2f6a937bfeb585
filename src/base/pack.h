/*
 * pack - writes numbers, byte strings and fields of structs to a message, and
 * reads them back.
 *
 * Little-endian, fixed width, no padding: the bytes are the same on every
 * machine. Writing appends to a js_buf and returns 0, or -1 with errno ENOMEM.
 * Reading uses a cursor that knows how much is left. A read past the end (or of
 * a string longer than what is left) marks the cursor as bad and yields zeros
 * from then on. So a decoder can read all its fields and check only once, at
 * the end, that the message was whole.
 */
#ifndef JS_BASE_PACK_H
#define JS_BASE_PACK_H

#include "base/buf.h"
#include "base/cpuset.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* For layouts with many numbers: these write into room made with
 * js_buf_extend(). Each returns the position after the number. */
static inline char *js_put_u32(char *at, uint32_t value)
{
    uint32_t bytes = htole32(value);
    memcpy(at, &bytes, sizeof(bytes));
    return at + sizeof(bytes);
}

static inline char *js_put_u64(char *at, uint64_t value)
{
    uint64_t bytes = htole64(value);
    memcpy(at, &bytes, sizeof(bytes));
    return at + sizeof(bytes);
}

static inline char *js_put_i64(char *at, int64_t value)
{
    return js_put_u64(at, (uint64_t)value);
}

static inline int js_pack_u8(struct js_buf *buf, uint8_t value)
{
    return js_buf_append(buf, &value, sizeof(value));
}

static inline int js_pack_u32(struct js_buf *buf, uint32_t value)
{
    char *at = js_buf_extend(buf, sizeof(value));
    if (!at)
        return -1;
    js_put_u32(at, value);
    return 0;
}

static inline int js_pack_u64(struct js_buf *buf, uint64_t value)
{
    char *at = js_buf_extend(buf, sizeof(value));
    if (!at)
        return -1;
    js_put_u64(at, value);
    return 0;
}

static inline int js_pack_i64(struct js_buf *buf, int64_t value)
{
    return js_pack_u64(buf, (uint64_t)value);
}

/* A byte string: its length as u64, then the bytes. */
int js_pack_bytes(struct js_buf *buf, const void *bytes, size_t len);

struct js_cursor {
    const char *at; /* borrowed */
    size_t left;
    bool bad;
};

static inline struct js_cursor js_cursor_of(const void *bytes, size_t len)
{
    return (struct js_cursor){bytes, len, false};
}

/* Takes the next `len` bytes. On failure returns NULL and marks the cursor as
 * bad. */
static inline const char *js_take(struct js_cursor *cursor, size_t len)
{
    if (cursor->bad || len > cursor->left) {
        cursor->bad = true;
        return NULL;
    }
    const char *bytes = cursor->at;
    cursor->at += len;
    cursor->left -= len;
    return bytes;
}

/* The counterparts of js_put_u64() and js_put_u32(), for bytes that js_take()
 * has returned. Each moves *at behind the number. */
static inline uint64_t js_get_u64(const char **at)
{
    uint64_t bytes;
    memcpy(&bytes, *at, sizeof(bytes));
    *at += sizeof(bytes);
    return le64toh(bytes);
}

static inline int64_t js_get_i64(const char **at)
{
    return (int64_t)js_get_u64(at);
}

static inline uint32_t js_get_u32(const char **at)
{
    uint32_t bytes;
    memcpy(&bytes, *at, sizeof(bytes));
    *at += sizeof(bytes);
    return le32toh(bytes);
}

static inline uint8_t js_unpack_u8(struct js_cursor *cursor)
{
    const char *at = js_take(cursor, 1);
    return at ? (uint8_t)*at : 0;
}

static inline uint32_t js_unpack_u32(struct js_cursor *cursor)
{
    uint32_t value = 0;
    const char *at = js_take(cursor, sizeof(value));
    if (at)
        memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static inline uint64_t js_unpack_u64(struct js_cursor *cursor)
{
    uint64_t value = 0;
    const char *at = js_take(cursor, sizeof(value));
    if (at)
        memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

static inline int64_t js_unpack_i64(struct js_cursor *cursor)
{
    return (int64_t)js_unpack_u64(cursor);
}

/* Returns the next `len` bytes, within the message; "" on failure. */
static inline const char *js_unpack_raw(struct js_cursor *cursor, size_t len)
{
    const char *bytes = js_take(cursor, len);
    return bytes ? bytes : "";
}

/* Returns a pointer into the message. On failure *ret_len is 0 and the result
 * "". */
const char *js_unpack_bytes(struct js_cursor *cursor, size_t *ret_len);

/* Copies a byte string to `to` and adds a NUL. A string of `size` bytes or
 * more, or with a NUL inside, is bad. */
void js_unpack_string(struct js_cursor *cursor, char *to, size_t size);

/* Returns 0 if every read was whole and nothing is left over, otherwise -1 with
 * errno EBADMSG. */
static inline int js_cursor_end(const struct js_cursor *cursor)
{
    /* Any bytes left over were written by another version. */
    if (!cursor->bad && cursor->left == 0)
        return 0;
    errno = EBADMSG;
    return -1;
}

/*
 * The layout of a message can be given as a table of a struct's fields.
 *
 *     static const struct js_field fields[] = {
 *         JS_FIELD(struct point, x),
 *         JS_FIELD(struct point, name),
 *     };
 *
 * The fields are sent in the order of the table. The type of a member
 * determines its encoding. A member of any other type does not compile.
 *
 * A table takes time for each field. With tables for a job, its end and its
 * outcome, the master needed 35 % more instructions per job, and the code was
 * only 27 lines shorter. So those three are written out (mpi/wire.c,
 * list/outcome.c, runner/messages.c).
 */

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
