/*
 * der.h - elements of DER (X.690), from the front of a span.
 *
 * Pure. Lengths of up to two bytes are enough for certificates that are
 * accepted at all. After `false` what was to be taken is lost.
 */
#ifndef TLS_DER_H
#define TLS_DER_H

#include "base/text.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};

/* Takes tag and length off the front of *s. */
/*@ requires \valid(s) && \valid(tag) && \valid(length) && span_ok(*s);
    requires \separated(s, tag, length);
    assigns *s, *tag, *length;
    ensures span_ok(*s) && s->n <= \old(s->n);
    ensures \result ==> s->n < \old(s->n) && *length <= 0xffff; */
bool der_head(struct span *s, unsigned *tag, size_t *length);

/* Takes one element off the front of *s: its tag and what is inside. */
/*@ requires \valid(s) && \valid(tag) && \valid(inside) && span_ok(*s);
    requires \separated(s, tag, inside);
    assigns *s, *tag, *inside;
    ensures span_ok(*s) && s->n <= \old(s->n);
    ensures \result ==> span_ok(*inside) && s->n < \old(s->n);
    ensures !\result ==> *inside == \old(*inside); */
bool der_take(struct span *s, unsigned *tag, struct span *inside);

/* The same if it has the wanted tag. */
/*@ requires \valid(s) && \valid(inside) && span_ok(*s);
    requires \separated(s, inside);
    assigns *s, *inside;
    ensures span_ok(*s) && s->n <= \old(s->n);
    ensures \result ==> span_ok(*inside) && s->n < \old(s->n);
    ensures span_ok(*inside) || *inside == \old(*inside); */
bool der_take_tag(struct span *s, unsigned wanted, struct span *inside);

/* The same, and *whole is the element with tag and length. */
/*@ requires \valid(s) && \valid(whole) && span_ok(*s);
    requires \separated(s, whole);
    assigns *s, *whole;
    ensures span_ok(*s) && s->n <= \old(s->n);
    ensures \result ==> span_ok(*whole) && s->n < \old(s->n);
    ensures !\result ==> *whole == \old(*whole); */
bool der_take_whole(struct span *s, unsigned wanted, struct span *whole);

#endif
