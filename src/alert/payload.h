/*
 * payload.h - a webhook payload, walked once from its first byte to its last:
 * validates all of it, finds the border of each alert and where its parts
 * stand, and keeps the envelope.
 *
 * Pure and resumable. Offsets count from the payload's first byte. The caller
 * keeps the bytes from payload_hold() on where the next call can see them.
 */
#ifndef ALERT_PAYLOAD_H
#define ALERT_PAYLOAD_H

#include "alert/read.h"

enum payload_event {
	PAYLOAD_MORE,     /* all bytes taken */
	PAYLOAD_ALERT,    /* an alert stands at [start, end) */
	PAYLOAD_LEFT_OUT, /* one that cannot be taken, or what was seen of it
			   * until that was clear; `status` and `why` tell */
	PAYLOAD_REFUSED,  /* the payload, by `status` and `why` */
};

/* Members of the payload that are read; each may stand once. */
enum payload_member {
	PAYLOAD_RECEIVER,
	PAYLOAD_GROUP_KEY,
	PAYLOAD_EXTERNAL_URL,
	PAYLOAD_REASON,
	PAYLOAD_STATUS,
	PAYLOAD_VERSION,
	PAYLOAD_TRUNCATED,
	PAYLOAD_ALERTS,
	PAYLOAD_OTHER,
};

struct payload {
	struct json json;
	enum payload_member member; /* whose value comes next, or is there */
	bool seen[PAYLOAD_OTHER];
	bool in_alerts; /* between [ and ] of `alerts` */
	bool whole;     /* the bytes stay until the end */
	/* neither "4" nor "1", or a member of it is of the wrong kind */
	bool odd;
	bool skipping; /* the rest of what was left out */
	bool cut;      /* the string at hand is longer than what was kept */
	uint64_t start, end;       /* of the alert at hand */
	struct alert_reader alert; /* it; its index is whole at PAYLOAD_ALERT */
	uint64_t count;            /* alerts seen so far, the one at hand too */
	uint64_t truncated;        /* truncatedAlerts */
	struct envelope envelope;  /* as far as it was seen */
	struct buf store;          /* holds the envelope if not whole */
	enum status status;        /* after LEFT_OUT and REFUSED */
	char why_bytes[LIMIT_PLACE];
	struct buf why;
	char store_bytes[LIMIT_ENVELOPE];
};

/* whole: every call brings all bytes from the first one on, and they stay, so
 * that the envelope can point at them. Otherwise it is copied into *p. */
void payload_start(struct payload *p, bool whole);

/* Goes on with bytes[0..n), which begin at offset `at` <= payload_hold(). Call
 * again with the same bytes until MORE. */
enum payload_event payload_next(struct payload *p, const char *bytes,
				uint64_t at, size_t n);

/* After the last byte: OK, or a cause with `why`. */
enum status payload_end(struct payload *p);

/* After REFUSED, with all of a whole body: the cause stays, unless what comes
 * behind its place shows that the body is not even JSON. */
enum status payload_judge_rest(struct payload *p, struct span body);

/* The first offset that a later call needs to see again. */
uint64_t payload_hold(const struct payload *p);

/* Makes `why` the place of the alert at hand, to be gone on with. */
void payload_begin_place(struct payload *p);

#endif
