/*
 * log.h - one logfmt line an event on standard error.
 *
 * A log that blocks would stop the bells: a line that standard error does not
 * take at once is dropped and counted, and the next one says how many were.
 */
#ifndef OS_LOG_H
#define OS_LOG_H

#include "base/address.h"
#include "facts/level.h"
#include "facts/limits.h"
#include "os/os.h"

struct log {
	enum log_level level;
	uint64_t dropped;
	uint64_t dropped_told;
};

/* A line under way; build it with the functions below, then log_end() it. */
struct log_line {
	struct buf text;
	char bytes[LIMIT_LOG_LINE];
};

/* False if nothing is to be logged at that level: then leave it. */
bool log_begin(const struct log *log, struct log_line *l, enum log_level level,
	       const char *message);
void log_text(struct log_line *l, const char *key, struct span value);
void log_number(struct log_line *l, const char *key, int64_t value);
void log_address(struct log_line *l, const char *key, const struct address *a);
void log_error(struct log_line *l, int error); /* errno, or its negative */
void log_end(struct log *log, struct log_line *l);

#endif
