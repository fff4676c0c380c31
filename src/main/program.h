/*
 * program.h - all of the program's state, and how it reads what the user wants,
 * says what is wrong, and ends.
 */
#ifndef MAIN_PROGRAM_H
#define MAIN_PROGRAM_H

#include "guard/privilege.h"
#include "main/offline.h"
#include "server/server.h"

enum {
	EXIT_FINE = 0,
	EXIT_FAILED = 1, /* while running */
	EXIT_USAGE = 2,  /* the command line or the configuration is wrong */
};

/* Zero at first. */
struct program {
	struct config_input input;
	struct config config;
	struct counters counters;
	struct spool spool;
	struct spool overflow; /* of a spool that is a file */
	struct intake intake;
	struct firing firing;
	/* what a call needs to read a notification, or for lines on their way
	 * out */
	union {
		struct receive_memory memory;
		struct batch batch;
	};
	struct deliver deliver;
	struct persist persist;
	struct log log;
	struct privilege_ids ids;
	struct server server;
	struct offline offline; /* of `bellwire render`, which has no server */
	char file[LIMIT_CONFIG_FILE];
	char text[LIMIT_CONFIG_FILE * 2];
	_Alignas(8) char ring[LIMIT_SPOOL_MEMORY];
};

/* Says in one line on standard error what is wrong; returns the code. */
int program_fail(int code, struct span why);
/* Prints on standard output what the buffer holds, all of which must be there.
 * EXIT_FINE, or a code. */
int program_print(struct buf *text);
/* Reads file and arguments into p->config. EXIT_FINE; or a code, and standard
 * error says why. */
int program_configure(struct program *p, int argc, const char *const *argv);

#endif
