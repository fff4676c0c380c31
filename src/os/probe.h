/*
 * probe.h - a GET for health checks, where there is no shell and no curl.
 */
#ifndef OS_PROBE_H
#define OS_PROBE_H

#include "base/address.h"

/* GETs http://HOST:PORT/PATH, or /-/healthy of unix:PATH. 0 if it answers 200;
 * 1 if not, 2 if the URL is wrong, and then *why says why. */
int probe_url(struct span url, struct buf *why);
/* The same of where a server listens; of all addresses, this machine's own. */
int probe_address(const struct address *a, struct span path, struct buf *why);

#endif
