/* test_body.c - http.h: the framing of a body (RFC 9112 6, 7). */
#include "check.h"

#include "facts/limits.h"
#include "http/http.h"

struct outcome {
	enum status status;
	bool done;
	size_t taken; /* bytes of the input, up to the end or the wrong one */
	struct buf data;
	char bytes[40000];
};

/* Hands one piece over; false at the end. */
static bool feed(struct http_body *b, struct outcome *o, struct span piece)
{
	char *copy = copy_of(piece);
	struct span in = {copy, piece.n}, data;
	while (in.n && b->state != HTTP_BODY_DONE && o->status == STATUS_OK) {
		size_t before = in.n;
		enum http_body_state state = b->state;
		o->status = http_body_next(b, &in, &data);
		buf_put(&o->data, data);
		CHECK(o->status != STATUS_OK || in.n < before ||
			  b->state != state,
		      "no progress");
		CHECK(data.n == 0 ||
			  (data.p >= copy && data.p + data.n <= copy + piece.n),
		      "data from nowhere");
	}
	o->taken += piece.n - in.n;
	free(copy);
	o->done = b->state == HTTP_BODY_DONE;
	return !o->done && o->status == STATUS_OK;
}

static void run(struct outcome *o, const struct http_request *r, struct span in,
		size_t first, size_t step)
{
	struct http_body b;
	*o = (struct outcome){.status = STATUS_OK};
	o->data = buf_of(o->bytes, sizeof o->bytes);
	http_body_start(&b, r);
	o->done = b.state == HTTP_BODY_DONE;
	bool more = !o->done;
	for (size_t at = 0, n = first; more && at < in.n; at += n, n = step) {
		if (n > in.n - at)
			n = in.n - at;
		if (n)
			more = feed(&b, o, (struct span){in.p + at, n});
	}
}

static void run_all(struct outcome *o, const struct http_request *r,
		    struct span in)
{
	static struct outcome other;
	run(o, r, in, in.n, 1);
	for (size_t first = 0; first < in.n; first++) {
		run(&other, r, in, first, first ? in.n : 1);
		CHECK(other.status == o->status && other.done == o->done &&
			  other.taken == o->taken,
		      "split at %zu: %.*s", first, (int)in.n, in.p);
		CHECK_SPAN(buf_span(&other.data), buf_span(&o->data),
			   "split at %zu", first);
	}
}

static const struct http_request chunked = {.chunked = true};

static void refuses_chunks(void **state)
{
	static const struct {
		struct span in;
		size_t at; /* the byte that is wrong */
	} table[] = {
	    {SPAN("\r\n"), 0},
	    {SPAN("\n"), 0},
	    {SPAN(" 1\r\na"), 0},
	    {SPAN("\t1\r\na"), 0},
	    {SPAN("+1\r\na"), 0},
	    {SPAN("-1\r\na"), 0},
	    {SPAN("0x1\r\na"), 1},
	    {SPAN("g\r\n"), 0},
	    {SPAN("\0"), 0},
	    {SPAN("\xb1\r\n"), 0},
	    {SPAN("1 \r\na"), 2},
	    {SPAN("1\t\r\na"), 2},
	    {SPAN("1 1\r\na"), 2},
	    {SPAN("1_0\r\na"), 1},
	    {SPAN("1.0\r\na"), 1},
	    {SPAN("1,1\r\na"), 1},
	    {SPAN("1\na"), 1},
	    {SPAN("1\ra"), 2},
	    {SPAN("1\r\r\na"), 2},
	    {SPAN("1\0\r\na"), 1},
	    {SPAN("1000000000000000\r\n"), 15},
	    {SPAN("0000000000000001\r\na"), 15},
	    {SPAN("fffffffffffffffff\r\n"), 15},
	    /* behind the data of a chunk */
	    {SPAN("1\r\nab\r\n"), 4},
	    {SPAN("1\r\na\n"), 4},
	    {SPAN("1\r\na\r\r\n"), 5},
	    {SPAN("1\r\na\rb"), 5},
	    {SPAN("1\r\na0\r\n\r\n"), 4},
	    {SPAN("2\r\na\r\n0\r\n"), 5},
	    {SPAN("1\r\na\r\n\r\n"), 6},
	    {SPAN("1\r\na\r\n 0\r\n"), 6},
	    {SPAN("1\r\na\r\n-0\r\n"), 6},
	    /* extensions, RFC 9112 7.1.1 */
	    {SPAN("1;\r\na"), 2},
	    {SPAN("1;;a\r\na"), 2},
	    {SPAN("1;=b\r\na"), 2},
	    {SPAN("1;a=\r\na"), 4},
	    {SPAN("1;a==b\r\na"), 4},
	    {SPAN("1;a=b=c\r\na"), 5},
	    {SPAN("1;a b\r\na"), 4},
	    {SPAN("1 ;\r\na"), 3},
	    {SPAN("1; \r\na"), 3},
	    {SPAN("1;a \r\na"), 4},
	    {SPAN("1;a ;\r\na"), 5},
	    {SPAN("1;a =\r\na"), 5},
	    {SPAN("1;a= \r\na"), 5},
	    {SPAN("1;a=b c\r\na"), 6},
	    {SPAN("1;a\n"), 3},
	    {SPAN("1;a\rb"), 4},
	    {SPAN("1;a\0\r\n"), 3},
	    {SPAN("1;\"a\"\r\na"), 2},
	    {SPAN("1;a=\"b\r\n"), 6},
	    {SPAN("1;a=\"b\n"), 6},
	    {SPAN("1;a=\"\x01\"\r\n"), 5},
	    {SPAN("1;a=\"\x7f\"\r\n"), 5},
	    {SPAN("1;a=\"\\\r\n"), 6},
	    {SPAN("1;a=\"b\"c\r\n"), 7},
	    {SPAN("1;a=\"b\"\"c\"\r\n"), 7},
	    {SPAN("1;a=\"b\" \r\n"), 8},
	    {SPAN("1;a=\"b\" c\r\n"), 8},
	    {SPAN("1;a=b\"c\"\r\n"), 5},
	    {SPAN("1;a=\xc3\xa4\r\n"), 4},
	    /* trailers, RFC 9112 7.1.2 */
	    {SPAN("0\r\n\n"), 3},
	    {SPAN("0\r\n\rx"), 4},
	    {SPAN("0\r\n\r\r\n"), 4},
	    {SPAN("0\r\nX\r\n\r\n"), 4},
	    {SPAN("0\r\n: a\r\n\r\n"), 3},
	    {SPAN("0\r\nX : a\r\n\r\n"), 4},
	    {SPAN("0\r\n X: a\r\n\r\n"), 3},
	    {SPAN("0\r\nX: a\r\n b\r\n\r\n"), 9},
	    {SPAN("0\r\nX: a\n\r\n"), 7},
	    {SPAN("0\r\nX: a\rb\r\n"), 8},
	    {SPAN("0\r\nX: \0\r\n\r\n"), 6},
	    {SPAN("0\r\nX: \x7f\r\n\r\n"), 6},
	    {SPAN("0\r\nX\xc3: a\r\n\r\n"), 4},
	    {SPAN("0\r\nX(: a\r\n\r\n"), 4},
	};
	static struct outcome o;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		run_all(&o, &chunked, table[i].in);
		CHECK(o.status == STATUS_BAD_CHUNK, "row %zu: %s: %.*s", i,
		      status_info(o.status)->text, (int)table[i].in.n,
		      table[i].in.p);
		CHECK(o.taken == table[i].at, "row %zu: at %zu", i, o.taken);
	}
}

static void reads_chunks(void **state)
{
	static const struct {
		struct span in, data;
		size_t rest; /* bytes behind the body */
		bool done;
	} table[] = {
	    {SPAN(""), SPAN(""), 0, false},
	    {SPAN("0\r\n"), SPAN(""), 0, false},
	    {SPAN("0\r\n\r"), SPAN(""), 0, false},
	    {SPAN("5\r\nab"), SPAN("ab"), 0, false},
	    {SPAN("2\r\nab"), SPAN("ab"), 0, false},
	    {SPAN("2\r\nab\r\n"), SPAN("ab"), 0, false},
	    {SPAN("fffffffffffffff\r\nab"), SPAN("ab"), 0, false},
	    {SPAN("0\r\nX: y\r\n"), SPAN(""), 0, false},
	    {SPAN("0\r\n\r\n"), SPAN(""), 0, true},
	    {SPAN("000\r\n\r\nGET"), SPAN(""), 3, true},
	    {SPAN("1\r\na\r\n0\r\n\r\n\r\n"), SPAN("a"), 2, true},
	    {SPAN("000000000000002\r\nab\r\n0\r\n\r\n"), SPAN("ab"), 0, true},
	    {SPAN("a\r\n0123456789\r\n0\r\n\r\n"), SPAN("0123456789"), 0, true},
	    {SPAN("B\r\n0123456789a\r\n1\r\n\r\r\n0\r\n\r\nx"),
	     SPAN("0123456789a\r"), 1, true},
	    {SPAN("2\r\n\r\n\r\n2\r\n0\r\r\n0\r\n\r\n"), SPAN("\r\n0\r"), 0,
	     true},
	    /* bad whitespace, RFC 9110 5.6.3: before and behind `;` and `=` */
	    {SPAN("1 ;\ta\r\nx\r\n0\t ; b \t= c ;d= \"e\" ;f\r\n\r\n"),
	     SPAN("x"), 0, true},
	    {SPAN("1;a\r\nx\r\n0;b=c;d=\"e\"\r\n\r\n"), SPAN("x"), 0, true},
	    {SPAN("1;!#$%&'*+-.^_`|~=!#$%&'*+-.^_`|~\r\nx\r\n0\r\n\r\n"),
	     SPAN("x"), 0, true},
	    {SPAN("1;a=\"\";b=\" \t;=,\\\"\\\\\xc3\xa4\";c\r\nx\r\n0\r\n\r\n"),
	     SPAN("x"), 0, true},
	    {SPAN("0\r\nX: y\r\nContent-Length: 5\r\nZ:\r\n\r\nq"), SPAN(""), 1,
	     true},
	    {SPAN("0\r\nX:\t \xff y: z \r\n\r\n"), SPAN(""), 0, true},
	    {SPAN("1\r\n\0\r\n0\r\n\r\n"), SPAN("\0"), 0, true},
	};
	static struct outcome o;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		run_all(&o, &chunked, table[i].in);
		CHECK(o.status == STATUS_OK, "row %zu: %s", i,
		      status_info(o.status)->text);
		CHECK(o.done == table[i].done, "row %zu: done", i);
		CHECK(o.taken == table[i].in.n - table[i].rest,
		      "row %zu: %zu taken", i, o.taken);
		CHECK_SPAN(buf_span(&o.data), table[i].data, "row %zu", i);
	}
}

static void reads_lengths(void **state)
{
	static const struct {
		struct http_request r;
		struct span in, data;
		bool done;
	} table[] = {
	    {{.has_length = false}, SPAN("ab"), SPAN(""), true},
	    {{.has_length = true, .length = 0}, SPAN("ab"), SPAN(""), true},
	    {{.has_length = true, .length = 1}, SPAN("ab"), SPAN("a"), true},
	    {{.has_length = true, .length = 2}, SPAN("a\n"), SPAN("a\n"), true},
	    {{.has_length = true, .length = 3}, SPAN("ab"), SPAN("ab"), false},
	    {{.has_length = true, .length = UINT64_MAX},
	     SPAN("5\r\nab"),
	     SPAN("5\r\nab"),
	     false},
	};
	static struct outcome o;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		run_all(&o, &table[i].r, table[i].in);
		assert_int_equal(o.status, STATUS_OK);
		CHECK(o.done == table[i].done, "row %zu: done", i);
		CHECK_SPAN(buf_span(&o.data), table[i].data, "row %zu", i);
	}
}

/* A chunk line of `n` bytes without its CRLF. */
static void put_chunk(struct buf *b, size_t n)
{
	buf_str(b, "1;a=");
	for (size_t i = 4; i < n; i++)
		buf_char(b, 'x');
	buf_str(b, "\r\nz\r\n");
}

/* The limit counts a chunk's line with its CR; it is the same for the first
 * chunk and for those behind it. */
static void holds_the_chunk_line(void **state)
{
	static struct outcome o;
	static char bytes[8 * LIMIT_CHUNK_LINE];
	size_t most[3] = {0};
	(void)state;
	for (unsigned chunk = 0; chunk < 3; chunk++) {
		for (size_t n = 5; n < 2 * LIMIT_CHUNK_LINE; n++) {
			struct buf b = buf_of(bytes, sizeof bytes);
			for (unsigned i = 0; i < chunk; i++)
				buf_str(&b, "1\r\nz\r\n");
			put_chunk(&b, n);
			buf_str(&b, "0\r\n\r\n");
			assert_false(b.cut);
			run(&o, &chunked, buf_span(&b), b.n, 1);
			if (o.status == STATUS_OK && o.done)
				most[chunk] = n;
			else
				assert_int_equal(o.status, STATUS_BAD_CHUNK);
		}
	}
	CHECK(most[0] == LIMIT_CHUNK_LINE - 1,
	      "lines of up to %zu bytes are taken", most[0]);
	CHECK(most[1] == most[0] && most[2] == most[0],
	      "the first chunk may have %zu bytes, later ones %zu and %zu",
	      most[0], most[1], most[2]);
}

static void holds_the_trailers(void **state)
{
	static struct outcome o;
	static char bytes[2 * LIMIT_HEAD];
	(void)state;
	for (size_t n = 8; n < LIMIT_HEAD + 64; n += n < 8000 ? 56 : 8) {
		struct buf b = buf_of(bytes, sizeof bytes);
		buf_str(&b, "0\r\n");
		while (b.n < n)
			buf_str(&b, "X: 123\r\n");
		buf_str(&b, "\r\n");
		for (size_t step = 1; step < 2 * b.n; step *= 7) {
			run(&o, &chunked, buf_span(&b), step, step);
			bool fits = b.n - 3 < LIMIT_HEAD;
			CHECK(o.status == (fits ? STATUS_OK : STATUS_HEAD_SIZE),
			      "%zu bytes of trailers: %s", b.n - 3,
			      status_info(o.status)->text);
			CHECK(o.done == fits, "%zu bytes", b.n - 3);
		}
	}
}

/* To the byte: all of them count but the last LF. */
static void holds_the_trailers_exactly(void **state)
{
	static struct outcome o;
	static char bytes[2 * LIMIT_HEAD];
	(void)state;
	for (size_t n = LIMIT_HEAD - 3; n <= LIMIT_HEAD + 3; n++) {
		struct buf b = buf_of(bytes, sizeof bytes);
		buf_str(&b, "1\r\nz\r\n0\r\n");
		size_t front = b.n;
		buf_str(&b, "X:");
		while (b.n - front + 3 < n)
			buf_char(&b, 'x');
		buf_str(&b, "\r\n\r\n");
		assert_int_equal(b.n - front - 1, n);
		run(&o, &chunked, buf_span(&b), b.n, 1);
		CHECK(o.status ==
			  (n <= LIMIT_HEAD ? STATUS_OK : STATUS_HEAD_SIZE),
		      "%zu bytes: %s", n, status_info(o.status)->text);
		CHECK(o.done == (n <= LIMIT_HEAD), "%zu bytes", n);
	}
}

/* Many chunks of many sizes, in pieces of many sizes. */
static void joins_what_was_split(void **state)
{
	static char in[40000], data[20000];
	static struct outcome o;
	uint64_t seed = 1;
	(void)state;
	struct buf b = buf_of(in, sizeof in), d = buf_of(data, sizeof data);
	for (unsigned i = 0; i < 100; i++) {
		size_t n = 1 + next_number(&seed) % 199;
		buf_padded(&b, n, 16, i % 5);
		buf_str(&b, i % 3 ? "\r\n" : ";q=\"\\\"\"\r\n");
		for (size_t k = 0; k < n; k++) {
			char c = (char)(next_number(&seed) & 0xff);
			buf_char(&b, c);
			buf_char(&d, c);
		}
		buf_str(&b, "\r\n");
	}
	buf_str(&b, "0\r\n\r\n");
	assert_false(b.cut || d.cut);
	for (size_t step = 1; step < 2 * b.n; step += 1 + step / 3) {
		run(&o, &chunked, buf_span(&b), step, step);
		assert_int_equal(o.status, STATUS_OK);
		assert_true(o.done);
		CHECK_SPAN(buf_span(&o.data), buf_span(&d), "step %zu", step);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_chunks),
	    cmocka_unit_test(reads_chunks),
	    cmocka_unit_test(reads_lengths),
	    cmocka_unit_test(holds_the_chunk_line),
	    cmocka_unit_test(holds_the_trailers),
	    cmocka_unit_test(holds_the_trailers_exactly),
	    cmocka_unit_test(joins_what_was_split),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
