/*
 * metrics.h - what bellwire counts, and its exposition as Prometheus text.
 *
 * Pure. Counters live in struct counters, which the parts that count are
 * handed; what is only known when somebody asks comes in struct gauges.
 */
#ifndef FACTS_METRICS_H
#define FACTS_METRICS_H

#include "base/text.h"
#include "facts/limits.h"
#include "facts/status.h"

struct counters {
	uint64_t requests[STATUS_COUNT]; /* by how they ended */
	uint64_t notifications;          /* accepted with 200 */
	uint64_t alerts_firing, alerts_resolved;
	uint64_t duplicates;
	uint64_t left_out[STATUS_COUNT]; /* alerts, by why */
	uint64_t skipped;                /* by --max-age */
	uint64_t tls_errors;
	uint64_t evicted;
	uint64_t lines_cut;
	int64_t last_notification_s; /* seconds since 1970, 0: never */
};

struct sink_counters {
	const char *name;
	uint64_t lines, errors, dropped;
	bool up;
};

struct gauges {
	struct sink_counters sink[LIMIT_SINKS];
	unsigned sinks;
	uint64_t spool_bytes, spool_size, spool_errors;
	uint64_t spool_left; /* alerts of sinks that are gone */
	uint64_t log_lines_dropped;
	uint64_t connections;
	uint64_t firing, firing_forgotten;
	int64_t deadman; /* 1 if it has fired, below 0 if there is none */
	/* of the process; a value below 0 is not known */
	int64_t cpu_us, start_s, resident_bytes, virtual_bytes;
	int64_t open_fds, max_fds;
};

/* The whole page, LIMIT_METRICS_PAGE bytes at most. */
void metrics_put(struct buf *out, const struct counters *c,
		 const struct gauges *g, struct span version);

#endif
