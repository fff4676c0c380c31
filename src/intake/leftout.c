/* leftout.c - see leftout.h. */
#include "intake/leftout.h"

/* Why an alert is left out, and at which place. */
static void put_reason(struct buf *out, enum status status, struct span place)
{
	buf_put(out, place);
	if (status == STATUS_NOT_PAYLOAD)
		return; /* the place says it all */
	if (status == STATUS_ALERT_SIZE) {
		buf_str(out, " is larger than ");
		buf_u64(out, LIMIT_ALERT);
		buf_str(out, " bytes");
		return;
	}
	buf_str(out, ": ");
	buf_str(out, status_info(status)->text);
}

void receive_put_left_out(const struct receive *r, struct buf *out)
{
	put_reason(out, r->left_out_why,
		   (struct span){r->left_out_at, r->left_out_at_n});
}

void left_out_count(struct receive *r, bool first)
{
	const struct payload *p = &r->payload;
	r->left_out++;
	if (!first)
		return;
	struct buf at = buf_of(r->left_out_at, sizeof r->left_out_at);
	buf_put(&at, buf_span(&p->why));
	r->left_out_at_n = at.n;
	r->left_out_why = p->status;
}

enum status left_out_judge(struct receive *r)
{
	struct payload *p = &r->payload;
	if (r->left_out == 0 || r->left_out < p->count)
		return STATUS_OK;
	p->why.n = 0;
	buf_put(&p->why, (struct span){r->left_out_at, r->left_out_at_n});
	return r->left_out_why;
}

enum { NAME_MOST = 256 };

static void put_string(struct buf *out, struct span safe)
{
	buf_char(out, '"');
	for (; safe.n; safe = span_skip(safe, 1)) {
		if (safe.p[0] == '"' || safe.p[0] == '\\')
			buf_char(out, '\\');
		buf_char(out, safe.p[0]);
	}
	buf_char(out, '"');
}

/* Raw JSON; what is too long to be of use is not known. */
static void put_name(struct buf *out, struct span name)
{
	buf_put(out, name.p && name.n <= NAME_MOST ? name : SPAN("null"));
	buf_char(out, ',');
}

void left_out_name(const struct receive *r, const struct intake *in,
		   struct receive_memory *m, const struct envelope *e,
		   const struct alert_reader *reader, const char *alert,
		   struct offer *o, struct moment now)
{
	const struct payload *p = &r->payload;
	char reason_bytes[2 * LIMIT_PLACE];
	struct buf text = buf_of(m->notice, sizeof m->notice);
	struct buf reason = buf_of(reason_bytes, sizeof reason_bytes);
	struct span alertname, fingerprint;
	alert_read_names(reader, alert, &alertname, &fingerprint);
	put_reason(&reason, p->status, buf_span(&p->why));
	buf_char(&text, '[');
	put_name(&text, alertname);
	put_name(&text, fingerprint);
	put_string(&text, buf_span(&reason));
	buf_char(&text, ']');
	ASSERT(!text.cut);
	intake_name_notice(in, o, RECORD_NOTICE_LEFT_OUT, e, 1, buf_span(&text),
			   now);
}

enum status left_out_for_status(struct payload *p)
{
	payload_begin_place(p);
	buf_str(&p->why,
		".status: missing, and the payload has none in front of it");
	p->status = STATUS_NOT_PAYLOAD;
	return p->status;
}

void left_out_read(struct receive *r, const struct intake *in,
		   struct receive_memory *m, struct span json, struct offer *o,
		   struct moment now)
{
	struct payload *p = &r->payload;
	struct alert_reader reader;
	payload_begin_place(p);
	p->status = alert_read_whole(&reader, json, &p->why);
	if (p->status == STATUS_OK)
		left_out_for_status(p);
	left_out_name(r, in, m, &p->envelope, &reader, json.p, o, now);
}
