/* test_image.c - image.h: headers and cursors that a file may hold. What they
 * are for, not to lose anything, is tested in test_powercut.c. */
#include "check.h"

#include "base/bytes.h"
#include "spool/image.h"

enum {
	RING = (2 * SPOOL_RECORD_MAX + 7) / 8 * 8,
	IMAGE_AT_COUNT = 4,
	IMAGE_AT_SEQUENCE = 8,
	IMAGE_AT_SAFE = 16,
	IMAGE_AT_HEAD = 24,
	IMAGE_AT_ALARM = 32,
	IMAGE_AT_CURSOR = 40,
	SEQUENCE_STEP = 1 << 20,
};

enum { CURSOR_CRC = 40 + 16 * LIMIT_SINKS + 4 };

static const struct hash_key key = {0x0123456789abcdef, 0xfedcba9876543210};

static char ring[RING], blocks[2 * IMAGE_BLOCK];
static struct spool spool;
static struct image image;

static void judges_headers(void **state)
{
	static const struct {
		size_t at;
		uint32_t value; /* in place of what stands there */
		bool sealed;    /* with the checksum of that */
		enum image_verdict verdict;
	} table[] = {
	    {4, 0x65726977, false, IMAGE_GOOD}, /* what it is */
	    {0, 0x6c6c6263, true, IMAGE_FOREIGN},
	    {4, 0x65726978, true, IMAGE_FOREIGN},
	    {8, 0, true, IMAGE_VERSION},
	    {8, 1, true, IMAGE_VERSION},
	    {8, 2, true, IMAGE_VERSION},
	    {8, 4, false, IMAGE_VERSION},
	    {12, 1, false, IMAGE_FOREIGN},
	    {16, 1, false, IMAGE_FOREIGN},
	    {16, 1, true, IMAGE_SIZE},
	    {20, 1, true, IMAGE_SIZE},
	    {24, 1, false, IMAGE_FOREIGN},
	    {56, 1, false, IMAGE_FOREIGN},
	    {60, 1, false, IMAGE_FOREIGN},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char p[IMAGE_HEADER_BYTES];
		struct hash_key got = {1, 1};
		image_put_header(p, RING, &key);
		put_u32(p + table[i].at, table[i].value);
		if (table[i].sealed)
			put_u32(p + 60, crc32c(0, p, 60));
		enum image_verdict verdict = image_read_header(p, RING, &got);
		CHECK(verdict == table[i].verdict, "row %zu: %u", i,
		      (unsigned)verdict);
		/* the key of a good one alone */
		bool good = verdict == IMAGE_GOOD;
		assert_true(got.k0 == (good ? key.k0 : 1));
		assert_true(got.k1 == (good ? key.k1 : 1));
	}
	char zero[IMAGE_HEADER_BYTES] = {0};
	struct hash_key got;
	assert_int_equal(image_read_header(zero, RING, &got), IMAGE_BLANK);
	zero[IMAGE_HEADER_BYTES - 1] = 1;
	assert_int_equal(image_read_header(zero, RING, &got), IMAGE_FOREIGN);
	/* of another size: which one */
	image_put_header(zero, RING + 8, &key);
	assert_int_equal(image_read_header(zero, RING, &got), IMAGE_SIZE);
	assert_true(image_header_size(zero) == RING + 8);
	assert_true(image_is_marked(zero));
	zero[0] ^= 1;
	assert_false(image_is_marked(zero));
}

static void start(void)
{
	memset(ring, 0, sizeof ring);
	memset(blocks, 0, sizeof blocks);
	memset(&image, 0, sizeof image);
	spool_init(&spool, ring, sizeof ring, 2);
	spool.durable = true;
	image.sink[0] = image_sink(&key, SPAN("stdout"));
	image.sink[1] = image_sink(&key, SPAN("fifo:/a"));
}

static void put(uint64_t name)
{
	struct record r = {
	    .kind = RECORD_ALERT, .key = name, .json = SPAN("{}")};
	spool_put(&spool, &r);
}

/* What the plan has of the cursors goes to its block; the ring is shared. */
static size_t write_plan(void)
{
	struct image_write out[IMAGE_WRITES];
	size_t n = image_plan(&image, &spool, out);
	for (size_t i = 0; i < n; i++) {
		if (out[i].offset >= IMAGE_RING) {
			assert_ptr_equal(out[i].p,
					 ring + (out[i].offset - IMAGE_RING));
			continue;
		}
		assert_int_equal(out[i].n, IMAGE_CURSOR_BYTES);
		memcpy(blocks + out[i].offset - IMAGE_BLOCK, out[i].p,
		       out[i].n);
	}
	return n;
}

/* Changes the cursors in both blocks and seals them again. */
static void patch(size_t at, uint64_t value, size_t bytes)
{
	for (size_t k = 0; k < 2; k++) {
		char *p = blocks + k * IMAGE_BLOCK;
		if (bytes == 4)
			put_u32(p + at, (uint32_t)value);
		else
			put_u64(p + at, value);
		put_u32(p + CURSOR_CRC, crc32c(0, p, CURSOR_CRC));
	}
}

/* Another process takes over. */
static enum image_verdict recover(struct spool_report *report)
{
	memset(&image, 0, sizeof image);
	image.sink[0] = image_sink(&key, SPAN("fifo:/a"));
	image.sink[1] = image_sink(&key, SPAN("new"));
	spool_init(&spool, ring, sizeof ring, 2);
	return image_recover(&image, &spool, blocks, report);
}

/* Two synced records, of which stdout has one and the fifo both. */
static uint64_t leave(void)
{
	start();
	put(1);
	uint64_t first = spool.head;
	put(2);
	assert_true(image_wants_sync(&image, &spool));
	assert_int_equal(write_plan(), 2);
	image_synced(&image, &spool);
	assert_int_equal(write_plan(), 1);
	assert_int_equal(write_plan(), 0);
	assert_false(image_wants_sync(&image, &spool));
	spool.keep[0] = first;
	spool.keep[1] = spool.head;
	assert_int_equal(write_plan(), 1);
	return first;
}

static void finds_cursors(void **state)
{
	struct spool_report report;
	(void)state;
	uint64_t first = leave();
	uint64_t sequence = image.sequence, head = spool.head;
	assert_int_equal(recover(&report), IMAGE_GOOD);
	assert_int_equal(report.records, 1);
	assert_int_equal(report.torn, 0);
	assert_int_equal(spool.head, head);
	assert_true(spool.cursor[0] == head && spool.keep[0] == head);
	/* a sink that is new starts at the oldest record */
	assert_true(spool.cursor[1] == first && spool.keep[1] == first);
	/* which goes on where no number was used */
	sequence += SEQUENCE_STEP;
	assert_true(image.sequence == sequence && image.safe == sequence);
	/* no sink at all: from the beginning */
	leave();
	patch(IMAGE_AT_COUNT, 0, 4);
	assert_int_equal(recover(&report), IMAGE_GOOD);
	assert_int_equal(report.records, 2);
	assert_true(spool.cursor[0] == 0 && spool.cursor[1] == 0);
	/* a position within a record: that of the next one */
	leave();
	patch(IMAGE_AT_CURSOR + 16 + 8, 8, 8);
	patch(IMAGE_AT_CURSOR + 8, 0, 8);
	assert_int_equal(recover(&report), IMAGE_GOOD);
	assert_int_equal(spool.cursor[0], first);
	/* beyond the head: the head */
	leave();
	patch(IMAGE_AT_CURSOR + 16 + 8, 1 << 20, 8);
	assert_int_equal(recover(&report), IMAGE_GOOD);
	assert_int_equal(spool.cursor[0], head);
}

/* What a sink has given up and not told of is kept for it, and what a sink that
 * is gone had yet to get is counted. */
static void remembers_for_sinks(void **state)
{
	struct spool_report report;
	(void)state;
	leave();
	spool.untold[1] = 3;
	assert_int_equal(write_plan(), 1);
	assert_int_equal(write_plan(), 0);
	assert_int_equal(recover(&report), IMAGE_GOOD);
	assert_true(spool.untold[0] == 3 && spool.untold[1] == 0);
	assert_int_equal(report.left, 0);
	/* stdout, which had the first one alone, is gone; or it is the fifo,
	 * which had both */
	for (int gone = 0; gone < 2; gone++) {
		leave();
		memset(&image, 0, sizeof image);
		image.sink[0] =
		    image_sink(&key, gone ? SPAN("stdout") : SPAN("fifo:/a"));
		spool_init(&spool, ring, sizeof ring, 1);
		assert_int_equal(image_recover(&image, &spool, blocks, &report),
				 IMAGE_GOOD);
		assert_int_equal(report.left, gone ? 0 : 1);
	}
}

static void refuses_foreign_cursors(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		size_t bytes;
	} table[] = {
	    {0, 0, 4},
	    {IMAGE_AT_COUNT, LIMIT_SINKS + 1, 4},
	    {IMAGE_AT_CURSOR + 8, 4, 8},
	    {IMAGE_AT_CURSOR + 8, 1, 8},
	    {IMAGE_AT_SEQUENCE, UINT64_MAX / 2 + 1, 8},
	};
	struct spool_report report;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		leave();
		patch(table[i].at, table[i].value, table[i].bytes);
		memset(&report, 0xa5, sizeof report);
		CHECK(recover(&report) == IMAGE_FOREIGN, "row %zu", i);
		/* nothing was changed */
		assert_int_equal(spool.head, 0);
		assert_int_equal(image.sequence, 0);
	}
	/* positions that no ring comes to */
	leave();
	patch(IMAGE_AT_CURSOR + 8, UINT64_MAX / 2 + 1, 8);
	patch(IMAGE_AT_CURSOR + 16 + 8, UINT64_MAX / 2 + 1, 8);
	assert_int_equal(recover(&report), IMAGE_FOREIGN);
	leave();
	patch(IMAGE_AT_CURSOR + 8, UINT64_MAX / 2 + 1 - 8, 8);
	patch(IMAGE_AT_CURSOR + 16 + 8, UINT64_MAX / 2 + 1 - 8, 8);
	assert_int_equal(recover(&report), IMAGE_GOOD);
	assert_int_equal(report.records, 0);
	/* one block of the two is enough; the checksum decides */
	for (size_t k = 0; k < 2; k++) {
		leave();
		blocks[k * IMAGE_BLOCK + 100] ^= 1;
		assert_int_equal(recover(&report), IMAGE_GOOD);
		blocks[(1 - k) * IMAGE_BLOCK + 100] ^= 1;
		assert_int_equal(recover(&report), IMAGE_FOREIGN);
	}
}

/* What was under way when the process ended, and left nothing. */
static void tells_of_what_did_not_come(void **state)
{
	static const struct {
		uint64_t more, torn;
	} table[] = {{0, 0},       {8, 8},        {96, 96},
		     {RING, RING}, {RING + 8, 0}, {UINT64_MAX / 2, 0}};
	struct spool_report report;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		leave();
		patch(IMAGE_AT_HEAD, spool.head + table[i].more, 8);
		assert_int_equal(recover(&report), IMAGE_GOOD);
		CHECK(report.torn == table[i].torn, "row %zu: %u", i,
		      (unsigned)report.torn);
	}
	leave();
	patch(IMAGE_AT_HEAD, spool.head - 8, 8);
	assert_int_equal(recover(&report), IMAGE_GOOD);
	assert_int_equal(report.torn, 0);
}

/* Either block may tell how far the file was safe: damage before that is told
 * of, and behind it ends what is taken over. */
static void knows_what_was_safe(void **state)
{
	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct spool_report report;
		uint64_t end[3];
		start();
		for (size_t i = 0; i < 3; i++) {
			put(i + 1);
			end[i] = spool.head;
		}
		/* all at once, so that no record proves another one */
		write_plan();
		image_synced(&image, &spool);
		write_plan();
		ring[end[0] + 4] ^= 1;
		patch(IMAGE_AT_SAFE, 0, 8);
		for (size_t i = 0; i < 2 && k < 2; i++) {
			char *p = blocks + i * IMAGE_BLOCK;
			put_u64(p + IMAGE_AT_SAFE, i == k ? end[2] : 0);
			put_u32(p + CURSOR_CRC, crc32c(0, p, CURSOR_CRC));
		}
		assert_int_equal(recover(&report), IMAGE_GOOD);
		bool told = k < 2;
		CHECK(report.gaps == (told ? 1 : 0), "block %zu: gaps", k);
		CHECK(report.records == (told ? 2 : 0), "block %zu: %u", k,
		      (unsigned)report.records);
		CHECK(spool.head == (told ? end[2] : 0), "block %zu: head", k);
	}
}

/* Header and cursors in the file, byte by byte. */
static void keeps_the_format(void **state)
{
	char want[IMAGE_CURSOR_BYTES] = {0}, got[IMAGE_HEADER_BYTES];
	(void)state;
	memset(got, 0xa5, sizeof got);
	image_put_header(got, 0x1122334455667788, &key);
	memcpy(want, "bellwire\3", 9);
	put_u64(want + 16, 0x1122334455667788);
	put_u64(want + 24, key.k0);
	put_u64(want + 32, key.k1);
	put_u32(want + 60, crc32c(0, want, 60));
	assert_memory_equal(got, want, sizeof got);

	uint64_t first = leave();
	image.alarm = 0x1234567890abcdef;
	write_plan();
	image_synced(&image, &spool);
	write_plan();
	memset(want, 0, sizeof want);
	put_u32(want, 0x73727563);
	put_u32(want + 4, 2);
	put_u64(want + 8, image.sequence);
	put_u64(want + 16, spool.synced);
	put_u64(want + 24, spool.head);
	put_u64(want + 32, 0x1234567890abcdef);
	put_u64(want + 40, image_sink(&key, SPAN("stdout")));
	put_u64(want + 48, first);
	put_u64(want + 56, image_sink(&key, SPAN("fifo:/a")));
	put_u64(want + 64, spool.head);
	put_u32(want + CURSOR_CRC, crc32c(0, want, CURSOR_CRC));
	put_u32(want + sizeof want - 8,
		crc32c(crc32c(0, want + 8, 8), want + CURSOR_CRC + 4,
		       8 * LIMIT_SINKS));
	const char *p = blocks + image.sequence % 2 * IMAGE_BLOCK;
	assert_memory_equal(p, want, sizeof want);
	assert_true(image.sequence != image.safe);
}

/* When cursors must be written, and when they must be safe. */
static void plans(void **state)
{
	struct image_write out[IMAGE_WRITES];
	(void)state;
	start();
	/* a new file has cursors at once */
	assert_true(image_wants_sync(&image, &spool));
	assert_int_equal(write_plan(), 1);
	assert_true(image_wants_sync(&image, &spool));
	image_synced(&image, &spool);
	assert_false(image_wants_sync(&image, &spool));
	assert_int_equal(write_plan(), 0);
	/* what failed is planned again */
	image_failed(&image);
	assert_int_equal(write_plan(), 1);
	assert_int_equal(write_plan(), 0);
	/* records over the range's end: two pieces */
	spool.head = spool.sealed = spool.synced = spool.freed =
	    3 * (uint64_t)RING - 96;
	spool.keep[0] = spool.keep[1] = spool.head;
	write_plan();
	image_synced(&image, &spool);
	put(1);
	put(2);
	assert_int_equal(image_plan(&image, &spool, out), 3);
	assert_int_equal(out[0].offset, IMAGE_RING + RING - 96);
	assert_int_equal(out[0].n, 96);
	assert_int_equal(out[1].offset, IMAGE_RING);
	assert_int_equal(out[1].n, 96);
	image_synced(&image, &spool);
	assert_int_equal(spool.synced, spool.head);
	/* the owner's number is told once what came before it is safe */
	image.alarm = 5;
	assert_int_equal(write_plan(), 1);
	assert_true(image_wants_sync(&image, &spool));
	image_synced(&image, &spool);
	assert_false(image_wants_sync(&image, &spool));
	assert_int_equal(write_plan(), 1);
	assert_int_equal(write_plan(), 0);
	assert_int_equal(
	    get_u64(blocks + image.sequence % 2 * IMAGE_BLOCK + IMAGE_AT_ALARM),
	    5);
	/* room that is wanted, or half of the ring, is worth a sync */
	spool.keep[0] = spool.keep[1] = spool.head - 96;
	write_plan();
	assert_false(image_wants_sync(&image, &spool));
	spool.wanted = true;
	assert_true(image_wants_sync(&image, &spool));
	image_synced(&image, &spool);
	assert_int_equal(spool.freed, spool.head - 96);
	assert_false(spool.wanted);
	spool.head = spool.sealed = spool.synced = spool.freed + RING / 2;
	spool.keep[0] = spool.keep[1] = spool.head;
	write_plan();
	assert_false(image_wants_sync(&image, &spool));
	spool.freed -= 8;
	assert_true(image_wants_sync(&image, &spool));
	/* what was in a file that is gone is planned again, but what is done */
	spool.cursor[0] = spool.keep[0] = spool.head;
	spool.cursor[1] = spool.keep[1] = spool.head - 96;
	image_lost(&image, &spool);
	assert_int_equal(spool.synced, spool.head - 96);
	assert_int_equal(image_plan(&image, &spool, out), 2);
	assert_int_equal(out[0].n, 96);
	image_synced(&image, &spool);
	assert_int_equal(spool.synced, spool.head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judges_headers),
	    cmocka_unit_test(finds_cursors),
	    cmocka_unit_test(remembers_for_sinks),
	    cmocka_unit_test(refuses_foreign_cursors),
	    cmocka_unit_test(tells_of_what_did_not_come),
	    cmocka_unit_test(knows_what_was_safe),
	    cmocka_unit_test(keeps_the_format),
	    cmocka_unit_test(plans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
