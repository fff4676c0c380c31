/*
 * main.c - commands and exit codes; owns all state.
 */
#include "guard/loaded.h"
#include "main/start.h"
#include "main/usage.h"
#include "os/probe.h"

#include <string.h>

/* The one mutable thing at file scope, but for the signals in os.c. */
static struct program the;

static int serve(struct program *p, int argc, const char *const *argv)
{
	int code = program_configure(p, argc, argv);
	if (code == EXIT_FINE)
		code = start_server(p);
	if (code == EXIT_FINE) {
		server_begin(&p->server);
		loaded_forget();
		server_run(&p->server);
	}
	return code;
}

/* Tells of one file that is needed after --user and --chroot. */
static void check_file(const struct program *p, struct span path, bool write,
		       struct buf *out)
{
	char name[LIMIT_SINK_PLACE + 1] = "", root[LIMIT_PATH] = "";
	const struct config *c = &p->config;
	memcpy(name, path.p, path.n);
	if (c->root.n)
		memcpy(root, c->root.p, c->root.n);
	const char *wrong = privilege_reach(c->root.p ? root : NULL, name,
					    c->user.p ? &p->ids : NULL, write);
	if (wrong == NULL)
		return;
	buf_str(out, "# warning: ");
	text_show(out, path, sizeof name);
	buf_str(out, ", needed at SIGHUP or to open it again, ");
	buf_str(out, wrong);
	buf_char(out, '\n');
}

static void check_files(const struct program *p, struct buf *out)
{
	struct need need[START_NEEDS];
	const struct config *c = &p->config;
	if (c->user.p == NULL && c->root.p == NULL)
		return;
	size_t n = start_list_needs(c, need);
	for (size_t i = 0; i < n; i++) {
		enum sandbox_use use = need[i].use;
		if (use == SANDBOX_READ || use == SANDBOX_FIFO ||
		    use == SANDBOX_SERIAL)
			check_file(p, need[i].path, use != SANDBOX_READ, out);
	}
}

static int check(struct program *p, int argc, const char *const *argv)
{
	struct buf out = buf_of(p->text, sizeof p->text);
	struct deadman deadman = {.config = &p->config, .intake = &p->intake};
	int code = program_configure(p, argc, argv);
	if (code != EXIT_FINE)
		return code;
	p->log.level = p->config.log_level; /* of what is odd */
	code = start_look_up(p);
	if (code != EXIT_FINE)
		return code;
	config_put_check(&p->input, &out);
	check_files(p, &out);
	p->intake.config = &p->config;
	if (p->config.deadman_ms && !deadman_is_heard(&deadman))
		buf_str(&out, "# warning: no sink takes the dead man's "
			      "alert\n");
	return program_print(&out);
}

/* --format F goes to *format; everything else is left in rest[]. */
static int take_format(int argc, const char *const *argv, const char **rest,
		       struct span *format)
{
	int n = 0;
	for (int i = 0; i < argc; i++) {
		struct span s = span_of(argv[i]);
		if (span_starts(s, SPAN("--format=")))
			*format = span_skip(s, 9);
		else if (span_eq(s, SPAN("--format")) && i + 1 < argc)
			*format = span_of(argv[++i]);
		else if (n < LIMIT_CONFIG_ENTRIES)
			rest[n++] = argv[i];
	}
	return n;
}

/* As the first sink gets it, or in the format of --format. */
static int render(struct program *p, int argc, const char *const *argv)
{
	const char *rest[LIMIT_CONFIG_ENTRIES];
	char bytes[LIMIT_PLACE * 2];
	struct buf why = buf_of(bytes, sizeof bytes);
	struct span format = SPAN_NONE;
	int n = take_format(argc, argv, rest, &format);
	int code = program_configure(p, n, rest);
	if (code != EXIT_FINE)
		return code;
	const char *expected = offline_configure(&p->config, format);
	if (expected) {
		buf_str(&why, "--format: expected ");
		buf_str(&why, expected);
		return program_fail(EXIT_USAGE, buf_span(&why));
	}
	if (!start_offline(p))
		return EXIT_FAILED;
	if (offline_render(&p->offline, &why))
		return EXIT_FINE;
	return why.n ? program_fail(EXIT_FAILED, buf_span(&why)) : EXIT_FAILED;
}

/* Where a server with that configuration can be looked at. */
static int probe_configured(struct program *p, int argc,
			    const char *const *argv, struct buf *why)
{
	const struct config *c = &p->config;
	int code = program_configure(p, argc, argv);
	if (code != EXIT_FINE)
		return code;
	if (!c->has_health && c->tls_cert.p) {
		buf_str(why,
			"with TLS it needs the plain listener of --health");
		return program_fail(EXIT_USAGE, buf_span(why));
	}
	code = probe_address(c->has_health ? &c->health : &c->listen[0],
			     SPAN("/-/healthy"), why);
	return code ? program_fail(code, buf_span(why)) : EXIT_FINE;
}

/* [URL] or -c FILE */
static int probe(struct program *p, int argc, const char *const *argv)
{
	char bytes[LIMIT_PLACE];
	struct buf why = buf_of(bytes, sizeof bytes);
	struct span url = SPAN("http://127.0.0.1:5000/-/healthy");
	buf_str(&why, "probe: ");
	if (argc && config_find_file(argc, argv))
		return probe_configured(p, argc, argv, &why);
	if (argc > 1)
		return program_fail(
		    EXIT_USAGE, SPAN("probe: expected one URL, or -c FILE"));
	if (argc)
		url = span_of(argv[0]);
	int code = probe_url(url, &why);
	return code ? program_fail(code, buf_span(&why)) : EXIT_FINE;
}

static int tell(struct program *p, void (*put)(struct buf *out))
{
	struct buf out = buf_of(p->text, sizeof p->text);
	put(&out);
	return program_print(&out);
}

static bool asks_for(int argc, const char *const *argv, struct span option)
{
	for (int i = 0; i < argc; i++)
		if (span_eq(span_of(argv[i]), option))
			return true;
	return false;
}

static int run(struct program *p, int argc, const char *const *argv)
{
	struct span command = argc ? span_of(argv[0]) : SPAN_NONE;
	if (asks_for(argc, argv, SPAN("--help")) ||
	    asks_for(argc, argv, SPAN("-h")))
		return tell(p, usage_put_help);
	if (asks_for(argc, argv, SPAN("--version")) ||
	    span_eq(command, SPAN("version")))
		return tell(p, usage_put_version);
	if (span_eq(command, SPAN("check")))
		return check(p, argc - 1, argv + 1);
	if (span_eq(command, SPAN("render")))
		return render(p, argc - 1, argv + 1);
	if (span_eq(command, SPAN("probe")))
		return probe(p, argc - 1, argv + 1);
	return serve(p, argc, argv);
}

int main(int argc, char **argv)
{
	loaded_relocate();
	if (argc < 1)
		return EXIT_USAGE;
	os_prepare();
	if (loaded_seal())
		return program_fail(EXIT_FAILED, SPAN("cannot protect memory"));
	return run(&the, argc - 1, (const char *const *)argv + 1);
}
