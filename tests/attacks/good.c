/*
 * good - a sender as Alertmanager is one: notifications at a steady pace, each
 * sent when the answer to the last has come.
 *
 *	good [-t] [-k CERT -K KEY] [-1] [-i MS] PORT FILE
 *	  -t  TLS    -k, -K  with this certificate
 *	  -1  a new connection for each notification
 *	  -i  time between two of them, 100 ms
 *
 * FILE holds a whole request. Each line of input is a number of milliseconds to
 * measure for; the answer to it is one line of JSON: the time of each answer in
 * us, how many failed (nothing within 10 s, or the connection broke), how many
 * were refused (an answer other than 200), how many idle connections the server
 * had closed.
 */
#include "../bench/client.h"

#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GIVE_UP_S = 10 }; /* as Alertmanager does */

static int port, once, fd = -1;
static SSL_CTX *context;
static SSL *tls;
static struct text request;
static size_t failures, refused, closed;

static uint64_t now_us(void)
{
	return now_ns() / 1000;
}

static void sleep_until(uint64_t us)
{
	struct timespec t = {(time_t)(us / 1000000u),
			     (long)(us % 1000000u) * 1000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
}

static void hang_up(void)
{
	if (tls)
		SSL_free(tls);
	tls = NULL;
	if (fd >= 0)
		close(fd);
	fd = -1;
}

static int connect_now(void)
{
	struct sockaddr_in to = loopback(port);
	struct timeval wait = {.tv_sec = GIVE_UP_S};
	int one = 1;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return 0;
	if (!context)
		return 1;
	tls = SSL_new(context);
	SSL_set_fd(tls, fd);
	return SSL_connect(tls) == 1;
}

static int send_request(void)
{
	if (tls)
		return SSL_write(tls, request.p, (int)request.n) ==
		       (int)request.n;
	size_t sent = 0;
	while (sent < request.n) {
		ssize_t n =
		    send(fd, request.p + sent, request.n - sent, MSG_NOSIGNAL);
		if (n <= 0)
			return 0;
		sent += (size_t)n;
	}
	return 1;
}

/* Is there a whole answer of 200? -1: more of it is to come. */
static int judge(const char *answer, size_t got)
{
	const char *end = strstr(answer, "\r\n\r\n");
	const char *says = strcasestr(answer, "\r\nContent-Length:");
	if (!end || !says || says > end)
		return -1;
	size_t body = strtoul(says + strlen("\r\nContent-Length:"), NULL, 10);
	if (got < (size_t)(end + 4 - answer) + body)
		return -1;
	if (!strncmp(answer, "HTTP/1.1 200", 12))
		return 1;
	refused++;
	return 0;
}

static int receive_answer(void)
{
	char answer[4096];
	size_t got = 0;
	for (;;) {
		size_t room = sizeof(answer) - 1 - got;
		ssize_t n = tls ? SSL_read(tls, answer + got, (int)room)
				: recv(fd, answer + got, room, 0);
		if (n <= 0)
			return 0;
		got += (size_t)n;
		answer[got] = 0;
		int good = judge(answer, got);
		if (good >= 0)
			return good;
	}
}

/* An idle connection that has ended: nothing is lost, but it is to be known. */
static void look(void)
{
	char c;
	if (fd < 0 ||
	    (recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN))
		return;
	closed++;
	hang_up();
}

static int ring(void)
{
	look();
	int good =
	    (fd >= 0 || connect_now()) && send_request() && receive_answer();
	if (!good || once)
		hang_up();
	return good;
}

static void measure(uint64_t ms, uint64_t interval_us)
{
	uint64_t at = now_us(), end = at + ms * 1000;
	const char *comma = "";
	failures = refused = closed = 0;
	printf("{\"us\":[");
	while (at < end) {
		sleep_until(at);
		uint64_t began = now_us();
		if (ring()) {
			printf("%s%llu", comma,
			       (unsigned long long)(now_us() - began));
			comma = ",";
		} else {
			failures++;
		}
		do
			at += interval_us;
		while (at < now_us());
	}
	printf("],\"failures\":%zu,\"refused\":%zu,\"closed\":%zu}\n",
	       failures - refused, refused, closed);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint64_t interval_us = 100000;
	const char *cert = NULL, *key = NULL;
	int option, use_tls = 0;
	char line[32];
	while ((option = getopt(argc, argv, "t1i:k:K:")) != -1)
		switch (option) {
		case 't':
			use_tls = 1;
			break;
		case '1':
			once = 1;
			break;
		case 'k':
			cert = optarg;
			break;
		case 'K':
			key = optarg;
			break;
		case 'i':
			interval_us = strtoul(optarg, NULL, 10) * 1000;
			break;
		default:
			return 2;
		}
	if (argc - optind != 2 || interval_us == 0)
		return 2;
	port = atoi(argv[optind]);
	if (use_tls) {
		context = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
		if (cert &&
		    (SSL_CTX_use_certificate_chain_file(context, cert) != 1 ||
		     SSL_CTX_use_PrivateKey_file(context, key,
						 SSL_FILETYPE_PEM) != 1))
			fail(cert);
	}
	signal(SIGPIPE, SIG_IGN);
	request = read_file(argv[optind + 1]);
	while (fgets(line, sizeof(line), stdin))
		measure(strtoul(line, NULL, 10), interval_us);
	return 0;
}
