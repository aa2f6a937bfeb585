/*
 * trust - opens files for writing in folders where other users can write too.
 *
 * In such a folder a name may be a link that another user has made in order to
 * destroy one of this user's files, or it may be another user's file.
 */
#ifndef JS_BASE_TRUST_H
#define JS_BASE_TRUST_H

#include <sys/types.h>

/*
 * As open(2), but does not follow a symbolic link (ELOOP) where others can
 * write. If everyone can write to the folder, or another user owns it (root is
 * trusted), no link is followed. If a group can write to it, this user's own
 * links are followed. Links on the way to the folder are followed, and so are
 * those of /proc (/dev/stderr, /dev/fd/N). A regular file in such a folder that
 * has other names (hard links) is refused too (EMLINK).
 */
int js_open_trusted(const char *path, int flags, mode_t mode);

/*
 * Opens or creates a regular file for appending, and empties it. The following
 * are refused and not changed: a symbolic link (ELOOP), another user's file
 * (EPERM), anything but a regular file (EEXIST) and, where others can write, a
 * file with other names (EMLINK). "This user" is the owner of a file that this
 * process creates in that folder: on some file systems that is nobody, or one
 * user for all.
 */
int js_open_emptied(const char *path);

#endif
