/*
 * scan.c - the characters of HTTP, and where a request's head ends. See
 * http.h.
 */
#include "http/http.h"

bool http_is_token_char(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9'))
		return true;
	switch (c) {
	case '!':
	case '#':
	case '$':
	case '%':
	case '&':
	case '\'':
	case '*':
	case '+':
	case '-':
	case '.':
	case '^':
	case '_':
	case '`':
	case '|':
	case '~':
		return true;
	default:
		return false;
	}
}

bool http_is_value_char(char c)
{
	unsigned char u = byte_of(c);
	return u == '\t' || (u >= 0x20 && u != 0x7f);
}

/* The first byte of p[i..n) that is not printable ASCII, or n. */
/*@ requires i <= n && \valid_read(p + (0 .. n - 1));
    assigns \nothing;
    ensures i <= \result <= n;
    ensures \forall integer k; i <= k < \result ==> p[k] != '\r'; */
static size_t skip_printable(const char *p, size_t i, size_t n)
{
	/*@ loop invariant \at(i, Pre) <= i <= n;
	    loop invariant
		\forall integer k; \at(i, Pre) <= k < i ==> p[k] != '\r';
	    loop assigns i;
	    loop variant n - i; */
	while (i < n && p[i] >= 0x20 && p[i] < 0x7f)
		i++;
	return i;
}

enum status http_scan(struct http_scan *s, const char *head, size_t n,
		      size_t *length)
{
	*length = 0;
	/*@ loop invariant scanned(s, head) && *length == 0;
	    loop assigns *s;
	    loop variant n - s->seen; */
	while (s->seen < n) {
		size_t i = s->seen, end = n < LIMIT_HEAD ? n : LIMIT_HEAD;
		char c = head[i];
		bool after_cr = i > s->line_start && head[i - 1] == '\r';
		if (i >= LIMIT_HEAD)
			return STATUS_HEAD_SIZE;
		if (s->started && !after_cr) {
			/*@ assert i > 0 ==> head[i - 1] != '\r'; */
			s->seen = skip_printable(head, i, end);
			if (s->seen > i)
				continue;
		}
		if (after_cr != (c == '\n'))
			return STATUS_BAD_BYTE;
		if (c == '\n') {
			bool empty = i - s->line_start == 1;
			s->line_start = i + 1;
			if (empty && s->started) {
				s->seen++;
				*length = i + 1;
				return STATUS_OK;
			}
			/* one empty line may stand in front, RFC 9112 2.2 */
			if (empty && i > 1)
				return STATUS_BAD_LINE;
			if (!empty)
				s->started = true;
		} else if (c != '\r' && !http_is_value_char(c)) {
			return STATUS_BAD_BYTE;
		} else if (!s->started &&
			   i - s->line_start >= LIMIT_REQUEST_LINE &&
			   c != '\r') {
			return STATUS_URI_SIZE;
		}
		s->seen++;
	}
	return STATUS_OK;
}
