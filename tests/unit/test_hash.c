/* test_hash.c - hash.h: SipHash-1-3, by way of a plain computation over all
 * bytes at once, which with two and four rounds gives the published vectors. */
#include "check.h"

#include "base/hash.h"

#define ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

/* Aumasson, Bernstein 2012, written down once more. */
static uint64_t siphash(int rounds, int end_rounds, const unsigned char *p,
			size_t n, uint64_t k0, uint64_t k1)
{
	uint64_t a = k0 ^ 0x736f6d6570736575, b = k1 ^ 0x646f72616e646f6d,
		 c = k0 ^ 0x6c7967656e657261, d = k1 ^ 0x7465646279746573;
	for (size_t at = 0; at <= n / 8 * 8; at += 8) {
		uint64_t m = 0;
		for (size_t i = 0; i < 8 && at + i < n; i++)
			m |= (uint64_t)p[at + i] << 8 * i;
		bool last = at + 8 > n;
		if (last)
			m |= (uint64_t)(n & 255) << 56;
		d ^= m;
		for (int round = 0; round < rounds + (last ? end_rounds : 0);
		     round++) {
			if (last && round == rounds) {
				a ^= m;
				c ^= 0xff;
			}
			a += b;
			c += d;
			b = ROTATE(b, 13) ^ a;
			d = ROTATE(d, 16) ^ c;
			a = ROTATE(a, 32);
			c += b;
			a += d;
			b = ROTATE(b, 17) ^ c;
			d = ROTATE(d, 21) ^ a;
			c = ROTATE(c, 32);
		}
		if (!last)
			a ^= m;
	}
	return a ^ b ^ c ^ d;
}

static const uint64_t k0 = 0x0706050403020100, k1 = 0x0f0e0d0c0b0a0908;

/* From the reference implementation: key 00..0f, message 00 01 .. n-1. */
static void knows_the_published_vectors(void **state)
{
	static const unsigned char table[][8] = {
	    {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72},
	    {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74},
	    {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d},
	    {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85},
	    {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf},
	    {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18},
	    {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb},
	    {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab},
	    {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93},
	};
	unsigned char message[16];
	(void)state;
	for (size_t n = 0; n < COUNT(table); n++) {
		uint64_t want = 0;
		for (size_t i = 8; i-- > 0;)
			want = want << 8 | table[n][i];
		message[n] = (unsigned char)n;
		CHECK(siphash(2, 4, message, n, k0, k1) == want, "%zu bytes",
		      n);
	}
	/* the 15 bytes of the paper's appendix A */
	for (size_t i = 0; i < 15; i++)
		message[i] = (unsigned char)i;
	assert_true(siphash(2, 4, message, 15, k0, k1) == 0xa129ca6149be45e5);
}

/* Each span counts as its length, 8 bytes little-endian, and its bytes with
 * zeros up to a multiple of 8. */
static uint64_t plainly(const struct span *s, size_t n, uint64_t a, uint64_t b)
{
	static unsigned char all[4096];
	size_t at = 0;
	memset(all, 0, sizeof all);
	for (size_t i = 0; i < n; i++) {
		uint64_t length = s[i].p ? s[i].n : UINT64_MAX;
		for (unsigned k = 0; k < 8; k++)
			all[at++] = (unsigned char)(length >> 8 * k);
		if (s[i].n)
			memcpy(all + at, s[i].p, s[i].n);
		at += (s[i].n + 7) / 8 * 8;
	}
	return siphash(1, 3, all, at, a, b);
}

static uint64_t hashed(const struct span *s, size_t n, uint64_t a, uint64_t b)
{
	struct hash_key key = {a, b};
	struct hash h;
	hash_start(&h, &key);
	for (size_t i = 0; i < n; i++) {
		char *copy = copy_of(s[i]);
		hash_span(&h, s[i].p ? (struct span){copy, s[i].n} : s[i]);
		free(copy);
	}
	return hash_end(&h);
}

static void hashes_spans(void **state)
{
	static char bytes[1024];
	uint64_t seed = 11;
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(next_number(&seed) & 0xff);
	for (int round = 0; round < 5000; round++) {
		struct span s[5];
		size_t n = next_number(&seed) % 5;
		for (size_t i = 0; i < n; i++) {
			s[i].p = bytes + next_number(&seed) % 500;
			s[i].n = next_number(&seed) % 40;
			if (next_number(&seed) % 8 == 0)
				s[i] = SPAN_NONE;
		}
		uint64_t a = next_number(&seed), b = next_number(&seed);
		CHECK(hashed(s, n, a, b) == plainly(s, n, a, b), "round %d",
		      round);
	}
}

static void hashes_numbers(void **state)
{
	static const unsigned char bytes[] = {8, 7, 6, 5, 4, 3, 2, 1};
	struct hash_key key = {k0, k1};
	struct hash h;
	(void)state;
	hash_start(&h, &key);
	hash_number(&h, 0x0102030405060708);
	assert_true(hash_end(&h) == siphash(1, 3, bytes, sizeof bytes, k0, k1));
}

static void tells_spans_apart(void **state)
{
	static const struct span table[][3] = {
	    {SPAN("a"), SPAN("bc"), SPAN("")},
	    {SPAN("ab"), SPAN("c"), SPAN("")},
	    {SPAN("abc"), SPAN(""), SPAN("")},
	    {SPAN(""), SPAN("abc"), SPAN("")},
	    {SPAN("a"), SPAN("bc"), {NULL, 0}},
	    {SPAN("a"), {NULL, 0}, SPAN("bc")},
	    {{NULL, 0}, SPAN("a"), SPAN("bc")},
	    {SPAN("a"), SPAN("bd"), SPAN("")},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		for (size_t k = 0; k < i; k++)
			CHECK(hashed(table[i], 3, k0, k1) !=
				  hashed(table[k], 3, k0, k1),
			      "%zu and %zu", i, k);
		CHECK(hashed(table[i], 3, k0, k1) !=
			  hashed(table[i], 3, k0 ^ 1, k1),
		      "%zu, another key", i);
		CHECK(hashed(table[i], 3, k0, k1) !=
			  hashed(table[i], 3, k0, k1 ^ 1),
		      "%zu, another key", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_the_published_vectors),
	    cmocka_unit_test(hashes_spans),
	    cmocka_unit_test(hashes_numbers),
	    cmocka_unit_test(tells_spans_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
