/*
 * inside.h - what conn.c and notification.c call of each other.
 */
#ifndef CONN_INSIDE_H
#define CONN_INSIDE_H

#include "conn/conn.h"

/* In conn.c. One line that says why; Alertmanager prints it in its log. */
void conn_answer(struct conn *c, struct service *s, enum status status);
/* The same, and then the connection is closed. */
void conn_refuse(struct conn *c, struct service *s, enum status status);
/* The answer is known, refusal or page; what is left of the body is read on if
 * it is short. */
void conn_decide(struct conn *c, struct service *s, enum status status);

/* In notification.c. From HEAD to BODY. */
void conn_begin_body(struct conn *c, struct service *s,
		     const struct http_request *r);
/* One step of BODY, COMMIT or WAIT; true if the state changed. */
bool conn_step_body(struct conn *c, struct service *s);
bool conn_step_commit(struct conn *c, struct service *s);
bool conn_step_wait(struct conn *c, struct service *s);
/* Into c->why: which sink it is that the alerts wait for, or the disk. */
void conn_note_what_is_slow(struct conn *c, const struct service *s);

#endif
