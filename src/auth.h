/*
 * auth.h - who may ask: bearer tokens (RFC 6750) and basic credentials
 * (RFC 7617).
 *
 * Pure. Only SHA-256 digests are kept, so no secret stays in memory, and
 * digests of what a client sent are compared with every entry in the same time
 * whether they match or not.
 */
#ifndef AUTH_H
#define AUTH_H

#include "limits.h"
#include "text.h"

enum { AUTH_DIGEST = 32 };

struct auth_entry {
	unsigned char user[AUTH_DIGEST]; /* of basic credentials */
	unsigned char secret[AUTH_DIGEST];
};

struct auth {
	struct auth_entry token[LIMIT_SECRETS], basic[LIMIT_SECRETS];
	unsigned tokens, basics;
};

/* A file with one token a line, plain or sha256:HEX; blank lines and those that
 * begin with # do not count. False: *error has "3: what was expected", with the
 * number of the line. The caller wipes text. */
bool auth_add_tokens(struct auth *a, struct span text, struct buf *error);
/* The same with user:password or user:sha256:HEX. */
bool auth_add_basic(struct auth *a, struct span text, struct buf *error);

/* Is anything asked for at all? */
bool auth_is_on(const struct auth *a);
/* Does that value of Authorization (absent: none was sent) let one in? */
bool auth_allows(const struct auth *a, struct span credential);
/* The value of WWW-Authenticate, RFC 9110 11.6.1. */
const char *auth_challenge(const struct auth *a);

#endif
