/*
 * image.c - see image.h. All numbers are little-endian.
 *
 * Header: 8 bytes magic, u32 version, u32 zero, u64 size of the ring, u64 u64
 * key, zero, and at 60 the CRC-32C of the 60 bytes before.
 * Cursors: u32 magic, u32 count, u64 sequence, u64 how far the file was safe
 * when they were written, u64 head of what was under way, u64 the owner's
 * number as of that sync, then for each sink its name and its position, u64
 * each, and u32 zero and the CRC-32C of all this. Behind it, for each sink, u64
 * how many alerts it has given up and not told of, and the CRC-32C of the
 * sequence number and these: other programs than this one leave that out.
 */
#include "spool/image.h"

#include "base/bytes.h"

#include <string.h>

#define MAGIC "bellwire"

enum {
	VERSION = 3, /* of the layout, and of how names are hashed */
	MAGIC_BYTES = sizeof MAGIC - 1,
	IMAGE_AT_VERSION = 8,
	IMAGE_AT_SIZE = 16,
	IMAGE_AT_KEY = 24,
	HEADER_CRC = IMAGE_HEADER_BYTES - 4,
	CURSOR_MAGIC = 0x73727563,
	IMAGE_AT_COUNT = 4,
	IMAGE_AT_SEQUENCE = 8,
	IMAGE_AT_SAFE = 16,
	IMAGE_AT_HEAD = 24,
	IMAGE_AT_ALARM = 32,
	IMAGE_AT_CURSOR = 40,
	CURSOR_CRC = IMAGE_AT_CURSOR + 16 * LIMIT_SINKS + 4,
	IMAGE_AT_UNTOLD = CURSOR_CRC + 4,
	UNTOLD_CRC = IMAGE_AT_UNTOLD + 8 * LIMIT_SINKS,
	SEQUENCE_STEP = 1 << 20, /* even: which block is safe stays */
};

void image_put_header(char *p, uint64_t size, const struct hash_key *key)
{
	memset(p, 0, IMAGE_HEADER_BYTES);
	memcpy(p, MAGIC, MAGIC_BYTES);
	put_u32(p + IMAGE_AT_VERSION, VERSION);
	put_u64(p + IMAGE_AT_SIZE, size);
	put_u64(p + IMAGE_AT_KEY, key->k0);
	put_u64(p + IMAGE_AT_KEY + 8, key->k1);
	put_u32(p + HEADER_CRC, crc32c(0, p, HEADER_CRC));
}

bool image_is_marked(const char *p)
{
	return memcmp(p, MAGIC, MAGIC_BYTES) == 0;
}

enum image_verdict image_read_header(const char *p, uint64_t size,
				     struct hash_key *key)
{
	static const char zero[IMAGE_HEADER_BYTES];
	if (memcmp(p, zero, sizeof zero) == 0)
		return IMAGE_BLANK;
	if (!image_is_marked(p))
		return IMAGE_FOREIGN;
	if (get_u32(p + IMAGE_AT_VERSION) != VERSION)
		return IMAGE_VERSION;
	if (get_u32(p + HEADER_CRC) != crc32c(0, p, HEADER_CRC))
		return IMAGE_FOREIGN;
	if (get_u64(p + IMAGE_AT_SIZE) != size)
		return IMAGE_SIZE;
	key->k0 = get_u64(p + IMAGE_AT_KEY);
	key->k1 = get_u64(p + IMAGE_AT_KEY + 8);
	return IMAGE_GOOD;
}

uint64_t image_header_size(const char *p)
{
	return get_u64(p + IMAGE_AT_SIZE);
}

uint64_t image_sink(const struct hash_key *key, struct span name)
{
	struct hash h;
	hash_start(&h, key);
	hash_span(&h, name);
	return hash_end(&h);
}

/*@ requires \valid_read(p + (0 .. IMAGE_CURSOR_BYTES - 1));
    assigns \nothing; */
static bool good_cursors(const char *p)
{
	return get_u32(p) == CURSOR_MAGIC &&
	       get_u32(p + CURSOR_CRC) == crc32c(0, p, CURSOR_CRC);
}

/*@ requires i < LIMIT_SINKS;
    requires \valid_read(p + (0 .. IMAGE_CURSOR_BYTES - 1));
    assigns \nothing; */
static uint64_t cursor_name(const char *p, unsigned i)
{
	return get_u64(p + IMAGE_AT_CURSOR + 16 * i);
}

/*@ requires i < LIMIT_SINKS;
    requires \valid_read(p + (0 .. IMAGE_CURSOR_BYTES - 1));
    assigns \nothing; */
static uint64_t cursor_position(const char *p, unsigned i)
{
	return get_u64(p + IMAGE_AT_CURSOR + 16 * i + 8);
}

/*@ requires \valid_read(p + (0 .. IMAGE_CURSOR_BYTES - 1));
    assigns \nothing; */
static uint32_t untold_crc(const char *p)
{
	return crc32c(crc32c(0, p + IMAGE_AT_SEQUENCE, 8), p + IMAGE_AT_UNTOLD,
		      8 * LIMIT_SINKS);
}

/* 0 if the file does not say. */
/*@ requires i < LIMIT_SINKS;
    requires \valid_read(p + (0 .. IMAGE_CURSOR_BYTES - 1));
    assigns \nothing; */
static uint64_t cursor_untold(const char *p, unsigned i)
{
	return get_u32(p + UNTOLD_CRC) == untold_crc(p)
		   ? get_u64(p + IMAGE_AT_UNTOLD + 8 * i)
		   : 0;
}

/* The first record that a sink must be given: the saved one, or the next one
 * behind it if that one was lost to damage. */
/*@ requires ring_ok(s) && from % 8 == 0 && from <= s->head;
    requires s->head % 8 == 0;
    assigns \nothing;
    ensures from <= \result <= s->head && \result % 8 == 0; */
static uint64_t align(const struct spool *s, uint64_t from, uint64_t wanted)
{
	struct record r;
	uint64_t p = from, before;
	/*@ loop invariant from <= p <= s->head && p % 8 == 0;
	    loop assigns before, p, r;
	    loop variant s->head - p; */
	do
		before = p;
	while (before < wanted && spool_get(s, &p, &r));
	return before < wanted ? s->head : before;
}

/* A sink that is not among the `saved` cursors of p starts at `from`. */
/*@ requires \valid_read(i) && ring_ok(s) && \separated(i, s);
    requires from % 8 == 0 && from <= s->head && saved <= LIMIT_SINKS;
    requires s->head % 8 == 0;
    requires \valid_read(p + (0 .. IMAGE_CURSOR_BYTES - 1));
    assigns s->cursor[0 .. LIMIT_SINKS - 1], s->keep[0 .. LIMIT_SINKS - 1],
	    s->untold[0 .. LIMIT_SINKS - 1];
    ensures \forall integer k; 0 <= k < s->cursors ==>
	from <= s->keep[k] <= s->head && s->keep[k] % 8 == 0; */
static void place_cursors(const struct image *i, struct spool *s, const char *p,
			  unsigned saved, uint64_t from)
{
	/*@ loop invariant c <= s->cursors;
	    loop invariant \forall integer k; 0 <= k < c ==>
		from <= s->keep[k] <= s->head && s->keep[k] % 8 == 0;
	    loop assigns c, s->cursor[0 .. LIMIT_SINKS - 1],
		 s->keep[0 .. LIMIT_SINKS - 1],
		 s->untold[0 .. LIMIT_SINKS - 1];
	    loop variant s->cursors - c; */
	for (unsigned c = 0; c < s->cursors; c++) {
		uint64_t position = from, untold = 0;
		/*@ loop invariant k <= saved;
		    loop assigns k, position, untold;
		    loop variant saved - k; */
		for (unsigned k = 0; k < saved; k++) {
			if (cursor_name(p, k) != i->sink[c])
				continue;
			position = cursor_position(p, k);
			untold = cursor_untold(p, k);
		}
		s->cursor[c] = s->keep[c] = align(s, from, position);
		s->untold[c] = untold;
	}
}

/* Is there a sink of that name, in [0, n) of names? */
/*@ requires n <= LIMIT_SINKS && \valid_read(names + (0 .. LIMIT_SINKS - 1));
    assigns \nothing; */
static bool is_among(const uint64_t *names, unsigned n, uint64_t name)
{
	/*@ loop invariant k <= n;
	    loop assigns k;
	    loop variant n - k; */
	for (unsigned k = 0; k < n; k++)
		if (names[k] == name)
			return true;
	return false;
}

/* Are the sinks the same, in the same order? */
/*@ requires \valid_read(i) && ring_ok(s) && saved <= LIMIT_SINKS;
    requires \valid_read(p + (0 .. IMAGE_CURSOR_BYTES - 1));
    assigns \nothing; */
static bool names_same(const struct image *i, const struct spool *s,
		       const char *p, unsigned saved)
{
	/*@ loop invariant k <= saved;
	    loop assigns k;
	    loop variant saved - k; */
	for (unsigned k = 0; k < saved; k++)
		if (k >= s->cursors || cursor_name(p, k) != i->sink[k])
			return false;
	return saved == s->cursors;
}

/* Records that only sinks had yet to get which are not there any more. A sink
 * that was not there before begins with them: then it is its filter that says
 * which are left, and 0 is returned. */
/*@ requires \valid_read(i) && ring_ok(s) && \separated(i, s);
    requires from % 8 == 0 && from <= s->head && saved <= LIMIT_SINKS;
    requires s->head % 8 == 0;
    requires \valid_read(p + (0 .. IMAGE_CURSOR_BYTES - 1));
    assigns s->fresh, s->left_from; */
static uint64_t count_left(const struct image *i, struct spool *s,
			   const char *p, unsigned saved, uint64_t from)
{
	uint64_t names[LIMIT_SINKS] = {0}, first = s->head, n = 0;
	struct record r;
	/*@ loop invariant k <= saved && first <= s->head;
	    loop assigns k, names[0 .. LIMIT_SINKS - 1], first;
	    loop variant saved - k; */
	for (unsigned k = 0; k < saved; k++) {
		uint64_t position = cursor_position(p, k);
		names[k] = cursor_name(p, k);
		if (!is_among(i->sink, s->cursors, names[k]) &&
		    position < first)
			first = position;
	}
	/*@ loop invariant c <= s->cursors;
	    loop assigns c, s->fresh;
	    loop variant s->cursors - c; */
	for (unsigned c = 0; c < s->cursors; c++)
		if (!is_among(names, saved, i->sink[c]))
			s->fresh |= 1U << c;
	uint64_t at = s->left_from = align(s, from, first);
	if (s->fresh)
		return 0;
	/*@ loop invariant at <= s->head && at % 8 == 0 && n <= at;
	    loop assigns at, r, n;
	    loop variant s->head - at; */
	while (spool_get(s, &at, &r))
		n += r.kind == RECORD_ALERT;
	return n;
}

enum image_verdict image_recover(struct image *i, struct spool *s,
				 const char *blocks,
				 struct spool_report *report)
{
	const char *best = NULL;
	uint64_t safe = 0, head = 0, sequence = 0;
	unsigned saved = 0;
	/*@ loop invariant k <= 2 && saved <= LIMIT_SINKS;
	    loop invariant best == \null || best == blocks ||
		best == blocks + IMAGE_BLOCK;
	    loop assigns k, best, safe, head, sequence, saved;
	    loop variant 2 - k; */
	for (unsigned k = 0; k < 2; k++) {
		const char *p = blocks + (size_t)k * IMAGE_BLOCK;
		uint32_t count = get_u32(p + IMAGE_AT_COUNT);
		uint64_t number = get_u64(p + IMAGE_AT_SEQUENCE);
		if (count > LIMIT_SINKS || !good_cursors(p))
			continue;
		if (best == NULL || number > sequence) {
			best = p;
			saved = count;
			sequence = number;
		}
		if (get_u64(p + IMAGE_AT_SAFE) > safe)
			safe = get_u64(p + IMAGE_AT_SAFE);
		if (get_u64(p + IMAGE_AT_HEAD) > head)
			head = get_u64(p + IMAGE_AT_HEAD);
	}
	if (best == NULL)
		return IMAGE_FOREIGN;
	uint64_t from = saved ? UINT64_MAX : 0;
	/*@ loop invariant k <= saved;
	    loop assigns k, from;
	    loop variant saved - k; */
	for (unsigned k = 0; k < saved; k++) {
		uint64_t position = cursor_position(best, k);
		if (position < from)
			from = position;
	}
	if (from % 8 || from > UINT64_MAX / 2 || sequence > UINT64_MAX / 2)
		return IMAGE_FOREIGN;
	spool_recover(s, from, safe, report);
	/* what was under way and did not come, not even its beginning */
	if (report->torn == 0 && head > s->head && head - s->head <= s->size)
		report->torn = head - s->head;
	place_cursors(i, s, best, saved, from);
	report->left = count_left(i, s, best, saved, from);
	if (!names_same(i, s, best, saved))
		spool_forget_sinks(s);
	i->alarm = i->alarm_planned = i->alarm_safe = i->alarm_told =
	    get_u64(best + IMAGE_AT_ALARM);
	/* No number comes twice: two writes that were both torn within the
	 * block, in two lives, would else differ in nothing but their bytes. */
	i->sequence = i->safe = sequence + SEQUENCE_STEP;
	return IMAGE_GOOD;
}

/* The ring from one position to another, in one piece or two. */
/*@ requires ring_ok(s) && from <= to <= from + s->size;
    requires \valid(out + (0 .. 1)) && \separated(s, out + (0 .. 1));
    assigns out[0 .. 1];
    ensures \result <= 2;
    ensures \forall integer k; 0 <= k < \result ==> in_file(out[k], s->size); */
static size_t plan_ring(const struct spool *s, uint64_t from, uint64_t to,
			struct image_write *out)
{
	uint64_t at = from % s->size, rest = s->size - at, all = to - from;
	size_t n = 0, first = (size_t)(all < rest ? all : rest);
	if (first)
		out[n++] =
		    (struct image_write){IMAGE_RING + at, s->ring + at, first};
	if (first < all)
		out[n++] = (struct image_write){IMAGE_RING, s->ring,
						(size_t)all - first};
	return n;
}

/*@ requires \valid(i) && \valid_read(s) && s->cursors <= LIMIT_SINKS;
    requires \separated(i, s) && i->sequence <= UINT64_MAX - 2;
    assigns *i; */
static void plan_cursors(struct image *i, const struct spool *s)
{
	char *p = i->cursors;
	bool at_safe = i->sequence % 2 == i->safe % 2;
	i->sequence += at_safe ? 1 : 2;
	memset(p, 0, sizeof i->cursors);
	put_u32(p, CURSOR_MAGIC);
	put_u32(p + IMAGE_AT_COUNT, s->cursors);
	put_u64(p + IMAGE_AT_SEQUENCE, i->sequence);
	put_u64(p + IMAGE_AT_SAFE, s->synced);
	put_u64(p + IMAGE_AT_HEAD, s->head);
	put_u64(p + IMAGE_AT_ALARM, i->alarm_safe);
	i->told_safe = s->synced;
	i->alarm_told = i->alarm_safe;
	/*@ loop invariant c <= s->cursors;
	    loop assigns c, i->keep[0 .. LIMIT_SINKS - 1];
	    loop assigns i->untold[0 .. LIMIT_SINKS - 1];
	    loop assigns p[0 .. UNTOLD_CRC - 1];
	    loop variant s->cursors - c; */
	for (unsigned c = 0; c < s->cursors; c++) {
		i->keep[c] = s->keep[c];
		put_u64(p + IMAGE_AT_CURSOR + 16 * c, i->sink[c]);
		put_u64(p + IMAGE_AT_CURSOR + 16 * c + 8, s->keep[c]);
		i->untold[c] = s->untold[c];
		put_u64(p + IMAGE_AT_UNTOLD + 8 * c, s->untold[c]);
	}
	put_u32(p + CURSOR_CRC, crc32c(0, p, CURSOR_CRC));
	put_u32(p + UNTOLD_CRC, untold_crc(p));
}

size_t image_plan(struct image *i, struct spool *s, struct image_write *out)
{
	bool moved =
	    i->sequence == 0 || i->failed || i->told_safe != s->synced ||
	    i->alarm_told != i->alarm_safe || i->alarm != i->alarm_safe ||
	    (s->wanted && spool_tail(s) != s->freed);
	i->failed = false;
	/*@ loop invariant c <= s->cursors;
	    loop assigns c, moved;
	    loop variant s->cursors - c; */
	for (unsigned c = 0; c < s->cursors; c++)
		moved = moved || i->keep[c] != s->keep[c] ||
			i->untold[c] != s->untold[c];
	if (s->synced == s->head && !moved)
		return 0;
	spool_seal(s);
	i->alarm_planned = i->alarm;
	plan_cursors(i, s);
	i->head = s->head;
	i->tail = spool_tail(s);
	size_t n = plan_ring(s, s->synced, s->head, out);
	out[n] = (struct image_write){IMAGE_BLOCK * (1 + i->sequence % 2),
				      i->cursors, sizeof i->cursors};
	/*@ assert in_file(out[n], s->size); */
	return n + 1;
}

bool image_wants_sync(const struct image *i, const struct spool *s)
{
	return i->safe == 0 || i->head != s->synced ||
	       i->alarm_planned != i->alarm_safe ||
	       (i->tail != s->freed &&
		(s->wanted || s->head - s->freed > s->size / 2));
}

void image_failed(struct image *i)
{
	i->failed = true;
}

void image_lost(struct image *i, struct spool *s)
{
	image_failed(i);
	s->synced = spool_tail(s);
}

void image_synced(struct image *i, struct spool *s)
{
	i->safe = i->sequence;
	i->alarm_safe = i->alarm_planned;
	s->synced = i->head;
	s->freed = i->tail;
	s->wanted = false;
}
