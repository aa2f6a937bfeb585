/*
 * attributes - the settings in brackets before a command, and their defaults.
 *
 *     [name=mesh cores=4 mem=2G timeout=1h retries=2] ./mesh.sh
 *     #JOBSCHED timeout=30m
 *
 * Turns text into values. Owns the strings of a struct js_attributes. It knows
 * nothing of files, and of other jobs it knows only the names.
 *
 * A list is a '[' directly followed by lower-case letters or '-' and a '='.
 * Anything else ("[ -f x ] && y", "[a-z]*.sh") is a shell command. The list
 * contains NAME=VALUE pairs, separated by blanks or tabs, up to the closing
 * ']'. Blanks are allowed before and after that bracket. A value is a run of
 * characters without blanks, quotes or ']', or it is quoted: "..." (where \"
 * and \\ stand for " and \) or '...' (taken literally). Such parts may be
 * joined (a"b c"d). The name of an attribute is never quoted.
 *
 *     name=WORD          letters, digits and _ - . : / only; for after=
 *     after=A,B          names of earlier jobs, which must succeed; '*' stands
 *                        for any characters, '?' for one
 *     after-any=A,B      names of earlier jobs, which must end; the same
 *     nodes=N            1 to 1,000,000; cores, mem and gpus apply to each
 *     cores=N            1 to 1,000,000
 *     mem=SIZE           "512M"; base/units.h
 *     gpus=N             0 to 1,000
 *     timeout=TIME       "90s"; more than 0
 *     retries=N          0 to 1,000,000
 *     priority=N         -1,000,000 to 1,000,000; higher goes first
 *     dir=PATH           not empty
 *     env=NAME=VALUE     may be repeated; all are kept, in order, and the last
 *                        value of a name wins
 *     stdin= stdout= stderr=PATH      not empty
 *     for=NAME:VALUES    makes a template of the line (list/for_loop.h)
 *     arg= arg-used=NAME=VALUE        a value of a template that has been
 *                        written out; may be repeated. The job's identity
 *                        contains the values of arg, not those of arg-used
 *
 * All but env, after, after-any, for, arg and arg-used may be given only once
 * in a list.
 */
#ifndef JS_LIST_ATTRIBUTES_H
#define JS_LIST_ATTRIBUTES_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Strings one after the other, each with its NUL. */
struct js_strings {
    struct js_buf bytes;
    size_t count;
};

/* The strings that are passed to the process of a job. Each has a letter that
 * identifies it in messages (list/job.h), and a field. The name comes first. A
 * new string must go at the end, because the order is part of a job's identity
 * (list/job.h). */
#define JS_ATTRIBUTES_OF_PROCESS(X)                                            \
    X('n', name)                                                               \
    X('d', dir)                                                                \
    X('i', stdin_path)                                                         \
    X('o', stdout_path)                                                        \
    X('r', stderr_path)

/* Whether the template uses a value. If not, the value is part of the job's
 * identity (list/job.h), because the job may read it from the environment;
 * otherwise it is in what the template made of it. */
enum { JS_ATTRIBUTES_ARG_USED = 'u', JS_ATTRIBUTES_ARG_UNUSED = 'a' };

struct js_attributes {
    uint32_t nodes;
    uint32_t cores; /* on each node, like gpus and mem_bytes */
    uint32_t gpus;
    uint32_t retries;
    bool is_retries_set; /* retries= was given */
    int32_t priority;
    uint64_t mem_bytes; /* 0: no request */
    int64_t timeout_ns; /* 0: none */
    /* Owned; NULL if not given. */
#define JS_ATTRIBUTES_MEMBER(letter, field) char *field;
    JS_ATTRIBUTES_OF_PROCESS(JS_ATTRIBUTES_MEMBER)
#undef JS_ATTRIBUTES_MEMBER
    struct js_strings env; /* "NAME=VALUE" each; also passed to the process */
    struct js_strings after;
    struct js_strings after_any;
    bool has_globs; /* '*' and '?' in these names stand for other characters;
                       else for themselves */
    /* The values of a template that the job was made with: each is one of
     * JS_ATTRIBUTES_ARG_USED or _UNUSED, followed by "NAME=VALUE". The process
     * gets them as JOBSCHED_ARG_NAME. */
    struct js_strings args;
};

/* Initialises the struct to one core on one node and nothing else. Allocates
 * nothing. */
static inline void js_attributes_init(struct js_attributes *attributes)
{
    *attributes = (struct js_attributes){.nodes = 1, .cores = 1};
}

/* Frees the strings and initialises the struct again. NULL is allowed. Keeps
 * errno. */
void js_attributes_release(struct js_attributes *attributes);

/* Copies *from to *to, which must be initialised or released. Returns 0, or -1
 * with errno ENOMEM and *to empty. */
int js_attributes_copy(struct js_attributes *to,
                       const struct js_attributes *from);

/* Appends a copy of the `len` bytes. Returns 0, or -1 with errno ENOMEM. */
int js_strings_add(struct js_strings *strings, const char *text, size_t len);

/* Returns the string after `previous`, or the first one if `previous` is NULL.
 * Returns NULL if there are no more strings. */
const char *js_strings_next(const struct js_strings *strings,
                            const char *previous);

/* True if the line (no newline, no NUL; leading blanks allowed) begins with an
 * attribute list. */
bool js_attributes_present(const char *line, size_t len);

/*
 * Reads the list at the beginning of `line` into *attributes, which holds the
 * defaults. Values in the list replace the defaults, except that those of env,
 * after and after-any are added to them.
 *
 * Returns the offset of the command after the list and any blanks (this is len
 * if the command is empty), or 0 if there is no list. On an error, returns -1;
 * *err then says what is wrong, but not where, and *ret_at is the offset of the
 * fault: of the name, of the value if that is wrong, or of the bracket or quote
 * that is not closed. *attributes then holds only part of the list, and may
 * only be released. Examples of *err:
 *
 *     unknown attribute "core" (did you mean "cores"?)
 *     cores=0: must be a whole number from 1 to 1000000
 *     timeout=1e9x: must be a duration such as 90s, 10m, 2h or 1d
 *     name= is given twice
 *     this list has no closing "]"
 *
 * If memory runs out, errno is ENOMEM; for all other errors it is EINVAL.
 */
ptrdiff_t js_attributes_read(const char *line, size_t len,
                             struct js_attributes *attributes, size_t *ret_at,
                             struct js_err *err);

/* True if the list contains for=, so that it is a template for several jobs.
 * js_attributes_read() refuses such a list: list/for_loop.h reads it. */
bool js_attributes_is_template(const char *line, size_t len);

/* An attribute of a list, before its value is read. */
struct js_attributes_pair {
    size_t row; /* for js_attributes_put() */
    const char *name;
    const char *value; /* without quotes; valid until the next pair */
    size_t at;         /* where the value begins in the line */
    bool has_quotes;   /* the value has other bytes in the line */
    bool is_loop;      /* for= */
    bool is_arg;       /* arg= or arg-used= */
    bool is_name;      /* the value is a name, or several */
    bool is_list;      /* it may be given more than once; all values are kept */
    bool is_doing;     /* the value is part of a job's identity */
};

/* The values so far of an attribute with is_list. */
struct js_strings *js_attributes_strings(struct js_attributes *attributes,
                                         size_t row);

/* How many bytes at the front may be part of a job's name. */
static inline size_t js_attributes_name_length(const char *text)
{
    /* strspn() would be slower: it takes longer to set up than the whole rest
     * of a line takes. */
    const char *end = text;
    while ((*end >= 'a' && *end <= 'z') || (*end >= 'A' && *end <= 'Z') ||
           (*end >= '-' && *end <= ':') || *end == '_')
        end++;
    return (size_t)(end - text);
}

/* Returns 0, or -1 with errno. */
typedef int (*js_attributes_visit_fn)(void *arg,
                                      const struct js_attributes_pair *pair);

/* Works like js_attributes_read(), but the values are only visited. If `visit`
 * fails, returns -1 at once, and leaves *ret_at and *err alone. */
ptrdiff_t js_attributes_split(const char *line, size_t len,
                              js_attributes_visit_fn visit, void *arg,
                              size_t *ret_at, struct js_err *err);

/* Reads one value into *attributes. Returns 0, or -1 with errno and *err as
 * js_attributes_read() does. */
int js_attributes_put(struct js_attributes *attributes, size_t row,
                      const char *value, struct js_err *err);

/*
 * Works like js_attributes_read(), for the text after "#JOBSCHED" in a line of
 * defaults: pairs without brackets, up to the end. Refuses name, after and
 * after-any. Returns 0, or -1 with the same results as js_attributes_read().
 */
int js_defaults_read(const char *text, size_t len,
                     struct js_attributes *attributes, size_t *ret_at,
                     struct js_err *err);

/*
 * Finds an attribute's value in `line`, for errors that become apparent only
 * when the jobs are combined. `index` counts from 0 over all values of this
 * attribute in the list; each name of "after" counts. Returns the offset of the
 * value, or 0 if it is not there (it may be a default).
 */
size_t js_attributes_find(const char *line, size_t len, const char *attribute,
                          size_t index);

#endif
