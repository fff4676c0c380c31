/*
 * config.h - what the user wants: one table of options for the command line,
 * the configuration file, --help and `bellwire check`.
 *
 * Pure: texts in, a struct config or one clear sentence out.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/address.h"
#include "facts/level.h"
#include "facts/place.h"
#include "render/forms.h"

/* Labels of the alert that --deadman emits. */
#define CONFIG_DEADMAN_NAME "BellwireDeadMan"
#define CONFIG_DEADMAN_SEVERITY "critical"

struct template
{
	struct span name, text;
};

enum config_sandbox {
	CONFIG_SANDBOX_AUTO,    /* what the kernel has */
	CONFIG_SANDBOX_REQUIRE, /* all of it, or do not start */
	CONFIG_SANDBOX_OFF,
};

struct sink_config {
	/* KIND:PLACE as written, up to the first comma */
	char name[sizeof "serial:" + LIMIT_SINK_PLACE];
	struct place place;
	struct format format;
	struct filter filter;
	bool no_wait; /* wait=no: requests do not wait for this sink */
};

struct config {
	struct address listen[LIMIT_LISTENERS];
	unsigned listens;
	struct address health; /* --health, if has_health */
	bool has_health;
	struct span path;
	struct range allow[LIMIT_ALLOWS];
	unsigned allows;
	struct span tls_cert, tls_key, tls_client_ca; /* absent: off */
	struct span tls_name[LIMIT_TLS_NAMES];
	unsigned tls_names;
	struct span token_file, basic_file, hmac_file; /* absent: off */
	struct span user, root; /* --user and --chroot, or absent */
	struct template template[LIMIT_TEMPLATES];
	unsigned templates;
	struct sink_config sink[LIMIT_SINKS];
	unsigned sinks;
	struct span spool; /* a file's path, or absent for memory */
	uint64_t spool_size;
	uint64_t ack_timeout_ms;
	uint64_t dedup_ms, max_age_ms;             /* 0: off */
	uint64_t deadman_ms;                       /* 0: off */
	struct span deadman_text;                  /* the time as written */
	struct match deadman_match[LIMIT_MATCHES]; /* none: all feed it */
	unsigned deadman_matches;
	uint64_t max_body;
	enum config_sandbox sandbox;
	enum log_level log_level;
};

struct option {
	struct span name;         /* without the dashes */
	const char *argument;     /* its name in --help */
	const char *default_text; /* NULL: none */
	const char *help;
	bool is_list;
	/* Reads a value into *c. Returns NULL, or what would be right. */
	const char *(*set)(struct config *c, struct span value);
};

/* The table; ends with an option that has no name. */
const struct option *config_options(void);

/* One value with its origin. */
struct config_entry {
	const struct option *option;
	struct span value;
	unsigned line; /* in the file; 0 is the command line */
	bool is_default;
};

struct config_input {
	struct config_entry entry[LIMIT_CONFIG_ENTRIES];
	size_t entries;
	const char *file_name; /* NULL: no file */
};

/* Adds the lines of a configuration file. text lives as long as *in. */
bool config_add_file(struct config_input *in, struct span text,
		     struct buf *error);
/* Adds options of a command line, without the subcommand. -c FILE is left to
 * the caller: see config_find_file. */
bool config_add_arguments(struct config_input *in, int argc,
			  const char *const *argv, struct buf *error);
/* The value of the last -c, or NULL. */
const char *config_find_file(int argc, const char *const *argv);

/* Decides which entries are in force: later wins, lists add up, a list of the
 * command line replaces the file's, defaults fill the rest. Fills *c; *in then
 * holds just these entries in the order of the table. */
bool config_apply(struct config_input *in, struct config *c, struct buf *error);

void config_put_help(struct buf *out);
/* What is in force, as a configuration file with origins as comments. */
void config_put_check(const struct config_input *in, struct buf *out);

/* line, json, logfmt or the name of a template; NULL or what would be right. */
const char *config_read_format(const struct config *c, struct format *f,
			       struct span value);
/* KIND[:PLACE][,key=value...]: one more sink. NULL or what would be right. */
const char *config_set_emit(struct config *c, struct span value);

#endif
