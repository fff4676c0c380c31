/* fuzz_payload.c - a notification's way from its bytes to lines: taken as one
 * or in pieces, queued, read back and written in every format. One record makes
 * one line of valid UTF-8 without control characters, and in json one value.
 * The first byte chooses the pieces; 0 takes the body as one. */
#include "base/bytes.h"
#include "intake/receive.h"
#include "is_json.h"
#include "render/render.h"
#include "json/json.h"

#include "mutate.h"
#include "poison.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

size_t fuzz_json_at(const uint8_t *data, size_t size)
{
	(void)data;
	return size ? 1 : 0;
}

static struct config config = {.sinks = 2};
static struct counters counters;
static struct intake intake;
static struct spool spool;
static char ring[LIMIT_SPOOL_MEMORY];
static struct receive receive;
static struct receive_memory memory;
static const struct moment now = {1000, 1795485352};

static void check_line(struct span line, const struct format *f)
{
	ASSERT(line.n && line.p[line.n - 1] == '\n');
	struct span s = {line.p, line.n - 1};
	uint32_t characters = 0;
	if (f->crlf) {
		ASSERT(s.n && s.p[s.n - 1] == '\r');
		s.n--;
	}
	ASSERT(f->kind != FORMAT_JSON || is_json(s));
	if (f->bell.label.p && s.n && s.p[0] == '\a')
		s = span_skip(s, 1);
	for (; s.n; characters++) {
		uint32_t c;
		ASSERT(utf8_take(&s, &c));
		ASSERT(!text_is_unsafe(c));
		ASSERT(!f->ascii || c <= 0x7e);
	}
	ASSERT(f->width == 0 || characters <= f->width);
}

static void render_all(const struct record *r, const struct alert *a)
{
	static char bytes[LIMIT_LINE];
	static const struct format formats[] = {
	    {.kind = FORMAT_LINE},
	    {.kind = FORMAT_JSON},
	    {.kind = FORMAT_LOGFMT},
	    {.kind = FORMAT_LINE, .ascii = true, .crlf = true},
	    {.kind = FORMAT_JSON, .ascii = true},
	    {.kind = FORMAT_LOGFMT, .ascii = true, .width = 40},
	    {.kind = FORMAT_LINE,
	     .width = 20,
	     .bell = {SPAN("severity"), SPAN("critical"), false}},
	};
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		struct buf out = buf_of(bytes, sizeof bytes);
		ASSERT(render_record(&out, &formats[i], r, a));
		ASSERT(!out.cut);
		check_line(buf_span(&out), &formats[i]);
	}
}

/* Reads back what was queued, and lets go of it. */
static void run_sinks(void)
{
	static struct alert alert;
	static struct alert_reader reader;
	uint64_t position = spool_tail(&spool);
	struct record r;
	while (spool_get(&spool, &position, &r)) {
		char why_bytes[LIMIT_PLACE];
		struct buf why = buf_of(why_bytes, sizeof why_bytes);
		struct alert *a = NULL;
		if (r.kind == RECORD_ALERT) {
			ASSERT(is_json(r.json));
			ASSERT(alert_parse(&alert, &reader, r.json, &why) ==
			       STATUS_OK);
			a = &alert;
		}
		render_all(&r, a);
	}
	ASSERT(position == spool.head);
	for (unsigned i = 0; i < spool.cursors; i++)
		spool.cursor[i] = spool.keep[i] = spool.head;
}

static enum status take_whole(struct span body)
{
	uint64_t head = spool.head;
	receive_start(&receive, 1, RECEIVE_WHOLE);
	enum status status =
	    receive_whole(&receive, &intake, &memory, body, now);
	while (status == STATUS_OK && (receive.blocked || receive.more)) {
		run_sinks();
		status = receive_more(&receive, &intake, &memory, body.p, 0,
				      body.n, now);
	}
	if (status == STATUS_OK && receive.mode == RECEIVE_STEPWISE) {
		do {
			run_sinks();
			status = receive_end(&receive, &intake, now);
		} while (status == STATUS_OK && receive.blocked);
	}
	ASSERT(status == STATUS_OK || spool.head == head);
	ASSERT(status == STATUS_OK || receive.payload.why.n ||
	       status == STATUS_TOO_DEEP);
	return status;
}

/* Only what receive_hold() asks for is there again. */
static enum status take_pieces(struct span body, size_t step)
{
	enum status status = STATUS_OK;
	size_t end = 0;
	receive_start(&receive, 1, RECEIVE_STREAM);
	while (status == STATUS_OK &&
	       (end < body.n || receive.blocked || receive.more)) {
		uint64_t at = receive_hold(&receive);
		if (!receive.blocked && !receive.more)
			end = step < body.n - end ? end + step : body.n;
		ASSERT(at <= end);
		size_t n = end - (size_t)at;
		char *copy = malloc(n ? n : 1);
		memcpy(copy, body.p + at, n);
		status =
		    receive_more(&receive, &intake, &memory, copy, at, n, now);
		free(copy);
		run_sinks();
	}
	if (status == STATUS_OK)
		do {
			status = receive_end(&receive, &intake, now);
			run_sinks();
		} while (status == STATUS_OK && receive.blocked);
	return status;
}

struct verdict {
	enum status status;
	uint64_t alerts, offset;
	uint32_t index; /* a checksum of what was read of all alerts */
	char why_bytes[LIMIT_PLACE];
	size_t why_n;
};

static void read_payload(struct span body, size_t first, size_t step,
			 struct verdict *v)
{
	struct payload *p = &receive.payload;
	enum payload_event e = PAYLOAD_MORE;
	size_t end = 0;
	memset(v, 0, sizeof *v);
	payload_start(p, false);
	while (e != PAYLOAD_REFUSED && end < body.n) {
		uint64_t at = payload_hold(p);
		size_t n = end ? step : first;
		end = n < body.n - end ? end + n : body.n;
		for (;;) {
			e = payload_next(p, body.p + at, at, end - at);
			struct span index = alert_index(&p->alert);
			if (e == PAYLOAD_LEFT_OUT)
				index = buf_span(&p->why);
			else if (e != PAYLOAD_ALERT)
				break;
			v->alerts++;
			v->index = crc32c(v->index, index.p, index.n);
		}
	}
	v->status = e == PAYLOAD_REFUSED ? p->status : payload_end(p);
	v->offset = p->json.offset;
	v->why_n = p->why.n;
	memcpy(v->why_bytes, p->why_bytes, p->why.n);
}

/* The same verdict at the same byte however it is split: into pieces of one
 * size, and in two. */
static void check_splits(struct span body, unsigned choice)
{
	struct verdict whole, pieces;
	size_t all = body.n ? body.n : 1, step = 1 + (size_t)choice * choice;
	read_payload(body, all, all, &whole);
	read_payload(body, step, step, &pieces);
	ASSERT(memcmp(&whole, &pieces, sizeof whole) == 0);
	read_payload(body, 1 + choice * 2654435761U % all, all, &pieces);
	ASSERT(memcmp(&whole, &pieces, sizeof whole) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || (data[0] == 0 && size - 1 > LIMIT_WHOLE_BODY))
		return 0;
	struct span body = {(const char *)data + 1, size - 1};
	spool_init(&spool, ring, sizeof ring, config.sinks);
	config.sink[1].filter.match[0] =
	    (struct match){SPAN("severity"), SPAN("critical"), false};
	config.sink[1].filter.matches = 1;
	intake.spool = &spool;
	intake.config = &config;
	intake.counters = &counters;
	POISON(&receive, sizeof receive);
	POISON(&memory, sizeof memory);
	POISON(ring, sizeof ring);
	check_splits(body, data[0]);
	if (data[0] == 0)
		take_whole(body);
	else
		take_pieces(body, (size_t)data[0] * data[0]);
	run_sinks();
	ASSERT(intake_is_safe(&intake, &receive.claim));
	intake_release(&intake, &receive.claim, true, 0);
	return 0;
}
