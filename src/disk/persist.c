/* persist.c - see persist.h. */
#include "disk/inside.h"

#include "disk/store.h"

#include <errno.h>

void persist_log(struct persist *p, enum log_level level, const char *message,
		 const char *path, int error)
{
	struct log_line l;
	if (!log_begin(p->log, &l, level, message))
		return;
	if (path)
		log_text(&l, "file", span_of(path));
	if (error)
		log_error(&l, error);
	log_end(p->log, &l);
}

/* A file system that cannot sync a folder is taken all the same. */
int persist_sync_folder(struct persist *p, const char *path)
{
	int error = store_sync_folder(path);
	if (error != -EINVAL)
		return error;
	persist_log(p, LOG_WARN,
		    "the spool's folder cannot be synced: a power cut in the "
		    "next seconds may take the new file",
		    path, error);
	return 0;
}

/* Writes what the file does not have; *n counts the pieces. */
static int write_plan(struct persist *p, size_t *n)
{
	struct image_write write[IMAGE_WRITES];
	int error = 0;
	*n = image_plan(&p->image, p->spool, write);
	for (size_t i = 0; i < *n && !error; i++)
		error =
		    store_write(p->fd, write[i].p, write[i].n, write[i].offset);
	return error;
}

int persist_write_places(struct persist *p)
{
	size_t n;
	image_failed(&p->image); /* it does not go by what it had planned */
	int error = write_plan(p, &n);
	if (!error)
		error = store_sync(p->fd);
	if (!error)
		image_synced(&p->image, p->spool);
	return error;
}

/* A new file: everything there and safe before anything is accepted. */
int persist_make_file(struct persist *p, const char *path,
		      const struct hash_key *key)
{
	char header[IMAGE_HEADER_BYTES];
	int64_t size = (int64_t)(IMAGE_RING + p->spool->size);
	size_t n;
	int error = store_allocate(p->fd, size);
	image_failed(&p->image); /* nothing of it is there yet */
	if (!error)
		error = write_plan(p, &n);
	image_put_header(header, p->spool->size, key);
	if (!error)
		error = store_write(p->fd, header, sizeof header, 0);
	if (!error)
		error = store_sync(p->fd);
	if (!error)
		error = persist_sync_folder(p, path);
	if (!error)
		image_synced(&p->image, p->spool);
	return error;
}

void persist_tell_left(struct persist *p, uint64_t left)
{
	struct log_line l;
	struct record r = {.kind = RECORD_NOTICE_LEFT,
			   .count = left,
			   .received_s = os_unix_s(),
			   .received_ms = os_monotonic_ms()};
	uint64_t need = spool_need(&r);
	p->left += left;
	if (left && spool_fits(p->spool, need, need))
		spool_put(p->spool, &r);
	if (left && log_begin(p->log, &l, LOG_WARN,
			      "sinks that were taken out, or want other "
			      "alerts now, had not got some of theirs")) {
		log_number(&l, "alerts", (int64_t)left);
		log_end(p->log, &l);
	}
}

/* Is what was synced in a file that a restart will find? */
static int look(struct persist *p)
{
	int error = store_look(p->fd, (int64_t)(IMAGE_RING + p->spool->size));
	p->anew = error == STORE_GONE || error == STORE_CUT;
	if (p->anew) {
		p->errors++;
		persist_log(p, LOG_ERROR,
			    error == STORE_GONE
				? "the spool was removed: making a new one"
				: "the spool was cut: writing it again",
			    p->path, 0);
	}
	return error;
}

/* All that is queued, into a file of that name. */
static int make_anew(struct persist *p)
{
	int64_t size = (int64_t)(IMAGE_RING + p->spool->size);
	if (store_look(p->fd, size) == STORE_GONE) {
		int fd = store_make(p->path, p->fd);
		if (fd < 0)
			return fd;
		store_close(p->fd);
		p->fd = fd;
	}
	image_lost(&p->image, p->spool);
	int error = persist_make_file(p, p->path, p->key);
	if (!error)
		p->anew = false;
	return error;
}

static int write_all(struct persist *p)
{
	size_t n;
	int error = write_plan(p, &n);
	if (error || n == 0 || !image_wants_sync(&p->image, p->spool))
		return error;
	error = store_sync(p->fd);
	if (!error)
		error = look(p);
	if (error)
		return error;
	bool alarm = p->image.alarm_planned != p->image.alarm_safe;
	image_synced(&p->image, p->spool);
	/* the proof that it is safe, before anyone hears of it */
	error = write_plan(p, &n);
	if (error || !alarm)
		return error;
	/* whose line is on its way must not be forgotten by a power cut: no
	 * one sends that alert again, nor its resolution */
	error = store_sync(p->fd);
	if (!error)
		image_synced(&p->image, p->spool);
	return error;
}

void persist_sync(struct persist *p, int64_t now_ms)
{
	if (!p->on || (p->failed && now_ms < p->retry_ms))
		return;
	if (!p->anew && spool_used(p->spool) &&
	    now_ms - p->looked_ms >= PERSIST_LOOK_MS) {
		p->looked_ms = now_ms;
		look(p);
	}
	int error = p->anew ? 0 : write_all(p);
	if (p->anew)
		error = make_anew(p);
	if (error) {
		image_failed(&p->image);
		p->errors++;
		p->retry_ms = now_ms + PERSIST_RETRY_MS;
	}
	if (error && !p->failed)
		persist_log(p, LOG_ERROR, "cannot write the spool", NULL,
			    error);
	else if (!error && p->failed)
		persist_log(p, LOG_INFO, "the spool can be written again", NULL,
			    0);
	p->failed = error != 0;
}

void persist_note_alarm(struct persist *p, int64_t fired_s)
{
	p->image.alarm = (uint64_t)fired_s;
}

int64_t persist_alarm(const struct persist *p)
{
	return (int64_t)p->image.alarm;
}

int64_t persist_deadline(const struct persist *p)
{
	return p->failed ? p->retry_ms : INT64_MAX;
}
