#include "record/console.h"

#include <stdarg.h>

static void hold_message(void *arg, const char *text)
{
    struct js_console *console = arg;
    js_buf_printf(&console->err_held, "jobsched: %s\n", text);
}

void js_console_init(struct js_console *console, struct js_outq *out,
                     struct js_outq *err)
{
    *console = (struct js_console){.out = out, .err = err};
    console->log = (struct js_log){hold_message, console};
}

void js_console_release(struct js_console *console)
{
    js_buf_release(&console->out_held);
    js_buf_release(&console->err_held);
}

void js_console_trace(struct js_console *console, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    js_buf_vprintf(&console->out_held, format, args);
    va_end(args);
}

/* A job's output may end without a newline; a line of ours begins with one. */
static void end_line(struct js_outq *outq)
{
    if (!js_outq_is_at_line_start(outq))
        js_outq_write(outq, "\n", 1);
}

static void flush_to(struct js_outq *outq, struct js_buf *held)
{
    if (held->len == 0)
        return;
    end_line(outq);
    if (js_outq_write(outq, held->data, held->len) == 0)
        held->len = 0;
}

void js_console_flush(struct js_console *console)
{
    flush_to(console->out, &console->out_held);
    flush_to(console->err, &console->err_held);
}

void js_console_end_line(struct js_console *console)
{
    end_line(console->err);
}

size_t js_console_unwritten(const struct js_console *console)
{
    return console->out_held.len + console->err_held.len +
           js_outq_pending(console->out) + js_outq_pending(console->err);
}
