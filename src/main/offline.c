/*
 * offline.c - see offline.h. The payload goes the way of a request, as one that
 * is sent in chunks, so that what comes out is what a server would emit.
 */
#include "main/offline.h"

#include <poll.h>
#include <unistd.h>

/* Lets lines out until a request can go on; standard output may be slow. */
static bool let_out(struct server *s, struct conn *c)
{
	struct service *v = &s->service;
	for (;;) {
		deliver_pump(s->deliver, v->now);
		v->progress = s->deliver->progress;
		conn_step(c, v);
		short events;
		int fd = deliver_wants_poll(s->deliver, 0, &events);
		if (s->deliver->sink[0].state == DELIVERY_DOWN)
			return false;
		if (fd >= 0) {
			struct pollfd p = {.fd = fd, .events = events};
			os_poll(&p, 1, -1);
			deliver_ready(s->deliver, 0, p.revents, v->now);
		} else if (spool_used(v->intake->spool) == 0) {
			return true;
		}
	}
}

static void put(struct server *s, struct conn *c, struct span bytes)
{
	while (bytes.n) {
		size_t n;
		char *p = conn_room(c, &n);
		if (n == 0)
			return; /* it has its answer */
		struct buf room = buf_of(p, n < bytes.n ? n : bytes.n);
		buf_put(&room, bytes);
		conn_received(c, room.n);
		bytes = span_skip(bytes, room.n);
		if (!let_out(s, c))
			return;
	}
}

bool offline_render(struct server *s, char *memory, size_t n, struct buf *why)
{
	struct conn *c = &s->slots.slot[0].conn;
	char bytes[LIMIT_HEAD];
	struct buf line = buf_of(bytes, sizeof bytes);
	long got;
	s->service.now.s = os_unix_s();
	conn_open(c, 0, 0);
	buf_str(&line, "POST ");
	buf_put(&line, s->config->path);
	buf_str(&line, " HTTP/1.1\r\nHost: stdin\r\n"
		       "Content-Type: application/json\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n");
	put(s, c, buf_span(&line));
	while (c->state == CONN_BODY &&
	       (got = os_read(STDIN_FILENO, memory, n)) > 0) {
		line.n = 0;
		buf_padded(&line, (uint64_t)got, 16, 1);
		buf_str(&line, "\r\n");
		put(s, c, buf_span(&line));
		put(s, c, (struct span){memory, (size_t)got});
		put(s, c, SPAN("\r\n"));
	}
	put(s, c, SPAN("0\r\n\r\n"));
	if (s->deliver->sink[0].state == DELIVERY_DOWN)
		return false;
	if (c->answer.status == STATUS_OK && c->state == CONN_ANSWER)
		return true;
	buf_str(why, status_info(c->answer.status)->text);
	if (c->report.why_n)
		buf_str(why, ": ");
	buf_put(why, (struct span){c->report.why, c->report.why_n});
	return false;
}
