/*
 * slots.h - the connections: who gets in, who has to go, and how bytes go
 * between a peer and its struct conn.
 */
#ifndef SERVER_SLOTS_H
#define SERVER_SLOTS_H

#include "conn/conn.h"
#include "tls/transport.h"

struct server;
struct listener;

struct slot {
	bool used;
	bool greeting;       /* in a TLS handshake */
	unsigned greetings;  /* turns that it has had */
	unsigned keys;       /* it began with: a set of the keyring */
	int64_t greet_by_ms; /* which must be over by then */
	bool hung_up;        /* in a handshake, before it had its turn */
	bool ended;          /* has told the peer that nothing more comes */
	struct transport transport;
	struct address peer;
	struct conn conn;
};

struct slots {
	unsigned n;           /* in use at most: descriptors may be few */
	unsigned end;         /* in use in this turn: none from here on */
	int64_t accept_at_ms; /* no descriptor was to be had: not before */
	unsigned turns;       /* so far; begins anew when it is full */
	bool yielded;         /* one has more to do, in the next turn */
	bool waits;           /* a handshake does, for others: see accept.c */
	bool version_told;
	struct slot slot[LIMIT_CONNECTIONS];
};

/* Each connection has its share of work again, and one of those in debt pays
 * some of it back; another one is the first. */
void slots_begin_turn(struct server *s);
/* The i-th slot of this turn, of slots.end. */
struct slot *slot_of_turn(struct server *s, unsigned i);
/* Newcomers wait until then, as things are now. */
int64_t slots_accept_at(struct server *s);
/* Takes new connections from a listener, making room for them where it may. */
void slot_accept_from(struct server *s, const struct listener *listener);
/* The peer has sent something: reads once; if there is more, the next turn
 * hears of it. */
void slot_read(struct server *s, struct slot *k);
/* The peer takes more: what there is to be said goes on. */
void slot_write(struct server *s, struct slot *k);
/* The same as slot_read() for one that is in a TLS handshake. True if that was
 * dear: it has an answer of ours, or has used up its share; a cut hello is
 * cheap. */
bool slot_greet(struct server *s, struct slot *k);
/* May it keep newcomers out until it has its turn? Not for ever. */
bool slot_holds_others(const struct slot *k);
/* What a turn of the loop brings to a connection: its deadlines, and whatever
 * it can go on with now. */
void slot_turn(struct server *s, struct slot *k);
/* Only bytes, an end or its deadline can make it go on. (TLS may have bytes of
 * its own.) */
bool slot_is_idle(const struct slot *k);
void slot_close(struct server *s, struct slot *k);

#endif
