/*
 * pieces.h - pieces of a payload on their way out, made safe; for all forms.
 *
 * Pure.
 */
#ifndef RENDER_PIECES_H
#define RENDER_PIECES_H

#include "render/forms.h"
#include "json/json.h"

/* One code point; with `quoted`, quotes and backslashes are escaped too. */
void render_char(struct buf *out, const struct format *f, uint32_t c,
		 bool quoted);
/* The inside of a JSON string. */
void render_text(struct buf *out, const struct format *f, struct span s,
		 bool quoted);
/* The same between quotes, */
void render_quoted(struct buf *out, const struct format *f, struct span s);
/* and - for nothing. */
void render_or_dash(struct buf *out, const struct format *f, struct span s);
/* An RFC 3339 time without its fraction; other text as it came. */
void render_time(struct buf *out, const struct format *f, struct span s);
/* The labels that have places of their own in a line: their values, or absent.
 */
struct specials {
	struct span severity, alertname;
};
struct specials render_specials(const struct alert *a);
static inline bool render_is_special(const struct specials *s,
				     const struct pair *label)
{
	return label->value.p == s->severity.p ||
	       label->value.p == s->alertname.p;
}

/* {name="value",...} in payload order, or nothing; without those, or NULL. */
void render_labels(struct buf *out, const struct format *f,
		   const struct alert *a, const struct specials *without);

/* The annotation that says most: its name, and its text in *text. */
struct span render_find_text(const struct alert *a, struct span *text);
/* When it began or, resolved, when it ended. */
struct span render_when(const struct alert *a, bool resolved);
/* Takes characters off the end until `width` are left (0: any number) with the
 * mark of a cut as the last one; `cut` says that some are missing already. */
void render_cut(struct buf *line, const struct format *f, uint32_t width,
		bool cut);

#endif
