/*
 * bridges - network bridges of this host, such as a container service makes.
 *
 * They usually have the same address on every host. A process that tries to
 * reach another host at such an address reaches itself.
 */
#ifndef JS_BASE_BRIDGES_H
#define JS_BASE_BRIDGES_H

#include <stddef.h>

/* Writes the names of the bridges to `to`: "docker0,virbr0". Writes "" if none
 * has an IPv4 address, or if that cannot be determined. */
void js_bridges(char *to, size_t size);

#endif
