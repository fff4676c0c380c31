/*
 * transport.h - bytes to and from one peer, plain or TLS.
 *
 * More than 0: so many bytes; 0: would block; below 0: OS_END, -errno or, by
 * TLS, TRANSPORT_TLS, and the connection is over.
 *
 * After TRANSPORT_TLS the peer was told why. Who closes before the peer's last
 * bytes are read makes the kernel reset the connection, and the peer may hear
 * of that alone: so transport_read() goes on to bring what it sends, for
 * nothing but to be thrown away, and OS_END after LIMIT_DISCARD bytes.
 */
#ifndef TLS_TRANSPORT_H
#define TLS_TRANSPORT_H

#include "os/net.h"
#include "os/os.h"
#include "tls/tls.h"

enum { TRANSPORT_TLS = OS_END - 1 }; /* transport_error() tells */

struct transport {
	int fd;
	bool secure;
	bool greeted; /* the handshake is done, or there is none */
	bool heard;   /* the peer has sent a byte of it */
	bool spoke;   /* and has had one of ours */
	bool failed;  /* TLS has; what still comes is thrown away */
	size_t dropped;
	unsigned empty; /* records since the last byte for us */
	uint64_t work;  /* that it took, in units, for the owner to take */
	struct tls_session tls;
};

/* identity: NULL for plain; else see tls_open(). */
void transport_open(struct transport *t, int fd,
		    const struct tls_identity *identity, int64_t now_s,
		    void *lent);
long transport_read(struct transport *t, char *p, size_t n);
/* Takes bytes; with TLS some may wait in here, see transport_is_full(). */
long transport_write(struct transport *t, struct span s);
/* Are there bytes for the peer that the socket has not taken? */
bool transport_is_full(const struct transport *t);
/* Are there bytes of the peer's that poll(2) knows nothing of? */
bool transport_has_more(const struct transport *t);
/* Says that nothing more will be written. False: the socket is full; call it
 * again when it is not. */
bool transport_end(struct transport *t);
void transport_close(struct transport *t);
/* Why TRANSPORT_TLS: BearSSL's number, 0 if TLS ended well. */
int transport_error(const struct transport *t);

#endif
