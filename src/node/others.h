/*
 * others - which cores the slaves of other runs on this machine hold.
 *
 * What a runner of jobs is bound to says which cores are its slave's, and what
 * its jobs are bound to which it has lent them; both can be seen of any user.
 * Two runs that start at the same time must not look before the other can be
 * seen: so a run keeps a lock from its look until its slaves are bound.
 */
#ifndef JS_NODE_OTHERS_H
#define JS_NODE_OTHERS_H

#include "base/cpuset.h"

/*
 * Waits for others that are looking, but not for long: the lock must keep
 * nobody from starting, whoever holds it. It is on a file of the kernel's,
 * which nobody can make or remove. Returns a descriptor to close, or -1 without
 * the lock.
 */
int js_others_lock(void);

/*
 * The CPUs of `allocator` that more runners hold than others of it: none, if
 * all are held by as many. Not counted are runners of this run (those whose
 * slave has the same parent as this process) and those that this process is
 * below.
 */
void js_others_held(const struct js_cpuset *allocator, struct js_cpuset *ret);

#endif
