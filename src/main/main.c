/*
 * main.c - start-up order, subcommands, exit codes; owns all state.
 */
#include "guard/loaded.h"
#include "guard/privilege.h"
#include "guard/sandbox.h"
#include "main/offline.h"
#include "main/usage.h"
#include "os/probe.h"
#include "server/server.h"
#include "version.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	EXIT_FINE = 0,
	EXIT_FAILED = 1, /* while running */
	EXIT_USAGE = 2,  /* the command line or the configuration is wrong */
};

/* The one mutable thing at file scope, but for the signals in os.c. */
static struct {
	struct config_input input;
	struct config config;
	struct counters counters;
	struct spool spool;
	struct spool overflow; /* of a spool that is a file */
	struct intake intake;
	struct firing firing;
	struct receive_memory memory;
	struct deliver deliver;
	struct persist persist;
	struct log log;
	struct privilege_ids ids;
	struct server server;
	char file[LIMIT_CONFIG_FILE];
	char text[LIMIT_CONFIG_FILE * 2];
	_Alignas(8) char ring[LIMIT_SPOOL_MEMORY];
} the;

/* One line on standard error: what is wrong. */
static int fail(int code, struct span why)
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
	return fail(EXIT_USAGE, buf_span(&why));
}

static int print(struct buf *text)
{
	ASSERT(!text->cut);
	return os_write_all(STDOUT_FILENO, buf_span(text)) ? EXIT_FAILED
							   : EXIT_FINE;
}

/* Reads file and arguments into the.config; EXIT_FINE or a code, told. */
static int configure(int argc, const char *const *argv)
{
	char bytes[LIMIT_LOG_LINE];
	struct buf error = buf_of(bytes, sizeof bytes);
	struct config_input *in = &the.input;
	in->file_name = config_find_file(argc, argv);
	if (in->file_name) {
		long n = os_read_file(in->file_name, the.file, sizeof the.file);
		if (n < 0)
			return fail_file(in->file_name, (int)n);
		struct span text = {the.file, (size_t)n};
		if (!config_add_file(in, text, &error))
			return fail(EXIT_USAGE, buf_span(&error));
	}
	if (!config_add_arguments(in, argc, argv, &error) ||
	    !config_apply(in, &the.config, &error))
		return fail(EXIT_USAGE, buf_span(&error));
	return EXIT_FINE;
}

static void prepare_deadman(void)
{
	the.intake.config = &the.config;
	the.server.deadman =
	    (struct deadman){.config = &the.config, .intake = &the.intake};
}

/* Joins the parts; the sinks come with open_sinks(). */
static bool assemble(void)
{
	struct log_line l;
	the.log.level = the.config.log_level;
	the.intake.spool = &the.spool;
	the.intake.config = &the.config;
	firing_init(&the.firing);
	the.intake.firing = &the.firing;
	the.intake.counters = &the.counters;
	int error =
	    os_random_at_once(&the.intake.hash_key, sizeof the.intake.hash_key);
	if (error && log_begin(&the.log, &l, LOG_ERROR, "no random numbers")) {
		log_error(&l, error);
		log_end(&the.log, &l);
	}
	if (error)
		return false;
	the.server.config = &the.config;
	the.server.log = &the.log;
	the.server.deliver = &the.deliver;
	the.server.persist = &the.persist;
	prepare_deadman();
	the.server.counters = &the.counters;
	the.server.service = (struct service){
	    .config = &the.config,
	    .auth = &keyring_now(&the.server.keyring)->auth,
	    .intake = &the.intake,
	    .counters = &the.counters,
	    .memory = &the.memory,
	    .deadman = &the.server.deadman,
	};
	return true;
}

static bool open_sinks(void)
{
	const char *no_color = getenv("NO_COLOR");
	struct moment now = {os_monotonic_ms(), os_unix_s()};
	bool opened = deliver_open(&the.deliver, &the.config, &the.spool,
				   the.intake.overflow, &the.counters, &the.log,
				   no_color == NULL || *no_color == '\0', now);
	if (opened && the.persist.on)
		persist_tell_left(&the.persist,
				  deliver_count_left(&the.deliver));
	return opened;
}

static bool open_spool(void)
{
	struct spool *memory = the.config.spool.p ? &the.overflow : &the.spool;
	spool_init(memory, the.ring, sizeof the.ring, the.config.sinks);
	if (memory == &the.spool)
		return true;
	the.intake.overflow = memory;
	return persist_open(&the.persist, &the.config, &the.spool, &the.intake,
			    &the.log);
}

/* Keys of TLS sessions are worth waiting for: here, not in the first handshake,
 * which would hold up everything else. */
static void wait_for_random(void)
{
	char byte;
	struct log_line l;
	if (the.config.tls_cert.p == NULL || os_random_ready())
		return;
	if (log_begin(&the.log, &l, LOG_WARN,
		      "waiting for the kernel's random numbers"))
		log_end(&the.log, &l);
	os_random(&byte, 1);
}

static void tell_of_clock(void)
{
	struct log_line l;
	if (the.config.tls_client_ca.p && os_unix_s() < BELLWIRE_BUILD_S &&
	    log_begin(&the.log, &l, LOG_WARN,
		      "the clock is behind this program's own date: until it "
		      "is set, no client certificate is too new"))
		log_end(&the.log, &l);
}

/* Reads the files with secrets; EXIT_FINE or a code, told. */
static int load_secrets(void)
{
	char bytes[LIMIT_PLACE * 2];
	struct buf error = buf_of(bytes, sizeof bytes);
	if (secrets_load(keyring_now(&the.server.keyring), &the.config,
			 &the.log, &error))
		return EXIT_FINE;
	return fail(EXIT_USAGE, buf_span(&error));
}

static int find_user(void)
{
	if (the.config.user.p == NULL ||
	    privilege_find(the.config.user, &the.ids))
		return EXIT_FINE;
	return fail(EXIT_USAGE, SPAN("--user: no such user; expected NAME, UID "
				     "or UID:GID"));
}

/* Gives up rights, once everything is open. */
static int drop(void)
{
	char root[LIMIT_PATH] = "";
	const struct config *c = &the.config;
	if (c->root.n)
		memcpy(root, c->root.p, c->root.n);
	int error = privilege_drop(c->root.p ? root : NULL,
				   c->user.p ? &the.ids : NULL);
	privilege_hide();
	if (error == 0)
		return EXIT_FINE;
	char bytes[LIMIT_PLACE];
	struct buf why = buf_of(bytes, sizeof bytes);
	buf_str(&why, "--user, --chroot: ");
	buf_str(&why, os_error(error));
	return fail(EXIT_FAILED, buf_span(&why));
}

/* Leaves the files usable that are needed again, and nothing else. */
static void allow_files(const struct sandbox *s)
{
	const struct config *c = &the.config;
	const struct span read[] = {c->tls_cert,      c->tls_key,
				    c->tls_client_ca, c->token_file,
				    c->basic_file,    c->hmac_file};
	for (size_t i = 0; i < sizeof read / sizeof read[0]; i++)
		sandbox_allow(s, read[i], SANDBOX_READ);
	for (unsigned i = 0; i < c->sinks; i++) {
		const struct place *p = &c->sink[i].place;
		if (p->kind != PLACE_STDOUT)
			sandbox_allow(s, span_of(p->path),
				      p->kind == PLACE_FIFO ? SANDBOX_FIFO
							    : SANDBOX_SERIAL);
	}
	sandbox_allow(s, c->spool, SANDBOX_FILE);
	for (unsigned i = 0; i < c->listens; i++)
		if (c->listen[i].family == ADDRESS_UNIX)
			sandbox_allow(s, span_of(c->listen[i].path),
				      SANDBOX_REMOVE);
	if (c->has_health && c->health.family == ADDRESS_UNIX)
		sandbox_allow(s, span_of(c->health.path), SANDBOX_REMOVE);
}

static int confine(void)
{
	struct sandbox s;
	struct log_line l;
	if (the.config.sandbox == CONFIG_SANDBOX_OFF)
		return EXIT_FINE;
	sandbox_prepare(&s);
	allow_files(&s);
	sandbox_enter(&s);
	bool whole = s.landlock && s.seccomp;
	if (!whole && the.config.sandbox == CONFIG_SANDBOX_REQUIRE)
		return fail(EXIT_FAILED,
			    s.seccomp ? SPAN("--sandbox: the kernel has no "
					     "Landlock; expected auto or off")
				      : SPAN("--sandbox: the kernel has no "
					     "seccomp; expected auto or off"));
	if (log_begin(&the.log, &l, whole ? LOG_INFO : LOG_WARN,
		      whole ? "sandboxed"
			    : "the kernel has not all of the "
			      "sandbox")) {
		log_number(&l, "landlock_abi", s.landlock);
		log_number(&l, "seccomp", s.seccomp);
		log_end(&the.log, &l);
	}
	return EXIT_FINE;
}

static int serve(int argc, const char *const *argv)
{
	int code = configure(argc, argv);
	if (code != EXIT_FINE)
		return code;
	if (!assemble())
		return EXIT_FAILED;
	os_catch_signals();
	code = load_secrets();
	if (code != EXIT_FINE)
		return code;
	code = find_user();
	if (code != EXIT_FINE)
		return code;
	wait_for_random();
	tell_of_clock();
	if (!open_spool() || !open_sinks() || !server_open(&the.server))
		return EXIT_FAILED;
	code = drop();
	if (code == EXIT_FINE)
		code = confine();
	if (code == EXIT_FINE)
		server_run(&the.server);
	return code;
}

/* Tells of one file that is needed after --user and --chroot. */
static void check_file(struct buf *out, struct span path, bool write)
{
	char name[LIMIT_SINK_PLACE + 1] = "", root[LIMIT_PATH] = "";
	const struct config *c = &the.config;
	if (path.p == NULL)
		return;
	memcpy(name, path.p, path.n);
	if (c->root.n)
		memcpy(root, c->root.p, c->root.n);
	const char *wrong = privilege_reach(c->root.p ? root : NULL, name,
					    c->user.p ? &the.ids : NULL, write);
	if (wrong == NULL)
		return;
	buf_str(out, "# warning: ");
	text_show(out, path, sizeof name);
	buf_str(out, ", needed at SIGHUP or to open it again, ");
	buf_str(out, wrong);
	buf_char(out, '\n');
}

static void check_files(struct buf *out)
{
	const struct config *c = &the.config;
	if (c->user.p == NULL && c->root.p == NULL)
		return;
	check_file(out, c->tls_cert, false);
	check_file(out, c->tls_key, false);
	check_file(out, c->tls_client_ca, false);
	check_file(out, c->token_file, false);
	check_file(out, c->basic_file, false);
	check_file(out, c->hmac_file, false);
	for (unsigned i = 0; i < c->sinks; i++)
		if (c->sink[i].place.kind != PLACE_STDOUT)
			check_file(out, span_of(c->sink[i].place.path), true);
}

static int check(int argc, const char *const *argv)
{
	struct buf out = buf_of(the.text, sizeof the.text);
	int code = configure(argc, argv);
	if (code != EXIT_FINE)
		return code;
	the.log.level = the.config.log_level; /* of what is odd */
	code = load_secrets();
	if (code == EXIT_FINE)
		code = find_user();
	if (code != EXIT_FINE)
		return code;
	config_put_check(&the.input, &out);
	check_files(&out);
	prepare_deadman();
	if (the.config.deadman_ms && !deadman_is_heard(&the.server.deadman))
		buf_str(&out, "# warning: no sink takes the dead man's "
			      "alert\n");
	return print(&out);
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
static int render(int argc, const char *const *argv)
{
	const char *rest[LIMIT_CONFIG_ENTRIES];
	char bytes[LIMIT_PLACE * 2];
	struct buf error = buf_of(bytes, sizeof bytes);
	struct span format = SPAN_NONE;
	int code = configure(take_format(argc, argv, rest, &format), rest);
	if (code != EXIT_FINE)
		return code;
	struct config *c = &the.config;
	c->sinks = 1;
	c->sink[0] = (struct sink_config){.name = "stdout",
					  .format = c->sink[0].format,
					  .filter = c->sink[0].filter};
	c->spool = SPAN_NONE;
	if (format.p) {
		c->sink[0].format = (struct format){0};
		c->sink[0].filter = (struct filter){0};
	}
	const char *wrong =
	    format.p ? config_read_format(c, &c->sink[0].format, format) : NULL;
	if (wrong) {
		buf_str(&error, "--format: expected ");
		buf_str(&error, wrong);
		return fail(EXIT_USAGE, buf_span(&error));
	}
	c->max_body = INT64_MAX;
	if (!assemble() || !open_spool() || !open_sinks())
		return EXIT_FAILED;
	if (offline_render(&the.server, the.file, sizeof the.file, &error))
		return EXIT_FINE;
	return error.n ? fail(EXIT_FAILED, buf_span(&error)) : EXIT_FAILED;
}

/* Where a server with that configuration can be looked at. */
static int probe_configured(int argc, const char *const *argv, struct buf *why)
{
	const struct config *c = &the.config;
	int code = configure(argc, argv);
	if (code != EXIT_FINE)
		return code;
	if (!c->has_health && c->tls_cert.p) {
		buf_str(why,
			"with TLS it needs the plain listener of --health");
		return fail(EXIT_USAGE, buf_span(why));
	}
	code = probe_address(c->has_health ? &c->health : &c->listen[0],
			     SPAN("/-/healthy"), why);
	return code ? fail(code, buf_span(why)) : EXIT_FINE;
}

/* [URL] or -c FILE */
static int probe(int argc, const char *const *argv)
{
	char bytes[LIMIT_PLACE];
	struct buf why = buf_of(bytes, sizeof bytes);
	struct span url = SPAN("http://127.0.0.1:5000/-/healthy");
	buf_str(&why, "probe: ");
	if (argc && config_find_file(argc, argv))
		return probe_configured(argc, argv, &why);
	if (argc > 1)
		return fail(EXIT_USAGE,
			    SPAN("probe: expected one URL, or -c FILE"));
	if (argc)
		url = span_of(argv[0]);
	int code = probe_url(url, &why);
	return code ? fail(code, buf_span(&why)) : EXIT_FINE;
}

static int tell(void (*put)(struct buf *out))
{
	struct buf out = buf_of(the.text, sizeof the.text);
	put(&out);
	return print(&out);
}

static bool asks_for(int argc, const char *const *argv, struct span option)
{
	for (int i = 0; i < argc; i++)
		if (span_eq(span_of(argv[i]), option))
			return true;
	return false;
}

static int run(int argc, const char *const *argv)
{
	struct span command = argc ? span_of(argv[0]) : SPAN_NONE;
	if (asks_for(argc, argv, SPAN("--help")) ||
	    asks_for(argc, argv, SPAN("-h")))
		return tell(usage_put_help);
	if (asks_for(argc, argv, SPAN("--version")) ||
	    span_eq(command, SPAN("version")))
		return tell(usage_put_version);
	if (span_eq(command, SPAN("check")))
		return check(argc - 1, argv + 1);
	if (span_eq(command, SPAN("render")))
		return render(argc - 1, argv + 1);
	if (span_eq(command, SPAN("probe")))
		return probe(argc - 1, argv + 1);
	return serve(argc, argv);
}

int main(int argc, char **argv)
{
	loaded_relocate();
	if (argc < 1)
		return EXIT_USAGE;
	os_prepare();
	if (loaded_seal())
		return fail(EXIT_FAILED, SPAN("cannot protect memory"));
	return run(argc - 1, (const char *const *)argv + 1);
}
