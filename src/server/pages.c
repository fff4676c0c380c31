/* pages.c - see pages.h. */
#include "render/render.h"
#include "server/server.h"

#include "version.h"

void pages_open(struct pages *p)
{
	p->statm = os_process_open();
	p->start_s = os_unix_s();
}

static unsigned used_slots(const struct server *s)
{
	unsigned n = 0;
	for (uint64_t left = s->slots.used; left; left &= left - 1)
		n++;
	return n;
}

static void fill_gauges(struct server *s, struct gauges *g)
{
	struct os_process p;
	const struct spool *spool = s->service.intake->spool;
	*g = (struct gauges){.sinks = s->config->sinks};
	for (unsigned i = 0; i < g->sinks; i++)
		g->sink[i] = (struct sink_counters){
		    .name = s->config->sink[i].name,
		    .lines = s->deliver->sink[i].lines,
		    .errors = s->deliver->sink[i].errors,
		    .dropped = s->deliver->sink[i].dropped,
		    .up = deliver_is_up(s->deliver, i, s->service.now)};
	os_process_read(s->pages.statm, s->descriptors, &p);
	g->spool_bytes = spool_used(spool);
	g->spool_size = spool->size;
	g->spool_errors = s->persist->errors;
	g->spool_left = s->persist->left;
	g->log_lines_dropped = s->log->dropped;
	g->connections = used_slots(s);
	g->firing = s->service.intake->firing->count;
	g->firing_forgotten = s->service.intake->firing->forgotten;
	g->deadman = s->config->deadman_ms ? s->deadman.fired_s != 0 : -1;
	g->cpu_us = p.cpu_us;
	g->start_s = s->pages.start_s;
	g->resident_bytes = p.resident_bytes;
	g->virtual_bytes = p.virtual_bytes;
	g->open_fds = p.open_fds;
	g->max_fds = s->descriptors;
}

/* Ready: every sink takes lines and the spool has room for any alert. */
static enum status is_ready(struct server *s, struct buf *page)
{
	const struct spool *spool = s->service.intake->spool;
	for (unsigned i = 0; i < s->config->sinks; i++) {
		if (s->config->sink[i].no_wait ||
		    deliver_is_up(s->deliver, i, s->service.now))
			continue;
		buf_str(page, "not ready: sink ");
		buf_str(page, s->config->sink[i].name);
		buf_str(page, " is down\n");
		return STATUS_NOT_READY;
	}
	if (s->persist->failed) {
		buf_str(page, "not ready: the spool cannot be written\n");
		return STATUS_NOT_READY;
	}
	if (!spool_fits(spool, SPOOL_RECORD_MAX, SPOOL_RECORD_MAX)) {
		buf_str(page, "not ready: the spool is full\n");
		return STATUS_NOT_READY;
	}
	buf_str(page, "bellwire is ready\n");
	return STATUS_OK;
}

/* One alert of the list; false if it does not fit any more. */
static bool put_alert(struct server *s, struct buf *page,
		      const struct format *f, const struct record *r)
{
	struct alert alert;
	struct buf why = buf_of(NULL, 0);
	size_t mark = page->n;
	if (page->cap - page->n < LIMIT_LINE + 8)
		return false;
	if (alert_parse(&alert, &s->pages.reader, r->json, &why) != STATUS_OK)
		return true;
	if (f->kind == FORMAT_JSON && mark > 2)
		buf_char(page, ',');
	render_record(page, f, r, &alert);
	return true;
}

/* The firing alerts, as an array of what format=json shows, or as lines. */
static bool answer_alerts(struct server *s, struct conn *c)
{
	struct format f = {.kind = c->wants_text ? FORMAT_LINE : FORMAT_JSON};
	struct buf page = buf_of(s->pages.alerts, sizeof s->pages.alerts);
	struct record r;
	uint64_t position = 0;
	if (s->pages.listed) {
		s->slots.yielded = true;
		return false;
	}
	for (uint64_t left = s->slots.used; left; left &= left - 1)
		if (pages_lists(&s->slots.slot[slots_lowest(left)].conn))
			return false;
	s->pages.listed = true;
	if (!c->wants_text)
		buf_str(&page, "[\n");
	while (firing_next(s->service.intake->firing, &position, &r) &&
	       put_alert(s, &page, &f, &r))
		;
	if (!c->wants_text)
		buf_str(&page, "]\n");
	conn_answer_page(c, &s->service, STATUS_OK, buf_span(&page),
			 c->wants_text ? "text/plain; charset=utf-8"
				       : "application/json");
	return true;
}

bool pages_lists(const struct conn *c)
{
	return c->target == REQUEST_ALERTS && c->answer.page.n != 0;
}

/* The page of what that connection's scrape has found. */
static struct span show_metrics(struct server *s, const struct conn *c)
{
	const struct scrape *found = &s->pages.scrape[c->slot];
	struct buf page = buf_of(s->pages.metrics, sizeof s->pages.metrics);
	metrics_put(&page, &found->counters, &found->gauges,
		    SPAN(BELLWIRE_VERSION));
	ASSERT(!page.cut);
	s->pages.shown = c->slot;
	return buf_span(&page);
}

static void answer_metrics(struct server *s, struct conn *c)
{
	struct scrape *found = &s->pages.scrape[c->slot];
	found->counters = *s->counters;
	fill_gauges(s, &found->gauges);
	conn_answer_page(c, &s->service, STATUS_OK, show_metrics(s, c),
			 "text/plain; version=0.0.4; charset=utf-8");
}

bool pages_stand(const struct server *s, const struct conn *c)
{
	return c->target != REQUEST_METRICS || !conn_holds_page(c) ||
	       s->pages.shown == c->slot;
}

void pages_restore(struct server *s, struct conn *c)
{
	if (pages_stand(s, c) || c->credit <= 0)
		return;
	struct span page = show_metrics(s, c), rest = c->answer.page;
	ASSERT(page.p + page.n == rest.p + rest.n);
	conn_spend(c, page.n);
}

bool pages_answer(struct server *s, struct conn *c)
{
	static const char text[] = "text/plain; charset=utf-8";
	char bytes[CONN_PAGE];
	struct buf page = buf_of(bytes, sizeof bytes);
	switch (c->target) {
	case REQUEST_METRICS:
		answer_metrics(s, c);
		break;
	case REQUEST_HEALTHY:
		buf_str(&page, "bellwire is healthy\n");
		conn_answer_page(c, &s->service, STATUS_OK, buf_span(&page),
				 text);
		break;
	case REQUEST_READY: {
		enum status status = is_ready(s, &page);
		ASSERT(!page.cut);
		conn_answer_page(c, &s->service, status, buf_span(&page), text);
		break;
	}
	case REQUEST_ALERTS:
		return answer_alerts(s, c);
	case REQUEST_NOTIFICATION:
		return false; /* is answered by conn.c itself */
	}
	return true;
}
