/*
 * others.c - see others.h.
 *
 * jsmn gives a flat list: an object, then for each member its name and its
 * value with all that is inside the value; each token knows the one that it is
 * inside of. When there is no room for another one, jsmn stops in front of it,
 * and what is closed is let go of: the values inside of a value at hand, which
 * is of use as a whole only, and the members that were looked at.
 */
#include "alert/others.h"

/* What is read of a text at a time is as much as fills the tokens. */
static void read_on(struct others *o)
{
	int n = jsmn_parse(&o->parser, o->json.p, o->json.n, o->token,
			   OTHERS_TOKENS);
	ASSERT(n > 0 || n == JSMN_ERROR_NOMEM);
}

/* Keeps what is open, from the alert itself on inwards. */
static void let_go(struct others *o)
{
	int open[OTHERS_TOKENS / 2], n = 0;
	for (int i = o->parser.toksuper; i >= 0; i = o->token[i].parent) {
		ASSERT(n < OTHERS_TOKENS / 2);
		open[n++] = i;
	}
	for (int i = 0; i < n; i++) {
		o->token[i] = o->token[open[n - 1 - i]];
		o->token[i].parent = i - 1;
	}
	o->parser.toknext = (unsigned)n;
	o->parser.toksuper = n - 1;
	o->next = 1;
}

void others_start(struct others *o, const struct alert *a)
{
	o->json = a->json;
	o->next = 1;
	jsmn_init(&o->parser);
	read_on(o);
}

/* Strings come without quotes. */
static struct span inside(const struct others *o, const jsmntok_t *t)
{
	return (struct span){o->json.p + t->start, (size_t)(t->end - t->start)};
}

/* A token as it was written. */
static struct span raw(const struct others *o, const jsmntok_t *t)
{
	struct span s = inside(o, t);
	return t->type == JSMN_STRING ? (struct span){s.p - 1, s.n + 2} : s;
}

/* The next member, whichever it is: its name, and behind it its value. NULL at
 * the end. */
static const jsmntok_t *next_member(struct others *o)
{
	while (o->next + 1 >= o->parser.toknext ||
	       o->token[o->next + 1].end < 0) {
		if (o->token[0].end >= 0)
			return NULL;
		let_go(o);
		read_on(o);
	}
	const jsmntok_t *name = &o->token[o->next];
	o->next += 2;
	while (o->next < o->parser.toknext && o->token[o->next].parent != 0)
		o->next++;
	return name;
}

bool others_next(struct others *o, struct span *name, struct span *value)
{
	const jsmntok_t *t;
	while ((t = next_member(o)) != NULL) {
		if (alert_member(inside(o, t)) != MEMBER_OTHER)
			continue;
		*name = raw(o, t);
		*value = raw(o, t + 1);
		return true;
	}
	return false;
}
