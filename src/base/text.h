/*
 * text.h - spans of bytes, a bounded writer, numbers, UTF-8 and escapes.
 *
 * Pure. A span never owns its bytes; who made it says how long they live. A buf
 * writes into memory of its caller and never past it: what did not fit is left
 * out and `cut` is set, so a caller that cares looks there once, at the end.
 *
 * Comments that begin with an at sign are contracts in ACSL, in this and other
 * headers: what a caller owes (requires), what may be written (assigns) and
 * what holds afterwards (ensures). `make prove` proves them, see tests/proof.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An invariant of our own. Stays on in what ships; a violation traps. */
#define ASSERT(x) must(x)
/*@ requires x;
    assigns \nothing; */
static inline void must(bool x)
{
	if (!x)
		__builtin_trap();
}

/* A char's eight bits, whether char is signed or not. */
/*@ assigns \nothing; */
static inline unsigned char byte_of(char c)
{
	return (unsigned char)c;
}

/* Four bytes wherever they stand, in as few loads as the machine has for them;
 * MIPS has one for each half of an unaligned word. */
struct four {
	uint32_t bytes;
} __attribute__((packed, may_alias));
/*@ requires \valid_read(p + (0 .. 3));
    assigns \nothing; */
static inline uint32_t load_four(const char *p)
{
	return ((const struct four *)p)->bytes;
}

/* The same way back. */
/*@ requires \valid(p + (0 .. 3));
    assigns p[0 .. 3]; */
static inline void store_four(char *p, uint32_t v)
{
	((struct four *)p)->bytes = v;
}

/* The first one lowest, on every machine. */
/*@ requires \valid_read(p + (0 .. 3));
    assigns \nothing; */
static inline uint32_t four_bytes(const char *p)
{
	uint32_t v = load_four(p);
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v
							 : __builtin_bswap32(v);
}

/* The same; the compiler makes one load of them, where there is such. */
/*@ requires \valid_read(p + (0 .. 7));
    assigns \nothing; */
static inline uint64_t eight_bytes(const char *p)
{
	return four_bytes(p) | (uint64_t)four_bytes(p + 4) << 32;
}

/* All of four to eight bytes, some of them twice: to be compared with others of
 * that length. */
/*@ requires 4 <= n <= 8 && \valid_read(p + (0 .. n - 1));
    assigns \nothing; */
static inline uint64_t few_bytes(const char *p, size_t n)
{
	return four_bytes(p) | (uint64_t)four_bytes(p + (n - 4)) << 32;
}

/* As many as the machine takes at once, the first one lowest: for loops whose
 * result does not depend on how many that are. */
enum { WORD = sizeof(size_t) };
/*@ requires \valid_read(p + (0 .. WORD - 1));
    assigns \nothing; */
static inline size_t word_bytes(const char *p)
{
	return WORD == 8 ? (size_t)eight_bytes(p) : four_bytes(p);
}

/* Copies that many. */
struct word {
	size_t bytes;
} __attribute__((packed, may_alias));
/*@ requires \valid_read(p + (0 .. WORD - 1)) && \valid(to + (0 .. WORD - 1));
    assigns to[0 .. WORD - 1]; */
static inline void copy_word(char *to, const char *p)
{
	((struct word *)to)->bytes = ((const struct word *)p)->bytes;
}

/* A word that has v in each of its bytes. */
/*@ requires v <= 255;
    assigns \nothing; */
static inline size_t word_of(size_t v)
{
	return SIZE_MAX / 255 * v;
}

/* In words.c or aligned.c, as the machine loads words: of one that is not 0,
 * the byte with the lowest bit that is set. */
/*@ requires w != 0;
    assigns \nothing;
    ensures \result < WORD; */
size_t lowest_byte(size_t w);

struct span {
	const char *p; /* NULL: absent, which is not the same as empty */
	size_t n;
};

struct buf {
	char *p;
	size_t n;   /* written so far, never more than cap */
	size_t cap; /* bytes at p */
	bool cut;   /* something did not fit */
};

/*@ predicate span_ok(struct span s) = \valid_read(s.p + (0 .. s.n - 1));

    predicate buf_ok(struct buf *b) =
	\valid(b) && b->n <= b->cap && \valid(b->p + (0 .. b->cap - 1));

    // a read of s sees nothing of what is written to b
    predicate apart(struct buf *b, struct span s) =
	\separated(b->p + (0 .. b->cap - 1), s.p + (0 .. s.n - 1));

    // nothing was taken back; what did not fit is not silent
    predicate grown{Before, After}(struct buf *b) =
	buf_ok{After}(b) && \at(b->n, Before) <= \at(b->n, After) &&
	(\at(b->cut, Before) ==> \at(b->cut, After));

    predicate string_ok(char *s) =
	\exists integer n; 0 <= n && s[n] == 0 && \valid_read(s + (0 .. n));

    predicate string_apart(struct buf *b, char *s) =
	\exists integer n; 0 <= n && s[n] == 0 &&
		\separated(b->p + (0 .. b->cap - 1), s + (0 .. n)); */

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
/* The same for static data, where C takes no more than this. */
#define SPAN_INIT(literal)                     \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}
#define SPAN_NONE ((struct span){NULL, 0})

/*@ requires string_ok(zero_terminated);
    assigns \nothing;
    ensures span_ok(\result) && \result.p == zero_terminated;
    ensures \valid_read(\result.p + (0 .. \result.n));
    ensures \forall integer i; 0 <= i < \result.n ==> zero_terminated[i] != 0;
 */
struct span span_of(const char *zero_terminated);
/*@ requires span_ok(a) && span_ok(b);
    assigns \nothing;
    ensures \result ==> a.n == b.n; */
bool span_eq(struct span a, struct span b);
/* Equal but for the case of ASCII letters, as RFC 9110 compares names. */
/*@ requires span_ok(a) && span_ok(b);
    assigns \nothing;
    ensures \result ==> a.n == b.n; */
bool span_ieq(struct span a, struct span b);
/*@ requires span_ok(s) && span_ok(prefix);
    assigns \nothing;
    ensures \result ==> s.n >= prefix.n; */
bool span_starts(struct span s, struct span prefix);
/* Without the first n bytes. */
/*@ requires span_ok(s) && n <= s.n;
    assigns \nothing;
    ensures \result.p == s.p + n && \result.n == s.n - n;
    ensures span_ok(\result); */
static inline struct span span_skip(struct span s, size_t n)
{
	ASSERT(n <= s.n);
	return (struct span){s.p + n, s.n - n};
}
/* There too: copies its bytes; they may not overlap. */
/*@ requires \valid(to + (0 .. s.n - 1)) && span_ok(s);
    requires \separated(to + (0 .. s.n - 1), s.p + (0 .. s.n - 1));
    assigns to[0 .. s.n - 1]; */
void span_copy(char *to, struct span s);
/* Up to the first `sep`, which is taken away too; all of it if there is none.
 * The rest stays in *s. False at the end, when *s is absent. */
/*@ requires \valid(s) && \valid(part) && \separated(s, part) && span_ok(*s);
    assigns *s, *part;
    ensures span_ok(*s);
    ensures \result <==> \old(s->p) != \null;
    ensures !\result ==> *s == \old(*s) && *part == \old(*part);
    ensures \result ==> span_ok(*part) && part->p == \old(s->p);
    ensures \result ==>
	    \forall integer i; 0 <= i < part->n ==> part->p[i] != sep;
    ensures \result && s->p == \null ==> s->n == 0 && part->n == \old(s->n);
    ensures \result && s->p != \null ==> part->n + 1 + s->n == \old(s->n) &&
	    s->p == part->p + part->n + 1 && part->p[part->n] == sep; */
bool span_split(struct span *s, char sep, struct span *part);
/* Without spaces and tabs (OWS of RFC 9110 5.6.3) at both ends. */
/*@ requires span_ok(s);
    assigns \nothing;
    ensures span_ok(\result) && \result.n <= s.n; */
struct span span_trim(struct span s);

/* Printable ASCII other than the blank. */
/*@ assigns \nothing; */
bool char_is_visible(char c);

/* Of an ASCII letter the lower case, else c. */
/*@ assigns \nothing; */
char char_lower(char c);

/* All of s is decimal digits and fits. False leaves *out alone. */
/*@ requires span_ok(s) && \valid(out);
    assigns *out;
    ensures !\result ==> *out == \old(*out); */
bool span_u64(struct span s, uint64_t *out);
/* The value of a hexadecimal digit, or -1. */
/*@ assigns \nothing;
    ensures -1 <= \result <= 15; */
int hex_digit(char c);

/*@ assigns \nothing;
    ensures \result.p == p && \result.n == 0 && \result.cap == cap; */
struct buf buf_of(char *p, size_t cap);
/*@ requires buf_ok(b);
    assigns \nothing;
    ensures \result.p == b->p && \result.n == b->n && span_ok(\result); */
struct span buf_span(const struct buf *b);
/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b);
    ensures b->cut || b->n == \old(b->n) + 1; */
void buf_char(struct buf *b, char c);
/*@ requires buf_ok(b) && span_ok(s) && apart(b, s);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b);
    ensures b->cut || b->n == \old(b->n) + s.n; */
void buf_put(struct buf *b, struct span s);
/*@ requires buf_ok(b);
    requires string_ok(zero_terminated) && string_apart(b, zero_terminated);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void buf_str(struct buf *b, const char *zero_terminated);
/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void buf_u64(struct buf *b, uint64_t v);
/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void buf_i64(struct buf *b, int64_t v);
/* v with leading zeros to `width` digits; base 10 or 16, lower case. */
/*@ requires buf_ok(b) && (base == 10 || base == 16);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void buf_padded(struct buf *b, uint64_t v, unsigned base, unsigned width);
/* Whole or not at all. */
/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void buf_utf8(struct buf *b, uint32_t code_point);

/* Takes one code point off the front of *s, which must not be empty. Returns
 * false and takes one byte where the bytes are not UTF-8 (RFC 3629). */
/*@ requires \valid(s) && \valid(code_point) && span_ok(*s) && s->n > 0;
    assigns *s, *code_point;
    ensures span_ok(*s) && s->n < \old(s->n);
    ensures s->p == \old(s->p) + (\old(s->n) - s->n);
    ensures \result ==> *code_point <= 0x10ffff;
    ensures \result ==> *code_point < 0xd800 || *code_point > 0xdfff; */
bool utf8_take(struct span *s, uint32_t *code_point);

/* Code points that may not reach a terminal or a log as they are: C0, DEL, C1,
 * U+2028, U+2029 and Unicode's Bidi_Control. */
/*@ assigns \nothing; */
bool text_is_unsafe(uint32_t code_point);
/* The visible form of an unsafe code point: \n, \x1b, \u202e. */
/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void text_escape(struct buf *b, uint32_t code_point);
/* Text from outside for a log or an answer: unsafe code points escaped, bytes
 * that are not UTF-8 as \xff, cut with a mark after about `max` bytes. */
/*@ requires buf_ok(b) && span_ok(s) && apart(b, s);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void text_show(struct buf *b, struct span s, size_t max);
/* The same in quotes, with quotes and backslashes in there escaped. */
/*@ requires buf_ok(b) && span_ok(s) && apart(b, s);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void text_quote(struct buf *b, struct span s, size_t max);

/* Overwrites a secret; the compiler may not leave that out. */
/*@ requires \valid(p + (0 .. n - 1));
    assigns p[0 .. n - 1]; */
void text_wipe(char *p, size_t n);

#endif
