/*
 * alert.c - see alert.h.
 *
 * jsmn gives a flat list: an object, then for each member its name and its
 * value with all that is inside the value. Strings come without quotes.
 */
#include "alert.h"

#include "json.h"

#include <string.h>

/* The members that bellwire reads; each may stand once. */
enum member {
	MEMBER_STATUS,
	MEMBER_LABELS,
	MEMBER_ANNOTATIONS,
	MEMBER_STARTS_AT,
	MEMBER_ENDS_AT,
	MEMBER_GENERATOR_URL,
	MEMBER_FINGERPRINT,
	MEMBER_OTHER,
};

static const struct span names[MEMBER_OTHER] = {
    SPAN("status"), SPAN("labels"),       SPAN("annotations"), SPAN("startsAt"),
    SPAN("endsAt"), SPAN("generatorURL"), SPAN("fingerprint"),
};

static enum member member_of(struct span name)
{
	for (enum member m = 0; m < MEMBER_OTHER; m++)
		/* an escaped name is longer than what it stands for */
		if (name.n >= names[m].n && json_is(name, names[m]))
			return m;
	return MEMBER_OTHER;
}

/* A token's inside: what stands between the quotes of a string. */
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

struct span alert_text(struct span value)
{
	if (value.p == NULL || value.p[0] != '"')
		return SPAN_NONE;
	return (struct span){value.p + 1, value.n - 2};
}

static bool is_null(struct span value)
{
	return span_eq(value, SPAN("null"));
}

bool alert_read_status(struct span value, enum alert_status *status)
{
	struct span text = alert_text(value);
	if (is_null(value))
		*status = ALERT_INHERITS;
	else if (text.p && json_is(text, SPAN("firing")))
		*status = ALERT_FIRING;
	else if (text.p && json_is(text, SPAN("resolved")))
		*status = ALERT_RESOLVED;
	else
		return false;
	return true;
}

static enum status refuse(struct buf *why, const char *expected)
{
	buf_str(why, ": ");
	buf_str(why, expected);
	return STATUS_NOT_PAYLOAD;
}

/* The name of a member as part of a place. */
static void put_name(struct buf *why, struct span name)
{
	char text[48];
	struct buf b = buf_of(text, sizeof text);
	json_put_text(&b, name);
	text_show(why, buf_span(&b), sizeof text - 8);
}

/* FNV-1a of the unescaped name: names are only compared where it is equal, so
 * that 64 long names with one beginning do not cost 64 * 64 comparisons. */
static uint32_t name_hash(struct span name)
{
	uint32_t h = 2166136261U;
	while (name.n) {
		unsigned char c = (unsigned char)name.p[0];
		bool plain = c < 0x80 && c != '\\';
		h = (h ^ (plain ? c : json_take_char(&name))) * 16777619U;
		if (plain)
			name = span_skip(name, 1);
	}
	return h;
}

/* Is the last of these names among those before it? Hashes are there if a name
 * may have an escape. */
static bool is_repeated(const struct pair *pair, const uint32_t *hash,
			bool escapes, size_t n)
{
	struct span name = pair[n].name;
	for (size_t i = 0; i < n; i++) {
		if (escapes
			? hash[i] == hash[n] && json_equal(pair[i].name, name)
			: span_eq(pair[i].name, name))
			return true;
	}
	return false;
}

/* labels or annotations: an object of strings, or null for an empty one. */
static enum status parse_pairs(struct alert *a, size_t i, struct pair *pair,
			       size_t *count, struct buf *why)
{
	const jsmntok_t *t = a->token;
	uint32_t hash[LIMIT_LABELS];
	size_t n = 0, end = skip_value(t, a->tokens, i);
	if (is_null(raw(a->json, &t[i])))
		return STATUS_OK;
	if (t[i].type != JSMN_OBJECT)
		return refuse(why, "expected an object");
	bool escapes = json_has_escape(raw(a->json, &t[i]));
	for (i++; i < end; i = skip_value(t, end, i + 1), n++) {
		if (n == LIMIT_LABELS)
			return STATUS_TOO_MANY;
		pair[n] = (struct pair){inside(a->json, &t[i]),
					inside(a->json, &t[i + 1])};
		if (escapes)
			hash[n] = name_hash(pair[n].name);
		bool repeated = is_repeated(pair, hash, escapes, n);
		if (repeated || t[i + 1].type != JSMN_STRING) {
			buf_char(why, '.');
			put_name(why, pair[n].name);
			return refuse(why, repeated ? "expected once"
						    : "expected a string");
		}
	}
	*count = n;
	return STATUS_OK;
}

static enum status parse_text(struct span value, struct span *out,
			      struct buf *why)
{
	*out = value;
	if (alert_text(value).p == NULL && !is_null(value))
		return refuse(why, "expected a string");
	return STATUS_OK;
}

static enum status parse_member(struct alert *a, enum member m, size_t i,
				struct buf *why)
{
	struct span value = raw(a->json, &a->token[i]);
	switch (m) {
	case MEMBER_STATUS:
		if (alert_read_status(value, &a->status))
			return STATUS_OK;
		return refuse(why, "expected \"firing\" or \"resolved\"");
	case MEMBER_LABELS:
		a->labels_json = value;
		return parse_pairs(a, i, a->label, &a->labels, why);
	case MEMBER_ANNOTATIONS:
		a->annotations_json = value;
		return parse_pairs(a, i, a->annotation, &a->annotations, why);
	case MEMBER_STARTS_AT:
		return parse_text(value, &a->starts_at, why);
	case MEMBER_ENDS_AT:
		return parse_text(value, &a->ends_at, why);
	case MEMBER_GENERATOR_URL:
		return parse_text(value, &a->generator_url, why);
	case MEMBER_FINGERPRINT:
		return parse_text(value, &a->fingerprint, why);
	case MEMBER_OTHER:
		break;
	}
	return STATUS_OK;
}

enum status alert_parse(struct alert *a, struct alert_tokens *memory,
			struct span json, struct buf *why)
{
	bool seen[MEMBER_OTHER] = {false};
	jsmn_parser parser;
	memset(a, 0, offsetof(struct alert, label));
	a->json = json;
	a->token = memory->token;
	if (json.p[0] != '{')
		return refuse(why, "expected an object");
	jsmn_init(&parser);
	int n =
	    jsmn_parse(&parser, json.p, json.n, memory->token, LIMIT_TOKENS);
	ASSERT(n > 0); /* valid JSON of at most LIMIT_ALERT bytes */
	a->tokens = (size_t)n;
	for (size_t i = 1; i < a->tokens;
	     i = skip_value(a->token, a->tokens, i + 1)) {
		struct span name = inside(json, &a->token[i]);
		enum member m = member_of(name);
		if (m == MEMBER_OTHER) {
			a->others++;
			continue;
		}
		size_t mark = why->n;
		buf_char(why, '.');
		buf_put(why, names[m]);
		if (seen[m])
			return refuse(why, "expected once");
		seen[m] = true;
		enum status status = parse_member(a, m, i + 1, why);
		if (status != STATUS_OK)
			return status;
		why->n = mark;
	}
	return STATUS_OK;
}

/* An index, each number as two bytes: status; 1 if there are other members; how
 * many labels and annotations; then offset and length of six values, and of
 * each label's name and value, and each annotation's. An absent value has the
 * offset 0, where the object itself begins. */
enum { INDEX_VALUES = 6, INDEX_HEADER = 8, INDEX_SPAN = 4 };

static void list_values(struct alert *a, struct span *value[INDEX_VALUES])
{
	value[0] = &a->labels_json;
	value[1] = &a->annotations_json;
	value[2] = &a->starts_at;
	value[3] = &a->ends_at;
	value[4] = &a->generator_url;
	value[5] = &a->fingerprint;
}

static char *put_number(char *p, size_t v)
{
	p[0] = (char)(v & 0xff);
	p[1] = (char)(v >> 8 & 0xff);
	return p + 2;
}

static char *put_span(char *p, struct span json, struct span s)
{
	p = put_number(p, s.p ? (size_t)(s.p - json.p) : 0);
	return put_number(p, s.n);
}

static char *put_pairs(char *p, struct span json, const struct pair *pair,
		       size_t n)
{
	for (size_t i = 0; i < n; i++) {
		p = put_span(p, json, pair[i].name);
		p = put_span(p, json, pair[i].value);
	}
	return p;
}

static size_t index_bytes(size_t pairs)
{
	return INDEX_HEADER + (INDEX_VALUES + 2 * pairs) * INDEX_SPAN;
}

struct span alert_put_index(struct buf *out, struct alert *a)
{
	struct span index = {out->p + out->n,
			     index_bytes(a->labels + a->annotations)};
	struct span *value[INDEX_VALUES];
	if (index.n > out->cap - out->n)
		return SPAN_NONE;
	list_values(a, value);
	char *p = put_number(out->p + out->n, a->status);
	p = put_number(p, a->others != 0);
	p = put_number(p, a->labels);
	p = put_number(p, a->annotations);
	for (size_t i = 0; i < INDEX_VALUES; i++)
		p = put_span(p, a->json, *value[i]);
	p = put_pairs(p, a->json, a->label, a->labels);
	put_pairs(p, a->json, a->annotation, a->annotations);
	out->n += index.n;
	return index;
}

static size_t get_number(const char *p)
{
	return byte_of(p[0]) | (size_t)byte_of(p[1]) << 8;
}

static struct span get_span(const char *p, struct span json)
{
	size_t at = get_number(p);
	return (struct span){at ? json.p + at : NULL, get_number(p + 2)};
}

static const char *get_pairs(const char *p, struct span json, struct pair *pair,
			     size_t n)
{
	for (size_t i = 0; i < n; i++, p += 2 * INDEX_SPAN)
		pair[i] = (struct pair){get_span(p, json),
					get_span(p + INDEX_SPAN, json)};
	return p;
}

bool alert_restore(struct alert *a, struct span json, struct span index)
{
	struct span *value[INDEX_VALUES];
	const char *p = index.p;
	if (index.n == 0)
		return false;
	memset(a, 0, offsetof(struct alert, label));
	a->json = json;
	a->status = (enum alert_status)get_number(p);
	a->others = get_number(p + 2);
	a->labels = get_number(p + 4);
	a->annotations = get_number(p + 6);
	ASSERT(a->labels <= LIMIT_LABELS && a->annotations <= LIMIT_LABELS &&
	       index.n == index_bytes(a->labels + a->annotations));
	p += INDEX_HEADER;
	list_values(a, value);
	for (size_t i = 0; i < INDEX_VALUES; i++, p += INDEX_SPAN)
		*value[i] = get_span(p, json);
	p = get_pairs(p, json, a->label, a->labels);
	get_pairs(p, json, a->annotation, a->annotations);
	return true;
}

static struct span find(const struct pair *pair, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++)
		if (json_is(pair[i].name, name))
			return pair[i].value;
	return SPAN_NONE;
}

struct span alert_label(const struct alert *a, struct span name)
{
	return find(a->label, a->labels, name);
}

struct span alert_annotation(const struct alert *a, struct span name)
{
	return find(a->annotation, a->annotations, name);
}

bool alert_other_member(const struct alert *a, size_t *i, struct span *name,
			struct span *value)
{
	size_t at = *i ? *i : 1;
	while (at < a->tokens) {
		const jsmntok_t *t = &a->token[at];
		at = skip_value(a->token, a->tokens, at + 1);
		if (member_of(inside(a->json, t)) != MEMBER_OTHER)
			continue;
		*name = raw(a->json, t);
		*value = raw(a->json, t + 1);
		*i = at;
		return true;
	}
	return false;
}
