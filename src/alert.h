/*
 * alert.h - one alert of a webhook payload: its JSON, taken apart.
 *
 * Pure. A struct alert points into the JSON that it was read from and lives as
 * long as that does. Nothing is unescaped or copied here.
 */
#ifndef ALERT_H
#define ALERT_H

#include "limits.h"
#include "status.h"
#include "text.h"

#define JSMN_HEADER /* the code is an object file of its own */
#include <jsmn.h>

enum alert_status {
	ALERT_INHERITS, /* says nothing: the payload's status counts */
	ALERT_FIRING,
	ALERT_RESOLVED,
};

/* What a payload says once for all of its alerts. Raw JSON values, quotes
 * included; absent where the payload has none. */
struct envelope {
	struct span receiver, group_key, external_url;
	enum alert_status status;
};

struct pair {
	struct span name, value; /* insides of JSON strings */
};

struct alert {
	struct span json; /* the object itself */
	enum alert_status status;
	/* raw JSON values, a string or null; absent where there is none */
	struct span labels_json, annotations_json;
	struct span starts_at, ends_at, generator_url, fingerprint;
	size_t labels, annotations;
	size_t others;          /* members that bellwire does not read */
	const jsmntok_t *token; /* of the whole object; NULL: restored */
	size_t tokens;
	struct pair label[LIMIT_LABELS], annotation[LIMIT_LABELS];
};

/* Working memory for one alert; large, so one for the whole program. */
struct alert_tokens {
	jsmntok_t token[LIMIT_TOKENS];
};

/*
 * Reads one element of `alerts`. json must be valid JSON (see json.h) and not
 * larger than LIMIT_ALERT. *a points into json and *memory. Returns OK,
 * NOT_PAYLOAD or TOO_MANY; then *why has got the place and what was expected,
 * "labels.job: expected a string".
 */
enum status alert_parse(struct alert *a, struct alert_tokens *memory,
			struct span json, struct buf *why);

/* The most bytes of an index; its parts are told in alert.c. */
enum { ALERT_INDEX = 32 + 2 * LIMIT_LABELS * 8 };

/* Appends an index of the alert: where its parts stand in its JSON. Returns it,
 * absent if there was no room. It is of use to the process that made it, which
 * need not read that JSON again then. */
struct span alert_put_index(struct buf *out, struct alert *a);
/* Takes an alert apart by the index that was made of this very JSON; it has no
 * tokens then. False if there is no index. */
bool alert_restore(struct alert *a, struct span json, struct span index);

/* The inside of a raw JSON string; absent for null and for absent. */
struct span alert_text(struct span value);
/* The value of the label or annotation called name (plain text), or absent. */
struct span alert_label(const struct alert *a, struct span name);
struct span alert_annotation(const struct alert *a, struct span name);
/* Reads "firing" or "resolved" from a raw JSON value; null inherits. */
bool alert_read_status(struct span raw, enum alert_status *status);

/* Members of the alert that bellwire does not read, one after the other:
 * start with *i = 0; false at the end. Needs tokens, if there are any such. Raw
 * JSON, the name with its quotes. */
bool alert_other_member(const struct alert *a, size_t *i, struct span *name,
			struct span *value);

#endif
