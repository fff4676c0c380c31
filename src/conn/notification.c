/* notification.c - see notification.h. */
#include "conn/notification.h"

#include "conn/answer.h"

#include <string.h>

void conn_begin_body(struct conn *c, struct service *s,
		     const struct http_request *r)
{
	c->state = CONN_BODY;
	c->notification = true;
	c->deadline_ms = s->now.ms + LIMIT_BODY_MS;
	c->whole = r->chunked || r->length <= LIMIT_WHOLE_BODY;
	receive_start(&c->receive, c->slot, c->whole);
	if (c->expecting)
		buf_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	c->expecting = false;
}

static void note_why(struct conn *c)
{
	const struct buf *why = &c->receive.payload.why;
	c->why_n = why->n;
	memcpy(c->why, why->p, why->n);
}

/* A notification was found good, or an alert of one that is decoded as it
 * arrives: all is well up to here, whether there is room for it or not. */
static void feed_switch(const struct conn *c, struct service *s)
{
	if (s->config->deadman_matches == 0 || c->receive.feeds)
		s->fed_ms = s->now.ms;
}

/* All of the body was read. */
static void end_body(struct conn *c, struct service *s)
{
	struct receive *r = &c->receive;
	struct span body = window_body(&c->window);
	c->state = CONN_COMMIT;
	if (!c->whole)
		return;
	if (c->signature.given &&
	    !auth_is_signed(s->auth, &c->signature, body)) {
		conn_decide(c, s, STATUS_UNAUTHORIZED);
		return;
	}
	enum status status =
	    receive_whole(r, s->intake, s->memory, body, s->now);
	if (status == STATUS_OK || status == STATUS_NO_ROOM)
		feed_switch(c, s);
	if (status != STATUS_OK) {
		note_why(c);
		conn_decide(c, s, status);
	}
}

/* Hands what there is of a large body on, and lets go of what was used. */
static bool feed(struct conn *c, struct service *s)
{
	struct receive *r = &c->receive;
	struct span body = window_body(&c->window);
	enum status status = receive_more(r, s->intake, s->memory, body.p,
					  c->body_at, body.n, s->now);
	if (status != STATUS_OK) {
		note_why(c);
		conn_decide(c, s, status);
		return false;
	}
	if (r->payload.count)
		feed_switch(c, s);
	size_t used = (size_t)(receive_hold(r) - c->body_at);
	window_drop(&c->window, used);
	c->body_at += used;
	return !r->blocked;
}

/* What is left of a chunk whose size is known. */
static uint64_t announced(const struct http_body *b)
{
	return b->state == HTTP_BODY_DATA && b->left < INT64_MAX ? b->left : 0;
}

bool conn_step_body(struct conn *c, struct service *s)
{
	struct span in, data;
	if (c->receive.blocked && !feed(c, s))
		return c->state != CONN_BODY;
	in = window_raw(&c->window);
	while (c->body.state != HTTP_BODY_DONE && in.n) {
		enum status status = http_body_next(&c->body, &in, &data);
		window_take(&c->window, in);
		window_append(&c->window, data);
		c->body_bytes += data.n;
		if (c->body_bytes + announced(&c->body) > s->config->max_body)
			status = STATUS_BODY_SIZE;
		if (status == STATUS_BODY_SIZE) {
			conn_decide(c, s, status);
			return true;
		}
		if (status != STATUS_OK) {
			conn_refuse(c, s, status);
			return true;
		}
		if (c->signature.given && c->body_bytes > LIMIT_WHOLE_BODY) {
			conn_decide(c, s, STATUS_SIGNED_SIZE);
			return true;
		}
		if (c->whole && c->body_bytes > LIMIT_WHOLE_BODY) {
			c->whole = false;
			receive_start(&c->receive, c->slot, false);
		}
	}
	if (!c->whole && !feed(c, s))
		return c->state != CONN_BODY;
	if (c->body.state == HTTP_BODY_DONE) {
		end_body(c, s);
		return true;
	}
	if (c->eof) {
		conn_refuse(c, s, STATUS_CUT_BODY);
		return true;
	}
	return false;
}

bool conn_step_commit(struct conn *c, struct service *s)
{
	struct receive *r = &c->receive;
	bool more = !c->whole || r->stepwise;
	if (more && r->at_hand != PAYLOAD_MORE && !feed(c, s))
		return c->state != CONN_COMMIT;
	enum status status =
	    more ? receive_end(r, s->intake, s->now) : STATUS_OK;
	if (status != STATUS_OK) {
		note_why(c);
		conn_decide(c, s, status);
		return true;
	}
	if (more)
		feed_switch(c, s);
	if (r->blocked)
		return false;
	window_drop_body(&c->window);
	c->state = CONN_WAIT;
	c->deadline_ms = s->now.ms + (int64_t)s->config->ack_timeout_ms;
	c->odd = r->payload.odd;
	return true;
}

bool conn_step_wait(struct conn *c, struct service *s)
{
	if (!intake_is_safe(s->intake, &c->receive.wait))
		return false;
	conn_answer(c, s, STATUS_OK);
	return true;
}

/* Which sink it is that the alerts wait for, or the disk. */
void conn_note_what_is_slow(struct conn *c, const struct service *s)
{
	int slow = intake_waits_for(s->intake, &c->receive.wait);
	struct buf why = buf_of(c->why, sizeof c->why);
	buf_str(&why, "waited for ");
	text_show(&why,
		  slow < 0 ? SPAN("the spool's file")
			   : span_of(s->config->sink[slow].name),
		  sizeof c->why / 2);
	c->why_n = why.n;
}
