#include "base/text.h"

#include <string.h>

/* The bytes that may follow the first byte of a longer character. Any other
 * would make an overlong form, half of a surrogate pair, or a character beyond
 * U+10FFFF. */
static bool text_is_second(unsigned char first, unsigned char second)
{
    unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= least && second <= most;
}

/* The length of a character that begins with this byte, or 0. */
static size_t text_length_by_first(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

size_t js_text_character(const char *bytes, size_t len)
{
    const unsigned char *at = (const unsigned char *)bytes;
    size_t length = len > 0 ? text_length_by_first(at[0]) : 0;
    if (length > len || (length > 1 && !text_is_second(at[0], at[1])))
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (!js_text_is_continuation(bytes[i]))
            return 0;
    }
    return length;
}

void js_text_make_printable(char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        unsigned char *at = (unsigned char *)text;
        size_t len = js_text_character(text, left);
        /* C1 controls are one byte in Latin-1 and two in UTF-8; terminals obey
         * both. */
        bool is_control = *at < 0x20 || *at == 0x7f ||
                          (len == 0 && *at >= 0x80 && *at < 0xa0) ||
                          (len == 2 && at[0] == 0xc2 && at[1] < 0xa0);
        /* A byte that is no UTF-8 stands for itself. */
        if (len == 0)
            len = 1;
        if (is_control)
            memset(text, '?', len);
        text += len;
        left -= len;
    }
}
