/*
 * envelope.h - what stands around the alerts of a payload, for payload.c.
 *
 * Whatever is wrong with it, they come out; so what is of no use counts as
 * missing.
 */
#ifndef ALERT_ENVELOPE_H
#define ALERT_ENVELOPE_H

#include "alert/payload.h"

/* The member that a name (the inside of its string) stands for. */
enum payload_member envelope_member(struct span name);
struct span envelope_name(enum payload_member m);

/* A string or scalar as the value of p->member; absent if it was too long to be
 * held. False: of `alerts`. */
bool envelope_take(struct payload *p, struct span value);
/* All bytes were taken, within a string that is longer than what is held of it:
 * its beginning goes to the store, the rest is passed over. `bytes` are those
 * from `at` on. */
void envelope_take_beginning(struct payload *p, const char *bytes, uint64_t at);

#endif
