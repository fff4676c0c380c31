/* refusals.c - see refusals.h. */
#include "server/refusals.h"

#include "base/bytes.h"
#include "tls/tls.h"

#include <string.h>

enum {
	PAUSE_MS = 1000,
	PAUSE_MOST_MS = 60000,
	/* of new kinds, however many come: so many at once, and then one in
	 * each LINE_MS */
	LINES = 20,
	LINE_MS = 10000,
};

static struct address without_port(struct address a)
{
	a.port = 0;
	return a;
}

static uint32_t texts_of(const struct refusal *what)
{
	/* who guesses passwords may do that in many places */
	if (what->of == REFUSAL_REQUEST && what->cause == STATUS_UNAUTHORIZED)
		return 0;
	uint32_t sum = crc32c(0, what->asked.p, what->asked.n);
	return crc32c(sum, what->place.p, what->place.n);
}

static bool is_same(const struct refusal_kind *k, const struct refusal *what,
		    uint32_t texts)
{
	return k->what.of == what->of && k->what.cause == what->cause &&
	       k->what.why == what->why && k->texts == texts &&
	       k->what.peer.family == what->peer.family &&
	       memcmp(k->what.peer.ip, what->peer.ip, sizeof what->peer.ip) ==
		   0;
}

static void put_cause(struct log_line *l, const struct refusal *what)
{
	const char *why = what->why;
	if (what->of == REFUSAL_REQUEST) {
		const struct status_info *info =
		    status_info((enum status)what->cause);
		log_number(l, "code", info->code);
		log_text(l, "reason", span_of(info->label));
		why = info->text;
	} else if (what->cause) {
		log_number(l, "number", what->cause);
		why = tls_error_text(what->cause);
	}
	if (why)
		log_text(l, "why", span_of(why));
}

static void log_refusal(struct log *log, const struct refusal *what,
			uint64_t more)
{
	static const char *const message[] = {
	    [REFUSAL_REQUEST] = "request refused",
	    [REFUSAL_ADDRESS] = "address refused",
	    [REFUSAL_HANDSHAKE] = "TLS handshake failed",
	    [REFUSAL_TLS] = "TLS connection failed",
	};
	struct log_line l;
	if (!log_begin(log, &l, LOG_WARN, message[what->of]))
		return;
	log_address(&l, "peer", &what->peer);
	if (what->asked.n)
		log_text(&l, "request", what->asked);
	put_cause(&l, what);
	if (what->place.n)
		log_text(&l, "at", what->place);
	if (more)
		log_number(&l, "more_like_it", (int64_t)more);
	log_end(log, &l);
}

static void tell_kind(struct log *log, struct refusal_kind *k, int64_t now_ms)
{
	log_refusal(log, &k->what, k->untold);
	k->untold = 0;
	k->told_ms = now_ms;
	k->pause_ms =
	    k->pause_ms < PAUSE_MOST_MS / 2 ? 2 * k->pause_ms : PAUSE_MOST_MS;
}

/* A place for a new kind: in that of the one that was told longest ago, if
 * there is no other. */
static struct refusal_kind *take_place(struct refusals *r, struct log *log,
				       int64_t now_ms)
{
	struct refusal_kind *oldest = &r->kind[0];
	if (r->kinds < REFUSAL_KINDS)
		return &r->kind[r->kinds++];
	for (unsigned i = 1; i < REFUSAL_KINDS; i++)
		if (r->kind[i].told_ms < oldest->told_ms)
			oldest = &r->kind[i];
	if (oldest->untold)
		tell_kind(log, oldest, now_ms);
	return oldest;
}

static bool has_line(struct refusals *r, int64_t now_ms)
{
	int64_t earned = (now_ms - r->earned_ms) / LINE_MS;
	r->earned_ms += earned * LINE_MS;
	r->lines = r->lines > earned ? r->lines - earned : 0;
	if (r->lines == LINES)
		return false;
	r->lines++;
	return true;
}

/* One like it was told before. */
static void note_more(struct refusal_kind *k, struct log *log,
		      const struct refusal *what, int64_t now_ms)
{
	if (k->untold || now_ms - k->told_ms < k->pause_ms) {
		k->untold++;
		return;
	}
	if (now_ms - k->told_ms >= 2 * k->pause_ms)
		k->pause_ms = PAUSE_MS; /* it had ended */
	k->told_ms = now_ms;
	log_refusal(log, what, 0);
}

static void note_first(struct refusal_kind *k, const struct refusal *what,
		       uint32_t texts, int64_t now_ms)
{
	struct buf asked = buf_of(k->asked, sizeof k->asked);
	buf_put(&asked, what->asked);
	k->what = *what;
	k->what.peer = without_port(what->peer);
	k->what.asked = buf_span(&asked);
	k->what.place = SPAN_NONE;
	k->texts = texts;
	k->untold = 0;
	k->told_ms = now_ms;
	k->pause_ms = PAUSE_MS;
}

void refusals_note(struct refusals *r, struct log *log,
		   const struct refusal *what, int64_t now_ms)
{
	uint32_t texts = texts_of(what);
	if (log->level < LOG_WARN)
		return;
	for (unsigned i = 0; i < r->kinds; i++) {
		if (is_same(&r->kind[i], what, texts)) {
			note_more(&r->kind[i], log, what, now_ms);
			return;
		}
	}
	if (!has_line(r, now_ms)) {
		log->dropped++;
		return;
	}
	note_first(take_place(r, log, now_ms), what, texts, now_ms);
	log_refusal(log, what, 0);
}

void refusals_tell(struct refusals *r, struct log *log, int64_t now_ms)
{
	for (unsigned i = 0; i < r->kinds; i++) {
		struct refusal_kind *k = &r->kind[i];
		if (k->untold &&
		    (now_ms == INT64_MAX || now_ms - k->told_ms >= k->pause_ms))
			tell_kind(log, k, now_ms);
	}
}

int64_t refusals_deadline(const struct refusals *r)
{
	int64_t least = INT64_MAX;
	for (unsigned i = 0; i < r->kinds; i++) {
		const struct refusal_kind *k = &r->kind[i];
		if (k->untold && k->told_ms + k->pause_ms < least)
			least = k->told_ms + k->pause_ms;
	}
	return least;
}
