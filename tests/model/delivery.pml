/*
 * delivery.pml - an alert's way from its request to two sinks, with a spool in
 * a file: intake, recall, the ring and the overflow, the file's page cache and
 * disk, cursors, readers, senders that try again. For spin; tests/model/run.
 *
 * Checked:
 *   kept     no state in which an alert that had its 200 is gone: each sink has
 *            it, or the ring has it for the sink, and so has the disk, whatever
 *            a power cut at that moment leaves
 *   once     without a crash nothing comes twice
 *   healthy  what was offered comes out on sink 0, whose reader stays, whatever
 *            sink 1's does (LTL, weak fairness)
 *
 * Small: ALERTS alerts, each of one sender that sends it until its 200; RING
 * records in the file, OVER in memory; CRASHES kills or power cuts, SYNCS
 * failed syncs, LEAVES times that sink 1's reader goes; it may stay away.
 *
 * Steps are what nothing comes between in the code, where one process does one
 * thing after the other: an offer, with the 200 of who is safe then; a plan, its
 * writes and its sync, with those who wait for it, or a crash within; a round of
 * both sinks; a read; a start. They come in any order here, but for that.
 *
 * What is assumed, and where the code has it:
 *   src/server/server.c turn()            what came is written and synced before
 *                                         it is given to sinks and answered
 *   src/intake/intake.c intake_offer(),   an offer is one step: it is known, or
 *     attach_again(), offer_again()       queued whole, or nothing has changed
 *   src/intake/intake.c intake_is_safe()  200 when `synced` has passed the record
 *   src/intake/intake.c intake_recover()  what stands in the ring is known again
 *   src/intake/recall.c take_entry()      nothing known is forgotten for room
 *   src/spool/spool.c spool_fits()        room counts from `freed`, not from keep
 *   src/spool/spool.c spool_take_from()   what is queued again is taken from the
 *                                         overflow for the sinks that lack it
 *   src/spool/dropped.c spool_drop()      what a sink has given up is noted as
 *                                         such: passed by, and not got
 *   src/spool/image.c image_plan()        all records from `synced` on and the
 *                                         cursors are written before a sync
 *   src/spool/image.c image_wants_sync()  cursors alone are synced where their
 *                                         room is wanted
 *   src/spool/image.c image_synced()      `synced`, `freed` are those of the plan
 *   src/spool/image.c plan_cursors()      of two blocks, the one that a sync made
 *                                         safe is not touched until the next sync
 *   src/spool/recover.c spool_recover()   takes records from the least cursor on,
 *                                         as long as they stand back to back (the
 *                                         code goes on behind damage that it can
 *                                         tell); nothing older may look good
 *                                         behind them
 *   src/disk/takeover.c write_again()     writes all again before it is relied on
 *   src/disk/persist.c                    and then where sinks are, before a
 *     persist_write_places()              record is put
 *   src/disk/persist.c persist_sync()     what a failed sync had is planned again
 *   src/deliver/batch.c deliver_settle()  keep passes what the reader has read
 *   src/deliver/batch.c deliver_rewind(), a reader that leaves: cursor = keep;
 *     src/deliver/deliver.c step()        once, however often it is seen
 *   src/deliver/batch.c deliver_change()  the overflow comes behind the ring, once
 *                                         that has been read
 *   src/deliver/lines.c                   what is not for a sink passes by, also
 *     deliver_pass_over()                 while it is down
 *   src/deliver/lines.c is_stuck()        the overflow is used when a sink that
 *                                         takes nothing holds the ring's tail
 *   src/deliver/lines.c gives_way()       only what is in memory is given up
 *   src/deliver/held.c deliver_hold()     and no line of which a piece came out:
 *                                         lines are written and read whole here
 * A record is written whole here: torn ones are tests/unit/test_powercut.c's.
 * A line from the overflow counts as read once it is written.
 *
 * -DFAULT=n plants one fault, see the names below: tests/model/run has to find
 * each.
 */
#ifndef ALERTS
#define ALERTS 3
#endif
#define RING 2
#define OVER 1
#define NONE 15
#ifndef MAXPOS /* records put at all; beyond that the model ends */
#define MAXPOS 5
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef SYNCS
#define SYNCS 1
#endif
#ifndef LEAVES
#define LEAVES 1
#endif

#define ACK_BEFORE_SYNC 1
#define NO_REWIND 2
#define NO_RECALL 3
#define ROOM_BY_KEEP 4
#define TRUST_THE_CACHE 5
#define NO_OVERFLOW 6
#define FORGET_FAILED 7
#define KEEP_IS_CURSOR 8
#define GIVEN_UP_IS_GOT 9
#define OLD_PLACES 10
#ifndef FAULT
#define FAULT 0
#endif

byte crashes, syncs, leaves;
bool exhausted;

/* the ring in memory, by position */
byte head, synced, freed;
byte cursor[2], keep[2];
byte id_at[RING], for_at[RING];
bool failed; /* the last sync */

/* the file: in the page cache, and on the disk */
byte c_pos[RING], c_id[RING], c_for[RING];
bool dirty[RING];
byte d_pos[RING], d_id[RING], d_for[RING];
byte c_cur[2], d_cur[2];
bool cur_dirty;

/* the overflow: for each sink, 1: waits for it, 0: has it or gave it up */
byte o_id[OVER];
byte o_waits[OVER];

/* recall */
bool known[ALERTS], in_over[ALERTS], until_done[ALERTS];
byte at[ALERTS], lacks[ALERTS];

/* senders */
bool offered[ALERTS], acked[ALERTS], waits[ALERTS], no_200[ALERTS];
byte wait_pos[ALERTS];

/* sinks */
bool up[2] = true;
byte got[2 * ALERTS]; /* how often, 2 at most */

#define SINK(s, i) got[(s) * ALERTS + (i)]
#define BIT(s) (1 << (s))
#define TAIL (keep[0] < keep[1] -> keep[0] : keep[1])
#define FREED (FAULT == ROOM_BY_KEEP -> TAIL : freed)
#define ROOM (head - FREED < RING)
#define STUCK (head > TAIL && ((!up[0] && keep[0] == TAIL && up[1]) || \
	(!up[1] && keep[1] == TAIL && up[0])))

#define HOLDS(k, s, i) (head > k && head - k <= RING && k >= keep[s] && \
	id_at[(k) % RING] == i && (for_at[(k) % RING] & BIT(s)))
#define IN_RING(s, i) \
	((head >= 1 && HOLDS(head - 1, s, i)) || \
	 (head >= 2 && HOLDS(head - 2, s, i)))
#define ON_DISK_AT(k, s, i) (d_pos[k] != NONE && d_id[k] == i && \
	(d_for[k] & BIT(s)) && d_pos[k] >= d_cur[s])
#define ON_DISK(s, i) (ON_DISK_AT(0, s, i) || ON_DISK_AT(1, s, i))
#define KEPT(s, i) (SINK(s, i) > 0 || (IN_RING(s, i) && ON_DISK(s, i)))

inline check() {
	d_step {
		byte n;
		for (n : 0 .. ALERTS - 1) {
			assert(!acked[n] || (KEPT(0, n) && KEPT(1, n)));
			assert(crashes > 0 || (SINK(0, n) < 2 && SINK(1, n) < 2))
		}
		n = 0
	}
}

/* How often does not matter any more once there was a crash. */
inline give(s, i) {
	if
	:: SINK(s, i) < (crashes > 0 -> 1 : 2) -> SINK(s, i)++
	:: else
	fi
}

inline put(i, sinks) {
	id_at[head % RING] = i;
	for_at[head % RING] = sinks;
	known[i] = (FAULT != NO_RECALL);
	in_over[i] = false;
	until_done[i] = false;
	at[i] = head;
	wait_pos[i] = head + 1;
	no_200[i] = false;
	head++;
	exhausted = (head >= MAXPOS)
}

/* What of an alert sinks have not got and will not get from where it is. */
#define MISSING(i) (in_over[i] -> lacks[i] | over_waits(i) : 0)
#define over_waits(i) (o_id[0] == i -> o_waits[0] : 0)
#define WRITTEN(i) (in_over[i] -> MISSING(i) == 0 : \
	(cursor[0] > at[i] && cursor[1] > at[i]))

inline offer(i) {
	offered[i] = true;
	if
	:: known[i] && !(until_done[i] && WRITTEN(i)) ->
		if
		:: MISSING(i) == 0 -> /* attached */
			no_200[i] = false;
			wait_pos[i] = (in_over[i] -> 0 : at[i] + 1);
			waits[i] = true
		:: MISSING(i) != 0 && ROOM -> /* for those that lack it */
			lacks[i] = MISSING(i);
			if
			:: o_id[0] == i -> o_id[0] = NONE; o_waits[0] = 0
			:: else
			fi;
			put(i, lacks[i]);
			lacks[i] = 0;
			waits[i] = true
		:: MISSING(i) != 0 && !ROOM -> no_200[i] = true; waits[i] = true
		fi
	:: else ->
		if
		:: ROOM -> put(i, 3); waits[i] = true
		:: !ROOM && STUCK && o_id[0] == NONE && FAULT != NO_OVERFLOW ->
			o_id[0] = i; o_waits[0] = 3;
			known[i] = true; in_over[i] = true; lacks[i] = 0;
			until_done[i] = false;
			no_200[i] = true; waits[i] = true
		:: else /* no room: 503 at once */
		fi
	fi
}

#define SAFE(i) (waits[i] && !no_200[i] && \
	(wait_pos[i] <= synced || FAULT == ACK_BEFORE_SYNC))

/* Who is safe has its 200 in the same turn. */
inline answer() {
	byte a;
	for (a : 0 .. ALERTS - 1) {
		if
		:: SAFE(a) ->
			acked[a] = true; waits[a] = false;
			known[a] = false; in_over[a] = false; at[a] = 0;
			wait_pos[a] = 0; until_done[a] = false
		:: else
		fi
	}
	a = 0
}

/* They are alike, so they begin in order. */
proctype sender(byte i) {
end:	do
	:: d_step { !acked[i] && !waits[i] && !exhausted &&
		(i == 0 || offered[(i + ALERTS - 1) % ALERTS]) ->
		offer(i); answer(); check() }
	:: d_step { waits[i] -> /* 503, or it hangs up */
		waits[i] = false; wait_pos[i] = 0; no_200[i] = false }
	od
}

/* keep follows what has been read; cursor what was written. */
#define FOR(s, p) (for_at[(p) % RING] & BIT(s))
#define MOVES(s) (cursor[s] == keep[s] && (cursor[s] < head -> \
	up[s] || !FOR(s, cursor[s]) : \
	up[s] && o_id[0] != NONE && (o_waits[0] & BIT(s))))

/* Sink 0's reader reads at once; sink 1 holds one line that is not read. What is
 * not for it passes by. */
inline pump(s) {
	do
	:: MOVES(s) && cursor[s] < head ->
		cursor[s]++;
		if
		:: !FOR(s, keep[s]) -> keep[s] = cursor[s]
		:: FOR(s, keep[s]) && s == 0 ->
			give(s, id_at[keep[s] % RING]);
			keep[s] = cursor[s]
		:: FOR(s, keep[s]) && s == 1 && FAULT == KEEP_IS_CURSOR ->
			keep[s] = cursor[s]
		:: else
		fi
	:: MOVES(s) && cursor[s] == head ->
		give(s, o_id[0]);
		o_waits[0] = o_waits[0] - BIT(s);
		if
		:: o_waits[0] == 0 -> o_id[0] = NONE
		:: else
		fi
	:: else -> break
	od
}

/* In memory, and another sink goes on. */
#define GIVES_WAY(s) (!up[s] && up[1 - s] && o_id[0] != NONE && \
	o_waits[0] == BIT(s))

proctype deliver() {
end:	do
	:: d_step { (MOVES(0) || MOVES(1)) -> pump(0); pump(1); check() }
	:: d_step { GIVES_WAY(1) ->
		if
		:: FAULT != GIVEN_UP_IS_GOT ->
			lacks[o_id[0]] = lacks[o_id[0]] | BIT(1)
		:: else
		fi;
		o_waits[0] = 0; o_id[0] = NONE; check() }
	od
}

proctype reader() {
end:	do
	:: d_step { up[1] && keep[1] < cursor[1] ->
		give(1, id_at[keep[1] % RING]);
		keep[1]++; check() }
	od
}

/* Sink 1's reader: leaves with what it has not read, and comes again or does not. */
proctype guest() {
end:	do
	:: d_step { up[1] && leaves < LEAVES ->
		up[1] = false; leaves++;
		if
		:: FAULT != NO_REWIND -> cursor[1] = keep[1]
		:: else -> keep[1] = cursor[1]
		fi; check() }
	:: d_step { !up[1] -> up[1] = true }
#ifdef HEALTHY /* else that is no more than not to come yet */
	:: !up[1] -> break
#endif
	od
}

/* Cursors alone are written, and synced where room is wanted. */
#define WRITES (synced < head || failed || c_cur[0] != keep[0] || \
	c_cur[1] != keep[1] || (freed != TAIL && !ROOM))

inline write(p) {
	if
	:: p >= synced && p < head ->
		c_pos[(p) % RING] = p;
		c_id[(p) % RING] = id_at[(p) % RING];
		c_for[(p) % RING] = for_at[(p) % RING];
		dirty[(p) % RING] = true
	:: else
	fi
}

inline plan() {
	if
	:: head >= 1 -> write((head - 1))
	:: else
	fi;
	if
	:: head >= 2 -> write((head - 2))
	:: else
	fi;
	c_cur[0] = keep[0]; c_cur[1] = keep[1]; cur_dirty = true
}

inline to_disk(k) {
	d_pos[k] = c_pos[k]; d_id[k] = c_id[k]; d_for[k] = c_for[k]
}

inline sync_all() {
	if :: dirty[0] -> to_disk(0) :: else fi;
	if :: dirty[1] -> to_disk(1) :: else fi;
	if :: cur_dirty -> d_cur[0] = c_cur[0]; d_cur[1] = c_cur[1] :: else fi;
	dirty[0] = false; dirty[1] = false; cur_dirty = false
}

inline sync_good() {
	synced = head; freed = TAIL; failed = false; answer()
}

/* The kernel takes what it could not write for written. */
inline sync_failed() {
	dirty[0] = false; dirty[1] = false; cur_dirty = false;
	syncs++; failed = true
}

/* What nobody will look at again: equal states should look so. */
#define GONE(p) (p < d_cur[0] && p < d_cur[1])
inline tidy_place(k) {
	if
	:: c_pos[k] != NONE && GONE(c_pos[k]) ->
		c_pos[k] = NONE; c_id[k] = 0; c_for[k] = 0; dirty[k] = false
	:: else
	fi;
	if
	:: d_pos[k] != NONE && GONE(d_pos[k]) ->
		d_pos[k] = NONE; d_id[k] = 0; d_for[k] = 0
	:: else
	fi
}
inline tidy_ring(p) {
	if
	:: p < TAIL && p < synced -> id_at[(p) % RING] = 0; for_at[(p) % RING] = 0
	:: else
	fi
}
inline tidy() {
	d_step {
		tidy_place(0); tidy_place(1);
		if :: head >= 1 -> tidy_ring((head - 1)) :: else fi;
		if :: head >= 2 -> tidy_ring((head - 2)) :: else fi
	}
}

inline power_cut() {
	/* what was on its way, and what no longer is, is there or not */
	if :: c_pos[0] != NONE -> to_disk(0) :: true fi;
	if :: c_pos[1] != NONE -> to_disk(1) :: true fi;
	if :: true -> d_cur[0] = c_cur[0]; d_cur[1] = c_cur[1] :: true fi;
	c_pos[0] = d_pos[0]; c_id[0] = d_id[0]; c_for[0] = d_for[0];
	c_pos[1] = d_pos[1]; c_id[1] = d_id[1]; c_for[1] = d_for[1];
	c_cur[0] = d_cur[0]; c_cur[1] = d_cur[1];
	dirty[0] = false; dirty[1] = false; cur_dirty = false
}

inline forget_all() {
	byte m;
	for (m : 0 .. ALERTS - 1) {
		known[m] = false; in_over[m] = false; until_done[m] = false;
		waits[m] = false; no_200[m] = false; wait_pos[m] = 0;
		at[m] = 0; lacks[m] = 0
	}
	m = 0;
	o_id[0] = NONE; o_waits[0] = 0; failed = false
}

inline take(p) {
	if
	:: c_pos[(p) % RING] == p ->
		id_at[(p) % RING] = c_id[(p) % RING];
		for_at[(p) % RING] = c_for[(p) % RING];
		known[c_id[(p) % RING]] = !acked[c_id[(p) % RING]];
		until_done[c_id[(p) % RING]] = known[c_id[(p) % RING]];
		at[c_id[(p) % RING]] = (known[c_id[(p) % RING]] -> p : 0);
		head = p + 1
	:: else -> /* nothing old may look good there later */
		c_pos[(p) % RING] = NONE; c_id[(p) % RING] = 0;
		c_for[(p) % RING] = 0
	fi
}

inline recover() {
	keep[0] = c_cur[0]; keep[1] = c_cur[1];
	head = TAIL;
	take(head);
	if :: head == TAIL + 1 -> take(head) :: else fi;
	if
	:: head == TAIL && c_pos[(head + 1) % RING] == head + 1 ->
		c_pos[(head + 1) % RING] = NONE
	:: else
	fi;
	/* a cursor that was written when its records were not */
	if :: keep[0] > head -> keep[0] = head :: else fi;
	if :: keep[1] > head -> keep[1] = head :: else fi;
	cursor[0] = keep[0]; cursor[1] = keep[1];
	freed = TAIL; synced = head;
	if
	:: FAULT != TRUST_THE_CACHE ->
		dirty[0] = true; dirty[1] = true; cur_dirty = true
	:: else
	fi
}

inline write_places() {
	if
	:: FAULT != OLD_PLACES ->
		c_cur[0] = keep[0]; c_cur[1] = keep[1]; cur_dirty = true
	:: else
	fi
}

/* And a start, before whose syncs it may crash again. */
inline crash() {
	do
	:: crashes < CRASHES ->
		crashes++;
		if
		:: power_cut()
		:: skip /* a kill: the page cache stays */
		fi;
		d_step { forget_all(); recover() }
		if
		:: d_step { sync_all(); write_places() }
			if
			:: d_step { sync_all(); tidy(); check() } break
			:: crashes < CRASHES
			fi
		:: crashes < CRASHES
		fi
	od
}

proctype disk() {
end:	do
	:: atomic { WRITES ->
		d_step { plan() }
		if
		:: d_step { sync_all(); sync_good() }
		:: d_step { syncs < SYNCS ->
			sync_failed();
			if
			:: FAULT == FORGET_FAILED -> sync_good()
			:: else
			fi }
		:: synced == head && ROOM && !failed /* the cursors alone */
		:: crashes < CRASHES -> crash()
		fi;
		tidy(); check() }
	od
}

proctype trouble() {
end:	do
	:: atomic { crashes < CRASHES -> crash(); check() }
	od
}

init {
	atomic {
		c_pos[0] = NONE; c_pos[1] = NONE;
		d_pos[0] = NONE; d_pos[1] = NONE;
		o_id[0] = NONE;
		byte k;
		for (k : 0 .. ALERTS - 1) {
			run sender(k)
		}
		k = 0;
		run deliver();
		run reader();
		run guest(); run disk(); run trouble()
	}
}

#ifdef HEALTHY
#define LAST (ALERTS - 1)
ltl healthy { [] (offered[LAST] -> <> (SINK(0, LAST) > 0 || exhausted)) }
#endif
