/* test_firing.c - firing.h: what fires now, and what becomes of it in a ring
 * that is too small for all of it. */
#include "check.h"

#include "intake/firing.h"

static struct firing firing;
static char json[LIMIT_ALERT + 1];

/* An alert of `n` bytes or somewhat more, whose contents tell its version. */
static struct record make_record(unsigned version, size_t n)
{
	size_t at = (size_t)sprintf(json, "{\"v\":%u,\"x\":\"", version);
	while (at < n)
		json[at++] = 'x';
	memcpy(json + at, "\"}", 2);
	return (struct record){.kind = RECORD_ALERT,
			       .received_s = version,
			       .envelope = {SPAN("\"r\""), SPAN("\"g\""),
					    SPAN("\"u\""), ALERT_FIRING,
					    SPAN("\"w\"")},
			       .json = {json, at + 2}};
}

static void note(uint64_t name, unsigned version, size_t n, bool resolved)
{
	struct record r = make_record(version, n);
	firing_note(&firing, name, &r, resolved);
}

static void start(void)
{
	memset(&firing, 0, sizeof firing);
	firing_init(&firing);
}

/* The names that are listed, in order, as letters. */
static void check_list(const char *want)
{
	char names[64];
	size_t n = 0;
	uint64_t position = 0;
	struct record r;
	while (firing_next(&firing, &position, &r))
		names[n++] = (char)r.key;
	names[n] = '\0';
	assert_string_equal(names, want);
	assert_int_equal(firing.count, n);
	assert_false(firing_next(&firing, &position, &r));
}

static void lists_what_fires(void **state)
{
	(void)state;
	start();
	check_list("");
	note('a', 1, 100, false);
	note('b', 1, 100, false);
	note('c', 1, 100, false);
	check_list("abc");
	/* a repeat stays where it is, a change goes to the end */
	uint64_t head = firing.ring.head;
	note('a', 1, 100, false);
	assert_int_equal(firing.ring.head, head);
	note('b', 2, 100, false);
	check_list("acb");
	note('a', 1, 100, true);
	check_list("cb");
	note('a', 1, 100, true); /* resolved again */
	note('x', 1, 100, true); /* never fired */
	check_list("cb");
	note('c', 9, 300, true); /* its resolution looks otherwise */
	note('b', 2, 100, true);
	check_list("");
	assert_int_equal(firing.live_bytes, 0);
	assert_int_equal(firing.forgotten, 0);
	note('a', 1, 100, false);
	check_list("a");
}

static void gives_what_was_noted(void **state)
{
	struct record r, want = make_record(7, 50);
	uint64_t position = 0;
	(void)state;
	start();
	want.envelope.group_key = SPAN_NONE;
	firing_note(&firing, 'a', &want, false);
	/* moved about by others, it says the same */
	for (unsigned v = 0; v < 200; v++)
		note('b', v, 10000, false);
	want = make_record(7, 50);
	assert_true(firing.ring.head > 2 * sizeof firing.bytes);
	assert_true(firing_next(&firing, &position, &r));
	assert_int_equal(r.key, 'a');
	assert_int_equal(r.received_s, 7);
	CHECK_SPAN(r.json, want.json, "json");
	CHECK_SPAN(r.envelope.receiver, SPAN("\"r\""), "receiver");
	CHECK_SPAN(r.envelope.group_key, SPAN_NONE, "groupKey");
	CHECK_SPAN(r.envelope.external_url, SPAN("\"u\""), "externalURL");
	CHECK_SPAN(r.envelope.reason, SPAN("\"w\""), "reason");
	check_list("ab");
	assert_int_equal(firing.forgotten, 0);
}

/* Names tell alerts apart by receiver and labels alone. */
static uint64_t named(const struct hash_key *key, const struct envelope *e,
		      const struct alert *a)
{
	struct hash receiver;
	hash_start(&receiver, key);
	hash_span(&receiver, e->receiver);
	return firing_name(&receiver, a);
}

static void names_alerts(void **state)
{
	static const struct {
		struct span receiver, labels;
	} table[] = {
	    {SPAN("\"r\""), SPAN("{}")}, {SPAN("\"r\""), SPAN("{\"a\":\"b\"}")},
	    {SPAN("\"q\""), SPAN("{}")}, {{NULL, 0}, SPAN("{}")},
	    {SPAN("\"r\""), {NULL, 0}},
	};
	const struct hash_key key = {1, 2}, other = {1, 3};
	static struct alert a;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct envelope e = {.receiver = table[i].receiver};
		memset(&a, 0, sizeof a);
		a.labels_json = table[i].labels;
		uint64_t name = named(&key, &e, &a);
		assert_true(name != named(&other, &e, &a));
		a.starts_at = SPAN("\"1\"");
		e.group_key = SPAN("\"g\"");
		e.status = ALERT_RESOLVED;
		assert_true(name == named(&key, &e, &a));
		for (size_t k = 0; k < i; k++) {
			e.receiver = table[k].receiver;
			a.labels_json = table[k].labels;
			CHECK(name != named(&key, &e, &a), "rows %zu and %zu",
			      i, k);
		}
	}
}

enum { NAMES = 600, STEPS = 20000 };

/* Against a list of what fires: as long as that fills no more than half of the
 * ring nothing is missing; beyond, the oldest are, and they are counted. */
static void follows(unsigned names, size_t most, bool may_forget)
{
	static unsigned version[NAMES + 1]; /* 0: does not fire */
	static size_t size[NAMES + 1];
	uint64_t seed = 77;
	memset(version, 0, sizeof version);
	start();
	for (unsigned step = 1; step < STEPS; step++) {
		uint64_t name = 1 + next_number(&seed) % names;
		bool repeat = next_number(&seed) % 4 == 0;
		bool resolved = next_number(&seed) % 8 == 0;
		unsigned v = repeat && version[name] ? version[name] : step;
		if (v == step)
			size[name] = 30 + next_number(&seed) % most;
		note(name, v, size[name], resolved);
		version[name] = resolved ? 0 : v;
		if (step % 50)
			continue;
		struct record r;
		uint64_t position = 0, listed = 0, alive = 0, bytes = 0;
		while (firing_next(&firing, &position, &r)) {
			struct record want =
			    make_record(version[r.key], size[r.key]);
			CHECK(version[r.key], "%u: %u does not fire", step,
			      (unsigned)r.key);
			CHECK_SPAN(r.json, want.json, "%u", step);
			bytes += spool_need(&r);
			listed++;
		}
		for (uint64_t i = 1; i <= names; i++)
			alive += version[i] != 0;
		CHECK(firing.count == listed && firing.live_bytes == bytes,
		      "%u: %u listed", step, (unsigned)listed);
		CHECK(alive == listed || may_forget, "%u: %u of %u", step,
		      (unsigned)listed, (unsigned)alive);
		CHECK(alive <= listed + firing.forgotten, "%u: not counted",
		      step);
	}
	assert_int_equal(firing.forgotten != 0, may_forget);
	assert_true(firing.ring.head > 3 * sizeof firing.bytes);
}

static void keeps_half_of_the_ring(void **state)
{
	(void)state;
	/* 600 alerts of up to 188 bytes more than their 110 */
	follows(NAMES, 150, false);
	/* few that are as large as can be */
	follows(6, LIMIT_ALERT - 100, false);
}

static void forgets_the_oldest(void **state)
{
	(void)state;
	follows(NAMES, 3000, true);
	start();
	/* all alike: those that were noted last are left */
	for (unsigned i = 1; i <= 40; i++)
		note(i, i, LIMIT_ALERT - 100, false);
	struct record r;
	uint64_t position = 0, next = firing.forgotten + 1;
	while (firing_next(&firing, &position, &r))
		assert_int_equal(r.key, next++);
	assert_int_equal(next, 41);
	assert_true(firing.live_bytes >
		    sizeof firing.bytes / 2 - 2 * SPOOL_RECORD_MAX);
	/* one that was forgotten fires again */
	note(1, 1, LIMIT_ALERT - 100, false);
	uint64_t last = 0;
	position = 0;
	while (firing_next(&firing, &position, &r))
		last = r.key;
	assert_int_equal(last, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lists_what_fires),
	    cmocka_unit_test(gives_what_was_noted),
	    cmocka_unit_test(names_alerts),
	    cmocka_unit_test(keeps_half_of_the_ring),
	    cmocka_unit_test(forgets_the_oldest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
