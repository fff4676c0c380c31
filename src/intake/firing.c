/* firing.c - see firing.h. */
#include "intake/firing.h"

enum {
	NO_SLOT = 63, /* nobody claims entries of the index */
	/* kept free behind each new record, so that any live one can be moved:
	 * it needs its own size, what is lost at the range's end, and what a
	 * new record may have lost there */
	FIRING_RESERVE = 3 * SPOOL_RECORD_MAX,
};

/* With live records in at most half of the ring, moving them makes room for the
 * largest new one and the reserve: otherwise dropping would never end. */
_Static_assert(FIRING_RESERVE + 3 * SPOOL_RECORD_MAX <= LIMIT_FIRING / 2,
	       "the ring of firing alerts is too small");

void firing_init(struct firing *f)
{
	spool_init(&f->ring, f->bytes, sizeof f->bytes, 1);
}

uint64_t firing_name(const struct hash *receiver, const struct alert *a)
{
	struct hash h = *receiver;
	hash_span(&h, a->labels_json);
	return hash_end(&h);
}

static void forget(struct firing *f, struct recall_entry *e, uint64_t bytes)
{
	recall_remove(&f->index, e);
	f->live_bytes -= bytes;
	f->count--;
}

/* The entry of the live record that ends at `end`, or NULL for a hole. */
static struct recall_entry *live(struct firing *f, const struct record *r,
				 uint64_t end)
{
	struct recall_entry *e = recall_find(&f->index, r->key, NO_SLOT);
	return e && e->position == end ? e : NULL;
}

/* Takes the oldest record away; a live one goes to the head again. */
static void drop_oldest(struct firing *f)
{
	struct record r;
	uint64_t end = f->ring.keep[0];
	if (!spool_get(&f->ring, &end, &r))
		return;
	struct recall_entry *e = live(f, &r, end);
	uint64_t need = spool_need(&r);
	/* beside the one that is moved: it is copied from its old place */
	bool fits = spool_fits(&f->ring, need, SPOOL_RECORD_MAX);
	spool_pass(&f->ring, 0, end);
	if (e == NULL)
		return;
	if (f->live_bytes > f->ring.size / 2) {
		forget(f, e, need);
		f->forgotten++;
		return;
	}
	ASSERT(fits);
	e->position = spool_put(&f->ring, &r);
}

void firing_note(struct firing *f, uint64_t name, const struct record *accepted,
		 bool resolved)
{
	struct recall_entry *e = recall_find(&f->index, name, NO_SLOT);
	if (e) {
		uint64_t bytes = (uint64_t)e->since_ms;
		if (!resolved && spool_has_json(&f->ring, e->position - bytes,
						accepted->json))
			return; /* a repeat tells nothing new */
		forget(f, e, bytes);
	}
	if (resolved)
		return;
	struct record r = *accepted;
	r.key = name;
	r.index = SPAN_NONE; /* pages are asked for seldom */
	uint64_t need = spool_need(&r);
	while (!spool_fits(&f->ring, need + FIRING_RESERVE, SPOOL_RECORD_MAX))
		drop_oldest(f);
	e = recall_add(&f->index, r.key);
	e->position = spool_put(&f->ring, &r);
	e->since_ms = (int64_t)need;
	f->live_bytes += need;
	f->count++;
}

bool firing_next(struct firing *f, uint64_t *position, struct record *r)
{
	if (*position < f->ring.keep[0])
		*position = f->ring.keep[0];
	while (spool_get(&f->ring, position, r))
		if (live(f, r, *position))
			return true;
	return false;
}
