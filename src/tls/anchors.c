/* anchors.c - the CAs of clients (--tls-client-ca), for identity.c. */
#include "tls/types.h"

#include "tls/cert.h"
#include "tls/pem.h"

#include <string.h>

struct reading {
	struct identity *id;
	int64_t now_s;
	struct buf *warning; /* of the first CA that is no good */
};

/* Bytes of an anchor are copied here. */
static unsigned char *keep(struct identity *id, const unsigned char *p,
			   size_t n)
{
	if (n > sizeof id->anchor_bytes - id->anchor_used)
		return NULL;
	unsigned char *to = id->anchor_bytes + id->anchor_used;
	memcpy(to, p, n);
	id->anchor_used += n;
	return to;
}

static bool keep_key(struct identity *id, br_x509_pkey *to,
		     const br_x509_pkey *from)
{
	*to = *from;
	if (from->key_type == BR_KEYTYPE_RSA) {
		to->key.rsa.n = keep(id, from->key.rsa.n, from->key.rsa.nlen);
		to->key.rsa.e = keep(id, from->key.rsa.e, from->key.rsa.elen);
		return to->key.rsa.n && to->key.rsa.e;
	}
	to->key.ec.q = keep(id, from->key.ec.q, from->key.ec.qlen);
	return to->key.ec.q != NULL;
}

/* NULL, or why it lets nobody in. */
static const char *judge(const struct cert *cert, int64_t start_s,
			 int64_t end_s, int64_t now_s)
{
	if (end_s < tls_known_s(now_s))
		return " has expired, it lets nobody in";
	if (now_s >= BELLWIRE_BUILD_S && start_s > now_s)
		return " is not yet valid, it lets nobody in until it is "
		       "and the files are read again";
	if (!cert_is_for_clients(cert))
		return " is not for clients (extended key usage), it lets "
		       "nobody in";
	return NULL;
}

static void warn(struct buf *warning, const struct cert *cert, const char *why)
{
	struct span name = cert_name(cert);
	if (why == NULL || warning->n)
		return;
	text_show(warning, name.n ? name : SPAN("a CA"), LIMIT_PLACE / 4);
	buf_str(warning, why);
}

/* In front of those that are not good for as long, so that the good ones are
 * the first ones at any time. */
static void insert(struct identity *id, const br_x509_trust_anchor *anchor,
		   const struct anchor_facts *facts)
{
	size_t at = id->anchor_n++;
	for (; at && id->facts[at - 1].end_s < facts->end_s; at--) {
		id->anchor[at] = id->anchor[at - 1];
		id->facts[at] = id->facts[at - 1];
	}
	id->anchor[at] = *anchor;
	id->facts[at] = *facts;
}

/* What of a CA is to be remembered. False: no room. */
static bool keep_anchor(struct identity *id, br_x509_trust_anchor *anchor,
			struct anchor_facts *facts, const br_x509_pkey *key,
			const struct cert *cert)
{
	const struct span *limits = &cert->limits, *dn = &cert->subject;
	facts->path_length = cert->path_length;
	if (id->anchor_n == LIMIT_TLS_ANCHORS ||
	    !keep_key(id, &anchor->pkey, key))
		return false;
	anchor->dn.len = dn->n;
	anchor->dn.data = keep(id, (const unsigned char *)dn->p, dn->n);
	if (limits->p) {
		facts->limits.p = (const char *)keep(
		    id, (const unsigned char *)limits->p, limits->n);
		facts->limits.n = limits->n;
	}
	return anchor->dn.data && (limits->p == NULL || facts->limits.p);
}

static int64_t seconds(uint32_t days, uint32_t seconds_of_day)
{
	return ((int64_t)days - 719528) * 86400 + seconds_of_day;
}

static bool add_anchor(void *context, const char *name, struct span der,
		       const char **wrong)
{
	const struct reading *r = context;
	br_x509_decoder_context decoder;
	br_x509_trust_anchor anchor = {0};
	struct anchor_facts facts = {0};
	struct cert cert;
	if (!pem_is_certificate(name))
		return true;
	br_x509_decoder_init(&decoder, NULL, NULL);
	br_x509_decoder_push(&decoder, der.p, der.n);
	const br_x509_pkey *key = br_x509_decoder_get_pkey(&decoder);
	if (key == NULL || !cert_read(der, &cert)) {
		*wrong = "a certificate that cannot be read (Ed25519 is not "
			 "supported)";
		return false;
	}
	if (!keep_anchor(r->id, &anchor, &facts, key, &cert)) {
		/* clang-format off */
		*wrong = "more than " LIMIT_TEXT(TLS_ANCHORS)
			 " CAs or " LIMIT_TEXT(TLS_ANCHORS_KIB) " KiB";
		/* clang-format on */
		return false;
	}
	anchor.flags = br_x509_decoder_isCA(&decoder) ? BR_X509_TA_CA : 0;
	facts.end_s = seconds(decoder.notafter_days, decoder.notafter_seconds);
	const char *why = judge(
	    &cert, seconds(decoder.notbefore_days, decoder.notbefore_seconds),
	    facts.end_s, r->now_s);
	warn(r->warning, &cert, why);
	facts.end_s = why ? INT64_MIN : facts.end_s;
	insert(r->id, &anchor, &facts);
	return true;
}

const char *anchors_load(struct identity *id, struct span text, int64_t now_s,
			 struct buf *warning)
{
	unsigned char memory[TLS_CHAIN_BYTES];
	struct reading r = {id, now_s, warning};
	return pem_each_object(text, memory, sizeof memory, add_anchor, &r);
}
