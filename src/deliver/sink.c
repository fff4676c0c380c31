/* sink.c - see sink.h: standard output, and what all kinds have in common. */
#include "deliver/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* POLLOUT means a free page of a pipe (pipe(7), PIPE_BUF), or
	 * WAKEUP_CHARS of room in a terminal. */
	PIPE_PIECE = 4096,
	TERMINAL_PIECE = 256,
};

static int stdout_open(struct sink *s)
{
	struct stat st;
	s->fd = STDOUT_FILENO;
	if (fstat(s->fd, &st) < 0)
		return -errno;
	s->is_file = S_ISREG(st.st_mode);
	if (s->is_file)
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

int sink_sync(const struct sink *s)
{
	int failed = 0;
	do
		failed = s->is_file ? fdatasync(s->fd) : 0;
	while (failed && errno == EINTR);
	return failed ? -errno : 0;
}

int sink_open(struct sink *s, const struct place *place)
{
	int error = -EINVAL;
	*s = (struct sink){.place = place, .fd = -1};
	switch (place->kind) {
	case PLACE_STDOUT:
		error = stdout_open(s);
		break;
	case PLACE_FIFO:
		error = fifo_open(s);
		break;
	case PLACE_SERIAL:
		error = serial_open(s);
		break;
	}
	if (error)
		s->fd = -1;
	return error;
}

void sink_close(struct sink *s)
{
	if (s->fd < 0 || s->place->kind == PLACE_STDOUT)
		return;
	if (s->place->kind == PLACE_SERIAL)
		serial_close(s);
	close(s->fd);
	s->fd = -1;
}

static short poll_now(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	return poll(&p, 1, 0) < 0 ? POLLERR : p.revents;
}

long sink_write(struct sink *s, struct span bytes)
{
	ssize_t n;
	/* nobody reads what comes in; a full input queue would also hold back
	 * the XON that we wait for */
	if (s->place->kind == PLACE_SERIAL)
		tcflush(s->fd, TCIFLUSH);
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
	return s->fd >= 0 &&
	       !(poll_now(s->fd) & (POLLERR | POLLNVAL | POLLHUP));
}

size_t sink_unsent(const struct sink *s)
{
	int n = 0, failed = -1;
	if (s->fd < 0)
		return 0;
	if (s->place->kind == PLACE_FIFO)
		failed = ioctl(s->fd, FIONREAD, &n);
	else if (s->place->kind == PLACE_SERIAL)
		failed = ioctl(s->fd, TIOCOUTQ, &n);
	if (failed && s->place->kind == PLACE_SERIAL && errno == EIO)
		return SIZE_MAX; /* it was hung up */
	return failed || n < 0 ? 0 : (size_t)n;
}

long sink_take_back(struct sink *s, char *scratch, size_t n)
{
	return s->place->kind == PLACE_FIFO && s->fd >= 0
		   ? fifo_take_back(s, scratch, n)
		   : -ENXIO;
}

void sink_drop_unsent(struct sink *s)
{
	/* where it says that there is nothing, a pseudo-terminal has it for
	 * its reader all the same */
	if (s->place->kind == PLACE_SERIAL && sink_unsent(s))
		tcflush(s->fd, TCIOFLUSH);
}

bool sink_was_replaced(const struct sink *s)
{
	struct stat ours, there;
	if (s->fd < 0 || s->place->kind == PLACE_STDOUT)
		return false;
	return fstat(s->fd, &ours) < 0 || stat(s->place->path, &there) < 0 ||
	       ours.st_dev != there.st_dev || ours.st_ino != there.st_ino;
}
