/*
 * attributes - what may stand in brackets before a command, and its defaults.
 *
 *     [name=mesh cores=4 mem=2G timeout=1h retries=2] ./mesh.sh
 *     #JOBSCHED timeout=30m
 *
 * Pure: text in, values out. Owns the strings of a struct js_attributes; knows
 * nothing of files, and of other jobs no more than their names.
 *
 * A list is a '[' directly followed by lower-case letters or '-' and a '=';
 * anything else ("[ -f x ] && y", "[a-z]*.sh") is a shell command. In it stand
 * NAME=VALUE pairs, separated by blanks or tabs, up to the closing ']'; blanks
 * may stand before it and behind it. A value is a run of characters without
 * blanks, quotes and ']', or it is quoted: "..." (in it \" and \\ stand for "
 * and \) or '...' (taken as it is); parts may follow each other directly
 * (a"b c"d). The name of an attribute is never quoted.
 *
 *     name=WORD          letters, digits and _ - . : / only; for after=
 *     after=A,B          names of earlier jobs, which must succeed
 *     after-any=A,B      ... which must end
 *     nodes=N            1 to 1,000,000; cores, mem and gpus are of each
 *     cores=N            1 to 1,000,000
 *     mem=SIZE           "512M"; base/units.h
 *     gpus=N             0 to 1,000
 *     timeout=TIME       "90s"; more than 0
 *     retries=N          0 to 1,000,000
 *     priority=N         -1,000,000 to 1,000,000; higher goes first
 *     dir=PATH           not empty
 *     env=NAME=VALUE     may be given again; a later one of a name wins: all
 *                        are kept, in their order
 *     stdin= stdout= stderr=PATH      not empty
 *
 * All but env, after and after-any may be given once in a list.
 */
#ifndef JS_LIST_ATTRIBUTES_H
#define JS_LIST_ATTRIBUTES_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Strings one behind the other, each with its NUL. */
struct js_strings {
    struct js_buf bytes;
    size_t count;
};

/* What the process of a job gets, each a text: the letter with which it travels
 * (list/job_spec.h), and its field. The name is the first; a new one goes to
 * the end, as the order counts for what a job is (list/identity.h). */
#define JS_ATTRIBUTES_OF_PROCESS(X)                                            \
    X('n', name)                                                               \
    X('d', dir)                                                                \
    X('i', stdin_path)                                                         \
    X('o', stdout_path)                                                        \
    X('r', stderr_path)

struct js_attributes {
    uint32_t nodes;
    uint32_t cores; /* of each node, as the next and mem_bytes */
    uint32_t gpus;
    uint32_t retries;
    bool is_retries_set; /* retries= was given */
    int32_t priority;
    uint64_t mem_bytes; /* 0: not asked for */
    int64_t timeout_ns; /* 0: none */
    /* Owned; NULL: not given. */
#define JS_ATTRIBUTES_MEMBER(letter, field) char *field;
    JS_ATTRIBUTES_OF_PROCESS(JS_ATTRIBUTES_MEMBER)
#undef JS_ATTRIBUTES_MEMBER
    struct js_strings env; /* "NAME=VALUE"; the process gets them as well */
    struct js_strings after;
    struct js_strings after_any;
};

/* One core of one node, nothing else asked for. Allocates nothing. */
void js_attributes_init(struct js_attributes *attributes);

/* Frees the strings; the struct is as initialised. NULL is allowed. Keeps
 * errno. */
void js_attributes_release(struct js_attributes *attributes);

/* *to, which is initialised or released, becomes a copy. 0, or -1 with errno
 * ENOMEM and *to empty. */
int js_attributes_copy(struct js_attributes *to,
                       const struct js_attributes *from);

/* The string at `index` (below count). Takes a time of its offset: to see all
 * of them there is js_strings_next(). */
const char *js_strings_at(const struct js_strings *strings, size_t index);

/* The string behind `previous`, the first one for NULL; NULL: no more. */
const char *js_strings_next(const struct js_strings *strings,
                            const char *previous);

/* True if the line (no newline, no NUL; leading blanks allowed) begins with an
 * attribute list. */
bool js_attributes_present(const char *line, size_t len);

/*
 * Reads the list that `line` begins with into *attributes, which holds the
 * defaults: what the list names is replaced (env is added to; after and
 * after-any too). Returns the offset of the command behind it (blanks skipped,
 * it may be empty: then len); 0 if there is no list. Or -1 with *err saying
 * what is wrong, without a place, and *ret_at the offset it is wrong at: of the
 * name, of the value if that is wrong, of the bracket or quote that is not
 * closed. *attributes then has some of the list, and is good for a release
 * only. Examples of *err:
 *     unknown attribute "core" (did you mean "cores"?)
 *     cores=0: must be a whole number from 1 to 1000000
 *     timeout=1e9x: must be a duration such as 90s, 10m, 2h or 1d
 *     name= is given twice
 *     this list has no closing "]"
 * Out of memory is such an error too (errno ENOMEM; else it is EINVAL).
 */
ptrdiff_t js_attributes_read(const char *line, size_t len,
                             struct js_attributes *attributes, size_t *ret_at,
                             struct js_err *err);

/*
 * The same for what stands behind "#JOBSCHED" in a line of defaults: pairs
 * without brackets, up to the end. Refuses name, after and after-any. Returns
 * 0, or -1 as above.
 */
int js_defaults_read(const char *text, size_t len,
                     struct js_attributes *attributes, size_t *ret_at,
                     struct js_err *err);

/*
 * Where in `line` the value number `index` (from 0, over all that are there of
 * this attribute in the list; of "after" each name counts) of the attribute
 * stands: for errors that show only when the jobs are put together. 0 if it is
 * not there (it may come from elsewhere).
 */
size_t js_attributes_find(const char *line, size_t len, const char *attribute,
                          size_t index);

#endif
