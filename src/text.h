/*
 * text.h - spans of bytes, a bounded writer, numbers, UTF-8 and escapes.
 *
 * Pure. A span never owns its bytes; who made it says how long they live. A buf
 * writes into memory of its caller and never past it: what did not fit is left
 * out and `cut` is set, so a caller that cares looks there once, at the end.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An invariant of our own. Stays on in what ships; a violation traps. */
#define ASSERT(x) ((x) ? (void)0 : __builtin_trap())

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

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})
#define SPAN_NONE ((struct span){NULL, 0})

struct span span_of(const char *zero_terminated);
bool span_eq(struct span a, struct span b);
/* Equal but for the case of ASCII letters, as RFC 9110 compares names. */
bool span_ieq(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
struct span span_skip(struct span s, size_t n); /* without the first n bytes */
/* Up to the first `sep`, which is taken away too; all of it if there is none.
 * The rest stays in *s. False at the end, when *s is absent. */
bool span_split(struct span *s, char sep, struct span *part);
/* Without spaces and tabs (OWS of RFC 9110 5.6.3) at both ends. */
struct span span_trim(struct span s);

/* Printable ASCII other than the blank. */
bool char_is_visible(char c);

/* All of s is decimal digits and fits. False leaves *out alone. */
bool span_u64(struct span s, uint64_t *out);
/* The value of a hexadecimal digit, or -1. */
int hex_digit(char c);

struct buf buf_of(char *p, size_t cap);
struct span buf_span(const struct buf *b);
void buf_char(struct buf *b, char c);
void buf_put(struct buf *b, struct span s);
void buf_str(struct buf *b, const char *zero_terminated);
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
/* v with leading zeros to `width` digits; base 10 or 16, lower case. */
void buf_padded(struct buf *b, uint64_t v, unsigned base, unsigned width);
void buf_utf8(struct buf *b, uint32_t code_point);

/* Takes one code point off the front of *s, which must not be empty. Returns
 * false and takes one byte where the bytes are not UTF-8 (RFC 3629). */
bool utf8_take(struct span *s, uint32_t *code_point);

/* Code points that may not reach a terminal or a log as they are: C0, DEL, C1,
 * U+2028, U+2029 and Unicode's Bidi_Control. */
bool text_is_unsafe(uint32_t code_point);
/* The visible form of an unsafe code point: \n, \x1b, \u202e. */
void text_escape(struct buf *b, uint32_t code_point);
/* Text from outside for a log or an answer: unsafe code points escaped, bytes
 * that are not UTF-8 as \xff, cut with a mark after about `max` bytes. */
void text_show(struct buf *b, struct span s, size_t max);
/* The same in quotes, with quotes and backslashes in there escaped. */
void text_quote(struct buf *b, struct span s, size_t max);

/* Overwrites a secret; the compiler may not leave that out. */
void text_wipe(char *p, size_t n);

/* Seconds since 1970 as 2026-11-24T01:55:52Z (RFC 3339). */
void text_time(struct buf *b, int64_t unix_s);
/* The same as an HTTP date, RFC 9110 5.6.7: Tue, 24 Nov 2026 01:55:52 GMT. */
void text_http_date(struct buf *b, int64_t unix_s);

#endif
