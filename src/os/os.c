/* os.c - see os.h. Its only state is the set of signals that came. */
#include "os/os.h"

#include "facts/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
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

int os_listen(const struct address *a)
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

void os_bound_address(int fd, struct address *a)
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

int os_accept(int listener, struct address *peer)
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

int os_connect(const struct address *a, int timeout_ms)
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

void os_end_output(int socket)
{
	shutdown(socket, SHUT_WR);
}

void os_close(int fd)
{
	close(fd);
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
