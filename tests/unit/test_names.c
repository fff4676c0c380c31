/* test_names.c - names.h: name constraints. */
#include "check.h"

#include "facts/limits.h"
#include "tls/names.h"
#include "tls/within.h"

/* One element: tag, length in the shortest form, what is inside. */
static void put(struct buf *b, unsigned tag, struct span inside)
{
	buf_char(b, (char)tag);
	if (inside.n > 0x7f)
		buf_str(b, "\x82");
	if (inside.n > 0x7f)
		buf_char(b, (char)(inside.n >> 8));
	buf_char(b, (char)(inside.n & 0xff));
	buf_put(b, inside);
}

/* One attribute, "O=Bell": O, CN, e (mail) or T (CN, as T61String). */
static void put_attribute(struct buf *out, struct span text)
{
	char bytes[512];
	struct buf pair = buf_of(bytes, sizeof bytes);
	struct span type;
	assert_true(span_split(&text, '=', &type));
	bool mail = span_eq(type, SPAN("e")), t61 = span_eq(type, SPAN("T"));
	put(&pair, 0x06,
	    mail ? SPAN("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01")
	    : span_eq(type, SPAN("O")) ? SPAN("\x55\x04\x0a")
				       : SPAN("\x55\x04\x03"));
	put(&pair, mail ? 0x16 : t61 ? 0x14 : 0x0c, text);
	put(out, 0x30, buf_span(&pair));
}

/* "O=Bell/CN=x": a Name, whole; "O=a+CN=b" is one part of it. */
static void put_name(struct buf *out, struct span text)
{
	char bytes[1024];
	struct buf list = buf_of(bytes, sizeof bytes);
	struct span part, one;
	while (text.n && span_split(&text, '/', &part)) {
		char set_bytes[512];
		struct buf set = buf_of(set_bytes, sizeof set_bytes);
		while (part.n && span_split(&part, '+', &one))
			put_attribute(&set, one);
		put(&list, 0x31, buf_span(&set));
	}
	put(out, 0x30, buf_span(&list));
}

static void put_hex(struct buf *out, struct span text)
{
	for (size_t i = 0; i + 1 < text.n; i += 2) {
		char digits[3] = {text.p[i], text.p[i + 1], 0};
		buf_char(out, (char)strtoul(digits, NULL, 16));
	}
}

/* "d:a.example": d, e, u, i (in hex), n (a subject) or r (registeredID). */
static void put_general(struct buf *out, struct span text)
{
	char bytes[1024];
	struct buf value = buf_of(bytes, sizeof bytes);
	char form = text.p[0];
	text = span_skip(text, 2);
	if (form == 'i')
		put_hex(&value, text);
	else if (form == 'n')
		put_name(&value, text);
	else
		buf_put(&value, text);
	put(out,
	    form == 'd'   ? NAME_DNS
	    : form == 'e' ? NAME_EMAIL
	    : form == 'u' ? NAME_URI
	    : form == 'i' ? NAME_IP
	    : form == 'n' ? NAME_DIRECTORY
			  : 0x88,
	    buf_span(&value));
}

/* "+d:a.example,-d:b.example": permitted and excluded; "m" behind the sign:
 * with a minimum. */
static void put_limits(struct buf *out, struct span text)
{
	char bytes[2][4096];
	struct buf list[2] = {buf_of(bytes[0], sizeof bytes[0]),
			      buf_of(bytes[1], sizeof bytes[1])};
	struct span one;
	while (text.n && span_split(&text, ',', &one)) {
		char tree_bytes[1024];
		struct buf tree = buf_of(tree_bytes, sizeof tree_bytes);
		bool minimum = one.p[1] == 'm';
		put_general(&tree, span_skip(one, minimum ? 2 : 1));
		if (minimum)
			buf_put(&tree, SPAN("\x80\x01\x01"));
		put(&list[one.p[0] == '-'], 0x30, buf_span(&tree));
	}
	for (unsigned i = 0; i < 2; i++)
		if (list[i].n)
			put(out, 0xa0 + i, buf_span(&list[i]));
}

struct made {
	char bytes[3][8192];
	struct span limits;
	struct names names;
};

static void make(struct made *m, const char *limits, const char *subject,
		 const char *alternatives)
{
	struct buf b[3];
	struct span text = span_of(alternatives), one;
	for (unsigned i = 0; i < 3; i++)
		b[i] = buf_of(m->bytes[i], sizeof m->bytes[i]);
	put_limits(&b[0], span_of(limits));
	put_name(&b[1], span_of(subject));
	while (text.n && span_split(&text, ',', &one))
		put_general(&b[2], one);
	assert_false(b[0].cut || b[1].cut || b[2].cut);
	m->limits = buf_span(&b[0]);
	m->names = (struct names){buf_span(&b[1]), buf_span(&b[2]), true};
}

static bool within(const struct made *m)
{
	unsigned left = LIMIT_TLS_NAME_CHECKS;
	return names_within(m->limits, &m->names, &left);
}

static void judges(void **state)
{
	static const struct {
		const char *limits, *subject, *alternatives;
		bool within;
	} table[] = {
	    /* without limits of its form a name is free */
	    {"", "CN=x", "d:a.example,e:x@y,i:01020304,u:a://b", true},
	    {"+d:a.example", "CN=x", "", true},
	    {"+d:a.example", "CN=x", "e:x@y,i:01020304,u:a://b,r:1", true},
	    /* DNS */
	    {"+d:a.example", "", "d:a.example", true},
	    {"+d:a.example", "", "d:A.EXAMPLE", true},
	    {"+d:a.example", "", "d:x.a.example", true},
	    {"+d:a.example", "", "d:xa.example", false},
	    {"+d:a.example", "", "d:example", false},
	    {"+d:a.example", "", "d:a.example,d:b.example", false},
	    {"+d:a.example,+d:b.example", "", "d:a.example,d:b.example", true},
	    {"+d:.a.example", "", "d:a.example", false},
	    {"+d:.a.example", "", "d:x.a.example", true},
	    {"+d:.a.example", "", "d:.a.example", true},
	    {"+d:a.exampled", "", "d:a.example", false},
	    {"+d:", "", "d:a.example", true},
	    {"-d:", "", "d:a.example", false},
	    {"-d:a.example", "", "d:x.A.example", false},
	    {"-d:a.example", "", "d:b.example", true},
	    {"+d:example,-d:a.example", "", "d:b.example", true},
	    {"+d:example,-d:a.example", "", "d:a.example", false},
	    /* a CN that looks like one, of a certificate without any */
	    {"+d:a.example", "CN=b.example", "", false},
	    {"+d:a.example", "CN=x.a.example", "", true},
	    {"+d:a.example", "CN=b.example", "d:a.example", true},
	    {"+d:a.example", "CN=b", "", true},
	    {"+d:a.example", "CN=b.", "", true},
	    {"+d:a.example", "CN=a-b_9.c", "", false},
	    {"+d:a.example", "CN=b.c{", "", true},
	    {"+d:a.example", "CN=b.c:", "", true},
	    {"+d:a.example", "CN=b.c!", "", true},
	    {"+d:a.example", "CN=b.c~", "", true},
	    {"+d:a.example", "CN=.b", "", true},
	    {"+d:a.example", "CN=b example.c", "", true},
	    {"-d:b.example", "CN=x.b.example", "", false},
	    /* e-mail, in the subject, too */
	    {"+e:a.example", "", "e:amy@a.example", true},
	    {"+e:a.example", "", "e:amy@x.a.example", false},
	    {"+e:.a.example", "", "e:amy@x.a.example", true},
	    {"+e:.a.example", "", "e:amy@a.example", false},
	    {"+e:amy@a.example", "", "e:amy@A.example", true},
	    {"+e:amy@a.example", "", "e:Amy@a.example", false},
	    {"+e:amy@a.example", "", "e:bob@a.example", false},
	    {"+e:amy@a.example", "", "e:amy@b.example", false},
	    {"+e:.a.example", "", "e:amy@b.example", false},
	    {"+e:", "", "e:amy@a.example", false},
	    {"+e:a.example", "", "e:a.example", false},
	    {"-e:a.example", "", "e:a.example", false},
	    {"-e:a.example", "", "e:amy@a.example", false},
	    {"-e:a.example", "", "e:amy@b.example", true},
	    {"+e:a.example", "CN=x/e=amy@b.example", "", false},
	    {"+e:a.example", "CN=x/e=amy@a.example", "", true},
	    {"+e:a.example", "CN=x+e=amy@b.example", "", false},
	    /* URI */
	    {"+u:a.example", "", "u:spiffe://a.example/x", true},
	    {"+u:a.example", "", "u:spiffe://a.example", true},
	    {"+u:a.example", "", "u:https://me@a.example:99?x", true},
	    {"+u:a.example", "", "u:https://a.example#x", true},
	    {"+u:a.example", "", "u:https://b.example/a.example", false},
	    {"+u:a.example", "", "u:https://a.example@b.example", false},
	    {"+u:a.example", "", "u:https://x.a.example", false},
	    {"+u:.a.example", "", "u:https://x.a.example", true},
	    {"+u:.a.example", "", "u:https://b.example.a", false},
	    {"+u:a.example", "", "u:https:///x", false},
	    {"+u:a.example", "", "u:urn:a.example", false},
	    {"-u:a.example", "", "u:urn:a.example", false},
	    {"+u:a.example", "", "u:https://[::1]/", false},
	    {"-u:a.example", "", "u:https://[::1]/", false},
	    {"-u:a.example", "", "u:https://b.example/", true},
	    /* IP: address and mask */
	    {"+i:0a000000ff000000", "", "i:0a010203", true},
	    {"+i:0a000000ff000000", "", "i:0b010203", false},
	    {"+i:0a0000ffff000000", "", "i:0a010203", true},
	    {"-i:0a000000ff000000", "", "i:0a010203", false},
	    {"-i:0a000000ff000000", "", "i:0b010203", true},
	    {"+i:0a000000ff000000", "", "i:0a01020304050607", false},
	    {"+i:0a000000ff0000", "", "i:0a010203", false},
	    {"-i:0a000000ff0000", "", "i:0b010203", false},
	    {"+i:fd000000000000000000000000000000"
	     "ff000000000000000000000000000000",
	     "", "i:fd000000000000000000000000000001", true},
	    {"+i:fd000000000000000000000000000000"
	     "ff000000000000000000000000000000",
	     "", "i:0a010203", false},
	    /* subjects */
	    {"+n:O=Bell", "O=Bell/CN=x", "", true},
	    {"+n:O=Bell", "O=Bell", "", true},
	    {"+n:O=Bell", "", "", true},
	    {"+n:O=Bell", "CN=x/O=Bell", "", false},
	    {"+n:O=Bell", "O=Bel/CN=x", "", false},
	    {"+n:O=Bell/CN=y", "O=Bell", "", false},
	    {"+n:O=Bell", "CN=Bell", "", false},
	    {"+n:", "O=Bell", "", true},
	    {"+n:O=Bell  Ltd", "O= BELL Ltd /CN=x", "", true},
	    {"+n:O=Bell Ltd", "O=BellLtd/CN=x", "", false},
	    {"+n:O=Bell", "O=Bell+CN=x", "", false},
	    {"+n:O=Bell+CN=x", "O=Bell+CN=x", "", true},
	    {"-n:O=Bell", "O=bELL/CN=x", "", false},
	    {"-n:O=Bell", "O=Other/CN=x", "", true},
	    {"+n:O=Bell", "O=Bell", "n:O=Bell/CN=y", true},
	    {"+n:O=Bell", "O=Bell", "n:O=Other", false},
	    /* text in a form of which nobody knows when it is alike */
	    {"+n:CN=x", "T=x", "", false},
	    {"-n:CN=y", "T=x", "", false},
	    /* what is not understood */
	    {"+r:1", "CN=x", "", false},
	    {"-r:1", "CN=x", "", false},
	    {"+md:a.example", "", "d:a.example", false},
	    {"-md:b.example", "", "d:a.example", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		static struct made m;
		make(&m, table[i].limits, table[i].subject,
		     table[i].alternatives);
		CHECK(within(&m) == table[i].within, "row %zu: %s for %s, %s",
		      i, table[i].limits, table[i].subject,
		      table[i].alternatives);
	}
}

/* Who shows names gets in by none that is cut; and nothing is read beyond. */
static void refuses_every_cut(void **state)
{
	static struct made m;
	(void)state;
	make(&m, "+d:a.example,+n:O=Bell,-i:0a000000ff000000,-e:b.example",
	     "O=Bell/CN=x.a.example/e=x@c.example",
	     "d:x.a.example,i:0b010203,e:x@a.example,n:O=Bell,u:a://b");
	assert_true(within(&m));
	struct span *part[] = {&m.limits, &m.names.subject,
			       &m.names.alternatives};
	for (size_t p = 0; p < COUNT(part); p++) {
		struct span whole = *part[p];
		for (size_t n = 0; n < whole.n; n++) {
			char *copy = malloc(n + 1);
			memcpy(copy, whole.p, n);
			*part[p] = (struct span){copy, n};
			/* a list may end behind any of its elements */
			if (within(&m))
				CHECK(p != 1, "cut at %zu", n);
			free(copy);
		}
		*part[p] = whole;
	}
}

/* Any byte changed: no harm; the sanitizers look on. */
static void survives_every_byte(void **state)
{
	static struct made m;
	(void)state;
	make(&m, "+d:a.example,+n:O=Bell+CN=x,-i:0a000000ff000000,-e:b.example",
	     "O=Bell+CN=x/e=x@c.example",
	     "d:x.a.example,i:0b010203,e:x@a.example,n:O=Bell+CN=x,u:a://b");
	struct span part[] = {m.limits, m.names.subject, m.names.alternatives};
	for (size_t p = 0; p < COUNT(part); p++)
		for (size_t i = 0; i < part[p].n; i++)
			for (unsigned change = 1; change < 256; change++) {
				m.bytes[p][i] ^= (char)change;
				within(&m);
				m.bytes[p][i] ^= (char)change;
			}
	assert_true(within(&m));
}

static void counts(void **state)
{
	static struct made m;
	unsigned left = 7;
	(void)state;
	/* three names, two limits each, and one for the subject */
	make(&m, "+d:a,-d:b", "CN=x", "d:a,d:c.a,d:d.a");
	assert_false(names_within(m.limits, &m.names, &left));
	assert_int_equal(left, 0);
	left = 9;
	assert_true(names_within(m.limits, &m.names, &left));
	assert_int_equal(left, 1);
	/* and when they end among those that are permitted */
	left = 1;
	make(&m, "+d:b,+d:a", "", "d:a");
	assert_false(names_within(m.limits, &m.names, &left));
	assert_int_equal(left, 0);
	/* none are needed where nothing is limited */
	left = 0;
	assert_true(names_within(SPAN_NONE, &m.names, &left));
}

static void asks_for_a_subject(void **state)
{
	static struct made m;
	(void)state;
	make(&m, "+d:a.example", "", "");
	assert_true(within(&m));
	m.names.subject = SPAN("\x31\x00");
	assert_false(within(&m));
}

static void only_a_leaf_has_a_common_name(void **state)
{
	static struct made m;
	(void)state;
	make(&m, "+d:a.example", "CN=b.example", "");
	assert_false(within(&m));
	m.names.leaf = false;
	assert_true(within(&m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judges),
	    cmocka_unit_test(refuses_every_cut),
	    cmocka_unit_test(survives_every_byte),
	    cmocka_unit_test(counts),
	    cmocka_unit_test(asks_for_a_subject),
	    cmocka_unit_test(only_a_leaf_has_a_common_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
