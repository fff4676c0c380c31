/*
 * value.h - how single values are read. Each function says whether the text is
 * one of its kind; *out is of use only then.
 *
 * Pure.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "alert/match.h"
#include "facts/place.h"

/* Which of words[0..n) is it? n: none. */
size_t config_read_word(struct span v, const struct span *words, size_t n);
/* 500ms 8s 5m 1h 0, a leap year at most. */
bool config_read_time_ms(struct span s, uint64_t *out);
/* 64K 1M 1G, or bytes. */
bool config_read_size(struct span s, uint64_t *out);
/* LABEL=VALUE or, where it may be, LABEL!=VALUE. */
bool config_read_match(struct span v, struct match *m, bool may_negate);
/* Of a FIFO that is made: three or four octal digits. */
bool config_read_mode(struct span v, uint32_t *mode);
/* What the device can do is known once it is there. */
bool config_read_baud(struct span v, uint32_t *baud);
/* 8n1: data bits, parity, stop bits. */
bool config_read_frame(struct span v, struct place *p);
bool config_read_flow(struct span v, enum place_flow *flow);

#endif
