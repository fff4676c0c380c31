/* test_intake.c - intake.h: what is new, what is known, and when it is safe. */
#include "check.h"

#include "alert/read.h"
#include "intake/intake.h"

enum { RING = (2 * SPOOL_RECORD_MAX + 7) / 8 * 8 };

static struct config config;
static struct counters counters;
static struct intake intake;
static struct spool spool;
static char ring[RING];
static struct spool overflow;
static char overflow_ring[RING];
static struct alert alert;
static struct alert_reader reader;
static struct claim claim_of[64]; /* of each slot */

static void forget_waits(void)
{
	for (unsigned i = 0; i < COUNT(claim_of); i++)
		claim_of[i] = (struct claim){.slot = i};
}

/* Two sinks; the second takes severity=critical alone. */
static void start(void)
{
	memset(&config, 0, sizeof config);
	memset(&counters, 0, sizeof counters);
	memset(&intake, 0, sizeof intake);
	forget_waits();
	config.sinks = 2;
	config.sink[1].filter.matches = 1;
	config.sink[1].filter.match[0] =
	    (struct match){SPAN("severity"), SPAN("critical"), false};
	spool_init(&spool, ring, sizeof ring, config.sinks);
	intake.spool = &spool;
	intake.config = &config;
	intake.counters = &counters;
	intake.hash_key = (struct hash_key){1, 2};
}

static void write_all(void)
{
	for (unsigned i = 0; i < spool.cursors; i++)
		spool.cursor[i] = spool.keep[i] = spool.head;
}

static struct offer name(const char *json, const char *receiver,
			 const char *group, int64_t now_ms)
{
	char bytes[64];
	struct buf why = buf_of(bytes, sizeof bytes);
	struct envelope e = {.receiver = span_of(receiver),
			     .group_key = span_of(group),
			     .external_url = SPAN("\"u\""),
			     .status = ALERT_FIRING};
	struct offer o;
	assert_int_equal(alert_parse(&alert, &reader, span_of(json), &why),
			 STATUS_OK);
	struct sender s = {.known = false};
	intake_name_alert(&intake, &s, &o, &e, &alert,
			  (struct moment){now_ms, 1000});
	return o;
}

static struct offer alert_named(const char *json)
{
	return name(json, "\"r\"", "\"g\"", 0);
}

static enum intake_result offer(const struct offer *o, unsigned slot)
{
	struct offer copy = *o;
	return intake_offer(&intake, &copy, &claim_of[slot]);
}

static bool is_safe(unsigned slot)
{
	return intake_is_safe(&intake, &claim_of[slot]);
}

static void names_alerts(void **state)
{
	/* each another alert than all others */
	static const struct {
		const char *json, *receiver, *group;
	} table[] = {
	    {"{}", "\"r\"", "\"g\""},
	    {"{}", "\"g\"", "\"r\""},
	    {"{}", "\"rg\"", "\"\""},
	    {"{}", "null", "\"g\""},
	    {"{\"status\":\"resolved\"}", "\"r\"", "\"g\""},
	    {"{\"labels\":{}}", "\"r\"", "\"g\""},
	    {"{\"labels\":null}", "\"r\"", "\"g\""},
	    {"{\"labels\":{\"a\":\"b\"}}", "\"r\"", "\"g\""},
	    {"{\"startsAt\":\"1\"}", "\"r\"", "\"g\""},
	    {"{\"startsAt\":\"2\"}", "\"r\"", "\"g\""},
	    {"{\"fingerprint\":\"1\"}", "\"r\"", "\"g\""},
	    {"{\"status\":\"resolved\",\"endsAt\":\"1\"}", "\"r\"", "\"g\""},
	    {"{\"status\":\"resolved\",\"endsAt\":\"2\"}", "\"r\"", "\"g\""},
	};
	/* each the same as {} */
	static const char *const same[] = {
	    "{\"status\":\"firing\"}",
	    "{\"endsAt\":\"1\"}",
	    "{\"annotations\":{\"a\":\"b\"}}",
	    "{\"generatorURL\":\"x\",\"y\":[1]}",
	};
	uint64_t key[COUNT(table)];
	(void)state;
	start();
	for (size_t i = 0; i < COUNT(table); i++) {
		struct offer o =
		    name(table[i].json, table[i].receiver, table[i].group, 5);
		key[i] = o.record.key;
		assert_int_equal(o.record.kind, RECORD_ALERT);
		assert_int_equal(o.record.received_s, 1000);
		assert_int_equal(o.record.received_ms, 5);
		for (size_t k = 0; k < i; k++)
			CHECK(key[k] != key[i], "rows %zu and %zu", k, i);
	}
	for (size_t i = 0; i < COUNT(same); i++)
		CHECK(alert_named(same[i]).record.key == key[0], "same %zu", i);
	intake.hash_key.k0++;
	assert_true(alert_named("{}").record.key != key[0]);
}

static void chooses_sinks(void **state)
{
	(void)state;
	start();
	assert_int_equal(alert_named("{}").sinks, 1);
	assert_int_equal(
	    alert_named("{\"labels\":{\"severity\":\"critical\"}}").sinks, 3);
	config.sink[0].filter.skip_resolved = true;
	struct offer o = alert_named("{\"status\":\"resolved\"}");
	assert_int_equal(o.sinks, 0);
	assert_true(o.resolved);
	/* that no sink takes: no room needed, safe at once, counted */
	assert_int_equal(intake_need(&o), 0);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	assert_int_equal(spool.head, 0);
	assert_true(is_safe(1));
	assert_int_equal(counters.alerts_resolved, 1);
}

static void waits_for_the_second_sink_alone(void **state)
{
	(void)state;
	start();
	config.sink[0].filter.skip_resolved = true;
	struct offer o = alert_named(
	    "{\"status\":\"resolved\",\"labels\":{\"severity\":\"critical\"}}");
	assert_int_equal(o.sinks, 2);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	assert_int_equal(intake_waits_for(&intake, &claim_of[1]), 1);
	assert_false(is_safe(1));
	spool.cursor[1] = spool.head;
	assert_true(is_safe(1));
}

static void waits_for_the_sinks_that_take_it(void **state)
{
	(void)state;
	start();
	struct offer plain = alert_named("{\"startsAt\":\"1\"}");
	struct offer critical =
	    alert_named("{\"labels\":{\"severity\":\"critical\"}}");
	assert_int_equal(offer(&plain, 1), INTAKE_QUEUED);
	uint64_t first = spool.head;
	assert_int_equal(offer(&critical, 2), INTAKE_QUEUED);
	assert_int_equal(counters.alerts_firing, 2);
	assert_false(is_safe(1) || is_safe(2));
	assert_true(is_safe(3)); /* waits for nothing */
	spool.cursor[1] = spool.head;
	assert_false(is_safe(1) || is_safe(2));
	spool.cursor[0] = first;
	assert_true(is_safe(1));
	spool.cursor[1] = 0; /* that one does not take it */
	assert_true(is_safe(1));
	spool.cursor[1] = spool.head;
	assert_false(is_safe(2));
	spool.cursor[0] = spool.head;
	spool.cursor[1] = first;
	assert_false(is_safe(2)); /* the other one has it, this one not */
	assert_int_equal(intake_waits_for(&intake, &claim_of[2]), 1);
	assert_int_equal(intake_waits_for(&intake, &claim_of[1]), -1);
	spool.cursor[0] = 0;
	assert_int_equal(intake_waits_for(&intake, &claim_of[2]), 0);
	spool.durable = true; /* then it is the file */
	assert_int_equal(intake_waits_for(&intake, &claim_of[2]), -1);
	spool.durable = false;
	spool.cursor[0] = spool.head;
	spool.cursor[1] = spool.head;
	assert_true(is_safe(2));
}

static void waits_for_the_file(void **state)
{
	(void)state;
	start();
	spool.durable = true;
	struct offer o = alert_named("{}");
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	write_all();
	assert_false(is_safe(1));
	spool.synced = spool.head - 8;
	assert_false(is_safe(1));
	spool.synced = spool.head;
	assert_true(is_safe(1));
}

static void knows_again(void **state)
{
	(void)state;
	start();
	struct offer o = alert_named("{}");
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	uint64_t head = spool.head;
	/* twice in one request: two records */
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	assert_true(spool.head > head);
	head = spool.head;
	/* a second request meets both of them, and no third */
	assert_int_equal(offer(&o, 2), INTAKE_KNOWN);
	assert_int_equal(offer(&o, 2), INTAKE_KNOWN);
	assert_int_equal(counters.duplicates, 2);
	assert_int_equal(spool.head, head);
	assert_int_equal(counters.alerts_firing, 2);
	assert_false(is_safe(2));
	assert_int_equal(offer(&o, 2), INTAKE_QUEUED);
	/* 503 to both: still known, written or not */
	intake_release(&intake, &claim_of[1], false, 0);
	intake_release(&intake, &claim_of[2], false, 0);
	write_all();
	forget_waits();
	for (int i = 0; i < 3; i++)
		assert_int_equal(offer(&o, 3), INTAKE_KNOWN);
	assert_true(is_safe(3));
	assert_int_equal(offer(&o, 3), INTAKE_QUEUED);
	/* 200: all of them are news again */
	intake_release(&intake, &claim_of[3], true, 0);
	head = spool.head;
	assert_int_equal(offer(&o, 4), INTAKE_QUEUED);
	assert_true(spool.head > head);
}

/* As many equal ones are told apart as LIMIT_EQUAL_ALERTS, and what else a
 * request has claimed does not count. */
static void tells_equal_ones_apart(void **state)
{
	(void)state;
	start();
	struct offer o = alert_named("{}"),
		     other = alert_named("{\"labels\":{}}");
	for (unsigned slot = 1; slot < 3; slot++) {
		for (int i = 0; i < LIMIT_EQUAL_ALERTS - 1; i++)
			assert_int_equal(offer(&other, slot),
					 slot == 1 ? INTAKE_QUEUED
						   : INTAKE_KNOWN);
		for (int i = 0; i < LIMIT_EQUAL_ALERTS + 2; i++) {
			bool known = slot == 2 && i < LIMIT_EQUAL_ALERTS;
			CHECK(offer(&o, slot) ==
				  (known ? INTAKE_KNOWN : INTAKE_QUEUED),
			      "slot %u, number %d", slot, i);
		}
		/* another one, of which there was one more */
		assert_int_equal(offer(&other, slot),
				 slot == 1 ? INTAKE_QUEUED : INTAKE_KNOWN);
		intake_release(&intake, &claim_of[slot], false, 0);
	}
}

static void finds_no_room(void **state)
{
	static char json[LIMIT_ALERT];
	(void)state;
	start();
	memset(json, ' ', sizeof json);
	json[0] = '{';
	json[sizeof json - 2] = '}';
	json[sizeof json - 1] = '\0';
	struct offer o = alert_named(json);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	uint64_t head = spool.head;
	/* two of that size do not leave room for a third */
	struct offer p = o;
	p.record.key ^= 1;
	assert_int_equal(offer(&p, 1), INTAKE_NO_ROOM);
	assert_int_equal(spool.head, head);
	assert_int_equal(counters.alerts_firing, 1);
	/* known ones need none */
	assert_int_equal(offer(&o, 2), INTAKE_KNOWN);
	write_all();
	assert_int_equal(offer(&p, 1), INTAKE_QUEUED);
}

/* A spool that is a file, full for the second sink, with an overflow. */
static void start_full(void)
{
	start();
	spool_init(&overflow, overflow_ring, sizeof overflow_ring,
		   config.sinks);
	intake.overflow = &overflow;
	spool.durable = spool.stuck = true;
	config.sink[1].filter.matches = 0;
	struct record filler = {.kind = RECORD_ALERT,
				.json = {ring, SPOOL_RECORD_MAX / 2}};
	while (spool_fits(&spool, SPOOL_HEADER, SPOOL_HEADER)) {
		uint64_t left = spool.size - spool_used(&spool);
		if (left < 4 * SPOOL_RECORD_MAX)
			filler.json.n = 0;
		spool_put(&spool, &filler);
	}
	spool.cursor[0] = spool.keep[0] = spool.head;
}

static void make_room(void)
{
	spool.cursor[1] = spool.keep[1] = spool.freed = spool.head;
}

/* Who takes the record of the queue that ends at its head? */
static uint64_t newest_count(const struct spool *s)
{
	uint64_t at = spool_tail(s);
	struct record r = {.count = UINT64_MAX};
	while (spool_get(s, &at, &r))
		;
	return r.count & 0x100ff;
}

static void goes_to_the_overflow(void **state)
{
	(void)state;
	start_full();
	struct offer a = alert_named("{}");
	uint64_t head = spool.head;
	spool.stuck = false; /* then there may be room in a moment */
	assert_int_equal(offer(&a, 1), INTAKE_NO_ROOM);
	assert_true(spool.wanted);
	spool.stuck = true;
	assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
	assert_int_equal(spool.head, head);
	assert_false(is_safe(1));
	intake_release(&intake, &claim_of[1], false, 5);
	/* nobody is given it twice there */
	head = overflow.head;
	claim_of[2] = (struct claim){.slot = 2};
	assert_int_equal(offer(&a, 2), INTAKE_KNOWN);
	assert_int_equal(overflow.head, head);
	assert_false(is_safe(2));
	assert_int_equal(counters.alerts_firing, 1);
	assert_int_equal(counters.duplicates, 1);
	/* all have got it */
	overflow.cursor[0] = overflow.cursor[1] = overflow.head;
	claim_of[3] = (struct claim){.slot = 3};
	assert_int_equal(offer(&a, 3), INTAKE_KNOWN);
	assert_true(is_safe(3));
}

static void comes_back_for_those_alone_that_have_it_not(void **state)
{
	(void)state;
	start_full();
	struct offer a = alert_named("{}");
	struct offer b = alert_named("{\"startsAt\":\"2\"}");
	assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
	uint64_t second = overflow.head;
	assert_int_equal(offer(&b, 1), INTAKE_QUEUED);
	intake_release(&intake, &claim_of[1], false, 5);
	claim_of[1] = (struct claim){.slot = 1};
	overflow.cursor[0] = second; /* has the first, and has begun */
	overflow.begun[0] = true;
	make_room();
	assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
	assert_int_equal(newest_count(&spool), 2);
	assert_false(is_safe(1));
	spool.synced = spool.head;
	assert_true(is_safe(1));
	/* a line that was begun is told to its end, in the same place */
	uint64_t head = spool.head;
	assert_int_equal(offer(&b, 2), INTAKE_KNOWN);
	assert_int_equal(spool.head, head);
	assert_false(is_safe(2));
	intake_release(&intake, &claim_of[2], false, 5);
	claim_of[2] = (struct claim){.slot = 2};
	overflow.begun[0] = false;
	assert_int_equal(offer(&b, 2), INTAKE_QUEUED);
	assert_int_equal(newest_count(&spool), 3);
	/* who was to get it there does not */
	uint64_t at = 0;
	struct record r;
	assert_true(spool_get(&overflow, &at, &r));
	assert_int_equal(r.count, 1);
	assert_true(spool_get(&overflow, &at, &r));
	assert_int_equal(r.count, RECORD_FOR_NOBODY);
}

/* A sink that may let go of it is no reason to keep it from another one, nor
 * loses it thereby. */
static void comes_back_beside_one_that_may_let_go(void **state)
{
	struct record r;
	uint64_t at = 0;
	(void)state;
	start_full();
	config.sink[1].no_wait = true;
	struct offer a = alert_named("{}");
	assert_int_equal(a.waits, 1);
	assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
	assert_true(overflow.head != 0);
	intake_release(&intake, &claim_of[1], false, 5);
	overflow.begun[1] = true;
	make_room();
	assert_int_equal(offer(&a, 2), INTAKE_QUEUED);
	assert_int_equal(newest_count(&spool), 1);
	assert_true(spool_get(&overflow, &at, &r));
	assert_false(record_is_for(&r, 0));
	assert_true(record_is_for(&r, 1));
}

/* What was begun is another one, and what was let go of there is not taken from
 * anybody. */
static void comes_back_behind_a_line_that_was_begun(void **state)
{
	struct record r;
	uint64_t at = 0;
	(void)state;
	start_full();
	struct offer a = alert_named("{}");
	struct offer b = alert_named("{\"startsAt\":\"2\"}");
	assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
	assert_int_equal(offer(&b, 1), INTAKE_QUEUED);
	intake_release(&intake, &claim_of[1], false, 5);
	overflow.begun[0] = overflow.begun[1] = true;
	make_room();
	assert_int_equal(offer(&b, 2), INTAKE_QUEUED);
	assert_int_equal(newest_count(&spool), 3);
	intake_release(&intake, &claim_of[2], false, 5);
	overflow.begun[0] = overflow.begun[1] = false;
	spool_drop(&overflow, 0);
	spool_drop(&overflow, 1);
	assert_int_equal(offer(&a, 3), INTAKE_QUEUED);
	assert_int_equal(newest_count(&spool), 3);
	assert_true(spool_get(&overflow, &at, &r));
	assert_int_equal(r.count & 0xff, 0);
	assert_true(spool_get(&overflow, &at, &r));
	assert_int_equal(r.count, RECORD_FOR_NOBODY);
}

/* A sink with wait=no may have it or not. */
static void does_not_wait_for_all(void **state)
{
	(void)state;
	start();
	config.sink[1].filter.matches = 0;
	config.sink[1].no_wait = true;
	struct offer a = alert_named("{}");
	assert_int_equal(a.sinks, 3);
	assert_int_equal(a.waits, 1);
	assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
	assert_false(is_safe(1));
	spool.cursor[0] = spool.keep[0] = spool.head;
	assert_true(is_safe(1));
}

/* What a sink has let go of is queued again for that one alone; whoever waited
 * for it hears no 200. */
static void brings_again_what_was_dropped(void **state)
{
	(void)state;
	start();
	config.sink[1].filter.matches = 0;
	struct offer a = alert_named("{}");
	assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
	assert_int_equal(intake_waits_for(&intake, &claim_of[1]), 0);
	spool.cursor[0] = spool.keep[0] = spool.head;
	assert_int_equal(intake_waits_for(&intake, &claim_of[1]), 1);
	spool_drop(&spool, 1);
	assert_int_equal(spool.cursor[1], spool.head);
	assert_false(is_safe(1));
	assert_int_equal(intake_waits_for(&intake, &claim_of[1]), 1);
	intake_release(&intake, &claim_of[1], false, 5);
	uint64_t head = spool.head;
	assert_int_equal(offer(&a, 2), INTAKE_QUEUED);
	assert_true(spool.head > head);
	assert_int_equal(newest_count(&spool), 2);
	assert_int_equal(intake_waits_for(&intake, &claim_of[2]), 1);
	write_all();
	assert_true(is_safe(2));
	assert_int_equal(intake_waits_for(&intake, &claim_of[2]), -1);
}

/* The rest of a line that was cut is not out yet, though the cursor is past
 * it. */
static void waits_for_the_rest_of_a_line(void **state)
{
	(void)state;
	start();
	struct offer a = alert_named("{}");
	assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
	write_all();
	spool.unfinished[0] = spool.head;
	assert_int_equal(offer(&a, 2), INTAKE_KNOWN);
	assert_int_equal(intake_waits_for(&intake, &claim_of[2]), 0);
	assert_false(is_safe(2));
	spool.unfinished[0] = 0;
	assert_true(is_safe(2));
}

/* An alert that nobody got a 200 for is news after a while, unless it waits
 * still. */
static void forgets_in_time(void **state)
{
	(void)state;
	for (int written = 0; written < 2; written++) {
		start();
		struct offer a = name("{}", "\"r\"", "\"g\"", 0);
		assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
		intake_release(&intake, &claim_of[1], false, 5);
		if (written)
			write_all();
		a = name("{}", "\"r\"", "\"g\"", LIMIT_KNOWN_MS + 5);
		assert_int_equal(offer(&a, 2), INTAKE_KNOWN);
		intake_release(&intake, &claim_of[2], false, 5);
		a = name("{}", "\"r\"", "\"g\"", LIMIT_KNOWN_MS + 6);
		assert_int_equal(offer(&a, 3),
				 written ? INTAKE_QUEUED : INTAKE_KNOWN);
	}
}

/* The overflow may be full, too. */
static void finds_no_room_in_the_overflow(void **state)
{
	(void)state;
	start_full();
	struct record filler = {.kind = RECORD_ALERT};
	while (spool_fits(&overflow, SPOOL_HEADER, SPOOL_HEADER))
		spool_put(&overflow, &filler);
	struct offer a = alert_named("{}");
	uint64_t head = overflow.head;
	assert_int_equal(offer(&a, 1), INTAKE_NO_ROOM);
	assert_false(intake_put_own(&intake, &a));
	assert_int_equal(overflow.head, head);
	/* one of our own takes what room there is */
	overflow.cursor[0] = overflow.keep[0] = head;
	overflow.cursor[1] = overflow.keep[1] = head;
	assert_true(intake_put_own(&intake, &a));
	assert_true(overflow.head > head);
	assert_true(spool.wanted);
}

static void names_notices(void **state)
{
	struct envelope e = {.receiver = SPAN("\"r\""),
			     .group_key = SPAN("\"g\""),
			     .status = ALERT_FIRING};
	struct offer a, b;
	const struct moment now = {7, 8};
	(void)state;
	start();
	intake_name_notice(&intake, &a, RECORD_NOTICE_TRUNCATED, &e, 5,
			   SPAN_NONE, now);
	assert_int_equal(a.record.kind, RECORD_NOTICE_TRUNCATED);
	assert_int_equal(a.record.count, 5);
	assert_int_equal(a.record.received_s, 8);
	assert_int_equal(a.sinks, 3); /* filters do not hold it back */
	assert_int_equal(offer(&a, 1), INTAKE_QUEUED);
	assert_int_equal(counters.alerts_firing + counters.alerts_resolved, 0);
	intake_name_notice(&intake, &b, RECORD_NOTICE_TRUNCATED, &e, 5,
			   SPAN_NONE, now);
	assert_int_equal(offer(&b, 2), INTAKE_KNOWN);
	intake_name_notice(&intake, &b, RECORD_NOTICE_TRUNCATED, &e, 6,
			   SPAN_NONE, now);
	assert_int_equal(offer(&b, 2), INTAKE_QUEUED);
	intake_name_notice(&intake, &b, RECORD_NOTICE_LEFT_OUT, &e, 5,
			   SPAN_NONE, now);
	assert_int_equal(offer(&b, 2), INTAKE_QUEUED);
	/* to the last digit */
	intake_name_notice(&intake, &a, RECORD_NOTICE_TRUNCATED, &e, UINT64_MAX,
			   SPAN_NONE, now);
	intake_name_notice(&intake, &b, RECORD_NOTICE_TRUNCATED, &e,
			   UINT64_MAX - 1, SPAN_NONE, now);
	assert_true(a.record.key != b.record.key);
	/* --dedup is for alerts alone, and is not filled without it */
	assert_int_equal(intake.dedup.used, 0);
	start();
	config.dedup_ms = 60000;
	assert_int_equal(offer(&b, 1), INTAKE_QUEUED);
	intake_release(&intake, &claim_of[1], true, 0);
	assert_int_equal(offer(&b, 1), INTAKE_QUEUED);
	assert_int_equal(intake.dedup.used, 0);
}

/* --dedup: from whichever Alertmanager, within the time, even after a 200. */
static void emits_twins_once(void **state)
{
	static const char json[] = "{\"labels\":{\"a\":\"b\"},\"startsAt\":"
				   "\"1\",\"fingerprint\":\"x\"}";
	static const char other[] = "{\"labels\":{\"a\":\"c\"},\"startsAt\":"
				    "\"1\",\"fingerprint\":\"x\"}";
	(void)state;
	start();
	config.dedup_ms = 60000;
	struct offer o = name(json, "\"r\"", "\"g\"", 1000);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	intake_release(&intake, &claim_of[1], true, 0);
	uint64_t head = spool.head;
	o = name(json, "\"r2\"", "\"g2\"", 61000);
	assert_int_equal(offer(&o, 2), INTAKE_KNOWN);
	assert_int_equal(spool.head, head);
	assert_int_equal(counters.duplicates, 1);
	/* and as safe as the first one */
	assert_false(is_safe(2));
	write_all();
	assert_true(is_safe(2));
	/* another one, another status, or later */
	o = name(other, "\"r\"", "\"g\"", 2000);
	assert_int_equal(offer(&o, 2), INTAKE_QUEUED);
	o = name("{\"status\":\"resolved\",\"labels\":{\"a\":\"b\"},"
		 "\"startsAt\":\"1\"}",
		 "\"r\"", "\"g\"", 2000);
	assert_int_equal(offer(&o, 2), INTAKE_QUEUED);
	o = name(json, "\"r\"", "\"g\"", 61001);
	assert_int_equal(offer(&o, 2), INTAKE_QUEUED);
	/* off */
	start();
	o = name(json, "\"r\"", "\"g\"", 0);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	intake_release(&intake, &claim_of[1], true, 0);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
}

/* What an earlier process left is known until it is written. */
static void knows_what_was_left(void **state)
{
	(void)state;
	start();
	struct offer o = alert_named("{}"),
		     p = alert_named("{\"startsAt\":\"1\"}");
	offer(&o, 1);
	offer(&p, 1);
	memset(&intake.recall, 0, sizeof intake.recall);
	forget_waits();
	intake_recover(&intake);
	uint64_t head = spool.head;
	assert_int_equal(offer(&o, 2), INTAKE_KNOWN);
	assert_int_equal(spool.head, head);
	assert_false(is_safe(2));
	intake_release(&intake, &claim_of[2], false, 0);
	write_all();
	/* done: whoever sends it now may have had its 200 from the process
	 * before */
	assert_int_equal(offer(&p, 3), INTAKE_QUEUED);
	assert_true(spool.head > head);
}

/* That places were damaged is no alert that could be sent again. */
static void forgets_notices_of_damage(void **state)
{
	struct envelope e = {.status = ALERT_FIRING};
	struct offer lost, left_out;
	(void)state;
	start();
	intake_name_notice(&intake, &lost, RECORD_NOTICE_LOST, &e, 1, SPAN_NONE,
			   (struct moment){0, 0});
	intake_name_notice(&intake, &left_out, RECORD_NOTICE_TRUNCATED, &e, 1,
			   SPAN_NONE, (struct moment){0, 0});
	offer(&lost, 1);
	offer(&left_out, 1);
	memset(&intake.recall, 0, sizeof intake.recall);
	intake_recover(&intake);
	assert_null(recall_find(&intake.recall, lost.record.key, 1));
	assert_non_null(recall_find(&intake.recall, left_out.record.key, 1));
}

/* bellwire's own alerts: no connection waits for them. */
static void puts_its_own(void **state)
{
	static struct firing firing;
	(void)state;
	start();
	memset(&firing, 0, sizeof firing);
	firing_init(&firing);
	intake.firing = &firing;
	struct offer o = alert_named("{}");
	assert_true(intake_put_own(&intake, &o));
	assert_int_equal(spool.head, spool_need(&o.record));
	assert_int_equal(firing.count, 1);
	assert_null(recall_find(&intake.recall, o.record.key, 1));
	/* that no sink takes */
	config.sink[0].filter.matches = 1;
	config.sink[0].filter.match[0] =
	    (struct match){SPAN("a"), SPAN("b"), false};
	o = alert_named("{\"labels\":{}}");
	assert_int_equal(o.sinks, 0);
	uint64_t head = spool.head;
	assert_true(intake_put_own(&intake, &o));
	assert_int_equal(spool.head, head);
	assert_int_equal(firing.count, 2);
	/* without room: later */
	config.sink[0].filter.matches = 0;
	o = alert_named("{\"labels\":{\"x\":\"y\"}}");
	while (spool_fits(&spool, spool_need(&o.record), spool_need(&o.record)))
		spool_put(&spool, &o.record);
	spool.wanted = false;
	assert_false(intake_put_own(&intake, &o));
	assert_true(spool.wanted);
	assert_int_equal(firing.count, 2);
	/* what no sink takes needs none */
	o.sinks = 0;
	assert_true(intake_put_own(&intake, &o));
	assert_int_equal(firing.count, 3);
}

/* What is queued is what fires; with no sink too, and once. */
static void notes_what_fires(void **state)
{
	static struct firing firing;
	static const char json[] = "{\"labels\":{\"a\":\"b\"}}";
	static const char resolved[] =
	    "{\"status\":\"resolved\",\"labels\":{\"a\":\"b\"}}";
	(void)state;
	start();
	memset(&firing, 0, sizeof firing);
	firing_init(&firing);
	intake.firing = &firing;
	struct offer o = alert_named(json);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	assert_int_equal(firing.count, 1);
	uint64_t head = firing.ring.head;
	assert_int_equal(offer(&o, 2), INTAKE_KNOWN);
	assert_int_equal(firing.ring.head, head);
	/* another group, the same alert */
	o = name(json, "\"r\"", "\"g2\"", 0);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	assert_int_equal(firing.count, 1);
	o = name(json, "\"r2\"", "\"g\"", 0);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	assert_int_equal(firing.count, 2);
	config.sink[0].filter.skip_resolved = true;
	o = alert_named(resolved);
	assert_int_equal(o.sinks, 0);
	assert_int_equal(offer(&o, 1), INTAKE_QUEUED);
	assert_int_equal(firing.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_alerts),
	    cmocka_unit_test(chooses_sinks),
	    cmocka_unit_test(waits_for_the_second_sink_alone),
	    cmocka_unit_test(waits_for_the_sinks_that_take_it),
	    cmocka_unit_test(waits_for_the_file),
	    cmocka_unit_test(knows_again),
	    cmocka_unit_test(tells_equal_ones_apart),
	    cmocka_unit_test(finds_no_room),
	    cmocka_unit_test(goes_to_the_overflow),
	    cmocka_unit_test(comes_back_for_those_alone_that_have_it_not),
	    cmocka_unit_test(comes_back_beside_one_that_may_let_go),
	    cmocka_unit_test(comes_back_behind_a_line_that_was_begun),
	    cmocka_unit_test(does_not_wait_for_all),
	    cmocka_unit_test(brings_again_what_was_dropped),
	    cmocka_unit_test(waits_for_the_rest_of_a_line),
	    cmocka_unit_test(forgets_in_time),
	    cmocka_unit_test(finds_no_room_in_the_overflow),
	    cmocka_unit_test(names_notices),
	    cmocka_unit_test(emits_twins_once),
	    cmocka_unit_test(knows_what_was_left),
	    cmocka_unit_test(forgets_notices_of_damage),
	    cmocka_unit_test(puts_its_own),
	    cmocka_unit_test(notes_what_fires),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
