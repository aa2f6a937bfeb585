/* spew BYTES [SEED]: writes so many bytes of all values, the same each time. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS = 32 * 1024 };

static void fill(uint64_t *words, uint64_t *state)
{
    for (int i = 0; i < WORDS; i++) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        words[i] = *state;
    }
}

static int write_all(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes, len);
        if (n <= 0)
            return -1;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static uint64_t words[WORDS];
    if (argc < 2)
        return 2;
    uint64_t left = strtoull(argv[1], NULL, 10);
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    uint64_t state = seed + UINT64_C(88172645463325252);
    while (left > 0) {
        size_t len = left < sizeof(words) ? (size_t)left : sizeof(words);
        fill(words, &state);
        if (write_all((const char *)words, len) < 0)
            return 1;
        left -= len;
    }
    return 0;
}
