/*
 * read.h - an alert, read: from the validator's events, or once more from its
 * bytes, to an index of where its parts stand.
 *
 * Pure.
 */
#ifndef ALERT_READ_H
#define ALERT_READ_H

#include "alert/alert.h"
#include "facts/status.h"

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

/* When the validator has reported the alert's OPEN. */
void alert_read_start(struct alert_reader *r, const struct json *j);
/* An event that the validator has reported within the alert, whose bytes from
 * its first one on are at `alert`: of its members, and of what these hold.
 * After a refusal, which stays the first one, what can be read still is, for
 * the names of the alert. */
void alert_read(struct alert_reader *r, const char *alert, enum json_event e,
		const struct json *j);
/* Is what the member at hand holds of use to alert_read()? */
bool alert_reads_pairs(const struct alert_reader *r);
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

/* Reads one element of `alerts` once more, from its JSON, which must be valid
 * and not larger than LIMIT_ALERT. OK; or NOT_PAYLOAD or TOO_MANY, and *why has
 * got the place and what was expected. */
enum status alert_read_whole(struct alert_reader *r, struct span json,
			     struct buf *why);
/* The same, and takes the alert apart: *a points into json and into *r. Left
 * alone unless OK. */
enum status alert_parse(struct alert *a, struct alert_reader *r,
			struct span json, struct buf *why);

#endif
