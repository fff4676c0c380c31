/* test_bytes.c - bytes.h: numbers in little-endian, and a checksum. */
#include "check.h"

#include "base/bytes.h"

static void keeps_numbers(void **state)
{
	const char want[] = "\x88\x77\x66\x55\x44\x33\x22\x11";
	char p[10];
	(void)state;
	memset(p, 'x', sizeof p);
	put_u32(p + 1, 0x55667788);
	assert_memory_equal(p + 1, want, 4);
	assert_true(p[0] == 'x' && p[5] == 'x');
	put_u64(p + 1, 0x1122334455667788);
	assert_memory_equal(p + 1, want, 8);
	assert_true(p[0] == 'x' && p[9] == 'x');
	assert_true(get_u32(p + 1) == 0x55667788);
	assert_true(get_u64(p + 1) == 0x1122334455667788);
	put_u64(p, UINT64_MAX);
	assert_true(get_u32(p) == UINT32_MAX && get_u64(p) == UINT64_MAX);
	put_u64(p, 0);
	assert_true(get_u32(p) == 0 && get_u64(p) == 0);
}

/* CRC-32C bit by bit, as RFC 3720 B.4 has it. */
static uint32_t bitwise(uint32_t crc, const char *p, size_t n)
{
	crc = ~crc;
	while (n--) {
		crc ^= (unsigned char)*p++;
		for (int i = 0; i < 8; i++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

static void computes_crc32c(void **state)
{
	char bytes[256];
	uint64_t seed = 3;
	(void)state;
	assert_true(crc32c(0, "", 0) == 0);
	assert_true(crc32c(0, "123456789", 9) == 0xe3069283);
	memset(bytes, 0, 32); /* RFC 3720 B.4 */
	assert_true(crc32c(0, bytes, 32) == 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_true(crc32c(0, bytes, 32) == 0x62a8ab43);
	for (unsigned i = 0; i < 256; i++) {
		bytes[i] = (char)i;
		CHECK(crc32c(0, bytes + i, 1) == bitwise(0, bytes + i, 1),
		      "byte %u", i);
	}
	for (size_t n = 0; n < sizeof bytes; n++) {
		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(next_number(&seed) & 0xff);
		uint32_t crc = crc32c(0, bytes, n);
		CHECK(crc == bitwise(0, bytes, n), "%zu bytes", n);
		/* in two pieces */
		CHECK(crc32c(crc32c(0, bytes, n / 3), bytes + n / 3,
			     n - n / 3) == crc,
		      "%zu bytes in two pieces", n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_numbers),
	    cmocka_unit_test(computes_crc32c),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
