/* test_address.c - address.h: addresses to listen on, and ranges of them. */
#include "check.h"

#include "base/address.h"

#include <arpa/inet.h>

static void refuses_addresses(void **state)
{
	static const char *const table[] = {
	    "",
	    ":",
	    "5000",
	    "1.2.3.4",
	    "1.2.3.4:",
	    "1.2.3.4:x",
	    "1.2.3.4:-1",
	    "1.2.3.4:+1",
	    "1.2.3.4: 1",
	    "1.2.3.4:65536",
	    "1.2.3.4:99999999999",
	    ":65536",
	    "1.2.3:1",
	    "1.2.3.4.5:1",
	    "1.2.3.256:1",
	    "1.2.3.04:1",
	    "1..3.4:1",
	    ".1.2.3.4:1",
	    "1.2.3.4.:1",
	    "0x1.2.3.4:1",
	    "1.2.3.4 :1",
	    " 1.2.3.4:1",
	    "example.org:1",
	    "Localhost:1",
	    "*:1",
	    "::1:1",
	    "[]:1",
	    "[:1",
	    "]:1",
	    "[::1]",
	    "[::1]:",
	    "[::1]1",
	    "[::1:1",
	    "::1]:1",
	    "[[::1]]:1",
	    "[1.2.3.4]:1",
	    "[:::]:1",
	    "[::1::]:1",
	    "[1:2:3:4:5:6:7]:1",
	    "[1:2:3:4:5:6:7:8:9]:1",
	    "[1:2:3:4:5:6:7:8::]:1",
	    "[::1:2:3:4:5:6:7:8]:1",
	    "[1::2:3:4:5:6:7:8]:1",
	    "[1:2:3:4:5:6:7:]:1",
	    "[:1:2:3:4:5:6:7]:1",
	    "[::12345]:1",
	    "[::g]:1",
	    "[::1%1]:1",
	    "[::1%eth0]:1",
	    "[::1 ]:1",
	    "[::-1]:1",
	    "[::1.2.3]:1",
	    "[::1.2.3.4.5]:1",
	    "[::1.2.3.256]:1",
	    "[::1.2.3.4:5]:1",
	    "[1.2.3.4::]:1",
	    "[1.2.3.4::1]:1",
	    "[1:2:3:4:5:6:7:1.2.3.4]:1",
	    "[1:2:3:4:5:1.2.3.4]:1",
	    "[1.2.3.4:1:2:3:4:5:6]:1",
	    "unix:",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct address a;
		char *copy = copy_of(span_of(table[i]));
		CHECK(!address_read((struct span){copy, strlen(table[i])}, &a),
		      "row %zu: %s was taken", i, table[i]);
		free(copy);
	}
}

static void reads_addresses(void **state)
{
	static const struct {
		const char *text, *again; /* NULL: the same */
		enum address_family family;
		uint16_t port;
	} table[] = {
	    {"127.0.0.1:5000", NULL, ADDRESS_INET, 5000},
	    {"0.0.0.0:0", NULL, ADDRESS_INET, 0},
	    {"255.255.255.255:65535", NULL, ADDRESS_INET, 65535},
	    {"localhost:80", "127.0.0.1:80", ADDRESS_INET, 80},
	    {"1.2.3.4:0080", "1.2.3.4:80", ADDRESS_INET, 80},
	    {":5000", NULL, ADDRESS_ANY, 5000},
	    {":0", NULL, ADDRESS_ANY, 0},
	    {"[::]:1", NULL, ADDRESS_INET6, 1},
	    {"[::1]:1", NULL, ADDRESS_INET6, 1},
	    {"[1::]:1", NULL, ADDRESS_INET6, 1},
	    {"[2001:DB8::00aB]:1", "[2001:db8::ab]:1", ADDRESS_INET6, 1},
	    {"[1:2:3:4:5:6:7:8]:1", NULL, ADDRESS_INET6, 1},
	    {"[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1", ADDRESS_INET6, 1},
	    {"[::2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1", ADDRESS_INET6, 1},
	    {"[1:0:0:4:0:0:0:8]:1", "[1:0:0:4::8]:1", ADDRESS_INET6, 1},
	    {"[1:0:0:4:5:0:0:8]:1", "[1::4:5:0:0:8]:1", ADDRESS_INET6, 1},
	    {"[0:0:0:0:0:0:0:0]:1", "[::]:1", ADDRESS_INET6, 1},
	    {"[1:2:3:4:5:6:0:0]:1", "[1:2:3:4:5:6::]:1", ADDRESS_INET6, 1},
	    {"[::ffff:1.2.3.4]:1", "[::ffff:102:304]:1", ADDRESS_INET6, 1},
	    {"[1:2:3:4:5:6:1.2.3.4]:1", "[1:2:3:4:5:6:102:304]:1",
	     ADDRESS_INET6, 1},
	    {"[::1.2.3.4]:1", "[::102:304]:1", ADDRESS_INET6, 1},
	    {"unix:/run/b.sock", NULL, ADDRESS_UNIX, 0},
	    {"unix:b:1", NULL, ADDRESS_UNIX, 0},
	    {"unix:a\nb", "unix:a\\nb", ADDRESS_UNIX, 0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct address a;
		struct span s = span_of(table[i].text);
		char bytes[256];
		struct buf b = buf_of(bytes, sizeof bytes);
		char *copy = copy_of(s);
		CHECK(address_read((struct span){copy, s.n}, &a), "%s", s.p);
		free(copy);
		CHECK(a.family == table[i].family, "%s: family", s.p);
		CHECK(a.port == table[i].port, "%s: port", s.p);
		address_put(&b, &a);
		CHECK_SPAN(buf_span(&b),
			   table[i].again ? span_of(table[i].again) : s, "%s",
			   s.p);
	}
}

/* A path fits with its zero, or is refused. */
static void holds_the_path_length(void **state)
{
	(void)state;
	for (size_t n = 106; n <= 109; n++) {
		struct address a;
		char text[128] = "unix:";
		memset(text + 5, 'x', n);
		bool fits = n < sizeof a.path;
		CHECK(address_read((struct span){text, n + 5}, &a) == fits,
		      "%zu bytes", n);
		CHECK(!fits || strlen(a.path) == n, "%zu bytes", n);
	}
}

/* Any IPv6 address, as the C library reads and writes it. */
static void agrees_with_libc(void **state)
{
	uint64_t seed = 3;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct address a = {.family = ADDRESS_INET6}, again;
		char libc[64], bytes[64], want[80];
		uint64_t zeros = next_number(&seed);
		for (size_t i = 0; i < 16; i++)
			a.ip[i] = zeros >> (i / 2) & 1
				      ? (unsigned char)next_number(&seed)
				      : 0;
		/* libc writes the last 32 bits of some as an IPv4 address */
		a.ip[0] |= 0x20;
		assert_non_null(inet_ntop(AF_INET6, a.ip, libc, sizeof libc));
		snprintf(want, sizeof want, "[%s]:0", libc);
		struct buf b = buf_of(bytes, sizeof bytes);
		address_put(&b, &a);
		CHECK_SPAN(buf_span(&b), span_of(want), "written");
		assert_true(address_read(buf_span(&b), &again));
		CHECK(memcmp(a.ip, again.ip, 16) == 0, "%s", want);
	}
}

/* Every short text of these characters is an IPv6 address for both or none. */
static void refuses_as_libc_does(void **state)
{
	static const char *const parts[] = {
	    ":", "1", "::", "f", "1.2.3.4", "0"};
	(void)state;
	for (unsigned v = 0; v < 6 * 6 * 6 * 6 * 6 * 6 * 6; v++) {
		char text[80] = "", whole[96];
		unsigned char ip[16];
		struct address a;
		for (unsigned rest = v; rest; rest /= 6)
			strcat(text, parts[rest % 6]);
		snprintf(whole, sizeof whole, "[%s]:1", text);
		bool libc = inet_pton(AF_INET6, text, ip) == 1;
		CHECK(address_read(span_of(whole), &a) == libc, "%s", whole);
		CHECK(!libc || memcmp(a.ip, ip, 16) == 0, "%s", whole);
	}
}

static void refuses_ranges(void **state)
{
	static const char *const table[] = {
	    "",
	    "/",
	    "/8",
	    "10.0.0.0/",
	    "10.0.0.0/33",
	    "10.0.0.0/-1",
	    "10.0.0.0/8/8",
	    "10.0.0.0/ 8",
	    "10.0.0/8",
	    "::/129",
	    "::/x",
	    "[::1]",
	    "[::]/8",
	    "localhost",
	    "unix:/a",
	    "10.0.0.0:80",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct range r;
		CHECK(!address_read_range(span_of(table[i]), &r), "%s",
		      table[i]);
	}
}

static void finds_ranges(void **state)
{
	static const struct {
		const char *range, *address;
		bool in;
	} table[] = {
	    {"10.0.0.0/8", "11.0.0.1:1", false},
	    {"10.0.0.0/8", "10.255.255.255:1", true},
	    {"10.0.0.0/9", "10.128.0.0:1", false},
	    {"10.0.0.0/9", "10.127.255.255:1", true},
	    {"10.1.2.3", "10.1.2.3:1", true},
	    {"10.1.2.3/32", "10.1.2.2:1", false},
	    {"10.1.2.2/31", "10.1.2.3:1", true},
	    {"0.0.0.0/0", "255.1.2.3:1", true},
	    {"0.0.0.0/0", "[::1]:1", false},
	    {"::/0", "1.2.3.4:1", false},
	    {"::/0", "[ffff::]:1", true},
	    {"::1", "[::1]:1", true},
	    {"::1", "[::2]:1", false},
	    {"2001:db8::/33", "[2001:db8:7fff::]:1", true},
	    {"2001:db8::/33", "[2001:db8:8000::]:1", false},
	    {"2001:db8::/127", "[2001:db8::1]:1", true},
	    {"2001:db8::/127", "[2001:db8::2]:1", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct range r;
		struct address a;
		CHECK(address_read_range(span_of(table[i].range), &r),
		      "row %zu: %s", i, table[i].range);
		assert_true(address_read(span_of(table[i].address), &a));
		CHECK(address_in_range(&a, &r) == table[i].in, "row %zu: %s", i,
		      table[i].address);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_addresses),
	    cmocka_unit_test(reads_addresses),
	    cmocka_unit_test(holds_the_path_length),
	    cmocka_unit_test(agrees_with_libc),
	    cmocka_unit_test(refuses_as_libc_does),
	    cmocka_unit_test(refuses_ranges),
	    cmocka_unit_test(finds_ranges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
