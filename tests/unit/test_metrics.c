/* test_metrics.c - metrics.h: the exposition, read back line by line. */
#include "check.h"

#include "facts/metrics.h"

static char page[LIMIT_METRICS_PAGE + 1];

static struct span put(const struct counters *c, const struct gauges *g)
{
	struct buf out = buf_of(page, LIMIT_METRICS_PAGE);
	metrics_put(&out, c, g, SPAN("1.2.3"));
	assert_false(out.cut);
	page[out.n] = '\0';
	return buf_span(&out);
}

/* How many lines are just that. */
static unsigned count(const char *line)
{
	struct span s = span_of(page), part;
	unsigned n = 0;
	while (span_split(&s, '\n', &part))
		n += span_eq(part, span_of(line));
	return n;
}

static struct counters counters;
static struct gauges gauges;

static void fill(void)
{
	memset(&counters, 0, sizeof counters);
	counters.requests[STATUS_OK] = 7;
	counters.requests[STATUS_NOT_JSON] = 2;
	counters.requests[STATUS_BAD_LINE] = 3;
	counters.requests[STATUS_BAD_FIELD] = 5;
	counters.requests[STATUS_NOT_SAFE] = 11;
	counters.requests[STATUS_NO_ROOM] = 13;
	counters.requests[STATUS_METHOD] = 17;
	counters.requests[STATUS_UNKNOWN_METHOD] = 19;
	counters.notifications = 6;
	counters.alerts_firing = 23;
	counters.alerts_resolved = 29;
	counters.duplicates = 31;
	counters.evicted = 37;
	counters.lines_cut = 41;
	counters.skipped = 43;
	counters.last_notification_s = 1795485352;
	gauges = (struct gauges){
	    .sink = {{"stdout", 53, 0, 0, true},
		     {"fifo:/a\"b\\c", UINT64_MAX, 59, 101, false}},
	    .sinks = 2,
	    .spool_bytes = 61,
	    .spool_size = 67,
	    .spool_errors = 103,
	    .log_lines_dropped = 47,
	    .connections = 71,
	    .cpu_us = 12000003,
	    .start_s = 73,
	    .resident_bytes = 79,
	    .virtual_bytes = 83,
	    .open_fds = 89,
	    .max_fds = 97,
	};
}

static void writes_values(void **state)
{
	static const char *const table[] = {
	    "bellwire_build_info{version=\"1.2.3\"} 1",
	    "bellwire_http_requests_total{code=\"200\"} 7",
	    "bellwire_http_requests_total{code=\"400\"} 10",
	    "bellwire_http_requests_total{code=\"404\"} 0",
	    "bellwire_http_requests_total{code=\"503\"} 24",
	    "bellwire_rejected_total{reason=\"not_json\"} 2",
	    "bellwire_rejected_total{reason=\"malformed_request\"} 8",
	    "bellwire_rejected_total{reason=\"not_safe\"} 11",
	    "bellwire_rejected_total{reason=\"spool_full\"} 13",
	    "bellwire_rejected_total{reason=\"method\"} 36",
	    "bellwire_notifications_total 6",
	    "bellwire_alerts_total{status=\"firing\"} 23",
	    "bellwire_alerts_total{status=\"resolved\"} 29",
	    "bellwire_duplicates_total 31",
	    "bellwire_spool_errors_total 103",
	    "bellwire_sink_dropped_total{sink=\"stdout\"} 0",
	    "bellwire_sink_dropped_total{sink=\"fifo:/a\\\"b\\\\c\"} 101",
	    "bellwire_alerts_left_out_total{reason=\"too_many_labels\"} 0",
	    "bellwire_connections_evicted_total 37",
	    "bellwire_last_notification_timestamp_seconds 1795485352",
	    "bellwire_sink_lines_total{sink=\"stdout\"} 53",
	    "bellwire_sink_errors_total{sink=\"fifo:/a\\\"b\\\\c\"} 59",
	    "bellwire_sink_up{sink=\"stdout\"} 1",
	    "bellwire_sink_up{sink=\"fifo:/a\\\"b\\\\c\"} 0",
	    "bellwire_spool_bytes 61",
	    "bellwire_spool_size_bytes 67",
	    "bellwire_connections 71",
	    "process_cpu_seconds_total 12.000003",
	    "process_start_time_seconds 73",
	    "process_resident_memory_bytes 79",
	    "process_virtual_memory_bytes 83",
	    "process_open_fds 89",
	    "process_max_fds 97",
	};
	(void)state;
	fill();
	put(&counters, &gauges);
	for (size_t i = 0; i < COUNT(table); i++)
		CHECK(count(table[i]) == 1, "%s: %u times", table[i],
		      count(table[i]));
	assert_int_equal(count("bellwire_sink_lines_total{sink="
			       "\"fifo:/a\\\"b\\\\c\"} "
			       "18446744073709551615"),
			 1);
}

static bool is_name(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || s.p[i] == '_'))
			return false;
	return s.n != 0;
}

/* {name="value",...} off the front of *s; backslashes escape. */
static void take_labels(struct span *s)
{
	size_t i = 1;
	do {
		while (i < s->n && s->p[i] != '=')
			i++;
		CHECK(i + 1 < s->n && s->p[i + 1] == '"', "%.*s", (int)s->n,
		      s->p);
		for (i += 2; i < s->n && s->p[i] != '"'; i++)
			if (s->p[i] == '\\') {
				i++;
				CHECK(i < s->n && strchr("\\\"n", s->p[i]),
				      "%.*s", (int)s->n, s->p);
			}
		i++;
	} while (i < s->n && s->p[i] == ',');
	CHECK(i < s->n && s->p[i] == '}', "%.*s", (int)s->n, s->p);
	*s = span_skip(*s, i + 1);
}

/* The text format: each family's HELP and TYPE, then its samples, all of them
 * together; no sample twice. */
static void check_format(struct span s)
{
	struct span line, family = SPAN(""), seen[64];
	size_t families = 0;
	CHECK(s.n && s.p[s.n - 1] == '\n', "no end");
	s.n--;
	while (span_split(&s, '\n', &line)) {
		if (span_starts(line, SPAN("# HELP "))) {
			struct span help = span_skip(line, 7);
			span_split(&help, ' ', &family);
			CHECK(is_name(family) && help.n, "%.*s", (int)line.n,
			      line.p);
			for (size_t i = 0; i < families; i++)
				CHECK(!span_eq(seen[i], family), "%.*s twice",
				      (int)family.n, family.p);
			seen[families++] = family;
			CHECK(span_split(&s, '\n', &line) &&
				  span_starts(line, SPAN("# TYPE ")),
			      "%.*s", (int)line.n, line.p);
			struct span type = span_skip(line, 7), name;
			span_split(&type, ' ', &name);
			CHECK(span_eq(name, family), "%.*s", (int)line.n,
			      line.p);
			bool counter = span_eq(type, SPAN("counter"));
			CHECK(counter || span_eq(type, SPAN("gauge")), "%.*s",
			      (int)line.n, line.p);
			bool total = name.n > 6 && memcmp(name.p + name.n - 6,
							  "_total", 6) == 0;
			CHECK(counter == total, "%.*s", (int)line.n, line.p);
			continue;
		}
		CHECK(span_starts(line, family), "%.*s", (int)line.n, line.p);
		struct span rest = span_skip(line, family.n);
		if (rest.n && rest.p[0] == '{')
			take_labels(&rest);
		CHECK(rest.n > 1 && rest.p[0] == ' ', "%.*s", (int)line.n,
		      line.p);
		for (size_t i = 1; i < rest.n; i++)
			CHECK((rest.p[i] >= '0' && rest.p[i] <= '9') ||
				  rest.p[i] == '.',
			      "%.*s", (int)line.n, line.p);
		char whole[256];
		snprintf(whole, sizeof whole, "%.*s", (int)line.n, line.p);
		CHECK(count(whole) == 1, "%s twice", whole);
	}
}

static void keeps_to_the_format(void **state)
{
	(void)state;
	fill();
	check_format(put(&counters, &gauges));
	memset(&counters, 0, sizeof counters);
	gauges = (struct gauges){.sinks = 0};
	check_format(put(&counters, &gauges));
	/* a line feed in a sink's name stays one line */
	gauges.sinks = 1;
	gauges.sink[0].name = "fifo:/a\nb";
	check_format(put(&counters, &gauges));
	assert_int_equal(count("bellwire_sink_up{sink=\"fifo:/a\\nb\"} 0"), 1);
}

static void leaves_out_what_is_not_known(void **state)
{
	(void)state;
	fill();
	gauges.cpu_us = gauges.start_s = gauges.resident_bytes =
	    gauges.virtual_bytes = gauges.open_fds = gauges.max_fds = -1;
	check_format(put(&counters, &gauges));
	CHECK(strstr(page, "process_") == NULL, "something of the process");
}

/* The largest page there can be has room. */
static void has_room(void **state)
{
	static char names[LIMIT_SINKS][LIMIT_SINK_PLACE + 8];
	(void)state;
	fill();
	memset(&counters, 0x7f, sizeof counters);
	gauges.sinks = LIMIT_SINKS;
	for (size_t i = 0; i < LIMIT_SINKS; i++) {
		memset(names[i], '"', sizeof names[i] - 1);
		names[i][0] = (char)('a' + i);
		gauges.sink[i] = (struct sink_counters){
		    names[i], UINT64_MAX, UINT64_MAX, UINT64_MAX, true};
	}
	gauges.spool_bytes = gauges.spool_size = gauges.connections =
	    UINT64_MAX;
	gauges.cpu_us = gauges.start_s = gauges.resident_bytes =
	    gauges.virtual_bytes = gauges.open_fds = gauges.max_fds = INT64_MAX;
	CHECK(put(&counters, &gauges).n < LIMIT_METRICS_PAGE, "%zu bytes",
	      strlen(page));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_values),
	    cmocka_unit_test(keeps_to_the_format),
	    cmocka_unit_test(leaves_out_what_is_not_known),
	    cmocka_unit_test(has_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
