/* test_render.c - render.h: one record, one line, and nothing of the payload's
 * that could forge another or drive a terminal. */
#include "check.h"

#include "alert/read.h"
#include "render/render.h"
#include "json/json.h"

/* rows leave out what is zero */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static struct alert alert;
static struct alert_reader reader;
static char out_bytes[2 * LIMIT_LINE];

/* "" stands for an absent value. */
static struct span raw(const char *value)
{
	return value && *value ? span_of(value) : SPAN_NONE;
}

static bool render(struct buf *out, const struct format *f,
		   const struct envelope *e, struct span json)
{
	char why_bytes[LIMIT_PLACE];
	struct buf why = buf_of(why_bytes, sizeof why_bytes);
	struct record r = {.kind = RECORD_ALERT, .envelope = *e, .json = json};
	enum status s = alert_parse(&alert, &reader, json, &why);
	CHECK(s == STATUS_OK, "%.*s: %.*s", (int)json.n, json.p, (int)why.n,
	      why.p);
	*out = buf_of(out_bytes, LIMIT_LINE);
	return render_record(out, f, &r, &alert);
}

static bool is_json(struct span text)
{
	struct json j = {.report_depth = 0};
	for (size_t at = 0; at < text.n; at = (size_t)j.offset) {
		enum json_event e = json_next(&j, text.p + at, text.n - at);
		if (e == JSON_BAD || e == JSON_TOO_DEEP)
			return false;
	}
	return json_end(&j);
}

/* What holds for every line, whatever was rendered. */
static void check_line(struct span line, const struct format *f)
{
	bool text = f->kind != FORMAT_JSON;
	size_t eol = f->crlf ? 2 : 1;
	CHECK(line.n >= eol && line.p[line.n - 1] == '\n', "no end");
	if (f->crlf)
		CHECK(line.p[line.n - 2] == '\r', "no CR");
	struct span s = {line.p, line.n - eol};
	if (!text)
		CHECK(is_json(s), "not JSON: %.*s", (int)s.n, s.p);
	if (f->bell.label.p && s.n && s.p[0] == '\a')
		s = span_skip(s, 1);
	while (s.n) {
		uint32_t c;
		struct span rest = s;
		CHECK(utf8_take(&s, &c), "not UTF-8: %.*s", (int)line.n,
		      line.p);
		if (f->colour && c == 0x1b)
			continue;
		CHECK(!text_is_unsafe(c), "unsafe %x in %.*s", c, (int)rest.n,
		      rest.p);
		CHECK(!f->ascii || c <= 0x7e, "not ASCII: %x", c);
	}
}

static const char full[] =
    "{\"status\":\"firing\",\"labels\":{\"alertname\":\"HighCPUUsage\","
    "\"instance\":\"10.0.0.7:9100\",\"severity\":\"critical\"},"
    "\"annotations\":{\"description\":\"d\",\"summary\":\"Instance "
    "10.0.0.7:9100 has high CPU usage\"},"
    "\"startsAt\":\"2026-11-24T01:55:52.123456789Z\","
    "\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://p/g\","
    "\"fingerprint\":\"abc\",\"silenceURL\":\"s\",\"values\":{\"A\": 1.50}}";

struct row {
	const char *json, *line;
	struct format f;
	const char *receiver, *group_key, *external_url;
	enum alert_status status;
	const char *reason;
};

static void check_rows(const struct row *row, size_t rows)
{
	for (size_t i = 0; i < rows; i++) {
		struct buf out;
		struct envelope e = {.receiver = raw(row[i].receiver),
				     .group_key = raw(row[i].group_key),
				     .external_url = raw(row[i].external_url),
				     .reason = raw(row[i].reason),
				     .status = row[i].status};
		CHECK(render(&out, &row[i].f, &e, span_of(row[i].json)),
		      "row %zu: cut", i);
		CHECK_SPAN(buf_span(&out), span_of(row[i].line), "row %zu", i);
		check_line(buf_span(&out), &row[i].f);
	}
}

#define LABELS(s) "{\"status\":\"firing\",\"labels\":{" s "}}"
#define SUMMARY(s) \
	"{\"status\":\"firing\",\"annotations\":{\"summary\":\"" s "\"}}"
#define STARTS(s) "{\"status\":\"firing\",\"startsAt\":\"" s "\"}"

static void writes_line(void **state)
{
	static const struct row table[] = {
	    {full, "2026-11-24T01:55:52Z FIRING critical HighCPUUsage{instance="
		   "\"10.0.0.7:9100\"} Instance 10.0.0.7:9100 has high CPU "
		   "usage\n"},
	    {.json = "{}", .line = "- FIRING - -\n", .status = ALERT_FIRING},
	    {.json = "{}",
	     .line = "- RESOLVED - -\n",
	     .status = ALERT_RESOLVED},
	    {.json = "{\"status\":\"resolved\",\"startsAt\":\"a\",\"endsAt\":"
		     "\"2026-11-24T02:00:00Z\"}",
	     .line = "2026-11-24T02:00:00Z RESOLVED - -\n",
	     .status = ALERT_FIRING},
	    {.json = "{\"status\":\"firing\",\"startsAt\":\"a\",\"endsAt\":"
		     "\"b\"}",
	     .line = "a FIRING - -\n",
	     .status = ALERT_RESOLVED},
	    {.json = "{\"status\":null,\"startsAt\":null,\"labels\":null}",
	     .line = "- RESOLVED - -\n",
	     .status = ALERT_RESOLVED},
	    /* labels in payload order, without the two that stand in front */
	    {LABELS("\"b\":\"1\",\"alertname\":\"X\",\"a\":\"2\","
		    "\"severity\":\"s\",\"_c9\":\"\""),
	     "- FIRING s X{b=\"1\",a=\"2\",_c9=\"\"}\n"},
	    {LABELS("\"alertname\":\"X\",\"severity\":\"\""), "- FIRING - X\n"},
	    {LABELS("\"\\u0061lertname\":\"X\",\"severit\\u0079\":\"s\""),
	     "- FIRING s X\n"},
	    {LABELS("\"a.b\":\"1\",\"9\":\"2\",\"\":\"3\",\"a b\":\"4\","
		    "\"\\u0061\":\"5\""),
	     "- FIRING - -{\"a.b\"=\"1\",\"9\"=\"2\",\"\"=\"3\",\"a b\"=\"4\","
	     "\"a\"=\"5\"}\n"},
	    /* what stands beside letters and digits is none */
	    {LABELS("\"`\":\"1\",\"{\":\"2\",\"@\":\"3\",\"[\":\"4\",\"a/\":"
		    "\"5\",\"a:\":\"6\",\"azAZ09_\":\"7\""),
	     "- FIRING - -{\"`\"=\"1\",\"{\"=\"2\",\"@\"=\"3\",\"[\"=\"4\","
	     "\"a/\"=\"5\",\"a:\"=\"6\",azAZ09_=\"7\"}\n"},
	    {LABELS("\"a\":\"\\\"},x{b=\\\"\",\"c\\\"=\\\"\":\"\\\\\""),
	     "- FIRING - -{a=\"\\\"},x{b=\\\"\",\"c\\\"=\\\"\"=\"\\\\\"}\n"},
	    /* the annotation that says most */
	    {.json = "{\"annotations\":{\"message\":\"m\",\"description\":"
		     "\"d\",\"summary\":\"\"}}",
	     .line = "- FIRING - - d\n"},
	    {.json = "{\"annotations\":{\"message\":\"m\",\"x\":\"y\"}}",
	     .line = "- FIRING - - m\n"},
	    {.json = "{\"annotations\":{\"x\":\"y\"}}",
	     .line = "- FIRING - -\n"},
	    {.json = "{\"annotations\":{\"summ\\u0061ry\":\"s\"}}",
	     .line = "- FIRING - - s\n"},
	    /* times to the second; what is no time as it came */
	    {STARTS("2026-11-24T01:55:52.5+01:00"),
	     "2026-11-24T01:55:52+01:00 FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.999-00:30"),
	     "2026-11-24T01:55:52-00:30 FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.1090Z"),
	     "2026-11-24T01:55:52Z FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.5*01:00"),
	     "2026-11-24T01:55:52.5*01:00 FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.5+01:0x"),
	     "2026-11-24T01:55:52.5+01:0x FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.5/"),
	     "2026-11-24T01:55:52.5/ FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.5:"),
	     "2026-11-24T01:55:52.5: FIRING - -\n"},
	    {STARTS("2026-11-2/T01:55:52.5Z"),
	     "2026-11-2/T01:55:52.5Z FIRING - -\n"},
	    {STARTS("2026-11-2:T01:55:52.5Z"),
	     "2026-11-2:T01:55:52.5Z FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52+01:00"),
	     "2026-11-24T01:55:52+01:00 FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52."),
	     "2026-11-24T01:55:52. FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.5"),
	     "2026-11-24T01:55:52.5 FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.5Zx"),
	     "2026-11-24T01:55:52.5Zx FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.5 Z"),
	     "2026-11-24T01:55:52.5 Z FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.\\u0031Z"),
	     "2026-11-24T01:55:52.1Z FIRING - -\n"},
	    {STARTS("yesterday"), "yesterday FIRING - -\n"},
	    {STARTS(""), "- FIRING - -\n"},
	    /* nothing forges a line or drives a terminal */
	    {SUMMARY("a\\n2026-11-24T01:55:52Z FIRING critical X"),
	     "- FIRING - - a\\n2026-11-24T01:55:52Z FIRING critical X\n"},
	    {SUMMARY("\\r\\t\\b\\f\\u0000\\u001b[2J\\u007f\x7f\\u0080\xc2\x9b"),
	     "- FIRING - - "
	     "\\r\\t\\x08\\x0c\\x00\\x1b[2J\\x7f\\x7f\\x80\\x9b\n"},
	    {SUMMARY("\\u2028\xe2\x80\xa9\\u061c\xe2\x80\x8e\\u200f\xe2\x80\xaa"
		     "\\u202e\xe2\x81\xa6\\u2069"),
	     "- FIRING - - \\u2028\\u2029\\u061c\\u200e\\u200f\\u202a\\u202e"
	     "\\u2066\\u2069\n"},
	    {SUMMARY("\\ud83d\\ude00 \xc3\xa4 \\u00e4 \\ud83d \\u200b "
		     "\\ufeff"),
	     "- FIRING - - \xf0\x9f\x98\x80 \xc3\xa4 \xc3\xa4 \xef\xbf\xbd "
	     "\xe2\x80\x8b \xef\xbb\xbf\n"},
	    {SUMMARY("\\\\n \\\" \\/"), "- FIRING - - \\n \" /\n"},
	    {LABELS("\"alertname\":\"A\\nB\",\"severity\":\"\\u001b\","
		    "\"x\\n\":\"y\\u202e\""),
	     "- FIRING \\x1b A\\nB{\"x\\n\"=\"y\\u202e\"}\n"},
	    {STARTS("\\n\\u001b"), "\\n\\x1b FIRING - -\n"},
	    {STARTS("2026-11-24T01:55:52.5\\nZ"),
	     "2026-11-24T01:55:52.5\\nZ FIRING - -\n"},
	    /* ascii */
	    {SUMMARY("\xc3\xa4\\ud83d\\ude00~\\u2028\\u0085"),
	     "- FIRING - - ?"
	     "?~\\u2028\\x85\n",
	     {.ascii = true}},
	    {LABELS("\"\xc3\xa4\":\"\xe2\x82\xac\""),
	     "- FIRING - -{\"?\"=\"?\"}\n",
	     {.ascii = true}},
	    {STARTS("\xc3\xa4"), "? FIRING - -\n", {.ascii = true}},
	    /* ends of lines, colour, bell */
	    {"{}", "- FIRING - -\r\n", {.crlf = true}},
	    {"{}", "\x1b[31m- FIRING - -\x1b[0m\n", {.colour = true}},
	    {"{\"status\":\"resolved\"}",
	     "\x1b[32m- RESOLVED - -\x1b[0m\r\n",
	     {.colour = true, .crlf = true}},
	    {LABELS("\"severity\":\"critical\""),
	     "\a- FIRING critical -\n",
	     {.bell = {SPAN("severity"), SPAN("critical"), false}}},
	    {LABELS("\"severity\":\"cr\\u0069tical\""),
	     "\a\x1b[31m- FIRING critical -\x1b[0m\n",
	     {.colour = true,
	      .bell = {SPAN("severity"), SPAN("critical"), false}}},
	    {LABELS("\"severity\":\"warning\""),
	     "- FIRING warning -\n",
	     {.bell = {SPAN("severity"), SPAN("critical"), false}}},
	    {SUMMARY("\\u0007"),
	     "- FIRING - - \\x07\n",
	     {.bell = {SPAN("severity"), SPAN("critical"), false}}},
	    /* width counts characters */
	    {"{}", "- FIRING - -\n", {.width = 12}},
	    {"{}", "- FIRING -\xe2\x80\xa6\n", {.width = 11}},
	    {"{}", "- FIRING ->\n", {.width = 11, .ascii = true}},
	    {"{}", "\xe2\x80\xa6\n", {.width = 1}},
	    {"{}", "-\xe2\x80\xa6\n", {.width = 2}},
	    {SUMMARY("\xc3\xa4\xf0\x9f\x98\x80\xe2\x82\xac"),
	     "- FIRING - - \xc3\xa4\xf0\x9f\x98\x80\xe2\x82\xac\n",
	     {.width = 16}},
	    {SUMMARY("\xc3\xa4\xf0\x9f\x98\x80\xe2\x82\xac"),
	     "- FIRING - - \xc3\xa4\xe2\x80\xa6\n",
	     {.width = 15}},
	    {SUMMARY("\xc3\xa4\xf0\x9f\x98\x80\xe2\x82\xac"),
	     "- FIRING - - \xe2\x80\xa6\n",
	     {.width = 14}},
	    {SUMMARY("ab"),
	     "\x1b[31m- FIRI\xe2\x80\xa6\x1b[0m\r\n",
	     {.width = 7, .colour = true, .crlf = true}},
	    {SUMMARY("ab"),
	     "\a- FIRI\xe2\x80\xa6\n",
	     {.width = 7, .bell = {SPAN("job"), SPAN(""), false}}},
	};
	(void)state;
	check_rows(table, COUNT(table));
}

static void writes_json(void **state)
{
	static const struct row table[] = {
	    {full,
	     "{\"receiver\":\"r\",\"status\":\"firing\",\"labels\":{"
	     "\"alertname\":\"HighCPUUsage\",\"instance\":\"10.0.0.7:9100\","
	     "\"severity\":\"critical\"},\"annotations\":{\"description\":"
	     "\"d\",\"summary\":\"Instance 10.0.0.7:9100 has high CPU "
	     "usage\"},\"startsAt\":\"2026-11-24T01:55:52.123456789Z\","
	     "\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":"
	     "\"http://p/g\",\"fingerprint\":\"abc\",\"silenceURL\":\"s\","
	     "\"values\":{\"A\":1.50},\"groupKey\":\"{}:{a=\\\"b\\\"}\","
	     "\"externalURL\":\"http://am\",\"notification_reason\":"
	     "\"first notification\"}\n",
	     {.kind = FORMAT_JSON},
	     "\"r\"",
	     "\"{}:{a=\\\"b\\\"}\"",
	     "\"http://am\"",
	     ALERT_RESOLVED,
	     "\"first notification\""},
	    {.json = "{}",
	     .line = "{\"status\":\"resolved\",\"labels\":{},\"annotations\":"
		     "{}}\n",
	     .f = {.kind = FORMAT_JSON},
	     .status = ALERT_RESOLVED},
	    {"{\"labels\":null,\"annotations\":null,\"startsAt\":null}",
	     "{\"receiver\":null,\"status\":\"firing\",\"labels\":null,"
	     "\"annotations\":null,\"startsAt\":null}\n",
	     {.kind = FORMAT_JSON},
	     "null"},
	    {"{ \"status\" : \"firing\" ,\n\"labels\" :\t{ \"a b\" : \" c \" "
	     "} , \"x\" : [ 1 , 2.0e+1 , { } ] }",
	     "{\"status\":\"firing\",\"labels\":{\"a b\":\" c \"},"
	     "\"annotations\":{},\"x\":[1,2.0e+1,{}]}\r\n",
	     {.kind = FORMAT_JSON, .crlf = true}},
	    /* escapes stay as they are; unsafe characters become escapes */
	    {SUMMARY(
		 "\\n\\u0000\\ud83d\\/\x7f\xc2\x85\xe2\x80\xa8\xe2\x80\xae"),
	     "{\"status\":\"firing\",\"labels\":{},\"annotations\":{"
	     "\"summary\":\"\\n\\u0000\\ud83d\\/\\u007f\\u0085\\u2028\\u202e\""
	     "}}\n",
	     {.kind = FORMAT_JSON}},
	    {SUMMARY("\xc3\xa4\xf0\x9f\x98\x80"),
	     "{\"status\":\"firing\",\"labels\":{},\"annotations\":{"
	     "\"summary\":\"\\u00e4\\ud83d\\ude00\"}}\n",
	     {.kind = FORMAT_JSON, .ascii = true}},
	    {SUMMARY("\xc3\xa4"),
	     "{\"status\":\"firing\",\"labels\":{},\"annotations\":{"
	     "\"summary\":\"\xc3\xa4\"}}\n",
	     {.kind = FORMAT_JSON}},
	    {"{\"\xe2\x80\xae\":\"\x7f\",\"a\":[\"\xc2\x80\"]}",
	     "{\"status\":\"firing\",\"labels\":{},\"annotations\":{},"
	     "\"\\u202e\":\"\\u007f\",\"a\":[\"\\u0080\"]}\n",
	     {.kind = FORMAT_JSON}},
	    /* an alert cannot pass its own members off as the payload's */
	    {"{\"receiver\":\"evil\",\"group\\u004bey\":1,\"externalURL\":{},"
	     "\"notice\":\"truncated\",\"notification_reason\":0,\"count\":5}",
	     "{\"receiver\":\"r\",\"status\":\"firing\",\"labels\":{},"
	     "\"annotations\":{},\"count\":5}\n",
	     {.kind = FORMAT_JSON},
	     "\"r\""},
	    {"{\"st\\u0061tus\":\"resolved\"}",
	     "{\"status\":\"resolved\",\"labels\":{},\"annotations\":{}}\n",
	     {.kind = FORMAT_JSON}},
	    /* no colour and no bell in there */
	    {"{}",
	     "{\"status\":\"firing\",\"labels\":{},\"annotations\":{}}\n",
	     {.kind = FORMAT_JSON}},
	};
	(void)state;
	check_rows(table, COUNT(table));
}

#define LOGFMT                        \
	{                             \
		.kind = FORMAT_LOGFMT \
	}

static void writes_logfmt(void **state)
{
	static const struct row table[] = {
	    {full,
	     "ts=2026-11-24T01:55:52Z status=firing severity=critical "
	     "alertname=HighCPUUsage instance=10.0.0.7:9100 summary=\"Instance "
	     "10.0.0.7:9100 has high CPU usage\"\n",
	     LOGFMT},
	    {"{}", "ts=- status=firing\n", LOGFMT},
	    {"{\"status\":\"resolved\",\"endsAt\":\"e\"}",
	     "ts=e status=resolved\n", LOGFMT},
	    {LABELS("\"b\":\"1\",\"alertname\":\"X\",\"a\":\"\","
		    "\"severity\":\"\""),
	     "ts=- status=firing alertname=X b=1 a=\"\"\n", LOGFMT},
	    {"{\"annotations\":{\"message\":\"m\",\"description\":\"d\"}}",
	     "ts=- status=firing description=d\n", LOGFMT},
	    {"{\"annotations\":{\"message\":\"m\"}}",
	     "ts=- status=firing message=m\n", LOGFMT},
	    /* quotes where a value could be taken for something else */
	    {LABELS("\"a\":\"b c\",\"d\":\"e=f\",\"g\":\"\\\"\",\"h\":\"\\\\\","
		    "\"i\":\"\xc3\xa4\",\"j\":\"k,l:m/n'o\""),
	     "ts=- status=firing a=\"b c\" d=\"e=f\" g=\"\\\"\" h=\"\\\\\" "
	     "i=\"\xc3\xa4\" j=k,l:m/n'o\n",
	     LOGFMT},
	    {LABELS("\"a\":\"\\u0062\",\"c\":\"\\/\""),
	     "ts=- status=firing a=\"b\" c=\"/\"\n", LOGFMT},
	    {LABELS("\"a\":\"x\\nts=1 status=firing\",\"b\":\"\\u001b[m\","
		    "\"c\":\"\\u202e\x7f\""),
	     "ts=- status=firing a=\"x\\nts=1 status=firing\" b=\"\\x1b[m\" "
	     "c=\"\\u202e\\x7f\"\n",
	     LOGFMT},
	    {LABELS("\"severity\":\"a b\",\"alertname\":\"c=\\\"d\\\"\""),
	     "ts=- status=firing severity=\"a b\" alertname=\"c=\\\"d\\\"\"\n",
	     LOGFMT},
	    /* keys that could be taken for something else */
	    {LABELS("\"a b\":\"1\",\"c=d\":\"2\",\"e\\\"f\":\"3\","
		    "\"g\\nh\":\"4\",\"i\\u202ej\":\"5\",\"k\\\\l\":\"6\","
		    "\"\xc3\xa4.x\":\"7\""),
	     "ts=- status=firing a_b=1 c_d=2 e_f=3 g_h=4 i_j=5 k_l=6 "
	     "\xc3\xa4.x=7\n",
	     LOGFMT},
	    /* a label named as one of ours stays apart from it */
	    {LABELS("\"ts\":\"1\",\"status\":\"2\",\"summary\":\"3\","
		    "\"description\":\"4\",\"m\\u0065ssage\":\"5\","
		    "\"notice\":\"6\",\"\":\"7\",\"Status\":\"8\""),
	     "ts=- status=firing label_ts=1 label_status=2 label_summary=3 "
	     "label_description=4 label_message=5 label_notice=6 label_=7 "
	     "Status=8\n",
	     LOGFMT},
	    /* times */
	    {STARTS("a b"), "ts=\"a b\" status=firing\n", LOGFMT},
	    {STARTS("a\\\"b"), "ts=\"a\\\"b\" status=firing\n", LOGFMT},
	    {STARTS("a\\nstatus=x"), "ts=\"a\\nstatus=x\" status=firing\n",
	     LOGFMT},
	    {STARTS("2026-11-24T01:55:52.5Z"),
	     "ts=2026-11-24T01:55:52Z status=firing\n", LOGFMT},
	    {STARTS("0123456789012345678901234567890123456789012345678901234567"
		    "890123456789"),
	     "ts=0123456789012345678901234567890123456789012345678901234567"
	     "890123456789 status=firing\n",
	     LOGFMT},
	    {STARTS("\xc3\xa4"),
	     "ts=? status=firing\n",
	     {.kind = FORMAT_LOGFMT, .ascii = true}},
	    /* ascii, width, colour */
	    {LABELS("\"\xc3\xa4\":\"\xc3\xa4\""),
	     "ts=- status=firing ?=\"?\"\n",
	     {.kind = FORMAT_LOGFMT, .ascii = true}},
	    {SUMMARY("long"),
	     "ts=- status=firing s\xe2\x80\xa6\n",
	     {.kind = FORMAT_LOGFMT, .width = 21}},
	    {SUMMARY("s"),
	     "\x1b[31mts=- status=firing summary=s\x1b[0m\n",
	     {.kind = FORMAT_LOGFMT, .colour = true}},
	};
	(void)state;
	check_rows(table, COUNT(table));
}

#define LEFT_OUT_ALONE \
	"{\"notice\":\"left_out\",\"count\":1,\"receiver\":\"r\"}\n"

static void writes_notices(void **state)
{
	static const struct {
		enum record_kind kind;
		uint64_t count;
		const char *receiver;
		struct format f;
		const char *line;
	} table[] = {
	    {RECORD_NOTICE_TRUNCATED,
	     5,
	     "\"ops\"",
	     {.kind = FORMAT_LINE},
	     "2026-11-24T01:55:52Z NOTICE 5 alerts were left out by the "
	     "sender, receiver ops\n"},
	    {RECORD_NOTICE_TRUNCATED,
	     1,
	     "",
	     {.kind = FORMAT_LINE},
	     "2026-11-24T01:55:52Z NOTICE 1 alert was left out by the sender"
	     "\n"},
	    {RECORD_NOTICE_LEFT_OUT,
	     1,
	     "\"a\\n\\u001b\"",
	     {.kind = FORMAT_LINE},
	     "2026-11-24T01:55:52Z NOTICE 1 alert was left out, receiver "
	     "a\\n\\x1b\n"},
	    {RECORD_NOTICE_TRUNCATED,
	     5,
	     "\"ops\"",
	     {.kind = FORMAT_JSON},
	     "{\"notice\":\"truncated\",\"count\":5,\"receiver\":\"ops\"}\n"},
	    {RECORD_NOTICE_LEFT_OUT,
	     1,
	     "",
	     {.kind = FORMAT_JSON},
	     "{\"notice\":\"left_out\",\"count\":1}\n"},
	    {RECORD_NOTICE_LEFT_OUT,
	     1,
	     "null",
	     {.kind = FORMAT_JSON},
	     "{\"notice\":\"left_out\",\"count\":1,\"receiver\":null}\n"},
	    {RECORD_NOTICE_TRUNCATED, UINT64_MAX, "\"a b\"", LOGFMT,
	     "ts=2026-11-24T01:55:52Z status=notice notice=truncated "
	     "count=18446744073709551615 receiver=\"a b\"\n"},
	    {RECORD_NOTICE_LEFT_OUT, 2, "null", LOGFMT,
	     "ts=2026-11-24T01:55:52Z status=notice notice=left_out count=2"
	     "\n"},
	    {RECORD_NOTICE_TRUNCATED,
	     5,
	     "\"\xc3\xa4\"",
	     {.kind = FORMAT_LINE, .ascii = true, .crlf = true},
	     "2026-11-24T01:55:52Z NOTICE 5 alerts were left out by the "
	     "sender, receiver ?\r\n"},
	    {RECORD_NOTICE_LOST,
	     2,
	     "",
	     {.kind = FORMAT_LINE},
	     "2026-11-24T01:55:52Z NOTICE at least 2 alerts were lost to "
	     "damage of the spool\n"},
	    {RECORD_NOTICE_LOST,
	     1,
	     "",
	     {.kind = FORMAT_JSON},
	     "{\"notice\":\"lost\",\"count\":1}\n"},
	    {RECORD_NOTICE_SKIPPED,
	     1,
	     "",
	     {.kind = FORMAT_LINE},
	     "2026-11-24T01:55:52Z NOTICE 1 alert was skipped, having waited "
	     "too long\n"},
	    {RECORD_NOTICE_DROPPED, 2, "", LOGFMT,
	     "ts=2026-11-24T01:55:52Z status=notice notice=dropped count=2\n"},
	    {RECORD_NOTICE_DROPPED,
	     1,
	     "",
	     {.kind = FORMAT_LINE},
	     "2026-11-24T01:55:52Z NOTICE 1 alert was dropped here for newer "
	     "ones\n"},
	    {RECORD_NOTICE_SKIPPED, 3, "", LOGFMT,
	     "ts=2026-11-24T01:55:52Z status=notice notice=skipped count=3\n"},
	    {RECORD_NOTICE_TRUNCATED,
	     5,
	     "\"ops\"",
	     {.kind = FORMAT_LINE, .width = 30},
	     "2026-11-24T01:55:52Z NOTICE 5\xe2\x80\xa6\n"},
	    {RECORD_NOTICE_TRUNCATED,
	     1,
	     "",
	     {.colour = true},
	     "\x1b[33m2026-11-24T01:55:52Z NOTICE 1 alert was left out by the "
	     "sender\x1b[0m\n"},
	    {RECORD_NOTICE_TRUNCATED,
	     1,
	     "",
	     {.bell = {SPAN("severity"), SPAN(""), false}},
	     "2026-11-24T01:55:52Z NOTICE 1 alert was left out by the sender"
	     "\n"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct record r = {.kind = table[i].kind,
				   .count = table[i].count,
				   .received_s = 1795485352,
				   .envelope.receiver = raw(table[i].receiver)};
		struct buf out = buf_of(out_bytes, LIMIT_LINE);
		assert_true(render_record(&out, &table[i].f, &r, NULL));
		CHECK_SPAN(buf_span(&out), span_of(table[i].line), "row %zu",
			   i);
		check_line(buf_span(&out), &table[i].f);
	}
}

static void chooses_alerts(void **state)
{
#define MATCH(l, v)                     \
	{                               \
		SPAN(l), SPAN(v), false \
	}
#define DIFFERS(l, v)                  \
	{                              \
		SPAN(l), SPAN(v), true \
	}
	static const struct {
		const char *json;
		enum alert_status status;
		struct filter f;
		bool wants;
	} table[] = {
	    {"{}", ALERT_FIRING, {.matches = 0}, true},
	    {"{}", ALERT_RESOLVED, {.matches = 0}, true},
	    {"{}", ALERT_RESOLVED, {.skip_resolved = true}, false},
	    {"{\"status\":\"resolved\"}",
	     ALERT_FIRING,
	     {.skip_resolved = true},
	     false},
	    {"{\"status\":\"firing\"}",
	     ALERT_RESOLVED,
	     {.skip_resolved = true},
	     true},
	    {LABELS("\"a\":\"b\""),
	     ALERT_FIRING,
	     {.matches = 1, .match = {MATCH("a", "b")}},
	     true},
	    {LABELS("\"a\":\"\\u0062\""),
	     ALERT_FIRING,
	     {.matches = 1, .match = {MATCH("a", "b")}},
	     true},
	    {LABELS("\"a\":\"bc\""),
	     ALERT_FIRING,
	     {.matches = 1, .match = {MATCH("a", "b")}},
	     false},
	    {LABELS("\"a\":\"b\""),
	     ALERT_FIRING,
	     {.matches = 1, .match = {DIFFERS("a", "b")}},
	     false},
	    {LABELS("\"a\":\"c\""),
	     ALERT_FIRING,
	     {.matches = 1, .match = {DIFFERS("a", "b")}},
	     true},
	    /* a missing label is an empty one */
	    {"{}",
	     ALERT_FIRING,
	     {.matches = 1, .match = {MATCH("a", "b")}},
	     false},
	    {"{}",
	     ALERT_FIRING,
	     {.matches = 1, .match = {MATCH("a", "")}},
	     true},
	    {"{}",
	     ALERT_FIRING,
	     {.matches = 1, .match = {DIFFERS("a", "")}},
	     false},
	    {"{}",
	     ALERT_FIRING,
	     {.matches = 1, .match = {DIFFERS("a", "b")}},
	     true},
	    {LABELS("\"a\":\"\""),
	     ALERT_FIRING,
	     {.matches = 1, .match = {MATCH("a", "")}},
	     true},
	    /* all must hold */
	    {LABELS("\"a\":\"1\",\"b\":\"2\""),
	     ALERT_FIRING,
	     {.matches = 2, .match = {MATCH("a", "1"), MATCH("b", "2")}},
	     true},
	    {LABELS("\"a\":\"1\",\"b\":\"2\""),
	     ALERT_FIRING,
	     {.matches = 2, .match = {MATCH("a", "1"), DIFFERS("b", "2")}},
	     false},
	    {LABELS("\"a\":\"1\",\"b\":\"2\""),
	     ALERT_FIRING,
	     {.matches = 2, .match = {MATCH("a", "2"), MATCH("b", "2")}},
	     false},
	    /* annotations are no labels */
	    {SUMMARY("b"),
	     ALERT_FIRING,
	     {.matches = 1, .match = {MATCH("summary", "b")}},
	     false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char why_bytes[64];
		struct buf why = buf_of(why_bytes, sizeof why_bytes);
		struct envelope e = {.status = table[i].status};
		assert_int_equal(
		    alert_parse(&alert, &reader, span_of(table[i].json), &why),
		    STATUS_OK);
		CHECK(filter_wants(&table[i].f, &e, &alert) == table[i].wants,
		      "row %zu", i);
	}
}

static char large[LIMIT_ALERT];

/* The largest alert of characters that grow most, in every format. */
static void fits_the_largest(void **state)
{
	static const char *const fills[] = {
	    "\x7f", "\xe2\x80\xae", "\xc2\x80",         "\\u001b", "\\\"",
	    "\"",   "\\n",          "\xf0\x9f\x98\x80", "=",       "\\\\"};
	static char receiver[LIMIT_ENVELOPE];
	(void)state;
	memset(receiver, 0x7f, sizeof receiver);
	receiver[0] = receiver[sizeof receiver - 1] = '"';
	struct envelope e = {.receiver = {receiver, sizeof receiver}};
	for (size_t i = 0; i < COUNT(fills); i++) {
		bool quote = fills[i][0] == '"';
		struct buf b = buf_of(large, sizeof large);
		buf_str(&b, "{\"labels\":{\"");
		while (b.n < sizeof large / 2)
			buf_str(&b, quote ? "\\\"" : fills[i]);
		buf_str(&b, "\":\"");
		while (b.n < sizeof large - 20)
			buf_str(&b, quote ? "\\\"" : fills[i]);
		buf_str(&b, "\"}}");
		assert_false(b.cut);
		for (unsigned k = 0; k < 12; k++) {
			struct format f = {.kind = (enum format_kind)(k % 3),
					   .ascii = k & 1,
					   .crlf = k & 2,
					   .colour = k % 3 != 1 && k > 6};
			struct buf out;
			CHECK(render(&out, &f, &e, buf_span(&b)),
			      "row %zu, format %u: cut", i, k);
			check_line(buf_span(&out), &f);
		}
	}
}

/* A line that does not fit is cut at a character and marked. */
static void cuts_what_does_not_fit(void **state)
{
	/* the last one of the second leaves just the room for a mark */
	static const struct span jsons[] = {
	    SPAN(SUMMARY("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"
			 "abcdef")),
	    SPAN(SUMMARY("abcdefghijklmnop\xf0\x9f\x98\x80")),
	};
	(void)state;
	for (size_t round = 2 * 24; round < 2 * 60; round++) {
		size_t room = round / 2;
		struct span json = jsons[round % 2];
		for (unsigned ascii = 0; ascii < 2; ascii++) {
			char why_bytes[64];
			struct buf why = buf_of(why_bytes, sizeof why_bytes);
			struct format f = {.ascii = ascii};
			struct record r = {.kind = RECORD_ALERT, .json = json};
			assert_int_equal(
			    alert_parse(&alert, &reader, json, &why),
			    STATUS_OK);
			struct buf out = buf_of(out_bytes, room);
			bool whole = render_record(&out, &f, &r, &alert);
			assert_false(out.cut);
			check_line(buf_span(&out), &f);
			struct span line = {out.p, out.n - 1};
			struct span mark =
			    ascii ? SPAN(">") : SPAN("\xe2\x80\xa6");
			bool marked =
			    line.n >= mark.n && memcmp(line.p + line.n - mark.n,
						       mark.p, mark.n) == 0;
			CHECK(marked == !whole, "room %zu: %.*s", room,
			      (int)line.n, line.p);
		}
	}
}

/* Lines are appended, and room that is used up is not written over. */
static void appends(void **state)
{
	struct format f = {.kind = FORMAT_LINE};
	struct record r = {.kind = RECORD_NOTICE_TRUNCATED, .count = 1};
	struct buf out = buf_of(out_bytes, sizeof out_bytes);
	(void)state;
	assert_true(render_record(&out, &f, &r, NULL));
	assert_true(render_record(&out, &f, &r, NULL));
	CHECK_SPAN(
	    buf_span(&out),
	    SPAN("1970-01-01T00:00:00Z NOTICE 1 alert was left out by the "
		 "sender\n1970-01-01T00:00:00Z NOTICE 1 alert was left out by "
		 "the sender\n"),
	    "two");
}

/* What a notice tells of an alert that was left out. */
static void names_what_was_left_out(void **state)
{
	static const struct {
		struct span json;
		struct format f;
		const char *line;
	} table[] = {
	    {SPAN("[\"A\\n\",\"00ff\",\"alerts[1].x: expected \\\"y\\\"\"]"),
	     {.kind = FORMAT_LINE},
	     "2026-11-24T01:55:52Z NOTICE 1 alert was left out: A\\n, "
	     "fingerprint 00ff, alerts[1].x: expected \"y\", receiver r\n"},
	    {SPAN("[\"A\\n\",\"00ff\",\"alerts[1].x: expected \\\"y\\\"\"]"),
	     {.kind = FORMAT_JSON},
	     "{\"notice\":\"left_out\",\"count\":1,\"receiver\":\"r\","
	     "\"alertname\":\"A\\n\",\"fingerprint\":\"00ff\","
	     "\"reason\":\"alerts[1].x: expected \\\"y\\\"\"}\n"},
	    {SPAN("[null,\"00ff\",\"why not\"]"), LOGFMT,
	     "ts=2026-11-24T01:55:52Z status=notice notice=left_out count=1 "
	     "receiver=r fingerprint=00ff reason=\"why not\"\n"},
	    {SPAN("[null,null,\"w\"]"),
	     {.kind = FORMAT_LINE},
	     "2026-11-24T01:55:52Z NOTICE 1 alert was left out, w, receiver "
	     "r\n"},
	    /* of a spool file that says something else */
	    {SPAN("["), {.kind = FORMAT_JSON}, LEFT_OUT_ALONE},
	    {SPAN("[\""), {.kind = FORMAT_JSON}, LEFT_OUT_ALONE},
	    {SPAN("nul"), {.kind = FORMAT_JSON}, LEFT_OUT_ALONE},
	    {SPAN(""), {.kind = FORMAT_JSON}, LEFT_OUT_ALONE},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct record r = {.kind = RECORD_NOTICE_LEFT_OUT,
				   .count = 1,
				   .received_s = 1795485352,
				   .envelope.receiver = SPAN("\"r\""),
				   .json = table[i].json};
		struct buf out = buf_of(out_bytes, LIMIT_LINE);
		assert_true(render_record(&out, &table[i].f, &r, NULL));
		CHECK_SPAN(buf_span(&out), span_of(table[i].line), "row %zu",
			   i);
		check_line(buf_span(&out), &table[i].f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_line),
	    cmocka_unit_test(writes_json),
	    cmocka_unit_test(writes_logfmt),
	    cmocka_unit_test(writes_notices),
	    cmocka_unit_test(names_what_was_left_out),
	    cmocka_unit_test(chooses_alerts),
	    cmocka_unit_test(fits_the_largest),
	    cmocka_unit_test(cuts_what_does_not_fit),
	    cmocka_unit_test(appends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
