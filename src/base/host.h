/*
 * host - compares host names, and recognises what is no host name.
 */
#ifndef JS_BASE_HOST_H
#define JS_BASE_HOST_H

#include <stdbool.h>

/* True if both names may be those of one host: they are equal, or one is the
 * short form of the other ("n1", "n1.cluster.example.org"). Case does not
 * matter. */
bool js_host_is_same(const char *a, const char *b);

/*
 * False if a program that gets the name, such as ssh or a remote shell, would
 * take it for something else: it begins with a dash, also after "user@", or
 * contains a character that no host name and no address has.
 */
bool js_host_is_name(const char *name);

#endif
