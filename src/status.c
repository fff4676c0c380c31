/* status.c - the tables of status.h. */
#include "status.h"

#include <stddef.h>

const struct status_info *status_info(enum status s)
{
	static const struct status_info table[] = {
#define STATUS_ROW(name, code, label, text) {code, label, text},
	    STATUSES(STATUS_ROW)
#undef STATUS_ROW
	};
	return &table[s];
}

const char *status_phrase(unsigned code)
{
	static const struct {
		unsigned code;
		const char *phrase;
	} table[] = {
	    {200, "OK"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {411, "Length Required"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {417, "Expectation Failed"},
	    {422, "Unprocessable Content"},
	    {431, "Request Header Fields Too Large"},
	    {501, "Not Implemented"},
	    {503, "Service Unavailable"},
	    {505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].code == code)
			return table[i].phrase;
	return "";
}
