/*
 * others.h - the members of an alert that bellwire does not read, one after the
 * other, for format=json, which loses none. jsmn finds them.
 *
 * Pure.
 */
#ifndef ALERT_OTHERS_H
#define ALERT_OTHERS_H

#include "alert/alert.h"

#define JSMN_HEADER /* the code is an object file of its own */
#include <jsmn.h>

/* Tokens at hand: those of all that is open, which are a container and a name a
 * level, and as many to go on with. */
enum { OTHERS_TOKENS = 4 * LIMIT_JSON_DEPTH };

struct others {
	struct span json;
	jsmn_parser parser;
	jsmntok_t token[OTHERS_TOKENS]; /* the alert itself is the first */
	size_t next;                    /* the name that was not looked at */
};

/* The alert's JSON must be valid; it stays the caller's. */
void others_start(struct others *o, const struct alert *a);
/* False at the end. Raw JSON, the name with its quotes. All calls for an alert
 * take time that is linear in its length. */
bool others_next(struct others *o, struct span *name, struct span *value);

#endif
