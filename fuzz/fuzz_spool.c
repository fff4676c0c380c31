/* fuzz_spool.c - the spool and its file through lives that end badly.
 *
 * The input is a list of commands to a process with a spool: queue a record,
 * let a sink go on, write, sync; and to what happens to it: killed, the power
 * goes, somebody writes into the file, even with checksums that are right.
 * After each of these the next process takes over what is there, and goes on
 * with it. As long as nobody meddled, all that was synced is there unchanged
 * (but for one record that was damaged, if that was tried),
 * and nothing else than what was put. Whatever was done, what was taken over is
 * a chain of sane records, each sink stands at the beginning of one, and taking
 * it over once more finds the same. */
#include "alert/read.h"
#include "base/bytes.h"
#include "is_json.h"
#include "render/render.h"
#include "spool/image.h"
#include "json/json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RING = (2 * SPOOL_RECORD_MAX + 7) / 8 * 8,
	FILE_SIZE = IMAGE_RING + RING,
	SINKS = 2,
	PUTS = 4096,
	STEPS = 120,
	RECORD_AT_CRC = 52, /* of a record, see spool.c */
	RECORD_AT_POSITION = 56,
	CURSOR_CRC = IMAGE_CURSOR_BYTES - 4, /* see image.c */
};

/* A process: its memory. */
static struct life {
	struct spool spool;
	struct image image;
	_Alignas(8) char ring[RING];
} life, again;

static char file[FILE_SIZE]; /* as the kernel has it */
static char disk[FILE_SIZE]; /* as it was at the last sync */
static struct span input;
static bool meddled, holes;      /* somebody wrote; one was damaged */
static uint32_t length_of[PUTS]; /* of each alert, by its key */
static uint64_t queued, synced;  /* how many */

static const struct hash_key key = {1, 2};

static uint8_t take(void)
{
	uint8_t c = 0;
	if (input.n) {
		c = (uint8_t)input.p[0];
		input = span_skip(input, 1);
	}
	return c;
}

static uint32_t take_u16(void)
{
	uint32_t low = take();
	return low | (uint32_t)take() << 8;
}

/* --- records, made of their number ---------------------------------------- */

static char json_bytes[LIMIT_ALERT];

static struct span make_json(uint64_t number)
{
	struct buf b = buf_of(json_bytes, length_of[number]);
	buf_str(&b, "{\"n\":\"");
	buf_u64(&b, number);
	while (b.n + 2 < b.cap)
		buf_char(&b, 'x');
	buf_str(&b, "\"}");
	ASSERT(!b.cut);
	return buf_span(&b);
}

static void put(struct spool *s)
{
	static const struct span texts[] = {
	    SPAN_NONE, SPAN("null"), SPAN("\"web\\\\.hook\""), SPAN("\"\"")};
	uint32_t length = take_u16();
	/* mostly short ones, which are checked fast */
	length = 32 + length % (length < 60000 ? 512 : LIMIT_ALERT - 31);
	if (queued == PUTS)
		return;
	length_of[queued] = length;
	struct record r = {.kind = RECORD_ALERT,
			   .key = queued,
			   .received_s = (int64_t)length,
			   .envelope = {.receiver = texts[length % 4],
					.group_key = texts[length / 4 % 4],
					.status = ALERT_FIRING,
					.reason = texts[length / 16 % 4]},
			   .json = make_json(queued)};
	uint64_t need = spool_need(&r);
	if (!spool_fits(s, need, need)) {
		s->wanted = true;
		return;
	}
	uint64_t before = s->head, at = before;
	ASSERT(spool_put(s, &r) == s->head);
	ASSERT(s->head - before >= need && s->head % 8 == 0);
	struct record got;
	ASSERT(spool_get(s, &at, &got) && at == s->head);
	ASSERT(got.key == queued && span_eq(got.json, r.json) &&
	       span_eq(got.envelope.reason, r.envelope.reason));
	queued++;
}

/* --- what must hold at any time ------------------------------------------- */

static void check_text(struct span raw)
{
	ASSERT(raw.p == NULL || (raw.n && is_json(raw)));
	ASSERT(raw.p == NULL || raw.p[0] == '"' || span_eq(raw, SPAN("null")));
}

static void check_record(const struct record *r, const char *ring)
{
	static struct alert alert;
	static struct alert_reader reader;
	static char bytes[LIMIT_LINE];
	static const struct format format = {.kind = FORMAT_JSON};
	char why_bytes[LIMIT_PLACE];
	struct buf out = buf_of(bytes, sizeof bytes),
		   why = buf_of(why_bytes, sizeof why_bytes);
	ASSERT(r->kind >= RECORD_ALERT && r->kind <= RECORD_NOTICE_LOST);
	check_text(r->envelope.receiver);
	check_text(r->envelope.group_key);
	check_text(r->envelope.external_url);
	check_text(r->envelope.reason);
	ASSERT((r->json.p != NULL) == (r->kind == RECORD_ALERT));
	if (r->kind == RECORD_ALERT) {
		ASSERT(r->json.p >= ring &&
		       r->json.p + r->json.n <= ring + RING);
		/* of another make: deliver.c tells that it was lost */
		if (alert_parse(&alert, &reader, r->json, &why) != STATUS_OK)
			return;
	}
	ASSERT(render_record(&out, &format, r,
			     r->kind == RECORD_ALERT ? &alert : NULL));
	ASSERT(is_json((struct span){bytes, out.n - 1}));
	if (!meddled) {
		ASSERT(r->key < queued);
		ASSERT(span_eq(r->json, make_json(r->key)));
	}
}

/* From one end to the other; each cursor is the beginning of a record. */
static void check_chain(const struct spool *s)
{
	uint64_t tail = spool_tail(s), at = tail, before, last = 0;
	unsigned met = 0;
	struct record r;
	ASSERT(tail <= s->head && s->head - tail <= s->size);
	ASSERT(!s->durable || s->head - s->freed <= s->size);
	ASSERT(tail % 8 == 0 && s->head % 8 == 0);
	do {
		before = at;
		for (unsigned i = 0; i < s->cursors; i++) {
			met |= (unsigned)(s->cursor[i] == at) << i;
			ASSERT(s->keep[i] <= s->cursor[i]);
		}
		if (!spool_get(s, &at, &r))
			break;
		ASSERT(at > before && at <= s->head);
		check_record(&r, s->ring);
		if (!meddled) {
			ASSERT(last == 0 || r.key == last + 1 ||
			       (holes && r.key > last));
			last = r.key;
		}
	} while (true);
	ASSERT(met == (1U << s->cursors) - 1);
	ASSERT(spool_used(s) == s->head - tail);
}

/* --- a process ------------------------------------------------------------ */

static void start(struct life *l)
{
	memset(&l->image, 0, sizeof l->image);
	spool_init(&l->spool, l->ring, RING, SINKS);
	l->spool.durable = true;
	l->image.sink[0] = image_sink(&key, SPAN("stdout"));
	l->image.sink[1] = image_sink(&key, SPAN("fifo:/a"));
}

/* Writes the plan; of its last bytes, `missing` do not come. */
static void write_plan(uint32_t missing)
{
	struct image_write write[IMAGE_WRITES];
	size_t n = image_plan(&life.image, &life.spool, write), total = 0;
	ASSERT(n <= IMAGE_WRITES);
	for (size_t i = 0; i < n; i++)
		total += write[i].n;
	size_t left = missing < total ? total - missing : 0;
	for (size_t i = 0; i < n; i++) {
		size_t bytes = write[i].n < left ? write[i].n : left;
		ASSERT(write[i].offset + write[i].n <= FILE_SIZE);
		memcpy(file + write[i].offset, write[i].p, bytes);
		left -= bytes;
	}
	if (missing)
		image_failed(&life.image);
}

/* As persist.c does it: plan, sync, and the proof that it was synced. */
static void persist(void)
{
	write_plan(0);
	if (!image_wants_sync(&life.image, &life.spool))
		return;
	memcpy(disk, file, sizeof disk);
	image_synced(&life.image, &life.spool);
	synced = queued;
	write_plan(0);
}

static void go_on(struct spool *s, uint8_t sink)
{
	struct record r;
	unsigned i = sink % SINKS;
	if (sink & 2)
		s->keep[i] = s->cursor[i];
	else if (spool_get(s, &s->cursor[i], &r) && sink & 4)
		s->keep[i] = s->cursor[i];
}

/* --- the next process ------------------------------------------------------
 */

static enum image_verdict recover(struct life *l, struct spool_report *report)
{
	start(l);
	memcpy(l->ring, file + IMAGE_RING, RING);
	return image_recover(&l->image, &l->spool, file + IMAGE_BLOCK, report);
}

/* The keys of the first record and the one behind the last. */
static uint64_t first_key(const struct spool *s)
{
	uint64_t at = spool_tail(s);
	struct record r;
	return spool_get(s, &at, &r) ? r.key : queued;
}

static uint64_t end_key(const struct spool *s)
{
	uint64_t at = spool_tail(s), end = 0;
	struct record r;
	while (spool_get(s, &at, &r))
		end = r.key + 1;
	return end;
}

static void check_same(const struct spool *a, const struct spool *b)
{
	uint64_t p = spool_tail(a), q = spool_tail(b);
	struct record r, s;
	ASSERT(p == q && a->head == b->head);
	for (unsigned i = 0; i < SINKS; i++)
		ASSERT(a->cursor[i] == b->cursor[i]);
	while (spool_get(a, &p, &r)) {
		ASSERT(spool_get(b, &q, &s));
		ASSERT(p == q && r.key == s.key && span_eq(r.json, s.json));
	}
	ASSERT(!spool_get(b, &q, &s));
}

static void take_over(void)
{
	struct spool_report report, second;
	uint64_t had = first_key(&life.spool);
	if (recover(&life, &report) != IMAGE_GOOD) {
		ASSERT(meddled);
		memset(file, 0, sizeof file);
		meddled = false;
		queued = synced = 0;
		start(&life);
		persist();
		return;
	}
	check_chain(&life.spool);
	if (report.rewrite)
		memcpy(file + IMAGE_RING, life.ring, RING);
	if (!meddled) {
		ASSERT(report.gaps == 0);
		/* what a sync has made safe is all there */
		uint64_t end = end_key(&life.spool);
		ASSERT(end >= synced || (end == 0 && had >= synced));
		ASSERT(first_key(&life.spool) <= had ||
		       first_key(&life.spool) == queued);
		if (end)
			queued = end;
	}
	ASSERT(recover(&again, &second) == IMAGE_GOOD);
	/* damage at the very end is found again until the cursors are written,
	 * which say where the end is now */
	ASSERT(second.gaps <= (report.gaps != 0));
	ASSERT(!second.rewrite || second.gaps);
	check_same(&life.spool, &again.spool);
	memcpy(disk, file, sizeof disk);
	synced = queued;
}

/* The number of the record at a position. */
static uint64_t key_at(const struct spool *s, uint64_t position)
{
	struct record r;
	return spool_get(s, &position, &r) ? r.key : queued;
}

/* Spoils a byte of the n-th record in the file, and returns its number. */
static uint64_t damage(uint64_t n)
{
	uint64_t at = spool_tail(&life.spool);
	struct record r;
	do
		ASSERT(spool_get(&life.spool, &at, &r));
	while (n--);
	uint64_t need = spool_need(&r);
	at = (at - need) % RING + take_u16() % need;
	file[IMAGE_RING + at] ^= 0x55;
	return r.key;
}

/* All is in the file, and then one record is damaged, or none: the next process
 * has just the others, and each sink goes on where it was. */
static void take_over_exactly(bool damaged)
{
	struct spool_report report;
	uint64_t keys[SINKS], n = 0, hit = UINT64_MAX, at, end;
	struct record r;
	persist();
	if (meddled) {
		take_over();
		return;
	}
	for (at = spool_tail(&life.spool); spool_get(&life.spool, &at, &r);)
		n++;
	for (unsigned i = 0; i < SINKS; i++)
		keys[i] = key_at(&life.spool, life.spool.keep[i]);
	uint64_t first = first_key(&life.spool);
	end = end_key(&life.spool);
	if (damaged && n) {
		hit = damage(take() % n);
		holes = true;
	}
	ASSERT(recover(&life, &report) == IMAGE_GOOD);
	check_chain(&life.spool);
	bool at_end = hit != UINT64_MAX && hit + 1 == end;
	ASSERT(report.gaps == (hit != UINT64_MAX));
	ASSERT(report.records == n - (hit != UINT64_MAX));
	ASSERT(n == 0 || hit == first || first_key(&life.spool) == first);
	if (at_end) {
		queued = hit;
		/* the file still says that it was safe up to there, so what
		 * comes next may pass for damaged if it is torn */
		meddled = true;
	}
	for (unsigned i = 0; i < SINKS; i++) {
		uint64_t key_now = key_at(&life.spool, life.spool.cursor[i]);
		if (keys[i] < hit || hit == UINT64_MAX)
			ASSERT(key_now == keys[i]);
		else
			ASSERT(key_now > hit || key_now == queued);
	}
	if (report.rewrite)
		memcpy(file + IMAGE_RING, life.ring, RING);
	memcpy(disk, file, sizeof disk);
	synced = queued;
}

/* Of what was written since the last sync, some sectors reach the disk. */
static void cut_power(void)
{
	uint32_t pattern = take_u16() | take_u16() << 16;
	for (size_t at = 0; at < FILE_SIZE; at += 512) {
		size_t n = FILE_SIZE - at < 512 ? FILE_SIZE - at : 512;
		if (!(pattern & 1))
			memcpy(file + at, disk + at, n);
		pattern = pattern >> 1 | pattern << 31;
	}
}

/* --- somebody else ---------------------------------------------------------
 */

static size_t some_offset(void)
{
	/* mostly where something stands: at the front of the ring */
	uint8_t where = take();
	size_t at = where & 0x80 ? IMAGE_RING + take_u16() * 8U % RING
				 : IMAGE_RING + (size_t)where * 16;
	if (where < 8)
		at = IMAGE_BLOCK + (size_t)(where & 1) * IMAGE_BLOCK +
		     take() % IMAGE_CURSOR_BYTES;
	return at;
}

static void meddle(void)
{
	size_t at = some_offset(), n = take() % 64;
	for (; n && at < FILE_SIZE; n--)
		file[at++] = (char)take();
	meddled = true;
}

static void copy_part(void)
{
	size_t from = some_offset(), to = some_offset(), n = take_u16();
	if (n > FILE_SIZE - from)
		n = FILE_SIZE - from;
	if (n > FILE_SIZE - to)
		n = FILE_SIZE - to;
	memmove(file + to, file + from, n);
	meddled = true;
}

/* Makes what stands there pass for a record of its place. */
static void seal_record(void)
{
	size_t at = (some_offset() - IMAGE_BLOCK) % RING / 8 * 8;
	char *h = file + IMAGE_RING + at;
	if (RING - at < SPOOL_HEADER)
		return;
	uint32_t length = get_u32(h);
	if (length < SPOOL_HEADER || length > RING - at)
		return;
	put_u64(h + RECORD_AT_POSITION, (uint64_t)take() % 4 * RING + at);
	put_u32(h + RECORD_AT_CRC, 0);
	put_u32(h + RECORD_AT_CRC, crc32c(0, h, length));
	meddled = true;
}

static void seal_cursors(uint8_t which)
{
	char *p = file + IMAGE_BLOCK * (1 + which % 2);
	put_u32(p + CURSOR_CRC, crc32c(0, p, CURSOR_CRC));
	meddled = true;
}

static void step(void)
{
	uint8_t command = take();
	switch (command & 15) {
	case 0:
	case 1:
	case 2:
		put(&life.spool);
		break;
	case 3:
	case 4:
		go_on(&life.spool, command >> 4);
		break;
	case 5:
	case 6:
		persist();
		break;
	case 7:
		write_plan(command & 16 ? take_u16() : 0);
		break;
	case 8: /* killed: the kernel has all that was written */
		if (command & 16)
			take_over_exactly(command & 32);
		else
			take_over();
		break;
	case 9:
		cut_power();
		take_over();
		break;
	case 10:
		meddle();
		break;
	case 11:
		copy_part();
		break;
	case 12:
		seal_record();
		break;
	case 13:
		seal_cursors(command >> 4);
		break;
	default: /* many records of one kind */
		for (unsigned n = command >> 4; n; n--) {
			go_on(&life.spool, 4);
			go_on(&life.spool, 5);
			put(&life.spool);
			persist();
		}
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = (struct span){(const char *)data, size};
	memset(life.ring, 0, RING);
	memset(file, 0, sizeof file);
	meddled = holes = false;
	queued = synced = 0;
	start(&life);
	persist();
	for (unsigned n = 0; input.n && n < STEPS; n++)
		step();
	check_chain(&life.spool);
	take_over();
	return 0;
}
