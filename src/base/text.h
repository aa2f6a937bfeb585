/*
 * text - bytes as the characters that a person reads: UTF-8, and what a
 * terminal may be shown.
 */
#ifndef JS_BASE_TEXT_H
#define JS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The length in bytes of the UTF-8 character at the front of `len` bytes; 0 if
 * none is there whole (also for a longer form of a shorter character, half of a
 * surrogate pair, or one beyond U+10FFFF). */
size_t js_text_character(const char *bytes, size_t len);

/* A UTF-8 character has at most so many bytes behind its first. */
enum { JS_TEXT_CONTINUATIONS_MAX = 3 };

/* True for these. */
static inline bool js_text_is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/*
 * Puts '?' in the place of every byte that could steer a terminal: control
 * bytes, and those of C1 (0x80 to 0x9f) as they are and as UTF-8 has them. What
 * else is UTF-8 stays, and so do bytes that are none from 0xa0 on.
 */
void js_text_make_printable(char *text);

#endif
