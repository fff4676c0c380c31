/* request.c - see request.h. */
#include "conn/request.h"

static bool find_target(struct span path, const struct config *c,
			enum request_target *target)
{
	static const struct {
		struct span path;
		enum request_target target;
	} table[] = {
	    {SPAN("/metrics"), REQUEST_METRICS},
	    {SPAN("/alerts"), REQUEST_ALERTS},
	    {SPAN("/-/healthy"), REQUEST_HEALTHY},
	    {SPAN("/-/ready"), REQUEST_READY},
	};
	*target = REQUEST_NOTIFICATION;
	if (span_eq(path, c->path))
		return true;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (span_eq(path, table[i].path)) {
			*target = table[i].target;
			return true;
		}
	}
	return false;
}

/* Credentials, or a signature that the body will show to be right or wrong;
 * a request without a body signs an empty one. */
static bool may_ask(const struct http_request *r, const struct auth *a,
		    int64_t now_s, bool has_body, struct auth_signature *sig)
{
	if (auth_allows(a, r->credential))
		return true;
	if (a->keys == 0 ||
	    !auth_read_signature(sig, r->signature, r->signed_at, now_s))
		return false;
	if (has_body)
		return true;
	sig->given = false;
	return auth_is_signed(a, sig, SPAN(""));
}

static enum status judge_body(const struct http_request *r,
			      const struct config *c, bool is_signed)
{
	if (!r->has_length && !r->chunked)
		return STATUS_NO_LENGTH;
	if (!r->is_json)
		return STATUS_MEDIA_TYPE;
	if (r->is_encoded)
		return STATUS_ENCODING;
	if (r->length > c->max_body)
		return STATUS_BODY_SIZE;
	return is_signed && r->length > LIMIT_WHOLE_BODY ? STATUS_SIGNED_SIZE
							 : STATUS_OK;
}

enum status request_judge(const struct http_request *r, const struct config *c,
			  const struct auth *a, int64_t now_s, bool health_only,
			  enum request_target *target,
			  struct auth_signature *sig, const char **allow)
{
	bool post = r->method == HTTP_POST || r->method == HTTP_PUT;
	bool get = r->method == HTTP_GET || r->method == HTTP_HEAD;
	sig->given = false;
	if (r->unknown_method)
		return STATUS_UNKNOWN_METHOD;
	if (!find_target(r->path, c, target))
		return STATUS_NOT_FOUND;
	bool open = *target == REQUEST_HEALTHY || *target == REQUEST_READY;
	if (health_only && !open)
		return STATUS_NOT_FOUND;
	bool wants_post = *target == REQUEST_NOTIFICATION;
	bool has_body = wants_post && post;
	if (!open && !may_ask(r, a, now_s, has_body, sig))
		return STATUS_UNAUTHORIZED;
	*allow = wants_post ? "POST, PUT" : "GET, HEAD";
	if (wants_post ? !post : !get)
		return STATUS_METHOD;
	if (r->expect_other)
		return STATUS_EXPECTATION;
	return wants_post ? judge_body(r, c, sig->given) : STATUS_OK;
}
