/*
 * bytes.h - integers as bytes, little-endian on every machine, and a checksum
 * for what goes to disk.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

/*@ requires \valid(p + (0 .. 3));
    assigns p[0 .. 3]; */
void put_u32(char *p, uint32_t v);
/*@ requires \valid(p + (0 .. 7));
    assigns p[0 .. 7]; */
void put_u64(char *p, uint64_t v);
/*@ requires \valid_read(p + (0 .. 3));
    assigns \nothing; */
uint32_t get_u32(const char *p);
/*@ requires \valid_read(p + (0 .. 7));
    assigns \nothing; */
uint64_t get_u64(const char *p);

/* CRC-32C (Castagnoli, RFC 3720 B.4) of what `crc` was so far, 0 at first, and
 * of p[0..n). */
/*@ requires \valid_read(p + (0 .. n - 1));
    assigns \nothing; */
uint32_t crc32c(uint32_t crc, const char *p, size_t n);

#endif
