/* auth.c - see auth.h. */
#include "conn/auth.h"

#include <bearssl_hash.h>
#include <string.h>

enum { HMAC_BLOCK = 64 }; /* of SHA-256, RFC 2104 2 */

/* Overwrites the stack that a call just made has left behind. */
static __attribute__((noinline)) void wipe_stack(void)
{
	char used[1024];
	text_wipe(used, sizeof used);
}

static void digest(struct span s, unsigned char *out)
{
	br_sha256_context c;
	br_sha256_init(&c);
	br_sha256_update(&c, s.p, s.n);
	br_sha256_out(&c, out);
	text_wipe((char *)&c, sizeof c);
	wipe_stack(); /* SHA-256 spreads its input there */
}

/* Sixty-four hexadecimal digits. */
static bool read_hex(struct span s, unsigned char *out)
{
	if (s.n != 2 * AUTH_DIGEST)
		return false;
	for (size_t i = 0; i < AUTH_DIGEST; i++) {
		int high = hex_digit(s.p[2 * i]);
		int low = hex_digit(s.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* A secret as it stands in a file: plain, or sha256:HEX. */
static bool read_secret(struct span s, unsigned char *out)
{
	static const struct span mark = SPAN("sha256:");
	if (span_starts(s, mark))
		return read_hex(span_skip(s, mark.n), out);
	digest(s, out);
	return s.n != 0;
}

static bool read_token(struct span line, struct auth_entry *e)
{
	for (size_t i = 0; i < line.n; i++)
		if (!char_is_visible(line.p[i]))
			return false; /* could not be sent */
	return read_secret(line, e->secret);
}

/* What htpasswd and mkpasswd write, and who means a password does not. */
static bool is_crypt(struct span s)
{
	static const struct span begins[] = {
	    SPAN("$2a$"),   SPAN("$2b$"),  SPAN("$2x$"),   SPAN("$2y$"),
	    SPAN("$1$"),    SPAN("$5$"),   SPAN("$6$"),    SPAN("$y$"),
	    SPAN("$apr1$"), SPAN("{SHA}"), SPAN("{SSHA}"),
	};
	for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
		if (span_starts(s, begins[i]))
			return true;
	return false;
}

static bool read_basic(struct span line, struct auth_entry *e)
{
	struct span user;
	span_split(&line, ':', &user);
	if (user.n == 0 || line.p == NULL || is_crypt(line) ||
	    user.n + line.n + 1 > LIMIT_PASSWORD)
		return false;
	digest(user, e->user);
	return read_secret(line, e->secret);
}

/* The state of SHA-256 behind one block, the key XORed with `pad`. */
static void start_state(const unsigned char *key, size_t n, unsigned char pad,
			unsigned char *out)
{
	unsigned char block[HMAC_BLOCK];
	br_sha256_context c;
	memset(block, pad, sizeof block);
	for (size_t i = 0; i < n; i++)
		block[i] ^= key[i];
	br_sha256_init(&c);
	br_sha256_update(&c, block, sizeof block);
	br_sha256_state(&c, out);
	text_wipe((char *)block, sizeof block);
	text_wipe((char *)&c, sizeof c);
	wipe_stack();
}

/* RFC 2104 2: a key longer than a block counts by its digest. */
static bool read_key(struct span line, struct auth_entry *e)
{
	unsigned char key[HMAC_BLOCK];
	size_t n = line.n;
	if (n > LIMIT_PASSWORD)
		return false;
	if (n > sizeof key) {
		digest(line, key);
		n = AUTH_DIGEST;
	} else {
		memcpy(key, line.p, n);
	}
	start_state(key, n, 0x36, e->inner);
	start_state(key, n, 0x5c, e->outer);
	text_wipe((char *)key, sizeof key);
	return true;
}

static bool add(struct auth_entry *entries, unsigned *count, struct span text,
		bool (*read)(struct span, struct auth_entry *),
		const char *expected, struct buf *error)
{
	struct span line;
	unsigned number = 0;
	while (span_split(&text, '\n', &line)) {
		number++;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		line = span_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (*count == LIMIT_SECRETS)
			expected = "at most " LIMIT_TEXT(SECRETS) " lines";
		else if (read(line, &entries[*count])) {
			++*count;
			continue;
		}
		buf_u64(error, number);
		buf_str(error, ": expected ");
		buf_str(error, expected);
		return false;
	}
	if (*count == 0) {
		buf_u64(error, number);
		buf_str(error, ": the end of the file, expected ");
		buf_str(error, expected);
	}
	return *count != 0;
}

bool auth_add_tokens(struct auth *a, struct span text, struct buf *error)
{
	return add(a->token, &a->tokens, text, read_token,
		   "a token without blanks, or sha256: and 64 hex digits",
		   error);
}

bool auth_add_basic(struct auth *a, struct span text, struct buf *error)
{
	/* clang-format off */
	static const char expected[] =
	    "user:password of at most " LIMIT_TEXT(PASSWORD) " bytes, or "
	    "user:sha256: and 64 hex digits, none of the other hashes of "
	    "htpasswd";
	/* clang-format on */
	return add(a->basic, &a->basics, text, read_basic, expected, error);
}

bool auth_add_keys(struct auth *a, struct span text, struct buf *error)
{
	return add(a->key, &a->keys, text, read_key,
		   "a secret of at most " LIMIT_TEXT(PASSWORD) " bytes", error);
}

bool auth_is_on(const struct auth *a)
{
	return a->tokens || a->basics || a->keys;
}

/* Not zero if they differ; looks at all of both. */
static unsigned differ(const unsigned char *a, const unsigned char *b)
{
	unsigned d = 0;
	for (size_t i = 0; i < AUTH_DIGEST; i++)
		d |= (unsigned)a[i] ^ b[i];
	return d;
}

/* 1 for zero, 0 for 1 to 255, without a branch. */
static unsigned is_zero(unsigned d)
{
	return (d - 1) >> 31;
}

static bool token_allowed(const struct auth *a, struct span token)
{
	unsigned char secret[AUTH_DIGEST];
	unsigned found = 0;
	digest(token, secret);
	for (unsigned i = 0; i < a->tokens; i++)
		found |= is_zero(differ(secret, a->token[i].secret));
	return found;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 4, padded; nothing but whole groups. */
static bool read_base64(struct span s, struct buf *out)
{
	if (s.n % 4)
		return false;
	for (size_t i = 0; i < s.n; i += 4) {
		uint32_t group = 0;
		size_t pad = 0;
		for (size_t k = 0; k < 4; k++) {
			char c = s.p[i + k];
			int digit = base64_digit(c);
			if (c == '=' && i + 4 == s.n && k >= 2)
				pad++;
			else if (digit < 0 || pad)
				return false;
			group = group << 6 | (digit < 0 ? 0 : (uint32_t)digit);
		}
		for (size_t k = 0; k < 3 - pad; k++)
			buf_char(out, (char)(group >> (16 - 8 * k) & 0xff));
	}
	return !out->cut;
}

static bool basic_allowed(const struct auth *a, struct span encoded)
{
	char bytes[LIMIT_PASSWORD];
	unsigned char user[AUTH_DIGEST], secret[AUTH_DIGEST];
	struct buf plain = buf_of(bytes, sizeof bytes);
	unsigned found = 0;
	struct span name;
	bool good = read_base64(encoded, &plain);
	struct span rest = buf_span(&plain);
	span_split(&rest, ':', &name);
	digest(name, user);
	digest(rest, secret);
	text_wipe(bytes, sizeof bytes);
	for (unsigned i = 0; i < a->basics; i++)
		found |= is_zero(differ(user, a->basic[i].user) |
				 differ(secret, a->basic[i].secret));
	return good && rest.p && found;
}

bool auth_allows(const struct auth *a, struct span credential)
{
	struct span scheme;
	if (!auth_is_on(a))
		return true;
	if (credential.p == NULL)
		return false;
	span_split(&credential, ' ', &scheme);
	credential = span_trim(credential);
	if (span_ieq(scheme, SPAN("bearer")))
		return credential.n && token_allowed(a, credential);
	if (span_ieq(scheme, SPAN("basic")))
		return basic_allowed(a, credential);
	return false;
}

bool auth_read_signature(struct auth_signature *sig, struct span mac,
			 struct span time, int64_t now_s)
{
	uint64_t then;
	sig->given = false;
	sig->time_n = time.n;
	if (mac.p == NULL || !read_hex(mac, sig->mac))
		return false;
	if (time.p) {
		if (time.n > sizeof sig->time || !span_u64(time, &then) ||
		    then > INT64_MAX / 2)
			return false;
		int64_t age = now_s - (int64_t)then;
		if (age > AUTH_WINDOW_S || age < -AUTH_WINDOW_S)
			return false;
		memcpy(sig->time, time.p, time.n);
	}
	sig->given = true;
	return true;
}

/* RFC 2104 2, from the states that read_key() has left. */
static void hmac(const struct auth_entry *key, const struct auth_signature *sig,
		 struct span body, unsigned char *out)
{
	br_sha256_context c;
	br_sha256_init(&c);
	br_sha256_set_state(&c, key->inner, HMAC_BLOCK);
	if (sig->time_n) {
		br_sha256_update(&c, sig->time, sig->time_n);
		br_sha256_update(&c, ":", 1);
	}
	br_sha256_update(&c, body.p, body.n);
	br_sha256_out(&c, out);
	br_sha256_set_state(&c, key->outer, HMAC_BLOCK);
	br_sha256_update(&c, out, AUTH_DIGEST);
	br_sha256_out(&c, out);
}

bool auth_is_signed(const struct auth *a, const struct auth_signature *sig,
		    struct span body)
{
	unsigned char mac[AUTH_DIGEST];
	unsigned found = 0;
	for (unsigned i = 0; i < a->keys; i++) {
		hmac(&a->key[i], sig, body, mac);
		found |= is_zero(differ(mac, sig->mac));
	}
	return found;
}

const char *auth_challenge(const struct auth *a)
{
	if (a->keys && !a->tokens && !a->basics)
		return "HMAC-SHA256 realm=\"bellwire\", "
		       "header=\"X-Grafana-Alerting-Signature\"";
	if (a->tokens && a->basics)
		return "Bearer realm=\"bellwire\", Basic realm=\"bellwire\", "
		       "charset=\"UTF-8\"";
	return a->tokens ? "Bearer realm=\"bellwire\""
			 : "Basic realm=\"bellwire\", charset=\"UTF-8\"";
}
