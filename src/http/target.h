/*
 * target.h - what head.c shares with target.c.
 */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "http/http.h"

/* Is that a Host: uri-host [ ":" port ], RFC 9110 7.2? It may be empty. */
/*@ requires span_ok(v);
    assigns \nothing; */
bool http_is_host(struct span v);

/* origin-form and absolute-form name a path; of the others, an authority is for
 * CONNECT alone, and the asterisk for OPTIONS and for methods that only others
 * know. RFC 9112 3.2. */
/*@ requires span_ok(method) && span_ok(t) && request_ok(r);
    assigns r->path;
    ensures request_ok(r); */
enum status http_parse_target(struct span method, struct span t,
			      struct http_request *r);

#endif
