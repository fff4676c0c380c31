/*
 * json.c - the validator of json.h.
 *
 * The states, with the containers kept as one bit a level in `objects`:
 *
 *	WANT_VALUE --{--> WANT_KEY_OR_END --"--> (string) --> WANT_COLON
 *	    ^  |                |  ^                              | :
 *	    |  |                |  +--- WANT_KEY <--,--+          |
 *	    |  |                +--}--+                |          |
 *	    |  +--[--> WANT_VALUE_OR_END --]--+        |          |
 *	    |  +--other--> (value) --> WANT_COMMA_OR_END          |
 *	    +---------------------,----------+                    |
 *	    +-----------------------------------------------------+
 *
 * A value that ends at depth 0 leads to AT_END, where only blanks may follow.
 * A number has no end of its own: the byte behind it ends it, and is read again
 * in the next state.
 *
 * One file, long as it is: these steps are called for each byte, and with
 * those of strings and numbers in another one hostile JSON took 6 % more
 * instructions.
 */
#include "json/states.h"

/*@ logic integer looks(integer state) =
	state < JSON_IN_MINUS ? 0 : state > JSON_IN_EXPONENT ? 0 : 1; */

/*@ requires \valid(j);
    assigns j->expected;
    ensures \result == JSON_BAD; */
static enum json_event bad(struct json *j, const char *expected)
{
	j->expected = expected;
	return JSON_BAD;
}

/* The value at hand has ended; j->depth is that of its surroundings. */
/*@ requires \valid(j) && j->depth <= LIMIT_JSON_DEPTH;
    assigns j->state;
    ensures json_ok(j) && !in_number(j->state);
    ensures \result == event || \result == JSON_MORE; */
static enum json_event value_ended(struct json *j, enum json_event event)
{
	j->state = j->depth ? JSON_WANT_COMMA_OR_END : JSON_AT_END;
	return j->depth <= j->report_depth ? event : JSON_MORE;
}

/*@ requires \valid(j) && j->depth <= LIMIT_JSON_DEPTH;
    assigns j->objects, j->depth, j->state;
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event open(struct json *j, bool object)
{
	enum json_event event =
	    j->depth <= j->report_depth ? JSON_OPEN : JSON_MORE;
	if (j->depth == LIMIT_JSON_DEPTH)
		return JSON_TOO_DEEP;
	json_enter(j, object);
	return event;
}

/*@ requires \valid(j) && 0 < j->depth <= LIMIT_JSON_DEPTH;
    assigns j->depth, j->state;
    ensures json_ok(j) && !refused(\result); */
static enum json_event close(struct json *j)
{
	j->depth--;
	return value_ended(j, JSON_CLOSE);
}

/*@ requires \valid(j) && j->depth <= LIMIT_JSON_DEPTH;
    assigns j->is_key, j->state;
    ensures json_ok(j) && \result == JSON_MORE; */
static enum json_event begin_string(struct json *j, bool is_key)
{
	j->is_key = is_key;
	j->state = JSON_IN_STRING;
	return JSON_MORE;
}

/*@ requires \valid(j) && j->depth <= LIMIT_JSON_DEPTH;
    requires in_word(rest);
    assigns j->literal, j->state;
    ensures json_ok(j) && \result == JSON_MORE; */
static enum json_event begin_literal(struct json *j, const char *rest)
{
	j->literal = rest;
	j->state = JSON_IN_LITERAL;
	return JSON_MORE;
}

/*@ requires \valid(j) && j->depth <= LIMIT_JSON_DEPTH;
    assigns *j;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event begin_value(struct json *j, char c)
{
	j->token = j->offset;
	j->is_key = false;
	switch (c) {
	case '{':
	case '[':
		return open(j, c == '{');
	case '"':
		return begin_string(j, false);
	case 't':
		return begin_literal(j, "rue");
	case 'f':
		return begin_literal(j, "alse");
	case 'n':
		return begin_literal(j, "ull");
	case '-':
		j->state = JSON_IN_MINUS;
		return JSON_MORE;
	default:
		break;
	}
	/* editors and scripts write one */
	if (j->offset == 0 && c == '\xef')
		return bad(j, "a value, not a byte order mark (U+FEFF)");
	if (!json_is_digit(c))
		return bad(j, j->state == JSON_WANT_VALUE ? "a value"
							  : "a value or ']'");
	j->state = c == '0' ? JSON_IN_ZERO : JSON_IN_INT;
	return JSON_MORE;
}

/*@ requires json_ok(j) && j->state == JSON_WANT_COMMA_OR_END;
    assigns *j;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event take_comma_or_end(struct json *j, char c)
{
	bool object = json_in_object(j);
	if (c == (object ? '}' : ']'))
		return close(j);
	if (c != ',')
		return bad(j, object ? "',' or '}'" : "',' or ']'");
	j->state = object ? JSON_WANT_KEY : JSON_WANT_VALUE;
	return JSON_MORE;
}

/* A byte between tokens that is no blank. */
/*@ requires json_ok(j);
    assigns *j;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event take_structure(struct json *j, char c)
{
	switch (j->state) {
	case JSON_WANT_VALUE_OR_END:
		if (c == ']')
			return close(j);
		return begin_value(j, c);
	case JSON_WANT_VALUE:
		return begin_value(j, c);
	case JSON_WANT_KEY_OR_END:
		if (c == '}')
			return close(j);
		/* fall through */
	case JSON_WANT_KEY:
		j->token = j->offset;
		if (c == '"')
			return begin_string(j, true);
		return bad(j, j->state == JSON_WANT_KEY
				  ? "a member name in quotes"
				  : "a member name in quotes or '}'");
	case JSON_WANT_COLON:
		if (c != ':')
			return bad(j, "':'");
		j->state = JSON_WANT_VALUE;
		return JSON_MORE;
	case JSON_WANT_COMMA_OR_END:
		return take_comma_or_end(j, c);
	default:
		break;
	}
	return bad(j, "the end");
}

/* The lead byte of a sequence of 2 to 4 bytes: Unicode table 3-7 narrows the
 * second byte, which leaves out overlong forms and surrogates. */
/*@ requires json_ok(j);
    assigns *j;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event begin_utf8(struct json *j, unsigned char c)
{
	if (c < 0xc2 || c > 0xf4)
		return bad(j, "UTF-8");
	j->left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	j->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	j->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	j->state = JSON_IN_UTF8;
	return JSON_MORE;
}

/*@ requires json_ok(j) && j->state == JSON_IN_UTF8;
    assigns *j;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event take_utf8(struct json *j, unsigned char c)
{
	if (c < j->low || c > j->high)
		return bad(j, "UTF-8");
	j->low = 0x80;
	j->high = 0xbf;
	if (--j->left == 0)
		j->state = JSON_IN_STRING;
	return JSON_MORE;
}

/*@ requires json_ok(j) && j->state == JSON_IN_STRING;
    assigns *j;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event take_string(struct json *j, unsigned char c)
{
	if (c == '"') {
		if (!j->is_key)
			return value_ended(j, JSON_STRING);
		j->state = JSON_WANT_COLON;
		return j->depth <= j->report_depth ? JSON_KEY : JSON_MORE;
	}
	if (c == '\\')
		j->state = JSON_IN_ESCAPE;
	else if (c < 0x20)
		return bad(j, "no control character in a string");
	else if (c >= 0x80)
		return begin_utf8(j, c);
	return JSON_MORE;
}

/*@ requires json_ok(j) && j->state == JSON_IN_ESCAPE;
    assigns *j;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event take_escape(struct json *j, char c)
{
	if (c == 'u') {
		j->left = 4;
		j->state = JSON_IN_HEX;
		return JSON_MORE;
	}
	if (!json_is_escape(c))
		return bad(j, "one of \"\\/bfnrtu");
	j->state = JSON_IN_STRING;
	return JSON_MORE;
}

/*@ requires json_ok(j) && j->state == JSON_IN_HEX;
    assigns *j;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event take_hex(struct json *j, char c)
{
	if (hex_digit(c) < 0)
		return bad(j, "a hexadecimal digit");
	if (--j->left == 0)
		j->state = JSON_IN_STRING;
	return JSON_MORE;
}

/*@ requires json_ok(j) && j->state == JSON_IN_LITERAL;
    assigns *j;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event take_literal(struct json *j, char c)
{
	if (c != *j->literal)
		return bad(j, "true, false or null");
	if (*++j->literal == '\0')
		return value_ended(j, JSON_SCALAR);
	return JSON_MORE;
}

/*@ requires \valid(j) && j->depth <= LIMIT_JSON_DEPTH && in_number(next);
    assigns j->state;
    ensures json_ok(j) && \result == JSON_MORE; */
static enum json_event number_goes(struct json *j, enum json_state next)
{
	j->state = next;
	return JSON_MORE;
}

/*@ requires \valid(j) && j->depth <= LIMIT_JSON_DEPTH && in_number(next);
    assigns j->state, j->expected;
    ensures !refused(\result) ==> json_ok(j); */
static enum json_event digit_wanted(struct json *j, char c,
				    enum json_state next)
{
	return json_is_digit(c) ? number_goes(j, next) : bad(j, "a digit");
}

/* RFC 8259 6. *again is set when c is not part of the number. */
/*@ requires json_ok(j) && in_number(j->state);
    requires \valid(again) && \separated(j, again) && !*again;
    assigns *j, *again;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j);
    ensures *again ==> !refused(\result) && !in_number(j->state); */
static enum json_event take_number(struct json *j, char c, bool *again)
{
	switch (j->state) {
	case JSON_IN_MINUS:
		return digit_wanted(j, c,
				    c == '0' ? JSON_IN_ZERO : JSON_IN_INT);
	case JSON_IN_DOT:
		return digit_wanted(j, c, JSON_IN_FRACTION);
	case JSON_IN_E:
		if (c == '+' || c == '-')
			return number_goes(j, JSON_IN_E_SIGN);
		/* fall through */
	case JSON_IN_E_SIGN:
		return digit_wanted(j, c, JSON_IN_EXPONENT);
	case JSON_IN_INT:
	case JSON_IN_FRACTION:
	case JSON_IN_EXPONENT:
		if (json_is_digit(c))
			return JSON_MORE;
		break;
	default:
		break;
	}
	if (c == '.' && (j->state == JSON_IN_INT || j->state == JSON_IN_ZERO))
		return number_goes(j, JSON_IN_DOT);
	if ((c == 'e' || c == 'E') && j->state != JSON_IN_EXPONENT)
		return number_goes(j, JSON_IN_E);
	*again = true;
	return value_ended(j, JSON_SCALAR);
}

/*@ requires json_ok(j);
    requires \valid(again) && \separated(j, again) && !*again;
    assigns *j, *again;
    ensures j->offset == \old(j->offset);
    ensures !refused(\result) ==> json_ok(j);
    ensures *again ==> !refused(\result) && in_number(\old(j->state)) &&
	    !in_number(j->state); */
static enum json_event take(struct json *j, char c, bool *again)
{
	switch (j->state) {
	case JSON_WANT_VALUE:
	case JSON_WANT_VALUE_OR_END:
	case JSON_WANT_KEY:
	case JSON_WANT_KEY_OR_END:
	case JSON_WANT_COLON:
	case JSON_WANT_COMMA_OR_END:
	case JSON_AT_END:
		return json_is_blank(c) ? JSON_MORE : take_structure(j, c);
	case JSON_IN_STRING:
		return take_string(j, byte_of(c));
	case JSON_IN_ESCAPE:
		return take_escape(j, c);
	case JSON_IN_HEX:
		return take_hex(j, c);
	case JSON_IN_UTF8:
		return take_utf8(j, byte_of(c));
	case JSON_IN_LITERAL:
		return take_literal(j, c);
	case JSON_IN_MINUS:
	case JSON_IN_ZERO:
	case JSON_IN_INT:
	case JSON_IN_DOT:
	case JSON_IN_FRACTION:
	case JSON_IN_E:
	case JSON_IN_E_SIGN:
	case JSON_IN_EXPONENT:
		break;
	}
	return take_number(j, c, again);
}

enum json_event json_next(struct json *j, const char *p, size_t n)
{
	size_t i = 0;
	/*@ loop invariant i <= n && json_ok(j);
	    loop invariant j->offset == \at(j->offset, Pre) + i;
	    loop assigns i, *j;
	    // a number's end is looked at twice
	    loop variant 2 * (n - i) + looks(j->state); */
	while (i < n) {
		bool again = false;
		if (j->state == JSON_IN_STRING) {
			size_t odd = json_odd_byte(p, i, n);
			j->offset += odd - i;
			i = odd;
			if (i == n)
				break;
		}
		if (j->depth > j->report_depth) {
			size_t unseen = json_pass_unseen(j, p + i, n - i);
			j->offset += unseen;
			i += unseen;
			if (i == n)
				break;
		}
		enum json_event event = take(j, p[i], &again);
		if (event == JSON_BAD || event == JSON_TOO_DEEP)
			return event;
		if (!again) {
			i++;
			j->offset++;
		}
		if (event != JSON_MORE)
			return event;
	}
	return JSON_MORE;
}

bool json_end(struct json *j)
{
	/* a number that is the whole text ends here */
	if (j->depth == 0 &&
	    (j->state == JSON_IN_ZERO || j->state == JSON_IN_INT ||
	     j->state == JSON_IN_FRACTION || j->state == JSON_IN_EXPONENT))
		j->state = JSON_AT_END;
	if (j->state == JSON_AT_END)
		return true;
	j->expected = j->offset ? "more, the text is cut" : "a value";
	return false;
}
