/*
 * server.h - the poll loop: slots of connections, deadlines, overload.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "conn/conn.h"
#include "deliver/deliver.h"
#include "disk/persist.h"
#include "intake/deadman.h"
#include "os/supervisor.h"
#include "server/refusals.h"
#include "server/secrets.h"
#include "tls/transport.h"

struct listener {
	int fd;
	bool health_only; /* plain and open, see --health */
};

struct slot {
	bool used;
	bool greeting;       /* in a TLS handshake */
	int64_t greet_by_ms; /* which must be over by then */
	bool ended;          /* has told the peer that nothing more comes */
	struct transport transport;
	struct address peer;
	struct conn conn;
};

struct server {
	const struct config *config;
	struct log *log;
	struct deliver *deliver;
	struct persist *persist;
	struct counters *counters;
	struct service service;
	struct deadman deadman;
	struct supervisor supervisor;
	int64_t watchdog_at_ms;
	bool inherited; /* the listeners were handed over */
	/* those in force, and room for the next ones */
	struct secrets *secrets, *spare;
	int64_t refused_told_ms;
	uint64_t refused_untold; /* log of failed logins */
	struct refusals refusals;
	struct listener listener[LIMIT_LISTENERS + 1]; /* the last: --health */
	unsigned listeners;
	unsigned slots;       /* in use at most: descriptors may be few */
	int64_t accept_at_ms; /* no descriptor was to be had: not before */
	int64_t stop_at_ms;   /* stopping: exit by then */
	int64_t start_s;
	unsigned turns;      /* so far; begins anew when it is full */
	int64_t descriptors; /* limit */
	int statm;
	bool version_told;
	struct slot slot[LIMIT_CONNECTIONS];
	/* /alerts may be large: one page for all, for one connection at a
	 * time; the others ask again when it is free */
	bool page_freed;
	bool yielded; /* a connection has more to do, in the next turn */
	struct alert alert;
	struct alert_tokens tokens;
	char alerts_page[LIMIT_FIRING_PAGE];
	char page[LIMIT_ANSWER - 1024]; /* with its head it fits an answer */
};

/* Opens the listeners. False: that was logged. */
bool server_open(struct server *s);
/* Logs where it listens, and serves until told to stop. */
void server_run(struct server *s);

/* In slots.c. Takes new connections from a listener, making room for them. */
void slot_accept_from(struct server *s, const struct listener *listener);
/* The peer has sent something: reads once; if there is more, the next turn
 * hears of it. */
void slot_read(struct server *s, struct slot *k);
/* What a turn of the loop brings to a connection: its deadlines, and whatever
 * it can go on with now. */
void slot_turn(struct server *s, struct slot *k);
void slot_close(struct server *s, struct slot *k);

/* Answers a connection's QUESTION; in pages.c. Returns the bytes of the page,
 * which may have been rendered for its length alone. */
size_t server_answer(struct server *s, struct conn *c);

#endif
