/* fuzz_http.c - a request's head, whole and in pieces: the same verdict, the
 * same length, the same request. The first byte chooses the pieces. */
#include "facts/limits.h"
#include "http/http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum status status;
	size_t length;
	struct http_request request;
};

static void read_head(struct span head, size_t step, struct outcome *o)
{
	struct http_scan scan = {0};
	memset(o, 0, sizeof *o);
	for (size_t n = step; o->status == STATUS_OK && !o->length; n += step) {
		if (n > head.n)
			n = head.n;
		/* exactly what has come, so that nothing else is looked at */
		char *copy = malloc(n ? n : 1);
		if (n)
			memcpy(copy, head.p, n);
		o->status = http_scan(&scan, copy, n, &o->length);
		free(copy);
		ASSERT(scan.seen <= n && o->length <= n);
		if (n == head.n)
			break;
	}
	if (o->status == STATUS_OK && o->length)
		o->status = http_parse_head((struct span){head.p, o->length},
					    &o->request);
}

static void check_span(struct span s, struct span head)
{
	bool within = s.p >= head.p && s.p + s.n <= head.p + head.n;
	ASSERT(s.p == NULL || within || span_eq(s, SPAN("/")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, pieces;
	if (size == 0)
		return 0;
	struct span head = {(const char *)data + 1, size - 1};
	read_head(head, head.n ? head.n : 1, &whole);
	read_head(head, 1 + data[0] % 64, &pieces);
	ASSERT(whole.status == pieces.status);
	ASSERT(whole.length == pieces.length);
	ASSERT(whole.length <= LIMIT_HEAD);
	if (whole.status != STATUS_OK || whole.length == 0)
		return 0;
	const struct http_request *r = &whole.request;
	ASSERT(memcmp(r, &pieces.request, sizeof *r) == 0);
	ASSERT(!(r->has_length && r->chunked));
	ASSERT(r->chunked || r->has_length || r->length == 0);
	ASSERT(!(r->http10 && r->chunked));
	check_span(r->path, head);
	check_span(r->credential, head);
	return 0;
}
