/* options.c - the option table of config.h, and how each value is read. */
#include "config/config.h"
#include "config/value.h"

#include <string.h>

static const char *set_listen(struct config *c, struct span v)
{
	if (c->listens == LIMIT_LISTENERS)
		return "at most " LIMIT_TEXT(LISTENERS) " addresses";
	if (!address_read(v, &c->listen[c->listens]))
		return "HOST:PORT with a numeric host, [v6]:PORT, :PORT or "
		       "unix:PATH, such as 127.0.0.1:5000";
	c->listens++;
	return NULL;
}

static const char *set_health(struct config *c, struct span v)
{
	c->has_health = true;
	return address_read(v, &c->health)
		   ? NULL
		   : "HOST:PORT with a numeric host, [v6]:PORT, :PORT or "
		     "unix:PATH, such as :8080";
}

static const char *set_path(struct config *c, struct span v)
{
	bool good = v.n && v.p[0] == '/' && v.n <= LIMIT_URL_PATH;
	for (size_t i = 0; i < v.n; i++)
		good = good && char_is_visible(v.p[i]) && v.p[i] != '?' &&
		       v.p[i] != '#';
	if (!good || span_starts(v, SPAN("/-/")) ||
	    span_eq(v, SPAN("/metrics")) || span_eq(v, SPAN("/alerts")))
		return "a path such as /webhook, none of bellwire's own";
	c->path = v;
	return NULL;
}

/* NAME=TEXT */
static const char *set_template(struct config *c, struct span v)
{
	static const struct span taken[] = {SPAN("line"), SPAN("json"),
					    SPAN("logfmt")};
	struct template *t = &c->template[c->templates];
	if (c->templates == LIMIT_TEMPLATES)
		return "at most " LIMIT_TEXT(TEMPLATES) " templates";
	span_split(&v, '=', &t->name);
	bool good = v.p && t->name.n && v.n <= LIMIT_TEMPLATE;
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		good = good && !span_eq(t->name, taken[i]);
	for (unsigned i = 0; i < c->templates; i++)
		good = good && !span_eq(t->name, c->template[i].name);
	if (!good)
		return "NAME=TEXT with a new name and "
		       "at most " LIMIT_TEXT(TEMPLATE) " bytes";
	t->text = v;
	c->templates++;
	return template_check(v);
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
			/* clang-format off */
			return "FILE[,size=N] with N from "
			       LIMIT_TEXT(SPOOL_MEMORY_KIB) "K to "
			       LIMIT_TEXT(SPOOL_FILE_MAX_GIB) "G";
		/* clang-format on */
	}
	if (c->spool.n == 0 || c->spool.n > LIMIT_NAME)
		return "FILE[,size=N] with a name of "
		       "at most " LIMIT_TEXT(NAME) " bytes";
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

/* Has the alert that --deadman emits that label? An empty value stands for a
 * label that is not there, and it has these two alone. */
static bool is_own(const struct match *m)
{
	static const struct match own[] = {
	    {SPAN("alertname"), SPAN(CONFIG_DEADMAN_NAME), false},
	    {SPAN("severity"), SPAN(CONFIG_DEADMAN_SEVERITY), false},
	};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (span_eq(m->label, own[i].label))
			return span_eq(m->value, own[i].value);
	return m->value.n == 0;
}

/* T[,LABEL=VALUE...]; what it emits itself must not feed it. */
static const char *set_deadman(struct config *c, struct span v)
{
	struct span part;
	unsigned n = 0, owns = 0;
	span_split(&v, ',', &c->deadman_text);
	/* the alert has it as it is written, and 512 bytes in all */
	if (c->deadman_text.n > 32 ||
	    !config_read_time_ms(c->deadman_text, &c->deadman_ms))
		return "T[,LABEL=VALUE...], such as 5m,alertname=Watchdog";
	while (span_split(&v, ',', &part)) {
		if (n == LIMIT_MATCHES)
			return "at most " LIMIT_TEXT(MATCHES) " labels";
		struct match *m = &c->deadman_match[n++];
		if (!config_read_match(part, m, false))
			return "LABEL=VALUE behind each comma";
		owns += is_own(m);
	}
	c->deadman_matches = n;
	return n && n == owns ? "a label that " CONFIG_DEADMAN_NAME
				" itself does not have"
			      : NULL;
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
			return "at most " LIMIT_TEXT(ALLOWS) " address ranges";
		if (!address_read_range(part, &c->allow[c->allows++]))
			return "CIDR[,CIDR], such as 10.0.0.0/8,::1";
	}
	return NULL;
}

static const char *set_name(struct span v, struct span *out)
{
	*out = v;
	return v.n && v.n <= LIMIT_NAME
		   ? NULL
		   : "a name of 1 to " LIMIT_TEXT(NAME) " bytes";
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
		return "at most " LIMIT_TEXT(TLS_NAMES) " names";
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

static const char *set_hmac_file(struct config *c, struct span v)
{
	return set_name(v, &c->hmac_file);
}

static const char *set_user(struct config *c, struct span v)
{
	return set_name(v, &c->user);
}

static const char *set_chroot(struct config *c, struct span v)
{
	return set_name(v, &c->root);
}

static const char *set_sandbox(struct config *c, struct span v)
{
	static const struct span names[] = {SPAN("auto"), SPAN("require"),
					    SPAN("off")};
	size_t i = config_read_word(v, names, 3);
	if (i == 3)
		return "auto, require or off";
	c->sandbox = (enum config_sandbox)i;
	return NULL;
}

static const char *set_log_level(struct config *c, struct span v)
{
	static const struct span names[] = {SPAN("error"), SPAN("warn"),
					    SPAN("info"), SPAN("debug")};
	size_t i = config_read_word(v, names, 4);
	if (i == 4)
		return "error, warn, info or debug";
	c->log_level = (enum log_level)i;
	return NULL;
}

const struct option *config_options(void)
{
	/* clang-format off */
	static const struct option table[] = {
	    {SPAN("listen"), "ADDR", "127.0.0.1:5000",
	     "HOST:PORT, [v6]:PORT, :PORT or unix:PATH; up to "
	     LIMIT_TEXT(LISTENERS),
	     true,
	     set_listen},
	    {SPAN("health"), "ADDR", NULL,
	     "health and readiness alone, plain and open, whatever else is "
	     "asked for",
	     false, set_health},
	    {SPAN("path"), "PATH", "/webhook",
	     "where notifications are posted", false, set_path},
	    {SPAN("template"), "NAME=TEXT", NULL,
	     "a format of one's own, such as "
	     "'short={STATUS} {labels.alertname}'",
	     true, set_template},
	    {SPAN("emit"), "SINK", "stdout",
	     "stdout, fifo:PATH or serial:DEV, [,key=value...]; up to "
	     LIMIT_TEXT(SINKS),
	     true,
	     config_set_emit},
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
	     "and with this CN or alternative name; repeatable",
	     true, set_tls_client_name},
	    {SPAN("auth-token-file"), "FILE", NULL,
	     "bearer tokens, one a line, plain or sha256:HEX", false,
	     set_token_file},
	    {SPAN("auth-basic-file"), "FILE", NULL,
	     "user:password or user:sha256:HEX, one a line", false,
	     set_basic_file},
	    {SPAN("auth-hmac-file"), "FILE", NULL,
	     "secrets of Grafana's signatures, one a line; signed bodies may "
	     "have " LIMIT_TEXT(WHOLE_BODY) " bytes",
	     false, set_hmac_file},
	    {SPAN("allow"), "CIDR[,CIDR]", NULL,
	     "source addresses that may connect", true, set_allow},
	    {SPAN("user"), "NAME|UID[:GID]", NULL,
	     "drop to it once everything is open", false, set_user},
	    {SPAN("chroot"), "DIR", NULL,
	     "make DIR the root once everything is open", false, set_chroot},
	    {SPAN("sandbox"), "MODE", "auto",
	     "auto: what the kernel has of it; require: all or nothing; off",
	     false, set_sandbox},
	    {SPAN("deadman"), "T[,LABEL=VALUE...]", NULL,
	     "no notification that matches for T: emit BellwireDeadMan", false,
	     set_deadman},
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
