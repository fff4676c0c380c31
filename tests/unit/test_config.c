/* test_config.c - config.h: options, files, and which of them is in force. */
#include "check.h"

#include "config/config.h"
#include "config/value.h"

static struct config config;
static struct config_input input;

static void start(void)
{
	memset(&input, 0, sizeof input);
	memset(&config, 0xa5, sizeof config);
	input.file_name = "b.conf";
}

/* Words of a command line, at blanks. */
static int split(const char *line, char *memory, const char **argv)
{
	int argc = 0;
	strcpy(memory, line);
	for (char *p = strtok(memory, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	return argc;
}

/* A file and a command line; false with *error. */
static bool read_both(const char *file, const char *line, struct buf *error)
{
	static char memory[4096];
	static const char *argv[256];
	start();
	return config_add_file(&input, span_of(file), error) &&
	       config_add_arguments(&input, split(line, memory, argv), argv,
				    error) &&
	       config_apply(&input, &config, error);
}

static void refuses_with_one_line(void **state)
{
	static const struct {
		const char *file, *line, *error;
	} table[] = {
	    {"", "--nope x", "--nope: unknown option, see bellwire --help"},
	    {"", "--lisen :1",
	     "--lisen: unknown option, did you mean --listen?"},
	    {"", "--emitt=stdout",
	     "--emitt: unknown option, did you mean --emit?"},
	    {"", "--path", "--path: expected a value"},
	    {"", "x", "x: unexpected argument, see bellwire --help"},
	    {"", "-x", "-x: unexpected argument, see bellwire --help"},
	    {"", "--", "--: unexpected argument, see bellwire --help"},
	    {"", "-c", "-c: expected a file name"},
	    {"", "--path a",
	     "--path: \"a\" is wrong: expected a path such as "
	     "/webhook, none of bellwire's own"},
	    {"", "--path=",
	     "--path: \"\" is wrong: expected a path such as "
	     "/webhook, none of bellwire's own"},
	    {"lisen = :1", "",
	     "b.conf:1: lisen: unknown key, did you mean listen?"},
	    {"# x\n\npath\n", "", "b.conf:3: path: expected key = value"},
	    {"\n = x", "", "b.conf:2: : unknown key, see bellwire --help"},
	    {"--path = /x", "",
	     "b.conf:1: --path: unknown key, did you mean path?"},
	    {"Path = /x", "",
	     "b.conf:1: Path: unknown key, did you mean path?"},
	    {"path = /x y", "",
	     "b.conf:1: path: \"/x y\" is wrong: expected a path such as "
	     "/webhook, none of bellwire's own"},
	    {"path = \x1b[m", "",
	     "b.conf:1: path: \"\\x1b[m\" is wrong: expected a path such as "
	     "/webhook, none of bellwire's own"},
	    {"ack-timeout = 0", "",
	     "b.conf:1: ack-timeout: \"0\" is wrong: expected a time above 0 "
	     "such as 8s"},
	    {"", "--max-body 0",
	     "--max-body: \"0\" is wrong: expected a size "
	     "such as 64M"},
	    {"", "--log-level loud",
	     "--log-level: \"loud\" is wrong: expected error, warn, info or "
	     "debug"},
	    {"", "--emit stdout --emit stdout",
	     "--emit: \"stdout\" is wrong: expected each place once"},
	    {"", "--emit stdout,format=json,width=9",
	     "--emit: \"stdout,format=json,width=9\" is wrong: expected no "
	     "width and no bell with format=json"},
	    {"", "--emit stdout,x",
	     "--emit: \"stdout,x\" is wrong: expected key=value behind each "
	     "comma"},
	    {"", "+-path /a",
	     "+-path: unexpected argument, see bellwire --help"},
	    {"", "--a-name-that-is-longer-than-any-option x",
	     "--a-name-that-is-longer-than-any-option: unknown option, see "
	     "bellwire --help"},
	    {"", "--deadman 5",
	     "--deadman: \"5\" is wrong: expected T[,LABEL=VALUE...], such as "
	     "5m,alertname=Watchdog"},
	    {"", "--deadman 0000000000000000000000000000005ms",
	     "--deadman: \"0000000000000000000000000000005ms\" is wrong: "
	     "expected T[,LABEL=VALUE...], such as 5m,alertname=Watchdog"},
	    {"", "--deadman 5m,severity=critical,alertname=BellwireDeadMan",
	     "--deadman: \"5m,severity=critical,alertname=BellwireDeadMan\" is "
	     "wrong: expected a label that BellwireDeadMan itself does not "
	     "have"},
	    {"", "--deadman 5m,team=",
	     "--deadman: \"5m,team=\" is wrong: expected a label that "
	     "BellwireDeadMan itself does not have"},
	    {"", "--sandbox on",
	     "--sandbox: \"on\" is wrong: expected auto, require or off"},
	    {"", "--tls-cert a", "--tls-cert: expected --tls-key too"},
	    {"", "--tls-key a", "--tls-key: expected --tls-cert too"},
	    {"", "--tls-client-ca a",
	     "--tls-client-ca: expected --tls-cert too"},
	    {"", "--tls-client-name a",
	     "--tls-client-name: expected --tls-client-ca too"},
	    {"", "--tls-cert a --tls-key b --tls-client-name c",
	     "--tls-client-name: expected --tls-client-ca too"},
	    {"template = a={status}", "--emit stdout,format=b",
	     "--emit: \"stdout,format=b\" is wrong: expected format=line, "
	     "json, logfmt or the name of a --template"},
	    {"", "--template a",
	     "--template: \"a\" is wrong: expected NAME=TEXT with a new name "
	     "and at most 1024 bytes"},
	    {"", "--template a={",
	     "--template: \"a={\" is wrong: expected a } behind each {, and "
	     "{{ for a brace"},
	    {"", "--max-age 5",
	     "--max-age: \"5\" is wrong: expected a time such as 1h"},
	    {"", "--dedup 5",
	     "--dedup: \"5\" is wrong: expected a time such "
	     "as 5m"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[512];
		struct buf error = buf_of(bytes, sizeof bytes);
		CHECK(!read_both(table[i].file, table[i].line, &error),
		      "row %zu was taken", i);
		CHECK_SPAN(buf_span(&error), span_of(table[i].error), "row %zu",
			   i);
	}
}

static void refuses_values(void **state)
{
	static const struct {
		const char *name, *values[12];
	} table[] = {
	    {"listen", {"", "5000", "a:1", "1.2.3.4:99999"}},
	    {"health", {"", "5000", "a:1", "1.2.3.4:99999"}},
	    {"path",
	     {"", "x", "/-/x", "/metrics", "/alerts", "/a?b", "/a#b", "/\xc3",
	      "/\x80", "/a\tb", "/\x7f"}},
	    {"ack-timeout",
	     {"", "8", "s", "-1s", "8 s", "8S", "8d", "1.5s", "367h00m",
	      "99999999999999999999s", "8785h"}},
	    {"max-body",
	     {"", "K", "-1", "1k", "1T", "1 K", "0x10", "9999999999999999999K",
	      "5000000000G"}},
	    {"emit",
	     {"", "stderr", "stdout:x", "fifo",
	      "fifo:", "serial:", "stdout,mode=0640", "fifo:/a,baud=9600",
	      "file:/a", "stdout,", "stdout,format=xml", "stdout,match=a"}},
	    {"emit",
	     {"stdout,match==b", "stdout,match=!=b", "stdout,bell=a",
	      "stdout,bell==a", "stdout,resolved=maybe", "stdout,ascii=1",
	      "stdout,eol=cr", "stdout,width=-1", "stdout,width=x",
	      "stdout,width=99999999", "stdout,format=json,bell=a=b"}},
	    {"emit",
	     {"fifo:/a,mode=8", "fifo:/a,mode=64", "fifo:/a,mode=1640",
	      "fifo:/a,mode=06400", "serial:/a,baud=1",
	      "serial:/a,baud=", "serial:/a,frame=9n1", "serial:/a,frame=8x1",
	      "serial:/a,frame=8n3", "serial:/a,frame=8n1x",
	      "serial:/a,flow=both", "serial:/a,mode=0640"}},
	    {"emit",
	     {"fifo:/a,mode=/40", "serial:/a,frame=4n1", "serial:/a,frame=8n0",
	      "serial:/a,frame=", "stdout,match=", "stdout,bell=",
	      "stdout,wait=", "stdout,wait=maybe", "stdout,wait=No"}},
	    {"spool",
	     {"", ",size=1M", "/a,size=1", "/a,size=255K", "/a,size=2G",
	      "/a,x=1M", "/a,size", "/a,size="}},
	    {"allow", {"", "10.0.0.0/33", "a", "10.0.0.1,", ",10.0.0.1"}},
	    {"log-level", {"", "INFO", "warning", "4"}},
	    {"template",
	     {"", "a", "=x", "line=x", "json=x", "logfmt=x", "a={}"}},
	    {"tls-cert", {""}},
	    {"auth-hmac-file", {""}},
	    {"sandbox", {"", "AUTO", "no"}},
	    {"deadman",
	     {"", ",", "5", ",a=b", "5m,", "5m,a", "5m,=b", "5m,a=b,",
	      "5m,a=1,a=2,a=3,a=4,a=5,a=6,a=7,a=8,a=9",
	      "5m,alertname=BellwireDeadMan", "5m,severity=critical"}},
	    {"user", {""}},
	    {"chroot", {""}},
	    {"auth-token-file", {""}},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		for (size_t k = 0; k < 12 && table[i].values[k]; k++) {
			char bytes[512], text[256];
			struct buf error = buf_of(bytes, sizeof bytes);
			snprintf(text, sizeof text, "%s = %s", table[i].name,
				 table[i].values[k]);
			CHECK(!read_both(text, "", &error), "%s was taken",
			      text);
			CHECK(error.n && !error.cut, "%s: nothing to say",
			      text);
		}
	}
}

static void reads_times_and_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t v;
	} times[] =
	    {
		{"0", 0},       {"0s", 0},
		{"500ms", 500}, {"8s", 8000},
		{"5m", 300000}, {"1h", 3600000},
		{"007s", 7000}, {"8784h", 31622400000},
		{"9s", 9000},   {"90ms", 90},
	    },
	  sizes[] = {
	      {"0", 0},        {"1", 1},           {"64K", 65536},
	      {"1M", 1048576}, {"2G", 2147483648}, {"010", 10},
	  };
	uint64_t v;
	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		CHECK(config_read_time_ms(span_of(times[i].text), &v), "%s",
		      times[i].text);
		CHECK(v == times[i].v, "%s", times[i].text);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		CHECK(config_read_size(span_of(sizes[i].text), &v), "%s",
		      sizes[i].text);
		CHECK(v == sizes[i].v, "%s", sizes[i].text);
	}
	/* what a file can hold */
	assert_false(config_read_size(SPAN("1\0"), &v));
	assert_false(config_read_time_ms(SPAN("1s\0"), &v));
}

static void put_match(struct buf *b, const struct match *m)
{
	buf_char(b, ' ');
	buf_put(b, m->label);
	buf_str(b, m->negated ? "!=" : "=");
	buf_put(b, m->value);
}

/* A sink as one line of words. */
static void describe(struct buf *b, const struct sink_config *s)
{
	const struct format *f = &s->format;
	buf_str(b, s->name);
	buf_char(b, ' ');
	buf_u64(b, f->kind);
	if (s->filter.skip_resolved)
		buf_str(b, " firing");
	if (f->ascii)
		buf_str(b, " ascii");
	if (f->crlf)
		buf_str(b, " crlf");
	if (f->width) {
		buf_char(b, ' ');
		buf_u64(b, f->width);
	}
	for (unsigned i = 0; i < s->filter.matches; i++)
		put_match(b, &s->filter.match[i]);
	if (f->bell.label.p) {
		buf_str(b, " bell");
		put_match(b, &f->bell);
	}
	if (s->place.kind == PLACE_FIFO) {
		buf_str(b, " mode ");
		buf_padded(b, s->place.mode, 16, 3);
	}
	if (s->place.kind == PLACE_SERIAL) {
		buf_char(b, ' ');
		buf_u64(b, s->place.baud);
		buf_char(b, ' ');
		buf_u64(b, s->place.data_bits);
		buf_char(b, s->place.parity);
		buf_u64(b, s->place.stop_bits);
		buf_char(b, ' ');
		buf_u64(b, s->place.flow);
	}
	if (s->place.kind != PLACE_STDOUT) {
		buf_str(b, " at ");
		buf_str(b, s->place.path);
	}
}

static void reads_sinks(void **state)
{
	static const struct {
		const char *emit, *sink;
	} table[] = {
	    {"stdout", "stdout 0"},
	    {"stdout,format=json", "stdout 1"},
	    {"stdout,format=json,format=line", "stdout 0"},
	    {"stdout,format=logfmt,resolved=no,ascii=yes,width=80,eol=crlf",
	     "stdout 2 firing ascii crlf 80"},
	    {"stdout,resolved=no,resolved=yes,ascii=no,eol=lf,width=0",
	     "stdout 0"},
	    {"stdout,match=a=b,match=c!=d,match=e=,match=f=g=h,match=i!=",
	     "stdout 0 a=b c!=d e= f=g=h i!="},
	    {"stdout,bell=severity=critical",
	     "stdout 0 bell severity=critical"},
	    {"stdout,wait=yes", "stdout 0"},
	    {"fifo:/run/b,mode=0600", "fifo:/run/b 0 mode 180 at /run/b"},
	    {"fifo:/a:b=c", "fifo:/a:b=c 0 mode 1a0 at /a:b=c"},
	    {"serial:/dev/ttyS0",
	     "serial:/dev/ttyS0 0 crlf 115200 8n1 0 at /dev/ttyS0"},
	    {"serial:/dev/ttyS0,frame=8n1",
	     "serial:/dev/ttyS0 0 crlf 115200 8n1 0 at /dev/ttyS0"},
	    {"serial:/dev/ttyS0,frame=6n2,flow=none",
	     "serial:/dev/ttyS0 0 crlf 115200 6n2 0 at /dev/ttyS0"},
	    {"serial:/dev/ttyS0,frame=5o1,flow=rtscts",
	     "serial:/dev/ttyS0 0 crlf 115200 5o1 1 at /dev/ttyS0"},
	    {"serial:/dev/ttyS0,eol=lf,baud=9600,frame=7e2,flow=xonxoff",
	     "serial:/dev/ttyS0 0 9600 7e2 2 at /dev/ttyS0"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[256], words[256], text[256];
		struct buf error = buf_of(bytes, sizeof bytes),
			   b = buf_of(words, sizeof words);
		snprintf(text, sizeof text, "emit = %s", table[i].emit);
		CHECK(read_both(text, "", &error), "row %zu: %.*s", i,
		      (int)error.n, error.p);
		assert_int_equal(config.sinks, 1);
		describe(&b, &config.sink[0]);
		CHECK_SPAN(buf_span(&b), span_of(table[i].sink), "row %zu", i);
	}
}

/* Any rate in reason. */
static void knows_rates(void **state)
{
	static const struct {
		const char *said;
		unsigned rate; /* 0: refused */
	} table[] = {
	    {"50", 50},         {"49", 0},
	    {"0", 0},           {"12000000", 12000000},
	    {"12000001", 0},    {"4294967346", 0},
	    {"31250", 31250},   {"250000", 250000},
	    {"115200", 115200}, {"1e3", 0},
	    {"-9600", 0},       {"9600.0", 0},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[512], text[64];
		struct buf error = buf_of(bytes, sizeof bytes);
		snprintf(text, sizeof text, "emit=serial:/a,baud=%s",
			 table[i].said);
		CHECK(read_both(text, "", &error) == (table[i].rate != 0), "%s",
		      text);
		if (table[i].rate)
			assert_int_equal(config.sink[0].place.baud,
					 table[i].rate);
	}
}

static void decides_what_is_in_force(void **state)
{
	static const struct {
		const char *file, *line, *check;
	} table[] = {
	    {"", "", ""},
	    {"path = /a\npath = /b", "", "path = /b\n"},
	    {"path = /a", "--path /b", "path = /b\n"},
	    {"path = /a", "--path /b --path=/c", "path = /c\n"},
	    {" \tpath\t=  /a \r\n# path = /b\n  # x\n\n", "", "path = /a\n"},
	    {"listen = :1\nlisten = :2", "", "listen = :1\nlisten = :2\n"},
	    {"listen = :1\nlisten = :2", "--listen :3", "listen = :3\n"},
	    {"listen = :1", "--listen :3 --listen :4",
	     "listen = :3\nlisten = :4\n"},
	    {"emit = stdout,match=a=b # no comment", "",
	     "emit = stdout,match=a=b # no comment\n"},
	    /* in the order of the table */
	    {"max-body = 1K\npath = /a", "--listen :1",
	     "listen = :1\npath = /a\nmax-body = 1K\n"},
	    {"", "-c x --path /a -cy", "path = /a\n"},
	    {"", "--path --path", NULL},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[256], out_bytes[4096], said_bytes[1024];
		struct buf error = buf_of(bytes, sizeof bytes),
			   out = buf_of(out_bytes, sizeof out_bytes),
			   said = buf_of(said_bytes, sizeof said_bytes);
		bool good = read_both(table[i].file, table[i].line, &error);
		CHECK(good == (table[i].check != NULL), "row %zu: %.*s", i,
		      (int)error.n, error.p);
		if (!good)
			continue;
		/* what is no default, without the origins */
		config_put_check(&input, &out);
		struct span s = buf_span(&out), origin, entry;
		while (span_split(&s, '\n', &origin) &&
		       span_split(&s, '\n', &entry)) {
			assert_true(span_starts(origin, SPAN("# ")));
			if (span_eq(origin, SPAN("# default")))
				continue;
			buf_put(&said, entry);
			buf_char(&said, '\n');
		}
		CHECK_SPAN(buf_span(&said), span_of(table[i].check), "row %zu",
			   i);
	}
}

static void tells_origins(void **state)
{
	char bytes[256], out_bytes[4096];
	struct buf error = buf_of(bytes, sizeof bytes),
		   out = buf_of(out_bytes, sizeof out_bytes);
	(void)state;
	assert_true(
	    read_both("\npath = /a\nlisten = :1\n", "--listen :2", &error));
	config_put_check(&input, &out);
	CHECK(span_starts(buf_span(&out), SPAN("# command line\nlisten = :2\n"
					       "# b.conf:2\npath = /a\n"
					       "# default\nemit = stdout\n")),
	      "%.*s", (int)out.n, out.p);
}

/* The file's name, as far as there is room. */
static void shows_long_names(void **state)
{
	static char name[LIMIT_PLACE + 2];
	(void)state;
	for (size_t n = LIMIT_PLACE; n <= LIMIT_PLACE + 1; n++) {
		char bytes[512], out_bytes[4096], want[512];
		struct buf error = buf_of(bytes, sizeof bytes),
			   out = buf_of(out_bytes, sizeof out_bytes);
		memset(name, 'n', n);
		snprintf(want, sizeof want, "%.*s%s:1", LIMIT_PLACE, name,
			 n == LIMIT_PLACE ? "" : "\xe2\x80\xa6");
		start();
		input.file_name = name;
		assert_false(config_add_file(&input, SPAN("x"), &error));
		CHECK(span_starts(buf_span(&error), span_of(want)), "%.*s",
		      (int)error.n, error.p);
		start();
		input.file_name = name;
		assert_true(config_add_file(&input, SPAN("path=/a"), &error));
		assert_true(config_apply(&input, &config, &error) ||
			    error.n != 0);
		config_put_check(&input, &out);
		out.p[out.n] = '\0';
		CHECK(strstr(out.p, want), "%s", out.p);
	}
}

static void fills_in_defaults(void **state)
{
	char bytes[256];
	struct buf error = buf_of(bytes, sizeof bytes), b;
	(void)state;
	assert_true(read_both("", "", &error));
	assert_int_equal(config.listens, 1);
	b = buf_of(bytes, sizeof bytes);
	address_put(&b, &config.listen[0]);
	CHECK_SPAN(buf_span(&b), SPAN("127.0.0.1:5000"), "listen");
	CHECK_SPAN(config.path, SPAN("/webhook"), "path");
	assert_int_equal(config.sinks, 1);
	assert_string_equal(config.sink[0].name, "stdout");
	assert_int_equal(config.ack_timeout_ms, 8000);
	assert_int_equal(config.max_body, 64 << 20);
	assert_int_equal(config.dedup_ms, 0);
	assert_int_equal(config.max_age_ms, 0);
	assert_int_equal(config.log_level, LOG_INFO);
	assert_int_equal(config.allows, 0);
	assert_null(config.spool.p);
	assert_null(config.user.p);
	/* each default is a value that the option takes */
	for (const struct option *o = config_options(); o->name.p; o++)
		CHECK(o->argument && o->help, "%s", o->name.p);
}

static void reads_the_rest(void **state)
{
	char bytes[256];
	struct buf error = buf_of(bytes, sizeof bytes);
	(void)state;
	CHECK(read_both("spool = /var/b,size=300000\ndedup = 5m\nmax-age = 1h\n"
			"allow = 10.0.0.0/8,::1\nallow = 192.168.0.0/16\n"
			"user = 1000:1000\nchroot = /r\nlog-level = error\n"
			"health = :8080\nemit = stdout\n"
			"emit = fifo:/b,wait=no\n",
			"", &error),
	      "%.*s", (int)error.n, error.p);
	CHECK_SPAN(config.spool, SPAN("/var/b"), "spool");
	assert_true(config.has_health && !config.sink[0].no_wait);
	assert_true(config.sink[1].no_wait);
	assert_int_equal(config.spool_size, 300000);
	assert_int_equal(config.dedup_ms, 300000);
	assert_int_equal(config.max_age_ms, 3600000);
	assert_int_equal(config.allows, 3);
	assert_int_equal(config.allow[0].bits, 8);
	assert_int_equal(config.allow[1].bits, 128);
	CHECK_SPAN(config.user, SPAN("1000:1000"), "user");
	CHECK_SPAN(config.root, SPAN("/r"), "chroot");
	assert_int_equal(config.log_level, LOG_ERROR);
	/* without a size */
	assert_true(read_both("spool = /var/b", "", &error));
	assert_int_equal(config.spool_size, LIMIT_SPOOL_FILE);
}

/* Templates, and the names of files and clients. */
static void reads_names(void **state)
{
	char bytes[256];
	struct buf error = buf_of(bytes, sizeof bytes);
	(void)state;
	CHECK(read_both("template = a={status}=\ntemplate = b=\n"
			"emit = stdout,format=b\n"
			"emit = fifo:/f,format=a,width=9\n"
			"tls-cert = c\ntls-key = k\ntls-client-ca = a\n"
			"tls-client-name = n\ntls-client-name = m\n"
			"auth-token-file = t\nauth-basic-file = b\n"
			"auth-hmac-file = h\nsandbox = off\n",
			"", &error),
	      "%.*s", (int)error.n, error.p);
	assert_int_equal(config.templates, 2);
	assert_int_equal(config.sink[0].format.kind, FORMAT_TEMPLATE);
	assert_int_equal(config.sink[1].format.kind, FORMAT_TEMPLATE);
	CHECK_SPAN(config.sink[0].format.text, SPAN(""), "b");
	CHECK_SPAN(config.sink[1].format.text, SPAN("{status}="), "a");
	CHECK_SPAN(config.tls_cert, SPAN("c"), "tls-cert");
	CHECK_SPAN(config.tls_key, SPAN("k"), "tls-key");
	CHECK_SPAN(config.tls_client_ca, SPAN("a"), "tls-client-ca");
	assert_int_equal(config.tls_names, 2);
	CHECK_SPAN(config.tls_name[0], SPAN("n"), "tls-client-name");
	CHECK_SPAN(config.tls_name[1], SPAN("m"), "tls-client-name");
	CHECK_SPAN(config.token_file, SPAN("t"), "auth-token-file");
	CHECK_SPAN(config.basic_file, SPAN("b"), "auth-basic-file");
	CHECK_SPAN(config.hmac_file, SPAN("h"), "auth-hmac-file");
	assert_int_equal(config.sandbox, 2);
	assert_true(read_both("sandbox = require", "", &error));
	assert_int_equal(config.sandbox, 1);
	/* each name once, and none of ours */
	assert_false(
	    read_both("template = a=1\ntemplate = line=2\n", "", &error));
	error.n = 0;
	assert_false(read_both("template = a=1\ntemplate = a=2\n", "", &error));
}

/* --deadman, and which sinks are spared what feeds it. */
static void reads_the_switch(void **state)
{
	static const struct {
		const char *deadman, *emit;
		unsigned matches, hushes;
	} table[] = {
	    {"deadman = 5m", "stdout", 0, 0},
	    {"deadman = 0,alertname=Watchdog", "stdout", 1, 0}, /* off */
	    {"deadman = 5m,alertname=Watchdog", "stdout", 1, 1},
	    {"deadman = 5m,alertname=W,severity=", "stdout", 2, 2},
	    {"deadman = 5m,a=1,a=2,a=3,a=4,a=5,a=6,a=7,a=8", "stdout", 8, 8},
	    /* one of the labels alone may be that of its own alert */
	    {"deadman = 5m,severity=critical,a=b", "stdout", 2, 2},
	    {"deadman = 5m,severity=warning", "stdout", 1, 1},
	    {"deadman = 5m,alertname=critical", "stdout", 1, 1},
	    /* a sink that asks for it by one of the labels gets it */
	    {"deadman = 5m,a=b,c=d", "stdout,match=c=d", 2, 0},
	    {"deadman = 5m,a=b,c=d", "stdout,match=x=y,match=a=b", 2, 0},
	    {"deadman = 5m,a=b",
	     "stdout,match=a=1,match=a=2,match=a=3,match=a=4,match=a=5,"
	     "match=a=6,match=a=7,match=a=8",
	     1, 1},
	    {"deadman = 5m,a=b", "stdout,match=a!=b", 1, 1},
	    {"deadman = 5m,a=b", "stdout,match=a=c", 1, 1},
	    {"deadman = 5m,a=b", "stdout,match=b=b", 1, 1},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char bytes[256], text[256];
		struct buf error = buf_of(bytes, sizeof bytes);
		snprintf(text, sizeof text, "%s\nemit = fifo:/f\nemit = %s\n",
			 table[i].deadman, table[i].emit);
		CHECK(read_both(text, "", &error), "row %zu: %.*s", i,
		      (int)error.n, error.p);
		CHECK(config.deadman_matches == table[i].matches, "row %zu", i);
		CHECK(config.sink[1].filter.hushes == table[i].hushes,
		      "row %zu: %u", i, config.sink[1].filter.hushes);
		bool on = config.deadman_ms != 0;
		assert_int_equal(config.sink[0].filter.hushes,
				 on ? table[i].matches : 0);
	}
	/* and what it reads */
	char bytes[256];
	struct buf error = buf_of(bytes, sizeof bytes);
	assert_true(read_both("deadman = 5m,a=b=c,d=", "", &error));
	assert_int_equal(config.deadman_ms, 300000);
	CHECK_SPAN(config.deadman_text, SPAN("5m"), "text");
	CHECK_SPAN(config.deadman_match[0].label, SPAN("a"), "label");
	CHECK_SPAN(config.deadman_match[0].value, SPAN("b=c"), "value");
	CHECK_SPAN(config.deadman_match[1].label, SPAN("d"), "label");
	CHECK_SPAN(config.deadman_match[1].value, SPAN(""), "value");
	assert_false(config.deadman_match[0].negated);
}

/* How long values may be. */
static void holds_the_lengths(void **state)
{
	static const struct {
		const char *option, *front, *behind;
		size_t most; /* bytes between front and behind */
	} table[] = {
	    {"path", "/", "", 1023},
	    {"spool", "", ",size=1M", 200},
	    {"user", "", "", 200},
	    {"template", "a=", "", LIMIT_TEMPLATE},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		for (size_t n = table[i].most; n <= table[i].most + 1; n++) {
			char bytes[512], text[2048];
			struct buf error = buf_of(bytes, sizeof bytes);
			size_t at = (size_t)sprintf(
			    text, "%s = %s", table[i].option, table[i].front);
			memset(text + at, 'x', n);
			strcpy(text + at + n, table[i].behind);
			CHECK(read_both(text, "", &error) ==
				  (n == table[i].most),
			      "row %zu: %zu bytes", i, n);
		}
	}
}

static void holds_the_limits(void **state)
{
	static const struct {
		const char *format;
		unsigned most;
	} table[] = {
	    {"listen = :%u\n", LIMIT_LISTENERS},
	    {"emit = fifo:/%u\n", LIMIT_SINKS},
	    {"allow = 10.0.0.%u\n", LIMIT_ALLOWS},
	    {"path = /%u\n", LIMIT_CONFIG_ENTRIES},
	    {"template = a%u=x\n", LIMIT_TEMPLATES},
	    {"tls-cert = a\ntls-key = b\ntls-client-ca = c\n"
	     "tls-client-name = a%u\n",
	     LIMIT_TLS_NAMES},
	};
	static char text[8192];
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		for (unsigned n = table[i].most; n <= table[i].most + 1; n++) {
			char bytes[512];
			struct buf error = buf_of(bytes, sizeof bytes);
			size_t at = 0;
			for (unsigned k = 0; k < n; k++)
				at += (size_t)sprintf(text + at,
						      table[i].format, k);
			CHECK(read_both(text, "", &error) ==
				  (n <= table[i].most),
			      "row %zu, %u: %.*s", i, n, (int)error.n, error.p);
		}
	}
	/* names of sinks */
	for (size_t n = LIMIT_SINK_PLACE - 8; n < LIMIT_SINK_PLACE + 8; n++) {
		char bytes[512];
		struct buf error = buf_of(bytes, sizeof bytes);
		snprintf(text, sizeof text, "emit = fifo:/%0*d", (int)n, 0);
		bool good = read_both(text, "", &error);
		CHECK(!good || strlen(config.sink[0].name) == n + 6, "%zu", n);
		CHECK(good == (n + 1 <= LIMIT_SINK_PLACE), "%zu", n);
	}
	/* matches */
	for (unsigned n = LIMIT_MATCHES; n <= LIMIT_MATCHES + 1; n++) {
		char bytes[512];
		struct buf error = buf_of(bytes, sizeof bytes);
		size_t at = (size_t)sprintf(text, "emit = stdout");
		for (unsigned k = 0; k < n; k++)
			at += (size_t)sprintf(text + at, ",match=a=%u", k);
		assert_int_equal(read_both(text, "", &error),
				 n == LIMIT_MATCHES);
	}
}

static void finds_the_file(void **state)
{
	static const struct {
		const char *line, *file;
	} table[] = {
	    {"", NULL},
	    {"--path /a", NULL},
	    {"-c a", "a"},
	    {"-ca", "a"},
	    {"-c a -c b", "b"},
	    {"--path /a -cb --path /c", "b"},
	    {"-c a -c", NULL},
	    /* a value is no option */
	    {"--path -c", NULL},
	    {"-c -c a", "-c"},
	    {"--emit -cx --path /a", NULL},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		char memory[256];
		const char *argv[16];
		int argc = split(table[i].line, memory, argv);
		const char *file = config_find_file(argc, argv);
		CHECK((file == NULL) == (table[i].file == NULL),
		      "row %zu: %s: %s", i, table[i].line,
		      file ? file : "(none)");
		CHECK(file == NULL || strcmp(file, table[i].file) == 0,
		      "row %zu: %s", i, file);
	}
}

static void helps(void **state)
{
	static char bytes[8192];
	struct buf out = buf_of(bytes, sizeof bytes);
	(void)state;
	config_put_help(&out);
	assert_false(out.cut);
	for (const struct option *o = config_options(); o->name.p; o++) {
		char want[64];
		snprintf(want, sizeof want, "  --%.*s %s ", (int)o->name.n,
			 o->name.p, o->argument);
		bytes[out.n] = '\0';
		CHECK(strstr(bytes, want), "%s", want);
	}
	CHECK(strstr(bytes, "  --path PATH"), "path");
	CHECK(strstr(bytes, "[/webhook]"), "its default");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_with_one_line),
	    cmocka_unit_test(refuses_values),
	    cmocka_unit_test(reads_times_and_sizes),
	    cmocka_unit_test(reads_sinks),
	    cmocka_unit_test(knows_rates),
	    cmocka_unit_test(decides_what_is_in_force),
	    cmocka_unit_test(tells_origins),
	    cmocka_unit_test(shows_long_names),
	    cmocka_unit_test(fills_in_defaults),
	    cmocka_unit_test(reads_the_rest),
	    cmocka_unit_test(reads_names),
	    cmocka_unit_test(reads_the_switch),
	    cmocka_unit_test(holds_the_lengths),
	    cmocka_unit_test(holds_the_limits),
	    cmocka_unit_test(finds_the_file),
	    cmocka_unit_test(helps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
