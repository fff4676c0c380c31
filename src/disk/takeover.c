/* takeover.c - what an earlier process has left, for persist.h: persist_open().
 */
#include "disk/inside.h"

#include "disk/store.h"

#include <errno.h>
#include <string.h>

/* Beside -errno and STORE_NOT_REGULAR. */
enum { NOT_OURS = STORE_CUT + 1 };

static bool failed_at_start(struct persist *p, const char *path, int error)
{
	persist_log(
	    p, LOG_ERROR,
	    error == -EBUSY ? "another process has the spool"
	    : error == NOT_OURS
		? "the file holds something else than a spool: move it "
		  "away, or name another"
	    : error == -ELOOP ? "the spool is a link: name the file itself, to "
				"change its size"
	    : error == STORE_NOT_REGULAR ? "the spool is no regular file"
	    : error == -ENOSPC           ? "no room on the disk for the spool"
					 : "cannot open the spool",
	    path, error <= NOT_OURS ? 0 : error);
	return false;
}

/* The i-th name beside the file that nobody is likely to use. */
static void put_name(char name[LIMIT_PATH], const char *path, const char *what,
		     unsigned i)
{
	struct buf b = buf_of(name, LIMIT_PATH - 1);
	buf_str(&b, path);
	buf_str(&b, what);
	buf_i64(&b, os_unix_s());
	if (i) {
		buf_char(&b, '-');
		buf_u64(&b, i);
	}
	name[b.n] = '\0';
}

enum { NAMES = 100 };

/* Renames a file that is not ours, and opens a new one under its name. */
static int set_aside(struct persist *p, const char *path, const char *why)
{
	char name[LIMIT_PATH];
	struct log_line l;
	int error = -EEXIST;
	for (unsigned i = 0; i < NAMES && error == -EEXIST; i++) {
		put_name(name, path, ".kept-", i);
		error = store_rename(path, name);
	}
	if (error)
		return error;
	if (log_begin(p->log, &l, LOG_WARN, why)) {
		log_text(&l, "file", span_of(path));
		log_text(&l, "kept_as", span_of(name));
		log_end(p->log, &l);
	}
	store_close(p->fd);
	p->fd = store_open(path);
	return p->fd < 0 ? p->fd : 0;
}

static void log_recovered(struct persist *p, const struct spool_report *r)
{
	struct log_line l;
	bool bad = r->torn || r->gaps;
	if (!log_begin(p->log, &l, bad ? LOG_WARN : LOG_INFO,
		       "spool taken over"))
		return;
	log_number(&l, "records", (int64_t)r->records);
	log_number(&l, "torn_bytes_dropped", (int64_t)r->torn);
	log_number(&l, "damaged_places", (int64_t)r->gaps);
	log_end(p->log, &l);
}

/* What was damaged is told in a line of its own. */
static void tell_lost(struct persist *p, uint64_t gaps)
{
	struct record r = {.kind = RECORD_NOTICE_LOST,
			   .count = gaps,
			   .received_s = os_unix_s(),
			   .received_ms = os_monotonic_ms()};
	uint64_t need = spool_need(&r);
	if (gaps && spool_fits(p->spool, need, need))
		spool_put(p->spool, &r);
}

static bool is_zero(const char *p, size_t n)
{
	while (n && *p == 0) {
		p++;
		n--;
	}
	return n == 0;
}

/* All behind the header, for a spool of that size. */
static int read_file(struct persist *p, struct spool *s)
{
	int error = store_read(p->fd, p->cursor_blocks, sizeof p->cursor_blocks,
			       IMAGE_BLOCK);
	/* at most LIMIT_SPOOL_FILE_MAX */
	return error ? error
		     : store_read(p->fd, s->ring, (size_t)s->size, IMAGE_RING);
}

static bool has_size(const struct persist *p, uint64_t ring)
{
	return store_size(p->fd) == (int64_t)(IMAGE_RING + ring);
}

static enum image_verdict recover(struct persist *p, struct spool *s,
				  const struct hash_key *key,
				  struct spool_report *report)
{
	for (unsigned i = 0; i < s->cursors; i++)
		p->image.sink[i] = image_sink(key, span_of(p->name[i]));
	return image_recover(&p->image, s, p->cursor_blocks, report);
}

/* Writes what was taken over once more. What an earlier process has written may
 * be known to the kernel alone, also where its sync failed: then the kernel
 * takes it for written, and a sync of ours would do nothing. */
static int write_again(struct persist *p, const char *header, bool all)
{
	const struct spool *s = p->spool;
	uint64_t from = spool_tail(s);
	int error = store_write(p->fd, header, IMAGE_HEADER_BYTES, 0);
	if (!error)
		error = store_write(p->fd, p->cursor_blocks,
				    sizeof p->cursor_blocks, IMAGE_BLOCK);
	if (!error && all)
		error =
		    store_write(p->fd, s->ring, (size_t)s->size, IMAGE_RING);
	while (!error && !all && from < s->head) {
		uint64_t at = from % s->size, n = s->head - from;
		if (n > s->size - at)
			n = s->size - at;
		error = store_write(p->fd, s->ring + at, (size_t)n,
				    IMAGE_RING + at);
		from += n;
	}
	return error ? error : store_sync(p->fd);
}

/* Takes over an existing file. 0, -errno, NOT_OURS, or a verdict above 0. */
static int take_over(struct persist *p, struct hash_key *key)
{
	char header[IMAGE_HEADER_BYTES] = {0};
	struct spool *s = p->spool;
	struct spool_report report;
	int error = store_read(p->fd, header, sizeof header, 0);
	if (error && error != -EIO)
		return error;
	enum image_verdict verdict = image_read_header(header, s->size, key);
	/* damage must not keep us from starting, so what has the size counts as
	 * a spool; but who names a file that never was one is wrong */
	if (!image_is_marked(header) && !has_size(p, s->size))
		return NOT_OURS;
	if (error)
		return IMAGE_FOREIGN;
	if (verdict != IMAGE_GOOD && verdict != IMAGE_BLANK)
		return (int)verdict;
	if (!has_size(p, s->size))
		return IMAGE_SIZE;
	error = read_file(p, s);
	if (error)
		return error;
	if (verdict == IMAGE_BLANK)
		return is_zero(s->ring, (size_t)s->size) ? (int)IMAGE_BLANK
							 : (int)IMAGE_FOREIGN;
	verdict = recover(p, s, key, &report);
	if (verdict != IMAGE_GOOD)
		return (int)verdict;
	log_recovered(p, &report);
	error = write_again(p, header, report.rewrite);
	if (!error)
		error = persist_write_places(p);
	tell_lost(p, report.gaps);
	persist_tell_left(p, report.left);
	return error;
}

static void init_ring(struct persist *p, char *ring, uint64_t size,
		      unsigned sinks)
{
	spool_init(p->spool, ring, size, sinks);
	p->spool->durable = true;
	p->image = (struct image){0};
}

/* Puts the records of another spool into ours, with the cursors before them;
 * false if they do not fit. */
static bool move_records(struct spool *to, const struct spool *from)
{
	uint64_t position = spool_tail(from);
	struct record r;
	for (;;) {
		for (unsigned i = 0; i < to->cursors; i++)
			if (from->cursor[i] >= position)
				spool_pass(to, i, to->head);
		if (from->left_from >= position)
			to->left_from = to->head;
		if (!spool_get(from, &position, &r))
			break;
		uint64_t need = spool_need(&r);
		if (!spool_fits(to, need, need))
			return false;
		spool_put(to, &r);
	}
	to->started = to->head;
	to->fresh = from->fresh;
	return true;
}

/* A new file with what the spool holds, whole and safe before it takes the
 * place of the old one, which is locked until then. */
static int replace_file(struct persist *p, const char *path,
			const struct hash_key *key)
{
	char name[LIMIT_PATH];
	int old_fd = p->fd;
	p->fd = -EEXIST;
	for (unsigned i = 0; i < NAMES && p->fd == -EEXIST; i++) {
		put_name(name, path, ".new-", i);
		p->fd = store_make(name, old_fd);
	}
	if (p->fd < 0)
		return p->fd;
	int error = persist_make_file(p, name, key);
	if (!error)
		error = store_replace(name, path);
	if (error)
		store_remove(name);
	else
		error = persist_sync_folder(p, path);
	store_close(old_fd);
	return error;
}

/* A spool of another size becomes one of this size. Returns as take_over()
 * does. */
static int move_over(struct persist *p, const char *path, struct hash_key *key)
{
	char header[IMAGE_HEADER_BYTES];
	struct spool *s = p->spool, old;
	struct spool_report report;
	int error = store_read(p->fd, header, sizeof header, 0);
	if (error)
		return error;
	uint64_t size = image_header_size(header);
	if (size % 8 || size < 2 * SPOOL_RECORD_MAX ||
	    size > LIMIT_SPOOL_FILE_MAX || !has_size(p, size) ||
	    image_read_header(header, size, key) != IMAGE_GOOD)
		return IMAGE_SIZE;
	char *ring = store_memory((size_t)size);
	if (ring == NULL)
		return -ENOMEM;
	spool_init(&old, ring, size, s->cursors);
	error = read_file(p, &old);
	if (!error)
		error = (int)recover(p, &old, key, &report);
	if (!error && !move_records(s, &old))
		error = IMAGE_SIZE;
	store_give_back(ring, (size_t)size);
	if (error)
		return error;
	error = replace_file(p, path, key);
	if (error)
		return error;
	log_recovered(p, &report);
	tell_lost(p, report.gaps);
	persist_tell_left(p, report.left);
	return 0;
}

/* A new file under this name; what is there, and not a blank, is set aside. */
static int begin_anew(struct persist *p, const char *path, int verdict,
		      const struct hash_key *key)
{
	static const char *const why[] = {
	    [IMAGE_FOREIGN] = "this is no spool, or too damaged to be one",
	    [IMAGE_VERSION] = "a spool of another version",
	    [IMAGE_SIZE] = "a spool of another size",
	};
	bool aside = verdict != IMAGE_BLANK;
	int error = aside ? set_aside(p, path, why[verdict]) : 0;
	if (aside)
		memset(p->spool->ring, 0, (size_t)p->spool->size);
	init_ring(p, p->spool->ring, p->spool->size, p->spool->cursors);
	for (unsigned i = 0; i < p->spool->cursors; i++)
		p->image.sink[i] = image_sink(key, span_of(p->name[i]));
	if (!error)
		error = persist_make_file(p, path, key);
	if (!error)
		tell_lost(p, aside);
	return error;
}

bool persist_open(struct persist *p, const struct config *config,
		  struct spool *spool, struct intake *in, struct log *log)
{
	char *path = p->path;
	/* at most LIMIT_SPOOL_FILE_MAX */
	size_t size = (size_t)config->spool_size / 8 * 8;
	p->spool = spool;
	p->key = &in->hash_key;
	p->log = log;
	memcpy(path, config->spool.p, config->spool.n);
	char *ring = store_memory(size);
	if (ring == NULL)
		return failed_at_start(p, path, -ENOMEM);
	p->on = true;
	init_ring(p, ring, size, config->sinks);
	p->fd = store_open(path);
	if (p->fd < 0)
		return failed_at_start(p, path, p->fd);
	for (unsigned i = 0; i < config->sinks; i++)
		p->name[i] = config->sink[i].name;
	int verdict = store_size(p->fd) > 0 ? take_over(p, &in->hash_key)
					    : (int)IMAGE_BLANK;
	if (verdict == IMAGE_SIZE)
		verdict = move_over(p, path, &in->hash_key);
	if (verdict == 0)
		intake_recover(in);
	if (verdict > 0)
		verdict = begin_anew(p, path, verdict, &in->hash_key);
	return verdict ? failed_at_start(p, path, verdict) : true;
}
