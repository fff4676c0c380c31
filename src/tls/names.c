/* names.c - see names.h. */
#include "tls/names.h"

#include "tls/der.h"

/* Whoever knows neither does not let in: a permitted name is a YES, one that is
 * not excluded a NO. */
enum within { NO, YES, UNKNOWN };

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool same(struct span a, struct span b)
{
	for (size_t i = 0; i < a.n && i < b.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return a.n == b.n;
}

static bool ends_with(struct span s, struct span tail)
{
	return s.n >= tail.n && same(span_skip(s, s.n - tail.n), tail);
}

/* The letters of a text: one space for some, none at either end. */
static int take_letter(struct span *s, bool first)
{
	bool blank = false;
	for (; s->n && s->p[0] == ' '; *s = span_skip(*s, 1))
		blank = true;
	if (s->n == 0)
		return -1;
	if (blank && !first)
		return ' ';
	int c = byte_of(lower(s->p[0]));
	*s = span_skip(*s, 1);
	return c;
}

static bool same_text(struct span a, struct span b)
{
	int x = take_letter(&a, true), y = take_letter(&b, true);
	while (x == y && x >= 0) {
		x = take_letter(&a, false);
		y = take_letter(&b, false);
	}
	return x == y;
}

/* The forms of text whose bytes can be compared. */
static bool is_plain(unsigned tag)
{
	enum { UTF8 = 0x0c, PRINTABLE = 0x13, IA5 = 0x16 };
	return tag == UTF8 || tag == PRINTABLE || tag == IA5;
}

/* RelativeDistinguishedName ::= SET OF SEQUENCE { type OID, value }; what is
 * within one is in order, X.690 11.6. */
static enum within same_part(struct span a, struct span b)
{
	struct span pair_a, pair_b, oid_a, oid_b, text_a, text_b;
	unsigned tag_a, tag_b;
	while (a.n && b.n) {
		if (!der_take_tag(&a, DER_SEQUENCE, &pair_a) ||
		    !der_take_tag(&b, DER_SEQUENCE, &pair_b) ||
		    !der_take_tag(&pair_a, DER_OID, &oid_a) ||
		    !der_take_tag(&pair_b, DER_OID, &oid_b) ||
		    !der_take(&pair_a, &tag_a, &text_a) ||
		    !der_take(&pair_b, &tag_b, &text_b))
			return UNKNOWN;
		if (!span_eq(oid_a, oid_b))
			return NO;
		if (!is_plain(tag_a) || !is_plain(tag_b))
			return UNKNOWN;
		if (!same_text(text_a, text_b))
			return NO;
	}
	return a.n == b.n ? YES : NO;
}

static enum within directory_within(struct span name, struct span base)
{
	struct span a, b, part_a, part_b;
	if (!der_take_tag(&name, DER_SEQUENCE, &a) ||
	    !der_take_tag(&base, DER_SEQUENCE, &b))
		return UNKNOWN;
	while (b.n) {
		if (a.n == 0)
			return NO;
		if (!der_take_tag(&a, DER_SET, &part_a) ||
		    !der_take_tag(&b, DER_SET, &part_b))
			return UNKNOWN;
		enum within part = same_part(part_a, part_b);
		if (part != YES)
			return part;
	}
	return YES;
}

/* example.org is itself and all below it, .example.org what is below. */
static bool dns_within(struct span name, struct span base)
{
	if (base.n == 0 || same(name, base))
		return true;
	return ends_with(name, base) && name.n > base.n &&
	       (base.p[0] == '.' || name.p[name.n - base.n - 1] == '.');
}

/* example.org is that host alone, .example.org each below it. */
static bool host_within(struct span host, struct span base)
{
	if (base.n && base.p[0] == '.')
		return host.n > base.n && ends_with(host, base);
	return same(host, base);
}

/* Behind the last c, or absent. */
static struct span behind(struct span s, char c)
{
	for (size_t i = s.n; i; i--)
		if (s.p[i - 1] == c)
			return span_skip(s, i);
	return SPAN_NONE;
}

static enum within email_within(struct span name, struct span base)
{
	struct span host = behind(name, '@'), base_host = behind(base, '@');
	if (!host.p)
		return UNKNOWN;
	if (!base_host.p)
		return host_within(host, base) ? YES : NO;
	struct span local = {name.p, name.n - host.n};
	struct span base_local = {base.p, base.n - base_host.n};
	return span_eq(local, base_local) && same(host, base_host) ? YES : NO;
}

/* Its host, or absent: RFC 3986 3.2. */
static struct span host_of(struct span uri)
{
	size_t n = 0;
	while (uri.n && !span_starts(uri, SPAN("://")))
		uri = span_skip(uri, 1);
	if (uri.n == 0)
		return SPAN_NONE;
	uri = span_skip(uri, 3);
	while (n < uri.n && uri.p[n] != '/' && uri.p[n] != '?' &&
	       uri.p[n] != '#')
		n++;
	struct span host = {uri.p, n}, part = behind(host, '@');
	if (part.p)
		host = part;
	for (n = 0; n < host.n && host.p[n] != ':';)
		n++;
	host.n = n;
	return host.n && host.p[0] != '[' ? host : SPAN_NONE;
}

static enum within uri_within(struct span name, struct span base)
{
	struct span host = host_of(name);
	if (!host.p)
		return UNKNOWN;
	return host_within(host, base) ? YES : NO;
}

/* An address and a mask, 4 bytes or 16 each. */
static enum within ip_within(struct span name, struct span base)
{
	if (base.n != 8 && base.n != 32)
		return UNKNOWN;
	if (name.n != base.n / 2)
		return NO;
	for (size_t i = 0; i < name.n; i++)
		if ((name.p[i] ^ base.p[i]) & base.p[name.n + i])
			return NO;
	return YES;
}

static enum within is_within(unsigned form, struct span name, struct span base)
{
	switch (form) {
	case NAME_DNS:
		return dns_within(name, base) ? YES : NO;
	case NAME_EMAIL:
		return email_within(name, base);
	case NAME_URI:
		return uri_within(name, base);
	case NAME_IP:
		return ip_within(name, base);
	case NAME_DIRECTORY:
		return directory_within(name, base);
	default:
		return UNKNOWN;
	}
}

/* GeneralSubtree ::= SEQUENCE { base GeneralName, minimum, maximum } */
static bool take_limit(struct span *list, unsigned *form, struct span *base)
{
	struct span tree;
	if (!der_take_tag(list, DER_SEQUENCE, &tree) ||
	    !der_take(&tree, form, base) || tree.n)
		return false;
	switch (*form) {
	case NAME_DNS:
	case NAME_EMAIL:
	case NAME_URI:
	case NAME_IP:
	case NAME_DIRECTORY:
		return true;
	default:
		return false;
	}
}

struct limits {
	struct span permitted, excluded;
};

/* NameConstraints ::= SEQUENCE { permitted [0], excluded [1] }, of forms that
 * are understood. */
static bool read_limits(struct span list, struct limits *l)
{
	enum { PERMITTED = 0xa0, EXCLUDED = 0xa1 };
	unsigned tag;
	*l = (struct limits){SPAN_NONE, SPAN_NONE};
	while (list.n) {
		struct span trees, base;
		if (!der_take(&list, &tag, &trees))
			return false;
		if (tag == PERMITTED && !l->permitted.p)
			l->permitted = trees;
		else if (tag == EXCLUDED && !l->excluded.p)
			l->excluded = trees;
		else
			return false;
		while (trees.n)
			if (!take_limit(&trees, &tag, &base))
				return false;
	}
	return true;
}

static bool allows(const struct limits *l, unsigned form, struct span name,
		   unsigned *left)
{
	struct span list = l->permitted, base;
	bool asked = false, found = false;
	unsigned of;
	for (; list.n && *left; --*left) {
		if (!take_limit(&list, &of, &base) || of != form)
			continue;
		asked = true;
		found = found || is_within(form, name, base) == YES;
	}
	if (asked && !found)
		return false;
	for (list = l->excluded; list.n && *left; --*left)
		if (take_limit(&list, &of, &base) && of == form &&
		    is_within(form, name, base) != NO)
			return false;
	return *left != 0;
}

/* A CN is taken for a host's name if it has a dot within and nothing that such
 * a name has not. */
static bool looks_like_dns(struct span s)
{
	bool dot = false;
	for (size_t i = 0; i < s.n; i++) {
		char c = lower(s.p[i]);
		dot = dot || (c == '.' && i && i + 1 < s.n);
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' &&
		    c != '_' && c != '.')
			return false;
	}
	return dot;
}

/* What of a subject is a name of another form: RFC 5280 4.2.1.10 says so of
 * e-mail addresses. */
static bool allows_parts(const struct limits *l, const struct names *names,
			 bool has_dns, unsigned *left)
{
	static const struct span email =
	    SPAN_INIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01");
	static const struct span common_name = SPAN_INIT("\x55\x04\x03");
	struct span subject = names->subject, list, set, pair, oid, text;
	unsigned tag;
	if (!der_take_tag(&subject, DER_SEQUENCE, &list))
		return false;
	while (list.n) {
		if (!der_take_tag(&list, DER_SET, &set))
			return false;
		while (set.n) {
			if (!der_take_tag(&set, DER_SEQUENCE, &pair) ||
			    !der_take_tag(&pair, DER_OID, &oid) ||
			    !der_take(&pair, &tag, &text))
				return false;
			if (span_eq(oid, email) &&
			    !allows(l, NAME_EMAIL, text, left))
				return false;
			if (names->leaf && !has_dns &&
			    span_eq(oid, common_name) && looks_like_dns(text) &&
			    !allows(l, NAME_DNS, text, left))
				return false;
		}
	}
	return true;
}

static bool is_empty(struct span subject)
{
	struct span inside;
	return der_take_tag(&subject, DER_SEQUENCE, &inside) && inside.n == 0;
}

bool names_within(struct span limits, const struct names *names, unsigned *left)
{
	struct span list = names->alternatives, name;
	struct limits l;
	bool has_dns = false;
	unsigned form;
	if (!limits.p)
		return true;
	if (!read_limits(limits, &l))
		return false;
	while (list.n) {
		if (!der_take(&list, &form, &name) ||
		    !allows(&l, form, name, left))
			return false;
		has_dns = has_dns || form == NAME_DNS;
	}
	if (!is_empty(names->subject) &&
	    !allows(&l, NAME_DIRECTORY, names->subject, left))
		return false;
	return allows_parts(&l, names, has_dns, left);
}
