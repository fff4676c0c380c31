/* fuzz_body.c - the framing of a body, whole and in pieces: the same verdict at
 * the same byte and the same data. The first byte chooses the pieces, the
 * second one a length or chunks. */
#include "facts/limits.h"
#include "http/http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum status status;
	size_t taken;
	struct http_body body;
	char bytes[1 << 17];
	struct buf data;
};

static void take_piece(struct outcome *o, const char *p, size_t n)
{
	char *copy = malloc(n);
	memcpy(copy, p, n);
	struct span in = {copy, n}, data;
	while (o->status == STATUS_OK && in.n &&
	       o->body.state != HTTP_BODY_DONE) {
		size_t before = in.n;
		o->status = http_body_next(&o->body, &in, &data);
		ASSERT(o->status != STATUS_OK || in.n < before);
		ASSERT(data.n == 0 ||
		       (data.p >= copy && data.p + data.n <= copy + n));
		buf_put(&o->data, data);
	}
	o->taken += n - in.n;
	free(copy);
}

static void read_body(struct span in, size_t step, struct outcome *o,
		      const struct http_request *r)
{
	o->status = STATUS_OK;
	o->taken = 0;
	o->data = buf_of(o->bytes, sizeof o->bytes);
	http_body_start(&o->body, r);
	for (size_t at = 0; at < in.n && o->status == STATUS_OK &&
			    o->body.state != HTTP_BODY_DONE;
	     at += step)
		take_piece(o, in.p + at, step < in.n - at ? step : in.n - at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, pieces;
	if (size < 2 || size > sizeof whole.bytes)
		return 0;
	struct span in = {(const char *)data + 2, size - 2};
	struct http_request r = {.chunked = data[1] < 128,
				 .has_length = data[1] >= 128,
				 .length = data[1] >= 128 ? data[1] - 128 : 0};
	read_body(in, in.n ? in.n : 1, &whole, &r);
	read_body(in, 1 + data[0] % 64, &pieces, &r);
	ASSERT(whole.status == pieces.status);
	ASSERT(whole.taken == pieces.taken);
	ASSERT(whole.body.state == pieces.body.state);
	ASSERT(span_eq(buf_span(&whole.data), buf_span(&pieces.data)));
	ASSERT(!r.has_length || whole.data.n <= r.length);
	ASSERT(whole.data.n <= whole.taken);
	return 0;
}
