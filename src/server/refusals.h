/*
 * refusals.h - the log of refused requests: each kind from each peer is told at
 * once, and then, while it goes on, ever more seldom with a count, so that
 * nobody fills a disk with it.
 */
#ifndef SERVER_REFUSALS_H
#define SERVER_REFUSALS_H

#include "base/address.h"
#include "facts/status.h"
#include "os/log.h"

/* What is told of a refusal. The texts are safe to be logged. */
struct refusal {
	struct address peer;
	enum status status;
	struct span asked, why; /* method and path; the place; or absent */
};

enum { REFUSAL_KINDS = 16, REFUSAL_TEXT = 80 };

struct refusal_kind {
	struct address peer; /* without its port */
	enum status status;
	uint32_t texts; /* a checksum of asked and why */
	char asked[REFUSAL_TEXT];
	size_t asked_n;
	uint64_t untold;           /* since it was told last */
	int64_t told_ms, pause_ms; /* not again before that has passed */
};

struct refusals {
	struct refusal_kind kind[REFUSAL_KINDS];
	unsigned kinds;
	/* lines of the second that began then, and what found no room in it */
	int64_t second_ms;
	unsigned lines;
	uint64_t others;
};

void refusals_note(struct refusals *r, struct log *log,
		   const struct refusal *what, int64_t now_ms);
/* Tells of what was gathered and has waited long enough; of everything, if
 * now_ms is INT64_MAX. */
void refusals_tell(struct refusals *r, struct log *log, int64_t now_ms);
/* When to call that; INT64_MAX: nothing waits. */
int64_t refusals_deadline(const struct refusals *r);

#endif
