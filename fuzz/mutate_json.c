/*
 * mutate_json.c - for targets whose inputs hold JSON: picks one JSON object of
 * the input and one value or member in it, and duplicates, drops, swaps, nests,
 * retypes, escapes or lengthens it. A Content-Length in front of the object is
 * set right again, mostly. Every fourth mutation is libFuzzer's own.
 */
#include "mutate.h"

#include "base/text.h"

#include <string.h>

#define JSMN_HEADER
#include <jsmn.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned seed);

enum { BYTES = 1 << 17, TOKENS = 1 << 13, OBJECTS = 16 };

static struct {
	uint64_t random;
	jsmntok_t token[TOKENS];
	size_t tokens;
	char bytes[BYTES]; /* the mutated input */
	struct buf out;
} the;

static size_t below(size_t n)
{
	the.random = the.random * 6364136223846793005U + 1442695040888963407U;
	return n ? (size_t)(the.random >> 33) % n : 0;
}

/* The length of the JSON object at the front of s, or 0. */
static size_t object_length(struct span s)
{
	size_t depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (quoted) {
			i += c == '\\';
			quoted = c != '"';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

/* One of the objects in the input; absent if there is none. */
static struct span pick_object(struct span in, size_t at)
{
	struct span found[OBJECTS];
	size_t n = 0;
	for (size_t i = at; i < in.n && n < OBJECTS; i++) {
		if (in.p[i] != '{')
			continue;
		size_t length = object_length(span_skip(in, i));
		if (length == 0)
			break;
		found[n++] = (struct span){in.p + i, length};
		i += length - 1;
	}
	return n ? found[below(n)] : SPAN_NONE;
}

/* The bytes of a token as they stand there, quotes included. */
static struct span raw(struct span text, size_t i)
{
	const jsmntok_t *t = &the.token[i];
	size_t quote = t->type == JSMN_STRING;
	return (struct span){text.p + t->start - quote,
			     (size_t)(t->end - t->start) + 2 * quote};
}

static bool is_name(size_t i)
{
	return the.token[i].type == JSMN_STRING && the.token[i].size == 1;
}

/* A value with its name in front, if it has one. */
static struct span with_name(struct span text, size_t i)
{
	struct span value = raw(text, i);
	if (i == 0 || !is_name(i - 1))
		return value;
	const char *begin = raw(text, i - 1).p;
	return (struct span){begin, (size_t)(value.p + value.n - begin)};
}

/* Copies text, with `part` of it replaced by what `with` holds. */
static void put_replaced(struct span text, struct span part, struct span with)
{
	const char *end = part.p + part.n;
	buf_put(&the.out, (struct span){text.p, (size_t)(part.p - text.p)});
	buf_put(&the.out, with);
	buf_put(&the.out, (struct span){end, (size_t)(text.p + text.n - end)});
}

static void put_swapped(struct span text, struct span a, struct span b)
{
	if (a.p > b.p) {
		struct span c = a;
		a = b;
		b = c;
	}
	if (a.p + a.n > b.p) { /* one within the other: it takes its place */
		put_replaced(text, a, b);
		return;
	}
	const char *end = a.p + a.n;
	buf_put(&the.out, (struct span){text.p, (size_t)(a.p - text.p)});
	buf_put(&the.out, b);
	buf_put(&the.out, (struct span){end, (size_t)(b.p - end)});
	buf_put(&the.out, a);
	end = b.p + b.n;
	buf_put(&the.out, (struct span){end, (size_t)(text.p + text.n - end)});
}

/* Once more behind itself, or many times. */
static void put_repeated(struct span text, struct span part)
{
	size_t times = below(4) ? 1 : 1 + below(80);
	const char *end = part.p + part.n;
	buf_put(&the.out, (struct span){text.p, (size_t)(end - text.p)});
	while (times--) {
		buf_char(&the.out, ',');
		buf_put(&the.out, part);
	}
	buf_put(&the.out, (struct span){end, (size_t)(text.p + text.n - end)});
}

static void put_dropped(struct span text, struct span part)
{
	const char *end = text.p + text.n;
	while (part.p + part.n < end && part.p[part.n] == ' ')
		part.n++;
	if (part.p + part.n < end && part.p[part.n] == ',') {
		part.n++;
	} else if (part.p > text.p && part.p[-1] == ',') {
		part.p--;
		part.n++;
	}
	put_replaced(text, part, SPAN(""));
}

static void put_nested(struct span text, struct span value)
{
	char bytes[512];
	struct buf front = buf_of(bytes, sizeof bytes / 2),
		   back = buf_of(bytes + sizeof bytes / 2, sizeof bytes / 2);
	size_t levels = below(4) ? 1 : 1 + below(40);
	bool object = below(2);
	for (size_t i = 0; i < levels; i++) {
		buf_str(&front, object ? "{\"a\":" : "[");
		buf_char(&back, object ? '}' : ']');
	}
	buf_put(&the.out, (struct span){text.p, (size_t)(value.p - text.p)});
	buf_put(&the.out, buf_span(&front));
	buf_put(&the.out, value);
	buf_put(&the.out, buf_span(&back));
	const char *end = value.p + value.n;
	buf_put(&the.out, (struct span){end, (size_t)(text.p + text.n - end)});
}

/* Values of every type, and names that mean something. */
static struct span some_value(void)
{
	static const struct span values[] = {
	    SPAN("null"),
	    SPAN("true"),
	    SPAN("0"),
	    SPAN("-1.5e+9"),
	    SPAN("18446744073709551616"),
	    SPAN("5"),
	    SPAN("{}"),
	    SPAN("[]"),
	    SPAN("\"\""),
	    SPAN("\"4\""),
	    SPAN("\"firing\""),
	    SPAN("\"resolved\""),
	    SPAN("\"critical\""),
	    SPAN("\"alertname\""),
	    SPAN("\"severity\""),
	    SPAN("\"summary\""),
	    SPAN("\"description\""),
	    SPAN("\"alerts\""),
	    SPAN("\"labels\""),
	    SPAN("\"annotations\""),
	    SPAN("\"status\""),
	    SPAN("\"startsAt\""),
	    SPAN("\"endsAt\""),
	    SPAN("\"receiver\""),
	    SPAN("\"truncatedAlerts\""),
	    SPAN("\"notice\""),
	    SPAN("\"2026-11-24T01:55:52.123Z\""),
	    SPAN("\"0001-01-01T00:00:00Z\""),
	};
	return values[below(sizeof values / sizeof values[0])];
}

/* What is delicate within a string. */
static struct span some_characters(void)
{
	static const struct span texts[] = {
	    SPAN("\\n"),
	    SPAN("\\u001b[2J"),
	    SPAN("\\u0000"),
	    SPAN("\\u007f"),
	    SPAN("\x7f"),
	    SPAN("\\u009b"),
	    SPAN("\xc2\x9b"),
	    SPAN("\\u2028"),
	    SPAN("\xe2\x80\xa9"),
	    SPAN("\\u202e"),
	    SPAN("\xe2\x81\xa6"),
	    SPAN("\xd8\x9c"),
	    SPAN("\\ud83d\\ude00"),
	    SPAN("\xf0\x9f\x98\x80"),
	    SPAN("\\ud800"),
	    SPAN("\\udc00\\ud800"),
	    SPAN("\\\""),
	    SPAN("\\\\"),
	    SPAN("\\/"),
	    SPAN("\xe2\x80\xa6"),
	    SPAN("\xef\xbf\xbd"),
	    SPAN("\xf4\x8f\xbf\xbf"),
	    SPAN(" = "),
	    SPAN("{}"),
	};
	return texts[below(sizeof texts / sizeof texts[0])];
}

/* Where a character of a string's inside begins. */
static size_t some_place(struct span inside)
{
	size_t wanted = below(inside.n + 1), at = 0;
	while (at < wanted) {
		size_t n = 1;
		if (inside.p[at] == '\\')
			n = at + 1 < inside.n && inside.p[at + 1] == 'u' ? 6
									 : 2;
		while (at + n < inside.n &&
		       ((unsigned char)inside.p[at + n] & 0xc0) == 0x80)
			n++;
		at += n;
	}
	return at < inside.n ? at : inside.n;
}

static void change_string(struct span text, struct span inside)
{
	static char copy[1 << 14];
	struct buf b = buf_of(copy, sizeof copy);
	size_t at = some_place(inside);
	struct span here = {inside.p + at, 0};
	switch (below(4)) {
	case 0: /* a character as its own escape */
		if (at < inside.n && inside.p[at] >= 0x20 &&
		    inside.p[at] < 0x7f && inside.p[at] != '\\') {
			here.n = 1;
			buf_str(&b, "\\u");
			buf_padded(&b, (unsigned char)inside.p[at], 16, 4);
		}
		break;
	case 1: /* longer */
		for (size_t n = 1 + below(600); n && !b.cut; n--)
			buf_put(&b, inside.n ? inside : SPAN("x"));
		b.n = inside.n ? b.n / inside.n * inside.n : b.n;
		break;
	case 2: /* shorter */
		here.n = inside.n - at;
		break;
	default:
		buf_put(&b, some_characters());
		break;
	}
	put_replaced(text, here, buf_span(&b));
}

/* Writes the changed object to the.out. */
static void change(struct span text)
{
	size_t i = 1 + below(the.tokens - 1), j = 1 + below(the.tokens - 1);
	struct span inside = {text.p + the.token[i].start,
			      (size_t)(the.token[i].end - the.token[i].start)};
	if (the.token[i].type == JSMN_STRING && below(2)) {
		change_string(text, inside);
		return;
	}
	if (is_name(i)) {
		if (below(3) == 0) {
			struct span name = some_value();
			if (name.p[0] == '"')
				put_replaced(text, raw(text, i), name);
			else
				put_replaced(text, raw(text, i), raw(text, j));
			return;
		}
		i++;
	}
	if (is_name(j))
		j++;
	if (i >= the.tokens || j >= the.tokens)
		i = j = the.tokens - 1;
	switch (below(7)) {
	case 0:
		put_repeated(text, with_name(text, i));
		break;
	case 1:
		put_dropped(text, with_name(text, i));
		break;
	case 2:
		put_swapped(text, raw(text, i), raw(text, j));
		break;
	case 3:
		put_swapped(text, with_name(text, i), with_name(text, j));
		break;
	case 4:
		put_nested(text, raw(text, i));
		break;
	case 5:
		put_replaced(text, raw(text, i), some_value());
		break;
	default:
		put_replaced(text, raw(text, i), raw(text, j));
		break;
	}
}

/* The digits of a Content-Length in the head that ends at *p, if there is one.
 */
static struct span find_length(const char *begin, const char *p)
{
	static const struct span field = SPAN("Content-Length: ");
	size_t n = (size_t)(p - begin) < 1024 ? (size_t)(p - begin) : 1024;
	struct span head = {p - n, n}, found = SPAN_NONE;
	if (n < 4 || memcmp(p - 4, "\r\n\r\n", 4) != 0)
		return SPAN_NONE;
	for (; head.n > field.n; head = span_skip(head, 1))
		if (span_starts(head, field))
			found = span_skip(head, field.n);
	size_t digits = 0;
	while (digits < found.n && found.p[digits] >= '0' &&
	       found.p[digits] <= '9')
		digits++;
	found.n = digits;
	return found;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned seed)
{
	struct span in = {(const char *)data, size};
	jsmn_parser parser;
	the.random = seed * 2654435761U + 1U;
	size_t at = fuzz_json_at(data, size);
	struct span object = SPAN_NONE;
	if (at < size && below(4))
		object = pick_object(in, at);
	jsmn_init(&parser);
	int n = object.p
		    ? jsmn_parse(&parser, object.p, object.n, the.token, TOKENS)
		    : 0;
	if (n < 2)
		return LLVMFuzzerMutate(data, size, max);
	the.tokens = (size_t)n;
	/* what is in front, a place for the length, and the changed object */
	struct span length = find_length(in.p, object.p), front = in;
	front.n = (size_t)(object.p - in.p);
	static char changed[BYTES];
	the.out = buf_of(changed, sizeof changed);
	change(object);
	struct span body = buf_span(&the.out);
	bool cut = the.out.cut;
	the.out = buf_of(the.bytes, sizeof the.bytes);
	if (length.p && below(8)) {
		const char *end = length.p + length.n;
		buf_put(&the.out,
			(struct span){in.p, (size_t)(length.p - in.p)});
		buf_u64(&the.out, body.n);
		buf_put(&the.out, (struct span){end, (size_t)(object.p - end)});
	} else {
		buf_put(&the.out, front);
	}
	buf_put(&the.out, body);
	buf_put(&the.out, span_skip(in, front.n + object.n));
	if (cut || the.out.cut || the.out.n > max)
		return LLVMFuzzerMutate(data, size, max);
	memcpy(data, the.bytes, the.out.n);
	return the.out.n;
}
