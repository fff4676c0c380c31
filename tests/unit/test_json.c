/* test_json.c - json.h: the grammar of RFC 8259, and the readers of strings. */
#include "check.h"

#include "facts/limits.h"
#include "json/states.h"

/* What a run over a text told: each event as a letter, the depth after it, and
 * its bytes: K1@1-4 is a name at depth 1 in [1, 4). */
struct trace {
	enum json_event verdict; /* MORE: a whole text */
	uint64_t offset;
	const char *expected;
	char bytes[4096];
	struct buf events;
};

static void note(struct trace *t, const struct json *j, enum json_event e)
{
	static const char letters[] = " KSLOC";
	buf_char(&t->events, letters[e]);
	buf_u64(&t->events, j->depth);
	if (e != JSON_CLOSE) {
		buf_char(&t->events, '@');
		buf_u64(&t->events, j->token);
		buf_char(&t->events, '-');
	} else {
		buf_char(&t->events, '<');
	}
	buf_u64(&t->events, j->offset);
	buf_char(&t->events, ' ');
}

/* False if it went wrong. */
static bool feed(struct json *j, struct trace *t, struct span piece)
{
	uint64_t start = j->offset;
	char *copy = copy_of(piece);
	enum json_event e;
	for (;;) {
		size_t from = (size_t)(j->offset - start);
		e = json_next(j, copy + from, piece.n - from);
		if (e == JSON_MORE || e == JSON_BAD || e == JSON_TOO_DEEP)
			break;
		note(t, j, e);
	}
	free(copy);
	if (e == JSON_MORE) {
		CHECK(j->offset == start + piece.n, "bytes are left");
		return true;
	}
	t->verdict = e;
	return false;
}

static void run(struct trace *t, struct span text, size_t step, size_t first,
		uint8_t report_depth)
{
	struct json j = {.report_depth = report_depth};
	t->events = buf_of(t->bytes, sizeof t->bytes);
	t->verdict = JSON_MORE;
	t->expected = NULL;
	size_t at = 0, n = first < text.n ? first : text.n;
	bool good = true;
	while (good && at < text.n) {
		good = feed(&j, t, (struct span){text.p + at, n});
		at += n;
		n = step < text.n - at ? step : text.n - at;
	}
	if (good && !json_end(&j))
		t->verdict = JSON_BAD;
	t->offset = j.offset;
	if (t->verdict == JSON_BAD)
		t->expected = j.expected;
}

static void same(const struct trace *a, const struct trace *b, struct span text)
{
	CHECK(a->verdict == b->verdict && a->offset == b->offset &&
		  (a->expected == b->expected ||
		   (a->expected && b->expected &&
		    strcmp(a->expected, b->expected) == 0)),
	      "split, %.*s ends differently", (int)text.n, text.p);
	CHECK_SPAN(buf_span(&a->events), buf_span(&b->events), "split, %.*s",
		   (int)text.n, text.p);
}

/* Whole, split at every byte, and byte by byte. */
static void run_all(struct trace *t, struct span text)
{
	static struct trace other;
	run(t, text, text.n, text.n, LIMIT_JSON_DEPTH);
	for (size_t i = 1; i < text.n; i++) {
		run(&other, text, text.n, i, LIMIT_JSON_DEPTH);
		same(t, &other, text);
	}
	run(&other, text, 1, 1, LIMIT_JSON_DEPTH);
	same(t, &other, text);
	/* what nothing is told of is judged the same */
	for (size_t step = 1; step <= text.n; step++) {
		run(&other, text, step, step, 0);
		other.events = t->events;
		same(t, &other, text);
	}
}

static const char a_value_not_a_mark[] =
    "a value, not a byte order mark (U+FEFF)";
static const char a_value[] = "a value", value_or_end[] = "a value or ']'",
		  a_key[] = "a member name in quotes",
		  key_or_end[] = "a member name in quotes or '}'",
		  a_colon[] = "':'", in_object[] = "',' or '}'",
		  in_array[] = "',' or ']'", the_end[] = "the end",
		  a_word[] = "true, false or null", a_digit[] = "a digit",
		  an_escape[] = "one of \"\\/bfnrtu",
		  a_hex[] = "a hexadecimal digit", utf8[] = "UTF-8",
		  no_control[] = "no control character in a string",
		  cut[] = "more, the text is cut";

/* A string, right or wrong, as a value and as a name among usual members. */
static void check_among_members(struct span string, enum json_event verdict,
				uint64_t offset, const char *expected)
{
	static const char front[] = "{\"a member\":\"and its value\",",
			  name[] = "\"another\":",
			  rest[] = "\"the value of the rest\"}";
	static struct trace t;
	for (int as_name = 0; as_name < 2; as_name++) {
		char bytes[256];
		struct buf b = buf_of(bytes, sizeof bytes);
		buf_str(&b, front);
		if (!as_name)
			buf_str(&b, name);
		uint64_t start = b.n;
		buf_put(&b, string);
		buf_str(&b, as_name ? ":" : ",\"c\":");
		buf_str(&b, rest);
		assert_false(b.cut);
		run_all(&t, buf_span(&b));
		CHECK(t.verdict == verdict, "%.*s", (int)b.n, b.p);
		if (verdict == JSON_MORE)
			continue;
		CHECK(t.offset == start + offset, "%.*s: offset %u", (int)b.n,
		      b.p, (unsigned)t.offset);
		CHECK_SPAN(span_of(t.expected), span_of(expected), "%.*s",
			   (int)b.n, b.p);
	}
}

static void refuses_what_is_not_json(void **state)
{
	static const struct {
		struct span text;
		uint64_t offset;
		const char *expected;
	} table[] = {
	    /* nothing, or not all of it */
	    {SPAN(""), 0, a_value},
	    {SPAN(" "), 1, cut},
	    {SPAN("{"), 1, cut},
	    {SPAN("["), 1, cut},
	    {SPAN("[1"), 2, cut},
	    {SPAN("[1,"), 3, cut},
	    {SPAN("{\"a\""), 4, cut},
	    {SPAN("{\"a\":"), 5, cut},
	    {SPAN("{\"a\":1"), 6, cut},
	    {SPAN("{\"a\":1,"), 7, cut},
	    {SPAN("\"a"), 2, cut},
	    {SPAN("\"\\"), 2, cut},
	    {SPAN("\"\\u00"), 5, cut},
	    {SPAN("\"\xc3"), 2, cut},
	    {SPAN("tru"), 3, cut},
	    {SPAN("-"), 1, cut},
	    {SPAN("1."), 2, cut},
	    {SPAN("1e"), 2, cut},
	    {SPAN("1e+"), 3, cut},
	    {SPAN("[[]"), 3, cut},
	    {SPAN("[1 "), 3, cut},
	    /* values */
	    {SPAN("\xef\xbb\xbf{}"), 0, a_value_not_a_mark},
	    {SPAN(" \xef\xbb\xbf{}"), 1, a_value},
	    {SPAN("]"), 0, a_value},
	    {SPAN("}"), 0, a_value},
	    {SPAN(","), 0, a_value},
	    {SPAN(":"), 0, a_value},
	    {SPAN("'a'"), 0, a_value},
	    {SPAN("a"), 0, a_value},
	    {SPAN("\0"), 0, a_value},
	    {SPAN("\x0c{}"), 0, a_value},
	    {SPAN("\x0b{}"), 0, a_value},
	    {SPAN("\xc2\xa0{}"), 0, a_value},
	    {SPAN("// x\n1"), 0, a_value},
	    {SPAN("/**/1"), 0, a_value},
	    {SPAN("NaN"), 0, a_value},
	    {SPAN("Infinity"), 0, a_value},
	    {SPAN("-Infinity"), 1, a_digit},
	    {SPAN("undefined"), 0, a_value},
	    {SPAN("\\u0031"), 0, a_value},
	    /* arrays */
	    {SPAN("[,1]"), 1, value_or_end},
	    {SPAN("[}"), 1, value_or_end},
	    {SPAN("[:"), 1, value_or_end},
	    {SPAN("[1,]"), 3, a_value},
	    {SPAN("[1,,2]"), 3, a_value},
	    {SPAN("[1 2]"), 3, in_array},
	    {SPAN("[1}"), 2, in_array},
	    {SPAN("[1:2]"), 2, in_array},
	    {SPAN("[\"a\" \"b\"]"), 5, in_array},
	    {SPAN("[[1}]"), 3, in_array},
	    {SPAN("[{]}"), 2, key_or_end},
	    /* objects */
	    {SPAN("{1:2}"), 1, key_or_end},
	    {SPAN("{a:2}"), 1, key_or_end},
	    {SPAN("{,}"), 1, key_or_end},
	    {SPAN("{]"), 1, key_or_end},
	    {SPAN("{null:1}"), 1, key_or_end},
	    {SPAN("{\"a\"}"), 4, a_colon},
	    {SPAN("{\"a\",}"), 4, a_colon},
	    {SPAN("{\"a\" 1}"), 5, a_colon},
	    {SPAN("{\"a\"=1}"), 4, a_colon},
	    {SPAN("{\"a\"::1}"), 5, a_value},
	    {SPAN("{\"a\":}"), 5, a_value},
	    {SPAN("{\"a\":1,}"), 7, a_key},
	    {SPAN("{\"a\":1,,}"), 7, a_key},
	    {SPAN("{\"a\":1 \"b\":2}"), 7, in_object},
	    {SPAN("{\"a\":1]"), 6, in_object},
	    {SPAN("{\"a\":[]]"), 7, in_object},
	    {SPAN("{\"a\":{}:"), 7, in_object},
	    /* behind the end */
	    {SPAN("{}{}"), 2, the_end},
	    {SPAN("{} x"), 3, the_end},
	    {SPAN("[]]"), 2, the_end},
	    {SPAN("[],"), 2, the_end},
	    {SPAN("1 2"), 2, the_end},
	    {SPAN("1]"), 1, the_end},
	    {SPAN("null,"), 4, the_end},
	    {SPAN("\"a\"\""), 3, the_end},
	    {SPAN("{}\0"), 2, the_end},
	    {SPAN("01"), 1, the_end},
	    {SPAN("-01"), 2, the_end},
	    {SPAN("1x"), 1, the_end},
	    {SPAN("0x1"), 1, the_end},
	    {SPAN("truee"), 4, the_end},
	    /* words */
	    {SPAN("True"), 0, a_value},
	    {SPAN("tRue"), 1, a_word},
	    {SPAN("tru "), 3, a_word},
	    {SPAN("falsE"), 4, a_word},
	    {SPAN("nul]"), 3, a_word},
	    {SPAN("[n]"), 2, a_word},
	    {SPAN("[nulll]"), 5, in_array},
	    /* numbers */
	    {SPAN("+1"), 0, a_value},
	    {SPAN(".5"), 0, a_value},
	    {SPAN("--1"), 1, a_digit},
	    {SPAN("-a"), 1, a_digit},
	    {SPAN("1.a"), 2, a_digit},
	    {SPAN("1..2"), 2, a_digit},
	    {SPAN("1.e5"), 2, a_digit},
	    {SPAN("[1.]"), 3, a_digit},
	    {SPAN("1ea"), 2, a_digit},
	    {SPAN("1e++1"), 3, a_digit},
	    {SPAN("1e-"), 3, cut},
	    {SPAN("1e1.5"), 3, the_end},
	    {SPAN("1.5.5"), 3, the_end},
	    {SPAN("1-1"), 1, the_end},
	    {SPAN("[01]"), 2, in_array},
	    {SPAN("[1e1e1]"), 4, in_array},
	    /* strings */
	    {SPAN("\"a\nb\""), 2, no_control},
	    {SPAN("\"a\tb\""), 2, no_control},
	    {SPAN("\"\0\""), 1, no_control},
	    {SPAN("\"\x1f\""), 1, no_control},
	    {SPAN("\"12345678\x01\""), 9, no_control},
	    {SPAN("{\"a\r\":1}"), 3, no_control},
	    {SPAN("\"\\a\""), 2, an_escape},
	    {SPAN("\"\\'\""), 2, an_escape},
	    {SPAN("\"\\0\""), 2, an_escape},
	    {SPAN("\"\\\0\""), 2, an_escape},
	    {SPAN("\"\\x41\""), 2, an_escape},
	    {SPAN("\"\\U0041\""), 2, an_escape},
	    {SPAN("\"\\\n\""), 2, an_escape},
	    {SPAN("\"\\\xc3\xa4\""), 2, an_escape},
	    {SPAN("\"\\u\""), 3, a_hex},
	    {SPAN("\"\\u004\""), 6, a_hex},
	    {SPAN("\"\\u004g\""), 6, a_hex},
	    {SPAN("\"\\u+041\""), 3, a_hex},
	    {SPAN("\"\\u 041\""), 3, a_hex},
	    {SPAN("\"\\ud83d\\u\""), 9, a_hex},
	    /* UTF-8: Unicode table 3-7 */
	    {SPAN("\"\x80\""), 1, utf8},
	    {SPAN("\"\xbf\""), 1, utf8},
	    {SPAN("\"\xc0\x80\""), 1, utf8},
	    {SPAN("\"\xc1\xbf\""), 1, utf8},
	    {SPAN("\"\xc2\""), 2, utf8},
	    {SPAN("\"\xc2\xc2\""), 2, utf8},
	    {SPAN("\"\xe0\x80\x80\""), 2, utf8},
	    {SPAN("\"\xe0\x9f\xbf\""), 2, utf8},
	    {SPAN("\"\xe2\x82\""), 3, utf8},
	    {SPAN("\"\xe2\x82\x28\""), 3, utf8},
	    {SPAN("\"\xed\xa0\x80\""), 2, utf8}, /* U+D800 */
	    {SPAN("\"\xed\xbf\xbf\""), 2, utf8}, /* U+DFFF */
	    {SPAN("\"\xf0\x80\x80\x80\""), 2, utf8},
	    {SPAN("\"\xf0\x8f\xbf\xbf\""), 2, utf8},
	    {SPAN("\"\xf0\x9f\x98\""), 4, utf8},
	    {SPAN("\"\xf4\x90\x80\x80\""), 2, utf8}, /* U+110000 */
	    {SPAN("\"\xf5\x80\x80\x80\""), 1, utf8},
	    {SPAN("\"\xf8\x88\x80\x80\x80\""), 1, utf8},
	    {SPAN("\"\xfe\""), 1, utf8},
	    {SPAN("\"\xff\""), 1, utf8},
	    {SPAN("{\"\xff\":1}"), 2, utf8},
	};
	static struct trace t;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct span text = table[i].text;
		run_all(&t, text);
		CHECK(t.verdict == JSON_BAD, "row %zu: %.*s was taken", i,
		      (int)text.n, text.p);
		CHECK(t.offset == table[i].offset, "row %zu: %.*s: offset %u",
		      i, (int)text.n, text.p, (unsigned)t.offset);
		CHECK_SPAN(span_of(t.expected), span_of(table[i].expected),
			   "row %zu: %.*s", i, (int)text.n, text.p);
		if (text.n && text.p[0] == '"' && table[i].expected != cut &&
		    table[i].expected != the_end)
			check_among_members(text, JSON_BAD, table[i].offset,
					    table[i].expected);
	}
}

static void takes_what_is_json(void **state)
{
	static const char *const table[] = {
	    "{}",
	    "[]",
	    "null",
	    "true",
	    "false",
	    "0",
	    "-0",
	    "1",
	    "\"\"",
	    " \t\r\n{ \t\r\n} \t\r\n",
	    "[ ]",
	    "[ 1 , 2 ]",
	    "[[],[[]],{}]",
	    "{\"\":\"\"}",
	    "{\"a\":1,\"a\":2}", /* names may repeat here */
	    "{ \"a\" : [ ] , \"b\" : { \"c\" : null } }",
	    "[0,-1,12,0.0,-0.5,1e5,1E5,1e+5,1e-5,0e0,-0E-0,1.25e10]",
	    "123456789012345678901234567890.123456789e-999",
	    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uFfFf\\uD800\\udc00\"",
	    "\"\\ud800\"",
	    "\"\\udc00\\ud800\"", /* lone ones: 8259 8.2 */
	    "\"\x7f\"",
	    "\"\xc2\x80\"",
	    "\"\xdf\xbf\"",
	    "\"\xe0\xa0\x80\"",
	    "\"\xed\x9f\xbf\"",
	    "\"\xee\x80\x80\"",
	    "\"\xef\xbf\xbf\"",
	    "\"\xf0\x90\x80\x80\"",
	    "\"\xf4\x8f\xbf\xbf\"",
	    "\"\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\"",
	    "\"plain text of more than eight bytes, then \xc3\xa4 \\n \"",
	};
	static struct trace t;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct span text = span_of(table[i]);
		run_all(&t, text);
		CHECK(t.verdict == JSON_MORE,
		      "row %zu: %s: refused at %u, expected %s", i, table[i],
		      (unsigned)t.offset, t.expected);
		CHECK(t.offset == text.n, "row %zu: offset %u", i,
		      (unsigned)t.offset);
		if (text.p[0] == '"')
			check_among_members(text, JSON_MORE, 0, NULL);
	}
}

static void tells_events(void **state)
{
	static const struct {
		const char *text;
		uint8_t depth;
		const char *events;
	} table[] = {
	    {"1", 9, ""}, /* nothing ends it but the end */
	    {"1 ", 9, "L0@0-1 "},
	    {" \"ab\"", 9, "S0@1-5 "},
	    {"[1,\"x\",{}]", 9, "O1@0-1 L1@1-2 S1@3-6 O2@7-8 C1<9 C0<10 "},
	    {"{\"a\":[1,\"x\",{}],\"b\":null}", 9,
	     "O1@0-1 K1@1-4 O2@5-6 L2@6-7 S2@8-11 O3@12-13 C2<14 C1<15 "
	     "K1@16-19 L1@20-24 C0<25 "},
	    {"{\"a\":[1,\"x\",{}],\"b\":null}", 2,
	     "O1@0-1 K1@1-4 O2@5-6 L2@6-7 S2@8-11 O3@12-13 C2<14 C1<15 "
	     "K1@16-19 L1@20-24 C0<25 "},
	    {"{\"a\":[1,\"x\",{}],\"b\":null}", 1,
	     "O1@0-1 K1@1-4 O2@5-6 C1<15 K1@16-19 L1@20-24 C0<25 "},
	    {"{\"a\":[1,\"x\",{}],\"b\":null}", 0, "O1@0-1 C0<25 "},
	    {"[true,false,-1.5e3]", 1, "O1@0-1 L1@1-5 L1@6-11 L1@12-18 C0<19 "},
	};
	static struct trace t;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct span text = span_of(table[i].text);
		for (size_t step = 1; step <= text.n; step++) {
			run(&t, text, step, step, table[i].depth);
			CHECK(t.verdict == JSON_MORE, "row %zu", i);
			CHECK_SPAN(buf_span(&t.events),
				   span_of(table[i].events),
				   "row %zu, pieces of %zu", i, step);
		}
	}
}

static void holds_the_depth(void **state)
{
	static struct trace t;
	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		for (size_t depth = 31; depth <= 34; depth++) {
			char bytes[512];
			struct buf b = buf_of(bytes, sizeof bytes);
			uint64_t last = 0;
			for (size_t i = 0; i < depth; i++) {
				bool object = kind == 0 || (kind == 2 && i % 2);
				last = b.n;
				buf_str(&b, !object         ? "["
					    : i + 1 < depth ? "{\"k\":"
							    : "{");
			}
			for (size_t i = depth; i-- > 0;)
				buf_char(&b, kind == 0 || (kind == 2 && i % 2)
						 ? '}'
						 : ']');
			assert_false(b.cut);
			run_all(&t, buf_span(&b));
			CHECK(t.verdict == (depth <= LIMIT_JSON_DEPTH
						? JSON_MORE
						: JSON_TOO_DEEP),
			      "kind %u, depth %zu", kind, depth);
			if (depth == LIMIT_JSON_DEPTH + 1)
				CHECK(t.offset == last, "told at the brace");
		}
	}
}

/* The grammar of RFC 8259 6, written another way. */
static bool is_number(const char *s)
{
	if (*s == '-')
		s++;
	if (*s == '0')
		s++;
	else if (*s >= '1' && *s <= '9')
		s += strspn(s, "0123456789");
	else
		return false;
	if (*s == '.') {
		size_t n = strspn(s + 1, "0123456789");
		if (n == 0)
			return false;
		s += 1 + n;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '+' || *s == '-')
			s++;
		size_t n = strspn(s, "0123456789");
		if (n == 0)
			return false;
		s += n;
	}
	return *s == '\0';
}

static bool is_json(struct span text)
{
	struct json j = {.report_depth = 0};
	size_t at = 0;
	while (at < text.n) {
		enum json_event e = json_next(&j, text.p + at, text.n - at);
		if (e == JSON_BAD || e == JSON_TOO_DEEP)
			return false;
		at = (size_t)j.offset;
	}
	return json_end(&j);
}

/* Every string of up to six of these characters, against is_number(). */
static void reads_numbers_as_the_grammar_says(void **state)
{
	static const char alphabet[] = "-+01.e";
	(void)state;
	for (unsigned length = 1; length <= 6; length++) {
		unsigned total = 1;
		for (unsigned i = 0; i < length; i++)
			total *= 6;
		for (unsigned v = 0; v < total; v++) {
			char s[8] = "", in_list[10];
			for (unsigned i = 0, rest = v; i < length; i++) {
				s[i] = alphabet[rest % 6];
				rest /= 6;
			}
			snprintf(in_list, sizeof in_list, "[%s]", s);
			CHECK(is_json(span_of(s)) == is_number(s), "%s", s);
			CHECK(is_json(span_of(in_list)) == is_number(s), "%s",
			      in_list);
		}
	}
}

/* Unicode table 3-7: how many bytes of p are one well-formed character. */
static size_t well_formed(const unsigned char *p, size_t n)
{
	static const unsigned char table[][9] = {
	    {1, 0x00, 0x7f},
	    {2, 0xc2, 0xdf, 0x80, 0xbf},
	    {3, 0xe0, 0xe0, 0xa0, 0xbf, 0x80, 0xbf},
	    {3, 0xe1, 0xec, 0x80, 0xbf, 0x80, 0xbf},
	    {3, 0xed, 0xed, 0x80, 0x9f, 0x80, 0xbf},
	    {3, 0xee, 0xef, 0x80, 0xbf, 0x80, 0xbf},
	    {4, 0xf0, 0xf0, 0x90, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
	    {4, 0xf1, 0xf3, 0x80, 0xbf, 0x80, 0xbf, 0x80, 0xbf},
	    {4, 0xf4, 0xf4, 0x80, 0x8f, 0x80, 0xbf, 0x80, 0xbf},
	};
	for (size_t row = 0; row < COUNT(table); row++) {
		size_t length = table[row][0], i = 0;
		while (i < length && i < n && p[i] >= table[row][2 * i + 1] &&
		       p[i] <= table[row][2 * i + 2])
			i++;
		if (i == length)
			return length;
	}
	return 0;
}

static void reads_utf8_as_unicode_says(void **state)
{
	static const unsigned char edges[] = {0x20, 0x7e, 0x80, 0x8f, 0x90,
					      0x9f, 0xa0, 0xbf, 0xc0, 0xf0};
	const size_t total = 128 * 256 * COUNT(edges) * COUNT(edges);
	(void)state;
	for (size_t v = 0; v < total; v++) {
		size_t i = v;
		unsigned char b[6] = {'"'};
		b[1] = (unsigned char)(0x80 + i % 128);
		i /= 128;
		b[2] = (unsigned char)(i % 256);
		i /= 256;
		b[3] = edges[i % COUNT(edges)];
		b[4] = edges[i / COUNT(edges)];
		b[5] = '"';
		if (b[2] == '"' || b[2] == '\\' || b[2] < 0x20)
			continue;
		bool good = true;
		for (size_t at = 1; at < 5 && good;) {
			size_t n = well_formed(b + at, 5 - at);
			good = n != 0;
			at += n;
		}
		CHECK(is_json((struct span){(char *)b, 6}) == good,
		      "%02x %02x %02x %02x", b[1], b[2], b[3], b[4]);
	}
}

/* Whatever stands where: as a loop over single bytes finds it. */
static void finds_plain_bytes(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 20; n++) {
		for (size_t at = 0; at < n; at++) {
			for (unsigned c = 0; c < 256; c++) {
				char text[20];
				memset(text, 'a' + (int)(at % 3), n);
				text[at] = (char)c;
				bool plain = c >= 0x20 && c < 0x7f &&
					     c != '"' && c != '\\';
				size_t got = json_plain((struct span){text, n});
				CHECK(got == (plain ? n : at),
				      "%02x at %zu of %zu", c, at, n);
			}
		}
	}
}

static void takes_characters(void **state)
{
	static const struct {
		struct span text;
		uint32_t c[5];
		size_t n;
	} table[] = {
	    {SPAN("a"), {'a'}, 1},
	    {SPAN("\x7f"), {0x7f}, 1},
	    {SPAN("\\\"\\\\\\/"), {'"', '\\', '/'}, 3},
	    {SPAN("\\b\\f\\n\\r\\t"), {8, 12, 10, 13, 9}, 5},
	    {SPAN("\\u0041b"), {'A', 'b'}, 2},
	    {SPAN("\\u0000\\uABCD\\uabcd"), {0, 0xabcd, 0xabcd}, 3},
	    {SPAN("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
	     {0xe4, 0x20ac, 0x1f600},
	     3},
	    {SPAN("\\ud83d\\ude00"), {0x1f600}, 1},
	    {SPAN("\\ud800\\udc00"), {0x10000}, 1},
	    {SPAN("\\uDBFF\\uDFFF"), {0x10ffff}, 1},
	    {SPAN("\\ud83d"), {0xfffd}, 1},
	    {SPAN("\\ude00"), {0xfffd}, 1},
	    {SPAN("\\ud83dx"), {0xfffd, 'x'}, 2},
	    {SPAN("\\ud83d\\n"), {0xfffd, '\n'}, 2},
	    {SPAN("\\ud83d\\nabcd"), {0xfffd, '\n', 'a', 'b', 'c'}, 5},
	    {SPAN("\\ud83d\\u0041"), {0xfffd, 'A'}, 2},
	    {SPAN("\\ud83d\\udbff"), {0xfffd, 0xfffd}, 2},
	    {SPAN("\\ud83d\\ue000"), {0xfffd, 0xe000}, 2},
	    {SPAN("\\ud7ff\\udc00"), {0xd7ff, 0xfffd}, 2},
	    {SPAN("\\udc00\\udc00"), {0xfffd, 0xfffd}, 2},
	    {SPAN("\\uffff\\udc00"), {0xffff, 0xfffd}, 2},
	    {SPAN("\\ud83d\\ud83d\\ude00"), {0xfffd, 0x1f600}, 2},
	    {SPAN("\\ude00\\ud83d"), {0xfffd, 0xfffd}, 2},
	    /* cut, as no valid string is: only what is there is read */
	    {SPAN("\\"), {'\\'}, 1},
	    {SPAN("\\u12f"), {'u', '1', '2', 'f'}, 4},
	    {SPAN("\\ud83d\\ude0"), {0xfffd, 'u', 'd', 'e', '0'}, 5},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *copy = copy_of(table[i].text);
		struct span s = {copy, table[i].text.n};
		for (size_t k = 0; k < table[i].n; k++) {
			CHECK(s.n, "row %zu: too short", i);
			uint32_t c = json_take_char(&s);
			CHECK(c == table[i].c[k], "row %zu: %x at %zu", i, c,
			      k);
		}
		if (table[i].n < 5)
			CHECK(s.n == 0, "row %zu: %zu bytes left", i, s.n);
		free(copy);
	}
}

static void compares_strings(void **state)
{
	static const struct {
		struct span a, b;
		bool equal;
	} table[] = {
	    {SPAN(""), SPAN("a"), false},
	    {SPAN("a"), SPAN("ab"), false},
	    {SPAN("ab"), SPAN("aB"), false},
	    {SPAN("a\\u0062"), SPAN("abc"), false},
	    {SPAN("\\u0061b"), SPAN("a"), false},
	    {SPAN("a"), SPAN("\\u0061b"), false},
	    {SPAN("\\\\u0061"), SPAN("a"), false},
	    {SPAN("\\n"), SPAN("n"), false},
	    {SPAN("\\ud83d"), SPAN("\\ud83d\\ude00"), false},
	    {SPAN("\xc3\xa4"), SPAN("\xc3\xa5"), false},
	    {SPAN(""), SPAN(""), true},
	    {SPAN("ab"), SPAN("ab"), true},
	    {SPAN("a\\u0062"), SPAN("ab"), true},
	    {SPAN("\\u0061\\u0062"), SPAN("a\\u0062"), true},
	    {SPAN("\\/"), SPAN("/"), true},
	    {SPAN("\\n"), SPAN("\\u000a"), true},
	    {SPAN("\\ud83d\\ude00"), SPAN("\xf0\x9f\x98\x80"), true},
	    {SPAN("\\u00e4"), SPAN("\xc3\xa4"), true},
	    {SPAN("\xc3\xa4\\u00e4"), SPAN("\\u00e4\xc3\xa4"), true},
	    {SPAN("\\\""), SPAN("\\u0022"), true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		CHECK(json_equal(table[i].a, table[i].b) == table[i].equal,
		      "row %zu", i);
		CHECK(json_equal(table[i].b, table[i].a) == table[i].equal,
		      "row %zu, the other way", i);
	}
}

static void compares_with_plain_text(void **state)
{
	static const struct {
		struct span json, text;
		bool is;
	} table[] = {
	    {SPAN("alert"), SPAN("alerts"), false},
	    {SPAN("ab"), SPAN("ac"), false},
	    {SPAN("abcd"), SPAN("abcx"), false},
	    {SPAN("abcdefg"), SPAN("abcxefg"), false},
	    {SPAN("abcdefgh"), SPAN("abcdefgx"), false},
	    {SPAN("abc\\n"), SPAN("abc\\n"), false},
	    {SPAN("abcdefghijklmnopq"), SPAN("abcdefghijklmnopx"), false},
	    {SPAN("alerts"), SPAN("alert"), false},
	    {SPAN("Alerts"), SPAN("alerts"), false},
	    {SPAN(""), SPAN("a"), false},
	    {SPAN("a"), SPAN(""), false},
	    {SPAN("\\n"), SPAN("\\n"), false},
	    {SPAN("\\u0061"), SPAN("\\u0061"), false},
	    {SPAN("\\\\"), SPAN("\\\\"), false},
	    {SPAN("abcdef\\n"), SPAN("abcdef\\n"), false},
	    {SPAN("abcd\\u0065fghijkl"), SPAN("abcd\\u0065fghijkl"), false},
	    {SPAN("abcdefghi\\n"), SPAN("abcdefghi\\n"), false},
	    {SPAN("abcdefghijk"), SPAN("abcdefghijl"), false},
	    {SPAN("abcdefghijk"), SPAN("abcdxfghijk"), false},
	    {SPAN("abcdefghijk"), SPAN("abcdefghijk"), true},
	    {SPAN("a\\u0062"), SPAN("a"), false},
	    {SPAN("\\u0061"), SPAN("ab"), false},
	    /* text that is not UTF-8 is nothing that JSON can say */
	    {SPAN("\\u00ff"), SPAN("\xff"), false},
	    {SPAN("\\u0003"), SPAN("\xc3"), false},
	    {SPAN(""), SPAN(""), true},
	    {SPAN("alerts"), SPAN("alerts"), true},
	    {SPAN("\\u0061lerts"), SPAN("alerts"), true},
	    {SPAN("alert\\u0073"), SPAN("alerts"), true},
	    {SPAN("\\u00e4"), SPAN("\xc3\xa4"), true},
	    {SPAN("\xc3\xa4\\t"), SPAN("\xc3\xa4\t"), true},
	    {SPAN("\\\\"), SPAN("\\"), true},
	    {SPAN("\\\"a"), SPAN("\"a"), true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		CHECK(json_is(table[i].json, table[i].text) == table[i].is,
		      "row %zu", i);
}

/* What is usual and of no interest is passed as tokens, up to what is not. */
static void passes_what_is_usual(void **state)
{
	static const struct {
		const char *before;
		struct span text;
		size_t passed;
	} table[] = {
#define WHOLE(s) SPAN(s), sizeof(s) - 1
	    {"{", WHOLE("\"a\":\"b\",\"c\":[1,\"x\",{\"y\":2}],\"d\":{}")},
	    {"{", WHOLE("\"\":[],\"\\u00e4\":[[3]],\"\xc3\xa4\":{\"\":[{}]},")},
	    {"[", WHOLE("1,0,23,[\"a\"],\"\",{\"b\":[{},[]]}")},
#undef WHOLE
	    {"{", SPAN("}"), 0}, /* this is told of */
	    {"[", SPAN("]"), 0},
	    {"[", SPAN("[]]"), 2},
	    {"{", SPAN(" \"a\":1"), 0},
	    {"{", SPAN("\"a\" :1"), 0},
	    {"{", SPAN("\"a\": 1"), 4},
	    {"{", SPAN("\"a\":-1,"), 4},
	    {"{", SPAN("\"a\":1.5,"), 4},
	    {"{", SPAN("\"a\":true,"), 4},
	    {"[", SPAN("1"), 0}, /* may go on */
	    {"[", SPAN("01,"), 0},
	    {"[", SPAN("\"a"), 0},
	    {"[", SPAN("\"\\x\""), 0},
	    {"[", SPAN("{1"), 1},
	    {"[", SPAN("[,"), 1},
	    {"[", SPAN("[}"), 1},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct json j = {.report_depth = 0};
		json_next(&j, table[i].before, 1);
		char *copy = copy_of(table[i].text);
		CHECK(json_pass_unseen(&j, copy, table[i].text.n) ==
			  table[i].passed,
		      "row %zu", i);
		free(copy);
	}
}

static void writes_text(void **state)
{
	static const struct {
		struct span json, text;
	} table[] = {
	    {SPAN(""), SPAN("")},
	    {SPAN("abc"), SPAN("abc")},
	    {SPAN("a\\nb\\u0000c"), SPAN("a\nb\0c")},
	    {SPAN("\\u00e4\xc3\xa4"), SPAN("\xc3\xa4\xc3\xa4")},
	    {SPAN("\\ud83d\\ude00"), SPAN("\xf0\x9f\x98\x80")},
	    {SPAN("\\ud83d"), SPAN("\xef\xbf\xbd")},
	    {SPAN("\\\"\\\\\\/"), SPAN("\"\\/")},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char out[64];
		struct buf b = buf_of(out, sizeof out);
		json_put_text(&b, table[i].json);
		CHECK_SPAN(buf_span(&b), table[i].text, "row %zu", i);
		assert_false(b.cut);
	}
}

static void writes_compact(void **state)
{
	static const struct {
		struct span json, compact, ascii;
	} table[] = {
#define SAME(s) SPAN(s), SPAN(s)
	    {SPAN(" { } "), SAME("{}")},
	    {SPAN("[ 1 ,\t2\r\n, -3.5e+1 ]"), SAME("[1,2,-3.5e+1]")},
	    {SPAN("{ \"a b\" : \" c \" }"), SAME("{\"a b\":\" c \"}")},
	    {SPAN("\"\\\" : , \""), SAME("\"\\\" : , \"")},
	    {SPAN("[\"\\\\\" , 1]"), SAME("[\"\\\\\",1]")},
	    {SPAN("\"\\n\\u0000\\/\\u202E\""),
	     SAME("\"\\n\\u0000\\/\\u202E\"")},
	    {SPAN("\"\x7f\""), SAME("\"\\u007f\"")},
	    {SPAN("\"\xc2\x80\xc2\x9f\""), SAME("\"\\u0080\\u009f\"")},
	    {SPAN("\"\xd8\x9c\xe2\x80\x8e\xe2\x80\xa8\xe2\x80\xae\xe2\x81"
		  "\xa9\""),
	     SAME("\"\\u061c\\u200e\\u2028\\u202e\\u2069\"")},
	    {SPAN("\"\xc3\xa4\""), SPAN("\"\xc3\xa4\""), SPAN("\"\\u00e4\"")},
	    {SPAN("\"x\xe2\x82\xac\""), SPAN("\"x\xe2\x82\xac\""),
	     SPAN("\"x\\u20ac\"")},
	    {SPAN("\"\xf0\x9f\x98\x80\""), SPAN("\"\xf0\x9f\x98\x80\""),
	     SPAN("\"\\ud83d\\ude00\"")},
	    {SPAN("\"\xf4\x8f\xbf\xbf\""), SPAN("\"\xf4\x8f\xbf\xbf\""),
	     SPAN("\"\\udbff\\udfff\"")},
	    {SPAN("\"\xef\xbf\xbf\""), SPAN("\"\xef\xbf\xbf\""),
	     SPAN("\"\\uffff\"")},
	    {SPAN("[\"~\" , null]"), SAME("[\"~\",null]")},
#undef SAME
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		for (int ascii = 0; ascii < 2; ascii++) {
			char out[128];
			struct buf b = buf_of(out, sizeof out);
			json_put_compact(&b, table[i].json, ascii);
			CHECK_SPAN(buf_span(&b),
				   ascii ? table[i].ascii : table[i].compact,
				   "row %zu", i);
			CHECK(is_json(buf_span(&b)), "row %zu", i);
		}
	}
}

/* Where there is no room, and where the text ends too early, as no valid one
 * does: its beginning, and nothing beyond. */
static void writes_compact_as_far_as_it_goes(void **state)
{
	static const char text[] =
	    "{ \"a\" : [1, \"\\n\xc3\xa4\"], \"b\\\"\" : null }";
	static const char whole[] =
	    "{\"a\":[1,\"\\n\xc3\xa4\"],\"b\\\"\":null}";
	(void)state;
	for (size_t room = 0; room <= sizeof whole; room++) {
		char *out = malloc(room + 1);
		struct buf b = buf_of(out, room);
		json_put_compact(&b, SPAN(text), false);
		assert_int_equal(b.cut, room < sizeof whole - 1);
		CHECK(b.n <= room && memcmp(out, whole, b.n) == 0, "room %zu",
		      room);
		free(out);
	}
	for (size_t n = 0; n < sizeof text; n++) {
		char out[sizeof whole];
		char *copy = copy_of((struct span){text, n});
		struct buf b = buf_of(out, sizeof out);
		json_put_compact(&b, (struct span){copy, n}, false);
		CHECK(!b.cut && b.n < sizeof whole, "%zu bytes", n);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_what_is_not_json),
	    cmocka_unit_test(takes_what_is_json),
	    cmocka_unit_test(tells_events),
	    cmocka_unit_test(holds_the_depth),
	    cmocka_unit_test(reads_numbers_as_the_grammar_says),
	    cmocka_unit_test(reads_utf8_as_unicode_says),
	    cmocka_unit_test(finds_plain_bytes),
	    cmocka_unit_test(takes_characters),
	    cmocka_unit_test(compares_strings),
	    cmocka_unit_test(compares_with_plain_text),
	    cmocka_unit_test(passes_what_is_usual),
	    cmocka_unit_test(writes_text),
	    cmocka_unit_test(writes_compact),
	    cmocka_unit_test(writes_compact_as_far_as_it_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
