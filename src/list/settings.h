/*
 * settings - the settings that apply to all jobs of a run, on every slave.
 *
 * The master derives the settings from its configuration (include/jobsched.h).
 * The message SETUP brings them to each slave, which passes them on to its
 * runner. Master, slaves and runners all read the same struct. Nothing here has
 * side effects.
 *
 * To add an option that a slave or a runner reads, add a line here, and a field
 * of the same name in struct jobsched_config. The default, both messages and
 * the copy from the configuration are generated from this list.
 */
#ifndef JS_LIST_SETTINGS_H
#define JS_LIST_SETTINGS_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/pack.h"
#include "list/outcome.h"

#include <stdbool.h>
#include <stdint.h>

/* The type, name and default of each field of struct jobsched_config that is
 * sent to the slaves. A time is never negative. A string that is NULL arrives
 * as "". */
#define JS_SETTINGS_OPTIONS(X)                                                 \
    X(bool, bind, true)   /* bind jobs to the cores of their slot */           \
    X(bool, trace, false) /* report starts and ends of jobs on stdout */       \
    X(bool, allow_leftovers, false) /* leftovers may run until the run ends */ \
    X(uint64_t, spool_limit_bytes, UINT64_C(1) << 30)                          \
    X(int64_t, grace_ns, 5 * JS_NS_PER_S) /* from SIGTERM to SIGKILL */        \
    X(int64_t, timeout_ns, 0) /* for jobs that set none themselves; 0: none */ \
    X(const char *, output_dir, NULL) /* may be relative to cwd */             \
    X(const char *, tmpdir, NULL)     /* "": each slave chooses one */

struct js_settings {
#define JS_SETTINGS_MEMBER(type, name, preset) type name;
    JS_SETTINGS_OPTIONS(JS_SETTINGS_MEMBER)
#undef JS_SETTINGS_MEMBER
    const char *cwd;         /* absolute */
    uint32_t umask;          /* of the jobs */
    enum js_capture capture; /* SPOOL: unlinked files in tmpdir, handed to the
                                slave; DIR: output_dir/ID.out and ID.err */
    uint64_t run_id; /* marks the processes of jobs (base/process.h); 0: none */
};

/* Initialisers, each followed by a comma: for a struct jobsched_config with the
 * defaults, and for a struct js_settings with the values of `config` (a
 * pointer). */
#define JS_SETTINGS_PRESET(type, name, preset) .name = (preset),
#define JS_SETTINGS_DEFAULTS JS_SETTINGS_OPTIONS(JS_SETTINGS_PRESET)
#define JS_SETTINGS_COPY(type, name, preset) .name = config->name,
#define JS_SETTINGS_OF_CONFIG JS_SETTINGS_OPTIONS(JS_SETTINGS_COPY)

/* The settings as part of a message. Packing returns 0, or -1 with errno
 * ENOMEM. Unpacking marks the cursor as bad if a value is out of range; strings
 * point into the message. */
int js_settings_pack(struct js_buf *buf, const struct js_settings *settings);
void js_settings_unpack(struct js_cursor *cursor, struct js_settings *ret);

#endif
