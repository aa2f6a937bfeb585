/*
 * others - which cores the slaves of other runs on this machine hold.
 *
 * The CPUs that a runner is bound to are its slave's; those that its jobs are
 * bound to are lent to them. Any user can see both. Of two runs that start at
 * the same time, neither may look before the other can be seen: so a run holds
 * a lock from its look until its slaves are bound.
 */
#ifndef JS_NODE_OTHERS_H
#define JS_NODE_OTHERS_H

#include "base/cpuset.h"

/*
 * Takes the lock. Waits for others that are looking, but not for long: whoever
 * holds the lock must keep nobody from starting. It is on a file of the
 * kernel's, which nobody can make or remove. Returns a descriptor to close, or
 * -1 without the lock.
 */
int js_others_lock(void);

/*
 * The CPUs of `pool` that more runners hold than hold the least held one; none
 * if all are held by equally many. Runners of this run (whose slave has the
 * same parent as this process), and those that this process is below, do not
 * count.
 */
void js_others_held(const struct js_cpuset *pool, struct js_cpuset *ret);

#endif
