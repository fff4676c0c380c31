/*
 * notification.c - see notification.h.
 *
 * Invariants: the body in the window starts at offset body_at of the whole one.
 * A claim on an alert in the intake exists from BODY to the end of ANSWER only.
 */
#include "conn/notification.h"

#include "conn/answer.h"

#include <string.h>

void conn_begin_body(struct conn *c, struct service *s,
		     const struct http_request *r)
{
	struct notification *n = &c->notification;
	bool whole = r->chunked || r->length <= LIMIT_WHOLE_BODY;
	c->state = CONN_BODY;
	c->deadline_ms = s->now.ms + LIMIT_BODY_MS;
	n->body_bytes = n->body_at = 0;
	receive_start(&n->receive, c->slot,
		      whole ? RECEIVE_WHOLE : RECEIVE_STREAM);
	if (c->expecting)
		buf_str(&c->answer.out, "HTTP/1.1 100 Continue\r\n\r\n");
	c->expecting = false;
}

/* The alerts, or the body that has them, are refused. */
static void refuse_alerts(struct conn *c, struct service *s, enum status status)
{
	const struct buf *why = &c->notification.receive.payload.why;
	c->report.why_n = why->n;
	memcpy(c->report.why, why->p, why->n);
	conn_decide(c, s, status);
}

/* A whole body. */
static void take_whole(struct conn *c, struct service *s)
{
	struct notification *n = &c->notification;
	struct span body = window_body(&c->window);
	if (n->signature.given)
		conn_spend(c, body.n * s->auth->keys * WORK_MAC);
	if (n->signature.given &&
	    !auth_is_signed(s->auth, &n->signature, body)) {
		conn_decide(c, s, STATUS_UNAUTHORIZED);
		return;
	}
	enum status status =
	    receive_whole(&n->receive, s->intake, s->memory, body, s->now);
	conn_spend(c, receive_work(&n->receive));
	if (status == STATUS_OK || status == STATUS_NO_ROOM)
		deadman_feed(s->deadman, n->receive.feeds, s->now);
	if (status != STATUS_OK)
		refuse_alerts(c, s, status);
}

/* Hands what there is of a large body on, and lets go of what was used. False:
 * it was refused, or waits for room or for its share. */
static bool feed(struct conn *c, struct service *s)
{
	struct notification *n = &c->notification;
	struct receive *r = &n->receive;
	struct span body = window_body(&c->window);
	uint64_t before = receive_work(r);
	enum status status = receive_more(r, s->intake, s->memory, body.p,
					  n->body_at, body.n, s->now);
	conn_spend(c, receive_work(r) - before);
	if (status != STATUS_OK) {
		refuse_alerts(c, s, status);
		return false;
	}
	if (r->payload.count)
		deadman_feed(s->deadman, r->feeds, s->now);
	size_t used = (size_t)(receive_hold(r) - n->body_at);
	window_drop(&c->window, used);
	n->body_at += used;
	return !r->blocked && !r->more;
}

/* What is left of a chunk whose size is known. */
static uint64_t announced(const struct http_body *b)
{
	return b->state == HTTP_BODY_DATA && b->left < INT64_MAX ? b->left : 0;
}

/* Takes framing and one piece of the body off what came. */
static enum status take_piece(struct conn *c, const struct service *s)
{
	struct notification *n = &c->notification;
	struct span in = window_raw(&c->window), data;
	enum status status = http_body_next(&c->body, &in, &data);
	conn_spend(c, WORK_PIECE + window_raw(&c->window).n - in.n);
	window_take(&c->window, in);
	window_append(&c->window, data);
	n->body_bytes += data.n;
	if (n->body_bytes + announced(&c->body) > s->config->max_body)
		return STATUS_BODY_SIZE;
	if (status != STATUS_OK || n->body_bytes <= LIMIT_WHOLE_BODY)
		return status;
	if (n->signature.given)
		return STATUS_SIGNED_SIZE;
	if (n->receive.mode == RECEIVE_WHOLE)
		receive_start(&n->receive, c->slot, RECEIVE_STREAM);
	return STATUS_OK;
}

static enum status take_pieces(struct conn *c, const struct service *s)
{
	enum status status = STATUS_OK;
	while (status == STATUS_OK && c->body.state != HTTP_BODY_DONE &&
	       window_raw(&c->window).n)
		status = take_piece(c, s);
	return status;
}

bool conn_step_body(struct conn *c, struct service *s)
{
	struct receive *r = &c->notification.receive;
	if ((r->blocked || r->more) && !feed(c, s))
		return r->more || c->state != CONN_BODY;
	enum status status = take_pieces(c, s);
	if (status == STATUS_BODY_SIZE || status == STATUS_SIGNED_SIZE) {
		conn_decide(c, s, status);
		return true;
	}
	if (status != STATUS_OK) {
		conn_refuse(c, s, status);
		return true;
	}
	if (r->mode == RECEIVE_STREAM && !feed(c, s))
		return r->more || c->state != CONN_BODY;
	if (c->body.state == HTTP_BODY_DONE) {
		c->state = CONN_COMMIT;
		if (r->mode == RECEIVE_WHOLE)
			take_whole(c, s);
		return true;
	}
	if (c->eof)
		conn_refuse(c, s, STATUS_CUT_BODY);
	return c->eof;
}

/* The end of a body whose alerts were taken one by one. */
static enum status end_alerts(struct conn *c, struct service *s)
{
	struct receive *r = &c->notification.receive;
	enum status status = receive_end(r, s->intake, s->now);
	if (status == STATUS_OK)
		deadman_feed(s->deadman, r->feeds, s->now);
	return status;
}

bool conn_step_commit(struct conn *c, struct service *s)
{
	struct receive *r = &c->notification.receive;
	if (r->mode != RECEIVE_WHOLE) {
		if ((r->at_hand != PAYLOAD_MORE || r->more) && !feed(c, s))
			return r->more || c->state != CONN_COMMIT;
		enum status status = end_alerts(c, s);
		if (status != STATUS_OK) {
			refuse_alerts(c, s, status);
			return true;
		}
	}
	if (r->blocked)
		return false;
	window_drop_body(&c->window);
	c->state = CONN_WAIT;
	c->deadline_ms = s->now.ms + (int64_t)s->config->ack_timeout_ms;
	c->report.other_version = r->payload.odd;
	return true;
}

bool conn_step_wait(struct conn *c, struct service *s)
{
	if (!intake_is_safe(s->intake, &c->notification.receive.claim))
		return false;
	conn_answer(c, s, STATUS_OK);
	return true;
}

void conn_note_what_is_slow(struct conn *c, const struct service *s)
{
	int slow = intake_waits_for(s->intake, &c->notification.receive.claim);
	struct buf why = buf_of(c->report.why, sizeof c->report.why);
	buf_str(&why, "waited for ");
	text_show(&why,
		  slow < 0 ? SPAN("the spool's file")
			   : span_of(s->config->sink[slow].name),
		  sizeof c->report.why / 2);
	c->report.why_n = why.n;
}
