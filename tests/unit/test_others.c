/* test_others.c - others.h: what is found in small pieces is what is found at
 * once, however an alert is nested. */
#include "check.h"

#include "alert/others.h"
#include "alert/read.h"

enum { TOKENS = LIMIT_ALERT };

static jsmntok_t token[TOKENS];
static char bytes[LIMIT_ALERT];

static uint32_t state;

static uint32_t draw(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

static struct span raw_of(const jsmntok_t *t)
{
	int quote = t->type == JSMN_STRING;
	return (struct span){bytes + t->start - quote,
			     (size_t)(t->end - t->start + 2 * quote)};
}

/* Finds the same with all tokens in memory. */
static size_t check_others(struct span json)
{
	struct alert alert = {.json = json};
	struct others others;
	struct span name, value;
	jsmn_parser parser;
	size_t found = 0;
	jsmn_init(&parser);
	int n = jsmn_parse(&parser, json.p, json.n, token, TOKENS);
	assert_true(n > 0);
	others_start(&others, &alert);
	for (int i = 1; i < n; i++) {
		if (token[i].parent != 0 ||
		    alert_member((struct span){
			bytes + token[i].start,
			(size_t)(token[i].end - token[i].start)}) !=
			MEMBER_OTHER)
			continue;
		assert_true(others_next(&others, &name, &value));
		CHECK_SPAN(name, raw_of(&token[i]), "%.*s", (int)json.n,
			   json.p);
		CHECK_SPAN(value, raw_of(&token[i + 1]), "%.*s", (int)json.n,
			   json.p);
		found++;
	}
	assert_false(others_next(&others, &name, &value));
	assert_false(others_next(&others, &name, &value));
	return found;
}

static void put_blank(struct buf *b)
{
	if (draw(8) == 0)
		buf_str(b, draw(2) ? " " : "\n\t");
}

static void put_scalar(struct buf *b)
{
	static const char *const scalars[] = {
	    "1",     "-0.5e3",     "true",      "null",        "\"\"",
	    "\"x\"", "\"\\\"]}\"", "\"a:b,c\"", "\"\\u005b\"", "false"};
	buf_str(b, scalars[draw(10)]);
}

/* A value of about `values` others, some of them in one another. */
static void put_value(struct buf *b, unsigned values, unsigned deepest)
{
	char close[LIMIT_JSON_DEPTH];
	unsigned depth = 0;
	bool first = true;
	for (unsigned i = 0; i < values || depth == 0; i++) {
		bool opens = depth < deepest && (depth == 0 || draw(3) == 0);
		if (!first)
			buf_char(b, ',');
		put_blank(b);
		if (depth && close[depth - 1] == '}')
			buf_str(b, draw(2) ? "\"k\":" : "\"labels\" : ");
		first = opens;
		if (opens) {
			close[depth++] = draw(2) ? '}' : ']';
			buf_char(b, close[depth - 1] == '}' ? '{' : '[');
		} else {
			put_scalar(b);
		}
		while (depth > 1 && draw(4) == 0) {
			buf_char(b, close[--depth]);
			first = false;
		}
		put_blank(b);
	}
	while (depth)
		buf_char(b, close[--depth]);
}

static void finds_what_is_there(void **unused)
{
	static const char *const names[] = {
	    "\"x\"", "\"labels\"", "\"\\u0078\"", "\"status\"", "\"\""};
	size_t found = 0;
	(void)unused;
	for (state = 1; state < 4000; state++) {
		uint32_t seed = state;
		struct buf b = buf_of(bytes, sizeof bytes);
		unsigned members = draw(draw(4) ? 8 : 100);
		buf_char(&b, '{');
		for (unsigned i = 0; i < members; i++) {
			if (i)
				buf_char(&b, ',');
			buf_str(&b, names[draw(5)]);
			buf_char(&b, ':');
			if (draw(3))
				put_scalar(&b);
			else
				put_value(&b, draw(draw(4) ? 6 : 200),
					  1 + draw(LIMIT_JSON_DEPTH - 1));
		}
		buf_char(&b, '}');
		if (!b.cut)
			found += check_others(buf_span(&b));
		state = seed;
	}
	assert_true(found > 10000);
}

/* As many containers as there may be, each with a name; and rows of values of
 * every length about the tokens there are. */
static void holds_what_is_open(void **unused)
{
	(void)unused;
	for (unsigned n = 0; n < 3 * OTHERS_TOKENS; n++) {
		struct buf b = buf_of(bytes, sizeof bytes);
		for (unsigned i = 0; i < LIMIT_JSON_DEPTH; i++)
			buf_str(&b, "{\"a\":");
		buf_char(&b, '1');
		for (unsigned i = 0; i + 1 < LIMIT_JSON_DEPTH; i++) {
			buf_char(&b, '}');
			for (unsigned k = 0; k < n % OTHERS_TOKENS; k++)
				buf_str(&b, ",\"b\":2");
		}
		buf_str(&b, ",\"c\":[0");
		for (unsigned k = 0; k < n; k++)
			buf_str(&b, ",0");
		buf_str(&b, "],\"d\":\"\"}");
		if (!b.cut)
			assert_true(check_others(buf_span(&b)) >= 3);
	}
}

/* As many members and as many values as an alert can have. */
static void takes_the_largest(void **unused)
{
	struct buf b = buf_of(bytes, sizeof bytes);
	size_t members = 1;
	(void)unused;
	buf_str(&b, "{\"\":[");
	while (b.n < LIMIT_ALERT - 4)
		buf_str(&b, "1,");
	buf_str(&b, "1]}");
	assert_false(b.cut);
	assert_int_equal(check_others(buf_span(&b)), 1);
	b.n = 0;
	buf_char(&b, '{');
	for (; b.n < LIMIT_ALERT - 16; members++)
		buf_str(&b, "\"\":{},");
	buf_str(&b, "\"\":{}}");
	assert_false(b.cut);
	assert_int_equal(check_others(buf_span(&b)), members);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finds_what_is_there),
	    cmocka_unit_test(holds_what_is_open),
	    cmocka_unit_test(takes_the_largest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
