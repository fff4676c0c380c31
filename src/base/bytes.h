/*
 * bytes.h - integers as bytes, little-endian on every machine, and a checksum
 * for what goes to disk.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/text.h"

/*@ requires \valid(p + (0 .. 3));
    assigns p[0 .. 3]; */
static inline void put_u32(char *p, uint32_t v)
{
	bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
	store_four(p, little ? v : __builtin_bswap32(v));
}

/*@ requires \valid(p + (0 .. 7));
    assigns p[0 .. 7]; */
static inline void put_u64(char *p, uint64_t v)
{
	put_u32(p, (uint32_t)(v & 0xffffffff));
	put_u32(p + 4, (uint32_t)(v >> 32));
}

/*@ requires \valid_read(p + (0 .. 3));
    assigns \nothing; */
static inline uint32_t get_u32(const char *p)
{
	return four_bytes(p);
}

/*@ requires \valid_read(p + (0 .. 7));
    assigns \nothing; */
static inline uint64_t get_u64(const char *p)
{
	return eight_bytes(p);
}

/* CRC-32C (Castagnoli, RFC 3720 B.4) of what `crc` was so far, 0 at first, and
 * of p[0..n). */
/*@ requires \valid_read(p + (0 .. n - 1));
    assigns \nothing; */
uint32_t crc32c(uint32_t crc, const char *p, size_t n);

#endif
