/* hash.c - see hash.h. */
#include "hash.h"

/*@ requires 0 < n < 64;
    assigns \nothing; */
static uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

/*@ requires \valid(v + (0 .. 3));
    assigns v[0 .. 3]; */
static inline void sip_round(uint64_t v[4])
{
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

/*@ requires \valid(h);
    assigns h->v[0 .. 3]; */
static inline void word(struct hash *h, uint64_t m)
{
	h->v[3] ^= m;
	sip_round(h->v);
	sip_round(h->v);
	h->v[0] ^= m;
}

void hash_start(struct hash *h, const struct hash_key *key)
{
	*h = (struct hash){.v = {key->k0 ^ 0x736f6d6570736575U,
				 key->k1 ^ 0x646f72616e646f6dU,
				 key->k0 ^ 0x6c7967656e657261U,
				 key->k1 ^ 0x7465646279746573U}};
}

/* Adds n <= 8 bytes, the lowest ones of m; all above them are zero. They may
 * lie across two words of the hash's, with `used` bits in the first. */
/*@ requires \valid(h) && n <= 8;
    assigns *h; */
static inline void part(struct hash *h, uint64_t m, unsigned n)
{
	unsigned used = (unsigned)(8 * (h->total % 8));
	h->total += n;
	h->tail |= m << used;
	if (used + 8 * n < 64)
		return;
	word(h, h->tail);
	h->tail = used ? m >> (64 - used) : 0;
}

void hash_span(struct hash *hash, struct span s)
{
	struct hash h = *hash; /* so that it can stay in registers */
	const char *p = s.p;
	size_t n = p ? s.n : 0;
	part(&h, p ? (uint32_t)n : UINT32_MAX, 4);
	/*@ loop invariant n <= \at(n, LoopEntry) <= s.n;
	    loop invariant p == s.p + (\at(n, LoopEntry) - n);
	    loop assigns n, p, h;
	    loop variant n; */
	for (; n >= 8; n -= 8, p += 8)
		part(&h, eight_bytes(p), 8);
	if (n) {
		uint64_t m = 0;
		/*@ loop invariant i <= n;
		    loop assigns i, m;
		    loop variant i; */
		for (size_t i = n; i > 0; i--)
			m = m << 8 | byte_of(p[i - 1]);
		part(&h, m, (unsigned)n);
	}
	*hash = h;
}

uint64_t hash_end(struct hash *h)
{
	word(h, h->tail | h->total << 56);
	h->v[2] ^= 0xff;
	/*@ loop invariant 0 <= i <= 4;
	    loop assigns i, h->v[0 .. 3];
	    loop variant 4 - i; */
	for (int i = 0; i < 4; i++)
		sip_round(h->v);
	return h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
}
