/*
 * pages.h - the pages that the server itself knows: health, metrics, and what
 * is firing.
 *
 * Health is a line, which the connection takes. The other two are large, and
 * there is memory for one of each. A page of metrics can be rendered again, the
 * same bytes, from what was counted when its connection asked, so who is slow
 * to read it keeps it from nobody. A page of what is firing cannot: it is one
 * connection's until that has all of it.
 */
#ifndef SERVER_PAGES_H
#define SERVER_PAGES_H

#include "alert/read.h"
#include "conn/conn.h"

struct server;

/* What a page of metrics tells: of one moment. */
struct scrape {
	struct counters counters;
	struct gauges gauges;
};

struct pages {
	int statm; /* of /proc, or below 0 */
	int64_t start_s;
	bool freed;  /* the page of /alerts: who waits for it asks again */
	bool listed; /* was rendered in this turn, which is enough */
	struct alert_reader reader;
	char alerts[LIMIT_FIRING_PAGE];
	unsigned shown; /* the slot whose page stands in `metrics` */
	char metrics[LIMIT_METRICS_PAGE];
	struct scrape scrape[LIMIT_CONNECTIONS];
};

void pages_open(struct pages *p);
/* Answers a connection's QUESTION. False: not now; ask again in the next turn,
 * or when the page is free. */
bool pages_answer(struct server *s, struct conn *c);
/* Does it still have to send some of /alerts? */
bool pages_lists(const struct conn *c);
/* Can conn_output() be sent? Else its page of metrics gave way to another's. */
bool pages_stand(const struct server *s, const struct conn *c);
/* The peer takes more: the page stands there again, at the connection's
 * expense, unless it is in debt. */
void pages_restore(struct server *s, struct conn *c);

#endif
