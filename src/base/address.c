/* address.c - see address.h. */
#include "base/address.h"

#include <string.h>

static bool read_port(struct span s, uint16_t *port)
{
	uint64_t v;
	if (!span_u64(s, &v) || v > 65535)
		return false;
	*port = (uint16_t)v;
	return true;
}

/* Four numbers of at most 255 between dots, no leading zeros. */
static bool read_ipv4(struct span s, unsigned char *ip)
{
	struct span part;
	int n = 0;
	while (span_split(&s, '.', &part)) {
		uint64_t v;
		if (n == 4 || !span_u64(part, &v) || v > 255 ||
		    (part.n > 1 && part.p[0] == '0'))
			return false;
		ip[n++] = (unsigned char)v;
	}
	return n == 4;
}

/* Up to `max` groups of 16 bits between colons; false where it is no such list.
 * *n counts them. At the address's end, two may be written as IPv4. */
static bool read_groups(struct span s, unsigned char *ip, size_t max, size_t *n,
			bool at_end)
{
	struct span group;
	*n = 0;
	if (s.n == 0)
		return true;
	while (span_split(&s, ':', &group)) {
		unsigned v = 0;
		if (at_end && s.p == NULL && *n + 2 <= max && group.n > 4 &&
		    read_ipv4(group, ip + 2 * *n)) {
			*n += 2;
			return true;
		}
		if (*n == max || group.n == 0 || group.n > 4)
			return false;
		for (size_t i = 0; i < group.n; i++) {
			int digit = hex_digit(group.p[i]);
			if (digit < 0)
				return false;
			v = v << 4 | (unsigned)digit;
		}
		ip[2 * *n] = (unsigned char)(v >> 8);
		ip[2 * *n + 1] = (unsigned char)(v & 0xff);
		++*n;
	}
	return true;
}

/* RFC 4291 2.2. */
static bool read_ipv6(struct span s, unsigned char *ip)
{
	unsigned char tail[16];
	size_t head_n, tail_n, gap;
	memset(ip, 0, 16);
	for (gap = 0; gap + 1 < s.n; gap++)
		if (s.p[gap] == ':' && s.p[gap + 1] == ':')
			break;
	if (gap + 1 >= s.n)
		return read_groups(s, ip, 8, &head_n, true) && head_n == 8;
	if (!read_groups((struct span){s.p, gap}, ip, 7, &head_n, false) ||
	    !read_groups(span_skip(s, gap + 2), tail, 7 - head_n, &tail_n,
			 true))
		return false;
	memcpy(ip + 16 - 2 * tail_n, tail, 2 * tail_n);
	return true;
}

bool address_read(struct span s, struct address *a)
{
	static const unsigned char loopback[4] = {127, 0, 0, 1};
	*a = (struct address){.family = ADDRESS_INET};
	if (span_starts(s, SPAN("unix:"))) {
		s = span_skip(s, 5);
		if (s.n == 0 || s.n >= sizeof a->path)
			return false;
		a->family = ADDRESS_UNIX;
		memcpy(a->path, s.p, s.n);
		return true;
	}
	size_t colon = s.n;
	while (colon && s.p[colon - 1] != ':')
		colon--;
	if (colon == 0 || !read_port(span_skip(s, colon), &a->port))
		return false;
	struct span host = {s.p, colon - 1};
	if (host.n == 0) {
		a->family = ADDRESS_ANY;
		return true;
	}
	if (host.p[0] == '[' && host.p[host.n - 1] == ']') {
		a->family = ADDRESS_INET6;
		return read_ipv6((struct span){host.p + 1, host.n - 2}, a->ip);
	}
	if (span_eq(host, SPAN("localhost"))) {
		memcpy(a->ip, loopback, sizeof loopback);
		return true;
	}
	return read_ipv4(host, a->ip);
}

static void put_ipv6(struct buf *b, const unsigned char *ip)
{
	size_t best = 8, best_n = 1; /* a gap has two groups at least */
	for (size_t i = 0; i < 8; i++) {
		size_t n = 0;
		while (i + n < 8 && !ip[2 * (i + n)] && !ip[2 * (i + n) + 1])
			n++;
		if (n > best_n) {
			best = i;
			best_n = n;
		}
	}
	for (size_t i = 0; i < 8; i++) {
		if (i == best) {
			buf_str(b, "::");
			i += best_n - 1;
			continue;
		}
		if (i && i != best + best_n)
			buf_char(b, ':');
		buf_padded(b, (uint64_t)ip[2 * i] << 8 | ip[2 * i + 1], 16, 1);
	}
}

void address_put(struct buf *b, const struct address *a)
{
	switch (a->family) {
	case ADDRESS_UNIX:
		buf_str(b, "unix:");
		text_show(b, span_of(a->path), sizeof a->path);
		return;
	case ADDRESS_ANY:
		break;
	case ADDRESS_INET6:
		buf_char(b, '[');
		put_ipv6(b, a->ip);
		buf_char(b, ']');
		break;
	case ADDRESS_INET:
		for (int i = 0; i < 4; i++) {
			if (i)
				buf_char(b, '.');
			buf_u64(b, a->ip[i]);
		}
		break;
	}
	buf_char(b, ':');
	buf_u64(b, a->port);
}

bool address_read_range(struct span s, struct range *r)
{
	struct span ip;
	uint64_t bits;
	*r = (struct range){.family = ADDRESS_INET};
	span_split(&s, '/', &ip);
	if (!read_ipv4(ip, r->ip)) {
		r->family = ADDRESS_INET6;
		if (!read_ipv6(ip, r->ip))
			return false;
	}
	unsigned most = r->family == ADDRESS_INET ? 32 : 128;
	r->bits = most;
	if (s.p == NULL)
		return true;
	if (!span_u64(s, &bits) || bits > most)
		return false;
	r->bits = (unsigned)bits;
	return true;
}

bool address_in_range(const struct address *a, const struct range *r)
{
	if (a->family != r->family)
		return false;
	for (unsigned i = 0; i < r->bits; i += 8) {
		unsigned rest = r->bits - i < 8 ? r->bits - i : 8;
		unsigned mask = 0xff00U >> rest & 0xff;
		if ((unsigned)(a->ip[i / 8] ^ r->ip[i / 8]) & mask)
			return false;
	}
	return true;
}
