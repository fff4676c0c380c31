/*
 * states.h - the containers and states of json.h, for json.c and unseen.c.
 */
#ifndef JSON_STATES_H
#define JSON_STATES_H

#include "json/json.h"

/*@ predicate in_number(integer state) =
	JSON_IN_MINUS <= state <= JSON_IN_EXPONENT; */

/*@ assigns \nothing; */
static inline bool json_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Is the innermost container an object? */
/*@ requires \valid_read(j) && 0 < j->depth <= LIMIT_JSON_DEPTH;
    assigns \nothing; */
static inline bool json_in_object(const struct json *j)
{
	return j->objects >> (j->depth - 1) & 1;
}

/* An object or an array begins. */
/*@ requires \valid(j) && j->depth < LIMIT_JSON_DEPTH;
    assigns j->objects, j->depth, j->state;
    ensures json_ok(j) && j->depth == \old(j->depth) + 1;
    ensures !in_number(j->state); */
static inline void json_enter(struct json *j, bool object)
{
	uint64_t bit = (uint64_t)1 << j->depth;
	j->objects = object ? j->objects | bit : j->objects & ~bit;
	j->depth++;
	j->state = object ? JSON_WANT_KEY_OR_END : JSON_WANT_VALUE_OR_END;
}

/* In unseen.c: of p[0..n), at which the validator stands, the tokens of which
 * nothing is to be reported, as long as they come whole, without blanks, and as
 * they mostly are. Returns where that ends; j->offset is left to the caller. */
/*@ requires json_ok(j) && j->depth > j->report_depth;
    requires \valid_read(p + (0 .. n - 1));
    assigns j->objects, j->depth, j->state;
    ensures json_ok(j) && \result <= n;
    ensures \result == 0 ==> j->state == \old(j->state);
    ensures in_number(j->state) ==> \result == 0; */
size_t json_pass_unseen(struct json *j, const char *p, size_t n);

#endif
