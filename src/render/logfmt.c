/* logfmt.c - format=logfmt, for render.c. */
#include "render/pieces.h"

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

static void put_value(struct buf *out, const struct format *f, struct span s)
{
	buf_char(out, '=');
	if (needs_quotes(s))
		render_quoted(out, f, s);
	else
		buf_put(out, s);
}

/* A key of the payload's: what could end it becomes '_', and what would pass
 * for one of our own keys gets label_ in front. */
static void put_key(struct buf *out, const struct format *f, struct span name)
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
			render_char(out, f, c, false);
	}
}

static void put_special(struct buf *out, const struct format *f,
			struct span name, struct span value)
{
	if (value.n == 0)
		return;
	buf_char(out, ' ');
	buf_put(out, name);
	put_value(out, f, value);
}

void render_logfmt(struct buf *out, const struct format *f, bool resolved,
		   const struct alert *a)
{
	struct specials specials = render_specials(a);
	struct span text, name = render_find_text(a, &text), when;
	char time[64];
	struct buf t = buf_of(time, sizeof time);
	when = render_when(a, resolved);
	render_time(&t, f, when);
	buf_str(out, "ts");
	if (!t.cut && !needs_quotes(buf_span(&t)))
		put_value(out, f, buf_span(&t));
	else
		put_value(out, f, when);
	buf_str(out, resolved ? " status=resolved" : " status=firing");
	put_special(out, f, SPAN("severity"), specials.severity);
	put_special(out, f, SPAN("alertname"), specials.alertname);
	for (size_t i = 0; i < a->labels.n; i++) {
		struct pair l = alert_pair(a, a->labels, i);
		if (render_is_special(&specials, &l))
			continue;
		buf_char(out, ' ');
		put_key(out, f, l.name);
		put_value(out, f, l.value);
	}
	if (text.n) {
		buf_char(out, ' ');
		buf_put(out, name);
		put_value(out, f, text);
	}
}

void render_logfmt_pair(struct buf *out, const struct format *f,
			const char *key, struct span value)
{
	struct span text = alert_text(value);
	if (text.p == NULL)
		return;
	buf_str(out, key);
	put_value(out, f, text);
}
