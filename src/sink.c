/* sink.c - see sink.h. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* POLLOUT means a free page of a pipe (pipe(7), PIPE_BUF), or
	 * WAKEUP_CHARS of room in a terminal. */
	PIPE_PIECE = 4096,
	TERMINAL_PIECE = 256,
};

int sink_open_stdout(struct sink *s)
{
	struct stat st;
	*s = (struct sink){.fd = STDOUT_FILENO, .way = SINK_NONBLOCKING};
	if (fstat(s->fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		return 0;
	if (S_ISSOCK(st.st_mode)) {
		s->way = SINK_SOCKET;
		return 0;
	}
	s->is_terminal = isatty(s->fd);
	int fd = open("/proc/self/fd/1",
		      O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0) {
		s->fd = fd;
	} else {
		s->way = SINK_POLITE;
		s->piece = s->is_terminal ? TERMINAL_PIECE : PIPE_PIECE;
	}
	return 0;
}

static short poll_now(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	return poll(&p, 1, 0) < 0 ? POLLERR : p.revents;
}

long sink_write(struct sink *s, struct span bytes)
{
	ssize_t n;
	switch (s->way) {
	case SINK_NONBLOCKING:
		return os_write(s->fd, bytes.p, bytes.n);
	case SINK_SOCKET:
		do
			n = send(s->fd, bytes.p, bytes.n,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return errno == EAGAIN ? OS_AGAIN : -errno;
		return n;
	case SINK_POLITE:
		break;
	}
	if (!(poll_now(s->fd) & (POLLOUT | POLLERR | POLLHUP)))
		return OS_AGAIN;
	if (bytes.n > s->piece)
		bytes.n = s->piece;
	return os_write(s->fd, bytes.p, bytes.n);
}

bool sink_is_alive(const struct sink *s)
{
	return !(poll_now(s->fd) & (POLLERR | POLLNVAL | POLLHUP));
}
