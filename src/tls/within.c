/* within.c - see within.h. */
#include "tls/within.h"

#include "tls/der.h"

/*@ requires span_ok(s) && span_ok(tail);
    assigns \nothing;
    ensures \result ==> s.n >= tail.n; */
static bool ends_with(struct span s, struct span tail)
{
	return s.n >= tail.n && span_ieq(span_skip(s, s.n - tail.n), tail);
}

/* The letters of a text: one space for some, none at either end. */
/*@ requires \valid(s) && span_ok(*s);
    assigns *s;
    ensures span_ok(*s) && s->n <= \old(s->n);
    ensures \result == -1 || (\result >= 0 && s->n < \old(s->n)); */
static int take_letter(struct span *s, bool first)
{
	bool blank = false;
	/*@ loop invariant span_ok(*s) && s->n <= \at(s->n, Pre);
	    loop invariant blank ==> s->n < \at(s->n, Pre);
	    loop assigns *s, blank;
	    loop variant s->n; */
	for (; s->n && s->p[0] == ' '; *s = span_skip(*s, 1))
		blank = true;
	if (s->n == 0)
		return -1;
	if (blank && !first)
		return ' ';
	int c = byte_of(char_lower(s->p[0]));
	*s = span_skip(*s, 1);
	return c;
}

/*@ requires span_ok(a) && span_ok(b);
    assigns \nothing; */
static bool same_text(struct span a, struct span b)
{
	int x = take_letter(&a, true), y = take_letter(&b, true);
	/*@ loop invariant span_ok(a) && span_ok(b) && x >= -1;
	    loop assigns a, b, x, y;
	    loop variant a.n + (x >= 0 ? 1 : 0); */
	while (x == y && x >= 0) {
		x = take_letter(&a, false);
		y = take_letter(&b, false);
	}
	return x == y;
}

/* The forms of text whose bytes can be compared. */
/*@ assigns \nothing; */
static bool is_plain(unsigned tag)
{
	enum { UTF8 = 0x0c, PRINTABLE = 0x13, IA5 = 0x16 };
	return tag == UTF8 || tag == PRINTABLE || tag == IA5;
}

/* RelativeDistinguishedName ::= SET OF SEQUENCE { type OID, value }; what is
 * within one is in order, X.690 11.6. */
/*@ requires span_ok(a) && span_ok(b);
    assigns \nothing; */
static enum within same_part(struct span a, struct span b)
{
	struct span pair_a, pair_b, oid_a, oid_b, text_a, text_b;
	unsigned tag_a, tag_b;
	/*@ loop invariant span_ok(a) && span_ok(b);
	    loop assigns a, b, pair_a, pair_b, oid_a, oid_b, text_a, text_b,
		    tag_a, tag_b;
	    loop variant a.n; */
	while (a.n && b.n) {
		if (!der_take_tag(&a, DER_SEQUENCE, &pair_a) ||
		    !der_take_tag(&b, DER_SEQUENCE, &pair_b) ||
		    !der_take_tag(&pair_a, DER_OID, &oid_a) ||
		    !der_take_tag(&pair_b, DER_OID, &oid_b) ||
		    !der_take(&pair_a, &tag_a, &text_a) ||
		    !der_take(&pair_b, &tag_b, &text_b))
			return WITHIN_UNKNOWN;
		if (!span_eq(oid_a, oid_b))
			return WITHIN_NO;
		if (!is_plain(tag_a) || !is_plain(tag_b))
			return WITHIN_UNKNOWN;
		if (!same_text(text_a, text_b))
			return WITHIN_NO;
	}
	return a.n == b.n ? WITHIN_YES : WITHIN_NO;
}

/*@ requires span_ok(name) && span_ok(base);
    assigns \nothing; */
static enum within directory_within(struct span name, struct span base)
{
	struct span a, b, part_a, part_b;
	if (!der_take_tag(&name, DER_SEQUENCE, &a) ||
	    !der_take_tag(&base, DER_SEQUENCE, &b))
		return WITHIN_UNKNOWN;
	/*@ loop invariant span_ok(a) && span_ok(b);
	    loop assigns a, b, part_a, part_b;
	    loop variant b.n; */
	while (b.n) {
		if (a.n == 0)
			return WITHIN_NO;
		if (!der_take_tag(&a, DER_SET, &part_a) ||
		    !der_take_tag(&b, DER_SET, &part_b))
			return WITHIN_UNKNOWN;
		enum within part = same_part(part_a, part_b);
		if (part != WITHIN_YES)
			return part;
	}
	return WITHIN_YES;
}

/* example.org is itself and all below it, .example.org what is below. */
/*@ requires span_ok(name) && span_ok(base);
    assigns \nothing; */
static bool dns_within(struct span name, struct span base)
{
	if (base.n == 0 || span_ieq(name, base))
		return true;
	return ends_with(name, base) && name.n > base.n &&
	       (base.p[0] == '.' || name.p[name.n - base.n - 1] == '.');
}

/* example.org is that host alone, .example.org each below it. */
/*@ requires span_ok(host) && span_ok(base);
    assigns \nothing; */
static bool host_within(struct span host, struct span base)
{
	if (base.n && base.p[0] == '.')
		return host.n > base.n && ends_with(host, base);
	return span_ieq(host, base);
}

/* Behind the last c, or absent. */
/*@ requires span_ok(s);
    assigns \nothing;
    ensures span_ok(\result) && \result.n <= s.n; */
static struct span behind(struct span s, char c)
{
	/*@ loop invariant i <= s.n;
	    loop assigns i;
	    loop variant i; */
	for (size_t i = s.n; i; i--)
		if (s.p[i - 1] == c)
			return span_skip(s, i);
	return SPAN_NONE;
}

/*@ requires span_ok(name) && span_ok(base);
    assigns \nothing; */
static enum within email_within(struct span name, struct span base)
{
	struct span host = behind(name, '@'), base_host = behind(base, '@');
	if (!host.p)
		return WITHIN_UNKNOWN;
	if (!base_host.p)
		return host_within(host, base) ? WITHIN_YES : WITHIN_NO;
	struct span local = {name.p, name.n - host.n};
	struct span base_local = {base.p, base.n - base_host.n};
	return span_eq(local, base_local) && span_ieq(host, base_host)
		   ? WITHIN_YES
		   : WITHIN_NO;
}

/* Its host, or absent: RFC 3986 3.2. */
/*@ requires span_ok(uri);
    assigns \nothing;
    ensures span_ok(\result); */
static struct span host_of(struct span uri)
{
	size_t n = 0;
	/*@ loop invariant span_ok(uri);
	    loop assigns uri;
	    loop variant uri.n; */
	while (uri.n && !span_starts(uri, SPAN("://")))
		uri = span_skip(uri, 1);
	if (uri.n == 0)
		return SPAN_NONE;
	uri = span_skip(uri, 3);
	/*@ loop invariant n <= uri.n;
	    loop assigns n;
	    loop variant uri.n - n; */
	while (n < uri.n && uri.p[n] != '/' && uri.p[n] != '?' &&
	       uri.p[n] != '#')
		n++;
	struct span host = {uri.p, n}, part = behind(host, '@');
	if (part.p)
		host = part;
	/*@ loop invariant n <= host.n;
	    loop assigns n;
	    loop variant host.n - n; */
	for (n = 0; n < host.n && host.p[n] != ':';)
		n++;
	host.n = n;
	return host.n && host.p[0] != '[' ? host : SPAN_NONE;
}

/*@ requires span_ok(name) && span_ok(base);
    assigns \nothing; */
static enum within uri_within(struct span name, struct span base)
{
	struct span host = host_of(name);
	if (!host.p)
		return WITHIN_UNKNOWN;
	return host_within(host, base) ? WITHIN_YES : WITHIN_NO;
}

/* An address and a mask, 4 bytes or 16 each. */
/*@ requires span_ok(name) && span_ok(base);
    assigns \nothing; */
static enum within ip_within(struct span name, struct span base)
{
	if (base.n != 8 && base.n != 32)
		return WITHIN_UNKNOWN;
	if (name.n != base.n / 2)
		return WITHIN_NO;
	/*@ loop invariant i <= name.n;
	    loop assigns i;
	    loop variant name.n - i; */
	for (size_t i = 0; i < name.n; i++)
		if ((name.p[i] ^ base.p[i]) & base.p[name.n + i])
			return WITHIN_NO;
	return WITHIN_YES;
}

enum within name_within(unsigned form, struct span name, struct span base)
{
	switch (form) {
	case NAME_DNS:
		return dns_within(name, base) ? WITHIN_YES : WITHIN_NO;
	case NAME_EMAIL:
		return email_within(name, base);
	case NAME_URI:
		return uri_within(name, base);
	case NAME_IP:
		return ip_within(name, base);
	case NAME_DIRECTORY:
		return directory_within(name, base);
	default:
		return WITHIN_UNKNOWN;
	}
}
