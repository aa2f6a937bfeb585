/*
 * joblog - one line for each finished job, in GNU parallel's columns plus ours.
 *
 * Tab-separated, with a header line:
 *
 *     Seq Host Starttime JobRuntime Send Receive Exitval Signal Command
 *     Name Attempt Slave Cores UserCPU SystemCPU MaxRSS Leftovers
 *
 * Starttime is seconds since 1970 and JobRuntime, UserCPU and SystemCPU are
 * seconds, all with three decimals; Send is 0, Receive the bytes of stdout;
 * MaxRSS is in KiB (at least that of the process that started the job);
 * Leftovers is the number of processes that the job left behind and that were
 * ended; Name is empty for a job without one. Each attempt has its line; one
 * that timed out has Exitval 124 and Signal 0; a skipped job has none. Tabs,
 * newlines, backslashes and control bytes in a command are escaped
 * (js_buf_escape), so that a line is always a job. Columns are only ever added
 * at the end.
 *
 * Lines are gathered and written in one go. A write that fails (a full disk)
 * is tried again at each flush and at the end; nothing is lost until
 * JS_JOBLOG_MAX_WAITING bytes wait. No call but js_joblog_close() waits for the
 * reader of a FIFO or terminal.
 */
#ifndef JS_RECORD_JOBLOG_H
#define JS_RECORD_JOBLOG_H

#include "base/background.h"
#include "base/err.h"
#include "record/completion.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JS_JOBLOG_MAX_WAITING = 64 * 1024 * 1024 };

struct js_joblog;

/*
 * Opens or creates the file, which is left as it is until the first flush; then
 * it is emptied, if it is a regular file and the run does not go on with an
 * earlier one. A symbolic link is not followed where others can write
 * (base/file.h).
 *
 * If `fd` is not -1, it is that file, already open. The descriptor is borrowed,
 * and others may share it. `path` is its name in messages. A regular file then
 * keeps what is in it; if the run goes on, no second header is written.
 *
 * Returns NULL with *err set on failure.
 */
struct js_joblog *js_joblog_open(const char *path, int fd, bool goes_on,
                                 struct js_err *err);

/* From now on the worker, which is borrowed, makes all calls on the file. */
void js_joblog_write_by(struct js_joblog *joblog, struct js_worker *worker);

/* Adds a line. Returns 0, or -1 with errno ENOMEM or ENOBUFS. */
int js_joblog_add(struct js_joblog *joblog,
                  const struct js_completion *completion);

/* Writes the gathered lines, after the header line: flush once when the run
 * begins. With a worker, the call does not wait for the write, and leaves the
 * lines for the next flush while the worker is busy with the file. Returns 0,
 * or -1 with *err if the last write failed; what was not written is kept. A
 * slow reader does not count as a failure. */
int js_joblog_flush(struct js_joblog *joblog, struct js_err *err);

/* True if the last flush could not write all lines: the reader is slow, or the
 * disk is full. */
bool js_joblog_is_behind(const struct js_joblog *joblog);

/* Flushes, closes and frees; a joblog without lines that was never flushed
 * leaves the file as it was. Returns 0, or -1 with *err if lines were lost
 * (freed all the same). It gives up on a FIFO whose reader takes nothing for 5
 * s, and, when the worker's must_leave() returns true, on a file that does not
 * answer (the joblog is then not freed). NULL is allowed. */
int js_joblog_close(struct js_joblog *joblog, struct js_err *err);

/* ---------------------------------------------------------------- reading */

struct js_joblog_reader;

/* Reads how long each command ran in an earlier run, for --longest-first.
 * Accepts this format and GNU parallel's. If a command has several lines, the
 * last successful one counts (a failed one only if there is no other). Skips
 * lines that are cut or damaged. Returns NULL with *err if the file cannot be
 * read, or has no such header. */
struct js_joblog_reader *js_joblog_reader_load(const char *path,
                                               struct js_err *err);
void js_joblog_reader_free(struct js_joblog_reader *reader); /* NULL allowed */

/* Returns the run time of the command in nanoseconds, or -1 if it is unknown.
 * The reader may be NULL; then every run time is unknown. */
int64_t js_joblog_reader_find(const struct js_joblog_reader *reader,
                              const char *command, size_t len);

#endif
