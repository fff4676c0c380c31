/* status.c - the tables of status.h. */
#include "facts/status.h"

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
		char phrase[32]; /* with a zero */
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
	    {0, ""}, /* all others */
	};
	size_t i = 0;
	/*@ loop invariant i <= 16;
	    loop assigns i;
	    loop variant 16 - i; */
	while (i + 1 < sizeof table / sizeof table[0] && table[i].code != code)
		i++;
	/* each row for itself */
	/*@ assert i == 0 || i == 1 || i == 2 || i == 3 || i == 4 || i == 5 ||
		i == 6 || i == 7 || i == 8 || i == 9 || i == 10 || i == 11 ||
		i == 12 || i == 13 || i == 14 || i == 15 || i == 16; */
	//@ assert table[i].phrase[31] == 0;
	return table[i].phrase;
}
