/* test_deadman.c - deadman.h against a clock and a spool of the test's own. */
#include "check.h"

#include "intake/deadman.h"

enum { RING = (2 * SPOOL_RECORD_MAX + 7) / 8 * 8, T = 300 };

static struct config config;
static struct counters counters;
static struct intake intake;
static struct firing firing;
static struct spool spool;
static char ring[RING];
static struct alert alert;
static struct alert_reader reader;
static struct deadman d;

static void start(void)
{
	memset(&config, 0, sizeof config);
	memset(&intake, 0, sizeof intake);
	memset(&firing, 0, sizeof firing);
	config.sinks = 1;
	config.deadman_ms = T;
	config.deadman_text = SPAN("300ms");
	spool_init(&spool, ring, sizeof ring, 1);
	firing_init(&firing);
	intake.spool = &spool;
	intake.config = &config;
	intake.counters = &counters;
	intake.firing = &firing;
	d = (struct deadman){.config = &config, .intake = &intake};
}

/* The alerts queued since `from`: F firing, R resolved. */
static const char *queued(uint64_t *from)
{
	static char word[16];
	char bytes[64];
	struct buf why = buf_of(bytes, sizeof bytes);
	struct record r;
	size_t n = 0;
	while (spool_get(&spool, from, &r)) {
		assert_int_equal(r.kind, RECORD_ALERT);
		assert_int_equal(alert_parse(&alert, &reader, r.json, &why),
				 STATUS_OK);
		word[n++] = alert.status == ALERT_RESOLVED ? 'R' : 'F';
	}
	word[n] = '\0';
	return word;
}

static void fires_and_resolves_by_the_clock(void **state)
{
	static const struct {
		int64_t now_ms, fed_ms;
		const char *queued;
		int64_t deadline_ms;
	} table[] = {
	    {1000, 1000, "", 1300},       {1299, 1000, "", 1300},
	    {1300, 1000, "F", INT64_MAX}, {9000, 1000, "", INT64_MAX},
	    {9000, 9000, "R", 9300},      {9299, 9000, "", 9300},
	    {9301, 9000, "F", INT64_MAX}, {9400, 9390, "R", 9690},
	};
	uint64_t from = 0;
	(void)state;
	start();
	deadman_start(&d, 0, (struct moment){1000, 50});
	assert_int_equal(d.fed_ms, 1000);
	for (size_t i = 0; i < COUNT(table); i++) {
		struct moment now = {table[i].now_ms, 60 + (int64_t)i};
		d.fed_ms = table[i].fed_ms;
		deadman_turn(&d, now);
		const char *got = queued(&from);
		CHECK(strcmp(got, table[i].queued) == 0,
		      "row %zu: queued \"%s\"", i, got);
		CHECK(deadman_deadline(&d, now.ms) == table[i].deadline_ms,
		      "row %zu: another deadline", i);
	}
	assert_int_equal(counters.alerts_firing, 0);
}

static void waits_for_room(void **state)
{
	struct record r = {.kind = RECORD_NOTICE_LOST};
	struct moment now = {T, 1};
	uint64_t from;
	(void)state;
	start();
	deadman_start(&d, 0, (struct moment){0, 0});
	while (spool_fits(&spool, SPOOL_HEADER, SPOOL_HEADER))
		spool_put(&spool, &r);
	from = spool.head;
	d.fed_ms = 0;
	deadman_turn(&d, now);
	assert_string_equal(queued(&from), "");
	assert_true(spool.wanted);
	assert_int_equal(d.fired_s, 0);
	assert_int_equal(deadman_deadline(&d, now.ms), now.ms + 1000);
	spool.cursor[0] = spool.keep[0] = spool.head;
	d.fed_ms = 0;
	deadman_turn(&d, now);
	assert_string_equal(queued(&from), "F");
	assert_int_equal(d.fired_s, 1);
	/* it is fed before there was room for it: nothing to tell */
	start();
	while (spool_fits(&spool, SPOOL_HEADER, SPOOL_HEADER))
		spool_put(&spool, &r);
	d.fed_ms = 0;
	deadman_turn(&d, now);
	assert_true(d.waits);
	d.fed_ms = now.ms;
	deadman_turn(&d, now);
	assert_false(d.waits);
	assert_int_equal(d.fired_s, 0);
}

static void goes_on_where_an_earlier_process_was(void **state)
{
	uint64_t from = 0, at = 0;
	struct record r;
	(void)state;
	start();
	deadman_start(&d, 42, (struct moment){10, 1000});
	assert_int_equal(d.fired_s, 42);
	assert_true(firing_next(&firing, &at, &r));
	deadman_turn(&d, (struct moment){100000, 1000});
	assert_string_equal(queued(&from), "");
	d.fed_ms = 100001;
	deadman_turn(&d, (struct moment){100001, 1001});
	assert_string_equal(queued(&from), "R");
	at = 0;
	assert_false(firing_next(&firing, &at, &r));
	/* or was switched off meanwhile */
	start();
	config.deadman_ms = 0;
	deadman_start(&d, 42, (struct moment){10, 0});
	assert_int_equal(d.fed_ms, 10);
	d.fed_ms = 10;
	deadman_turn(&d, (struct moment){100000, 0});
	assert_int_equal(d.fired_s, 0);
	assert_int_equal(spool.head, 0);
	assert_int_equal(deadman_deadline(&d, 0), INT64_MAX);
}

/* A clock before 1970, as on a board without one. */
static void fires_whatever_the_clock_says(void **state)
{
	uint64_t from = 0;
	(void)state;
	start();
	config.deadman_matches = 1;
	config.deadman_match[0] = (struct match){SPAN("a"), SPAN("b"), false};
	deadman_start(&d, 0, (struct moment){0, 0});
	d.fed_ms = 0;
	deadman_turn(&d, (struct moment){T, 0});
	assert_string_equal(queued(&from), "F");
	assert_int_equal(d.fired_s, 1);
	d.fed_ms = T;
	deadman_turn(&d, (struct moment){T, -5});
	assert_string_equal(queued(&from), "R");
}

static void knows_whether_a_sink_takes_its_alert(void **state)
{
	(void)state;
	start();
	assert_true(deadman_is_heard(&d));
	config.sink[0].filter.matches = 1;
	config.sink[0].filter.match[0] =
	    (struct match){SPAN("team"), SPAN("ops"), false};
	assert_false(deadman_is_heard(&d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fires_and_resolves_by_the_clock),
	    cmocka_unit_test(waits_for_room),
	    cmocka_unit_test(goes_on_where_an_earlier_process_was),
	    cmocka_unit_test(fires_whatever_the_clock_says),
	    cmocka_unit_test(knows_whether_a_sink_takes_its_alert),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
