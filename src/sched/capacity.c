#include "sched/capacity.h"

#include <inttypes.h>

/* A list may have a million such jobs; a person needs a few of them to see the
 * mistake. */
enum { SHOWN_MAX = 20 };

struct search {
    const struct js_allocator *allocator;
    const struct js_log *log;
    uint64_t count;
};

static int put_count(struct js_buf *buf, uint32_t count, const char *what)
{
    return js_buf_printf(buf, "%" PRIu32 " %s%s", count, what,
                         count == 1 ? "" : "s");
}

int js_capacity_need(const struct js_request *request, struct js_buf *buf)
{
    const double mib = 1024 * 1024;
    int rc = put_count(buf, request->cores, "core");
    if (rc == 0 && request->gpus > 0) {
        rc = js_buf_puts(buf, ", ");
        if (rc == 0)
            rc = put_count(buf, request->gpus, "GPU");
    }
    if (rc == 0 && request->mem_bytes > 0)
        rc = js_buf_printf(buf, ", %.1f MiB of memory",
                           (double)request->mem_bytes / mib);
    return rc;
}

/* A request for several nodes may fail although each node is large enough, so
 * the message counts the nodes that are. */
static int capacity_put_need(struct js_buf *buf,
                             const struct js_allocator *allocator,
                             const struct js_request *request)
{
    uint32_t nodes = js_request_nodes(request);
    if (js_capacity_need(request, buf) < 0)
        return -1;
    if (nodes == 1)
        return 0;
    return js_buf_printf(buf,
                         " on each of %" PRIu32 " nodes, and %" PRIu32
                         " of %" PRIu32 " could give that",
                         nodes, js_allocator_count_nodes(allocator, request, 0),
                         js_allocator_count_nodes(
                             allocator, &(struct js_request){.nodes = 1}, 0));
}

int js_capacity_describe(const struct js_allocator *allocator, uint64_t id,
                         uint64_t line, const struct js_request *request,
                         struct js_buf *buf)
{
    struct js_request most = js_allocator_largest(allocator);
    if (js_buf_printf(buf,
                      "job %" PRIu64 " (line %" PRIu64
                      ") can never run here: it needs ",
                      id, line) < 0 ||
        capacity_put_need(buf, allocator, request) < 0 ||
        js_buf_puts(buf, "; the most that a node has: ") < 0)
        return -1;
    return js_capacity_need(&most, buf);
}

static void capacity_visit(void *arg, uint64_t id, uint64_t line,
                           const struct js_request *request)
{
    struct search *search = arg;
    struct js_buf text = JS_BUF_INIT;
    if (js_allocator_could(search->allocator, request, 0) ||
        ++search->count > SHOWN_MAX)
        return;
    if (js_capacity_describe(search->allocator, id, line, request, &text) == 0)
        js_log(search->log, "%s", js_buf_string(&text));
    js_buf_release(&text);
}

uint64_t js_capacity_check(const struct js_allocator *allocator,
                           const struct js_source *source,
                           const struct js_log *log)
{
    struct search search = {.allocator = allocator, .log = log};
    js_source_each_need(source, capacity_visit, &search);
    return search.count;
}
