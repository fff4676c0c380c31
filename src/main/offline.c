/*
 * offline.c - see offline.h. The payload goes the way of a request, as one that
 * is sent in chunks, so that what comes out is what a server would emit.
 */
#include "main/offline.h"

#include "os/os.h"

#include <poll.h>
#include <unistd.h>

const char *offline_configure(struct config *c, struct span format)
{
	struct sink_config first = {.name = "stdout",
				    .format = c->sink[0].format,
				    .filter = c->sink[0].filter};
	const char *wrong = NULL;
	if (format.p) {
		first.format = (struct format){0};
		first.filter = (struct filter){0};
		wrong = config_read_format(c, &first.format, format);
	}
	c->sink[0] = first;
	c->sinks = 1;
	c->spool = SPAN_NONE;
	c->max_body = INT64_MAX;
	return wrong;
}

/* Lets lines out until the request can go on; standard output may be slow.
 * False if it is gone. */
static bool let_out(struct offline *o)
{
	struct deliver *d = o->deliver;
	struct service *s = &o->service;
	for (;;) {
		deliver_pump(d, s->now);
		s->progress = d->progress;
		while (conn_step(o->conn, s) != CONN_RESTS)
			conn_grant(o->conn); /* it has all turns for itself */
		short events;
		int fd = deliver_wants_poll(d, 0, &events);
		if (d->sink[0].state == DELIVERY_DOWN)
			return false;
		if (fd >= 0) {
			struct pollfd p = {.fd = fd, .events = events};
			os_poll(&p, 1, -1);
			deliver_ready(d, 0, p.revents, s->now);
		} else if (spool_used(s->intake->spool) == 0) {
			return true;
		}
	}
}

static void put(struct offline *o, struct span bytes)
{
	while (bytes.n) {
		size_t n;
		char *p = conn_room(o->conn, &n);
		if (n == 0)
			return; /* it has its answer */
		struct buf room = buf_of(p, n < bytes.n ? n : bytes.n);
		buf_put(&room, bytes);
		conn_received(o->conn, room.n);
		bytes = span_skip(bytes, room.n);
		if (!let_out(o))
			return;
	}
}

static void put_head(struct offline *o)
{
	char bytes[LIMIT_HEAD];
	struct buf head = buf_of(bytes, sizeof bytes);
	buf_str(&head, "POST ");
	buf_put(&head, o->service.config->path);
	buf_str(&head, " HTTP/1.1\r\nHost: stdin\r\n"
		       "Content-Type: application/json\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n");
	put(o, buf_span(&head));
}

_Static_assert(WINDOW_BYTES <= 0xffff, "read_chunk() writes four digits");
enum { HEAD = 6, FRAME = HEAD + 2 }; /* "07d0\r\n", its bytes, "\r\n" */
_Static_assert(+FRAME < +WINDOW_LITTLE, "a connection that reads has so much");

/* Reads a chunk to where the connection looks for one. False at the end of what
 * there is. */
static bool read_chunk(struct offline *o)
{
	static const struct span end = SPAN_INIT("\r\n");
	size_t room;
	char *p = conn_room(o->conn, &room);
	if (room <= FRAME)
		return false; /* it has its answer */
	long got = os_read(STDIN_FILENO, p + HEAD, room - FRAME);
	if (got <= 0)
		return false;
	struct buf chunk = buf_of(p, room);
	buf_padded(&chunk, (uint64_t)got, 16, HEAD - 2);
	buf_put(&chunk, end);
	chunk.n += (size_t)got;
	buf_put(&chunk, end);
	conn_received(o->conn, chunk.n);
	return let_out(o);
}

bool offline_render(struct offline *o, struct buf *why)
{
	struct conn *c = o->conn;
	o->service.now.s = os_unix_s();
	conn_open(c, 0, 0);
	put_head(o);
	while (c->state == CONN_BODY && read_chunk(o))
		;
	put(o, SPAN("0\r\n\r\n"));
	if (o->deliver->sink[0].state == DELIVERY_DOWN)
		return false;
	if (c->answer.status == STATUS_OK && c->state == CONN_ANSWER)
		return true;
	buf_str(why, status_info(c->answer.status)->text);
	if (c->report.why_n)
		buf_str(why, ": ");
	buf_put(why, (struct span){c->report.why, c->report.why_n});
	return false;
}
