/*
 * words.c - what text.h says of bytes at once, for machines that load and store
 * words wherever they stand. aligned.c takes its place where they do not.
 */
#include "base/text.h"

#include <string.h>

size_t lowest_byte(size_t w)
{
	return (unsigned)__builtin_ctzl(w) / 8;
}

void span_copy(char *to, struct span s)
{
	size_t i = 0;
	/* musl's memcpy() takes long to begin, and most pieces are short; one
	 * of constant size is a load and a store */
	if (s.n > 1024) {
		memcpy(to, s.p, s.n);
	} else if (s.n >= 16) {
		size_t last = s.n - 16; /* may overlap with those before */
		/*@ loop invariant i <= last + 15;
		    loop assigns i, to[0 .. s.n - 1];
		    loop variant last + 16 - i; */
		for (; i < last; i += 16)
			memcpy(to + i, s.p + i, 16);
		memcpy(to + last, s.p + last, 16);
	} else if (s.n >= 8) {
		memcpy(to, s.p, 8);
		memcpy(to + (s.n - 8), s.p + (s.n - 8), 8);
	} else if (s.n >= 4) {
		memcpy(to, s.p, 4);
		memcpy(to + (s.n - 4), s.p + (s.n - 4), 4);
	} else {
		/*@ loop invariant i <= s.n;
		    loop assigns i, to[0 .. s.n - 1];
		    loop variant s.n - i; */
		for (; i < s.n; i++)
			to[i] = s.p[i];
	}
}
