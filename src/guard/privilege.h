/*
 * privilege.h - giving up rights: chroot(2), ids, core dumps.
 */
#ifndef GUARD_PRIVILEGE_H
#define GUARD_PRIVILEGE_H

#include "base/text.h"

struct privilege_ids {
	uint32_t uid, gid;
};

/* NAME, UID or UID:GID. A name is looked up in /etc/passwd; numbers need no
 * such file, and without a GID the group has the user's number. */
bool privilege_find(struct span user, struct privilege_ids *out);
/* Will `path` be there, and may those ids use it (to write: `write`), once the
 * root is `root`? NULL: they stay as they are. Looks at the file alone, not at
 * the folders above it. NULL or what is wrong. */
const char *privilege_reach(const char *root, const char *path,
			    const struct privilege_ids *ids, bool write);
/* Changes the root to `root` (NULL: stays) and the ids, groups included (NULL:
 * stay). 0 or -errno; then some of it may have happened: end the process. */
int privilege_drop(const char *root, const struct privilege_ids *ids);
/* No core dump, no ptrace by others of this user: keys are in memory. */
void privilege_hide(void);

#endif
