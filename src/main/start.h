/*
 * start.h - from a configuration to a server that has what it needs and no
 * more.
 */
#ifndef MAIN_START_H
#define MAIN_START_H

#include "guard/sandbox.h"
#include "main/program.h"

/* A file that is needed again once rights were given up. */
struct need {
	struct span path;
	enum sandbox_use use;
};

/* Those to read, sinks, the spool, and sockets. */
enum { START_NEEDS = 6 + LIMIT_SINKS + 1 + LIMIT_LISTENERS + 1 };

/* Lists them; returns how many there are. */
size_t start_list_needs(const struct config *c, struct need need[START_NEEDS]);

/* Reads the files with secrets and finds the user of --user. EXIT_FINE; or a
 * code, and standard error says why. */
int start_look_up(struct program *p);
/* Makes p->server ready to run. The same. */
int start_server(struct program *p);
/* Makes p->offline ready. False: that was logged. */
bool start_offline(struct program *p);

#endif
