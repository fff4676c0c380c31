/*
 * firing.h - what is firing now, for GET /alerts: a ring of alerts and an index
 * of those that count.
 *
 * Pure. An alert is known by its receiver and labels. One that resolves, or
 * changes, leaves a hole; when the ring is full, live alerts are moved out of
 * the way of the new one as long as they fill no more than half of it. Beyond
 * that the oldest is forgotten, and counted.
 */
#ifndef INTAKE_FIRING_H
#define INTAKE_FIRING_H

#include "base/hash.h"
#include "intake/recall.h"
#include "spool/spool.h"

struct firing {
	struct spool ring;
	struct recall index; /* positions of live records' ends */
	uint64_t live_bytes, count;
	uint64_t forgotten; /* since the start */
	_Alignas(8) char bytes[LIMIT_FIRING];
};

void firing_init(struct firing *f);
/* The name of an alert: a keyed hash of its receiver, which is in *receiver
 * already, and its labels. */
uint64_t firing_name(const struct hash *receiver, const struct alert *a);
/* The alert of that name is firing, or resolved. */
void firing_note(struct firing *f, uint64_t name, const struct record *accepted,
		 bool resolved);
/* The firing alerts, oldest first: start with *position = 0; false at the end.
 * *r is good until the next firing_note(). */
bool firing_next(struct firing *f, uint64_t *position, struct record *r);

#endif
