/* fuzz_render.c - every format, and any template, over any payload.
 *
 * One record makes one line of UTF-8 with no control character but the bell and
 * the colours that were asked for, as wide as was asked for; a narrow line is
 * the beginning of the wide one; json says what the payload said; logfmt has as
 * many pairs as the alert gives it.
 *
 * The input: a byte of switches, two of width, a template that ends with a NUL,
 * the payload. */
#include "alert/others.h"
#include "alert/payload.h"
#include "render/render.h"
#include "json/json.h"

#include "mutate.h"
#include "poison.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRONT = 3, TOKENS = LIMIT_ALERT * 2 };

size_t fuzz_json_at(const uint8_t *data, size_t size)
{
	const uint8_t *nul =
	    size > FRONT ? memchr(data + FRONT, '\0', size - FRONT) : NULL;
	return nul ? (size_t)(nul - data) + 1 : size;
}

/* --- lines --------------------------------------------------------------- */

static size_t characters(struct span s)
{
	size_t n = 0;
	for (; s.n; n++) {
		uint32_t c;
		ASSERT(utf8_take(&s, &c));
	}
	return n;
}

/* What may not come out as it is, as Unicode has it: C0, DEL, C1, line and
 * paragraph separator, Bidi_Control. */
static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
	       c == 0x2029 || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Takes away what may stand around a line, and checks the rest of it. */
static struct span check_line(struct span s, const struct format *f, bool rings)
{
	struct span end = f->crlf ? SPAN("\r\n") : SPAN("\n");
	ASSERT(s.n >= end.n);
	s.n -= end.n;
	ASSERT(memcmp(s.p + s.n, end.p, end.n) == 0);
	if (rings) {
		ASSERT(s.n && s.p[0] == '\a');
		s = span_skip(s, 1);
	}
	if (f->colour) {
		ASSERT(span_starts(s, SPAN("\x1b[3")) && s.n >= 9 &&
		       s.p[4] == 'm');
		ASSERT(memcmp(s.p + s.n - 4, "\x1b[0m", 4) == 0);
		s = (struct span){s.p + 5, s.n - 9};
	}
	for (struct span rest = s; rest.n;) {
		uint32_t c;
		ASSERT(utf8_take(&rest, &c));
		ASSERT(!is_unsafe(c));
		ASSERT(!f->ascii || c <= 0x7e);
	}
	ASSERT(f->width == 0 || characters(s) <= f->width);
	return s;
}

/* A line of at most f->width characters against the same one of any width. */
static void check_cut(struct span cut, struct span whole,
		      const struct format *f)
{
	struct span mark = f->ascii ? SPAN(">") : SPAN("\xe2\x80\xa6");
	if (f->width == 0 || characters(whole) <= f->width) {
		ASSERT(span_eq(cut, whole));
		return;
	}
	ASSERT(characters(cut) == f->width);
	ASSERT(cut.n >= mark.n);
	cut.n -= mark.n;
	ASSERT(span_eq((struct span){cut.p + cut.n, mark.n}, mark));
	ASSERT(span_starts(whole, cut));
}

/* In ASCII: the same with one `?` for each character above. */
static void check_ascii(struct span ascii, struct span whole)
{
	while (whole.n) {
		uint32_t c;
		utf8_take(&whole, &c);
		ASSERT(ascii.n && (unsigned char)ascii.p[0] ==
				      (c > 0x7e ? '?' : (unsigned char)c));
		ascii = span_skip(ascii, 1);
	}
	ASSERT(ascii.n == 0);
}

static struct span render(char *bytes, const struct format *f,
			  const struct record *r, const struct alert *a)
{
	struct buf out = buf_of(bytes, LIMIT_LINE);
	bool rings = false;
	if (a && f->bell.label.p) {
		struct span v = alert_label(a, f->bell.label);
		rings = v.p ? json_is(v, f->bell.value) : f->bell.value.n == 0;
	}
	ASSERT(render_record(&out, f, r, a));
	ASSERT(!out.cut);
	return check_line(buf_span(&out), f, rings);
}

/* --- json: compared with code of its own ---------------------------------- */

/* The next UTF-16 unit of a string's inside. *low: a second one to come. */
static uint32_t take_unit(struct span *s, uint32_t *low)
{
	static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	uint32_t c = 0;
	if (*low) {
		c = *low;
		*low = 0;
		return c;
	}
	if (s->p[0] != '\\') {
		ASSERT(utf8_take(s, &c));
		if (c < 0x10000)
			return c;
		*low = 0xdc00 + ((c - 0x10000) & 0x3ff);
		return 0xd800 + ((c - 0x10000) >> 10);
	}
	ASSERT(s->n >= 2);
	char kind = s->p[1];
	*s = span_skip(*s, 2);
	if (kind == 'u') {
		ASSERT(s->n >= 4);
		for (size_t i = 0; i < 4; i++) {
			int digit = hex_digit(s->p[i]);
			ASSERT(digit >= 0);
			c = c * 16 + (uint32_t)digit;
		}
		*s = span_skip(*s, 4);
		return c;
	}
	for (size_t i = 0; i + 1 < sizeof escapes; i += 2)
		if (escapes[i] == kind)
			return (unsigned char)escapes[i + 1];
	ASSERT(false);
	return 0;
}

static bool same_text(struct span a, struct span b)
{
	uint32_t low_a = 0, low_b = 0;
	while ((a.n || low_a) && (b.n || low_b))
		if (take_unit(&a, &low_a) != take_unit(&b, &low_b))
			return false;
	return !a.n && !low_a && !b.n && !low_b;
}

/* A JSON text and its values in a row, each with all that is inside of it. */
struct tree {
	struct span text;
	jsmntok_t token[TOKENS];
	size_t n;
};

static struct tree before, after;

static void read_tree(struct tree *t, struct span text)
{
	jsmn_parser parser;
	jsmn_init(&parser);
	int n = jsmn_parse(&parser, text.p, text.n, t->token, TOKENS);
	ASSERT(n > 0);
	t->text = text;
	t->n = (size_t)n;
}

static struct span inside(const struct tree *t, size_t i)
{
	const jsmntok_t *k = &t->token[i];
	return (struct span){t->text.p + k->start, (size_t)(k->end - k->start)};
}

static size_t skip(const struct tree *t, size_t i)
{
	int end = t->token[i].end;
	for (i++; i < t->n && t->token[i].start < end; i++)
		;
	return i;
}

/* The value at i of one and the value at j of the other are the same. */
static bool same_value(const struct tree *a, size_t i, const struct tree *b,
		       size_t j)
{
	size_t end_i = skip(a, i), end_j = skip(b, j);
	if (end_i - i != end_j - j)
		return false;
	for (; i < end_i; i++, j++) {
		const jsmntok_t *x = &a->token[i], *y = &b->token[j];
		if (x->type != y->type || x->size != y->size)
			return false;
		if (x->type == JSMN_STRING &&
		    !same_text(inside(a, i), inside(b, j)))
			return false;
		if (x->type == JSMN_PRIMITIVE &&
		    !span_eq(inside(a, i), inside(b, j)))
			return false;
	}
	return true;
}

static bool is_member(const struct tree *t, size_t i, const char *name)
{
	return i < t->n && same_text(inside(t, i), span_of(name));
}

/* Where the value of that member of the outermost object is; 0: nowhere. */
static size_t find(const struct tree *t, const char *name)
{
	for (size_t i = 1; i < t->n; i = skip(t, i + 1))
		if (is_member(t, i, name))
			return i + 1;
	return 0;
}

static const char *const known[] = {"status",     "labels", "annotations",
				    "startsAt",   "endsAt", "generatorURL",
				    "fingerprint"};
static const char *const ours[] = {"receiver", "groupKey", "externalURL",
				   "notification_reason", "notice"};

static bool is_one_of(const struct tree *t, size_t i, const char *const *names,
		      size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (is_member(t, i, names[k]))
			return true;
	return false;
}

/* The next member of the output is that one, of that raw value. Absent: it must
 * not be there. Returns where the one behind it is. */
static size_t check_raw(size_t at, const char *name, struct span value)
{
	if (value.p == NULL)
		return at;
	ASSERT(is_member(&after, at, name));
	struct span got = inside(&after, at + 1);
	if (value.p[0] == '"')
		ASSERT(same_text(got, (struct span){value.p + 1, value.n - 2}));
	else
		ASSERT(span_eq(got, value));
	return skip(&after, at + 1);
}

static size_t check_known(size_t at, const char *name, const char *missing)
{
	size_t from = find(&before, name);
	if (from == 0 && missing == NULL)
		return at;
	ASSERT(is_member(&after, at, name));
	if (from)
		ASSERT(same_value(&before, from, &after, at + 1));
	else
		ASSERT(span_eq(inside(&after, at + 1), span_of(missing)));
	return skip(&after, at + 1);
}

static void check_json(struct span line, const struct record *r,
		       const struct alert *a)
{
	const struct envelope *e = &r->envelope;
	bool resolved = alert_status(e, a) == ALERT_RESOLVED;
	read_tree(&before, a->json);
	read_tree(&after, line);
	size_t at = check_raw(1, "receiver", e->receiver);
	at = check_raw(at, "status",
		       resolved ? SPAN("\"resolved\"") : SPAN("\"firing\""));
	at = check_known(at, "labels", "{}");
	at = check_known(at, "annotations", "{}");
	at = check_known(at, "startsAt", NULL);
	at = check_known(at, "endsAt", NULL);
	at = check_known(at, "generatorURL", NULL);
	at = check_known(at, "fingerprint", NULL);
	for (size_t i = 1; i < before.n; i = skip(&before, i + 1)) {
		if (is_one_of(&before, i, known, 7) ||
		    is_one_of(&before, i, ours, 5))
			continue;
		ASSERT(at < after.n);
		ASSERT(same_text(inside(&before, i), inside(&after, at)));
		ASSERT(same_value(&before, i + 1, &after, at + 1));
		at = skip(&after, at + 1);
	}
	at = check_raw(at, "groupKey", e->group_key);
	at = check_raw(at, "externalURL", e->external_url);
	at = check_raw(at, "notification_reason", e->reason);
	ASSERT(at == after.n);
}

/* --- logfmt -------------------------------------------------------------- */

static size_t expected_pairs(const struct alert *a)
{
	static const struct span texts[] = {
	    SPAN("summary"), SPAN("description"), SPAN("message")};
	size_t n = 2; /* ts and status */
	n += alert_label(a, SPAN("severity")).n != 0;
	n += alert_label(a, SPAN("alertname")).n != 0;
	for (size_t i = 0; i < a->labels.n; i++) {
		struct span name = alert_pair(a, a->labels, i).name;
		n += !same_text(name, SPAN("severity")) &&
		     !same_text(name, SPAN("alertname"));
	}
	for (size_t i = 0; i < 3; i++)
		if (alert_annotation(a, texts[i]).n)
			return n + 1;
	return n;
}

/* key=value or key="value", one blank between. */
static void check_logfmt(struct span s, size_t expected)
{
	size_t pairs = 0, own = 0;
	while (s.n) {
		size_t i = 0;
		for (; i < s.n && s.p[i] != '='; i++)
			ASSERT(s.p[i] != ' ' && s.p[i] != '"');
		ASSERT(i && i < s.n);
		struct span key = {s.p, i};
		own += span_eq(key, SPAN("ts")) || span_eq(key, SPAN("status"));
		i++;
		if (i < s.n && s.p[i] == '"') {
			for (i++; i < s.n && s.p[i] != '"'; i++)
				i += s.p[i] == '\\';
			ASSERT(i < s.n);
			i++;
		} else {
			size_t start = i;
			for (; i < s.n && s.p[i] != ' '; i++)
				ASSERT(s.p[i] != '"' && s.p[i] != '=');
			ASSERT(i > start);
		}
		ASSERT(i == s.n || s.p[i] == ' ');
		s = span_skip(s, i == s.n ? i : i + 1);
		pairs++;
	}
	ASSERT(pairs == expected && own == 2);
}

/* --- templates ----------------------------------------------------------- */

/* A template that is one placeholder of N columns makes lines of N columns. */
static void check_columns(struct span text, struct span line)
{
	uint64_t columns;
	size_t i = text.n ? text.n - 1 : 0;
	if (text.n < 4 || text.p[0] != '{' || text.p[i] != '}' ||
	    text.p[1] == '{' || memchr(text.p, '"', text.n) ||
	    memchr(text.p + 1, '{', text.n - 1) ||
	    memchr(text.p, '}', text.n - 1))
		return;
	while (text.p[i - 1] >= '0' && text.p[i - 1] <= '9')
		i--;
	if (text.p[i - 1] != ':' ||
	    !span_u64((struct span){text.p + i, text.n - 1 - i}, &columns))
		return;
	ASSERT(columns == 0 || characters(line) == columns);
}

/* A label by itself: its text, with what is unsafe in some visible form. */
static void check_label(const struct record *r, const struct alert *a,
			const struct pair *label)
{
	static char bytes[LIMIT_LINE];
	char text_bytes[64];
	struct buf text = buf_of(text_bytes, sizeof text_bytes);
	struct span value = label->value;
	uint32_t low = 0, c, got;
	for (size_t i = 0; i < label->name.n; i++)
		if (label->name.p[i] < 'a' || label->name.p[i] > 'z')
			return;
	buf_str(&text, "{labels.");
	buf_put(&text, label->name);
	buf_char(&text, '}');
	if (text.cut || label->name.n == 0)
		return;
	struct format f = {.kind = FORMAT_TEMPLATE, .text = buf_span(&text)};
	struct span line = render(bytes, &f, r, a);
	while (value.n || low) {
		c = take_unit(&value, &low);
		if (c >= 0xd800 && c <= 0xdbff && (value.n || low)) {
			struct span value_before = value;
			uint32_t low_before = low;
			uint32_t second = take_unit(&value, &low);
			if (second >= 0xdc00 && second <= 0xdfff) {
				c = 0x10000 + ((c - 0xd800) << 10) +
				    (second - 0xdc00);
			} else {
				value = value_before;
				low = low_before;
			}
		}
		if (c >= 0xd800 && c <= 0xdfff)
			c = 0xfffd; /* alone */
		ASSERT(line.n);
		utf8_take(&line, &got);
		ASSERT(is_unsafe(c) ? got == '\\' : got == c);
		if (!is_unsafe(c))
			continue;
		ASSERT(line.n);
		char kind = line.p[0];
		size_t n = kind == 'x' ? 3 : kind == 'u' ? 5 : 1;
		ASSERT(line.n >= n);
		line = span_skip(line, n);
	}
	ASSERT(line.n == 0);
}

/* --- all of it ------------------------------------------------------------ */

static void render_alert(const struct format *wanted, const struct record *r,
			 const struct alert *a)
{
	static char bytes[LIMIT_LINE], whole_bytes[LIMIT_LINE];
	for (int kind = FORMAT_LINE; kind <= FORMAT_TEMPLATE; kind++) {
		struct format f = *wanted, plain = {.text = wanted->text};
		if (kind == FORMAT_TEMPLATE && f.text.p == NULL)
			continue;
		f.kind = plain.kind = (enum format_kind)kind;
		if (kind == FORMAT_JSON) {
			/* as config.h allows it */
			f.width = 0;
			f.bell.label = SPAN_NONE;
			f.colour = false;
		}
		struct span line = render(bytes, &f, r, a);
		plain.ascii = f.ascii;
		struct span whole = render(whole_bytes, &plain, r, a);
		check_cut(line, whole, &f);
		if (a && kind == FORMAT_JSON)
			check_json(whole, r, a);
		if (a && kind == FORMAT_LOGFMT)
			check_logfmt(whole, expected_pairs(a));
		if (a && kind == FORMAT_TEMPLATE)
			check_columns(f.text, whole);
		/* logfmt may do without quotes, the others cut or escape */
		if (!f.ascii || kind != FORMAT_LINE)
			continue;
		plain.ascii = false;
		line = render(bytes, &plain, r, a);
		f = plain;
		f.ascii = true;
		check_ascii(render(whole_bytes, &f, r, a), line);
	}
}

static void render_notices(const struct format *f, const struct envelope *e,
			   uint64_t count)
{
	struct record r = {
	    .envelope = *e, .count = count, .received_s = 1795485352};
	for (int kind = RECORD_NOTICE_TRUNCATED; kind <= RECORD_NOTICE_SKIPPED;
	     kind++) {
		r.kind = (enum record_kind)kind;
		render_alert(f, &r, NULL);
	}
}

static struct format read_format(const uint8_t *data, struct span text)
{
	uint8_t switches = data[0];
	struct format f = {
	    .ascii = switches & 1,
	    .crlf = switches & 2,
	    .colour = switches & 4,
	    .width = data[1] | (uint32_t)data[2] << 8,
	};
	if (switches & 8)
		f.bell =
		    (struct match){SPAN("severity"), SPAN("critical"), false};
	if (text.n > LIMIT_TEMPLATE)
		return f;
	const char *wrong = template_check(text);
	ASSERT(wrong == NULL || wrong[0]);
	if (wrong == NULL)
		f.text = text;
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct payload p;
	static struct alert alert;
	static struct alert_reader reader;
	size_t at = fuzz_json_at(data, size);
	if (at == size)
		return 0;
	struct span body = {(const char *)data + at, size - at};
	struct format f = read_format(
	    data, (struct span){(const char *)data + FRONT, at - FRONT - 1});
	char why_bytes[LIMIT_PLACE];
	POISON(&p, sizeof p);
	POISON(&alert, sizeof alert);
	POISON(&reader, sizeof reader);
	payload_start(&p, true);
	enum payload_event event;
	for (;;) {
		event = payload_next(&p, body.p, 0, body.n);
		if (event == PAYLOAD_LEFT_OUT)
			continue;
		if (event != PAYLOAD_ALERT)
			break;
		struct record r = {.kind = RECORD_ALERT,
				   .received_s = 1795485352,
				   .envelope = p.envelope};
		struct buf why = buf_of(why_bytes, sizeof why_bytes);
		r.json =
		    (struct span){body.p + p.start, (size_t)(p.end - p.start)};
		if (alert_parse(&alert, &reader, r.json, &why) != STATUS_OK ||
		    alert_status(&r.envelope, &alert) == ALERT_INHERITS)
			return 0;
		render_alert(&f, &r, &alert);
		for (size_t i = 0; i < alert.labels.n; i++) {
			struct pair l = alert_pair(&alert, alert.labels, i);
			check_label(&r, &alert, &l);
		}
	}
	if (event != PAYLOAD_REFUSED)
		render_notices(&f, &p.envelope, p.truncated);
	return 0;
}
