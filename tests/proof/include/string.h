/*
 * string.h - what the proofs assume of the C library: the functions that the
 * proved files call, with contracts that say no more than C11 7.24.
 */
#ifndef PROOF_STRING_H
#define PROOF_STRING_H

#include <stddef.h>
#include <stdint.h>

/*@ requires \valid_read((char *)a + (0 .. n - 1));
    requires \valid_read((char *)b + (0 .. n - 1));
    assigns \result \from ((char *)a)[0 .. n - 1], ((char *)b)[0 .. n - 1]; */
int memcmp(const void *a, const void *b, size_t n);

/* No object is larger than PTRDIFF_MAX: gcc and musl see to that. */
/*@ requires \valid_read((char *)s + (0 .. n - 1));
    assigns \result \from s, ((char *)s)[0 .. n - 1], c;
    ensures (\result == \null && \forall integer i; 0 <= i < n ==>
		*((char *)s + i) != (char)c) ||
	\exists integer i; 0 <= i < n && i < PTRDIFF_MAX &&
		\result == (char *)s + i && *((char *)s + i) == (char)c &&
		\forall integer k; 0 <= k < i ==>
			*((char *)s + k) != (char)c; */
void *memchr(const void *s, int c, size_t n);

/*@ requires \valid((char *)to + (0 .. n - 1));
    requires \valid_read((char *)from + (0 .. n - 1));
    requires \separated((char *)to + (0 .. n - 1),
			(char *)from + (0 .. n - 1));
    assigns ((char *)to)[0 .. n - 1] \from ((char *)from)[0 .. n - 1];
    assigns \result \from to;
    ensures \result == to;
    ensures \forall integer i; 0 <= i < n ==>
	((char *)to)[i] == \old(((char *)from)[i]); */
void *memcpy(void *to, const void *from, size_t n);

/*@ requires \valid((char *)to + (0 .. n - 1));
    requires \valid_read((char *)from + (0 .. n - 1));
    assigns ((char *)to)[0 .. n - 1] \from ((char *)from)[0 .. n - 1];
    assigns \result \from to;
    ensures \result == to; */
void *memmove(void *to, const void *from, size_t n);

/*@ requires \valid((char *)s + (0 .. n - 1));
    assigns ((char *)s)[0 .. n - 1] \from c;
    assigns \result \from s;
    ensures \result == s; */
void *memset(void *s, int c, size_t n);

/*@ requires \exists integer n; 0 <= n && s[n] == 0 &&
	\valid_read(s + (0 .. n));
    assigns \result \from s, s[0 ..];
    ensures \valid_read(s + (0 .. \result)) && s[\result] == 0;
    ensures \forall integer i; 0 <= i < \result ==> s[i] != 0; */
size_t strlen(const char *s);

/*@ requires \exists integer n; 0 <= n && s[n] == 0 &&
	\valid_read(s + (0 .. n));
    assigns \result \from s, s[0 ..], c;
    ensures \result == \null || \valid_read(\result); */
char *strchr(const char *s, int c);

#endif
