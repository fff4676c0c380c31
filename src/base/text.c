/* text.c - see text.h. No state. */
#include "base/text.h"

#include <string.h>

struct span span_of(const char *zero_terminated)
{
	return (struct span){zero_terminated, strlen(zero_terminated)};
}

bool span_eq(struct span a, struct span b)
{
	size_t i = 0;
	if (a.n != b.n)
		return false;
	/* most are short, and musl's memcmp() goes byte by byte */
	if (a.n >= 8) {
		/*@ loop invariant i <= a.n;
		    loop assigns i;
		    loop variant a.n - i; */
		for (; a.n - i > 16; i += 16)
			if ((eight_bytes(a.p + i) ^ eight_bytes(b.p + i)) |
			    (eight_bytes(a.p + i + 8) ^
			     eight_bytes(b.p + i + 8)))
				return false;
		if (a.n - i > 8 && eight_bytes(a.p + i) != eight_bytes(b.p + i))
			return false;
		size_t last = a.n - 8; /* may overlap with those before */
		return eight_bytes(a.p + last) == eight_bytes(b.p + last);
	}
	if (a.n >= 4)
		return few_bytes(a.p, a.n) == few_bytes(b.p, b.n);
	/*@ loop invariant i <= a.n;
	    loop assigns i;
	    loop variant a.n - i; */
	while (i < a.n && a.p[i] == b.p[i])
		i++;
	return i == a.n;
}

char char_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool span_ieq(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	/*@ loop invariant 0 <= i <= a.n;
	    loop assigns i;
	    loop variant a.n - i; */
	for (size_t i = 0; i < a.n; i++)
		if (char_lower(a.p[i]) != char_lower(b.p[i]))
			return false;
	return true;
}

bool span_starts(struct span s, struct span prefix)
{
	return s.n >= prefix.n && span_eq((struct span){s.p, prefix.n}, prefix);
}

bool span_split(struct span *s, char sep, struct span *part)
{
	if (s->p == NULL)
		return false;
	const char *at = s->n ? memchr(s->p, sep, s->n) : NULL;
	if (at == NULL) {
		*part = *s;
		*s = SPAN_NONE;
		return true;
	}
	part->p = s->p;
	part->n = (size_t)(at - s->p);
	*s = span_skip(*s, part->n + 1);
	return true;
}

/*@ assigns \nothing; */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
	/*@ loop invariant span_ok(s) && s.n <= \at(s.n, Pre);
	    loop assigns s;
	    loop variant s.n; */
	while (s.n && is_blank(s.p[0]))
		s = span_skip(s, 1);
	/*@ loop invariant span_ok(s) && s.n <= \at(s.n, Pre);
	    loop assigns s.n;
	    loop variant s.n; */
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool char_is_visible(char c)
{
	unsigned char u = byte_of(c);
	return u > 0x20 && u < 0x7f;
}

bool span_u64(struct span s, uint64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0)
		return false;
	/*@ loop invariant 0 <= i <= s.n;
	    loop assigns i, v;
	    loop variant s.n - i; */
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(s.p[i] - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = char_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct buf buf_of(char *p, size_t cap)
{
	return (struct buf){p, 0, cap, false};
}

struct span buf_span(const struct buf *b)
{
	return (struct span){b->p, b->n};
}

void buf_char(struct buf *b, char c)
{
	if (b->n == b->cap) {
		b->cut = true;
		return;
	}
	b->p[b->n++] = c;
}

void buf_put(struct buf *b, struct span s)
{
	size_t room = b->cap - b->n;
	if (s.n > room) {
		b->cut = true;
		s.n = room;
	}
	if (s.n)
		span_copy(b->p + b->n, s);
	b->n += s.n;
}

void buf_str(struct buf *b, const char *zero_terminated)
{
	buf_put(b, span_of(zero_terminated));
}

static const char hex[] = "0123456789abcdef";

void buf_padded(struct buf *b, uint64_t v, unsigned base, unsigned width)
{
	char digits[20]; /* 2^64 has 20 decimal digits */
	size_t i = sizeof digits;
	/* division of 64 bits is a long function where words have 32 */
	/*@ loop invariant 0 < i <= 20;
	    loop assigns i, v, digits[0 .. 19];
	    loop variant i; */
	while (v > UINT32_MAX && i > 1) {
		digits[--i] = hex[v % base];
		v /= base;
	}
	uint32_t low = (uint32_t)(v & UINT32_MAX);
	/*@ loop invariant 0 < i <= 20;
	    loop assigns i, low, digits[0 .. 19];
	    loop variant i; */
	do {
		digits[--i] = hex[low % base];
		low /= base;
	} while (low && i);
	/*@ loop invariant grown{Pre, Here}(b);
	    loop assigns n, b->n, b->cut,
		b->p[\at(b->n, Pre) .. b->cap - 1];
	    loop variant width - n; */
	for (size_t n = sizeof digits - i; n < width; n++)
		buf_char(b, '0');
	buf_put(b, (struct span){digits + i, sizeof digits - i});
}

void buf_u64(struct buf *b, uint64_t v)
{
	buf_padded(b, v, 10, 1);
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_char(b, '-');
	buf_u64(b, v < 0 ? (uint64_t) - (v + 1) + 1 : (uint64_t)v);
}

void buf_utf8(struct buf *b, uint32_t c)
{
	char out[4];
	size_t n;
	if (c < 0x80) {
		n = 1;
		out[0] = (char)c;
	} else {
		n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		/*@ loop invariant 0 <= i < n;
		    loop assigns i, c, out[1 .. 3];
		    loop variant i; */
		for (size_t i = n - 1; i > 0; i--) {
			out[i] = (char)(0x80 | (c & 0x3f));
			c >>= 6;
		}
		/* the lead byte: n ones, a zero, what is left of c */
		out[0] = (char)(((0xf00U >> n) & 0xff) | c);
	}
	/* a character is written whole or not at all */
	if (n > b->cap - b->n)
		b->cut = true;
	else
		buf_put(b, (struct span){out, n});
}

bool utf8_take(struct span *s, uint32_t *code_point)
{
	/* The smallest code point that needs 2, 3 and 4 bytes (RFC 3629 3). */
	static const uint32_t least[] = {0x80, 0x800, 0x10000};
	uint32_t c = byte_of(s->p[0]);
	size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	bool good = c < 0x80 || (c >= 0xc2 && c <= 0xf4 && more < s->n);
	if (good && more) {
		c &= 0x3fU >> more;
		/*@ loop invariant 1 <= i <= more + 1;
		    loop invariant i == 1 ==> c < 0x20;
		    loop invariant i == 2 ==> c < 0x800;
		    loop invariant i == 3 ==> c < 0x20000;
		    loop assigns i, c, good;
		    loop variant more - i; */
		for (size_t i = 1; i <= more && good; i++) {
			uint32_t byte = byte_of(s->p[i]);
			good = (byte & 0xc0) == 0x80;
			c = c * 64 + byte % 64;
		}
		good = good && c >= least[more - 1] && c <= 0x10ffff &&
		       (c < 0xd800 || c > 0xdfff);
	}
	*s = span_skip(*s, good ? more + 1 : 1);
	*code_point = c;
	return good;
}

bool text_is_unsafe(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
		return true;
	/* Bidi_Control and the separators, in order of code point */
	return c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
static void put_x(struct buf *b, uint32_t byte)
{
	const char out[] = {'\\', 'x', hex[byte >> 4 & 15], hex[byte & 15]};
	buf_put(b, (struct span){out, sizeof out});
}

void text_escape(struct buf *b, uint32_t c)
{
	if (c == '\n') {
		buf_put(b, SPAN("\\n"));
	} else if (c == '\r') {
		buf_put(b, SPAN("\\r"));
	} else if (c == '\t') {
		buf_put(b, SPAN("\\t"));
	} else if (c < 0x100) {
		put_x(b, c);
	} else {
		buf_put(b, SPAN("\\u"));
		buf_padded(b, c, 16, 4);
	}
}

/*@ requires buf_ok(b) && span_ok(s) && apart(b, s);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
static void show(struct buf *b, struct span s, size_t max, bool quoted)
{
	size_t start = b->n;
	/*@ loop invariant span_ok(s) && apart(b, s) && grown{Pre, Here}(b);
	    loop assigns s, b->n, b->cut, b->p[\at(b->n, Pre) .. b->cap - 1];
	    loop variant s.n; */
	while (s.n) {
		uint32_t c;
		if (b->n - start >= max) {
			buf_utf8(b, 0x2026); /* an ellipsis */
			return;
		}
		unsigned char first = byte_of(s.p[0]);
		if (quoted && (first == '"' || first == '\\'))
			buf_char(b, '\\');
		if (!utf8_take(&s, &c))
			text_escape(b, first);
		else if (text_is_unsafe(c))
			text_escape(b, c);
		else
			buf_utf8(b, c);
	}
}

void text_show(struct buf *b, struct span s, size_t max)
{
	show(b, s, max, false);
}

void text_quote(struct buf *b, struct span s, size_t max)
{
	buf_char(b, '"');
	show(b, s, max, true);
	buf_char(b, '"');
}

void text_wipe(char *p, size_t n)
{
	volatile char *v = p;
	/*@ loop invariant n <= \at(n, Pre) && v == p + (\at(n, Pre) - n);
	    loop assigns n, v, p[0 .. \at(n, Pre) - 1];
	    loop variant n; */
	for (; n; n--)
		*v++ = 0;
}
