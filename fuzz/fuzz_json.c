/* fuzz_json.c - JSON, whole and in two pieces: the same verdict at the same
 * byte. What is JSON stays the same when it is written compact, and its strings
 * are UTF-8. The first two bytes choose where the text is split. */
#include "facts/limits.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum json_event verdict; /* MORE: a whole text */
	uint64_t offset;
	const char *expected;
	uint64_t events; /* a hash of them */
};

static void note(struct outcome *o, const struct json *j, enum json_event e)
{
	const uint64_t parts[] = {e, j->offset, j->depth,
				  e == JSON_CLOSE ? 0 : j->token};
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		o->events = (o->events ^ parts[i]) * 1099511628211U;
}

/* False after an error. */
static bool feed(struct json *j, struct span piece, struct outcome *o)
{
	uint64_t start = j->offset;
	char *copy = malloc(piece.n ? piece.n : 1);
	enum json_event e;
	if (piece.n)
		memcpy(copy, piece.p, piece.n);
	for (;;) {
		size_t from = (size_t)(j->offset - start);
		ASSERT(from <= piece.n);
		e = json_next(j, copy + from, piece.n - from);
		ASSERT(j->depth <= LIMIT_JSON_DEPTH);
		if (e == JSON_MORE || e == JSON_BAD || e == JSON_TOO_DEEP)
			break;
		note(o, j, e);
	}
	free(copy);
	o->verdict = e;
	return e == JSON_MORE;
}

static void run(struct span text, size_t split, uint8_t report_depth,
		struct outcome *o)
{
	struct json j = {.report_depth = report_depth};
	*o = (struct outcome){.verdict = JSON_MORE};
	if (feed(&j, (struct span){text.p, split}, o) &&
	    feed(&j, span_skip(text, split), o) && !json_end(&j))
		o->verdict = JSON_BAD;
	o->offset = j.offset;
	o->expected = o->verdict == JSON_BAD ? j.expected : "";
}

/* A whole text that begins and ends with a quote is one string. */
static void check_string(struct span inside)
{
	static char bytes[1 << 18];
	struct buf out = buf_of(bytes, sizeof bytes);
	json_put_text(&out, inside);
	ASSERT(!out.cut);
	struct span text = buf_span(&out), rest = text;
	while (rest.n) {
		uint32_t c;
		ASSERT(utf8_take(&rest, &c));
	}
	ASSERT(json_equal(inside, inside));
	ASSERT(json_is(inside, text));
}

static void check_compact(struct span text, bool ascii)
{
	static char bytes[1 << 19], again_bytes[1 << 19];
	struct buf out = buf_of(bytes, sizeof bytes),
		   again = buf_of(again_bytes, sizeof again_bytes);
	struct outcome o;
	json_put_compact(&out, text, ascii);
	ASSERT(!out.cut);
	run(buf_span(&out), out.n, LIMIT_JSON_DEPTH, &o);
	ASSERT(o.verdict == JSON_MORE);
	for (size_t i = 0; i < out.n; i++) {
		unsigned char c = (unsigned char)bytes[i];
		ASSERT(c >= 0x20 && c != 0x7f && (!ascii || c < 0x80));
	}
	json_put_compact(&again, buf_span(&out), ascii);
	ASSERT(span_eq(buf_span(&again), buf_span(&out)));
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
	ASSERT(a->verdict == b->verdict);
	ASSERT(a->offset == b->offset);
	ASSERT(strcmp(a->expected, b->expected) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole, pieces, unseen;
	if (size < 2 || size > 65536)
		return 0;
	struct span text = {(const char *)data + 2, size - 2};
	size_t split = (data[0] | (size_t)data[1] << 8) % (text.n + 1);
	run(text, text.n, LIMIT_JSON_DEPTH, &whole);
	run(text, split, LIMIT_JSON_DEPTH, &pieces);
	ASSERT(whole.events == pieces.events);
	check_same(&whole, &pieces);
	/* the deepest level of which is told does not change the verdict, nor
	 * does what is passed over the events */
	uint8_t depth = data[0] % LIMIT_JSON_DEPTH;
	run(text, split, depth, &pieces);
	check_same(&whole, &pieces);
	run(text, text.n, depth, &unseen);
	ASSERT(unseen.events == pieces.events);
	run(text, text.n, 0, &pieces);
	check_same(&whole, &pieces);
	ASSERT(whole.offset <= text.n);
	if (whole.verdict != JSON_MORE)
		return 0;
	check_compact(text, false);
	check_compact(text, true);
	if (text.p[0] == '"' && text.p[text.n - 1] == '"')
		check_string((struct span){text.p + 1, text.n - 2});
	return 0;
}
