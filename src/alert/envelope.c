/* envelope.c - see envelope.h. */
#include "alert/envelope.h"

static const struct span names[PAYLOAD_OTHER] = {
    SPAN("receiver"),        SPAN("groupKey"),
    SPAN("externalURL"),     SPAN("notification_reason"),
    SPAN("status"),          SPAN("version"),
    SPAN("truncatedAlerts"), SPAN("alerts"),
};

struct span envelope_name(enum payload_member m)
{
	return names[m];
}

enum payload_member envelope_member(struct span name)
{
	for (enum payload_member m = 0; m < PAYLOAD_OTHER; m++)
		if (json_is(name, names[m]))
			return m;
	return PAYLOAD_OTHER;
}

/* Room in the store for the member at hand: what the others, of which none is
 * to go without, do not need. */
static size_t room_for_member(const struct payload *p)
{
	enum { LEAST = LIMIT_ENVELOPE / 8, LEAST_REASON = LEAST / 8 };
	size_t left = p->store.cap - p->store.n;
	for (enum payload_member m = PAYLOAD_RECEIVER; m <= PAYLOAD_REASON; m++)
		if (!p->seen[m])
			left -= m == PAYLOAD_REASON ? LEAST_REASON : LEAST;
	return left;
}

/* The beginning of a string that may go on behind `value`, with the mark of a
 * cut: in `room` bytes, whole characters and escapes. */
static void put_cut(struct buf *out, struct span value, size_t room)
{
	static const struct span mark = SPAN_INIT("\xe2\x80\xa6\"");
	enum { LONGEST = 12 }; /* two escapes that make one character */
	struct span s = span_skip(value, 1);
	while (s.n >= LONGEST &&
	       (size_t)(s.p - value.p) + LONGEST + mark.n <= room)
		json_take_char(&s);
	buf_put(out, (struct span){value.p, (size_t)(s.p - value.p)});
	buf_put(out, mark);
}

/* A string or null of the envelope; kept in the store if the bytes go. What
 * stands behind `alerts` then comes too late for alerts already handed on, and
 * needs no place. */
static void keep(struct payload *p, struct span value, struct span *out)
{
	size_t begin = p->store.n, room = room_for_member(p);
	if (value.p[0] != '"' && !alert_is_null(value)) {
		p->odd = true;
		return;
	}
	if (p->whole) {
		*out = value;
		return;
	}
	if (p->seen[PAYLOAD_ALERTS])
		return;
	if (value.n <= room)
		buf_put(&p->store, value);
	else
		put_cut(&p->store, value, room);
	ASSERT(!p->store.cut);
	*out = (struct span){p->store.p + begin, p->store.n - begin};
}

static struct span *kept_member(struct payload *p)
{
	switch (p->member) {
	case PAYLOAD_RECEIVER:
		return &p->envelope.receiver;
	case PAYLOAD_GROUP_KEY:
		return &p->envelope.group_key;
	case PAYLOAD_EXTERNAL_URL:
		return &p->envelope.external_url;
	case PAYLOAD_REASON:
		return &p->envelope.reason;
	case PAYLOAD_STATUS:
	case PAYLOAD_VERSION:
	case PAYLOAD_TRUNCATED:
	case PAYLOAD_ALERTS:
	case PAYLOAD_OTHER:
		break;
	}
	return NULL;
}

void envelope_take_beginning(struct payload *p, const char *bytes, uint64_t at)
{
	const struct json *j = &p->json;
	struct span *out = kept_member(p);
	bool in_string = j->state >= JSON_IN_STRING && j->state < JSON_AT_END;
	if (out == NULL || p->whole || p->cut || !in_string || j->is_key ||
	    j->depth != 1 || j->offset - j->token <= LIMIT_ENVELOPE)
		return;
	p->cut = true;
	keep(p,
	     (struct span){bytes + (size_t)(j->token - at),
			   (size_t)(j->offset - j->token)},
	     out);
}

/* A number, or a string of digits: a count must not get lost. */
static bool read_count(struct span value, uint64_t *n)
{
	char digits[20]; /* of the largest uint64_t */
	struct buf b = buf_of(digits, sizeof digits);
	struct span text = alert_text(value);
	if (alert_is_null(value))
		return true;
	if (text.p == NULL)
		return span_u64(value, n);
	json_put_text(&b, text);
	return !b.cut && span_u64(buf_span(&b), n);
}

bool envelope_take(struct payload *p, struct span value)
{
	struct span text = alert_text(value);
	struct span *kept = kept_member(p);
	if (kept && value.p && !p->cut)
		keep(p, value, kept);
	p->cut = false;
	if (kept)
		return true;
	switch (p->member) {
	case PAYLOAD_STATUS:
		if (value.p == NULL ||
		    !alert_read_status(value, &p->envelope.status))
			p->odd = true;
		break;
	case PAYLOAD_VERSION:
		if (text.p == NULL ||
		    (!json_is(text, SPAN("4")) && !json_is(text, SPAN("1"))))
			p->odd = true;
		break;
	case PAYLOAD_TRUNCATED:
		if (value.p == NULL || !read_count(value, &p->truncated))
			p->odd = true;
		break;
	case PAYLOAD_ALERTS:
		return false;
	case PAYLOAD_RECEIVER:
	case PAYLOAD_GROUP_KEY:
	case PAYLOAD_EXTERNAL_URL:
	case PAYLOAD_REASON:
	case PAYLOAD_OTHER:
		break;
	}
	return true;
}
