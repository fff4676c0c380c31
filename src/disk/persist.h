/*
 * persist.h - the spool and its file. Roof: joins image.h and store.h.
 */
#ifndef DISK_PERSIST_H
#define DISK_PERSIST_H

#include "intake/intake.h"
#include "os/log.h"
#include "spool/image.h"

struct persist {
	bool on; /* there is a file */
	int fd;
	bool failed;
	bool anew; /* the file is gone, or cut: it has to be made once more */
	int64_t retry_ms;  /* after a failure, not before */
	int64_t looked_ms; /* when the file was looked at last */
	uint64_t errors;
	uint64_t left; /* alerts of sinks that are gone */
	const char *name[LIMIT_SINKS];
	struct image image;
	struct spool *spool;
	const struct hash_key *key; /* the intake's */
	struct log *log;
	char path[LIMIT_PATH];
	char cursor_blocks[2 * IMAGE_BLOCK]; /* as read at start */
};

enum {
	PERSIST_RETRY_MS = 1000,
	PERSIST_LOOK_MS = 1000, /* is the file that has what is queued there? */
};

/*
 * Opens --spool: makes the file, or takes over what an earlier process left, or
 * sets aside what is not this spool. Initialises *spool with the file's ring
 * and *in with its keys and its queued alerts. False: that was logged.
 */
bool persist_open(struct persist *p, const struct config *config,
		  struct spool *spool, struct intake *in, struct log *log);

/* Writes what the file does not have, and makes it safe if anyone waits. */
void persist_sync(struct persist *p, int64_t now_ms);
/* Tells of alerts that got their 200 and that a sink does not get any more, as
 * it was taken out of the configuration or wants others: by a notice, the log
 * and a counter. */
void persist_tell_left(struct persist *p, uint64_t left);
/* When the dead man's switch fired, 0 if it has not: kept for the next process
 * from that sync on that makes the alert itself safe. */
void persist_note_alarm(struct persist *p, int64_t fired_s);
/* What the file says of it. */
int64_t persist_alarm(const struct persist *p);
/* When to try again after a failure; INT64_MAX: no need. */
int64_t persist_deadline(const struct persist *p);

#endif
