/*
 * limits.h - every capacity of bellwire, in one place.
 *
 * The values first; where one follows from others, the derivation is written as
 * an expression. Below them a row for each: its unit, and what happens beyond
 * it. `bellwire version` prints that table. Texts say a value with
 * LIMIT_TEXT(), which needs a plain number: hence some are in KiB or GiB.
 */
#ifndef FACTS_LIMITS_H
#define FACTS_LIMITS_H

#define LIMIT_CONNECTIONS 64
#define LIMIT_LISTENERS 4
#define LIMIT_SINKS 8
#define LIMIT_TEMPLATES 8
#define LIMIT_TEMPLATE 1024
#define LIMIT_MATCHES 8
#define LIMIT_REQUEST_LINE 4096
#define LIMIT_HEAD 8192
#define LIMIT_CHUNK_LINE 256
#define LIMIT_ALERT 32768
#define LIMIT_WHOLE_BODY 32768
#define LIMIT_DISCARD 32768
#define LIMIT_ENVELOPE 4096
#define LIMIT_LABELS 128
#define LIMIT_JSON_DEPTH 32
/* one byte can grow to six, DEL to \u007f in json; and the names */
#define LIMIT_LINE (6 * (LIMIT_ALERT + LIMIT_ENVELOPE) + 1024)
#define LIMIT_SPOOL_MEMORY_KIB 256
#define LIMIT_SPOOL_MEMORY (LIMIT_SPOOL_MEMORY_KIB * 1024)
#define LIMIT_FIRING 524288
#define LIMIT_FIRING_PAGE 1048576
#define LIMIT_SPOOL_FILE 1048576
#define LIMIT_SPOOL_FILE_MAX_GIB 1
#define LIMIT_SPOOL_FILE_MAX (LIMIT_SPOOL_FILE_MAX_GIB * 1073741824)
#define LIMIT_UNACKED 8192
#define LIMIT_KNOWN_MS 900000
#define LIMIT_DEDUP LIMIT_UNACKED
#define LIMIT_EQUAL_ALERTS 16
#define LIMIT_ANSWER 1024
#define LIMIT_METRICS_PAGE 27648
#define LIMIT_PLACE 160
#define LIMIT_TLS_SESSION 21632
#define LIMIT_TLS_LENT 16896
#define LIMIT_TLS_IDENTITY 40960
#define LIMIT_TLS_CHAIN 8
#define LIMIT_TLS_CHAIN_KIB 16
#define LIMIT_TLS_ANCHORS 16
#define LIMIT_TLS_ANCHORS_KIB 16
#define LIMIT_TLS_NAMES 16
#define LIMIT_TLS_CLIENT_CHAIN 8
#define LIMIT_TLS_CLIENT_BYTES 16384
#define LIMIT_TLS_CLIENT_CERT 4096
#define LIMIT_TLS_CLIENT_NAMED 3
#define LIMIT_TLS_NAME_CHECKS 4096
#define LIMIT_TLS_GREETINGS 1
#define LIMIT_TLS_GREETING_MS 10000
#define LIMIT_SECRETS 64
#define LIMIT_PASSWORD 512
#define LIMIT_SECRET_FILE 16384
#define LIMIT_ALLOWS 32
#define LIMIT_CONFIG_FILE 16384
#define LIMIT_CONFIG_ENTRIES 128
#define LIMIT_NAME 200
/* and what is added to it, such as .kept- and the time */
#define LIMIT_PATH (LIMIT_NAME + 56)
#define LIMIT_URL_PATH 1024
#define LIMIT_SINK_PLACE 255
#define LIMIT_PIPE 65536
#define LIMIT_BAUD_LEAST 50
#define LIMIT_BAUD 12000000
#define LIMIT_SANDBOX_PATH 512
#define LIMIT_LOG_LINE 1024
#define LIMIT_BACKLOG 4096
#define LIMIT_ACCEPTS 8
#define LIMIT_TURN 32768
#define LIMIT_GREEDY 2
#define LIMIT_TLS_EMPTY 64
#define LIMIT_HEAD_MS 10000
#define LIMIT_BODY_MS 30000
#define LIMIT_IDLE_MS 330000
#define LIMIT_PAGE_MS 5000
#define LIMIT_ANSWER_MS 30000
#define LIMIT_LINGER_MS 2000
#define LIMIT_PROBE_MS 5000

/* clang-format off */
#define LIMITS(X) \
	X(CONNECTIONS, "", \
	  "the connection with the least progress is closed for a new one") \
	X(LISTENERS, "", "error at start") \
	X(SINKS, "", "error at start") \
	X(TEMPLATES, "", "error at start") \
	X(TEMPLATE, "bytes, and columns of a field", "error at start") \
	X(MATCHES, "a sink", "error at start") \
	X(REQUEST_LINE, "bytes", "414") \
	X(HEAD, "bytes of request line and headers", "431") \
	X(CHUNK_LINE, "bytes of a chunk's size and extensions", "400") \
	X(ALERT, "bytes as sent", "left out with a NOTICE line") \
	X(WHOLE_BODY, "bytes of a body taken or refused as one", \
	  "alert by alert as they arrive") \
	X(DISCARD, "bytes read on after a refusal or a TLS alert", \
	  "answered with Connection: close, or closed") \
	X(ENVELOPE, "bytes of receiver, groupKey, externalURL and " \
	  "notification_reason of a body that is decoded as it arrives", \
	  "cut with a mark") \
	X(LABELS, "labels, and as many annotations, an alert", \
	  "left out with a NOTICE line") \
	X(JSON_DEPTH, "", "413") \
	X(LINE, "bytes of an emitted line", "cut with a mark, counted") \
	X(SPOOL_MEMORY, "bytes of alerts kept without --spool", \
	  "503, Alertmanager keeps them") \
	X(FIRING, "bytes of alerts that /alerts can list, half of " \
	  "which is sure", "the oldest is not listed, counted") \
	X(FIRING_PAGE, "bytes of a page of /alerts", \
	  "the rest is not listed") \
	X(SPOOL_FILE, "bytes of alerts kept in a --spool file " \
	  "without size=", "503, Alertmanager keeps them") \
	X(SPOOL_FILE_MAX, "bytes", "error at start") \
	X(UNACKED, "alerts remembered that were queued or written " \
	  "without a 200", "the oldest is forgotten and may come twice") \
	X(KNOWN_MS, "ms that an alert without a 200 is known again " \
	  "when it is sent once more", "a new notification") \
	X(DEDUP, "alerts remembered for --dedup", \
	  "the oldest is forgotten and may come twice") \
	X(EQUAL_ALERTS, "equal alerts in one request that are told apart", \
	  "may come twice when sent again") \
	X(ANSWER, "bytes of an answer, but for a page", "cannot be reached") \
	X(METRICS_PAGE, "bytes of a page of /metrics", "cannot be reached") \
	X(PLACE, "bytes of the reason in an answer", "cut with a mark") \
	X(TLS_SESSION, "bytes of a TLS connection", "cannot be reached") \
	X(TLS_LENT, "bytes of its room for requests, in the handshake", \
	  "cannot be reached") \
	X(TLS_IDENTITY, "bytes of certificates and keys", "cannot be reached") \
	X(TLS_CHAIN, "certificates of our own", "error at start") \
	X(TLS_CHAIN_KIB, "KiB of them", "error at start") \
	X(TLS_ANCHORS, "client CAs", "error at start") \
	X(TLS_ANCHORS_KIB, "KiB of their names and keys", "error at start") \
	X(TLS_NAMES, "client names", "error at start") \
	X(TLS_CLIENT_CHAIN, "certificates that a client shows", \
	  "the handshake is refused") \
	X(TLS_CLIENT_BYTES, "bytes of them", "the handshake is refused") \
	X(TLS_CLIENT_CERT, "bytes of one, and of the names in those before", \
	  "the handshake is refused") \
	X(TLS_CLIENT_NAMED, "of them with a CA of ours as issuer", \
	  "its word is not asked for") \
	X(TLS_NAME_CHECKS, "names of them compared with name constraints", \
	  "the handshake is refused") \
	X(TLS_GREETINGS, "handshakes that go on in a turn of the loop", \
	  "the next turn") \
	X(TLS_GREETING_MS, "ms for a TLS handshake", "closed") \
	X(SECRETS, "lines of a file of tokens or passwords", \
	  "error at start") \
	X(PASSWORD, "bytes of user:password", "error at start") \
	X(SECRET_FILE, "bytes", "error at start") \
	X(ALLOWS, "address ranges", "error at start") \
	X(CONFIG_FILE, "bytes", "error at start") \
	X(CONFIG_ENTRIES, "options in all", "error at start") \
	X(NAME, "bytes of a file's, user's or client's name", \
	  "error at start") \
	X(PATH, "bytes of a name and what is added to it", \
	  "cannot be reached") \
	X(URL_PATH, "bytes of --path", "error at start") \
	X(SINK_PLACE, "bytes of a sink's path", "error at start") \
	X(PIPE, "bytes of lines that wait in a FIFO for its reader", \
	  "the rest waits in the spool") \
	X(BAUD_LEAST, "bits a second of a serial line", "error at start") \
	X(BAUD, "bits a second at the most", "error at start") \
	X(SANDBOX_PATH, "bytes of a path that is needed again", \
	  "not usable after start") \
	X(LOG_LINE, "bytes", "cut with a mark") \
	X(BACKLOG, "connections that wait to be taken, if the kernel allows", \
	  "the client tries again after a second") \
	X(ACCEPTS, "connections taken a turn of the loop", "the next turn") \
	X(TURN, "units of work for a connection in a turn of the loop", \
	  "the next turns") \
	X(GREEDY, "connections that go on in a turn of those that used all of " \
	  "their work", "the next turns") \
	X(TLS_EMPTY, "TLS records in a row without a byte for us, behind the " \
	  "handshake", "closed") \
	X(HEAD_MS, "ms for a request's head", "408") \
	X(BODY_MS, "ms for a request's body", "503") \
	X(IDLE_MS, "ms between requests; Alertmanager keeps " \
	  "a connection for 300000", "closed") \
	X(PAGE_MS, "ms that /alerts waits for another client to read it", \
	  "503") \
	X(ANSWER_MS, "ms for the client to take an answer", "closed") \
	X(LINGER_MS, "ms for the client to see a last answer", "closed") \
	X(PROBE_MS, "ms for probe to get its answer", "exit 1")
/* clang-format on */

/*
 * What is done for a connection is counted in units of work. One is at most 24
 * instructions of the program for MIPS, from payload to line, counted under
 * qemu-user, as these are:
 *
 *	an ordinary alert of 541 bytes      13,900     733 units
 *	the smallest that is taken, 20       5,005     212 units
 *	{} among others, with its notice    21,670     899 units
 *	a byte of a ClientHello                912      40 units
 *	a sealed one, ChaCha20 and Poly1305  40-48       2 units
 *	by AES-GCM                         259-283      12 units
 *
 * A share, LIMIT_TURN, is 780,000 instructions: 2 ms at 400 MHz, if each takes
 * a cycle. What cannot be interrupted exceeds it by one step: a whole body, of
 * 10,900 times {}, 114 million instructions, 0.3 s; a page of /alerts, one in a
 * turn for all; a signed body, compared with each key; a sealed record of
 * 16 KiB, 0.7 or 4.2 million. That makes a debt. Nothing is done for the
 * connection until turns have paid it back. Of those that have used up their
 * share, LIMIT_GREEDY are paid for in a turn, of those with a debt of a share
 * and more, one.
 *
 * A step of a handshake cannot be interrupted either, and is no debt, as what
 * comes of it may be a good client. There are LIMIT_TLS_GREETINGS in a turn, in
 * millions of instructions, and ms at 400 MHz:
 *
 *	a hello and our answer, with a key of P-256       14    35
 *	of P-384; of RSA 2048                         51; 89   127; 221
 *	the client's answer to that                        4     9
 *	with a certificate, it and the CA of P-256        38    95
 *	one of a stranger: three signatures by CAs
 *	of ours are looked at, of P-256                   52   129
 *
 * So with N hostile connections a good client waits for two turns at most: for
 * what is left of the one that its request falls into, and for those before it
 * in its own, where handshakes come last. A turn is LIMIT_GREEDY shares, what
 * the others do within theirs, a step of a handshake, and a step of the other
 * kinds for each that had no debt, which is N of them once, and one in a turn
 * from then on. At 400 MHz that is 4 ms, 2 ms for each of N that begins to use
 * its share just then, 35 ms with P-256, and 0.3 s for a large body, if there
 * is one.
 *
 * One that comes anew over TLS waits for two steps of its own, each behind at
 * most one of every other connection in the table: 126 turns. If all of these
 * are a hello and our answer, that is 5 s at 400 MHz with a key of P-256; with
 * RSA 2048 it is 28 s, more than Alertmanager waits. Whom a full table takes,
 * accept.c says.
 */
enum work {
	WORK_REQUEST =
	    2048,         /* one, beside its bytes: judged, answered, logged */
	WORK_ALERT = 192, /* one, beside its bytes */
	WORK_LEFT_OUT = 704,  /* and if it is left out, with its notice */
	WORK_PIECE = 16,      /* of a body: a chunk */
	WORK_MAC = 2,         /* a byte of a signed body, for each key */
	WORK_RECORD = 256,    /* a TLS record, beside its bytes */
	WORK_SEALED = 2,      /* one of these */
	WORK_SEALED_AES = 12, /* by AES, without instructions for it */
	WORK_GREETING = 40,   /* and in a handshake */
};

/* The number as a string literal, for texts. */
#define LIMIT_TEXT(name) LIMIT_TEXT_OF(LIMIT_##name)
#define LIMIT_TEXT_OF(value) LIMIT_TEXT_IS(value)
#define LIMIT_TEXT_IS(value) #value

#endif
