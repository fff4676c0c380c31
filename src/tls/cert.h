/*
 * cert.h - what bellwire itself reads of certificates: names, what they are
 * good for, and how far an issuer's word goes. BearSSL checks signatures, dates
 * and chains, but none of these.
 *
 * Pure. DER as in X.690; RFC 5280 4.1, 4.2.1.6, 4.2.1.9, 4.2.1.10, 4.2.1.12.
 */
#ifndef TLS_CERT_H
#define TLS_CERT_H

#include "base/text.h"

enum { CERT_ANY_LENGTH = 256 };

struct cert {
	struct span issuer, subject; /* names as they stand there, whole */
	struct span common_name;     /* the last CN of the subject, or absent */
	struct span alternatives;    /* inside of subjectAltName, or absent */
	struct span limits;          /* inside of nameConstraints, or absent */
	unsigned path_length; /* of issuers below; CERT_ANY_LENGTH: not said */
	bool has_usages;      /* has extendedKeyUsage */
	bool for_clients;     /* and clientAuth or any is in there */
	bool for_servers;     /* and serverAuth or any */
};

/*@ predicate cert_ok(struct cert *c) =
	span_ok(c->issuer) && span_ok(c->subject) &&
	span_ok(c->common_name) && span_ok(c->alternatives) &&
	span_ok(c->limits); */

/* Reads a certificate; *c points into der. False: not well formed. */
/*@ requires span_ok(der) && \valid(c);
    assigns *c;
    ensures cert_ok(c); */
bool cert_read(struct span der, struct cert *c);

/* When it begins to be valid (notBefore, RFC 5280 4.1.2.5), in seconds since
 * 1970. der may be cut anywhere behind that. INT64_MIN: not well formed, or cut
 * before. */
/*@ requires span_ok(der);
    assigns \nothing; */
int64_t cert_start_s(struct span der);

/* May it be shown by a client? Without usages it may be used for anything. */
/*@ requires \valid_read(c);
    assigns \nothing; */
bool cert_is_for_clients(const struct cert *c);
/*@ requires \valid_read(c);
    assigns \nothing; */
bool cert_is_for_servers(const struct cert *c);

/* What to call it: its CN, else the first of its other names, else absent. */
/*@ requires \valid_read(c) && cert_ok(c);
    assigns \nothing;
    ensures span_ok(\result); */
struct span cert_name(const struct cert *c);

/* Is `name` its CN, or a DNS name, e-mail address, URI or IP address among its
 * alternative names? Letter for letter, no wildcards. */
/*@ requires \valid_read(c) && cert_ok(c) && span_ok(name);
    assigns \nothing; */
bool cert_has_name(const struct cert *c, struct span name);

#endif
