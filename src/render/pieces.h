/*
 * pieces.h - what render.c shares with template.c and json.c: pieces of a
 * payload on their way out, made safe.
 */
#ifndef RENDER_PIECES_H
#define RENDER_PIECES_H

#include "render/render.h"

/* The inside of a JSON string; with `quoted`, quotes and backslashes in there
 * are escaped too. */
void render_text(struct buf *out, const struct format *f, struct span s,
		 bool quoted);
/* {name="value",...} in payload order, or nothing; without severity and
 * alertname unless `all`. */
void render_labels(struct buf *out, const struct format *f,
		   const struct alert *a, bool all);
/* Takes characters off the end until `width` are left (0: any number) with the
 * mark of a cut as the last one; `cut` says that some are missing already. */
void render_cut(struct buf *line, const struct format *f, uint32_t width,
		bool cut);

/* ,"name":value if there is a value; raw JSON. */
void render_member(struct buf *out, const struct format *f, const char *name,
		   struct span value);
/* The alert as one JSON object. */
void render_json(struct buf *out, const struct format *f, bool resolved,
		 const struct record *r, const struct alert *a);
/* The alert by the template of *f. */
void template_put(struct buf *out, const struct format *f, bool resolved,
		  const struct record *r, const struct alert *a);

#endif
