/*
 * settings - what holds for all jobs of a run, on whichever slave they run.
 *
 * The master makes them from its configuration (include/jobsched.h). They
 * travel in SETUP to each slave, which passes them on to its runner; all of
 * them read the same struct. Pure.
 *
 * To add an option that a slave or a runner reads, add a line here, besides the
 * field of the same name in struct jobsched_config: the default, both messages
 * and the way from the configuration follow from this list.
 */
#ifndef JS_LIST_SETTINGS_H
#define JS_LIST_SETTINGS_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/pack.h"
#include "list/outcome.h"

#include <stdbool.h>
#include <stdint.h>

/* The type, the name and the default of each field of struct jobsched_config
 * that travels. A time is never negative; a text that is NULL arrives as "". */
#define JS_SETTINGS_OPTIONS(X)                                                 \
    X(bool, bind, true)             /* jobs to their slot's cores */           \
    X(bool, trace, false)           /* jobs that start and end, on stdout */   \
    X(bool, allow_leftovers, false) /* until the end of the run */             \
    X(uint64_t, spool_limit_bytes, UINT64_C(1) << 30)                          \
    X(int64_t, grace_ns, 5 * JS_NS_PER_S) /* between SIGTERM and SIGKILL */    \
    X(int64_t, timeout_ns, 0) /* of jobs without one of their own; 0: none */  \
    X(const char *, output_dir, NULL) /* may be relative to cwd */             \
    X(const char *, tmpdir, NULL)     /* "": the slave's own choice */

struct js_settings {
#define JS_SETTINGS_MEMBER(type, name, preset) type name;
    JS_SETTINGS_OPTIONS(JS_SETTINGS_MEMBER)
#undef JS_SETTINGS_MEMBER
    const char *cwd;         /* absolute */
    uint32_t umask;          /* of the jobs */
    enum js_capture capture; /* SPOOL: unlinked files in tmpdir, handed to the
                                slave; DIR: output_dir/ID.out and ID.err */
    uint64_t run_id;         /* that jobs carry (base/mark.h); 0: none */
};

/* The initialisers of a struct jobsched_config with the defaults, and of a
 * struct js_settings with what `config` (a pointer) says; each with a comma
 * behind it. */
#define JS_SETTINGS_PRESET(type, name, preset) .name = (preset),
#define JS_SETTINGS_DEFAULTS JS_SETTINGS_OPTIONS(JS_SETTINGS_PRESET)
#define JS_SETTINGS_COPY(type, name, preset) .name = config->name,
#define JS_SETTINGS_OF_CONFIG JS_SETTINGS_OPTIONS(JS_SETTINGS_COPY)

/* As part of a message: appends, 0 or -1 with errno ENOMEM; reads, and marks
 * the cursor if a value is out of range. Strings point into the message. */
int js_settings_pack(struct js_buf *buf, const struct js_settings *settings);
void js_settings_unpack(struct js_cursor *cursor, struct js_settings *ret);

#endif
