/* bytes.c - see bytes.h. */
#include "bytes.h"

void put_u32(char *p, uint32_t v)
{
	/*@ loop invariant 0 <= i <= 4;
	    loop assigns i, p[0 .. 3];
	    loop variant 4 - i; */
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> 8 * i & 0xff);
}

void put_u64(char *p, uint64_t v)
{
	put_u32(p, (uint32_t)(v & 0xffffffff));
	put_u32(p + 4, (uint32_t)(v >> 32));
}

uint32_t get_u32(const char *p)
{
	uint32_t v = 0;
	/*@ loop invariant 0 <= i <= 4;
	    loop assigns i, v;
	    loop variant i; */
	for (int i = 4; i-- > 0;)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

uint64_t get_u64(const char *p)
{
	return (uint64_t)get_u32(p + 4) << 32 | get_u32(p);
}

/* Four bits at a time: a table of 64 bytes instead of 1,024. */
uint32_t crc32c(uint32_t crc, const char *p, size_t n)
{
	static const uint32_t table[16] = {
	    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
	    0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	    0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	crc = ~crc;
	/*@ loop invariant n <= \at(n, Pre);
	    loop invariant p == \at(p, Pre) + (\at(n, Pre) - n);
	    loop assigns crc, p, n;
	    loop variant n; */
	for (; n; n--) {
		crc ^= (unsigned char)*p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}
