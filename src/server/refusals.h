/*
 * refusals.h - the log of who was refused: requests, logins, TLS handshakes,
 * addresses. Each kind from each peer is told at once, and then, while it goes
 * on, ever more seldom with a count, so that nobody fills a disk with it.
 *
 * The state is one bounded table. New kinds beyond a few, and then one a
 * second, are dropped, and counted as the log counts what it drops.
 */
#ifndef SERVER_REFUSALS_H
#define SERVER_REFUSALS_H

#include "base/address.h"
#include "facts/status.h"
#include "os/log.h"

enum refusal_of {
	REFUSAL_REQUEST,
	REFUSAL_ADDRESS,   /* by --allow */
	REFUSAL_HANDSHAKE, /* of TLS */
	REFUSAL_TLS,       /* a connection, later on */
};

/* What is told of a refusal. The texts are safe to be logged. */
struct refusal {
	enum refusal_of of;
	struct address peer;
	int cause;       /* enum status, or a number of TLS, 0: none */
	const char *why; /* in words, constant; NULL: what the cause says */
	struct span asked, place; /* method and path; or absent */
};

enum { REFUSAL_KINDS = 16, REFUSAL_TEXT = 80 };

struct refusal_kind {
	struct refusal what; /* its peer without port, its place not kept */
	uint32_t texts;      /* a checksum of asked and place */
	char asked[REFUSAL_TEXT];
	uint64_t untold;           /* since it was told last */
	int64_t told_ms, pause_ms; /* not again before that has passed */
};

struct refusals {
	struct refusal_kind kind[REFUSAL_KINDS];
	unsigned kinds;
	/* lines of new kinds that count still, and since when */
	int64_t lines, earned_ms;
};

void refusals_note(struct refusals *r, struct log *log,
		   const struct refusal *what, int64_t now_ms);
/* Tells of what was gathered and has waited long enough; of everything, if
 * now_ms is INT64_MAX. */
void refusals_tell(struct refusals *r, struct log *log, int64_t now_ms);
/* When to call that; INT64_MAX: nothing waits. */
int64_t refusals_deadline(const struct refusals *r);

#endif
