/* start.c - see start.h. */
#include "main/start.h"

#include "version.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Joins what takes alerts in, with names that nobody can foresee. */
static bool join_intake(struct program *p)
{
	struct log_line l;
	p->log.level = p->config.log_level;
	firing_init(&p->firing);
	p->intake.spool = &p->spool;
	p->intake.config = &p->config;
	p->intake.firing = &p->firing;
	p->intake.counters = &p->counters;
	int error =
	    os_random_at_once(&p->intake.hash_key, sizeof p->intake.hash_key);
	if (error && log_begin(&p->log, &l, LOG_ERROR, "no random numbers")) {
		log_error(&l, error);
		log_end(&p->log, &l);
	}
	return error == 0;
}

/* What requests share. */
static struct service service_of(struct program *p, struct deadman *d)
{
	*d = (struct deadman){.config = &p->config, .intake = &p->intake};
	return (struct service){
	    .config = &p->config,
	    .auth = &keyring_now(&p->server.keyring)->auth,
	    .intake = &p->intake,
	    .counters = &p->counters,
	    .memory = &p->memory,
	    .deadman = d,
	};
}

static void join_server(struct program *p)
{
	struct server *s = &p->server;
	s->config = &p->config;
	s->log = &p->log;
	s->deliver = &p->deliver;
	s->persist = &p->persist;
	s->counters = &p->counters;
	s->service = service_of(p, &s->deadman);
}

static bool open_sinks(struct program *p)
{
	const char *no_color = getenv("NO_COLOR");
	struct moment now = {os_monotonic_ms(), os_unix_s()};
	bool opened =
	    deliver_open(&p->deliver, &p->config, &p->spool, p->intake.overflow,
			 &p->counters, &p->log, &p->batch,
			 no_color == NULL || *no_color == '\0', now);
	if (opened && p->persist.on)
		persist_tell_left(&p->persist, deliver_count_left(&p->deliver));
	return opened;
}

static bool open_spool(struct program *p)
{
	struct spool *memory = p->config.spool.p ? &p->overflow : &p->spool;
	spool_init(memory, p->ring, sizeof p->ring, p->config.sinks);
	if (memory == &p->spool)
		return true;
	p->intake.overflow = memory;
	return persist_open(&p->persist, &p->config, &p->spool, &p->intake,
			    &p->log);
}

/* Keys of TLS sessions are worth waiting for: here, not in the first handshake,
 * which would hold up everything else. */
static void wait_for_random(struct program *p)
{
	char byte;
	struct log_line l;
	if (p->config.tls_cert.p == NULL || os_random_ready())
		return;
	if (log_begin(&p->log, &l, LOG_WARN,
		      "waiting for the kernel's random numbers"))
		log_end(&p->log, &l);
	os_random(&byte, 1);
}

static void tell_of_clock(struct program *p)
{
	struct log_line l;
	if (p->config.tls_client_ca.p && os_unix_s() < BELLWIRE_BUILD_S &&
	    log_begin(&p->log, &l, LOG_WARN,
		      "the clock is behind this program's own date: until it "
		      "is set, no client certificate is too new"))
		log_end(&p->log, &l);
}

static int load_secrets(struct program *p)
{
	char bytes[LIMIT_PLACE * 2];
	struct buf error = buf_of(bytes, sizeof bytes);
	if (secrets_load(keyring_now(&p->server.keyring), &p->config, &p->log,
			 &error))
		return EXIT_FINE;
	return program_fail(EXIT_USAGE, buf_span(&error));
}

static int find_user(struct program *p)
{
	if (p->config.user.p == NULL || privilege_find(p->config.user, &p->ids))
		return EXIT_FINE;
	return program_fail(EXIT_USAGE,
			    SPAN("--user: no such user; expected NAME, UID "
				 "or UID:GID"));
}

/* Gives up rights, once everything is open. */
static int drop(const struct program *p)
{
	char root[LIMIT_PATH] = "";
	const struct config *c = &p->config;
	if (c->root.n)
		memcpy(root, c->root.p, c->root.n);
	int error =
	    privilege_drop(c->root.p ? root : NULL, c->user.p ? &p->ids : NULL);
	privilege_hide();
	if (error == 0)
		return EXIT_FINE;
	char bytes[LIMIT_PLACE];
	struct buf why = buf_of(bytes, sizeof bytes);
	buf_str(&why, "--user, --chroot: ");
	buf_str(&why, os_error(error));
	return program_fail(EXIT_FAILED, buf_span(&why));
}

size_t start_list_needs(const struct config *c, struct need need[START_NEEDS])
{
	const struct span read[] = {c->tls_cert,      c->tls_key,
				    c->tls_client_ca, c->token_file,
				    c->basic_file,    c->hmac_file};
	size_t n = 0;
	for (size_t i = 0; i < sizeof read / sizeof read[0]; i++)
		if (read[i].p)
			need[n++] = (struct need){read[i], SANDBOX_READ};
	for (unsigned i = 0; i < c->sinks; i++) {
		const struct place *p = &c->sink[i].place;
		if (p->kind != PLACE_STDOUT)
			need[n++] = (struct need){span_of(p->path),
						  p->kind == PLACE_FIFO
						      ? SANDBOX_FIFO
						      : SANDBOX_SERIAL};
	}
	if (c->spool.p)
		need[n++] = (struct need){c->spool, SANDBOX_FILE};
	for (unsigned i = 0; i < c->listens; i++)
		if (c->listen[i].family == ADDRESS_UNIX)
			need[n++] = (struct need){span_of(c->listen[i].path),
						  SANDBOX_REMOVE};
	if (c->has_health && c->health.family == ADDRESS_UNIX)
		need[n++] =
		    (struct need){span_of(c->health.path), SANDBOX_REMOVE};
	ASSERT(n <= START_NEEDS);
	return n;
}

/* Leaves those files usable, and nothing else. */
static int confine(struct program *p)
{
	struct need need[START_NEEDS];
	struct sandbox s;
	struct log_line l;
	if (p->config.sandbox == CONFIG_SANDBOX_OFF)
		return EXIT_FINE;
	sandbox_prepare(&s);
	size_t n = start_list_needs(&p->config, need);
	for (size_t i = 0; i < n; i++)
		sandbox_allow(&s, need[i].path, need[i].use);
	sandbox_enter(&s);
	bool whole = s.landlock && s.seccomp;
	if (!whole && p->config.sandbox == CONFIG_SANDBOX_REQUIRE)
		return program_fail(
		    EXIT_FAILED, s.seccomp
				     ? SPAN("--sandbox: the kernel has no "
					    "Landlock; expected auto or off")
				     : SPAN("--sandbox: the kernel has no "
					    "seccomp; expected auto or off"));
	if (log_begin(&p->log, &l, whole ? LOG_INFO : LOG_WARN,
		      whole ? "sandboxed"
			    : "the kernel has not all of the "
			      "sandbox")) {
		log_number(&l, "landlock_abi", s.landlock);
		log_number(&l, "seccomp", s.seccomp);
		log_end(&p->log, &l);
	}
	return EXIT_FINE;
}

int start_look_up(struct program *p)
{
	int code = load_secrets(p);
	return code == EXIT_FINE ? find_user(p) : code;
}

int start_server(struct program *p)
{
	if (!join_intake(p))
		return EXIT_FAILED;
	join_server(p);
	os_catch_signals();
	int code = start_look_up(p);
	if (code != EXIT_FINE)
		return code;
	wait_for_random(p);
	tell_of_clock(p);
	if (!open_spool(p) || !open_sinks(p) || !server_open(&p->server))
		return EXIT_FAILED;
	code = drop(p);
	return code == EXIT_FINE ? confine(p) : code;
}

bool start_offline(struct program *p)
{
	struct offline *o = &p->offline;
	if (!join_intake(p) || !open_spool(p) || !open_sinks(p))
		return false;
	o->deliver = &p->deliver;
	o->conn = &p->server.slots.slot[0].conn; /* nobody else's */
	o->service = service_of(p, &o->deadman);
	return true;
}
