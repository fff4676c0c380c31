/*
 * http.h - HTTP/1.1 as a server reads and writes it: the request's head, the
 * framing of its body, and the head of an answer (RFC 9110, RFC 9112).
 *
 * Pure and resumable: bytes in, verdict out, the same however they were split.
 * Whatever RFC 9112 lets a recipient repair is refused instead, since repairs
 * are what request smuggling is made of.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/text.h"
#include "facts/limits.h"
#include "facts/status.h"

/*@ assigns \nothing; */
bool http_is_token_char(char c); /* tchar, RFC 9110 5.6.2 */
/*@ assigns \nothing; */
bool http_is_value_char(char c); /* within a field value, RFC 9110 5.5 */

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_OTHER_METHOD, /* known to RFC 9110, of no use here */
};

struct http_request {
	enum http_method method;
	struct span path; /* without query; lives as long as the head */
	uint64_t length;  /* of Content-Length */
	bool has_length, chunked;
	bool http10, keep_alive;
	bool expect_continue;
	bool expect_other;      /* 417 */
	bool is_json;           /* Content-Type is application/json */
	bool is_encoded;        /* Content-Encoding is not identity */
	bool unknown_method;    /* 501 */
	bool unknown_coding;    /* 501; the body's end cannot be found */
	bool wants_text;        /* Accept prefers text/plain */
	struct span credential; /* value of Authorization, or absent */
	struct span signature;  /* of X-Grafana-Alerting-Signature */
	struct span signed_at;  /* and -Timestamp, or absent */
};

/*@ predicate request_ok(struct http_request *r) =
	\valid(r) && span_ok(r->path) && span_ok(r->credential) &&
	span_ok(r->signature) && span_ok(r->signed_at); */

/* Looks for the end of a head. Starts as {0}. */
struct http_scan {
	size_t seen;       /* bytes of the head looked at */
	size_t line_start; /* where the current line begins */
	bool started;      /* past the empty line that may come first */
};

/*@ // no CR but before an LF, as far as p[0..n) tells
    predicate paired(char *p, integer n) =
	\forall integer i; 0 <= i && i + 1 < n && p[i] == '\r' ==>
		p[i + 1] == '\n';

    predicate ends_line(char *p, integer n) =
	n >= 2 && p[n - 2] == '\r' && p[n - 1] == '\n';

    // lines, of which the last is empty; perhaps it alone
    predicate whole(char *p, integer n) =
	\valid_read(p + (0 .. n - 1)) && paired(p, n) && ends_line(p, n) &&
	(n > 2 ==> ends_line(p, n - 2));

    // between calls, while the head may become whole
    predicate scanned(struct http_scan *s, char *head) =
	\valid(s) && s->line_start <= s->seen && paired(head, s->seen) &&
	(s->line_start > 0 ==> ends_line(head, s->line_start)) &&
	(s->started ==> s->line_start > 0); */

/*
 * Looks at head[0..n), which begins where the head begins; a later call brings
 * the same bytes and more. *length is the head's length with its empty line
 * when it is whole, else 0. Returns a cause as soon as no continuation can
 * make it valid: BAD_BYTE, URI_SIZE, HEAD_SIZE. RFC 9112 2.1, 2.2.
 */
/*@ requires scanned(scan, head) && \valid_read(head + (0 .. n - 1));
    requires \valid(length) && \separated(scan, length, head + (0 .. n - 1));
    assigns *scan, *length;
    ensures *length > 0 ==> 2 < *length <= n && whole(head, *length);
    ensures *length > 0 ==> \result == STATUS_OK;
    ensures \result == STATUS_OK && *length == 0 ==> scanned(scan, head); */
enum status http_scan(struct http_scan *scan, const char *head, size_t n,
		      size_t *length);

/*
 * Reads a whole head as http_scan measured it. On OK, *r is filled; an unknown
 * method, coding or expectation is a flag there, since the answer to those
 * depends on the rest. RFC 9112 3, 5, 6; RFC 9110 7.2, 8.6, 10.1.1.
 */
/*@ requires whole(head.p, head.n) && head.n > 2 && \valid(r);
    requires \separated(r, head.p + (0 .. head.n - 1));
    assigns *r;
    ensures request_ok(r); */
enum status http_parse_head(struct span head, struct http_request *r);

/* Where a body is. The states of the chunked coding, RFC 9112 7.1:
 *
 *	SIZE --;--> EXT_NAME --=--> EXT_VALUE --"--> EXT_QUOTED <--> EXT_PAIR
 *	  |            |               | (token)         | "
 *	  +------------+---------------+<-- EXT_CLOSED <-+
 *	  CR v
 *	SIZE_LF --> DATA --> DATA_CR --> DATA_LF --> SIZE
 *	  | size 0
 *	  +--> TRAILER_START --> TRAILER_NAME --:--> TRAILER_VALUE --CR-->
 *	            | CR              TRAILER_LF --> TRAILER_START
 *	            +--> END_LF --> DONE
 */
enum http_body_state {
	HTTP_BODY_DONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_SIZE,
	HTTP_BODY_EXT_NAME,
	HTTP_BODY_EXT_VALUE,
	HTTP_BODY_EXT_QUOTED,
	HTTP_BODY_EXT_PAIR,
	HTTP_BODY_EXT_CLOSED,
	HTTP_BODY_SIZE_LF,
	HTTP_BODY_DATA,
	HTTP_BODY_DATA_CR,
	HTTP_BODY_DATA_LF,
	HTTP_BODY_TRAILER_START,
	HTTP_BODY_TRAILER_NAME,
	HTTP_BODY_TRAILER_VALUE,
	HTTP_BODY_TRAILER_LF,
	HTTP_BODY_END_LF,
};

struct http_body {
	enum http_body_state state;
	uint64_t left;    /* bytes of the body or of the chunk to come */
	uint32_t line;    /* bytes of this chunk line, or of all trailers */
	uint32_t element; /* bytes of this size, name or value */
	bool gap;         /* and a blank behind it */
};

/* What holds between calls. So many digits make no more than that: each one
 * makes `left` sixteen times as large. */
/*@ predicate fits(integer left, integer digits) =
	left <= 0xfffffffffffffff &&
	(digits < 15 ==> left <= 0xffffffffffffff) &&
	(digits < 14 ==> left <= 0xfffffffffffff) &&
	(digits < 13 ==> left <= 0xffffffffffff) &&
	(digits < 12 ==> left <= 0xfffffffffff) &&
	(digits < 11 ==> left <= 0xffffffffff) &&
	(digits < 10 ==> left <= 0xfffffffff) &&
	(digits < 9 ==> left <= 0xffffffff) &&
	(digits < 8 ==> left <= 0xfffffff) &&
	(digits < 7 ==> left <= 0xffffff) &&
	(digits < 6 ==> left <= 0xfffff) &&
	(digits < 5 ==> left <= 0xffff) &&
	(digits < 4 ==> left <= 0xfff) &&
	(digits < 3 ==> left <= 0xff) &&
	(digits < 2 ==> left <= 0xf) &&
	(digits < 1 ==> left == 0);

    predicate framed(struct http_body *b) =
	\valid(b) && b->state <= HTTP_BODY_END_LF &&
	(b->state == HTTP_BODY_SIZE ==>
		b->element <= 15 && fits(b->left, b->element)) &&
	(b->state == HTTP_BODY_DATA_CR ==> b->left == 0) &&
	(b->state == HTTP_BODY_DATA_LF ==> b->left == 0) &&
	(b->state == HTTP_BODY_LENGTH ==> b->left > 0) &&
	(b->state == HTTP_BODY_DATA ==> b->left > 0);

    predicate body_ok(struct http_body *b) =
	framed(b) && (b->state != HTTP_BODY_DONE ==> b->line <= LIMIT_HEAD); */

/*@ requires \valid(b) && \valid_read(r) && \separated(b, r);
    assigns *b;
    ensures body_ok(b); */
void http_body_start(struct http_body *b, const struct http_request *r);
/*
 * Takes framing off the front of *in, and at most one piece of body data,
 * which *data then names (else it is empty). Call until *in is empty or the
 * state is DONE. Returns OK, BAD_CHUNK, or HEAD_SIZE for endless trailers.
 */
/*@ requires body_ok(b) && \valid(in) && \valid(data) && span_ok(*in);
    requires \separated(b, in, data);
    assigns *b, *in, *data;
    ensures span_ok(*in) && span_ok(*data) && in->n <= \old(in->n);
    ensures data->n <= \old(in->n) - in->n;
    ensures \result == STATUS_OK ==> body_ok(b);
    ensures \result == STATUS_OK ==>
	    in->n == 0 || b->state == HTTP_BODY_DONE || data->n > 0;
    ensures \result == STATUS_OK || \result == STATUS_BAD_CHUNK ||
	    \result == STATUS_HEAD_SIZE; */
enum status http_body_next(struct http_body *b, struct span *in,
			   struct span *data);

struct http_answer {
	unsigned code;
	const char *content_type;
	size_t length;         /* of the body */
	bool close;            /* say Connection: close */
	bool say_keep_alive;   /* to a client of HTTP/1.0 */
	const char *allow;     /* value of Allow, or NULL */
	const char *challenge; /* value of WWW-Authenticate, or NULL */
	unsigned retry_after_s;
	int64_t date; /* seconds since 1970 */
};

/*@ predicate answer_ok(struct buf *out, struct http_answer *a) =
	\valid_read(a) && \separated(a, out) &&
	\separated(a, out->p + (0 .. out->cap - 1)) &&
	string_ok(a->content_type) && string_apart(out, a->content_type) &&
	(a->allow != \null ==>
		string_ok(a->allow) && string_apart(out, a->allow)) &&
	(a->challenge != \null ==>
		string_ok(a->challenge) && string_apart(out, a->challenge)); */

/* Writes status line, fields and the empty line. RFC 9112 4, RFC 9110 6.6.1. */
/*@ requires buf_ok(out) && answer_ok(out, a);
    assigns out->n, out->cut, out->p[out->n .. out->cap - 1];
    ensures grown{Pre, Post}(out); */
void http_put_answer(struct buf *out, const struct http_answer *a);

#endif
