/*
 * text - treats bytes as characters: UTF-8, and what is safe to show on a
 * terminal. Also handles words that resemble each other, and host names.
 */
#ifndef JS_BASE_TEXT_H
#define JS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the length in bytes of the UTF-8 character at the front of `len`
 * bytes, or 0 if there is no whole character. Overlong forms, halves of
 * surrogate pairs and characters beyond U+10FFFF do not count. */
size_t js_text_character(const char *bytes, size_t len);

/* The byte order mark that some editors write before UTF-8 text. */
#define JS_TEXT_BYTE_ORDER_MARK "\xef\xbb\xbf"

/* A UTF-8 character has at most this many bytes after its first. */
enum { JS_TEXT_CONTINUATIONS_MAX = 3 };

/* True for the bytes after the first. */
static inline bool js_text_is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* How many of these bytes to show, at most `max`. Never cuts a UTF-8
 * character. */
static inline size_t js_text_shown_len(const char *bytes, size_t len,
                                       size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && js_text_is_continuation(bytes[max]))
        max--;
    return max;
}

static inline bool js_text_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The position of the first non-blank byte at or after `at`, or `len`. */
static inline size_t js_text_skip_blanks(const char *text, size_t len,
                                         size_t at)
{
    while (at < len && js_text_is_blank(text[at]))
        at++;
    return at;
}

/*
 * Replaces every byte that could control a terminal with '?': control bytes,
 * and C1 controls (0x80 to 0x9f) both as single bytes and in UTF-8. All other
 * UTF-8 stays, and so do bytes from 0xa0 on that are not UTF-8.
 */
void js_text_make_printable(char *text);

/* The plural ending for this count: "" for 1, otherwise "s". */
static inline const char *js_text_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/*
 * The entry of a NULL-terminated list of words that was most likely meant by
 * `word`, or NULL. It is at most two edits away from `word`, and fewer edits
 * than `word` is long.
 */
const char *js_text_closest(const char *word, const char *const *words);

/* True if the whole text matches the glob: '*' stands for any bytes, also none
 * and also '/', and '?' for one byte. Every other byte stands for itself. */
bool js_text_matches(const char *glob, const char *text);

/* True if both names may refer to the same host: they are equal, or one is the
 * short form of the other ("n1", "n1.cluster.example.org"). Case does not
 * matter. */
bool js_host_is_same(const char *a, const char *b);

/* A hash of a host name. It is equal for names that may refer to the same host
 * according to js_host_is_same(), and rarely equal for others. */
uint64_t js_host_hash(const char *name);

/*
 * False if a program that gets the name, such as ssh or a remote shell, would
 * take it for something else: it begins with a dash, even after "user@", or
 * contains a character that no host name or address has.
 */
bool js_host_is_name(const char *name);

#endif
