/* serial.c - serial lines, for sink.c. termios(3). */
#include "deliver/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

static speed_t speed_of(uint32_t baud)
{
	static const struct {
		uint32_t baud;
		speed_t speed;
	} table[] = {
	    {300, B300},       {600, B600},       {1200, B1200},
	    {2400, B2400},     {4800, B4800},     {9600, B9600},
	    {19200, B19200},   {38400, B38400},   {57600, B57600},
	    {115200, B115200}, {230400, B230400}, {460800, B460800},
	    {921600, B921600},
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
	cfsetispeed(t, speed_of(p->baud));
	cfsetospeed(t, speed_of(p->baud));
}

int serial_open(struct sink *s)
{
	struct termios raw;
	/* O_NONBLOCK: open does not wait for a carrier */
	int fd =
	    open(s->place->path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &s->before) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	raw = s->before;
	make_raw(&raw, s->place);
	if (tcsetattr(fd, TCSANOW, &raw) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	s->fd = fd;
	return 0;
}

void serial_close(struct sink *s)
{
	tcsetattr(s->fd, TCSANOW, &s->before);
}
