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

/* A set of slots has bit i for slot i. */
_Static_assert(LIMIT_CONNECTIONS <= 64, "a set of slots has 64 bits");

static inline uint64_t slots_only(unsigned i)
{
	return (uint64_t)1 << i;
}

/* Of a set that is not empty. */
static inline unsigned slots_lowest(uint64_t set)
{
	return (unsigned)__builtin_ctzll(set);
}

static inline unsigned slots_highest(uint64_t set)
{
	return 63 - (unsigned)__builtin_clzll(set);
}

/*
 * Most connections wait for their next request, most of the time: they rest,
 * and a turn does not look at them. Bytes or an end, of which poll tells, or a
 * deadline wake them; the least of their deadlines, or one before that, is
 * known.
 */
struct slots {
	unsigned n; /* in use at most: descriptors may be few */
	uint64_t used;
	uint64_t awake;        /* all in use that do not rest, and closed ones
				* of which poll was not told yet */
	int64_t rest_until_ms; /* none that rests has a deadline before that */
	unsigned first;        /* whose turn comes first in this turn */
	int64_t accept_at_ms;  /* no descriptor was to be had: not before */
	bool yielded;          /* one has more to do, in the next turn */
	bool waits;            /* a handshake does, for others: see accept.c */
	bool version_told;
	struct slot slot[LIMIT_CONNECTIONS];
};

/* Takes the next one off a set that is not empty, in the order of this turn. */
struct slot *slots_take(struct slots *s, uint64_t *set);
/* These are ready, and whoever has rested long enough is awake. Each of them
 * has its share of work again, and one of those in debt pays some of it back;
 * another one is the first. */
void slots_begin_turn(struct server *s, uint64_t ready);
/* A turn is over for one that is awake: does it rest now? */
bool slot_rests(struct server *s, struct slot *k);
bool slot_is_used(const struct server *s, const struct slot *k);
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
void slot_close(struct server *s, struct slot *k);

#endif
