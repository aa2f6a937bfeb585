/*
 * Any bytes as a journal: refused, mended or read. What is read can be read
 * again, and says the same.
 */
#include "base/fdio.h"
#include "record/journal_load.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

/* The checksums are made right, or hardly anything would come through: what
 * stands before the first blank of a line is replaced. One that begins with
 * '!' is left as it is. */
static void mend(char *data, size_t size)
{
    for (char *at = data, *end = data + size; at < end;) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        char *stop = newline ? newline : end;
        if (stop - at > 9 && at[0] != '!' && at[8] == ' ') {
            char digits[9];
            snprintf(digits, sizeof(digits), "%08x",
                     (unsigned)crc32_z(0, (const unsigned char *)at + 9,
                                       (size_t)(stop - at) - 9));
            memcpy(at, digits, 8);
        }
        at = stop + 1;
    }
}

static uint64_t sum_of(const struct js_ledger *ledger)
{
    uint64_t sum = js_ledger_count(ledger);
    for (uint64_t id = 1; id <= js_ledger_count(ledger); id++)
        sum = 31 * sum + (uint64_t)js_ledger_standing(ledger, id) +
              (js_ledger_is_gone(ledger, id) ? 7U : 0U);
    return sum;
}

static int load(int fd, struct js_journal_contents *contents, uint64_t *ret)
{
    struct js_err err;
    struct js_ledger *ledger = js_ledger_new();
    if (!ledger)
        abort();
    int rc = js_journal_load(fd, "j", ledger, contents, &err);
    *ret = sum_of(ledger);
    js_ledger_free(ledger);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct js_journal_contents contents;
    uint64_t first, second;
    char *copy = malloc(size + 1);
    int fd = memfd_create("journal", MFD_CLOEXEC);
    if (!copy || fd < 0)
        abort();
    memcpy(copy, data, size);
    mend(copy, size);
    if (js_write_full(fd, copy, size) < 0)
        abort();
    if (load(fd, &contents, &first) == 0) {
        /* Without its torn end it says the same. */
        if (contents.valid > size || ftruncate(fd, (off_t)contents.valid) < 0 ||
            load(fd, &contents, &second) < 0 || first != second ||
            contents.size != contents.valid)
            abort();
    }
    close(fd);
    free(copy);
    return 0;
}
