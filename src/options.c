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

/* Keys that every sink has. NULL: fine; "": not one of them. */
static const char *set_format_key(struct format *f, struct span key,
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
		return "";
	}
	return NULL;
}

static bool read_mode(struct span v, uint32_t *mode)
{
	*mode = 0;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '7')
			return false;
		*mode = *mode << 3 | (uint32_t)(v.p[i] - '0');
	}
	return v.n >= 3 && v.n <= 4 && *mode <= 0777;
}

/* The rates that termios names; sink.c knows their codes. */
static bool read_baud(struct span v, uint32_t *baud)
{
	static const uint32_t rates[] = {
	    300,   600,   1200,   2400,   4800,   9600,   19200,
	    38400, 57600, 115200, 230400, 460800, 921600,
	};
	uint64_t n;
	if (!span_u64(v, &n))
		return false;
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		if (rates[i] == n) {
			*baud = rates[i];
			return true;
		}
	}
	return false;
}

/* 8n1: data bits, parity, stop bits. */
static bool read_frame(struct span v, struct place *p)
{
	if (v.n != 3 || v.p[0] < '5' || v.p[0] > '8' ||
	    (v.p[1] != 'n' && v.p[1] != 'e' && v.p[1] != 'o') ||
	    (v.p[2] != '1' && v.p[2] != '2'))
		return false;
	p->data_bits = (uint8_t)(v.p[0] - '0');
	p->parity = v.p[1];
	p->stop_bits = (uint8_t)(v.p[2] - '0');
	return true;
}

static bool read_flow(struct span v, enum place_flow *flow)
{
	static const struct span names[] = {SPAN("none"), SPAN("rtscts"),
					    SPAN("xonxoff")};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (span_eq(v, names[i])) {
			*flow = (enum place_flow)i;
			return true;
		}
	}
	return false;
}

/* Keys that depend on the kind of place. */
static const char *set_place_key(struct place *p, struct span key,
				 struct span v)
{
	if (p->kind == PLACE_FIFO && span_eq(key, SPAN("mode")))
		return read_mode(v, &p->mode) ? NULL
					      : "mode=0640, three octal digits";
	if (p->kind == PLACE_SERIAL && span_eq(key, SPAN("baud")))
		return read_baud(v, &p->baud)
			   ? NULL
			   : "baud=115200 or another usual rate";
	if (p->kind == PLACE_SERIAL && span_eq(key, SPAN("frame")))
		return read_frame(v, p) ? NULL : "frame=8n1 and its like";
	if (p->kind == PLACE_SERIAL && span_eq(key, SPAN("flow")))
		return read_flow(v, &p->flow) ? NULL
					      : "flow=none, rtscts or xonxoff";
	return "one of the keys format match resolved ascii width eol bell, "
	       "mode for a fifo, baud frame flow for a serial line";
}

/* KIND[:PLACE] */
static bool read_place(struct span v, struct place *p)
{
	struct span kind;
	*p = (struct place){.mode = 0640,
			    .baud = 115200,
			    .data_bits = 8,
			    .parity = 'n',
			    .stop_bits = 1};
	span_split(&v, ':', &kind);
	if (span_eq(kind, SPAN("stdout")))
		return v.p == NULL;
	if (span_eq(kind, SPAN("fifo")))
		p->kind = PLACE_FIFO;
	else if (span_eq(kind, SPAN("serial")))
		p->kind = PLACE_SERIAL;
	else
		return false;
	if (v.n == 0)
		return false;
	memcpy(p->path, v.p, v.n);
	return true;
}

static const char *set_sink_key(struct sink_config *s, struct span part)
{
	struct span key;
	span_split(&part, '=', &key);
	if (part.p == NULL)
		return "key=value behind each comma";
	const char *wrong = set_format_key(&s->format, key, part);
	if (wrong && *wrong == '\0')
		wrong = set_place_key(&s->place, key, part);
	return wrong;
}

static const char *set_emit(struct config *c, struct span v)
{
	struct sink_config *s = &c->sink[c->sinks];
	struct span part;
	if (c->sinks == LIMIT_SINKS)
		return "at most 8 sinks";
	*s = (struct sink_config){0};
	span_split(&v, ',', &part);
	if (part.n >= sizeof s->name)
		return "a place of at most 96 bytes";
	if (!read_place(part, &s->place))
		return "stdout, fifo:PATH or serial:DEV, and [,key=value...]";
	memcpy(s->name, part.p, part.n);
	s->format.crlf = s->place.kind == PLACE_SERIAL;
	while (span_split(&v, ',', &part)) {
		const char *wrong = set_sink_key(s, part);
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

/* FILE[,size=N] */
static const char *set_spool(struct config *c, struct span v)
{
	struct span part, key;
	span_split(&v, ',', &c->spool);
	c->spool_size = LIMIT_SPOOL_FILE;
	while (span_split(&v, ',', &part)) {
		span_split(&part, '=', &key);
		if (!span_eq(key, SPAN("size")) ||
		    !config_read_size(part, &c->spool_size) ||
		    c->spool_size < LIMIT_SPOOL_MEMORY ||
		    c->spool_size > LIMIT_SPOOL_FILE_MAX)
			return "FILE[,size=N] with N from 256K to 1G";
	}
	if (c->spool.n == 0 || c->spool.n > 200)
		return "FILE[,size=N] with a name of at most 200 bytes";
	return NULL;
}

static const char *set_dedup(struct config *c, struct span v)
{
	return config_read_time_ms(v, &c->dedup_ms) ? NULL
						    : "a time such as 5m";
}

static const char *set_max_age(struct config *c, struct span v)
{
	return config_read_time_ms(v, &c->max_age_ms) ? NULL
						      : "a time such as 1h";
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

static const char *set_allow(struct config *c, struct span v)
{
	struct span part;
	while (span_split(&v, ',', &part)) {
		if (c->allows == LIMIT_ALLOWS)
			return "at most 32 address ranges";
		if (!address_read_range(part, &c->allow[c->allows++]))
			return "CIDR[,CIDR], such as 10.0.0.0/8,::1";
	}
	return NULL;
}

static const char *set_name(struct span v, struct span *out)
{
	*out = v;
	return v.n && v.n <= 200 ? NULL : "a name of 1 to 200 bytes";
}

static const char *set_tls_cert(struct config *c, struct span v)
{
	return set_name(v, &c->tls_cert);
}

static const char *set_tls_key(struct config *c, struct span v)
{
	return set_name(v, &c->tls_key);
}

static const char *set_tls_client_ca(struct config *c, struct span v)
{
	return set_name(v, &c->tls_client_ca);
}

static const char *set_tls_client_name(struct config *c, struct span v)
{
	if (c->tls_names == LIMIT_TLS_NAMES)
		return "at most 16 names";
	return set_name(v, &c->tls_name[c->tls_names++]);
}

static const char *set_token_file(struct config *c, struct span v)
{
	return set_name(v, &c->token_file);
}

static const char *set_basic_file(struct config *c, struct span v)
{
	return set_name(v, &c->basic_file);
}

static const char *set_user(struct config *c, struct span v)
{
	return set_name(v, &c->user);
}

static const char *set_chroot(struct config *c, struct span v)
{
	return set_name(v, &c->root);
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
	     "stdout, fifo:PATH or serial:DEV, [,key=value...]; up to 8", true,
	     set_emit},
	    {SPAN("spool"), "FILE[,size=N]", NULL,
	     "keep accepted alerts in FILE until they are emitted", false,
	     set_spool},
	    {SPAN("ack-timeout"), "T", "8s",
	     "how long a request may wait for its alerts to be safe", false,
	     set_ack_timeout},
	    {SPAN("max-body"), "N", "64M", "larger requests get 413", false,
	     set_max_body},
	    {SPAN("tls-cert"), "FILE", NULL,
	     "serve TLS 1.2 with this chain, PEM; RSA or EC", false,
	     set_tls_cert},
	    {SPAN("tls-key"), "FILE", NULL, "and this private key, PEM", false,
	     set_tls_key},
	    {SPAN("tls-client-ca"), "FILE", NULL,
	     "require a client certificate issued by one of these", false,
	     set_tls_client_ca},
	    {SPAN("tls-client-name"), "NAME", NULL,
	     "and with this CN or alternative name; repeatable", true,
	     set_tls_client_name},
	    {SPAN("auth-token-file"), "FILE", NULL,
	     "bearer tokens, one a line, plain or sha256:HEX", false,
	     set_token_file},
	    {SPAN("auth-basic-file"), "FILE", NULL,
	     "user:password or user:sha256:HEX, one a line", false,
	     set_basic_file},
	    {SPAN("allow"), "CIDR[,CIDR]", NULL,
	     "source addresses that may connect", true, set_allow},
	    {SPAN("user"), "NAME|UID[:GID]", NULL,
	     "drop to it once everything is open", false, set_user},
	    {SPAN("chroot"), "DIR", NULL,
	     "make DIR the root once everything is open", false, set_chroot},
	    {SPAN("dedup"), "T", "0",
	     "an identical alert within T is emitted once", false, set_dedup},
	    {SPAN("max-age"), "T", "0",
	     "skip alerts that have waited longer than T", false, set_max_age},
	    {SPAN("log-level"), "L", "info",
	     "error, warn, info or debug; on stderr", false, set_log_level},
	    {{NULL, 0}, NULL, NULL, NULL, false, NULL},
	};
	/* clang-format on */
	return table;
}
