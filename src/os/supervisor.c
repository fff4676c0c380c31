/* supervisor.c - see supervisor.h. */
#include "os/supervisor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3 }; /* SD_LISTEN_FDS_START */

/* A number from the environment, if the variables are meant for this process;
 * else 0. */
static uint64_t own_number(const char *name, const char *pid_name)
{
	const char *value = getenv(name), *pid = getenv(pid_name);
	uint64_t n, id;
	if (value == NULL || !span_u64(span_of(value), &n))
		return 0;
	if (pid && (!span_u64(span_of(pid), &id) || id != (uint64_t)getpid()))
		return 0;
	return n;
}

unsigned supervisor_sockets(void)
{
	uint64_t n =
	    getenv("LISTEN_PID") ? own_number("LISTEN_FDS", "LISTEN_PID") : 0;
	unsigned most = n > 64 ? 64 : (unsigned)n;
	for (unsigned i = 0; i < most; i++) {
		int fd = FIRST_FD + (int)i;
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	}
	return most;
}

/* The socket that word is sent through, or -1. */
static int open_socket(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t n = name ? strlen(name) : 0;
	if (n == 0 || n >= sizeof a.sun_path)
		return -1;
	memcpy(a.sun_path, name, n);
	if (a.sun_path[0] == '@')
		a.sun_path[0] = '\0'; /* an abstract name, unix(7) */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&a,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) <
		0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void supervisor_open(struct supervisor *s)
{
	uint64_t us = own_number("WATCHDOG_USEC", "WATCHDOG_PID");
	s->fd = open_socket(getenv("NOTIFY_SOCKET"));
	/* half of it, as sd_watchdog_enabled(3) advises */
	s->watchdog_ms =
	    s->fd >= 0 && us / 2000 < INT32_MAX ? (int64_t)(us / 2000) : 0;
}

void supervisor_tell(const struct supervisor *s, const char *state)
{
	if (s->fd >= 0)
		send(s->fd, state, strlen(state), MSG_NOSIGNAL);
}

void supervisor_turn(struct supervisor *s, int64_t now_ms)
{
	if (s->watchdog_ms == 0 || now_ms < s->watchdog_at_ms)
		return;
	supervisor_tell(s, "WATCHDOG=1");
	s->watchdog_at_ms = now_ms + s->watchdog_ms;
}

int64_t supervisor_deadline(const struct supervisor *s)
{
	return s->watchdog_ms ? s->watchdog_at_ms : INT64_MAX;
}
