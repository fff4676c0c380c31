/*
 * server.c - see server.h.
 *
 * One turn: wait; read from whoever has something to say; take new connections;
 * let the spool run into the sinks; let every connection go on. Whatever has a
 * deadline is looked at each turn, so there are no timers to keep.
 */
#include "server.h"

#include <errno.h>
#include <poll.h>

enum {
	ACCEPT_PAUSE_MS = 100, /* after EMFILE and its like */
	REFUSED_PAUSE_MS = 1000,
	RESERVED_FDS = 8, /* standard streams, statm, sinks, spares */
	POLL_SET = LIMIT_LISTENERS + LIMIT_CONNECTIONS + LIMIT_SINKS,
};

static void log_listening(struct server *s, int fd)
{
	struct address a;
	struct log_line l;
	os_bound_address(fd, &a);
	if (log_begin(s->log, &l, LOG_INFO, "listening")) {
		log_address(&l, "address", &a);
		log_end(s->log, &l);
	}
}

bool server_open(struct server *s)
{
	struct log_line l;
	for (unsigned i = 0; i < s->config->listens; i++) {
		const struct address *a = &s->config->listen[i];
		int fd = os_listen(a);
		if (fd < 0) {
			if (log_begin(s->log, &l, LOG_ERROR, "cannot listen")) {
				log_address(&l, "address", a);
				log_error(&l, fd);
				log_end(s->log, &l);
			}
			return false;
		}
		s->listener[s->listeners++] = fd;
		log_listening(s, fd);
	}
	s->statm = os_process_open();
	s->descriptors = os_descriptor_limit();
	int64_t room =
	    s->descriptors - RESERVED_FDS - s->listeners - s->config->sinks;
	s->slots = room >= LIMIT_CONNECTIONS ? LIMIT_CONNECTIONS
		   : room > 1                ? (unsigned)room
					     : 1;
	if (s->slots < LIMIT_CONNECTIONS &&
	    log_begin(s->log, &l, LOG_WARN,
		      "few descriptors, so fewer connections")) {
		log_number(&l, "descriptors", s->descriptors);
		log_number(&l, "connections", s->slots);
		log_end(s->log, &l);
	}
	s->start_s = os_unix_s();
	return true;
}

static void close_slot(struct server *s, struct slot *k)
{
	conn_close(&k->conn, &s->service);
	transport_close(&k->transport);
	k->used = false;
}

/* How much a connection may be missed, least first: one that has said its last
 * word, one that never had a whole head, one that waits for its next request or
 * sends its body, and one whose alerts are on their way. */
static int worth(const struct conn *c)
{
	if (c->state == CONN_LINGER)
		return 0;
	if (!c->had_head)
		return 1;
	return c->state == CONN_COMMIT || c->state == CONN_WAIT ? 3 : 2;
}

/* Closes the connection with the least progress, the oldest of its kind. */
static void evict(struct server *s)
{
	struct slot *least = NULL;
	for (unsigned i = 0; i < s->slots; i++) {
		struct slot *k = &s->slot[i];
		if (!k->used)
			continue;
		int more = least ? worth(&k->conn) - worth(&least->conn) : -1;
		if (more < 0 ||
		    (more == 0 && k->conn.since_ms < least->conn.since_ms))
			least = k;
	}
	if (least == NULL)
		return;
	if (worth(&least->conn)) {
		struct log_line l;
		s->counters->evicted++;
		if (log_begin(s->log, &l, LOG_DEBUG, "connection evicted")) {
			log_address(&l, "peer", &least->peer);
			log_end(s->log, &l);
		}
	}
	close_slot(s, least);
}

static struct slot *free_slot(struct server *s)
{
	for (int tries = 0; tries < 2; tries++) {
		for (unsigned i = 0; i < s->slots; i++)
			if (!s->slot[i].used)
				return &s->slot[i];
		evict(s);
	}
	return NULL;
}

/* Who guesses passwords can do that a thousand times a second; the log hears of
 * one, and then of how many there were. */
static bool may_tell(struct server *s)
{
	int64_t since = s->service.now.ms - s->refused_told_ms;
	if (s->refused_told_ms && since < REFUSED_PAUSE_MS) {
		s->refused_untold++;
		return false;
	}
	s->refused_told_ms = s->service.now.ms;
	return true;
}

static void put_untold(struct server *s, struct log_line *l)
{
	if (s->refused_untold)
		log_number(l, "and_before", (int64_t)s->refused_untold);
	s->refused_untold = 0;
}

static void log_answer(struct server *s, const struct slot *k)
{
	const struct conn *c = &k->conn;
	const struct status_info *info = status_info(c->status);
	bool refused = c->status != STATUS_OK && c->status != STATUS_NOT_READY;
	struct log_line l;
	bool login = c->status == STATUS_UNAUTHORIZED;
	if (login && !may_tell(s))
		return;
	if (!log_begin(s->log, &l, refused ? LOG_WARN : LOG_DEBUG,
		       refused ? "request refused" : "request answered"))
		return;
	log_address(&l, "peer", &k->peer);
	log_number(&l, "code", info->code);
	if (refused) {
		log_text(&l, "reason", span_of(info->label));
		log_text(&l, "why", span_of(info->text));
	}
	if (login)
		put_untold(s, &l);
	if (c->why_n)
		log_text(&l, "at", (struct span){c->why, c->why_n});
	log_end(s->log, &l);
}

static void log_other_version(struct server *s, const struct slot *k)
{
	struct log_line l;
	if (!s->version_told &&
	    log_begin(s->log, &l, LOG_WARN,
		      "payload of another version taken; told once")) {
		log_address(&l, "peer", &k->peer);
		log_end(s->log, &l);
	}
	s->version_told = true;
}

/* Lets a connection go on until it needs bytes, room or time. */
static void go_on(struct server *s, struct slot *k)
{
	struct conn *c = &k->conn;
	for (;;) {
		conn_step(c, &s->service);
		if (c->other_version)
			log_other_version(s, k);
		c->other_version = false;
		if (c->state == CONN_QUESTION)
			server_answer(s, c);
		if (c->told)
			log_answer(s, k);
		c->told = false;
		struct span out = conn_output(c);
		if (out.n == 0 || c->state == CONN_CLOSED)
			break;
		long put = transport_write(&k->transport, out);
		if (put == OS_AGAIN)
			return;
		if (put < 0) {
			conn_close(c, &s->service);
			break;
		}
		conn_sent(c, (size_t)put);
	}
	if (c->state == CONN_LINGER && !k->ended) {
		transport_end(&k->transport);
		k->ended = true;
	}
	if (c->state == CONN_CLOSED)
		close_slot(s, k);
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
	struct log_line l;
	s->counters->tls_errors++;
	if (!may_tell(s) ||
	    !log_begin(s->log, &l, LOG_WARN, "TLS handshake failed"))
		return;
	log_address(&l, "peer", &k->peer);
	if (error)
		log_number(&l, "number", error);
	log_text(&l, "why", span_of(error ? tls_error_text(error) : why));
	put_untold(s, &l);
	log_end(s->log, &l);
}

/* A handshake went on, or did not. */
static void greet(struct server *s, struct slot *k, long result)
{
	if (k->transport.greeted) {
		k->greeting = false;
		log_greeting(s, k);
	} else if (result < 0) {
		k->greeting = false;
		greeting_failed(s, k, transport_error(&k->transport),
				"the client closed the connection");
	}
}

static void read_slot(struct server *s, struct slot *k)
{
	size_t room;
	char *p = conn_room(&k->conn, &room);
	if (room == 0)
		return;
	long n = transport_read(&k->transport, p, room);
	if (k->greeting)
		greet(s, k, n);
	if (n == OS_AGAIN)
		return;
	if (n > 0)
		conn_received(&k->conn, (size_t)n);
	else if (n == OS_END)
		conn_ended(&k->conn);
	else
		conn_close(&k->conn, &s->service);
	go_on(s, k);
}

/* --allow; who comes by a unix socket has its file's permissions. */
static bool is_allowed(struct server *s, const struct address *peer)
{
	const struct config *c = s->config;
	struct log_line l;
	if (c->allows == 0 || peer->family == ADDRESS_UNIX)
		return true;
	for (unsigned i = 0; i < c->allows; i++)
		if (address_in_range(peer, &c->allow[i]))
			return true;
	s->counters->requests[STATUS_ADDRESS]++;
	if (may_tell(s) && log_begin(s->log, &l, LOG_WARN, "address refused")) {
		log_address(&l, "peer", peer);
		put_untold(s, &l);
		log_end(s->log, &l);
	}
	return false;
}

static void accept_from(struct server *s, int listener)
{
	for (int i = 0; i < LIMIT_ACCEPTS; i++) {
		struct address peer;
		int fd = os_accept(listener, &peer);
		if (fd == -EAGAIN || fd == -ECONNABORTED)
			return;
		if (fd < 0) {
			/* out of something: make room, and do not spin */
			evict(s);
			s->accept_at_ms = s->service.now.ms + ACCEPT_PAUSE_MS;
			return;
		}
		if (!is_allowed(s, &peer)) {
			os_close(fd);
			continue;
		}
		struct slot *k = free_slot(s);
		k->used = true;
		k->ended = false;
		k->peer = peer;
		transport_open(&k->transport, fd,
			       s->secrets->tls.on ? &s->secrets->tls : NULL,
			       s->service.now.s);
		k->greeting = s->secrets->tls.on;
		k->greet_by_ms = s->service.now.ms + LIMIT_TLS_GREETING_MS;
		conn_open(&k->conn, (unsigned)(k - s->slot), s->service.now.ms);
		read_slot(s, k);
	}
}

/* The next moment at which something is to be done without being asked. */
static int64_t next_deadline(const struct server *s)
{
	int64_t now_ms = s->service.now.ms;
	int64_t least = deliver_deadline(s->deliver);
	int64_t spool = persist_deadline(s->persist);
	if (spool < least)
		least = spool;
	if (s->accept_at_ms > s->service.now.ms && s->accept_at_ms < least)
		least = s->accept_at_ms;
	/* stopping: nobody says when the last byte has left a pipe */
	if (s->service.stopping && now_ms + DELIVER_LOOK_MS < least)
		least = now_ms + DELIVER_LOOK_MS;
	for (unsigned i = 0; i < s->slots; i++) {
		const struct slot *k = &s->slot[i];
		if (k->used && k->conn.deadline_ms < least)
			least = k->conn.deadline_ms;
		if (k->used && k->greeting && k->greet_by_ms < least)
			least = k->greet_by_ms;
	}
	return least;
}

/* What poll waits for, and whose it is. */
struct poll_set {
	struct pollfd fd[POLL_SET];
	unsigned owner[POLL_SET]; /* a listener, a slot or a sink */
	unsigned n, listeners_end, slots_end;
};

static void add_poll(struct poll_set *set, int fd, int events, unsigned owner)
{
	set->fd[set->n] = (struct pollfd){.fd = fd, .events = (short)events};
	set->owner[set->n++] = owner;
}

static void fill_poll_set(struct server *s, struct poll_set *set)
{
	set->n = 0;
	if (s->accept_at_ms <= s->service.now.ms)
		for (unsigned i = 0; i < s->listeners; i++)
			add_poll(set, s->listener[i], POLLIN, i);
	set->listeners_end = set->n;
	for (unsigned i = 0; i < s->slots; i++) {
		struct slot *k = &s->slot[i];
		size_t room;
		if (!k->used)
			continue;
		conn_room(&k->conn, &room);
		int events = room ? POLLIN : 0;
		if (conn_output(&k->conn).n || transport_is_full(&k->transport))
			events |= POLLOUT;
		add_poll(set, k->transport.fd, events, i);
	}
	set->slots_end = set->n;
	for (unsigned i = 0; i < s->config->sinks; i++) {
		short events;
		int fd = deliver_wants_poll(s->deliver, i, &events);
		if (fd >= 0)
			add_poll(set, fd, events, i);
	}
}

static void handle_slot(struct server *s, struct slot *k,
			const struct pollfd *p)
{
	/* a handshake that could not send goes on by reading */
	if (p->revents & POLLIN || (k->greeting && p->revents & POLLOUT))
		read_slot(s, k);
	else if (p->revents & (POLLERR | POLLHUP | POLLNVAL))
		close_slot(s, k); /* gone both ways, nobody left to answer */
}

static void handle_poll_set(struct server *s, const struct poll_set *set)
{
	/* handshakes cost far more than requests: only some of them in a turn,
	 * the first ones in a different place each time */
	unsigned n = set->slots_end - set->listeners_end, greeted = 0;
	s->turns++;
	for (unsigned k = 0; k < n; k++) {
		unsigned i = set->listeners_end + (s->turns + k) % n;
		struct slot *slot = &s->slot[set->owner[i]];
		if (!set->fd[i].revents)
			continue;
		if (slot->greeting && greeted++ >= LIMIT_TLS_GREETINGS)
			continue;
		handle_slot(s, slot, &set->fd[i]);
	}
	for (unsigned i = set->slots_end; i < set->n; i++)
		if (set->fd[i].revents)
			deliver_ready(s->deliver, set->owner[i],
				      set->fd[i].revents, s->service.now);
	/* last, so that a flood of new ones evicts no one that was heard */
	for (unsigned i = 0; i < set->listeners_end; i++)
		if (set->fd[i].revents)
			accept_from(s, s->listener[set->owner[i]]);
}

static void log_event(struct server *s, const char *message)
{
	struct log_line l;
	if (!log_begin(s->log, &l, LOG_INFO, message))
		return;
	log_number(&l, "queued_bytes",
		   (int64_t)spool_used(s->service.intake->spool));
	log_end(s->log, &l);
}

/* No new connections or requests; what is accepted is still emitted. */
static void begin_stop(struct server *s)
{
	if (s->service.stopping) {
		s->stop_at_ms = s->service.now.ms;
		return;
	}
	s->service.stopping = true;
	s->stop_at_ms = s->service.now.ms + (int64_t)s->config->ack_timeout_ms;
	log_event(s, "stopping");
	for (unsigned i = 0; i < s->listeners; i++)
		os_close(s->listener[i]);
	s->listeners = 0;
	for (unsigned i = 0; i < s->config->listens; i++)
		if (s->config->listen[i].family == ADDRESS_UNIX)
			os_remove(s->config->listen[i].path);
	for (unsigned i = 0; i < s->slots; i++) {
		struct slot *k = &s->slot[i];
		bool busy = k->conn.state == CONN_COMMIT ||
			    k->conn.state == CONN_WAIT ||
			    k->conn.state == CONN_ANSWER;
		if (k->used && !busy)
			close_slot(s, k);
	}
}

/* New secrets if all of them are good, else the old ones stay. */
static void reload(struct server *s)
{
	char bytes[LIMIT_PLACE * 2];
	struct buf error = buf_of(bytes, sizeof bytes);
	struct log_line l;
	if (secrets_load(s->spare, s->config, s->log, &error)) {
		struct secrets *old = s->secrets;
		/* a handshake still needs the keys that it began with */
		for (unsigned i = 0; i < s->slots; i++)
			if (s->slot[i].used && s->slot[i].greeting)
				close_slot(s, &s->slot[i]);
		s->secrets = s->spare;
		s->spare = old;
		s->service.auth = &s->secrets->auth;
		log_event(s, "reloaded");
	} else if (log_begin(s->log, &l, LOG_ERROR,
			     "reload failed, the old files stay in force")) {
		log_text(&l, "why", buf_span(&error));
		log_end(s->log, &l);
	}
}

static bool has_stopped(const struct server *s)
{
	if (!s->service.stopping)
		return false;
	if (s->service.now.ms >= s->stop_at_ms)
		return true;
	for (unsigned i = 0; i < s->slots; i++)
		if (s->slot[i].used && s->slot[i].conn.state != CONN_LINGER)
			return false;
	return spool_used(s->service.intake->spool) == 0;
}

static void tell_time(struct server *s)
{
	s->service.now.ms = os_monotonic_ms();
	s->service.now.s = os_unix_s();
}

/* In ms, or -1 for as long as it takes; not at all if sinks have taken more
 * since the connections were asked, for those may wait for just that. */
static int64_t time_to_wait(const struct server *s)
{
	int64_t deadline = next_deadline(s);
	if (s->deliver->progress != s->service.progress)
		return 0;
	if (deadline == INT64_MAX)
		return -1;
	return deadline > s->service.now.ms ? deadline - s->service.now.ms : 0;
}

static bool can_read(struct slot *k)
{
	size_t room;
	conn_room(&k->conn, &room);
	return room != 0;
}

static void turn(struct server *s)
{
	struct poll_set set;
	fill_poll_set(s, &set);
	int ready = os_poll(set.fd, set.n, time_to_wait(s));
	tell_time(s);
	unsigned signals = os_take_signals();
	if (signals & OS_SIGNAL_RELOAD) {
		reload(s);
		deliver_reopen(s->deliver, s->service.now);
	}
	if (signals & OS_SIGNAL_STOP)
		begin_stop(s);
	else if (ready > 0)
		handle_poll_set(s, &set);
	/* one sync for all that came in this turn, before anyone hears of it */
	persist_sync(s->persist, s->service.now.ms);
	deliver_pump(s->deliver, s->service.now);
	s->service.progress = s->deliver->progress;
	for (unsigned i = 0; i < s->slots; i++) {
		struct slot *k = &s->slot[i];
		if (!k->used)
			continue;
		if (s->service.now.ms >= k->conn.deadline_ms)
			conn_expire(&k->conn, &s->service);
		if (k->greeting && s->service.now.ms >= k->greet_by_ms) {
			greeting_failed(s, k, 0, "it took too long");
			close_slot(s, k);
			continue;
		}
		go_on(s, k);
		while (k->used && transport_has_more(&k->transport) &&
		       can_read(k))
			read_slot(s, k);
	}
	/* requests that waited for room may have found it */
	persist_sync(s->persist, s->service.now.ms);
	deliver_pump(s->deliver, s->service.now);
}

void server_run(struct server *s)
{
	tell_time(s);
	while (!has_stopped(s))
		turn(s);
	for (unsigned i = 0; i < s->slots; i++)
		if (s->slot[i].used)
			close_slot(s, &s->slot[i]);
	persist_sync(s->persist, INT64_MAX);
	deliver_close(s->deliver);
	log_event(s, "stopped");
}
