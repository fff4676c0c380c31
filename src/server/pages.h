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
	struct alert_reader reader;
	char alerts[LIMIT_FIRING_PAGE];
	char page[LIMIT_ANSWER - 1024]; /* with its head it fits an answer */
};

void pages_open(struct pages *p);
/* Answers a connection's QUESTION. Returns the bytes of the page, which may
 * have been rendered for its length alone. */
size_t pages_answer(struct server *s, struct conn *c);

#endif
