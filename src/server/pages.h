/*
 * pages.h - the pages that the server itself knows: health, metrics, and what
 * is firing.
 */
#ifndef SERVER_PAGES_H
#define SERVER_PAGES_H

#include "alert/read.h"
#include "conn/conn.h"

struct server;

struct pages {
	int statm; /* of /proc, or below 0 */
	int64_t start_s;
	/* /alerts may be large: one page for all, for one connection at a
	 * time; the others ask again when it is free */
	bool freed;
	bool listed; /* was rendered in this turn, which is enough */
	struct alert_reader reader;
	char alerts[LIMIT_FIRING_PAGE];
	char page[CONN_PAGE]; /* any other; is copied at once */
};

void pages_open(struct pages *p);
/* Answers a connection's QUESTION. False: not now; ask again in the next turn,
 * or when the page is free. */
bool pages_answer(struct server *s, struct conn *c);

#endif
