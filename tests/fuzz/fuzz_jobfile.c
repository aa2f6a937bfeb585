/*
 * Any bytes as a job list: no crash, no leak, and the same jobs and warnings
 * however the input is cut into pieces.
 */
#include "list/formats.h"
#include "list/intake.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct sum {
    uint64_t jobs, bytes, errors, warnings;
};

static void count_warning(void *arg, enum js_warning kind, const char *text)
{
    struct sum *sum = arg;
    sum->warnings += (uint64_t)kind + strlen(text);
}

static void take(struct sum *sum, struct js_intake *intake)
{
    struct js_job *job;
    struct js_err err;
    int rc;
    while ((rc = js_intake_next(intake, &job, &err)) != 0) {
        if (rc < 0) {
            sum->errors++;
            if (errno != EINVAL)
                return;
            continue;
        }
        sum->jobs++;
        for (size_t i = 0; i < job->command_len; i++)
            sum->bytes = 31 * sum->bytes + (unsigned char)job->command[i];
        js_job_free(job);
    }
}

static struct sum read_in(const uint8_t *data, size_t size, size_t piece)
{
    struct sum sum = {0};
    struct js_graph *graph = js_graph_new();
    struct js_intake *intake =
        graph ? js_intake_new("f", js_formats_new_reader(NULL, "f", false),
                              graph, NULL)
              : NULL;
    const struct js_intake_checks checks = {
        .warn = count_warning, .arg = &sum, .is_stream = true};
    if (!intake || js_intake_set_checks(intake, &checks) < 0)
        abort();
    for (size_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        if (js_intake_feed(intake, (const char *)data + at, len) < 0)
            abort();
        take(&sum, intake);
    }
    js_intake_feed(intake, NULL, 0);
    take(&sum, intake);
    js_intake_free(intake);
    js_graph_free(graph);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum whole = read_in(data, size, size ? size : 1);
    struct sum cut = read_in(data, size, 7);
    if (whole.jobs != cut.jobs || whole.bytes != cut.bytes ||
        whole.warnings != cut.warnings)
        abort();
    return 0;
}
