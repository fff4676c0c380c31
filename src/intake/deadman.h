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
	struct receive_memory *memory;
	bool waits;      /* for room in the spool */
	int64_t fired_s; /* since when the alert is out, 0: it is not */
};

/* Starts the switch. fired_s: what an earlier process has left, 0 for nothing;
 * then the alert counts as emitted. Returns the time of the last feeding that
 * is to be assumed. */
int64_t deadman_start(struct deadman *d, int64_t fired_s, struct moment now);
/* Is there a sink that takes its alert? */
bool deadman_is_heard(struct deadman *d);
/* Queues the alert or its resolution if it is time for it. fed_ms: when the
 * switch was fed last. */
void deadman_turn(struct deadman *d, int64_t fed_ms, struct moment now);
/* When to call that again if nothing happens; INT64_MAX: no need. */
int64_t deadman_deadline(const struct deadman *d, int64_t fed_ms,
			 int64_t now_ms);

#endif
