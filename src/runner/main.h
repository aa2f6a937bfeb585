/*
 * main - the runner process's own loop.
 *
 * One loop around one ppoll waits for messages from the rank, for children to
 * end, and for deadlines. It ends when the rank does.
 */
#ifndef JS_RUNNER_MAIN_H
#define JS_RUNNER_MAIN_H

#include <stdnoreturn.h>

/* A freshly forked process calls this with its end of the socket. It runs no
 * exit handlers and uses no stdio. */
noreturn void js_runner_main(int socket);

#endif
