/*
 * hash.h - SipHash (Aumasson, Bernstein 2012) with one round a word and three
 * at the end: a keyed hash for names of alerts, so that no sender, who sees
 * neither key nor names, can make one alert look like another.
 *
 * Pure. The key comes from the kernel's random source and never leaves.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/text.h"

struct hash_key {
	uint64_t k0, k1;
};

struct hash {
	uint64_t v[4];
	uint64_t total; /* bytes so far */
};

/*@ requires \valid(h) && \valid_read(key);
    assigns *h; */
void hash_start(struct hash *h, const struct hash_key *key);
/* Adds a number, as eight bytes. */
/*@ requires \valid(h);
    assigns *h; */
void hash_number(struct hash *h, uint64_t v);
/* Adds the span's length as a number, and its bytes with zeros behind them, up
 * to a multiple of eight: ("a", "bc") is not ("ab", "c"). Absent counts as a
 * length that none has. */
/*@ requires \valid(h) && span_ok(s);
    assigns *h; */
void hash_span(struct hash *h, struct span s);
/*@ requires \valid_read(h);
    assigns \nothing; */
uint64_t hash_end(const struct hash *h);

#endif
