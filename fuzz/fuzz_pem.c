/* fuzz_pem.c - certificates and keys out of PEM files, as identity.c reads them
 * with BearSSL. What is taken is whole and within its memory; what is refused
 * leaves nothing behind and says why in one clean line. The ends of lines do
 * not matter.
 *
 * The input: --tls-cert, --tls-key and --tls-client-ca with a NUL between
 * each; without the last NUL there is no CA. */
#include "tls/types.h"

#include "poison.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now_s = 1795485352;

static bool is_within(const unsigned char *p, size_t n,
		      const unsigned char *memory, size_t cap)
{
	return p >= memory && p + n <= memory + cap;
}

static void check_identity(const struct identity *id, bool has_ca)
{
	ASSERT(id->chain_n > 0 && id->chain_n <= LIMIT_TLS_CHAIN);
	ASSERT(id->chain_used <= sizeof id->chain_bytes);
	for (size_t i = 0; i < id->chain_n; i++)
		ASSERT(is_within(id->chain[i].data, id->chain[i].data_len,
				 id->chain_bytes, id->chain_used));
	ASSERT(id->key.key_type == BR_KEYTYPE_RSA ||
	       id->key.key_type == BR_KEYTYPE_EC);
	ASSERT(has_ca == (id->anchor_n > 0) &&
	       id->anchor_n <= LIMIT_TLS_ANCHORS);
	ASSERT(id->anchor_used <= sizeof id->anchor_bytes);
	for (size_t i = 0; i < id->anchor_n; i++) {
		const br_x509_trust_anchor *a = &id->anchor[i];
		ASSERT(is_within(a->dn.data, a->dn.len, id->anchor_bytes,
				 id->anchor_used));
		if (a->pkey.key_type == BR_KEYTYPE_EC)
			ASSERT(is_within(a->pkey.key.ec.q, a->pkey.key.ec.qlen,
					 id->anchor_bytes, id->anchor_used));
		else
			ASSERT(is_within(a->pkey.key.rsa.n,
					 a->pkey.key.rsa.nlen, id->anchor_bytes,
					 id->anchor_used));
	}
}

static bool load(struct tls_identity *id, const struct tls_files *files,
		 struct buf *error)
{
	char bytes[2][LIMIT_PLACE];
	struct tls_warnings w = {buf_of(bytes[0], sizeof bytes[0]),
				 buf_of(bytes[1], sizeof bytes[1])};
	memset(id, 0xa5, sizeof *id);
	POISON(id, sizeof *id);
	bool good = tls_load(id, files, now_s, error, &w);
	ASSERT(!w.cert.cut && !w.ca.cut && !error->cut);
	ASSERT(good == id->on && good == (error->n == 0));
	if (good) {
		check_identity((struct identity *)(void *)id->memory,
			       files->ca.p != NULL);
		return true;
	}
	for (size_t i = 0; i < sizeof id->memory; i++)
		ASSERT(id->memory[i] == 0);
	struct span rest = buf_span(error);
	while (rest.n) {
		uint32_t c;
		ASSERT(utf8_take(&rest, &c) && !text_is_unsafe(c));
	}
	return false;
}

/* The same text with its lines ended by CRLF; absent for absent. */
static struct span with_crlf(struct span s)
{
	if (s.p == NULL)
		return s;
	char *copy = malloc(2 * s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n')
			copy[n++] = '\r';
		copy[n++] = s.p[i];
	}
	return (struct span){copy, n};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tls_identity id, other;
	char error_bytes[512], other_bytes[512];
	struct buf error = buf_of(error_bytes, sizeof error_bytes),
		   other_error = buf_of(other_bytes, sizeof other_bytes);
	struct span rest = {(const char *)data, size};
	struct tls_files files = {.cert_name = SPAN("cert"),
				  .key_name = SPAN("key"),
				  .ca_name = SPAN("ca")};
	span_split(&rest, '\0', &files.cert);
	if (rest.p == NULL)
		return 0;
	span_split(&rest, '\0', &files.key);
	files.ca = rest;
	bool good = load(&id, &files, &error);
	if (size && memchr(data, '\r', size))
		return 0;
	struct tls_files crlf = files;
	crlf.cert = with_crlf(files.cert);
	crlf.key = with_crlf(files.key);
	crlf.ca = with_crlf(files.ca);
	ASSERT(load(&other, &crlf, &other_error) == good);
	ASSERT(span_eq(buf_span(&error), buf_span(&other_error)));
	free((void *)(uintptr_t)crlf.cert.p);
	free((void *)(uintptr_t)crlf.key.p);
	free((void *)(uintptr_t)crlf.ca.p);
	return 0;
}
