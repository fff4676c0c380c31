/* test_text.c - text.h and status.h: spans, bounded writing, numbers, UTF-8,
 * escapes and times. */
#include "base/time.h"
#include "check.h"

#include "facts/status.h"

#include <time.h>

static void compares_spans(void **state)
{
	static const struct {
		struct span a, b;
		bool eq, ieq, starts;
	} table[] = {
	    {SPAN("a"), SPAN("b"), false, false, false},
	    {SPAN("a"), SPAN("ab"), false, false, false},
	    {SPAN("ab"), SPAN("a"), false, false, true},
	    {SPAN("a"), SPAN("A"), false, true, false},
	    {SPAN("[a@"), SPAN("{A`"), false, false, false},
	    {SPAN("\xc3\xa4"), SPAN("\xc3\x84"), false, false, false},
	    {SPAN("aZ9-"), SPAN("Az9-"), false, true, false},
	    {SPAN("a\0b"), SPAN("a\0c"), false, false, false},
	    {SPAN("a\0b"), SPAN("a\0b"), true, true, true},
	    {SPAN(""), SPAN(""), true, true, true},
	    {SPAN("a"), SPAN(""), false, false, true},
	    {SPAN_NONE, SPAN(""), true, true, true},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		CHECK(span_eq(table[i].a, table[i].b) == table[i].eq, "row %zu",
		      i);
		CHECK(span_ieq(table[i].a, table[i].b) == table[i].ieq,
		      "row %zu", i);
		CHECK(span_starts(table[i].a, table[i].b) == table[i].starts,
		      "row %zu", i);
	}
}

/* Of every length up to where bytes are taken otherwise: equal, and with each
 * byte another one; each in memory of its own that ends behind it. */
static void compares_all_lengths(void **state)
{
	char bytes[1100];
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 7 % 251);
	for (size_t n = 0; n <= sizeof bytes; n += n < 70 ? 1 : 33) {
		struct span s = {bytes, n};
		char *a = copy_of(s), *b = copy_of(s);
		CHECK(span_eq((struct span){a, n}, (struct span){b, n}), "%zu",
		      n);
		for (size_t i = 0; i < n; i++) {
			b[i] ^= 1;
			CHECK(
			    !span_eq((struct span){a, n}, (struct span){b, n}),
			    "%zu bytes, other at %zu", n, i);
			b[i] ^= 1;
		}
		free(a);
		free(b);
	}
}

static void splits(void **state)
{
	static const struct {
		struct span s;
		const char *parts[4];
	} table[] = {
	    {SPAN_NONE, {NULL}},           {SPAN(""), {"", NULL}},
	    {SPAN("a"), {"a", NULL}},      {SPAN("a,b"), {"a", "b", NULL}},
	    {SPAN(","), {"", "", NULL}},   {SPAN("a,,b"), {"a", "", "b", NULL}},
	    {SPAN("a,"), {"a", "", NULL}}, {SPAN(",a"), {"", "a", NULL}},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct span s = table[i].s, part;
		size_t n = 0;
		while (span_split(&s, ',', &part)) {
			CHECK(table[i].parts[n], "row %zu: too many", i);
			CHECK_SPAN(part, span_of(table[i].parts[n]),
				   "row %zu, part %zu", i, n);
			n++;
		}
		CHECK(table[i].parts[n] == NULL, "row %zu: too few", i);
	}
}

static void trims(void **state)
{
	static const struct {
		struct span s, trimmed;
	} table[] = {
	    {SPAN(""), SPAN("")},
	    {SPAN(" \t "), SPAN("")},
	    {SPAN("a b"), SPAN("a b")},
	    {SPAN(" \ta\t b\t "), SPAN("a\t b")},
	    {SPAN("\na\r"), SPAN("\na\r")},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		CHECK_SPAN(span_trim(table[i].s), table[i].trimmed, "row %zu",
			   i);
	CHECK_SPAN(span_skip(SPAN("abc"), 2), SPAN("c"), "skip");
	CHECK_SPAN(span_skip(SPAN("abc"), 3), SPAN(""), "skip all");
}

static void reads_numbers(void **state)
{
	static const struct {
		struct span s;
		bool good;
		uint64_t v;
	} table[] = {
	    {SPAN(""), false, 0},
	    {SPAN_NONE, false, 0},
	    {SPAN("-1"), false, 0},
	    {SPAN("+1"), false, 0},
	    {SPAN(" 1"), false, 0},
	    {SPAN("1 "), false, 0},
	    {SPAN("1a"), false, 0},
	    {SPAN("0x1"), false, 0},
	    {SPAN("1\0"), false, 0},
	    {SPAN("18446744073709551616"), false, 0},
	    {SPAN("99999999999999999999"), false, 0},
	    {SPAN("184467440737095516150"), false, 0},
	    {SPAN("0"), true, 0},
	    {SPAN("007"), true, 7},
	    {SPAN("18446744073709551615"), true, UINT64_MAX},
	    {SPAN("0000000000000000000000001"), true, 1},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		uint64_t v = 42;
		CHECK(span_u64(table[i].s, &v) == table[i].good, "row %zu", i);
		CHECK(v == (table[i].good ? table[i].v : 42), "row %zu", i);
	}
	for (int c = 0; c < 256; c++) {
		static const char digits[] = "0123456789abcdef";
		const char *p =
		    c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c)
		      : NULL;
		CHECK(hex_digit((char)c) == (p ? (int)(p - digits) : -1), "%d",
		      c);
	}
}

static void writes_within_bounds(void **state)
{
	static const char whole[] = "ab\xc3\xa4-7fff0042-9223372036854775808"
				    "18446744073709551615";
	(void)state;
	for (size_t cap = 0; cap <= sizeof whole; cap++) {
		char *memory = malloc(cap + 1);
		memory[cap] = '!';
		struct buf b = buf_of(memory, cap);
		buf_char(&b, 'a');
		buf_put(&b, SPAN("b"));
		buf_utf8(&b, 0xe4);
		buf_str(&b, "-");
		buf_padded(&b, 0x7fff, 16, 1);
		buf_padded(&b, 42, 10, 4);
		buf_i64(&b, INT64_MIN);
		buf_u64(&b, UINT64_MAX);
		CHECK(b.n <= cap, "cap %zu", cap);
		CHECK(b.cut == (cap < sizeof whole - 1), "cap %zu", cap);
		CHECK(memory[cap] == '!', "cap %zu: written beyond", cap);
		/* a character is written whole or not at all */
		if (cap != 3)
			CHECK(memcmp(memory, whole, b.n) == 0, "cap %zu", cap);
		else
			CHECK(memcmp(memory, "ab-", 3) == 0, "cap 3");
		free(memory);
	}
}

static void pads(void **state)
{
	static const struct {
		uint64_t v;
		unsigned base, width;
		const char *text;
	} table[] = {
	    {0, 10, 0, "0"},
	    {0, 10, 1, "0"},
	    {7, 10, 3, "007"},
	    {1234, 10, 3, "1234"},
	    {0xabc, 16, 4, "0abc"},
	    {UINT64_MAX, 16, 1, "ffffffffffffffff"},
	    {UINT64_MAX, 10, 22, "0018446744073709551615"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[32];
		struct buf b = buf_of(bytes, sizeof bytes);
		buf_padded(&b, table[i].v, table[i].base, table[i].width);
		CHECK_SPAN(buf_span(&b), span_of(table[i].text), "row %zu", i);
	}
}

/* Every code point there and back. */
static void writes_and_reads_utf8(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		char bytes[4];
		uint32_t got;
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		struct buf b = buf_of(bytes, sizeof bytes);
		buf_utf8(&b, c);
		struct span s = buf_span(&b);
		size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		CHECK(s.n == n && utf8_take(&s, &got) && got == c && s.n == 0,
		      "U+%04x", c);
	}
}

static void refuses_bad_utf8(void **state)
{
	static const struct span table[] = {
	    SPAN("\x80"),
	    SPAN("\xbf"),
	    SPAN("\xc0\x80"),
	    SPAN("\xc1\xbf"),
	    SPAN("\xc2"),
	    SPAN("\xc2\x41"),
	    SPAN("\xc2\xc2"),
	    SPAN("\xe0\x9f\xbf"),
	    SPAN("\xe2\x82"),
	    SPAN("\xe2\x28\xa1"),
	    SPAN("\xed\xa0\x80"),
	    SPAN("\xed\xbf\xbf"),
	    SPAN("\xf0\x8f\xbf\xbf"),
	    SPAN("\xf0\x9f\x98"),
	    SPAN("\xf4\x90\x80\x80"),
	    SPAN("\xf5\x80\x80\x80"),
	    SPAN("\xff\xff\xff\xff"),
	    SPAN("\xf0\x9f\x98\x41"),
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char *copy = copy_of(table[i]);
		struct span s = {copy, table[i].n};
		uint32_t c;
		CHECK(!utf8_take(&s, &c), "row %zu: taken", i);
		CHECK(s.n == table[i].n - 1, "row %zu: %zu bytes left", i, s.n);
		free(copy);
	}
}

/* Unicode's Bidi_Control and the line and paragraph separators. */
static void knows_what_is_unsafe(void **state)
{
	static const uint32_t listed[] = {
	    0x61c,  0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b,
	    0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069,
	};
	(void)state;
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		bool unsafe = c < 0x20 || (c >= 0x7f && c < 0xa0);
		for (size_t i = 0; i < COUNT(listed); i++)
			unsafe = unsafe || c == listed[i];
		CHECK(text_is_unsafe(c) == unsafe, "U+%04x", c);
	}
}

static void shows_text(void **state)
{
	static const struct {
		struct span s;
		size_t max;
		const char *shown, *quoted;
	} table[] = {
	    {SPAN(""), 9, "", "\"\""},
	    {SPAN("a\"b\\c"), 99, "a\"b\\c", "\"a\\\"b\\\\c\""},
	    {SPAN("\n\r\t\b\0\x1b\x7f"), 99, "\\n\\r\\t\\x08\\x00\\x1b\\x7f",
	     "\"\\n\\r\\t\\x08\\x00\\x1b\\x7f\""},
	    {SPAN("\xc2\x85\xe2\x80\xae\xd8\x9c"), 99, "\\x85\\u202e\\u061c",
	     "\"\\x85\\u202e\\u061c\""},
	    {SPAN("\xc3\xa4\xf0\x9f\x98\x80"), 99, "\xc3\xa4\xf0\x9f\x98\x80",
	     "\"\xc3\xa4\xf0\x9f\x98\x80\""},
	    {SPAN("a\xff\xc3"), 99, "a\\xff\\xc3", "\"a\\xff\\xc3\""},
	    {SPAN("\xed\xa0\x80"), 99, "\\xed\\xa0\\x80",
	     "\"\\xed\\xa0\\x80\""},
	    {SPAN("abcdef"), 6, "abcdef", "\"abcdef\""},
	    {SPAN("abcdef"), 5, "abcde\xe2\x80\xa6", "\"abcde\xe2\x80\xa6\""},
	    {SPAN("abcdef"), 0, "\xe2\x80\xa6", "\"\xe2\x80\xa6\""},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[64];
		struct buf b = buf_of(bytes, sizeof bytes);
		text_show(&b, table[i].s, table[i].max);
		CHECK_SPAN(buf_span(&b), span_of(table[i].shown), "row %zu", i);
		b.n = 0;
		text_quote(&b, table[i].s, table[i].max);
		CHECK_SPAN(buf_span(&b), span_of(table[i].quoted), "row %zu",
			   i);
	}
}

/* Against the C library, from 1600 to 9999. */
static void writes_times(void **state)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint64_t seed = 7;
	(void)state;
	for (int64_t t = -11676096000; t < 253402300800;
	     t += 1 + (int64_t)(next_number(&seed) % 5000000)) {
		time_t libc = (time_t)t;
		struct tm tm;
		char bytes[64], want[64];
		struct buf b = buf_of(bytes, sizeof bytes);
		assert_non_null(gmtime_r(&libc, &tm));
		strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm);
		time_put_utc(&b, t);
		CHECK_SPAN(buf_span(&b), span_of(want), "%lld", (long long)t);
		snprintf(want, sizeof want,
			 "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
			 days + 3 * tm.tm_wday, tm.tm_mday,
			 months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour,
			 tm.tm_min, tm.tm_sec);
		b.n = 0;
		time_put_http_date(&b, t);
		CHECK_SPAN(buf_span(&b), span_of(want), "%lld", (long long)t);
	}
}

static void writes_known_times(void **state)
{
	static const struct {
		int64_t t;
		const char *text, *http;
	} table[] = {
	    {0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
	    {-1, "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
	    {-62167219200, "0000-01-01T00:00:00Z",
	     "Sat, 01 Jan 0000 00:00:00 GMT"},
	    {951782400, "2000-02-29T00:00:00Z",
	     "Tue, 29 Feb 2000 00:00:00 GMT"},
	    {1795485352, "2026-11-24T01:55:52Z",
	     "Tue, 24 Nov 2026 01:55:52 GMT"},
	    {4107542399, "2100-02-28T23:59:59Z",
	     "Sun, 28 Feb 2100 23:59:59 GMT"},
	    {4107542400, "2100-03-01T00:00:00Z",
	     "Mon, 01 Mar 2100 00:00:00 GMT"},
	    {-62167219200, "0000-01-01T00:00:00Z",
	     "Sat, 01 Jan 0000 00:00:00 GMT"},
	    {-62167219201, "0000-12-31T23:59:59Z",
	     "Fri, 31 Dec 0000 23:59:59 GMT"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[64];
		struct buf b = buf_of(bytes, sizeof bytes);
		time_put_utc(&b, table[i].t);
		CHECK_SPAN(buf_span(&b), span_of(table[i].text), "row %zu", i);
		b.n = 0;
		time_put_http_date(&b, table[i].t);
		CHECK_SPAN(buf_span(&b), span_of(table[i].http), "row %zu", i);
	}
}

/* 4xx and 5xx each say why; whoever gets an answer gets a phrase. */
static void knows_statuses(void **state)
{
	(void)state;
	for (enum status s = 0; s < STATUS_COUNT; s++) {
		const struct status_info *i = status_info(s);
		CHECK(i->text[0], "status %u: no text", (unsigned)s);
		CHECK(strchr(i->text, '\n') == NULL, "status %u", (unsigned)s);
		CHECK(s == STATUS_OK || i->label[0], "status %u: no label",
		      (unsigned)s);
		/* of RFC 9110 15, but for what is never answered */
		CHECK(i->code == 0 || (i->code >= 200 && i->code < 600),
		      "status %u: code %u", (unsigned)s, i->code);
		CHECK(i->code == 0 || status_phrase(i->code)[0],
		      "code %u: no phrase", i->code);
	}
	assert_string_equal(status_phrase(299), "");
	assert_string_equal(status_phrase(404), "Not Found");
	assert_int_equal(status_info(STATUS_NOT_SAFE)->code, 503);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(compares_spans),
	    cmocka_unit_test(compares_all_lengths),
	    cmocka_unit_test(splits),
	    cmocka_unit_test(trims),
	    cmocka_unit_test(reads_numbers),
	    cmocka_unit_test(writes_within_bounds),
	    cmocka_unit_test(pads),
	    cmocka_unit_test(writes_and_reads_utf8),
	    cmocka_unit_test(refuses_bad_utf8),
	    cmocka_unit_test(knows_what_is_unsafe),
	    cmocka_unit_test(shows_text),
	    cmocka_unit_test(writes_times),
	    cmocka_unit_test(writes_known_times),
	    cmocka_unit_test(knows_statuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
