#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

static bool printable_is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* How long the UTF-8 character at `at` is; 1 for what is none. */
static size_t printable_length_of_character(const unsigned char *at)
{
    size_t len = at[0] >= 0xf0 && at[0] < 0xf8   ? 4
                 : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                                                 : 1;
    for (size_t i = 1; i < len; i++) {
        if (!printable_is_continuation(at[i]))
            return 1;
    }
    return len;
}

void js_text_make_printable(char *text)
{
    unsigned char *at = (unsigned char *)text;
    while (*at) {
        size_t len = printable_length_of_character(at);
        bool is_control = *at < 0x20 || *at == 0x7f ||
                          (len == 1 && *at >= 0x80 && *at < 0xa0) ||
                          (len == 2 && at[0] == 0xc2 && at[1] < 0xa0);
        for (size_t i = 0; is_control && i < len; i++)
            at[i] = '?';
        at += len;
    }
}
