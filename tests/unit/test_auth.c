/* test_auth.c - auth.h: files of tokens and passwords, and what is sent. */
#include "check.h"

#include "conn/auth.h"

/* printf '%s' letmein | sha256sum, and of nothing */
#define LETMEIN \
	"1c8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683d7b336b63032"
#define LETMEIN_UPPER \
	"1C8BFE8F801D79745C4631D09FFF36C82AA37FC4CCE4FC946683D7B336B63032"

#define NOTHING \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct auth auth;
static char error_bytes[LIMIT_PLACE];
static struct buf error;

typedef bool add_function(struct auth *a, struct span text, struct buf *error);

/* Reads a copy of just that size, into an auth that was empty. */
static bool add(add_function *f, struct span text)
{
	char *copy = copy_of(text);
	error = buf_of(error_bytes, sizeof error_bytes);
	memset(&auth, 0, sizeof auth);
	bool good = f(&auth, (struct span){copy, text.n}, &error);
	free(copy);
	return good;
}

static bool allows(struct span credential)
{
	char *copy = copy_of(credential);
	struct span s = {credential.p ? copy : NULL, credential.n};
	bool good = auth_allows(&auth, s);
	free(copy);
	return good;
}

static void reads_token_files(void **state)
{
	static const struct {
		struct span text;
		unsigned tokens;
		const char *good; /* one that is let in then */
	} table[] = {
	    {SPAN("a"), 1, "Bearer a"},
	    {SPAN("a\n"), 1, "Bearer a"},
	    {SPAN("a\r\n"), 1, "Bearer a"},
	    {SPAN("a\r"), 1, "Bearer a"},
	    {SPAN("\n\na\n\n"), 1, "Bearer a"},
	    {SPAN(" \t a \t \n"), 1, "Bearer a"},
	    {SPAN("# a\nb\n"), 1, "Bearer b"},
	    {SPAN("  # a\nb"), 1, "Bearer b"},
	    {SPAN("a\nb\nc\n"), 3, "Bearer c"},
	    {SPAN("a\na\n"), 2, "Bearer a"},
	    {SPAN("a#b\n"), 1, "Bearer a#b"},
	    {SPAN("sha256:" LETMEIN), 1, "Bearer letmein"},
	    {SPAN("sha256:" LETMEIN_UPPER "\r\n"), 1, "Bearer letmein"},
	    {SPAN("x\nsha256:" LETMEIN "\ny\n"), 3, "Bearer letmein"},
	    /* only that very mark is one */
	    {SPAN("SHA256:x\n"), 1, "Bearer SHA256:x"},
	    {SPAN("sha256\n"), 1, "Bearer sha256"},
	    {SPAN("sha1:" LETMEIN), 1, "Bearer sha1:" LETMEIN},
	    {SPAN(LETMEIN), 1, "Bearer " LETMEIN},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		CHECK(add(auth_add_tokens, table[i].text), "row %zu: %s", i,
		      table[i].text.p);
		CHECK(error.n == 0, "row %zu: something to say", i);
		CHECK(auth.tokens == table[i].tokens && auth.basics == 0,
		      "row %zu: %u tokens", i, auth.tokens);
		CHECK(allows(span_of(table[i].good)), "row %zu: refused", i);
		CHECK(auth_is_on(&auth), "row %zu: off", i);
	}
}

/* All of a digest counts. */
static void compares_whole_digests(void **state)
{
	char text[] = "sha256:" LETMEIN;
	(void)state;
	for (size_t i = 7; i < sizeof text - 1; i++) {
		char old = text[i];
		text[i] = old == '0' ? '1' : '0';
		CHECK(add(auth_add_tokens, span_of(text)), "digit %zu", i);
		CHECK(!allows(SPAN("Bearer letmein")), "digit %zu", i);
		text[i] = old;
	}
	assert_true(add(auth_add_tokens, span_of(text)));
	assert_true(allows(SPAN("Bearer letmein")));
}

#define TOKEN_WANTED \
	": expected a token without blanks, or sha256: and 64 hex digits"
#define BASIC_WANTED                                                          \
	": expected user:password of at most 512 bytes, or user:sha256: and " \
	"64 hex digits, none of the other hashes of htpasswd"

static void refuses_files(void **state)
{
	static const struct {
		add_function *add;
		struct span text;
		const char *why;
	} table[] = {
	    {auth_add_tokens, SPAN("a b\n"), "1" TOKEN_WANTED},
	    {auth_add_tokens, SPAN("a\nb\n\n#\nc\td\n"), "5" TOKEN_WANTED},
	    {auth_add_tokens, SPAN("a\0b\n"), "1" TOKEN_WANTED},
	    {auth_add_tokens, SPAN("a\x7f\n"), "1" TOKEN_WANTED},
	    {auth_add_tokens, SPAN("a\x1b[1m\n"), "1" TOKEN_WANTED},
	    {auth_add_tokens, SPAN("a\rb\n"), "1" TOKEN_WANTED},
	    /* RFC 6750 2.1: ASCII; the same where char has no sign */
	    {auth_add_tokens, SPAN("\xc3\xa4\n"), "1" TOKEN_WANTED},
	    {auth_add_tokens, SPAN("sha256:\n"), "1" TOKEN_WANTED},
	    {auth_add_tokens, SPAN("sha256:12\n"), "1" TOKEN_WANTED},
	    {auth_add_tokens, SPAN("sha256:" LETMEIN "0\n"), "1" TOKEN_WANTED},
	    {auth_add_tokens, SPAN("sha256: " LETMEIN "\n"), "1" TOKEN_WANTED},
	    {auth_add_tokens,
	     SPAN("sha256:gc8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683"
		  "d7b336b63032"),
	     "1" TOKEN_WANTED},
	    {auth_add_tokens,
	     SPAN("sha256:cg8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683"
		  "d7b336b63032"),
	     "1" TOKEN_WANTED},
	    {auth_add_basic, SPAN("ann\n"), "1" BASIC_WANTED},
	    {auth_add_basic, SPAN("ann:x\n\nbob\n"), "3" BASIC_WANTED},
	    {auth_add_basic, SPAN(":x\n"), "1" BASIC_WANTED},
	    {auth_add_basic, SPAN(":\n"), "1" BASIC_WANTED},
	    {auth_add_basic, SPAN("ann:\n"), "1" BASIC_WANTED},
	    {auth_add_basic, SPAN("ann:  \n"), "1" BASIC_WANTED},
	    {auth_add_basic, SPAN("ann:$2y$05$abc\n"), "1" BASIC_WANTED},
	    {auth_add_basic, SPAN("ann:{SHA}abc\n"), "1" BASIC_WANTED},
	    {auth_add_basic, SPAN("ann:sha256:\n"), "1" BASIC_WANTED},
	    {auth_add_basic, SPAN("ann:sha256:" LETMEIN "0"), "1" BASIC_WANTED},
	};
	static const struct span empty[] = {
	    SPAN(""),     SPAN("\n"),   SPAN("\r\n"),   SPAN("# a"),
	    SPAN(" \t "), SPAN("\n\n"), SPAN("#\n#\n"),
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		CHECK(!add(table[i].add, table[i].text), "row %zu: taken", i);
		CHECK_SPAN(buf_span(&error), span_of(table[i].why), "row %zu",
			   i);
	}
	/* what asks for nothing would let everybody in */
	for (size_t i = 0; i < COUNT(empty); i++) {
		CHECK(!add(auth_add_tokens, empty[i]), "empty %zu: taken", i);
		CHECK(error.n != 0, "empty %zu: nothing said", i);
		CHECK(!add(auth_add_basic, empty[i]), "empty %zu: taken", i);
		CHECK(error.n != 0, "empty %zu: nothing said", i);
	}
}

static void holds_the_limit(void **state)
{
	static char text[LIMIT_SECRETS * 16];
	(void)state;
	for (unsigned n = LIMIT_SECRETS - 1; n <= LIMIT_SECRETS + 1; n++) {
		for (int basic = 0; basic < 2; basic++) {
			struct buf b = buf_of(text, sizeof text);
			for (unsigned i = 0; i < n; i++) {
				buf_str(&b, basic ? "u:t" : "t");
				buf_u64(&b, i);
				buf_char(&b, '\n');
			}
			bool good =
			    add(basic ? auth_add_basic : auth_add_tokens,
				buf_span(&b));
			CHECK(good == (n <= LIMIT_SECRETS), "%u lines", n);
			if (!good)
				CHECK_SPAN(buf_span(&error),
					   SPAN("65: expected at most 64 "
						"lines"),
					   "%u lines", n);
			else if (basic) /* u:t0, u:tx */
				CHECK(allows(SPAN("Basic dTp0MA==")) &&
					  !allows(SPAN("Basic dTp0eA==")),
				      "%u lines", n);
			else
				CHECK(!allows(SPAN("Bearer x")) &&
					  allows(SPAN("Bearer t0")) &&
					  allows(SPAN("Bearer t62")),
				      "%u lines", n);
		}
	}
}

/* user:password in a file, as long as what is read of a request. */
static void holds_the_password(void **state)
{
	char text[LIMIT_PASSWORD + 1];
	(void)state;
	for (size_t colon = 1; colon < 500; colon += 170) {
		for (size_t n = LIMIT_PASSWORD; n <= LIMIT_PASSWORD + 1; n++) {
			memset(text, 'x', sizeof text);
			text[colon] = ':';
			CHECK(add(auth_add_basic, (struct span){text, n}) ==
				  (n == LIMIT_PASSWORD),
			      "%zu bytes", n);
		}
	}
}

/* A file that was cut while it was written: it is taken or not, but never lets
 * in what the whole one would not, but for a token that was cut itself. */
static void survives_cut_files(void **state)
{
	static const struct span text =
	    SPAN("# ours\r\nsha256:" LETMEIN "\r\nlong-token\n");
	(void)state;
	for (size_t n = 0; n <= text.n; n++) {
		bool digest_whole = n >= 15 + 64;
		bool good = add(auth_add_tokens, (struct span){text.p, n});
		/* "sha256" alone, or less, looks like a token */
		if (n > 15 && !digest_whole)
			CHECK(!good, "%zu bytes", n);
		if (digest_whole)
			CHECK(good && allows(SPAN("Bearer letmein")),
			      "%zu bytes", n);
		CHECK(!allows(SPAN("Bearer ")) || !good, "%zu bytes", n);
		CHECK(!good || !allows(SPAN("Bearer # ours")), "%zu bytes", n);
		CHECK(allows(SPAN("Bearer long-token")) == (n >= text.n - 1) ||
			  !good,
		      "%zu bytes", n);
	}
}

static void judges_tokens(void **state)
{
	static const struct {
		struct span credential;
		bool good;
	} table[] = {
	    {SPAN("Bearer secret"), true},
	    {SPAN("bearer secret"), true},
	    {SPAN("BEARER secret"), true},
	    {SPAN("bEaReR secret"), true},
	    {SPAN("Bearer  secret"), true},
	    {SPAN("Bearer secret \t"), true},
	    {SPAN("Bearer letmein"), true},
	    {{NULL, 0}, false},
	    {SPAN(""), false},
	    {SPAN(" "), false},
	    {SPAN("Bearer"), false},
	    {SPAN("Bearer "), false},
	    {SPAN("Bearer\tsecret"), false},
	    {SPAN("Bearersecret"), false},
	    {SPAN(" Bearer secret"), false},
	    {SPAN("Bearer secre"), false},
	    {SPAN("Bearer secrets"), false},
	    {SPAN("Bearer Secret"), false},
	    {SPAN("Bearer secret\0"), false},
	    {SPAN("Bearer secret secret"), false},
	    {SPAN("Bearer secret,"), false},
	    {SPAN("Bearer \"secret\""), false},
	    {SPAN("Bearer sha256:" LETMEIN), false},
	    {SPAN("Bearer " LETMEIN), false},
	    {SPAN("Basic secret"), false},
	    {SPAN("Token secret"), false},
	    {SPAN("secret"), false},
	    {SPAN("Bearer: secret"), false},
	    /* user "secret", no password; the user "", the password secret */
	    {SPAN("Basic c2VjcmV0Og=="), false},
	    {SPAN("Basic OnNlY3JldA=="), false},
	};
	(void)state;
	assert_true(
	    add(auth_add_tokens, SPAN("other\nsecret\nsha256:" LETMEIN "\n")));
	for (size_t i = 0; i < COUNT(table); i++)
		CHECK(allows(table[i].credential) == table[i].good,
		      "row %zu: %s", i, table[i].credential.p);
}

static void judges_passwords(void **state)
{
	static const struct {
		struct span credential;
		bool good;
	} table[] = {
	    {SPAN("Basic YW5uOng="), true}, /* ann:x */
	    {SPAN("basic YW5uOng="), true},
	    {SPAN("BASIC   YW5uOng= "), true},
	    {SPAN("Basic Ym9iOmE6Yg=="), true},     /* bob:a:b */
	    {SPAN("Basic Y2F0OmxldG1laW4="), true}, /* cat:letmein */
	    {SPAN("Basic ZMO8OvCflJQ="), true},     /* two in UTF-8 */
	    {SPAN("Basic YW5uOm8_"), false},        /* not this alphabet */
	    {{NULL, 0}, false},
	    {SPAN("Basic"), false},
	    {SPAN("Basic "), false},
	    {SPAN("Basic ann:x"), false},
	    {SPAN("Basic YW5uOng"), false}, /* no padding */
	    {SPAN("Basic YW5uOn"), false},
	    {SPAN("Basic YW5uOng=="), false},
	    {SPAN("Basic YW5uOng====="), false},
	    {SPAN("Basic YW5uOng=YW5u"), false}, /* padding within */
	    {SPAN("Basic =W5uOng="), false},
	    {SPAN("Basic Y=5uOng="), false},
	    {SPAN("Basic YW5=Ong="), false},
	    {SPAN("Basic YW5uOn=g"), false},
	    {SPAN("Basic YW5u Ong="), false},
	    {SPAN("Basic YW5uOng*"), false},
	    {SPAN("Basic YW5uOng{"), false},
	    {SPAN("Basic YW5uOng@"), false},
	    {SPAN("Basic YW5uOng["), false},
	    {SPAN("Basic YW5uOng`"), false},
	    {SPAN("Basic YW5uOng:"), false},
	    {SPAN("Basic YW5uOng\0"), false},
	    {SPAN("Basic ===="), false},
	    {SPAN("Basic YW5u"), false},         /* ann */
	    {SPAN("Basic YW5uOg=="), false},     /* ann: */
	    {SPAN("Basic Ong="), false},         /* :x */
	    {SPAN("Basic Og=="), false},         /* : */
	    {SPAN("Basic YW5uOng6"), false},     /* ann:x: */
	    {SPAN("Basic QW5uOng="), false},     /* Ann:x */
	    {SPAN("Basic YW5uOlg="), false},     /* ann:X */
	    {SPAN("Basic Ym9iOng="), false},     /* bob:x */
	    {SPAN("Basic YW5uOmE6Yg=="), false}, /* ann:a:b */
	    {SPAN("Basic Ym9iOmE="), false},     /* bob:a */
	    {SPAN("Basic YW5uOngA"), false},     /* ann:x and NUL */
	    /* eve:xy, then what is no group of base64 */
	    {SPAN("Basic ZXZlOnh5"), true},
	    {SPAN("Basic ZXZlOnh5!!!!"), false},
	    {SPAN("Basic ZXZlOnh5===="), false},
	    {SPAN("Basic ZXZlOnh5A==="), false},
	    {SPAN("Basic ZXZlOnh5AA=="), false},
	    /* fay:p, and its padding before the last letter */
	    {SPAN("Basic ZmF5OnA="), true},
	    {SPAN("Basic ZmF5On=A"), false},
	    /* no colon, and no password */
	    {SPAN("Basic Z3V5"), false},
	    {SPAN("Bearer YW5uOng="), false},
	    {SPAN("Bearer x"), false},
	    {SPAN("Digest YW5uOng="), false},
	};
	(void)state;
	assert_true(add(auth_add_basic,
			SPAN("ann:x\nbob:a:b\r\ncat:sha256:" LETMEIN
			     "\nd\xc3\xbc:\xf0\x9f\x94\x94\neve:xy\nfay:p\n"
			     "guy:sha256:" NOTHING "\n")));
	assert_int_equal(auth.basics, 7);
	for (size_t i = 0; i < COUNT(table); i++)
		CHECK(allows(table[i].credential) == table[i].good,
		      "row %zu: %s", i, table[i].credential.p);
}

/* All 64 letters, against a reference of another kind: bit by bit. */
static void reads_all_of_base64(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint64_t random = 7;
	(void)state;
	for (size_t n = 1; n < 200; n++) {
		char plain[256] = "u:", encoded[400] = "Basic ";
		for (size_t i = 0; i < n; i++)
			/* neither the line's end nor blanks at an end */
			plain[2 + i] = (char)(0x21 + next_number(&random) % 94);
		if (plain[2] == 's')
			plain[2] = 'S'; /* no sha256: */
		size_t size = 2 + n, at = 6;
		assert_true(add(auth_add_basic, (struct span){plain, size}));
		for (size_t bit = 0; bit < 8 * size; bit += 6) {
			unsigned v = 0;
			for (size_t k = bit; k < bit + 6; k++)
				v = v << 1 |
				    (k < 8 * size
					 ? (unsigned char)plain[k / 8] >>
						   (7 - k % 8) &
					       1
					 : 0);
			encoded[at++] = digits[v];
		}
		while ((at - 6) % 4)
			encoded[at++] = '=';
		struct span whole = {encoded, at};
		CHECK(allows(whole), "%zu bytes: %s", n, encoded);
		/* and no part of it */
		for (size_t cut = 0; cut < at; cut++)
			CHECK(!allows((struct span){encoded, cut}),
			      "%zu of %zu: %s", cut, at, encoded);
	}
}

static void survives_long_credentials(void **state)
{
	static char text[LIMIT_HEAD * 2];
	(void)state;
	assert_true(add(auth_add_basic, SPAN("ann:x\n")));
	for (size_t n = 0; n < LIMIT_HEAD; n += n < 1000 ? 1 : 97) {
		memset(text, 'A', sizeof text);
		memcpy(text, "Basic ", 6);
		CHECK(!allows((struct span){text, 6 + n}), "%zu", n);
		memcpy(text, "Bearer", 6);
		CHECK(!allows((struct span){text, 6 + n}), "%zu", n);
	}
	/* ann:x with much behind it is another password */
	memset(text, 'A', sizeof text);
	memcpy(text, "Basic YW5uOng", 13);
	CHECK(!allows((struct span){text, 6 + 4 * 1000}), "long");
}

static void asks_for_nothing_when_off(void **state)
{
	(void)state;
	memset(&auth, 0, sizeof auth);
	assert_false(auth_is_on(&auth));
	assert_true(allows(SPAN_NONE));
	assert_true(allows(SPAN("Bearer x")));
	assert_true(allows(SPAN("nonsense")));
}

static void challenges(void **state)
{
	static const struct {
		bool tokens, basics, keys;
		const char *challenge;
	} table[] = {
	    {true, false, false, "Bearer realm=\"bellwire\""},
	    {false, true, false, "Basic realm=\"bellwire\", charset=\"UTF-8\""},
	    {true, true, false,
	     "Bearer realm=\"bellwire\", Basic realm=\"bellwire\", "
	     "charset=\"UTF-8\""},
	    /* what a client can do without a key of ours comes first */
	    {false, false, true,
	     "HMAC-SHA256 realm=\"bellwire\", "
	     "header=\"X-Grafana-Alerting-Signature\""},
	    {true, false, true, "Bearer realm=\"bellwire\""},
	    {false, true, true, "Basic realm=\"bellwire\", charset=\"UTF-8\""},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		memset(&auth, 0, sizeof auth);
		error = buf_of(error_bytes, sizeof error_bytes);
		if (table[i].tokens)
			assert_true(
			    auth_add_tokens(&auth, SPAN("secret"), &error));
		if (table[i].basics)
			assert_true(
			    auth_add_basic(&auth, SPAN("ann:x"), &error));
		if (table[i].keys)
			assert_true(auth_add_keys(&auth, SPAN("k"), &error));
		assert_string_equal(auth_challenge(&auth), table[i].challenge);
		assert_true(auth_is_on(&auth));
		assert_int_equal(allows(SPAN("Bearer secret")),
				 table[i].tokens);
		assert_int_equal(allows(SPAN("Basic YW5uOng=")),
				 table[i].basics);
		assert_false(allows(SPAN("Bearer x")));
		assert_false(allows(SPAN_NONE));
	}
}

static void keeps_digests_alone(void **state)
{
	static const char word[] = "tooth-brush";
	(void)state;
	assert_true(add(auth_add_tokens, SPAN("tooth-brush\n")));
	assert_null(memmem(&auth, sizeof auth, word, sizeof word - 1));
	assert_true(add(auth_add_basic, SPAN("tooth-brush:tooth-brush\n")));
	assert_null(memmem(&auth, sizeof auth, word, sizeof word - 1));
	assert_true(add(auth_add_keys, SPAN("tooth-brush\n")));
	assert_null(memmem(&auth, sizeof auth, word, sizeof word - 1));
}

/* RFC 4231 4.2 to 4.7; the keys of the last ones are longer than a block. */
static void signs_as_rfc_4231(void **state)
{
	static const struct {
		const char *key, *body, *mac;
		size_t repeat;
	} table[] = {
	    {"\x0b", "Hi There",
	     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
	     20},
	    {"Jefe", "what do ya want for nothing?",
	     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	     1},
	    {"\xaa", "Test Using Larger Than Block-Size Key - Hash Key First",
	     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
	     131},
	    {"\xaa",
	     "This is a test using a larger than block-size key and a larger "
	     "than block-size data. The key needs to be hashed before being "
	     "used by the HMAC algorithm.",
	     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
	     131},
	};
	struct auth_signature sig;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char key[200];
		struct buf b = buf_of(key, sizeof key);
		for (size_t k = 0; k < table[i].repeat; k++)
			buf_str(&b, table[i].key);
		assert_true(add(auth_add_keys, buf_span(&b)));
		assert_true(auth_read_signature(&sig, span_of(table[i].mac),
						SPAN_NONE, 0));
		assert_true(
		    auth_is_signed(&auth, &sig, span_of(table[i].body)));
		assert_false(auth_is_signed(&auth, &sig, SPAN("")));
		sig.mac[31] ^= 1;
		assert_false(
		    auth_is_signed(&auth, &sig, span_of(table[i].body)));
	}
}

static void reads_times_of_signatures(void **state)
{
	static const struct {
		struct span time;
		int64_t now_s;
		bool good;
	} table[] = {
	    {SPAN("1000"), 1000, true},
	    {SPAN("1000"), 1300, true},
	    {SPAN("1000"), 1301, false},
	    {SPAN("1000"), 700, true},
	    {SPAN("1000"), 699, false},
	    {SPAN("0"), 0, true},
	    {SPAN(""), 0, false},
	    {SPAN("+1"), 0, false},
	    {SPAN("00000000000000000001"), 1, true},
	    {SPAN("000000000000000000001"), 1, false},
	    {SPAN("9223372036854775807"), -1, false},
	    {SPAN("18446744073709551615"), -1, false},
	    {SPAN("18446744073709551616"), 0, false},
	};
	static const struct span mac = SPAN(
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	struct auth_signature sig;
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		assert_int_equal(auth_read_signature(&sig, mac, table[i].time,
						     table[i].now_s),
				 table[i].good);
		assert_int_equal(sig.given, table[i].good);
	}
	for (size_t n = 0; n < mac.n; n++)
		assert_false(auth_read_signature(&sig, (struct span){mac.p, n},
						 SPAN_NONE, 0));
	assert_false(auth_read_signature(&sig, SPAN_NONE, SPAN("0"), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_token_files),
	    cmocka_unit_test(compares_whole_digests),
	    cmocka_unit_test(refuses_files),
	    cmocka_unit_test(holds_the_limit),
	    cmocka_unit_test(holds_the_password),
	    cmocka_unit_test(survives_cut_files),
	    cmocka_unit_test(judges_tokens),
	    cmocka_unit_test(judges_passwords),
	    cmocka_unit_test(reads_all_of_base64),
	    cmocka_unit_test(survives_long_credentials),
	    cmocka_unit_test(asks_for_nothing_when_off),
	    cmocka_unit_test(challenges),
	    cmocka_unit_test(signs_as_rfc_4231),
	    cmocka_unit_test(reads_times_of_signatures),
	    cmocka_unit_test(keeps_digests_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
