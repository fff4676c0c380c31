/* render.c - see render.h. No state. */
#include "base/time.h"
#include "render/pieces.h"

#include "json/json.h"

/* One code point of the payload's on its way out. */
static void put_safe(struct buf *out, const struct format *f, uint32_t c,
		     bool quoted)
{
	if (text_is_unsafe(c)) {
		text_escape(out, c);
	} else if (f->ascii && c > 0x7e) {
		buf_char(out, '?');
	} else {
		if (quoted && (c == '"' || c == '\\'))
			buf_char(out, '\\');
		buf_utf8(out, c);
	}
}

void render_text(struct buf *out, const struct format *f, struct span s,
		 bool quoted)
{
	while (s.n && !out->cut) {
		s = span_skip(s, json_put_plain(out, s));
		if (s.n)
			put_safe(out, f, json_take_char(&s), quoted);
	}
}

static void put_quoted(struct buf *out, const struct format *f, struct span s)
{
	buf_char(out, '"');
	render_text(out, f, s, true);
	buf_char(out, '"');
}

static void put_or_dash(struct buf *out, const struct format *f, struct span s)
{
	if (s.n)
		render_text(out, f, s, false);
	else
		buf_char(out, '-');
}

/* Eight bytes that are those of `shape`, where '0' stands for each digit. No
 * sum leaves its byte. */
static bool is_like(uint64_t bytes, uint64_t shape)
{
	const uint64_t ones = 0x0101010101010101U, low = ones * 0x7f;
	uint64_t differ = bytes ^ shape, zero = shape ^ ones * '0';
	uint64_t other = (((zero & low) + low) | zero) & ones * 0x80;
	uint64_t least = low - (~other >> 7 & ones) * 9;
	return ((((differ & low) + least) | differ) & ones * 0x80) == 0;
}

/* Does s begin like that, of four bytes or more? */
static bool is_shaped(struct span s, struct span shape)
{
	if (s.n < shape.n)
		return false;
	if (shape.n < 8)
		return is_like(few_bytes(s.p, shape.n),
			       few_bytes(shape.p, shape.n));
	size_t last = shape.n - 8; /* may overlap with the one before */
	for (size_t i = 0; i < last; i += 8)
		if (!is_like(eight_bytes(s.p + i), eight_bytes(shape.p + i)))
			return false;
	return is_like(eight_bytes(s.p + last), eight_bytes(shape.p + last));
}

/* An RFC 3339 time without its fraction; other text as it came. */
static void put_time(struct buf *out, const struct format *f, struct span s)
{
	struct span zone;
	size_t i = 19;
	if (is_shaped(s, SPAN("0000-00-00T00:00:00.0"))) {
		while (++i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
			;
		zone = span_skip(s, i);
		if (span_eq(zone, SPAN("Z")) ||
		    (zone.n == 6 && (is_shaped(zone, SPAN("+00:00")) ||
				     is_shaped(zone, SPAN("-00:00"))))) {
			buf_put(out, (struct span){s.p, 19});
			buf_put(out, zone);
			return;
		}
	}
	put_or_dash(out, f, s);
}

static const struct span severity = SPAN("severity"),
			 alertname = SPAN("alertname");

static bool is_special(struct span name)
{
	return json_is(name, severity) || json_is(name, alertname);
}

/* [a-zA-Z_][a-zA-Z0-9_]*, what Prometheus writes without quotes. */
static bool is_classic_name(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      c == '_' || (i && c >= '0' && c <= '9')))
			return false;
	}
	return s.n != 0;
}

void render_labels(struct buf *out, const struct format *f,
		   const struct alert *a, bool all)
{
	char before = '{';
	for (size_t i = 0; i < a->labels.n; i++) {
		struct pair l = alert_pair(a, a->labels, i);
		if (!all && is_special(l.name))
			continue;
		buf_char(out, before);
		before = ',';
		if (is_classic_name(l.name))
			buf_put(out, l.name);
		else
			put_quoted(out, f, l.name);
		buf_char(out, '=');
		put_quoted(out, f, l.value);
	}
	if (before == ',')
		buf_char(out, '}');
}

/* The annotation that says most: its name, and its text in *text. */
static struct span find_text(const struct alert *a, struct span *text)
{
	static const struct span names[] = {
	    SPAN("summary"), SPAN("description"), SPAN("message")};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		*text = alert_annotation(a, names[i]);
		if (text->n)
			return names[i];
	}
	*text = SPAN_NONE;
	return SPAN_NONE;
}

static struct span time_of(const struct alert *a, bool resolved)
{
	return alert_text(resolved ? a->ends_at : a->starts_at);
}

static void put_line(struct buf *out, const struct format *f, bool resolved,
		     const struct alert *a)
{
	struct span text;
	put_time(out, f, time_of(a, resolved));
	buf_str(out, resolved ? " RESOLVED " : " FIRING ");
	put_or_dash(out, f, alert_label(a, severity));
	buf_char(out, ' ');
	put_or_dash(out, f, alert_label(a, alertname));
	render_labels(out, f, a, false);
	find_text(a, &text);
	if (text.n) {
		buf_char(out, ' ');
		render_text(out, f, text, false);
	}
}

/* Does a logfmt value need quotes? Whatever is not printable ASCII does, and
 * what would end the value or begin another. */
static bool needs_quotes(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c <= 0x20 || c >= 0x7f || c == '=' || c == '"' || c == '\\')
			return true;
	}
	return s.n == 0;
}

static void put_logfmt_value(struct buf *out, const struct format *f,
			     struct span s)
{
	buf_char(out, '=');
	if (needs_quotes(s))
		put_quoted(out, f, s);
	else
		buf_put(out, s);
}

/* A key of the payload's: what could end it becomes '_', and what would pass
 * for one of our own keys gets label_ in front. */
static void put_logfmt_key(struct buf *out, const struct format *f,
			   struct span name)
{
	static const struct span ours[] = {
	    SPAN("ts"),          SPAN("status"),  SPAN("summary"),
	    SPAN("description"), SPAN("message"), SPAN("notice"),
	};
	bool taken = name.n == 0;
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		taken = taken || json_is(name, ours[i]);
	if (taken)
		buf_str(out, "label_");
	while (name.n) {
		uint32_t c = json_take_char(&name);
		if (c <= 0x20 || c == '=' || c == '"' || c == '\\' ||
		    text_is_unsafe(c))
			buf_char(out, '_');
		else
			put_safe(out, f, c, false);
	}
}

static void put_logfmt_label(struct buf *out, const struct format *f,
			     const struct alert *a, struct span name)
{
	struct span value = alert_label(a, name);
	if (value.n == 0)
		return;
	buf_char(out, ' ');
	buf_put(out, name);
	put_logfmt_value(out, f, value);
}

static void put_logfmt(struct buf *out, const struct format *f, bool resolved,
		       const struct alert *a)
{
	struct span text, name = find_text(a, &text), when;
	char time[64];
	struct buf t = buf_of(time, sizeof time);
	when = time_of(a, resolved);
	put_time(&t, f, when);
	buf_str(out, "ts");
	if (!t.cut && !needs_quotes(buf_span(&t)))
		put_logfmt_value(out, f, buf_span(&t));
	else
		put_logfmt_value(out, f, when);
	buf_str(out, resolved ? " status=resolved" : " status=firing");
	put_logfmt_label(out, f, a, severity);
	put_logfmt_label(out, f, a, alertname);
	for (size_t i = 0; i < a->labels.n; i++) {
		struct pair l = alert_pair(a, a->labels, i);
		if (is_special(l.name))
			continue;
		buf_char(out, ' ');
		put_logfmt_key(out, f, l.name);
		put_logfmt_value(out, f, l.value);
	}
	if (text.n) {
		buf_char(out, ' ');
		buf_put(out, name);
		put_logfmt_value(out, f, text);
	}
}

struct notice {
	const char *word, *text;
};

static struct notice notice_of(enum record_kind kind)
{
	switch (kind) {
	case RECORD_NOTICE_TRUNCATED:
		return (struct notice){"truncated", "left out by the sender"};
	case RECORD_NOTICE_LEFT_OUT:
		return (struct notice){"left_out", "left out"};
	case RECORD_NOTICE_SKIPPED:
		return (struct notice){"skipped", "skipped, having waited "
						  "too long"};
	case RECORD_NOTICE_LEFT:
		return (struct notice){"left_behind",
				       "left behind by a sink that was taken "
				       "out"};
	case RECORD_NOTICE_DROPPED:
		return (struct notice){"dropped", "dropped here for newer "
						  "ones"};
	case RECORD_NOTICE_LOST:
	case RECORD_PAD:
	case RECORD_ALERT:
		break;
	}
	return (struct notice){"lost", "lost to damage of the spool"};
}

/* What a notice of an alert that was left out tells of it: raw JSON strings, or
 * absent. */
struct left_out {
	struct span alertname, fingerprint, reason;
};

static struct span take_string(struct span json, size_t *at)
{
	size_t begin = *at + 1, end = 0; /* behind a bracket or comma */
	if (begin < json.n && json.p[begin] == '"')
		end = json_behind_string(json.p, begin, json.n);
	*at = end ? end : begin + SPAN("null").n;
	return end ? (struct span){json.p + begin, end - begin} : SPAN_NONE;
}

static struct left_out left_out_of(const struct record *r)
{
	size_t at = 0;
	struct left_out l = {SPAN_NONE, SPAN_NONE, SPAN_NONE};
	if (r->kind != RECORD_NOTICE_LEFT_OUT)
		return l;
	l.alertname = take_string(r->json, &at);
	l.fingerprint = take_string(r->json, &at);
	l.reason = take_string(r->json, &at);
	return l;
}

static void put_notice_part(struct buf *out, const struct format *f,
			    const char *before, struct span value)
{
	struct span text = alert_text(value);
	if (text.p == NULL)
		return;
	buf_str(out, before);
	render_text(out, f, text, false);
}

static void put_notice_text(struct buf *out, const struct format *f,
			    const struct record *r, const struct left_out *l)
{
	/* how many alerts a damaged place held cannot be known */
	if (r->kind == RECORD_NOTICE_LOST)
		buf_str(out, "at least ");
	buf_u64(out, r->count);
	buf_str(out, r->count == 1 ? " alert was " : " alerts were ");
	buf_str(out, notice_of(r->kind).text);
	put_notice_part(out, f, ": ", l->alertname);
	put_notice_part(out, f, ", fingerprint ", l->fingerprint);
	put_notice_part(out, f, ", ", l->reason);
	put_notice_part(out, f, ", receiver ", r->envelope.receiver);
}

static void put_logfmt_part(struct buf *out, const struct format *f,
			    const char *before, struct span value)
{
	struct span text = alert_text(value);
	if (text.p == NULL)
		return;
	buf_str(out, before);
	put_logfmt_value(out, f, text);
}

static void put_notice(struct buf *out, const struct format *f,
		       const struct record *r)
{
	struct left_out l = left_out_of(r);
	switch (f->kind) {
	case FORMAT_JSON:
		buf_str(out, "{\"notice\":\"");
		buf_str(out, notice_of(r->kind).word);
		buf_str(out, "\",\"count\":");
		buf_u64(out, r->count);
		render_member(out, f, "receiver", r->envelope.receiver);
		render_member(out, f, "alertname", l.alertname);
		render_member(out, f, "fingerprint", l.fingerprint);
		render_member(out, f, "reason", l.reason);
		buf_char(out, '}');
		break;
	case FORMAT_LOGFMT:
		buf_str(out, "ts=");
		time_put_utc(out, r->received_s);
		buf_str(out, " status=notice notice=");
		buf_str(out, notice_of(r->kind).word);
		buf_str(out, " count=");
		buf_u64(out, r->count);
		put_logfmt_part(out, f, " receiver", r->envelope.receiver);
		put_logfmt_part(out, f, " alertname", l.alertname);
		put_logfmt_part(out, f, " fingerprint", l.fingerprint);
		put_logfmt_part(out, f, " reason", l.reason);
		break;
	case FORMAT_LINE:
	case FORMAT_TEMPLATE:
		time_put_utc(out, r->received_s);
		buf_str(out, " NOTICE ");
		put_notice_text(out, f, r, &l);
		break;
	}
}

void render_cut(struct buf *line, const struct format *f, uint32_t width,
		bool cut)
{
	struct span mark = f->ascii ? SPAN(">") : SPAN("\xe2\x80\xa6");
	size_t keep = line->cap - mark.n;
	struct span s = buf_span(line);
	for (uint32_t count = 0; s.n && width; count++) {
		size_t at = (size_t)(s.p - line->p);
		if (count + 1 == width)
			keep = at;
		if (count == width) {
			cut = true;
			break;
		}
		uint32_t c;
		utf8_take(&s, &c);
	}
	if (!cut)
		return;
	if (line->n > keep) {
		line->n = keep;
		/* back to where a character begins */
		while (line->n && (line->p[line->n] & 0xc0) == 0x80)
			line->n--;
	}
	buf_put(line, mark);
}

static const char *colour_of(const struct alert *a, bool resolved)
{
	if (a == NULL)
		return "\x1b[33m";
	return resolved ? "\x1b[32m" : "\x1b[31m";
}

bool render_record(struct buf *out, const struct format *f,
		   const struct record *r, const struct alert *a)
{
	bool resolved = a && alert_status(&r->envelope, a) == ALERT_RESOLVED;
	/* what is written around the line is counted out of its room */
	struct span bell = SPAN("\a"), reset = SPAN("\x1b[0m");
	if (a && f->bell.label.p && match_alert(&f->bell, a))
		buf_put(out, bell);
	if (f->colour)
		buf_str(out, colour_of(a, resolved));
	struct buf line = buf_of(out->p + out->n,
				 out->cap - out->n - reset.n - SPAN("\r\n").n);
	if (line.cap > LIMIT_LINE - 16)
		line.cap = LIMIT_LINE - 16;
	if (a == NULL)
		put_notice(&line, f, r);
	else if (f->kind == FORMAT_JSON)
		render_json(&line, f, resolved, r, a);
	else if (f->kind == FORMAT_LOGFMT)
		put_logfmt(&line, f, resolved, a);
	else if (f->kind == FORMAT_TEMPLATE)
		template_put(&line, f, resolved, r, a);
	else
		put_line(&line, f, resolved, a);
	bool whole = !line.cut;
	render_cut(&line, f, f->width, line.cut);
	out->n += line.n;
	if (f->colour)
		buf_put(out, reset);
	buf_put(out, f->crlf ? SPAN("\r\n") : SPAN("\n"));
	return whole;
}
