/* test_receive.c - receive.h: a body taken as one or in pieces, and what of it
 * is queued. */
#include "check.h"

#include "intake/receive.h"

enum { RING = (2 * SPOOL_RECORD_MAX + 7) / 8 * 8 };

static struct config config;
static struct counters counters;
static struct intake intake;
static struct spool spool, overflow;
static char ring[LIMIT_SPOOL_MEMORY];
static struct receive receive;
static struct receive_memory memory;
static const struct moment now = {1000, 1795485352};
static char notice_bytes[1 << 16];
static struct buf words;
static uint64_t reached;

static void start(size_t ring_size)
{
	memset(&config, 0, sizeof config);
	memset(&counters, 0, sizeof counters);
	memset(&intake, 0, sizeof intake);
	config.sinks = 1;
	spool_init(&spool, ring, ring_size, 1);
	intake.spool = &spool;
	intake.config = &config;
	intake.counters = &counters;
	memset(&receive, 0xa5, sizeof receive);
	words = buf_of(notice_bytes, sizeof notice_bytes);
	reached = 0;
}

/* Reads what was queued as words, and lets go of at most `most` records. */
static size_t run_sink(size_t most)
{
	static const char *const kinds[] = {"?", "?", "", "truncated ",
					    "left out "};
	static const char *const statuses[] = {"- ", "firing ", "resolved "};
	struct record r;
	size_t n = 0;
	for (; n < most && spool_get(&spool, &reached, &r); n++) {
		buf_str(&words, kinds[r.kind]);
		if (r.count && r.kind != RECORD_ALERT)
			buf_u64(&words, r.count);
		if (r.kind == RECORD_ALERT)
			buf_str(&words, statuses[r.envelope.status]);
		buf_put(&words, r.envelope.receiver);
		buf_put(&words, r.json);
		buf_char(&words, '\n');
	}
	spool.cursor[0] = spool.keep[0] = reached;
	return n;
}

static enum status take_whole(struct span body)
{
	char *copy = copy_of(body);
	receive_start(&receive, 1, RECEIVE_WHOLE);
	enum status s = receive_whole(&receive, &intake, &memory,
				      (struct span){copy, body.n}, now);
	run_sink(SIZE_MAX);
	free(copy);
	return s;
}

static enum status take_pieces(struct span body, size_t first, size_t step)
{
	enum status s = STATUS_OK;
	size_t end = 0, n = first;
	receive_start(&receive, 1, RECEIVE_STREAM);
	while (s == STATUS_OK &&
	       (end < body.n || receive.blocked || receive.more)) {
		uint64_t at = receive_hold(&receive);
		if (receive.blocked) {
			assert_true(run_sink(1));
		} else if (!receive.more) {
			end = n < body.n - end ? end + n : body.n;
			n = step;
		}
		struct span piece = {body.p + at, end - (size_t)at};
		char *copy = copy_of(piece);
		s = receive_more(&receive, &intake, &memory, copy, at, piece.n,
				 now);
		free(copy);
	}
	while (s == STATUS_OK) {
		s = receive_end(&receive, &intake, now);
		if (!receive.blocked)
			break;
		assert_true(run_sink(1));
	}
	run_sink(SIZE_MAX);
	return s;
}

#define LONG                                                                   \
	"01234567890123456789012345678901234567890123456789012345678901234567" \
	"89"

static void refuses(void **state)
{
	static const struct {
		enum status status;
		const char *body, *why;
		const char *pieces; /* what was queued before, in pieces */
	} table[] = {
	    {STATUS_NOT_JSON, "{\"status\":\"firing\",\"alerts\":[{},",
	     "byte 32: expected more, the text is cut", "firing {}\n"},
	    {STATUS_NOT_JSON, "{\"status\":\"firing\",\"alerts\":[{}]",
	     "byte 32: expected more, the text is cut", "firing {}\n"},
	    /* the first in order, whichever fault shows first */
	    {STATUS_NOT_PAYLOAD,
	     "{\"alerts\":[{},{\"status\":\"firing\",\"labels\":{\"a\":1}}]}",
	     "alerts[0].status: missing, and the payload has none in front of "
	     "it",
	     "left out 1[null,null,\"alerts[0].status: missing, and the "
	     "payload has none in front of it\"]\n"
	     "left out 1[null,null,\"alerts[1].labels.a: expected a "
	     "string\"]\n"},
	    {STATUS_NOT_PAYLOAD,
	     "{\"alerts\":[{\"status\":\"firing\",\"labels\":{\"a\":1}},{}]}",
	     "alerts[0].labels.a: expected a string",
	     "left out 1[null,null,\"alerts[0].labels.a: expected a "
	     "string\"]\n"
	     "left out 1[null,null,\"alerts[1].status: missing, and the "
	     "payload has none in front of it\"]\n"},
	    {STATUS_NOT_PAYLOAD,
	     "{\"status\":null,\"alerts\":[{\"status\":null}]}",
	     "alerts[0].status: missing, and the payload has none in front of "
	     "it",
	     "left out 1[null,null,\"alerts[0].status: missing, and the "
	     "payload "
	     "has none in front of it\"]\n"},
	    {STATUS_NOT_PAYLOAD,
	     "{\"alerts\":[1,{\"labels\":{\"alertname\":\"A\",\"b\":2}}]}",
	     "alerts[0]: expected an object",
	     "left out 1[null,null,\"alerts[0]: expected an object\"]\n"
	     "left out 1[\"A\",null,\"alerts[1].labels.b: expected a "
	     "string\"]\n"},
	    {STATUS_NOT_PAYLOAD, "{\"alerts\":[{\"status\":\"ok\"}]}",
	     "alerts[0].status: expected \"firing\" or \"resolved\"",
	     "left out 1[null,null,\"alerts[0].status: expected \\\"firing\\\" "
	     "or \\\"resolved\\\"\"]\n"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct span body = span_of(table[i].body);
		start(sizeof ring);
		enum status s = take_whole(body);
		CHECK(s == table[i].status, "row %zu: %s", i,
		      status_info(s)->text);
		CHECK_SPAN(buf_span(&receive.payload.why),
			   span_of(table[i].why), "row %zu", i);
		CHECK(spool.head == 0, "row %zu: something was queued", i);
		CHECK(counters.alerts_firing == 0, "row %zu: counted", i);
		CHECK(intake.recall.used == 0, "row %zu: remembered", i);
		CHECK(counters.left_out[STATUS_NOT_PAYLOAD] == 0,
		      "row %zu: counted", i);
		for (size_t first = 1; first <= body.n; first++) {
			start(sizeof ring);
			s = take_pieces(body, first, first == 1 ? 1 : body.n);
			CHECK(s == table[i].status, "row %zu, %zu: %s", i,
			      first, status_info(s)->text);
			CHECK_SPAN(buf_span(&words), span_of(table[i].pieces),
				   "row %zu, %zu", i, first);
		}
	}
}

/* The others come out, whole or in pieces; a notice names the one, and is known
 * when it is sent again. */
static void leaves_out(void **state)
{
	static const struct {
		const char *body, *words, *told;
		uint64_t left_out, count;
	} table[] = {
	    {"{\"status\":\"firing\",\"alerts\":[{},{\"labels\":{\"a\":1}}]}",
	     "firing {}\nleft out 1[null,null,\"alerts[1].labels.a: expected a "
	     "string\"]\n",
	     "alerts[1].labels.a: expected a string", 1, 2},
	    {"{\"status\":\"firing\",\"alerts\":[{},1,[{}],{}]}",
	     "firing {}\n"
	     "left out 1[null,null,\"alerts[1]: expected an object\"]\n"
	     "left out 1[null,null,\"alerts[2]: expected an object\"]\n"
	     "firing {}\n",
	     "alerts[1]: expected an object", 2, 4},
	    {"{\"alerts\":[{\"status\":\"firing\"},{\"fingerprint\":\"00\","
	     "\"labels\":{\"alertname\":\"x\\n\"}}],\"receiver\":1}",
	     "- {\"status\":\"firing\"}\n"
	     "left out 1[\"x\\n\",\"00\",\"alerts[1].status: missing, and the "
	     "payload has none in front of it\"]\n",
	     "alerts[1].status: missing, and the payload has none in front of "
	     "it",
	     1, 2},
	    {"{\"status\":\"\",\"alerts\":[{\"status\":\"resolved\"},"
	     "{\"status\":\"up\",\"labels\":{\"alertname\":\"y\"}}]}",
	     "- {\"status\":\"resolved\"}\n"
	     "left out 1[\"y\",null,\"alerts[1].status: expected "
	     "\\\"firing\\\" or \\\"resolved\\\"\"]\n",
	     "alerts[1].status: expected \"firing\" or \"resolved\"", 1, 2},
	    {"{\"status\":\"firing\",\"alerts\":[{},{\"fingerprint\":7}]}",
	     "firing {}\nleft out 1[null,null,\"alerts[1].fingerprint: "
	     "expected "
	     "a string\"]\n",
	     "alerts[1].fingerprint: expected a string", 1, 2},
	    {"{\"alerts\":[{\"status\":\"firing\"},{\"labels\":"
	     "{\"alertname\":\"" LONG LONG LONG LONG "\"}}]}",
	     "- {\"status\":\"firing\"}\n"
	     "left out 1[null,null,\"alerts[1].status: missing, and the "
	     "payload has none in front of it\"]\n",
	     "alerts[1].status: missing, and the payload has none in front of "
	     "it",
	     1, 2},
	    {"{\"status\":\"firing\",\"alerts\":[{\"startsAt\":[]},{},{}]}",
	     "left out 1[null,null,\"alerts[0].startsAt: expected a "
	     "string\"]\nfiring {}\nfiring {}\n",
	     "alerts[0].startsAt: expected a string", 1, 3},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct span body = span_of(table[i].body);
		for (size_t first = 0; first <= body.n; first++) {
			char bytes[2 * LIMIT_PLACE];
			struct buf told = buf_of(bytes, sizeof bytes);
			start(sizeof ring);
			enum status s =
			    first ? take_pieces(body, first,
						first == 1 ? 1 : body.n)
				  : take_whole(body);
			CHECK(s == STATUS_OK, "row %zu, %zu: %s", i, first,
			      status_info(s)->text);
			CHECK_SPAN(buf_span(&words), span_of(table[i].words),
				   "row %zu, %zu", i, first);
			CHECK(receive.payload.count == table[i].count,
			      "row %zu, %zu: %u", i, first,
			      (unsigned)receive.payload.count);
			CHECK(receive.left_out == table[i].left_out &&
				  counters.left_out[STATUS_NOT_PAYLOAD] ==
				      table[i].left_out,
			      "row %zu, %zu", i, first);
			receive_put_left_out(&receive, &told);
			CHECK_SPAN(buf_span(&told), span_of(table[i].told),
				   "row %zu, %zu", i, first);
			/* no 200 came: the same again is known */
			intake_release(&intake, &receive.claim, false, 0);
			words.n = 0;
			s = first ? take_pieces(body, first, body.n)
				  : take_whole(body);
			assert_int_equal(s, STATUS_OK);
			CHECK(words.n == 0, "row %zu, %zu: twice", i, first);
			assert_int_equal(counters.duplicates,
					 receive.payload.count);
		}
	}
}

/* A whole body of which nothing is queued. */
static void check_refused(size_t row, struct span body, enum status status,
			  const char *why)
{
	start(sizeof ring);
	enum status s = take_whole(body);
	CHECK(s == status, "row %zu: %s", row, status_info(s)->text);
	CHECK_SPAN(buf_span(&receive.payload.why), span_of(why), "row %zu",
		   row);
	assert_int_equal(spool.head, 0);
}

/* A whole body that is not even JSON is told so, wherever that shows. */
static void says_that_it_is_not_json_first(void **state)
{
	static const struct {
		enum status status;
		const char *body, *why;
	} table[] = {
	    {STATUS_NOT_PAYLOAD, "[]", "expected an object"},
	    {STATUS_NOT_JSON, "[", "byte 1: expected more, the text is cut"},
	    {STATUS_NOT_JSON, "[]]", "byte 2: expected the end"},
	    {STATUS_NOT_PAYLOAD, "{\"alerts\":1,\"x\":[]}",
	     "alerts: expected an array"},
	    {STATUS_NOT_JSON, "{\"alerts\":1,\"x\":[}",
	     "byte 17: expected a value or ']'"},
	    /* too deep behind that: nobody knows whether it is JSON */
	    {STATUS_NOT_PAYLOAD,
	     "{\"alerts\":1,\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[}",
	     "alerts: expected an array"},
	    {STATUS_TOO_DEEP, "{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[}",
	     ""},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		check_refused(i, span_of(table[i].body), table[i].status,
			      table[i].why);
	}
}

/* The same behind an alert with too many labels. */
static void says_that_it_is_not_json_behind_labels(void **state)
{
	static const struct {
		enum status status;
		const char *rest, *why;
	} table[] = {
	    {STATUS_TOO_MANY, "}}]}", "alerts[0].labels"},
	    {STATUS_NOT_JSON, "}}]",
	     "byte 1977: expected more, the text is cut"},
	    {STATUS_NOT_JSON, "}}]]", "byte 1977: expected ',' or '}'"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		static char bytes[4096];
		struct buf b = buf_of(bytes, sizeof bytes);
		buf_str(&b, "{\"status\":\"firing\",\"alerts\":[{\"labels\":{");
		for (unsigned n = 0; n <= LIMIT_LABELS; n++) {
			buf_str(&b, n ? ",\"label" : "\"label");
			buf_padded(&b, n, 10, 4);
			buf_str(&b, "\":\"\"");
		}
		buf_str(&b, table[i].rest);
		check_refused(i, buf_span(&b), table[i].status, table[i].why);
	}
}

static void takes(void **state)
{
	static const struct {
		const char *body, *words;
		const char *pieces; /* if other than words */
		uint64_t count;
	} table[] = {
	    {"{\"alerts\":[]}", "", NULL, 0},
	    {"{\"receiver\":\"r\",\"status\":\"firing\",\"alerts\":[{\"a\":1} "
	     ", {\"status\":\"resolved\"}]}",
	     "firing \"r\"{\"a\":1}\nfiring \"r\"{\"status\":\"resolved\"}\n",
	     NULL, 2},
	    /* what stands behind `alerts` */
	    {"{\"alerts\":[{\"status\":\"firing\"}],\"receiver\":\"r\","
	     "\"status\":\"resolved\"}",
	     "resolved \"r\"{\"status\":\"firing\"}\n",
	     "- {\"status\":\"firing\"}\n", 1},
	    {"{\"receiver\":\"r\",\"truncatedAlerts\":3,\"alerts\":[{"
	     "\"status\":\"firing\"}]}",
	     "- \"r\"{\"status\":\"firing\"}\ntruncated 3\"r\"\n", NULL, 1},
	    {"{\"receiver\":\"r\",\"alerts\":[],\"truncatedAlerts\":3}",
	     "truncated 3\"r\"\n", NULL, 0},
	    {"{\"truncatedAlerts\":0,\"alerts\":[]}", "", NULL, 0},
	    /* equal ones are told apart */
	    {"{\"status\":\"firing\",\"alerts\":[{},{},{}]}",
	     "firing {}\nfiring {}\nfiring {}\n", NULL, 3},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct span body = span_of(table[i].body);
		const char *pieces =
		    table[i].pieces ? table[i].pieces : table[i].words;
		start(sizeof ring);
		assert_int_equal(take_whole(body), STATUS_OK);
		CHECK_SPAN(buf_span(&words), span_of(table[i].words), "row %zu",
			   i);
		CHECK(receive.payload.count == table[i].count, "row %zu", i);
		for (size_t first = 1; first <= body.n; first++) {
			start(sizeof ring);
			enum status s =
			    take_pieces(body, first, first == 1 ? 1 : body.n);
			CHECK(s == STATUS_OK, "row %zu, %zu: %s", i, first,
			      status_info(s)->text);
			CHECK_SPAN(buf_span(&words), span_of(pieces),
				   "row %zu, %zu", i, first);
			CHECK(receive.payload.count == table[i].count,
			      "row %zu", i);
		}
	}
}

/* Leaves so little room, for good, that a whole body is read twice: what is
 * known first. */
static void leave_little_room(void)
{
	struct record filler = {.kind = RECORD_NOTICE_LOST};
	spool.cursors = 2;
	while (spool_fits(&spool, SPOOL_RECORD_MAX / 2, 0))
		spool_put(&spool, &filler);
	reached = spool.cursor[0] = spool.keep[0] = spool.head;
}

static void leave_no_room(void)
{
	const struct record filler = {.kind = RECORD_NOTICE_TRUNCATED};
	while (spool_fits(&spool, SPOOL_HEADER, SPOOL_HEADER))
		spool_put(&spool, &filler);
}

/* Sent again without a 200 in between, in either way: nothing comes twice. */
static void recognises_repeats(void **state)
{
	static const struct span body =
	    SPAN("{\"receiver\":\"r\",\"status\":\"firing\",\"groupKey\":\"g\","
		 "\"truncatedAlerts\":2,\"alerts\":[{},{},{\"startsAt\":\"1\"},"
		 "{}]}");
	(void)state;
	for (int round = 0; round < 5; round++) {
		bool little = round == 4;
		start(sizeof ring);
		if (little)
			leave_little_room();
		/* first one way, then one way or the other */
		enum status s = round & 1 || little ? take_whole(body)
						    : take_pieces(body, 7, 7);
		assert_int_equal(s, STATUS_OK);
		assert_int_equal(counters.alerts_firing, 4);
		intake_release(&intake, &receive.claim, false, 0);
		if (little) /* what is known needs none */
			leave_no_room();
		uint64_t head = spool.head;
		s = round & 2 || little ? take_whole(body)
					: take_pieces(body, 5, 5);
		assert_int_equal(s, STATUS_OK);
		CHECK(spool.head == head, "round %d", round);
		assert_true(counters.duplicates >= 4);
		assert_int_equal(counters.alerts_firing, 4);
		assert_int_equal(receive.payload.count, 4);
		assert_true(intake_is_safe(&intake, &receive.claim));
		/* settled: news again */
		intake_release(&intake, &receive.claim, true, 0);
		spool.cursor[1] = spool.keep[1] = spool.head;
		assert_int_equal(take_whole(body), STATUS_OK);
		assert_int_equal(counters.alerts_firing, 8);
	}
}

/* --dedup: an identical alert within T is emitted once, though both stand in
 * the same body. */
static void emits_twins_once(void **state)
{
	static const struct span body =
	    SPAN("{\"status\":\"firing\",\"alerts\":[{\"labels\":{\"a\":\"b\"},"
		 "\"x\":1},{\"labels\":{\"a\":\"b\"},\"x\":2},{\"labels\":{"
		 "\"a\":\"c\"}}]}");
	static const struct span want =
	    SPAN("firing {\"labels\":{\"a\":\"b\"},\"x\":1}\nfiring "
		 "{\"labels\":{\"a\":\"c\"}}\n");
	(void)state;
	start(sizeof ring);
	config.dedup_ms = 60000;
	assert_int_equal(take_pieces(body, 9, 9), STATUS_OK);
	CHECK_SPAN(buf_span(&words), want, "in pieces");
	start(sizeof ring);
	config.dedup_ms = 60000;
	assert_int_equal(take_whole(body), STATUS_OK);
	CHECK_SPAN(buf_span(&words), want, "as one");
}

static char large[1 << 17];

static struct span make_body(size_t n, size_t size)
{
	struct buf b = buf_of(large, sizeof large);
	buf_str(&b, "{\"status\":\"firing\",\"alerts\":[");
	for (size_t i = 0; i < n; i++) {
		buf_str(&b, i ? ",{\"n\":" : "{\"n\":");
		buf_u64(&b, i);
		buf_str(&b, ",\"startsAt\":\"");
		buf_u64(&b, i);
		for (size_t k = 0; k < size; k++)
			buf_char(&b, 'x');
		buf_str(&b, "\"}");
	}
	buf_str(&b, "]}");
	assert_false(b.cut);
	return buf_span(&b);
}

static void check_words(size_t n)
{
	struct span s = buf_span(&words), line;
	for (size_t i = 0; i < n; i++) {
		char want[64];
		snprintf(want, sizeof want, "firing {\"n\":%zu,", i);
		CHECK(span_split(&s, '\n', &line) &&
			  span_starts(line, span_of(want)),
		      "record %zu: %.*s", i, (int)line.n, line.p);
	}
	CHECK(s.n == 0, "more than %zu", n);
}

static void waits_for_room(void **state)
{
	(void)state;
	for (size_t step = 100; step < 60000; step *= 5) {
		start(RING);
		words.cap = sizeof notice_bytes;
		struct span body = make_body(1000, 30);
		assert_int_equal(take_pieces(body, step, step), STATUS_OK);
		check_words(1000);
		assert_int_equal(counters.alerts_firing, 1000);
	}
}

/* A whole body: all or nothing. */
static void refuses_without_room(void **state)
{
	struct span body = make_body(40, 500);
	(void)state;
	start(RING);
	receive_start(&receive, 1, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_OK);
	intake_release(&intake, &receive.claim, false, 0);
	uint64_t head = spool.head;
	/* the same is known and needs none; more of it does */
	receive_start(&receive, 2, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_OK);
	assert_int_equal(spool.head, head);
	intake_release(&intake, &receive.claim, false, 0);
	body = make_body(41, 700);
	receive_start(&receive, 3, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_OK);
	head = spool.head;
	body = make_body(42, 690);
	receive_start(&receive, 4, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_NO_ROOM);
	assert_int_equal(spool.head, head);
	assert_int_equal(counters.alerts_firing, 81);
	for (uint16_t i = 0; i < intake.recall.used; i++)
		assert_int_equal(intake.recall.entry[i].claims >> 4 & 1, 0);
}

/* A spool that is a file and full, and an overflow of which `room` bytes are
 * free. */
static void start_full(size_t room)
{
	static char overflow_ring[RING];
	struct record filler = {.kind = RECORD_ALERT};
	start(RING);
	spool_init(&overflow, overflow_ring, sizeof overflow_ring, 1);
	intake.overflow = &overflow;
	spool.durable = spool.stuck = true;
	while (spool_fits(&spool, SPOOL_HEADER, SPOOL_HEADER))
		spool_put(&spool, &filler);
	while (spool_fits(&overflow, room + SPOOL_HEADER, SPOOL_HEADER))
		spool_put(&overflow, &filler);
}

/* What finds room in the overflow alone is queued there for sinks that work;
 * its sender has it still. */
static void goes_to_the_overflow(void **state)
{
	struct span body = make_body(3, 30);
	(void)state;
	start_full(2000);
	uint64_t head = spool.head, before = overflow.head;
	receive_start(&receive, 1, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_NO_ROOM);
	assert_int_equal(spool.head, head);
	assert_true(overflow.head > before);
	assert_int_equal(counters.alerts_firing, 3);
	for (uint16_t i = 0; i < intake.recall.used; i++)
		assert_int_equal(intake.recall.entry[i].claims, 0);
	/* what is there takes no room there when it comes again */
	before = overflow.head;
	receive_start(&receive, 2, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_NO_ROOM);
	assert_int_equal(overflow.head, before);
	/* it is over once the sink has got it */
	overflow.cursor[0] = overflow.keep[0] = overflow.head;
	receive_start(&receive, 3, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_OK);
	assert_int_equal(overflow.head, before);
	assert_int_equal(counters.alerts_firing, 3);
}

/* Beyond LIMIT_UNACKED the oldest are forgotten. If those are of the very body
 * that brings new ones, no room was set aside for them: they are there. */
static void forgets_what_is_in_the_overflow(void **state)
{
	static char bytes[4096];
	struct span known = make_body(12, 1);
	struct buf body = buf_of(bytes, sizeof bytes);
	(void)state;
	start_full(12 * 160 + 40 * 160);
	receive_start(&receive, 1, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, known, now),
			 STATUS_NO_ROOM);
	assert_int_equal(counters.alerts_firing, 12);
	for (uint64_t key = 1; intake.recall.used < LIMIT_UNACKED; key++)
		recall_add(&intake.recall, key);
	/* new ones, and behind them those */
	buf_put(&body, SPAN("{\"status\":\"firing\",\"alerts\":["));
	for (unsigned i = 0; i < 20; i++) {
		buf_str(&body, "{\"startsAt\":\"new");
		buf_u64(&body, i);
		buf_str(&body, "\"},");
	}
	buf_put(&body, span_skip(known, 29));
	assert_false(body.cut);
	/* as much as the new ones need */
	struct record filler = {.kind = RECORD_ALERT};
	while (spool_fits(&overflow, 20 * 160 + 256, 160))
		spool_put(&overflow, &filler);
	uint64_t head = overflow.head;
	receive_start(&receive, 2, RECEIVE_WHOLE);
	assert_int_equal(
	    receive_whole(&receive, &intake, &memory, buf_span(&body), now),
	    STATUS_NO_ROOM);
	assert_int_equal(counters.alerts_firing, 32);
	assert_true(overflow.head - head <= 20 * 160);
}

static void finds_the_overflow_full(void **state)
{
	struct span body = make_body(3, 30);
	(void)state;
	start_full(200);
	uint64_t before = overflow.head;
	receive_start(&receive, 1, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_NO_ROOM);
	assert_int_equal(overflow.head, before);
	assert_int_equal(counters.alerts_firing, 0);
	/* a body that no empty spool could hold comes step by step */
	body = make_body(900, 0);
	receive_start(&receive, 2, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_OK);
	assert_true(receive.mode == RECEIVE_STEPWISE && receive.blocked);
	intake_release(&intake, &receive.claim, false, 0);
}

/* What is left out waits for room as an alert does, and has no twin. */
static void leaves_out_without_room(void **state)
{
	struct span body = SPAN("{\"status\":\"firing\",\"alerts\":[1,{}]}");
	(void)state;
	start_full(200);
	receive_start(&receive, 1, RECEIVE_STREAM);
	assert_int_equal(
	    receive_more(&receive, &intake, &memory, body.p, 0, body.n, now),
	    STATUS_OK);
	assert_true(receive.blocked);
	assert_int_equal(receive.left_out, 0);
	start_full(2000);
	config.dedup_ms = 1000;
	receive_start(&receive, 1, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_NO_ROOM);
	assert_int_equal(counters.left_out[STATUS_NOT_PAYLOAD], 1);
	assert_int_equal(counters.alerts_firing, 1);
	receive_start(&receive, 2, RECEIVE_WHOLE);
	assert_int_equal(receive_whole(&receive, &intake, &memory, body, now),
			 STATUS_NO_ROOM);
	assert_int_equal(counters.alerts_firing, 1);
}

static void streams_to_the_overflow(void **state)
{
	struct span body = SPAN("{\"status\":\"firing\",\"alerts\":[{}],"
				"\"truncatedAlerts\":2}");
	(void)state;
	start_full(RING / 2);
	receive_start(&receive, 1, RECEIVE_STREAM);
	assert_int_equal(
	    receive_more(&receive, &intake, &memory, body.p, 0, body.n, now),
	    STATUS_OK);
	assert_false(receive.blocked);
	assert_int_equal(receive_end(&receive, &intake, now), STATUS_NO_ROOM);
	assert_int_equal(counters.alerts_firing, 1);
}

/* More than the spool can ever hold: one by one, from the same bytes. */
static void goes_step_by_step(void **state)
{
	struct span body = make_body(900, 0);
	(void)state;
	assert_true(body.n <= LIMIT_WHOLE_BODY);
	for (size_t most = 1; most < 1000; most *= 7) {
		start(RING);
		receive_start(&receive, 1, RECEIVE_WHOLE);
		enum status s =
		    receive_whole(&receive, &intake, &memory, body, now);
		assert_true(receive.mode == RECEIVE_STEPWISE &&
			    (receive.blocked || receive.more));
		while (s == STATUS_OK && (receive.blocked || receive.more)) {
			uint64_t at = receive_hold(&receive);
			run_sink(most);
			s = receive_more(&receive, &intake, &memory,
					 body.p + at, at, body.n - (size_t)at,
					 now);
		}
		assert_int_equal(s, STATUS_OK);
		assert_int_equal(receive_end(&receive, &intake, now),
				 STATUS_OK);
		run_sink(SIZE_MAX);
		check_words(900);
		assert_int_equal(receive.payload.count, 900);
	}
}

/* What the sender has cut off is told at the end of that, too. */
static void tells_of_what_was_cut_off(void **state)
{
	struct span body = make_body(900, 0);
	struct buf b = buf_of(large, sizeof large);
	(void)state;
	b.n = body.n - 1;
	buf_str(&b, ",\"truncatedAlerts\":7}");
	body = buf_span(&b);
	start(RING);
	receive_start(&receive, 1, RECEIVE_WHOLE);
	enum status s = receive_whole(&receive, &intake, &memory, body, now);
	while (s == STATUS_OK && (receive.blocked || receive.more)) {
		uint64_t at = receive_hold(&receive);
		run_sink(SIZE_MAX);
		s = receive_more(&receive, &intake, &memory, body.p + at, at,
				 body.n - (size_t)at, now);
	}
	assert_int_equal(receive.mode, RECEIVE_STEPWISE);
	run_sink(SIZE_MAX);
	words.n = 0;
	assert_int_equal(receive_end(&receive, &intake, now), STATUS_OK);
	run_sink(SIZE_MAX);
	CHECK_SPAN(buf_span(&words), SPAN("truncated 7\n"), "notice");
}

/* The notice says so of an alert with too many labels. */
static void counts_labels(void **state)
{
	struct buf b = buf_of(large, sizeof large);
	(void)state;
	start(sizeof ring);
	buf_str(&b, "{\"status\":\"firing\",\"alerts\":[{},{\"labels\":{");
	for (unsigned i = 0; i <= LIMIT_LABELS; i++) {
		buf_str(&b, i ? ",\"" : "\"");
		buf_u64(&b, i);
		buf_str(&b, "\":\"\"");
	}
	buf_str(&b, "}}]}");
	assert_int_equal(take_whole(buf_span(&b)), STATUS_OK);
	assert_int_equal(counters.left_out[STATUS_TOO_MANY], 1);
	CHECK(span_starts(buf_span(&words),
			  SPAN("firing {}\nleft out 1[null,null,\"alerts[1]"
			       ".labels: ")),
	      "%.*s", (int)words.n, words.p);
}

/* As many alerts as a whole body can hold. */
static void holds_the_smallest_alerts(void **state)
{
	struct buf b = buf_of(large, LIMIT_WHOLE_BODY);
	(void)state;
	start(sizeof ring);
	config.sinks = 0;
	spool.cursors = 0;
	buf_str(&b, "{\"status\":\"firing\",\"alerts\":[{}");
	while (b.n < LIMIT_WHOLE_BODY - 5)
		buf_str(&b, ",{}");
	buf_str(&b, "]}");
	assert_false(b.cut);
	receive_start(&receive, 1, RECEIVE_WHOLE);
	assert_int_equal(
	    receive_whole(&receive, &intake, &memory, buf_span(&b), now),
	    STATUS_OK);
	assert_true(receive.payload.count > LIMIT_WHOLE_BODY / 3 - 20);
}

static void tells_of_what_is_too_large(void **state)
{
	struct buf b = buf_of(large, sizeof large);
	(void)state;
	start(sizeof ring);
	buf_str(&b, "{\"receiver\":\"r\",\"status\":\"firing\",\"alerts\":[{},"
		    "{\"x\":\"");
	while (b.n < LIMIT_ALERT + 200)
		buf_char(&b, 'x');
	buf_str(&b, "\"},{}]}");
	for (size_t step = 100; step < 4 * b.n; step *= 3) {
		char bytes[2 * LIMIT_PLACE];
		struct buf told = buf_of(bytes, sizeof bytes);
		start(sizeof ring);
		assert_int_equal(take_pieces(buf_span(&b), step, step),
				 STATUS_OK);
		CHECK_SPAN(
		    buf_span(&words),
		    SPAN("firing \"r\"{}\n"
			 "left out 1\"r\"[null,null,\"alerts[1] is larger "
			 "than 32768 bytes\"]\n"
			 "firing \"r\"{}\n"),
		    "%zu", step);
		receive_put_left_out(&receive, &told);
		CHECK_SPAN(buf_span(&told),
			   SPAN("alerts[1] is larger than 32768 bytes"), "%zu",
			   step);
		assert_int_equal(counters.left_out[STATUS_ALERT_SIZE], 1);
		assert_int_equal(receive.payload.count, 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses),
	    cmocka_unit_test(leaves_out),
	    cmocka_unit_test(says_that_it_is_not_json_first),
	    cmocka_unit_test(says_that_it_is_not_json_behind_labels),
	    cmocka_unit_test(takes),
	    cmocka_unit_test(recognises_repeats),
	    cmocka_unit_test(emits_twins_once),
	    cmocka_unit_test(waits_for_room),
	    cmocka_unit_test(refuses_without_room),
	    cmocka_unit_test(goes_to_the_overflow),
	    cmocka_unit_test(forgets_what_is_in_the_overflow),
	    cmocka_unit_test(finds_the_overflow_full),
	    cmocka_unit_test(leaves_out_without_room),
	    cmocka_unit_test(streams_to_the_overflow),
	    cmocka_unit_test(goes_step_by_step),
	    cmocka_unit_test(tells_of_what_was_cut_off),
	    cmocka_unit_test(counts_labels),
	    cmocka_unit_test(holds_the_smallest_alerts),
	    cmocka_unit_test(tells_of_what_is_too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
