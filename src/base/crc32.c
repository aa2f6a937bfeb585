#include "base/crc32.h"

#define POLYNOMIAL UINT32_C(0xedb88320)

/* What a byte does to the checksum, one row for each of its halves. */
static uint32_t step(uint32_t crc)
{
    static const uint32_t half[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    _Static_assert(POLYNOMIAL == 0xedb88320, "the table is of this polynomial");
    crc = half[crc & 0xf] ^ (crc >> 4);
    return half[crc & 0xf] ^ (crc >> 4);
}

uint32_t js_crc32(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++)
        crc = step(crc ^ at[i]);
    return ~crc;
}
