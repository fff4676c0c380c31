/*
 * place.h - where the lines of a sink go.
 */
#ifndef FACTS_PLACE_H
#define FACTS_PLACE_H

#include "facts/limits.h"

#include <stdint.h>

enum place_kind {
	PLACE_STDOUT,
	PLACE_FIFO,
	PLACE_SERIAL,
};

enum place_flow {
	PLACE_FLOW_NONE,
	PLACE_FLOW_RTSCTS,
	PLACE_FLOW_XONXOFF,
};

struct place {
	enum place_kind kind;
	char
	    path[LIMIT_SINK_PLACE + 1]; /* zero-terminated; of all but stdout */
	uint32_t mode;                  /* of a FIFO that is made */
	uint32_t baud;
	uint8_t data_bits, stop_bits;
	char parity; /* n, e, o */
	enum place_flow flow;
};

#endif
