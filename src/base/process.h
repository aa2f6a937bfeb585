/*
 * process - which process it was: a number alone is given again to others.
 */
#ifndef JS_BASE_PROCESS_H
#define JS_BASE_PROCESS_H

#include <stdint.h>

/* When the process started, as the kernel counts it (field 22 of
 * /proc/PID/stat); 0: there is none. */
uint64_t js_process_start(uint64_t pid);

/* The machine since its last boot; 0 where the system does not tell. */
uint64_t js_process_boot(void);

#endif
