/*
 * test_powercut.c - image.h and spool.h against a disk that loses its power:
 * what was acknowledged must be there whatever part of the writes since the
 * last sync has reached the disk, in this life and in the next ones.
 *
 * The disk is a model: `safe` is what a sync has made safe, `log` the writes
 * since then. What a power cut leaves is `safe` and any subset of the sectors
 * of these writes (a sector has any of the versions that it had). A write that
 * is cut at any byte must hold too, but no life goes on from there: disks write
 * a sector whole or not at all. What a kill leaves is all of it, still unsafe.
 */
#include "check.h"

#include "spool/image.h"

enum {
	RING = (2 * SPOOL_RECORD_MAX + 4096) / 4096 * 4096,
	FILE_SIZE = IMAGE_RING + RING,
	SECTOR = 512,
	WRITES_MAX = 64,
	ALERTS_MAX = 8192,
	SINKS = 3,
	LIVES = 3,
	JSON_MAX = LIMIT_ALERT,
};

struct disk_write {
	uint64_t offset;
	size_t n;
	char *p;
};

/* An alert as it was put, by its number. */
struct put {
	uint64_t start, end; /* in the spool */
	uint64_t number;
};

struct disk {
	char safe[FILE_SIZE];
	struct disk_write log[WRITES_MAX];
	size_t n;
};

/* One process at work, and what the outside may count on. */
struct life {
	struct spool spool;
	struct image image;
	_Alignas(8) char ring[RING];
	struct disk disk;
	struct put put[ALERTS_MAX]; /* from the least keep on, and before */
	size_t puts;
	uint64_t acked; /* all before it got their 200 */
	uint64_t next_number;
	uint64_t dropped; /* records lost with an earlier life */
	unsigned depth;
};

static struct {
	uint64_t random;
	uint64_t images, lives, records, failures;
	/* what happens in this run */
	bool kills;     /* a process may be killed before the power goes */
	bool fails;     /* writes and syncs may fail */
	bool equal;     /* all records have the same size */
	uint64_t go_on; /* a life goes on from one image of so many */
	unsigned life;  /* and that many steps */
} run;

static uint64_t below(uint64_t n)
{
	return next_number(&run.random) % n;
}

static const struct hash_key key = {1, 2};

static const char *const sink_name[SINKS] = {"stdout", "fifo:/a", "serial:/b"};

/* --- alerts, made of their number ---------------------------------------- */

static size_t pad_of(uint64_t number)
{
	uint64_t r = number * 0x9e3779b97f4a7c15u >> 20;
	if (run.equal)
		return 120;
	switch (r % 16) {
	case 0:
		return 20000 + r % 12000; /* near the largest */
	case 1:
	case 2:
		return 2000 + r % 3000;
	case 3:
	case 4:
		return r % 900;
	default:
		return 64 * (r % 4); /* often of equal size */
	}
}

/* Fills *r; its texts stand in `text`, which holds JSON_MAX and some. */
static void make_record(uint64_t number, struct record *r, char *text)
{
	size_t pad = pad_of(number);
	size_t n = (size_t)sprintf(text, "{\"number\":\"%08llu\",\"pad\":\"",
				   (unsigned long long)number % 100000000);
	for (size_t i = 0; i < pad; i++)
		text[n++] = (char)('a' + (number + i) % 26);
	memcpy(text + n, "\"}", 2);
	n += 2;
	*r = (struct record){.kind = RECORD_ALERT,
			     .key = number * 77,
			     .received_s = (int64_t)number,
			     .received_ms = (int64_t)number * 3,
			     .json = {text, n}};
	r->envelope.status = number % 2 ? ALERT_FIRING : ALERT_RESOLVED;
	if (number % 3)
		r->envelope.receiver = SPAN("\"web\"");
	if (number % 5)
		r->envelope.group_key = SPAN("\"{}:{alertname=\\\"x\\\"}\"");
	if (number % 7)
		r->envelope.reason = SPAN("\"repeat interval elapsed\"");
}

static bool same_span(struct span a, struct span b)
{
	return a.n == b.n && (a.p == NULL) == (b.p == NULL) &&
	       (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static bool same_record(const struct record *a, const struct record *b)
{
	return a->kind == b->kind && a->key == b->key &&
	       a->received_s == b->received_s &&
	       a->received_ms == b->received_ms &&
	       a->envelope.status == b->envelope.status &&
	       same_span(a->envelope.receiver, b->envelope.receiver) &&
	       same_span(a->envelope.group_key, b->envelope.group_key) &&
	       same_span(a->envelope.external_url, b->envelope.external_url) &&
	       same_span(a->envelope.reason, b->envelope.reason) &&
	       same_span(a->json, b->json);
}

/* --- the disk ------------------------------------------------------------ */

static void apply(char *file, const struct disk_write *w, size_t n)
{
	assert_true(w->offset + n <= FILE_SIZE);
	memcpy(file + w->offset, w->p, n);
}

static void forget_log(struct disk *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->log[i].p);
	d->n = 0;
}

static void disk_write(struct disk *d, uint64_t offset, const char *p, size_t n)
{
	assert_true(d->n < WRITES_MAX);
	d->log[d->n++] =
	    (struct disk_write){offset, n, copy_of((struct span){p, n})};
}

static void disk_sync(struct disk *d)
{
	for (size_t i = 0; i < d->n; i++)
		apply(d->safe, &d->log[i], d->log[i].n);
	forget_log(d);
}

/* The sectors of a write, each with one chance in two. */
static void apply_some(char *file, const struct disk_write *w)
{
	uint64_t at = w->offset, end = w->offset + w->n;
	while (at < end) {
		uint64_t next = (at / SECTOR + 1) * SECTOR;
		if (next > end)
			next = end;
		if (below(2))
			memcpy(file + at, w->p + (at - w->offset), next - at);
		at = next;
	}
}

/* A sync that failed: the kernel may have thrown away any of the pages, and
 * will not write them again. */
static void disk_fail(struct disk *d)
{
	for (size_t i = 0; i < d->n; i++)
		apply_some(d->safe, &d->log[i]);
	forget_log(d);
}

/* --- a life -------------------------------------------------------------- */

enum written { NOTHING_TO_SYNC, TO_BE_SYNCED, FAILED };

/* As persist.c writes. */
static enum written write_all(struct life *l)
{
	struct image_write w[IMAGE_WRITES];
	size_t n = image_plan(&l->image, &l->spool, w);
	bool fails = run.fails && below(20) == 0;
	for (size_t i = 0; i < n; i++) {
		bool cut = fails && below(3) == 0;
		size_t bytes = cut ? (size_t)below(w[i].n + 1) : w[i].n;
		if (bytes)
			disk_write(&l->disk, w[i].offset, w[i].p, bytes);
		if (cut)
			return FAILED;
	}
	if (n == 0 || !image_wants_sync(&l->image, &l->spool))
		return NOTHING_TO_SYNC;
	return fails ? FAILED : TO_BE_SYNCED;
}

static void synced(struct life *l)
{
	disk_sync(&l->disk);
	image_synced(&l->image, &l->spool);
	l->acked = l->spool.synced;
}

static void name_sinks(struct life *l)
{
	for (unsigned i = 0; i < SINKS; i++)
		l->image.sink[i] = image_sink(&key, span_of(sink_name[i]));
}

static void begin(struct life *l)
{
	struct image_write w[IMAGE_WRITES];
	char header[IMAGE_HEADER_BYTES];
	memset(l, 0, sizeof *l);
	spool_init(&l->spool, l->ring, RING, SINKS);
	l->spool.durable = true;
	name_sinks(l);
	size_t n = image_plan(&l->image, &l->spool, w);
	for (size_t i = 0; i < n; i++)
		disk_write(&l->disk, w[i].offset, w[i].p, w[i].n);
	image_put_header(header, RING, &key);
	disk_write(&l->disk, 0, header, sizeof header);
	synced(l);
}

/* False if there is no room. */
static bool put_one(struct life *l)
{
	static char text[JSON_MAX + 64];
	struct record r;
	make_record(l->next_number, &r, text);
	uint64_t need = spool_need(&r);
	assert_true(need <= SPOOL_RECORD_MAX);
	if (!spool_fits(&l->spool, need, need)) {
		l->spool.wanted = true; /* as intake.c says so */
		return false;
	}
	if (l->puts == ALERTS_MAX) {
		memmove(l->put, l->put + ALERTS_MAX / 2, sizeof l->put / 2);
		l->puts -= ALERTS_MAX / 2;
	}
	uint64_t end = spool_put(&l->spool, &r);
	l->put[l->puts++] = (struct put){end - need, end, l->next_number++};
	run.records++;
	return true;
}

/* Sinks take some records, and know of some that they have left. */
static void move_cursors(struct life *l)
{
	struct spool *s = &l->spool;
	struct record r;
	for (unsigned i = 0; i < SINKS; i++) {
		/* the last one lags behind */
		uint64_t steps = below(i == SINKS - 1 ? 3 : 8);
		bool hurry = spool_used(s) > RING / 4 * 3 && below(2);
		while (hurry || steps--)
			if (!spool_get(s, &s->cursor[i], &r))
				break;
		if (below(3) == 0)
			continue;
		steps = below(8);
		while (s->keep[i] < s->cursor[i] && (hurry || steps--))
			spool_get(s, &s->keep[i], &r);
	}
}

/* --- what must hold ------------------------------------------------------ */

/* Reads what sink i is given in `l`, a life after a crash of `before`. */
static void check_sink(const struct life *before, const struct life *l,
		       unsigned i)
{
	static char text[JSON_MAX + 64];
	const struct spool *s = &l->spool;
	uint64_t at = s->cursor[i], had = before->spool.keep[i];
	struct record r, want;
	size_t k = 0;
	CHECK(s->keep[i] == at, "sink %u: keep is not at its cursor", i);
	while (k < before->puts && before->put[k].start < at)
		k++;
	/* nothing between where it was and where it starts: what is there gets
	 * its 200 when it is sent again */
	for (size_t j = 0; j < k; j++)
		CHECK(before->put[j].end <= had || before->put[j].end > s->head,
		      "sink %u: alert %llu is passed over", i,
		      (unsigned long long)before->put[j].number);
	while (spool_get(s, &at, &r)) {
		CHECK(k < before->puts, "sink %u: a record from nowhere", i);
		make_record(before->put[k].number, &want, text);
		CHECK(at == before->put[k].end && same_record(&r, &want),
		      "sink %u: record up to %llu is not alert %llu", i,
		      (unsigned long long)at,
		      (unsigned long long)before->put[k].number);
		k++;
	}
	CHECK(k == before->puts || before->put[k].end > before->acked,
	      "sink %u: acknowledged alert %llu is gone", i,
	      (unsigned long long)before->put[k].number);
}

/* Starts a life from a file, as persist.c takes it over, and checks it. */
static void take_over(const struct life *before, const char *file,
		      struct life *l)
{
	struct spool_report report;
	struct hash_key got;
	memcpy(l->disk.safe, file, FILE_SIZE);
	l->disk.n = 0;
	memcpy(l->ring, file + IMAGE_RING, RING);
	spool_init(&l->spool, l->ring, RING, SINKS);
	l->spool.durable = true;
	l->image = (struct image){0};
	name_sinks(l);
	CHECK(image_read_header(file, RING, &got) == IMAGE_GOOD,
	      "the header is not good");
	CHECK(image_recover(&l->image, &l->spool, file + IMAGE_BLOCK,
			    &report) == IMAGE_GOOD,
	      "no cursors");
	CHECK(report.gaps == 0, "%llu gaps", (unsigned long long)report.gaps);
	CHECK(l->spool.head >= before->acked, "the head is behind the 200s");
	for (unsigned i = 0; i < SINKS; i++)
		check_sink(before, l, i);
	if (report.rewrite)
		disk_write(&l->disk, IMAGE_RING, l->ring, RING);
	run.images++;
}

/* What the outside knows in a life that goes on from there. */
static void go_on_from(const struct life *before, struct life *l)
{
	size_t n = before->puts;
	while (n && before->put[n - 1].end > l->spool.head)
		n--;
	memcpy(l->put, before->put, n * sizeof *l->put);
	l->puts = n;
	l->next_number = before->next_number;
	l->acked = before->acked;
	l->depth = before->depth + 1;
	run.lives++;
}

/* --- crashes ------------------------------------------------------------- */

static void live(struct life *l, unsigned steps, uint64_t one_in);
static void power_cut(const struct life *l);

static struct life after[LIVES + 1];
static char file[LIVES + 1][FILE_SIZE];

/* The syncs at the end of a take-over, of what was recovered and of where sinks
 * are in it: from then on, who sends that again gets a 200 for it. */
static void rely_on(struct life *l)
{
	struct image_write w[IMAGE_WRITES];
	if (l->disk.n && below(4) == 0)
		power_cut(l);
	disk_sync(&l->disk);
	image_failed(&l->image);
	size_t n = image_plan(&l->image, &l->spool, w);
	for (size_t i = 0; i < n; i++)
		disk_write(&l->disk, w[i].offset, w[i].p, w[i].n);
	if (below(4) == 0)
		power_cut(l);
	synced(l);
}

/* One image: it must hold, and sometimes a life goes on from it. */
static void try_image(const struct life *l, bool may_go_on)
{
	struct life *next = &after[l->depth + 1];
	take_over(l, file[l->depth], next);
	if (may_go_on && l->depth + 1 < LIVES && below(run.go_on) == 0) {
		go_on_from(l, next);
		rely_on(next);
		live(next, run.life, run.life / 2);
	}
	forget_log(&next->disk);
}

/* The power goes with these writes on their way. */
static void power_cut(const struct life *l)
{
	const struct disk *d = &l->disk;
	char *f = file[l->depth];
	/* the writes in their order, up to any of them, and that one cut */
	memcpy(f, d->safe, FILE_SIZE);
	try_image(l, true);
	size_t first = d->n > 6 ? below(d->n - 6) : 0;
	for (size_t i = 0; i < d->n; i++) {
		const struct disk_write *w = &d->log[i];
		/* the end of its first sector: disks cut there */
		size_t to_sector = SECTOR - (size_t)(w->offset % SECTOR);
		size_t cut[] = {to_sector, 1,        7,
				8,         60,       87,
				w->n / 2,  w->n - 1, (size_t)below(w->n + 1)};
		size_t cuts = i < first ? 0 : COUNT(cut);
		for (size_t k = 0; k < cuts; k++) {
			if (cut[k] > w->n)
				continue;
			apply(f, w, cut[k]);
			try_image(l, cut[k] == to_sector);
			/* back to what it was */
			memcpy(f + w->offset, d->safe + w->offset, w->n);
			for (size_t j = 0; j < i; j++)
				apply(f, &d->log[j], d->log[j].n);
		}
		apply(f, w, w->n);
		if (i >= first)
			try_image(l, true);
	}
	/* one of them only, and cut */
	for (size_t i = first; i < d->n; i++) {
		const struct disk_write *w = &d->log[i];
		size_t cut[] = {w->n / 2, (size_t)below(w->n + 1), w->n};
		for (size_t k = 0; k < COUNT(cut); k++) {
			memcpy(f, d->safe, FILE_SIZE);
			apply(f, w, cut[k]);
			try_image(l, cut[k] == w->n);
		}
	}
	/* any subset of writes, and of their sectors */
	for (unsigned k = 0; d->n && k < 6; k++) {
		memcpy(f, d->safe, FILE_SIZE);
		for (size_t i = 0; i < d->n; i++) {
			if (k < 2 && below(2))
				apply(f, &d->log[i], d->log[i].n);
			else if (k >= 2)
				apply_some(f, &d->log[i]);
		}
		try_image(l, true);
	}
}

/* The process is killed: the kernel has all that was written, and keeps
 * writing it; a new process goes on, and then the power goes. */
static void kill_first(const struct life *l)
{
	struct life *next = &after[l->depth + 1];
	char *f = file[l->depth];
	if (l->depth + 1 >= LIVES)
		return;
	memcpy(f, l->disk.safe, FILE_SIZE);
	for (size_t i = 0; i < l->disk.n; i++)
		apply(f, &l->disk.log[i], l->disk.log[i].n);
	take_over(l, f, next);
	go_on_from(l, next);
	/* what is unsafe still is */
	struct disk_write own[WRITES_MAX];
	size_t owns = next->disk.n;
	memcpy(own, next->disk.log, owns * sizeof *own);
	memcpy(next->disk.safe, l->disk.safe, FILE_SIZE);
	next->disk.n = 0;
	for (size_t i = 0; i < l->disk.n; i++)
		disk_write(&next->disk, l->disk.log[i].offset, l->disk.log[i].p,
			   l->disk.log[i].n);
	for (size_t i = 0; i < owns; i++)
		next->disk.log[next->disk.n++] = own[i];
	rely_on(next);
	live(next, 4, 1);
	forget_log(&next->disk);
}

static void crash(struct life *l)
{
	if (run.kills && l->depth + 1 < LIVES && below(2))
		kill_first(l);
	else
		power_cut(l);
}

/* Works for some steps; crashes are tried in one step of `one_in`. */
static void live(struct life *l, unsigned steps, uint64_t one_in)
{
	for (unsigned i = 0; i < steps; i++) {
		bool quiet = below(3) == 0; /* only cursors move */
		bool fill = !quiet && below(4) == 0;
		uint64_t n = quiet ? 0 : fill ? UINT64_MAX : below(6);
		while (n-- && put_one(l))
			;
		if (below(4))
			move_cursors(l);
		enum written written = write_all(l);
		/* before the sync comes back, nothing is acknowledged */
		if (below(fill ? one_in / 4 + 1 : one_in) == 0)
			crash(l);
		if (written == TO_BE_SYNCED) {
			synced(l);
			/* the proof of it: written, not yet safe */
			if (write_all(l) == FAILED)
				image_failed(&l->image);
			if (below(4 * one_in) == 0)
				crash(l);
		} else if (written == FAILED) {
			image_failed(&l->image);
			run.failures++;
			if (below(2))
				disk_fail(&l->disk);
		} else if (l->disk.n > WRITES_MAX / 2) {
			disk_sync(&l->disk); /* the kernel does, by itself */
		}
	}
}

static struct life first;

/* Until the ring was used so many times over. */
static void run_until(uint64_t laps, uint64_t one_in)
{
	uint64_t images = run.images, records = run.records;
	uint64_t lives = run.lives, failures = run.failures;
	run.random = 0x1234567;
	begin(&first);
	while (first.spool.head / RING < laps)
		live(&first, 20, one_in);
	forget_log(&first.disk);
	print_message("             %llu crash images, %llu records, %llu "
		      "further lives, %llu failures\n",
		      (unsigned long long)(run.images - images),
		      (unsigned long long)(run.records - records),
		      (unsigned long long)(run.lives - lives),
		      (unsigned long long)(run.failures - failures));
}

static void a_power_cut_loses_nothing_acknowledged(void **state)
{
	(void)state;
	run.kills = run.fails = run.equal = false;
	run.go_on = 60;
	run.life = 8;
	run_until(25, 12);
}

/* Where all records have one size, one that was dropped is easily taken for
 * the one that comes in its place. */
static void nothing_dropped_comes_back_in_a_later_life(void **state)
{
	(void)state;
	run.kills = run.fails = false;
	run.equal = true;
	run.go_on = 4;
	run.life = 2;
	run_until(20, 70);
}

static void writes_and_syncs_that_fail_lose_nothing(void **state)
{
	(void)state;
	run.kills = run.equal = false;
	run.fails = true;
	run.go_on = 60;
	run.life = 8;
	run_until(20, 12);
}

static void a_kill_and_then_a_power_cut_lose_nothing(void **state)
{
	(void)state;
	run.fails = run.equal = false;
	run.kills = true;
	run.go_on = 60;
	run.life = 4;
	run_until(12, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_power_cut_loses_nothing_acknowledged),
	    cmocka_unit_test(nothing_dropped_comes_back_in_a_later_life),
	    cmocka_unit_test(writes_and_syncs_that_fail_lose_nothing),
	    cmocka_unit_test(a_kill_and_then_a_power_cut_lose_nothing),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	print_message("%llu crash images tried\n",
		      (unsigned long long)run.images);
	return failed;
}
