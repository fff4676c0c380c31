/*
 * status.h - every cause for which a request can end, and what it means to the
 * client: the HTTP code, the label in bellwire_rejected_total and the sentence.
 *
 * 4xx is for what will never work, since Alertmanager then gives up; 5xx is for
 * what may work when it is sent again.
 */
#ifndef FACTS_STATUS_H
#define FACTS_STATUS_H

#include "facts/limits.h"

/* clang-format off */
#define STATUSES(X) \
	X(OK, 200, "", "ok") \
	X(BAD_LINE, 400, "malformed_request", "malformed request line") \
	X(BAD_FIELD, 400, "malformed_request", "malformed header field") \
	X(BAD_BYTE, 400, "malformed_request", "control character in the head, " \
	  "or a line that does not end in CRLF") \
	X(BAD_HOST, 400, "malformed_request", "exactly one valid Host is " \
	  "required") \
	X(BAD_LENGTH, 400, "ambiguous_length", "exactly one Content-Length of " \
	  "digits only, and none beside Transfer-Encoding, is required") \
	X(BAD_CODING, 400, "ambiguous_length", "ambiguous Transfer-Encoding") \
	X(BAD_CHUNK, 400, "malformed_chunk", "malformed chunked body") \
	X(CUT_BODY, 400, "cut_body", "the connection ended within the body") \
	X(NOT_JSON, 400, "not_json", "not JSON") \
	X(UNAUTHORIZED, 401, "unauthorized", "no or wrong credentials") \
	X(NOT_FOUND, 404, "not_found", "no such path") \
	X(METHOD, 405, "method", "method not allowed here") \
	X(SLOW_HEAD, 408, "slow_head", "the request's head took too long") \
	X(NO_LENGTH, 411, "no_length", "a body needs Content-Length or " \
	  "Transfer-Encoding: chunked") \
	X(BODY_SIZE, 413, "body_too_large", "body larger than --max-body") \
	X(SIGNED_SIZE, 413, "body_too_large", "a signed body larger than " \
	  LIMIT_TEXT(WHOLE_BODY) " bytes: it could not be checked before its " \
	  "alerts are emitted") \
	X(ALERT_SIZE, 413, "alert_too_large", "alert larger than " \
	  LIMIT_TEXT(ALERT) " bytes") \
	X(TOO_MANY, 413, "too_many_labels", "more than " LIMIT_TEXT(LABELS) \
	  " labels or annotations") \
	X(TOO_DEEP, 413, "too_deep", "JSON nested over " LIMIT_TEXT(JSON_DEPTH) \
	  " deep") \
	X(URI_SIZE, 414, "uri_too_long", "request line longer than " \
	  LIMIT_TEXT(REQUEST_LINE) " bytes") \
	X(MEDIA_TYPE, 415, "media_type", "Content-Type must be " \
	  "application/json") \
	X(ENCODING, 415, "content_encoding", "Content-Encoding must be " \
	  "identity") \
	X(EXPECTATION, 417, "expectation", "only 100-continue can be expected") \
	X(NOT_PAYLOAD, 422, "not_payload", "not a webhook payload") \
	X(HEAD_SIZE, 431, "head_too_large", "head larger than " \
	  LIMIT_TEXT(HEAD) " bytes") \
	X(UNKNOWN_METHOD, 501, "method", "unknown method") \
	X(CODING, 501, "transfer_coding", "only chunked is supported in " \
	  "Transfer-Encoding") \
	X(SLOW_BODY, 503, "slow_body", "the request's body took too long") \
	X(NOT_SAFE, 503, "not_safe", "the alerts are not safe yet, send them " \
	  "again") \
	X(NO_ROOM, 503, "spool_full", "no room in the spool, send them again " \
	  "later") \
	X(ADDRESS, 0, "address", "address not in --allow, closed at once") \
	X(NOT_READY, 503, "not_ready", "not ready") \
	X(PAGE_BUSY, 503, "page_busy", "another client takes long to read " \
	  "this page") \
	X(HTTP_VERSION, 505, "http_version", "only HTTP/1.1 and HTTP/1.0 are " \
	  "supported")
/* clang-format on */

enum status {
#define STATUS_ROW(name, code, label, text) STATUS_##name,
	STATUSES(STATUS_ROW)
#undef STATUS_ROW
	    STATUS_COUNT
};

struct status_info {
	unsigned code;     /* of RFC 9110 15 */
	const char *label; /* value of the metric label `reason` */
	const char *text;  /* the sentence for the client and the log */
};

/*@ requires s < STATUS_COUNT;
    assigns \nothing;
    ensures \valid_read(\result); */
const struct status_info *status_info(enum status s);
/* The reason phrase of a code that occurs in the table: "Not Found". It is
 * constant, so no buffer of a caller's has a byte of it. */
/*@ assigns \nothing;
    ensures \valid_read(\result + (0 .. 31)) && \result[31] == 0;
    ensures \forall integer i; 0 <= i <= 31 ==> !\valid(\result + i); */
const char *status_phrase(unsigned code);

#endif
