/* names.c - see names.h. */
#include "tls/names.h"

#include "tls/der.h"
#include "tls/within.h"

/* GeneralSubtree ::= SEQUENCE { base GeneralName, minimum, maximum } */
/*@ requires \valid(list) && \valid(form) && \valid(base) && span_ok(*list);
    requires \separated(list, form, base);
    assigns *list, *form, *base;
    ensures span_ok(*list) && list->n <= \old(list->n);
    ensures \result ==> span_ok(*base) && list->n < \old(list->n); */
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

/*@ predicate limits_ok(struct limits *l) =
	span_ok(l->permitted) && span_ok(l->excluded); */

/* NameConstraints ::= SEQUENCE { permitted [0], excluded [1] }, of forms that
 * are understood. */
/*@ requires span_ok(list) && \valid(l);
    assigns *l;
    ensures limits_ok(l); */
static bool read_limits(struct span list, struct limits *l)
{
	enum { PERMITTED = 0xa0, EXCLUDED = 0xa1 };
	unsigned tag;
	struct span trees, base;
	*l = (struct limits){SPAN_NONE, SPAN_NONE};
	/*@ loop invariant span_ok(list) && limits_ok(l);
	    loop assigns list, trees, base, tag, *l;
	    loop variant list.n; */
	while (list.n) {
		if (!der_take(&list, &tag, &trees))
			return false;
		if (tag == PERMITTED && !l->permitted.p)
			l->permitted = trees;
		else if (tag == EXCLUDED && !l->excluded.p)
			l->excluded = trees;
		else
			return false;
		/*@ loop invariant span_ok(trees);
		    loop assigns trees, base, tag;
		    loop variant trees.n; */
		while (trees.n)
			if (!take_limit(&trees, &tag, &base))
				return false;
	}
	return true;
}

/*@ requires \valid_read(l) && limits_ok(l) && span_ok(name);
    requires \valid(left) && \separated(left, l);
    assigns *left;
    ensures *left <= \old(*left); */
static bool allows(const struct limits *l, unsigned form, struct span name,
		   unsigned *left)
{
	struct span list = l->permitted, base;
	bool asked = false, found = false;
	unsigned of;
	/*@ loop invariant span_ok(list) && *left <= \at(*left, Pre);
	    loop assigns list, base, of, asked, found, *left;
	    loop variant *left; */
	for (; list.n && *left; --*left) {
		if (!take_limit(&list, &of, &base) || of != form)
			continue;
		asked = true;
		found = found || name_within(form, name, base) == WITHIN_YES;
	}
	if (asked && !found)
		return false;
	/*@ loop invariant span_ok(list) && *left <= \at(*left, Pre);
	    loop assigns list, base, of, *left;
	    loop variant *left; */
	for (list = l->excluded; list.n && *left; --*left)
		if (take_limit(&list, &of, &base) && of == form &&
		    name_within(form, name, base) != WITHIN_NO)
			return false;
	return *left != 0;
}

/* A CN is taken for a host's name if it has a dot within and nothing that such
 * a name has not. */
/*@ requires span_ok(s);
    assigns \nothing; */
static bool looks_like_dns(struct span s)
{
	bool dot = false;
	/*@ loop invariant i <= s.n;
	    loop assigns i, dot;
	    loop variant s.n - i; */
	for (size_t i = 0; i < s.n; i++) {
		char c = char_lower(s.p[i]);
		dot = dot || (c == '.' && i && i + 1 < s.n);
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' &&
		    c != '_' && c != '.')
			return false;
	}
	return dot;
}

/* What of a subject is a name of another form: RFC 5280 4.2.1.10 says so of
 * e-mail addresses. */
/*@ requires \valid_read(l) && limits_ok(l);
    requires \valid_read(names) && span_ok(names->subject);
    requires \valid(left) && \separated(left, l, names);
    assigns *left; */
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
	/*@ loop invariant span_ok(list);
	    loop assigns list, set, pair, oid, text, tag, *left;
	    loop variant list.n; */
	while (list.n) {
		if (!der_take_tag(&list, DER_SET, &set))
			return false;
		/*@ loop invariant span_ok(set);
		    loop assigns set, pair, oid, text, tag, *left;
		    loop variant set.n; */
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

/*@ requires span_ok(subject);
    assigns \nothing; */
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
	/*@ loop invariant span_ok(list);
	    loop assigns list, form, name, has_dns, *left;
	    loop variant list.n; */
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
