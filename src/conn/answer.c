/* answer.c - what a request is answered with, for conn.h: see answer.h. */
#include "conn/answer.h"

static void put_page(struct conn *c, struct service *s, enum status status,
		     struct span page, const char *content_type)
{
	unsigned code = status_info(status)->code;
	struct http_answer a = {
	    .code = code,
	    .content_type = content_type,
	    .length = page.n,
	    .close = c->close || s->stopping,
	    .say_keep_alive = c->http10,
	    .allow = status == STATUS_METHOD ? c->allow : NULL,
	    .challenge =
		status == STATUS_UNAUTHORIZED ? auth_challenge(s->auth) : NULL,
	    .retry_after_s = code == 503 ? 1 : 0,
	    .date = s->now.s,
	};
	c->close = a.close;
	c->status = status;
	c->told = true;
	/* Alertmanager sends a group that was refused for good again, too,
	 * every group_interval */
	c->settled = status == STATUS_OK;
	c->state = CONN_ANSWER;
	c->deadline_ms = s->now.ms + LIMIT_ANSWER_MS;
	s->counters->requests[status]++;
	http_put_answer(&c->out, &a);
	if (page.n > sizeof c->out_bytes / 2)
		c->page = c->head_only ? SPAN_NONE : page;
	else if (!c->head_only)
		buf_put(&c->out, page);
	ASSERT(!c->out.cut);
}

void conn_answer_page(struct conn *c, struct service *s, enum status status,
		      struct span page, const char *content_type)
{
	ASSERT(c->state == CONN_QUESTION);
	put_page(c, s, status, page, content_type);
}

void conn_answer(struct conn *c, struct service *s, enum status status)
{
	char bytes[LIMIT_PLACE * 2];
	struct buf line = buf_of(bytes, sizeof bytes);
	if (status == STATUS_OK) {
		const struct receive *r = &c->receive;
		uint64_t n = r->payload.count - r->left_out;
		buf_str(&line, "accepted ");
		buf_u64(&line, n);
		buf_str(&line, n == 1 ? " alert" : " alerts");
		if (r->left_out) {
			buf_str(&line, ", left out ");
			buf_u64(&line, r->left_out);
			buf_str(&line, ": ");
			receive_put_left_out(r, &line);
		}
		s->counters->notifications++;
		s->counters->last_notification_s = s->now.s;
	} else {
		buf_str(&line, status_info(status)->text);
		if (c->why_n) {
			buf_str(&line, ": ");
			buf_put(&line, (struct span){c->why, c->why_n});
		}
	}
	buf_char(&line, '\n');
	put_page(c, s, status, buf_span(&line), "text/plain; charset=utf-8");
}

void conn_refuse(struct conn *c, struct service *s, enum status status)
{
	c->close = true;
	conn_answer(c, s, status);
}

void conn_conclude(struct conn *c, struct service *s)
{
	if (c->status != STATUS_OK) {
		conn_answer(c, s, c->status);
		return;
	}
	c->state = CONN_QUESTION;
	c->deadline_ms = s->now.ms + LIMIT_PAGE_MS;
}

/* A client that expects something first may not send its body at all, so then
 * nobody could tell where the next request begins. */
void conn_decide(struct conn *c, struct service *s, enum status status)
{
	c->status = status;
	if (c->body.state == HTTP_BODY_DONE) {
		conn_conclude(c, s);
	} else if (c->expecting || ((c->body.state == HTTP_BODY_LENGTH ||
				     c->body.state == HTTP_BODY_DATA) &&
				    c->body.left > LIMIT_DISCARD)) {
		c->close = true;
		conn_conclude(c, s);
	} else {
		c->state = CONN_DISCARD;
		window_drop_body(&c->window); /* room to read on */
		c->discard_left = LIMIT_DISCARD;
		c->deadline_ms = s->now.ms + LIMIT_BODY_MS;
	}
}
