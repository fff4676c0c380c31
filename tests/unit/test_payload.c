/* test_payload.c - payload.h: finds the alerts and keeps the envelope, whole
 * and from pieces of which nothing stays but what payload_hold() asks for. */
#include "check.h"

#include "alert/payload.h"
#include "base/bytes.h"

/* What a payload came to, as words. */
struct outcome {
	enum status status;
	bool odd;
	uint64_t count, truncated;
	char why_bytes[LIMIT_PLACE], word_bytes[4096];
	struct buf why, words;
	uint32_t index; /* a checksum of all alerts' */
};

static struct payload p;

/* An alert, or in its place why there is none. */
static bool note_alert(struct outcome *o, enum payload_event e,
		       const char *bytes, uint64_t at)
{
	if (e == PAYLOAD_LEFT_OUT) {
		buf_char(&o->words, '(');
		buf_str(&o->words, p.status == STATUS_NOT_PAYLOAD
				       ? ""
				       : status_info(p.status)->label);
		buf_put(&o->words, buf_span(&p.why));
		buf_char(&o->words, ')');
	}
	if (e != PAYLOAD_ALERT)
		return e == PAYLOAD_LEFT_OUT;
	struct span json = {bytes + (p.start - at), (size_t)(p.end - p.start)};
	buf_char(&o->words, '<');
	buf_put(&o->words, json);
	buf_char(&o->words, '>');
	struct span index = alert_index(&p.alert);
	o->index = crc32c(o->index, index.p, index.n);
	return true;
}

static void finish(struct outcome *o, bool refused)
{
	static const char *const statuses[] = {"", " firing", " resolved"};
	const struct {
		const char *name;
		struct span value;
	} members[] = {
	    {" receiver=", p.envelope.receiver},
	    {" groupKey=", p.envelope.group_key},
	    {" externalURL=", p.envelope.external_url},
	    {" reason=", p.envelope.reason},
	};
	o->status = refused ? p.status : payload_end(&p);
	assert_int_equal(o->status, p.status);
	if (o->status != STATUS_OK)
		buf_put(&o->why, buf_span(&p.why));
	o->odd = p.odd;
	o->count = p.count;
	o->truncated = p.truncated;
	buf_str(&o->words, statuses[p.envelope.status]);
	for (size_t i = 0; i < COUNT(members); i++) {
		if (members[i].value.p == NULL)
			continue;
		buf_str(&o->words, members[i].name);
		buf_put(&o->words, members[i].value);
	}
	assert_false(o->words.cut);
}

static void begin(struct outcome *o)
{
	*o = (struct outcome){.status = STATUS_OK};
	o->why = buf_of(o->why_bytes, sizeof o->why_bytes);
	o->words = buf_of(o->word_bytes, sizeof o->word_bytes);
	/* nothing of the payload before may show */
	memset(&p, 0xa5, sizeof p);
}

/* All bytes from the first one on, in a call for the first `n` and one for all
 * of them. */
static void run_whole(struct outcome *o, struct span text, size_t n)
{
	enum payload_event e = PAYLOAD_MORE;
	begin(o);
	payload_start(&p, true);
	for (unsigned call = 0; call < 2 && e != PAYLOAD_REFUSED; call++) {
		size_t some = call ? text.n : n;
		do
			e = payload_next(&p, text.p, 0, some);
		while (note_alert(o, e, text.p, 0));
	}
	finish(o, e == PAYLOAD_REFUSED);
}

/* Pieces: `first` bytes, then `step` each. What is in front of payload_hold()
 * is gone. */
static void run_pieces(struct outcome *o, struct span text, size_t first,
		       size_t step)
{
	enum payload_event e = PAYLOAD_MORE;
	begin(o);
	payload_start(&p, false);
	size_t end = 0;
	for (size_t n = first; e != PAYLOAD_REFUSED && end < text.n; n = step) {
		uint64_t at = payload_hold(&p);
		end = n < text.n - end ? end + n : text.n;
		CHECK(at <= end && at <= p.json.offset, "hold is ahead");
		struct span piece = {text.p + at, end - (size_t)at};
		char *copy = copy_of(piece);
		do
			e = payload_next(&p, copy, at, piece.n);
		while (note_alert(o, e, copy, at));
		free(copy);
	}
	finish(o, e == PAYLOAD_REFUSED);
}

static void same(const struct outcome *a, const struct outcome *b,
		 struct span text, size_t at, bool words)
{
	CHECK(a->status == b->status && a->truncated == b->truncated &&
		  a->count == b->count && a->odd == b->odd,
	      "split at %zu: %.*s: %s instead of %s", at, (int)text.n, text.p,
	      status_info(b->status)->text, status_info(a->status)->text);
	CHECK_SPAN(buf_span(&b->why), buf_span(&a->why), "split at %zu: %.*s",
		   at, (int)text.n, text.p);
	CHECK(a->index == b->index, "split at %zu: %.*s: another index", at,
	      (int)text.n, text.p);
	if (words)
		CHECK_SPAN(buf_span(&b->words), buf_span(&a->words),
			   "split at %zu: %.*s", at, (int)text.n, text.p);
}

/* Whole and in pieces, split at every byte. In pieces, what stands behind
 * `alerts` comes too late for the envelope, so *pieces has its own outcome. */
static void run_all(struct outcome *o, struct outcome *pieces, struct span text)
{
	static struct outcome other;
	run_whole(o, text, text.n);
	for (size_t at = 0; at < text.n; at++) {
		run_whole(&other, text, at);
		same(o, &other, text, at, true);
	}
	run_pieces(pieces, text, text.n, 1);
	for (size_t at = 1; at < text.n; at++) {
		run_pieces(&other, text, at, text.n);
		same(pieces, &other, text, at, true);
	}
	run_pieces(&other, text, 1, 1);
	same(pieces, &other, text, 1, true);
	same(o, pieces, text, 0, false);
}

static void refuses_payloads(void **state)
{
	static const struct {
		enum status status;
		const char *text, *why;
	} table[] = {
	    {STATUS_NOT_JSON, "", "byte 0: expected a value"},
	    {STATUS_NOT_JSON, " ", "byte 1: expected more, the text is cut"},
	    {STATUS_NOT_JSON, "{\"alerts\":[]",
	     "byte 12: expected more, the text is cut"},
	    {STATUS_NOT_JSON, "{\"alerts\":[]}}", "byte 13: expected the end"},
	    {STATUS_NOT_JSON, "{\"alerts\":[],}",
	     "byte 13: expected a member name in quotes"},
	    {STATUS_NOT_JSON, "{\"alerts\":[{},]}",
	     "byte 14: expected a value"},
	    {STATUS_NOT_JSON, "{\"alerts\":[{\"a\":01}]}",
	     "byte 17: expected ',' or '}'"},
	    {STATUS_NOT_JSON, "{\"alerts\":[{} {}]}",
	     "byte 14: expected ',' or ']'"},
	    {STATUS_NOT_JSON, "{\"a\":\"\x01\",\"alerts\":[]}",
	     "byte 6: expected no control character in a string"},
	    {STATUS_NOT_JSON, "hello", "byte 0: expected a value"},
	    /* a comma and a good member, where none was in front of it */
	    {STATUS_NOT_JSON, "{\"alerts\":[{ ,\"labels\":{\"a\":\"b\"}}]}",
	     "byte 13: expected a member name in quotes or '}'"},
	    {STATUS_NOT_JSON, "{\"alerts\":[{\n\t,\"x\":\"y\"}]}",
	     "byte 14: expected a member name in quotes or '}'"},
	    {STATUS_NOT_JSON, "{\"alerts\":[{\"x\":\"y\",,\"z\":\"\"}]}",
	     "byte 20: expected a member name in quotes"},
	    {STATUS_NOT_JSON, "{\"alerts\":[{\"x\":\"y\" \"z\":\"\"}]}",
	     "byte 20: expected ',' or '}'"},
	    {STATUS_NOT_PAYLOAD, "[]", "expected an object"},
	    {STATUS_NOT_PAYLOAD, "null ", "expected an object"},
	    {STATUS_NOT_PAYLOAD, "\"x\"", "expected an object"},
	    {STATUS_NOT_PAYLOAD, "[{\"alerts\":[]}]", "expected an object"},
	    {STATUS_NOT_PAYLOAD, "{}", "alerts: missing, expected an array"},
	    {STATUS_NOT_PAYLOAD, "{\"Alerts\":[]}",
	     "alerts: missing, expected an array"},
	    {STATUS_NOT_PAYLOAD, "{\"a\":{\"alerts\":[]}}",
	     "alerts: missing, expected an array"},
	    {STATUS_NOT_PAYLOAD, "{\"alerts\":null}",
	     "alerts: expected an array"},
	    {STATUS_NOT_PAYLOAD, "{\"alerts\":{}}",
	     "alerts: expected an array"},
	    {STATUS_NOT_PAYLOAD, "{\"alerts\":\"\"}",
	     "alerts: expected an array"},
	    {STATUS_NOT_PAYLOAD, "{\"alerts\":0}", "alerts: expected an array"},
	    /* an alert that is no JSON is that first */
	    {STATUS_NOT_JSON, "{\"alerts\":[{\"endsAt\":1,\"labels\":{]}]}",
	     "byte 33: expected a member name in quotes or '}'"},
	    {STATUS_NOT_PAYLOAD, "{\"alerts\":[],\"alerts\":[]}",
	     "alerts: expected once"},
	    {STATUS_NOT_PAYLOAD, "{\"alerts\":[],\"\\u0061lerts\":[]}",
	     "alerts: expected once"},
	    {STATUS_NOT_PAYLOAD,
	     "{\"receiver\":\"\",\"receiver\":\"\",\"alerts\":[]}",
	     "receiver: expected once"},
	    {STATUS_NOT_PAYLOAD,
	     "{\"alerts\":[],\"truncatedAlerts\":0,\"truncatedAlerts\":0}",
	     "truncatedAlerts: expected once"},
	    {STATUS_NOT_PAYLOAD,
	     "{\"version\":\"4\",\"version\":\"4\",\"alerts\":[]}",
	     "version: expected once"},
	};
	static struct outcome o, pieces;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		run_all(&o, &pieces, span_of(table[i].text));
		CHECK(o.status == table[i].status, "row %zu: %s: %s", i,
		      table[i].text, status_info(o.status)->text);
		CHECK_SPAN(buf_span(&o.why), span_of(table[i].why),
			   "row %zu: %s", i, table[i].text);
	}
}

static void reads_payloads(void **state)
{
	static const struct {
		const char *text, *words;
		const char *pieces; /* if it differs from words */
		uint64_t count, truncated;
		bool odd;
	} table[] = {
	    {"{\"alerts\":[]}", "", NULL, 0, 0, false},
	    {" { \"alerts\" : [ ] } \r\n", "", NULL, 0, 0, false},
	    {"{\"\\u0061\\u006c\\u0065\\u0072\\u0074\\u0073\":[{}]}", "<{}>",
	     NULL, 1, 0, false},
	    {"{\"alerts\":[{},{\"a\":[{}]}, { } ]}", "<{}><{\"a\":[{}]}><{ }>",
	     NULL, 3, 0, false},
	    {"{\"alerts\":[{\"x\":\"]}\\\"\"},{\"alerts\":[{}]}]}",
	     "<{\"x\":\"]}\\\"\"}><{\"alerts\":[{}]}>", NULL, 2, 0, false},
	    {"{\"x\":[{},{\"alerts\":1}],\"y\":[[]],\"alerts\":[{}],\"z\":[{}]"
	     "}",
	     "<{}>", NULL, 1, 0, false},
	    {"{\"receiver\":\"r\",\"groupKey\":\"{}:{a=\\\"b\\\"}\","
	     "\"externalURL\":\"http://x\",\"status\":\"firing\","
	     "\"version\":\"4\",\"truncatedAlerts\":7,\"alerts\":[{}]}",
	     "<{}> firing receiver=\"r\" groupKey=\"{}:{a=\\\"b\\\"}\" "
	     "externalURL=\"http://x\"",
	     NULL, 1, 7, false},
	    {"{\"alerts\":[{}],\"receiver\":\"r\",\"groupKey\":\"g\","
	     "\"externalURL\":\"u\",\"notification_reason\":\"n\","
	     "\"status\":\"resolved\",\"version\":\"1\","
	     "\"truncatedAlerts\":18446744073709551615}",
	     "<{}> resolved receiver=\"r\" groupKey=\"g\" externalURL=\"u\" "
	     "reason=\"n\"",
	     "<{}> resolved", 1, UINT64_MAX, false},
	    {"{\"receiver\":null,\"groupKey\":null,\"externalURL\":null,"
	     "\"status\":null,\"truncatedAlerts\":null,\"alerts\":[]}",
	     " receiver=null groupKey=null externalURL=null", NULL, 0, 0,
	     false},
	    {"{\"r\\u0065ceiver\":\"\",\"st\\u0061tus\":\"f\\u0069ring\","
	     "\"alerts\":[]}",
	     " firing receiver=\"\"", NULL, 0, 0, false},
	    {"{\"version\":\"3\",\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"version\":\"\",\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"version\":4,\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"version\":{\"a\":\"4\"},\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"version\":[[]],\"alerts\":[{}]}", "<{}>", NULL, 1, 0, true},
	    {"{\"version\":\"\\u0034\",\"alerts\":[]}", "", NULL, 0, 0, false},
	    {"{\"alerts\":[],\"orgId\":1,\"state\":\"ok\",\"\":{\"\":[]}}", "",
	     NULL, 0, 0, false},
	    {"{\"alerts\":[1]}", "(alerts[0]: expected an object)", NULL, 1, 0,
	     false},
	    {"{\"alerts\":[null]}", "(alerts[0]: expected an object)", NULL, 1,
	     0, false},
	    {"{\"alerts\":[{},\"a\"]}", "<{}>(alerts[1]: expected an object)",
	     NULL, 2, 0, false},
	    {"{\"alerts\":[{},{},[]]}",
	     "<{}><{}>(alerts[2]: expected an object)", NULL, 3, 0, false},
	    {"{\"alerts\":[{},{\"labels\":{\"job\":1},\"x\":[]}]}",
	     "<{}>(alerts[1].labels.job: expected a string)", NULL, 2, 0,
	     false},
	    {"{\"alerts\":[{\"annotations\":{\"a\":\"\",\"\\u0061\":\"\"}}]}",
	     "(alerts[0].annotations.a: expected once)", NULL, 1, 0, false},
	    {"{\"alerts\":[{\"status\":\"up\",\"status\":1}]}",
	     "(alerts[0].status: expected \"firing\" or \"resolved\")", NULL, 1,
	     0, false},
	    {"{\"x\":{\"y\":{\"labels\":1}},\"alerts\":[{\"startsAt\":[{}]}]}",
	     "(alerts[0].startsAt: expected a string)", NULL, 1, 0, false},
	    {"{\"receiver\":1,\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"receiver\":{},\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"groupKey\":[],\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"alerts\":[],\"groupKey\":true}", "", NULL, 0, 0, true},
	    {"{\"alerts\":[],\"externalURL\":-1}", "", NULL, 0, 0, true},
	    {"{\"status\":\"ok\",\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"status\":4,\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"truncatedAlerts\":-1,\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"truncatedAlerts\":1.0,\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"truncatedAlerts\":\"1\",\"alerts\":[]}", "", NULL, 0, 1,
	     false},
	    {"{\"truncatedAlerts\":\"1\\u0032\",\"alerts\":[]}", "", NULL, 0,
	     12, false},
	    {"{\"truncatedAlerts\":\"000000000000000000001\",\"alerts\":[]}",
	     "", NULL, 0, 0, true},
	    {"{\"truncatedAlerts\":\"\",\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"truncatedAlerts\":[],\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"truncatedAlerts\":true,\"alerts\":[]}", "", NULL, 0, 0, true},
	    {"{\"truncatedAlerts\":18446744073709551616,\"alerts\":[]}", "",
	     NULL, 0, 0, true},
	    {"{\"status\":\"firing\",\"alerts\":[{\"status\":\"resolved\"}]}",
	     "<{\"status\":\"resolved\"}> firing", NULL, 1, 0, false},
	    {"{\"receiver\":\"a\",\"other\":\"b\",\"Receiver\":\"c\","
	     "\"alerts\":[{\"receiver\":\"d\"}]}",
	     "<{\"receiver\":\"d\"}> receiver=\"a\"", NULL, 1, 0, false},
	};
	static struct outcome o, pieces;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		run_all(&o, &pieces, span_of(table[i].text));
		CHECK(o.status == STATUS_OK, "row %zu: %s: %.*s", i,
		      table[i].text, (int)o.why.n, o.why.p);
		CHECK(o.why.n == 0, "row %zu: something to say", i);
		CHECK_SPAN(buf_span(&o.words), span_of(table[i].words),
			   "row %zu", i);
		CHECK_SPAN(
		    buf_span(&pieces.words),
		    span_of(table[i].pieces ? table[i].pieces : table[i].words),
		    "row %zu, in pieces", i);
		CHECK(o.count == table[i].count, "row %zu", i);
		CHECK(o.truncated == table[i].truncated, "row %zu", i);
		CHECK(o.odd == table[i].odd, "row %zu", i);
	}
}

static char large[6 * LIMIT_ALERT];

static void fill(struct buf *b, char c, size_t n)
{
	while (n--)
		buf_char(b, c);
}

/* Runs in pieces of many sizes; all agree. */
static void run_steps(struct outcome *o, struct span text)
{
	static struct outcome other;
	run_pieces(o, text, text.n, 1);
	for (size_t step = 1000; step < text.n; step = step * 3 + 7) {
		run_pieces(&other, text, step, step);
		same(o, &other, text, step, false);
	}
}

static void holds_the_alert_size(void **state)
{
	static struct outcome o;
	(void)state;
	for (size_t n = LIMIT_ALERT - 1; n <= LIMIT_ALERT + 1; n++) {
		struct buf b = buf_of(large, sizeof large);
		buf_str(&b, "{\"alerts\":[{\"n\":1},{\"a\":\"");
		fill(&b, 'x', n - 8);
		buf_str(&b, "\"},{}]}");
		begin(&o);
		payload_start(&p, false);
		enum payload_event e;
		size_t alerts = 0;
		while ((e = payload_next(&p, b.p, 0, b.n)) == PAYLOAD_ALERT)
			alerts++;
		CHECK((e == PAYLOAD_MORE) == (n <= LIMIT_ALERT), "%zu", n);
		assert_int_equal(alerts, n <= LIMIT_ALERT ? 3 : 1);
		if (n <= LIMIT_ALERT)
			continue;
		assert_int_equal(e, PAYLOAD_LEFT_OUT);
		assert_int_equal(p.status, STATUS_ALERT_SIZE);
		CHECK_SPAN(buf_span(&p.why), SPAN("alerts[1]"), "%zu", n);
		assert_int_equal(payload_next(&p, b.p, 0, b.n), PAYLOAD_ALERT);
		assert_int_equal(payload_next(&p, b.p, 0, b.n), PAYLOAD_MORE);
		assert_int_equal(payload_end(&p), STATUS_OK);
	}
	/* an alert that has no end is left out as soon as it is too large, and
	 * the same if its end comes in the same piece */
	struct buf b = buf_of(large, sizeof large);
	buf_str(&b, "{\"alerts\":[{\"a\":\"");
	fill(&b, 'x', LIMIT_ALERT + 4096);
	for (size_t step = 512; step < 2 * b.n; step *= 2) {
		run_pieces(&o, buf_span(&b), step, step);
		CHECK_SPAN(buf_span(&o.words),
			   SPAN("(alert_too_largealerts[0])"), "pieces of %zu",
			   step);
		assert_int_equal(o.status, STATUS_NOT_JSON);
	}
	/* whatever it holds, what follows is read */
	static const char *const inside[] = {
	    "[[{\"alerts\":[1]}]]", "{\"b\":{\"c\":[]}}", "\"\\\"]}\"", "1"};
	for (size_t i = 0; i < COUNT(inside); i++) {
		b.n = 0;
		buf_str(&b, "{\"alerts\":[{\"a\":\"");
		fill(&b, 'x', LIMIT_ALERT);
		buf_str(&b, "\",\"b\":");
		buf_str(&b, inside[i]);
		buf_str(&b, "},[[1],{}],{\"z\":1}],\"truncatedAlerts\":3}");
		run_steps(&o, buf_span(&b));
		CHECK_SPAN(
		    buf_span(&o.words),
		    SPAN("(alert_too_largealerts[0])(alerts[1]: expected "
			 "an object)<{\"z\":1}>"),
		    "row %zu", i);
		assert_int_equal(o.status, STATUS_OK);
		assert_int_equal(o.truncated, 3);
	}
}

/* The size counts from where an alert begins: neither what stands in front of
 * the first one nor the alert before is part of it. */
static void counts_each_alert_alone(void **state)
{
	static const struct {
		size_t front, alerts, size;
	} table[] = {
	    {LIMIT_ALERT + 100, 1, 100}, {2 * LIMIT_ALERT, 2, 10},
	    {10, 2, LIMIT_ALERT},        {10, 2, LIMIT_ALERT - 1},
	    {LIMIT_ALERT - 20, 2, 50},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct buf b = buf_of(large, sizeof large);
		buf_str(&b, "{\"x\":\"");
		fill(&b, 'x', table[i].front);
		buf_str(&b, "\",\"alerts\":[");
		for (size_t k = 0; k < table[i].alerts; k++) {
			buf_str(&b, k ? ",{\"a\":\"" : "{\"a\":\"");
			fill(&b, 'a', table[i].size - 8);
			buf_str(&b, "\"}");
		}
		buf_str(&b, "]}");
		assert_false(b.cut);
		payload_start(&p, false);
		enum payload_event e;
		size_t alerts = 0;
		while ((e = payload_next(&p, b.p, 0, b.n)) == PAYLOAD_ALERT)
			alerts++;
		CHECK(e == PAYLOAD_MORE, "row %zu: %s at alert %zu", i,
		      status_info(p.status)->label, alerts);
		CHECK(alerts == table[i].alerts, "row %zu: %zu alerts", i,
		      alerts);
		assert_int_equal(payload_end(&p), STATUS_OK);
	}
}

/* An alert that is too large, and wrong behind that: the verdict must not
 * depend on how much came at once. */
static void tells_what_comes_first(void **state)
{
	static const char *const tails[] = {"\x01", "\"}}", "\",1", "\"]"};
	static struct outcome o, other;
	(void)state;
	for (size_t i = 0; i < COUNT(tails); i++) {
		struct buf b = buf_of(large, sizeof large);
		buf_str(&b, "{\"alerts\":[{\"a\":\"");
		fill(&b, 'x', LIMIT_ALERT + 100);
		buf_str(&b, tails[i]);
		run_pieces(&o, buf_span(&b), LIMIT_ALERT + 50, 10);
		run_pieces(&other, buf_span(&b), b.n, b.n);
		CHECK(o.status == STATUS_NOT_JSON, "row %zu: %s", i,
		      status_info(o.status)->text);
		same(&o, &other, SPAN("see above"), i, true);
		CHECK(o.status == other.status,
		      "row %zu: in two pieces %s, in one %s", i,
		      status_info(o.status)->label,
		      status_info(other.status)->label);
	}
}

/* Of that length, whole or cut. */
static void check_kept(struct span value, char c, size_t n, size_t kept)
{
	static const struct span mark = SPAN_INIT("\xe2\x80\xa6\"");
	CHECK(n <= kept ? value.n == n + 2
			: value.n <= kept + 2 && value.n + 16 > kept + 2,
	      "%c: %zu bytes of %zu", c, value.n, n);
	CHECK(n == 0 || value.p[1] == c, "%c: another", c);
	if (n > kept)
		CHECK_SPAN(span_skip(value, value.n - mark.n), mark, "%c", c);
}

static void check_envelope(struct buf b, size_t step, bool behind,
			   const size_t n[4], const size_t kept[4])
{
	enum payload_event e = PAYLOAD_MORE;
	size_t end = 0;
	payload_start(&p, false);
	while (end < b.n) {
		end = step < b.n - end ? end + step : b.n;
		uint64_t at = payload_hold(&p);
		CHECK(end - at <= LIMIT_ALERT + step, "holds too much");
		char *copy = copy_of((struct span){b.p + at, end - at});
		do
			e = payload_next(&p, copy, at, end - at);
		while (e == PAYLOAD_ALERT);
		free(copy);
		assert_int_equal(e, PAYLOAD_MORE);
	}
	assert_int_equal(payload_end(&p), STATUS_OK);
	assert_int_equal(p.count, 1);
	if (behind) {
		assert_null(p.envelope.receiver.p);
		return;
	}
	check_kept(p.envelope.receiver, 'r', n[0], kept[0]);
	check_kept(p.envelope.group_key, 'k', n[1], kept[1]);
	check_kept(p.envelope.external_url, 'u', n[2], kept[2]);
	check_kept(p.envelope.reason, 'w', n[3], kept[3]);
}

static void holds_the_envelope(void **state)
{
	enum {
		LEAST = LIMIT_ENVELOPE / 8,
		WHY = LEAST / 8, /* the least of notification_reason */
		MOST = LIMIT_ENVELOPE - 2 * LEAST - WHY - 2, /* of the first */
		LEFT = LIMIT_ENVELOPE - WHY - 2 * 1002 - 2,
	};
	static const struct {
		size_t n[4];    /* bytes without quotes, in the order below */
		bool behind;    /* `alerts` come first */
		size_t kept[4]; /* bytes at most */
	} table[] = {
	    {{10, 10, 10, 10}, false, {10, 10, 10, 10}},
	    {{1000, 1000, LEFT, WHY - 2}, false, {1000, 1000, LEFT, WHY - 2}},
	    {{1000, 1000, LEFT + 1, 9}, false, {1000, 1000, LEFT, 9}},
	    {{1000, 1000, LEFT, WHY - 1}, false, {1000, 1000, LEFT, WHY - 2}},
	    {{MOST, 0, 0, 0}, false, {MOST, 0, 0, 0}},
	    {{MOST + 1, 0, 0, 0}, false, {MOST, 0, 0, 0}},
	    {{LIMIT_ENVELOPE, LIMIT_ENVELOPE, LIMIT_ENVELOPE, LIMIT_ENVELOPE},
	     false,
	     {MOST, LEAST - 2, LEAST - 2, WHY - 2}},
	    {{1, 40000, 10, 10}, false, {1, MOST + LEAST - 3, 10, 10}},
	    {{1, 1, 1, 40000}, false, {1, 1, 1, LIMIT_ENVELOPE - 11}},
	    {{40000, 40000, 40000, 40000},
	     false,
	     {MOST, LEAST - 2, LEAST - 2, WHY - 2}},
	    {{4000, 40000, 40000, 40000}, true, {0, 0, 0, 0}},
	};
	static const char *const names[] = {
	    "\"receiver\":\"", "\",\"groupKey\":\"", "\",\"externalURL\":\"",
	    "\",\"notification_reason\":\""};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct buf b = buf_of(large, sizeof large);
		buf_str(&b, table[i].behind ? "{\"alerts\":[{}]," : "{");
		for (size_t m = 0; m < COUNT(names); m++) {
			buf_str(&b, names[m]);
			fill(&b, "rkuw"[m], table[i].n[m]);
		}
		buf_str(&b, table[i].behind ? "\"}" : "\",\"alerts\":[{}]}");
		assert_false(b.cut);
		for (size_t step = 1; step < 2 * b.n; step = step * 3 + 1)
			check_envelope(b, step, table[i].behind, table[i].n,
				       table[i].kept);
	}
}

/* What is cut is cut at a whole character, wherever the room ends. */
static void cuts_whole_characters(void **state)
{
	static const char *const texts[] = {
	    "ab",  "\xc3\xa4", "\xe2\x82\xac",   "\xf0\x9f\x94\x94",
	    "\\n", "\\u20ac",  "\\ud83d\\udd14",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		for (size_t shift = 0; shift < 13; shift++) {
			struct buf b = buf_of(large, sizeof large);
			buf_str(&b, "{\"groupKey\":\"");
			fill(&b, 'x', shift);
			while (b.n < LIMIT_ENVELOPE + 100)
				buf_str(&b, texts[i]);
			buf_str(&b, "\",\"alerts\":[]}");
			payload_start(&p, false);
			/* the string's end may come later, and what was cut
			 * be there still */
			for (size_t n = b.n - shift % 2 * 20; n <= b.n; n += 20)
				while (payload_next(&p, b.p, 0, n) !=
				       PAYLOAD_MORE)
					;
			struct span kept = p.envelope.group_key;
			struct json j = {.report_depth = 1};
			CHECK(json_next(&j, kept.p, kept.n) == JSON_STRING &&
				  j.offset == kept.n,
			      "%s, %zu: no string", texts[i], shift);
			struct span end = span_skip(kept, kept.n - 4);
			CHECK_SPAN(end, SPAN("\xe2\x80\xa6\""), "%s, %zu",
				   texts[i], shift);
			CHECK(kept.n > LIMIT_ENVELOPE - 3 * LIMIT_ENVELOPE / 8,
			      "%s, %zu: too short", texts[i], shift);
		}
	}
}

static void holds_the_depth(void **state)
{
	static struct outcome o, pieces;
	(void)state;
	for (size_t n = 28; n <= 31; n++) {
		struct buf b = buf_of(large, sizeof large);
		buf_str(&b, "{\"alerts\":[{\"a\":");
		fill(&b, '[', n);
		fill(&b, ']', n);
		buf_str(&b, "}]}");
		run_all(&o, &pieces, buf_span(&b));
		CHECK(o.status == (n + 3 <= LIMIT_JSON_DEPTH ? STATUS_OK
							     : STATUS_TOO_DEEP),
		      "%zu", n);
		CHECK(pieces.status == o.status, "%zu", n);
	}
}

/* Values and names that are of no use are not kept, however long. */
static void lets_go_of_the_rest(void **state)
{
	static struct outcome o;
	(void)state;
	struct buf b = buf_of(large, sizeof large);
	buf_str(&b, "{\"");
	fill(&b, 'n', 40000);
	buf_str(&b, "\":\"");
	fill(&b, 'v', 40000);
	buf_str(&b, "\",\"\\u0074\\u0072\\u0075\\u006e\\u0063\\u0061\\u0074"
		    "\\u0065\\u0064\\u0041\\u006c\\u0065\\u0072\\u0074\\u0073"
		    "\":12,\"alerts\":[{}]}");
	assert_false(b.cut);
	run_steps(&o, buf_span(&b));
	assert_int_equal(o.status, STATUS_OK);
	assert_int_equal(o.truncated, 12);
	payload_start(&p, false);
	size_t end = 0;
	while (end < b.n) {
		uint64_t at = payload_hold(&p);
		end = end + 100 < b.n ? end + 100 : b.n;
		CHECK(end - at < LIMIT_ENVELOPE + 200, "holds %zu bytes",
		      (size_t)(end - at));
		while (payload_next(&p, b.p + at, at, end - at) ==
		       PAYLOAD_ALERT)
			;
	}
	assert_int_equal(payload_end(&p), STATUS_OK);
}

/* A status or a count that is too long to be held is as good as none. */
static void takes_the_longest_for_missing(void **state)
{
	static const char *const names[] = {"status", "truncatedAlerts",
					    "version", "receiver"};
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct buf b = buf_of(large, sizeof large);
		size_t end = 0, alerts = 0;
		buf_str(&b, "{\"");
		buf_str(&b, names[i]);
		buf_str(&b, i < 3 ? "\":\"" : "\":{\"a\":\"");
		fill(&b, '1', 2 * LIMIT_ENVELOPE);
		buf_str(&b, i < 3 ? "\"" : "\"}");
		buf_str(&b, ",\"alerts\":[{\"status\":\"firing\"}]}");
		payload_start(&p, false);
		while (end < b.n) {
			uint64_t at = payload_hold(&p);
			end = end + 100 < b.n ? end + 100 : b.n;
			while (payload_next(&p, b.p + at, at, end - at) ==
			       PAYLOAD_ALERT)
				alerts++;
		}
		CHECK(payload_end(&p) == STATUS_OK && alerts == 1, "%s",
		      names[i]);
		CHECK(p.odd && p.truncated == 0 &&
			  p.envelope.status == ALERT_INHERITS,
		      "%s: taken", names[i]);
	}
}

/* One byte too many or another one, anywhere: the same verdict at the same
 * place, wherever it is split. */
static void judges_spoilt_ones_alike(void **state)
{
	static const char text[] =
	    "{\"alerts\":[{\"labels\":{\"a\":\"b\",\"c\":\"d\"},\"x\":1,"
	    "\"status\":\"firing\"},{ \"y\":\"\"}]}";
	static const char bytes[] = " ,:\"{}[]\\u0\x01\xc3";
	static struct outcome o, pieces;
	char spoilt[sizeof text];
	(void)state;
	for (size_t at = 0; at < sizeof text - 1; at++) {
		for (size_t i = 0; i < 2 * (sizeof bytes - 1); i++) {
			size_t instead = i % 2;
			memcpy(spoilt, text, at);
			spoilt[at] = bytes[i / 2];
			memcpy(spoilt + at + 1, text + at + instead,
			       sizeof text - 1 - at - instead);
			run_all(&o, &pieces,
				(struct span){spoilt, sizeof text - instead});
		}
	}
}

/* A usual alert, walked over at once or read byte by byte, with one byte
 * changed: a name that is nearly the one expected there is another member's. */
static void knows_near_misses(void **state)
{
	static const char text[] =
	    "{\"alerts\":[{\"status\":\"firing\",\"labels\":{\"a\":\"b\"},"
	    "\"annotations\":{\"c\":\"d\"},\"startsAt\":\"1\",\"endsAt\":\"2\","
	    "\"generatorURL\":\"3\",\"fingerprint\":\"4\"}]}";
	static struct outcome good, whole, pieces;
	char near[sizeof text];
	(void)state;
	run_whole(&good, span_of(text), sizeof text - 1);
	assert_int_equal(good.status, STATUS_OK);
	for (size_t at = 0; at < sizeof text - 1; at++) {
		memcpy(near, text, sizeof text);
		near[at] = near[at] == 'x' ? 'y' : 'x';
		run_whole(&whole, span_of(near), sizeof text - 1);
		run_pieces(&pieces, span_of(near), 1, 1);
		same(&whole, &pieces, span_of(near), 1, false);
	}
	/* and that there are indexes to compare */
	memcpy(near, text, sizeof text);
	*strstr(near, "annotations") = 'x';
	run_whole(&whole, span_of(near), sizeof text - 1);
	assert_int_equal(whole.status, STATUS_OK);
	assert_int_not_equal(whole.index, good.index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_payloads),
	    cmocka_unit_test(takes_the_longest_for_missing),
	    cmocka_unit_test(judges_spoilt_ones_alike),
	    cmocka_unit_test(knows_near_misses),
	    cmocka_unit_test(reads_payloads),
	    cmocka_unit_test(holds_the_alert_size),
	    cmocka_unit_test(counts_each_alert_alone),
	    cmocka_unit_test(tells_what_comes_first),
	    cmocka_unit_test(holds_the_envelope),
	    cmocka_unit_test(cuts_whole_characters),
	    cmocka_unit_test(holds_the_depth),
	    cmocka_unit_test(lets_go_of_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
