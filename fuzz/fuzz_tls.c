/* fuzz_tls.c - two TLS connections in the slots of a server: what comes in
 * which pieces and records, what the peers take, and the clock.
 *
 * Each connection has a client in here, BearSSL's: it can go on with its
 * handshake, seal records of any type, or leave it and send what it likes. All
 * that is random is constant, so an input does the same each time.
 *
 * From outside, where the slots read and write, the work is counted as limits.h
 * has it: each turn pays for a share of it, and what is owed may not exceed
 * what cannot be interrupted. After each turn no deadline lies behind. In the
 * end peers say nothing more, and both connections are gone by theirs.
 *
 * The first byte: 1: client certificates are asked for; 2: and shown. Then
 * operations: a byte with the connection (8) and what to do (0 to 7, see
 * enum op), and one with how much, or more of it. */
#include "server/server.h"
#include "tls/types.h"

#include "forget.h"
#include "poison.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PEERS = 2, WIRE = 1 << 20, OPERATIONS = 200 };

enum op {
	OP_RAW,  /* n bytes of the input go as they are */
	OP_GO,   /* the client hears and answers; n: answers' bytes cut off */
	OP_SAY,  /* n bytes of the input, as a client's request */
	OP_SEAL, /* and the low bits' type, over and over */
	OP_MORE, /* the last bytes that went, n times 16 more */
	OP_TURN, /* n turns */
	OP_WAIT, /* n times 100 ms go by */
	OP_WIRE, /* how much the wire has at once; the end of it; a reset */
};

/* A certificate that is its own CA, and may be anybody's. */
static const char cert_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBTTCB9KADAgECAhQ2wKPotI3b48OIpStOsVz25237NjAKBggqhkjOPQQDAjAM\n"
    "MQowCAYDVQQDDAFhMCAXDTI2MTEyOTA3MDUyMFoYDzIwODEwOTAxMDcwNTIwWjAM\n"
    "MQowCAYDVQQDDAFhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYMd6QNSJ5cXk\n"
    "5stFFVrrJxOIF1gT3mG05UNZY3bxQgSSbvVtdnsLNtFO+qIkUd65CnIZrf/b2z31\n"
    "2V2CMy7SIqMyMDAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUIckVo2lNue1s\n"
    "ce6s+DbA82TcO+kwCgYIKoZIzj0EAwIDSAAwRQIgMLHxDagO6YgexaYVMpmsg0+n\n"
    "JfWEGDDvh/1lE7hEPvICIQCzowzQQ0b6zI0Lts9qtQwe345MSgcTuRO6gWMiDKwZ\n"
    "FA==\n"
    "-----END CERTIFICATE-----\n";
static const char key_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmu9B3EVjaYl0hcRL\n"
    "6pV6DnoVDl7MApG/jKfnLBAdsh2hRANCAARgx3pA1InlxeTmy0UVWusnE4gXWBPe\n"
    "YbTlQ1ljdvFCBJJu9W12ews20U76oiRR3rkKchmt/9vbPfXZXYIzLtIi\n"
    "-----END PRIVATE KEY-----\n";

static struct server server;
static struct config config = {.path = SPAN_INIT("/webhook"),
			       .ack_timeout_ms = 8000,
			       .max_body = 100000,
			       .sinks = 1};
static struct intake intake;
static struct counters counters;
static struct receive_memory memory;
static struct spool spool;
static char ring[(2 * SPOOL_RECORD_MAX + 7) / 8 * 8];

struct peer {
	br_ssl_client_context client;
	br_x509_minimal_context minimal; /* of no use here */
	br_x509_knownkey_context known;
	unsigned char in[BR_SSL_BUFSIZE_INPUT], out[BR_SSL_BUFSIZE_OUTPUT];
	unsigned char to[WIRE];   /* the server: sent and not read yet */
	size_t begin, end, last;  /* the last operation's begin there */
	unsigned char from[WIRE]; /* the server */
	size_t said, heard;
	size_t at_once; /* bytes that the wire brings and takes in a turn */
	size_t brings, takes; /* of these, still in this one */
	bool ended, reset, gone;
	int64_t opened_ms;
	uint64_t owed; /* work seen from outside that no turn has paid for */
} peer[PEERS];
static unsigned to_accept;

/* --- the world of the slots ----------------------------------------------- */

static bool is_used(unsigned i)
{
	return server.slots.used >> i & 1;
}

static struct slot *slot_with(int fd)
{
	for (unsigned i = 0; i < server.slots.n; i++)
		if (is_used(i) && server.slots.slot[i].transport.fd == fd)
			return &server.slots.slot[i];
	return NULL;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void count(int fd, uint64_t bytes, bool heard, bool record)
{
	const struct slot *k = slot_with(fd);
	ASSERT(k);
	uint64_t cost =
	    heard && !k->transport.greeted ? WORK_GREETING : WORK_SEALED;
	/* what is thrown away after a failure has a limit of its own */
	if (!k->transport.failed)
		peer[fd].owed += (record ? WORK_RECORD : 0) + cost * bytes;
}

long os_read(int fd, void *p, size_t n)
{
	struct peer *c = &peer[fd];
	if (c->reset)
		return -ECONNRESET;
	if (c->begin == c->end)
		return c->ended ? OS_END : OS_AGAIN;
	size_t got = least(least(n, c->end - c->begin), c->brings);
	if (got)
		memcpy(p, c->to + c->begin, got);
	c->begin += got;
	c->brings -= got;
	count(fd, got, true, n == 5);
	return (long)got;
}

long os_write(int fd, const void *p, size_t n)
{
	struct peer *c = &peer[fd];
	if (c->reset)
		return -EPIPE;
	size_t put = least(least(n, sizeof c->from - c->said), c->takes);
	if (put)
		memcpy(c->from + c->said, p, put);
	c->said += put;
	c->takes -= put;
	count(fd, put, false, put != 0);
	return (long)put;
}

int os_random(void *p, size_t n)
{
	memset(p, 0x5a, n);
	return 0;
}

int net_accept(int listener, struct address *from)
{
	(void)listener;
	*from = (struct address){.family = ADDRESS_INET};
	return to_accept < PEERS ? (int)to_accept++ : -EAGAIN;
}

void net_end_output(int fd)
{
	ASSERT(!peer[fd].gone);
}

void os_close(int fd)
{
	ASSERT(!peer[fd].gone);
	peer[fd].gone = true;
}

struct secrets *keyring_now(struct keyring *k)
{
	return &k->set[k->now];
}

unsigned keyring_begin(struct keyring *k)
{
	k->greetings[k->now]++;
	return k->now;
}

void keyring_end(struct keyring *k, unsigned set)
{
	ASSERT(k->greetings[set]--);
}

bool log_begin(const struct log *log, struct log_line *l, enum log_level level,
	       const char *message)
{
	(void)log;
	(void)level;
	(void)message;
	l->text = buf_of(l->bytes, sizeof l->bytes);
	return true;
}

void log_text(struct log_line *l, const char *key, struct span value)
{
	(void)key;
	buf_put(&l->text, value);
}

void log_number(struct log_line *l, const char *key, int64_t value)
{
	(void)l;
	(void)key;
	(void)value;
}

void log_address(struct log_line *l, const char *key, const struct address *a)
{
	(void)l;
	(void)key;
	(void)a;
}

void log_end(struct log *log, struct log_line *l)
{
	(void)log;
	(void)l;
}

void refusals_note(struct refusals *r, struct log *log,
		   const struct refusal *what, int64_t now_ms)
{
	(void)r;
	(void)log;
	(void)now_ms;
	/* each has words */
	if (what->of == REFUSAL_HANDSHAKE || what->of == REFUSAL_TLS)
		ASSERT(*tls_error_text(what->cause));
}

bool pages_answer(struct server *s, struct conn *c)
{
	memset(s->pages.metrics, 'p', sizeof s->pages.metrics);
	s->pages.shown = c->slot;
	conn_answer_page(
	    c, &s->service, STATUS_OK,
	    (struct span){s->pages.metrics, sizeof s->pages.metrics},
	    "text/plain");
	return true;
}

bool pages_lists(const struct conn *c)
{
	(void)c;
	return false;
}

bool pages_stand(const struct server *s, const struct conn *c)
{
	return !conn_holds_page(c) || s->pages.shown == c->slot;
}

void pages_restore(struct server *s, struct conn *c)
{
	if (pages_stand(s, c) || c->credit <= 0)
		return;
	s->pages.shown = c->slot;
	conn_spend(c, sizeof s->pages.metrics);
}

/* --- a turn of the server ------------------------------------------------- */

/* What poll(2) would say: 1 to read, 2 to write, 4 gone. */
static unsigned ready(struct slot *k)
{
	const struct peer *c = &peer[k->transport.fd];
	bool full = transport_is_full(&k->transport);
	unsigned events = 0;
	size_t room;
	conn_room(&k->conn, &room);
	if (c->reset)
		return room ? 1 : 4;
	if (room && !(full && !k->greeting) &&
	    (c->ended || (c->begin != c->end && c->brings)))
		events |= 1;
	if ((conn_output(&k->conn).n || full) && c->takes &&
	    c->said < sizeof c->from)
		events |= 2;
	return events;
}

/* See handle_slot() and greet() in server.c. */
static void handle(struct slot *k, unsigned events)
{
	if (events & 1)
		slot_read(&server, k);
	else if (events & 2)
		slot_write(&server, k);
	else if (events & 4)
		slot_close(&server, k);
}

/* Sinks that take all at once. */
static void run_sinks(void)
{
	server.service.progress += spool.cursor[0] != spool.head;
	spool.cursor[0] = spool.keep[0] = spool.head;
}

/* A turn begins with a share, and a step with what is left of it; it hears a
 * sealed record that has begun within, or as much of a handshake as makes a
 * share, and sends an answer. */
static void check_work(const struct peer *c)
{
	uint64_t share = LIMIT_TURN;
	uint64_t heard = WORK_RECORD + WORK_SEALED * BR_SSL_BUFSIZE_INPUT;
	uint64_t bytes = LIMIT_METRICS_PAGE + LIMIT_ANSWER;
	uint64_t sent =
	    WORK_RECORD * (bytes / 512 + 2) + WORK_SEALED * 2 * bytes;
	ASSERT(c->owed <= 2 * share + heard + sent);
}

static void check_slot(struct slot *k)
{
	const struct peer *c = &peer[k->transport.fd];
	int64_t now_ms = server.service.now.ms;
	check_work(c);
	ASSERT(!c->gone);
	ASSERT(k->conn.deadline_ms > now_ms);
	ASSERT(server.slots.awake >> k->conn.slot & 1 ||
	       k->conn.deadline_ms >= server.slots.rest_until_ms);
	ASSERT(!k->greeting || now_ms - c->opened_ms < LIMIT_TLS_GREETING_MS);
	ASSERT(!k->greeting || !(k->transport.greeted || k->transport.failed));
}

static void turn(void)
{
	struct slots *slots = &server.slots;
	unsigned events[PEERS] = {0};
	uint64_t set = 0;
	for (unsigned i = 0; i < PEERS; i++)
		peer[i].brings = peer[i].takes = peer[i].at_once;
	/* see ask() in server.c */
	slots->awake &= slots->used;
	for (unsigned i = 0; i < PEERS; i++)
		if (slots->awake >> i & 1)
			slot_rests(&server, &slots->slot[i]);
	for (unsigned i = 0; i < PEERS; i++) {
		events[i] = is_used(i) ? ready(&slots->slot[i]) : 0;
		set |= events[i] ? slots_only(i) : 0;
	}
	slots->yielded = false;
	slots_begin_turn(&server, set);
	for (unsigned i = 0; i < PEERS; i++)
		peer[i].owed -= least(peer[i].owed, LIMIT_TURN);
	for (unsigned i = 0; i < PEERS; i++)
		if (events[i] && !slots->slot[i].greeting)
			handle(&slots->slot[i], events[i]);
	run_sinks();
	for (uint64_t left = slots->awake & slots->used; left;)
		slot_turn(&server, slots_take(slots, &left));
	run_sinks();
	for (unsigned i = 0; i < PEERS; i++)
		if (events[i] && slots->slot[i].greeting)
			slot_greet(&server, &slots->slot[i]);
	for (unsigned i = 0; i < PEERS; i++)
		if (is_used(i))
			check_slot(&slots->slot[i]);
}

/* --- what the peers do ---------------------------------------------------- */

static void send_bytes(struct peer *c, const void *p, size_t n)
{
	n = least(n, sizeof c->to - c->end);
	if (n)
		memcpy(c->to + c->end, p, n);
	c->end += n;
}

/* The client has what the server said and says what it has to say. */
static void go(struct peer *c, size_t cut)
{
	br_ssl_engine_context *e = &c->client.eng;
	for (;;) {
		unsigned state = br_ssl_engine_current_state(e);
		size_t n;
		unsigned char *p;
		if (state & BR_SSL_SENDREC) {
			p = br_ssl_engine_sendrec_buf(e, &n);
			send_bytes(c, p, n);
			br_ssl_engine_sendrec_ack(e, n);
		} else if (state & BR_SSL_RECVAPP) {
			br_ssl_engine_recvapp_buf(e, &n);
			br_ssl_engine_recvapp_ack(e, n);
		} else if (state & BR_SSL_RECVREC && c->heard < c->said) {
			p = br_ssl_engine_recvrec_buf(e, &n);
			n = least(n, c->said - c->heard);
			memcpy(p, c->from + c->heard, n);
			c->heard += n;
			br_ssl_engine_recvrec_ack(e, n);
		} else {
			break;
		}
	}
	c->end -= least(cut, c->end - c->last);
	if (c->heard == c->said)
		c->heard = c->said = 0;
}

static void say(struct peer *c, const uint8_t *p, size_t n)
{
	br_ssl_engine_context *e = &c->client.eng;
	size_t room;
	if (!(br_ssl_engine_current_state(e) & BR_SSL_SENDAPP))
		return;
	unsigned char *to = br_ssl_engine_sendapp_buf(e, &room);
	n = least(n, room);
	if (n == 0)
		return;
	memcpy(to, p, n);
	br_ssl_engine_sendapp_ack(e, n);
	br_ssl_engine_flush(e, 0);
	go(c, 0);
}

/* Records of any type, in the place of the client's own, with its keys. */
static void seal(struct peer *c, const uint8_t *p, size_t n, unsigned how)
{
	br_ssl_engine_context *e = &c->client.eng;
	unsigned times = how & 0xfc ? (how & 0xfc) * 4 : 1;
	if (br_ssl_engine_current_state(e) & BR_SSL_SENDREC)
		return;
	while (times--) {
		unsigned char record[1024];
		size_t length = n;
		memcpy(record + 64, p, n);
		unsigned char *out =
		    e->out.vtable->encrypt(&e->out.vtable, 20 + (int)(how & 3),
					   BR_TLS12, record + 64, &length);
		send_bytes(c, out, length);
	}
}

static void repeat(struct peer *c, size_t n)
{
	size_t length = c->end - c->last;
	for (size_t i = 0; i < 16 * n; i++)
		send_bytes(c, c->to + c->last, length);
}

/* Of what was read, only the last bytes that went stay. */
static void make_room(struct peer *c)
{
	size_t n = c->end - c->last;
	if (c->begin != c->end)
		return;
	memmove(c->to, c->to + c->last, n);
	c->begin = c->end = n;
	c->last = 0;
}

/* Takes one operation off the front. */
static void operate(struct span *in)
{
	unsigned what = byte_of(in->p[0]), n = byte_of(in->p[1]);
	struct peer *c = &peer[what >> 3 & 1];
	enum op op = what & 7;
	*in = span_skip(*in, 2);
	size_t bytes = least(op == OP_SEAL ? what >> 4 : n, in->n);
	const uint8_t *p = (const uint8_t *)in->p;
	make_room(c);
	if (op != OP_MORE)
		c->last = c->end;
	switch (op) {
	case OP_RAW:
		send_bytes(c, p, bytes);
		break;
	case OP_GO:
		go(c, n);
		break;
	case OP_SAY:
		say(c, p, bytes);
		break;
	case OP_SEAL:
		seal(c, p, bytes, n);
		break;
	case OP_MORE:
		repeat(c, n);
		break;
	case OP_TURN:
		while (n--)
			turn();
		break;
	case OP_WAIT:
		server.service.now.ms += n * 100;
		turn();
		break;
	case OP_WIRE:
		c->at_once = n & 0x20 ? 0 : (size_t)1 << (n & 15);
		c->ended = c->ended || n & 0x40;
		c->reset = c->reset || (n & 0xc0) == 0xc0;
		break;
	}
	if (op == OP_RAW || op == OP_SAY || op == OP_SEAL)
		*in = span_skip(*in, bytes);
	if (op != OP_WAIT && op != OP_TURN)
		turn();
}

/* --- beginning and end ---------------------------------------------------- */

static void open_client(struct peer *c, bool shows)
{
	static unsigned char q[BR_EC_KBUF_PUB_MAX_SIZE];
	const struct identity *id =
	    (const struct identity *)(const void *)keyring_now(&server.keyring)
		->tls.memory;
	br_ec_public_key key;
	memset(c, 0, offsetof(struct peer, in));
	br_ec_compute_pub(br_ec_get_default(), &key, q, &id->key.key.ec);
	br_ssl_client_init_full(&c->client, &c->minimal, NULL, 0);
	br_x509_knownkey_init_ec(&c->known, &key, BR_KEYTYPE_SIGN);
	br_ssl_engine_set_x509(&c->client.eng, &c->known.vtable);
	if (shows)
		br_ssl_client_set_single_ec(&c->client, id->chain, id->chain_n,
					    &id->key.key.ec, BR_KEYTYPE_SIGN,
					    BR_KEYTYPE_EC, br_ec_get_default(),
					    br_ecdsa_sign_asn1_get_default());
	br_ssl_engine_set_buffers_bidi(&c->client.eng, c->in, sizeof c->in,
				       c->out, sizeof c->out);
	br_ssl_engine_inject_entropy(&c->client.eng, "constant", 8);
	br_ssl_client_reset(&c->client, NULL, 0);
	c->begin = c->end = c->last = c->said = c->heard = 0;
	c->at_once = c->brings = c->takes = WIRE;
	c->ended = c->reset = c->gone = false;
	c->owed = 0;
	c->opened_ms = server.service.now.ms;
}

/* It points into itself, and so stays where it is. */
static void load(bool asks)
{
	struct tls_identity *id = &server.keyring.set[asks].tls;
	char bytes[3][LIMIT_PLACE];
	struct buf error = buf_of(bytes[0], sizeof bytes[0]);
	struct tls_warnings w = {buf_of(bytes[1], sizeof bytes[1]),
				 buf_of(bytes[2], sizeof bytes[2])};
	struct tls_files files = {.cert = SPAN(cert_pem), .key = SPAN(key_pem)};
	if (asks)
		files.ca = files.cert;
	if (!id->on)
		ASSERT(tls_load(id, &files, server.service.now.s, &error, &w));
	server.keyring.now = asks;
}

static void start(unsigned how)
{
	static const struct listener listener = {.fd = 100};
	spool_init(&spool, ring, sizeof ring, 1);
	intake.spool = &spool;
	intake.config = &config;
	intake.counters = &counters;
	server.config = &config;
	server.counters = &counters;
	server.service = (struct service){.config = &config,
					  .intake = &intake,
					  .auth = &server.keyring.set[0].auth,
					  .counters = &counters,
					  .memory = &memory,
					  .deadman = &server.deadman,
					  .now = {1000, 1800000000}};
	server.deadman.config = &config;
	memset(server.keyring.greetings, 0, sizeof server.keyring.greetings);
	server.slots.n = PEERS;
	load(how & 1);
	POISON(server.slots.slot, sizeof server.slots.slot);
	server.slots.used = server.slots.awake = 0;
	server.slots.rest_until_ms = INT64_MAX;
	for (unsigned i = 0; i < PEERS; i++)
		open_client(&peer[i], how & 2);
	to_accept = 0;
	slot_accept_from(&server, &listener);
}

/* Nobody says anything more. Each deadline may set one more: of a head, an
 * answer, a last look. */
static void wait_for_the_end(void)
{
	for (int step = 0; step < 20; step++)
		for (unsigned i = 0; i < PEERS; i++) {
			const struct slot *k = &server.slots.slot[i];
			/* debts are paid first */
			for (int n = 0; is_used(i) && n < 100; n++)
				if (k->conn.credit <= 0 || !n)
					turn();
			if (!is_used(i))
				continue;
			if (server.service.now.ms < k->conn.deadline_ms)
				server.service.now.ms = k->conn.deadline_ms;
			turn();
		}
	for (unsigned i = 0; i < PEERS; i++)
		ASSERT(peer[i].gone && !is_used(i));
	ASSERT(server.keyring.greetings[server.keyring.now] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct span in = {(const char *)data + 1, size - 1};
	start(data[0]);
	for (int i = 0; i < OPERATIONS && in.n >= 2; i++)
		operate(&in);
	wait_for_the_end();
	forget(&intake.recall);
	return 0;
}
