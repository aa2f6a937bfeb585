#include "base/mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RUN_DIGITS = 16 };

void js_mark_format(const struct js_mark *mark, char text[JS_MARK_SIZE])
{
    if (mark->session)
        snprintf(text, JS_MARK_SIZE, "%016" PRIx64 "+%" PRIu64, mark->run,
                 mark->session);
    else
        snprintf(text, JS_MARK_SIZE, "%016" PRIx64, mark->run);
}

/* Reads a number of that many digits, or of any number of digits (0). Returns
 * NULL if there is none. */
static const char *mark_number(const char *text, unsigned base, size_t digits,
                               uint64_t *ret)
{
    static const char figures[] = "0123456789abcdef";
    size_t len = 0;
    uint64_t number = 0;
    for (; text[len] && (digits == 0 || len < digits); len++) {
        const char *figure = strchr(figures, text[len]);
        unsigned value = figure ? (unsigned)(figure - figures) : base;
        if (value >= base || number > (UINT64_MAX - value) / base)
            break;
        number = number * base + value;
    }
    *ret = number;
    return len == 0 || (digits > 0 && len < digits) ? NULL : text + len;
}

/* Returns the position after the mark, or NULL if there is none. */
static const char *mark_take(const char *text, struct js_mark *ret)
{
    *ret = (struct js_mark){0};
    const char *at = mark_number(text, 16, RUN_DIGITS, &ret->run);
    if (at && *at == '+')
        at = mark_number(at + 1, 10, 0, &ret->session);
    return ret->run != 0 ? at : NULL;
}

bool js_mark_parse(const char *text, struct js_mark *ret)
{
    const char *at = mark_take(text, ret);
    return at && *at == '\0';
}

bool js_mark_next_outer(const char **within, struct js_outer_job *ret)
{
    uint64_t attempt = 0;
    const char *at = mark_take(*within + strspn(*within, " "), &ret->mark);
    at = at && *at == '/' ? mark_number(at + 1, 10, 0, &ret->id) : NULL;
    at = at && *at == '/' ? mark_number(at + 1, 10, 0, &attempt) : NULL;
    if (!at || (*at != '\0' && *at != ' ') || attempt > UINT32_MAX)
        return false;
    ret->attempt = (uint32_t)attempt;
    *within = at;
    return true;
}

bool js_mark_within(const char *within, uint64_t run, uint64_t *ret_id,
                    uint32_t *ret_attempt)
{
    struct js_outer_job outer;
    while (js_mark_next_outer(&within, &outer)) {
        if (outer.mark.run != run)
            continue;
        *ret_id = outer.id;
        *ret_attempt = outer.attempt;
        return true;
    }
    return false;
}
