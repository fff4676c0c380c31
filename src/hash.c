/* hash.c - see hash.h. */
#include "hash.h"

static uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

static void word(struct hash *h, uint64_t m)
{
	h->v[3] ^= m;
	rounds(h->v, 2);
	h->v[0] ^= m;
}

void hash_start(struct hash *h, const struct hash_key *key)
{
	*h = (struct hash){.v = {key->k0 ^ 0x736f6d6570736575U,
				 key->k1 ^ 0x646f72616e646f6dU,
				 key->k0 ^ 0x6c7967656e657261U,
				 key->k1 ^ 0x7465646279746573U}};
}

static void byte(struct hash *h, char c)
{
	h->tail |= (uint64_t)(unsigned char)c << 8 * (h->total & 7);
	if ((++h->total & 7) == 0) {
		word(h, h->tail);
		h->tail = 0;
	}
}

static void bytes(struct hash *h, const char *p, size_t n)
{
	/* a word of the input lies across two of the hash's, with `used` bits
	 * in the first */
	unsigned used = (unsigned)(8 * (h->total & 7));
	for (; n >= 8; n -= 8, p += 8, h->total += 8) {
		uint64_t m = eight_bytes(p);
		word(h, h->tail | m << used);
		h->tail = used ? m >> (64 - used) : 0;
	}
	for (; n; n--)
		byte(h, *p++);
}

void hash_span(struct hash *h, struct span s)
{
	char length[4];
	uint32_t n = s.p ? (uint32_t)s.n : UINT32_MAX;
	for (int i = 0; i < 4; i++)
		length[i] = (char)(n >> 8 * i & 0xff);
	bytes(h, length, sizeof length);
	if (s.p)
		bytes(h, s.p, s.n);
}

uint64_t hash_end(struct hash *h)
{
	word(h, h->tail | h->total << 56);
	h->v[2] ^= 0xff;
	rounds(h->v, 4);
	return h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
}
