/* answer.c - the head of an answer. See http.h. */
#include "base/time.h"
#include "http/http.h"

/* An absent string is an absent span. */
/*@ requires s != \null ==> string_ok(s);
    assigns \nothing;
    ensures span_ok(\result) && \result.p == s;
    ensures \forall integer i; 0 <= i < \result.n ==> s[i] != 0; */
static struct span value_of(const char *s)
{
	return s ? span_of(s) : SPAN_NONE;
}

/*@ requires buf_ok(out);
    assigns out->n, out->cut, out->p[out->n .. out->cap - 1];
    ensures grown{Pre, Post}(out); */
static void put_start(struct buf *out, unsigned code, int64_t date)
{
	buf_put(out, SPAN("HTTP/1.1 "));
	buf_u64(out, code);
	buf_char(out, ' ');
	buf_str(out, status_phrase(code));
	buf_put(out, SPAN("\r\nDate: "));
	time_put_http_date(out, date);
	buf_put(out, SPAN("\r\n"));
}

/* No field where there is no value. */
/*@ requires buf_ok(out) && span_ok(name) && span_ok(value);
    requires apart(out, name) && apart(out, value);
    assigns out->n, out->cut, out->p[out->n .. out->cap - 1];
    ensures grown{Pre, Post}(out); */
static void put_field(struct buf *out, struct span name, struct span value)
{
	if (value.p == NULL)
		return;
	buf_put(out, name);
	buf_put(out, SPAN(": "));
	buf_put(out, value);
	buf_put(out, SPAN("\r\n"));
}

/*@ requires buf_ok(out) && span_ok(name) && apart(out, name);
    assigns out->n, out->cut, out->p[out->n .. out->cap - 1];
    ensures grown{Pre, Post}(out); */
static void put_number(struct buf *out, struct span name, uint64_t value)
{
	buf_put(out, name);
	buf_put(out, SPAN(": "));
	buf_u64(out, value);
	buf_put(out, SPAN("\r\n"));
}

void http_put_answer(struct buf *out, const struct http_answer *a)
{
	struct span type = value_of(a->content_type);
	struct span allow = value_of(a->allow);
	struct span challenge = value_of(a->challenge);
	//@ assert apart(out, type);
	//@ assert apart(out, allow);
	//@ assert apart(out, challenge);
	put_start(out, a->code, a->date);
	put_field(out, SPAN("Content-Type"), type);
	put_number(out, SPAN("Content-Length"), a->length);
	put_field(out, SPAN("Allow"), allow);
	put_field(out, SPAN("WWW-Authenticate"), challenge);
	if (a->retry_after_s)
		put_number(out, SPAN("Retry-After"), a->retry_after_s);
	if (a->close)
		put_field(out, SPAN("Connection"), SPAN("close"));
	else if (a->say_keep_alive)
		put_field(out, SPAN("Connection"), SPAN("keep-alive"));
	buf_put(out, SPAN("\r\n"));
}
