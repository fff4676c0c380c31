/* match.c - see match.h. No state. */
#include "alert/match.h"

#include "json/json.h"

enum alert_status alert_status(const struct envelope *e, const struct alert *a)
{
	return a->status == ALERT_INHERITS ? e->status : a->status;
}

bool match_alert(const struct match *m, const struct alert *a)
{
	struct span value = alert_label(a, m->label);
	bool equal = value.p ? json_is(value, m->value) : m->value.n == 0;
	return equal != m->negated;
}

bool match_all(const struct match *hush, unsigned n, const struct alert *a)
{
	for (unsigned i = 0; i < n; i++)
		if (!match_alert(&hush[i], a))
			return false;
	return n != 0;
}

bool filter_wants(const struct filter *f, const struct envelope *e,
		  const struct alert *a)
{
	if (f->skip_resolved && alert_status(e, a) == ALERT_RESOLVED)
		return false;
	for (unsigned i = 0; i < f->matches; i++)
		if (!match_alert(&f->match[i], a))
			return false;
	return !match_all(f->hush, f->hushes, a);
}
