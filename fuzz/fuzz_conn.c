/* fuzz_conn.c - the bytes of several requests into one connection, in pieces,
 * with pauses, sinks that stand still, an owner that takes answers slowly and a
 * clock that jumps.
 *
 * A model reads the same bytes in one piece and lists the requests in there and
 * the alerts that each may emit. It holds the connection to that: one answer a
 * request, in order and not before its request is there; nothing of a small
 * body emitted before all of it is found good; and every alert of a request
 * that got its 200 emitted, once for each time that it was sent at most. Where
 * nothing was late, codes and emitted alerts are those of the model.
 *
 * Each control byte at the front, up to the first 0, says how the owner acts in
 * turn: the low bits how many bytes it brings; 0x10 takes a few bytes of the
 * answer only; 0x20 some seconds pass; 0x40 sinks stand still; 0x80 time passes
 * up to the deadline. */
#include "conn/conn.h"

#include "forget.h"
#include "mutate.h"
#include "poison.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	INPUT = 70000,
	REQUESTS = INPUT / 16,
	ALERTS = INPUT / 3,
	BUCKETS = 1 << 15,
	SAID = 1 << 21,
	PAGE = LIMIT_METRICS_PAGE,
};

static struct conn conn;
static struct service service;
static struct config config;
static struct intake intake;
static struct auth auth;
static struct counters counters;
static struct receive_memory memory;
static struct deadman deadman = {.config = &config};
static struct spool spool;
static char ring[(2 * SPOOL_RECORD_MAX + 7) / 8 * 8];

size_t fuzz_json_at(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	return nul ? (size_t)(nul - data) + 1 : size;
}

/* --- the model ------------------------------------------------------------ */

/* A request as it stands in the input. */
struct request {
	size_t begin, head_end, end; /* in the input */
	bool whole;                  /* is taken or refused as one */
	bool cut;                    /* the input ends within it */
	bool cut_head;               /* and within its head */
	bool head;                   /* no body in its answer */
	bool stays;          /* what follows can be read as the next one */
	enum status framing; /* why it is no request, or its body no body */
	unsigned code;       /* of its answer if nothing is late; 0: not told */
	size_t first_alert, alerts, left_out;
	enum status left_out_why; /* of the first one */
};

static struct {
	struct request request[REQUESTS];
	size_t requests;
	uint64_t key[ALERTS]; /* of records that requests may make, in order */
	size_t alerts;
} model;

/* For each key: how many may come, how many got a 200, how many came into the
 * spool, and how many of these are safe. */
struct tally {
	uint64_t key;
	uint32_t allowed, wanted, came, safe;
	bool used;
};

static struct tally tallies[BUCKETS];

static struct tally *tally_of(uint64_t key)
{
	size_t i = key * 0x9e3779b97f4a7c15U >> 49;
	while (tallies[i % BUCKETS].used && tallies[i % BUCKETS].key != key)
		i++;
	struct tally *t = &tallies[i % BUCKETS];
	t->used = true;
	t->key = key;
	return t;
}

static void note_record(struct request *q, const struct offer *o)
{
	ASSERT(model.alerts < ALERTS);
	model.key[model.alerts++] = o->record.key;
	q->alerts++;
}

/* A notice of the alert that payload stands behind. */
static void note_left_out(struct request *q, const struct payload *p,
			  const struct envelope *e, const char *alert,
			  enum status status)
{
	char bytes[1024], text[LIMIT_PLACE * 2];
	struct buf b = buf_of(bytes, sizeof bytes);
	struct buf why = buf_of(text, sizeof text);
	struct span part[2];
	struct offer o;
	alert_read_names(&p->alert, alert, &part[0], &part[1]);
	buf_put(&why, buf_span(&p->why));
	if (status == STATUS_ALERT_SIZE)
		buf_str(&why, " is larger than 32768 bytes");
	if (status == STATUS_TOO_MANY) {
		buf_str(&why, ": ");
		buf_str(&why, status_info(status)->text);
	}
	for (size_t i = 0; i < 2; i++) {
		buf_char(&b, i ? ',' : '[');
		buf_put(&b,
			part[i].p && part[i].n <= 256 ? part[i] : SPAN("null"));
	}
	buf_str(&b, ",\"");
	for (size_t i = 0; i < why.n; i++) {
		if (why.p[i] == '"' || why.p[i] == '\\')
			buf_char(&b, '\\');
		buf_char(&b, why.p[i]);
	}
	buf_str(&b, "\"]");
	intake_name_notice(&intake, &o, RECORD_NOTICE_LEFT_OUT, e, 1,
			   buf_span(&b), service.now);
	note_record(q, &o);
	q->left_out++;
	if (q->left_out == 1)
		q->left_out_why = status;
}

static void note_alert(struct request *q, struct payload *p,
		       const struct envelope *e, struct span json)
{
	struct offer o;
	struct alert alert;
	struct alert_reader reader;
	char why_bytes[LIMIT_PLACE];
	struct buf why = buf_of(why_bytes, sizeof why_bytes);
	ASSERT(alert_parse(&alert, &reader, json, &why) == STATUS_OK);
	if (alert_status(e, &alert) == ALERT_INHERITS) {
		payload_begin_place(p);
		buf_str(&p->why, ".status: missing, and the payload has none "
				 "in front of it");
		note_left_out(q, p, e, json.p, STATUS_NOT_PAYLOAD);
		return;
	}
	struct sender sender = {.known = false};
	intake_name_alert(&intake, &sender, &o, e, &alert, service.now);
	note_record(q, &o);
}

/* One walk over a body; `e` is the envelope as alerts see it. */
static enum status walk(struct request *q, struct payload *p, struct span body,
			const struct envelope *e, bool is_whole_body)
{
	enum payload_event event;
	enum status status = STATUS_OK;
	struct offer o;
	for (;;) {
		event = payload_next(p, body.p, 0, body.n);
		struct span json = {body.p + p->start,
				    (size_t)(p->end - p->start)};
		if (event == PAYLOAD_ALERT)
			note_alert(q, p, e, json);
		else if (event == PAYLOAD_LEFT_OUT)
			note_left_out(q, p, e, json.p, p->status);
		else
			break;
	}
	if (event == PAYLOAD_REFUSED)
		status = p->status;
	else if (is_whole_body)
		status = payload_end(p);
	if (status == STATUS_OK && is_whole_body && q->left_out &&
	    q->left_out == p->count)
		status = q->left_out_why;
	if (status == STATUS_OK && is_whole_body && p->truncated) {
		intake_name_notice(&intake, &o, RECORD_NOTICE_TRUNCATED, e,
				   p->truncated, SPAN_NONE, service.now);
		note_record(q, &o);
	}
	return status;
}

static void read_alerts(struct request *q, struct span body)
{
	static struct payload p;
	struct envelope envelope;
	enum status status;
	enum payload_event event;
	if (!q->whole) {
		bool all = !q->cut && q->framing == STATUS_OK;
		payload_start(&p, false);
		walk(q, &p, body, &p.envelope, all);
		return; /* whichever of several causes comes first */
	}
	/* all of the payload first, and all of its envelope */
	payload_start(&p, true);
	do
		event = payload_next(&p, body.p, 0, body.n);
	while (event == PAYLOAD_ALERT || event == PAYLOAD_LEFT_OUT);
	status = event == PAYLOAD_REFUSED ? payload_judge_rest(&p, body)
					  : payload_end(&p);
	envelope = p.envelope;
	payload_start(&p, true);
	if (status == STATUS_OK)
		status = walk(q, &p, body, &envelope, true);
	q->code = status_info(status)->code;
	if (status != STATUS_OK) { /* nothing of it */
		model.alerts -= q->alerts;
		q->alerts = 0;
	}
}

/* The body of a request whose head is known: where it ends, and its bytes. */
static void read_body(struct request *q, const struct http_request *r,
		      struct span in, struct span *body)
{
	static char bytes[INPUT];
	struct http_body b;
	struct buf out = buf_of(bytes, sizeof bytes);
	struct span data;
	size_t before = in.n;
	http_body_start(&b, r);
	while (b.state != HTTP_BODY_DONE && in.n && q->framing == STATUS_OK) {
		q->framing = http_body_next(&b, &in, &data);
		buf_put(&out, data);
	}
	q->end = q->head_end + before - in.n;
	q->cut = b.state != HTTP_BODY_DONE && q->framing == STATUS_OK;
	*body = buf_span(&out);
}

/* False if nothing can follow. */
static bool read_request(struct request *q, struct span in, size_t at)
{
	struct http_scan scan = {0};
	struct http_request r;
	struct span rest = span_skip(in, at), body;
	enum request_target target;
	struct auth_signature sig;
	const char *allow;
	size_t length;
	*q = (struct request){.begin = at, .first_alert = model.alerts};
	enum status status = http_scan(&scan, rest.p, rest.n, &length);
	q->head_end = q->end = at + (length ? length : scan.seen);
	if (status == STATUS_OK && length == 0) {
		q->cut = q->cut_head = true;
		return false;
	}
	if (status == STATUS_OK)
		status = http_parse_head((struct span){rest.p, length}, &r);
	if (status != STATUS_OK) {
		q->code = status_info(status)->code;
		return false;
	}
	q->head = r.method == HTTP_HEAD;
	if (r.unknown_coding) {
		q->code = status_info(STATUS_CODING)->code;
		return false;
	}
	read_body(q, &r, span_skip(in, q->head_end), &body);
	status = request_judge(&r, &config, &auth, service.now.s, false,
			       &target, &sig, &allow);
	q->whole = r.chunked ? body.n <= LIMIT_WHOLE_BODY
			     : r.length <= LIMIT_WHOLE_BODY;
	q->stays =
	    r.keep_alive && !r.expect_continue && !r.expect_other && q->whole;
	bool broken = q->cut || q->framing != STATUS_OK;
	if (status != STATUS_OK || target != REQUEST_NOTIFICATION)
		q->code = status_info(status)->code;
	else if (q->whole && broken)
		q->code = q->cut ? 400 : status_info(q->framing)->code;
	else
		read_alerts(q, body);
	q->stays = q->stays && !broken;
	return !broken;
}

static void read_model(struct span in)
{
	size_t at = 0;
	bool more = true;
	model.requests = model.alerts = 0;
	while (more && at < in.n && model.requests < REQUESTS) {
		struct request *q = &model.request[model.requests++];
		more = read_request(q, in, at);
		at = q->end;
	}
}

/* --- the connection, held to it ------------------------------------------- */

static struct run {
	size_t delivered; /* bytes of the input */
	size_t allowed;   /* requests whose alerts may come */
	uint64_t seen;    /* records before it were looked at */
	uint64_t safe;    /* records before it are written, or on disk */
	uint64_t came, wanted;
	size_t answers;
	uint64_t told;
	uint64_t turns; /* that it had a share of */
	bool closes;    /* the last answer said so */
	bool late;  /* a deadline came, or there was no room: codes differ */
	bool large; /* a large request may have left something */
	size_t said_n, heard; /* bytes said, and how far they were understood */
	char said[SAID];
} run;

/* Requests all of whose bytes are there may emit; large ones from their head
 * on. */
static void allow(void)
{
	for (; run.allowed < model.requests; run.allowed++) {
		const struct request *q = &model.request[run.allowed];
		if (run.delivered < (q->whole ? q->end : q->head_end))
			return;
		for (size_t i = 0; i < q->alerts; i++)
			tally_of(model.key[q->first_alert + i])->allowed++;
	}
}

static void check_records(void)
{
	struct record r;
	allow();
	ASSERT(run.seen >= spool_tail(&spool));
	while (spool_get(&spool, &run.seen, &r)) {
		struct tally *t = tally_of(r.key);
		t->came++;
		run.came++;
		ASSERT(t->came <= t->allowed);
	}
}

static void check_accepted(const struct request *q)
{
	ASSERT(run.delivered >= q->end);
	ASSERT(!q->cut && q->framing == STATUS_OK);
	for (size_t i = 0; i < q->alerts; i++) {
		struct tally *t = tally_of(model.key[q->first_alert + i]);
		t->wanted++;
		run.wanted++;
		ASSERT(t->safe >= t->wanted);
	}
}

static uint64_t number_behind(struct span s, struct span name)
{
	uint64_t n = 0;
	for (; s.n > name.n; s = span_skip(s, 1))
		if (span_starts(s, name))
			break;
	ASSERT(s.n > name.n);
	for (s = span_skip(s, name.n); s.n && s.p[0] >= '0' && s.p[0] <= '9';
	     s = span_skip(s, 1))
		n = n * 10 + (uint64_t)(s.p[0] - '0');
	return n;
}

static bool holds(struct span s, struct span part)
{
	for (; s.n >= part.n; s = span_skip(s, 1))
		if (span_starts(s, part))
			return true;
	return false;
}

static void check_answer(const struct request *q, unsigned code,
			 struct span body)
{
	bool early = run.delivered < q->head_end;
	/* only a head that took too long is answered before it is there */
	ASSERT(!early || (run.late && code == 408));
	run.late = run.late || code == 503 || code == 408;
	if (code == 200 && span_starts(body, SPAN("accepted "))) {
		ASSERT(q->code == 200 || !q->whole);
		uint64_t n = number_behind(body, SPAN("accepted "));
		/* a notice is no alert */
		n += q->left_out;
		ASSERT(n == q->alerts || n + 1 == q->alerts);
		ASSERT(holds(body, SPAN(", left out ")) == (q->left_out != 0));
		check_accepted(q);
	}
	run.large = run.large || !q->whole;
	ASSERT(run.late || q->code == 0 || q->code == code);
}

/* What stands in front of *at as one answer; false if it is not whole yet. */
static bool hear(void)
{
	struct span s = {run.said + run.heard, run.said_n - run.heard};
	size_t i = 0;
	while (i + 4 <= s.n && memcmp(s.p + i, "\r\n\r\n", 4) != 0)
		i++;
	if (i + 4 > s.n)
		return false;
	struct span head = {s.p, i + 4}, body = span_skip(s, i + 4);
	ASSERT(span_starts(head, SPAN("HTTP/1.1 ")));
	unsigned code = (unsigned)number_behind(head, SPAN("HTTP/1.1 "));
	if (code == 100) {
		run.heard += head.n;
		return true;
	}
	ASSERT(run.answers < model.requests && !run.closes);
	const struct request *q = &model.request[run.answers];
	uint64_t length = number_behind(head, SPAN("Content-Length: "));
	if (q->head)
		length = 0;
	if (body.n < length)
		return false;
	body.n = (size_t)length;
	check_answer(q, code, body);
	run.closes = holds(head, SPAN("\r\nConnection: close\r\n"));
	ASSERT(!run.closes || run.late || !q->stays);
	run.heard += head.n + body.n;
	run.answers++;
	return true;
}

static void check(void)
{
	const struct window *w = &conn.window;
	ASSERT(w->begin <= w->body_end && w->body_end <= w->raw);
	ASSERT(w->raw <= w->filled && w->filled <= sizeof w->bytes);
	ASSERT(conn.answer.out_sent <= conn.answer.out.n &&
	       !conn.answer.out.cut);
	ASSERT(spool_used(&spool) <= spool.size);
	ASSERT(conn.report.why_n <= sizeof conn.report.why);
	size_t room;
	conn_room(&conn, &room);
	/* whoever waits for bytes has room for them, in a turn of its own */
	bool reads =
	    conn.state == CONN_HEAD || conn.state == CONN_DISCARD ||
	    (conn.state == CONN_BODY && !conn.notification.receive.blocked);
	ASSERT(!reads || conn.eof || conn.credit <= 0 || room);
	check_records();
}

/* Takes output: all that there is, or a few bytes. True if there was some. */
static bool take_output(bool slowly)
{
	struct span out = conn_output(&conn);
	if (slowly && out.n > 7)
		out.n = 7;
	ASSERT(out.n <= SAID - run.said_n);
	if (out.n)
		memcpy(run.said + run.said_n, out.p, out.n);
	run.said_n += out.n;
	if (out.n)
		conn_sent(&conn, out.n);
	while (hear())
		;
	return out.n;
}

/* True if there was something to do. With a file it is the disk that stands
 * still, while sinks go on. */
static bool run_sinks(bool stalled)
{
	struct record r;
	if (stalled && !spool.durable)
		return false;
	bool queued = spool.cursor[0] != spool.head;
	spool.cursor[0] = spool.head;
	service.progress += queued;
	if (stalled)
		return queued;
	queued = queued || run.safe != spool.head;
	while (spool_get(&spool, &run.safe, &r))
		tally_of(r.key)->safe++;
	spool.keep[0] = spool.head;
	if (spool.durable) {
		spool_seal(&spool);
		spool.synced = spool.freed = spool.head;
	}
	return queued;
}

static void answer_page(void)
{
	static char page[PAGE];
	memset(page, 'p', sizeof page);
	/* the large one is sent out of the owner's memory */
	size_t n = conn.target == REQUEST_METRICS ? sizeof page : 5;
	conn_answer_page(&conn, &service, STATUS_OK, (struct span){page, n},
			 "text/plain");
}

/* What was done, counted from outside, is no more than all shares together and
 * what cannot be interrupted: a whole body of the smallest alerts, a page. */
static void grant(void)
{
	uint64_t most = LIMIT_WHOLE_BODY + PAGE + WORK_REQUEST +
			(LIMIT_WHOLE_BODY / 2 + RECEIVE_SHARE) *
			    (WORK_ALERT + WORK_LEFT_OUT);
	uint64_t done = run.told * WORK_REQUEST + run.came * WORK_ALERT;
	run.turns++;
	ASSERT(done <= run.turns * LIMIT_TURN + most);
	int64_t before = conn.credit;
	conn_grant(&conn);
	ASSERT(conn.credit >= before && conn.credit <= LIMIT_TURN);
	ASSERT(conn.credit > 0 || before < 0);
}

static void attend(bool stalled, bool slowly)
{
	for (int turn = 0; turn < 20000; turn++) {
		enum conn_state before = conn.state;
		enum conn_event event = conn_step(&conn, &service);
		run.told += event == CONN_ANSWERED;
		check();
		if (event == CONN_ASKS)
			answer_page();
		if (event == CONN_YIELDS)
			grant();
		if (event != CONN_RESTS)
			continue;
		bool busy = take_output(slowly) && !slowly;
		busy = run_sinks(stalled) || busy;
		if (busy || conn.state != before)
			continue;
		if (conn.credit > 0)
			return;
		grant(); /* it pays its debt */
	}
	ASSERT(false); /* a connection that never rests */
}

static void expire(void)
{
	if (service.now.ms < conn.deadline_ms)
		return;
	/* what is only closed hears nothing more */
	run.late = true;
	conn_expire(&conn, &service);
	ASSERT(conn.state == CONN_CLOSED || conn.deadline_ms > service.now.ms);
}

static void start(bool durable)
{
	spool_init(&spool, ring, sizeof ring, 1);
	spool.durable = durable;
	config.sinks = 1;
	config.path = SPAN("/webhook");
	config.ack_timeout_ms = 8000;
	config.max_body = 100000;
	intake.spool = &spool;
	intake.config = &config;
	intake.counters = &counters;
	service = (struct service){.config = &config,
				   .intake = &intake,
				   .auth = &auth,
				   .counters = &counters,
				   .memory = &memory,
				   .deadman = &deadman,
				   .now = {1000, 1795485352}};
	memset(tallies, 0, sizeof tallies);
	memset(&run, 0, offsetof(struct run, said));
	POISON(&conn, sizeof conn);
	POISON(ring, sizeof ring);
	conn_open(&conn, 1, service.now.ms);
}

/* The turns of the owner, as the control bytes say. */
static void bring(struct span in, const uint8_t *control, size_t controls)
{
	for (size_t turn = 0; in.n && conn.state != CONN_CLOSED; turn++) {
		uint8_t c = control[turn % controls];
		size_t n = (size_t)1 << (c & 15), room;
		char *p = conn_room(&conn, &room);
		if (n > in.n)
			n = in.n;
		if (n > room)
			n = room;
		memcpy(p, in.p, n);
		conn_received(&conn, n);
		in = span_skip(in, n);
		run.delivered += n;
		/* without progress, a turn that lets time pass */
		bool stalled = (c & 0x40) && n;
		attend(stalled, c & 0x10);
		service.now.ms += c & 0x20 ? 5000 : 100;
		if ((c & 0x80) && service.now.ms < conn.deadline_ms)
			service.now.ms = conn.deadline_ms;
		expire();
		attend(stalled, (c & 0x10) && n);
		grant();
	}
}

/* Where nothing was late, each request up to the one that closed has its
 * answer, or all of them; a head that is cut gets none. Small requests have
 * left their alerts, and nothing else. */
static void check_end(void)
{
	size_t expected = model.requests;
	if (run.late)
		return;
	if (expected && model.request[expected - 1].cut_head)
		expected--;
	ASSERT(run.told == run.answers && run.heard == run.said_n);
	ASSERT(run.closes ? run.answers <= expected : run.answers == expected);
	ASSERT(run.large || run.came == run.wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = fuzz_json_at(data, size), controls = at ? at - 1 : 0;
	if (controls == 0 || at == size || size > INPUT)
		return 0;
	struct span in = {(const char *)data + at, size - at};
	start(controls % 2 == 0);
	read_model(in);
	POISON(&memory, sizeof memory);
	bring(in, data, controls);
	run_sinks(false);
	conn_ended(&conn);
	attend(false, false);
	/* nothing is left to wait for */
	ASSERT(run.late || conn.state == CONN_CLOSED ||
	       conn.state == CONN_LINGER);
	while (conn.state != CONN_CLOSED) {
		ASSERT(conn.state != CONN_HEAD);
		service.now.ms = conn.deadline_ms;
		if (conn.state != CONN_LINGER)
			run.late = true;
		conn_expire(&conn, &service);
		attend(false, false);
	}
	check_end();
	conn_close(&conn, &service);
	forget(&intake.recall);
	return 0;
}
