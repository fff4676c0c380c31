/* body.c - the framing of a request's body. See http.h. */
#include "http/http.h"

void http_body_start(struct http_body *b, const struct http_request *r)
{
	*b = (struct http_body){0};
	if (r->chunked) {
		b->state = HTTP_BODY_SIZE;
	} else if (r->has_length && r->length) {
		b->state = HTTP_BODY_LENGTH;
		b->left = r->length;
	}
}

/* One piece of data off the front of *in, at most what is left of it. */
/*@ requires body_ok(b) && \valid(in) && \valid(data) && span_ok(*in);
    requires \separated(b, in, data) && in->n > 0;
    requires b->state == HTTP_BODY_LENGTH || b->state == HTTP_BODY_DATA;
    assigns b->left, b->state, *in, *data;
    ensures body_ok(b) && span_ok(*in) && span_ok(*data);
    ensures 0 < data->n && data->n + in->n == \old(in->n);
    ensures data->p == \old(in->p) && in->p == data->p + data->n;
    ensures in->p == \old(in->p) + (\old(in->n) - in->n); */
static void take_data(struct http_body *b, struct span *in, struct span *data)
{
	size_t n = in->n < b->left ? in->n : (size_t)b->left;
	*data = (struct span){in->p, n};
	*in = span_skip(*in, n);
	b->left -= n;
	if (b->left == 0)
		b->state = b->state == HTTP_BODY_LENGTH ? HTTP_BODY_DONE
							: HTTP_BODY_DATA_CR;
}

/*@ requires \valid(b);
    assigns b->state, b->element, b->gap;
    ensures \result == STATUS_OK;
    ensures b->state == next && b->element == 0 && !b->gap; */
static enum status go(struct http_body *b, enum http_body_state next)
{
	b->state = next;
	b->element = 0;
	b->gap = false;
	return STATUS_OK;
}

/* Behind a size, a name or a value: an extension, or the end of the line.
 * Blanks may only stand before a semicolon (BWS), never before the line's end.
 */
/*@ requires \valid(b);
    assigns b->state, b->element, b->gap;
    ensures \result == STATUS_OK ==> b->state == HTTP_BODY_EXT_NAME ||
	    b->state == HTTP_BODY_SIZE_LF ||
	    (b->state == \old(b->state) && b->element == \old(b->element));
    ensures \result == STATUS_OK || \result == STATUS_BAD_CHUNK; */
static enum status end_element(struct http_body *b, char c)
{
	if (c == ' ' || c == '\t') {
		b->gap = true;
		return STATUS_OK;
	}
	if (c == ';')
		return go(b, HTTP_BODY_EXT_NAME);
	return c == '\r' && !b->gap ? go(b, HTTP_BODY_SIZE_LF)
				    : STATUS_BAD_CHUNK;
}

/* chunk-size = 1*HEXDIG. Fifteen digits are more than --max-body can be, so
 * `left` cannot overflow; leading zeros count as digits. */
/*@ requires framed(b) && b->state == HTTP_BODY_SIZE;
    assigns b->state, b->left, b->element, b->gap;
    ensures \result == STATUS_OK ==> framed(b);
    ensures \result == STATUS_OK || \result == STATUS_BAD_CHUNK; */
static enum status take_size(struct http_body *b, char c)
{
	int digit = hex_digit(c);
	if (digit >= 0 && !b->gap) {
		if (++b->element > 15)
			return STATUS_BAD_CHUNK;
		b->left = b->left * 16 + (uint64_t)digit;
		return STATUS_OK;
	}
	return b->element ? end_element(b, c) : STATUS_BAD_CHUNK;
}

/*@ requires framed(b);
    requires b->state == HTTP_BODY_EXT_NAME || b->state == HTTP_BODY_EXT_VALUE;
    assigns b->state, b->element, b->gap;
    ensures \result == STATUS_OK ==> framed(b);
    ensures \result == STATUS_OK || \result == STATUS_BAD_CHUNK; */
static enum status take_token(struct http_body *b, char c)
{
	bool blank = c == ' ' || c == '\t';
	if (http_is_token_char(c) && !b->gap) {
		b->element = 1;
		return STATUS_OK;
	}
	if (b->element == 0 && blank)
		return STATUS_OK; /* BWS in front */
	if (b->element == 0)
		return b->state == HTTP_BODY_EXT_VALUE && c == '"'
			   ? go(b, HTTP_BODY_EXT_QUOTED)
			   : STATUS_BAD_CHUNK;
	if (b->state == HTTP_BODY_EXT_NAME && c == '=')
		return go(b, HTTP_BODY_EXT_VALUE);
	return end_element(b, c);
}

/*@ requires framed(b);
    requires b->state == HTTP_BODY_EXT_QUOTED || b->state == HTTP_BODY_EXT_PAIR;
    assigns b->state, b->element, b->gap;
    ensures \result == STATUS_OK ==> framed(b);
    ensures \result == STATUS_OK || \result == STATUS_BAD_CHUNK; */
static enum status take_quoted(struct http_body *b, char c)
{
	if (!http_is_value_char(c))
		return STATUS_BAD_CHUNK;
	if (b->state == HTTP_BODY_EXT_PAIR)
		return go(b, HTTP_BODY_EXT_QUOTED);
	if (c == '\\')
		return go(b, HTTP_BODY_EXT_PAIR);
	return c == '"' ? go(b, HTTP_BODY_EXT_CLOSED) : STATUS_OK;
}

/*@ requires \valid(b);
    assigns b->state, b->element, b->gap;
    ensures \result == STATUS_OK ==> b->state == next && b->element == 0;
    ensures \result == STATUS_OK || \result == STATUS_BAD_CHUNK; */
static enum status expect(struct http_body *b, char c, char wanted,
			  enum http_body_state next)
{
	return c == wanted ? go(b, next) : STATUS_BAD_CHUNK;
}

/* Trailers are checked like header fields and then ignored, RFC 9112 7.1.2. */
/*@ requires framed(b);
    assigns b->state, b->element, b->gap;
    ensures \result == STATUS_OK ==> framed(b);
    ensures \result == STATUS_OK || \result == STATUS_BAD_CHUNK; */
static enum status take_trailer_name(struct http_body *b, char c)
{
	if (http_is_token_char(c))
		return go(b, HTTP_BODY_TRAILER_NAME);
	if (b->state == HTTP_BODY_TRAILER_START)
		return expect(b, c, '\r', HTTP_BODY_END_LF);
	return expect(b, c, ':', HTTP_BODY_TRAILER_VALUE);
}

/*@ requires framed(b);
    assigns b->state, b->left, b->line, b->element, b->gap;
    ensures \result == STATUS_OK ==> framed(b);
    ensures b->line == \old(b->line) || b->line == 0;
    ensures \result == STATUS_OK || \result == STATUS_BAD_CHUNK; */
static enum status take_framing(struct http_body *b, char c)
{
	switch (b->state) {
	case HTTP_BODY_SIZE:
		return take_size(b, c);
	case HTTP_BODY_EXT_NAME:
	case HTTP_BODY_EXT_VALUE:
		return take_token(b, c);
	case HTTP_BODY_EXT_QUOTED:
	case HTTP_BODY_EXT_PAIR:
		return take_quoted(b, c);
	case HTTP_BODY_EXT_CLOSED:
		return end_element(b, c);
	case HTTP_BODY_SIZE_LF:
		b->line = 0;
		return expect(b, c, '\n',
			      b->left ? HTTP_BODY_DATA
				      : HTTP_BODY_TRAILER_START);
	case HTTP_BODY_DATA_CR:
		return expect(b, c, '\r', HTTP_BODY_DATA_LF);
	case HTTP_BODY_DATA_LF:
		b->line = 0;
		return expect(b, c, '\n', HTTP_BODY_SIZE);
	case HTTP_BODY_TRAILER_START:
	case HTTP_BODY_TRAILER_NAME:
		return take_trailer_name(b, c);
	case HTTP_BODY_TRAILER_VALUE:
		if (c == '\r')
			return go(b, HTTP_BODY_TRAILER_LF);
		return http_is_value_char(c) ? STATUS_OK : STATUS_BAD_CHUNK;
	case HTTP_BODY_TRAILER_LF:
		return expect(b, c, '\n', HTTP_BODY_TRAILER_START);
	case HTTP_BODY_END_LF:
		return expect(b, c, '\n', HTTP_BODY_DONE);
	case HTTP_BODY_DONE:
	case HTTP_BODY_LENGTH:
	case HTTP_BODY_DATA:
		break; /* data is not framing */
	}
	return STATUS_BAD_CHUNK;
}

/*@ requires \valid_read(b);
    assigns \nothing;
    ensures \result <==> b->state >= HTTP_BODY_TRAILER_START; */
static bool in_trailers(const struct http_body *b)
{
	return b->state >= HTTP_BODY_TRAILER_START;
}

enum status http_body_next(struct http_body *b, struct span *in,
			   struct span *data)
{
	*data = (struct span){in->p, 0};
	/*@ loop invariant body_ok(b) && span_ok(*in) && data->n == 0;
	    loop invariant in->n <= \at(in->n, Pre);
	    loop assigns *b, *in, *data;
	    loop variant in->n; */
	while (in->n && b->state != HTTP_BODY_DONE) {
		if (b->state == HTTP_BODY_LENGTH ||
		    b->state == HTTP_BODY_DATA) {
			take_data(b, in, data);
			return STATUS_OK;
		}
		b->line++;
		enum status status = take_framing(b, in->p[0]);
		if (status != STATUS_OK)
			return status;
		*in = span_skip(*in, 1);
		if (b->state != HTTP_BODY_DONE &&
		    b->line > (in_trailers(b) ? LIMIT_HEAD : LIMIT_CHUNK_LINE))
			return in_trailers(b) ? STATUS_HEAD_SIZE
					      : STATUS_BAD_CHUNK;
	}
	return STATUS_OK;
}
