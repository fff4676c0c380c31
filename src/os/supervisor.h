/*
 * supervisor.h - the protocols of a service manager: sockets handed over
 * (sd_listen_fds(3)) and word of our state (sd_notify(3)). Both are a few
 * environment variables and a datagram, so no library is needed.
 */
#ifndef OS_SUPERVISOR_H
#define OS_SUPERVISOR_H

#include "base/text.h"

struct supervisor {
	int fd;                 /* where to send word, or -1: nobody listens */
	int64_t watchdog_ms;    /* send word this often at least; 0: never */
	int64_t watchdog_at_ms; /* the next time; at once if it has passed */
};

/* Reads the environment: how many descriptors were handed over, from 3 on.
 * They are ours alone from now on. */
unsigned supervisor_sockets(void);
void supervisor_open(struct supervisor *s);
/* Sends a state such as "READY=1"; nobody there is no error. */
void supervisor_tell(const struct supervisor *s, const char *state);
/* Feeds the watchdog if it is time for it. */
void supervisor_turn(struct supervisor *s, int64_t now_ms);
/* When to call that; INT64_MAX: no need. */
int64_t supervisor_deadline(const struct supervisor *s);

#endif
