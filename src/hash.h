/*
 * hash.h - SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash for names of
 * alerts, so that no sender can make one alert look like another.
 *
 * Pure. The key comes from the kernel's random source and never leaves.
 */
#ifndef HASH_H
#define HASH_H

#include "text.h"

struct hash_key {
	uint64_t k0, k1;
};

struct hash {
	uint64_t v[4];
	uint64_t tail;  /* bytes that do not make a word yet */
	uint64_t total; /* bytes so far */
};

/*@ requires \valid(h) && \valid_read(key);
    assigns *h; */
void hash_start(struct hash *h, const struct hash_key *key);
/* Adds the span's length and bytes, so that ("a", "bc") is not ("ab", "c");
 * absent and empty differ too. */
/*@ requires \valid(h) && span_ok(s);
    assigns *h; */
void hash_span(struct hash *h, struct span s);
/*@ requires \valid(h);
    assigns *h; */
uint64_t hash_end(struct hash *h);

#endif
