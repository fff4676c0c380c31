/*
 * httpscan.c - the characters of HTTP, and where a request's head ends. See
 * http.h.
 */
#include "http.h"

#include <string.h>

bool http_is_token_char(char c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z'))
		return true;
	return c != '\0' && strchr(others, c) != NULL;
}

bool http_is_value_char(char c)
{
	unsigned char u = byte_of(c);
	return u == '\t' || (u >= 0x20 && u != 0x7f);
}

enum status http_scan(struct http_scan *s, const char *head, size_t n,
		      size_t *length)
{
	*length = 0;
	/*@ loop invariant scanned(s, head) && *length == 0;
	    loop assigns *s;
	    loop variant n - s->seen; */
	for (; s->seen < n; s->seen++) {
		size_t i = s->seen;
		char c = head[i];
		bool after_cr = i > s->line_start && head[i - 1] == '\r';
		if (i >= LIMIT_HEAD)
			return STATUS_HEAD_SIZE;
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
	}
	return STATUS_OK;
}
