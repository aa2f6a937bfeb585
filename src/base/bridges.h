/*
 * bridges - network bridges of this host, such as a container service makes.
 *
 * They mostly have the same address on every host, and who is told to reach
 * another host there reaches itself.
 */
#ifndef JS_BASE_BRIDGES_H
#define JS_BASE_BRIDGES_H

#include <stddef.h>

/* Writes their names to `to`, "docker0,virbr0"; "" if there are none with an
 * address of IPv4, or it cannot be known. */
void js_bridges(char *to, size_t size);

#endif
