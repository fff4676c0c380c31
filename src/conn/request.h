/*
 * request.h - what a request asks for, and whether it can be had that way.
 *
 * Pure. The order of the checks decides which of several causes the client
 * hears first.
 */
#ifndef CONN_REQUEST_H
#define CONN_REQUEST_H

#include "config/config.h"
#include "conn/auth.h"
#include "http/http.h"

enum request_target {
	REQUEST_NOTIFICATION, /* POST or PUT to --path */
	REQUEST_METRICS,
	REQUEST_ALERTS,
	REQUEST_HEALTHY,
	REQUEST_READY,
};

/* `health_only`: nothing but health and readiness is here. OK and *target, or a
 * cause and, for METHOD, *allow as the value of Allow.
 * A signature that is given in *sig on OK stands for the credentials: who reads
 * the body compares them before anything else is done with it. */
enum status request_judge(const struct http_request *r, const struct config *c,
			  const struct auth *a, int64_t now_s, bool health_only,
			  enum request_target *target,
			  struct auth_signature *sig, const char **allow);

#endif
