/*
 * render.h - an alert as one line of text. A security boundary: whatever the
 * payload holds, one record makes one line, and no control character of the
 * payload's comes out.
 *
 * Pure.
 */
#ifndef RENDER_RENDER_H
#define RENDER_RENDER_H

#include "alert/match.h"
#include "alert/record.h"

enum format_kind {
	FORMAT_LINE,
	FORMAT_JSON,
	FORMAT_LOGFMT,
	FORMAT_TEMPLATE, /* `text`; notices come as with LINE */
};

/* How a sink wants its lines. */
struct format {
	enum format_kind kind;
	struct span text; /* of TEMPLATE, see template_check() */
	bool ascii;
	bool crlf;
	bool colour;       /* SGR around a line; not with json */
	uint32_t width;    /* characters, 0 is any */
	struct match bell; /* absent label: never */
};

/* Reads a template: NULL, or what would be right. */
const char *template_check(struct span text);

/*
 * Writes the record's line with its end of line. For RECORD_ALERT, a is the
 * alert taken apart; else it is NULL. out's room behind out->n must be
 * LIMIT_LINE at least; a line that is longer still is cut with a mark, and
 * false returned.
 */
bool render_record(struct buf *out, const struct format *f,
		   const struct record *r, const struct alert *a);

#endif
