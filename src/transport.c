/* transport.c - see transport.h: plain TCP and unix sockets. */
#include "transport.h"

void transport_open(struct transport *t, int fd)
{
	t->fd = fd;
}

long transport_read(struct transport *t, char *p, size_t n)
{
	return os_read(t->fd, p, n);
}

long transport_write(struct transport *t, struct span s)
{
	return os_write(t->fd, s.p, s.n);
}

void transport_end(struct transport *t)
{
	os_end_output(t->fd);
}

void transport_close(struct transport *t)
{
	os_close(t->fd);
}
