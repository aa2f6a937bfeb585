/*
 * Any bytes as a file of values, and any text as the values of a loop: no
 * crash, no leak, and the same rows however the input is cut into pieces.
 */
#include "list/columns.h"
#include "list/values.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void add(uint64_t *sum, const char *text)
{
    for (; *text; text++)
        *sum = 31 * *sum + (unsigned char)*text;
    *sum = 31 * *sum + 256;
}

/* Returns false after an error that is final. */
static bool take_rows(struct js_columns *columns, uint64_t *sum)
{
    struct js_columns_row row;
    struct js_err err;
    int rc;
    while ((rc = js_columns_next(columns, &row, &err)) != 0) {
        if (rc < 0)
            add(sum, err.text);
        if (rc < 0 && errno != EINVAL)
            return false;
        for (size_t i = 0; rc > 0 && i < row.count; i++)
            add(sum, row.values[i]);
    }
    return true;
}

static uint64_t read_in(const struct js_columns_config *config,
                        const uint8_t *data, size_t size, size_t piece)
{
    struct js_columns *columns = js_columns_new(config, NULL);
    uint64_t sum = 0;
    bool goes_on = true;
    if (!columns)
        abort();
    for (size_t at = 0; goes_on && at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        if (js_columns_feed(columns, (const char *)data + at, len) < 0)
            abort();
        goes_on = take_rows(columns, &sum);
    }
    js_columns_feed(columns, NULL, 0);
    if (goes_on)
        take_rows(columns, &sum);
    js_columns_free(columns);
    return sum;
}

static void read_values(const char *text)
{
    char scratch[JS_VALUES_NUMBER_SIZE];
    struct js_err err;
    size_t at = SIZE_MAX;
    uint64_t sum = 0;
    /* No file elsewhere: some of them have no end. */
    if (strchr(text, '/'))
        return;
    struct js_values *values = js_values_new(text, &at, &err);
    if (!values) {
        if (at > strlen(text) || errno != EINVAL)
            abort();
        return;
    }
    uint64_t count = js_values_count(values);
    for (uint64_t i = 0; i < 100; i++) {
        for (size_t j = 0; j < js_values_name_count(values); j++) {
            if (i < count)
                add(&sum, js_values_get(values, i, j, scratch));
            add(&sum, js_values_get(values, count - 1, j, scratch));
        }
    }
    js_values_free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    /* Odd: the text of a loop; else, the bytes of a file. */
    if (data[0] % 2) {
        char *text = strndup((const char *)data + 1, size - 1);
        if (!text)
            abort();
        read_values(text);
        free(text);
        return 0;
    }
    const struct js_columns_config config = {
        .name = "f",
        .format = (enum js_columns_format)(data[0] / 2 % 5),
        .separator = data[0] & 16 ? "[,;] *|(::)+" : "\\t",
        .count = data[0] & 32 ? 2 : 0,
    };
    if (read_in(&config, data, size, size) != read_in(&config, data, size, 7))
        abort();
    return 0;
}
