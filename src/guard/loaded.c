/* loaded.c - see loaded.h. */
#include "guard/loaded.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* Hidden: reached by their distance from the code. A compiler may take the way
 * by a pointer else, clang does, and that would have to be relocated itself. */
#define HIDDEN __attribute__((visibility("hidden")))

/* Where third_party/target.ld puts these. What is read-only afterwards is a
 * segment of its own: no page of it, of whatever size, holds anything else. */
HIDDEN extern uintptr_t relr_start[], relr_end[];
HIDDEN extern char relro_start[], relro_end[];
HIDDEN extern char code_start[], code_end[];
HIDDEN extern char constants_start[], constants_end[];
/* where the file itself begins. NOLINTNEXTLINE: the name is the linker's */
HIDDEN extern char __ehdr_start[];

/* An even entry says where such a word is; an odd one has, above its lowest
 * bit, a bit for each of the words that follow. */
void loaded_relocate(void)
{
	enum { FOLLOW = 8 * sizeof(uintptr_t) - 1 };
	static char *volatile one_of_them = __ehdr_start;
	if (one_of_them == __ehdr_start)
		return;
	uintptr_t base = (uintptr_t)__ehdr_start;
	size_t bytes = (uintptr_t)relr_end - (uintptr_t)relr_start;
	volatile uintptr_t *at = relr_start;
	for (size_t i = 0; i < bytes / sizeof *relr_start; i++) {
		uintptr_t entry = relr_start[i];
		if (entry % 2 == 0) {
			at = (void *)(__ehdr_start + entry);
			*at++ += base;
			continue;
		}
		for (size_t k = 0; k < FOLLOW; k++)
			if (entry >> (k + 1) & 1)
				at[k] += base;
		at += FOLLOW;
	}
}

/* The page that it stands in. The kernel goes on from there to the end of the
 * last page that is asked for, and not beyond: what is mapped ends there, and
 * the next byte would be ENOMEM. */
static char *page_of(char *p)
{
	return p - (uintptr_t)p % getauxval(AT_PAGESZ);
}

static size_t length(const char *start, const char *end)
{
	return (uintptr_t)end - (uintptr_t)start;
}

int loaded_seal(void)
{
	char *start = page_of(relro_start);
	return mprotect(start, length(start, relro_end), PROT_READ) ? -errno
								    : 0;
}

static void forget(char *start, const char *end)
{
	start = page_of(start);
	madvise(start, length(start, end), MADV_DONTNEED);
}

void loaded_forget(void)
{
	forget(code_start, code_end);
	forget(constants_start, constants_end);
}
