/*
 * unseen.c - the validator's way through what is valid and of no interest:
 * whole tokens in the place of bytes. It does as the states of json.c would,
 * and stops in front of whatever is rare, cut or wrong, for these to go on
 * with.
 */
#include "json/states.h"

/* Behind an integer that begins at p[i]; 0 if its end was not seen, or it is
 * none. */
/*@ requires i < n && \valid_read(p + (0 .. n - 1));
    assigns \nothing;
    ensures \result == 0 || i < \result < n; */
static size_t behind_integer(const char *p, size_t i, size_t n)
{
	size_t begin = i;
	/*@ loop invariant begin <= i <= n;
	    loop assigns i;
	    loop variant n - i; */
	while (i < n && json_is_digit(p[i]))
		i++;
	if (i == begin || i == n || (p[begin] == '0' && i > begin + 1))
		return 0;
	return p[i] == ',' || p[i] == ']' || p[i] == '}' ? i : 0;
}

/* May the container at hand end here, unseen, by the bracket c? */
/*@ requires json_ok(j) && j->depth > 0;
    assigns \nothing;
    ensures \result ==> j->depth > j->report_depth + 1; */
static bool may_end(const struct json *j, char c)
{
	bool object = json_in_object(j);
	return j->depth - 1 > j->report_depth && c == (object ? '}' : ']') &&
	       (j->state == JSON_WANT_COMMA_OR_END ||
		j->state ==
		    (object ? JSON_WANT_KEY_OR_END : JSON_WANT_VALUE_OR_END));
}

/* A string or an integer where one is wanted. Returns where it ends, or 0. */
/*@ requires json_ok(j) && j->depth > 0;
    requires i < n && \valid_read(p + (0 .. n - 1));
    assigns j->state;
    ensures json_ok(j) && (\result == 0 || i < \result <= n);
    ensures \result == 0 ? j->state == \old(j->state)
			 : !in_number(j->state); */
static size_t take_text(struct json *j, const char *p, size_t i, size_t n)
{
	size_t end = 0;
	if (j->state == JSON_WANT_KEY || j->state == JSON_WANT_KEY_OR_END) {
		end = json_behind_name(p, i, n);
		if (end)
			j->state = JSON_WANT_VALUE;
	} else if (j->state <= JSON_WANT_VALUE_OR_END) {
		end = p[i] == '"' ? json_behind_string(p, i, n)
				  : behind_integer(p, i, n);
		if (end)
			j->state = JSON_WANT_COMMA_OR_END;
	}
	return end;
}

/* A comma or a bracket where it may stand, or take_text(). */
/*@ requires json_ok(j) && j->depth > j->report_depth;
    requires i < n && \valid_read(p + (0 .. n - 1));
    assigns j->objects, j->depth, j->state;
    ensures json_ok(j) && j->depth > j->report_depth;
    ensures \result == 0 || i < \result <= n;
    ensures \result == 0 ? j->state == \old(j->state)
			 : !in_number(j->state); */
static inline size_t take_token(struct json *j, const char *p, size_t i,
				size_t n)
{
	switch (p[i]) {
	case ',':
		if (j->state != JSON_WANT_COMMA_OR_END)
			return 0;
		j->state = json_in_object(j) ? JSON_WANT_KEY : JSON_WANT_VALUE;
		return i + 1;
	case '{':
	case '[':
		if (j->state > JSON_WANT_VALUE_OR_END ||
		    j->depth == LIMIT_JSON_DEPTH)
			return 0;
		json_enter(j, p[i] == '{');
		return i + 1;
	case '}':
	case ']':
		if (!may_end(j, p[i]))
			return 0;
		j->depth--;
		j->state = JSON_WANT_COMMA_OR_END;
		return i + 1;
	default:
		break;
	}
	return take_text(j, p, i, n);
}

size_t json_pass_unseen(struct json *j, const char *p, size_t n)
{
	size_t i = 0, end;
	/*@ loop invariant i <= n && json_ok(j) && j->depth > j->report_depth;
	    loop invariant i == 0 ? j->state == \at(j->state, Pre)
				  : !in_number(j->state);
	    loop assigns i, end, j->objects, j->depth, j->state;
	    loop variant n - i; */
	while (i < n && byte_of(p[i]) > ' ' &&
	       (end = take_token(j, p, i, n)) != 0)
		i = end;
	return i;
}

size_t json_behind_value(const char *p, size_t i, size_t n, uint8_t depth)
{
	struct json j = {.state = JSON_WANT_VALUE,
			 .depth = depth,
			 .report_depth = (uint8_t)(depth - 1)};
	/*@ loop invariant \at(i, Pre) <= i <= n && json_ok(&j);
	    loop invariant j.depth > j.report_depth;
	    loop assigns i, j.objects, j.depth, j.state;
	    loop variant n - i; */
	while (i < n) {
		i = take_token(&j, p, i, n);
		if (i == 0)
			return 0;
		if (j.depth == depth && j.state == JSON_WANT_COMMA_OR_END)
			return i;
	}
	return 0;
}
