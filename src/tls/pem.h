/*
 * pem.h - the objects of a PEM file (RFC 7468), for identity.c and anchors.c.
 */
#ifndef TLS_PEM_H
#define TLS_PEM_H

#include "base/text.h"

struct pem_buffer {
	unsigned char *p;
	size_t n, cap;
	bool cut;
};

/* Appends to a struct pem_buffer, as BearSSL's decoders call it. */
void pem_collect(void *context, const void *p, size_t n);

/* An object out of a PEM file: its name and its DER. Returns false with *wrong
 * set to stop. */
typedef bool pem_function(void *context, const char *name, struct span der,
			  const char **wrong);

/* Calls it for one after the other, each in memory[0..cap). NULL, or what was
 * found that is wrong. */
const char *pem_each_object(struct span text, unsigned char *memory, size_t cap,
			    pem_function *object, void *context);

bool pem_is_certificate(const char *name);

extern const char pem_encrypted[];

#endif
