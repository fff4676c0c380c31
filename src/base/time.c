/* time.c - see time.h. No state. */
#include "base/time.h"

struct date {
	uint64_t year;
	unsigned month, day, hour, minute, second, weekday; /* Sunday is 0 */
};

/* Days to civil date in the proleptic Gregorian calendar: counts from 1 March
 * of year 0, so that the leap day is the last day of a year; an era is 400
 * years, 146097 days. */
/*@ assigns \nothing;
    ensures 1 <= \result.month <= 12 && \result.weekday <= 6; */
static struct date date_of(int64_t unix_s)
{
	int64_t days = unix_s / 86400, rest = unix_s % 86400;
	if (rest < 0) {
		rest += 86400;
		days--;
	}
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	unsigned month = mp < 10 ? mp + 3 : mp - 9;
	unsigned s = (unsigned)rest;
	int64_t year = era * 400 + (int64_t)yoe + (month <= 2);
	return (struct date){
	    .year = year < 0 ? 0 : (uint64_t)year,
	    .month = month,
	    .day = doy - (153 * mp + 2) / 5 + 1,
	    .hour = s / 3600,
	    .minute = s / 60 % 60,
	    .second = s % 60,
	    .weekday = (unsigned)((days % 7 + 11) % 7),
	};
}

/* The last two digits of a number. */
/*@ requires buf_ok(b);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
static void put_two(struct buf *b, unsigned v)
{
	buf_char(b, (char)('0' + v / 10 % 10));
	buf_char(b, (char)('0' + v % 10));
}

/*@ requires buf_ok(b) && \valid_read(d);
    assigns b->n, b->cut, b->p[b->n .. b->cap - 1];
    ensures grown{Pre, Post}(b); */
static void put_clock(struct buf *b, const struct date *d)
{
	put_two(b, d->hour);
	buf_char(b, ':');
	put_two(b, d->minute);
	buf_char(b, ':');
	put_two(b, d->second);
}

void time_put_utc(struct buf *b, int64_t unix_s)
{
	struct date d = date_of(unix_s);
	buf_padded(b, d.year, 10, 4);
	buf_char(b, '-');
	put_two(b, d.month);
	buf_char(b, '-');
	put_two(b, d.day);
	buf_char(b, 'T');
	put_clock(b, &d);
	buf_char(b, 'Z');
}

void time_put_http_date(struct buf *b, int64_t unix_s)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct date d = date_of(unix_s);
	buf_put(b, (struct span){days + (size_t)d.weekday * 3, 3});
	buf_put(b, SPAN(", "));
	put_two(b, d.day);
	buf_char(b, ' ');
	buf_put(b, (struct span){months + (size_t)(d.month - 1) * 3, 3});
	buf_char(b, ' ');
	buf_padded(b, d.year, 10, 4);
	buf_char(b, ' ');
	put_clock(b, &d);
	buf_put(b, SPAN(" GMT"));
}

int64_t time_days(int64_t year, int64_t month, int64_t day)
{
	/* years begin in March here, so that a leap day is their last: month m
	 * of them begins on day (153 m + 2) / 5 */
	int64_t y = month > 2 ? year : year - 1;
	int64_t m = month > 2 ? month - 3 : month + 9;
	return y * 365 + (y + 400) / 4 - (y + 400) / 100 + (y + 400) / 400 +
	       (153 * m + 2) / 5 + day - 719566;
}
