#include "mpi/slave_output.h"

#include "base/file.h"

#include <errno.h>

int js_slave_output_init(struct js_slave_output *output,
                         const struct js_settings *settings)
{
    output->is_captured = settings->capture == JS_CAPTURE_SPOOL;
    output->spool = js_spool_new(settings->tmpdir, settings->spool_limit_bytes);
    return output->spool ? 0 : -1;
}

void js_slave_output_release(struct js_slave_output *output)
{
    js_spool_free(output->spool);
    js_buf_release(&output->chunk);
    output->spool = NULL;
}

/* Reads the small output of a job into the chunk. Returns 0, or -1 if it cannot
 * be read. The output is then spooled, and the error is reported when it is
 * fetched. */
static int output_read_inline(struct js_slave_output *output,
                              const struct js_runner_event *event)
{
    const int fds[] = {event->out_fd, event->err_fd};
    const uint64_t sizes[] = {event->outcome.out_bytes,
                              event->outcome.err_bytes};
    output->chunk.len = 0;
    for (int i = 0; i < 2; i++) {
        size_t size = (size_t)sizes[i];
        if (js_buf_reserve(&output->chunk, size + 1) < 0)
            return -1;
        char *to = output->chunk.data + output->chunk.len;
        if (size > 0 && js_file_pread(fds[i], to, size, 0) != (ssize_t)size)
            return -1;
        output->chunk.len += size;
    }
    return 0;
}

/* Small output travels with the DONE: this saves a round trip for each of many
 * short jobs. */
int js_slave_output_keep(struct js_slave_output *output, uint32_t inline_max,
                         struct js_runner_event *event,
                         struct js_wire_done *done)
{
    const uint64_t bytes[] = {event->outcome.out_bytes,
                              event->outcome.err_bytes};
    const int fds[] = {event->out_fd, event->err_fd};
    done->captured = output->is_captured && bytes[0] + bytes[1] > 0;
    if (done->captured && bytes[0] <= inline_max &&
        bytes[1] <= inline_max - bytes[0] &&
        output_read_inline(output, event) == 0) {
        done->inlined = output->chunk.data;
        done->inlined_len = output->chunk.len;
    }
    if (done->captured && !done->inlined)
        return js_spool_put(output->spool, done->ticket, fds, bytes);
    js_fd_close(&event->out_fd);
    js_fd_close(&event->err_fd);
    return 0;
}

int js_slave_output_read(struct js_slave_output *output,
                         const struct js_wire_fetch *fetch,
                         struct js_wire_output *ret)
{
    output->chunk.len = 0;
    if (js_buf_reserve(&output->chunk, fetch->length) < 0)
        return -1;
    ssize_t n = js_spool_read(output->spool, fetch->ticket,
                              (enum js_stream)fetch->stream, fetch->offset,
                              output->chunk.data, fetch->length);
    *ret = (struct js_wire_output){.ticket = fetch->ticket,
                                   .offset = fetch->offset,
                                   .stream = fetch->stream,
                                   .error = n < 0 ? errno : 0,
                                   .bytes = output->chunk.data,
                                   .len = n < 0 ? 0 : (size_t)n};
    return 0;
}
