/*
 * render.h - an alert as one line of text. A security boundary: whatever the
 * payload holds, one record makes one line, and no control character of the
 * payload's comes out.
 *
 * Pure.
 */
#ifndef RENDER_RENDER_H
#define RENDER_RENDER_H

#include "spool/spool.h"

enum format_kind {
	FORMAT_LINE,
	FORMAT_JSON,
	FORMAT_LOGFMT,
	FORMAT_TEMPLATE, /* `text`; notices come as with LINE */
};

struct match {
	struct span label, value;
	bool negated; /* LABEL!=VALUE */
};

/* How a sink wants its lines, and which. */
struct format {
	enum format_kind kind;
	struct span text; /* of TEMPLATE, see template_check() */
	bool skip_resolved;
	bool ascii;
	bool crlf;
	bool colour;    /* SGR around a line; not with json */
	uint32_t width; /* characters, 0 is any */
	struct match match[LIMIT_MATCHES];
	unsigned matches;
	struct match bell; /* absent label: never */
	/* alerts that match all of these are not for this sink */
	const struct match *hush;
	unsigned hushes;
};

/* Reads a template: NULL, or what would be right. */
const char *template_check(struct span text);

/* The alert's status, or the payload's where it has none. */
enum alert_status render_status(const struct envelope *e,
				const struct alert *a);

/* Does the alert match all of them, and are there any? */
bool render_is_hushed(const struct match *hush, unsigned n,
		      const struct alert *a);

/* Does a sink with that format take the alert? A missing label is an empty one,
 * as in Prometheus. Notices go to every sink. */
bool render_wants(const struct format *f, const struct envelope *e,
		  const struct alert *a);

/*
 * Writes the record's line with its end of line. For RECORD_ALERT, a is the
 * alert taken apart; else it is NULL. out's room behind out->n must be
 * LIMIT_LINE at least; a line that is longer still is cut with a mark, and
 * false returned.
 */
bool render_record(struct buf *out, const struct format *f,
		   const struct record *r, const struct alert *a);

#endif
