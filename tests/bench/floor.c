/*
 * floor - the least that an HTTP receiver can cost: a poll loop that counts
 * bytes and answers, and looks at none of them.
 *
 *	floor PORT LENGTH	LENGTH: bytes of a request, head and all
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 256 };

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
			     "accepted\n";
static struct pollfd polled[1 + PEERS];
static size_t got[1 + PEERS];
static char bytes[65536];

static int listen_on(int port)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 128))
		exit(1);
	return fd;
}

static void serve(nfds_t i, size_t length)
{
	ssize_t n = recv(polled[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		close(polled[i].fd);
		polled[i].fd = -1;
		return;
	}
	if (n < 0)
		return;
	got[i] += (size_t)n;
	if (got[i] < length)
		return;
	got[i] -= length;
	send(polled[i].fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
}

/* Polled are only those that are there: the kernel looks at each entry. */
static nfds_t welcome(nfds_t used)
{
	nfds_t i = 1;
	int one = 1;
	int fd = accept4(polled[0].fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return used;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (i < used && polled[i].fd >= 0)
		i++;
	if (i > PEERS) {
		close(fd);
		return used;
	}
	polled[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	got[i] = 0;
	return i < used ? used : used + 1;
}

int main(int argc, char **argv)
{
	nfds_t used = 1;
	if (argc != 3)
		return 2;
	size_t length = strtoul(argv[2], NULL, 10);
	polled[0].fd = listen_on(atoi(argv[1]));
	polled[0].events = POLLIN;
	for (;;) {
		if (poll(polled, used, -1) < 0)
			return 1;
		for (nfds_t i = 1; i < used; i++)
			if (polled[i].revents)
				serve(i, length);
		if (polled[0].revents)
			used = welcome(used);
		while (used > 1 && polled[used - 1].fd < 0)
			used--;
	}
}
