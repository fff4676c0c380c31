/*
 * bytes.h - integers as bytes, little-endian on every machine, and a checksum
 * for what goes to disk.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

void put_u32(char *p, uint32_t v);
void put_u64(char *p, uint64_t v);
uint32_t get_u32(const char *p);
/* In one load, where the compiler finds that it is one. */
static inline uint64_t get_u64(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;
	return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 |
	       (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
	       (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 |
	       (uint64_t)b[7] << 56;
}

/* CRC-32C (Castagnoli, RFC 3720 B.4) of what `crc` was so far, 0 at first, and
 * of p[0..n). */
uint32_t crc32c(uint32_t crc, const char *p, size_t n);

#endif
