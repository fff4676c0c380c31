/* words.c - BearSSL's error numbers in words, for tls.h. */
#include "tls/types.h"

const char *tls_error_text(int error)
{
	static const struct {
		int error;
		const char *text;
	} table[] = {
	    {BR_ERR_UNSUPPORTED_VERSION,
	     "the client does not offer TLS 1.2 (TLS 1.3 alone is not "
	     "supported)"},
	    {BR_ERR_BAD_VERSION, "a record of another version, or not TLS"},
	    {BR_ERR_BAD_LENGTH, "a record or message of wrong length"},
	    {BR_ERR_TOO_LARGE, "a record that is too large"},
	    {BR_ERR_BAD_MAC, "a record was damaged or forged"},
	    {BR_ERR_UNKNOWN_TYPE, "a record of unknown type: not TLS?"},
	    {BR_ERR_UNEXPECTED, "an unexpected message"},
	    {BR_ERR_BAD_CCS, "a wrong ChangeCipherSpec"},
	    {BR_ERR_BAD_ALERT, "a wrong alert"},
	    {BR_ERR_BAD_HANDSHAKE, "no common cipher suite, curve or "
				   "signature, or a malformed handshake"},
	    {BR_ERR_BAD_CIPHER_SUITE, "no common cipher suite"},
	    {BR_ERR_BAD_SECRENEG, "a wrong renegotiation extension"},
	    {BR_ERR_BAD_FINISHED, "a wrong Finished: the keys differ"},
	    {BR_ERR_INVALID_ALGORITHM, "an algorithm that is not supported"},
	    {BR_ERR_BAD_SIGNATURE, "the client's signature is wrong"},
	    {BR_ERR_WRONG_KEY_USAGE,
	     "the client's key may not be used for signatures"},
	    {BR_ERR_NO_CLIENT_AUTH, "the client showed no certificate"},
	    {BR_ERR_X509_EMPTY_CHAIN, "the client showed no certificate"},
	    {BR_ERR_X509_UNSUPPORTED,
	     "the client's certificate uses what is not supported, such as "
	     "Ed25519 or RSA-PSS"},
	    {BR_ERR_X509_WRONG_KEY_TYPE, "the client's certificate has a key "
					 "of the wrong type"},
	    {BR_ERR_X509_BAD_SIGNATURE,
	     "a signature in the client's chain is wrong"},
	    {BR_ERR_X509_EXPIRED,
	     "the client's certificate is expired or not yet valid"},
	    {BR_ERR_X509_DN_MISMATCH, "the client's chain is not in order"},
	    {BR_ERR_X509_CRITICAL_EXTENSION,
	     "the client's certificate has a critical extension that is not "
	     "understood"},
	    {BR_ERR_X509_NOT_CA, "the client's chain has an issuer that is no "
				 "CA"},
	    {BR_ERR_X509_FORBIDDEN_KEY_USAGE,
	     "the client's certificate forbids this use of its key"},
	    {BR_ERR_X509_WEAK_PUBLIC_KEY, "the client's key is too short"},
	    {BR_ERR_X509_NOT_TRUSTED,
	     "no CA of --tls-client-ca has issued the client's certificate"},
	    {BR_ERR_SEND_FATAL_ALERT + 40,
	     "no common version (TLS 1.2), cipher suite, curve or signature"},
	    {BR_ERR_SEND_FATAL_ALERT + 70, "the client does not offer TLS 1.2"},
	    {BR_ERR_SEND_FATAL_ALERT + 120,
	     "the client does not offer http/1.1"},
	    {BR_ERR_RECV_FATAL_ALERT + 42,
	     "the client does not take our certificate"},
	    {BR_ERR_RECV_FATAL_ALERT + 45,
	     "our certificate is expired or not yet valid for the client"},
	    {BR_ERR_RECV_FATAL_ALERT + 48,
	     "the client does not know the CA of our certificate"},
	    {TLS_NOT_FOR_CLIENTS,
	     "the certificate is not for clients (extended key usage)"},
	    {TLS_OTHER_NAME, "the client's name is not in --tls-client-name"},
	    {TLS_LONG_CHAIN,
	     "the client shows more than 8 certificates, or 16384 bytes"},
	    {TLS_UNREADABLE,
	     "the client's certificate is too large or malformed"},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].error == error)
			return table[i].text;
	if (error >= BR_ERR_SEND_FATAL_ALERT)
		return "the handshake was refused";
	if (error >= BR_ERR_RECV_FATAL_ALERT)
		return "the client refused: is its CA the right one?";
	if (error >= BR_ERR_X509_OK)
		return "the client's certificate is malformed";
	return "not TLS, or malformed";
}
