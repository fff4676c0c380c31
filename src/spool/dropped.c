/* dropped.c - what a sink that is gone gives up, for spool.h. A sink is down
 * for a while and drops records in a row; where it does that more often than
 * there is memory for, two such rows become one, and what lies between them,
 * and was written, may come to that sink twice. */
#include "spool/spool.h"

/*@ requires \valid(drop + (0 .. SPOOL_DROPS - 1));
    assigns drop[0 .. SPOOL_DROPS - 1]; */
static void begin_drop(struct spool_drop *drop, uint64_t at)
{
	struct spool_drop *last = &drop[SPOOL_DROPS - 1];
	if (last->to)
		drop[SPOOL_DROPS - 2].from = last->from;
	/*@ loop invariant i < SPOOL_DROPS;
	    loop assigns i, drop[1 .. SPOOL_DROPS - 1];
	    loop variant i; */
	for (unsigned i = SPOOL_DROPS - 1; i; i--)
		drop[i] = drop[i - 1];
	drop[0] = (struct spool_drop){at, at};
}

void spool_drop(struct spool *s, unsigned sink)
{
	struct spool_drop *drop = s->drop[sink];
	uint64_t to = s->cursor[sink];
	struct record r;
	if (!spool_get(s, &to, &r))
		return;
	if (drop[0].to != s->cursor[sink])
		begin_drop(drop, s->cursor[sink]);
	drop[0].to = to;
	spool_pass(s, sink, to);
}

bool spool_has_dropped(const struct spool *s, unsigned sink, uint64_t position)
{
	/*@ loop invariant i <= SPOOL_DROPS;
	    loop invariant \forall integer k; 0 <= k < i ==>
		!(s->drop[sink][k].from < position <= s->drop[sink][k].to);
	    loop assigns i;
	    loop variant SPOOL_DROPS - i; */
	for (unsigned i = 0; i < SPOOL_DROPS; i++) {
		const struct spool_drop *d = &s->drop[sink][i];
		if (position > d->from && position <= d->to)
			return true;
	}
	return false;
}

bool spool_has_dropped_from(const struct spool *s, unsigned sink,
			    uint64_t position)
{
	return position <= s->drop[sink][0].to;
}
