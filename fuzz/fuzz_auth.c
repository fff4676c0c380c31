/* fuzz_auth.c - a file of tokens, one of passwords and what a client sent, with
 * a zero byte between them. Nobody is let in without a credential, and the
 * scheme's case and blanks at the end do not matter. */
#include "auth.h"

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
