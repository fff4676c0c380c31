/* log.c - see log.h. */
#include "os/log.h"
#include "base/time.h"

#include <poll.h>
#include <unistd.h>

bool log_begin(const struct log *log, struct log_line *l, enum log_level level,
	       const char *message)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	if (level > log->level)
		return false;
	/* room is kept for the end of the line */
	l->text = buf_of(l->bytes, sizeof l->bytes - 8);
	buf_str(&l->text, "ts=");
	time_put_utc(&l->text, os_unix_s());
	buf_str(&l->text, " level=");
	buf_str(&l->text, names[level]);
	log_text(l, "msg", span_of(message));
	return true;
}

static bool is_simple(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!char_is_visible(s.p[i]) || s.p[i] == '"' ||
		    s.p[i] == '=' || s.p[i] == '\\')
			return false;
	return s.n != 0;
}

void log_text(struct log_line *l, const char *key, struct span value)
{
	buf_char(&l->text, ' ');
	buf_str(&l->text, key);
	buf_char(&l->text, '=');
	if (is_simple(value))
		buf_put(&l->text, value);
	else
		text_quote(&l->text, value, LIMIT_LOG_LINE / 2);
}

void log_number(struct log_line *l, const char *key, int64_t value)
{
	buf_char(&l->text, ' ');
	buf_str(&l->text, key);
	buf_char(&l->text, '=');
	buf_i64(&l->text, value);
}

void log_address(struct log_line *l, const char *key, const struct address *a)
{
	char bytes[160];
	struct buf b = buf_of(bytes, sizeof bytes);
	address_put(&b, a);
	log_text(l, key, buf_span(&b));
}

void log_error(struct log_line *l, int error)
{
	log_text(l, "error", span_of(os_error(error)));
}

void log_end(struct log *log, struct log_line *l)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	if (log->dropped != log->dropped_told)
		log_number(l, "log_lines_dropped", (int64_t)log->dropped);
	if (l->text.cut)
		l->text.n = l->text.cap;
	l->text.cap = sizeof l->bytes;
	buf_str(&l->text, l->text.cut ? "\xe2\x80\xa6\n" : "\n");
	/* a line is shorter than PIPE_BUF: if there is room, it is taken
	 * whole*/
	if (poll(&p, 1, 0) == 1 && p.revents & POLLOUT &&
	    os_write(STDERR_FILENO, l->bytes, l->text.n) > 0)
		log->dropped_told = log->dropped;
	else
		log->dropped++;
}
