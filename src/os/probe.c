/* probe.c - see probe.h. */
#include "os/probe.h"

#include "facts/limits.h"
#include "os/net.h"
#include "os/os.h"

#include <string.h>

/* http://HOST:PORT/PATH or unix:PATH; what to ask for goes to *path. */
static bool read_url(struct span url, struct address *a, struct span *path)
{
	char host[128];
	struct buf b = buf_of(host, sizeof host);
	struct span authority;
	*path = SPAN("/-/healthy");
	if (span_starts(url, SPAN("unix:")))
		return address_read(url, a);
	if (!span_starts(url, SPAN("http://")))
		return false;
	url = span_skip(url, 7);
	struct span rest = url;
	span_split(&rest, '/', &authority);
	if (rest.p)
		*path = span_skip(url, authority.n);
	for (size_t i = 0; i < path->n; i++)
		if (!char_is_visible(path->p[i]))
			return false;
	buf_put(&b, authority);
	/* a colon that is not within [v6] begins the port */
	bool port = false;
	for (size_t i = authority.n; i-- && authority.p[i] != ']';)
		port = port || authority.p[i] == ':';
	if (!port)
		buf_str(&b, ":80");
	return !b.cut && address_read(buf_span(&b), a) &&
	       a->family != ADDRESS_ANY;
}

/* Sends a request and reads what fits, within the time. */
static struct span ask(int fd, struct span request, char *p, size_t cap)
{
	int64_t until = os_monotonic_ms() + LIMIT_PROBE_MS;
	size_t have = 0;
	long n = os_write(fd, request.p, request.n);
	while (n > 0 && have < cap && os_monotonic_ms() < until) {
		n = os_read(fd, p + have, cap - have);
		have += n > 0 ? (size_t)n : 0;
	}
	return (struct span){p, have};
}

int probe_address(const struct address *a, struct span path, struct buf *why)
{
	static const unsigned char loopback[4] = {127, 0, 0, 1};
	struct address at = *a;
	struct span line;
	char bytes[LIMIT_REQUEST_LINE];
	struct buf request = buf_of(bytes, sizeof bytes);
	if (at.family == ADDRESS_ANY) {
		at.family = ADDRESS_INET;
		memcpy(at.ip, loopback, sizeof loopback);
	}
	buf_str(&request, "GET ");
	buf_put(&request, path);
	buf_str(&request, " HTTP/1.1\r\nHost: bellwire\r\n"
			  "Connection: close\r\n\r\n");
	if (request.cut) {
		buf_str(why, "expected a shorter path");
		return 2;
	}
	int fd = net_connect(&at, LIMIT_PROBE_MS);
	if (fd < 0) {
		buf_str(why, "cannot connect: ");
		buf_str(why, os_error(fd));
		return 1;
	}
	struct span got = ask(fd, buf_span(&request), bytes, sizeof bytes);
	os_close(fd);
	if (span_starts(got, SPAN("HTTP/1.1 200 ")) ||
	    span_starts(got, SPAN("HTTP/1.0 200 ")))
		return 0;
	span_split(&got, '\r', &line);
	if (line.n)
		text_show(why, line, 100);
	else
		buf_str(why, "no answer");
	return 1;
}

int probe_url(struct span url, struct buf *why)
{
	struct address a;
	struct span path;
	if (read_url(url, &a, &path))
		return probe_address(&a, path, why);
	buf_str(why, "expected http://HOST:PORT/PATH with a numeric host, or "
		     "unix:PATH");
	return 2;
}
