/* secrets.c - see secrets.h. */
#include "secrets.h"

#include <string.h>

/* Reads a file that *option names; text lies in memory, which the caller wipes.
 * False: told in *error. */
static bool read_secret_file(const char *option, struct span name, char *memory,
			     struct span *text, struct log *log,
			     struct buf *error)
{
	char path[256] = "";
	struct log_line l;
	memcpy(path, name.p, name.n);
	long n = os_read_file(path, memory, LIMIT_SECRET_FILE);
	buf_str(error, option);
	buf_str(error, ": ");
	text_show(error, name, LIMIT_PLACE);
	buf_char(error, ':');
	if (n < 0) {
		buf_char(error, ' ');
		buf_str(error, os_error((int)n));
		return false;
	}
	*text = (struct span){memory, (size_t)n};
	if (os_others_can_read(path) &&
	    log_begin(log, &l, LOG_WARN, "others can read this secret")) {
		log_text(&l, "file", name);
		log_end(log, &l);
	}
	return true;
}

typedef bool add_function(struct auth *a, struct span text, struct buf *error);

static bool load_list(struct secrets *s, const char *option, struct span name,
		      add_function *add, struct log *log, struct buf *error)
{
	char memory[LIMIT_SECRET_FILE];
	struct span text;
	if (name.p == NULL)
		return true;
	size_t mark = error->n;
	bool good = read_secret_file(option, name, memory, &text, log, error) &&
		    add(&s->auth, text, error);
	text_wipe(memory, sizeof memory);
	if (good)
		error->n = mark;
	return good;
}

bool secrets_load(struct secrets *s, const struct config *config,
		  struct log *log, struct buf *error)
{
	*s = (struct secrets){0};
	return load_list(s, "--auth-token-file", config->token_file,
			 auth_add_tokens, log, error) &&
	       load_list(s, "--auth-basic-file", config->basic_file,
			 auth_add_basic, log, error);
}
