/*
 * secrets.h - the files that say who may ask and who we are: tokens, passwords,
 * certificates and keys. Read at start and again at SIGHUP: all good, or the
 * old ones stay. Roof.
 */
#ifndef SERVER_SECRETS_H
#define SERVER_SECRETS_H

#include "config/config.h"
#include "conn/auth.h"
#include "os/log.h"
#include "tls/tls.h"

struct secrets {
	struct auth auth;
	struct tls_identity tls;
};

/* Reads all that *config names into *s, which is all zero: new, or wiped.
 * False: *error has the sentence, with option and file. Files that others can
 * read are logged. */
bool secrets_load(struct secrets *s, const struct config *config,
		  struct log *log, struct buf *error);

/* Overwrites them. */
void secrets_wipe(struct secrets *s);

/*
 * Those in force, and those of before for as long as a handshake goes on that
 * began with them; after the last of these they are wiped, and there is room
 * for the next ones. A handshake ends within LIMIT_TLS_GREETING_MS.
 */
struct keyring {
	struct secrets set[2];
	unsigned greetings[2]; /* that go on with each set */
	unsigned now;          /* which is in force */
};

struct secrets *keyring_now(struct keyring *k);
/* Are those of before needed no more? */
bool keyring_has_room(const struct keyring *k);
/* Then room for the next ones, all zero; else NULL. */
struct secrets *keyring_next(struct keyring *k);
/* The next ones are in force from now on, and the old ones wiped as soon as
 * nobody needs them. */
void keyring_turn(struct keyring *k);
/* A handshake begins with those in force. Returns the set, to be given back. */
unsigned keyring_begin(struct keyring *k);
/* A handshake with that set has ended. */
void keyring_end(struct keyring *k, unsigned set);

#endif
