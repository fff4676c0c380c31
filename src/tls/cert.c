/* cert.c - see cert.h. */
#include "tls/cert.h"

#include "base/address.h"
#include "base/time.h"

enum {
	TAG_OID = 0x06,
	TAG_OCTETS = 0x04,
	TAG_BOOLEAN = 0x01,
	TAG_SEQUENCE = 0x30,
	TAG_SET = 0x31,
	TAG_UTC_TIME = 0x17,
	TAG_GENERALIZED_TIME = 0x18,
	TAG_VERSION = 0xa0,
	TAG_EXTENSIONS = 0xa3,
	TAG_EMAIL = 0x81,
	TAG_DNS = 0x82,
	TAG_URI = 0x86,
	TAG_IP = 0x87,
};

/* Takes tag and length off the front of *s. Lengths of up to two bytes are
 * enough for certificates that are accepted at all. */
/*@ requires \valid(s) && \valid(tag) && \valid(length) && span_ok(*s);
    requires \separated(s, tag, length);
    assigns *s, *tag, *length;
    ensures span_ok(*s) && s->n <= \old(s->n);
    ensures \result ==> s->n < \old(s->n) && *length <= 0xffff; */
static bool take_head(struct span *s, unsigned *tag, size_t *length)
{
	if (s->n < 2)
		return false;
	*tag = byte_of(s->p[0]);
	*length = byte_of(s->p[1]);
	size_t skip = 2;
	if (*length == 0x81 || *length == 0x82) {
		size_t more = *length - 0x80;
		if (s->n < 2 + more)
			return false;
		*length = 0;
		/*@ loop invariant 0 <= i <= more;
		    loop invariant i == 0 ==> *length == 0;
		    loop invariant i == 1 ==> *length <= 0xff;
		    loop invariant i == 2 ==> *length <= 0xffff;
		    loop assigns i, *length;
		    loop variant more - i; */
		for (size_t i = 0; i < more; i++)
			*length = *length * 256 + byte_of(s->p[2 + i]);
		skip = 2 + more;
	} else if (*length > 0x7f) {
		return false;
	}
	*s = span_skip(*s, skip);
	return true;
}

/* Takes one element off the front of *s: its tag and what is inside. */
/*@ requires \valid(s) && \valid(tag) && \valid(inside) && span_ok(*s);
    requires \separated(s, tag, inside);
    assigns *s, *tag, *inside;
    ensures span_ok(*s) && s->n <= \old(s->n);
    ensures \result ==> span_ok(*inside) && s->n < \old(s->n);
    ensures !\result ==> *inside == \old(*inside); */
static bool take(struct span *s, unsigned *tag, struct span *inside)
{
	size_t length;
	if (!take_head(s, tag, &length) || s->n < length)
		return false;
	*inside = (struct span){s->p, length};
	*s = span_skip(*s, length);
	return true;
}

/*@ requires \valid(s) && \valid(inside) && span_ok(*s);
    requires \separated(s, inside);
    assigns *s, *inside;
    ensures span_ok(*s) && s->n <= \old(s->n);
    ensures \result ==> span_ok(*inside) && s->n < \old(s->n);
    ensures span_ok(*inside) || *inside == \old(*inside); */
static bool take_tag(struct span *s, unsigned wanted, struct span *inside)
{
	unsigned tag;
	return take(s, &tag, inside) && tag == wanted;
}

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
		if (!take_tag(&name, TAG_SET, &set))
			return false;
		/*@ loop invariant span_ok(set) && cert_ok(c);
		    loop assigns set, pair, oid, value, tag, *c;
		    loop variant set.n; */
		while (set.n) {
			if (!take_tag(&set, TAG_SEQUENCE, &pair) ||
			    !take_tag(&pair, TAG_OID, &oid) ||
			    !take(&pair, &tag, &value))
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
	static const struct span client =
	    SPAN_INIT("\x2b\x06\x01\x05\x05\x07\x03\x02");
	struct span list, oid;
	if (!take_tag(&value, TAG_SEQUENCE, &list))
		return false;
	c->has_usages = true;
	/*@ loop invariant span_ok(list) && cert_ok(c);
	    loop assigns list, oid, *c;
	    loop variant list.n; */
	while (list.n) {
		if (!take_tag(&list, TAG_OID, &oid))
			return false;
		if (span_eq(oid, client) || span_eq(oid, any))
			c->for_clients = true;
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
	struct span id, value;
	unsigned tag;
	if (!take_tag(&extension, TAG_OID, &id) ||
	    !take(&extension, &tag, &value))
		return false;
	if (tag == TAG_BOOLEAN && !take(&extension, &tag, &value))
		return false;
	if (tag != TAG_OCTETS)
		return false;
	if (span_eq(id, usages))
		return read_usages(value, c);
	if (span_eq(id, names))
		return take_tag(&value, TAG_SEQUENCE, &c->alternatives);
	return true;
}

/*@ requires span_ok(outer) && \valid(c) && cert_ok(c);
    assigns *c;
    ensures cert_ok(c); */
static bool read_extensions(struct span outer, struct cert *c)
{
	struct span list, extension;
	if (!take_tag(&outer, TAG_SEQUENCE, &list))
		return false;
	/*@ loop invariant span_ok(list) && cert_ok(c);
	    loop assigns list, extension, *c;
	    loop variant list.n; */
	while (list.n)
		if (!take_tag(&list, TAG_SEQUENCE, &extension) ||
		    !read_extension(extension, c))
			return false;
	return true;
}

bool cert_read(struct span der, struct cert *c)
{
	struct span all, body, part, subject = SPAN_NONE;
	unsigned tag;
	*c = (struct cert){0};
	if (!take_tag(&der, TAG_SEQUENCE, &all) ||
	    !take_tag(&all, TAG_SEQUENCE, &body) || !take(&body, &tag, &part))
		return false;
	/* version (optional), serial, signature, issuer, validity, subject */
	/*@ loop invariant 0 <= left <= 5 && span_ok(body);
	    loop invariant span_ok(subject);
	    loop assigns left, body, tag, subject;
	    loop variant left; */
	for (int left = tag == TAG_VERSION ? 5 : 4; left; left--)
		if (!take(&body, &tag, &subject))
			return false;
	if (tag != TAG_SEQUENCE || !read_subject(subject, c))
		return false;
	/*@ loop invariant span_ok(body) && cert_ok(c);
	    loop assigns body, tag, part, *c;
	    loop variant body.n; */
	while (body.n) {
		if (!take(&body, &tag, &part))
			return false;
		if (tag == TAG_EXTENSIONS && !read_extensions(part, c))
			return false;
	}
	return true;
}

/* Two digits; 100 if they are none. */
/*@ requires \valid_read(p + (0 .. 1));
    assigns \nothing;
    ensures 0 <= \result <= 100; */
static int two_digits(const char *p)
{
	unsigned tens = byte_of(p[0]) - '0', ones = byte_of(p[1]) - '0';
	return tens < 10 && ones < 10 ? (int)(tens * 10 + ones) : 100;
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
	if (!take_head(&der, &tag, &length) || tag != TAG_SEQUENCE ||
	    !take_head(&der, &tag, &length) || tag != TAG_SEQUENCE ||
	    !take(&der, &tag, &part))
		return INT64_MIN;
	/* version (optional), serial, signature, issuer, validity */
	/*@ loop invariant 0 <= left <= 3 && span_ok(der) && span_ok(part);
	    loop assigns left, der, tag, part;
	    loop variant left; */
	for (int left = tag == TAG_VERSION ? 3 : 2; left; left--)
		if (!take(&der, &tag, &part))
			return INT64_MIN;
	if (!take_head(&der, &tag, &length) || tag != TAG_SEQUENCE ||
	    !take(&der, &tag, &part))
		return INT64_MIN;
	return read_time(tag, part);
}

bool cert_is_for_clients(const struct cert *c)
{
	return !c->has_usages || c->for_clients;
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
	while (rest.n && take(&rest, &tag, &value))
		if (tag == TAG_IP ? is_address(value, name)
				  : (tag == TAG_EMAIL || tag == TAG_DNS ||
				     tag == TAG_URI) &&
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
	while (rest.n && take(&rest, &tag, &value))
		if (tag == TAG_EMAIL || tag == TAG_DNS || tag == TAG_URI)
			return value;
	return SPAN_NONE;
}
