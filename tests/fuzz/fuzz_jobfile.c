/*
 * Any bytes as a job list: no crash, no leak, and the same jobs, errors and
 * warnings however the input is cut into pieces. Written out, each entry is
 * read again as the same.
 */
#include "list_sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    list_sum_check(NULL, (const char *)data, size);
    return 0;
}
