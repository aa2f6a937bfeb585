/*
 * units - numbers, durations and sizes as people write them.
 *
 * Every js_parse call takes a whole NUL-terminated string. It refuses blanks,
 * signs and anything after the number. It returns 0, or -1 with errno EINVAL
 * (wrong form) or ERANGE (too large); in that case *ret is unchanged.
 */
#ifndef JS_BASE_UNITS_H
#define JS_BASE_UNITS_H

#include "base/buf.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* "0", "42": a decimal number up to 2^64-1. */
int js_parse_count(const char *text, uint64_t *ret);

/* The number, or -1 if the text is NULL, not a number or more than an int
 * holds. */
static inline int js_parse_int(const char *text)
{
    uint64_t value;
    bool is_int = text && js_parse_count(text, &value) == 0 && value <= INT_MAX;
    return is_int ? (int)value : -1;
}

/* "90", "1.5", "250ms", "90s", "10m", "2h", "1d"; without a unit, seconds. */
int js_parse_duration_ns(const char *text, int64_t *ret_ns);

/* "4096", "512K", "2G", "1.5T": powers of 1024; a final "B" or "iB" is
 * allowed. */
int js_parse_size_bytes(const char *text, uint64_t *ret_bytes);

/* Appends "2.1 s", "3 min 5 s" or "1 h 02 min"; a negative duration counts as
 * 0. Returns 0, or -1 with errno ENOMEM. */
int js_format_duration(struct js_buf *buf, int64_t ns);

#endif
