/* secrets.c - see secrets.h. */
#include "server/secrets.h"

#include <string.h>

/* Reads a file that *option names into memory. False: told in *error, which
 * else has got the place for more to be said. */
static bool read_public_file(const char *option, struct span name, char *memory,
			     struct span *text, struct buf *error)
{
	char path[LIMIT_PATH] = "";
	memcpy(path, name.p, name.n);
	long n = os_read_file(path, memory, LIMIT_SECRET_FILE);
	error->n = 0;
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
	return true;
}

/* The same for a file that others should not read; the caller wipes memory. */
static bool read_secret_file(const char *option, struct span name, char *memory,
			     struct span *text, struct log *log,
			     struct buf *error)
{
	char path[LIMIT_PATH] = "";
	struct log_line l;
	if (!read_public_file(option, name, memory, text, error))
		return false;
	memcpy(path, name.p, name.n);
	if (os_others_can_read(path) &&
	    log_begin(log, &l, LOG_WARN, "others can read this secret")) {
		log_text(&l, "file", name);
		log_end(log, &l);
	}
	return true;
}

typedef bool add_function(struct auth *a, struct span text, struct buf *error);

/* Not inlined, nor is load_tls(): without such files their buffers would cost
 * the memory of a stack that deep, for as long as the process lives. */
static __attribute__((noinline)) bool load_list(
    struct secrets *s, const char *option, struct span name, add_function *add,
    struct log *log, struct buf *error)
{
	char memory[LIMIT_SECRET_FILE];
	struct span text;
	size_t mark = error->n;
	bool good = read_secret_file(option, name, memory, &text, log, error) &&
		    add(&s->auth, text, error);
	text_wipe(memory, sizeof memory);
	if (good)
		error->n = mark;
	return good;
}

static void log_warning(struct log *log, const char *what, struct span file,
			const struct buf *why)
{
	struct log_line l;
	if (why->n == 0 || !log_begin(log, &l, LOG_WARN, what))
		return;
	log_text(&l, "why", buf_span(why));
	log_text(&l, "file", file);
	log_end(log, &l);
}

static __attribute__((noinline)) bool load_tls(struct secrets *s,
					       const struct config *c,
					       struct log *log,
					       struct buf *error)
{
	char cert[LIMIT_SECRET_FILE], key[LIMIT_SECRET_FILE];
	char ca[LIMIT_SECRET_FILE], bytes[2][LIMIT_PLACE];
	struct tls_warnings warnings = {buf_of(bytes[0], sizeof bytes[0]),
					buf_of(bytes[1], sizeof bytes[1])};
	struct tls_files files = {.cert_name = c->tls_cert,
				  .key_name = c->tls_key,
				  .ca_name = c->tls_client_ca,
				  .names = c->tls_name,
				  .name_count = c->tls_names};
	size_t mark = error->n;
	bool good = read_public_file("--tls-cert", c->tls_cert, cert,
				     &files.cert, error) &&
		    read_secret_file("--tls-key", c->tls_key, key, &files.key,
				     log, error) &&
		    (c->tls_client_ca.p == NULL ||
		     read_public_file("--tls-client-ca", c->tls_client_ca, ca,
				      &files.ca, error));
	if (good) {
		error->n = mark;
		good = tls_load(&s->tls, &files, os_unix_s(), error, &warnings);
	}
	text_wipe(key, sizeof key);
	log_warning(log, "TLS certificate", c->tls_cert, &warnings.cert);
	log_warning(log, "CA of TLS clients", c->tls_client_ca, &warnings.ca);
	return good;
}

bool secrets_load(struct secrets *s, const struct config *config,
		  struct log *log, struct buf *error)
{
	const struct {
		const char *option;
		struct span name;
		add_function *add;
	} list[] = {
	    {"--auth-token-file", config->token_file, auth_add_tokens},
	    {"--auth-basic-file", config->basic_file, auth_add_basic},
	    {"--auth-hmac-file", config->hmac_file, auth_add_keys},
	};
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		if (list[i].name.p &&
		    !load_list(s, list[i].option, list[i].name, list[i].add,
			       log, error))
			return false;
	return config->tls_cert.p == NULL || load_tls(s, config, log, error);
}

void secrets_wipe(struct secrets *s)
{
	text_wipe((char *)s, sizeof *s);
}

struct secrets *keyring_now(struct keyring *k)
{
	return &k->set[k->now];
}

bool keyring_has_room(const struct keyring *k)
{
	return k->greetings[!k->now] == 0;
}

struct secrets *keyring_next(struct keyring *k)
{
	return keyring_has_room(k) ? &k->set[!k->now] : NULL;
}

static void wipe_unused(struct keyring *k)
{
	struct secrets *old = keyring_next(k);
	if (old)
		secrets_wipe(old);
}

void keyring_turn(struct keyring *k)
{
	k->now = !k->now;
	wipe_unused(k);
}

unsigned keyring_begin(struct keyring *k)
{
	k->greetings[k->now]++;
	return k->now;
}

void keyring_end(struct keyring *k, unsigned set)
{
	ASSERT(k->greetings[set]);
	k->greetings[set]--;
	if (set != k->now)
		wipe_unused(k);
}
