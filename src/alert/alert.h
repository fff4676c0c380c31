/*
 * alert.h - one alert of a webhook payload: its JSON, taken apart.
 *
 * Pure. A struct alert points into the JSON that it was read from, and into the
 * index of that, and lives as long as they do. Nothing is unescaped here.
 */
#ifndef ALERT_ALERT_H
#define ALERT_ALERT_H

#include "alert/member.h"
#include "facts/limits.h"

/* What a payload says once for all of its alerts. Raw JSON values, quotes
 * included; absent where the payload has none. */
struct envelope {
	struct span receiver, group_key, external_url;
	enum alert_status status;
	struct span reason; /* notification_reason, since Alertmanager 0.32 */
};

struct pair {
	struct span name, value; /* insides of JSON strings */
};

/* Labels or annotations, see alert_pair(). */
struct pairs {
	const char *index;
	size_t n;
};

/* The most bytes of an index; index.h describes it. */
enum { ALERT_INDEX = 36 + 2 * LIMIT_LABELS * 8 };

struct alert {
	struct span json; /* the object itself */
	enum alert_status status;
	/* raw JSON values, a string or null; absent where there is none */
	struct span labels_json, annotations_json;
	struct span starts_at, ends_at, generator_url, fingerprint;
	struct pairs labels, annotations;
	size_t others; /* how many bellwire does not read, see others.h */
};

/* Has the alert of that index a status of its own? */
bool alert_has_status(struct span index);
/* Takes an alert apart by the index that was made of this very JSON. *a points
 * into both. False if the index is absent or empty. */
bool alert_restore(struct alert *a, struct span json, struct span index);

/* One of `pairs`, which are the alert's own labels or annotations; i < pairs.n.
 */
struct pair alert_pair(const struct alert *a, struct pairs pairs, size_t i);
/* The value of the label or annotation called name (plain text), or absent. */
struct span alert_label(const struct alert *a, struct span name);
struct span alert_annotation(const struct alert *a, struct span name);

#endif
