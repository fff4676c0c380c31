/* alert.c - see alert.h. */
#include "alert/index.h"

#include <string.h>

static inline struct span get_value(enum member m, struct span json,
				    struct span index)
{
	struct span value = get_span(index.p + at_value(m), json.p);
	return value.p != json.p ? value : SPAN_NONE;
}

static struct pairs restore_group(const char *group, struct span index)
{
	size_t first = get_number(group), n = get_number(group + 2);
	size_t at = INDEX_AT_PAIRS + PAIR_BYTES * first;
	ASSERT(n <= LIMIT_LABELS && at + PAIR_BYTES * n <= index.n);
	return (struct pairs){index.p + at, n};
}

bool alert_restore(struct alert *a, struct span json, struct span index)
{
	if (index.n == 0)
		return false;
	a->json = json;
	a->status = (enum alert_status)get_number(index.p + INDEX_AT_STATUS);
	a->others = get_number(index.p + INDEX_AT_OTHERS);
	a->token = NULL;
	a->tokens = 0;
	a->labels_json = get_value(MEMBER_LABELS, json, index);
	a->annotations_json = get_value(MEMBER_ANNOTATIONS, json, index);
	a->starts_at = get_value(MEMBER_STARTS_AT, json, index);
	a->ends_at = get_value(MEMBER_ENDS_AT, json, index);
	a->generator_url = get_value(MEMBER_GENERATOR_URL, json, index);
	a->fingerprint = get_value(MEMBER_FINGERPRINT, json, index);
	a->labels = restore_group(index.p + INDEX_AT_GROUPS, index);
	a->annotations =
	    restore_group(index.p + INDEX_AT_GROUPS + SPAN_BYTES, index);
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

/* jsmn gives a flat list: an object, then for each member its name and its
 * value with all that is inside the value. Strings come without quotes. */
static struct span inside(struct span json, const jsmntok_t *t)
{
	return (struct span){json.p + t->start, (size_t)(t->end - t->start)};
}

/* A token as it was written. */
static struct span raw(struct span json, const jsmntok_t *t)
{
	struct span s = inside(json, t);
	return t->type == JSMN_STRING ? (struct span){s.p - 1, s.n + 2} : s;
}

/* The index behind the value at i and all that is inside of it. */
static size_t skip_value(const jsmntok_t *t, size_t n, size_t i)
{
	int end = t[i].end;
	do
		i++;
	while (i < n && t[i].start < end);
	return i;
}

bool alert_other_member(const struct alert *a, size_t *i, struct span *name,
			struct span *value)
{
	size_t at = *i ? *i : 1;
	while (at < a->tokens) {
		const jsmntok_t *t = &a->token[at];
		at = skip_value(a->token, a->tokens, at + 1);
		if (alert_member(inside(a->json, t)) != MEMBER_OTHER)
			continue;
		*name = raw(a->json, t);
		*value = raw(a->json, t + 1);
		*i = at;
		return true;
	}
	return false;
}
