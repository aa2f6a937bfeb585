#include "base/units.h"

#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* In nanoseconds. Units are lower case and exact, because "M" may be minutes or
 * months. */
static const struct unit duration_units[] = {
    {"", UINT64_C(1000000000)},
    {"ms", UINT64_C(1000000)},
    {"s", UINT64_C(1000000000)},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
    {"d", UINT64_C(86400000000000)},
    {NULL, 0},
};

/* Both spellings mean powers of 1024: Slurm and the kernel count memory in this
 * way. */
static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"K", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},
    {"T", UINT64_C(1) << 40},
    {"KB", UINT64_C(1) << 10},
    {"MB", UINT64_C(1) << 20},
    {"GB", UINT64_C(1) << 30},
    {"TB", UINT64_C(1) << 40},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {NULL, 0},
};

static int units_fail(int error)
{
    errno = error;
    return -1;
}

/* Reads digits at *text and moves *text past them. strtoull(3) would accept
 * blanks and signs, and turn "-1" into a large number. */
static int units_read_digits(const char **text, uint64_t *ret)
{
    uint64_t value = 0;
    const char *p = *text;
    if (!isdigit((unsigned char)*p))
        return units_fail(EINVAL);
    for (; isdigit((unsigned char)*p); p++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return units_fail(ERANGE);
    }
    *text = p;
    *ret = value;
    return 0;
}

int js_parse_count(const char *text, uint64_t *ret)
{
    uint64_t value;
    if (units_read_digits(&text, &value) < 0)
        return -1;
    if (*text)
        return units_fail(EINVAL);
    *ret = value;
    return 0;
}

static int units_parse_scaled(const char *text, const struct unit *units,
                              uint64_t *ret)
{
    uint64_t whole, ignored;
    double fraction = 0, weight = 0.1;
    if (units_read_digits(&text, &whole) < 0)
        return -1;
    if (*text == '.') {
        const char *digits = ++text;
        /* Too many digits are not an error: they are only more precise than
         * needed. */
        if (units_read_digits(&text, &ignored) < 0 && errno == EINVAL)
            return -1;
        text = digits + strspn(digits, "0123456789");
        /* Nine digits are exact to the nanosecond, and in a double. */
        for (int i = 0; digits + i < text && i < 9; i++, weight /= 10)
            fraction += (digits[i] - '0') * weight;
    }
    while (units->name && strcmp(units->name, text) != 0)
        units++;
    if (!units->name)
        return units_fail(EINVAL);
    uint64_t rest = (uint64_t)(fraction * (double)units->factor + 0.5);
    if (__builtin_mul_overflow(whole, units->factor, &whole) ||
        __builtin_add_overflow(whole, rest, &whole))
        return units_fail(ERANGE);
    *ret = whole;
    return 0;
}

int js_parse_duration_ns(const char *text, int64_t *ret_ns)
{
    uint64_t ns;
    if (units_parse_scaled(text, duration_units, &ns) < 0)
        return -1;
    /* JS_NEVER_NS stands for no deadline, so it must not be a valid
     * duration. */
    if (ns >= (uint64_t)JS_NEVER_NS)
        return units_fail(ERANGE);
    *ret_ns = (int64_t)ns;
    return 0;
}

int js_parse_size_bytes(const char *text, uint64_t *ret_bytes)
{
    return units_parse_scaled(text, size_units, ret_bytes);
}

static int64_t units_divide_rounded(int64_t ns, int64_t unit_ns)
{
    return ns / unit_ns + (ns % unit_ns >= unit_ns / 2);
}

int js_format_duration(struct js_buf *buf, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    /* The value is rounded before the unit is chosen: 59.97 s becomes a minute,
     * not "60.0 s". */
    int64_t tenths = units_divide_rounded(ns, JS_NS_PER_S / 10);
    if (tenths < 600)
        return js_buf_printf(buf, "%d.%d s", (int)tenths / 10,
                             (int)tenths % 10);
    int64_t seconds = units_divide_rounded(ns, JS_NS_PER_S);
    if (seconds < 3600)
        return js_buf_printf(buf, "%d min %d s", (int)seconds / 60,
                             (int)seconds % 60);
    int64_t minutes = units_divide_rounded(ns, 60 * JS_NS_PER_S);
    return js_buf_printf(buf, "%" PRId64 " h %02d min", minutes / 60,
                         (int)(minutes % 60));
}
