/*
 * accept.c - who gets in, and who has to go for that; see slots.h.
 *
 * A handshake takes two turns at least and as many round trips, and a turn has
 * one of them. So whoever floods the table with new ones could evict all others
 * between their hello and our answer to it. Hence a full table takes nobody as
 * long as a handshake waits for its turn in it, or the one that would have to
 * go is new; but for those that have hung up. Newcomers wait in the kernel's
 * queue, which is served in order.
 */
#include "server/server.h"

#include <errno.h>

enum {
	ACCEPT_PAUSE_MS = 100, /* after EMFILE and its like */
	/* For the round trips of a handshake, and a head. The last of a whole
	 * LIMIT_BACKLOG, if all others take so long, has its turn within the
	 * 10 s that Alertmanager waits. */
	NEW_MS = 2 * LIMIT_CONNECTIONS,
};

/* How much a connection may be missed, least first. */
enum worth {
	NONE,    /* has said its last word */
	HUNG_UP, /* in a handshake, which is to be told yet */
	NO_HEAD, /* never had a whole one */
	IDLE,    /* waits for its next request, or sends its body */
	IN_TIME, /* its alerts are on their way */
};

static enum worth worth(const struct slot *k)
{
	const struct conn *c = &k->conn;
	if (c->state == CONN_LINGER)
		return NONE;
	if (k->hung_up)
		return HUNG_UP;
	if (!c->had_head)
		return NO_HEAD;
	return c->state == CONN_COMMIT || c->state == CONN_WAIT ? IN_TIME
								: IDLE;
}

/* The connection with the least progress, the oldest of its kind; NULL if there
 * is none. */
static struct slot *least(struct server *s)
{
	struct slot *least = NULL;
	for (uint64_t left = s->slots.used; left;) {
		struct slot *k = slots_take(&s->slots, &left);
		int more = least ? (int)worth(k) - (int)worth(least) : -1;
		if (more < 0 ||
		    (more == 0 && k->conn.since_ms < least->conn.since_ms))
			least = k;
	}
	return least;
}

static void evict(struct server *s, struct slot *k)
{
	struct log_line l;
	if (worth(k) != NONE) {
		s->counters->evicted++;
		if (log_begin(s->log, &l, LOG_DEBUG, "connection evicted")) {
			log_address(&l, "peer", &k->peer);
			log_end(s->log, &l);
		}
	}
	slot_close(s, k);
}

static struct slot *free_slot(struct server *s)
{
	uint64_t unused = UINT64_MAX >> (64 - s->slots.n) & ~s->slots.used;
	return unused ? &s->slots.slot[slots_lowest(unused)] : NULL;
}

/* Of a full table; there is one at least, see server_open(). */
static struct slot *first_to_go(struct server *s)
{
	struct slot *k = least(s);
	ASSERT(k);
	return k;
}

/* Of a full table: does it lose nobody who may still say something? */
static bool is_over(const struct slot *k)
{
	return worth(k) <= HUNG_UP;
}

/* After NEW_MS it is no more: it has had its time for a head. Without TLS that
 * comes with the connection. */
static bool is_new(const struct slot *k)
{
	return k->transport.secure && worth(k) == NO_HEAD;
}

int64_t slots_accept_at(struct server *s)
{
	int64_t at_ms = s->slots.accept_at_ms;
	if (!keyring_now(&s->keyring)->tls.on || free_slot(s))
		return at_ms;
	const struct slot *k = first_to_go(s);
	if (is_over(k) || !is_new(k))
		return at_ms;
	int64_t old_ms = k->conn.since_ms + NEW_MS;
	return old_ms > at_ms ? old_ms : at_ms;
}

static bool may_accept(struct server *s)
{
	return s->service.now.ms >= slots_accept_at(s) &&
	       (!s->slots.waits || free_slot(s) || is_over(first_to_go(s)));
}

/* --allow; who comes by a unix socket has its file's permissions. */
static bool is_allowed(struct server *s, const struct address *peer)
{
	const struct config *c = s->config;
	struct refusal what = {.of = REFUSAL_ADDRESS, .peer = *peer};
	if (c->allows == 0 || peer->family == ADDRESS_UNIX)
		return true;
	for (unsigned i = 0; i < c->allows; i++)
		if (address_in_range(peer, &c->allow[i]))
			return true;
	s->counters->requests[STATUS_ADDRESS]++;
	refusals_note(&s->refusals, s->log, &what, s->service.now.ms);
	return false;
}

static void open_slot(struct server *s, struct slot *k, int fd,
		      const struct address *peer, bool health_only)
{
	const struct tls_identity *tls = &keyring_now(&s->keyring)->tls;
	bool secure = tls->on && !health_only;
	unsigned i = (unsigned)(k - s->slots.slot);
	s->slots.used |= slots_only(i);
	s->slots.awake |= slots_only(i);
	k->ended = k->hung_up = false;
	k->peer = *peer;
	conn_open(&k->conn, i, s->service.now.ms);
	k->conn.health_only = health_only;
	/* no byte of a request is there before the handshake is over */
	size_t room;
	char *lent = conn_room(&k->conn, &room);
	ASSERT(room >= LIMIT_TLS_LENT);
	transport_open(&k->transport, fd, secure ? tls : NULL, s->service.now.s,
		       lent);
	k->greeting = secure;
	k->greetings = 0;
	if (secure)
		k->keys = keyring_begin(&s->keyring);
	k->greet_by_ms = s->service.now.ms + LIMIT_TLS_GREETING_MS;
}

/* Somebody is there: makes room, if need be. */
static void take(struct server *s, int fd, const struct address *peer,
		 bool health_only)
{
	struct slot *k = free_slot(s);
	if (k == NULL) {
		k = first_to_go(s);
		evict(s, k);
	}
	open_slot(s, k, fd, peer, health_only);
	/* a request is often there already; a handshake has to wait for its
	 * turn */
	if (!k->greeting)
		slot_read(s, k);
	s->slots.yielded |= !k->greeting;
}

void slot_accept_from(struct server *s, const struct listener *listener)
{
	for (int i = 0; i < LIMIT_ACCEPTS && may_accept(s); i++) {
		struct address peer;
		int fd = net_accept(listener->fd, &peer);
		if (fd == -EAGAIN || fd == -ECONNABORTED)
			return;
		if (fd < 0) {
			/* out of something: make room, and do not spin */
			struct slot *k = least(s);
			if (k)
				evict(s, k);
			s->slots.accept_at_ms =
			    s->service.now.ms + ACCEPT_PAUSE_MS;
			return;
		}
		if (listener->health_only || is_allowed(s, &peer))
			take(s, fd, &peer, listener->health_only);
		else
			os_close(fd);
	}
}
