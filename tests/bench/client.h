/* client.h - what programs that play a client have in common. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct text {
	char *p;
	size_t n;
};

static inline void fail(const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, why,
		strerror(errno));
	exit(1);
}

static inline uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* All of a file, and a zero behind it. */
static inline struct text read_file(const char *name)
{
	FILE *f = fopen(name, "rb");
	if (!f || fseek(f, 0, SEEK_END))
		fail(name);
	struct text t = {.n = (size_t)ftell(f)};
	rewind(f);
	t.p = malloc(t.n + 1);
	if (!t.p || fread(t.p, 1, t.n, f) != t.n)
		fail(name);
	fclose(f);
	t.p[t.n] = 0;
	return t;
}

static inline struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

#endif
