/* program.c - see program.h. */
#include "main/program.h"

#include <unistd.h>

int program_fail(int code, struct span why)
{
	char bytes[LIMIT_LOG_LINE];
	struct buf line = buf_of(bytes, sizeof bytes - 1);
	buf_str(&line, "bellwire: ");
	buf_put(&line, why);
	line.cap = sizeof bytes;
	buf_char(&line, '\n');
	os_write_all(STDERR_FILENO, buf_span(&line));
	return code;
}

static int fail_file(const char *path, int error)
{
	char bytes[LIMIT_PLACE * 2];
	struct buf why = buf_of(bytes, sizeof bytes);
	text_show(&why, span_of(path), LIMIT_PLACE);
	buf_str(&why, ": ");
	buf_str(&why, os_error(error));
	return program_fail(EXIT_USAGE, buf_span(&why));
}

int program_print(struct buf *text)
{
	ASSERT(!text->cut);
	return os_write_all(STDOUT_FILENO, buf_span(text)) ? EXIT_FAILED
							   : EXIT_FINE;
}

int program_configure(struct program *p, int argc, const char *const *argv)
{
	char bytes[LIMIT_LOG_LINE];
	struct buf error = buf_of(bytes, sizeof bytes);
	struct config_input *in = &p->input;
	in->file_name = config_find_file(argc, argv);
	if (in->file_name) {
		long n = os_read_file(in->file_name, p->file, sizeof p->file);
		if (n < 0)
			return fail_file(in->file_name, (int)n);
		struct span text = {p->file, (size_t)n};
		if (!config_add_file(in, text, &error))
			return program_fail(EXIT_USAGE, buf_span(&error));
	}
	if (!config_add_arguments(in, argc, argv, &error) ||
	    !config_apply(in, &p->config, &error))
		return program_fail(EXIT_USAGE, buf_span(&error));
	return EXIT_FINE;
}
