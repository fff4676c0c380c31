/* deadman.c - see deadman.h. */
#include "intake/deadman.h"
#include "base/time.h"

enum {
	RETRY_MS = 1000, /* without room in the spool */
	ALERT_BYTES = 512,
};

/* Later than any clock, for --max-age. */
static const int64_t NEVER_OLD = (int64_t)1 << 50;

static void put_time(struct buf *out, const char *name, int64_t unix_s)
{
	buf_str(out, ",\"");
	buf_str(out, name);
	buf_str(out, "\":\"");
	time_put_utc(out, unix_s);
	buf_char(out, '"');
}

/* As Alertmanager would send it; the fingerprint is what Prometheus makes of
 * these labels (FNV-1a, 64 bits). */
static void put_alert(const struct deadman *d, struct buf *out, bool resolved,
		      int64_t fired_s, int64_t now_s)
{
	buf_str(out, resolved ? "{\"status\":\"resolved\""
			      : "{\"status\":\"firing\"");
	buf_str(out, ",\"labels\":{\"alertname\":\"" CONFIG_DEADMAN_NAME "\","
		     "\"severity\":\"" CONFIG_DEADMAN_SEVERITY "\"},"
		     "\"annotations\":{\"summary\":\"");
	if (resolved) {
		buf_str(out, "notifications come again");
	} else {
		buf_str(out, d->config->deadman_matches
				 ? "no notification that feeds the switch "
				   "has come for "
				 : "no notification has come for ");
		buf_put(out, d->config->deadman_text);
	}
	buf_str(out, "\"}");
	put_time(out, "startsAt", fired_s);
	if (resolved)
		put_time(out, "endsAt", now_s);
	else
		buf_str(out, ",\"endsAt\":\"0001-01-01T00:00:00Z\"");
	buf_str(out, ",\"generatorURL\":\"\","
		     "\"fingerprint\":\"9f3e7e89be1e913a\"}");
}

/* The alert as an offer; *json is where its text goes. */
static void make_offer(struct deadman *d, struct offer *o, struct buf *json,
		       bool resolved, int64_t fired_s, struct moment now)
{
	static const struct envelope from_us = {.status = ALERT_FIRING};
	struct buf why = buf_of(NULL, 0);
	struct alert a;
	struct alert_reader reader;
	struct sender us = {.known = false};
	put_alert(d, json, resolved, fired_s, now.s);
	ASSERT(!json->cut);
	enum status status = alert_parse(&a, &reader, buf_span(json), &why);
	ASSERT(status == STATUS_OK);
	intake_name_alert(d->intake, &us, o, &from_us, &a, now);
	/* however long it waited: nobody sends it again */
	o->record.received_ms = o->record.received_s = NEVER_OLD;
}

bool deadman_is_heard(struct deadman *d)
{
	char bytes[ALERT_BYTES];
	struct buf json = buf_of(bytes, sizeof bytes);
	struct offer o;
	make_offer(d, &o, &json, false, 0, (struct moment){0, 0});
	return o.sinks != 0;
}

void deadman_start(struct deadman *d, int64_t fired_s, struct moment now)
{
	char bytes[ALERT_BYTES];
	struct buf json = buf_of(bytes, sizeof bytes);
	struct offer o;
	d->fired_s = fired_s;
	if (d->config->deadman_ms == 0)
		d->fired_s = 0;
	if (d->fired_s) {
		make_offer(d, &o, &json, false, fired_s, now);
		intake_note_firing(d->intake, &o);
	}
	/* an alert that is out: nothing came for as long as it takes */
	d->fed_ms =
	    d->fired_s ? now.ms - (int64_t)d->config->deadman_ms : now.ms;
}

void deadman_feed(struct deadman *d, bool matches, struct moment now)
{
	if (d->config->deadman_matches == 0 || matches)
		d->fed_ms = now.ms;
}

void deadman_turn(struct deadman *d, struct moment now)
{
	uint64_t most = d->config->deadman_ms;
	char bytes[ALERT_BYTES];
	struct buf json = buf_of(bytes, sizeof bytes);
	struct offer o;
	bool old = now.ms - d->fed_ms >= (int64_t)most;
	d->waits = false;
	if (most == 0 || old == (d->fired_s != 0))
		return;
	/* 0 stands for quiet, whatever the clock says */
	int64_t since_s = d->fired_s ? d->fired_s : now.s > 0 ? now.s : 1;
	make_offer(d, &o, &json, !old, since_s, now);
	d->waits = !intake_put_own(d->intake, &o);
	if (!d->waits)
		d->fired_s = old ? since_s : 0;
}

int64_t deadman_deadline(const struct deadman *d, int64_t now_ms)
{
	if (d->config->deadman_ms == 0)
		return INT64_MAX;
	if (d->waits)
		return now_ms + RETRY_MS;
	return d->fired_s ? INT64_MAX
			  : d->fed_ms + (int64_t)d->config->deadman_ms;
}
