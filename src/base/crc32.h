/*
 * crc32 - the checksum of a record on disk.
 *
 * CRC-32 as in IEEE 802.3, zlib and gzip (polynomial 0xedb88320, reflected):
 * any change of up to 32 bits in a row is seen.
 */
#ifndef JS_BASE_CRC32_H
#define JS_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t js_crc32(const void *bytes, size_t len);

#endif
