/*
 * conn.h - one connection's life: requests in, answers out.
 *
 * Pure: no descriptors, no clock. Whoever owns the connection moves bytes into
 * conn_room() and out of conn_output(), brings the time, and calls conn_step().
 * A step goes as far as it can and never waits; what happens depends on the
 * bytes alone, not on how they were split.
 *
 * Each connection has the same share of work in a turn of the owner's loop:
 * deficit round robin, see limits.h. What cannot be interrupted may take more
 * than there is left; then nothing is done for it until turns have paid that
 * back.
 */
#ifndef CONN_CONN_H
#define CONN_CONN_H

#include "conn/request.h"
#include "conn/window.h"
#include "intake/deadman.h"
#include "intake/receive.h"

/*
 *	HEAD ---> BODY ---> COMMIT ---> WAIT ---> ANSWER ---> HEAD (keep-alive)
 *	  |         |          |          |         ^  |
 *	  |         +----------+----------+---------+  +----> LINGER ---> CLOSED
 *	  +-------> DISCARD (reads a body that is of no use) --> ANSWER
 *	  +-------> QUESTION (a page that the owner writes) ---> ANSWER
 *
 * Any state goes to CLOSED when its peer or its deadline leaves nothing to say.
 */
enum conn_state {
	CONN_HEAD,   /* reads a request's head, or waits for one */
	CONN_BODY,   /* reads a notification */
	CONN_COMMIT, /* has read it; some alerts wait for room */
	CONN_WAIT,   /* all alerts queued or known; waits until they are safe */
	CONN_QUESTION, /* wants conn_answer_page() */
	CONN_DISCARD,  /* knows its answer; reads the rest of the body */
	CONN_ANSWER,   /* sends the answer */
	CONN_LINGER, /* has said its last word; reads until the peer is gone */
	CONN_CLOSED,
};

/* What came out of a step. */
enum conn_event {
	CONN_RESTS, /* until there are bytes, room or time; it may have output
		     */
	CONN_ASKS,  /* the QUESTION: see conn_answer_page() */
	CONN_TOOK_OTHER_VERSION, /* an odd payload, taken all the same */
	CONN_ANSWERED,           /* a request; the report and the status tell */
	CONN_YIELDS, /* has had its share of the turn; may have output */
};

/* What all connections share. */
struct service {
	const struct config *config;
	const struct auth *auth;
	struct intake *intake;
	struct counters *counters;
	struct receive_memory *memory;
	struct deadman *deadman;
	bool stopping;     /* answers close the connection */
	uint64_t progress; /* bytes that sinks have taken */
	struct moment now;
};

/* A notification on its way in: BODY, COMMIT and WAIT. */
struct notification {
	uint64_t body_at;    /* offset of the window's body in the whole one */
	uint64_t body_bytes; /* decoded so far */
	struct auth_signature signature; /* that the body must have */
	bool blocked;         /* waits for room since the last step */
	uint64_t progress;    /* of the service, then */
	int64_t body_left_ms; /* what was left of the body's time, then */
	struct receive receive;
};

/* How a request is answered. */
struct answer {
	enum status status; /* how the request ends */
	bool head_only;     /* HEAD: no body */
	bool http10;
	bool close; /* the connection, after it */
	const char *allow;
	struct span page; /* behind `out`; the owner's memory */
	struct buf out;
	size_t out_sent;
};

/* For the owner's log. What is true was not told yet. */
struct conn_report {
	bool answered;      /* a request was */
	bool other_version; /* a payload was odd */
	size_t why_n, asked_n;
	char why[LIMIT_PLACE];
	char asked[LIMIT_PLACE / 2]; /* method and path, made safe */
};

/* The largest page that a connection takes into its own memory, beside a head.
 */
enum { CONN_PAGE = LIMIT_ANSWER - 512 };

struct conn {
	enum conn_state state;
	enum request_target target; /* of a QUESTION */
	bool wants_text;            /* and in which form */
	unsigned slot;
	int64_t deadline_ms;
	int64_t since_ms; /* of the last progress that counts for eviction */
	bool had_head;    /* has sent a whole head once */
	bool health_only; /* of --health; set by the owner once it is open */
	bool eof;         /* the peer sends no more */
	/* Work that may still be done for it in this turn; below 0: what was
	 * done too much, and will be missing in the next ones. */
	int64_t credit;

	struct http_scan scan;
	struct http_body body;
	bool expecting; /* 100 Continue is owed */
	uint64_t discard_left;
	struct answer answer;
	struct conn_report report;
	struct notification notification;
	struct window window;
	char out_bytes[LIMIT_ANSWER];
};

/* A new connection in that slot of the table. */
void conn_open(struct conn *c, unsigned slot, int64_t now_ms);

/* That much was done for it, in units of limits.h. */
void conn_spend(struct conn *c, uint64_t work);
/* A turn of the loop begins: work for it goes on. */
void conn_grant(struct conn *c);

/* Where bytes from the peer go, *n of them; none while it has enough. */
char *conn_room(struct conn *c, size_t *n);
void conn_received(struct conn *c, size_t n);
/* The peer will send no more. */
void conn_ended(struct conn *c);

/* Between two requests, with nothing to be said: conn_step() does nothing, and
 * there is room, until bytes come, the peer ends or its time is over. */
bool conn_is_idle(const struct conn *c);

/* Bytes for the peer; empty if there are none. */
struct span conn_output(const struct conn *c);
void conn_sent(struct conn *c, size_t n);

/* Goes on as far as possible, and says what its owner is to do about it. Call
 * it again until it rests. */
enum conn_event conn_step(struct conn *c, struct service *s);
/* Answers the QUESTION. A page that is too large for the connection's own
 * memory is the owner's: while conn_holds_page() it has to be there, whenever
 * conn_output() is sent. */
void conn_answer_page(struct conn *c, struct service *s, enum status status,
		      struct span page, const char *content_type);
bool conn_holds_page(const struct conn *c);
/* The deadline has come. */
void conn_expire(struct conn *c, struct service *s);
/* Nothing more will be said here, for a reason that the peer was told by other
 * means, and may still have to read: to LINGER. */
void conn_linger(struct conn *c, struct service *s);
/* Lets go of everything; the connection was or will be closed. */
void conn_close(struct conn *c, struct service *s);

#endif
