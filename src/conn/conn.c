/* conn.c - see conn.h. */
#include "conn/answer.h"
#include "conn/notification.h"

#include <string.h>

void conn_open(struct conn *c, unsigned slot, int64_t now_ms)
{
	/* everything but the large buffers, which nobody reads unwritten */
	memset(c, 0, offsetof(struct conn, notification.receive));
	c->slot = slot;
	c->deadline_ms = now_ms + LIMIT_IDLE_MS;
	c->since_ms = now_ms;
	c->credit = LIMIT_TURN;
	c->answer.out = buf_of(c->out_bytes, sizeof c->out_bytes);
	window_clear(&c->window);
	receive_start(&c->notification.receive, slot, RECEIVE_WHOLE);
}

void conn_grant(struct conn *c)
{
	c->credit = c->credit < 0 ? c->credit + LIMIT_TURN : LIMIT_TURN;
}

/* A debt is paid back in turns without it. */
static bool may_go_on(const struct conn *c)
{
	return c->credit > 0;
}

char *conn_room(struct conn *c, size_t *n)
{
	bool reads =
	    c->state == CONN_HEAD || c->state == CONN_DISCARD ||
	    (c->state == CONN_BODY && !c->notification.receive.blocked);
	*n = 0;
	if (c->state == CONN_LINGER) {
		*n = sizeof c->window.bytes; /* thrown away as it comes */
		return c->window.bytes;
	}
	return reads && !c->eof && may_go_on(c) ? window_room(&c->window, n)
						: c->window.bytes;
}

void conn_received(struct conn *c, size_t n)
{
	if (c->state != CONN_LINGER)
		window_received(&c->window, n);
}

void conn_ended(struct conn *c)
{
	c->eof = true;
	if (c->state == CONN_LINGER)
		c->state = CONN_CLOSED;
}

bool conn_is_idle(const struct conn *c)
{
	return c->state == CONN_HEAD && window_raw(&c->window).n == 0 &&
	       !c->eof && may_go_on(c);
}

struct span conn_output(const struct conn *c)
{
	const struct answer *a = &c->answer;
	if (a->out.n == 0)
		return a->page;
	return (struct span){a->out.p + a->out_sent, a->out.n - a->out_sent};
}

bool conn_holds_page(const struct conn *c)
{
	return c->answer.page.n != 0 && c->state != CONN_CLOSED;
}

void conn_sent(struct conn *c, size_t n)
{
	struct answer *a = &c->answer;
	if (n == 0)
		return;
	if (a->out.n == 0) {
		a->page = span_skip(a->page, n);
		return;
	}
	a->out_sent += n;
	if (a->out_sent == a->out.n)
		a->out.n = a->out_sent = 0;
}

static void note_asked(struct conn *c, const struct http_request *r)
{
	static const char *const methods[] = {
	    [HTTP_GET] = "GET ",        [HTTP_HEAD] = "HEAD ",
	    [HTTP_POST] = "POST ",      [HTTP_PUT] = "PUT ",
	    [HTTP_OTHER_METHOD] = "- ",
	};
	struct buf asked = buf_of(c->report.asked, sizeof c->report.asked);
	buf_str(&asked, methods[r->method]);
	text_show(&asked, r->path, sizeof c->report.asked - 8);
	c->report.asked_n = asked.n;
}

/* Who comes to the wrong place hears of the right one. */
static void note_where(struct conn *c, const struct service *s,
		       const struct http_request *r, enum status status)
{
	struct buf why = buf_of(c->report.why, sizeof c->report.why);
	if ((status != STATUS_NOT_FOUND && status != STATUS_METHOD) ||
	    c->health_only)
		return;
	if (span_starts(r->path, SPAN("/api/v")))
		buf_str(&why, "this is no Alertmanager; ");
	buf_str(&why, "notifications are posted to ");
	text_show(&why, s->config->path, sizeof c->report.why / 2);
	c->report.why_n = why.n;
}

static void begin_request(struct conn *c, struct service *s,
			  const struct http_request *r)
{
	http_body_start(&c->body, r);
	c->had_head = true;
	c->since_ms = s->now.ms;
	c->answer.http10 = r->http10;
	c->answer.head_only = r->method == HTTP_HEAD;
	c->wants_text = r->wants_text;
	c->answer.close = !r->keep_alive;
	c->expecting = (r->expect_continue || r->expect_other) &&
		       c->body.state != HTTP_BODY_DONE &&
		       window_raw(&c->window).n == 0;
	if (r->unknown_coding) {
		conn_refuse(c, s, STATUS_CODING);
		return;
	}
	enum status status = request_judge(
	    r, s->config, s->auth, s->now.s, c->health_only, &c->target,
	    &c->notification.signature, &c->answer.allow);
	note_asked(c, r);
	note_where(c, s, r, status);
	window_wipe(&c->window, r->credential);
	if (status == STATUS_OK && c->target == REQUEST_NOTIFICATION)
		conn_begin_body(c, s, r);
	else
		conn_decide(c, s, status);
}

/* What came is no request: is it something else that is known by its start? */
static void note_stranger(struct conn *c, struct span in)
{
	struct buf why = buf_of(c->report.why, sizeof c->report.why);
	if (span_starts(in, SPAN("\x16")))
		buf_str(&why, "the client speaks TLS, this port does not");
	else if (span_starts(in, SPAN("PROXY ")) ||
		 span_starts(in, SPAN("\r\n\r\n")))
		buf_str(&why, "it begins as the PROXY protocol does, which is "
			      "not spoken here");
	c->report.why_n = why.n;
}

/* True if the state changed. */
static bool step_head(struct conn *c, struct service *s)
{
	struct http_request r;
	size_t length;
	struct span in = window_raw(&c->window);
	if (in.n && c->scan.seen == 0)
		c->deadline_ms = s->now.ms + LIMIT_HEAD_MS;
	enum status status = http_scan(&c->scan, in.p, in.n, &length);
	if (status == STATUS_OK && length == 0) {
		if (c->eof)
			c->state = CONN_CLOSED;
		return c->eof;
	}
	c->answer.http10 = c->answer.head_only = false;
	if (status == STATUS_OK)
		status = http_parse_head((struct span){in.p, length}, &r);
	if (status != STATUS_OK) {
		note_stranger(c, in);
		conn_refuse(c, s, status);
		return true;
	}
	window_take(&c->window, span_skip(in, length));
	window_drop_body(&c->window);
	conn_spend(c, length);
	begin_request(c, s, &r);
	return true;
}

static bool step_discard(struct conn *c, struct service *s)
{
	struct span in = window_raw(&c->window), data;
	while (c->body.state != HTTP_BODY_DONE && in.n && !c->answer.close) {
		enum status status = http_body_next(&c->body, &in, &data);
		conn_spend(c, WORK_PIECE + window_raw(&c->window).n - in.n);
		window_take(&c->window, in);
		window_drop_body(&c->window);
		if (status != STATUS_OK || data.n > c->discard_left)
			c->answer.close = true;
		else
			c->discard_left -= data.n;
	}
	if (c->body.state != HTTP_BODY_DONE) {
		if (!c->answer.close && !c->eof)
			return false;
		c->answer.close = true;
	}
	conn_conclude(c, s);
	return true;
}

/* The answer is on its way whole: the request is over. */
static bool step_answer(struct conn *c, struct service *s)
{
	if (c->answer.out.n || c->answer.page.n)
		return false;
	/* Alertmanager sends a group that was refused for good again, too,
	 * every group_interval */
	receive_over(&c->notification.receive, s->intake,
		     c->answer.status == STATUS_OK, s->now);
	c->since_ms = s->now.ms;
	window_drop_body(&c->window);
	c->report.why_n = c->report.asked_n = 0;
	c->scan = (struct http_scan){0};
	c->answer.http10 = c->answer.head_only = false;
	if (c->answer.close) {
		c->state = CONN_LINGER;
		c->deadline_ms = s->now.ms + LIMIT_LINGER_MS;
		if (c->eof)
			c->state = CONN_CLOSED;
		return false;
	}
	c->state = CONN_HEAD;
	c->deadline_ms = s->now.ms + LIMIT_IDLE_MS;
	return true;
}

/* While a body waits for room its own time stands still; what counts then is
 * that sinks make progress within --ack-timeout. */
static void watch_progress(struct conn *c, const struct service *s)
{
	struct notification *n = &c->notification;
	bool blocked = n->receive.blocked &&
		       (c->state == CONN_BODY || c->state == CONN_COMMIT);
	if (blocked && !n->blocked)
		n->body_left_ms = c->deadline_ms - s->now.ms;
	if (blocked && (!n->blocked || n->progress != s->progress))
		c->deadline_ms = s->now.ms + (int64_t)s->config->ack_timeout_ms;
	if (!blocked && n->blocked && c->state == CONN_BODY)
		c->deadline_ms = s->now.ms + n->body_left_ms;
	n->blocked = blocked;
	n->progress = s->progress;
}

/* What the owner was not told yet, in the order in which it came. */
static enum conn_event take_event(struct conn *c)
{
	struct conn_report *r = &c->report;
	if (r->other_version) {
		r->other_version = false;
		return CONN_TOOK_OTHER_VERSION;
	}
	if (r->answered) {
		r->answered = false;
		return CONN_ANSWERED;
	}
	if (!may_go_on(c))
		return CONN_YIELDS;
	return c->state == CONN_QUESTION ? CONN_ASKS : CONN_RESTS;
}

enum conn_event conn_step(struct conn *c, struct service *s)
{
	bool go_on = true;
	while (go_on && may_go_on(c)) {
		switch (c->state) {
		case CONN_HEAD:
			go_on = step_head(c, s);
			break;
		case CONN_BODY:
			go_on = conn_step_body(c, s);
			break;
		case CONN_COMMIT:
			go_on = conn_step_commit(c, s);
			break;
		case CONN_WAIT:
			go_on = conn_step_wait(c, s);
			break;
		case CONN_DISCARD:
			go_on = step_discard(c, s);
			break;
		case CONN_ANSWER:
			go_on = step_answer(c, s);
			break;
		case CONN_QUESTION:
		case CONN_LINGER:
		case CONN_CLOSED:
			go_on = false;
			break;
		}
	}
	watch_progress(c, s);
	return take_event(c);
}

void conn_expire(struct conn *c, struct service *s)
{
	switch (c->state) {
	case CONN_HEAD:
		/* an idle connection is closed without a word */
		if (window_raw(&c->window).n)
			conn_refuse(c, s, STATUS_SLOW_HEAD);
		else
			conn_close(c, s);
		break;
	case CONN_BODY:
		conn_refuse(c, s,
			    c->notification.receive.blocked ? STATUS_NO_ROOM
							    : STATUS_SLOW_BODY);
		break;
	case CONN_COMMIT:
		conn_refuse(c, s, STATUS_NO_ROOM);
		break;
	case CONN_WAIT:
		conn_note_what_is_slow(c, s);
		conn_answer(c, s, STATUS_NOT_SAFE);
		break;
	case CONN_DISCARD:
		c->answer.close = true;
		conn_conclude(c, s);
		break;
	case CONN_QUESTION:
		conn_answer(c, s, STATUS_PAGE_BUSY);
		break;
	case CONN_ANSWER:
	case CONN_LINGER:
	case CONN_CLOSED:
		conn_close(c, s);
		break;
	}
}

void conn_close(struct conn *c, struct service *s)
{
	receive_over(&c->notification.receive, s->intake, false, s->now);
	c->state = CONN_CLOSED;
}

void conn_linger(struct conn *c, struct service *s)
{
	receive_over(&c->notification.receive, s->intake, false, s->now);
	c->answer.out.n = c->answer.out_sent = 0;
	c->answer.page = SPAN_NONE;
	if (c->state != CONN_LINGER)
		c->deadline_ms = s->now.ms + LIMIT_LINGER_MS;
	c->state = CONN_LINGER;
}
