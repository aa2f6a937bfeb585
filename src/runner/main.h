/*
 * runner_proc - the runner process's own loop.
 *
 * One loop around one ppoll: the rank's messages, the end of children, and
 * what is due. It ends when the rank does.
 */
#ifndef JS_RUNNER_MAIN_H
#define JS_RUNNER_MAIN_H

#include <stdnoreturn.h>

/* What a freshly forked process does with its end of the socket. Runs no exit
 * handlers and uses no stdio. */
noreturn void js_runner_main(int socket);

#endif
