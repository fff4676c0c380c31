/* inside.h - what the files of this room share beside persist.h. */
#ifndef DISK_INSIDE_H
#define DISK_INSIDE_H

#include "disk/persist.h"

/* Logs a message with a file's path and a -errno, if there are any. */
void persist_log(struct persist *p, enum log_level level, const char *message,
		 const char *path, int error);
/* Makes the name of the file safe, where the file system can. 0 or -errno. */
int persist_sync_folder(struct persist *p, const char *path);
/* Makes p->fd, which is at `path`, a file with all that is queued, safe before
 * it returns 0; or -errno. */
int persist_make_file(struct persist *p, const char *path,
		      const struct hash_key *key);

#endif
