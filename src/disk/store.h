/*
 * store.h - the file behind the spool: opening, locking and writing it. Knows
 * offsets and bytes, not what they mean.
 */
#ifndef DISK_STORE_H
#define DISK_STORE_H

#include <stddef.h>
#include <stdint.h>

/* Beside -errno. */
enum {
	STORE_NOT_REGULAR = INT32_MIN,
	STORE_GONE, /* the file has no name any more */
	STORE_CUT,  /* it is shorter than it was made */
};

/* Opens or makes (mode 0600) a regular file and locks it for this process.
 * Returns a descriptor, -errno (-EBUSY if another process has it), or
 * STORE_NOT_REGULAR. */
int store_open(const char *path);
/* Makes one that is not there yet (-EEXIST), for the place of that of `old_fd`:
 * with its mode and, if we may, its owner. */
int store_make(const char *path, int old_fd);
int64_t store_size(int fd);
/* Gives the file its size, with all blocks there, so that a full disk is found
 * now. 0 or -errno. */
int store_allocate(int fd, int64_t size);
/* All n bytes or -errno (-EIO at the end of the file). */
int store_read(int fd, void *p, size_t n, uint64_t offset);
int store_write(int fd, const void *p, size_t n, uint64_t offset);
/* fdatasync(2). */
int store_sync(int fd);
/* 0 if the file still has a name and that size, STORE_GONE, STORE_CUT or
 * -errno. */
int store_look(int fd, int64_t size);
/* Makes the file's name safe: syncs its folder. -EINVAL: this file system has
 * no such thing, fsync(2). */
int store_sync_folder(const char *path);
/* -EEXIST if there is such a file: nothing is ever overwritten. Where a file
 * cannot have two names (vfat, exFAT), what another process puts there at that
 * very moment would be. */
int store_rename(const char *from, const char *to);
/* Puts a file in the place of another one, at once. -ELOOP if that is a link,
 * which would lead no more to where it did. */
int store_replace(const char *from, const char *to);
void store_remove(const char *path);
void store_close(int fd);

/* Zeroed memory for a ring; NULL if there is none. */
char *store_memory(size_t n);
void store_give_back(char *p, size_t n);

#endif
