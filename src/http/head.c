/*
 * head.c - the request's head. See http.h.
 *
 * Invariant: http_parse_head sees only heads that http_scan found whole, so
 * every line in there ends in CRLF and holds no other CR, LF or NUL.
 */
#include "http/target.h"

#include "facts/limits.h"

/* Takes one line off the front of *head, without its CRLF. */
/*@ requires \valid(head) && whole(head->p, head->n);
    assigns *head;
    ensures span_ok(\result) && \result.p != \null;
    ensures \result.p == \old(head->p) && span_ok(*head);
    ensures \result.n + 2 + head->n == \old(head->n);
    ensures head->p == \result.p + \result.n + 2;
    ensures \old(head->n) > 2 ==> ends_line(head->p, head->n);
    ensures \old(head->n) > 2 ==> paired(head->p, head->n);
    ensures \old(head->n) > 2 ==> head->n > 2 ==>
	    ends_line(head->p, head->n - 2); */
static struct span take_line(struct span *head)
{
	struct span line;
	span_split(head, '\r', &line);
	*head = span_skip(*head, 1);
	/*@ assert \forall integer i; 0 <= i < head->n ==>
		head->p[i] == \at(head->p, Pre)[line.n + 2 + i]; */
	return line;
}

/*@ requires span_ok(word) && \valid(r);
    assigns r->method, r->unknown_method;
    ensures \result == STATUS_OK ==> word.n > 0; */
static enum status parse_method(struct span word, struct http_request *r)
{
	static const struct {
		struct span name;
		enum http_method method;
	} table[] = {
	    {SPAN_INIT("GET"), HTTP_GET},
	    {SPAN_INIT("HEAD"), HTTP_HEAD},
	    {SPAN_INIT("POST"), HTTP_POST},
	    {SPAN_INIT("PUT"), HTTP_PUT},
	    {SPAN_INIT("DELETE"), HTTP_OTHER_METHOD},
	    {SPAN_INIT("CONNECT"), HTTP_OTHER_METHOD},
	    {SPAN_INIT("OPTIONS"), HTTP_OTHER_METHOD},
	    {SPAN_INIT("TRACE"), HTTP_OTHER_METHOD},
	    {SPAN_INIT("PATCH"), HTTP_OTHER_METHOD},
	};
	if (word.n == 0)
		return STATUS_BAD_LINE;
	/*@ loop invariant 0 <= i <= word.n;
	    loop assigns i;
	    loop variant word.n - i; */
	for (size_t i = 0; i < word.n; i++)
		if (!http_is_token_char(word.p[i]))
			return STATUS_BAD_LINE;
	/*@ loop invariant 0 <= i <= 9;
	    loop assigns i;
	    loop variant 9 - i; */
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (span_eq(word, table[i].name)) {
			r->method = table[i].method;
			return STATUS_OK;
		}
	}
	r->method = HTTP_OTHER_METHOD;
	r->unknown_method = true;
	return STATUS_OK;
}

/*@ requires span_ok(v) && \valid(r);
    assigns r->http10, r->keep_alive; */
static enum status parse_version(struct span v, struct http_request *r)
{
	if (v.n != 8 || !span_starts(v, SPAN("HTTP/")) || v.p[6] != '.' ||
	    v.p[5] < '0' || v.p[5] > '9' || v.p[7] < '0' || v.p[7] > '9')
		return STATUS_BAD_LINE;
	if (v.p[5] != '1' || v.p[7] > '1')
		return STATUS_HTTP_VERSION;
	r->http10 = v.p[7] == '0';
	r->keep_alive = !r->http10;
	return STATUS_OK;
}

/*@ requires span_ok(line) && line.p != \null;
    requires request_ok(r);
    assigns *r;
    ensures request_ok(r);
    ensures \result == STATUS_OK ==> line.n > 0; */
static enum status parse_request_line(struct span line, struct http_request *r)
{
	struct span method, target;
	span_split(&line, ' ', &method);
	enum status status = parse_method(method, r);
	if (status != STATUS_OK)
		return status;
	if (!span_split(&line, ' ', &target) || line.p == NULL)
		return STATUS_BAD_LINE;
	status = http_parse_target(method, target, r);
	return status == STATUS_OK ? parse_version(line, r) : status;
}

/* What may stand once only is noted here when it was seen. */
struct seen {
	bool host, length, type, credential, signature, signed_at;
};

/*@ requires \valid(seen);
    assigns *seen; */
static bool twice(bool *seen)
{
	bool before = *seen;
	*seen = true;
	return before;
}

/* For a field that may stand once only. */
/*@ requires \valid(seen) && span_ok(v) && \valid(out);
    requires \separated(seen, out);
    assigns *seen, *out;
    ensures *out == v || *out == \old(*out); */
static enum status keep_once(bool *seen, struct span v, struct span *out)
{
	if (twice(seen))
		return STATUS_BAD_FIELD;
	*out = v;
	return STATUS_OK;
}

/*@ requires span_ok(v) && \valid(r);
    assigns r->length, r->has_length; */
static enum status parse_length(struct span v, struct http_request *r)
{
	if (v.n == 0)
		return STATUS_BAD_LENGTH;
	/*@ loop invariant 0 <= i <= v.n;
	    loop assigns i;
	    loop variant v.n - i; */
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < '0' || v.p[i] > '9')
			return STATUS_BAD_LENGTH;
	if (!span_u64(v, &r->length))
		r->length = UINT64_MAX; /* digits, but more than anyone has */
	r->has_length = true;
	return STATUS_OK;
}

/* Lines of the same field count as one list, RFC 9110 5.3. */
/*@ requires span_ok(v) && \valid(r);
    assigns r->chunked, r->unknown_coding; */
static enum status parse_coding(struct span v, struct http_request *r)
{
	struct span coding;
	/*@ loop invariant span_ok(v);
	    loop assigns v, coding, r->chunked, r->unknown_coding;
	    loop variant v.n + (v.p == \null ? 0 : 1); */
	while (span_split(&v, ',', &coding)) {
		coding = span_trim(coding);
		/* an empty element, or something applied after chunked */
		if (coding.n == 0 || r->chunked)
			return STATUS_BAD_CODING;
		if (span_ieq(coding, SPAN("chunked")))
			r->chunked = true;
		else
			r->unknown_coding = true;
	}
	return STATUS_OK;
}

/*@ requires span_ok(v) && \valid(r) && \valid(close);
    requires \separated(r, close);
    assigns r->keep_alive, *close; */
static void parse_connection(struct span v, struct http_request *r, bool *close)
{
	struct span option;
	/*@ loop invariant span_ok(v);
	    loop assigns v, option, r->keep_alive, *close;
	    loop variant v.n + (v.p == \null ? 0 : 1); */
	while (span_split(&v, ',', &option)) {
		option = span_trim(option);
		if (span_ieq(option, SPAN("close")))
			*close = true;
		else if (span_ieq(option, SPAN("keep-alive")))
			r->keep_alive = true;
	}
}

/* application/json, at most with charset=utf-8. RFC 9110 8.3.1, RFC 8259 11. */
/*@ requires span_ok(v);
    assigns \nothing; */
static bool is_json_type(struct span v)
{
	struct span part, name;
	if (!span_split(&v, ';', &part) ||
	    !span_ieq(span_trim(part), SPAN("application/json")))
		return false;
	/*@ loop invariant span_ok(v);
	    loop assigns v, part, name;
	    loop variant v.n + (v.p == \null ? 0 : 1); */
	while (span_split(&v, ';', &part)) {
		span_split(&part, '=', &name);
		if (!span_ieq(span_trim(name), SPAN("charset")))
			continue;
		part = span_trim(part);
		if (!span_ieq(part, SPAN("utf-8")) &&
		    !span_ieq(part, SPAN("\"utf-8\"")))
			return false;
	}
	return true;
}

/* One rule for each field that means something here; all others are ignored. */
/*@ requires span_ok(name) && span_ok(v) && request_ok(r);
    requires \valid(seen) && \valid(close) && \separated(seen, r, close);
    assigns *seen, *r, *close;
    ensures span_ok(r->path);
    ensures span_ok(r->credential);
    ensures span_ok(r->signature);
    ensures span_ok(r->signed_at); */
static enum status parse_value(struct span name, struct span v,
			       struct seen *seen, struct http_request *r,
			       bool *close)
{
	if (span_ieq(name, SPAN("host"))) {
		if (twice(&seen->host) || !http_is_host(v))
			return STATUS_BAD_HOST;
	} else if (span_ieq(name, SPAN("content-length"))) {
		if (twice(&seen->length))
			return STATUS_BAD_LENGTH;
		return parse_length(v, r);
	} else if (span_ieq(name, SPAN("transfer-encoding"))) {
		return parse_coding(v, r);
	} else if (span_ieq(name, SPAN("connection"))) {
		parse_connection(v, r, close);
	} else if (span_ieq(name, SPAN("content-type"))) {
		if (twice(&seen->type))
			return STATUS_BAD_FIELD;
		r->is_json = is_json_type(v);
	} else if (span_ieq(name, SPAN("content-encoding"))) {
		if (!span_ieq(v, SPAN("identity")))
			r->is_encoded = true;
	} else if (span_ieq(name, SPAN("expect"))) {
		if (span_ieq(v, SPAN("100-continue")))
			r->expect_continue = true;
		else
			r->expect_other = true;
	} else if (span_ieq(name, SPAN("accept"))) {
		r->wants_text = v.n >= 10 && span_ieq((struct span){v.p, 10},
						      SPAN("text/plain"));
	} else if (span_ieq(name, SPAN("authorization"))) {
		return keep_once(&seen->credential, v, &r->credential);
	} else if (span_ieq(name, SPAN("x-grafana-alerting-signature"))) {
		return keep_once(&seen->signature, v, &r->signature);
	} else if (span_ieq(name, SPAN("x-grafana-alerting-timestamp"))) {
		return keep_once(&seen->signed_at, v, &r->signed_at);
	}
	return STATUS_OK;
}

/* field-name ":" OWS field-value OWS; no obs-fold, RFC 9112 5.1, 5.2. */
/*@ requires span_ok(line) && line.p != \null && request_ok(r);
    requires \valid(seen) && \valid(close) && \separated(seen, r, close);
    assigns *seen, *r, *close;
    ensures request_ok(r); */
static enum status parse_field(struct span line, struct seen *seen,
			       struct http_request *r, bool *close)
{
	struct span name;
	span_split(&line, ':', &name);
	if (name.n == 0 || line.p == NULL)
		return STATUS_BAD_FIELD;
	/*@ loop invariant 0 <= i <= name.n;
	    loop assigns i;
	    loop variant name.n - i; */
	for (size_t i = 0; i < name.n; i++)
		if (!http_is_token_char(name.p[i]))
			return STATUS_BAD_FIELD;
	return parse_value(name, span_trim(line), seen, r, close);
}

/* What the fields mean together. RFC 9112 3.2, 6.1, 6.3. */
/*@ requires \valid_read(seen) && request_ok(r);
    assigns r->keep_alive, r->expect_continue, r->expect_other; */
static enum status judge(const struct seen *seen, struct http_request *r,
			 bool close)
{
	if (!r->http10 && !seen->host)
		return STATUS_BAD_HOST;
	if (r->chunked || r->unknown_coding) {
		if (r->has_length)
			return STATUS_BAD_LENGTH;
		if (r->http10)
			return STATUS_BAD_CODING;
	}
	if (close)
		r->keep_alive = false;
	if (r->http10)
		r->expect_continue = r->expect_other = false;
	return STATUS_OK;
}

/*@ requires \valid(r);
    assigns *r;
    ensures request_ok(r); */
static void clear(struct http_request *r)
{
	*r = (struct http_request){0};
}

enum status http_parse_head(struct span head, struct http_request *r)
{
	struct seen seen = {0};
	bool close = false;
	clear(r);
	struct span line = take_line(&head);
	if (line.n == 0)
		line = take_line(&head);
	enum status status = parse_request_line(line, r);
	if (status != STATUS_OK)
		return status;
	/*@ loop invariant whole(head.p, head.n);
	    loop invariant request_ok(r);
	    loop assigns line, head, status, seen, close, *r;
	    loop variant head.n; */
	while ((line = take_line(&head)).n) {
		status = parse_field(line, &seen, r, &close);
		if (status != STATUS_OK)
			return status;
	}
	return judge(&seen, r, close);
}
