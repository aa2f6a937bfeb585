#include "base/text.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The bytes that may follow the first byte of a longer character. Any other
 * would make an overlong form, half of a surrogate pair, or a character beyond
 * U+10FFFF. */
static bool text_is_second(unsigned char first, unsigned char second)
{
    unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= least && second <= most;
}

size_t js_text_character(const char *bytes, size_t len)
{
    const unsigned char *at = (const unsigned char *)bytes;
    if (len == 0 || (at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4)
        return 0;
    if (at[0] < 0x80)
        return 1;
    size_t length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (length > len || !text_is_second(at[0], at[1]))
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
        /* A byte that is not UTF-8 stands for itself. */
        if (len == 0)
            len = 1;
        if (is_control)
            memset(text, '?', len);
        text += len;
        left -= len;
    }
}

/* ---------------------------------------------------------------- words */

enum { WORD_MAX = 32 }; /* longer words are not considered */

/* Levenshtein distance of two words of at most WORD_MAX bytes. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t len_b = strlen(b);
    for (size_t j = 0; j <= len_b; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < other ? replace : other;
        }
    }
    return row[len_b];
}

const char *js_text_closest(const char *word, const char *const *words)
{
    const char *best = NULL;
    /* A word in which every letter differs is not similar, however short it
     * is. */
    size_t best_distance = strlen(word) < 3 ? strlen(word) : 3;
    if (strlen(word) > WORD_MAX)
        return NULL;
    for (; *words; words++) {
        if (strlen(*words) > WORD_MAX)
            continue;
        size_t distance = edit_distance(word, *words);
        if (distance < best_distance) {
            best_distance = distance;
            best = *words;
        }
    }
    return best;
}

bool js_text_matches(const char *glob, const char *text)
{
    /* The last '*' so far, and the text that remains if it takes one byte more:
     * an earlier '*' need never take more, since the last can. */
    const char *star = NULL, *retry = NULL;
    while (*text) {
        if (*glob == '*') {
            star = ++glob;
            retry = text;
        } else if (*glob == '?' || *glob == *text) {
            glob++;
            text++;
        } else if (star) {
            glob = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

/* ---------------------------------------------------------------- hosts */

bool js_host_is_same(const char *a, const char *b)
{
    size_t a_short = strcspn(a, "."), b_short = strcspn(b, ".");
    if (strcasecmp(a, b) == 0)
        return true;
    bool has_short = a[a_short] == '\0' || b[b_short] == '\0';
    return has_short && a_short == b_short && a_short > 0 &&
           strncasecmp(a, b, a_short) == 0;
}

uint64_t js_host_hash(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *name && *name != '.'; name++)
        hash = (hash ^ (uint64_t)tolower((unsigned char)*name)) *
               UINT64_C(0x100000001b3);
    return hash;
}

bool js_host_is_name(const char *name)
{
    /* Addresses may contain ':', '[' and '%'; Open MPI uses '+' and '^' for its
     * own purposes. */
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789._-@:[]%+^";
    const char *at = strrchr(name, '@');
    return name[0] != '\0' && name[0] != '-' && (!at || at[1] != '-') &&
           name[strspn(name, allowed)] == '\0';
}
