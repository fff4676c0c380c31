/*
 * jsmn.c - jsmn's code, with a fast way over the plain bytes of strings.
 * Strict, since the rest is not JSON; with parent links, since the search for
 * them is quadratic otherwise.
 */
#include "json.h"

static inline unsigned plain(const char *p, size_t n)
{
	return (unsigned)json_plain((struct span){p, n});
}

#define JSMN_PLAIN plain
#include <jsmn.h>
