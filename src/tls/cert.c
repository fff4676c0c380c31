/* cert.c - see cert.h. */
#include "tls/cert.h"

#include "base/address.h"
#include "base/time.h"
#include "tls/der.h"
#include "tls/names.h"
#include "tls/within.h"

enum {
	TAG_OCTETS = 0x04,
	TAG_UTC_TIME = 0x17,
	TAG_GENERALIZED_TIME = 0x18,
	TAG_VERSION = 0xa0,
	TAG_EXTENSIONS = 0xa3,
};

/* Name ::= SEQUENCE OF SET OF SEQUENCE { type OID, value } */
/*@ requires span_ok(name) && \valid(c) && cert_ok(c);
    assigns *c;
    ensures cert_ok(c); */
static bool read_subject(struct span name, struct cert *c)
{
	static const struct span common_name = SPAN_INIT("\x55\x04\x03");
	struct span set, pair, oid, value;
	unsigned tag;
	/*@ loop invariant span_ok(name) && cert_ok(c);
	    loop assigns name, set, pair, oid, value, tag, *c;
	    loop variant name.n; */
	while (name.n) {
		if (!der_take_tag(&name, DER_SET, &set))
			return false;
		/*@ loop invariant span_ok(set) && cert_ok(c);
		    loop assigns set, pair, oid, value, tag, *c;
		    loop variant set.n; */
		while (set.n) {
			if (!der_take_tag(&set, DER_SEQUENCE, &pair) ||
			    !der_take_tag(&pair, DER_OID, &oid) ||
			    !der_take(&pair, &tag, &value))
				return false;
			if (span_eq(oid, common_name))
				c->common_name = value;
		}
	}
	return true;
}

/*@ requires span_ok(value) && \valid(c) && cert_ok(c);
    assigns *c;
    ensures cert_ok(c); */
static bool read_usages(struct span value, struct cert *c)
{
	static const struct span any = SPAN_INIT("\x55\x1d\x25\x00");
	static const struct span server =
	    SPAN_INIT("\x2b\x06\x01\x05\x05\x07\x03\x01");
	static const struct span client =
	    SPAN_INIT("\x2b\x06\x01\x05\x05\x07\x03\x02");
	struct span list, oid;
	if (!der_take_tag(&value, DER_SEQUENCE, &list))
		return false;
	c->has_usages = true;
	/*@ loop invariant span_ok(list) && cert_ok(c);
	    loop assigns list, oid, *c;
	    loop variant list.n; */
	while (list.n) {
		if (!der_take_tag(&list, DER_OID, &oid))
			return false;
		bool all = span_eq(oid, any);
		c->for_clients |= all || span_eq(oid, client);
		c->for_servers |= all || span_eq(oid, server);
	}
	return true;
}

/* BasicConstraints ::= SEQUENCE { cA BOOLEAN, pathLenConstraint INTEGER }. The
 * rest of it is for BearSSL to judge. */
/*@ requires span_ok(value) && \valid(c) && cert_ok(c);
    assigns *c;
    ensures cert_ok(c); */
static bool read_path_length(struct span value, struct cert *c)
{
	struct span list, part;
	unsigned tag;
	if (!der_take_tag(&value, DER_SEQUENCE, &list))
		return false;
	/*@ loop invariant span_ok(list) && cert_ok(c);
	    loop assigns list, part, tag, *c;
	    loop variant list.n; */
	while (list.n) {
		if (!der_take(&list, &tag, &part))
			return false;
		if (tag == DER_INTEGER)
			c->path_length =
			    part.n == 1 ? byte_of(part.p[0]) : CERT_ANY_LENGTH;
	}
	return true;
}

/* Extension ::= SEQUENCE { id OID, critical BOOLEAN, value OCTET STRING } */
/*@ requires span_ok(extension) && \valid(c) && cert_ok(c);
    assigns *c;
    ensures cert_ok(c); */
static bool read_extension(struct span extension, struct cert *c)
{
	static const struct span usages = SPAN_INIT("\x55\x1d\x25");
	static const struct span names = SPAN_INIT("\x55\x1d\x11");
	static const struct span basic = SPAN_INIT("\x55\x1d\x13");
	static const struct span limits = SPAN_INIT("\x55\x1d\x1e");
	struct span id, value;
	unsigned tag;
	if (!der_take_tag(&extension, DER_OID, &id) ||
	    !der_take(&extension, &tag, &value))
		return false;
	if (tag == DER_BOOLEAN && !der_take(&extension, &tag, &value))
		return false;
	if (tag != TAG_OCTETS)
		return false;
	/* each stands there once, RFC 5280 4.2 */
	if (span_eq(id, usages))
		return !c->has_usages && read_usages(value, c);
	if (span_eq(id, names))
		return !c->alternatives.p &&
		       der_take_tag(&value, DER_SEQUENCE, &c->alternatives);
	if (span_eq(id, basic))
		return read_path_length(value, c);
	if (span_eq(id, limits))
		return !c->limits.p &&
		       der_take_tag(&value, DER_SEQUENCE, &c->limits);
	return true;
}

/*@ requires span_ok(outer) && \valid(c) && cert_ok(c);
    assigns *c;
    ensures cert_ok(c); */
static bool read_extensions(struct span outer, struct cert *c)
{
	struct span list, extension;
	if (!der_take_tag(&outer, DER_SEQUENCE, &list))
		return false;
	/*@ loop invariant span_ok(list) && cert_ok(c);
	    loop assigns list, extension, *c;
	    loop variant list.n; */
	while (list.n)
		if (!der_take_tag(&list, DER_SEQUENCE, &extension) ||
		    !read_extension(extension, c))
			return false;
	return true;
}

/* Version (optional), serial, signature, issuer, validity, subject. */
/*@ requires \valid(body) && span_ok(*body) && \valid(c) && cert_ok(c);
    requires \separated(body, c);
    assigns *body, *c;
    ensures span_ok(*body) && cert_ok(c); */
static bool take_names(struct span *body, struct cert *c)
{
	struct span part, issuer, subject;
	unsigned tag;
	if (!der_take(body, &tag, &part) ||
	    (tag == TAG_VERSION && !der_take(body, &tag, &part)) ||
	    !der_take(body, &tag, &part) ||
	    !der_take_whole(body, DER_SEQUENCE, &issuer) ||
	    !der_take(body, &tag, &part) ||
	    !der_take_whole(body, DER_SEQUENCE, &subject))
		return false;
	c->issuer = issuer;
	c->subject = subject;
	return der_take_tag(&subject, DER_SEQUENCE, &part) &&
	       read_subject(part, c);
}

/* What stands behind the subject. */
/*@ requires span_ok(body) && \valid(c) && cert_ok(c);
    assigns *c;
    ensures cert_ok(c); */
static bool read_rest(struct span body, struct cert *c)
{
	struct span part;
	unsigned tag;
	/*@ loop invariant span_ok(body) && cert_ok(c);
	    loop assigns body, tag, part, *c;
	    loop variant body.n; */
	while (body.n) {
		if (!der_take(&body, &tag, &part))
			return false;
		if (tag == TAG_EXTENSIONS && !read_extensions(part, c))
			return false;
	}
	return true;
}

bool cert_read(struct span der, struct cert *c)
{
	struct span all, body;
	*c = (struct cert){.path_length = CERT_ANY_LENGTH};
	/*@ assert cert_ok(c); */
	return der_take_tag(&der, DER_SEQUENCE, &all) &&
	       der_take_tag(&all, DER_SEQUENCE, &body) &&
	       take_names(&body, c) && read_rest(body, c);
}

/* Two digits; 100 if they are none. */
/*@ requires \valid_read(p + (0 .. 1));
    assigns \nothing;
    ensures 0 <= \result <= 100; */
static int two_digits(const char *p)
{
	int tens = byte_of(p[0]) - '0', ones = byte_of(p[1]) - '0';
	if (tens < 0 || tens > 9 || ones < 0 || ones > 9)
		return 100;
	return tens * 10 + ones;
}

/* UTCTime YYMMDDHHMMSSZ or GeneralizedTime with two digits more, RFC 5280
 * 4.1.2.5.1 and .2. */
/*@ requires span_ok(s);
    assigns \nothing; */
static int64_t read_time(unsigned tag, struct span s)
{
	int part[7] = {
	    19}; /* century, year, month, day, hour, minute, second */
	size_t at = tag == TAG_UTC_TIME ? 1 : 0;
	if ((tag != TAG_UTC_TIME && tag != TAG_GENERALIZED_TIME) ||
	    s.n != 15 - 2 * at || s.p[s.n - 1] != 'Z')
		return INT64_MIN;
	/*@ loop invariant 0 <= at <= 7;
	    loop invariant span_ok(s) && s.n == 15 - 2 * at;
	    loop invariant \forall integer k; 0 <= k < at ==>
			0 <= part[k] <= 100;
	    loop assigns at, s, part[0 .. 6];
	    loop variant 7 - at; */
	for (; at < 7; at++, s = span_skip(s, 2))
		part[at] = two_digits(s.p);
	if (tag == TAG_UTC_TIME && part[1] < 50)
		part[0] = 20;
	if (part[0] > 99 || part[1] > 99 || part[2] < 1 || part[2] > 12 ||
	    part[3] < 1 || part[3] > 31 || part[4] > 23 || part[5] > 59 ||
	    part[6] > 59)
		return INT64_MIN;
	return time_days(part[0] * 100 + part[1], part[2], part[3]) * 86400 +
	       part[4] * 3600 + part[5] * 60 + part[6];
}

int64_t cert_start_s(struct span der)
{
	struct span part = SPAN_NONE;
	unsigned tag;
	size_t length;
	/* the certificate and what is signed of it may go on beyond der */
	if (!der_head(&der, &tag, &length) || tag != DER_SEQUENCE ||
	    !der_head(&der, &tag, &length) || tag != DER_SEQUENCE ||
	    !der_take(&der, &tag, &part))
		return INT64_MIN;
	/* version (optional), serial, signature, issuer, validity */
	/*@ loop invariant 0 <= left <= 3 && span_ok(der) && span_ok(part);
	    loop assigns left, der, tag, part;
	    loop variant left; */
	for (int left = tag == TAG_VERSION ? 3 : 2; left; left--)
		if (!der_take(&der, &tag, &part))
			return INT64_MIN;
	if (!der_head(&der, &tag, &length) || tag != DER_SEQUENCE ||
	    !der_take(&der, &tag, &part))
		return INT64_MIN;
	return read_time(tag, part);
}

bool cert_is_for_clients(const struct cert *c)
{
	return !c->has_usages || c->for_clients;
}

bool cert_is_for_servers(const struct cert *c)
{
	return !c->has_usages || c->for_servers;
}

/* An iPAddress is four bytes or sixteen, RFC 5280 4.2.1.6. */
/*@ requires span_ok(value) && span_ok(name);
    assigns \nothing; */
static bool is_address(struct span value, struct span name)
{
	struct range r;
	size_t i = 0;
	if (!address_read_range(name, &r) ||
	    value.n != (r.family == ADDRESS_INET ? 4 : 16) ||
	    r.bits != 8 * value.n)
		return false;
	/*@ loop invariant 0 <= i <= value.n;
	    loop assigns i;
	    loop variant value.n - i; */
	while (i < value.n && byte_of(value.p[i]) == r.ip[i])
		i++;
	return i == value.n;
}

bool cert_has_name(const struct cert *c, struct span name)
{
	struct span rest = c->alternatives, value;
	unsigned tag;
	if (c->common_name.p && span_eq(c->common_name, name))
		return true;
	/*@ loop invariant span_ok(rest);
	    loop assigns rest, tag, value;
	    loop variant rest.n; */
	while (rest.n && der_take(&rest, &tag, &value))
		if (tag == NAME_IP ? is_address(value, name)
				   : (tag == NAME_EMAIL || tag == NAME_DNS ||
				      tag == NAME_URI) &&
					 span_eq(value, name))
			return true;
	return false;
}

struct span cert_name(const struct cert *c)
{
	struct span rest = c->alternatives, value;
	unsigned tag;
	if (c->common_name.n)
		return c->common_name;
	/*@ loop invariant span_ok(rest);
	    loop assigns rest, tag, value;
	    loop variant rest.n; */
	while (rest.n && der_take(&rest, &tag, &value))
		if (tag == NAME_EMAIL || tag == NAME_DNS || tag == NAME_URI)
			return value;
	return SPAN_NONE;
}
