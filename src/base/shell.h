/*
 * shell - what /bin/sh makes of a command, without running it.
 */
#ifndef JS_BASE_SHELL_H
#define JS_BASE_SHELL_H

#include <stdbool.h>

/*
 * True unless `sh -n` refuses the command: one process, some milliseconds. A
 * shell that cannot be started, or has no answer within two seconds, refuses
 * nothing, and neither does one that is given more than 64 KiB.
 */
bool js_shell_takes(const char *command);

#endif
