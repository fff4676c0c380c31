/* usage.c - see usage.h. */
#include "main/usage.h"

#include "facts/limits.h"
#include "tls/tls.h"
#include "version.h"

#include <string.h>

/* Of each its name and the rest of its line, which end with a zero: a table of
 * pointers would be twice the size, and be relocated. */
static void put_limits(struct buf *out)
{
#define LIMIT_ROW(name, unit, beyond) \
	"  " #name " \0" unit "; beyond: " beyond "\n\0"
	static const char text[] = LIMITS(LIMIT_ROW);
#undef LIMIT_ROW
#define LIMIT_ROW(name, unit, beyond) LIMIT_##name,
	static const uint32_t values[] = {LIMITS(LIMIT_ROW)};
#undef LIMIT_ROW
	const char *at = text;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		buf_str(out, at);
		at += strlen(at) + 1;
		buf_u64(out, values[i]);
		/* NOLINTNEXTLINE: there are as many texts as values */
		buf_str(out, at[0] == ';' ? "" : " ");
		buf_str(out, at);
		at += strlen(at) + 1;
	}
}

void usage_put_version(struct buf *out)
{
	buf_str(out, "bellwire " BELLWIRE_VERSION "\n"
		     "features: tls=");
	buf_str(out, tls_version() ? "yes" : "no");
	buf_str(out, "\nbuilt with: " BELLWIRE_PARTS);
	if (tls_version()) {
		buf_str(out, ", ");
		buf_str(out, tls_version());
	}
	buf_str(out, "\n\nlimits:\n");
	put_limits(out);
}

void usage_put_help(struct buf *out)
{
	buf_str(
	    out,
	    "bellwire receives Alertmanager webhooks and emits each alert as "
	    "one line.\n\n"
	    "  bellwire [OPTIONS]              serve\n"
	    "  bellwire check [OPTIONS]        print what is in force, exit\n"
	    "  bellwire render [--format F]    payload on stdin -> lines\n"
	    "  bellwire probe [URL | -c FILE]  GET URL, exit 0 if it says 200\n"
	    "  bellwire version                version and limits\n\n"
	    "  -c FILE               options from FILE, lines of key = "
	    "value\n");
	config_put_help(out);
	buf_str(out, "\nkeys of a sink: format=line|json|logfmt|NAME "
		     "match=LABEL=VALUE match=LABEL!=VALUE\n"
		     "  resolved=no ascii=yes width=N eol=lf|crlf "
		     "bell=LABEL=VALUE\n"
		     "times: 500ms 8s 5m 1h; sizes: 64K 1M\n");
}
