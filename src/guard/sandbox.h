/*
 * sandbox.h - gives away what the process will not need any more, once all is
 * open: limits of resources, new rights, files (Landlock), and all system calls
 * but those of src/guard/calls.def (seccomp).
 *
 * What the kernel lacks is left out and reported. Architecture independent: the
 * numbers of the calls come from the target's headers, the name that seccomp
 * has for the architecture from our own ELF header.
 */
#ifndef GUARD_SANDBOX_H
#define GUARD_SANDBOX_H

#include "base/text.h"

/* What a path will be used for; see sandbox_allow(). */
enum sandbox_use {
	SANDBOX_READ,   /* read again at SIGHUP */
	SANDBOX_FIFO,   /* opened, and made if missing */
	SANDBOX_SERIAL, /* opened, and set */
	SANDBOX_FILE,   /* made again if it was removed */
	SANDBOX_REMOVE, /* removed at the end */
};

struct sandbox {
	int landlock;     /* its ABI, 0: the kernel has none */
	int ruleset;      /* descriptor */
	uint64_t handled; /* rights over files that are taken away */
	bool seccomp;     /* the filter is in force */
};

/* Asks the kernel what it has, and starts a ruleset that allows no file. */
void sandbox_prepare(struct sandbox *s);
/* Leaves that path usable, as the process sees it now. A file may be replaced
 * by another of its name, so the right goes to the folder that it is in, and if
 * it is a symbolic link to that in which its target is. A serial line may be
 * any device of /dev. A folder that is not there yet is stood for by the
 * nearest one above it.
 */
void sandbox_allow(const struct sandbox *s, struct span path,
		   enum sandbox_use use);
/* Closes the door behind us: from now on an unlisted call ends the process
 * (SIGSYS). s->landlock and s->seccomp tell what is in force. */
void sandbox_enter(struct sandbox *s);

#endif
