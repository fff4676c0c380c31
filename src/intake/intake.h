/*
 * intake.h - the gate between requests and the spool: names each alert, knows
 * it again when it is sent once more, queues what is new, and tells when all
 * alerts of a request are safe.
 *
 * Pure. A request is known by its connection's slot.
 *
 *	offered --known, no 200 yet--> attached: waits for that record
 *	   |       |                      (or finds it written already)
 *	   |       +-- let go of for sinks that were gone --> new, for these
 *	   +------ new, room -----------> queued: waits for its record
 *	   +------ new, no room --------> NO_ROOM, nothing changed
 *
 * Where the spool is a file, a sink that takes nothing may fill it with what it
 * has yet to get. What finds no room then goes to the overflow, in memory, so
 * that the other sinks get it: such an alert is known, and its requests get
 * 503. Once there is room in the file, it is queued there for those alone that
 * have not got it.
 *
 * An alert stays known until a request that holds it got its 200, or for
 * LIMIT_KNOWN_MS after the last one that did not: after that the same alert is
 * a new notification, unless --dedup is given: then an alert of the same
 * labels, status and startsAt counts as known for that time. Its name is a
 * keyed hash of receiver, groupKey, labels, fingerprint, status, startsAt and,
 * if resolved, endsAt; externalURL is no part of it, since it differs between
 * two Alertmanagers. An alert that no sink takes is counted and safe at once.
 */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include "base/hash.h"
#include "base/time.h"
#include "config/config.h"
#include "facts/metrics.h"
#include "intake/firing.h"
#include "intake/recall.h"
#include "spool/spool.h"

struct intake {
	struct spool *spool;
	struct spool *overflow; /* NULL: the spool is in memory itself */
	const struct config *config;
	struct counters *counters;
	struct hash_key hash_key;
	struct firing *firing; /* NULL: nobody asks */
	struct recall recall;
	struct recall dedup; /* another key: see intake.c */
};

/* A request's claim on the alerts that it has brought, from the first one on
 * that is attached to or queued until it is released: who sends one of them
 * meanwhile waits for it too. */
struct claim {
	unsigned slot;        /* of its connection */
	bool claims;          /* it has claimed alerts, */
	uint32_t first_claim; /* the first by its serial, see recall.h */
	/* the last one's name, and how many in a row have it, as far as that
	 * counts */
	uint64_t last;
	unsigned equal;
	/* up to where each sink must come before they are safe, or the file if
	 * there is one */
	uint64_t position[LIMIT_SINKS];
	/* the first that the sink had not got yet when it was asked for, 0: it
	 * had all */
	uint64_t first[LIMIT_SINKS];
	/* one is in the overflow, and some sink has not got it: there is no
	 * waiting for that, see STATUS_NO_ROOM */
	bool overflow;
};

/* An alert, or a notice, on its way in. */
struct offer {
	struct record record;
	uint64_t dedup_key, firing_key;
	uint8_t sinks; /* bit i: sink i takes it */
	uint8_t waits; /* and a request waits for it */
	/* known, but let go of for these, or in the overflow and not got by
	 * them; it is queued again for them alone */
	uint8_t missing;
	bool resolved;
	bool feeds; /* the dead man's switch */
};

enum intake_result {
	INTAKE_QUEUED,
	INTAKE_KNOWN,
	INTAKE_NO_ROOM,
};

/* What the names of all alerts of one sender begin with, hashed once: its
 * receiver; and its groupKey, for alerts that fire and for resolved ones. */
struct sender {
	bool known; /* false at first */
	struct hash receiver, group[2];
};

/* Fills an offer for an alert taken apart. *sender is of that envelope. */
void intake_name_alert(const struct intake *in, struct sender *sender,
		       struct offer *o, const struct envelope *e,
		       const struct alert *a, struct moment now);
/* Fills an offer for a notice of `count` alerts; what else it tells is JSON, or
 * absent. */
void intake_name_notice(const struct intake *in, struct offer *o,
			enum record_kind kind, const struct envelope *e,
			uint64_t count, struct span json, struct moment now);

/* Attaches the request to an alert that is known and not yet claimed by it;
 * false if there is none, or if it has to be queued again for o->missing. */
bool intake_attach(struct intake *in, struct offer *o, struct claim *c);
/* Bytes of the spool that it needs; none if no sink takes it. */
uint64_t intake_need(const struct offer *o);
/* Queues an alert, in the overflow or in the spool; the caller knows that it
 * fits. */
void intake_queue(struct intake *in, struct offer *o, struct claim *c,
		  bool overflow);
/* Both, if there is room, for one that comes by itself: see has_room(). */
enum intake_result intake_offer(struct intake *in, struct offer *o,
				struct claim *c);

/* Queues an alert of bellwire's own, which nobody sends again; false if there
 * is no room. */
bool intake_put_own(struct intake *in, const struct offer *o);
/* An alert that was queued in an earlier life is still firing. */
void intake_note_firing(struct intake *in, const struct offer *o);

/* The first sink that is not there yet, or -1 if that is the file. */
int intake_waits_for(const struct intake *in, const struct claim *c);
bool intake_is_safe(const struct intake *in, const struct claim *c);
/* The request has ended; `settled` by its 200. Else its alerts stay known: its
 * sender has them still, and may send them again. It has no claim then. */
void intake_release(struct intake *in, struct claim *c, bool settled,
		    int64_t now_ms);

/* Knows the alerts again that an earlier process has left in the spool: it may
 * not have answered their requests. They are known until they are done. */
void intake_recover(struct intake *in);

#endif
