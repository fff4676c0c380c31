/*
 * recall.c - see recall.h.
 *
 * Invariant: an entry is either in exactly one bucket chain and in the chain of
 * age, or in the free list, or behind `used`.
 */
#include "intake/recall.h"

static struct recall_entry *at(struct recall *r, uint16_t index)
{
	return &r->entry[index - 1];
}

static uint16_t index_of(const struct recall *r, const struct recall_entry *e)
{
	return (uint16_t)(e - r->entry + 1);
}

static uint16_t *bucket_of(struct recall *r, uint64_t key)
{
	return &r->bucket[key % RECALL_BUCKETS];
}

struct recall_entry *recall_find(struct recall *r, uint64_t key, unsigned slot)
{
	int equal = 0;
	for (uint16_t i = *bucket_of(r, key); i; i = at(r, i)->next) {
		struct recall_entry *e = at(r, i);
		if (e->key != key)
			continue;
		if (!(e->claims >> slot & 1))
			return e;
		if (++equal == LIMIT_EQUAL_ALERTS)
			break;
	}
	return NULL;
}

/* Takes e out of its bucket and out of the order of age. */
static void unlink_entry(struct recall *r, struct recall_entry *e)
{
	*(e->previous ? &at(r, e->previous)->next : bucket_of(r, e->key)) =
	    e->next;
	if (e->next)
		at(r, e->next)->previous = e->previous;
	*(e->older ? &at(r, e->older)->newer : &r->oldest) = e->newer;
	*(e->newer ? &at(r, e->newer)->older : &r->newest) = e->older;
}

/* tests/model assumes that there is a free one. */
static struct recall_entry *take_entry(struct recall *r)
{
	struct recall_entry *e;
	if (r->free) {
		e = at(r, r->free);
		r->free = e->next;
	} else if (r->used < LIMIT_UNACKED) {
		e = &r->entry[r->used++];
	} else {
		e = at(r, r->oldest);
		unlink_entry(r, e);
	}
	return e;
}

struct recall_entry *recall_add(struct recall *r, uint64_t key)
{
	struct recall_entry *e = take_entry(r);
	uint16_t *bucket = bucket_of(r, key);
	uint16_t index = index_of(r, e);
	e->key = key;
	e->position = e->claims = 0;
	e->since_ms = 0;
	e->until_done = e->overflow = false;
	e->length = 0;
	e->next = *bucket;
	e->previous = 0;
	e->older = r->newest;
	e->newer = 0;
	e->serial = r->serial++;
	if (*bucket)
		at(r, *bucket)->previous = index;
	*bucket = index;
	*(r->newest ? &at(r, r->newest)->newer : &r->oldest) = index;
	r->newest = index;
	return e;
}

void recall_remove(struct recall *r, struct recall_entry *e)
{
	unlink_entry(r, e);
	e->next = r->free;
	r->free = index_of(r, e);
}

void recall_release(struct recall *r, unsigned slot, uint32_t from, bool forget,
		    int64_t now_ms)
{
	uint64_t bit = (uint64_t)1 << slot;
	/* most of them are among the newest; there may be thousands of others
	 * that nobody ever claims again */
	for (uint16_t i = r->newest, older; i; i = older) {
		struct recall_entry *e = at(r, i);
		older = e->older;
		if (recall_is_before(e->serial, from))
			break;
		if (!(e->claims & bit))
			continue;
		e->claims &= ~bit;
		e->since_ms = now_ms;
		if (forget)
			recall_remove(r, e);
	}
}
