/*
 * member.h - the members of an alert, and what their values say.
 *
 * Pure.
 */
#ifndef ALERT_MEMBER_H
#define ALERT_MEMBER_H

#include "json/json.h"

enum alert_status {
	ALERT_INHERITS, /* says nothing: the payload's status counts */
	ALERT_FIRING,
	ALERT_RESOLVED,
};

/* The members that bellwire reads; each may stand once. */
enum member {
	MEMBER_STATUS,
	MEMBER_LABELS,
	MEMBER_ANNOTATIONS,
	MEMBER_STARTS_AT,
	MEMBER_ENDS_AT,
	MEMBER_GENERATOR_URL,
	MEMBER_FINGERPRINT,
	MEMBER_OTHER,
};

/* Their names as they mostly stand there, with quotes and colon; 8 to 16 bytes
 * each. */
extern const struct span alert_quoted[MEMBER_OTHER];

/* What a name has between its quotes, where `value` begins behind its colon. */
/*@ requires value >= 3;
    assigns \nothing;
    ensures \result.p == p + 1 && \result.n == value - 3; */
static inline struct span alert_inside_name(const char *p, size_t value)
{
	return (struct span){p + 1, value - SPAN("\"\":").n};
}

/*@ requires 0 <= m < MEMBER_OTHER && alert_quoted[m].n >= 3;
    assigns \nothing; */
static inline struct span alert_member_name(enum member m)
{
	return alert_inside_name(alert_quoted[m].p, alert_quoted[m].n);
}

/* The member that a name (the inside of its string) stands for. */
enum member alert_member(struct span name);

/* Of a raw JSON value: */
/* the inside of a string; absent for null and for absent. */
struct span alert_text(struct span value);
bool alert_is_null(struct span value);
/* "firing" or "resolved", or null, which inherits; false: none of them. */
bool alert_read_status(struct span value, enum alert_status *status);

#endif
