/* alert.c - see alert.h. */
#include "alert/index.h"

#include <string.h>

static inline struct span get_value(enum member m, struct span json,
				    struct span index)
{
	const char *at = index.p + at_value(m);
	return load_four(at) ? get_span(at, json.p) : SPAN_NONE;
}

static struct pairs restore_group(const char *group, struct span index)
{
	size_t first = get_number(group), n = get_number(group + 2);
	size_t at = INDEX_AT_PAIRS + PAIR_BYTES * first;
	ASSERT(n <= LIMIT_LABELS && at + PAIR_BYTES * n <= index.n);
	return (struct pairs){index.p + at, n};
}

bool alert_has_status(struct span index)
{
	return get_number(index.p + INDEX_AT_STATUS) != ALERT_INHERITS;
}

bool alert_restore(struct alert *a, struct span json, struct span index)
{
	if (index.n == 0)
		return false;
	a->json = json;
	a->status = (enum alert_status)get_number(index.p + INDEX_AT_STATUS);
	a->others = get_number(index.p + INDEX_AT_OTHERS);
	a->labels_json = get_value(MEMBER_LABELS, json, index);
	a->annotations_json = get_value(MEMBER_ANNOTATIONS, json, index);
	a->starts_at = get_value(MEMBER_STARTS_AT, json, index);
	a->ends_at = get_value(MEMBER_ENDS_AT, json, index);
	a->generator_url = get_value(MEMBER_GENERATOR_URL, json, index);
	a->fingerprint = get_value(MEMBER_FINGERPRINT, json, index);
	a->labels = restore_group(index.p + INDEX_AT_GROUPS, index);
	a->annotations =
	    restore_group(index.p + INDEX_AT_GROUPS + GROUP_BYTES, index);
	return true;
}

struct pair alert_pair(const struct alert *a, struct pairs pairs, size_t i)
{
	ASSERT(i < pairs.n);
	const char *p = pairs.index + PAIR_BYTES * i;
	return (struct pair){get_span(p, a->json.p),
			     get_span(p + SPAN_BYTES, a->json.p)};
}

static struct span find(const struct alert *a, struct pairs pairs,
			struct span name)
{
	const char *p = pairs.index;
	for (size_t i = 0; i < pairs.n; i++, p += PAIR_BYTES)
		if (json_is(get_span(p, a->json.p), name))
			return get_span(p + SPAN_BYTES, a->json.p);
	return SPAN_NONE;
}

struct span alert_label(const struct alert *a, struct span name)
{
	return find(a, a->labels, name);
}

struct span alert_annotation(const struct alert *a, struct span name)
{
	return find(a, a->annotations, name);
}
