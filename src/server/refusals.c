/* refusals.c - see refusals.h. */
#include "server/refusals.h"

#include "base/bytes.h"

#include <string.h>

enum {
	PAUSE_MS = 1000,
	PAUSE_MOST_MS = 60000,
	LINES = 20, /* a second at the most, however many kinds come */
};

static struct address without_port(struct address a)
{
	a.port = 0;
	return a;
}

static bool is_same(const struct refusal_kind *k, const struct refusal *what,
		    uint32_t texts)
{
	struct address peer = without_port(what->peer);
	return k->status == what->status && k->texts == texts &&
	       k->peer.family == peer.family &&
	       memcmp(k->peer.ip, peer.ip, sizeof peer.ip) == 0;
}

static void log_refusal(struct refusals *r, struct log *log,
			const struct address *peer, enum status status,
			struct span asked, struct span why, uint64_t times)
{
	const struct status_info *info = status_info(status);
	struct log_line l;
	if (!log_begin(log, &l, LOG_WARN, "request refused"))
		return;
	log_address(&l, "peer", peer);
	if (asked.n)
		log_text(&l, "request", asked);
	log_number(&l, "code", info->code);
	log_text(&l, "reason", span_of(info->label));
	log_text(&l, "why", span_of(info->text));
	if (why.n)
		log_text(&l, "at", why);
	if (times)
		log_number(&l, "more_like_it", (int64_t)times);
	if (r->others)
		log_number(&l, "others_untold", (int64_t)r->others);
	r->others = 0;
	log_end(log, &l);
}

static void tell_kind(struct refusals *r, struct log *log,
		      struct refusal_kind *k, int64_t now_ms)
{
	log_refusal(r, log, &k->peer, k->status,
		    (struct span){k->asked, k->asked_n}, SPAN_NONE, k->untold);
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
		tell_kind(r, log, oldest, now_ms);
	return oldest;
}

static bool may_tell(struct refusals *r, int64_t now_ms)
{
	if (r->lines == 0 || now_ms - r->second_ms >= 1000) {
		r->second_ms = now_ms;
		r->lines = 0;
	}
	if (r->lines == LINES) {
		r->others++;
		return false;
	}
	r->lines++;
	return true;
}

void refusals_note(struct refusals *r, struct log *log,
		   const struct refusal *what, int64_t now_ms)
{
	uint32_t texts = crc32c(crc32c(0, what->asked.p, what->asked.n),
				what->why.p, what->why.n);
	for (unsigned i = 0; i < r->kinds; i++) {
		struct refusal_kind *k = &r->kind[i];
		if (!is_same(k, what, texts))
			continue;
		if (k->untold || now_ms - k->told_ms < k->pause_ms) {
			k->untold++;
			return;
		}
		if (now_ms - k->told_ms >= 2 * k->pause_ms)
			k->pause_ms = PAUSE_MS; /* it had ended */
		k->told_ms = now_ms;
		log_refusal(r, log, &what->peer, what->status, what->asked,
			    what->why, 0);
		return;
	}
	if (!may_tell(r, now_ms))
		return;
	struct refusal_kind *k = take_place(r, log, now_ms);
	*k = (struct refusal_kind){
	    .peer = without_port(what->peer),
	    .status = what->status,
	    .texts = texts,
	    .told_ms = now_ms,
	    .pause_ms = PAUSE_MS,
	};
	struct buf asked = buf_of(k->asked, sizeof k->asked);
	buf_put(&asked, what->asked);
	k->asked_n = asked.n;
	log_refusal(r, log, &what->peer, what->status, what->asked, what->why,
		    0);
}

void refusals_tell(struct refusals *r, struct log *log, int64_t now_ms)
{
	for (unsigned i = 0; i < r->kinds; i++) {
		struct refusal_kind *k = &r->kind[i];
		if (k->untold &&
		    (now_ms == INT64_MAX || now_ms - k->told_ms >= k->pause_ms))
			tell_kind(r, log, k, now_ms);
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
