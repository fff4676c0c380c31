/* store.c - see store.h. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int store_open(const char *path)
{
	struct stat st;
	int fd = open(
	    path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	int error = 0;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		error = errno;
	else if (!S_ISREG(st.st_mode))
		error = EINVAL;
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		error = errno == EWOULDBLOCK ? EBUSY : errno;
	if (error) {
		close(fd);
		return -error;
	}
	return fd;
}

int64_t store_size(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 ? -errno : (int64_t)st.st_size;
}

int store_allocate(int fd, int64_t size)
{
	static const char zero[512];
	int error = posix_fallocate(fd, 0, size);
	if (error != EOPNOTSUPP && error != ENOSYS)
		return -error;
	for (int64_t at = 0; at < size; at += (int64_t)sizeof zero) {
		error = store_write(fd, zero, sizeof zero, (uint64_t)at);
		if (error)
			return error;
	}
	return 0;
}

int store_read(int fd, void *p, size_t n, uint64_t offset)
{
	char *at = p;
	while (n) {
		ssize_t got = pread(fd, at, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EIO;
		at += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

int store_write(int fd, const void *p, size_t n, uint64_t offset)
{
	const char *at = p;
	while (n) {
		ssize_t put = pwrite(fd, at, n, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put ? -errno : -EIO;
		at += put;
		offset += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

int store_sync(int fd)
{
	int failed;
	do
		failed = fdatasync(fd);
	while (failed && errno == EINTR);
	return failed ? -errno : 0;
}

int store_sync_folder(const char *path)
{
	char folder[256] = ".";
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) + (slash == path) : 0;
	if (n >= sizeof folder)
		return -ENAMETOOLONG;
	if (n) {
		memcpy(folder, path, n);
		folder[n] = '\0';
	}
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int failed = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return failed;
}

int store_rename(const char *from, const char *to)
{
	/* a second name, then away with the first: unlike rename(2) this does
	 * not replace what is there */
	if (link(from, to) < 0)
		return -errno;
	return unlink(from) < 0 ? -errno : 0;
}

int store_replace(const char *from, const char *to)
{
	return rename(from, to) < 0 ? -errno : 0;
}

int store_empty(int fd)
{
	return ftruncate(fd, 0) < 0 ? -errno : 0;
}

void store_close(int fd)
{
	close(fd);
}

char *store_memory(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void store_give_back(char *p, size_t n)
{
	munmap(p, n);
}
