/* member.c - see member.h. No state. */
#include "alert/member.h"

const struct span alert_quoted[MEMBER_OTHER] = {
    SPAN("\"status\":"),      SPAN("\"labels\":"), SPAN("\"annotations\":"),
    SPAN("\"startsAt\":"),    SPAN("\"endsAt\":"), SPAN("\"generatorURL\":"),
    SPAN("\"fingerprint\":"),
};

enum member alert_member(struct span name)
{
	/* none is shorter; an escape would make it longer */
	if (name.n < SPAN("status").n)
		return MEMBER_OTHER;
	for (enum member m = 0; m < MEMBER_OTHER; m++)
		if (json_is(name, alert_member_name(m)))
			return m;
	return MEMBER_OTHER;
}

struct span alert_text(struct span value)
{
	if (value.p == NULL || value.p[0] != '"')
		return SPAN_NONE;
	return (struct span){value.p + 1, value.n - 2};
}

bool alert_is_null(struct span value)
{
	return span_eq(value, SPAN("null"));
}

bool alert_read_status(struct span value, enum alert_status *status)
{
	struct span text = alert_text(value);
	if (text.p && json_is(text, SPAN("firing")))
		*status = ALERT_FIRING;
	else if (text.p && json_is(text, SPAN("resolved")))
		*status = ALERT_RESOLVED;
	else if (alert_is_null(value))
		*status = ALERT_INHERITS;
	else
		return false;
	return true;
}
