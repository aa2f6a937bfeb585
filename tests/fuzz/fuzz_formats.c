/*
 * Any bytes as a list of another tool, whose name is the first line: no crash,
 * no leak, and the same jobs, errors and warnings however the input is cut into
 * pieces. Written as a job file, each entry is read again as the same.
 */
#include "list_sum.h"

enum { FORMAT_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char format[FORMAT_MAX] = "";
    size_t len = 0;
    while (len < size && data[len] != '\n')
        len++;
    if (len >= sizeof(format) || len == size)
        return 0;
    memcpy(format, data, len);
    /* A template makes any number of jobs of a few bytes: fuzz_args.c. */
    if (js_formats_find(format, NULL) && !js_formats_is_args(format))
        list_sum_check(format, (const char *)data + len + 1, size - len - 1);
    return 0;
}
