/*
 * sh_context - how a value must be quoted at a place in a shell command.
 *
 * Reads a command as sh does, from left to right, with an explicit stack of
 * quotes and brackets. It knows nothing of values and of replacement strings
 * but where these stand: the spots.
 *
 * dash, bash, ksh and zsh read the command in the same way up to any spot that
 * can be quoted. Where they differ ($'\'', say), all later spots are
 * JS_SH_UNCLEAR. A spot counts as some bytes of a word, since a quoted value
 * cannot be anything else.
 */
#ifndef JS_LIST_SH_CONTEXT_H
#define JS_LIST_SH_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum js_sh_context {
    JS_SH_PLAIN,  /* not in a command, so that there is nothing to quote */
    JS_SH_BARE,   /* outside of quotes, also in $(...) and (...) */
    JS_SH_SINGLE, /* within '...' */
    JS_SH_DOUBLE, /* within "..." */
    /* At all others, and at what is nested in them, nothing can be quoted. */
    JS_SH_BACKSLASH,  /* bare, directly after a backslash */
    JS_SH_BACKQUOTES, /* `...` */
    JS_SH_PARAMETER,  /* ${...} */
    JS_SH_ARITHMETIC, /* $((...)) and ((...)) */
    JS_SH_ANSI,       /* $'...' */
    JS_SH_HERE,       /* a here-document, and the word that ends it */
    JS_SH_COMMENT,    /* # ... */
    JS_SH_UNCLEAR,    /* shells differ in how they read the text before it */
    JS_SH_CONTEXT_COUNT,
};

struct js_sh_spot {
    size_t at, len; /* the bytes of the replacement string; set by the caller */
    enum js_sh_context context;
    /* The name of the program that evaluates the word with this spot once more
     * ("sh", "awk"), so that quotes do not protect the value there; or NULL. */
    const char *program;
    bool is_behind_variable;  /* the value would go on with the name in $x */
    bool is_behind_backslash; /* in "...": one that stands for itself */
    bool may_be_special; /* the word may be an assignment or a reserved word */
    bool is_whole_word;  /* there is nothing else in the word */
    bool is_in_braces;   /* a '{' is in the same word, so ',' may be special */
    bool is_before_redirection; /* a number would be a descriptor: {}>file */
};

/* Fills in `count` spots, which are in the order of the text and do not
 * overlap. Returns 0, or -1 with errno ENOMEM. */
int js_sh_context_find(const char *text, size_t len, struct js_sh_spot *spots,
                       size_t count);

#endif
