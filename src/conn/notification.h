/*
 * notification.h - a notification's body and its alerts: the states BODY,
 * COMMIT and WAIT of a connection.
 *
 * Pure. Ends with what answer.h offers; calls nothing of conn.c.
 */
#ifndef CONN_NOTIFICATION_H
#define CONN_NOTIFICATION_H

#include "conn/conn.h"

/* From HEAD to BODY. */
void conn_begin_body(struct conn *c, struct service *s,
		     const struct http_request *r);
/* One step of BODY, COMMIT or WAIT; true if the state changed. */
bool conn_step_body(struct conn *c, struct service *s);
bool conn_step_commit(struct conn *c, struct service *s);
bool conn_step_wait(struct conn *c, struct service *s);
/* Into c->why: which sink it is that the alerts wait for, or the disk. */
void conn_note_what_is_slow(struct conn *c, const struct service *s);

#endif
