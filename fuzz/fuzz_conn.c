/* fuzz_conn.c - the bytes of several requests, in pieces, into one connection.
 * Answers are whole and no more than requests; nothing stays claimed.
 *
 * Each control byte at the front, up to the first 0, says how the owner acts in
 * turn: low bits how many bytes it brings, 0x40 whether sinks stand still, 0x80
 * whether the deadline comes. */
#include "conn.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct conn conn;
static struct service service;
static struct config config;
static struct intake intake;
static struct auth auth;
static struct counters counters;
static struct receive_memory memory;
static struct spool spool;
static char ring[(2 * SPOOL_RECORD_MAX + 7) / 8 * 8];
static uint64_t answers, heads;

static void start(void)
{
	spool_init(&spool, ring, sizeof ring, 1);
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
				   .now = {1000, 1795485352}};
	answers = heads = 0;
	conn_open(&conn, 1, service.now.ms);
}

static void run_sinks(void)
{
	service.progress += spool_used(&spool) != 0;
	spool.cursor[0] = spool.keep[0] = spool.head;
}

static void check(void)
{
	const struct window *w = &conn.window;
	ASSERT(w->begin <= w->body_end && w->body_end <= w->raw);
	ASSERT(w->raw <= w->filled && w->filled <= sizeof w->bytes);
	ASSERT(conn.out_sent <= conn.out.n && !conn.out.cut);
	ASSERT(spool_used(&spool) <= spool.size);
	ASSERT(answers <= heads);
	size_t room;
	conn_room(&conn, &room);
	/* whoever waits for bytes has room for them */
	bool reads = conn.state == CONN_HEAD || conn.state == CONN_DISCARD ||
		     (conn.state == CONN_BODY && !conn.receive.blocked);
	ASSERT(!reads || conn.eof || room);
}

/* Takes all output; what is no 100 is an answer with its length. */
static void take_output(void)
{
	struct span out = conn_output(&conn);
	while (out.n) {
		ASSERT(span_starts(out, SPAN("HTTP/1.1 ")));
		bool interim = out.p[9] == '1';
		size_t i = 0;
		while (i + 4 <= out.n && memcmp(out.p + i, "\r\n\r\n", 4) != 0)
			i++;
		ASSERT(i + 4 <= out.n);
		if (interim) {
			out = span_skip(out, i + 4);
			conn_sent(&conn, i + 4);
			continue;
		}
		answers++;
		conn_sent(&conn, out.n);
		out.n = 0;
	}
}

static void attend(bool stalled)
{
	for (int turn = 0; turn < 4096; turn++) {
		enum conn_state before = conn.state;
		conn_step(&conn, &service);
		if (conn.told) {
			/* each answer follows a head, or is the last one */
			heads++;
			conn.told = false;
		}
		check();
		if (conn.state == CONN_QUESTION) {
			conn_answer_page(&conn, &service, STATUS_OK,
					 SPAN("page\n"), "text/plain");
			continue;
		}
		bool output = conn_output(&conn).n != 0;
		bool queued = spool_used(&spool) != 0;
		take_output();
		if (!stalled)
			run_sinks();
		if (!output && (stalled || !queued) && conn.state == before)
			return;
	}
	ASSERT(false); /* a connection that never rests */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t controls = 0;
	while (controls < size && data[controls])
		controls++;
	if (controls == 0 || controls == size)
		return 0;
	struct span in = {(const char *)data + controls + 1,
			  size - controls - 1};
	start();
	for (size_t turn = 0; in.n && conn.state != CONN_CLOSED; turn++) {
		uint8_t control = data[turn % controls];
		size_t n = (size_t)1 << (control & 15), room;
		char *p = conn_room(&conn, &room);
		if (n > in.n)
			n = in.n;
		if (n > room)
			n = room;
		memcpy(p, in.p, n);
		conn_received(&conn, n);
		in = span_skip(in, n);
		/* without progress, a turn that lets time pass */
		bool stalled = (control & 0x40) && n;
		attend(stalled);
		service.now.ms += 100;
		if (control & 0x80)
			conn_expire(&conn, &service);
		attend(stalled);
	}
	run_sinks();
	conn_ended(&conn);
	attend(false);
	while (conn.state != CONN_CLOSED) {
		ASSERT(conn.state != CONN_HEAD);
		conn_expire(&conn, &service);
		attend(false);
	}
	conn_close(&conn, &service);
	for (uint16_t i = 0; i < intake.recall.used; i++)
		ASSERT(intake.recall.entry[i].claims == 0);
	/* forget all */
	memset(&intake.recall, 0, offsetof(struct recall, entry));
	intake.recall.used = 0;
	intake.recall.oldest = intake.recall.newest = intake.recall.free = 0;
	memset(intake.recall.bucket, 0, sizeof intake.recall.bucket);
	return 0;
}
