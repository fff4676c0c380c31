/* fifo.c - named pipes, for sink.c. */
#include "deliver/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int make(const struct place *p)
{
	struct stat st;
	if (mkfifo(p->path, (mode_t)p->mode) == 0)
		return chmod(p->path, (mode_t)p->mode) < 0 ? -errno : 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(p->path, &st) < 0)
		return -errno;
	return S_ISFIFO(st.st_mode) ? 0 : -EINVAL;
}

int fifo_open(struct sink *s)
{
	struct stat st;
	int error = make(s->place);
	if (error)
		return error;
	int fd =
	    open(s->place->path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* it may have been replaced since make() looked */
	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	error = os_lock(fd);
	if (error) {
		close(fd);
		return error;
	}
	/* with large pages a pipe holds a megabyte: more than is kept of what
	 * its reader has not read, and more than waits well for nobody */
	if (fcntl(fd, F_GETPIPE_SZ) > LIMIT_PIPE)
		fcntl(fd, F_SETPIPE_SZ, LIMIT_PIPE);
	s->fd = fd;
	return 0;
}

/* The pipe behind the path, for reading; it must be the one that s has. */
static int open_other_end(const struct sink *s)
{
	struct stat ours, there;
	int fd =
	    open(s->place->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(s->fd, &ours) < 0 || fstat(fd, &there) < 0 ||
	    ours.st_dev != there.st_dev || ours.st_ino != there.st_ino) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

long fifo_take_back(struct sink *s, char *scratch, size_t n)
{
	long got, total = 0;
	int fd = open_other_end(s);
	if (fd < 0)
		return fd;
	/* one read empties the pipe, and the kernel lets no one else in there
	 * meanwhile; the second one finds nothing */
	while ((got = os_read(fd, scratch, n)) > 0)
		total += got;
	close(fd);
	return total;
}
