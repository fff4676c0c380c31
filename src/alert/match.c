/* match.c - which alerts a sink takes, for render.h. */
#include "render/pieces.h"

#include "json/json.h"

enum alert_status render_status(const struct envelope *e, const struct alert *a)
{
	return a->status == ALERT_INHERITS ? e->status : a->status;
}

bool render_matches(const struct match *m, const struct alert *a)
{
	struct span value = alert_label(a, m->label);
	bool equal = value.p ? json_is(value, m->value) : m->value.n == 0;
	return equal != m->negated;
}

bool render_is_hushed(const struct match *hush, unsigned n,
		      const struct alert *a)
{
	for (unsigned i = 0; i < n; i++)
		if (!render_matches(&hush[i], a))
			return false;
	return n != 0;
}

bool render_wants(const struct format *f, const struct envelope *e,
		  const struct alert *a)
{
	if (f->skip_resolved && render_status(e, a) == ALERT_RESOLVED)
		return false;
	for (unsigned i = 0; i < f->matches; i++)
		if (!render_matches(&f->match[i], a))
			return false;
	return !render_is_hushed(f->hush, f->hushes, a);
}
