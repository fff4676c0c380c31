/* is_json.h - is that JSON? By the product's own validator, in one piece. */
#ifndef IS_JSON_H
#define IS_JSON_H

#include "json/json.h"

static inline bool is_json(struct span text)
{
	struct json j = {.report_depth = 0};
	while (j.offset < text.n) {
		size_t at = (size_t)j.offset;
		enum json_event e = json_next(&j, text.p + at, text.n - at);
		if (e == JSON_BAD || e == JSON_TOO_DEEP)
			return false;
	}
	return json_end(&j);
}

#endif
