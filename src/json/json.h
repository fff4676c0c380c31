/*
 * json.h - JSON as RFC 8259 defines it: an incremental validator that decides
 * what is JSON and tells where things stand, and readers for string contents.
 *
 * Pure and resumable. jsmn, which others.c uses to find what else an alert
 * holds, takes much that is not JSON; so nothing reaches jsmn that did not pass
 * here.
 */
#ifndef JSON_JSON_H
#define JSON_JSON_H

#include "base/text.h"
#include "facts/limits.h"

enum json_event {
	JSON_MORE,     /* all bytes taken, nothing to report */
	JSON_KEY,      /* a member's name ended, quotes included */
	JSON_STRING,   /* a string value ended */
	JSON_SCALAR,   /* a number, true, false or null ended */
	JSON_OPEN,     /* an object or array began */
	JSON_CLOSE,    /* it ended */
	JSON_BAD,      /* not JSON at `offset`, where `expected` was expected */
	JSON_TOO_DEEP, /* more than LIMIT_JSON_DEPTH */
};

/* What comes next. The states are drawn in json.c. */
enum json_state {
	JSON_WANT_VALUE,
	JSON_WANT_VALUE_OR_END,
	JSON_WANT_KEY,
	JSON_WANT_KEY_OR_END,
	JSON_WANT_COLON,
	JSON_WANT_COMMA_OR_END,
	JSON_IN_STRING,
	JSON_IN_ESCAPE,
	JSON_IN_HEX,
	JSON_IN_UTF8,
	JSON_IN_LITERAL,
	JSON_IN_MINUS,
	JSON_IN_ZERO,
	JSON_IN_INT,
	JSON_IN_DOT,
	JSON_IN_FRACTION,
	JSON_IN_E,
	JSON_IN_E_SIGN,
	JSON_IN_EXPONENT,
	JSON_AT_END,
};

struct json {
	uint64_t offset;       /* bytes taken since the start of the text */
	uint64_t token;        /* where the last string, scalar or OPEN began */
	uint64_t objects;      /* bit d: the container at depth d is one */
	const char *expected;  /* what was wanted at `offset`, after JSON_BAD */
	const char *literal;   /* what is left of true, false or null */
	enum json_state state; /* {0} is the start of a text */
	uint8_t depth;         /* containers open now */
	uint8_t report_depth;  /* report events of values this deep at most;
				  set by the caller, 0 is the text itself */
	uint8_t left;          /* hex digits or UTF-8 bytes to come */
	uint8_t low, high;     /* bounds of the next UTF-8 byte */
	bool is_key;           /* the string at hand is a member's name */
};

/* What holds between calls, until JSON_BAD or JSON_TOO_DEEP. */
/*@ predicate in_word(char *s) =
	s[0] != 0 && ((s[1] == 0 && \valid_read(s + (0 .. 1))) ||
		      (s[2] == 0 && \valid_read(s + (0 .. 2))) ||
		      (s[3] == 0 && \valid_read(s + (0 .. 3))) ||
		      (s[4] == 0 && \valid_read(s + (0 .. 4))));

    predicate json_ok(struct json *j) =
	\valid(j) && j->state <= JSON_AT_END && j->depth <= LIMIT_JSON_DEPTH &&
	(JSON_WANT_VALUE_OR_END <= j->state <= JSON_WANT_KEY_OR_END ==>
		j->depth > 0) &&
	(j->state == JSON_WANT_COMMA_OR_END ==> j->depth > 0) &&
	(j->state == JSON_IN_HEX ==> j->left > 0) &&
	(j->state == JSON_IN_UTF8 ==> j->left > 0) &&
	(j->state == JSON_IN_LITERAL ==> in_word(j->literal));

    predicate refused(enum json_event event) =
	event == JSON_BAD || event == JSON_TOO_DEEP; */

/*
 * Takes bytes of the text from p[0..n), which begins at offset j->offset, and
 * stops behind the byte that makes an event. j->token and j->depth tell where.
 * Depth counts the containers around a value: a member of the outermost object
 * is at depth 1. After JSON_BAD or JSON_TOO_DEEP it must not be called again.
 */
/*@ requires json_ok(j) && \valid_read(p + (0 .. n - 1));
    requires j->offset + n <= UINT64_MAX;
    assigns *j;
    ensures !refused(\result) ==> json_ok(j);
    ensures \old(j->offset) <= j->offset <= \old(j->offset) + n;
    ensures \result == JSON_MORE ==> j->offset == \old(j->offset) + n; */
enum json_event json_next(struct json *j, const char *p, size_t n);

/* Passes over n > 0 bytes, which the caller has seen to be members, whole and
 * valid, of the object at hand: the first one of all where that or the object's
 * end is wanted, others with their commas. */
/*@ requires json_ok(j) && n > 0 && j->offset + n <= UINT64_MAX;
    requires j->state == JSON_WANT_KEY_OR_END ||
	     j->state == JSON_WANT_COMMA_OR_END;
    assigns j->offset, j->state;
    ensures json_ok(j) && j->offset == \old(j->offset) + n;
    ensures j->state == JSON_WANT_COMMA_OR_END; */
static inline void json_skip_members(struct json *j, size_t n)
{
	j->offset += n;
	j->state = JSON_WANT_COMMA_OR_END;
}

/* Ends the text: true if it was a whole one, else as after JSON_BAD. */
/*@ requires json_ok(j);
    assigns j->state, j->expected;
    ensures json_ok(j); */
bool json_end(struct json *j);

/* Of a word's bytes the quotes, backslashes, controls below 0x20 and those
 * above 0x7f: the lowest bit set is the top one of the first of them; higher
 * ones may be set for no reason, by a borrow. A byte's top bit gets set in the
 * first term when it is below 0x21 with one bit turned, which takes in the
 * quote and leaves out the blank; in the second when it is a backslash; and in
 * one of them when it was. */
/*@ assigns \nothing; */
static inline size_t json_odd_bytes(size_t w)
{
	return (((w ^ word_of(2)) - word_of(0x21)) |
		((w ^ word_of('\\')) - word_of(1))) &
	       word_of(0x80);
}

/*@ assigns \nothing; */
static inline bool json_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What may stand behind a backslash, but for u. */
/*@ assigns \nothing; */
bool json_is_escape(char c);

/* The rest of json_behind_string(), from p[i] within the string on. */
/*@ requires i <= n && \valid_read(p + (0 .. n - 1));
    assigns \nothing;
    ensures \result == 0 || i < \result <= n; */
size_t json_behind_odd_string(const char *p, size_t i, size_t n);

/* Where from p[i..n) on the first byte stands that json_odd_bytes() tells of;
 * or less than a word before n, if there is none up to there. */
/*@ requires i <= n && \valid_read(p + (0 .. n - 1));
    assigns \nothing;
    ensures i <= \result <= n; */
static inline size_t json_odd_byte(const char *p, size_t i, size_t n)
{
	/*@ loop invariant \at(i, Pre) <= i <= n;
	    loop assigns i;
	    loop variant n - i; */
	for (; n >= WORD && i <= n - WORD; i += WORD) {
		size_t odd = json_odd_bytes(word_bytes(p + i));
		if (odd)
			return i + lowest_byte(odd);
	}
	return i;
}

/* Where a string ends that begins at p[i..n), valid or not: behind its quote;
 * 0 if there is none, or it is not whole, or wrong. */
/*@ requires i <= n && \valid_read(p + (0 .. n - 1));
    assigns \nothing;
    ensures \result == 0 || i < \result <= n; */
static inline size_t json_behind_string(const char *p, size_t i, size_t n)
{
	if (i == n || p[i] != '"')
		return 0;
	i = json_odd_byte(p, i + 1, n);
	return i < n && p[i] == '"' ? i + 1 : json_behind_odd_string(p, i, n);
}

/* The same for any value, in containers of that depth; 0 also for one with what
 * is rare: blanks between tokens, numbers that are not integers, words. */
/*@ requires i < n && \valid_read(p + (0 .. n - 1));
    requires 0 < depth <= LIMIT_JSON_DEPTH;
    assigns \nothing;
    ensures \result == 0 || i < \result <= n; */
size_t json_behind_value(const char *p, size_t i, size_t n, uint8_t depth);

/* The same for a member's name and the colon that follows it at once. */
/*@ requires i <= n && \valid_read(p + (0 .. n - 1));
    assigns \nothing;
    ensures \result == 0 || i < \result <= n; */
static inline size_t json_behind_name(const char *p, size_t i, size_t n)
{
	size_t end = json_behind_string(p, i, n);
	return end && end < n && p[end] == ':' ? end + 1 : 0;
}

/* The same for a name that is ASCII without escapes, as nearly all are; 0 for
 * others. */
/*@ requires i <= n && \valid_read(p + (0 .. n - 1));
    assigns \nothing;
    ensures \result == 0 || i < \result <= n; */
static inline size_t json_behind_plain_name(const char *p, size_t i, size_t n)
{
	if (i == n || p[i] != '"')
		return 0;
	i = json_odd_byte(p, i + 1, n);
	return n - i >= 2 && p[i] == '"' && p[i + 1] == ':' ? i + 2 : 0;
}

/* The following read the inside of a valid string, without its quotes. */

/* Printable ASCII but for quote and backslash: what needs no escape anywhere.
 * (char may be signed or not.) */
/*@ assigns \nothing; */
static inline bool json_is_plain(char c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c < 0x7f;
}

/* How many bytes at the front are plain. */
/*@ requires span_ok(s);
    assigns \nothing;
    ensures \result <= s.n; */
size_t json_plain(struct span s);
/* Appends those bytes, as far as there is room; returns how many it took. */
/*@ requires buf_ok(b) && span_ok(s) && apart(b, s);
    assigns b->n, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b) && \result <= s.n; */
size_t json_put_plain(struct buf *b, struct span s);
/* Takes one code point off the front of *s, escapes undone and surrogates
 * joined; a lone surrogate is U+FFFD, since no UTF-8 can hold it. Reads no more
 * than is there, even if that is not the inside of a valid string. */
/*@ requires \valid(s) && span_ok(*s) && s->n > 0;
    assigns *s;
    ensures span_ok(*s) && s->n < \old(s->n);
    ensures s->p == \old(s->p) + (\old(s->n) - s->n); */
uint32_t json_take_char(struct span *s);
/* Without an escape, the inside of a string is its own UTF-8 form. */
/*@ requires span_ok(s);
    assigns \nothing; */
bool json_has_escape(struct span s);
/*@ requires span_ok(a) && span_ok(b);
    assigns \nothing; */
bool json_equal(struct span a, struct span b);
/* For json_is(): equal bytes, and no escape among them; and a longer one, with
 * escapes. */
/*@ requires span_ok(a) && span_ok(b) && a.n == b.n;
    assigns \nothing; */
bool json_is_same(struct span a, struct span b);
/*@ requires span_ok(s) && span_ok(text);
    assigns \nothing; */
bool json_is_escaped(struct span s, struct span text);
/* The same, where `text` is plain UTF-8. An escape is longer than what it
 * stands for, and most names that are asked for are other ones. */
/*@ requires span_ok(s) && span_ok(text);
    assigns \nothing; */
static inline bool json_is(struct span s, struct span text)
{
	if (s.n < text.n)
		return false;
	if (text.n && s.p[0] != text.p[0] && s.p[0] != '\\')
		return false;
	return s.n == text.n ? json_is_same(s, text) : json_is_escaped(s, text);
}
/* Appends its UTF-8 form. */
/*@ requires buf_ok(b) && span_ok(s) && apart(b, s);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void json_put_text(struct buf *b, struct span s);

/* Copies a valid text: no blanks between tokens; what text_is_unsafe() names,
 * and with `ascii` all that is above 0x7e, as \u escapes. Equal to what it was
 * for every JSON parser. */
/*@ requires buf_ok(b) && span_ok(text) && apart(b, text);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void json_put_compact(struct buf *b, struct span text, bool ascii);

#endif
