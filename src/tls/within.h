/*
 * within.h - is one name within one limit? RFC 5280 4.2.1.10, form by form.
 *
 * Pure.
 */
#ifndef TLS_WITHIN_H
#define TLS_WITHIN_H

#include "base/text.h"

/* The tags of GeneralName, RFC 5280 4.2.1.6. */
enum name_form {
	NAME_EMAIL = 0x81,
	NAME_DNS = 0x82,
	NAME_DIRECTORY = 0xa4,
	NAME_URI = 0x86,
	NAME_IP = 0x87,
};

/* Whoever knows neither does not let in: a permitted name is a YES, one that is
 * not excluded a NO. */
enum within { WITHIN_NO, WITHIN_YES, WITHIN_UNKNOWN };

/* Names of another form than these are UNKNOWN. */
/*@ requires span_ok(name) && span_ok(base);
    assigns \nothing; */
enum within name_within(unsigned form, struct span name, struct span base);

#endif
