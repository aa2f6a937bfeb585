/*
 * shell - asks /bin/sh about a command without running it.
 */
#ifndef JS_BASE_SHELL_H
#define JS_BASE_SHELL_H

#include <stdbool.h>

/*
 * False only if `sh -n` refuses the command. This takes one process and some
 * milliseconds. A shell that cannot be started, or does not answer within two
 * seconds, counts as accepting the command. So does a command of more than 64
 * KiB.
 */
bool js_shell_takes(const char *command);

#endif
