/* test_window.c - window.h against two lists of bytes: the body that is not
 * dropped yet, and what came and was not looked at. */
#include "check.h"

#include "conn/window.h"

enum { ROUNDS = 20000, MOST = WINDOW_BYTES };

static struct window window;
static char body[MOST], raw[MOST];
static size_t body_n, raw_n;

static void check(void)
{
	CHECK_SPAN(window_body(&window), ((struct span){body, body_n}), "body");
	CHECK_SPAN(window_raw(&window), ((struct span){raw, raw_n}), "raw");
}

/* Takes n bytes off the front of a list. */
static void drop(char *list, size_t *count, size_t n)
{
	*count -= n;
	memmove(list, list + n, *count);
}

/* Framing of some bytes, then `n` of the body, as http_body_next() finds it. */
static void take(size_t framing, size_t n)
{
	struct span in = window_raw(&window);
	struct span piece = {in.p + framing, n};
	window_take(&window, span_skip(in, framing + n));
	window_append(&window, piece);
	memcpy(body + body_n, raw + framing, n);
	body_n += n;
	drop(raw, &raw_n, framing + n);
}

static void receive(uint64_t *seed, size_t most)
{
	size_t room, n = next_number(seed) % most;
	char *p = window_room(&window, &room);
	CHECK(room == 0 || p == window.bytes + window.filled, "room");
	/* there is room for all that is not in use */
	CHECK(window.filled < sizeof window.bytes ||
		  body_n + raw_n == sizeof window.bytes,
	      "%zu of %zu bytes in use", body_n + raw_n, sizeof window.bytes);
	if (n > room)
		n = room;
	for (size_t i = 0; i < n; i++)
		p[i] = raw[raw_n++] = (char)(next_number(seed) & 0xff);
	window_received(&window, n);
}

static void does_as_the_model(void **state)
{
	uint64_t seed = 5, moves = 0;
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		memset(&window, 0xa5, sizeof window);
		window_clear(&window);
		body_n = raw_n = 0;
		for (int round = 0; round < ROUNDS / 4; round++) {
			/* large pieces, small ones, no framing, much of it */
			size_t most = kind & 1 ? 9000 : 200;
			size_t begin = window.begin;
			receive(&seed, most);
			check();
			moves += window.begin < begin;
			if (raw_n) {
				size_t some = next_number(&seed) % raw_n;
				size_t framing =
				    kind & 2 ? next_number(&seed) % 9 : 0;
				if (framing > raw_n - some)
					framing = raw_n - some;
				take(framing, some);
			}
			check();
			if (next_number(&seed) % 2) {
				size_t n = next_number(&seed) % (body_n + 1);
				window_drop(&window, n);
				drop(body, &body_n, n);
			} else if (next_number(&seed) % 8 == 0 ||
				   body_n > MOST / 2) {
				window_drop_body(&window);
				body_n = 0;
			}
			check();
		}
	}
	assert_true(moves > 100);
}

/* Full of body and of what came behind it: no room, and nothing moves. */
static void has_no_room(void **state)
{
	uint64_t seed = 1;
	size_t room;
	(void)state;
	window_clear(&window);
	body_n = raw_n = 0;
	while (window_room(&window, &room), room)
		receive(&seed, MOST);
	take(0, 1000);
	window_room(&window, &room);
	assert_int_equal(room, 0);
	check();
	window_drop(&window, 10);
	drop(body, &body_n, 10);
	window_room(&window, &room);
	assert_int_equal(room, 10);
	check();
}

static void wipes(void **state)
{
	size_t room;
	(void)state;
	window_clear(&window);
	memcpy(window_room(&window, &room), "a secret b", 10);
	window_received(&window, 10);
	struct span in = window_raw(&window);
	window_wipe(&window, (struct span){in.p + 2, 6});
	CHECK_SPAN(window_raw(&window), SPAN("a \0\0\0\0\0\0 b"), "wiped");
	window_wipe(&window, SPAN_NONE);
	CHECK_SPAN(window_raw(&window), SPAN("a \0\0\0\0\0\0 b"), "nothing");
}

static size_t wrong; /* bytes too many */

static void receives_more_than_room(void)
{
	size_t room;
	window_clear(&window);
	window_room(&window, &room);
	window_received(&window, room + wrong);
}

static void takes_more_than_raw(void)
{
	window_clear(&window);
	window_received(&window, 10);
	window_take(&window, (struct span){window.bytes, 10 + wrong});
}

static void appends_more_than_taken(void)
{
	window_clear(&window);
	window_received(&window, 10);
	window_take(&window, (struct span){window.bytes + 5, 5});
	window_append(&window, (struct span){window.bytes, 5 + wrong});
}

static void drops_more_than_body(void)
{
	window_clear(&window);
	window_received(&window, 10);
	window_take(&window, (struct span){window.bytes + 5, 5});
	window_append(&window, (struct span){window.bytes, 5});
	window_drop(&window, 1);
	window_drop(&window, 4 + wrong);
}

static void traps_on_misuse(void **state)
{
	static void (*const misuse[])(void) = {
	    receives_more_than_room, takes_more_than_raw,
	    appends_more_than_taken, drops_more_than_body};
	(void)state;
	for (size_t i = 0; i < COUNT(misuse); i++) {
		wrong = 0;
		CHECK(!traps(misuse[i]), "row %zu", i);
		wrong = 1;
		CHECK(traps(misuse[i]), "row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(does_as_the_model),
	    cmocka_unit_test(has_no_room),
	    cmocka_unit_test(wipes),
	    cmocka_unit_test(traps_on_misuse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
