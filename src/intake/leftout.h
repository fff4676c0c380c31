/*
 * leftout.h - alerts of a notification that cannot be taken: they are counted,
 * and named by a notice, for receive.c. Pure.
 *
 * Why one cannot be taken stands in the payload, as payload.h has left it.
 */
#ifndef INTAKE_LEFTOUT_H
#define INTAKE_LEFTOUT_H

#include "intake/receive.h"

/* One more, whose reason is kept if it is the first. */
void left_out_count(struct receive *r, bool first);
/* OK, or if all of the alerts were left out, why the first one was. */
enum status left_out_judge(struct receive *r);
/* An alert that lacks a status, as all before it do and the payload. */
enum status left_out_for_status(struct payload *p);
/* Fills an offer for the notice, whose text goes to m->notice; what was read of
 * the alert is in `reader`. */
void left_out_name(const struct receive *r, const struct intake *in,
		   struct receive_memory *m, const struct envelope *e,
		   const struct alert_reader *reader, const char *alert,
		   struct offer *o, struct moment now);
/* The same for one that is read once more. Its status may be all that it
 * lacks. */
void left_out_read(struct receive *r, const struct intake *in,
		   struct receive_memory *m, struct span json, struct offer *o,
		   struct moment now);

#endif
