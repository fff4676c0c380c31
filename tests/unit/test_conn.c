/* test_conn.c - conn.h: requests in, answers out, with an owner that stands in
 * for the server: it brings bytes and time, and moves the cursors. */
#include "check.h"

#include "conn/conn.h"
#include "render/render.h"
#include "json/json.h"

/* rows leave out what is zero */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

enum { RING = (2 * SPOOL_RECORD_MAX + 7) / 8 * 8, DEADLINE_NONE = -1 };

static struct conn conn;
static struct service service;
static struct config config;
static struct config_input input;
static struct intake intake;
static struct auth auth;
static struct counters counters;
static struct receive_memory memory;
static struct deadman deadman;
static struct spool spool;
static char ring[LIMIT_SPOOL_MEMORY];
static struct alert alert;
static struct alert_reader reader;

static char answer_bytes[1 << 16], line_bytes[1 << 18], told_bytes[1 << 10];
static struct buf answers, lines, told;
static uint64_t lines_read; /* a position in the spool */
static bool stalled;        /* sinks take nothing */
static size_t sink_step;    /* records that sinks take at once; 0: all */

static void start(size_t ring_size, int argc, const char *const *argv)
{
	char bytes[256];
	struct buf error = buf_of(bytes, sizeof bytes);
	memset(&input, 0, sizeof input);
	CHECK(config_add_arguments(&input, argc, argv, &error) &&
		  config_apply(&input, &config, &error),
	      "%.*s", (int)error.n, error.p);
	spool_init(&spool, ring, ring_size, config.sinks);
	memset(&counters, 0, sizeof counters);
	memset(&intake, 0, sizeof intake);
	memset(&auth, 0, sizeof auth);
	deadman = (struct deadman){.config = &config};
	intake.spool = &spool;
	intake.config = &config;
	intake.counters = &counters;
	service = (struct service){.config = &config,
				   .auth = &auth,
				   .intake = &intake,
				   .counters = &counters,
				   .memory = &memory,
				   .deadman = &deadman,
				   .now = {1000, 0}};
	answers = buf_of(answer_bytes, sizeof answer_bytes);
	lines = buf_of(line_bytes, sizeof line_bytes);
	told = buf_of(told_bytes, sizeof told_bytes);
	lines_read = 0;
	stalled = false;
	sink_step = 0;
	memset(&conn, 0xa5, sizeof conn);
	conn_open(&conn, 3, service.now.ms);
}

static void start_plain(void)
{
	start(sizeof ring, 0, NULL);
}

/* Sinks take what is queued. True if there was something. */
static bool run_sinks(void)
{
	struct record r;
	size_t n = 0;
	if (stalled)
		return false;
	while ((sink_step == 0 || n < sink_step) &&
	       spool_get(&spool, &lines_read, &r)) {
		char why_bytes[64];
		struct buf why = buf_of(why_bytes, sizeof why_bytes);
		struct buf room = buf_of(lines.p + lines.n, lines.cap);
		struct format f = {.kind = FORMAT_LINE};
		struct alert *a = NULL;
		if (r.kind == RECORD_ALERT) {
			assert_int_equal(
			    alert_parse(&alert, &reader, r.json, &why),
			    STATUS_OK);
			a = &alert;
		}
		/* a scratch that is large enough; then what fits is kept */
		static char scratch[LIMIT_LINE];
		room = buf_of(scratch, sizeof scratch);
		render_record(&room, &f, &r, a);
		buf_put(&lines, buf_span(&room));
		n++;
	}
	for (unsigned i = 0; i < spool.cursors; i++)
		spool.cursor[i] = spool.keep[i] = lines_read;
	service.progress += n;
	return n != 0;
}

static void answer_question(void)
{
	static const struct span pages[] = {
	    [REQUEST_METRICS] = SPAN("metrics\n"),
	    [REQUEST_HEALTHY] = SPAN("healthy\n"),
	    [REQUEST_READY] = SPAN("ready\n"),
	    [REQUEST_NOTIFICATION] = SPAN("?\n"),
	};
	conn_answer_page(&conn, &service, STATUS_OK, pages[conn.target],
			 "text/plain");
}

/* Steps until it rests, and does what it asks for. */
static void step(void)
{
	static bool odd;
	for (;;) {
		switch (conn_step(&conn, &service)) {
		case CONN_RESTS:
			return;
		case CONN_YIELDS:
			conn_grant(&conn);
			break;
		case CONN_ASKS:
			answer_question();
			break;
		case CONN_TOOK_OTHER_VERSION:
			odd = true;
			break;
		case CONN_ANSWERED:
			buf_u64(&told, status_info(conn.answer.status)->code);
			buf_char(&told, odd ? '!' : ' ');
			odd = false;
			break;
		}
	}
}

/* All that the owner does between two reads. */
static void attend(size_t out_step)
{
	struct span out;
	do {
		step();
		out = conn_output(&conn);
		if (out_step && out.n > out_step)
			out.n = out_step;
		if (out.n) {
			buf_put(&answers, out);
			conn_sent(&conn, out.n);
		}
	} while (out.n || run_sinks());
}

static void attend_all(void)
{
	attend(0);
}

/* Hands bytes over, `first` of them, then `step` at a time; returns how many
 * were taken. */
static size_t send_bytes(struct span in, size_t first, size_t step,
			 size_t out_step)
{
	size_t at = 0;
	for (size_t n = first; at < in.n; n = step) {
		size_t room;
		if (n > in.n - at)
			n = in.n - at;
		while (n) {
			char *p = conn_room(&conn, &room);
			if (room == 0 || conn.state == CONN_LINGER ||
			    conn.state == CONN_CLOSED)
				return at;
			if (room > n)
				room = n;
			memcpy(p, in.p + at, room);
			conn_received(&conn, room);
			at += room;
			n -= room;
			attend(out_step);
		}
	}
	return at;
}

static void send_text(const char *text)
{
	send_bytes(span_of(text), strlen(text), 1, 0);
}

/* A head's '#' becomes the length of its body, which ends at '|'. */
static struct span compose(struct buf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '#') {
			const char *body = strstr(p, "\r\n\r\n");
			assert_non_null(body);
			buf_u64(b, strcspn(body + 4, "|"));
		} else if (*p != '|') {
			buf_char(b, *p);
		}
	}
	assert_false(b->cut);
	return buf_span(b);
}

static struct span take_line(struct span *s)
{
	struct span line;
	CHECK(span_split(s, '\n', &line) && line.n &&
		  line.p[line.n - 1] == '\r',
	      "an answer without CRLF");
	line.n--;
	return line;
}

/* The answers so far as words: code, what matters of the head, body. */
static void describe(struct buf *b)
{
	struct span s = buf_span(&answers);
	while (s.n) {
		struct span line = take_line(&s);
		uint64_t length = 0;
		CHECK(span_starts(line, SPAN("HTTP/1.1 ")), "%.*s", (int)line.n,
		      line.p);
		buf_put(b, (struct span){line.p + 9, 3});
		bool interim = line.p[9] == '1';
		while ((line = take_line(&s)).n) {
			if (span_starts(line, SPAN("Content-Length: ")))
				span_u64(span_skip(line, 16), &length);
			else if (span_starts(line, SPAN("Connection: ")))
				buf_put(b, span_skip(line, 11));
			else if (span_starts(line, SPAN("Allow: ")) ||
				 span_starts(line, SPAN("Retry-After: ")) ||
				 span_starts(line, SPAN("WWW-"))) {
				buf_char(b, ' ');
				buf_put(b, line);
			}
		}
		if (interim) {
			buf_str(b, "\n");
			continue;
		}
		buf_str(b, ": ");
		if (s.n == 0 || span_starts(s, SPAN("HTTP/1.1 "))) {
			buf_str(b, "(no body)\n");
			continue;
		}
		CHECK(length <= s.n, "Content-Length: %u of %u",
		      (unsigned)length, (unsigned)s.n);
		buf_put(b, (struct span){s.p, (size_t)length});
		s = span_skip(s, (size_t)length);
	}
}

static void check_answers(const char *want, const char *place)
{
	char bytes[2048];
	struct buf b = buf_of(bytes, sizeof bytes);
	describe(&b);
	CHECK_SPAN(buf_span(&b), span_of(want), "%s", place);
}

#define POST "POST /webhook HTTP/1.1\r\nHost: a\r\n"
#define JSON "Content-Type: application/json\r\n"
#define HEAD POST JSON "Content-Length: #\r\n\r\n"
#define ONE                                                                    \
	"{\"status\":\"firing\",\"alerts\":[{\"labels\":{\"alertname\":\"A\"}" \
	"}]}"
#define TWO                                                                    \
	"{\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"A\"}" \
	"},"                                                                   \
	"{\"status\":\"resolved\",\"labels\":{\"alertname\":\"B\"}}]}"
#define HEALTH "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"
#define LINE_A "- FIRING - A\n"
#define LINE_B "- RESOLVED - B\n"

struct row {
	const char *requests, *answers, *lines;
	enum conn_state end;
	bool eof; /* the peer then says that it has said all */
};

static void run_row(const struct row *row, struct span in, size_t first,
		    size_t step, size_t out_step, const char *place)
{
	start(sizeof ring, 2, (const char *const[]){"--max-body", "40000"});
	send_bytes(in, first, step, out_step);
	if (row->eof) {
		conn_ended(&conn);
		attend_all();
	}
	check_answers(row->answers, place);
	CHECK_SPAN(buf_span(&lines), span_of(row->lines ? row->lines : ""),
		   "%s", place);
	CHECK(conn.state == row->end, "%s: state %u", place,
	      (unsigned)conn.state);
	/* nothing stays claimed once all is answered */
	if (conn.state == CONN_HEAD || conn.state == CONN_LINGER)
		for (size_t i = 0; i < LIMIT_UNACKED; i++)
			CHECK(intake.recall.entry[i].claims == 0,
			      "%s: a claim is left", place);
}

/* The same however requests and answers are split. */
static void check_rows(const struct row *row, size_t rows)
{
	static char bytes[8192];
	for (size_t i = 0; i < rows; i++) {
		char place[64];
		struct buf b = buf_of(bytes, sizeof bytes);
		struct span in = compose(&b, row[i].requests);
		snprintf(place, sizeof place, "row %zu, whole", i);
		run_row(&row[i], in, in.n, 1, 0, place);
		snprintf(place, sizeof place, "row %zu, byte by byte", i);
		run_row(&row[i], in, 1, 1, 1, place);
		for (size_t first = 1; first < in.n; first++) {
			snprintf(place, sizeof place, "row %zu, split at %zu",
				 i, first);
			run_row(&row[i], in, first, in.n, 7, place);
		}
	}
}

static void refuses(void **state)
{
	static const struct row table[] = {
	    /* what makes the next request unfindable closes */
	    {"GET /\r\n\r\n" HEALTH, "400 close: malformed request line\n",
	     NULL, CONN_LINGER},
	    {"GET / HTTP/1.1\nHost: a\n\n",
	     "400 close: control character in the head, or a line that does "
	     "not end in CRLF\n",
	     NULL, CONN_LINGER},
	    {"\x16\x03\x01",
	     "400 close: control character in the head, or a "
	     "line that does not end in CRLF: the client "
	     "speaks TLS, this port does not\n",
	     NULL, CONN_LINGER},
	    {"PROXY UNKNOWN\r\n" HEALTH,
	     "400 close: malformed request line: it begins as the PROXY "
	     "protocol does, which is not spoken here\n",
	     NULL, CONN_LINGER},
	    {"\r\n\r\n",
	     "400 close: malformed request line: it begins as the "
	     "PROXY protocol does, which is not spoken here\n",
	     NULL, CONN_LINGER},
	    {"GET / HTTP/1.1\r\n\r\n" HEALTH,
	     "400 close: exactly one valid Host is required\n", NULL,
	     CONN_LINGER},
	    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
	     "400 close: malformed header field\n", NULL, CONN_LINGER},
	    {POST JSON "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "0\r\n\r\n",
	     "400 close: exactly one Content-Length of digits only, and none "
	     "beside Transfer-Encoding, is required\n",
	     NULL, CONN_LINGER},
	    {POST JSON "Transfer-Encoding: chunked, chunked\r\n\r\n",
	     "400 close: ambiguous Transfer-Encoding\n", NULL, CONN_LINGER},
	    {POST JSON "Transfer-Encoding: gzip, chunked\r\n\r\n",
	     "501 close: only chunked is supported in Transfer-Encoding\n",
	     NULL, CONN_LINGER},
	    {"GET / HTTP/2.0\r\n\r\n",
	     "505 close: only HTTP/1.1 and HTTP/1.0 are supported\n", NULL,
	     CONN_LINGER},
	    {POST JSON "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x",
	     "400 close: malformed chunked body\n", NULL, CONN_LINGER},
	    {POST JSON
	     "Transfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n",
	     "400 close: malformed chunked body\n", NULL, CONN_LINGER},
	    /* what does not, does not */
	    {"GET /nope HTTP/1.1\r\nHost: a\r\n\r\n" HEALTH,
	     "404: no such path: notifications are posted to /webhook\n200: "
	     "healthy\n",
	     NULL, CONN_HEAD},
	    {"POST /api/v2/alerts HTTP/1.1\r\nHost: a\r\nContent-Length: "
	     "#\r\n\r\n[]|" HEALTH,
	     "404: no such path: this is no Alertmanager; notifications are "
	     "posted to /webhook\n200: healthy\n",
	     NULL, CONN_HEAD},
	    {"GET /webhook/ HTTP/1.1\r\nHost: a\r\n\r\n" HEALTH,
	     "404: no such path: notifications are posted to /webhook\n200: "
	     "healthy\n",
	     NULL, CONN_HEAD},
	    {"GET /webhook HTTP/1.1\r\nHost: a\r\n\r\n" HEALTH,
	     "405 Allow: POST, PUT: method not allowed here: notifications are "
	     "posted to /webhook\n200: healthy\n",
	     NULL, CONN_HEAD},
	    {"HEAD /webhook HTTP/1.1\r\nHost: a\r\n\r\n" HEALTH,
	     "405 Allow: POST, PUT: (no body)\n200: healthy\n", NULL,
	     CONN_HEAD},
	    {"DELETE /webhook HTTP/1.1\r\nHost: a\r\n\r\n" HEALTH,
	     "405 Allow: POST, PUT: method not allowed here: notifications are "
	     "posted to /webhook\n200: healthy\n",
	     NULL, CONN_HEAD},
	    {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: #\r\n\r\n"
	     "abc|" HEALTH,
	     "405 Allow: GET, HEAD: method not allowed here: notifications are "
	     "posted to /webhook\n200: healthy\n",
	     NULL, CONN_HEAD},
	    {"BREW /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: #\r\n\r\n"
	     "abc|" HEALTH,
	     "501: unknown method\n200: healthy\n", NULL, CONN_HEAD},
	    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" HEALTH,
	     "404: no such path: notifications are posted to /webhook\n200: "
	     "healthy\n",
	     NULL, CONN_HEAD},
	    {POST JSON "\r\n" HEALTH,
	     "411: a body needs Content-Length or Transfer-Encoding: "
	     "chunked\n200: healthy\n",
	     NULL, CONN_HEAD},
	    {POST "Content-Length: #\r\n\r\n" TWO "|" HEALTH,
	     "415: Content-Type must be application/json\n200: healthy\n", NULL,
	     CONN_HEAD},
	    {POST "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"
		  "\r\n3;a\r\nabc\r\n0\r\nX: y\r\n\r\n" HEALTH,
	     "415: Content-Type must be application/json\n200: healthy\n", NULL,
	     CONN_HEAD},
	    {POST JSON "Content-Encoding: gzip\r\nContent-Length: #\r\n\r\n" TWO
		       "|" HEALTH,
	     "415: Content-Encoding must be identity\n200: healthy\n", NULL,
	     CONN_HEAD},
	    {POST JSON "Content-Length: 40001\r\n\r\n",
	     "413 close: body larger than --max-body\n", NULL, CONN_LINGER},
	    {POST JSON "Content-Length: 99999999999999999999\r\n\r\n",
	     "413 close: body larger than --max-body\n", NULL, CONN_LINGER},
	    {POST JSON "Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
	     "413 close: body larger than --max-body\n", NULL, CONN_LINGER},
	    {HEAD "{\"alerts\":[}|" HEALTH,
	     "400: not JSON: byte 11: expected a value or ']'\n200: healthy\n",
	     NULL, CONN_HEAD},
	    {HEAD "{\"alerts\":[|" HEALTH,
	     "400: not JSON: byte 11: expected more, the text is cut\n"
	     "200: healthy\n",
	     NULL, CONN_HEAD},
	    {HEAD "\xef\xbb\xbf{}|" HEALTH,
	     "400: not JSON: byte 0: expected a value, not a byte order mark "
	     "(U+FEFF)\n200: healthy\n",
	     NULL, CONN_HEAD},
	    {POST JSON "Content-Length: 0\r\n\r\n" HEALTH,
	     "400: not JSON: byte 0: expected a value\n200: healthy\n", NULL,
	     CONN_HEAD},
	    {POST JSON "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HEALTH,
	     "400: not JSON: byte 0: expected a value\n200: healthy\n", NULL,
	     CONN_HEAD},
	    {HEAD "{}|" HEALTH,
	     "422: not a webhook payload: alerts: missing, expected an array\n"
	     "200: healthy\n",
	     NULL, CONN_HEAD},
	    {HEAD "{\"alerts\":[{}]}|" HEALTH,
	     "422: not a webhook payload: alerts[0].status: missing, and the "
	     "payload has none in front of it\n200: healthy\n",
	     NULL, CONN_HEAD},
	    {HEAD
	     "{\"alerts\":[{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]"
	     "]]]]]]]]]]]]]]]]]]]]]]]]]}]}|" HEALTH,
	     "413: JSON nested over 32 deep\n200: healthy\n", NULL, CONN_HEAD},
	    /* a body that never ends */
	    {POST JSON "Content-Length: 100\r\n\r\n{",
	     "400 close: the connection ended within the body\n", NULL,
	     CONN_CLOSED, true},
	    {POST JSON "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
	     "400 close: the connection ended within the body\n", NULL,
	     CONN_CLOSED, true},
	    {"BREW / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
	     "501 close: unknown method\n", NULL, CONN_CLOSED, true},
	    {"GET / HTT", "", NULL, CONN_CLOSED, true},
	    {"", "", NULL, CONN_CLOSED, true},
	    {"\r\n", "", NULL, CONN_CLOSED, true},
	};
	(void)state;
	check_rows(table, COUNT(table));
}

static void answers_requests(void **state)
{
	static const struct row table[] = {
	    {HEAD ONE "|", "200: accepted 1 alert\n", LINE_A, CONN_HEAD},
	    {HEAD TWO "|", "200: accepted 2 alerts\n", LINE_A LINE_B,
	     CONN_HEAD},
	    {HEAD "{\"alerts\":[]}|", "200: accepted 0 alerts\n", NULL,
	     CONN_HEAD},
	    {"PUT /webhook?x=y HTTP/1.1\r\nhost: a\r\ncontent-type: "
	     "application/json; charset=utf-8\r\ncontent-length: #\r\n\r\n" ONE
	     "|",
	     "200: accepted 1 alert\n", LINE_A, CONN_HEAD},
	    {"POST http://x/webhook HTTP/1.1\r\nHost: a\r\n" JSON
	     "Content-Length: #\r\n\r\n" ONE "|",
	     "200: accepted 1 alert\n", LINE_A, CONN_HEAD},
	    {POST JSON "Transfer-Encoding: chunked\r\n\r\n"
		       "b;x=\"y\"\r\n{\"alerts\":[\r\n"
		       "02\r\n]}\r\n0\r\nX: y\r\n\r\n",
	     "200: accepted 0 alerts\n", NULL, CONN_HEAD},
	    {POST JSON
	     "Transfer-Encoding: chunked\r\n\r\n"
	     "1\r\n{\r\n20\r\n\"status\":\"resolved\",\"alerts\":[{}\r"
	     "\n2\r\n]}\r\n0\r\n\r\n",
	     "200: accepted 1 alert\n", "- RESOLVED - -\n", CONN_HEAD},
	    /* one after the other, and all at once */
	    {HEAD ONE "|" HEAD TWO "|\r\n" HEALTH HEAD "{\"alerts\":[]}|",
	     "200: accepted 1 alert\n200: accepted 2 alerts\n200: healthy\n"
	     "200: accepted 0 alerts\n",
	     LINE_A LINE_A LINE_B, CONN_HEAD},
	    /* a repeat after its 200 is a new notification */
	    {HEAD ONE "|" HEAD ONE "|",
	     "200: accepted 1 alert\n200: accepted 1 alert\n", LINE_A LINE_A,
	     CONN_HEAD},
	    {HEAD "nope|" HEAD ONE "|",
	     "400: not JSON: byte 1: expected true, false or null\n"
	     "200: accepted 1 alert\n",
	     LINE_A, CONN_HEAD},
	    /* pages */
	    {HEALTH "HEAD /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"
		    "GET /-/ready?x HTTP/1.1\r\nHost: a\r\n\r\n"
		    "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: #\r\n"
		    "\r\nabc|" HEALTH,
	     "200: healthy\n200: (no body)\n200: ready\n200: metrics\n"
	     "200: healthy\n",
	     NULL, CONN_HEAD},
	    /* how long a connection lives */
	    {POST JSON "Connection: close\r\nContent-Length: #\r\n\r\n" ONE
		       "|" HEALTH,
	     "200 close: accepted 1 alert\n", LINE_A, CONN_LINGER},
	    {"GET /-/healthy HTTP/1.0\r\n\r\n" HEALTH, "200 close: healthy\n",
	     NULL, CONN_LINGER},
	    {"GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" HEALTH,
	     "200 keep-alive: healthy\n200: healthy\n", NULL, CONN_HEAD},
	    {"POST /webhook HTTP/1.0\r\n" JSON "Content-Length: #\r\n\r\n" ONE
	     "|",
	     "200 close: accepted 1 alert\n", LINE_A, CONN_LINGER},
	    {HEALTH "GET /-/he", "200: healthy\n", NULL, CONN_CLOSED, true},
	    {HEALTH, "200: healthy\n", NULL, CONN_CLOSED, true},
	    {POST JSON "Content-Length: #\r\nConnection: close\r\n\r\n" ONE "|",
	     "200 close: accepted 1 alert\n", LINE_A, CONN_CLOSED, true},
	    /* told of what is missing */
	    {HEAD "{\"receiver\":\"r\",\"truncatedAlerts\":2,\"alerts\":[{"
		  "\"status\":\"firing\"}]}|",
	     "200: accepted 1 alert\n",
	     "- FIRING - -\n1970-01-01T00:00:00Z NOTICE 2 alerts were left out "
	     "by the sender, receiver r\n",
	     CONN_HEAD},
	    /* the payload's status counts wherever it stands */
	    {HEAD "{\"alerts\":[{}],\"status\":\"resolved\"}|",
	     "200: accepted 1 alert\n", "- RESOLVED - -\n", CONN_HEAD},
	};
	(void)state;
	check_rows(table, COUNT(table));
}

static void writes_whole_answers(void **state)
{
	(void)state;
	start_plain();
	service.now.s = 1795485352;
	send_text(HEALTH);
	CHECK_SPAN(buf_span(&answers),
		   SPAN("HTTP/1.1 200 OK\r\n"
			"Date: Tue, 24 Nov 2026 01:55:52 GMT\r\n"
			"Content-Type: text/plain\r\nContent-Length: 8\r\n\r\n"
			"healthy\n"),
		   "healthy");
	answers.n = 0;
	send_text("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	CHECK_SPAN(buf_span(&answers),
		   SPAN("HTTP/1.1 404 Not Found\r\n"
			"Date: Tue, 24 Nov 2026 01:55:52 GMT\r\n"
			"Content-Type: text/plain; charset=utf-8\r\n"
			"Content-Length: 51\r\n\r\nno such path: notifications "
			"are posted to /webhook\n"),
		   "404");
	CHECK_SPAN(buf_span(&told), SPAN("200 404 "), "told");
	assert_int_equal(counters.requests[STATUS_NOT_FOUND], 1);
	assert_int_equal(counters.requests[STATUS_OK], 1);
	assert_int_equal(counters.notifications, 0);
}

static void continues(void **state)
{
	static const char head[] =
	    POST JSON "Expect: 100-continue\r\nContent-Length: 13\r\n\r\n";
	(void)state;
	start_plain();
	send_text(head);
	check_answers("100\n", "asked");
	send_text("{\"alerts\":[]}");
	check_answers("100\n200: accepted 0 alerts\n", "sent");
	assert_int_equal(conn.state, CONN_HEAD);

	/* whoever has sent the body already is not told to go on */
	start_plain();
	send_text(POST JSON "Expect: 100-continue\r\nContent-Length: 13\r\n\r\n"
			    "{\"alerts\":[]}");
	check_answers("200: accepted 0 alerts\n", "not asked");

	/* a refusal: nobody knows whether the body comes */
	start_plain();
	send_text("POST /no HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		  "Content-Length: 13\r\n\r\n");
	check_answers(
	    "404 close: no such path: notifications are posted to /webhook\n",
	    "refused");
	assert_int_equal(conn.state, CONN_LINGER);

	/* the same, whatever it is that the client waits for */
	start_plain();
	send_text(POST JSON "Expect: x\r\nContent-Length: 13\r\n\r\n");
	check_answers("417 close: only 100-continue can be expected\n", "x");
	assert_int_equal(conn.state, CONN_LINGER);

	start_plain();
	send_text(POST JSON "Expect: x\r\nContent-Length: 13\r\n\r\n"
			    "{\"alerts\":[]}" HEALTH);
	check_answers("417: only 100-continue can be expected\n"
		      "200: healthy\n",
		      "x, not asked");

	start_plain();
	send_text(POST JSON
		  "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n");
	check_answers("400: not JSON: byte 0: expected a value\n", "no body");

	/* HTTP/1.0 has no 100 */
	start_plain();
	send_text("POST /webhook HTTP/1.0\r\nHost: a\r\n" JSON
		  "Expect: 100-continue\r\nContent-Length: 13\r\n\r\n");
	check_answers("", "1.0");
	send_text("{\"alerts\":[]}");
	check_answers("200 close: accepted 0 alerts\n", "1.0");

	/* 100 not taken yet when the answer comes */
	start_plain();
	size_t room;
	char *p = conn_room(&conn, &room);
	memcpy(p, head, sizeof head - 1);
	conn_received(&conn, sizeof head - 1);
	conn_step(&conn, &service);
	assert_int_equal(conn_output(&conn).n, 25);
	p = conn_room(&conn, &room);
	memcpy(p, "{\"alerts\":[]}", 13);
	conn_received(&conn, 13);
	attend_all();
	check_answers("100\n200: accepted 0 alerts\n", "late");
}

static void asks_for_credentials(void **state)
{
	static const struct {
		const char *requests, *answers, *lines;
	} table[] = {
	    {HEALTH HEAD ONE "|" HEALTH,
	     "200: healthy\n401 WWW-Authenticate: Bearer realm=\"bellwire\": "
	     "no or wrong "
	     "credentials\n200: healthy\n",
	     ""},
	    {"GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
	     "nope\r\n\r\n",
	     "401 WWW-Authenticate: Bearer realm=\"bellwire\": no or wrong "
	     "credentials\n",
	     ""},
	    {POST JSON "Authorization: Bearer secret\r\nContent-Length: "
		       "#\r\n\r\n" ONE "|" HEAD ONE "|",
	     "200: accepted 1 alert\n401 WWW-Authenticate: Bearer "
	     "realm=\"bellwire\": no or "
	     "wrong credentials\n",
	     LINE_A},
	};
	char error_bytes[64];
	struct buf error = buf_of(error_bytes, sizeof error_bytes);
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[1024];
		struct buf b = buf_of(bytes, sizeof bytes);
		struct span in = compose(&b, table[i].requests);
		for (size_t step = 1; step <= in.n; step++) {
			start_plain();
			assert_true(
			    auth_add_tokens(&auth, SPAN("secret\n"), &error));
			send_bytes(in, step, step, 0);
			check_answers(table[i].answers, "credentials");
			CHECK_SPAN(buf_span(&lines), span_of(table[i].lines),
				   "row %zu", i);
		}
	}
	/* nothing of them stays in memory */
	for (size_t i = 0; i + 6 <= sizeof conn; i++)
		CHECK(memcmp((const char *)&conn + i, "secret", 6) != 0,
		      "at %zu", i);
}

/* HMAC-SHA256 with the key "secret", of ONE, of "0:" and ONE, of nothing. */
#define SIGNED "X-Grafana-Alerting-Signature: "
#define SIGNED_ONE                                \
	SIGNED "b2c1133d2460b92b02c30d72246c8179" \
	       "a40298f057030f7782d057a8d84e6426\r\n"
#define SIGNED_AT_0                                   \
	SIGNED "6e193b2ed1e605ec33181a62268c14c7"     \
	       "f5ee087d718706d5acc77a2e4366f27c\r\n" \
	       "X-Grafana-Alerting-Timestamp: 0\r\n"
#define SIGNED_NOTHING                            \
	SIGNED "f9e66e179b6747ae54108f82f8ade8b3" \
	       "c25d76fd30afde6c395822c530196169\r\n"
#define WHO                                                  \
	"WWW-Authenticate: HMAC-SHA256 realm=\"bellwire\", " \
	"header=\"X-Grafana-Alerting-Signature\": no or wrong credentials\n"

static void checks_signatures(void **state)
{
	static const struct {
		const char *requests, *answers, *lines;
	} table[] = {
	    {POST JSON SIGNED_ONE "Content-Length: #\r\n\r\n" ONE "|" HEALTH,
	     "200: accepted 1 alert\n200: healthy\n", LINE_A},
	    {POST JSON SIGNED_AT_0 "Content-Length: #\r\n\r\n" ONE "|",
	     "200: accepted 1 alert\n", LINE_A},
	    {POST JSON SIGNED_ONE "Transfer-Encoding: chunked\r\n\r\n"
				  "3b\r\n" ONE "\r\n0\r\n\r\n",
	     "200: accepted 1 alert\n", LINE_A},
	    /* of another body, or with a time that was not signed */
	    {POST JSON SIGNED_ONE "Content-Length: #\r\n\r\n" TWO "|" HEALTH,
	     "401 " WHO "200: healthy\n", ""},
	    {POST JSON SIGNED_ONE "X-Grafana-Alerting-Timestamp: 0\r\n"
				  "Content-Length: #\r\n\r\n" ONE "|",
	     "401 " WHO, ""},
	    {POST JSON SIGNED_NOTHING "Content-Length: #\r\n\r\n" ONE "|",
	     "401 " WHO, ""},
	    /* no signature, half of one, too late: no need to read the body */
	    {HEAD ONE "|" HEALTH, "401 " WHO "200: healthy\n", ""},
	    {POST JSON SIGNED "b2c1\r\nContent-Length: #\r\n\r\n" ONE "|",
	     "401 " WHO, ""},
	    {POST JSON SIGNED_ONE "X-Grafana-Alerting-Timestamp: 301\r\n"
				  "Content-Length: #\r\n\r\n" ONE "|",
	     "401 " WHO, ""},
	    /* that it is right is found out before anything else of the body */
	    {POST JSON SIGNED_ONE "Content-Length: #\r\n\r\n{}|", "401 " WHO,
	     ""},
	    {POST JSON SIGNED_ONE "Content-Length: 32769\r\n"
				  "Expect: 100-continue\r\n\r\n",
	     "413 close: a signed body larger than 32768 bytes: it could not "
	     "be checked before its alerts are emitted\n",
	     ""},
	    /* pages have no body */
	    {"GET /metrics HTTP/1.1\r\nHost: a\r\n" SIGNED_NOTHING "\r\n",
	     "200: metrics\n", ""},
	    {"GET /metrics HTTP/1.1\r\nHost: a\r\n" SIGNED_ONE "\r\n",
	     "401 " WHO, ""},
	    {"GET /webhook HTTP/1.1\r\nHost: a\r\n" SIGNED_NOTHING "\r\n",
	     "405 Allow: POST, PUT: method not allowed here: notifications are "
	     "posted to /webhook\n",
	     ""},
	    {"GET /webhook HTTP/1.1\r\nHost: a\r\n" SIGNED_ONE "\r\n",
	     "401 " WHO, ""},
	};
	char error_bytes[64];
	struct buf error = buf_of(error_bytes, sizeof error_bytes);
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[1024], place[32];
		struct buf b = buf_of(bytes, sizeof bytes);
		struct span in = compose(&b, table[i].requests);
		snprintf(place, sizeof place, "row %zu", i);
		for (size_t step = 1; step <= in.n; step++) {
			start_plain();
			assert_true(
			    auth_add_keys(&auth, SPAN("secret\n"), &error));
			send_bytes(in, step, step, 0);
			check_answers(table[i].answers, place);
			CHECK_SPAN(buf_span(&lines), span_of(table[i].lines),
				   "%s", place);
		}
	}
	/* beside a token, either is enough */
	char bytes[1024];
	for (size_t i = 0; i < 3; i++) {
		static const char *const fields[] = {
		    SIGNED_ONE, "Authorization: Bearer t\r\n", ""};
		struct buf b = buf_of(bytes, sizeof bytes);
		char request[1024];
		snprintf(request, sizeof request,
			 POST JSON "%sContent-Length: #\r\n\r\n" ONE "|",
			 fields[i]);
		start_plain();
		assert_true(auth_add_keys(&auth, SPAN("secret"), &error));
		assert_true(auth_add_tokens(&auth, SPAN("t"), &error));
		struct span in = compose(&b, request);
		send_bytes(in, in.n, 1, 0);
		check_answers(i < 2 ? "200: accepted 1 alert\n"
				    : "401 WWW-Authenticate: Bearer "
				      "realm=\"bellwire\": no or wrong "
				      "credentials\n",
			      "either");
	}
	/* more in chunks than can be checked; nothing of it is emitted */
	static char request_bytes[1 << 17], body_bytes[1 << 16];
	for (size_t n = LIMIT_WHOLE_BODY; n <= LIMIT_WHOLE_BODY + 1; n++) {
		struct buf d = buf_of(body_bytes, sizeof body_bytes);
		struct buf r = buf_of(request_bytes, sizeof request_bytes);
		buf_str(&d, ONE);
		while (d.n < n)
			buf_char(&d, ' ');
		buf_str(&r, POST JSON SIGNED_ONE
			"Transfer-Encoding: chunked\r\n\r\n");
		buf_padded(&r, d.n, 16, 1);
		buf_str(&r, "\r\n");
		buf_put(&r, buf_span(&d));
		buf_str(&r, "\r\n0\r\n\r\n" HEALTH);
		start_plain();
		assert_true(auth_add_keys(&auth, SPAN("secret"), &error));
		send_bytes(buf_span(&r), 999, 999, 0);
		check_answers(
		    n == LIMIT_WHOLE_BODY
			? "401 " WHO "200: healthy\n"
			: "413: a signed body larger than 32768 bytes: it "
			  "could not be checked before its alerts are "
			  "emitted\n200: healthy\n",
		    "chunks");
		CHECK_SPAN(buf_span(&lines), SPAN(""), "chunks");
	}
}

/* Which notifications hold the dead man's switch back. */
static void feeds_the_switch(void **state)
{
	static const struct {
		const char *deadman, *request;
		bool feeds;
	} table[] = {
	    {"5m", HEAD ONE "|", true},
	    {"5m", HEAD "{\"alerts\":[]}|", true},
	    {"5m", HEAD "{\"alerts\":{}}|", false},
	    {"5m", HEAD "{}|", false},
	    {"5m", HEALTH, false},
	    {"5m,alertname=A", HEAD ONE "|", true},
	    {"5m,alertname=A", HEAD "{\"alerts\":[]}|", false},
	    {"5m,alertname=B", HEAD ONE "|", false},
	    /* one that matches, first or last, and fires */
	    {"5m,alertname=A", HEAD TWO "|", true},
	    {"5m,alertname=B", HEAD TWO "|", false},
	    {"5m,alertname=C",
	     HEAD "{\"status\":\"firing\",\"alerts\":[{},{\"labels\":{"
		  "\"alertname\":\"C\"}}]}|",
	     true},
	    {"5m,alertname=A,x=y", HEAD ONE "|", false},
	    {"5m,alertname=A,x=", HEAD ONE "|", true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[1024];
		struct buf b = buf_of(bytes, sizeof bytes);
		start(sizeof ring, 2,
		      (const char *const[]){"--deadman", table[i].deadman});
		service.now.ms = 5000;
		deadman.fed_ms = 17;
		struct span in = compose(&b, table[i].request);
		send_bytes(in, in.n, 1, 0);
		CHECK(deadman.fed_ms == (table[i].feeds ? 5000 : 17), "row %zu",
		      i);
	}
}

/* Each state's deadline, and what is said when it comes. */
static void expires(void **state)
{
	static const struct {
		const char *sent;
		bool stalled;
		enum conn_state before, after;
		int64_t deadline_ms; /* from now; the time of the last byte */
		const char *answers;
		enum conn_state then; /* once the answer is sent */
	} table[] = {
	    {"", false, CONN_HEAD, CONN_CLOSED, LIMIT_IDLE_MS, "", CONN_CLOSED},
	    {"G", false, CONN_HEAD, CONN_ANSWER, LIMIT_HEAD_MS,
	     "408 close: the request's head took too long\n", CONN_LINGER},
	    {HEALTH, false, CONN_HEAD, CONN_CLOSED, LIMIT_IDLE_MS,
	     "200: healthy\n", CONN_CLOSED},
	    {HEALTH "G", false, CONN_HEAD, CONN_ANSWER, LIMIT_HEAD_MS,
	     "200: healthy\n408 close: the request's head took too long\n",
	     CONN_LINGER},
	    {POST JSON "Content-Length: 10\r\n\r\n{", false, CONN_BODY,
	     CONN_ANSWER, LIMIT_BODY_MS,
	     "503 Retry-After: 1 close: the request's body took too long\n",
	     CONN_LINGER},
	    {POST "Content-Length: 10\r\n\r\n{", false, CONN_DISCARD,
	     CONN_ANSWER, LIMIT_BODY_MS,
	     "415 close: Content-Type must be application/json\n", CONN_LINGER},
	    {HEAD ONE "|", true, CONN_WAIT, CONN_ANSWER, 8000,
	     "503 Retry-After: 1: the alerts are not safe yet, send them "
	     "again: waited for stdout\n",
	     CONN_HEAD},
	    /* a body whose end cannot be found */
	    {"POST /no HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	     "\r\n1\r\nxy",
	     false, CONN_LINGER, CONN_CLOSED, LIMIT_LINGER_MS,
	     "404 close: no such path: notifications are posted to /webhook\n",
	     CONN_CLOSED},
	    {"X\r\n\r\n", false, CONN_LINGER, CONN_CLOSED, LIMIT_LINGER_MS,
	     "400 close: malformed request line\n", CONN_CLOSED},
	    /* what HEAD leaves out is its own answer's body */
	    {"HEAD /-/healthy HTTP/1.1\r\nHost: a\r\n\r\nG", false, CONN_HEAD,
	     CONN_ANSWER, LIMIT_HEAD_MS,
	     "200: (no body)\n408 close: the request's head took too long\n",
	     CONN_LINGER},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char place[32], bytes[1024];
		struct buf b = buf_of(bytes, sizeof bytes);
		snprintf(place, sizeof place, "row %zu", i);
		start_plain();
		stalled = table[i].stalled;
		struct span in = compose(&b, table[i].sent);
		send_bytes(in, in.n, 1, 0);
		CHECK(conn.state == table[i].before, "%s: state %u", place,
		      (unsigned)conn.state);
		CHECK(conn.deadline_ms == service.now.ms + table[i].deadline_ms,
		      "%s: deadline %d", place,
		      (int)(conn.deadline_ms - service.now.ms));
		service.now.ms = conn.deadline_ms;
		conn_expire(&conn, &service);
		CHECK(conn.state == table[i].after, "%s: then %u", place,
		      (unsigned)conn.state);
		attend_all();
		check_answers(table[i].answers, place);
		CHECK(conn.state == table[i].then, "%s: in the end %u", place,
		      (unsigned)conn.state);
	}
}

/* Who holds a request up is named: a sink, or the disk. */
static void names_who_is_slow(void **state)
{
	static char bytes[1024];
	struct buf b = buf_of(bytes, sizeof bytes);
	struct span request = compose(&b, HEAD ONE "|");
	static char name[80], want[160];
	(void)state;
	memset(name, 'x', sizeof name - 1);
	sprintf(want,
		"503 Retry-After: 1: the alerts are not safe yet, send them "
		"again: waited for %s\n",
		name);
	start_plain();
	stalled = true;
	strcpy(config.sink[0].name, name);
	send_bytes(request, request.n, 1, 0);
	conn_expire(&conn, &service);
	attend_all();
	check_answers(want, "a long name");
	for (int durable = 0; durable < 2; durable++) {
		start_plain();
		stalled = true;
		spool.durable = durable;
		send_bytes(request, request.n, 1, 0);
		assert_int_equal(conn.state, CONN_WAIT);
		conn_expire(&conn, &service);
		attend_all();
		check_answers(
		    durable
			? "503 Retry-After: 1: the alerts are not safe yet, "
			  "send them again: waited for the spool's file\n"
			: "503 Retry-After: 1: the alerts are not safe yet, "
			  "send them again: waited for stdout\n",
		    "slow");
	}
}

/* Deadlines are absolute: bytes do not move them. */
static void keeps_deadlines(void **state)
{
	(void)state;
	start_plain();
	send_text("G");
	int64_t head = conn.deadline_ms;
	service.now.ms += 5000;
	send_text("ET /-/healthy HTTP/1.1\r\nHost:");
	assert_int_equal(conn.deadline_ms, head);
	send_text(" a\r\n\r\n");
	assert_int_equal(conn.deadline_ms, service.now.ms + LIMIT_IDLE_MS);

	start_plain();
	send_text(POST JSON "Content-Length: 13\r\n\r\n");
	int64_t body = conn.deadline_ms;
	assert_int_equal(body, service.now.ms + LIMIT_BODY_MS);
	service.now.ms += 20000;
	send_text("{\"alerts\":[");
	assert_int_equal(conn.deadline_ms, body);
	/* an answer that is not taken */
	service.now.ms += 5000;
	size_t room;
	char *p = conn_room(&conn, &room);
	memcpy(p, "]}", 2);
	conn_received(&conn, 2);
	conn_step(&conn, &service);
	assert_int_equal(conn.state, CONN_ANSWER);
	assert_int_equal(conn.deadline_ms, service.now.ms + LIMIT_ANSWER_MS);
	conn_sent(&conn, 1);
	service.now.ms += 5000;
	conn_step(&conn, &service);
	assert_int_equal(conn.deadline_ms,
			 service.now.ms - 5000 + LIMIT_ANSWER_MS);
	conn_expire(&conn, &service);
	assert_int_equal(conn.state, CONN_CLOSED);
}

/* 503, then the same alerts again: they come out once. */
static void recognises_repeats(void **state)
{
	static char bytes[1024];
	struct buf b = buf_of(bytes, sizeof bytes);
	struct span request = compose(&b, HEAD TWO "|");
	(void)state;
	start_plain();
	stalled = true;
	for (int round = 0; round < 3; round++) {
		send_bytes(request, request.n, 1, 0);
		assert_int_equal(conn.state, CONN_WAIT);
		service.now.ms = conn.deadline_ms;
		conn_expire(&conn, &service);
		attend_all();
		assert_int_equal(conn.state, CONN_HEAD);
	}
	assert_int_equal(counters.alerts_firing, 1);
	assert_int_equal(counters.alerts_resolved, 1);
	assert_int_equal(counters.duplicates, 4);
	/* written meanwhile, and known still */
	stalled = false;
	attend_all();
	CHECK_SPAN(buf_span(&lines), SPAN(LINE_A LINE_B), "once");
	answers.n = 0;
	send_bytes(request, request.n, 1, 0);
	check_answers("200: accepted 2 alerts\n", "at last");
	CHECK_SPAN(buf_span(&lines), SPAN(LINE_A LINE_B), "still once");
	/* after the 200 they are news */
	send_bytes(request, request.n, 1, 0);
	CHECK_SPAN(buf_span(&lines), SPAN(LINE_A LINE_B LINE_A LINE_B),
		   "twice");
	assert_int_equal(counters.notifications, 2);
	assert_int_equal(counters.requests[STATUS_NOT_SAFE], 3);
}

static void fill_page(char *page, size_t n)
{
	for (size_t i = 0; i < n; i++)
		page[i] = (char)('a' + i % 23);
}

/* A page that is too large for the connection's own memory is the owner's until
 * all of it is taken; it has to be there when it is sent, and only then. */
static void holds_large_pages(void **state)
{
	static const struct {
		const char *method;
		size_t page, step;
		bool held;
	} table[] = {
	    {"GET", CONN_PAGE, 0, false},
	    {"GET", CONN_PAGE + 1, 0, true},
	    {"GET", CONN_PAGE + 1, 1, true},
	    {"GET", sizeof line_bytes / 8, 999, true},
	    {"HEAD", CONN_PAGE, 0, false},
	    {"HEAD", sizeof line_bytes / 8, 0, false},
	};
	static char page[sizeof line_bytes / 8];
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char request[64];
		size_t room,
		    n = (size_t)sprintf(request,
					"%s /metrics HTTP/1.1\r\nHost: a"
					"\r\n\r\n",
					table[i].method);
		start_plain();
		memcpy(conn_room(&conn, &room), request, n);
		conn_received(&conn, n);
		conn_step(&conn, &service);
		assert_int_equal(conn.state, CONN_QUESTION);
		assert_false(conn_holds_page(&conn));
		fill_page(page, sizeof page);
		conn_answer_page(&conn, &service, STATUS_OK,
				 (struct span){page, table[i].page}, "a/b");
		CHECK(conn_holds_page(&conn) == table[i].held, "row %zu", i);
		answers.n = 0;
		for (;;) {
			struct span out = conn_output(&conn);
			if (out.n == 0)
				break;
			fill_page(page, sizeof page);
			/* the request is not over before all is taken */
			assert_int_equal(conn.state, CONN_ANSWER);
			if (table[i].step && out.n > table[i].step)
				out.n = table[i].step;
			buf_put(&answers, out);
			memset(page, '?', sizeof page);
			conn_sent(&conn, out.n);
			conn_grant(&conn);
			conn_step(&conn, &service);
		}
		assert_false(answers.cut || conn_holds_page(&conn));
		assert_int_equal(conn.state, CONN_HEAD);
		size_t body = table[i].method[0] == 'H' ? 0 : table[i].page;
		struct span all = buf_span(&answers);
		size_t head = all.n - body;
		assert_memory_equal(all.p + head - 4, "\r\n\r\n", 4);
		fill_page(page, sizeof page);
		CHECK_SPAN(span_skip(all, head), ((struct span){page, body}),
			   "row %zu", i);
	}
	/* a peer that goes away meanwhile */
	start_plain();
	size_t room;
	memcpy(conn_room(&conn, &room), "GET /metrics HTTP/1.0\r\n\r\n", 25);
	conn_received(&conn, 25);
	conn_step(&conn, &service);
	conn_answer_page(&conn, &service, STATUS_OK,
			 (struct span){page, sizeof page}, "a/b");
	conn_ended(&conn);
	conn_step(&conn, &service);
	assert_true(conn_holds_page(&conn));
	conn_close(&conn, &service);
	assert_false(conn_holds_page(&conn));
}

/* What comes when nothing is read any more. */
static void reads_no_more(void **state)
{
	size_t room;
	(void)state;
	/* the peer has said that it sends no more */
	start_plain();
	send_text("G");
	conn_room(&conn, &room);
	assert_true(room != 0);
	conn_ended(&conn);
	conn_room(&conn, &room);
	assert_int_equal(room, 0);
	/* it has been refused, and goes on all the same */
	start_plain();
	send_text("X\r\n\r\n");
	assert_int_equal(conn.state, CONN_LINGER);
	for (int i = 0; i < 3; i++) {
		memset(conn_room(&conn, &room), 'x', 9);
		assert_int_equal(room, sizeof conn.window.bytes);
		conn_received(&conn, room);
		attend_all();
		assert_int_equal(conn.state, CONN_LINGER);
	}
	conn_ended(&conn);
	assert_int_equal(conn.state, CONN_CLOSED);
	attend_all();
	conn_room(&conn, &room);
	assert_int_equal(room, 0);
	/* an owner that has no page in time: told, and closed if not taken */
	start_plain();
	memcpy(conn_room(&conn, &room), HEALTH, strlen(HEALTH));
	conn_received(&conn, strlen(HEALTH));
	conn_step(&conn, &service);
	assert_int_equal(conn.state, CONN_QUESTION);
	assert_int_equal(conn.deadline_ms, service.now.ms + LIMIT_PAGE_MS);
	conn_expire(&conn, &service);
	assert_int_equal(conn.state, CONN_ANSWER);
	assert_int_equal(conn.answer.status, STATUS_PAGE_BUSY);
	for (int i = 0; i < 2; i++) {
		conn_expire(&conn, &service);
		assert_int_equal(conn.state, CONN_CLOSED);
		conn_step(&conn, &service);
	}
}

/* Lets go of what it held, says nothing more, and reads until its deadline,
 * which a second failure does not move. */
static void lingers(void **state)
{
	static char bytes[1024];
	struct buf b = buf_of(bytes, sizeof bytes);
	struct span request = compose(&b, HEAD ONE "|");
	size_t room;
	(void)state;
	start_plain();
	stalled = true;
	send_bytes(request, request.n, 1, 0);
	assert_int_not_equal(intake.recall.entry[0].claims, 0);
	conn_linger(&conn, &service);
	int64_t end_ms = service.now.ms + LIMIT_LINGER_MS;
	assert_int_equal(intake.recall.entry[0].claims, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(conn.state, CONN_LINGER);
		assert_int_equal(conn.deadline_ms, end_ms);
		assert_int_equal(conn_output(&conn).n, 0);
		conn_room(&conn, &room);
		assert_true(room > 0);
		conn_received(&conn, room);
		conn_step(&conn, &service);
		service.now.ms++;
		conn_linger(&conn, &service);
	}
	conn_expire(&conn, &service);
	assert_int_equal(conn.state, CONN_CLOSED);
}

/* A client that goes away leaves no claim, and its alerts stay known. */
static void closes(void **state)
{
	static char bytes[1024];
	struct buf b = buf_of(bytes, sizeof bytes);
	struct span request = compose(&b, HEAD ONE "|");
	(void)state;
	start_plain();
	stalled = true;
	send_bytes(request, request.n, 1, 0);
	conn_close(&conn, &service);
	assert_int_equal(conn.state, CONN_CLOSED);
	assert_int_equal(intake.recall.entry[0].claims, 0);
	conn_open(&conn, 5, service.now.ms);
	stalled = false;
	send_bytes(request, request.n, 1, 0);
	check_answers("200: accepted 1 alert\n", "known");
	CHECK_SPAN(buf_span(&lines), SPAN(LINE_A), "once");
	/* an answer of 200 that was not taken whole settles nothing */
	conn_open(&conn, 5, service.now.ms);
	size_t room;
	char *p = conn_room(&conn, &room);
	memcpy(p, request.p, request.n);
	conn_received(&conn, request.n);
	conn_step(&conn, &service);
	run_sinks();
	conn_step(&conn, &service);
	assert_int_equal(conn.state, CONN_ANSWER);
	conn_sent(&conn, 10);
	conn_step(&conn, &service);
	conn_close(&conn, &service);
	conn_open(&conn, 6, service.now.ms);
	lines.n = 0;
	send_bytes(request, request.n, 1, 0);
	CHECK_SPAN(buf_span(&lines), SPAN(""), "not again");
	/* while the server stops, answers close */
	service.stopping = true;
	answers.n = 0;
	send_text(HEALTH);
	check_answers("200 close: healthy\n", "stopping");
	/* who has said that no more comes is not waited for */
	conn_open(&conn, 5, service.now.ms);
	assert_true(conn_is_idle(&conn));
	conn_ended(&conn);
	assert_false(conn_is_idle(&conn));
	conn_step(&conn, &service);
	assert_int_equal(conn.state, CONN_CLOSED);
}

/* --health has no more than the pages for who asks whether it lives. */
static void tells_of_health_alone(void **state)
{
	(void)state;
	start_plain();
	conn.health_only = true;
	send_text("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" HEALTH);
	check_answers("404: no such path\n200: healthy\n", "metrics");
	answers.n = 0;
	send_text("POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: "
		  "0\r\n\r\n" HEALTH);
	check_answers("404: no such path\n200: healthy\n", "webhook");
}

static char large[1 << 18];

/* A payload with n alerts of about `size` bytes each. */
static struct span make_payload(struct buf *b, size_t n, size_t size)
{
	buf_str(b, "{\"receiver\":\"r\",\"status\":\"firing\",\"alerts\":[");
	for (size_t i = 0; i < n; i++) {
		buf_str(b, i ? ",{\"labels\":{\"alertname\":\"a"
			     : "{\"labels\":{\"alertname\":\"a");
		buf_u64(b, i);
		buf_str(b, "\"},\"x\":\"");
		for (size_t k = 40; k < size; k++)
			buf_char(b, 'x');
		buf_str(b, "\"}");
	}
	buf_str(b, "]}");
	assert_false(b->cut);
	return buf_span(b);
}

static void check_lines(size_t n)
{
	struct span s = buf_span(&lines), line;
	assert_false(lines.cut);
	for (size_t i = 0; i < n; i++) {
		char want[64];
		snprintf(want, sizeof want, "- FIRING - a%zu", i);
		CHECK(span_split(&s, '\n', &line), "%zu lines", i);
		CHECK_SPAN(line, span_of(want), "line %zu", i);
	}
	CHECK(s.n == 0, "more lines than %zu", n);
}

static void put_head(struct buf *b, size_t length, bool chunked)
{
	buf_str(b, POST JSON);
	if (chunked) {
		buf_str(b, "Transfer-Encoding: chunked\r\n\r\n");
	} else {
		buf_str(b, "Content-Length: ");
		buf_u64(b, length);
		buf_str(b, "\r\n\r\n");
	}
}

/* A request with that body, in chunks of `chunk` bytes or with its length. */
static struct span make_request(struct buf *b, struct span body, size_t chunk)
{
	put_head(b, body.n, chunk);
	while (chunk && body.n) {
		size_t n = chunk < body.n ? chunk : body.n;
		buf_padded(b, n, 16, 1);
		buf_str(b, "\r\n");
		buf_put(b, (struct span){body.p, n});
		buf_str(b, "\r\n");
		body = span_skip(body, n);
	}
	if (chunk)
		buf_str(b, "0\r\n\r\n");
	else
		buf_put(b, body);
	assert_false(b->cut);
	return buf_span(b);
}

/* More than the connection and the spool hold: alert by alert. */
static void takes_large_bodies(void **state)
{
	static char request_bytes[1 << 19];
	static const struct {
		size_t alerts, size, chunk, sink_step;
	} table[] = {
	    {3000, 60, 0, 0},     {3000, 60, 1000, 0}, {3000, 60, 7, 1},
	    {6, 32700, 0, 1},     {6, 32700, 5000, 1}, {7, 32700, 100000, 0},
	    {100, 500, 0, 1},     {60, 550, 33, 2},    {1, 32768 - 60, 16, 0},
	    {200, 1000, 4096, 3},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct buf b = buf_of(large, sizeof large);
		struct buf r = buf_of(request_bytes, sizeof request_bytes);
		struct span body =
		    make_payload(&b, table[i].alerts, table[i].size);
		struct span in = make_request(&r, body, table[i].chunk);
		char want[64];
		snprintf(want, sizeof want,
			 "200: accepted %zu alert%s\n200: healthy\n",
			 table[i].alerts, table[i].alerts == 1 ? "" : "s");
		buf_str(&r, HEALTH);
		in = buf_span(&r);
		for (size_t step = 613; step < 2 * in.n; step *= 23) {
			start(RING, 0, NULL);
			sink_step = table[i].sink_step;
			size_t n = send_bytes(in, step, step, 0);
			CHECK(n == in.n, "row %zu: %zu of %zu", i, n, in.n);
			check_answers(want, "large");
			check_lines(table[i].alerts);
			assert_int_equal(conn.state, CONN_HEAD);
		}
	}
}

/* What is wrong may stand behind alerts that waited for room, and be in the
 * window with them. */
static void refuses_what_waited(void **state)
{
	static char request_bytes[1 << 18];
	struct buf b = buf_of(large, sizeof large);
	struct buf r = buf_of(request_bytes, sizeof request_bytes);
	struct span body = make_payload(&b, 300, 500);
	struct span in = make_request(&r, body, 0);
	(void)state;
	for (size_t back = 1; back < body.n; back += back < 3000 ? 250 : 2500) {
		size_t at = in.n - back, n = 0;
		char was = request_bytes[at];
		request_bytes[at] = '\1';
		start(RING, 0, NULL);
		while (conn.state != CONN_LINGER && n < in.n) {
			stalled = true;
			n += send_bytes(span_skip(in, n), in.n, 1, 0);
			stalled = false;
			run_sinks();
			attend_all();
		}
		CHECK(span_starts(buf_span(&answers), SPAN("HTTP/1.1 400 ")),
		      "%zu from the end: %.*s", back, (int)answers.n,
		      answers.p);
		request_bytes[at] = was;
	}
}

/* Sinks that stand still: the body is not read any more, and the time counts
 * from their last progress. */
static void waits_for_room(void **state)
{
	static char request_bytes[1 << 18];
	struct buf b = buf_of(large, sizeof large);
	struct buf r = buf_of(request_bytes, sizeof request_bytes);
	struct span body = make_payload(&b, 300, 500);
	struct span in = make_request(&r, body, 0);
	size_t room;
	(void)state;
	start(RING, 0, NULL);
	int64_t began = service.now.ms;
	stalled = true;
	size_t n = send_bytes((struct span){in.p, 2000}, 2000, 1, 0);
	service.now.ms += 1000;
	n += send_bytes(span_skip(in, n), in.n, 1, 0);
	assert_true(n < in.n);
	assert_int_equal(conn.state, CONN_BODY);
	conn_room(&conn, &room);
	assert_int_equal(room, 0);
	assert_int_equal(conn.deadline_ms, service.now.ms + 8000);
	/* no progress, no time */
	service.now.ms += 7000;
	conn_step(&conn, &service);
	assert_int_equal(conn.deadline_ms, service.now.ms + 1000);
	/* progress without room for the next one */
	service.progress++;
	conn_step(&conn, &service);
	assert_int_equal(conn.deadline_ms, service.now.ms + 8000);
	/* room: the body's own time goes on where it stood */
	service.now.ms += 5000;
	stalled = false;
	assert_true(run_sinks());
	stalled = true;
	conn_step(&conn, &service);
	assert_int_equal(conn.state, CONN_BODY);
	conn_room(&conn, &room);
	assert_true(room != 0);
	assert_int_equal(conn.deadline_ms - service.now.ms,
			 LIMIT_BODY_MS - 1000);
	stalled = false;
	attend_all();
	n += send_bytes(span_skip(in, n), 1000, 1000, 0);
	assert_int_equal(n, in.n);
	check_answers("200: accepted 300 alerts\n", "in the end");
	check_lines(300);
	assert_true(service.now.ms > began);

	/* the time is over; the same again is recognised */
	start(RING, 0, NULL);
	stalled = true;
	send_bytes(in, in.n, 1, 0);
	service.now.ms = conn.deadline_ms;
	conn_expire(&conn, &service);
	attend_all();
	check_answers("503 Retry-After: 1 close: no room in the spool, send "
		      "them again later\n",
		      "no room");
	stalled = false;
	run_sinks();
	answers.n = 0;
	conn_open(&conn, 4, service.now.ms);
	send_bytes(in, 777, 777, 0);
	check_answers("200: accepted 300 alerts\n", "again");
	check_lines(300);
}

/* The end of a body that waits for room: COMMIT. */
static void commits(void **state)
{
	static char request_bytes[1 << 18];
	struct buf b = buf_of(large, sizeof large);
	struct buf r = buf_of(request_bytes, sizeof request_bytes);
	(void)state;
	start(RING, 0, NULL);
	/* two that fill the spool and one more */
	struct span body = make_payload(&b, 3, 32700);
	struct span in = make_request(&r, body, 0);
	stalled = true;
	size_t n = 0, before;
	do {
		before = n;
		n += send_bytes(span_skip(in, n), 4000, 4000, 0);
	} while (n != before && n < in.n);
	assert_true(conn.state == CONN_BODY || conn.state == CONN_COMMIT);
	service.now.ms = conn.deadline_ms;
	conn_expire(&conn, &service);
	attend_all();
	check_answers("503 Retry-After: 1 close: no room in the spool, send "
		      "them again later\n",
		      "full");

	/* the notice alone does not fit: all is read, COMMIT waits */
	static char receiver[3000];
	memset(receiver, 'r', sizeof receiver);
	const size_t record = SPOOL_HEADER + sizeof receiver + 80;
	/* a quarter is for those that are taken as one */
	const size_t alerts = (RING / 4 * 3 - record) / record;
	for (size_t front = 40000; front <= 50000; front += 5000) {
		start(RING, 0, NULL);
		stalled = true;
		b = buf_of(large, sizeof large);
		buf_str(&b, "{\"x\":\"");
		for (size_t i = 0; i < front; i++)
			buf_char(&b, 'x');
		buf_str(&b, "\",\"truncatedAlerts\":3,\"receiver\":\"");
		buf_put(&b, (struct span){receiver, sizeof receiver});
		buf_str(&b, "\",\"status\":\"firing\",\"alerts\":[");
		for (size_t i = 0; i < alerts; i++) {
			buf_str(&b, i ? ",{\"labels\":{\"alertname\":\"a"
				      : "{\"labels\":{\"alertname\":\"a");
			buf_padded(&b, i, 10, 40);
			buf_str(&b, "\"}}");
		}
		buf_str(&b, "]}");
		r = buf_of(request_bytes, sizeof request_bytes);
		in = make_request(&r, buf_span(&b), 0);
		n = send_bytes(in, 5000, 5000, 0);
		assert_int_equal(n, in.n);
		assert_int_equal(counters.alerts_firing, alerts);
		assert_int_equal(conn.state, CONN_COMMIT);
		assert_int_equal(conn.deadline_ms, service.now.ms + 8000);
		size_t room;
		conn_room(&conn, &room);
		assert_int_equal(room, 0);
		/* progress in the last moment */
		service.now.ms += 8000;
		stalled = false;
		attend_all();
		char want[64];
		snprintf(want, sizeof want, "200: accepted %zu alerts\n",
			 alerts);
		check_answers(want, "committed");
		size_t count = 0;
		for (size_t i = 0; i < lines.n; i++)
			count += lines.p[i] == '\n';
		assert_int_equal(count, alerts + 1);
		assert_int_equal(conn.state, CONN_HEAD);
	}
}

/* The largest body in chunks that is taken as one, of which nothing comes out
 * when it is refused; and one byte more, which is decoded as it arrives. */
static void tells_large_chunked_bodies(void **state)
{
	static char request_bytes[1 << 17];
	(void)state;
	for (size_t n = LIMIT_WHOLE_BODY; n <= LIMIT_WHOLE_BODY + 1; n++) {
		struct buf b = buf_of(large, n);
		struct buf r = buf_of(request_bytes, sizeof request_bytes);
		buf_str(&b, "{\"status\":\"firing\",\"alerts\":[{\"labels\":"
			    "{\"alertname\":\"A\"}}],\"alerts\":[]");
		while (b.n < n - 1)
			buf_char(&b, ' ');
		buf_char(&b, '}');
		assert_false(b.cut);
		buf_str(&r, POST JSON "Transfer-Encoding: chunked\r\n\r\n");
		buf_padded(&r, b.n, 16, 1);
		buf_str(&r, "\r\n");
		buf_put(&r, buf_span(&b));
		buf_str(&r, "\r\n0\r\n\r\n" HEALTH);
		start_plain();
		send_bytes(buf_span(&r), r.n, 1, 0);
		check_answers("422: not a webhook payload: alerts: expected "
			      "once\n200: healthy\n",
			      "chunks");
		CHECK_SPAN(buf_span(&lines),
			   n == LIMIT_WHOLE_BODY ? SPAN("") : SPAN(LINE_A),
			   "%zu", n);
	}
}

/* A body taken as one, of records that are more than the spool can ever hold:
 * one by one after all. */
static void goes_step_by_step(void **state)
{
	static char request_bytes[1 << 16];
	struct buf b = buf_of(large, LIMIT_WHOLE_BODY);
	struct buf r = buf_of(request_bytes, sizeof request_bytes);
	size_t alerts = 700;
	(void)state;
	struct span body = make_payload(&b, alerts, 40);
	assert_true(body.n <= LIMIT_WHOLE_BODY);
	struct span in = make_request(&r, body, 0);
	for (size_t step = 1; step <= alerts; step *= 9) {
		start(RING, 0, NULL);
		sink_step = step;
		assert_int_equal(send_bytes(in, in.n, 1, 0), in.n);
		check_answers("200: accepted 700 alerts\n", "stepwise");
		check_lines(alerts);
		assert_int_equal(conn.state, CONN_HEAD);
	}
	/* no progress: 503, and the same again comes out once */
	start(RING, 0, NULL);
	stalled = true;
	send_bytes(in, in.n, 1, 0);
	assert_int_equal(conn.state, CONN_COMMIT);
	service.now.ms = conn.deadline_ms;
	conn_expire(&conn, &service);
	attend_all();
	check_answers("503 Retry-After: 1 close: no room in the spool, send "
		      "them again later\n",
		      "stalled");
	stalled = false;
	run_sinks();
	answers.n = 0;
	conn_open(&conn, 4, service.now.ms);
	send_bytes(in, in.n, 1, 0);
	check_answers("200: accepted 700 alerts\n", "again");
	check_lines(alerts);
}

/* A body that would fit an empty spool but not this one is refused at once, and
 * nothing of it is queued. */
static void refuses_without_room(void **state)
{
	static char request_bytes[1 << 16];
	(void)state;
	start(RING, 0, NULL);
	stalled = true;
	for (char name = 'b'; name <= 'd'; name++) {
		struct buf b = buf_of(large, sizeof large);
		struct buf r = buf_of(request_bytes, sizeof request_bytes);
		make_payload(&b, 30, 1000);
		/* other labels than the request before */
		for (size_t i = 0; i + 11 < b.n; i++)
			if (memcmp(b.p + i, "ertname\":\"a", 11) == 0)
				b.p[i + 10] = name;
		struct span in = make_request(&r, buf_span(&b), 0);
		uint64_t head = spool.head;
		answers.n = 0;
		send_bytes(in, in.n, 1, 0);
		assert_int_equal(conn.state,
				 name == 'd' ? CONN_HEAD : CONN_WAIT);
		if (name == 'd') {
			check_answers("503 Retry-After: 1: no room in the "
				      "spool, send them again later\n",
				      "full");
			assert_int_equal(spool.head, head);
			assert_int_equal(counters.alerts_firing, 60);
			continue;
		}
		service.now.ms = conn.deadline_ms;
		conn_expire(&conn, &service);
		attend_all();
	}
}

/* Refused bodies are read on, up to LIMIT_DISCARD bytes. */
static void discards(void **state)
{
	static const struct {
		size_t body, chunk;
		const char *answers;
	} table[] = {
	    {LIMIT_DISCARD, 0,
	     "404: no such path: notifications are posted to /webhook\n200: "
	     "healthy\n"},
	    {LIMIT_DISCARD + 1, 0,
	     "404 close: no such path: notifications are posted to /webhook\n"},
	    {LIMIT_DISCARD, 100,
	     "404: no such path: notifications are posted to /webhook\n200: "
	     "healthy\n"},
	    {LIMIT_DISCARD + 1, 100,
	     "404 close: no such path: notifications are posted to /webhook\n"},
	    {LIMIT_DISCARD + 1, 100000,
	     "404 close: no such path: notifications are posted to /webhook\n"},
	};
	static char request_bytes[1 << 17];
	(void)state;
	memset(large, 'x', sizeof large);
	for (size_t i = 0; i < COUNT(table); i++) {
		struct buf r = buf_of(request_bytes, sizeof request_bytes);
		make_request(&r, (struct span){large, table[i].body},
			     table[i].chunk);
		memcpy(request_bytes, "POST /elsewh", 12);
		buf_str(&r, HEALTH);
		struct span in = buf_span(&r);
		for (size_t step = 100; step < 2 * in.n; step *= 40) {
			start_plain();
			send_bytes(in, step, step, 0);
			check_answers(table[i].answers, "discard");
		}
	}
}

/* What will not be read is answered at once, before any of it came. */
static void does_not_wait_for_what_it_discards(void **state)
{
	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		char bytes[128];
		snprintf(bytes, sizeof bytes,
			 "POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: %u"
			 "\r\n\r\n",
			 LIMIT_DISCARD + more);
		start_plain();
		send_text(bytes);
		assert_int_equal(conn.state, more ? CONN_LINGER : CONN_DISCARD);
	}
}

/* More requests than the window holds, in pieces as large as it takes. */
static void takes_many_requests(void **state)
{
	enum { REQUESTS = 3000 };
	(void)state;
	struct buf b = buf_of(large, sizeof large);
	/* another one first, so that no place in the window looks like the
	 * next */
	compose(&b, HEAD ONE "|");
	for (int i = 1; i < REQUESTS; i++)
		buf_str(&b, HEALTH);
	assert_false(b.cut);
	for (size_t step = 1000; step < 2 * b.n; step *= 5) {
		start_plain();
		assert_int_equal(send_bytes(buf_span(&b), step, step, 0), b.n);
		assert_int_equal(counters.requests[STATUS_OK], REQUESTS);
		assert_int_equal(conn.state, CONN_HEAD);
	}
}

/* An error in a large body: what was before it is out, and the connection is
 * of use if the rest is short. */
static void refuses_large_bodies(void **state)
{
	static const struct {
		const char *tail, *answers;
	} table[] = {
	    {"", "422: not a webhook payload: alerts: expected once\n"
		 "200: healthy\n"},
	};
	static char request_bytes[1 << 18];
	(void)state;
	for (size_t step = 400; step < sizeof request_bytes; step *= 30) {
		struct buf b = buf_of(large, sizeof large);
		struct buf r = buf_of(request_bytes, sizeof request_bytes);
		make_payload(&b, 150, 300);
		b.n -= 2;
		buf_str(&b, "],\"alerts\":[{}]}");
		make_request(&r, buf_span(&b), 0);
		buf_str(&r, HEALTH);
		start_plain();
		send_bytes(buf_span(&r), step, step, 0);
		check_answers(table[0].answers, "large");
		check_lines(150);
	}
	/* what is wrong at the very end */
	static const struct {
		const char *end, *answers;
	} ends[] = {
	    {",\"y\":0", "400: not JSON: byte 40007: expected more, the text "
			 "is cut\n200: healthy\n"},
	    {"}", "422: not a webhook payload: alerts: missing, expected an "
		  "array\n200: healthy\n"},
	};
	for (size_t i = 0; i < COUNT(ends); i++) {
		struct buf b = buf_of(large, sizeof large);
		struct buf r = buf_of(request_bytes, sizeof request_bytes);
		buf_str(&b, "{\"x\":\"");
		while (b.n < 40000)
			buf_char(&b, 'x');
		buf_char(&b, '"');
		buf_str(&b, ends[i].end);
		make_request(&r, buf_span(&b), i ? 5000 : 0);
		buf_str(&r, HEALTH);
		start_plain();
		send_bytes(buf_span(&r), 777, 777, 0);
		check_answers(ends[i].answers, "at the end");
	}
	/* more than --max-body in chunks, which nobody knows before */
	for (size_t n = 50000; n <= 50001; n++) {
		struct buf b = buf_of(large, sizeof large);
		struct buf r = buf_of(request_bytes, sizeof request_bytes);
		buf_str(&b, "{\"status\":\"firing\",\"alerts\":[{}],\"x\":\"");
		while (b.n < n - 2)
			buf_char(&b, 'x');
		buf_str(&b, "\"}");
		make_request(&r, buf_span(&b), 3333);
		start(sizeof ring, 2,
		      (const char *const[]){"--max-body", "50000"});
		send_bytes(buf_span(&r), 777, 777, 0);
		check_answers(n == 50000 ? "200: accepted 1 alert\n"
					 : "413: body larger than --max-body\n",
			      "chunks");
	}
	/* the alert that is too large is told of */
	struct buf b = buf_of(large, sizeof large);
	struct buf r = buf_of(request_bytes, sizeof request_bytes);
	make_payload(&b, 1, LIMIT_ALERT + 100);
	make_request(&r, buf_span(&b), 0);
	start_plain();
	send_bytes(buf_span(&r), 1000, 1000, 0);
	check_answers("413: alert larger than 32768 bytes: alerts[0]\n",
		      "too large");
	CHECK_SPAN(buf_span(&lines),
		   SPAN("1970-01-01T00:00:00Z NOTICE 1 alert was left out: a0, "
			"alerts[0] is larger than 32768 bytes, receiver r\n"),
		   "too large");
}

static void notes_other_versions(void **state)
{
	static char bytes[1024];
	struct buf b = buf_of(bytes, sizeof bytes);
	(void)state;
	start_plain();
	compose(&b, HEAD "{\"version\":\"5\",\"alerts\":[]}|" HEAD
			 "{\"version\":\"4\",\"alerts\":[]}|");
	send_bytes(buf_span(&b), 10, 10, 0);
	CHECK_SPAN(buf_span(&told), SPAN("200!200 "), "told");
}

/* What the eviction goes by. */
static void knows_its_progress(void **state)
{
	(void)state;
	start_plain();
	assert_false(conn.had_head);
	assert_int_equal(conn.since_ms, 1000);
	service.now.ms = 2000;
	send_text("GET /-/healthy HTTP/1.1\r\n");
	assert_false(conn.had_head);
	assert_int_equal(conn.since_ms, 1000);
	service.now.ms = 3000;
	send_text("Host: a\r\n\r\n");
	assert_true(conn.had_head);
	assert_int_equal(conn.since_ms, 3000);
	service.now.ms = 4000;
	send_text("GET");
	assert_int_equal(conn.since_ms, 3000);
}

/* One turn of the owner's loop. What was done: answers, and alerts seen. */
struct turn {
	unsigned answers;
	uint64_t alerts;
	bool yields;
};

static struct turn one_turn(void)
{
	uint64_t before = conn.notification.receive.payload.count;
	struct turn t = {0};
	conn_grant(&conn);
	for (;;) {
		enum conn_event event = conn_step(&conn, &service);
		struct span out = conn_output(&conn);
		t.answers += event == CONN_ANSWERED;
		t.yields = event == CONN_YIELDS;
		if (event == CONN_ASKS)
			answer_question();
		if (event == CONN_ASKS || event == CONN_ANSWERED)
			continue;
		conn_sent(&conn, out.n);
		run_sinks();
		if (t.yields || out.n == 0)
			break;
	}
	t.alerts = conn.notification.receive.payload.count - before;
	return t;
}

/* As much of it as there is room for. */
static size_t fill(struct span in)
{
	size_t room;
	char *p = conn_room(&conn, &room);
	if (room > in.n)
		room = in.n;
	memcpy(p, in.p, room);
	conn_received(&conn, room);
	return room;
}

static void put_many(struct buf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_str(b, text);
}

/* A request after the other, all there at once. */
static void shares_turns_among_requests(void **state)
{
	struct buf b = buf_of(large, sizeof large);
	const unsigned most = LIMIT_TURN / WORK_REQUEST + 1;
	unsigned answered = 0, turns = 0;
	struct turn t;
	(void)state;
	start_plain();
	put_many(&b, HEALTH, 500);
	assert_int_equal(fill(buf_span(&b)), b.n);
	do {
		t = one_turn();
		CHECK(t.answers <= most, "%u in a turn", t.answers);
		answered += t.answers;
		turns++;
	} while (t.yields);
	assert_int_equal(answered, 500);
	assert_true(turns >= 500 / most);
}

/* One unit of work is enough to begin with, none is not. */
static void begins_with_what_is_left(void **state)
{
	(void)state;
	for (int64_t credit = 0; credit < 2; credit++) {
		start_plain();
		fill(SPAN(HEALTH));
		conn.credit = credit;
		assert_int_equal(conn_step(&conn, &service), CONN_YIELDS);
		assert_int_equal(conn.state,
				 credit ? CONN_QUESTION : CONN_HEAD);
	}
}

/* The smallest alerts, in a body that is taken as it arrives. */
static void shares_turns_among_alerts(void **state)
{
	struct buf b = buf_of(large, sizeof large);
	uint64_t alerts = 0;
	struct turn t;
	(void)state;
	start_plain();
	buf_str(&b, POST JSON "Content-Length: 100000\r\n\r\n{\"alerts\":[{}");
	put_many(&b, ",{}", 12000);
	fill(buf_span(&b));
	do {
		size_t room;
		t = one_turn();
		CHECK(t.alerts * WORK_ALERT <=
			  2 * LIMIT_TURN + RECEIVE_SHARE * WORK_ALERT,
		      "%u in a turn", (unsigned)t.alerts);
		conn_room(&conn, &room);
		CHECK(!t.yields || room == 0, "reads on in debt");
		alerts += t.alerts;
	} while (t.yields);
	assert_true(alerts > 10000);
}

/* What cannot be interrupted is paid back: nothing else is done for as many
 * turns, but that deadlines hold. */
static void pays_back(void **state)
{
	struct buf b = buf_of(large, sizeof large);
	unsigned turns = 0;
	struct turn t;
	(void)state;
	start_plain();
	buf_str(&b, POST JSON "Content-Length: 20014\r\n\r\n{\"alerts\":[1");
	put_many(&b, ",1", 10000);
	buf_str(&b, "]}" HEALTH);
	fill(buf_span(&b));
	t = one_turn();
	assert_int_equal(t.answers, 1);
	assert_int_equal(conn.answer.status, STATUS_NOT_PAYLOAD);
	do {
		assert_true(t.yields);
		t = one_turn();
		turns++;
	} while (t.answers == 0);
	assert_true(turns >= 10000 * WORK_ALERT / LIMIT_TURN);
	assert_int_equal(conn.answer.status, STATUS_OK);

	start_plain();
	b.n = 0;
	put_many(&b, HEALTH, 500);
	fill(buf_span(&b));
	t = one_turn();
	assert_true(t.yields);
	service.now.ms = conn.deadline_ms;
	conn_expire(&conn, &service);
	assert_true(conn.state == CONN_CLOSED ||
		    conn.deadline_ms > service.now.ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(answers_requests),
	    cmocka_unit_test(writes_whole_answers),
	    cmocka_unit_test(continues),
	    cmocka_unit_test(asks_for_credentials),
	    cmocka_unit_test(checks_signatures),
	    cmocka_unit_test(feeds_the_switch),
	    cmocka_unit_test(expires),
	    cmocka_unit_test(names_who_is_slow),
	    cmocka_unit_test(keeps_deadlines),
	    cmocka_unit_test(recognises_repeats),
	    cmocka_unit_test(closes),
	    cmocka_unit_test(tells_of_health_alone),
	    cmocka_unit_test(lingers),
	    cmocka_unit_test(holds_large_pages),
	    cmocka_unit_test(reads_no_more),
	    cmocka_unit_test(takes_large_bodies),
	    cmocka_unit_test(refuses_what_waited),
	    cmocka_unit_test(waits_for_room),
	    cmocka_unit_test(commits),
	    cmocka_unit_test(tells_large_chunked_bodies),
	    cmocka_unit_test(goes_step_by_step),
	    cmocka_unit_test(refuses_without_room),
	    cmocka_unit_test(discards),
	    cmocka_unit_test(does_not_wait_for_what_it_discards),
	    cmocka_unit_test(takes_many_requests),
	    cmocka_unit_test(refuses_large_bodies),
	    cmocka_unit_test(notes_other_versions),
	    cmocka_unit_test(knows_its_progress),
	    cmocka_unit_test(shares_turns_among_requests),
	    cmocka_unit_test(begins_with_what_is_left),
	    cmocka_unit_test(shares_turns_among_alerts),
	    cmocka_unit_test(pays_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
