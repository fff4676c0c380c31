/*
 * tls.h - TLS 1.2 for one peer, and the keys for all of them. World; the
 * only part that knows BearSSL: tls.c and identity.c, or, with TLS=0,
 * none.c, which can load nothing.
 *
 * An engine without I/O: transport.c moves its bytes. All memory is the
 * caller's; its size is checked where the types are known.
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include "base/text.h"
#include "facts/limits.h"

/* The state of one connection: 16,709 bytes for a whole record in, 600 for the
 * way out, and BearSSL's contexts. */
struct tls_session {
	_Alignas(16) unsigned char memory[LIMIT_TLS_SESSION];
};

/* Certificate chain, private key, and the CAs of clients. */
struct tls_identity {
	bool on; /* was loaded */
	_Alignas(16) unsigned char memory[LIMIT_TLS_IDENTITY];
};

/* What the files held; ca is absent where no client certificate is asked for.
 * Names let only some clients in; none: any that the CA vouches for. */
struct tls_files {
	struct span cert, key, ca;
	struct span cert_name, key_name, ca_name; /* for errors */
	const struct span *names;
	unsigned name_count;
};

/* "BearSSL 0.6", or NULL where TLS was left out. */
const char *tls_version(void);

/* What is no error in the files of certificates, but will be missed: the first
 * thing in each. */
struct tls_warnings {
	struct buf cert, ca;
};

/* Reads PEM. False: *error says which of the three is wrong and how.
 * files->names must live on. */
bool tls_load(struct tls_identity *id, const struct tls_files *files,
	      int64_t now_s, struct buf *error, struct tls_warnings *warnings);

/* A new connection; *id must stay as it is until its handshake is over. Until
 * tls_plain_out() LIMIT_TLS_LENT bytes are lent to it, as aligned as a
 * uint64_t: what looks at a client's certificates takes them. */
void tls_open(struct tls_session *t, const struct tls_identity *id,
	      int64_t now_s, void *lent);

enum tls_wants {
	TLS_WANTS_CLOSED = 1,  /* over: see tls_error() */
	TLS_WANTS_SEND = 2,    /* tls_record_out() has bytes for the socket */
	TLS_WANTS_RECEIVE = 4, /* tls_record_in() has room */
	TLS_WANTS_PLAIN = 8,   /* tls_plain_out() has bytes of the peer's */
	TLS_WANTS_MORE = 16,   /* tls_plain_in() has room: handshake is done */
};
unsigned tls_wants(const struct tls_session *t);

/* Each pair is as in BearSSL: a place, and how much of it was used. */
unsigned char *tls_record_out(struct tls_session *t, size_t *n);
void tls_record_sent(struct tls_session *t, size_t n);
unsigned char *tls_record_in(struct tls_session *t, size_t *n);
void tls_record_received(struct tls_session *t, size_t n);
unsigned char *tls_plain_out(struct tls_session *t, size_t *n);
void tls_plain_taken(struct tls_session *t, size_t n);
unsigned char *tls_plain_in(struct tls_session *t, size_t *n);
void tls_plain_put(struct tls_session *t, size_t n);

/* Once a connection has failed: the last bytes for the peer, an alert that says
 * why or, for one that speaks HTTP, that in HTTP; to be asked for once. None
 * (*n is 0) if BearSSL or the peer has said it already. */
const unsigned char *tls_last_word(struct tls_session *t, size_t *n);

/* What a sealed byte takes, in units of limits.h. */
unsigned tls_work(const struct tls_session *t);

/* Makes a record of what was put so far. */
void tls_flush(struct tls_session *t);
/* Says close_notify. */
void tls_end(struct tls_session *t);
/* 0 after an orderly end, else BearSSL's number or one of types.h; and in
 * words. */
int tls_error(const struct tls_session *t);
const char *tls_error_text(int error);
/* The name of the client's certificate, or absent. */
struct span tls_client(const struct tls_session *t);
/* Overwrites keys and what they protected. */
void tls_wipe(struct tls_session *t);

#endif
