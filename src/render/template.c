/*
 * template.c - formats of the user's own.
 *
 *	text        = *( literal / "{{" / placeholder )
 *	placeholder = "{" source *( "|" source ) [ ":" columns ] "}"
 *	source      = field / "labels." name / "annotations." name /
 *	              DQUOTE text DQUOTE
 *
 * A template is read anew for each line, from the text that template_check()
 * has found good.
 */
#include "render/pieces.h"

#include "json/json.h"

enum field {
	FIELD_STATUS,
	FIELD_STATUS_UPPER,
	FIELD_LABELS,
	FIELD_STARTS_AT,
	FIELD_ENDS_AT,
	FIELD_RECEIVER,
	FIELD_FINGERPRINT,
	FIELD_GENERATOR_URL,
	FIELD_REASON,
	FIELD_COUNT,
};

static const struct span fields[FIELD_COUNT] = {
    SPAN("status"),      SPAN("STATUS"),       SPAN("labels"),
    SPAN("startsAt"),    SPAN("endsAt"),       SPAN("receiver"),
    SPAN("fingerprint"), SPAN("generatorURL"), SPAN("reason"),
};

static const struct span label_prefix = SPAN("labels."),
			 annotation_prefix = SPAN("annotations.");

/* Where the first of `wanted` stands outside of quotes; s.n if nowhere. */
static size_t find_outside(struct span s, char wanted)
{
	bool quoted = false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == wanted && !quoted)
			return i;
	}
	return s.n;
}

/* Takes a source off the front of *rest, up to a bar outside of quotes. */
static bool take_source(struct span *rest, struct span *source)
{
	if (rest->p == NULL)
		return false;
	size_t bar = find_outside(*rest, '|');
	*source = (struct span){rest->p, bar};
	*rest = bar == rest->n ? SPAN_NONE : span_skip(*rest, bar + 1);
	return true;
}

/* Takes the columns off the end of a placeholder's inside; 0: there are none.
 * A colon in a name does not count, since no number follows it. */
static uint64_t take_columns(struct span *inside)
{
	uint64_t n;
	size_t i = inside->n;
	while (i && inside->p[i - 1] >= '0' && inside->p[i - 1] <= '9')
		i--;
	if (i == inside->n || i == 0 || inside->p[i - 1] != ':' ||
	    !span_u64(span_skip(*inside, i), &n))
		return 0;
	inside->n = i - 1;
	return n;
}

static bool is_quoted(struct span s)
{
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
}

static bool is_source(struct span s)
{
	if (is_quoted(s))
		return true;
	if ((span_starts(s, label_prefix) && s.n > label_prefix.n) ||
	    (span_starts(s, annotation_prefix) && s.n > annotation_prefix.n))
		return true;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (span_eq(s, fields[i]))
			return true;
	return false;
}

/* Takes the next piece of a template: a literal run, or a placeholder's inside
 * with *is_placeholder. False at the end; a brace that is not closed gives an
 * absent piece. */
static bool take_piece(struct span *rest, struct span *piece,
		       bool *is_placeholder)
{
	if (rest->n == 0)
		return false;
	*is_placeholder = false;
	if (rest->p[0] != '{') {
		size_t n = 0;
		while (n < rest->n && rest->p[n] != '{')
			n++;
		*piece = (struct span){rest->p, n};
		*rest = span_skip(*rest, n);
		return true;
	}
	if (rest->n > 1 && rest->p[1] == '{') {
		*piece = (struct span){rest->p, 1};
		*rest = span_skip(*rest, 2);
		return true;
	}
	struct span inside = span_skip(*rest, 1);
	size_t end = find_outside(inside, '}');
	*is_placeholder = true;
	*piece = SPAN_NONE;
	if (end == inside.n) {
		*rest = span_skip(inside, end);
		return true;
	}
	*piece = (struct span){inside.p, end};
	*rest = span_skip(inside, end + 1);
	return true;
}

const char *template_check(struct span text)
{
	struct span piece, source;
	bool placeholder;
	for (struct span s = text; s.n;) {
		uint32_t c;
		if (!utf8_take(&s, &c) || text_is_unsafe(c))
			return "a template of UTF-8 without control characters";
	}
	while (take_piece(&text, &piece, &placeholder)) {
		if (!placeholder)
			continue;
		if (piece.p == NULL)
			return "a } behind each {, and {{ for a brace";
		if (take_columns(&piece) > LIMIT_TEMPLATE)
			return "at most " LIMIT_TEXT(TEMPLATE) " columns";
		while (take_source(&piece, &source))
			if (!is_source(source))
				return "in braces: status STATUS labels "
				       "labels.NAME annotations.NAME startsAt "
				       "endsAt receiver fingerprint "
				       "generatorURL reason or \"text\", "
				       "with | between";
	}
	return NULL;
}

static void put_field(struct buf *out, const struct format *f, enum field field,
		      bool resolved, const struct record *r,
		      const struct alert *a)
{
	struct span raw = SPAN_NONE;
	switch (field) {
	case FIELD_STATUS:
		buf_str(out, resolved ? "resolved" : "firing");
		break;
	case FIELD_STATUS_UPPER:
		buf_str(out, resolved ? "RESOLVED" : "FIRING");
		break;
	case FIELD_LABELS:
		render_labels(out, f, a, NULL);
		break;
	case FIELD_STARTS_AT:
		raw = a->starts_at;
		break;
	case FIELD_ENDS_AT:
		raw = a->ends_at;
		break;
	case FIELD_RECEIVER:
		raw = r->envelope.receiver;
		break;
	case FIELD_FINGERPRINT:
		raw = a->fingerprint;
		break;
	case FIELD_GENERATOR_URL:
		raw = a->generator_url;
		break;
	case FIELD_REASON:
		raw = r->envelope.reason;
		break;
	case FIELD_COUNT:
		break;
	}
	render_text(out, f, alert_text(raw), false);
}

/* Text of the template itself. */
static void put_literal(struct buf *out, const struct format *f, struct span s)
{
	uint32_t c;
	if (!f->ascii)
		buf_put(out, s);
	while (f->ascii && s.n) {
		utf8_take(&s, &c);
		buf_utf8(out, c > 0x7e ? '?' : c);
	}
}

static void put_source(struct buf *out, const struct format *f,
		       struct span source, bool resolved,
		       const struct record *r, const struct alert *a)
{
	if (is_quoted(source)) {
		put_literal(out, f, (struct span){source.p + 1, source.n - 2});
	} else if (span_starts(source, label_prefix)) {
		source = span_skip(source, label_prefix.n);
		render_text(out, f, alert_label(a, source), false);
	} else if (span_starts(source, annotation_prefix)) {
		source = span_skip(source, annotation_prefix.n);
		render_text(out, f, alert_annotation(a, source), false);
	} else {
		for (enum field i = 0; i < FIELD_COUNT; i++)
			if (span_eq(source, fields[i]))
				put_field(out, f, i, resolved, r, a);
	}
}

/* Cuts what stands behind `start` to that many columns, or pads it. */
static void fit(struct buf *out, const struct format *f, size_t start,
		uint64_t columns)
{
	struct buf part = buf_of(out->p + start, out->cap - start);
	part.n = out->n - start;
	render_cut(&part, f, (uint32_t)columns, false);
	out->n = start + part.n;
	struct span s = buf_span(&part);
	for (; s.n && columns; columns--) {
		uint32_t c;
		utf8_take(&s, &c);
	}
	while (columns--)
		buf_char(out, ' ');
}

void render_template(struct buf *out, const struct format *f, bool resolved,
		     const struct record *r, const struct alert *a)
{
	struct span rest = f->text, piece, source;
	bool placeholder;
	while (take_piece(&rest, &piece, &placeholder)) {
		size_t start = out->n;
		if (!placeholder) {
			put_literal(out, f, piece);
			continue;
		}
		uint64_t columns = take_columns(&piece);
		while (out->n == start && take_source(&piece, &source))
			put_source(out, f, source, resolved, r, a);
		if (columns)
			fit(out, f, start, columns);
	}
}
