/* serial.c - serial lines, for sink.c. termios(3). */
#include "deliver/sink.h"
#include "os/rate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* B0 if termios has no name for it. */
static speed_t speed_of(uint32_t baud)
{
	static const struct {
		uint32_t baud;
		speed_t speed;
	} table[] = {
	    {300, B300},         {1200, B1200},       {2400, B2400},
	    {4800, B4800},       {9600, B9600},       {19200, B19200},
	    {38400, B38400},     {57600, B57600},     {115200, B115200},
	    {230400, B230400},   {460800, B460800},   {921600, B921600},
	    {50, B50},           {75, B75},           {110, B110},
	    {134, B134},         {150, B150},         {200, B200},
	    {600, B600},         {1800, B1800},       {500000, B500000},
	    {576000, B576000},   {1000000, B1000000}, {1152000, B1152000},
	    {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000},
	    {3000000, B3000000}, {3500000, B3500000}, {4000000, B4000000},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].baud == baud)
			return table[i].speed;
	return B0;
}

static tcflag_t bits_of(uint8_t data_bits)
{
	return data_bits == 5   ? CS5
	       : data_bits == 6 ? CS6
	       : data_bits == 7 ? CS7
				: CS8;
}

/* Raw: every byte goes out as it is, and nothing that comes in does anything,
 * but for flow control if it was asked for. CLOCAL: no carrier is needed. HUPCL
 * off: closing does not reset the device at the other end. */
static void make_raw(struct termios *t, const struct place *p)
{
	t->c_iflag = IGNBRK | IGNPAR;
	t->c_oflag = 0;
	t->c_lflag = 0;
	t->c_cflag = CREAD | CLOCAL | bits_of(p->data_bits);
	if (p->stop_bits == 2)
		t->c_cflag |= CSTOPB;
	if (p->parity != 'n')
		t->c_cflag |= PARENB;
	if (p->parity == 'o')
		t->c_cflag |= PARODD;
	if (p->flow == PLACE_FLOW_RTSCTS)
		t->c_cflag |= CRTSCTS;
	if (p->flow == PLACE_FLOW_XONXOFF)
		t->c_iflag |= IXON;
	t->c_cc[VMIN] = 1;
	t->c_cc[VTIME] = 0;
	speed_t speed = speed_of(p->baud);
	if (speed == B0) /* which would hang up; set_rate() comes behind */
		speed = B9600;
	cfsetispeed(t, speed);
	cfsetospeed(t, speed);
}

/* ioctl(2), whose request is an int in one C library, a long in another. */
static bool rate_call(int fd, unsigned long request, struct termios2 *t)
{
	return syscall(SYS_ioctl, fd, request, t) == 0;
}

/* A rate without a name, on top of the rest. A driver that cannot do it takes
 * another one and says so: more than 2 % off, no device would understand it. 0
 * or -errno. */
static int set_rate(int fd, uint32_t baud)
{
	struct termios2 t;
	if (!rate_call(fd, RATE_GET, &t))
		return -errno;
	t.c_cflag &= ~(tcflag_t)(RATE_MASK | RATE_MASK_INPUT);
	t.c_cflag |= RATE_OTHER;
	t.c_ispeed = t.c_ospeed = baud;
	if (!rate_call(fd, RATE_SET, &t) || !rate_call(fd, RATE_GET, &t))
		return -errno;
	uint32_t off =
	    t.c_ospeed > baud ? t.c_ospeed - baud : baud - t.c_ospeed;
	return off > baud / 50 ? -EINVAL : 0;
}

/* Everything once it is open. 0 or -errno. */
static int set_up(struct sink *s, int fd)
{
	struct termios raw;
	if (tcgetattr(fd, &s->before) < 0)
		return -errno;
	int error = os_lock(fd);
	if (error)
		return error;
	raw = s->before;
	make_raw(&raw, s->place);
	if (tcsetattr(fd, TCSANOW, &raw) < 0)
		return -errno;
	if (speed_of(s->place->baud) == B0)
		error = set_rate(fd, s->place->baud);
	if (error)
		return error;
	/* who is root comes in all the same; the lock is for these */
	return ioctl(fd, TIOCEXCL) < 0 ? -errno : 0;
}

int serial_open(struct sink *s)
{
	/* O_NONBLOCK: open does not wait for a carrier */
	int fd =
	    open(s->place->path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int error = set_up(s, fd);
	if (error) {
		close(fd);
		return error;
	}
	s->fd = fd;
	return 0;
}

void serial_close(struct sink *s)
{
	struct termios t = s->before;
	t.c_cflag &= ~(tcflag_t)HUPCL;
	tcsetattr(s->fd, TCSANOW, &t);
	ioctl(s->fd, TIOCNXCL);
}
