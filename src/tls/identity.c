/*
 * identity.c - certificates and keys out of PEM files, for tls.h.
 *
 * BearSSL's PEM decoder takes a carriage return for a part of a name, a file
 * cut within an object for one that is not finished, and needs a newline at the
 * end: so it is fed without the first and with the last, and asked.
 */
#include "tls/types.h"

#include "tls/cert.h"

#include <string.h>

struct sink_buffer {
	unsigned char *p;
	size_t n, cap;
	bool cut;
};

static void collect(void *context, const void *p, size_t n)
{
	struct sink_buffer *b = context;
	if (n > b->cap - b->n) {
		b->cut = true;
		return;
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

/* An object out of a PEM file: its name and its DER. Returns false with *wrong
 * set to stop. */
typedef bool object_function(void *context, const char *name, struct span der,
			     const char **wrong);

static const char encrypted[] = "a key that is encrypted; decrypt it first";

static bool is_blank(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (char_is_visible(s.p[i]))
			return false;
	return true;
}

/* The objects of a PEM file, one after the other. */
static const char *each_object(struct span text, unsigned char *memory,
			       size_t cap, object_function *object,
			       void *context)
{
	br_pem_decoder_context pem;
	struct sink_buffer der = {memory, 0, cap, false};
	char name[64] = "";
	bool inside = false;
	const char *wrong = NULL;
	struct span line;
	br_pem_decoder_init(&pem);
	br_pem_decoder_setdest(&pem, collect, &der);
	while (!wrong && span_split(&text, '\n', &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		/* the older form of encryption, RFC 1421 4.6.1.1 */
		if (span_starts(line, SPAN("Proc-Type: 4,ENCRYPTED")))
			return encrypted;
		for (size_t i = 0; i <= line.n && !wrong;) {
			/* the line, then its end */
			i += i < line.n ? br_pem_decoder_push(&pem, line.p + i,
							      line.n - i)
					: br_pem_decoder_push(&pem, "\n", 1);
			struct span n;
			switch (br_pem_decoder_event(&pem)) {
			case BR_PEM_BEGIN_OBJ:
				n = span_of(br_pem_decoder_name(&pem));
				if (n.n >= sizeof name)
					return "an object of unknown name";
				memcpy(name, n.p, n.n + 1);
				inside = true;
				der.n = 0;
				break;
			case BR_PEM_END_OBJ:
				inside = false;
				if (der.cut)
					return "an object that is too large";
				object(context, name,
				       (struct span){(char *)der.p, der.n},
				       &wrong);
				break;
			case BR_PEM_ERROR:
				/* the end came within a group of letters */
				if (inside && is_blank(text))
					return "an object that is cut";
				return "text that is not PEM";
			default:
				break;
			}
		}
	}
	return inside ? "an object that is cut" : wrong;
}

static bool is_certificate(const char *name)
{
	return span_eq(span_of(name), SPAN("CERTIFICATE")) ||
	       span_eq(span_of(name), SPAN("X509 CERTIFICATE"));
}

static bool add_certificate(void *context, const char *name, struct span der,
			    const char **wrong)
{
	struct identity *id = context;
	struct cert cert;
	if (!is_certificate(name))
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
		*wrong = encrypted;
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

static bool add_anchor(void *context, const char *name, struct span der,
		       const char **wrong)
{
	struct identity *id = context;
	br_x509_decoder_context decoder;
	unsigned char dn_bytes[1024];
	struct sink_buffer dn = {dn_bytes, 0, sizeof dn_bytes, false};
	if (!is_certificate(name))
		return true;
	br_x509_decoder_init(&decoder, collect, &dn);
	br_x509_decoder_push(&decoder, der.p, der.n);
	const br_x509_pkey *key = br_x509_decoder_get_pkey(&decoder);
	if (key == NULL || dn.cut) {
		*wrong = "a certificate that cannot be read (Ed25519 is not "
			 "supported)";
		return false;
	}
	br_x509_trust_anchor *a = &id->anchor[id->anchor_n];
	if (id->anchor_n == LIMIT_TLS_ANCHORS || !keep_key(id, &a->pkey, key) ||
	    (a->dn.data = keep(id, dn.p, dn.n)) == NULL) {
		/* clang-format off */
		*wrong = "more than " LIMIT_TEXT(TLS_ANCHORS)
			 " CAs or " LIMIT_TEXT(TLS_ANCHORS_KIB) " KiB";
		/* clang-format on */
		return false;
	}
	a->dn.len = dn.n;
	a->flags = br_x509_decoder_isCA(&decoder) ? BR_X509_TA_CA : 0;
	id->anchor_n++;
	return true;
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

static const char *judge_date(const br_x509_decoder_context *d, int64_t now_s)
{
	uint32_t day = (uint32_t)(now_s / 86400 + 719528);
	if (day > d->notafter_days)
		return "the certificate has expired";
	return day < d->notbefore_days ? "the certificate is not yet valid"
				       : NULL;
}

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

bool tls_load(struct tls_identity *out, const struct tls_files *files,
	      int64_t now_s, struct buf *error, struct buf *warning)
{
	static const char cert[] = "--tls-cert", key[] = "--tls-key",
			  ca[] = "--tls-client-ca", found[] = ": found ",
			  wanted[] = ": expected ";
	struct identity *id = (struct identity *)(void *)out->memory;
	unsigned char memory[TLS_CHAIN_BYTES];
	br_x509_decoder_context decoder;
	memset(out->memory, 0, sizeof out->memory);
	id->names = files->names;
	id->name_count = files->name_count;
	const char *wrong = each_object(files->cert, memory, sizeof memory,
					add_certificate, id);
	if (wrong)
		return refuse(out, error, cert, files->cert_name, found, wrong);
	if (id->chain_n == 0)
		return refuse(out, error, cert, files->cert_name, wanted,
			      "a certificate in PEM form");
	wrong = each_object(files->key, memory, sizeof memory, read_key, id);
	text_wipe((char *)memory, sizeof memory);
	if (wrong)
		return refuse(out, error, key, files->key_name, found, wrong);
	if (id->key.key_type == 0)
		return refuse(out, error, key, files->key_name, wanted,
			      "a private key in PEM form");
	br_x509_decoder_init(&decoder, NULL, NULL);
	br_x509_decoder_push(&decoder, id->chain[0].data,
			     id->chain[0].data_len);
	const br_x509_pkey *pub = br_x509_decoder_get_pkey(&decoder);
	if (pub == NULL)
		return refuse(out, error, cert, files->cert_name, found,
			      "a certificate that cannot be read (Ed25519 is "
			      "not supported)");
	wrong = judge_key(pub);
	if (wrong)
		return refuse(out, error, cert, files->cert_name, wanted,
			      wrong);
	if (!fits(id, pub))
		return refuse(out, error, key, files->key_name, wanted,
			      "the key of the first certificate in --tls-cert");
	id->issuer_key_type =
	    (unsigned)br_x509_decoder_get_signer_key_type(&decoder);
	wrong = judge_date(&decoder, now_s);
	if (wrong)
		buf_str(warning, wrong);
	if (files->ca.p) {
		wrong = each_object(files->ca, memory, sizeof memory,
				    add_anchor, id);
		if (wrong)
			return refuse(out, error, ca, files->ca_name, found,
				      wrong);
		if (id->anchor_n == 0)
			return refuse(out, error, ca, files->ca_name, wanted,
				      "a CA certificate in PEM form");
	}
	out->on = true;
	return true;
}
