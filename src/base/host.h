/*
 * host - names of hosts: which are the same one's, and what is no such name.
 */
#ifndef JS_BASE_HOST_H
#define JS_BASE_HOST_H

#include <stdbool.h>

/* True if both may name one host: they are equal, or one is the short form of
 * the other ("n1", "n1.cluster.example.org"). Case does not matter. */
bool js_host_is_same(const char *a, const char *b);

/*
 * False if a program that is given the name, such as ssh or a shell on the
 * other side, would take it for something else: it begins with a dash, also
 * behind "user@", or has a character that no name and address has.
 */
bool js_host_is_name(const char *name);

#endif
