/*
 * spool.c - see spool.h.
 *
 * A record, little-endian on every machine:
 *
 *	 0 u32 length, all of it, a multiple of 8
 *	 4 u32 kind
 *	 8 u64 key
 *	16 u64 count
 *	24 i64 received_s
 *	32 u32 length of receiver, ~0 if absent; then groupKey, externalURL
 *	44 u32 status of the envelope
 *	48 u32 length of the alert's JSON
 *	52 zero to 64
 *	64 receiver, groupKey, externalURL, JSON; zero to the length
 *
 * Invariants: tail <= head <= tail + size; records stand back to back from the
 * tail to the head; a record never crosses the range's end.
 */
#include "spool.h"

#include <string.h>

enum { ABSENT = -1 };

static void put_u32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> 8 * i & 0xff);
}

static void put_u64(char *p, uint64_t v)
{
	put_u32(p, (uint32_t)(v & 0xffffffff));
	put_u32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get_u32(const char *p)
{
	uint32_t v = 0;
	for (int i = 4; i-- > 0;)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

static uint64_t get_u64(const char *p)
{
	return (uint64_t)get_u32(p + 4) << 32 | get_u32(p);
}

void spool_init(struct spool *s, char *ring, uint64_t size, unsigned cursors)
{
	ASSERT(size % 8 == 0 && size >= 2 * SPOOL_RECORD_MAX);
	*s = (struct spool){.ring = ring, .size = size, .cursors = cursors};
}

uint64_t spool_need(const struct record *r)
{
	uint64_t n = SPOOL_HEADER + r->envelope.receiver.n +
		     r->envelope.group_key.n + r->envelope.external_url.n +
		     r->json.n;
	return (n + 7) / 8 * 8;
}

uint64_t spool_tail(const struct spool *s)
{
	uint64_t tail = s->head;
	for (unsigned i = 0; i < s->cursors; i++)
		if (s->cursor[i] < tail)
			tail = s->cursor[i];
	return tail;
}

uint64_t spool_used(const struct spool *s)
{
	return s->head - spool_tail(s);
}

bool spool_could_fit(const struct spool *s, uint64_t total, uint64_t largest)
{
	return total + largest <= s->size;
}

bool spool_fits(const struct spool *s, uint64_t total, uint64_t largest)
{
	return total + largest <= s->size - spool_used(s);
}

static char *place(const struct spool *s, uint64_t position)
{
	return s->ring + position % s->size;
}

static char *put_text(char *p, char *length, struct span s)
{
	put_u32(length, s.p ? (uint32_t)s.n : (uint32_t)ABSENT);
	if (s.n)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

static uint64_t until_end(const struct spool *s, uint64_t position)
{
	return s->size - position % s->size;
}

uint64_t spool_put(struct spool *s, const struct record *r)
{
	uint64_t need = spool_need(r), rest = until_end(s, s->head);
	ASSERT(spool_fits(s, need, need));
	if (need > rest) {
		/* the end is a multiple of 8 away, so 8 bytes are there */
		char *pad = place(s, s->head);
		put_u32(pad, (uint32_t)rest);
		put_u32(pad + 4, RECORD_PAD);
		s->head += rest;
	}
	char *h = place(s, s->head);
	memset(h, 0, SPOOL_HEADER);
	put_u32(h, (uint32_t)need);
	put_u32(h + 4, (uint32_t)r->kind);
	put_u64(h + 8, r->key);
	put_u64(h + 16, r->count);
	put_u64(h + 24, (uint64_t)r->received_s);
	char *p = h + SPOOL_HEADER;
	p = put_text(p, h + 32, r->envelope.receiver);
	p = put_text(p, h + 36, r->envelope.group_key);
	p = put_text(p, h + 40, r->envelope.external_url);
	put_u32(h + 44, (uint32_t)r->envelope.status);
	p = put_text(p, h + 48, r->json);
	memset(p, 0, (size_t)(h + need - p));
	s->head += need;
	return s->head;
}

static struct span get_text(const char **p, const char *length)
{
	uint32_t n = get_u32(length);
	if (n == (uint32_t)ABSENT)
		return SPAN_NONE;
	struct span s = {*p, n};
	*p += n;
	return s;
}

bool spool_get(const struct spool *s, uint64_t *position, struct record *r)
{
	const char *h;
	for (;;) {
		if (*position == s->head)
			return false;
		h = place(s, *position);
		*position += get_u32(h);
		if (get_u32(h + 4) != RECORD_PAD)
			break;
	}
	const char *p = h + SPOOL_HEADER;
	*r = (struct record){
	    .kind = (enum record_kind)get_u32(h + 4),
	    .key = get_u64(h + 8),
	    .count = get_u64(h + 16),
	    .received_s = (int64_t)get_u64(h + 24),
	};
	r->envelope.receiver = get_text(&p, h + 32);
	r->envelope.group_key = get_text(&p, h + 36);
	r->envelope.external_url = get_text(&p, h + 40);
	r->envelope.status = (enum alert_status)get_u32(h + 44);
	r->json = get_text(&p, h + 48);
	return true;
}
