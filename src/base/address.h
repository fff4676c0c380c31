/*
 * address.h - where to listen and who is there: numeric addresses as text.
 *
 * Pure. Names are not looked up: resolvers need files, a network and a heap.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include "base/text.h"

enum address_family {
	ADDRESS_INET,
	ADDRESS_INET6,
	ADDRESS_ANY, /* all of both, by one socket where the kernel can */
	ADDRESS_UNIX,
};

struct address {
	enum address_family family;
	unsigned char ip[16]; /* network byte order; the first 4 for INET */
	uint16_t port;
	char path[108]; /* of UNIX, zero-terminated; as long as sun_path */
};

/* A range of addresses: those whose first `bits` bits are these. */
struct range {
	enum address_family family; /* INET or INET6 */
	unsigned char ip[16];
	unsigned bits;
};

/* ADDRESS/BITS, or one ADDRESS (RFC 4632). */
/*@ requires span_ok(s) && \valid(out);
    assigns *out; */
bool address_read_range(struct span s, struct range *out);
bool address_in_range(const struct address *a, const struct range *r);

/* HOST:PORT with an IPv4 address or localhost, [v6]:PORT, :PORT, unix:PATH. */
bool address_read(struct span s, struct address *out);
/* The same form; IPv6 as RFC 5952 has it. */
void address_put(struct buf *b, const struct address *a);

#endif
