/*
 * log - where the parts of a run say something to a person.
 *
 * A sink takes whole lines, without newline and without prefix; whoever runs
 * the program decides where they go. Nothing in the project but the command
 * line writes to a terminal by itself.
 */
#ifndef JS_BASE_LOG_H
#define JS_BASE_LOG_H

struct js_log {
    void (*line)(void *arg, const char *text); /* NULL: drop it */
    void *arg;
};

/* One line, cut at 2,000 bytes; control bytes in it are shown as '?'. */
void js_log(const struct js_log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
