/* metrics.c - see metrics.h. Prometheus text exposition format 0.0.4. */
#include "facts/metrics.h"

static void family(struct buf *out, const char *name, const char *type,
		   const char *help)
{
	buf_str(out, "# HELP ");
	buf_str(out, name);
	buf_char(out, ' ');
	buf_str(out, help);
	buf_str(out, "\n# TYPE ");
	buf_str(out, name);
	buf_char(out, ' ');
	buf_str(out, type);
	buf_char(out, '\n');
}

static void label(struct buf *out, const char *name, const char *key,
		  struct span value)
{
	buf_str(out, name);
	buf_char(out, '{');
	buf_str(out, key);
	buf_str(out, "=\"");
	for (; value.n; value = span_skip(value, 1)) {
		if (value.p[0] == '"' || value.p[0] == '\\' ||
		    value.p[0] == '\n')
			buf_char(out, '\\');
		buf_char(out, value.p[0] == '\n' ? 'n' : value.p[0]);
	}
	buf_str(out, "\"} ");
}

static void number(struct buf *out, uint64_t v)
{
	buf_u64(out, v);
	buf_char(out, '\n');
}

static void single(struct buf *out, const char *name, const char *type,
		   const char *help, uint64_t v)
{
	family(out, name, type, help);
	buf_str(out, name);
	buf_char(out, ' ');
	number(out, v);
}

/* Like single, for a value that may be unknown. */
static void known(struct buf *out, const char *name, const char *type,
		  const char *help, int64_t v)
{
	if (v >= 0)
		single(out, name, type, help, (uint64_t)v);
}

/* The sum over all causes with that code, told at the first of them. */
static void put_requests(struct buf *out, const struct counters *c)
{
	static const char name[] = "bellwire_http_requests_total";
	family(out, name, "counter", "Requests answered, by status code.");
	for (enum status s = 0; s < STATUS_COUNT; s++) {
		unsigned code = status_info(s)->code;
		uint64_t sum = 0;
		bool first = true;
		for (enum status t = 0; t < STATUS_COUNT; t++) {
			if (status_info(t)->code != code)
				continue;
			first = first && t >= s;
			sum += c->requests[t];
		}
		if (!first || code == 0)
			continue;
		char digits[3];
		struct buf b = buf_of(digits, sizeof digits);
		buf_u64(&b, code);
		label(out, name, "code", buf_span(&b));
		number(out, sum);
	}
}

static void put_rejected(struct buf *out, const struct counters *c)
{
	static const char name[] = "bellwire_rejected_total";
	family(out, name, "counter", "Requests refused, by reason.");
	for (enum status s = STATUS_OK + 1; s < STATUS_COUNT; s++) {
		struct span reason = span_of(status_info(s)->label);
		uint64_t sum = 0;
		bool first = true;
		for (enum status t = STATUS_OK + 1; t < STATUS_COUNT; t++) {
			if (!span_eq(span_of(status_info(t)->label), reason))
				continue;
			first = first && t >= s;
			sum += c->requests[t];
		}
		if (!first)
			continue;
		label(out, name, "reason", reason);
		number(out, sum);
	}
}

static void put_alerts(struct buf *out, const struct counters *c)
{
	static const char name[] = "bellwire_alerts_total";
	family(out, name, "counter", "Alerts accepted, by status.");
	label(out, name, "status", SPAN("firing"));
	number(out, c->alerts_firing);
	label(out, name, "status", SPAN("resolved"));
	number(out, c->alerts_resolved);
}

static void put_left_out(struct buf *out, const struct counters *c)
{
	static const char name[] = "bellwire_alerts_left_out_total";
	static const enum status why[] = {STATUS_ALERT_SIZE, STATUS_TOO_MANY,
					  STATUS_NOT_PAYLOAD};
	family(out, name, "counter",
	       "Alerts left out of their group, by reason.");
	for (size_t i = 0; i < sizeof why / sizeof why[0]; i++) {
		label(out, name, "reason", span_of(status_info(why[i])->label));
		number(out, c->left_out[why[i]]);
	}
}

static void put_sinks(struct buf *out, const struct gauges *g)
{
	static const char lines[] = "bellwire_sink_lines_total";
	static const char errors[] = "bellwire_sink_errors_total";
	static const char dropped[] = "bellwire_sink_dropped_total";
	static const char up[] = "bellwire_sink_up";
	family(out, lines, "counter", "Lines written, by sink.");
	for (unsigned i = 0; i < g->sinks; i++) {
		label(out, lines, "sink", span_of(g->sink[i].name));
		number(out, g->sink[i].lines);
	}
	family(out, errors, "counter", "Failed writes and opens, by sink.");
	for (unsigned i = 0; i < g->sinks; i++) {
		label(out, errors, "sink", span_of(g->sink[i].name));
		number(out, g->sink[i].errors);
	}
	family(out, dropped, "counter",
	       "Alerts that a sink gave up to make room, by sink.");
	for (unsigned i = 0; i < g->sinks; i++) {
		label(out, dropped, "sink", span_of(g->sink[i].name));
		number(out, g->sink[i].dropped);
	}
	family(out, up, "gauge", "1 if the sink takes lines.");
	for (unsigned i = 0; i < g->sinks; i++) {
		label(out, up, "sink", span_of(g->sink[i].name));
		number(out, g->sink[i].up);
	}
}

static void put_process(struct buf *out, const struct gauges *g)
{
	static const char cpu[] = "process_cpu_seconds_total";
	if (g->cpu_us >= 0) {
		family(out, cpu, "counter",
		       "User and system CPU time spent in seconds.");
		buf_str(out, cpu);
		buf_char(out, ' ');
		buf_i64(out, g->cpu_us / 1000000);
		buf_char(out, '.');
		buf_padded(out, (uint64_t)(g->cpu_us % 1000000), 10, 6);
		buf_char(out, '\n');
	}
	known(out, "process_start_time_seconds", "gauge",
	      "Start time since the Unix epoch in seconds.", g->start_s);
	known(out, "process_resident_memory_bytes", "gauge",
	      "Resident memory size in bytes.", g->resident_bytes);
	known(out, "process_virtual_memory_bytes", "gauge",
	      "Virtual memory size in bytes.", g->virtual_bytes);
	known(out, "process_open_fds", "gauge", "Open file descriptors.",
	      g->open_fds);
	known(out, "process_max_fds", "gauge",
	      "Maximum number of open file descriptors.", g->max_fds);
}

void metrics_put(struct buf *out, const struct counters *c,
		 const struct gauges *g, struct span version)
{
	family(out, "bellwire_build_info", "gauge", "1, with the version.");
	label(out, "bellwire_build_info", "version", version);
	number(out, 1);
	put_requests(out, c);
	put_rejected(out, c);
	single(out, "bellwire_notifications_total", "counter",
	       "Notifications accepted.", c->notifications);
	put_alerts(out, c);
	put_left_out(out, c);
	single(out, "bellwire_duplicates_total", "counter",
	       "Alerts that were recognised and not emitted again.",
	       c->duplicates);
	single(out, "bellwire_skipped_total", "counter",
	       "Lines left out, since their alert was older than --max-age.",
	       c->skipped);
	single(out, "bellwire_last_notification_timestamp_seconds", "gauge",
	       "When the last notification was accepted.",
	       (uint64_t)c->last_notification_s);
	put_sinks(out, g);
	single(out, "bellwire_lines_cut_total", "counter",
	       "Lines that were cut, since they were too long.", c->lines_cut);
	single(out, "bellwire_spool_bytes", "gauge",
	       "Bytes of the spool in use.", g->spool_bytes);
	single(out, "bellwire_spool_size_bytes", "gauge",
	       "Bytes that the spool can hold.", g->spool_size);
	single(out, "bellwire_spool_errors_total", "counter",
	       "Failed writes and syncs of the spool's file.", g->spool_errors);
	single(out, "bellwire_spool_left_behind_total", "counter",
	       "Alerts in the spool whose sink was taken out or wants "
	       "others now.",
	       g->spool_left);
	single(out, "bellwire_firing_alerts", "gauge",
	       "Alerts that /alerts lists.", g->firing);
	single(out, "bellwire_firing_forgotten_total", "counter",
	       "Firing alerts that /alerts had no room for.",
	       g->firing_forgotten);
	known(out, "bellwire_deadman_alert_firing", "gauge",
	      "1 if the dead man's switch has fired.", g->deadman);
	single(out, "bellwire_connections", "gauge", "Open connections.",
	       g->connections);
	single(out, "bellwire_connections_evicted_total", "counter",
	       "Connections closed to make room for others.", c->evicted);
	single(out, "bellwire_tls_handshake_errors_total", "counter",
	       "TLS handshakes that failed.", c->tls_errors);
	single(out, "bellwire_log_lines_dropped_total", "counter",
	       "Log lines that stderr did not take, or that were too many.",
	       g->log_lines_dropped);
	put_process(out, g);
}
