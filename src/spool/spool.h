/*
 * spool.h - accepted alerts on their way to the sinks: one ring of records,
 * one writer, one cursor a sink.
 *
 * Pure, over a byte range that it is handed. A position counts bytes since the
 * ring was new and never wraps (2^64), so `a is behind b` is `a < b`; it stands
 * at position % size in the range. A record is whole in one piece: what does
 * not fit before the range's end starts again at its beginning, behind a
 * PAD record.
 *
 *	put --> [ queued ] --sync--> [ on disk ] --every `keep` has passed it-->
 *	[ done ] --sync--> [ gone: its bytes may be used again ]
 *
 * Without a file there is no sync, and both of its steps are skipped. For each
 * sink, `cursor` names the first record that it has not been given whole, and
 * `keep` the first one that it may have to be given again: a line may be in a
 * pipe or in a driver and still be lost on the way. keep <= cursor <= head.
 *
 * All read these positions where they stand; this room alone moves them.
 */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include "alert/record.h"

/* Records that end in (from, to] were let go of for a sink that had not got
 * them: there was no room, and their senders have them still. */
struct spool_drop {
	uint64_t from, to;
};

enum { SPOOL_DROPS = 4 };

struct spool {
	char *ring;
	uint64_t size;
	uint64_t head; /* where the next record goes */
	unsigned cursors;
	uint64_t cursor[LIMIT_SINKS], keep[LIMIT_SINKS];
	bool begun[LIMIT_SINKS]; /* some of the line at `cursor` is out */
	uint64_t unfinished[LIMIT_SINKS]; /* where a record ends that `cursor`
					     has passed and whose line is not
					     all out; 0: none */
	uint64_t untold[LIMIT_SINKS];     /* alerts that it has given up, and no
					     line of its has said so yet */
	bool durable;                     /* there is a file, see image.h */
	uint64_t sealed;  /* records before it are fit for the file */
	uint64_t synced;  /* records before it are in the file */
	uint64_t freed;   /* the file says that those before it are done */
	bool wanted;      /* room was asked for in vain since the last sync */
	bool stuck;       /* only sinks that take nothing hold its tail */
	uint64_t started; /* head when this process began */
	/* as it began: sinks that were not there before, bit i: sink i; and
	 * from where on those that are gone had yet to get records */
	unsigned fresh;
	uint64_t left_from;
	struct spool_drop drop[LIMIT_SINKS][SPOOL_DROPS]; /* the newest first */
};

/* The largest record: header, envelope and alert in whole-body mode share
 * LIMIT_WHOLE_BODY; otherwise each has its own limit. Rounded up to 8. */
enum {
	SPOOL_HEADER = 88,
	SPOOL_RECORD_MAX =
	    (SPOOL_HEADER + LIMIT_ALERT + LIMIT_ENVELOPE + ALERT_INDEX + 7) /
	    8 * 8,
};

/*@ predicate ring_size(integer size) =
	2 * SPOOL_RECORD_MAX <= size <= LIMIT_SPOOL_FILE_MAX && size % 8 == 0;

    predicate ring_ok(struct spool *s) =
	\valid(s) && ring_size(s->size) &&
	\valid(s->ring + (0 .. s->size - 1)) && s->cursors <= LIMIT_SINKS;

    // nobody waits for more than the ring holds
    predicate positions_ok(struct spool *s) =
	s->head % 8 == 0 &&
	(\forall integer i; 0 <= i < s->cursors ==>
		s->keep[i] <= s->head <= s->keep[i] + s->size &&
		(s->durable ==> s->freed <= s->keep[i])) &&
	(s->durable ==> s->freed <= s->head <= s->freed + s->size);

    predicate cursor_ok(struct spool *s, integer sink) =
	sink < s->cursors <= LIMIT_SINKS &&
	s->keep[sink] <= s->cursor[sink] <= s->head;

    // that much more may be put
    predicate room(struct spool *s, integer n) =
	n <= s->size &&
	(s->durable ==> s->head - s->freed + n <= s->size) &&
	(!s->durable ==> \forall integer i; 0 <= i < s->cursors ==>
		s->head - s->keep[i] + n <= s->size);

    predicate text_ok(struct span s) =
	span_ok(s) && (s.p == \null ==> s.n == 0);

    predicate record_ok(struct record *r) =
	text_ok(r->json) && text_ok(r->index) &&
	text_ok(r->envelope.receiver) && text_ok(r->envelope.group_key) &&
	text_ok(r->envelope.external_url) && text_ok(r->envelope.reason);

    logic integer bytes_of(struct record *r) =
	SPOOL_HEADER + r->envelope.receiver.n + r->envelope.group_key.n +
	r->envelope.external_url.n + r->envelope.reason.n +
	r->json.n + r->index.n;

    logic integer need_of(struct record *r) = (bytes_of(r) + 7) / 8 * 8;

    // what is lost at the range's end, if so much does not fit before it
    logic integer end_of(struct spool *s, integer n) =
	n > s->size - s->head % s->size ? s->size - s->head % s->size : 0;

    predicate beside(struct spool *s, struct span text) =
	\separated(s->ring + (0 .. s->size - 1), text.p + (0 .. text.n - 1)); */

/* The ring is ring[0..size), size a multiple of 8 and at least two of the
 * largest record; it must live as long as the spool. */
/*@ requires \valid(s) && ring_size(size) && cursors <= LIMIT_SINKS;
    requires \valid(ring + (0 .. size - 1));
    assigns *s;
    ensures ring_ok(s) && s->cursors == cursors && s->head == 0; */
void spool_init(struct spool *s, char *ring, uint64_t size, unsigned cursors);

/* Bytes that a record takes. */
/*@ requires \valid_read(r) && bytes_of(r) <= SPOOL_RECORD_MAX;
    assigns \nothing;
    ensures bytes_of(r) <= \result < bytes_of(r) + 8 && \result % 8 == 0; */
uint64_t spool_need(const struct record *r);
/* Would records of `total` bytes fit, the largest of which is `largest`? What
 * is lost at the range's end is counted in, so true is a promise. */
/*@ requires ring_ok(s) && positions_ok(s) && total + largest <= UINT64_MAX;
    assigns \nothing;
    ensures \result <==> room(s, total + largest); */
bool spool_fits(const struct spool *s, uint64_t total, uint64_t largest);
/* The same if the ring were empty. */
/*@ requires \valid_read(s) && total + largest <= UINT64_MAX;
    assigns \nothing;
    ensures \result <==> total + largest <= s->size; */
bool spool_could_fit(const struct spool *s, uint64_t total, uint64_t largest);
/* There was no room for what came: a sync has to free some. */
/*@ requires \valid(s);
    assigns s->wanted;
    ensures s->wanted; */
void spool_want(struct spool *s);

/* Appends a record, of which spool_fits() has said that it does, or all of
 * which it is one. Returns the position behind it. */
/*@ requires ring_ok(s) && positions_ok(s);
    requires s->head <= UINT64_MAX - 2 * SPOOL_RECORD_MAX;
    requires \valid_read(r) && record_ok(r) && bytes_of(r) <= SPOOL_RECORD_MAX;
    requires room(s, need_of(r) + end_of(s, need_of(r)));
    requires beside(s, r->json) && beside(s, r->envelope.receiver);
    requires beside(s, r->envelope.group_key);
    requires beside(s, r->envelope.external_url);
    requires beside(s, r->envelope.reason) && beside(s, r->index);
    assigns s->head, s->ring[0 .. s->size - 1];
    ensures \result == s->head && \old(s->head) < s->head;
    ensures positions_ok(s); */
uint64_t spool_put(struct spool *s, const struct record *r);

/* Reads the record at *position and moves *position behind it; PAD is skipped.
 * *r points into the ring until the tail passes it. False at the head. */
/*@ requires ring_ok(s) && *position % 8 == 0 && *position <= s->head;
    requires \valid(position) && \valid(r);
    requires \separated(s, position, r);
    assigns *position, *r;
    ensures *position % 8 == 0;
    ensures \old(*position) <= *position <= s->head;
    ensures \result ==> record_ok(r) && \old(*position) < *position; */
bool spool_get(const struct spool *s, uint64_t *position, struct record *r);

/* Is that the JSON of the record that stands there? */
/*@ requires ring_ok(s) && position % 8 == 0 && position < s->head;
    requires span_ok(json);
    assigns \nothing; */
bool spool_has_json(const struct spool *s, uint64_t position, struct span json);

/* The least advanced `keep`: what is before it is done. */
/*@ requires \valid_read(s) && s->cursors <= LIMIT_SINKS;
    assigns \nothing;
    ensures \result <= s->head;
    ensures \forall integer i; 0 <= i < s->cursors ==> \result <= s->keep[i];
    ensures \result == s->head ||
	\exists integer i; 0 <= i < s->cursors && \result == s->keep[i]; */
uint64_t spool_tail(const struct spool *s);
/* Bytes in use. */
/*@ requires \valid_read(s) && s->cursors <= LIMIT_SINKS;
    assigns \nothing;
    ensures \result <= s->head;
    ensures \forall integer i; 0 <= i < s->cursors ==>
	s->head - s->keep[i] <= \result;
    ensures \result == 0 || \exists integer i;
	0 <= i < s->cursors && \result == s->head - s->keep[i]; */
uint64_t spool_used(const struct spool *s);

/* Makes the records since the last call fit for a file: each gets its position,
 * how far the file was safe before it, and a checksum; the last one also the
 * mark that all of them are there. */
/*@ requires ring_ok(s) && s->sealed % 8 == 0 && s->sealed <= s->head;
    assigns s->sealed, s->ring[0 .. s->size - 1];
    ensures s->sealed == s->head; */
void spool_seal(struct spool *s);

/* What spool_recover() found. */
struct spool_report {
	uint64_t records; /* taken over */
	uint64_t torn;    /* bytes dropped at the end: never acknowledged */
	uint64_t gaps;    /* damaged places between good records */
	uint64_t left;    /* records that sinks which are gone had not got, and
			     that nobody gets now */
	bool rewrite;     /* the file's ring holds what was dropped: it must be
			     written again, or that may come back */
};

/* Takes over a ring that another process has left, as it was read from a file.
 * `from` is the least position that may be needed; what stands before `safe` is
 * known to have been in the file, so what is bad there was damaged. Never
 * fails: what is not a good record is not taken over. Sets head and fills
 * *report.
 *
 * What was read may not be safe yet: a process that was killed leaves writes
 * that only the kernel knows of. So the caller writes the ring again if
 * report->rewrite says so, and in any case syncs the file, before it relies on
 * anything or writes anything else. */
/*@ requires ring_ok(s) && from % 8 == 0 && from <= UINT64_MAX / 2;
    requires \valid(report) && \separated(s, report);
    assigns *report, s->ring[0 .. s->size - 1], s->head, s->sealed, s->synced,
	    s->started, s->freed;
    ensures ring_ok(s) && from <= s->head <= from + s->size;
    ensures s->head % 8 == 0 && s->sealed == s->head && s->synced == s->head;
    ensures s->started == s->head && s->freed == from; */
void spool_recover(struct spool *s, uint64_t from, uint64_t safe,
		   struct spool_report *report);

/* Numbers of sinks in what was taken over mean nothing any more: each alert is
 * for all that want it. In recover.c; the caller writes the ring again. */
/*@ requires ring_ok(s) && s->head % 8 == 0;
    requires \forall integer i; 0 <= i < s->cursors ==> s->keep[i] % 8 == 0;
    assigns s->ring[0 .. s->size - 1]; */
void spool_forget_sinks(struct spool *s);
/* Takes an alert that is for these sinks (bit i: sink i) from them, that of the
 * first record from there on; none of them has begun with it. For a spool that
 * is no file: the record's checksum is as it was. */
/*@ requires ring_ok(s) && from % 8 == 0 && from <= s->head;
    assigns s->ring[0 .. s->size - 1]; */
void spool_take_from(struct spool *s, uint64_t from, unsigned sinks);

/* In cursors.c: how far a sink has come. Each leaves keep <= cursor <= head,
 * and positions that are not in this order are a fault of the caller's. */

/* It has been given all before `to`, and, if begun, some of the line there. */
/*@ requires \valid(s) && cursor_ok(s, sink);
    requires s->cursor[sink] <= to <= s->head;
    assigns s->cursor[sink], s->begun[sink];
    ensures cursor_ok(s, sink) && s->cursor[sink] == to; */
void spool_advance(struct spool *s, unsigned sink, uint64_t to, bool begun);
/* It never needs again what is before `to`. */
/*@ requires \valid(s) && cursor_ok(s, sink);
    requires s->keep[sink] <= to <= s->cursor[sink];
    assigns s->keep[sink];
    ensures cursor_ok(s, sink) && s->keep[sink] == to;
    ensures \old(positions_ok(s)) ==> positions_ok(s); */
void spool_settle(struct spool *s, unsigned sink, uint64_t to);
/* Both, where nothing is on its way and nothing before `to` is to be given. */
/*@ requires \valid(s) && cursor_ok(s, sink);
    requires s->keep[sink] == s->cursor[sink] <= to <= s->head;
    assigns s->cursor[sink], s->keep[sink];
    ensures cursor_ok(s, sink) && s->cursor[sink] == s->keep[sink] == to;
    ensures \old(positions_ok(s)) ==> positions_ok(s); */
void spool_pass(struct spool *s, unsigned sink, uint64_t to);
/* What is on its way is lost: it is given all from `keep` on once more. */
/*@ requires \valid(s) && cursor_ok(s, sink);
    assigns s->cursor[sink], s->begun[sink];
    ensures cursor_ok(s, sink) && s->cursor[sink] == s->keep[sink];
    ensures !s->begun[sink]; */
void spool_rewind(struct spool *s, unsigned sink);
/* The line at its cursor, of the record that ends at `to`, was begun, and the
 * caller has the rest: it is given what comes behind that record. */
/*@ requires \valid(s) && cursor_ok(s, sink);
    requires s->cursor[sink] <= to <= s->head;
    assigns s->cursor[sink], s->begun[sink], s->unfinished[sink];
    ensures cursor_ok(s, sink) && s->cursor[sink] == to;
    ensures s->unfinished[sink] == to; */
void spool_leave_line(struct spool *s, unsigned sink, uint64_t to);
/* All of that line is out. */
/*@ requires \valid(s) && sink < LIMIT_SINKS && s->unfinished[sink] != 0;
    assigns s->unfinished[sink];
    ensures s->unfinished[sink] == 0; */
void spool_finish_line(struct spool *s, unsigned sink);
/* So many alerts that it has given up no line has told of yet. */
/*@ requires \valid(s) && sink < LIMIT_SINKS;
    assigns s->untold[sink];
    ensures s->untold[sink] == alerts; */
void spool_note_untold(struct spool *s, unsigned sink, uint64_t alerts);

/*@ predicate dropped(struct spool *s, integer sink, integer position) =
	\exists integer i; 0 <= i < SPOOL_DROPS &&
		s->drop[sink][i].from < position <= s->drop[sink][i].to; */

/* In dropped.c. Lets a sink's cursor and `keep`, which are the same, pass the
 * record in front of them, which it has not got. */
/*@ requires ring_ok(s) && sink < s->cursors;
    requires s->cursor[sink] % 8 == 0 && s->cursor[sink] <= s->head;
    requires s->keep[sink] == s->cursor[sink];
    assigns s->cursor[sink], s->keep[sink], s->drop[sink][0 .. SPOOL_DROPS - 1];
    ensures s->keep[sink] == s->cursor[sink];
    ensures s->cursor[sink] % 8 == 0;
    ensures \old(s->cursor[sink]) <= s->cursor[sink] <= s->head; */
void spool_drop(struct spool *s, unsigned sink);
/* Was the record that ends there dropped for that sink? */
/*@ requires \valid_read(s) && sink < LIMIT_SINKS;
    assigns \nothing;
    ensures \result <==> dropped(s, sink, position); */
bool spool_has_dropped(const struct spool *s, unsigned sink, uint64_t position);
/* Was any that ends there or behind, of those put until now? */
/*@ requires \valid_read(s) && sink < LIMIT_SINKS;
    assigns \nothing;
    ensures \result <==> position <= s->drop[sink][0].to; */
bool spool_has_dropped_from(const struct spool *s, unsigned sink,
			    uint64_t position);

#endif
