/*
 * receive.h - one notification: from the bytes of a request's body to alerts in
 * the intake.
 *
 * Pure. A body of at most LIMIT_WHOLE_BODY bytes comes in one piece and is
 * taken or refused as one: nothing is queued before all of it was found good
 * and has room. A larger one comes piece by piece, and each alert is queued as
 * soon as its last byte is there.
 *
 * An alert that cannot be taken is left out: a notice names it, the others come
 * out. If none can be taken, the notification is refused for the first one's
 * reason.
 */
#ifndef INTAKE_RECEIVE_H
#define INTAKE_RECEIVE_H

#include "alert/payload.h"
#include "intake/intake.h"

/* An element of `alerts` of a whole body, found and not yet queued. Something
 * stands in front of it, so 15 bits hold where it is. */
struct receive_note {
	uint16_t start : 15;
	uint16_t inherits : 1; /* the payload's status: has none itself */
	uint16_t length : 15;
	uint16_t left_out : 1;
	uint16_t index_length : 14; /* in `index`, behind those before it */
	uint16_t attached : 1;      /* to what is known already */
	uint16_t missing : 1;       /* known, and has to be queued again */
};
_Static_assert(LIMIT_WHOLE_BODY <= 1 << 15 && ALERT_INDEX < 1 << 14,
	       "see above");

/* What a notice of an alert that was left out may need beside its names. */
enum { RECEIVE_NOTICE = 1024 };

/* Working memory for the notification at hand; one for the whole program. */
struct receive_memory {
	struct alert alert;
	struct alert_reader reader; /* of one that has no index */
	/* the shortest that can stand for an alert is a digit with a comma */
	struct receive_note note[LIMIT_WHOLE_BODY / 2 + 1];
	/* of the alerts at hand; those that find no room in here go without */
	char index[LIMIT_WHOLE_BODY];
	char notice[RECEIVE_NOTICE]; /* of the alert that is left out */
	struct offer offer;          /* the one at hand */
};

/* How a body is taken. */
enum receive_mode {
	RECEIVE_WHOLE,    /* as one, or not at all */
	RECEIVE_STEPWISE, /* one that needs more than the spool: alert by alert,
			   * found good already */
	RECEIVE_STREAM,   /* alert by alert, as it arrives */
};

/* Alerts that one call takes of a body that is taken alert by alert. */
enum { RECEIVE_SHARE = LIMIT_TURN / (WORK_ALERT + WORK_LEFT_OUT) };

struct receive {
	enum receive_mode mode;
	struct payload payload;
	struct claim claim;       /* when safe, see intake_is_safe() */
	struct envelope envelope; /* of a whole body */
	bool blocked; /* an alert waits for room; go on when there is */
	bool more;    /* has had its share; go on when others had theirs */
	/* and it is the one that payload stands behind; MORE: there is none */
	enum payload_event at_hand;
	bool feeds;        /* an alert of it feeds the dead man's switch */
	uint64_t left_out; /* alerts that could not be taken */
	enum status left_out_why; /* the first of them */
	size_t left_out_at_n;     /* and its place */
	char left_out_at[LIMIT_PLACE];
};

/* Mode WHOLE or STREAM. */
void receive_start(struct receive *r, unsigned slot, enum receive_mode mode);

/* A whole body. OK: all queued or known, or blocked, STEPWISE from then on:
 * call receive_more() with the same bytes. NO_ROOM: nothing queued, or what is
 * new is in the overflow. Otherwise a cause, nothing queued, and r->payload.why
 * tells more. */
enum status receive_whole(struct receive *r, struct intake *in,
			  struct receive_memory *m, struct span body,
			  struct moment now);

/* Goes on with bytes[0..n), the body's from offset `at` on; see payload_next.
 * Returns OK when all was taken, or r->blocked, or RECEIVE_SHARE alerts were
 * and there may be r->more; else a cause. Alerts before it stay queued. */
enum status receive_more(struct receive *r, struct intake *in,
			 struct receive_memory *m, const char *bytes,
			 uint64_t at, size_t n, struct moment now);

/* What all alerts so far have cost, in units of work. */
uint64_t receive_work(const struct receive *r);

/* Why the first alert was left out that was, as a sentence. */
void receive_put_left_out(const struct receive *r, struct buf *out);

/* The first offset that a later call needs to see again. */
uint64_t receive_hold(const struct receive *r);

/* After the last byte of such a body: OK, also if blocked (call again), or a
 * cause; NO_ROOM: some of it is in the overflow. */
enum status receive_end(struct receive *r, struct intake *in,
			struct moment now);

/* Its request has been answered, settled by a 200, or never will be. Nothing to
 * do if that was said before, or none has begun. */
void receive_over(struct receive *r, struct intake *in, bool settled,
		  struct moment now);

#endif
