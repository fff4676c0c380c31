/*
 * aligned.c - as words.c, for machines that load and store words at multiples
 * of their size alone: armv5, and riscv64, where others may be loaded by a
 * trap. A word that stands anywhere is as many loads as it has bytes, so musl's
 * memcpy(), which shifts aligned ones, is soon worth its call.
 */
#include "base/text.h"

#include <string.h>

/* riscv64 has no instruction to count zeros, and the builtin is a call. One bit
 * of each byte up to the lowest one that has any; their sum comes to stand in
 * the highest byte. */
size_t lowest_byte(size_t w)
{
	size_t up_to = (w ^ (w - 1)) & word_of(1);
	return (up_to * word_of(1) >> 8 * (WORD - 1)) - 1;
}

void span_copy(char *to, struct span s)
{
	size_t i = 0;
	if (s.n >= WORD) {
		memcpy(to, s.p, s.n);
		return;
	}
	/*@ loop invariant i <= s.n;
	    loop assigns i, to[0 .. s.n - 1];
	    loop variant s.n - i; */
	for (; i < s.n; i++)
		to[i] = s.p[i];
}
