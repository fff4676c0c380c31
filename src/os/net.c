/* net.c - see net.h. */
#include "os/net.h"

#include "facts/limits.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

union any_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static socklen_t to_system(const struct address *a, union any_address *out)
{
	memset(out, 0, sizeof *out);
	switch (a->family) {
	case ADDRESS_INET:
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons(a->port);
		memcpy(&out->in.sin_addr, a->ip, 4);
		return sizeof out->in;
	case ADDRESS_ANY:
	case ADDRESS_INET6:
		out->in6.sin6_family = AF_INET6;
		out->in6.sin6_port = htons(a->port);
		memcpy(&out->in6.sin6_addr, a->ip, 16);
		return sizeof out->in6;
	case ADDRESS_UNIX:
		break;
	}
	out->un.sun_family = AF_UNIX;
	memcpy(out->un.sun_path, a->path, sizeof a->path);
	return sizeof out->un;
}

static void from_system(const union any_address *s, struct address *a)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	*a = (struct address){.family = ADDRESS_UNIX};
	if (s->any.sa_family == AF_INET) {
		a->family = ADDRESS_INET;
		a->port = ntohs(s->in.sin_port);
		memcpy(a->ip, &s->in.sin_addr, 4);
	} else if (s->any.sa_family == AF_INET6) {
		const unsigned char *ip = s->in6.sin6_addr.s6_addr;
		bool v4 = memcmp(ip, mapped, sizeof mapped) == 0;
		a->family = v4 ? ADDRESS_INET : ADDRESS_INET6;
		a->port = ntohs(s->in6.sin6_port);
		memcpy(a->ip, v4 ? ip + 12 : ip, v4 ? 4 : 16);
	} else if (s->any.sa_family == AF_UNIX) {
		memcpy(a->path, s->un.sun_path, sizeof a->path - 1);
	}
}

/* Nobody listens on it any more: a leftover of a process that was killed. */
static bool is_stale(const union any_address *s, socklen_t n)
{
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool stale = lstat(s->un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
		     connect(fd, &s->any, n) < 0 && errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int listen_at(const union any_address *s, socklen_t n, bool both)
{
	int one = 1, zero = 0, family = s->any.sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (family != AF_UNIX)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, both ? &zero : &one,
			   sizeof one);
	int failed = bind(fd, &s->any, n);
	if (failed && errno == EADDRINUSE && family == AF_UNIX &&
	    is_stale(s, n) && unlink(s->un.sun_path) == 0)
		failed = bind(fd, &s->any, n);
	if (!failed)
		failed = listen(fd, LIMIT_BACKLOG);
	if (failed) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int net_listen(const struct address *a)
{
	union any_address s;
	socklen_t n = to_system(a, &s);
	int fd = listen_at(&s, n, a->family == ADDRESS_ANY);
	if (a->family == ADDRESS_ANY &&
	    (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)) {
		struct address v4 = {.family = ADDRESS_INET, .port = a->port};
		n = to_system(&v4, &s);
		fd = listen_at(&s, n, false);
	}
	return fd;
}

void net_bound_address(int fd, struct address *a)
{
	union any_address s;
	socklen_t n = sizeof s;
	memset(&s, 0, sizeof s);
	getsockname(fd, &s.any, &n);
	from_system(&s, a);
}

static void no_delay(int fd)
{
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int net_accept(int listener, struct address *peer)
{
	union any_address s;
	socklen_t n = sizeof s;
	int fd;
	memset(&s, 0, sizeof s);
	do
		fd =
		    accept4(listener, &s.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -errno;
	from_system(&s, peer);
	if (peer->family != ADDRESS_UNIX)
		no_delay(fd);
	return fd;
}

int net_connect(const struct address *a, int timeout_ms)
{
	union any_address s;
	socklen_t n = to_system(a, &s);
	struct timeval t = {.tv_sec = timeout_ms / 1000,
			    .tv_usec = timeout_ms % 1000 * 1000};
	int fd = socket(s.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
	if (connect(fd, &s.any, n) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

void net_end_output(int socket)
{
	shutdown(socket, SHUT_WR);
}
