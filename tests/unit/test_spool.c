/* test_spool.c - spool.h: the ring, its promises of room, and what is taken
 * over of a ring that another process has left. */
#include "check.h"

#include "base/bytes.h"
#include "spool/spool.h"

enum { RING = (2 * SPOOL_RECORD_MAX + 7) / 8 * 8, MOST = 4096 };

static char ring[RING], copy[RING];
static struct spool spool;

static void start(unsigned cursors)
{
	memset(ring, 0xa5, sizeof ring);
	spool_init(&spool, ring, sizeof ring, cursors);
}

static void move_all(uint64_t position)
{
	for (unsigned i = 0; i < spool.cursors; i++)
		spool.cursor[i] = spool.keep[i] = position;
}

static void same(struct span a, struct span b, const char *what)
{
	CHECK_SPAN(a, b, "%s", what);
}

static void check_record(const struct record *got, const struct record *want)
{
	CHECK(got->kind == want->kind && got->key == want->key &&
		  got->count == want->count &&
		  got->received_s == want->received_s &&
		  got->received_ms == want->received_ms &&
		  got->envelope.status == want->envelope.status,
	      "record %u", (unsigned)want->key);
	same(got->envelope.receiver, want->envelope.receiver, "receiver");
	same(got->envelope.group_key, want->envelope.group_key, "groupKey");
	same(got->envelope.external_url, want->envelope.external_url,
	     "externalURL");
	same(got->envelope.reason, want->envelope.reason, "reason");
	same(got->json, want->json, "json");
}

static const struct record records[] = {
    {.kind = RECORD_ALERT, .json = SPAN("{}")},
    {.kind = RECORD_ALERT,
     .key = UINT64_MAX,
     .received_s = 1795485352,
     .received_ms = 123456789,
     .envelope = {SPAN("\"r\""), SPAN("\"gk\""), SPAN("\"url\""),
		  ALERT_RESOLVED, SPAN("\"why\"")},
     .json = SPAN("{\"labels\":{}}")},
    {.kind = RECORD_NOTICE_TRUNCATED,
     .key = 3,
     .count = UINT64_MAX,
     .received_s = -1,
     .received_ms = -2,
     .envelope =
	 {SPAN("null"), {NULL, 0}, SPAN("\"\""), ALERT_FIRING, {NULL, 0}}},
    {.kind = RECORD_NOTICE_LEFT_OUT, .count = 1},
    {.kind = RECORD_ALERT, .json = SPAN("{\"a\":\"1234567\"}")},
};

static void gives_what_was_put(void **state)
{
	uint64_t position = 0, end[COUNT(records)];
	struct record r;
	(void)state;
	start(2);
	assert_false(spool_get(&spool, &position, &r));
	assert_int_equal(position, 0);
	for (size_t i = 0; i < COUNT(records); i++) {
		uint64_t before = spool.head;
		end[i] = spool_put(&spool, &records[i]);
		assert_int_equal(end[i], spool.head);
		assert_int_equal(end[i] - before, spool_need(&records[i]));
		assert_int_equal(spool_need(&records[i]) % 8, 0);
	}
	for (size_t i = 0; i < COUNT(records); i++) {
		assert_true(spool_get(&spool, &position, &r));
		check_record(&r, &records[i]);
		assert_int_equal(position, end[i]);
	}
	assert_false(spool_get(&spool, &position, &r));
	assert_int_equal(position, spool.head);
}

static void compares_json(void **state)
{
	(void)state;
	start(1);
	for (size_t i = 0; i < COUNT(records); i++) {
		uint64_t from = spool_put(&spool, &records[(i + 1) % 5]);
		spool_put(&spool, &records[i]);
		spool_put(&spool, &records[(i + 2) % 5]);
		for (size_t k = 0; k < COUNT(records); k++)
			CHECK(spool_has_json(&spool, from, records[k].json) ==
				  (k == i && records[k].json.p),
			      "record %zu, json of %zu", i, k);
		struct span part = records[i].json;
		if (part.p == NULL)
			continue;
		part.n--;
		assert_false(spool_has_json(&spool, from, part));
		part = span_skip(part, 1);
		assert_false(spool_has_json(&spool, from, part));
		move_all(spool.head);
	}
}

/* Whatever its lengths say, no byte behind a record is read for it. */
static void compares_within_the_record(void **state)
{
	static const char beyond[RING];
	struct record r = {.kind = RECORD_ALERT, .json = SPAN("{\"a\":1}")};
	(void)state;
	start(1);
	spool_put(&spool, &r);
	assert_true(spool_has_json(&spool, 0, r.json));
	put_u32(ring + 32, RING); /* the first text */
	assert_false(spool_has_json(&spool, 0, r.json));
	put_u32(ring + 32, UINT32_MAX);
	put_u32(ring + 48, RING); /* the alert */
	assert_false(
	    spool_has_json(&spool, 0, (struct span){beyond, sizeof beyond}));
}

static void knows_its_tail(void **state)
{
	(void)state;
	start(0);
	/* nobody reads: all is done at once */
	spool_put(&spool, &records[0]);
	assert_int_equal(spool_tail(&spool), spool.head);
	assert_int_equal(spool_used(&spool), 0);
	start(3);
	uint64_t first = spool_put(&spool, &records[0]);
	uint64_t second = spool_put(&spool, &records[1]);
	assert_int_equal(spool_tail(&spool), 0);
	assert_int_equal(spool_used(&spool), second);
	move_all(second);
	spool.cursor[1] = spool.keep[1] = first;
	assert_int_equal(spool_tail(&spool), first);
	assert_int_equal(spool_used(&spool), second - first);
	move_all(second);
	assert_int_equal(spool_used(&spool), 0);
}

static void promises_room(void **state)
{
	(void)state;
	start(1);
	assert_true(spool_fits(&spool, 0, 0));
	assert_true(spool_fits(&spool, RING - 88, 88));
	assert_false(spool_fits(&spool, RING - 80, 88));
	assert_true(spool_fits(&spool, SPOOL_RECORD_MAX, SPOOL_RECORD_MAX));
	assert_false(spool_could_fit(&spool, RING, 8));
	assert_true(spool_could_fit(&spool, RING - 88, 88));
	uint64_t end = spool_put(&spool, &records[1]);
	uint64_t left = RING - end;
	assert_true(spool_fits(&spool, left - 88, 88));
	assert_false(spool_fits(&spool, left - 80, 88));
	/* could_fit does not mind what is in there */
	assert_true(spool_could_fit(&spool, RING - 88, 88));
	move_all(end);
	assert_true(spool_fits(&spool, RING - 88, 88));
}

static char json[SPOOL_RECORD_MAX];

/* A record of about n bytes, whose contents tell which it is. */
static struct record make_record(uint64_t key, size_t n)
{
	struct buf b = buf_of(json, sizeof json);
	buf_str(&b, "{\"n\":\"");
	for (size_t i = 0; i < n; i++)
		buf_char(&b, (char)('a' + (key + i) % 26));
	buf_str(&b, "\"}");
	assert_false(b.cut);
	return (struct record){.kind = RECORD_ALERT,
			       .key = key,
			       .count = record_for(1, 3),
			       .json = buf_span(&b)};
}

/* Many rounds of records of all sizes, put in groups that were promised room,
 * read by cursors at their own pace. */
static void goes_round_and_round(void **state)
{
	static size_t size_of[MOST];
	uint64_t seed = 9, put = 0, got[3] = {0}, wraps = 0;
	(void)state;
	start(3);
	while (put < MOST) {
		size_t sizes[8], n = 1 + next_number(&seed) % 8;
		uint64_t total = 0, largest = 0;
		for (size_t i = 0; i < n; i++) {
			uint64_t most = next_number(&seed) % 16 ? 400 : 32000;
			sizes[i] = next_number(&seed) % most;
			struct record r = make_record(0, sizes[i]);
			total += spool_need(&r);
			if (spool_need(&r) > largest)
				largest = spool_need(&r);
		}
		if (spool_fits(&spool, total, largest)) {
			for (size_t i = 0; i < n && put < MOST; i++) {
				struct record r = make_record(put, sizes[i]);
				uint64_t before = spool.head;
				uint64_t end = spool_put(&spool, &r);
				wraps += before / RING != end / RING;
				/* in one piece */
				uint64_t from = end - spool_need(&r);
				CHECK(from / RING == (end - 1) / RING,
				      "record %u crosses the end",
				      (unsigned)put);
				size_of[put++] = sizes[i];
			}
		}
		CHECK(spool_used(&spool) <= RING, "used %u",
		      (unsigned)spool_used(&spool));
		/* each sink reads some */
		for (unsigned c = 0; c < 3; c++) {
			size_t some = next_number(&seed) % 12;
			struct record r;
			while (some-- &&
			       spool_get(&spool, &spool.cursor[c], &r)) {
				size_t k = (size_t)got[c]++;
				struct record want = make_record(k, size_of[k]);
				check_record(&r, &want);
				spool.keep[c] = spool.cursor[c];
			}
		}
	}
	assert_true(wraps > 50);
	assert_true(got[0] > MOST / 2);
}

/* A PAD of each size that there can be, 8 bytes among them. */
static void pads(void **state)
{
	(void)state;
	for (uint64_t rest = 8; rest <= 400; rest += 8) {
		struct record r, want;
		start(1);
		uint64_t position = 0;
		/* up to `rest` bytes before the end */
		while (RING - spool.head % RING > rest + 2000) {
			want = make_record(1, 1000);
			move_all(spool_put(&spool, &want));
		}
		while (RING - spool.head % RING > rest + 400) {
			want = make_record(1, 10);
			move_all(spool_put(&spool, &want));
		}
		size_t n = (size_t)(RING - spool.head - rest);
		want = make_record(2, n - SPOOL_HEADER - 8);
		assert_int_equal(spool_need(&want), n);
		position = spool.head;
		move_all(spool_put(&spool, &want));
		assert_int_equal(RING - spool.head, rest);
		want = make_record(3, 330);
		uint64_t end = spool_put(&spool, &want);
		assert_true(spool_get(&spool, &position, &r));
		assert_int_equal(r.key, 2);
		assert_true(spool_get(&spool, &position, &r));
		assert_int_equal(r.key, 3);
		check_record(&r, &want);
		assert_int_equal(position, end);
		assert_false(spool_get(&spool, &position, &r));
	}
}

/* What a crash leaves: `n` records sealed and safe in the ring from `from` on.
 * end[i] is behind record i. */
static void leave_ring(uint64_t from, size_t n, uint64_t *end)
{
	start(1);
	memset(ring, 0, sizeof ring);
	spool.head = spool.sealed = spool.synced = spool.freed = from;
	move_all(from);
	for (size_t i = 0; i < n; i++) {
		struct record r = make_record(100 + i, 200 + i);
		end[i] = spool_put(&spool, &r);
		spool_seal(&spool);
		spool.synced = spool.head;
	}
}

static size_t recovered(uint64_t from, struct spool_report *report,
			uint64_t *keys)
{
	uint64_t position = from;
	struct record r;
	size_t n = 0;
	spool_init(&spool, ring, sizeof ring, 1);
	spool_recover(&spool, from, 0, report);
	move_all(from);
	while (spool_get(&spool, &position, &r))
		keys[n++] = r.key;
	assert_int_equal(position, spool.head);
	assert_int_equal(spool.sealed, spool.head);
	return n;
}

/* As many as spool_fits() has promised room for, wherever the ring ends. */
static void keeps_its_promise(void **state)
{
	static const char text[4000];
	struct record r = {.kind = RECORD_ALERT, .json = {text, 0}};
	(void)state;
	for (size_t first = 0; first < 4000; first += 8) {
		spool_init(&spool, ring, sizeof ring, 1);
		r.json.n = first;
		spool_put(&spool, &r);
		spool.cursor[0] = spool.keep[0] = spool.head;
		r.json.n = 1000;
		uint64_t need = spool_need(&r), n = 0;
		while (spool_fits(&spool, (n + 1) * need, need))
			n++;
		assert_true(n > 4);
		/* the last ones fill it to the byte */
		for (uint64_t i = 0; i < n; i++)
			spool_put(&spool, &r);
		assert_true(spool_used(&spool) <= spool.size);
	}
}

static const uint64_t froms[] = {0,
				 RING - 1000,
				 RING - 296,
				 RING - 304,
				 5 * (uint64_t)RING + 8,
				 3 * (uint64_t)RING};

static void recovers_whole_rings(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(froms); k++) {
		for (size_t n = 0; n <= 8; n++) {
			uint64_t end[8], keys[16];
			struct spool_report report;
			leave_ring(froms[k], n, end);
			uint64_t head = spool.head;
			assert_int_equal(recovered(froms[k], &report, keys), n);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(keys[i], 100 + i);
			assert_int_equal(report.records, n);
			assert_int_equal(report.torn, 0);
			assert_int_equal(report.gaps, 0);
			if (n)
				assert_int_equal(spool.head, head);
		}
	}
}

/* Records that were sealed together are all there or none is: what was not
 * synced was not acknowledged. */
static void drops_torn_groups(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(froms); k++) {
		uint64_t end[8], keys[16];
		struct spool_report report;
		leave_ring(froms[k], 3, end);
		/* two more in one group, of which the last is damaged */
		for (size_t i = 3; i < 5; i++) {
			struct record r = make_record(100 + i, 200);
			end[i] = spool_put(&spool, &r);
		}
		spool_seal(&spool);
		memcpy(copy, ring, sizeof ring);
		/* whole: not safe, but good */
		assert_int_equal(recovered(froms[k], &report, keys), 5);
		for (uint64_t at = end[3]; at < end[4]; at += 24) {
			memcpy(ring, copy, sizeof ring);
			if (ring[at % RING] == 0 && at != end[3])
				continue; /* nothing to damage */
			ring[at % RING] ^= 0x55;
			size_t n = recovered(froms[k], &report, keys);
			CHECK(n == 3, "at %u: %zu", (unsigned)(at - end[3]), n);
			assert_int_equal(report.gaps, 0);
			assert_true(report.torn != 0);
			/* and stays gone */
			struct record r = make_record(7, 10);
			spool_put(&spool, &r);
			spool_seal(&spool);
			assert_int_equal(recovered(froms[k], &report, keys), 4);
			assert_int_equal(keys[3], 7);
			assert_int_equal(report.torn, 0);
		}
	}
}

/* Behind a torn record nothing is taken, good as it may look: it was not safe,
 * so nobody was told that it is. */
static void drops_what_is_behind_a_torn_one(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(froms); k++) {
		uint64_t end[8], keys[16];
		struct spool_report report;
		leave_ring(froms[k], 3, end);
		/* two groups, none of them synced */
		for (size_t i = 3; i < 6; i++) {
			struct record r = make_record(100 + i, 200);
			end[i] = spool_put(&spool, &r);
			if (i != 3)
				spool_seal(&spool);
		}
		memcpy(copy, ring, sizeof ring);
		for (size_t i = 3; i < 6; i++) {
			memcpy(ring, copy, sizeof ring);
			ring[(end[i] - 100) % RING] ^= 1;
			size_t n = recovered(froms[k], &report, keys);
			CHECK(n == (i < 5 ? 3 : 5), "damage in %zu: %zu", i, n);
			assert_int_equal(report.gaps, 0);
			CHECK(report.torn != 0,
			      "from %u, damage in %zu: not told",
			      (unsigned)froms[k], i);
		}
	}
}

/* Damage in what was safe is told of, and what is behind it is kept. */
static void passes_over_damage(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(froms); k++) {
		uint64_t end[8], keys[16];
		struct spool_report report;
		leave_ring(froms[k], 6, end);
		memcpy(copy, ring, sizeof ring);
		for (size_t i = 0; i < 5; i++) {
			memcpy(ring, copy, sizeof ring);
			ring[(end[i] - 100) % RING] ^= 1;
			size_t n = recovered(froms[k], &report, keys);
			CHECK(n == 5, "damage in %zu: %zu left", i, n);
			assert_int_equal(report.gaps, 1);
			for (size_t r = 0; r < n; r++)
				assert_int_equal(keys[r],
						 100 + r + (r >= i ? 1 : 0));
		}
		/* two places */
		memcpy(ring, copy, sizeof ring);
		ring[(end[1] - 100) % RING] ^= 1;
		ring[(end[3] - 100) % RING] ^= 1;
		assert_int_equal(recovered(froms[k], &report, keys), 4);
		assert_int_equal(report.gaps, 2);
	}
}

/* Damage on both sides of the range's end is passed over with two PADs, and
 * they are still good when the ring is taken over again. */
static void passes_over_the_end(void **state)
{
	(void)state;
	/* the second record ends before the range does, with every rest */
	for (uint64_t rest = 0; rest < 300; rest += 8) {
		uint64_t end[8], keys[16];
		struct spool_report report;
		leave_ring(0, 2, end);
		uint64_t from = 2 * (uint64_t)RING - rest - end[1];
		leave_ring(from, 5, end);
		ring[(end[1] - 100) % RING] ^= 1;
		ring[(end[2] - 100) % RING] ^= 1;
		for (int again = 0; again < 2; again++) {
			CHECK(recovered(from, &report, keys) == 3,
			      "rest %u, %d", (unsigned)rest, again);
			assert_int_equal(keys[1], 103);
			assert_int_equal(report.gaps, !again);
			assert_int_equal(report.records, 3);
			assert_int_equal(report.rewrite, !again);
		}
	}
}

/* Behind damage, too: there a PAD stands in the middle of the ring. */
static void forgets_sinks(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(froms); k++) {
		for (size_t bad = 0; bad < 6; bad++) {
			uint64_t end[8], keys[16], position = froms[k];
			struct spool_report report;
			struct record r;
			leave_ring(froms[k], 6, end);
			if (bad)
				ring[(end[bad - 1] - 100) % RING] ^= 1;
			recovered(froms[k], &report, keys);
			r = (struct record){.kind = RECORD_NOTICE_LOST,
					    .count = 7};
			spool_put(&spool, &r);
			spool_seal(&spool);
			spool_forget_sinks(&spool);
			size_t n = 0;
			while (spool_get(&spool, &position, &r) &&
			       r.kind == RECORD_ALERT) {
				assert_int_equal(r.key, keys[n++]);
				assert_int_equal(r.count, 0);
			}
			/* what a notice counts stays */
			assert_int_equal(r.kind, RECORD_NOTICE_LOST);
			assert_int_equal(r.count, 7);
			assert_true(record_is_for(&r, 1));
			/* and all of them are good for the next process */
			size_t left = recovered(froms[k], &report, keys);
			CHECK(n == (bad ? 5 : 6) && left == n + 1,
			      "%zu of %zu left, with %zu damaged", left, n,
			      bad);
		}
	}
}

/* A sink's record is found behind damage as well. */
static void takes_records_from_sinks(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(froms); k++) {
		uint64_t end[8], keys[16], position;
		struct spool_report report;
		struct record r;
		leave_ring(froms[k], 4, end);
		ring[(end[1] - 100) % RING] ^= 1;
		assert_int_equal(recovered(froms[k], &report, keys), 3);
		spool.cursors = 3;
		move_all(froms[k]);
		position = end[0];
		assert_true(spool_get(&spool, &position, &r));
		assert_int_equal(r.key, 102);
		char *count = ring + (position - spool_need(&r)) % RING + 16;
		spool_forget_sinks(&spool);
		memcpy(copy, ring, sizeof ring);
		spool_take_from(&spool, end[0], 2);
		assert_int_equal(get_u64(count), 5);
		put_u64(count, 0);
		assert_memory_equal(ring, copy, sizeof ring);
		/* from one after the other, until it is for nobody */
		spool_take_from(&spool, end[0], 1);
		spool_take_from(&spool, end[1], 2);
		spool_take_from(&spool, end[1], 4);
		position = end[0];
		assert_true(spool_get(&spool, &position, &r));
		assert_int_equal(r.count, RECORD_FOR_NOBODY);
		for (unsigned i = 0; i < spool.cursors; i++)
			assert_false(record_is_for(&r, i));
		/* a notice is for all of them, and there is none at the head */
		struct record notice = {.kind = RECORD_NOTICE_LOST};
		uint64_t before = spool.head;
		spool_put(&spool, &notice);
		spool_take_from(&spool, before, 1);
		assert_true(spool_get(&spool, &before, &r));
		assert_int_equal(r.count, 0);
		memcpy(copy, ring, sizeof ring);
		spool_take_from(&spool, spool.head, 1);
		assert_memory_equal(ring, copy, sizeof ring);
	}
}

/* What a sink gives up is known for as many rows as there is memory for; then
 * the two oldest become one, with what was written between them. */
static void knows_what_was_dropped(void **state)
{
	enum { ROWS = SPOOL_DROPS + 2, ALL = 2 * ROWS };
	uint64_t end[ALL];
	(void)state;
	start(3);
	for (size_t i = 0; i < ALL; i++)
		end[i] = spool_put(&spool, &records[0]);
	/* a row of two at first, then each second record */
	for (size_t i = 0; i < ALL; i++) {
		if (i == 0 || i % 2)
			spool_drop(&spool, 1);
		spool.cursor[1] = spool.keep[1] = end[i];
		for (size_t k = 0; k <= i; k++) {
			bool gone = k == 0 || k % 2;
			bool merged = i >= 9 && k <= (i - 5) / 2 * 2 - 1;
			CHECK(spool_has_dropped(&spool, 1, end[k]) ==
				  (gone || merged),
			      "record %zu after %zu", k, i);
		}
		CHECK(spool_has_dropped_from(&spool, 1, end[i]) ==
			  (i == 0 || i % 2),
		      "from %zu on", i);
		assert_true(spool_has_dropped_from(&spool, 1, end[0]));
	}
	/* of the other sinks nothing, and at the head there is nothing */
	for (unsigned k = 0; k < 3; k += 2) {
		assert_int_equal(spool.cursor[k], 0);
		for (size_t i = 0; i < ALL; i++)
			assert_false(spool_has_dropped(&spool, k, end[i]));
		assert_false(spool_has_dropped_from(&spool, k, end[0]));
	}
	struct spool before = spool;
	spool_drop(&spool, 1);
	assert_memory_equal(&before, &spool, sizeof spool);
}

/* Writes a PAD, which may be a wrong one. */
static void put_pad(uint64_t position, uint64_t n)
{
	put_u32(ring + position % RING, (uint32_t)n);
	put_u32(ring + position % RING + 4, RECORD_PAD);
}

static void refuses_wrong_pads(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(froms); k++) {
		uint64_t end[8], keys[16], from = froms[k];
		struct spool_report report;
		leave_ring(from, 6, end);
		memcpy(copy, ring, sizeof ring);
		const struct {
			uint64_t n;
			size_t left, gaps;
		} table[] = {
		    {end[1] - end[0], 5, 0}, /* leads to a good record */
		    {end[2] - end[0], 4, 0},
		    {0, 5, 1},
		    {end[1] - end[0] - 8, 5, 1},
		    {end[1] - end[0] - 4, 5, 1},
		    {RING - 8, 5, 1},
		    {RING, 5, 1},
		    {UINT32_MAX - 7, 5, 1},
		};
		for (size_t i = 0; i < COUNT(table); i++) {
			memcpy(ring, copy, sizeof ring);
			put_pad(end[0], table[i].n);
			/* what crosses the end is no PAD of the first sort */
			if (end[0] / RING != (end[3] - 1) / RING)
				continue;
			size_t n = recovered(from, &report, keys);
			CHECK(n == table[i].left, "from %u, row %zu: %zu",
			      (unsigned)from, i, n);
			CHECK(report.gaps == table[i].gaps, "row %zu: gaps", i);
		}
	}
	/* one that goes over the range's end, to a good record */
	uint64_t ends[8], left[16];
	struct spool_report report;
	leave_ring(0, 1, ends);
	uint64_t first = RING - ends[0];
	leave_ring(first, 4, ends);
	assert_int_equal(ends[0], RING);
	put_pad(first, ends[1] - first);
	assert_int_equal(recovered(first, &report, left), 3);
	assert_int_equal(left[0], 101);
	assert_int_equal(report.gaps, 1);
	/* two PADs over the end, of which the second is wrong */
	static const uint64_t wrong[] = {0, 4, 12, 16, RING, UINT32_MAX - 7};
	for (size_t i = 0; i < COUNT(wrong); i++) {
		uint64_t end[8], keys[16];
		leave_ring(0, 2, end);
		uint64_t from = RING - end[1];
		leave_ring(from, 4, end);
		assert_int_equal(end[1], RING);
		put_pad(end[0], end[1] - end[0]);
		put_pad(end[1], wrong[i]);
		CHECK(recovered(from, &report, keys) == 2, "wrong %zu", i);
		assert_int_equal(keys[1], 103);
		assert_int_equal(report.gaps, 1);
	}
}

/* A ring that is full to the last byte, and one that ends with a PAD. */
static void recovers_full_rings(void **state)
{
	static uint64_t keys[RING / SPOOL_HEADER];
	(void)state;
	for (int pad = 0; pad < 3; pad++) {
		const uint64_t last = 400;
		struct spool_report report;
		size_t n = 0;
		struct record r;
		leave_ring(0, 0, NULL);
		while (RING - spool.head > last + 4000) {
			r = make_record(n++, 3000);
			move_all(spool_put(&spool, &r));
		}
		r = make_record(n++, RING - spool.head - last - 96);
		move_all(spool_put(&spool, &r));
		assert_int_equal(RING - spool.head, last);
		if (pad == 0) {
			r = make_record(n++, last - SPOOL_HEADER - 8);
			spool_put(&spool, &r);
			assert_int_equal(spool.head, RING);
		}
		spool_seal(&spool);
		if (pad)
			put_pad(RING - last, pad == 1 ? last : last - 8);
		assert_int_equal(recovered(0, &report, keys), n);
		assert_int_equal(spool.head, pad ? RING - last : RING);
		assert_int_equal(report.torn, 0);
		assert_int_equal(report.rewrite, 0);
	}
}

/* Damage at the very end of what was safe: nothing good is behind it. */
static void tells_of_a_damaged_end(void **state)
{
	(void)state;
	for (size_t k = 0; k < COUNT(froms); k++) {
		uint64_t end[8];
		struct spool_report report;
		leave_ring(froms[k], 4, end);
		uint64_t head = spool.head;
		ring[(end[3] - 100) % RING] ^= 1;
		spool_init(&spool, ring, sizeof ring, 1);
		spool_recover(&spool, froms[k], head, &report);
		assert_int_equal(spool.head, end[2]);
		assert_int_equal(report.records, 3);
		assert_int_equal(report.gaps, 1);
		assert_int_equal(report.torn, 304); /* the record */
		assert_true(report.rewrite);
	}
}

/* What was not damaged and is no record that bellwire could have written: its
 * checksum is right, what it says is not. */
static void refuses_strange_records(void **state)
{
#define DEEP "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
	static const struct {
		struct record r;
		bool good;
	} table[] = {
	    {{.kind = RECORD_ALERT, .json = SPAN("{}")}, true},
	    {{.kind = RECORD_NOTICE_LOST}, true},
	    {{.kind = RECORD_NOTICE_TRUNCATED}, true},
	    {{.kind = RECORD_NOTICE_LEFT}, true},
	    {{.kind = RECORD_NOTICE_LEFT_OUT, .json = SPAN("[null]")}, true},
	    {{.kind = RECORD_NOTICE_LEFT_OUT, .json = SPAN("{}")}, false},
	    {{.kind = RECORD_NOTICE_LEFT_OUT}, false},
	    {{.kind = RECORD_NOTICE_DROPPED}, false},
	    {{.kind = RECORD_NOTICE_LOST,
	      .envelope = {SPAN("null"),
			   SPAN("\"\""),
			   SPAN("\"a\""),
			   ALERT_RESOLVED,
			   {NULL, 0}}},
	     true},
	    {{.kind = (enum record_kind)0}, false},
	    {{.kind = RECORD_NOTICE_SKIPPED}, false},
	    {{.kind = RECORD_ALERT}, false},
	    {{.kind = RECORD_NOTICE_LOST, .json = SPAN("{}")}, false},
	    {{.kind = RECORD_NOTICE_LOST,
	      .envelope = {.status = (enum alert_status)3}},
	     false},
	    {{.kind = RECORD_ALERT, .json = SPAN("")}, false},
	    {{.kind = RECORD_ALERT, .json = SPAN("[]")}, false},
	    {{.kind = RECORD_ALERT, .json = SPAN("{")}, false},
	    {{.kind = RECORD_ALERT, .json = SPAN("{}}")}, false},
	    {{.kind = RECORD_ALERT, .json = SPAN("{\"a\":" DEEP)}, false},
	    {{.kind = RECORD_NOTICE_LOST, .envelope = {.receiver = SPAN("")}},
	     false},
	    {{.kind = RECORD_NOTICE_LOST, .envelope = {.receiver = SPAN("1")}},
	     false},
	    {{.kind = RECORD_NOTICE_LOST,
	      .envelope = {.receiver = SPAN("\"a\"b")}},
	     false},
	    {{.kind = RECORD_NOTICE_LOST,
	      .envelope = {.group_key = SPAN("\"a\nb\"")}},
	     false},
	    {{.kind = RECORD_NOTICE_LOST,
	      .envelope = {.group_key = SPAN("nul")}},
	     false},
	    {{.kind = RECORD_NOTICE_LOST,
	      .envelope = {.external_url = SPAN("{}")}},
	     false},
	    {{.kind = RECORD_NOTICE_LOST, .envelope = {.reason = SPAN("[1]")}},
	     false},
	    {{.kind = RECORD_NOTICE_LOST,
	      .envelope = {.reason = SPAN("\"why\"")}},
	     true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		uint64_t keys[16];
		struct spool_report report;
		leave_ring(0, 0, NULL);
		spool_put(&spool, &table[i].r);
		spool_seal(&spool);
		CHECK(recovered(0, &report, keys) == table[i].good, "row %zu",
		      i);
	}
	/* lengths that do not fill the record, or more than that */
	for (uint32_t n = 0; n < 40; n++) {
		uint64_t keys[16];
		struct spool_report report;
		const struct record r = {.kind = RECORD_NOTICE_LOST,
					 .envelope = {SPAN("\"123456789\""),
						      {NULL, 0},
						      SPAN("\"123456789\""),
						      ALERT_FIRING,
						      {NULL, 0}}};
		leave_ring(0, 0, NULL);
		assert_int_equal(spool_put(&spool, &r), SPOOL_HEADER + 24);
		put_u32(ring + 40, n);
		spool_seal(&spool);
		/* the text itself is only whole in its own length */
		CHECK(recovered(0, &report, keys) == (n == 11), "length %u", n);
	}
	/* each text in turn longer than what is left */
	static const size_t lengths[] = {32, 36, 40, 48, 84};
	static const uint32_t values[] = {18, 1000, INT32_MAX, UINT32_MAX - 1};
	for (size_t i = 0; i < COUNT(lengths) * COUNT(values); i++) {
		uint64_t keys[16];
		struct spool_report report;
		const struct record r = {.kind = RECORD_ALERT,
					 .envelope = {SPAN("\"r\""),
						      SPAN("\"g\""),
						      SPAN("\"u\""),
						      ALERT_FIRING,
						      {NULL, 0}},
					 .json = SPAN("{ }"),
					 .index = SPAN("i")};
		leave_ring(0, 0, NULL);
		spool_put(&spool, &r);
		put_u32(ring + lengths[i % COUNT(lengths)],
			values[i / COUNT(lengths)]);
		spool_seal(&spool);
		CHECK(recovered(0, &report, keys) == 0, "row %zu", i);
	}
}

/* Whatever the ring holds, it is taken over without harm: random bytes, and
 * good rings with random damage. */
static void survives_anything(void **state)
{
	static uint64_t keys[RING / SPOOL_HEADER + 1];
	uint64_t seed = 21;
	(void)state;
	for (int round = 0; round < 200; round++) {
		uint64_t end[8];
		uint64_t from = froms[round % (int)COUNT(froms)];
		struct spool_report report;
		leave_ring(from, 8, end);
		for (int i = 0; i < round % 20; i++)
			ring[(from + next_number(&seed) % 2500) % RING] =
			    (char)(next_number(&seed) & 0xff);
		size_t n = recovered(from, &report, keys);
		CHECK(n <= 8, "round %d: %zu", round, n);
		for (size_t i = 0; i < n; i++)
			CHECK(keys[i] >= 100 && keys[i] < 108, "round %d",
			      round);
	}
	for (size_t i = 0; i < sizeof ring; i++)
		ring[i] = (char)(next_number(&seed) & 0xff);
	struct spool_report report;
	assert_int_equal(recovered(8, &report, keys), 0);
	assert_int_equal(spool.head, 8);
}

/* Old records behind the new head do not come back. */
static void forgets_old_records(void **state)
{
	uint64_t keys[64], end[8];
	struct spool_report report;
	(void)state;
	leave_ring(0, 8, end);
	/* one round later, three new ones over the old ones */
	spool.head = spool.sealed = spool.synced = spool.freed = RING;
	move_all(RING);
	for (size_t i = 0; i < 3; i++) {
		struct record r = make_record(200 + i, 200 + i);
		spool_put(&spool, &r);
		spool_seal(&spool);
		spool.synced = spool.head;
	}
	assert_int_equal(recovered(RING, &report, keys), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(keys[i], 200 + i);
	assert_int_equal(report.gaps, 0);
	assert_int_equal(report.torn, 0);
}

/* An alert that is larger than any that is taken, as only a file made by
 * somebody else can hold: it may have more values than alert_parse() can. */
static void takes_no_alert_over_the_limit(void **state)
{
	static char text[LIMIT_ALERT + 2];
	uint64_t keys[8];
	struct spool_report report;
	(void)state;
	for (size_t n = LIMIT_ALERT - 1; n <= LIMIT_ALERT + 1; n++) {
		struct buf b = buf_of(text, n);
		start(1);
		buf_str(&b, n % 2 ? "{\"a\":[1" : "{\"aa\":[1");
		while (b.n + 2 < n)
			buf_str(&b, ",1");
		buf_str(&b, "]}");
		assert_false(b.cut);
		struct record r = {.kind = RECORD_ALERT, .json = buf_span(&b)};
		spool_put(&spool, &r);
		spool_seal(&spool);
		assert_int_equal(recovered(0, &report, keys), n <= LIMIT_ALERT);
	}
}

/* The largest of all is one like any other. */
static void takes_the_largest(void **state)
{
	static char text[LIMIT_ALERT], envelope[LIMIT_ENVELOPE];
	static const char index[ALERT_INDEX];
	struct buf b = buf_of(text, sizeof text);
	uint64_t keys[8];
	struct spool_report report;
	(void)state;
	start(1);
	buf_str(&b, "{\"a\":\"");
	while (b.n < sizeof text - 2)
		buf_char(&b, 'a');
	buf_str(&b, "\"}");
	memset(envelope, 'e', sizeof envelope);
	envelope[0] = envelope[sizeof envelope - 1] = '"';
	struct record r = {
	    .kind = RECORD_ALERT,
	    .key = 7,
	    .envelope.receiver = {envelope, sizeof envelope},
	    .json = buf_span(&b),
	    .index = {index, sizeof index},
	};
	assert_false(b.cut);
	assert_true(spool_need(&r) <= SPOOL_RECORD_MAX);
	spool_put(&spool, &r);
	spool_seal(&spool);
	assert_int_equal(recovered(0, &report, keys), 1);
	assert_int_equal(keys[0], 7);
	assert_int_equal(report.torn, 0);
}

/* A record in the file, byte by byte: another version must find it so. */
static void keeps_the_format(void **state)
{
	char want[SPOOL_HEADER + 16] = {0};
	const struct record r = {.kind = RECORD_ALERT,
				 .key = 0x1122334455667788,
				 .count = 0x99aabbccddeeff00,
				 .received_s = 0x0102030405060708,
				 .received_ms = -2,
				 .envelope = {SPAN("\"r\""),
					      {NULL, 0},
					      SPAN("\"\""),
					      ALERT_RESOLVED,
					      {NULL, 0}},
				 .json = SPAN("{\"a\":\"bc\"}"),
				 .index = SPAN("i")};
	(void)state;
	leave_ring(96, 0, NULL);
	spool.synced = 0x1234;
	assert_int_equal(spool_put(&spool, &r), 96 + sizeof want);
	spool_seal(&spool);
	put_u32(want, sizeof want);
	put_u32(want + 4, 2);
	put_u64(want + 8, r.key);
	put_u64(want + 16, r.count);
	put_u64(want + 24, (uint64_t)r.received_s);
	put_u32(want + 32, 3);
	put_u32(want + 36, UINT32_MAX);
	put_u32(want + 40, 2);
	put_u32(want + 44, 2);
	put_u32(want + 48, 10);
	put_u64(want + 56, 96);
	put_u64(want + 64, 0x1234);
	put_u64(want + 72, (uint64_t)-2);
	put_u32(want + 80, 1);
	put_u32(want + 84, 1);
	memcpy(want + 88, "\"r\"\"\"{\"a\":\"bc\"}i", 16);
	put_u32(want + 52, crc32c(0, want, sizeof want));
	assert_memory_equal(ring + 96, want, sizeof want);
}

static struct {
	uint64_t size;
	bool full;
} misuse;

static void begins(void)
{
	spool_init(&spool, ring, misuse.size, 1);
}

static void puts_without_room(void)
{
	struct record r = make_record(1, 1000);
	start(1);
	do
		spool_put(&spool, &r);
	while (spool_fits(&spool, spool_need(&r), spool_need(&r)));
	/* one might fit still, two do not */
	for (int i = 0; misuse.full && i < 2; i++)
		spool_put(&spool, &r);
}

static struct {
	size_t at;
	uint32_t value;
} change;

/* A record, and a u32 of it changed behind the spool's back. */
static void changes_the_ring(void)
{
	struct record r = {.kind = RECORD_ALERT, .json = SPAN("{\"a\":1}")};
	leave_ring(0, 0, NULL);
	spool_put(&spool, &r);
	put_u32(ring + change.at, change.value);
}

static void changes_and_gets(void)
{
	uint64_t position = 0;
	struct record r;
	changes_the_ring();
	spool_get(&spool, &position, &r);
}

static void changes_and_seals(void)
{
	changes_the_ring();
	spool_seal(&spool);
}

/* Nothing outside of the ring is read or written, whatever becomes of it. */
static void traps_on_a_changed_ring(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		bool gets, seals; /* trap */
	} table[] = {
	    {0, SPOOL_HEADER + 8, false, false}, /* as it is */
	    {0, 0, true, true},
	    {0, SPOOL_HEADER + 4, true, true},
	    {0, SPOOL_HEADER + 16, true, true}, /* over the head */
	    {0, 2 * RING, true, true},
	    {0, 8, true, true},
	    {44, 9U << 16, true, false}, /* notification_reason */
	    {48, 9, true, false},
	    {48, UINT32_MAX - 1, true, false},
	    {84, 1, false, false}, /* there is a byte left */
	    {84, 2, true, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		change.at = table[i].at;
		change.value = table[i].value;
		CHECK(traps(changes_and_gets) == table[i].gets, "row %zu", i);
		CHECK(traps(changes_and_seals) == table[i].seals, "row %zu", i);
	}
}

static void traps_on_misuse(void **state)
{
	static const struct {
		uint64_t size;
		bool trap;
	} table[] = {
	    {2 * SPOOL_RECORD_MAX, false},
	    {2 * SPOOL_RECORD_MAX + 8, false},
	    {2 * SPOOL_RECORD_MAX + 4, true},
	    {2 * SPOOL_RECORD_MAX - 8, true},
	    {0, true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		misuse.size = table[i].size;
		CHECK(traps(begins) == table[i].trap, "row %zu", i);
	}
	misuse.full = false;
	assert_false(traps(puts_without_room));
	misuse.full = true;
	assert_true(traps(puts_without_room));
}

/* A record that would reach over its lap's end into the first one's bytes: with
 * right checksums both look good. It is not taken, so head <= from + size. */
static void stays_within_a_lap(void **state)
{
	uint64_t from = 80, position = from;
	struct spool_report report;
	struct record r = {.kind = RECORD_NOTICE_LOST};
	(void)state;
	/* the later one is sealed where it will stand, at the range's front */
	start(1);
	memset(ring, 0, sizeof ring);
	spool.head = spool.sealed = spool.keep[0] = RING;
	spool_put(&spool, &r);
	spool_seal(&spool);
	memcpy(copy, ring, SPOOL_HEADER);
	/* then the first, whose length and kind are the other's last 8 bytes */
	spool.head = spool.sealed = spool.keep[0] = from;
	r = (struct record){.kind = RECORD_ALERT, .json = SPAN("{}")};
	uint64_t end = spool_put(&spool, &r);
	spool_seal(&spool);
	memcpy(copy + 80, ring + 80, 8);
	put_u32(copy + 52, 0);
	put_u32(copy + 52, crc32c(0, copy, SPOOL_HEADER));
	memcpy(ring, copy, SPOOL_HEADER);
	put_pad(end, RING - end);
	spool_init(&spool, ring, sizeof ring, 1);
	spool_recover(&spool, from, 0, &report);
	assert_int_equal(spool.head, end);
	assert_true(spool_get(&spool, &position, &r));
	assert_false(spool_get(&spool, &position, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_what_was_put),
	    cmocka_unit_test(compares_json),
	    cmocka_unit_test(compares_within_the_record),
	    cmocka_unit_test(knows_its_tail),
	    cmocka_unit_test(promises_room),
	    cmocka_unit_test(goes_round_and_round),
	    cmocka_unit_test(pads),
	    cmocka_unit_test(keeps_its_promise),
	    cmocka_unit_test(recovers_whole_rings),
	    cmocka_unit_test(drops_torn_groups),
	    cmocka_unit_test(drops_what_is_behind_a_torn_one),
	    cmocka_unit_test(passes_over_damage),
	    cmocka_unit_test(passes_over_the_end),
	    cmocka_unit_test(forgets_sinks),
	    cmocka_unit_test(takes_records_from_sinks),
	    cmocka_unit_test(knows_what_was_dropped),
	    cmocka_unit_test(refuses_wrong_pads),
	    cmocka_unit_test(recovers_full_rings),
	    cmocka_unit_test(tells_of_a_damaged_end),
	    cmocka_unit_test(refuses_strange_records),
	    cmocka_unit_test(survives_anything),
	    cmocka_unit_test(forgets_old_records),
	    cmocka_unit_test(takes_no_alert_over_the_limit),
	    cmocka_unit_test(takes_the_largest),
	    cmocka_unit_test(keeps_the_format),
	    cmocka_unit_test(stays_within_a_lap),
	    cmocka_unit_test(traps_on_misuse),
	    cmocka_unit_test(traps_on_a_changed_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
