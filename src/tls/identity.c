/* identity.c - certificates and keys out of PEM files, for tls.h. */
#include "tls/types.h"

#include "tls/cert.h"
#include "tls/pem.h"

#include <string.h>

static bool add_certificate(void *context, const char *name, struct span der,
			    const char **wrong)
{
	struct identity *id = context;
	struct cert cert;
	if (!pem_is_certificate(name))
		return true;
	if (!cert_read(der, &cert)) {
		*wrong = "a certificate that cannot be read";
		return false;
	}
	if (id->chain_n == LIMIT_TLS_CHAIN ||
	    der.n > sizeof id->chain_bytes - id->chain_used) {
		/* clang-format off */
		*wrong = "more than " LIMIT_TEXT(TLS_CHAIN)
			 " certificates or " LIMIT_TEXT(TLS_CHAIN_KIB) " KiB";
		/* clang-format on */
		return false;
	}
	unsigned char *p = id->chain_bytes + id->chain_used;
	memcpy(p, der.p, der.n);
	id->chain[id->chain_n++] = (br_x509_certificate){p, der.n};
	id->chain_used += der.n;
	return true;
}

static bool read_key(void *context, const char *name, struct span der,
		     const char **wrong)
{
	struct identity *id = context;
	struct span n = span_of(name);
	if (span_eq(n, SPAN("ENCRYPTED PRIVATE KEY"))) {
		*wrong = pem_encrypted;
		return false;
	}
	if (!span_eq(n, SPAN("RSA PRIVATE KEY")) &&
	    !span_eq(n, SPAN("EC PRIVATE KEY")) &&
	    !span_eq(n, SPAN("PRIVATE KEY")))
		return true; /* EC PARAMETERS, certificates */
	if (id->key.key_type) {
		*wrong = "more than one key";
		return false;
	}
	br_skey_decoder_init(&id->key);
	br_skey_decoder_push(&id->key, der.p, der.n);
	if (br_skey_decoder_last_error(&id->key))
		*wrong = "a key that is malformed, encrypted or neither RSA "
			 "nor EC";
	return *wrong == NULL;
}

/* Does the key make signatures that the certificate's key finds good? */
static bool fits(const struct identity *id, const br_x509_pkey *pub)
{
	const unsigned char *oid = BR_HASH_OID_SHA256;
	const br_ec_impl *ec = br_ec_get_default();
	unsigned char hash[32] = {1}, out[32], signature[512];
	if (pub->key_type != id->key.key_type)
		return false;
	if (pub->key_type == BR_KEYTYPE_RSA) {
		const br_rsa_private_key *sk = &id->key.key.rsa;
		size_t n = (sk->n_bitlen + 7) / 8;
		return n <= sizeof signature && n == pub->key.rsa.nlen &&
		       br_rsa_pkcs1_sign_get_default()(oid, hash, sizeof hash,
						       sk, signature) &&
		       br_rsa_pkcs1_vrfy_get_default()(signature, n, oid,
						       sizeof hash,
						       &pub->key.rsa, out) &&
		       memcmp(hash, out, sizeof out) == 0;
	}
	if (pub->key.ec.curve != id->key.key.ec.curve)
		return false;
	size_t n = br_ecdsa_sign_asn1_get_default()(ec, &br_sha256_vtable, hash,
						    &id->key.key.ec, signature);
	return n && br_ecdsa_vrfy_asn1_get_default()(
			ec, hash, sizeof hash, &pub->key.ec, signature, n);
}

static const char *judge_key(const br_x509_pkey *pub)
{
	if (pub->key_type == BR_KEYTYPE_RSA) {
		if (pub->key.rsa.nlen < 256 || pub->key.rsa.nlen > 512)
			return "an RSA key of 2048 to 4096 bits";
	} else if (pub->key.ec.curve != BR_EC_secp256r1 &&
		   pub->key.ec.curve != BR_EC_secp384r1) {
		return "a key on P-256 or P-384";
	}
	return NULL;
}

/* By day, and of the certificates that BearSSL can read. */
static const char *judge_date(const br_x509_certificate *c, int64_t now_s)
{
	br_x509_decoder_context d;
	uint32_t day = (uint32_t)(now_s / 86400 + 719528);
	br_x509_decoder_init(&d, NULL, NULL);
	br_x509_decoder_push(&d, c->data, c->data_len);
	if (br_x509_decoder_last_error(&d))
		return NULL;
	if (day > d.notafter_days)
		return " has expired";
	return day < d.notbefore_days ? " is not yet valid" : NULL;
}

static bool read_again(const br_x509_certificate *c, struct cert *cert)
{
	return cert_read((struct span){(const char *)c->data, c->data_len},
			 cert);
}

/* Who sends this chain is not believed if a certificate is not followed by that
 * of its issuer. */
static const char *judge_order(const struct identity *id, size_t i)
{
	struct cert below, cert;
	if (i == 0 || !read_again(&id->chain[i - 1], &below) ||
	    !read_again(&id->chain[i], &cert) ||
	    span_eq(below.issuer, cert.subject))
		return NULL;
	for (size_t k = 0; k < id->chain_n; k++)
		if (read_again(&id->chain[k], &cert) &&
		    span_eq(below.issuer, cert.subject))
			return " is out of order, it has not issued the one "
			       "before it";
	return " is unrelated, it has not issued the one before it";
}

/* The first thing that clients will not like, and of which certificate. */
static void warn_of_chain(const struct identity *id, int64_t now_s,
			  struct buf *warning)
{
	struct cert cert;
	for (size_t i = 0; i < id->chain_n && warning->n == 0; i++) {
		const char *wrong = judge_date(&id->chain[i], now_s);
		if (wrong == NULL && i == 0 &&
		    read_again(&id->chain[0], &cert) &&
		    !cert_is_for_servers(&cert))
			wrong = " is not for servers (extended key usage)";
		if (wrong == NULL)
			wrong = judge_order(id, i);
		if (wrong == NULL)
			continue;
		buf_str(warning, i ? "certificate " : "the certificate");
		if (i)
			buf_u64(warning, i + 1);
		buf_str(warning, wrong);
	}
}

static const char found[] = ": found ", wanted[] = ": expected ";

static bool refuse(struct tls_identity *out, struct buf *error,
		   const char *option, struct span name, const char *what,
		   const char *wrong)
{
	text_wipe((char *)out->memory, sizeof out->memory);
	out->on = false;
	buf_str(error, option);
	buf_str(error, ": ");
	text_show(error, name, LIMIT_PLACE);
	buf_str(error, what);
	buf_str(error, wrong);
	return false;
}

/* False: refused. */
static bool load_chain(struct tls_identity *out, const struct tls_files *files,
		       struct buf *error)
{
	static const char option[] = "--tls-cert";
	struct identity *id = (struct identity *)(void *)out->memory;
	unsigned char memory[TLS_CHAIN_BYTES];
	const char *wrong = pem_each_object(files->cert, memory, sizeof memory,
					    add_certificate, id);
	if (wrong)
		return refuse(out, error, option, files->cert_name, found,
			      wrong);
	return id->chain_n || refuse(out, error, option, files->cert_name,
				     wanted, "a certificate in PEM form");
}

static bool load_key(struct tls_identity *out, const struct tls_files *files,
		     struct buf *error)
{
	static const char option[] = "--tls-key";
	struct identity *id = (struct identity *)(void *)out->memory;
	unsigned char memory[TLS_CHAIN_BYTES];
	const char *wrong =
	    pem_each_object(files->key, memory, sizeof memory, read_key, id);
	text_wipe((char *)memory, sizeof memory);
	if (wrong)
		return refuse(out, error, option, files->key_name, found,
			      wrong);
	return id->key.key_type || refuse(out, error, option, files->key_name,
					  wanted, "a private key in PEM form");
}

/* Are the first certificate and the key what this server can do with? */
static bool check_pair(struct tls_identity *out, const struct tls_files *files,
		       struct buf *error)
{
	struct identity *id = (struct identity *)(void *)out->memory;
	br_x509_decoder_context decoder;
	br_x509_decoder_init(&decoder, NULL, NULL);
	br_x509_decoder_push(&decoder, id->chain[0].data,
			     id->chain[0].data_len);
	const br_x509_pkey *pub = br_x509_decoder_get_pkey(&decoder);
	if (pub == NULL)
		return refuse(out, error, "--tls-cert", files->cert_name, found,
			      "a certificate that cannot be read (Ed25519 is "
			      "not supported)");
	const char *wrong = judge_key(pub);
	if (wrong)
		return refuse(out, error, "--tls-cert", files->cert_name,
			      wanted, wrong);
	if (!fits(id, pub))
		return refuse(out, error, "--tls-key", files->key_name, wanted,
			      "the key of the first certificate in --tls-cert");
	id->issuer_key_type =
	    (unsigned)br_x509_decoder_get_signer_key_type(&decoder);
	return true;
}

static bool load_anchors(struct tls_identity *out,
			 const struct tls_files *files, int64_t now_s,
			 struct buf *error, struct buf *warning)
{
	static const char option[] = "--tls-client-ca";
	struct identity *id = (struct identity *)(void *)out->memory;
	if (!files->ca.p)
		return true;
	const char *wrong = anchors_load(id, files->ca, now_s, warning);
	if (wrong)
		return refuse(out, error, option, files->ca_name, found, wrong);
	return id->anchor_n || refuse(out, error, option, files->ca_name,
				      wanted, "a CA certificate in PEM form");
}

bool tls_load(struct tls_identity *out, const struct tls_files *files,
	      int64_t now_s, struct buf *error, struct tls_warnings *warnings)
{
	struct identity *id = (struct identity *)(void *)out->memory;
	memset(out->memory, 0, sizeof out->memory);
	id->names = files->names;
	id->name_count = files->name_count;
	out->on = load_chain(out, files, error) &&
		  load_key(out, files, error) &&
		  check_pair(out, files, error) &&
		  load_anchors(out, files, now_s, error, &warnings->ca);
	if (out->on)
		warn_of_chain(id, now_s, &warnings->cert);
	return out->on;
}
