/* test_alert.c - alert.h: one alert's JSON, taken apart. */
#include "check.h"

#include "alert/others.h"
#include "alert/read.h"

static struct alert alert;
static struct alert_reader reader;

/* Feeds a reader as payload.c does, when so many bytes of the alert are there
 * to be walked over. */
static void read_alert(struct alert_reader *r, struct span json, size_t there)
{
	char *copy = copy_of((struct span){json.p, there});
	struct json j = {.report_depth = 2};
	enum json_event e = json_next(&j, json.p, json.n);
	memset(r, 0xa5, sizeof *r);
	assert_int_equal(e, JSON_OPEN);
	alert_read_start(r, &j);
	while (e != JSON_MORE) {
		uint64_t at = j.offset;
		if (j.depth == 1)
			alert_walk(r, copy, there, &j);
		assert_true(j.offset == at ||
			    (at < j.offset && j.offset <= there));
		e = json_next(&j, json.p + j.offset, json.n - (size_t)j.offset);
		assert_true(e != JSON_BAD && e != JSON_TOO_DEEP);
		if (j.depth && e != JSON_MORE)
			alert_read(r, json.p, e, &j);
	}
	free(copy);
}

/* What is walked over comes to the same as what is told of by events. */
static void check_walk(struct span json)
{
	static struct alert_reader told, walked;
	char told_bytes[LIMIT_PLACE], walked_bytes[LIMIT_PLACE];
	size_t step = 1 + json.n / 200;
	read_alert(&told, json, 0);
	for (size_t there = 1; there <= json.n; there += step) {
		struct buf a = buf_of(told_bytes, sizeof told_bytes),
			   b = buf_of(walked_bytes, sizeof walked_bytes);
		read_alert(&walked, json, there);
		CHECK(walked.status == told.status, "%zu bytes of %.*s", there,
		      (int)json.n, json.p);
		if (told.status == STATUS_OK) {
			CHECK(span_eq(alert_index(&walked), alert_index(&told)),
			      "%zu bytes of %.*s", there, (int)json.n, json.p);
			continue;
		}
		alert_put_why(&told, json.p, &a);
		alert_put_why(&walked, json.p, &b);
		CHECK_SPAN(buf_span(&b), buf_span(&a), "%zu bytes of %.*s",
			   there, (int)json.n, json.p);
	}
}

static enum status parse(struct span json, struct buf *why)
{
	if (json.p[0] == '{')
		check_walk(json);
	/* nothing of the alert before may show */
	memset(&alert, 0xa5, sizeof alert);
	memset(&reader, 0xa5, sizeof reader);
	why->n = 0;
	why->cut = false;
	return alert_parse(&alert, &reader, json, why);
}

static void refuses_alerts(void **state)
{
	static const struct {
		const char *json, *why;
	} table[] = {
	    {"[]", ": expected an object"},
	    {"null", ": expected an object"},
	    {"\"{}\"", ": expected an object"},
	    {"1", ": expected an object"},
	    {"{\"status\":1}", ".status: expected \"firing\" or \"resolved\""},
	    {"{\"status\":\"\"}",
	     ".status: expected \"firing\" or \"resolved\""},
	    {"{\"status\":\"Firing\"}",
	     ".status: expected \"firing\" or \"resolved\""},
	    {"{\"status\":\"firing \"}",
	     ".status: expected \"firing\" or \"resolved\""},
	    {"{\"status\":\"suppressed\"}",
	     ".status: expected \"firing\" or \"resolved\""},
	    {"{\"status\":[\"firing\"]}",
	     ".status: expected \"firing\" or \"resolved\""},
	    {"{\"status\":true}",
	     ".status: expected \"firing\" or \"resolved\""},
	    {"{\"labels\":[]}", ".labels: expected an object"},
	    {"{\"labels\":\"a\"}", ".labels: expected an object"},
	    {"{\"labels\":1}", ".labels: expected an object"},
	    {"{\"labels\":false}", ".labels: expected an object"},
	    {"{\"labels\":{\"job\":1}}", ".labels.job: expected a string"},
	    {"{\"labels\":{\"job\":null}}", ".labels.job: expected a string"},
	    {"{\"labels\":{\"job\":true}}", ".labels.job: expected a string"},
	    {"{\"labels\":{\"job\":{}}}", ".labels.job: expected a string"},
	    {"{\"labels\":{\"job\":[\"a\"]}}",
	     ".labels.job: expected a string"},
	    {"{\"labels\":{\"a\":\"b\",\"c\":{\"d\":\"e\"},\"f\":\"g\"}}",
	     ".labels.c: expected a string"},
	    {"{\"labels\":{\"a\":\"\",\"a\":\"\"}}",
	     ".labels.a: expected once"},
	    {"{\"labels\":{\"a\":\"\",\"b\":\"\",\"\\u0061\":\"\"}}",
	     ".labels.a: expected once"},
	    {"{\"labels\":{\"\":\"\",\"\":\"\"}}", ".labels.: expected once"},
	    {"{\"labels\":{\"\\u000a\\u202e\":1}}",
	     ".labels.\\n\\u202e: expected a string"},
	    {"{\"labels\":{\"0123456789012345678901234567890123456789012345678"
	     "901234567890\":1}}",
	     ".labels.0123456789012345678901234567890123456789\xe2\x80\xa6: "
	     "expected a string"},
	    /* two names of one hash, neither of which stands twice */
	    {"{\"labels\":{\"glbvs\":\"\",\"yacxa\":1}}",
	     ".labels.yacxa: expected a string"},
	    {"{\"labels\":{\"glbvs\":\"\",\"yacxa\":\"\",\"glbvs\":\"\"}}",
	     ".labels.glbvs: expected once"},
	    {"{\"labels\":{\"\\u0061\":\"\",\"glbvs\":\"\",\"yacxa\":\"\","
	     "\"glb\\u0076s\":\"\"}}",
	     ".labels.glbvs: expected once"},
	    {"{\"annotations\":3}", ".annotations: expected an object"},
	    {"{\"annotations\":{\"summary\":3}}",
	     ".annotations.summary: expected a string"},
	    {"{\"annotations\":{\"x\":\"\",\"x\":\"\"}}",
	     ".annotations.x: expected once"},
	    {"{\"startsAt\":1}", ".startsAt: expected a string"},
	    {"{\"startsAt\":{}}", ".startsAt: expected a string"},
	    {"{\"endsAt\":[]}", ".endsAt: expected a string"},
	    {"{\"generatorURL\":false}", ".generatorURL: expected a string"},
	    {"{\"fingerprint\":0}", ".fingerprint: expected a string"},
	    {"{\"status\":null,\"status\":null}", ".status: expected once"},
	    {"{\"labels\":{},\"labels\":{}}", ".labels: expected once"},
	    {"{\"labels\":{},\"l\\u0061bels\":{}}", ".labels: expected once"},
	    {"{\"x\":1,\"endsAt\":\"\",\"y\":{},\"endsAt\":\"\"}",
	     ".endsAt: expected once"},
	    {"{\"x\":[{\"labels\":1}],\"labels\":1}",
	     ".labels: expected an object"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[LIMIT_PLACE];
		struct buf why = buf_of(bytes, sizeof bytes);
		struct span json = span_of(table[i].json);
		char *copy = copy_of(json);
		enum status s = parse((struct span){copy, json.n}, &why);
		CHECK(s == STATUS_NOT_PAYLOAD, "row %zu: %s: %s", i, json.p,
		      status_info(s)->text);
		CHECK_SPAN(buf_span(&why), span_of(table[i].why), "row %zu", i);
		free(copy);
	}
}

static void put_pairs(struct buf *b, const char *name, const struct alert *a,
		      struct pairs pairs)
{
	for (size_t i = 0; i < pairs.n; i++) {
		struct pair pair = alert_pair(a, pairs, i);
		buf_str(b, name);
		buf_put(b, pair.name);
		buf_char(b, '=');
		buf_put(b, pair.value);
	}
}

static void put_raw(struct buf *b, const char *name, struct span value)
{
	if (value.p == NULL)
		return;
	buf_str(b, name);
	buf_put(b, value);
}

/* An alert as words: what was found, and where nothing was, nothing. */
static void describe(struct buf *b, const struct alert *a)
{
	static const char *const statuses[] = {"inherits", "firing",
					       "resolved"};
	struct others others;
	struct span name, value;
	buf_str(b, statuses[a->status]);
	put_pairs(b, " L ", a, a->labels);
	put_pairs(b, " A ", a, a->annotations);
	put_raw(b, " labels:", a->labels_json);
	put_raw(b, " annotations:", a->annotations_json);
	put_raw(b, " starts:", a->starts_at);
	put_raw(b, " ends:", a->ends_at);
	put_raw(b, " url:", a->generator_url);
	put_raw(b, " print:", a->fingerprint);
	others_start(&others, a);
	while (others_next(&others, &name, &value)) {
		buf_str(b, " other ");
		buf_put(b, name);
		buf_char(b, ':');
		buf_put(b, value);
	}
}

static void reads_alerts(void **state)
{
	static const struct {
		const char *json, *alert;
	} table[] = {
	    {"{}", "inherits"},
	    {" {\t} ", "inherits"},
	    {"{\"status\":\"firing\"}", "firing"},
	    {"{\"status\":\"resolved\"}", "resolved"},
	    {"{\"st\\u0061tus\":\"re\\u0073olved\"}", "resolved"},
	    {"{\"status\":null}", "inherits"},
	    {"{\"labels\":null,\"annotations\":null,\"startsAt\":null}",
	     "inherits labels:null annotations:null starts:null"},
	    {"{\"labels\":{}}", "inherits labels:{}"},
	    {"{\"labels\":{\"\":\"\"}}", "inherits L = labels:{\"\":\"\"}"},
	    {"{ \"labels\" : { \"b\" : \"1\" , \"a\" : \"{\\\"}\" } }",
	     "inherits L b=1 L a={\\\"} labels:{ \"b\" : \"1\" , \"a\" : "
	     "\"{\\\"}\" }"},
	    {"{\"labels\":{\"a\":\"x\",\"A\":\"y\",\"a \":\"z\"}}",
	     "inherits L a=x L A=y L a =z "
	     "labels:{\"a\":\"x\",\"A\":\"y\",\"a \":\"z\"}"},
	    {"{\"annotations\":{\"s\":\"t\"},\"labels\":{\"s\":\"u\"}}",
	     "inherits L s=u A s=t labels:{\"s\":\"u\"} "
	     "annotations:{\"s\":\"t\"}"},
	    {"{\"startsAt\":\"a\",\"endsAt\":\"b\",\"generatorURL\":\"c\","
	     "\"fingerprint\":\"d\"}",
	     "inherits starts:\"a\" ends:\"b\" url:\"c\" print:\"d\""},
	    {"{\"startsAt\":\"\\u0000\\n\"}", "inherits starts:\"\\u0000\\n\""},
	    {"{\"x\":[1,{\"labels\":2},[]],\"status\":\"firing\",\"y\":\"z\","
	     "\"Status\":0}",
	     "firing other \"x\":[1,{\"labels\":2},[]] other \"y\":\"z\" "
	     "other \"Status\":0"},
	    {"{\"values\":{\"A\":-1.5e3},\"values\":null,\"\\u0078\":[[[]]]}",
	     "inherits other \"values\":{\"A\":-1.5e3} other \"values\":null "
	     "other \"\\u0078\":[[[]]]"},
	    {"{\"silenceURL\":\"\",\"e\":{},\"\":{\"\":{\"\":1}}}",
	     "inherits other \"silenceURL\":\"\" other \"e\":{} other "
	     "\"\":{\"\":{\"\":1}}"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[LIMIT_PLACE], words[512];
		struct buf why = buf_of(bytes, sizeof bytes),
			   b = buf_of(words, sizeof words);
		struct span json = span_of(table[i].json);
		/* the parser is handed the object alone */
		while (json.p[0] == ' ')
			json = span_skip(json, 1);
		while (json.p[json.n - 1] == ' ')
			json.n--;
		char *copy = copy_of(json);
		enum status s = parse((struct span){copy, json.n}, &why);
		CHECK(s == STATUS_OK, "row %zu: %s: %.*s", i, json.p,
		      (int)why.n, why.p);
		CHECK(why.n == 0, "row %zu: something to say", i);
		describe(&b, &alert);
		CHECK_SPAN(buf_span(&b), span_of(table[i].alert), "row %zu", i);
		free(copy);
	}
}

static void finds_labels(void **state)
{
	char bytes[64];
	struct buf why = buf_of(bytes, sizeof bytes);
	struct span json = SPAN(
	    "{\"labels\":{\"job\":\"a\",\"s\\u0065verity\":\"\",\"\":\"e\"},"
	    "\"annotations\":{\"job\":\"b\"}}");
	(void)state;
	assert_int_equal(parse(json, &why), STATUS_OK);
	CHECK_SPAN(alert_label(&alert, SPAN("job")), SPAN("a"), "job");
	CHECK_SPAN(alert_label(&alert, SPAN("severity")), SPAN(""), "severity");
	CHECK_SPAN(alert_label(&alert, SPAN("")), SPAN("e"), "no name");
	CHECK_SPAN(alert_label(&alert, SPAN("jo")), SPAN_NONE, "jo");
	CHECK_SPAN(alert_annotation(&alert, SPAN("job")), SPAN("b"), "job");
	CHECK_SPAN(alert_annotation(&alert, SPAN("")), SPAN_NONE, "no name");
}

static void reads_texts_and_statuses(void **state)
{
	enum alert_status s = ALERT_FIRING;
	(void)state;
	CHECK_SPAN(alert_text(SPAN_NONE), SPAN_NONE, "absent");
	CHECK_SPAN(alert_text(SPAN("null")), SPAN_NONE, "null");
	CHECK_SPAN(alert_text(SPAN("12")), SPAN_NONE, "12");
	CHECK_SPAN(alert_text(SPAN("\"\"")), SPAN(""), "empty");
	CHECK_SPAN(alert_text(SPAN("\"a\\\"\"")), SPAN("a\\\""), "a");
	assert_false(alert_read_status(SPAN("\"nope\""), &s));
	assert_false(alert_read_status(SPAN("nul"), &s));
	assert_true(alert_read_status(SPAN("\"resolved\""), &s));
	assert_int_equal(s, ALERT_RESOLVED);
	assert_true(alert_read_status(SPAN("null"), &s));
	assert_int_equal(s, ALERT_INHERITS);
}

static char large[LIMIT_ALERT + 1];

/* {"labels":{"n0":"",...}} with n of them. */
static struct span with_pairs(const char *member, size_t n)
{
	struct buf b = buf_of(large, sizeof large);
	buf_str(&b, "{\"");
	buf_str(&b, member);
	buf_str(&b, "\":{");
	for (size_t i = 0; i < n; i++) {
		buf_str(&b, i ? ",\"n" : "\"n");
		buf_u64(&b, i);
		buf_str(&b, "\":\"\"");
	}
	buf_str(&b, "}}");
	return buf_span(&b);
}

static void holds_the_limits(void **state)
{
	static const char *const members[] = {"labels", "annotations"};
	char bytes[64];
	struct buf why = buf_of(bytes, sizeof bytes);
	(void)state;
	for (size_t i = 0; i < COUNT(members); i++) {
		for (size_t n = LIMIT_LABELS - 1; n <= LIMIT_LABELS + 1; n++) {
			enum status s = parse(with_pairs(members[i], n), &why);
			bool fits = n <= LIMIT_LABELS;
			CHECK(s == (fits ? STATUS_OK : STATUS_TOO_MANY),
			      "%zu %s", n, members[i]);
			if (fits)
				assert_int_equal(i ? alert.annotations.n
						   : alert.labels.n,
						 n);
			else
				CHECK_SPAN(buf_span(&why),
					   i ? SPAN(".annotations")
					     : SPAN(".labels"),
					   "%zu", n);
		}
	}
	/* as many values as LIMIT_ALERT bytes can hold */
	struct buf b = buf_of(large, LIMIT_ALERT);
	buf_str(&b, "{\"\":[");
	while (b.n < LIMIT_ALERT - 4)
		buf_str(&b, "1,");
	buf_str(&b, "1]}");
	assert_false(b.cut);
	assert_true(b.n >= LIMIT_ALERT - 1);
	assert_int_equal(parse(buf_span(&b), &why), STATUS_OK);
	assert_int_equal(alert.others, 1);
	/* and empty members */
	b = buf_of(large, LIMIT_ALERT);
	buf_char(&b, '{');
	size_t members_n = 1;
	for (; b.n < LIMIT_ALERT - 16; members_n++)
		buf_str(&b, "\"\":{},");
	buf_str(&b, "\"\":{}}");
	assert_false(b.cut);
	assert_int_equal(parse(buf_span(&b), &why), STATUS_OK);
	assert_int_equal(alert.others, members_n);
}

/* What an alert's own JSON gives, its index gives too, wherever that stands and
 * whatever the memory held. */
static void check_restored(struct span json)
{
	static char before[65536], after[65536], memory[ALERT_INDEX + 1];
	char why_bytes[LIMIT_PLACE];
	struct buf why = buf_of(why_bytes, sizeof why_bytes);
	struct buf b = buf_of(before, sizeof before),
		   a = buf_of(after, sizeof after);
	assert_int_equal(parse(json, &why), STATUS_OK);
	size_t others = alert.others;
	describe(&b, &alert);
	read_alert(&reader, json, 0);
	assert_int_equal(reader.status, STATUS_OK);
	struct span index = alert_index(&reader);
	assert_true(index.n > 0 && index.n <= ALERT_INDEX);
	for (size_t at = 0; at < 2; at++) {
		memcpy(memory + at, index.p, index.n);
		memset(&alert, 0xa5, sizeof alert);
		assert_true(alert_restore(&alert, json,
					  (struct span){memory + at, index.n}));
		a.n = 0;
		describe(&a, &alert);
		assert_true(!a.cut && !b.cut);
		CHECK(span_eq(buf_span(&a), buf_span(&b)), "%.*s became %.*s",
		      (int)b.n, b.p, (int)a.n, a.p);
		assert_int_equal(alert.others, others);
		assert_ptr_equal(alert.json.p, json.p);
		assert_int_equal(alert.json.n, json.n);
	}
}

static void restores_alerts(void **state)
{
	static const char *const table[] = {
	    "{}",
	    "{\"status\":\"resolved\"}",
	    "{\"status\":\"firing\",\"labels\":{},\"annotations\":null}",
	    "{\"labels\":{\"a\":\"\",\"\":\"b\"},\"x\":[1,{\"y\":2}],"
	    "\"annotations\":{\"summary\":\"s \\u0026 t\"}}",
	    "{ \"startsAt\" : \"s\" , \"endsAt\" : null ,\"generatorURL\":"
	    "\"\", \"fingerprint\" : \"f\" }",
	    "{\"status\":\"firing\",\"labels\":{\"alertname\":\"a name\","
	    "\"job\":\"\\u00e9\\n\xc3\xa9\"},\"x\":\"y\",\"annotations\":{},"
	    "\"values\":{\"B\":1},\"z\":\"\\\"\",\"startsAt\":\"s\",\"endsAt\":"
	    "\"0001-01-01T00:00:00Z\",\"generatorURL\":null,\"fingerprint\":"
	    "\"0123456789abcdef\"}",
	};
	struct buf b = buf_of(large, LIMIT_ALERT);
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		check_restored(span_of(table[i]));
	/* the most labels and annotations, up to the last byte of the largest
	 * alert */
	for (int part = 0; part < 2; part++) {
		buf_str(&b, part ? "},\"annotations\":{" : "{\"labels\":{");
		for (unsigned i = 0; i < LIMIT_LABELS; i++) {
			buf_str(&b, i ? ",\"n" : "\"n");
			buf_u64(&b, i);
			buf_str(&b, "\":\"\"");
		}
	}
	buf_str(&b, "},\"fingerprint\":\"");
	while (b.n < LIMIT_ALERT - 2)
		buf_char(&b, 'f');
	buf_str(&b, "\"}");
	assert_int_equal(b.n, LIMIT_ALERT);
	check_restored(buf_span(&b));
	/* how many other members there are takes more than a byte */
	b.n = 0;
	for (unsigned i = 0; i < 256; i++)
		buf_str(&b, i ? ",\"x\":1" : "{\"x\":1");
	buf_char(&b, '}');
	check_restored(buf_span(&b));
	assert_int_equal(alert.others, 256);
	assert_false(alert_restore(&alert, SPAN("{}"), SPAN_NONE));
	assert_false(alert_restore(&alert, SPAN("{}"), SPAN("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_alerts),
	    cmocka_unit_test(reads_alerts),
	    cmocka_unit_test(finds_labels),
	    cmocka_unit_test(reads_texts_and_statuses),
	    cmocka_unit_test(holds_the_limits),
	    cmocka_unit_test(restores_alerts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
