/*
 * answer.h - what a request is answered with: a line that says why, or a page;
 * at once, or when its body was read.
 *
 * Pure. answer.c calls nothing of notification.c or conn.c.
 */
#ifndef CONN_ANSWER_H
#define CONN_ANSWER_H

#include "conn/conn.h"

/* One line that says why; Alertmanager prints it in its log. */
void conn_answer(struct conn *c, struct service *s, enum status status);
/* The same, and then the connection is closed. */
void conn_refuse(struct conn *c, struct service *s, enum status status);
/* The answer is known, refusal or page; what is left of the body is read on if
 * it is short. */
void conn_decide(struct conn *c, struct service *s, enum status status);
/* The request's body is read or given up: to the answer. */
void conn_conclude(struct conn *c, struct service *s);

#endif
