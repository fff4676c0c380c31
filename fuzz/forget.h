/* forget.h - what an input leaves behind, for the next one. */
#ifndef FUZZ_FORGET_H
#define FUZZ_FORGET_H

#include "intake/recall.h"

#include <string.h>

/* Nobody claims anything any more, and only what was used is made new. */
static inline void forget(struct recall *r)
{
	for (uint16_t i = 0; i < r->used; i++)
		ASSERT(r->entry[i].claims == 0);
	memset(&r->entry, 0, r->used * sizeof *r->entry);
	r->used = r->oldest = r->newest = r->free = 0;
	memset(r->bucket, 0, sizeof r->bucket);
}

#endif
