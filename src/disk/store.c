/* store.c - see store.h. */
#include "disk/store.h"

#include "facts/limits.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Locks the file and sees that the path still leads there: another process may
 * have put a file in its place since it was opened. As store_open(), or 0. */
static int lock(int fd, const char *path)
{
	struct stat st, now;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return STORE_NOT_REGULAR;
	int error = os_lock(fd);
	if (error)
		return error;
	if (stat(path, &now) < 0 || now.st_dev != st.st_dev ||
	    now.st_ino != st.st_ino)
		return -EBUSY;
	return 0;
}

static int open_locked(const char *path, int flags)
{
	int fd = open(
	    path, flags | O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	    0600);
	if (fd < 0)
		return -errno;
	int error = lock(fd, path);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

int store_open(const char *path)
{
	return open_locked(path, 0);
}

int store_make(const char *path, int old_fd)
{
	struct stat st, made;
	int fd = open_locked(path, O_EXCL | O_NOFOLLOW);
	if (fd >= 0 && fstat(old_fd, &st) == 0 && fstat(fd, &made) == 0 &&
	    (fchown(fd, st.st_uid, st.st_gid) == 0 || st.st_uid == made.st_uid))
		fchmod(fd, st.st_mode & 0777);
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

int store_look(int fd, int64_t size)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_nlink == 0)
		return STORE_GONE;
	return st.st_size < size ? STORE_CUT : 0;
}

int store_sync_folder(const char *path)
{
	char folder[LIMIT_PATH] = ".";
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
	struct stat st;
	/* a second name, then away with the first: unlike rename(2) this does
	 * not replace what is there */
	if (link(from, to) == 0)
		return unlink(from) < 0 ? -errno : 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	if (lstat(to, &st) == 0)
		return -EEXIST;
	return rename(from, to) < 0 ? -errno : 0;
}

int store_replace(const char *from, const char *to)
{
	struct stat st;
	if (lstat(to, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	return rename(from, to) < 0 ? -errno : 0;
}

void store_remove(const char *path)
{
	unlink(path);
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
