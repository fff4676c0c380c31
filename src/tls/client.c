/*
 * client.c - the certificates that a client shows, for tls.c.
 *
 * BearSSL walks the chain from the client's own certificate up until a CA of
 * ours has signed one; signatures.c puts its questions about signatures in
 * another order. What it does not ask, cert.h and names.h tell: they are
 * asked about each certificate up to that one, and then about the CA. An error
 * that is found keeps its place, whatever comes behind it.
 */
#include "tls/types.h"

#include "tls/cert.h"
#include "tls/der.h"
#include "tls/names.h"

#include <string.h>

static struct client_check *check_of(const br_x509_class **vtable)
{
	return (struct client_check *)(void *)vtable;
}

static void start_chain(const br_x509_class **ctx, const char *server_name)
{
	struct client_check *c = check_of(ctx);
	c->certificates = c->issuers = 0;
	c->bytes = 0;
	c->session->long_chain = false;
	c->error = 0;
	c->old_ca = false;
	c->comparisons = LIMIT_TLS_NAME_CHECKS;
	c->names_n = 0;
	signatures_start(c);
	c->minimal.vtable->start_chain(&c->minimal.vtable, server_name);
}

static void start_cert(const br_x509_class **ctx, uint32_t length)
{
	struct client_check *c = check_of(ctx);
	struct session *s = c->session;
	s->long_chain = s->long_chain ||
			c->certificates == LIMIT_TLS_CLIENT_CHAIN ||
			length > LIMIT_TLS_CLIENT_BYTES - c->bytes;
	if (s->long_chain)
		return;
	c->certificates++;
	c->bytes += length;
	c->held_n = c->names_n;
	c->undecided = c->minimal.err == 0;
	c->passed_on = false;
	c->minimal.vtable->start_cert(&c->minimal.vtable, length);
}

/* When to judge a certificate. By a clock that is wrong nothing is too early.
 */
static int64_t judged_at(int64_t now_s, struct span der)
{
	if (now_s >= BELLWIRE_BUILD_S)
		return now_s;
	int64_t start_s = cert_start_s(der);
	return start_s > BELLWIRE_BUILD_S ? start_s : BELLWIRE_BUILD_S;
}

/* The certificate at hand, as far as it is there. */
static struct span held(const struct client_check *c)
{
	return (struct span){(const char *)c->held + c->names_n,
			     c->held_n - c->names_n};
}

/* BearSSL counts days from 1 January of year 0. */
static void pass_on(struct client_check *c)
{
	struct span der = held(c);
	int64_t at_s = judged_at(c->now_s, der);
	br_x509_minimal_set_time(&c->minimal, (uint32_t)(at_s / 86400 + 719528),
				 (uint32_t)(at_s % 86400));
	c->minimal.vtable->append(&c->minimal.vtable,
				  (const unsigned char *)der.p, der.n);
	c->passed_on = true;
}

static void append(const br_x509_class **ctx, const unsigned char *p, size_t n)
{
	struct client_check *c = check_of(ctx);
	if (c->session->long_chain)
		return;
	size_t room = sizeof c->held - c->held_n;
	bool fits = n <= room;
	size_t keep = fits ? n : room;
	memcpy(c->held + c->held_n, p, keep);
	c->held_n += keep;
	if (fits)
		return;
	if (!c->passed_on)
		pass_on(c);
	c->minimal.vtable->append(&c->minimal.vtable, p + keep, n - keep);
}

static bool has_a_name(const struct identity *id, const struct cert *cert)
{
	for (unsigned i = 0; i < id->name_count; i++)
		if (cert_has_name(cert, id->names[i]))
			return true;
	return id->name_count == 0;
}

/* 0, or why the client's own certificate will not do, whoever signed it. */
static unsigned judge_leaf(struct client_check *c, const struct cert *cert)
{
	struct session *s = c->session;
	if (!cert_is_for_clients(cert))
		return TLS_NOT_FOR_CLIENTS;
	if (!has_a_name(c->identity, cert))
		return TLS_OTHER_NAME;
	const br_x509_pkey *key = &c->minimal.pkey;
	if (key->key_type == BR_KEYTYPE_RSA &&
	    key->key.rsa.elen > sizeof(uint32_t))
		return BR_ERR_X509_LIMIT_EXCEEDED;
	struct buf name = buf_of(s->client_name, sizeof s->client_name);
	struct span known = cert_name(cert);
	buf_put(&name, known.n ? known : SPAN("without a name"));
	s->client_name_n = name.n;
	return 0;
}

/* May an issuer vouch for all names below it? */
static bool holds_within(struct client_check *c, struct span limits)
{
	struct span rest = {(const char *)c->held, c->names_n};
	struct names names = {.leaf = true};
	while (limits.p && rest.n) {
		if (!der_take_whole(&rest, DER_SEQUENCE, &names.subject) ||
		    !der_take_tag(&rest, DER_SEQUENCE, &names.alternatives) ||
		    !names_within(limits, &names, &c->comparisons))
			return false;
		names.leaf = false;
	}
	return true;
}

/* 0, or why one that has signed the one before it may not do so. */
static unsigned judge_issuer(struct client_check *c, const struct cert *cert)
{
	if (!cert_is_for_clients(cert))
		return TLS_ISSUER_USAGE;
	if (c->issuers > cert->path_length)
		return TLS_PATH_LENGTH;
	return holds_within(c, cert->limits) ? 0 : TLS_OUTSIDE;
}

/* The CAs of that name, a bit each. */
static unsigned anchors_named(const struct client_check *c, struct span name)
{
	unsigned found = 0;
	for (unsigned i = 0; i < c->identity->anchor_n; i++) {
		const br_x500_name *dn = &c->identity->anchor[i].dn;
		if (span_eq(name,
			    (struct span){(const char *)dn->data, dn->len}))
			found |= 1U << i;
	}
	return found;
}

/* Which of several CAs of a name has signed, BearSSL does not say: what is
 * beyond one of them is refused. */
static unsigned judge_anchors(struct client_check *c, unsigned anchors)
{
	for (unsigned i = 0; i < c->minimal.trust_anchors_num; i++) {
		const struct anchor_facts *facts = &c->identity->facts[i];
		if (!(anchors >> i & 1))
			continue;
		if (c->issuers > facts->path_length)
			return TLS_PATH_LENGTH;
		if (!holds_within(c, facts->limits))
			return TLS_OUTSIDE;
	}
	return 0;
}

/* Of the certificate at hand only the names stay. They stand in it in this
 * order, each behind more than four bytes. */
static void keep_names(struct client_check *c, const struct cert *cert)
{
	unsigned char *to = c->held + c->names_n;
	size_t n = cert->alternatives.n;
	bool issued_itself = span_eq(cert->subject, cert->issuer);
	if (c->certificates > 1 && issued_itself)
		return; /* an old key's word for the new one */
	c->issuers += c->certificates > 1;
	memmove(to, cert->subject.p, cert->subject.n);
	to += cert->subject.n;
	*to++ = DER_SEQUENCE;
	*to++ = 0x82;
	*to++ = (unsigned char)(n >> 8);
	*to++ = (unsigned char)n;
	if (n)
		memmove(to, cert->alternatives.p, n);
	c->names_n = (size_t)(to - c->held) + n;
}

/* 0, or why the certificate at hand will not do. One that is not whole was too
 * large for the room. */
static unsigned judge(struct client_check *c, bool whole)
{
	struct cert cert;
	if (!whole || !cert_read(held(c), &cert))
		return TLS_UNREADABLE;
	unsigned error = c->certificates == 1 ? judge_leaf(c, &cert)
					      : judge_issuer(c, &cert);
	unsigned anchors = anchors_named(c, cert.issuer);
	unsigned old = anchors >> c->minimal.trust_anchors_num;
	keep_names(c, &cert);
	c->old_ca = c->old_ca || old;
	if (error || c->minimal.err != BR_ERR_X509_OK)
		return error;
	return judge_anchors(c, anchors);
}

static void end_cert(const br_x509_class **ctx)
{
	struct client_check *c = check_of(ctx);
	if (c->session->long_chain)
		return;
	bool whole = !c->passed_on;
	if (whole)
		pass_on(c);
	c->minimal.vtable->end_cert(&c->minimal.vtable);
	if (c->undecided && c->error == 0)
		c->error = judge(c, whole);
}

static unsigned end_chain(const br_x509_class **ctx)
{
	struct client_check *c = check_of(ctx);
	unsigned error = c->minimal.vtable->end_chain(&c->minimal.vtable);
	/* BearSSL calls a path that is too long an issuer that is no CA */
	if (error == 0 ||
	    (error == BR_ERR_X509_NOT_CA && c->error == TLS_PATH_LENGTH))
		error = c->error;
	if (error == BR_ERR_X509_NOT_TRUSTED && c->forged)
		error = BR_ERR_X509_BAD_SIGNATURE;
	if (error == BR_ERR_X509_NOT_TRUSTED && c->old_ca)
		error = TLS_OLD_CA;
	if (error) /* nobody has vouched for that name */
		c->session->client_name_n = 0;
	return error;
}

static const br_x509_pkey *get_pkey(const br_x509_class *const *ctx,
				    unsigned *usages)
{
	const struct client_check *c = (const struct client_check *)ctx;
	return c->minimal.vtable->get_pkey(&c->minimal.vtable, usages);
}

static const br_x509_class client_class = {
    sizeof(struct client_check),
    start_chain,
    start_cert,
    append,
    end_cert,
    end_chain,
    get_pkey,
};

/* Those that are good for longest come first. */
static size_t anchors_at(const struct identity *id, int64_t now_s)
{
	size_t n = 0;
	while (n < id->anchor_n && id->facts[n].end_s >= now_s)
		n++;
	return n;
}

void client_ask(struct session *s, const struct identity *id, int64_t now_s,
		void *lent)
{
	struct client_check *c = lent;
	br_x509_minimal_context *m = &c->minimal;
	ASSERT((uintptr_t)lent % _Alignof(struct client_check) == 0);
	c->vtable = &client_class;
	c->identity = id;
	c->session = s;
	c->now_s = now_s;
	br_x509_minimal_init(m, &br_sha256_vtable, id->anchor,
			     anchors_at(id, tls_known_s(now_s)));
	br_x509_minimal_set_hash(m, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_hash(m, br_sha384_ID, &br_sha384_vtable);
	br_x509_minimal_set_hash(m, br_sha512_ID, &br_sha512_vtable);
	br_x509_minimal_set_minrsa(m, 2048 / 8);
	br_ssl_engine_set_x509(&s->server.eng, &c->vtable);
	/* all of them are named: without any, nobody would be asked */
	br_ssl_server_set_trust_anchor_names_alt(&s->server, id->anchor,
						 id->anchor_n);
}
