/*
 * payload.c - see payload.h.
 *
 * Invariant: events come for the payload itself (depth 0) and its members (1);
 * while in_alerts is set, also for the alerts (2), their members (3) and their
 * labels and annotations (4).
 */
#include "alert/envelope.h"
#include "alert/index.h"

/* How deep events are reported, outside of `alerts` and in there. */
enum { MEMBERS = 1, ELEMENTS = 2, LABELS = 4 };

void payload_start(struct payload *p, bool whole)
{
	p->json = (struct json){.report_depth = MEMBERS};
	p->member = PAYLOAD_OTHER;
	for (size_t i = 0; i < PAYLOAD_OTHER; i++)
		p->seen[i] = false;
	p->in_alerts = p->odd = p->skipping = p->cut = false;
	p->whole = whole;
	p->start = p->end = p->count = p->truncated = 0;
	p->envelope = (struct envelope){0};
	p->store = buf_of(p->store_bytes, sizeof p->store_bytes);
	p->status = STATUS_OK;
	p->why = buf_of(p->why_bytes, sizeof p->why_bytes);
}

static enum payload_event refuse(struct payload *p, enum status status)
{
	p->status = status;
	return PAYLOAD_REFUSED;
}

/* Refuses the member at hand. */
static enum payload_event refuse_member(struct payload *p, const char *why)
{
	p->why.n = 0;
	buf_put(&p->why, envelope_name(p->member));
	buf_str(&p->why, why);
	return refuse(p, STATUS_NOT_PAYLOAD);
}

/* The alert at hand; `why` tells where and what. */
static enum payload_event leave_out(struct payload *p, enum status status)
{
	p->status = status;
	p->end = p->json.offset;
	return PAYLOAD_LEFT_OUT;
}

static enum payload_event refuse_json(struct payload *p)
{
	p->why.n = 0; /* of an alert that was left out */
	buf_str(&p->why, "byte ");
	buf_u64(&p->why, p->json.offset);
	buf_str(&p->why, ": expected ");
	buf_str(&p->why, p->json.expected);
	return refuse(p, STATUS_NOT_JSON);
}

void payload_begin_place(struct payload *p)
{
	p->why.n = 0;
	buf_str(&p->why, "alerts[");
	buf_u64(&p->why, p->count - 1);
	buf_char(&p->why, ']');
}

static enum payload_event take_name(struct payload *p, struct span name)
{
	struct span text = alert_text(name);
	p->member = text.p ? envelope_member(text) : PAYLOAD_OTHER;
	if (p->member == PAYLOAD_OTHER)
		return PAYLOAD_MORE;
	if (p->seen[p->member])
		return refuse_member(p, ": expected once");
	p->seen[p->member] = true;
	return PAYLOAD_MORE;
}

/* An object or array began as the value of a member. */
static enum payload_event take_open(struct payload *p)
{
	bool object = p->json.objects >> (p->json.depth - 1) & 1;
	p->odd = p->odd ||
		 (p->member != PAYLOAD_OTHER && p->member != PAYLOAD_ALERTS);
	if (p->member != PAYLOAD_ALERTS)
		return PAYLOAD_MORE;
	if (object)
		return refuse_member(p, ": expected an array");
	p->in_alerts = true;
	p->json.report_depth = LABELS;
	return PAYLOAD_MORE;
}

/* Passes over the rest of the alert at hand. */
static void skip_alert(struct payload *p)
{
	p->skipping = true;
	p->json.report_depth = ELEMENTS;
}

/* An event of an element of `alerts`. */
static enum payload_event take_element(struct payload *p, enum json_event e,
				       const char *bytes, uint64_t at)
{
	bool object = p->json.objects >> 2 & 1; /* for OPEN and CLOSE */
	if (e != JSON_CLOSE) {
		p->start = p->json.token;
		p->count++;
		alert_read_start(&p->alert, &p->json);
		if (e == JSON_OPEN && object)
			return PAYLOAD_MORE;
		if (e == JSON_OPEN)
			skip_alert(p);
		if (!p->whole) /* its beginning was not held */
			p->start = p->json.offset;
		payload_begin_place(p);
		buf_str(&p->why, ": expected an object");
		return leave_out(p, STATUS_NOT_PAYLOAD);
	}
	p->end = p->json.offset;
	if (p->skipping) {
		p->skipping = false;
		p->json.report_depth = LABELS;
		return PAYLOAD_MORE;
	}
	if (p->alert.status == STATUS_OK)
		return PAYLOAD_ALERT;
	payload_begin_place(p);
	alert_put_why(&p->alert, bytes + (size_t)(p->start - at), &p->why);
	return leave_out(p, p->alert.status);
}

static bool in_alert(const struct payload *p)
{
	return p->in_alerts && p->json.depth > 2;
}

/* An alert may hold LIMIT_ALERT bytes, whether its end was seen or not. */
static bool alert_too_large(const struct payload *p, enum json_event e)
{
	if (p->skipping || p->json.offset - p->start <= LIMIT_ALERT)
		return false;
	bool begins = e == JSON_OPEN && p->json.depth == 3;
	bool ended = e == JSON_CLOSE && p->in_alerts && p->json.depth == 2;
	return (ended || in_alert(p)) && !begins;
}

/* A token is only held if it is short enough to be of use: the longest name
 * with every character escaped, or what fits into the store. */
static bool is_wanted(const struct payload *p)
{
	uint64_t n = p->json.offset - p->json.token;
	if (p->whole)
		return true;
	if (p->json.is_key)
		return n <= 6 * sizeof "notification_reason";
	return p->member != PAYLOAD_OTHER && n <= LIMIT_ENVELOPE;
}

/* An event of a member of the payload itself. */
static enum payload_event take_member(struct payload *p, enum json_event e,
				      const char *bytes, uint64_t at)
{
	const struct json *j = &p->json;
	struct span token = SPAN_NONE;
	if (e == JSON_KEY ? is_wanted(p) : e != JSON_CLOSE && j->token >= at)
		token = (struct span){bytes + (size_t)(j->token - at),
				      (size_t)(j->offset - j->token)};
	switch (e) {
	case JSON_KEY:
		return take_name(p, token);
	case JSON_STRING:
	case JSON_SCALAR:
		if (envelope_take(p, token))
			return PAYLOAD_MORE;
		return refuse_member(p, ": expected an array");
	case JSON_OPEN:
		return take_open(p);
	case JSON_CLOSE:
		p->in_alerts = false;
		p->json.report_depth = MEMBERS;
		break;
	case JSON_MORE:
	case JSON_BAD:
	case JSON_TOO_DEEP:
		break;
	}
	return PAYLOAD_MORE;
}

/* One event of the validator; `bytes` are those from `at` on. */
static enum payload_event take_event(struct payload *p, enum json_event e,
				     const char *bytes, uint64_t at)
{
	/* OPEN has entered the container that it tells of */
	unsigned depth = p->json.depth - (e == JSON_OPEN ? 1U : 0U);
	if (depth > 2 && p->skipping)
		return PAYLOAD_MORE;
	if (depth > 2) {
		alert_read(&p->alert, bytes + (size_t)(p->start - at), e,
			   &p->json);
		p->json.report_depth =
		    alert_reads_pairs(&p->alert) ? LABELS : LABELS - 1;
		return PAYLOAD_MORE;
	}
	if (depth == 2)
		return take_element(p, e, bytes, at);
	if (depth == 1)
		return take_member(p, e, bytes, at);
	if (e == JSON_CLOSE || (e == JSON_OPEN && p->json.objects & 1))
		return PAYLOAD_MORE;
	buf_str(&p->why, "expected an object");
	return refuse(p, STATUS_NOT_PAYLOAD);
}

/* Takes of the alert at hand what can be taken at once. */
static void walk_alert(struct payload *p, const char *bytes, uint64_t at,
		       size_t n)
{
	size_t start = (size_t)(p->start - at), length = n - start;
	if (length > LIMIT_ALERT)
		length = LIMIT_ALERT;
	alert_walk(&p->alert, bytes + start, length, &p->json);
}

/* Takes at once a member of the payload, and the comma in front of it, if it is
 * here, whole and as it mostly is: a string, a number, or of no interest.
 * False: the validator has to go on. */
static bool walk_member(struct payload *p, const char *bytes, uint64_t at,
			size_t n)
{
	struct json *j = &p->json;
	size_t begin = (size_t)(j->offset - at), i = begin;
	if (j->depth != MEMBERS || i == n)
		return false;
	if (j->state == JSON_WANT_COMMA_OR_END && bytes[i] == ',')
		i++;
	else if (j->state != JSON_WANT_KEY_OR_END)
		return false;
	size_t value = json_behind_name(bytes, i, n);
	if (value == 0 || value == n)
		return false;
	enum payload_member m =
	    envelope_member(alert_inside_name(bytes + i, value - i));
	bool open = bytes[value] == '{' || bytes[value] == '[';
	if (m != PAYLOAD_OTHER && (open || m == PAYLOAD_ALERTS || p->seen[m]))
		return false;
	size_t end = json_behind_value(bytes, value, n, MEMBERS);
	if (end == 0)
		return false;
	p->member = m;
	if (m != PAYLOAD_OTHER) {
		p->seen[m] = true;
		envelope_take(p, (struct span){bytes + value, end - value});
	}
	json_skip_members(j, end - begin);
	return true;
}

enum payload_event payload_next(struct payload *p, const char *bytes,
				uint64_t at, size_t n)
{
	enum payload_event event = PAYLOAD_MORE;
	while (event == PAYLOAD_MORE) {
		while (walk_member(p, bytes, at, n))
			;
		if (in_alert(p) && !p->skipping &&
		    p->json.depth == p->alert.depth)
			walk_alert(p, bytes, at, n);
		size_t from = (size_t)(p->json.offset - at);
		enum json_event e = json_next(&p->json, bytes + from, n - from);
		if (alert_too_large(p, e)) {
			if (p->json.depth > 2)
				skip_alert(p);
			payload_begin_place(p);
			return leave_out(p, STATUS_ALERT_SIZE);
		}
		if (e == JSON_BAD)
			return refuse_json(p);
		if (e == JSON_TOO_DEEP) {
			p->why.n = 0; /* of an alert that was left out */
			return refuse(p, STATUS_TOO_DEEP);
		}
		if (e == JSON_MORE) {
			envelope_take_beginning(p, bytes, at);
			break;
		}
		event = take_event(p, e, bytes, at);
	}
	return event;
}

enum status payload_judge_rest(struct payload *p, struct span body)
{
	enum json_event e = JSON_MORE;
	if (p->status != STATUS_NOT_PAYLOAD)
		return p->status;
	do {
		size_t at = (size_t)p->json.offset;
		e = json_next(&p->json, body.p + at, body.n - at);
	} while (e != JSON_MORE && e != JSON_BAD && e != JSON_TOO_DEEP);
	if (e == JSON_BAD || (e == JSON_MORE && !json_end(&p->json)))
		refuse_json(p);
	return p->status;
}

enum status payload_end(struct payload *p)
{
	p->status = STATUS_OK; /* alerts may have been left out */
	p->why.n = 0;
	if (!json_end(&p->json)) {
		refuse_json(p);
	} else if (!p->seen[PAYLOAD_ALERTS]) {
		p->member = PAYLOAD_ALERTS;
		refuse_member(p, ": missing, expected an array");
	}
	return p->status;
}

uint64_t payload_hold(const struct payload *p)
{
	const struct json *j = &p->json;
	bool in_token = j->state >= JSON_IN_STRING && j->state < JSON_AT_END;
	if (in_alert(p) && !p->skipping)
		return p->start;
	if (in_token && j->depth == 1 && is_wanted(p))
		return j->token;
	return j->offset;
}
