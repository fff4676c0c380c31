/* test_cursors.c - spool.h: how far each sink has come, and that positions
 * which are not in order are never taken. */
#include "check.h"

#include "spool/spool.h"

enum { RING = 2 * SPOOL_RECORD_MAX / 8 * 8 + 8, SINK = 1, UNTOUCHED = 7 };

enum call { ADVANCE, BEGIN, SETTLE, PASS, REWIND, LEAVE, FINISH };

static char ring[RING];
static struct spool spool;

/* A call, and what it makes of these positions; else it traps. */
static const struct row {
	enum call call;
	uint64_t keep, cursor, head, to;
	bool traps;
	uint64_t new_keep, new_cursor, unfinished;
	bool begun;
} table[] = {
    {ADVANCE, 8, 16, 32, 24, false, 8, 24, UNTOUCHED, false},
    {ADVANCE, 8, 16, 32, 16, false, 8, 16, UNTOUCHED, false},
    {ADVANCE, 8, 16, 32, 32, false, 8, 32, UNTOUCHED, false},
    {ADVANCE, 8, 16, 32, 40, .traps = true},
    {ADVANCE, 8, 16, 32, 8, .traps = true},
    {BEGIN, 8, 16, 32, 24, false, 8, 24, UNTOUCHED, true},
    {BEGIN, 8, 16, 32, 16, false, 8, 16, UNTOUCHED, true},
    {SETTLE, 8, 16, 32, 8, false, 8, 16, UNTOUCHED, true},
    {SETTLE, 8, 24, 32, 16, false, 16, 24, UNTOUCHED, true},
    {SETTLE, 8, 16, 32, 16, false, 16, 16, UNTOUCHED, true},
    {SETTLE, 8, 16, 32, 24, .traps = true},
    {SETTLE, 8, 16, 32, 0, .traps = true},
    {PASS, 16, 16, 32, 24, false, 24, 24, UNTOUCHED, true},
    {PASS, 16, 16, 32, 32, false, 32, 32, UNTOUCHED, true},
    {PASS, 16, 16, 32, 40, .traps = true},
    {PASS, 16, 16, 32, 8, .traps = true},
    {PASS, 8, 16, 32, 24, .traps = true},
    {REWIND, 8, 24, 32, 0, false, 8, 8, UNTOUCHED, false},
    {REWIND, 16, 16, 32, 0, false, 16, 16, UNTOUCHED, false},
    {LEAVE, 8, 16, 32, 24, false, 8, 24, 24, false},
    {LEAVE, 8, 16, 32, 32, false, 8, 32, 32, false},
    {LEAVE, 8, 16, 32, 40, .traps = true},
    {LEAVE, 8, 16, 32, 8, .traps = true},
    {FINISH, 8, 16, 32, 0, false, 8, 16, 0, true},
};

static const struct row *row;

static void calls(void)
{
	spool_init(&spool, ring, sizeof ring, 2);
	spool.keep[SINK] = row->keep;
	spool.cursor[SINK] = row->cursor;
	spool.head = row->head;
	spool.begun[SINK] = row->call != BEGIN;
	spool.unfinished[SINK] = UNTOUCHED;
	switch (row->call) {
	case ADVANCE:
	case BEGIN:
		spool_advance(&spool, SINK, row->to, row->call == BEGIN);
		break;
	case SETTLE:
		spool_settle(&spool, SINK, row->to);
		break;
	case PASS:
		spool_pass(&spool, SINK, row->to);
		break;
	case REWIND:
		spool_rewind(&spool, SINK);
		break;
	case LEAVE:
		spool_leave_line(&spool, SINK, row->to);
		break;
	case FINISH:
		spool_finish_line(&spool, SINK);
		break;
	}
}

static void moves_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		row = &table[i];
		CHECK(traps(calls) == row->traps, "row %zu", i);
		if (row->traps)
			continue;
		calls();
		CHECK(spool.keep[SINK] == row->new_keep &&
			  spool.cursor[SINK] == row->new_cursor &&
			  spool.unfinished[SINK] == row->unfinished &&
			  spool.begun[SINK] == row->begun,
		      "row %zu", i);
		CHECK(spool.head == row->head && spool.keep[0] == 0 &&
			  spool.cursor[0] == 0 && !spool.begun[0] &&
			  spool.unfinished[0] == 0,
		      "row %zu: another sink", i);
	}
}

static void finishes_nothing(void)
{
	spool_init(&spool, ring, sizeof ring, 2);
	spool_finish_line(&spool, SINK);
}

static void notes(void **state)
{
	(void)state;
	assert_true(traps(finishes_nothing));
	spool_init(&spool, ring, sizeof ring, 2);
	assert_false(spool.wanted);
	spool_want(&spool);
	assert_true(spool.wanted);
	spool_note_untold(&spool, SINK, 3);
	assert_int_equal(spool.untold[SINK], 3);
	spool_note_untold(&spool, SINK, 1);
	assert_int_equal(spool.untold[SINK], 1);
	assert_int_equal(spool.untold[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(moves_in_order),
	    cmocka_unit_test(notes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
