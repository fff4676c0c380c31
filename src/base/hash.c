/* hash.c - see hash.h. */
#include "base/hash.h"

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
	h->v[0] ^= m;
}

void hash_start(struct hash *h, const struct hash_key *key)
{
	*h = (struct hash){.v = {key->k0 ^ 0x736f6d6570736575U,
				 key->k1 ^ 0x646f72616e646f6dU,
				 key->k0 ^ 0x6c7967656e657261U,
				 key->k1 ^ 0x7465646279746573U}};
}

void hash_number(struct hash *h, uint64_t v)
{
	word(h, v);
	h->total += 8;
}

/* One to seven bytes as a number. */
/*@ requires 0 < n < 8 && \valid_read(p + (0 .. n - 1));
    assigns \nothing; */
static uint64_t number_of(const char *p, size_t n)
{
	uint64_t m = 0;
	/*@ loop invariant 0 <= i <= n;
	    loop assigns i, m;
	    loop variant i; */
	for (size_t i = n; i > 0; i--)
		m = m << 8 | byte_of(p[i - 1]);
	return m;
}

void hash_span(struct hash *hash, struct span s)
{
	size_t n = s.p ? s.n : 0, i = 0;
	if (n == 0) {
		hash_number(hash, s.p ? 0 : UINT64_MAX);
		return;
	}
	struct hash h = *hash; /* so that it can stay in registers */
	h.total += 8 + (n + 7) / 8 * 8;
	word(&h, n);
	/*@ loop invariant 0 <= i <= n && (i > 0 ==> n >= 8);
	    loop assigns i, h;
	    loop variant n - i; */
	for (; n - i >= 8; i += 8)
		word(&h, eight_bytes(s.p + i));
	size_t rest = n - i;
	if (rest && i)
		/* of the last eight those that were not added yet */
		word(&h, eight_bytes(s.p + (n - 8)) >> (64 - 8 * rest));
	else if (rest)
		word(&h, number_of(s.p, rest));
	*hash = h;
}

uint64_t hash_end(const struct hash *hash)
{
	struct hash h = *hash;
	word(&h, h.total << 56);
	h.v[2] ^= 0xff;
	sip_round(h.v);
	sip_round(h.v);
	sip_round(h.v);
	return h.v[0] ^ h.v[1] ^ h.v[2] ^ h.v[3];
}
