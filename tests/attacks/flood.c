/*
 * flood - sends the same bytes over and over, on many connections.
 *
 *	flood [OPTION...] PORT FIRST LOOP
 *	  -c N     so many connections, opened anew when they end
 *	  -t       after a TLS 1.2 handshake: FIRST and LOOP are plain records
 *	           of any type, and are sealed one by one
 *	  -1       LOOP is sent once, then the connection is closed
 *	  -w WHAT  but not before an answer's first `byte`, or the `end`
 *	  -r       closed with a reset
 *	  -q       answers are not read
 *	  -p N     LOOP goes in segments of at most N bytes
 *	  -m MS    and one of them each MS
 *	  -a N     from so many addresses, 127.0.0.1 and those after it
 *
 * FIRST and LOOP are files. Says "ready" when each connection was opened; when
 * its input ends, one line of JSON says what there was. Bytes are those given
 * to TCP, and 60 for each connection: its first packet.
 */
#include "../bench/client.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONNECTIONS = 64,
	KEY = 16, /* AES-128-GCM, RFC 5288 */
	SALT = 4,
	NONCE = 8,
	TAG = 16,
	RECORD = 5,
	SEALED = 65536,
	OPENING = 60,
	CONNECT_MS = 10, /* a full queue loses SYNs, and has room soon */
};

enum state { SHUT, CONNECTING, GREETING, SENDING, WAITING };

struct peer {
	enum state state;
	int fd;
	SSL *tls;
	EVP_CIPHER_CTX *seal;
	unsigned char salt[SALT];
	uint64_t sequence;
	int first; /* FIRST is sent */
	size_t at; /* in FIRST or LOOP */
	unsigned char sealed[SEALED];
	size_t sealed_n, sealed_at;
	int64_t next_ms; /* SENDING: the next piece; CONNECTING: gives up */
};

static struct peer peers[CONNECTIONS];
static struct pollfd polled[CONNECTIONS + 1];
static size_t count = 1, piece = SIZE_MAX, addresses = 1;
static int port, use_tls, once, resets, quiet, wait_byte, wait_end;
static int64_t pause_ms;
static struct text first, loop;
static SSL_CTX *context;
static unsigned long long bytes, opened, ended, heard;

static int64_t now_ms(void)
{
	return (int64_t)(now_ns() / 1000000);
}

static void shut(struct peer *p)
{
	if (p->tls)
		SSL_free(p->tls);
	p->tls = NULL;
	if (resets)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER,
			   &(struct linger){.l_onoff = 1},
			   sizeof(struct linger));
	close(p->fd);
	p->state = SHUT;
}

static void open_peer(struct peer *p)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int one = 1, least = 4096;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		fail("socket");
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (quiet)
		setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
	if (addresses > 1) {
		setsockopt(p->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
			   sizeof(one));
		at.sin_addr.s_addr =
		    htonl(INADDR_LOOPBACK + (uint32_t)(opened % addresses));
		if (bind(p->fd, (struct sockaddr *)&at, sizeof(at)))
			fail("bind");
	}
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.sin_port = htons((uint16_t)port);
	if (connect(p->fd, (struct sockaddr *)&at, sizeof(at)) &&
	    errno != EINPROGRESS) {
		close(p->fd); /* out of ports: some will be free again */
		return;
	}
	p->state = CONNECTING;
	p->next_ms = now_ms() + CONNECT_MS;
	p->first = 0;
	p->at = p->sealed_n = p->sealed_at = 0;
	opened++;
	bytes += OPENING;
}

/* RFC 5246 6.3: of the key block, what a client seals with. */
static void take_keys(struct peer *p)
{
	unsigned char secret[48], seed[64], block[2 * KEY + SALT];
	SSL_SESSION_get_master_key(SSL_get_session(p->tls), secret,
				   sizeof(secret));
	SSL_get_server_random(p->tls, seed, 32);
	SSL_get_client_random(p->tls, seed + 32, 32);
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	static char label[] = "key expansion";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
					     (char[]){"SHA256"}, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret,
					      sizeof(secret)),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label,
					      sizeof(label) - 1),
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed,
					      sizeof(seed)),
	    OSSL_PARAM_construct_end(),
	};
	if (EVP_KDF_derive(c, block, sizeof(block), params) != 1)
		fail("keys");
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
	memcpy(p->salt, block + (size_t)2 * KEY, SALT);
	if (!p->seal)
		p->seal = EVP_CIPHER_CTX_new();
	EVP_EncryptInit_ex(p->seal, EVP_aes_128_gcm(), NULL, block, NULL);
	p->sequence = 1; /* 0 was Finished */
}

static void put64(unsigned char *to, uint64_t x)
{
	for (int i = 0; i < 8; i++)
		to[i] = (unsigned char)(x >> (56 - 8 * i));
}

/* RFC 5288 3. Returns the length of what went to `out`. */
static size_t seal(struct peer *p, const unsigned char *record,
		   unsigned char *out)
{
	size_t n = (size_t)record[3] << 8 | record[4];
	size_t whole = NONCE + n + TAG;
	unsigned char nonce[SALT + NONCE], more[13];
	int done;
	memcpy(nonce, p->salt, SALT);
	put64(nonce + SALT, p->sequence);
	put64(more, p->sequence++);
	memcpy(more + 8, record, RECORD);
	memcpy(out, record, 3);
	out[3] = (unsigned char)(whole >> 8);
	out[4] = (unsigned char)whole;
	memcpy(out + RECORD, nonce + SALT, NONCE);
	EVP_EncryptInit_ex(p->seal, NULL, NULL, NULL, nonce);
	EVP_EncryptUpdate(p->seal, NULL, &done, more, sizeof(more));
	unsigned char *at = out + RECORD + NONCE;
	EVP_EncryptUpdate(p->seal, at, &done, record + RECORD, (int)n);
	EVP_EncryptFinal_ex(p->seal, at + n, &done);
	EVP_CIPHER_CTX_ctrl(p->seal, EVP_CTRL_AEAD_GET_TAG, TAG, at + n);
	return RECORD + whole;
}

/* The text that the peer is at; none if all is sent that is to be. */
static struct text *now_at(struct peer *p)
{
	if (!p->first && p->at == first.n) {
		p->first = 1;
		p->at = 0;
	}
	if (!p->first)
		return &first;
	if (p->at == loop.n && !once)
		p->at = 0;
	return p->at == loop.n ? NULL : &loop;
}

static void seal_more(struct peer *p)
{
	struct text *t;
	p->sealed_n = p->sealed_at = 0;
	while ((t = now_at(p))) {
		const unsigned char *record =
		    (const unsigned char *)t->p + p->at;
		size_t n = (size_t)record[3] << 8 | record[4];
		if (p->sealed_n + RECORD + NONCE + n + TAG > SEALED)
			return;
		p->sealed_n += seal(p, record, p->sealed + p->sealed_n);
		p->at += RECORD + n;
	}
}

/* What is to be sent next. */
static struct text next_bytes(struct peer *p)
{
	if (use_tls) {
		if (p->sealed_at == p->sealed_n)
			seal_more(p);
		return (struct text){(char *)p->sealed + p->sealed_at,
				     p->sealed_n - p->sealed_at};
	}
	struct text *t = now_at(p);
	return t ? (struct text){t->p + p->at, t->n - p->at}
		 : (struct text){NULL, 0};
}

static void all_sent(struct peer *p)
{
	p->state = WAITING;
	if (!wait_byte && !wait_end)
		shut(p);
}

static void send_more(struct peer *p)
{
	enum { AT_ONCE = 64 }; /* so that the others have their turn */
	for (int i = 0; i < AT_ONCE; i++) {
		struct text t = next_bytes(p);
		if (t.n == 0) {
			all_sent(p);
			return;
		}
		size_t most = p->first ? piece : SIZE_MAX;
		ssize_t n =
		    send(p->fd, t.p, t.n < most ? t.n : most, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			ended++;
			shut(p);
			return;
		}
		bytes += (size_t)n;
		if (use_tls)
			p->sealed_at += (size_t)n;
		else
			p->at += (size_t)n;
		if (pause_ms && p->first) {
			p->next_ms = now_ms() + pause_ms;
			return;
		}
	}
}

static void greet(struct peer *p)
{
	int r = SSL_do_handshake(p->tls);
	if (r != 1) {
		int why = SSL_get_error(p->tls, r);
		if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
			return;
		ended++;
		shut(p);
		return;
	}
	bytes += BIO_number_written(SSL_get_wbio(p->tls));
	take_keys(p);
	p->state = SENDING;
}

static void connected(struct peer *p)
{
	p->state = SENDING;
	p->next_ms = 0;
	if (!use_tls)
		return;
	p->state = GREETING;
	p->tls = SSL_new(context);
	SSL_set_fd(p->tls, p->fd);
	SSL_set_connect_state(p->tls);
}

static void hear(struct peer *p)
{
	static char away[1 << 18];
	ssize_t n = recv(p->fd, away, sizeof(away), 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0)
		heard += (size_t)n;
	ended += n <= 0;
	if (n <= 0 || (p->state == WAITING && wait_byte))
		shut(p);
}

static void step(struct peer *p, int events)
{
	if (p->state == CONNECTING && events)
		connected(p);
	if (p->state == GREETING && events)
		greet(p);
	if ((p->state == SENDING || p->state == WAITING) &&
	    events & (POLLIN | POLLERR | POLLHUP))
		hear(p);
	if (p->state == SENDING && events & POLLOUT)
		send_more(p);
}

static int64_t fill(int64_t now)
{
	int64_t wait = 1000;
	for (size_t i = 0; i < count; i++) {
		struct peer *p = &peers[i];
		if (p->state == CONNECTING && p->next_ms <= now)
			shut(p);
		if (p->state == SHUT)
			open_peer(p);
		int sends = p->state == CONNECTING || p->state == SENDING;
		if (sends && p->next_ms > now) {
			sends = p->state == CONNECTING;
			if (p->next_ms - now < wait)
				wait = p->next_ms - now;
		}
		polled[i].fd = p->state == SHUT ? -1 : p->fd;
		polled[i].events =
		    (short)((sends ? POLLOUT : 0) |
			    (quiet && p->state == SENDING ? 0 : POLLIN));
		if (p->state == SHUT)
			wait = 1;
	}
	return wait;
}

static int run(void)
{
	int told = 0;
	polled[count] = (struct pollfd){.fd = 0, .events = POLLIN};
	while (!(polled[count].revents & (POLLIN | POLLHUP))) {
		int64_t now = now_ms();
		int64_t wait = fill(now);
		if (poll(polled, count + 1, (int)wait) < 0)
			fail("poll");
		for (size_t i = 0; i < count; i++)
			if (polled[i].fd >= 0)
				step(&peers[i], polled[i].revents);
		if (!told && opened >= count) {
			told = 1;
			puts("ready");
			fflush(stdout);
		}
	}
	printf("{\"bytes\":%llu,\"opened\":%llu,\"ended\":%llu,"
	       "\"heard\":%llu}\n",
	       bytes, opened, ended, heard);
	return 0;
}

static int usage(void)
{
	fputs("flood [-c N] [-t1rq] [-w byte|end] [-p N] [-m MS] [-a N] "
	      "PORT FIRST LOOP\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	int option;
	while ((option = getopt(argc, argv, "c:t1w:rqp:m:a:")) != -1)
		switch (option) {
		case 'c':
			count = strtoul(optarg, NULL, 10);
			break;
		case 't':
			use_tls = 1;
			break;
		case '1':
			once = 1;
			break;
		case 'w':
			wait_byte = !strcmp(optarg, "byte");
			wait_end = !wait_byte;
			break;
		case 'r':
			resets = 1;
			break;
		case 'q':
			quiet = 1;
			break;
		case 'p':
			piece = strtoul(optarg, NULL, 10);
			break;
		case 'm':
			pause_ms = strtol(optarg, NULL, 10);
			break;
		case 'a':
			addresses = strtoul(optarg, NULL, 10);
			break;
		default:
			return usage();
		}
	if (argc - optind != 3 || count < 1 || count > CONNECTIONS)
		return usage();
	port = atoi(argv[optind]);
	first = read_file(argv[optind + 1]);
	loop = read_file(argv[optind + 2]);
	if (loop.n == 0)
		once = 1;
	if (use_tls) {
		context = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
		SSL_CTX_set_cipher_list(context,
					"ECDHE-ECDSA-AES128-GCM-SHA256:"
					"ECDHE-RSA-AES128-GCM-SHA256");
	}
	signal(SIGPIPE, SIG_IGN);
	return run();
}
