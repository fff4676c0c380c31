/* test_http.c - http.h: request heads and answer heads (RFC 9110, 9112). */
#include "check.h"

#include "facts/limits.h"
#include "http/http.h"

/* Hands head[0..n) over in pieces: `first` bytes, then `step` at a time. */
static enum status read_head(struct span head, size_t first, size_t step,
			     struct http_request *r, size_t *length)
{
	struct http_scan scan = {0};
	enum status status = STATUS_OK;
	*length = 0;
	for (size_t n = first; status == STATUS_OK && *length == 0; n += step) {
		if (n > head.n)
			n = head.n;
		/* what has not come yet must not be looked at */
		char *copy = copy_of((struct span){head.p, n});
		status = http_scan(&scan, copy, n, length);
		free(copy);
		if (n == head.n)
			break;
	}
	if (status == STATUS_OK && *length)
		assert_int_equal(scan.seen, *length);
	if (status == STATUS_OK && *length)
		status = http_parse_head((struct span){head.p, *length}, r);
	return status;
}

/* The same verdict however it is split. */
static enum status read_all(struct span head, struct http_request *r,
			    size_t *length)
{
	static struct http_request other;
	size_t other_length;
	enum status status = read_head(head, head.n, 1, r, length);
	for (size_t first = 0; first < head.n; first++) {
		size_t rest = first ? head.n : 1;
		enum status s =
		    read_head(head, first, rest, &other, &other_length);
		CHECK(s == status && other_length == *length,
		      "split at %zu: %s instead of %s: %.*s", first,
		      status_info(s)->text, status_info(status)->text,
		      (int)head.n, head.p);
	}
	return status;
}

#define GET "GET / HTTP/1.1\r\n"
#define POST "POST /webhook HTTP/1.1\r\nHost: a\r\n"

static void refuses_heads(void **state)
{
	static const struct {
		enum status status;
		struct span head;
	} table[] = {
	    /* request lines, RFC 9112 3 */
	    {STATUS_BAD_LINE, SPAN(" GET / HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET /\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / \r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET  / HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET /  HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/1.1 \r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("G\xc3T / HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("G(T / HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET: / HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET webhook HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET * HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("POST ?x HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("POST a:80 HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("DELETE * HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("OPTIONS a HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("CONNECT :1 HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("CONNECT a:b HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("CONNECT [::1] HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("GET http://?a HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("GET http://\"/ HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("GET https://a\\b HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE,
	     SPAN("GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / http/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/1.\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/11\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/1.10\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/1,1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/-1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/x.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("CONNECT a@b:80 HTTP/1.1\r\nHost: a\r\n"
				   "\r\n")},
	    {STATUS_BAD_FIELD,
	     SPAN(GET "Host: a\r\nX-Grafana-Alerting-Signature: 1\r\n"
		      "X-Grafana-Alerting-Signature: 1\r\n\r\n")},
	    {STATUS_BAD_FIELD,
	     SPAN(GET "Host: a\r\nX-Grafana-Alerting-Timestamp: 1\r\n"
		      "X-Grafana-Alerting-Timestamp: 1\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/!.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/1.x\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTP/1.!\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / HTTPS/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("GET / ICY\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("\r\n\r\nGET / HTTP/1.1\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("\r\n\r\n\r\n")},
	    {STATUS_BAD_LINE, SPAN("Host: a\r\n\r\n")},
	    {STATUS_HTTP_VERSION, SPAN("GET / HTTP/2.0\r\nHost: a\r\n\r\n")},
	    {STATUS_HTTP_VERSION, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
	    {STATUS_HTTP_VERSION, SPAN("GET / HTTP/0.9\r\nHost: a\r\n\r\n")},
	    {STATUS_HTTP_VERSION, SPAN("GET / HTTP/1.2\r\nHost: a\r\n\r\n")},
	    {STATUS_HTTP_VERSION, SPAN("GET / HTTP/3.0\r\nHost: a\r\n\r\n")},
	    {STATUS_HTTP_VERSION, SPAN("GET / HTTP/9.9\r\nHost: a\r\n\r\n")},
	    /* bytes that never may be there, and lines that end otherwise */
	    {STATUS_BAD_BYTE, SPAN("\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\nHost: a\n\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nHost: a\n\r\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\rHost: a\r\n\r\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\rx")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n")},
	    {STATUS_BAD_BYTE, SPAN("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_BYTE, SPAN("\0")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nX: \x1b[0m\r\n\r\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nX: \x7f\r\n\r\n")},
	    {STATUS_BAD_BYTE, SPAN("GET / HTTP/1.1\r\nX\x0b: a\r\n\r\n")},
	    {STATUS_BAD_BYTE, SPAN("\x16\x03\x01\x02")}, /* TLS */
	    /* fields, RFC 9112 5 */
	    {STATUS_BAD_FIELD, SPAN(GET "Host : a\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host\t: a\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET " Host: a\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host: a\r\n b\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host: a\r\n\tb\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host: a\r\n \r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host: a\r\n X: y\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET ": a\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Ho st: a\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host: a\r\nX(: a\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host: a\r\n\"X\": a\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host: a\r\nX\xc3\xa4: a\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(GET "Host: a\r\nX[1]: a\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(POST "Content-Type: application/json\r\n"
					 "Content-Type: text/plain\r\n\r\n")},
	    {STATUS_BAD_FIELD, SPAN(POST "Authorization: Bearer a\r\n"
					 "authorization: Bearer a\r\n\r\n")},
	    /* Host, RFC 9112 3.2 */
	    {STATUS_BAD_HOST, SPAN(GET "\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Hosts: a\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a\r\nHost: a\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a\r\nX: y\r\nhOST: b\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host:\r\nHost:\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a b\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a\tb\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a, b\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a/b\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: u@a\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a?b\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a#b\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: \"a\"\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a\\b\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: <a\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a>\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a^b\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: `a\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: {a\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a|b\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a}\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a:8x\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a:-1\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a:b:c\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: [::1\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: [::1]x\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: [::1]:x\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: []\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: [:]\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: [zz]\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: [v1.a]\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: [::1%25lo]\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a%zz\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a%2\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a%2g\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a%\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: [a\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a]\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: a'[\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: ::1\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: 1::1\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN(GET "Host: \xc3\xa4\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN("GET / HTTP/1.0\r\nHost: a\r\n"
				   "Host: a\r\n\r\n")},
	    {STATUS_BAD_HOST, SPAN("GET http://a/ HTTP/1.1\r\n\r\n")},
	    /* Content-Length, RFC 9110 8.6, RFC 9112 6.3 */
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length:\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length:  \r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: +1\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: -1\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1 1\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1,1\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1, 1\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1,\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 0x1\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1.0\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1e1\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: \"1\"\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1_0\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1;\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: \xb2\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1\r\n"
					  "Content-Length: 1\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Content-Length: 1\r\n"
					  "content-length: 2\r\n\r\n")},
	    {STATUS_BAD_LENGTH,
	     SPAN(POST "Content-Length: 1\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Transfer-Encoding: chunked\r\n"
					  "Content-Length: 0\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(POST "Transfer-Encoding: gzip\r\n"
					  "Content-Length: 1\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN("POST / HTTP/1.0\r\nContent-Length: 1\r\n"
				     "Transfer-Encoding: chunked\r\n\r\n")},
	    {STATUS_BAD_LENGTH, SPAN(GET "Host: a\r\nContent-Length: 1\r\n"
					 "Content-Length: 1\r\n\r\n")},
	    /* Transfer-Encoding, RFC 9112 6.1 */
	    {STATUS_BAD_CODING, SPAN(POST "Transfer-Encoding:\r\n\r\n")},
	    {STATUS_BAD_CODING, SPAN(POST "Transfer-Encoding: ,\r\n\r\n")},
	    {STATUS_BAD_CODING, SPAN(POST "Transfer-Encoding: chunked,\r\n"
					  "\r\n")},
	    {STATUS_BAD_CODING, SPAN(POST "Transfer-Encoding: ,chunked\r\n"
					  "\r\n")},
	    {STATUS_BAD_CODING, SPAN(POST "Transfer-Encoding: chunked, "
					  "chunked\r\n\r\n")},
	    {STATUS_BAD_CODING,
	     SPAN(POST "Transfer-Encoding: chunked\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n")},
	    {STATUS_BAD_CODING, SPAN(POST "Transfer-Encoding: chunked, gzip"
					  "\r\n\r\n")},
	    {STATUS_BAD_CODING, SPAN(POST "Transfer-Encoding: chunked\r\n"
					  "Transfer-Encoding: identity\r\n"
					  "\r\n")},
	    {STATUS_BAD_CODING, SPAN("POST / HTTP/1.0\r\n"
				     "Transfer-Encoding: chunked\r\n\r\n")},
	    {STATUS_BAD_CODING, SPAN("POST / HTTP/1.0\r\n"
				     "Transfer-Encoding: gzip\r\n\r\n")},
	};
	static struct http_request r;
	size_t length;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		enum status status = read_all(table[i].head, &r, &length);
		CHECK(status == table[i].status, "row %zu: %s: %.*s", i,
		      status_info(status)->text, (int)table[i].head.n,
		      table[i].head.p);
	}
}

/* A request as one line of words, for the table below. */
static void describe(struct buf *b, const struct http_request *r)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT",
					      "other"};
	static const struct {
		const char *word;
		size_t offset;
	} flags[] = {
#define FLAG(name) {" " #name, offsetof(struct http_request, name)}
	    FLAG(chunked),         FLAG(http10),         FLAG(keep_alive),
	    FLAG(expect_continue), FLAG(expect_other),   FLAG(is_json),
	    FLAG(is_encoded),      FLAG(unknown_method), FLAG(unknown_coding),
	    FLAG(wants_text),
#undef FLAG
	};
	buf_str(b, methods[r->method]);
	buf_char(b, ' ');
	buf_put(b, r->path);
	if (r->has_length) {
		buf_str(b, " length=");
		buf_u64(b, r->length);
	}
	for (size_t i = 0; i < COUNT(flags); i++)
		if (*(const bool *)((const char *)r + flags[i].offset))
			buf_str(b, flags[i].word);
	if (r->credential.p) {
		buf_str(b, " credential=");
		buf_put(b, r->credential);
	}
	if (r->signature.p) {
		buf_str(b, " signature=");
		buf_put(b, r->signature);
	}
	if (r->signed_at.p) {
		buf_str(b, " signed_at=");
		buf_put(b, r->signed_at);
	}
}

static void reads_heads(void **state)
{
	static const struct {
		const char *head, *request;
	} table[] = {
	    {GET "Host: a\r\n\r\n", "GET / keep_alive"},
	    {"\r\n" GET "Host: a\r\n\r\n", "GET / keep_alive"},
	    {"HEAD /-/ready HTTP/1.1\r\nHost:a\r\n\r\n",
	     "HEAD /-/ready keep_alive"},
	    {"PUT /webhook HTTP/1.1\r\nhost: \t a \t\r\n\r\n",
	     "PUT /webhook keep_alive"},
	    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / keep_alive"},
	    {GET "Host: [::1]:5000\r\n\r\n", "GET / keep_alive"},
	    {GET "Host: [::]\r\n\r\n", "GET / keep_alive"},
	    {GET "Host: [FE80::1.2.3.4]\r\n\r\n", "GET / keep_alive"},
	    {GET "Host: a%2dB-._~!$&'()*+;=:80\r\n\r\n", "GET / keep_alive"},
	    {GET "Host: a:\r\n\r\n", "GET / keep_alive"},
	    {GET "Host: :80\r\n\r\n", "GET / keep_alive"},
	    {GET "HOST: a.example:80\r\n\r\n", "GET / keep_alive"},
	    {"GET / HTTP/1.0\r\n\r\n", "GET / http10"},
	    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	     "GET / http10 keep_alive"},
	    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
	     "GET / http10"},
	    {"GET / HTTP/1.0\r\nConnection: close\r\n"
	     "Connection: keep-alive\r\n\r\n",
	     "GET / http10"},
	    {GET "Host: a\r\nConnection: CLOSE\r\n\r\n", "GET /"},
	    {GET "Host: a\r\nConnection: x , close\r\n\r\n", "GET /"},
	    {GET "Host: a\r\nConnection: x\r\nConnection: close\r\n\r\n",
	     "GET /"},
	    {GET "Host: a\r\nConnection: closed\r\n\r\n", "GET / keep_alive"},
	    {GET "Host: a\r\nConnection:\r\n\r\n", "GET / keep_alive"},
	    /* targets, RFC 9112 3.2 */
	    {"GET /a?b?c=d/e HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a keep_alive"},
	    {"GET /%2e%00/../%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	     "GET /%2e%00/../%zz keep_alive"},
	    {"GET // HTTP/1.1\r\nHost: a\r\n\r\n", "GET // keep_alive"},
	    {"GET http://b:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
	     "GET /x keep_alive"},
	    {"GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", "GET / keep_alive"},
	    {"GET http://b?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET / keep_alive"},
	    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "other * keep_alive"},
	    {"CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\n",
	     "other b:443 keep_alive"},
	    {"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", "other / keep_alive"},
	    {"PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", "other / keep_alive"},
	    {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "other / keep_alive"},
	    {"get / HTTP/1.1\r\nHost: a\r\n\r\n",
	     "other / keep_alive unknown_method"},
	    {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
	     "other / keep_alive unknown_method"},
	    {"M-SEARCH!#$%&'*+-.^_`|~ * HTTP/1.1\r\nHost: a\r\n\r\n",
	     "other * keep_alive unknown_method"},
	    /* bodies */
	    {POST "Content-Length: 0\r\n\r\n",
	     "POST /webhook length=0 keep_alive"},
	    {POST "Content-Length:12 \r\n\r\n",
	     "POST /webhook length=12 keep_alive"},
	    {POST "Content-Length: 00012\r\n\r\n",
	     "POST /webhook length=12 keep_alive"},
	    {POST "Content-Length: 18446744073709551615\r\n\r\n",
	     "POST /webhook length=18446744073709551615 keep_alive"},
	    {POST "Content-Length: 18446744073709551616\r\n\r\n",
	     "POST /webhook length=18446744073709551615 keep_alive"},
	    {POST "Content-Length: 99999999999999999999999999\r\n\r\n",
	     "POST /webhook length=18446744073709551615 keep_alive"},
	    {POST "Transfer-Encoding: chunked\r\n\r\n",
	     "POST /webhook chunked keep_alive"},
	    {POST "Transfer-Encoding: CHUNKED \r\n\r\n",
	     "POST /webhook chunked keep_alive"},
	    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n",
	     "POST /webhook chunked keep_alive unknown_coding"},
	    {POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"
		  "\r\n",
	     "POST /webhook chunked keep_alive unknown_coding"},
	    {POST "Transfer-Encoding: identity\r\n\r\n",
	     "POST /webhook keep_alive unknown_coding"},
	    {POST "Transfer-Encoding: xchunked\r\n\r\n",
	     "POST /webhook keep_alive unknown_coding"},
	    {POST "Transfer-Encoding: chunked;q=1\r\n\r\n",
	     "POST /webhook keep_alive unknown_coding"},
	    {POST "Transfer-Encoding: \"chunked\"\r\n\r\n",
	     "POST /webhook keep_alive unknown_coding"},
	    {POST "Transfer-Encoding: chunked chunked\r\n\r\n",
	     "POST /webhook keep_alive unknown_coding"},
	    /* content */
	    {POST "Content-Type: application/json\r\n\r\n",
	     "POST /webhook keep_alive is_json"},
	    {POST "Content-Type: Application/JSON ; Charset=UTF-8\r\n\r\n",
	     "POST /webhook keep_alive is_json"},
	    {POST "Content-Type: application/json;charset=\"utf-8\"\r\n\r\n",
	     "POST /webhook keep_alive is_json"},
	    {POST "Content-Type: application/json; x=y\r\n\r\n",
	     "POST /webhook keep_alive is_json"},
	    {POST "Content-Type: application/json; charset=latin1\r\n\r\n",
	     "POST /webhook keep_alive"},
	    {POST "Content-Type: application/jsonx\r\n\r\n",
	     "POST /webhook keep_alive"},
	    {POST "Content-Type: application/json, text/plain\r\n\r\n",
	     "POST /webhook keep_alive"},
	    {POST "Content-Type: text/json\r\n\r\n",
	     "POST /webhook keep_alive"},
	    {POST "Content-Type:\r\n\r\n", "POST /webhook keep_alive"},
	    {POST "Content-Encoding: Identity\r\n\r\n",
	     "POST /webhook keep_alive"},
	    {POST "Content-Encoding: gzip\r\n\r\n",
	     "POST /webhook keep_alive is_encoded"},
	    {POST "Content-Encoding: identity, gzip\r\n\r\n",
	     "POST /webhook keep_alive is_encoded"},
	    {POST "Content-Encoding: identity\r\nContent-Encoding: br\r\n\r\n",
	     "POST /webhook keep_alive is_encoded"},
	    {POST "Expect: 100-Continue\r\n\r\n",
	     "POST /webhook keep_alive expect_continue"},
	    {POST "Expect: 200-ok\r\n\r\n",
	     "POST /webhook keep_alive expect_other"},
	    {POST "Expect: 100-continue, x\r\n\r\n",
	     "POST /webhook keep_alive expect_other"},
	    {"POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
	     "POST / http10"}, /* RFC 9110 10.1.1 */
	    {GET "Host: a\r\nAccept: */*\r\n\r\n", "GET / keep_alive"},
	    {GET "Host: a\r\nX-Grafana-Alerting-Signature: 00ff \r\n\r\n",
	     "GET / keep_alive signature=00ff"},
	    {GET "Host: a\r\nX-GRAFANA-alerting-timestamp:\t7\r\n"
		 "x-grafana-alerting-signature:\r\n\r\n",
	     "GET / keep_alive signature= signed_at=7"},
	    {GET "Host: a\r\nAccept: text/plain\r\n\r\n",
	     "GET / keep_alive wants_text"},
	    {GET "Host: a\r\nAccept: application/json\r\n\r\n",
	     "GET / keep_alive"},
	    {GET "Host: a\r\nAuthorization: Basic YTpi \r\n\r\n",
	     "GET / keep_alive credential=Basic YTpi"},
	    {GET "Host: a\r\nAuthorization:\r\n\r\n",
	     "GET / keep_alive credential="},
	    /* what means nothing here, odd as it may be */
	    {GET "Host: a\r\nX:\r\nX: \xff\x80 \t: y\r\n!#$%&'*+-.^_`|~: z\r\n"
		 "Trailer: a\r\nUpgrade: h2c\r\nContent-Length-: x\r\n\r\n",
	     "GET / keep_alive"},
	};
	static struct http_request r;
	size_t length;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct span head = span_of(table[i].head);
		char bytes[256];
		struct buf b = buf_of(bytes, sizeof bytes);
		enum status status = read_all(head, &r, &length);
		CHECK(status == STATUS_OK, "row %zu: %s: %s", i,
		      status_info(status)->text, head.p);
		CHECK(length == head.n, "row %zu: length %zu", i, length);
		describe(&b, &r);
		CHECK_SPAN(buf_span(&b), span_of(table[i].request),
			   "row %zu: %s", i, head.p);
	}
}

static void finds_the_end_of_a_head(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} table[] = {
	    {"", 0},
	    {"\r", 0},
	    {"\r\n", 0},
	    {GET, 0},
	    {GET "\r", 0},
	    {GET "Host: a\r\n", 0},
	    {GET "\r\n", 18},
	    {GET "\r\nGET", 18},
	    {GET "\r\n\r\n", 18},
	    {"\r\n" GET "\r\n\n\x01", 20},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct span bytes = span_of(table[i].bytes);
		for (size_t first = 0; first <= bytes.n; first++) {
			struct http_scan scan = {0};
			size_t length = 0;
			enum status s =
			    http_scan(&scan, bytes.p, first, &length);
			if (s == STATUS_OK && length == 0)
				s = http_scan(&scan, bytes.p, bytes.n, &length);
			CHECK(s == STATUS_OK, "row %zu", i);
			CHECK(length == table[i].length, "row %zu: %zu", i,
			      length);
		}
	}
}

/* A head with a request line and a head of these lengths. */
static size_t make_head(char *out, size_t line, size_t all)
{
	static const char fields[] = "Host: a\r\nX: ";
	memset(out, 'x', all);
	memcpy(out, "GET /", 5);
	memcpy(out + line - 9, " HTTP/1.1\r\n", 11);
	memcpy(out + line + 2, fields, sizeof fields - 1);
	memcpy(out + all - 4, "\r\n\r\n", 4);
	return all;
}

static void holds_the_limits(void **state)
{
	static const struct {
		size_t line, all;
		enum status status;
	} table[] = {
	    {LIMIT_REQUEST_LINE, 5000, STATUS_OK},
	    {LIMIT_REQUEST_LINE + 1, 5000, STATUS_URI_SIZE},
	    {LIMIT_REQUEST_LINE + 2, 5000, STATUS_URI_SIZE},
	    {7000, 8000, STATUS_URI_SIZE},
	    {20, LIMIT_HEAD, STATUS_OK},
	    {20, LIMIT_HEAD + 1, STATUS_HEAD_SIZE},
	    {20, LIMIT_HEAD + 4, STATUS_HEAD_SIZE},
	    {LIMIT_REQUEST_LINE, LIMIT_HEAD, STATUS_OK},
	};
	static char bytes[LIMIT_HEAD + 64];
	static struct http_request r;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		size_t n = make_head(bytes, table[i].line, table[i].all);
		size_t length;
		for (size_t step = 1; step < 3 * n; step *= 3) {
			enum status s = read_head((struct span){bytes, n}, step,
						  step, &r, &length);
			CHECK(s == table[i].status, "row %zu, step %zu: %s", i,
			      step, status_info(s)->text);
			CHECK(length == (s == STATUS_OK ? n : 0), "row %zu", i);
		}
	}
	/* told as soon as nothing can make it good */
	struct http_scan early = {0};
	size_t none;
	assert_int_equal(http_scan(&early, "\r\n\r\n", 4, &none),
			 STATUS_BAD_LINE);
	/* endless, and never an end of line */
	memset(bytes, 'x', sizeof bytes);
	struct http_scan scan = {0};
	size_t length;
	assert_int_equal(http_scan(&scan, bytes, LIMIT_REQUEST_LINE, &length),
			 STATUS_OK);
	assert_int_equal(
	    http_scan(&scan, bytes, LIMIT_REQUEST_LINE + 1, &length),
	    STATUS_URI_SIZE);
}

static void knows_characters(void **state)
{
	static const char tokens[] =
	    "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool token = c && strchr(tokens, (int)c) != NULL;
		bool value = c == '\t' || (c >= 0x20 && c != 0x7f);
		CHECK(http_is_token_char((char)c) == token, "%02x", c);
		CHECK(http_is_value_char((char)c) == value, "%02x", c);
	}
}

static void writes_answers(void **state)
{
	static const struct {
		struct http_answer a;
		const char *head;
	} table[] = {
	    {{.code = 200,
	      .content_type = "text/plain",
	      .length = 3,
	      .date = 1795485352},
	     "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 01:55:52 GMT\r\n"
	     "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n"},
	    {{.code = 405,
	      .content_type = "a/b",
	      .allow = "GET, HEAD",
	      .close = true,
	      .say_keep_alive = true},
	     "HTTP/1.1 405 Method Not Allowed\r\n"
	     "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: a/b\r\n"
	     "Content-Length: 0\r\nAllow: GET, HEAD\r\nConnection: close\r\n"
	     "\r\n"},
	    {{.code = 503,
	      .content_type = "a/b",
	      .say_keep_alive = true,
	      .retry_after_s = 10,
	      .length = 16384},
	     "HTTP/1.1 503 Service Unavailable\r\n"
	     "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: a/b\r\n"
	     "Content-Length: 16384\r\nRetry-After: 10\r\n"
	     "Connection: keep-alive\r\n\r\n"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[512];
		struct buf b = buf_of(bytes, sizeof bytes);
		http_put_answer(&b, &table[i].a);
		CHECK_SPAN(buf_span(&b), span_of(table[i].head), "row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_heads),
	    cmocka_unit_test(reads_heads),
	    cmocka_unit_test(finds_the_end_of_a_head),
	    cmocka_unit_test(holds_the_limits),
	    cmocka_unit_test(knows_characters),
	    cmocka_unit_test(writes_answers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
