/*
 * match.h - which alerts are meant: by labels, and what a sink takes of them.
 *
 * Pure.
 */
#ifndef ALERT_MATCH_H
#define ALERT_MATCH_H

#include "alert/alert.h"

struct match {
	struct span label, value;
	bool negated; /* LABEL!=VALUE */
};

/* Which alerts a sink takes. */
struct filter {
	bool skip_resolved;
	struct match match[LIMIT_MATCHES]; /* all must hold */
	unsigned matches;
	/* alerts that match all of these are not for this sink */
	const struct match *hush;
	unsigned hushes;
};

/* The alert's status, or the payload's where it has none. */
enum alert_status alert_status(const struct envelope *e, const struct alert *a);

/* A missing label is an empty one, as in Prometheus. */
bool match_alert(const struct match *m, const struct alert *a);

/* Does the alert match all of them, and are there any? */
bool match_all(const struct match *m, unsigned n, const struct alert *a);

/* Does a sink with that filter take the alert? Notices go to every sink. */
bool filter_wants(const struct filter *f, const struct envelope *e,
		  const struct alert *a);

#endif
