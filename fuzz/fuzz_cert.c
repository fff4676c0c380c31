/* fuzz_cert.c - a client's certificate: whatever stands there, nothing outside
 * of it is read, its own names are its names, and a longer file reads alike. */
#include "facts/limits.h"
#include "tls/cert.h"
#include "tls/names.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct span s, const uint8_t *data, size_t size)
{
	const char *begin = (const char *)data;
	ASSERT(s.p == NULL || (s.p >= begin && s.p + s.n <= begin + size));
}

/* Its own limits for its own names, whatever they are: an end that does not
 * depend on how much is left to be compared, as long as that is enough. */
static void check_limits(const struct cert *c)
{
	const struct names names = {c->subject, c->alternatives, true};
	unsigned few = LIMIT_TLS_NAME_CHECKS, many = few * 2, none = 0;
	bool within = names_within(c->limits, &names, &few);
	ASSERT(names_within(SPAN_NONE, &names, &none));
	ASSERT(few <= LIMIT_TLS_NAME_CHECKS);
	ASSERT(few == 0 || names_within(c->limits, &names, &many) == within);
	ASSERT(few != 0 || !within);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cert c, again;
	struct span der = {(const char *)data, size};
	bool good = cert_read(der, &c);
	int64_t start_s = cert_start_s(der);
	check_within(c.common_name, data, size);
	check_within(c.alternatives, data, size);
	check_within(c.issuer, data, size);
	check_within(c.subject, data, size);
	check_within(c.limits, data, size);
	ASSERT(c.has_usages || !c.for_clients);
	ASSERT(cert_is_for_clients(&c) == (!c.has_usages || c.for_clients));
	ASSERT(!c.common_name.p || cert_has_name(&c, c.common_name));
	ASSERT(!cert_has_name(&c, SPAN("a name that is in no file here")));
	if (!good)
		return 0;
	check_limits(&c);
	/* what follows a certificate is none of it */
	char *longer = malloc(size + 4);
	memcpy(longer, data, size);
	memcpy(longer + size, "\x30\x82\xff\xff", 4);
	ASSERT(cert_read((struct span){longer, size + 4}, &again));
	ASSERT(again.has_usages == c.has_usages &&
	       again.for_clients == c.for_clients &&
	       again.for_servers == c.for_servers &&
	       again.path_length == c.path_length);
	ASSERT(span_eq(again.limits, c.limits));
	ASSERT(span_eq(again.common_name, c.common_name));
	ASSERT(span_eq(again.alternatives, c.alternatives));
	ASSERT(cert_start_s((struct span){longer, size + 4}) == start_s);
	free(longer);
	return 0;
}
