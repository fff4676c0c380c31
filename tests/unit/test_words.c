/* test_words.c - what text.h says of bytes at once: words.c, and aligned.c for
 * the machines that have it in its place. */
#include "check.h"

size_t aligned_lowest_byte(size_t w);
void aligned_span_copy(char *to, struct span s);
#define lowest_byte aligned_lowest_byte
#define span_copy aligned_span_copy
#include "base/aligned.c"
#undef lowest_byte
#undef span_copy

size_t words_lowest_byte(size_t w);
void words_span_copy(char *to, struct span s);
#define lowest_byte words_lowest_byte
#define span_copy words_span_copy
#include "base/words.c"
#undef lowest_byte
#undef span_copy

static const struct {
	size_t (*lowest_byte)(size_t w);
	void (*span_copy)(char *to, struct span s);
	const char *name;
} files[] = {{words_lowest_byte, words_span_copy, "words.c"},
	     {aligned_lowest_byte, aligned_span_copy, "aligned.c"},
	     {lowest_byte, span_copy, "the one that is linked"}};

/* Of every length up to where bytes are taken otherwise, from and to every
 * place in a word, each in memory of its own that ends behind it. */
static void copies_all_lengths(void **state)
{
	char bytes[1100];
	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 7 % 251);
	for (size_t n = 0; n <= sizeof bytes; n += n < 70 ? 1 : 33) {
		for (size_t from = 0; from < WORD; from++) {
			char *a = copy_of((struct span){bytes, from + n});
			for (size_t f = 0; f < COUNT(files); f++) {
				size_t to = n * 3 % WORD;
				char *b = calloc(1, to + n + 1);
				files[f].span_copy(b + to,
						   (struct span){a + from, n});
				CHECK(memcmp(b + to, bytes + from, n) == 0,
				      "%s: %zu bytes from %zu to %zu",
				      files[f].name, n, from, to);
				CHECK(b[to + n] == 0, "%s: behind %zu bytes",
				      files[f].name, n);
				free(b);
			}
			free(a);
		}
	}
}

static void finds_the_lowest_byte(void **state)
{
	uint64_t seed = 7;
	(void)state;
	for (size_t bit = 0; bit < 8 * WORD; bit++) {
		for (int round = 0; round < 100; round++) {
			size_t higher = (size_t)next_number(&seed);
			size_t w = ((higher << 1) | 1) << bit;
			for (size_t f = 0; f < COUNT(files); f++)
				CHECK(files[f].lowest_byte(w) == bit / 8,
				      "%s: %zx", files[f].name, w);
		}
	}
}

static void copies_words(void **state)
{
	char from[2 * WORD], to[2 * WORD];
	(void)state;
	for (size_t i = 0; i < sizeof from; i++)
		from[i] = (char)(200 + i);
	for (size_t a = 0; a < WORD; a++) {
		for (size_t b = 0; b < WORD; b++) {
			memset(to, 0, sizeof to);
			copy_word(to + b, from + a);
			assert_memory_equal(to + b, from + a, WORD);
			CHECK(b == 0 || to[b - 1] == 0, "before");
			CHECK(to[b + WORD] == 0, "behind");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(copies_all_lengths),
	    cmocka_unit_test(finds_the_lowest_byte),
	    cmocka_unit_test(copies_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
