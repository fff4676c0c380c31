/* answer.c - what a request is answered with, for conn.h: see answer.h. */
#include "conn/answer.h"

void conn_spend(struct conn *c, uint64_t work)
{
	c->credit -= (int64_t)work;
}

static void put_page(struct conn *c, struct service *s, enum status status,
		     struct span page, const char *content_type)
{
	unsigned code = status_info(status)->code;
	struct answer *a = &c->answer;
	a->close = a->close || s->stopping;
	struct http_answer head = {
	    .code = code,
	    .content_type = content_type,
	    .length = page.n,
	    .close = a->close,
	    .say_keep_alive = a->http10,
	    .allow = status == STATUS_METHOD ? a->allow : NULL,
	    .challenge =
		status == STATUS_UNAUTHORIZED ? auth_challenge(s->auth) : NULL,
	    .retry_after_s = code == 503 ? 1 : 0,
	    .date = s->now.s,
	};
	a->status = status;
	conn_spend(c, WORK_REQUEST + page.n);
	c->report.answered = true;
	c->state = CONN_ANSWER;
	c->deadline_ms = s->now.ms + LIMIT_ANSWER_MS;
	s->counters->requests[status]++;
	http_put_answer(&a->out, &head);
	if (page.n > CONN_PAGE)
		a->page = a->head_only ? SPAN_NONE : page;
	else if (!a->head_only)
		buf_put(&a->out, page);
	ASSERT(!a->out.cut);
}

void conn_answer_page(struct conn *c, struct service *s, enum status status,
		      struct span page, const char *content_type)
{
	ASSERT(c->state == CONN_QUESTION);
	put_page(c, s, status, page, content_type);
}

static void put_accepted(struct buf *line, const struct receive *r)
{
	uint64_t n = r->payload.count - r->left_out;
	buf_str(line, "accepted ");
	buf_u64(line, n);
	buf_str(line, n == 1 ? " alert" : " alerts");
	if (r->left_out == 0)
		return;
	buf_str(line, ", left out ");
	buf_u64(line, r->left_out);
	buf_str(line, ": ");
	receive_put_left_out(r, line);
}

static void put_refused(struct buf *line, enum status status,
			const struct conn_report *r)
{
	buf_str(line, status_info(status)->text);
	if (r->why_n == 0)
		return;
	buf_str(line, ": ");
	buf_put(line, (struct span){r->why, r->why_n});
}

void conn_answer(struct conn *c, struct service *s, enum status status)
{
	char bytes[LIMIT_PLACE * 2];
	struct buf line = buf_of(bytes, sizeof bytes);
	if (status == STATUS_OK) {
		put_accepted(&line, &c->notification.receive);
		s->counters->notifications++;
		s->counters->last_notification_s = s->now.s;
	} else {
		put_refused(&line, status, &c->report);
	}
	buf_char(&line, '\n');
	put_page(c, s, status, buf_span(&line), "text/plain; charset=utf-8");
}

void conn_refuse(struct conn *c, struct service *s, enum status status)
{
	c->answer.close = true;
	conn_answer(c, s, status);
}

void conn_conclude(struct conn *c, struct service *s)
{
	if (c->answer.status != STATUS_OK) {
		conn_answer(c, s, c->answer.status);
		return;
	}
	c->state = CONN_QUESTION;
	c->deadline_ms = s->now.ms + LIMIT_PAGE_MS;
}

/* A client that expects something first may not send its body at all, so then
 * nobody could tell where the next request begins. */
void conn_decide(struct conn *c, struct service *s, enum status status)
{
	c->answer.status = status;
	if (c->body.state == HTTP_BODY_DONE) {
		conn_conclude(c, s);
	} else if (c->expecting || ((c->body.state == HTTP_BODY_LENGTH ||
				     c->body.state == HTTP_BODY_DATA) &&
				    c->body.left > LIMIT_DISCARD)) {
		c->answer.close = true;
		conn_conclude(c, s);
	} else {
		c->state = CONN_DISCARD;
		window_drop_body(&c->window); /* room to read on */
		c->discard_left = LIMIT_DISCARD;
		c->deadline_ms = s->now.ms + LIMIT_BODY_MS;
	}
}
