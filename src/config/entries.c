/* entries.c - see config.h: reading entries and deciding between them. */
#include "config/config.h"

/* How many single-character edits make a into b (Levenshtein); short names. */
static size_t distance(struct span a, struct span b)
{
	size_t row[32];
	if (b.n >= sizeof row / sizeof row[0])
		return b.n;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j] = best;
		}
	}
	return row[b.n];
}

static const struct option *find_option(struct span name)
{
	for (const struct option *o = config_options(); o->name.p; o++)
		if (span_eq(o->name, name))
			return o;
	return NULL;
}

static void put_suggestion(struct buf *error, struct span name,
			   const char *dashes)
{
	const struct option *best = NULL;
	size_t least = 4;
	for (const struct option *o = config_options(); o->name.p; o++) {
		size_t d = distance(name, o->name);
		if (d < least) {
			least = d;
			best = o;
		}
	}
	if (best) {
		buf_str(error, ", did you mean ");
		buf_str(error, dashes);
		buf_put(error, best->name);
		buf_char(error, '?');
	} else {
		buf_str(error, ", see bellwire --help");
	}
}

/* file:line: or --option: in front of what went wrong. */
static void put_origin(struct buf *error, const struct config_input *in,
		       unsigned line)
{
	if (line == 0)
		return;
	text_show(error, span_of(in->file_name), LIMIT_PLACE);
	buf_char(error, ':');
	buf_u64(error, line);
	buf_str(error, ": ");
}

static bool add(struct config_input *in, struct span name, struct span value,
		unsigned line, struct buf *error)
{
	const char *dashes = line ? "" : "--";
	const struct option *o = find_option(name);
	if (o && in->entries < LIMIT_CONFIG_ENTRIES) {
		in->entry[in->entries++] = (struct config_entry){
		    .option = o, .value = value, .line = line};
		return true;
	}
	put_origin(error, in, line);
	buf_str(error, dashes);
	text_show(error, name, 64);
	if (o) {
		buf_str(error, ": too many options");
	} else {
		buf_str(error, line ? ": unknown key" : ": unknown option");
		put_suggestion(error, name, dashes);
	}
	return false;
}

bool config_add_file(struct config_input *in, struct span text,
		     struct buf *error)
{
	struct span line;
	for (unsigned number = 1; span_split(&text, '\n', &line); number++) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		line = span_trim(line);
		if (line.n == 0 || line.p[0] == '#')
			continue;
		struct span key;
		span_split(&line, '=', &key);
		if (line.p == NULL) {
			put_origin(error, in, number);
			text_show(error, key, 64);
			buf_str(error, ": expected key = value");
			return false;
		}
		if (!add(in, span_trim(key), span_trim(line), number, error))
			return false;
	}
	return true;
}

/* -c FILE, -cFILE; *used is how many arguments that takes, 0 for no -c. */
static const char *file_option(int argc, const char *const *argv, int i,
			       int *used)
{
	*used = 0;
	if (argv[i][0] != '-' || argv[i][1] != 'c')
		return NULL;
	*used = argv[i][2] ? 1 : 2;
	if (argv[i][2])
		return argv[i] + 2;
	return i + 1 < argc ? argv[i + 1] : NULL;
}

/* Is that an option whose value is the next argument? */
static bool takes_next(struct span argument)
{
	struct span name;
	if (!span_starts(argument, SPAN("--")))
		return false;
	argument = span_skip(argument, 2);
	span_split(&argument, '=', &name);
	return argument.p == NULL && find_option(name) != NULL;
}

const char *config_find_file(int argc, const char *const *argv)
{
	const char *last = NULL;
	for (int i = 0, used; i < argc; i += used) {
		const char *file = file_option(argc, argv, i, &used);
		if (used)
			last = file;
		else
			used = takes_next(span_of(argv[i])) ? 2 : 1;
	}
	return last;
}

bool config_add_arguments(struct config_input *in, int argc,
			  const char *const *argv, struct buf *error)
{
	for (int i = 0, used; i < argc; i++) {
		if (file_option(argc, argv, i, &used)) {
			i += used - 1;
			continue;
		}
		struct span name = span_of(argv[i]), value;
		if (used || name.n < 3 || !span_starts(name, SPAN("--"))) {
			text_show(error, name, 64);
			buf_str(error, used ? ": expected a file name"
					    : ": unexpected argument, see "
					      "bellwire --help");
			return false;
		}
		struct span rest = span_skip(name, 2);
		span_split(&rest, '=', &name);
		value = rest;
		if (value.p == NULL && find_option(name)) {
			if (++i == argc) {
				buf_str(error, "--");
				buf_put(error, name);
				buf_str(error, ": expected a value");
				return false;
			}
			value = span_of(argv[i]);
		}
		if (!add(in, name, value, 0, error))
			return false;
	}
	return true;
}

/* Is entry i in force, given all that was said about its option? */
static bool in_force(const struct config_input *in, size_t i)
{
	const struct config_entry *e = &in->entry[i];
	for (size_t k = 0; k < in->entries; k++) {
		const struct config_entry *other = &in->entry[k];
		if (other->option != e->option || k == i)
			continue;
		bool beats_file = other->line == 0 && e->line != 0;
		bool later = k > i && (other->line == 0) == (e->line == 0);
		if (beats_file || (later && !e->option->is_list))
			return false;
	}
	return true;
}

static bool set(const struct config_input *in, const struct config_entry *e,
		struct config *c, struct buf *error)
{
	const char *expected = e->option->set(c, e->value);
	if (expected == NULL)
		return true;
	put_origin(error, in, e->line);
	buf_str(error, e->line ? "" : "--");
	buf_put(error, e->option->name);
	buf_str(error, ": \"");
	text_show(error, e->value, 96);
	buf_str(error, "\" is wrong: expected ");
	buf_str(error, expected);
	return false;
}

/* Options that make sense only together. */
static bool fits_together(const struct config *c, struct buf *error)
{
	if ((c->tls_cert.p == NULL) != (c->tls_key.p == NULL))
		buf_str(error, c->tls_cert.p
				   ? "--tls-cert: expected --tls-key too"
				   : "--tls-key: expected --tls-cert too");
	else if (c->tls_client_ca.p && c->tls_cert.p == NULL)
		buf_str(error, "--tls-client-ca: expected --tls-cert too");
	else if (c->tls_names && c->tls_client_ca.p == NULL)
		buf_str(error, "--tls-client-name: expected --tls-client-ca "
			       "too");
	return error->n == 0;
}

/* What feeds the dead man's switch is for those sinks alone that ask for it by
 * one of the switch's own labels. */
static void hush(struct config *c)
{
	for (unsigned i = 0; i < c->sinks; i++) {
		struct filter *f = &c->sink[i].filter;
		bool asked = false;
		for (unsigned k = 0; k < f->matches; k++)
			for (unsigned m = 0; m < c->deadman_matches; m++)
				asked = asked ||
					(!f->match[k].negated &&
					 span_eq(f->match[k].label,
						 c->deadman_match[m].label) &&
					 span_eq(f->match[k].value,
						 c->deadman_match[m].value));
		f->hush = c->deadman_match;
		f->hushes = asked ? 0 : c->deadman_matches;
	}
}

bool config_apply(struct config_input *in, struct config *c, struct buf *error)
{
	struct config_input out = {.file_name = in->file_name};
	*c = (struct config){0};
	for (const struct option *o = config_options(); o->name.p; o++) {
		size_t before = out.entries;
		for (size_t i = 0; i < in->entries; i++)
			if (in->entry[i].option == o && in_force(in, i))
				out.entry[out.entries++] = in->entry[i];
		if (out.entries == before && o->default_text &&
		    out.entries < LIMIT_CONFIG_ENTRIES)
			out.entry[out.entries++] = (struct config_entry){
			    .option = o,
			    .value = span_of(o->default_text),
			    .is_default = true};
		for (size_t i = before; i < out.entries; i++)
			if (!set(in, &out.entry[i], c, error))
				return false;
	}
	*in = out;
	if (c->deadman_ms)
		hush(c);
	return fits_together(c, error);
}

void config_put_check(const struct config_input *in, struct buf *out)
{
	for (size_t i = 0; i < in->entries; i++) {
		const struct config_entry *e = &in->entry[i];
		buf_str(out, "# ");
		if (e->is_default) {
			buf_str(out, "default");
		} else if (e->line) {
			text_show(out, span_of(in->file_name), LIMIT_PLACE);
			buf_char(out, ':');
			buf_u64(out, e->line);
		} else {
			buf_str(out, "command line");
		}
		buf_char(out, '\n');
		buf_put(out, e->option->name);
		buf_str(out, " = ");
		text_show(out, e->value, LIMIT_CONFIG_FILE);
		buf_char(out, '\n');
	}
}

void config_put_help(struct buf *out)
{
	for (const struct option *o = config_options(); o->name.p; o++) {
		buf_str(out, "  --");
		buf_put(out, o->name);
		buf_char(out, ' ');
		buf_str(out, o->argument);
		size_t column = 5 + o->name.n + span_of(o->argument).n;
		do
			buf_char(out, ' ');
		while (++column < 24);
		buf_str(out, o->help);
		if (o->default_text) {
			buf_str(out, " [");
			buf_str(out, o->default_text);
			buf_char(out, ']');
		}
		buf_char(out, '\n');
	}
}
