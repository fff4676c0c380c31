/* render.c - see render.h. No state. */
#include "render/render.h"

#include "base/time.h"
#include "render/pieces.h"
#include "json/json.h"

static void put_line(struct buf *out, const struct format *f, bool resolved,
		     const struct alert *a)
{
	struct specials specials = render_specials(a);
	struct span text;
	render_time(out, f, render_when(a, resolved));
	buf_put(out, resolved ? SPAN(" RESOLVED ") : SPAN(" FIRING "));
	render_or_dash(out, f, specials.severity);
	buf_char(out, ' ');
	render_or_dash(out, f, specials.alertname);
	render_labels(out, f, a, &specials);
	render_find_text(a, &text);
	if (text.n) {
		buf_char(out, ' ');
		render_text(out, f, text, false);
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
				       "out or changed"};
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
		render_json_member(out, f, SPAN("\"receiver\":"),
				   r->envelope.receiver);
		render_json_member(out, f, SPAN("\"alertname\":"), l.alertname);
		render_json_member(out, f, SPAN("\"fingerprint\":"),
				   l.fingerprint);
		render_json_member(out, f, SPAN("\"reason\":"), l.reason);
		buf_char(out, '}');
		break;
	case FORMAT_LOGFMT:
		buf_str(out, "ts=");
		time_put_utc(out, r->received_s);
		buf_str(out, " status=notice notice=");
		buf_str(out, notice_of(r->kind).word);
		buf_str(out, " count=");
		buf_u64(out, r->count);
		render_logfmt_pair(out, f, " receiver", r->envelope.receiver);
		render_logfmt_pair(out, f, " alertname", l.alertname);
		render_logfmt_pair(out, f, " fingerprint", l.fingerprint);
		render_logfmt_pair(out, f, " reason", l.reason);
		break;
	case FORMAT_LINE:
	case FORMAT_TEMPLATE:
		time_put_utc(out, r->received_s);
		buf_str(out, " NOTICE ");
		put_notice_text(out, f, r, &l);
		break;
	}
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
		render_logfmt(&line, f, resolved, a);
	else if (f->kind == FORMAT_TEMPLATE)
		render_template(&line, f, resolved, r, a);
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
