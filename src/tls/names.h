/*
 * names.h - is a name within what its issuer may vouch for? RFC 5280 4.2.1.10,
 * name constraints, whether critical or not.
 *
 * Pure. Judged are DNS names, e-mail addresses, URIs, IP addresses and the
 * subject, letters without regard to case, and in a subject no more regard to
 * spaces than RFC 5280 7.1 has. A limit of another form, or with a minimum or a
 * maximum, holds nobody within.
 */
#ifndef TLS_NAMES_H
#define TLS_NAMES_H

#include "base/text.h"

/* The names of a certificate. */
struct names {
	struct span subject;      /* whole */
	struct span alternatives; /* inside of the list, or absent */
	bool leaf; /* without DNS names its CN is one if it looks so */
};

/* limits: inside of nameConstraints, or absent. *left is how many comparisons
 * are still to be had, and is taken from; without any nothing is within. */
/*@ requires span_ok(limits) && \valid_read(names);
    requires span_ok(names->subject) && span_ok(names->alternatives);
    requires \valid(left) && \separated(left, names);
    assigns *left; */
bool names_within(struct span limits, const struct names *names,
		  unsigned *left);

#endif
