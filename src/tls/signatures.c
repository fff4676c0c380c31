/*
 * signatures.c - who has signed the certificates that a client shows, for
 * client.c.
 *
 * BearSSL asks for each signature as the certificates come, from the client's
 * own up: when nobody can tell yet whose keys these are, and a stranger may
 * have chosen those that take longest. So what it asks for is put down and said
 * to be good, until a CA of ours is said to have signed. That signature is
 * looked at, then each one below it, by the key that was vouched for just now;
 * and the answer for all of them is the answer to that last question. For no
 * other reason does BearSSL trust a chain (a certificate that stands in
 * --tls-client-ca itself and is no CA needs no signature).
 *
 * So whoever has no certificate of such a CA makes us verify with keys alone
 * that the administrator has chosen: those of the CAs of a name, which
 * LIMIT_TLS_CLIENT_NAMED certificates may state, not each of the chain.
 *
 * Counting what a signature costs, in turns, would bound a turn and leave the
 * work; asking for the name of the CA first would help against those alone who
 * do not write it in: it is told to every client.
 */
#include "tls/types.h"

#include <string.h>

/* BearSSL hands over a place in its context, and no other context. */
static struct client_check *check_around(const void *place, size_t offset)
{
	return (struct client_check *)(void *)((const char *)place - offset);
}

/* The one that is asked for, as BearSSL has it. */
static struct signature *put_down(struct client_check *c)
{
	const br_x509_minimal_context *m = &c->minimal;
	ASSERT(c->signatures < LIMIT_TLS_CLIENT_CHAIN);
	struct signature *s = &c->signature[c->signatures];
	s->hash_n = m->cert_sig_hash_len;
	s->n = m->cert_sig_len;
	memcpy(s->hash, m->tbs_hash, sizeof s->hash);
	memcpy(s->bytes, m->cert_sig, sizeof s->bytes);
	memcpy(s->key_bytes, m->pkey_data, sizeof s->key_bytes);
	return s;
}

static bool is_good(const br_ssl_engine_context *e, const struct signature *s)
{
	unsigned char hash[sizeof s->hash];
	if (s->key.key_type == BR_KEYTYPE_EC)
		return e->iecdsa(e->iec, s->hash, s->hash_n, &s->key.key.ec,
				 s->bytes, s->n);
	return e->irsavrfy(s->bytes, s->n, s->oid, s->hash_n, &s->key.key.rsa,
			   hash) &&
	       memcmp(hash, s->hash, s->hash_n) == 0;
}

/* May the certificate at hand be tried with a CA of the name that it states? */
static bool may_be_tried(struct client_check *c)
{
	if (c->named_last != c->certificates)
		c->named++;
	c->named_last = c->certificates;
	return c->named <= LIMIT_TLS_CLIENT_NAMED;
}

/* The last one put down is by a key of ours, if it is good. */
static bool all_are_good(struct client_check *c)
{
	if (!may_be_tried(c))
		return false;
	for (unsigned i = c->signatures + 1; i--;)
		if (!is_good(&c->session->server.eng, &c->signature[i])) {
			c->forged = c->forged || i < c->signatures;
			return false;
		}
	return true;
}

static uint32_t ask_rsa(const unsigned char *bytes, size_t n,
			const unsigned char *oid, size_t hash_n,
			const br_rsa_public_key *key, unsigned char *hash)
{
	struct client_check *c = check_around(
	    bytes, offsetof(struct client_check, minimal.cert_sig));
	struct signature *s = put_down(c);
	(void)n;
	memcpy(hash, s->hash, hash_n);
	s->oid = oid;
	s->key.key_type = BR_KEYTYPE_RSA;
	s->key.key.rsa = *key;
	if (key->n != c->minimal.pkey_data)
		return all_are_good(c);
	s->key.key.rsa.n = s->key_bytes;
	s->key.key.rsa.e = s->key_bytes + (key->e - key->n);
	c->signatures++;
	return true;
}

static uint32_t ask_ecdsa(const br_ec_impl *impl, const void *hash,
			  size_t hash_n, const br_ec_public_key *key,
			  const void *bytes, size_t n)
{
	struct client_check *c =
	    check_around(hash, offsetof(struct client_check, minimal.tbs_hash));
	struct signature *s = put_down(c);
	(void)impl;
	(void)hash_n;
	(void)bytes;
	(void)n;
	s->key.key_type = BR_KEYTYPE_EC;
	s->key.key.ec = *key;
	if (key->q != c->minimal.pkey_data)
		return all_are_good(c);
	s->key.key.ec.q = s->key_bytes;
	c->signatures++;
	return true;
}

void signatures_start(struct client_check *c)
{
	c->signatures = 0;
	c->named = c->named_last = 0;
	c->forged = false;
	br_x509_minimal_set_rsa(&c->minimal, ask_rsa);
	br_x509_minimal_set_ecdsa(&c->minimal, c->session->server.eng.iec,
				  ask_ecdsa);
}
