/*
 * deadman.h - the one alert that a dead monitoring system cannot send: nothing
 * that matches --deadman has come for its time.
 *
 * Pure. What counts is whether the last notification that feeds the switch is
 * too old now, and whether the alert is out:
 *
 *	            too old, and room in the spool
 *	  [ quiet ] ----------------------------> [ fired ]
 *	            <----------------------------
 *	            fed again, and room
 */
#ifndef INTAKE_DEADMAN_H
#define INTAKE_DEADMAN_H

#include "intake/receive.h"

struct deadman {
	const struct config *config;
	struct intake *intake;
	bool waits;      /* for room in the spool */
	int64_t fed_ms;  /* when a notification fed the switch last */
	int64_t fired_s; /* since when the alert is out, 0: it is not */
};

/* Starts the switch. fired_s: what an earlier process has left, 0 for nothing;
 * then the alert counts as emitted. */
void deadman_start(struct deadman *d, int64_t fired_s, struct moment now);
/* Is there a sink that takes its alert? */
bool deadman_is_heard(struct deadman *d);
/* A notification was found good, or an alert of one that is taken as it
 * arrives, whether there is room for it or not. matches: an alert of it is one
 * that --deadman names. */
void deadman_feed(struct deadman *d, bool matches, struct moment now);
/* Queues the alert or its resolution if it is time for it. */
void deadman_turn(struct deadman *d, struct moment now);
/* When to call that again if nothing happens; INT64_MAX: no need. */
int64_t deadman_deadline(const struct deadman *d, int64_t now_ms);

#endif
