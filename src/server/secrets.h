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

/* Those in force, and room for the next ones. */
struct keyring {
	struct secrets set[2];
	unsigned now; /* which are in force */
};

struct secrets *keyring_now(struct keyring *k);
/* All zero, to be loaded. */
struct secrets *keyring_next(struct keyring *k);
/* The next ones are in force from now on. */
void keyring_turn(struct keyring *k);

#endif
