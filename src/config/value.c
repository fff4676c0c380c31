/* value.c - see value.h. No state. */
#include "config/value.h"

#include <string.h>

bool config_read_time_ms(struct span s, uint64_t *out)
{
	static const struct {
		struct span unit;
		uint64_t ms;
	} units[] = {
	    {SPAN("ms"), 1},
	    {SPAN("s"), 1000},
	    {SPAN("m"), 60 * 1000},
	    {SPAN("h"), 60 * 60 * 1000},
	};
	const uint64_t most = (uint64_t)366 * 24 * 60 * 60 * 1000;
	size_t digits = 0;
	uint64_t v;
	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	if (!span_u64((struct span){s.p, digits}, &v))
		return false;
	struct span unit = span_skip(s, digits);
	if (unit.n == 0 && v == 0) {
		*out = 0;
		return true;
	}
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (!span_eq(unit, units[i].unit) || v > most / units[i].ms)
			continue;
		*out = v * units[i].ms;
		return true;
	}
	return false;
}

size_t config_read_word(struct span v, const struct span *words, size_t n)
{
	size_t i = 0;
	while (i < n && !span_eq(v, words[i]))
		i++;
	return i;
}

bool config_read_size(struct span s, uint64_t *out)
{
	static const char units[] = "KMG";
	unsigned shift = 0;
	uint64_t v;
	const char *unit =
	    s.n ? memchr(units, s.p[s.n - 1], sizeof units - 1) : NULL;
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		s.n--;
	}
	if (!span_u64(s, &v) || v > (uint64_t)1 << (62 - shift))
		return false;
	*out = v << shift;
	return true;
}

bool config_read_match(struct span v, struct match *m, bool may_negate)
{
	struct span label;
	*m = (struct match){0};
	span_split(&v, '=', &label);
	if (v.p == NULL)
		return false;
	if (may_negate && label.n && label.p[label.n - 1] == '!') {
		m->negated = true;
		label.n--;
	}
	m->label = label;
	m->value = v;
	return label.n != 0;
}

bool config_read_mode(struct span v, uint32_t *mode)
{
	*mode = 0;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '7')
			return false;
		*mode = *mode << 3 | (uint32_t)(v.p[i] - '0');
	}
	return v.n >= 3 && v.n <= 4 && *mode <= 0777;
}

bool config_read_baud(struct span v, uint32_t *baud)
{
	uint64_t n;
	if (!span_u64(v, &n) || n < LIMIT_BAUD_LEAST || n > LIMIT_BAUD)
		return false;
	*baud = (uint32_t)n;
	return true;
}

bool config_read_frame(struct span v, struct place *p)
{
	if (v.n != 3 || v.p[0] < '5' || v.p[0] > '8' ||
	    (v.p[1] != 'n' && v.p[1] != 'e' && v.p[1] != 'o') ||
	    (v.p[2] != '1' && v.p[2] != '2'))
		return false;
	p->data_bits = (uint8_t)(v.p[0] - '0');
	p->parity = v.p[1];
	p->stop_bits = (uint8_t)(v.p[2] - '0');
	return true;
}

bool config_read_flow(struct span v, enum place_flow *flow)
{
	static const struct span names[] = {SPAN("none"), SPAN("rtscts"),
					    SPAN("xonxoff")};
	size_t word = config_read_word(v, names, 3);
	if (word < 3)
		*flow = (enum place_flow)word;
	return word < 3;
}
