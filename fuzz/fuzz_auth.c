/* fuzz_auth.c - a file of tokens, one of passwords and what a client sent, with
 * a zero byte between them. Nobody is let in without a credential, and the
 * scheme's case and blanks at the end do not matter. The same three as an HMAC
 * key, a time and a body: what BearSSL signs with the key is signed, and
 * nothing else is. */
#include "conn/auth.h"

#include <bearssl.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_scheme(struct span s, struct span name)
{
	return s.n >= name.n && span_ieq((struct span){s.p, name.n}, name);
}

/* The same in other letters and with blanks behind it. */
static bool allows_variant(const struct auth *a, struct span s)
{
	char *other = malloc(s.n + 2);
	size_t i = 0;
	for (; i < s.n && s.p[i] != ' '; i++)
		other[i] = (char)(s.p[i] ^ 0x20);
	memcpy(other + i, s.p + i, s.n - i);
	memcpy(other + s.n, " \t", 2);
	bool good = auth_allows(a, (struct span){other, s.n + 2});
	free(other);
	return good;
}

static struct span put_mac(struct buf *out, struct span key, struct span time,
			   struct span body)
{
	br_hmac_key_context k;
	br_hmac_context c;
	unsigned char mac[32];
	br_hmac_key_init(&k, &br_sha256_vtable, key.p, key.n);
	br_hmac_init(&c, &k, 0);
	if (time.n) {
		br_hmac_update(&c, time.p, time.n);
		br_hmac_update(&c, ":", 1);
	}
	br_hmac_update(&c, body.p, body.n);
	br_hmac_out(&c, mac);
	for (size_t i = 0; i < sizeof mac; i++)
		buf_padded(out, mac[i], 16, 2);
	return buf_span(out);
}

static void check_signature(struct span key, struct span time, struct span body)
{
	static const struct span second = SPAN("another key");
	static struct auth a;
	struct auth_signature sig;
	char bytes[64], error_bytes[256];
	struct buf mac = buf_of(bytes, sizeof bytes),
		   error = buf_of(error_bytes, sizeof error_bytes);
	uint64_t then;
	memset(&a, 0, sizeof a);
	if (!auth_add_keys(&a, key, &error)) {
		ASSERT(error.n && !error.cut);
		return;
	}
	for (size_t i = 0; i < key.n; i++)
		if (!char_is_visible(key.p[i]) || key.p[0] == '#')
			return; /* several lines, or blanks around one */
	bool has_time = time.n && time.n <= 18 && span_u64(time, &then);
	if (!has_time) {
		ASSERT(time.n == 0 ||
		       !auth_read_signature(&sig, SPAN_NONE, time, 0));
		time = SPAN_NONE;
		then = 0;
	}
	if (body.p == NULL)
		body = SPAN("");
	ASSERT(a.keys == 1 && auth_is_on(&a));
	ASSERT(auth_add_keys(&a, second, &error) && a.keys == 2);
	ASSERT(auth_read_signature(&sig, put_mac(&mac, key, time, body), time,
				   (int64_t)then));
	ASSERT(sig.given && auth_is_signed(&a, &sig, body));
	ASSERT(!has_time || !auth_read_signature(&sig, buf_span(&mac), time,
						 (int64_t)then + 301));
	mac.n = 0;
	auth_read_signature(&sig, put_mac(&mac, key, time, body), time,
			    (int64_t)then);
	sig.mac[body.n % AUTH_DIGEST] ^= 1;
	ASSERT(!auth_is_signed(&a, &sig, body));
	sig.mac[body.n % AUTH_DIGEST] ^= 1;
	if (body.n)
		ASSERT(!auth_is_signed(&a, &sig, span_skip(body, 1)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct auth a;
	char bytes[256];
	struct buf error = buf_of(bytes, sizeof bytes);
	struct span rest = {(const char *)data, size}, tokens, basics;
	memset(&a, 0, sizeof a);
	span_split(&rest, '\0', &tokens);
	if (rest.p == NULL)
		return 0;
	span_split(&rest, '\0', &basics);
	check_signature(tokens, basics, rest);
	bool has_tokens = auth_add_tokens(&a, tokens, &error);
	ASSERT(has_tokens || error.n);
	ASSERT(a.tokens <= LIMIT_SECRETS && has_tokens <= a.tokens);
	error.n = 0;
	bool has_basics = auth_add_basic(&a, basics, &error);
	ASSERT(has_basics || error.n);
	ASSERT(!error.cut);
	ASSERT(a.basics <= LIMIT_SECRETS && has_basics <= a.basics);
	ASSERT(auth_is_on(&a) == (a.tokens || a.basics));
	if (!auth_is_on(&a)) {
		ASSERT(auth_allows(&a, rest));
		return 0;
	}
	ASSERT(!auth_allows(&a, SPAN_NONE));
	ASSERT(!auth_allows(&a, SPAN("")));
	ASSERT(auth_challenge(&a)[0] == 'B');
	bool good = auth_allows(&a, rest);
	if (!good || rest.p == NULL)
		return 0;
	ASSERT((a.tokens && is_scheme(rest, SPAN("bearer"))) ||
	       (a.basics && is_scheme(rest, SPAN("basic"))));
	ASSERT(allows_variant(&a, rest));
	return 0;
}
