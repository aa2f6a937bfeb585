/*
 * log - where the parts of a run send messages for the user.
 *
 * A sink takes whole lines, without newline and prefix. The program decides
 * where they go. Only the command line writes to a terminal by itself.
 */
#ifndef JS_BASE_LOG_H
#define JS_BASE_LOG_H

struct js_log {
    void (*line)(void *arg, const char *text); /* NULL: drop all lines */
    void *arg;
};

/* Logs one line, cut at 2,000 bytes. Control bytes in it are shown as '?'. */
void js_log(const struct js_log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
