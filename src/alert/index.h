/*
 * index.h - what alert.c shares with read.c: the layout of an alert's
 * index.
 *
 * An index, each number as two bytes: the status; how many other members there
 * are; the first label and how many; the first annotation and how many; offset
 * and length of six values, in the order of enum member; then the labels and
 * annotations as they came, each as offset and length of the insides of its
 * name and its value. Offset and length are one number of four bytes, in the
 * machine's own order: no other process reads them. It is 0 for an absent
 * value, as none stands where the alert itself begins.
 */
#ifndef ALERT_INDEX_H
#define ALERT_INDEX_H

#include "alert/alert.h"
#include "base/bytes.h"

enum {
	INDEX_AT_STATUS = 0,
	INDEX_AT_OTHERS = 2,
	INDEX_AT_GROUPS = 4, /* the labels', then the annotations' */
	INDEX_AT_VALUES = 12,
	INDEX_AT_PAIRS = 36,
	GROUP_BYTES = 4,
	SPAN_BYTES = 4,
	PAIR_BYTES = 2 * SPAN_BYTES,
};

_Static_assert(ALERT_INDEX == INDEX_AT_PAIRS + 2 * LIMIT_LABELS * PAIR_BYTES,
	       "as alert.h has it");

/* Where the value of a member but the status stands in an index. */
static inline size_t at_value(enum member m)
{
	return INDEX_AT_VALUES + SPAN_BYTES * (m - MEMBER_LABELS);
}

static inline size_t get_number(const char *p)
{
	return byte_of(p[0]) | (size_t)byte_of(p[1]) << 8;
}

static inline struct span get_span(const char *p, const char *alert)
{
	uint32_t v = load_four(p);
	return (struct span){alert + (v & 0xffff), v >> 16};
}

#endif
