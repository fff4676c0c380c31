/* emit.c - how --emit is read, for config.h. */
#include "config/config.h"
#include "config/value.h"

#include <string.h>

const char *config_read_format(const struct config *c, struct format *f,
			       struct span v)
{
	static const struct span names[] = {SPAN("line"), SPAN("json"),
					    SPAN("logfmt")};
	size_t word = config_read_word(v, names, 3);
	if (word < 3) {
		f->kind = (enum format_kind)word;
		return NULL;
	}
	for (unsigned i = 0; i < c->templates; i++) {
		if (span_eq(v, c->template[i].name)) {
			f->kind = FORMAT_TEMPLATE;
			f->text = c->template[i].text;
			return NULL;
		}
	}
	return "format=line, json, logfmt or the name of a --template";
}

/* Which alerts it takes. NULL: fine; "": not one of these keys. */
static const char *set_filter_key(struct filter *f, struct span key,
				  struct span v)
{
	if (span_eq(key, SPAN("match"))) {
		if (f->matches == LIMIT_MATCHES)
			return "at most " LIMIT_TEXT(MATCHES) " match keys";
		if (!config_read_match(v, &f->match[f->matches], true))
			return "match=LABEL=VALUE or match=LABEL!=VALUE";
		f->matches++;
		return NULL;
	}
	if (span_eq(key, SPAN("resolved"))) {
		f->skip_resolved = span_eq(v, SPAN("no"));
		return f->skip_resolved || span_eq(v, SPAN("yes"))
			   ? NULL
			   : "resolved=yes or no";
	}
	return "";
}

/* How its lines look. NULL: fine; "": not one of these keys. */
static const char *set_format_key(const struct config *c, struct format *f,
				  struct span key, struct span v)
{
	uint64_t width;
	bool yes = span_eq(v, SPAN("yes"));
	bool yes_or_no = yes || span_eq(v, SPAN("no"));
	if (span_eq(key, SPAN("format")))
		return config_read_format(c, f, v);
	if (span_eq(key, SPAN("ascii"))) {
		f->ascii = yes;
		return yes_or_no ? NULL : "ascii=yes or no";
	}
	if (span_eq(key, SPAN("width"))) {
		if (!span_u64(v, &width) || width > LIMIT_LINE)
			return "width=N, a number of characters";
		f->width = (uint32_t)width;
	} else if (span_eq(key, SPAN("eol"))) {
		f->crlf = span_eq(v, SPAN("crlf"));
		if (!f->crlf && !span_eq(v, SPAN("lf")))
			return "eol=lf or crlf";
	} else if (span_eq(key, SPAN("bell"))) {
		if (!config_read_match(v, &f->bell, false))
			return "bell=LABEL=VALUE";
	} else {
		return "";
	}
	return NULL;
}

/* Keys that depend on the kind of place. */
static const char *set_place_key(struct place *p, struct span key,
				 struct span v)
{
	if (p->kind == PLACE_FIFO && span_eq(key, SPAN("mode")))
		return config_read_mode(v, &p->mode)
			   ? NULL
			   : "mode=0640, three octal digits";
	if (p->kind == PLACE_SERIAL && span_eq(key, SPAN("baud")))
		/* clang-format off */
		return config_read_baud(v, &p->baud)
			   ? NULL
			   : "baud=115200 or another rate of "
			     LIMIT_TEXT(BAUD_LEAST) " to " LIMIT_TEXT(BAUD);
	/* clang-format on */
	if (p->kind == PLACE_SERIAL && span_eq(key, SPAN("frame")))
		return config_read_frame(v, p) ? NULL
					       : "frame=8n1 and its like";
	if (p->kind == PLACE_SERIAL && span_eq(key, SPAN("flow")))
		return config_read_flow(v, &p->flow)
			   ? NULL
			   : "flow=none, rtscts or xonxoff";
	return "one of the keys format match resolved ascii width eol bell "
	       "wait, mode for a fifo, baud frame flow for a serial line";
}

/* KIND[:PLACE]. NULL or what would be right. */
static const char *read_place(struct span v, struct place *p)
{
	static const char kinds[] =
	    "stdout, fifo:PATH or serial:DEV, and [,key=value...]";
	struct span kind;
	*p = (struct place){.mode = 0640,
			    .baud = 115200,
			    .data_bits = 8,
			    .parity = 'n',
			    .stop_bits = 1};
	span_split(&v, ':', &kind);
	if (span_eq(kind, SPAN("stdout")))
		return v.p == NULL ? NULL : kinds;
	if (span_eq(kind, SPAN("fifo")))
		p->kind = PLACE_FIFO;
	else if (span_eq(kind, SPAN("serial")))
		p->kind = PLACE_SERIAL;
	else
		return kinds;
	if (v.n == 0)
		return kinds;
	if (v.n > LIMIT_SINK_PLACE)
		return "a place of at most " LIMIT_TEXT(SINK_PLACE) " bytes";
	memcpy(p->path, v.p, v.n);
	return NULL;
}

static const char *set_sink_key(const struct config *c, struct sink_config *s,
				struct span part)
{
	struct span key;
	span_split(&part, '=', &key);
	if (part.p == NULL)
		return "key=value behind each comma";
	if (span_eq(key, SPAN("wait"))) {
		s->no_wait = span_eq(part, SPAN("no"));
		return s->no_wait || span_eq(part, SPAN("yes"))
			   ? NULL
			   : "wait=yes or no";
	}
	const char *wrong = set_format_key(c, &s->format, key, part);
	if (wrong && *wrong == '\0')
		wrong = set_filter_key(&s->filter, key, part);
	if (wrong && *wrong == '\0')
		wrong = set_place_key(&s->place, key, part);
	return wrong;
}

const char *config_set_emit(struct config *c, struct span v)
{
	struct sink_config *s = &c->sink[c->sinks];
	struct span part;
	if (c->sinks == LIMIT_SINKS)
		return "at most " LIMIT_TEXT(SINKS) " sinks";
	*s = (struct sink_config){0};
	span_split(&v, ',', &part);
	const char *wrong = read_place(part, &s->place);
	if (wrong)
		return wrong;
	memcpy(s->name, part.p, part.n);
	s->format.crlf = s->place.kind == PLACE_SERIAL;
	while (span_split(&v, ',', &part)) {
		wrong = set_sink_key(c, s, part);
		if (wrong)
			return wrong;
	}
	if (s->format.kind == FORMAT_JSON &&
	    (s->format.width || s->format.bell.label.p))
		return "no width and no bell with format=json";
	for (unsigned i = 0; i < c->sinks; i++)
		if (span_eq(span_of(c->sink[i].name), span_of(s->name)))
			return "each place once";
	c->sinks++;
	return NULL;
}
