/* slots.c - see slots.h. */
#include "server/server.h"

enum {
	/* That many shares are a whole chain of certificates. */
	GREETING_TURNS = LIMIT_TLS_CLIENT_BYTES * WORK_GREETING / LIMIT_TURN,
};

bool slot_is_used(const struct server *s, const struct slot *k)
{
	return s->slots.used & slots_only(k->conn.slot);
}

/* Its handshake is over, well or not. */
static void end_greeting(struct server *s, struct slot *k)
{
	if (k->greeting)
		keyring_end(&s->keyring, k->keys);
	k->greeting = false;
}

void slot_close(struct server *s, struct slot *k)
{
	/* whoever has agreed on TLS hears that this is the end */
	if (k->transport.secure && k->transport.greeted && !k->ended)
		transport_end(&k->transport);
	end_greeting(s, k);
	s->pages.freed |= pages_lists(&k->conn);
	conn_close(&k->conn, &s->service);
	transport_close(&k->transport);
	s->slots.used &= ~slots_only(k->conn.slot);
	s->slots.awake |= slots_only(k->conn.slot);
}

static void log_refused(struct server *s, const struct refusal *what)
{
	refusals_note(&s->refusals, s->log, what, s->service.now.ms);
}

/* 200 for the others of its group. */
static void log_left_out(struct server *s, const struct slot *k)
{
	const struct receive *r = &k->conn.notification.receive;
	char bytes[LIMIT_PLACE * 2];
	struct buf why = buf_of(bytes, sizeof bytes);
	struct log_line l;
	if (!log_begin(s->log, &l, LOG_WARN, "alerts left out"))
		return;
	receive_put_left_out(r, &why);
	log_address(&l, "peer", &k->peer);
	log_number(&l, "code", 200);
	log_number(&l, "left_out", (int64_t)r->left_out);
	log_text(&l, "first", buf_span(&why));
	log_end(s->log, &l);
}

static void log_answered(struct server *s, const struct slot *k)
{
	struct log_line l;
	if (!log_begin(s->log, &l, LOG_DEBUG, "request answered"))
		return;
	log_address(&l, "peer", &k->peer);
	log_text(&l, "request",
		 (struct span){k->conn.report.asked, k->conn.report.asked_n});
	log_number(&l, "code", status_info(k->conn.answer.status)->code);
	log_end(s->log, &l);
}

static void log_answer(struct server *s, const struct slot *k)
{
	const struct conn *c = &k->conn;
	enum status status = c->answer.status;
	struct refusal what = {
	    .of = REFUSAL_REQUEST,
	    .peer = k->peer,
	    .cause = (int)status,
	    .asked = {c->report.asked, c->report.asked_n},
	    .place = {c->report.why, c->report.why_n},
	};
	if (status == STATUS_OK && c->notification.receive.left_out)
		log_left_out(s, k);
	else if (status == STATUS_OK || status == STATUS_NOT_READY)
		log_answered(s, k);
	else
		log_refused(s, &what);
}

static void log_other_version(struct server *s, const struct slot *k)
{
	struct log_line l;
	if (!s->slots.version_told &&
	    log_begin(s->log, &l, LOG_WARN,
		      "payload of another version, or with members of the "
		      "wrong kind, taken; told once")) {
		log_address(&l, "peer", &k->peer);
		log_end(s->log, &l);
	}
	s->slots.version_told = true;
}

/* The peer is gone, or TLS has failed: then it was told why, and has a while to
 * read it. */
static void give_up(struct server *s, struct slot *k, long why)
{
	s->pages.freed |= pages_lists(&k->conn);
	if (why == TRANSPORT_TLS)
		conn_linger(&k->conn, &s->service);
	else
		conn_close(&k->conn, &s->service);
}

/* What a step of a connection asks for. False: it can go no further now, but
 * for what it may have to say. */
static bool attend(struct server *s, struct slot *k, enum conn_event event)
{
	switch (event) {
	case CONN_RESTS:
		break;
	case CONN_YIELDS:
		s->slots.yielded = true;
		break;
	case CONN_ASKS:
		return pages_answer(s, &k->conn);
	case CONN_TOOK_OTHER_VERSION:
		log_other_version(s, k);
		return true;
	case CONN_ANSWERED:
		log_answer(s, k);
		return true;
	}
	return false;
}

enum flushed {
	FLUSH_NOTHING, /* there was nothing to be sent, or nobody to send it to
			*/
	FLUSH_SOME,
	FLUSH_FULL, /* the peer does not take it */
};

/* What TLS took is work of the connection, as what its requests take. */
static void charge(struct slot *k)
{
	conn_spend(&k->conn, k->transport.work);
	k->transport.work = 0;
}

/* Sends what there is to be sent. */
static enum flushed flush(struct server *s, struct slot *k)
{
	struct conn *c = &k->conn;
	struct span out = conn_output(c);
	bool full = transport_is_full(&k->transport);
	if ((out.n == 0 && !full) || c->state == CONN_CLOSED)
		return FLUSH_NOTHING;
	if (!pages_stand(s, c))
		return FLUSH_FULL; /* as far as we know: see slot_write() */
	/* without bytes of its own, this sends what TLS holds back */
	long put = transport_write(&k->transport, out);
	charge(k);
	if (put < 0) {
		give_up(s, k, put);
		return FLUSH_NOTHING;
	}
	if (put == 0 && (out.n || transport_is_full(&k->transport)))
		return FLUSH_FULL;
	bool listed = pages_lists(c);
	conn_sent(c, (size_t)put);
	s->pages.freed |= listed && !pages_lists(c);
	return FLUSH_SOME;
}

/* Lets a connection go on until it needs bytes, room or time, or has had its
 * share of the turn: who asks for a thousand pages at once is answered between
 * the others. */
static void go_on(struct server *s, struct slot *k)
{
	struct conn *c = &k->conn;
	enum flushed flushed = FLUSH_SOME;
	while (flushed == FLUSH_SOME)
		if (!attend(s, k, conn_step(c, &s->service)))
			flushed = flush(s, k);
	if (flushed == FLUSH_FULL)
		return;
	if (c->state == CONN_LINGER && !k->ended)
		k->ended = transport_end(&k->transport);
	if (c->state == CONN_CLOSED)
		slot_close(s, k);
}

static void log_greeting(struct server *s, const struct slot *k)
{
	struct span client = tls_client(&k->transport.tls);
	struct log_line l;
	if (!log_begin(s->log, &l, client.p ? LOG_INFO : LOG_DEBUG,
		       "TLS handshake done"))
		return;
	log_address(&l, "peer", &k->peer);
	if (client.p)
		log_text(&l, "client", client);
	log_end(s->log, &l);
}

/* error: of transport_error(), or 0 for one that took too long or was cut. */
static void greeting_failed(struct server *s, const struct slot *k, int error,
			    const char *why)
{
	struct refusal what = {.of = REFUSAL_HANDSHAKE,
			       .peer = k->peer,
			       .cause = error,
			       .why = why};
	if (!k->transport.heard)
		return; /* a look at the port, as balancers take it */
	s->counters->tls_errors++;
	log_refused(s, &what);
}

static void tls_failed(struct server *s, const struct slot *k)
{
	struct refusal what = {.of = REFUSAL_TLS,
			       .peer = k->peer,
			       .cause = transport_error(&k->transport)};
	log_refused(s, &what);
}

/* A handshake went on, or did not. */
static void greet(struct server *s, struct slot *k, long result)
{
	if (k->transport.greeted) {
		end_greeting(s, k);
		log_greeting(s, k);
	} else if (result < 0) {
		end_greeting(s, k);
		greeting_failed(s, k, transport_error(&k->transport),
				"the client closed the connection");
	}
}

void slot_read(struct server *s, struct slot *k)
{
	size_t room;
	char *p = conn_room(&k->conn, &room);
	if (room == 0)
		return;
	long n = transport_read(&k->transport, p, room);
	charge(k);
	if (k->greeting)
		greet(s, k, n);
	if (n == TRANSPORT_TLS && k->transport.greeted)
		tls_failed(s, k);
	if (n == OS_AGAIN)
		return;
	if (n > 0)
		conn_received(&k->conn, (size_t)n);
	else if (n == OS_END)
		conn_ended(&k->conn);
	else
		give_up(s, k, n);
	go_on(s, k);
}

bool slot_greet(struct server *s, struct slot *k)
{
	int64_t before = k->conn.credit;
	k->greetings++;
	slot_read(s, k);
	/* a request that came with it is answered in the next turn */
	s->slots.yielded |= !k->greeting;
	return k->conn.credit < before &&
	       (k->transport.spoke || k->conn.credit <= 0);
}

bool slot_holds_others(const struct slot *k)
{
	return k->greetings < GREETING_TURNS;
}

static bool can_read(struct slot *k)
{
	size_t room;
	conn_room(&k->conn, &room);
	return room != 0;
}

/* Those of a set from slot i on; all, if there are none. */
static uint64_t from(uint64_t set, unsigned i)
{
	uint64_t behind = set >> i << i;
	return behind ? behind : set;
}

struct slot *slots_take(struct slots *s, uint64_t *set)
{
	unsigned i = slots_lowest(from(*set, s->first));
	*set &= ~slots_only(i);
	return &s->slot[i];
}

void slots_begin_turn(struct server *s, uint64_t ready)
{
	struct slots *all = &s->slots;
	unsigned granted = 0;
	all->awake |= ready;
	if (s->service.now.ms >= all->rest_until_ms) {
		all->awake |= all->used;
		all->rest_until_ms = INT64_MAX;
	}
	uint64_t left = all->awake & all->used;
	if (left == 0)
		return;
	all->first = slots_lowest(from(left, (all->first + 1) % 64));
	while (left) {
		struct slot *k = slots_take(all, &left);
		if (k->conn.credit > 0) {
			conn_grant(&k->conn);
			continue;
		}
		/* who has paid a large debt is likely to make a new one, and
		 * one of these is enough for a turn */
		unsigned counts =
		    k->conn.credit <= -LIMIT_TURN ? LIMIT_GREEDY : 1;
		if (granted && granted + counts > LIMIT_GREEDY)
			continue;
		conn_grant(&k->conn);
		granted += counts;
	}
}

/* Only bytes, an end or its deadline can make it go on. */
static bool is_idle(const struct slot *k)
{
	return conn_is_idle(&k->conn) && !k->greeting &&
	       !transport_is_full(&k->transport) &&
	       !transport_has_more(&k->transport);
}

bool slot_rests(struct server *s, struct slot *k)
{
	if (!is_idle(k))
		return false;
	s->slots.awake &= ~slots_only(k->conn.slot);
	if (k->conn.deadline_ms < s->slots.rest_until_ms)
		s->slots.rest_until_ms = k->conn.deadline_ms;
	return true;
}

void slot_turn(struct server *s, struct slot *k)
{
	if (s->service.now.ms >= k->conn.deadline_ms)
		conn_expire(&k->conn, &s->service);
	if (k->greeting && s->service.now.ms >= k->greet_by_ms) {
		greeting_failed(s, k, 0, "it took too long");
		slot_close(s, k);
		return;
	}
	if (is_idle(k))
		return;
	go_on(s, k);
	while (slot_is_used(s, k) && transport_has_more(&k->transport) &&
	       can_read(k))
		slot_read(s, k);
}

void slot_write(struct server *s, struct slot *k)
{
	pages_restore(s, &k->conn);
	slot_turn(s, k);
}
