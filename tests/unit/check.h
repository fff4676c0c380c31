/*
 * check.h - what the unit tests share: cmocka, and checks that say which row
 * of a table failed.
 */
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* Fails with a message unless `good`. */
#define CHECK(good, ...)                       \
	do {                                   \
		if (!(good))                   \
			fail_msg(__VA_ARGS__); \
	} while (0)

#define CHECK_SPAN(got, want, ...)                                 \
	do {                                                       \
		char place_[256];                                  \
		snprintf(place_, sizeof place_, __VA_ARGS__);      \
		check_span(got, want, place_, __FILE__, __LINE__); \
	} while (0)

static inline void check_span(struct span got, struct span want,
			      const char *place, const char *file, int line)
{
	if (got.n == want.n && (got.p == NULL) == (want.p == NULL) &&
	    (got.n == 0 || memcmp(got.p, want.p, got.n) == 0))
		return;
	print_error("%s\n     got: %s%.*s\n  wanted: %s%.*s\n", place,
		    got.p ? "" : "(absent)", (int)got.n, got.p ? got.p : "",
		    want.p ? "" : "(absent)", (int)want.n,
		    want.p ? want.p : "");
	_fail(file, line);
}

/* Does f end the process by an ASSERT? Tried in a process of its own. */
static inline bool traps(void (*f)(void))
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGILL, SIG_DFL); /* cmocka would take it for its own */
		signal(SIGTRAP, SIG_DFL);
		f();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) &&
	       (WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP);
}

/* A copy of exactly s.n bytes, so that a sanitizer sees what is read beyond. */
static inline char *copy_of(struct span s)
{
	char *copy = malloc(s.n ? s.n : 1);
	assert_non_null(copy);
	if (s.n)
		memcpy(copy, s.p, s.n);
	return copy;
}

/* Numbers that look random and are the same every time (xorshift64). */
static inline uint64_t next_number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
