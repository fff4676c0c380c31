/*
 * limits.h - every capacity of bellwire, in one place.
 *
 * One row a limit: its name, its value, its unit, and what happens beyond it.
 * `bellwire version` prints this table. Where a value follows from others, the
 * derivation is written as an expression.
 */
#ifndef FACTS_LIMITS_H
#define FACTS_LIMITS_H

/* clang-format off */
#define LIMITS(X) \
	X(CONNECTIONS, 64, "", \
	  "the connection with the least progress is closed for a new one") \
	X(LISTENERS, 4, "", "error at start") \
	X(SINKS, 8, "", "error at start") \
	X(TEMPLATES, 8, "", "error at start") \
	X(TEMPLATE, 1024, "bytes, and columns of a field", "error at start") \
	X(MATCHES, 8, "a sink", "error at start") \
	X(REQUEST_LINE, 4096, "bytes", "414") \
	X(HEAD, 8192, "bytes of request line and headers", "431") \
	X(CHUNK_LINE, 256, "bytes of a chunk's size and extensions", "400") \
	X(ALERT, 32768, "bytes as sent", "left out with a NOTICE line") \
	X(WHOLE_BODY, 32768, "bytes of a body taken or refused as one", \
	  "alert by alert as they arrive") \
	X(DISCARD, 32768, "bytes read on after a refusal or a TLS alert", \
	  "answered with Connection: close, or closed") \
	X(ENVELOPE, 4096, "bytes of receiver, groupKey and externalURL " \
	  "of a body that is decoded as it arrives", "cut with a mark") \
	X(LABELS, 128, "labels, and as many annotations, an alert", \
	  "left out with a NOTICE line") \
	X(JSON_DEPTH, 32, "", "413") \
	/* a JSON value takes two bytes at least, `1,`, and the object one more */ \
	X(TOKENS, LIMIT_ALERT / 2 + 8, "JSON values an alert", \
	  "cannot be reached") \
	/* one byte can grow to six, DEL to \u007f in json; and the names */ \
	X(LINE, 6 * (LIMIT_ALERT + LIMIT_ENVELOPE) + 1024, \
	  "bytes of an emitted line", "cut with a mark, counted") \
	X(SPOOL_MEMORY, 262144, "bytes of alerts kept without --spool", \
	  "503, Alertmanager keeps them") \
	X(FIRING, 524288, "bytes of alerts that /alerts can list, half of " \
	  "which is sure", "the oldest is not listed, counted") \
	X(FIRING_PAGE, 1048576, "bytes of a page of /alerts", \
	  "the rest is not listed") \
	X(SPOOL_FILE, 1048576, "bytes of alerts kept in a --spool file " \
	  "without size=", "503, Alertmanager keeps them") \
	X(SPOOL_FILE_MAX, 1073741824, "bytes", "error at start") \
	X(UNACKED, 8192, "alerts remembered that were queued or written " \
	  "without a 200", "the oldest is forgotten and may come twice") \
	X(KNOWN_MS, 900000, "ms that an alert without a 200 is known again " \
	  "when it is sent once more", "a new notification") \
	X(DEDUP, LIMIT_UNACKED, "alerts remembered for --dedup", \
	  "the oldest is forgotten and may come twice") \
	X(EQUAL_ALERTS, 16, "equal alerts in one request that are told apart", \
	  "may come twice when sent again") \
	X(ANSWER, 28672, "bytes of an answer", "cannot be reached") \
	X(PLACE, 160, "bytes of the reason in an answer", "cut with a mark") \
	X(TLS_SESSION, 29696, "bytes of a TLS connection", "cannot be reached") \
	X(TLS_IDENTITY, 40960, "bytes of certificates and keys, at most 8 " \
	  "certificates and 16 client CAs", "error at start") \
	X(TLS_NAMES, 16, "client names", "error at start") \
	X(TLS_CLIENT_CHAIN, 8, "certificates that a client shows", \
	  "the handshake is refused") \
	X(TLS_CLIENT_BYTES, 16384, "bytes of them", "the handshake is refused") \
	X(TLS_GREETINGS, 2, "handshakes that go on in a turn of the loop", \
	  "the next turn") \
	X(TLS_GREETING_MS, 10000, "ms for a TLS handshake", "closed") \
	X(SECRETS, 64, "lines of a file of tokens or passwords", \
	  "error at start") \
	X(PASSWORD, 512, "bytes of user:password", "error at start") \
	X(SECRET_FILE, 16384, "bytes", "error at start") \
	X(ALLOWS, 32, "address ranges", "error at start") \
	X(CONFIG_FILE, 16384, "bytes", "error at start") \
	X(CONFIG_ENTRIES, 128, "options in all", "error at start") \
	X(SINK_PLACE, 263, "bytes of a sink's name", "error at start") \
	X(BAUD, 12000000, "bits a second of a serial line, 50 at least", \
	  "error at start") \
	X(SANDBOX_PATH, 512, "bytes of a path that is needed again", \
	  "not usable after start") \
	X(LOG_LINE, 1024, "bytes", "cut with a mark") \
	X(ACCEPTS, 16, "connections taken a turn of the loop", "the next turn") \
	X(TURN, 65536, "bytes of answers, and of TLS without any of a " \
	  "request, of a connection in a turn of the loop", "the next turn") \
	X(HEAD_MS, 10000, "ms for a request's head", "408") \
	X(BODY_MS, 30000, "ms for a request's body", "503") \
	X(IDLE_MS, 330000, "ms between requests; Alertmanager keeps " \
	  "a connection for 300000", "closed") \
	X(PAGE_MS, 5000, "ms that /alerts waits for another client to read it", \
	  "503") \
	X(ANSWER_MS, 30000, "ms for the client to take an answer", "closed") \
	X(LINGER_MS, 2000, "ms for the client to see a last answer", "closed") \
	X(PROBE_MS, 5000, "ms for probe to get its answer", "exit 1")
/* clang-format on */

enum limit {
#define LIMIT_ROW(name, value, unit, beyond) LIMIT_##name = (value),
	LIMITS(LIMIT_ROW)
#undef LIMIT_ROW
};

#endif
