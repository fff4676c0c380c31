/*
 * frame.c - tells how http.h takes connections apart, for tests/differential.
 *
 * Reads cases from standard input, four bytes of length (little-endian) and the
 * bytes of a connection each. Writes a line for each: for every request its
 * first byte, the end of its head and of its body, "ok" or the cause why it is
 * refused though its end is known, and its body in hex; at the end of the line
 * why it stops: "more", "close" or a cause.
 */
#include "facts/limits.h"
#include "http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 20 };

static const char *name_of(enum status s)
{
	static const char *const names[] = {
#define STATUS_ROW(name, code, label, text) #name,
	    STATUSES(STATUS_ROW)
#undef STATUS_ROW
	};
	return names[s];
}

static void print_body(struct span s)
{
	putchar('-');
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", (unsigned)(unsigned char)s.p[i]);
}

/* The request at the front of *in; NULL if another one may follow. */
static const char *print_request(const char *start, struct span *in)
{
	static char bytes[MOST];
	struct buf body = buf_of(bytes, sizeof bytes);
	struct http_scan scan = {0};
	struct http_request r;
	struct http_body b;
	struct span data;
	size_t begin = (size_t)(in->p - start), length;
	enum status status = http_scan(&scan, in->p, in->n, &length);
	if (status == STATUS_OK && length == 0)
		return "more";
	if (status == STATUS_OK)
		status = http_parse_head((struct span){in->p, length}, &r);
	if (status != STATUS_OK)
		return name_of(status);
	if (r.unknown_coding)
		return name_of(STATUS_CODING);
	*in = span_skip(*in, length);
	http_body_start(&b, &r);
	while (b.state != HTTP_BODY_DONE && in->n) {
		status = http_body_next(&b, in, &data);
		if (status != STATUS_OK)
			return name_of(status);
		buf_put(&body, data);
	}
	if (b.state != HTTP_BODY_DONE)
		return "more";
	if (r.unknown_method)
		status = STATUS_UNKNOWN_METHOD;
	else if (r.expect_other)
		status = STATUS_EXPECTATION;
	printf("%zu %zu %zu %s ", begin, begin + length,
	       (size_t)(in->p - start),
	       status == STATUS_OK ? "ok" : name_of(status));
	print_body(buf_span(&body));
	putchar(' ');
	return r.keep_alive ? NULL : "close";
}

static void print_case(struct span in)
{
	const char *start = in.p, *end = NULL;
	while (end == NULL)
		end = in.n ? print_request(start, &in) : "more";
	puts(end);
}

int main(void)
{
	unsigned char size[4];
	while (fread(size, 1, sizeof size, stdin) == sizeof size) {
		size_t n = size[0] | (size_t)size[1] << 8 |
			   (size_t)size[2] << 16 | (size_t)size[3] << 24;
		if (n > MOST)
			return 1;
		/* a copy of the exact size, so that a sanitizer sees its end */
		char *copy = malloc(n ? n : 1);
		if (copy == NULL || fread(copy, 1, n, stdin) != n)
			return 1;
		print_case((struct span){copy, n});
		free(copy);
	}
	return 0;
}
