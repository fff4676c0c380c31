/*
 * render.h - an alert as one line of text. A security boundary: whatever the
 * payload holds, one record makes one line, and no control character of the
 * payload's comes out.
 *
 * Pure.
 */
#ifndef RENDER_RENDER_H
#define RENDER_RENDER_H

#include "render/forms.h"

/*
 * Writes the record's line with its end of line. For RECORD_ALERT, a is the
 * alert taken apart; else it is NULL. out's room behind out->n must be
 * LIMIT_LINE at least; a line that is longer still is cut with a mark, and
 * false returned.
 */
bool render_record(struct buf *out, const struct format *f,
		   const struct record *r, const struct alert *a);

#endif
