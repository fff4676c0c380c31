/* options.c - the option table of config.h, and how each value is read. */
#include "config.h"

#include <string.h>

bool config_read_time_ms(struct span s, uint64_t *out)
{
	static const struct {
		struct span unit;
		uint64_t ms;
	} units[] = {
	    {SPAN("ms"), 1},
	    {SPAN("s"), 1000},
	    {SPAN("m"), 60 * 1000},
	    {SPAN("h"), 60 * 60 * 1000},
	};
	const uint64_t most = (uint64_t)366 * 24 * 60 * 60 * 1000;
	size_t digits = 0;
	uint64_t v;
	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	if (!span_u64((struct span){s.p, digits}, &v))
		return false;
	struct span unit = span_skip(s, digits);
	if (unit.n == 0 && v == 0) {
		*out = 0;
		return true;
	}
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (!span_eq(unit, units[i].unit) || v > most / units[i].ms)
			continue;
		*out = v * units[i].ms;
		return true;
	}
	return false;
}

bool config_read_size(struct span s, uint64_t *out)
{
	static const char units[] = "KMG";
	unsigned shift = 0;
	uint64_t v;
	const char *unit =
	    s.n ? memchr(units, s.p[s.n - 1], sizeof units - 1) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		s.n--;
	}
	if (!span_u64(s, &v) || v > (uint64_t)1 << (62 - shift))
		return false;
	*out = v << shift;
	return true;
}

static const char *set_listen(struct config *c, struct span v)
{
	if (c->listens == LIMIT_LISTENERS)
		return "at most 4 addresses";
	if (!address_read(v, &c->listen[c->listens]))
		return "HOST:PORT with a numeric host, [v6]:PORT, :PORT or "
		       "unix:PATH, such as 127.0.0.1:5000";
	c->listens++;
	return NULL;
}

static const char *set_path(struct config *c, struct span v)
{
	bool good = v.n && v.p[0] == '/' && v.n <= 1024;
	for (size_t i = 0; i < v.n; i++)
		good = good && v.p[i] > 0x20 && v.p[i] < 0x7f &&
		       v.p[i] != '?' && v.p[i] != '#';
	if (!good || span_starts(v, SPAN("/-/")) ||
	    span_eq(v, SPAN("/metrics")) || span_eq(v, SPAN("/alerts")))
		return "a path such as /webhook, none of bellwire's own";
	c->path = v;
	return NULL;
}

const char *config_read_format(struct format *f, struct span v)
{
	static const struct span names[] = {SPAN("line"), SPAN("json"),
					    SPAN("logfmt")};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (span_eq(v, names[i])) {
			f->kind = (enum format_kind)i;
			return NULL;
		}
	}
	return "format=line, json or logfmt";
}

/* LABEL=VALUE or, where `negated` is given, LABEL!=VALUE. */
static bool read_match(struct span v, struct match *m, bool may_negate)
{
	struct span label;
	*m = (struct match){0};
	if (!span_split(&v, '=', &label) || v.p == NULL)
		return false;
	if (may_negate && label.n && label.p[label.n - 1] == '!') {
		m->negated = true;
		label.n--;
	}
	m->label = label;
	m->value = v;
	return label.n != 0;
}

static const char *set_sink_key(struct format *f, struct span key,
				struct span v)
{
	uint64_t width;
	bool yes = span_eq(v, SPAN("yes"));
	bool yes_or_no = yes || span_eq(v, SPAN("no"));
	if (span_eq(key, SPAN("format")))
		return config_read_format(f, v);
	if (span_eq(key, SPAN("match"))) {
		if (f->matches == LIMIT_MATCHES)
			return "at most 8 match keys";
		if (!read_match(v, &f->match[f->matches], true))
			return "match=LABEL=VALUE or match=LABEL!=VALUE";
		f->matches++;
	} else if (span_eq(key, SPAN("resolved"))) {
		f->skip_resolved = !yes;
		return yes_or_no ? NULL : "resolved=yes or no";
	} else if (span_eq(key, SPAN("ascii"))) {
		f->ascii = yes;
		return yes_or_no ? NULL : "ascii=yes or no";
	} else if (span_eq(key, SPAN("width"))) {
		if (!span_u64(v, &width) || width > LIMIT_LINE)
			return "width=N, a number of characters";
		f->width = (uint32_t)width;
	} else if (span_eq(key, SPAN("eol"))) {
		f->crlf = span_eq(v, SPAN("crlf"));
		if (!f->crlf && !span_eq(v, SPAN("lf")))
			return "eol=lf or crlf";
	} else if (span_eq(key, SPAN("bell"))) {
		if (!read_match(v, &f->bell, false))
			return "bell=LABEL=VALUE";
	} else {
		return "one of the keys format match resolved ascii width eol "
		       "bell";
	}
	return NULL;
}

static const char *set_emit(struct config *c, struct span v)
{
	struct sink_config *s = &c->sink[c->sinks];
	struct span part;
	if (c->sinks == LIMIT_SINKS)
		return "at most 8 sinks";
	*s = (struct sink_config){0};
	span_split(&v, ',', &part);
	if (!span_eq(part, SPAN("stdout")))
		return "stdout[,key=value...]";
	memcpy(s->name, part.p, part.n);
	while (span_split(&v, ',', &part)) {
		struct span key;
		span_split(&part, '=', &key);
		if (part.p == NULL)
			return "key=value behind each comma";
		const char *wrong = set_sink_key(&s->format, key, part);
		if (wrong)
			return wrong;
	}
	if (s->format.kind == FORMAT_JSON &&
	    (s->format.width || s->format.bell.label.p))
		return "no width and no bell with format=json";
	c->sinks++;
	return NULL;
}

static const char *set_ack_timeout(struct config *c, struct span v)
{
	if (!config_read_time_ms(v, &c->ack_timeout_ms) || !c->ack_timeout_ms)
		return "a time above 0 such as 8s";
	return NULL;
}

static const char *set_max_body(struct config *c, struct span v)
{
	if (!config_read_size(v, &c->max_body) || c->max_body == 0)
		return "a size such as 64M";
	return NULL;
}

static const char *set_log_level(struct config *c, struct span v)
{
	static const struct span names[] = {SPAN("error"), SPAN("warn"),
					    SPAN("info"), SPAN("debug")};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (span_eq(v, names[i])) {
			c->log_level = (enum log_level)i;
			return NULL;
		}
	}
	return "error, warn, info or debug";
}

const struct option *config_options(void)
{
	/* clang-format off */
	static const struct option table[] = {
	    {SPAN("listen"), "ADDR", "127.0.0.1:5000",
	     "HOST:PORT, [v6]:PORT, :PORT or unix:PATH; up to 4", true,
	     set_listen},
	    {SPAN("path"), "PATH", "/webhook",
	     "where notifications are posted", false, set_path},
	    {SPAN("emit"), "SINK", "stdout",
	     "stdout[,key=value...]; up to 8", true, set_emit},
	    {SPAN("ack-timeout"), "T", "8s",
	     "how long a request may wait for its alerts to be safe", false,
	     set_ack_timeout},
	    {SPAN("max-body"), "N", "64M", "larger requests get 413", false,
	     set_max_body},
	    {SPAN("log-level"), "L", "info",
	     "error, warn, info or debug; on stderr", false, set_log_level},
	    {{NULL, 0}, NULL, NULL, NULL, false, NULL},
	};
	/* clang-format on */
	return table;
}
