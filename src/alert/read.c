/*
 * read.c - see read.h: from the validator's events to an index,
 * whose layout index.h describes; and from the bytes of usual members,
 * which come to the same.
 *
 * Invariant: all offsets and lengths fit two bytes, since an alert of more than
 * LIMIT_ALERT bytes is refused before its event comes here.
 */
#include "alert/read.h"

#include "alert/index.h"

#include <string.h>

static void put_number(char *p, size_t v)
{
	p[0] = (char)(v & 0xff);
	p[1] = (char)(v >> 8 & 0xff);
}

static void put_span(char *p, size_t at, size_t n)
{
	store_four(p, (uint32_t)at | (uint32_t)n << 16);
}

/* What a string has between its quotes. */
static void put_inside(char *p, size_t start, size_t end)
{
	put_span(p, start + 1, end - start - 2);
}

static char *index_value(struct alert_reader *r)
{
	return r->index + at_value((enum member)r->member);
}

static char *index_pair(struct alert_reader *r)
{
	return r->index + INDEX_AT_PAIRS + PAIR_BYTES * r->pairs;
}

void alert_read_start(struct alert_reader *r, const struct json *j)
{
	r->status = STATUS_OK;
	r->expected = NULL;
	r->in_pair = false;
	r->member = MEMBER_OTHER;
	r->seen = 0;
	r->depth = j->depth;
	r->base = j->token;
	r->start = r->first = r->pairs = 0;
	memset(r->index, 0, INDEX_AT_PAIRS);
}

/* The first fault counts. */
static bool blame(struct alert_reader *r, enum status status,
		  const char *expected)
{
	if (r->status != STATUS_OK)
		return false;
	r->status = status;
	r->expected = expected;
	r->bad_member = r->member;
	return true;
}

/* The value at hand; nothing in there is of use. */
static void refuse(struct alert_reader *r, const char *expected)
{
	blame(r, STATUS_NOT_PAYLOAD, expected);
	r->member = MEMBER_OTHER;
}

static void refuse_pair(struct alert_reader *r, size_t pair,
			const char *expected)
{
	if (!blame(r, STATUS_NOT_PAYLOAD, expected))
		return;
	r->in_pair = true;
	memcpy(r->bad_name, r->index + INDEX_AT_PAIRS + PAIR_BYTES * pair,
	       sizeof r->bad_name);
}

static inline void take_name(struct alert_reader *r, enum member m)
{
	r->member = (uint8_t)m;
	if (m == MEMBER_OTHER)
		put_number(r->index + INDEX_AT_OTHERS,
			   get_number(r->index + INDEX_AT_OTHERS) + 1);
	else if (r->seen >> m & 1)
		refuse(r, ": expected once");
	r->seen = (uint8_t)(r->seen | 1U << m);
}

static void take_status(struct alert_reader *r, struct span value)
{
	enum alert_status status;
	if (alert_read_status(value, &status))
		put_number(r->index + INDEX_AT_STATUS, status);
	else
		refuse(r, ": expected \"firing\" or \"resolved\"");
}

static bool is_group(uint8_t member)
{
	return member == MEMBER_LABELS || member == MEMBER_ANNOTATIONS;
}

/* A string or a scalar as a member's value. */
static inline void take_value(struct alert_reader *r, struct span value,
			      size_t at)
{
	bool group = is_group(r->member);
	if (r->member == MEMBER_OTHER)
		return;
	if (r->member == MEMBER_STATUS)
		take_status(r, value);
	else if ((group || value.p[0] != '"') && !alert_is_null(value))
		refuse(r,
		       group ? ": expected an object" : ": expected a string");
	else
		put_span(index_value(r), at, value.n);
}

/* An object or an array as a member's value. */
static void take_open(struct alert_reader *r, char bracket, size_t at)
{
	if (r->member == MEMBER_OTHER)
		return;
	if (r->member == MEMBER_STATUS)
		refuse(r, ": expected \"firing\" or \"resolved\"");
	else if (!is_group(r->member))
		refuse(r, ": expected a string");
	else if (bracket != '{')
		refuse(r, ": expected an object");
	r->start = at;
	r->first = r->pairs;
}

static struct span name_of(const struct alert_reader *r, const char *alert,
			   size_t pair)
{
	return get_span(r->index + INDEX_AT_PAIRS + PAIR_BYTES * pair, alert);
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

/* For find_repeated(), where a name may have an escape. */
static size_t find_repeated_text(const struct alert_reader *r,
				 const char *alert)
{
	uint32_t hash[LIMIT_LABELS];
	for (size_t i = r->first; i < r->pairs; i++) {
		struct span name = name_of(r, alert, i);
		hash[i - r->first] = name_hash(name);
		for (size_t k = r->first; k < i; k++)
			if (hash[k - r->first] == hash[i - r->first] &&
			    json_equal(name_of(r, alert, k), name))
				return i;
	}
	return r->pairs;
}

/* The first of the names at hand that stood before, or r->pairs. Most have no
 * escape, as is known if they are `plain`, and differ in their length and first
 * byte: each is one of 32 kinds by these, and is compared where one of its kind
 * was there. */
static size_t find_repeated(const struct alert_reader *r, const char *alert,
			    bool plain)
{
	uint32_t kinds = 0;
	for (size_t i = r->first; i < r->pairs; i++) {
		struct span name = name_of(r, alert, i);
		if (!plain && json_has_escape(name))
			return find_repeated_text(r, alert);
		/* of an empty one that byte is its quote */
		uint32_t kind = 1U << ((name.n ^ byte_of(name.p[0])) & 31);
		for (size_t k = r->first; kinds & kind && k < i; k++) {
			struct span other = name_of(r, alert, k);
			if (other.n == name.n && span_eq(other, name))
				return i;
		}
		kinds |= kind;
	}
	return r->pairs;
}

/* Behind labels or annotations; `plain`: no name of theirs has an escape. */
static void take_close(struct alert_reader *r, const char *alert, size_t end,
		       bool plain)
{
	if (!is_group(r->member))
		return;
	put_span(index_value(r), r->start, end - r->start);
	char *group = r->index + INDEX_AT_GROUPS +
		      GROUP_BYTES * (r->member - MEMBER_LABELS);
	put_number(group, r->first);
	put_number(group + 2, r->pairs - r->first);
	size_t repeated = find_repeated(r, alert, plain);
	if (repeated != r->pairs)
		refuse_pair(r, repeated, ": expected once");
}

static void read_member(struct alert_reader *r, const char *alert,
			enum json_event e, size_t start, size_t end)
{
	struct span token = {alert + start, end - start};
	if (e == JSON_KEY)
		take_name(r, alert_member(alert_text(token)));
	else if (e == JSON_OPEN)
		take_open(r, alert[start], start);
	else if (e == JSON_CLOSE)
		take_close(r, alert, end, false);
	else
		take_value(r, token, start);
}

/* Within labels or annotations, where a string follows each name. */
static void read_pair(struct alert_reader *r, enum json_event e, size_t start,
		      size_t end)
{
	if (r->pairs - r->first == LIMIT_LABELS) {
		blame(r, STATUS_TOO_MANY, NULL);
	} else if (e == JSON_KEY) {
		put_inside(index_pair(r), start, end);
	} else if (e == JSON_STRING) {
		put_inside(index_pair(r) + SPAN_BYTES, start, end);
		r->pairs++;
	} else {
		refuse_pair(r, r->pairs, ": expected a string");
	}
}

bool alert_reads_pairs(const struct alert_reader *r)
{
	return is_group(r->member);
}

void alert_read(struct alert_reader *r, const char *alert, enum json_event e,
		const struct json *j)
{
	/* OPEN has entered the container that it tells of */
	unsigned depth = j->depth - (e == JSON_OPEN ? 1U : 0U);
	size_t start = (size_t)(j->token - r->base);
	size_t end = (size_t)(j->offset - r->base);
	if (depth == r->depth)
		read_member(r, alert, e, start, end);
	else if (depth == r->depth + 1U && is_group(r->member) &&
		 e != JSON_CLOSE)
		read_pair(r, e, start, end);
}

/* Labels or annotations from behind their bracket on. Returns where they end,
 * or 0 if they are not whole or not the usual ones. */
static size_t walk_pairs(struct alert_reader *r, const char *alert, size_t i,
			 size_t n)
{
	size_t first = r->pairs;
	if (i < n && alert[i] == '}')
		return i + 1;
	for (;;) {
		size_t value = json_behind_plain_name(alert, i, n);
		size_t end = value ? json_behind_string(alert, value, n) : 0;
		if (end == 0 || end == n || r->pairs - first == LIMIT_LABELS)
			return 0;
		put_inside(index_pair(r), i, value - 1);
		put_inside(index_pair(r) + SPAN_BYTES, value, end);
		r->pairs++;
		if (alert[end] == '}')
			return end + 1;
		if (alert[end] != ',')
			return 0;
		i = end + 1;
	}
}

/* Does `at` begin with one of alert_quoted[]? */
static inline bool begins_with(struct span at, struct span name)
{
	size_t last = name.n - 8; /* may overlap with the first eight */
	ASSERT(last <= 8);
	return at.n >= name.n && eight_bytes(at.p) == eight_bytes(name.p) &&
	       eight_bytes(at.p + last) == eight_bytes(name.p + last);
}

/* A member's name and its colon: where they end, and in *m which member it is;
 * or 0. Senders keep to one order, mostly that of the enum. */
static inline size_t walk_name(const struct alert_reader *r, struct span at,
			       enum member *m)
{
	*m = r->seen ? r->member + 1U : MEMBER_STATUS;
	if (*m < MEMBER_OTHER && begins_with(at, alert_quoted[*m]))
		return alert_quoted[*m].n;
	size_t value = json_behind_name(at.p, 0, at.n);
	if (value)
		*m = alert_member(alert_inside_name(at.p, value));
	return value;
}

/* A member from its name on. Returns where it ends, or 0 and nothing was done.
 */
static size_t walk_member(struct alert_reader *r, const char *alert, size_t i,
			  size_t n)
{
	enum member m;
	size_t end, pairs = r->pairs;
	size_t name = walk_name(r, (struct span){alert + i, n - i}, &m);
	size_t value = i + name;
	if (name == 0 || value == n)
		return 0;
	if (m != MEMBER_OTHER && r->seen >> m & 1)
		return 0;
	if (alert[value] == '{' && is_group((uint8_t)m)) {
		end = walk_pairs(r, alert, value + 1, n);
		if (end == 0) {
			r->pairs = pairs;
			return 0;
		}
		take_name(r, m);
		r->start = value;
		r->first = pairs;
		take_close(r, alert, end, true);
		return end;
	}
	end = m == MEMBER_OTHER ? json_behind_value(alert, value, n, r->depth)
				: json_behind_string(alert, value, n);
	if (end == 0)
		return 0;
	take_name(r, m);
	take_value(r, (struct span){alert + value, end - value}, value);
	return end;
}

void alert_walk(struct alert_reader *r, const char *alert, size_t n,
		struct json *j)
{
	size_t start = (size_t)(j->offset - r->base), i = start;
	bool first = j->state == JSON_WANT_KEY_OR_END;
	ASSERT(j->depth == r->depth);
	if (!first && j->state != JSON_WANT_COMMA_OR_END)
		return;
	while (r->status == STATUS_OK && i < n && (first || alert[i] == ',')) {
		size_t end = walk_member(r, alert, first ? i : i + 1, n);
		if (end == 0)
			break;
		i = end;
		first = false;
	}
	if (i > start)
		json_skip_members(j, i - start);
}

/* The name of a member as part of a place. */
static void put_name(struct buf *why, struct span name)
{
	char text[48];
	struct buf b = buf_of(text, sizeof text);
	json_put_text(&b, name);
	text_show(why, buf_span(&b), sizeof text - 8);
}

void alert_put_why(const struct alert_reader *r, const char *alert,
		   struct buf *why)
{
	buf_char(why, '.');
	buf_put(why, alert_member_name((enum member)r->bad_member));
	if (r->in_pair) {
		buf_char(why, '.');
		put_name(why, get_span(r->bad_name, alert));
	}
	if (r->expected)
		buf_str(why, r->expected);
}

/* Of a string's inside, the string. */
static struct span raw_string(struct span inside)
{
	return (struct span){inside.p - 1, inside.n + 2};
}

void alert_read_names(const struct alert_reader *r, const char *alert,
		      struct span *alertname, struct span *fingerprint)
{
	const char *group = r->index + INDEX_AT_GROUPS;
	bool at_hand = r->member == MEMBER_LABELS;
	size_t first = at_hand ? r->first : get_number(group);
	size_t end = at_hand ? r->pairs : first + get_number(group + 2);
	*alertname = SPAN_NONE;
	for (size_t i = first; i < end; i++)
		if (json_is(name_of(r, alert, i), SPAN("alertname")))
			*alertname =
			    raw_string(get_span(r->index + INDEX_AT_PAIRS +
						    PAIR_BYTES * i + SPAN_BYTES,
						alert));
	*fingerprint = get_span(r->index + at_value(MEMBER_FINGERPRINT), alert);
	if (fingerprint->p == alert || fingerprint->p[0] != '"')
		*fingerprint = SPAN_NONE;
}

struct span alert_index(const struct alert_reader *r)
{
	return (struct span){r->index, INDEX_AT_PAIRS + PAIR_BYTES * r->pairs};
}

enum status alert_read_whole(struct alert_reader *r, struct span json,
			     struct buf *why)
{
	struct json j = {.report_depth = 2};
	enum json_event e = json_next(&j, json.p, json.n);
	alert_read_start(r, &j);
	if (json.p[0] != '{') {
		buf_str(why, ": expected an object");
		return STATUS_NOT_PAYLOAD;
	}
	while (j.depth) {
		ASSERT(e != JSON_MORE && e != JSON_BAD && e != JSON_TOO_DEEP);
		e = json_next(&j, json.p + j.offset, json.n - (size_t)j.offset);
		if (j.depth)
			alert_read(r, json.p, e, &j);
	}
	if (r->status != STATUS_OK)
		alert_put_why(r, json.p, why);
	return r->status;
}

enum status alert_parse(struct alert *a, struct alert_reader *r,
			struct span json, struct buf *why)
{
	enum status status = alert_read_whole(r, json, why);
	if (status == STATUS_OK)
		alert_restore(a, json, alert_index(r));
	return status;
}
