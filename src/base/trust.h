/*
 * trust - opening files for writing in folders where others can write as well.
 *
 * There a name may be a link that somebody else has put there, to make this
 * user destroy a file of his own, or it may be somebody else's file.
 */
#ifndef JS_BASE_TRUST_H
#define JS_BASE_TRUST_H

#include <sys/types.h>

/*
 * As open(2), but a symbolic link is not followed (ELOOP) where others can
 * write: where all can, or in somebody else's folder (root's is trusted), none
 * is; where a group can, this user's own are. Links on the way to the folder
 * are followed, and so are those of /proc (/dev/stderr, /dev/fd/N). A regular
 * file there with other names besides (hard links) is refused too (EMLINK).
 */
int js_open_trusted(const char *path, int flags, mode_t mode);

/*
 * Opens or creates a regular file, which is emptied, to append to it. Refused,
 * with the file as it was: a symbolic link (ELOOP), another user's file
 * (EPERM), what is no regular file (EEXIST) and, where others can write, a file
 * with other names (EMLINK). A user is who owns what this process creates in
 * that folder: on some file systems it is nobody, or one for all.
 */
int js_open_emptied(const char *path);

#endif
