/* strings.c - the readers of json.h for strings and values that are valid. */
#include "json/json.h"

/* json_odd_bytes(), and DEL. */
/*@ assigns \nothing; */
static inline size_t not_plain(size_t w)
{
	return json_odd_bytes(w) | ((w + word_of(1)) & word_of(0x80));
}

size_t json_plain(struct span s)
{
	size_t i = 0;
	size_t hit;
	/*@ loop invariant i <= s.n && (i > 0 ==> s.n >= WORD);
	    loop assigns i, hit;
	    loop variant s.n - i; */
	for (; s.n - i >= WORD; i += WORD)
		if ((hit = not_plain(word_bytes(s.p + i))) != 0)
			return i + lowest_byte(hit);
	if (i == s.n)
		return i;
	if (i) {
		/* the last word; the first of them were seen to be plain */
		hit = not_plain(word_bytes(s.p + (s.n - WORD)));
		return hit ? s.n - WORD + lowest_byte(hit) : s.n;
	}
	/*@ loop invariant i <= s.n;
	    loop assigns i;
	    loop variant s.n - i; */
	while (i < s.n && json_is_plain(s.p[i]))
		i++;
	return i;
}

/* Copies the plain bytes at the front of p[0..n), and less than a word behind
 * them, all within n. Returns how many are plain. */
/*@ requires \valid_read(p + (0 .. n - 1)) && \valid(to + (0 .. n - 1));
    requires \separated(p + (0 .. n - 1), to + (0 .. n - 1));
    assigns to[0 .. n - 1];
    ensures \result <= n; */
static inline size_t copy_plain(char *to, const char *p, size_t n)
{
	size_t i = 0;
	size_t w, odd;
	/*@ loop invariant 0 <= i <= n && (i > 0 ==> n >= WORD);
	    loop assigns i, w, odd, to[0 .. n - 1];
	    loop variant n - i; */
	for (; n - i >= WORD; i += WORD) {
		w = word_bytes(p + i);
		copy_word(to + i, p + i);
		odd = not_plain(w);
		if (odd)
			return i + lowest_byte(odd);
	}
	if (i && i < n) {
		/* the last word; the first of them were seen to be plain */
		w = word_bytes(p + (n - WORD));
		copy_word(to + (n - WORD), p + (n - WORD));
		odd = not_plain(w);
		return odd ? n - WORD + lowest_byte(odd) : n;
	}
	/*@ loop invariant 0 <= i <= n;
	    loop assigns i, to[0 .. n - 1];
	    loop variant n - i; */
	for (; i < n && json_is_plain(p[i]); i++)
		to[i] = p[i];
	return i;
}

size_t json_put_plain(struct buf *b, struct span s)
{
	size_t room = b->cap - b->n;
	size_t n = copy_plain(b->p + b->n, s.p, s.n < room ? s.n : room);
	b->n += n;
	return n;
}

bool json_is_escape(char c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return true;
	default:
		return false;
	}
}

/* An escape or a character that is not plain at the front of p[0..n): how many
 * bytes it has; 0 if it is not whole, or wrong. */
/*@ requires n > 0 && \valid_read(p + (0 .. n - 1));
    assigns \nothing;
    ensures \result <= n; */
static size_t odd_length(const char *p, size_t n)
{
	struct span s = {p, n};
	uint32_t c;
	if (byte_of(p[0]) < 0x20)
		return 0;
	if (p[0] != '\\')
		return utf8_take(&s, &c) ? n - s.n : 0;
	if (n < 2)
		return 0;
	if (p[1] != 'u')
		return json_is_escape(p[1]) ? 2 : 0;
	/*@ loop invariant 2 <= i <= 6 && i <= n;
	    loop assigns i;
	    loop variant 6 - i; */
	for (size_t i = 2; i < 6; i++)
		if (i >= n || hex_digit(p[i]) < 0)
			return 0;
	return 6;
}

size_t json_behind_odd_string(const char *p, size_t i, size_t n)
{
	size_t length = 1;
	/*@ loop invariant \at(i, Pre) <= i <= n;
	    loop assigns i, length;
	    loop variant n - i + (length ? 1 : 0); */
	while (length) {
		i += json_plain((struct span){p + i, n - i});
		if (i == n)
			return 0;
		if (p[i] == '"')
			return i + 1;
		length = odd_length(p + i, n - i);
		i += length;
	}
	return 0;
}

static const char short_escapes[] = "b\bf\fn\nr\rt\t";

/* The four digits behind \u. */
/*@ requires \valid(s) && span_ok(*s) && s->n >= 4;
    assigns *s;
    ensures span_ok(*s) && s->n == \old(s->n) - 4;
    ensures s->p == \old(s->p) + 4 && \result <= 0xffff; */
static uint32_t take_hex4(struct span *s)
{
	uint32_t v = 0;
	/*@ loop invariant 0 <= i <= 4;
	    loop invariant i == 0 ==> v == 0;
	    loop invariant i == 1 ==> v <= 0xf;
	    loop invariant i == 2 ==> v <= 0xff;
	    loop invariant i == 3 ==> v <= 0xfff;
	    loop invariant i == 4 ==> v <= 0xffff;
	    loop assigns i, v;
	    loop variant 4 - i; */
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(s->p[i]);
		v = v * 16 + (digit < 0 ? 0 : (uint32_t)digit);
	}
	*s = span_skip(*s, 4);
	return v;
}

uint32_t json_take_char(struct span *s)
{
	uint32_t c;
	unsigned char first = byte_of(s->p[0]);
	if (s->n < 2 || (first < 0x80 && first != '\\')) {
		s->p++;
		s->n--;
		return first;
	}
	if (first != '\\') {
		utf8_take(s, &c);
		return c;
	}
	char kind = s->p[1];
	*s = span_skip(*s, 2);
	if (kind != 'u' || s->n < 4) {
		/*@ loop invariant i <= 11;
		    loop assigns i;
		    loop variant 11 - i; */
		for (size_t i = 0; i + 1 < sizeof short_escapes; i += 2)
			if (short_escapes[i] == kind)
				return byte_of(short_escapes[i + 1]);
		return byte_of(kind);
	}
	c = take_hex4(s);
	if (c >= 0xd800 && c <= 0xdbff && s->n >= 6 && s->p[0] == '\\' &&
	    s->p[1] == 'u') {
		struct span rest = span_skip(*s, 2);
		uint32_t low = take_hex4(&rest);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*s = rest;
			return 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00);
		}
	}
	return c >= 0xd800 && c <= 0xdfff ? 0xfffd : c;
}

/*@ assigns \nothing; */
static inline bool has_slash(size_t w)
{
	w ^= word_of('\\');
	return ((w - word_of(1)) & ~w & word_of(0x80)) != 0;
}

bool json_has_escape(struct span s)
{
	size_t i = 0;
	if (s.n >= WORD) {
		size_t last = s.n - WORD; /* may overlap with the one before */
		/*@ loop invariant i <= last + WORD - 1;
		    loop assigns i;
		    loop variant last + WORD - i; */
		for (; i < last; i += WORD)
			if (has_slash(word_bytes(s.p + i)))
				return true;
		return has_slash(word_bytes(s.p + last));
	}
	if (s.n >= 4)
		return has_slash((size_t)few_bytes(s.p, s.n));
	/*@ loop invariant i <= s.n;
	    loop assigns i;
	    loop variant s.n - i; */
	while (i < s.n && s.p[i] != '\\')
		i++;
	return i < s.n;
}

bool json_equal(struct span a, struct span b)
{
	if (!json_has_escape(a) && !json_has_escape(b))
		return span_eq(a, b);
	/*@ loop invariant span_ok(a) && span_ok(b);
	    loop assigns a, b;
	    loop variant a.n; */
	while (a.n && b.n)
		if (json_take_char(&a) != json_take_char(&b))
			return false;
	return a.n == b.n;
}

/* The same bytes, and no backslash among them. */
/*@ assigns \nothing; */
static inline bool same_plain(size_t a, size_t b)
{
	return a == b && !has_slash(a);
}

bool json_is_same(struct span a, struct span b)
{
	size_t i = 0;
	if (a.n >= WORD) {
		size_t last = a.n - WORD;
		/*@ loop invariant i <= last + WORD - 1;
		    loop assigns i;
		    loop variant last + WORD - i; */
		for (; i < last; i += WORD)
			if (!same_plain(word_bytes(a.p + i),
					word_bytes(b.p + i)))
				return false;
		return same_plain(word_bytes(a.p + last),
				  word_bytes(b.p + last));
	}
	if (a.n >= 4)
		return same_plain((size_t)few_bytes(a.p, a.n),
				  (size_t)few_bytes(b.p, b.n));
	/*@ loop invariant i <= a.n;
	    loop assigns i;
	    loop variant a.n - i; */
	while (i < a.n && a.p[i] == b.p[i] && a.p[i] != '\\')
		i++;
	return i == a.n;
}

bool json_is_escaped(struct span s, struct span text)
{
	uint32_t c;
	if (!json_has_escape(s))
		return false;
	/*@ loop invariant span_ok(s) && span_ok(text);
	    loop assigns s, text, c;
	    loop variant s.n; */
	while (s.n && text.n)
		if (!utf8_take(&text, &c) || json_take_char(&s) != c)
			return false;
	return s.n == text.n;
}

void json_put_text(struct buf *b, struct span s)
{
	/*@ loop invariant span_ok(s) && apart(b, s) && grown{Pre, Here}(b);
	    loop assigns s, b->n, b->cut, b->p[\at(b->n, Pre) .. b->cap - 1];
	    loop variant s.n; */
	while (s.n)
		buf_utf8(b, json_take_char(&s));
}

/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
static void put_u_escape(struct buf *b, uint32_t c)
{
	buf_str(b, "\\u");
	buf_padded(b, c, 16, 4);
}

/* A character of a string's inside, as it stands there. */
/*@ requires buf_ok(b) && \valid(s) && span_ok(*s) && apart(b, *s) && s->n > 0;
    requires \separated(b, s);
    assigns *s, b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b);
    ensures span_ok(*s) && s->n < \old(s->n) && apart(b, *s); */
static void put_string_char(struct buf *b, struct span *s, bool ascii)
{
	struct span before = *s;
	uint32_t c;
	utf8_take(s, &c);
	if (!text_is_unsafe(c) && !ascii) {
		buf_put(b, (struct span){before.p, before.n - s->n});
	} else if (c >= 0x10000) {
		put_u_escape(b, 0xd800 + ((c - 0x10000) >> 10));
		put_u_escape(b, 0xdc00 + (c & 0x3ff));
	} else {
		put_u_escape(b, c);
	}
}

/* Appends what stands between strings, up to a blank or with the quote of the
 * next one, off the front of *s. Does a string begin? */
/*@ requires buf_ok(b) && \valid(s) && span_ok(*s) && apart(b, *s) && s->n > 0;
    requires \separated(b, s);
    assigns *s, b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b);
    ensures span_ok(*s) && s->n < \old(s->n) && apart(b, *s); */
static bool put_structure(struct buf *b, struct span *s)
{
	char *to = b->p + b->n;
	size_t i = 0, room = b->cap - b->n;
	size_t n = s->n < room ? s->n : room;
	bool quote = false;
	/*@ loop invariant i <= n && (quote ==> i > 0);
	    loop assigns i, quote, to[0 .. n - 1];
	    loop variant n - i; */
	while (i < n && !quote && !json_is_blank(s->p[i])) {
		quote = s->p[i] == '"';
		to[i] = s->p[i];
		i++;
	}
	b->n += i;
	*s = span_skip(*s, i);
	if (quote || s->n == 0)
		return quote;
	char c = s->p[0]; /* a blank, or there is no room for it */
	if (!json_is_blank(c))
		buf_char(b, c);
	*s = span_skip(*s, 1);
	return c == '"';
}

/* Appends some of a string's inside, or its last quote, off the front of *s.
 * Does the string go on? */
/*@ requires buf_ok(b) && \valid(s) && span_ok(*s) && apart(b, *s) && s->n > 0;
    requires \separated(b, s);
    assigns *s, b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b);
    ensures span_ok(*s) && s->n < \old(s->n) && apart(b, *s); */
static bool put_in_string(struct buf *b, struct span *s, bool ascii)
{
	*s = span_skip(*s, json_put_plain(b, *s));
	if (s->n == 0)
		return true;
	if (s->p[0] == '"') {
		buf_char(b, '"');
		*s = span_skip(*s, 1);
		return false;
	}
	if (s->p[0] == '\\' && s->n > 1) {
		buf_put(b, (struct span){s->p, 2});
		*s = span_skip(*s, 2);
	} else {
		put_string_char(b, s, ascii);
	}
	return true;
}

void json_put_compact(struct buf *b, struct span text, bool ascii)
{
	bool in_string = false;
	/*@ loop invariant span_ok(text) && apart(b, text);
	    loop invariant grown{Pre, Here}(b);
	    loop assigns text, in_string, b->n, b->cut,
		b->p[\at(b->n, Pre) .. b->cap - 1];
	    loop variant text.n; */
	while (text.n)
		in_string = in_string ? put_in_string(b, &text, ascii)
				      : put_structure(b, &text);
}
