/* test_template.c - formats of the user's own, see render.h and template.c. */
#include "check.h"

#include "alert/read.h"
#include "render/render.h"

/* rows leave out what is zero */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static struct alert alert;
static struct alert_reader reader;
static char out_bytes[LIMIT_LINE];

#define UTF8 "a template of UTF-8 without control characters"
#define CLOSED "a } behind each {, and {{ for a brace"
#define COLUMNS "at most 1024 columns"
#define SOURCES                                                         \
	"in braces: status STATUS labels labels.NAME annotations.NAME " \
	"startsAt endsAt receiver fingerprint generatorURL reason or "  \
	"\"text\", with | between"

static void checks_templates(void **state)
{
	static const struct {
		struct span text;
		const char *expected; /* NULL: good */
	} table[] = {
	    {SPAN(""), NULL},
	    {SPAN("}"), NULL},
	    {SPAN("a}b"), NULL},
	    {SPAN("{{"), NULL},
	    {SPAN("{{}"), NULL},
	    {SPAN("{{status"), NULL},
	    {SPAN("\xc3\xa4{status}"), NULL},
	    {SPAN("{status}{STATUS}{labels}{labels.a}{annotations.b}"
		  "{startsAt}{endsAt}{receiver}{fingerprint}{generatorURL}"
		  "{reason}"
		  "{\"\"}{\"}\"}{\"|\"}"),
	     NULL},
	    {SPAN("{status|STATUS|\"a\"}"), NULL},
	    {SPAN("{labels.a:b}"), NULL}, /* a name with a colon */
	    {SPAN("{labels.a:}"), NULL},
	    {SPAN("{status:0}"), NULL},
	    {SPAN("{status:1024}"), NULL},
	    {SPAN("{status:1025}"), COLUMNS},
	    {SPAN("{status:18446744073709551615}"), COLUMNS},
	    {SPAN("{status:18446744073709551616}"), SOURCES},
	    {SPAN("{"), CLOSED},
	    {SPAN("a{"), CLOSED},
	    {SPAN("{{{"), CLOSED},
	    {SPAN("{status"), CLOSED},
	    {SPAN("{\"}"), CLOSED},
	    {SPAN("{\"a}\""), CLOSED},
	    {SPAN("{}"), SOURCES},
	    {SPAN("{:5}"), SOURCES},
	    {SPAN("{5}"), SOURCES},
	    {SPAN("{status5}"), SOURCES},
	    {SPAN("{status:a}"), SOURCES},
	    {SPAN("{status:-1}"), SOURCES},
	    {SPAN("{ status}"), SOURCES},
	    {SPAN("{status }"), SOURCES},
	    {SPAN("{Status}"), SOURCES},
	    {SPAN("{labels.}"), SOURCES},
	    {SPAN("{annotations.}"), SOURCES},
	    {SPAN("{annotations}"), SOURCES},
	    {SPAN("{labels,a}"), SOURCES},
	    {SPAN("{status|}"), SOURCES},
	    {SPAN("{|status}"), SOURCES},
	    {SPAN("{status||\"a\"}"), SOURCES},
	    {SPAN("{\"}\"x}"), SOURCES},
	    {SPAN("{x\"}\"}"), SOURCES},
	    {SPAN("a\n"), UTF8},
	    {SPAN("\x1b[m"), UTF8},
	    {SPAN("\x7f"), UTF8},
	    {SPAN("\xc2\x80"), UTF8},
	    {SPAN("\xe2\x80\xae"), UTF8},
	    {SPAN("\xc3"), UTF8},
	    {SPAN("{\"\xff\"}"), UTF8},
	    {SPAN("a\0b"), UTF8},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *copy = copy_of(table[i].text);
		const char *expected =
		    template_check((struct span){copy, table[i].text.n});
		CHECK((expected == NULL) == (table[i].expected == NULL),
		      "row %zu: %s", i, expected ? expected : "(good)");
		if (expected)
			assert_string_equal(expected, table[i].expected);
		free(copy);
	}
}

static const char full[] =
    "{\"labels\":{\"alertname\":\"A\",\"severity\":\"critical\","
    "\"a:5\":\"colon\",\"e\":\"\",\"u\":\"\\u00e4\xe2\x82\xac!\"},"
    "\"annotations\":{\"summary\":\"S \\u001b\\\"\",\"alertname\":\"no\"},"
    "\"startsAt\":\"2026-11-24T01:55:52.1Z\",\"endsAt\":\"E\","
    "\"generatorURL\":\"http://g\",\"fingerprint\":\"f00\"}";

static void fills_templates(void **state)
{
	static const struct {
		const char *text, *line;
		const char *json;
		struct format f;
		enum alert_status status;
	} table[] = {
	    {"", "\n"},
	    {"plain }", "plain }\n"},
	    {"{{status}", "{status}\n"},
	    {"{{{status}}{{", "{firing}{\n"},
	    {"{status} {STATUS}", "firing FIRING\n"},
	    {"{status} {STATUS}", "resolved RESOLVED\n",
	     .status = ALERT_RESOLVED},
	    {"{labels.alertname}", "A\n"},
	    {"{annotations.alertname}", "no\n"},
	    {"{labels.nope}{annotations.nope}.", ".\n"},
	    /* all labels, in payload order */
	    {"{labels}", "{alertname=\"A\",severity=\"critical\","
			 "\"a:5\"=\"colon\",e=\"\",u=\"\xc3\xa4\xe2\x82\xac!\"}"
			 "\n"},
	    {"{labels}", "\n", "{}"},
	    {"{startsAt} {endsAt} {receiver} {fingerprint} {generatorURL}",
	     "2026-11-24T01:55:52.1Z E r\\n f00 http://g\n"},
	    {"{reason}", "new\\x1b\n"},
	    {"{startsAt}{endsAt}{fingerprint}{generatorURL}", "\n", "{}"},
	    /* the first that is there */
	    {"{labels.nope|labels.e|labels.severity|labels.alertname}",
	     "critical\n"},
	    {"{labels.nope|\"}|{\"|status}", "}|{\n"},
	    {"{labels.nope|\"\"|status}", "firing\n"},
	    {"{\"a\"|\"b\"}", "a\n"},
	    /* what the payload holds is made safe */
	    {"{annotations.summary}", "S \\x1b\"\n"},
	    /* columns count characters; a number behind a colon is not part of
	     * a name */
	    {"[{status:10}]", "[firing    ]\n"},
	    {"[{status:6}]", "[firing]\n"},
	    {"[{status:5}]", "[firi\xe2\x80\xa6]\n"},
	    {"[{status:1}]", "[\xe2\x80\xa6]\n"},
	    {"[{status:0}]", "[firing]\n"},
	    {"[{labels.u:4}]", "[\xc3\xa4\xe2\x82\xac! ]\n"},
	    {"[{labels.u:2}]", "[\xc3\xa4\xe2\x80\xa6]\n"},
	    {"[{labels.nope:3}]", "[   ]\n"},
	    {"[{labels.nope|\"ab\":3}]", "[ab ]\n"},
	    {"[{labels.a:5}]", "[     ]\n"},
	    {"[{labels.a:5:7}]", "[colon  ]\n"},
	    {"x{status:4}{STATUS:8}y", "xfir\xe2\x80\xa6"
				       "FIRING  y\n"},
	    /* ascii holds for the template's own text too */
	    {"\xc3\xa4~{\"\xe2\x82\xac\"}[{labels.u:2}]", "?~?[?>]\n",
	     .f = {.ascii = true}},
	    {"\xc3\xa4~{\"\xe2\x82\xac\"}", "\xc3\xa4~\xe2\x82\xac\n"},
	    /* what holds for every line */
	    {"{status} and more", "firin\xe2\x80\xa6\r\n",
	     .f = {.width = 6, .crlf = true}},
	    {"{status}", "\a\x1b[31mfiring\x1b[0m\n",
	     .f = {.colour = true,
		   .bell = {SPAN("severity"), SPAN("critical"), false}}},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char why_bytes[64];
		struct buf why = buf_of(why_bytes, sizeof why_bytes);
		struct buf out = buf_of(out_bytes, sizeof out_bytes);
		const char *json = table[i].json ? table[i].json : full;
		struct record r = {
		    .kind = RECORD_ALERT,
		    .envelope = {.receiver = SPAN("\"r\\n\""),
				 .reason = SPAN("\"new\\u001b\""),
				 .status = table[i].status ? table[i].status
							   : ALERT_FIRING},
		    .json = span_of(json)};
		struct format f = table[i].f;
		f.kind = FORMAT_TEMPLATE;
		f.text = span_of(table[i].text);
		CHECK(template_check(f.text) == NULL, "row %zu: no template",
		      i);
		assert_int_equal(alert_parse(&alert, &reader, r.json, &why),
				 STATUS_OK);
		CHECK(render_record(&out, &f, &r, &alert), "row %zu: cut", i);
		CHECK_SPAN(buf_span(&out), span_of(table[i].line), "row %zu",
			   i);
	}
}

/* A template's line too has its limit, and says that it is cut. */
static void cuts_what_does_not_fit(void **state)
{
	static const char text[] =
	    "{labels.alertname:9}|{annotations.summary}|{\"\xc3\xa4\":20}";
	char why_bytes[64];
	struct buf why = buf_of(why_bytes, sizeof why_bytes);
	struct format f = {.kind = FORMAT_TEMPLATE, .text = span_of(text)};
	struct record r = {.kind = RECORD_ALERT, .json = span_of(full)};
	(void)state;
	assert_int_equal(alert_parse(&alert, &reader, r.json, &why), STATUS_OK);
	for (size_t room = 24; room < 64; room++) {
		struct buf out = buf_of(out_bytes, room);
		bool whole = render_record(&out, &f, &r, &alert);
		CHECK(!out.cut && out.n <= room, "room %zu", room);
		CHECK(out.p[out.n - 1] == '\n', "room %zu: no end", room);
		CHECK(whole ==
			  (memcmp(out.p + out.n - 4, "\xe2\x80\xa6", 3) != 0),
		      "room %zu: %.*s", room, (int)out.n, out.p);
		for (struct span s = buf_span(&out); s.n;) {
			uint32_t c;
			CHECK(utf8_take(&s, &c), "room %zu: not UTF-8", room);
		}
	}
}

/* Without an end of its own a line has that of LIMIT_LINE, all that stands
 * around it counted in. */
static void holds_the_line(void **state)
{
	static char large[LIMIT_ALERT], text[LIMIT_TEMPLATE],
	    room[2 * LIMIT_LINE];
	static const struct {
		struct format f;
		size_t around;
	} table[] = {
	    {{.kind = FORMAT_TEMPLATE}, 1},
	    {{.kind = FORMAT_TEMPLATE, .colour = true, .crlf = true},
	     5 + 4 + 2},
	};
	char why_bytes[64];
	struct buf why = buf_of(why_bytes, sizeof why_bytes);
	struct buf b = buf_of(large, sizeof large);
	struct buf t = buf_of(text, sizeof text);
	(void)state;
	buf_str(&b, "{\"annotations\":{\"a\":\"");
	while (b.n + 3 < b.cap)
		buf_char(&b, 'x');
	buf_str(&b, "\"}}");
	while (t.n + 15 < t.cap)
		buf_str(&t, "{annotations.a}");
	struct record r = {.kind = RECORD_ALERT, .json = buf_span(&b)};
	assert_int_equal(alert_parse(&alert, &reader, r.json, &why), STATUS_OK);
	for (size_t i = 0; i < COUNT(table); i++) {
		struct buf out = buf_of(room, sizeof room);
		struct format f = table[i].f;
		f.text = buf_span(&t);
		assert_false(render_record(&out, &f, &r, &alert));
		assert_int_equal(out.n, LIMIT_LINE - 16 + table[i].around);
		assert_true(out.n <= LIMIT_LINE);
	}
}

/* Notices come as with line. */
static void leaves_notices_alone(void **state)
{
	struct buf out = buf_of(out_bytes, sizeof out_bytes);
	struct format f = {.kind = FORMAT_TEMPLATE, .text = SPAN("{status}")};
	struct record r = {.kind = RECORD_NOTICE_SKIPPED, .count = 2};
	(void)state;
	assert_true(render_record(&out, &f, &r, NULL));
	CHECK_SPAN(buf_span(&out),
		   SPAN("1970-01-01T00:00:00Z NOTICE 2 alerts were skipped, "
			"having waited too long\n"),
		   "notice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(checks_templates),
	    cmocka_unit_test(fills_templates),
	    cmocka_unit_test(cuts_what_does_not_fit),
	    cmocka_unit_test(holds_the_line),
	    cmocka_unit_test(leaves_notices_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
