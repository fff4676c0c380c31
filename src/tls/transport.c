/*
 * transport.c - see transport.h.
 *
 * The TLS engine is asked in this order: is it over, has it a record to send,
 * has it bytes for us, can it take ours, can it take a record. Another order
 * deadlocks when both sides are full.
 */
#include "tls/transport.h"

enum { HEADER = 5 }; /* of a record, RFC 5246 6.2.1 */

void transport_open(struct transport *t, int fd,
		    const struct tls_identity *identity, int64_t now_s,
		    void *lent)
{
	t->fd = fd;
	t->secure = identity != NULL;
	t->greeted = !t->secure;
	t->heard = t->spoke = t->failed = false;
	t->dropped = 0;
	t->empty = 0;
	t->work = 0;
	if (t->secure)
		tls_open(&t->tls, identity, now_s, lent);
}

/* What a byte takes that we say: a handshake's are not sealed. */
static uint64_t said_work(const struct transport *t)
{
	return t->greeted ? tls_work(&t->tls) : WORK_SEALED;
}

/* Sends records as long as there are any. 1: all are sent; 0 or below as
 * transport_write(). */
static long flush_records(struct transport *t)
{
	while (tls_wants(&t->tls) & TLS_WANTS_SEND) {
		size_t n;
		unsigned char *p = tls_record_out(&t->tls, &n);
		long put = os_write(t->fd, p, n);
		if (put <= 0)
			return put;
		tls_record_sent(&t->tls, (size_t)put);
		t->spoke = true;
		t->work += WORK_RECORD + said_work(t) * (uint64_t)put;
	}
	return 1;
}

/* TLS is over, in order or not. An alert is a few bytes: a socket without room
 * for them is one that the peer does not read. */
static long closed(struct transport *t)
{
	if (tls_error(&t->tls) == 0)
		return OS_END;
	size_t n;
	const unsigned char *p = tls_last_word(&t->tls, &n);
	if (n)
		os_write(t->fd, p, n);
	t->failed = true;
	return TRANSPORT_TLS;
}

static long drop(struct transport *t, char *p, size_t n)
{
	if (t->dropped >= LIMIT_DISCARD)
		return OS_END;
	long got = os_read(t->fd, p, n);
	t->dropped += got > 0 ? (size_t)got : 0;
	return got;
}

static void copy(char *to, const unsigned char *from, size_t n)
{
	while (n--)
		*to++ = (char)*from++;
}

/* It was `room` bytes that were asked for: a record's header is five. */
static void note_received(struct transport *t, size_t room, size_t got)
{
	if (room == HEADER) {
		t->empty += t->greeted;
		t->work += WORK_RECORD;
	}
	t->work +=
	    (t->greeted ? tls_work(&t->tls) : WORK_GREETING) * (uint64_t)got;
	t->heard = true;
}

/* What is not sealed yet is heard byte by byte, and need not come as a record:
 * one of 16 KiB would be many shares. */
static size_t most_heard(const struct transport *t, size_t room)
{
	size_t share = LIMIT_TURN / WORK_GREETING;
	return t->greeted || room < share ? room : share;
}

/* Records that bring no bytes of the peer's (alerts, empty ones, a handshake's)
 * may come without end: they are heard as far as their work goes, and not for
 * ever. */
static long tls_read(struct transport *t, char *p, size_t n)
{
	uint64_t before = t->work;
	for (;;) {
		unsigned wants = tls_wants(&t->tls);
		size_t room;
		unsigned char *at;
		long got;
		if (wants & TLS_WANTS_CLOSED)
			return closed(t);
		if (wants & (TLS_WANTS_PLAIN | TLS_WANTS_MORE))
			t->greeted = true;
		if (wants & TLS_WANTS_SEND) {
			got = flush_records(t);
			if (got < 0)
				return got;
			/* without room for its answer the handshake stands
			 * still; bytes of the peer's come all the same */
			if (got == 0 && !(wants & TLS_WANTS_PLAIN))
				return OS_AGAIN;
			if (got > 0)
				continue;
		}
		if (wants & TLS_WANTS_PLAIN) {
			at = tls_plain_out(&t->tls, &room);
			if (room > n)
				room = n;
			copy(p, at, room);
			tls_plain_taken(&t->tls, room);
			t->empty = 0;
			return (long)room;
		}
		if (!(wants & TLS_WANTS_RECEIVE) ||
		    t->work - before >= LIMIT_TURN)
			return OS_AGAIN;
		if (t->empty > LIMIT_TLS_EMPTY)
			return OS_END;
		at = tls_record_in(&t->tls, &room);
		got = os_read(t->fd, at, most_heard(t, room));
		if (got <= 0)
			return got;
		tls_record_received(&t->tls, (size_t)got);
		note_received(t, room, (size_t)got);
	}
}

static long tls_write(struct transport *t, struct span s)
{
	size_t taken = 0;
	for (;;) {
		long sent = flush_records(t);
		if (sent < 0)
			return sent;
		unsigned wants = tls_wants(&t->tls);
		if (wants & TLS_WANTS_CLOSED)
			return closed(t);
		if (taken == s.n || !(wants & TLS_WANTS_MORE))
			return (long)taken;
		size_t room;
		unsigned char *at = tls_plain_in(&t->tls, &room);
		if (room > s.n - taken)
			room = s.n - taken;
		for (size_t i = 0; i < room; i++)
			at[i] = (unsigned char)s.p[taken + i];
		tls_plain_put(&t->tls, room);
		taken += room;
		tls_flush(&t->tls);
	}
}

long transport_read(struct transport *t, char *p, size_t n)
{
	if (t->failed)
		return drop(t, p, n);
	return t->secure ? tls_read(t, p, n) : os_read(t->fd, p, n);
}

long transport_write(struct transport *t, struct span s)
{
	return t->secure ? tls_write(t, s) : os_write(t->fd, s.p, s.n);
}

bool transport_is_full(const struct transport *t)
{
	return t->secure && tls_wants(&t->tls) & TLS_WANTS_SEND;
}

bool transport_has_more(const struct transport *t)
{
	return t->secure && tls_wants(&t->tls) & TLS_WANTS_PLAIN;
}

bool transport_end(struct transport *t)
{
	if (t->secure) {
		/* close_notify goes out as far as the socket takes it; the
		 * peer's is read while the connection lingers */
		tls_end(&t->tls);
		if (flush_records(t) == 0)
			return false;
	}
	net_end_output(t->fd);
	return true;
}

void transport_close(struct transport *t)
{
	if (t->secure)
		tls_wipe(&t->tls);
	os_close(t->fd);
}

int transport_error(const struct transport *t)
{
	return t->secure ? tls_error(&t->tls) : 0;
}
