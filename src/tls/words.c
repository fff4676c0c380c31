/* words.c - BearSSL's error numbers in words, and as alerts, for tls.h. */
#include "tls/types.h"

#include <string.h>

/* RFC 5246 7.2.2; access_denied from there, too. */
enum alert {
	SAID = 0, /* by BearSSL or the peer, or nobody is there to hear it */
	UNEXPECTED_MESSAGE = 10,
	BAD_RECORD_MAC = 20,
	RECORD_OVERFLOW = 22,
	HANDSHAKE_FAILURE = 40,
	BAD_CERTIFICATE = 42,
	UNSUPPORTED_CERTIFICATE = 43,
	CERTIFICATE_EXPIRED = 45,
	ILLEGAL_PARAMETER = 47,
	UNKNOWN_CA = 48,
	ACCESS_DENIED = 49,
	DECODE_ERROR = 50,
	DECRYPT_ERROR = 51,
	PROTOCOL_VERSION = 70,
};

/* The number, the alert, the text; from SENT_ALERT on those for any other
 * number. A table of pointers would be twice the size, and be relocated. */
/* clang-format off */
#define WORDS(X) \
	X(BR_ERR_BAD_PARAM, DECODE_ERROR, "a malformed message") \
	X(BR_ERR_UNSUPPORTED_VERSION, PROTOCOL_VERSION, "not TLS") \
	X(BR_ERR_BAD_VERSION, PROTOCOL_VERSION, \
	  "a record of another version, or not TLS") \
	X(BR_ERR_BAD_LENGTH, RECORD_OVERFLOW, "a record of wrong length") \
	X(BR_ERR_TOO_LARGE, RECORD_OVERFLOW, "a record that is too large") \
	X(BR_ERR_BAD_MAC, BAD_RECORD_MAC, "a record was damaged or forged") \
	X(BR_ERR_UNKNOWN_TYPE, UNEXPECTED_MESSAGE, \
	  "a record of unknown type: not TLS?") \
	X(BR_ERR_UNEXPECTED, UNEXPECTED_MESSAGE, "an unexpected message") \
	X(BR_ERR_BAD_CCS, UNEXPECTED_MESSAGE, "a wrong ChangeCipherSpec") \
	X(BR_ERR_BAD_ALERT, DECODE_ERROR, "a wrong alert") \
	X(BR_ERR_BAD_HANDSHAKE, HANDSHAKE_FAILURE, \
	  "no common cipher suite, curve or signature, or a malformed handshake") \
	X(BR_ERR_OVERSIZED_ID, ILLEGAL_PARAMETER, \
	  "a session identifier that is too long") \
	X(BR_ERR_BAD_CIPHER_SUITE, HANDSHAKE_FAILURE, "no common cipher suite") \
	X(BR_ERR_BAD_FRAGLEN, ILLEGAL_PARAMETER, "a wrong maximum fragment length") \
	X(BR_ERR_BAD_SECRENEG, HANDSHAKE_FAILURE, "a wrong renegotiation extension") \
	X(BR_ERR_LIMIT_EXCEEDED, DECODE_ERROR, "a message that is too large") \
	X(BR_ERR_BAD_FINISHED, DECRYPT_ERROR, "a wrong Finished: the keys differ") \
	X(BR_ERR_INVALID_ALGORITHM, ILLEGAL_PARAMETER, \
	  "an algorithm that is not supported") \
	X(BR_ERR_BAD_SIGNATURE, DECRYPT_ERROR, "the client's signature is wrong") \
	X(BR_ERR_WRONG_KEY_USAGE, UNSUPPORTED_CERTIFICATE, \
	  "the client's key may not be used for signatures") \
	X(BR_ERR_NO_CLIENT_AUTH, HANDSHAKE_FAILURE, \
	  "the client showed no certificate") \
	X(BR_ERR_X509_EMPTY_CHAIN, HANDSHAKE_FAILURE, \
	  "the client showed no certificate") \
	X(BR_ERR_X509_UNSUPPORTED, UNSUPPORTED_CERTIFICATE, \
	  "the client's certificate uses what is not supported, such as Ed25519 or " \
	  "RSA-PSS") \
	X(BR_ERR_X509_LIMIT_EXCEEDED, UNSUPPORTED_CERTIFICATE, \
	  "a key or signature in the client's chain is too large (RSA of more than " \
	  "4096 bits, or with an exponent of more than 32)") \
	X(BR_ERR_X509_WRONG_KEY_TYPE, UNSUPPORTED_CERTIFICATE, \
	  "the client's certificate has a key of the wrong type") \
	X(BR_ERR_X509_BAD_SIGNATURE, BAD_CERTIFICATE, \
	  "a signature in the client's chain is wrong") \
	X(BR_ERR_X509_EXPIRED, CERTIFICATE_EXPIRED, \
	  "the client's certificate is expired or not yet valid") \
	X(BR_ERR_X509_DN_MISMATCH, BAD_CERTIFICATE, \
	  "the client's chain is not in order") \
	X(BR_ERR_X509_CRITICAL_EXTENSION, UNSUPPORTED_CERTIFICATE, \
	  "the client's certificate has a critical extension that is not " \
	  "understood") \
	X(BR_ERR_X509_NOT_CA, UNKNOWN_CA, \
	  "the client's chain has an issuer that is no CA") \
	X(BR_ERR_X509_FORBIDDEN_KEY_USAGE, UNSUPPORTED_CERTIFICATE, \
	  "the client's certificate forbids this use of its key") \
	X(BR_ERR_X509_WEAK_PUBLIC_KEY, UNSUPPORTED_CERTIFICATE, \
	  "the client's key is too short") \
	X(BR_ERR_X509_NOT_TRUSTED, UNKNOWN_CA, \
	  "no CA of --tls-client-ca has issued the client's certificate") \
	X(BR_ERR_SEND_FATAL_ALERT + HANDSHAKE_FAILURE, SAID, \
	  "no common version (TLS 1.2), cipher suite, curve or signature") \
	X(BR_ERR_SEND_FATAL_ALERT + PROTOCOL_VERSION, SAID, \
	  "the client does not offer TLS 1.2") \
	X(BR_ERR_SEND_FATAL_ALERT + 86, SAID, \
	  "the client could do better than TLS 1.2 and was kept from it") \
	X(BR_ERR_SEND_FATAL_ALERT + 120, SAID, "the client does not offer http/1.1") \
	X(BR_ERR_RECV_FATAL_ALERT + BAD_CERTIFICATE, SAID, \
	  "the client does not take our certificate") \
	X(BR_ERR_RECV_FATAL_ALERT + CERTIFICATE_EXPIRED, SAID, \
	  "our certificate is expired or not yet valid for the client") \
	X(BR_ERR_RECV_FATAL_ALERT + UNKNOWN_CA, SAID, \
	  "the client does not know the CA of our certificate") \
	X(BR_ERR_RECV_FATAL_ALERT + 100, SAID, \
	  "the client does not want to negotiate anew") \
	X(TLS_NOT_FOR_CLIENTS, UNSUPPORTED_CERTIFICATE, \
	  "the certificate is not for clients (extended key usage)") \
	X(TLS_OTHER_NAME, ACCESS_DENIED, \
	  "the client's name is not in --tls-client-name") \
	X(TLS_LONG_CHAIN, BAD_CERTIFICATE, \
	  "the client shows more than " LIMIT_TEXT(TLS_CLIENT_CHAIN) \
	  " certificates, or " LIMIT_TEXT(TLS_CLIENT_BYTES) " bytes") \
	X(TLS_UNREADABLE, BAD_CERTIFICATE, \
	  "a certificate of the client's is too large or malformed") \
	X(TLS_ISSUER_USAGE, UNSUPPORTED_CERTIFICATE, \
	  "an issuer in the client's chain is not for clients (extended key " \
	  "usage)") \
	X(TLS_PATH_LENGTH, UNKNOWN_CA, \
	  "the client's chain is longer than an issuer in it allows (path length)") \
	X(TLS_OUTSIDE, BAD_CERTIFICATE, \
	  "a name in the client's chain is not within its issuer's name " \
	  "constraints, or those are not understood") \
	X(TLS_OLD_CA, UNKNOWN_CA, \
	  "the CA of --tls-client-ca that issued the client's certificate has " \
	  "expired, or is not for clients") \
	X(TLS_PLAIN_HTTP, SAID, "plain HTTP on a port that speaks TLS") \
	X(TLS_PROXY, UNEXPECTED_MESSAGE, \
	  "a header of the PROXY protocol, which is not spoken here") \
	X(SENT_ALERT, SAID, "the handshake was refused") \
	X(RECEIVED_ALERT, SAID, \
	  "the client refused: is its CA the right one?") \
	X(OF_X509, BAD_CERTIFICATE, "the client's certificate is malformed") \
	X(ANY_OTHER, DECODE_ERROR, "not TLS, or malformed")
/* clang-format on */

enum { SENT_ALERT = 1000, RECEIVED_ALERT, OF_X509, ANY_OTHER };

static const struct {
	uint16_t error;
	uint8_t alert;
} table[] = {
#define ROW(error, alert, text) {error, alert},
    WORDS(ROW)
#undef ROW
};

/* Its row; that for any of its kind if it has none. */
static size_t find(int error)
{
	int kind = error >= BR_ERR_SEND_FATAL_ALERT   ? SENT_ALERT
		   : error >= BR_ERR_RECV_FATAL_ALERT ? RECEIVED_ALERT
		   : error >= BR_ERR_X509_OK          ? OF_X509
						      : ANY_OTHER;
	size_t i = 0;
	while (table[i].error != error && table[i].error != kind)
		i++;
	return i;
}

const char *tls_error_text(int error)
{
#define TEXT(error, alert, text) text "\0"
	static const char texts[] = WORDS(TEXT);
#undef TEXT
	const char *at = texts;
	for (size_t i = find(error); i; i--)
		at += strlen(at) + 1;
	return at;
}

unsigned tls_error_alert(int error)
{
	return table[find(error)].alert;
}
