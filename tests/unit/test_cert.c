/* test_cert.c - cert.h: names and usages of a client's certificate. */
#include "check.h"

#include "tls/cert.h"

/* One element: tag, length in the shortest form, what is inside. */
static void put(struct buf *b, unsigned tag, struct span inside)
{
	buf_char(b, (char)tag);
	if (inside.n > 0xff)
		buf_str(b, "\x82");
	else if (inside.n > 0x7f)
		buf_str(b, "\x81");
	if (inside.n > 0xff)
		buf_char(b, (char)(inside.n >> 8));
	buf_char(b, (char)(inside.n & 0xff));
	buf_put(b, inside);
}

/* Parts of a certificate, as DER or as what is in them. */
struct parts {
	bool v1;             /* without a version */
	struct span subject; /* inside of the Name */
	struct span list;    /* inside of the list of extensions; or absent */
	struct span behind;  /* elements between key and extensions */
	struct span start;   /* element, notBefore; or absent */
};

/* A certificate such as RFC 5280 4.1 describes; keys and signatures of zeros.
 */
static struct span certificate(const struct parts *p, struct buf *out)
{
	static char body_bytes[8192];
	struct buf body = buf_of(body_bytes, sizeof body_bytes);
	if (!p->v1)
		buf_put(&body, SPAN("\xa0\x03\x02\x01\x02"));
	put(&body, 0x02, SPAN("\x01\x23"));         /* serial */
	put(&body, 0x30, SPAN("\x06\x02\x2a\x03")); /* algorithm */
	put(&body, 0x30,
	    SPAN("\x31\x0f\x30\x0d\x06\x03\x55\x04\x03\x0c\x06"
		 "issuer"));
	static char validity_bytes[64];
	struct buf validity = buf_of(validity_bytes, sizeof validity_bytes);
	buf_put(&validity, p->start.p ? p->start : SPAN("\x17\x01Z"));
	buf_str(&validity, "\x17\x01Z");
	put(&body, 0x30, buf_span(&validity));
	put(&body, 0x30, p->subject);
	put(&body, 0x30, SPAN("\x30\x00\x03\x01\x00")); /* key */
	buf_put(&body, p->behind.p ? p->behind : SPAN(""));
	if (p->list.p) {
		static char list_bytes[4096];
		struct buf list = buf_of(list_bytes, sizeof list_bytes);
		put(&list, 0x30, p->list);
		put(&body, 0xa3, buf_span(&list));
	}
	static char all_bytes[8192];
	struct buf all = buf_of(all_bytes, sizeof all_bytes);
	put(&all, 0x30, buf_span(&body));
	put(&all, 0x30, SPAN("\x06\x02\x2a\x03"));
	put(&all, 0x03, SPAN("\0\0\0\0"));
	put(out, 0x30, buf_span(&all));
	assert_false(body.cut || all.cut || out->cut);
	return buf_span(out);
}

static char der_bytes[8192];

static struct span build(const struct parts *p)
{
	struct buf out = buf_of(der_bytes, sizeof der_bytes);
	return certificate(p, &out);
}

/* Reads a copy of just that size. *names gets what `c` points to then. */
static bool read_copy(struct span der, struct cert *c, char **copy)
{
	*copy = copy_of(der);
	memset(c, 0xa5, sizeof *c);
	return cert_read((struct span){*copy, der.n}, c);
}

/* A subject with one CN in UTF-8. */
#define CN(length, text)                           \
	"\x31" PLUS_##length "\x30" INNER_##length \
	    "\x06\x03\x55\x04\x03\x0c" LENGTH_##length text
#define PLUS_3 "\x0c"
#define INNER_3 "\x0a"
#define LENGTH_3 "\x03"
#define PLUS_1 "\x0a"
#define INNER_1 "\x08"
#define LENGTH_1 "\x01"

/* Of one for amy with these extensions; NULL if it cannot be read. */
static char *read_listed(struct span list, struct cert *c)
{
	struct parts parts = {.subject = SPAN(CN(3, "amy")), .list = list};
	char *copy;
	return read_copy(build(&parts), c, &copy) ? copy : NULL;
}

static void reads_common_names(void **state)
{
	static const struct {
		struct span subject, name;
	} table[] = {
	    {SPAN(""), {NULL, 0}},
	    {SPAN(CN(3, "amy")), SPAN("amy")},
	    /* the last one counts */
	    {SPAN(CN(3, "amy") CN(3, "bob")), SPAN("bob")},
	    /* printable, IA5, T61 and universal strings are taken as they are
	     */
	    {SPAN("\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x13\x03"
		  "amy"),
	     SPAN("amy")},
	    {SPAN("\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x1e\x03\0a\xff"),
	     SPAN("\0a\xff")},
	    /* organization and country are no names */
	    {SPAN("\x31\x0c\x30\x0a\x06\x03\x55\x04\x0a\x0c\x03"
		  "amy"),
	     {NULL, 0}},
	    {SPAN("\x31\x0c\x30\x0a\x06\x03\x55\x04\x06\x0c\x03"
		  "amy" CN(1, "b")),
	     SPAN("b")},
	    /* a longer OID that begins like it, and a shorter one */
	    {SPAN("\x31\x0d\x30\x0b\x06\x04\x55\x04\x03\x01\x0c\x03"
		  "amy"),
	     {NULL, 0}},
	    {SPAN("\x31\x0b\x30\x09\x06\x02\x55\x04\x0c\x03"
		  "amy"),
	     {NULL, 0}},
	    /* two types in one set */
	    {SPAN("\x31\x18\x30\x0a\x06\x03\x55\x04\x0a\x0c\x03"
		  "org\x30\x0a\x06\x03\x55\x04\x03\x0c\x03"
		  "amy"),
	     SPAN("amy")},
	    {SPAN("\x31\x18\x30\x0a\x06\x03\x55\x04\x03\x0c\x03"
		  "amy\x30\x0a\x06\x03\x55\x04\x0a\x0c\x03"
		  "org"),
	     SPAN("amy")},
	    /* an empty one is there */
	    {SPAN("\x31\x09\x30\x07\x06\x03\x55\x04\x03\x0c\x00"), SPAN("")},
	    {SPAN("\x31\x00"), {NULL, 0}},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		for (int v1 = 0; v1 < 2; v1++) {
			struct parts parts = {.v1 = v1 == 1,
					      .subject = table[i].subject};
			struct cert c;
			char *copy;
			CHECK(read_copy(build(&parts), &c, &copy),
			      "row %zu: not read", i);
			CHECK_SPAN(c.common_name, table[i].name, "row %zu", i);
			CHECK(c.alternatives.p == NULL && !c.has_usages,
			      "row %zu: extensions", i);
			CHECK(cert_is_for_clients(&c), "row %zu: usage", i);
			free(copy);
		}
	}
}

static void refuses_malformed_subjects(void **state)
{
	static const struct span table[] = {
	    SPAN("\x30\x00"),         /* no SET */
	    SPAN("\x31\x02\x31\x00"), /* no SEQUENCE in there */
	    SPAN("\x31\x02\x30\x00"), /* without type and value */
	    SPAN("\x31\x07\x30\x05\x06\x03\x55\x04\x03"),
	    SPAN("\x31\x0c\x30\x0a\x04\x03\x55\x04\x03\x0c\x03"
		 "amy"), /* the type is no OID */
	    SPAN("\x31\x0c\x30\x0a\x06\x03\x55\x04\x03\x0c\x04"
		 "amy"), /* longer than what it is in */
	    SPAN("\x31\x0d\x30\x0a\x06\x03\x55\x04\x03\x0c\x03"
		 "amy"),
	    SPAN("\x31\x0c\x30\x0b\x06\x03\x55\x04\x03\x0c\x03"
		 "amy"),
	    SPAN("\x31\x0c\x30\x0a\x06\x7f\x55\x04\x03\x0c\x03"
		 "amy"),
	    SPAN("\x31\x80\x00\x00"), /* of indefinite length */
	    SPAN("\x31\x83\x00\x00\x00"),
	    SPAN("\x31\x84\xff\xff\xff\xff"),
	    SPAN("\x31\xff"),
	    SPAN("\x31"),
	    SPAN("\x31\x81"),
	    SPAN("\x31\x82\x00"),
	    SPAN("\x31\x82\xff\xff"),
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct parts parts = {.subject = table[i]};
		struct cert c;
		char *copy;
		CHECK(!read_copy(build(&parts), &c, &copy), "row %zu: read", i);
		free(copy);
	}
}

#define EKU "\x06\x03\x55\x1d\x25"
#define SAN "\x06\x03\x55\x1d\x11"
#define SERVER "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"
#define CLIENT "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02"
#define MAIL "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x04"
#define ANY "\x06\x04\x55\x1d\x25\x00"
#define BASIC "\x06\x03\x55\x1d\x13"
#define LIMITS "\x06\x03\x55\x1d\x1e"
#define CRITICAL "\x01\x01\xff"
#define OTHER "\x30\x0a\x06\x03\x55\x1d\x0e\x04\x03\x01\x02\x03"

static void judges_usages(void **state)
{
	static const struct {
		struct span list;
		bool has, good;
	} table[] = {
	    {{NULL, 0}, false, true},
	    {SPAN(OTHER), false, true},
	    {SPAN("\x30\x13" EKU "\x04\x0c\x30\x0a" CLIENT), true, true},
	    {SPAN("\x30\x16" EKU CRITICAL "\x04\x0c\x30\x0a" CLIENT), true,
	     true},
	    {SPAN("\x30\x13" EKU "\x04\x0c\x30\x0a" SERVER), true, false},
	    {SPAN("\x30\x16" EKU CRITICAL "\x04\x0c\x30\x0a" SERVER), true,
	     false},
	    {SPAN("\x30\x13" EKU "\x04\x0c\x30\x0a" MAIL), true, false},
	    {SPAN("\x30\x0f" EKU "\x04\x08\x30\x06" ANY), true, true},
	    {SPAN("\x30\x1d" EKU "\x04\x16\x30\x14" SERVER CLIENT), true, true},
	    {SPAN("\x30\x1d" EKU "\x04\x16\x30\x14" CLIENT MAIL), true, true},
	    {SPAN("\x30\x1d" EKU "\x04\x16\x30\x14" SERVER MAIL), true, false},
	    {SPAN("\x30\x19" EKU "\x04\x12\x30\x10" SERVER ANY), true, true},
	    {SPAN(OTHER "\x30\x13" EKU "\x04\x0c\x30\x0a" CLIENT OTHER), true,
	     true},
	    /* an empty list lets nobody in */
	    {SPAN("\x30\x09" EKU "\x04\x02\x30\x00"), true, false},
	    /* OIDs that begin like clientAuth, or end earlier */
	    {SPAN("\x30\x14" EKU "\x04\x0d\x30\x0b\x06\x09\x2b\x06\x01\x05\x05"
		  "\x07\x03\x02\x00"),
	     true, false},
	    {SPAN("\x30\x12" EKU "\x04\x0b\x30\x09\x06\x07\x2b\x06\x01\x05\x05"
		  "\x07\x03"),
	     true, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct cert c;
		char *copy = read_listed(table[i].list, &c);
		CHECK(copy, "row %zu: not read", i);
		CHECK(c.has_usages == table[i].has, "row %zu: usages", i);
		CHECK(cert_is_for_clients(&c) == table[i].good,
		      "row %zu: for clients", i);
		free(copy);
	}
}

/* How far an issuer's word goes, and for whom a server's certificate is. */
static void reads_what_an_issuer_may(void **state)
{
	static const struct {
		struct span list;
		unsigned path_length;
		bool for_servers;
		struct span limits;
	} table[] = {
	    {{NULL, 0}, CERT_ANY_LENGTH, true, {NULL, 0}},
	    {SPAN("\x30\x13" EKU "\x04\x0c\x30\x0a" CLIENT),
	     CERT_ANY_LENGTH,
	     false,
	     {NULL, 0}},
	    {SPAN("\x30\x13" EKU "\x04\x0c\x30\x0a" SERVER),
	     CERT_ANY_LENGTH,
	     true,
	     {NULL, 0}},
	    {SPAN("\x30\x0f" EKU "\x04\x08\x30\x06" ANY),
	     CERT_ANY_LENGTH,
	     true,
	     {NULL, 0}},
	    {SPAN("\x30\x09" BASIC "\x04\x02\x30\x00"),
	     CERT_ANY_LENGTH,
	     true,
	     {NULL, 0}},
	    {SPAN("\x30\x0c" BASIC "\x04\x05\x30\x03" CRITICAL),
	     CERT_ANY_LENGTH,
	     true,
	     {NULL, 0}},
	    {SPAN("\x30\x0f" BASIC "\x04\x08\x30\x06" CRITICAL "\x02\x01\x00"),
	     0,
	     true,
	     {NULL, 0}},
	    {SPAN("\x30\x12" BASIC CRITICAL "\x04\x08\x30\x06" CRITICAL
		  "\x02\x01\x07"),
	     7,
	     true,
	     {NULL, 0}},
	    {SPAN("\x30\x10" BASIC "\x04\x09\x30\x07" CRITICAL
		  "\x02\x02\x01\x00"),
	     CERT_ANY_LENGTH,
	     true,
	     {NULL, 0}},
	    {SPAN("\x30\x09" LIMITS "\x04\x02\x30\x00"), CERT_ANY_LENGTH, true,
	     SPAN("")},
	    {SPAN("\x30\x0e" LIMITS CRITICAL "\x04\x04\x30\x02\xa0\x00"),
	     CERT_ANY_LENGTH, true, SPAN("\xa0\x00")},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct cert c;
		char *copy = read_listed(table[i].list, &c);
		CHECK(copy, "row %zu: not read", i);
		CHECK(c.path_length == table[i].path_length,
		      "row %zu: path length %u", i, c.path_length);
		CHECK(cert_is_for_servers(&c) == table[i].for_servers,
		      "row %zu: for servers", i);
		CHECK_SPAN(c.limits, table[i].limits, "row %zu: limits", i);
		CHECK_SPAN(c.issuer,
			   SPAN("\x30\x11\x31\x0f\x30\x0d\x06\x03\x55\x04\x03"
				"\x0c\x06"
				"issuer"),
			   "row %zu: issuer", i);
		CHECK_SPAN(c.subject, SPAN("\x30\x0e" CN(3, "amy")),
			   "row %zu: subject", i);
		free(copy);
	}
}

static void refuses_malformed_extensions(void **state)
{
	static const struct span table[] = {
	    SPAN("\x31\x00"),                     /* no SEQUENCE */
	    SPAN("\x30\x00"),                     /* without id */
	    SPAN("\x30\x05\x06\x03\x55\x1d\x25"), /* without value */
	    SPAN("\x30\x08" EKU CRITICAL),        /* the same */
	    SPAN("\x30\x07" EKU "\x05\x00"),      /* no OCTET STRING */
	    SPAN("\x30\x0a" EKU CRITICAL "\x05\x00"),
	    SPAN("\x30\x13" EKU "\x0c\x0c\x30\x0a" CLIENT),
	    SPAN("\x30\x0a\x06\x03\x55\x1d\x0e\x05\x03\x01\x02\x03"),
	    SPAN("\x30\x0b" EKU CRITICAL CRITICAL),
	    SPAN("\x30\x07" EKU "\x04\x00"),         /* nothing in there */
	    SPAN("\x30\x09" EKU "\x04\x02\x31\x00"), /* no list */
	    SPAN("\x30\x0b" EKU "\x04\x04\x30\x02\x05\x00"), /* no OID */
	    SPAN("\x30\x0b" EKU "\x04\x04\x30\x02\x06\x01"), /* cut */
	    SPAN("\x30\x09" EKU "\x04\x02\x30\x01"),
	    SPAN("\x30\x09" EKU "\x04\x03\x30\x00"),
	    SPAN("\x30\x0a" EKU "\x04\x02\x30\x00"),
	    SPAN("\x30\x07" SAN "\x04\x00"),
	    SPAN("\x30\x09" SAN "\x04\x02\x31\x00"),
	    SPAN("\x30\x09" SAN "\x04\x02\x30\x01"),
	    SPAN("\x30\x09\x04\x03\x55\x1d\x11\x04\x02\x30\x00"),
	    SPAN("\x30\x07" BASIC "\x04\x00"),
	    SPAN("\x30\x0a" BASIC "\x04\x03\x30\x01\x02"),
	    SPAN("\x30\x07" LIMITS "\x04\x00"),
	    SPAN("\x30\x09" LIMITS "\x04\x02\x31\x00"),
	    /* twice */
	    SPAN("\x30\x09" EKU "\x04\x02\x30\x00"
		 "\x30\x09" EKU "\x04\x02\x30\x00"),
	    SPAN("\x30\x09" SAN "\x04\x02\x30\x00"
		 "\x30\x09" SAN "\x04\x02\x30\x00"),
	    SPAN("\x30\x09" LIMITS "\x04\x02\x30\x00"
		 "\x30\x09" LIMITS "\x04\x02\x30\x00"),
	    SPAN(OTHER "\x30"),
	    SPAN(OTHER "\x30\x01"),
	    SPAN("\x30\x80" EKU "\x04\x02\x30\x00\x00\x00"),
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct parts parts = {.subject = SPAN(CN(3, "amy")),
				      .list = table[i]};
		struct cert c;
		char *copy;
		CHECK(!read_copy(build(&parts), &c, &copy), "row %zu: read", i);
		free(copy);
	}
}

#define NAMES                                \
	"\x82\x0a"                           \
	"am.example"                         \
	"\x82\x09"                           \
	"*.example"                          \
	"\x81\x05"                           \
	"a@b.c"                              \
	"\x86\x08"                           \
	"spiffe:a"                           \
	"\x87\x04\x7f\x00\x00\x01"           \
	"\x87\x10"                           \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x2b" \
	"\x87\x03\x7f\0\0"                   \
	"\x87\x00"                           \
	"\xa4\x02\x30\x00"                   \
	"\x88\x02\x2a\x03"                   \
	"\x82\x00"                           \
	"\x82\x03"                           \
	"a\0b"

static void compares_names(void **state)
{
	static const struct {
		struct span name;
		bool good;
	} table[] = {
	    {SPAN("amy"), true},        {SPAN("am.example"), true},
	    {SPAN("*.example"), true},  {SPAN("a@b.c"), true},
	    {SPAN("spiffe:a"), true},   {SPAN("a\0b"), true},
	    {SPAN("am"), false},        {SPAN("amyx"), false},
	    {SPAN("Amy"), false},       {SPAN("AM.example"), false},
	    {SPAN("x.example"), false}, {SPAN("am.example."), false},
	    {SPAN("am.exampl"), false}, {SPAN("m.example"), false},
	    {SPAN("a"), false},         {SPAN("a@b"), false},
	    {SPAN("issuer"), false},    {SPAN("\x7f\0\0\x01"), false},
	    {SPAN("127.0.0.1"), true},  {SPAN("\x2a\x03"), false},
	    {SPAN("::2b"), true},       {SPAN("0:0:0:0:0:0:0:2b"), true},
	    {SPAN("::2a"), false},      {SPAN("127.0.0.2"), false},
	    {SPAN("126.0.0.1"), false}, {SPAN("100::2b"), false},
	    {SPAN("127.0.0"), false},   {SPAN("127.0.0.0/24"), false},
	    {SPAN("::/32"), false},     {SPAN("0.0.0.43"), false},
	    {SPAN("\x30\0"), false},    {SPAN("spiffe:"), false},
	};
	char value_bytes[256], extension_bytes[256], list_bytes[256];
	struct buf value = buf_of(value_bytes, sizeof value_bytes);
	struct buf extension = buf_of(extension_bytes, sizeof extension_bytes);
	struct buf list = buf_of(list_bytes, sizeof list_bytes);
	(void)state;
	put(&value, 0x30, SPAN(NAMES));
	buf_str(&extension, SAN);
	put(&extension, 0x04, buf_span(&value));
	put(&list, 0x30, buf_span(&extension));
	struct parts parts = {.subject = SPAN(CN(3, "amy")),
			      .list = buf_span(&list)};
	struct cert c;
	char *copy;
	assert_true(read_copy(build(&parts), &c, &copy));
	for (size_t i = 0; i < COUNT(table); i++)
		CHECK(cert_has_name(&c, table[i].name) == table[i].good,
		      "row %zu: %s", i, table[i].name.p);
	free(copy);
	/* without a subject the alternatives are all there is */
	parts.subject = SPAN("");
	assert_true(read_copy(build(&parts), &c, &copy));
	assert_false(cert_has_name(&c, SPAN("amy")));
	assert_true(cert_has_name(&c, SPAN("am.example")));
	free(copy);
	/* and without these the subject */
	parts = (struct parts){.subject = SPAN(CN(3, "amy"))};
	assert_true(read_copy(build(&parts), &c, &copy));
	assert_true(cert_has_name(&c, SPAN("amy")));
	assert_false(cert_has_name(&c, SPAN("am.example")));
	assert_false(cert_has_name(&c, SPAN("")));
	free(copy);
	/* nobody has a name that is not there */
	c = (struct cert){0};
	assert_false(cert_has_name(&c, SPAN("")));
	assert_false(cert_has_name(&c, SPAN("amy")));
}

/* Alternatives that end within a name: what stands before still counts, and
 * nothing behind them is looked at. */
static void survives_cut_alternatives(void **state)
{
	struct span names = SPAN(NAMES);
	(void)state;
	for (size_t n = 0; n <= names.n; n++) {
		char *copy = copy_of((struct span){names.p, n});
		struct cert c = {.alternatives = {copy, n}};
		CHECK(cert_has_name(&c, SPAN("am.example")) == (n >= 12),
		      "%zu bytes", n);
		assert_false(cert_has_name(&c, SPAN("nobody")));
		free(copy);
	}
}

static struct span whole(void)
{
	static const struct parts parts = {
	    .subject = SPAN(CN(3, "amy")),
	    .list = SPAN(OTHER "\x30\x16" EKU CRITICAL "\x04\x0c\x30\x0a" CLIENT
			       "\x30\x0e" SAN "\x04\x07\x30\x05\x82\x03"
			       "bob"),
	};
	return build(&parts);
}

#define UTC(text) SPAN_INIT("\x17\x0d" text)
#define LONG_TIME(text) SPAN_INIT("\x18\x0f" text)

/* Figures from date -u +%s. */
static void reads_when_it_begins(void **state)
{
	static const struct {
		struct span start;
		int64_t s;
	} table[] = {
	    {UTC("700101000000Z"), 0},
	    {UTC("700101000001Z"), 1},
	    {UTC("691231235959Z"), -1},
	    {UTC("500101000000Z"), -631152000},
	    {UTC("491231235959Z"), 2524607999},
	    {UTC("000229120000Z"), 951825600},
	    {UTC("240229235959Z"), 1709251199},
	    {UTC("240301000000Z"), 1709251200},
	    {UTC("261129022500Z"), 1795919100},
	    {LONG_TIME("19700101000000Z"), 0},
	    {LONG_TIME("20500101000000Z"), 2524608000},
	    {LONG_TIME("21000301000000Z"), 4107542400},
	    {LONG_TIME("20000301000000Z"), 951868800},
	    {LONG_TIME("99991231235959Z"), 253402300799},
	    {LONG_TIME("00000101000000Z"), -62167219200},
	    {UTC("701301000000Z"), INT64_MIN},
	    {UTC("700001000000Z"), INT64_MIN},
	    {UTC("700100000000Z"), INT64_MIN},
	    {UTC("700132000000Z"), INT64_MIN},
	    {UTC("700101240000Z"), INT64_MIN},
	    {UTC("700101006000Z"), INT64_MIN},
	    {UTC("700101000060Z"), INT64_MIN},
	    {UTC("7001010000/0Z"), INT64_MIN},
	    {UTC("70010100000:Z"), INT64_MIN},
	    {UTC("70010100000/Z"), INT64_MIN},
	    {UTC(":00101000000Z"), INT64_MIN},
	    {UTC("7001010000000"), INT64_MIN},
	    {LONG_TIME(":0000101000000Z"), INT64_MIN},
	    {SPAN_INIT("\x17\x0b"
		       "7001010000Z"),
	     INT64_MIN},
	    {SPAN_INIT("\x18\x0d"
		       "700101000000Z"),
	     INT64_MIN},
	    {SPAN_INIT("\x17\x0f"
		       "19700101000000Z"),
	     INT64_MIN},
	    {SPAN_INIT("\x16\x0d"
		       "700101000000Z"),
	     INT64_MIN},
	    {SPAN_INIT("\x17\x00"), INT64_MIN},
	};
	(void)state;
	for (size_t i = 0; i < 2 * COUNT(table); i++) {
		struct parts parts = {.subject = SPAN(CN(3, "amy")),
				      .v1 = i % 2,
				      .start = table[i / 2].start};
		struct span der = build(&parts);
		CHECK(cert_start_s(der) == table[i / 2].s, "%.*s: %lld",
		      (int)table[i / 2].start.n, table[i / 2].start.p,
		      (long long)cert_start_s(der));
	}
}

/* Known as soon as it has come, and not before. */
static void reads_when_it_begins_of_a_part(void **state)
{
	struct parts parts = {.subject = SPAN(CN(3, "amy")),
			      .start = UTC("240229235959Z")};
	struct span der = build(&parts);
	size_t whole = 0;
	(void)state;
	while (memcmp(der.p + whole, "235959Z", 7) != 0)
		whole++;
	whole += 7;
	for (size_t n = 0; n <= der.n; n++) {
		char *copy = copy_of((struct span){der.p, n});
		CHECK(cert_start_s((struct span){copy, n}) ==
			  (n < whole ? INT64_MIN : 1709251199),
		      "%zu of %zu bytes", n, der.n);
		free(copy);
	}
}

static void refuses_every_cut(void **state)
{
	struct span der = whole();
	struct cert c;
	char *copy;
	(void)state;
	assert_true(read_copy(der, &c, &copy));
	assert_true(cert_has_name(&c, SPAN("amy")) &&
		    cert_has_name(&c, SPAN("bob")));
	free(copy);
	for (size_t n = 0; n < der.n; n++) {
		CHECK(!read_copy((struct span){der.p, n}, &c, &copy),
		      "%zu of %zu bytes", n, der.n);
		free(copy);
	}
}

/* A body that ends early in a whole certificate: only where an element ends,
 * behind the subject, and then nothing is known of what stood there. */
static void refuses_every_cut_body(void **state)
{
	struct span all, der = whole();
	unsigned taken = 0;
	(void)state;
	/* the heads of what is around it and its own */
	assert_int_equal((unsigned char)der.p[1], 0x81);
	assert_true((unsigned char)der.p[4] < 0x80);
	all = (struct span){der.p + 5, (unsigned char)der.p[4]};
	for (size_t n = 0; n < all.n; n++) {
		char body_bytes[512], out_bytes[512];
		struct buf body = buf_of(body_bytes, sizeof body_bytes);
		struct buf out = buf_of(out_bytes, sizeof out_bytes);
		struct cert c;
		char *copy;
		put(&body, 0x30, (struct span){all.p, n});
		put(&out, 0x30, buf_span(&body));
		if (read_copy(buf_span(&out), &c, &copy)) {
			taken++;
			CHECK(!c.has_usages && !c.alternatives.p,
			      "%zu bytes: extensions", n);
			CHECK(cert_has_name(&c, SPAN("amy")), "%zu bytes", n);
		}
		free(copy);
	}
	assert_int_equal(taken, 2); /* behind the subject, behind the key */
}

static bool is_within(struct span s, const char *p, size_t n)
{
	return s.p == NULL || (s.p >= p && s.p + s.n <= p + n);
}

/* Whatever stands there, nothing outside is read or pointed at. */
static void survives_every_byte(void **state)
{
	struct span der = whole();
	struct cert c;
	(void)state;
	for (size_t i = 0; i < der.n; i++) {
		for (unsigned v = 0; v < 256; v++) {
			char *copy = copy_of(der);
			copy[i] = (char)v;
			cert_start_s((struct span){copy, der.n});
			if (cert_read((struct span){copy, der.n}, &c)) {
				CHECK(
				    is_within(c.common_name, copy, der.n) &&
					is_within(c.alternatives, copy, der.n),
				    "byte %zu of value %u", i, v);
				cert_has_name(&c, SPAN("bob"));
				cert_is_for_clients(&c);
			}
			free(copy);
		}
	}
}

static void reads_long_forms(void **state)
{
	static char subject_bytes[3000], list_bytes[1000];
	static const size_t sizes[] = {100, 127, 128, 200, 255, 256, 257, 2000};
	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		char name[2048], pair_bytes[2100], set_bytes[2200];
		struct buf list = buf_of(list_bytes, sizeof list_bytes);
		struct buf subject =
		    buf_of(subject_bytes, sizeof subject_bytes);
		struct buf pair = buf_of(pair_bytes, sizeof pair_bytes);
		struct buf set = buf_of(set_bytes, sizeof set_bytes);
		memset(name, 'n', sizes[i]);
		buf_str(&pair, "\x06\x03\x55\x04\x03");
		put(&pair, 0x0c, (struct span){name, sizes[i]});
		put(&set, 0x30, buf_span(&pair));
		put(&subject, 0x31, buf_span(&set));
		for (size_t k = 0; k < 60; k++)
			buf_put(&list, SPAN(OTHER));
		struct parts parts = {.subject = buf_span(&subject),
				      .list = buf_span(&list)};
		struct cert c;
		char *copy;
		CHECK(read_copy(build(&parts), &c, &copy), "%zu bytes",
		      sizes[i]);
		CHECK(c.common_name.n == sizes[i], "%zu bytes", sizes[i]);
		CHECK(cert_has_name(&c, (struct span){name, sizes[i]}),
		      "%zu bytes", sizes[i]);
		CHECK(!cert_has_name(&c, (struct span){name, sizes[i] - 1}),
		      "%zu bytes", sizes[i]);
		free(copy);
	}
}

static void skips_what_else_may_stand_there(void **state)
{
	static const struct span behind[] = {
	    SPAN("\x81\x02\x00\x01"),                 /* issuerUniqueID */
	    SPAN("\x82\x02\x00\x01"),                 /* subjectUniqueID */
	    SPAN("\x81\x02\x00\x01\x82\x02\x00\x02"), /* both */
	};
	(void)state;
	for (size_t i = 0; i < COUNT(behind); i++) {
		struct parts parts = {
		    .subject = SPAN(CN(3, "amy")),
		    .behind = behind[i],
		    .list = SPAN("\x30\x13" EKU "\x04\x0c\x30\x0a" SERVER)};
		struct cert c;
		char *copy;
		CHECK(read_copy(build(&parts), &c, &copy), "row %zu", i);
		CHECK(!cert_is_for_clients(&c), "row %zu: usage", i);
		free(copy);
	}
}

/* What the log calls it. */
static void has_a_name(void **state)
{
	static const struct {
		struct cert c;
		struct span name;
	} table[] = {
	    {{.common_name = SPAN("amy"),
	      .alternatives = SPAN("\x82\x01"
				   "b")},
	     SPAN("amy")},
	    {{.common_name = {NULL, 0}}, {NULL, 0}},
	    {{.common_name = SPAN(""), .alternatives = SPAN("")}, {NULL, 0}},
	    {{.common_name = SPAN(""),
	      .alternatives = SPAN("\x82\x01"
				   "b\x82\x01"
				   "c")},
	     SPAN("b")},
	    {{.alternatives = SPAN("\x81\x01"
				   "m")},
	     SPAN("m")},
	    {{.alternatives = SPAN("\x86\x01u")}, SPAN("u")},
	    /* an address and other names are not for people */
	    {{.alternatives = SPAN("\x87\x04\x7f\0\0\x01\x82\x01"
				   "b")},
	     SPAN("b")},
	    {{.alternatives = SPAN("\xa0\x02xy\x87\x00")}, {NULL, 0}},
	    {{.alternatives = SPAN("\x82\x05"
				   "b")},
	     {NULL, 0}}, /* cut */
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		CHECK_SPAN(cert_name(&table[i].c), table[i].name, "row %zu", i);
}

static void refuses_what_is_no_certificate(void **state)
{
	static const struct span table[] = {
	    SPAN(""),
	    SPAN("\x30"),
	    SPAN("\x30\x00"),
	    SPAN("\x30\x02\x30\x00"),
	    SPAN("\x31\x02\x30\x00"),
	    SPAN("\x30\x80\x00\x00"),
	    SPAN("\x30\x82"),
	    SPAN("\x30\x82\x00"),
	    SPAN("\x30\x82\x00\x01"),
	    SPAN("\x30\x83\x00\x00\x02\x30\x00"),
	    SPAN("\x30\x04\x30\x02\x02\x00"),
	    SPAN("\x30\x0c\x30\x0a\x02\x00\x30\x00\x30\x00\x30\x00\x31\x00"),
	    SPAN("-----BEGIN CERTIFICATE-----\n"),
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct cert c;
		char *copy;
		CHECK(!read_copy(table[i], &c, &copy), "row %zu: read", i);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_common_names),
	    cmocka_unit_test(refuses_malformed_subjects),
	    cmocka_unit_test(judges_usages),
	    cmocka_unit_test(reads_what_an_issuer_may),
	    cmocka_unit_test(refuses_malformed_extensions),
	    cmocka_unit_test(compares_names),
	    cmocka_unit_test(survives_cut_alternatives),
	    cmocka_unit_test(reads_when_it_begins),
	    cmocka_unit_test(reads_when_it_begins_of_a_part),
	    cmocka_unit_test(refuses_every_cut),
	    cmocka_unit_test(refuses_every_cut_body),
	    cmocka_unit_test(survives_every_byte),
	    cmocka_unit_test(reads_long_forms),
	    cmocka_unit_test(skips_what_else_may_stand_there),
	    cmocka_unit_test(has_a_name),
	    cmocka_unit_test(refuses_what_is_no_certificate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
