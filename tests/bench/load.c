/*
 * load - a closed loop of HTTP requests: each connection sends the next one
 * when the answer to the last has come.
 *
 *	load [-c CONNECTIONS] [-m MS | -n REQUESTS] [-t] [-1] PORT FILE
 *	  -t  TLS    -1  a new connection for each request
 *
 * FILE holds a whole request, head and body. Where it says @@@@ each
 * connection puts its number, so that no two send the same alerts.
 * Each connection sends one request that does not count; then load says
 * "ready" and waits for a line on its input, measures, prints one line of
 * JSON, and closes when its input ends: who measures the server's CPU time
 * reads it before that line and after the JSON.
 */
#include "client.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 256 };

struct peer {
	int fd;
	SSL *tls;
	char *request;
	size_t sent;
	char answer[8192];
	size_t got, whole; /* whole: the answer's length, 0 if not known yet */
	int closes;
	uint64_t began;
};

static struct peer peers[CONNECTIONS];
static struct pollfd polled[CONNECTIONS];
static size_t count = 1, length, begun, most, done, busy;
static size_t failures, opened;
static uint64_t *times;
static size_t times_room;
static int port, use_tls, once;
static SSL_CTX *context;
static char cipher[128] = "none";

static void read_request(const char *name)
{
	struct text text = read_file(name);
	length = text.n;
	for (size_t i = 0; i < count; i++) {
		char digits[8];
		char *copy = malloc(length + 1);
		if (!copy)
			fail("memory");
		memcpy(copy, text.p, length + 1);
		snprintf(digits, sizeof(digits), "%04zu", i % 10000);
		for (char *at = copy; (at = strstr(at, "@@@@"));)
			memcpy(at, digits, 4);
		peers[i].request = copy;
	}
	free(text.p);
}

/* The loopback answers at once; waiting for it keeps connecting simple. */
static void open_peer(struct peer *p)
{
	struct sockaddr_in to = loopback(port);
	int one = 1;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		fail("socket");
	if (connect(p->fd, (struct sockaddr *)&to, sizeof(to)))
		fail("connect");
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	opened++;
	if (use_tls) {
		p->tls = SSL_new(context);
		SSL_set_fd(p->tls, p->fd);
		if (SSL_connect(p->tls) != 1)
			fail("TLS handshake");
		snprintf(cipher, sizeof(cipher), "%s %s",
			 SSL_get_version(p->tls), SSL_get_cipher(p->tls));
	}
	if (fcntl(p->fd, F_SETFL, O_NONBLOCK))
		fail("fcntl");
}

static void close_peer(struct peer *p)
{
	if (p->tls)
		SSL_free(p->tls);
	p->tls = NULL;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* > 0 bytes, 0 would block, -1 ended or failed. */
static ssize_t judge(struct peer *p, int n)
{
	if (n > 0)
		return n;
	int why = SSL_get_error(p->tls, n);
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0
									 : -1;
}

static ssize_t push(struct peer *p, const char *from, size_t n)
{
	if (p->tls)
		return judge(p, SSL_write(p->tls, from, (int)n));
	ssize_t r = send(p->fd, from, n, MSG_NOSIGNAL);
	return r < 0 && errno == EAGAIN ? 0 : r;
}

static ssize_t pull(struct peer *p, char *to, size_t n)
{
	if (p->tls)
		return judge(p, SSL_read(p->tls, to, (int)n));
	ssize_t r = recv(p->fd, to, n, 0);
	if (r < 0 && errno == EAGAIN)
		return 0;
	return r ? r : -1;
}

static void begin(struct peer *p)
{
	begun++;
	p->began = now_ns();
	if (p->fd < 0)
		open_peer(p);
	p->sent = p->got = p->whole = 0;
	p->closes = 0;
	busy++;
}

static void understand(struct peer *p)
{
	p->answer[p->got] = 0;
	char *end = strstr(p->answer, "\r\n\r\n");
	if (!end)
		return;
	char *says = strcasestr(p->answer, "\r\nContent-Length:");
	if (!says || says > end) {
		fprintf(stderr, "load: no length: %s\n", p->answer);
		exit(1);
	}
	p->whole = (size_t)(end + 4 - p->answer) +
		   strtoul(says + strlen("\r\nContent-Length:"), NULL, 10);
	says = strcasestr(p->answer, "\r\nConnection: close");
	p->closes = !strncmp(p->answer, "HTTP/1.0", 8) || (says && says < end);
	if (strncmp(p->answer + 8, " 200", 4)) {
		if (!failures)
			fprintf(stderr, "load: %s\n", p->answer);
		failures++;
	}
}

static void finish(struct peer *p)
{
	if (done == times_room) {
		times_room = times_room ? times_room * 2 : 65536;
		times = realloc(times, times_room * sizeof(*times));
		if (!times)
			fail("memory");
	}
	times[done++] = now_ns() - p->began;
	busy--;
	if (p->closes || once)
		close_peer(p);
}

static void send_more(struct peer *p)
{
	ssize_t n = 1;
	while (p->sent < length && n > 0) {
		n = push(p, p->request + p->sent, length - p->sent);
		if (n < 0)
			fail("send");
		p->sent += (size_t)n;
	}
}

static void receive_more(struct peer *p)
{
	ssize_t n = 1;
	while (n > 0 && (!p->whole || p->got < p->whole)) {
		n = pull(p, p->answer + p->got, sizeof(p->answer) - 1 - p->got);
		if (n < 0)
			fail("the server closed");
		p->got += (size_t)n;
		if (n > 0 && !p->whole)
			understand(p);
	}
	if (p->whole && p->got >= p->whole && p->sent == length)
		finish(p);
}

/* Runs until `until`; what is on its way then is waited for. */
static void run(uint64_t until, int each_once)
{
	for (size_t i = 0; i < count; i++)
		begin(&peers[i]);
	while (busy) {
		for (size_t i = 0; i < count; i++) {
			struct peer *p = &peers[i];
			int idle =
			    p->fd < 0 || (p->whole && p->sent == length &&
					  p->got >= p->whole);
			polled[i].fd = idle ? -1 : p->fd;
			polled[i].events =
			    (short)(POLLIN | (p->sent < length ? POLLOUT : 0));
		}
		if (poll(polled, count, 20000) <= 0)
			fail("20 s without an answer");
		for (size_t i = 0; i < count; i++) {
			struct peer *p = &peers[i];
			if (polled[i].fd < 0 || !polled[i].revents)
				continue;
			size_t before = done;
			send_more(p);
			receive_more(p);
			if (done != before && !each_once && begun < most &&
			    now_ns() < until) {
				begin(p);
				send_more(p);
			}
		}
	}
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static double percentile_us(double part)
{
	size_t i = (size_t)(part * (double)(done - 1) + 0.5);
	return (double)times[i] / 1e3;
}

int main(int argc, char **argv)
{
	uint64_t ms = 500;
	size_t requests = SIZE_MAX;
	int option;
	char line[16];
	while ((option = getopt(argc, argv, "c:m:n:t1")) != -1)
		switch (option) {
		case 'c':
			count = strtoul(optarg, NULL, 10);
			break;
		case 'm':
			ms = strtoul(optarg, NULL, 10);
			break;
		case 'n':
			requests = strtoul(optarg, NULL, 10);
			ms = UINT32_MAX;
			break;
		case 't':
			use_tls = 1;
			break;
		case '1':
			once = 1;
			break;
		default:
			return 2;
		}
	if (argc - optind != 2 || count < 1 || count > CONNECTIONS)
		return 2;
	port = atoi(argv[optind]);
	if (use_tls)
		context = SSL_CTX_new(TLS_client_method());
	if (context)
		SSL_CTX_set_mode(context,
				 SSL_MODE_ENABLE_PARTIAL_WRITE |
				     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	read_request(argv[optind + 1]);
	for (size_t i = 0; i < count; i++)
		peers[i].fd = -1;

	run(0, 1);
	done = begun = failures = opened = 0;
	most = requests;
	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	uint64_t began = now_ns();
	run(began + ms * 1000000, 0);
	double seconds = (double)(now_ns() - began) / 1e9;
	qsort(times, done, sizeof(*times), by_size);
	printf("{\"requests\":%zu,\"seconds\":%.6f,\"p50\":%.1f,\"p99\":%.1f,"
	       "\"p999\":%.1f,\"failures\":%zu,\"opened\":%zu,"
	       "\"cipher\":\"%s\"}\n",
	       done, seconds, percentile_us(0.5), percentile_us(0.99),
	       percentile_us(0.999), failures, opened, cipher);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		;
	return 0;
}
