/* os.c - see os.h. Its only state is the set of signals that came. */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int64_t os_monotonic_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t os_unix_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

bool os_random_ready(void)
{
	char byte;
	return getrandom(&byte, 1, GRND_NONBLOCK) == 1;
}

static int get_random(char *p, size_t n, unsigned flags)
{
	while (n) {
		ssize_t got = getrandom(p, n, flags);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
	return 0;
}

int os_random(void *p, size_t n)
{
	return get_random(p, n, 0);
}

int os_random_at_once(void *p, size_t n)
{
	int error = get_random(p, n, GRND_INSECURE);
	return error == -EINVAL ? os_random(p, n) : error;
}

static long result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? OS_AGAIN : -errno;
}

long os_read(int fd, void *p, size_t n)
{
	ssize_t got;
	do
		got = read(fd, p, n);
	while (got < 0 && errno == EINTR);
	return got == 0 ? OS_END : result(got);
}

long os_write(int fd, const void *p, size_t n)
{
	ssize_t put;
	do
		put = write(fd, p, n);
	while (put < 0 && errno == EINTR);
	return result(put);
}

void os_close(int fd)
{
	close(fd);
}

int os_lock(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

void os_remove(const char *path)
{
	unlink(path);
}

const char *os_error(int error)
{
	return strerror(error < 0 ? -error : error);
}

int os_write_all(int fd, struct span s)
{
	while (s.n) {
		long n = os_write(fd, s.p, s.n);
		if (n < 0)
			return (int)n;
		if (n == OS_AGAIN) {
			/* somebody else made it non-blocking */
			struct pollfd p = {.fd = fd, .events = POLLOUT};
			poll(&p, 1, -1);
		}
		s = span_skip(s, (size_t)n);
	}
	return 0;
}

void os_prepare(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	/* a folder is always there, and cannot be written to */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/", O_RDONLY | O_DIRECTORY);
}

bool os_others_can_read(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && st.st_mode & S_IROTH;
}

long os_read_file(const char *path, char *p, size_t cap)
{
	/* a FIFO without writer is an empty file, not one to wait for */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t n = 0;
	long got = 0;
	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFL, 0);
	while (n < cap && (got = os_read(fd, p + n, cap - n)) > 0)
		n += (size_t)got;
	char more;
	if (n == cap && os_read(fd, &more, 1) > 0)
		got = -EFBIG;
	close(fd);
	return got < 0 && got != OS_END ? got : (long)n;
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	signals |= number == SIGHUP ? OS_SIGNAL_RELOAD : OS_SIGNAL_STOP;
}

void os_catch_signals(void)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t blocked;
	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		sigaddset(&blocked, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, NULL);
}

unsigned os_take_signals(void)
{
	/* they are blocked outside os_poll(), so nothing comes in between */
	unsigned taken = (unsigned)signals;
	signals = 0;
	return taken;
}

/* Where the C library asks for the call with times of 32 bits, a kernel that
 * has none such (no CONFIG_COMPAT_32BIT_TIME) says ENOSYS. What came since 2019
 * has one number everywhere, beyond where an architecture's own numbers begin;
 * on one of 64 bits nothing stands at this one. */
static int poll_time64(struct pollfd *set, unsigned n, const struct timespec *t,
		       const sigset_t *mask)
{
	enum { PPOLL_TIME64 = SYS_pidfd_send_signal - 424 + 414 };
	int64_t time[] = {t ? t->tv_sec : 0, t ? t->tv_nsec : 0};
	return (int)syscall(PPOLL_TIME64, set, n, t ? time : NULL, mask,
			    _NSIG / 8);
}

int os_poll(struct pollfd *set, unsigned n, int64_t timeout_ms)
{
	struct timespec t = {.tv_sec = (time_t)(timeout_ms / 1000),
			     .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
	sigset_t none;
	sigemptyset(&none);
	const struct timespec *wait = timeout_ms < 0 ? NULL : &t;
	int ready = ppoll(set, n, wait, &none);
	if (ready < 0 && errno == ENOSYS)
		ready = poll_time64(set, n, wait, &none);
	return ready < 0 ? -errno : ready;
}

int64_t os_descriptor_limit(void)
{
	struct rlimit limit;
	if (prlimit(0, RLIMIT_NOFILE, NULL, &limit) < 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < 1024) {
		limit.rlim_cur = limit.rlim_max < 1024 ? limit.rlim_max : 1024;
		prlimit(0, RLIMIT_NOFILE, &limit, NULL);
	}
	return limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
}

int os_process_open(void)
{
	return open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

static int64_t microseconds(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000000 + t->tv_usec;
}

/* Of the first 1024, as many as bellwire could ever have: poll(2) marks those
 * that are not open, many with one call. */
static int64_t count_descriptors(int64_t limit)
{
	struct pollfd set[128];
	int64_t open = 0;
	for (int64_t first = 0; first < limit && first < 1024;
	     first += (int64_t)(sizeof set / sizeof set[0])) {
		nfds_t n = 0;
		while (n < sizeof set / sizeof set[0] &&
		       first + (int64_t)n < limit) {
			set[n] =
			    (struct pollfd){.fd = (int)(first + (int64_t)n)};
			n++;
		}
		if (poll(set, n, 0) < 0)
			return -1;
		for (nfds_t i = 0; i < n; i++)
			open += !(set[i].revents & POLLNVAL);
	}
	return open;
}

void os_process_read(int statm, int64_t descriptors, struct os_process *out)
{
	char text[64];
	struct rusage usage;
	struct span s = SPAN_NONE, pages;
	uint64_t v;
	int64_t page = (int64_t)getauxval(AT_PAGESZ);
	out->virtual_bytes = out->resident_bytes = out->cpu_us = -1;
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		out->cpu_us = microseconds(&usage.ru_utime) +
			      microseconds(&usage.ru_stime);
	ssize_t n = statm < 0 ? -1 : pread(statm, text, sizeof text, 0);
	if (n > 0)
		s = (struct span){text, (size_t)n};
	if (span_split(&s, ' ', &pages) && span_u64(pages, &v))
		out->virtual_bytes = (int64_t)v * page;
	if (span_split(&s, ' ', &pages) && span_u64(pages, &v))
		out->resident_bytes = (int64_t)v * page;
	out->open_fds = count_descriptors(descriptors);
}
