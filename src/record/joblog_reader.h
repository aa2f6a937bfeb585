/*
 * runtimes - how long each command ran in an earlier run, from its joblog.
 *
 * For --longest-first. Reads what record/joblog.h writes, and GNU parallel's.
 */
#ifndef JS_RECORD_JOBLOG_READER_H
#define JS_RECORD_JOBLOG_READER_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct js_joblog_reader;

/* Of a command that is there several times the last successful line counts
 * (lines of failed jobs only if there is none). NULL with *err: it cannot be
 * read, or has no such header line. Lines that are cut or damaged are passed
 * over. */
struct js_joblog_reader *js_joblog_reader_load(const char *path,
                                               struct js_err *err);
void js_joblog_reader_free(
    struct js_joblog_reader *runtimes); /* NULL allowed */

/* -1: not known; of NULL nothing is. */
int64_t js_joblog_reader_find(const struct js_joblog_reader *runtimes,
                              const char *command, size_t len);

#endif
