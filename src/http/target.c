/* target.c - whom a request is for: its target and its Host. See
 * target.h. */
#include "http/target.h"

/* unreserved and sub-delims of RFC 3986 2, but for the comma: two hosts. */
/*@ assigns \nothing; */
static bool is_name_char(char c)
{
	switch (c) {
	case '-':
	case '.':
	case '_':
	case '~':
	case '!':
	case '$':
	case '&':
	case '\'':
	case '(':
	case ')':
	case '*':
	case '+':
	case ';':
	case '=':
		return true;
	default:
		break;
	}
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

/* The characters of an IPv6 address; whether it is one, nobody asks. */
/*@ assigns \nothing; */
static bool is_literal_char(char c)
{
	return hex_digit(c) >= 0 || c == ':' || c == '.';
}

/* uri-host at the front of v, RFC 3986 3.2.2: its length in *n, which may be 0.
 */
/*@ requires span_ok(v) && \valid(n);
    assigns *n;
    ensures \result ==> *n <= v.n; */
static bool measure_host(struct span v, size_t *n)
{
	size_t i = 0;
	if (v.n && v.p[0] == '[') {
		/*@ loop invariant 0 <= i < v.n;
		    loop assigns i;
		    loop variant v.n - i; */
		do
			i++;
		while (i < v.n && is_literal_char(v.p[i]));
		if (i < 3 || i == v.n || v.p[i] != ']')
			return false;
		*n = i + 1;
		return true;
	}
	/*@ loop invariant 0 <= i <= v.n;
	    loop assigns i;
	    loop variant v.n - i; */
	while (i < v.n && v.p[i] != ':') {
		bool encoded = v.p[i] == '%' && v.n - i >= 3 &&
			       hex_digit(v.p[i + 1]) >= 0 &&
			       hex_digit(v.p[i + 2]) >= 0;
		if (!encoded && !is_name_char(v.p[i]))
			return false;
		i += encoded ? 3 : 1;
	}
	*n = i;
	return true;
}

/* ":" port, where that may be empty; or nothing. */
/*@ requires span_ok(v);
    assigns \nothing; */
static bool is_port(struct span v)
{
	if (v.n && v.p[0] != ':')
		return false;
	/*@ loop invariant 0 <= i;
	    loop assigns i;
	    loop variant v.n - i; */
	for (size_t i = 1; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
	return true;
}

bool http_is_host(struct span v)
{
	size_t n;
	return measure_host(v, &n) && is_port(span_skip(v, n));
}

/* uri-host ":" port, RFC 9112 3.2.3. */
/*@ requires span_ok(v);
    assigns \nothing; */
static bool is_authority(struct span v)
{
	size_t n;
	return measure_host(v, &n) && n && v.n - n >= 2 &&
	       is_port(span_skip(v, n));
}

enum status http_parse_target(struct span method, struct span t,
			      struct http_request *r)
{
	if (t.n == 0)
		return STATUS_BAD_LINE;
	/*@ loop invariant 0 <= i <= t.n;
	    loop assigns i;
	    loop variant t.n - i; */
	for (size_t i = 0; i < t.n; i++)
		if (!char_is_visible(t.p[i]) || t.p[i] == '#')
			return STATUS_BAD_LINE;
	if (span_eq(method, SPAN("CONNECT"))) {
		r->path = t;
		return is_authority(t) ? STATUS_OK : STATUS_BAD_LINE;
	}
	size_t scheme = 0;
	if (t.n > 7 && span_ieq((struct span){t.p, 7}, SPAN("http://")))
		scheme = 7;
	if (t.n > 8 && span_ieq((struct span){t.p, 8}, SPAN("https://")))
		scheme = 8;
	if (scheme) {
		struct span host = span_skip(t, scheme);
		t = host;
		/*@ loop invariant span_ok(t) && t.n <= host.n;
		    loop assigns t;
		    loop variant t.n; */
		while (t.n && t.p[0] != '/' && t.p[0] != '?')
			t = span_skip(t, 1);
		host.n -= t.n;
		if (host.n == 0 || host.p[0] == ':' || !http_is_host(host))
			return STATUS_BAD_LINE;
	}
	bool asterisk = span_eq(t, SPAN("*")) &&
			(r->unknown_method || span_eq(method, SPAN("OPTIONS")));
	span_split(&t, '?', &r->path);
	if (scheme && r->path.n == 0)
		r->path = SPAN("/");
	bool path = r->path.n && r->path.p[0] == '/';
	return path || asterisk ? STATUS_OK : STATUS_BAD_LINE;
}
