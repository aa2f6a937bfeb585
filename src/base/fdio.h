/*
 * fdio - whole reads and writes, and temporary files, on file descriptors.
 *
 * Every descriptor made here is close-on-exec. Calls return -1 with the errno
 * of the system call that failed. EINTR is never reported.
 */
#ifndef JS_BASE_FDIO_H
#define JS_BASE_FDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes all bytes. Returns 0. */
int js_write_full(int fd, const void *bytes, size_t len);

/* Reads `len` bytes at `offset`, fewer only at the end of the file. Returns how
 * many were read. */
ssize_t js_pread_full(int fd, void *bytes, size_t len, off_t offset);

/* Opens a new file without a name in the folder `dir`, for reading and
 * appending. */
int js_open_unlinked(const char *dir);

/* If standard input, output or error is closed, fills its number with a
 * descriptor that can be neither read nor written (EBADF). Otherwise the next
 * file to be opened would get that number. Returns 0. */
int js_reserve_stdio(void);

/* Closes *fd unless it is -1, and sets it to -1. Keeps errno. */
void js_fd_close(int *fd);

#endif
