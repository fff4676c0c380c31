/*
 * auth.h - who may ask: bearer tokens (RFC 6750), basic credentials (RFC 7617),
 * and bodies signed with HMAC-SHA256 (RFC 2104) as Grafana signs them. Any of
 * them lets one in.
 *
 * Pure. Only SHA-256 digests are kept, and of HMAC keys the two states that
 * begin with them, so no secret stays in memory. What a client sent is compared
 * with every entry in the same time whether it matches or not.
 */
#ifndef CONN_AUTH_H
#define CONN_AUTH_H

#include "base/text.h"
#include "facts/limits.h"

enum {
	AUTH_DIGEST = 32,
	AUTH_WINDOW_S = 300, /* that a signature's time may be off */
};

struct auth_entry {
	union {
		unsigned char user[AUTH_DIGEST];  /* of basic credentials */
		unsigned char inner[AUTH_DIGEST]; /* of an HMAC key */
	};
	union {
		unsigned char secret[AUTH_DIGEST];
		unsigned char outer[AUTH_DIGEST];
	};
};

struct auth {
	struct auth_entry token[LIMIT_SECRETS], basic[LIMIT_SECRETS];
	struct auth_entry key[LIMIT_SECRETS];
	unsigned tokens, basics, keys;
};

/* What a request brings along to be compared with its body. */
struct auth_signature {
	bool given;
	unsigned char mac[AUTH_DIGEST];
	char time[20]; /* decimal, as sent; it is signed too */
	size_t time_n; /* 0: none */
};

/* A file with one token a line, plain or sha256:HEX; blank lines and those that
 * begin with # do not count. False: *error has "3: what was expected", with the
 * number of the line. The caller wipes text. */
bool auth_add_tokens(struct auth *a, struct span text, struct buf *error);
/* The same with user:password or user:sha256:HEX. */
bool auth_add_basic(struct auth *a, struct span text, struct buf *error);

/* The same with one HMAC key a line. */
bool auth_add_keys(struct auth *a, struct span text, struct buf *error);

/* Is anything asked for at all? */
bool auth_is_on(const struct auth *a);
/* Does that value of Authorization (absent: none was sent) let one in? */
bool auth_allows(const struct auth *a, struct span credential);
/* Reads X-Grafana-Alerting-Signature and, if it is there, -Timestamp. False,
 * and nothing is given, if there is none, or it cannot be right: not 64 hex
 * digits, a time that is no number or more than AUTH_WINDOW_S from now_s. */
bool auth_read_signature(struct auth_signature *sig, struct span mac,
			 struct span time, int64_t now_s);
/* Has one of our keys signed that body, with that time? */
bool auth_is_signed(const struct auth *a, const struct auth_signature *sig,
		    struct span body);
/* The value of WWW-Authenticate, RFC 9110 11.6.1. */
const char *auth_challenge(const struct auth *a);

#endif
