/* json.c - format=json, for render.c. */
#include "render/forms.h"

#include "alert/others.h"
#include "json/json.h"

void render_json_member(struct buf *out, const struct format *f,
			struct span name, struct span value)
{
	if (value.p == NULL)
		return;
	if (out->n && out->p[out->n - 1] != '{')
		buf_char(out, ',');
	buf_put(out, name);
	json_put_compact(out, value, f->ascii);
}

/* A member of an alert that would pass for one that bellwire writes. */
static bool is_ours(struct span name)
{
	struct span text = alert_text(name);
	return json_is(text, SPAN("receiver")) ||
	       json_is(text, SPAN("groupKey")) ||
	       json_is(text, SPAN("externalURL")) ||
	       json_is(text, SPAN("notification_reason")) ||
	       json_is(text, SPAN("notice"));
}

static void put_others(struct buf *out, const struct format *f,
		       const struct alert *a)
{
	struct others others;
	struct span name, value;
	others_start(&others, a);
	while (others_next(&others, &name, &value)) {
		if (is_ours(name))
			continue;
		buf_char(out, ',');
		json_put_compact(out, name, f->ascii);
		buf_char(out, ':');
		json_put_compact(out, value, f->ascii);
	}
}

void render_json(struct buf *out, const struct format *f, bool resolved,
		 const struct record *r, const struct alert *a)
{
	const struct envelope *e = &r->envelope;
	struct span none = SPAN("{}");
	buf_char(out, '{');
	render_json_member(out, f, SPAN("\"receiver\":"), e->receiver);
	render_json_member(out, f, SPAN("\"status\":"),
			   resolved ? SPAN("\"resolved\"")
				    : SPAN("\"firing\""));
	render_json_member(out, f, SPAN("\"labels\":"),
			   a->labels_json.p ? a->labels_json : none);
	render_json_member(out, f, SPAN("\"annotations\":"),
			   a->annotations_json.p ? a->annotations_json : none);
	render_json_member(out, f, SPAN("\"startsAt\":"), a->starts_at);
	render_json_member(out, f, SPAN("\"endsAt\":"), a->ends_at);
	render_json_member(out, f, SPAN("\"generatorURL\":"), a->generator_url);
	render_json_member(out, f, SPAN("\"fingerprint\":"), a->fingerprint);
	if (a->others)
		put_others(out, f, a);
	render_json_member(out, f, SPAN("\"groupKey\":"), e->group_key);
	render_json_member(out, f, SPAN("\"externalURL\":"), e->external_url);
	render_json_member(out, f, SPAN("\"notification_reason\":"), e->reason);
	buf_char(out, '}');
}
