/*
 * forms.h - how a sink wants its lines, and what writes an alert in each form.
 *
 * Pure.
 */
#ifndef RENDER_FORMS_H
#define RENDER_FORMS_H

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

/* The alert as one JSON object. */
void render_json(struct buf *out, const struct format *f, bool resolved,
		 const struct record *r, const struct alert *a);
/* A comma, name and value if there is a value; raw JSON, the name with its
 * colon.
 */
void render_json_member(struct buf *out, const struct format *f,
			struct span name, struct span value);
/* The alert as key=value pairs. */
void render_logfmt(struct buf *out, const struct format *f, bool resolved,
		   const struct alert *a);
/* The key, as it is, and =value if there is a value; raw JSON. */
void render_logfmt_pair(struct buf *out, const struct format *f,
			const char *key, struct span value);
/* The alert by the template of *f. */
void render_template(struct buf *out, const struct format *f, bool resolved,
		     const struct record *r, const struct alert *a);

#endif
