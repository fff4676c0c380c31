/*
 * tls.c - see tls.h: a TLS 1.2 server by BearSSL.
 *
 * Only ECDHE with AEAD suites, since nothing else is needed by any sender of
 * webhooks; no renegotiation, no session cache (Go resumes by ticket alone,
 * which BearSSL does not have, and Alertmanager's connections live long).
 */
#include "tls/types.h"

#include "os/os.h"

#include <string.h>

static struct session *session(struct tls_session *t)
{
	return (struct session *)(void *)t->memory;
}

static const struct session *session_const(const struct tls_session *t)
{
	return (const struct session *)(const void *)t->memory;
}

const char *tls_version(void)
{
	return "BearSSL 0.6";
}

enum { CHACHA20 = 2, AES_GCM = 4 };

/* Without instructions for AES, ChaCha20 is the faster one by far; with them it
 * is the slower one. Both are in here in either order. */
static const uint16_t suites[CHACHA20 + AES_GCM + CHACHA20] = {
    BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
};

/* What is agreed on with any peer. */
static void set_profile(br_ssl_server_context *server, bool has_aes)
{
	static const char *protocols[] = {"http/1.1"};
	br_ssl_engine_context *e = &server->eng;
	br_ssl_server_zero(server);
	br_ssl_engine_set_versions(e, BR_TLS12, BR_TLS12);
	br_ssl_engine_set_suites(e, suites + (has_aes ? CHACHA20 : 0),
				 CHACHA20 + AES_GCM);
	br_ssl_engine_set_all_flags(e, BR_OPT_ENFORCE_SERVER_PREFERENCES |
					   BR_OPT_NO_RENEGOTIATION |
					   BR_OPT_FAIL_ON_ALPN_MISMATCH);
	br_ssl_engine_set_protocol_names(e, protocols, 1);
	br_ssl_engine_set_default_ec(e);
	br_ssl_engine_set_default_rsavrfy(e);
	br_ssl_engine_set_default_ecdsa(e);
	br_ssl_engine_set_default_aes_gcm(e);
	br_ssl_engine_set_default_chapol(e);
	br_ssl_engine_set_hash(e, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_hash(e, br_sha384_ID, &br_sha384_vtable);
	br_ssl_engine_set_hash(e, br_sha512_ID, &br_sha512_vtable);
	br_ssl_engine_set_prf_sha256(e, &br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(e, &br_tls12_sha384_prf);
}

void tls_open(struct tls_session *t, const struct tls_identity *identity,
	      int64_t now_s, void *lent)
{
	struct session *s = session(t);
	const struct identity *id =
	    (const struct identity *)(const void *)identity->memory;
	br_ssl_engine_context *e = &s->server.eng;
	unsigned char seed[32];
	bool has_aes = br_aes_x86ni_ctr_get_vtable() != NULL;
	s->slow_aes = !has_aes;
	s->client_name_n = 0;
	s->long_chain = false;
	set_profile(&s->server, has_aes);
	if (id->key.key_type == BR_KEYTYPE_RSA)
		br_ssl_server_set_single_rsa(
		    &s->server, id->chain, id->chain_n, &id->key.key.rsa,
		    BR_KEYTYPE_SIGN, 0, br_rsa_pkcs1_sign_get_default());
	else
		br_ssl_server_set_single_ec(
		    &s->server, id->chain, id->chain_n, &id->key.key.ec,
		    BR_KEYTYPE_SIGN, id->issuer_key_type,
		    br_ssl_engine_get_ec(e), br_ecdsa_sign_asn1_get_default());
	if (id->anchor_n)
		client_ask(s, id, now_s, lent);
	br_ssl_engine_set_buffers_bidi(e, s->in, sizeof s->in, s->out,
				       sizeof s->out);
	/* it has worked at start, and the kernel does not lose it */
	ASSERT(os_random(seed, sizeof seed) == 0);
	br_ssl_engine_inject_entropy(e, seed, sizeof seed);
	text_wipe((char *)seed, sizeof seed);
	br_ssl_server_reset(&s->server);
	/* of an alert before a version is agreed on: not 0.0 */
	e->version_out = BR_TLS12;
}

unsigned tls_wants(const struct tls_session *t)
{
	static const struct {
		unsigned theirs;
		enum tls_wants ours;
	} table[] = {
	    {BR_SSL_CLOSED, TLS_WANTS_CLOSED},
	    {BR_SSL_SENDREC, TLS_WANTS_SEND},
	    {BR_SSL_RECVREC, TLS_WANTS_RECEIVE},
	    {BR_SSL_RECVAPP, TLS_WANTS_PLAIN},
	    {BR_SSL_SENDAPP, TLS_WANTS_MORE},
	};
	unsigned state =
	    br_ssl_engine_current_state(&session_const(t)->server.eng);
	unsigned wants = 0;
	/* there is no other way out of BearSSL's walk: it would hear all that
	 * is announced, 16 MiB */
	if (session_const(t)->long_chain)
		return TLS_WANTS_CLOSED;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (state & table[i].theirs)
			wants |= (unsigned)table[i].ours;
	return wants;
}

unsigned char *tls_record_out(struct tls_session *t, size_t *n)
{
	return br_ssl_engine_sendrec_buf(&session(t)->server.eng, n);
}

void tls_record_sent(struct tls_session *t, size_t n)
{
	br_ssl_engine_sendrec_ack(&session(t)->server.eng, n);
}

unsigned char *tls_record_in(struct tls_session *t, size_t *n)
{
	return br_ssl_engine_recvrec_buf(&session(t)->server.eng, n);
}

void tls_record_received(struct tls_session *t, size_t n)
{
	br_ssl_engine_recvrec_ack(&session(t)->server.eng, n);
}

unsigned char *tls_plain_out(struct tls_session *t, size_t *n)
{
	br_ssl_engine_context *e = &session(t)->server.eng;
	/* the handshake is over, and there is no other one: what was lent goes
	 * back, and nobody asks for what was in it */
	br_ssl_engine_set_x509(e, NULL);
	return br_ssl_engine_recvapp_buf(e, n);
}

void tls_plain_taken(struct tls_session *t, size_t n)
{
	br_ssl_engine_recvapp_ack(&session(t)->server.eng, n);
}

unsigned char *tls_plain_in(struct tls_session *t, size_t *n)
{
	return br_ssl_engine_sendapp_buf(&session(t)->server.eng, n);
}

void tls_plain_put(struct tls_session *t, size_t n)
{
	br_ssl_engine_sendapp_ack(&session(t)->server.eng, n);
}

unsigned tls_work(const struct tls_session *t)
{
	const struct session *s = session_const(t);
	uint16_t suite = s->server.eng.session.cipher_suite;
	bool aes = suite != BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 &&
		   suite != BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256;
	return aes && s->slow_aes ? WORK_SEALED_AES : WORK_SEALED;
}

void tls_flush(struct tls_session *t)
{
	br_ssl_engine_flush(&session(t)->server.eng, 0);
}

void tls_end(struct tls_session *t)
{
	br_ssl_engine_context *e = &session(t)->server.eng;
	size_t n;
	/* what nobody has taken would bar the way for the peer's close_notify,
	 * and for whatever it goes on to send */
	if (br_ssl_engine_recvapp_buf(e, &n))
		br_ssl_engine_recvapp_ack(e, n);
	br_ssl_engine_close(e);
}

/* What has come in the place of a first record, of which this much is there. */
enum { RECORD_HEAD = 5 };

static bool is_proxy(const unsigned char *p)
{
	return memcmp(p, "PROXY", RECORD_HEAD) == 0 ||
	       memcmp(p, "\r\n\r\n", RECORD_HEAD) == 0;
}

/* A method, or the start of one and of a target. */
static bool is_http(const unsigned char *p)
{
	for (size_t i = 0; i < RECORD_HEAD; i++)
		if ((p[i] < 'A' || p[i] > 'Z') &&
		    (i < 3 || (p[i] != ' ' && p[i] != '/')))
			return false;
	return true;
}

int tls_error(const struct tls_session *t)
{
	const br_ssl_engine_context *e = &session_const(t)->server.eng;
	int error = br_ssl_engine_last_error(e);
	if (session_const(t)->long_chain)
		return TLS_LONG_CHAIN;
	if (error != BR_ERR_UNSUPPORTED_VERSION || e->version_in)
		return error;
	if (is_proxy(e->ibuf))
		return TLS_PROXY;
	return is_http(e->ibuf) ? TLS_PLAIN_HTTP : error;
}

static const char to_http[] =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Connection: close\r\n\r\n"
    "HTTP on a port that speaks TLS: the address begins with https\n";

const unsigned char *tls_last_word(struct tls_session *t, size_t *n)
{
	enum { ALERT = 21, FATAL = 2 };
	br_ssl_engine_context *e = &session(t)->server.eng;
	const br_sslrec_out_class **out = &e->out.vtable;
	unsigned alert = tls_error_alert(tls_error(t));
	size_t begin = RECORD_HEAD, end = e->obuf_len;
	*n = 0;
	if (tls_error(t) == TLS_PLAIN_HTTP) {
		*n = sizeof to_http - 1;
		return (const unsigned char *)to_http;
	}
	/* in the midst of a record nothing else can be said; but the engine
	 * hears nothing, and so does not fail, before it has sent its own */
	if (alert == 0 || (e->oxa == e->oxb && e->oxc > e->oxa))
		return NULL;
	(*out)->max_plaintext(out, &begin, &end);
	e->obuf[begin] = FATAL;
	e->obuf[begin + 1] = (unsigned char)alert;
	*n = 2;
	return (*out)->encrypt(out, ALERT, e->version_out, e->obuf + begin, n);
}

struct span tls_client(const struct tls_session *t)
{
	const struct session *s = session_const(t);
	return s->client_name_n
		   ? (struct span){s->client_name, s->client_name_n}
		   : SPAN_NONE;
}

void tls_wipe(struct tls_session *t)
{
	text_wipe((char *)t->memory, sizeof t->memory);
}
