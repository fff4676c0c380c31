/*
 * server.c - see server.h.
 *
 * One turn: wait; read from whoever has something to say; let the spool run
 * into the sinks; let every connection that does not rest go on; then a TLS
 * handshake, and new connections. Whatever has a deadline is looked at each
 * turn, but for those that rest, of which the least one is known.
 */
#include "server/server.h"

#include <errno.h>

enum {
	RESERVED_FDS = 8, /* standard streams, statm, sinks, spares */
	HUNG_UP = POLLRDHUP | POLLHUP | POLLERR,
};

static void log_listening(struct server *s, const struct listener *listener)
{
	struct address a;
	struct log_line l;
	net_bound_address(listener->fd, &a);
	if (log_begin(s->log, &l, LOG_INFO, "listening")) {
		log_address(&l, "address", &a);
		if (listener->health_only)
			log_text(&l, "for", SPAN("health"));
		log_end(s->log, &l);
	}
}

/* Sockets of a service manager, in the place of --listen. */
static bool inherit(struct server *s)
{
	enum { FIRST_FD = 3 };
	struct log_line l;
	unsigned n = supervisor_sockets();
	if (n > LIMIT_LISTENERS) {
		if (log_begin(s->log, &l, LOG_ERROR,
			      "more sockets handed over than listeners")) {
			log_number(&l, "sockets", n);
			log_end(s->log, &l);
		}
		return false;
	}
	for (unsigned i = 0; i < n; i++)
		s->listener[s->listeners++].fd = FIRST_FD + (int)i;
	s->inherited = n != 0;
	return true;
}

/* Of those that are open by now, all that are there for good. */
static int highest_descriptor(const struct server *s)
{
	int highest = s->pages.statm;
	for (unsigned i = 0; i < s->listeners; i++)
		if (s->listener[i].fd > highest)
			highest = s->listener[i].fd;
	return highest;
}

static bool listen_at(struct server *s, const struct address *a,
		      bool health_only)
{
	struct log_line l;
	int fd = net_listen(a);
	if (fd >= 0) {
		s->listener[s->listeners++] =
		    (struct listener){fd, health_only};
		return true;
	}
	if (log_begin(s->log, &l, LOG_ERROR, "cannot listen")) {
		log_address(&l, "address", a);
		log_error(&l, fd);
		log_end(s->log, &l);
	}
	return false;
}

bool server_open(struct server *s)
{
	struct log_line l;
	supervisor_open(&s->supervisor);
	if (!inherit(s))
		return false;
	for (unsigned i = 0; i < s->config->listens && !s->inherited; i++)
		if (!listen_at(s, &s->config->listen[i], false))
			return false;
	if (s->config->has_health && !listen_at(s, &s->config->health, true))
		return false;
	pages_open(&s->pages);
	s->descriptors = os_descriptor_limit();
	/* a connection, and one more that takes its place */
	int64_t needed = highest_descriptor(s) + 3;
	if (s->descriptors < needed) {
		if (log_begin(s->log, &l, LOG_ERROR, "too few descriptors")) {
			log_number(&l, "descriptors", s->descriptors);
			log_number(&l, "needed", needed);
			log_end(s->log, &l);
		}
		return false;
	}
	int64_t room =
	    s->descriptors - RESERVED_FDS - s->listeners - s->config->sinks;
	s->slots.n = room >= LIMIT_CONNECTIONS ? LIMIT_CONNECTIONS
		     : room > 1                ? (unsigned)room
					       : 1;
	if (s->slots.n < LIMIT_CONNECTIONS &&
	    log_begin(s->log, &l, LOG_WARN,
		      "few descriptors, so fewer connections")) {
		log_number(&l, "descriptors", s->descriptors);
		log_number(&l, "connections", s->slots.n);
		log_end(s->log, &l);
	}
	return true;
}

/* The next moment at which something is to be done without being asked;
 * newcomers wait until accept_at_ms. */
static int64_t next_deadline(struct server *s, int64_t accept_at_ms)
{
	int64_t now_ms = s->service.now.ms;
	int64_t least = deliver_deadline(s->deliver, now_ms);
	int64_t spool = persist_deadline(s->persist);
	if (spool < least)
		least = spool;
	int64_t refusals = refusals_deadline(&s->refusals);
	if (refusals < least)
		least = refusals;
	int64_t deadman = deadman_deadline(&s->deadman, now_ms);
	if (deadman < least && !s->service.stopping)
		least = deadman;
	int64_t watchdog = supervisor_deadline(&s->supervisor);
	if (watchdog < least)
		least = watchdog;
	if (accept_at_ms > now_ms && accept_at_ms < least)
		least = accept_at_ms;
	/* stopping: nobody says when the last byte has left a pipe */
	if (s->service.stopping && now_ms + DELIVER_LOOK_MS < least)
		least = now_ms + DELIVER_LOOK_MS;
	if (s->slots.rest_until_ms < least)
		least = s->slots.rest_until_ms;
	for (uint64_t left = s->slots.awake; left;) {
		const struct slot *k = slots_take(&s->slots, &left);
		if (k->conn.deadline_ms < least)
			least = k->conn.deadline_ms;
		if (k->conn.credit <= 0)
			least = now_ms; /* the next turn is its */
		if (k->greeting && k->greet_by_ms < least)
			least = k->greet_by_ms;
	}
	return least;
}

/* What a connection waits for. */
static short events_of(struct slot *k)
{
	size_t room;
	conn_room(&k->conn, &room);
	bool full = transport_is_full(&k->transport);
	/* who does not take what TLS holds back is not listened to */
	int events = room && !full ? POLLIN : 0;
	if (conn_output(&k->conn).n || full)
		events |= POLLOUT;
	if (k->greeting)
		events |= POLLRDHUP;
	return (short)events;
}

/* What is asked about those that rest stays what it was. */
static void ask_about_slots(struct server *s)
{
	uint64_t used = s->slots.used;
	s->polled_slots = used ? slots_highest(used) + 1 : 0;
	for (uint64_t left = s->slots.awake; left;) {
		struct slot *k = slots_take(&s->slots, &left);
		struct pollfd *p = &s->poll[k->conn.slot];
		if (!slot_is_used(s, k)) {
			p->fd = -1;
			s->slots.awake &= ~slots_only(k->conn.slot);
			continue;
		}
		p->fd = k->transport.fd;
		p->events = slot_rests(s, k) ? POLLIN : events_of(k);
	}
}

/* Newcomers wait until accept_at_ms. Returns how many poll is asked about: not
 * more than are open, but for slots, as it refuses more than the limit. */
static unsigned ask(struct server *s, int64_t accept_at_ms)
{
	bool accepts = accept_at_ms <= s->service.now.ms;
	ask_about_slots(s);
	unsigned n = s->polled_slots;
	for (unsigned i = 0; i < s->listeners; i++)
		s->poll[n++] = (struct pollfd){
		    .fd = accepts ? s->listener[i].fd : -1, .events = POLLIN};
	s->polled_sinks = 0;
	for (unsigned i = 0; i < s->config->sinks; i++) {
		short events;
		int fd = deliver_wants_poll(s->deliver, i, &events);
		if (fd < 0)
			continue;
		s->poll[n++] = (struct pollfd){.fd = fd, .events = events};
		s->polled_sink[s->polled_sinks++] = i;
	}
	return n;
}

/* Of so many that poll has counted, the slots. */
static uint64_t ready_slots(const struct server *s, int ready)
{
	uint64_t set = 0;
	for (unsigned i = 0; i < s->polled_slots && ready > 0; i++) {
		if (s->poll[i].revents == 0)
			continue;
		ready--;
		set |= slots_only(i);
	}
	return set;
}

static void handle_slot(struct server *s, struct slot *k, short events)
{
	if (events & POLLIN)
		slot_read(s, k);
	else if (events & POLLOUT)
		slot_write(s, k);
	else if (events & (POLLERR | POLLHUP | POLLNVAL))
		slot_close(s, k); /* gone both ways, nobody left to answer */
}

/* Handshakes cost far more than requests: only some of them in a turn, and
 * behind the answers to those. */
static void greet(struct server *s, uint64_t ready)
{
	unsigned greeted = 0;
	s->slots.waits = false;
	while (ready) {
		struct slot *k = slots_take(&s->slots, &ready);
		if (!k->greeting)
			continue;
		if (greeted < LIMIT_TLS_GREETINGS) {
			greeted += slot_greet(s, k);
			continue;
		}
		k->hung_up = s->poll[k->conn.slot].revents & HUNG_UP;
		s->slots.waits |= !k->hung_up && slot_holds_others(k);
	}
}

static void handle_ready(struct server *s, uint64_t ready)
{
	while (ready) {
		struct slot *k = slots_take(&s->slots, &ready);
		if (!k->greeting)
			handle_slot(s, k, s->poll[k->conn.slot].revents);
	}
	const struct pollfd *p = s->poll + s->polled_slots + s->listeners;
	for (unsigned i = 0; i < s->polled_sinks; i++)
		if (p[i].revents)
			deliver_ready(s->deliver, s->polled_sink[i],
				      p[i].revents, s->service.now);
}

static void take_new_ones(struct server *s)
{
	for (unsigned i = 0; i < s->listeners; i++)
		if (s->poll[s->polled_slots + i].revents)
			slot_accept_from(s, &s->listener[i]);
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
	supervisor_tell(&s->supervisor, "STOPPING=1");
	for (unsigned i = 0; i < s->listeners; i++)
		os_close(s->listener[i].fd);
	s->listeners = 0;
	for (unsigned i = 0; i < s->config->listens && !s->inherited; i++)
		if (s->config->listen[i].family == ADDRESS_UNIX)
			os_remove(s->config->listen[i].path);
	if (s->config->has_health && s->config->health.family == ADDRESS_UNIX)
		os_remove(s->config->health.path);
	for (uint64_t left = s->slots.used; left;) {
		struct slot *k = slots_take(&s->slots, &left);
		bool busy = k->conn.state == CONN_COMMIT ||
			    k->conn.state == CONN_WAIT ||
			    k->conn.state == CONN_ANSWER;
		if (!busy)
			slot_close(s, k);
	}
}

/* New secrets if all of them are good, else the old ones stay. A second reload
 * waits for the handshakes that began before the first. */
static void reload(struct server *s)
{
	char bytes[LIMIT_PLACE * 2];
	struct buf error = buf_of(bytes, sizeof bytes);
	struct log_line l;
	struct secrets *next = keyring_next(&s->keyring);
	if (next == NULL)
		return;
	s->reload = false;
	if (secrets_load(next, s->config, s->log, &error)) {
		keyring_turn(&s->keyring);
		s->service.auth = &keyring_now(&s->keyring)->auth;
		log_event(s, "reloaded");
		return;
	}
	secrets_wipe(next);
	if (log_begin(s->log, &l, LOG_ERROR,
		      "reload failed, the old files stay in force")) {
		log_text(&l, "why", buf_span(&error));
		log_end(s->log, &l);
	}
}

static bool has_stopped(struct server *s)
{
	if (!s->service.stopping)
		return false;
	if (s->service.now.ms >= s->stop_at_ms)
		return true;
	for (uint64_t left = s->slots.used; left;)
		if (slots_take(&s->slots, &left)->conn.state != CONN_LINGER)
			return false;
	return deliver_is_done(s->deliver);
}

static void tell_time(struct server *s)
{
	s->service.now.ms = os_monotonic_ms();
	s->service.now.s = os_unix_s();
}

/* In ms, or -1 for as long as it takes; not at all if sinks have taken more
 * since the connections were asked, for those may wait for just that. */
static int64_t time_to_wait(struct server *s, int64_t accept_at_ms)
{
	int64_t deadline = next_deadline(s, accept_at_ms);
	if (s->pages.freed || s->slots.yielded ||
	    (s->reload && keyring_has_room(&s->keyring)) ||
	    s->deliver->progress != s->service.progress)
		return 0;
	if (deadline == INT64_MAX)
		return -1;
	return deadline > s->service.now.ms ? deadline - s->service.now.ms : 0;
}

static void turn(struct server *s)
{
	int64_t accept_at_ms = slots_accept_at(s);
	unsigned n = ask(s, accept_at_ms);
	uint64_t ready =
	    ready_slots(s, os_poll(s->poll, n, time_to_wait(s, accept_at_ms)));
	s->pages.freed = s->pages.listed = s->slots.yielded = false;
	tell_time(s);
	slots_begin_turn(s, ready);
	unsigned signals = os_take_signals();
	if (signals & OS_SIGNAL_RELOAD) {
		s->reload = true;
		deliver_reopen(s->deliver, s->service.now);
	}
	if (s->reload)
		reload(s);
	if (signals & OS_SIGNAL_STOP)
		begin_stop(s);
	else
		handle_ready(s, ready);
	/* one sync for all that came in this turn, before anyone hears of it */
	persist_sync(s->persist, s->service.now.ms);
	deliver_pump(s->deliver, s->service.now);
	s->service.progress = s->deliver->progress;
	for (uint64_t left = s->slots.awake & s->slots.used; left;)
		slot_turn(s, slots_take(&s->slots, &left));
	if (!s->service.stopping)
		deadman_turn(&s->deadman, s->service.now);
	persist_note_alarm(s->persist, s->deadman.fired_s);
	refusals_tell(&s->refusals, s->log, s->service.now.ms);
	/* requests that waited for room may have found it */
	persist_sync(s->persist, s->service.now.ms);
	deliver_pump(s->deliver, s->service.now);
	greet(s, ready);
	/* last, so that a flood of new ones evicts no one that was heard */
	if (!s->service.stopping)
		take_new_ones(s);
}

void server_begin(struct server *s)
{
	struct log_line l;
	tell_time(s);
	for (unsigned i = 0; i < s->listeners; i++)
		log_listening(s, &s->listener[i]);
	s->slots.rest_until_ms = INT64_MAX;
	supervisor_tell(&s->supervisor, "READY=1");
	if (s->config->deadman_ms && !deadman_is_heard(&s->deadman) &&
	    log_begin(s->log, &l, LOG_WARN,
		      "no sink takes the dead man's alert"))
		log_end(s->log, &l);
	deadman_start(&s->deadman, persist_alarm(s->persist), s->service.now);
	/* no event will tell of what an earlier process left */
	deliver_pump(s->deliver, s->service.now);
}

void server_run(struct server *s)
{
	while (!has_stopped(s)) {
		supervisor_turn(&s->supervisor, s->service.now.ms);
		turn(s);
	}
	for (uint64_t left = s->slots.used; left;)
		slot_close(s, slots_take(&s->slots, &left));
	deliver_look(s->deliver, s->service.now.ms);
	/* also where it has just failed */
	persist_sync(s->persist, s->service.now.ms + PERSIST_RETRY_MS);
	deliver_close(s->deliver);
	refusals_tell(&s->refusals, s->log, INT64_MAX);
	log_event(s, "stopped");
}
