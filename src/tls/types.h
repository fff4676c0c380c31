/*
 * types.h - what stands behind the memory of tls.h; for tls.c and
 * identity.c.
 */
#ifndef TLS_TYPES_H
#define TLS_TYPES_H

#include "tls/tls.h"

#include <bearssl.h>

enum {
	TLS_CHAIN_BYTES = LIMIT_TLS_CHAIN_KIB * 1024,    /* DER */
	TLS_ANCHOR_BYTES = LIMIT_TLS_ANCHORS_KIB * 1024, /* names, keys */
	TLS_LEAF_BYTES = 4096, /* a client's certificate */
	/* errors of our own, behind BearSSL's for certificates (32 to 62) and
	 * below those of alerts (256) */
	TLS_NOT_FOR_CLIENTS = 200,
	TLS_OTHER_NAME = 201,
	TLS_UNREADABLE = 202,
	TLS_LONG_CHAIN = 203,
	TLS_PLAIN_HTTP = 204,
	TLS_PROXY = 205,
};

/* In words.c: the alert for an error (RFC 5246 7.2.2), 0 if none is to be sent
 * any more. */
unsigned tls_error_alert(int error);

struct identity {
	br_x509_certificate chain[LIMIT_TLS_CHAIN];
	size_t chain_n;
	unsigned char chain_bytes[TLS_CHAIN_BYTES];
	size_t chain_used;
	br_skey_decoder_context key; /* holds the key that it decoded */
	unsigned issuer_key_type;
	br_x509_trust_anchor anchor[LIMIT_TLS_ANCHORS];
	size_t anchor_n;
	unsigned char anchor_bytes[TLS_ANCHOR_BYTES];
	size_t anchor_used;
	const struct span *names;
	unsigned name_count;
};

/* A br_x509_class of our own around BearSSL's: it also looks at each
 * certificate's start, and asks cert.h about the client's own. A certificate is
 * held until it ends or fills the room, and goes on to BearSSL then. */
struct client_check {
	const br_x509_class *vtable;
	br_x509_minimal_context minimal;
	const struct identity *identity;
	int64_t now_s;
	unsigned certificates; /* begun so far */
	uint32_t bytes;        /* of them */
	bool too_long;         /* the rest is passed over */
	unsigned leaf_error;   /* of the first one, 0: it will do */
	unsigned char held[TLS_LEAF_BYTES];
	size_t held_n;
	bool passed_on; /* what is held is with BearSSL already */
};

struct session {
	br_ssl_server_context server;
	struct client_check client;
	char client_name[64];
	size_t client_name_n;
	unsigned char in[BR_SSL_BUFSIZE_INPUT];
	unsigned char out[600];
};

_Static_assert(sizeof(struct session) <= LIMIT_TLS_SESSION,
	       "raise TLS_SESSION in limits.h");
_Static_assert(sizeof(struct identity) <= LIMIT_TLS_IDENTITY,
	       "raise TLS_IDENTITY in limits.h");

#endif
