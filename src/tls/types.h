/*
 * types.h - what stands behind the memory of tls.h; for tls.c, client.c,
 * signatures.c and identity.c.
 */
#ifndef TLS_TYPES_H
#define TLS_TYPES_H

#include "tls/tls.h"
#include "version.h"

#include <bearssl.h>

enum {
	TLS_CHAIN_BYTES = LIMIT_TLS_CHAIN_KIB * 1024,    /* DER */
	TLS_ANCHOR_BYTES = LIMIT_TLS_ANCHORS_KIB * 1024, /* names, keys */
	/* errors of our own, behind BearSSL's for certificates (32 to 62) and
	 * below those of alerts (256) */
	TLS_NOT_FOR_CLIENTS = 200,
	TLS_OTHER_NAME = 201,
	TLS_UNREADABLE = 202,
	TLS_LONG_CHAIN = 203,
	TLS_PLAIN_HTTP = 204,
	TLS_PROXY = 205,
	TLS_ISSUER_USAGE = 206,
	TLS_PATH_LENGTH = 207,
	TLS_OUTSIDE = 208,
	TLS_OLD_CA = 209,
};

/* Before the build's own date a clock is known to be wrong, such as that of a
 * board without a battery, which may stand at 1970. What had expired by that
 * date has. */
static inline int64_t tls_known_s(int64_t now_s)
{
	return now_s > BELLWIRE_BUILD_S ? now_s : BELLWIRE_BUILD_S;
}

/* In words.c: the alert for an error (RFC 5246 7.2.2), 0 if none is to be sent
 * any more. */
unsigned tls_error_alert(int error);

/* What BearSSL does not ask of a CA, and cert.h reads. */
struct anchor_facts {
	int64_t end_s; /* good until then; INT64_MIN: lets nobody in */
	unsigned path_length;
	struct span limits;
};

struct identity {
	br_x509_certificate chain[LIMIT_TLS_CHAIN];
	size_t chain_n;
	unsigned char chain_bytes[TLS_CHAIN_BYTES];
	size_t chain_used;
	br_skey_decoder_context key; /* holds the key that it decoded */
	unsigned issuer_key_type;
	/* those that are good for longest first */
	br_x509_trust_anchor anchor[LIMIT_TLS_ANCHORS];
	struct anchor_facts facts[LIMIT_TLS_ANCHORS];
	size_t anchor_n;
	unsigned char anchor_bytes[TLS_ANCHOR_BYTES];
	size_t anchor_used;
	const struct span *names;
	unsigned name_count;
};

/* A certificate's signature, not looked at yet, and the key that is to have
 * made it: of the certificate above, or of a CA of ours. */
struct signature {
	br_x509_pkey key;         /* its bytes are below, or the CA's */
	const unsigned char *oid; /* of the hash, for RSA */
	size_t hash_n, n;
	unsigned char hash[64];
	unsigned char bytes[BR_X509_BUFSIZE_SIG];
	unsigned char key_bytes[BR_X509_BUFSIZE_KEY];
};

/* A br_x509_class of our own around BearSSL's: it also looks at each
 * certificate's start, and asks cert.h and names.h about the rest. A
 * certificate is held until it ends or fills the room, and goes on to BearSSL
 * then; behind it stay the names in it, for what its issuers may vouch for. All
 * of it stands in what is lent to tls_open(). */
struct client_check {
	const br_x509_class *vtable;
	br_x509_minimal_context minimal;
	const struct identity *identity;
	struct session *session;
	int64_t now_s;
	unsigned certificates; /* begun so far */
	uint32_t bytes;        /* of them */
	unsigned error;        /* of our own, 0: it will do */
	bool old_ca;           /* one that is no good is named as an issuer */
	unsigned issuers;      /* that count for path lengths */
	unsigned comparisons;  /* of names that are still to be had */
	unsigned signatures;   /* put down in the chain */
	unsigned named, named_last; /* certificates that state a CA of ours as
				       their issuer; which was the last */
	bool forged; /* one is not by a key that is vouched for */
	size_t names_n,
	    held_n;     /* names of those before, then the one at hand */
	bool undecided; /* no CA was found yet when it began */
	bool passed_on; /* what is held is with BearSSL already */
	unsigned char held[LIMIT_TLS_CLIENT_CERT];
	struct signature signature[LIMIT_TLS_CLIENT_CHAIN];
};

struct session {
	br_ssl_server_context server;
	char client_name[64];
	size_t client_name_n;
	bool long_chain; /* the client's is too long, and that is the end */
	bool slow_aes;   /* there are no instructions for it */
	unsigned char in[BR_SSL_BUFSIZE_INPUT];
	unsigned char out[600];
};

/* In anchors.c: the CAs in a PEM file. NULL, or what was found that is wrong.
 */
const char *anchors_load(struct identity *id, struct span text, int64_t now_s,
			 struct buf *warning);
/* In client.c: asks the client for a certificate. */
void client_ask(struct session *s, const struct identity *id, int64_t now_s,
		void *lent);
/* In signatures.c: for a chain that begins. */
void signatures_start(struct client_check *c);

_Static_assert(sizeof(struct session) <= LIMIT_TLS_SESSION,
	       "raise TLS_SESSION in limits.h");
_Static_assert(sizeof(struct client_check) <= LIMIT_TLS_LENT,
	       "raise TLS_LENT in limits.h");
_Static_assert(sizeof(struct identity) <= LIMIT_TLS_IDENTITY,
	       "raise TLS_IDENTITY in limits.h");

#endif
