/* pieces.c - see pieces.h. No state. */
#include "render/pieces.h"

void render_char(struct buf *out, const struct format *f, uint32_t c,
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
		if (s.n == 0)
			break;
		/* also one for which there is no room: that is a cut */
		do {
			render_char(out, f, json_take_char(&s), quoted);
		} while (s.n && !out->cut && !json_is_plain(s.p[0]));
	}
}

void render_quoted(struct buf *out, const struct format *f, struct span s)
{
	buf_char(out, '"');
	render_text(out, f, s, true);
	buf_char(out, '"');
}

void render_or_dash(struct buf *out, const struct format *f, struct span s)
{
	if (s.n)
		render_text(out, f, s, false);
	else
		buf_char(out, '-');
}

/* A word's bytes that are those of `shape`, where '0' stands for each digit. No
 * sum leaves its byte. */
static bool is_like(size_t bytes, size_t shape)
{
	const size_t ones = word_of(1), low = word_of(0x7f);
	size_t differ = bytes ^ shape, zero = shape ^ ones * '0';
	size_t other = (((zero & low) + low) | zero) & ones * 0x80;
	size_t least = low - (~other >> 7 & ones) * 9;
	return ((((differ & low) + least) | differ) & ones * 0x80) == 0;
}

/* Does s begin like that, of four bytes or more? */
static bool is_shaped(struct span s, struct span shape)
{
	if (s.n < shape.n)
		return false;
	if (shape.n < WORD)
		return is_like((size_t)few_bytes(s.p, shape.n),
			       (size_t)few_bytes(shape.p, shape.n));
	size_t last = shape.n - WORD; /* may overlap with the one before */
	for (size_t i = 0; i < last; i += WORD)
		if (!is_like(word_bytes(s.p + i), word_bytes(shape.p + i)))
			return false;
	return is_like(word_bytes(s.p + last), word_bytes(shape.p + last));
}

void render_time(struct buf *out, const struct format *f, struct span s)
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
	render_or_dash(out, f, s);
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

struct specials render_specials(const struct alert *a)
{
	return (struct specials){
	    .severity = alert_label(a, SPAN("severity")),
	    .alertname = alert_label(a, SPAN("alertname")),
	};
}

void render_labels(struct buf *out, const struct format *f,
		   const struct alert *a, const struct specials *without)
{
	char before = '{';
	for (size_t i = 0; i < a->labels.n; i++) {
		struct pair l = alert_pair(a, a->labels, i);
		if (without && render_is_special(without, &l))
			continue;
		buf_char(out, before);
		before = ',';
		if (is_classic_name(l.name))
			buf_put(out, l.name);
		else
			render_quoted(out, f, l.name);
		buf_char(out, '=');
		render_quoted(out, f, l.value);
	}
	if (before == ',')
		buf_char(out, '}');
}

struct span render_find_text(const struct alert *a, struct span *text)
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

struct span render_when(const struct alert *a, bool resolved)
{
	return alert_text(resolved ? a->ends_at : a->starts_at);
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
