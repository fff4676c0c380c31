/*
 * time.h - moments, and dates as text.
 *
 * Pure: nobody here asks a clock.
 */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include "base/text.h"

/* When something happens, on both clocks. */
struct moment {
	int64_t ms; /* monotonic */
	int64_t s;  /* since 1970 */
};

/* Seconds since 1970 as 2026-11-24T01:55:52Z (RFC 3339); a year before 0 is
 * written as 0. */
/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void time_put_utc(struct buf *b, int64_t unix_s);
/* The same as an HTTP date, RFC 9110 5.6.7: Tue, 24 Nov 2026 01:55:52 GMT. */
/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
void time_put_http_date(struct buf *b, int64_t unix_s);

/* Days since 1970 of a date in the Gregorian calendar. */
/*@ requires 0 <= year <= 9999 && 1 <= month <= 12 && 1 <= day <= 31;
    assigns \nothing;
    ensures -800000 <= \result <= 3000000; */
int64_t time_days(int64_t year, int64_t month, int64_t day);

#endif
