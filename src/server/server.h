/*
 * server.h - the poll loop: listeners, connections, deadlines, signals.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "deliver/deliver.h"
#include "disk/persist.h"
#include "intake/deadman.h"
#include "os/net.h"
#include "os/supervisor.h"
#include "server/pages.h"
#include "server/refusals.h"
#include "server/secrets.h"
#include "server/slots.h"

#include <poll.h>

struct listener {
	int fd;
	bool health_only; /* plain and open, see --health */
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
	bool inherited; /* the listeners were handed over */
	struct keyring keyring;
	bool reload; /* was asked for, as soon as there is room */
	struct refusals refusals;
	struct listener listener[LIMIT_LISTENERS + 1]; /* the last: --health */
	unsigned listeners;
	/* what poll is asked about: slots up to the last one in use, each in
	 * its place; behind them the listeners; and those sinks that have
	 * something to be asked about */
	struct pollfd
	    poll[LIMIT_CONNECTIONS + LIMIT_LISTENERS + 1 + LIMIT_SINKS];
	unsigned polled_slots, polled_sinks;
	unsigned polled_sink[LIMIT_SINKS];
	int64_t stop_at_ms;  /* stopping: exit by then */
	int64_t descriptors; /* limit */
	struct slots slots;
	struct pages pages;
};

/* Opens the listeners. False: that was logged. */
bool server_open(struct server *s);
/* Logs where it listens, and says that it is ready. */
void server_begin(struct server *s);
/* Then: serves until told to stop. */
void server_run(struct server *s);

#endif
