/*
 * os.h - what bellwire asks of the system: clock, files, signals; net.h has the
 * sockets.
 *
 * Thin: one function a need, EINTR handled here, errors as negative errno.
 * Nothing here logs or decides.
 */
#ifndef OS_OS_H
#define OS_OS_H

#include "base/text.h"

int64_t os_monotonic_ms(void);
int64_t os_unix_s(void);

/* Fills p[0..n) from getrandom(2), waiting until the kernel has gathered
 * enough, which at early boot takes a while; nothing weaker ever takes its
 * place. 0 or -errno. */
int os_random(void *p, size_t n);
/* Does os_random() not wait? */
bool os_random_ready(void);
/* The same without waiting, for what only has to be unknown to whoever sends
 * alerts: the best that the kernel has (GRND_INSECURE). Before Linux 5.6, which
 * does not offer it, as os_random(). */
int os_random_at_once(void *p, size_t n);

/* What read, write and their kin did: more than 0 bytes, or */
enum {
	OS_AGAIN = 0,   /* would block */
	OS_END = -4096, /* end of file; other negatives are -errno */
};
long os_read(int fd, void *p, size_t n);
long os_write(int fd, const void *p, size_t n);

void os_close(int fd);
/* A lock against other processes on what is open there, flock(2): 0, -EBUSY if
 * another one has it, or -errno. */
int os_lock(int fd);
void os_remove(const char *path);
/* The words for errno or its negative. */
const char *os_error(int error);
/* Writes all of it, waiting as long as it takes; 0 or -errno. */
int os_write_all(int fd, struct span s);

/* SIGPIPE and SIGXFSZ are ignored: EPIPE and EFBIG tell of the same. And
 * standard streams that are closed get a descriptor that takes nothing, so that
 * no file or socket of ours is ever written to as if it were one of them. */
void os_prepare(void);

/* Has everyone the right to read that file? */
bool os_others_can_read(const char *path);

/* Reads a file into p[0..cap); its length, -EFBIG if it does not fit. */
long os_read_file(const char *path, char *p, size_t cap);

enum os_signal {
	OS_SIGNAL_STOP = 1,
	OS_SIGNAL_RELOAD = 2,
};
/* From here on signals are only let through within os_poll(). */
void os_catch_signals(void);
/* The signals that came since the last call, as a set. */
unsigned os_take_signals(void);

struct pollfd;
/* poll(2) with a time-out in ms, or forever if below 0. */
int os_poll(struct pollfd *set, unsigned n, int64_t timeout_ms);

/* Raises the soft limit of descriptors to the hard one; returns it. */
int64_t os_descriptor_limit(void);

struct os_process {
	int64_t cpu_us, start_s, resident_bytes, virtual_bytes, open_fds;
};
/* Opens what os_process_read() needs later; -1 where there is no /proc. */
int os_process_open(void);
void os_process_read(int statm, int64_t descriptors, struct os_process *out);

#endif
