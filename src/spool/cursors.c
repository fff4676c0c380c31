/*
 * cursors.c - how far each sink has come, for spool.h.
 *
 * Invariant between calls: keep <= cursor <= head, for each sink.
 */
#include "spool/spool.h"

/*@ requires \valid_read(s) && cursor_ok(s, sink);
    assigns \nothing; */
static void check(const struct spool *s, unsigned sink)
{
	ASSERT(s->keep[sink] <= s->cursor[sink] && s->cursor[sink] <= s->head);
}

void spool_advance(struct spool *s, unsigned sink, uint64_t to, bool begun)
{
	ASSERT(to >= s->cursor[sink]);
	s->cursor[sink] = to;
	s->begun[sink] = begun;
	check(s, sink);
}

void spool_settle(struct spool *s, unsigned sink, uint64_t to)
{
	ASSERT(to >= s->keep[sink]);
	s->keep[sink] = to;
	check(s, sink);
}

void spool_pass(struct spool *s, unsigned sink, uint64_t to)
{
	ASSERT(s->keep[sink] == s->cursor[sink]);
	ASSERT(to >= s->cursor[sink]);
	s->cursor[sink] = s->keep[sink] = to;
	check(s, sink);
}

void spool_rewind(struct spool *s, unsigned sink)
{
	s->cursor[sink] = s->keep[sink];
	s->begun[sink] = false;
}

void spool_leave_line(struct spool *s, unsigned sink, uint64_t to)
{
	spool_advance(s, sink, to, false);
	s->unfinished[sink] = to;
}

void spool_finish_line(struct spool *s, unsigned sink)
{
	ASSERT(s->unfinished[sink]);
	s->unfinished[sink] = 0;
}

void spool_note_untold(struct spool *s, unsigned sink, uint64_t alerts)
{
	s->untold[sink] = alerts;
}
