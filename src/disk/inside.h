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
/* Makes safe where sinks are in what was taken over. What the file says of one
 * may lie behind the last record: a power cut has left that, and not the
 * record. What is put there next would count as what the sink has got, after
 * another one that leaves the record without the cursors that were written with
 * it. 0 or -errno. */
int persist_write_places(struct persist *p);

#endif
