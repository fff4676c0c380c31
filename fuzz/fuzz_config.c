/* fuzz_config.c - a configuration file and a command line: taken or refused
 * with one clear line. What is in force can be written and read again. The
 * command line's arguments stand in front of the file, each ended by a NUL; an
 * empty one ends them. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct buf *error)
{
	struct span s = buf_span(error);
	ASSERT(s.n);
	while (s.n) {
		uint32_t c;
		ASSERT(utf8_take(&s, &c) && !text_is_unsafe(c));
	}
}

static void check_config(const struct config *c)
{
	ASSERT(c->listens <= LIMIT_LISTENERS && c->sinks <= LIMIT_SINKS);
	ASSERT(c->listens && c->sinks);
	ASSERT(c->path.n && c->path.p[0] == '/');
	ASSERT(c->ack_timeout_ms && c->max_body);
	for (unsigned i = 0; i < c->sinks; i++) {
		const struct sink_config *s = &c->sink[i];
		ASSERT(memchr(s->name, '\0', sizeof s->name));
		ASSERT(s->filter.matches <= LIMIT_MATCHES);
	}
}

/* check's output is a configuration file that says the same. */
static void check_again(const struct config_input *in, const struct config *c)
{
	static char bytes[1 << 19];
	static struct config_input again_in;
	static struct config again;
	char error_bytes[1024];
	struct buf out = buf_of(bytes, sizeof bytes),
		   error = buf_of(error_bytes, sizeof error_bytes);
	for (size_t i = 0; i < in->entries; i++)
		if (span_trim(in->entry[i].value).n != in->entry[i].value.n)
			return; /* a file cannot say blanks at an end */
	config_put_check(in, &out);
	ASSERT(!out.cut);
	for (size_t i = 0; i < out.n; i++)
		if (bytes[i] == '\\')
			return; /* something was escaped to be shown */
	memset(&again_in, 0, sizeof again_in);
	again_in.file_name = "again";
	ASSERT(config_add_file(&again_in, buf_span(&out), &error));
	ASSERT(config_apply(&again_in, &again, &error));
	ASSERT(again.listens == c->listens && again.sinks == c->sinks);
	ASSERT(again.ack_timeout_ms == c->ack_timeout_ms);
	ASSERT(again.max_body == c->max_body);
	ASSERT(span_eq(again.path, c->path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_input in;
	static struct config config;
	char error_bytes[1024];
	const char *argv[64];
	int argc = 0;
	if (size > LIMIT_CONFIG_FILE)
		return 0;
	struct buf error = buf_of(error_bytes, sizeof error_bytes);
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	size_t at = 0;
	while (argc < 64 && at < size && text[at]) {
		argv[argc++] = text + at;
		at += strlen(text + at) + 1;
	}
	at = at < size ? at + 1 : size;
	memset(&in, 0, sizeof in);
	in.file_name = config_find_file(argc, argv);
	if (in.file_name == NULL)
		in.file_name = "bellwire.conf";
	bool good =
	    config_add_file(&in, (struct span){text + at, size - at}, &error) &&
	    config_add_arguments(&in, argc, argv, &error) &&
	    config_apply(&in, &config, &error);
	if (good) {
		check_config(&config);
		check_again(&in, &config);
	} else {
		check_error(&error);
	}
	free(text);
	return 0;
}
