/*
 * alert.h - one alert of a webhook payload: its JSON, taken apart.
 *
 * Pure. A struct alert points into the JSON that it was read from, and into the
 * index of that, and lives as long as they do. Nothing is unescaped here.
 */
#ifndef ALERT_ALERT_H
#define ALERT_ALERT_H

#include "facts/limits.h"
#include "facts/status.h"
#include "json/json.h"

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

/* Labels or annotations, see alert_pair(). */
struct pairs {
	const char *index;
	size_t n;
};

/* The most bytes of an index; its parts are told in index.h. */
enum { ALERT_INDEX = 36 + 2 * LIMIT_LABELS * 8 };

struct alert {
	struct span json; /* the object itself */
	enum alert_status status;
	/* raw JSON values, a string or null; absent where there is none */
	struct span labels_json, annotations_json;
	struct span starts_at, ends_at, generator_url, fingerprint;
	struct pairs labels, annotations;
	size_t others;          /* members that bellwire does not read */
	const jsmntok_t *token; /* of the whole object, see below */
	size_t tokens;
	char index[ALERT_INDEX]; /* of alert_parse() */
};

/* Reads an alert while the validator walks over it, and makes an index: where
 * its parts stand in its JSON. */
struct alert_reader {
	enum status status;   /* OK, or why the alert is refused */
	const char *expected; /* then; NULL if the place says it all */
	uint8_t bad_member;   /* which is to blame, */
	bool in_pair;         /* and whether one of its labels is: */
	char bad_name[4];     /* where the name of that stands, see index.h */
	uint8_t member;       /* whose value is at hand */
	uint8_t seen;         /* bit m: member m was there */
	uint8_t depth;        /* of its members */
	uint64_t base;        /* the text's offset where the alert begins */
	size_t start;         /* of the object at hand */
	size_t first, pairs;  /* labels and annotations before it, and so far */
	char index[ALERT_INDEX];
};

/* When the validator has told of the alert's OPEN. */
void alert_read_start(struct alert_reader *r, const struct json *j);
/* An event that the validator has told of within the alert, whose bytes from
 * its first one on are at `alert`: of its members, and of what these hold.
 * After a refusal, which stays the first one, what can be read still is, for
 * the names of the alert. */
void alert_read(struct alert_reader *r, const char *alert, enum json_event e,
		const struct json *j);
/* Takes the members that the usual alert has, strings and objects of strings
 * without blanks between tokens, at once, as the validator and alert_read()
 * would: those that come next and are whole in alert[0..n), n being at most
 * LIMIT_ALERT; none, where no member can stand. The validator is in no
 * container within the alert. */
void alert_walk(struct alert_reader *r, const char *alert, size_t n,
		struct json *j);
/* After a refusal: the place and what was expected, ".labels.job: expected a
 * string". */
void alert_put_why(const struct alert_reader *r, const char *alert,
		   struct buf *why);
/* What it is called, as far as it was read, refused or not: the alertname among
 * its labels and its fingerprint, as raw JSON strings, or absent. */
void alert_read_names(const struct alert_reader *r, const char *alert,
		      struct span *alertname, struct span *fingerprint);
/* Behind the alert's last byte: its index. It is of use to this process alone,
 * which need not read the JSON again then. */
struct span alert_index(const struct alert_reader *r);

/* Takes an alert apart by the index that was made of this very JSON. *a points
 * into both and has no tokens. False if the index is absent or empty. */
bool alert_restore(struct alert *a, struct span json, struct span index);

/* Working memory for an alert's other members; large, so there are few. */
struct alert_tokens {
	jsmntok_t token[LIMIT_TOKENS];
};

/* Reads one element of `alerts` once more, from its JSON, which must be valid
 * and not larger than LIMIT_ALERT. OK; or NOT_PAYLOAD or TOO_MANY, and *why has
 * got the place and what was expected. */
enum status alert_read_whole(struct alert_reader *r, struct span json,
			     struct buf *why);
/*
 * Reads one element of `alerts` from its JSON, which must be valid and not
 * larger than LIMIT_ALERT. *a points into json, into itself (so it is not to be
 * copied) and, with its tokens, if it has other members, into *memory; without
 * memory (NULL) it has no tokens. Returns OK; or NOT_PAYLOAD or TOO_MANY, and
 * *why has got the place and what was expected, *a is left alone.
 */
enum status alert_parse(struct alert *a, struct alert_tokens *memory,
			struct span json, struct buf *why);

/* The inside of a raw JSON string; absent for null and for absent. */
struct span alert_text(struct span value);
/* One of `pairs`, which are the alert's own labels or annotations; i < pairs.n.
 */
struct pair alert_pair(const struct alert *a, struct pairs pairs, size_t i);
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
